package backward

import "github.com/casemate-ai/casemate/internal/model/isa"

// AdamWFactors are what all numbers of a step of AdamW share.
type AdamWFactors struct {
	Scale   float32 // multiplies the gradients
	Shrink  float32 // multiplies the numbers: 1 - rate·decay
	Mean    float32 // 1-β₁
	Keep    float32 // β₂
	Square  float32 // 1-β₂
	Root    float32 // √(1-β₂ᵗ)
	Epsilon float32
	Step    float32 // rate/(1-β₁ᵗ)
}

// AdamW changes numbers by their gradients and what was kept of former ones. With
// g the gradient times Scale, every operation rounded to float32:
//
//	m     ← m + Mean·(g-m)
//	v     ← Keep·v + Square·(g·g)
//	value ← value·Shrink - Step·(m/(√v/Root + Epsilon))
//
//	value, grad, m, v  [N]; the others may be longer; none overlap
//
// It panics if grad, m or v is shorter than value.
//
// Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
func AdamW(value, grad, m, v []float32, f AdamWFactors) { adamW(chosen, value, grad, m, v, &f) }

func adamW(l isa.Level, value, grad, m, v []float32, f *AdamWFactors) {
	grad, m, v = grad[:len(value)], m[:len(value)], v[:len(value)]
	for n := adamWVectors(l, value, grad, m, v, f); n > 0; n = adamWVectors(l, value, grad, m, v, f) {
		value, grad, m, v = value[n:], grad[n:], m[n:], v[n:]
	}
	adamWGeneric(value, grad, m, v, f)
}
