package modeltest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// maker makes the tensors of a model.
type maker struct {
	o       *Options
	tensors []gguf.Tensor
}

// tensors returns the weights of a model whose Options are complete.
func (o *Options) tensors() ([]gguf.Tensor, error) {
	if o.HeadSize%2 != 0 {
		return nil, fmt.Errorf("a head of %d numbers cannot be rotated in pairs", o.HeadSize)
	}
	m := &maker{o: o}
	m.random("token_embd.weight", o.Type, 0, 1, o.Vocabulary, o.Width)
	if o.RopeFreqs {
		m.ropeFreqs()
	}
	for l := range o.Layers {
		m.layer(l)
	}
	m.gain("output_norm.weight", o.Width)
	if !o.Tied {
		// Logits three times as far apart as with matrix: a random model that
		// hesitates between all tokens tells a test little.
		m.random("output.weight", o.Type, 0, 3/math.Sqrt(float64(o.Width)), o.Vocabulary, o.Width)
	}
	return m.tensors, nil
}

func (m *maker) layer(l int) {
	o := m.o
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", l, s) }
	queries, keys := o.Heads*o.HeadSize, o.KVHeads*o.HeadSize
	m.gain(name("attn_norm.weight"), o.Width)
	m.matrix(name("attn_q.weight"), queries, o.Width)
	m.matrix(name("attn_k.weight"), keys, o.Width)
	m.matrix(name("attn_v.weight"), keys, o.Width)
	if o.Architecture == "qwen2" {
		m.random(name("attn_q.bias"), quant.F32, 0, 0.3, queries)
		m.random(name("attn_k.bias"), quant.F32, 0, 0.3, keys)
		m.random(name("attn_v.bias"), quant.F32, 0, 0.3, keys)
	}
	if o.Architecture == "qwen3" {
		m.gain(name("attn_q_norm.weight"), o.HeadSize)
		m.gain(name("attn_k_norm.weight"), o.HeadSize)
	}
	m.matrix(name("attn_output.weight"), o.Width, queries)
	m.gain(name("ffn_norm.weight"), o.Width)
	m.matrix(name("ffn_gate.weight"), o.FeedForward, o.Width)
	m.matrix(name("ffn_up.weight"), o.FeedForward, o.Width)
	m.matrix(name("ffn_down.weight"), o.Width, o.FeedForward)
}

// matrix makes weights that keep the size of what they multiply.
func (m *maker) matrix(name string, rows, columns int) {
	m.random(name, m.o.Type, 0, 1/math.Sqrt(float64(columns)), rows, columns)
}

// gain makes the weights of a norm.
func (m *maker) gain(name string, n int) { m.random(name, quant.F32, 1, 0.1, n) }

// random makes a tensor of normally distributed numbers. Its generator depends
// on the seed and the name alone, so that a tensor more or less changes no other.
func (m *maker) random(name string, t quant.Type, mean, deviation float64, shape ...int) {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	r := rand.New(rand.NewPCG(m.o.Seed, h.Sum64()))
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + float64(deviation*r.NormFloat64()))
	}
	m.add(name, t, x, shape...)
}

func (m *maker) add(name string, t quant.Type, x []float32, shape ...int) {
	data := make([]byte, t.Size(len(x)))
	quant.Quantize(data, t, x)
	m.tensors = append(m.tensors, gguf.Tensor{Name: name, Type: t, Shape: shape, Data: data})
}

// ropeFreqs adds the divisors of the rotation's frequencies after Llama 3.1's
// rule: waves much shorter than the first training's positions stay, much longer
// ones are stretched by the factor, those between change smoothly.
func (m *maker) ropeFreqs() {
	const factor, low, high = 8, 1, 4
	original := float64(m.o.Context) / 4
	x := make([]float32, m.o.HeadSize/2)
	for i := range x {
		wave := 2 * math.Pi * math.Pow(m.o.RopeBase, 2*float64(i)/float64(m.o.HeadSize))
		switch {
		case wave < original/high:
			x[i] = 1
		case wave > original/low:
			x[i] = factor
		default:
			smooth := (original/wave - low) / (high - low)
			x[i] = float32(1 / ((1-smooth)/factor + smooth))
		}
	}
	m.add("rope_freqs.weight", quant.F32, x, len(x))
}
