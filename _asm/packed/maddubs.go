package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernels of this file are for processors without VNNI. VPMADDUBSW multiplies
// bytes without a sign by bytes with one and adds neighbours to 16 bits, where
// they must not saturate; VPMADDWD by ones adds neighbours to 32 bits. So as many
// products as fit are first added in 16 bits: 4 units of 4-bit and 5-bit weights,
// 2 of 6-bit ones.

// ymm are the registers of 256 bits that AVX2 knows.
var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

// shape is how many rows of activations a body of code takes, and how many halves
// of a panel at a time; with AVX-512 a half is all of it.
type shape struct{ rows, halves int }

var (
	shapesAVX2   = []shape{{4, 1}, {3, 1}, {2, 2}, {1, 2}}
	shapesAVX512 = []shape{{12, 1}, {8, 1}, {6, 1}, {4, 1}, {3, 1}, {2, 1}, {1, 1}}
)

// body is the code of a function for one shape.
type body struct {
	shape
	wide bool // AVX-512
	name string
	free []reg.VecPhysical

	ones reg.VecPhysical
	w    [4]reg.VecPhysical // weights made ready, four units
	tmp  [2]reg.VecPhysical
	f    [][]reg.VecPhysical // [rows][halves] results; nil if they stay in memory

	out    reg.Register // [rows][16] float32 results
	panel  reg.Register // the block's units
	scales reg.Register // the block's float16 numbers, where it begins with them
	x      reg.Register // the tile's 32 columns
	x8     reg.Register // the 8th word of them
	x16    reg.Register // the 16th
	blocks reg.Register // still to do
	// step is four times the height of the tile, from four activations to the
	// next, and its multiples by 3, 5 and 7. Wide code has tiles as high as its
	// rows are many, so that distances are known and only x moves.
	step map[int]reg.Register
	// ahead is how many bytes the columns are behind x.
	ahead int
}

func avx2()   { maddubs("AVX2", ymm, shapesAVX2) }
func avx512() { maddubs("AVX512", zmm, shapesAVX512) }

// maddubs writes a function for each format.
func maddubs(level string, vec []reg.VecPhysical, shapes []shape) {
	for _, f := range []struct {
		name  string
		stack int
		write func(b *body, stack operand.Mem)
	}{
		{"q8_0", 0, func(b *body, _ operand.Mem) { b.by8(true) }},
		{"q4_0", 0, func(b *body, _ operand.Mem) { b.by8(false) }},
		{"q4_K", scaleBytes, func(b *body, stack operand.Mem) { b.fiveBits(stack, 0) }},
		{"q5_K", scaleBytes, func(b *body, stack operand.Mem) { b.fiveBits(stack, 256) }},
		{"q6_K", 0, func(b *body, _ operand.Mem) { b.sixBits() }},
	} {
		TEXT(f.name+level, 0, "func(out *float32, panel, scales, x *byte, blocks, height, rows int)")
		Pragma("noescape")
		var stack operand.Mem
		if f.stack > 0 {
			stack = AllocLocal(f.stack)
		}
		b := body{name: f.name + level, wide: level == "AVX512"}
		b.arguments()
		rows := Load(Param("rows"), GP64())
		for _, s := range shapes[1:] {
			CMPQ(rows, operand.Imm(uint64(s.rows)))
			JEQ(operand.LabelRef(fmt.Sprintf("rows%d", s.rows)))
		}
		for i, s := range shapes {
			if i > 0 {
				Label(fmt.Sprintf("rows%d", s.rows))
			}
			b := b
			b.shape, b.free = s, vec
			b.ones = b.take()
			b.fill(0x00010001, b.ones)
			b.tmp = [2]reg.VecPhysical{b.take(), b.take()}
			for i := range b.w {
				b.w[i] = b.take()
			}
			f.write(&b, stack)
		}
	}
}

