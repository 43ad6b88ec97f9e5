package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop writes a function that turns n numbers, a multiple of 16 that is not
// zero, into others of so many bytes.
func loop(name, doc, signature string, constants func(), from, to int, body func(src, dst Mem)) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc + " n is a multiple of 16 and not zero.")
	Load(Param("dst"), reg.RDI)
	Load(Param("src"), reg.RSI)
	Load(Param("n"), reg.RCX)
	if constants != nil {
		constants()
	}
	Label("loop")
	body(Mem{Base: reg.RSI}, Mem{Base: reg.RDI})
	ADDQ(U32(uint32(16*from)), reg.RSI)
	ADDQ(U32(uint32(16*to)), reg.RDI)
	SUBQ(Imm(16), reg.RCX)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// rounds writes the rounding of float64 sums.
func rounds() {
	const signature, doc = "func(dst *float32, src *float64, n int)", "rounds sums to float32."
	loop("roundAVX512", doc, signature, nil, 8, 4, func(src, dst Mem) {
		for i := range 2 {
			VCVTPD2PS(src.Offset(64*i), ymm[i])
			VMOVUPS(ymm[i], dst.Offset(32*i))
		}
	})
	loop("roundAVX2", doc, signature, nil, 8, 4, func(src, dst Mem) {
		for i := range 4 {
			VCVTPD2PSY(src.Offset(32*i), xmm[i])
			VMOVUPS(xmm[i], dst.Offset(16*i))
		}
	})
}

// constant fills a register with a number of 32 bits.
func constant(bits uint32, low, all reg.VecPhysical) {
	MOVL(U32(bits), reg.EAX)
	VMOVD(reg.EAX, low)
	VPBROADCASTD(low, all)
}

const (
	widenTo    = "func(dst *float32, src *byte, n int)"
	narrowTo   = "func(dst *byte, src *float32, n int)"
	widenF16   = "turns binary16 into float32; a signalling NaN stays one."
	widenBF16  = "turns bfloat16 into float32."
	narrowF16  = "rounds float32 to binary16, to even."
	narrowBF16 = "rounds float32 to bfloat16, to even."
)

// conversions writes Widen and Narrow.
func conversions() {
	wideningAVX512()
	wideningAVX2()
	narrowingAVX512()
	narrowingAVX2()
}

// The processor's conversion makes each NaN quiet. So the quiet bit of those is
// taken from the source.
func wideningAVX512() {
	loop("widenF16AVX512", widenF16, widenTo, func() { constant(^uint32(1<<22), xmm[15], zmm[15]) }, 2, 4, func(src, dst Mem) {
		VCVTPH2PS(src, zmm[0])
		VCMPPS(Imm(3), zmm[0], zmm[0], reg.K1)
		VPMOVZXWD(src, zmm[1])
		VPSLLD(Imm(13), zmm[1], zmm[1])
		VPTERNLOGD(U8(0xe0), zmm[15], zmm[1], reg.K1, zmm[0]) // z0 & (z1 | z15)
		VMOVUPS(zmm[0], dst)
	})
	loop("widenBF16AVX512", widenBF16, widenTo, nil, 2, 4, func(src, dst Mem) {
		VPMOVZXWD(src, zmm[0])
		VPSLLD(Imm(16), zmm[0], zmm[0])
		VMOVUPS(zmm[0], dst)
	})
}

func wideningAVX2() {
	loop("widenF16AVX2", widenF16, widenTo, func() { constant(^uint32(1<<22), xmm[15], ymm[15]) }, 2, 4, func(src, dst Mem) {
		for i := range 2 {
			v, u, ordered := ymm[3*i], ymm[3*i+1], ymm[3*i+2]
			VCVTPH2PS(src.Offset(16*i), v)
			VCMPPS(Imm(7), v, v, ordered)
			VPMOVZXWD(src.Offset(16*i), u)
			VPSLLD(Imm(13), u, u)
			VPOR(ymm[15], u, u)
			VPOR(ordered, u, u)
			VPAND(u, v, v)
			VMOVUPS(v, dst.Offset(32*i))
		}
	})
	loop("widenBF16AVX2", widenBF16, widenTo, nil, 2, 4, func(src, dst Mem) {
		for i := range 2 {
			VPMOVZXWD(src.Offset(16*i), ymm[i])
			VPSLLD(Imm(16), ymm[i], ymm[i])
			VMOVUPS(ymm[i], dst.Offset(32*i))
		}
	})
}

func narrowingAVX512() {
	loop("narrowF16AVX512", narrowF16, narrowTo, nil, 4, 2, func(src, dst Mem) {
		VMOVUPS(src, zmm[0])
		VCVTPS2PH(Imm(0), zmm[0], dst)
	})
	constants := func() {
		constant(0x7fff, xmm[13], zmm[13])
		constant(0x40, xmm[14], zmm[14])
		constant(1, xmm[15], zmm[15])
	}
	loop("narrowBF16AVX512", narrowBF16, narrowTo, constants, 4, 2, func(src, dst Mem) {
		VMOVUPS(src, zmm[0])
		VCMPPS(Imm(3), zmm[0], zmm[0], reg.K1)
		VPSRLD(Imm(16), zmm[0], zmm[1])
		VPANDD(zmm[15], zmm[1], zmm[2])
		VPADDD(zmm[13], zmm[0], zmm[0])
		VPADDD(zmm[2], zmm[0], zmm[0])
		VPSRLD(Imm(16), zmm[0], zmm[0])
		VPORD(zmm[14], zmm[1], reg.K1, zmm[0])
		VPMOVDW(zmm[0], dst)
	})
}

func narrowingAVX2() {
	loop("narrowF16AVX2", narrowF16, narrowTo, nil, 4, 2, func(src, dst Mem) {
		for i := range 2 {
			VMOVUPS(src.Offset(32*i), ymm[i])
			VCVTPS2PH(Imm(0), ymm[i], dst.Offset(16*i))
		}
	})
	constants := func() {
		constant(0x7fff, xmm[13], ymm[13])
		constant(0x40, xmm[14], ymm[14])
		constant(1, xmm[15], ymm[15])
	}
	loop("narrowBF16AVX2", narrowBF16, narrowTo, constants, 4, 2, func(src, dst Mem) {
		for i := range 2 {
			v, high, odd, nan := ymm[4*i], ymm[4*i+1], ymm[4*i+2], ymm[4*i+3]
			VMOVUPS(src.Offset(32*i), v)
			VCMPPS(Imm(3), v, v, nan)
			VPSRLD(Imm(16), v, high)
			VPAND(ymm[15], high, odd)
			VPADDD(ymm[13], v, v)
			VPADDD(odd, v, v)
			VPSRLD(Imm(16), v, v)
			VPOR(ymm[14], high, high)
			VPBLENDVB(nan, high, v, v)
		}
		VPACKUSDW(ymm[4], ymm[0], ymm[0])
		VPERMQ(U8(0xd8), ymm[0], ymm[0])
		VMOVDQU(ymm[0], dst)
	})
}
