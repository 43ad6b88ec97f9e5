package gemm_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// TestFormats multiplies by weights of every format and compares, to the bit, with
// the same numbers as F32.
func TestFormats(t *testing.T) {
	p := tensor.NewPool(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(7, 8))
	for _, f := range quant.Types() {
		elements, bytes := f.Block()
		for _, s := range [][3]int{{1, 1, 1}, {5, 18, 2}, {17, 33, 3}, {3, 4, 600}} {
			T, N := s[0], s[1]
			K := max(s[2]*min(elements, 256)/256, 1) * elements
			data := make([]byte, f.Size(N*K))
			for i := 0; i < len(data); i += bytes {
				block(r, data[i:i+bytes], f)
			}
			w := make([]float32, N*K)
			quant.Dequantize(w, f, data)
			checkFormat(t, p, f, gemm.Weights{Type: f, Rows: N, Cols: K, Data: data}, w, T)
		}
	}
}

// block writes a random block whose numbers are small enough for sums to be
// numbers.
func block(r *rand.Rand, data []byte, f quant.Type) {
	elements, _ := f.Block()
	x := make([]float32, elements)
	for fits := false; !fits; {
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		quant.Dequantize(x, f, data)
		fits = !slices.ContainsFunc(x, func(v float32) bool { return !(math.Abs(float64(v)) < 1e6) })
	}
}

func checkFormat(t *testing.T, p *tensor.Pool, f quant.Type, w gemm.Weights, same []float32, T int) {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 10))
	x, dy := numbers(r, T*w.Cols), numbers(r, T*w.Rows)
	plain := gemm.Weights{Type: quant.F32, Rows: w.Rows, Cols: w.Cols, Floats: same}
	for _, o := range []gemm.Options{{}, {BF16: true}} {
		out, want := make([]float32, T*w.Rows), make([]float32, T*w.Rows)
		check(t, gemm.Forward(p, out, x, T, w, o))
		check(t, gemm.Forward(p, want, x, T, plain, o))
		equal(t, fmt.Sprintf("Forward by %v, %d x %d", f, w.Rows, w.Cols), out, want)
		out, want = make([]float32, T*w.Cols), make([]float32, T*w.Cols)
		check(t, gemm.Input(p, out, dy, T, w, o))
		check(t, gemm.Input(p, want, dy, T, plain, o))
		equal(t, fmt.Sprintf("Input by %v, %d x %d", f, w.Rows, w.Cols), out, want)
	}
}

func equal(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestUnaligned reads weights that lie at odd addresses.
func TestUnaligned(t *testing.T) {
	p := tensor.NewPool(1)
	defer p.Close()
	r := rand.New(rand.NewPCG(11, 12))
	const N, K = 19, 34
	for _, f := range []quant.Type{quant.F32, quant.BF16} {
		w := numbers(r, N*K)
		data := make([]byte, f.Size(N*K)+1)[1:]
		quant.Quantize(data, f, w)
		quant.Dequantize(w, f, data)
		checkFormat(t, p, f, gemm.Weights{Type: f, Rows: N, Cols: K, Data: data}, w, 5)
	}
}

// TestThreads compares the bits of results of different numbers of workers, and
// of rows computed together and one at a time.
func TestThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const T, N, K = 60, 530, 1030
	x, dy, w := numbers(r, T*K), numbers(r, T*N), numbers(r, N*K)
	weights := gemm.Weights{Type: quant.F32, Rows: N, Cols: K, Floats: w}
	var first [][]float32
	threads := []int{1, 2, 3, 5}
	if testing.Short() {
		threads = []int{1, 3}
	}
	for _, o := range []gemm.Options{{}, {Memory: gemm.NewMemory(20000)}, {BF16: true}, {BF16: true, Memory: gemm.NewMemory(20000)}} {
		if o.Memory == nil {
			first = nil // with memory bits are the same
		}
		for _, n := range threads {
			p := tensor.NewPool(n)
			out, dx, dw := make([]float32, T*N), make([]float32, T*K), make([]float32, N*K)
			check(t, gemm.Forward(p, out, x, T, weights, o))
			check(t, gemm.Input(p, dx, dy, T, weights, o))
			check(t, gemm.Weight(p, dw, dy, x, T, N, K, o))
			all := [][]float32{out, dx, dw}
			if first == nil {
				first = all
				alone := make([]float32, T*N)
				for i := range T {
					check(t, gemm.Forward(p, alone[i*N:], x[i*K:], 1, weights, o))
				}
				equal(t, "one row at a time", alone, out)
			}
			for i, a := range all {
				equal(t, fmt.Sprintf("%d threads, product %d", n, i), a, first[i])
			}
			p.Close()
		}
	}
}

