package kernel_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// TestExp compares with math.Exp, which is itself within a unit of the last
// place, 2.3e-16.
func TestExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-104, 89).Draw(t, "x")
		if got, want := kernel.Exp(x), math.Exp(x); math.Abs(got-want) > 2.3e-15*want {
			t.Fatalf("Exp(%v) = %v, want %v", x, got, want)
		}
	})
	inf := math.Inf(1)
	for x, want := range map[float64]float64{-105: 0, -inf: 0, 90: inf, inf: inf, 0: 1} {
		if got := kernel.Exp(x); got != want {
			t.Errorf("Exp(%v) = %v, want %v", x, got, want)
		}
	}
	if v := kernel.Exp(math.NaN()); v == v {
		t.Errorf("Exp of a NaN is the number %v", v)
	}
}

// TestLogSumExp compares with math.Exp in float64.
func TestLogSumExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-120, 120), 1, 200).Draw(t, "x")
		top, sum := float64(slices.Max(x)), 0.0
		for _, v := range x {
			sum += math.Exp(float64(v) - top)
		}
		lse := top + math.Log(sum)
		if d := math.Abs(kernel.LogSumExp(x) - lse); d > 1e-13*(1+math.Abs(lse)) {
			t.Fatalf("LogSumExp = %v, want %v", kernel.LogSumExp(x), lse)
		}
	})
	inf := float32(math.Inf(1))
	if v := kernel.LogSumExp([]float32{-inf, 0, -inf}); v != 0 {
		t.Errorf("LogSumExp with minus infinities = %v", v)
	}
	if v := kernel.LogSumExp([]float32{1, float32(math.NaN()), 2}); v == v {
		t.Errorf("LogSumExp of a NaN is the number %v", v)
	}
	if v := kernel.LogSumExp(nil); !math.IsInf(v, -1) {
		t.Errorf("LogSumExp of nothing = %v", v)
	}
	if v := kernel.LogSumExp([]float32{3e38, 3e38}); v != float64(float32(3e38)) {
		t.Errorf("LogSumExp of large numbers = %v", v)
	}
}
