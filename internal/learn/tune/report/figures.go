package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// clean returns a text as one line in which nothing acts or hides.
func clean(s string) string { return report.Terminal(s) }

// percent writes a share.
func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// amount writes a figure that is no share, in three digits or as a whole number.
func amount(x float64) string {
	if math.Abs(x) >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// scale writes the scores of a task: shares, or errors that are kept as their
// negative.
type scale struct{ errors bool }

func scaleOf(e *outcome.Evaluation) scale { return scale{e.Task == "regression"} }

func (s scale) value(x float64) string {
	if s.errors {
		return amount(math.Abs(x))
	}
	return percent(x)
}

// estimate writes a score with its interval: "91.2 % (88.0 to 93.7)".
func (s scale) estimate(e metric.Estimate) string {
	if s.errors {
		return fmt.Sprintf("%s (%s to %s)", amount(math.Abs(e.Value)), amount(math.Abs(e.High)), amount(math.Abs(e.Low)))
	}
	return share(e)
}

// share writes a share with its interval.
func share(e metric.Estimate) string {
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", 100*e.Value, 100*e.Low, 100*e.High)
}

// difference writes how much better the chosen one is: "+7.2 points (+3.1 to +11.0)".
func (s scale) difference(d metric.Difference) string {
	if s.errors {
		return fmt.Sprintf("%s (%s to %s)", signed(d.Value, amount), signed(d.Low, amount), signed(d.High, amount))
	}
	points := func(x float64) string { return fmt.Sprintf("%.1f", 100*x) }
	return fmt.Sprintf("%s points (%s to %s)", signed(d.Value, points), signed(d.Low, points), signed(d.High, points))
}

// signed writes a number with a sign that is as wide as a digit.
func signed(x float64, write func(float64) string) string {
	switch text := write(math.Abs(x)); {
	case x < 0 && strings.ContainsAny(text, "123456789"):
		return "−" + text
	case x > 0 && strings.ContainsAny(text, "123456789"):
		return "+" + text
	default:
		return text
	}
}

// chance writes the p of a test.
func chance(p float64) string {
	if p < 0.001 {
		return "p < 0.001"
	}
	return fmt.Sprintf("p = %.3f", p)
}

// figureNames says in words what the figures of an evaluation are, in the order in
// which they are shown.
var figureNames = [][2]string{
	{"accuracy", "Accuracy"}, {"macro_f1", "Macro F1"}, {"micro_f1", "Micro F1"}, {"span_f1", "F1 of spans"},
	{"span_precision", "Precision of spans"}, {"span_recall", "Recall of spans"}, {"quadratic_kappa", "Weighted kappa"}, {"mean_labels_off", "Labels off on average"},
	{"mean_absolute_error", "Mean absolute error"}, {"r2", "R²"}, {"coverage", "Answered"}, {"accuracy_answered", "Right of those answered"},
	{"ece", "Calibration error"},
}

// figureNotes explains figures, in a few words.
var figureNotes = map[string]string{
	"macro_f1": "every label counts the same", "micro_f1": "every answer counts the same",
	"coverage": "on the others it abstains", "ece": "0 is best: stated and true shares agree",
}

type figureView struct{ Name, Value, Interval, Note string }

// strip returns the figures at the head of the page.
func strip(e *outcome.Evaluation) []figureView {
	var out []figureView
	for _, n := range figureNames {
		f, ok := e.Figures[n[0]]
		if !ok {
			continue
		}
		if n[0] == "micro_f1" && e.Task != "multi" {
			continue // it is the accuracy
		}
		v := figureView{Name: n[1], Note: figureNotes[n[0]]}
		if n[0] == "mean_absolute_error" || n[0] == "r2" || n[0] == "quadratic_kappa" || n[0] == "mean_labels_off" {
			v.Value, v.Interval = amount(f.Value), amount(f.Low)+" to "+amount(f.High)
		} else {
			v.Value, v.Interval = percent(f.Value), fmt.Sprintf("%.1f to %.1f", 100*f.Low, 100*f.High)
		}
		out = append(out, v)
	}
	return out
}

// right returns the probabilities of answers and whether each is right, with the
// group of each. Of several labels, each label of each row is one.
func right(e *outcome.Evaluation) (groups []int, p []float64, right []bool) {
	for i := range e.Rows {
		r := &e.Rows[i]
		switch e.Task {
		case "single", "ordinal":
			if len(r.Answer) == 1 && len(r.Probabilities) > 0 {
				groups, p, right = append(groups, r.Group), append(p, r.P), append(right, r.Right())
			}
		case "multi":
			for k, x := range r.Probabilities {
				groups, p, right = append(groups, r.Group), append(p, x), append(right, slices.Contains(r.Truth, e.Labels[k]))
			}
		}
	}
	return groups, p, right
}
