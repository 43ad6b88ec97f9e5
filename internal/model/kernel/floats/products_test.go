package floats_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

var types = []quant.Type{quant.F32, quant.F16, quant.BF16}

// random returns n numbers near 1 in size.
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// encode writes numbers as t, one by one as package quant rounds them, and
// returns what they have become, too.
func encode(t quant.Type, x []float32) ([]byte, []float32) {
	var data []byte
	back := make([]float32, len(x))
	for i, v := range x {
		switch t {
		case quant.F32:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			back[i] = v
		case quant.F16:
			h := quant.ToF16(v)
			data = binary.LittleEndian.AppendUint16(data, h)
			back[i] = quant.FromF16(h)
		case quant.BF16:
			h := quant.ToBF16(v)
			data = binary.LittleEndian.AppendUint16(data, h)
			back[i] = quant.FromBF16(h)
		}
	}
	return data, back
}

// one is one result of AddProducts, spelled out as its comment says: w has the
// number of a row every stride numbers.
func one(sum float64, w, x []float32, stride int) float64 {
	for k := 0; k < len(x); k += floats.Run {
		var run float32
		for i := k; i < min(k+floats.Run, len(x)); i++ {
			run += float32(x[i] * w[i*stride])
		}
		sum += float64(run)
	}
	return sum
}

// same reports whether two slices hold the same bits, any NaN being as good as
// another.
func same[F float32 | float64](t testing.TB, name string, got, want []F) bool {
	t.Helper()
	for i := range want {
		a, b := got[i], want[i]
		if a != b && (a == a || b == b) || a == 0 && math.Signbit(float64(a)) != math.Signbit(float64(b)) {
			t.Errorf("%s: number %d is %v, want %v", name, i, a, b)
			return false
		}
	}
	return true
}

// TestAddProducts compares every level with the sums spelled out: every length
// around the run and the registers, and every number of rows and panels.
func TestAddProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, typ := range types {
		for K := 1; K <= 200; K++ {
			checkAdd(t, r, floats.Packed(typ, 1+K%5, 1+K%7, K))
		}
		for T := 1; T <= 40; T++ {
			for panels := 1; panels <= 5; panels++ {
				checkAdd(t, r, floats.Packed(typ, panels, T, 60+T%9))
			}
		}
		for T := 1; T <= 40; T += 13 {
			checkAdd(t, r, floats.Packed(typ, 1+T%5, T, 1100+T))
		}
		// Blocks of products and of panels, and their copies in float32.
		for _, T := range []int{5, 13, 95, 96, 110} {
			checkAdd(t, r, floats.Packed(typ, 1+T%2*17, T, 513+T))
		}
		// Distances: values of attention, rows with gaps.
		checkAdd(t, r, floats.Shape{Type: typ, Panels: 4, T: 9, K: 70, XStride: 75, WStride: 64, PanelStride: 16, OutStride: 67})
		checkAdd(t, r, floats.Shape{Type: typ, Panels: 3, T: 20, K: 130, XStride: 131, WStride: 17, PanelStride: 5000, OutStride: 48})
	}
}

// checkAdd compares for random numbers.
func checkAdd(t *testing.T, r *rand.Rand, s floats.Shape) {
	t.Helper()
	compare(t, r, s, random(r, (s.Panels-1)*s.PanelStride+(s.K-1)*s.WStride+floats.Lanes), random(r, (s.T-1)*s.XStride+s.K))
}

// compare compares AddProducts and Multiply at every level with one.
func compare(t *testing.T, r *rand.Rand, s floats.Shape, w, x []float32) {
	t.Helper()
	data, w := encode(s.Type, w)
	start := make([]float64, (s.T-1)*s.OutStride+s.Panels*floats.Lanes)
	product := make([]float32, len(start))
	for i := range start {
		start[i] = r.NormFloat64()
		product[i] = float32(start[i])
	}
	want, rounded := append([]float64(nil), start...), append([]float32(nil), product...)
	for i := range s.T {
		for p := range s.Panels {
			for l := range floats.Lanes {
				at := i*s.OutStride + p*floats.Lanes + l
				row, column := x[i*s.XStride:][:s.K], w[p*s.PanelStride+l:]
				want[at] = one(want[at], column, row, s.WStride)
				rounded[at] = float32(one(0, column, row, s.WStride))
			}
		}
	}
	for _, level := range isa.Levels() {
		name := fmt.Sprintf("%v %+v", level, s)
		got := append([]float64(nil), start...)
		floats.AddProductsAt(level, got, data, x, s)
		ok := same(t, "AddProducts "+name, got, want)
		out := append([]float32(nil), product...)
		sums := make([]float64, s.SumsSize())
		for i := range sums {
			sums[i] = math.NaN()
		}
		floats.MultiplyAt(level, out, data, x, s, sums)
		if !same(t, "Multiply "+name, out, rounded) || !ok {
			t.FailNow()
		}
	}
}

