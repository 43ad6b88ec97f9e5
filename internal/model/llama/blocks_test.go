package llama_test

import (
	"fmt"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// The shapes in which a text is cut here lie about the borders that the
// arithmetic has: tiles of a few rows, pages of 16 positions, blocks of 128,
// segments of 1,024.

// wide is a shape whose matrices can be of any format.
func wide(architecture string) modelfile.Config {
	c := modelfile.Config{
		Architecture: architecture, Layers: 1, Width: 256, Heads: 4, KVHeads: 2, HeadSize: 64,
		FeedForward: 256, Vocabulary: 37, Context: 512, NormEpsilon: 1e-6,
	}
	c.RoPE = modelfile.RoPE{Base: 10000, Interleaved: architecture == "llama" || architecture == "mistral"}
	return c
}

// TestInvarianceTiles computes the last 1 to 40 tokens of a text in one pass: the
// same bits as one by one, for every format.
func TestInvarianceTiles(t *testing.T) {
	const tokens = 40
	for _, kind := range quant.Types() {
		if !kind.Writable() {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			c := wide("qwen3")
			m := load(t, randomModel(c, kind, 3), llama.Options{Threads: 1})
			ids := randomTokens(c, tokens, 4)
			cache := newCache(t, m, quant.F32)
			var want answers
			for _, id := range ids {
				want = append(want, forward(t, m, everything(cache, []int{id}, c.Layers))[0]...)
			}
			for n := 1; n <= tokens; n++ {
				f := cache.Fork()
				f.Truncate(tokens - n)
				got := forward(t, m, everything(f, ids[tokens-n:], c.Layers))[0]
				sameBits(t, fmt.Sprintf("the last %d tokens", n), got, want[tokens-n:])
			}
		})
	}
}

// TestInvarianceBatches computes the next tokens of many texts of different
// lengths together: the same bits as alone.
func TestInvarianceBatches(t *testing.T) {
	for _, kind := range []quant.Type{quant.F16, quant.Q8_0, quant.Q4_0, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		t.Run(kind.String(), func(t *testing.T) {
			c := wide("mistral")
			c.SlidingWindow = 21
			m := load(t, randomModel(c, kind, 5), llama.Options{Threads: 2, Chunk: 50})
			var want []answers
			var batch []llama.Sequence
			for i := range 30 {
				ids := randomTokens(c, 1+i*i/20, uint64(i))
				alone, together := newCache(t, m, quant.F16), newCache(t, m, quant.F16)
				want = append(want, forward(t, m, everything(alone, ids, c.Layers))[0])
				batch = append(batch, everything(together, ids, c.Layers))
			}
			for i, got := range forward(t, m, batch...) {
				sameBits(t, fmt.Sprintf("text %d among others", i), got, want[i])
			}
		})
	}
}

// TestInvarianceLong computes a text of several blocks of positions in chunks, on
// threads, one by one and, from forks and truncated caches whose ends lie about
// pages and blocks, in part.
func TestInvarianceLong(t *testing.T) {
	for _, test := range []struct {
		architecture string
		window       int
		cache        quant.Type
	}{
		{"llama", 0, quant.F32},
		{"qwen3", 0, quant.F16},
		{"qwen2", 0, quant.Q8_0},
		{"mistral", 16, quant.F32},
		{"mistral", 100, quant.F16},
		{"mistral", 128, quant.F32},
		{"mistral", 129, quant.Q8_0},
	} {
		t.Run(fmt.Sprintf("%s %d %v", test.architecture, test.window, test.cache), func(t *testing.T) {
			c := modelfile.Config{
				Architecture: test.architecture, Layers: 2, Width: 64, Heads: 6, KVHeads: 2, HeadSize: 24,
				FeedForward: 96, Vocabulary: 50, Context: 512, NormEpsilon: 1e-6, SlidingWindow: test.window,
			}
			c.RoPE = modelfile.RoPE{Base: 10000, Interleaved: test.architecture == "llama"}
			checkLong(t, randomModel(c, quant.F16, 3), test.cache)
		})
	}
}

