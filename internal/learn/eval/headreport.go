package eval

import (
	"fmt"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"io"
	"strings"
)

// WriteHeadFigures writes the table that people read; verbose adds what is known
// by label.
func WriteHeadFigures(w io.Writer, f HeadFigures, verbose bool) error {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-34s %v\n", name, value) }
	fmt.Fprintf(&b, "head %s %.12s, trained on texts published before %s\n%s, %d texts\n\n", f.Head, f.Digest, f.Until, f.Set, f.Top1.N)
	if f.Dropped > 0 {
		row("duplicates left out", f.Dropped)
	}
	exact := "top-1"
	if f.Parts != nil {
		exact = "all parts right"
	}
	row(exact, f.Top1)
	row("  always "+short(f.Constant), f.Baseline)
	row("top-3", f.Top3)
	if d := f.Deviation; d != nil {
		row("mean absolute deviation of score", points(d.Mean))
		row("  always "+short(f.Constant), points(d.Baseline))
		row("1 - deviation / 10", fmt.Sprintf("%.4f", 1-d.Mean.Value/10))
	} else {
		row("macro-F1", fmt.Sprintf("%.3f (%.3f–%.3f, %d labels)", f.MacroF1.Value, f.MacroF1.Low, f.MacroF1.High, f.Classes))
	}
	row("expected calibration error", fmt.Sprintf("%.3f", f.ECE))
	row(fmt.Sprintf("not abstaining (p ≥ %.2f)", f.Threshold), f.Coverage)
	row("  "+exact+" of those", f.Above)
	if f.Near.N > 0 {
		row(exact+", near-duplicates of training", f.Near)
		row(exact+", the others", f.Far)
	}
	for _, s := range f.Styles {
		row("labelled by "+s.Style, s.Top1)
		row("  answered in the usual style", s.Usual)
	}
	for _, p := range f.Parts {
		row("  "+p.Name, fmt.Sprintf("%v, calibration error %.3f", p.Top1, p.ECE))
	}
	if verbose {
		writeClasses(&b, f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeClasses(b *strings.Builder, f HeadFigures) {
	fmt.Fprintf(b, "\n%-50s %6s %7s %10s %6s\n", "label", "n", "recall", "precision", "F1")
	for _, c := range f.ByClass {
		fmt.Fprintf(b, "%-50s %6d %7.2f %10.2f %6.2f\n", c.Label, c.N, c.Recall, c.Precision, c.F1)
	}
	const most = 40
	fmt.Fprintf(b, "\n%-50s %-50s %6s\n", "truth", "given", "n")
	for _, c := range f.Confused[:min(most, len(f.Confused))] {
		fmt.Fprintf(b, "%-50s %-50s %6d\n", c.Truth, c.Given, c.N)
	}
}

// points writes an estimate that is no share.
func points(e metric.Estimate) string {
	return fmt.Sprintf("%.3f (%.3f–%.3f, n = %d)", e.Value, e.Low, e.High, e.N)
}

// short cuts the common beginning of vectors.
func short(label string) string { return strings.TrimPrefix(label, "CVSS:3.1/") }
