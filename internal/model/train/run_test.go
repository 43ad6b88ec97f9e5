package train_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// plan is a run of 24 steps, of which each third is validated and each fourth
// saved.
func plan() train.Plan {
	return train.Plan{
		Seed: 4, Epochs: 4, Batch: 2, Accumulate: 2, Rate: 0.3, Warmup: 3, Clip: 1, Decay: 0.01,
		EvaluateEvery: 3, SaveEvery: 4, Keep: 2,
	}
}

// outcome is what two runs must share.
type outcome struct {
	Values []float32
	Files  map[string]string
	Result train.Result
}

// finish runs to the end and returns what came of it.
func finish(t *testing.T, threads int, o train.Options) outcome {
	t.Helper()
	m := newBigram(t, threads)
	r, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Resumed = 0
	return outcome{m.table.Value, files(t, o.Dir), *r}
}

// files are the contents of all files of a folder, but the lock.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if dir == "" {
		return all
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRun(t *testing.T) {
	o := train.Options{Plan: plan(), Dir: t.TempDir()}
	got := finish(t, 1, o)
	first, last := got.Result.Curve[0], got.Result.Curve[len(got.Result.Curve)-1]
	if got.Result.Steps != 24 || len(got.Result.Curve) != 24 || last.Loss > 0.7*first.Loss {
		t.Errorf("%d steps, loss from %v to %v", got.Result.Steps, first.Loss, last.Loss)
	}
	if first.Rate >= 0.3 || got.Result.Curve[2].Rate != 0.3 || last.Rate > 0.01 {
		t.Errorf("rates %v, %v, …, %v: want a warm-up and a cosine", first.Rate, got.Result.Curve[2].Rate, last.Rate)
	}
	if first.Validation != nil || got.Result.Curve[2].Validation == nil || got.Result.Best == nil {
		t.Errorf("validation %v, %v, best %v", first.Validation, got.Result.Curve[2].Validation, got.Result.Best)
	}
	var names []string
	for _, name := range []string{"run.json", "checkpoints/best.safetensors", "checkpoints/step-00000020.safetensors", "checkpoints/step-00000024.safetensors"} {
		if _, there := got.Files[name]; there {
			names = append(names, name)
		}
	}
	if len(names) != 4 || len(got.Files) != 4 {
		t.Errorf("files %v of %d: want the manifest, the best and the last two", names, len(got.Files))
	}
}

// TestSameBytes wants the same numbers and files of any number of threads, and
// without a folder the same numbers.
func TestSameBytes(t *testing.T) {
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	for _, threads := range []int{2, 4} {
		if diff := cmp.Diff(want, finish(t, threads, train.Options{Plan: plan(), Dir: t.TempDir()})); diff != "" {
			t.Errorf("%d threads: %s", threads, diff)
		}
	}
	if got := finish(t, 1, train.Options{Plan: plan()}); !cmp.Equal(got.Values, want.Values) {
		t.Error("without a folder the numbers differ")
	}
	other := plan()
	other.Seed++
	if got := finish(t, 1, train.Options{Plan: other}); cmp.Equal(got.Values, want.Values) {
		t.Error("another seed gives the same numbers")
	}
}

var errKilled = errors.New("killed")

// killed runs until an operation on disk, after which nothing is done any more.
func killed(t *testing.T, o train.Options, at int) (operation string) {
	t.Helper()
	m, n := newBigram(t, 1), 0
	o = train.WithSteps(o, func(what, path string) error {
		if n++; n >= at {
			if n == at {
				operation = what + " " + filepath.Base(path)
			}
			return errKilled
		}
		return nil
	})
	_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), o)
	if operation == "" {
		if err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if !errors.Is(err, errKilled) {
		t.Fatalf("%s: error %v, want that it was broken off", operation, err)
	}
	return operation
}

