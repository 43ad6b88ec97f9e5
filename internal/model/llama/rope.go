package llama

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// rope turns queries and keys by their position.
type rope struct {
	frequencies []float64 // of each pair, radians a position
	// magnitude multiplies cosines and sines; it is 1 but for YaRN.
	magnitude   float64
	interleaved bool
}

// ropeDims returns how many numbers of a head turn.
func ropeDims(c modelfile.Config) int {
	if c.RoPE.Dims == 0 {
		return c.HeadSize
	}
	return c.RoPE.Dims
}

// newRope computes the frequencies: Base^(-2i/dims) of pair i, scaled as the
// configuration says. divisors, [dims/2] or nil, are a file's own scaling: each
// frequency is divided by its divisor. They stand for llama3, which is then not
// computed again.
//
// Sources: Su et al. 2021, arXiv:2104.09864; for llama3 the Llama 3.1 release;
// for YaRN Peng et al. 2023, arXiv:2309.00071. llama.cpp and Hugging Face agree
// on all of them.
func newRope(c modelfile.Config, divisors []float32) (rope, error) {
	s, dims := c.RoPE, ropeDims(c)
	r := rope{frequencies: make([]float64, dims/2), magnitude: 1, interleaved: s.Interleaved}
	if !(s.Base > 1) || math.IsInf(s.Base, 0) {
		return r, fmt.Errorf("rotary base %v is not larger than 1", s.Base)
	}
	powers := roots(s.Base, dims)
	for i := range r.frequencies {
		r.frequencies[i] = powers[2*i]
	}
	for i, d := range divisors {
		if !(d > 0) || math.IsInf(float64(d), 0) {
			return r, fmt.Errorf("tensor %q: divisor %d is %v", "rope_freqs.weight", i, d)
		}
		r.frequencies[i] /= float64(d)
	}
	if s.Scaling == modelfile.ScalingNone || s.Scaling == modelfile.ScalingLlama3 && divisors != nil {
		return r, nil
	}
	if !(s.Factor > 0) || math.IsInf(s.Factor, 0) {
		return r, fmt.Errorf("rotary scaling %q has factor %v", s.Scaling, s.Factor)
	}
	if s.OriginalContext <= 0 {
		s.OriginalContext = c.Context
	}
	switch s.Scaling {
	case modelfile.ScalingLinear:
		for i := range r.frequencies {
			r.frequencies[i] /= s.Factor
		}
		return r, nil
	case modelfile.ScalingLlama3:
		return r, r.scaleLlama3(s)
	case modelfile.ScalingYaRN:
		return r, r.scaleYaRN(s, dims)
	}
	return r, fmt.Errorf("rotary scaling %q is not known", s.Scaling)
}

// scaleLlama3 divides by Factor the frequencies that turn less than LowFreq
// times in the original context, leaves those that turn more than HighFreq times,
// and goes from one to the other in between.
func (r *rope) scaleLlama3(s modelfile.RoPE) error {
	if !(s.LowFreq > 0) || !(s.HighFreq > s.LowFreq) || s.OriginalContext <= 0 {
		return fmt.Errorf("rotary scaling llama3 between frequencies %v and %v of context %d makes no sense", s.LowFreq, s.HighFreq, s.OriginalContext)
	}
	for i, f := range r.frequencies {
		turns := float64(s.OriginalContext) * f / (2 * math.Pi)
		keep := (turns - s.LowFreq) / (s.HighFreq - s.LowFreq)
		keep = min(max(keep, 0), 1)
		r.frequencies[i] = float64((1-keep)*f/s.Factor) + float64(keep*f)
	}
	return nil
}

// The betas of YaRN where a file does not say them.
const (
	yarnBetaFast = 32
	yarnBetaSlow = 1
)

// scaleYaRN divides by Factor the frequencies that turn less than BetaSlow times
// in the original context, leaves those that turn more than BetaFast times, and
// goes from one to the other by pairs, whose ends are whole numbers.
func (r *rope) scaleYaRN(s modelfile.RoPE, dims int) error {
	fast, slow := s.BetaFast, s.BetaSlow
	if fast == 0 {
		fast = yarnBetaFast
	}
	if slow == 0 {
		slow = yarnBetaSlow
	}
	if !(fast > 0) || !(slow > 0) || s.OriginalContext <= 0 || !(s.Attention >= 0) {
		return fmt.Errorf("rotary scaling yarn between turns %v and %v of context %d, attention %v, makes no sense", fast, slow, s.OriginalContext, s.Attention)
	}
	pair := func(turns float64) float64 {
		return float64(dims) * logarithm(float64(s.OriginalContext)/(turns*2*math.Pi)) / (2 * logarithm(s.Base))
	}
	low := max(math.Floor(pair(fast)), 0)
	high := min(math.Ceil(pair(slow)), float64(dims-1))
	for i, f := range r.frequencies {
		stretch := (float64(i) - low) / max(high-low, 0.001)
		stretch = min(max(stretch, 0), 1)
		r.frequencies[i] = float64(stretch*f/s.Factor) + float64((1-stretch)*f)
	}
	switch {
	case s.Attention > 0:
		r.magnitude = s.Attention
	case s.Factor > 1:
		r.magnitude = float64(0.1*logarithm(s.Factor)) + 1
	}
	return nil
}

// table writes the cosines and sines of a position, [dims/2] each. The angle is
// a float64: at position 131,072 it is right to 2e-11.
func (r *rope) table(cos, sin []float32, position int) {
	for i, f := range r.frequencies {
		s, c := sincos(float64(position) * f)
		cos[i], sin[i] = float32(c*r.magnitude), float32(s*r.magnitude)
	}
}

// rotate turns the heads, of D numbers each, in x.
func (r *rope) rotate(x []float32, D int, cos, sin []float32) {
	if r.interleaved {
		floats.RotatePairs(x, D, cos, sin)
	} else {
		floats.RotateHalves(x, D, cos, sin)
	}
}
