package tensor_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// randomMatrix draws a matrix of any format: bytes of formats that cannot be
// written are any that give finite numbers.
func randomMatrix(t *rapid.T, r *rand.Rand) (*tensor.Matrix, []float32) {
	kind := rapid.SampledFrom(quant.Types()).Draw(t, "type")
	elements, size := kind.Block()
	rows, cols := rapid.IntRange(1, 70).Draw(t, "rows"), elements*rapid.IntRange(1, max(2, 2100/elements/4)).Draw(t, "blocks")
	data := make([]byte, kind.Size(rows*cols))
	values := make([]float32, rows*cols)
	for i := 0; i < len(data); i += size {
		for {
			for j := range size {
				data[i+j] = byte(r.IntN(256))
			}
			block := values[i/size*elements:][:elements]
			quant.Dequantize(block, kind, data[i:i+size])
			if !slices.ContainsFunc(block, func(v float32) bool { return !(math.Abs(float64(v)) < 1e6) }) {
				break
			}
		}
	}
	m, err := tensor.NewMatrix(kind, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return m, values
}

// exactly returns what a row of activations and a row of weights give in
// float32: products summed in order, 64 at a time, and the sums in float64.
func exactly(weights, x []float32) float32 {
	sum := 0.0
	for c := 0; c < len(weights); c += 64 {
		run := float32(0)
		for k := c; k < min(c+64, len(weights)); k++ {
			run += float32(x[k] * weights[k])
		}
		sum += float64(run)
	}
	return float32(sum)
}

// alone returns what package packed makes of a row of activations and row i of a
// matrix, which is packed with no row beside it.
func alone(m *tensor.Matrix, i int, x []float32) float32 {
	kind, size := m.Type, m.Type.Size(m.Cols)
	row := m.Data[i*size : (i+1)*size]
	switch m.Type {
	case quant.Q5_0, quant.IQ4_NL:
		kind = quant.Q8_0
	case quant.Q3_K:
		kind = quant.Q6_K
	}
	if kind != m.Type {
		other := make([]byte, kind.Size(m.Cols))
		tensor.Convert(other, kind, row, m.Type)
		row = other
	}
	panel := make([]byte, packed.PanelSize(kind, m.Cols))
	packed.Pack(panel, kind, row, 1, m.Cols)
	var a packed.Activations
	a.Resize(1, m.Cols, packed.GroupOf(kind))
	a.Quantize(0, x)
	out := make([]float32, 1)
	packed.Multiply(out, 1, 1, kind, panel, &a, 0)
	return out[0]
}

// rounded says whether a product with a packed matrix rounds activations.
func rounded(t quant.Type) bool {
	switch t {
	case quant.F32, quant.F16, quant.BF16, quant.Q4_1, quant.Q5_1, quant.Q2_K, quant.IQ4_XS:
		return false
	}
	return true
}

// TestMul compares every element, bit by bit, with the sum that is promised of
// it alone, for all formats, shapes, threads and ways of packing.
func TestMul(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m, values := randomMatrix(t, r)
		T := rapid.SampledFrom([]int{0, 1, 2, 3, 8, 12, 13, 40, 110}).Draw(t, "T")
		x := normal(r, T*m.Cols)
		p := tensor.NewPool(rapid.SampledFrom([]int{1, 2, 3, 5}).Draw(t, "threads"))
		defer p.Close()
		exact := true
		if way := rapid.SampledFrom([]string{"unpacked", "packed", "packed exactly"}).Draw(t, "way"); way != "unpacked" {
			exact = way == "packed exactly"
			s, err := tensor.NewStore(p, []*tensor.Matrix{m}, tensor.Packing{Exact: exact})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
		}
		out, second := make([]float32, T*m.Rows), make([]float32, T*m.Rows)
		if err := p.Multiply(x, T, tensor.Product{Matrix: m, Out: out}, tensor.Product{Matrix: m, Out: second}); err != nil {
			t.Fatal(err)
		}
		for i := range T {
			for j := range m.Rows {
				row := x[i*m.Cols : (i+1)*m.Cols]
				want := exactly(values[j*m.Cols:(j+1)*m.Cols], row)
				if !exact && rounded(m.Type) {
					want = alone(m, j, row)
				}
				for _, got := range []float32{out[i*m.Rows+j], second[i*m.Rows+j]} {
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%v: [%d,%d] = %v, want %v", m.Type, i, j, got, want)
					}
				}
			}
		}
		row := make([]float32, m.Cols)
		m.Row(row, m.Rows-1)
		if !slices.Equal(row, values[(m.Rows-1)*m.Cols:]) {
			t.Fatalf("%v: Row differs", m.Type)
		}
	})
}

