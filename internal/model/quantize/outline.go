package quantize

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
)

// Outline returns what a GGUF file of a model in a mixture holds, its numbers
// aside: the metadata, and the tensors in the order of m with the types that the
// mixture gives them. Of m's tensors only names, types and shapes are looked at.
//
// Where m is no GGUF file and its positions are scaled as Llama 3 does, the
// rotation factors come last: they alone have Data.
func Outline(m *modelfile.Model, mixture Mixture) ([]gguf.Property, []gguf.Tensor, error) {
	_, fileType, err := mixture.base()
	if err != nil {
		return nil, nil, err
	}
	properties, err := metadata(m, fileType)
	if err != nil {
		return nil, nil, err
	}
	all := m.Tensors
	if m.Format != formatGGUF && m.Config.RoPE.Scaling == modelfile.ScalingLlama3 {
		all = append(all[:len(all):len(all)], rotationFactors(&m.Config))
	}
	types, err := mixture.Types(&m.Config, all)
	if err != nil {
		return nil, nil, err
	}
	tensors := make([]gguf.Tensor, len(all))
	for i, t := range all {
		tensors[i] = gguf.Tensor{Name: t.Name, Type: types[t.Name], Shape: t.Shape, Data: t.Data}
	}
	return properties, tensors, nil
}
