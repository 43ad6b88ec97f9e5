package linear

import (
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// Reason is a word without which the labels would be less likely. Weight is
// measured, not estimated: the log-odds of the labels with the word, less those
// when every feature that the word is part of is taken away. The words beside it
// do not become neighbours.
type Reason struct {
	Start, End int // bytes into the text
	Weight     float64
}

// spareCandidates are weighed beside as many as are asked for.
const spareCandidates = 1

// Because returns up to n words that moved the summed probability of labels
// most, the strongest first. s holds what Read left. A word that occurs several
// times is taken away everywhere at once and shown where it first stands. Other
// labels that have next to no probability are taken to keep their logits.
func (m *Model) Because(s *Scores, labels []int, n int) []Reason {
	n = min(n, len(s.scan.words))
	if n <= 0 || len(labels) == 0 {
		return nil
	}
	d := m.prepareDeletion(s, labels)
	whole := logOdds(d.share(s.P()))
	reasons := make([]Reason, 0, n+spareCandidates)
	for _, i := range m.candidates(s, labels, n+spareCandidates) {
		if drop := whole - m.without(s, d, i); drop > 0 {
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
	best := labels[0]
	for _, l := range labels {
		if s.p[l] > s.p[best] {
			best = l
		}
	}
	s.speaks = room(s.speaks, len(s.active))
	for i, a := range s.active {
		s.speaks[i] = m.weightFor(a.span, s.group, best) * a.value / float32(a.count)
	}
	s.gain = room(s.gain, len(s.scan.words))
	gain := s.gain
	for i, f := range s.scan.features {
		if s.at[i] < 0 {
			continue
		}
		g := s.speaks[s.at[i]]
		for n := f.first; n <= f.last; n++ {
			if !s.scan.words[n].function {
				gain[s.stems[n]] += g
			}
		}
	}
	order := s.order[:0]
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
	s.order = order
	return order[:min(len(order), most)]
}

// deletion computes what labels are likely without a word. Its memory is used
// again.
type deletion struct {
	wanted []bool
	moving []int32 // labels that are wanted or have some probability
	rest   float64 // sum of the exponentials of the other logits, less top
	top    float32
	lost   []int32 // of each active feature, how often it goes
	sparse sums
	sum    []float32
	logits []float32
}

// negligible probabilities are left as they are by a deletion.
const negligible = 3e-4

func (m *Model) prepareDeletion(s *Scores, labels []int) *deletion {
	d := &s.deletion
	p := s.P()
	d.wanted = room(d.wanted, len(p))
	d.lost = room(d.lost, len(s.active))
	d.logits = room(d.logits, len(p))
	d.sum = room(d.sum, len(s.sum))
	d.moving, d.rest = d.moving[:0], 0
	for _, l := range labels {
		d.wanted[l] = true
	}
	d.top = highest(s.Logits())
	likeliest := highest(p)
	for k, x := range p {
		if x > negligible || d.wanted[k] {
			d.moving = append(d.moving, int32(k))
		} else {
			d.rest += float64(x / likeliest)
		}
	}
	return d
}

// room returns n zeros, in the memory of x if they fit.
func room[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	x = x[:n]
	clear(x)
	return x
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
func (m *Model) without(s *Scores, d *deletion, i int) float64 {
	norm := m.takeAway(s, d, i)
	copy(d.sum, s.sum)
	moved := !s.scan.words[i].function && m.vectors.add(d.sum, s.scan.words[i].stem, -1)
	m.deleted(s, d, norm, moved)
	own, all := 0.0, d.rest
	for n, k := range d.moving {
		e := float64(exp(d.logits[n] - d.top))
		all += e
		if d.wanted[k] {
			own += e
		}
	}
	return logOdds(own / max(all, 1e-30))
}

// takeAway puts the sums over the features, less those of word i, into d.sparse,
// for the moving labels, and returns their squared length.
func (m *Model) takeAway(s *Scores, d *deletion, i int) float32 {
	word := s.stems[i]
	for j, f := range s.scan.features {
		if s.stems[f.first] == word || s.stems[f.last] == word {
			if at := s.at[j]; at >= 0 {
				d.lost[at]++
			}
		}
	}
	from, to := m.from[s.group], m.from[s.group+1]
	copy(d.sparse[from:to], s.sparse[from:to])
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
		m.addRowAt(&d.sparse, a.span, now-a.value, s.group, d.moving)
	}
	return max(0, norm)
}

// deleted computes the logits of the moving labels from d.sparse and d.sum, the
// latter only if it moved.
func (m *Model) deleted(s *Scores, d *deletion, norm float32, moved bool) {
	logits := d.logits[:len(d.moving)]
	for n, k := range d.moving {
		logits[n] = s.dense[k]
	}
	mean, inverse := m.centred(s, norm, d.sum)
	if moved {
		m.denseAt(logits, mean, s.group, d.moving)
	}
	from, temper := m.from[s.group], m.temper[s.group]
	sparse := d.sparse[from:m.from[s.group+1]]
	for n, k := range d.moving {
		logits[n] = float32(temper * (logits[n] + float32(sparse[k]*inverse)))
	}
}

// denseAt is denseAll for some labels of a group.
func (m *Model) denseAt(out, mean []float32, group int, labels []int32) {
	dim, from := len(mean), m.from[group]
	row := func(k int32) []float32 { return m.dense[(from+int(k))*dim:][:dim] }
	n := 0
	for ; n+2 <= len(labels); n += 2 {
		a, b := dots(row(labels[n]), row(labels[n+1]), mean)
		out[n], out[n+1] = a+m.bias[from+int(labels[n])], b+m.bias[from+int(labels[n+1])]
	}
	if n < len(labels) {
		out[n] = kernel.Dot(row(labels[n]), mean) + m.bias[from+int(labels[n])]
	}
}
