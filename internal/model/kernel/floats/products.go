package floats

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Shape says how the numbers of AddProducts and Multiply lie: T rows of x, K
// numbers each, meet Panels panels of Lanes rows of w. Distances are in numbers.
type Shape struct {
	Type         quant.Type // of w: F32, F16 or BF16
	Panels, T, K int
	XStride      int // from a row of x to the next
	WStride      int // from w[k] of a panel to w[k+1]: Lanes where Pack wrote it
	PanelStride  int // from a panel to the next: K*Lanes where Pack wrote them
	OutStride    int // from the results of a row of x to those of the next
}

// Packed returns the shape where panels written by Pack lie one after the other,
// and rows of x and results do, too.
func Packed(t quant.Type, panels, T, K int) Shape {
	return Shape{
		Type: t, Panels: panels, T: T, K: K,
		XStride: K, WStride: Lanes, PanelStride: K * Lanes, OutStride: panels * Lanes,
	}
}

// AddProducts adds to sum the products of each row of x with each row of w.
//
//	sum  sum[t*OutStride+p*Lanes+r] += Σ x[t,k]·w[p,k,r] for t < T, p < Panels,
//	     r < Lanes
//	w    w[p,k,r] is number p*PanelStride+k*WStride+r, little-endian; a matrix
//	     [K,N] as it is, row-major, is Shape{WStride: N, PanelStride: Lanes}
//	x    x[t,k] is x[t*XStride+k]
//
// A row's products are added in float32 from +0, in the order of k, Run at a
// time; the sums of the runs are added to sum in float64, in order. So a longer
// row may come in pieces that are multiples of Run, and no element's bits depend
// on Panels, T or the distances. The slices must not overlap. It panics if one
// is too short, a distance is negative, results would overlap or Type is none of
// those above.
func AddProducts(sum []float64, w []byte, x []float32, s Shape) { addProducts(chosen, sum, w, x, s) }

func addProducts(l isa.Level, sum []float64, w []byte, x []float32, s Shape) {
	if s.empty() {
		return
	}
	s.check("AddProducts", len(sum), len(w), len(x))
	sumUp(l, sum, w, x, s, nil)
}

// sumUp is AddProducts after its checks. With s.wideSize() numbers of memory it may
// be faster.
func sumUp(l isa.Level, sum []float64, w []byte, x []float32, s Shape, memory []float64) {
	if !addVector(l, sum, w, x, s, memory) {
		addPortable(sum, w, x, s)
	}
}

// Direct is how long a row may be for Multiply to need no memory for sums.
const Direct = 512

// SumsSize returns how many numbers of memory Multiply needs for s: sums and, if
// there are many rows of x, a block of panels of halves as float32.
func (s Shape) SumsSize() int {
	if s.K <= Direct {
		return 0
	}
	return s.T*s.Panels*Lanes + s.wideSize()
}

const (
	// blockPanels is how many panels meet the same rows of x one after the other.
	blockPanels = 16
	// wideRows is from how many rows of x on a block of panels of halves becomes
	// float32 once for all, wideProducts numbers of each row at a time.
	wideRows, wideProducts = 96, 256
)

// wideSize is how many float64 take the memory of a block of panels as float32.
func (s Shape) wideSize() int {
	if s.Type == quant.F32 || s.T < wideRows || s.WStride != Lanes {
		return 0
	}
	return min(s.Panels, blockPanels) * wideProducts * Lanes / 2
}

// Multiply writes the products of each row of x with each row of w.
//
//	out   out[t*OutStride+p*Lanes+r] = Σ x[t,k]·w[p,k,r] for t < T, p < Panels,
//	      r < Lanes
//	w, x  as AddProducts has them
//	sums  at least s.SumsSize() numbers of memory; what they are does not matter
//
// A result is what AddProducts adds to +0, rounded to float32 once; with K of at
// most Run that is a sum in float32. For speed, give all rows of x that there
// are, up to 512, and 16 panels, so that each is read from near caches. The
// slices must not overlap. It panics as AddProducts does.
func Multiply(out []float32, w []byte, x []float32, s Shape, sums []float64) {
	multiply(chosen, out, w, x, s, sums)
}

func multiply(l isa.Level, out []float32, w []byte, x []float32, s Shape, sums []float64) {
	if s.empty() {
		for t := range max(s.T, 0) {
			clear(out[t*s.OutStride:][:max(s.Panels, 0)*Lanes])
		}
		return
	}
	s.check("Multiply", len(out), len(w), len(x))
	if s.K <= Direct {
		multiplyTiles(l, out, w, x, s)
		return
	}
	need("Multiply", len(sums), s.SumsSize())
	in := s
	in.OutStride = s.Panels * Lanes
	n := s.T * in.OutStride
	memory := sums[n:s.SumsSize()]
	sums = sums[:n]
	clear(sums)
	sumUp(l, sums, w, x, in, memory)
	for t := range s.T {
		round(l, out[t*s.OutStride:], sums[t*in.OutStride:][:in.OutStride])
	}
}

const (
	tileRows   = 14
	tilePanels = 4
)

// multiplyTiles is Multiply with the sums of a few rows and panels at a time.
func multiplyTiles(l isa.Level, out []float32, w []byte, x []float32, s Shape) {
	var memory [tileRows * tilePanels * Lanes]float64
	size := numberSize("Multiply", s.Type)
	for p := 0; p < s.Panels; p += tilePanels {
		in := s
		in.Panels = min(tilePanels, s.Panels-p)
		in.OutStride = in.Panels * Lanes
		for t := 0; t < s.T; t += tileRows {
			in.T = min(tileRows, s.T-t)
			sums := memory[:in.T*in.OutStride]
			clear(sums)
			addProducts(l, sums, w[p*s.PanelStride*size:], x[t*s.XStride:], in)
			for i := range in.T {
				round(l, out[(t+i)*s.OutStride+p*Lanes:], sums[i*in.OutStride:][:in.OutStride])
			}
		}
	}
}

// empty reports whether nothing is added.
func (s Shape) empty() bool { return s.Panels <= 0 || s.T <= 0 || s.K <= 0 }

// check panics if a slice of so many numbers or, for w, bytes is too short.
func (s Shape) check(name string, out, w, x int) {
	size := numberSize(name, s.Type)
	if min(s.XStride, s.WStride, s.PanelStride, s.OutStride) < 0 || s.T > 1 && s.OutStride < s.Panels*Lanes {
		panic(fmt.Sprintf("floats: %s: a distance is negative or results overlap: %+v", name, s))
	}
	if (s.T-1)*s.OutStride+s.Panels*Lanes > out || (s.T-1)*s.XStride+s.K > x ||
		((s.Panels-1)*s.PanelStride+(s.K-1)*s.WStride+Lanes)*size > w {
		panic(fmt.Sprintf("floats: %s: %d results, %d bytes of w and %d numbers of x are too few: %+v", name, out, w, x, s))
	}
}

// round writes each number of sums as the nearest float32 to out.
func round(l isa.Level, out []float32, sums []float64) {
	out = out[:len(sums)]
	for i := roundVector(l, out, sums); i < len(sums); i++ {
		out[i] = float32(sums[i])
	}
}
