package tiles_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func TestTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][2]int{{0, 3}, {1, 1}, {15, 17}, {16, 16}, {16, 15}, {17, 33}, {33, 48}, {48, 5}, {32, 4100}} {
		rows, cols := s[0], s[1]
		dstStride, srcStride := rows+r.IntN(3), cols+r.IntN(3)
		src := wildPairs(r, rows*srcStride+1)
		for _, l := range isa.Levels() {
			dst := wildPairs(r, cols*dstStride+1)
			want := slices.Clone(dst)
			for i := range rows {
				for j := range cols {
					want[j*dstStride+i] = src[i*srcStride+j]
				}
			}
			tiles.TransposeAt(l, dst, src, dstStride, srcStride, rows, cols)
			if !slices.Equal(dst, want) {
				t.Errorf("%v: Transpose of %d x %d differs", l, rows, cols)
			}
		}
	}
}

// TestSpread compares rows of all lengths around the vectors, of all numbers, with
// the definition by package quant.
func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 70 {
		first, second := odd(r, n), odd(r, n)
		stride := tiles.Lanes * (1 + r.IntN(2))
		size := (n + tiles.Lanes - 1) / tiles.Lanes * stride
		for _, l := range isa.Levels() {
			got, want := make([]float32, size), make([]float32, size)
			pairs, alone, wantPairs, wantAlone := make([]uint32, size), make([]uint32, size), make([]uint32, size), make([]uint32, size)
			row, wantRow := make([]uint32, (n+1)/2), make([]uint32, (n+1)/2)
			for i := range n {
				at := i/tiles.Lanes*stride + i%tiles.Lanes
				low, high := uint32(quant.ToBF16(first[i])), uint32(quant.ToBF16(second[i]))
				want[at], wantPairs[at], wantAlone[at] = first[i], low|high<<16, low
				wantRow[i/2] |= low << (i % 2 * 16)
			}
			tiles.SpreadAt(l, got, first, stride, 0)
			tiles.SpreadPairsAt(l, pairs, first, second, stride, 0)
			tiles.SpreadPairsAt(l, alone, first, nil, stride, 0)
			tiles.PairRowAt(l, row, first)
			halves := make([]uint32, size)
			low, high := make([]byte, 2*n), make([]byte, 2*n)
			quant.Quantize(low, quant.BF16, first)
			quant.Quantize(high, quant.BF16, second)
			tiles.SpreadHalvesAt(l, halves, low, high, stride, 0)
			same(t, fmt.Sprintf("%v: Spread of %d", l, n), got, want)
			if !slices.Equal(pairs, wantPairs) || !slices.Equal(halves, wantPairs) || !slices.Equal(alone, wantAlone) || !slices.Equal(row, wantRow) {
				t.Fatalf("%v: pairs of %d numbers differ", l, n)
			}
		}
	}
}

// odd returns numbers of any bits, and such as lie between two of bfloat16.
func odd(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		bits := r.Uint32()
		switch r.IntN(4) {
		case 0:
			bits = bits&0xffff0000 | 0x8000 + r.Uint32N(3) - 1
		case 1:
			bits = bits&0x807fffff | 0xff<<23&-uint32(r.IntN(2))
		}
		x[i] = math.Float32frombits(bits)
	}
	return x
}

// TestNumbers compares every format with package quant, on blocks of any bytes.
func TestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, typ := range quant.Types() {
		elements, _ := typ.Block()
		for _, blocks := range []int{0, 1, 2, 15, 16, 17, 40, 53} {
			n := blocks * elements
			src := make([]byte, typ.Size(n))
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			want := make([]float32, n)
			quant.Dequantize(want, typ, src)
			for _, l := range isa.Levels() {
				got := make([]float32, n)
				tiles.NumbersAt(l, got, typ, src)
				same(t, fmt.Sprintf("%v: %d blocks of %v", l, blocks, typ), got, want)
			}
		}
	}
}
