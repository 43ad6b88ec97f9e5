// Package optimizer changes parameters by their gradients: AdamW, SGD, learning
// rate schedules and the clipping of gradients. It knows nothing of models.
package optimizer

// Parameter is numbers that are learnt, and their gradient.
type Parameter struct {
	// Name is unique within a model: "blk.0.attn_q.lora_a", "token_embd.weight", …
	Name  string
	Shape []int
	// Value and Grad have as many numbers as Shape says, row-major. A backward
	// pass adds to Grad; Optimizer.Step uses it and leaves it as it is.
	Value, Grad []float32
	// NoDecay keeps weight decay off: biases and gains of norms.
	NoDecay bool
}

// State is what an optimiser remembers of a parameter.
type State struct {
	Name   string // the parameter's, a dot, and what it is
	Shape  []int
	Values []float32
}
