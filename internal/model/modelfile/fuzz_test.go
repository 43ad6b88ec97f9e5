package modelfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// FuzzOpenGGUF: whatever a file holds, Open returns an error or a model whose
// tensors have the sizes that its configuration says.
func FuzzOpenGGUF(f *testing.F) {
	small := []gguf.Property{
		{Key: "tokenizer.ggml.tokens", Value: []string{"a", "b", "ab", "<|eot_id|>"}},
		{Key: "tokenizer.ggml.token_type", Value: []int32{1, 1, 1, 3}}, {Key: "tokenizer.ggml.merges", Value: []string{"a b"}},
		{Key: "tokenizer.ggml.bos_token_id", Value: uint32(3)}, {Key: "tokenizer.ggml.eos_token_id", Value: uint32(3)},
		{Key: "tokenizer.ggml.eot_token_id"}, {Key: "tokenizer.ggml.padding_token_id"},
	}
	for _, o := range []modeltest.Options{
		{}, {Architecture: "qwen2", Tied: true}, {Architecture: "qwen3"}, {RopeFreqs: true, SlidingWindow: 9},
		{Scaling: "yarn", ChatTemplate: "{{ bos_token }}"}, {Edit: func([]gguf.Tensor) []gguf.Tensor { return nil }},
	} {
		o.Layers, o.Width, o.Heads, o.FeedForward, o.Vocabulary, o.Properties = 1, 4, 2, 4, 4, small
		b, err := os.ReadFile(modeltest.GGUF(f, o))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "fuzzed.gguf")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := modelfile.Open(path)
		if err != nil {
			return
		}
		for _, tensor := range m.Tensors {
			n := 1
			for _, d := range tensor.Shape {
				n *= d
			}
			if tensor.Type.Size(n) != len(tensor.Data) {
				t.Errorf("tensor %q: %d numbers in %d bytes", tensor.Name, n, len(tensor.Data))
			}
		}
		_ = m.CheckFinite(nil)
		_, _ = tokenizer.New(m.Tokenizer)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