// TestKilled breaks a run off before each of its operations on disk and wants the
// run that follows to end with the bytes of one that was never broken off.
func TestKilled(t *testing.T) {
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	operations := 0
	for at := 1; ; at++ {
		o := train.Options{Plan: plan(), Dir: filepath.Join(t.TempDir(), "run")}
		operation := killed(t, o, at)
		if operation == "" {
			break
		}
		operations++
		o.Note = func(text string) { t.Errorf("broken off before %s: note %q", operation, text) }
		if diff := cmp.Diff(want, finish(t, 1, o)); diff != "" {
			t.Fatalf("broken off before %s (%d): %s", operation, at, diff)
		}
	}
	if operations < 40 {
		t.Errorf("only %d operations on disk", operations)
	}
}

// TestKilledTwice breaks off the run that goes on, too.
func TestKilledTwice(t *testing.T) {
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	for at := 5; at < 60; at += 9 {
		o := train.Options{Plan: plan(), Dir: t.TempDir()}
		killed(t, o, at)
		killed(t, o, at/2+2)
		if diff := cmp.Diff(want, finish(t, 1, o)); diff != "" {
			t.Fatalf("broken off before %d and %d: %s", at, at/2+2, diff)
		}
	}
}

// TestDamaged spoils the files of a run and wants it to go on from what is whole,
// and to say so.
func TestDamaged(t *testing.T) {
	const newest, before, best = "step-00000012.safetensors", "step-00000008.safetensors", "best.safetensors"
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	flip := func(b []byte) []byte { b[len(b)-5] ^= 1; return b }
	for name, c := range map[string]struct {
		spoil   map[string]func([]byte) []byte
		resumed int
		notes   int
	}{
		"nothing": {nil, 12, 0},
		"torn":    {map[string]func([]byte) []byte{newest: func(b []byte) []byte { return b[:len(b)/2] }}, 8, 1},
		"empty":   {map[string]func([]byte) []byte{newest: func([]byte) []byte { return nil }}, 8, 1},
		"flipped": {map[string]func([]byte) []byte{newest: flip}, 8, 1},
		"zeroed":  {map[string]func([]byte) []byte{newest: func(b []byte) []byte { clear(b[len(b)-64:]); return b }}, 8, 1},
		"state": {map[string]func([]byte) []byte{newest: func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "\\\"worse\\\":", "\\\"wurst\\\":", 1))
		}}, 8, 1},
		"both":         {map[string]func([]byte) []byte{newest: flip, before: flip}, 0, 3},
		"best":         {map[string]func([]byte) []byte{best: flip}, 0, 3},
		"best missing": {map[string]func([]byte) []byte{best: nil}, 0, 3},
	} {
		o := train.Options{Plan: plan(), Dir: t.TempDir()}
		killBefore(t, o, "step-00000016")
		for file, spoil := range c.spoil {
			spoilFile(t, filepath.Join(o.Dir, "checkpoints", file), spoil)
		}
		var notes []string
		o.Note = func(text string) { notes = append(notes, text) }
		m := newBigram(t, 1)
		r, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Resumed != c.resumed || len(notes) != c.notes {
			t.Errorf("%s: went on from %d with notes %q, want from %d with %d", name, r.Resumed, notes, c.resumed, c.notes)
		}
		r.Resumed = 0
		if diff := cmp.Diff(want, outcome{m.table.Value, files(t, o.Dir), *r}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func spoilFile(t *testing.T, path string, spoil func([]byte) []byte) {
	t.Helper()
	if spoil == nil {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, spoil(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

// killBefore ends a run before its first operation on a file of that name.
func killBefore(t *testing.T, o train.Options, name string) {
	t.Helper()
	m, dead := newBigram(t, 1), false
	o = train.WithSteps(o, func(_, path string) error {
		if dead = dead || strings.Contains(path, name); dead {
			return errKilled
		}
		return nil
	})
	_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), o)
	if !errors.Is(err, errKilled) {
		t.Fatalf("error %v, want that it was broken off", err)
	}
}

// leaveAt ends a run by its context in the midst of a step.
func leaveAt(t *testing.T, o train.Options, step int) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	m := newBigram(t, 1)
	m.after = func(batches int) {
		if batches == 2*step {
			stop()
		}
	}
	_, err := train.Run(ctx, m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), o)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that it was interrupted", err)
	}
}

