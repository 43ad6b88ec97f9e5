//go:build !purego

package packed

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// slab is how many columns are met by all tiles before the next.
const slab = 2048

// spreading is how a format is spread out for many tiles.
type spreading struct {
	tiles  int // with how many of the greatest height it pays; 0 for never
	group  int // bytes of a group of a panel
	spread func(dst, w *byte, blocks int)
	kernel func(out *float32, stride int, w *byte, off, groups int, x *byte, ahead, rows, mask, more int)
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

// tilesVNNI multiplies panels by tiles, slab by slab, as many panels at a time as
// stay near, or as scratch holds when they are spread out.
func tilesVNNI(m tiling, scratch []byte) {
	s := spreadings(m.weight)
	all := m.to
	if m.a.tiles[all-1].height < maxHeight {
		m.to--
	}
	if s.tiles == 0 || m.to-m.from < s.tiles {
		m.to = all
		m.slabs()
		return
	}
	scratch = aligned(scratch)
	cols := min(slab, m.a.k)
	n := max(1, len(scratch)/(2*cols/Group*s.group)) * 2 * Lanes
	for r := 0; r < m.R; r += n {
		part := m.rows(r, n)
		for k := 0; k < m.a.k; k += cols {
			s.slab(&part, scratch, k, min(cols, m.a.k-k))
		}
	}
	if m.to < all {
		last := m.a.tiles[m.to].first - m.a.tiles[m.from].first
		m.out, m.from, m.to = m.out[last*m.stride:], m.to, all
		m.slabs()
	}
}

// slabs multiplies panels as they are.
func (m *tiling) slabs() {
	if m.to-m.from == 1 {
		multiplyVNNI(m.product(m.from))
		return
	}
	cols := min(slab, m.a.k)
	n := near(m.size / (m.a.k / Group) * (cols / Group))
	for r := 0; r < m.R; r += n {
		part := m.rows(r, n)
		for k := 0; k < m.a.k; k += cols {
			for i := m.from; i < m.to; i++ {
				p := part.product(i)
				p.columns(k, min(cols, m.a.k-k), m.ahead(i))
			}
		}
	}
}

// slab spreads some columns of panels out and multiplies them by tiles. What
// results are so far is gone on with.
func (s *spreading) slab(m *tiling, scratch []byte, col, cols int) {
	f := describe(m.weight)
	skip, blocks := col/(f.groups*Group)*f.block, cols/(f.groups*Group)
	wide := cols / Group * s.group
	for i := range (m.R + Lanes - 1) / Lanes {
		s.spread(&scratch[i*wide], &m.panels[i*m.size+skip], blocks)
	}
	for i := m.from; i < m.to; i++ {
		p := m.product(i)
		x, ahead := &p.tile[col/Group*perRow(Group)*maxHeight], m.ahead(i)
		for r := 0; r < m.R; r += 2 * Lanes {
			off := wide
			if m.R-r <= Lanes {
				off = 0 // the last one twice, for there is no second
			}
			mask := 1<<min(2*Lanes, m.R-r) - 1
			s.kernel(&p.out[r], 4*m.stride, &scratch[r/Lanes*wide], off, cols/Group, x, ahead, p.rows, mask, col)
			ahead = 0
		}
	}
}

// ahead returns how many bytes tile i+1 is behind tile i in memory, so that the
// first panels that meet this bring that; none if i is the last.
func (m *tiling) ahead(i int) int {
	if i+1 >= m.to {
		return 0
	}
	return m.a.tiles[i+1].start - m.a.tiles[i].start
}

// aligned returns the part of memory that begins at a multiple of 64 bytes, and
// is 64 bytes shorter: loads that cross lines take twice as long.
func aligned(b []byte) []byte {
	n := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[n : n+len(b)-64]
}
