package library

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// revokedBy is the one type of relation whose ends are never remapped: it says
// what the remap is.
const revokedBy = "revoked-by"

// Link is a relation as it stands today.
type Link struct {
	feed.Relation
	WasFrom string `json:"was_from,omitempty"` // the outdated id that the publication gives
	WasTo   string `json:"was_to,omitempty"`
}

// Relations returns all relations from and to id, by type, from, to and text,
// each once. Ends that no longer stand are given as what replaced them; Links
// says which. An unknown id has none.
func (l *Library) Relations(ctx context.Context, id string) ([]feed.Relation, error) {
	links, err := l.Links(ctx, id)
	out := make([]feed.Relation, len(links))
	for i, k := range links {
		out[i] = k.Relation
	}
	return out, err
}

// Links returns what Relations returns, and the outdated ids that were remapped.
// Relations of an id that id replaces are among them.
func (l *Library) Links(ctx context.Context, id string) ([]Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.loadGone(ctx); err != nil {
		return nil, err
	}
	id, err := l.spelling(ctx, id)
	if err != nil {
		return nil, err
	}
	id, _, _ = l.follow(id)
	var out []Link
	scan := func(rows *sql.Rows) error {
		_, k, err := l.scanLink(rows)
		if k.From != k.To || k.WasFrom == "" && k.WasTo == "" { // a remap may make two ends one
			out = append(out, k)
		}
		return err
	}
	for _, end := range append([]string{id}, l.shown.heirs[id]...) {
		for _, column := range [...]string{"source", "target"} {
			if err := l.query(ctx, linkColumns+"WHERE "+column+" = ?", scan, end); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(out, compareLinks)
	return slices.CompactFunc(out, sameLink), nil
}

// spelling returns the id as its publisher writes it, if it is known.
func (l *Library) spelling(ctx context.Context, id string) (string, error) {
	e, err := l.stored(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return strings.TrimSpace(id), nil
	}
	if err != nil {
		return "", err
	}
	return e.ID, nil
}

const linkColumns = "SELECT relation, type, source, target, text, part FROM relations "

// scanLink reads a row of linkColumns and remaps its ends.
func (l *Library) scanLink(rows *sql.Rows) (row int64, k Link, err error) {
	var part int64
	if err := rows.Scan(&row, &k.Type, &k.From, &k.To, &k.Text, &part); err != nil {
		return row, k, err
	}
	if rank := l.shown.rank[part]; rank < len(l.shown.parts) {
		k.Publication = l.shown.parts[rank].key
	}
	if k.Type == revokedBy {
		return row, k, nil
	}
	if to, _, _ := l.follow(k.From); to != k.From {
		k.From, k.WasFrom = to, k.From
	}
	if to, _, _ := l.follow(k.To); to != k.To {
		k.To, k.WasTo = to, k.To
	}
	return row, k, nil
}

// compareLinks orders links for a reader. Of equal ones the publication that is
// merged first comes first.
func compareLinks(a, b Link) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Text, b.Text),
		strings.Compare(a.WasFrom, b.WasFrom), strings.Compare(a.WasTo, b.WasTo), compareKeys(a.Publication, b.Publication))
}

// sameLink reports whether two links say the same.
func sameLink(a, b Link) bool {
	return a.Type == b.Type && a.From == b.From && a.To == b.To && a.Text == b.Text
}

// EachRelation calls do with every relation of the types, by type, from, to and
// text as published, each once. No types means all. Ends that no longer stand
// are given as what replaced them. do may keep the relation, and may ask the
// library.
func (l *Library) EachRelation(ctx context.Context, types []string, do func(*feed.Relation) error) error {
	values := make([]any, len(types))
	for i, t := range types {
		values[i] = t
	}
	where, args := anyOf("type", values)
	list, err := l.rows(ctx, "SELECT relation FROM relations"+where+" ORDER BY type, source, target, text, part", args...)
	if err != nil {
		return err
	}
	var last Link
	for some := range slices.Chunk(list, batch) {
		links, err := l.links(ctx, some)
		if err != nil {
			return err
		}
		for _, k := range links {
			if sameLink(k, last) && k.WasFrom == last.WasFrom && k.WasTo == last.WasTo {
				continue
			}
			last = k
			if err := do(&k.Relation); err != nil {
				return err
			}
		}
	}
	return nil
}

// links reads rows of relations, at most batch of them.
func (l *Library) links(ctx context.Context, list []int64) ([]Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.loadGone(ctx); err != nil {
		return nil, err
	}
	found := make(map[int64]Link, len(list))
	err := l.query(ctx, linkColumns+"WHERE relation IN "+batchMarks, func(rows *sql.Rows) error {
		row, k, err := l.scanLink(rows)
		found[row] = k
		return err
	}, batchArgs(list)...)
	return inOrder(list, found), err
}

