package opinion_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/casefile"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/opinion"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/report"
)

func triage(t testing.TB, paths ...string) report.Triage {
	t.Helper()
	out, err := intake.Triage(context.Background(), intake.TriageInput{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func example(t testing.TB) report.Triage {
	t.Helper()
	out, err := intake.Triage(context.Background(), intake.TriageInput{
		Paths: []string{"../../../examples/intrusion"}, Assets: "../../../examples/assets.csv", Suppress: "../../../examples/suppress.yaml",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func run(t testing.TB, tr report.Triage, o pipeline.Options) opinion.Output {
	t.Helper()
	o.Workflow = "triage"
	r, err := pipeline.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := opinion.Run(context.Background(), r, tr, opinion.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCases(t *testing.T) {
	cases, err := casefile.Load(os.DirFS("."), "cases/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			paths, err := c.Unpack(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			r, err := pipeline.Start(c.Options("triage"))
			if err != nil {
				t.Fatal(err)
			}
			out, err := opinion.Run(context.Background(), r, triage(t, paths...), opinion.Options{})
			for _, fault := range c.Check(out, err) {
				t.Error(fault)
			}
		})
	}
}

// TestWithoutModel: each incident of the example says why it is one, by rules, with
// evidence that shows it; the triage itself is as it was.
func TestWithoutModel(t *testing.T) {
	tr := example(t)
	out := run(t, tr, pipeline.Options{})
	known := map[string]bool{}
	for _, e := range out.Evidence {
		if known[e.ID] {
			t.Errorf("evidence %s is there twice", e.ID)
		}
		known[e.ID] = true
	}
	for i, in := range out.Incidents {
		if in.Opinion != nil {
			t.Errorf("incident %d has an opinion without a model", in.Rank)
		}
		if in.ID != tr.Incidents[i].ID || in.Verdict != tr.Incidents[i].Verdict {
			t.Errorf("incident %d is not as triage gave it", in.Rank)
		}
		if len(in.WhyTogether) == 0 {
			t.Errorf("incident %d does not say why it is one", in.Rank)
		}
		for _, s := range in.WhyTogether {
			if s.Support != casemate.Supported {
				t.Errorf("incident %d: %q is %s: %v", in.Rank, s.Text, s.Support, s.Problems)
			}
			for _, id := range s.Evidence {
				if !known[id] {
					t.Errorf("incident %d cites %s, which is not there", in.Rank, id)
				}
			}
		}
	}
	var with, without bytes.Buffer
	if err := report.WriteTerminal(&without, tr, report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteTerminal(&with, out.Triage(), report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if with.String() != without.String() {
		t.Error("the report changed without a model")
	}
}

// always answers every question of an incident alike.
func always(verdict string) *scripted.Obedient {
	return scripted.NewObedient(func(string) (scripted.Order, bool) { return scripted.Order{}, false },
		scripted.Order{Say: "The alerts of this incident follow each other.", Choose: []string{verdict, "high"}})
}

// TestNoVerdictGoesDown: whatever a model says, no verdict that is shown is milder
// than the rules', and ranks and scores stay.
func TestNoVerdictGoesDown(t *testing.T) {
	tr := example(t)
	order := []casemate.Verdict{casemate.VerdictMalicious, casemate.VerdictSuspicious, casemate.VerdictReview, casemate.VerdictBenign}
	place := func(v casemate.Verdict) int {
		for i, o := range order {
			if o == v {
				return i
			}
		}
		return -1
	}
	for _, verdict := range order {
		out := run(t, tr, pipeline.Options{Engine: always(string(verdict)), Budget: 100})
		if out.Read == 0 {
			t.Fatalf("%s: the model read nothing: %q", verdict, out.Provenance.Notes)
		}
		for i, in := range out.Incidents {
			if place(in.Opinion.Effective) > place(tr.Incidents[i].Verdict) {
				t.Errorf("%s: incident %d went from %s to %s", verdict, in.Rank, tr.Incidents[i].Verdict, in.Opinion.Effective)
			}
			if in.Verdict != tr.Incidents[i].Verdict || in.Score != tr.Incidents[i].Score || in.Rank != tr.Incidents[i].Rank {
				t.Errorf("%s: incident %d is not as triage gave it", verdict, in.Rank)
			}
		}
		for _, show := range []func(*bytes.Buffer, report.Triage) error{
			func(b *bytes.Buffer, r report.Triage) error {
				return report.WriteTerminal(b, r, report.TerminalOptions{})
			},
			func(b *bytes.Buffer, r report.Triage) error { return report.WriteHTML(b, r) },
		} {
			var b bytes.Buffer
			if err := show(&b, out.Triage()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "model disagrees") {
				t.Errorf("%s: the report does not say where the model disagrees", verdict)
			}
		}
	}
}

// TestBudgetIsSaid: of the incidents beyond the budget each says that it was not
// read, and of which budget.
func TestBudgetIsSaid(t *testing.T) {
	out := run(t, example(t), pipeline.Options{Engine: always("suspicious"), Budget: 2})
	if out.Read != 2 || out.Unread != len(out.Incidents)-2 || out.Provenance.Calls != 2 {
		t.Errorf("read %d, unread %d, calls %d", out.Read, out.Unread, out.Provenance.Calls)
	}
	for _, in := range out.Incidents[2:] {
		if in.Opinion.Read || !strings.HasPrefix(in.Opinion.Status, "not read by the model") {
			t.Errorf("incident %d: %q", in.Rank, in.Opinion.Status)
		}
	}
}

// TestSameBytes: the same incidents give the same bytes.
func TestSameBytes(t *testing.T) {
	tr := example(t)
	bytesOf := func() string {
		b, err := json.Marshal(run(t, tr, pipeline.Options{Engine: always("likely malicious"), Budget: 5}))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, second := bytesOf(), bytesOf()
	if first != second {
		t.Error("two runs gave other bytes")
	}
}

// TestPage: the page tells the disagreements, and goes out in every form.
func TestPage(t *testing.T) {
	out := run(t, example(t), pipeline.Options{Engine: always("likely benign"), Budget: 3})
	var b bytes.Buffer
	for _, write := range []func() error{
		func() error { return page.WriteTerminal(&b, opinion.Page(out), page.TerminalOptions{}) },
		func() error { return page.WriteMarkdown(&b, opinion.Page(out)) },
		func() error { return page.WriteHTML(&b, opinion.Page(out)) },
	} {
		b.Reset()
		if err := write(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Where the model disagrees", "budget of 3", "stands"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("the page lacks %q", want)
			}
		}
	}
}
