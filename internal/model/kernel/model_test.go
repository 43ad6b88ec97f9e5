package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// sumRuns is what AddProducts promises of one element, in plain words: float32
// sums over Run products each, added in float64.
func sumRuns(start float64, w, x []float32) float64 {
	for i := 0; i < len(x); i += kernel.Run {
		var s float32
		for k := i; k < min(i+kernel.Run, len(x)); k++ {
			s += float32(w[k] * x[k])
		}
		start += float64(s)
	}
	return start
}

// TestAddProducts compares every element, bit by bit, with a plain sum, at shapes
// around the tiles and runs.
func TestAddProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for R := 1; R <= 9; R++ {
		for T := 1; T <= 7; T++ {
			for _, K := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 65, 200} {
				stride := K + r.IntN(3)
				w, x := normal(r, R*K), normal(r, T*stride)
				sum := make([]float64, T*R)
				for i := range sum {
					sum[i] = r.NormFloat64()
				}
				before := slices.Clone(sum)
				kernel.AddProducts(sum, w, x, R, T, K, stride)
				for i := range T {
					for j := range R {
						want := sumRuns(before[i*R+j], w[j*K:(j+1)*K], x[i*stride:i*stride+K])
						if sum[i*R+j] != want {
							t.Fatalf("R=%d T=%d K=%d: [%d,%d] = %v, want %v", R, T, K, i, j, sum[i*R+j], want)
						}
					}
				}
			}
		}
	}
}

// TestAddProductsPieces fails if a row in pieces of whole runs gives other bits.
func TestAddProductsPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const R, T, K, cut = 5, 4, 300, 2 * kernel.Run
	w, x := normal(r, R*K), normal(r, T*K)
	whole, pieces := make([]float64, T*R), make([]float64, T*R)
	kernel.AddProducts(whole, w, x, R, T, K, K)
	var left, right []float32
	for i := range R {
		left = append(left, w[i*K:i*K+cut]...)
		right = append(right, w[i*K+cut:(i+1)*K]...)
	}
	kernel.AddProducts(pieces, left, x, R, T, cut, K)
	kernel.AddProducts(pieces, right, x[cut:], R, T, K-cut, K)
	if !slices.Equal(whole, pieces) {
		t.Errorf("in pieces %v, whole %v", pieces, whole)
	}
}

// TestAddProductsRounding bounds what rounding does to the sum of a row as wide
// as 8B's feed-forward: one float32 sum would be 3e-6 off.
func TestAddProductsRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const K, T = 14336, 50
	w, x := normal(r, K), normal(r, T*K)
	sum := make([]float64, T)
	kernel.AddProducts(sum, w, x, 1, T, K, K)
	var diff, norm float64
	for i := range T {
		exact := 0.0
		for k, v := range w {
			exact += float64(v) * float64(x[i*K+k])
		}
		diff += (sum[i] - exact) * (sum[i] - exact)
		norm += exact * exact
	}
	if d := math.Sqrt(diff / norm); d > 1.6e-7 {
		t.Errorf("sums of %d products are %.2g off, want at most 1.6e-7", K, d)
	}
}

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

// TestSwiGLU goes through all magnitudes that float32 tells apart; below 1e-36
// a result may have fewer bits.
func TestSwiGLU(t *testing.T) {
	for _, u := range []float32{1, -2.5, 0} {
		for g := float32(-130); g < 130; g += 0.0173 {
			out := []float32{0}
			kernel.SwiGLU(out, []float32{g}, []float32{u})
			want := float64(g) / (1 + math.Exp(-float64(g))) * float64(u)
			if d := math.Abs(float64(out[0]) - want); d > 6e-8*math.Abs(want)+1.5e-45 && math.Abs(want) > 1e-36 {
				t.Fatalf("SwiGLU(%v, %v) = %v, want %v", g, u, out[0], want)
			}
		}
	}
}

func TestRMSNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for C := 1; C < 20; C++ {
		const T = 3
		x, w := normal(r, T*C), normal(r, C)
		out := make([]float32, T*C)
		kernel.RMSNorm(out, x, w, 1e-5)
		for i := range T {
			mean := 0.0
			for _, v := range x[i*C : (i+1)*C] {
				mean += float64(v) * float64(v) / float64(C)
			}
			for j := range C {
				want := float64(x[i*C+j]) / math.Sqrt(mean+1e-5) * float64(w[j])
				if d := math.Abs(float64(out[i*C+j]) - want); d > 6.1e-8*math.Abs(want) {
					t.Errorf("C=%d: [%d,%d] = %v, want %v", C, i, j, out[i*C+j], want)
				}
			}
		}
		kernel.RMSNorm(x, x, w, 1e-5)
		if !slices.Equal(x, out) {
			t.Errorf("C=%d: in place %v, want %v", C, x, out)
		}
	}
}

