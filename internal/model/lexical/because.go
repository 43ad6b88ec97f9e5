package lexical

import (
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// Output is one label of one group.
type Output struct {
	Group int
	Label int
}

// Reason is a word without which the outputs would be less likely. Weight is
// measured, not estimated: the log-odds of the outputs with the word, less those
// when every feature that the word is part of is taken away. The words beside it
// do not become neighbours.
type Reason struct {
	Start, End int // bytes into the text
	Weight     float64
}

// faint labels are left out of the slope of a softmax.
const faint = 1e-3

// remote labels, whose logit is so far below that of the second likeliest of
// their group, are left out of what is measured without a word: each is a
// thousandth of what stands against the likeliest, or less.
const remote = 7

// spareCandidates are weighed beside as many as are asked for.
const spareCandidates = 1

// Because returns up to n words that moved the outputs most, the strongest
// first. s holds what Read left; style and text are the same. The probability of
// several outputs is the product of theirs, or whatever odds returns as their
// log-odds from the probabilities p of all outputs (index them by Model.Offset).
// A word that occurs several times is taken away everywhere at once and shown
// where it first stands.
func (m *Model) Because(s *Scores, outputs []Output, n int, odds func(p []float32) float64) []Reason {
	if n <= 0 || len(s.active) == 0 || len(outputs) == 0 {
		return nil
	}
	if odds == nil {
		odds = func(p []float32) float64 { return m.logOdds(p, outputs) }
	}
	r := &s.reasoning
	gain := m.wordGains(s, m.slopeOf(s, outputs))
	order := r.order[:0]
	for i, g := range gain {
		if g > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case gain[a] > gain[b]:
			return -1
		case gain[a] < gain[b]:
			return 1
		}
		return 0
	})
	r.order = order
	r.sum, r.p = room(r.sum, m.dim), room(r.p, len(s.p))
	r.lost = room(r.lost, len(s.active))
	clear(r.lost)
	whole := odds(s.p)
	var reasons []Reason
	for _, i := range order[:min(len(order), n+spareCandidates)] {
		if drop := whole - odds(m.without(s, i, outputs)); drop > 0 {
			reasons = append(reasons, Reason{int(s.words[i].start), int(s.words[i].end), drop})
		}
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return a.Start - b.Start
	})
	return reasons[:min(n, len(reasons))]
}

// reasoning is memory for Because.
type reasoning struct {
	slope, along, gain []float32
	order              []int
	first              []int32 // of each word, the index of its first occurrence
	lost               []int32 // of each active feature, occurrences taken away
	sum, p             []float32
}

// room returns n elements, those of x if it has as many.
func room[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}

// Offset returns where a group's outputs begin among all.
func (m *Model) Offset(groupIndex int) int { return m.groups[groupIndex].from }

// logOdds is that of the product of the outputs' probabilities.
func (m *Model) logOdds(p []float32, outputs []Output) float64 {
	const least = 1e-9
	product := 1.0
	for _, o := range outputs {
		product *= float64(p[m.groups[o.Group].from+o.Label])
	}
	product = min(1-least, max(least, product))
	return math.Log(product / (1 - product))
}

// slopeOf returns how the sum of the outputs' log-odds changes with the hidden
// layer.
func (m *Model) slopeOf(s *Scores, outputs []Output) []float32 {
	s.reasoning.slope = room(s.reasoning.slope, m.dim)
	slope := s.reasoning.slope
	clear(slope)
	for _, o := range outputs {
		g := &m.groups[o.Group]
		weight := g.weightOf(s.style, m.dim)
		kernel.Axpy(slope, 1, weight[o.Label*m.dim:][:m.dim])
		if g.multi {
			continue
		}
		for k, p := range s.p[g.from:][:g.labels] {
			if k != o.Label && p > faint {
				kernel.Axpy(slope, -p/max(faint, 1-s.p[g.from+o.Label]), weight[k*m.dim:][:m.dim])
			}
		}
	}
	return slope
}

