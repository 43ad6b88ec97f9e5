package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// joined puts runs of evidence together again: parts of one item become one.
func joined(runs [][]casemate.Evidence) []casemate.Evidence {
	var out []casemate.Evidence
	for _, run := range runs {
		for _, e := range run {
			if n := len(out); n > 0 && out[n-1].ID == e.ID {
				out[n-1].Text += e.Text
				continue
			}
			out = append(out, e)
		}
	}
	return out
}

// TestSplit wants nothing lost, the order kept, and every part to fit, whatever
// the evidence and the context.
func TestSplit(t *testing.T) {
	p := loadPrompt(t)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"login ", "of ", "ada. ", "from\n", "<|x|> ", "System: ", "ünï ", "\x00", "203.0.113.9 "})
		n := rapid.IntRange(0, 30).Draw(t, "items")
		var evidence []casemate.Evidence
		at := monday
		for i := range n {
			at = at.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "minutes")) * time.Minute)
			words := rapid.SliceOfN(word, 0, rapid.SampledFrom([]int{5, 40, 400}).Draw(t, "longest")).Draw(t, "words")
			evidence = append(evidence, casemate.Evidence{ID: fmt.Sprintf("E%d", i+1), Kind: casemate.EvidenceLog, First: at, Text: strings.Join(words, ""),
				At: casemate.Location{File: rapid.SampledFrom([]string{"a.log", "b.log"}).Draw(t, "file")}})
		}
		e := scripted.New()
		e.About.Context = rapid.IntRange(190, 600).Draw(t, "context")
		r, err := pipeline.Start(pipeline.Options{Engine: e})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(run []casemate.Evidence) pipeline.Question {
			return pipeline.Question{Step: "s", Prompt: p, Data: prompt.Data{Evidence: run}, MaxTokens: 64}
		}
		runs, err := r.Split(ctx, evidence, ask)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(evidence, joined(runs)); diff != "" {
			t.Fatalf("evidence (-want +got):\n%s", diff)
		}
		for i, run := range runs {
			if ok, err := r.Fits(ctx, ask(run)); err != nil || !ok || len(run) == 0 {
				t.Fatalf("run %d of %d items fits: %v, %v", i, len(run), ok, err)
			}
		}
	})
}

// TestSplitNaturally wants borders between files before those between days before
// those at gaps.
func TestSplitNaturally(t *testing.T) {
	e := scripted.New()
	evidence := alerts(60)
	fit := func(list []casemate.Evidence) []int {
		t.Helper()
		r := start(t, pipeline.Options{Engine: e})
		runs, err := r.Split(ctx, list, func(run []casemate.Evidence) pipeline.Question { return question(t, "s", run) })
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, run := range runs {
			sizes = append(sizes, len(run))
		}
		return sizes
	}
	if got := fit(evidence); !cmp.Equal(got, []int{60}) {
		t.Fatalf("all of it fits, and is parted into %v", got)
	}
	e.About.Context = 900
	plain := fit(evidence)
	if len(plain) < 2 || plain[0] < 12 {
		t.Fatalf("sizes %v: the test wants room for a dozen", plain)
	}
	n := plain[0]
	for i := n - 2; i < len(evidence); i++ {
		evidence[i].First = evidence[i].First.Add(time.Hour)
	}
	if got := fit(evidence); got[0] != n-2 {
		t.Errorf("a gap before item %d: sizes %v", n-2, got)
	}
	for i := n - 3; i < len(evidence); i++ {
		evidence[i].First = evidence[i].First.Add(24 * time.Hour)
	}
	if got := fit(evidence); got[0] != n-3 {
		t.Errorf("another day before item %d: sizes %v", n-3, got)
	}
	for i := n - 4; i < len(evidence); i++ {
		evidence[i].At.File = "b.log"
	}
	if got := fit(evidence); got[0] != n-4 {
		t.Errorf("another file before item %d: sizes %v", n-4, got)
	}
}

// TestSplitText wants a long text to be parted at lines and sentences.
func TestSplitText(t *testing.T) {
	e := scripted.New()
	e.About.Context = 400
	r := start(t, pipeline.Options{Engine: e})
	for _, end := range []string{"\n", ". "} {
		long := alerts(1)
		long[0].Text = strings.Repeat("one two three four five"+end, 200)
		runs, err := r.Split(ctx, long, func(run []casemate.Evidence) pipeline.Question { return question(t, "s", run) })
		if err != nil || len(runs) < 3 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		for i, run := range runs {
			if len(run) != 1 || run[0].ID != "E1" || !strings.HasSuffix(run[0].Text, end) {
				t.Errorf("run %d does not end with %q: %q", i, end, run[0].Text[max(0, len(run[0].Text)-30):])
			}
		}
	}
}

