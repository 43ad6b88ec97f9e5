package instruct_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/instruct"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// reader spells tokens.
type reader struct{ tok *tokenizer.Tokenizer }

func (r reader) text(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if r.tok.IsControl(id) {
			b.WriteString(r.tok.Text(id))
			continue
		}
		b.Write(r.tok.Bytes(id))
	}
	return b.String()
}

// learnt spells what an example teaches.
func (r reader) learnt(e train.Example) string {
	var ids []int
	for i, id := range e.Tokens {
		if e.Learn[i] {
			ids = append(ids, id)
		}
	}
	return r.text(ids)
}

func writer(t *testing.T, o modeltest.Options) (*instruct.Writer, reader) {
	t.Helper()
	spec := modeltest.Vocabulary(o)
	w, err := instruct.New(o.ChatTemplate, spec)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return w, reader{tok}
}

// turns alternates user and assistant.
func turns(contents ...string) []dataset.Turn {
	var all []dataset.Turn
	for i, c := range contents {
		all = append(all, dataset.Turn{Role: []string{"user", "assistant"}[i%2], Content: c})
	}
	return all
}

// thinking has templates that write an answer otherwise than they ask for it.
const thinking = "{{ bos_token }}{% for message in messages %}" +
	"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>' + message['content'] + '<|eot_id|>' }}" +
	"{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|><think>\n\n</think>\n\n' }}{% endif %}"

// TestServing wants the very prompt that the engine gives a model.
func TestServing(t *testing.T) {
	for name, o := range map[string]modeltest.Options{
		"file": {ChatTemplate: modeltest.ChatTemplate}, "known": {}, "thinking": {ChatTemplate: thinking},
	} {
		e := enginetest.Tiny(t, o, native.Options{})
		w, r := writer(t, o)
		for _, said := range [][]string{{"is this phishing?"}, {"a <|eot_id|> b <think>"}, {"one", "two", " three\n"}, {"ünïcode ☃"}} {
			var messages []engine.Message
			for _, turn := range turns(said...) {
				messages = append(messages, engine.Message(turn))
			}
			want, err := e.Prepare(context.Background(), engine.GenerateRequest{Messages: messages, Thinking: engine.ThinkingCut})
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.Prompt(turns(said...))
			if err != nil || r.text(got) != want.Prompt || len(got) != want.Tokens {
				t.Errorf("%s: %d tokens %q, %v; the engine has %d %q", name, len(got), r.text(got), err, want.Tokens, want.Prompt)
			}
		}
	}
}

// TestPlain wants a model without a template to be asked alike in both.
func TestPlain(t *testing.T) {
	o := modeltest.Options{SentencePiece: true}
	w, r := writer(t, o)
	if w.Kind() != "plain" {
		t.Fatalf("kind %q, want plain", w.Kind())
	}
	e := enginetest.Tiny(t, o, native.Options{})
	asked := []dataset.Turn{{Role: "system", Content: "be brief"}, {Role: "user", Content: " what? "}}
	text := instruct.Plain(asked)
	if want := "### System:\nbe brief\n\n### User:\nwhat?\n\n### Assistant:\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	want, err := e.Prepare(context.Background(), engine.GenerateRequest{Prompt: text})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Answer(asked, "this")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.text(a.Tokens); !strings.HasPrefix(got, want.Prompt) || strings.TrimSpace(r.learnt(a)) != "this</s>" {
		t.Errorf("%q, of which %q is learnt; the engine has %q", got, r.learnt(a), want.Prompt)
	}
	if last := a.Tokens[len(a.Tokens)-1]; !r.tok.EndOfGeneration(last) || !a.Learn[len(a.Learn)-1] {
		t.Errorf("the answer ends with %q, which must end it and be learnt", r.text([]int{last}))
	}
}

// TestAnswers wants the answers and what ends them to be learnt, and nothing else.
func TestAnswers(t *testing.T) {
	w, r := writer(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	all, err := w.Conversation(append([]dataset.Turn{{Role: "system", Content: "be exact"}}, turns("a?", "one <|eot_id|>", "b?", "two")...))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d examples, %v, want 1", len(all), err)
	}
	if got, want := r.learnt(all[0]), "one <|eot_id|><|eot_id|>two<|eot_id|>"; got != want {
		t.Errorf("learnt %q, want %q", got, want)
	}
	marker, _ := r.tok.ID("<|eot_id|>")
	if n := len(slices.DeleteFunc(slices.Clone(all[0].Tokens), func(id int) bool { return id != marker })); n != 5 {
		t.Errorf("%d end-of-turn tokens, want those of five turns: the spelling in a row is text", n)
	}
	want := "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe exact<|eot_id|><|start_header_id|>user<|end_header_id|>\n\na?<|eot_id|>" +
		"<|start_header_id|>assistant<|end_header_id|>\n\none <|eot_id|><|eot_id|><|start_header_id|>user<|end_header_id|>\n\nb?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\ntwo<|eot_id|>"
	if got := r.text(all[0].Tokens); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSeam has a template that writes an answer otherwise than it asks for it: each
// answer is an example of its own, after the prompt that serving has.
func TestSeam(t *testing.T) {
	w, r := writer(t, modeltest.Options{ChatTemplate: thinking})
	all, err := w.Conversation(turns("a?", "one", "b?", "two"))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d examples, %v, want 2", len(all), err)
	}
	for i, want := range []string{"one<|eot_id|>", "two<|eot_id|>"} {
		prompt, err := w.Prompt(turns("a?", "one", "b?", "two")[:2*i+1])
		if err != nil || !slices.Equal(all[i].Tokens[:len(prompt)], prompt) || r.learnt(all[i]) != want {
			t.Errorf("example %d: %q learnt after %q, %v", i, r.learnt(all[i]), r.text(all[i].Tokens), err)
		}
	}
}

