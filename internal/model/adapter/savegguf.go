package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// ErrDecomposed is the error of a decomposed adapter (DoRA) where a format has no
// place for the lengths of rows.
var ErrDecomposed = errors.New("GGUF adapters cannot hold magnitudes (DoRA): save a PEFT folder, or merge the adapter into its base")

// SaveGGUF writes an adapter of m as the GGUF file that llama.cpp loads. The
// file appears when it is whole; one that is there is replaced.
//
// The format has one alpha for all matrices: where scales times ranks differ, B
// is multiplied by what is missing. The same adapter gives the same bytes.
func SaveGGUF(path string, a *Adapter, m *modelfile.Model, meta Meta) error {
	if err := saveGGUF(path, a, m, meta); err != nil {
		return fmt.Errorf("save adapter %q: %w", path, err)
	}
	return nil
}

func saveGGUF(path string, a *Adapter, m *modelfile.Model, meta Meta) error {
	if meta.Type != quant.F32 && meta.Type != quant.F16 {
		return fmt.Errorf("numbers of %v are not possible: want F32 or F16", meta.Type)
	}
	if a.Decomposed() {
		return ErrDecomposed
	}
	architecture := family(m.Config.Architecture)
	deltas, err := prepared(a, m, architecture == "llama")
	if err != nil {
		return err
	}
	first := alpha(deltas[0].Scale, float64(deltas[0].Rank))
	if first == 0 {
		first = 1 // 0 would mean a scale of 1; B is made 0 below
	}
	var tensors []gguf.Tensor
	for _, d := range deltas {
		low, errA := encode(d.Name, meta.Type, d.A)
		high, errB := encode(d.Name, meta.Type, scaled(d, float32(first)))
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		tensors = append(tensors,
			gguf.Tensor{Name: d.Name + ".lora_a", Type: meta.Type, Shape: []int{d.Rank, d.In}, Data: low},
			gguf.Tensor{Name: d.Name + ".lora_b", Type: meta.Type, Shape: []int{d.Out, d.Rank}, Data: high})
	}
	properties := []gguf.Property{
		{Key: "general.architecture", Value: architecture},
		{Key: "general.type", Value: "adapter"},
		{Key: "adapter.type", Value: "lora"},
		{Key: "adapter.lora.alpha", Value: float32(first)},
	}
	if base := cmp.Or(meta.Base, a.Base); base != "" {
		properties = append(properties, gguf.Property{Key: "general.base_model.count", Value: uint32(1)},
			gguf.Property{Key: "general.base_model.0.name", Value: base})
	}
	if digest := boundTo(a, m); digest != "" {
		properties = append(properties, gguf.Property{Key: DigestKey, Value: digest})
	}
	return files.Replace(path, func(f *os.File) error { return gguf.Write(f, properties, tensors) })
}

// scaled returns B so that alpha over the rank is its scale.
func scaled(d *Delta, alpha float32) []float32 {
	scale := float32(float64(alpha) / float64(d.Rank)) // as it will be read
	if scale == d.Scale {
		return d.B
	}
	out := make([]float32, len(d.B))
	for i, v := range d.B {
		out[i] = float32(float64(v) * (float64(d.Scale) / float64(scale)))
	}
	return out
}
