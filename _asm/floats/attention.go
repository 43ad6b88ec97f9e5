package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// block is the package's: positions, and bytes from a row of scores to the next.
const (
	block    = 128
	rowBytes = 4 * block
)

// attention writes the products of queries and keys and the weighted sums of
// values.
func attention() {
	for _, m := range machines() {
		for _, f := range append(formats[:2:2], format{name: "Q8", size: 1}) {
			a := attend{m, f}
			a.scores()
			a.values()
		}
	}
}

// attend writes functions for one machine and one format of keys and values.
type attend struct {
	*machine
	format format
}

// q8 says whether numbers are bytes, q8Group of which share a scale of F16.
func (a attend) q8() bool { return a.format.load == nil }

const q8Group = 32

// load reads numbers and makes them float32; scale is only for bytes.
func (a attend) load(from Mem, to, scale reg.VecPhysical) {
	if !a.q8() {
		a.format.load(from, to)
		return
	}
	VPMOVSXBD(from, to)
	VCVTDQ2PS(to, to)
	VMULPS(scale, to, to)
}

// most is how many queries a call takes: their sums must fit the registers.
func (a attend) most() int {
	if a.wide() {
		return 8
	}
	return 4
}

// choose writes a jump to the label of as many rows as R says.
func (a attend) choose(R reg.Register) {
	for r := a.most(); r > 1; r-- {
		CMPQ(R, Imm(uint64(r)))
		JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
	}
}

// general registers of scores.
var (
	scoresOut = reg.RDI
	pageKeys  = [2]reg.Register{reg.RSI, reg.RDX}
	pageAhead = [2]reg.Register{reg.R8, reg.R9}
	queries   = [3]reg.Register{reg.RAX, reg.RBX, reg.RCX} // rows 0, 3 and 6
	queryRow  = reg.R10                                    // bytes from a query to the next
	keysLeft  = reg.R11
	runLeft   = reg.R12
)

// scores takes one page, or with AVX-512 two: keys of 16 positions lie side by
// side.
func (a attend) scores() {
	pages := 1
	args := "k, ahead *byte"
	if a.wide() {
		pages, args = 2, "k0, k1, ahead0, ahead1 *byte"
	}
	TEXT("scores"+a.format.name+a.name, NOSPLIT, "func(out, q *float32, R, D int, "+args+")")
	Pragma("noescape")
	Doc(fmt.Sprintf("R is at most %d.", a.most()))
	Load(Param("out"), scoresOut)
	Load(Param("q"), queries[0])
	for p := range pages {
		if pages == 1 {
			Load(Param("k"), pageKeys[p])
			Load(Param("ahead"), pageAhead[p])
			continue
		}
		Load(Param(fmt.Sprintf("k%d", p)), pageKeys[p])
		Load(Param(fmt.Sprintf("ahead%d", p)), pageAhead[p])
	}
	Load(Param("D"), keysLeft)
	MOVQ(keysLeft, queryRow)
	SHLQ(Imm(2), queryRow)
	LEAQ(Mem{Base: queryRow, Index: queryRow, Scale: 2}, queries[2])
	MOVQ(queries[0], queries[1])
	ADDQ(queries[2], queries[1])
	ADDQ(queries[1], queries[2])
	R := reg.R13
	Load(Param("R"), R)
	a.choose(R)
	for r := 1; r <= a.most(); r++ {
		if r > 1 {
			Label(fmt.Sprintf("rows%d", r))
		}
		a.scoresOf(r, pages)
	}
}

// query is where row r's number k from here is.
func query(r, k int) Mem {
	m := Mem{Base: queries[r/3], Disp: 4 * k}
	if rest := r % 3; rest > 0 {
		m.Index, m.Scale = queryRow, uint8(rest)
	}
	return m
}

// scoreSet is the registers of scores for R queries and some pages: rows of sums,
// and for each register of a row keys and, where they are bytes, scales.
type scoreSet struct {
	R, pages, n       int // n registers a row
	sums, keys, scale []reg.VecPhysical
	rest              []reg.VecPhysical
	next              int // of rest
}

