package tagger

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Options say what to train. The zero value of all but Labels works.
type Options struct {
	Labels []string
	// Vectors returns the tokens of a row with their vectors, of Width numbers each;
	// nil trains on words alone. It is called for each row once, in order, and what
	// it returns is not kept.
	Vectors func(row int) ([]Token, error)
	Width   int
	// Layer is kept with the model: which hidden states the vectors are.
	Layer int
	// VectorsAlone leaves words' letters out.
	VectorsAlone bool

	// Rows are those to train on; nil means all that are not in Validation.
	Rows []int
	// Validation rows decide how strong L2 is.
	Validation []int
	// Folds is, in place of Validation, the fold of each of Rows: each is left out
	// in turn, and the model is trained on all of them in the end.
	Folds []int
	// L2 are strengths to choose from: half of it times the squared weights is added
	// to the summed loss of all rows. Nil means 10, 3, 1, 0.3 and 0.1. Where nothing
	// can decide, it is the first, or 1.
	L2 []float64
	// Least is how many words of the training rows must have a feature; 0 means 2.
	Least int

	Threads int // 0 means all processors
	// Progress, where not nil, is told how far the training is, 0 to 1.
	Progress func(done float64)
}

var defaultL2 = []float64{10, 3, 1, .3, .1}

// Tried is a strength of L2 and the mean loss of rows that were not trained on,
// with its standard error.
type Tried struct {
	L2    float64 `json:"l2"`
	Loss  float64 `json:"loss"`
	Error float64 `json:"error"`
}

// Trained says how a model came about.
type Trained struct {
	Rows       int     `json:"rows"`
	Words      int     `json:"words"`
	L2         float64 `json:"l2"`
	Loss       float64 `json:"loss"` // of a row, the weights' part included
	Iterations int     `json:"iterations"`
	Converged  bool    `json:"converged"`
	Tried      []Tried `json:"tried,omitempty"`
}

// Train learns a model from rows. What cannot be trained on is refused with an
// error that wraps ErrInput; other errors are those of Vectors, of the context and
// of the pool.
func Train(ctx context.Context, rows []Row, o Options) (*Model, error) {
	o = o.filled(len(rows))
	if err := o.check(rows); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	t := &trainer{ctx: ctx, o: o, pool: tensor.NewPool(threads)}
	defer t.pool.Close()
	var err error
	if t.texts, err = read(ctx, rows, &o); err != nil {
		return nil, err
	}
	switch {
	case o.Folds != nil:
		return t.folds()
	case o.Validation != nil && len(o.L2) > 1:
		return t.validated()
	}
	f, err := t.newFit(o.Rows)
	if err != nil {
		return nil, err
	}
	l2 := 1.
	if len(o.L2) > 0 {
		l2 = o.L2[0]
	}
	r, err := f.train(ctx, l2)
	if err != nil {
		return nil, err
	}
	return f.model(t, l2, r, nil), nil
}

func (o Options) filled(rows int) Options {
	if o.Rows == nil {
		held := map[int]bool{}
		for _, i := range o.Validation {
			held[i] = true
		}
		for i := range rows {
			if !held[i] {
				o.Rows = append(o.Rows, i)
			}
		}
	}
	if o.L2 == nil && (o.Validation != nil || o.Folds != nil) {
		o.L2 = defaultL2
	}
	o.L2 = slices.Clone(o.L2)
	slices.Sort(o.L2)
	slices.Reverse(o.L2)
	if o.Least == 0 {
		o.Least = 2
	}
	return o
}

