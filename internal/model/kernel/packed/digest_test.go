package packed_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// digests are of the results' bits as amd64 has them. Every processor must have
// the same.
var digests = map[quant.Type]string{
	quant.Q8_0: "8d7d0eef2a37aeba22aa88048700d5ab",
	quant.Q4_0: "7c9f88283980af70054b2ca37b7995fb",
	quant.Q4_K: "bd11a4548627ad30044b4e7a4d3fd76c",
	quant.Q5_K: "4428eaa96be3684aed19c45127999ac9",
	quant.Q6_K: "32dfbd86e93bda781527e2b7af9972ff",
}

// TestDigest compares a digest of products at every level with the one written
// down. What is multiplied are whole numbers times powers of two, which every
// processor makes alike.
func TestDigest(t *testing.T) {
	const K, R, T = 768, 40, 29
	for _, q := range types {
		r := rand.New(rand.NewPCG(11, 12))
		data := make([]byte, q.Size(R*K))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		_, size := q.Block()
		for b := 0; b < len(data); b += size {
			for _, at := range scaleOffsets(q) {
				binary.LittleEndian.PutUint16(data[b+at:], quant.ToF16(float32(r.IntN(2000)-1000)*0x1p-16))
			}
		}
		x := make([]float32, T*K)
		for i := range x {
			x[i] = float32(r.IntN(1<<20)-1<<19) * float32(math.Ldexp(1, -r.IntN(24)))
		}
		panels := pack(q, data, R, K)
		for _, l := range isa.Levels() {
			h := sha256.New()
			for _, v := range product(t, l, q, panels, quantized(l, q, x, T, K), T, R) {
				if v != v {
					t.Fatalf("%v %v: a result is not a number", l, q)
				}
				binary.Write(h, binary.LittleEndian, v)
			}
			if got := hex.EncodeToString(h.Sum(nil)[:16]); got != digests[q] {
				t.Errorf("%v %v: the digest is %q, want %q", l, q, got, digests[q])
			}
		}
	}
}

// TestMultiplyAllocates shows that no level takes memory for a product.
func TestMultiplyAllocates(t *testing.T) {
	const K, R = 256, 40
	r := rand.New(rand.NewPCG(1, 9))
	for _, l := range isa.Levels() {
		for _, q := range types {
			panels := pack(q, weights(r, q, R, K, false), R, K)
			for _, T := range []int{1, 3, 12} {
				x := numbers(r, T*K, false)
				a, out := quantized(l, q, x, T, K), make([]float32, T*R)
				if n := testing.AllocsPerRun(10, func() {
					packed.QuantizeAt(l, a, 0, x)
					packed.MultiplyAt(l, out, R, R, q, panels, a, 0)
				}); n != 0 {
					t.Errorf("%v %v: a product with %d rows allocates %v times", l, q, T, n)
				}
			}
		}
	}
}
