package modelstore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// facts is what an opened model says of itself.
type facts struct {
	format       string
	architecture string
	license      string
	parameters   int64
	quantisation string
	files        []string // names of the files that it was opened from
}

// inspect opens a model, which holds its tensors against what its configuration
// asks for. Where deep is not nil all numbers are read, which must be finite, and
// deep is told how many bytes of them are done.
func inspect(path string, deep func(done, total int64)) (f *facts, err error) {
	m, err := modelfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if len(m.Tensors) == 0 {
		return nil, errors.New("it holds a vocabulary and no weights")
	}
	if deep != nil {
		if err := errors.Join(m.CheckFinite(deep), m.Changed()); err != nil {
			return nil, err
		}
	}
	f = &facts{format: m.Format, architecture: m.Config.Architecture, license: m.Config.License, parameters: Parameters(m), quantisation: Quantisation(m)}
	for _, name := range m.Files {
		f.files = append(f.files, filepath.Base(name))
	}
	return f, nil
}

// Parameters returns how many numbers a model's tensors have together.
func Parameters(m *modelfile.Model) int64 {
	total := int64(0)
	for _, t := range m.Tensors {
		total += elements(t)
	}
	return total
}

func elements(t *modelfile.Tensor) int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// mixtures are the names of GGUF's "general.file_type" where that is a mixture
// of types; of others the name is the type's.
var mixtures = map[uint64]string{
	10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 21: "Q2_K_S",
}

// Quantisation names how a model's weights are kept: as its file calls the
// mixture, if that has the type of most parameters in its name, or else that type.
func Quantisation(m *modelfile.Model) string {
	count := map[quant.Type]int64{}
	for _, t := range m.Tensors {
		count[t.Type] += elements(t)
	}
	most, found := quant.Type(0), false
	for _, t := range quant.Types() { // in a fixed order: of equal counts the first
		if count[t] > 0 && (!found || count[t] > count[most]) {
			most, found = t, true
		}
	}
	if !found {
		return ""
	}
	for _, p := range m.Properties {
		if p.Key != "general.file_type" {
			continue
		}
		name := mixtures[number(p.Value)]
		if len(name) >= len(most.String()) && name[:len(most.String())] == most.String() {
			return name
		}
	}
	return most.String()
}

// number reads a whole number of metadata, whatever its width.
func number(v any) uint64 {
	switch n := v.(type) {
	case uint32:
		return uint64(n)
	case int32:
		return uint64(n)
	case uint64:
		return n
	case int64:
		return uint64(n)
	}
	return 0
}

// TypeCount is how many tensors of a model have a type, and what they hold.
type TypeCount struct {
	Type       string `json:"type"`
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// TypeCounts counts a model's tensors by type, in the order of the types' ids.
func TypeCounts(m *modelfile.Model) []TypeCount {
	by := map[quant.Type]*TypeCount{}
	for _, t := range m.Tensors {
		c := by[t.Type]
		if c == nil {
			c = &TypeCount{Type: t.Type.String()}
			by[t.Type] = c
		}
		c.Tensors++
		c.Parameters += elements(t)
		c.Bytes += int64(len(t.Data))
	}
	var out []TypeCount
	for _, t := range quant.Types() {
		if c := by[t]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// refused makes an error of what is wrong with a model.
func refused(path string, err error) error {
	return input(fmt.Sprintf("import %q", path), err, "the model cannot be used as it is: get it again, or from elsewhere")
}
