package quant

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Writable says whether Quantize can write the type.
func (t Type) Writable() bool {
	switch t {
	case F32, F16, BF16:
		return true
	}
	return t.writer() != nil
}

// Quantize turns numbers into blocks of a format, choosing each block's scales
// so that the sum of the squared errors is small.
//
//	dst  t.Size(n) bytes, little-endian; must not overlap src
//	src  n finite numbers; n must be a multiple of t's block
//
// The same numbers give the same bytes on every processor. Float16 scales hold
// magnitudes up to 65,504: numbers too large for the format become its largest,
// numbers too small become zero. F32, F16 and BF16 are rounded to nearest, ties
// to even. It panics if the lengths do not fit or the type cannot be written;
// what it writes for infinities and NaNs is not defined in the formats of
// blocks, so that callers refuse them.
func Quantize(dst []byte, t Type, src []float32) {
	if size := t.Size(len(src)); len(dst) != size {
		panic(fmt.Sprintf("quant: Quantize: %d bytes for %d numbers of %v, want %d", len(dst), len(src), t, size))
	}
	switch t {
	case F32:
		for _, x := range src {
			binary.LittleEndian.PutUint32(dst, math.Float32bits(x))
			dst = dst[4:]
		}
	case F16:
		for _, x := range src {
			binary.LittleEndian.PutUint16(dst, ToF16(x))
			dst = dst[2:]
		}
	case BF16:
		for _, x := range src {
			binary.LittleEndian.PutUint16(dst, ToBF16(x))
			dst = dst[2:]
		}
	default:
		quantizeBlocks(dst, t, src)
	}
}

func quantizeBlocks(dst []byte, t Type, src []float32) {
	to := t.writer()
	if to == nil {
		panic(fmt.Sprintf("quant: Quantize: %v cannot be written", t))
	}
	elements, bytes := t.Block()
	// The search for scales works in float64, where no square of a float32 is too
	// large or too small.
	var wide [256]float64
	x := wide[:elements]
	for ; len(src) > 0; dst, src = dst[bytes:], src[elements:] {
		for i, v := range src[:elements] {
			x[i] = float64(v)
		}
		to(dst[:bytes], x)
	}
}

// writer returns the function that turns the numbers of one block into its
// bytes, or nil for a type that is not written.
func (t Type) writer() func(dst []byte, x []float64) {
	switch t {
	case Q4_0:
		return toQ4_0
	case Q4_1:
		return toQ4_1
	case Q5_0:
		return toQ5_0
	case Q5_1:
		return toQ5_1
	case Q8_0:
		return toQ8_0
	case Q4_K:
		return toQ4_K
	case Q5_K:
		return toQ5_K
	case Q6_K:
		return toQ6_K
	}
	return nil
}
