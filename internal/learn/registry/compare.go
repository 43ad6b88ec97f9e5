package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// maxDiffering is how many rows on which two candidates differ are listed.
const maxDiffering = 10_000

// Comparison is two candidates on the same rows: B against A, which is usually the
// one that is there already.
type Comparison struct {
	A      Side         `json:"a"`
	B      Side         `json:"b"`
	Task   string       `json:"task"`
	Rows   int          `json:"rows"`
	Groups int          `json:"groups"`
	Gain   outcome.Gain `json:"gain"` // First is B, Second is A
	// MacroF1 is B's less A's; nil where there are no labels.
	MacroF1 *metric.Difference `json:"macro_f1,omitempty"`
	Classes []ClassChange      `json:"classes,omitempty"` // the largest change first
	// Differing are the rows that the two answer differently, More how many others.
	Differing []Differing `json:"differing,omitempty"`
	More      int         `json:"more,omitzero"`
	Notes     []string    `json:"notes,omitempty"`
	Says      string      `json:"says"` // in a sentence
}

// Side is one of two candidates.
type Side struct {
	Name   string          `json:"name"`
	Digest string          `json:"digest,omitzero"`
	Score  metric.Estimate `json:"score"`
	// MacroF1 is nil where there are no labels.
	MacroF1 *metric.Estimate `json:"macro_f1,omitempty"`
	// ECE is how far stated probabilities are from what came true; nil where there
	// are none.
	ECE *metric.Estimate `json:"ece,omitempty"`
	// Coverage is the share of rows that it did not abstain on, Answered the score
	// on those.
	Coverage metric.Estimate `json:"coverage"`
	Answered metric.Estimate `json:"answered"`
}

// ClassChange is how a label fares with both.
type ClassChange struct {
	Label string  `json:"label"`
	Rows  int     `json:"rows"` // that have it
	FA    float64 `json:"f1_a"`
	FB    float64 `json:"f1_b"`
	// Won are the rows that have the label and that only B gave it, Lost those that
	// only A gave it; FalseA and FalseB the rows that only that one gave it wrongly.
	Won    int `json:"won"`
	Lost   int `json:"lost"`
	FalseA int `json:"false_a"`
	FalseB int `json:"false_b"`
}

// Differing is a row that two candidates answer differently.
type Differing struct {
	Number int      `json:"number"`
	Truth  []string `json:"truth"`
	A      []string `json:"a"`
	B      []string `json:"b"`
	Right  string   `json:"right"` // "a", "b" or "" for neither
}

// Common returns two evaluations of those rows alone whose text both have with the
// same truth, in the first's order and with its numbers and groups. Both are nil
// where there are none or the tasks differ.
func Common(a, b *outcome.Evaluation) (*outcome.Evaluation, *outcome.Evaluation) {
	if a.Task != b.Task {
		return nil, nil
	}
	answers := make(map[string]*outcome.Row, len(b.Rows))
	for i := range b.Rows {
		answers[b.Rows[i].Text] = &b.Rows[i]
	}
	mine := a.Keep(func(r *outcome.Row) bool {
		other, ok := answers[r.Text]
		return ok && slices.Equal(other.Truth, r.Truth)
	})
	if len(mine.Rows) == 0 {
		return nil, nil
	}
	theirs := *b
	theirs.Rows, theirs.Figures, theirs.Test = nil, nil, mine.Test
	for i := range mine.Rows {
		row := *answers[mine.Rows[i].Text]
		row.Number, row.Group = mine.Rows[i].Number, mine.Rows[i].Group
		theirs.Rows = append(theirs.Rows, row)
	}
	return mine, &theirs
}

// Compare compares two evaluations of the same rows; the error says what differs.
func Compare(a, b *outcome.Evaluation) (*Comparison, error) {
	g, err := outcome.Compare(b, a)
	if err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", a.Candidate, b.Candidate, err)
	}
	c := &Comparison{A: side(a), B: side(b), Task: a.Task, Rows: len(a.Rows), Groups: g.Difference.Groups, Gain: g}
	if hasLabels(a.Task) {
		c.classes(a, b)
	}
	for i := range a.Rows {
		x, y := &a.Rows[i], &b.Rows[i]
		if slices.Equal(x.Answer, y.Answer) {
			continue
		}
		if len(c.Differing) == maxDiffering {
			c.More++
			continue
		}
		d := Differing{Number: x.Number, Truth: x.Truth, A: x.Answer, B: y.Answer}
		switch sa, sb := a.Score(x), b.Score(y); {
		case sa > sb:
			d.Right = "a"
		case sb > sa:
			d.Right = "b"
		}
		c.Differing = append(c.Differing, d)
	}
	c.Says = c.sentence()
	return c, nil
}

func hasLabels(task string) bool {
	return task == "single" || task == "ordinal" || task == "multi"
}

