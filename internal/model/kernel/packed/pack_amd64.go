//go:build !purego

package packed

import (
	"encoding/binary"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// packAtOnce is about how many bytes of a panel a call of assembly makes: it
// cannot be interrupted, and what it reads stays in the first cache.
const packAtOnce = 16 << 10

// packAVX2 is Pack for 16 rows, its arguments checked.
func packAVX2(dst []byte, t quant.Type, src []byte) {
	f := describe(t)
	row := len(src) / Lanes
	most := max(1, packAtOnce/f.block)
	for blocks := row / f.native; blocks > 0; blocks -= most {
		n := min(most, blocks)
		packBlocks(dst[:n*f.block], src[:(Lanes-1)*row+n*f.native], t, row, n)
		if blocks > n {
			dst, src = dst[n*f.block:], src[n*f.native:]
		}
	}
}

// packBlocks makes n blocks of a panel of n native ones of each row, which are so
// many bytes apart. Units that lie together come 4 at a time: 16 bytes of a row.
func packBlocks(dst, src []byte, t quant.Type, row, n int) {
	f := describe(t)
	move := func(to, from, bytes int, flip uint32) {
		interleaveAVX2(&dst[to], f.block, &src[from], f.native, row, n, bytes/16, flip)
	}
	scales := 0
	switch t {
	case quant.Q8_0:
		move(2*Lanes, 2, 32, 0x80808080)
	case quant.Q4_0:
		move(2*Lanes, 2, 16, 0)
	case quant.Q6_K:
		scales = 208
		move(scalesQ6K, 192, 16, 0)
		move(highQ6K, 128, 64, 0)
		move(lowQ6K, 0, 128, 0)
	default:
		move(0, 0, f.native, 0)
		return
	}
	for b := range n {
		to, from := dst[b*f.block:][:2*Lanes], src[b*f.native+scales:]
		for r := range Lanes {
			binary.LittleEndian.PutUint16(to[2*r:], binary.LittleEndian.Uint16(from[r*row:]))
		}
	}
}
