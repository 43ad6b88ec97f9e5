// Package gemm multiplies matrices for training: many rows of activations by
// weights of any number format, by their transpose, and activations by
// activations. Weights are read as the file has them and put in panels as they
// are used, so that one copy serves forward and backward.
//
// Every number of a result is one sum in a fixed order, whoever computes it:
// bits depend neither on the threads nor on the processor. Products are added in
// float32 as package tiles says, tiles.Run or, with BF16, as many pairs at a
// time, and the sums of the runs are added to the result in float32, in order.
package gemm

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Weights is a matrix of any number format, [Rows,Cols] row-major: of Type F32
// either Floats or Data is set, of other types Data.
type Weights struct {
	Type       quant.Type
	Rows, Cols int
	Floats     []float32
	Data       []byte
}

// Options says how a product is made. The zero value works.
type Options struct {
	// Accumulate adds to the result instead of overwriting it.
	Accumulate bool
	// BF16 rounds both factors to bfloat16, to the nearest, of two equally near
	// ones the even one; sums stay float32.
	BF16 bool
	// Distances from a row to the next, in numbers; 0 where rows lie one after the
	// other. XStride is of x, DYStride of dy, OutStride of the result.
	OutStride, XStride, DYStride int
	// Memory lets products pack activations once, not once for every few hundred
	// columns; nil takes none. No bit depends on it.
	Memory *Memory
}

// Memory is what products keep from one to the next, up to some 18 MB or one run of
// each row, of 1 KB. The zero value works. One product at a time may use it.
type Memory struct {
	words []uint32
	limit int // for tests
}

// packedWords is how many numbers, or pairs with BF16, are packed ahead at a time.
const packedWords = 1 << 22

func (m *Memory) most() int { return or(m.limit, packedWords) }

// take returns n words, of any value.
func (m *Memory) take(n int) []uint32 {
	if len(m.words) < n {
		m.words = make([]uint32, n)
	}
	return m.words[:n]
}

// View is a matrix of activations. Element (i,j) is Floats[i*Stride+j], or
// Floats[j*Stride+i] if it is Transposed.
type View struct {
	Floats     []float32
	Stride     int
	Transposed bool
}

// Forward multiplies activations by weights: out[t] = W·x[t].
//
//	out  [T,w.Rows]; must not overlap x or the weights
//	x    [T,w.Cols]
//
// It panics if a slice is too short or the type is not known; errors are those of
// tensor.Pool.Do.
func Forward(p *tensor.Pool, out, x []float32, T int, w Weights, o Options) error {
	w.check("Forward")
	return run(p, "Forward", product{
		out: View{Floats: out, Stride: or(o.OutStride, w.Rows)},
		a:   side{floats: x, stride: or(o.XStride, w.Cols), along: true},
		b:   w.side(true),
		M:   T, N: w.Rows, K: w.Cols,
		add: o.Accumulate, bf16: o.BF16, memory: o.Memory,
	})
}

// Input is the gradient of Forward's x: dx[t] = Wᵀ·dy[t].
//
//	dx  [T,w.Cols], with OutStride; must not overlap dy or the weights
//	dy  [T,w.Rows]
//
// It panics and fails as Forward does.
func Input(p *tensor.Pool, dx, dy []float32, T int, w Weights, o Options) error {
	w.check("Input")
	return run(p, "Input", product{
		out: View{Floats: dx, Stride: or(o.OutStride, w.Cols)},
		a:   side{floats: dy, stride: or(o.DYStride, w.Rows), along: true},
		b:   w.side(false),
		M:   T, N: w.Cols, K: w.Rows,
		add: o.Accumulate, bf16: o.BF16, memory: o.Memory,
	})
}

// Weight is the gradient of Forward's weights: dw = Σ dy[t]·x[t]ᵀ.
//
//	dw  [N,K], with OutStride; must not overlap dy or x
//	dy  [T,N]
//	x   [T,K]
//
// It panics and fails as Forward does.
func Weight(p *tensor.Pool, dw, dy, x []float32, T, N, K int, o Options) error {
	q := product{
		out: View{Floats: dw, Stride: or(o.OutStride, K)},
		a:   side{floats: dy, stride: or(o.DYStride, N)},
		b:   side{floats: x, stride: or(o.XStride, K)},
		M:   N, N: K, K: T,
		add: o.Accumulate, bf16: o.BF16, memory: o.Memory,
	}
	return run(p, "Weight", q)
}

// Multiply multiplies matrices of activations within the work of a pool, by one
// worker: out = a·b.
//
//	out  [M,N]; must not overlap a or b
//	a    [M,K]
//	b    [K,N]
//
// Of the options it reads Accumulate and BF16; distances are the views'. It uses
// the worker's Bytes, not its other memory. It panics if a view is too short.
func Multiply(w *tensor.Worker, out, a, b View, M, N, K int, o Options) {
	q := product{
		out: out,
		a:   side{floats: a.Floats, stride: a.Stride, along: !a.Transposed},
		b:   side{floats: b.Floats, stride: b.Stride, along: b.Transposed},
		M:   M, N: N, K: K, add: o.Accumulate, bf16: o.BF16,
	}
	if q.check("Multiply") {
		q = q.turned()
		q.k1 = q.K
		q.block(w, 0, q.M, 0, q.N)
	}
}

// or returns n, or if that is 0 the other.
func or(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

// check panics if the numbers are not as many as the sides say.
func (w Weights) check(name string) {
	switch {
	case w.Rows < 0 || w.Cols < 0 || !w.Type.Known():
		panic(fmt.Sprintf("gemm: %s: weights of %v, %d x %d, cannot be", name, w.Type, w.Rows, w.Cols))
	case w.Floats != nil && w.Type == quant.F32:
		if len(w.Floats) < w.Rows*w.Cols {
			panic(fmt.Sprintf("gemm: %s: %d numbers for %d x %d", name, len(w.Floats), w.Rows, w.Cols))
		}
	case len(w.Data) < w.Rows*w.Type.Size(w.Cols):
		panic(fmt.Sprintf("gemm: %s: %d bytes for %d x %d of %v", name, len(w.Data), w.Rows, w.Cols, w.Type))
	}
}

// side returns the weights as a side of a product; along says whether sums run
// along their rows.
func (w Weights) side(along bool) side {
	if w.Floats != nil && w.Type == quant.F32 {
		return side{floats: w.Floats, stride: w.Cols, along: along}
	}
	if floats := words[float32](w.Data); floats != nil && w.Type == quant.F32 {
		return side{floats: floats, stride: w.Cols, along: along}
	}
	return side{format: w.Type, data: w.Data, stride: w.Cols, along: along}
}
