package gradient_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestDeltas uses a trained adapter in package llama, where it gives the
// log-probabilities that training saw.
func TestDeltas(t *testing.T) {
	for name, l := range map[string]gradient.LoRA{
		"plain":  {Targets: everything},
		"rslora": {Rank: 4, Alpha: 3, Stabilised: true},
		"dora":   {Rank: 3, Targets: everything, Decomposed: true},
	} {
		for _, o := range []modeltest.Options{{}, {Architecture: "qwen2"}, {Architecture: "qwen3", Type: quant.Q8_0}} {
			t.Run(name+" "+o.Architecture, func(t *testing.T) {
				f := open(t, o)
				m := load(t, f, gradient.Options{LoRA: &l})
				disturb(m, 0.05)
				a := adapter.New(f, m.Deltas())
				run, err := llama.Load(f, llama.Options{Exact: true, Adapter: a})
				if err != nil {
					t.Fatal(err)
				}
				defer run.Close()
				s := sequence(rand.New(rand.NewPCG(1, 2)), 40, f.Config.Vocabulary)
				compareLogprobs(t, run, s, lossOf(t, m, []gradient.Sequence{s}).Logprobs[0])
			})
		}
	}
}

// compareLogprobs holds log-probabilities against those of package llama. Both
// are float32 sums in other orders.
func compareLogprobs(t *testing.T, m *llama.Model, s gradient.Sequence, got []float32) {
	t.Helper()
	choices := make([][]int, len(s.Tokens))
	for i, target := range s.Targets {
		if target >= 0 {
			choices[i] = []int{target}
		}
	}
	want, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: s.Tokens, Choices: choices}})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range choices {
		if len(c) == 0 {
			if got[i] != 0 {
				t.Errorf("token %d has no target and log-probability %v", i, got[i])
			}
			continue
		}
		if d := math.Abs(float64(got[i]) - want[0].Choices[i][0]); !(d < 2e-5) {
			t.Fatalf("token %d: log-probability %v, want %v", i, got[i], want[0].Choices[i][0])
		}
	}
}
