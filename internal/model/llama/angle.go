package llama

import (
	"math"
	"math/big"
)

// Positions turn queries and keys by angles whose sines and cosines must be the
// same on every processor. Those of package math are not: the Go compiler fuses
// its products and sums on some processors, and others have its functions in
// assembly. So every product here is rounded, or the arithmetic is that of package
// big.

// rootBits is far more than a float64 has, so that what is rounded to one does not
// depend on where the iteration began.
const rootBits = 200

// roots returns b^(-i/n) for i from 0 to n-1, each the float64 nearest to it, for
// finite b > 1. It is Newton's iteration for y^-n = b, which doubles the number of
// right bits each time, begun with some 40.
func roots(b float64, n int) []float64 {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(rootBits).SetFloat64(v) }
	y := number(math.Pow(b, -1/float64(n)))
	for range 4 {
		p := number(b)
		for range n {
			p.Mul(p, y)
		}
		// y ← y + y·(1 - b·y^n)/n
		p.Sub(number(1), p)
		p.Mul(p, y)
		y.Add(y, p.Quo(p, number(float64(n))))
	}
	powers, p := make([]float64, n), number(1)
	for i := range powers {
		powers[i], _ = p.Float64()
		p.Mul(p, y)
	}
	return powers
}

// The quarters add up to π/2. The first two have 26 bits, so that their products
// with whole numbers below 2^27 have no rounding.
const (
	quarter1 = 0x1.921fb5p+00
	quarter2 = 0x1.110b46p-26
	quarter3 = math.Pi/2 - quarter1 - quarter2
)

// sincos returns the sine and cosine of x ≥ 0, below 2^27 within 2e-16 of their
// values; larger angles, which no text reaches, are first reduced by a rounded 2π.
//
// x is split into quarter turns and a rest of at most π/4 either way, of whose
// sine and cosine the Taylor series to r^17 leave out less than 1e-17.
func sincos(x float64) (sin, cos float64) {
	if x >= 1<<27 {
		x = math.Mod(x, 2*math.Pi)
	}
	n := math.RoundToEven(x * (2 / math.Pi))
	r := float64(x-float64(n*quarter1)) - float64(n*quarter2)
	r -= float64(n * quarter3)
	sin, cos = taylor(r)
	switch int64(n) & 3 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}

// taylor returns the series of the sine of r to r^17 and of its cosine to r^16.
func taylor(r float64) (sin, cos float64) {
	r2 := float64(r * r)
	s := float64(r2*(1.0/355687428096000)) - 1.0/1307674368000
	s = float64(r2*s) + 1.0/6227020800
	s = float64(r2*s) - 1.0/39916800
	s = float64(r2*s) + 1.0/362880
	s = float64(r2*s) - 1.0/5040
	s = float64(r2*s) + 1.0/120
	s = float64(r2*s) - 1.0/6
	c := float64(r2*(1.0/20922789888000)) - 1.0/87178291200
	c = float64(r2*c) + 1.0/479001600
	c = float64(r2*c) - 1.0/3628800
	c = float64(r2*c) + 1.0/40320
	c = float64(r2*c) - 1.0/720
	c = float64(r2*c) + 1.0/24
	c = float64(r2*c) - 1.0/2
	return r + float64(r*float64(r2*s)), 1 + float64(r2*c)
}

// logarithm returns ln x within 1e-15 of it, for finite x > 0: x is 2^e·m with m
// between √½ and √2, and ln m = 2·artanh s, s = (m-1)/(m+1), whose series to s^21
// leaves out less than 1e-18.
func logarithm(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	sum := 0.0
	for k := 21.0; k >= 3; k -= 2 {
		sum = float64(s2 * (sum + 1/k))
	}
	return float64(float64(e)*math.Ln2) + float64(2*float64(s+float64(s*sum)))
}
