package native

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// fits wants a prompt and what follows it to fit the context.
func (e *Engine) fits(prompt, extra int) error {
	switch limit := e.options.Context; {
	case prompt == 0:
		return usage("the prompt is empty, and the model has no token for the beginning of a text", "give a prompt")
	case prompt+extra > limit:
		return usage(fmt.Sprintf("the prompt has %d tokens and the answer may have %d: %d more than the context of %d", prompt, extra, prompt+extra-limit, limit),
			"give a shorter prompt, or ask for a shorter answer; nothing was cut")
	}
	return nil
}

// explain turns a fault of the model runtime into one that says what to do.
func (e *Engine) explain(err error) error {
	var long *llama.ContextError
	var token *llama.TokenError
	var memory *batch.MemoryError
	switch {
	case errors.As(err, &long):
		return misused("run the model", err, "give less; nothing was cut")
	case errors.As(err, &token):
		return misused("run the model", err, "casemate tokenize gives a model's ids")
	case errors.As(err, &memory):
		return input("run the model", fmt.Errorf("keys and values take %s, and %s are free", size(memory.Need), size(memory.Room)),
			"ask for a shorter answer (--max-tokens), or take a smaller --cache-type")
	}
	return err
}

// textTokens returns the ids of a text as the model's training had it: after
// the token for the beginning of a text, where the model has one.
func (e *Engine) textTokens(text string, special bool) []int {
	spec := e.tok.Spec()
	var ids []int
	if spec.AddBOS && spec.BOS != tokenizer.None {
		ids = append(ids, spec.BOS)
	}
	rest := e.tok.EncodeSpans([]tokenizer.Span{{Text: text, Special: special}})
	if len(ids) > 0 && special && len(rest) > 0 && rest[0] == spec.BOS {
		rest = rest[1:] // the prompt spells it
	}
	return append(ids, rest...)
}

// Score returns the log-probability of each option after the prefix. The prefix
// is computed once, and so is what options have in common.
func (e *Engine) Score(ctx context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	var prefix []int
	if len(r.Messages) > 0 {
		p, err := e.chatPrompt(r.Messages, engine.ThinkingCut)
		if err != nil {
			return nil, err
		}
		prefix = p.ids
	} else {
		prefix = e.textTokens(r.Prefix, false)
	}
	options, longest := make([][]int, len(r.Options)), 0
	for i, option := range r.Options {
		if len(r.Messages) > 0 {
			options[i] = e.tok.Encode(option)
		} else {
			options[i] = e.continuation(prefix, r.Prefix, option)
		}
		if end := e.end(len(r.Messages) > 0); r.End && end != tokenizer.None {
			options[i] = append(slices.Clip(options[i]), end)
		}
		longest = max(longest, len(options[i]))
	}
	if err := e.fits(len(prefix), longest); err != nil {
		return nil, err
	}
	adapter, _, done, err := e.use(r.Adapter)
	if err != nil {
		return nil, err
	}
	defer done()
	each, err := e.requests.ScoreAdapted(ctx, adapter, prefix, options)
	if err != nil {
		return nil, e.explain(err)
	}
	out := make([]engine.Score, len(options))
	for i, tokens := range each {
		out[i].Tokens = len(tokens)
		for _, lp := range tokens {
			out[i].Logprob += lp
		}
	}
	return out, nil
}

// end returns the token that ends an answer in a conversation, or a text.
func (e *Engine) end(conversation bool) int {
	if spec := e.tok.Spec(); !conversation || spec.EOT == tokenizer.None {
		return spec.EOS
	}
	return e.tok.Spec().EOT
}

// continuation returns the tokens of an option as they follow the prefix in one
// text; where the two would run together into other tokens, the option's own.
func (e *Engine) continuation(prefix []int, text, option string) []int {
	whole := e.textTokens(text+option, false)
	if len(whole) >= len(prefix) && slices.Equal(whole[:len(prefix)], prefix) {
		return whole[len(prefix):]
	}
	return e.tok.Encode(option)
}

// Embed returns one vector for each text, each from one pass through all layers.
func (e *Engine) Embed(ctx context.Context, r engine.EmbedRequest) ([][]float32, error) {
	pool := r.Pool
	if pool == "" {
		pool = engine.PoolLast
	}
	states, err := e.Hidden(ctx, engine.HiddenRequest{Texts: r.Texts, Layers: []int{r.Layer}, Pools: []engine.Pool{pool}, Adapter: r.Adapter})
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(states))
	for i, s := range states {
		out[i] = s.Pooled[0][0]
	}
	return out, nil
}

// maxTogether is how many texts of one request are under way at a time.
const maxTogether = 128

// together calls do for every i below n, some at a time. The first error ends
// the others.
func together(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var group sync.WaitGroup
	var once sync.Once
	var failed error
	for range min(n, maxTogether) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					once.Do(func() { failed = err })
					cancel()
				}
			}
		})
	}
	group.Wait()
	if failed == nil {
		failed = ctx.Err() // before any began
	}
	return failed
}

// compute runs a prompt through the model and keeps nothing of it.
func (e *Engine) compute(ctx context.Context, p batch.Prompt) (batch.Result, error) {
	s, out, err := e.requests.Start(ctx, p)
	if err != nil {
		return batch.Result{}, e.explain(err)
	}
	s.End(false)
	return out, nil
}

// layer turns the number of a request (0 after the output norm, negative from
// the end) into llama's.
func (e *Engine) layer(n int) (int, error) {
	l := e.info.Layers
	switch {
	case n == 0:
		return llama.OutputNorm, nil
	case n >= 1 && n <= l:
		return n, nil
	case n < 0 && n >= -l:
		return l + 1 + n, nil
	}
	return 0, usage(fmt.Sprintf("the model has no layer %d", n), fmt.Sprintf("layers are 1 to %d, or -%d to -1 from the end; 0 is after the output norm", l, l))
}

// Logits is what a forward pass gives at the last position.
type Logits struct {
	Logits []float32   // [V]
	Hidden []float32   // [C], after the output norm
	Layers [][]float32 // [C] for each layer asked for
}

// Logits makes one forward pass over tokens and returns what it gives at the
// last one. Layer 0 is the embedding's output, 1 the first layer's, -1 the last
// layer's.
func (e *Engine) Logits(ctx context.Context, tokens, layers []int) (Logits, error) {
	if err := e.fits(len(tokens), 0); err != nil {
		return Logits{}, err
	}
	want := []llama.HiddenRequest{{Layer: llama.OutputNorm, Pool: llama.PoolLast}}
	for _, n := range layers {
		layer := 0
		if n != 0 {
			var err error
			if layer, err = e.layer(n); err != nil {
				return Logits{}, err
			}
		}
		want = append(want, llama.HiddenRequest{Layer: layer, Pool: llama.PoolLast})
	}
	adapter, _, done, err := e.use("")
	if err != nil {
		return Logits{}, err
	}
	defer done()
	r, err := e.compute(ctx, batch.Prompt{Tokens: tokens, Adapter: adapter, Logits: true, Hidden: want})
	if err != nil {
		return Logits{}, err
	}
	return Logits{Logits: r.Logits, Hidden: r.Hidden[0], Layers: r.Hidden[1:]}, nil
}
