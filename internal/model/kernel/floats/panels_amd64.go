//go:build !purego

package floats

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

//go:generate go -C ../../../../_asm run ./floats -part panels -pkg floats -out ../internal/model/kernel/floats/panels_amd64.s -stubs ../internal/model/kernel/floats/panels_stubs_amd64.go

const (
	// callProducts bounds K in a call of assembly, which cannot be interrupted.
	callProducts = 4096
	// callConverts bounds the numbers that a call converts. It is a multiple of 16.
	callConverts = 1 << 15
	// callUnits bounds the 4-byte units of a row that a call packs.
	callUnits = 2048
	// blockProducts is how many numbers of the panels of a block are met by all
	// rows of x before the next: so many stay in the second cache.
	blockProducts = 512
	// fewRows is up to how many rows of x the panels are streamed from memory
	// once, without blocks.
	fewRows = 4
	// apart keeps the rows of x that a block copies from lying a power of two
	// apart, whose multiples share one set of the first cache.
	apart = 16
	// tileRows256 is tileRows for AVX2, which takes six rows at a time.
	tileRows256 = 12
)

// tiles are how many rows of x the assembly takes at a time, by level and
// panels, the most first.
var (
	tiles512 = [5][]int{1: {14, 8, 4, 2, 1}, 2: {14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1}, 4: {4, 3, 2, 1}}
	tiles256 = [5][]int{1: {6, 5, 4, 3, 2, 1}, 2: {2, 1}}
)

// products is a shape with its pointers, distances in bytes.
type products struct {
	level                                    isa.Level
	format                                   quant.Type
	sum                                      unsafe.Pointer
	w                                        unsafe.Pointer
	x                                        unsafe.Pointer
	sumStride, wStride, panelStride, xStride int
}

// addVector is AddProducts for a level that has vectors. The slices have been
// checked, so that what it points to lies within them.
//
// Where there is memory to make a block of panels float32, that is done once for
// all rows of x.
func addVector(l isa.Level, sum []float64, w []byte, x []float32, s Shape, memory []float64) bool {
	if l < isa.AVX2 {
		return false
	}
	size := numberSize("AddProducts", s.Type)
	p := products{
		level: l, format: s.Type,
		sum: unsafe.Pointer(&sum[0]), w: unsafe.Pointer(&w[0]), x: unsafe.Pointer(&x[0]),
		sumStride: s.OutStride * 8, wStride: s.WStride * size, panelStride: s.PanelStride * size, xStride: s.XStride * 4,
	}
	switch {
	case s.T <= fewRows:
		p.stream(s)
	case s.K <= blockProducts:
		p.tiles(s.Panels, s.T, s.K)
	default:
		p.blocks(x, s, memory)
	}
	return true
}

// at returns p further on by so many panels, rows of x and products.
func (p *products) at(panels, t, k int) products {
	q := *p
	q.sum = unsafe.Add(p.sum, t*p.sumStride+panels*Lanes*8)
	q.w = unsafe.Add(p.w, panels*p.panelStride+k*p.wStride)
	q.x = unsafe.Add(p.x, t*p.xStride+k*4)
	return q
}

// stream takes few rows of x: each group of panels is read from end to end.
func (p *products) stream(s Shape) {
	for n, rest := 0, s.Panels; rest > 0; rest -= n {
		n = p.most(s.T, rest)
		for k := 0; k < s.K; k += callProducts {
			q := p.at(s.Panels-rest, 0, k)
			q.tile(n, s.T, min(callProducts, s.K-k))
		}
	}
}

// tiles takes all rows of x with all panels.
func (p *products) tiles(panels, T, K int) {
	for n, rest := 0, panels; rest > 0; rest -= n {
		n = p.most(T, rest)
		q := p.at(panels-rest, 0, 0)
		q.tile(n, T, K)
	}
}

// blocks is tiles for long rows: block by block of panels, and of those a block
// of products after the other, with rows of x that are copied to where they lie
// side by side. A single tile of few rows leaves room for longer ones.
func (p *products) blocks(x []float32, s Shape, memory []float64) {
	var rows [tileRows * (blockProducts + apart)]float32
	length, tile := blockProducts, tileRows
	if p.level < isa.AVX512 {
		tile = tileRows256
	}
	switch {
	case len(memory) > 0:
		length = wideProducts
	case s.T < tileRows:
		length = (len(rows)/s.T - apart) / Run * Run
	}
	for panel := 0; panel < s.Panels; panel += blockPanels {
		panels := min(blockPanels, s.Panels-panel)
		for k := 0; k < s.K; k += length {
			K := min(length, s.K-k)
			block := p.at(panel, 0, k)
			if len(memory) > 0 {
				block.widen(memory, panels, K)
			}
			for t := 0; t < s.T; t += tile {
				T := min(tile, s.T-t)
				for i := range T {
					copy(rows[i*(length+apart):][:K], x[(t+i)*s.XStride+k:])
				}
				q := block.at(0, t, 0)
				q.x, q.xStride = unsafe.Pointer(&rows), (length+apart)*4
				q.tiles(panels, T, K)
			}
		}
	}
}

// widen makes a block of panels of halves float32.
func (p *products) widen(memory []float64, panels, K int) {
	wide := unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), 2*len(memory))
	size := numberSize("Multiply", p.format)
	for i := range panels {
		q := p.at(i, 0, 0)
		from := unsafe.Slice((*byte)(q.w), K*Lanes*size)
		widenVector(p.level, wide[i*K*Lanes:][:K*Lanes], p.format, from)
	}
	p.w, p.format, p.wStride, p.panelStride = unsafe.Pointer(&memory[0]), quant.F32, Lanes*4, K*Lanes*4
}