func side(e *outcome.Evaluation) Side {
	s := Side{Name: e.Candidate, Digest: e.Digest, Score: e.Mean()}
	groups := e.Groups()
	answered := func(i int) bool { return !e.Rows[i].Abstain }
	s.Coverage = metric.Clustered(groups, nil, answered)
	if kept := e.Keep(func(r *outcome.Row) bool { return !r.Abstain }); len(kept.Rows) > 0 {
		s.Answered = kept.Mean()
	}
	if !hasLabels(e.Task) {
		return s
	}
	answers, _ := e.Labelled(false)
	f1 := answers.MacroF1()
	s.MacroF1 = &f1
	if e.Task == "multi" {
		return s
	}
	var p []float64
	var right []bool
	some := false
	for i := range e.Rows {
		p, right = append(p, e.Rows[i].P), append(right, e.Rows[i].Right())
		some = some || len(e.Rows[i].Probabilities) > 0
	}
	if some {
		ece := metric.GroupedECE(groups, p, right)
		s.ECE = &ece
	}
	return s
}

// classes compares label by label. The labels of both may differ.
func (c *Comparison) classes(a, b *outcome.Evaluation) {
	labels := union(a.Labels, b.Labels)
	one, two := *a, *b
	one.Labels, two.Labels = labels, labels
	x, all := one.Labelled(false)
	y, other := two.Labelled(false)
	if !slices.Equal(all, other) { // answers outside the labels: they count in their own order
		one.Labels, two.Labels = union(all, other), union(all, other)
		x, all = one.Labelled(false)
		y, _ = two.Labelled(false)
	}
	d := metric.Paired(x.Groups, y.Macro(), x.Macro())
	c.MacroF1 = &d
	fa, fb := x.Classes(), y.Classes()
	for k, label := range all {
		change := ClassChange{Label: label, Rows: fa[k].Rows, FA: fa[k].F1.Value, FB: fb[k].F1.Value}
		for i := range x.Truth {
			has, inA, inB := slices.Contains(x.Truth[i], k), slices.Contains(x.Given[i], k), slices.Contains(y.Given[i], k)
			switch {
			case has && inB && !inA:
				change.Won++
			case has && inA && !inB:
				change.Lost++
			case !has && inA && !inB:
				change.FalseA++
			case !has && inB && !inA:
				change.FalseB++
			}
		}
		if change.Rows+change.FalseA+change.FalseB > 0 {
			c.Classes = append(c.Classes, change)
		}
	}
	slices.SortStableFunc(c.Classes, func(p, q ClassChange) int {
		size := func(x ClassChange) int { return x.Won + x.Lost + x.FalseA + x.FalseB }
		return cmp.Or(size(q)-size(p), strings.Compare(p.Label, q.Label))
	})
}

// union returns the labels of both, the first's first.
func union(a, b []string) []string {
	out := slices.Clone(a)
	known := map[string]bool{}
	for _, l := range a {
		known[l] = true
	}
	for _, l := range b {
		if !known[l] {
			known[l] = true
			out = append(out, l)
		}
	}
	return out
}

// sentence says what the comparison comes to.
func (c *Comparison) sentence() string {
	words := GainWords(&c.Gain)
	switch {
	case c.Gain.Significant():
		return fmt.Sprintf("%s is better than %s: %s.", c.B.Name, c.A.Name, words)
	case c.Gain.Loss():
		return fmt.Sprintf("%s is worse than %s: %s.", c.B.Name, c.A.Name, words)
	case len(c.Differing) == 0:
		return fmt.Sprintf("%s and %s give the same answers to all %d rows.", c.B.Name, c.A.Name, c.Rows)
	}
	return fmt.Sprintf("Whether %s or %s is better cannot be said from %d rows in %d groups: %s.", c.B.Name, c.A.Name, c.Rows, c.Groups, words)
}

// GainWords states a gain with what it rests on: "accuracy 91.2 % against 84.0 %,
// a difference of +7.2 points (95 % interval +3.1 to +11.0); …".
func GainWords(g *outcome.Gain) string {
	d := g.Difference
	if g.First.Value < 0 || g.Second.Value < 0 || strings.HasPrefix(g.Measure, "mean absolute error") {
		// The scores are minus the errors: a smaller error is a gain.
		return fmt.Sprintf("%s %.4g against %.4g, smaller by %.4g (95 %% interval %.4g to %.4g)", g.Measure, -g.First.Value, -g.Second.Value, d.Value, d.Low, d.High)
	}
	s := fmt.Sprintf("%s %.1f %% against %.1f %%, a difference of %+.1f points (95 %% interval %+.1f to %+.1f)", g.Measure, 100*g.First.Value, 100*g.Second.Value, 100*d.Value, 100*d.Low, 100*d.High)
	if g.McNemar != nil {
		s += fmt.Sprintf("; it alone is right in %d rows, the other alone in %d (McNemar p %s)", g.OnlyFirst, g.OnlySecond, Probability(*g.McNemar))
	}
	return s
}

// Probability writes the p of a test: "= 0.031", "< 0.001".
func Probability(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("= %.3f", p)
}
