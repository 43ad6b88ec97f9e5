package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantize writes the functions that round a row of a tile, with AVX2.
func quantize() {
	GLOBL("order", 8|16) // RODATA, NOPTR
	for i, n := range []int{0, 4, 1, 5, 2, 6, 3, 7, 0, 2, 4, 6, 0, 2, 4, 6} {
		DATA(4*i, operand.U32(uint32(n)))
	}
	for _, by8 := range []bool{false, true} {
		r := rounding{by8: by8}
		r.write()
	}
}

// rounding is one of those functions.
type rounding struct {
	by8         bool         // 8 share a unit, else 32
	x           reg.Register // the 32 numbers
	at          reg.Register // four words of the row in the tile
	step, step3 reg.Register // from a word of the row to the next, and thrice that
	words       int          // written
}

// Registers of constants.
var (
	infinity  = reg.X8
	nan       = reg.X9
	most127   = reg.X10 // 127 as float32
	ones      = reg.Y11 // of 8 bits
	ones16    = reg.Y12
	order     = reg.Y13 // of words after packing
	evens     = reg.Y14
	magnitude = reg.Y15 // all bits but the sign
)

func (r *rounding) write() {
	name := "roundBy32AVX2"
	if r.by8 {
		name = "roundBy8AVX2"
	}
	TEXT(name, NOSPLIT, "func(dst *byte, x *float32, height, groups int)")
	Pragma("noescape")
	r.at = Load(Param("dst"), GP64())
	r.x = Load(Param("x"), GP64())
	r.step = Load(Param("height"), GP64())
	groups := Load(Param("groups"), GP64())
	SHLQ(operand.Imm(2), r.step)
	r.step3 = GP64()
	LEAQ(operand.Mem{Base: r.step, Index: r.step, Scale: 2}, r.step3)
	for _, c := range []struct {
		bits uint32
		to   reg.VecPhysical
	}{
		{0x7f800000, reg.Y8}, {0x7fc00000, reg.Y9}, {0x42fe0000, reg.Y10},
		{0x01010101, ones}, {0x00010001, ones16}, {0x7fffffff, magnitude},
	} {
		bits := GP32()
		MOVL(operand.U32(c.bits), bits)
		VMOVD(bits, c.to.AsX())
		VPBROADCASTD(c.to.AsX(), c.to)
	}
	table := operand.Symbol{Name: "order", Static: true}
	VMOVDQU(operand.NewDataAddr(table, 0), order)
	VMOVDQU(operand.NewDataAddr(table, 32), evens)

	Label("columns")
	r.most()
	r.units()
	r.round()
	if r.by8 {
		r.finishBy8()
	} else {
		r.finishBy32()
	}
	ADDQ(operand.U32(128), r.x)
	DECQ(groups)
	JNE(operand.LabelRef("columns"))
	VZEROUPPER()
	RET()
}

// most leaves the largest magnitude in each lane of X4, or, by 8, that of the j-th
// 8 in lane j. As integers their bits are in the same order, and NaNs come last.
func (r *rounding) most() {
	for i := range 4 {
		VPAND(operand.Mem{Base: r.x, Disp: 32 * i}, magnitude, ymm[i])
	}
	if r.by8 {
		for i := range 4 {
			x := ymm[i].AsX()
			VEXTRACTI128(operand.Imm(1), ymm[i], reg.X4)
			VPMAXUD(reg.X4, x, x)
		}
		// Of words 0 and 2, and 1 and 3, of two registers, then of all four.
		VPUNPCKLDQ(reg.X1, reg.X0, reg.X4)
		VPUNPCKHDQ(reg.X1, reg.X0, reg.X5)
		VPMAXUD(reg.X5, reg.X4, reg.X4)
		VPUNPCKLDQ(reg.X3, reg.X2, reg.X5)
		VPUNPCKHDQ(reg.X3, reg.X2, reg.X6)
		VPMAXUD(reg.X6, reg.X5, reg.X5)
		VPUNPCKLQDQ(reg.X5, reg.X4, reg.X6)
		VPUNPCKHQDQ(reg.X5, reg.X4, reg.X7)
		VPMAXUD(reg.X7, reg.X6, reg.X4)
		return
	}
	VPMAXUD(reg.Y1, reg.Y0, reg.Y0)
	VPMAXUD(reg.Y3, reg.Y2, reg.Y2)
	VPMAXUD(reg.Y2, reg.Y0, reg.Y0)
	VEXTRACTI128(operand.Imm(1), reg.Y0, reg.X4)
	VPMAXUD(reg.X0, reg.X4, reg.X4)
	for _, s := range []uint64{0x4e, 0xb1} {
		VPSHUFD(operand.Imm(s), reg.X4, reg.X5)
		VPMAXUD(reg.X5, reg.X4, reg.X4)
	}
}

