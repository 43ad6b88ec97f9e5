package tuned_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/probe"
	"github.com/casemate-ai/casemate/internal/model/tagger"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

var base = "sha256:" + strings.Repeat("b", 64)

// counting is a model whose hidden states are counts of letters; it refuses texts
// that are longer than its context, and counts how often it is asked.
type counting struct {
	engine.Engine
	digest string
	passes int
}

func (c *counting) Info() engine.Info {
	return engine.Info{Name: "counting", Digest: c.digest, Layers: 4, Width: 4}
}

func (c *counting) Hidden(_ context.Context, r engine.HiddenRequest) ([]engine.HiddenState, error) {
	c.passes++
	out := make([]engine.HiddenState, len(r.Texts))
	for n, t := range r.Texts {
		if len(t) > 200 {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("text %d is longer than the context", n)}
		}
		for range r.Layers {
			var pools [][]float32
			for range r.Pools {
				pools = append(pools, letters(t))
			}
			out[n].Pooled = append(out[n].Pooled, pools)
		}
		if r.Tokens {
			for i := range len(t) {
				s := engine.TokenState{Start: i, End: i + 1}
				for range r.Layers {
					s.States = append(s.States, letters(t[i:i+1]))
				}
				out[n].Tokens = append(out[n].Tokens, s)
			}
		}
	}
	return out, nil
}

func letters(t string) []float32 {
	x := make([]float32, 4)
	for i := range x {
		x[i] = float32(strings.Count(t, string(rune('a'+i))))
	}
	return x
}

// onModel makes a head of a task on vectors of letters.
func onModel(t testing.TB, task tuned.Task, layer int) *tuned.Head {
	t.Helper()
	m := probe.Matrix{Rows: 40, Width: 4}
	targets := probe.Targets{}
	for n := range m.Rows {
		text := strings.Repeat("a", n%5+1)
		if n%2 == 1 {
			text = strings.Repeat("b", n%5+1)
		}
		m.Floats = append(m.Floats, letters(text)...)
		targets.Class = append(targets.Class, n%2)
		targets.Sets = append(targets.Sets, []int{n % 2})
		targets.Values = append(targets.Values, float64(len(text)))
	}
	o := probe.Options{Task: probe.Task(task), Labels: labels, Layer: layer, Pool: "last", Threads: 1, L2: []float64{0.001}}
	if task == tuned.TaskRegression {
		o.Labels = nil
	}
	h, err := probe.Train(context.Background(), m, targets, o)
	if err != nil {
		t.Fatal(err)
	}
	c := card(task)
	c.Encoder, c.Base, c.Values = tuned.EncoderModel, &tuned.Base{Name: "counting", Digest: base, Layer: layer, Pool: "last", Width: 4}, nil
	return makeHead(t, c, tuned.Weights{Dense: h})
}

func TestHeadsShareOnePass(t *testing.T) {
	e := &counting{digest: base}
	heads := []*tuned.Head{onModel(t, tuned.TaskSingle, 2), onModel(t, tuned.TaskMulti, 3), onModel(t, tuned.TaskOrdinal, 2), onModel(t, tuned.TaskRegression, 0),
		makeHead(t, card(tuned.TaskSingle), tuned.Weights{Lexical: words(t, false)})}
	all, err := tuned.ClassifyAll(context.Background(), e, heads, []string{"aaa", "bbb apple"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.passes != 1 {
		t.Errorf("%d passes for five heads, want 1", e.passes)
	}
	if all[0][0].Label != "fruit" || all[0][1].Label != "tool" || all[1][0].Labels[0].Label != "fruit" || all[2][1].Label != "tool" || all[4][1].Label != "fruit" {
		t.Errorf("answers %+v", all)
	}
	if v := all[3][0].Value; v == nil || *v < 2 || *v > 4 {
		t.Errorf("number %v of three letters, want about 3", v)
	}
	d, err := heads[0].Classify(context.Background(), e, []string{"aa b zz"}, tuned.Options{Because: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(d[0].Because) == 0 || d[0].Because[0].Text != "aa" {
		t.Errorf("reasons %+v, want aa", d[0].Because)
	}
}

// TestTooLongIsUnfit: a text over the context takes nothing from the others.
func TestTooLongIsUnfit(t *testing.T) {
	h := onModel(t, tuned.TaskSingle, 1)
	d, err := h.Classify(context.Background(), &counting{digest: base}, []string{"aaa", strings.Repeat("b", 300), "bb"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d[0].Label != "fruit" || d[2].Label != "tool" || !d[1].Abstain || d[1].Note != "longer than the model reads" {
		t.Errorf("answers %+v", d)
	}
}

func TestAnotherBaseIsRefused(t *testing.T) {
	h := onModel(t, tuned.TaskSingle, 1)
	for name, e := range map[string]engine.Engine{"none": nil, "another": &counting{digest: "sha256:" + strings.Repeat("c", 64)}, "unknown": &counting{}} {
		if _, err := h.Classify(context.Background(), e, []string{"a"}, tuned.Options{}); err == nil || !strings.Contains(err.Error(), "counting") {
			t.Errorf("%s: error %v, want one that names the base", name, err)
		}
	}
}

func TestTags(t *testing.T) {
	var rows []tagger.Row
	for n := range 60 {
		host := fmt.Sprintf("srv%02d", n)
		rows = append(rows, tagger.Row{Text: "login on " + host + " today", Spans: []tagger.Span{{Start: 9, End: 9 + len(host), Label: 1}}})
	}
	m, err := tagger.Train(context.Background(), rows, tagger.Options{Labels: labels, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := card(tuned.TaskSpans)
	c.Temperature, c.Thresholds = 0, nil
	h := makeHead(t, c, tuned.Weights{Tags: m})
	d := classify(t, h, "again on srv99 now", tuned.Options{})
	if len(d.Spans) != 1 || d.Spans[0].Text != "srv99" || d.Spans[0].Label != "tool" {
		t.Errorf("spans %+v, want srv99", d.Spans)
	}
	if d := classify(t, h, "again on srv99 now", tuned.Options{Threshold: 1}); len(d.Spans) != 0 && d.Spans[0].P < 1 {
		t.Errorf("spans %+v above a threshold of 1", d.Spans)
	}
}

// FuzzDense: whatever the weights of a head of vectors are, it is refused or
// answers.
func FuzzDense(f *testing.F) {
	h := onModel(f, tuned.TaskSingle, 2)
	text, weights := h.Files()[0].Data, h.Files()[1].Data
	f.Add(weights)
	f.Fuzz(func(t *testing.T, data []byte) {
		named := strings.Replace(string(text), h.Card().Weights, digest(data), 1)
		h, err := tuned.Parse([]byte(named), data)
		if err != nil {
			return
		}
		if _, err := h.Classify(context.Background(), &counting{digest: base}, []string{"ab"}, tuned.Options{}); err != nil {
			t.Errorf("a head that was read cannot answer: %v", err)
		}
	})
}
