package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes are those of the package. A step of a panel, which is a number of 4 bytes
// of each lane or two of 2 bytes, takes panelStep bytes.
const (
	lanes     = 16
	panelStep = 4 * lanes
)

// kernel writes functions that multiply a few rows of a by neighbouring panels
// of b, so many at a time.
type kernel struct {
	name   string
	vec    []reg.VecPhysical // the registers
	width  int               // numbers a register holds
	panels int
	most   int // rows
	// products writes the products of a step of a row with the registers of b, and
	// b how many registers from the first free one on it needs for those: load
	// fills them.
	load     func(k kernel, from Mem, i int)
	products func(k kernel, row, i int, from Mem)
	// flushes says that products are made with denormals as zeros.
	flushes bool
	rows    int // of the block being written
}

func products() {
	for _, panels := range []int{2, 1} {
		k := kernel{vec: zmm, width: 16, panels: panels, most: 14}
		k.function("floats", "AVX512", loadPlain, multiplyFloats)
		k.function("pairs", "AVX512BF16", loadPlain, multiplyPairs)
		k.most, k.flushes = 12, true
		k.function("pairs", "AVX512", loadParted, multiplyParted)
	}
	k := kernel{vec: ymm[:16], width: 8, panels: 1, most: 6}
	k.function("floats", "AVX2", loadPlain, multiplyFloats)
	k.most, k.flushes = 5, true
	k.function("pairs", "AVX2", loadParted, multiplyParted)
}

// The general registers of a kernel. Distances are in bytes.
var (
	outAt     = reg.RDI
	bAt       = []reg.Register{reg.RSI, reg.RAX}
	aLow      = reg.RDX // row 0
	aHigh     = reg.RBX // row 7
	steps     = reg.RCX
	outStride = reg.R8
	groups    = reg.R9 // of panels still to be met
	adds      = reg.R10
	aStride   = reg.R11
	aStride3  = reg.R12
	aStride5  = reg.R13
	count     = reg.R14
	at        = reg.R15
)

// function writes the function for up to so many rows, which goes to the block of
// the number that it is given.
func (k kernel) function(name, level string, load func(kernel, Mem, int), products func(kernel, int, int, Mem)) {
	k.name, k.load, k.products = name, load, products
	full := fmt.Sprintf("%sx%d%s", name, k.panels, level)
	TEXT(full, NOSPLIT, "func(out *float32, a, b *byte, steps, outStride, aStride, rows, groups, add int, next *byte, nextStride, nextStep int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies rows rows of a, 1 to %d, by groups times %d panels of so many steps of %d bytes. Distances are in bytes; add is 0 or 1. With every group of panels two lines of each of so many rows at next are asked for, which moves by nextStep.",
		full, k.most, k.panels, panelStep))
	var modes Mem
	if k.flushes {
		modes = AllocLocal(8)
	}
	Load(Param("out"), outAt)
	Load(Param("a"), aLow)
	Load(Param("b"), bAt[0])
	Load(Param("steps"), steps)
	Load(Param("outStride"), outStride)
	Load(Param("aStride"), aStride)
	Load(Param("groups"), groups)
	Load(Param("add"), adds)
	if k.width == 16 {
		NEGQ(adds)
		KMOVW(adds.As32(), reg.K1)
	}
	if k.flushes {
		STMXCSR(modes)
		MOVL(modes, reg.EAX)
		ORL(U32(0x8040), reg.EAX) // flush to zero, denormals are zeros
		MOVL(reg.EAX, modes.Offset(4))
	}
	Load(Param("rows"), count)
	for rows := k.most; rows > 0; rows-- {
		CMPQ(count, Imm(uint64(rows)))
		JEQ(LabelRef(fmt.Sprintf("rows%d", rows)))
	}
	RET()
	for rows := k.most; rows > 0; rows-- {
		k.rows = rows
		Label(fmt.Sprintf("rows%d", rows))
		k.block(modes)
		VZEROUPPER()
		RET()
	}
}

// block writes the loops over groups of panels and over steps.
func (k kernel) block(modes Mem) {
	name := func(s string) string { return fmt.Sprintf("%s%d", s, k.rows) }
	LEAQ(Mem{Base: aStride, Index: aStride, Scale: 2}, aStride3)
	if k.rows > 5 {
		LEAQ(Mem{Base: aStride, Index: aStride, Scale: 4}, aStride5)
	}
	if k.rows > 7 { // 7 = 8 - 1
		LEAQ(Mem{Base: aLow, Index: aStride, Scale: 8}, aHigh)
		SUBQ(aStride, aHigh)
	}
	Label(name("group"))
	if k.panels > 1 {
		MOVQ(steps, at)
		SHLQ(Imm(6), at)
		LEAQ(Mem{Base: bAt[0], Index: at, Scale: 1}, bAt[1])
	}
	k.ask()
	for i := range k.sums() {
		k.zero(k.vec[i])
	}
	if k.flushes {
		LDMXCSR(modes.Offset(4))
	}
	MOVQ(steps, count)
	SHRQ(Imm(1), count)
	JEQ(LabelRef(name("rest")))
	Label(name("loop"))
	k.step(0)
	k.step(1)
	k.advance(2)
	DECQ(count)
	JNE(LabelRef(name("loop")))
	Label(name("rest"))
	TESTQ(U32(1), steps)
	JEQ(LabelRef(name("put")))
	k.step(0)
	k.advance(1)
	Label(name("put"))
	if k.flushes {
		LDMXCSR(modes)
	}
	k.put(name("over"))
	k.back()
	if k.panels > 1 {
		MOVQ(bAt[1], bAt[0])
	}
	ADDQ(U32(uint32(4*lanes*k.panels)), outAt)
	DECQ(groups)
	JNE(LabelRef(name("group")))
}

