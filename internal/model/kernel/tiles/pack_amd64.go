//go:build !purego

package tiles

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

//go:generate go -C ../../../../_asm run ./tiles -part pack -pkg tiles -out ../internal/model/kernel/tiles/pack_amd64.s -stubs ../internal/model/kernel/tiles/pack_stubs_amd64.go

// callColumns bounds the words of a row in a call of assembly, which cannot be
// interrupted. It is a multiple of Lanes.
const callColumns = 4096

// transposeVector transposes whole squares and returns how many columns of how
// many rows.
func transposeVector[W Word](l isa.Level, dst, src []W, dstStride, srcStride, rows, cols int) (wide, high int) {
	wide, high = cols/Lanes*Lanes, rows/Lanes*Lanes
	if l < isa.AVX512 || wide == 0 || high == 0 {
		return 0, 0
	}
	for r := 0; r < high; r += Lanes {
		for c := 0; c < wide; c += callColumns {
			to, from := unsafe.Pointer(&dst[c*dstStride+r]), unsafe.Pointer(&src[r*srcStride+c])
			transposeAVX512((*byte)(to), (*byte)(from), 4*dstStride, 4*srcStride, min(callColumns, wide-c))
		}
	}
	return wide, high
}

func spreadVector(l isa.Level, dst, src []float32, stride, next int) int {
	n := len(src) / Lanes * Lanes
	if l < isa.AVX512 || n == 0 {
		return 0
	}
	for i := 0; i < n; i += callColumns {
		spreadAVX512(&dst[i/Lanes*stride], &src[i], 4*stride, min(callColumns, n-i), 4*next)
	}
	return n
}

func spreadPairsVector(l isa.Level, dst []uint32, first, second []float32, stride, next int) int {
	n := len(first) / Lanes * Lanes
	if l < isa.AVX512 || n == 0 {
		return 0
	}
	for i := 0; i < n; i += callColumns {
		spreadPairsAVX512(&dst[i/Lanes*stride], &first[i], &second[i], 4*stride, min(callColumns, n-i), 4*next)
	}
	return n
}

func spreadHalvesVector(l isa.Level, dst []uint32, first, second []byte, stride, next int) int {
	n := len(first) / 2 / Lanes * Lanes
	if l < isa.AVX512 || n == 0 {
		return 0
	}
	for i := 0; i < n; i += callColumns {
		spreadHalvesAVX512(&dst[i/Lanes*stride], &first[2*i], &second[2*i], 4*stride, min(callColumns, n-i), 2*next)
	}
	return n
}

func pairRowVector(l isa.Level, dst []uint32, src []float32) int {
	n := len(src) / (2 * Lanes) * (2 * Lanes)
	if l < isa.AVX512 || n == 0 {
		return 0
	}
	for i := 0; i < n; i += callColumns {
		pairRowAVX512(&dst[i/2], &src[i], min(callColumns, n-i))
	}
	return n
}
