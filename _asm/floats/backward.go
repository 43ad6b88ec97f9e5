package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// backward writes the functions of a backward pass that go through rows of
// numbers.
func backward() {
	table()
	for _, m := range machines() {
		m.elementwise("normed", "(y, dy, x, w *float32, n int, f, c float32)", "y", []string{"dy", "x", "w"}, "fc", func(v []reg.VecPhysical) {
			VMULPS(v[3], v[1], v[1])
			VMULPS(v[8], v[1], v[1])
			VMULPS(v[9], v[2], v[2])
			VSUBPS(v[2], v[1], v[1])
			VADDPS(v[1], v[0], v[0])
		})
		m.elementwise("addNormed", "(y, dy, x *float32, n int, f float32)", "y", []string{"dy", "x"}, "f", func(v []reg.VecPhysical) {
			VMULPS(v[8], v[2], v[2])
			VMULPS(v[2], v[1], v[1])
			VADDPS(v[1], v[0], v[0])
		})
		m.elementwise("softmax", "(out, p, dp *float32, n int, d, s float32)", "out", []string{"p", "dp"}, "ds", func(v []reg.VecPhysical) {
			VSUBPS(v[8], v[2], v[2])
			VMULPS(v[2], v[1], v[1])
			VMULPS(v[9], v[1], v[0])
		})
		m.products()
		m.dot()
		m.gained()
		m.exponentials()
		m.largest()
		m.swiGLUBack()
		m.adamW()
	}
}

// stream is a loop over n numbers, a multiple of unit: at counts them.
func stream(label string, n reg.Register, unit uint64, body func(at reg.GPVirtual)) {
	at := GP64()
	XORQ(at, at)
	Label(label)
	body(at)
	ADDQ(Imm(unit), at)
	CMPQ(at, n)
	JLT(LabelRef(label))
}

// half returns the narrower register that as many float32 take as doubles fill
// the wider.
func (m *machine) half(r reg.VecPhysical) reg.VecPhysical {
	if m.wide() {
		return r.AsY().(reg.VecPhysical)
	}
	return r.AsX().(reg.VecPhysical)
}

// lanes loads and stores the 32 sums, in registers from 0 on.
func (m *machine) lanes(base reg.Register, store bool) int {
	doubles := m.width / 2
	count := 32 / doubles
	for i := range count {
		at := Mem{Base: base, Disp: 8 * doubles * i}
		if store {
			VMOVUPD(m.vec[i], at)
		} else {
			VMOVUPD(at, m.vec[i])
		}
	}
	return count
}

// products adds products of two numbers to 32 sums.
func (m *machine) products() {
	TEXT("product"+m.name, NOSPLIT, "func(lanes *float64, a, b *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	lanes, a, b, n := Load(Param("lanes"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	count := m.lanes(lanes, false)
	doubles := m.width / 2
	stream("loop", n, 32, func(at reg.GPVirtual) {
		for i := range count {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * doubles * i} }
			x, t := m.vec[count+2*(i%3)], m.vec[count+2*(i%3)+1]
			VCVTPS2PD(mem(a), x)
			VCVTPS2PD(mem(b), t)
			VFMADD231PD(t, x, m.vec[i]) // the product is exact, so this rounds once, too
		}
	})
	m.lanes(lanes, true)
	VZEROUPPER()
	RET()
}

// dot is products from sums of zero on, added as a tree.
func (m *machine) dot() {
	TEXT("dot"+m.name, NOSPLIT, "func(a, b *float32, n int) float64")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	a, b, n := Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	doubles := m.width / 2
	count := 32 / doubles
	for i := range count {
		VXORPD(m.vec[i], m.vec[i], m.vec[i])
	}
	stream("loop", n, 32, func(at reg.GPVirtual) {
		for i := range count {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * doubles * i} }
			x, t := m.vec[count+2*(i%3)], m.vec[count+2*(i%3)+1]
			VCVTPS2PD(mem(a), x)
			VCVTPS2PD(mem(b), t)
			VFMADD231PD(t, x, m.vec[i])
		}
	})
	for half := count / 2; half > 0; half /= 2 {
		for i := range half {
			VADDPD(m.vec[half+i], m.vec[i], m.vec[i])
		}
	}
	sum, t := m.vec[0], m.vec[1]
	if m.wide() {
		VEXTRACTF64X4(Imm(1), sum, t.AsY())
		VADDPD(t.AsY(), sum.AsY(), sum.AsY())
	}
	VEXTRACTF128(Imm(1), sum.AsY(), t.AsX())
	VADDPD(t.AsX(), sum.AsX(), sum.AsX())
	VUNPCKHPD(sum.AsX(), sum.AsX(), t.AsX())
	VADDSD(t.AsX(), sum.AsX(), sum.AsX())
	result, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSD(sum.AsX(), result.Addr)
	VZEROUPPER()
	RET()
}

