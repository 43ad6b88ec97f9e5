package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// zmm are the registers by number, for a kernel uses all there are.
var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

const (
	line = 64       // bytes of a register, and of a unit of a panel
	row  = 32 + 6*4 // bytes of a group of a row in a tile
	ints = 24       // registers that sums of integers may take
)

// Where the parts of a group are in a tile of height 1.
const (
	atUnit   = 32
	atSum    = 36
	at128    = 40
	at8      = 44
	at32Low  = 48
	at32High = 52
)

// kernel is one function while it is written: products of p panels with a tile
// of height h. A group of 32 columns has its sums of integers in registers, and
// 8 times, for 4 columns, a register of weights of each panel meets each row of
// the tile, broadcast.
type kernel struct {
	h, p int
	// memory says that the float sums are on the stack: registers are for the
	// integers.
	memory bool

	w, off  reg.Register // the panels' block, and how far the second one is
	pf, pf1 reg.Register // how far ahead of w to prefetch, and of the second
	jump    reg.Register // what to add to pf near the end of a panel
	x       reg.Register // the tile's group
	n       reg.Register // blocks left
	stack   reg.Register // aligned
	sums    int          // bytes from stack where float sums are
	free    int          // bytes of the stack that are in use

	weights   [2]reg.VecPhysical
	broadcast [2]reg.VecPhysical
	masks     []reg.VecPhysical
}

// vnni writes the kernels for AVX-512 with VNNI.
func vnni() {
	shuffles()
	for _, s := range []struct{ h, p int }{{1, 1}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {6, 2}, {8, 2}, {12, 2}} {
		q8_0(s.h, s.p)
		q4_0(s.h, s.p)
		q4_K(s.h, s.p)
		q5_K(s.h, s.p)
		q6_K(s.h, s.p)
	}
}

// begin starts a function.
//
//	block  bytes of a block of a panel
//	ahead  how many blocks to prefetch ahead
//	stack  bytes of the stack beside the sums
func begin(name string, h, p, block, ahead, stack, masks int) *kernel {
	TEXT(fmt.Sprintf("%sVNNI%dx%d", name, h, p), 0,
		"func(out *float32, stride int, w *byte, off, jump, blocks int, x *byte, rows, mask int)")
	Pragma("noescape")
	k := &kernel{h: h, p: p, memory: 2*h*p > 16, sums: stack}
	local := AllocLocal(stack + h*p*line + line)
	k.stack = GP64()
	LEAQ(local, k.stack)
	ADDQ(operand.Imm(line-1), k.stack)
	ANDQ(operand.I32(-line), k.stack)
	k.w = Load(Param("w"), GP64())
	k.off = Load(Param("off"), GP64())
	k.jump = Load(Param("jump"), GP64())
	k.n = Load(Param("blocks"), GP64())
	k.x = Load(Param("x"), GP64())
	k.pf, k.pf1 = GP64(), GP64()
	MOVQ(operand.I32(int32(block*ahead)), k.pf)
	LEAQ(operand.Mem{Base: k.pf, Index: k.jump, Scale: 1}, k.pf1)
	CMPQ(k.n, operand.Imm(uint64(ahead)))
	CMOVQLE(k.pf1, k.pf)
	LEAQ(operand.Mem{Base: k.pf, Index: k.off, Scale: 1}, k.pf1)

	next := 31
	take := func() reg.VecPhysical { next--; return zmm[next+1] }
	k.weights = [2]reg.VecPhysical{take(), take()}
	k.broadcast = [2]reg.VecPhysical{take(), take()}
	for range masks {
		k.masks = append(k.masks, take())
	}
	for i := range h * p {
		if k.memory {
			if i == 0 {
				VPXORD(zmm[0], zmm[0], zmm[0])
			}
			VMOVAPS(zmm[0], k.sum(i))
		} else {
			VPXORD(k.float(i), k.float(i), k.float(i))
		}
	}
	return k
}

// sum is where the float sum of a cell is on the stack.
func (k *kernel) sum(i int) operand.Mem { return k.local(k.sums + i*line) }

// local is a place on the stack.
func (k *kernel) local(at int) operand.Mem { return operand.Mem{Base: k.stack, Disp: at} }

// int is the register of the sum of integers of a cell: row t of the tile, panel
// q is cell t*p+q.
func (k *kernel) int(i int) reg.VecPhysical { return zmm[i] }

// float is the register of the float sum of a cell. Those below 16 are free for
// other work between groups.
func (k *kernel) float(i int) reg.VecPhysical { return zmm[16+i] }

