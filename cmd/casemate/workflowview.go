package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// viewOf returns the view of a command that has one, or nil.
func viewOf(name string) view {
	switch name {
	case "triage":
		return &triageView{}
	case "map":
		return &mapView{}
	}
	return nil
}

// triageView are the forms that only triage has.
type triageView struct {
	Top     int    `group:"Output" default:"20" help:"How many incidents the terminal table shows."`
	Notes   string `group:"Output" placeholder:"DIR" help:"Write a case note (Markdown) for each incident that is not likely benign."`
	Explain string `group:"Output" placeholder:"ID|RANK" help:"Show how one incident's score came about."`
}

func (v *triageView) show(s *streams, c *workflowCmd, r workflow.Result) (bool, error) {
	t, ok := r.Source.(report.Triage)
	if !ok {
		return false, nil
	}
	if err := v.notes(t); err != nil {
		return false, err
	}
	opt := report.TerminalOptions{Width: terminalWidth(s.stdout), Color: isTerminal(s.stdout), Top: v.Top}
	if v.Explain == "" {
		if c.flag.lines.JSONL || c.flag.json.JSON || c.markdown() == "-" || c.html() == "-" {
			return false, nil
		}
		return true, report.WriteTerminal(s.stdout, t, opt)
	}
	i := slices.IndexFunc(t.Incidents, func(in casemate.Incident) bool {
		return in.ID == v.Explain || fmt.Sprint(in.Rank) == v.Explain
	})
	if i < 0 {
		return false, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no incident %q", v.Explain),
			Hint: fmt.Sprintf("give an id such as %s, or a rank from 1 to %d", firstID(t), len(t.Incidents))}
	}
	if c.flag.json.JSON || c.flag.lines.JSONL {
		return true, writeJSON(s.stdout, t.Incidents[i], c.flag.json.JSON)
	}
	return true, report.WriteExplain(s.stdout, t.Incidents[i], opt)
}

// alone says that the view writes what --jsonl would, and less of it.
func (v *triageView) alone() bool { return v.Explain != "" }

func firstID(t report.Triage) string {
	if len(t.Incidents) == 0 {
		return "i-…"
	}
	return t.Incidents[0].ID
}

// notes writes the case notes.
func (v *triageView) notes(t report.Triage) error {
	if v.Notes == "" {
		return nil
	}
	if err := os.MkdirAll(v.Notes, 0o755); err != nil {
		return fmt.Errorf("make the folder for case notes: %w", err)
	}
	for _, in := range t.Incidents {
		if in.Verdict == casemate.VerdictBenign {
			continue
		}
		name := filepath.Join(v.Notes, fmt.Sprintf("%03d-%s.md", in.Rank, in.ID))
		if err := writeFile(name, func(w io.Writer) error { return report.WriteCaseNote(w, in, t) }); err != nil {
			return err
		}
	}
	return nil
}
