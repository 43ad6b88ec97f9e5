// Package batch runs many requests on one model at a time. Each is a sequence of
// tokens; a pass through the model takes the next token of every sequence that
// grows, and pieces of prompts in what room is left. Sequences that begin alike
// share what was computed of their beginnings.
//
// What a sequence is answered does not depend on the others, nor on how passes
// are put together: that is the model's doing, which computes the same bits in
// any company.
package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/casemate-ai/casemate/internal/engine/native/prefix"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Model is what passes run on: a *llama.Model.
type Model interface {
	Forward(ctx context.Context, batch []llama.Sequence) ([]llama.Result, error)
	NewCache(capacity int, t quant.Type) (*llama.Cache, error)
	PageUse() llama.PageUse
	TrimPages(bytes int64)
}

// Options is how requests are run.
type Options struct {
	Context    int        // tokens that a sequence may have
	Vocabulary int        // tokens that the model knows
	Cache      quant.Type // of keys and values
	PageBytes  int64      // memory of a page of this type
	// Keep is how many pages of finished sequences are kept for those that begin
	// alike; 0 keeps none.
	Keep int
	// Available returns how much memory the system has left, and false where it
	// does not say; nil lets every request run.
	Available func() (bytes int64, known bool)
	// Progress, where not nil, is told how many of a prompt's tokens have been
	// computed: of the oldest prompt under way, by one call at a time.
	Progress func(done, total int)
}

// How much goes into a pass: of prompts alone, a chunk of the model's. Beside
// sequences that grow, fewer, for those get their next token when it ends; 32
// tokens together are computed at nearly the speed of many.
const (
	passTokens = llama.DefaultChunk
	besideStep = 32
	maxSteps   = 64 // sequences that grow in a pass; more take turns
)

// maxActive is how many sequences have memory at a time; others wait.
const maxActive = 128

// What is kept of pages that nobody holds: a quarter of those in use, but not
// much of the memory, and some in any case.
const (
	maxFreeBytes = 256 << 20
	minFreePages = 32
)

// ErrClosed is what a closed batcher answers.
var ErrClosed = errors.New("the model is closed")

// MemoryError says that a sequence does not fit the memory, though no other has any.
type MemoryError struct {
	Need, Room int64 // bytes
}

// Error says by how much.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("keys and values of %d bytes do not fit the %d that are free", e.Need, e.Room)
}

// Batcher runs requests. Its methods may be called from several goroutines.
type Batcher struct {
	model   Model
	options Options
	tree    *prefix.Tree[*llama.Page]
	wake    chan struct{} // holds one value if something has changed
	ended   chan struct{} // closed when no pass will follow

	mu      sync.Mutex
	closed  bool
	tickets uint64
	steps   []*job // of one token each, the longest waiting first
	prompts []*job // the oldest request's first
	active  map[*Sequence]bool
	between int  // sequences that have an answer and will ask for their next token
	pass    pass // under way

	patience time.Duration // how long the next pass may wait for those
}

// New returns a batcher, which is to be closed.
func New(m Model, o Options) *Batcher {
	b := &Batcher{model: m, options: o, tree: prefix.New[*llama.Page](o.Keep), active: map[*Sequence]bool{},
		wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go b.run()
	return b
}

// Close ends the pass under way, answers ErrClosed to all requests, and lets go
// of what is kept.
func (b *Batcher) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.nudge()
	<-b.ended
	b.tree.Shrink(b.tree.Len())
}

// Kept returns how many pages are kept.
func (b *Batcher) Kept() int { return b.tree.Len() }

// nudge tells the goroutine of passes that something has changed.
func (b *Batcher) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Sequence is a request's tokens and what is known of them. It is used by one
// goroutine at a time, which ends it; the goroutine of passes has it while a job
// of it is under way, and may read the cache's length at any time under
// Batcher.mu.
type Sequence struct {
	b        *Batcher
	ticket   uint64
	tokens   []int
	cache    *llama.Cache
	adapter  *llama.Adapter // nil: the model's own, if it has one
	share    bool           // its pages may be others', and others may have them
	need     int            // pages, for all that it may come to
	spare    int            // pages more, for branches
	grows    bool           // it asks for one token after another
	admitted bool           // it has memory
	between  bool           // it has been given logits and will ask for what follows its next token
	job      *job           // under way
}

// Prompt is what a sequence begins with, and what is wanted of it.
type Prompt struct {
	Tokens []int
	// Adapter changes the model for this sequence; nil means the one that the
	// model was loaded with, if any. It must stay open until the sequence ends.
	Adapter *llama.Adapter
	// Room is how many tokens may follow. Their memory is seen to before anything
	// is computed.
	Room int
	// Share lets the sequence take what is known of its beginning, and others
	// what becomes known of it. Without it every token is computed.
	Share bool
	// Logits asks for those after the last token.
	Logits bool
	// Hidden asks for hidden states of the last token, or, of a sequence that does
	// not share, of each (llama.PoolNone) or their mean (llama.PoolMean). Positions
	// are those that a mean is over, ascending from 0; nil means all.
	Hidden []llama.HiddenRequest

	choices []int // tokens whose log-probabilities after the last token are wanted
	spare   int   // pages for branches, if there are so many
	least   int   // pages for branches, at least
}

// Result is what was computed.
type Result struct {
	Logits []float32   // [V] after the last token
	Hidden [][]float32 // [C] for each request; nil with llama.PoolNone
	// States has [C] of each token for the requests with llama.PoolNone, nil for
	// the others.
	States [][][]float32
}

