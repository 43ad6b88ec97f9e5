package batch_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

var ctx = context.Background()

// watched is a model that tells of its passes.
type watched struct {
	*llama.Model
	before func(ctx context.Context, pass []llama.Sequence)
}

func (w watched) Forward(ctx context.Context, pass []llama.Sequence) ([]llama.Result, error) {
	if w.before != nil {
		w.before(ctx, pass)
	}
	return w.Model.Forward(ctx, pass)
}

// tiny opens a model with random weights.
func tiny(tb testing.TB, o modeltest.Options) *llama.Model { return opened(tb, o, 1) }

// opened is tiny for so many threads.
func opened(tb testing.TB, o modeltest.Options, threads int) *llama.Model {
	tb.Helper()
	file, err := modelfile.Open(modeltest.GGUF(tb, o))
	if err != nil {
		tb.Fatal(err)
	}
	m, err := llama.Load(file, llama.Options{Threads: threads})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(m.Close(), file.Close()); err != nil {
			tb.Error(err)
		}
	})
	return m
}

// optionsFor returns those of a model's batcher.
func optionsFor(m *llama.Model, keep int) batch.Options {
	c := m.Config()
	return batch.Options{Context: c.Context, Vocabulary: c.Vocabulary, PageBytes: llama.CacheBytes(c, 1, quant.F32), Keep: keep}
}

// tokensOf returns n tokens that are the same for the same seed.
func tokensOf(n int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 1))
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = r.IntN(200)
	}
	return tokens
}

// request is one of three kinds: options to score, hidden states, or an answer.
type request struct {
	tokens  []int
	adapter *llama.Adapter
	answer  int
	options [][]int
	hidden  []llama.HiddenRequest
}

// outcome is all that a request was answered, bit by bit.
type outcome struct {
	Logits [][]float32
	Scores [][]float64
	Hidden [][]float32
}

func (r request) run(ctx context.Context, b *batch.Batcher) (outcome, error) {
	var o outcome
	if r.options != nil {
		var err error
		o.Scores, err = b.ScoreAdapted(ctx, r.adapter, r.tokens, r.options)
		return o, err
	}
	s, first, err := b.Start(ctx, batch.Prompt{Tokens: r.tokens, Adapter: r.adapter, Room: r.answer, Share: r.hidden == nil, Logits: true, Hidden: r.hidden})
	if err != nil {
		return o, err
	}
	o.Logits, o.Hidden = append(o.Logits, first.Logits), first.Hidden
	for range r.answer {
		if err = s.Next(ctx, largest(o.Logits[len(o.Logits)-1])); err != nil {
			break
		}
		var logits []float32
		if logits, err = s.Wait(ctx); err != nil {
			break
		}
		o.Logits = append(o.Logits, logits)
	}
	s.End(err == nil)
	return o, err
}

func largest(x []float32) int {
	best := 0
	for i := range x {
		if x[i] > x[best] {
			best = i
		}
	}
	return best
}

// adapted makes an adapter of a model ready, of values in its first layer, with
// numbers that are large enough to change every answer.
func adapted(tb testing.TB, m *llama.Model, seed uint64) *llama.Adapter {
	tb.Helper()
	c := m.Config()
	d := &adapter.Delta{Name: "blk.0.attn_v.weight", Rank: 2, In: c.Width, Out: c.KVHeads * c.HeadSize, Scale: 1}
	r := rand.New(rand.NewPCG(seed, 2))
	for range d.Rank * d.In {
		d.A = append(d.A, float32(r.NormFloat64()))
	}
	for range d.Rank * d.Out {
		d.B = append(d.B, float32(r.NormFloat64()))
	}
	a, err := m.NewAdapter(&adapter.Adapter{Path: "random", Deltas: []*adapter.Delta{d}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.Close)
	return a
}

// drawRequest draws one that often begins like others.
func drawRequest(t *rapid.T) request {
	r := request{tokens: tokensOf(rapid.SampledFrom([]int{0, 10, 16, 40, 48, 290}).Draw(t, "beginning"), 1)}
	r.tokens = append(r.tokens, tokensOf(rapid.IntRange(1, 40).Draw(t, "rest"), rapid.Uint64Range(1, 4).Draw(t, "seed"))...)
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		r.options = [][]int{}
		for range rapid.IntRange(0, 12).Draw(t, "options") {
			begin := tokensOf(9, rapid.Uint64Range(5, 6).Draw(t, "option"))
			end := tokensOf(9, rapid.Uint64Range(7, 99).Draw(t, "end"))
			r.options = append(r.options, append(begin[:rapid.IntRange(0, 9).Draw(t, "length")], end[:rapid.IntRange(0, 9).Draw(t, "more")]...))
		}
	case 1:
		for i := range rapid.IntRange(1, 3).Draw(t, "hidden") {
			r.hidden = append(r.hidden, llama.HiddenRequest{Layer: i - 1, Pool: rapid.SampledFrom([]llama.Pool{llama.PoolLast, llama.PoolMean}).Draw(t, "pool")})
		}
	default:
		r.answer = rapid.IntRange(1, 20).Draw(t, "answer")
	}
	return r
}

