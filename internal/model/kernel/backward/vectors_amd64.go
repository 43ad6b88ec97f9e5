//go:build !purego

package backward

import "github.com/casemate-ai/casemate/internal/model/isa"

//go:generate go -C ../../../../_asm run ./floats -part backward -pkg backward -out ../internal/model/kernel/backward/vectors_amd64.s -stubs ../internal/model/kernel/backward/vectors_stubs_amd64.go

// vectorCall bounds what a call of assembly goes through, for it cannot be
// interrupted. It is a multiple of what any of them takes at a time.
const vectorCall = 1 << 14

// whole returns how many of n numbers a call takes: a multiple of unit.
func whole(l isa.Level, n, unit int) int {
	if l < isa.AVX2 {
		return 0
	}
	return min(n, vectorCall) / unit * unit
}

func productVectors(l isa.Level, lanes *[sumLanes]float64, a, b []float32) int {
	n := whole(l, len(a), sumLanes)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		productAVX512(&lanes[0], &a[0], &b[0], n)
	default:
		productAVX2(&lanes[0], &a[0], &b[0], n)
	}
	return n
}

// dotVectors does all of a product or nothing.
func dotVectors(l isa.Level, a, b []float32) (float64, bool) {
	n := whole(l, len(a), sumLanes)
	switch {
	case n == 0 || n != len(a):
		return 0, false
	case l >= isa.AVX512:
		return dotAVX512(&a[0], &b[0], n), true
	}
	return dotAVX2(&a[0], &b[0], n), true
}

func gainedVectors(l isa.Level, lanes *[sumLanes]float64, dy, w, x []float32) int {
	n := whole(l, len(dy), sumLanes)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		gainedAVX512(&lanes[0], &dy[0], &w[0], &x[0], n)
	default:
		gainedAVX2(&lanes[0], &dy[0], &w[0], &x[0], n)
	}
	return n
}

func normedVectors(l isa.Level, dx, dy, x, w []float32, f, c float32) int {
	n := whole(l, len(dx), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		normedAVX512(&dx[0], &dy[0], &x[0], &w[0], n, f, c)
	default:
		normedAVX2(&dx[0], &dy[0], &x[0], &w[0], n, f, c)
	}
	return n
}

func addNormedVectors(l isa.Level, dw, dy, x []float32, f float32) int {
	n := whole(l, len(dw), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		addNormedAVX512(&dw[0], &dy[0], &x[0], n, f)
	default:
		addNormedAVX2(&dw[0], &dy[0], &x[0], n, f)
	}
	return n
}

func swiGLUVectors(l isa.Level, gate, up, dy []float32) int {
	n := whole(l, len(gate), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		swiGLUAVX512(&gate[0], &up[0], &dy[0], n)
	default:
		swiGLUAVX2(&gate[0], &up[0], &dy[0], n)
	}
	return n
}

func exponentialVectors(l isa.Level, lanes *[sumLanes]float64, out, x []float32, scale, shift float32) int {
	n := whole(l, len(out), sumLanes)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		exponentialAVX512(&lanes[0], &out[0], &x[0], n, scale, shift)
	default:
		exponentialAVX2(&lanes[0], &out[0], &x[0], n, scale, shift)
	}
	return n
}

func softmaxVectors(l isa.Level, ds, p, dp []float32, delta, scale float32) int {
	n := whole(l, len(ds), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		softmaxAVX512(&ds[0], &p[0], &dp[0], n, delta, scale)
	default:
		softmaxAVX2(&ds[0], &p[0], &dp[0], n, delta, scale)
	}
	return n
}

func largestVectors(l isa.Level, top *float32, x []float32) int {
	n := whole(l, len(x), sumLanes)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		largestAVX512(top, &x[0], n)
	default:
		largestAVX2(top, &x[0], n)
	}
	return n
}

func adamWVectors(l isa.Level, value, grad, m, v []float32, f *AdamWFactors) int {
	n := whole(l, len(value), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		adamWAVX512(&value[0], &grad[0], &m[0], &v[0], &f.Scale, n)
	default:
		adamWAVX2(&value[0], &grad[0], &m[0], &v[0], &f.Scale, n)
	}
	return n
}
