package probe_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/probe"
)

// layered are rows whose classes show in the vectors of layers, the more the
// closer to the informative one.
func layered(rows, width, classes, layers, informative int, seed uint64) ([]probe.Candidate, probe.Targets, []int) {
	r := rand.New(rand.NewPCG(seed, 2))
	var t probe.Targets
	var folds []int
	for i := range rows {
		t.Class = append(t.Class, r.IntN(classes))
		folds = append(folds, i*5/rows)
	}
	var out []probe.Candidate
	for layer := 1; layer <= layers; layer++ {
		signal := 1.2 - .35*abs(layer-informative)
		m := probe.Matrix{Rows: rows, Width: width, Floats: make([]float32, rows*width)}
		centres := make([]float64, classes*width)
		for i := range centres {
			centres[i] = r.NormFloat64() * max(signal, 0) / 2
		}
		for i := range rows {
			for k := range width {
				m.Floats[i*width+k] = float32(centres[t.Class[i]*width+k] + r.NormFloat64())
			}
		}
		out = append(out, probe.Candidate{Layer: layer, Pool: "text", Read: func() (probe.Matrix, error) { return m, nil }})
	}
	return out, t, folds
}

func abs(n int) float64 { return float64(max(n, -n)) }

// TestChoose wants the planted layer found, and the first one where all say the
// same.
func TestChoose(t *testing.T) {
	for seed := range uint64(3) {
		candidates, targets, folds := layered(300, 20, 4, 7, 5, seed)
		c, err := probe.Choose(ctx, candidates, targets, probe.Options{Task: probe.Single, Labels: labels(4), Folds: folds, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.Table {
			t.Logf("layer %d: loss %.3f ± %.3f, skill %.3f, %.3f right, L2 %v", s.Layer, s.Loss, s.Error, s.Skill, s.Right, s.L2)
		}
		if got := c.Table[c.Best]; got.Layer != 5 || got.Skill < .5 || got.Right < .7 {
			t.Errorf("layer %d is chosen, want 5: %+v", got.Layer, got)
		}
		if first := c.Table[0]; first.Skill > .1 {
			t.Errorf("a layer of noise has a skill of %.3f", first.Skill)
		}
		same := []probe.Candidate{candidates[4], candidates[4]}
		if c, err = probe.Choose(ctx, same, targets, probe.Options{Task: probe.Single, Labels: labels(4), Folds: folds, Threads: 1}); err != nil || c.Best != 0 {
			t.Errorf("of two equal candidates %d is chosen: %v", c.Best, err)
		}
	}
}

// TestChooseTasks wants a skill for every task.
func TestChooseTasks(t *testing.T) {
	for _, task := range tasks {
		m, targets, names := problem(task, 2300, 3) // more than are used
		var folds []int
		for i := range m.Rows {
			folds = append(folds, i%3)
		}
		noise := probe.Matrix{Rows: m.Rows, Width: 4, Floats: make([]float32, 4*m.Rows)}
		r := rand.New(rand.NewPCG(1, 1))
		for i := range noise.Floats {
			noise.Floats[i] = float32(r.NormFloat64())
		}
		c, err := probe.Choose(ctx, []probe.Candidate{
			{Layer: 1, Read: func() (probe.Matrix, error) { return noise, nil }},
			{Layer: 2, Read: func() (probe.Matrix, error) { return m, nil }},
		}, targets, probe.Options{Task: task, Labels: names, Folds: folds, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if c.Best != 1 || c.Table[1].Skill < .3 || c.Table[0].Skill > .05 {
			t.Errorf("%s: %+v", task, c)
		}
	}
}

func TestChooseRefuses(t *testing.T) {
	candidates, targets, folds := layered(20, 4, 2, 1, 1, 1)
	o := probe.Options{Task: probe.Single, Labels: labels(2), Folds: folds}
	if _, err := probe.Choose(ctx, nil, targets, o); !errors.Is(err, probe.ErrInput) {
		t.Errorf("no candidates: %v", err)
	}
	if _, err := probe.Choose(ctx, candidates, targets, probe.Options{Task: probe.Single, Labels: labels(2)}); !errors.Is(err, probe.ErrInput) {
		t.Errorf("no folds: %v", err)
	}
	o.Folds = make([]int, 20)
	if _, err := probe.Choose(ctx, candidates, targets, o); !errors.Is(err, probe.ErrInput) {
		t.Errorf("one fold: %v", err)
	}
	broken := errors.New("broken")
	candidates[0].Read = func() (probe.Matrix, error) { return probe.Matrix{}, broken }
	if _, err := probe.Choose(ctx, candidates, targets, o); !errors.Is(err, broken) {
		t.Errorf("a fault of reading: %v", err)
	}
}

func ExampleHead_P() {
	m := probe.Matrix{Rows: 4, Width: 1, Floats: []float32{-2, -1, 1, 2}}
	h, err := probe.Train(ctx, m, probe.Targets{Class: []int{0, 0, 1, 1}}, probe.Options{Task: probe.Single, Labels: []string{"benign", "malicious"}})
	if err != nil {
		panic(err)
	}
	p := h.P(h.Logits([]float32{1.5}), 1)
	fmt.Printf("%s %.2f\n", h.Config().Labels[1], p[1])
	// Output: malicious 0.98
}
