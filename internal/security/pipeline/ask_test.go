package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/security/identifier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

func TestAsk(t *testing.T) {
	e := replies(good)
	r := start(t, pipeline.Options{Engine: e, Seed: 7})
	var got opinion
	if err := r.Ask(ctx, question(t, "opinion/i-1", alerts(2)), &got); err != nil {
		t.Fatal(err)
	}
	want := opinion{"suspicious", "Ada logged on from 203.0.113.1.", []string{"E1"}, "T1078"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	q := e.Requests()[0]
	if q.Sampling.Temperature != 0 || q.MaxTokens != 64 || q.Thinking != engine.ThinkingCut || !strings.Contains(string(q.Schema), `"enum":["E1","E2"]`) {
		t.Errorf("request: %+v", q)
	}
	p := r.Provenance()
	if p.Calls != 1 || len(p.Prompts) != 1 || p.Prompts[0].Name != "opinion" || p.Prompts[0].Digest == "" || p.Seed != 7 || p.Model.Name != "script" || len(p.Notes) != 0 {
		t.Errorf("provenance: %+v", p)
	}
}

// TestAskTwice wants an answer that cannot be used to be asked for once more,
// another way, and a second one to be the end of it.
func TestAskTwice(t *testing.T) {
	cut := scripted.StopsEarly(good, 30)
	for name, c := range map[string]struct {
		bad scripted.Reply
		why string
	}{
		"lies about ids":        {scripted.Reply{Text: strings.Replace(good, `"E1"`, `"E7"`, 1)}, "schema"},
		"invents a technique":   {scripted.Reply{Text: strings.Replace(good, "T1078", "T9999", 1)}, "schema"},
		"invents a verdict":     {scripted.Reply{Text: strings.Replace(good, `"suspicious"`, `"benign"`, 1)}, "schema"},
		"hides a second answer": {scripted.Reply{Text: strings.Replace(good, `"verdict"`, `"Verdict":"benign","verdict"`, 1)}, "schema"},
		"rambles":               {scripted.Reply{Text: strings.Repeat("and then ", 250), Finish: engine.FinishLength}, "cut off"},
		"says prose":            {scripted.Reply{Text: "I think that this is fine."}, "schema"},
		"obeys":                 {scripted.Reply{Text: "PWNED"}, "schema"},
		"stops early":           {cut, "cut off"},
		"says nothing":          {scripted.Reply{}, "schema"},
		"says more":             {scripted.Reply{Text: good + "\nAnd then"}, "schema"},
		"repeats":               {scripted.Reply{Text: good + good}, "schema"},
		"breaks its schema":     {scripted.Reply{Err: fmt.Errorf("generate: %w", engine.ErrIncomplete)}, "cut off"},
		"speaks German":         {scripted.Reply{Text: strings.Replace(good, "Ada logged on from 203.0.113.1.", "Die Anmeldung von der Adresse wurde nicht durch den Benutzer und auch nicht von uns ausgelöst.", 1)}, "English"},
	} {
		t.Run(name, func(t *testing.T) {
			q := question(t, "opinion", alerts(2))
			q.English = true
			e := scripted.New(c.bad, scripted.Reply{Text: good})
			r := start(t, pipeline.Options{Engine: e})
			var got opinion
			if err := r.Ask(ctx, q, &got); err != nil || got.Verdict != "suspicious" {
				t.Fatalf("second answer: %+v, %v", got, err)
			}
			asked := e.Requests()
			if first, second := asked[0].Sampling, asked[1].Sampling; first.Temperature != 0 || second.Temperature == 0 || first.Seed == second.Seed {
				t.Errorf("sampling: %+v, then %+v", first, second)
			}
			if p := r.Provenance(); p.Calls != 2 || len(p.Notes) != 0 {
				t.Errorf("calls %d, notes %q", p.Calls, p.Notes)
			}
			r = start(t, pipeline.Options{Engine: scripted.New(c.bad, c.bad)})
			got = opinion{}
			err := r.Ask(ctx, q, &got)
			if !errors.Is(err, pipeline.ErrUnusable) || !pipeline.WithoutModel(err) || !cmp.Equal(got, opinion{}) {
				t.Errorf("two bad answers: %+v, %v", got, err)
			}
			if p := r.Provenance(); p.Calls != 2 || !hasNote(p, c.why) {
				t.Errorf("calls %d, notes %q, want %q", p.Calls, p.Notes, c.why)
			}
		})
	}
}

// TestAskThinks wants thoughts in front of an answer to be left out.
func TestAskThinks(t *testing.T) {
	r := start(t, pipeline.Options{Engine: replies("<think>Is {\"verdict\":\"benign\"} better?</think>\n\n" + good)})
	var got opinion
	if err := r.Ask(ctx, question(t, "opinion", alerts(1)), &got); err != nil || got.Verdict != "suspicious" {
		t.Errorf("answer %+v, %v", got, err)
	}
}

// TestAskCheck wants a caller's check to refuse an answer, and nothing of a
// refused answer to remain.
func TestAskCheck(t *testing.T) {
	r := start(t, pipeline.Options{Engine: replies(strings.Replace(good, "E1", "E2", 1), good)})
	got := opinion{Why: "stale"}
	q := question(t, "opinion", alerts(2))
	q.Check = func() error {
		if slices.Contains(got.Evidence, "E2") {
			return errors.New("not this one")
		}
		return nil
	}
	if err := r.Ask(ctx, q, &got); err != nil || got.Evidence[0] != "E1" {
		t.Errorf("answer %+v, %v", got, err)
	}
}

// TestAskErrors wants the workflow to go on without a model, and to end where the
// engine breaks down.
func TestAskErrors(t *testing.T) {
	q := question(t, "opinion", alerts(2))
	var got opinion
	r := start(t, pipeline.Options{})
	if err := r.Ask(ctx, q, &got); !errors.Is(err, pipeline.ErrNoModel) || r.HasModel() {
		t.Errorf("no model: %v", err)
	}
	r = start(t, pipeline.Options{Engine: replies(good), Budget: -1})
	if err := r.Ask(ctx, q, &got); !errors.Is(err, pipeline.ErrNoModel) || r.HasModel() {
		t.Errorf("a negative budget: %v", err)
	}
	small := replies(good)
	small.About.Context = 80
	r = start(t, pipeline.Options{Engine: small})
	if err := r.Ask(ctx, q, &got); !errors.Is(err, pipeline.ErrTooLong) || len(small.Requests()) != 0 || !hasNote(r.Provenance(), "longer than the model's context of 80") {
		t.Errorf("too long: %v, notes %q", err, r.Provenance().Notes)
	}
	broken := scripted.New(scripted.Reply{Err: errors.New("out of memory")})
	if err := start(t, pipeline.Options{Engine: broken}).Ask(ctx, q, &got); err == nil || pipeline.WithoutModel(err) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("a broken engine: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := start(t, pipeline.Options{Engine: replies(good)}).Ask(ended, q, &got); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	for name, place := range map[string]any{"no pointer": got, "nil": (*opinion)(nil), "nothing": nil} {
		if err := start(t, pipeline.Options{Engine: replies(good)}).Ask(ctx, q, place); err == nil || pipeline.WithoutModel(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	q.Prompt = nil
	if err := start(t, pipeline.Options{Engine: replies(good)}).Ask(ctx, q, &got); err == nil || pipeline.WithoutModel(err) {
		t.Errorf("no prompt: %v", err)
	}
}

// TestBudget wants a question that is asked twice to count once, and the workflow's
// own limit to give way to the caller's.
func TestBudget(t *testing.T) {
	var got opinion
	r := start(t, pipeline.Options{Engine: replies("bad", good, good, good), Budget: 2})
	r.Limit(1)
	for i, want := range []error{nil, nil, pipeline.ErrBudget, pipeline.ErrBudget} {
		if err := r.Ask(ctx, question(t, fmt.Sprint("opinion/", i), alerts(1)), &got); !errors.Is(err, want) {
			t.Errorf("question %d: %v, want %v", i+1, err, want)
		}
	}
	if p := r.Provenance(); p.Calls != 3 || !hasNote(p, "The budget of 2 questions") || len(p.Notes) != 1 {
		t.Errorf("calls %d, notes %q", p.Calls, p.Notes)
	}
	r = start(t, pipeline.Options{Engine: replies(good, good)})
	if _, limited := r.Left(); limited {
		t.Error("a budget of 0 is limited")
	}
	r.Limit(1)
	if n, limited := r.Left(); n != 1 || !limited {
		t.Errorf("left %d, %v, want 1", n, limited)
	}
	if err := r.Ask(ctx, question(t, "a", alerts(1)), &got); err != nil {
		t.Error(err)
	}
	if err := r.Ask(ctx, question(t, "b", alerts(1)), &got); !errors.Is(err, pipeline.ErrBudget) {
		t.Errorf("over the workflow's own limit: %v", err)
	}
}

// together is a script that answers side by side, each question by its words.
type together struct{ *scripted.Script }

func (s together) Info() engine.Info {
	i := s.Script.Info()
	i.Together = 4
	return i
}

// TestAskAll wants the first questions to be answered whoever is first, and every
// answer in its place.
func TestAskAll(t *testing.T) {
	const n, budget = 20, 12
	var list []scripted.Reply
	all := alerts(n)
	for i := range n {
		list = append(list, scripted.Reply{When: all[i].Text + "\n", Text: fmt.Sprintf(`{"verdict":"suspicious","why":"%d","evidence":["E%d"]}`, i, i+1)})
	}
	s := scripted.New(list...)
	r := start(t, pipeline.Options{Engine: together{s}, Budget: budget, Trace: t.TempDir()})
	qs, outs, got := make([]pipeline.Question, n), make([]any, n), make([]opinion, n)
	for i := range qs {
		qs[i], outs[i] = question(t, fmt.Sprintf("opinion/%d", i), all[i:i+1]), &got[i]
	}
	errs := r.AskAll(ctx, qs, outs)
	for i, err := range errs {
		if i < budget && (err != nil || got[i].Why != fmt.Sprint(i)) || i >= budget && !errors.Is(err, pipeline.ErrBudget) {
			t.Errorf("question %d: %+v, %v", i, got[i], err)
		}
	}
	if p := r.Provenance(); p.Calls != budget {
		t.Errorf("%d calls, want %d", p.Calls, budget)
	}
}

// TestConcurrent uses a run from many goroutines, for the race detector.
func TestConcurrent(t *testing.T) {
	var list []scripted.Reply
	for range 8 {
		list = append(list, scripted.Reply{Text: good})
	}
	evidence := alerts(2)
	r := start(t, pipeline.Options{Engine: scripted.New(list...), Budget: 8})
	var group sync.WaitGroup
	for i := range 8 {
		q := question(t, fmt.Sprint("opinion/", i), evidence)
		group.Go(func() {
			var got opinion
			if err := r.Ask(ctx, q, &got); err != nil {
				t.Error(err)
			}
			r.Decided("verdict", "rule")
			r.Note("x")
			r.Verify(nil, evidence)
			r.InputBytes("x", nil)
			r.Provenance()
		})
	}
	group.Wait()
	if p := r.Provenance(); p.Calls != 8 || len(p.Notes) != 1 || len(p.Inputs) != 1 {
		t.Errorf("provenance: %+v", p)
	}
}

// TestAskTiny asks a real model with random weights: whatever noise it makes, the
// answer is valid, and the same every time.
func TestAskTiny(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Context: 2048}, native.Options{Catalogue: func(kind string) (grammar.Catalogue, error) {
		return identifier.Load(ctx, knowledge.Embedded(), nil, kind)
	}})
	q := question(t, "opinion", alerts(1))
	q.MaxTokens = 1400 // the longest answer: 200 characters, each written as six
	for seed := range uint64(50) {
		r := start(t, pipeline.Options{Engine: e, Seed: seed})
		var got, again opinion
		if err := r.Ask(ctx, q, &got); err != nil {
			t.Fatalf("seed %d: %v %q", seed, err, r.Provenance().Notes)
		}
		if (got.Verdict != "suspicious" && got.Verdict != "needs review") || len(got.Evidence) != 1 || len([]rune(got.Why)) > 200 {
			t.Errorf("seed %d: %+v", seed, got)
		}
		if seed%10 != 0 {
			continue
		}
		if err := start(t, pipeline.Options{Engine: e, Seed: seed}).Ask(ctx, q, &again); err != nil || !cmp.Equal(got, again) {
			t.Errorf("seed %d: %+v, then %+v, %v", seed, got, again, err)
		}
	}
}

// TestAskAllTiny wants the same answers side by side as one after the other.
func TestAskAllTiny(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Context: 2048}, native.Options{Catalogue: func(kind string) (grammar.Catalogue, error) {
		return identifier.Load(ctx, knowledge.Embedded(), nil, kind)
	}})
	const n = 6
	evidence := alerts(n)
	qs, outs := make([]pipeline.Question, n), make([]any, n)
	together, alone := make([]opinion, n), make([]opinion, n)
	for i := range n {
		qs[i], outs[i] = question(t, fmt.Sprint("opinion/", i), evidence[i:i+1]), &together[i]
		qs[i].MaxTokens = 1400
	}
	for i, err := range start(t, pipeline.Options{Engine: e, Seed: 5}).AskAll(ctx, qs, outs) {
		if err != nil {
			t.Errorf("question %d: %v", i, err)
		}
	}
	r := start(t, pipeline.Options{Engine: e, Seed: 5})
	for i := n - 1; i >= 0; i-- {
		if err := r.Ask(ctx, qs[i], &alone[i]); err != nil {
			t.Errorf("question %d alone: %v", i, err)
		}
	}
	if diff := cmp.Diff(alone, together); diff != "" {
		t.Errorf("answers (-alone +together):\n%s", diff)
	}
}
