package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type tuneCompareCmd struct {
	ownHeadFlags
	ownKindFlag
	rowsFlags
	A    string `arg:"" help:"What there is: NAME (in service, else the newest), NAME@VERSION, a folder, or the file of an evaluation."`
	B    string `arg:"" help:"What might take its place."`
	JSON bool   `help:"Print one JSON document."`
}

// What a comparison shows of labels and rows before it counts the rest.
const (
	comparedLabels = 15
	comparedRows   = 20
)

// Run compares two candidates on the same rows.
func (c *tuneCompareCmd) Run(s *streams) error {
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	var a, b *outcome.Evaluation
	var notes []string
	if len(c.Rows) > 0 {
		a, b, notes, err = c.run(s, r)
	} else {
		a, err = c.evaluation(r, c.A)
		if err == nil {
			b, err = c.evaluation(r, c.B)
		}
	}
	if err != nil {
		return err
	}
	if err := a.Same(b); err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "compare " + a.Candidate + " with " + b.Candidate, Err: err, Hint: "run both on rows that neither has seen: add --rows FILE"}
	}
	cmp, err := registry.Compare(a, b)
	if err != nil {
		return err
	}
	cmp.Notes = notes
	if c.JSON {
		return writeJSON(s.stdout, cmp, true)
	}
	return printComparison(s.stdout, cmp)
}

// run runs both on the rows of a file.
func (c *tuneCompareCmd) run(s *streams, r *registry.Registry) (a, b *outcome.Evaluation, notes []string, err error) {
	x, err := r.Resolve(c.kind(), c.A)
	if err != nil {
		return nil, nil, nil, err
	}
	y, err := r.Resolve(c.kind(), c.B)
	if err != nil {
		return nil, nil, nil, err
	}
	return headAnswers{s: s, flags: c.ownHeadFlags}.both(r, &c.rowsFlags, x, y)
}

// evaluation returns the evaluation that a name, folder or file stands for.
func (c *tuneCompareCmd) evaluation(r *registry.Registry, ref string) (*outcome.Evaluation, error) {
	if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
		f, err := os.Open(ref)
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: "open an evaluation", Err: err, Hint: "give a file that can be read"}
		}
		defer f.Close()
		e, err := outcome.Read(f)
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q", ref), Err: err, Hint: "give the evaluation.json of a head or adapter"}
		}
		return e, nil
	}
	v, err := r.Resolve(c.kind(), ref)
	if err != nil {
		return nil, err
	}
	e, _, err := r.Evaluation(v)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s has no evaluation", v), Hint: "run both on labelled rows: add --rows FILE"}
	}
	e.Candidate = v.String()
	return e, nil
}

func printComparison(w io.Writer, c *registry.Comparison) error {
	fmt.Fprintln(w, report.Terminal(c.Says))
	for _, n := range c.Notes {
		fmt.Fprintln(w, report.Terminal(n))
	}
	fmt.Fprintf(w, "\nOn %s in %s. A is %s, B is %s.\n\n", phrase.Count(c.Rows, "row"), phrase.Count(c.Groups, "group"), report.Terminal(c.A.Name), report.Terminal(c.B.Name))
	printSides(w, c)
	printChanges(w, c)
	return printDiffering(w, c)
}

func printSides(w io.Writer, c *registry.Comparison) {
	t := newTable("", "A", "B", "B less A", "chance")
	score := func(e metric.Estimate) string { return ownScore(c.Gain.Measure, e) }
	t.row(c.Gain.Measure, score(c.A.Score), score(c.B.Score), gainOf(c.Gain.Measure, c.Gain.Difference), "p "+registry.Probability(c.Gain.Difference.P))
	if c.A.MacroF1 != nil && c.B.MacroF1 != nil && c.MacroF1 != nil {
		t.row("macro F1", ownScore("", *c.A.MacroF1), ownScore("", *c.B.MacroF1), gainOf("", *c.MacroF1), "p "+registry.Probability(c.MacroF1.P))
	}
	if c.A.Coverage.Value < 1 || c.B.Coverage.Value < 1 {
		t.row("answered", ownScore("", c.A.Coverage), ownScore("", c.B.Coverage), "", "")
		t.row("  on those", score(c.A.Answered), score(c.B.Answered), "", "")
	}
	if c.A.ECE != nil && c.B.ECE != nil {
		t.row("calibration error", ownScore("", *c.A.ECE), ownScore("", *c.B.ECE), "", "")
	}
	t.write(w)
	if c.Gain.McNemar != nil {
		fmt.Fprintf(w, "\nOnly A is right in %s, only B in %s: McNemar p %s.\n", phrase.Count(c.Gain.OnlySecond, "row"), phrase.Count(c.Gain.OnlyFirst, "row"), registry.Probability(*c.Gain.McNemar))
	}
}

// gainOf writes a difference with its interval.
func gainOf(measure string, d metric.Difference) string {
	if strings.HasPrefix(measure, "mean absolute error") || strings.HasPrefix(measure, "mean loss") {
		return fmt.Sprintf("%+.4g (%+.4g to %+.4g)", -d.Value, -d.High, -d.Low)
	}
	return fmt.Sprintf("%+.1f (%+.1f to %+.1f)", 100*d.Value, 100*d.Low, 100*d.High)
}

// printChanges shows the labels that changed most.
func printChanges(w io.Writer, c *registry.Comparison) {
	t, shown := newTable("label", "rows", "F1 of A", "F1 of B", "won", "lost", "wrong of A", "wrong of B"), 0
	for _, x := range c.Classes {
		if x.Won+x.Lost+x.FalseA+x.FalseB == 0 || shown == comparedLabels {
			break // the largest change comes first
		}
		shown++
		t.row(x.Label, x.Rows, fmt.Sprintf("%.1f %%", 100*x.FA), fmt.Sprintf("%.1f %%", 100*x.FB), x.Won, x.Lost, x.FalseA, x.FalseB)
	}
	if shown == 0 {
		return
	}
	fmt.Fprintln(w)
	t.write(w)
	if rest := len(c.Classes) - shown; rest > 0 {
		fmt.Fprintf(w, "%s changed less or not.\n", phrase.Upper(phrase.Count(rest, "other label")))
	}
}

// printDiffering names rows that the two answer differently.
func printDiffering(w io.Writer, c *registry.Comparison) error {
	by := map[string][]string{}
	for _, d := range c.Differing {
		by[d.Right] = append(by[d.Right], phrase.Number(d.Number))
	}
	if len(c.Differing) > 0 {
		fmt.Fprintln(w)
	}
	for _, k := range []struct{ right, words string }{{"b", "B is nearer to the truth in rows"}, {"a", "A is nearer to the truth in rows"}, {"", "Both are wrong, each otherwise, in rows"}} {
		if list := by[k.right]; len(list) > 0 {
			fmt.Fprintf(w, "%s %s.\n", k.words, phrase.First(list, comparedRows))
		}
	}
	if c.More > 0 {
		fmt.Fprintf(w, "%s are not listed.\n", phrase.Count(c.More, "further row"))
	}
	return nil
}
