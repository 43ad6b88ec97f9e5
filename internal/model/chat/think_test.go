package chat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/chat"
)

// said joins parts into what was thought and what was answered.
func said(parts []chat.Part) (thought, answer string) {
	for _, p := range parts {
		if p.Thinking {
			thought += p.Text
		} else {
			answer += p.Text
		}
	}
	return thought, answer
}

func TestThoughts(t *testing.T) {
	for _, c := range []struct {
		open                bool
		in, thought, answer string
	}{
		{false, "plain answer\n", "", "plain answer\n"},
		{false, "<think>\nso\n</think>\n\nyes", "so", "yes"},
		{true, "so it is\n\nor not\n</think>\n\nyes\n", "so it is\n\nor not", "yes\n"},
		{true, "\nnever closed\n", "never closed", ""},
		{false, "a<think>b</think>c<think>d</think>e", "bd", "ace"},
		{false, "1 < 2 <thin> <think >", "", "1 < 2 <thin> <think >"},
		{false, "a</think>b", "", "ab"},
		{true, "a<think>b</think>c", "ab", "c"},
		{false, "<think></think>\n\nx", "", "x"},
		{false, "<<think>x</think>>", "x", "<>"},
		{false, "a<thi", "", "a<thi"},
		{true, "a</thin", "a</thin", ""},
		{false, "\n\na", "", "\n\na"},
	} {
		s := chat.NewThoughts(c.open)
		thought, answer := said(append(s.Write(c.in), s.Flush()...))
		if thought != c.thought || answer != c.answer {
			t.Errorf("open %v, %q: thought %q, answer %q, want %q and %q", c.open, c.in, thought, answer, c.thought, c.answer)
		}
	}
}

// TestThoughtsAnyCut feeds the same text whole and in pieces.
func TestThoughtsAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"<think>", "</think>", "<", "</", "think", ">", "\n", "a", "b ", "é"})).Draw(t, "words")
		in := strings.Join(words, "")
		open := rapid.Bool().Draw(t, "open")
		whole := chat.NewThoughts(open)
		wantThought, wantAnswer := said(append(whole.Write(in), whole.Flush()...))
		s := chat.NewThoughts(open)
		var parts []chat.Part
		for rest := in; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			parts = append(parts, s.Write(rest[:n])...)
			rest = rest[n:]
		}
		thought, answer := said(append(parts, s.Flush()...))
		if thought != wantThought || answer != wantAnswer || s.Thinking() != whole.Thinking() {
			t.Fatalf("%q in pieces: %q, %q; whole: %q, %q", in, thought, answer, wantThought, wantAnswer)
		}
		for _, p := range parts {
			if p.Text == "" {
				t.Fatal("empty part")
			}
		}
	})
}

// TestThoughtsTokens checks that where the tags are tokens, the same letters in
// text are text.
func TestThoughtsTokens(t *testing.T) {
	tp, err := chat.New("x", spec("<s>", "</s>", "<think>", "</think>"))
	if err != nil {
		t.Fatal(err)
	}
	s := tp.Thoughts(false)
	var parts []chat.Part
	parts = append(parts, s.Tag("<think>")...)
	parts = append(parts, s.Write("\nthe tag </think> ends it\n")...)
	parts = append(parts, s.Tag("</think>")...)
	parts = append(parts, s.Write("\n\nwrite <think>")...)
	parts = append(parts, s.Tag("<|other|>")...)
	parts = append(parts, s.Flush()...)
	want := []chat.Part{
		{Text: "the tag </think> ends it", Thinking: true},
		{Text: "write <think>"}, {Text: "<|other|>"},
	}
	if d := cmp.Diff(want, parts); d != "" {
		t.Error(d)
	}
}
