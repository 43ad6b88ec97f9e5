package sample

import (
	"cmp"
	"iter"
	"math"
	"math/bits"
	"slices"
)

// candidate is a token that may be drawn.
type candidate struct {
	weight float64 // its probability over that of the best token
	score  float32
	id     int32
}

// rank orders candidates: the higher score first, of equal scores the lower id.
func rank(a, b candidate) int {
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return cmp.Compare(a.id, b.id)
}

// before says the same of two candidates, faster.
func before(a, b candidate) bool {
	return a.score > b.score || a.score == b.score && a.id < b.id
}

// fewTokens is how large a top-k a heap finds faster than a partition does.
const fewTokens = 256

// cut leaves in s.kept what temperature, top-k, top-p and min-p leave to be
// drawn, in the order of the ids. best is the highest allowed score.
//
// Each of the three cuts keeps a first part of the ranking, and so do all
// together.
func (s *Sampler) cut(scores []float32, allowed []uint64, best float32) {
	switch k := s.opt.TopK; {
	case k > 0 && k <= fewTokens:
		s.kept = highest(s.kept[:0], scores, allowed, k)
		slices.SortFunc(s.kept, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
		s.weigh(best)
	case k > 0 && k < len(scores):
		s.gather(scores, allowed, best)
		s.keepCount(k)
	default:
		s.gather(scores, allowed, best)
	}
	if s.opt.TopP < 1 {
		s.keepMass(s.opt.TopP)
	}
	if s.opt.MinP > 0 {
		s.kept = slices.DeleteFunc(s.kept, func(c candidate) bool { return c.weight < s.opt.MinP })
	}
}

// weight returns the probability of a score over that of the best one. The
// difference comes first, so that no temperature overflows.
func (s *Sampler) weight(score, best float32) float64 {
	return exp((float64(score) - float64(best)) / s.opt.Temperature)
}

func (s *Sampler) weigh(best float32) {
	for i := range s.kept {
		c := &s.kept[i]
		c.weight = s.weight(c.score, best)
	}
}

// gather puts all allowed tokens that have a weight into s.kept.
func (s *Sampler) gather(scores []float32, allowed []uint64, best float32) {
	s.kept = slices.Grow(s.kept[:0], len(scores))
	for from, to := range runs(len(scores), allowed) {
		for id := from; id < to; id++ {
			if w := s.weight(scores[id], best); w > 0 {
				s.kept = append(s.kept, candidate{w, scores[id], int32(id)})
			}
		}
	}
}

// keepCount keeps the first k of the ranking.
func (s *Sampler) keepCount(k int) {
	if k >= len(s.kept) {
		return
	}
	s.ranked = append(s.ranked[:0], s.kept...)
	s.keepTo(cutoff(s.ranked, float64(k), func(candidate) float64 { return 1 }))
}

// keepMass keeps the fewest of the ranking whose weights reach the part p of all.
func (s *Sampler) keepMass(p float64) {
	total := 0.0
	for _, c := range s.kept {
		total += c.weight
	}
	// Tokens of less than an equal share of what may be missing cannot be needed,
	// even all together; the factor is far above what rounding may take.
	least := (1 - p) * total / float64(len(s.kept)) * (1 - 1e-9)
	s.ranked = s.ranked[:0]
	for _, c := range s.kept {
		if c.weight >= least {
			s.ranked = append(s.ranked, c)
		}
	}
	s.keepTo(cutoff(s.ranked, p*total, func(c candidate) float64 { return c.weight }))
}

// keepTo keeps what does not rank after last.
func (s *Sampler) keepTo(last candidate) {
	s.kept = slices.DeleteFunc(s.kept, func(c candidate) bool { return before(last, c) })
}

// draw picks one of s.kept: the first, by id, with which the sum of the weights
// is over a random part of all.
func (s *Sampler) draw() int {
	total := 0.0
	for _, c := range s.kept {
		total += c.weight
	}
	at := Random(s.opt.Seed, s.drawn) * total
	sum := 0.0
	last := int32(0)
	for _, c := range s.kept {
		if c.weight == 0 {
			continue
		}
		last = c.id
		if sum += c.weight; sum > at {
			break
		}
	}
	return int(last) // the last one with a weight, should rounding bring at up to total
}

// runs yields the allowed ids below n in order, as ranges [from, to).
func runs(n int, allowed []uint64) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		if allowed == nil {
			yield(0, n)
			return
		}
		for w, word := range allowed {
			for word != 0 {
				start := bits.TrailingZeros64(word)
				end := start + bits.TrailingZeros64(^(word >> start))
				from := w<<6 + start
				if from >= n || !yield(from, min(w<<6+end, n)) {
					return
				}
				word = word >> end << end // shifted by 64 it is 0
			}
		}
	}
}

