package llama

import (
	"cmp"
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// OutputNorm as HiddenRequest.Layer asks for what the output norm gives, from
// which logits are computed.
const OutputNorm = -1

// Pool says how the positions of a sequence become one vector.
type Pool string

// The poolings.
const (
	PoolNone Pool = ""     // they do not: each position has its own
	PoolLast Pool = "last" // the last position
	PoolMean Pool = "mean" // the mean over positions
)

// HiddenRequest asks for hidden states of a sequence.
type HiddenRequest struct {
	// Layer is whose output: 0 the embedding's, 1 to L a layer's, OutputNorm
	// the output norm's.
	Layer int
	// Positions are indices into Tokens, negative from the end; nil means all.
	// With PoolMean the mean is over them; PoolLast takes no notice of them.
	Positions []int
	Pool      Pool
}

// Sequence is what a pass is to compute of one sequence.
type Sequence struct {
	// Cache has the tokens before; Tokens are appended to it. Nil means a cache
	// of F32 that lasts for the pass.
	Cache  *Cache
	Tokens []int
	// Logits are indices into Tokens, negative from the end, whose logits are
	// wanted: []int{-1} for those that follow the last token.
	Logits []int
	// AllLogits asks for those of every token, in place of Logits.
	AllLogits bool
	// Choices asks for log-probabilities without keeping logits: Choices[i] are
	// the tokens whose log-probabilities after Tokens[i] are wanted. It is nil or
	// as long as Tokens.
	Choices [][]int
	Hidden  []HiddenRequest
	// Adapter changes the model for this sequence; nil means Options.Adapter. The
	// tokens in Cache must have been computed with the same one.
	Adapter *Adapter
	// Depth is how many layers matter; 0 means all. A pass whose sequences all need
	// fewer leaves the others out. The cache is then refused where more are needed.
	Depth int
}

// Result is what a pass computed of one sequence.
type Result struct {
	// Logits has [V] for each entry of Sequence.Logits, or for each token.
	Logits [][]float32
	// Choices has the natural log-probabilities of Sequence.Choices.
	Choices [][]float64
	// Hidden has, for each request, [C] for each position; or one if pooled.
	Hidden [][][]float32
}

// ContextError says that tokens do not fit a cache. Nothing was cut.
type ContextError struct {
	Have int // tokens the cache can hold
	Want int // tokens it would have to
}

// Error says by how much.
func (e *ContextError) Error() string {
	return fmt.Sprintf("%d tokens do not fit a context of %d: %d too many", e.Want, e.Have, e.Want-e.Have)
}

// TokenError says that the model has no such token.
type TokenError struct {
	Token      int
	Vocabulary int
}

// Error names the token.
func (e *TokenError) Error() string {
	return fmt.Sprintf("token %d is not one of the model's %d", e.Token, e.Vocabulary)
}

// Forward appends each sequence's tokens to its cache and computes what it asks
// for; results stand in the order of batch. If it fails, caches are as they were
// before. Errors that a caller may branch on: *ContextError, *TokenError,
// *tensor.FaultError, and the context's own; the context is looked at between
// layers. A model whose file has changed since it was opened fails.
func (m *Model) Forward(ctx context.Context, batch []Sequence) ([]Result, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.unlock()
	p, err := m.plan(batch)
	defer p.release()
	if err != nil {
		return nil, err
	}
	if err := m.file.Changed(); err != nil {
		return nil, err
	}
	err = m.file.Guard(func() error { return m.pass(ctx, p) }) // the workers guard themselves
	if err == nil {
		err = m.file.Changed()
	}
	if err != nil {
		p.undo()
		return nil, err
	}
	return p.results(), nil
}

// pass goes through the batch chunk by chunk. Sequences come one after another;
// a chunk may end one and begin the next.
func (m *Model) pass(ctx context.Context, p *plan) error {
	for {
		k := p.next(m.chunk)
		if len(k.ids) == 0 {
			return nil
		}
		err := m.through(ctx, k, p.depth, func(layer int, x []float32) { p.tap(k, layer, x, m.config.Width) })
		if err != nil {
			return err
		}
		if err := m.finish(ctx, p, k); err != nil {
			return err
		}
		for _, r := range k.runs {
			r.cache.length += r.n
		}
	}
}

// plan is a batch, checked, and how far it is.
type plan struct {
	batch   []Sequence // with caches
	own     []*Cache   // those that last for the pass
	depth   int        // layers that the pass computes
	before  []int      // lengths of the caches
	wants   []want
	current int // sequence
	index   int // of its next token
}

// plan checks all of a batch before anything is computed.
func (m *Model) plan(batch []Sequence) (*plan, error) {
	p := &plan{batch: append([]Sequence(nil), batch...)}
	used := map[*Cache]bool{}
	for i := range p.batch {
		s := &p.batch[i]
		own := s.Cache == nil
		if err := m.checkSequence(s, used); err != nil {
			return p, fmt.Errorf("sequence %d: %w", i, err)
		}
		if own {
			p.own = append(p.own, s.Cache)
		}
		w, err := m.newWant(s)
		if err != nil {
			return p, fmt.Errorf("sequence %d: %w", i, err)
		}
		if err := m.checkDepth(s); err != nil {
			return p, fmt.Errorf("sequence %d: %w", i, err)
		}
		p.depth = max(p.depth, cmp.Or(s.Depth, len(m.layers)))
		p.wants = append(p.wants, w)
		p.before = append(p.before, s.Cache.length)
	}
	return p, nil
}

// checkSequence also gives the sequence a cache if it has none.
func (m *Model) checkSequence(s *Sequence, used map[*Cache]bool) error {
	if len(s.Tokens) == 0 {
		return fmt.Errorf("there are no tokens")
	}
	for _, t := range s.Tokens {
		if t < 0 || t >= m.config.Vocabulary {
			return &TokenError{t, m.config.Vocabulary}
		}
	}
	if s.Cache == nil {
		c, err := m.NewCache(len(s.Tokens), quant.F32)
		if err != nil {
			return err
		}
		s.Cache = c
	}
	c, a, depth := s.Cache, m.adapterOf(s), cmp.Or(s.Depth, len(m.layers))
	switch {
	case a != nil && a.model != m:
		return fmt.Errorf("the adapter is another model's")
	case a != nil && a.closed:
		return ErrAdapterClosed
	case c.filled && c.adapter != a && c.length > 0:
		return fmt.Errorf("the cache was filled with another adapter")
	case c.length > 0 && cmp.Or(c.depth, len(m.layers)) < depth:
		return fmt.Errorf("the cache was filled to a depth of %d, not %d", c.depth, depth)
	case c.model != m:
		return fmt.Errorf("the cache is another model's")
	case used[c]:
		return fmt.Errorf("the cache is also another sequence's")
	case len(s.Tokens) > c.capacity-c.length:
		return &ContextError{Have: c.capacity, Want: c.length + len(s.Tokens)}
	}
	used[c] = true
	c.adapter, c.filled, c.depth = a, true, depth
	return nil
}

// checkDepth refuses a depth that leaves out what is wanted.
func (m *Model) checkDepth(s *Sequence) error {
	if s.Depth == 0 || s.Depth == len(m.layers) {
		return nil
	}
	if s.Depth < 0 || s.Depth > len(m.layers) {
		return fmt.Errorf("a depth of %d, the model has %d layers", s.Depth, len(m.layers))
	}
	if len(s.Logits) > 0 || s.AllLogits || s.Choices != nil {
		return fmt.Errorf("logits need all layers, not %d", s.Depth)
	}
	for _, h := range s.Hidden {
		if h.Layer == OutputNorm || h.Layer > s.Depth {
			return fmt.Errorf("layer %d is beyond a depth of %d", h.Layer, s.Depth)
		}
	}
	return nil
}

// next returns the next tokens, n at most, with room for them in the caches.
func (p *plan) next(n int) *chunk {
	k := &chunk{}
	for len(k.ids) < n && p.current < len(p.batch) {
		s := &p.batch[p.current]
		take := min(n-len(k.ids), len(s.Tokens)-p.index)
		if take == 0 {
			p.current, p.index = p.current+1, 0
			continue
		}
		s.Cache.reserve(take)
		for range take {
			k.owner = append(k.owner, len(k.runs))
		}
		k.runs = append(k.runs, run{p.current, s.Cache, p.wants[p.current].adapter, p.index, s.Cache.length, len(k.ids), take})
		k.ids = append(k.ids, s.Tokens[p.index:p.index+take]...)
		p.index += take
	}
	return k
}

// release gives back the pages of caches that last for the pass.
func (p *plan) release() {
	for _, c := range p.own {
		c.Release()
	}
}

// undo makes the caches as they were.
func (p *plan) undo() {
	for i := range p.batch {
		p.batch[i].Cache.Truncate(p.before[i])
	}
}
