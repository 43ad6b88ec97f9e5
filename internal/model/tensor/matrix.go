package tensor

import (
	"errors"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// ErrShape is wrapped by the errors of matrices that cannot be.
var ErrShape = errors.New("shape does not fit")

// MaxSide is the largest number of rows or columns of a matrix.
const MaxSide = 1 << 28

// Matrix is weights in any number format. It is not changed once made.
type Matrix struct {
	Rows, Cols int
	Type       quant.Type
	Data       []byte // rows one after another, blocks of Type within them
}

// NewMatrix checks that data holds a matrix.
func NewMatrix(t quant.Type, rows, cols int, data []byte) (*Matrix, error) {
	elements, bytes := t.Block()
	switch {
	case elements == 0:
		return nil, fmt.Errorf("matrix of %v: %w: number format is not known", t, ErrShape)
	case rows <= 0 || cols <= 0 || rows > MaxSide || cols > MaxSide:
		return nil, fmt.Errorf("matrix of %d rows and %d columns: %w", rows, cols, ErrShape)
	case cols%elements != 0:
		return nil, fmt.Errorf("matrix of %d columns: %w: %v comes in blocks of %d", cols, ErrShape, t, elements)
	}
	perRow := int64(cols / elements * bytes)
	if perRow > math.MaxInt64/int64(rows) || perRow*int64(rows) != int64(len(data)) {
		return nil, fmt.Errorf("matrix of %d rows and %d columns of %v: %w: it has %d bytes", rows, cols, t, ErrShape, len(data))
	}
	return &Matrix{Rows: rows, Cols: cols, Type: t, Data: data}, nil
}

// Row turns row i into numbers.
//
//	dst  [Cols]
//
// It panics if dst is not as long or there is no such row. A read that faults
// panics, too: call it within Pool.Do where Data is mapped.
func (m *Matrix) Row(dst []float32, i int) {
	size := m.Type.Size(m.Cols)
	quant.Dequantize(dst[:m.Cols:m.Cols], m.Type, m.Data[i*size:(i+1)*size])
}

// Product is a matrix and where to write what it makes of activations.
type Product struct {
	Matrix *Matrix
	Out    []float32 // [T,Rows] row-major
}

// Mul multiplies activations by the matrix: out[t] = M·x[t].
//
//	out  [T,Rows] row-major; must not overlap x
//	x    [T,Cols] row-major
//
// Weights are turned into float32 once for all T rows of x, and sums run as
// kernel.AddProducts says: bits depend on a row of x and a row of the matrix
// alone. It panics if a slice is too short; errors are those of Pool.Do.
func (m *Matrix) Mul(p *Pool, out, x []float32, T int) error {
	return p.Multiply(x, T, Product{m, out})
}

// Multiply is Matrix.Mul for several matrices that share activations: it shares
// out the rows of all at once.
func (p *Pool) Multiply(x []float32, T int, products ...Product) error {
	if T <= 0 {
		return nil
	}
	total := 0
	for _, q := range products {
		if len(x) < T*q.Matrix.Cols || len(q.Out) < T*q.Matrix.Rows {
			panic("tensor: Multiply: activations or result too short")
		}
		total += (q.Matrix.Rows + panel(T) - 1) / panel(T)
	}
	return p.Do(total, func(w *Worker, i int) {
		for _, q := range products {
			n := (q.Matrix.Rows + panel(T) - 1) / panel(T)
			if i < n {
				first := i * panel(T)
				q.rows(w, x, T, first, min(first+panel(T), q.Matrix.Rows))
				return
			}
			i -= n
		}
	})
}

// slab is how many columns are turned into float32 at a time: a multiple of all
// blocks and of kernel.Run.
const slab = 1024

// panel is how many rows are done together: as many as keep a slab of them, 4 KiB
// each, in the fast caches; fewer where there is little to do with them.
func panel(T int) int {
	if T < 3 {
		return 8
	}
	return 32
}

// Scratch returns the bytes that a worker needs to multiply T rows of activations
// by a matrix of so many columns.
func Scratch(T, cols int) int64 {
	return int64(panel(T)) * (8*int64(T) + 4*int64(min(slab, cols)))
}

// rows computes rows first to last-1 of the product.
func (q Product) rows(w *Worker, x []float32, T, first, last int) {
	m := q.Matrix
	R := last - first
	sum := w.Doubles(T * R)
	clear(sum)
	weights := w.Floats(R * min(slab, m.Cols))
	for c := 0; c < m.Cols; c += slab {
		K := min(slab, m.Cols-c)
		for r := range R {
			m.part(weights[r*K:(r+1)*K], first+r, c)
		}
		kernel.AddProducts(sum, weights, x[c:], R, T, K, m.Cols)
	}
	for t := range T {
		out := q.Out[t*m.Rows+first : t*m.Rows+last]
		for r := range out {
			out[r] = float32(sum[t*R+r])
		}
	}
}

// part turns the numbers of row r from column c on into float32.
func (m *Matrix) part(dst []float32, r, c int) {
	elements, bytes := m.Type.Block()
	start := (r*m.Cols + c) / elements * bytes
	quant.Dequantize(dst, m.Type, m.Data[start:start+len(dst)/elements*bytes])
}
