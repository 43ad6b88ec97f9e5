package gemm_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// BenchmarkProducts reports the speed of each product in 10^9 operations a second,
// a multiplication and an addition being two.
func BenchmarkProducts(b *testing.B) {
	for _, s := range [][3]int{{2048, 2048, 2048}, {2048, 8192, 2048}, {2048, 256, 256}, {2048, 8, 2048}, {2048, 2048, 8}} {
		for _, f := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K, quant.Q6_K} {
			if s[2]%256 != 0 && f != quant.F32 || s[1] != 2048 && f != quant.F32 {
				continue
			}
			for _, o := range []gemm.Options{{}, {BF16: true}} {
				benchmarkShape(b, s[0], s[1], s[2], f, o)
			}
		}
	}
}

func benchmarkShape(b *testing.B, T, N, K int, f quant.Type, o gemm.Options) {
	r := rand.New(rand.NewPCG(1, 2))
	x, dy, w := numbers(r, T*K), numbers(r, T*N), numbers(r, N*K)
	out, dx, dw := make([]float32, T*N), make([]float32, T*K), make([]float32, N*K)
	weights := gemm.Weights{Type: quant.F32, Rows: N, Cols: K, Floats: w}
	if f != quant.F32 {
		weights = gemm.Weights{Type: f, Rows: N, Cols: K, Data: make([]byte, f.Size(N*K))}
		quant.Quantize(weights.Data, f, w)
	}
	p := tensor.NewPool(0)
	defer p.Close()
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"Forward", func() error { return gemm.Forward(p, out, x, T, weights, o) }},
		{"Input", func() error { return gemm.Input(p, dx, dy, T, weights, o) }},
		{"Weight", func() error { return gemm.Weight(p, dw, dy, x, T, N, K, o) }},
	} {
		if c.name == "Weight" && f != quant.F32 {
			continue
		}
		arithmetic := "F32"
		if o.BF16 {
			arithmetic = "BF16"
		}
		b.Run(fmt.Sprintf("%dx%dx%d/%v/%s/%s", T, N, K, f, arithmetic, c.name), func(b *testing.B) {
			for b.Loop() {
				check(b, c.run())
			}
			b.ReportMetric(2*float64(T)*float64(N)*float64(K)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
