package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vnni writes the kernels for AVX-512 with VNNI.
func vnni() {
	table()
	for _, s := range []struct{ h, p int }{{1, 1}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {6, 2}, {8, 2}, {12, 2}} {
		eights("q8_0", s.h, s.p, 544, 8)
		eights("q4_0", s.h, s.p, 288, 16)
		q4_K(s.h, s.p)
		q5_K(s.h, s.p)
		q6_K(s.h, s.p)
	}
	spread()
}

// nibbles loads the low or high halves of bytes. Mask 0 must have them.
func (k *kernel) nibbles(from operand.Mem, high bool, to reg.VecPhysical) {
	if !high {
		VPANDD(from, k.masks[0], to)
		return
	}
	VPSRLD(operand.Imm(4), from, to)
	VPANDD(k.masks[0], to, to)
}

// merge puts the bits of mask 1 of bytes, shifted left (or right, if less than
// 0) into those of a register.
func (k *kernel) merge(from operand.Mem, shift int, t, to reg.VecPhysical) {
	switch {
	case shift > 0:
		VPSLLD(operand.Imm(uint64(shift)), from, t)
	case shift < 0:
		VPSRLD(operand.Imm(uint64(-shift)), from, t)
	default:
		VPTERNLOGD(operand.U8(0xf8), from, k.masks[1], to) // to | mask & from
		return
	}
	VPTERNLOGD(operand.U8(0xf8), k.masks[1], t, to) // to | t & mask
}

// Where the constants are.
const (
	pick   = 0        // 4 lines: picks byte i of each 4 and puts zeros above it
	low4   = 4 * line // 4 bytes of 0x0f
	low6   = low4 + 4 // of 0x3f
	high2  = low6 + 4 // of 0x30
	high4  = high2 + 4
	length = high4 + 4
)

// table writes the constants.
func table() {
	GLOBL("constants", 8|16) // RODATA, NOPTR
	for i := range 4 {
		for j := range 16 {
			DATA(pick+i*line+4*j, operand.U32(uint32(0x80808000+i+4*(j%4))))
		}
	}
	DATA(low4, operand.U32(0x0f0f0f0f))
	DATA(low6, operand.U32(0x3f3f3f3f))
	DATA(high2, operand.U32(0x30303030))
	DATA(high4, operand.U32(0xf0f0f0f0))
}

// fixed is a place among the constants.
func fixed(at int) operand.Mem {
	return operand.NewDataAddr(operand.Symbol{Name: "constants", Static: true}, at)
}

// scalesK puts the scales and minima of the 8 groups of Q4_K and Q5_K, as floats
// and multiplied by the block's, on the stack: for each group those of each
// panel, then the minima.
func (k *kernel) scalesK() {
	r := k.temporaries()
	d, dmin, u0, u1, u2, low, high := r[0], r[1], r[2], r[3], r[4], r[5], r[6]
	for q := range k.p {
		for i, u := range []reg.VecPhysical{d, u0, u1, u2} {
			k.prefetch(k.w, q, i*line)
			VMOVDQU64(k.at(k.w, q, i*line), u)
		}
		VPSRLD(operand.Imm(16), d, dmin)
		for _, r := range []reg.VecPhysical{d, dmin} {
			VPMOVDW(r, r.AsY())
			VCVTPH2PS(r.AsY(), r)
		}
		VPANDD_BCST(fixed(low6), u0, low)
		VPSRLD(operand.Imm(2), u0, u0)
		VPANDD_BCST(fixed(high2), u0, u0)
		VPANDD_BCST(fixed(low4), u2, high)
		VPORD(u0, high, high)
		k.pickScales(low, high, d, 0, q)

		VPANDD_BCST(fixed(low6), u1, low)
		VPSRLD(operand.Imm(2), u1, u1)
		VPANDD_BCST(fixed(high2), u1, u1)
		VPSRLD(operand.Imm(4), u2, u2)
		VPANDD_BCST(fixed(low4), u2, high)
		VPORD(u1, high, high)
		k.pickScales(low, high, dmin, 1, q)
	}
}

// pickScales stores the bytes of two registers as floats, times d.
func (k *kernel) pickScales(low, high, d reg.VecPhysical, which, q int) {
	for g := range 8 {
		from, to := low, k.temporaries()[7+g%4]
		if g >= 4 {
			from = high
		}
		VPSHUFB(fixed(pick+g%4*line), from, to)
		VCVTDQ2PS(to, to)
		VMULPS(d, to, to)
		VMOVAPS(to, k.local(((2*g+which)*k.p+q)*line))
	}
}

