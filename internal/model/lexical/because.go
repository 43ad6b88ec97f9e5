package lexical

import (
	"math"
	"slices"
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
const faint = 1e-5

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
	gain := m.wordGains(s, m.slopeOf(s, outputs))
	order := make([]int, 0, len(gain))
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
	whole := odds(s.p)
	var reasons []Reason
	w := newWithout(m, s)
	for _, i := range order[:min(len(order), n+spareCandidates)] {
		if drop := whole - odds(w.word(i)); drop > 0 {
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
	slope := make([]float32, m.dim)
	for _, o := range outputs {
		g := &m.groups[o.Group]
		weight := g.weightOf(s.style, m.dim)
		axpy(slope, 1, weight[o.Label*m.dim:][:m.dim])
		if g.multi {
			continue
		}
		for k, p := range s.p[g.from:][:g.labels] {
			if k != o.Label && p > faint {
				axpy(slope, -p/max(faint, 1-s.p[g.from+o.Label]), weight[k*m.dim:][:m.dim])
			}
		}
	}
	return slope
}

// wordGains returns for each word what its features add along slope; a repeated
// word has all of it where it first stands. A feature of several words counts
// for each.
func (m *Model) wordGains(s *Scores, slope []float32) []float32 {
	along := make([]float32, len(s.active))
	row := make([]float32, m.dim)
	for i, a := range s.active {
		clear(row)
		m.addRow(row, a.row, a.value/float32(a.count))
		along[i] = dot(row, slope)
	}
	first := make(map[uint32]int32, len(s.words))
	for i := range s.words {
		if _, ok := first[s.words[i].hash]; !ok {
			first[s.words[i].hash] = int32(i)
		}
	}
	gain := make([]float32, len(s.words))
	for i, x := range s.features {
		if s.at[i] < 0 {
			continue
		}
		for n := x.first; n <= x.last; n++ {
			gain[first[s.words[n].hash]] += along[s.at[i]]
		}
	}
	return gain
}

// without computes probabilities with one word's features taken away.
type without struct {
	m    *Model
	s    *Scores
	sum  []float32
	lost []int32 // of each active feature, occurrences taken away
	p    []float32
}

func newWithout(m *Model, s *Scores) *without {
	return &without{m, s, make([]float32, m.dim), make([]int32, len(s.active)), make([]float32, len(s.p))}
}

// word returns the probabilities of the outputs without word i, until the next
// call.
func (w *without) word(i int) []float32 {
	s := w.s
	copy(w.sum, s.sum)
	norm := s.norm
	hash := s.words[i].hash
	for j, x := range s.features {
		if s.at[j] < 0 {
			continue
		}
		for n := x.first; n <= x.last; n++ {
			if s.words[n].hash == hash {
				w.lost[s.at[j]]++
				break
			}
		}
	}
	for k, lost := range w.lost {
		if lost == 0 {
			continue
		}
		w.lost[k] = 0
		a := s.active[k]
		was := a.value
		if a.count -= lost; a.count > 0 {
			w.m.value(&a)
		} else {
			a.value = 0
		}
		norm += float32(a.value*a.value) - float32(was*was)
		w.m.addRow(w.sum, a.row, a.value-was)
	}
	w.m.outputsOf(s, w.sum, max(0, norm), s.spare)
	w.m.probabilities(w.p, s.spare)
	return w.p
}
