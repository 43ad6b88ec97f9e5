package mapping

import (
	"cmp"
	"fmt"
	"slices"
)

// A document shows a technique if one of its sentences does: 1 - Π(1-p) over the
// strongest sentences. More do not count, or a long report would show everything
// that is a little likely often enough. The result is straightened by sharpen
// and offset, fitted so that stated and observed frequencies agree on one half
// of the reports that `casemate eval report` makes; it measures on the other.
const (
	strongest = 3
	sharpen   = 1.58
	offset    = -0.91
)

// evidence is what the sentences say of one technique.
type evidence struct {
	best   *candidate
	top    []float64 // the strongest probabilities, the largest first
	stated bool
	named  bool
	by     []string
	in     []int
}

// conclude fills in the sentences and the document's techniques.
func (m *mapper) conclude(r *Result, all []*read) {
	byID := map[string]*evidence{}
	var order []string
	left := 0
	for _, x := range all {
		s := Sentence{Number: x.number, Text: x.text, Start: x.place.Start, End: x.place.End, Page: x.place.Page, Line: x.place.Line}
		for _, c := range x.hits {
			e := byID[c.technique.ID]
			if e == nil {
				e = &evidence{best: c}
				byID[c.technique.ID] = e
				order = append(order, c.technique.ID)
			}
			e.take(c, x.number)
			if c.p >= sentenceShown {
				s.Techniques = append(s.Techniques, c.hit())
			}
		}
		if len(s.Techniques) == 0 {
			continue
		}
		if len(r.Sentences) == maxSentencesListed {
			left++
			continue
		}
		r.Sentences = append(r.Sentences, s)
	}
	if left > 0 {
		m.notes = append(m.notes, fmt.Sprintf("the first %d sentences with a technique are listed; %d more count towards the document", maxSentencesListed, left))
	}
	slices.Sort(order)
	m.sort(r, byID, order)
}

// take adds a sentence's candidate.
func (e *evidence) take(c *candidate, number int) {
	if c.p > e.best.p {
		e.best = c
	}
	e.top = append(e.top, c.p)
	slices.SortFunc(e.top, func(a, b float64) int { return cmp.Compare(b, a) })
	e.top = e.top[:min(len(e.top), strongest)]
	e.stated = e.stated || c.stated
	e.named = e.named || slices.Contains(c.by, ByName)
	for _, by := range c.by {
		if !slices.Contains(e.by, by) {
			e.by = append(e.by, by)
		}
	}
	if c.p >= sentenceShown || len(e.in) == 0 {
		e.in = append(e.in, number)
	}
}

// sort puts the techniques of a document into those that it shows and those to
// look at.
func (m *mapper) sort(r *Result, byID map[string]*evidence, order []string) {
	for _, id := range order {
		e := byID[id]
		t := e.best.technique
		p := e.p()
		slices.Sort(e.by)
		f := Found{ID: id, Name: t.Name, Tactics: slices.Clone(t.Tactics), P: p, Sentences: e.in, By: e.by}
		if p >= m.opt.Threshold {
			r.Techniques = append(r.Techniques, f)
		} else {
			r.Unsure = append(r.Unsure, f)
		}
	}
	likeliest := func(a, b Found) int { return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(a.ID, b.ID)) }
	slices.SortFunc(r.Techniques, likeliest)
	slices.SortFunc(r.Unsure, likeliest)
	if n := len(r.Unsure); n > maxUnsure {
		m.notes = append(m.notes, fmt.Sprintf("%d of %d unsure techniques are listed", maxUnsure, n))
		r.Unsure = r.Unsure[:maxUnsure]
	}
}

// p is the probability that the document shows the technique.
func (e *evidence) p() float64 {
	doubt := 1.0
	for _, p := range e.top {
		doubt *= 1 - p
	}
	p := 1 - doubt
	if e.stated {
		return max(p, e.best.p)
	}
	straight := sigmoid(sharpen*logit(p) + offset)
	if e.named { // fitted on texts that name none
		return max(straight, sureName)
	}
	return straight
}

// hit makes the answer of a candidate.
func (c *candidate) hit() Hit {
	by := slices.Clone(c.by)
	slices.Sort(by)
	return Hit{ID: c.technique.ID, Name: c.technique.Name, P: c.p, Spans: append([]Span{}, c.spans...), By: by, Passages: c.passages, Was: c.was}
}
