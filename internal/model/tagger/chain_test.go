package tagger_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/tagger"
)

// sequences calls give with every sequence of n tags that may be, and its score.
func sequences(n, K int, start, between, scores []float32, give func(tags []int, score float64)) {
	tags := make([]int, n)
	var fill func(i int, score float64)
	fill = func(i int, score float64) {
		if i == n {
			give(tags, score)
			return
		}
		for b := range K {
			before, s := -1, float64(start[b])
			if i > 0 {
				before, s = tags[i-1], float64(between[tags[i-1]*K+b])
			}
			if !tagger.Follows(before, b) {
				continue
			}
			tags[i] = b
			fill(i+1, score+s+float64(scores[i*K+b]))
		}
	}
	fill(0, 0)
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(2 * r.NormFloat64())
	}
	return x
}

// TestChain compares sums, best tags and probabilities of spans with those over
// all sequences, one by one.
func TestChain(t *testing.T) {
	const n, labels, K = 5, 2, 5
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		start, between, scores := random(r, K), random(r, K*K), random(r, n*K)
		c := tagger.NewChain(K, start, between)
		sum, top := 0., math.Inf(-1)
		var best []int
		sequences(n, K, start, between, scores, func(tags []int, score float64) {
			sum += math.Exp(score)
			if score > top {
				top, best = score, append([]int(nil), tags...)
			}
		})
		if got := c.Total(scores); math.Abs(got-math.Log(sum)) > 1e-9 {
			t.Errorf("seed %d: total %v, want %v", seed, got, math.Log(sum))
		}
		for first := range n {
			for last := first; last < n; last++ {
				for label := range labels {
					want := 0.
					sequences(n, K, start, between, scores, func(tags []int, score float64) {
						is := tags[first] == 1+2*label && (last == n-1 || tags[last+1] != 2+2*label)
						for i := first + 1; i <= last; i++ {
							is = is && tags[i] == 2+2*label
						}
						if is {
							want += math.Exp(score) / sum
						}
					})
					if got := c.SpanP(first, last, label); math.Abs(got-want) > 1e-9 {
						t.Errorf("seed %d: span %d to %d, label %d has %v, want %v", seed, first, last, label, got, want)
					}
				}
			}
		}
		if diff := cmp.Diff(best, c.Best(scores)); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// TestChainGradient compares gradients with central differences.
func TestChainGradient(t *testing.T) {
	const n, K = 4, 5
	r := rand.New(rand.NewPCG(3, 3))
	start, between, scores := random(r, K), random(r, K*K), random(r, n*K)
	tags := []int{0, 1, 2, 3}
	value := func() float64 {
		return tagger.NewChain(K, start, between).Gradient(append([]float32(nil), scores...), tags, make([]float64, K), make([]float64, K*K))
	}
	dScores, dStart, dBetween := append([]float32(nil), scores...), make([]float64, K), make([]float64, K*K)
	tagger.NewChain(K, start, between).Gradient(dScores, tags, dStart, dBetween)
	check := func(name string, at *float32, got float64) {
		t.Helper()
		const step = 1e-2
		old := *at
		*at = old + step
		up := value()
		*at = old - step
		down := value()
		*at = old
		if want := (up - down) / (2 * step); math.Abs(got-want) > 1e-3 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for i := range scores {
		check("score", &scores[i], float64(dScores[i]))
	}
	for i := range start {
		check("start", &start[i], dStart[i])
	}
	for i := range between {
		check("between", &between[i], dBetween[i])
	}
}

// TestChainExtremes wants numbers however far scores are apart.
func TestChainExtremes(t *testing.T) {
	const n, K = 6, 3
	scores := make([]float32, n*K)
	for i := range n {
		scores[i*K+2] = 1e6 // an inside that nothing may precede
	}
	c := tagger.NewChain(K, make([]float32, K), make([]float32, K*K))
	if v := c.Total(scores); math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("total %v", v)
	}
	if p := c.SpanP(0, n-1, 0); math.IsNaN(p) || p < .999 {
		t.Errorf("the one likely span has %v", p)
	}
}
