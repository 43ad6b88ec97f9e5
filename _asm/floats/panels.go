package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes and run are those of the package.
const (
	lanes = 16
	run   = 64
)

// format is a type of numbers in panels.
type format struct {
	name string
	size int
	// load reads as many numbers as a register takes and makes them float32.
	load func(from Mem, to reg.VecPhysical)
}

var formats = []format{
	{"F32", 4, func(from Mem, to reg.VecPhysical) { VMOVUPS(from, to) }},
	{"F16", 2, func(from Mem, to reg.VecPhysical) { VCVTPH2PS(from, to) }},
	{"BF16", 2, func(from Mem, to reg.VecPhysical) {
		VPMOVZXWD(from, to)
		VPSLLD(Imm(16), to, to)
	}},
}

// kernel writes functions that add the products of a few rows of x with one or
// more neighbouring panels.
type kernel struct {
	format
	level  string
	vec    []reg.VecPhysical // the registers
	width  int               // numbers a register holds
	panels int
	rows   int // of the block being written
}

// sizes are the numbers of rows that a function takes, by level and panels. The
// sums of rows·panels must leave room for the panels' numbers and two more.
var sizes = map[string]map[int][]int{
	"AVX512": {1: {14, 8, 4, 2, 1}, 2: {14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1}, 4: {4, 3, 2, 1}},
	"AVX2":   {1: {6, 5, 4, 3, 2, 1}, 2: {2, 1}},
}

func panels() {
	for _, level := range []string{"AVX512", "AVX2"} {
		vec, width := zmm, 16
		if level == "AVX2" {
			vec, width = ymm[:16], 8
		}
		for _, f := range formats {
			for _, p := range []int{1, 2, 4} {
				if rows := sizes[level][p]; rows != nil {
					k := kernel{format: f, level: level, vec: vec, width: width, panels: p}
					k.function(rows)
				}
			}
		}
	}
	rounds()
	packs()
	conversions()
}

// The general registers of a kernel. Distances are in bytes.
var (
	sumAt       = reg.RDI
	xLow        = reg.RDX // row 0
	xHigh       = reg.RBX // row 7
	left        = reg.RCX // products still to be added
	sumStride   = reg.R8
	wStride     = reg.R9
	xStride     = reg.R11
	xStride3    = reg.R12
	xStride5    = reg.R13
	count       = reg.R14
	inRun       = reg.R15
	panelStride = reg.R10
	ahead       = panelStride // once the panels are found
)

// prefetch is how many products ahead the numbers of w are asked for.
const prefetch = 64

// prefetches reports whether numbers are asked for. Four panels of 4 bytes are
// so few cycles of work that the processor's own guess is as good.
func (k kernel) prefetches() bool { return k.panels < 4 || k.size < 4 }

// wAt are the panels. Where there are four, few rows leave the registers free.
var wAt = []reg.Register{reg.RSI, reg.RAX, reg.RBX, reg.R13}

// function writes the function for so many rows, any of those in sizes: it goes
// to the block of the number that it is given.
func (k kernel) function(sizes []int) {
	TEXT(fmt.Sprintf("add%sx%d%s", k.name, k.panels, k.level), NOSPLIT,
		"func(sum *float64, w *byte, x *float32, k, sumStride, wStride, panelStride, xStride, rows int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("add%sx%d%s adds the products of rows rows of x, one of %v, with %d neighbouring panels. Distances are in bytes.",
		k.name, k.panels, k.level, slices.Sorted(slices.Values(sizes)), k.panels))
	Load(Param("sum"), sumAt)
	Load(Param("w"), reg.RSI)
	Load(Param("x"), xLow)
	Load(Param("k"), left)
	Load(Param("sumStride"), sumStride)
	Load(Param("wStride"), wStride)
	Load(Param("panelStride"), panelStride)
	Load(Param("xStride"), xStride)
	Load(Param("rows"), count)
	for _, rows := range sizes {
		CMPQ(count, Imm(uint64(rows)))
		JEQ(LabelRef(fmt.Sprintf("rows%d", rows)))
	}
	RET()
	for _, rows := range sizes {
		k.rows = rows
		Label(fmt.Sprintf("rows%d", rows))
		k.block()
		VZEROUPPER()
		RET()
	}
}