// arguments loads what all bodies share.
func (b *body) arguments() {
	b.out = Load(Param("out"), GP64())
	b.panel = Load(Param("panel"), GP64())
	b.scales = Load(Param("scales"), GP64())
	b.x = Load(Param("x"), GP64())
	b.blocks = Load(Param("blocks"), GP64())
	if b.wide {
		return
	}
	b.x8, b.x16 = GP64(), GP64()
	one := Load(Param("height"), GP64())
	SHLQ(operand.Imm(2), one)
	b.step = map[int]reg.Register{1: one, 3: GP64(), 5: GP64(), 7: GP64()}
	LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, b.step[3])
	LEAQ(operand.Mem{Base: one, Index: one, Scale: 4}, b.step[5])
	LEAQ(operand.Mem{Base: one, Index: b.step[3], Scale: 2}, b.step[7])
}

// take returns a register that nothing else uses.
func (b *body) take() reg.VecPhysical {
	if len(b.free) == 0 {
		panic(fmt.Sprintf("%s for %d rows: no register left", b.name, b.rows))
	}
	r := b.free[0]
	b.free = b.free[1:]
	return r
}

// takeAll returns a register for each row of activations and half of a panel.
func (b *body) takeAll() [][]reg.VecPhysical {
	all := make([][]reg.VecPhysical, b.rows)
	for t := range all {
		for range b.halves {
			all[t] = append(all[t], b.take())
		}
	}
	return all
}

// fill sets each 32 bits of a register.
func (b *body) fill(bits uint32, to reg.VecPhysical) {
	r := GP32()
	MOVL(operand.U32(bits), r)
	if b.wide {
		VPBROADCASTD(r, to)
		return
	}
	VMOVD(r, to.AsX())
	VPBROADCASTD(to.AsX(), to)
}

// filled is a new register of equal bits.
func (b *body) filled(bits uint32) reg.VecPhysical {
	r := b.take()
	b.fill(bits, r)
	return r
}

// each calls f for all rows of activations and halves of a panel.
func (b *body) each(f func(t, h int)) {
	for t := range b.rows {
		for h := range b.halves {
			f(t, h)
		}
	}
}

// label names a place in this body.
func (b *body) label(s string) string { return fmt.Sprintf("%s%d", s, b.rows) }

// half is the half h of 16 numbers of 4 bytes.
func half(base reg.Register, disp, h int) operand.Mem {
	return operand.Mem{Base: base, Disp: disp + 32*h}
}

// group begins 32 columns: words from the 8th and the 16th on are reached from x8
// and x16.
func (b *body) group(words int) {
	if b.wide {
		return
	}
	LEAQ(operand.Mem{Base: b.x, Index: b.step[1], Scale: 8}, b.x8)
	if words > 16 {
		LEAQ(operand.Mem{Base: b.x8, Index: b.step[1], Scale: 8}, b.x16)
	}
}

// word is where the n-th word of row t is, of those of 32 columns in the tile.
func (b *body) word(n, t int) operand.Mem {
	if b.wide {
		return operand.Mem{Base: b.x, Disp: b.ahead + 4*(n*b.rows+t)}
	}
	m := operand.Mem{Base: []reg.Register{b.x, b.x8, b.x16}[n/8], Disp: 4 * t}
	switch n % 8 {
	case 0:
	case 1, 2, 4:
		m.Index, m.Scale = b.step[1], uint8(n%8)
	case 6:
		m.Index, m.Scale = b.step[3], 2
	default:
		m.Index, m.Scale = b.step[n%8], 1
	}
	return m
}

// next goes on to the next 32 columns, that many words further.
func (b *body) next(words int) {
	switch {
	case b.wide:
		b.ahead += 4 * b.rows * words
	case words == wordsBy8:
		LEAQ(operand.Mem{Base: b.x16, Index: b.step[1], Scale: 4}, b.x)
	default:
		LEAQ(operand.Mem{Base: b.x8, Index: b.step[1], Scale: 4}, b.x)
	}
}

// How many words 32 columns of a row of a tile are.
const wordsBy32, wordsBy8 = 12, 20

// settle makes x point to where next has reached, at the end of a loop.
func (b *body) settle() {
	if b.wide {
		ADDQ(operand.U32(uint32(b.ahead)), b.x)
		b.ahead = 0
	}
}