// TestInterrupted wants a checkpoint of the last whole step, and the same end.
func TestInterrupted(t *testing.T) {
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	o := train.Options{Plan: plan(), Dir: t.TempDir()}
	leaveAt(t, o, 11)
	if _, err := os.Stat(filepath.Join(o.Dir, "checkpoints", "step-00000010.safetensors")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, finish(t, 1, o)); diff != "" {
		t.Error(diff)
	}
	again := finish(t, 1, o) // a run that is finished is not made again
	if diff := cmp.Diff(want, again); diff != "" {
		t.Error(diff)
	}
}

// TestOtherRun wants a folder to hold one run.
func TestOtherRun(t *testing.T) {
	o := train.Options{Plan: plan(), Dir: t.TempDir()}
	finish(t, 1, o)
	before := files(t, o.Dir)
	for want, change := range map[string]func(*train.Options){
		"its rate differs": func(o *train.Options) { o.Rate = 0.2 },
		"its base differs": func(o *train.Options) { o.Manifest.Base = "sha256:1" },
		"its data differs": func(o *train.Options) { o.Manifest.Data = []train.Source{{Name: "a", Digest: "b"}} },
	} {
		other := o
		change(&other)
		m := newBigram(t, 1)
		_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), nil), other)
		var e *casemate.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if diff := cmp.Diff(before, files(t, o.Dir)); diff != "" {
		t.Errorf("the refused runs changed files: %s", diff)
	}
}

// TestEarlyStop wants the run to end when validation gets no better, with the
// parameters that were best.
func TestEarlyStop(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		p := plan()
		p.Steps, p.EvaluateEvery, p.Patience, p.Schedule, p.Rate = 400, 1, 5, optimizer.Constant, 0.5
		m := newBigram(t, 1)
		task := train.Tokens(m, chain(1, 4, 6), chain(9, 4, 6))
		r, err := train.Run(context.Background(), m, task, train.Options{Plan: p, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Stopped || r.Steps != r.Best.Step+5 {
			t.Errorf("stopped %v after %d steps, best %d", r.Stopped, r.Steps, r.Best.Step)
		}
		l, err := task.Measure(context.Background(), []int{0, 1, 2, 3})
		if err != nil || math.Abs(l.Mean()-*r.Best.Validation) > 1e-12 {
			t.Errorf("validation %v, %v: want the best, %v", l.Mean(), err, *r.Best.Validation)
		}
	}
}

// TestNoRoom wants to hear before the first step that the disk is too small.
func TestNoRoom(t *testing.T) {
	m := newBigram(t, 1)
	o := train.Options{Plan: plan(), Dir: t.TempDir(), Result: 1 << 60}
	_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 4, 6), nil), o)
	var e *casemate.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "are free") || m.steps > 0 {
		t.Errorf("error %v after %d batches", err, m.steps)
	}
}

// TestFull wants the first checkpoint to be left and the error to say what helps,
// when the disk fills up.
func TestFull(t *testing.T) {
	o := train.Options{Plan: plan(), Dir: t.TempDir()}
	full := train.WithSteps(o, func(what, path string) error {
		if what == "write" && strings.Contains(path, "step-00000008") {
			return errors.New("no space left on device")
		}
		return nil
	})
	m := newBigram(t, 1)
	_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), chain(2, 5, 6)), full)
	var e *casemate.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "same command again") {
		t.Fatalf("error %v", err)
	}
	for name := range files(t, o.Dir) {
		if strings.Contains(name, "tmp") {
			t.Errorf("%s is left", name)
		}
	}
	want := finish(t, 1, train.Options{Plan: plan(), Dir: t.TempDir()})
	if diff := cmp.Diff(want, finish(t, 1, o)); diff != "" {
		t.Error(diff)
	}
}

// TestDiverged wants an error and no checkpoint of numbers that are none.
func TestDiverged(t *testing.T) {
	m := newBigram(t, 1)
	m.table.Value[3] = float32(math.NaN())
	_, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 8, 6), nil), train.Options{Plan: plan(), Dir: t.TempDir()})
	if !errors.Is(err, train.ErrDiverged) {
		t.Errorf("error %v, want ErrDiverged", err)
	}
}

