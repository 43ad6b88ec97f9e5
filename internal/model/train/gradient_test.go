package train_test

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// small is a language model of two layers that begins at random.
func small(t *testing.T, threads int) *gradient.Model {
	t.Helper()
	m, err := gradient.New(modelfile.Config{
		Architecture: "llama", Layers: 2, Width: 32, Heads: 4, KVHeads: 2, HeadSize: 8, FeedForward: 48, Vocabulary: 20, Context: 64,
		NormEpsilon: 1e-5, RoPE: modelfile.RoPE{Base: 10000, Interleaved: true},
	}, 1, gradient.Options{Threads: threads, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// sentences are texts of which every token follows from the first.
func sentences() []train.Example {
	var all []train.Example
	for i := range 6 {
		e := train.Example{Tokens: []int{i}}
		for j := range 5 + i {
			e.Tokens = append(e.Tokens, 6+(3*i+5*j)%14)
		}
		all = append(all, e)
	}
	return all
}

// overfit trains a small model until it knows the sentences by heart.
func overfit(t *testing.T, threads int, dir string, o train.PackOptions) (*gradient.Model, *train.Result, []gradient.Sequence) {
	t.Helper()
	p, err := train.Pack(sentences(), o)
	if err != nil {
		t.Fatal(err)
	}
	m := small(t, threads)
	r, err := train.Run(context.Background(), m, train.Tokens(m, p.Rows, nil), train.Options{
		Plan: train.Plan{Steps: 80, Batch: 2, Rate: 0.02, Warmup: 5, Clip: 1, SaveEvery: 50, Floor: 0.1}, Dir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, r, p.Rows
}

// TestOverfit wants a tiny model to learn its texts by heart, with the same bytes
// from any number of threads.
func TestOverfit(t *testing.T) {
	dir := t.TempDir()
	m, r, rows := overfit(t, 1, dir, train.PackOptions{Length: 24})
	l, err := m.Loss(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	if mean := l.Sum / l.Weight; mean > 0.05 || r.Curve[0].Loss < 2.5 {
		t.Errorf("loss from %v to %v, want from about log 20 to about 0", r.Curve[0].Loss, mean)
	}
	want := files(t, dir)
	for _, threads := range []int{2, 4} {
		dir := t.TempDir()
		overfit(t, threads, dir, train.PackOptions{Length: 24})
		if diff := cmp.Diff(want, files(t, dir)); diff != "" {
			t.Errorf("%d threads give other files", threads)
		}
	}
}

// TestPackedAlike wants texts in one row to have the losses that they have apart:
// attention does not leave a document.
func TestPackedAlike(t *testing.T) {
	m := small(t, 2)
	apart, err := train.Pack(sentences(), train.PackOptions{Length: 24, Apart: true})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := train.Pack(sentences(), train.PackOptions{Length: 24})
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Loss(context.Background(), apart.Rows)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Loss(context.Background(), packed.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(packed.Rows) == len(apart.Rows) || a.Targets != b.Targets || math.Abs(a.Sum-b.Sum) > 1e-5*a.Sum {
		t.Errorf("%d rows, sum %v over %d targets; packed %d rows, %v over %d", len(apart.Rows), a.Sum, a.Targets, len(packed.Rows), b.Sum, b.Targets)
	}
}

// TestAccumulate wants two batches of two to be a step as one of four is, but for
// rounding.
func TestAccumulate(t *testing.T) {
	var curves [][]train.Point
	for _, c := range []train.Plan{{Batch: 4}, {Batch: 2, Accumulate: 2}, {Batch: 1, Accumulate: 4}} {
		m := small(t, 1)
		p, err := train.Pack(sentences()[:4], train.PackOptions{Length: 24, Apart: true})
		if err != nil {
			t.Fatal(err)
		}
		c.Steps, c.Rate, c.Method, c.Schedule = 5, 0.05, train.SGD, optimizer.Constant
		r, err := train.Run(context.Background(), m, train.Tokens(m, p.Rows, nil), train.Options{Plan: c})
		if err != nil {
			t.Fatal(err)
		}
		curves = append(curves, r.Curve)
	}
	for i := range curves[0] {
		for _, other := range curves[1:] {
			if math.Abs(curves[0][i].Loss-other[i].Loss) > 1e-4 || math.Abs(curves[0][i].Norm-other[i].Norm) > 1e-3 {
				t.Errorf("step %d: loss %v and norm %v, accumulated %v and %v", i+1, curves[0][i].Loss, curves[0][i].Norm, other[i].Loss, other[i].Norm)
			}
		}
	}
}
