package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
)

// Limits of a plan.
const (
	MaxSteps = 1 << 18 // the curve is part of each checkpoint
	maxBatch = 1 << 16 // examples
	maxKept  = 1000    // checkpoints
)

// method is an optimiser: *optimizer.AdamW or *optimizer.SGD.
type method interface {
	State() []optimizer.State
	Steps() int
	SetSteps(n int)
}

// run is a run under way.
type run struct {
	o          Options
	model      Model
	task       Task
	parameters []*optimizer.Parameter
	method     method
	step       func(rate, scale float64) error // of the method
	schedule   optimizer.Schedule
	perEpoch   int // steps
	steps      int // planned

	disk    disk
	folder  string // of checkpoints
	digest  string // of the manifest
	initial [][]float32
	best    [][]float32 // where nothing is kept on disk
	state   state
	broken  bool // the parameters are not those of state

	epoch int // whose order is in order; -1 at first
	order []int
	clock clock
}

// clock is what progress is told from.
type clock struct {
	start  time.Time
	steps  int
	tokens int
	smooth float64
}

// Run runs a task to its end, or goes on from the last checkpoint in Options.Dir,
// to the same bytes. When it returns without an error the model has the result's
// parameters. After an interruption it leaves a checkpoint of the last whole step,
// and returns the context's error.
func Run(ctx context.Context, m Model, task Task, o Options) (*Result, error) {
	r, err := prepare(m, task, o)
	if err != nil {
		return nil, err
	}
	if o.Dir != "" {
		unlock, err := r.open()
		if err != nil {
			return nil, err
		}
		defer unlock() // the lock holds no data
	}
	resumed := r.state.Step
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	if err := r.takeBest(); err != nil {
		return nil, err
	}
	return &Result{
		Steps: r.state.Step, Planned: r.steps, Stopped: r.state.Stopped, Best: r.state.Best, Curve: r.state.Curve,
		Resumed: resumed, Tokens: r.state.Tokens, Manifest: r.digest,
	}, nil
}

// Count returns how many steps a plan has for so many examples, and how many of
// them are an epoch.
func (p Plan) Count(examples int) (steps, perEpoch int) {
	p = p.defaults()
	group := p.Batch * p.Accumulate
	perEpoch = (examples + group - 1) / group
	if p.Steps > 0 {
		return p.Steps, perEpoch
	}
	return p.Epochs * perEpoch, perEpoch
}

// defaults fills in what a plan leaves open.
func (p Plan) defaults() Plan {
	p.Epochs, p.Batch, p.Accumulate = max(p.Epochs, 1), max(p.Batch, 1), max(p.Accumulate, 1)
	if p.Steps > 0 {
		p.Epochs = 0
	}
	if p.Method == "" {
		p.Method = AdamW
	}
	if p.Schedule == "" {
		p.Schedule = optimizer.Cosine
	}
	if p.Keep <= 0 {
		p.Keep = 2
	}
	return p
}

// prepare checks what is asked for.
func prepare(m Model, task Task, o Options) (*run, error) {
	if task.Train() == 0 {
		return nil, errors.New("train: there is nothing to learn from")
	}
	o.Plan = o.defaults()
	r := &run{o: o, model: m, task: task, parameters: m.Parameters(), epoch: -1, disk: disk{o.step}}
	r.steps, r.perEpoch = o.Count(task.Train())
	if r.o.EvaluateEvery <= 0 {
		r.o.EvaluateEvery = r.perEpoch
	}
	r.schedule = optimizer.Schedule{Kind: o.Schedule, Rate: o.Rate, Floor: o.Floor, Warmup: o.Warmup, Steps: r.steps}
	if err := r.schedule.Check(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if r.steps > MaxSteps || o.Batch > maxBatch || o.Accumulate > maxBatch || o.Keep > maxKept {
		return nil, fmt.Errorf("train: %d steps of %d times %d examples with %d checkpoints: at most %d, %d, %d and %d", r.steps, o.Accumulate, o.Batch, o.Keep, MaxSteps, maxBatch, maxBatch, maxKept)
	}
	switch o.Method {
	case AdamW:
		a := optimizer.NewAdamW(r.parameters, optimizer.AdamWOptions{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, Decay: o.Decay})
		r.method, r.step = a, func(rate, scale float64) error { return a.Step(m.Pool(), rate, scale) }
	case SGD:
		s := optimizer.NewSGD(r.parameters, optimizer.SGDOptions{Momentum: o.Momentum, Nesterov: o.Nesterov, Decay: o.Decay})
		r.method, r.step = s, func(rate, scale float64) error { return s.Step(m.Pool(), rate, scale) }
	default:
		return nil, fmt.Errorf("train: method %q is not known: it is %s or %s", o.Method, AdamW, SGD)
	}
	r.state = state{Version: formatVersion}
	return r, nil
}

// open claims the run's folder and loads its last checkpoint.
func (r *run) open() (unlock func() error, err error) {
	r.folder = filepath.Join(r.o.Dir, checkpointFolder)
	if err := r.disk.before("folder", r.folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.folder, folderMode); err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("make the folder %q", r.o.Dir), Err: err, Hint: "give a folder that can be written"}
	}
	unlock, free, err := files.TryLock(filepath.Join(r.folder, lockFile))
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("another process trains in %q", r.o.Dir), Hint: "wait for it, or choose another folder"}
	}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// begin writes or compares the manifest and goes on where a run was broken off.
