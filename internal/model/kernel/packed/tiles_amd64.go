//go:build !purego

package packed

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// slab is how many columns are spread out at a time.
const slab = 4096

// spreading is how a format is spread out for many tiles.
type spreading struct {
	tiles  int // with how many it pays
	group  int // bytes of a group of a panel
	spread func(dst, w *byte, blocks int)
	kernel func(out *float32, stride int, w *byte, off, groups int, x *byte, rows, mask, more int)
}

func spreadings(t quant.Type) spreading {
	switch t {
	case quant.Q4_K:
		return spreading{12, 640, q4_KSpread, spreadK12x2}
	case quant.Q5_K:
		return spreading{12, 640, q5_KSpread, spreadK12x2}
	case quant.Q6_K:
		return spreading{3, 704, q6_KSpread, spreadQ6K12x2}
	}
	return spreading{}
}

// tilesVNNI is MultiplyTiles where it pays, for tiles of the greatest height; the
// others are multiplied each on its own.
func tilesVNNI(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int, scratch []byte) bool {
	s := spreadings(t)
	full := to
	if a.tiles[to-1].height < maxHeight {
		full--
	}
	if s.spread == nil || full-from < s.tiles {
		return false
	}
	first := a.tiles[from].first
	for i := from; i < full; i++ { // so that each is checked before assembly writes
		newProduct(out[(a.tiles[i].first-first)*stride:], stride, R, t, panels, a, i)
	}
	scratch = aligned(scratch)
	cols := min(slab, a.k)
	pairs := max(1, len(scratch)/(2*cols/Group*s.group))
	for r := 0; r < R; r += pairs * 2 * Lanes {
		n := min(pairs*2*Lanes, R-r)
		size := PanelSize(t, a.k)
		some := panels[r/Lanes*size : (r+n+Lanes-1)/Lanes*size]
		for k := 0; k < a.k; k += cols {
			s.slab(out[r:], stride, n, t, some, a, from, full, scratch, k, min(cols, a.k-k))
		}
	}
	if full < to {
		multiplyEach(multiplyVNNI, out[(a.tiles[full].first-first)*stride:], stride, R, t, panels, a, full, to)
	}
	return true
}

// slab multiplies panels by tiles in some columns. What results are so far is
// gone on with.
func (s *spreading) slab(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int, scratch []byte, col, cols int) {
	f := describe(t)
	size := PanelSize(t, a.k)
	wide := cols / Group * s.group
	count := (R + Lanes - 1) / Lanes
	blocks := cols / (f.groups * Group)
	for i := range count {
		at := i*size + col/(f.groups*Group)*f.block
		s.spread(&scratch[i*wide], &panels[at], blocks)
	}
	first := a.tiles[from].first
	for i := from; i < to; i++ {
		tile := a.tiles[i]
		x := &a.bytes(i)[col/Group*perRow(Group)*maxHeight]
		for r := 0; r < R; r += 2 * Lanes {
			off := wide
			if R-r <= Lanes {
				off = 0
			}
			mask := 1<<min(2*Lanes, R-r) - 1
			s.kernel(&out[(tile.first-first)*stride+r], 4*stride, &scratch[r/Lanes*wide], off, cols/Group, x, tile.rows, mask, col)
		}
	}
}

// aligned returns the part of memory that begins at a multiple of 64 bytes, and
// is 64 bytes shorter: loads that cross lines take twice as long.
func aligned(b []byte) []byte {
	n := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[n : n+len(b)-64]
}
