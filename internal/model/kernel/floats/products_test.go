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
		// Distances: values of attention, rows with gaps.
		checkAdd(t, r, floats.Shape{Type: typ, Panels: 4, T: 9, K: 70, XStride: 75, WStride: 64, PanelStride: 16, OutStride: 67})
		checkAdd(t, r, floats.Shape{Type: typ, Panels: 3, T: 20, K: 130, XStride: 131, WStride: 17, PanelStride: 5000, OutStride: 48})
	}
}

// checkAdd compares AddProducts and Multiply at every level with one.
func checkAdd(t *testing.T, r *rand.Rand, s floats.Shape) {
	t.Helper()
	data, w := encode(s.Type, random(r, (s.Panels-1)*s.PanelStride+(s.K-1)*s.WStride+floats.Lanes))
	x := random(r, (s.T-1)*s.XStride+s.K)
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