// at is a place in panel q's block, from a base.
func (k *kernel) at(base reg.Register, q, disp int) operand.Mem {
	if q == 0 {
		return operand.Mem{Base: base, Disp: disp}
	}
	return operand.Mem{Base: base, Index: k.off, Scale: 1, Disp: disp}
}

// prefetch asks for a line of panel q some blocks ahead.
func (k *kernel) prefetch(base reg.Register, q, disp int) {
	index := k.pf
	if q == 1 {
		index = k.pf1
	}
	PREFETCHT0(operand.Mem{Base: base, Index: index, Scale: 1, Disp: disp})
}

// part is a number of a group of the tile.
func (k *kernel) part(group, at, t int) operand.Mem {
	return operand.Mem{Base: k.x, Disp: (group*row+at)*k.h + 4*t}
}

// start sets the sums of integers to what a group of the tile has at a place, or
// to zero.
func (k *kernel) start(group, at int) {
	for t := range k.h {
		for q := range k.p {
			s := k.int(t*k.p + q)
			switch {
			case at == 0:
				VPXORD(s, s, s)
			case q == 0:
				VPBROADCASTD(k.part(group, at, t), s)
			default:
				VMOVDQA64(k.int(t*k.p), s)
			}
		}
	}
}

// four adds products of four columns: load brings the weights of a panel into a
// register.
func (k *kernel) four(group, column int, load func(q int, to reg.VecPhysical)) {
	for q := range k.p {
		load(q, k.weights[q])
	}
	for t := range k.h {
		x := k.part(group, column, t)
		if k.p == 1 {
			VPDPBUSD_BCST(x, k.weights[0], k.int(t))
			continue
		}
		b := k.broadcast[t%2]
		VPBROADCASTD(x, b)
		for q := range k.p {
			VPDPBUSD(b, k.weights[q], k.int(t*k.p+q))
		}
	}
}

// finish adds a group's sums, as integers in the registers or, if they are
// floats already, as they are, to the float sums.
//
//	scale  the panels' scales
//	low    what is taken off a unit of activation, or nil
func (k *kernel) finish(group int, scale, low func(q int) operand.Op, done bool) {
	for t := range k.h {
		unit, sum := k.broadcast[0], k.broadcast[1]
		VBROADCASTSS(k.part(group, atUnit, t), unit)
		if low != nil {
			VBROADCASTSS(k.part(group, atSum, t), sum)
		}
		for q := range k.p {
			i := t*k.p + q
			s, f := k.int(i), k.weights[q]
			VMULPS(scale(q), unit, f)
			if !done {
				VCVTDQ2PS(s, s)
			}
			VMULPS(f, s, s)
			total := s
			if k.memory {
				VADDPS(k.sum(i), s, s)
			} else {
				total = k.float(i)
				VADDPS(s, total, total)
			}
			if low != nil {
				VMULPS(low(q), sum, f)
				VSUBPS(f, total, total)
			}
			if k.memory {
				VMOVAPS(total, k.sum(i))
			}
		}
	}
}

// next goes on to the next block, if there is one.
func (k *kernel) next(label string, block, ahead int) {
	ADDQ(operand.U32(uint32(block)), k.w)
	DECQ(k.n)
	r := GP64()
	XORQ(r, r)
	CMPQ(k.n, operand.Imm(uint64(ahead)))
	CMOVQEQ(k.jump, r)
	ADDQ(r, k.pf)
	ADDQ(r, k.pf1)
	TESTQ(k.n, k.n)
	JNE(operand.LabelRef(label))
}

// end writes the results and returns.
func (k *kernel) end() {
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	rows := Load(Param("rows"), GP64())
	mask := Load(Param("mask"), GP64())
	masks := []reg.Register{reg.K1, reg.K2}
	for q := range k.p {
		KMOVW(mask.(reg.GPVirtual).As32(), masks[q])
		if q+1 < k.p {
			SHRQ(operand.Imm(16), mask)
		}
	}
	if !k.memory {
		for i := range k.h * k.p {
			VMOVAPS(k.float(i), k.sum(i))
		}
	}
	Label("write")
	for q := range k.p {
		VMOVAPS(k.sum(q), zmm[q])
		VMOVUPS(zmm[q], masks[q], operand.Mem{Base: out, Disp: q * line})
	}
	ADDQ(operand.Imm(uint64(k.p*line)), k.stack)
	ADDQ(stride, out)
	DECQ(rows)
	JNE(operand.LabelRef("write"))
	VZEROUPPER()
	RET()
}

// constant fills a register with a byte.
func constant(b uint32, to reg.VecPhysical) {
	r := GP32()
	MOVL(operand.U32(b*0x01010101), r)
	VPBROADCASTD(r, to)
}
