package library

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	maxQuery     = 8 << 10 // bytes of a query that are read
	maxTerms     = 64      // different words of a query that are looked up, the first ones
	maxResults   = 200     // passages of one answer
	defaultLimit = 10

	// The index ranks about 300,000 passages a second, so a search ranks so many.
	maxRanked = 2500
	// To rank by a word, the index first counts its passages, about 3,000,000 a
	// second. What has a more frequent word is taken as it comes.
	maxCounted = 20_000
	// What is ranked highest is looked at word by word.
	candidates = 60

	titleTerms = 6 // words of a query that may all be a title's
	together   = 3 // rarest words that are also asked for together, where the rest is too common
	maxNamed   = 8 // ids in a query whose entries are looked up
)

// SearchOptions narrow a search. The zero value searches everything.
type SearchOptions struct {
	Kinds []string // of entries; relation passages count as KindRelation
	Limit int      // 0: ten
}

// KindRelation is the kind of a passage that belongs to a relation.
const KindRelation = "relation"

// Hit is one passage that a search found.
type Hit struct {
	EntryID string  `json:"entry_id"` // of a relation: its From
	Kind    string  `json:"kind"`     // of the entry, or KindRelation
	Name    string  `json:"name"`     // of the entry, or of the relation's From
	Section string  `json:"section"`  // of the entry; of a relation: its type
	Text    string  `json:"text"`     // empty for an entry without prose
	Score   float64 `json:"score"`    // higher is better; of no meaning across queries
	From    string  `json:"from,omitempty"`
	To      string  `json:"to,omitempty"`
}

// term is a word of a query.
type term struct {
	word     string
	passages int
	idf      float64
}

// Search returns the passages that match a person's query, the best first. The
// query is words, never syntax; a passage needs not hold all of them. Of a long
// query the rarest words find the passages, and all of them rank what is found.
func (l *Library) Search(ctx context.Context, query string, opt SearchOptions) ([]Hit, error) {
	limit := opt.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxResults)
	ranges, err := kindRanges(opt.Kinds)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	query = strings.ToValidUTF8(query[:min(len(query), maxQuery)], " ")
	asked := telling(query)
	terms, err := l.terms(ctx, asked)
	if err != nil || len(terms) == 0 {
		return []Hit{}, err
	}
	rows, err := l.named(ctx, query, ranges)
	if err != nil {
		return nil, err
	}
	for _, x := range expressions(terms) {
		if x.last && len(rows) >= limit {
			continue
		}
		found, err := l.match(ctx, x, ranges)
		if err != nil {
			return nil, err
		}
		for _, f := range found[:min(len(found), max(candidates, limit))] {
			rows = append(rows, f.row)
		}
	}
	slices.Sort(rows)
	return l.rerank(ctx, slices.Compact(rows), asked, terms, limit)
}

