package quant_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

func randomBytes(n int) []byte {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// roundTrip returns what x becomes in a format and back.
func roundTrip(typ quant.Type, x []float32) []float32 {
	b := make([]byte, typ.Size(len(x)))
	quant.Quantize(b, typ, x)
	y := make([]float32, len(x))
	quant.Dequantize(y, typ, b)
	return y
}

// relative returns the root of Σ(y−x)²/Σx².
func relative(y, x []float32) float64 {
	var e, s float64
	for i := range x {
		d := float64(y[i]) - float64(x[i])
		e += d * d
		s += float64(x[i]) * float64(x[i])
	}
	return math.Sqrt(e / s)
}

func writable() (types []quant.Type) {
	for _, typ := range quant.Types() {
		if typ.Writable() {
			types = append(types, typ)
		}
	}
	return types
}

// gaussian, laplace and outliers are kinds of rows that weights come in.
func gaussian(r *rand.Rand) float64 { return 0.02 * r.NormFloat64() }

func laplace(r *rand.Rand) float64 {
	return math.Copysign(0.02*r.ExpFloat64(), r.Float64()-0.5)
}

func outliers(r *rand.Rand) float64 {
	if r.IntN(100) == 0 {
		return gaussian(r) * (5 + 25*r.Float64())
	}
	return gaussian(r)
}

// TestQuantizeError pins the relative error on rows of three kinds, so that a
// search that finds worse scales is noticed. The bounds are 1 % over what was
// measured; the comparison with another implementation is in
// docs/formats/quantization.md.
func TestQuantizeError(t *testing.T) {
	kinds := []func(*rand.Rand) float64{gaussian, laplace, outliers}
	limits := map[quant.Type][3]float64{
		quant.F32:  {0, 0, 0},
		quant.F16:  {0.00022, 0.00022, 0.00022},
		quant.BF16: {0.0017, 0.0017, 0.0017},
		quant.Q8_0: {0.00477, 0.00605, 0.011},
		quant.Q6_K: {0.01705, 0.02072, 0.03145},
		quant.Q5_0: {0.04056, 0.05104, 0.0847},
		quant.Q5_1: {0.03483, 0.04119, 0.0474},
		quant.Q5_K: {0.03499, 0.04156, 0.04884},
		quant.Q4_0: {0.08146, 0.10266, 0.13302},
		quant.Q4_1: {0.07148, 0.08386, 0.09244},
		quant.Q4_K: {0.07076, 0.08371, 0.09367},
	}
	for _, typ := range writable() {
		limit, ok := limits[typ]
		if !ok {
			t.Errorf("%v has no limit", typ)
		}
		for k, next := range kinds {
			r := rand.New(rand.NewPCG(11, uint64(k)))
			x := make([]float32, 256*64)
			for i := range x {
				x[i] = float32(next(r))
			}
			if got := relative(roundTrip(typ, x), x); got > limit[k] {
				t.Errorf("%v, rows of kind %d: relative error %.5f, limit %.5f", typ, k, got, limit[k])
			}
		}
	}
}

// TestQuantizeAnyScale asks for an error in proportion to each block's largest
// number, whatever its size, where float16 scales are not subnormal.
func TestQuantizeAnyScale(t *testing.T) {
	// The largest error as a part of the largest magnitude of the block, with
	// room for clipping and for rounded scales.
	limits := map[quant.Type]float64{
		quant.F32: 0, quant.F16: 0x1p-11, quant.BF16: 0x1p-8, quant.Q8_0: 0.03,
		quant.Q6_K: 0.05, quant.Q5_0: 0.11, quant.Q5_1: 0.12, quant.Q5_K: 0.15,
		quant.Q4_0: 0.23, quant.Q4_1: 0.25, quant.Q4_K: 0.3,
	}
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(writable()).Draw(t, "type")
		exponent := rapid.IntRange(-6, 12).Draw(t, "exponent")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shift := rapid.Float64Range(-1, 1).Draw(t, "shift")
		x := make([]float32, 256)
		largest := 0.0
		for i := range x {
			x[i] = float32(math.Ldexp(2*r.Float64()-1+shift, exponent))
			largest = max(largest, math.Abs(float64(x[i])))
		}
		for i, y := range roundTrip(typ, x) {
			if e := math.Abs(float64(y) - float64(x[i])); e > limits[typ]*largest {
				t.Fatalf("%v: number %d is %v, became %v; the largest is %v", typ, i, x[i], y, largest)
			}
		}
	})
}

