package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack writes the function that makes units of 16 rows, with AVX2. Of 8 rows at a
// time it takes 16 bytes each and turns four by four 4-byte words of four rows
// about, in each half of the registers.
func pack() {
	TEXT("interleaveAVX2", NOSPLIT, "func(dst *byte, dstNext int, src *byte, srcNext, row, blocks, pieces int, flip uint32)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	dstNext := Load(Param("dstNext"), GP64())
	src := Load(Param("src"), GP64())
	srcNext := Load(Param("srcNext"), GP64())
	row := Load(Param("row"), GP64())
	blocks := Load(Param("blocks"), GP64())
	flip := ymm[15]
	bits := Load(Param("flip"), GP32())
	VMOVD(bits, flip.AsX())
	VPBROADCASTD(flip.AsX(), flip)
	row3 := GP64()
	LEAQ(operand.Mem{Base: row, Index: row, Scale: 2}, row3)

	to, from, left := GP64(), GP64(), GP64()
	Label("block")
	MOVQ(dst, to)
	MOVQ(src, from)
	MOVQ(operand.NewParamAddr("pieces", 48), left)
	Label("piece")
	at := GP64()
	MOVQ(from, at)
	for half := range 2 {
		var r [4]reg.VecPhysical
		for part := range 2 {
			for i := range r {
				m := operand.Mem{Base: at}
				switch i {
				case 1, 2:
					m.Index, m.Scale = row, uint8(i)
				case 3:
					m.Index, m.Scale = row3, 1
				}
				r[i] = ymm[i]
				if part == 0 {
					VMOVDQU(m, r[i].AsX())
				} else {
					VINSERTI128(operand.Imm(1), m, r[i], r[i])
				}
			}
			if half == 0 || part == 0 {
				LEAQ(operand.Mem{Base: at, Index: row, Scale: 4}, at)
			}
		}
		ab0, ab1, cd0, cd1 := ymm[4], ymm[5], ymm[6], ymm[7]
		VPUNPCKLDQ(r[1], r[0], ab0)
		VPUNPCKHDQ(r[1], r[0], ab1)
		VPUNPCKLDQ(r[3], r[2], cd0)
		VPUNPCKHDQ(r[3], r[2], cd1)
		VPUNPCKLQDQ(cd0, ab0, ymm[0])
		VPUNPCKHQDQ(cd0, ab0, ymm[1])
		VPUNPCKLQDQ(cd1, ab1, ymm[2])
		VPUNPCKHQDQ(cd1, ab1, ymm[3])
		for i := range 4 {
			VPXOR(flip, ymm[i], ymm[i])
			VMOVDQU(ymm[i], operand.Mem{Base: to, Disp: i*line + 32*half})
		}
	}
	ADDQ(operand.Imm(16), from)
	ADDQ(operand.U32(4*line), to)
	DECQ(left)
	JNE(operand.LabelRef("piece"))
	ADDQ(dstNext, dst)
	ADDQ(srcNext, src)
	DECQ(blocks)
	JNE(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}
