package tiles

import "github.com/casemate-ai/casemate/internal/model/isa"

// What tests call at a level of their own.
var (
	FloatsAt       = floats
	PairsAt        = pairs
	SpreadAt       = spread
	SpreadPairsAt  = spreadPairs
	SpreadHalvesAt = spreadHalves
	PairRowAt      = pairRow
	NumbersAt      = numbers
)

func TransposeAt[W Word](l isa.Level, dst, src []W, dstStride, srcStride, rows, cols int) {
	transpose(l, dst, src, dstStride, srcStride, rows, cols)
}
