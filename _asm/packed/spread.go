package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Bytes of a group of a panel that is spread out: 8 units of numbers, then
// registers of float32.
const (
	spreadK   = 8*line + 2*line // scales, minima
	spreadQ6K = 8*line + 3*line // scales of both halves, the block's
)

// spread writes what many tiles need: functions that spread the groups of a
// panel out, and kernels for them, which have nothing to do but to multiply.
func spread() {
	spreadOut("q4_K", 2304, func(k *kernel) {
		k.scalesK()
		k.storeScales()
		constant(0x0f, k.masks[0])
		for g := range 8 {
			for c := range 8 {
				to := zmm[c]
				if g%2 == 0 {
					k.prefetch(k.w, 0, 256+(g/2*8+c)*line)
				}
				k.nibbles(k.at(k.w, 0, 256+(g/2*8+c)*line), g%2 == 1, to)
				k.claim(g*spreadK + c*line)
				VMOVDQA64(to, operand.Mem{Base: k.x, Disp: g*spreadK + c*line})
			}
		}
		ADDQ(operand.U32(8*spreadK), k.x)
	})
	spreadOut("q5_K", 2816, func(k *kernel) {
		k.scalesK()
		k.storeScales()
		constant(0x0f, k.masks[0])
		constant(0x10, k.masks[1])
		for g := range 8 {
			for c := range 8 {
				to := zmm[c]
				if g%2 == 0 {
					k.prefetch(k.w, 0, 768+(g/2*8+c)*line)
				}
				k.nibbles(k.at(k.w, 0, 768+(g/2*8+c)*line), g%2 == 1, to)
				k.merge(k.at(k.w, 0, 256+c*line), 4-g, k.spare[0], to)
				k.claim(g*spreadK + c*line)
				VMOVDQA64(to, operand.Mem{Base: k.x, Disp: g*spreadK + c*line})
			}
		}
		ADDQ(operand.U32(8*spreadK), k.x)
	})
	spreadOut("q6_K", 3360, func(k *kernel) {
		k.scalesQ6K()
		constant(0x0f, k.masks[0])
		constant(0x30, k.masks[1])
		for g := range 8 {
			to := func(at int) operand.Mem { return operand.Mem{Base: k.x, Disp: g*spreadQ6K + at} }
			for i, at := range []int{2 * g, 2*g + 1, 16} {
				VMOVAPS(k.local(at*line), zmm[8+i])
				VMOVAPS(zmm[8+i], to((8+i)*line))
			}
			for c := range 8 {
				if g%4 < 2 {
					k.prefetch(k.w, 0, 1312+(g/4*16+g%2*8+c)*line)
				}
				k.nibbles(k.at(k.w, 0, 1312+(g/4*16+g%2*8+c)*line), g%4 >= 2, zmm[c])
				k.merge(k.at(k.w, 0, 288+(g/4*8+c)*line), 4-g%4*2, k.spare[0], zmm[c])
				k.claim(g*spreadQ6K + c*line)
				VMOVDQA64(zmm[c], to(c*line))
			}
		}
		ADDQ(operand.U32(8*spreadQ6K), k.x)
	})
	for _, h := range []int{12} {
		spreadKernel("spreadK", h, spreadK, group{plain: true})
		spreadKernel("spreadQ6K", h, spreadQ6K, group{plain: true, halved: true})
	}
}

// storeScales moves what scalesK stored to the groups that are spread out.
func (k *kernel) storeScales() {
	for g := range 8 {
		for i := range 2 {
			VMOVAPS(k.local((2*g+i)*line), zmm[i])
			VMOVAPS(zmm[i], operand.Mem{Base: k.x, Disp: g*spreadK + (8+i)*line})
		}
	}
}

// claim asks for a line that is to be written soon.
func (k *kernel) claim(at int) { PREFETCHT0(operand.Mem{Base: k.x, Disp: at + 4096}) }

// spreadOut writes the function that spreads out blocks of a panel. The body
// does the one at w, and moves x, which is where it goes to.
func spreadOut(name string, block int, body func(k *kernel)) {
	TEXT(name+"Spread", 0, "func(dst, w *byte, blocks int)")
	Pragma("noescape")
	k := &kernel{h: 1, p: 1}
	local := AllocLocal(18 * line)
	k.stack = GP64()
	LEAQ(local, k.stack)
	ADDQ(operand.Imm(line-1), k.stack)
	ANDQ(operand.I32(-line), k.stack)
	k.x = Load(Param("dst"), GP64())
	k.w = Load(Param("w"), GP64())
	k.n = Load(Param("blocks"), GP64())
	k.assign()
	k.pf = GP64()
	MOVQ(operand.U32(uint32(2*block)), k.pf)
	Label("block")
	body(k)
	ADDQ(operand.U32(uint32(block)), k.w)
	DECQ(k.n)
	JNE(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// spreadKernel writes a kernel for two panels that are spread out.
func spreadKernel(name string, h, size int, g group) {
	TEXT(fmt.Sprintf("%s%dx2", name, h), 0,
		"func(out *float32, stride int, w *byte, off, groups int, x *byte, ahead, rows, mask, more int)")
	Pragma("noescape")
	k := &kernel{h: h, p: 2, turns: true, held: true, halves: 2 * h * line}
	stack := 2 * h * line
	if g.halved {
		stack *= 2
	}
	local := AllocLocal(stack + line)
	k.stack = GP64()
	LEAQ(local, k.stack)
	ADDQ(operand.Imm(line-1), k.stack)
	ANDQ(operand.I32(-line), k.stack)
	k.w = Load(Param("w"), GP64())
	k.off = Load(Param("off"), GP64())
	k.n = Load(Param("groups"), GP64())
	k.x = Load(Param("x"), GP64())
	k.loadAhead()
	k.assign()
	k.goOn()
	place := func(at int) func(q int, back bool) operand.Op {
		return func(q int, back bool) operand.Op {
			at := at * line
			if back {
				at -= size
			}
			return k.at(k.w, q, at)
		}
	}
	g.load = func(c, q int, to reg.VecPhysical) { VMOVDQU64(k.at(k.w, q, c*line), to) }
	if g.halved {
		g.half = func(which, q int, back bool) operand.Op { return place(8+which)(q, back) }
		g.scale = place(10)
	} else {
		g.scale, g.low = place(8), place(9)
	}
	k.run(loop{
		groups: []group{g},
		scales: func() {},
		next: func() {
			ADDQ(operand.U32(uint32(size)), k.w)
			ADDQ(operand.U32(uint32(row*h)), k.x)
			DECQ(k.n)
		},
	})
	k.end()
}
