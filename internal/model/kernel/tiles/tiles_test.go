package tiles_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
)

// shapes are all numbers of rows that the assembly takes at a time and some more,
// with panels and lengths around what it does at a time.
func shapes(visit func(s tiles.Shape)) {
	for M := 1; M <= 30; M++ {
		for _, panels := range []int{1, 2, 3, 5} {
			for _, K := range []int{0, 1, 2, 3, 9} {
				s := tiles.Shape{M: M, Panels: panels, K: K, AStride: K + M%3, OutStride: panels*tiles.Lanes + M%2, Add: (M+K)%2 == 0}
				visit(s)
			}
		}
	}
	visit(tiles.Shape{M: 14, Panels: 3, K: tiles.Run, AStride: tiles.Run, OutStride: 3 * tiles.Lanes})
}

// TestFloats compares every level with the definition, by sums in another
// implementation: one element at a time.
func TestFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes(func(s tiles.Shape) {
		a, b, out := wild(r, s.M*s.AStride+s.K), wild(r, s.Panels*s.K*tiles.Lanes), wild(r, s.M*s.OutStride+s.Panels*tiles.Lanes)
		want := append([]float32(nil), out...)
		elements(s, func(m, p, lane int) {
			sum := float32(0)
			for k := range s.K {
				product := float32(a[m*s.AStride+k] * b[(p*s.K+k)*tiles.Lanes+lane])
				sum = float32(sum + product)
			}
			to := &want[m*s.OutStride+p*tiles.Lanes+lane]
			if s.Add {
				sum = float32(*to + sum)
			}
			*to = sum
		})
		for _, l := range isa.Levels() {
			got := append([]float32(nil), out...)
			tiles.FloatsAt(l, got, a, b, s)
			same(t, fmt.Sprintf("%v: Floats %+v", l, s), got, want)
		}
	})
}

// TestPairs compares every level with sums that are exact before they are rounded.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	shapes(func(s tiles.Shape) {
		out := wild(r, s.M*s.OutStride+s.Panels*tiles.Lanes)
		a, b := wildPairs(r, s.M*s.AStride+s.K), wildPairs(r, s.Panels*s.K*tiles.Lanes)
		want := append([]float32(nil), out...)
		elements(s, func(m, p, lane int) {
			sum := float32(0)
			for k := range s.K {
				x, y := a[m*s.AStride+k], b[(p*s.K+k)*tiles.Lanes+lane]
				sum = fused(sum, x&0xffff0000, y&0xffff0000)
				sum = fused(sum, x<<16, y<<16)
			}
			to := &want[m*s.OutStride+p*tiles.Lanes+lane]
			if s.Add {
				sum = float32(*to + sum)
			}
			*to = sum
		})
		for _, l := range isa.Levels() {
			got := append([]float32(nil), out...)
			tiles.PairsAt(l, got, a, b, s)
			same(t, fmt.Sprintf("%v: Pairs %+v", l, s), got, want)
		}
	})
}

func elements(s tiles.Shape, visit func(m, p, lane int)) {
	for m := range s.M {
		for p := range s.Panels {
			for lane := range tiles.Lanes {
				visit(m, p, lane)
			}
		}
	}
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		g, w := math.Float32bits(got[i]), math.Float32bits(want[i])
		if g != w && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: number %d is %v (%#x), want %v (%#x)", what, i, got[i], g, want[i], w)
		}
	}
}

// wild returns numbers of all magnitudes, denormal ones, infinities and NaNs among
// them now and then.
func wild(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	all := r.IntN(4) == 0
	for i := range x {
		switch {
		case all && r.IntN(50) == 0:
			x[i] = math.Float32frombits(r.Uint32())
		case all:
			x[i] = math.Float32frombits(r.Uint32()&^(1<<30) | 1<<29)
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

// wildPairs returns pairs of numbers whose products are often around the smallest
// normal number.
func wildPairs(r *rand.Rand, n int) []uint32 {
	x := make([]uint32, n)
	kind := r.IntN(4)
	for i := range x {
		for h := range 2 {
			var bits uint32
			switch {
			case kind == 0 && r.IntN(50) == 0:
				bits = r.Uint32()
			case kind < 2:
				bits = math.Float32bits(float32(r.NormFloat64()))
			default: // exponents 55 to 70: products around 2^-126
				bits = r.Uint32()&0x807f0000 | (55+r.Uint32N(16))<<23
			}
			x[i] |= bits >> 16 << (16 * h)
		}
	}
	return x
}

// fused returns sum plus the product of the numbers of these bits, rounded once,
// with denormals as zeros.
func fused(sum float32, a, b uint32) float32 {
	x, y := float64(flush(math.Float32frombits(a))), float64(flush(math.Float32frombits(b)))
	near := x*y + float64(sum)
	if near == 0 || math.IsInf(near, 0) || near != near {
		return float32(near)
	}
	exact := new(big.Float).SetPrec(1000).SetFloat64(x * y)
	exact.Add(exact, new(big.Float).SetFloat64(float64(sum)))
	// What 24 bits make less than the smallest normal number is none.
	if small, _ := new(big.Float).SetPrec(24).Set(exact).Float64(); math.Abs(small) < 0x1p-126 {
		return float32(math.Copysign(0, small))
	}
	f, _ := exact.Float32()
	return f
}

func flush(f float32) float32 {
	if math.Abs(float64(f)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(f)))
	}
	return f
}

// TestDigest compares a digest of products at every level with the one written
// down, which every processor must have.
func TestDigest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s := tiles.Shape{M: 29, Panels: 5, K: 200, AStride: 200, OutStride: 80, Add: true}
	a, b := whole(r, s.M*s.K), whole(r, s.Panels*s.K*tiles.Lanes)
	pa, pb := make([]uint32, len(a)/2), make([]uint32, len(b)/2)
	tiles.PairRow(pa, a)
	tiles.PairRow(pb, b)
	half := s
	half.K, half.AStride = 100, 100
	for _, l := range isa.Levels() {
		out := make([]float32, s.M*s.OutStride)
		tiles.FloatsAt(l, out, a, b, s)
		digest(t, l, out, "6bf54a900f8d36e0af2b7447a1bc3a94")
		clear(out)
		tiles.PairsAt(l, out, pa, pb, half)
		digest(t, l, out, "617694a86ebedb79062a9192b735bd95")
	}
}

// whole returns whole numbers times powers of two, which every processor makes
// alike.
func whole(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(1<<20)-1<<19) * float32(math.Ldexp(1, -r.IntN(24)))
	}
	return x
}

func digest(t *testing.T, l isa.Level, out []float32, want string) {
	t.Helper()
	h := sha256.New()
	for _, v := range out {
		if v != v {
			t.Fatalf("%v: a result is not a number", l)
		}
		binary.Write(h, binary.LittleEndian, v)
	}
	if got := hex.EncodeToString(h.Sum(nil)[:16]); got != want {
		t.Errorf("%v: the digest is %q, want %q", l, got, want)
	}
}
