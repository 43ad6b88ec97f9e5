package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// machine is a set of instructions: its registers and how many numbers one holds.
type machine struct {
	name  string
	vec   []reg.VecPhysical
	width int
	// constants holds those of Exp that have registers of their own.
	constants map[string]reg.VecPhysical
}

func machines() []*machine {
	return []*machine{
		{name: "AVX512", vec: zmm, width: 16},
		{name: "AVX2", vec: ymm[:16], width: 8},
	}
}

func (m *machine) wide() bool { return m.width == 16 }

// vectors writes the functions that go through rows of numbers, and the softmax.
func vectors() {
	table()
	for _, m := range machines() {
		m.elementwise("add", "(y, x *float32, n int)", "y", []string{"x"}, "", func(v []reg.VecPhysical) {
			VADDPS(v[1], v[0], v[0])
		})
		m.elementwise("scale", "(out, x *float32, n int, f float32)", "out", []string{"x"}, "f", func(v []reg.VecPhysical) {
			VMULPS(v[1], v[8], v[0])
		})
		m.elementwise("blend", "(y, x *float32, n int, f, h float32)", "y", []string{"x"}, "fh", func(v []reg.VecPhysical) {
			VMULPS(v[8], v[0], v[0])
			VMULPS(v[9], v[1], v[1])
			VADDPS(v[1], v[0], v[0])
		})
		m.elementwise("gain", "(out, x, w *float32, n int, f float32)", "out", []string{"x", "w"}, "f", func(v []reg.VecPhysical) {
			VMULPS(v[8], v[1], v[1])
			VMULPS(v[2], v[1], v[0])
		})
		m.elementwise("exp", "(out, x *float32, n int)", "out", []string{"x"}, "e", func(v []reg.VecPhysical) {
			m.exp(v[1], v[0], v[2:7])
		})
		m.elementwise("swiGLU", "(out, gate, up *float32, n int)", "out", []string{"gate", "up"}, "e", func(v []reg.VecPhysical) {
			VXORPS(m.constant("sign"), v[1], v[0])
			m.exp(v[0], v[0], v[3:8])
			VADDPS(m.constant("one"), v[0], v[0])
			VDIVPS(v[0], v[1], v[0])
			VMULPS(v[2], v[0], v[0])
		})
		m.squares()
		m.pairs()
		m.halves()
		m.softmax()
	}
	attention()
	prefetches()
}

// numbers are the constants of Exp and SwiGLU by name, in the order of the table.
var numbers = []struct {
	name string
	bits uint32
}{
	{"floor", math.Float32bits(-104)},
	{"ceil", math.Float32bits(89)},
	{"log2e", math.Float32bits(1 / math.Ln2)},
	{"shift", math.Float32bits(3 << 22)},
	{"hi", math.Float32bits(0.693359375)},
	{"lo", math.Float32bits(math.Ln2 - 0.693359375)},
	{"p4", math.Float32bits(0.0013814602)},
	{"p3", math.Float32bits(0.008368716)},
	{"p2", math.Float32bits(0.04166839)},
	{"p1", math.Float32bits(0.16666521)},
	{"p0", math.Float32bits(0.49999994)},
	{"one", math.Float32bits(1)},
	{"sign", 1 << 31},
	{"bias", 127},
}

var tableMem Mem

// table writes each constant eight times, a register of AVX2 full.
func table() {
	tableMem = GLOBL("expNumbers", RODATA|NOPTR)
	for i, c := range numbers {
		for j := range 8 {
			DATA(32*i+4*j, U32(c.bits))
		}
	}
}

func numberMem(name string) Mem {
	for i, c := range numbers {
		if c.name == name {
			return tableMem.Offset(32 * i)
		}
	}
	panic(name)
}

// hold puts the constants in registers from 31 down, where there are so many.
func (m *machine) hold() {
	m.constants = map[string]reg.VecPhysical{}
	if !m.wide() {
		return
	}
	for i, c := range numbers {
		if c.name == "bias" {
			continue
		}
		r := zmm[31-i]
		VBROADCASTSS(numberMem(c.name), r)
		m.constants[c.name] = r
	}
}

func (m *machine) constant(name string) Op {
	if r, ok := m.constants[name]; ok {
		return r
	}
	return numberMem(name)
}

