package tensor_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// weights returns bytes of any value; those of formats without blocks are numbers
// about one, so that no sum meets what is not a number.
func weights(r *rand.Rand, t quant.Type, n int) []byte {
	data := make([]byte, t.Size(n))
	for i := range data {
		data[i] = byte(r.IntN(256))
	}
	if elements, size := t.Block(); elements == 1 {
		for i := size - 1; i < len(data); i += size {
			data[i] = data[i]&0x83 | 0x38
		}
	}
	return data
}

// BenchmarkMul counts the multiplications: 2 FLOP each. The matrix is one of
// 8B's feed-forward, cut to a quarter of its rows.
func BenchmarkMul(b *testing.B) {
	const rows, cols = 3584, 4096
	for _, t := range quant.Types() {
		data := weights(rand.New(rand.NewPCG(1, 2)), t, rows*cols)
		m, err := tensor.NewMatrix(t, rows, cols, data)
		if err != nil {
			b.Fatal(err)
		}
		for _, T := range []int{1, 8, 128} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%v/T=%d/threads=%d", t, T, threads), func(b *testing.B) {
					p := tensor.NewPool(threads)
					defer p.Close()
					x, out := make([]float32, T*cols), make([]float32, T*rows)
					for i := range x {
						x[i] = float32(i%13) - 6
					}
					b.SetBytes(int64(len(data)))
					for b.Loop() {
						if err := m.Mul(p, out, x, T); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(2*float64(T*rows*cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

// BenchmarkDo is what sharing work costs: items that do nothing.
func BenchmarkDo(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, n := range []int{1, 2, 16} {
			b.Run(fmt.Sprintf("threads=%d/items=%d", threads, n), func(b *testing.B) {
				p := tensor.NewPool(threads)
				defer p.Close()
				nothing := func(*tensor.Worker, int) {}
				b.ReportAllocs()
				for b.Loop() {
					if err := p.Do(n, nothing); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
