package tiles_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
)

// BenchmarkTiles reports the speed of a group of rows with panels that stay in the
// second cache, in 10^9 operations a second, at each level.
func BenchmarkTiles(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, panels := range []int{2, 32} {
		s := tiles.Shape{M: 112, Panels: panels, K: tiles.Run, AStride: tiles.Run + 16, OutStride: panels*tiles.Lanes + 16, Add: true}
		a, w, out := whole(r, s.M*s.AStride), whole(r, s.Panels*s.K*tiles.Lanes), make([]float32, s.M*s.OutStride)
		pa, pw := make([]uint32, len(a)), make([]uint32, len(w))
		for i := range pa {
			pa[i] = tiles.Pair(a[i], 1)
		}
		for i := range pw {
			pw[i] = tiles.Pair(w[i], 1)
		}
		for _, l := range isa.Levels() {
			run := func(name string, operations int, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%d", name, l, panels), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(operations)*float64(s.M*s.Panels*tiles.Lanes*s.K)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
				})
			}
			run("Floats", 2, func() { tiles.FloatsAt(l, out, a, w, s) })
			run("Pairs", 4, func() { tiles.PairsAt(l, out, pa, pw, s) })
		}
	}
}

// BenchmarkPack reports the speed of packing.
func BenchmarkPack(b *testing.B) {
	const rows, cols = 16, 2048
	r := rand.New(rand.NewPCG(1, 2))
	src, dst := whole(r, rows*cols), make([]float32, rows*cols)
	pairs := make([]uint32, rows*cols)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"Transpose", func() { tiles.Transpose(dst, src, tiles.Lanes, cols, rows, cols) }},
		{"Spread", func() { tiles.Spread(dst, src, tiles.Lanes, 0) }},
		{"SpreadPairs", func() { tiles.SpreadPairs(pairs, src[:len(src)/2], src[len(src)/2:], tiles.Lanes, 0) }},
		{"PairRow", func() { tiles.PairRow(pairs, src) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(4 * rows * cols)
			for b.Loop() {
				c.run()
			}
		})
	}
}
