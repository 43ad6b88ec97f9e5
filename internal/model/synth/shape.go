package synth

import (
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// shape is what a model is like.
type shape struct {
	config modelfile.Config
	tied   bool // the embedding serves as the output matrix
}

// Shapes returns the names of all shapes, the largest first.
func Shapes() []string { return []string{"llama-3.1-8b", "llama-3.2-1b", "tiny"} }

// shapeOf returns the shape of a name.
func shapeOf(name string) (shape, error) {
	s := shape{config: modelfile.Config{
		Architecture: "llama", Name: "random weights in the shape of " + name, License: "apache-2.0",
		Context: 131072, NormEpsilon: 1e-5,
		RoPE: modelfile.RoPE{
			Base: 500000, Interleaved: true,
			Scaling: modelfile.ScalingLlama3, Factor: 8, OriginalContext: 8192, LowFreq: 1, HighFreq: 4,
		},
	}}
	c := &s.config
	switch name {
	case "llama-3.1-8b":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadSize, c.FeedForward, c.Vocabulary = 32, 4096, 32, 8, 128, 14336, 128256
	case "llama-3.2-1b":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadSize, c.FeedForward, c.Vocabulary = 16, 2048, 32, 8, 64, 8192, 128256
		c.RoPE.Factor, s.tied = 32, true
	case "tiny":
		c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadSize, c.FeedForward, c.Vocabulary = 2, 256, 4, 2, 64, 512, 1024
	default:
		return shape{}, fmt.Errorf("shape %q is not known: it is %s", name, strings.Join(Shapes(), ", "))
	}
	return s, nil
}

// tensors returns the names and shapes of all tensors, in the order in which they
// are used.
func (s *shape) tensors() []*modelfile.Tensor {
	var all []*modelfile.Tensor
	add := func(name string, shape ...int) {
		all = append(all, &modelfile.Tensor{Name: name, Shape: shape})
	}
	c := &s.config
	queries, keys := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	add("token_embd.weight", c.Vocabulary, c.Width)
	for l := range c.Layers {
		layer := func(name string, shape ...int) { add(fmt.Sprintf("blk.%d.%s.weight", l, name), shape...) }
		layer("attn_norm", c.Width)
		layer("attn_q", queries, c.Width)
		layer("attn_k", keys, c.Width)
		layer("attn_v", keys, c.Width)
		layer("attn_output", c.Width, queries)
		layer("ffn_norm", c.Width)
		layer("ffn_gate", c.FeedForward, c.Width)
		layer("ffn_up", c.FeedForward, c.Width)
		layer("ffn_down", c.Width, c.FeedForward)
	}
	add("output_norm.weight", c.Width)
	if !s.tied {
		add("output.weight", c.Vocabulary, c.Width)
	}
	return all
}