// TestStrides multiplies what lies within wider rows, and looks that nothing
// between the rows of a result is touched.
func TestStrides(t *testing.T) {
	p := tensor.NewPool(3)
	defer p.Close()
	r := rand.New(rand.NewPCG(15, 16))
	for _, s := range [][3]int{{9, 21, 40}, {40, 5, 33}, {33, 70, 3}} {
		T, N, K := s[0], s[1], s[2]
		x, dy, w := numbers(r, T*K), numbers(r, T*N), numbers(r, N*K)
		weights := gemm.Weights{Type: quant.F32, Rows: N, Cols: K, Floats: w}
		o := gemm.Options{Accumulate: true, XStride: K + 3, DYStride: N + 5}
		wideX, wideDY := widen(x, K, o.XStride), widen(dy, N, o.DYStride)
		for i, c := range []struct {
			rows, cols int
			run        func(out, x, dy []float32, o gemm.Options) error
		}{
			{T, N, func(out, x, _ []float32, o gemm.Options) error { return gemm.Forward(p, out, x, T, weights, o) }},
			{T, K, func(out, _, dy []float32, o gemm.Options) error { return gemm.Input(p, out, dy, T, weights, o) }},
			{N, K, func(out, x, dy []float32, o gemm.Options) error { return gemm.Weight(p, out, dy, x, T, N, K, o) }},
		} {
			start := numbers(r, c.rows*c.cols)
			o.OutStride = c.cols + 7
			got, want := widen(start, c.cols, o.OutStride), slices.Clone(start)
			check(t, c.run(got, wideX, wideDY, o))
			check(t, c.run(want, x, dy, gemm.Options{Accumulate: true}))
			equal(t, fmt.Sprintf("product %d of %v", i, s), got, widen(want, c.cols, o.OutStride))
		}
	}
}

// widen puts rows of n numbers at a distance, with a number of its own between.
func widen(x []float32, n, stride int) []float32 {
	var out []float32
	for i := 0; i < len(x); i += n {
		out = append(out, x[i:i+n]...)
		for j := n; j < stride && i+n < len(x); j++ {
			out = append(out, -7)
		}
	}
	return out
}

// TestMultiply compares all views with the definition.
func TestMultiply(t *testing.T) {
	p := tensor.NewPool(1)
	defer p.Close()
	r := rand.New(rand.NewPCG(17, 18))
	for _, s := range [][3]int{{1, 1, 1}, {17, 5, 40}, {64, 64, 32}, {30, 33, 2}, {5, 40, 300}} {
		for views := range 8 {
			for _, o := range []gemm.Options{{}, {Accumulate: true}, {BF16: true}} {
				checkMultiply(t, p, r, s, views, o)
			}
		}
	}
}

func checkMultiply(t *testing.T, p *tensor.Pool, r *rand.Rand, s [3]int, views int, o gemm.Options) {
	t.Helper()
	M, N, K := s[0], s[1], s[2]
	view := func(bit, rows, cols int) gemm.View {
		v := gemm.View{Transposed: views>>bit&1 == 1, Stride: cols + r.IntN(2)}
		if v.Transposed {
			v.Stride, cols = rows+r.IntN(2), cols+1
			v.Floats = numbers(r, cols*v.Stride)
			return v
		}
		v.Floats = numbers(r, (rows+1)*v.Stride)
		return v
	}
	at := func(v gemm.View, i, j int) float32 {
		if v.Transposed {
			i, j = j, i
		}
		return v.Floats[i*v.Stride+j]
	}
	a, b, out := view(0, M, K), view(1, K, N), view(2, M, N)
	start := make([]float32, M*N)
	for i := range start {
		start[i] = at(out, i/N, i%N)
	}
	sum, bound := want(start, o.Accumulate, M, N, K, func(m, k int) float32 { return at(a, m, k) }, func(n, k int) float32 { return at(b, k, n) }, o.BF16)
	check(t, p.Do(1, func(w *tensor.Worker, _ int) { gemm.Multiply(w, out, a, b, M, N, K, o) }))
	got := make([]float32, M*N)
	for i := range got {
		got[i] = at(out, i/N, i%N)
	}
	compare(t, fmt.Sprintf("Multiply %v, views %03b, %+v", s, views, o), got, sum, bound)
}

