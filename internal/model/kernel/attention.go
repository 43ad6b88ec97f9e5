package kernel

import "math"

// Attention gathers what one query sees of keys and values that come block by
// block: the mean of the values, weighted by e to the product of query and key.
// The zero value with a Sum is ready; blocks come in the order of positions, and
// their borders must be those of positions, not of passes, to give the same bits
// every time.
//
// Source of the running maximum: Milakov and Gimelshein 2018, arXiv:1805.02867.
type Attention struct {
	Sum    []float64 // [D] of the values, weighted
	weight float64   // sum of the weights
	top    float64   // the largest score so far, which weights are relative to
	begun  bool
}

// Reset makes a ready for another query, and Sum zero.
func (a *Attention) Reset(sum []float64) {
	clear(sum)
	*a = Attention{Sum: sum}
}

// Add takes in one block.
//
//	score    [N] of query and keys: their products over √D
//	v        N rows of D numbers, vStride apart: the values
//	scratch  [N+D]
//
// Scores stay in float64, for rounding one of size 50 to float32 would change
// its weight by 4e-6. Weighted values are added in order, in float32, and each
// block's sum in float64. It panics if v or scratch is too short.
func (a *Attention) Add(score []float64, v []float32, vStride int, scratch []float32) {
	if len(score) == 0 {
		return
	}
	top := score[0]
	for _, s := range score {
		if s > top || s != s {
			top = s
		}
	}
	a.raise(top)
	D := len(a.Sum)
	part, weight := scratch[:D], scratch[D:D+len(score)]
	for i, s := range score {
		e := exp(s - a.top)
		weight[i] = float32(e)
		a.weight += e
	}
	clear(part)
	for len(weight) >= 4 {
		combine4(part, v, v[vStride:], v[2*vStride:], v[3*vStride:], (*[4]float32)(weight))
		weight = weight[4:]
		v = v[min(len(v), 4*vStride):]
	}
	for i, p := range weight {
		Axpy(part, p, v[i*vStride:])
	}
	for i, p := range part {
		a.Sum[i] += float64(p)
	}
}

// raise makes weights relative to top if it is larger than what they were
// relative to.
func (a *Attention) raise(top float64) {
	switch {
	case !a.begun:
		a.top, a.begun = top, true
	case top > a.top || top != top:
		f := exp(a.top - top)
		for i, v := range a.Sum {
			a.Sum[i] = float64(v * f)
		}
		a.weight = float64(a.weight * f)
		a.top = top
	}
}

// combine4 adds four vectors, weighted, to y, one after the other.
//
//go:noinline
func combine4(y, v0, v1, v2, v3 []float32, p *[4]float32) {
	p0, p1, p2, p3 := p[0], p[1], p[2], p[3]
	n := len(y)
	v0, v1, v2, v3 = v0[:n], v1[:n], v2[:n], v3[:n]
	for i, s := range y {
		s += float32(p0 * v0[i])
		s += float32(p1 * v1[i])
		s += float32(p2 * v2[i])
		s += float32(p3 * v3[i])
		y[i] = s
	}
}

// Result writes the weighted mean to out, [D]. Before any block it is NaN.
func (a *Attention) Result(out []float32) {
	w := a.weight
	if !a.begun {
		w = math.NaN()
	}
	out = out[:len(a.Sum)]
	for i, v := range a.Sum {
		out[i] = float32(v / w)
	}
}
