package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// by8 writes the code for Q8_0, or for Q4_0, whose activations share a unit by 8.
func (b *body) by8(bytes bool) {
	// Words of the tile: numbers, then units, then -128·S and -8·S.
	const unit, minus8 = 8, 16
	block, prepare := 288, b.fourBitUnits()
	if bytes {
		block, prepare = 544, b.eightBitUnits()
	}
	// The first two products of a result, and the others.
	sums := [2][][]reg.VecPhysical{b.takeAll(), b.takeAll()}
	b.begin()
	Label(b.label("block"))
	b.group(wordsBy8)
	for j := range 4 {
		for h := range b.halves {
			prepare(j, h)
			for t := range b.rows {
				s, to := b.tmp[1], sums[j/2][t][h]
				if bytes {
					b.dotSigned(t, 2*j, s)
				} else {
					b.dot(t, []int{2 * j, 2*j + 1}, s)
					b.plus(b.word(minus8+j, t), s)
				}
				VCVTDQ2PS(s, s)
				if j%2 == 0 {
					b.times(b.word(unit+j, t), s, to)
				} else {
					b.times(b.word(unit+j, t), s, s)
					VADDPS(s, to, to)
				}
			}
		}
	}
	for h := range b.halves {
		VCVTPH2PS(operand.Mem{Base: b.scales, Disp: 16 * h}, b.w[0])
		for t := range b.rows {
			s := sums[0][t][h]
			VADDPS(sums[1][t][h], s, s)
			VMULPS(b.w[0], s, s)
			b.add(t, h, s, nil)
		}
	}
	b.next(wordsBy8)
	b.settle()
	ADDQ(operand.U32(uint32(block)), b.panel)
	ADDQ(operand.U32(uint32(block)), b.scales)
	DECQ(b.blocks)
	JNE(operand.LabelRef(b.label("block")))
	b.end()
}

// A block of 32 columns begins with 16 float16 scales.
const unitsBy8 = 32

// fourBitUnits returns what brings the nibbles of columns 8j to 8j+7 into w: the
// first 16 columns are the low ones.
func (b *body) fourBitUnits() func(j, h int) {
	low := b.w[2]
	b.fill(0x0f0f0f0f, low)
	return func(j, h int) {
		for i := range 2 {
			if j < 2 {
				b.prefetch(b.panel, unitsBy8+(j*2+i)*line, h)
			}
			b.nibbles(half(b.panel, unitsBy8+(j%2*2+i)*line, h), low, j >= 2, b.w[i])
		}
	}
}

// eightBitUnits returns what brings magnitudes of columns 8j to 8j+7 into the
// first two of w, and their signs into the others or into masks 1 and 2.
func (b *body) eightBitUnits() func(j, h int) {
	flip := b.w[3]
	if b.wide {
		b.xor(b.w[2], b.w[2], b.w[2])
	} else {
		flip = b.take()
	}
	b.fill(0x80808080, flip)
	return func(j, h int) {
		for i := range 2 {
			b.prefetch(b.panel, unitsBy8+(2*j+i)*line, h)
			m, w := half(b.panel, unitsBy8+(2*j+i)*line, h), b.w[i]
			if b.wide {
				b.xor(m, flip, w)
				VPMOVB2M(w, signs[i])
				VPABSB(w, w)
			} else {
				b.xor(m, flip, b.w[2+i])
				VPABSB(b.w[2+i], w)
			}
		}
	}
}

// signs are the masks of negative weights.
var signs = []reg.Register{reg.K1, reg.K2}

// dotSigned is dot for two units of magnitudes and signs: the activations take
// the signs, and sums of two products just fit into 16 bits.
func (b *body) dotSigned(t, n int, to reg.VecPhysical) {
	for i, x := range []reg.VecPhysical{b.tmp[0], b.tmp[1]} {
		VPBROADCASTD(b.word(n+i, t), x)
		if b.wide {
			VPSUBB(x, b.w[2], signs[i], x)
		} else {
			VPSIGNB(b.w[2+i], x, x)
		}
		VPMADDUBSW(x, b.w[i], x)
		VPMADDWD(b.ones, x, x)
	}
	VPADDD(b.tmp[0], b.tmp[1], to)
}
