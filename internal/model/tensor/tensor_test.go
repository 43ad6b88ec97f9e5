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

	"github.com/casemate-ai/casemate/internal/model/kernel"
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

// TestMul compares every element, bit by bit, with the sum that
// kernel.AddProducts promises of it alone, for all formats, shapes and threads.
func TestMul(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m, values := randomMatrix(t, r)
		T := rapid.IntRange(0, 9).Draw(t, "T")
		x := normal(r, T*m.Cols)
		p := tensor.NewPool(rapid.SampledFrom([]int{1, 2, 3, 5}).Draw(t, "threads"))
		defer p.Close()
		out, second := make([]float32, T*m.Rows), make([]float32, T*m.Rows)
		if err := p.Multiply(x, T, tensor.Product{Matrix: m, Out: out}, tensor.Product{Matrix: m, Out: second}); err != nil {
			t.Fatal(err)
		}
		for i := range T {
			for j := range m.Rows {
				sum := []float64{0}
				kernel.AddProducts(sum, values[j*m.Cols:(j+1)*m.Cols], x[i*m.Cols:], 1, 1, m.Cols, m.Cols)
				want := float32(sum[0])
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
	p := tensor.NewPool(1)
	defer p.Close()
	for name, mul := range map[string]func(){
		"short x":   func() { _ = m.Mul(p, make([]float32, 4), make([]float32, 3), 2) },
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
