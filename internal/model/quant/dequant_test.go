package quant_test

import (
	"math"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// half is 0.5 and one is 1.0 in binary16, the high byte; the low byte is zero.
const (
	half = 0x38
	one  = 0x3c
	two  = 0x40
)

// TestDequantizeByHand sets some bytes of a block, all others being zero, and
// compares numbers worked out by hand from docs/formats/quantization.md.
func TestDequantizeByHand(t *testing.T) {
	tests := []struct {
		typ  quant.Type
		set  map[int]byte
		want map[int]float32
	}{
		{quant.F32, map[int]byte{3: 0x3f, 2: 0x80}, map[int]float32{0: 1}},
		{quant.F16, map[int]byte{1: 0xc2, 0: 0x01}, map[int]float32{0: -3.001953125}},
		{quant.BF16, map[int]byte{1: 0x40, 0: 0x49}, map[int]float32{0: 3.140625}},
		{quant.Q4_0, map[int]byte{1: half, 2: 0xf0, 17: 0x3a},
			map[int]float32{0: -4, 16: 3.5, 15: 1, 31: -2.5, 1: -4}},
		{quant.Q4_1, map[int]byte{1: half, 3: two, 4: 0xf1, 19: 0x20},
			map[int]float32{0: 2.5, 16: 9.5, 15: 2, 31: 3}},
		// Bits 0 and 31 of the high bits are set.
		{quant.Q5_0, map[int]byte{1: half, 2: 0x01, 5: 0x80, 6: 0x01, 21: 0xf0},
			map[int]float32{0: 0.5, 16: -8, 31: 7.5, 15: -8}},
		{quant.Q5_1, map[int]byte{1: half, 3: one, 4: 0x01, 7: 0x80, 8: 0x01, 23: 0xf0},
			map[int]float32{0: 9.5, 16: 1, 31: 16.5, 15: 1}},
		{quant.Q8_0, map[int]byte{1: half, 2: 0x80, 33: 0x7f},
			map[int]float32{0: -64, 31: 63.5, 1: 0}},
		// Group 0 has scale 2 and low 1, group 9 scale 1 and low 3.
		{quant.Q2_K, map[int]byte{0: 0x12, 9: 0x31, 81: half, 83: one, 16: 0x03, 16 + 32 + 16: 0x02},
			map[int]float32{0: 2, 1: -1, 144: -2, 145: -3, 16: 0}},
		// Group 0 has scale 33−32; group 5's, 0−32, has the high bit of number 80.
		{quant.Q3_K, map[int]byte{109: half, 96: 0x01, 104: 0x02, 0: 0x01, 32: 0x02, 16: 0x04, 32 + 16: 0x10},
			map[int]float32{0: 1, 1: -2, 80: -16, 81: 64}},
		// Group 0: scale 3, low 2. Group 4: scale 1|1<<4, low 2|2<<4.
		{quant.Q4_K, map[int]byte{1: half, 3: one, 4: 3 | 1<<6, 8: 2 | 2<<6, 12: 1 | 2<<4, 16: 0x05, 16 + 64: 0x07},
			map[int]float32{0: 5.5, 1: -2, 128: 25.5, 129: -34, 32: 0}},
		{quant.Q5_K, map[int]byte{1: half, 3: one, 4: 3 | 1<<6, 8: 2 | 2<<6, 12: 1 | 2<<4, 48: 0x05, 48 + 64: 0x07, 16: 0x11},
			map[int]float32{0: 29.5, 1: -2, 128: 161.5, 129: -34, 32: 0}},
		// Group 0 has scale 2, group 15 scale −1.
		{quant.Q6_K, map[int]byte{209: half, 192: 2, 207: 0xff, 0: 0x05, 128: 0x02, 127: 0x30, 191: 0xc0},
			map[int]float32{0: 5, 1: -32, 255: -9.5, 254: 16}},
		{quant.IQ4_NL, map[int]byte{1: half, 2: 0xf0, 17: 0x87},
			map[int]float32{0: -63.5, 16: 56.5, 15: -5, 31: 0.5}},
		// Group 0 has scale 1|2<<4 less 32, group 7 has 0−32.
		{quant.IQ4_XS, map[int]byte{1: half, 2: 0x02, 4: 0x01, 8: 0xf8, 135: 0x09},
			map[int]float32{0: 0.5, 16: 56.5, 239: -208, 255: 2032}},
	}
	for _, tt := range tests {
		t.Run(tt.typ.String(), func(t *testing.T) {
			elements, bytes := tt.typ.Block()
			src := make([]byte, bytes)
			for i, b := range tt.set {
				src[i] = b
			}
			dst := make([]float32, elements)
			quant.Dequantize(dst, tt.typ, src)
			for i, want := range tt.want {
				if dst[i] != want {
					t.Errorf("number %d is %v, want %v", i, dst[i], want)
				}
			}
		})
	}
}

// TestDequantizeBlocks compares many blocks at once with each alone.
func TestDequantizeBlocks(t *testing.T) {
	for _, typ := range quant.Types() {
		elements, bytes := typ.Block()
		src := randomBytes(7 * bytes)
		all, alone := make([]float32, 7*elements), make([]float32, elements)
		quant.Dequantize(all, typ, src)
		for i := range 7 {
			quant.Dequantize(alone, typ, src[i*bytes:(i+1)*bytes])
			if !slices.EqualFunc(alone, all[i*elements:(i+1)*elements], sameBits) {
				t.Errorf("%v: block %d depends on its neighbours", typ, i)
			}
		}
	}
}

func TestDequantizeRefusesLengths(t *testing.T) {
	for _, f := range []func(){
		func() { quant.Dequantize(make([]float32, 32), quant.Q4_0, make([]byte, 17)) },
		func() { quant.Dequantize(make([]float32, 32), quant.Q4_0, make([]byte, 19)) },
		func() { quant.Dequantize(make([]float32, 33), quant.Q4_0, make([]byte, 18)) },
		func() { quant.Dequantize(make([]float32, 32), quant.Type(9), make([]byte, 36)) },
		func() { quant.Quantize(make([]byte, 17), quant.Q4_0, make([]float32, 32)) },
		func() { quant.Quantize(make([]byte, 84), quant.Q2_K, make([]float32, 256)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("lengths that do not fit were taken")
				}
			}()
			f()
		}()
	}
}

