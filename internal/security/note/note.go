// Package note writes what a team has to hand on about an incident: a case note,
// the handover to the next shift, a notification of customers; as a page, or as
// what TheHive, Jira and ServiceNow take. Rules and templates write it; a language
// model may add a few sentences, which are held against the evidence.
package note

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/material"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Name is the workflow's name in the table.
const Name = "note"

// The kinds of note.
const (
	KindCase     = "case"
	KindHandover = "handover"
	KindCustomer = "customer"
)

// The forms of a note besides the page.
const (
	FormatMarkdown   = "markdown"
	FormatTheHive    = "thehive"
	FormatJira       = "jira"
	FormatServiceNow = "servicenow"
)

// Input says what to write a note about. Files is all that is needed.
type Input struct {
	Files           []string `json:"files" arg:"" optional:"" name:"file" help:"The material of the incident: alerts, logs, notes, chats, tickets, mails; files, folders, archives, - for standard input."`
	Kind            string   `json:"kind,omitempty" enum:"case,handover,customer" default:"case" help:"What to write: case (a case note), handover (of a shift), customer (a notification)."`
	Format          string   `json:"format,omitempty" enum:"markdown,thehive,jira,servicenow" default:"markdown" help:"markdown (a page), or what thehive, jira or servicenow takes to create a case, an issue, an incident."`
	Incident        string   `json:"incident,omitempty" placeholder:"ID|RANK" help:"Write about this incident alone; without it a case note is about the most urgent one."`
	Since           string   `json:"since,omitempty" placeholder:"TIME" help:"When the shift began, in UTC: 2026-03-04T14:00."`
	Until           string   `json:"until,omitempty" placeholder:"TIME" help:"When the shift ended, in UTC."`
	IncludeInternal bool     `json:"include_internal,omitempty" help:"Let a customer notification name our hosts, accounts and internal addresses."`
	Project         string   `json:"project,omitempty" placeholder:"KEY" help:"The project of a Jira issue."`
	Table           string   `json:"table,omitempty" enum:"sn_si_incident,incident" default:"sn_si_incident" help:"The table of a ServiceNow record: sn_si_incident or incident."`
	Rules           []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules         bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
	Assets          string   `json:"assets,omitempty" placeholder:"FILE" help:"Inventory in CSV: host, criticality, exposure, owner."`
	Suppress        string   `json:"suppress,omitempty" placeholder:"FILE" help:"Known-benign list in YAML; what it hides is counted and said."`
	AsOf            string   `json:"as_of,omitempty" placeholder:"DATE" help:"Date timestamps without a year (classic syslog) at or before this day, such as 2026-03-05; else the file's own date serves."`
}

// Output is a note.
type Output struct {
	Kind     string               `json:"kind"`
	Title    string               `json:"title"`
	Severity casemate.Severity    `json:"severity"`
	Verdict  casemate.Verdict     `json:"verdict,omitempty"`
	Since    *time.Time           `json:"since,omitempty"` // of a shift
	Until    *time.Time           `json:"until,omitempty"`
	Lede     []casemate.Statement `json:"lede"`
	// Narrative is what a model adds; it stands in the first section.
	Narrative  []casemate.Statement `json:"narrative,omitempty"`
	Sections   []Section            `json:"sections"`
	Incidents  []Incident           `json:"incidents,omitempty"`
	Techniques []casemate.Technique `json:"techniques,omitempty"`
	Indicators []casemate.Indicator `json:"indicators,omitempty"`
	Tasks      []Task               `json:"tasks,omitempty"`
	// Struck counts sentences of a model that named something internal.
	Struck int `json:"struck_internal,omitempty"`
	// Payload is what the product of Input.Format takes.
	Payload    json.RawMessage     `json:"payload,omitempty"`
	Evidence   []casemate.Evidence `json:"evidence"`
	Coverage   casemate.Coverage   `json:"coverage"`
	Provenance casemate.Provenance `json:"provenance"`
}

// Section is a part of a note.
type Section struct {
	Title      string               `json:"title"`
	Note       string               `json:"note,omitempty"`
	Statements []casemate.Statement `json:"statements"`
	Numbered   bool                 `json:"numbered,omitempty"`
}

// Incident is one incident of the material, as the rules rank it.
type Incident struct {
	ID       string            `json:"id"`
	Rank     int               `json:"rank"`
	Score    float64           `json:"score"`
	Verdict  casemate.Verdict  `json:"verdict"`
	Severity casemate.Severity `json:"severity"`
	Title    string            `json:"title"`
	First    time.Time         `json:"first,omitzero"`
	Last     time.Time         `json:"last,omitzero"`
	Alerts   int               `json:"alerts"`
	Hosts    []string          `json:"hosts,omitempty"`
	Users    []string          `json:"users,omitempty"`
	Changed  bool              `json:"changed,omitempty"` // in the shift
}