// most is how many panels the assembly takes at a time, for T rows of x and so
// many panels.
func (p *products) most(T, panels int) int {
	switch {
	case panels >= 4 && p.level >= isa.AVX512 && T <= 4:
		return 4
	case panels >= 2 && (p.level >= isa.AVX512 || T <= 2):
		return 2
	}
	return 1
}

// tile takes all rows of x with as many panels as the assembly takes at a time.
func (p *products) tile(panels, T, K int) {
	sizes := tiles512[panels]
	if p.level < isa.AVX512 {
		sizes = tiles256[panels]
	}
	for t, rows := 0, 0; t < T; t += rows {
		for T-t < sizes[0] {
			sizes = sizes[1:]
		}
		rows = sizes[0]
		q := p.at(0, t, 0)
		q.call(panels, rows, K)
	}
}

// call calls the assembly.
func (p *products) call(panels, rows, K int) {
	sum, w, x := (*float64)(p.sum), (*byte)(p.w), (*float32)(p.x)
	ss, ws, ps, xs := p.sumStride, p.wStride, p.panelStride, p.xStride
	if p.level < isa.AVX512 {
		switch {
		case p.format == quant.F32 && panels == 1:
			addF32x1AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		case p.format == quant.F32:
			addF32x2AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		case p.format == quant.F16 && panels == 1:
			addF16x1AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		case p.format == quant.F16:
			addF16x2AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		case panels == 1:
			addBF16x1AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		default:
			addBF16x2AVX2(sum, w, x, K, ss, ws, ps, xs, rows)
		}
		return
	}
	switch p.format {
	case quant.F32:
		switch panels {
		case 1:
			addF32x1AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		case 2:
			addF32x2AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		default:
			addF32x4AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		}
	case quant.F16:
		switch panels {
		case 1:
			addF16x1AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		case 2:
			addF16x2AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		default:
			addF16x4AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		}
	default:
		switch panels {
		case 1:
			addBF16x1AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		case 2:
			addBF16x2AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		default:
			addBF16x4AVX512(sum, w, x, K, ss, ws, ps, xs, rows)
		}
	}
}

// roundVector rounds a multiple of Lanes numbers and returns how many.
func roundVector(l isa.Level, out []float32, sums []float64) int {
	n := len(sums) / Lanes * Lanes
	switch {
	case n == 0 || l < isa.AVX2:
		return 0
	case l < isa.AVX512:
		roundAVX2(&out[0], &sums[0], n)
	default:
		roundAVX512(&out[0], &sums[0], n)
	}
	return n
}

// packVector packs as many columns as come in whole vectors, if there are Lanes
// rows, and returns how many.
func packVector(l isa.Level, dst []byte, size int, src []byte, n, cols int) int {
	unit := 4 / size // numbers in 4 bytes
	if l < isa.AVX2 || n < Lanes || cols%unit != 0 {
		return 0
	}
	square := 8
	if l >= isa.AVX512 {
		square = 16
	}
	units := cols / unit / square * square
	if units == 0 {
		return 0
	}
	for u := 0; u < units; u += callUnits {
		n, stride := min(callUnits, units-u), cols*size
		switch to, from := &dst[u*4*Lanes], &src[u*4]; {
		case size == 4 && l >= isa.AVX512:
			packWordsAVX512(to, from, stride, n)
		case size == 4:
			packWordsAVX2(to, from, stride, n)
		case l >= isa.AVX512:
			packHalvesAVX512(to, from, stride, n)
		default:
			packHalvesAVX2(to, from, stride, n)
		}
	}
	return units * unit
}

// widenVector widens a multiple of 16 numbers, not too many for a call, and
// returns how many.
func widenVector(l isa.Level, dst []float32, t quant.Type, src []byte) int {
	n := min(len(dst), callConverts) / 16 * 16
	if l < isa.AVX2 || n == 0 {
		return 0
	}
	switch to, from := &dst[0], &src[0]; {
	case t == quant.F32:
		copy(bytesOf(dst[:n]), src)
	case t == quant.F16 && l >= isa.AVX512:
		widenF16AVX512(to, from, n)
	case t == quant.F16:
		widenF16AVX2(to, from, n)
	case l >= isa.AVX512:
		widenBF16AVX512(to, from, n)
	default:
		widenBF16AVX2(to, from, n)
	}
	return n
}

// narrowVector narrows as widenVector widens.
func narrowVector(l isa.Level, dst []byte, t quant.Type, src []float32) int {
	n := min(len(src), callConverts) / 16 * 16
	if l < isa.AVX2 || n == 0 {
		return 0
	}
	switch to, from := &dst[0], &src[0]; {
	case t == quant.F32:
		copy(dst, bytesOf(src[:n]))
	case t == quant.F16 && l >= isa.AVX512:
		narrowF16AVX512(to, from, n)
	case t == quant.F16:
		narrowF16AVX2(to, from, n)
	case l >= isa.AVX512:
		narrowBF16AVX512(to, from, n)
	default:
		narrowBF16AVX2(to, from, n)
	}
	return n
}

// bytesOf returns the memory of x, which this processor keeps in little-endian
// order as files do.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