// exp writes e^x to out, as Exp says; x may be out. The four of t, and out before
// the end, are overwritten.
func (m *machine) exp(x, out reg.VecPhysical, t []reg.VecPhysical) {
	c, n, shifted, r, u, p := m.constant, t[0], t[1], t[2], t[3], t[4]
	// A maximum or minimum of a NaN is its last operand, which Go writes first.
	if m.wide() {
		VMAXPS(x, m.constants["floor"], r)
		VMINPS(r, m.constants["ceil"], r)
	} else {
		VMOVUPS(c("floor"), r)
		VMAXPS(x, r, r)
		VMOVUPS(c("ceil"), u)
		VMINPS(r, u, r)
	}
	VMULPS(c("log2e"), r, shifted)
	VADDPS(c("shift"), shifted, shifted)
	VSUBPS(c("shift"), shifted, n)
	VMULPS(c("hi"), n, u)
	VSUBPS(u, r, r)
	VMULPS(c("lo"), n, u)
	VSUBPS(u, r, r)
	VMULPS(c("p4"), r, p)
	for _, name := range []string{"p3", "p2", "p1", "p0"} {
		VADDPS(c(name), p, p)
		if name != "p0" {
			VMULPS(r, p, p)
		}
	}
	VMULPS(r, r, u)
	VMULPS(u, p, p)
	VADDPS(r, p, p)
	VADDPS(c("one"), p, p)
	if m.wide() {
		VSCALEFPS(n, p, out) // rounds once, as two multiplications by a power of 2 do
		return
	}
	VPSUBD(c("shift"), shifted, shifted)
	VPSRAD(Imm(1), shifted, u)
	VPSUBD(u, shifted, shifted)
	for _, k := range []reg.VecPhysical{u, shifted} {
		VPADDD(c("bias"), k, k)
		VPSLLD(Imm(23), k, k)
		VMULPS(k, p, p)
	}
	VMOVAPS(p, out)
}

