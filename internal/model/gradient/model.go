package gradient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Model is a model that can be trained. Its methods may be called by one
// goroutine at a time.
type Model struct {
	file   *modelfile.Model // nil if it began at random
	config modelfile.Config
	o      Options
	pool   *tensor.Pool
	angles llama.Angles

	embedding, output *matrix // the same one if they are tied
	outputNorm        *gain
	layers            []layer
	divisors          []float32 // rope_freqs.weight, or nil

	parameters []*optimizer.Parameter
	step       uint64
	memory     memory
	packing    gemm.Memory // of products
	// frozenLengths keeps the lengths of decomposed adapters' rows as they are, as
	// the backward pass takes them.
	frozenLengths bool
}

// known says whether an architecture's arithmetic is.
func known(architecture string) bool {
	return slices.Contains([]string{"llama", "mistral", "qwen2", "qwen3"}, architecture)
}

func unknown(architecture string) error {
	return fmt.Errorf("models of the architecture %q cannot be trained, only llama, mistral, qwen2 and qwen3", architecture)
}

// Load makes a model ready to be trained. Weights that stay as they are are read
// in place, so m must stay open as long as the model is used; those that are
// trained are copied as float32. Close the model when done.
func Load(m *modelfile.Model, o Options) (*Model, error) {
	l, err := load(m, o)
	if err != nil {
		return nil, fmt.Errorf("load model %q for training: %w", m.Path, err)
	}
	return l, nil
}

func load(m *modelfile.Model, o Options) (*Model, error) {
	if err := errors.Join(isa.Check(), llama.Check(m.Config), o.check()); err != nil {
		return nil, err
	}
	if !known(m.Config.Architecture) {
		return nil, unknown(m.Config.Architecture)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	l := &Model{file: m, config: m.Config, o: o, pool: tensor.NewPool(o.Threads)}
	var err error
	// Within the pool, a file that is cut while it is read is an error.
	if fault := l.pool.Do(1, func(*tensor.Worker, int) { err = l.take() }); fault != nil {
		err = fault
	}
	if err == nil {
		err = l.prepare()
	}
	if err != nil {
		l.pool.Close()
		return nil, err
	}
	return l, nil
}

// check refuses options that make no sense.
func (o Options) check() error {
	if o.Full == (o.LoRA != nil) {
		return errors.New("exactly one of all weights and adapters is trained")
	}
	if o.LoRA == nil {
		return nil
	}
	l := o.LoRA
	switch {
	case l.Rank < 0 || l.Rank > maxRank:
		return fmt.Errorf("rank %d is not between 1 and %d", l.Rank, maxRank)
	case !(l.Dropout >= 0 && l.Dropout < 1):
		return fmt.Errorf("dropout %v is not at least 0 and less than 1", l.Dropout)
	case !(l.Alpha >= 0 && l.Alpha < 1e9):
		return fmt.Errorf("alpha %v is not a positive number", l.Alpha)
	}
	for i, t := range l.Targets {
		if slices.Contains(l.Targets[:i], t) {
			return fmt.Errorf("target %q is named twice", t)
		}
		if !slices.Contains(targets, t) {
			return fmt.Errorf("target %q is not one of %v", t, targets)
		}
	}
	return nil
}

// Parameters returns what is trained, always in the same order. The slices are
// the model's own: what an optimiser writes to them counts from the next pass on.
func (m *Model) Parameters() []*optimizer.Parameter { return m.parameters }

// Config returns the model's shape.
func (m *Model) Config() modelfile.Config { return m.config }

// Pool returns the model's workers, for an optimiser to share.
func (m *Model) Pool() *tensor.Pool { return m.pool }

// Seek says which step it is: the masks of dropout depend on it, on LoRA.Seed and
// on where in a batch a number is, and on nothing else.
func (m *Model) Seek(step uint64) { m.step = step }

// Close ends the model's workers. It does not close the file.
func (m *Model) Close() error {
	m.pool.Close()
	m.memory, m.packing = memory{}, gemm.Memory{}
	return nil
}

// use says what a pass computes.
type use struct {
	training bool // keeps what the backward pass needs, and drops out
	plain    bool // without adapters
}

// begin checks that the file is what it was and prepares what adapters need.
func (m *Model) begin(ctx context.Context, u use) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.unchanged(); err != nil || u.plain {
		return err
	}
	return m.stretch()
}

// unchanged fails if the file is not what it was: then results may be anything.
func (m *Model) unchanged() error {
	if m.file == nil {
		return nil
	}
	return m.file.Changed()
}

// product says how products with weights of the base are made.
func (m *Model) product(accumulate bool) gemm.Options {
	return gemm.Options{Accumulate: accumulate, BF16: m.o.BF16, Memory: &m.packing}
}
