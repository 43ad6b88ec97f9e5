package packed_test

import (
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestTiles compares products with many tiles at a time with those of the
// portable code, bit by bit, in one and more slabs of columns.
func TestTiles(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	scratch := make([]byte, packed.ScratchBytes)
	for _, q := range types {
		for n, T := range []int{36, 37, 145, 168, 61, 150} {
			K := 256 * (1 + r.IntN(3))
			if n == 5 {
				K = 4096 + 512
			}
			R := 1 + r.IntN(150)
			panels := pack(q, weights(r, q, R, K, true), R, K)
			x := numbers(r, T*K, true)
			a := quantized(isa.Generic, q, x, T, K)
			want := product(t, isa.Generic, q, panels, a, T, R)
			for _, l := range isa.Levels() {
				out := make([]float32, T*(R+1))
				for i := range out {
					out[i] = untouched
				}
				from := r.IntN(2)
				first, _ := a.Tile(from)
				packed.MultiplyTilesAt(l, out[first*(R+1):], R+1, R, q, panels, a, from, a.Tiles(), scratch)
				for i, v := range out {
					j, c := i/(R+1), i%(R+1)
					want := append(want[j*R:(j+1)*R:(j+1)*R], untouched)[c]
					if j < first {
						want = untouched
					}
					if !same(v, want) {
						t.Fatalf("%v %v T=%d K=%d R=%d: result %d, %d = %g, want %g", l, q, T, K, R, j, c, v, want)
					}
				}
			}
		}
	}
}

// TestEachTile shows that MultiplyTiles gives what Multiply gives.
func TestEachTile(t *testing.T) {
	const T, K, R = 50, 512, 70
	r := rand.New(rand.NewPCG(9, 8))
	panels := pack(quant.Q6_K, weights(r, quant.Q6_K, R, K, false), R, K)
	a := quantized(isa.Chosen(), quant.Q6_K, numbers(r, T*K, false), T, K)
	want := product(t, isa.Chosen(), quant.Q6_K, panels, a, T, R)
	scratch := make([]byte, packed.ScratchBytes)
	for from := range a.Tiles() {
		first, _ := a.Tile(from)
		out := make([]float32, (T-first)*R)
		packed.MultiplyTiles(out, R, R, quant.Q6_K, panels, a, from, a.Tiles(), scratch)
		for i, v := range out {
			if !same(v, want[first*R+i]) {
				t.Fatalf("from tile %d: result %d = %g, want %g", from, i, v, want[first*R+i])
			}
		}
	}
}
