package floats_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestPack packs bytes of all kinds: every number of rows and every length
// around the vectors.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, typ := range types {
		size := 2
		if typ == quant.F32 {
			size = 4
		}
		for cols := range 101 {
			for _, n := range []int{0, 1, 7, 15, 16} {
				checkPack(t, r, typ, size, n, cols)
			}
		}
		checkPack(t, r, typ, size, 16, 4200) // more than one call of assembly
	}
}

func checkPack(t *testing.T, r *rand.Rand, typ quant.Type, size, n, cols int) {
	t.Helper()
	src := noise(r, n*cols*size)
	want := make([]byte, floats.PanelSize(typ, cols))
	for row := range n {
		for k := range cols {
			copy(want[(k*floats.Lanes+row)*size:], src[(row*cols+k)*size:][:size])
		}
	}
	for _, level := range isa.Levels() {
		got := noise(r, len(want)+1)
		last := got[len(want)]
		floats.PackAt(level, got, typ, src, n, cols)
		if !bytes.Equal(got[:len(want)], want) || got[len(want)] != last {
			t.Fatalf("%v: Pack(%v, %d rows, %d columns) differs", level, typ, n, cols)
		}
	}
}

// noise returns n random bytes.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestWiden compares all numbers of 2 bytes, and every length around the
// vectors, with package quant.
func TestWiden(t *testing.T) {
	var all []byte
	for i := range 1<<16 + 50 { // more than one call of assembly
		all = binary.LittleEndian.AppendUint16(all, uint16(i))
	}
	for _, level := range isa.Levels() {
		for _, typ := range types {
			size := 2
			if typ == quant.F32 {
				size = 4
			}
			for n := range 70 {
				checkWiden(t, level, typ, all[0x7c00*2-20:][:n*size])
			}
			checkWiden(t, level, typ, all)
		}
	}
}

func checkWiden(t *testing.T, level isa.Level, typ quant.Type, src []byte) {
	t.Helper()
	size := 2
	if typ == quant.F32 {
		size = 4
	}
	n := len(src) / size
	got := make([]float32, n+1)
	got[n] = 42
	floats.WidenAt(level, got[:n], typ, src)
	for i := range n {
		want := uint32(0)
		switch typ {
		case quant.F32:
			want = binary.LittleEndian.Uint32(src[4*i:])
		case quant.F16:
			want = math.Float32bits(quant.FromF16(binary.LittleEndian.Uint16(src[2*i:])))
		case quant.BF16:
			want = uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16
		}
		if math.Float32bits(got[i]) != want {
			t.Fatalf("%v: Widen(%v): number %d of %d is %#x, want %#x", level, typ, i, n, math.Float32bits(got[i]), want)
		}
	}
	if got[n] != 42 {
		t.Fatalf("%v: Widen(%v) of %d numbers writes more", level, typ, n)
	}
}

// TestNarrow compares with package quant: every length around the vectors, and
// each number of 2 bytes with what lies half way to the next, a little less and
// a little more.
func TestNarrow(t *testing.T) {
	var near []float32
	for i := range 1 << 16 {
		for _, bits := range []uint32{math.Float32bits(quant.FromF16(uint16(i))), uint32(i) << 16} {
			for _, d := range []uint32{0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 1<<22 + 1} {
				near = append(near, math.Float32frombits(bits+d))
			}
		}
	}
	for _, level := range isa.Levels() {
		for _, typ := range types {
			for n := range 70 {
				checkNarrow(t, level, typ, near[len(near)/4:][:n])
			}
			checkNarrow(t, level, typ, near)
		}
	}
}

func checkNarrow(t *testing.T, level isa.Level, typ quant.Type, src []float32) {
	t.Helper()
	var want []byte
	for _, v := range src {
		switch typ {
		case quant.F32:
			want = binary.LittleEndian.AppendUint32(want, math.Float32bits(v))
		case quant.F16:
			want = binary.LittleEndian.AppendUint16(want, quant.ToF16(v))
		case quant.BF16:
			want = binary.LittleEndian.AppendUint16(want, quant.ToBF16(v))
		}
	}
	got := make([]byte, len(want)+1)
	got[len(want)] = 42
	floats.NarrowAt(level, got[:len(want)], typ, src)
	if !bytes.Equal(got[:len(want)], want) || got[len(want)] != 42 {
		t.Fatalf("%v: Narrow(%v) of %d numbers differs", level, typ, len(src))
	}
}

// TestPanelPanics holds functions to what they refuse.
func TestPanelPanics(t *testing.T) {
	w, x, sum := make([]byte, 4*16*8), make([]float32, 16), make([]float64, 32)
	good := floats.Packed(quant.F32, 1, 2, 8)
	floats.AddProducts(sum, w, x, good)
	for name, f := range map[string]func(){
		"type":     func() { floats.PanelSize(quant.Q8_0, 32) },
		"rows":     func() { floats.Pack(w, quant.F32, w, 17, 1) },
		"src":      func() { floats.Pack(w, quant.F32, w[:7], 2, 1) },
		"w":        func() { floats.AddProducts(sum, w[1:], x, good) },
		"x":        func() { floats.AddProducts(sum, w, x[1:], good) },
		"sum":      func() { floats.AddProducts(sum[1:], w, x, good) },
		"negative": func() { s := good; s.XStride = -1; floats.AddProducts(sum, w, x, s) },
		"overlap":  func() { s := good; s.OutStride = 15; floats.AddProducts(sum, w, x, s) },
		"sums": func() {
			floats.Multiply(x, make([]byte, 64<<10), make([]float32, 1024), floats.Packed(quant.F32, 1, 1, 1024), nil)
		},
		"narrow": func() { floats.Narrow(w[:31], quant.F16, x) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// BenchmarkConvert measures packing and conversions of 16 rows of 4096 numbers;
// the bytes are those read and written.
func BenchmarkConvert(b *testing.B) {
	const cols = 4096
	x := random(rand.New(rand.NewPCG(1, 2)), floats.Lanes*cols)
	for _, level := range isa.Levels() {
		for _, typ := range types {
			data, _ := encode(typ, x)
			panel := make([]byte, len(data))
			run := func(name string, bytes int, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%v", name, level, typ), func(b *testing.B) {
					b.SetBytes(int64(bytes))
					for b.Loop() {
						f()
					}
				})
			}
			run("pack", 2*len(data), func() { floats.PackAt(level, panel, typ, data, floats.Lanes, cols) })
			run("widen", len(data)+4*len(x), func() { floats.WidenAt(level, x, typ, data) })
			run("narrow", len(data)+4*len(x), func() { floats.NarrowAt(level, data, typ, x) })
		}
	}
}