// stored returns the scales, or minima, that scalesK stored for a group of a
// loop over so many groups. The register scales is where the loop's are.
func (k *kernel) stored(scales reg.Register, g, groups, which int) func(q int, back bool) operand.Op {
	return func(q int, back bool) operand.Op {
		at := ((2*g+which)*k.p + q) * line
		if back {
			at -= groups * 2 * k.p * line
		}
		return operand.Mem{Base: scales, Disp: at}
	}
}

// q4_K goes through two groups, whose nibbles share bytes, at a time.
func q4_K(h, p int) {
	const block, ahead, numbers = 2304, 3, 256
	k := begin("q4_K", h, p, block, ahead, 16*p*line, false, h*p > 8)
	constant(0x0f, k.masks[0])
	chunk, scales, left := GP64(), GP64(), GP64()
	LEAQ(operand.Mem{Base: k.w, Disp: numbers}, chunk)
	XORQ(left, left)
	l := loop{
		scales: func() {
			TESTQ(left, left)
			JNE(operand.LabelRef("prepared"))
			k.scalesK()
			MOVQ(k.stack, scales)
			MOVQ(operand.U32(4), left)
			Label("prepared")
		},
		next: func() {
			ADDQ(operand.U32(512), chunk)
			ADDQ(operand.U32(uint32(4*p*line)), scales)
			ADDQ(operand.U32(uint32(2*row*h)), k.x)
			DECQ(left)
			JNE(operand.LabelRef("loop"))
			k.nextBlock(block, ahead)
			LEAQ(operand.Mem{Base: k.w, Disp: numbers}, chunk)
		},
	}
	for g := range 2 {
		l.groups = append(l.groups, group{
			index: g,
			load: func(c, q int, to reg.VecPhysical) {
				if g == 0 {
					k.prefetch(chunk, q, c*line)
				}
				k.nibbles(k.at(chunk, q, c*line), g == 1, to)
			},
			scale: k.stored(scales, g, 2, 0),
			low:   k.stored(scales, g, 2, 1),
		})
	}
	k.run(l)
	k.end()
}

// q5_K goes through two groups at a time, as q4_K. The high bits are put on the
// stack four times, shifted so that those of a pair of groups are in bits 4 and 5.
func q5_K(h, p int) {
	const block, ahead, highs, numbers = 2816, 3, 256, 768
	shifted := 16 * p * line
	k := begin("q5_K", h, p, block, ahead, shifted+32*p*line, false, h*p > 12)
	constant(0x0f, k.masks[0])
	constant(0x10, k.masks[1])
	chunk, scales, high, left := GP64(), GP64(), GP64(), GP64()
	LEAQ(operand.Mem{Base: k.w, Disp: numbers}, chunk)
	XORQ(left, left)
	l := loop{
		ready: k.first(left, func() {
			t := zmm[:4]
			k.highs(highs, 8, func(c, q int, from operand.Mem) {
				VMOVDQU64(from, t[2])
				VPSLLD(operand.Imm(4), t[2], t[0])
				VPSLLD(operand.Imm(2), t[2], t[1])
				VPSRLD(operand.Imm(2), t[2], t[3])
				for v := range t {
					VMOVDQA64(t[v], k.local(shifted+((8*v+c)*p+q)*line))
				}
			})
			LEAQ(k.local(shifted), high)
		}),
		scales: func() {
			TESTQ(left, left)
			JNE(operand.LabelRef("prepared"))
			k.scalesK()
			MOVQ(k.stack, scales)
			MOVQ(operand.U32(4), left)
			Label("prepared")
		},
		next: func() {
			ADDQ(operand.U32(512), chunk)
			ADDQ(operand.U32(uint32(4*p*line)), scales)
			ADDQ(operand.U32(uint32(8*p*line)), high)
			ADDQ(operand.U32(uint32(2*row*h)), k.x)
			DECQ(left)
			JNE(operand.LabelRef("loop"))
			k.nextBlock(block, ahead)
			LEAQ(operand.Mem{Base: k.w, Disp: numbers}, chunk)
		},
	}
	for g := range 2 {
		l.groups = append(l.groups, group{
			index: g,
			load: func(c, q int, to reg.VecPhysical) {
				if g == 0 {
					k.prefetch(chunk, q, c*line)
				}
				k.nibbles(k.at(chunk, q, c*line), g == 1, to)
				k.merge(operand.Mem{Base: high, Disp: (c*p + q) * line}, -g, k.broadcast[q], to)
			},
			scale: k.stored(scales, g, 2, 0),
			low:   k.stored(scales, g, 2, 1),
		})
	}
	k.run(l)
	k.end()
}

