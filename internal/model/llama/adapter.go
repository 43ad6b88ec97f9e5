package llama

import (
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// ErrAdapterClosed is the error of a sequence whose adapter was closed.
var ErrAdapterClosed = errors.New("the adapter is closed")

// Adapter is a low-rank change to a model that is ready to run beside others: of
// the sequences of a pass each has its own, or none. It takes memory for its own
// numbers alone. Close it when no sequence will use it.
type Adapter struct {
	model   *Model
	serial  uint64
	changes []change // by linear.index; those of unchanged maps have no a
	store   *tensor.Store
	closed  bool // whoever looks has the model's turn
}

// change makes W·x of a map scale·B·(A·x) more, and then stretches rows.
type change struct {
	a, b    *tensor.Matrix // [rank,cols], [rows,rank]
	scale   float32
	stretch []float32 // [rows]; nil where lengths are left as they come
}

// target is a map that may be changed.
type target struct {
	index      int
	w          *tensor.Matrix
	rows, cols int
}

// NewAdapter makes an adapter ready. It fails where a does not fit the model, and
// may be called while passes run. Of a decomposed adapter (DoRA) the lengths of
// the changed rows are computed, which reads the matrices that it changes.
func (m *Model) NewAdapter(a *adapter.Adapter) (*Adapter, error) {
	x, err := m.newAdapter(a)
	if err != nil {
		return nil, fmt.Errorf("use adapter %q: %w", a.Path, err)
	}
	return x, nil
}

func (m *Model) newAdapter(a *adapter.Adapter) (*Adapter, error) {
	deltas, err := a.For(m.file)
	if err != nil {
		return nil, err
	}
	x := &Adapter{model: m, serial: m.serials.Add(1), changes: make([]change, len(m.targets))}
	var pack []*tensor.Matrix
	for _, d := range deltas {
		t, ok := m.targets[d.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("it changes tensor %q, which cannot be adapted", d.Name)
		case d.Out != t.rows || d.In != t.cols || d.Magnitude != nil && len(d.Magnitude) != t.rows:
			return nil, fmt.Errorf("it changes %q as if it had %d rows and %d columns: want %d and %d", d.Name, d.Out, d.In, t.rows, t.cols)
		}
		c := &x.changes[t.index]
		var errA, errB error
		c.a, errA = tensor.NewMatrix(quant.F32, d.Rank, d.In, float32Bytes(d.A))
		c.b, errB = tensor.NewMatrix(quant.F32, d.Out, d.Rank, float32Bytes(d.B))
		if err := errors.Join(errA, errB); err != nil {
			return nil, fmt.Errorf("change of %q: %w", d.Name, err)
		}
		c.scale = d.Scale
		if c.stretch, err = m.stretches(d, t.w); err != nil {
			return nil, fmt.Errorf("change of %q: %w", d.Name, err)
		}
		pack = append(pack, c.a, c.b)
	}
	x.store, err = tensor.NewStore(m.pool, pack, tensor.Packing{})
	return x, err
}

// stretches returns what the rows of a decomposed change are multiplied by, or
// nil for another.
func (m *Model) stretches(d *adapter.Delta, w *tensor.Matrix) ([]float32, error) {
	if d.Magnitude == nil {
		return nil, nil
	}
	if err := m.file.Changed(); err != nil {
		return nil, err
	}
	out := make([]float32, d.Out)
	err := m.pool.Do(d.Out, func(worker *tensor.Worker, i int) {
		row := worker.Floats(d.In)
		w.Row(row, i)
		d.Add(row, i, 0)
		out[i] = d.Stretch(row, i)
	})
	if err == nil {
		m.file.Release(w.Data)
	}
	return out, err
}

// Serial is another number for each adapter that a model was given, from 1.
func (x *Adapter) Serial() uint64 { return x.serial }

// Bytes returns the memory that the adapter takes.
func (x *Adapter) Bytes() int64 {
	n := x.store.Bytes()
	for _, c := range x.changes {
		n += 4 * int64(len(c.stretch))
	}
	return n
}

// Close frees the adapter. It waits for a pass under way; sequences that name the
// adapter afterwards fail with ErrAdapterClosed.
func (x *Adapter) Close() {
	<-x.model.turn
	x.free()
	x.model.unlock()
}

// free is Close for whoever has the turn.
func (x *Adapter) free() {
	if !x.closed {
		x.closed = true
		x.store.Close()
	}
}

// adapterOf returns the adapter of a sequence: its own, or else the model's.
func (m *Model) adapterOf(s *Sequence) *Adapter {
	if s.Adapter != nil {
		return s.Adapter
	}
	return m.adapter
}

// group is the rows of a chunk, or of outputs, that have one adapter.
type group struct {
	adapter *Adapter
	rows    []int // ascending
}

// adjoining says whether no other row lies between those of the group.
func (g *group) adjoining() bool { return g.rows[len(g.rows)-1]-g.rows[0] == len(g.rows)-1 }

// groupRows puts the rows that have the same adapter together, in the order in
// which each adapter comes first. Rows without one are in no group.
func groupRows(T int, of func(t int) *Adapter) []group {
	var groups []group
	last := -1 // the group of the row before
	for t := range T {
		a := of(t)
		if a == nil {
			continue
		}
		if last < 0 || groups[last].adapter != a {
			last = len(groups)
			for i := range groups {
				if groups[i].adapter == a {
					last = i
				}
			}
			if last == len(groups) {
				groups = append(groups, group{adapter: a})
			}
		}
		groups[last].rows = append(groups[last].rows, t)
	}
	return groups
}

// adapt adds an adapter's changes to what maps made of a group's rows. It writes
// no other row.
func (m *Model) adapt(g *group, x []float32, maps []into) error {
	var products [3]tensor.Product
	var changes [3]*change
	n, cols, lows, highs := 0, maps[0].l.w.Cols, 0, 0
	rows := len(g.rows)
	for _, p := range maps {
		if c := &g.adapter.changes[p.l.index]; c.a != nil {
			lows, highs = lows+rows*c.a.Rows, highs+rows*c.b.Rows
		}
	}
	if lows == 0 {
		return nil
	}
	low, high := floats32(&m.scratch.low, lows), floats32(&m.scratch.change, highs)
	var outs [3][]float32
	for _, p := range maps {
		c := &g.adapter.changes[p.l.index]
		if c.a == nil {
			continue
		}
		size := rows * c.a.Rows
		products[n], changes[n], outs[n] = tensor.Product{Matrix: c.a, Out: low[:size:size]}, c, p.out
		low, n = low[size:], n+1
	}
	gathered, err := m.gather(g, x, cols)
	if err != nil {
		return err
	}
	if err := m.pool.Multiply(gathered, rows, products[:n]...); err != nil {
		return err
	}
	for i := range n {
		c := changes[i]
		size := rows * c.b.Rows
		out := high[:size:size]
		high = high[size:]
		if err := c.b.Mul(m.pool, out, products[i].Out, rows); err != nil {
			return err
		}
		products[i].Out = out
	}
	return m.pool.Do(n*rows, func(_ *tensor.Worker, i int) {
		k, row := i%n, i/n
		size := changes[k].b.Rows
		changes[k].apply(outs[k][g.rows[row]*size:][:size], products[k].Out[row*size:][:size])
	})
}

// gather returns a group's rows of x one after another.
func (m *Model) gather(g *group, x []float32, cols int) ([]float32, error) {
	if g.adjoining() {
		return x[g.rows[0]*cols:][:len(g.rows)*cols], nil
	}
	out := floats32(&m.scratch.gathered, len(g.rows)*cols)
	return out, m.pool.Do(len(g.rows), func(_ *tensor.Worker, i int) {
		copy(out[i*cols:(i+1)*cols], x[g.rows[i]*cols:])
	})
}

// apply adds what B gave to a row of a map's result and stretches it.
func (c *change) apply(out, high []float32) {
	floats.Blend(out, high, 1, c.scale)
	for i, f := range c.stretch {
		out[i] *= f
	}
}

// closeAdapter frees the adapter that a model was loaded with.
func (m *Model) closeAdapter() {
	if m.adapter != nil {
		m.adapter.free()
	}
}

// loadAdapter makes the adapter ready that a model is loaded with.
func (m *Model) loadAdapter(a *adapter.Adapter) (err error) {
	if a == nil {
		return nil
	}
	m.adapter, err = m.NewAdapter(a)
	return err
}

// biased adds the biases of maps to T rows.
func (m *Model) biased(T int, maps []into) error {
	any := false
	for _, p := range maps {
		any = any || p.l.bias != nil
	}
	if !any {
		return nil
	}
	return m.pool.Do(T*len(maps), func(_ *tensor.Worker, i int) {
		p, t := maps[i%len(maps)], i/len(maps)
		if p.l.bias != nil {
			rows := p.l.w.Rows
			floats.Add(p.out[t*rows:(t+1)*rows], p.l.bias)
		}
	})
}
