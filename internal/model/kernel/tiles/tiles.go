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

// Run is how many products of Floats, and PairRun how many of Pairs, a caller
// gives at a time: their sum is made before it is added to the result.
const (
	Run     = 256
	PairRun = 512
)

// Shape says how the numbers of a product lie: M rows of a, K numbers each, meet
// Panels panels of b. Distances are in numbers.
type Shape struct {
	M, Panels, K int
	AStride      int  // from a row of a to the next
	OutStride    int  // from a row of results to the next
	Add          bool // to the results that are there
}

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
func Floats(out, a, b []float32, s Shape) {
	if s.check("Floats", len(out), len(a), len(b)) {
		floatsPortable(out, a, b, s)
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