// first returns what writes code that is gone through only if nothing is left of
// a block. It may be called more than once.
func (k *kernel) first(left reg.Register, code func()) func() {
	calls := 0
	return func() {
		label := fmt.Sprintf("ready%d", calls)
		calls++
		TESTQ(left, left)
		JNE(operand.LabelRef(label))
		code()
		Label(label)
	}
}

// highs calls for each of n units of high bits of each panel.
func (k *kernel) highs(at, n int, each func(c, q int, from operand.Mem)) {
	for q := range k.p {
		for c := range n {
			k.prefetch(k.w, q, at+c*line)
			each(c, q, k.at(k.w, q, at+c*line))
		}
	}
}

// q6_K goes through half a block, 4 groups, at a time.
func q6_K(h, p int) {
	const (
		block, ahead = 3360, 3
		highs        = 32 + 4*line
		lows         = highs + 16*line
	)
	k := begin("q6_K", h, p, block, ahead, 17*p*line, true, h*p > 12)
	constant(0x0f, k.masks[0])
	constant(0x30, k.masks[1])
	low, high, scales, left := GP64(), GP64(), GP64(), GP64()
	start := func() {
		LEAQ(operand.Mem{Base: k.w, Disp: lows}, low)
		LEAQ(operand.Mem{Base: k.w, Disp: highs}, high)
	}
	start()
	XORQ(left, left)
	l := loop{
		scales: func() {
			TESTQ(left, left)
			JNE(operand.LabelRef("prepared"))
			k.scalesQ6K()
			MOVQ(k.stack, scales)
			MOVQ(operand.U32(2), left)
			Label("prepared")
		},
		next: func() {
			ADDQ(operand.U32(1024), low)
			ADDQ(operand.U32(512), high)
			ADDQ(operand.U32(uint32(8*p*line)), scales)
			ADDQ(operand.U32(uint32(4*row*h)), k.x)
			DECQ(left)
			JNE(operand.LabelRef("loop"))
			k.nextBlock(block, ahead)
			start()
		},
	}
	for g := range 4 {
		l.groups = append(l.groups, group{
			index:  g,
			halved: true,
			load: func(c, q int, to reg.VecPhysical) {
				at := (g%2*8 + c) * line
				switch {
				case g < 2:
					k.prefetch(low, q, at)
				case g == 2:
					k.prefetch(high, q, c*line)
				}
				k.nibbles(k.at(low, q, at), g >= 2, to)
				k.merge(k.at(high, q, c*line), 4-2*g, k.broadcast[q], to)
			},
			scale: func(q int, _ bool) operand.Op { return k.local((16*p + q) * line) },
			half: func(which, q int, back bool) operand.Op {
				at := ((2*g+which)*p + q) * line
				if back {
					at -= 8 * p * line
				}
				return operand.Mem{Base: scales, Disp: at}
			},
		})
	}
	k.run(l)
	k.end()
}

// scalesQ6K puts the 16 scales of a block as floats on the stack, those of each
// panel together, and after them the block's own.
func (k *kernel) scalesQ6K() {
	r := k.temporaries()
	for q := range k.p {
		VCVTPH2PS(k.at(k.w, q, 0), r[0])
		VMOVAPS(r[0], k.local((16*k.p+q)*line))
		for i := range 4 {
			k.prefetch(k.w, q, i*line)
			VMOVDQU64(k.at(k.w, q, 32+i*line), r[0])
			for j := range 4 {
				to := r[1+j]
				VPSLLD(operand.Imm(uint64(24-8*j)), r[0], to)
				VPSRAD(operand.Imm(24), to, to)
				VCVTDQ2PS(to, to)
				VMOVAPS(to, k.local(((4*i+j)*k.p+q)*line))
			}
		}
	}
}
