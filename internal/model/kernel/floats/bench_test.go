package floats_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// BenchmarkMultiply measures products with 8 panels of 4096 columns; the bytes
// are those of w.
func BenchmarkMultiply(b *testing.B) {
	const K, panels = 4096, 8
	for _, level := range isa.Levels() {
		for _, typ := range types {
			for _, T := range []int{1, 4, 8, 32, 512} {
				if level == isa.Generic && T > 8 {
					continue
				}
				b.Run(fmt.Sprintf("%v/%v/T=%d", level, typ, T), func(b *testing.B) {
					benchmarkMultiply(b, level, floats.Packed(typ, panels, T, K))
				})
			}
		}
	}
}

// BenchmarkAttention measures the products of attention with a block of 128
// positions, heads of 128, for 4 and 128 queries.
func BenchmarkAttention(b *testing.B) {
	const block, D = 128, 128
	level := isa.Chosen()
	for _, typ := range []quant.Type{quant.F32, quant.F16} {
		for _, T := range []int{4, 128} {
			scores := floats.Packed(typ, block/floats.Lanes, T, D)
			b.Run(fmt.Sprintf("scores/%v/T=%d", typ, T), func(b *testing.B) { benchmarkMultiply(b, level, scores) })
			values := floats.Shape{
				Type: typ, Panels: D / floats.Lanes, T: T, K: block,
				XStride: block, WStride: D, PanelStride: floats.Lanes, OutStride: D,
			}
			b.Run(fmt.Sprintf("values/%v/T=%d", typ, T), func(b *testing.B) {
				w, _ := encode(typ, random(rand.New(rand.NewPCG(1, 2)), block*D))
				x := make([]float32, T*block)
				sum := make([]float64, T*D)
				report(b, values, len(w), func() { floats.AddProductsAt(level, sum, w, x, values) })
			})
		}
	}
}

func benchmarkMultiply(b *testing.B, level isa.Level, s floats.Shape) {
	r := rand.New(rand.NewPCG(1, 2))
	w, _ := encode(s.Type, random(r, s.Panels*floats.Lanes*s.K))
	x := random(r, s.T*s.K)
	out := make([]float32, s.T*s.OutStride)
	sums := make([]float64, s.SumsSize())
	report(b, s, len(w), func() { floats.MultiplyAt(level, out, w, x, s, sums) })
}

// report measures f, which multiplies s and reads so many bytes of w.
func report(b *testing.B, s floats.Shape, bytes int, f func()) {
	b.SetBytes(int64(bytes))
	for b.Loop() {
		f()
	}
	flops := 2 * float64(s.T) * float64(s.Panels*floats.Lanes) * float64(s.K)
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
