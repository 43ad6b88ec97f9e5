// Package scripted is an engine that answers from a script, well or badly. The
// cases of prompts and recipes run on it, and so do the measures of grounding and
// of injection.
package scripted

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/engine"
)

// ErrScriptEnd is the error of a Script that is asked more than it has replies for.
var ErrScriptEnd = errors.New("the script has no more replies")

// Reply is one answer of a Script.
type Reply struct {
	// When, where not empty, must occur in the request's messages or prompt: a
	// reply that does not fit is kept for a later request.
	When string
	Text string
	// Thinking is what the model thinks before it answers.
	Thinking string
	// Finish is why the answer ends; empty is FinishStop.
	Finish engine.Finish
	// Logprobs are the scores of a ScoreRequest's options, in their order.
	Logprobs []float64
	// Vectors answer an EmbedRequest.
	Vectors [][]float32
	// States answer a HiddenRequest.
	States []engine.HiddenState
	// Err ends the request. Text that comes with it has been emitted before.
	Err error
}

// Script is an engine that answers with the given replies, each once, in their
// order. What a reply says is passed on as it is, whatever the request asks: a
// script can lie, ramble, stop early or break the schema.
type Script struct {
	About engine.Info

	mu       sync.Mutex
	replies  []Reply
	requests []engine.GenerateRequest
	closed   bool
}

var _ engine.Engine = (*Script)(nil)

// New returns a script of replies.
func New(replies ...Reply) *Script {
	return &Script{
		About:   engine.Info{Name: "script", Architecture: "script", Digest: "sha256:" + strings.Repeat("0", 64), Context: 4096, Vocabulary: 256, Layers: 1, Width: 4},
		replies: replies,
	}
}

// Info returns About.
func (s *Script) Info() engine.Info { return s.About }

// Requests returns the generate requests so far, in their order.
func (s *Script) Requests() []engine.GenerateRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]engine.GenerateRequest(nil), s.requests...)
}

// Left returns how many replies have not been given.
func (s *Script) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.replies)
}

// take removes the first reply that fits the text of a request.
func (s *Script) take(text string) (Reply, error) {
	if s.closed {
		return Reply{}, errors.New("the engine is closed")
	}
	for i, r := range s.replies {
		if strings.Contains(text, r.When) {
			s.replies = append(s.replies[:i:i], s.replies[i+1:]...)
			return r, nil
		}
	}
	return Reply{}, fmt.Errorf("%w: %.200q", ErrScriptEnd, text)
}

// Generate gives the next reply, a word at a time.
func (s *Script) Generate(ctx context.Context, r engine.GenerateRequest, emit func(engine.Piece) error) (engine.Generation, error) {
	if err := ctx.Err(); err != nil {
		return engine.Generation{}, err
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	text := spoken(r.Messages, r.Prompt)
	reply, err := s.take(text)
	s.mu.Unlock()
	if err != nil {
		return engine.Generation{}, err
	}
	if err := speak(reply.Thinking, true, emit); err != nil {
		return engine.Generation{}, err
	}
	if err := speak(reply.Text, false, emit); err != nil {
		return engine.Generation{}, err
	}
	if reply.Err != nil {
		return engine.Generation{}, reply.Err
	}
	g := engine.Generation{Text: reply.Text, Thinking: reply.Thinking, Finish: reply.Finish, PromptTokens: words(text), AnswerTokens: words(reply.Text)}
	if g.Finish == "" {
		g.Finish = engine.FinishStop
	}
	return g, nil
}

// Prepare writes the request's messages, each after its role spelled as a special
// token, and takes words for tokens. What Generate counts is the same. The context
// is About.Context.
func (s *Script) Prepare(ctx context.Context, r engine.GenerateRequest) (engine.Prepared, error) {
	if err := ctx.Err(); err != nil {
		return engine.Prepared{}, err
	}
	prompt := r.Prompt
	if len(r.Messages) > 0 {
		var b strings.Builder
		for _, m := range r.Messages {
			b.WriteString("<|" + m.Role + "|>\n" + m.Content + "\n")
		}
		prompt = b.String() + "<|assistant|>\n"
	}
	n := words(spoken(r.Messages, r.Prompt))
	return engine.Prepared{Prompt: prompt, Tokens: n, Room: max(0, s.About.Context-n)}, nil
}

// speak emits text in pieces that end after spaces.
func speak(text string, thinking bool, emit func(engine.Piece) error) error {
	if emit == nil {
		return nil
	}
	for _, word := range strings.SplitAfter(text, " ") {
		if word == "" {
			continue
		}
		if err := emit(engine.Piece{Text: word, Thinking: thinking}); err != nil {
			return err
		}
	}
	return nil
}

// spoken is the text of a request.
func spoken(messages []engine.Message, prompt string) string {
	if len(messages) == 0 {
		return prompt
	}
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Content + "\n")
	}
	return b.String()
}

// words counts what a script takes for tokens.
func words(text string) int { return len(strings.Fields(text)) }

// Score gives the next reply's log-probabilities. It is an error if they are
// fewer or more than the options.
func (s *Script) Score(ctx context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	reply, err := s.take(spoken(r.Messages, r.Prefix))
	s.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case reply.Err != nil:
		return nil, reply.Err
	case len(reply.Logprobs) != len(r.Options):
		return nil, fmt.Errorf("the script scores %d options, %d were asked", len(reply.Logprobs), len(r.Options))
	}
	out := make([]engine.Score, len(r.Options))
	for i, option := range r.Options {
		out[i] = engine.Score{Logprob: reply.Logprobs[i], Tokens: max(1, words(option))}
	}
	return out, nil
}

// Embed gives the next reply's vectors. It is an error if they are fewer or
// more than the texts.
func (s *Script) Embed(ctx context.Context, r engine.EmbedRequest) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	reply, err := s.take(strings.Join(r.Texts, "\n"))
	s.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case reply.Err != nil:
		return nil, reply.Err
	case len(reply.Vectors) != len(r.Texts):
		return nil, fmt.Errorf("the script has %d vectors, %d texts were given", len(reply.Vectors), len(r.Texts))
	}
	return reply.Vectors, nil
}

// Hidden gives the next reply's states. It is an error if they are fewer or more
// than the texts, or have not the layers, poolings and tokens that are asked for.
func (s *Script) Hidden(ctx context.Context, r engine.HiddenRequest) ([]engine.HiddenState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	reply, err := s.take(strings.Join(r.Texts, "\n"))
	s.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case reply.Err != nil:
		return nil, reply.Err
	case len(reply.States) != len(r.Texts):
		return nil, fmt.Errorf("the script has states of %d texts, %d were given", len(reply.States), len(r.Texts))
	}
	pools := len(r.Pools)
	if pools == 0 && !r.Tokens {
		pools = 1
	}
	for _, state := range reply.States {
		if len(state.Pooled) != max(1, len(r.Layers)) || len(state.Pooled[0]) != pools || (state.Tokens != nil) != r.Tokens {
			return nil, fmt.Errorf("the script's states are not those of %d layers and %d poolings", max(1, len(r.Layers)), pools)
		}
	}
	return reply.States, nil
}

// Close ends the script: it answers no more.
func (s *Script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// StopsEarly returns a reply that is cut after so many bytes of text, at the
// border of a character.
func StopsEarly(text string, bytes int) Reply {
	bytes = min(max(bytes, 0), len(text))
	for bytes > 0 && bytes < len(text) && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return Reply{Text: text[:bytes], Finish: engine.FinishLength}
}
