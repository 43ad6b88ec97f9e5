package lexical

import "math"

// The products below are rounded before they are added, float32(x*y), so that
// no processor fuses the two and all give the same bits.

// multiply fills out with the products of x and each row of w, four rows at a
// time. Each row sums in order, so the bits do not depend on its neighbours.
func multiply(out, w, x []float32) {
	n := len(x)
	for len(out) >= 4 && len(w) >= 4*n {
		a, b, c, d := w[:n], w[n:][:n], w[2*n:][:n], w[3*n:][:n]
		var sa, sb, sc, sd float32
		for i, v := range x {
			sa += float32(a[i] * v)
			sb += float32(b[i] * v)
			sc += float32(c[i] * v)
			sd += float32(d[i] * v)
		}
		out[0], out[1], out[2], out[3] = sa, sb, sc, sd
		out, w = out[4:], w[4*n:]
	}
	for k := range out {
		s := float32(0)
		for i, v := range x {
			s += float32(w[k*n+i] * v)
		}
		out[k] = s
	}
}

// exp is e to the x to about seven digits: 2 to the whole part of x/ln 2 by the
// exponent, a polynomial for the rest.
func exp(x float32) float32 {
	const log2e, ln2Hi, ln2Lo = 1.44269504, 0.693359375, -2.12194440e-4
	if x < -87 {
		return 0
	}
	if x > 88 {
		x = 88
	}
	half := float32(0.5)
	if x < 0 {
		half = -half
	}
	whole := int32(float32(x*log2e) + half)
	n := float32(whole)
	r := x - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	p := float32(1.9875691500e-4)
	for _, c := range [...]float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = float32(p*r) + c
	}
	p = float32(float32(p*r)*r) + r + 1
	return math.Float32frombits(math.Float32bits(p) + uint32(whole)<<23)
}
