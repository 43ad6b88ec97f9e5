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

	// The index ranks about 300,000 passages a second, so a search reads so many.
	maxRanked = 4000
	// What it ranks highest is looked at word by word.
	candidates = 80
)

// What a word weighs where it stands, and BM25's constants: k1 says how soon
// more of the same word stops to count, b how much a long passage is held back.
const (
	titleWeight = 3.0
	moreWeight  = 0.4
	bm25K1      = 1.2
	bm25B       = 0.5
	usualLength = 90.0 // words of a passage
	pairWeight  = 0.35 // of two words that follow one another as in the query
	exactBonus  = 1.0  // of a title that is the query
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
	asked := Words(strings.ToValidUTF8(query[:min(len(query), maxQuery)], " "))
	terms, err := l.terms(ctx, asked)
	if err != nil || len(terms) == 0 {
		return []Hit{}, err
	}
	var found []ranked
	for _, expr := range expressions(terms) {
		if found, err = l.match(ctx, expr, ranges); err != nil {
			return nil, err
		}
		if len(found) >= limit {
			break
		}
	}
	return l.rerank(ctx, found, asked, terms, limit)
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

// expressions returns what to ask of the index: any of the rarest words, as
// many as can be ranked in time. Where even the rarest is too common, first
// what has it together with the next.
func expressions(terms []term) []string {
	sum, n := 0, 0
	for n < len(terms) && (sum+terms[n].passages <= maxRanked) {
		sum += terms[n].passages
		n++
	}
	quoted := make([]string, len(terms))
	for i, t := range terms {
		quoted[i] = `"` + strings.ReplaceAll(t.word, `"`, `""`) + `"`
	}
	switch {
	case n > 0 && n == len(terms) || n >= 2:
		return []string{strings.Join(quoted[:n], " OR ")}
	case n == 1:
		// One rare word among common ones: what has it, and then the common
		// ones' company.
		return []string{quoted[0]}
	case len(terms) == 1:
		return []string{"title : " + quoted[0], quoted[0]}
	case len(terms) == 2:
		return []string{"title : (" + quoted[0] + " AND " + quoted[1] + ")", quoted[0] + " AND " + quoted[1], quoted[0]}
	}
	return []string{quoted[0] + " AND " + quoted[1] + " AND " + quoted[2], quoted[0] + " AND " + quoted[1], quoted[0]}
}

// ranked is a passage's row and SQLite's BM25, which is lower for better ones.
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

// match returns the passages that match an expression of the index, the best
// first. At most maxRanked are looked at, in the order of the kinds.
func (l *Library) match(ctx context.Context, expr string, ranges [][2]int64) ([]ranked, error) {
	var out []ranked
	left := maxRanked
	for _, r := range ranges {
		before := len(out)
		err := l.query(ctx, "SELECT rowid, bm25(passages, 3.0, 1.0, 0.4) FROM passages WHERE passages MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?", func(rows *sql.Rows) error {
			var x ranked
			err := rows.Scan(&x.row, &x.score)
			out = append(out, x)
			return err
		}, expr, r[0], r[1], left)
		if err != nil {
			return nil, err
		}
		if left -= len(out) - before; left <= 0 {
			break
		}
	}
	slices.SortFunc(out, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.row, b.row))
	})
	return out, nil
}