// TestQuantizeExact gives each format numbers that it holds exactly.
func TestQuantizeExact(t *testing.T) {
	for _, tt := range []struct {
		typ       quant.Type
		low, high int
	}{
		{quant.Q8_0, -127, 127}, {quant.Q5_0, -16, 15}, {quant.Q4_0, -8, 7}, {quant.Q5_1, -3, 28}, {quant.Q4_1, -3, 12},
	} {
		for _, scale := range []float32{0.5, -0.125, 3.0517578125e-05} {
			r := rand.New(rand.NewPCG(5, 6))
			x := make([]float32, 320)
			for i := range x {
				x[i] = scale * float32(tt.low+r.IntN(tt.high-tt.low+1))
			}
			for i := 0; i < len(x); i += 32 {
				x[i], x[i+1] = scale*float32(tt.low), scale*float32(tt.high)
			}
			if e := relative(roundTrip(tt.typ, x), x); e != 0 {
				t.Errorf("%v: multiples of %v come back with relative error %v", tt.typ, scale, e)
			}
		}
	}
}

func TestQuantizeZeros(t *testing.T) {
	for _, typ := range writable() {
		for i, y := range roundTrip(typ, make([]float32, 512)) {
			if y != 0 {
				t.Fatalf("%v: zero %d became %v", typ, i, y)
			}
		}
	}
}

// TestQuantizeConstant has the offset formats meet numbers without any spread.
func TestQuantizeConstant(t *testing.T) {
	for _, typ := range writable() {
		for _, v := range []float32{0.25, -0.25, 1000, 1e-3} {
			x := make([]float32, 256)
			for i := range x {
				x[i] = v
			}
			if e := relative(roundTrip(typ, x), x); e > 0.01 {
				t.Errorf("%v: relative error %v for 256 times %v", typ, e, v)
			}
		}
	}
}

// TestQuantizeExtremes asks for finite numbers, and nothing beyond the largest
// given, from the largest and smallest float32s.
func TestQuantizeExtremes(t *testing.T) {
	values := []float32{0, 1, math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-7, 1e-30, 65504, 1e5, 3e6, 1e30}
	for _, typ := range writable() {
		if typ == quant.F16 || typ == quant.BF16 {
			continue // 1e5 is an infinity in float16, and the largest float32 one in bfloat16
		}
		for _, a := range values {
			for _, b := range values {
				x := make([]float32, 256)
				for i := range x {
					x[i] = []float32{a, -b, b, 0}[i%4]
				}
				for i, y := range roundTrip(typ, x) {
					if math.Abs(float64(y)) > 1.25*float64(max(a, b)) {
						t.Fatalf("%v: %v became %v among ±%v and ±%v", typ, x[i], y, a, b)
					}
				}
			}
		}
	}
}

// FuzzQuantize takes any float32s, NaNs too: there is no panic, the same bytes
// come out twice, and finite numbers stay finite.
func FuzzQuantize(f *testing.F) {
	for _, typ := range writable() {
		f.Add(uint32(typ), randomBytes(1024))
	}
	f.Fuzz(func(t *testing.T, id uint32, b []byte) {
		typ := quant.Type(id)
		if !typ.Writable() {
			return
		}
		n := len(b) / 1024 * 256
		x := make([]float32, n)
		quant.Dequantize(x, quant.F32, b[:4*n])
		one, two := make([]byte, typ.Size(n)), make([]byte, typ.Size(n))
		quant.Quantize(one, typ, x)
		quant.Quantize(two, typ, x)
		if !bytes.Equal(one, two) {
			t.Fatalf("%v: the same numbers give different bytes", typ)
		}
		for _, v := range x {
			if math.IsInf(float64(v), 0) || v != v || math.Abs(float64(v)) > 65504 {
				return
			}
		}
		y := make([]float32, n)
		quant.Dequantize(y, typ, one)
		for i, v := range y {
			if math.IsInf(float64(v), 0) || v != v {
				t.Fatalf("%v: %v became %v", typ, x[i], v)
			}
		}
	})
}
