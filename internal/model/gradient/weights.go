package gradient

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// matrix is y = W·x + bias, with what is trained of it.
type matrix struct {
	name       string // without ".weight"
	rows, cols int
	w          gemm.Weights
	weight     *optimizer.Parameter // W's, nil if it stays as it is
	bias       *gain                // nil if there is none
	lora       *lora                // nil if there is none
}

// gain is a vector of weights: of a norm, or a bias.
type gain struct {
	value []float32
	param *optimizer.Parameter // nil if it stays as it is
}

// layer is the weights of one block. queryNorm and keyNorm are nil where the
// model has none.
type layer struct {
	attentionNorm, feedNorm *gain   // [C]
	query, key, value       *matrix // [H·D,C], [KV·D,C], [KV·D,C]
	queryNorm, keyNorm      *gain   // [D]
	attentionOut            *matrix // [C,H·D]
	gate, up, down          *matrix // [F,C], [F,C], [C,F]
}

// matrices returns those of a layer in a fixed order, that of targets.
func (l *layer) matrices() [targetCount]*matrix {
	return [targetCount]*matrix{l.query, l.key, l.value, l.attentionOut, l.gate, l.up, l.down}
}

// source finds or makes the tensors of a model, and registers those that are
// trained.
type source interface {
	// matrix returns false, and vector nil, for a tensor that the model does not
	// have.
	matrix(name string, rows, cols int) (gemm.Weights, bool)
	vector(name string, n int) []float32
}

// take finds the tensors of a file.
func (m *Model) take() error {
	f := &fileSource{model: m.file, full: m.o.Full}
	m.assemble(f)
	m.divisors = f.vector("rope_freqs.weight", ropePairs(m.config))
	if f.err != nil {
		return f.err
	}
	var err error
	m.angles, err = llama.NewAngles(m.config, m.divisors)
	return err
}

// ropePairs returns how many pairs of numbers of a head turn.
func ropePairs(c modelfile.Config) int {
	if c.RoPE.Dims != 0 {
		return c.RoPE.Dims / 2
	}
	return c.HeadSize / 2
}

// assemble makes the model of what a source has, and the list of parameters.
func (m *Model) assemble(s source) {
	c := m.config
	m.embedding = m.matrix(s, "token_embd", c.Vocabulary, c.Width)
	m.outputNorm = m.gain(s, "output_norm.weight", c.Width)
	if m.output = m.matrix(s, "output", c.Vocabulary, c.Width); m.output == nil {
		m.output = m.embedding
	}
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	for i := range c.Layers {
		p := fmt.Sprintf("blk.%d.", i)
		m.layers = append(m.layers, layer{
			attentionNorm: m.gain(s, p+"attn_norm.weight", c.Width),
			query:         m.matrix(s, p+"attn_q", q, c.Width),
			key:           m.matrix(s, p+"attn_k", kv, c.Width),
			value:         m.matrix(s, p+"attn_v", kv, c.Width),
			queryNorm:     m.gain(s, p+"attn_q_norm.weight", c.HeadSize),
			keyNorm:       m.gain(s, p+"attn_k_norm.weight", c.HeadSize),
			attentionOut:  m.matrix(s, p+"attn_output", c.Width, q),
			feedNorm:      m.gain(s, p+"ffn_norm.weight", c.Width),
			gate:          m.matrix(s, p+"ffn_gate", c.FeedForward, c.Width),
			up:            m.matrix(s, p+"ffn_up", c.FeedForward, c.Width),
			down:          m.matrix(s, p+"ffn_down", c.Width, c.FeedForward),
		})
	}
}

// matrix takes a matrix and its bias from a source; nil if it has none.
func (m *Model) matrix(s source, name string, rows, cols int) *matrix {
	w, ok := s.matrix(name+".weight", rows, cols)
	if !ok {
		return nil
	}
	x := &matrix{name: name, rows: rows, cols: cols, w: w}
	if m.o.Full {
		x.weight = m.parameter(name+".weight", w.Floats, false, rows, cols)
	}
	x.bias = m.gain(s, name+".bias", rows)
	return x
}

// gain takes a vector from a source; nil if it has none.
func (m *Model) gain(s source, name string, n int) *gain {
	v := s.vector(name, n)
	if v == nil {
		return nil
	}
	g := &gain{value: v}
	if m.o.Full {
		g.param = m.parameter(name, v, true, n)
	}
	return g
}

// parameter adds one to the list.
func (m *Model) parameter(name string, value []float32, noDecay bool, shape ...int) *optimizer.Parameter {
	p := &optimizer.Parameter{Name: name, Shape: shape, Value: value, Grad: make([]float32, len(value)), NoDecay: noDecay}
	m.parameters = append(m.parameters, p)
	return p
}

// fileSource reads tensors of a file whose shapes have been checked.
type fileSource struct {
	model *modelfile.Model
	full  bool
	err   error
}

// trainable are the formats whose weights can be trained: of others, rounding
// would have taken what training changes.
func trainable(t quant.Type) bool { return t == quant.F32 || t == quant.F16 || t == quant.BF16 }

func (f *fileSource) matrix(name string, rows, cols int) (gemm.Weights, bool) {
	t := f.model.Tensor(name)
	if t == nil {
		return gemm.Weights{}, false
	}
	if !f.full {
		return gemm.Weights{Type: t.Type, Rows: rows, Cols: cols, Data: t.Data}, true
	}
	return gemm.Weights{Type: quant.F32, Rows: rows, Cols: cols, Floats: f.numbers(t, rows*cols)}, true
}

func (f *fileSource) vector(name string, n int) []float32 {
	t := f.model.Tensor(name)
	if t == nil {
		return nil
	}
	return f.numbers(t, n)
}

// numbers returns a copy of a tensor's numbers.
func (f *fileSource) numbers(t *modelfile.Tensor, n int) []float32 {
	if f.full && !trainable(t.Type) && f.err == nil {
		f.err = fmt.Errorf("tensor %q is of %v: only models of F32, F16 or BF16 can be trained whole; train an adapter, which leaves the weights as they are", t.Name, t.Type)
	}
	if f.err != nil {
		return nil
	}
	x := make([]float32, n)
	quant.Dequantize(x, t.Type, t.Data)
	return x
}
