package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scaleBytes are those of the scales and minima of a block of Q4_K or Q5_K, made
// float32: for each of 8 groups those of 16 rows, then the minima.
const scaleBytes = 8 * 2 * line

// fiveBits writes the code for Q4_K or, where a block has high bits at a place,
// Q5_K.
func (b *body) fiveBits(stack operand.Mem, highs int) {
	low, numbers, block := b.filled(0x0f0f0f0f), 256, 2304
	var bit, count reg.VecPhysical
	if highs > 0 {
		bit, count = b.filled(0x10101010), b.take()
		numbers, block = 768, 2816
	}
	sums := b.takeAll()
	b.begin()
	chunk, scales, left := GP64(), GP64(), GP64()
	Label(b.label("block"))
	for n := 0; n < numbers; n += line {
		b.prefetch(b.panel, n, 0)
	}
	for h := range b.halves {
		b.readScales(stack, h)
	}
	b.firstBit(count)
	LEAQ(operand.Mem{Base: b.panel, Disp: numbers}, chunk)
	LEAQ(stack, scales)
	MOVQ(operand.U32(4), left)
	Label(b.label("chunk"))
	for g := range 2 {
		b.group(wordsBy32)
		for part := range 2 {
			for h := range b.halves {
				var words []int
				for i := range 4 {
					n := 4*part + i
					words = append(words, n)
					if g == 0 {
						b.prefetch(chunk, n*line, h)
					}
					b.nibbles(half(chunk, n*line, h), low, g == 1, b.w[i])
					if highs > 0 {
						b.highBit(half(b.panel, highs+n*line, h), count, bit, b.w[i])
					}
				}
				b.sum(sums, words, h, part > 0)
			}
		}
		b.nextBit(count)
		b.finishK(sums, scales, 2*line*g)
		b.next(wordsBy32)
	}
	ADDQ(operand.U32(8*line), chunk)
	ADDQ(operand.U32(4*line), scales)
	b.settle()
	DECQ(left)
	JNE(operand.LabelRef(b.label("chunk")))
	ADDQ(operand.U32(uint32(block)), b.panel)
	DECQ(b.blocks)
	JNE(operand.LabelRef(b.label("block")))
	b.end()
}

// sum computes or adds to the sums of all rows of activations with a half.
func (b *body) sum(sums [][]reg.VecPhysical, words []int, h int, more bool) {
	for t := range b.rows {
		s := sums[t][h]
		if !more {
			b.dot(t, words, s)
			continue
		}
		b.dot(t, words, b.tmp[0])
		VPADDD(b.tmp[0], s, s)
	}
}

// The high bit of group g of Q5_K is bit g of a byte, and bit 4 of the weight.
// AVX2 has no rotation, so there it is shifted down and up.

func (b *body) firstBit(count reg.VecPhysical) {
	switch {
	case count == nil:
	case b.wide:
		b.fill(28, count)
	default:
		b.xor(count, count, count)
	}
}

func (b *body) nextBit(count reg.VecPhysical) {
	if count == nil {
		return
	}
	b.fill(1, b.tmp[0])
	VPADDD(b.tmp[0], count, count)
}

func (b *body) highBit(m operand.Mem, count, bit, to reg.VecPhysical) {
	x := b.tmp[0]
	b.load(m, x)
	if b.wide {
		VPRORVD(count, x, x)
	} else {
		VPSRLVD(count, x, x)
		VPSLLD(operand.Imm(4), x, x)
	}
	b.put(x, bit, to)
}

// finishK multiplies sums of Q4_K or Q5_K by the scales that are stored at a place
// and adds them to the results.
func (b *body) finishK(sums [][]reg.VecPhysical, scales reg.Register, at int) {
	// So many words are in a group of the tile: numbers, then d, then d·S.
	const unit, unitSum = 8, 9
	for h := range b.halves {
		VMOVUPS(half(scales, at, h), b.w[0])
		VMOVUPS(half(scales, at+line, h), b.w[1])
		for t := range b.rows {
			s := sums[t][h]
			VCVTDQ2PS(s, s)
			b.times(b.word(unit, t), b.w[0], b.tmp[1])
			VMULPS(b.tmp[1], s, s)
			b.times(b.word(unitSum, t), b.w[1], b.tmp[1])
			b.add(t, h, s, b.tmp[1])
		}
	}
}

// readScales makes the scales and minima of half h of a block ready. A row's unit 0
// has two float16 numbers; units 1 to 3 are the 12 bytes of Q4_K, by 4.
func (b *body) readScales(stack operand.Mem, h int) {
	u0, u1, u2, d := b.w[0], b.w[1], b.w[2], b.w[3]
	for i, u := range []reg.VecPhysical{u0, u1, u2} {
		b.load(half(b.panel, line*(1+i), h), u)
	}
	// bits is n bits of u from bit at on, moved up by so many.
	bits := func(u reg.VecPhysical, at, n, up int, to reg.VecPhysical) {
		VPSLLD(operand.Imm(uint64(32-at-n)), u, to)
		VPSRLD(operand.Imm(uint64(32-n)), to, to)
		if up > 0 {
			VPSLLD(operand.Imm(uint64(up)), to, to)
		}
	}
	x, y := b.tmp[0], b.tmp[1]
	for which, u := range []reg.VecPhysical{u0, u1} {
		b.load(half(b.panel, 0, h), d)
		b.float16(d, which == 1)
		for g := range 8 {
			if g < 4 {
				bits(u, 8*g, 6, 0, x)
			} else {
				i := 8 * (g - 4)
				bits(u2, i+4*which, 4, 0, x)
				bits(u, i+6, 2, 4, y)
				b.or(y, x, x)
			}
			VCVTDQ2PS(x, x)
			VMULPS(d, x, x)
			VMOVUPS(x, stack.Offset((2*g+which)*line+32*h))
		}
	}
}

