package quantize_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// halves is a model as a folder of safetensors holds it: BF16 throughout, heads
// whose halves are rotated together, and one row more than there are tokens.
// Each number says where it stands: its row, and a half more in odd columns.
func halves(s shape, bias bool) *modelfile.Model {
	spec := modeltest.Vocabulary(modeltest.Options{})
	s.v = len(spec.Tokens) + 1
	m := &modelfile.Model{Format: "safetensors", Config: *s.config(), Tokenizer: spec, ChatTemplate: "{{ bos_token }}"}
	m.Config.Name, m.Config.License = "halves", "mit"
	m.Tensors = s.tensors()
	for i := range s.layers {
		add := func(name string, n int) {
			m.Tensors = append(m.Tensors, &modelfile.Tensor{Name: fmt.Sprintf("blk.%d.%s", i, name), Shape: []int{n}})
		}
		if bias {
			add("attn_q.bias", s.heads*s.head)
			add("attn_k.bias", s.kv*s.head)
			add("attn_v.bias", s.kv*s.head)
		}
		if s.arch == "qwen3" {
			add("attn_q_norm.weight", s.head)
			add("attn_k_norm.weight", s.head)
		}
	}
	for _, t := range m.Tensors {
		t.Type = quant.BF16
		columns := 1
		if len(t.Shape) == 2 {
			columns = t.Shape[1]
		}
		for row := range t.Shape[0] {
			for column := range columns {
				f := float32(row%128) + float32(column%2)/2
				t.Data = binary.LittleEndian.AppendUint16(t.Data, quant.ToBF16(f))
			}
		}
	}
	return m
}

func convert(t *testing.T, m *modelfile.Model, o quantize.Options) *modelfile.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.gguf")
	if _, err := quantize.Quantize(t.Context(), m, path, o); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

var small = shape{"llama", 2, 48, 4, 2, 12, 64, 0, false}

func TestConvert(t *testing.T) {
	for _, arch := range []string{"llama", "mistral", "qwen2", "qwen3"} {
		t.Run(arch, func(t *testing.T) {
			s := small
			s.arch = arch
			source := halves(s, arch == "qwen2")
			source.Config.SlidingWindow = 17
			m := convert(t, source, quantize.Options{Mixture: quantize.F32})
			want := source.Config
			if arch == "mistral" || arch == "llama" {
				want.Architecture = "llama"
				want.RoPE.Interleaved = true
			}
			want.RoPE.Dims = m.Config.RoPE.Dims // all, by number
			if d := cmp.Diff(want, m.Config, about); d != "" {
				t.Errorf("configuration (-source +written):\n%s", d)
			}
			if m.ChatTemplate != source.ChatTemplate {
				t.Errorf("chat template %q", m.ChatTemplate)
			}
			checkVocabulary(t, source, m)
			for _, tensor := range m.Tensors {
				if tensor.Type != quant.F32 {
					t.Errorf("tensor %q is %v", tensor.Name, tensor.Type)
				}
			}
		})
	}
}

// about takes float32's rounding for equal.
var about = cmp.Comparer(func(a, b float64) bool { return float32(a) == float32(b) })

func checkVocabulary(t *testing.T, source, m *modelfile.Model) {
	t.Helper()
	want := source.Tokenizer
	n := len(want.Tokens)
	want.Tokens = append(slices.Clone(want.Tokens), fmt.Sprintf("[PAD%d]", n))
	want.Types = append(slices.Clone(want.Types), tokenizer.Unused)
	if d := cmp.Diff(want, m.Tokenizer); d != "" {
		t.Errorf("tokenizer (-source +written):\n%s", d)
	}
}

// TestConvertRows follows each row of the queries and keys: GGUF has the first
// of each half first, then the second of each, where the source has halves.
func TestConvertRows(t *testing.T) {
	for _, mixture := range []quantize.Mixture{quantize.F32, quantize.F16, quantize.BF16} {
		m := convert(t, halves(small, true), quantize.Options{Mixture: mixture})
		for _, tensor := range m.Tensors {
			x := numbers(t, tensor)
			columns := len(x) / tensor.Shape[0]
			for row := range tensor.Shape[0] {
				want := row
				switch tensor.Name[min(len("blk.0."), len(tensor.Name)-1):] {
				case "attn_q.weight", "attn_k.weight", "attn_q.bias", "attn_k.bias":
					want = []int{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}[row%12] + row/12*12
				}
				if got := x[row*columns]; got != float32(want%128) {
					t.Fatalf("%v: row %d of %q is row %v of the source, want %d", mixture, row, tensor.Name, got, want)
				}
			}
		}
	}
}

