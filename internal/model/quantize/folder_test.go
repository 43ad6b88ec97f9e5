package quantize_test

import (
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// TestFolder quantises a folder of safetensors and a GGUF file that hold the
// same model: the tensors come out the same.
func TestFolder(t *testing.T) {
	for _, o := range []modeltest.Options{
		{Architecture: "llama"},
		{Architecture: "llama", Tied: true, KVHeads: 4, Shards: 3},
		{Architecture: "mistral", HeadSize: 32},
		{Architecture: "qwen2"},
		{Architecture: "qwen3", HeadSize: 24},
		{Architecture: "llama", RopeFreqs: true},
		{Architecture: "llama", Scaling: "yarn"},
		{Architecture: "llama", SentencePiece: true},
	} {
		o.ChatTemplate = modeltest.ChatTemplate
		for _, mixture := range []quantize.Mixture{quantize.F32, quantize.Q4_K_M} {
			a := convert(t, open(t, modeltest.GGUF(t, o)), quantize.Options{Mixture: mixture})
			b := convert(t, open(t, modeltest.Folder(t, o)), quantize.Options{Mixture: mixture})
			got := byName(b)
			if len(got) != len(a.Tensors) {
				t.Errorf("%+v, %v: %d tensors, want %d", o, mixture, len(got), len(a.Tensors))
			}
			for _, want := range a.Tensors {
				tensor := got[want.Name]
				if tensor == nil || tensor.Type != want.Type || !slices.Equal(tensor.Data, want.Data) {
					t.Errorf("%+v, %v: tensor %q differs", o, mixture, want.Name)
				}
			}
			if b.ChatTemplate != a.ChatTemplate {
				t.Errorf("%+v: chat template %q", o, b.ChatTemplate)
			}
		}
	}
}
