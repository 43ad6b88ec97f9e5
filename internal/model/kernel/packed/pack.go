package packed

import (
	"encoding/binary"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Pack interleaves rows of native blocks. It moves bytes alone, and adds 128 to
// those of Q8_0.
//
//	dst  [PanelSize(t, cols)] the panel
//	src  [n] rows of native blocks, one after another; must not overlap dst
//
// n is 1 to 16; rows that are missing become zeros. It panics if a slice has
// another length or the type is not packed.
func Pack(dst []byte, t quant.Type, src []byte, n, cols int) { pack(chosen, dst, t, src, n, cols) }

func pack(by implementation, dst []byte, t quant.Type, src []byte, n, cols int) {
	size := PanelSize(t, cols)
	if n < 1 || n > Lanes || len(dst) != size || len(src) != n*size/Lanes {
		panic(fmt.Sprintf("packed: Pack: %d rows of %d columns of %v from %d to %d bytes", n, cols, t, len(src), len(dst)))
	}
	if n == Lanes && by.pack != nil {
		by.pack(dst, t, src)
		return
	}
	if n < Lanes {
		clear(dst)
	}
	f := describe(t)
	row := size / Lanes
	for ; len(dst) > 0; dst, src = dst[f.block:], src[f.native:] {
		for r := range n {
			packBlock(dst[:f.block], src[r*row:][:f.native], t, r)
		}
		if len(src) <= f.native {
			return
		}
	}
}

// packBlock moves one native block into lane r of a panel's block.
func packBlock(dst, src []byte, t quant.Type, r int) {
	switch t {
	case quant.Q8_0:
		copy(dst[2*r:2*r+2], src)
		offsetUnits(dst[2*Lanes:], src[2:], r)
	case quant.Q4_0:
		copy(dst[2*r:2*r+2], src)
		moveUnits(dst[2*Lanes:], src[2:], r)
	case quant.Q6_K:
		copy(dst[2*r:2*r+2], src[208:])
		moveUnits(dst[scalesQ6K:], src[192:208], r)
		moveUnits(dst[highQ6K:], src[128:192], r)
		moveUnits(dst[lowQ6K:], src[:128], r)
	default:
		moveUnits(dst, src, r)
	}
}

// moveUnits puts each 4 bytes of src into lane r of a unit.
func moveUnits(dst, src []byte, r int) {
	for dst = dst[4*r:]; len(src) >= 8; src = src[8:] {
		v := binary.LittleEndian.Uint64(src)
		binary.LittleEndian.PutUint32(dst, uint32(v))
		binary.LittleEndian.PutUint32(dst[unit:], uint32(v>>32))
		dst = dst[min(2*unit, len(dst)):]
	}
	if len(src) >= 4 {
		copy(dst[:4], src)
	}
}

// offsetUnits is moveUnits with 128 added to each byte.
func offsetUnits(dst, src []byte, r int) {
	const flip = 0x80808080_80808080
	for dst = dst[4*r:]; len(src) >= 8; src = src[8:] {
		v := binary.LittleEndian.Uint64(src) ^ flip
		binary.LittleEndian.PutUint32(dst, uint32(v))
		binary.LittleEndian.PutUint32(dst[unit:], uint32(v>>32))
		dst = dst[min(2*unit, len(dst)):]
	}
}
