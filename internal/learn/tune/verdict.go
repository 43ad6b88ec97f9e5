package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Adapter says how a language model may be trained as well.
type Adapter struct{}

// verdict says what to make of the figures.
func (j *job) verdict(res *Result) Verdict {
	v := res.Verdict
	chosen := res.Candidates[res.Chosen].Evaluation
	v.Ready = true
	var beaten, open []string
	for _, c := range res.Comparisons {
		if !c.Baseline {
			continue
		}
		g := outcome.Gain{Difference: c.Difference, McNemar: c.McNemar}
		if g.Significant() {
			beaten = append(beaten, c.With)
			continue
		}
		v.Ready = false
		open = append(open, c.With)
		v.Reasons = append(v.Reasons, j.notBetter(c))
	}
	score := j.shown(chosen)
	if v.Ready {
		v.Headline = fmt.Sprintf("Better than every baseline: %s on %d rows that it did not see.", score, len(chosen.Rows))
		v.Reasons = append([]string{fmt.Sprintf("It beats %s by more than chance.", and(beaten))}, v.Reasons...)
	} else {
		v.Headline = fmt.Sprintf("Not yet: %s on %d rows that it did not see, which is not better than %s beyond chance.", score, len(chosen.Rows), and(open))
	}
	if e, ok := chosen.Figures["coverage"]; ok {
		v.Reasons = append(v.Reasons, fmt.Sprintf("It answers %s of the rows and leaves the others to a person; of those that it answers %s are right.", percent(e), percent(chosen.Figures["accuracy_answered"])))
	}
	if a, ok := chosen.Figures["accuracy_answered"]; ok && a.N > 0 && a.High < j.o.Precision {
		v.Reasons = append(v.Reasons, fmt.Sprintf("That is under the precision of %g that the thresholds were set for: the test rows are of another kind than those learnt from.", j.o.Precision))
	}
	for _, c := range res.Candidates {
		if c.Baseline && c.Skipped != "" {
			v.Reasons = append(v.Reasons, fmt.Sprintf("%s was not compared: %s.", strings.ToUpper(and([]string{c.Name})[:1])+and([]string{c.Name})[1:], c.Skipped))
		}
	}
	v.Reasons = append(v.Reasons, res.Curve.Says)
	j.advise(res, &v)
	return v
}

// shown returns the score of an evaluation in words.
func (j *job) shown(ev *outcome.Evaluation) string {
	switch j.task {
	case tuned.TaskRegression:
		e := ev.Figures["mean_absolute_error"]
		return fmt.Sprintf("off by %.3g (%.3g–%.3g) on average", e.Value, e.Low, e.High)
	case tuned.TaskMulti:
		return "a micro-F1 of " + percent(ev.Figures["micro_f1"])
	case tuned.TaskSpans:
		return "an F1 of " + percent(ev.Figures["span_f1"]) + " of exact spans"
	}
	return percent(ev.Figures["accuracy"]) + " right"
}

// notBetter says of a comparison that shows nothing what it would take.
func (j *job) notBetter(c Comparison) string {
	d := c.Difference
	unit, scale := "points", 100.0
	if j.task == tuned.TaskRegression {
		unit, scale = "of error", 1
	}
	text := fmt.Sprintf("Against the %s the difference is %+.1f %s (%.1f to %.1f, p = %.2g).", c.With, scale*d.Value, unit, scale*d.Low, scale*d.High, d.P)
	if d.Value <= 0 {
		return text
	}
	// The interval shrinks with the square root of the rows.
	half := (d.High - d.Low) / 2
	need := int(math.Ceil(float64(d.N) * (half / d.Value) * (half / d.Value) * 1.2))
	if need > d.N {
		text += fmt.Sprintf(" If the difference is real, about %d test rows would show it, and there are %d: about %d more rows in all.", need, d.N, 5*(need-d.N))
	}
	return text
}

// advise says what to do next.
func (j *job) advise(res *Result, v *Verdict) {
	if res.Curve.Helps {
		v.Next = append(v.Next, "Label more rows: the score is still growing.")
	}
	const few = 20
	if labels, rows := j.rarest(few); len(labels) > 0 {
		most := min(len(labels), 5)
		var parts []string
		for i := range most {
			parts = append(parts, fmt.Sprintf("%s (%d)", labels[i], rows[i]))
		}
		more := ""
		if len(labels) > most {
			more = fmt.Sprintf(" and %d more", len(labels)-most)
		}
		v.Next = append(v.Next, fmt.Sprintf("Label more of the rare ones first: %s%s have fewer than %d rows.", strings.Join(parts, ", "), more, few))
	}
	if n := len(res.Inspection.Suspects); n > 0 {
		v.Next = append(v.Next, fmt.Sprintf("Look at the %d rows whose label is probably wrong: casemate tune check lists them.", n))
	}
	if j.sparse(res) {
		v.Next = append(v.Next, "The test part has few independent groups: rows from more sources say more than more rows of the same.")
	}
	command := "casemate tune promote " + j.o.Name
	if v.Ready {
		v.Next = append([]string{command}, v.Next...)
	} else {
		v.Next = append(v.Next, "To use it all the same: "+command+" --override \"the reason\".")
	}
}

// sparse says whether the groups of the test part are too few to show much.
func (j *job) sparse(res *Result) bool {
	const few = 20
	return res.Division.Test.Groups < few
}

// and joins names as a sentence does.
func and(names []string) string {
	names = slices.Clone(names)
	for i := range names {
		if !strings.HasPrefix(names[i], "embedded") {
			names[i] = "the " + names[i]
		} else {
			names[i] = "the " + names[i] + " head"
		}
	}
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
