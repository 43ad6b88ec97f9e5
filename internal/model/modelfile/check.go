package modelfile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// The names of tensors outside the layers.
const (
	nameEmbedding  = "token_embd.weight"
	nameOutputNorm = "output_norm.weight"
	nameOutput     = "output.weight"
	nameRopeFreqs  = "rope_freqs.weight"
)

// wanted is a tensor that a model has, or may have.
type wanted struct {
	name     string
	shape    []int
	optional bool
}

// Check makes sure that the model has every tensor that its configuration needs,
// in the right shape, and no other: one that is not computed with would be
// missed in the results. A model without output matrix uses the embedding.
func (m *Model) Check() error {
	known := make(map[string]bool, len(m.Tensors))
	for _, w := range m.Config.tensors() {
		known[w.name] = true
		t := m.Tensor(w.name)
		switch {
		case t == nil && w.optional:
		case t == nil:
			return fmt.Errorf("tensor %q is missing; its shape would be %d", w.name, w.shape)
		case !slices.Equal(t.Shape, w.shape):
			return fmt.Errorf("tensor %q has the shape %d, the configuration wants %d", w.name, t.Shape, w.shape)
		}
	}
	for _, t := range m.Tensors {
		if !known[t.Name] {
			return m.foreign(t)
		}
	}
	return m.checkRopeFreqs()
}

// foreign says what is wrong with a tensor that the architecture has no use for.
func (m *Model) foreign(t *Tensor) error {
	for _, f := range []struct{ part, what string }{
		{"_exps.", "a mixture of experts"},
		{"ffn_gate_inp", "a mixture of experts"},
		{".lora_a", "an adapter, not a model: open the base model and load the adapter with it"},
		{".lora_b", "an adapter, not a model: open the base model and load the adapter with it"},
		{"rope_factors_", "LongRoPE, whose positions are not supported"},
		{"attn_qkv", "fused queries, keys and values, which are not supported"},
	} {
		if strings.Contains(t.Name, f.part) {
			return fmt.Errorf("tensor %q belongs to %s", t.Name, f.what)
		}
	}
	return fmt.Errorf("tensor %q is none of a %s model of %d layers", t.Name, m.Config.Architecture, m.Config.Layers)
}

// tensors lists what a model of the configuration has: first what is outside the
// layers, then each layer.
func (c *Config) tensors() []wanted {
	all := []wanted{
		{name: nameEmbedding, shape: []int{c.Vocabulary, c.Width}},
		{name: nameOutputNorm, shape: []int{c.Width}},
		{name: nameOutput, shape: []int{c.Vocabulary, c.Width}, optional: true},
		{name: nameRopeFreqs, shape: []int{c.HeadSize / 2}, optional: true},
	}
	for l := range c.Layers {
		all = c.layer(all, fmt.Sprintf("blk.%d.", l))
	}
	return all
}

// layer appends the tensors of a layer. Qwen 2 has biases on queries, keys and
// values; models of the other architectures may have them.
func (c *Config) layer(all []wanted, prefix string) []wanted {
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	add := func(optional bool, name string, shape ...int) {
		all = append(all, wanted{prefix + name, shape, optional})
	}
	matrix := func(name string, rows, columns int, bias bool) {
		add(false, name+".weight", rows, columns)
		add(!bias, name+".bias", rows)
	}
	qwen2, qwen3 := c.Architecture == "qwen2", c.Architecture == "qwen3"
	add(false, "attn_norm.weight", c.Width)
	matrix("attn_q", q, c.Width, qwen2)
	matrix("attn_k", kv, c.Width, qwen2)
	matrix("attn_v", kv, c.Width, qwen2)
	matrix("attn_output", c.Width, q, false)
	if qwen3 {
		add(false, "attn_q_norm.weight", c.HeadSize)
		add(false, "attn_k_norm.weight", c.HeadSize)
	}
	add(false, "ffn_norm.weight", c.Width)
	matrix("ffn_gate", c.FeedForward, c.Width, false)
	matrix("ffn_up", c.FeedForward, c.Width, false)
	matrix("ffn_down", c.Width, c.FeedForward, false)
	return all
}

// checkRopeFreqs looks at the few numbers that frequencies are divided by.
func (m *Model) checkRopeFreqs() error {
	t := m.Tensor(nameRopeFreqs)
	if t == nil {
		return nil
	}
	if m.Config.RoPE.Scaling != ScalingNone {
		return fmt.Errorf("tensor %q scales positions, and so does %q in the configuration", t.Name, m.Config.RoPE.Scaling)
	}
	x := make([]float32, t.Shape[0])
	return m.Guard(func() error {
		quant.Dequantize(x, t.Type, t.Data)
		for i, v := range x {
			if !(v > 0) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("tensor %q: frequency %d is divided by %v", t.Name, i, v)
			}
		}
		return nil
	})
}
