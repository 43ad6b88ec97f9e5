package floats

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// numberSize is how many bytes a number of a panel takes; t is F32, F16 or BF16,
// else it panics in the name of a function.
func numberSize(name string, t quant.Type) int {
	switch t {
	case quant.F32:
		return 4
	case quant.F16, quant.BF16:
		return 2
	}
	panic(fmt.Sprintf("floats: %s: no panels of %v", name, t))
}

// need panics in the name of a function if a slice is too short. Slicing would
// not: it goes up to the capacity.
func need(name string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("floats: %s: a slice of %d where %d are needed", name, have, want))
	}
}

// Packs reports whether t is a type that panels here are made of: F32, F16 or
// BF16.
func Packs(t quant.Type) bool { return t == quant.F32 || t == quant.F16 || t == quant.BF16 }

// PanelSize returns how many bytes a panel of rows of cols numbers takes. It
// panics if t is not F32, F16 or BF16.
func PanelSize(t quant.Type, cols int) int { return numberSize("PanelSize", t) * cols * Lanes }

// Pack writes n rows, at most Lanes, as a panel: the first number of each row,
// the second of each, and so on. Rows that are missing are zeros.
//
//	dst  [cols,Lanes] numbers of t, PanelSize(t, cols) bytes
//	src  [n,cols]     numbers of t, row-major, little-endian
//
// The bits of the numbers stay as they are. It panics if t is not F32, F16 or
// BF16, n is not in 0..Lanes, or a slice is too short. The slices must not
// overlap.
func Pack(dst []byte, t quant.Type, src []byte, n, cols int) { pack(chosen, dst, t, src, n, cols) }

func pack(l isa.Level, dst []byte, t quant.Type, src []byte, n, cols int) {
	size := numberSize("Pack", t)
	if n < 0 || n > Lanes || cols < 0 {
		panic(fmt.Sprintf("floats: Pack: %d rows of %d numbers", n, cols))
	}
	need("Pack", len(dst), size*cols*Lanes)
	need("Pack", len(src), size*cols*n)
	dst, src = dst[:size*cols*Lanes], src[:size*cols*n]
	if n < Lanes {
		clear(dst)
	}
	done := packVector(l, dst, size, src, n, cols)
	if size == 4 {
		packWords(dst, src, n, cols, done)
	} else {
		packHalves(dst, src, n, cols, done)
	}
}

// packWords packs the columns from first on, of numbers of 4 bytes.
func packWords(dst, src []byte, n, cols, first int) {
	for r := range n {
		row := src[r*cols*4:][:cols*4]
		for k := first; k < cols; k++ {
			v := binary.LittleEndian.Uint32(row[k*4:])
			binary.LittleEndian.PutUint32(dst[(k*Lanes+r)*4:], v)
		}
	}
}

// packHalves is packWords for numbers of 2 bytes.
func packHalves(dst, src []byte, n, cols, first int) {
	for r := range n {
		row := src[r*cols*2:][:cols*2]
		for k := first; k < cols; k++ {
			v := binary.LittleEndian.Uint16(row[k*2:])
			binary.LittleEndian.PutUint16(dst[(k*Lanes+r)*2:], v)
		}
	}
}

// widenPortable writes the numbers of src as float32, which hold each exactly; a
// NaN keeps its payload, as package quant has it.
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
	need("Narrow", len(dst), len(src)*size)
	for n := narrowVector(l, dst, t, src); n > 0; n = narrowVector(l, dst, t, src) {
		dst, src = dst[n*size:], src[n:]
	}
	narrowPortable(dst, t, src)
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
