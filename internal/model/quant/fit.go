package quant

import "math"

// The search for a block's scales. A format stands for x ≈ scale·q (even) or
// x ≈ scale·q − low (offset), q a whole number of few bits; for given q the best
// scale and low are those of least squares, for given scale and low the best q
// is the nearest. Which q to start from is found by trying a grid of scales near
// the one that just holds the largest number: a slightly smaller one clips it
// but places all others more finely, and which of them happens to lie well
// differs by a fifth of the error.

// rounder is 1.5·2^52: a float64 below 2^51 plus rounder minus rounder is
// rounded to a whole number, ties to even, as the processor rounds.
const rounder = 3 << 51

// levels is the whole numbers that a format has.
type levels struct{ low, high float64 }

// nearest returns the level nearest to v.
func (l levels) nearest(v float64) float64 {
	// Clamped first: v may be infinite where a scale came out tiny.
	if v <= l.low {
		return l.low
	}
	if v >= l.high {
		return l.high
	}
	return v + rounder - rounder
}

// project returns Σx·q and Σq² for the levels q nearest to x·inverse. With the
// scale Σxq/Σq² the squared error is Σx² − (Σxq)²/Σq².
func (l levels) project(x []float64, inverse float64) (xq, qq float64) {
	for _, v := range x {
		q := l.nearest(float64(v * inverse))
		xq += float64(v * q)
		qq += float64(q * q)
	}
	return xq, qq
}

// evenError returns the squared error of x ≈ scale·q, and the scale of least
// squares for the same q.
func (l levels) evenError(x []float64, scale float64) (loss, better float64) {
	inverse := 1 / scale
	var xq, qq float64
	for _, v := range x {
		q := l.nearest(float64(v * inverse))
		e := v - float64(scale*q)
		loss += float64(e * e)
		xq += float64(v * q)
		qq += float64(q * q)
	}
	if qq > 0 {
		return loss, xq / qq
	}
	return loss, 0
}

// peak returns the number of x that is farthest from zero, the first of several.
func peak(x []float64) float64 {
	p := 0.0
	for _, v := range x {
		if math.Abs(v) > math.Abs(p) {
			p = v
		}
	}
	return p
}

// fitEven returns a scale of little squared error for x ≈ scale·q: it maps the
// peak to each of the targets and improves the best. It returns 0 for zeros.
func (l levels) fitEven(x, targets []float64) float64 {
	p := peak(x)
	if p == 0 {
		return 0
	}
	scale, best := 0.0, 0.0
	for _, target := range targets {
		if xq, qq := l.project(x, target/p); qq > 0 && xq*xq > best*qq {
			scale, best = xq/qq, xq*xq/qq
		}
	}
	return scale
}

// toF16 rounds a scale to the nearest float16 that is finite.
func toF16(scale float64) (bits uint16, rounded float64) {
	const largest = 65504
	bits = ToF16(float32(min(max(scale, -largest), largest)))
	return bits, float64(FromF16(bits))
}

// firstUnit returns the float16 nearest to largest/top, but one that makes largest
// with a code of at most last: a subnormal float16 may be rounded too far down
// for that.
func firstUnit(largest, top, last float64) (bits uint16, rounded float64) {
	bits, rounded = toF16(largest / top)
	if math.Abs(rounded*last) < math.Abs(largest) && bits&^signF16 < infF16-1 {
		bits++
		rounded = float64(FromF16(bits))
	}
	return bits, rounded
}

// settle rounds a scale to float16 and improves it by least squares for as long
// as that helps.
func (l levels) settle(x []float64, scale float64) (bits uint16, rounded float64) {
	least := math.Inf(1)
	for range 4 {
		b, r := toF16(scale)
		if r == 0 {
			break
		}
		loss, better := l.evenError(x, r)
		if loss >= least {
			break
		}
		least, bits, rounded, scale = loss, b, r, better
	}
	return bits, rounded
}
