//go:build !purego

package packed

import "github.com/casemate-ai/casemate/internal/model/quant"

//go:generate go -C ../../../../_asm run ./packed -part vnni -pkg packed -out ../internal/model/kernel/packed/vnni_amd64.s -stubs ../internal/model/kernel/packed/vnni_stubs_amd64.go

// vnniKernel multiplies one or two panels by a tile.
//
//	out     the tile's first row, where panel 0's results begin
//	stride  bytes between rows of out
//	w       the first panel
//	off     bytes from it to the second
//	jump    bytes from the end of the first to the one after the second
//	blocks  of a panel
//	x       the tile
//	ahead   bytes from it to the next, to prefetch; only for the highest
//	rows    of the tile that count
//	mask    bit r for the results to be written, 32 bits at most
//	more    not 0: the sums begin with what results are, not with zero
type vnniKernel func(out *float32, stride int, w *byte, off, jump, blocks int, x *byte, ahead, rows, mask, more int)

// vnni is the arithmetic for AVX-512 with VNNI.
var vnni = implementation{quantize: quantizeRows, multiply: multiplyVNNI, tiles: tilesVNNI, pack: packAVX2}

// vnniKernels returns the kernels of a format, by the height of the tile, for
// two panels; that at 0 is for height 1 and one panel.
func vnniKernels(t quant.Type) [maxHeight + 1]vnniKernel {
	switch t {
	case quant.Q8_0:
		return [maxHeight + 1]vnniKernel{q8_0VNNI1x1, q8_0VNNI1x2, q8_0VNNI2x2, q8_0VNNI3x2, q8_0VNNI4x2, 6: q8_0VNNI6x2, 8: q8_0VNNI8x2, 12: q8_0VNNI12x2}
	case quant.Q4_0:
		return [maxHeight + 1]vnniKernel{q4_0VNNI1x1, q4_0VNNI1x2, q4_0VNNI2x2, q4_0VNNI3x2, q4_0VNNI4x2, 6: q4_0VNNI6x2, 8: q4_0VNNI8x2, 12: q4_0VNNI12x2}
	case quant.Q4_K:
		return [maxHeight + 1]vnniKernel{q4_KVNNI1x1, q4_KVNNI1x2, q4_KVNNI2x2, q4_KVNNI3x2, q4_KVNNI4x2, 6: q4_KVNNI6x2, 8: q4_KVNNI8x2, 12: q4_KVNNI12x2}
	case quant.Q5_K:
		return [maxHeight + 1]vnniKernel{q5_KVNNI1x1, q5_KVNNI1x2, q5_KVNNI2x2, q5_KVNNI3x2, q5_KVNNI4x2, 6: q5_KVNNI6x2, 8: q5_KVNNI8x2, 12: q5_KVNNI12x2}
	case quant.Q6_K:
		return [maxHeight + 1]vnniKernel{q6_KVNNI1x1, q6_KVNNI1x2, q6_KVNNI2x2, q6_KVNNI3x2, q6_KVNNI4x2, 6: q6_KVNNI6x2, 8: q6_KVNNI8x2, 12: q6_KVNNI12x2}
	}
	panic("packed: no kernels")
}

func multiplyVNNI(p product) { p.columns(0, p.K, 0) }

// columns multiplies by some columns from one on. If that is not the first, it
// goes on with what results are. The next tile is so many bytes ahead.
func (p *product) columns(col, cols, ahead int) {
	kernels := vnniKernels(p.weight)
	f := describe(p.weight)
	skip, blocks := col/(f.groups*Group)*f.block, cols/(f.groups*Group)
	size := blocks * f.block
	x := &p.tile[col/Group*perRow(GroupOf(p.weight))*p.height]
	if p.height == 1 {
		for r := 0; r < p.R; r += Lanes {
			mask := 1<<min(Lanes, p.R-r) - 1
			kernels[0](&p.out[r], 0, &p.panels[r/Lanes*p.size+skip], 0, p.size-size, blocks, x, 0, 1, mask, col)
		}
		return
	}
	for r := 0; r < p.R; r += 2 * Lanes {
		off := p.size
		if p.R-r <= Lanes {
			off = 0 // the last one twice, for there is no second
		}
		mask := 1<<min(2*Lanes, p.R-r) - 1
		kernels[p.height](&p.out[r], 4*p.stride, &p.panels[r/Lanes*p.size+skip], off, 2*p.size-size, blocks, x, ahead, p.rows, mask, col)
		ahead = 0
	}
}