// units leaves units in X5, their inverses in X6 and, in X7, where the largest is
// finite. Elsewhere the unit is NaN; where the inverse overflows both are zero.
func (r *rounding) units() {
	VDIVPS(most127, reg.X4, reg.X5)
	VDIVPS(reg.X4, most127, reg.X6)
	VPCMPGTD(reg.X6, infinity, reg.X7)
	VPAND(reg.X7, reg.X5, reg.X5)
	VPAND(reg.X7, reg.X6, reg.X6)
	VPCMPGTD(reg.X4, infinity, reg.X7)
	VPANDN(nan, reg.X7, reg.X4)
	VPOR(reg.X4, reg.X5, reg.X5)
}

// round leaves 32 rounded numbers in Y0, and in each word of Y1 the sum of four.
// Numbers are zeros where the largest is not finite.
func (r *rounding) round() {
	for i := range 4 {
		inverse := reg.Y3
		switch {
		case i == 0:
			VBROADCASTSS(reg.X6, inverse)
		case r.by8:
			VPSHUFD(operand.Imm(uint64(0x55*i)), reg.X6, inverse.AsX())
			VBROADCASTSS(inverse.AsX(), inverse)
		}
		to := []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y4}[i]
		VMULPS(operand.Mem{Base: r.x, Disp: 32 * i}, inverse, to)
		VCVTPS2DQ(to, to)
	}
	VPACKSSDW(reg.Y1, reg.Y0, reg.Y0)
	VPACKSSDW(reg.Y4, reg.Y2, reg.Y2)
	VPACKSSWB(reg.Y2, reg.Y0, reg.Y0)
	VPERMD(reg.Y0, order, reg.Y0)
	if r.by8 {
		VPMOVSXDQ(reg.X7, reg.Y7)
	} else {
		VPBROADCASTD(reg.X7, reg.Y7)
	}
	VPAND(reg.Y7, reg.Y0, reg.Y0)
	VPMADDUBSW(reg.Y0, ones, reg.Y1)
	VPMADDWD(ones16, reg.Y1, reg.Y1)
}

func (r *rounding) finishBy8() {
	VPSRLQ(operand.Imm(32), reg.Y1, reg.Y2)
	VPADDD(reg.Y2, reg.Y1, reg.Y1)
	VPERMD(reg.Y1, evens, reg.Y1)
	r.numbers()
	r.four(reg.X5)
	for _, shift := range []uint64{7, 3} {
		r.four(r.minus(reg.X1, shift))
	}
}

func (r *rounding) finishBy32() {
	for _, s := range []uint64{0x4e, 0xb1} {
		VPSHUFD(operand.Imm(s), reg.Y1, reg.Y2)
		VPADDD(reg.Y2, reg.Y1, reg.Y1)
	}
	low, high, sum := reg.X1, reg.X2, reg.X3
	VEXTRACTI128(operand.Imm(1), reg.Y1, high)
	VPADDD(high, low, sum)
	r.numbers()
	r.word(reg.X5, 0)
	VCVTDQ2PS(sum, reg.X4)
	VMULSS(reg.X5, reg.X4, reg.X4)
	r.word(reg.X4, 0)
	r.word(r.minus(low, 5), 0)
	r.word(r.minus(high, 5), 0)
}

// minus returns a register with words shifted left, and negative.
func (r *rounding) minus(x reg.VecPhysical, shift uint64) reg.VecPhysical {
	VPSLLD(operand.Imm(shift), x, reg.X4)
	VPXOR(reg.X6, reg.X6, reg.X6)
	VPSUBD(reg.X4, reg.X6, reg.X4)
	return reg.X4
}

// numbers writes the eight words of rounded numbers.
func (r *rounding) numbers() {
	r.four(reg.X0)
	VEXTRACTI128(operand.Imm(1), reg.Y0, reg.X0)
	r.four(reg.X0)
}

func (r *rounding) four(x reg.VecPhysical) {
	for i := range 4 {
		r.word(x, i)
	}
}

// word writes a word of a register as the row's next in the tile.
func (r *rounding) word(x reg.VecPhysical, i int) {
	m := operand.Mem{Base: r.at}
	switch r.words % 4 {
	case 1, 2:
		m.Index, m.Scale = r.step, uint8(r.words%4)
	case 3:
		m.Index, m.Scale = r.step3, 1
	}
	if i == 0 {
		VMOVD(x, m)
	} else {
		VPEXTRD(operand.Imm(uint64(i)), x, m)
	}
	r.words++
	if r.words%4 == 0 {
		LEAQ(operand.Mem{Base: r.at, Index: r.step, Scale: 4}, r.at)
	}
}
