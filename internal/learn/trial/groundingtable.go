package trial

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/casemate-ai/casemate/internal/security/report"
)

// WriteGrounding prints the kinds of lies with what was caught, the true sentences
// with what was struck, the two sets apart, and every case that went wrong.
func WriteGrounding(w io.Writer, r GroundingReport) error {
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "kind of lie\tlies\tcaught\tbaseline\texample missed")
	for _, row := range r.Kinds {
		if row.Kind == TrueSentence {
			fmt.Fprintln(tw, "\t\t\t\t")
			fmt.Fprintln(tw, "\tsentences\tstruck\tbaseline\texample struck")
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%s\n", report.Terminal(row.Kind), row.Cases, row.Found, row.Baseline, report.TerminalFit(row.Example, 76))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	sets := r.Sets
	if len(sets) > 1 {
		sets = append(sets[:len(sets):len(sets)], r.GroundingSet)
	}
	for _, s := range sets {
		fmt.Fprintf(w, "\n%s\n", report.Terminal(s.Name))
		if s.Lies > 0 {
			fmt.Fprintf(w, "  lies caught           %d of %d, %s; baseline %d\n", s.Caught, s.Lies, s.CaughtRate, s.BaselineCaught)
		}
		if s.True > 0 {
			fmt.Fprintf(w, "  true sentences struck %d of %d, %s; baseline %d\n", s.TrueStruck, s.True, s.StruckRate, s.BaselineStruck)
		}
	}
	if len(r.Workflows) > 0 {
		fmt.Fprintln(w, "\nthrough workflows, with a model that answers every question with a lie")
	}
	for _, f := range r.Workflows {
		fmt.Fprintf(w, "  %-12s %d asked, %d lies in the answer, %d of them marked\n", f.Workflow, f.Asked, f.Told, f.Caught)
		for _, m := range f.Missed {
			fmt.Fprintf(w, "    missed: %s\n", report.Terminal(m))
		}
	}
	fmt.Fprintln(w, "\nbaseline: every word with a capital or a digit must stand in the evidence cited")
	for _, c := range r.Cases {
		if c.found() != (c.Kind == TrueSentence) {
			continue
		}
		fmt.Fprintf(w, "\n%s %v: %s\n", report.Terminal(c.ID), c.Evidence, report.Terminal(c.Text))
		for _, p := range c.Problems {
			fmt.Fprintf(w, "  %s: %s: %s\n", p.Kind, report.Terminal(p.Text), p.Why)
		}
	}
	return nil
}