// TestRotate turns the unit vectors: a pair (1,0) becomes (cos, sin) and (0,1)
// becomes (-sin, cos); what does not turn stays.
func TestRotate(t *testing.T) {
	cos, sin := []float32{0.5, 0.25}, []float32{0.75, 0.125}
	for _, test := range []struct {
		name   string
		rotate func([]float32, int, []float32, []float32)
		x      []float32
		want   []float32
	}{
		{"pairs", kernel.RotatePairs, []float32{1, 0, 1, 0, 9, 0, 1, 0, 1, 8}, []float32{0.5, 0.75, 0.25, 0.125, 9, -0.75, 0.5, -0.125, 0.25, 8}},
		{"halves", kernel.RotateHalves, []float32{1, 1, 0, 0, 9, 0, 0, 1, 1, 8}, []float32{0.5, 0.25, 0.75, 0.125, 9, -0.75, -0.125, 0.5, 0.25, 8}},
	} {
		test.rotate(test.x, 5, cos, sin)
		if !slices.Equal(test.x, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.x, test.want)
		}
	}
}

// TestAttention compares with the weighted mean in float64, whatever the borders
// of blocks, and bit by bit with itself.
func TestAttention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9))
		n, D := rapid.IntRange(1, 70).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "D")
		block := rapid.IntRange(1, 20).Draw(t, "block")
		spread := rapid.Float64Range(0, 60).Draw(t, "spread")
		score, v := make([]float64, n), normal(r, n*D)
		for i := range score {
			score[i] = spread * r.NormFloat64()
		}
		want, total := make([]float64, D), 0.0
		top := slices.Max(score)
		for i, s := range score {
			e := math.Exp(s - top)
			total += e
			for d := range want {
				want[d] += e * float64(v[i*D+d])
			}
		}
		got, again := attend(score, v, D, block), attend(score, v, D, block)
		for d := range want {
			if math.Abs(float64(got[d])-want[d]/total) > 1e-6 {
				t.Fatalf("[%d] = %v, want %v", d, got[d], want[d]/total)
			}
			if !same(got[d], again[d]) {
				t.Fatalf("[%d] = %v and then %v", d, got[d], again[d])
			}
		}
	})
}

func attend(score []float64, v []float32, D, block int) []float32 {
	var a kernel.Attention
	a.Reset(make([]float64, D))
	scratch, out := make([]float32, D+block), make([]float32, D)
	for len(score) > 0 {
		n := min(block, len(score))
		a.Add(score[:n], v, D, scratch)
		score, v = score[n:], v[n*D:]
	}
	a.Result(out)
	return out
}

// TestAttentionNaN fails if a score that is no number is passed over.
func TestAttentionNaN(t *testing.T) {
	for i := range 6 {
		score := []float64{1, 2, 3, 2, 1, 0}
		score[i] = math.NaN()
		if got := attend(score, make([]float32, 6), 1, 2); got[0] == got[0] {
			t.Errorf("with score %d not a number: %v", i, got)
		}
	}
}

func TestAttentionOfNothing(t *testing.T) {
	var a kernel.Attention
	a.Reset(make([]float64, 1))
	out := []float32{0}
	a.Result(out)
	if out[0] == out[0] {
		t.Errorf("the mean of nothing is %v, want NaN", out[0])
	}
}

func BenchmarkAddProducts(b *testing.B) {
	for _, test := range []struct {
		name    string
		R, T, K int
	}{{"R=8/T=1", 8, 1, 1024}, {"R=32/T=128", 32, 128, 1024}} {
		b.Run(test.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			w, x, sum := normal(r, test.R*test.K), normal(r, test.T*test.K), make([]float64, test.T*test.R)
			b.SetBytes(int64(4 * len(w)))
			for b.Loop() {
				kernel.AddProducts(sum, w, x, test.R, test.T, test.K, test.K)
			}
			b.ReportMetric(2*float64(test.R*test.T*test.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkSwiGLU(b *testing.B) {
	x := normal(rand.New(rand.NewPCG(1, 1)), 4096)
	y := make([]float32, len(x))
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		kernel.SwiGLU(y, x, x)
	}
}

func BenchmarkRMSNorm(b *testing.B) {
	x := normal(rand.New(rand.NewPCG(1, 1)), 4096)
	y := make([]float32, len(x))
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		kernel.RMSNorm(y, x, x, 1e-5)
	}
}

// BenchmarkAttention takes in one block of values, as many as a page holds.
func BenchmarkAttention(b *testing.B) {
	const n, D = 16, 128
	r := rand.New(rand.NewPCG(1, 1))
	score, v, scratch := make([]float64, n), normal(r, n*D), make([]float32, D+n)
	for i := range score {
		score[i] = r.NormFloat64()
	}
	var a kernel.Attention
	a.Reset(make([]float64, D))
	b.SetBytes(int64(4 * len(v)))
	for b.Loop() {
		a.Add(score, v, D, scratch)
	}
}
