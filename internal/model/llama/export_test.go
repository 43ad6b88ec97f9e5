package llama

import "github.com/casemate-ai/casemate/internal/model/modelfile"

// Frequencies returns the frequencies of a configuration and what cosines and
// sines are multiplied by.
func Frequencies(c modelfile.Config, divisors []float32) ([]float64, float64, error) {
	r, err := newRope(c, divisors)
	return r.frequencies, r.magnitude, err
}

// Table returns the cosines and sines of a position.
func Table(c modelfile.Config, position int) (cos, sin []float32, err error) {
	r, err := newRope(c, nil)
	cos, sin = make([]float32, len(r.frequencies)), make([]float32, len(r.frequencies))
	r.table(cos, sin, position)
	return cos, sin, err
}
