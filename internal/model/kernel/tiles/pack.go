package tiles

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Word is what packing moves: a number, or a pair.
type Word interface{ float32 | uint32 }

// Pair makes a pair of two numbers, rounded to bfloat16: to the nearest, of two
// equally near ones the even one; a NaN becomes a quiet NaN.
func Pair(first, second float32) uint32 {
	return uint32(half(first)) | uint32(half(second))<<16
}

func half(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Transpose makes columns of rows.
//
//	dst  dst[c*dstStride+r] = src[r*srcStride+c] for r < rows, c < cols
//
// The slices must not overlap. It panics if one is too short.
func Transpose[W Word](dst, src []W, dstStride, srcStride, rows, cols int) {
	transpose(chosen, dst, src, dstStride, srcStride, rows, cols)
}

func transpose[W Word](l isa.Level, dst, src []W, dstStride, srcStride, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if min(dstStride, srcStride) < 0 || (cols-1)*dstStride+rows > len(dst) || (rows-1)*srcStride+cols > len(src) {
		panic(fmt.Sprintf("tiles: Transpose: %d rows of %d, distances %d and %d, do not fit %d and %d words",
			rows, cols, dstStride, srcStride, len(dst), len(src)))
	}
	wide, high := transposeVector(l, dst, src, dstStride, srcStride, rows, cols)
	for r := range rows {
		from := 0
		if r < high {
			from = wide
		}
		for c := from; c < cols; c++ {
			dst[c*dstStride+r] = src[r*srcStride+c]
		}
	}
}

// Spread takes a row apart, Lanes words each, and makes the last ones zero up to
// Lanes.
//
//	dst   dst[c/Lanes*stride+c%Lanes] = src[c]
//	next  how many numbers further on such a row will be read a little later, for
//	      speed alone
func Spread(dst, src []float32, stride, next int) { spread(chosen, dst, src, stride, next) }

func spread(l isa.Level, dst, src []float32, stride, next int) {
	checkSpread("Spread", len(dst), len(src), stride)
	n := spreadVector(l, dst, src, stride, next)
	for ; n < len(src); n += Lanes {
		to := dst[n/Lanes*stride:][:Lanes]
		clear(to[copy(to, src[n:]):])
	}
}

// SpreadPairs is Spread for the pairs of the numbers of two rows; if there is no
// second one, of zeros.
//
//	first   [n]
//	second  [n], or empty
func SpreadPairs(dst []uint32, first, second []float32, stride, next int) {
	spreadPairs(chosen, dst, first, second, stride, next)
}

func spreadPairs(l isa.Level, dst []uint32, first, second []float32, stride, next int) {
	checkSpread("SpreadPairs", len(dst), len(first), stride)
	if len(second) != 0 && len(second) < len(first) {
		panic(fmt.Sprintf("tiles: SpreadPairs: rows of %d and %d numbers", len(first), len(second)))
	}
	n := 0
	if len(second) > 0 {
		n = spreadPairsVector(l, dst, first, second, stride, next)
	}
	for ; n < len(first); n += Lanes {
		to := dst[n/Lanes*stride:][:Lanes]
		clear(to)
		for i := range min(Lanes, len(first)-n) {
			other := float32(0)
			if len(second) > 0 {
				other = second[n+i]
			}
			to[i] = Pair(first[n+i], other)
		}
	}
}

func checkSpread(name string, dst, n, stride int) {
	if n > 0 && (stride < 0 || (n-1)/Lanes*stride+Lanes > dst) {
		panic(fmt.Sprintf("tiles: %s: %d words, distance %d, for %d numbers", name, dst, stride, n))
	}
}

// SpreadHalves is SpreadPairs for two rows of bfloat16, little-endian.
//
//	first, second  [n] of 2 bytes
//
// It panics if second is shorter than first.
func SpreadHalves(dst []uint32, first, second []byte, stride, next int) {
	spreadHalves(chosen, dst, first, second, stride, next)
}

func spreadHalves(l isa.Level, dst []uint32, first, second []byte, stride, next int) {
	cols := len(first) / 2
	checkSpread("SpreadHalves", len(dst), cols, stride)
	second = second[:2*cols]
	n := spreadHalvesVector(l, dst, first, second, stride, next)
	for ; n < cols; n += Lanes {
		to := dst[n/Lanes*stride:][:Lanes]
		clear(to)
		for i := range min(Lanes, cols-n) {
			at := 2 * (n + i)
			to[i] = uint32(first[at]) | uint32(first[at+1])<<8 | uint32(second[at])<<16 | uint32(second[at+1])<<24
		}
	}
}

// PairRow makes pairs of the numbers of a row, the last with zero if there are
// not even many.
//
//	dst  [(n+1)/2]
//	src  [n]
//
// It panics if dst is too short.
func PairRow(dst []uint32, src []float32) { pairRow(chosen, dst, src) }

func pairRow(l isa.Level, dst []uint32, src []float32) {
	if (len(src)+1)/2 > len(dst) {
		panic(fmt.Sprintf("tiles: PairRow: %d pairs of %d numbers", len(dst), len(src)))
	}
	n := pairRowVector(l, dst, src)
	for ; n+1 < len(src); n += 2 {
		dst[n/2] = Pair(src[n], src[n+1])
	}
	if n < len(src) {
		dst[n/2] = Pair(src[n], 0)
	}
}
