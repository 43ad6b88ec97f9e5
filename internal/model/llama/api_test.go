package llama_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// small is a shape for tests that need no particular one.
func small() modelfile.Config {
	c := modelfile.Config{
		Architecture: "llama", Layers: 3, Width: 32, Heads: 4, KVHeads: 2, HeadSize: 8,
		FeedForward: 48, Vocabulary: 40, Context: 64, NormEpsilon: 1e-5,
	}
	c.RoPE = modelfile.RoPE{Base: 10000, Interleaved: true}
	return c
}

func smallModel(t testing.TB, o llama.Options) *llama.Model {
	t.Helper()
	return load(t, randomModel(small(), quant.F32, 1), o)
}

// logits computes what follows tokens.
func logits(t testing.TB, m *llama.Model, cache *llama.Cache, tokens ...int) []float32 {
	t.Helper()
	r, err := m.Forward(context.Background(), []llama.Sequence{{Cache: cache, Tokens: tokens, Logits: []int{-1}}})
	if err != nil {
		t.Fatal(err)
	}
	return r[0].Logits[0]
}

func TestContextError(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 1})
	cache, err := m.NewCache(10, quant.F32)
	if err != nil {
		t.Fatal(err)
	}
	logits(t, m, cache, 1, 2, 3)
	_, err = m.Forward(context.Background(), []llama.Sequence{{Cache: cache, Tokens: make([]int, 9)}})
	var full *llama.ContextError
	if !errors.As(err, &full) || *full != (llama.ContextError{Have: 10, Want: 12}) || !strings.Contains(err.Error(), "2 too many") {
		t.Errorf("12 tokens in a cache of 10: %v", err)
	}
	if cache.Len() != 3 {
		t.Errorf("the cache has %d tokens, want 3", cache.Len())
	}
	logits(t, m, cache, make([]int, 7)...)
	if cache.Len() != cache.Capacity() {
		t.Errorf("the cache has %d tokens, want %d", cache.Len(), cache.Capacity())
	}
	whole, err := m.NewCache(0, quant.Q8_0)
	if err != nil || whole.Capacity() != small().Context || whole.Bytes() != 0 {
		t.Errorf("a cache for the model's context: %d tokens, %d bytes, %v", whole.Capacity(), whole.Bytes(), err)
	}
}

// TestForwardRefuses sends passes that make no sense; each fails and leaves the
// caches as they were.
func TestForwardRefuses(t *testing.T) {
	m, other := smallModel(t, llama.Options{Threads: 1}), smallModel(t, llama.Options{Threads: 1})
	cache, _ := m.NewCache(50, quant.F32)
	foreign, _ := other.NewCache(50, quant.F32)
	logits(t, m, cache, 1, 2)
	hidden := func(h llama.HiddenRequest) llama.Sequence {
		return llama.Sequence{Tokens: []int{1, 2}, Hidden: []llama.HiddenRequest{h}}
	}
	for name, batch := range map[string][]llama.Sequence{
		"no tokens":            {{Cache: cache}},
		"token beyond":         {{Cache: cache, Tokens: []int{40}}},
		"token negative":       {{Cache: cache, Tokens: []int{3, -1}}},
		"later sequence":       {{Cache: cache, Tokens: []int{3}}, {Tokens: []int{99}}},
		"one cache twice":      {{Cache: cache, Tokens: []int{3}}, {Cache: cache, Tokens: []int{4}}},
		"another model's":      {{Cache: foreign, Tokens: []int{3}}},
		"logits beyond":        {{Tokens: []int{3}, Logits: []int{1}}},
		"logits before":        {{Tokens: []int{3}, Logits: []int{-2}}},
		"choices too few":      {{Tokens: []int{3, 4}, Choices: [][]int{{3}}}},
		"choice beyond":        {{Tokens: []int{3}, Choices: [][]int{{2, 40}}}},
		"choice negative":      {{Tokens: []int{3}, Choices: [][]int{{-1}}}},
		"layer beyond":         {hidden(llama.HiddenRequest{Layer: 4})},
		"layer negative":       {hidden(llama.HiddenRequest{Layer: -2})},
		"hidden beyond":        {hidden(llama.HiddenRequest{Positions: []int{2}})},
		"mean of nothing":      {hidden(llama.HiddenRequest{Positions: []int{}, Pool: llama.PoolMean})},
		"pool that is unknown": {hidden(llama.HiddenRequest{Pool: "max"})},
	} {
		r, err := m.Forward(context.Background(), batch)
		if err == nil || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		if cache.Len() != 2 {
			t.Fatalf("%s: the cache has %d tokens, want 2", name, cache.Len())
		}
	}
	var token *llama.TokenError
	if _, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: []int{40}}}); !errors.As(err, &token) || token.Token != 40 || token.Vocabulary != 40 {
		t.Errorf("token 40 of 40: %v", err)
	}
	if r, err := m.Forward(context.Background(), nil); err != nil || len(r) != 0 {
		t.Errorf("no sequences: %v, %v", r, err)
	}
}

