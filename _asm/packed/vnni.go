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
	line     = 64       // bytes of a register, and of a unit of a panel
	row      = 32 + 4*4 // bytes of a group of a row in a tile
	highest  = 12       // rows of a tile
	cellRegs = 24       // registers 0 to 23 are sums
)

// Where the parts of a group are in a tile of height 1.
const (
	atUnit   = 32
	atSum    = 36
	at32Low  = 40
	at32High = 44
)

// kernel is one function while it is written: products of p panels with a tile
// of height h. A group of 32 columns has its sums of integers in registers, and
// 8 times, for 4 columns, a register of weights of each panel meets each row of
// the tile, broadcast. Then the sums are turned into floats and added up.
//
// Few rows have their float sums in registers. Many have them on the stack, and
// take turns in two halves: while one half multiplies integers, which two of the
// processor's four pipes do, the other's sums are added up in their shadow.
type kernel struct {
	h, p  int
	turns bool

	w, off  reg.Register // the panels' block, and how far the second one is
	pf, pf1 reg.Register // how far ahead of w to prefetch, and of the second
	jump    reg.Register // what to add to pf near the end of a panel
	x       reg.Register // the tile's group
	ahead   reg.Register // how far ahead of x to prefetch, of high tiles
	n       reg.Register // blocks left
	stack   reg.Register // aligned
	sums    int          // bytes from stack where float sums are
	halves  int          // and sums of half a group, of Q6_K
	kept    int          // and numbers that one half of the rows has unpacked for the other

	held bool // masks hold the scales of panels while they are needed

	weights   [2]reg.VecPhysical
	broadcast [2]reg.VecPhysical
	spare     [2]reg.VecPhysical
	masks     [2]reg.VecPhysical
}

// group is what a format does with 32 columns.
type group struct {
	index  int // of those that the loop goes through at a time
	halved bool
	plain  bool // numbers are loaded as they are
	start  int  // where in the tile sums of integers begin; 0 for zero; not if halved
	// load brings the weights of 4 columns of a panel into a register.
	load func(column, q int, to reg.VecPhysical)
	// scale returns a panel's scale, and low what is taken off a unit of
	// activation, if there is such. back says that the loop has gone on since.
	scale, low func(q int, back bool) operand.Op
	// half returns a scale of half a group, if it is halved.
	half func(which, q int, back bool) operand.Op
}

// loop is what a kernel repeats.
type loop struct {
	groups []group
	ready  func() // prepares what products need, or nil; it may use registers 0 to 3
	scales func() // prepares the scales; it may use registers of k.temporaries
	next   func() // goes on and leaves the flag "not zero" if there is more
}

// stage is the products of some rows with a group or half of one.
type stage struct {
	group    group
	which    int // of the halves
	from, to int // rows
}

// begin starts a function.
//
//	block  bytes of a block of a panel
//	ahead  how many blocks to prefetch ahead
//	stack  bytes of the stack for scales
//	halved whether there are sums of half a group
//	turns  whether float sums are on the stack
func begin(name string, h, p, block, ahead, stack int, halved, turns bool) *kernel {
	TEXT(fmt.Sprintf("%sVNNI%dx%d", name, h, p), 0,
		"func(out *float32, stride int, w *byte, off, jump, blocks int, x *byte, ahead, rows, mask, more int)")
	Pragma("noescape")
	k := &kernel{h: h, p: p, turns: turns, sums: stack}
	stack += h * p * line
	if halved {
		k.halves = stack
		stack += h * p * line
	}
	k.kept = stack
	if k.turns {
		stack += 8 * p * line
	}
	local := AllocLocal(stack + line)
	k.stack = GP64()
	LEAQ(local, k.stack)
	ADDQ(operand.Imm(line-1), k.stack)
	ANDQ(operand.I32(-line), k.stack)
	k.w = Load(Param("w"), GP64())
	k.off = Load(Param("off"), GP64())
	k.jump = Load(Param("jump"), GP64())
	k.n = Load(Param("blocks"), GP64())
	k.x = Load(Param("x"), GP64())
	k.loadAhead()
	k.pf, k.pf1 = GP64(), GP64()
	MOVQ(operand.I32(int32(block*ahead)), k.pf)
	LEAQ(operand.Mem{Base: k.pf, Index: k.jump, Scale: 1}, k.pf1)
	CMPQ(k.n, operand.Imm(uint64(ahead)))
	CMOVQLE(k.pf1, k.pf)
	LEAQ(operand.Mem{Base: k.pf, Index: k.off, Scale: 1}, k.pf1)

	k.assign()
	k.goOn()
	return k
}

