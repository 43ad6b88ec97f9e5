// Package instruct turns rows into sequences for a language model: conversations
// through the model's chat template, with the loss on the answers alone, pairs of
// answers for preference training, and labelled texts as questions and answers.
//
// What a row says is data: no spelling in it becomes a special token. A prompt
// has the very tokens with which the native engine asks for an answer (with its
// thoughts cut: engine.ThinkingCut), so that a model meets in service what it was
// trained on.
package instruct

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/model/chat"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// Errors of rows, which say nothing of what they hold.
var (
	ErrNoAnswer = errors.New("it has no answer to learn")
	ErrTurns    = errors.New("its turns cannot be written")
	ErrSame     = errors.New("its two answers are the same")
)

// Writer writes rows in the tokens of one model. It may be used by several
// goroutines at once.
type Writer struct {
	tok      *tokenizer.Tokenizer
	template *chat.Template // nil: plain
	end      int            // what ends an answer, or tokenizer.None
}

// New returns a writer for a model: template is what its file holds, which may
// be empty, and spec its tokenizer. A model whose file and vocabulary have no
// template gets the plain form, see Plain.
func New(template string, spec tokenizer.Spec) (*Writer, error) {
	tok, err := tokenizer.New(spec)
	if err != nil {
		return nil, fmt.Errorf("read the tokenizer: %w", err)
	}
	w := &Writer{tok: tok, end: spec.EOT}
	if w.end == tokenizer.None {
		w.end = spec.EOS
	}
	w.template, err = chat.New(template, spec)
	if errors.Is(err, chat.ErrNoTemplate) {
		w.template, w.end, err = nil, spec.EOS, nil
	}
	return w, err
}

// Kind says how conversations are written: "file" for the template of the
// model's file, the name of a common one, or "plain".
func (w *Writer) Kind() string {
	if w.template == nil {
		return "plain"
	}
	return w.template.Kind()
}

// Plain returns the text that asks for an answer where a model has no template:
// each turn under a line "### User:" (or System, Assistant) and followed by an
// empty line, and then "### Assistant:" and a line break. It is given to the
// engine as a prompt as it is. Texts can spell these lines, which a template's
// special tokens prevent.
func Plain(turns []dataset.Turn) string {
	var b strings.Builder
	for _, t := range turns {
		b.WriteString("### " + heading(t.Role) + ":\n" + strings.TrimSpace(t.Content) + "\n\n")
	}
	b.WriteString("### Assistant:\n")
	return b.String()
}

func heading(role string) string {
	switch role {
	case chat.System:
		return "System"
	case chat.Assistant:
		return "Assistant"
	}
	return "User"
}

// Prompt returns the tokens that ask for the answer to some turns.
func (w *Writer) Prompt(turns []dataset.Turn) ([]int, error) {
	if len(turns) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrTurns)
	}
	if w.template == nil {
		return w.begin(w.tok.Encode(Plain(turns))), nil
	}
	spans, err := w.render(turns, false)
	if err != nil {
		return nil, err
	}
	return w.begin(w.tok.EncodeSpans(spans)), nil
}

// begin puts the beginning-of-text token first, unless it is there.
func (w *Writer) begin(ids []int) []int {
	spec := w.tok.Spec()
	if spec.AddBOS && spec.BOS != tokenizer.None && (len(ids) == 0 || ids[0] != spec.BOS) {
		return append([]int{spec.BOS}, ids...)
	}
	return ids
}

// render writes turns through the template.
func (w *Writer) render(turns []dataset.Turn, complete bool) ([]tokenizer.Span, error) {
	messages := make([]chat.Message, len(turns))
	for i, t := range turns {
		messages[i] = chat.Message{Role: t.Role, Content: t.Content}
	}
	p, err := w.template.Prompt(messages, chat.Options{Thinking: chat.ThinkingCut, Complete: complete})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTurns, err)
	}
	return p.Spans, nil
}

// Answer returns the example of one answer to some turns: the prompt, of which
// nothing is learnt, and the answer with what ends it.
func (w *Writer) Answer(turns []dataset.Turn, answer string) (train.Example, error) {
	if strings.TrimSpace(answer) == "" {
		return train.Example{}, ErrNoAnswer
	}
	prompt, err := w.Prompt(turns)
	if err != nil {
		return train.Example{}, err
	}
	said, err := w.said(turns, answer, prompt)
	if err != nil {
		return train.Example{}, err
	}
	e := train.Example{Tokens: append(slices.Clip(prompt), said...), Learn: make([]bool, len(prompt)+len(said))}
	for i := range said {
		e.Learn[len(prompt)+i] = true
	}
	return e, nil
}

// said returns the tokens of an answer after its prompt, up to the one that ends
// it. Where the template writes the conversation with the prompt's tokens first,
// they are those that it writes next; where it does not, as templates that leave
// thoughts out do, the answer's own, as a model would say them.
func (w *Writer) said(turns []dataset.Turn, answer string, prompt []int) ([]int, error) {
	if w.template != nil {
		whole := append(slices.Clone(turns), dataset.Turn{Role: chat.Assistant, Content: answer})
		spans, err := w.render(whole, true)
		if err != nil {
			return nil, err
		}
		ids := w.begin(w.tok.EncodeSpans(spans))
		if len(ids) > len(prompt) && slices.Equal(ids[:len(prompt)], prompt) {
			rest := ids[len(prompt):]
			if i := slices.IndexFunc(rest, w.tok.EndOfGeneration); i >= 0 {
				return rest[:i+1], nil
			}
		}
	}
	ids := w.tok.Encode(strings.TrimSpace(answer))
	if w.end != tokenizer.None {
		ids = append(ids, w.end)
	}
	return ids, nil
}

// Conversation returns the examples of a conversation: one of all of it, with all
// that the assistant says to be learnt, where the template writes it piece by
// piece; otherwise one for each answer.
func (w *Writer) Conversation(turns []dataset.Turn) ([]train.Example, error) {
	var all []train.Example
	for i, t := range turns {
		if t.Role != chat.Assistant {
			continue
		}
		e, err := w.Answer(turns[:i], t.Content)
		if err != nil {
			return nil, err
		}
		if n := len(all); n > 0 && len(e.Tokens) > len(all[n-1].Tokens) && slices.Equal(e.Tokens[:len(all[n-1].Tokens)], all[n-1].Tokens) {
			copy(e.Learn, all[n-1].Learn) // it goes on where the one before ends
			all[n-1] = e
			continue
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, ErrNoAnswer
	}
	return all, nil
}

// Preference returns the two answers of a pair as examples.
func (w *Writer) Preference(turns []dataset.Turn, chosen, rejected string) (better, worse train.Example, err error) {
	if strings.TrimSpace(chosen) == strings.TrimSpace(rejected) {
		return better, worse, ErrSame
	}
	if better, err = w.Answer(turns, chosen); err == nil {
		worse, err = w.Answer(turns, rejected)
	}
	return better, worse, err
}
