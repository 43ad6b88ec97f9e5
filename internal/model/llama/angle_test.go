package llama_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// TestAngles compares with package math, and the bits with those that amd64 has:
// every processor must have them.
func TestAngles(t *testing.T) {
	h := sha256.New()
	for _, base := range []float64{1.5, 10000, 500000, 1e6, 1e12} {
		for _, n := range []int{1, 2, 7, 64, 128} {
			powers := llama.Roots(base, n)
			binary.Write(h, binary.LittleEndian, powers)
			for i, got := range powers {
				if want := math.Pow(base, -float64(i)/float64(n)); math.Abs(got-want) > 4e-15*want {
					t.Errorf("%v^(-%d/%d) is %v, want %v", base, i, n, got, want)
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		x := float64(r.IntN(1<<20)) * float64(r.IntN(1<<30)) * 0x1p-30
		sin, cos := llama.Sincos(x)
		binary.Write(h, binary.LittleEndian, [2]float64{sin, cos})
		if s, c := math.Sincos(x); math.Abs(s-sin) > 2.3e-16 || math.Abs(c-cos) > 2.3e-16 {
			t.Fatalf("sine and cosine of %v are %v and %v, want %v and %v", x, sin, cos, s, c)
		}
		x += 0x1p-30
		l := llama.Logarithm(x)
		binary.Write(h, binary.LittleEndian, l)
		if want := math.Log(x); math.Abs(l-want) > 1e-15*math.Abs(want) {
			t.Fatalf("the logarithm of %v is %v, want %v", x, l, want)
		}
	}
	const want = "09fde1eb1f2a567dac64c277ff3dbacd"
	if got := hex.EncodeToString(h.Sum(nil)[:16]); got != want {
		t.Errorf("the digest of all is %q, want %q", got, want)
	}
}

// TestLargeAngles shows that angles no text reaches have sines and cosines, too.
func TestLargeAngles(t *testing.T) {
	for _, x := range []float64{0, 1<<27 - 1, 1 << 27, 1e18, math.MaxFloat64} {
		s, c := llama.Sincos(x)
		if math.Abs(math.Hypot(s, c)-1) > 1e-15 {
			t.Errorf("sine and cosine of %v are %v and %v", x, s, c)
		}
	}
	if s, c := llama.Sincos(math.Inf(1)); s == s || c == c {
		t.Errorf("sine and cosine of an infinity are %v and %v", s, c)
	}
}
