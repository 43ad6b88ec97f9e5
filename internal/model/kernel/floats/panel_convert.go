package floats

import (
	"encoding/binary"
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Widen writes the numbers of src as float32, which hold each exactly; a NaN
// keeps its payload, as package quant has it.
//
//	dst  [n]
//	src  [n] numbers of t, little-endian
//
// It panics if t is not F32, F16 or BF16, or src is shorter than dst.
func Widen(dst []float32, t quant.Type, src []byte) { widen(chosen, dst, t, src) }

func widen(l isa.Level, dst []float32, t quant.Type, src []byte) {
	size := numberSize("Widen", t)
	src = src[:len(dst)*size]
	n := widenVector(l, dst, t, src)
	widenPortable(dst[n:], t, src[n*size:])
}

// widenPortable is Widen in portable Go.
func widenPortable(dst []float32, t quant.Type, src []byte) {
	switch t {
	case quant.F32:
		src = src[:len(dst)*4]
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[i*4:]))
		}
	case quant.F16:
		src = src[:len(dst)*2]
		for i := range dst {
			dst[i] = quant.FromF16(binary.LittleEndian.Uint16(src[i*2:]))
		}
	default:
		src = src[:len(dst)*2]
		for i := range dst {
			dst[i] = quant.FromBF16(binary.LittleEndian.Uint16(src[i*2:]))
		}
	}
}

// Narrow writes each number of src as the nearest of t, of two equally near ones
// the even one; a NaN becomes a quiet NaN, as package quant has it.
//
//	dst  [n] numbers of t, little-endian
//	src  [n]
//
// It panics if t is not F32, F16 or BF16, or dst is shorter than src.
func Narrow(dst []byte, t quant.Type, src []float32) { narrow(chosen, dst, t, src) }

func narrow(l isa.Level, dst []byte, t quant.Type, src []float32) {
	size := numberSize("Narrow", t)
	dst = dst[:len(src)*size]
	n := narrowVector(l, dst, t, src)
	narrowPortable(dst[n*size:], t, src[n:])
}

// narrowPortable is Narrow in portable Go.
func narrowPortable(dst []byte, t quant.Type, src []float32) {
	switch t {
	case quant.F32:
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[i*4:], math.Float32bits(v))
		}
	case quant.F16:
		for i, v := range src {
			binary.LittleEndian.PutUint16(dst[i*2:], quant.ToF16(v))
		}
	default:
		for i, v := range src {
			binary.LittleEndian.PutUint16(dst[i*2:], quant.ToBF16(v))
		}
	}
}
