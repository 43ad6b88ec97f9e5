//go:build unix

package floats_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
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

// bytes returns n of them, at the end of the fence or at its beginning.
func (f fence) bytes(n int, atEnd bool) []byte {
	if atEnd {
		return f[len(f)-n:]
	}
	return f[:n:n]
}

// floats is bytes for numbers, with small values.
func (f fence) floats(n int, atEnd bool) []float32 {
	if n == 0 {
		return nil
	}
	b := f.bytes(4*n, atEnd)
	x := unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n) // aligned: a page's size is a multiple of 4
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	return x
}

// doubles is floats for float64.
func (f fence) doubles(n int, atEnd bool) []float64 {
	b := f.bytes(8*n, atEnd)
	clear(b)
	return unsafe.Slice((*float64)(unsafe.Pointer(&b[0])), n)
}

// TestVectorBounds puts vectors of every length next to memory that cannot be
// touched, before and behind them: assembly that reads or writes too far faults.
func TestVectorBounds(t *testing.T) {
	a, b, c := newFence(t, 4096), newFence(t, 4096), newFence(t, 4096)
	for _, atEnd := range []bool{true, false} {
		for n := range 200 {
			for _, l := range isa.Levels() {
				for _, f := range vectorFunctions {
					f(l, a.floats(n, atEnd), b.floats(n, atEnd), c.floats(n, atEnd))
				}
				for _, kind := range types {
					bytes := b.bytes(n*kind.Size(1), atEnd)
					floats.NarrowAt(l, bytes, kind, a.floats(n, atEnd))
					floats.WidenAt(l, a.floats(n, atEnd), kind, bytes)
				}
			}
		}
	}
}

// TestProductBounds does so for products, and for the panels that they read.
func TestProductBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	native, w, x, out, sums := newFence(t, 1<<18), newFence(t, 1<<18), newFence(t, 1<<15), newFence(t, 1<<15), newFence(t, 1<<16)
	for _, kind := range types {
		for T := 1; T <= 30; T++ {
			for panels := 1; panels <= 9; panels++ {
				atEnd, K := r.IntN(2) == 0, 1+r.IntN(130)
				s := floats.Packed(kind, panels, T, K)
				size := floats.PanelSize(kind, K)
				for _, l := range isa.Levels() {
					weights := w.bytes(panels*size, atEnd)
					for p := range panels {
						n := 1 + r.IntN(floats.Lanes)
						src := native.bytes(n*K*kind.Size(1), atEnd)
						floats.PackAt(l, weights[p*size:(p+1)*size:(p+1)*size], kind, src, n, K)
					}
					floats.AddProductsAt(l, sums.doubles(T*panels*floats.Lanes, atEnd), weights, x.floats(T*K, atEnd), s)
					floats.MultiplyAt(l, out.floats(T*panels*floats.Lanes, atEnd), weights, x.floats(T*K, atEnd), s, sums.doubles(T*panels*floats.Lanes, atEnd))
				}
			}
		}
	}
}

// TestAttentionBounds does so for what attention reads: pages lie in fences of
// their own.
func TestAttentionBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	var fences []fence
	for range floats.Block / floats.Lanes {
		fences = append(fences, newFence(t, 1<<15))
	}
	score, out, q, factor := newFence(t, 1<<14), newFence(t, 1<<15), newFence(t, 1<<15), newFence(t, 1<<12)
	top, total := newFence(t, 1<<12), newFence(t, 1<<12)
	for _, kind := range pageTypes {
		for R := 1; R <= 20; R++ {
			for _, D := range []int{1, 5, 16, 32, 64, 80, 128, 176} {
				atEnd, n := r.IntN(2) == 0, 1+r.IntN(len(fences))
				P := floats.Padded(kind, D)
				for _, l := range isa.Levels() {
					var keys, values [][]byte
					for _, f := range fences[:n] {
						keys = append(keys, f.bytes(floats.KeyPage(kind, D), atEnd))
						values = append(values, f.bytes(floats.ValuePage(kind, D), atEnd))
					}
					s := score.floats(R*floats.Block, atEnd)
					floats.ScoresAt(l, s, kind, keys, q.floats(R*D, atEnd), D, keys)
					floats.SoftmaxAt(l, s, n*floats.Lanes, 0.3, top.floats(R, atEnd), total.floats(R, atEnd), factor.floats(R, atEnd))
					from := r.IntN(n * floats.Lanes)
					to := from + 1 + r.IntN(n*floats.Lanes-from)
					floats.AddValuesAt(l, out.floats(R*P, atEnd), kind, values, P, s, from, to, factor.floats(R, atEnd), values)
				}
			}
		}
	}
}