// gained adds products of dy·w, rounded, and x to 32 sums.
func (m *machine) gained() {
	TEXT("gained"+m.name, NOSPLIT, "func(lanes *float64, dy, w, x *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	lanes, dy, w, x := Load(Param("lanes"), GP64()), Load(Param("dy"), GP64()), Load(Param("w"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	count := m.lanes(lanes, false)
	doubles := m.width / 2
	stream("loop", n, 32, func(at reg.GPVirtual) {
		for i := range count {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * doubles * i} }
			p, t := m.vec[count+2*(i%3)], m.vec[count+2*(i%3)+1]
			VMOVUPS(mem(dy), m.half(p))
			VMULPS(mem(w), m.half(p), m.half(p))
			VCVTPS2PD(m.half(p), p)
			VCVTPS2PD(mem(x), t)
			VFMADD231PD(t, p, m.vec[i])
		}
	})
	m.lanes(lanes, true)
	VZEROUPPER()
	RET()
}

// exponentials writes e^(x·scale-shift) and adds it to 32 sums, which lie in
// memory: there are not registers enough.
func (m *machine) exponentials() {
	TEXT("exponential"+m.name, NOSPLIT, "func(lanes *float64, out, x *float32, n int, scale, shift float32)")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	lanes, out, x, n := Load(Param("lanes"), GP64()), Load(Param("out"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	m.hold()
	v := m.vec
	scale, shift, e, temp, double := v[8], v[9], v[0], v[1:6], v[6]
	for i, name := range []string{"scale", "shift"} {
		p, err := Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(p.Addr, v[8+i])
	}
	// With 32 registers, four of them hold the sums.
	sums := v[10:14]
	if m.wide() {
		for i, s := range sums {
			VMOVUPD(Mem{Base: lanes, Disp: 64 * i}, s)
		}
	}
	stream("loop", n, 32, func(at reg.GPVirtual) {
		for i := range 32 / m.width {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * m.width * i} }
			VMULPS(mem(x), scale, e)
			VSUBPS(shift, e, e)
			m.exp(e, e, temp)
			VMOVUPS(e, mem(out))
			for half := range 2 {
				m.widen(e, half, temp[0], double)
				if m.wide() {
					VADDPD(double, sums[2*i+half], sums[2*i+half])
					continue
				}
				at := Mem{Base: lanes, Disp: 32 * (2*i + half)}
				VADDPD(at, double, double)
				VMOVUPD(double, at)
			}
		}
	})
	if m.wide() {
		for i, s := range sums {
			VMOVUPD(s, Mem{Base: lanes, Disp: 64 * i})
		}
	}
	VZEROUPPER()
	RET()
}

// widen turns the lower or upper half of the numbers of from into doubles.
func (m *machine) widen(from reg.VecPhysical, half int, temp, to reg.VecPhysical) {
	part := m.half(from)
	if half == 1 {
		part = m.half(temp)
		if m.wide() {
			VEXTRACTF64X4(Imm(1), from, part)
		} else {
			VEXTRACTF128(Imm(1), from, part)
		}
	}
	VCVTPS2PD(part, to)
}

