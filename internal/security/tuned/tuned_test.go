package tuned_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/model/linear"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

var labels = []string{"fruit", "tool"}

// words train a model in no time: each label has its own.
func words(t testing.TB, multi bool) *lexical.Model {
	t.Helper()
	var examples []lexical.Example
	for n := range 40 {
		examples = append(examples,
			lexical.Example{Text: fmt.Sprintf("a ripe apple and a pear, basket %c", 'a'+n%20), Targets: []lexical.Target{{Label: 0}}},
			lexical.Example{Text: fmt.Sprintf("a steel hammer and a saw, shelf %c", 'a'+n%20), Targets: []lexical.Target{{Label: 1}}})
	}
	m, err := lexical.Train(examples, lexical.Config{Name: "test", Groups: []lexical.Group{{Name: "answer", Labels: labels, Multi: multi}}, Features: lexical.Features{Bits: 10}, Dim: 8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func card(task tuned.Task) tuned.Card {
	c := tuned.Card{Name: "things", Task: task, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Labels: labels, Encoder: tuned.EncoderLexical,
		Thresholds: map[string]float64{"fruit": 0.6, "tool": 0.6}, Data: tuned.DataCard{Path: "things.csv", Digest: "sha256:" + strings.Repeat("0", 64)}}
	switch task {
	case tuned.TaskMulti:
		c.Scales = []tuned.Scale{{Slope: 1}, {Slope: 1}}
	case tuned.TaskRegression:
		c.Labels, c.Thresholds, c.Values = nil, nil, []float64{10, 20}
	default:
		c.Temperature = 0.5
	}
	return c
}

func makeHead(t testing.TB, c tuned.Card, w tuned.Weights) *tuned.Head {
	t.Helper()
	h, err := tuned.New(c, w)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func classify(t testing.TB, h *tuned.Head, text string, o tuned.Options) tuned.Decision {
	t.Helper()
	d, err := h.Classify(context.Background(), nil, []string{text}, o)
	if err != nil {
		t.Fatal(err)
	}
	return d[0]
}

func TestSaveAndOpen(t *testing.T) {
	h := makeHead(t, card(tuned.TaskSingle), tuned.Weights{Lexical: words(t, false)})
	dir := filepath.Join(t.TempDir(), "heads", "things")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := tuned.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != h.Digest() {
		t.Errorf("digest %s, then %s", h.Digest(), again.Digest())
	}
	d := classify(t, again, "an apple pear", tuned.Options{})
	if d.Label != "fruit" || d.P < 0.6 || d.Abstain || d.Head != "things" || d.Digest != h.Digest() {
		t.Errorf("decision %+v, want fruit", d)
	}
	if len(d.Because) == 0 || d.Because[0].Weight <= 0 || d.Because[0].Text != "apple" && d.Because[0].Text != "pear" {
		t.Errorf("reasons %+v, want a fruit", d.Because)
	}
	if err := h.Save(dir); err == nil {
		t.Error("a folder that holds something was written over")
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d folders beside the head, %v; want none left behind", len(entries)-1, err)
	}
}

func TestAbstains(t *testing.T) {
	h := makeHead(t, card(tuned.TaskSingle), tuned.Weights{Lexical: words(t, false)})
	for text, note := range map[string]string{"": "text is empty", "zeppelin quartz": "no word of it is known"} {
		if d := classify(t, h, text, tuned.Options{}); !d.Abstain || d.Note != note {
			t.Errorf("%q: %+v, want that it abstains: %s", text, d, note)
		}
	}
	if d := classify(t, h, "a apple hammer pear saw", tuned.Options{Threshold: 0.999999}); !d.Abstain {
		t.Errorf("%+v is as sure as that of both at once", d)
	}
	c := card(tuned.TaskSingle)
	c.LeastKnown = 0.5
	strict := makeHead(t, c, tuned.Weights{Lexical: words(t, false)})
	if d := classify(t, strict, "apple zeppelin quartz onyx jade", tuned.Options{}); !d.Abstain || !strings.Contains(d.Note, "too few") {
		t.Errorf("%+v of a text of which one word in five is known", d)
	}
	long := strings.Repeat("apple ", 20_000)
	if d := classify(t, h, long, tuned.Options{Because: -1}); !strings.Contains(d.Note, "bytes were read") {
		t.Errorf("note %q of a text that is longer than is read", d.Note)
	}
}

func TestMultiAndRegression(t *testing.T) {
	multi := makeHead(t, card(tuned.TaskMulti), tuned.Weights{Lexical: words(t, true)})
	if d := classify(t, multi, "apple pear", tuned.Options{}); len(d.Labels) != 1 || d.Labels[0].Label != "fruit" || len(d.Alternatives) != 1 {
		t.Errorf("several labels: %+v, want fruit alone", d)
	}
	regression := makeHead(t, card(tuned.TaskRegression), tuned.Weights{Lexical: words(t, false)})
	if d := classify(t, regression, "apple pear", tuned.Options{}); d.Value == nil || *d.Value > 13 || *d.Value < 10 {
		t.Errorf("number: %+v, want near 10", d)
	}
}

// TestStackAsksTheEmbeddedHead has a linear model beside the embedded attack head.
func TestStackAsksTheEmbeddedHead(t *testing.T) {
	attack, err := head.Open("attack")
	if err != nil {
		t.Skip("this build has no attack head")
	}
	ids := []string{"T1003.001", "T1566.001"}
	var examples []linear.Example
	for n := range 30 {
		examples = append(examples, linear.Example{Text: fmt.Sprintf("alpha beta %c", 'a'+n%10), Labels: []int{0}}, linear.Example{Text: fmt.Sprintf("gamma delta %c", 'a'+n%10), Labels: []int{1}})
	}
	m, err := linear.Train(examples, attack.Vectors(), linear.Config{Name: "t", Groups: []linear.Group{{Name: "answer", Labels: ids}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := card(tuned.TaskSingle)
	c.Labels, c.Thresholds = ids, nil
	c.Stack = &tuned.Stack{Head: "attack", Digest: "sha256:" + attack.Info().Digest, Own: 0.1, Other: 1}
	h := makeHead(t, c, tuned.Weights{Linear: m})
	d := classify(t, h, "the tool dumps credentials from the memory of lsass", tuned.Options{})
	if d.Label != "T1003.001" || len(d.Because) == 0 {
		t.Errorf("decision %+v, want what the embedded head knows, with reasons", d)
	}
	c.Stack.Digest = "sha256:" + strings.Repeat("1", 64)
	if _, err := tuned.New(c, tuned.Weights{Linear: m}); err == nil || !strings.Contains(err.Error(), "this build has another") {
		t.Errorf("error %v beside another embedded head", err)
	}
}

func TestClassifyAll(t *testing.T) {
	one := makeHead(t, card(tuned.TaskSingle), tuned.Weights{Lexical: words(t, false)})
	two := makeHead(t, card(tuned.TaskMulti), tuned.Weights{Lexical: words(t, true)})
	all, err := tuned.ClassifyAll(context.Background(), nil, []*tuned.Head{one, two}, []string{"hammer saw", "apple"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if all[0][0].Label != "tool" || all[0][1].Label != "fruit" || all[1][0].Labels[0].Label != "tool" {
		t.Errorf("answers %+v", all)
	}
}

// TestRefusesByName: what is wrong with a folder is said.
func TestRefusesByName(t *testing.T) {
	h := makeHead(t, card(tuned.TaskSingle), tuned.Weights{Lexical: words(t, false)})
	text, weights := h.Files()[0].Data, h.Files()[1].Data
	edit := func(change func(m map[string]any)) []byte {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	set := func(key string, value any) []byte { return edit(func(m map[string]any) { m[key] = value }) }
	flipped := bytes.Clone(weights)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		card, weights []byte
		want          string
	}{
		"other weights":   {text, flipped, "its card names"},
		"unknown member":  {set("run", "rm"), weights, "none of a card"},
		"broken":          {text[:len(text)/2], weights, "JSON is broken"},
		"other format":    {set("format", 2), weights, "its format is 2"},
		"path as a name":  {set("name", "../../etc"), weights, "its name"},
		"task":            {set("task", "shell"), weights, "its task"},
		"too few labels":  {set("labels", []string{"fruit"}), weights, "a threshold is of no label"},
		"one output more": {edit(func(m map[string]any) { m["labels"] = []string{"fruit", "tool", "x"} }), weights, "2 outputs, and the card has 3"},
		"label twice":     {set("labels", []string{"fruit", "fruit"}), weights, "there twice"},
		"label too long":  {set("labels", []string{strings.Repeat("x", tuned.MaxLabelBytes+1), "tool"}), weights, "too long"},
		"threshold":       {set("thresholds", map[string]float64{"fruit": 2}), weights, "not in 0 to 1"},
		"temperature":     {set("temperature", 0), weights, "temperature"},
		"multi in single": {edit(func(m map[string]any) {
			m["task"] = "multi"
			m["scales"] = []any{map[string]any{"slope": 1, "offset": 0}, map[string]any{"slope": 1, "offset": 0}}
		}), weights, "do not fit"},
		"spans of words":     {set("task", "spans"), weights, "words cannot answer"},
		"model without base": {set("encoder", "model"), weights, "names no base"},
		"unknown encoder":    {set("encoder", "cloud"), weights, "its encoder"},
		"base of words":      {set("base", map[string]any{"name": "m", "digest": "sha256:" + strings.Repeat("0", 64), "layer": 1, "pool": "last", "width": 4}), weights, "has a base"},
	} {
		_, err := tuned.Parse(c.card, c.weights)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want that it says %q", name, err, c.want)
		}
	}
	if _, err := tuned.Open(t.TempDir()); err == nil {
		t.Error("an empty folder is a head")
	}
}

func FuzzParse(f *testing.F) {
	h := makeHead(f, card(tuned.TaskSingle), tuned.Weights{Lexical: words(f, false)})
	f.Add(h.Files()[0].Data)
	f.Add([]byte(`{"format":1,"name":"x","task":"single"}`))
	weights := h.Files()[1].Data
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := tuned.Parse(text, weights)
		if err != nil {
			return
		}
		if _, err := h.Classify(context.Background(), nil, []string{"apple hammer", ""}, tuned.Options{}); err != nil {
			t.Errorf("a head that was read cannot answer: %v", err)
		}
	})
}

// FuzzWeights: whatever the weights, the card that names them by digest is no help.
func FuzzWeights(f *testing.F) {
	h := makeHead(f, card(tuned.TaskSingle), tuned.Weights{Lexical: words(f, false)})
	text, weights := h.Files()[0].Data, h.Files()[1].Data
	f.Add(weights)
	f.Add(weights[:len(weights)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		named := bytes.Replace(text, []byte(h.Card().Weights), []byte(digest(data)), 1)
		h, err := tuned.Parse(named, data)
		if err != nil {
			return
		}
		if _, err := h.Classify(context.Background(), nil, []string{"apple hammer"}, tuned.Options{}); err != nil {
			t.Errorf("a head that was read cannot answer: %v", err)
		}
	})
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
