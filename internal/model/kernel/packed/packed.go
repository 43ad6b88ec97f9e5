// Package packed multiplies weights of 8 bits and fewer by activations that are
// rounded to 8 bits, in integers.
//
// Weights come in panels of 16 rows, interleaved so that a 512-bit register
// holds four neighbouring columns of each row; activations come in tiles of up
// to 12 rows. Every implementation gives the same bits (of a NaN: that it is
// one): integer sums are exact, and each float32 operation is rounded on its own
// in the order that Multiply states. So no result depends on how many rows of
// activations there are, on how they fall into tiles, or on the processor.
//
// # Panels
//
// A unit is 4 neighbouring bytes of each of the 16 rows, row r at byte 4r: 64
// bytes. Where a block's native bytes are a multiple of 4, a panel's block is
// its units in the native order. So, with the native layouts that
// docs/formats/quantization.md gives:
//
//	Q8_0, 32 columns, 544 bytes
//	    0  [16] float16   scales
//	   32  8 units        the numbers + 128, without a sign
//	Q4_0, 32 columns, 288 bytes
//	    0  [16] float16   scales
//	   32  4 units        nibbles: unit k has columns 4k.. low, 16+4k.. high
//	Q4_K, 256 columns, 2,304 bytes
//	    0  1 unit         row r: float16 d, float16 dmin
//	   64  3 units        the 12 bytes with scales and minima
//	  256  32 units       nibbles: unit 8c+k has columns 64c+4k.. low, 32 on high
//	Q5_K, 256 columns, 2,816 bytes
//	    0  1 unit         row r: float16 d, float16 dmin
//	   64  3 units        the 12 bytes with scales and minima
//	  256  8 units        high bits: unit k, bit g of a byte has column 32g+4k..
//	  768  32 units       nibbles, as in Q4_K
//	Q6_K, 256 columns, 3,360 bytes
//	    0  [16] float16   d
//	   32  4 units        signed 8-bit scales: byte i has columns 16i..
//	  288  16 units       high bits: unit 8h+k, bits 2j and 2j+1 of a byte have
//	                      column 128h+32j+4k..
//	 1312  32 units       nibbles: unit 16h+8p+k has columns 128h+32p+4k.. low,
//	                      64 on high
//
// # Tiles
//
// Weights of Q8_0 and Q4_0 meet activations that share a unit by 8, the others
// such by 32: see GroupOf. A tile of height H holds, for each 32 columns, 80·H or
// 48·H bytes:
//
//	by 8
//	 0   [8][H][4] int8   the rounded numbers q, four neighbours together
//	32H  [4][H] float32   d, the unit of each 8
//	48H  [4][H] int32     -128·S of each 8, S = Σ q
//	64H  [4][H] int32     -8·S of each 8
//	by 32
//	 0   [8][H][4] int8   the rounded numbers q, four neighbours together
//	32H  [H] float32      d, their unit
//	36H  [H] float32      d·float32(S), S = Σ q
//	40H  [H] int32        -32·(Σ q of the first 16)
//	44H  [H] int32        -32·(Σ q of the last 16)
//
// All is little-endian. The integers are where sums begin whose weights are
// stored with an offset and without a sign. Rows that fill a tile up are zeros.
package packed

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

const (
	// Lanes is how many rows of weights make a panel.
	Lanes = 16
	// Group is how many columns come together in panels and tiles: the length of
	// a row is a multiple of it.
	Group = 32
)

// eight is the other number of activations that share a unit.
const eight = 8

// GroupOf returns how many neighbouring activations share a unit where they meet
// weights of a type: 8 for Q8_0 and Q4_0, where rounding by 32
// would be no more exact than llama.cpp is, and 32 for the others, where it is.
func GroupOf(t quant.Type) int {
	if t == quant.Q8_0 || t == quant.Q4_0 {
		return eight
	}
	return Group
}

// perRow returns how many bytes 32 columns of a row take in a tile.
func perRow(group int) int {
	if group == eight {
		return Group + 3*4*4
	}
	return Group + 4*4
}

const (
	unit      = 4 * Lanes // bytes of 4 columns of a panel
	maxHeight = 12
)

// format is how a number format is packed.
type format struct {
	native int // bytes of a native block of a row
	groups int // of 32 columns in a block
	block  int // bytes of a block of a panel
}

// describe returns the zero format for a type that has no panels.
func describe(t quant.Type) format {
	switch t {
	case quant.Q8_0, quant.Q4_0, quant.Q4_K, quant.Q5_K, quant.Q6_K:
		elements, bytes := t.Block()
		return format{native: bytes, groups: elements / Group, block: Lanes * bytes}
	}
	return format{}
}

// Packs says whether weights of the type can be packed.
func Packs(t quant.Type) bool { return describe(t).block > 0 }

// PanelSize returns the bytes of a panel of 16 rows of so many columns: those of
// 16 native rows. It panics if the type is not packed or a row has no whole
// number of blocks.
func PanelSize(t quant.Type, cols int) int {
	f := describe(t)
	if f.block == 0 || cols <= 0 || cols%(f.groups*Group) != 0 {
		panic(fmt.Sprintf("packed: panel of %d columns of %v", cols, t))
	}
	return cols / (f.groups * Group) * f.block
}
