package optimizer

import (
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// SGDOptions say how SGD steps. The zero value is gradient descent.
type SGDOptions struct {
	Momentum float64 // 0 keeps no velocity
	Nesterov bool    // looks ahead along the velocity
	// Decay is decoupled, as AdamW's is: each step takes Decay times the rate from
	// every parameter that is not NoDecay.
	Decay float64
}

// SGD is gradient descent with momentum μ. A number θ with gradient g changes by
//
//	θ ← θ − rate·decay·θ
//	u ← μ·u + g
//	θ ← θ − rate·u, or θ − rate·(g + μ·u) with Nesterov's momentum
//
// in float32, one rounded operation after another.
//
// Source: Sutskever et al. 2013, in the form of PyTorch.
type SGD struct {
	o          SGDOptions
	parameters []*Parameter
	work       []span
	velocity   [][]float32 // nil without momentum
	steps      int
}

// NewSGD returns an optimiser of these parameters, with velocities of zero. It
// panics if a parameter has not as many gradients as numbers.
func NewSGD(parameters []*Parameter, o SGDOptions) *SGD {
	s := &SGD{o: o, parameters: parameters, work: spans(parameters)}
	if o.Momentum != 0 {
		for _, p := range parameters {
			s.velocity = append(s.velocity, make([]float32, len(p.Value)))
		}
	}
	return s
}

// Step changes the parameters by their gradients, each times scale, at a rate.
// Errors are those of the pool.
func (o *SGD) Step(pool *tensor.Pool, rate, scale float64) error {
	o.steps++
	return pool.Do(len(o.work), func(_ *tensor.Worker, i int) {
		s := o.work[i]
		p, shrink := o.parameters[s.parameter], float32(1)
		if !p.NoDecay {
			shrink = float32(1 - rate*o.o.Decay)
		}
		var velocity []float32
		if o.velocity != nil {
			velocity = o.velocity[s.parameter][s.from:s.to]
		}
		o.update(p.Value[s.from:s.to], p.Grad[s.from:s.to], velocity, shrink, float32(rate), float32(scale))
	})
}

// update changes a stretch of numbers. Conversions keep compilers from fusing.
func (o *SGD) update(value, grad, velocity []float32, shrink, rate, scale float32) {
	momentum := float32(o.o.Momentum)
	for i := range value {
		g := float32(grad[i] * scale)
		if velocity != nil {
			u := float32(momentum*velocity[i]) + g
			velocity[i] = u
			if o.o.Nesterov {
				u = g + float32(momentum*u)
			}
			g = u
		}
		value[i] = float32(value[i]*shrink) - float32(rate*g)
	}
}

// Steps returns how many steps were made.
func (o *SGD) Steps() int { return o.steps }

// SetSteps says how many steps the state has seen, after State was filled from a
// checkpoint.
func (o *SGD) SetSteps(n int) { o.steps = n }

// State returns the velocities: they are the optimiser's own, and may be filled
// from a checkpoint.
func (o *SGD) State() []State {
	var all []State
	for i, p := range o.parameters {
		if o.velocity != nil {
			all = append(all, State{p.Name + ".velocity", p.Shape, o.velocity[i]})
		}
	}
	return all
}
