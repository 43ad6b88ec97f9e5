package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type triageCmd struct {
	Files    []string `arg:"" optional:"" name:"file" help:"Alert and event files of any format, folders, .gz or .zip; - for standard input."`
	Format   string   `help:"Read every file as this format instead of detecting it."`
	Rules    []string `placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules  bool     `help:"Do not run the starter pack of rules."`
	Assets   string   `placeholder:"FILE" help:"Inventory in CSV: host, criticality, exposure, owner."`
	Suppress string   `placeholder:"FILE" help:"Known-benign list in YAML; what it hides is counted and said."`
	AsOf     string   `placeholder:"DATE" help:"Date timestamps without a year (classic syslog) at or before this day, such as 2026-03-05; else the file's own date serves."`

	Top     int    `default:"20" help:"How many incidents the terminal table shows."`
	JSON    bool   `help:"Print one JSON document."`
	JSONL   bool   `name:"jsonl" help:"Print one JSON object an incident."`
	HTML    string `name:"html" placeholder:"FILE" help:"Write one self-contained page."`
	Notes   string `placeholder:"DIR" help:"Write a case note (Markdown) for each incident that is not likely benign."`
	Explain string `placeholder:"ID|RANK" help:"Show how one incident's score came about."`
	FailOn  string `enum:",review,suspicious,malicious" default:"" placeholder:"VERDICT" help:"Exit 1 if an incident is at least this grave: review, suspicious or malicious."`
	Verbose bool   `short:"v" help:"Name every rule that was refused and every line that could not be read."`
}

// Run triages and shows the result in the form asked for.
func (c *triageCmd) Run(s *streams) error {
	if len(c.Files) == 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "triage needs at least one file",
			Hint: "try: casemate triage examples/intrusion --assets examples/assets.csv, or - to read standard input"}
	}
	var asOf time.Time
	if c.AsOf != "" {
		var err error
		if asOf, err = time.Parse(time.DateOnly, c.AsOf); err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--as-of %q is no date", c.AsOf), Hint: "write it as 2026-03-05"}
		}
	}
	bar := newProgress(s.stderr, c.Files)
	t, err := intake.Triage(s.ctx, intake.TriageInput{
		Paths: c.Files, Stdin: s.stdin, Format: c.Format, Rules: c.Rules, Bare: c.NoRules,
		Assets: c.Assets, Suppress: c.Suppress, AsOf: asOf,
		Version: version, Progress: bar.update,
	})
	bar.done()
	if err != nil {
		return err
	}
	if err := c.files(t); err != nil {
		return err
	}
	if err := c.show(s, t); err != nil {
		return err
	}
	tellRefused(s.stderr, t.Refused, c.Verbose)
	tellFaults(s.stderr, t.Faults, t.FaultCount, c.Verbose)
	return exitOf(t, c.FailOn)
}

// show writes the result to stdout.
func (c *triageCmd) show(s *streams, t report.Triage) error {
	opt := report.TerminalOptions{Width: terminalWidth(s.stdout), Color: isTerminal(s.stdout), Top: c.Top}
	switch {
	case c.Explain != "":
		i := slices.IndexFunc(t.Incidents, func(in casemate.Incident) bool {
			return in.ID == c.Explain || fmt.Sprint(in.Rank) == c.Explain
		})
		if i < 0 {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no incident %q", c.Explain),
				Hint: fmt.Sprintf("give an id such as %s, or a rank from 1 to %d", firstID(t), len(t.Incidents))}
		}
		if c.JSON || c.JSONL {
			return writeJSON(s.stdout, t.Incidents[i], c.JSON)
		}
		return report.WriteExplain(s.stdout, t.Incidents[i], opt)
	case c.JSONL:
		out := bufio.NewWriter(s.stdout)
		for i := range t.Incidents {
			if err := writeJSON(out, t.Incidents[i], false); err != nil {
				return err
			}
		}
		return out.Flush()
	case c.JSON:
		return writeJSON(s.stdout, newTriageDocument(t), true)
	}
	return report.WriteTerminal(s.stdout, t, opt)
}

func firstID(t report.Triage) string {
	if len(t.Incidents) == 0 {
		return "i-…"
	}
	return t.Incidents[0].ID
}

// files writes the page and the case notes.
func (c *triageCmd) files(t report.Triage) error {
	if c.HTML != "" {
		if err := writeFile(c.HTML, func(w io.Writer) error { return report.WriteHTML(w, t) }); err != nil {
			return err
		}
	}
	if c.Notes == "" {
		return nil
	}
	if err := os.MkdirAll(c.Notes, 0o755); err != nil {
		return fmt.Errorf("make the folder for case notes: %w", err)
	}
	for _, in := range t.Incidents {
		if in.Verdict == casemate.VerdictBenign {
			continue
		}
		name := filepath.Join(c.Notes, fmt.Sprintf("%03d-%s.md", in.Rank, in.ID))
		if err := writeFile(name, func(w io.Writer) error { return report.WriteCaseNote(w, in, t) }); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file beside its place and then moves it there, so that a
// reader never finds half of it.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".casemate-*")
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write %q", name), Err: err, Hint: "give a file in a folder that exists and that you may write"}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %q: %w", name, err)
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// triageDocument is the result of `triage --json`.
type triageDocument struct {
	Incidents  []casemate.Incident     `json:"incidents"`
	Alerts     int                     `json:"alerts"`
	Events     int                     `json:"events"`
	First      time.Time               `json:"first"`
	Last       time.Time               `json:"last"`
	Files      []report.FileLine       `json:"files"`
	Faults     []casemate.Fault        `json:"faults"`
	FaultCount int                     `json:"fault_count"`
	Suppressed []report.SuppressedLine `json:"suppressed"`
	Rules      map[string]int          `json:"rules"`
	Provenance map[string]string       `json:"provenance"`
}

func newTriageDocument(t report.Triage) triageDocument {
	d := triageDocument{
		Incidents: t.Incidents, Alerts: t.Alerts, Events: t.Events, First: t.First, Last: t.Last,
		Files: t.Files, Faults: t.Faults, FaultCount: t.FaultCount, Suppressed: t.Suppressed,
		Rules:      map[string]int{"loaded": t.RulesLoaded, "refused": t.RulesRefused, "matches": t.RuleMatches},
		Provenance: map[string]string{},
	}
	for _, p := range t.Provenance {
		d.Provenance[p.Key] = p.Value
	}
	return d
}

func writeJSON(w io.Writer, v any, indent bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // it goes to programs, which read < as well
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// tellRefused names the rules that did not run.
func tellRefused(w io.Writer, refused []string, all bool) {
	shown := min(len(refused), 3)
	if all {
		shown = len(refused)
	}
	for _, r := range refused[:shown] {
		fmt.Fprintln(w, "casemate: rule refused:", report.Terminal(r))
	}
	if more := len(refused) - shown; more > 0 {
		fmt.Fprintf(w, "casemate: rule refused: and %d more (-v names them)\n", more)
	}
}

// tellFaults says on stderr what could not be read.
func tellFaults(w io.Writer, faults []casemate.Fault, count int, all bool) {
	if count == 0 {
		return
	}
	shown := min(len(faults), 5)
	if all {
		shown = len(faults)
	}
	for _, f := range faults[:shown] {
		fmt.Fprintln(w, "casemate: unreadable:", report.Terminal(f.String()))
	}
	if count > shown {
		fmt.Fprintf(w, "casemate: unreadable: and %d more (-v names up to %d)\n", count-shown, len(faults))
	}
	fmt.Fprintln(w, "casemate: the result is incomplete: everything else was read (exit 4)")
}

// exitOf returns the exit code as an error, or nil. Incomplete input comes
// before findings: what is missing might be graver.
func exitOf(t report.Triage, failOn string) error {
	if t.FaultCount > 0 {
		return exitRequest(exitIncomplete)
	}
	order := []casemate.Verdict{casemate.VerdictMalicious, casemate.VerdictSuspicious, casemate.VerdictReview, casemate.VerdictBenign}
	limit := slices.IndexFunc(order, func(v casemate.Verdict) bool { return failOn != "" && strings.Contains(string(v), failOn) })
	for _, in := range t.Incidents {
		if slices.Index(order, in.Verdict) <= limit {
			return exitRequest(exitFindings)
		}
	}
	return nil
}
