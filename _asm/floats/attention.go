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
		for _, f := range formats[:2] {
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

// scoresOf is scores for R queries.
func (a attend) scoresOf(R, pages int) {
	label := func(s string) string { return fmt.Sprintf("%s%d", s, R) }
	per := 16 / a.width // registers a page
	n := per * pages    // registers a row
	sums, keys, rest := a.vec[:R*n], a.vec[R*n:R*n+n], a.vec[R*n+n:]
	result := func(r, i int) Mem { return Mem{Base: scoresOut, Disp: r*rowBytes + 4*a.width*i} }
	zero := rest[0]
	VXORPS(zero.AsX(), zero.AsX(), zero.AsX())
	for r := range R {
		for i := range n {
			VMOVUPS(zero, result(r, i))
		}
	}
	Label(label("run"))
	for _, s := range sums {
		VXORPS(s.AsX(), s.AsX(), s.AsX())
	}
	MOVQ(keysLeft, runLeft)
	CMPQ(runLeft, Imm(run))
	JLE(LabelRef(label("short")))
	MOVQ(U32(run), runLeft)
	Label(label("short"))
	SUBQ(runLeft, keysLeft)
	SUBQ(Imm(4), runLeft)
	JLT(LabelRef(label("single")))
	Label(label("four"))
	a.scoreSteps(R, pages, 4, sums, keys, rest)
	SUBQ(Imm(4), runLeft)
	JGE(LabelRef(label("four")))
	Label(label("single"))
	ADDQ(Imm(4), runLeft)
	JEQ(LabelRef(label("end")))
	Label(label("one"))
	a.scoreSteps(R, pages, 1, sums, keys, rest)
	DECQ(runLeft)
	JNE(LabelRef(label("one")))
	Label(label("end"))
	for r := range R {
		for i := range n {
			s := sums[r*n+i]
			VADDPS(result(r, i), s, s)
			VMOVUPS(s, result(r, i))
		}
	}
	TESTQ(keysLeft, keysLeft)
	JNE(LabelRef(label("run")))
	VZEROUPPER()
	RET()
}

// scoreSteps adds so many products to each sum and goes on.
func (a attend) scoreSteps(R, pages, steps int, sums, keys, rest []reg.VecPhysical) {
	per := 16 / a.width
	n := per * pages
	bytes := 16 * a.format.size // of a number of all positions of a page
	next := 0
	for k := range steps {
		for p := range pages {
			if k*bytes%64 == 0 {
				PREFETCHT1(Mem{Base: pageAhead[p], Disp: k * bytes})
			}
			for i := range per {
				a.format.load(Mem{Base: pageKeys[p], Disp: k*bytes + a.width*a.format.size*i}, keys[p*per+i])
			}
		}
		for r := range R {
			q, t := rest[next%len(rest)], 0
			next++
			VBROADCASTSS(query(r, k), q)
			for i := range n {
				product := rest[next%len(rest)]
				next++
				if i == n-1 { // the query is not needed after this
					product = q
				}
				VMULPS(q, keys[i], product)
				VADDPS(product, sums[r*n+i], sums[r*n+i])
				t++
			}
		}
	}
	for p := range pages {
		ADDQ(U32(uint32(steps*bytes)), pageKeys[p])
		ADDQ(U32(uint32(steps*bytes)), pageAhead[p])
	}
	for i := range (R + 2) / 3 {
		ADDQ(Imm(uint64(4*steps)), queries[i])
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
	Doc(fmt.Sprintf("R is at most %d.", a.most()))
	Load(Param("out"), valuesOut)
	Load(Param("pages"), pagesAt)
	Load(Param("ahead"), aheadAt)
	Load(Param("w"), weightsAt)
	Load(Param("factor"), factorsAt)
	Load(Param("P"), valuesLeft)
	MOVQ(valuesLeft, valueRow)
	IMUL3Q(Imm(uint64(a.format.size)), valueRow, valueRow)
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
	per := 16 / a.width
	widths := []int{1} // in 16 numbers
	if a.wide() {
		widths = []int{2, 1}
		if R <= 4 {
			widths = []int{4, 2, 1}
		}
	}
	for _, w := range widths {
		label := func(s string) string { return fmt.Sprintf("%s%dx%d", s, R, w) }
		Label(label("numbers"))
		CMPQ(valuesLeft, Imm(uint64(16*w)))
		JLT(LabelRef(label("less")))
		a.valueBlock(R, w*per, label)
		SUBQ(Imm(uint64(16*w)), valuesLeft)
		ADDQ(U32(uint32(16*w*a.format.size)), valueOffset)
		ADDQ(U32(uint32(64*w)), valuesOut)
		JMP(LabelRef(label("numbers")))
		Label(label("less"))
	}
	VZEROUPPER()
	RET()
}

// valueBlock adds n registers of each position.
func (a attend) valueBlock(R, n int, label func(string) string) {
	sums, v, rest := a.vec[:R*n], a.vec[R*n:R*n+n], a.vec[R*n+n:]
	for _, s := range sums {
		VXORPS(s.AsX(), s.AsX(), s.AsX())
	}
	Load(Param("from"), position)
	Label(label("page"))
	// valueAt = pages[position/16] + position%16·valueRow + valueOffset
	MOVQ(position, pageEnd)
	SHRQ(Imm(4), pageEnd)
	LEAQ(Mem{Base: pageEnd, Index: pageEnd, Scale: 2}, pageEnd)
	MOVQ(Mem{Base: pagesAt, Index: pageEnd, Scale: 8}, valueAt)
	MOVQ(Mem{Base: aheadAt, Index: pageEnd, Scale: 8}, valueAhead)
	ADDQ(valueOffset, valueAt)
	ADDQ(valueOffset, valueAhead)
	MOVQ(position, pageEnd)
	ANDQ(Imm(15), pageEnd)
	IMULQ(valueRow, pageEnd)
	ADDQ(pageEnd, valueAt)
	ADDQ(pageEnd, valueAhead)
	MOVQ(position, pageEnd)
	ORQ(Imm(15), pageEnd)
	INCQ(pageEnd)
	to, err := Param("to").Resolve()
	if err != nil {
		panic(err)
	}
	CMPQ(pageEnd, to.Addr)
	JLE(LabelRef(label("position")))
	MOVQ(to.Addr, pageEnd)
	Label(label("position"))
	for i := range n {
		if i*a.width*a.format.size%64 == 0 {
			PREFETCHT1(Mem{Base: valueAhead, Disp: i * a.width * a.format.size})
		}
		a.format.load(Mem{Base: valueAt, Disp: i * a.width * a.format.size}, v[i])
	}
	next := 0
	for r := range R {
		p := rest[next%len(rest)]
		next++
		VBROADCASTSS(Mem{Base: weightsAt, Index: position, Scale: 4, Disp: r * rowBytes}, p)
		for i := range n {
			product := rest[next%len(rest)]
			next++
			if i == n-1 {
				product = p
			}
			VMULPS(p, v[i], product)
			VADDPS(product, sums[r*n+i], sums[r*n+i])
		}
	}
	ADDQ(valueRow, valueAt)
	ADDQ(valueRow, valueAhead)
	INCQ(position)
	CMPQ(position, pageEnd)
	JLT(LabelRef(label("position")))
	CMPQ(position, to.Addr)
	JLT(LabelRef(label("page")))
	// out = out·factor + sums
	out := valueAt
	MOVQ(valuesOut, out)
	for r := range R {
		f := rest[0]
		VBROADCASTSS(Mem{Base: factorsAt, Disp: 4 * r}, f)
		for i := range n {
			t, at := rest[1], Mem{Base: out, Disp: 4 * a.width * i}
			VMULPS(at, f, t)
			VADDPS(sums[r*n+i], t, t)
			VMOVUPS(t, at)
		}
		if r < R-1 {
			// A row of out has as many numbers as a position.
			for range 4 / a.format.size {
				ADDQ(valueRow, out)
			}
		}
	}
}