// block writes the loops over runs and over the products of a run.
func (k kernel) block() {
	name := func(s string) string { return fmt.Sprintf("%s%d", s, k.rows) }
	LEAQ(Mem{Base: xStride, Index: xStride, Scale: 2}, xStride3)
	if k.rows > 5 {
		LEAQ(Mem{Base: xStride, Index: xStride, Scale: 4}, xStride5)
	}
	if k.rows > 7 { // 7 = 8 - 1
		LEAQ(Mem{Base: xLow, Index: xStride, Scale: 8}, xHigh)
		SUBQ(xStride, xHigh)
	}
	for p := 1; p < k.panels; p++ {
		LEAQ(Mem{Base: wAt[p-1], Index: panelStride, Scale: 1}, wAt[p])
	}
	if k.prefetches() {
		IMUL3Q(Imm(prefetch), wStride, ahead)
	}
	unroll := k.unroll()
	Label(name("run"))
	MOVQ(U32(run), inRun)
	CMPQ(left, inRun)
	CMOVQLT(left, inRun)
	SUBQ(inRun, left)
	for i := range k.sums() {
		k.zero(k.vec[i])
	}
	if unroll > 1 {
		MOVQ(inRun, count)
		SHRQ(Imm(uint64(log2(unroll))), count)
		JEQ(LabelRef(name("rest")))
		Label(name("loop"))
		for u := range unroll {
			k.products(u)
		}
		k.advance(unroll)
		DECQ(count)
		JNE(LabelRef(name("loop")))
		Label(name("rest"))
		ANDQ(Imm(uint64(unroll-1)), inRun)
		JEQ(LabelRef(name("add")))
	}
	Label(name("one"))
	k.products(0)
	k.advance(1)
	DECQ(inRun)
	JNE(LabelRef(name("one")))
	Label(name("add"))
	k.add()
	TESTQ(left, left)
	JNE(LabelRef(name("run")))
}

// unroll is how many products are written out.
func (k kernel) unroll() int {
	if k.rows*k.panels >= 8 {
		return 2
	}
	return 4
}

func log2(n int) int {
	l := 0
	for ; n > 1; n >>= 1 {
		l++
	}
	return l
}

// parts is how many registers the lanes of a panel take.
func (k kernel) parts() int { return lanes / k.width }

func (k kernel) sums() int { return k.rows * k.panels * k.parts() }

func (k kernel) zero(r reg.VecPhysical) {
	if k.level == "AVX512" {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// products writes the products of number u of what is written out.
func (k kernel) products(u int) {
	n := k.panels * k.parts()
	first := k.sums()
	for p := range k.panels {
		for h := range k.parts() {
			k.load(Mem{Base: wAt[p], Disp: h * k.width * k.size}, k.vec[first+p*k.parts()+h])
		}
		if k.prefetches() && u*k.size*lanes%64 == 0 {
			PREFETCHT0(Mem{Base: wAt[p], Index: ahead, Scale: 1})
		}
		ADDQ(wStride, wAt[p])
	}
	a, b := k.vec[first+n], k.vec[first+n+1]
	for t := range k.rows {
		VBROADCASTSS(k.x(t, u), a)
		for i := range n {
			product := b
			if i == n-1 {
				product = a // the last product no longer needs x
			}
			VMULPS(k.vec[first+i], a, product)
			VADDPS(product, k.vec[t*n+i], k.vec[t*n+i])
		}
	}
}

// x is number u of row t.
func (k kernel) x(t, u int) Mem {
	m := Mem{Base: xLow, Disp: 4 * u}
	if t >= 7 {
		m.Base = xHigh
	}
	switch t % 7 {
	case 1, 2, 4:
		m.Index, m.Scale = xStride, uint8(t%7)
	case 3, 6:
		m.Index, m.Scale = xStride3, uint8(t%7/3)
	case 5:
		m.Index, m.Scale = xStride5, 1
	}
	return m
}

func (k kernel) advance(n int) {
	ADDQ(Imm(uint64(4*n)), xLow)
	if k.rows > 7 {
		ADDQ(Imm(uint64(4*n)), xHigh)
	}
}

// add adds the sums of the run to those in memory.
func (k kernel) add() {
	n := k.panels * k.parts()
	low, high := k.vec[k.sums()], k.vec[k.sums()+1]
	MOVQ(sumAt, count)
	for t := range k.rows {
		for i := range n {
			s := t*n + i
			to := Mem{Base: count, Disp: i * k.width * 8}
			if k.level == "AVX512" {
				VCVTPS2PD(ymm[s], low)
				VEXTRACTF64X4(Imm(1), k.vec[s], ymm[k.sums()+1])
				VCVTPS2PD(ymm[k.sums()+1], high)
			} else {
				VCVTPS2PD(xmm[s], low)
				VEXTRACTF128(Imm(1), k.vec[s], xmm[k.sums()+1])
				VCVTPS2PD(xmm[k.sums()+1], high)
			}
			VADDPD(to, low, low)
			VADDPD(to.Offset(k.width*4), high, high)
			VMOVUPD(low, to)
			VMOVUPD(high, to.Offset(k.width*4))
		}
		if t < k.rows-1 {
			ADDQ(sumStride, count)
		}
	}
}
