package gradient_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// batchSize is n sequences of length tokens whose every token has a target.
func batchSize(n, length, vocabulary int) []gradient.Sequence {
	r := rand.New(rand.NewPCG(1, 2))
	var batch []gradient.Sequence
	for range n {
		var s gradient.Sequence
		for range length {
			s.Tokens = append(s.Tokens, r.IntN(vocabulary))
			s.Targets = append(s.Targets, r.IntN(vocabulary))
		}
		batch = append(batch, s)
	}
	return batch
}

// benchmarkStep says how many tokens a second go forward and back.
func benchmarkStep(b *testing.B, m *gradient.Model, batch []gradient.Sequence) {
	b.Helper()
	tokens := 0
	for _, s := range batch {
		tokens += len(s.Tokens)
	}
	for b.Loop() {
		if _, err := m.Step(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// BenchmarkStepLoRA trains an adapter of rank 8 on queries and values of the model
// that CASEMATE_TRAIN_MODEL names, with 8 sequences of 256 tokens.
func BenchmarkStepLoRA(b *testing.B) {
	path := os.Getenv("CASEMATE_TRAIN_MODEL")
	if path == "" {
		b.Skip("needs CASEMATE_TRAIN_MODEL")
	}
	f, err := modelfile.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name string
		o    gradient.Options
	}{
		{"F32", gradient.Options{LoRA: &gradient.LoRA{}}},
		{"BF16", gradient.Options{LoRA: &gradient.LoRA{}, BF16: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchmarkStep(b, load(b, f, c.o), batchSize(8, 256, f.Config.Vocabulary))
		})
	}
}

// sixMillion is the shape that is trained from scratch.
var sixMillion = modelfile.Config{
	Architecture: "llama", Layers: 6, Width: 256, Heads: 8, KVHeads: 8, HeadSize: 32, FeedForward: 688,
	Vocabulary: 4096, Context: 256, NormEpsilon: 1e-5, RoPE: modelfile.RoPE{Base: 10000, Interleaved: true},
}

// BenchmarkStepScratch trains a model of six million numbers whole, with 16
// sequences of 256 tokens.
func BenchmarkStepScratch(b *testing.B) {
	for _, c := range []struct {
		name string
		o    gradient.Options
	}{{"F32", gradient.Options{Full: true}}, {"BF16", gradient.Options{Full: true, BF16: true}}} {
		b.Run(c.name, func(b *testing.B) {
			m, err := gradient.New(sixMillion, 1, c.o)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			benchmarkStep(b, m, batchSize(16, 256, sixMillion.Vocabulary))
		})
	}
}
