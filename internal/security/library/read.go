package library

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

const (
	batch    = 64  // rows read between two releases of the lock
	maxAsked = 512 // bytes of an id that is looked up
)

// refresh ends the read transaction, if there is one, begins another and reads
// what every answer needs. The caller holds l.mu, or nobody else knows l yet.
func (l *Library) refresh(ctx context.Context) error {
	if _, err := l.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return l.fault("read the knowledge base", err)
	}
	s := snapshot{rank: map[int64]int{}, hot: newCache()}
	err := l.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'edition'").Scan(&s.edition)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return l.fault("read the knowledge base", err)
	}
	if s.parts, err = readParts(ctx, l.conn); err != nil {
		return l.fault("read the knowledge base", err)
	}
	for i, p := range s.parts {
		s.rank[p.part] = i
	}
	l.shown = s
	return nil
}

// Entry returns the entry that stands for id today, merged from all
// publications, or ErrNotFound. The remap is nil where id itself stands. The
// entry is shared: the caller must not change it. Capitals in an id do not
// matter where the publisher writes all of it in one case.
func (l *Library) Entry(ctx context.Context, id string) (*feed.Entry, *Remap, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, ok := l.shown.hot.get(id); ok {
		return found.entry, found.remap, nil
	}
	e, err := l.stored(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	found := answer{entry: e}
	if e.Status != "" {
		if found.entry, found.remap, err = l.resolve(ctx, e); err != nil {
			return nil, nil, err
		}
	}
	l.shown.hot.put(id, found)
	return found.entry, found.remap, nil
}

// Stored returns the entry that id itself names, whether it still stands or
// not, or ErrNotFound.
func (l *Library) Stored(ctx context.Context, id string) (*feed.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored(ctx, id)
}

// stored looks an id up as it is written, then in capitals, then in small letters.
func (l *Library) stored(ctx context.Context, id string) (*feed.Entry, error) {
	id = strings.TrimSpace(id)
	if len(id) > maxAsked {
		return nil, ErrNotFound
	}
	tried := [...]string{id, strings.ToUpper(id), strings.ToLower(id)}
	for i, spelling := range tried {
		if slices.Contains(tried[:i], spelling) {
			continue
		}
		if e, err := l.exact(ctx, spelling); !errors.Is(err, ErrNotFound) {
			return e, err
		}
	}
	return nil, ErrNotFound
}

const entryColumns = "SELECT entry, kind, id, part, name, domain, status, successor, parent, modified, body FROM entries "

// piece is what one publication says of an entry.
type piece struct {
	feed.Entry
	row        int64
	kind, rank int
}

// scanPiece reads a row of entryColumns.
func (l *Library) scanPiece(rows *sql.Rows) (piece, error) {
	var p piece
	var part int64
	var body string
	if err := rows.Scan(&p.row, &p.kind, &p.ID, &part, &p.Name, &p.Domain, &p.Status, &p.Successor, &p.Parent, &p.Modified, &body); err != nil {
		return p, err
	}
	if p.kind < 0 || p.kind >= len(kinds) {
		return p, errBody
	}
	p.Kind, p.rank = kinds[p.kind], l.shown.rank[part]
	if p.rank < len(l.shown.parts) {
		p.Publication = l.shown.parts[p.rank].key
	}
	return p, decodeBody(body, &p.Entry)
}

// exact returns the entry of exactly this id. Where several kinds have it, one
// that stands goes before one that does not, then the kind of the lower number.
func (l *Library) exact(ctx context.Context, id string) (*feed.Entry, error) {
	var pieces []piece
	err := l.query(ctx, entryColumns+"WHERE id = ?", func(rows *sql.Rows) error {
		p, err := l.scanPiece(rows)
		pieces = append(pieces, p)
		return err
	}, id)
	if err != nil {
		return nil, err
	}
	if len(pieces) == 0 {
		return nil, ErrNotFound
	}
	best := slices.MinFunc(pieces, func(a, b piece) int {
		return cmp.Or(standing(a.Status)-standing(b.Status), cmp.Compare(a.kind, b.kind))
	})
	return mergePieces(slices.DeleteFunc(pieces, func(p piece) bool { return p.kind != best.kind })), nil
}

func standing(status string) int {
	if status == "" {
		return 0
	}
	return 1
}

// mergePieces makes one entry of what the publications say of it: the first in
// the order of publications decides name, domain, status and parent; aliases,
// facts and prose follow one another, each once.
func mergePieces(pieces []piece) *feed.Entry {
	if len(pieces) == 1 {
		return &pieces[0].Entry
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.rank, b.rank) })
	e := pieces[0].Entry
	named := e.Name != "" && e.Name != e.ID
	for _, p := range pieces[1:] {
		if !named && p.Name != "" && p.Name != p.ID {
			e.Name, named = p.Name, true
		}
		if e.Parent == "" {
			e.Parent = p.Parent
		}
		if p.Domain != "" && p.Domain != e.Domain {
			e.Fields = append(e.Fields, feed.Field{Key: "domain", Value: p.Domain})
		}
		e.Modified = max(e.Modified, p.Modified)
		e.Aliases = addNew(e.Aliases, p.Aliases)
		e.Fields = addNew(e.Fields, p.Fields)
		e.Sections = addNew(e.Sections, p.Sections)
	}
	return &e
}

