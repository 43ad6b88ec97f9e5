package mapping

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// How the knowledge base moves a probability. A technique that holds all of the
// nearest passages gains agreement in log-odds; one that holds none is left as
// it is: what nobody has written down may still be so.
const (
	retrieved = 12  // passages looked at
	agreement = 0.8 // in log-odds, for a share of 1
	sharpness = 3   // scores count to this power: the nearest passages most
)

// retrieve looks the likeliest sentences up in the knowledge base and ranks
// their techniques anew.
func (m *mapper) retrieve(ctx context.Context, all []*read) error {
	if m.opt.Library == nil {
		return nil
	}
	var some []*read
	for _, x := range all {
		if x.likeliest >= hitFloor {
			some = append(some, x)
		}
	}
	if len(some) > maxRetrievals {
		m.notes = append(m.notes, fmt.Sprintf("%d of %d sentences were compared with the knowledge base: those with the likeliest techniques", maxRetrievals, len(some)))
		slices.SortStableFunc(some, func(a, b *read) int { return cmp.Compare(b.likeliest, a.likeliest) })
		some = some[:maxRetrievals]
	}
	for _, x := range some {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.retrieveOne(ctx, x); err != nil {
			return fmt.Errorf("search the knowledge base: %w", err)
		}
	}
	return nil
}

// retrieveOne finds the passages nearest to a sentence.
func (m *mapper) retrieveOne(ctx context.Context, x *read) error {
	found, err := m.opt.Library.Search(ctx, x.text, library.SearchOptions{
		Kinds: []string{feed.KindTechnique, library.KindRelation}, Limit: 2 * retrieved})
	if err != nil {
		return err
	}
	share := map[string]float64{}
	passages := map[string][]Passage{}
	total, used := 0.0, 0
	for _, h := range found {
		id := m.subject(h)
		if id == "" || used == retrieved {
			continue
		}
		used++
		weight := math.Pow(max(0, h.Score), sharpness)
		total += weight
		share[id] += weight
		passages[id] = append(passages[id], Passage{ID: h.EntryID, Text: h.Text, Score: h.Score})
	}
	if total == 0 {
		return nil
	}
	for _, c := range x.hits {
		c.support(share, passages, total)
	}
	slices.SortStableFunc(x.hits, func(a, b *candidate) int { return cmp.Compare(b.p, a.p) })
	return nil
}

// support moves a candidate by the share of the passages that speak for it. A
// child's passages speak for its parent, too.
func (c *candidate) support(share map[string]float64, passages map[string][]Passage, total float64) {
	mine, near := 0.0, []Passage(nil)
	for _, id := range slices.Sorted(maps.Keys(share)) { // in order: a sum of floats depends on it
		if id == c.technique.ID || strings.HasPrefix(id, c.technique.ID+".") {
			mine += share[id] / total
			near = append(near, passages[id]...)
		}
	}
	if mine == 0 {
		return
	}
	if !c.stated {
		c.p = sigmoid(logit(c.p) + agreement*mine)
	}
	slices.SortFunc(near, func(a, b Passage) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	c.passages = near[:min(len(near), maxPassages)]
	c.by = append(c.by, ByKnowledge)
}

// subject returns the current technique that a passage is about: of a
// technique's own text itself, of a procedure example the technique used. It
// returns nothing for a passage of something excluded, or of another kind.
func (m *mapper) subject(h library.Hit) string {
	id := h.EntryID
	if h.Kind == library.KindRelation {
		if h.Section != "uses" || m.exclude[strings.ToUpper(h.From)] {
			return ""
		}
		id = h.To
	}
	t, _, ok := m.catalogue.Resolve(id)
	if !ok || t.Status != knowledge.Current || t.Domain != m.opt.Domain {
		return ""
	}
	return t.ID
}

func logit(p float64) float64 {
	p = min(1-1e-6, max(1e-6, p))
	return math.Log(p / (1 - p))
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
