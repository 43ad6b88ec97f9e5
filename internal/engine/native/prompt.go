package native

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/chat"
	"github.com/casemate-ai/casemate/internal/model/sample"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// chatPrompt is a conversation in a model's tokens.
type chatPrompt struct {
	ids      []int
	thinking bool // the answer begins inside <think>
}

// chatPrompt writes a conversation through the model's chat template. What
// people and data say in it is text: no spelling of a special token in it
// becomes one.
func (e *Engine) chatPrompt(messages []engine.Message, thinking engine.Thinking) (chatPrompt, error) {
	if e.chat == nil {
		return chatPrompt{}, input(fmt.Sprintf("chat with model %q", e.info.Name), e.noChat, "give a prompt as it is to be continued (--raw)")
	}
	turns := make([]chat.Message, len(messages))
	for i, m := range messages {
		turns[i] = chat.Message{Role: m.Role, Content: m.Content}
	}
	p, err := e.chat.Prompt(turns, chat.Options{Thinking: chat.Thinking(thinking)})
	if err != nil {
		return chatPrompt{}, misused(fmt.Sprintf("write the conversation as model %q reads it", e.info.Name), err, "its chat template may want other roles, or another order of them")
	}
	ids := e.tok.EncodeSpans(p.Spans)
	if spec := e.tok.Spec(); spec.AddBOS && spec.BOS != tokenizer.None && (len(ids) == 0 || ids[0] != spec.BOS) {
		ids = append([]int{spec.BOS}, ids...)
	}
	return chatPrompt{ids, p.Thinking}, nil
}

// read returns what a request gives the model to read.
func (e *Engine) read(r engine.GenerateRequest) (chatPrompt, error) {
	switch {
	case len(r.Tokens) > 0:
		return chatPrompt{ids: slices.Clone(r.Tokens)}, nil
	case len(r.Messages) > 0:
		return e.chatPrompt(r.Messages, r.Thinking)
	}
	return chatPrompt{ids: e.textTokens(r.Prompt, r.Special)}, nil
}

// Prepare says what a request gives the model to read: the text of the very
// tokens that Generate would begin with.
func (e *Engine) Prepare(ctx context.Context, r engine.GenerateRequest) (engine.Prepared, error) {
	if err := ctx.Err(); err != nil {
		return engine.Prepared{}, err
	}
	p, err := e.read(r)
	if err != nil {
		return engine.Prepared{}, err
	}
	var b strings.Builder
	for _, id := range p.ids {
		b.WriteString(e.Piece(id))
	}
	return engine.Prepared{Prompt: b.String(), Tokens: len(p.ids), Room: max(0, e.options.Context-len(p.ids))}, nil
}

// isThinkMark says whether a token is the whole of <think> or </think>.
func (e *Engine) isThinkMark(id int) bool {
	if id >= e.tok.Size() || e.tok.Type(id) == tokenizer.Normal {
		return false
	}
	text := e.tok.Text(id)
	return text == "<think>" || text == "</think>"
}

// thoughts returns what tells the model's thoughts from its answer.
func (e *Engine) thoughts(open bool) *chat.Thoughts {
	if e.chat != nil {
		return e.chat.Thoughts(open)
	}
	return chat.NewThoughts(open)
}

// Piece returns what a token stands for: its text, or a control token's
// spelling; "" for a row of the output that the tokenizer does not know.
func (e *Engine) Piece(id int) string {
	switch {
	case id < 0 || id >= e.tok.Size():
		return ""
	case e.tok.IsControl(id):
		return e.tok.Text(id)
	}
	return string(e.tok.Bytes(id))
}

// Top returns the n most probable tokens of logits, the most probable first.
func Top(logits []float32, n int) ([]sample.Token, error) {
	s, err := sample.New(sample.Options{})
	if err != nil {
		return nil, err
	}
	c, err := s.Next(logits, nil)
	if err != nil {
		return nil, err
	}
	return c.Top(n), nil
}