// Start computes a prompt. The sequence is to be ended if there is no error. A
// prompt waits until there is memory for it, or fails with a *MemoryError if it
// would not fit though it were alone.
func (b *Batcher) Start(ctx context.Context, p Prompt) (*Sequence, Result, error) {
	s, j, err := b.start(ctx, p)
	if err != nil {
		return nil, Result{}, err
	}
	return s, j.out, nil
}

func (b *Batcher) start(ctx context.Context, p Prompt) (*Sequence, *job, error) {
	if err := b.check(p); err != nil {
		return nil, nil, err
	}
	cache, err := b.model.NewCache(b.options.Context, b.options.Cache)
	if err != nil {
		return nil, nil, err
	}
	s := &Sequence{b: b, tokens: slices.Clone(p.Tokens), cache: cache, adapter: p.Adapter, share: p.Share, grows: p.Logits && p.Room > 0,
		need: pages(len(p.Tokens) + p.Room), spare: p.spare}
	j := newJob(s, s.tokens)
	j.logits, j.gather, j.least = p.Logits, newGathering(p.Hidden), p.least
	if !p.Share && !p.Logits && p.Room == 0 && len(p.choices) == 0 {
		j.depth = j.gather.depth()
	}
	if len(p.choices) > 0 {
		j.choices = make([][]int, len(s.tokens))
		j.choices[len(s.tokens)-1] = p.choices
	}
	b.submit(ctx, j)
	if err := s.wait(ctx); err != nil {
		s.End(false)
		return nil, nil, err
	}
	return s, j, nil
}

// check refuses what a pass would, so that no request spoils the pass of others.
func (b *Batcher) check(p Prompt) error {
	if len(p.Tokens) == 0 {
		return errors.New("there are no tokens")
	}
	if n := len(p.Tokens) + p.Room; n > b.options.Context {
		return &llama.ContextError{Have: b.options.Context, Want: n}
	}
	for _, h := range p.Hidden {
		if err := checkHidden(h, p); err != nil {
			return err
		}
	}
	return b.known(p.Tokens)
}

// checkHidden refuses what cannot be gathered over several passes.
func checkHidden(h llama.HiddenRequest, p Prompt) error {
	switch h.Pool {
	case llama.PoolLast, llama.PoolMean, llama.PoolNone:
	default:
		return fmt.Errorf("hidden states pooled by %q are not to be had here", h.Pool)
	}
	if p.Share && h.Pool != llama.PoolLast {
		return errors.New("a sequence that shares has not all hidden states")
	}
	if h.Positions == nil {
		return nil
	}
	if h.Pool != llama.PoolMean || len(h.Positions) == 0 {
		return errors.New("positions are those of a mean")
	}
	before := -1
	for _, i := range h.Positions {
		if i <= before || i >= len(p.Tokens) {
			return fmt.Errorf("positions of a mean ascend from 0 to the last token: %d", i)
		}
		before = i
	}
	return nil
}

// known wants all tokens to be the model's.
func (b *Batcher) known(tokens []int) error {
	for _, t := range tokens {
		if t < 0 || t >= b.options.Vocabulary {
			return &llama.TokenError{Token: t, Vocabulary: b.options.Vocabulary}
		}
	}
	return nil
}

// Next adds a token to the sequence. It returns at once; Wait returns the logits
// that follow.
func (s *Sequence) Next(ctx context.Context, token int) error {
	if err := s.b.known([]int{token}); err != nil {
		return err
	}
	if n := len(s.tokens) + 1; n > s.b.options.Context {
		return &llama.ContextError{Have: s.b.options.Context, Want: n}
	}
	s.tokens = append(s.tokens, token)
	j := newJob(s, s.tokens[len(s.tokens)-1:])
	j.logits, j.step = true, true
	s.b.submit(ctx, j)
	return nil
}

// Wait returns the logits, [V], after the token that Next added.
func (s *Sequence) Wait(ctx context.Context) ([]float32, error) {
	j := s.job
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return j.out.Logits, nil
}

// wait waits for the sequence's job. If the context ends before, so does the
// job; a pass that is under way ends early if nobody else is in it.
func (s *Sequence) wait(ctx context.Context) error {
	j := s.job
	select {
	case <-j.done:
	case <-ctx.Done():
		s.b.abandon(j, ctx.Err())
		<-j.done
	}
	s.job = nil
	return j.err
}

// End gives up the sequence and what it holds. If keep is set, what was computed
// is kept for others that begin alike.
func (s *Sequence) End(keep bool) {
	if s.job != nil {
		s.b.abandon(s.job, context.Canceled)
		<-s.job.done
		s.job = nil
	}
	if n := s.cache.Len(); keep && s.share && n > 0 {
		s.b.tree.Insert(s.keys(s.tokens[:n]), s.cache.Pages())
	}
	b := s.b
	b.mu.Lock()
	s.cache.Release()
	delete(b.active, s)
	s.settle()
	b.mu.Unlock()
	// Some free pages stay for whoever comes next, the rest is the system's.
	b.model.TrimPages(max(min(b.model.PageUse().Held/4, maxFreeBytes), minFreePages*b.options.PageBytes))
	b.nudge()
}

// settle notes that nobody need wait for the sequence. The caller holds
// Batcher.mu.
func (s *Sequence) settle() {
	if s.between {
		s.between = false
		s.b.between--
	}
}

// A block of the tree is a page of the cache: where they differ, this does not
// compile.
var _ = [1]struct{}{}[prefix.Block-llama.PageTokens]

// pages returns how many pages n tokens take.
func pages(n int) int { return (n + prefix.Block - 1) / prefix.Block }
