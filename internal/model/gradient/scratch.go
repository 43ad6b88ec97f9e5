package gradient

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// initialDeviation is the standard deviation of a new model's matrices.
const initialDeviation = 0.02

// New makes a model of a configuration, to be trained from scratch: o.Full must be
// set. Matrices begin with normal numbers of standard deviation 0.02, those that
// write to the residual stream, attn_output and ffn_down, of 0.02/√(2L), as GPT-2
// does; gains begin as 1 and biases, which qwen2 has, as 0. A number depends on
// the seed, on which tensor it is of and where it stands in it. The output is the
// embedding unless o.Separate is set.
//
// Source: Radford et al. 2019, "Language Models are Unsupervised Multitask
// Learners", section 2.3.
func New(c modelfile.Config, seed uint64, o Options) (*Model, error) {
	m, err := newModel(c, seed, o)
	if err != nil {
		return nil, fmt.Errorf("make a model for training: %w", err)
	}
	return m, nil
}

func newModel(c modelfile.Config, seed uint64, o Options) (*Model, error) {
	if err := errors.Join(isa.Check(), llama.Check(c), o.check()); err != nil {
		return nil, err
	}
	if !o.Full {
		return nil, errors.New("a new model is trained whole")
	}
	if !known(c.Architecture) {
		return nil, unknown(c.Architecture)
	}
	angles, err := llama.NewAngles(c, nil)
	if err != nil {
		return nil, err
	}
	m := &Model{config: c, o: o, angles: angles, pool: tensor.NewPool(o.Threads)}
	m.assemble(&scratchSource{config: c, seed: seed, separate: o.Separate})
	return m, nil
}

// scratchSource makes tensors of random numbers.
type scratchSource struct {
	config   modelfile.Config
	seed     uint64
	separate bool
	count    uint64
}

func (s *scratchSource) matrix(name string, rows, cols int) (gemm.Weights, bool) {
	if name == "output.weight" && !s.separate {
		return gemm.Weights{}, false
	}
	s.count++
	r := random{seed: mix(s.seed, s.count)}
	deviation := initialDeviation
	if strings.Contains(name, "attn_output") || strings.Contains(name, "ffn_down") {
		deviation /= math.Sqrt(2 * float64(s.config.Layers))
	}
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(deviation * r.normal())
	}
	return gemm.Weights{Type: quant.F32, Rows: rows, Cols: cols, Floats: x}, true
}

func (s *scratchSource) vector(name string, n int) []float32 {
	bias := strings.Contains(name, ".bias")
	switch {
	case bias && (s.config.Architecture != "qwen2" || !strings.Contains(name, "attn_q") && !strings.Contains(name, "attn_k") && !strings.Contains(name, "attn_v")):
		return nil
	case !bias && s.config.Architecture != "qwen3" && (strings.Contains(name, "attn_q_norm") || strings.Contains(name, "attn_k_norm")):
		return nil
	}
	x := make([]float32, n)
	if !bias {
		for i := range x {
			x[i] = 1
		}
	}
	return x
}

// Tensors returns the whole model as tensors of F32, copied, in the order of
// Parameters, which is that of GGUF files. It is nil if adapters are trained: the
// weights are as the file has them.
func (m *Model) Tensors() []*modelfile.Tensor {
	if !m.o.Full {
		return nil
	}
	var all []*modelfile.Tensor
	add := func(name string, shape []int, x []float32) {
		data := make([]byte, 0, 4*len(x))
		for _, v := range x {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		all = append(all, &modelfile.Tensor{Name: name, Type: quant.F32, Shape: shape, Data: data})
	}
	for _, p := range m.parameters {
		add(p.Name, p.Shape, p.Value)
	}
	if m.divisors != nil {
		add("rope_freqs.weight", []int{len(m.divisors)}, m.divisors)
	}
	return all
}