// Task is something to do.
type Task struct {
	Text   string `json:"text"`
	Kind   string `json:"kind"` // as of casemate.NextStep
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Run reads the material and writes the note.
func Run(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	w, err := newWriter(run, in)
	if err != nil {
		return Output{}, err
	}
	if w.dossier, err = material.Read(ctx, run, material.Input{
		Files: in.Files, Rules: in.Rules, NoRules: in.NoRules, Assets: in.Assets, Suppress: in.Suppress, AsOf: in.AsOf,
	}); err != nil {
		return Output{}, err
	}
	if err := w.pick(); err != nil {
		return Output{}, err
	}
	write := map[string]func(context.Context) error{KindCase: w.caseNote, KindHandover: w.handover, KindCustomer: w.customer}
	if err := write[w.in.Kind](ctx); err != nil {
		return Output{}, err
	}
	w.finish()
	if err := w.payload(); err != nil {
		return Output{}, err
	}
	return w.out, run.Step("note", w.out)
}

// writer is one note under way.
type writer struct {
	run          *pipeline.Run
	in           Input
	dossier      *dossier.Dossier
	chosen       []casemate.Incident // that the note is about
	since, until time.Time
	findings     []casemate.Evidence
	read         map[string]bool   // ids of evidence that a usable answer of the model rests on
	records      map[string]string // alert id -> evidence id
	internal     *internal
	staff        map[string]bool // parts of the names of who writes in notes, chats and tickets
	readings     []casemate.CoveredPart
	possible     int // what it might have been given
	out          Output
}

func newWriter(run *pipeline.Run, in Input) (*writer, error) {
	in.Kind, in.Format, in.Table = cmp.Or(in.Kind, KindCase), cmp.Or(in.Format, FormatMarkdown), cmp.Or(in.Table, "sn_si_incident")
	w := &writer{run: run, in: in}
	if len(in.Files) == 0 {
		return nil, usage("note needs material to write about", "try: casemate note examples/incident")
	}
	for _, c := range []struct{ what, value, want string }{
		{"kind", in.Kind, "case,handover,customer"}, {"format", in.Format, "markdown,thehive,jira,servicenow"}, {"table", in.Table, "sn_si_incident,incident"},
	} {
		if !strings.Contains(","+c.want+",", ","+c.value+",") {
			return nil, usage(fmt.Sprintf("%s %q is not known", c.what, c.value), "use one of "+c.want)
		}
	}
	if in.Format == FormatJira && in.Project == "" {
		return nil, usage("a Jira issue needs the key of its project", "give --project KEY, such as --project SEC")
	}
	var err error
	if w.since, err = moment(in.Since); err != nil {
		return nil, usage(fmt.Sprintf("since: %v", err), timeHint)
	}
	if w.until, err = moment(in.Until); err != nil {
		return nil, usage(fmt.Sprintf("until: %v", err), timeHint)
	}
	if !w.since.IsZero() && !w.until.IsZero() && !w.until.After(w.since) {
		return nil, usage("the shift ends before it begins", "give --since before --until")
	}
	return w, nil
}

const timeHint = "write times in UTC as 2026-03-04T14:00 or 2026-03-04T14:00:00Z"

// moment reads a time in UTC.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", text)
}

// pick says which incidents the note is about.
func (w *writer) pick() error {
	all := w.dossier.Triage.Incidents
	w.chosen = w.dossier.Chosen
	if w.in.Incident != "" {
		w.chosen = nil
		for _, i := range all {
			if i.ID == w.in.Incident || strconv.Itoa(i.Rank) == w.in.Incident {
				w.chosen = []casemate.Incident{i}
			}
		}
		if len(w.chosen) == 0 {
			return usage(fmt.Sprintf("there is no incident %q", w.in.Incident), "casemate triage lists the incidents with their ids")
		}
	} else if w.in.Kind != KindHandover && len(w.chosen) > 1 {
		w.chosen = w.chosen[:1]
	}
	w.index()
	w.out.Kind, w.out.Sections = w.in.Kind, []Section{}
	if !w.since.IsZero() {
		w.out.Since = &w.since
	}
	if !w.until.IsZero() {
		w.out.Until = &w.until
	}
	for _, i := range w.chosen {
		w.out.Severity = max(w.out.Severity, i.Severity)
	}
	if len(w.chosen) > 0 {
		w.out.Verdict = w.chosen[0].Verdict
	}
	return nil
}

// index prepares what is looked up while writing: evidence by alert, names of
// ours, and who is of the team.
func (w *writer) index() {
	w.records = map[string]string{}
	for _, e := range w.dossier.Evidence {
		if _, have := w.records[e.Record]; !have && e.Record != "" {
			w.records[e.Record] = e.ID
		}
	}
	for _, m := range w.dossier.Moments {
		if _, have := w.records[m.Evidence]; !have {
			w.records[m.Evidence] = m.ID
		}
	}
	w.internal, w.staff = newInternal(w.dossier), map[string]bool{}
	for _, e := range w.dossier.Evidence {
		if e.Kind == casemate.EvidenceNote || e.Kind == casemate.EvidenceChat || e.Kind == casemate.EvidenceTicket {
			for _, part := range strings.FieldsFunc(strings.ToLower(e.Author), func(r rune) bool { return strings.ContainsRune(" .,<>@", r) }) {
				w.staff[part] = true
			}
		}
	}
}

func usage(message, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
}
