package tensor

import (
	"encoding/binary"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Product is a matrix and where to write what it makes of activations.
type Product struct {
	Matrix *Matrix
	Out    []float32 // [T,Rows] row-major
}

const (
	// few is up to how many rows of activations a product is bound by reading
	// weights: its work is then runs of panels, read from end to end.
	few = 12
	// fewUnits and manyUnits are how many units a worker takes at most where
	// there are few rows, and many: 4 units of 4 panels are read from near caches
	// by hundreds of rows, and shorten what streams past them.
	fewUnits, manyUnits = 16, 4
	// floatRows is how many rows of activations package floats is given at most.
	floatRows = 512
	// slab is how many columns of a matrix that is not packed are turned into
	// float32 at a time: a multiple of all blocks and of floats.Run.
	slab = 1024
)

// Mul multiplies activations by the matrix: out[t] = M·x[t].
//
//	out  [T,Rows] row-major; must not overlap x
//	x    [T,Cols] row-major
//
// It is Pool.Multiply for one product.
func (m *Matrix) Mul(p *Pool, out, x []float32, T int) error {
	return p.Multiply(x, T, Product{m, out})
}

// Multiply multiplies activations by several matrices of as many columns, and
// rounds activations once for all of them.
//
//	x  [T,Cols] row-major; must not overlap a result
//
// Sums run as packed.Multiply says for matrices that a Store has packed from
// blocks, and as floats.AddProducts says for all others: bits depend on a row of
// x and a row of the matrix alone. It panics if a slice is too short or the
// matrices differ in columns; errors are those of Pool.Do. It allocates nothing
// once there is memory for products as large.
func (p *Pool) Multiply(x []float32, T int, products ...Product) error {
	if T <= 0 || len(products) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.product
	defer q.forget()
	q.plan(x, T, products)
	for i := range q.activations {
		if err := q.activations[i].round(p, x, T, products[0].Matrix.Cols); err != nil {
			return err
		}
	}
	return p.share(q.units, q)
}

// product is the task of Multiply.
type product struct {
	x           []float32
	T           int
	parts       []part
	units       int64      // of all parts
	activations [2]rounded // in small groups and in large ones, as formats want
}

// part is one matrix's share of the work. Its units are step panels each, and
// are numbered through all parts.
type part struct {
	Product
	first, units int64
	step         int
	rounded      *rounded // activations, if rounded ones are used
}

// plan divides the work, and says which activations are to be rounded.
func (q *product) plan(x []float32, T int, products []Product) {
	q.x, q.T, q.units = x, T, 0
	cols := products[0].Matrix.Cols
	for _, r := range products {
		m := r.Matrix
		if m.Cols != cols || len(x) < T*cols || len(r.Out) < T*m.Rows {
			panic("tensor: Multiply: activations or result too short, or columns differ")
		}
		s := part{Product: r, first: q.units, step: 4}
		if m.form == packedForm {
			s.rounded = q.rounded(m.kind)
			if T <= few {
				s.step = 2
			}
		}
		s.units = int64((m.panelCount() + s.step - 1) / s.step)
		q.units += s.units
		q.parts = append(q.parts, s)
	}
}

// forget lets go of what the caller owns.
func (q *product) forget() {
	clear(q.parts)
	q.x, q.parts = nil, q.parts[:0]
	for i := range q.activations {
		q.activations[i].x, q.activations[i].wanted = nil, false
	}
}

// rounded returns the activations that weights of a type are multiplied by.
func (q *product) rounded(t quant.Type) *rounded {
	a := &q.activations[0]
	if packed.GroupOf(t) == packed.Group {
		a = &q.activations[1]
	}
	a.wanted, a.group = true, packed.GroupOf(t)
	return a
}

// rounded is activations of 8 bits. As a task its items are their tiles.
type rounded struct {
	packed.Activations
	wanted bool
	group  int
	x      []float32
}

// round rounds activations if they are wanted.
func (a *rounded) round(p *Pool, x []float32, T, cols int) error {
	if !a.wanted {
		return nil
	}
	a.x = x
	a.Resize(T, cols, a.group)
	return p.share(int64(a.Tiles()), a)
}

func (a *rounded) do(_ *Worker, from, to int64) {
	for i := from; i < to; i++ {
		a.Quantize(int(i), a.x)
	}
}

func (a *rounded) grain(int64, int) int64 { return 1 }

// grain gives long runs while there is much to do and short ones towards the
// end, so that workers end together.
func (q *product) grain(left int64, workers int) int64 {
	if q.T > few {
		return min(max(left/int64(2*workers), 1), manyUnits)
	}
	return min(max(left/int64(8*workers), 1), fewUnits)
}

func (q *product) do(w *Worker, from, to int64) {
	for i := range q.parts {
		s := &q.parts[i]
		a, b := max(from, s.first)-s.first, min(to, s.first+s.units)-s.first
		if a < b {
			s.run(w, q, int(a), int(b))
		}
	}
}

// run does units from to to-1.
func (s *part) run(w *Worker, q *product, from, to int) {
	m := s.Matrix
	first, last := from*s.step, min(to*s.step, m.panelCount())
	switch m.form {
	case packedForm:
		s.packed(w, first, last)
	case floatsForm:
		s.floats(w, q, first, last)
	default:
		for i := first; i < last; i++ {
			s.unpacked(w, q, i)
		}
	}
}

// packed does panels first to last-1.
func (s *part) packed(w *Worker, first, last int) {
	m, a := s.Matrix, &s.rounded.Activations
	size := panelSize(m.form, m.kind, m.Cols)
	from, to := m.panelRows(first, last)
	panels := m.panels[first*size : last*size]
	if a.Tiles() == 1 {
		packed.Multiply(s.Out[from:], m.Rows, to-from, m.kind, panels, a, 0)
		return
	}
	packed.MultiplyTiles(s.Out[from:], m.Rows, to-from, m.kind, panels, a, 0, a.Tiles(), w.Bytes(packed.ScratchBytes))
}

// floats does panels first to last-1. What the rows that fill up the last panel
// give goes to memory of the worker.
func (s *part) floats(w *Worker, q *product, first, last int) {
	m := s.Matrix
	size := panelSize(m.form, m.kind, m.Cols)
	if last*floats.Lanes > m.Rows {
		last--
		s.floatsTail(w, q, last, m.panels[last*size:])
	}
	if first >= last {
		return
	}
	for t := 0; t < q.T; t += floatRows {
		shape := floats.Packed(m.kind, last-first, min(floatRows, q.T-t), m.Cols)
		shape.OutStride = m.Rows
		out := s.Out[t*m.Rows+first*floats.Lanes:]
		floats.Multiply(out, m.panels[first*size:last*size], q.x[t*m.Cols:], shape, w.Doubles(shape.SumsSize()))
	}
}

func (s *part) floatsTail(w *Worker, q *product, i int, panel []byte) {
	m := s.Matrix
	from := i * floats.Lanes
	for t := 0; t < q.T; t += floatRows {
		shape := floats.Packed(m.kind, 1, min(floatRows, q.T-t), m.Cols)
		out := w.Floats(shape.T * floats.Lanes)
		floats.Multiply(out, panel, q.x[t*m.Cols:], shape, w.Doubles(shape.SumsSize()))
		for j := range shape.T {
			copy(s.Out[(t+j)*m.Rows+from:(t+j+1)*m.Rows], out[j*floats.Lanes:])
		}
	}
}

// unpacked does the rows of panel i: it turns them into a panel of float32, slab
// by slab. What is in rows that there are not goes to sums that nobody reads.
func (s *part) unpacked(w *Worker, q *product, i int) {
	m := s.Matrix
	from, to := m.panelRows(i, i+1)
	sums := w.Doubles(q.T * floats.Lanes)
	clear(sums)
	K := min(slab, m.Cols)
	rows := w.Floats(floats.Lanes * K)
	panel := w.Bytes(len(rows) * 4)
	for c := 0; c < m.Cols; c += slab {
		K := min(slab, m.Cols-c)
		for r := range to - from {
			m.part(rows[r*K:(r+1)*K], from+r, c)
		}
		interleave(panel, rows, K)
		shape := floats.Packed(quant.F32, 1, q.T, K)
		shape.XStride = m.Cols
		floats.AddProducts(sums, panel, q.x[c:], shape)
	}
	for t := range q.T {
		out := s.Out[t*m.Rows+from : t*m.Rows+to]
		for r := range out {
			out[r] = float32(sums[t*floats.Lanes+r])
		}
	}
}

// interleave writes rows, [16,K], as a panel of float32, [K,16].
func interleave(panel []byte, rows []float32, K int) {
	for k := range K {
		p := panel[4*floats.Lanes*k:][:4*floats.Lanes]
		for r := range floats.Lanes {
			binary.LittleEndian.PutUint32(p[4*r:], math.Float32bits(rows[r*K+k]))
		}
	}
}

// part turns the numbers of row r from column c on into float32.
func (m *Matrix) part(dst []float32, r, c int) {
	elements, bytes := m.Type.Block()
	start := (r*m.Cols + c) / elements * bytes
	quant.Dequantize(dst, m.Type, m.Data[start:start+len(dst)/elements*bytes])
}

// Scratch returns the bytes that a pool of so many workers needs to multiply T
// rows of activations by matrices of so many columns, of any format.
func Scratch(workers, T, cols int) int64 {
	sums := 8 * int64(max(floats.Packed(quant.F16, 16, min(T, floatRows), cols).SumsSize(), floats.Lanes*T))
	panel := 8*int64(floats.Lanes)*int64(min(slab, cols)) + packed.ScratchBytes
	return packed.Bytes(T, cols, 8) + packed.Bytes(T, cols, packed.Group) + int64(workers)*(sums+panel)
}
