package kernel

import "math"

const (
	log2e = 1 / math.Ln2
	// ln2 is split so that n·ln2Hi has no rounding for the n that occur.
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
	// Adding and subtracting 1.5·2^52 rounds to the nearest whole number.
	roundShift = 3 << 51
	// Below expFloor e^x is less than half of the smallest float32, and beyond
	// expCeil more than the largest.
	expFloor, expCeil = -104, 89
)

// exp returns e^x within 2e-15 of its value, 0 below expFloor and +Inf above
// expCeil, so that a float32 made of it is the nearest one but for a few in a
// hundred million. math.Exp is not used because its bits differ between
// processors.
//
// x is split into n·ln 2 + r with |r| ≤ ln 2 / 2, e^r is the Taylor series to
// r^12, whose rest is below 2e-16, and 2^n goes into the exponent.
func exp(x float64) float64 {
	switch {
	case x < expFloor:
		return 0
	case x > expCeil:
		return math.Inf(1)
	case x != x:
		return x
	}
	n := float64(float64(x*log2e)+roundShift) - roundShift
	r := float64(x-float64(n*ln2Hi)) - float64(n*ln2Lo)
	return series(r) * math.Float64frombits(uint64(int64(n)+1023)<<52)
}

// series is the Taylor series of e^r to r^12, pairs of terms first: that has
// fewer steps one after another than Horner's rule.
func series(r float64) float64 {
	r2 := float64(r * r)
	r4 := float64(r2 * r2)
	p0 := 1 + r
	p1 := 1.0/2 + float64(r*(1.0/6))
	p2 := 1.0/24 + float64(r*(1.0/120))
	p3 := 1.0/720 + float64(r*(1.0/5040))
	p4 := 1.0/40320 + float64(r*(1.0/362880))
	p5 := 1.0/3628800 + float64(r*(1.0/39916800))
	low := p0 + float64(r2*p1)
	mid := p2 + float64(r2*p3)
	high := p4 + float64(r2*float64(p5+float64(r2*(1.0/479001600))))
	return low + float64(r4*float64(mid+float64(r4*high)))
}

// LogSumExp returns the natural logarithm of the sum of e^x, in float64 and in
// order.
//
//	x  [N]; of none it returns -Inf
func LogSumExp(x []float32) float64 {
	top := largest(x)
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// largest returns the largest number of x, NaN if there is one among them.
func largest(x []float32) float64 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top || v != v {
			top = v
		}
		if top != top {
			break
		}
	}
	return float64(top)
}
