package llama

import "github.com/casemate-ai/casemate/internal/model/modelfile"

// Angles is how a model turns queries and keys by their position, for those who
// compute its layers apart from a Model.
type Angles struct{ r rope }

// NewAngles returns the angles of a configuration. divisors are the numbers of
// the tensor "rope_freqs.weight", nil if there is none.
func NewAngles(c modelfile.Config, divisors []float32) (Angles, error) {
	r, err := newRope(c, divisors)
	return Angles{r}, err
}

// Pairs returns how many pairs of numbers of a head turn.
func (a Angles) Pairs() int { return len(a.r.frequencies) }

// Table writes the cosines and sines of a position, [Pairs] each.
func (a Angles) Table(cos, sin []float32, position int) { a.r.table(cos, sin, position) }

// Rotate turns the heads, of D numbers each, in x.
func (a Angles) Rotate(x []float32, D int, cos, sin []float32) { a.r.rotate(x, D, cos, sin) }

// Check refuses a configuration that the arithmetic cannot do.
func Check(c modelfile.Config) error { return checkConfig(c) }
