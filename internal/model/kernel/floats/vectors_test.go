package floats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// drawn returns n numbers, of which some are 0, not finite or at the ends of
// what float32 holds.
func drawn(r *rand.Rand, n int) []float32 {
	odd := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-45, -1e-39, 3e38, -3e38, -88, -95, -103.9, 88.7, 104}
	x := make([]float32, n)
	for i := range x {
		switch x[i] = float32(r.NormFloat64()); r.IntN(12) {
		case 0:
			x[i] = odd[r.IntN(len(odd))]
		case 1:
			x[i] *= 40
		}
	}
	return x
}

// sameNumbers reports where two results differ in any bit. Any NaN is as good as
// another.
func sameNumbers(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
			t.Fatalf("%s: [%d] = %v (%08x), want %v (%08x)", what, i, g, math.Float32bits(g), w, math.Float32bits(w))
		}
	}
}

// vectorFunctions change y, given x and w of the same length.
var vectorFunctions = map[string]func(l isa.Level, y, x, w []float32){
	"Add":         func(l isa.Level, y, x, _ []float32) { floats.AddAt(l, y, x) },
	"Scale":       func(l isa.Level, y, x, _ []float32) { floats.ScaleAt(l, y, x, 0.37) },
	"Scale, same": func(l isa.Level, y, _, _ []float32) { floats.ScaleAt(l, y, y, 0.37) },
	"Blend":       func(l isa.Level, y, x, _ []float32) { floats.BlendAt(l, y, x, 0.37, -1.9) },
	"SwiGLU":      func(l isa.Level, y, x, w []float32) { floats.SwiGLUAt(l, y, x, w) },
	"SwiGLU, gate": func(l isa.Level, y, x, _ []float32) {
		floats.SwiGLUAt(l, y, y, x)
	},
	"SwiGLU, up": func(l isa.Level, y, x, _ []float32) { floats.SwiGLUAt(l, y, x, y) },
	"Exp":        func(l isa.Level, y, x, _ []float32) { floats.ExpAt(l, y, x) },
	"RMSNorm": func(l isa.Level, y, x, w []float32) {
		if len(w) > 0 {
			floats.RMSNormAt(l, y, x, w, 1e-5)
		}
	},
	"RMSNorm, same": func(l isa.Level, y, _, w []float32) {
		if len(w) > 0 {
			floats.RMSNormAt(l, y, y, w, 1e-5)
		}
	},
	"RotatePairs": func(l isa.Level, y, x, w []float32) {
		n := len(y) / 2
		floats.RotatePairsAt(l, y, len(y), x[:n], w[:n])
	},
	"RotateHalves": func(l isa.Level, y, x, w []float32) {
		n := len(y) / 2
		floats.RotateHalvesAt(l, y, len(y), x[:n], w[:n])
	},
}

// TestVectors compares every set of instructions with portable Go, at all
// lengths around the width of the loops, on ordinary and on odd numbers.
func TestVectors(t *testing.T) {
	for name, f := range vectorFunctions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for n := range 150 {
				for _, numbers := range []func(*rand.Rand, int) []float32{random, drawn} {
					y, x, w := numbers(r, n), numbers(r, n), numbers(r, n)
					want := slices.Clone(y)
					f(isa.Generic, want, x, w)
					for _, l := range isa.Levels() {
						got := slices.Clone(y)
						f(l, got, x, w)
						sameNumbers(t, fmt.Sprintf("%v: %d numbers", l, n), got, want)
					}
				}
			}
		})
	}
}

// FuzzVectors does the same with any bits.
func FuzzVectors(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, shift uint8) {
		var all []float32
		for ; len(data) >= 4; data = data[4:] {
			all = append(all, math.Float32frombits(uint32(data[0])|uint32(data[1])<<8|uint32(data[2])<<16|uint32(data[3])<<24))
		}
		n := len(all) / 3
		y, x, w := all[:n], all[n:2*n], all[2*n:3*n]
		for name, f := range vectorFunctions {
			want := slices.Clone(y)
			f(isa.Generic, want, x, w)
			for _, l := range isa.Levels() {
				got := slices.Clone(y)
				f(l, got, x, w)
				sameNumbers(t, fmt.Sprintf("%s: %v: %d numbers", name, l, n), got, want)
			}
		}
	})
}

// TestRotateHeads fails if a head is turned by what is another's, or if numbers
// turn that should stay.
func TestRotateHeads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, D := range []int{4, 31, 32, 64, 80} {
		for _, N := range []int{0, 1, 2, D / 4, D / 2} {
			x, cos, sin := random(r, 3*D), random(r, N), random(r, N)
			for _, l := range isa.Levels() {
				pairs, halves := slices.Clone(x), slices.Clone(x)
				floats.RotatePairsAt(l, pairs, D, cos, sin)
				floats.RotateHalvesAt(l, halves, D, cos, sin)
				wantPairs, wantHalves := slices.Clone(x), slices.Clone(x)
				for h := 0; h < 3*D; h += D {
					for i := range N {
						turn(wantPairs, h+2*i, h+2*i+1, cos[i], sin[i])
						turn(wantHalves, h+i, h+N+i, cos[i], sin[i])
					}
				}
				sameNumbers(t, fmt.Sprintf("%v: pairs, %d of %d", l, N, D), pairs, wantPairs)
				sameNumbers(t, fmt.Sprintf("%v: halves, %d of %d", l, N, D), halves, wantHalves)
			}
		}
	}
}

