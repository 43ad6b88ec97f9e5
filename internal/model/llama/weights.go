package llama

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// linear is y = W·x + bias; bias may be nil. Adapters change W: see Adapter.
type linear struct {
	w     *tensor.Matrix
	bias  []float32
	index int // among all maps
}

// layer is the weights of one block. queryNorm and keyNorm are nil where the
// model has none.
type layer struct {
	attentionNorm, feedNorm []float32 // [C]
	query, key, value       linear    // [H·D,C], [KV·D,C], [KV·D,C]
	queryNorm, keyNorm      []float32 // [D]
	attentionOut            linear    // [C,H·D]
	gate, up, down          linear    // [F,C], [F,C], [C,F]
}

// loader finds tensors by name and remembers the first fault.
type loader struct {
	tensors map[string]*modelfile.Tensor
	targets map[string]target
	pack    []*tensor.Matrix // those that products use
	err     error
}

// loadWeights finds every tensor of the model. It returns the matrices that are
// to be packed.
func (l *Model) loadWeights(m *modelfile.Model) ([]*tensor.Matrix, error) {
	ld := &loader{tensors: map[string]*modelfile.Tensor{}, targets: map[string]target{}}
	for _, t := range m.Tensors {
		ld.tensors[t.Name] = t
	}
	c := l.config
	l.embedding = ld.matrix("token_embd.weight", c.Vocabulary, c.Width)
	l.outputNorm = ld.vector("output_norm.weight", c.Width)
	if ld.tensors["output.weight"] != nil {
		l.output = ld.linear("output", c.Vocabulary, c.Width)
	} else {
		l.output = linear{w: l.embedding}
		ld.target(&l.output, "output.weight", c.Vocabulary, c.Width)
	}
	for i := range c.Layers {
		l.layers = append(l.layers, ld.layer(fmt.Sprintf("blk.%d.", i), c))
		if ld.err != nil {
			break
		}
	}
	var divisors []float32
	if ld.tensors["rope_freqs.weight"] != nil {
		divisors = ld.vector("rope_freqs.weight", ropeDims(c)/2)
	}
	if ld.err != nil {
		return nil, ld.err
	}
	l.targets = ld.targets
	var err error
	l.rope, err = newRope(c, divisors)
	return ld.pack, err
}

func (ld *loader) layer(prefix string, c modelfile.Config) layer {
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	l := layer{
		attentionNorm: ld.vector(prefix+"attn_norm.weight", c.Width),
		feedNorm:      ld.vector(prefix+"ffn_norm.weight", c.Width),
		query:         ld.linear(prefix+"attn_q", q, c.Width),
		key:           ld.linear(prefix+"attn_k", kv, c.Width),
		value:         ld.linear(prefix+"attn_v", kv, c.Width),
		attentionOut:  ld.linear(prefix+"attn_output", c.Width, q),
		gate:          ld.linear(prefix+"ffn_gate", c.FeedForward, c.Width),
		up:            ld.linear(prefix+"ffn_up", c.FeedForward, c.Width),
		down:          ld.linear(prefix+"ffn_down", c.Width, c.FeedForward),
	}
	if ld.tensors[prefix+"attn_q_norm.weight"] != nil || ld.tensors[prefix+"attn_k_norm.weight"] != nil {
		l.queryNorm = ld.vector(prefix+"attn_q_norm.weight", c.HeadSize)
		l.keyNorm = ld.vector(prefix+"attn_k_norm.weight", c.HeadSize)
	}
	return l
}

// linear finds a matrix, and its bias if the model has one.
func (ld *loader) linear(name string, rows, cols int) linear {
	l := linear{w: ld.matrix(name+".weight", rows, cols)}
	if ld.tensors[name+".bias"] != nil {
		l.bias = ld.vector(name+".bias", rows)
	}
	ld.target(&l, name+".weight", rows, cols)
	return l
}

// target numbers a map that products use, so that adapters can change it.
func (ld *loader) target(l *linear, name string, rows, cols int) {
	l.index = len(ld.targets)
	ld.targets[name] = target{l.index, l.w, rows, cols}
	if l.w != nil {
		ld.pack = append(ld.pack, l.w)
	}
}

// float32Bytes returns numbers as a matrix has them.
func float32Bytes(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// matrix finds a tensor of so many rows and columns.
func (ld *loader) matrix(name string, rows, cols int) *tensor.Matrix {
	t := ld.find(name)
	if t == nil {
		return nil
	}
	if len(t.Shape) != 2 || t.Shape[0] != rows || t.Shape[1] != cols {
		ld.err = fmt.Errorf("tensor %q has shape %v, want [%d %d]", name, t.Shape, rows, cols)
		return nil
	}
	m, err := tensor.NewMatrix(t.Type, rows, cols, t.Data)
	if err != nil {
		ld.err = fmt.Errorf("tensor %q: %w", name, err)
	}
	return m
}

// vector finds a tensor of n numbers and reads it.
func (ld *loader) vector(name string, n int) []float32 {
	t := ld.find(name)
	if t == nil {
		return nil
	}
	if len(t.Shape) != 1 || t.Shape[0] != n {
		ld.err = fmt.Errorf("tensor %q has shape %v, want [%d]", name, t.Shape, n)
		return nil
	}
	m, err := tensor.NewMatrix(t.Type, 1, n, t.Data)
	if err != nil {
		ld.err = fmt.Errorf("tensor %q: %w", name, err)
		return nil
	}
	v := make([]float32, n)
	m.Row(v, 0)
	return v
}

func (ld *loader) find(name string) *modelfile.Tensor {
	if ld.err != nil {
		return nil
	}
	t := ld.tensors[name]
	if t == nil {
		ld.err = fmt.Errorf("tensor %q is missing", name)
	}
	return t
}
