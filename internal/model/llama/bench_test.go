package llama_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// slice8B is two of the 32 layers of Llama-3.1-8B, with a small vocabulary. All
// rows of a matrix are the same, which costs as much to multiply as any.
func slice8B(kind quant.Type) *modelfile.Model {
	c := modelfile.Config{
		Architecture: "llama", Layers: 2, Width: 4096, Heads: 32, KVHeads: 8, HeadSize: 128,
		FeedForward: 14336, Vocabulary: 256, Context: 131072, NormEpsilon: 1e-5,
		RoPE: modelfile.RoPE{Base: 500000, Interleaved: true},
	}
	r := rand.New(rand.NewPCG(1, 1))
	m := &modelfile.Model{Path: "slice", Config: c}
	tensor := func(name string, kind quant.Type, shape ...int) {
		row, rows := make([]float32, shape[len(shape)-1]), 1
		if len(shape) == 2 {
			rows = shape[0]
		}
		for i := range row {
			row[i] = float32(r.NormFloat64() * 0.02)
		}
		bytes := make([]byte, kind.Size(len(row)))
		quant.Quantize(bytes, kind, row)
		data := make([]byte, 0, rows*len(bytes))
		for range rows {
			data = append(data, bytes...)
		}
		m.Tensors = append(m.Tensors, &modelfile.Tensor{Name: name, Type: kind, Shape: shape, Data: data})
	}
	tensor("token_embd.weight", kind, c.Vocabulary, c.Width)
	tensor("output_norm.weight", quant.F32, c.Width)
	for l := range c.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", l, s) }
		tensor(name("attn_norm"), quant.F32, c.Width)
		tensor(name("ffn_norm"), quant.F32, c.Width)
		tensor(name("attn_q"), kind, 4096, c.Width)
		tensor(name("attn_k"), kind, 1024, c.Width)
		tensor(name("attn_v"), kind, 1024, c.Width)
		tensor(name("attn_output"), kind, c.Width, 4096)
		tensor(name("ffn_gate"), kind, c.FeedForward, c.Width)
		tensor(name("ffn_up"), kind, c.FeedForward, c.Width)
		tensor(name("ffn_down"), kind, c.Width, c.FeedForward)
	}
	return m
}

func matrixBytes(m *modelfile.Model) (n int64) {
	for _, t := range m.Tensors {
		n += int64(len(t.Data))
	}
	return n
}

// BenchmarkDecode adds one token at a time to 100 there are. Bytes are those of
// the weights; a whole 8B model takes 16 times as long, and the output matrix.
func BenchmarkDecode(b *testing.B) {
	for _, kind := range []quant.Type{quant.F16, quant.Q8_0, quant.Q4_K, quant.Q6_K} {
		f := slice8B(kind)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", kind, threads), func(b *testing.B) {
				m := load(b, f, llama.Options{Threads: threads})
				cache, _ := m.NewCache(0, quant.F16)
				logits(b, m, cache, make([]int, 100)...)
				b.SetBytes(matrixBytes(f))
				for b.Loop() {
					logits(b, m, cache, 1)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// BenchmarkPrefill computes a prompt of 128 tokens.
func BenchmarkPrefill(b *testing.B) {
	const tokens = 128
	f := slice8B(quant.Q4_K)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			m := load(b, f, llama.Options{Threads: threads})
			for b.Loop() {
				logits(b, m, nil, make([]int, tokens)...)
			}
			b.ReportMetric(float64(b.N*tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// attentionOnly is one layer with the heads of Llama-3.1-8B and almost no
// weights.
func attentionOnly() *modelfile.Model {
	c := small()
	c.Layers, c.Heads, c.KVHeads, c.HeadSize, c.Context = 1, 32, 8, 128, 1<<17
	return randomModel(c, quant.F32, 1)
}

// BenchmarkAttend is a token after 4,096: what attention costs, by the format of
// the cache. Bytes are those of keys and values.
func BenchmarkAttend(b *testing.B) {
	const before = 4096
	f := attentionOnly()
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", kind, threads), func(b *testing.B) {
				m := load(b, f, llama.Options{Threads: threads})
				cache, _ := m.NewCache(0, kind)
				logits(b, m, cache, make([]int, before)...)
				b.SetBytes(llama.CacheBytes(f.Config, before, kind))
				for b.Loop() {
					logits(b, m, cache, 1)
					cache.Truncate(before)
				}
			})
		}
	}
}

// BenchmarkAttendPrompt is a prompt of 4,096 tokens. Operations are those on keys
// and values that queries see.
func BenchmarkAttendPrompt(b *testing.B) {
	const tokens = 4096
	f := attentionOnly()
	c := f.Config
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", kind, threads), func(b *testing.B) {
				m := load(b, f, llama.Options{Threads: threads})
				for b.Loop() {
					cache, _ := m.NewCache(0, kind)
					logits(b, m, cache, make([]int, tokens)...)
					cache.Release()
				}
				operations := 4 * float64(c.Heads*c.HeadSize) * tokens * (tokens + 1) / 2
				b.ReportMetric(operations*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
