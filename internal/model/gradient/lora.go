package gradient

import (
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// The defaults of LoRA, and its limit.
const (
	defaultRank = 8
	maxRank     = adapter.MaxRank
	targetCount = 7
)

// targets are the names of a layer's matrices, in the order of layer.matrices.
var targets = []string{"q", "k", "v", "o", "gate", "up", "down"}

// lora is a low-rank change to a matrix: W·x + scale·B·(A·x), whose rows are then
// multiplied by stretch if it is decomposed.
type lora struct {
	rank  int
	scale float32
	a, b  *optimizer.Parameter // [rank,In], [Out,rank]
	key   uint64               // of its masks

	// Of DoRA alone.
	magnitude *optimizer.Parameter // [Out]
	squares   []float64            // [Out] of W's rows
	inverse   []float32            // [Out] one over the length of the changed row
	stretch   []float32            // [Out] magnitude times inverse
}

// aWeights and bWeights are its matrices as products take them.
func (l *lora) aWeights() gemm.Weights {
	return gemm.Weights{Type: quant.F32, Rows: l.rank, Cols: len(l.a.Value) / l.rank, Floats: l.a.Value}
}

func (l *lora) bWeights() gemm.Weights {
	return gemm.Weights{Type: quant.F32, Rows: len(l.b.Value) / l.rank, Cols: l.rank, Floats: l.b.Value}
}

// settled returns LoRA with its defaults.
func (l LoRA) settled() LoRA {
	if l.Rank == 0 {
		l.Rank = defaultRank
	}
	if l.Alpha == 0 {
		l.Alpha = 2 * float64(l.Rank)
	}
	if len(l.Targets) == 0 {
		l.Targets = []string{"q", "v"}
	}
	return l
}

// scale is what B·A is multiplied by.
func (l LoRA) scale() float32 {
	if l.Stabilised {
		return float32(l.Alpha / math.Sqrt(float64(l.Rank)))
	}
	return float32(l.Alpha / float64(l.Rank))
}

// prepare makes the adapters of a model whose weights stay as they are. A's
// numbers are even between ±1/√In, as PyTorch and PEFT begin, and B's are zero,
// so that nothing is changed at first. Magnitudes begin as the rows' lengths.
func (m *Model) prepare() error {
	if m.o.LoRA == nil {
		return nil
	}
	o := m.o.LoRA.settled()
	m.o.LoRA = &o
	for i := range m.layers {
		for j, x := range m.layers[i].matrices() {
			if !slices.Contains(o.Targets, targets[j]) {
				continue
			}
			key := uint64(i*targetCount + j + 1)
			l := &lora{rank: o.Rank, scale: o.scale(), key: key}
			a := make([]float32, o.Rank*x.cols)
			r := random{seed: mix(o.Seed, key)}
			bound := 1 / math.Sqrt(float64(x.cols))
			for i := range a {
				a[i] = float32(bound * (2*r.uniform() - 1))
			}
			l.a = m.parameter(x.name+".lora_a", a, false, o.Rank, x.cols)
			l.b = m.parameter(x.name+".lora_b", make([]float32, x.rows*o.Rank), false, x.rows, o.Rank)
			x.lora = l
			if o.Decomposed {
				if err := m.decompose(x); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// decompose gives a matrix' adapter magnitudes.
func (m *Model) decompose(x *matrix) error {
	l := x.lora
	l.squares = make([]float64, x.rows)
	l.inverse, l.stretch = make([]float32, x.rows), make([]float32, x.rows)
	magnitude := make([]float32, x.rows)
	const rows = 16 // a piece of work
	err := m.pool.Do((x.rows+rows-1)/rows, func(w *tensor.Worker, i int) {
		row := w.Floats(x.cols)
		for r := i * rows; r < min((i+1)*rows, x.rows); r++ {
			x.row(row, r)
			l.squares[r] = backward.Dot(row, row)
			magnitude[r] = float32(math.Sqrt(l.squares[r]))
		}
	})
	l.magnitude = m.parameter(x.name+".magnitude", magnitude, true, x.rows)
	return err
}

// row writes the numbers of a row of W.
func (x *matrix) row(dst []float32, r int) {
	if x.w.Floats != nil {
		copy(dst, x.w.Floats[r*x.cols:(r+1)*x.cols])
		return
	}
	size := x.w.Type.Size(x.cols)
	quant.Dequantize(dst, x.w.Type, x.w.Data[r*size:(r+1)*size])
}

// stretch computes the lengths of all changed rows: W's squares are known, and
// with P = A·Wᵀ and Q = A·Aᵀ a row's are |w|² + 2·scale·b·P + scale²·b·Q·bᵀ,
// summed in float64. So W is multiplied by a few rows only, once a step.
//
// The lengths count as constants in the backward pass: Liu et al. 2024,
// arXiv:2402.09353, section 4.3, as PEFT has it.
func (m *Model) stretch() error {
	if m.o.LoRA == nil || !m.o.LoRA.Decomposed {
		return nil
	}
	for i := range m.layers {
		for _, x := range m.layers[i].matrices() {
			if x.lora == nil {
				continue
			}
			if err := m.stretchOne(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Model) stretchOne(x *matrix) error {
	l, r := x.lora, x.lora.rank
	p, q := floats32(&m.memory.lengths, r*(x.rows+r)), []float32(nil)
	p, q = p[:r*x.rows], p[r*x.rows:]
	if err := gemm.Forward(m.pool, p, l.a.Value, r, x.w, gemm.Options{}); err != nil {
		return err
	}
	if err := gemm.Forward(m.pool, q, l.a.Value, r, l.aWeights(), gemm.Options{}); err != nil {
		return err
	}
	return m.pool.Do((x.rows+stripe-1)/stripe, func(_ *tensor.Worker, i int) {
		for n := i * stripe; n < min((i+1)*stripe, x.rows); n++ {
			b := l.b.Value[n*r : (n+1)*r]
			var cross, own float64
			for i, v := range b {
				cross += float64(float64(v) * float64(p[i*x.rows+n]))
				row := 0.0
				for j, u := range b {
					row += float64(float64(u) * float64(q[i*r+j]))
				}
				own += float64(float64(v) * row)
			}
			s := float64(l.scale)
			squares := l.squares[n] + float64(2*s*cross) + float64(float64(s*s)*own)
			if !m.frozenLengths {
				l.inverse[n] = inverse(squares)
			}
			l.stretch[n] = l.magnitude.Value[n] * l.inverse[n]
		}
	})
}

// inverse returns one over a length, and 0 for none: such a row gives 0 anyway.
func inverse(squares float64) float32 {
	if squares > 0 {
		return float32(1 / math.Sqrt(squares))
	}
	return 0
}

// Deltas returns the adapters as they are now: the slices are the model's own,
// and rows stand in the model's order. It is nil if all weights are trained.
func (m *Model) Deltas() []*adapter.Delta {
	var all []*adapter.Delta
	for i := range m.layers {
		for _, x := range m.layers[i].matrices() {
			if x.lora == nil {
				continue
			}
			d := &adapter.Delta{
				Name: x.name + ".weight", Rank: x.lora.rank, In: x.cols, Out: x.rows,
				A: x.lora.a.Value, B: x.lora.b.Value, Scale: x.lora.scale,
			}
			if x.lora.magnitude != nil {
				d.Magnitude = x.lora.magnitude.Value
			}
			all = append(all, d)
		}
	}
	return all
}
