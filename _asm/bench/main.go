// Generates the loops by which package bench measures what the machine can do:
// reading memory, and the most multiplications and additions a second.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// zmm and ymm are the vector registers by number; ymm has those that AVX2 knows.
var (
	zmm = []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10,
		reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21,
		reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}
	ymm = []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}
)

// lines is how many bytes a turn of a reading loop takes, and ahead how many
// bytes before they are needed they are asked for.
const (
	lines = 512
	ahead = 4096
)

func main() {
	ConstraintExpr("amd64,!purego")
	read("readAVX512", 64, func(at Mem, i int) { VPXORD(at, zmm[i], zmm[i]) })
	read("readAVX2", 32, func(at Mem, i int) { VPXOR(at, ymm[i%8], ymm[i%8]) })

	// The numbers are 1, and 255 times -1: zeros would take less power. A turn
	// does 24 steps with accumulators of their own, or as many as there
	// are registers for: more than the processor has under way at a time.
	loop("fmaAVX512", zmm, true, "24 times 16 fused multiplications and additions of float32", 24, func(i int) {
		VFMADD231PS(zmm[30], zmm[31], zmm[i])
	})
	loop("fmaAVX2", ymm, true, "12 times 8 fused multiplications and additions of float32", 12, func(i int) {
		VFMADD231PS(ymm[14], ymm[15], ymm[i])
	})
	loop("int8VNNI", zmm, false, "24 times 64 multiplications and additions of 8-bit integers", 24, func(i int) {
		VPDPBUSD(zmm[30], zmm[31], zmm[i])
	})
	loop("int8AVX512", zmm, false, "10 times 64 multiplications and additions of 8-bit integers", 10, func(i int) {
		VPMADDUBSW(zmm[30], zmm[31], zmm[10+i])
		VPMADDWD(zmm[10+i], zmm[29], zmm[10+i])
		VPADDD(zmm[10+i], zmm[i], zmm[i])
	})
	loop("int8AVX2", ymm, false, "6 times 32 multiplications and additions of 8-bit integers", 6, func(i int) {
		VPMADDUBSW(ymm[14], ymm[15], ymm[6+i])
		VPMADDWD(ymm[6+i], ymm[13], ymm[6+i])
		VPADDD(ymm[6+i], ymm[i], ymm[i])
	})
	Generate()
}

// read makes a function that reads n bytes at p.
func read(name string, width int, step func(at Mem, i int)) {
	TEXT(name, NOSPLIT, "func(p *byte, n int)")
	Doc(name + " reads n bytes at p, a positive multiple of 512. What they are does not matter.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	Label("again")
	for i := range lines / width {
		if i*width%64 == 0 {
			PREFETCHT0(Mem{Base: p, Disp: i*width + ahead})
		}
		step(Mem{Base: p, Disp: i * width}, i)
	}
	ADDQ(U32(lines), p)
	SUBQ(U32(lines), n)
	JNE(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// loop makes a function that takes turns of so many steps.
func loop(name string, regs []reg.VecPhysical, floats bool, what string, steps int, step func(i int)) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " takes n turns, at least one, of " + what + ".")
	n := Load(Param("n"), GP64())
	fill(regs, floats)
	Label("again")
	for i := range steps {
		step(i)
	}
	DECQ(n)
	JNE(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// fill sets the last three registers to ones, numbers of float32 or all bits, and
// the others to zero.
func fill(regs []reg.VecPhysical, floats bool) {
	last := regs[len(regs)-3:]
	if len(regs) == len(zmm) {
		for _, r := range regs {
			VPXORD(r, r, r)
		}
		for _, r := range last {
			VPTERNLOGD(U8(0xff), r, r, r)
		}
	} else {
		for _, r := range regs {
			VPXOR(r, r, r)
		}
		for _, r := range last {
			VPCMPEQD(r, r, r)
		}
	}
	if floats { // 0x3f800000
		for _, r := range last {
			VPSRLD(U8(25), r, r)
			VPSLLD(U8(23), r, r)
		}
	}
}
