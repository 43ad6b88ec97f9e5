package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// promptStep is how many tokens of a prompt are computed in one pass. Between
// passes, others get their turn and progress is told; results do not depend on it.
const promptStep = llama.DefaultChunk

// prefill computes what no kept prefix has of a prompt, and returns its cache,
// which has room for extra tokens, and the logits after its last token.
func (e *Engine) prefill(ctx context.Context, tokens []int, extra int) (*llama.Cache, []float32, error) {
	if err := e.fits(len(tokens), extra); err != nil {
		return nil, nil, err
	}
	cache := e.prefixes.take(tokens, len(tokens)-1)
	if cache == nil {
		var err error
		if cache, err = e.model.NewCache(e.options.Context, e.options.Cache); err != nil {
			return nil, nil, err
		}
	}
	for {
		start := cache.Len()
		end := min(start+promptStep, len(tokens))
		part := llama.Sequence{Cache: cache, Tokens: tokens[start:end]}
		if end == len(tokens) {
			part.Logits = []int{-1}
		}
		out, err := e.model.Forward(ctx, []llama.Sequence{part})
		if err != nil {
			return nil, nil, e.explain(err)
		}
		if e.options.Progress != nil {
			e.options.Progress(end, len(tokens))
		}
		if end == len(tokens) {
			return cache, out[0].Logits[0], nil
		}
	}
}

// fits wants a prompt and what follows it to fit the context and the memory.
func (e *Engine) fits(prompt, extra int) error {
	switch limit := e.options.Context; {
	case prompt == 0:
		return usage("the prompt is empty, and the model has no token for the beginning of a text", "give a prompt")
	case prompt+extra > limit:
		return usage(fmt.Sprintf("the prompt has %d tokens and the answer may have %d: %d more than the context of %d", prompt, extra, prompt+extra-limit, limit),
			"give a shorter prompt, or ask for a shorter answer; nothing was cut")
	}
	return e.affordable(prompt + extra)
}

// affordable wants the keys and values of so many tokens to fit the memory.
// Kept prefixes go before a request is refused.
func (e *Engine) affordable(tokens int) error {
	if e.options.AnyMemory {
		return nil
	}
	need := llama.CacheBytes(e.file.Config, tokens, e.options.Cache)
	room, known := availableMemory(os.DirFS("/"))
	if !known || need <= room {
		return nil
	}
	e.prefixes.drop()
	debug.FreeOSMemory() // what was kept counts as used until it is given back
	if room, _ = availableMemory(os.DirFS("/")); need <= room {
		return nil
	}
	return input(fmt.Sprintf("run %d tokens", tokens), fmt.Errorf("their keys and values take %s, and %s are free", size(need), size(room)),
		"ask for a shorter answer (--max-tokens), or take a smaller --cache-type")
}

// explain turns a fault of the model runtime into one that says what to do.
func (e *Engine) explain(err error) error {
	var long *llama.ContextError
	var token *llama.TokenError
	switch {
	case errors.As(err, &long):
		return misused("run the model", err, "give less; nothing was cut")
	case errors.As(err, &token):
		return misused("run the model", err, "casemate tokenize gives a model's ids")
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
// is computed once.
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
		longest = max(longest, len(options[i]))
	}
	cache, logits, err := e.prefill(ctx, prefix, longest)
	if err != nil {
		return nil, err
	}
	each, err := e.model.LogProbs(ctx, cache, logits, options)
	if err != nil {
		return nil, e.explain(err)
	}
	e.prefixes.keep(prefix, cache)
	out := make([]engine.Score, len(options))
	for i, tokens := range each {
		out[i].Tokens = len(tokens)
		for _, lp := range tokens {
			out[i].Logprob += lp
		}
	}
	return out, nil
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
	layer, err := e.layer(r.Layer)
	if err != nil {
		return nil, err
	}
	pool := llama.PoolLast
	switch r.Pool {
	case "", engine.PoolLast:
	case engine.PoolMean:
		pool = llama.PoolMean
	default:
		return nil, usage(fmt.Sprintf("no pooling %q", r.Pool), "there are last and mean")
	}
	out := make([][]float32, len(r.Texts))
	for i, text := range r.Texts {
		tokens := e.textTokens(text, false)
		if err := e.fits(len(tokens), 0); err != nil {
			return nil, err
		}
		cache, err := e.model.NewCache(e.options.Context, e.options.Cache)
		if err != nil {
			return nil, err
		}
		results, err := e.model.Forward(ctx, []llama.Sequence{{Cache: cache, Tokens: tokens, Hidden: []llama.HiddenRequest{{Layer: layer, Pool: pool}}}})
		if err != nil {
			return nil, e.explain(err)
		}
		out[i] = results[0].Hidden[0][0]
	}
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
	cache, err := e.model.NewCache(e.options.Context, e.options.Cache)
	if err != nil {
		return Logits{}, err
	}
	results, err := e.model.Forward(ctx, []llama.Sequence{{Cache: cache, Tokens: tokens, Logits: []int{-1}, Hidden: want}})
	if err != nil {
		return Logits{}, e.explain(err)
	}
	r := results[0]
	out := Logits{Logits: r.Logits[0], Hidden: r.Hidden[0][0]}
	for _, h := range r.Hidden[1:] {
		out.Layers = append(out.Layers, h[0])
	}
	return out, nil
}
