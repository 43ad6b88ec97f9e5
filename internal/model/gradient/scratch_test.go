package gradient_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// tiny is the shape of a new model.
func tiny(architecture string) modelfile.Config {
	return modelfile.Config{
		Architecture: architecture, Layers: 2, Width: 32, Heads: 4, KVHeads: 2, HeadSize: 8, FeedForward: 48,
		Vocabulary: 300, Context: 128, NormEpsilon: 1e-5, RoPE: modelfile.RoPE{Base: 10000, Interleaved: architecture == "llama"},
	}
}

func create(t testing.TB, c modelfile.Config, seed uint64, o gradient.Options) *gradient.Model {
	t.Helper()
	o.Full = true
	m, err := gradient.New(c, seed, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestNew sees that a new model is what its comment says: it knows nothing, has
// the gradients of its loss, and comes back from its tensors.
func TestNew(t *testing.T) {
	for _, architecture := range []string{"llama", "mistral", "qwen2", "qwen3"} {
		t.Run(architecture, func(t *testing.T) {
			c := tiny(architecture)
			m := create(t, c, 7, gradient.Options{})
			batch := batchOf(c.Vocabulary)
			for i := range batch {
				batch[i].Weights = nil
			}
			loss := lossOf(t, m, batch)
			if mean := loss.Sum / loss.Weight; math.Abs(mean-math.Log(300)) > 0.1 {
				t.Errorf("the mean loss is %v, want the logarithm of the vocabulary, %v", mean, math.Log(300))
			}
			file := &modelfile.Model{Config: c, Tensors: m.Tensors()}
			if err := file.Check(); err != nil {
				t.Fatal(err)
			}
			again := load(t, file, gradient.Options{Full: true})
			if diff := cmp.Diff(loss, lossOf(t, again, batch)); diff != "" {
				t.Errorf("from its tensors the model has another loss: %s", diff)
			}
			disturb(m, 0.1)
			checkGradients(t, m, batch)
		})
	}
}

// TestNewNumbers looks at the first numbers: their spread, and that the seed and
// nothing else says them.
func TestNewNumbers(t *testing.T) {
	c := tiny("llama")
	a, b, other := create(t, c, 7, gradient.Options{Threads: 1}), create(t, c, 7, gradient.Options{Separate: true}), create(t, c, 8, gradient.Options{})
	if n := len(b.Parameters()) - len(a.Parameters()); n != 1 {
		t.Errorf("a separate output makes %d more parameters, want 1", n)
	}
	differ := false
	for i, p := range a.Parameters() {
		n, sum, squares := float64(len(p.Value)), 0.0, 0.0
		for j, v := range p.Value {
			sum, squares = sum+float64(v), squares+float64(v)*float64(v)
			differ = differ || v != other.Parameters()[i].Value[j]
		}
		want := 0.02
		switch {
		case strings.Contains(p.Name, "norm"):
			if sum != n || !p.NoDecay {
				t.Errorf("%s does not begin as ones without decay", p.Name)
			}
			continue
		case strings.Contains(p.Name, "attn_output"), strings.Contains(p.Name, "ffn_down"):
			want /= 2 // √(2L)
		}
		if deviation := math.Sqrt(squares / n); math.Abs(deviation/want-1) > 4/math.Sqrt(2*n) || math.Abs(sum/n) > 4*want/math.Sqrt(n) || p.NoDecay {
			t.Errorf("%s: mean %v, deviation %v, want %v", p.Name, sum/n, deviation, want)
		}
	}
	if !differ {
		t.Error("two seeds give the same numbers")
	}
	same(t, "the same seed", values(create(t, c, 7, gradient.Options{})), values(a))
}

func values(m *gradient.Model) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range m.Parameters() {
		all[p.Name] = p.Value
	}
	return all
}

// TestNewLearns lets a model see one sentence again and again until it knows it.
func TestNewLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("many passes")
	}
	m := create(t, tiny("qwen3"), 1, gradient.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	s := sequence(r, 20, 300)
	s.Weights = nil
	for range 120 {
		step(t, m, []gradient.Sequence{s})
		for _, p := range m.Parameters() {
			for i, g := range p.Grad {
				p.Value[i] -= 0.02 * g
			}
		}
	}
	if loss := lossOf(t, m, []gradient.Sequence{s}); !(loss.Sum/loss.Weight < 0.1) {
		t.Errorf("after 120 steps the mean loss is %v", loss.Sum/loss.Weight)
	}
}
