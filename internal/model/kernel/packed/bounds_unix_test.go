//go:build unix

package packed_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
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

// bytes returns n of them, at the end of the fence or at its beginning.
func (f fence) bytes(n int, atEnd bool) []byte {
	if atEnd {
		return f[len(f)-n:]
	}
	return f[:n:n]
}

// floats is bytes for numbers.
func (f fence) floats(n int, atEnd bool) []float32 {
	if n == 0 {
		return nil
	}
	b := f.bytes(4*n, atEnd)
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n) // aligned: a page's size is a multiple of 4
}

// TestBounds puts every argument next to memory that cannot be touched, before
// and behind it, for every height of a tile and number of panels: assembly that
// reads or writes too far faults.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	native, panels, xs, outs := newFence(t, 1<<18), newFence(t, 1<<18), newFence(t, 1<<17), newFence(t, 1<<16)
	inner := [2]fence{newFence(t, 1<<17), newFence(t, packed.ScratchBytes)}
	for _, q := range types {
		elements, _ := q.Block()
		for T := 1; T <= 50; T++ {
			for _, R := range []int{1, 15, 16, 17, 32, 33, 65} {
				if T > 26 && (R+T)%3 != 0 {
					continue
				}
				atEnd, K := r.IntN(2) == 0, elements*(1+r.IntN(2))
				data := weights(r, q, R, K, true)
				src := native.bytes(len(data), atEnd)
				copy(src, data)
				dst := panels.bytes((R+packed.Lanes-1)/packed.Lanes*packed.PanelSize(q, K), atEnd)
				packAll(dst, q, src, R, K)
				x := xs.floats(T*K, atEnd)
				copy(x, numbers(r, T*K, true))
				out := outs.floats((T-1)*(R+1)+R, atEnd)
				bounds(t, q, inner, atEnd, out, dst, x, T, R, K)
			}
		}
	}
}

func packAll(dst []byte, q quant.Type, src []byte, R, K int) {
	size, row := packed.PanelSize(q, K), q.Size(K)
	for n := 0; n < R; n += packed.Lanes {
		rows := min(packed.Lanes, R-n)
		for _, l := range isa.Levels() {
			packed.PackAt(l, dst[:size:size], q, src[n*row:(n+rows)*row:(n+rows)*row], rows, K)
		}
		dst = dst[size:]
	}
}

// bounds multiplies at every level, with tiles and scratch that lie in fences, too.
func bounds(t *testing.T, q quant.Type, inner [2]fence, atEnd bool, out []float32, panels []byte, x []float32, T, R, K int) {
	t.Helper()
	var probe packed.Activations
	probe.Resize(T, K, packed.GroupOf(q))
	size := 0
	for i := range probe.Tiles() {
		size += len(packed.TileBytes(&probe, i))
	}
	memory := inner[0].bytes(size, atEnd)
	a := packed.ActivationsIn(memory, T, K, packed.GroupOf(q))
	if unsafe.SliceData(packed.TileBytes(a, 0)) != unsafe.SliceData(memory) {
		t.Fatal("the tiles are not in the fence")
	}
	scratch := inner[1].bytes(packed.ScratchBytes, atEnd)
	for _, l := range isa.Levels() {
		for i := range a.Tiles() {
			packed.QuantizeAt(l, a, i, x)
		}
		for i := range a.Tiles() {
			first, n := a.Tile(i)
			from := first * (R + 1)
			to := from + (n-1)*(R+1) + R
			packed.MultiplyAt(l, out[from:to:to], R+1, R, q, panels, a, i)
		}
		packed.MultiplyTilesAt(l, out, R+1, R, q, panels, a, 0, a.Tiles(), scratch)
	}
}
