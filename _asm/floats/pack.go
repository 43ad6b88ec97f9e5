package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packs writes Pack for 16 whole rows: squares of units of 4 bytes are
// transposed in registers. A unit is a number, or two of 2 bytes, which are then
// parted.
func packs() {
	pack("packWordsAVX512", "numbers of 4 bytes", 16, func() { transpose512(false) })
	pack("packHalvesAVX512", "pairs of numbers of 2 bytes", 16, func() { transpose512(true) })
	pack("packWordsAVX2", "numbers of 4 bytes", 8, func() { transpose256(false) })
	pack("packHalvesAVX2", "pairs of numbers of 2 bytes", 8, func() { transpose256(true) })
}

var (
	packTo, packFrom      = reg.RDI, reg.RSI
	row7, row8, row14     = reg.RBX, reg.RDX, reg.R10
	rowStride, rowStride3 = reg.R8, reg.R9
	rowStride5            = reg.R11
)

// pack writes a function that takes so many units of each row at a time.
func pack(name, what string, units int, transpose func()) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, stride, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s transposes n %s, a multiple of %d and not zero, of each of 16 rows, which are stride bytes apart.", name, what, units))
	Load(Param("dst"), packTo)
	Load(Param("src"), packFrom)
	Load(Param("stride"), rowStride)
	Load(Param("n"), reg.RCX)
	LEAQ(Mem{Base: rowStride, Index: rowStride, Scale: 2}, rowStride3)
	LEAQ(Mem{Base: rowStride, Index: rowStride, Scale: 4}, rowStride5)
	LEAQ(Mem{Base: packFrom, Index: rowStride, Scale: 8}, row8)
	MOVQ(row8, row7)
	SUBQ(rowStride, row7)
	LEAQ(Mem{Base: row7, Index: rowStride, Scale: 8}, row14)
	SUBQ(rowStride, row14)
	if name == "packHalvesAVX512" {
		VMOVDQU16(evenOdd(), zmm[31])
	}
	if name == "packHalvesAVX2" {
		VBROADCASTI128(evenOddBytes(), ymm[15])
	}
	Label("loop")
	transpose()
	ADDQ(Imm(uint64(4*units)), packFrom)
	ADDQ(Imm(uint64(4*units)), row7)
	ADDQ(Imm(uint64(4*units)), row14)
	ADDQ(U32(uint32(64*units)), packTo)
	SUBQ(Imm(uint64(units)), reg.RCX)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// packRow is where row r stands.
func packRow(r int) Mem {
	m := Mem{Base: []reg.GPPhysical{packFrom, row7, row14}[r/7]}
	switch r % 7 {
	case 1, 2, 4:
		m.Index, m.Scale = rowStride, uint8(r%7)
	case 3, 6:
		m.Index, m.Scale = rowStride3, uint8(r%7/3)
	case 5:
		m.Index, m.Scale = rowStride5, 1
	}
	return m
}

// evenOdd orders 32 numbers of 2 bytes: those at even places first.
func evenOdd() Mem {
	m := GLOBL("evenOdd", RODATA|NOPTR)
	for i := range 32 {
		DATA(2*i, U16(i%16*2+i/16))
	}
	return m
}

// evenOddBytes is evenOdd for 8 numbers, in bytes.
func evenOddBytes() Mem {
	m := GLOBL("evenOddBytes", RODATA|NOPTR)
	for i := range 16 {
		DATA(i, U8(i%8/2*4+i/8*2+i%2))
	}
	return m
}

// transpose512 transposes a square of 16 units.
func transpose512(halves bool) {
	for r := range 16 {
		VMOVUPS(packRow(r), zmm[r])
	}
	// Pairs of rows, then fours: afterwards 128-bit part l of register 4g+c holds
	// unit 4l+c of rows 4g to 4g+3.
	for r := 0; r < 16; r += 2 {
		VUNPCKLPS(zmm[r+1], zmm[r], zmm[16])
		VUNPCKHPS(zmm[r+1], zmm[r], zmm[r+1])
		VMOVAPS(zmm[16], zmm[r])
	}
	for g := 0; g < 16; g += 4 {
		VUNPCKLPD(zmm[g+2], zmm[g], zmm[16])
		VUNPCKHPD(zmm[g+2], zmm[g], zmm[17])
		VUNPCKLPD(zmm[g+3], zmm[g+1], zmm[18])
		VUNPCKHPD(zmm[g+3], zmm[g+1], zmm[19])
		for i := range 4 {
			VMOVAPS(zmm[16+i], zmm[g+i])
		}
	}
	for c := range 4 {
		VSHUFF32X4(U8(0x88), zmm[4+c], zmm[c], zmm[16])
		VSHUFF32X4(U8(0xdd), zmm[4+c], zmm[c], zmm[17])
		VSHUFF32X4(U8(0x88), zmm[12+c], zmm[8+c], zmm[18])
		VSHUFF32X4(U8(0xdd), zmm[12+c], zmm[8+c], zmm[19])
		for l := range 4 {
			select4 := U8(0x88)
			if l >= 2 {
				select4 = U8(0xdd)
			}
			VSHUFF32X4(select4, zmm[18+l%2], zmm[16+l%2], zmm[20+l])
			if halves {
				VPERMW(zmm[20+l], zmm[31], zmm[20+l])
			}
			VMOVUPS(zmm[20+l], Mem{Base: packTo, Disp: 64 * (4*l + c)})
		}
	}
}

// transpose256 transposes a square of 8 units of the upper rows, and one of the
// lower rows.
func transpose256(halves bool) {
	for half := range 2 {
		for r := range 8 {
			VMOVUPS(packRow(8*half+r), ymm[r])
		}
		for r := 0; r < 8; r += 2 {
			VUNPCKLPS(ymm[r+1], ymm[r], ymm[8])
			VUNPCKHPS(ymm[r+1], ymm[r], ymm[r+1])
			VMOVAPS(ymm[8], ymm[r])
		}
		for g := 0; g < 8; g += 4 {
			VUNPCKLPD(ymm[g+2], ymm[g], ymm[8])
			VUNPCKHPD(ymm[g+2], ymm[g], ymm[9])
			VUNPCKLPD(ymm[g+3], ymm[g+1], ymm[10])
			VUNPCKHPD(ymm[g+3], ymm[g+1], ymm[11])
			for i := range 4 {
				VMOVAPS(ymm[8+i], ymm[g+i])
			}
		}
		for c := range 4 {
			VPERM2F128(U8(0x20), ymm[4+c], ymm[c], ymm[8])
			VPERM2F128(U8(0x31), ymm[4+c], ymm[c], ymm[9])
			for l := range 2 {
				store256(8+l, 64*(4*l+c), half, halves)
			}
		}
	}
}

// store256 writes a unit of 8 rows, of which the first or second half are.
func store256(r, at, half int, halves bool) {
	if !halves {
		VMOVUPS(ymm[r], Mem{Base: packTo, Disp: at + 32*half})
		return
	}
	VPSHUFB(ymm[15], ymm[r], ymm[r])
	VPERMQ(U8(0xd8), ymm[r], ymm[r])
	VMOVUPS(xmm[r], Mem{Base: packTo, Disp: at + 16*half})
	VEXTRACTF128(Imm(1), ymm[r], Mem{Base: packTo, Disp: at + 32 + 16*half})
}