// TestConvert compares the numbers that blocks stand for before and after.
func TestConvert(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for from, to := range map[quant.Type]quant.Type{quant.Q5_0: quant.Q8_0, quant.IQ4_NL: quant.Q8_0, quant.Q3_K: quant.Q6_K} {
		const n = 256 * 64
		src, dst := weights(r, from, n), make([]byte, to.Size(n))
		tensor.Convert(dst, to, src, from)
		want, got := make([]float32, n), make([]float32, n)
		quant.Dequantize(want, from, src)
		quant.Dequantize(got, to, dst)
		for i := range want {
			if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
				t.Fatalf("%v as %v: number %d is %v, want %v", from, to, i, got[i], want[i])
			}
		}
	}
}

// TestStore packs several matrices at once, tells how far it is, gives back what
// it has read, and leaves each as if it were alone.
func TestStore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := tensor.NewPool(3)
	defer p.Close()
	const cols = 512
	x := normal(r, cols)
	var all []*tensor.Matrix
	total := int64(0)
	for _, kind := range quant.Types() {
		for _, rows := range []int{1, 16, 33, 5000} {
			data := weights(r, kind, rows*cols)
			m, err := tensor.NewMatrix(kind, rows, cols, data)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
			if tensor.PackedSize(kind, rows, cols, false) > 0 {
				total += int64(len(data))
			}
		}
	}
	var given atomic.Int64
	last := int64(0)
	s, err := tensor.NewStore(p, all, tensor.Packing{
		Done: func(part []byte) { given.Add(int64(len(part))) },
		Progress: func(done, all int64) {
			if done <= last || done > all || all != total {
				t.Errorf("progress %d of %d after %d, want %d at the end", done, all, last, total)
			}
			last = done
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if last != total || given.Load() != total {
		t.Errorf("told of %d bytes, given back %d, want %d", last, given.Load(), total)
	}
	for _, m := range all {
		out := make([]float32, m.Rows)
		if err := m.Mul(p, out, x, 1); err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, m.Rows - 1} {
			row := make([]float32, cols)
			m.Row(row, i)
			want := exactly(row, x)
			if rounded(m.Type) {
				want = alone(m, i, x)
			}
			if math.Float32bits(out[i]) != math.Float32bits(want) && !(want != want && out[i] != out[i]) {
				t.Errorf("%v with %d rows: row %d gives %v, want %v", m.Type, m.Rows, i, out[i], want)
			}
		}
	}
}

// TestMultiplyAllocates nothing.
func TestMultiplyAllocates(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := tensor.NewPool(2)
	defer p.Close()
	for _, kind := range []quant.Type{quant.F16, quant.Q4_K, quant.Q2_K} {
		const rows, cols, T = 70, 1024, 20
		m, err := tensor.NewMatrix(kind, rows, cols, weights(r, kind, rows*cols))
		if err != nil {
			t.Fatal(err)
		}
		s, err := tensor.NewStore(p, []*tensor.Matrix{m}, tensor.Packing{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		x, out := normal(r, T*cols), make([]float32, T*rows)
		n := testing.AllocsPerRun(50, func() {
			if err := p.Multiply(x, T, tensor.Product{Matrix: m, Out: out}); err != nil {
				t.Fatal(err)
			}
		})
		if n >= 1 { // now and then a worker takes part that never did before
			t.Errorf("%v: %v allocations a product", kind, n)
		}
	}
}

func TestNewMatrixRefuses(t *testing.T) {
	for _, test := range []struct {
		kind       quant.Type
		rows, cols int
		bytes      int
		ok         bool
	}{
		{quant.F32, 2, 3, 24, true},
		{quant.Q8_0, 2, 64, 136, true},
		{quant.F32, 2, 3, 23, false},
		{quant.F32, 2, 3, 25, false},
		{quant.F32, 0, 3, 0, false},
		{quant.F32, -2, -3, 24, false},
		{quant.F32, 1 << 40, 1 << 40, 0, false},
		{quant.Q8_0, 2, 33, 72, false},
		{quant.Type(4), 2, 32, 40, false},
		{quant.Type(math.MaxUint32), 1, 1, 4, false},
	} {
		_, err := tensor.NewMatrix(test.kind, test.rows, test.cols, make([]byte, test.bytes))
		if (err == nil) != test.ok || err != nil && !errors.Is(err, tensor.ErrShape) {
			t.Errorf("NewMatrix(%v, %d, %d, %d bytes): %v", test.kind, test.rows, test.cols, test.bytes, err)
		}
	}
}

func TestMulPanics(t *testing.T) {
	m, err := tensor.NewMatrix(quant.F32, 2, 2, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	wider, err := tensor.NewMatrix(quant.F32, 2, 3, make([]byte, 24))
	if err != nil {
		t.Fatal(err)
	}
	p := tensor.NewPool(1)
	defer p.Close()
	for name, mul := range map[string]func(){
		"short x": func() { _ = m.Mul(p, make([]float32, 4), make([]float32, 3), 2) },
		"columns": func() {
			_ = p.Multiply(make([]float32, 9), 1, tensor.Product{Matrix: m, Out: make([]float32, 9)}, tensor.Product{Matrix: wider, Out: make([]float32, 9)})
		},
		"short out": func() { _ = m.Mul(p, make([]float32, 3), make([]float32, 4), 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			mul()
		}()
	}
}

// TestDo counts that each item is done once, by calls at the same time, too.
func TestDo(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		p := tensor.NewPool(threads)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				for n := range 40 {
					done := make([]atomic.Int32, n)
					if err := p.Do(n, func(_ *tensor.Worker, i int) { done[i].Add(1) }); err != nil {
						t.Error(err)
					}
					for i := range done {
						if got := done[i].Load(); got != 1 {
							t.Errorf("%d threads, %d items: item %d was done %d times", threads, n, i, got)
						}
					}
				}
			})
		}
		calls.Wait()
		p.Close()
		p.Close()
		if err := p.Do(1, func(*tensor.Worker, int) {}); !errors.Is(err, tensor.ErrClosed) {
			t.Errorf("Do of a closed pool: %v", err)
		}
	}
}

// TestDoPanic turns a worker's panic into an error; the pool works on.
func TestDoPanic(t *testing.T) {
	p := tensor.NewPool(3)
	defer p.Close()
	for range 20 {
		err := p.Do(50, func(_ *tensor.Worker, i int) {
			if i == 17 {
				panic("seventeen")
			}
		})
		var stopped *tensor.PanicError
		if !errors.As(err, &stopped) || !strings.Contains(err.Error(), "seventeen") || len(stopped.Stack) == 0 {
			t.Fatalf("Do with a panic: %v", err)
		}
	}
	var n atomic.Int32
	if err := p.Do(50, func(*tensor.Worker, int) { n.Add(1) }); err != nil || n.Load() != 50 {
		t.Errorf("after a panic: %v, %d items", err, n.Load())
	}
}
