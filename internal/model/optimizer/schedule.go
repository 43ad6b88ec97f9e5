package optimizer

import (
	"fmt"
	"math"
)

// Kind is the shape of a schedule.
type Kind string

// The kinds of schedules.
const (
	Constant Kind = "constant" // stays at its rate
	Cosine   Kind = "cosine"   // falls to its floor along half a cosine
)

// Schedule says how large each step is. Rates rise in even steps over Warmup
// steps and then take the kind's course until Steps, and stay from there on.
type Schedule struct {
	Kind   Kind    // "" means Cosine
	Rate   float64 // the largest
	Floor  float64 // where a cosine ends, as a share of Rate, 0 to 1
	Warmup int     // steps
	Steps  int     // of the whole run, warm-up included
}

// Check says what is wrong with a schedule.
func (s Schedule) Check() error {
	switch {
	case s.Kind != "" && s.Kind != Constant && s.Kind != Cosine:
		return fmt.Errorf("schedule %q is not known: it is %s or %s", s.Kind, Constant, Cosine)
	case !(s.Rate > 0) || math.IsInf(s.Rate, 0):
		return fmt.Errorf("learning rate %v, not a number above 0", s.Rate)
	case !(s.Floor >= 0 && s.Floor <= 1):
		return fmt.Errorf("floor %v, not a share of 0 to 1", s.Floor)
	case s.Steps < 1 || s.Warmup < 0:
		return fmt.Errorf("%d steps with %d of warm-up, not 1 or more with 0 or more", s.Steps, s.Warmup)
	}
	return nil
}

// At returns the rate of a step, counted from 0. The first step of a warm-up has
// already a part of the rate, its last all of it.
//
// Source of the cosine: Loshchilov and Hutter 2017, arXiv:1608.03983.
func (s Schedule) At(step int) float64 {
	if step < s.Warmup {
		return s.Rate * float64(step+1) / float64(s.Warmup)
	}
	if s.Kind == Constant {
		return s.Rate
	}
	rest := max(s.Steps-s.Warmup, 1)
	done := min(float64(step-s.Warmup)/float64(rest), 1)
	low := float64(s.Rate * s.Floor)
	return low + float64((s.Rate-low)*float64(0.5*(1+math.Cos(math.Pi*done))))
}
