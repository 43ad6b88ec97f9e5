package packed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

const benchK = 4096

// matrix returns panels of at least so many bytes, and their rows.
func matrix(q quant.Type, size int) (panels []byte, rows int) {
	rows = size / q.Size(benchK) / 32 * 32
	data := weights(rand.New(rand.NewPCG(1, 1)), q, packed.Lanes, benchK, false)
	panels = make([]byte, 0, rows/packed.Lanes*packed.PanelSize(q, benchK))
	one := pack(q, data, packed.Lanes, benchK)
	for range rows / packed.Lanes {
		panels = append(panels, one...)
	}
	return panels, rows
}

// BenchmarkFew streams a matrix that no cache holds, for few rows of
// activations, as decoding does.
func BenchmarkFew(b *testing.B) {
	for _, q := range types {
		panels, R := matrix(q, 96<<20)
		for _, T := range []int{1, 2, 3, 4, 6, 8, 12} {
			b.Run(fmt.Sprintf("%v/T=%d", q, T), func(b *testing.B) {
				a := quantized(isa.Chosen(), q, numbers(rand.New(rand.NewPCG(2, 2)), T*benchK, false), T, benchK)
				out := make([]float32, T*R)
				b.SetBytes(int64(len(panels)))
				for b.Loop() {
					packed.Multiply(out, R, R, q, panels, a, 0)
				}
				operations(b, T, R)
			})
		}
	}
}

// BenchmarkMany multiplies by many rows of activations, as prompts do.
func BenchmarkMany(b *testing.B) {
	const T = 504
	for _, q := range types {
		panels, R := matrix(q, 8<<20)
		b.Run(fmt.Sprintf("%v/T=%d", q, T), func(b *testing.B) {
			a := quantized(isa.Chosen(), q, numbers(rand.New(rand.NewPCG(2, 2)), T*benchK, false), T, benchK)
			out, scratch := make([]float32, T*R), make([]byte, packed.ScratchBytes)
			for b.Loop() {
				packed.MultiplyTiles(out, R, R, q, panels, a, 0, a.Tiles(), scratch)
			}
			operations(b, T, R)
		})
	}
}

// BenchmarkQuantize rounds activations.
func BenchmarkQuantize(b *testing.B) {
	for _, group := range []int{8, 32} {
		for _, T := range []int{1, 12} {
			b.Run(fmt.Sprintf("by %d/T=%d", group, T), func(b *testing.B) {
				x := numbers(rand.New(rand.NewPCG(2, 2)), T*benchK, false)
				var a packed.Activations
				a.Resize(T, benchK, group)
				b.SetBytes(int64(4 * len(x)))
				for b.Loop() {
					a.Quantize(0, x)
				}
			})
		}
	}
}

// BenchmarkPack interleaves rows.
func BenchmarkPack(b *testing.B) {
	for _, q := range types {
		b.Run(q.String(), func(b *testing.B) {
			data := weights(rand.New(rand.NewPCG(2, 2)), q, packed.Lanes, benchK, false)
			panel := make([]byte, packed.PanelSize(q, benchK))
			b.SetBytes(int64(len(panel)))
			for b.Loop() {
				packed.Pack(panel, q, data, packed.Lanes, benchK)
			}
		})
	}
}

func operations(b *testing.B, T, R int) {
	b.ReportMetric(2*float64(T)*float64(R)*benchK*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
}
