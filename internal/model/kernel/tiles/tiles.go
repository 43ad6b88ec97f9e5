// Package tiles is the arithmetic of products for training: sums of products of
// a few rows with panels of 16 columns, both packed by the caller, in float32 and
// in bfloat16.
//
// Portable Go, AVX2 and AVX-512 give the same bits, so each function is defined
// by the order of its operations, which its comment states. What may differ is
// the payload of a NaN, never whether there is one.
package tiles

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Lanes is how many columns make a panel.
const Lanes = 16

// Run is how many products of Floats, and of Pairs how many pairs of products, a
// caller gives at a time: their sum is made before it is added to the result.
const Run = 256

// Shape says how the numbers of a product lie: M rows of a, K numbers or pairs
// each, meet Panels panels of b. Distances are in numbers, too, or pairs.
type Shape struct {
	M, Panels, K int
	AStride      int  // from a row of a to the next
	OutStride    int  // from a row of results to the next
	Add          bool // to the results that are there
	// Next is what the caller will read after this, for speed alone: as many rows
	// as are multiplied at a time, Rows at most, NextStride apart, of which 32
	// numbers are asked for with every two panels, and then those NextStep further
	// on. They may lie beyond its end, and may be nil.
	Next                 []float32
	NextStride, NextStep int
}

// Rows is how many rows of a are multiplied at a time where there are most
// registers. It is best to give a multiple of them, or less.
const Rows = 14

var chosen = isa.Chosen()

// Floats writes the products of rows and panels, or adds them to what is there.
//
//	out  [M,Panels*Lanes] out[m*OutStride+p*Lanes+r] = Σ a[m,k]·b[p,k,r]
//	a    a[m,k] is a[m*AStride+k]
//	b    [Panels,K,Lanes]
//
// Products are rounded to float32 and added in float32 from +0, in the order of
// k; the sum is added to the result if Add, else it is the result. The slices
// must not overlap. It panics if one is too short.
func Floats(out, a, b []float32, s Shape) { floats(chosen, out, a, b, s) }

func floats(l isa.Level, out, a, b []float32, s Shape) {
	if s.check("Floats", len(out), len(a), len(b)) && !floatsVector(l, out, a, b, s) {
		floatsPortable(out, a, b, s)
	}
}

// Pairs is Floats for pairs of bfloat16, Pair having made each of two numbers that
// follow one another along k.
//
// From +0 on, each product is added to the sum as if exactly, and what results is
// rounded to float32 once: of each pair the later one first, then the one before
// it. Numbers, and results so rounded, that are less than the smallest normal one
// are zeros of their sign. The sum is added to the result as Floats does, with
// nothing made zero. The slices must not overlap. It panics if one is too short.
//
// Source: VDPBF16PS of AVX512_BF16, as processors do it.
func Pairs(out []float32, a, b []uint32, s Shape) { pairs(chosen, out, a, b, s) }

func pairs(l isa.Level, out []float32, a, b []uint32, s Shape) {
	if s.check("Pairs", len(out), len(a), len(b)) && !pairsVector(l, out, a, b, s) {
		pairsPortable(out, a, b, s)
	}
}

// check panics if a slice is too short, and reports whether there is work.
func (s Shape) check(name string, out, a, b int) bool {
	if s.M <= 0 || s.Panels <= 0 {
		return false
	}
	if s.K < 0 || s.AStride < 0 || s.OutStride < 0 || s.M > 1 && s.OutStride < s.Panels*Lanes ||
		(s.M-1)*s.OutStride+s.Panels*Lanes > out || (s.M-1)*s.AStride+s.K > a || s.Panels*s.K*Lanes > b {
		panic(fmt.Sprintf("tiles: %s: %d results, %d and %d numbers are too few: %+v", name, out, a, b, s))
	}
	return true
}