// ending is a context that ends after being asked a number of times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left == 0 {
		return context.Canceled
	}
	e.left--
	return nil
}

// TestCancel ends a pass at every point where the context is looked at. The cache
// is then as before, and computes the same bits.
func TestCancel(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 2, Chunk: 20})
	fresh, _ := m.NewCache(0, quant.Q8_0)
	first, rest := randomTokens(small(), 10, 1), randomTokens(small(), 50, 2)
	logits(t, m, fresh, first...)
	want := logits(t, m, fresh, rest...)

	cache, _ := m.NewCache(0, quant.Q8_0)
	logits(t, m, cache, first...)
	ends := 0
	for ; ; ends++ {
		r, err := m.Forward(&ending{context.Background(), ends}, []llama.Sequence{{Cache: cache, Tokens: rest, Logits: []int{-1}}})
		if err == nil {
			if !slices.Equal(r[0].Logits[0], want) {
				t.Error("after cancelled passes the logits differ")
			}
			break
		}
		if !errors.Is(err, context.Canceled) || cache.Len() != len(first) {
			t.Fatalf("ended after %d looks: %v, %d tokens in the cache", ends, err, cache.Len())
		}
	}
	if ends < 3*small().Layers {
		t.Errorf("the context was looked at %d times in three chunks of %d layers", ends, small().Layers)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Forward(ended, []llama.Sequence{{Tokens: first}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Forward with an ended context: %v", err)
	}
}

// TestConcurrent runs passes from several goroutines: each gets its own bits.
func TestConcurrent(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 2})
	var all sync.WaitGroup
	for i := range 6 {
		tokens := randomTokens(small(), 5+i, uint64(i))
		want := logits(t, m, nil, tokens...)
		all.Go(func() {
			for range 10 {
				r, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: tokens, Logits: []int{-1}}})
				if err != nil || !slices.Equal(r[0].Logits[0], want) {
					t.Errorf("goroutine %d: other logits, %v", i, err)
				}
			}
		})
	}
	all.Wait()
}

func TestClose(t *testing.T) {
	m, err := llama.Load(randomModel(small(), quant.F32, 1), llama.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: []int{1}}}); !errors.Is(err, tensor.ErrClosed) {
		t.Errorf("Forward of a closed model: %v", err)
	}
}

// TestCloseWhileBusy closes a model, and with it frees its weights, while passes
// come from several goroutines: each ends with its own bits or ErrClosed.
func TestCloseWhileBusy(t *testing.T) {
	f, tokens := randomModel(wide("llama"), quant.Q4_K, 1), randomTokens(wide("llama"), 9, 1)
	want := logits(t, load(t, f, llama.Options{Threads: 1}), nil, tokens...)
	for range 5 {
		m, err := llama.Load(f, llama.Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		started := make(chan struct{}, 4)
		for range cap(started) {
			all.Go(func() {
				for n := 0; ; n++ {
					r, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: tokens, Logits: []int{-1}}})
					if n == 0 {
						started <- struct{}{}
					}
					if err != nil {
						if !errors.Is(err, tensor.ErrClosed) || r != nil {
							t.Errorf("a pass of a model that is being closed: %v", err)
						}
						return
					}
					if !slices.Equal(r[0].Logits[0], want) {
						t.Error("a pass of a model that is being closed has other logits")
					}
				}
			})
		}
		<-started
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

// TestHidden asks for the same states in every way.
func TestHidden(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 1, Chunk: 4})
	tokens := randomTokens(small(), 11, 1)
	for layer := llama.OutputNorm; layer <= small().Layers; layer++ {
		ask := func(h llama.HiddenRequest) [][]float32 {
			h.Layer = layer
			r, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: tokens, Hidden: []llama.HiddenRequest{h}}})
			if err != nil {
				t.Fatal(err)
			}
			return r[0].Hidden[0]
		}
		all := ask(llama.HiddenRequest{})
		if len(all) != len(tokens) || len(all[0]) != small().Width {
			t.Fatalf("layer %d: %d states", layer, len(all))
		}
		some := ask(llama.HiddenRequest{Positions: []int{-1, 3, 3, 0}})
		last := ask(llama.HiddenRequest{Pool: llama.PoolLast})
		for i, want := range [][]float32{all[10], all[3], all[3], all[0]} {
			if !slices.Equal(some[i], want) {
				t.Errorf("layer %d: state %d of some positions differs", layer, i)
			}
		}
		if len(last) != 1 || !slices.Equal(last[0], all[10]) {
			t.Errorf("layer %d: the last state differs", layer)
		}
		for _, positions := range [][]int{nil, {2, -1, 5}} {
			mean := ask(llama.HiddenRequest{Pool: llama.PoolMean, Positions: positions})
			if positions == nil {
				positions = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
			}
			for i := range mean[0] {
				want := 0.0
				for _, p := range positions {
					want += float64(all[(p+11)%11][i]) / float64(len(positions))
				}
				if math.Abs(float64(mean[0][i])-want) > 1e-6 {
					t.Errorf("layer %d: mean %d is %v, want %v", layer, i, mean[0][i], want)
				}
			}
		}
	}
}

