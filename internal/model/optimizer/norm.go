package optimizer

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// spanNumbers is how many numbers a worker takes at once: small enough to share
// out, large enough to be worth it. Results of Norm depend on it.
const spanNumbers = 1 << 14

// span is a stretch of a parameter.
type span struct{ parameter, from, to int }

// spans cuts parameters in stretches, in their order.
func spans(parameters []*Parameter) []span {
	var all []span
	for i, p := range parameters {
		if len(p.Value) != len(p.Grad) {
			panic(fmt.Sprintf("optimizer: parameter %q has %d numbers and %d gradients", p.Name, len(p.Value), len(p.Grad)))
		}
		for from := 0; from < len(p.Value); from += spanNumbers {
			all = append(all, span{i, from, min(from+spanNumbers, len(p.Value))})
		}
	}
	return all
}

// lanes is how many sums a stretch's squares are added to in turn.
const lanes = 8

// Norm returns the Euclidean norm of all gradients together. Squares are summed
// in float64: of each stretch of 2¹⁴ numbers of a parameter in eight sums in
// turn, these in order, and the stretches in order, whatever the threads.
// It is NaN or infinite if a gradient is. Errors are those of the pool.
func Norm(pool *tensor.Pool, parameters []*Parameter) (float64, error) {
	work := spans(parameters)
	sums := make([]float64, len(work))
	err := pool.Do(len(work), func(_ *tensor.Worker, i int) {
		s := work[i]
		sums[i] = squares(parameters[s.parameter].Grad[s.from:s.to])
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return math.Sqrt(total), err
}

// squares sums the squares of x.
func squares(x []float32) float64 {
	var s [lanes]float64
	for ; len(x) >= lanes; x = x[lanes:] {
		for j := range s {
			g := float64(x[j])
			s[j] += float64(g * g)
		}
	}
	for j, f := range x {
		g := float64(f)
		s[j] += float64(g * g)
	}
	total := 0.0
	for _, part := range s {
		total += part
	}
	return total
}

// Clip returns the factor that brings a norm down to most, and 1 if it is no
// larger or most is 0. Gradients are not changed: give the factor to Step.
//
// Source: Pascanu et al. 2013, arXiv:1211.5063, with PyTorch's 1e-6 below.
func Clip(norm, most float64) float64 {
	if most <= 0 || !(norm > most) {
		return 1
	}
	return most / (norm + 1e-6)
}

// Zero sets all gradients to zero. Errors are those of the pool.
func Zero(pool *tensor.Pool, parameters []*Parameter) error {
	work := spans(parameters)
	return pool.Do(len(work), func(_ *tensor.Worker, i int) {
		s := work[i]
		clear(parameters[s.parameter].Grad[s.from:s.to])
	})
}
