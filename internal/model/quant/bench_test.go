package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// BenchmarkDequantize counts the bytes of the numbers made, four each.
func BenchmarkDequantize(b *testing.B) {
	for _, typ := range quant.Types() {
		b.Run(typ.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			dst := make([]float32, 4096)
			src := make([]byte, typ.Size(len(dst)))
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			b.SetBytes(int64(4 * len(dst)))
			for b.Loop() {
				quant.Dequantize(dst, typ, src)
			}
		})
	}
}

// BenchmarkQuantize counts the bytes of the numbers read, four each.
func BenchmarkQuantize(b *testing.B) {
	for _, typ := range writable() {
		b.Run(typ.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			src := make([]float32, 4096)
			for i := range src {
				src[i] = float32(gaussian(r))
			}
			dst := make([]byte, typ.Size(len(src)))
			b.SetBytes(int64(4 * len(src)))
			for b.Loop() {
				quant.Quantize(dst, typ, src)
			}
		})
	}
}