// TestChoicesAlone compares log-probabilities without logits with those of logits.
func TestChoicesAlone(t *testing.T) {
	m := smallModel(t, llama.Options{Threads: 2, Chunk: 40})
	tokens, choices := randomTokens(small(), 60, 1), make([][]int, 60)
	for i, id := range randomTokens(small(), 60, 2) {
		choices[i] = []int{id}
	}
	choices[7] = nil
	r, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: tokens, Choices: choices, AllLogits: true}})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := m.Forward(context.Background(), []llama.Sequence{{Tokens: tokens, Choices: choices}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(r[0].Choices, alone[0].Choices, slices.Equal[[]float64]) || alone[0].Logits != nil {
		t.Error("log-probabilities depend on whether logits are asked for")
	}
	for i, ids := range choices {
		if len(r[0].Choices[i]) != len(ids) {
			t.Fatalf("token %d: %d log-probabilities for %d choices", i, len(r[0].Choices[i]), len(ids))
		}
		for j, id := range ids {
			sum := 0.0
			for _, v := range r[0].Logits[i] {
				sum += math.Exp(float64(v))
			}
			got := r[0].Choices[i][j]
			if want := logProb(r[0].Logits[i], id); got != want {
				t.Errorf("token %d: log-probability %v, want %v", i, got, want)
			}
			if p := math.Exp(float64(r[0].Logits[i][id])) / sum; math.Abs(math.Exp(got)-p) > 1e-12 {
				t.Errorf("token %d: probability %v, want %v", i, math.Exp(got), p)
			}
		}
	}
}

// logProb returns the log-probability of a token given logits.
func logProb(logits []float32, token int) float64 {
	return float64(logits[token]) - kernel.LogSumExp(logits)
}

func TestCacheMemory(t *testing.T) {
	c := small()
	m := smallModel(t, llama.Options{Threads: 1})
	perPosition := map[quant.Type]int64{
		quant.F32:  4 * 3 * 2 * (8 + 16), // a value of 8 numbers is filled up to 16
		quant.F16:  2 * 3 * 2 * (8 + 16),
		quant.Q8_0: 34 * 3 * 2 * 2, // a block of 32 holds a head of 8
	}
	for kind, bytes := range perPosition {
		cache, err := m.NewCache(1<<60, kind) // takes no memory
		if err != nil {
			t.Fatal(err)
		}
		for n := range 2*llama.PageTokens + 2 {
			pages := int64((n + llama.PageTokens - 1) / llama.PageTokens)
			want := pages * llama.PageTokens * bytes
			if cache.Bytes() != want || llama.CacheBytes(c, n, kind) != want {
				t.Fatalf("%v: %d tokens take %d bytes, foreseen %d, want %d", kind, n, cache.Bytes(), llama.CacheBytes(c, n, kind), want)
			}
			logits(t, m, cache, 1)
		}
		cache.Truncate(llama.PageTokens)
		if want := llama.PageTokens * bytes; cache.Bytes() != want {
			t.Errorf("%v: after Truncate %d bytes, want %d", kind, cache.Bytes(), want)
		}
	}
	for _, kind := range []quant.Type{quant.Q4_0, quant.BF16, quant.Type(99)} {
		if _, err := m.NewCache(1, kind); err == nil {
			t.Errorf("a cache of %v", kind)
		}
	}
	if _, err := m.NewCache(-1, quant.F32); err == nil {
		t.Error("a cache of -1 tokens")
	}
}

func TestTruncatePanics(t *testing.T) {
	cache, _ := smallModel(t, llama.Options{Threads: 1}).NewCache(0, quant.F32)
	for _, n := range []int{-1, 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Truncate(%d) of an empty cache did not panic", n)
				}
			}()
			cache.Truncate(n)
		}()
	}
}

