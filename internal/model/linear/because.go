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
// times is taken away everywhere at once and shown where it first stands. Other
// labels that have next to no probability are taken to keep their logits.
func (m *Model) Because(s *Scores, labels []int, n int) []Reason {
	if n <= 0 || len(labels) == 0 || len(s.scan.words) == 0 {
		return nil
	}
	d := m.newDeletion(s, labels)
	whole := logOdds(d.share(s.P()))
	var reasons []Reason
	for _, i := range m.candidates(s, labels, candidateFactor*n) {
		if drop := whole - d.without(i); drop > 0 {
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

func logOdds(p float64) float64 {
	const least = 1e-9
	p = min(1-least, max(least, p))
	return math.Log(p / (1 - p))
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

// deletion computes what labels are likely without a word.
type deletion struct {
	m      *Model
	s      *Scores
	wanted []bool
	moving []int   // labels that are wanted or have some probability
	rest   float64 // sum of the exponentials of the other logits, less top
	top    float32
	lost   []int32
	sparse []float32
	sum    []float32
}

// negligible probabilities are left as they are by a deletion.
const negligible = 3e-4

func (m *Model) newDeletion(s *Scores, labels []int) *deletion {
	d := &deletion{m: m, s: s, wanted: make([]bool, len(s.P())), lost: make([]int32, len(s.active)),
		sparse: make([]float32, len(s.P())), sum: make([]float32, len(s.sum))}
	for _, l := range labels {
		d.wanted[l] = true
	}
	d.top = slices.Max(s.Logits())
	likeliest := slices.Max(s.P())
	for k, p := range s.P() {
		if d.wanted[k] || p > negligible {
			d.moving = append(d.moving, k)
		} else {
			d.rest += float64(p / likeliest)
		}
	}
	return d
}

// share sums the probabilities of the wanted labels.
func (d *deletion) share(p []float32) float64 {
	sum := 0.0
	for k, wanted := range d.wanted {
		if wanted {
			sum += float64(p[k])
		}
	}
	return sum
}

// without returns the log-odds of the wanted labels without word i.
func (d *deletion) without(i int) float64 {
	m, s := d.m, d.s
	gone := s.stems[i]
	for j, f := range s.scan.features {
		if at := s.at[j]; at >= 0 && (s.stems[f.first] == gone || s.stems[f.last] == gone) {
			d.lost[at]++
		}
	}
	copy(d.sparse, s.sparse)
	norm := s.norm
	for k, l := range d.lost {
		if l == 0 {
			continue
		}
		d.lost[k] = 0
		a := s.active[k]
		now := float32(0)
		if a.count > l {
			now = value(m.rarity[a.row], a.count-l)
		}
		norm += float32(now*now) - float32(a.value*a.value)
		m.addRow(d.sparse, a.row, now-a.value, s.group)
	}
	copy(d.sum, s.sum)
	if !s.scan.words[gone].function {
		m.vectors.add(d.sum, s.scan.words[gone].stem, -1)
	}
	mean, inverse := m.centred(s, max(0, norm), d.sum)
	own, all := 0.0, d.rest
	for _, k := range d.moving {
		e := float64(exp(m.logit(s.group, k, d.sparse[k]*inverse, mean) - d.top))
		all += e
		if d.wanted[k] {
			own += e
		}
	}
	return logOdds(own / max(all, 1e-30))
}