// maxHops bounds a chain of successors. ATT&CK's longest has two.
const maxHops = 32

// Remap says that an id no longer stands, and what stands for it.
type Remap struct {
	From   string   `json:"from"`             // the id as published
	To     string   `json:"to,omitempty"`     // empty: nothing replaced it
	Name   string   `json:"name,omitempty"`   // of To
	Status string   `json:"status,omitempty"` // of From
	Chain  []string `json:"chain,omitempty"`  // the ids between, in order
	Note   string   `json:"note,omitempty"`   // what is wrong with the chain: a cycle, a missing end
}

// String says it as a sentence without its full stop.
func (r *Remap) String() string {
	var b strings.Builder
	switch {
	case r.To == "":
		fmt.Fprintf(&b, "%s is %s and has no successor", r.From, r.Status)
	case r.Name == "" || r.Name == r.To:
		fmt.Fprintf(&b, "%s is now %s", r.From, r.To)
	default:
		fmt.Fprintf(&b, "%s is now %s (%s)", r.From, r.To, r.Name)
	}
	if len(r.Chain) > 0 {
		fmt.Fprintf(&b, ", by way of %s", strings.Join(r.Chain, ", "))
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "; %s", r.Note)
	}
	return b.String()
}

// heir is what an id that no longer stands says of its successor.
type heir struct{ successor, status string }

// loadGone reads, once a snapshot, the ids that no longer stand and what
// replaced them: the entry's own word or, failing that, a revoked-by relation.
// An id that stands as an entry of another kind or publication is not among them.
func (l *Library) loadGone(ctx context.Context) error {
	if l.shown.gone != nil {
		return nil
	}
	gone := map[string]heir{}
	scan := func(rows *sql.Rows) error {
		var id string
		var h heir
		if err := rows.Scan(&id, &h.successor, &h.status); err != nil {
			return err
		}
		if gone[id].successor == "" {
			gone[id] = h
		}
		return nil
	}
	const stands = "NOT EXISTS (SELECT 1 FROM entries s WHERE s.id = e.id AND s.status = '')"
	if err := l.query(ctx, "SELECT id, successor, status FROM entries e WHERE status <> '' AND "+stands+" ORDER BY id, kind, part", scan); err != nil {
		return err
	}
	if err := l.query(ctx, `SELECT r.source, r.target, e.status FROM entries e JOIN relations r ON r.source = e.id
WHERE e.status = 'revoked' AND e.successor = '' AND r.type = 'revoked-by' AND `+stands+" ORDER BY r.source, r.target", scan); err != nil {
		return err
	}
	l.shown.gone = gone
	l.shown.heirs = map[string][]string{}
	for id := range gone {
		if to, _, _ := l.follow(id); to != id {
			l.shown.heirs[to] = append(l.shown.heirs[to], id)
		}
	}
	for _, list := range l.shown.heirs {
		slices.Sort(list)
	}
	return nil
}

// follow returns what stands for an id today, the ids between, and what is
// wrong with the chain. An id that stands, or that nothing replaced, is its own.
func (l *Library) follow(id string) (to string, between []string, note string) {
	to = id
	for {
		h, gone := l.shown.gone[to]
		switch {
		case !gone || h.successor == "":
			return to, between, ""
		case h.successor == id || slices.Contains(between, h.successor) || h.successor == to:
			circle := append([]string{id}, between...)
			if to != id {
				circle = append(circle, to)
			}
			return id, nil, "its successors lead in a circle: " + strings.Join(append(circle, h.successor), ", ")
		case len(between) >= maxHops:
			return id, nil, fmt.Sprintf("its chain of successors has more than %d links", maxHops)
		}
		if to != id {
			between = append(between, to)
		}
		to = h.successor
	}
}

// resolve returns the entry that stands for one that does not, and says so.
func (l *Library) resolve(ctx context.Context, e *feed.Entry) (*feed.Entry, *Remap, error) {
	if err := l.loadGone(ctx); err != nil {
		return nil, nil, err
	}
	to, between, note := l.follow(e.ID)
	r := &Remap{From: e.ID, Status: e.Status, Note: note}
	if to == e.ID {
		return e, r, nil
	}
	r.To, r.Chain = to, between
	heir, err := l.exact(ctx, to)
	switch {
	case errors.Is(err, ErrNotFound):
		r.Note = to + " is not loaded"
		return e, r, nil
	case err != nil:
		return nil, nil, err
	}
	r.Name = heir.Name
	if heir.Status != "" {
		r.Note = to + " is " + heir.Status + " and has no successor"
	}
	return heir, r, nil
}

// Resolve returns the id that stands for another today, without reading its
// entry: the same id where it stands, or is unknown, or has no successor.
func (l *Library) Resolve(ctx context.Context, id string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.loadGone(ctx); err != nil {
		return "", err
	}
	to, _, _ := l.follow(id)
	return to, nil
}
