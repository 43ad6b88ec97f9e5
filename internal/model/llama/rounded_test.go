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

// rounder rounds activations to 8-bit integers by groups, as products with
// weights of some formats do. What lies in the middle between two integers may go
// either way by the last bit of a float32, and is then a whole step off; rounder
// says where that may be.
type rounder struct {
	border float64      // this near to the middle, in steps, is in doubt
	doubt  bool         // something was, since this was cleared
	stored map[int]bool // layers whose keys or values are in doubt from now on
}

// border is how far, in steps, a float32 may be from the float64 that it stands
// for: activations are up to 127 steps, and 1e-6 off at most. What attention gives
// is further off: a weight is the exponential of a score, whose own share of 1e-6
// becomes the weight's as many times as the score is large. So is a gate times
// what it lets through, two numbers that are both off.
const border = 2e-4

// near calls f, which rounds numbers that may be so many borders off.
func (r *rounder) near(borders float64, f func() []float64) []float64 {
	before := r.border
	r.border *= borders
	defer func() { r.border = before }()
	return f()
}

// group returns how many neighbouring activations share a scale where they meet
// weights of a format, or 0 if they stay float32.
func group(t quant.Type) int {
	switch t {
	case quant.Q8_0, quant.Q4_0, quant.Q5_0, quant.IQ4_NL:
		return 8
	case quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K:
		return 32
	}
	return 0
}

// round returns the numbers that the integers for x stand for: each is the
// nearest to 127 times its share in the largest of its group.
func (r *rounder) round(x []float64, t quant.Type) []float64 {
	n := group(t)
	if n == 0 {
		return x
	}
	out := make([]float64, len(x))
	for first := 0; first < len(x); first += n {
		var top float32
		for _, v := range x[first : first+n] {
			top = max(top, float32(math.Abs(v)))
		}
		if top == 0 {
			continue
		}
		step, perStep := float64(top/127), 127/top
		for i, v := range x[first : first+n] {
			steps := float64(float32(v) * perStep)
			nearest := math.RoundToEven(steps)
			if math.Abs(math.Abs(steps-nearest)-0.5) < r.border {
				r.doubt = true
			}
			out[first+i] = nearest * step
		}
	}
	return out
}

// remember notes that keys and values of a layer were stored: doubts about them
// are doubts about all that comes after.
func (r *rounder) remember(layer int) {
	if r.doubt && r.stored == nil {
		r.stored = map[int]bool{}
	}
	if r.doubt {
		r.stored[layer] = true
	}
	r.doubt = r.stored[layer]
}

// compared counts comparisons, so that a test can tell if doubt left too few.
type compared struct{ made, left int }

// enough fails a test that compared too little.
func (c compared) enough(t *testing.T) {
	t.Helper()
	t.Logf("%d comparisons, %d more left out for doubt", c.made, c.left)
	if c.made == 0 || c.left > 2*c.made {
		t.Errorf("of %d comparisons doubt left %d", c.made+c.left, c.made)
	}
}

// TestReferenceRounded is TestReference for the formats whose products round
// activations: each layer is given what the runtime gave the layer before, so
// that roundings are the same but at borders, and then a wrong group, scale or
// offset is far beyond what float32 does.
func TestReferenceRounded(t *testing.T) {
	var count compared
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]quant.Type{quant.Q8_0, quant.Q4_0, quant.Q5_0}).Draw(t, "type")
		m := randomModel(drawConfig(t, kind), kind, rapid.Uint64().Draw(t, "seed"))
		var a *adapter.Adapter
		if rapid.Bool().Draw(t, "adapted") {
			a = randomAdapter(m, 3)
		}
		compareRounded(t, &count, m, a, rapid.IntRange(1, 40).Draw(t, "tokens"))
	})
	count.enough(t)
}

// TestReferenceK is TestReferenceRounded for formats of 256 numbers a block.
func TestReferenceK(t *testing.T) {
	var count compared
	some(t, 10, func(t *rapid.T) {
		kind := rapid.SampledFrom([]quant.Type{quant.Q4_K, quant.Q5_K, quant.Q6_K}).Draw(t, "type")
		m := randomModel(drawConfig(t, kind), kind, rapid.Uint64().Draw(t, "seed"))
		compareRounded(t, &count, m, nil, rapid.IntRange(1, 20).Draw(t, "tokens"))
	})
	count.enough(t)
}

// failer is what rapid.T and testing.T share.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
	Cleanup(func())
}

// compareRounded compares every layer, and what comes after, at every position.
func compareRounded(t failer, count *compared, m *modelfile.Model, a *adapter.Adapter, tokens int) {
	t.Helper()
	l := load(t, m, llama.Options{Threads: 1, Adapter: a})
	ids := randomTokens(m.Config, tokens, 7)
	r, err := l.Forward(context.Background(), []llama.Sequence{everything(nil, ids, m.Config.Layers)})
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(m, deltas(t, m, a))
	normed, layers := r[0].Hidden[0], r[0].Hidden[1:]
	check := func(what string, i int, got []float32, want []float64) {
		t.Helper()
		if ref.doubt {
			count.left++
			return
		}
		count.made++
		if d := away(got, want); !(d <= closeTo) {
			t.Errorf("position %d: %s is %.3g away", i, what, d)
		}
	}
	for i, id := range ids {
		ref.doubt = false
		check("embedding", i, layers[0][i], ref.embed(id))
		ref.border = border
		for n := range m.Config.Layers {
			want := ref.block(n, float64s(layers[n][i]))
			check("layer", i, layers[n+1][i], want)
		}
		ref.border, ref.doubt = 0, false // what is rounded now is known to the bit
		check("output norm", i, normed[i], ref.norm("output_norm.weight", float64s(layers[m.Config.Layers][i])))
		check("logits", i, r[0].Logits[i], ref.apply("output", float64s(normed[i])))
	}
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// deltas returns an adapter's changes to a model's matrices.
func deltas(t failer, m *modelfile.Model, a *adapter.Adapter) []*adapter.Delta {
	t.Helper()
	if a == nil {
		return nil
	}
	d, err := a.For(m)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
