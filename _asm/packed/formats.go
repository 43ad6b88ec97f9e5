package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// How many blocks to prefetch ahead.
const (
	aheadQ8_0 = 8
	aheadQ4_0 = 16
	aheadK    = 2
)

func q8_0(h, p int) {
	const block, numbers = 544, 32
	k := begin("q8_0", h, p, block, aheadQ8_0, 0, p)
	Label("block")
	k.halfScales(0)
	k.start(0, at128)
	for c := range 8 {
		k.four(0, 4*c, func(q int, to reg.VecPhysical) {
			k.prefetch(k.w, q, numbers+c*line)
			VMOVDQU64(k.at(k.w, q, numbers+c*line), to)
		})
	}
	k.finish(0, k.mask, nil, false)
	ADDQ(operand.U32(uint32(row*h)), k.x)
	k.next("block", block, aheadQ8_0)
	k.end()
}

func q4_0(h, p int) {
	const block, numbers = 288, 32
	k := begin("q4_0", h, p, block, aheadQ4_0, 0, p+1)
	nibble := k.masks[p]
	constant(0x0f, nibble)
	Label("block")
	k.halfScales(0)
	k.start(0, at8)
	for c := range 8 {
		k.four(0, 4*c, func(q int, to reg.VecPhysical) {
			at := numbers + c%4*line
			if c < 4 {
				k.prefetch(k.w, q, at)
			}
			k.nibbles(k.at(k.w, q, at), nibble, c >= 4, to)
		})
	}
	k.finish(0, k.mask, nil, false)
	ADDQ(operand.U32(uint32(row*h)), k.x)
	k.next("block", block, aheadQ4_0)
	k.end()
}

// mask is a register of those beside the sums, as the scale of panel q.
func (k *kernel) mask(q int) operand.Op { return k.masks[q] }

// halfScales turns float16 scales at a place of the block into masks 0 and 1.
func (k *kernel) halfScales(at int) {
	for q := range k.p {
		VCVTPH2PS(k.at(k.w, q, at), k.masks[q])
	}
}

// nibbles loads the low or high halves of bytes.
func (k *kernel) nibbles(from operand.Mem, mask reg.VecPhysical, high bool, to reg.VecPhysical) {
	if !high {
		VPANDD(from, mask, to)
		return
	}
	VPSRLD(operand.Imm(4), from, to)
	VPANDD(mask, to, to)
}

// shuffles writes the table that picks byte i of each 4 and puts zeros above it.
func shuffles() {
	GLOBL("pickByte", 8|16) // RODATA, NOPTR
	for i := range 4 {
		for j := range 16 {
			DATA(i*line+4*j, operand.U32(uint32(0x80808000+i+4*(j%4))))
		}
	}
}

// pick is the table for byte i.
func pick(i int) operand.Mem {
	return operand.NewDataAddr(operand.Symbol{Name: "pickByte", Static: true}, i*line)
}

// stackK is what scalesK needs on the stack for p panels.
func stackK(p int) int { return 16 * p * line }

// scalesK puts the scales and minima of the 8 groups of Q4_K and Q5_K, as floats
// and multiplied by the block's, on the stack: for each group those of each
// panel, then the minima.
func (k *kernel) scalesK() {
	d, dmin, u0, u1, u2, low, high := zmm[0], zmm[1], zmm[2], zmm[3], zmm[4], zmm[5], zmm[6]
	m0f, m30, m3f := zmm[7], zmm[8], zmm[9]
	constant(0x0f, m0f)
	constant(0x30, m30)
	constant(0x3f, m3f)
	for q := range k.p {
		k.prefetch(k.w, q, 0)
		VMOVDQU64(k.at(k.w, q, 0), d)
		for i, u := range []reg.VecPhysical{u0, u1, u2} {
			k.prefetch(k.w, q, (i+1)*line)
			VMOVDQU64(k.at(k.w, q, (i+1)*line), u)
		}
		VPSRLD(operand.Imm(16), d, dmin)
		for _, r := range []reg.VecPhysical{d, dmin} {
			VPMOVDW(r, r.AsY())
			VCVTPH2PS(r.AsY(), r)
		}
		VPANDD(m3f, u0, low)
		VPSRLD(operand.Imm(2), u0, u0)
		VPANDD(m30, u0, u0)
		VPANDD(m0f, u2, high)
		VPORD(u0, high, high)
		k.pickScales(low, high, d, 0, q)

		VPANDD(m3f, u1, low)
		VPSRLD(operand.Imm(2), u1, u1)
		VPANDD(m30, u1, u1)
		VPSRLD(operand.Imm(4), u2, u2)
		VPANDD(m0f, u2, high)
		VPORD(u1, high, high)
		k.pickScales(low, high, dmin, 1, q)
	}
}

