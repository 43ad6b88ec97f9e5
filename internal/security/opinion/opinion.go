// Package opinion sets a language model's view of incidents beside that of the
// rules: a verdict with reasons, where it disagrees, and why the alerts of an
// incident belong together. Without a model the last is told by rules.
//
// Each incident is asked about alone, so that what an attacker writes into one can
// reach no other. A verdict graver than the rules' is shown if at least one of its
// reasons holds; a milder one is a recommendation. Ranks and scores stay.
package opinion

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
	"github.com/casemate-ai/casemate/internal/security/report"
)

//go:embed prompts
var prompts embed.FS

// Budget is how many incidents a model reads where the caller names no budget.
const Budget = 20

// fewBenign is how many likely benign incidents are still worth a question.
const fewBenign = 5

// Options says how to ask. The zero value is ready.
type Options struct {
	// Incidents is how many incidents the model may read; 0 is the run's budget
	// of questions, or else Budget.
	Incidents int
}

// Incident is an incident with what is said of it besides.
type Incident struct {
	casemate.Incident
	WhyTogether []casemate.Statement `json:"why_together,omitempty"` // why its alerts are one incident, by rules
	Opinion     *report.Opinion      `json:"opinion,omitempty"`
}

// Output is the incidents with the opinions, and what both cite.
type Output struct {
	Incidents     []Incident          `json:"incidents"`               // in the rules' order
	Disagreements []string            `json:"disagreements,omitempty"` // ids of incidents that the model sees differently, raised ones first
	Read          int                 `json:"read"`                    // incidents that the model read
	Unread        int                 `json:"unread"`                  // incidents that it did not
	Evidence      []casemate.Evidence `json:"evidence"`                // what statements cite: "E3.2" is the second piece of the incident of rank 3
	Provenance    casemate.Provenance `json:"provenance"`

	triage report.Triage
}

// questions are the two prompts.
type questions struct{ opinion, grouping *prompt.Prompt }

var loadQuestions = sync.OnceValues(func() (questions, error) {
	o, err := prompt.Load(prompts, "prompts/opinion")
	if err != nil {
		return questions{}, fmt.Errorf("load prompt %q: %w", "opinion", err)
	}
	g, err := prompt.Load(prompts, "prompts/grouping")
	if err != nil {
		return questions{}, fmt.Errorf("load prompt %q: %w", "grouping", err)
	}
	return questions{o, g}, nil
})

// Run explains how the incidents of a triage hold together, and asks the run's
// model, if it has one, for its opinion of as many as the budget allows.
func Run(ctx context.Context, run *pipeline.Run, t report.Triage, o Options) (Output, error) {
	out := Output{triage: t, Evidence: []casemate.Evidence{}, Incidents: make([]Incident, len(t.Incidents))}
	files := make([]*file, len(t.Incidents))
	for i := range t.Incidents {
		out.Incidents[i] = Incident{Incident: t.Incidents[i]}
		files[i] = gather(&t.Incidents[i])
	}
	for _, field := range []string{"verdict", "score", "rank", "severity", "title", "reasons", "techniques", "indicators", "timeline", "next", "related", "why_together"} {
		run.Decided("incidents[]."+field, casemate.DecidedByRule)
	}
	if run.HasModel() {
		if err := out.ask(ctx, run, files, o); err != nil {
			return Output{}, err
		}
	}
	for i, f := range files {
		out.Incidents[i].WhyTogether = run.Verify(f.together(), f.evidence)
		out.Evidence = append(out.Evidence, f.cited(&out.Incidents[i])...)
	}
	out.Provenance = run.Provenance()
	return out, nil
}

// Triage returns the triage with what the model says of it.
func (o *Output) Triage() report.Triage {
	t := o.triage
	for i := range o.Incidents {
		in := &o.Incidents[i]
		if in.Opinion != nil {
			if t.Opinions == nil {
				t.Opinions = map[string]report.Opinion{}
			}
			t.Opinions[in.ID] = *in.Opinion
		}
	}
	return t
}

// severest lists the verdicts, gravest first.
var severest = [...]casemate.Verdict{casemate.VerdictMalicious, casemate.VerdictSuspicious, casemate.VerdictReview, casemate.VerdictBenign}

func gravity(v casemate.Verdict) int { return slices.Index(severest[:], v) }

// chosen returns the incidents to ask about: by rank, the likely benign ones only
// where they are few and room is left.
func chosen(t []casemate.Incident, n int) []int {
	var out, benign []int
	for i := range t {
		if t[i].Verdict == casemate.VerdictBenign {
			benign = append(benign, i)
		} else if len(out) < n {
			out = append(out, i)
		}
	}
	if len(benign) <= fewBenign {
		out = append(out, benign[:min(len(benign), n-len(out))]...)
	}
	slices.Sort(out)
	return out
}
