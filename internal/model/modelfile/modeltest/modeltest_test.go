package modeltest_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

func read(t *testing.T, path string) *gguf.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSameBytes(t *testing.T) {
	o := modeltest.Options{Architecture: "qwen3", Type: quant.Q8_0, Seed: 3}
	a, err := os.ReadFile(modeltest.GGUF(t, o))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(modeltest.GGUF(t, o))
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("two models of the same options differ (%v)", err)
	}
	o.Seed++
	if c, err := os.ReadFile(modeltest.GGUF(t, o)); err != nil || bytes.Equal(a, c) {
		t.Errorf("two models of different seeds are the same (%v)", err)
	}
}

func TestTypes(t *testing.T) {
	for _, kind := range quant.Types() {
		_, tensors, err := modeltest.Build(modeltest.Options{Type: kind})
		if kind.Writable() != (err == nil) {
			t.Errorf("%v: %v", kind, err)
			continue
		}
		for _, tensor := range tensors {
			want := kind
			if len(tensor.Shape) == 1 {
				want = quant.F32
			}
			if tensor.Type != want {
				t.Errorf("%s is %v, want %v", tensor.Name, tensor.Type, want)
			}
		}
	}
	if _, _, err := modeltest.Build(modeltest.Options{Type: quant.Q4_K, Width: 64}); err == nil {
		t.Error("rows of 64 in blocks of 256: no error")
	}
}

// TestSize: what a matrix makes of numbers of unit size has unit size.
func TestSize(t *testing.T) {
	_, tensors, err := modeltest.Build(modeltest.Options{Width: 128})
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range tensors {
		if !strings.HasSuffix(tensor.Name, "attn_q.weight") {
			continue
		}
		x := make([]float32, tensor.Shape[0]*tensor.Shape[1])
		quant.Dequantize(x, tensor.Type, tensor.Data)
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		if got := math.Sqrt(sum / float64(tensor.Shape[0])); got < 0.9 || got > 1.1 {
			t.Errorf("rows of %s have length %.3f", tensor.Name, got)
		}
	}
}

func TestVocabularies(t *testing.T) {
	const text = "Phishing: the alert of host \"web-01\" → {\"severity\":\"high\"}\n\n\x00\xff"
	for _, o := range []modeltest.Options{{}, {Architecture: "qwen2"}, {SentencePiece: true}} {
		spec := modeltest.Vocabulary(o)
		tok, err := tokenizer.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		ids := tok.Encode(text)
		got := strings.TrimPrefix(string(tok.Decode(ids)), " ")
		if want := text; got != want && !o.SentencePiece {
			t.Errorf("decoded %q, want %q", got, want)
		}
		if len(ids) > len(text)*3/4 {
			t.Errorf("%d tokens of %d bytes: the merges do little", len(ids), len(text))
		}
		for _, id := range spec.EndOfGeneration {
			if !tok.IsControl(id) {
				t.Errorf("token %d, %q, ends generation but is not control", id, spec.Tokens[id])
			}
		}
	}
}

func TestOptions(t *testing.T) {
	f := read(t, modeltest.GGUF(t, modeltest.Options{
		Vocabulary: 700, Tied: true, SlidingWindow: 9, RopeFreqs: true, Scaling: "yarn", ChatTemplate: "x",
		Properties: []gguf.Property{{Key: "general.name", Value: "other"}, {Key: "llama.vocab_size"}, {Key: "new", Value: true}},
	}))
	for key, want := range map[string]any{
		"llama.attention.sliding_window": uint32(9), "llama.rope.scaling.type": "yarn", "tokenizer.chat_template": "x",
		"general.name": "other", "llama.vocab_size": nil, "new": true,
	} {
		if got, _ := f.Value(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	names := map[string][]int{}
	for _, tensor := range f.Tensors {
		names[tensor.Name] = tensor.Shape
	}
	if names["output.weight"] != nil || names["rope_freqs.weight"] == nil || names["token_embd.weight"][0] != 700 {
		t.Errorf("tensors %v", names)
	}
}

func TestShards(t *testing.T) {
	whole := read(t, modeltest.GGUF(t, modeltest.Options{}))
	path := modeltest.GGUF(t, modeltest.Options{Shards: 3})
	if filepath.Base(path) != "tiny-00001-of-00003.gguf" {
		t.Errorf("path %q", path)
	}
	paths, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	var tensors []gguf.Tensor
	for i, p := range paths {
		f := read(t, p)
		if no, _ := f.Value("split.no"); no != uint16(i) {
			t.Errorf("%s is shard %v", p, no)
		}
		tensors = append(tensors, f.Tensors...)
	}
	if len(paths) != 3 || !cmp.Equal(whole.Tensors, tensors, cmp.Comparer(bytes.Equal)) {
		t.Errorf("%d shards with %d tensors of %d", len(paths), len(tensors), len(whole.Tensors))
	}
}
