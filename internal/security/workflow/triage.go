package workflow

import (
	"context"
	"io"
	"os"
	"slices"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/opinion"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// TriageInput says what to triage.
type TriageInput struct {
	Files    []string `json:"files" arg:"" optional:"" name:"file" help:"Alert and event files of any format, folders, .gz or .zip; - for standard input."`
	Format   string   `json:"format,omitempty" placeholder:"FORMAT" help:"Read every file as this format instead of detecting it."`
	Rules    []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules  bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
	Assets   string   `json:"assets,omitempty" placeholder:"FILE" help:"Inventory in CSV: host, criticality, exposure, owner."`
	Suppress string   `json:"suppress,omitempty" placeholder:"FILE" help:"Known-benign list in YAML; what it hides is counted and said."`
	AsOf     string   `json:"as_of,omitempty" placeholder:"DATE" help:"Date timestamps without a year (classic syslog) at or before this day, such as 2026-03-05; else the file's own date serves."`
}

// TriageOutput is the document of a triage.
type TriageOutput struct {
	Incidents []opinion.Incident `json:"incidents"` // by rank; what a model says of them stands beside, and moves none
	// Disagreements are ids of incidents that a model sees differently.
	Disagreements []string            `json:"disagreements,omitempty"`
	Read          int                 `json:"model_read"`   // incidents that the model read
	Unread        int                 `json:"model_unread"` // incidents that it did not
	Evidence      []casemate.Evidence `json:"evidence"`     // what sentences about incidents cite

	Alerts     int                     `json:"alerts"`
	Events     int                     `json:"events"`
	First      time.Time               `json:"first"`
	Last       time.Time               `json:"last"`
	Files      []report.FileLine       `json:"files"`
	Faults     []casemate.Fault        `json:"faults"`
	FaultCount int                     `json:"fault_count"`
	Suppressed []report.SuppressedLine `json:"suppressed"`
	Rules      map[string]int          `json:"rules"`
	Provenance TriageProvenance        `json:"provenance"`
}

// TriageProvenance is what a triage rests on, with two keys that it always had.
type TriageProvenance struct {
	casemate.Provenance
	Casemate  string `json:"casemate"`  // the program's version
	Catalogue string `json:"catalogue"` // the catalogue's digest
}

func triageEntry() Workflow {
	return entry(Workflow{
		Name: "triage", Group: GroupSOC,
		Summary: "Rank alerts and events as incidents, with reasons.",
		Help:    "Reads alerts and telemetry of any mixture of formats, runs Sigma rules over the events, groups what belongs together and ranks the groups. Each score says how it came about. A model gives its opinion beside the score of the first incidents (--model-budget says of how many); it can raise a verdict that is shown, and lowers none.",
		Example: "casemate triage examples/intrusion --assets examples/assets.csv --suppress examples/suppress.yaml",
		Output:  TriageOutput{}, Line: opinion.Incident{}, Model: true,
		Levels: []string{"review", "suspicious", "malicious"},
	}, runTriage)
}

func runTriage(ctx context.Context, in *TriageInput, env Env) (Result, error) {
	if len(in.Files) == 0 {
		return Result{}, usage("triage needs at least one file", "try: casemate triage examples/intrusion --assets examples/assets.csv, or - to read standard input")
	}
	asOf, err := evidence.Day("--as-of", in.AsOf)
	if err != nil {
		return Result{}, err
	}
	run, err := pipeline.Start(env.Options)
	if err != nil {
		return Result{}, err
	}
	stdin := env.Stdin
	if s := run.Options().Stdin; s != nil {
		stdin = s // which takes its digest
	}
	t, err := intake.Triage(ctx, intake.TriageInput{
		Paths: in.Files, Stdin: stdin, Format: in.Format, Rules: in.Rules, Bare: in.NoRules,
		Assets: in.Assets, Suppress: in.Suppress, AsOf: asOf,
		Version: env.Version, Progress: reading(env, in.Files),
	})
	if err != nil {
		return Result{}, err
	}
	pinned := slices.DeleteFunc(slices.Concat(in.Files, []string{in.Assets, in.Suppress}, in.Rules), func(f string) bool { return f == "" || f == "-" })
	if len(pinned) > 0 {
		if err := run.Input(ctx, pinned); err != nil {
			run.Note("The digests of the input are not known: a part of it could not be read.")
		}
	}
	out, err := opinion.Run(ctx, run, t, opinion.Options{})
	if err != nil {
		return Result{}, err
	}
	for i := 0; env.Emit != nil && i < len(out.Incidents); i++ {
		if err := env.Emit(out.Incidents[i]); err != nil {
			return Result{}, err
		}
	}
	t = out.Triage()
	p := opinion.Page(out)
	return Result{
		Value: triageOutput(t, out), Page: &p, Source: t,
		Text: func(w io.Writer, o page.TerminalOptions) error {
			return report.WriteTerminal(w, t, report.TerminalOptions{Width: o.Width, Color: o.Color})
		},
		HTML:   func(w io.Writer) error { return report.WriteHTML(w, t) },
		Faults: t.Faults, FaultCount: t.FaultCount, Incomplete: t.FaultCount > 0, Refused: t.Refused,
		Level: gravest(out.Incidents),
	}, nil
}

// gravest names the gravest verdict as --fail-on does: the rules', or a model's
// that raised it.
func gravest(incidents []opinion.Incident) string {
	for _, v := range []struct {
		verdict casemate.Verdict
		level   string
	}{{casemate.VerdictMalicious, "malicious"}, {casemate.VerdictSuspicious, "suspicious"}, {casemate.VerdictReview, "review"}} {
		if slices.ContainsFunc(incidents, func(in opinion.Incident) bool { return in.Effective() == v.verdict }) {
			return v.level
		}
	}
	return ""
}

func triageOutput(t report.Triage, o opinion.Output) TriageOutput {
	d := TriageOutput{
		Incidents: o.Incidents, Disagreements: o.Disagreements, Read: o.Read, Unread: o.Unread, Evidence: o.Evidence,
		Alerts: t.Alerts, Events: t.Events, First: t.First, Last: t.Last,
		Files: t.Files, Faults: t.Faults, FaultCount: t.FaultCount, Suppressed: t.Suppressed,
		Rules:      map[string]int{"loaded": t.RulesLoaded, "refused": t.RulesRefused, "matches": t.RuleMatches},
		Provenance: TriageProvenance{Provenance: o.Provenance},
	}
	for _, p := range t.Provenance {
		switch p.Key {
		case "casemate":
			d.Provenance.Casemate = p.Value
		case "catalogue":
			d.Provenance.Catalogue = p.Value
		}
	}
	return d
}

// reading returns a function that tells the run how much of the files has been
// read. Of folders and streams the size is not known beforehand.
func reading(env Env, paths []string) func(int64) {
	if env.Progress == nil {
		return nil
	}
	total := int64(0)
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() {
			total = -1
			break
		}
		total += info.Size()
	}
	return func(read int64) { env.Progress(StepReading, read, total) }
}
