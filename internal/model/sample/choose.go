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
	k, p := s.opt.TopK, s.opt.TopP
	if k > 0 && k < len(scores) {
		if k <= fewTokens {
			s.kept = highest(s.kept[:0], scores, allowed, k)
			slices.SortFunc(s.kept, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
			s.weigh(best)
		} else {
			s.gather(scores, allowed, best, 1)
			s.keepCount(k)
		}
		if p < 1 {
			s.keepMass(p * total(s.kept))
		}
	} else {
		sum := s.gather(scores, allowed, best, p)
		if p < 1 {
			s.keepMass(p * sum)
		}
	}
	if s.opt.MinP > 0 {
		s.kept = slices.DeleteFunc(s.kept, func(c candidate) bool { return c.weight < s.opt.MinP })
	}
}

// total returns the sum of the weights.
func total(c []candidate) float64 {
	sum := 0.0
	for i := range c {
		sum += c[i].weight
	}
	return sum
}

// exponent returns the logarithm of the probability of a score over that of the
// best one. The difference comes first, so that no temperature overflows.
func (s *Sampler) exponent(score, best float32) float64 {
	return (float64(score) - float64(best)) / s.opt.Temperature
}

// weigh sets the weights of s.kept.
func (s *Sampler) weigh(best float32) {
	var block [expBlock]float64
	for kept := s.kept; len(kept) > 0; {
		n := min(len(kept), expBlock)
		for i, c := range kept[:n] {
			block[i] = s.exponent(c.score, best)
		}
		expAll(block[:n])
		for i, w := range block[:n] {
			kept[i].weight = w
		}
		kept = kept[n:]
	}
}

// gather puts into s.kept the allowed tokens that have a weight and that the
// part p of all may need, and returns the sum of the weights of all.
func (s *Sampler) gather(scores []float32, allowed []uint64, best float32, p float64) float64 {
	s.weights = slices.Grow(s.weights[:0], len(scores))[:len(scores)]
	sum, count := 0.0, 0
	for from, to := range runs(len(scores), allowed) {
		for id := from; id < to; id++ {
			s.weights[id] = s.exponent(scores[id], best)
		}
		expAll(s.weights[from:to])
		for _, w := range s.weights[from:to] {
			sum += w
		}
		count += to - from
	}
	// Tokens of less than an equal share of what may be missing cannot be needed,
	// even all together; the factor is far above what rounding may take.
	least := (1 - p) * sum / float64(count) * (1 - 1e-9)
	s.kept = s.kept[:0]
	for from, to := range runs(len(scores), allowed) {
		for id := from; id < to; id++ {
			if w := s.weights[id]; w > 0 && w >= least {
				s.kept = append(s.kept, candidate{w, scores[id], int32(id)})
			}
		}
	}
	return sum
}

// keepCount keeps the first k of the ranking.
func (s *Sampler) keepCount(k int) {
	if k >= len(s.kept) {
		return
	}
	s.ranked = append(s.ranked[:0], s.kept...)
	s.keepTo(cutoff(s.ranked, float64(k), func(candidate) float64 { return 1 }))
}

// keepMass keeps the fewest of the ranking whose weights reach mass.
func (s *Sampler) keepMass(mass float64) {
	s.ranked = append(s.ranked[:0], s.kept...)
	s.keepTo(cutoff(s.ranked, mass, func(c candidate) float64 { return c.weight }))
}

// keepTo keeps what does not rank after last.
func (s *Sampler) keepTo(last candidate) {
	s.kept = slices.DeleteFunc(s.kept, func(c candidate) bool { return before(last, c) })
}

// draw picks one of s.kept: the first, by id, with which the sum of the weights
// is over a random part of all.
func (s *Sampler) draw() int {
	at := Random(s.opt.Seed, s.drawn) * total(s.kept)
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
	return int(last) // the last one with a weight, should rounding bring at up to all
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
