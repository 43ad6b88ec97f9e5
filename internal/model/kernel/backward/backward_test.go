package backward_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

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
	for i, w := range want {
		if g := got[i]; math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
			t.Fatalf("%s: [%d] = %v (%08x), want %v (%08x)", what, i, g, math.Float32bits(g), w, math.Float32bits(w))
		}
	}
}

// rows is what the functions work on: all of one length.
type rows struct{ a, b, c, d []float32 }

func (x rows) clone() rows {
	return rows{slices.Clone(x.a), slices.Clone(x.b), slices.Clone(x.c), slices.Clone(x.d)}
}

// functions change rows, and return what they return in two numbers.
var functions = map[string]func(l isa.Level, x rows) float64{
	"Dot": func(l isa.Level, x rows) float64 { return backward.DotAt(l, x.a, x.b) },
	"RMSNorm": func(l isa.Level, x rows) float64 {
		if len(x.d) > 0 {
			backward.RMSNormAt(l, x.a, x.b, x.c, x.d, 1e-5)
		}
		return 0
	},
	"AddNormed": func(l isa.Level, x rows) float64 { backward.AddNormedAt(l, x.a, x.b, x.c, 0.37); return 0 },
	"SwiGLU":    func(l isa.Level, x rows) float64 { backward.SwiGLUAt(l, x.a, x.b, x.c); return 0 },
	"Largest":   func(l isa.Level, x rows) float64 { return float64(backward.LargestAt(l, x.a)) },
	"Exponentials": func(l isa.Level, x rows) float64 {
		return backward.ExponentialsAt(l, x.a, x.b, 0.37, 1.25)
	},
	"Exponentials, same": func(l isa.Level, x rows) float64 { return backward.ExponentialsAt(l, x.a, x.a, 1, -0.5) },
	"Softmax":            func(l isa.Level, x rows) float64 { backward.SoftmaxAt(l, x.a, x.b, x.c, 0.3, 0.125); return 0 },
	"Softmax, same":      func(l isa.Level, x rows) float64 { backward.SoftmaxAt(l, x.a, x.b, x.a, 0.3, 0.125); return 0 },
	"AdamW": func(l isa.Level, x rows) float64 {
		f := backward.AdamWFactors{Scale: 0.5, Shrink: 0.999, Mean: 0.1, Keep: 0.99, Square: 0.01, Root: 0.7, Epsilon: 1e-8, Step: 0.02}
		backward.AdamWAt(l, x.a, x.b, x.c, x.d, &f)
		return 0
	},
}

// TestLevels compares every set of instructions with portable Go, at all lengths
// around the width of the loops, on ordinary and on odd numbers.
func TestLevels(t *testing.T) {
	for name, f := range functions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for n := range 150 {
				for _, numbers := range []func(*rand.Rand, int) []float32{random, drawn} {
					compareLevels(t, f, rows{numbers(r, n), numbers(r, n), numbers(r, n), numbers(r, n)})
				}
			}
			n := 1<<14 + 77 // more than a call takes
			compareLevels(t, f, rows{random(r, n), random(r, n), random(r, n), random(r, n)})
		})
	}
}

func compareLevels(t *testing.T, f func(isa.Level, rows) float64, x rows) {
	t.Helper()
	want := x.clone()
	sum := f(isa.Generic, want)
	for _, l := range isa.Levels() {
		got := x.clone()
		s := f(l, got)
		what := fmt.Sprintf("%v: %d numbers", l, len(x.a))
		if math.Float64bits(s) != math.Float64bits(sum) && (s == s || sum == sum) {
			t.Fatalf("%s: %v, want %v", what, s, sum)
		}
		sameNumbers(t, what, slices.Concat(got.a, got.b, got.c, got.d), slices.Concat(want.a, want.b, want.c, want.d))
	}
}

