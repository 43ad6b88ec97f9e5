package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// numbers writes what turns weights of a file into float32.
func numbers() {
	halves("numbersBF16AVX512", "bfloat16", func(from Mem, v reg.VecPhysical) {
		VPMOVZXWD(from, v)
		VPSLLD(Imm(16), v, v)
	})
	halves("numbersF16AVX512", "binary16", func(from Mem, v reg.VecPhysical) { VCVTPH2PS(from, v) })
	numbersQ8()
	numbersQ4K()
	numbersQ6K()
}

func halves(name, what string, widen func(Mem, reg.VecPhysical)) {
	TEXT(name, NOSPLIT, "func(dst *float32, src *byte, n int)")
	Pragma("noescape")
	Doc(name + " turns n numbers of " + what + ", a multiple of 16 and not zero, into float32.")
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
	columns(16, func() {
		widen(Mem{Base: packFrom}, zmm[0])
		VMOVUPS(zmm[0], Mem{Base: packTo})
		ADDQ(Imm(32), packFrom)
		ADDQ(U32(64), packTo)
	})
}

// blocks begins a function that goes through n blocks.
func blocks(name, what, signature string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " turns n blocks of " + what + ", not zero, into float32.")
}

func blocksFrom() {
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
}

// scaleOf broadcasts the binary16 number at from.
func scaleOf(from Mem, low, all reg.VecPhysical) {
	MOVWLZX(from, reg.EAX)
	VMOVD(reg.EAX, low)
	VCVTPH2PS(low, low)
	VBROADCASTSS(low, all)
}

func numbersQ8() {
	blocks("numbersQ8AVX512", "Q8_0", "func(dst *float32, src *byte, n int)")
	blocksFrom()
	columns(1, func() {
		scaleOf(Mem{Base: packFrom}, xmm[0], zmm[0])
		for i := range 2 {
			v := zmm[1+i]
			VPMOVSXBD(Mem{Base: packFrom, Disp: 2 + 16*i}, v)
			VCVTDQ2PS(v, v)
			VMULPS(zmm[0], v, v)
			VMOVUPS(v, Mem{Base: packTo, Disp: 64 * i})
		}
		ADDQ(Imm(34), packFrom)
		ADDQ(U32(128), packTo)
	})
}

// numbersQ4K takes scales and minima as they multiply and are taken off, in turn,
// 16 a block.
func numbersQ4K() {
	blocks("numbersQ4KAVX512", "Q4_K, given the scale and minimum of each group,", "func(dst *float32, src *byte, scales *float32, n int)")
	blocksFrom()
	scales := reg.RDX
	Load(Param("scales"), scales)
	MOVL(U32(15), reg.EAX)
	VPBROADCASTD(reg.EAX, zmm[31])
	columns(1, func() {
		for g := range 4 {
			for i := range 4 {
				VBROADCASTSS(Mem{Base: scales, Disp: 16*g + 4*i}, zmm[4+i])
			}
			for half := range 2 {
				low, high := zmm[2*half], zmm[2*half+1]
				VPMOVZXBD(Mem{Base: packFrom, Disp: 16 + 32*g + 16*half}, high)
				VPANDD(zmm[31], high, low)
				VPSRLD(Imm(4), high, high)
				for i, v := range []reg.VecPhysical{low, high} {
					VCVTDQ2PS(v, v)
					VMULPS(zmm[4+2*i], v, v)
					VSUBPS(zmm[5+2*i], v, v)
					VMOVUPS(v, Mem{Base: packTo, Disp: 256*g + 128*i + 64*half})
				}
			}
		}
		ADDQ(U32(144), packFrom)
		ADDQ(U32(64), scales)
		ADDQ(U32(1024), packTo)
	})
}

func numbersQ6K() {
	blocks("numbersQ6KAVX512", "Q6_K", "func(dst *float32, src *byte, n int)")
	scales := AllocLocal(64)
	blocksFrom()
	for i, c := range []uint32{15, 3 << 4, 32} {
		MOVL(U32(c), reg.EAX)
		VPBROADCASTD(reg.EAX, zmm[29+i])
	}
	nibble, two, offset := zmm[29], zmm[30], zmm[31]
	columns(1, func() {
		scaleOf(Mem{Base: packFrom, Disp: 208}, xmm[0], zmm[0])
		VPMOVSXBD(Mem{Base: packFrom, Disp: 192}, zmm[1])
		VCVTDQ2PS(zmm[1], zmm[1])
		VMULPS(zmm[0], zmm[1], zmm[1])
		VMOVUPS(zmm[1], scales)
		for g := range 4 {
			half, part := g/2, g%2
			a, c, h := zmm[2], zmm[3], zmm[4]
			VPMOVZXBD(Mem{Base: packFrom, Disp: 64*half + 16*part}, a)
			VPMOVZXBD(Mem{Base: packFrom, Disp: 64*half + 16*part + 32}, c)
			VPMOVZXBD(Mem{Base: packFrom, Disp: 128 + 32*half + 16*part}, h)
			for i := range 4 {
				v, low := zmm[5+2*i], zmm[6+2*i]
				// The two bits of number i go to bits 4 and 5.
				switch i {
				case 0:
					VPSLLD(Imm(4), h, v)
				case 1:
					VPSLLD(Imm(2), h, v)
				case 2:
					VMOVDQA32(h, v)
				case 3:
					VPSRLD(Imm(2), h, v)
				}
				VPANDD(two, v, v)
				from := []reg.VecPhysical{a, c}[i%2]
				if i < 2 {
					VPANDD(nibble, from, low)
				} else {
					VPSRLD(Imm(4), from, low)
				}
				VPORD(low, v, v)
				VPSUBD(offset, v, v)
				VCVTDQ2PS(v, v)
				VBROADCASTSS(scales.Offset(4*(8*half+2*i+part)), low)
				VMULPS(low, v, v)
				VMOVUPS(v, Mem{Base: packTo, Disp: 512*half + 64*part + 128*i})
			}
		}
		ADDQ(U32(210), packFrom)
		ADDQ(U32(1024), packTo)
	})
}
