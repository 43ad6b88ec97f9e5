package packed_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

var types = []quant.Type{quant.Q8_0, quant.Q4_0, quant.Q4_K, quant.Q5_K, quant.Q6_K}

// scaleOffsets returns where a native block has float16 numbers.
func scaleOffsets(t quant.Type) []int {
	switch t {
	case quant.Q4_K, quant.Q5_K:
		return []int{0, 2}
	case quant.Q6_K:
		return []int{208}
	}
	return []int{0}
}

// weights returns native rows of random blocks. Their scales are ordinary, or,
// of wild ones, now and then zero, subnormal or as large as can be.
func weights(r *rand.Rand, t quant.Type, rows, cols int, wild bool) []byte {
	elements, size := t.Block()
	data := make([]byte, rows*cols/elements*size)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	for b := 0; b < len(data); b += size {
		for _, at := range scaleOffsets(t) {
			s := quant.ToF16(float32(r.NormFloat64() / 64))
			if wild {
				s = []uint16{s, s, s, s, s, 0x8000, uint16(1 + r.IntN(1023)), 0x7bff}[r.IntN(8)]
			}
			binary.LittleEndian.PutUint16(data[b+at:], s)
		}
	}
	return data
}

// numbers returns random activations. In some groups one is far from the others
// or all are halves; if they are wild, in some all are zeros, subnormal, tiny or
// huge.
func numbers(r *rand.Rand, n int, wild bool) []float32 {
	x := make([]float32, n)
	for g := 0; g < n; g += packed.Group {
		scale := math.Exp(r.NormFloat64())
		if wild && r.IntN(3) == 0 {
			scale = []float64{0, 0x1p-145, 0x1p-121, 0x1p+100}[r.IntN(4)]
		}
		for i := range packed.Group {
			x[g+i] = float32(r.NormFloat64() * scale)
		}
		if r.IntN(2) == 0 { // eights of several sizes
			for i := range packed.Group {
				x[g+i] *= []float32{1, 0x1p-9, 40, 0}[(i/8+g/32)%4]
			}
		}
		if r.IntN(8) == 0 {
			x[g+r.IntN(packed.Group)] *= 50
		}
		if r.IntN(16) == 0 { // halves, to be rounded to even
			for i := range packed.Group {
				x[g+i] = float32(r.IntN(255)-127) / 2
			}
			x[g] = 127
		}
	}
	return x
}

// pack packs all rows.
func pack(t quant.Type, data []byte, rows, cols int) []byte {
	size, row := packed.PanelSize(t, cols), t.Size(cols)
	var panels []byte
	for r := 0; r < rows; r += packed.Lanes {
		n := min(packed.Lanes, rows-r)
		panel := bytes.Repeat([]byte{0xa5}, size)
		packed.Pack(panel, t, data[r*row:(r+n)*row], n, cols)
		panels = append(panels, panel...)
	}
	return panels
}

// quantized returns activations of x filled at a level.
func quantized(l isa.Level, q quant.Type, x []float32, T, K int) *packed.Activations {
	a := new(packed.Activations)
	a.Resize(T, K, packed.GroupOf(q))
	for i := range a.Tiles() {
		b := packed.TileBytes(a, i)
		for j := range b {
			b[j] = 0x5a
		}
		packed.QuantizeAt(l, a, i, x)
	}
	return a
}

// untouched fills results before they are computed.
const untouched = -12345

// product returns all results at a level; numbers between rows must stay.
func product(t *testing.T, l isa.Level, q quant.Type, panels []byte, a *packed.Activations, T, R int) []float32 {
	t.Helper()
	stride := R + 3
	out := make([]float32, T*stride)
	for i := range out {
		out[i] = untouched
	}
	for i := range a.Tiles() {
		first, _ := a.Tile(i)
		packed.MultiplyAt(l, out[first*stride:], stride, R, q, panels, a, i)
	}
	all := make([]float32, 0, T*R)
	for j := range T {
		all = append(all, out[j*stride:j*stride+R]...)
		for _, v := range out[j*stride+R : (j+1)*stride] {
			if v != untouched {
				t.Fatalf("%v %v T=%d R=%d: row %d: numbers after the result were changed", l, q, T, R, j)
			}
		}
	}
	return all
}

