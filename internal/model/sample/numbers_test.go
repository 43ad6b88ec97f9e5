package sample_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

// TestPhilox has the vectors that the authors of Philox publish with it.
func TestPhilox(t *testing.T) {
	ones := uint32(math.MaxUint32)
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := sample.Philox(c.counter, c.key); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// TestRandomIsFrozen fails if a seed gives other numbers than it did in the
// first release. They come from another program than ours.
func TestRandomIsFrozen(t *testing.T) {
	for _, c := range []struct {
		seed, index uint64
		want        float64
	}{
		{0, 0, float64(0xe169c58d6627e8d5>>11) / (1 << 53)}, // of the first vector above
		{0, 0, 0x1.c2d38b1acc4fdp-1},
		{0, 1, 0x1.72c8036fe3932p-2},
		{1, 0, 0x1.ca141d79c7d00p-1},
		{42, 7, 0x1.a1e132156ef60p-2},
		{0xffffffffffffffff, 1 << 40, 0x1.cf0a1b368e051p-1},
		{0x0123456789abcdef, 0xfedcba9876543210, 0x1.b14521f858074p-1},
	} {
		if got := sample.Random(c.seed, c.index); got != c.want {
			t.Errorf("Random(%d, %d) = %v, want %v", c.seed, c.index, got, c.want)
		}
	}
}

// TestExp compares with a sum of the series in 200 bits.
func TestExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := -rapid.OneOf(rapid.Float64Range(0, 1), rapid.Float64Range(0, 40), rapid.Float64Range(0, 707)).Draw(t, "x")
		got := sample.Exp(x)
		want := exactExp(x)
		ulp := math.Nextafter(got, math.Inf(1)) - got
		diff, _ := new(big.Float).Sub(want, big.NewFloat(got)).Float64()
		if math.Abs(diff) > 1.5*ulp {
			t.Fatalf("Exp(%v) = %v, off by %v units in the last place", x, got, diff/ulp)
		}
	})
	for _, x := range []float64{-708, -709, -1e300, math.Inf(-1)} {
		if got := sample.Exp(x); got != 0 {
			t.Errorf("Exp(%v) = %v, want 0", x, got)
		}
	}
	if sample.Exp(0) != 1 {
		t.Errorf("Exp(0) = %v, want 1", sample.Exp(0))
	}
}

// exactExp sums the series of x/1024 and squares it ten times.
func exactExp(x float64) *big.Float {
	const bits = 200
	small := new(big.Float).SetPrec(bits).SetMantExp(big.NewFloat(x), -10)
	sum, term := big.NewFloat(1).SetPrec(bits), big.NewFloat(1).SetPrec(bits)
	for n := 1; n < 60; n++ {
		term.Mul(term, small)
		term.Quo(term, new(big.Float).SetPrec(bits).SetInt64(int64(n)))
		sum.Add(sum, term)
	}
	for range 10 {
		sum.Mul(sum, sum)
	}
	return sum
}

func TestLogSumExp(t *testing.T) {
	got, err := sample.LogSumExp([]float32{1, 1, float32(math.Inf(-1)), 1, 1})
	if want := 1 + math.Log(4); err != nil || math.Abs(got-want) > 1e-15 {
		t.Errorf("LogSumExp = %v, %v, want %v", got, err, want)
	}
}
