package quantize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// shape is a model without numbers.
type shape struct {
	arch                                       string
	layers, width, heads, kv, head, forward, v int
	tied                                       bool
}

func (s shape) config() *modelfile.Config {
	return &modelfile.Config{Architecture: s.arch, Layers: s.layers, Width: s.width, Heads: s.heads, KVHeads: s.kv,
		HeadSize: s.head, FeedForward: s.forward, Vocabulary: s.v, NormEpsilon: 1e-5, Context: 64, RoPE: modelfile.RoPE{Base: 10000}}
}

// tensors lists what a model of the shape has, in an order that files may have:
// layer 10 stands before layer 2.
func (s shape) tensors() []*modelfile.Tensor {
	var all []*modelfile.Tensor
	add := func(name string, dims ...int) {
		t := &modelfile.Tensor{Name: name + ".weight", Type: quant.BF16, Shape: dims}
		if len(dims) == 1 {
			t.Type = quant.F32
		}
		all = append(all, t)
	}
	for i := range s.layers {
		b := fmt.Sprintf("blk.%d.", i)
		add(b+"attn_norm", s.width)
		add(b+"attn_q", s.heads*s.head, s.width)
		add(b+"attn_k", s.kv*s.head, s.width)
		add(b+"attn_v", s.kv*s.head, s.width)
		add(b+"attn_output", s.width, s.heads*s.head)
		add(b+"ffn_norm", s.width)
		add(b+"ffn_gate", s.forward, s.width)
		add(b+"ffn_up", s.forward, s.width)
		add(b+"ffn_down", s.width, s.forward)
	}
	slices.SortFunc(all, func(a, b *modelfile.Tensor) int { return strings.Compare(a.Name, b.Name) })
	if !s.tied {
		add("output", s.v, s.width)
	}
	add("output_norm", s.width)
	add("token_embd", s.v, s.width)
	return all
}

var eightBillion = shape{"llama", 32, 4096, 32, 8, 128, 14336, 128256, false}

func TestTypes(t *testing.T) {
	// Of 32 layers: 0–3, 28–31, and of those between every third from 6 on.
	sensitive := map[int]bool{0: true, 1: true, 2: true, 3: true, 6: true, 9: true, 12: true, 15: true, 18: true, 21: true,
		24: true, 27: true, 28: true, 29: true, 30: true, 31: true}
	seventy := shape{"llama", 80, 8192, 64, 8, 128, 28672, 128256, false}
	narrow := shape{"llama", 8, 64, 4, 2, 16, 96, 300, false}
	tests := []struct {
		mixture quantize.Mixture
		shape   shape
		base    quant.Type
		want    func(name string, layer int) (quant.Type, bool) // of exceptions
	}{
		{quantize.F16, eightBillion, quant.F16, nil},
		{quantize.Q8_0, eightBillion, quant.Q8_0, nil},
		{quantize.Q6_K, eightBillion, quant.Q6_K, nil},
		{quantize.Q4_0, eightBillion, quant.Q4_0, func(name string, _ int) (quant.Type, bool) {
			return quant.Q6_K, name == "output"
		}},
		{quantize.Q4_K_M, eightBillion, quant.Q4_K, func(name string, layer int) (quant.Type, bool) {
			return quant.Q6_K, name == "output" || (name == "attn_v" || name == "ffn_down") && sensitive[layer]
		}},
		{quantize.Q5_K_M, eightBillion, quant.Q5_K, func(name string, layer int) (quant.Type, bool) {
			return quant.Q6_K, name == "output" || (name == "attn_v" || name == "ffn_down") && sensitive[layer]
		}},
		{quantize.Q4_K_S, eightBillion, quant.Q4_K, func(name string, layer int) (quant.Type, bool) {
			if name == "output" {
				return quant.Q6_K, true
			}
			return quant.Q5_K, (name == "attn_v" || name == "ffn_down") && layer < 4
		}},
		{quantize.Q5_K_S, eightBillion, quant.Q5_K, func(name string, _ int) (quant.Type, bool) {
			return quant.Q6_K, name == "output"
		}},
		{quantize.Q4_K_S, seventy, quant.Q4_K, func(name string, layer int) (quant.Type, bool) {
			if name == "output" {
				return quant.Q6_K, true
			}
			return quant.Q5_K, name == "attn_v" || name == "ffn_down" && layer < 10
		}},
		{quantize.Q4_K_S, shape{"llama", 16, 2048, 32, 8, 64, 8192, 128256, true}, quant.Q4_K, func(name string, layer int) (quant.Type, bool) {
			if name == "token_embd" {
				return quant.Q6_K, true
			}
			return quant.Q5_K, name == "attn_v" && layer < 4 || name == "ffn_down" && layer < 2
		}},
		// Rows of 64 and 96 are no super-blocks: 8 layers have 0, 3, 6 and 7 sensitive.
		{quantize.Q4_K_M, narrow, quant.Q5_0, func(name string, layer int) (quant.Type, bool) {
			return quant.Q8_0, name == "output" || (name == "attn_v" || name == "ffn_down") && (layer%3 == 0 || layer == 7)
		}},
		{quantize.Q5_K_S, narrow, quant.Q5_1, func(name string, _ int) (quant.Type, bool) {
			return quant.Q8_0, name == "output"
		}},
		{quantize.Q6_K, narrow, quant.Q8_0, nil},
		{quantize.Q4_0, narrow, quant.Q4_0, func(name string, _ int) (quant.Type, bool) {
			return quant.Q8_0, name == "output" // Q6_K does not fit
		}},
		// Nothing fits rows of 40.
		{quantize.Q8_0, shape{"llama", 1, 40, 5, 5, 8, 80, 300, false}, quant.F16, nil},
		{quantize.Q4_K_M, shape{"llama", 1, 40, 5, 5, 8, 80, 300, true}, quant.F16, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v/%d", tt.mixture, tt.shape.width), func(t *testing.T) {
			tensors := tt.shape.tensors()
			got, err := tt.mixture.Types(tt.shape.config(), tensors)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]quant.Type{}
			for _, tensor := range tensors {
				name, layer := strings.TrimSuffix(tensor.Name, ".weight"), -1
				if strings.HasPrefix(name, "blk.") {
					fmt.Sscanf(name, "blk.%d.%s", &layer, &name)
				}
				want[tensor.Name] = tt.base
				if strings.HasSuffix(name, "norm") {
					want[tensor.Name] = quant.F32
				} else if tt.want != nil {
					if typ, ok := tt.want(name, layer); ok {
						want[tensor.Name] = typ
					}
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("types (-want +got):\n%s", d)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, m := range quantize.Mixtures() {
		if got, err := quantize.Parse(strings.ToLower(string(m))); err != nil || got != m {
			t.Errorf("Parse(%q) = %v, %v", strings.ToLower(string(m)), got, err)
		}
	}
	for _, name := range []string{"", "Q4_K", "Q4_K_XL", "IQ4_XS"} {
		if _, err := quantize.Parse(name); err == nil {
			t.Errorf("Parse(%q) found a mixture", name)
		}
	}
	if _, err := quantize.Mixture("Q4_K").Types(eightBillion.config(), eightBillion.tensors()); err == nil {
		t.Error("a mixture that is not known gave types")
	}
}
