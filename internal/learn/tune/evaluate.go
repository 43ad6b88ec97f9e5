package tune

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Evaluate answers rows of a table, by index, with a head, and says how good the
// answers are. Groups has the group of each row of the table. Whether the head saw
// the rows is for the caller to know: see outcome.Seen.
func Evaluate(ctx context.Context, e engine.Engine, h *tuned.Head, t *dataset.Table, rows, groups []int) (*outcome.Evaluation, error) {
	card := h.Card()
	texts := make([]string, len(rows))
	for n, i := range rows {
		texts[n] = t.Rows[i].Text
	}
	scores, err := h.Score(ctx, e, texts)
	if err != nil {
		return nil, err
	}
	ev := newEvaluation(card.Name, card.Task, t, rows, groups, card.Labels)
	ev.Digest = h.Digest()
	if card.Base != nil {
		ev.Base = card.Base.Name
	}
	for n := range rows {
		fill(&ev.Rows[n], h, scores[n])
	}
	ev.Figures = figures(ev)
	return ev, ev.Check()
}

// newEvaluation makes an evaluation whose rows have no answers yet.
func newEvaluation(candidate string, task tuned.Task, t *dataset.Table, rows, groups []int, labels []string) *outcome.Evaluation {
	ev := &outcome.Evaluation{Format: 1, Candidate: candidate, Task: string(task), Data: t.Digest, Rows: make([]outcome.Row, len(rows))}
	if task != tuned.TaskRegression {
		ev.Labels = labels
	}
	for n, i := range rows {
		row := &t.Rows[i]
		ev.Rows[n] = outcome.Row{Number: row.Number, Text: outcome.TextDigest(row.Text), Group: groups[i], Truth: truthOf(task, row), Answer: []string{}}
	}
	ev.Test = outcome.TestDigest(ev.Rows)
	return ev
}

// truthOf returns the truth of a row as an evaluation has it.
func truthOf(task tuned.Task, row *dataset.Row) []string {
	switch task {
	case tuned.TaskRegression:
		return []string{decimal(row.Value)}
	case tuned.TaskSpans:
		out := []string{}
		for _, s := range row.Spans {
			out = append(out, spanText(s.Start, s.End, s.Label))
		}
		return slices.Compact(out)
	}
	return slices.Clone(row.Labels)
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func spanText(start, end int, label string) string {
	return fmt.Sprintf("%d-%d %s", start, end, label)
}

// fill puts a head's answer into a row.
func fill(row *outcome.Row, h *tuned.Head, s tuned.Scores) {
	d := h.Decide(s, tuned.Options{Alternatives: -1, Because: -1})
	row.Abstain = d.Abstain
	switch h.Card().Task {
	case tuned.TaskRegression:
		row.Answer = []string{decimal(s.Value)}
		return
	case tuned.TaskSpans:
		row.P = 1
		for _, x := range d.Spans {
			row.Answer = append(row.Answer, spanText(x.Start, x.End, x.Label))
			row.P = min(row.P, x.P)
		}
		row.Answer = slices.Compact(row.Answer)
		return
	case tuned.TaskMulti:
		row.P = 1
		for _, l := range d.Labels {
			row.Answer = append(row.Answer, l.Label)
			row.P = min(row.P, l.P)
		}
		slices.Sort(row.Answer)
		if len(row.Answer) == 0 {
			row.P = 1 - slices.Max(s.P)
		}
	default:
		row.Answer, row.P = []string{d.Label}, d.P
	}
	row.Probabilities = s.P
}

// figures measures an evaluation. All that is known of a row is in it, so that
// anyone can measure again.
func figures(ev *outcome.Evaluation) map[string]metric.Estimate {
	out := map[string]metric.Estimate{}
	groups := ev.Groups()
	switch tuned.Task(ev.Task) {
	case tuned.TaskRegression:
		truth, given := numbers(ev)
		out["mean_absolute_error"] = metric.MeanAbsolute(groups, truth, given)
		out["r2"] = metric.Determination(groups, truth, given)
		return out
	case tuned.TaskSpans:
		rows := make([]metric.Extents, len(ev.Rows))
		for n := range ev.Rows {
			r := &ev.Rows[n]
			rows[n] = metric.Extents{Truth: len(r.Truth), Given: len(r.Answer)}
			for _, a := range r.Answer {
				if slices.Contains(r.Truth, a) {
					rows[n].Right++
				}
			}
		}
		out["span_precision"], out["span_recall"], out["span_f1"] = metric.Entities(groups, rows)
		return out
	}
	a, labels := ev.Labelled(false)
	out["accuracy"], out["macro_f1"], out["micro_f1"] = a.Accuracy(), a.MacroF1(), a.MicroF1()
	answered, _ := ev.Labelled(true)
	if ev.Task != string(tuned.TaskMulti) {
		out["coverage"], out["accuracy_answered"] = answered.Answered()
		p, right := make([]float64, len(ev.Rows)), make([]bool, len(ev.Rows))
		for n := range ev.Rows {
			p[n], right[n] = ev.Rows[n].P, ev.Rows[n].Right()
		}
		out["ece"] = metric.GroupedECE(groups, p, right)
	}
	if len(ev.Rows) > 0 && ev.Rows[0].Probabilities != nil && len(labels) >= len(ev.Labels) {
		probabilities := make([][]float64, len(ev.Rows))
		for n := range ev.Rows {
			probabilities[n] = ev.Rows[n].Probabilities
		}
		if slices.Equal(labels[:len(ev.Labels)], ev.Labels) {
			out["brier_of_2"] = metric.Brier(groups, probabilities, a.Truth)
		}
	}
	if ev.Task == string(tuned.TaskOrdinal) {
		ordinal(ev, labels, &a, out)
	}
	return out
}

// ordinal adds how far answers are off, in labels.
func ordinal(ev *outcome.Evaluation, labels []string, a *metric.Answers, out map[string]metric.Estimate) {
	groups := ev.Groups()
	truth, given := make([]int, len(ev.Rows)), make([]int, len(ev.Rows))
	tf, gf := make([]float64, len(ev.Rows)), make([]float64, len(ev.Rows))
	for n := range ev.Rows {
		if len(a.Truth[n]) != 1 || len(a.Given[n]) != 1 {
			return
		}
		truth[n], given[n] = a.Truth[n][0], a.Given[n][0]
		tf[n], gf[n] = float64(truth[n]), float64(given[n])
	}
	out["mean_labels_off"] = metric.MeanAbsolute(groups, tf, gf)
	out["quadratic_kappa"] = metric.QuadraticKappa(len(labels), groups, truth, given)
}

func numbers(ev *outcome.Evaluation) (truth, given []float64) {
	for n := range ev.Rows {
		r := &ev.Rows[n]
		t, _ := strconv.ParseFloat(r.Truth[0], 64) // written by decimal
		g := 0.0
		if len(r.Answer) == 1 {
			g, _ = strconv.ParseFloat(r.Answer[0], 64)
		}
		truth, given = append(truth, t), append(given, g)
	}
	return truth, given
}
