package quantize

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// rotationFactors returns the tensor by which GGUF files of Llama 3.1 divide the
// rotation's frequencies: 1 for those that turn often within the first
// training's positions, the scaling's factor for those that turn less than
// LowFreq times, and between the two in between.
//
// Source: Llama 3.1's published inference code, apply_scaling.
func rotationFactors(c *modelfile.Config) *modelfile.Tensor {
	r, dims := &c.RoPE, turning(c)
	t := &modelfile.Tensor{Name: "rope_freqs.weight", Type: quant.F32, Shape: []int{dims / 2}}
	for i := range dims / 2 {
		wavelength := 2 * math.Pi * math.Pow(r.Base, float64(2*i)/float64(dims))
		turns := float64(r.OriginalContext) / wavelength
		factor := 1.0
		switch {
		case turns < r.LowFreq:
			factor = r.Factor
		case turns <= r.HighFreq:
			smooth := (turns - r.LowFreq) / (r.HighFreq - r.LowFreq)
			factor = 1 / (float64((1-smooth)/r.Factor) + smooth)
		}
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(factor)))
	}
	return t
}

// headRows returns how many rows of a tensor are one head whose halves are to be
// interleaved for GGUF, or 0 for a tensor whose rows stay.
func headRows(m *modelfile.Model, name string) (int, error) {
	c := &m.Config
	if m.Format == formatGGUF || c.RoPE.Interleaved {
		return 0, nil
	}
	if arch, err := architecture(c); err != nil || arch != "llama" {
		return 0, err
	}
	if !strings.Contains(name, ".attn_q.") && !strings.Contains(name, ".attn_k.") {
		return 0, nil
	}
	if turning(c) != c.HeadSize {
		return 0, fmt.Errorf("%d of %d numbers of a head turn: this cannot be written as GGUF", turning(c), c.HeadSize)
	}
	return c.HeadSize, nil
}
