package adapter

import (
	"fmt"
	"math"
	"strconv"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Meta is what an adapter's files say of it besides its numbers.
type Meta struct {
	// Base is what people call the base model, such as its name on a hub; empty
	// means what the adapter says.
	Base string
	// Type is the format of the numbers: quant.F32, quant.F16 or, in a PEFT
	// folder, quant.BF16.
	Type quant.Type
	// Dropout is what it was trained with: a note, without effect on answers.
	Dropout float64
}

// prepared checks what both formats want of an adapter of m and returns its
// changes with rows in the order asked for.
func prepared(a *Adapter, m *modelfile.Model, interleaved bool) ([]*Delta, error) {
	if err := a.finish(); err != nil {
		return nil, err
	}
	if err := a.Fits(m); err != nil {
		return nil, err
	}
	deltas, err := a.ordered(&m.Config, interleaved)
	if err != nil {
		return nil, err
	}
	for _, d := range deltas {
		if !adaptable(d.Name) {
			return nil, fmt.Errorf("%q cannot be adapted", d.Name)
		}
	}
	return deltas, nil
}

// boundTo returns the digest of the base that an adapter of m is written for.
func boundTo(a *Adapter, m *modelfile.Model) string {
	if a.BaseDigest != "" {
		return a.BaseDigest
	}
	return m.Digest
}

// encode returns numbers in a format, and fails where one is none or too large.
func encode(name string, kind quant.Type, x []float32) ([]byte, error) {
	data := make([]byte, kind.Size(len(x)))
	quant.Quantize(data, kind, x)
	again := make([]float32, len(x))
	quant.Dequantize(again, kind, data)
	for i, v := range again {
		if v-v == 0 {
			continue
		}
		if x[i]-x[i] != 0 {
			return nil, fmt.Errorf("%q: number %d is %v", name, i, x[i])
		}
		return nil, fmt.Errorf("%q: number %d, %v, is too large for %v: try F32", name, i, x[i], kind)
	}
	return data, nil
}

// alpha returns the number that files have for a scale: what divided by divisor
// gives the scale back, the roundest of those.
func alpha(scale float32, divisor float64) float64 {
	a := float64(scale) * divisor
	for digits := 1; digits < 9; digits++ {
		round, err := strconv.ParseFloat(strconv.FormatFloat(a, 'g', digits, 64), 64)
		if err == nil && float32(round/divisor) == scale {
			return round
		}
	}
	return a
}

// divisor is what alpha is divided by.
func (a *Adapter) divisor(rank int) float64 {
	if a.Stabilised {
		return math.Sqrt(float64(rank))
	}
	return float64(rank)
}
