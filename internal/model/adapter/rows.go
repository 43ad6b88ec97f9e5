package adapter

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// Add adds Scale·B·A to a piece of a row of W.
//
//	w       numbers of the row from column on; row and column count from 0
//
// Each rank's product is rounded and added in the order of ranks, so the numbers
// are the same in whatever pieces a row comes. It panics if the piece does not
// lie within the matrix.
func (d *Delta) Add(w []float32, row, column int) {
	b := d.B[row*d.Rank : (row+1)*d.Rank]
	for r, v := range b {
		a := d.A[r*d.In:][column : column+len(w)]
		floats.Blend(w, a, 1, float32(v*d.Scale))
	}
}

// Stretch returns what a row of W + Scale·B·A is multiplied by in the changed
// matrix: Magnitude over the row's length, or 1 where there is none. A row of
// zeros stays what it is.
//
//	changed  [In], a whole row after Add
//
// Source: Liu et al. 2024, arXiv:2402.09353, equation 5.
func (d *Delta) Stretch(changed []float32, row int) float32 {
	if d.Magnitude == nil {
		return 1
	}
	sum := 0.0
	for _, v := range changed[:d.In] {
		sum += float64(float64(v) * float64(v))
	}
	if sum == 0 {
		return 1
	}
	return float32(float64(d.Magnitude[row]) / math.Sqrt(sum))
}