// rerank reads the best passages and ranks them by all words of the query.
func (l *Library) rerank(ctx context.Context, found []ranked, asked []string, terms []term, limit int) ([]Hit, error) {
	s := newScorer(asked, terms)
	out := []Hit{}
	for _, f := range found[:min(len(found), max(candidates, 2*limit))] {
		h, title, more, err := l.hit(ctx, f.row)
		if err != nil {
			return nil, err
		}
		h.Score = s.score(title, h.Text, more)
		out = append(out, h)
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

// hit reads a passage, with its title and its facts.
func (l *Library) hit(ctx context.Context, row int64) (h Hit, title, more string, err error) {
	kind, owner, n := splitRow(row)
	if kind == relationKind {
		return l.relationHit(ctx, owner)
	}
	err = l.query(ctx, entryColumns+"WHERE entry = ?", func(rows *sql.Rows) error {
		p, err := l.scanPiece(rows)
		if err != nil {
			return err
		}
		list := passages(&p.Entry)
		if n >= len(list) {
			return errBody
		}
		h = Hit{EntryID: p.ID, Kind: p.Kind, Name: p.Name, Section: list[n].section, Text: list[n].text}
		title = titleOf(&p.Entry)
		if n == 0 {
			more = moreOf(&p.Entry)
		}
		return nil
	}, owner)
	return h, title, more, err
}

func (l *Library) relationHit(ctx context.Context, owner int64) (h Hit, title, more string, err error) {
	var fromName, toName string
	err = l.query(ctx, `SELECT type, source, target, text,
coalesce((SELECT name FROM entries WHERE id = source ORDER BY kind, part LIMIT 1), ''), coalesce((SELECT name FROM entries WHERE id = target ORDER BY kind, part LIMIT 1), '')
FROM relations WHERE relation = ?`, func(rows *sql.Rows) error {
		err := rows.Scan(&h.Section, &h.From, &h.To, &h.Text, &fromName, &toName)
		h.Text = relationPassage(h.Text)
		return err
	}, owner)
	h.EntryID, h.Kind, h.Name = h.From, KindRelation, fromName
	return h, "", h.From + " " + fromName + " | " + h.To + " " + toName, err
}

// scorer ranks a passage by all words of a query.
type scorer struct {
	idf   map[string]float64
	pairs map[[2]string]float64
	asked []string
}

func newScorer(asked []string, terms []term) *scorer {
	s := &scorer{idf: map[string]float64{}, pairs: map[[2]string]float64{}, asked: asked}
	for _, t := range terms {
		s.idf[t.word] = t.idf
	}
	for i := 1; i < len(asked); i++ {
		if a, b := s.idf[asked[i-1]], s.idf[asked[i]]; a > 0 && b > 0 && len(s.pairs) < maxTerms {
			s.pairs[[2]string{asked[i-1], asked[i]}] = min(a, b)
		}
	}
	return s
}

// score is BM25 over title, text and facts, with a share for pairs of words in
// the query's order.
func (s *scorer) score(title, text, more string) float64 {
	weight := map[string]float64{}
	pairs := map[[2]string]bool{}
	words := 0
	titleWords := Words(title)
	s.count(titleWords, titleWeight, weight, pairs)
	textWords := Words(text)
	words += len(textWords)
	s.count(textWords, 1, weight, pairs)
	s.count(Words(more), moreWeight, weight, pairs)
	norm := bm25K1 * (1 - bm25B + bm25B*float64(words)/usualLength)
	total := 0.0
	for _, w := range slices.Compact(slices.Sorted(slices.Values(s.asked))) {
		if f := weight[w]; f > 0 {
			total += s.idf[w] * f * (bm25K1 + 1) / (f + norm)
		}
	}
	for i := 1; i < len(s.asked); i++ {
		p := [2]string{s.asked[i-1], s.asked[i]}
		if pairs[p] {
			total += pairWeight * s.pairs[p]
			delete(pairs, p)
		}
	}
	if s.names(titleWords) {
		total += exactBonus * s.idfSum()
	}
	return total
}

func (s *scorer) count(words []string, w float64, weight map[string]float64, pairs map[[2]string]bool) {
	for i, word := range words {
		if s.idf[word] == 0 {
			continue
		}
		weight[word] += w
		if i > 0 {
			if p := [2]string{words[i-1], word}; s.pairs[p] > 0 {
				pairs[p] = true
			}
		}
	}
}

// names reports whether the query is all of a title, or all but its id.
func (s *scorer) names(title []string) bool {
	return slices.Equal(s.asked, title) || len(title) > len(s.asked) && slices.Equal(s.asked, title[len(title)-len(s.asked):]) && len(title)-len(s.asked) <= 3
}

func (s *scorer) idfSum() float64 {
	total := 0.0
	for _, w := range s.asked {
		total += s.idf[w]
	}
	return total
}
