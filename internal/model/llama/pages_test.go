package llama_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestPagesCounted draws a life of caches that are filled, forked, cut, adopted
// and released, and holds the model's count of pages to that of a set. Whatever
// is shared, a cache answers like one of its own.
func TestPagesCounted(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 1})
	rapid.Check(t, func(t *rapid.T) {
		kind := drawCacheType(t)
		size := llama.CacheBytes(m.Config(), 1, kind)
		before := m.PageUse().Held
		type life struct {
			cache  *llama.Cache
			tokens []int
		}
		lives := []life{{newCache(t, m, kind), nil}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, len(lives)-1).Draw(t, "which")
			l := &lives[i]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				more := rapid.SliceOfN(rapid.IntRange(0, 39), 1, 20).Draw(t, "tokens")
				if len(l.tokens)+len(more) > 60 {
					continue
				}
				l.tokens = append(slices.Clone(l.tokens), more...)
				got := lastLogits(t, m, l.cache, more...)
				if want := lastLogits(t, m, nil, l.tokens...); kind == quant.F32 && !slices.Equal(got, want) {
					t.Fatalf("after %v: other logits than on a cache of its own", l.tokens)
				}
			case 2:
				lives = append(lives, life{l.cache.Fork(), l.tokens})
			case 3:
				n := rapid.IntRange(0, len(l.tokens)).Draw(t, "kept")
				l.cache.Truncate(n)
				l.tokens = l.tokens[:n]
			case 4:
				c := newCache(t, m, kind)
				for _, p := range l.cache.Pages() {
					p.Retain()
				}
				c.Adopt(slices.Clone(l.cache.Pages()), l.cache.Len())
				lives = append(lives, life{c, l.tokens})
			}
			pages := map[*llama.Page]bool{}
			for _, l := range lives {
				for _, p := range l.cache.Pages() {
					pages[p] = true
				}
			}
			if got := m.PageUse().Held - before; got != int64(len(pages))*size {
				t.Fatalf("%d bytes held, want %d pages of %d", got, len(pages), size)
			}
		}
		for _, l := range lives {
			l.cache.Release()
		}
		if use := m.PageUse(); use.Held != before {
			t.Fatalf("%d bytes held after all is released, want %d", use.Held, before)
		}
		m.TrimPages(size)
		if use := m.PageUse(); use.Free > size {
			t.Fatalf("%d bytes free after all but %d are trimmed", use.Free, size)
		}
	})
}

// lastLogits computes what follows tokens.
func lastLogits(t *rapid.T, m *llama.Model, cache *llama.Cache, tokens ...int) []float32 {
	t.Helper()
	r, err := m.Forward(context.Background(), []llama.Sequence{{Cache: cache, Tokens: tokens, Logits: []int{-1}}})
	if err != nil {
		t.Fatal(err)
	}
	return r[0].Logits[0]
}

// TestStaleNumbers fills pages with NaN, by a token whose embedding is none, and
// wants those who come to these pages later to know nothing of it: a new cache
// on a page that was released, and one that forgot the token.
func TestStaleNumbers(t *testing.T) {
	f := randomModel(small(), quant.F32, 1)
	const bad = 39
	row := find(f, "token_embd.weight").Data[bad*4*small().Width:][:4*small().Width]
	for i := 0; i < len(row); i += 4 {
		copy(row[i:], []byte{0, 0, 0xc0, 0x7f})
	}
	ids := randomTokens(small(), 21, 3)
	for i, id := range ids {
		ids[i] = id % bad
	}
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		m := load(t, f, llama.Options{Threads: 1})
		cache, err := m.NewCache(0, kind)
		if err != nil {
			t.Fatal(err)
		}
		want := logits(t, m, cache, ids...)
		cache.Truncate(5)
		if spoiled := logits(t, m, cache, bad, bad); spoiled[0] == spoiled[0] {
			t.Fatalf("%v: a token that is no number gives logits %v", kind, spoiled)
		}
		cache.Truncate(5)
		if got := logits(t, m, cache, ids[5:]...); !slices.Equal(got, want) {
			t.Errorf("%v: logits differ after a token was forgotten", kind)
		}
		cache.Truncate(5)
		logits(t, m, cache, bad, bad)
		cache.Release()
		if got := logits(t, m, cache, ids...); !slices.Equal(got, want) {
			t.Errorf("%v: logits differ on pages that were used before", kind)
		}
		cache.Release()
	}
}

// TestChoices compares log-probabilities of several tokens at every position
// with those of its logits.
func TestChoices(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 2, Chunk: 7})
	ids := randomTokens(small(), 40, 5)
	choices := make([][]int, len(ids))
	for i := range choices {
		choices[i] = randomTokens(small(), i%4, uint64(i))
	}
	r, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: ids, AllLogits: true, Choices: choices}})
	if err != nil {
		t.Fatal(err)
	}
	for i, tokens := range choices {
		if len(r[0].Choices[i]) != len(tokens) {
			t.Fatalf("position %d: %d log-probabilities for %d choices", i, len(r[0].Choices[i]), len(tokens))
		}
		for j, id := range tokens {
			got := r[0].Choices[i][j]
			if want := logProb(r[0].Logits[i], id); got != want || math.IsNaN(got) {
				t.Errorf("position %d, token %d: %v, want %v", i, id, got, want)
			}
		}
	}
}
