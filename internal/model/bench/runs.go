package bench

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
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
	if _, err := b.read(ctx, firstPrompt); err != nil { // memory is touched for the first time
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
	m := Memory{PeakBytes: peakMemory(), CacheBytes: b.pages}
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

// end gives up sequences, and notes what memory their keys and values had.
func (b *bench) end(all ...*batch.Sequence) {
	pages := b.model.PageUse()
	b.pages = max(b.pages, pages.Held+pages.Free)
	for _, s := range all {
		s.End(false)
	}
}

// begin computes a prompt, after which so many tokens may follow.
func (b *bench) begin(ctx context.Context, tokens []int, room int) (*batch.Sequence, error) {
	s, _, err := b.requests.Start(ctx, batch.Prompt{Tokens: tokens, Room: room, Logits: true})
	return s, err
}

// read computes a prompt and gives it up, and returns how long it took.
func (b *bench) read(ctx context.Context, n int) (float64, error) {
	tokens := b.some(n)
	start := time.Now()
	s, err := b.begin(ctx, tokens, 0)
	took := time.Since(start).Seconds()
	if err == nil {
		b.end(s)
	}
	return took, err
}

func (b *bench) prompt(ctx context.Context) error {
	took, err := b.read(ctx, b.o.Prompt)
	b.times.prompt = append(b.times.prompt, took)
	return err
}

// decode computes tokens one by one, after a first one.
func (b *bench) decode(ctx context.Context) error {
	took, err := b.together(ctx, 1, decodeAfter)
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
	var all []*batch.Sequence
	defer func() { b.end(all...) }()
	for range sequences {
		s, err := b.begin(ctx, b.some(before), b.o.Decode)
		if err != nil {
			return 0, err
		}
		all = append(all, s)
	}
	start := time.Now()
	for range b.o.Decode {
		for _, s := range all {
			if err := s.Next(ctx, b.some(1)[0]); err != nil {
				return 0, err
			}
		}
		for _, s := range all {
			if _, err := s.Wait(ctx); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(start).Seconds(), nil
}

// prefix scores all options after one beginning, and then one option with a
// beginning of its own.
func (b *bench) prefix(ctx context.Context) error {
	options := make([][]int, b.o.Options)
	for i := range options {
		options[i] = b.some(optionTokens)
	}
	for _, run := range []struct {
		options [][]int
		times   *[]float64
	}{{options, &b.times.shared}, {options[:1], &b.times.whole}} {
		beginning := b.some(b.o.Prefix)
		start := time.Now()
		if _, err := b.requests.Score(ctx, beginning, run.options); err != nil {
			return err
		}
		*run.times = append(*run.times, time.Since(start).Seconds())
	}
	b.end()
	return nil
}
