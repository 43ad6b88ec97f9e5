package gradient_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestMemoryNeeded compares what is foreseen of parameters with the parameters
// that there are, and wants checkpointing to take less.
func TestMemoryNeeded(t *testing.T) {
	file, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, o := range map[string]gradient.Options{
		"full":    {Full: true},
		"default": {LoRA: &gradient.LoRA{}},
		"all":     {LoRA: &gradient.LoRA{Rank: 3, Targets: []string{"q", "k", "v", "o", "gate", "up", "down"}}},
	} {
		m, err := gradient.Load(file, o)
		if err != nil {
			t.Fatal(err)
		}
		trained := int64(0)
		for _, p := range m.Parameters() {
			trained += int64(len(p.Value))
		}
		m.Close()
		need := gradient.MemoryNeeded(file, o, 100)
		if need.Parameters != 16*trained || need.Activations <= 0 || need.Weights <= 0 || need.Total() != need.Parameters+need.Activations+need.Weights {
			t.Errorf("%s: %+v for %d parameters", name, need, trained)
		}
		o.Checkpoint = true
		if less := gradient.MemoryNeeded(file, o, 100); less.Activations >= need.Activations {
			t.Errorf("%s: %d with checkpointing, %d without", name, less.Activations, need.Activations)
		}
		if more := gradient.MemoryNeeded(file, o, 5000); more.Activations <= need.Activations {
			t.Errorf("%s: a document of 5,000 tokens takes no more", name)
		}
	}
}
