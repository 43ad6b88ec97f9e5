package outcome_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

func TestRoundTrip(t *testing.T) {
	e := sample()
	data := encode(t, e)
	got, err := outcome.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Error(diff)
	}
	if again := encode(t, got); !bytes.Equal(data, again) {
		t.Errorf("written again it is\n%s, want\n%s", again, data)
	}
	if _, err := outcome.Read(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
}

func TestTextDigest(t *testing.T) {
	same := outcome.TextDigest("Invoice  overdue\npay now")
	for text, want := range map[string]bool{"invoice overdue pay NOW ": true, "invoice overdue. pay now": false, "": false} {
		if got := outcome.TextDigest(text) == same; got != want {
			t.Errorf("TextDigest(%q) is the same: %v, want %v", text, got, want)
		}
	}
}

// TestRefused breaks one thing at a time.
func TestRefused(t *testing.T) {
	for name, spoil := range map[string]func(e *outcome.Evaluation){
		"format":                func(e *outcome.Evaluation) { e.Format = 2 },
		"no candidate":          func(e *outcome.Evaluation) { e.Candidate = "" },
		"candidate not UTF-8":   func(e *outcome.Evaluation) { e.Candidate = "\xff" },
		"digest":                func(e *outcome.Evaluation) { e.Digest = "sha256:ABC" },
		"base too long":         func(e *outcome.Evaluation) { e.Base = strings.Repeat("x", 2000) },
		"task":                  func(e *outcome.Evaluation) { e.Task = "magic" },
		"data":                  func(e *outcome.Evaluation) { e.Data = "" },
		"no rows":               func(e *outcome.Evaluation) { e.Rows = nil },
		"test digest":           func(e *outcome.Evaluation) { e.Test = outcome.Digest(nil) },
		"row twice":             func(e *outcome.Evaluation) { e.Rows[1].Number = e.Rows[0].Number },
		"rows out of order":     func(e *outcome.Evaluation) { e.Rows[0], e.Rows[1] = e.Rows[1], e.Rows[0] },
		"row number":            func(e *outcome.Evaluation) { e.Rows[0].Number = -1 },
		"text":                  func(e *outcome.Evaluation) { e.Rows[0].Text = "the text itself" },
		"group":                 func(e *outcome.Evaluation) { e.Rows[0].Group = -1 },
		"probability over 1":    func(e *outcome.Evaluation) { e.Rows[0].P = 1.2 },
		"probability NaN":       func(e *outcome.Evaluation) { e.Rows[0].P = math.NaN() },
		"sum":                   func(e *outcome.Evaluation) { e.Rows[0].Probabilities = []float64{0.8, 0.4} },
		"sum of NaN":            func(e *outcome.Evaluation) { e.Rows[0].Probabilities = []float64{0.8, math.NaN()} },
		"negative":              func(e *outcome.Evaluation) { e.Rows[0].Probabilities = []float64{1.2, -0.2} },
		"too few probabilities": func(e *outcome.Evaluation) { e.Rows[0].Probabilities = []float64{0.8} },
		"another's probability": func(e *outcome.Evaluation) { e.Rows[0].Probabilities = []float64{0.2, 0.8} },
		"answer is no label":    func(e *outcome.Evaluation) { e.Rows[0].Answer = []string{"eggs"} },
		"two answers":           func(e *outcome.Evaluation) { e.Rows[0].Answer = []string{"ham", "spam"} },
		"label twice":           func(e *outcome.Evaluation) { e.Labels = []string{"ham", "ham"} },
		"label empty":           func(e *outcome.Evaluation) { e.Labels = []string{"", "ham"} },
		"figure outside":        func(e *outcome.Evaluation) { e.Figures = map[string]metric.Estimate{"x": {Value: 2, Low: 0, High: 1}} },
		"figure NaN":            func(e *outcome.Evaluation) { e.Figures = map[string]metric.Estimate{"x": {Value: math.NaN()}} },
		"multi out of order":    func(e *outcome.Evaluation) { e.Task, e.Rows[0].Truth = "multi", []string{"spam", "ham"} },
		"a span that is none":   func(e *outcome.Evaluation) { e.Task = "spans" },
		"a number that is none": func(e *outcome.Evaluation) { e.Task = "regression" },
		"probabilities of a number": func(e *outcome.Evaluation) {
			e.Task, e.Rows[0].Truth, e.Rows[0].Answer = "regression", []string{"1"}, []string{"NaN"}
		},
	} {
		e := cloned(sample())
		spoil(e)
		if err := e.Check(); err == nil {
			t.Errorf("%s: Check finds nothing", name)
		}
		var b bytes.Buffer
		if err := outcome.Write(&b, e); err == nil || b.Len() > 0 {
			t.Errorf("%s: Write wrote %d bytes, error %v", name, b.Len(), err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(encode(t, sample()))
	for name, data := range map[string]string{
		"empty":          "",
		"null":           "null",
		"array":          "[]",
		"two values":     good + good,
		"unknown member": strings.Replace(good, `"task"`, `"tusk":1,"task"`, 1),
		"member twice":   strings.Replace(good, `"task"`, `"task":"multi","task"`, 1),
		"another case":   strings.Replace(good, `"task"`, `"Task"`, 1),
		"text as number": strings.Replace(good, `"format":1`, `"format":"1"`, 1),
		"huge number":    strings.Replace(good, `"p":0.8`, `"p":1e999`, 1),
		"cut":            good[:len(good)/2],
		"deep":           strings.Repeat("[", 1<<20),
	} {
		if _, err := outcome.Parse([]byte(data)); err == nil {
			t.Errorf("%s: no error", name)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: the error is %d bytes long", name, len(err.Error()))
		}
	}
}

// TestErrorsNameNoValue wants what stands in a broken file kept out of the error.
func TestErrorsNameNoValue(t *testing.T) {
	good := string(encode(t, sample()))
	for _, data := range []string{
		strings.Replace(good, `"number":3`, `"number":"hunter2"`, 1),
		strings.Replace(good, `"task"`, `"hunter2":1,"task"`, 1),
		strings.Replace(good, `"task":"single"`, `"task":"hunter2"`, 1),
		strings.Replace(good, `["ham"]`, `["hunter2"],"hunter2"`, 1),
	} {
		if _, err := outcome.Parse([]byte(data)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v", err)
		}
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		task          string
		truth, answer []string
		want          float64
	}{
		{"single", []string{"a"}, []string{"a"}, 1},
		{"single", []string{"a"}, []string{"b"}, 0},
		{"single", []string{"a"}, nil, 0},
		{"multi", []string{"a", "b"}, []string{"a"}, 2.0 / 3},
		{"multi", nil, nil, 1},
		{"multi", nil, []string{"a"}, 0},
		{"spans", []string{"0-3 HOST"}, []string{"0-3 HOST", "4-5 USER"}, 2.0 / 3},
		{"regression", []string{"1.5"}, []string{"4"}, -2.5},
	} {
		e := &outcome.Evaluation{Task: c.task}
		if got := e.Score(&outcome.Row{Truth: c.truth, Answer: c.answer}); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: Score(%v, %v) = %g, want %g", c.task, c.truth, c.answer, got, c.want)
		}
	}
}

func TestBaselines(t *testing.T) {
	var b bytes.Buffer
	if err := outcome.WriteBaselines(&b, []*outcome.Evaluation{sample(), sample()}); err != nil {
		t.Fatal(err)
	}
	list, err := outcome.ParseBaselines(b.Bytes())
	if err != nil || len(list) != 2 {
		t.Fatalf("ParseBaselines = %d, %v", len(list), err)
	}
	for _, data := range []string{"[null]", "{}", `[{}]`, "[" + strings.Repeat("null,", 100) + "null]"} {
		if _, err := outcome.ParseBaselines([]byte(data)); err == nil {
			t.Errorf("ParseBaselines(%.20q) has no error", data)
		}
	}
}

func TestSeen(t *testing.T) {
	e := sample()
	s := &outcome.Seen{Data: e.Data, Texts: []string{e.Rows[3].Text, outcome.TextDigest("other")}, Groups: []int{9, 0}}
	var b bytes.Buffer
	if err := outcome.WriteSeen(&b, s); err != nil {
		t.Fatal(err)
	}
	got, err := outcome.ParseSeen(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	texts, groups := got.Knew(e)
	if !cmp.Equal(texts, []int{12}) || !cmp.Equal(groups, []int{3, 6}) {
		t.Errorf("Knew = %v, %v, want row 12 by its text and 3 and 6 by their group", texts, groups)
	}
	got.Data = outcome.Digest([]byte("other data"))
	if _, groups := got.Knew(e); len(groups) > 0 {
		t.Errorf("groups of other data count: %v", groups)
	}
	for name, data := range map[string]string{
		"lengths": fmt.Sprintf(`{"format":1,"data":%q,"texts":[%q],"groups":[]}`, e.Data, e.Data),
		"text":    fmt.Sprintf(`{"format":1,"data":%q,"texts":["x"],"groups":[1]}`, e.Data),
		"group":   fmt.Sprintf(`{"format":1,"data":%q,"texts":[%q],"groups":[-1]}`, e.Data, e.Data),
		"none":    fmt.Sprintf(`{"format":1,"data":%q,"texts":[],"groups":[]}`, e.Data),
	} {
		if _, err := outcome.ParseSeen([]byte(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReference(t *testing.T) {
	var held []outcome.Observed
	for i := range 100 {
		held = append(held, outcome.Observed{Text: strings.Repeat("known ", i%7+1) + "new", Answer: []string{"ab"[i%2 : i%2+1]}, P: float64(i) / 100, Abstain: i < 10})
	}
	held = append(held, outcome.Observed{})
	r := outcome.NewReference([]string{"Known words", "words"}, held)
	r.Together(held, make([]int, len(held)))
	var b bytes.Buffer
	if err := outcome.WriteReference(&b, r); err != nil {
		t.Fatal(err)
	}
	got, err := outcome.ParseReference(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
	if len(got.Words) != 2 || got.Abstained != 10 || got.Labels["a"] != 50 || got.Labels[""] != 1 {
		t.Errorf("reference has %d words, %d abstained, labels %v", len(got.Words), got.Abstained, got.Labels)
	}
	c := got.Counts(held)
	if !cmp.Equal(c.Confidence, r.Confidence.Counts) || !cmp.Equal(c.Length, r.Length.Counts) || !cmp.Equal(c.Known, r.Known.Counts) || c.Values != nil {
		t.Error("the counts of the reference's own rows are not the reference's")
	}
	for name, spoil := range map[string]func(r *outcome.Reference){
		"counts": func(r *outcome.Reference) { r.Confidence.Counts = []int{1} },
		"edges":  func(r *outcome.Reference) { r.Length.Edges = []float64{2, 1} },
		"words":  func(r *outcome.Reference) { r.Words = []uint32{2, 1} },
		"rows":   func(r *outcome.Reference) { r.Rows = 0 },
		"alike":  func(r *outcome.Reference) { r.Alike = &outcome.Alike{Length: -1} },
		"labels": func(r *outcome.Reference) { r.Labels = map[string]int{"a": -1} },
	} {
		broken := *r
		spoil(&broken)
		if err := outcome.WriteReference(&bytes.Buffer{}, &broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestReferenceOfOwnRows wants a row that was learnt from to know only what others
// say, too: otherwise every row knows all of its words.
func TestReferenceOfOwnRows(t *testing.T) {
	texts := []string{"shared alpha", "shared beta", "shared gamma", "shared delta"}
	var held []outcome.Observed
	for _, s := range texts {
		held = append(held, outcome.Observed{Text: s, P: 0.9, Answer: []string{"a"}})
	}
	r := outcome.NewReference(texts, held)
	if !cmp.Equal(r.Known.Edges, []float64{0.5}) || len(r.Words) != 5 {
		t.Errorf("known words %+v of %d, want half of each text's", r.Known, len(r.Words))
	}
}

func TestObserve(t *testing.T) {
	e := &outcome.Evaluation{Task: "spans"}
	o := e.Observe(&outcome.Row{Answer: []string{"0-3 USER", "4-7 HOST", "9-11 USER"}, P: 0.4}, "x")
	if !cmp.Equal(o.Answer, []string{"HOST", "USER"}) || o.P != 0.4 || o.Value != nil {
		t.Errorf("spans are observed as %+v", o)
	}
	e.Task = "regression"
	if o := e.Observe(&outcome.Row{Answer: []string{"2.5"}}, "x"); o.Answer != nil || o.Value == nil || *o.Value != 2.5 {
		t.Errorf("a number is observed as %+v", o)
	}
}

func TestReferenceOfNumbers(t *testing.T) {
	var held []outcome.Observed
	for i := range 50 {
		v := float64(i)
		held = append(held, outcome.Observed{Text: "x", Value: &v})
	}
	r := outcome.NewReference([]string{"x"}, held)
	if len(r.Labels) != 0 || r.Values == nil || len(r.Values.Counts) != 5 || r.Values.Counts[0] != 10 {
		t.Errorf("reference of numbers: labels %v, values %+v", r.Labels, r.Values)
	}
	if c := r.Counts(held); !cmp.Equal(c.Values, r.Values.Counts) {
		t.Errorf("counts %v, want %v", c.Values, r.Values.Counts)
	}
	var b bytes.Buffer
	if err := outcome.WriteReference(&b, r); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	least := sample().Keep(func(r *outcome.Row) bool { return r.Number == 3 })
	f.Add(encode(f, least))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := outcome.Parse(data)
		if err == nil {
			again, err := outcome.Parse(encode(t, e))
			if err != nil || !cmp.Equal(e.Rows, again.Rows) {
				t.Errorf("written and read again it differs: %v", err)
			}
		}
		outcome.ParseBaselines(data)
		outcome.ParseSeen(data)
		outcome.ParseReference(data)
	})
}
