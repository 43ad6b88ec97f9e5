package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rounds writes the rounding of float64 sums, 16 at a time.
func rounds() {
	for _, level := range []string{"AVX512", "AVX2"} {
		TEXT("round"+level, NOSPLIT, "func(out *float32, sums *float64, n int)")
		Pragma("noescape")
		Doc("round" + level + " writes n numbers, a multiple of 16 that is not zero, as float32.")
		out, sums, n := Load(Param("out"), reg.RDI), Load(Param("sums"), reg.RSI), Load(Param("n"), reg.RCX)
		Label("loop")
		if level == "AVX512" {
			for i := range 2 {
				VCVTPD2PS(Mem{Base: sums, Disp: 64 * i}, ymm[i])
				VMOVUPS(ymm[i], Mem{Base: out, Disp: 32 * i})
			}
		} else {
			for i := range 4 {
				VCVTPD2PSY(Mem{Base: sums, Disp: 32 * i}, xmm[i])
				VMOVUPS(xmm[i], Mem{Base: out, Disp: 16 * i})
			}
		}
		ADDQ(Imm(64), out)
		ADDQ(U32(128), sums)
		SUBQ(Imm(16), n)
		JNE(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}

func packs()       {}
func conversions() {}
