package probe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/minimize"
)

// Candidate is a layer and pooling whose vectors a head could read.
type Candidate struct {
	Layer int
	Pool  string
	// Read returns the vectors of all rows. One candidate's are in memory at a time.
	Read func() (Matrix, error)
}

// Scored is how well rows that were left out were answered from a candidate's
// vectors.
type Scored struct {
	Layer int    `json:"layer"`
	Pool  string `json:"pool"`
	// L2 is the strength that did best.
	L2 float64 `json:"l2"`
	// Loss is the mean over rows, and Error the standard error of its distance from
	// the best candidate's, row by row: 0 for that one.
	Loss  float64 `json:"loss"`
	Error float64 `json:"error"`
	// Skill is the part of the loss that is left without vectors which they take
	// away: 0 is no help, 1 is no loss.
	Skill float64 `json:"skill"`
	// Right is the share of rows with the largest logit at their class (Single).
	Right float64 `json:"right,omitempty"`
}

// Choice is which candidate to read.
type Choice struct {
	Best  int      // index of the chosen one
	Least int      // index of the one with the smallest loss
	Table []Scored // of each candidate
}

// maxChooseRows is how many rows decide between candidates: more would take longer
// than the difference is worth.
const maxChooseRows = 2000

// chooseL2 are the strengths of L2 that each candidate is tried with.
var chooseL2 = []float64{1, .1, .01, .001}

// Choose trains a linear head on the vectors of each candidate and measures it on
// rows that are left out, a fold at a time. It chooses the first candidate, in the
// order given, whose loss is within one standard error of the smallest: list those
// first that are to be preferred when there is no telling, such as early layers,
// which a model has computed sooner.
//
// Options.Rows and Options.Folds say which rows, and what belongs together; Folds
// must be set. At most 2,000 rows are used, evenly over the classes.
//
// Source of the rule: Breiman et al. 1984, Classification and Regression Trees,
// section 3.4.3.
func Choose(ctx context.Context, candidates []Candidate, targets Targets, o Options) (Choice, error) {
	if len(candidates) == 0 || o.Folds == nil {
		return Choice{}, fmt.Errorf("%w: %d candidates, %d folds", ErrInput, len(candidates), len(o.Folds))
	}
	o.Kind = Linear
	if o.L2 == nil {
		o.L2 = chooseL2
	}
	var losses [][]float64
	var c Choice
	for i, candidate := range candidates {
		m, err := candidate.Read()
		if err != nil {
			return Choice{}, fmt.Errorf("read vectors of layer %d, pooling %q: %w", candidate.Layer, candidate.Pool, err)
		}
		s, l, err := measure(ctx, m, targets, o)
		if err != nil {
			return Choice{}, fmt.Errorf("layer %d, pooling %q: %w", candidate.Layer, candidate.Pool, err)
		}
		s.Layer, s.Pool = candidate.Layer, candidate.Pool
		c.Table, losses = append(c.Table, s), append(losses, l)
		if o.Progress != nil {
			o.Progress(float64(i+1) / float64(len(candidates)))
		}
	}
	for i, s := range c.Table {
		if s.Loss < c.Table[c.Least].Loss {
			c.Least = i
		}
	}
	for i := range c.Table {
		difference := make([]float64, len(losses[i]))
		for k := range difference {
			difference[k] = losses[i][k] - losses[c.Least][k]
		}
		_, c.Table[i].Error = minimize.MeanError(difference)
	}
	c.Best = minimize.Simplest(losses)
	return c, nil
}

// measure returns how well a candidate does, and each row's loss.
func measure(ctx context.Context, m Matrix, targets Targets, o Options) (Scored, []float64, error) {
	o = o.filled(m.Rows)
	if err := o.check(&m, &targets); err != nil {
		return Scored{}, nil, err
	}
	o.Rows, o.Folds = sample(&targets, o)
	t := &trainer{ctx: ctx, pool: newPool(o.Threads), matrix: &m, targets: &targets, o: o, rows: o.Rows, spread: 1}
	defer t.pool.Close()
	losses := make([][]float64, len(o.L2))
	right := make([]int, len(o.L2))
	null := 0.
	for _, held := range folds(o.Folds) {
		train := without(o.Rows, held)
		if len(train) == 0 {
			return Scored{}, nil, errOneFold
		}
		t.centreValues(train)
		f, s, err := t.newFit(train)
		if err != nil {
			return Scored{}, nil, err
		}
		plain, err := t.without(f, pick(o.Rows, held))
		if err != nil {
			return Scored{}, nil, err
		}
		null += plain
		p, err := t.path(f, &s, pick(o.Rows, held), false)
		if err != nil {
			return Scored{}, nil, err
		}
		for i := range p.losses {
			losses[i] = append(losses[i], p.losses[i]...)
			right[i] += p.right[i]
		}
	}
	best, sum := 0, math.Inf(1)
	for i, l := range losses {
		if mean, _ := minimize.MeanError(l); mean < sum {
			best, sum = i, mean
		}
	}
	n := float64(len(o.Rows))
	s := Scored{L2: o.L2[best], Loss: sum}
	if null > 0 {
		s.Skill = 1 - sum*n/null
	}
	if o.Task == Single {
		s.Right = float64(right[best]) / n
	}
	return s, losses[best], nil
}

// without returns the summed loss of held rows if only the biases are known.
func (t *trainer) without(f *fit, held []int) (float64, error) {
	l := newLoss(t.o.Task, len(t.o.Labels), t.o.Huber)
	var err error
	if l.targets, err = t.answersOf(held); err != nil {
		return 0, err
	}
	sum := 0.
	for _, v := range l.fair(make([]float32, len(held)*l.outputs), f.x[l.outputs*f.design.width:]) {
		sum += v
	}
	return sum, nil
}

// sample returns at most maxChooseRows rows and their folds: in the order of
// classes, rows at even distances.
func sample(t *Targets, o Options) (rows, folds []int) {
	places := all(len(o.Rows))
	if len(places) <= maxChooseRows {
		return o.Rows, o.Folds
	}
	if t.Class != nil {
		slices.SortStableFunc(places, func(a, b int) int { return t.Class[o.Rows[a]] - t.Class[o.Rows[b]] })
	}
	var kept []int
	for i := range maxChooseRows {
		kept = append(kept, places[i*len(places)/maxChooseRows])
	}
	slices.Sort(kept)
	for _, i := range kept {
		rows, folds = append(rows, o.Rows[i]), append(folds, o.Folds[i])
	}
	return rows, folds
}
