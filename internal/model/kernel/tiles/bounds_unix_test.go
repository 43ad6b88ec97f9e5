//go:build unix

package tiles_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// fence is memory between two pages that cannot be touched.
type fence []byte

func newFence(t *testing.T, size int) fence {
	t.Helper()
	page := syscall.Getpagesize()
	size = (size + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, p := range [][]byte{all[:page], all[page+size:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return fence(all[page : page+size])
}

// words returns n of them, at the end of the fence or at its beginning, which are
// zeros.
func words[W tiles.Word](f fence, n int, atEnd bool) []W {
	if n == 0 {
		return nil
	}
	b := f[:4*n]
	if atEnd {
		b = f[len(f)-4*n:]
	}
	clear(b)
	return unsafe.Slice((*W)(unsafe.Pointer(&b[0])), n) // aligned: a page's size is a multiple of 4
}

// TestBounds puts what functions read and write next to memory that cannot be
// touched, before and behind: assembly that goes too far faults. What is asked for
// ahead may lie anywhere.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	a, b, c := newFence(t, 1<<17), newFence(t, 1<<17), newFence(t, 1<<17)
	for M := 1; M <= 30; M++ {
		for panels := 1; panels <= 4; panels++ {
			for _, l := range isa.Levels() {
				atEnd, K := r.IntN(2) == 0, 1+r.IntN(40)
				s := tiles.Shape{M: M, Panels: panels, K: K, AStride: K + r.IntN(3), OutStride: panels*tiles.Lanes + r.IntN(3), Add: r.IntN(2) == 0}
				out := words[float32](a, (M-1)*s.OutStride+panels*tiles.Lanes, atEnd)
				tiles.FloatsAt(l, out, words[float32](b, (M-1)*s.AStride+K, atEnd), words[float32](c, panels*K*tiles.Lanes, atEnd), s)
				s.Next, s.NextStride, s.NextStep = out[len(out):], 1<<20, 1<<20
				tiles.PairsAt(l, out, words[uint32](b, (M-1)*s.AStride+K, atEnd), words[uint32](c, panels*K*tiles.Lanes, atEnd), s)
			}
		}
	}
	for n := 1; n < 100; n++ {
		for _, l := range isa.Levels() {
			atEnd, rows := r.IntN(2) == 0, 1+r.IntN(40)
			tiles.TransposeAt(l, words[uint32](a, n*rows, atEnd), words[uint32](b, n*rows, atEnd), rows, n, rows, n)
			padded := (n + tiles.Lanes - 1) / tiles.Lanes * tiles.Lanes
			tiles.SpreadAt(l, words[float32](a, padded, atEnd), words[float32](b, n, atEnd), tiles.Lanes, 1<<20)
			tiles.SpreadPairsAt(l, words[uint32](a, padded, atEnd), words[float32](b, n, atEnd), words[float32](c, n, atEnd), tiles.Lanes, 1<<20)
			tiles.SpreadHalvesAt(l, words[uint32](a, padded, atEnd), bytesOf(b, 2*n, atEnd), bytesOf(c, 2*n, atEnd), tiles.Lanes, 1<<20)
			tiles.PairRowAt(l, words[uint32](a, (n+1)/2, atEnd), words[float32](b, n, atEnd))
			for _, f := range quant.Types() {
				if elements, _ := f.Block(); elements == 1 || n < 20 {
					tiles.NumbersAt(l, words[float32](a, n*elements, atEnd), f, bytesOf(b, f.Size(n*elements), atEnd))
				}
			}
		}
	}
}

func bytesOf(f fence, n int, atEnd bool) []byte {
	if atEnd {
		return f[len(f)-n:]
	}
	return f[:n:n]
}

// FuzzTiles compares every level with portable Go, on any shape and numbers.
func FuzzTiles(f *testing.F) {
	f.Add(uint8(3), uint8(2), uint8(9), uint64(1), true)
	f.Add(uint8(29), uint8(5), uint8(200), uint64(2), false)
	f.Fuzz(func(t *testing.T, M, panels, K uint8, seed uint64, add bool) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := tiles.Shape{M: 1 + int(M)%40, Panels: 1 + int(panels)%6, K: int(K), AStride: int(K), Add: add}
		s.OutStride = s.Panels * tiles.Lanes
		start := wild(r, s.M*s.OutStride)
		a, b := wild(r, s.M*s.K), wild(r, s.Panels*s.K*tiles.Lanes)
		pa, pb := wildPairs(r, len(a)), wildPairs(r, len(b))
		var floats, pairs []float32
		for i, l := range isa.Levels() {
			got, other := append([]float32(nil), start...), append([]float32(nil), start...)
			tiles.FloatsAt(l, got, a, b, s)
			tiles.PairsAt(l, other, pa, pb, s)
			if i == 0 {
				floats, pairs = got, other
			}
			same(t, l.String()+": Floats", got, floats)
			same(t, l.String()+": Pairs", other, pairs)
		}
	})
}
