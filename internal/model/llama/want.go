package llama

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// want is what a sequence asks for, and what of it is there.
type want struct {
	logits  *collector // nil if none
	choices [][]int
	hidden  []*collector
	adapter *Adapter // of the sequence
	result  Result
}

// collector keeps the rows of some positions, or their mean.
type collector struct {
	layer int
	slots map[int][]int // where a position's row goes; nil: in its own place
	rows  [][]float32
	sum   []float64 // [C] of the rows, for the mean; else nil
	count int
}

// newWant checks what a sequence asks for.
func (m *Model) newWant(s *Sequence) (want, error) {
	w := want{adapter: m.adapterOf(s)}
	if err := m.wantChoices(&w, s); err != nil {
		return w, err
	}
	var err error
	if s.AllLogits {
		w.logits, err = newCollector(OutputNorm, nil, len(s.Tokens))
	} else if len(s.Logits) > 0 {
		w.logits, err = newCollector(OutputNorm, s.Logits, len(s.Tokens))
	}
	if err != nil {
		return w, fmt.Errorf("logits: %w", err)
	}
	for _, h := range s.Hidden {
		c, err := m.newHidden(h, len(s.Tokens))
		if err != nil {
			return w, fmt.Errorf("hidden states: %w", err)
		}
		w.hidden = append(w.hidden, c)
	}
	return w, nil
}

// wantChoices checks choices.
func (m *Model) wantChoices(w *want, s *Sequence) error {
	if s.Choices == nil {
		return nil
	}
	if len(s.Choices) != len(s.Tokens) {
		return fmt.Errorf("choices for %d of %d tokens", len(s.Choices), len(s.Tokens))
	}
	w.choices = s.Choices
	w.result.Choices = make([][]float64, len(s.Choices))
	for i, tokens := range s.Choices {
		for _, t := range tokens {
			if t < 0 || t >= m.config.Vocabulary {
				return &TokenError{t, m.config.Vocabulary}
			}
		}
		w.result.Choices[i] = make([]float64, len(tokens))
	}
	return nil
}

func (m *Model) newHidden(h HiddenRequest, tokens int) (*collector, error) {
	if h.Layer != OutputNorm && (h.Layer < 0 || h.Layer > len(m.layers)) {
		return nil, fmt.Errorf("layer %d is not one of %d", h.Layer, len(m.layers))
	}
	switch h.Pool {
	case PoolNone:
		return newCollector(h.Layer, h.Positions, tokens)
	case PoolLast:
		return newCollector(h.Layer, []int{-1}, tokens)
	case PoolMean:
		c, err := newCollector(h.Layer, h.Positions, tokens)
		if err != nil {
			return nil, err
		}
		if len(c.rows) == 0 {
			return nil, fmt.Errorf("the mean of no positions is nothing")
		}
		c.rows = nil
		c.sum = make([]float64, m.config.Width)
		return c, nil
	}
	return nil, fmt.Errorf("pool %q is not known", h.Pool)
}

// newCollector resolves positions, negative from the end; nil means all.
func newCollector(layer int, positions []int, tokens int) (*collector, error) {
	if positions == nil {
		return &collector{layer: layer, rows: make([][]float32, tokens)}, nil
	}
	c := &collector{layer: layer, slots: map[int][]int{}, rows: make([][]float32, len(positions))}
	for i, p := range positions {
		at := p
		if at < 0 {
			at += tokens
		}
		if at < 0 || at >= tokens {
			return nil, fmt.Errorf("position %d is not one of %d tokens", p, tokens)
		}
		c.slots[at] = append(c.slots[at], i)
	}
	return c, nil
}

// wants says whether a position's row is asked for.
func (c *collector) wants(index int) bool {
	return c != nil && (c.slots == nil || len(c.slots[index]) > 0)
}

// take keeps a copy of a position's row, as often as it is asked for. Rows come
// in the order of positions, so that the mean is a sum in that order.
func (c *collector) take(index int, row []float32) {
	slots := c.slots[index]
	if c.slots == nil {
		slots = []int{index}
	}
	for _, slot := range slots {
		if c.sum == nil {
			c.rows[slot] = append([]float32(nil), row...)
			continue
		}
		for i, v := range row {
			c.sum[i] += float64(v)
		}
		c.count++
	}
}

