package tune_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// seeing is a model whose third layer knows that of the two names in a text the
// first counts after "red" and the second after "blue", which no word says; or knows
// nothing. It refuses texts of more than 400 bytes.
type seeing struct {
	engine.Engine
	blind  bool
	passes int // requests
}

func (s *seeing) Info() engine.Info {
	return engine.Info{Name: "seeing", Digest: "sha256:" + strings.Repeat("5", 64), Layers: 4, Width: 2}
}

func (s *seeing) Hidden(_ context.Context, r engine.HiddenRequest) ([]engine.HiddenState, error) {
	s.passes++
	out := make([]engine.HiddenState, len(r.Texts))
	for n, text := range r.Texts {
		if len(text) > 400 {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "too long"}
		}
		names, at := 0, 0
		for word := range strings.FieldsSeq(text) {
			start := at + strings.Index(text[at:], word)
			at = start + len(word)
			x := float32(0)
			if strings.HasPrefix(word, "n") && len(word) == 5 {
				names++
				if strings.HasPrefix(text, "red") == (names == 1) {
					x = 1
				}
			}
			t := engine.TokenState{Start: start, End: at}
			for _, layer := range r.Layers {
				if layer == 3 && !s.blind {
					t.States = append(t.States, []float32{x, 1})
				} else {
					t.States = append(t.States, []float32{0, 1})
				}
			}
			out[n].Tokens = append(out[n].Tokens, t)
		}
	}
	return out, nil
}

// names makes lines in which one of two names is the span.
func names(t *testing.T) *dataset.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 8))
	var b bytes.Buffer
	some := func(n int) string {
		var w []string
		for range n {
			w = append(w, filler[r.IntN(30)])
		}
		return " " + strings.Join(w, " ") + " "
	}
	for i := range 150 {
		first, second := fmt.Sprintf("n%04d", r.IntN(10000)), fmt.Sprintf("n%04d", r.IntN(10000))
		colour, name := "red", first
		if i%2 == 1 {
			colour, name = "blue", second
		}
		text := colour + some(8+r.IntN(4)) + first + some(8+r.IntN(4)) + second + some(8)
		if i == 0 {
			text += strings.Repeat(" again", 80)
		}
		at := strings.Index(text, name)
		fmt.Fprintf(&b, "{\"text\":%q,\"spans\":[{\"start\":%d,\"end\":%d,\"label\":\"NAME\"}],\"day\":\"d%d\"}\n", text, at, at+len(name), i/2)
	}
	table, err := dataset.Parse(t.Context(), "names.jsonl", b.Bytes(), dataset.Options{Kind: dataset.KindSpans})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSpansByStates chooses the layer that knows, and answers with it in one pass.
func TestSpansByStates(t *testing.T) {
	table, e := names(t), &seeing{}
	got := train(t, table, tune.Options{Group: "day", Engine: e, Model: "seeing"})
	card := got.Head.Card()
	if card.Encoder != tuned.EncoderModel || card.Base == nil || card.Base.Layer != 3 || card.Base.Pool != "" || card.Base.Width != 2 {
		t.Fatalf("card %+v, want the third layer of the model", card.Base)
	}
	res := got.Result
	words := -1.0
	for _, c := range res.Candidates {
		if c.Name == "words" && c.Baseline {
			words = c.Evaluation.Figures["span_f1"].Value
		}
	}
	if f := res.Candidates[res.Chosen].Evaluation.Figures["span_f1"].Value; f < 0.95 || words < 0 || words > 0.8 {
		t.Errorf("F1 %g, of the baseline on words %g", f, words)
	}
	if !strings.Contains(strings.Join(card.Limits, " "), "1 row too long") {
		t.Errorf("limits %q, want that a row was too long", card.Limits)
	}
	e.passes = 0
	d, err := got.Head.Classify(t.Context(), e, []string{"blue lamp lamp n1234 lamp n7777 lamp", "red lamp lamp n1234 lamp n7777 lamp"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d[0].Spans) != 1 || d[0].Spans[0].Text != "n7777" || len(d[1].Spans) != 1 || d[1].Spans[0].Text != "n1234" || e.passes != 1 {
		t.Errorf("in %d passes %+v", e.passes, d)
	}
	if _, err := got.Head.Classify(t.Context(), nil, []string{"red"}, tuned.Options{}); err == nil {
		t.Error("it answers without its model")
	}
	again := train(t, table, tune.Options{Group: "day", Engine: e, Model: "seeing"})
	for i, f := range got.Files() {
		if !bytes.Equal(f.Data, again.Files()[i].Data) {
			t.Errorf("%s differs the second time", f.Name)
		}
	}
}

// TestSpansByWordsAlone keeps to words where the states say nothing.
func TestSpansByWordsAlone(t *testing.T) {
	got := train(t, names(t), tune.Options{Group: "day", Engine: &seeing{blind: true}, Model: "seeing"})
	card := got.Head.Card()
	if card.Encoder != tuned.EncoderLexical || card.Base != nil || !strings.Contains(strings.Join(card.Limits, " "), "by words alone") {
		t.Errorf("card %+v", card)
	}
}