// float16 turns the low or high halves of 32 bits into float32.
func (b *body) float16(r reg.VecPhysical, high bool) {
	if high {
		VPSRLD(operand.Imm(16), r, r)
	}
	if b.wide {
		VPMOVDW(r, r.AsY())
		VCVTPH2PS(r.AsY(), r)
		return
	}
	if !high {
		VPSLLD(operand.Imm(16), r, r)
		VPSRLD(operand.Imm(16), r, r)
	}
	VPACKUSDW(r, r, r)
	VPERMQ(operand.Imm(0x08), r, r)
	VCVTPH2PS(r.AsX(), r)
}

// sixBits writes the code for Q6_K.
func (b *body) sixBits() {
	const (
		block   = 3360
		scales  = 2 * 16
		highs   = scales + 4*line
		numbers = highs + 16*line
	)
	// Two units fit into 16 bits, so w has registers to spare.
	low, bits := b.w[2], b.w[3]
	b.fill(0x0f0f0f0f, low)
	b.fill(0x30303030, bits)
	sums := [2][][]reg.VecPhysical{b.takeAll(), b.takeAll()}
	b.begin()
	scaleAt, highAt, lowAt, left := GP64(), GP64(), GP64(), GP64()
	Label(b.label("block"))
	for n := 0; n < highs; n += line {
		b.prefetch(b.panel, n, 0)
	}
	LEAQ(operand.Mem{Base: b.panel, Disp: scales}, scaleAt)
	LEAQ(operand.Mem{Base: b.panel, Disp: highs}, highAt)
	LEAQ(operand.Mem{Base: b.panel, Disp: numbers}, lowAt)
	MOVQ(operand.U32(2), left)
	Label(b.label("half"))
	for j := range 4 {
		b.group(wordsBy32)
		for n := 0; n < 8; n += 2 {
			for h := range b.halves {
				for i := range 2 {
					switch {
					case j < 2:
						b.prefetch(lowAt, (j*8+n+i)*line, h)
					case j == 2:
						b.prefetch(highAt, (n+i)*line, h)
					}
					b.nibbles(half(lowAt, (j%2*8+n+i)*line, h), low, j >= 2, b.w[i])
					b.highBits(half(highAt, (n+i)*line, h), j, bits, b.w[i])
				}
				b.sum(sums[n/4], []int{n, n + 1}, h, n%4 > 0)
			}
		}
		b.finishQ6(sums, scaleAt, j)
		b.next(wordsBy32)
	}
	ADDQ(operand.U32(2*line), scaleAt)
	ADDQ(operand.U32(8*line), highAt)
	ADDQ(operand.U32(16*line), lowAt)
	b.settle()
	DECQ(left)
	JNE(operand.LabelRef(b.label("half")))
	ADDQ(operand.U32(block), b.panel)
	ADDQ(operand.U32(block), b.scales)
	DECQ(b.blocks)
	JNE(operand.LabelRef(b.label("block")))
	b.end()
}

// highBits puts bits 2j and 2j+1 of bytes on top of the nibbles.
func (b *body) highBits(m operand.Mem, j int, bits, to reg.VecPhysical) {
	x := b.tmp[0]
	b.load(m, x)
	switch j {
	case 0, 1:
		VPSLLD(operand.Imm(uint64(4-2*j)), x, x)
	case 3:
		VPSRLD(operand.Imm(2), x, x)
	}
	b.put(x, bits, to)
}

// finishQ6 multiplies the sums of group j of four by their scales, two for each
// row, and adds them to the results.
func (b *body) finishQ6(sums [2][][]reg.VecPhysical, scaleAt reg.Register, j int) {
	const unit, correction = 8, 10
	for h := range b.halves {
		for i := range 2 {
			sc := b.w[i]
			b.load(half(scaleAt, j/2*line, h), sc)
			if up := 24 - 8*(j%2*2+i); up > 0 {
				VPSLLD(operand.Imm(uint64(up)), sc, sc)
			}
			VPSRAD(operand.Imm(24), sc, sc)
		}
		for t := range b.rows {
			for i := range 2 {
				s := sums[i][t][h]
				b.plus(b.word(correction+i, t), s)
				VPMULLD(b.w[i], s, s)
			}
			VPADDD(sums[1][t][h], sums[0][t][h], sums[0][t][h])
		}
		VCVTPH2PS(operand.Mem{Base: b.scales, Disp: 16 * h}, b.w[0])
		for t := range b.rows {
			s := sums[0][t][h]
			VCVTDQ2PS(s, s)
			b.times(b.word(unit, t), b.w[0], b.tmp[1])
			VMULPS(b.tmp[1], s, s)
			b.add(t, h, s, nil)
		}
	}
}
