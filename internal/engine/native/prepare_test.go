package native_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestPrepare wants the count that Generate has, the markers of the chat
// template spelled, and the text of the messages whole.
func TestPrepare(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	context := e.Info().Context
	said := "is <|eot_id|> phishing?"
	for name, r := range map[string]engine.GenerateRequest{
		"messages": {Messages: []engine.Message{{Role: "system", Content: "be exact"}, {Role: "user", Content: said}}, MaxTokens: 2},
		"prompt":   {Prompt: "the alert on host", MaxTokens: 2},
		"tokens":   {Tokens: e.Tokenizer().Encode("the alert"), MaxTokens: 2},
	} {
		p, err := e.Prepare(ctx, r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if g := generate(t, e, r); g.PromptTokens != p.Tokens {
			t.Errorf("%s: Prepare counts %d tokens, Generate %d", name, p.Tokens, g.PromptTokens)
		}
		if p.Room != context-p.Tokens {
			t.Errorf("%s: room %d, want %d", name, p.Room, context-p.Tokens)
		}
	}
	p, err := e.Prepare(ctx, engine.GenerateRequest{Messages: []engine.Message{{Role: "user", Content: said}}})
	if err != nil || !strings.Contains(p.Prompt, said) || !strings.HasPrefix(p.Prompt, e.Piece(e.Tokenizer().BOS())) {
		t.Errorf("prompt %q, %v: want the beginning spelled and the message whole", p.Prompt, err)
	}
	p, err = e.Prepare(ctx, engine.GenerateRequest{Prompt: strings.Repeat("alert ", 2*context)})
	if err != nil || p.Room != 0 || p.Tokens <= context {
		t.Errorf("a prompt too long: %d tokens, room %d, %v", p.Tokens, p.Room, err)
	}
}
