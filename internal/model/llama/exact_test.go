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
		c := drawConfig(t, false)
		c.Width = max(c.Width, 16)
		m := randomModel(c, rapid.SampledFrom([]quant.Type{quant.F32, quant.F16, quant.BF16}).Draw(t, "type"), rapid.Uint64().Draw(t, "seed"))
		var a *adapter.Adapter
		if rapid.Bool().Draw(t, "adapted") {
			a = randomAdapter(m, 3)
		}
		compareReference(t, m, a)
	})
}

// TestReferenceBlocks is TestReference for formats of blocks.
func TestReferenceBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, true)
		kind := rapid.SampledFrom([]quant.Type{quant.Q8_0, quant.Q4_0}).Draw(t, "type")
		compareReference(t, randomModel(c, kind, rapid.Uint64().Draw(t, "seed")), nil)
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
	var deltas []*adapter.Delta
	if a != nil {
		var err error
		if deltas, err = a.For(m); err != nil {
			t.Fatal(err)
		}
	}
	ids := randomTokens(m.Config, rapid.IntRange(1, 50).Draw(t, "tokens"), 7)
	s := llama.Sequence{Tokens: ids, AllLogits: true, Hidden: []llama.HiddenRequest{{Layer: llama.OutputNorm}}}
	for i := range m.Config.Layers + 1 {
		s.Hidden = append(s.Hidden, llama.HiddenRequest{Layer: i})
	}
	r, err := l.Forward(context.Background(), []llama.Sequence{s})
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(m, deltas)
	for i, id := range ids {
		logits, hidden := ref.step(id)
		if d := away(r[0].Logits[i], logits); !(d <= closeTo) {
			t.Errorf("position %d: logits are %.3g away", i, d)
		}
		if d := away(r[0].Hidden[0][i], hidden); !(d <= closeTo) {
			t.Errorf("position %d: output norm is %.3g away", i, d)
		}
		for layer := range ref.layers {
			if d := away(r[0].Hidden[layer+1][i], ref.layers[layer][i]); !(d <= closeTo) {
				t.Errorf("position %d: layer %d is %.3g away", i, layer, d)
			}
		}
	}
}