// pickScales stores the bytes of two registers as floats, times d.
func (k *kernel) pickScales(low, high, d reg.VecPhysical, which, q int) {
	for g := range 8 {
		from, to := low, zmm[10+g%4]
		if g >= 4 {
			from = high
		}
		VPSHUFB(pick(g%4), from, to)
		VCVTDQ2PS(to, to)
		VMULPS(d, to, to)
		VMOVAPS(to, k.local(((2*g+which)*k.p+q)*line))
	}
}

func q4_K(h, p int) { fourBits("q4_K", h, p, 2304, 256, 0) }

func q5_K(h, p int) { fourBits("q5_K", h, p, 2816, 768, 256) }

// fourBits writes a kernel for Q4_K or, where high bits are at a place, Q5_K.
// Nibbles are at numbers.
func fourBits(name string, h, p, block, numbers, highs int) {
	masks := 1
	if highs > 0 {
		masks = 3
	}
	k := begin(name, h, p, block, aheadK, stackK(p), masks)
	nibble := k.masks[0]
	constant(0x0f, nibble)
	if highs > 0 {
		constant(0x10, k.masks[1])
	}
	chunk, scales, left := GP64(), GP64(), GP64()
	Label("block")
	k.scalesK()
	if highs > 0 {
		r := GP32()
		MOVL(operand.U32(28), r)
		VPBROADCASTD(r, k.masks[2])
	}
	LEAQ(operand.Mem{Base: k.w, Disp: numbers}, chunk)
	MOVQ(k.stack, scales)
	MOVQ(operand.U32(4), left)
	Label("chunk")
	for g := range 2 {
		k.start(g, 0)
		for c := range 8 {
			k.four(g, 4*c, func(q int, to reg.VecPhysical) {
				if g == 0 {
					k.prefetch(chunk, q, c*line)
				} else if highs > 0 && c < 2 {
					// The high bits' 8 lines are asked for two a chunk: see below.
				}
				k.nibbles(k.at(chunk, q, c*line), nibble, g == 1, to)
				if highs > 0 {
					t := k.broadcast[q]
					VMOVDQU64(k.at(k.w, q, highs+c*line), t)
					VPRORVD(k.masks[2], t, t)
					VPTERNLOGD(operand.U8(0xf8), k.masks[1], t, to) // to | t & mask
				}
			})
		}
		if highs > 0 {
			one := GP32()
			MOVL(operand.U32(1), one)
			VPBROADCASTD(one, k.broadcast[0])
			VPADDD(k.broadcast[0], k.masks[2], k.masks[2])
		}
		stored := func(which int) func(q int) operand.Op {
			return func(q int) operand.Op {
				return operand.Mem{Base: scales, Disp: ((2*g+which)*p + q) * line}
			}
		}
		k.finish(g, stored(0), stored(1), false)
	}
	ADDQ(operand.U32(512), chunk)
	ADDQ(operand.U32(uint32(4*p*line)), scales)
	ADDQ(operand.U32(uint32(2*row*h)), k.x)
	DECQ(left)
	JNE(operand.LabelRef("chunk"))
	if highs > 0 {
		for q := range p {
			for c := range 8 {
				k.prefetch(k.w, q, highs+c*line)
			}
		}
	}
	k.next("block", block, aheadK)
	k.end()
}

