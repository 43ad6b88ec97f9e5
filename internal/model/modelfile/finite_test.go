package modelfile_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestCheckFinite: for any bytes of any format, CheckFinite says what the numbers
// in them say.
func TestCheckFinite(t *testing.T) {
	for _, kind := range quant.Types() {
		elements, size := kind.Block()
		t.Run(kind.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
				blocks := rapid.IntRange(1, 9).Draw(t, "blocks")
				data := make([]byte, blocks*size)
				for i := range data {
					data[i] = byte(r.Uint32())
				}
				x := make([]float32, blocks*elements)
				quant.Dequantize(x, kind, data)
				first := slices.IndexFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
				m := &modelfile.Model{Tensors: []*modelfile.Tensor{{Name: "odd one", Type: kind, Shape: []int{len(x)}, Data: data}}}
				err := m.CheckFinite(nil)
				if (err != nil) != (first >= 0) {
					t.Fatalf("error %v, but the first number that is not finite is %d of %d", err, first, len(x))
				}
				if want := fmt.Sprintf(" %d ", first/elements*elements); err != nil && !(strings.Contains(err.Error(), `"odd one"`) && strings.Contains(err.Error(), want)) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			})
		})
	}
}

// TestScales breaks each scale of a block alone.
func TestScales(t *testing.T) {
	for _, kind := range quant.Types() {
		elements, size := kind.Block()
		good := make([]byte, 3*size)
		for at := size; at < 2*size-1; at += 2 {
			for _, bad := range [][2]byte{{0x00, 0x7c}, {0x00, 0xfc}, {0x01, 0x7e}, {0x80, 0x7f}, {0x80, 0xff}} {
				data := slices.Clone(good)
				copy(data[at:], bad[:])
				x := make([]float32, 3*elements)
				quant.Dequantize(x, kind, data)
				want := slices.ContainsFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
				m := &modelfile.Model{Tensors: []*modelfile.Tensor{{Name: "w", Type: kind, Shape: []int{len(x)}, Data: data}}}
				// A scale of infinity makes no number of its block infinite where all
				// integers are 0, but is no less wrong.
				if err := m.CheckFinite(nil); want && err == nil {
					t.Errorf("%v: bytes %x at %d of a block are not seen", kind, bad, at-size)
				}
			}
		}
	}
}

func TestCheckFiniteNames(t *testing.T) {
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q8_0} {
		o := modeltest.Options{Type: kind, Edit: func(all []gguf.Tensor) []gguf.Tensor {
			for i := range all {
				if all[i].Name == "blk.1.ffn_up.weight" {
					for b := range all[i].Data {
						all[i].Data[b] = 0xff
					}
				}
			}
			return all
		}}
		m := tiny(t, o)
		calls := 0
		err := m.CheckFinite(func(done, total int64) {
			calls++
			if done > total || done <= 0 {
				t.Errorf("%d of %d bytes done", done, total)
			}
		})
		if err == nil || !strings.Contains(err.Error(), `"blk.1.ffn_up.weight"`) || calls == 0 {
			t.Errorf("%v: error %v after %d calls", kind, err, calls)
		}
	}
}

func TestChanged(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{Shards: 2})
	m := open(t, path)
	f, err := os.OpenFile(shard(path, 1, 2), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Changed(); err == nil || !strings.Contains(err.Error(), shard(path, 1, 2)) {
		t.Errorf("error %v, want one that names the second shard", err)
	}
}

func BenchmarkCheckFinite(b *testing.B) {
	for _, kind := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K} {
		b.Run(kind.String(), func(b *testing.B) {
			_, size := kind.Block()
			// More than caches hold, and written: pages of zeros would all be one.
			data := make([]byte, (256<<20)/size*size)
			for i := range data {
				data[i] = 1
			}
			m := &modelfile.Model{Tensors: []*modelfile.Tensor{{Name: "w", Type: kind, Data: data}}}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := m.CheckFinite(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
