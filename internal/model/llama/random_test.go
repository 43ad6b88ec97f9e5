package llama_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// drawConfig draws a small shape of any architecture, whose matrices can be of a
// format: a block of 256 fills a row at least, one of 32 makes rows its multiple.
func drawConfig(t *rapid.T, kind quant.Type) modelfile.Config {
	unit, _ := kind.Block()
	kv := rapid.IntRange(1, 3).Draw(t, "kv")
	c := modelfile.Config{
		Architecture: rapid.SampledFrom([]string{"llama", "mistral", "qwen2", "qwen3"}).Draw(t, "architecture"),
		Layers:       rapid.IntRange(1, 3).Draw(t, "layers"),
		Width:        unit * rapid.IntRange(1, max(1, 96/unit)).Draw(t, "width"),
		KVHeads:      kv,
		Heads:        kv * rapid.IntRange(1, 3).Draw(t, "group"),
		HeadSize:     rapid.SampledFrom([]int{2, 4, 5, 7, 8, 16, 30, 32, 33, 64}).Draw(t, "head"),
		FeedForward:  unit * rapid.IntRange(1, max(1, 128/unit)).Draw(t, "feed"),
		Vocabulary:   rapid.IntRange(2, 70).Draw(t, "vocabulary"),
		Context:      1 << rapid.IntRange(8, 12).Draw(t, "context"),
		NormEpsilon:  1e-5,
	}
	switch unit {
	case 32:
		c.HeadSize = 32 * rapid.IntRange(1, 2).Draw(t, "blocks of a head")
	case 256:
		c.Layers = min(c.Layers, 2)
		heads := rapid.SampledFrom([][3]int{{32, 8, 2}, {64, 4, 4}, {64, 4, 1}, {128, 2, 1}, {256, 1, 1}}).Draw(t, "heads")
		c.HeadSize, c.Heads, c.KVHeads = heads[0], heads[1], heads[2]
	}
	if rapid.Bool().Draw(t, "window") {
		c.SlidingWindow = rapid.IntRange(1, 40).Draw(t, "positions")
	}
	c.RoPE = drawRoPE(t, c)
	return c
}

