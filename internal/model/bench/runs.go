package bench

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// tokens makes random token ids, the same ones in each run.
type tokens struct {
	vocabulary int
	state      uint64
}

// some returns n tokens.
func (t *tokens) some(n int) []int {
	ids := make([]int, n)
	for i := range ids {
		// Knuth's linear congruential generator, of which the high bits are used.
		t.state = t.state*6364136223846793005 + 1442695040888963407
		ids[i] = int(t.state >> 33 % uint64(t.vocabulary))
	}
	return ids
}

// measure takes turns between the measurements, so that what disturbs the
// machine for a while disturbs them alike.
func (b *bench) measure(ctx context.Context) error {
	b.describe, b.prices = describe(b.path, b.file), price(b.file, b.o.Cache)
	if err := b.first(ctx); err != nil { // memory is touched for the first time
		return err
	}
	for range b.o.Repeat {
		for _, run := range []struct {
			wanted bool
			do     func(context.Context) error
		}{
			{b.o.Prompt > 0, b.prompt}, {b.o.Decode > 0, b.decode},
			{b.o.Batch > 0 && b.o.Decode > 0, b.batch}, {b.o.Options > 0, b.prefix},
		} {
			if !run.wanted {
				continue
			}
			runtime.GC()
			if err := run.do(ctx); err != nil {
				return err
			}
			b.step()
		}
	}
	b.memory = b.used()
	return nil
}

// used returns the memory that the process has had at most.
func (b *bench) used() Memory {
	pages := b.model.PageUse()
	m := Memory{PeakBytes: peakMemory(), CacheBytes: pages.Held + pages.Free}
	for _, path := range b.file.Files {
		if info, err := os.Stat(path); err == nil {
			m.FileBytes += info.Size()
		}
	}
	if m.PeakBytes > 0 {
		m.RestBytes = m.PeakBytes - m.FileBytes - m.CacheBytes
	}
	return m
}

// cache returns a cache for so many tokens.
func (b *bench) cache(capacity int) (*llama.Cache, error) {
	return b.model.NewCache(capacity, b.o.Cache)
}

// pass makes a forward pass with one sequence.
func (b *bench) pass(ctx context.Context, s llama.Sequence) (llama.Result, error) {
	if s.Cache == nil {
		c, err := b.cache(len(s.Tokens))
		if err != nil {
			return llama.Result{}, err
		}
		defer c.Release()
		s.Cache = c
	}
	r, err := b.model.Forward(ctx, []llama.Sequence{s})
	if err != nil {
		return llama.Result{}, err
	}
	return r[0], nil
}

func (b *bench) prompt(ctx context.Context) error {
	s := llama.Sequence{Tokens: b.some(b.o.Prompt), Logits: []int{-1}}
	start := time.Now()
	_, err := b.pass(ctx, s)
	b.times.prompt = append(b.times.prompt, time.Since(start).Seconds())
	return err
}

// decode computes tokens one by one, beginning with an empty cache.
func (b *bench) decode(ctx context.Context) error {
	took, err := b.together(ctx, 1, 0)
	b.times.decode = append(b.times.decode, took)
	return err
}

// batch computes tokens of several sequences, one of each a pass, after prompts
// that are not counted.
func (b *bench) batch(ctx context.Context) error {
	took, err := b.together(ctx, b.o.Batch, firstPrompt)
	b.times.batch = append(b.times.batch, took)
	return err
}

// together has sequences compute a prompt and then tokens, and returns how long
// the tokens took.
func (b *bench) together(ctx context.Context, sequences, before int) (float64, error) {
	all := make([]llama.Sequence, sequences)
	for i := range all {
		c, err := b.cache(before + b.o.Decode)
		if err != nil {
			return 0, err
		}
		defer c.Release()
		all[i] = llama.Sequence{Cache: c, Tokens: b.some(before)}
	}
	if before > 0 {
		if _, err := b.model.Forward(ctx, all); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	for range b.o.Decode {
		for i := range all {
			all[i].Tokens, all[i].Logits = b.some(1), []int{-1}
		}
		if _, err := b.model.Forward(ctx, all); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds(), nil
}

// prefix scores all options after one computed beginning, and then one option
// with a beginning of its own.
func (b *bench) prefix(ctx context.Context) error {
	beginning := b.some(b.o.Prefix)
	options := make([][]int, b.o.Options)
	for i := range options {
		options[i] = b.some(optionTokens)
	}
	for _, run := range []struct {
		options [][]int
		times   *[]float64
	}{{options, &b.times.shared}, {options[:1], &b.times.whole}} {
		start := time.Now()
		if err := b.score(ctx, beginning, run.options); err != nil {
			return err
		}
		*run.times = append(*run.times, time.Since(start).Seconds())
	}
	return nil
}

func (b *bench) score(ctx context.Context, beginning []int, options [][]int) error {
	c, err := b.cache(len(beginning) + optionTokens)
	if err != nil {
		return err
	}
	defer c.Release()
	r, err := b.pass(ctx, llama.Sequence{Cache: c, Tokens: beginning, Logits: []int{-1}})
	if err != nil {
		return err
	}
	_, err = b.model.LogProbs(ctx, c, r.Logits[0], options)
	return err
}
