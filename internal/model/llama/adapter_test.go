package llama_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// newAdapter makes a random adapter of a model ready.
func newAdapter(t failer, l *llama.Model, m *modelfile.Model, seed uint64) *llama.Adapter {
	t.Helper()
	a, err := l.NewAdapter(randomAdapter(m, seed))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// adapted is everything with an adapter.
func adapted(s llama.Sequence, a *llama.Adapter) llama.Sequence {
	s.Adapter = a
	return s
}

// TestAdaptersTogether computes sequences with an adapter each, or none, alone,
// and then together in any order and chunks: nothing may change a bit.
func TestAdaptersTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, kind := drawModel(t), drawCacheType(t)
		o := llama.Options{Threads: rapid.IntRange(1, 3).Draw(t, "threads"), Chunk: rapid.SampledFrom([]int{0, 1, 3, 7, 16, 31}).Draw(t, "chunk")}
		l := load(t, m, o)
		all := []*llama.Adapter{nil, newAdapter(t, l, m, 5), newAdapter(t, l, m, 6), newAdapter(t, l, m, 7)}
		n := rapid.IntRange(2, 6).Draw(t, "sequences")
		var batch []llama.Sequence
		var want []answers
		for i := range n {
			ids := randomTokens(m.Config, rapid.IntRange(1, 20).Draw(t, "tokens"), uint64(i))
			a := all[rapid.IntRange(0, len(all)-1).Draw(t, "adapter")]
			want = append(want, forward(t, l, adapted(everything(newCache(t, l, kind), ids, m.Config.Layers), a))[0])
			batch = append(batch, adapted(everything(newCache(t, l, kind), ids, m.Config.Layers), a))
		}
		for i, got := range forward(t, l, batch...) {
			sameBits(t, "among others with other adapters", got, want[i])
		}
	})
}

// An adapter of a sequence does what the same adapter of the model does, and
// comes before it.
func TestAdapterOfASequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		ids := randomTokens(m.Config, rapid.IntRange(1, 20).Draw(t, "tokens"), 7)
		of := func(l *llama.Model, a *llama.Adapter) answers {
			return forward(t, l, adapted(everything(nil, ids, m.Config.Layers), a))[0]
		}
		plain := load(t, m, llama.Options{Threads: 1})
		five := load(t, m, llama.Options{Threads: 1, Adapter: randomAdapter(m, 5)})
		want := of(five, nil)
		sameBits(t, "of a sequence", of(plain, newAdapter(t, plain, m, 5)), want)
		a := newAdapter(t, five, m, 6)
		sameBits(t, "in place of the model's", of(five, a), of(plain, newAdapter(t, plain, m, 6)))
		sameBits(t, "the model's after another", of(five, nil), want)
		a.Close()
		sameBits(t, "the model's after another was closed", of(five, nil), want)
	})
}

func TestAdapterMisused(t *testing.T) {
	m := randomModel(small(), quant.F32, 1)
	l, other := load(t, m, llama.Options{Threads: 1}), load(t, m, llama.Options{Threads: 1})
	a, b := newAdapter(t, l, m, 1), newAdapter(t, l, m, 2)
	if a.Serial() == b.Serial() || a.Serial() == 0 || a.Bytes() <= 0 {
		t.Errorf("serials %d and %d, %d bytes", a.Serial(), b.Serial(), a.Bytes())
	}
	run := func(on *llama.Model, s llama.Sequence) error {
		_, err := on.Forward(context.Background(), []llama.Sequence{s})
		return err
	}
	if err := run(other, llama.Sequence{Tokens: []int{1}, Adapter: a}); err == nil || !strings.Contains(err.Error(), "another model's") {
		t.Errorf("an adapter of another model: %v", err)
	}
	cache := newCache(t, l, quant.F32)
	if err := run(l, llama.Sequence{Cache: cache, Tokens: []int{1, 2}, Adapter: a}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*llama.Cache{cache, cache.Fork()} {
		for _, x := range []*llama.Adapter{nil, b} {
			if err := run(l, llama.Sequence{Cache: c, Tokens: []int{3}, Adapter: x}); err == nil || !strings.Contains(err.Error(), "another adapter") {
				t.Errorf("a cache of another adapter: %v", err)
			}
		}
	}
	a.Close()
	a.Close()
	if err := run(l, llama.Sequence{Cache: cache, Tokens: []int{3}, Adapter: a}); !errors.Is(err, llama.ErrAdapterClosed) {
		t.Errorf("a closed adapter: %v", err)
	}
	cache.Truncate(0)
	if err := run(l, llama.Sequence{Cache: cache, Tokens: []int{3}, Adapter: b}); err != nil {
		t.Errorf("an emptied cache with another adapter: %v", err)
	}
	wrong := randomAdapter(randomModel(modelfile.Config{Architecture: "llama", Layers: 1, Width: 64, Heads: 1, KVHeads: 1, HeadSize: 64, FeedForward: 64, Vocabulary: 4,
		Context: 64, NormEpsilon: 1e-5, RoPE: modelfile.RoPE{Base: 1e4}}, quant.F32, 1), 1)
	if _, err := l.NewAdapter(wrong); err == nil {
		t.Error("an adapter of another shape was made ready")
	}
}

// ranked makes an adapter of a rank for the matrices whose names hold one of the
// words.
func ranked(m *modelfile.Model, rank int, words ...string) *adapter.Adapter {
	a := &adapter.Adapter{Path: "ranked"}
	for _, t := range m.Tensors {
		if len(t.Shape) == 2 && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t.Name, w) }) {
			a.Deltas = append(a.Deltas, &adapter.Delta{Name: t.Name, Rank: rank, Out: t.Shape[0], In: t.Shape[1], Scale: 1,
				A: make([]float32, rank*t.Shape[1]), B: make([]float32, rank*t.Shape[0])})
		}
	}
	return a
}

// BenchmarkAdapters adds a token to each of 8 sequences, of which none has an
// adapter, all have one, or they have several between them.
func BenchmarkAdapters(b *testing.B) {
	const sequences = 8
	f := slice8B(quant.Q4_K)
	l := load(b, f, llama.Options{Threads: 2})
	for what, words := range map[string][]string{"qv": {"attn_q", "attn_v"}, "all": {"attn_", "ffn_"}} {
		for _, n := range []int{0, 1, 4, 8} {
			b.Run(fmt.Sprintf("%s/adapters=%d", what, n), func(b *testing.B) {
				var all []*llama.Adapter
				for range n {
					a, err := l.NewAdapter(ranked(f, 8, words...))
					if err != nil {
						b.Fatal(err)
					}
					defer a.Close()
					all = append(all, a)
				}
				batch := make([]llama.Sequence, sequences)
				for i := range batch {
					batch[i] = llama.Sequence{Cache: newCache(b, l, quant.F16), Tokens: []int{1}, Logits: []int{-1}}
					if n > 0 {
						batch[i].Adapter = all[i%n]
					}
				}
				for b.Loop() {
					if _, err := l.Forward(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
					for i := range batch {
						batch[i].Cache.Truncate(0)
					}
				}
				b.ReportMetric(float64(b.N*sequences)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
