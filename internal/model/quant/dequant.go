package quant

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Dequantize turns blocks of a format into the numbers that they stand for:
// exactly those that ggml, whose formats these are, defines.
//
//	dst  n numbers; n must be a multiple of t's block
//	src  t.Size(n) bytes, little-endian; must not overlap dst
//
// Any bytes are some numbers, infinities and NaNs among them. Each product is
// rounded to float32 before it is added to, on every processor. It panics if
// the lengths do not fit or the type is not known.
//
// Source: ggml's quantised formats; docs/formats/quantization.md has each.
func Dequantize(dst []float32, t Type, src []byte) {
	if size := t.Size(len(dst)); len(src) != size {
		panic(fmt.Sprintf("quant: Dequantize: %d bytes for %d numbers of %v, want %d", len(src), len(dst), t, size))
	}
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[:4]))
			src = src[4:]
		}
	case F16:
		for i := range dst {
			dst[i] = FromF16(binary.LittleEndian.Uint16(src[:2]))
			src = src[2:]
		}
	case BF16:
		for i := range dst {
			dst[i] = FromBF16(binary.LittleEndian.Uint16(src[:2]))
			src = src[2:]
		}
	default:
		dequantizeBlocks(dst, t, src)
	}
}

func dequantizeBlocks(dst []float32, t Type, src []byte) {
	elements, bytes := t.Block()
	from := t.reader()
	for ; len(dst) > 0; dst, src = dst[elements:], src[bytes:] {
		from(dst, src)
	}
}

// reader returns the function that turns one block, the first of src, into the
// first numbers of dst.
func (t Type) reader() func(dst []float32, src []byte) {
	switch t {
	case Q4_0:
		return fromQ4_0
	case Q4_1:
		return fromQ4_1
	case Q5_0:
		return fromQ5_0
	case Q5_1:
		return fromQ5_1
	case Q8_0:
		return fromQ8_0
	case Q2_K:
		return fromQ2_K
	case Q3_K:
		return fromQ3_K
	case Q4_K:
		return fromQ4_K
	case Q5_K:
		return fromQ5_K
	case Q6_K:
		return fromQ6_K
	case IQ4_NL:
		return fromIQ4_NL
	case IQ4_XS:
		return fromIQ4_XS
	}
	panic(fmt.Sprintf("quant: %v is no format of blocks", t))
}

// f16At returns the binary16 number at the start of b.
func f16At(b []byte) float32 { return FromF16(binary.LittleEndian.Uint16(b)) }

func fromQ8_0(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[34]byte)(src)
	d := f16At(b[:])
	for i, q := range b[2:] {
		y[i] = float32(int8(q)) * d
	}
}

func fromQ4_0(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[18]byte)(src)
	d := f16At(b[:])
	for i, q := range (*[16]byte)(b[2:]) {
		y[i] = float32(int(q&15)-8) * d
		y[i+16] = float32(int(q>>4)-8) * d
	}
}

func fromQ4_1(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[20]byte)(src)
	d, m := f16At(b[:]), f16At(b[2:])
	for i, q := range (*[16]byte)(b[4:]) {
		y[i] = float32(float32(q&15)*d) + m
		y[i+16] = float32(float32(q>>4)*d) + m
	}
}

func fromQ5_0(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[22]byte)(src)
	d, high := f16At(b[:]), binary.LittleEndian.Uint32(b[2:])
	for i, q := range (*[16]byte)(b[6:]) {
		y[i] = float32(int(q&15)+int(high&1<<4)-16) * d
		y[i+16] = float32(int(q>>4)+int(high>>12&16)-16) * d
		high >>= 1
	}
}

func fromQ5_1(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[24]byte)(src)
	d, m, high := f16At(b[:]), f16At(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range (*[16]byte)(b[8:]) {
		y[i] = float32(float32(int(q&15)+int(high&1<<4))*d) + m
		y[i+16] = float32(float32(int(q>>4)+int(high>>12&16))*d) + m
		high >>= 1
	}
}

// codebook is the numbers that a nibble of IQ4_NL and IQ4_XS stands for: closer
// together near zero, where most weights are.
var codebook = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// Codebook returns the whole numbers that the nibbles of IQ4_NL and IQ4_XS stand
// for, before the scale.
func Codebook() [16]int8 { return codebook }

func fromIQ4_NL(dst []float32, src []byte) {
	y, b := (*[32]float32)(dst), (*[18]byte)(src)
	d := f16At(b[:])
	for i, q := range (*[16]byte)(b[2:]) {
		y[i] = float32(codebook[q&15]) * d
		y[i+16] = float32(codebook[q>>4]) * d
	}
}

func fromIQ4_XS(dst []float32, src []byte) {
	b := (*[136]byte)(src)
	d, high := f16At(b[:]), int(binary.LittleEndian.Uint16(b[2:]))
	for j := range 8 {
		scale := int(b[4+j/2]>>(j%2*4)&15) | high>>(2*j)&3<<4
		scaled := d * float32(scale-32)
		y := (*[32]float32)(dst[32*j:])
		for i, q := range (*[16]byte)(b[8+16*j:]) {
			y[i] = float32(codebook[q&15]) * scaled
			y[i+16] = float32(codebook[q>>4]) * scaled
		}
	}
}
