package quantize

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Mixture is a way of choosing a type for each tensor of a model, by the name
// that users of GGUF files know. The K mixtures give more bits to the tensors
// whose errors cost most.
type Mixture string

// The mixtures. Those that are named like a type give it to every matrix, but
// the output matrix is Q6_K in those of four and five bits.
const (
	F32    Mixture = "F32"
	F16    Mixture = "F16"
	BF16   Mixture = "BF16"
	Q8_0   Mixture = "Q8_0"
	Q6_K   Mixture = "Q6_K"
	Q5_K_M Mixture = "Q5_K_M"
	Q5_K_S Mixture = "Q5_K_S"
	Q4_K_M Mixture = "Q4_K_M"
	Q4_K_S Mixture = "Q4_K_S"
	Q4_0   Mixture = "Q4_0"
)

// Mixtures returns every mixture, the one of the most bits first.
func Mixtures() []Mixture {
	return []Mixture{F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S, Q4_0}
}

// Parse returns the mixture of a name in any case.
func Parse(name string) (Mixture, error) {
	for _, m := range Mixtures() {
		if strings.EqualFold(name, string(m)) {
			return m, nil
		}
	}
	return "", fmt.Errorf("mixture %q is not known: it is one of %v", name, Mixtures())
}

// base returns the type that most tensors of the mixture get, and the number by
// which GGUF's key general.file_type knows the mixture.
func (m Mixture) base() (t quant.Type, fileType uint32, err error) {
	switch m {
	case F32:
		return quant.F32, 0, nil
	case F16:
		return quant.F16, 1, nil
	case BF16:
		return quant.BF16, 32, nil
	case Q8_0:
		return quant.Q8_0, 7, nil
	case Q6_K:
		return quant.Q6_K, 18, nil
	case Q5_K_M:
		return quant.Q5_K, 17, nil
	case Q5_K_S:
		return quant.Q5_K, 16, nil
	case Q4_K_M:
		return quant.Q4_K, 15, nil
	case Q4_K_S:
		return quant.Q4_K, 14, nil
	case Q4_0:
		return quant.Q4_0, 2, nil
	}
	return 0, 0, fmt.Errorf("mixture %q is not known: it is one of %v", m, Mixtures())
}

// isFloat says whether a type keeps each number by itself.
func isFloat(t quant.Type) bool { return t == quant.F32 || t == quant.F16 || t == quant.BF16 }

// byLayer orders tensors by layer, those of none first, and by name.
func byLayer(a, b *modelfile.Tensor) int {
	return cmp.Or(cmp.Compare(layer(a.Name), layer(b.Name)), cmp.Compare(a.Name, b.Name))
}

// quantizable says whether a tensor is one of the matrices that a mixture is
// for. Norms, biases and rotation factors are small and stay as they are.
func quantizable(t *modelfile.Tensor) bool {
	return matrix(t.Shape) && strings.HasSuffix(t.Name, "weight") && !strings.Contains(t.Name, "_norm.weight")
}

// matrix says whether a shape has more than one dimension; outer dimensions of
// one do not count.
func matrix(shape []int) bool {
	for _, n := range shape[:max(len(shape)-1, 0)] {
		if n > 1 {
			return true
		}
	}
	return false
}

// layer returns the number in "blk.N.…", or −1.
func layer(name string) int {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return -1
	}
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// Types returns the type that each tensor of a model gets, by its name: that
// which llama.cpp's quantiser would choose without an importance matrix. Only
// where it gives up, on rows that no block divides, a tensor is F16.
func (m Mixture) Types(c *modelfile.Config, tensors []*modelfile.Tensor) (map[string]quant.Type, error) {
	base, _, err := m.base()
	if err != nil {
		return nil, err
	}
	// How many values and down projections came before counts, in the order of
	// the layers.
	order := slices.Clone(tensors)
	slices.SortFunc(order, byLayer)
	p := choice{mixture: m, base: base, layers: c.Layers, tied: true, seventy: seventyBillion(c)}
	for _, t := range order {
		switch {
		case strings.Contains(t.Name, "attn_v.weight"):
			p.values++
		case t.Name == "output.weight":
			p.tied = false
		}
	}
	types := make(map[string]quant.Type, len(order))
	for _, t := range order {
		switch {
		case !quantizable(t):
			types[t.Name] = quant.F32
			if !isFloat(t.Type) {
				types[t.Name] = t.Type
			}
		case isFloat(base):
			types[t.Name] = base
		default:
			types[t.Name] = fitting(p.choose(t), t.Shape[len(t.Shape)-1])
		}
	}
	return types, nil
}

// seventyBillion recognises the models of 80 layers whose value matrices are an
// eighth of the queries': more bits for them cost next to nothing.
func seventyBillion(c *modelfile.Config) bool {
	return c.Layers == 80 && (c.Heads != c.KVHeads || c.Architecture == "qwen2")
}

// choice is what a mixture's choice for a tensor depends on.
type choice struct {
	mixture       Mixture
	base          quant.Type
	layers        int
	tied, seventy bool
	values        int // value matrices in the model

	value, down int // met so far
}

// choose returns the type of a matrix, which may not fit its rows. It is to be
// called for the matrices in the order of the layers.
func (p *choice) choose(t *modelfile.Tensor) quant.Type {
	columns := t.Shape[len(t.Shape)-1]
	switch {
	case t.Name == "output.weight" || p.tied && t.Name == "token_embd.weight":
		if block, _ := p.base.Block(); columns%block != 0 || p.base == quant.Q8_0 {
			return quant.Q8_0
		}
		return quant.Q6_K
	case strings.Contains(t.Name, "attn_v.weight"):
		p.value++
		return p.chooseValue(p.value - 1)
	case strings.Contains(t.Name, "ffn_down"):
		p.down++
		return p.chooseDown(p.down - 1)
	}
	return p.base
}

func (p *choice) chooseValue(i int) quant.Type {
	t := p.base
	switch p.mixture {
	case Q4_K_M, Q5_K_M:
		if sensitive(i, p.values) {
			t = quant.Q6_K
		}
	case Q4_K_S:
		if i < 4 {
			t = quant.Q5_K
		}
	}
	if p.seventy && t == quant.Q4_K {
		return quant.Q5_K
	}
	return t
}

func (p *choice) chooseDown(i int) quant.Type {
	switch p.mixture {
	case Q4_K_M, Q5_K_M:
		if sensitive(i, p.layers) {
			return quant.Q6_K
		}
	case Q4_K_S:
		if i < p.layers/8 {
			return quant.Q5_K
		}
	}
	return p.base
}

// sensitive says whether layer i of n is in the first or last eighth or every
// third between: those that the M mixtures give more bits.
func sensitive(i, n int) bool {
	return i < n/8 || i >= 7*n/8 || (i-n/8)%3 == 2
}

// fitting returns the type, or one of about as many bits whose block divides
// the columns.
func fitting(t quant.Type, columns int) quant.Type {
	fits := func(t quant.Type) bool {
		block, _ := t.Block()
		return columns%block == 0
	}
	if fits(t) {
		return t
	}
	switch t {
	case quant.Q4_K:
		t = quant.Q5_0
	case quant.Q5_K:
		t = quant.Q5_1
	case quant.Q6_K:
		t = quant.Q8_0
	}
	if fits(t) {
		return t
	}
	return quant.F16
}
