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
	// nearBytes is how much of a matrix stays in a processor's own cache while
	// tiles of activations pass it: half of 1 MiB.
	nearBytes = 512 << 10
	// blockTiles is how many tiles of activations one worker takes at a time.
	blockTiles = 8
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
	if rounds := q.plan(x, T, products); rounds {
		if err := q.round(p); err != nil {
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
	units       int64 // of all parts
	activations packed.Activations
}

// part is one matrix's share of the work: units are numbered through all parts.
// A unit is step panels and a block of tiles; those of the same panels follow
// one another.
type part struct {
	Product
	first, units int64
	step         int
	blocks       int64
}

// plan divides the work. It says whether activations are to be rounded.
func (q *product) plan(x []float32, T int, products []Product) (rounds bool) {
	q.x, q.T, q.units = x, T, 0
	cols := products[0].Matrix.Cols
	for _, r := range products {
		m := r.Matrix
		if m.Cols != cols || len(x) < T*cols || len(r.Out) < T*m.Rows {
			panic("tensor: Multiply: activations or result too short, or columns differ")
		}
		s := part{Product: r, first: q.units, step: 1, blocks: 1}
		switch m.form {
		case floatsForm:
			s.step = 4
		case packedForm:
			rounds = true
			s.step = 2
			if T > few {
				s.step = max(2, nearBytes/panelSize(m.form, m.kind, m.Cols)&^1)
				tiles := (T + few - 1) / few
				s.blocks = int64(tiles+blockTiles-1) / blockTiles
			}
		}
		s.units = int64((m.panelCount()+s.step-1)/s.step) * s.blocks
		q.units += s.units
		q.parts = append(q.parts, s)
	}
	return rounds
}

// forget lets go of what the caller owns.
func (q *product) forget() {
	clear(q.parts)
	q.x, q.parts = nil, q.parts[:0]
}

// round rounds the activations.
func (q *product) round(p *Pool) error {
	q.activations.Resize(q.T, q.parts[0].Matrix.Cols)
	return p.share(int64(q.activations.Tiles()), (*rounding)(q))
}

// rounding is the task of product.round: a tile an item.
type rounding product

func (q *rounding) do(_ *Worker, from, to int64) {
	for i := from; i < to; i++ {
		q.activations.Quantize(int(i), q.x)
	}
}

func (q *rounding) grain(int64, int) int64 { return 1 }

// grain gives long runs while there is much to read and short ones towards the
// end, so that workers end together.
func (q *product) grain(left int64, workers int) int64 {
	if q.T > few {
		return 1
	}
	return min(max(left/int64(8*workers), 1), 16)
}

func (q *product) do(w *Worker, from, to int64) {
	for i := range q.parts {
		s := &q.parts[i]
		a, b := max(from, s.first)-s.first, min(to, s.first+s.units)-s.first
		if a >= b {
			continue
		}
		if s.blocks == 1 {
			s.run(w, q, a, b, 0)
			continue
		}
		for ; a < b; a++ {
			s.run(w, q, a/s.blocks, a/s.blocks+1, int(a%s.blocks)*blockTiles)
		}
	}
}

// run multiplies by neighbouring steps of panels: with blocks, tiles from a
// tile on.
func (s *part) run(w *Worker, q *product, from, to int64, tile int) {
	m := s.Matrix
	first, last := int(from)*s.step, min(int(to)*s.step, m.panelCount())
	switch m.form {
	case packedForm:
		s.packed(&q.activations, first, last, tile)
	case floatsForm:
		s.floats(w, q, first, last)
	default:
		for i := first; i < last; i++ {
			s.unpacked(w, q, i)
		}
	}
}

// packed does panels first to last-1 with a block of tiles.
func (s *part) packed(a *packed.Activations, first, last, tile int) {
	m := s.Matrix
	size := panelSize(m.form, m.kind, m.Cols)
	from, to := m.panelRows(first, last)
	for i := tile; i < min(tile+blockTiles, a.Tiles()); i++ {
		row, _ := a.Tile(i)
		packed.Multiply(s.Out[row*m.Rows+from:], m.Rows, to-from, m.kind, m.panels[first*size:last*size], a, i)
	}
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
// by slab.
func (s *part) unpacked(w *Worker, q *product, i int) {
	m := s.Matrix
	from, to := m.panelRows(i, i+1)
	sums := w.Doubles(q.T * floats.Lanes)
	clear(sums)
	row := w.Floats(min(slab, m.Cols))
	panel := w.Bytes(len(row) * floats.Lanes * 4)
	clear(panel)
	for c := 0; c < m.Cols; c += slab {
		row := row[:min(slab, m.Cols-c)]
		for r := range to - from {
			m.part(row, from+r, c)
			for k, v := range row {
				binary.LittleEndian.PutUint32(panel[(k*floats.Lanes+r)*4:], math.Float32bits(v))
			}
		}
		shape := floats.Packed(quant.F32, 1, q.T, len(row))
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

// part turns the numbers of row r from column c on into float32.
func (m *Matrix) part(dst []float32, r, c int) {
	elements, bytes := m.Type.Block()
	start := (r*m.Cols + c) / elements * bytes
	quant.Dequantize(dst, m.Type, m.Data[start:start+len(dst)/elements*bytes])
}

// Scratch returns the bytes that a pool of so many workers needs to multiply T
// rows of activations by matrices of so many columns, of any format.
func Scratch(workers, T, cols int) int64 {
	sums := 8 * floats.Lanes * int64(max(4*min(T, floatRows), T))
	panel := 4 * int64(floats.Lanes+1) * int64(min(slab, cols))
	return packed.Bytes(T, cols) + int64(workers)*(sums+panel)
}
