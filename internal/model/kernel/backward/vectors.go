package backward

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Each function here goes as far as vectors do and leaves the rest to portable
// Go, from a multiple of sumLanes on.

func sumProducts(l isa.Level, a, b []float32) float64 {
	b = b[:len(a)]
	if sum, ok := dotVectors(l, a, b); ok {
		return sum
	}
	var lanes [sumLanes]float64
	for n := productVectors(l, &lanes, a, b); n > 0; n = productVectors(l, &lanes, a, b) {
		a, b = a[n:], b[n:]
	}
	productGeneric(&lanes, a, b)
	return tree(&lanes)
}

func sumGained(l isa.Level, dy, w, x []float32) float64 {
	var lanes [sumLanes]float64
	for n := gainedVectors(l, &lanes, dy, w, x); n > 0; n = gainedVectors(l, &lanes, dy, w, x) {
		dy, w, x = dy[n:], w[n:], x[n:]
	}
	gainedGeneric(&lanes, dy, w, x)
	return tree(&lanes)
}

func normed(l isa.Level, dx, dy, x, w []float32, f, c float32) {
	for n := normedVectors(l, dx, dy, x, w, f, c); n > 0; n = normedVectors(l, dx, dy, x, w, f, c) {
		dx, dy, x, w = dx[n:], dy[n:], x[n:], w[n:]
	}
	normedGeneric(dx, dy, x, w, f, c)
}

func addNormed(l isa.Level, dw, dy, x []float32, f float32) {
	dy, x = dy[:len(dw)], x[:len(dw)]
	for n := addNormedVectors(l, dw, dy, x, f); n > 0; n = addNormedVectors(l, dw, dy, x, f) {
		dw, dy, x = dw[n:], dy[n:], x[n:]
	}
	addNormedGeneric(dw, dy, x, f)
}

func swiGLU(l isa.Level, gate, up, dy []float32) {
	up, dy = up[:len(gate)], dy[:len(gate)]
	for n := swiGLUVectors(l, gate, up, dy); n > 0; n = swiGLUVectors(l, gate, up, dy) {
		gate, up, dy = gate[n:], up[n:], dy[n:]
	}
	swiGLUGeneric(gate, up, dy)
}

func exponentials(l isa.Level, out, x []float32, scale, shift float32) float64 {
	var lanes [sumLanes]float64
	x = x[:len(out)]
	for n := exponentialVectors(l, &lanes, out, x, scale, shift); n > 0; n = exponentialVectors(l, &lanes, out, x, scale, shift) {
		out, x = out[n:], x[n:]
	}
	exponentialGeneric(&lanes, out, x, scale, shift)
	return tree(&lanes)
}

func softmax(l isa.Level, ds, p, dp []float32, delta, scale float32) {
	p, dp = p[:len(ds)], dp[:len(ds)]
	for n := softmaxVectors(l, ds, p, dp, delta, scale); n > 0; n = softmaxVectors(l, ds, p, dp, delta, scale) {
		ds, p, dp = ds[n:], p[n:], dp[n:]
	}
	softmaxGeneric(ds, p, dp, delta, scale)
}

// largest returns the largest number of x, minus infinity if there is none. It
// takes no notice of what is not a number.
func largest(l isa.Level, x []float32) float32 {
	top := float32(math.Inf(-1))
	for n := largestVectors(l, &top, x); n > 0; n = largestVectors(l, &top, x) {
		x = x[n:]
	}
	return largestGeneric(top, x) + 0 // of two zeros either is the largest: always the positive one
}
