package quant

import (
	"encoding/binary"
	"math"
)

// sums is what least squares of x ≈ scale·q − low needs.
type sums struct{ n, x, xx, q, qq, xq float64 }

// add counts the levels of x for q = (x + low)·inverse, 0 to high.
func (s *sums) add(x []float64, low, inverse, high float64) {
	l := levels{0, high}
	var q, qq, xq float64
	for _, v := range x {
		k := l.nearest(float64((v + low) * inverse))
		q += k
		qq += float64(k * k)
		xq += float64(v * k)
	}
	s.q, s.qq, s.xq = q, qq, xq
}

// solve returns the scale and low of least squares for the levels counted, and
// the squared error. Unless free, low is not negative.
func (s *sums) solve(free bool) (scale, low, loss float64) {
	if d := float64(s.n*s.qq) - float64(s.q*s.q); d > 0 {
		scale = (float64(s.n*s.xq) - float64(s.x*s.q)) / d
		low = (float64(s.q*s.xq) - float64(s.qq*s.x)) / d
	} else {
		low = -s.x / s.n
	}
	if low < 0 && !free {
		low, scale = 0, 0
		if s.qq > 0 {
			scale = s.xq / s.qq
		}
	}
	return scale, low, s.xx - float64(scale*s.xq) + float64(low*s.x)
}

// fitOffset returns a scale and a low of little squared error for
// x ≈ scale·q − low, q from 0 to high: it spreads the numbers over each of the
// spans, which are counts of levels, and improves the best. Unless free, low is
// not negative.
func fitOffset(x []float64, high float64, spans []float64, free bool) (scale, low float64) {
	least, most := x[0], x[0]
	s := sums{n: float64(len(x))}
	for _, v := range x {
		least, most = min(least, v), max(most, v)
		s.x += v
		s.xx += float64(v * v)
	}
	if !free {
		least, most = min(least, 0), max(most, 0)
	}
	if least == most {
		return 0, -least
	}
	best := math.Inf(1)
	for _, span := range spans {
		inverse := span / (most - least)
		// What the span has more or less than the levels is shared by both ends,
		// unless the lower end is zero.
		start := -least
		if least < 0 || free {
			start -= (span - high) / 2 / inverse
		}
		s.add(x, start, inverse, high)
		if sc, lo, loss := s.solve(free); loss < best {
			scale, low, best = sc, lo, loss
		}
	}
	return scale, low
}

// offsetError returns the squared error of x ≈ scale·q − low, q from 0 to high,
// and the mean of x − scale·q + low.
func offsetError(x []float64, scale, low, high float64) (loss, mean float64) {
	l := levels{0, high}
	inverse := 1 / scale
	for _, v := range x {
		w := v + low
		e := w - float64(scale*l.nearest(float64(w*inverse)))
		loss += float64(e * e)
		mean += e
	}
	return loss, mean / float64(len(x))
}

// offsetBlock finds the scale and the low of 32 numbers, each a float16, and
// the numbers' levels from 0 to high; it writes the scale and the negated low to
// the start of dst.
func offsetBlock(dst []byte, x []float64, high float64, spans []float64) (q [32]int8) {
	scale, low := fitOffset(x, high, spans, true)
	s := sums{n: float64(len(x))}
	for _, v := range x {
		s.x += v
		s.xx += float64(v * v)
	}
	best := math.Inf(1)
	var scaleBits, lowBits uint16
	var bestScale, bestLow float64
	for range 4 {
		sb, sr := toF16(scale)
		lb, lr := toF16(-low)
		if sr == 0 {
			break
		}
		loss, _ := offsetError(x, sr, -lr, high)
		if loss >= best {
			break
		}
		best, scaleBits, lowBits, bestScale, bestLow = loss, sb, lb, sr, -lr
		s.add(x, -lr, 1/sr, high)
		scale, low, _ = s.solve(true)
	}
	if math.IsInf(best, 1) { // all equal, or nearly
		lowBits, _ = toF16(s.x / s.n)
	}
	binary.LittleEndian.PutUint16(dst, scaleBits)
	binary.LittleEndian.PutUint16(dst[2:], lowBits)
	if bestScale != 0 {
		l := levels{0, high}
		for i, v := range x {
			q[i] = int8(l.nearest(float64((v + bestLow) / bestScale)))
		}
	}
	return q
}