// some is rapid.Check with a share of its usual number of tries, one in so many,
// for what takes long.
func some(t *testing.T, of int, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	n, err := strconv.Atoi(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := checks.Value.Set(strconv.Itoa(max(1, n/of))); err != nil {
		t.Fatal(err)
	}
	defer checks.Value.Set(before)
	rapid.Check(t, property)
}

func drawRoPE(t *rapid.T, c modelfile.Config) modelfile.RoPE {
	r := modelfile.RoPE{
		Base:        rapid.SampledFrom([]float64{100, 10000, 500000, 1e6}).Draw(t, "base"),
		Interleaved: c.Architecture == "llama" || c.Architecture == "mistral",
	}
	if c.HeadSize%2 != 0 || rapid.Bool().Draw(t, "partial") {
		r.Dims = 2 * rapid.IntRange(1, c.HeadSize/2).Draw(t, "dims")
	}
	r.Scaling = rapid.SampledFrom([]modelfile.Scaling{"", "linear", "llama3", "yarn"}).Draw(t, "scaling")
	if r.Scaling != "" {
		r.Factor, r.OriginalContext = rapid.Float64Range(1.5, 8).Draw(t, "factor"), 128
	}
	switch r.Scaling {
	case modelfile.ScalingLlama3:
		r.LowFreq, r.HighFreq = 1, 4
	case modelfile.ScalingYaRN:
		r.BetaFast, r.BetaSlow = 32, 1
		r.Attention = rapid.SampledFrom([]float64{0, 1, 1.3}).Draw(t, "attention")
	}
	return r
}

// randomModel makes a model of a shape with random weights: matrices of a format
// that can be written, vectors of F32. Extras that an architecture may have are
// drawn from the seed as well.
func randomModel(c modelfile.Config, kind quant.Type, seed uint64) *modelfile.Model {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &modelfile.Model{Path: "random", Config: c}
	tensor := func(name string, t quant.Type, mean, deviation float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(mean + deviation*r.NormFloat64())
		}
		data := make([]byte, t.Size(n))
		quant.Quantize(data, t, x)
		m.Tensors = append(m.Tensors, &modelfile.Tensor{Name: name, Type: t, Shape: shape, Data: data})
	}
	matrix := func(name string, rows, cols int) {
		tensor(name+".weight", kind, 0, 1.5/math.Sqrt(float64(cols)), rows, cols)
	}
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	tensor("token_embd.weight", kind, 0, 1, c.Vocabulary, c.Width)
	tensor("output_norm.weight", quant.F32, 1, 0.2, c.Width)
	if r.IntN(2) == 0 {
		matrix("output", c.Vocabulary, c.Width)
	}
	if c.RoPE.Scaling != modelfile.ScalingYaRN && r.IntN(3) == 0 {
		dims := c.RoPE.Dims
		if dims == 0 {
			dims = c.HeadSize
		}
		tensor("rope_freqs.weight", quant.F32, 3, 0.5, dims/2)
	}
	for l := range c.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s", l, s) }
		tensor(name("attn_norm.weight"), quant.F32, 1, 0.2, c.Width)
		tensor(name("ffn_norm.weight"), quant.F32, 1, 0.2, c.Width)
		matrix(name("attn_q"), q, c.Width)
		matrix(name("attn_k"), kv, c.Width)
		matrix(name("attn_v"), kv, c.Width)
		matrix(name("attn_output"), c.Width, q)
		matrix(name("ffn_gate"), c.FeedForward, c.Width)
		matrix(name("ffn_up"), c.FeedForward, c.Width)
		matrix(name("ffn_down"), c.Width, c.FeedForward)
		if c.Architecture == "qwen2" {
			tensor(name("attn_q.bias"), quant.F32, 0, 0.5, q)
			tensor(name("attn_k.bias"), quant.F32, 0, 0.5, kv)
			tensor(name("attn_v.bias"), quant.F32, 0, 0.5, kv)
		}
		if c.Architecture == "qwen3" {
			tensor(name("attn_q_norm.weight"), quant.F32, 1, 0.3, c.HeadSize)
			tensor(name("attn_k_norm.weight"), quant.F32, 1, 0.3, c.HeadSize)
		}
		if c.Architecture == "llama" && r.IntN(3) == 0 {
			tensor(name("attn_output.bias"), quant.F32, 0, 0.5, c.Width)
			tensor(name("ffn_down.bias"), quant.F32, 0, 0.5, c.Width)
		}
	}
	return m
}

// randomAdapter makes a change to some of a model's matrices: not to queries and
// keys with heads of odd size, whose rows no file orders by halves.
func randomAdapter(m *modelfile.Model, seed uint64) *adapter.Adapter {
	r := rand.New(rand.NewPCG(seed, 2))
	a := &adapter.Adapter{Path: "random adapter"}
	for _, t := range m.Tensors {
		odd := m.Config.HeadSize%2 != 0 && (strings.Contains(t.Name, "attn_q") || strings.Contains(t.Name, "attn_k"))
		if len(t.Shape) != 2 || t.Name == "token_embd.weight" || odd || r.IntN(2) == 0 {
			continue
		}
		d := &adapter.Delta{Name: t.Name, Rank: 1 + r.IntN(min(4, t.Shape[0], t.Shape[1])), Out: t.Shape[0], In: t.Shape[1], Scale: float32(r.Float64())}
		for range d.Rank * d.In {
			d.A = append(d.A, float32(r.NormFloat64()/math.Sqrt(float64(d.In))))
		}
		for range d.Out * d.Rank {
			d.B = append(d.B, float32(r.NormFloat64()))
		}
		if d.In >= 16 && r.IntN(2) == 0 { // short rows may have almost no length, and any error grows with what they are stretched by
			for range d.Out {
				d.Magnitude = append(d.Magnitude, float32(1.5+0.3*r.NormFloat64()))
			}
		}
		a.Deltas = append(a.Deltas, d)
	}
	return a
}

// randomTokens returns n tokens of a model.
func randomTokens(c modelfile.Config, n int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 3))
	ids := make([]int, n)
	for i := range ids {
		ids[i] = r.IntN(c.Vocabulary)
	}
	return ids
}