// TestConvertRowsInPieces has rows that do not divide the pieces in which a
// tensor is converted.
func TestConvertRowsInPieces(t *testing.T) {
	s := shape{"llama", 1, 96, 66, 66, 64, 32, 0, true} // queries of 4,224 rows of 96
	m := convert(t, halves(s, false), quantize.Options{Mixture: quantize.F32, Threads: 2})
	x := numbers(t, byName(m)["blk.0.attn_q.weight"])
	for row := range 66 * 64 {
		within := row % 64
		want := row - within + within%2*32 + within/2
		for column := range 96 {
			if got := x[row*96+column]; got != float32(want%128)+float32(column%2)/2 {
				t.Fatalf("row %d, column %d holds %v, want row %d", row, column, got, want)
			}
		}
	}
}

func TestConvertLlama3Scaling(t *testing.T) {
	source := halves(shape{"llama", 1, 256, 2, 1, 128, 64, 0, false}, false)
	source.Config.RoPE = modelfile.RoPE{Base: 500000, Scaling: modelfile.ScalingLlama3, Factor: 8, LowFreq: 1, HighFreq: 4, OriginalContext: 8192}
	m := convert(t, source, quantize.Options{Mixture: quantize.F32})
	if m.Config.RoPE.Scaling != modelfile.ScalingNone {
		t.Errorf("positions are scaled twice: %+v", m.Config.RoPE)
	}
	freqs := byName(m)["rope_freqs.weight"]
	if freqs == nil {
		t.Fatal("there are no rotation factors")
	}
	x := numbers(t, freqs)
	// Of 64 frequencies, number i turns 8192/(2π·500000^(i/64)) times within
	// 8,192 positions: 4 times at i = 28.2, once at i = 34.98.
	for i, f := range x {
		want := float64(f)
		switch {
		case i <= 28:
			want = 1
		case i >= 35:
			want = 8
		case i == 32:
			turns := 8192 / (2 * math.Pi * math.Sqrt(500000))
			share := (turns - 1) / 3
			want = 1 / ((1-share)/8 + share)
		default:
			if f <= x[i-1] || f >= 8 {
				t.Errorf("factor %d is %v after %v", i, f, x[i-1])
			}
		}
		if math.Abs(float64(f)-want) > 1e-6*want {
			t.Errorf("factor %d is %v, want %v", i, f, want)
		}
	}
}

func TestConvertOtherScalings(t *testing.T) {
	for _, rope := range []modelfile.RoPE{
		{Base: 10000, Scaling: modelfile.ScalingLinear, Factor: 4},
		{Base: 10000, Scaling: modelfile.ScalingYaRN, Factor: 4, OriginalContext: 32, BetaFast: 32, BetaSlow: 1, Attention: 1.25},
	} {
		source := halves(small, false)
		source.Config.RoPE = rope
		m := convert(t, source, quantize.Options{Mixture: quantize.Q8_0})
		got := m.Config.RoPE
		rope.Dims, rope.Interleaved = got.Dims, true
		if d := cmp.Diff(rope, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) })); d != "" {
			t.Errorf("%v (-source +written):\n%s", rope.Scaling, d)
		}
	}
}

func TestConvertGeneration(t *testing.T) {
	source := halves(small, false)
	temperature, topP, topK := 0.25, 0.5, 40
	source.Generation = modelfile.Generation{Temperature: &temperature, TopP: &topP, TopK: &topK}
	m := convert(t, source, quantize.Options{})
	if d := cmp.Diff(source.Generation, m.Generation); d != "" {
		t.Errorf("generation (-source +written):\n%s", d)
	}
}

func TestConvertRefuses(t *testing.T) {
	for what, edit := range map[string]func(*modelfile.Model){
		"an unknown architecture": func(m *modelfile.Model) { m.Config.Architecture = "falcon" },
		"more tokens than rows":   func(m *modelfile.Model) { m.Config.Vocabulary = len(m.Tokenizer.Tokens) - 1 },
		"an unknown tokenizer":    func(m *modelfile.Model) { m.Tokenizer.Kind = "words" },
		"an unknown scaling":      func(m *modelfile.Model) { m.Config.RoPE.Scaling = "longrope" },
		"half a head that turns":  func(m *modelfile.Model) { m.Config.RoPE.Dims = 6 },
		"heads that do not fit":   func(m *modelfile.Model) { m.Config.HeadSize = 10 },
		"negative layers":         func(m *modelfile.Model) { m.Config.Layers = -1 },
	} {
		m := halves(small, false)
		edit(m)
		if _, err := quantize.Quantize(t.Context(), m, filepath.Join(t.TempDir(), "out.gguf"), quantize.Options{}); err == nil {
			t.Errorf("%s: it was written", what)
		}
	}
}
