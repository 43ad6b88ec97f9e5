package probe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// errOneFold is the error of folds that leave nothing to train on.
var errOneFold = fmt.Errorf("%w: all rows are in one fold", ErrInput)

// trainer is a training under way.
type trainer struct {
	ctx     context.Context
	pool    *tensor.Pool
	matrix  *Matrix
	targets *Targets
	o       Options
	rows    []int

	centre, spread float64
}

// Train learns a head from the rows of a matrix and their answers. It refuses
// vectors and answers that are no numbers, or not as many as there should be, with
// an error that wraps ErrInput; other errors are the context's and the pool's.
func Train(ctx context.Context, m Matrix, targets Targets, o Options) (*Head, error) {
	o = o.filled(m.Rows)
	if err := o.check(&m, &targets); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &trainer{ctx: ctx, pool: newPool(o.Threads), matrix: &m, targets: &targets, o: o, rows: o.Rows, spread: 1}
	defer t.pool.Close()
	if o.Kind == Network {
		return t.network()
	}
	return t.linear()
}

// answersOf returns the answers of some rows, weighed so that all sum to 1.
func (t *trainer) answersOf(rows []int) (*answers, error) {
	a := &answers{weight: make([]float64, len(rows))}
	share := make([]float64, len(t.o.Labels)) // of each class
	for n, i := range rows {
		a.weight[n] = t.targets.weight(i)
		switch t.o.Task {
		case Single, Ordinal:
			a.class = append(a.class, t.targets.Class[i])
			share[t.targets.Class[i]] += a.weight[n]
		case Multi:
			set := slices.Clone(t.targets.Sets[i])
			slices.Sort(set)
			a.sets = append(a.sets, slices.Compact(set))
		case Regression:
			a.values = append(a.values, (t.targets.Values[i]-t.centre)/t.spread)
		}
	}
	if t.o.Balanced {
		for n, c := range a.class {
			a.weight[n] /= max(share[c], 1e-300)
		}
	}
	sum := 0.
	for _, w := range a.weight {
		sum += w
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("%w: weights sum to %v", ErrInput, sum)
	}
	for n := range a.weight {
		a.weight[n] /= sum
	}
	return a, nil
}

// centreValues learns mean and deviation of a regression's answers.
func (t *trainer) centreValues(rows []int) {
	if t.o.Task != Regression {
		return
	}
	sum, squares := 0., 0.
	for _, i := range rows {
		sum += t.targets.Values[i]
	}
	t.centre = sum / float64(len(rows))
	for _, i := range rows {
		d := t.targets.Values[i] - t.centre
		squares += d * d
	}
	if t.spread = math.Sqrt(squares / float64(len(rows))); !(t.spread > 0) || math.IsInf(t.spread, 1) {
		t.spread = 1
	}
}

// newFit makes rows ready to train a linear head on.
func (t *trainer) newFit(rows []int) (*fit, standard, error) {
	s, err := newStandard(t.pool, t.matrix, rows)
	if err != nil {
		return nil, s, err
	}
	d, err := newDesign(t.pool, t.matrix, rows, &s, t.o.round)
	if err != nil {
		return nil, s, err
	}
	l := newLoss(t.o.Task, len(t.o.Labels), t.o.Huber)
	if l.targets, err = t.answersOf(rows); err != nil {
		return nil, s, err
	}
	f := newFit(t.pool, d, l)
	l.begin(f.x[l.outputs*d.width:])
	return f, s, nil
}

// begin sets the extras to what fits the answers best before anything is known
// of the vectors.
func (l *loss) begin(extra []float32) {
	a, rate := l.targets, make([]float64, l.extras+1)
	for i, w := range a.weight {
		switch l.task {
		case Single, Ordinal:
			rate[a.class[i]] += w
		case Multi:
			for _, k := range a.sets[i] {
				rate[k] += w
			}
		}
	}
	const least = 1e-4
	switch l.task {
	case Single:
		for k := range extra {
			extra[k] = float32(math.Log(max(rate[k], least)))
		}
	case Multi:
		for k := range extra {
			p := min(max(rate[k], least), 1-least)
			extra[k] = float32(math.Log(p / (1 - p)))
		}
	case Ordinal:
		before, below := 0., 0.
		for k := range extra {
			below += rate[k]
			p := min(max(below, least), 1-least)
			t := math.Log(p / (1 - p))
			extra[k] = float32(t)
			if k > 0 {
				extra[k] = float32(math.Log(max(t-before, .01)))
			}
			before = max(t, before+.01)
			if k == 0 {
				before = t
			}
		}
	}
}

// linear trains a linear head.
func (t *trainer) linear() (*Head, error) {
	o := &t.o
	switch {
	case o.Folds != nil:
		return t.linearFolds()
	case o.Validation != nil && len(o.L2) > 1:
		t.centreValues(t.rows)
		f, s, err := t.newFit(t.rows)
		if err != nil {
			return nil, err
		}
		p, err := t.path(f, &s, o.Validation, true)
		if err != nil {
			return nil, err
		}
		best := minimize.Simplest(p.losses)
		copy(f.x, p.found[best])
		h := t.head(f, s)
		h.trained = t.describe(f, p, best)
		return h, nil
	}
	t.centreValues(t.rows)
	f, s, err := t.newFit(t.rows)
	if err != nil {
		return nil, err
	}
	l2 := plainL2
	if len(o.L2) > 0 {
		l2 = o.L2[0]
	}
	r, err := f.train(t.ctx, l2, t.search())
	if err != nil {
		return nil, err
	}
	h := t.head(f, s)
	h.trained = Trained{Rows: len(t.rows), L2: l2, Loss: r.Value, Iterations: r.Iterations, Converged: r.Converged}
	return h, nil
}

