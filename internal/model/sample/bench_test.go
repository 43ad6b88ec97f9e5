package sample_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

// BenchmarkNext picks from logits like a language model's: a few high, the
// rest around zero; "flat" has no high ones.
func BenchmarkNext(b *testing.B) {
	const vocabulary = 128_256
	rng := rand.New(rand.NewPCG(1, 2))
	peaked, flat := make([]float32, vocabulary), make([]float32, vocabulary)
	for i := range peaked {
		flat[i] = float32(rng.NormFloat64())
		peaked[i] = 2 * flat[i]
	}
	for i := range 200 {
		peaked[rng.IntN(vocabulary)] = float32(16 - 2*math.Log(float64(i+1)))
	}
	penalised := sample.Options{Temperature: 0.6, TopP: 0.95, TopK: 40, RepetitionPenalty: 1.2, FrequencyPenalty: 0.1}
	for _, c := range []struct {
		name   string
		logits []float32
		o      sample.Options
	}{
		{"greedy", peaked, sample.Options{}},
		{"k40p95", peaked, sample.Options{Temperature: 0.6, TopP: 0.95, TopK: 40}},
		{"k40p95flat", flat, sample.Options{Temperature: 0.6, TopP: 0.95, TopK: 40}},
		{"k40p95penalties", peaked, penalised},
		{"p95", peaked, sample.Options{Temperature: 0.6, TopP: 0.95}},
		{"p95flat", flat, sample.Options{Temperature: 1, TopP: 0.95}},
		{"temperature", peaked, sample.Options{Temperature: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newSampler(b, c.o)
			b.SetBytes(4 * vocabulary)
			b.ReportAllocs()
			for b.Loop() {
				id := next(b, s, c.logits, nil).ID
				if err := s.Accept(id % 500); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
