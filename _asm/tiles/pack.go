package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack writes what takes numbers to where the products want them.
func pack() {
	transpose()
	spread()
	spreadPairs()
	pairRow()
	spreadHalves()
}

// The registers of the columns' loops.
var (
	packTo, packFrom   = reg.RDI, reg.RSI
	toStride, stride   = reg.R9, reg.R8
	stride3, stride5   = reg.R11, reg.R12
	row7, row14        = reg.RBX, reg.R10
	packLeft           = reg.RCX
	toStride3          = reg.R13
	secondFrom         = reg.RDX
	nextRows           = []reg.GPPhysical{reg.RAX, reg.RDX, reg.R14}
	oddBits, quiet     = zmm[31], zmm[30]
	roundUp, upperBits = zmm[29], zmm[28]
)

// transpose writes the transposition of 16 rows, 16 words of each at a time.
func transpose() {
	TEXT("transposeAVX512", NOSPLIT, "func(dst, src *byte, dstStride, srcStride, n int)")
	Pragma("noescape")
	Doc("transposeAVX512 transposes n words, a multiple of 16 and not zero, of each of 16 rows. Distances are in bytes.")
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
	Load(Param("dstStride"), toStride)
	Load(Param("srcStride"), stride)
	Load(Param("n"), packLeft)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 4}, stride5)
	LEAQ(Mem{Base: packFrom, Index: stride, Scale: 8}, row7)
	SUBQ(stride, row7)
	LEAQ(Mem{Base: row7, Index: stride, Scale: 8}, row14)
	SUBQ(stride, row14)
	LEAQ(Mem{Base: toStride, Index: toStride, Scale: 2}, toStride3)
	// The next 16 rows are likely to be transposed next.
	for i, row := range []reg.GPPhysical{packFrom, row7, row14} {
		LEAQ(Mem{Base: row, Index: stride, Scale: 8}, nextRows[i])
		LEAQ(Mem{Base: nextRows[i], Index: stride, Scale: 8}, nextRows[i])
	}
	Label("loop")
	for r := range 16 {
		next := rowAt(r)
		next.Base = nextRows[r/7]
		PREFETCHT0(next)
	}
	square()
	for _, next := range nextRows {
		ADDQ(U32(64), next)
	}
	ADDQ(U32(64), packFrom)
	ADDQ(U32(64), row7)
	ADDQ(U32(64), row14)
	SUBQ(Imm(16), packLeft)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// rowAt is where row r stands.
func rowAt(r int) Mem {
	m := Mem{Base: []reg.GPPhysical{packFrom, row7, row14}[r/7]}
	switch r % 7 {
	case 1, 2, 4:
		m.Index, m.Scale = stride, uint8(r%7)
	case 3, 6:
		m.Index, m.Scale = stride3, uint8(r%7/3)
	case 5:
		m.Index, m.Scale = stride5, 1
	}
	return m
}

// square transposes a square of 16 words and steps packTo to the next.
func square() {
	for r := range 16 {
		VMOVUPS(rowAt(r), zmm[r])
	}
	// Pairs of rows, then fours: afterwards 128-bit part l of register 4g+c holds
	// word 4l+c of rows 4g to 4g+3.
	at := make([]reg.VecPhysical, 16)
	for r := 0; r < 16; r += 2 {
		VUNPCKLPS(zmm[r+1], zmm[r], zmm[16+r])
		VUNPCKHPS(zmm[r+1], zmm[r], zmm[17+r])
	}
	for g := 0; g < 16; g += 4 {
		VUNPCKLPD(zmm[18+g], zmm[16+g], zmm[g])
		VUNPCKHPD(zmm[18+g], zmm[16+g], zmm[g+1])
		VUNPCKLPD(zmm[19+g], zmm[17+g], zmm[g+2])
		VUNPCKHPD(zmm[19+g], zmm[17+g], zmm[g+3])
	}
	for c := range 4 {
		VSHUFF32X4(U8(0x88), zmm[4+c], zmm[c], zmm[16])
		VSHUFF32X4(U8(0xdd), zmm[4+c], zmm[c], zmm[17])
		VSHUFF32X4(U8(0x88), zmm[12+c], zmm[8+c], zmm[18])
		VSHUFF32X4(U8(0xdd), zmm[12+c], zmm[8+c], zmm[19])
		for l := range 4 {
			part := U8(0x88)
			if l >= 2 {
				part = U8(0xdd)
			}
			// Register c is free from here on, and so are 4+c, 8+c and 12+c.
			at[4*l+c] = zmm[c+4*l]
			VSHUFF32X4(part, zmm[18+l%2], zmm[16+l%2], at[4*l+c])
		}
	}
	for i := range 16 {
		to := Mem{Base: packTo}
		switch i % 4 {
		case 1, 2:
			to.Index, to.Scale = toStride, uint8(i%4)
		case 3:
			to.Index, to.Scale = toStride3, 1
		}
		VMOVUPS(at[i], to)
		if i%4 == 3 {
			LEAQ(Mem{Base: packTo, Index: toStride, Scale: 4}, packTo)
		}
	}
}

