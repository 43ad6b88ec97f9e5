// Package train runs training: it packs sequences into rows and these into
// batches, accumulates and clips gradients, steps the optimiser along its
// schedule, writes checkpoints that a run continues from to the same bytes, and
// keeps the run's manifest.
//
// Same manifest, same bytes: neither the threads nor the processor count, nor
// how often a run was broken off.
package train

import (
	"context"
	"errors"
	"time"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Model is what is trained: a *gradient.Model.
type Model interface {
	Parameters() []*optimizer.Parameter
	// Step computes the loss and adds the gradients of its sum.
	Step(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error)
	// Loss computes the loss alone, without dropout.
	Loss(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error)
	// Seek says what dropout leaves out next.
	Seek(step uint64)
	// Pool is the model's workers, which the optimiser shares.
	Pool() *tensor.Pool
}

// Adapted is a model whose adapter can be left out: a *gradient.Model.
type Adapted interface {
	Model
	// Reference is Loss without the adapter.
	Reference(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error)
	// StepWith is Step with the weights that weigh makes of the targets'
	// log-probabilities.
	StepWith(ctx context.Context, batch []gradient.Sequence, weigh func(logprobs [][]float32) ([][]float32, error)) (gradient.Loss, error)
}

// Task is what a run learns. Its examples are known by their number; those to
// learn from and those to validate by have numbers of their own.
type Task interface {
	// Train and Validation are how many examples there are.
	Train() int
	Validation() int
	// Learn adds the gradients of the examples' losses, Measure computes the
	// losses of validation examples.
	Learn(ctx context.Context, examples []int) (Loss, error)
	Measure(ctx context.Context, examples []int) (Loss, error)
}

// Loss is the loss of some examples.
type Loss struct {
	// Sum is the sum of losses and Weight how much of them there is, so that their
	// quotient is the mean; Tokens is how many tokens were read.
	Sum, Weight float64
	Tokens      int
}

func (l *Loss) add(m Loss) {
	l.Sum += m.Sum
	l.Weight += m.Weight
	l.Tokens += m.Tokens
}

// Mean is the mean loss, 0 of nothing.
func (l Loss) Mean() float64 {
	if l.Weight == 0 {
		return 0
	}
	return l.Sum / l.Weight
}

// Method is an optimiser.
type Method string

// The methods.
const (
	AdamW Method = "adamw"
	SGD   Method = "sgd"
)

// Plan is all that a run's bytes depend on but its data and its model. It is
// part of the manifest.
type Plan struct {
	Seed uint64 `json:"seed"`
	// Epochs is how often each example is learnt from; Steps, unless 0, how many
	// steps there are instead.
	Epochs int `json:"epochs,omitempty"`
	Steps  int `json:"steps,omitempty"`
	// Batch is how many examples go through the model together; 0 means 1.
	// Accumulate is how many batches make a step; 0 means 1.
	Batch      int `json:"batch"`
	Accumulate int `json:"accumulate"`

	Method   Method         `json:"method"`   // "" means AdamW
	Schedule optimizer.Kind `json:"schedule"` // "" means Cosine
	Rate     float64        `json:"rate"`
	Floor    float64        `json:"floor"`  // of a cosine, as a share of Rate
	Warmup   int            `json:"warmup"` // steps
	Decay    float64        `json:"decay"`
	Beta1    float64        `json:"beta1,omitempty"`
	Beta2    float64        `json:"beta2,omitempty"`
	Epsilon  float64        `json:"epsilon,omitempty"`
	Momentum float64        `json:"momentum,omitempty"`
	Nesterov bool           `json:"nesterov,omitempty"`
	Clip     float64        `json:"clip"` // the largest norm of a step's mean gradient; 0 means any

	// EvaluateEvery is after how many steps the loss on validation examples is
	// measured, and after the last one; 0 means after each epoch. Patience is how
	// many times in a row it may be no better than the best before the run ends;
	// 0 means always. Where there are validation examples the best parameters are
	// the result, else the last.
	EvaluateEvery int `json:"evaluate_every"`
	Patience      int `json:"patience"`
	// SaveEvery is after how many steps a checkpoint is written; 0 means that
	// none is. Keep is how many are kept, beside the best parameters; 0 means 2.
	SaveEvery int `json:"save_every"`
	Keep      int `json:"keep"`
}

// Options say how a task is run.
type Options struct {
	Plan
	// Dir is the folder of the run: manifest, checkpoints and curve. It is made if
	// it is not there. "" keeps nothing.
	Dir      string
	Manifest Manifest
	// Result is how many bytes the caller will write beside the checkpoints, for
	// the free space that is looked for.
	Result int64
	// Progress, unless nil, is told after every step; Note what a person should
	// know, such as that a damaged checkpoint was passed over.
	Progress func(Progress)
	Note     func(text string)

	step func(operation, path string) error // tests: before each operation on disk
}

// Progress is how far a run is.
type Progress struct {
	Step, Steps int // done, and of how many at most
	Epoch       int // from 1
	Loss        float64
	// Smooth is a moving mean of Loss; Validation and Best are the last and the
	// lowest validation loss, with whether there is one.
	Smooth, Validation, Best float64
	Validated                bool
	Rate, Norm               float64
	TokensPerSecond          float64 // in this process
	Left                     time.Duration
}

// Point is one step of a run's curve.
type Point struct {
	Step       int      `json:"step"` // from 1
	Loss       float64  `json:"loss"`
	Rate       float64  `json:"rate"`
	Norm       float64  `json:"norm"` // of the mean gradient, before it is clipped
	Tokens     int      `json:"tokens"`
	Validation *float64 `json:"validation,omitempty"`
}

// Result is what came of a run. The model has the result's parameters.
type Result struct {
	Steps   int // that were made, in all processes
	Planned int
	Stopped bool // before they were all made, for validation got no better
	// Best is the step after which validation was the lowest, and its loss; nil
	// without validation.
	Best     *Point
	Curve    []Point
	Resumed  int // the step that this process went on from
	Tokens   int64
	Manifest string // digest of the manifest
}

// ErrDiverged is wrapped by the error of a run whose loss or gradient is no
// number any more.
var ErrDiverged = errors.New("the loss is no number any more")
