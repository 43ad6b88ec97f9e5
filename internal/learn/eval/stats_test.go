package eval_test

import (
	"math"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/eval"
)

// TestProportion compares with intervals worked by hand from Wilson's formula.
func TestProportion(t *testing.T) {
	for _, c := range []struct {
		hits, n         int
		value, low, top float64
	}{
		{0, 10, 0, 0, .2775},
		{5, 10, .5, .2366, .7634},
		{810, 1000, .81, .7845, .8331},
	} {
		e := eval.Proportion(c.hits, c.n)
		for _, d := range []float64{e.Value - c.value, e.Low - c.low, e.High - c.top} {
			if math.Abs(d) > 1e-4 {
				t.Errorf("Proportion(%d, %d) = %v, want %v (%v–%v)", c.hits, c.n, e, c.value, c.low, c.top)
			}
		}
	}
}

func TestBootstrapCoversTheMean(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	mean := func(items []int) float64 {
		s := 0.0
		for _, i := range items {
			s += x[i]
		}
		return s / float64(len(items))
	}
	e := eval.Bootstrap(len(x), mean)
	// The standard error of this mean is 0.91: the interval is near 5.5 ± 1.8.
	if e.Value != 5.5 || math.Abs(e.Low-3.75) > .25 || math.Abs(e.High-7.25) > .25 {
		t.Errorf("Bootstrap of 1 to 10 = %+v, want 5.5 within about 3.75 to 7.25", e)
	}
}

func TestECE(t *testing.T) {
	var p []float64
	var right []bool
	for i := range 3000 {
		p = append(p, .8)
		right = append(right, i%2 == 0)
	}
	if got := eval.ECE(p, right); math.Abs(got-.3) > 1e-9 {
		t.Errorf("ECE of .8 stated and .5 observed = %v, want .3", got)
	}
}