// wordGains returns for each word what its features add along slope; a repeated
// word has all of it where it first stands. A feature of several words counts
// for each.
func (m *Model) wordGains(s *Scores, slope []float32) []float32 {
	r := &s.reasoning
	r.along, r.gain = room(r.along, len(s.active)), room(r.gain, len(s.words))
	along, gain := r.along, r.gain
	for i, a := range s.active {
		along[i] = m.rowAlong(a.row, slope) * a.value / float32(a.count)
	}
	s.findFirst()
	clear(gain)
	for i, x := range s.features {
		if s.at[i] < 0 {
			continue
		}
		for n := x.first; n <= x.last; n++ {
			gain[r.first[n]] += along[s.at[i]]
		}
	}
	return gain
}

// findFirst fills in where each word first stands. The table is free once Read
// is done with it.
func (s *Scores) findFirst() {
	r := &s.reasoning
	r.first = room(r.first, len(s.words))
	clear(s.table)
	mask := uint32(len(s.table) - 1)
	for i := range s.words {
		hash := s.words[i].hash
		slot := hash & mask
		for s.table[slot] != 0 && s.words[s.table[slot]-1].hash != hash {
			slot = (slot + 1) & mask
		}
		if s.table[slot] == 0 {
			s.table[slot] = int32(i) + 1
		}
		r.first[i] = s.table[slot] - 1
	}
}

// without returns the probabilities without any occurrence of word i, of outputs
// and of all labels that are not remote, until the next call.
func (m *Model) without(s *Scores, i int, outputs []Output) []float32 {
	r := &s.reasoning
	copy(r.sum, s.sum)
	norm := s.norm
	first := r.first[i]
	for j, x := range s.features {
		if s.at[j] < 0 {
			continue
		}
		for n := x.first; n <= x.last; n++ {
			if r.first[n] == first {
				r.lost[s.at[j]]++
				break
			}
		}
	}
	for k, lost := range r.lost {
		if lost == 0 {
			continue
		}
		r.lost[k] = 0
		a := s.active[k]
		was := a.value
		if a.count -= lost; a.count > 0 {
			m.value(&a)
		} else {
			a.value = 0
		}
		norm += float32(a.value*a.value) - float32(was*was)
		m.addRow(r.sum, a.row, a.value-was)
	}
	m.nearOutputs(s, m.hiddenOf(s, r.sum, max(0, norm)), s.spare)
	for _, o := range outputs {
		g := &m.groups[o.Group]
		s.spare[g.from+o.Label] = g.logit(s, o.Label, m.dim)
	}
	m.probabilities(r.p, s.spare)
	return r.p
}

// nearOutputs fills in the logits of the labels that were not remote in s, and
// puts the others out of reach.
func (m *Model) nearOutputs(s *Scores, hidden, logits []float32) {
	const outOfReach = -1e30
	for i := range m.groups {
		g := &m.groups[i]
		with := s.logits[g.from:][:g.labels]
		least := second(with) - remote
		for k, z := range with {
			if !g.multi && z < least {
				logits[g.from+k] = outOfReach
				continue
			}
			logits[g.from+k] = g.logit(s, k, len(hidden))
		}
	}
}

// second returns the second largest of x, or the only one.
func second(x []float32) float32 {
	if len(x) == 1 {
		return x[0]
	}
	top, next := max(x[0], x[1]), min(x[0], x[1])
	for _, v := range x[2:] {
		if v > top {
			top, next = v, top
		} else if v > next {
			next = v
		}
	}
	return next
}

// logit is the calibrated logit of a label for the hidden layer in s.
func (g *group) logit(s *Scores, k, dim int) float32 {
	w := g.weightOf(s.style, dim)[k*dim:][:dim]
	z := kernel.Dot(w, s.hidden[:dim]) + g.bias[s.style*g.labels+k]
	return float32(z*g.temper[s.style]) + g.shift[s.style]
}