func (o *Options) check(rows []Row) error {
	switch {
	case len(o.Labels) < 1 || len(o.Labels) > MaxLabels:
		return fmt.Errorf("%w: %d labels, 1 to %d can be", ErrInput, len(o.Labels), MaxLabels)
	case len(rows) > MaxRows || len(o.Rows) == 0:
		return fmt.Errorf("%w: %d rows to train on of %d, 1 to %d can be", ErrInput, len(o.Rows), len(rows), MaxRows)
	case o.Vectors != nil && (o.Width < 1 || o.Width > MaxWidth), o.Vectors == nil && (o.Width != 0 || o.VectorsAlone):
		return fmt.Errorf("%w: vectors of %d numbers", ErrInput, o.Width)
	case o.Folds != nil && (len(o.Folds) != len(o.Rows) || o.Validation != nil):
		return fmt.Errorf("%w: %d folds for %d rows, %d validation rows", ErrInput, len(o.Folds), len(o.Rows), len(o.Validation))
	}
	for _, v := range o.L2 {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%w: L2 of %v", ErrInput, v)
		}
	}
	seen := make([]bool, len(rows))
	for _, list := range [][]int{o.Rows, o.Validation} {
		for _, i := range list {
			if i < 0 || i >= len(rows) || seen[i] {
				return fmt.Errorf("%w: row %d is not one of %d, or given twice", ErrInput, i, len(rows))
			}
			seen[i] = true
		}
	}
	for i := range rows {
		if err := rows[i].check(len(o.Labels)); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

// trainer is a training under way.
type trainer struct {
	ctx   context.Context
	pool  *tensor.Pool
	o     Options
	texts *texts
}

func (t *trainer) tell(done float64) {
	if t.o.Progress != nil {
		t.o.Progress(done)
	}
}

// path trains along the strengths of L2, each from the weights of the one before
// it, and measures each on held rows.
func (t *trainer) path(f *fit, held []int, keep bool) (losses [][]float64, found [][]float32, results []minimize.Result, err error) {
	for _, l2 := range t.o.L2 {
		r, err := f.train(t.ctx, l2)
		if err != nil {
			return nil, nil, nil, err
		}
		l, err := f.lossesOf(t.texts, held)
		if err != nil {
			return nil, nil, nil, err
		}
		losses, results = append(losses, l), append(results, r)
		if keep {
			found = append(found, slices.Clone(f.x))
		}
	}
	return losses, found, results, nil
}

// validated chooses the strength of L2 on validation rows.
func (t *trainer) validated() (*Model, error) {
	f, err := t.newFit(t.o.Rows)
	if err != nil {
		return nil, err
	}
	losses, found, results, err := t.path(f, t.o.Validation, true)
	if err != nil {
		return nil, err
	}
	best := minimize.Simplest(losses)
	copy(f.x, found[best])
	t.tell(1)
	return f.model(t, t.o.L2[best], results[best], t.tried(losses)), nil
}

// folds chooses the strength of L2 by leaving out each fold in turn.
func (t *trainer) folds() (*Model, error) {
	names := slices.Clone(t.o.Folds)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < 2 {
		return nil, fmt.Errorf("%w: all rows are in one fold", ErrInput)
	}
	losses := make([][]float64, len(t.o.L2))
	for k, name := range names {
		var train, held []int
		for i, row := range t.o.Rows {
			if t.o.Folds[i] == name {
				held = append(held, row)
			} else {
				train = append(train, row)
			}
		}
		f, err := t.newFit(train)
		if err != nil {
			return nil, err
		}
		l, _, _, err := t.path(f, held, false)
		if err != nil {
			return nil, err
		}
		for i := range l {
			losses[i] = append(losses[i], l[i]...)
		}
		t.tell(.8 * float64(k+1) / float64(len(names)))
	}
	best := minimize.Simplest(losses)
	f, err := t.newFit(t.o.Rows)
	if err != nil {
		return nil, err
	}
	var r minimize.Result
	for _, l2 := range t.o.L2[:best+1] {
		if r, err = f.train(t.ctx, l2); err != nil {
			return nil, err
		}
	}
	t.tell(1)
	return f.model(t, t.o.L2[best], r, t.tried(losses)), nil
}

func (t *trainer) tried(losses [][]float64) []Tried {
	var out []Tried
	for i, l := range losses {
		mean, deviation := minimize.MeanError(l)
		out = append(out, Tried{L2: t.o.L2[i], Loss: mean, Error: deviation})
	}
	return out
}