// addNew adds to list what it does not hold yet.
func addNew[T comparable](list, more []T) []T {
	have := make(map[T]bool, len(list))
	for _, x := range list {
		have[x] = true
	}
	list = slices.Clip(list)
	for _, x := range more {
		if !have[x] {
			have[x] = true
			list = append(list, x)
		}
	}
	return list
}

// EachEntry calls do with every entry of the kinds, merged, by kind and id,
// those that no longer stand too. No kinds means all. do may keep the entry,
// and may ask the library.
func (l *Library) EachEntry(ctx context.Context, kinds []string, do func(*feed.Entry) error) error {
	where, args := anyOf("kind", kindNumbers(kinds))
	list, err := l.rows(ctx, "SELECT entry FROM entries"+where+" ORDER BY kind, id, part", args...)
	if err != nil {
		return err
	}
	var pieces []piece
	flush := func() error {
		if len(pieces) == 0 {
			return nil
		}
		e := mergePieces(pieces)
		pieces = nil
		return do(e)
	}
	for some := range slices.Chunk(list, batch) {
		read, err := l.pieces(ctx, some)
		if err != nil {
			return err
		}
		for _, p := range read {
			if len(pieces) > 0 && (pieces[0].kind != p.kind || pieces[0].ID != p.ID) {
				if err := flush(); err != nil {
					return err
				}
			}
			pieces = append(pieces, p)
		}
	}
	return flush()
}

// pieces reads rows of entries, at most batch of them.
func (l *Library) pieces(ctx context.Context, list []int64) ([]piece, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make(map[int64]piece, len(list))
	err := l.query(ctx, entryColumns+"WHERE entry IN "+batchMarks, func(rows *sql.Rows) error {
		p, err := l.scanPiece(rows)
		found[p.row] = p
		return err
	}, batchArgs(list)...)
	return inOrder(list, found), err
}

// batchMarks is a list of batch places for row numbers in a query.
var batchMarks = "(?" + strings.Repeat(", ?", batch-1) + ")"

// batchArgs fills batchMarks with rows and, for what is left, with none.
func batchArgs(list []int64) []any {
	args := make([]any, batch)
	for i := range args {
		if args[i] = -1; i < len(list) {
			args[i] = list[i]
		}
	}
	return args
}

// inOrder returns what was found in the order of the list.
func inOrder[T any](list []int64, found map[int64]T) []T {
	out := make([]T, 0, len(list))
	for _, row := range list {
		if x, ok := found[row]; ok {
			out = append(out, x)
		}
	}
	return out
}

// rows returns the row numbers that a query finds.
func (l *Library) rows(ctx context.Context, query string, args ...any) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int64
	err := l.query(ctx, query, func(rows *sql.Rows) error {
		var row int64
		err := rows.Scan(&row)
		out = append(out, row)
		return err
	}, args...)
	return out, err
}

// kindNumbers returns the numbers of kinds; -1 for one that does not exist.
func kindNumbers(names []string) []any {
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = kindNumber(k)
	}
	return out
}

// anyOf returns a condition that a column has one of the values; none for no values.
func anyOf(column string, values []any) (string, []any) {
	if len(values) == 0 {
		return "", nil
	}
	return " WHERE " + column + " IN (?" + strings.Repeat(", ?", len(values)-1) + ")", values
}

// cacheSize bounds each of the two generations of remembered answers.
const cacheSize = 1024

// answer is what Entry says to an id.
type answer struct {
	entry *feed.Entry
	remap *Remap
}

// cache remembers the answers asked for last. When the young generation is
// full it becomes the old one, and what of the old was not asked for is gone.
type cache struct{ young, old map[string]answer }

func newCache() *cache { return &cache{young: map[string]answer{}} }

func (c *cache) get(id string) (answer, bool) {
	if a, ok := c.young[id]; ok {
		return a, true
	}
	a, ok := c.old[id]
	if ok {
		c.put(id, a)
	}
	return a, ok
}

func (c *cache) put(id string, a answer) {
	if len(id) > maxAsked {
		return
	}
	if len(c.young) >= cacheSize {
		c.old, c.young = c.young, map[string]answer{}
	}
	c.young[id] = a
}