// spare returns one of the registers for what is soon used up.
func (s *scoreSet) spare() reg.VecPhysical {
	r := s.rest[s.next%len(s.rest)]
	s.next++
	return r
}

// scoresOf is scores for R queries.
func (a attend) scoresOf(R, pages int) {
	label := func(s string) string { return fmt.Sprintf("%s%d", s, R) }
	n := 16 / a.width * pages
	s := &scoreSet{R: R, pages: pages, n: n, sums: a.vec[:R*n], keys: a.vec[R*n : R*n+n], rest: a.vec[R*n+n:]}
	parts := 1
	if a.q8() {
		s.scale, s.rest, parts = s.rest[:n], s.rest[n:], run/q8Group
	}
	result := func(r, i int) Mem { return Mem{Base: scoresOut, Disp: r*rowBytes + 4*a.width*i} }
	zero := s.rest[0]
	VXORPS(zero, zero, zero)
	for r := range R {
		for i := range n {
			VMOVUPS(zero, result(r, i))
		}
	}
	Label(label("run"))
	for _, sum := range s.sums {
		VXORPS(sum, sum, sum)
	}
	for part := range parts {
		a.scorePart(s, run/parts, label(fmt.Sprintf("part%dof", part)), label("end"))
	}
	Label(label("end"))
	for r := range R {
		for i := range n {
			sum := s.sums[r*n+i]
			VADDPS(result(r, i), sum, sum)
			VMOVUPS(sum, result(r, i))
		}
	}
	TESTQ(keysLeft, keysLeft)
	JNE(LabelRef(label("run")))
	VZEROUPPER()
	RET()
}

// scorePart adds up to size products, and jumps to end if there are none after
// them.
func (a attend) scorePart(s *scoreSet, size int, name, end string) {
	if a.q8() {
		for p := range s.pages {
			for i := range 16 / a.width {
				VCVTPH2PS(Mem{Base: pageKeys[p], Disp: 2 * a.width * i}, s.scale[p*16/a.width+i])
			}
			ADDQ(Imm(32), pageKeys[p])
			ADDQ(Imm(32), pageAhead[p])
		}
	}
	MOVQ(keysLeft, runLeft)
	CMPQ(runLeft, Imm(uint64(size)))
	JLE(LabelRef(name + "short"))
	MOVQ(U32(uint32(size)), runLeft)
	Label(name + "short")
	SUBQ(runLeft, keysLeft)
	SUBQ(Imm(4), runLeft)
	JLT(LabelRef(name + "single"))
	Label(name + "four")
	a.scoreSteps(s, 4)
	SUBQ(Imm(4), runLeft)
	JGE(LabelRef(name + "four"))
	Label(name + "single")
	ADDQ(Imm(4), runLeft)
	JEQ(LabelRef(name + "end"))
	Label(name + "one")
	a.scoreSteps(s, 1)
	DECQ(runLeft)
	JNE(LabelRef(name + "one"))
	Label(name + "end")
	TESTQ(keysLeft, keysLeft)
	JEQ(LabelRef(end))
}

// scoreSteps adds so many products to each sum and goes on.
func (a attend) scoreSteps(s *scoreSet, steps int) {
	per := 16 / a.width
	bytes := 16 * a.format.size // of a number of all positions of a page
	for k := range steps {
		for p := range s.pages {
			if k*bytes%64 == 0 {
				PREFETCHT1(Mem{Base: pageAhead[p], Disp: k * bytes})
			}
			for i := range per {
				at := p*per + i
				scale := s.keys[at]
				if a.q8() {
					scale = s.scale[at]
				}
				a.load(Mem{Base: pageKeys[p], Disp: k*bytes + a.width*a.format.size*i}, s.keys[at], scale)
			}
		}
		for r := range s.R {
			q := s.spare()
			VBROADCASTSS(query(r, k), q)
			a.addProducts(q, s.keys, s.sums[r*s.n:][:s.n], s.spare)
		}
	}
	for p := range s.pages {
		ADDQ(U32(uint32(steps*bytes)), pageKeys[p])
		ADDQ(U32(uint32(steps*bytes)), pageAhead[p])
	}
	for i := range (s.R + 2) / 3 {
		ADDQ(Imm(uint64(4*steps)), queries[i])
	}
}