func TestF16(t *testing.T) {
	for h := range 1 << 16 {
		f := quant.FromF16(uint16(h))
		if f != f {
			if h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
				t.Fatalf("FromF16(%#04x) is not a number", h)
			}
			if back := quant.ToF16(f); quant.FromF16(back) == quant.FromF16(back) || back&0x8000 != uint16(h)&0x8000 {
				t.Fatalf("ToF16 makes %#04x of the NaN %#04x", back, h)
			}
			continue
		}
		if back := quant.ToF16(f); back != uint16(h) {
			t.Fatalf("ToF16(FromF16(%#04x)) = %#04x", h, back)
		}
		if want := halfByDefinition(uint16(h)); float64(f) != want {
			t.Fatalf("FromF16(%#04x) = %v, want %v", h, f, want)
		}
	}
}

// halfByDefinition follows IEEE 754: (−1)^s · 2^(e−15) · 1.f.
func halfByDefinition(h uint16) float64 {
	sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// TestToF16Rounds looks between each two neighbours: the middle goes to the
// even one, what is beyond it to the nearer.
func TestToF16Rounds(t *testing.T) {
	for h := range uint16(0x7bff) {
		low, high := quant.FromF16(h), quant.FromF16(h+1)
		middle := low + (high-low)/2
		even := h + h&1
		for _, tt := range []struct {
			f    float32
			want uint16
		}{
			{middle, even},
			{math.Nextafter32(middle, 0), h},
			{math.Nextafter32(middle, 1e6), h + 1},
		} {
			if got := quant.ToF16(tt.f); got != tt.want {
				t.Fatalf("ToF16(%v) = %#04x, want %#04x", tt.f, got, tt.want)
			}
			if got := quant.ToF16(-tt.f); got != tt.want|0x8000 {
				t.Fatalf("ToF16(%v) = %#04x, want %#04x", -tt.f, got, tt.want|0x8000)
			}
		}
	}
	for _, tt := range []struct {
		f    float32
		want uint16
	}{
		{65519.996, 0x7bff}, {65520, 0x7c00}, {math.MaxFloat32, 0x7c00}, {float32(math.Inf(-1)), 0xfc00},
		{0x1p-25, 0}, {math.Nextafter32(0x1p-25, 1), 1}, {math.SmallestNonzeroFloat32, 0},
	} {
		if got := quant.ToF16(tt.f); got != tt.want {
			t.Errorf("ToF16(%v) = %#04x, want %#04x", tt.f, got, tt.want)
		}
	}
}

func TestBF16(t *testing.T) {
	for h := range 1 << 16 {
		f := quant.FromBF16(uint16(h))
		if f == f && quant.ToBF16(f) != uint16(h) {
			t.Fatalf("ToBF16(FromBF16(%#04x)) = %#04x", h, quant.ToBF16(f))
		}
	}
	for _, tt := range []struct{ bits, want uint32 }{
		{0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80},
		{0x7f7fffff, 0x7f80}, {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x7f800000, 0x7f80},
	} {
		if got := quant.ToBF16(math.Float32frombits(tt.bits)); got != uint16(tt.want) {
			t.Errorf("ToBF16(%#08x) = %#04x, want %#04x", tt.bits, got, tt.want)
		}
	}
}

func FuzzDequantize(f *testing.F) {
	for _, typ := range quant.Types() {
		_, bytes := typ.Block()
		f.Add(uint32(typ), randomBytes(2*bytes))
	}
	f.Fuzz(func(t *testing.T, id uint32, src []byte) {
		typ := quant.Type(id)
		if !typ.Known() {
			return
		}
		elements, bytes := typ.Block()
		n := len(src) / bytes
		src = src[:n*bytes]
		a, b := make([]float32, n*elements), make([]float32, n*elements)
		quant.Dequantize(a, typ, src)
		quant.Dequantize(b, typ, slices.Clone(src))
		if !slices.EqualFunc(a, b, sameBits) {
			t.Errorf("%v: the same bytes give different numbers", typ)
		}
	})
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
