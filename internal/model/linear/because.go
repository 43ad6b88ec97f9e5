package linear

import (
	"math"
	"slices"
)

// Reason is a word without which the labels would be less likely. Weight is
// measured, not estimated: the log-odds of the labels with the word, less those
// when every feature that the word is part of is taken away. The words beside it
// do not become neighbours.
type Reason struct {
	Start, End int // bytes into the text
	Weight     float64
}

// candidates of an explanation are weighed for each one that is asked for.
const candidateFactor = 2

// Because returns up to n words that moved the summed probability of labels
// most, the strongest first. s holds what Read left. A word that occurs several
// times is taken away everywhere at once and shown where it first stands.
func (m *Model) Because(s *Scores, labels []int, n int) []Reason {
	if n <= 0 || len(labels) == 0 || len(s.scan.words) == 0 {
		return nil
	}
	whole := odds(s.P(), labels)
	var reasons []Reason
	for _, i := range m.candidates(s, labels, candidateFactor*n) {
		if drop := whole - odds(m.without(s, i), labels); drop > 0 {
			w := s.scan.words[i]
			reasons = append(reasons, Reason{int(w.start), int(w.end), drop})
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

// Drop returns by how much the log-odds of labels fall without a span of the
// text, every word that begins in it being taken away where it stands and
// wherever else it stands.
func (m *Model) Drop(s *Scores, labels []int, start, end int) float64 {
	gone := map[int32]bool{}
	for i, w := range s.scan.words {
		if int(w.start) >= start && int(w.start) < end {
			gone[s.stems[i]] = true
		}
	}
	return odds(s.P(), labels) - odds(m.withoutAll(s, gone), labels)
}

func odds(p []float32, labels []int) float64 {
	const least = 1e-9
	sum := 0.0
	for _, l := range labels {
		sum += float64(p[l])
	}
	sum = min(1-least, max(least, sum))
	return math.Log(sum / (1 - sum))
}

// candidates returns the words whose features speak most for the labels, each
// weighed by the best of them.
func (m *Model) candidates(s *Scores, labels []int, most int) []int {
	from := m.from[s.group]
	best := labels[0]
	for _, l := range labels {
		if s.p[l] > s.p[best] {
			best = l
		}
	}
	gain := make([]float32, len(s.scan.words))
	for i, f := range s.scan.features {
		if s.at[i] < 0 {
			continue
		}
		a := s.active[s.at[i]]
		g := m.weightFor(a.row, from+best) * a.value / float32(a.count)
		for n := f.first; n <= f.last; n++ {
			if !s.scan.words[n].function {
				gain[s.stems[n]] += g
			}
		}
	}
	order := make([]int, 0, len(gain))
	for i := range gain {
		if int(s.stems[i]) == i && !s.scan.words[i].function {
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
	return order[:min(len(order), most)]
}

// weightFor returns the weight of a feature for a label, scaled.
func (m *Model) weightFor(row int32, label int) float32 {
	weights := m.weight[m.start[row]:m.start[row+1]]
	i, _ := slices.BinarySearch(weights, packed(label, 0))
	if i < len(weights) && labelOf(weights[i]) == label {
		return m.scale[row] * float32(weightOf(weights[i]))
	}
	return 0
}

// without returns the probabilities without a word, until the next call.
func (m *Model) without(s *Scores, i int) []float32 {
	return m.withoutAll(s, map[int32]bool{s.stems[i]: true})
}

// withoutAll returns the probabilities without words, named by the first of
// their stem.
func (m *Model) withoutAll(s *Scores, gone map[int32]bool) []float32 {
	n := len(s.P())
	lost := make([]int32, len(s.active))
	for j, f := range s.scan.features {
		if s.at[j] < 0 {
			continue
		}
		for k := f.first; k <= f.last; k++ {
			if gone[s.stems[k]] && !(k > f.first && k < f.last) {
				lost[s.at[j]]++
				break
			}
		}
	}
	sparse, norm := slices.Clone(s.sparse[:n]), s.norm
	for k, l := range lost {
		if l == 0 {
			continue
		}
		a := s.active[k]
		now := float32(0)
		if a.count > l {
			now = value(m.rarity[a.row], a.count-l)
		}
		norm += float32(now*now) - float32(a.value*a.value)
		m.addRow(sparse, a.row, now-a.value, s.group)
	}
	sum := slices.Clone(s.sum)
	for i := range s.scan.words {
		if gone[int32(i)] && !s.scan.words[i].function {
			m.vectors.add(sum, s.scan.words[i].stem, -1)
		}
	}
	m.finish(s.spare[:n], s, sparse, max(0, norm), sum)
	softmax(s.spare[:n], s.spare[:n])
	return s.spare[:n]
}