// named returns the passages of the entries whose ids are words of the query.
func (l *Library) named(ctx context.Context, query string, ranges [][2]int64) ([]int64, error) {
	var out []int64
	asked := 0
	for w := range strings.FieldsFuncSeq(query, func(r rune) bool { return r <= ' ' || strings.ContainsRune(",;()[]\"'?!", r) }) {
		if w = strings.TrimRight(w, ".:"); len(w) > maxWord || !strings.ContainsAny(w, "0123456789") {
			continue
		}
		if asked++; asked > maxNamed {
			break
		}
		for _, id := range slices.Compact([]string{w, strings.ToUpper(w)}) {
			err := l.query(ctx, "SELECT entry, kind, passages FROM entries WHERE id = ?", func(rows *sql.Rows) error {
				var entry int64
				var kind, n int
				err := rows.Scan(&entry, &kind, &n)
				for i := range min(n, candidates/maxNamed) {
					row := passageRow(kind, entry, i)
					if slices.ContainsFunc(ranges, func(r [2]int64) bool { return r[0] <= row && row <= r[1] }) {
						out = append(out, row)
					}
				}
				return err
			}, id)
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// terms looks up how rare the words of a query are. Words that no passage has
// are left out. The rarest comes first.
func (l *Library) terms(ctx context.Context, asked []string) ([]term, error) {
	if err := l.loadCommon(ctx); err != nil {
		return nil, err
	}
	total := l.shown.common[""]
	seen := map[string]bool{"": true}
	var out []term
	for _, w := range asked {
		if seen[w] {
			continue
		}
		if len(seen) > maxTerms {
			break
		}
		seen[w] = true
		n, err := l.frequency(ctx, w)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, term{w, n, math.Log(1 + (float64(total)-float64(n)+0.5)/(float64(n)+0.5))})
		}
	}
	sortTerms(out)
	return out, nil
}

// sortTerms puts the rarest first.
func sortTerms(terms []term) {
	slices.SortFunc(terms, func(a, b term) int {
		return cmp.Or(cmp.Compare(a.passages, b.passages), strings.Compare(a.word, b.word))
	})
}

// loadCommon reads, once a snapshot, in how many passages the common words are.
// The count of all passages is kept under the empty word.
func (l *Library) loadCommon(ctx context.Context) error {
	if l.shown.common != nil {
		return nil
	}
	common := map[string]int{}
	scan := func(rows *sql.Rows) error {
		var w string
		var n int
		err := rows.Scan(&w, &n)
		common[w] = n
		return err
	}
	if err := l.query(ctx, "SELECT term, passages FROM common", scan); err != nil {
		return err
	}
	if err := l.query(ctx, "SELECT '', CAST(value AS INTEGER) FROM meta WHERE key = 'passages'", scan); err != nil {
		return err
	}
	l.shown.common = common
	return nil
}

// frequency returns in how many passages a word is.
func (l *Library) frequency(ctx context.Context, word string) (n int, err error) {
	if n, ok := l.shown.common[word]; ok {
		return n, nil
	}
	err = l.query(ctx, "SELECT doc FROM vocabulary WHERE term = ?", func(rows *sql.Rows) error { return rows.Scan(&n) }, word)
	return n, err
}

// expression is one question to the index.
type expression struct {
	match string
	most  int  // passages that its most frequent word has
	last  bool // only for want of better
}

// expressions returns what to ask of the index; what any of them finds is
// ranked. First, what has all words of a short query in its title. Then, what
// has any of the rarest words, as many as can be ranked in time. Where that
// leaves words out, also what has the rarest together with the next ones.
func expressions(terms []term) []expression {
	quoted := make([]string, len(terms))
	for i, t := range terms {
		quoted[i] = `"` + strings.ReplaceAll(t.word, `"`, `""`) + `"`
	}
	sum, n := 0, 0
	for n < len(terms) && sum+terms[n].passages <= maxRanked {
		sum += terms[n].passages
		n++
	}
	var out []expression
	ask := func(form, between string, k int, last bool) {
		out = append(out, expression{fmt.Sprintf(form, strings.Join(quoted[:k], between)), terms[k-1].passages, last})
	}
	if len(terms) <= titleTerms {
		ask("title : (%s)", " AND ", len(terms), false)
	}
	if n > 0 {
		ask("%s", " OR ", n, false)
	}
	if n < together {
		for k := min(together, len(terms)); k > max(n, 1); k-- {
			ask("%s", " AND ", k, k < together)
		}
	}
	if n == 0 {
		ask("%s", "", 1, true)
	}
	return out
}

// ranked is a passage's row and its weighed score, which is higher for better ones.
type ranked struct {
	row   int64
	score float64
}

// kindRanges returns the ranges of rows that hold the kinds' passages.
func kindRanges(names []string) ([][2]int64, error) {
	if len(names) == 0 {
		return [][2]int64{{0, math.MaxInt64}}, nil
	}
	var out [][2]int64
	for _, n := range kindNumbers(names) {
		k := n.(int)
		if k < 0 {
			return nil, fmt.Errorf("search: there is no kind among %q that is not in %q", names, kinds)
		}
		out = append(out, [2]int64{passageRow(k, 0, 0), passageRow(k+1, 0, 0) - 1})
	}
	slices.SortFunc(out, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	return slices.Compact(out), nil
}

// rowWeight returns what a passage weighs before it is read. The index holds
// long passages back more than it should, and the first of an entry, which says
// what it is, are long.
func rowWeight(row int64) float64 {
	kind, _, n := splitRow(row)
	if kind < 0 || kind >= len(kinds) {
		return 0
	}
	w := kindWeight(kind, false)
	if n == 0 && kind != relationKind {
		w *= 2
	}
	return w
}

// match returns the passages that match an expression of the index, the best
// first. At most maxRanked are looked at, in the order of the kinds.
func (l *Library) match(ctx context.Context, x expression, ranges [][2]int64) ([]ranked, error) {
	var out []ranked
	left := maxRanked
	score := "bm25(passages, 3.0, 1.0, 0.4)"
	if x.most > maxCounted {
		score = "-1.0"
	}
	for _, r := range ranges {
		before := len(out)
		err := l.query(ctx, "SELECT rowid, "+score+" FROM passages WHERE passages MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?", func(rows *sql.Rows) error {
			var r ranked
			err := rows.Scan(&r.row, &r.score)
			r.score *= -rowWeight(r.row)
			out = append(out, r)
			return err
		}, x.match, r[0], r[1], left)
		if err != nil {
			return nil, err
		}
		if left -= len(out) - before; left <= 0 {
			break
		}
	}
	slices.SortFunc(out, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row))
	})
	return out, nil
}

