package packed_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// FuzzLevels compares every set of instructions with the portable code on weights
// and activations of any bits: scales and activations that are infinite or no
// numbers among them.
func FuzzLevels(f *testing.F) {
	f.Add(uint8(0), uint8(1), uint8(1), uint8(1), uint64(1), []byte{0xff})
	f.Add(uint8(1), uint8(12), uint8(33), uint8(3), uint64(2), []byte{0, 0x80, 0x7f})
	f.Add(uint8(2), uint8(13), uint8(16), uint8(2), uint64(3), []byte{0xff, 0xff, 0xff, 0x3f})
	f.Add(uint8(3), uint8(7), uint8(17), uint8(1), uint64(4), []byte{0x01, 0, 0, 0})
	f.Add(uint8(4), uint8(30), uint8(5), uint8(2), uint64(5), []byte{0x80, 0x7b, 0xc3, 0x7f, 0x12})
	f.Fuzz(func(t *testing.T, kind, rows, outputs, blocks uint8, seed uint64, bits []byte) {
		q := types[int(kind)%len(types)]
		elements, _ := q.Block()
		T, R, K := 1+int(rows)%30, 1+int(outputs)%50, elements*(1+int(blocks)%4)
		r := rand.New(rand.NewPCG(seed, 1))
		data := weights(r, q, R, K, true)
		x := numbers(r, T*K, true)
		for i, b := range bits { // bits lie anywhere among the others
			data[r.IntN(len(data))] = b
			if i+4 <= len(bits) {
				x[r.IntN(len(x))] = math.Float32frombits(binary.LittleEndian.Uint32(bits[i:]))
			}
		}
		compareLevels(t, q, pack(q, data, R, K), x, T, K, R)
	})
}

// TestExtremes holds integer sums at their largest to float64: every weight and
// every scale at either end of what its bits can say, and every activation at 127
// of its group.
func TestExtremes(t *testing.T) {
	const K, R, T = 512, 18, 5
	for _, q := range types {
		for _, fill := range []byte{0x00, 0x7f, 0x80, 0xff} {
			data := weights(rand.New(rand.NewPCG(7, 8)), q, R, K, false)
			_, size := q.Block()
			for b := 0; b < len(data); b += size {
				for i := range size {
					if !scaleAt(q, i) {
						data[b+i] = fill
					}
				}
			}
			for _, alternate := range []float32{1, -1} {
				x := make([]float32, T*K)
				for i := range x {
					x[i] = 127
					if i%2 == 1 {
						x[i] *= alternate
					}
				}
				compareLevels(t, q, pack(q, data, R, K), x, T, K, R)
				compareExact(t, q, data, x, T, K, R)
			}
		}
	}
}

// scaleAt says whether a byte of a native block belongs to a float16 number.
func scaleAt(q quant.Type, i int) bool {
	for _, at := range scaleOffsets(q) {
		if i == at || i == at+1 {
			return true
		}
	}
	return false
}

// compareExact compares products with those of the same numbers in float64.
func compareExact(t *testing.T, q quant.Type, data []byte, x []float32, T, K, R int) {
	t.Helper()
	w := make([]float32, R*K)
	quant.Dequantize(w, q, data)
	y := rounded(q, x)
	got := product(t, isa.Generic, q, pack(q, data, R, K), quantized(isa.Generic, q, x, T, K), T, R)
	for i, v := range got {
		want, size := exact(w[i%R*K:][:K], y[i/R*K:][:K], q)
		if e := math.Abs(float64(v) - want); !(e <= size*4e-7*math.Sqrt(float64(K/32))) {
			t.Fatalf("%v T=%d K=%d R=%d: result %d = %g, want %g: off by %g, of %g", q, T, K, R, i, v, want, e, size)
		}
	}
}