// TestSameBits draws requests and runs them at a time or one by one, with little
// memory and few pages kept or many: each is answered as it is alone on a
// batcher of its own, memory is never more than there is, and what is left at
// the end is what is kept.
func TestSameBits(t *testing.T) {
	m := tiny(t, modeltest.Options{Context: 512})
	adapters := []*llama.Adapter{nil, adapted(t, m, 1), adapted(t, m, 2)}
	rapid.Check(t, func(t *rapid.T) {
		requests := rapid.SliceOfN(rapid.Custom(drawRequest), 1, 8).Draw(t, "requests")
		for i := range requests {
			requests[i].adapter = adapters[rapid.IntRange(0, len(adapters)-1).Draw(t, "adapter")]
		}
		want := make([]outcome, len(requests))
		for i, r := range requests {
			alone := batch.New(m, optionsFor(m, 0))
			var err error
			if want[i], err = r.run(ctx, alone); err != nil {
				t.Fatal(err)
			}
			alone.Close()
			if use := m.PageUse(); use.Held != 0 {
				t.Fatalf("a request alone leaves %d bytes behind", use.Held)
			}
		}
		o := optionsFor(m, rapid.SampledFrom([]int{0, 1, 3, 10, 1000}).Draw(t, "keep"))
		// The largest request needs 24 pages, and as many as an option's depth.
		total := o.PageBytes * int64(rapid.SampledFrom([]int{45, 60, 1000}).Draw(t, "memory"))
		o.Available = func() (int64, bool) {
			use := m.PageUse()
			return total - use.Held - use.Free, true
		}
		m.TrimPages(0)
		b := batch.New(watched{m, func(context.Context, []llama.Sequence) {
			if use := m.PageUse(); use.Held > total {
				t.Errorf("%d bytes held of %d", use.Held, total)
			}
		}}, o)
		defer b.Close()
		got, errs := make([]outcome, len(requests)), make([]error, len(requests))
		atATime := rapid.Bool().Draw(t, "at a time")
		var group sync.WaitGroup
		for i, r := range requests {
			group.Go(func() { got[i], errs[i] = r.run(ctx, b) })
			if !atATime {
				group.Wait()
			}
		}
		group.Wait()
		for i := range requests {
			if diff := cmp.Diff(want[i], got[i]); diff != "" || errs[i] != nil {
				t.Errorf("request %d: %v (-alone +here):\n%s", i, errs[i], diff)
			}
		}
		if kept := b.Kept(); kept > o.Keep || m.PageUse().Held != int64(kept)*o.PageBytes {
			t.Errorf("%d pages kept, the limit is %d; %d bytes held", kept, o.Keep, m.PageUse().Held)
		}
	})
}

// TestScoreWhole compares scores with those of llama, option by option.
func TestScoreWhole(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	b := batch.New(m, optionsFor(m, 100))
	defer b.Close()
	prefix := tokensOf(50, 1)
	options := [][]int{{1, 2, 3, 4}, {}, {1, 2, 3, 5}, {1, 2}, {9}, {1, 2, 3, 4}, tokensOf(40, 3), {9, 9, 9}}
	got, err := b.Score(ctx, prefix, options)
	if err != nil {
		t.Fatal(err)
	}
	for i, option := range options {
		whole := slices.Concat(prefix, option)
		r, err := m.Forward(ctx, []llama.Sequence{{Tokens: whole, AllLogits: true}})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float64, len(option))
		for k, token := range option {
			want[k] = float64(r[0].Logits[len(prefix)+k-1][token]) - kernel.LogSumExp(r[0].Logits[len(prefix)+k-1])
		}
		if !slices.Equal(got[i], want) {
			t.Errorf("option %d: %v, want %v", i, got[i], want)
		}
	}
}

// TestComputedOnce starts many requests under one beginning at the same time,
// and counts how often each of its positions goes through the model.
func TestComputedOnce(t *testing.T) {
	m := tiny(t, modeltest.Options{Context: 512})
	const blocks, requests = 20, 300
	computed := make([]int, 512)
	release := make(chan struct{})
	b := batch.New(watched{m, func(_ context.Context, pass []llama.Sequence) {
		<-release
		for _, s := range pass {
			for i := range s.Tokens {
				computed[s.Cache.Len()+i]++
			}
		}
	}}, optionsFor(m, 1000))
	defer b.Close()
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			tokens := append(tokensOf(blocks*llama.PageTokens+5, 1), tokensOf(7, uint64(i)+2)...)
			s, _, err := b.Start(ctx, batch.Prompt{Tokens: tokens, Share: true, Logits: true})
			if err != nil {
				t.Error(err)
				return
			}
			s.End(true)
		})
	}
	until(func() bool { return b.Waiting() > requests/2 })
	close(release)
	group.Wait()
	for i, n := range computed[:blocks*llama.PageTokens] {
		if n != 1 {
			t.Fatalf("position %d, which all requests share, is computed %d times", i, n)
		}
	}
}

// TestOptionsShare counts the tokens of options that begin alike.
func TestOptionsShare(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	computed := 0
	b := batch.New(watched{m, func(_ context.Context, pass []llama.Sequence) {
		for _, s := range pass {
			computed += len(s.Tokens)
		}
	}}, optionsFor(m, 0))
	defer b.Close()
	var options [][]int
	for i := range 50 {
		options = append(options, append(tokensOf(10, 1), 100+i, 7))
	}
	if _, err := b.Score(ctx, tokensOf(30, 2), options); err != nil {
		t.Fatal(err)
	}
	if want := 30 + 10 + 50; computed != want {
		t.Errorf("%d tokens computed, want %d: prefix, common beginning and one of each", computed, want)
	}
}
