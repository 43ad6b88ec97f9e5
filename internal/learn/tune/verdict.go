package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// verdict says what to make of the figures.
func (j *job) verdict(res *Result) Verdict {
	v := res.Verdict
	chosen := res.Candidates[res.Chosen].Evaluation
	unbeaten := open(res)
	known := res.Division.Known
	v.Ready = len(unbeaten) == 0 && known == 0
	var beaten []string
	for _, c := range res.Comparisons {
		switch {
		case slices.Contains(unbeaten, c.With):
			v.Reasons = append(v.Reasons, j.notBetter(c))
		case c.Baseline:
			beaten = append(beaten, c.With)
		}
	}
	score := j.shown(chosen)
	on := unseen(len(chosen.Rows), known)
	switch {
	case v.Ready:
		v.Headline = fmt.Sprintf("Better than every baseline: %s %s.", score, on)
		v.Reasons = append([]string{fmt.Sprintf("It beats %s by more than chance.", and(beaten))}, v.Reasons...)
	case known > 0:
		v.Headline = fmt.Sprintf("Not known: %s %s. How good it is on new ones they do not say.", score, on)
	default:
		v.Headline = fmt.Sprintf("Not yet: %s %s, which is not better than %s beyond chance.", score, on, and(unbeaten))
	}
	if e, ok := chosen.Figures["coverage"]; ok {
		text := fmt.Sprintf("It answers %s of the rows and leaves the others to a person", percent(e))
		if a := chosen.Figures["accuracy_answered"]; a.N > 0 {
			text += fmt.Sprintf("; of those that it answers %s are right", percent(a))
		}
		v.Reasons = append(v.Reasons, text+".")
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
	text := fmt.Sprintf("Against %s the difference is %+.1f points (%.1f to %.1f, p = %.2g).", and([]string{c.With}), 100*d.Value, 100*d.Low, 100*d.High, d.P)
	if j.task == tuned.TaskRegression { // in the numbers' own unit, whatever that is
		text = fmt.Sprintf("Against %s it is off by %.3g less on average (%.3g to %.3g, p = %.2g).", and([]string{c.With}), d.Value, d.Low, d.High, d.P)
		if d.Value < 0 {
			text = fmt.Sprintf("Against %s it is off by %.3g more on average (%.3g to %.3g, p = %.2g).", and([]string{c.With}), -d.Value, -d.High, -d.Low, d.P)
		}
	}
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
	if res.Division.Known > 0 {
		v.Next = append(v.Next, "Divide the rows anew, so that rows of a group stay in one part: casemate tune train --anew.")
	}
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
		v.Next = append(v.Next, fmt.Sprintf("Look at the %d rows that are more like rows of another label, some of which may be wrong: casemate tune check lists them.", n))
	}
	if res.Division.Test.Groups < few {
		v.Next = append(v.Next, "The test part has few independent groups: rows from more sources say more than more rows of the same.")
	}
	if j.words != nil && slices.Contains(open(res), "words") {
		v.Next = append(v.Next, "Try it without the model, which is faster and here no worse: casemate tune train --encoder lexical.")
	}
	if j.adapterBetter {
		v.Next = append(v.Next, "The adapter is better than the head on the rows to choose by: casemate tune show "+j.o.Name+"-adapter has it.")
	}
	for _, name := range open(res) {
		if embedded, ok := strings.CutPrefix(name, "embedded "); ok {
			v.Next = append(v.Next, "Meanwhile the embedded head does it: casemate classify --head "+embedded+".")
		}
	}
	command := "casemate tune promote " + j.o.Name
	if v.Ready {
		v.Next = append([]string{command}, v.Next...)
	} else {
		v.Next = append(v.Next, "To use it all the same: "+command+" --override \"the reason\".")
	}
}

// open returns the baselines that the head is not better than beyond chance.
func open(res *Result) (names []string) {
	for _, c := range res.Comparisons {
		g := outcome.Gain{Difference: c.Difference, McNemar: c.McNemar}
		if c.Baseline && !g.Significant() {
			names = append(names, c.With)
		}
	}
	return names
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
