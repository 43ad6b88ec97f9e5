package native

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Hidden returns hidden states of texts. Each goes through the model once, many
// of them together.
func (e *Engine) Hidden(ctx context.Context, r engine.HiddenRequest) ([]engine.HiddenState, error) {
	s, err := e.states(r)
	if err != nil {
		return nil, err
	}
	texts := make([][]int, len(r.Texts))
	for i, text := range r.Texts {
		texts[i] = e.textTokens(text, false)
		if err := e.fitsText(i, len(texts[i])); err != nil {
			return nil, err
		}
	}
	adapter, _, done, err := e.use(r.Adapter)
	if err != nil {
		return nil, err
	}
	defer done()
	out := make([]engine.HiddenState, len(texts))
	err = together(ctx, len(texts), func(ctx context.Context, i int) error {
		got, err := e.compute(ctx, batch.Prompt{Tokens: texts[i], Adapter: adapter, Hidden: s.requests(len(texts[i]), s.own(texts[i]))})
		if err == nil {
			out[i] = s.answer(r.Texts[i], texts[i], got)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// fitsText wants a text of so many tokens to fit the context.
func (e *Engine) fitsText(index, tokens int) error {
	switch limit := e.options.Context; {
	case tokens == 0:
		return usage(fmt.Sprintf("text %d is empty, and the model has no token for the beginning of a text", index), "leave it out")
	case tokens > limit:
		return usage(fmt.Sprintf("text %d has %d tokens, %d more than the context of %d", index, tokens, tokens-limit, limit),
			"give a shorter text, or open the model with a longer context; nothing was cut")
	}
	return nil
}

// states is a request for hidden states in the model runtime's terms.
type states struct {
	engine *Engine
	layers []int
	pools  []engine.Pool
	tokens bool
}

// states checks a request.
func (e *Engine) states(r engine.HiddenRequest) (*states, error) {
	s := &states{engine: e, pools: r.Pools, tokens: r.Tokens}
	layers := r.Layers
	if len(layers) == 0 {
		layers = []int{0}
	}
	for _, n := range layers {
		layer, err := e.layer(n)
		if err != nil {
			return nil, err
		}
		s.layers = append(s.layers, layer)
	}
	if len(s.pools) == 0 && !r.Tokens {
		s.pools = []engine.Pool{engine.PoolText}
	}
	for _, p := range s.pools {
		switch p {
		case engine.PoolLast, engine.PoolMean, engine.PoolText:
		default:
			return nil, usage(fmt.Sprintf("no pooling %q", p), "there are last, mean and text")
		}
	}
	return s, nil
}

// own returns the index of a text's first own token: the one after the token for
// the beginning of a text, where the model puts that.
func (s *states) own(tokens []int) int {
	spec := s.engine.tok.Spec()
	if spec.AddBOS && spec.BOS != tokenizer.None && tokens[0] == spec.BOS {
		return 1
	}
	return 0
}

// requests returns what to compute of n tokens, of which the text's own begin
// with the given one: for each layer each pooling, and then all states.
func (s *states) requests(n, own int) []llama.HiddenRequest {
	var positions []int // of the text's own tokens; nil means all
	if own > 0 && own < n {
		for i := own; i < n; i++ {
			positions = append(positions, i)
		}
	}
	var out []llama.HiddenRequest
	for _, layer := range s.layers {
		for _, p := range s.pools {
			switch p {
			case engine.PoolLast:
				out = append(out, llama.HiddenRequest{Layer: layer, Pool: llama.PoolLast})
			case engine.PoolMean:
				out = append(out, llama.HiddenRequest{Layer: layer, Pool: llama.PoolMean})
			case engine.PoolText:
				out = append(out, llama.HiddenRequest{Layer: layer, Pool: llama.PoolMean, Positions: positions})
			}
		}
		if s.tokens {
			out = append(out, llama.HiddenRequest{Layer: layer})
		}
	}
	return out
}

// answer puts together what requests asked for.
func (s *states) answer(text string, tokens []int, r batch.Result) engine.HiddenState {
	var out engine.HiddenState
	own := s.own(tokens)
	if s.tokens {
		out.Tokens = make([]engine.TokenState, len(tokens)-own)
		for i, at := range s.engine.extents(text, tokens[own:]) {
			out.Tokens[i] = engine.TokenState{Start: at.start, End: at.end}
		}
	}
	at := 0
	for range s.layers {
		pooled := make([][]float32, len(s.pools))
		at += copy(pooled, r.Hidden[at:])
		out.Pooled = append(out.Pooled, pooled)
		if !s.tokens {
			continue
		}
		for i, row := range r.States[at][own:] {
			out.Tokens[i].States = append(out.Tokens[i].States, row)
		}
		at++
	}
	return out
}

// extent is a stretch of a text, in bytes.
type extent struct{ start, end int }

// extents returns where tokens stand in the text that they are of.
func (e *Engine) extents(text string, tokens []int) []extent {
	spelled := make([][]byte, len(tokens))
	for i, id := range tokens {
		spelled[i] = e.tok.Bytes(id)
	}
	spec := e.tok.Spec()
	return align(text, spelled, spec.Kind == tokenizer.SentencePiece, spec.Normalizer != "")
}

// align follows the bytes that tokens spell through a text. Where the text's
// bytes are others, because the tokenizer composed letters or put spaces, tokens
// of that stretch have all of it; where the two do not come together again, those
// that are left have the rest of the text.
func align(text string, spelled [][]byte, pieces, composed bool) []extent {
	joined := bytes.Join(spelled, nil)
	// Of each byte that tokens spell: where in the text a token that begins there
	// begins, and one that ends before it ends.
	starts, ends := make([]int, len(joined)+1), make([]int, len(joined)+1)
	at := 0
	for from := 0; from < len(joined); {
		size, mine := stretch(text[at:], joined[from:], from == 0 && pieces, pieces, composed)
		for i := range mine {
			starts[from+i], ends[from+i+1] = at, at+size
			if size == mine {
				starts[from+i], ends[from+i+1] = at+i, at+i+1
			}
		}
		at, from = at+size, from+mine
	}
	starts[len(joined)] = len(text)
	out := make([]extent, len(spelled))
	from := 0
	for i, b := range spelled {
		out[i] = extent{starts[from], starts[from]}
		if from += len(b); len(b) > 0 {
			out[i].end = max(ends[from], starts[from-len(b)])
		}
	}
	return out
}

// stretch returns how many bytes of the text's rest and of what tokens spell,
// which is not empty, stand for each other.
func stretch(text string, spelled []byte, first, pieces, composed bool) (size, mine int) {
	switch {
	case first && spelled[0] == ' ' && (text == "" || text[0] != ' ' || len(spelled) > 1 && spelled[1] == ' '):
		return 0, 1 // the space that tokenizers put before a text
	case text == "":
		return 0, len(spelled)
	case text[0] == spelled[0] && !composed:
		return 1, 1
	case pieces && spelled[0] == ' ' && len(text) >= 3 && text[:3] == "▁":
		return 3, 1
	}
	if size = norm.NFC.NextBoundaryInString(text, true); size > 0 {
		if c := norm.NFC.String(text[:size]); bytes.HasPrefix(spelled, []byte(c)) {
			return size, len(c)
		}
	}
	return len(text), len(spelled)
}