func (r *run) begin() error {
	text, digest, err := r.o.encode()
	if err != nil {
		return err
	}
	r.digest, r.state.Run = digest, digest
	for _, dir := range []string{r.o.Dir, r.folder} {
		if err := r.disk.sweep(dir); err != nil {
			return err
		}
	}
	if err := r.disk.claim(r.o.Dir, text); err != nil {
		return err
	}
	if err := r.room(); err != nil {
		return err
	}
	r.keepInitial()
	err = r.load()
	r.initial = nil
	if err == nil && r.state.Step > 0 {
		err = r.prune()
	}
	return err
}

// keepInitial remembers the first parameters, if there is a checkpoint that may
// turn out not to be usable after it was read.
func (r *run) keepInitial() {
	if steps, err := r.saved(); err != nil || len(steps) == 0 {
		return
	}
	for _, p := range r.parameters {
		r.initial = append(r.initial, append([]float32(nil), p.Value...))
	}
}

// reset goes back to the first parameters.
func (r *run) reset() {
	for i, p := range r.parameters {
		copy(p.Value, r.initial[i])
	}
	for _, s := range r.method.State() {
		clear(s.Values)
	}
	r.method.SetSteps(0)
}

// keeps says whether checkpoints are written.
func (r *run) keeps() bool { return r.o.Dir != "" && r.o.SaveEvery > 0 }

func (r *run) note(text string) {
	if r.o.Note != nil {
		r.o.Note(text)
	}
}

// all makes the steps that are left.
func (r *run) all(ctx context.Context) error {
	r.clock = clock{start: time.Now(), smooth: math.NaN()}
	for !r.state.Finished {
		if err := r.one(ctx); err != nil {
			if ctx.Err() != nil && r.keeps() && r.state.Step > 0 && !r.broken {
				return errors.Join(err, r.save())
			}
			return err
		}
	}
	return nil
}

// one makes a step, and validates and saves if it is time to.
func (r *run) one(ctx context.Context) error {
	point, err := r.learn(ctx)
	if err != nil {
		return fmt.Errorf("step %d: %w", r.state.Step+1, err)
	}
	s := r.state
	s.Step, s.Tokens, s.Curve = point.Step, s.Tokens+int64(point.Tokens), append(s.Curve, point)
	s.Finished = s.Step == r.steps
	improved := false
	if r.task.Validation() > 0 && (s.Step%r.o.EvaluateEvery == 0 || s.Finished) {
		if improved, err = r.validate(ctx, &s); err != nil {
			return r.undone(point, err)
		}
	}
	r.state = s
	if improved {
		if err := r.putBest(); err != nil {
			return r.full(err)
		}
	}
	if r.keeps() && (r.due(s.Step) || s.Finished) {
		if err := r.save(); err != nil {
			return r.full(err)
		}
	}
	r.report(point)
	return nil
}

// undone is the error of a step that was broken off when parameters had changed:
// they are not those of the state, and no checkpoint may be written.
func (r *run) undone(point Point, err error) error {
	r.broken = true
	return fmt.Errorf("end step %d: %w", point.Step, err)
}

// full says what to do about a checkpoint that could not be written.
func (r *run) full(err error) error {
	return &casemate.Error{
		Code: casemate.CodeInput, Message: "write a checkpoint", Err: err,
		Hint: "free some space and run the same command again: it goes on from the last checkpoint that is whole",
	}
}

