// Package summary writes what happened in an incident for those who were not
// there: five sentences for management, the course of it by phase for the team, a
// timeline with its sources, and the questions that are open. Rules and templates
// write all of it; a language model may put the sentences better, and each of its
// sentences is held against the evidence before it takes the place of a rule's.
package summary

import (
	"context"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/material"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Name is the workflow's name in the table.
const Name = "summarize"

// Input says what to summarise. Files is all that is needed.
type Input struct {
	Files    []string `json:"files" arg:"" optional:"" name:"file" help:"The material of the incident: alerts, logs, notes, chats, tickets, mails, reports; files, folders, archives, - for standard input."`
	Audience string   `json:"audience,omitempty" enum:"analyst,executive" default:"analyst" help:"Whom the page is for: the team, or management, who get a shorter one."`
	Format   string   `json:"format,omitempty" placeholder:"FORMAT" help:"Read every file as this format instead of detecting it."`
	Rules    []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules  bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
	Assets   string   `json:"assets,omitempty" placeholder:"FILE" help:"Inventory in CSV: host, criticality, exposure, owner."`
	Suppress string   `json:"suppress,omitempty" placeholder:"FILE" help:"Known-benign list in YAML; what it hides is counted and said."`
	AsOf     string   `json:"as_of,omitempty" placeholder:"DATE" help:"Date timestamps without a year (classic syslog) at or before this day, such as 2026-03-05; else the file's own date serves."`
}

// Output is a summary.
type Output struct {
	Title     string               `json:"title"`
	Audience  string               `json:"audience"`
	Verdict   casemate.Verdict     `json:"verdict,omitempty"` // of the gravest incident
	Severity  casemate.Severity    `json:"severity"`
	First     *time.Time           `json:"first,omitempty"` // of the gravest incident, else of the material
	Last      *time.Time           `json:"last,omitempty"`
	Executive []casemate.Statement `json:"executive"` // at most five
	Tactical  []Phase              `json:"tactical"`
	People    []casemate.Statement `json:"people,omitempty"`  // what the team did, as a model puts it
	Further   []casemate.Statement `json:"further,omitempty"` // incidents that are not told by phase, one sentence each
	Timeline  []Entry              `json:"timeline"`
	// TimelineLeftOut is how many happenings are in the evidence and not in the
	// timeline, which has room for the gravest.
	TimelineLeftOut   int                  `json:"timeline_left_out,omitempty"`
	Questions         []Question           `json:"questions"`
	Answered          []Question           `json:"answered,omitempty"` // asked, and answered later
	Tasks             []casemate.Statement `json:"tasks,omitempty"`    // what people say is still to be done
	Indicators        []Indicator          `json:"indicators"`
	IndicatorsLeftOut int                  `json:"indicators_left_out,omitempty"` // beyond the first 60 by kind and severity
	Instructions      []casemate.Statement `json:"instructions,omitempty"`        // texts in the material that speak to whoever reads it
	Evidence          []casemate.Evidence  `json:"evidence"`
	Coverage          casemate.Coverage    `json:"coverage"`
	Provenance        casemate.Provenance  `json:"provenance"`
}

// Phase is what the alerts of one incident show of one tactic.
type Phase struct {
	Incident   int                  `json:"incident"` // rank
	Tactic     string               `json:"tactic"`   // short name, such as "credential-access"
	Name       string               `json:"name"`
	First      time.Time            `json:"first"`
	Last       time.Time            `json:"last"`
	Hosts      []string             `json:"hosts,omitempty"`
	Users      []string             `json:"users,omitempty"`
	Techniques []string             `json:"techniques"`
	Statements []casemate.Statement `json:"statements"`
}

// Entry is one line of the timeline.
type Entry struct {
	Time     time.Time          `json:"time"`
	Until    *time.Time         `json:"until,omitempty"`
	Source   string             `json:"source"` // "alert" or, of people's words, "note", "chat", "mail", "ticket"
	Author   string             `json:"author,omitempty"`
	Host     string             `json:"host,omitempty"`
	User     string             `json:"user,omitempty"`
	Severity casemate.Severity  `json:"severity"`
	Count    int                `json:"count,omitempty"`
	What     casemate.Statement `json:"what"`
	Incident int                `json:"incident,omitempty"`
}

// Question is something that the material leaves open.
type Question struct {
	Kind   string             `json:"kind"` // "asked" by a person, or the gap that a rule found: "entry", "stage", "time", "host", "account", "named", "relation", "blocked"
	What   casemate.Statement `json:"what"`
	Author string             `json:"author,omitempty"`
	Asked  *time.Time         `json:"asked,omitempty"`
	Answer []string           `json:"answer,omitempty"` // evidence that answers it, or that may
}

// Indicator is something to look for elsewhere.
type Indicator struct {
	Type     string            `json:"type"`
	Value    string            `json:"value"`
	Note     string            `json:"note,omitempty"` // what it was seen to do
	Hosts    []string          `json:"hosts,omitempty"`
	First    *time.Time        `json:"first,omitempty"`
	Last     *time.Time        `json:"last,omitempty"`
	Severity casemate.Severity `json:"severity"`
	Evidence []string          `json:"evidence"`
}

// Run summarises the material. Without a model all of it is there.
func Run(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	d, err := material.Read(ctx, run, material.Input{
		Files: in.Files, Format: in.Format, Rules: in.Rules, NoRules: in.NoRules, Assets: in.Assets, Suppress: in.Suppress, AsOf: in.AsOf,
	})
	if err != nil {
		return Output{}, err
	}
	w := newWriter(d)
	out := w.write()
	out.Audience = in.Audience
	if out.Audience == "" {
		out.Audience = "analyst"
	}
	decided(run)
	if run.HasModel() {
		if err := tell(ctx, run, w, &out); err != nil {
			return Output{}, err
		}
	}
	w.verify(run, &out)
	out.Evidence = w.cited(&out)
	out.Coverage = d.Receipt(out.Evidence, w.read)
	out.Coverage.Readings = w.readings
	if err := run.Step("summary", out); err != nil {
		return Output{}, err
	}
	out.Provenance = run.Provenance()
	return out, nil
}

// decided says who decides what, before a model is asked.
func decided(run *pipeline.Run) {
	for _, path := range []string{"executive[]", "tactical[].statements[]", "further[]", "timeline[]", "questions[]", "indicators[]", "verdict", "severity"} {
		run.Decided(path, casemate.DecidedByRule)
	}
	run.Decided("timeline[].what of people", casemate.DecidedByAnalyst)
}