// search returns how to look for weights.
func (t *trainer) search() minimize.Options {
	return minimize.Options{Gradient: t.o.Gradient}
}

// path is what training with ever weaker L2 gave.
type path struct {
	l2     []float64
	losses [][]float64 // of each strength: of each row that was not trained on
	found  [][]float32 // of each strength, where they are kept
	result []minimize.Result
}

// maxWorse is after how many strengths in a row that do worse a path ends.
const maxWorse = 2

// path trains along the strengths of L2, each from the weights of the stronger
// one before it, and measures each on rows that are not trained on. With stop it
// keeps the weights and ends where the rows' loss grows.
func (t *trainer) path(f *fit, s *standard, held []int, stop bool) (*path, error) {
	design, err := newDesign(t.pool, t.matrix, held, s, t.o.round)
	if err != nil {
		return nil, err
	}
	measure := newLoss(t.o.Task, len(t.o.Labels), t.o.Huber)
	if measure.targets, err = t.answersOf(held); err != nil {
		return nil, err
	}
	p, best, worse := &path{}, math.Inf(1), 0
	for _, l2 := range t.o.L2 {
		r, err := f.train(t.ctx, l2, t.search())
		if err != nil {
			return nil, err
		}
		z, err := f.outputs(design)
		if err != nil {
			return nil, err
		}
		p.l2, p.result = append(p.l2, l2), append(p.result, r)
		extra := f.x[f.loss.outputs*f.design.width:]
		p.losses = append(p.losses, measure.fair(z, extra))
		if stop {
			p.found = append(p.found, slices.Clone(f.x))
		}
		mean, _ := minimize.MeanError(p.losses[len(p.losses)-1])
		if worse++; mean < best {
			best, worse = mean, 0
		}
		if stop && worse >= maxWorse {
			break
		}
	}
	return p, nil
}

// linearFolds chooses the strength of L2 by leaving out each fold in turn, and
// trains on all rows with it.
func (t *trainer) linearFolds() (*Head, error) {
	o := &t.o
	losses, at := make([][]float64, len(o.L2)), 0
	for _, held := range folds(o.Folds) {
		train := without(t.rows, held)
		if len(train) == 0 {
			return nil, errOneFold
		}
		rows := pick(t.rows, held)
		t.centreValues(train)
		f, s, err := t.newFit(train)
		if err != nil {
			return nil, err
		}
		p, err := t.path(f, &s, rows, false)
		if err != nil {
			return nil, err
		}
		for i, l := range p.losses {
			losses[i] = append(losses[i], l...)
		}
		at += len(held)
		t.tell(.8 * float64(at) / float64(len(t.rows)))
	}
	best := minimize.Simplest(losses)
	t.centreValues(t.rows)
	f, s, err := t.newFit(t.rows)
	if err != nil {
		return nil, err
	}
	p := &path{l2: o.L2, losses: losses}
	for i := range best + 1 {
		r, err := f.train(t.ctx, o.L2[i], t.search())
		if err != nil {
			return nil, err
		}
		p.result = append(p.result, r)
	}
	h := t.head(f, s)
	h.trained = t.describe(f, p, best)
	t.tell(1)
	return h, nil
}

func (t *trainer) tell(done float64) {
	if t.o.Progress != nil {
		t.o.Progress(done)
	}
}

// describe says how the chosen strength came about.
func (t *trainer) describe(f *fit, p *path, best int) Trained {
	r := Trained{Rows: f.design.n, L2: p.l2[best], Loss: p.result[best].Value, Iterations: p.result[best].Iterations, Converged: p.result[best].Converged}
	for i, l := range p.losses {
		mean, deviation := minimize.MeanError(l)
		r.Tried = append(r.Tried, Tried{L2: p.l2[i], Loss: mean, Error: deviation})
	}
	return r
}

// head makes a head of a fit.
func (t *trainer) head(f *fit, s standard) *Head {
	h := t.empty(s)
	M, D := f.loss.outputs, f.design.width
	h.w, h.extra = slices.Clone(f.x[:M*D]), slices.Clone(f.x[M*D:])
	return h
}

func (t *trainer) empty(s standard) *Head {
	h := &Head{standard: s, centre: t.centre, spread: t.spread}
	h.config = Config{Task: t.o.Task, Kind: t.o.Kind, Labels: slices.Clone(t.o.Labels), Reads: Reads{Width: t.matrix.Width, Layer: t.o.Layer, Pool: t.o.Pool}}
	if t.o.Kind == Network {
		h.config.Hidden, h.config.Activation = t.o.Hidden, t.o.Activation
	}
	return h
}