func turn(x []float32, a, b int, cos, sin float32) {
	x[a], x[b] = float32(x[a]*cos)-float32(x[b]*sin), float32(x[a]*sin)+float32(x[b]*cos)
}

// TestExp compares with math.Exp in float64.
func TestExp(t *testing.T) {
	x, out := []float32{0}, []float32{0}
	for v := float32(-104); v < 89; v += 0.00173 {
		x[0] = v
		floats.Exp(out, x)
		want := math.Exp(float64(v))
		if d := math.Abs(float64(out[0]) - want); d > 9e-8*want+7.1e-46 && want < 3.4028235e38 {
			t.Fatalf("Exp(%v) = %v, want %v: %.3g off", v, out[0], want, d/want)
		}
	}
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{-inf: 0, -3e38: 0, -104: 0, 0: 1, 88.73: inf, 3e38: inf, inf: inf} {
		if floats.Exp(out, []float32{x}); out[0] != want {
			t.Errorf("Exp(%v) = %v, want %v", x, out[0], want)
		}
	}
	if floats.Exp(out, []float32{float32(math.NaN())}); out[0] == out[0] {
		t.Errorf("Exp of a NaN is the number %v", out[0])
	}
}

// TestSwiGLU compares with float64, where the result is no smaller than what
// float32 holds with all its bits.
func TestSwiGLU(t *testing.T) {
	for _, u := range []float32{1, -2.5, 0} {
		for g := float32(-80); g < 130; g += 0.0173 {
			out := []float32{0}
			floats.SwiGLU(out, []float32{g}, []float32{u})
			want := float64(g) / (1 + math.Exp(-float64(g))) * float64(u)
			if d := math.Abs(float64(out[0]) - want); d > 3e-7*math.Abs(want) {
				t.Fatalf("SwiGLU(%v, %v) = %v, want %v", g, u, out[0], want)
			}
		}
	}
}

func TestRMSNorm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		T, C := rapid.IntRange(1, 4).Draw(t, "T"), rapid.IntRange(1, 200).Draw(t, "C")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 8))
		x, w := random(r, T*C), random(r, C)
		out := make([]float32, T*C)
		floats.RMSNorm(out, x, w, 1e-5)
		for i := range T {
			mean := 0.0
			for _, v := range x[i*C : (i+1)*C] {
				mean += float64(v) * float64(v) / float64(C)
			}
			for j := range C {
				want := float64(x[i*C+j]) / math.Sqrt(mean+1e-5) * float64(w[j])
				if d := math.Abs(float64(out[i*C+j]) - want); d > 1.9e-7*math.Abs(want) {
					t.Fatalf("C=%d: [%d,%d] = %v, want %v", C, i, j, out[i*C+j], want)
				}
			}
		}
	})
}

// TestRMSNormOrder fails if squares are added in another order.
func TestRMSNormOrder(t *testing.T) {
	x, w := make([]float32, 70), make([]float32, 70)
	for i := range x {
		x[i], w[i] = float32(math.Ldexp(1+float64(i)/97, 3*(i%13))), 1
	}
	var lanes [32]float64
	for i, v := range x {
		lanes[i%32] += float64(v) * float64(v)
	}
	for half := 16; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[i+half]
		}
	}
	f := float32(1 / math.Sqrt(lanes[0]/70+0.25))
	want := make([]float32, len(x))
	for i, v := range x {
		want[i] = v * f
	}
	for _, l := range isa.Levels() {
		got := make([]float32, len(x))
		floats.RMSNormAt(l, got, x, w, 0.25)
		sameNumbers(t, l.String(), got, want)
	}
}

func TestVectorsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Add":          func() { floats.Add(make([]float32, 3), make([]float32, 2)) },
		"Scale":        func() { floats.Scale(make([]float32, 33), make([]float32, 32), 1) },
		"Blend":        func() { floats.Blend(make([]float32, 3), make([]float32, 2), 1, 1) },
		"Exp":          func() { floats.Exp(make([]float32, 3), make([]float32, 2)) },
		"SwiGLU":       func() { floats.SwiGLU(make([]float32, 3), make([]float32, 3), make([]float32, 2)) },
		"RMSNorm":      func() { floats.RMSNorm(make([]float32, 3), make([]float32, 3), make([]float32, 2), 1) },
		"RMSNorm, out": func() { floats.RMSNorm(make([]float32, 2), make([]float32, 3), make([]float32, 3), 1) },
		"RotatePairs":  func() { floats.RotatePairs(make([]float32, 4), 4, make([]float32, 3), make([]float32, 3)) },
		"RotateHalves": func() { floats.RotateHalves(make([]float32, 4), 4, make([]float32, 2), make([]float32, 1)) },
	} {
		if !panics(f) {
			t.Errorf("%s of slices too short did not panic", name)
		}
	}
}

func BenchmarkVectors(b *testing.B) {
	const n = 14336
	r := rand.New(rand.NewPCG(1, 1))
	y, x, w := random(r, n), random(r, n), random(r, n)
	for _, name := range []string{"Add", "SwiGLU", "RMSNorm", "Exp", "RotatePairs", "RotateHalves"} {
		for _, l := range isa.Levels() {
			b.Run(fmt.Sprintf("%s/%v", name, l), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					vectorFunctions[name](l, y, x, w)
				}
			})
		}
	}
}