// highest appends to dst, which is empty, the k highest scores that are allowed
// and not minus infinity, in no order.
//
// dst is a heap with the lowest rank at its root. Ids come in ascending order,
// so an equal score that comes later ranks lower and stays out.
func highest(dst []candidate, scores []float32, allowed []uint64, k int) []candidate {
	least := float32(math.Inf(-1))
	for from, to := range runs(len(scores), allowed) {
		for id := from; id < to; id++ {
			x := scores[id]
			if !(x > least) {
				continue
			}
			if len(dst) < k {
				dst = append(dst, candidate{score: x, id: int32(id)})
				if len(dst) < k {
					continue
				}
				for i := k/2 - 1; i >= 0; i-- {
					sink(dst, i)
				}
			} else {
				dst[0] = candidate{score: x, id: int32(id)}
				sink(dst, 0)
			}
			least = dst[0].score
		}
	}
	return dst
}

// sink moves heap[i] down to where it belongs.
func sink(heap []candidate, i int) {
	for {
		low := 2*i + 1
		if low >= len(heap) {
			return
		}
		if right := low + 1; right < len(heap) && before(heap[low], heap[right]) {
			low = right
		}
		if before(heap[low], heap[i]) {
			return
		}
		heap[i], heap[low] = heap[low], heap[i]
		i = low
	}
}

// smallSort is how many candidates are sorted rather than divided further.
const smallSort = 32

// cutoff returns the candidate with which the ranking of c, each counted as
// count says, reaches need; the last one if it never does. c is not empty and is
// left in another order.
//
// It divides c around a pivot and goes on with one part, in linear time, and
// sorts what is left if the pivots are bad.
func cutoff(c []candidate, need float64, count func(candidate) float64) candidate {
	for rounds := 4 * bits.Len(uint(len(c))); len(c) > smallSort && rounds > 0; rounds-- {
		at := divide(c)
		sum := 0.0
		for _, x := range c[:at] {
			sum += count(x)
		}
		pivot := c[at]
		switch with := sum + count(pivot); {
		case sum >= need:
			c = c[:at]
		case with >= need || at+1 == len(c):
			return pivot
		default:
			need -= with
			c = c[at+1:]
		}
	}
	slices.SortFunc(c, rank)
	sum := 0.0
	for _, x := range c {
		if sum += count(x); sum >= need {
			return x
		}
	}
	return c[len(c)-1]
}

// divide reorders c so that what ranks before the pivot comes before it, and
// returns where the pivot stands. The pivot is the median of three.
func divide(c []candidate) int {
	a, m, z := 0, len(c)/2, len(c)-1
	if before(c[m], c[a]) {
		a, m = m, a
	}
	if before(c[z], c[m]) {
		m = z
		if before(c[z], c[a]) {
			m = a
		}
	}
	end := len(c) - 1
	c[m], c[end] = c[end], c[m]
	pivot, at := c[end], 0
	for i := range c[:end] {
		if before(c[i], pivot) {
			c[i], c[at] = c[at], c[i]
			at++
		}
	}
	c[at], c[end] = c[end], c[at]
	return at
}