func checkLong(t *testing.T, m *modelfile.Model, kind quant.Type) {
	const tokens = 290
	layers, ids := m.Config.Layers, randomTokens(m.Config, tokens, 4)
	one := load(t, m, llama.Options{Threads: 1, Chunk: 1})
	cache := newCache(t, one, kind)
	var want answers
	for _, id := range ids {
		want = append(want, forward(t, one, everything(cache, []int{id}, layers))[0]...)
	}
	for _, o := range []llama.Options{{Threads: 1}, {Threads: 2, Chunk: 64}, {Threads: 3, Chunk: 7}, {Threads: 5, Chunk: 1000}} {
		l := load(t, m, o)
		sameBits(t, fmt.Sprintf("%+v", o), forward(t, l, everything(newCache(t, l, kind), ids, layers))[0], want)
	}
	for _, border := range []int{16, 112, 128, 144, 256, 272} {
		for at := border - 1; at <= border+1; at++ {
			f := cache.Fork()
			f.Truncate(at)
			n := min(at+18, tokens)
			got := forward(t, one, everything(f, ids[at:at+1], layers))[0]
			got = append(got, forward(t, one, everything(f, ids[at+1:n], layers))[0]...)
			sameBits(t, fmt.Sprintf("from %d on", at), got, want[at:n])
		}
	}
	sameBits(t, "after forks", forward(t, one, everything(truncated(cache, 130), ids[130:], layers))[0], want[130:])
}

// TestInvarianceSegments computes a text of more than two segments of positions,
// which workers may share out, in one pass and in part; with windows, some of the
// queries of a pass see nothing of a segment.
func TestInvarianceSegments(t *testing.T) {
	const tokens = 2070
	for _, test := range []struct {
		window int
		cache  quant.Type
	}{{0, quant.F32}, {0, quant.Q8_0}, {1000, quant.F16}, {1025, quant.F32}, {20, quant.F32}} {
		t.Run(fmt.Sprintf("%d %v", test.window, test.cache), func(t *testing.T) {
			c := modelfile.Config{
				Architecture: "mistral", Layers: 1, Width: 16, Heads: 2, KVHeads: 1, HeadSize: 8,
				FeedForward: 16, Vocabulary: 50, Context: 4096, NormEpsilon: 1e-6, SlidingWindow: test.window,
			}
			c.RoPE.Base = 10000
			m := randomModel(c, quant.F32, 3)
			ids := randomTokens(c, tokens, 4)
			one, many := load(t, m, llama.Options{Threads: 1, Chunk: 512}), load(t, m, llama.Options{Threads: 3, Chunk: 100})
			cache, other := newCache(t, one, test.cache), newCache(t, many, test.cache)
			want := forward(t, one, everything(cache, ids, c.Layers))[0]
			sameBits(t, "on threads", forward(t, many, everything(other, ids, c.Layers))[0], want)
			for _, at := range []int{1000, 1023, 1024, 1044, 2047, 2048} {
				f, g := cache.Fork(), other.Fork()
				f.Truncate(at)
				g.Truncate(at)
				sameBits(t, fmt.Sprintf("token %d", at), forward(t, one, everything(f, ids[at:at+1], c.Layers))[0], want[at:at+1])
				sameBits(t, fmt.Sprintf("from %d on", at+1), forward(t, one, everything(f, ids[at+1:at+20], c.Layers))[0], want[at+1:at+20])
				sameBits(t, fmt.Sprintf("token %d on threads", at), forward(t, many, everything(g, ids[at:at+1], c.Layers))[0], want[at:at+1])
			}
		})
	}
}

func truncated(c *llama.Cache, n int) *llama.Cache {
	c.Truncate(n)
	return c
}