// learn makes one step of the optimiser.
func (r *run) learn(ctx context.Context) (Point, error) {
	step := r.state.Step
	if err := optimizer.Zero(r.model.Pool(), r.parameters); err != nil {
		return Point{}, err
	}
	var total Loss
	for i, batch := range r.batches(step) {
		if err := ctx.Err(); err != nil {
			return Point{}, err
		}
		r.model.Seek(uint64(step)*uint64(r.o.Accumulate) + uint64(i))
		l, err := r.task.Learn(ctx, batch)
		if err != nil {
			return Point{}, err
		}
		total.add(l)
	}
	if total.Weight == 0 {
		return Point{}, errors.New("its examples have nothing to predict")
	}
	norm, err := optimizer.Norm(r.model.Pool(), r.parameters)
	if err != nil {
		return Point{}, err
	}
	norm /= total.Weight
	point := Point{Step: step + 1, Loss: total.Mean(), Rate: r.schedule.At(step), Norm: norm, Tokens: total.Tokens}
	if bad(point.Loss) || bad(norm) {
		return point, diverged(point)
	}
	if err := r.step(point.Rate, optimizer.Clip(norm, r.o.Clip)/total.Weight); err != nil {
		return point, r.undone(point, err)
	}
	return point, nil
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

// diverged is the error of numbers that left the range of numbers.
func diverged(p Point) error {
	return &casemate.Error{
		Code: casemate.CodeInput, Message: fmt.Sprintf("training went astray: loss %v, gradient %v", p.Loss, p.Norm), Err: ErrDiverged,
		Hint: "give a lower rate (--rate), or a longer warm-up",
	}
}

// batches returns the examples of a step, batch by batch. Each epoch has all
// examples once, in an order of its own; its last step may have fewer.
func (r *run) batches(step int) [][]int {
	if epoch := step / r.perEpoch; epoch != r.epoch {
		r.epoch = epoch
		r.order = rand.New(rand.NewPCG(r.o.Seed, uint64(epoch))).Perm(r.task.Train())
	}
	group := r.o.Batch * r.o.Accumulate
	from := step % r.perEpoch * group
	var list [][]int
	for to := min(from+group, len(r.order)); from < to; from += r.o.Batch {
		list = append(list, r.order[from:min(from+r.o.Batch, to)])
	}
	return list
}

// validate measures the loss of the validation examples, and says whether it is
// the lowest.
func (r *run) validate(ctx context.Context, s *state) (improved bool, err error) {
	var total Loss
	for from := 0; from < r.task.Validation(); from += r.o.Batch {
		var batch []int
		for i := from; i < min(from+r.o.Batch, r.task.Validation()); i++ {
			batch = append(batch, i)
		}
		l, err := r.task.Measure(ctx, batch)
		if err != nil {
			return false, err
		}
		total.add(l)
	}
	loss := total.Mean()
	point := &s.Curve[len(s.Curve)-1]
	if bad(loss) {
		return false, diverged(*point)
	}
	point.Validation = &loss
	if s.Best == nil || loss < *s.Best.Validation {
		best := *point
		s.Best, s.Worse = &best, 0
		return true, nil
	}
	s.Worse++
	if r.o.Patience > 0 && s.Worse >= r.o.Patience && !s.Finished {
		s.Finished, s.Stopped = true, true
	}
	return false, nil
}

// putBest keeps the parameters, the best so far.
func (r *run) putBest() error {
	if r.keeps() {
		s := state{Version: formatVersion, Run: r.digest, Step: r.state.Step, Best: r.state.Best, Curve: []Point{}}
		return r.write(filepath.Join(r.folder, bestFile), s, r.arrays(false))
	}
	r.best = r.best[:0]
	for _, p := range r.parameters {
		r.best = append(r.best, append([]float32(nil), p.Value...))
	}
	return nil
}

// takeBest gives the model the best parameters, if there are any.
func (r *run) takeBest() error {
	if r.state.Best == nil || r.state.Best.Step == r.state.Step {
		return nil
	}
	if r.best != nil {
		for i, p := range r.parameters {
			copy(p.Value, r.best[i])
		}
		return nil
	}
	if _, err := r.read(filepath.Join(r.folder, bestFile), r.arrays(false)); err != nil {
		return &casemate.Error{
			Code: casemate.CodeInput, Message: "read the best parameters", Err: err,
			Hint: "run the same command again: it goes on from a checkpoint before them",
		}
	}
	return nil
}

// report tells the progress.
func (r *run) report(p Point) {
	c := &r.clock
	c.steps++
	c.tokens += p.Tokens
	if math.IsNaN(c.smooth) {
		c.smooth = p.Loss
	}
	c.smooth += 0.1 * (p.Loss - c.smooth)
	if r.o.Progress == nil {
		return
	}
	spent := time.Since(c.start)
	out := Progress{
		Step: p.Step, Steps: r.steps, Epoch: (p.Step-1)/r.perEpoch + 1, Loss: p.Loss, Smooth: c.smooth, Rate: p.Rate, Norm: p.Norm,
		Left: time.Duration(float64(spent) / float64(c.steps) * float64(r.steps-p.Step)),
	}
	if seconds := spent.Seconds(); seconds > 0 {
		out.TokensPerSecond = float64(c.tokens) / seconds
	}
	// Where nothing was validated the curve is not searched: it has every step.
	for i := len(r.state.Curve) - 1; i >= 0 && r.state.Best != nil && !out.Validated; i-- {
		if v := r.state.Curve[i].Validation; v != nil {
			out.Validation, out.Best, out.Validated = *v, *r.state.Best.Validation, true
		}
	}
	r.o.Progress(out)
}