// rounded returns what activations are rounded to, as the document of
// Activations says, in float64.
func rounded(q quant.Type, x []float32) []float64 {
	y := make([]float64, len(x))
	size := packed.GroupOf(q)
	for g := 0; g < len(x); g += size {
		group := x[g : g+size]
		var most float64
		for _, v := range group {
			most = math.Max(most, math.Abs(float64(v)))
		}
		inverse := float32(127) / float32(most)
		if math.IsInf(float64(inverse), 0) {
			continue
		}
		for i, v := range group {
			y[g+i] = math.RoundToEven(float64(v*inverse)) * float64(float32(most)/127)
		}
	}
	return y
}

// TestExact compares products with those of the same numbers in float64.
func TestExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, q := range types {
		for T := 1; T <= 40; T++ {
			K := 256 * (1 + r.IntN(3))
			R := 1 + r.IntN(40)
			wild := T%2 == 0
			data := weights(r, q, R, K, wild)
			x := numbers(r, T*K, wild)
			w := make([]float32, R*K)
			quant.Dequantize(w, q, data)
			y := rounded(q, x)
			l := isa.Generic
			got := product(t, l, q, pack(q, data, R, K), quantized(l, q, x, T, K), T, R)
			for i, v := range got {
				want, size := exact(w[i%R*K:][:K], y[i/R*K:][:K], q)
				if size > math.MaxFloat32 {
					continue // a sum on the way may overflow
				}
				if e := math.Abs(float64(v) - want); e > size*4e-7*math.Sqrt(float64(K/32)) {
					t.Fatalf("%v T=%d K=%d R=%d: result %d = %g, want %g: off by %g, of %g", q, T, K, R, i, v, want, e, size)
				}
			}
		}
	}
}

// exact returns a product in float64, and how large the numbers are that it is
// made of. Those of Q4_K and Q5_K are differences of larger ones.
func exact(w []float32, y []float64, q quant.Type) (sum, size float64) {
	most := 0.0
	for i, v := range w {
		sum += float64(v) * y[i]
		size += math.Abs(float64(v) * y[i])
		most = math.Max(most, math.Abs(float64(v)))
	}
	if q == quant.Q4_K || q == quant.Q5_K {
		for _, v := range y {
			size += math.Abs(v) * most
		}
	}
	return sum, size + 1e-30
}

// TestLevels compares every set of instructions with the portable code, bit by
// bit.
func TestLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, q := range types {
		elements, _ := q.Block()
		for T := 1; T <= 40; T++ {
			K := elements * (1 + r.IntN(5))
			R := 1 + r.IntN(70)
			panels := pack(q, weights(r, q, R, K, true), R, K)
			x := numbers(r, T*K, true)
			if T%5 == 0 {
				x[r.IntN(len(x))] = odd[T/5%len(odd)]
			}
			compareLevels(t, q, panels, x, T, K, R)
		}
	}
}

var odd = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -math.MaxFloat32, math.SmallestNonzeroFloat32}

func compareLevels(t *testing.T, q quant.Type, panels []byte, x []float32, T, K, R int) {
	t.Helper()
	a := quantized(isa.Generic, q, x, T, K)
	want := product(t, isa.Generic, q, panels, a, T, R)
	for _, l := range isa.Levels() {
		b := quantized(l, q, x, T, K)
		for i := range a.Tiles() {
			if !bytes.Equal(packed.TileBytes(a, i), packed.TileBytes(b, i)) {
				t.Fatalf("%v T=%d K=%d: tile %d is not that of the portable code", l, T, K, i)
			}
		}
		for i, v := range product(t, l, q, panels, b, T, R) {
			if !same(v, want[i]) {
				t.Fatalf("%v %v T=%d K=%d R=%d: result %d, %d = %g, want %g", l, q, T, K, R, i/R, i%R, v, want[i])
			}
		}
	}
}