func TestRefused(t *testing.T) {
	w, _ := writer(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	for name, c := range map[string]struct {
		turns []dataset.Turn
		want  error
	}{
		"no answer":  {turns("a?"), instruct.ErrNoAnswer},
		"empty":      {turns("a?", "  "), instruct.ErrNoAnswer},
		"no prompt":  {turns("a?", "b")[1:], instruct.ErrTurns},
		"other role": {[]dataset.Turn{{Role: "tool", Content: "secret"}, {Role: "assistant", Content: "b"}}, instruct.ErrTurns},
	} {
		_, err := w.Conversation(c.turns)
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := w.Preference(turns("a?"), "same", "same "); !errors.Is(err, instruct.ErrSame) {
		t.Errorf("error %v, want ErrSame", err)
	}
}

// TestRows writes tables of every kind that a language model can learn.
func TestRows(t *testing.T) {
	w, r := writer(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	labels := []string{"benign", "phishing"}
	for name, c := range map[string]struct {
		table  dataset.Table
		learnt []string
		of     []int
	}{
		"chat": {dataset.Table{Kind: dataset.KindChat, Rows: []dataset.Row{{Turns: turns("a", "b")}, {Number: 2, Turns: turns("a")}}}, []string{"b<|eot_id|>"}, []int{0}},
		"single": {dataset.Table{Kind: dataset.KindSingle, Labels: labels, Rows: []dataset.Row{{Text: "x", Labels: labels[1:]}, {Text: "y", Labels: labels[:1]}}},
			[]string{"phishing<|eot_id|>", "benign<|eot_id|>"}, []int{0, 1}},
		"multi": {dataset.Table{Kind: dataset.KindMulti, Labels: labels, Rows: []dataset.Row{{Text: "x", Labels: labels}, {Text: "y"}}},
			[]string{"benign, phishing<|eot_id|>", "none<|eot_id|>"}, []int{0, 1}},
	} {
		x, err := w.Rows(&c.table, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		var learnt []string
		for _, e := range x.Examples {
			learnt = append(learnt, r.learnt(e))
		}
		if diff := cmp.Diff(c.learnt, learnt); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.of, x.Of); diff != "" {
			t.Errorf("%s: rows of examples: %s", name, diff)
		}
		if len(x.Skipped)+len(x.Examples) != len(c.table.Rows) {
			t.Errorf("%s: %d skipped, %d examples of %d rows", name, len(x.Skipped), len(x.Examples), len(c.table.Rows))
		}
	}
	x, err := w.Rows(&dataset.Table{Kind: dataset.KindPreference, Rows: []dataset.Row{{Turns: turns("a"), Chosen: "good", Rejected: "bad"}}}, nil, "")
	if err != nil || len(x.Pairs) != 1 || r.learnt(x.Pairs[0].Chosen) != "good<|eot_id|>" || r.learnt(x.Pairs[0].Rejected) != "bad<|eot_id|>" {
		t.Errorf("pairs %+v, %v", x.Pairs, err)
	}
	if _, err := w.Rows(&dataset.Table{Kind: dataset.KindRegression}, nil, ""); err == nil {
		t.Error("no error over numbers")
	}
}

func TestQuestion(t *testing.T) {
	q, err := instruct.NewQuestion(dataset.KindMulti, []string{"a", "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if system := q.Turns("x")[0].Content; !strings.Contains(system, "The labels are: a, b.") {
		t.Errorf("the instruction %q lists no labels", system)
	}
	for answer, want := range map[string]int{"b, a": 0, "none": 0, "a, c": 1, "": 0} {
		labels, unknown := q.Read(answer)
		if unknown != want || len(labels) > 2 {
			t.Errorf("Read(%q) = %v, %d, want %d unknown", answer, labels, unknown, want)
		}
	}
	if labels, _ := q.Read(q.Answer([]string{"b", "a"})); !slices.Equal(labels, []string{"a", "b"}) {
		t.Errorf("labels %v do not survive", labels)
	}
	q, err = instruct.NewQuestion(dataset.KindMulti, []string{"a, b", "c"}, "Which?")
	if err != nil {
		t.Fatal(err)
	}
	if labels, unknown := q.Read(q.Answer([]string{"a, b", "c"})); !slices.Equal(labels, []string{"a, b", "c"}) || unknown != 0 {
		t.Errorf("labels with commas become %v", labels)
	}
	if diff := cmp.Diff([]string{"a, b", "c", "none"}, q.Options()); diff != "" {
		t.Error(diff)
	}
}