// addProducts adds x times each of v to its sum; x is used up.
func (a attend) addProducts(x reg.VecPhysical, v, sums []reg.VecPhysical, spare func() reg.VecPhysical) {
	for i := range sums {
		product := x
		if i < len(sums)-1 {
			product = spare()
		}
		VMULPS(x, v[i], product)
		VADDPS(product, sums[i], sums[i])
	}
}

// general registers of values.
var (
	valuesOut   = reg.RDI
	pagesAt     = reg.RSI // slices, 24 bytes each
	aheadAt     = reg.R8
	weightsAt   = reg.RAX
	factorsAt   = reg.RBX
	valueRow    = reg.R9  // bytes from a position to the next
	valueOffset = reg.R10 // bytes of a position's row that are done
	valuesLeft  = reg.R11 // numbers that are not
	position    = reg.RCX
	valueAt     = reg.RDX
	valueAhead  = reg.R12
	pageEnd     = reg.R13 // the position where the page, or what is asked of it, ends
)

// values takes some numbers of all positions, then the next.
func (a attend) values() {
	TEXT("values"+a.format.name+a.name, NOSPLIT, "func(out *float32, P int, pages *[]byte, w *float32, from, to int, factor *float32, R int, ahead *[]byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("R is at most %d.", a.most()))
	Load(Param("out"), valuesOut)
	Load(Param("pages"), pagesAt)
	Load(Param("ahead"), aheadAt)
	Load(Param("w"), weightsAt)
	Load(Param("factor"), factorsAt)
	Load(Param("P"), valuesLeft)
	MOVQ(valuesLeft, valueRow)
	if a.q8() { // 34 bytes for 32 numbers
		SHRQ(Imm(4), valueRow)
		ADDQ(valuesLeft, valueRow)
	} else {
		IMUL3Q(Imm(uint64(a.format.size)), valueRow, valueRow)
	}
	XORQ(valueOffset, valueOffset)
	Load(Param("R"), pageEnd)
	a.choose(pageEnd)
	for r := 1; r <= a.most(); r++ {
		if r > 1 {
			Label(fmt.Sprintf("rows%d", r))
		}
		a.valuesOf(r)
	}
}

// valuesOf is values for R rows of weights.
func (a attend) valuesOf(R int) {
	for _, w := range a.widths(R) {
		label := func(s string) string { return fmt.Sprintf("%s%dx%d", s, R, w) }
		Label(label("numbers"))
		CMPQ(valuesLeft, Imm(uint64(w)))
		JLT(LabelRef(label("less")))
		bytes := w * a.format.size
		if a.q8() {
			bytes += 2 * w / q8Group
		}
		pieces := 1
		if a.q8() && !a.wide() { // there is room for the sums of 16 numbers
			pieces = 2
		}
		for i := range pieces {
			a.valueBlock(R, w/pieces, w/pieces*i, func(s string) string { return label(fmt.Sprintf("%s%d", s, i)) + "at" })
			ADDQ(U32(uint32(4*w/pieces)), valuesOut)
		}
		SUBQ(Imm(uint64(w)), valuesLeft)
		ADDQ(U32(uint32(bytes)), valueOffset)
		JMP(LabelRef(label("numbers")))
		Label(label("less"))
	}
	VZEROUPPER()
	RET()
}

// widths returns how many numbers to take at a time, the most first.
func (a attend) widths(R int) []int {
	switch {
	case a.wide() && a.q8() && R <= 4:
		return []int{64, 32}
	case a.q8():
		return []int{32}
	case a.wide() && R <= 4:
		return []int{64, 32, 16}
	case a.wide():
		return []int{32, 16}
	}
	return []int{16}
}

// valueBlock adds so many numbers of each position, from the first on, behind
// valueOffset.
func (a attend) valueBlock(R, numbers, first int, label func(string) string) {
	n := numbers / a.width
	sums, v, rest := a.vec[:R*n], a.vec[R*n:R*n+n], a.vec[R*n+n:]
	next := 0
	spare := func() reg.VecPhysical {
		next++
		return rest[1+next%(len(rest)-1)]
	}
	for _, s := range sums {
		VXORPS(s, s, s)
	}
	to, err := Param("to").Resolve()
	if err != nil {
		panic(err)
	}
	Load(Param("from"), position)
	Label(label("page"))
	a.enterPage(to.Addr, label)
	Label(label("position"))
	for i := range n {
		a.loadValue(first+i*a.width, v[i], rest[0])
	}
	for r := range R {
		w := spare()
		VBROADCASTSS(Mem{Base: weightsAt, Index: position, Scale: 4, Disp: r * rowBytes}, w)
		a.addProducts(w, v, sums[r*n:][:n], spare)
	}
	ADDQ(valueRow, valueAt)
	ADDQ(valueRow, valueAhead)
	INCQ(position)
	CMPQ(position, pageEnd)
	JLT(LabelRef(label("position")))
	CMPQ(position, to.Addr)
	JLT(LabelRef(label("page")))
	a.blend(R, n, sums, rest)
}

// enterPage points to what position is at, and to where its page, or what is
// asked of it, ends.
func (a attend) enterPage(to Op, label func(string) string) {
	slice := pageEnd
	MOVQ(position, slice)
	SHRQ(Imm(4), slice)
	LEAQ(Mem{Base: slice, Index: slice, Scale: 2}, slice)
	MOVQ(Mem{Base: pagesAt, Index: slice, Scale: 8}, valueAt)
	MOVQ(Mem{Base: aheadAt, Index: slice, Scale: 8}, valueAhead)
	row := pageEnd
	MOVQ(position, row)
	ANDQ(Imm(15), row)
	IMULQ(valueRow, row)
	ADDQ(valueOffset, row)
	ADDQ(row, valueAt)
	ADDQ(row, valueAhead)
	MOVQ(position, pageEnd)
	ORQ(Imm(15), pageEnd)
	INCQ(pageEnd)
	CMPQ(pageEnd, to)
	JLE(LabelRef(label("position")))
	MOVQ(to, pageEnd)
}

// loadValue reads a register of numbers from number i behind valueAt on. Those of
// a group of bytes come one after another, so that its scale is there.
func (a attend) loadValue(i int, to, scale reg.VecPhysical) {
	disp := i * a.format.size
	if a.q8() {
		group := Mem{Base: valueAt, Disp: i / q8Group * (q8Group + 2)}
		if i%q8Group == 0 || i%q8Group == 16 && a.width == 8 {
			halves := scale.AsX()
			if a.wide() {
				halves = scale.AsY()
			}
			VPBROADCASTW(group, halves)
			VCVTPH2PS(halves, scale)
		}
		disp = group.Disp + 2 + i%q8Group
	}
	if i*a.format.size%64 == 0 {
		PREFETCHT1(Mem{Base: valueAhead, Disp: disp})
	}
	a.load(Mem{Base: valueAt, Disp: disp}, to, scale)
}

// blend makes out out times factor, and the sums.
func (a attend) blend(R, n int, sums, rest []reg.VecPhysical) {
	out, row := valueAt, position
	MOVQ(valuesOut, out)
	Load(Param("P"), row)
	SHLQ(Imm(2), row)
	for r := range R {
		f, t := rest[0], rest[1]
		VBROADCASTSS(Mem{Base: factorsAt, Disp: 4 * r}, f)
		for i := range n {
			at := Mem{Base: out, Disp: 4 * a.width * i}
			VMULPS(at, f, t)
			VADDPS(sums[r*n+i], t, t)
			VMOVUPS(t, at)
		}
		if r < R-1 {
			ADDQ(row, out)
		}
	}
}
