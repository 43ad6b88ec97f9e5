// Package llama computes language models of the Llama family: llama, mistral,
// qwen2 and qwen3, told apart by their configuration and by the tensors they
// have. Weights are put in an order that is fast to multiply by when a model is
// loaded, with the numbers that the file has. Weights of 4 bytes or 2 are
// multiplied in float32. For weights of blocks, activations are rounded to 8
// bits before each product, as package packed says; Options.Exact rounds
// nothing.
//
// A token's results depend on the tokens before it and on nothing else: their
// bits are the same for any number of threads, alone or among other sequences,
// in one pass or token by token, in a cache of one's own or a forked one.
package llama

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Options is how a model is run. The zero value works.
type Options struct {
	// Threads is how many processors work at a time; 0 means all.
	Threads int
	// Chunk is how many tokens go through the layers together; more take more
	// scratch memory and read the weights fewer times. 0 means DefaultChunk.
	Chunk int
	// Adapter changes the model's matrices as they are used, for sequences that
	// have no adapter of their own; nil means none.
	Adapter *adapter.Adapter
	// Exact multiplies weights of blocks in float32, as the file has them: many
	// times slower, and nothing is rounded that the file does not round.
	Exact bool
	// Progress is told while the model is loaded how many bytes of its weights
	// are ready, of how many. It is called by any goroutine, one at a time.
	Progress func(done, total int64)
}

// DefaultChunk is how many tokens go through the layers together.
const DefaultChunk = 128

func (o Options) chunk() int {
	if o.Chunk <= 0 {
		return DefaultChunk
	}
	return o.Chunk
}

// Model is a model that is ready to run. Its methods may be called from several
// goroutines at once; passes wait for one another.
type Model struct {
	file   *modelfile.Model
	config modelfile.Config
	chunk  int
	rope   rope
	pool   *tensor.Pool
	store  *tensor.Store // of packed weights
	pages  pagePool

	embedding  *tensor.Matrix
	layers     []layer
	outputNorm []float32
	output     linear

	targets map[string]target // maps by the names of their matrices
	adapter *Adapter          // of sequences without their own; nil if none
	serials atomic.Uint64     // of adapters

	turn    chan struct{} // holds one value while no pass is under way
	scratch scratch
}

// Load makes a model ready to run. It checks that all weights are there and have
// the shape that the configuration asks for, and packs them into memory of its
// own, on all threads; 5 GB take seconds. What has been packed is not read again:
// of m the embedding stays in use, and weights of formats that are not packed.
// m must stay open as long as the model is used. Close the model when done.
func Load(m *modelfile.Model, o Options) (*Model, error) {
	if err := errors.Join(isa.Check(), checkConfig(m.Config)); err != nil {
		return nil, fmt.Errorf("load model %q: %w", m.Path, err)
	}
	l := &Model{file: m, config: m.Config, chunk: o.chunk(), pool: tensor.NewPool(o.Threads), turn: make(chan struct{}, 1)}
	if err := l.load(o); err != nil {
		l.pool.Close()
		return nil, fmt.Errorf("load model %q: %w", m.Path, err)
	}
	l.turn <- struct{}{}
	return l, nil
}

// load finds and packs the weights.
func (m *Model) load(o Options) error {
	var matrices []*tensor.Matrix
	var err error
	// Within the pool, a file that is cut while it is read is an error.
	if fault := m.pool.Do(1, func(*tensor.Worker, int) { matrices, err = m.loadWeights(m.file) }); fault != nil {
		err = fault
	}
	if err != nil {
		return err
	}
	if err := m.loadAdapter(o.Adapter); err != nil { // first: it takes less time to fail
		return err
	}
	m.store, err = tensor.NewStore(m.pool, matrices, tensor.Packing{Exact: o.Exact, Progress: o.Progress, Done: m.file.Release})
	if err != nil {
		m.closeAdapter()
	}
	return err
}

// checkConfig refuses what the arithmetic cannot do.
func checkConfig(c modelfile.Config) error {
	dims := c.RoPE.Dims
	if dims == 0 {
		dims = c.HeadSize
	}
	switch {
	case c.Layers <= 0 || c.Width <= 0 || c.FeedForward <= 0 || c.Vocabulary <= 0 || c.HeadSize <= 0 || c.Heads <= 0 || c.KVHeads <= 0:
		return fmt.Errorf("%d layers of width %d, %d and %d heads of %d, feed-forward %d, vocabulary %d: a size is not positive",
			c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadSize, c.FeedForward, c.Vocabulary)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("%d query heads cannot share %d key and value heads evenly", c.Heads, c.KVHeads)
	case dims < 0 || dims%2 != 0 || dims > c.HeadSize:
		return fmt.Errorf("rotary positions turn %d numbers of a head of %d: want an even number of them", dims, c.HeadSize)
	case c.SlidingWindow < 0 || c.Context < 0:
		return fmt.Errorf("context %d or sliding window %d is negative", c.Context, c.SlidingWindow)
	case !(c.NormEpsilon >= 0 && c.NormEpsilon < 1):
		return fmt.Errorf("norm epsilon %v is not a small number", c.NormEpsilon)
	}
	return nil
}

// Close ends the model's workers and frees its weights. It waits for a pass under
// way and does not close the file. A closed model's passes fail with tensor.ErrClosed.
func (m *Model) Close() error {
	<-m.turn
	m.pool.Close()
	m.store.Close()
	m.closeAdapter()
	m.turn <- struct{}{}
	return nil
}

// Config returns the model's shape.
func (m *Model) Config() modelfile.Config { return m.config }

// lock waits until no other pass is under way.
func (m *Model) lock(ctx context.Context) error {
	select {
	case <-m.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Model) unlock() { m.turn <- struct{}{} }