// elementwise writes a function that takes n numbers, a multiple of 16, a
// register at a time: body finds what out points to in v[0] where it is also
// read, what the others point to in v[1], v[2]; it leaves its result in v[0].
// With is which scalars to broadcast, to v[8] and v[9], or "e" for the constants
// of Exp.
func (m *machine) elementwise(name, signature, out string, in []string, with string, body func(v []reg.VecPhysical)) {
	TEXT(name+m.name, NOSPLIT, "func"+signature)
	Pragma("noescape")
	o := Load(Param(out), GP64())
	var from []reg.Register
	for _, s := range in {
		from = append(from, Load(Param(s), GP64()))
	}
	n := Load(Param("n"), GP64())
	switch with {
	case "e":
		m.hold()
	default:
		for i, s := range with {
			p, err := Param(string(s)).Resolve()
			if err != nil {
				panic(err)
			}
			VBROADCASTSS(p.Addr, m.vec[8+i])
		}
	}
	at := GP64()
	XORQ(at, at)
	Label("loop")
	for half := range 16 / m.width {
		mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * m.width * half} }
		if out == "y" {
			VMOVUPS(mem(o), m.vec[0])
		}
		for i, r := range from {
			VMOVUPS(mem(r), m.vec[1+i])
		}
		body(m.vec)
		VMOVUPS(m.vec[0], mem(o))
	}
	ADDQ(Imm(16), at)
	CMPQ(at, n)
	JLT(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// squares adds squares to 32 sums.
func (m *machine) squares() {
	TEXT("square"+m.name, NOSPLIT, "func(lanes *float64, x *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	lanes, x, n := Load(Param("lanes"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	doubles := m.width / 2
	count := 32 / doubles
	for i := range count {
		VMOVUPD(Mem{Base: lanes, Disp: 8 * doubles * i}, m.vec[i])
	}
	Label("loop")
	for i := range count {
		t := m.vec[count+i%4]
		VCVTPS2PD(Mem{Base: x, Disp: 4 * doubles * i}, t)
		VFMADD231PD(t, t, m.vec[i]) // the square is exact, so this rounds once, too
	}
	ADDQ(U32(128), x)
	SUBQ(Imm(32), n)
	JNE(LabelRef("loop"))
	for i := range count {
		VMOVUPD(m.vec[i], Mem{Base: lanes, Disp: 8 * doubles * i})
	}
	VZEROUPPER()
	RET()
}

// pairs turns neighbours: x holds two numbers for each angle.
func (m *machine) pairs() {
	TEXT("pair"+m.name, NOSPLIT, "func(x, cos, sin *float32, n int)")
	Pragma("noescape")
	Doc("n counts pairs and is a multiple of 8.")
	x, cos, sin, n := Load(Param("x"), GP64()), Load(Param("cos"), GP64()), Load(Param("sin"), GP64()), Load(Param("n"), GP64())
	v := m.vec
	if m.wide() {
		mask := GP32()
		MOVL(U32(0x5555), mask)
		KMOVW(mask, reg.K1)
	}
	Label("loop")
	for i := range 16 / m.width {
		twice := func(from reg.Register, to reg.VecPhysical) {
			VPMOVZXDQ(Mem{Base: from, Disp: 2 * m.width * i}, to)
			VMOVSLDUP(to, to)
		}
		at := Mem{Base: x, Disp: 4 * m.width * i}
		twice(cos, v[1])
		twice(sin, v[2])
		VMOVUPS(at, v[0])
		VPERMILPS(Imm(0xb1), v[0], v[3])
		VMULPS(v[1], v[0], v[0])
		VMULPS(v[2], v[3], v[3])
		if m.wide() {
			VADDPS(v[3], v[0], v[4])
			VSUBPS(v[3], v[0], reg.K1, v[4])
		} else {
			VADDSUBPS(v[3], v[0], v[4])
		}
		VMOVUPS(v[4], at)
	}
	ADDQ(Imm(64), x)
	ADDQ(Imm(32), cos)
	ADDQ(Imm(32), sin)
	SUBQ(Imm(8), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// halves turns numbers that lie apart.
func (m *machine) halves() {
	TEXT("half"+m.name, NOSPLIT, "func(low, high, cos, sin *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 8, or of 16 with AVX-512.")
	low, high, cos, sin := Load(Param("low"), GP64()), Load(Param("high"), GP64()), Load(Param("cos"), GP64()), Load(Param("sin"), GP64())
	n := Load(Param("n"), GP64())
	v := m.vec
	at := GP64()
	XORQ(at, at)
	mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4} }
	Label("loop")
	for i, r := range []reg.Register{low, high, cos, sin} {
		VMOVUPS(mem(r), v[i])
	}
	VMULPS(v[0], v[2], v[4]) // a·cos
	VMULPS(v[1], v[3], v[5]) // b·sin
	VSUBPS(v[5], v[4], v[4])
	VMULPS(v[0], v[3], v[6]) // a·sin
	VMULPS(v[1], v[2], v[7]) // b·cos
	VADDPS(v[7], v[6], v[6])
	VMOVUPS(v[4], mem(low))
	VMOVUPS(v[6], mem(high))
	ADDQ(Imm(uint64(m.width)), at)
	CMPQ(at, n)
	JLT(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// softmax goes over each row twice: once for the largest score, once for the
// weights.
func (m *machine) softmax() {
	TEXT("softmax"+m.name, NOSPLIT, "func(score *float32, n int, scale float32, top, total, factor *float32, R int)")
	Pragma("noescape")
	score, n := Load(Param("score"), GP64()), Load(Param("n"), GP64())
	top, total, factor := Load(Param("top"), GP64()), Load(Param("total"), GP64()), Load(Param("factor"), GP64())
	R := Load(Param("R"), GP64())
	m.hold()
	v := m.vec
	regs := 16 / m.width // that hold Lanes numbers
	largest, sum, temp := v[0], v[1:1+regs], v[4:9]
	scale, err := Param("scale").Resolve()
	if err != nil {
		panic(err)
	}
	old, scaled, s := v[10], v[3], v[9]
	VBROADCASTSS(scale.Addr, scaled)
	at := GP64()
	each := func(label string, body func(Mem, int)) {
		XORQ(at, at)
		Label(label)
		for i := range regs {
			body(Mem{Base: score, Index: at, Scale: 4, Disp: 4 * m.width * i}, i)
		}
		ADDQ(Imm(16), at)
		CMPQ(at, n)
		JLT(LabelRef(label))
	}
	Label("row")
	VBROADCASTSS(Mem{Base: top}, old)
	VMOVAPS(old, largest)
	each("scores", func(at Mem, _ int) {
		VMULPS(at, scaled, s)
		VMOVUPS(s, at)
		VMAXPS(largest, s, largest) // a NaN leaves largest as it is
	})
	m.reduce(largest, temp, func(a, b Op) { VMAXPS(a, b, a) })
	VMOVSS(largest.AsX(), Mem{Base: top})
	VBROADCASTSS(largest.AsX(), largest)
	VSUBPS(largest, old, old)
	m.exp(old, old, temp)
	for _, r := range sum {
		VXORPS(r, r, r)
	}
	each("weights", func(at Mem, i int) {
		VMOVUPS(at, s)
		VSUBPS(largest, s, s)
		m.exp(s, s, temp)
		VMOVUPS(s, at)
		VADDPS(s, sum[i], sum[i])
	})
	if regs == 2 {
		VADDPS(sum[1], sum[0], sum[0])
	}
	m.reduce(sum[0], temp, func(a, b Op) { VADDPS(b, a, a) })
	VMOVSS(old.AsX(), Mem{Base: factor})
	VMULSS(Mem{Base: total}, old.AsX(), old.AsX())
	VADDSS(sum[0].AsX(), old.AsX(), old.AsX())
	VMOVSS(old.AsX(), Mem{Base: total})
	ADDQ(U32(512), score)
	for _, r := range []reg.Register{top, total, factor} {
		ADDQ(Imm(4), r)
	}
	DECQ(R)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// reduce combines number i with number i+half of r, again and again, into the
// first.
func (m *machine) reduce(r reg.VecPhysical, temp []reg.VecPhysical, combine func(a, b Op)) {
	t := temp[0]
	if m.wide() {
		VEXTRACTF64X4(Imm(1), r, t.AsY())
		combine(r.AsY(), t.AsY())
	}
	VEXTRACTF128(Imm(1), r.AsY(), t.AsX())
	combine(r.AsX(), t.AsX())
	VMOVHLPS(r.AsX(), r.AsX(), t.AsX())
	combine(r.AsX(), t.AsX())
	VMOVSHDUP(r.AsX(), t.AsX())
	combine(r.AsX(), t.AsX())
}

// prefetches writes what asks for n bytes.
func prefetches() {
	TEXT("prefetch", NOSPLIT, "func(p *byte, n int)")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	Label("loop")
	PREFETCHT1(Mem{Base: p})
	ADDQ(Imm(64), p)
	SUBQ(Imm(64), n)
	JGT(LabelRef("loop"))
	RET()
}
