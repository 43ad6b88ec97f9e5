package linear

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// PlainLogits computes the logits of what s has read feature by feature and
// label by label, as the model is defined, with word i taken away if i is not
// negative. It keeps to the order of the sums, so that Read gives the same bits.
func PlainLogits(s *Scores, i int) []float32 {
	m := s.model
	sparse, norm := make([]float32, m.labels), s.norm
	for _, a := range s.active {
		for _, w := range m.weight[m.start[a.row]:m.start[a.row+1]] {
			sparse[labelOf(w)] += float32(float32(a.value*m.scale[a.row]) * float32(weightOf(w)))
		}
	}
	sum := append([]float32(nil), s.sum...)
	if i >= 0 {
		norm = plainTakeAway(s, sparse, i)
		if !s.scan.words[i].function {
			m.vectors.add(sum, s.scan.words[i].stem, -1)
		}
	}
	inverse := float32(0)
	if norm > 0 {
		inverse = float32(1 / math.Sqrt(float64(norm)))
	}
	dim := m.vectors.dim
	mean := m.vectors.centre(make([]float32, dim), sum, m.dense[m.labels*dim:])
	var out []float32
	for k := m.from[s.group]; k < m.from[s.group+1]; k++ {
		z := kernel.Dot(m.dense[k*dim:][:dim], mean) + m.bias[k]
		out = append(out, float32(m.temper[s.group]*(z+float32(sparse[k]*inverse))))
	}
	return out
}

func plainTakeAway(s *Scores, sparse []float32, i int) float32 {
	m, norm := s.model, s.norm
	for k, a := range s.active {
		lost := int32(0)
		for j, f := range s.scan.features {
			if s.at[j] == int32(k) && (s.stems[f.first] == s.stems[i] || s.stems[f.last] == s.stems[i]) {
				lost++
			}
		}
		if lost == 0 {
			continue
		}
		now := float32(0)
		if a.count > lost {
			now = value(m.rarity[a.row], a.count-lost)
		}
		norm += float32(now*now) - float32(a.value*a.value)
		for _, w := range m.weight[m.start[a.row]:m.start[a.row+1]] {
			sparse[labelOf(w)] += float32(float32((now-a.value)*m.scale[a.row]) * float32(weightOf(w)))
		}
	}
	return max(0, norm)
}

// Without returns the logits without word i of the labels that Because follows,
// and their indices.
func Without(s *Scores, labels []int, i int) (logits []float32, at []int32) {
	d := s.model.prepareDeletion(s, labels)
	s.model.without(s, d, i)
	return d.logits[:len(d.moving)], d.moving
}

// FirstWord says whether no word before word i has its stem.
func FirstWord(s *Scores, i int) bool { return int(s.stems[i]) == i }

// Rows returns how many rows of the first group are added as bytes, how many are
// kept as bytes but added as lists, and how many are lists of 8 weights or more.
func Rows(m *Model) (added, kept, lists int) {
	n := m.from[1]
	for row := range m.scale {
		s := m.span(int32(row), 0)
		switch weights := int(s.to - s.from); {
		case s.wide > 0 && 2*weights >= n:
			added++
		case s.wide > 0:
			kept++
		case weights >= 8:
			lists++
		}
	}
	return added, kept, lists
}

// Exp and PlainExp are exp as it is computed and as it is defined.
func Exp(x float32) float32 { return exp(x) }

func PlainExp(x float32) float32 {
	const log2e, ln2Hi, ln2Lo = 1.44269504, 0.693359375, -2.12194440e-4
	n := float32(math.Floor(float64(float32(x*log2e) + 0.5)))
	r := x - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	p := float32(1.9875691500e-4)
	for _, c := range [...]float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = float32(p*r) + c
	}
	p = float32(float32(p*r)*r) + r + 1
	return math.Float32frombits(math.Float32bits(p) + uint32(int32(n))<<23)
}
