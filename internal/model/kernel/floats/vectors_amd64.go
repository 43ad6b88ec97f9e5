//go:build !purego

package floats

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

//go:generate go -C ../../../../_asm run ./floats -part vectors -pkg floats -out ../internal/model/kernel/floats/vectors_amd64.s -stubs ../internal/model/kernel/floats/vectors_stubs_amd64.go

// vectorCall bounds what a call of assembly goes through, for it cannot be
// interrupted. It is a multiple of what any of them takes at a time.
const vectorCall = 1 << 16

// whole returns how many of n numbers a call takes: a multiple of unit.
func whole(l isa.Level, n, unit int) int {
	if l < isa.AVX2 {
		return 0
	}
	return min(n, vectorCall) / unit * unit
}

func addVectors(l isa.Level, y, x []float32) int {
	n := whole(l, len(y), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		addAVX512(&y[0], &x[0], n)
	default:
		addAVX2(&y[0], &x[0], n)
	}
	return n
}

func scaleVectors(l isa.Level, out, x []float32, f float32) int {
	n := whole(l, len(out), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		scaleAVX512(&out[0], &x[0], n, f)
	default:
		scaleAVX2(&out[0], &x[0], n, f)
	}
	return n
}

func blendVectors(l isa.Level, y, x []float32, f, g float32) int {
	n := whole(l, len(y), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		blendAVX512(&y[0], &x[0], n, f, g)
	default:
		blendAVX2(&y[0], &x[0], n, f, g)
	}
	return n
}

func squareVectors(l isa.Level, lanes *[normLanes]float64, x []float32) int {
	n := whole(l, len(x), normLanes)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		squareAVX512(&lanes[0], &x[0], n)
	default:
		squareAVX2(&lanes[0], &x[0], n)
	}
	return n
}

func gainVectors(l isa.Level, out, x, w []float32, f float32) int {
	n := whole(l, len(out), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		gainAVX512(&out[0], &x[0], &w[0], n, f)
	default:
		gainAVX2(&out[0], &x[0], &w[0], n, f)
	}
	return n
}

func swiGLUVectors(l isa.Level, out, gate, up []float32) int {
	n := whole(l, len(out), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		swiGLUAVX512(&out[0], &gate[0], &up[0], n)
	default:
		swiGLUAVX2(&out[0], &gate[0], &up[0], n)
	}
	return n
}

func expVectors(l isa.Level, out, x []float32) int {
	n := whole(l, len(out), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		expAVX512(&out[0], &x[0], n)
	default:
		expAVX2(&out[0], &x[0], n)
	}
	return n
}

func pairVectors(l isa.Level, x, cos, sin []float32) int {
	n := whole(l, len(cos), 8)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		pairAVX512(&x[0], &cos[0], &sin[0], n)
	default:
		pairAVX2(&x[0], &cos[0], &sin[0], n)
	}
	return n
}

func halfVectors(l isa.Level, low, high, cos, sin []float32) int {
	n := whole(l, len(cos), 16)
	switch {
	case n == 0:
	case l >= isa.AVX512:
		halfAVX512(&low[0], &high[0], &cos[0], &sin[0], n)
	default:
		halfAVX2(&low[0], &high[0], &cos[0], &sin[0], n)
	}
	return n
}

// softmaxRows is how many rows a call of assembly takes.
const softmaxRows = 256

func softmaxVectors(l isa.Level, score []float32, n int, scale float32, top, total, factor []float32) bool {
	if l < isa.AVX2 {
		return false
	}
	for r := 0; r < len(top); r += softmaxRows {
		R := min(softmaxRows, len(top)-r)
		if l >= isa.AVX512 {
			softmaxAVX512(&score[r*Block], n, scale, &top[r], &total[r], &factor[r], R)
		} else {
			softmaxAVX2(&score[r*Block], n, scale, &top[r], &total[r], &factor[r], R)
		}
	}
	return true
}

// How many queries a call of Scores or AddValues takes.
const (
	rows512 = 8
	rows256 = 4
)

// scoresVectors goes through all queries with one page, or two, before the next:
// a page stays in the first cache.
func scoresVectors(l isa.Level, out []float32, t quant.Type, keys [][]byte, q []float32, D int, ahead [][]byte) bool {
	if l < isa.AVX2 {
		return false
	}
	if len(ahead) == 0 {
		ahead = keys // what is read ahead is there then
	}
	R := len(q) / D
	if l < isa.AVX512 {
		for p, page := range keys {
			k, a := &page[0], &ahead[p][0]
			for r := 0; r < R; r += rows256 {
				n, o, q := min(rows256, R-r), &out[r*Block+p*Lanes], &q[r*D]
				switch t {
				case quant.F32:
					scoresF32AVX2(o, q, n, D, k, a)
				case quant.F16:
					scoresF16AVX2(o, q, n, D, k, a)
				default:
					scoresQ8AVX2(o, q, n, D, k, a)
				}
			}
		}
		return true
	}
	for p := 0; p < len(keys); p += 2 {
		// An odd page is multiplied twice: there is room for its scores, since
		// a block has an even number of pages.
		second := min(p+1, len(keys)-1)
		k0, k1, a0, a1 := &keys[p][0], &keys[second][0], &ahead[p][0], &ahead[second][0]
		for r := 0; r < R; r += rows512 {
			n, o, q := min(rows512, R-r), &out[r*Block+p*Lanes], &q[r*D]
			switch t {
			case quant.F32:
				scoresF32AVX512(o, q, n, D, k0, k1, a0, a1)
			case quant.F16:
				scoresF16AVX512(o, q, n, D, k0, k1, a0, a1)
			default:
				scoresQ8AVX512(o, q, n, D, k0, k1, a0, a1)
			}
		}
	}
	return true
}

func valuesVectors(l isa.Level, out []float32, t quant.Type, values [][]byte, P int, w []float32, from, to int, factor []float32, ahead [][]byte) bool {
	if l < isa.AVX2 {
		return false
	}
	if len(ahead) == 0 {
		ahead = values
	}
	rows := rows512
	if l < isa.AVX512 {
		rows = rows256
	}
	for r := 0; r < len(factor); r += rows {
		n, o, v, a, w, f := min(rows, len(factor)-r), &out[r*P], &values[0], &ahead[0], &w[r*Block], &factor[r]
		switch {
		case l >= isa.AVX512 && t == quant.F32:
			valuesF32AVX512(o, P, v, w, from, to, f, n, a)
		case l >= isa.AVX512 && t == quant.F16:
			valuesF16AVX512(o, P, v, w, from, to, f, n, a)
		case l >= isa.AVX512:
			valuesQ8AVX512(o, P, v, w, from, to, f, n, a)
		case t == quant.F32:
			valuesF32AVX2(o, P, v, w, from, to, f, n, a)
		case t == quant.F16:
			valuesF16AVX2(o, P, v, w, from, to, f, n, a)
		default:
			valuesQ8AVX2(o, P, v, w, from, to, f, n, a)
		}
	}
	return true
}

func prefetchVectors(pages [][]byte, n int) {
	for _, p := range pages {
		prefetch(&p[0], n)
	}
}
