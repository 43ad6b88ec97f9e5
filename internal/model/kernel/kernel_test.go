package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// vectors returns two of n numbers that a float32 holds exactly, with products
// and sums that it holds exactly, too.
func vectors(r *rand.Rand, n int) (a, b []float32) {
	for range n {
		a, b = append(a, float32(r.IntN(17)-8)), append(b, float32(r.IntN(17)-8))
	}
	return a, b
}

// TestExact compares with sums of whole numbers, at all lengths around the width
// of the loops.
func TestExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		a, b := vectors(r, n)
		want := float32(0)
		for i := range a {
			want += a[i] * b[i]
		}
		if got := kernel.Dot(a, b); got != want {
			t.Errorf("Dot of %d numbers = %v, want %v", n, got, want)
		}
		y := append([]float32(nil), a...)
		kernel.Axpy(y, 3, b)
		for i := range y {
			if want := a[i] + 3*b[i]; y[i] != want {
				t.Errorf("Axpy of %d numbers: [%d] = %v, want %v", n, i, y[i], want)
			}
		}
	}
}

// TestOrder fails if the order of the sum changes: these numbers give another
// result in any other.
func TestOrder(t *testing.T) {
	a := []float32{1e8, 1, -1e8, 1, 3, 1e-3, 5, 7, 11}
	one := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}
	s0 := float32(a[0]+a[4]) + a[8]
	s1, s2, s3 := float32(a[1]+a[5]), float32(a[2]+a[6]), float32(a[3]+a[7])
	if got, want := kernel.Dot(a, one), float32(s0+s1)+float32(s2+s3); math.Float32bits(got) != math.Float32bits(want) {
		t.Errorf("Dot = %v, want %v", got, want)
	}
}

func TestShortPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Dot of vectors of unlike length did not panic")
		}
	}()
	kernel.Dot([]float32{1, 2}, []float32{1})
}

func BenchmarkDot(b *testing.B) {
	x, y := vectors(rand.New(rand.NewPCG(3, 4)), 96)
	b.SetBytes(int64(8 * len(x)))
	for b.Loop() {
		kernel.Dot(x, y)
	}
}