// largest raises top to the largest of n numbers.
func (m *machine) largest() {
	TEXT("largest"+m.name, NOSPLIT, "func(top, x *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 32.")
	top, x, n := Load(Param("top"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	v := m.vec
	parts := 32 / m.width
	for i := range parts {
		VBROADCASTSS(Mem{Base: top}, v[i])
	}
	stream("loop", n, 32, func(at reg.GPVirtual) {
		for i := range parts {
			VMOVUPS(Mem{Base: x, Index: at, Scale: 4, Disp: 4 * m.width * i}, v[4+i])
			VMAXPS(v[i], v[4+i], v[i]) // a NaN leaves v[i] as it is
		}
	})
	for i := 1; i < parts; i++ {
		VMAXPS(v[i], v[0], v[0])
	}
	m.reduce(v[0], v[8:], func(a, b Op) { VMAXPS(a, b, a) })
	VMOVSS(v[0].AsX(), Mem{Base: top})
	VZEROUPPER()
	RET()
}

// swiGLUBack replaces gate and up by their gradients.
func (m *machine) swiGLUBack() {
	TEXT("swiGLU"+m.name, NOSPLIT, "func(gate, up, dy *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 16.")
	gate, up, dy, n := Load(Param("gate"), GP64()), Load(Param("up"), GP64()), Load(Param("dy"), GP64()), Load(Param("n"), GP64())
	m.hold()
	v := m.vec
	stream("loop", n, 16, func(at reg.GPVirtual) {
		for i := range 16 / m.width {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * m.width * i} }
			g, e, s, one, d := v[0], v[1], v[2], v[8], v[9]
			VMOVUPS(mem(gate), g)
			VXORPS(m.constant("sign"), g, e)
			m.exp(e, e, v[3:8])
			VMOVUPS(m.constant("one"), one)
			VADDPS(one, e, e) // n
			VDIVPS(e, one, s)
			VMOVUPS(mem(dy), d)
			VDIVPS(e, g, e)
			VMULPS(e, d, e) // up's
			VSUBPS(s, one, v[3])
			VMULPS(v[3], g, v[3])
			VADDPS(v[3], one, v[3])
			VMULPS(v[3], s, s) // slope
			VMULPS(mem(up), d, d)
			VMULPS(s, d, d)
			VMOVUPS(d, mem(gate))
			VMOVUPS(e, mem(up))
		}
	})
	VZEROUPPER()
	RET()
}

// adamW writes a step of AdamW. Factors lie in the order of AdamWFactors.
func (m *machine) adamW() {
	TEXT("adamW"+m.name, NOSPLIT, "func(value, grad, m, v, factors *float32, n int)")
	Pragma("noescape")
	Doc("n is a multiple of 16.")
	value, grad, mean, square := Load(Param("value"), GP64()), Load(Param("grad"), GP64()), Load(Param("m"), GP64()), Load(Param("v"), GP64())
	factors, n := Load(Param("factors"), GP64()), Load(Param("n"), GP64())
	v := m.vec
	factor := func(i int) reg.VecPhysical { return v[8+i] }
	for i := range 8 {
		VBROADCASTSS(Mem{Base: factors, Disp: 4 * i}, factor(i))
	}
	scale, shrink, first, keep, second, root, epsilon, step := factor(0), factor(1), factor(2), factor(3), factor(4), factor(5), factor(6), factor(7)
	stream("loop", n, 16, func(at reg.GPVirtual) {
		for i := range 16 / m.width {
			mem := func(r reg.Register) Mem { return Mem{Base: r, Index: at, Scale: 4, Disp: 4 * m.width * i} }
			g, a, b, c := v[0], v[1], v[2], v[3]
			VMULPS(mem(grad), scale, g)
			VMOVUPS(mem(mean), a)
			VSUBPS(a, g, b)
			VMULPS(b, first, b)
			VADDPS(b, a, a)
			VMOVUPS(a, mem(mean))
			VMULPS(g, g, g)
			VMULPS(g, second, g)
			VMULPS(mem(square), keep, b)
			VADDPS(g, b, b)
			VMOVUPS(b, mem(square))
			VSQRTPS(b, b)
			VDIVPS(root, b, b)
			VADDPS(epsilon, b, b)
			VDIVPS(b, a, a)
			VMULPS(a, step, a)
			VMULPS(mem(value), shrink, c)
			VSUBPS(a, c, c)
			VMOVUPS(c, mem(value))
		}
	})
	VZEROUPPER()
	RET()
}
