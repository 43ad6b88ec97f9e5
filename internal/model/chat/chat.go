// Package chat writes a conversation as the prompt of a model, through the chat
// template that the model's file carries, and tells a reasoning model's thoughts
// from its answer.
//
// What a message says is data: no spelling in it becomes a special token, and no
// template can make it one. Only what the template itself writes may.
package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/model/jinja"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// The roles of messages.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string // System, User or Assistant
	Content string
}

// Thinking says what becomes of a reasoning model's thoughts. A prompt only needs
// to know whether they are cut.
type Thinking string

// What may become of thoughts.
const (
	ThinkingHide Thinking = ""
	ThinkingShow Thinking = "show"
	ThinkingCut  Thinking = "cut" // the model is made to answer at once
)

// DefaultDate returns the day that templates are told where Options.Date is zero: the
// one that Llama 3.1's template writes by itself. It does not move, so the same
// conversation gives the same prompt.
func DefaultDate() time.Time { return time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC) }

// Options is how a conversation is written. The zero value works.
type Options struct {
	Thinking Thinking
	Date     time.Time // told to templates that write the day; zero means DefaultDate
	// Complete leaves out the header of the answer that is to come.
	Complete bool
}

// Prompt is a conversation as a model reads it.
type Prompt struct {
	// Spans are to be encoded as they are: a beginning-of-text token is there if
	// the template writes one, and none is to be added.
	Spans []tokenizer.Span
	// Thinking tells that the answer begins inside <think>.
	Thinking bool
}

// ErrNoTemplate is what an error wraps where neither the model's file nor its
// vocabulary says how to write a conversation.
var ErrNoTemplate = errors.New("no chat template")

// Template writes conversations for one model. It may be used by several
// goroutines at once.
type Template struct {
	parsed *jinja.Template
	source string
	kind   string
	vars   map[string]any // of the vocabulary
	tags   bool           // <think> and </think> are tokens
}

// New returns the template of a model: template is what its file holds, which
// may be empty, and spec its tokenizer. Without a template, one of three common
// ones is taken if the vocabulary has its markers as special tokens; else the
// error wraps ErrNoTemplate.
func New(template string, spec tokenizer.Spec) (*Template, error) {
	special := specials(spec)
	t := &Template{source: template, kind: "file", vars: tokenVars(spec), tags: special[thinkOpen] && special[thinkClose]}
	if strings.TrimSpace(template) == "" {
		f, ok := fallback(special)
		if !ok {
			return nil, fmt.Errorf("%w: the model file has none, and the vocabulary has no markers of one that is known: give a prompt instead of messages", ErrNoTemplate)
		}
		t.kind, t.source = f.name, f.source
	}
	var err error
	if t.parsed, err = jinja.Parse(t.source); err != nil {
		return nil, fmt.Errorf("read chat template: %w", err)
	}
	return t, nil
}

// Kind is "file" for a template from the model's file, else the name of the one
// taken in its place: "llama3", "markers" or "chatml".
func (t *Template) Kind() string { return t.kind }

// Source is the template in use.
func (t *Template) Source() string { return t.source }

// specials returns the spellings of special tokens.
func specials(spec tokenizer.Spec) map[string]bool {
	out := map[string]bool{}
	for i, kind := range spec.Types {
		if i < len(spec.Tokens) && (kind == tokenizer.Control || kind == tokenizer.UserDefined) {
			out[spec.Tokens[i]] = true
		}
	}
	return out
}

// tokenVars are the variables that name special tokens; one that a model does not
// have is undefined, as Hugging Face leaves it.
func tokenVars(spec tokenizer.Spec) map[string]any {
	out := map[string]any{}
	for name, id := range map[string]int{"bos_token": spec.BOS, "eos_token": spec.EOS, "unk_token": spec.Unknown, "pad_token": spec.Pad} {
		if id >= 0 && id < len(spec.Tokens) {
			out[name] = spec.Tokens[id]
		}
	}
	return out
}

// Prompt writes a conversation, followed by what opens the answer. An error that
// a template raised itself, for instance over the order of roles, wraps a
// *jinja.RaisedError. Errors never hold what messages say.
func (t *Template) Prompt(messages []Message, o Options) (Prompt, error) {
	vars, err := t.variables(messages, o)
	if err != nil {
		return Prompt{}, err
	}
	spans, err := t.parsed.Render(vars, jinja.Limits{})
	if err != nil {
		return Prompt{}, fmt.Errorf("write conversation by the model's chat template: %w", err)
	}
	var p Prompt
	for _, s := range spans {
		p.Spans = append(p.Spans, tokenizer.Span{Text: s.Text, Special: !s.Data})
	}
	if !o.Complete {
		t.openThought(&p, o.Thinking)
	}
	return p, nil
}

// variables are what a template can read, under the names of Hugging Face.
func (t *Template) variables(messages []Message, o Options) (map[string]any, error) {
	if len(messages) == 0 {
		return nil, errors.New("write conversation: it has no messages")
	}
	list := make([]any, len(messages))
	for i, m := range messages {
		switch m.Role {
		case System, User, Assistant:
		default:
			return nil, fmt.Errorf("write conversation: message %d has a role that is not system, user or assistant", i+1)
		}
		list[i] = jinja.Dict{{Key: "role", Value: m.Role}, {Key: "content", Value: jinja.Data(m.Content)}}
	}
	date := o.Date
	if date.IsZero() {
		date = DefaultDate()
	}
	vars := map[string]any{
		"messages": list, "tools": nil, "documents": nil, "add_generation_prompt": !o.Complete,
		"strftime_now": jinja.Clock(date),
	}
	if !o.Date.IsZero() {
		vars["date_string"] = date.Format("02 Jan 2006")
	}
	if o.Thinking == ThinkingCut {
		vars["enable_thinking"] = false
	}
	for k, v := range t.vars {
		vars[k] = v
	}
	return vars, nil
}