// TestMemoryNeeded counts weights by hand: matrices are packed in panels of 16
// rows, and the embedding stays in the file as well where it is the output.
func TestMemoryNeeded(t *testing.T) {
	f := randomModel(small(), quant.F32, 1)
	weights, tied := int64(0), f.Tensor("output.weight") == nil
	for _, x := range f.Tensors {
		n := int64(len(x.Data))
		if embedding := x.Name == "token_embd.weight"; len(x.Shape) < 2 || embedding {
			weights += n
			if !embedding || !tied {
				continue
			}
		}
		weights += n / int64(x.Shape[0]) * int64((x.Shape[0]+15)/16*16)
	}
	need := llama.MemoryNeeded(f, llama.Options{Threads: 1}, 50, quant.F16)
	if need.Weights != weights || need.Cache != llama.CacheBytes(f.Config, 50, quant.F16) || need.Scratch <= 0 {
		t.Errorf("MemoryNeeded = %+v, want weights %d", need, weights)
	}
	if need.Total() != need.Weights+need.Cache+need.Scratch {
		t.Errorf("Total of %+v = %d", need, need.Total())
	}
	more := llama.MemoryNeeded(f, llama.Options{Threads: 4, Chunk: 1000}, 2000, quant.F16)
	if more.Scratch <= need.Scratch || more.Cache <= need.Cache {
		t.Errorf("more threads, chunk and tokens: %+v, fewer: %+v", more, need)
	}
}

// TestLoadRefuses breaks a model in one way at a time: an error, by name.
func TestLoadRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*modelfile.Model){
		"blk.1.ffn_up.weight":    func(m *modelfile.Model) { remove(m, "blk.1.ffn_up.weight") },
		"token_embd.weight":      func(m *modelfile.Model) { remove(m, "token_embd.weight") },
		"output_norm.weight":     func(m *modelfile.Model) { remove(m, "output_norm.weight") },
		"blk.3.":                 func(m *modelfile.Model) { m.Config.Layers = 1 << 40 },
		"blk.0.attn_q.weight":    func(m *modelfile.Model) { find(m, "blk.0.attn_q.weight").Shape = []int{16, 64} },
		"blk.0.attn_norm.weight": func(m *modelfile.Model) { find(m, "blk.0.attn_norm.weight").Shape = []int{32, 1} },
		"blk.2.ffn_down.weight":  func(m *modelfile.Model) { f := find(m, "blk.2.ffn_down.weight"); f.Data = f.Data[1:] },
		"type 77":                func(m *modelfile.Model) { find(m, "blk.2.ffn_down.weight").Type = 77 },
		"cannot share":           func(m *modelfile.Model) { m.Config.KVHeads = 3 },
		"even number":            func(m *modelfile.Model) { m.Config.RoPE.Dims = 7 },
		"a head of 8":            func(m *modelfile.Model) { m.Config.RoPE.Dims = 10 },
		"rotary base":            func(m *modelfile.Model) { m.Config.RoPE.Base = 0 },
		"not positive":           func(m *modelfile.Model) { m.Config.Heads = 0 },
		"negative":               func(m *modelfile.Model) { m.Config.SlidingWindow = -1 },
		"epsilon":                func(m *modelfile.Model) { m.Config.NormEpsilon = math.NaN() },
	} {
		m := randomModel(small(), quant.F32, 1)
		spoil(m)
		l, err := llama.Load(m, llama.Options{})
		if err == nil {
			l.Close()
			t.Errorf("%s: loaded", name)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOverflow runs a model whose numbers grow beyond float32: what comes out is
// no number, and nothing panics, in any cache.
func TestOverflow(t *testing.T) {
	f := randomModel(small(), quant.F32, 1)
	for _, x := range f.Tensors {
		for i := 3; i < len(x.Data); i += 4 {
			x.Data[i] = x.Data[i]&0x80 | 0x7e // an exponent of 10^38
		}
	}
	m := load(t, f, llama.Options{})
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		cache, err := m.NewCache(0, kind)
		if err != nil {
			t.Fatal(err)
		}
		out := logits(t, m, cache, randomTokens(small(), 40, 1)...)
		if !slices.ContainsFunc(out, func(v float32) bool { return v != v || math.IsInf(float64(v), 0) }) {
			t.Errorf("%v: logits are numbers: %v", kind, out)
		}
	}
}

func find(m *modelfile.Model, name string) *modelfile.Tensor {
	for _, t := range m.Tensors {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func remove(m *modelfile.Model, name string) {
	m.Tensors = slices.DeleteFunc(m.Tensors, func(t *modelfile.Tensor) bool { return t.Name == name })
}
