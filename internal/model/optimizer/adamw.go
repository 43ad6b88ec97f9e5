package optimizer

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// AdamWOptions say how AdamW steps. The zero value is what most papers use.
type AdamWOptions struct {
	Beta1   float64 // of the mean of gradients; 0 means 0.9
	Beta2   float64 // of the mean of their squares; 0 means 0.999
	Epsilon float64 // added to the root of the mean square; 0 means 1e-8
	// Decay is weight decay: each step takes Decay times the rate from every
	// parameter that is not NoDecay, apart from its gradient.
	Decay float64
}

// AdamW is Adam with decoupled weight decay and bias correction. A number θ with
// gradient g changes in step t by
//
//	θ ← θ − rate·decay·θ
//	m ← m + (1−β₁)·(g − m)
//	v ← β₂·v + (1−β₂)·g²
//	θ ← θ − rate/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
//
// All of it is float32, one rounded operation after another, as PyTorch has it;
// the factors that all numbers share are computed in float64 and rounded once.
//
// Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
type AdamW struct {
	o          AdamWOptions
	parameters []*Parameter
	work       []span
	m, v       [][]float32
	steps      int
}

// NewAdamW returns an optimiser of these parameters, with means of zero. It
// panics if a parameter has not as many gradients as numbers.
func NewAdamW(parameters []*Parameter, o AdamWOptions) *AdamW {
	if o.Beta1 == 0 {
		o.Beta1 = 0.9
	}
	if o.Beta2 == 0 {
		o.Beta2 = 0.999
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-8
	}
	a := &AdamW{o: o, parameters: parameters, work: spans(parameters)}
	for _, p := range parameters {
		a.m = append(a.m, make([]float32, len(p.Value)))
		a.v = append(a.v, make([]float32, len(p.Value)))
	}
	return a
}

// Step changes the parameters by their gradients, each times scale, at a rate.
// Errors are those of the pool.
func (a *AdamW) Step(pool *tensor.Pool, rate, scale float64) error {
	a.steps++
	t := float64(a.steps)
	f := backward.AdamWFactors{
		Scale:   float32(scale),
		Mean:    float32(1 - a.o.Beta1),
		Keep:    float32(a.o.Beta2),
		Square:  float32(1 - a.o.Beta2),
		Root:    float32(math.Sqrt(1 - math.Pow(a.o.Beta2, t))),
		Epsilon: float32(a.o.Epsilon),
		Step:    float32(rate / (1 - math.Pow(a.o.Beta1, t))),
	}
	return pool.Do(len(a.work), func(_ *tensor.Worker, i int) {
		s := a.work[i]
		p, mine := a.parameters[s.parameter], f
		mine.Shrink = 1
		if !p.NoDecay {
			mine.Shrink = float32(1 - rate*a.o.Decay)
		}
		backward.AdamW(p.Value[s.from:s.to], p.Grad[s.from:s.to], a.m[s.parameter][s.from:s.to], a.v[s.parameter][s.from:s.to], mine)
	})
}

// Steps returns how many steps were made.
func (a *AdamW) Steps() int { return a.steps }

// SetSteps says how many steps the state has seen, after State was filled from a
// checkpoint.
func (a *AdamW) SetSteps(n int) { a.steps = n }

// State returns the means: they are the optimiser's own, and may be filled from
// a checkpoint.
func (a *AdamW) State() []State {
	var all []State
	for i, p := range a.parameters {
		all = append(all, State{p.Name + ".mean", p.Shape, a.m[i]}, State{p.Name + ".square", p.Shape, a.v[i]})
	}
	return all
}