// done returns the rows, or the mean as the only one.
func (c *collector) done() [][]float32 {
	if c.sum == nil {
		return c.rows
	}
	mean := make([]float32, len(c.sum))
	for i, v := range c.sum {
		mean[i] = float32(v / float64(c.count))
	}
	return [][]float32{mean}
}

// tap gives collectors of a layer their rows of its output, [T,C].
func (p *plan) tap(k *chunk, layer int, x []float32, C int) {
	for _, r := range k.runs {
		for _, c := range p.wants[r.sequence].hidden {
			if c.layer != layer {
				continue
			}
			for i := range r.n {
				if c.wants(r.index + i) {
					c.take(r.index+i, x[(r.row+i)*C:(r.row+i+1)*C])
				}
			}
		}
	}
}

// output is one row that the output norm is wanted of.
type output struct {
	want  *want
	index int // of the token
	row   int // of the chunk
}

// logitRows is how many rows of logits are computed together.
const logitRows = 32

// finish computes what is wanted of a chunk after the last layer: output norm,
// logits, log-probabilities.
func (m *Model) finish(ctx context.Context, p *plan, k *chunk) error {
	var rows []output
	for _, r := range k.runs {
		w := &p.wants[r.sequence]
		for i := range r.n {
			if w.needsNorm(r.index + i) {
				rows = append(rows, output{w, r.index + i, r.row + i})
			}
		}
	}
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(rows), logitRows)
		if err := m.emit(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (w *want) needsNorm(index int) bool {
	if w.needsLogits(index) {
		return true
	}
	for _, c := range w.hidden {
		if c.layer == OutputNorm && c.wants(index) {
			return true
		}
	}
	return false
}

func (w *want) needsLogits(index int) bool {
	return w.logits.wants(index) || w.needsSum(index)
}

// needsSum says whether a position's log-probabilities are asked for.
func (w *want) needsSum(index int) bool {
	return w.choices != nil && len(w.choices[index]) > 0
}

// emit computes and hands out the output norm of some rows, and logits of those
// that need them.
func (m *Model) emit(rows []output) error {
	C, V, s := m.config.Width, m.config.Vocabulary, &m.scratch
	logits := make([]output, 0, len(rows))
	for _, o := range rows {
		normed := s.added[len(logits)*C : (len(logits)+1)*C]
		floats.RMSNorm(normed, s.x[o.row*C:(o.row+1)*C], m.outputNorm, m.config.NormEpsilon)
		for _, c := range o.want.hidden {
			if c.layer == OutputNorm && c.wants(o.index) {
				c.take(o.index, normed)
			}
		}
		if o.want.needsLogits(o.index) {
			logits = append(logits, o)
		}
	}
	if len(logits) == 0 {
		return nil
	}
	out := floats32(&s.logits, len(logits)*V)
	groups := groupRows(len(logits), func(i int) *Adapter { return logits[i].want.adapter })
	if err := m.project(s.added, len(logits), groups, into{&m.output, out}); err != nil {
		return err
	}
	return m.pool.Do(len(logits), func(_ *tensor.Worker, i int) {
		o, row := logits[i], out[i*V:(i+1)*V]
		if o.want.logits.wants(o.index) {
			o.want.logits.take(o.index, row)
		}
		if o.want.needsSum(o.index) {
			o.want.weigh(o.index, row, kernel.LogSumExp(row))
		}
	})
}

// weigh keeps the log-probabilities that are asked for at a position, given its
// logits and the logarithm of the sum of their exponentials.
func (w *want) weigh(index int, logits []float32, total float64) {
	for i, t := range w.choices[index] {
		w.result.Choices[index][i] = float64(logits[t]) - total
	}
}

// results gathers what was collected.
func (p *plan) results() []Result {
	var all []Result
	for i := range p.wants {
		w := &p.wants[i]
		if w.logits != nil {
			w.result.Logits = w.logits.done()
		}
		for _, c := range w.hidden {
			w.result.Hidden = append(w.result.Hidden, c.done())
		}
		all = append(all, w.result)
	}
	return all
}