// ask asks for the results' lines, and for two lines of each of some rows that
// will be read later.
func (k kernel) ask() {
	MOVQ(outAt, at)
	for t := range k.rows {
		for line := range (4*lanes*k.panels + 63) / 64 {
			PREFETCHT0(Mem{Base: at, Disp: 64 * line})
		}
		if t < k.rows-1 {
			ADDQ(outStride, at)
		}
	}
	Load(Param("next"), at)
	Load(Param("nextStride"), count)
	for t := range k.rows {
		PREFETCHT1(Mem{Base: at})
		PREFETCHT1(Mem{Base: at, Disp: 64})
		if t < k.rows-1 {
			ADDQ(count, at)
		}
	}
	Load(Param("next"), at)
	Load(Param("nextStep"), count)
	ADDQ(count, at)
	Store(at, Param("next"))
}

// parts is how many registers the lanes of the panels take.
func (k kernel) parts() int { return k.panels * lanes / k.width }

func (k kernel) sums() int { return k.rows * k.parts() }

func (k kernel) zero(r reg.VecPhysical) {
	if k.width == 16 {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// step writes step number u of what is written out.
func (k kernel) step(u int) {
	for i := range k.parts() {
		perPanel := lanes / k.width
		k.load(k, Mem{Base: bAt[i/perPanel], Disp: panelStep*u + i%perPanel*4*k.width}, i)
	}
	for t := range k.rows {
		for i := range k.parts() {
			k.products(k, t, i, k.a(t, u))
		}
	}
}

// a is step u of row t.
func (k kernel) a(t, u int) Mem {
	m := Mem{Base: aLow, Disp: 4 * u}
	if t >= 7 {
		m.Base = aHigh
	}
	switch t % 7 {
	case 1, 2, 4:
		m.Index, m.Scale = aStride, uint8(t%7)
	case 3, 6:
		m.Index, m.Scale = aStride3, uint8(t%7/3)
	case 5:
		m.Index, m.Scale = aStride5, 1
	}
	return m
}

func (k kernel) advance(n int) {
	ADDQ(Imm(uint64(4*n)), aLow)
	if k.rows > 7 {
		ADDQ(Imm(uint64(4*n)), aHigh)
	}
	for p := range k.panels {
		ADDQ(U32(uint32(panelStep*n)), bAt[p])
	}
}

// back takes a to where its rows begin.
func (k kernel) back() {
	MOVQ(steps, at)
	SHLQ(Imm(2), at)
	SUBQ(at, aLow)
	if k.rows > 7 {
		SUBQ(at, aHigh)
	}
}

// put writes the sums or adds them to what is there.
func (k kernel) put(over string) {
	if k.width != 16 {
		MOVQ(outAt, at)
		TESTQ(adds, adds)
		JEQ(LabelRef(over))
		for t := range k.rows {
			for i := range k.parts() {
				VADDPS(Mem{Base: at, Disp: 4 * i * k.width}, k.vec[t*k.parts()+i], k.vec[t*k.parts()+i])
			}
			if t < k.rows-1 {
				ADDQ(outStride, at)
			}
		}
		Label(over)
	}
	MOVQ(outAt, at)
	for t := range k.rows {
		for i := range k.parts() {
			sum, to := k.vec[t*k.parts()+i], Mem{Base: at, Disp: 4 * i * k.width}
			if k.width == 16 {
				VADDPS(to, sum, reg.K1, sum) // K1 is all or nothing
			}
			VMOVUPS(sum, to)
		}
		if t < k.rows-1 {
			ADDQ(outStride, at)
		}
	}
}

// free is the register number i of those that hold no sums.
func (k kernel) free(i int) reg.VecPhysical { return k.vec[k.most*k.parts()+i] }

// loadPlain reads a register of b.
func loadPlain(k kernel, from Mem, i int) { VMOVUPS(from, k.free(i)) }

// multiplyFloats multiplies and adds, each rounded.
func multiplyFloats(k kernel, row, i int, from Mem) {
	n := k.parts()
	a, product := k.free(n), k.free(n+1)
	if i == 0 {
		VBROADCASTSS(from, a)
	}
	if i == n-1 {
		product = a // the last product no longer needs a
	}
	sum := k.vec[row*n+i]
	VMULPS(k.free(i), a, product)
	VADDPS(product, sum, sum)
}

// multiplyPairs adds two products to each sum, in one instruction.
func multiplyPairs(k kernel, row, i int, from Mem) {
	n := k.parts()
	a := k.free(n + row%2)
	if i == 0 {
		VPBROADCASTD(from, a)
	}
	dot(k.free(i), a, k.vec[row*n+i])
}