// rerank reads passages and ranks them by all words of the query.
func (l *Library) rerank(ctx context.Context, rows []int64, asked []string, terms []term, limit int) ([]Hit, error) {
	s := newScorer(asked, terms)
	out := []Hit{}
	for _, row := range rows {
		f, err := l.hit(ctx, row)
		if err != nil {
			return nil, err
		}
		f.Score = s.score(f)
		out = append(out, f.Hit)
	}
	slices.SortStableFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.EntryID, b.EntryID), strings.Compare(a.Text, b.Text))
	})
	type said struct{ id, to, text string }
	seen := map[said]bool{}
	out = slices.DeleteFunc(out, func(h Hit) bool { // another publication's copy
		k := said{h.EntryID, h.To, h.Text}
		again := seen[k]
		seen[k] = true
		return again
	})
	return out[:min(len(out), limit)], nil
}

// finding is a hit with what else of it is indexed.
type finding struct {
	Hit
	kind        int
	first       bool // of its entry's passages
	gone        bool // its entry no longer stands
	title, more string
}

// hit reads a passage.
func (l *Library) hit(ctx context.Context, row int64) (finding, error) {
	kind, owner, n := splitRow(row)
	if kind == relationKind {
		return l.relationHit(ctx, owner)
	}
	var f finding
	err := l.query(ctx, entryColumns+"WHERE entry = ?", func(rows *sql.Rows) error {
		p, err := l.scanPiece(rows)
		if err != nil {
			return err
		}
		list := passages(&p.Entry)
		if n >= len(list) {
			return errBody
		}
		f.Hit = Hit{EntryID: p.ID, Kind: p.Kind, Name: p.Name, Section: list[n].section, Text: list[n].text}
		f.kind, f.first, f.gone, f.title = p.kind, n == 0, p.Status != "", titleOf(&p.Entry)
		if n == 0 {
			f.more = moreOf(&p.Entry)
		}
		return nil
	}, owner)
	return f, err
}

func (l *Library) relationHit(ctx context.Context, owner int64) (finding, error) {
	f := finding{kind: relationKind}
	var toName string
	err := l.query(ctx, `SELECT type, source, target, text,
coalesce((SELECT name FROM entries WHERE id = source ORDER BY kind, part LIMIT 1), ''), coalesce((SELECT name FROM entries WHERE id = target ORDER BY kind, part LIMIT 1), '')
FROM relations WHERE relation = ?`, func(rows *sql.Rows) error {
		return rows.Scan(&f.Section, &f.From, &f.To, &f.Text, &f.Name, &toName)
	}, owner)
	f.EntryID, f.Kind, f.Text = f.From, KindRelation, relationPassage(f.Text)
	f.more = f.From + " " + f.Name + " | " + f.To + " " + toName
	return f, err
}