// TestExactProducts holds Multiply to sums in float64: runs of 64 keep the error
// of long rows at that of short ones. The root mean square measured is 1.3e-7 to
// 1.5e-7 of the root of the sum of squared products; 2.5e-7 is allowed.
func TestExactProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, K := range []int{64, 512, 4096, 14336} {
		s := floats.Packed(quant.F32, 2, 3, K)
		data, w := encode(s.Type, random(r, s.Panels*floats.Lanes*K))
		x := random(r, s.T*K)
		out := make([]float32, s.T*s.OutStride)
		floats.Multiply(out, data, x, s, make([]float64, s.SumsSize()))
		square := 0.0
		for i := range out {
			row, lane := x[i/s.OutStride*K:][:K], w[i%s.OutStride/floats.Lanes*s.PanelStride+i%floats.Lanes:]
			exact, size := 0.0, 0.0
			for k, v := range row {
				p := float64(v) * float64(lane[k*floats.Lanes])
				exact += p
				size += p * p
			}
			e := (float64(out[i]) - exact) / math.Sqrt(size)
			square += e * e
		}
		if e := math.Sqrt(square / float64(len(out))); e > 2.5e-7 {
			t.Errorf("%d products are %.3g from the exact sum, want at most 2.5e-7", K, e)
		} else {
			t.Logf("%d products: %.3g", K, e)
		}
	}
}

// TestSpecialProducts hands in what is not finite, subnormal or minus zero: each
// level must give what the sums spelled out give.
func TestSpecialProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	special := []float32{
		0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.SmallestNonzeroFloat32, -0x1p-130, math.MaxFloat32, 0x1p-24, 65504,
	}
	for _, typ := range types {
		for range 200 {
			s := floats.Packed(typ, 1+r.IntN(5), 1+r.IntN(16), 1+r.IntN(70))
			w, x := random(r, s.Panels*floats.Lanes*s.K), random(r, s.T*s.K)
			for range 5 {
				w[r.IntN(len(w))] = special[r.IntN(len(special))]
				x[r.IntN(len(x))] = special[r.IntN(len(special))]
			}
			compare(t, r, s, w, x)
		}
	}
}

// FuzzProducts compares the levels for any bits and shapes.
func FuzzProducts(f *testing.F) {
	f.Add(uint8(0), uint8(3), uint8(5), uint16(70), uint8(1), []byte("0123456789abcdef0123456789abcdef"))
	f.Add(uint8(1), uint8(2), uint8(14), uint16(600), uint8(0), []byte{0, 0x7c, 1, 0xfc, 1, 0, 0xff, 0xff})
	f.Add(uint8(2), uint8(17), uint8(97), uint16(530), uint8(0), []byte{0x80, 0x7f, 0x81, 0x3f})
	f.Fuzz(func(t *testing.T, typ, panels, T uint8, K uint16, gap uint8, seed []byte) {
		s := floats.Packed(types[int(typ)%len(types)], 1+int(panels)%18, 1+int(T)%100, 1+int(K)%700)
		s.XStride += int(gap) % 4
		s.WStride += int(gap) / 4 % 3
		s.PanelStride = s.K*s.WStride + int(gap)/16
		s.OutStride += int(gap) % 5
		if len(seed) == 0 {
			return
		}
		// Numbers are taken from the bytes given, over and over.
		number := func(i int) float32 {
			var b [4]byte
			for j := range b {
				b[j] = seed[(i*3+j)%len(seed)]
			}
			return math.Float32frombits(binary.LittleEndian.Uint32(b[:]))
		}
		w := make([]float32, (s.Panels-1)*s.PanelStride+(s.K-1)*s.WStride+floats.Lanes)
		x := make([]float32, (s.T-1)*s.XStride+s.K)
		for i := range w {
			w[i] = number(i)
		}
		for i := range x {
			x[i] = number(i + 1)
		}
		compare(t, rand.New(rand.NewPCG(1, 2)), s, w, x)
	})
}