// columns writes a loop over 16 numbers of a row at a time.
func columns(step int, body func()) {
	Load(Param("n"), packLeft)
	Label("loop")
	body()
	SUBQ(Imm(uint64(step)), packLeft)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func spread() {
	TEXT("spreadAVX512", NOSPLIT, "func(dst, src *float32, stride, n, next int)")
	Pragma("noescape")
	Doc("spreadAVX512 copies n numbers, a multiple of 16 and not zero, 16 each to places stride bytes apart. What lies next bytes further on is asked for.")
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
	Load(Param("stride"), toStride)
	Load(Param("next"), stride)
	columns(16, func() {
		PREFETCHT0(Mem{Base: packFrom, Index: stride, Scale: 1})
		VMOVUPS(Mem{Base: packFrom}, zmm[0])
		VMOVUPS(zmm[0], Mem{Base: packTo})
		ADDQ(U32(64), packFrom)
		ADDQ(toStride, packTo)
	})
}

// roundings fills the registers that rounding to bfloat16 needs.
func roundings() {
	for _, c := range []struct {
		bits uint32
		to   reg.VecPhysical
	}{{1, oddBits}, {0x400000, quiet}, {0x7fff, roundUp}, {0xffff0000, upperBits}} {
		MOVL(U32(c.bits), reg.EAX)
		VPBROADCASTD(reg.EAX, c.to)
	}
}

// round leaves in the upper halves of v the bits of bfloat16: of a number its
// nearest, of a NaN a quiet one. It changes t.
func round(v, t reg.VecPhysical) {
	VCMPPS(Imm(3), v, v, reg.K1)
	VPSRLD(Imm(16), v, t)
	VPANDD(oddBits, t, t)
	VPADDD(roundUp, t, t)
	VPORD(quiet, v, reg.K1, v)
	KNOTW(reg.K1, reg.K2)
	VPADDD(t, v, reg.K2, v)
}

// join makes pairs of first and second, which round has been at, in second.
func join(first, second reg.VecPhysical) {
	VPSRLD(Imm(16), first, first)
	VPTERNLOGD(U8(0xec), upperBits, first, second) // first | second & upperBits
}

func spreadPairs() {
	TEXT("spreadPairsAVX512", NOSPLIT, "func(dst *uint32, first, second *float32, stride, n, next int)")
	Pragma("noescape")
	Doc("spreadPairsAVX512 makes pairs of n numbers of two rows, a multiple of 16 and not zero, and puts 16 each to places stride bytes apart. What lies next bytes further on is asked for.")
	Load(Param("dst"), packTo)
	Load(Param("first"), packFrom)
	Load(Param("second"), secondFrom)
	Load(Param("stride"), toStride)
	Load(Param("next"), stride)
	roundings()
	columns(16, func() {
		PREFETCHT0(Mem{Base: packFrom, Index: stride, Scale: 1})
		PREFETCHT0(Mem{Base: secondFrom, Index: stride, Scale: 1})
		VMOVUPS(Mem{Base: packFrom}, zmm[0])
		VMOVUPS(Mem{Base: secondFrom}, zmm[1])
		round(zmm[0], zmm[2])
		round(zmm[1], zmm[3])
		join(zmm[0], zmm[1])
		VMOVUPS(zmm[1], Mem{Base: packTo})
		ADDQ(U32(64), packFrom)
		ADDQ(U32(64), secondFrom)
		ADDQ(toStride, packTo)
	})
}

func spreadHalves() {
	TEXT("spreadHalvesAVX512", NOSPLIT, "func(dst *uint32, first, second *byte, stride, n, next int)")
	Pragma("noescape")
	Doc("spreadHalvesAVX512 makes pairs of n numbers of bfloat16 of two rows, a multiple of 16 and not zero, and puts 16 each to places stride bytes apart. What lies next bytes further on is asked for.")
	Load(Param("dst"), packTo)
	Load(Param("first"), packFrom)
	Load(Param("second"), secondFrom)
	Load(Param("stride"), toStride)
	Load(Param("next"), stride)
	columns(16, func() {
		PREFETCHT0(Mem{Base: packFrom, Index: stride, Scale: 1})
		PREFETCHT0(Mem{Base: secondFrom, Index: stride, Scale: 1})
		VPMOVZXWD(Mem{Base: packFrom}, zmm[0])
		VPMOVZXWD(Mem{Base: secondFrom}, zmm[1])
		VPSLLD(Imm(16), zmm[1], zmm[1])
		VPORD(zmm[0], zmm[1], zmm[1])
		VMOVUPS(zmm[1], Mem{Base: packTo})
		ADDQ(Imm(32), packFrom)
		ADDQ(Imm(32), secondFrom)
		ADDQ(toStride, packTo)
	})
}

func pairRow() {
	TEXT("pairRowAVX512", NOSPLIT, "func(dst *uint32, src *float32, n int)")
	Pragma("noescape")
	Doc("pairRowAVX512 makes pairs of n numbers, a multiple of 32 and not zero.")
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
	roundings()
	columns(32, func() {
		for i := range 2 {
			v := zmm[i]
			VMOVUPS(Mem{Base: packFrom, Disp: 64 * i}, v)
			round(v, zmm[2+i])
			VPSRLD(Imm(16), v, v)
			VPMOVDW(v, Mem{Base: packTo, Disp: 32 * i})
		}
		ADDQ(U32(128), packFrom)
		ADDQ(U32(64), packTo)
	})
}
