package gradient_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// open makes a tiny model.
func open(t testing.TB, o modeltest.Options) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(modeltest.GGUF(t, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// load makes a model to be trained.
func load(t testing.TB, m *modelfile.Model, o gradient.Options) *gradient.Model {
	t.Helper()
	g, err := gradient.Load(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// sequence returns n random tokens that predict one another, some of them not,
// with weights.
func sequence(r *rand.Rand, n, vocabulary int) gradient.Sequence {
	var s gradient.Sequence
	for i := range n {
		s.Tokens = append(s.Tokens, r.IntN(vocabulary))
		s.Targets = append(s.Targets, r.IntN(vocabulary))
		s.Weights = append(s.Weights, 0.5+r.Float32())
		if i%5 == 3 {
			s.Targets[i] = -1
		}
	}
	return s
}

func step(t testing.TB, m *gradient.Model, batch []gradient.Sequence) gradient.Loss {
	t.Helper()
	for _, p := range m.Parameters() {
		clear(p.Grad)
	}
	loss, err := m.Step(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

func lossOf(t testing.TB, m *gradient.Model, batch []gradient.Sequence) gradient.Loss {
	t.Helper()
	loss, err := m.Loss(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// disturb makes all parameters but small ones random, so that no gradient is zero.
func disturb(m *gradient.Model, deviation float64) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, p := range m.Parameters() {
		for i := range p.Value {
			p.Value[i] += float32(deviation * r.NormFloat64())
		}
	}
}

// small is a model whose loss is quick to compute.
func small(architecture string) modeltest.Options {
	return modeltest.Options{Architecture: architecture, Layers: 2, Width: 32, Heads: 4, KVHeads: 2, HeadSize: 8, FeedForward: 48, Seed: 3}
}

// directions is how many directions checkGradients moves each parameter in.
const directions = 2

// checkGradients compares each parameter's gradient with the central difference
// of the loss in directions of length 1, of which all but the first follow the
// gradient. Differences are of the fourth order, with steps of 0.02 and 0.04, so
// that curvature leaves less than a thousandth; the loss, some 200 of float64, is
// made of activations of float32, whose rounding, some 1e-5 of it over a step of
// 0.02, leaves as much where the gradient is of length 1 or more.
func checkGradients(t *testing.T, m *gradient.Model, batch []gradient.Sequence) {
	t.Helper()
	checkBy(t, m, batch, func() float64 { return lossOf(t, m, batch).Sum })
}

// checkBy is checkGradients of a loss that is computed otherwise.
func checkBy(t *testing.T, m *gradient.Model, batch []gradient.Sequence, loss func() float64) {
	t.Helper()
	step(t, m, batch)
	grads := gradients(m)
	r := rand.New(rand.NewPCG(7, 8))
	for _, p := range m.Parameters() {
		grad := grads[p.Name]
		size := length(grad)
		if size == 0 || math.IsNaN(size) {
			t.Errorf("%s: the gradient's length is %v", p.Name, size)
			continue
		}
		for d := range directions {
			dir := make([]float32, len(grad))
			for i, g := range grad {
				dir[i] = float32(r.NormFloat64() / math.Sqrt(float64(len(grad))))
				if d > 0 {
					dir[i] += g / float32(size)
				}
			}
			got, want := change(p.Value, dir, loss), 0.0
			for i, v := range dir {
				want += float64(grad[i]) * float64(v)
			}
			want /= length(dir)
			if diff := math.Abs(got - want); !(diff <= 0.004*size) {
				t.Errorf("%s, direction %d: the loss changes by %.6g, the gradient says %.6g of %.6g", p.Name, d, got, want, size)
			}
		}
	}
}

func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// change returns by how much the loss changes along a direction, taken with
// length 1.
func change(value, dir []float32, loss func() float64) float64 {
	const h = 0.02
	before, size := slices.Clone(value), length(dir)
	at := func(steps float64) float64 {
		for i := range value {
			value[i] = float32(float64(before[i]) + steps*h*float64(dir[i])/size)
		}
		return loss()
	}
	d := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
	copy(value, before)
	return d
}

func batchOf(vocabulary int) []gradient.Sequence {
	r := rand.New(rand.NewPCG(1, 2))
	a, b, c := sequence(r, 17, vocabulary), sequence(r, 30, vocabulary), sequence(r, 9, vocabulary)
	b.Starts = []int{0, 11, 12}
	c.Weights = nil
	return []gradient.Sequence{a, b, c}
}

func TestFullGradients(t *testing.T) {
	if testing.Short() {
		t.Skip("many passes")
	}
	for name, o := range map[string]modeltest.Options{
		"llama":   small("llama"),
		"mistral": {Architecture: "llama", Layers: 2, Width: 32, Heads: 4, KVHeads: 1, HeadSize: 8, FeedForward: 48, SlidingWindow: 5, RopeFreqs: true},
		"qwen2":   small("qwen2"),
		"qwen3":   small("qwen3"),
		"tied":    {Layers: 1, Width: 32, Heads: 2, KVHeads: 2, HeadSize: 16, FeedForward: 48, Tied: true, Scaling: "yarn"},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, o)
			m := load(t, f, gradient.Options{Full: true})
			checkGradients(t, m, batchOf(f.Config.Vocabulary))
		})
	}
}

func TestLoRAGradients(t *testing.T) {
	if testing.Short() {
		t.Skip("many passes")
	}
	all := []string{"q", "k", "v", "o", "gate", "up", "down"}
	for name, l := range map[string]gradient.LoRA{
		"default": {},
		"all":     {Rank: 3, Alpha: 5, Targets: all},
		"rslora":  {Rank: 4, Stabilised: true, Targets: []string{"o", "down"}},
		"dora":    {Rank: 3, Decomposed: true, Targets: all},
		"gate":    {Rank: 2, Targets: []string{"gate"}},
		"down":    {Rank: 2, Targets: []string{"down"}},
	} {
		for _, architecture := range []string{"llama", "qwen2", "qwen3"} {
			t.Run(fmt.Sprint(name, " ", architecture), func(t *testing.T) {
				f := open(t, small(architecture))
				m := load(t, f, gradient.Options{LoRA: &l})
				disturb(m, 0.1)
				batch := batchOf(f.Config.Vocabulary)
				if l.Decomposed {
					lossOf(t, m, batch)
					m.FreezeLengths()
				}
				checkGradients(t, m, batch)
			})
		}
	}
}

// TestLongGradients has documents of several blocks of attention, with and without
// a window that ends within a block.
func TestLongGradients(t *testing.T) {
	if testing.Short() {
		t.Skip("many passes")
	}
	for _, window := range []int{0, 150} {
		f := open(t, modeltest.Options{Layers: 1, Width: 16, Heads: 4, KVHeads: 2, HeadSize: 4, FeedForward: 16, SlidingWindow: window})
		m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{Rank: 2, Targets: []string{"q", "k", "v"}}})
		disturb(m, 0.2)
		s := sequence(rand.New(rand.NewPCG(1, 2)), 530, f.Config.Vocabulary)
		s.Starts = []int{0, 130}
		checkGradients(t, m, []gradient.Sequence{s})
	}
}

// TestForward compares log-probabilities with those of package llama, which rounds
// nothing if it is Exact.
func TestForward(t *testing.T) {
	for name, o := range map[string]modeltest.Options{
		"llama":  small("llama"),
		"window": {SlidingWindow: 7, RopeFreqs: true},
		"qwen2":  small("qwen2"),
		"qwen3":  small("qwen3"),
		"f16":    {Type: quant.F16, Tied: true},
		"bf16":   {Type: quant.BF16, Scaling: "yarn"},
		"q4_k":   {Type: quant.Q4_K},
		"q8_0":   {Type: quant.Q8_0, Architecture: "qwen2"},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, o)
			m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}})
			l, err := llama.Load(f, llama.Options{Exact: true})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			r := rand.New(rand.NewPCG(1, 2))
			s := sequence(r, 300, f.Config.Vocabulary)
			got := lossOf(t, m, []gradient.Sequence{s})
			compareLogprobs(t, l, s, got.Logprobs[0])
		})
	}
}
