package probe

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Options say what to train. The zero value of all but Task and Labels works.
type Options struct {
	Task   Task
	Kind   Kind     // "" is Linear
	Labels []string // of the classes
	// Layer and Pool are kept with the head.
	Layer int
	Pool  string

	// Rows are those to train on; nil means all that are not in Validation.
	Rows []int
	// Validation rows decide how strong L2 is, and when a network has learnt enough.
	Validation []int
	// Folds is, in place of Validation, the fold of each of Rows: each is left out
	// in turn, and the head is trained on all of them in the end. Rows that belong
	// together share a fold.
	Folds []int

	// L2 are strengths to choose from: half of it times the squared weights is added
	// to the mean loss, the inputs having a deviation of 1. Nil means 1 to 0.0001 by
	// tenths. Where there are neither validation rows nor folds it is the first, or
	// 0.01. Of a network it is the weight decay, and the first counts; nil means 0.05.
	L2 []float64
	// Balanced weighs rows so that all classes weigh the same (Single, Ordinal).
	Balanced bool
	// Huber is, of a Regression, from how many deviations on a distance counts by its
	// size and not its square; 0 means 1.345, negative never.
	Huber float64

	// Of a network: Hidden is the width of the hidden layer, 0 means 128; Dropout the
	// share of hidden numbers left out in training; Epochs the most passes, 0 means
	// enough for 2,000 steps, 20 to 200; Rate the learning rate, 0 means 0.003; Batch
	// the rows of a step, 0 means 64.
	Hidden     int
	Activation Activation // "" is ReLU
	Dropout    float64
	Epochs     int
	Rate       float64
	Batch      int
	Seed       uint64

	// Gradient is where training has converged, see minimize.Options; 0 means 1e-3.
	Gradient float64
	Threads  int // 0 means all processors
	// Progress, where not nil, is told of each step how far the training is, 0 to 1.
	Progress func(done float64)

	round bool // rows are kept as float16, however few: for tests
}

// defaultL2 are strengths of L2, the strongest first.
var defaultL2 = []float64{1, .1, .01, .001, .0001}

// plainL2 is the strength where nothing can decide.
const plainL2 = .01

func (o Options) filled(rows int) Options {
	if o.Kind == "" {
		o.Kind = Linear
	}
	if o.Rows == nil {
		held := make([]bool, rows)
		for _, i := range o.Validation {
			if i >= 0 && i < rows {
				held[i] = true
			}
		}
		for i := range rows {
			if !held[i] {
				o.Rows = append(o.Rows, i)
			}
		}
	}
	if o.Hidden == 0 {
		o.Hidden = 128
	}
	if o.Activation == "" {
		o.Activation = ReLU
	}
	if o.Rate == 0 {
		o.Rate = .003
	}
	if o.Batch == 0 {
		o.Batch = 64
	}
	if o.Epochs == 0 && o.Batch > 0 {
		o.Epochs = max(20, min(plainSteps*o.Batch/max(1, len(o.Rows)), 200))
	}
	if o.Huber == 0 {
		o.Huber = 1.345
	}
	if o.Gradient == 0 {
		o.Gradient = 1e-3
	}
	if o.L2 == nil && (o.Validation != nil || o.Folds != nil) && o.Kind == Linear {
		o.L2 = defaultL2
	}
	o.L2 = slices.Clone(o.L2)
	slices.SortFunc(o.L2, func(a, b float64) int { return cmp.Compare(b, a) }) // the strongest first
	return o
}

// check refuses what cannot be trained.
func (o *Options) check(m *Matrix, t *Targets) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := t.check(o.Task, len(o.Labels), m.Rows); err != nil {
		return err
	}
	for _, v := range o.L2 {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%w: L2 of %v", ErrInput, v)
		}
	}
	switch {
	case o.Kind != Linear && o.Kind != Network:
		return fmt.Errorf("%w: no kind %q", ErrInput, o.Kind)
	case o.Activation != ReLU && o.Activation != GELU:
		return fmt.Errorf("%w: no activation %q", ErrInput, o.Activation)
	case o.Hidden < 1 || o.Hidden > MaxHidden || o.Batch < 1 || o.Epochs < 1:
		return fmt.Errorf("%w: a network of %d hidden numbers, %d epochs, %d rows a step", ErrInput, o.Hidden, o.Epochs, o.Batch)
	case !(o.Dropout >= 0 && o.Dropout < 1) || !(o.Rate > 0) || math.IsInf(o.Rate, 1):
		return fmt.Errorf("%w: a dropout of %v, a rate of %v", ErrInput, o.Dropout, o.Rate)
	case len(o.Rows) == 0:
		return fmt.Errorf("%w: no rows to train on", ErrInput)
	case o.Folds != nil && (len(o.Folds) != len(o.Rows) || o.Validation != nil):
		return fmt.Errorf("%w: %d folds for %d rows, %d validation rows", ErrInput, len(o.Folds), len(o.Rows), len(o.Validation))
	case max(len(o.Labels), o.Hidden)*m.Width > MaxNumbers:
		return fmt.Errorf("%w: %d classes on a width of %d, more than %d weights", ErrInput, len(o.Labels), m.Width, MaxNumbers)
	}
	return o.checkRows(m.Rows)
}

// checkRows wants rows to exist, and none to be both trained and validated on.
func (o *Options) checkRows(n int) error {
	seen := make([]bool, n)
	for _, list := range [][]int{o.Rows, o.Validation} {
		for _, i := range list {
			if i < 0 || i >= n {
				return fmt.Errorf("%w: row %d is not one of %d", ErrInput, i, n)
			}
			if seen[i] {
				return fmt.Errorf("%w: row %d is given twice", ErrInput, i)
			}
			seen[i] = true
		}
	}
	return nil
}
