package packed

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// implementation is the arithmetic for one set of instructions.
type implementation struct {
	// quantize fills a tile of a height with rows of K numbers of which groups share
	// a unit; dst has its size, and x one to height rows.
	quantize func(dst []byte, x []float32, height, K, group int)
	// tiles is MultiplyTiles; nil: tile by tile.
	tiles func(m tiling, scratch []byte)
	// multiply is Multiply, its arguments checked.
	multiply func(p product)
	// pack is Pack for 16 rows, its arguments checked; nil: row by row.
	pack func(dst []byte, t quant.Type, src []byte)
}

// product is what Multiply is asked for.
type product struct {
	out    []float32 // the tile's first row on
	stride int       // numbers between rows of out
	R      int       // rows of weights, at least 1
	weight quant.Type
	panels []byte
	size   int    // bytes of a panel
	tile   []byte // of the activations
	rows   int    // rows of the tile that count
	height int    // rows of the tile
	K      int
}

// Multiply computes products of R rows of weights with the rows of a tile.
//
//	out     out[j*stride+r] for the tile's row j and r < R; nothing else in it changes
//	panels  [ceil(R/16)][PanelSize(t, K)] packed rows; neighbouring panels are
//	        best given together
//	a       activations by groups of GroupOf(t), whose tile i has been filled
//
// A result begins at +0 and takes the groups of 32 columns in order. With d the
// unit of the group's activations q, S = Σ q, and each operation on its own
// rounded to float32, a group does
//
//	Q8_0, Q4_0  s_j = Σ w·q of the j-th 8, whose unit is d_j, and
//	            acc += ((float32(s_0)*d_0 + float32(s_1)*d_1) +
//	                    (float32(s_2)*d_2 + float32(s_3)*d_3)) * scale
//	Q4_K, Q5_K  s = Σ w·q;  acc += float32(s) * ((d_w * sc) * d)
//	            then        acc -= (dmin * m) * (d * float32(S))
//	Q6_K        s = sc0·Σ w·q of 16 + sc1·Σ w·q of 16;  acc += float32(s) * (d_w * d)
//
// where w are the integers of the format, with their sign or offset, and sums of
// integers are exact. Calls may run at the same time. It panics if a slice has
// the wrong length, the type is not packed or the activations are by other groups.
func Multiply(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, i int) {
	if R > 0 {
		chosen.multiply(newProduct(out, stride, R, t, panels, a, i))
	}
}

// newProduct checks the arguments of Multiply.
func newProduct(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, i int) product {
	size := PanelSize(t, a.k)
	p := product{
		out: out, stride: stride, R: R,
		weight: t, panels: panels, size: size,
		tile: a.bytes(i), rows: a.tiles[i].rows, height: a.tiles[i].height, K: a.k,
	}
	if a.group != GroupOf(t) {
		panic(fmt.Sprintf("packed: Multiply: activations by %d for %v", a.group, t))
	}
	if len(panels) != (R+Lanes-1)/Lanes*size || stride < R && p.rows > 1 || len(out) < (p.rows-1)*stride+R {
		panic(fmt.Sprintf("packed: Multiply: %d rows of %v, %d columns, %d bytes; %d rows %d apart into %d",
			R, t, a.k, len(panels), p.rows, stride, len(out)))
	}
	return p
}
