//go:build !purego

package tiles

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

//go:generate go -C ../../../../_asm run ./tiles -part numbers -pkg tiles -out ../internal/model/kernel/tiles/numbers_amd64.s -stubs ../internal/model/kernel/tiles/numbers_stubs_amd64.go

// numbersVector turns the first numbers into float32 and returns how many: whole
// blocks, or vectors.
func numbersVector(l isa.Level, dst []float32, t quant.Type, src []byte) int {
	elements, bytes := t.Block()
	if elements == 1 {
		elements, bytes = Lanes, Lanes*bytes
	}
	blocks := len(dst) / elements
	if l < isa.AVX512 || blocks == 0 {
		return 0
	}
	for i := 0; i < blocks; i += scaleBlocks {
		n := min(scaleBlocks, blocks-i)
		switch to, from := &dst[i*elements], &src[i*bytes]; t {
		case quant.BF16:
			numbersBF16AVX512(to, from, n*Lanes)
		case quant.F16:
			numbersF16AVX512(to, from, n*Lanes)
		case quant.Q8_0:
			numbersQ8AVX512(to, from, n)
		case quant.Q6_K:
			numbersQ6KAVX512(to, from, n)
		case quant.Q4_K:
			var scales [scaleBlocks][16]float32
			for j := range n {
				scalesQ4K(&scales[j], src[(i+j)*bytes:])
			}
			numbersQ4KAVX512(to, from, &scales[0][0], n)
		default:
			return 0
		}
	}
	return blocks * elements
}