// TestRefused lists plans that cannot be.
func TestRefused(t *testing.T) {
	m := newBigram(t, 1)
	for name, change := range map[string]func(*train.Plan){
		"rate":   func(p *train.Plan) { p.Rate = 0 },
		"method": func(p *train.Plan) { p.Method = "adagrad" },
		"steps":  func(p *train.Plan) { p.Steps = train.MaxSteps + 1 },
		"floor":  func(p *train.Plan) { p.Floor = -1 },
	} {
		p := plan()
		change(&p)
		if _, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 8, 6), nil), train.Options{Plan: p}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := train.Run(context.Background(), m, train.Tokens(m, nil, nil), train.Options{Plan: plan()}); err == nil {
		t.Error("no error over no examples")
	}
}

// TestSeeks wants a number of its own for each batch, the same ones however often
// a run is broken off.
func TestSeeks(t *testing.T) {
	m := newBigram(t, 1)
	p := plan()
	p.Steps = 7
	if _, err := train.Run(context.Background(), m, train.Tokens(m, chain(1, 23, 6), nil), train.Options{Plan: p}); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, s := range m.seeks {
		if seen[s] {
			t.Errorf("%d comes twice", s)
		}
		seen[s] = true
	}
}

// pairs are preferences of rising chains over falling ones.
func pairs(n int) []train.Pair {
	var all []train.Pair
	for i := range n {
		a := i % vocabulary
		answer := func(by int) gradient.Sequence {
			b, c := (a+by)%vocabulary, (a+2*by)%vocabulary
			return train.Example{Tokens: []int{a, a, b, c}, Learn: []bool{false, false, true, true}}.Sequence()
		}
		all = append(all, train.Pair{Chosen: answer(1), Rejected: answer(vocabulary - 1)})
	}
	return all
}

// TestPreferences compares gradients with central differences and wants the
// chosen answers to win.
func TestPreferences(t *testing.T) {
	ctx := context.Background()
	for _, o := range []train.PreferenceOptions{{}, {Beta: 0.7, Smoothing: 0.2}} {
		m := newBigram(t, 1)
		task, err := train.Preferences(m, pairs(5), pairs(7), o)
		if err != nil {
			t.Fatal(err)
		}
		batch := []int{0, 3, 4}
		if _, err := task.Learn(ctx, batch); err != nil {
			t.Fatal(err)
		}
		for i, have := range m.table.Grad {
			x := m.table.Value[i]
			at := func(x float32) float64 {
				m.table.Value[i] = x
				l, err := task.Measure(ctx, batch)
				if err != nil {
					t.Fatal(err)
				}
				return l.Sum
			}
			const h = 1.0 / 64
			want := (at(x+h) - at(x-h)) / (2 * h)
			m.table.Value[i] = x
			if math.Abs(float64(have)-want) > 1e-4 {
				t.Errorf("%+v: gradient %d is %v, want %v", o, i, have, want)
			}
		}
		p := plan()
		p.Steps = 60
		r, err := train.Run(ctx, m, task, train.Options{Plan: p})
		if err != nil {
			t.Fatal(err)
		}
		if last := *r.Best.Validation; last > 0.8*math.Ln2 {
			t.Errorf("%+v: loss %v, want well below that of no preference, %v", o, last, math.Ln2)
		}
	}
	for _, o := range []train.PreferenceOptions{{Beta: -1}, {Beta: math.NaN()}, {Smoothing: 0.5}, {Smoothing: -0.1}} {
		if _, err := train.Preferences(newBigram(t, 1), nil, nil, o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
}

// TestPreferenceLoss has a number worked by hand: a model that is its reference
// has the loss log 2 for each pair.
func TestPreferenceLoss(t *testing.T) {
	m := newBigram(t, 1)
	clear(m.table.Value)
	task, err := train.Preferences(m, pairs(1), pairs(3), train.PreferenceOptions{Smoothing: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := task.Measure(context.Background(), []int{0, 1, 2})
	if err != nil || l.Weight != 3 || math.Abs(l.Mean()-math.Ln2) > 1e-12 {
		t.Errorf("loss %v of %v pairs, %v, want log 2 of 3", l.Mean(), l.Weight, err)
	}
}