// FuzzLevels does the same with any bits.
func FuzzLevels(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var all []float32
		for ; len(data) >= 4; data = data[4:] {
			all = append(all, math.Float32frombits(uint32(data[0])|uint32(data[1])<<8|uint32(data[2])<<16|uint32(data[3])<<24))
		}
		n := len(all) / 4
		for _, f := range functions {
			compareLevels(t, f, rows{all[:n], all[n : 2*n], all[2*n : 3*n], all[3*n : 4*n]})
		}
	})
}

// difference returns the central difference of the fourth order of f at x[i],
// with a step that float32 holds exactly.
func difference(x []float32, i int, f func() float64) float64 {
	const h = 1.0 / 32
	old := x[i]
	at := func(steps float32) float64 {
		x[i] = old + steps*h
		h := float64(x[i]-old) / h
		if steps != 0 && math.Abs(h-float64(steps)) > 1e-4 {
			panic("the step was rounded away")
		}
		return f()
	}
	d := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
	x[i] = old
	return d
}

// weighed is the loss of a function's results: their sum, weighed, in float64.
func weighed(y, dy []float32) float64 {
	sum := 0.0
	for i, v := range y {
		sum += float64(v) * float64(dy[i])
	}
	return sum
}

// tolerance is what central differences may be away by: float32 results of size
// 1, rounded by 6e-8 in sums of some tens over a step of 1/32, leave 1e-5, and
// curvature of the fifth order as much.
const tolerance = 1e-4

func near(t *testing.T, what string, got float32, want float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s: %v, the difference is %v", what, got, want)
	}
}

func TestRMSNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, C := range []int{1, 3, 37, 64} {
		x, w, dy := random(r, 2*C), random(r, C), random(r, 2*C)
		dx, dw, y := random(r, 2*C), make([]float32, C), make([]float32, 2*C)
		before := slices.Clone(dx)
		loss := func() float64 {
			floats.RMSNorm(y, x, w, 1e-5)
			return weighed(y, dy)
		}
		backward.RMSNorm(dx, dy, x, w, 1e-5)
		for row := range 2 {
			backward.AddNormed(dw, dy[row*C:], x[row*C:], backward.Root(x[row*C:(row+1)*C], 1e-5))
		}
		for i := range x {
			if C > 1 { // of one number the norm is a sign
				near(t, fmt.Sprintf("dx[%d] of %d", i, C), dx[i]-before[i], difference(x, i, loss))
			}
		}
		for i := range w {
			near(t, fmt.Sprintf("dw[%d] of %d", i, C), dw[i], difference(w, i, loss))
		}
	}
}

func TestSwiGLU(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 70
	gate, up, dy, y := random(r, n), random(r, n), random(r, n), make([]float32, n)
	loss := func() float64 {
		floats.SwiGLU(y, gate, up)
		return weighed(y, dy)
	}
	dgate, dup := slices.Clone(gate), slices.Clone(up)
	backward.SwiGLU(dgate, dup, dy)
	for i := range gate {
		near(t, fmt.Sprintf("gate %d", i), dgate[i], difference(gate, i, loss))
		near(t, fmt.Sprintf("up %d", i), dup[i], difference(up, i, loss))
	}
	// Far from zero the slopes are 0 and 1.
	gate, up, dy = []float32{-200, 200}, []float32{3, 3}, []float32{1, 1}
	backward.SwiGLU(gate, up, dy)
	if gate[0] != 0 || gate[1] != 3 || up[0] != 0 || up[1] != 200 {
		t.Errorf("far from zero the gradients are %v and %v", gate, up)
	}
}

func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, scale = 40, 0.7
	scores, dp, p := random(r, n), random(r, n), make([]float32, n)
	loss := func() float64 {
		sum := backward.Exponentials(p, scores, scale, slices.Max(scores)*scale)
		floats.Scale(p, p, float32(1/sum))
		return weighed(p, dp)
	}
	delta := float32(loss())
	ds := make([]float32, n)
	backward.Softmax(ds, p, dp, delta, scale)
	for i := range scores {
		near(t, fmt.Sprintf("score %d", i), ds[i], difference(scores, i, loss))
	}
}

func TestCrossEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, target, weight = 90, 17, 0.6
	logits := random(r, n)
	loss := func() float64 { return -weight * backward.LogProbability(slices.Clone(logits), target) }
	d := slices.Clone(logits)
	logprob := backward.CrossEntropy(d, target, weight)
	if want := loss(); -weight*logprob != want {
		t.Errorf("the loss is %v, and %v without gradient", -weight*logprob, want)
	}
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x))
	}
	if want := float64(logits[target]) - math.Log(sum); math.Abs(logprob-want) > 1e-6 {
		t.Errorf("the log-probability is %v, want %v", logprob, want)
	}
	for i := range logits {
		near(t, fmt.Sprintf("logit %d", i), d[i], difference(logits, i, loss))
	}
	// A loss that is sure to be infinite is said to be, not hidden.
	if p := backward.LogProbability([]float32{0, -300}, 1); p != -300 {
		t.Errorf("log-probability %v, want -300", p)
	}
	if p := backward.LogProbability([]float32{0, float32(math.NaN())}, 0); p == p {
		t.Errorf("log-probability %v among logits that are not numbers", p)
	}
}

func TestLog(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10000 {
		x := math.Exp(40 * r.NormFloat64())
		if got, want := backward.Log(x), math.Log(x); math.Abs(got-want) > 1e-15*max(1, math.Abs(want)) {
			t.Fatalf("Log(%v) = %v, want %v", x, got, want)
		}
	}
	if got := backward.Log(1); got != 0 {
		t.Errorf("Log(1) = %v", got)
	}
	if got := backward.Log(math.Inf(1)); !math.IsInf(got, 1) {
		t.Errorf("Log(+Inf) = %v", got)
	}
}

// TestAdamW has numbers worked by hand: the first step of AdamW goes by the rate
// against the gradient's sign, after decay.
func TestAdamW(t *testing.T) {
	value, grad := []float32{1, 1, 1}, []float32{4, -0.5, 0}
	m, v := make([]float32, 3), make([]float32, 3)
	f := backward.AdamWFactors{Scale: 1, Shrink: 1 - 0.0625, Mean: 0.1, Keep: 0.999, Square: 0.001, Root: float32(math.Sqrt(0.001)), Epsilon: 1e-8, Step: 0.125 / 0.1}
	backward.AdamW(value, grad, m, v, f)
	for i, want := range []float64{1 - 0.0625 - 0.125, 1 - 0.0625 + 0.125, 1 - 0.0625} {
		if math.Abs(float64(value[i])-want) > 1e-6 {
			t.Errorf("number %d is %v, want %v", i, value[i], want)
		}
	}
}

func benchmark(b *testing.B, arrays int, f func(x rows)) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 1 << 14
	x := rows{random(r, n), random(r, n), random(r, n), random(r, n)}
	b.SetBytes(int64(4 * n * arrays))
	for b.Loop() {
		f(x)
	}
}

func BenchmarkRMSNorm(b *testing.B) {
	benchmark(b, 4, func(x rows) { backward.RMSNorm(x.a, x.b, x.c, x.d, 1e-5) })
}

func BenchmarkSwiGLU(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 1 << 12
	gate, up, dy, g, u := random(r, n), random(r, n), random(r, n), make([]float32, n), make([]float32, n)
	b.SetBytes(4 * n * 3)
	for b.Loop() {
		copy(g, gate)
		copy(u, up)
		backward.SwiGLU(g, u, dy)
	}
}

func BenchmarkCrossEntropy(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 1 << 14
	logits, row := random(r, n), make([]float32, n)
	b.SetBytes(4 * n)
	for b.Loop() {
		copy(row, logits)
		backward.CrossEntropy(row, 7, 1)
	}
}

func BenchmarkAdamW(b *testing.B) {
	f := backward.AdamWFactors{Scale: 1, Shrink: 1, Mean: 0.1, Keep: 0.999, Square: 0.001, Root: 0.5, Epsilon: 1e-8, Step: 0}
	benchmark(b, 4, func(x rows) { backward.AdamW(x.a, x.b, x.c, x.d, f) })
}
