package floats_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// BenchmarkMultiply measures products with 16 panels of 4096 columns, which the
// third cache holds; the bytes are those of w.
func BenchmarkMultiply(b *testing.B) {
	const K, panels = 4096, 16
	for _, level := range isa.Levels() {
		for _, typ := range types {
			for _, T := range []int{1, 4, 8, 14, 512} {
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

func benchmarkMultiply(b *testing.B, level isa.Level, s floats.Shape) {
	r := rand.New(rand.NewPCG(1, 2))
	w, _ := encode(s.Type, random(r, s.Panels*floats.Lanes*s.K))
	x := random(r, s.T*s.K)
	out := make([]float32, s.T*s.OutStride)
	sums := make([]float64, s.SumsSize())
	b.SetBytes(int64(len(w)))
	for b.Loop() {
		floats.MultiplyAt(level, out, w, x, s, sums)
	}
	flops := 2 * float64(s.T) * float64(s.Panels*floats.Lanes) * float64(s.K)
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
