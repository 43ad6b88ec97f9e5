package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot writes VDPBF16PS b, a, sum for 512 bits as bytes, for the assembler does
// not know it: EVEX.512.F3.0F38.W0 52 /r.
func dot(b, a, sum reg.VecPhysical) {
	bit := func(r reg.VecPhysical, n uint) uint32 { return uint32(r.ID().Index()) >> n & 1 }
	low := func(r reg.VecPhysical) uint32 { return uint32(r.ID().Index()) & 7 }
	// Bits of register numbers beyond the third are inverted.
	p0 := 0x02 | (1-bit(sum, 3))<<7 | (1-bit(b, 4))<<6 | (1-bit(b, 3))<<5 | (1-bit(sum, 4))<<4
	p1 := 0x06 | (^uint32(a.ID().Index())&15)<<3
	p2 := 0x40 | (1-bit(a, 4))<<3
	modrm := 0xc0 | low(sum)<<3 | low(b)
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{U32(0x62 | p0<<8 | p1<<16 | p2<<24)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(0x52 | modrm<<8)}})
}

// parted are the registers of b's numbers at odd and at even places as float32,
// and of those of a.
func (k kernel) parted(i int) (odd, even, aOdd, aEven reg.VecPhysical) {
	n := 2 * k.parts()
	return k.free(2 * i), k.free(2*i + 1), k.free(n), k.free(n + 1)
}

// loadParted reads a register of b as two of float32.
func loadParted(k kernel, from Mem, i int) {
	odd, even, _, _ := k.parted(i)
	VMOVUPS(from, odd)
	part(odd, even)
}

// part makes a register of pairs two of float32. The odd numbers are those whose
// bits are the higher ones.
func part(odd, even reg.VecPhysical) {
	VPSLLD(Imm(16), odd, even)
	VPSRLD(Imm(16), odd, odd)
	VPSLLD(Imm(16), odd, odd)
}

// multiplyParted does what dot does: the products at odd places first.
func multiplyParted(k kernel, row, i int, from Mem) {
	odd, even, aOdd, aEven := k.parted(i)
	if i == 0 {
		VBROADCASTSS(from, aOdd)
		part(aOdd, aEven)
	}
	sum := k.vec[row*k.parts()+i]
	VFMADD231PS(odd, aOdd, sum)
	VFMADD231PS(even, aEven, sum)
}
