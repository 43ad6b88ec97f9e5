package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where the parts of 32 columns are in a tile by 8, of height 1.
const (
	row8     = 32 + 12*4
	at128By8 = 48
	at8By8   = 64
)

// turn is the products of some rows with 16 columns, whose sums are in a set of
// 12 registers: two a cell, for 8 columns each. Turns use the two sets one after
// the other, so that the sums of one are added up while the next multiplies.
type turn struct {
	from, to int // rows
	half     int // of the 32 columns
	set      int
}

// eighths is what a kernel for activations by 8 is made of.
type eighths struct {
	*kernel
	block, start int
	bytes        bool // of weights, not nibbles
}

// eights writes a kernel for Q8_0 or Q4_0: blocks of 32 columns with a float16
// scale, and activations of which 8 share a unit.
func eights(name string, h, p, block, ahead int) {
	k := eighths{block: block, start: at8By8, bytes: block > 8*line}
	k.kernel = begin(name, h, p, block, ahead, 0, true, true)
	if k.bytes {
		k.start = at128By8
	} else {
		constant(0x0f, k.masks[0])
	}
	turns := k.turns8()
	last := turns[len(turns)-1]
	weave(k.multiply(turns[0]), nil)
	JMP(operand.LabelRef("scales"))
	Label("loop")
	weave(k.multiply(turns[0]), k.add(last, row8))
	Label("scales")
	for q := range p {
		VCVTPH2PS(k.at(k.w, q, 0), k.scale(q))
	}
	for i, t := range turns[1:] {
		weave(k.multiply(t), k.add(turns[i], 0))
	}
	ADDQ(operand.U32(uint32(row8*h)), k.x)
	k.nextBlock(block, ahead)
	JNE(operand.LabelRef("loop"))
	weave(nil, k.add(last, row8))
	k.end()
}

// turns8 divides the rows: as many at a time as 12 registers hold.
func (k *eighths) turns8() (all []turn) {
	rows := min(k.h, 3)
	if k.h%3 != 0 {
		rows = min(k.h, 2)
	}
	for t := 0; t < k.h; t += rows {
		for half := range 2 {
			all = append(all, turn{t, t + rows, half, len(all) % 2})
		}
	}
	return all
}

// scale is the register of a panel's scales.
func (k *eighths) scale(q int) reg.VecPhysical {
	if q == 0 {
		return k.masks[1]
	}
	return k.spare[1]
}

// sum8 is the register of one of the two sums of a cell.
func (k *eighths) sum8(s turn, t, q, which int) reg.VecPhysical {
	return zmm[s.set*12+((t-s.from)*k.p+q)*2+which]
}

// word is a word of a group of the tile, some groups' bytes back.
func (k *eighths) word(at, t, back int) operand.Mem {
	return operand.Mem{Base: k.x, Disp: (at-back)*k.h + 4*t}
}

// multiply returns the steps that multiply integers.
func (k *eighths) multiply(s turn) (steps []func()) {
	do := func(f func()) { steps = append(steps, f) }
	for t := s.from; t < s.to; t++ {
		for which := range 2 {
			first := k.sum8(s, t, 0, which)
			do(func() { VPBROADCASTD(k.word(k.start+4*(2*s.half+which), t, 0), first) })
			for q := 1; q < k.p; q++ {
				do(func() { VMOVDQA64(first, k.sum8(s, t, q, which)) })
			}
		}
	}
	if s.from == 0 && s.half == 0 {
		steps = append(steps, k.nextTile(0, row8)...)
	}
	for c := range 4 {
		for q := range k.p {
			do(func() { k.load(s, c, q) })
		}
		for t := s.from; t < s.to; t++ {
			x := k.word(16*s.half+4*c, t, 0)
			if k.p == 1 {
				do(func() { VPDPBUSD_BCST(x, k.weights[0], k.sum8(s, t, 0, c/2)) })
				continue
			}
			do(func() { VPBROADCASTD(x, k.broadcast[t%2]) })
			for q := range k.p {
				do(func() { VPDPBUSD(k.broadcast[t%2], k.weights[q], k.sum8(s, t, q, c/2)) })
			}
		}
	}
	return steps
}

// load brings the weights of four columns of 16 into a register.
func (k *eighths) load(s turn, c, q int) {
	const numbers = 32
	at := numbers + c*line
	if k.bytes {
		at += s.half * 4 * line
	}
	if s.from == 0 && (k.bytes || s.half == 0) {
		k.prefetch(k.w, q, at)
	}
	if k.bytes {
		VMOVDQU64(k.at(k.w, q, at), k.weights[q])
		return
	}
	k.nibbles(k.at(k.w, q, at), s.half == 1, k.weights[q])
}

// add returns the steps that add a turn's sums up. The tile has gone on by so many
// bytes of a row since.
func (k *eighths) add(s turn, back int) (steps []func()) {
	do := func(f func()) { steps = append(steps, f) }
	unit := k.spare[0]
	for t := s.from; t < s.to; t++ {
		for which := range 2 {
			do(func() { VBROADCASTSS(k.word(atUnit+4*(2*s.half+which), t, back), unit) })
			for q := range k.p {
				sum := k.sum8(s, t, q, which)
				do(func() { VCVTDQ2PS(sum, sum) })
				do(func() { VMULPS(unit, sum, sum) })
			}
		}
		for q := range k.p {
			i, sum := t*k.p+q, k.sum8(s, t, q, 0)
			do(func() { VADDPS(k.sum8(s, t, q, 1), sum, sum) })
			if s.half == 0 {
				do(func() { VMOVAPS(sum, k.local(k.halves+i*line)) })
				continue
			}
			do(func() { VADDPS(k.local(k.halves+i*line), sum, sum) })
			do(func() { VMULPS(k.scale(q), sum, sum) })
			do(func() { VADDPS(k.local(k.sums+i*line), sum, sum) })
			do(func() { VMOVAPS(sum, k.local(k.sums+i*line)) })
		}
	}
	return steps
}