// begin sets the results to zero, in registers if there are as many.
func (b *body) begin() {
	if len(b.free) >= b.rows*b.halves {
		b.f = b.takeAll()
		b.each(func(t, h int) { b.xor(b.f[t][h], b.f[t][h], b.f[t][h]) })
		return
	}
	b.xor(b.tmp[0], b.tmp[0], b.tmp[0])
	b.each(func(t, h int) { VMOVUPS(b.tmp[0], half(b.out, line*t, h)) })
}

// end stores the results and returns.
func (b *body) end() {
	if b.f != nil {
		b.each(func(t, h int) { VMOVUPS(b.f[t][h], half(b.out, line*t, h)) })
	}
	VZEROUPPER()
	RET()
}

// add adds to a result, and then takes low off it unless that is nil. It uses
// tmp[0].
func (b *body) add(t, h int, r, low reg.VecPhysical) {
	f, m := b.tmp[0], half(b.out, line*t, h)
	if b.f != nil {
		f = b.f[t][h]
		VADDPS(r, f, f)
	} else {
		VADDPS(m, r, f)
	}
	if low != nil {
		VSUBPS(low, f, f)
	}
	if b.f == nil {
		VMOVUPS(f, m)
	}
}

// dot is the sum of products of the first weights in w with the activations of
// row t at the words; it uses tmp.
func (b *body) dot(t int, words []int, to reg.VecPhysical) {
	for i, n := range words {
		x := b.tmp[min(i, 1)]
		VPBROADCASTD(b.word(n, t), x)
		VPMADDUBSW(x, b.w[i], x)
		if i > 0 {
			VPADDW(x, b.tmp[0], b.tmp[0])
		}
	}
	VPMADDWD(b.ones, b.tmp[0], to)
}

// times multiplies by a float32 of the tile; it uses tmp[0].
func (b *body) times(m operand.Mem, by, to reg.VecPhysical) {
	if b.wide {
		VMULPS_BCST(m, by, to)
		return
	}
	VBROADCASTSS(m, b.tmp[0])
	VMULPS(b.tmp[0], by, to)
}

// plus adds an int32 of the tile; it uses tmp[0].
func (b *body) plus(m operand.Mem, to reg.VecPhysical) {
	if b.wide {
		VPADDD_BCST(m, to, to)
		return
	}
	VPBROADCASTD(m, b.tmp[0])
	VPADDD(b.tmp[0], to, to)
}

// prefetch asks for the line that lies about 4.5 kB behind a unit, where there are
// few rows of activations: then weights come from memory. Panels follow one
// another, so what lies behind is read next.
func (b *body) prefetch(base reg.Register, disp, h int) {
	if b.rows <= 4 && h == 0 {
		PREFETCHT0(operand.Mem{Base: base, Disp: disp + 4608})
	}
}

// load brings a unit's half into a register.
func (b *body) load(m operand.Mem, to reg.VecPhysical) {
	if b.wide {
		VMOVDQU32(m, to)
	} else {
		VMOVDQU(m, to)
	}
}

func (b *body) xor(x operand.Op, y, to reg.VecPhysical) {
	if b.wide {
		VPXORD(x, y, to)
	} else {
		VPXOR(x, y, to)
	}
}

func (b *body) or(x operand.Op, y, to reg.VecPhysical) {
	if b.wide {
		VPORD(x, y, to)
	} else {
		VPOR(x, y, to)
	}
}

func (b *body) and(x operand.Op, y, to reg.VecPhysical) {
	if b.wide {
		VPANDD(x, y, to)
	} else {
		VPAND(x, y, to)
	}
}

// nibbles brings the low or high halves of a unit's bytes into a register.
func (b *body) nibbles(m operand.Mem, mask reg.VecPhysical, high bool, to reg.VecPhysical) {
	if !high {
		b.and(m, mask, to)
		return
	}
	if b.wide {
		VPSRLD(operand.Imm(4), m, to)
	} else {
		b.load(m, to)
		VPSRLD(operand.Imm(4), to, to)
	}
	b.and(mask, to, to)
}

// put sets bits that mask has in both; it changes bits.
func (b *body) put(bits, mask, to reg.VecPhysical) {
	if b.wide {
		VPTERNLOGD(operand.U8(0xf8), mask, bits, to)
		return
	}
	b.and(mask, bits, bits)
	b.or(bits, to, to)
}
