package quant

import "math"

const (
	signF16     = 0x8000
	infF16      = 0x7c00
	leastF16    = 0x0400 // the smallest that is not subnormal
	quietF16    = 0x0200
	infF32      = 0x7f800000
	rebias      = (127 - 15) << 23 // from float16's exponents to float32's
	shiftF16    = 13               // float32's mantissa is so many bits longer
	overflowF16 = 0x1p16 - 16
)

// FromF16 returns the number whose IEEE 754 binary16 bits are h. Every binary16
// number is a float32, so nothing is rounded; a NaN keeps its payload.
func FromF16(h uint16) float32 {
	sign := uint32(h&signF16) << 16
	body := uint32(h &^ signF16)
	switch {
	case body >= infF16:
		return math.Float32frombits(sign | infF32 | body<<shiftF16)
	case body < leastF16: // subnormal: a multiple of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(body)*0x1p-24))
	}
	return math.Float32frombits(sign | body<<shiftF16 + rebias)
}

// ToF16 returns the binary16 bits of the number nearest to f, of two equally
// near ones the even one. From 65,520 on it is an infinity; a NaN becomes a
// quiet NaN.
func ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & signF16
	b &^= 1 << 31
	a := math.Float32frombits(b)
	switch {
	case b > infF32:
		return sign | infF16 | quietF16 | uint16(b>>shiftF16)&0x1ff
	case a >= overflowF16:
		return sign | infF16
	case a < 0x1p-14:
		// Subnormal: a multiple of 2^-24. Adding 0.5, whose last bit is 2^-24,
		// rounds to one as the processor rounds: to even.
		return sign | uint16(math.Float32bits(a+0.5)-math.Float32bits(0.5))
	}
	b -= rebias
	odd := b >> shiftF16 & 1
	return sign | uint16((b+0xfff+odd)>>shiftF16)
}

// FromBF16 returns the number whose bfloat16 bits are h: the upper half of a
// float32.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 returns the bfloat16 bits of the number nearest to f, of two equally
// near ones the even one. A NaN becomes a quiet NaN.
func ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&^(1<<31) > infF32 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
