package scripted_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
)

func ask(prompt string) engine.GenerateRequest { return engine.GenerateRequest{Prompt: prompt} }

// TestScriptOrder wants replies in their order, but for those that wait for a word.
func TestScriptOrder(t *testing.T) {
	s := scripted.New(scripted.Reply{When: "triage", Text: "grave"}, scripted.Reply{Text: "first"}, scripted.Reply{Text: "second"})
	var got []string
	for _, prompt := range []string{"hello", "triage this", "hello again"} {
		g, err := s.Generate(context.Background(), ask(prompt), nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, g.Text)
	}
	if diff := cmp.Diff([]string{"first", "grave", "second"}, got); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	if s.Left() != 0 || len(s.Requests()) != 3 || s.Requests()[1].Prompt != "triage this" {
		t.Errorf("left %d, requests %v", s.Left(), s.Requests())
	}
	if _, err := s.Generate(context.Background(), ask("more"), nil); !errors.Is(err, scripted.ErrScriptEnd) {
		t.Errorf("a question too many: %v, want ErrScriptEnd", err)
	}
}

// TestScriptStreams wants the pieces to be the text, thoughts first.
func TestScriptStreams(t *testing.T) {
	s := scripted.New(scripted.Reply{Thinking: "is it so", Text: "it is so"})
	var thought, text strings.Builder
	_, err := s.Generate(context.Background(), ask(""), func(p engine.Piece) error {
		if p.Thinking {
			thought.WriteString(p.Text)
		} else {
			text.WriteString(p.Text)
		}
		return nil
	})
	if err != nil || thought.String() != "is it so" || text.String() != "it is so" {
		t.Errorf("thought %q, text %q, error %v", thought.String(), text.String(), err)
	}
	stop := errors.New("enough")
	s = scripted.New(scripted.Reply{Text: "never ends"})
	if _, err := s.Generate(context.Background(), ask(""), func(engine.Piece) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of emit: %v", err)
	}
}

func TestScriptScores(t *testing.T) {
	s := scripted.New(scripted.Reply{Logprobs: []float64{-1, -2}}, scripted.Reply{Logprobs: []float64{-1}})
	got, err := s.Score(context.Background(), engine.ScoreRequest{Prefix: "p", Options: []string{"yes", "not at all"}})
	if diff := cmp.Diff([]engine.Score{{Logprob: -1, Tokens: 1}, {Logprob: -2, Tokens: 3}}, got); diff != "" || err != nil {
		t.Errorf("scores (-want +got):\n%s%v", diff, err)
	}
	if _, err := s.Score(context.Background(), engine.ScoreRequest{Options: []string{"a", "b"}}); err == nil {
		t.Error("one score for two options: no error")
	}
}

func TestBadEngines(t *testing.T) {
	broken := errors.New("broken pipe")
	s := scripted.New(scripted.StopsEarly("größer", 3), scripted.Reply{Text: "and then and then and", Finish: engine.FinishLength}, scripted.Reply{Err: broken})
	if g, err := s.Generate(context.Background(), ask(""), nil); err != nil || g.Text != "gr" || g.Finish != engine.FinishLength {
		t.Errorf("cut: %+v, %v", g, err)
	}
	if g, err := s.Generate(context.Background(), ask(""), nil); err != nil || g.AnswerTokens < 5 || g.Finish != engine.FinishLength {
		t.Errorf("rambling: %+v, %v", g, err)
	}
	if _, err := s.Generate(context.Background(), ask(""), nil); !errors.Is(err, broken) {
		t.Errorf("error of the script: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Embed(ctx, engine.EmbedRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s.Close()
	if _, err := s.Generate(context.Background(), ask(""), nil); err == nil {
		t.Error("a closed engine answers")
	}
}

// TestScriptPrepares wants the prompt with its roles, words for tokens, and no
// reply used up.
func TestScriptPrepares(t *testing.T) {
	s := scripted.New(scripted.Reply{Text: "kept"})
	s.About.Context = 10
	r := engine.GenerateRequest{Messages: []engine.Message{{Role: "system", Content: "be exact"}, {Role: "user", Content: "what is it"}}}
	got, err := s.Prepare(context.Background(), r)
	want := engine.Prepared{Prompt: "<|system|>\nbe exact\n<|user|>\nwhat is it\n<|assistant|>\n", Tokens: 5, Room: 5}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Prepare (-want +got): %v\n%s", err, diff)
	}
	if s.Left() != 1 || len(s.Requests()) != 0 {
		t.Errorf("Prepare used the script: %d left, %d requests", s.Left(), len(s.Requests()))
	}
	g, err := s.Generate(context.Background(), r, nil)
	if err != nil || g.PromptTokens != got.Tokens {
		t.Errorf("Generate counts %d tokens, Prepare %d (%v)", g.PromptTokens, got.Tokens, err)
	}
	if got, err := s.Prepare(context.Background(), ask(strings.Repeat("word ", 11))); err != nil || got.Room != 0 || got.Tokens != 11 {
		t.Errorf("a prompt too long: %+v, %v, want no room and no error", got, err)
	}
}

// TestScriptHidden wants states given as they are, if they are what was asked for.
func TestScriptHidden(t *testing.T) {
	state := engine.HiddenState{Pooled: [][][]float32{{{1, 2}}}}
	s := scripted.New(scripted.Reply{States: []engine.HiddenState{state}}, scripted.Reply{States: []engine.HiddenState{state}}, scripted.Reply{})
	got, err := s.Hidden(context.Background(), engine.HiddenRequest{Texts: []string{"a"}})
	if diff := cmp.Diff([]engine.HiddenState{state}, got); diff != "" || err != nil {
		t.Errorf("states (-want +got): %v\n%s", err, diff)
	}
	if _, err := s.Hidden(context.Background(), engine.HiddenRequest{Texts: []string{"a"}, Layers: []int{1, 2}}); err == nil {
		t.Error("one layer for two: no error")
	}
	if _, err := s.Hidden(context.Background(), engine.HiddenRequest{Texts: []string{"a"}}); err == nil {
		t.Error("no states for a text: no error")
	}
}
