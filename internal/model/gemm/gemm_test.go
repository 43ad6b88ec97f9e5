package gemm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// sizes are sides around the borders of what is done at a time.
var sizes = [][3]int{ // T, N, K
	{1, 1, 1}, {1, 16, 256}, {2, 17, 255}, {3, 8, 257}, {13, 31, 64}, {14, 32, 65}, {15, 33, 512}, {16, 15, 513},
	{27, 48, 300}, {28, 4, 700}, {29, 64, 8}, {40, 100, 4}, {111, 20, 33}, {113, 70, 20}, {257, 24, 40},
	{5, 530, 20}, {9, 40, 1030}, {130, 520, 2}, {230, 16, 16}, {530, 20, 640}, {60, 7, 9}, {600, 12, 30}, {2, 1100, 3},
}

func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// want returns the product by the definition and how far a result may be from
// it: the magnitudes of what is summed, times error.
func want(out []float32, add bool, M, N, K int, a, b func(i, k int) float32, bf16 bool) (sum, bound []float64) {
	sum, bound = make([]float64, M*N), make([]float64, M*N)
	round := func(f float32) float64 {
		if bf16 {
			return float64(quant.FromBF16(quant.ToBF16(f)))
		}
		return float64(f)
	}
	for m := range M {
		for n := range N {
			i := m*N + n
			if add {
				sum[i], bound[i] = float64(out[i]), math.Abs(float64(out[i]))
			}
			for k := range K {
				p := round(a(m, k)) * round(b(n, k))
				sum[i] += p
				bound[i] += math.Abs(p)
			}
			// Numbers of random signs: errors grow as the root of their count, and
			// never beyond the bound of Higham.
			bound[i] *= 0x1p-24 * min(float64(K+8), 8*math.Sqrt(float64(K+8)))
		}
	}
	return sum, bound
}

func compare(t *testing.T, what string, got []float32, sum, bound []float64) {
	t.Helper()
	for i := range sum {
		if d := math.Abs(float64(got[i]) - sum[i]); !(d <= bound[i]) {
			t.Fatalf("%s: number %d is %v, want %v within %v", what, i, got[i], sum[i], bound[i])
		}
	}
}

func TestProducts(t *testing.T) {
	p := tensor.NewPool(2)
	defer p.Close()
	for i, s := range sizes {
		if testing.Short() && i%3 != 0 {
			continue
		}
		for _, o := range []gemm.Options{
			{}, {Accumulate: true}, {BF16: true}, {BF16: true, Accumulate: true},
			{BF16: true, Memory: new(gemm.Memory)}, {BF16: true, Memory: gemm.NewMemory(600), Accumulate: true}, {Memory: new(gemm.Memory)},
		} {
			checkProducts(t, p, s[0], s[1], s[2], o)
		}
	}
}

func checkProducts(t *testing.T, p *tensor.Pool, T, N, K int, o gemm.Options) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(T), uint64(N*10000+K)))
	x, dy, w := numbers(r, T*K), numbers(r, T*N), numbers(r, N*K)
	weights := gemm.Weights{Type: quant.F32, Rows: N, Cols: K, Floats: w}
	xAt := func(t, k int) float32 { return x[t*K+k] }
	what := func(name string) string {
		return fmt.Sprintf("%s T=%d N=%d K=%d, accumulate %v, BF16 %v, memory %v", name, T, N, K, o.Accumulate, o.BF16, o.Memory != nil)
	}

	out := numbers(r, T*N)
	sum, bound := want(out, o.Accumulate, T, N, K, xAt, func(n, k int) float32 { return w[n*K+k] }, o.BF16)
	check(t, gemm.Forward(p, out, x, T, weights, o))
	compare(t, what("Forward"), out, sum, bound)

	dx := numbers(r, T*K)
	sum, bound = want(dx, o.Accumulate, T, K, N, func(t, n int) float32 { return dy[t*N+n] }, func(k, n int) float32 { return w[n*K+k] }, o.BF16)
	check(t, gemm.Input(p, dx, dy, T, weights, o))
	compare(t, what("Input"), dx, sum, bound)

	dw := numbers(r, N*K)
	sum, bound = want(dw, o.Accumulate, N, K, T, func(n, t int) float32 { return dy[t*N+n] }, func(k, t int) float32 { return x[t*K+k] }, o.BF16)
	check(t, gemm.Weight(p, dw, dy, x, T, N, K, o))
	compare(t, what("Weight"), dw, sum, bound)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
