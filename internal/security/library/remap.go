package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

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