// TestNothing multiplies matrices without rows or columns.
func TestNothing(t *testing.T) {
	p := tensor.NewPool(2)
	defer p.Close()
	w := gemm.Weights{Type: quant.F32, Rows: 3, Cols: 0, Floats: []float32{}}
	out := []float32{1, 2, 3, 4, 5, 6}
	check(t, gemm.Forward(p, out, nil, 2, w, gemm.Options{Accumulate: true}))
	if !slices.Equal(out, []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("sums of nothing changed the results to %v", out)
	}
	check(t, gemm.Forward(p, out, nil, 2, w, gemm.Options{}))
	if !slices.Equal(out, make([]float32, 6)) {
		t.Errorf("sums of nothing are %v, want zeros", out)
	}
	check(t, gemm.Input(p, nil, nil, 0, w, gemm.Options{}))
	check(t, gemm.Weight(p, nil, nil, nil, 4, 0, 0, gemm.Options{}))
}

func TestRefuses(t *testing.T) {
	p := tensor.NewPool(1)
	w := gemm.Weights{Type: quant.F32, Rows: 3, Cols: 4, Floats: make([]float32, 12)}
	for i, f := range []func(){
		func() { gemm.Forward(p, make([]float32, 5), make([]float32, 8), 2, w, gemm.Options{}) },
		func() { gemm.Forward(p, make([]float32, 6), make([]float32, 7), 2, w, gemm.Options{}) },
		func() {
			gemm.Forward(p, make([]float32, 6), make([]float32, 8), 2, w, gemm.Options{OutStride: 2})
		},
		func() { gemm.Forward(p, make([]float32, 6), make([]float32, 8), -1, w, gemm.Options{}) },
		func() { gemm.Input(p, make([]float32, 7), make([]float32, 6), 2, w, gemm.Options{}) },
		func() {
			gemm.Weight(p, make([]float32, 11), make([]float32, 6), make([]float32, 8), 2, 3, 4, gemm.Options{})
		},
		func() {
			gemm.Forward(p, make([]float32, 6), make([]float32, 8), 2, gemm.Weights{Type: quant.Q8_0, Rows: 3, Cols: 32, Data: make([]byte, 101)}, gemm.Options{})
		},
		func() {
			gemm.Forward(p, make([]float32, 6), make([]float32, 8), 2, gemm.Weights{Type: 99, Rows: 3, Cols: 4}, gemm.Options{})
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("mistake %d was taken", i)
				}
			}()
			f()
		}()
	}
	p.Close()
	if err := gemm.Forward(p, make([]float32, 6), make([]float32, 8), 2, w, gemm.Options{}); !errors.Is(err, tensor.ErrClosed) {
		t.Errorf("a closed pool gives %v, want %v", err, tensor.ErrClosed)
	}
}

// TestDigest compares results with those written down, which every processor and
// set of instructions must have. What is multiplied are whole numbers times powers
// of two.
func TestDigest(t *testing.T) {
	p := tensor.NewPool(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(19, 20))
	const T, N, K = 61, 130, 768
	whole := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.IntN(1<<20)-1<<19) * float32(math.Ldexp(1, -r.IntN(24)))
		}
		return x
	}
	x, dy, w := whole(T*K), whole(T*N), whole(N*K)
	data := make([]byte, quant.Q8_0.Size(N*K))
	quant.Quantize(data, quant.Q8_0, w)
	weights := gemm.Weights{Type: quant.Q8_0, Rows: N, Cols: K, Data: data}
	for _, c := range []struct {
		o    gemm.Options
		want string
	}{{gemm.Options{}, "fd59ee30f29963f52031d6d0a4e6a00b"}, {gemm.Options{BF16: true}, "2bb55b5084c0b6409591476a18bca73e"}} {
		out, dx, dw := make([]float32, T*N), make([]float32, T*K), make([]float32, N*K)
		check(t, gemm.Forward(p, out, x, T, weights, c.o))
		check(t, gemm.Input(p, dx, dy, T, weights, c.o))
		check(t, gemm.Weight(p, dw, dy, x, T, N, K, c.o))
		h := sha256.New()
		for _, v := range slices.Concat(out, dx, dw) {
			if v != v {
				t.Fatal("a result is not a number")
			}
			binary.Write(h, binary.LittleEndian, v)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:16]); got != c.want {
			t.Errorf("%+v: the digest is %q, want %q", c.o, got, c.want)
		}
	}
}

// FuzzProducts multiplies matrices of any shape and numbers, and compares with the
// definition.
func FuzzProducts(f *testing.F) {
	f.Add(uint16(3), uint16(17), uint16(20), uint64(1), true, false)
	f.Add(uint16(300), uint16(8), uint16(5), uint64(2), false, true)
	f.Fuzz(func(t *testing.T, T, N, K uint16, seed uint64, accumulate, bf16 bool) {
		p := tensor.NewPool(1 + int(seed%3))
		defer p.Close()
		checkProducts(t, p, int(T%600)+1, int(N%90)+1, int(K%90)+1, gemm.Options{Accumulate: accumulate, BF16: bf16})
	})
}