func q6_K(h, p int) {
	const (
		block   = 3360
		scaleAt = 32
		highs   = scaleAt + 4*line
		lows    = highs + 16*line
	)
	// The stack: a block's 16 scales and d of each panel, then half sums.
	halves := (16*p + p) * line
	k := begin("q6_K", h, p, block, aheadK, halves+h*p*line, 2)
	nibble, high := k.masks[0], k.masks[1]
	constant(0x0f, nibble)
	constant(0x30, high)
	base, scales, left := GP64(), GP64(), GP64()
	Label("block")
	k.scalesQ6K(scaleAt)
	MOVQ(k.w, base)
	MOVQ(k.stack, scales)
	lowAt := GP64()
	LEAQ(operand.Mem{Base: k.w, Disp: lows}, lowAt)
	MOVQ(operand.U32(2), left)
	Label("half")
	for j := range 4 {
		load := func(c int) func(q int, to reg.VecPhysical) {
			return func(q int, to reg.VecPhysical) {
				if j < 2 {
					k.prefetch(lowAt, q, (8*(j%2)+c)*line)
				} else if j == 2 {
					k.prefetch(base, q, highs+c*line)
				}
				k.nibbles(k.at(lowAt, q, (8*(j%2)+c)*line), nibble, j >= 2, to)
				t := k.broadcast[q]
				VPRORD(operand.Imm(uint64((2*j+28)%32)), k.at(base, q, highs+c*line), t)
				VPTERNLOGD(operand.U8(0xf8), high, t, to)
			}
		}
		scale := func(half int) func(q int) operand.Mem {
			return func(q int) operand.Mem {
				return operand.Mem{Base: scales, Disp: ((2*j+half)*p + q) * line}
			}
		}
		k.start(j, at32Low)
		for c := range 4 {
			k.four(j, 4*c, load(c))
		}
		for i := range h * p {
			VCVTDQ2PS(k.int(i), k.int(i))
			VMULPS(scale(0)(i%p), k.int(i), k.int(i))
			VMOVAPS(k.int(i), k.local(halves+i*line))
		}
		k.start(j, at32High)
		for c := range 4 {
			k.four(j, 16+4*c, load(4+c))
		}
		for i := range h * p {
			VCVTDQ2PS(k.int(i), k.int(i))
			VMULPS(scale(1)(i%p), k.int(i), k.int(i))
			VADDPS(k.local(halves+i*line), k.int(i), k.int(i))
		}
		k.finish(j, func(q int) operand.Op { return k.local((16*p + q) * line) }, nil, true)
	}
	ADDQ(operand.U32(512), base)
	ADDQ(operand.U32(1024), lowAt)
	ADDQ(operand.U32(uint32(8*p*line)), scales)
	ADDQ(operand.U32(uint32(4*row*h)), k.x)
	DECQ(left)
	JNE(operand.LabelRef("half"))
	k.next("block", block, aheadK)
	k.end()
}

// scalesQ6K puts the 16 scales of a block as floats on the stack, those of each
// panel together, and after them the block's own.
func (k *kernel) scalesQ6K(at int) {
	for q := range k.p {
		VCVTPH2PS(k.at(k.w, q, 0), zmm[0])
		VMOVAPS(zmm[0], k.local((16*k.p+q)*line))
		for i := range 4 {
			k.prefetch(k.w, q, i*line)
			VMOVDQU64(k.at(k.w, q, at+i*line), zmm[0])
			for j := range 4 {
				to := zmm[1+j]
				VPSLLD(operand.Imm(uint64(24-8*j)), zmm[0], to)
				VPSRAD(operand.Imm(24), to, to)
				VCVTDQ2PS(to, to)
				VMOVAPS(to, k.local(((4*i+j)*k.p+q)*line))
			}
		}
	}
}

var _ = fmt.Sprint
