package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Options say what to measure. A number of 0 leaves that measurement out.
type Options struct {
	Threads int        // processors to use; 0 means all
	Cache   quant.Type // of keys and values: F32, F16 or Q8_0
	Repeat  int        // how often each is measured; 0 means once

	Prompt int // tokens of a prompt that are computed together
	Decode int // tokens that are computed one after another
	Batch  int // sequences that compute Decode tokens each, together

	// Options are so many continuations of a beginning of Prefix tokens, whose
	// probabilities are computed: once from one computed beginning, and each
	// with a beginning of its own.
	Options, Prefix int

	// Progress, unless nil, is told how many of all measurements are done.
	Progress func(done, all int64)
}

const (
	// firstPrompt is the prompt of the first token, and of each sequence of a
	// batch; decodeAfter is that of one sequence alone, and optionTokens is how
	// long an option is.
	firstPrompt  = 16
	decodeAfter  = 1
	optionTokens = 4
	// maxRepeat and MaxTokens bound what a mistake can ask for.
	maxRepeat = 1000
	// MaxTokens bounds Prompt, Decode and Prefix together with what follows them,
	// as the model's context does.
	MaxTokens = 1 << 20
	// MaxSequences bounds Batch and Options.
	MaxSequences = 1 << 16
)

// ErrOptions is wrapped by the errors of Options that cannot be.
var ErrOptions = errors.New("this cannot be measured")

// check refuses what cannot be measured.
func (o *Options) check(c modelfile.Config) error {
	o.Repeat = cmp.Or(o.Repeat, 1)
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	for _, n := range []struct {
		what       string
		have, most int
	}{
		{"repetitions", o.Repeat, maxRepeat}, {"tokens of a prompt", o.Prompt, MaxTokens}, {"tokens to decode", o.Decode, MaxTokens - firstPrompt},
		{"sequences", o.Batch, MaxSequences}, {"options", o.Options, MaxSequences}, {"tokens of a prefix", o.Prefix, MaxTokens - optionTokens},
	} {
		if n.have < 0 || n.have > n.most {
			return fmt.Errorf("%w: %d %s, not 0 to %d", ErrOptions, n.have, n.what, n.most)
		}
	}
	longest := max(o.Prompt, firstPrompt+o.Decode, o.Prefix+optionTokens)
	if longest > c.Context {
		return fmt.Errorf("%w: sequences of %d tokens, the model was made for %d", ErrOptions, longest, c.Context)
	}
	if o.Options > 0 && o.Prefix == 0 {
		return fmt.Errorf("%w: %d options after a prefix of no tokens", ErrOptions, o.Options)
	}
	return nil
}

// Run opens the model at path and measures it, and then the machine. The memory
// of the process is part of the report: nothing else should run in it.
func Run(ctx context.Context, path string, o Options) (*Report, error) {
	b := &bench{o: o, path: path}
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	err := b.measure(ctx)
	b.close()
	if err != nil {
		return nil, err
	}
	if err := b.starts(ctx); err != nil {
		return nil, err
	}
	machine, err := Measure(ctx, b.o.Threads)
	if err != nil {
		return nil, err
	}
	b.step()
	return b.report(machine), nil
}

// bench is a measurement under way.
type bench struct {
	o    Options
	path string

	file     *modelfile.Model
	model    *llama.Model
	requests *batch.Batcher
	tokens

	describe Model
	memory   Memory
	pages    int64 // most bytes of keys and values so far
	prices   prices
	times    times
	done     int64
}

// times are how long each run took, in seconds.
type times struct {
	load, first, prompt, decode, batch, shared, whole []float64
}

// open opens and loads the model and computes its first token.
func (b *bench) open(ctx context.Context) (err error) {
	if err := isa.Check(); err != nil {
		return err
	}
	start := time.Now()
	if b.file, err = modelfile.Open(b.path); err != nil {
		return err
	}
	if err := b.o.check(b.file.Config); err != nil {
		b.close()
		return err
	}
	if b.model, err = llama.Load(b.file, llama.Options{Threads: b.o.Threads}); err != nil {
		b.close()
		return err
	}
	b.times.load = append(b.times.load, time.Since(start).Seconds())
	b.serve()
	if _, err := b.read(ctx, firstPrompt); err != nil {
		b.close()
		return err
	}
	b.times.first = append(b.times.first, time.Since(start).Seconds())
	b.step()
	return nil
}

// serve lets requests come, as an engine does. Nothing is kept of what was
// computed: each run computes all of its own.
func (b *bench) serve() {
	c := b.file.Config
	b.tokens = tokens{vocabulary: c.Vocabulary}
	b.requests = batch.New(b.model, batch.Options{Context: c.Context, Vocabulary: c.Vocabulary, Cache: b.o.Cache,
		PageBytes: llama.CacheBytes(c, 1, b.o.Cache)})
}

// close closes what open opened. Errors of unmapping change no figure.
func (b *bench) close() {
	if b.requests != nil {
		b.requests.Close()
	}
	if b.model != nil {
		b.model.Close()
	}
	if b.file != nil {
		b.file.Close()
	}
	b.requests, b.model, b.file = nil, nil, nil
}

// step tells of progress.
func (b *bench) step() {
	b.done++
	if b.o.Progress == nil {
		return
	}
	each := int64(1) // opening
	for _, n := range []int{b.o.Prompt, b.o.Decode, b.o.Batch * b.o.Decode, b.o.Options} {
		if n > 0 {
			each++
		}
	}
	b.o.Progress(b.done, each*int64(b.o.Repeat)+1)
}

// starts opens the model as often again as asked for.
func (b *bench) starts(ctx context.Context) error {
	for len(b.times.load) < b.o.Repeat {
		runtime.GC() // what the last one left is not to be waited for
		if err := b.open(ctx); err != nil {
			return err
		}
		b.close()
	}
	return nil
}