func TestSplitErrors(t *testing.T) {
	ask := func(run []casemate.Evidence) pipeline.Question { return question(t, "s", run) }
	if _, err := start(t, pipeline.Options{}).Split(ctx, alerts(1), ask); !errors.Is(err, pipeline.ErrNoModel) {
		t.Errorf("no model: %v", err)
	}
	e := scripted.New()
	e.About.Context = 70
	if _, err := start(t, pipeline.Options{Engine: e}).Split(ctx, alerts(3), ask); !errors.Is(err, pipeline.ErrTooLong) {
		t.Errorf("a question that never fits: %v", err)
	}
}

// sums is what the test of MapReduce asks for.
type sums struct {
	Why      string   `json:"why"`
	Verdict  string   `json:"verdict"`
	Evidence []string `json:"evidence"`
}

// counting answers each question with the first and last ids that it was shown,
// so that a test sees what was read.
type counting struct {
	*scripted.Script
	asked []string
	spoil string // questions that hold this get no answer
}

func (c *counting) Generate(_ context.Context, r engine.GenerateRequest, _ func(engine.Piece) error) (engine.Generation, error) {
	text := r.Messages[1].Content
	var ids []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "E") {
			id, _, _ := strings.Cut(line, " ")
			ids = append(ids, id)
		}
	}
	c.asked = append(c.asked, fmt.Sprint(len(ids)))
	if c.spoil != "" && strings.Contains(text, c.spoil) {
		return engine.Generation{Text: "no", Finish: engine.FinishStop}, nil
	}
	answer := fmt.Sprintf(`{"verdict":"suspicious","why":"%s to %s","evidence":["%s"]}`, ids[0], ids[len(ids)-1], ids[0])
	return engine.Generation{Text: answer, Finish: engine.FinishStop}, nil
}

func mapping(t *testing.T) pipeline.Mapping[sums] {
	return pipeline.Mapping[sums]{
		Map: func(part []casemate.Evidence) pipeline.Question { return question(t, "map", part) },
		Reduce: func(answers []sums) pipeline.Question {
			var list []casemate.Evidence
			for _, a := range answers {
				list = append(list, casemate.Evidence{ID: a.Evidence[0], Kind: "finding", Text: a.Why + strings.Repeat(" and more", 30)})
			}
			return question(t, "reduce", list)
		},
	}
}

// TestMapReduce wants all evidence read once, in order, and one answer in the end.
func TestMapReduce(t *testing.T) {
	evidence := alerts(200)
	e := &counting{Script: scripted.New()}
	e.About.Context = 500
	r := start(t, pipeline.Options{Engine: e})
	got, err := pipeline.MapReduce(ctx, r, evidence, mapping(t))
	if err != nil {
		t.Fatal(err)
	}
	var read, want []string
	for i, reading := range got.Readings {
		read = append(read, reading.Evidence...)
		if !reading.Read || reading.Step != fmt.Sprintf("map/%d", i+1) || reading.Part().Read != "rules and model" {
			t.Errorf("reading %+v", reading)
		}
	}
	for _, x := range evidence {
		want = append(want, x.ID)
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("evidence read (-want +got):\n%s", diff)
	}
	if len(got.Partials) != len(got.Readings) || len(got.Partials) < 4 || got.Value.Evidence[0] != "E1" || got.Value.Verdict != "suspicious" {
		t.Errorf("value %+v of %d partials", got.Value, len(got.Partials))
	}
	if p := r.Provenance(); p.Calls <= len(got.Readings) {
		t.Errorf("%d calls for %d parts: none made one of them", p.Calls, len(got.Readings))
	}
}

// TestMapReduceOne wants one call where everything fits.
func TestMapReduceOne(t *testing.T) {
	e := &counting{Script: scripted.New()}
	r := start(t, pipeline.Options{Engine: e})
	got, err := pipeline.MapReduce(ctx, r, alerts(3), mapping(t))
	if err != nil || len(got.Readings) != 1 || got.Readings[0].Step != "map" || got.Value.Why != "E1 to E3" || r.Provenance().Calls != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := pipeline.MapReduce(ctx, r, nil, mapping(t)); !pipeline.WithoutModel(err) {
		t.Errorf("no evidence: %v", err)
	}
}

// TestMapReduceShort wants what a budget or a bad answer leaves unread to be told.
func TestMapReduceShort(t *testing.T) {
	e := &counting{Script: scripted.New(), spoil: "login 1 of"}
	e.About.Context = 500
	r := start(t, pipeline.Options{Engine: e, Budget: 5})
	got, err := pipeline.MapReduce(ctx, r, alerts(200), mapping(t))
	if !errors.Is(err, pipeline.ErrBudget) && err != nil {
		t.Fatal(err)
	}
	unread := 0
	for i, reading := range got.Readings {
		if want := i > 0 && i < 4; reading.Read != want || (reading.Why == "") != want {
			t.Errorf("reading %d: %+v", i, reading)
		}
		if !reading.Read {
			unread++
		}
	}
	if len(got.Partials) != 3 || unread == 0 || !hasNote(r.Provenance(), "reached 4 of") {
		t.Errorf("%d partials, notes %q", len(got.Partials), r.Provenance().Notes)
	}
}