// assign gives registers to what is not a sum.
func (k *kernel) assign() {
	k.masks = [2]reg.VecPhysical{zmm[24], zmm[25]}
	k.spare = [2]reg.VecPhysical{zmm[26], zmm[27]}
	k.broadcast = [2]reg.VecPhysical{zmm[28], zmm[29]}
	k.weights = [2]reg.VecPhysical{zmm[30], zmm[31]}
}

// goOn sets the sums to zero or, if there is more, to what the results are.
func (k *kernel) goOn() {
	VPXORD(zmm[0], zmm[0], zmm[0])
	for i := range k.h * k.p {
		VMOVAPS(zmm[0], k.local(k.sums+i*line))
	}
	more := Load(Param("more"), GP64())
	TESTQ(more, more)
	JEQ(operand.LabelRef("begin"))
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	rows := Load(Param("rows"), GP64())
	mask := Load(Param("mask"), GP64())
	masks := k.panelMasks(mask)
	sum := GP64()
	MOVQ(k.stack, sum)
	Label("more")
	for q := range k.p {
		VMOVUPS_Z(operand.Mem{Base: out, Disp: q * line}, masks[q], zmm[q])
		VMOVAPS(zmm[q], operand.Mem{Base: sum, Disp: k.sums + q*line})
	}
	ADDQ(operand.Imm(uint64(k.p*line)), sum)
	ADDQ(stride, out)
	DECQ(rows)
	JNE(operand.LabelRef("more"))
	Label("begin")
	if !k.turns {
		for i := range k.h * k.p {
			VMOVAPS(k.local(k.sums+i*line), k.float(i))
		}
	}
}

// local is a place on the stack.
func (k *kernel) local(at int) operand.Mem { return operand.Mem{Base: k.stack, Disp: at} }

// float is the register of the float sum of a cell, of few rows.
func (k *kernel) float(i int) reg.VecPhysical { return zmm[cellRegs-1-i] }

// temporaries are registers that are free when scales are prepared: at least 12.
func (k *kernel) temporaries() []reg.VecPhysical {
	if k.turns {
		return zmm[k.h/2*k.p : cellRegs]
	}
	return zmm[:cellRegs-k.h*k.p]
}

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

// loadAhead gets what high tiles need to prefetch the next one.
func (k *kernel) loadAhead() {
	if k.h == highest {
		k.ahead = Load(Param("ahead"), GP64())
	}
}

// nextTile returns steps that ask for the lines of a group of the next tile, which has
// so many bytes for each row, into the second cache.
func (k *kernel) nextTile(group, row int) (steps []func()) {
	if k.h != highest {
		return nil
	}
	for at := group * row * k.h; at < (group+1)*row*k.h; at += line {
		steps = append(steps, func() {
			PREFETCHT1(operand.Mem{Base: k.x, Index: k.ahead, Scale: 1, Disp: at})
		})
	}
	return steps
}

// part is a number of a group of the tile.
func (k *kernel) part(group, at, t int) operand.Mem {
	return operand.Mem{Base: k.x, Disp: (group*row+at)*k.h + 4*t}
}

// run writes the loop over all columns.
func (k *kernel) run(l loop) {
	if l.ready == nil {
		l.ready = func() {}
	}
	stages := l.stages(k)
	last := stages[len(stages)-1]
	if !k.turns {
		Label("loop")
		l.ready()
		l.scales()
		for _, s := range stages {
			weave(k.products(s), nil)
			weave(nil, k.sum(s, 0))
		}
		l.next()
		JNE(operand.LabelRef("loop"))
		return
	}
	l.ready()
	weave(k.products(stages[0]), nil)
	JMP(operand.LabelRef("scales"))
	Label("loop")
	l.ready()
	weave(k.products(stages[0]), k.sum(last, len(l.groups)))
	Label("scales")
	l.scales()
	for i, s := range stages[1:] {
		weave(k.products(s), k.sum(stages[i], 0))
	}
	l.next()
	JNE(operand.LabelRef("loop"))
	weave(nil, k.sum(last, len(l.groups)))
}

