package bench

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// cost is the least that a forward pass has to do: bytes to read from memory,
// and operations, where a multiplication and an addition are two. Norms,
// activations and writing are left out.
type cost struct {
	bytes, int8, float32 float64
}

func (c *cost) add(d cost) {
	c.bytes += d.bytes
	c.int8 += d.int8
	c.float32 += d.float32
}

// seconds returns how long a machine takes at least, and what holds it up:
// memory, or the arithmetic that takes longest. Reading and computing can go on
// together; the two kinds of arithmetic share the processor.
func (c cost) seconds(m Machine) (float64, Limit) {
	reading := c.bytes / m.ReadBytesPerSecond
	whole, single := c.int8/m.Int8OperationsPerSecond, c.float32/m.Float32OperationsPerSecond
	switch {
	case reading >= whole+single:
		return reading, LimitMemory
	case whole >= single:
		return whole + single, LimitInt8
	}
	return whole + single, LimitFloat32
}

// Limit is what a roofline is made of.
type Limit string

// The limits.
const (
	LimitMemory  Limit = "memory"
	LimitInt8    Limit = "int8"
	LimitFloat32 Limit = "float32"
)

// prices are what a model's parts cost.
type prices struct {
	layers    cost    // the matrices of all layers: bytes once, operations of one token
	output    cost    // the output matrix: bytes once, operations of one row of logits
	attending float64 // operations of one token for each position it sees
	keeping   float64 // bytes of keys and values of one position
}

// price counts the bytes and numbers of a model's matrices.
func price(m *modelfile.Model, cache quant.Type) prices {
	c := m.Config
	p := prices{
		attending: 4 * float64(c.Layers) * float64(c.Heads) * float64(c.HeadSize),
		keeping:   float64(llama.CacheBytes(c, llama.PageTokens, cache)) / llama.PageTokens,
	}
	tied := m.Tensor("output.weight") == nil
	for _, t := range m.Tensors {
		switch {
		case len(t.Shape) != 2:
		case strings.HasPrefix(t.Name, "blk."):
			p.layers.add(priceMatrix(t))
		case t.Name == "output.weight" || tied && t.Name == "token_embd.weight":
			p.output.add(priceMatrix(t))
		}
	}
	return p
}

// priceMatrix counts a matrix once. Weights in blocks are multiplied as 8-bit
// integers where they can be packed, all others as float32.
func priceMatrix(t *modelfile.Tensor) cost {
	c := cost{bytes: float64(len(t.Data))}
	operations := 2 * float64(t.Shape[0]) * float64(t.Shape[1])
	block, _ := t.Type.Block()
	if block > 1 && tensor.PackedSize(t.Type, t.Shape[0], t.Shape[1], false) > 0 {
		c.int8 = operations
	} else {
		c.float32 = operations
	}
	return c
}

// pass returns the cost of one pass over some tokens.
//
//	tokens  in all sequences together
//	logits  rows of logits that are wanted
//	seen    positions that each token sees, itself among them, summed over tokens
//	kept    positions whose keys and values are read, each once
func (p prices) pass(tokens, logits, seen, kept int) cost {
	n := float64(tokens)
	c := cost{
		bytes:   p.layers.bytes + p.keeping*float64(kept),
		int8:    p.layers.int8 * n,
		float32: p.layers.float32*n + p.attending*float64(seen),
	}
	if logits > 0 {
		rows := float64(logits)
		c.add(cost{p.output.bytes, p.output.int8 * rows, p.output.float32 * rows})
	}
	return c
}

// prompt returns the cost of n tokens after so many others, in one pass with
// logits at the last of them.
func (p prices) prompt(before, n, logits int) cost {
	return p.pass(n, logits, n*before+n*(n+1)/2, before+n)
}

// decode returns the cost of n tokens, one a pass, of each of several sequences
// that have so many tokens before.
func (p prices) decode(sequences, before, n int) cost {
	var all cost
	for i := range n {
		seen := sequences * (before + i + 1)
		all.add(p.pass(sequences, sequences, seen, seen))
	}
	return all
}
