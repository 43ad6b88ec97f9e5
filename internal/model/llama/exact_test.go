package llama_test

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// load loads a model that the test has made, and closes it at the end.
func load(t interface {
	Helper()
	Fatal(...any)
	Cleanup(func())
}, m *modelfile.Model, o llama.Options) *llama.Model {
	t.Helper()
	l, err := llama.Load(m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestReference compares random models of every architecture with the float64
// forward pass, with adapters, too: logits and hidden states of every layer.
func TestReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, quant.F32)
		c.Width = max(c.Width, 16)
		m := randomModel(c, rapid.SampledFrom([]quant.Type{quant.F32, quant.F16, quant.BF16}).Draw(t, "type"), rapid.Uint64().Draw(t, "seed"))
		var a *adapter.Adapter
		if rapid.Bool().Draw(t, "adapted") {
			a = randomAdapter(m, 3)
		}
		compareReference(t, m, a)
	})
}

// closeTo is what rounding may do to these models: narrow ones may cancel what
// they add, and then norms enlarge what rounding left. A mistake is 1e-2.
const closeTo = 2e-5

// away returns the distance of got from want, relative to want but to no less
// than numbers of size one.
func away(got []float32, want []float64) float64 {
	norm := 0.0
	for _, w := range want {
		norm += w * w
	}
	d := distance(got, want) * math.Sqrt(norm)
	return d / math.Sqrt(max(norm, float64(len(want))))
}

func compareReference(t *rapid.T, m *modelfile.Model, a *adapter.Adapter) {
	l := load(t, m, llama.Options{Threads: 1, Adapter: a})
	ids := randomTokens(m.Config, rapid.IntRange(1, 50).Draw(t, "tokens"), 7)
	r, err := l.Forward(context.Background(), []llama.Sequence{everything(nil, ids, m.Config.Layers)})
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(m, deltas(t, m, a))
	for i, id := range ids {
		x := ref.embed(id)
		for n := range m.Config.Layers {
			x = ref.block(n, x)
			if d := away(r[0].Hidden[n+2][i], x); !(d <= closeTo) {
				t.Errorf("position %d: layer %d is %.3g away", i, n+1, d)
			}
		}
		hidden := ref.norm("output_norm.weight", x)
		if d := away(r[0].Hidden[0][i], hidden); !(d <= closeTo) {
			t.Errorf("position %d: output norm is %.3g away", i, d)
		}
		if d := away(r[0].Logits[i], ref.apply("output", hidden)); !(d <= closeTo) {
			t.Errorf("position %d: logits are %.3g away", i, d)
		}
	}
}
