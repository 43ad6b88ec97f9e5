package adapter

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
)

// parseGGUF reads a GGUF file that holds an adapter.
func parseGGUF(data []byte) (*Adapter, error) {
	f, err := gguf.Parse(data)
	if err != nil {
		return nil, err
	}
	for _, want := range [][2]string{{"general.type", "adapter"}, {"adapter.type", "lora"}} {
		if have := text(f, want[0]); have != want[1] {
			return nil, fmt.Errorf("%s is %.40q, not %q: this is no low-rank adapter", want[0], have, want[1])
		}
	}
	if _, ok := f.Value("adapter.alora.invocation_tokens"); ok {
		return nil, errors.New("adapter.alora.invocation_tokens: activated adapters are not supported")
	}
	alpha := float32(0)
	if v, ok := f.Value("adapter.lora.alpha"); ok {
		if alpha, ok = v.(float32); !ok {
			return nil, errors.New("adapter.lora.alpha is no float32")
		}
	}
	if math.IsNaN(float64(alpha)) || math.IsInf(float64(alpha), 0) {
		return nil, fmt.Errorf("adapter.lora.alpha is %v", alpha)
	}
	a := &Adapter{
		Architecture: text(f, "general.architecture"),
		Base:         text(f, "general.base_model.0.name"),
		BaseDigest:   text(f, DigestKey),
	}
	switch a.Architecture {
	case "llama":
		a.interleaved = true
	case "qwen2", "qwen3":
	default:
		return nil, fmt.Errorf("general.architecture: %.40q is not supported", a.Architecture)
	}
	all := pairs{}
	for _, t := range f.Tensors {
		target, which, err := ggufTarget(t.Name)
		if err != nil {
			return nil, err
		}
		if err := all.set(target, which, &matrix{t.Type, t.Shape, t.Data}); err != nil {
			return nil, err
		}
	}
	a.Deltas, err = all.deltas(func(_ string, rank int) (float64, error) {
		if alpha == 0 {
			return 1, nil // as llama.cpp has it
		}
		return float64(alpha) / float64(rank), nil
	})
	return a, err
}

// ggufTarget cuts "blk.0.attn_q.weight.lora_a" into the matrix and "A".
func ggufTarget(name string) (target, which string, err error) {
	if target, ok := strings.CutSuffix(name, ".lora_a"); ok && adaptable(target) {
		return target, "A", nil
	}
	if target, ok := strings.CutSuffix(name, ".lora_b"); ok && adaptable(target) {
		return target, "B", nil
	}
	return "", "", fmt.Errorf("tensor %q: adapters of this kind are not supported", name)
}

// text returns a string of the metadata, "" if there is none.
func text(f *gguf.File, key string) string {
	v, _ := f.Value(key)
	s, _ := v.(string)
	return s
}
