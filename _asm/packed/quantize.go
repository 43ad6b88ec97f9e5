package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantize writes the function that rounds one row of a tile, with AVX2.
func quantize() {
	GLOBL("rounding", 8|16) // RODATA, NOPTR
	for i := range 8 {
		DATA(4*i, operand.U32([]uint32{0, 4, 1, 5, 2, 6, 3, 7}[i])) // the order after packing
	}
	TEXT("quantizeAVX2", NOSPLIT, "func(dst *byte, x *float32, height, groups int)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	step := Load(Param("height"), GP64())
	groups := Load(Param("groups"), GP64())
	SHLQ(operand.Imm(2), step)
	step3 := GP64()
	LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, step3)

	magnitude, ones, order, top := ymm[15], ymm[14], ymm[13], ymm[12].AsX()
	fillY(0x7fffffff, magnitude)
	fillY(0x01010101, ones)
	VMOVDQU(operand.NewDataAddr(operand.Symbol{Name: "rounding", Static: true}, 0), order)
	fillY(0x42fe0000, ymm[12]) // 127
	words, infinity, nan := ymm[11], reg.X10, reg.X9
	fillY(0x00010001, words)
	fillY(0x7f800000, ymm[10])
	fillY(0x7fc00000, ymm[9])

	Label("group")
	most := ymm[4]
	for i := range 4 {
		VMOVUPS(operand.Mem{Base: x, Disp: 32 * i}, ymm[i])
		if i == 0 {
			VPAND(magnitude, ymm[i], most)
			continue
		}
		VPAND(magnitude, ymm[i], ymm[5])
		VPMAXUD(ymm[5], most, most)
	}
	m := most.AsX()
	VEXTRACTI128(operand.Imm(1), most, reg.X5)
	VPMAXUD(reg.X5, m, m)
	for _, s := range []uint64{0x4e, 0xb1} {
		VPSHUFD(operand.Imm(s), m, reg.X5)
		VPMAXUD(reg.X5, m, m)
	}
	// The unit is NaN where the largest is an infinity or NaN, and all is zero
	// there and where its inverse overflows.
	unit, inverse, fine := reg.X6, reg.X7, reg.X8
	VDIVPS(top, m, unit)
	VDIVPS(m, top, inverse)
	VPCMPGTD(inverse, infinity, fine) // inverse < infinity
	VPAND(fine, inverse, inverse)
	VPAND(fine, unit, unit)
	VPCMPGTD(m, infinity, fine)
	VPAND(fine, inverse, inverse)
	VPANDN(nan, fine, reg.X5)
	VPOR(reg.X5, unit, unit)

	VBROADCASTSS(inverse, ymm[7])
	VPBROADCASTD(fine, ymm[8])
	for i := range 4 {
		VPAND(ymm[8], ymm[i], ymm[i]) // an infinity times 0 would be no number
		VMULPS(ymm[7], ymm[i], ymm[i])
		VCVTPS2DQ(ymm[i], ymm[i])
	}
	VPACKSSDW(ymm[1], ymm[0], ymm[0])
	VPACKSSDW(ymm[3], ymm[2], ymm[2])
	VPACKSSWB(ymm[2], ymm[0], ymm[0])
	VPERMD(ymm[0], order, ymm[0])

	// Sums of the first and the last 16.
	VPMADDUBSW(ymm[0], ones, ymm[1])
	VPMADDWD(words, ymm[1], ymm[1])
	for _, s := range []uint64{0x4e, 0xb1} {
		VPSHUFD(operand.Imm(s), ymm[1], ymm[2])
		VPADDD(ymm[2], ymm[1], ymm[1])
	}
	low, high, sum := reg.X1, reg.X2, reg.X3
	VEXTRACTI128(operand.Imm(1), ymm[1], high)
	VPADDD(high, low, sum)

	at := GP64()
	MOVQ(dst, at)
	store := func(i int, word func(m operand.Mem)) {
		m := operand.Mem{Base: at}
		switch i % 4 {
		case 1, 2:
			m.Index, m.Scale = step, uint8(i%4)
		case 3:
			m.Index, m.Scale = step3, 1
		}
		word(m)
		if i%4 == 3 {
			LEAQ(operand.Mem{Base: at, Index: step, Scale: 4}, at)
		}
	}
	VEXTRACTI128(operand.Imm(1), ymm[0], reg.X4)
	for i := range 8 {
		store(i, func(m operand.Mem) {
			from := reg.X0
			if i >= 4 {
				from = reg.X4
			}
			if i%4 == 0 {
				VMOVD(from, m)
			} else {
				VPEXTRD(operand.Imm(uint64(i%4)), from, m)
			}
		})
	}
	store(8, func(m operand.Mem) { VMOVD(unit, m) })
	store(9, func(m operand.Mem) {
		VCVTDQ2PS(sum, reg.X5)
		VMULSS(unit, reg.X5, reg.X5)
		VMOVD(reg.X5, m)
	})
	negative := func(i int, v reg.VecPhysical, shift uint64) {
		store(i, func(m operand.Mem) {
			VPSLLD(operand.Imm(shift), v, reg.X5)
			VPXOR(reg.X4, reg.X4, reg.X4)
			VPSUBD(reg.X5, reg.X4, reg.X5)
			VMOVD(reg.X5, m)
		})
	}
	negative(10, sum, 7)
	negative(11, sum, 3)
	negative(12, low, 5)
	negative(13, high, 5)

	ADDQ(operand.U32(128), x)
	LEAQ(operand.Mem{Base: at, Index: step, Scale: 2}, dst)
	DECQ(groups)
	JNE(operand.LabelRef("group"))
	VZEROUPPER()
	RET()
}

// fillY sets each 32 bits of a register of AVX2.
func fillY(bits uint32, to reg.VecPhysical) {
	r := GP32()
	MOVL(operand.U32(bits), r)
	VMOVD(r, to.AsX())
	VPBROADCASTD(to.AsX(), to)
}
