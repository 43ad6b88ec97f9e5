package outcome

import (
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// least is the probability below which a gain counts as more than chance.
const least = 0.05

// Gain is how much better one candidate is than another on the same rows.
type Gain struct {
	Measure string          `json:"measure"` // ScoreName
	First   metric.Estimate `json:"first"`
	Second  metric.Estimate `json:"second"`
	// Difference is the first's less the second's, over groups.
	Difference metric.Difference `json:"difference"`
	// OnlyFirst and OnlySecond are the rows that only one has right, and McNemar
	// the p of so uneven a split; it is nil where a row is not right or wrong.
	OnlyFirst  int      `json:"only_first"`
	OnlySecond int      `json:"only_second"`
	McNemar    *float64 `json:"mcnemar,omitempty"`
}

// Significant says whether the first is better by more than chance: both the
// paired bootstrap over groups and, where rows are right or wrong, McNemar's test
// have to say so.
func (g *Gain) Significant() bool {
	return g.Difference.Better() && (g.McNemar == nil || *g.McNemar < least)
}

// Loss says whether the first is worse by more than chance.
func (g *Gain) Loss() bool {
	return g.Difference.Worse() && (g.McNemar == nil || *g.McNemar < least)
}

// Compare returns the gain of the first candidate over the second. Both must have
// answered the same rows; the error says what differs. That one abstained does not
// count: its answer does.
func Compare(first, second *Evaluation) (Gain, error) {
	if err := first.Same(second); err != nil {
		return Gain{}, err
	}
	return gain(first, second), nil
}

// gain is Compare of evaluations of the same rows.
func gain(first, second *Evaluation) Gain {
	groups := first.Groups()
	a, b := first.scores(), second.scores()
	g := Gain{Measure: first.ScoreName(), First: first.Mean(), Second: second.Mean()}
	g.Difference = metric.Paired(groups, average(a), average(b))
	if first.Task == taskRegression || first.Task == taskLoss {
		return g
	}
	right := func(e *Evaluation) []bool {
		out := make([]bool, len(e.Rows))
		for i := range e.Rows {
			out[i] = e.Rows[i].Right()
		}
		return out
	}
	g.OnlyFirst, g.OnlySecond = metric.Dispute(right(first), right(second))
	if first.countable() {
		p := metric.McNemar(g.OnlyFirst, g.OnlySecond)
		g.McNemar = &p
	}
	return g
}

// Groups returns the group of each row.
func (e *Evaluation) Groups() []int {
	out := make([]int, len(e.Rows))
	for i := range e.Rows {
		out[i] = e.Rows[i].Group
	}
	return out
}

func (e *Evaluation) scores() []float64 {
	out := make([]float64, len(e.Rows))
	for i := range e.Rows {
		out[i] = e.Score(&e.Rows[i])
	}
	return out
}

// Mean returns the mean score with its interval over groups.
func (e *Evaluation) Mean() metric.Estimate {
	if e.countable() {
		return metric.Clustered(e.Groups(), nil, func(i int) bool { return e.Rows[i].Right() })
	}
	return metric.Grouped(e.Groups(), average(e.scores()))
}

// countable says whether an answer is either right or wrong.
func (e *Evaluation) countable() bool {
	return e.Task == taskSingle || e.Task == taskOrdinal || e.Task == taskText
}

func average(values []float64) func(rows []int) float64 {
	return func(rows []int) float64 {
		sum := 0.0
		for _, i := range rows {
			sum += values[i]
		}
		return sum / float64(max(1, len(rows)))
	}
}

// Same returns an error that says what differs if two evaluations are not of the
// same task and the same rows with the same truths.
func (e *Evaluation) Same(other *Evaluation) error {
	if e.Task != other.Task {
		return fmt.Errorf("one answers with %s, the other with %s", TaskWords(e.Task), TaskWords(other.Task))
	}
	if len(e.Rows) == len(other.Rows) {
		same := true
		for i := range e.Rows {
			a, b := &e.Rows[i], &other.Rows[i]
			same = same && a.Text == b.Text && slices.Equal(a.Truth, b.Truth)
		}
		if same {
			return nil
		}
	}
	truths := make(map[string][]string, len(e.Rows))
	for i := range e.Rows {
		truths[e.Rows[i].Text] = e.Rows[i].Truth
	}
	both, conflict := 0, 0
	for i := range other.Rows {
		if truth, ok := truths[other.Rows[i].Text]; ok {
			both++
			if !slices.Equal(truth, other.Rows[i].Truth) {
				conflict++
			}
		}
	}
	what := "of the same data"
	if e.Data != other.Data {
		what = "of different data"
	}
	err := fmt.Errorf("they were tested on different rows %s: %d and %d rows, %d texts in both", what, len(e.Rows), len(other.Rows), both)
	if conflict > 0 {
		err = fmt.Errorf("%w, %d of them with another truth", err, conflict)
	}
	return err
}

// TaskWords names a task in words: what an answer is.
func TaskWords(task string) string {
	switch task {
	case taskSingle:
		return "one label a text"
	case taskMulti:
		return "any number of labels a text"
	case taskOrdinal:
		return "one of several ordered labels"
	case taskRegression:
		return "a number"
	case taskSpans:
		return "stretches of the text"
	case taskLoss:
		return "how probable the answers are"
	}
	return "free text"
}

// Keep returns an evaluation of those rows alone that keep wants, without figures:
// they were of all rows.
func (e *Evaluation) Keep(keep func(r *Row) bool) *Evaluation {
	out := *e
	out.Rows, out.Figures = nil, nil
	for i := range e.Rows {
		if keep(&e.Rows[i]) {
			out.Rows = append(out.Rows, e.Rows[i])
		}
	}
	out.Test = TestDigest(out.Rows)
	return &out
}

// Labelled returns the answers by index of label, for the figures of metric. Labels
// of truths that the candidate does not know come after its own. With abstain an
// answer that it abstained from counts as not given.
func (e *Evaluation) Labelled(abstain bool) (metric.Answers, []string) {
	labels := slices.Clone(e.Labels)
	index := map[string]int{}
	for i, l := range labels {
		index[l] = i
	}
	of := func(list []string) []int {
		out := make([]int, 0, len(list))
		for _, l := range list {
			i, ok := index[l]
			if !ok {
				i = len(labels)
				index[l] = i
				labels = append(labels, l)
			}
			out = append(out, i)
		}
		slices.Sort(out)
		return out
	}
	a := metric.Answers{Groups: e.Groups()}
	for i := range e.Rows {
		r := &e.Rows[i]
		given := r.Answer
		if abstain && r.Abstain && e.Task != taskMulti {
			given = nil
		}
		a.Truth, a.Given = append(a.Truth, of(r.Truth)), append(a.Given, of(given))
	}
	a.Labels = len(labels)
	return a, labels
}