// same says whether two numbers have the same bits or are both NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// TestRows shows that a row's results are its own: they depend neither on other
// rows nor on how many there are, and an infinity or a NaN spoils its row alone.
func TestRows(t *testing.T) {
	const K, R, T = 512, 37, 40
	r := rand.New(rand.NewPCG(5, 6))
	for _, l := range isa.Levels() {
		for _, q := range types {
			panels := pack(q, weights(r, q, R, K, true), R, K)
			x := numbers(r, T*K, true)
			var each []float32
			for j := range T {
				each = append(each, product(t, l, q, panels, quantized(l, q, x[j*K:(j+1)*K], 1, K), 1, R)...)
			}
			bad := r.IntN(T)
			x[bad*K+r.IntN(K)] = odd[r.IntN(3)]
			for n := 1; n <= T; n++ {
				for i, v := range product(t, l, q, panels, quantized(l, q, x[:n*K], n, K), n, R) {
					want := each[i]
					if i/R == bad {
						want = float32(math.NaN())
					}
					if !same(v, want) {
						t.Fatalf("%v %v: row %d of %d: result %d = %g, want %g", l, q, i/R, n, i%R, v, want)
					}
				}
			}
		}
	}
}

// TestReuse shows that memory is kept.
func TestReuse(t *testing.T) {
	var a packed.Activations
	a.Resize(100, 256, 32)
	if n := testing.AllocsPerRun(10, func() {
		a.Resize(3, 256, 8)
		a.Resize(100, 256, 32)
		a.Resize(12, 1024, 8)
	}); n != 0 {
		t.Errorf("Resize within what there was allocates %v times", n)
	}
	for T := range 50 {
		a.Resize(T, 64, 32)
		next := 0
		for i := range a.Tiles() {
			first, n := a.Tile(i)
			if first != next || n < 1 {
				t.Fatalf("T=%d: tile %d has rows %d and %d after it, want from %d", T, i, first, n-1, next)
			}
			next += n
		}
		if next != T {
			t.Errorf("tiles have %d rows, want %d", next, T)
		}
	}
}

// TestWrongUse shows that lengths are checked before anything is read.
func TestWrongUse(t *testing.T) {
	var a packed.Activations
	a.Resize(2, 256, 32)
	panel := make([]byte, packed.PanelSize(quant.Q4_K, 256))
	row := make([]byte, 144)
	out := make([]float32, 100)
	for name, f := range map[string]func(){
		"a type without panels":  func() { packed.PanelSize(quant.F32, 256) },
		"half a block":           func() { packed.PanelSize(quant.Q4_K, 128) },
		"no columns":             func() { packed.PanelSize(quant.Q8_0, 0) },
		"half a group":           func() { a.Resize(1, 48, 8) },
		"no rows":                func() { packed.Pack(panel, quant.Q4_K, nil, 0, 256) },
		"too many rows":          func() { packed.Pack(panel, quant.Q4_K, make([]byte, 17*144), 17, 256) },
		"rows that are cut":      func() { packed.Pack(panel, quant.Q4_K, row[:143], 1, 256) },
		"a panel that is cut":    func() { packed.Pack(panel[1:], quant.Q4_K, row, 1, 256) },
		"too few activations":    func() { a.Quantize(0, make([]float32, 511)) },
		"too few panels":         func() { packed.Multiply(out, 17, 17, quant.Q4_K, panel, &a, 0) },
		"other columns":          func() { packed.Multiply(out, 16, 16, quant.Q8_0, panel, &a, 0) },
		"rows that overlap":      func() { packed.Multiply(out, 15, 16, quant.Q4_K, panel, &a, 0) },
		"too few results":        func() { packed.Multiply(out[:31], 16, 16, quant.Q4_K, panel, &a, 0) },
		"a tile that is not one": func() { packed.Multiply(out, 16, 16, quant.Q4_K, panel, &a, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	packed.Multiply(out, 16, 16, quant.Q4_K, panel, &a, 0)
	packed.Multiply(nil, 0, 0, quant.Q4_K, nil, &a, 0)
}

// TestTypes holds the formats that are packed to those that the room names.
func TestTypes(t *testing.T) {
	var got []quant.Type
	for _, q := range quant.Types() {
		if packed.Packs(q) {
			got = append(got, q)
		}
	}
	if fmt.Sprint(got) != "[Q4_0 Q8_0 Q4_K Q5_K Q6_K]" {
		t.Errorf("packed types are %v", got)
	}
}
