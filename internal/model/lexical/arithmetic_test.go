package lexical

import (
	"math"
	"testing"
)

// TestExp compares with the standard library. The tolerance is that of float32
// with a few roundings. It is a test from within: exp is not exported, and no
// exported function shows its last digits.
func TestExp(t *testing.T) {
	for x := float32(-86); x < 87; x += 0.0137 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > 4e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if got := exp(-1e9); got != 0 {
		t.Errorf("exp(-1e9) = %v, want 0", got)
	}
}