// stages returns what the loop does, in order.
func (l loop) stages(k *kernel) []stage {
	var all []stage
	for _, g := range l.groups {
		parts := 1
		if g.halved {
			parts = 2
		}
		for which := range parts {
			if !k.turns {
				all = append(all, stage{g, which, 0, k.h})
				continue
			}
			all = append(all, stage{g, which, 0, k.h / 2}, stage{g, which, k.h / 2, k.h})
		}
	}
	return all
}

// weave writes two sequences into one another, evenly.
func weave(a, b []func()) {
	done := 0
	for i, step := range a {
		step()
		for ; done < (i+1)*len(b)/len(a); done++ {
			b[done]()
		}
	}
	for ; done < len(b); done++ {
		b[done]()
	}
}

// products returns the steps that multiply integers.
func (k *kernel) products(s stage) (steps []func()) {
	do := func(f func()) { steps = append(steps, f) }
	start, columns := s.group.start, 8
	if s.group.halved {
		start, columns = at32Low+s.which*(at32High-at32Low), 4
	}
	for t := s.from; t < s.to; t++ {
		for q := range k.p {
			sum := zmm[t*k.p+q]
			switch {
			case start == 0:
				do(func() { VPXORD(sum, sum, sum) })
			case q == 0:
				do(func() { VPBROADCASTD(k.part(s.group.index, start, t), sum) })
			default:
				do(func() { VMOVDQA64(zmm[t*k.p], sum) })
			}
		}
	}
	if s.from == 0 && s.which == 0 {
		steps = append(steps, k.nextTile(s.group.index, row)...)
	}
	for c := s.which * columns; c < (s.which+1)*columns; c++ {
		for q := range k.p {
			kept := k.local(k.kept + (c*k.p+q)*line)
			if k.turns && !s.group.plain && s.from > 0 {
				do(func() { VMOVDQA64(kept, k.weights[q]) })
				continue
			}
			do(func() { s.group.load(c, q, k.weights[q]) })
			if k.turns && !s.group.plain {
				do(func() { VMOVDQA64(k.weights[q], kept) })
			}
		}
		for t := s.from; t < s.to; t++ {
			x := k.part(s.group.index, 4*c, t)
			if k.p == 1 {
				do(func() { VPDPBUSD_BCST(x, k.weights[0], zmm[t]) })
				continue
			}
			do(func() { VPBROADCASTD(x, k.broadcast[t%2]) })
			for q := range k.p {
				do(func() { VPDPBUSD(k.broadcast[t%2], k.weights[q], zmm[t*k.p+q]) })
			}
		}
	}
	return steps
}

// sum returns the steps that add a stage's sums up. The loop has gone on by so
// many groups since its products.
func (k *kernel) sum(s stage, since int) (steps []func()) {
	back := since > 0
	if s.group.halved {
		steps = k.half(s, back)
		if s.which == 0 {
			return steps
		}
	}
	do := func(f func()) { steps = append(steps, f) }
	unit, f := k.spare[0], k.spare[1]
	scale := k.hold(do, s.group.scale, back)
	var later []func()
	for t := s.from; t < s.to; t++ {
		do(func() { VBROADCASTSS(k.part(s.group.index-since, atUnit, t), unit) })
		for q := range k.p {
			i, sum := t*k.p+q, zmm[t*k.p+q]
			do(func() { VMULPS(scale(q), unit, f) })
			if !s.group.halved {
				do(func() { VCVTDQ2PS(sum, sum) })
			}
			do(func() { VMULPS(f, sum, sum) })
			if k.turns {
				do(func() { VADDPS(k.local(k.sums+i*line), sum, sum) })
			} else {
				do(func() { VADDPS(sum, k.float(i), k.float(i)) })
			}
			if k.turns && s.group.low == nil {
				do(func() { VMOVAPS(sum, k.local(k.sums+i*line)) })
			}
		}
		switch {
		case s.group.low == nil:
		case k.held:
			later = append(later, k.takeOff(s, t, since)...)
		default:
			steps = append(steps, k.takeOff(s, t, since)...)
		}
	}
	if k.held && s.group.low != nil {
		k.hold(do, s.group.low, back)
		steps = append(steps, later...)
	}
	return steps
}

