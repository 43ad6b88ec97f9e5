package batch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// benchModel is large enough for products to matter.
func benchModel(b *testing.B) *llama.Model {
	return opened(b, modeltest.Options{Layers: 6, Width: 512, Heads: 8, KVHeads: 2, FeedForward: 1536, Vocabulary: 16000, Context: 1024, Type: quant.Q8_0}, 0)
}

// BenchmarkScore scores 100 options of six tokens, of which some begin alike,
// over one prefix of 400 tokens: together, and each from the first token on.
func BenchmarkScore(b *testing.B) {
	m := benchModel(b)
	prefix := tokensOf(400, 1)
	var options [][]int
	for i := range 100 {
		options = append(options, append(tokensOf(3, uint64(i/10)), tokensOf(3, uint64(100+i))...))
	}
	b.Run("together", func(b *testing.B) {
		batcher := batch.New(m, optionsFor(m, 0))
		defer batcher.Close()
		for b.Loop() {
			if _, err := batcher.Score(ctx, prefix, options); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*len(options))/b.Elapsed().Seconds(), "options/s")
	})
	b.Run("whole", func(b *testing.B) {
		n := 0
		for b.Loop() {
			option := options[n%len(options)]
			n++
			whole := slices.Concat(prefix, option[:len(option)-1])
			choices := make([][]int, len(whole))
			for i, id := range option {
				choices[len(prefix)-1+i] = []int{id}
			}
			if _, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: whole, Choices: choices}}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "options/s")
	})
}

// BenchmarkGrow lets sequences of 100 tokens grow by 32 at a time.
func BenchmarkGrow(b *testing.B) {
	m := benchModel(b)
	const steps = 32
	for _, n := range []int{1, 2, 8, 32} {
		b.Run(fmt.Sprintf("sequences=%d", n), func(b *testing.B) {
			batcher := batch.New(m, optionsFor(m, 0))
			defer batcher.Close()
			for b.Loop() {
				var group sync.WaitGroup
				for i := range n {
					group.Go(func() { grow(b, batcher, tokensOf(100, uint64(i)), steps) })
				}
				group.Wait()
			}
			b.ReportMetric(float64(b.N*n*steps)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
	b.Run("without-batcher", func(b *testing.B) {
		for b.Loop() {
			c, err := m.NewCache(0, quant.F32)
			if err != nil {
				b.Fatal(err)
			}
			tokens := tokensOf(100, 0)
			for range steps + 1 {
				if _, err := m.Forward(ctx, []llama.Sequence{{Cache: c, Tokens: tokens, Logits: []int{-1}}}); err != nil {
					b.Fatal(err)
				}
				tokens = tokens[:1]
			}
			c.Release()
		}
		b.ReportMetric(float64(b.N*steps)/b.Elapsed().Seconds(), "tokens/s")
	})
}

func grow(b *testing.B, batcher *batch.Batcher, tokens []int, steps int) {
	s, _, err := batcher.Start(ctx, batch.Prompt{Tokens: tokens, Room: steps, Logits: true})
	if err != nil {
		b.Error(err)
		return
	}
	defer s.End(false)
	for range steps {
		if err := s.Next(ctx, 1); err != nil {
			b.Error(err)
			return
		}
		if _, err := s.Wait(ctx); err != nil {
			b.Error(err)
		}
	}
}