// hold loads scales of the panels into masks, if they are to be held, and
// returns where to find them.
func (k *kernel) hold(do func(func()), scale func(q int, back bool) operand.Op, back bool) func(q int) operand.Op {
	if !k.held {
		return func(q int) operand.Op { return scale(q, back) }
	}
	for q := range k.p {
		do(func() { VMOVAPS(scale(q, back), k.masks[q]) })
	}
	return func(q int) operand.Op { return k.masks[q] }
}

// takeOff returns the steps that take the minima off the sums of a row.
func (k *kernel) takeOff(s stage, t, since int) (steps []func()) {
	do := func(f func()) { steps = append(steps, f) }
	unit, f := k.spare[0], k.spare[1]
	do(func() { VBROADCASTSS(k.part(s.group.index-since, atSum, t), unit) })
	for q := range k.p {
		i, sum := t*k.p+q, zmm[t*k.p+q]
		low := s.group.low(q, since > 0)
		if k.held {
			low = k.masks[q]
		}
		do(func() { VMULPS(low, unit, f) })
		if !k.turns {
			do(func() { VSUBPS(f, k.float(i), k.float(i)) })
			continue
		}
		do(func() { VSUBPS(f, sum, sum) })
		do(func() { VMOVAPS(sum, k.local(k.sums+i*line)) })
	}
	return steps
}

// half returns the steps that multiply sums of half a group by its scale and
// keep them, or add them to those of the other half.
func (k *kernel) half(s stage, back bool) (steps []func()) {
	do := func(f func()) { steps = append(steps, f) }
	scale := k.hold(do, func(q int, back bool) operand.Op { return s.group.half(s.which, q, back) }, back)
	for t := s.from; t < s.to; t++ {
		for q := range k.p {
			i, sum := t*k.p+q, zmm[t*k.p+q]
			do(func() { VCVTDQ2PS(sum, sum) })
			do(func() { VMULPS(scale(q), sum, sum) })
			if s.which == 0 {
				do(func() { VMOVAPS(sum, k.local(k.halves+i*line)) })
			} else {
				do(func() { VADDPS(k.local(k.halves+i*line), sum, sum) })
			}
		}
	}
	return steps
}

// nextBlock goes on to the next block of the panels and leaves the flag "not
// zero" if there is one.
func (k *kernel) nextBlock(block, ahead int) {
	ADDQ(operand.U32(uint32(block)), k.w)
	DECQ(k.n)
	r := GP64()
	XORQ(r, r)
	CMPQ(k.n, operand.Imm(uint64(ahead)))
	CMOVQEQ(k.jump, r)
	ADDQ(r, k.pf)
	ADDQ(r, k.pf1)
	TESTQ(k.n, k.n)
}

// end writes the results and returns.
func (k *kernel) end() {
	out := Load(Param("out"), GP64())
	stride := Load(Param("stride"), GP64())
	rows := Load(Param("rows"), GP64())
	mask := Load(Param("mask"), GP64())
	masks := k.panelMasks(mask)
	if !k.turns {
		for i := range k.h * k.p {
			VMOVAPS(k.float(i), k.local(k.sums+i*line))
		}
	}
	Label("write")
	for q := range k.p {
		VMOVAPS(k.local(k.sums+q*line), zmm[q])
		VMOVUPS(zmm[q], masks[q], operand.Mem{Base: out, Disp: q * line})
	}
	ADDQ(operand.Imm(uint64(k.p*line)), k.stack)
	ADDQ(stride, out)
	DECQ(rows)
	JNE(operand.LabelRef("write"))
	VZEROUPPER()
	RET()
}

// panelMasks turns bits into a mask for each panel.
func (k *kernel) panelMasks(bits reg.Register) []reg.Register {
	masks := []reg.Register{reg.K1, reg.K2}
	for q := range k.p {
		KMOVW(bits.(reg.GPVirtual).As32(), masks[q])
		if q+1 < k.p {
			SHRQ(operand.Imm(16), bits)
		}
	}
	return masks
}

// constant fills a register with a byte.
func constant(b uint32, to reg.VecPhysical) {
	r := GP32()
	MOVL(operand.U32(b*0x01010101), r)
	VPBROADCASTD(r, to)
}
