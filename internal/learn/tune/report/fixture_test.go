package report_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

var day = time.Date(2026, 3, 5, 9, 12, 31, 0, time.UTC)

// answered is an evaluation with the labels and n rows of which a share is right.
// The probabilities are as right as they state, and somewhat more if modest.
func answered(name, task string, labels []string, n int, share float64) *outcome.Evaluation {
	r := rand.New(rand.NewPCG(uint64(len(name)), 5))
	e := &outcome.Evaluation{Format: 1, Candidate: name, Task: task, Data: outcome.Digest([]byte("data")), Labels: labels, Figures: map[string]metric.Estimate{}}
	for i := range n {
		truth := min(r.IntN(len(labels)), r.IntN(len(labels)))
		p := min(0.99, max(0.3, share+0.25*(r.Float64()-0.5)))
		given := truth
		if r.Float64() > p {
			given = (truth + 1 + r.IntN(min(3, len(labels)-1))) % len(labels)
		}
		all := make([]float64, len(labels))
		for k := range all {
			all[k] = (1 - p) / float64(len(labels)-1)
		}
		all[given] = p
		e.Rows = append(e.Rows, outcome.Row{Number: 3*i + 2, Text: outcome.TextDigest(fmt.Sprint(i)), Group: i / 2, Truth: []string{labels[truth]}, Answer: []string{labels[given]}, P: p, Abstain: p < share-0.06, Probabilities: all})
	}
	e.Test = outcome.TestDigest(e.Rows)
	return e
}

func figures(e *outcome.Evaluation) {
	a, _ := e.Labelled(false)
	e.Figures["accuracy"], e.Figures["macro_f1"] = a.Accuracy(), a.MacroF1()
	given, _ := e.Labelled(true)
	e.Figures["coverage"], e.Figures["accuracy_answered"] = given.Answered()
	var p []float64
	var right []bool
	for i := range e.Rows {
		p, right = append(p, e.Rows[i].P), append(right, e.Rows[i].Right())
	}
	e.Figures["ece"] = metric.GroupedECE(e.Groups(), p, right)
}

// result is a result of so many labels and test rows.
func result(labels []string, n int, share float64) *tune.Result {
	head := answered("triage-queue", "single", labels, n, share)
	head.Digest = outcome.Digest([]byte("head"))
	figures(head)
	r := &tune.Result{Format: 1, Name: "triage-queue", Task: tuned.TaskSingle, Chosen: 3}
	r.Card = tuned.Card{Name: "triage-queue", Task: tuned.TaskSingle, Labels: labels, Weights: outcome.Digest([]byte("w")), Encoder: tuned.EncoderLexical, Created: day,
		Data: tuned.DataCard{Path: "tickets.csv", Digest: head.Data, Rows: 4 * n, Train: 3 * n, Validation: n / 2, Test: n, Seed: 1}, Limits: []string{"It was taught on tickets of one team; others write differently.", "It knows English."}}
	r.Candidates = []tune.Candidate{
		{Name: "majority", About: "always the most frequent label", Baseline: true, Evaluation: answered("majority", "single", labels, n, 0.3)},
		{Name: "nearest neighbour", About: "the label of the most similar row", Baseline: true, Evaluation: answered("nearest neighbour", "single", labels, n, share-0.15)},
		{Name: "attack", About: "the embedded classifier", Baseline: true, Skipped: "it had seen 12 of the rows in its training"},
		{Name: "words and pairs", About: "A linear model of words and word pairs.", Evaluation: head},
		{Name: "pieces", Skipped: "another was better by cross-validation"},
		{Name: "vectors, much", Skipped: "another was better by cross-validation"},
		{Name: "word vectors", About: "a linear model on the embedded word vectors", Evaluation: answered("word vectors", "single", labels, n, share-0.02)},
	}
	for i, c := range r.Candidates {
		if c.Evaluation == nil || i == r.Chosen {
			continue
		}
		c.Evaluation.Rows = rowsLike(c.Evaluation, head)
		g, err := outcome.Compare(head, c.Evaluation)
		if err != nil {
			panic(err)
		}
		r.Comparisons = append(r.Comparisons, tune.Comparison{With: c.Name, Baseline: c.Baseline, Measure: g.Measure, Difference: g.Difference, McNemar: g.McNemar})
	}
	given, _ := head.Labelled(true)
	for k, c := range given.Classes() {
		r.Classes = append(r.Classes, tune.Class{Label: labels[k], Train: 3 * c.Rows, Validation: c.Rows / 2, Test: c, Threshold: 0.4 + 0.02*float64(k%10), Sure: metric.Proportion(9*c.Rows/10, c.Rows), Reached: k%4 != 3})
	}
	plain, _ := head.Labelled(false)
	r.Confusion = plain.Confusion()
	for i, rows := range []int{n / 4, n / 2, n, 2 * n, 3 * n} {
		s := share - 0.2/float64(i+1)
		r.Curve.Points = append(r.Curve.Points, tune.Point{Rows: rows, Groups: rows, Score: metric.Proportion(int(s*float64(n)), n)})
	}
	r.Curve.Measure, r.Curve.Scale, r.Curve.Double, r.Curve.Helps = "accuracy", 1, share+0.005, true
	r.Curve.Says = "Twice the rows would likely bring about 1 point of accuracy: more rows help, slowly."
	r.Mistakes = []tune.Mistake{
		{Number: 17, Text: "Reset of the password for svc-backup was asked for by phone from an unknown number", Truth: []string{labels[0]}, Answer: []string{labels[1]}, P: 0.97, Because: []tuned.Reason{{Start: 13, End: 21, Text: "password", Weight: 2.1}, {Start: 26, End: 36, Text: "svc-backup", Weight: 0.8}, {Start: 41, End: 46, Text: "asked", Weight: -0.3}}},
		{Number: 230, Text: "<script>alert(1)</script> & \x1b[31m token=hunter2 was seen in " + strings.Repeat("the long log ", 90), Truth: []string{labels[1]}, Answer: []string{labels[2]}, P: 0.93, Because: []tuned.Reason{{Start: 36, End: 49, Text: "token=hunter2", Weight: 3}}},
		{Number: 411, Text: "Mailbox rule forwards to an outside address\n\nplease look", Truth: []string{labels[2]}, Answer: nil, P: 0.9},
	}
	r.Division = tune.Division{Train: tune.Part{Rows: 3 * n, Groups: 2 * n}, Validation: tune.Part{Rows: n / 2, Groups: n / 3}, Test: tune.Part{Rows: n, Groups: n / 2}, By: "Rows of one ticket stand in one part, labels in their proportion.", GroupedBy: []string{"the same ticket"}, Notes: []string{"Three groups had to be moved."}}
	r.Settings = []tune.Setting{{Name: "precision", Value: "0.90", Why: "the default"}, {Name: "seed", Value: "1", Why: "the default"}, {Name: "encoder", Value: "words and pairs", Why: "best of 4 by cross-validation on the training part"}}
	r.Inspection = &inspect.Report{Path: "tickets.csv", Digest: head.Data, Rows: 4 * n, Skipped: 3, Words: inspect.Spread{Median: 18, P95: 60, Max: 240}, Languages: []inspect.Language{{Name: "English", Rows: 4*n - 9}, {Name: "German", Rows: 9}},
		Findings: []inspect.Finding{
			{Code: "secrets", Level: inspect.LevelRefuse, Message: "2 rows hold what looks like a password.", Advice: "Take it out of the rows.", Rows: []int{230, 231}, Shown: []string{"token=[password] was seen in the long log"}, Allowed: true},
			{Code: "duplicates", Level: inspect.LevelWarn, Message: "41 rows are the same as another.", Advice: "They stand in one part; take them out if they are copies.", Rows: []int{4, 5, 9, 10, 11, 40, 41, 77, 80, 81}},
			{Code: "languages", Level: inspect.LevelNote, Message: "9 rows are in German.", Advice: "Bring more if live texts are."},
		}, Allowed: []string{"secrets"}}
	r.Verdict = tune.Verdict{Ready: true, Headline: "The head is ready: right in 9 of 10 tickets, better than every baseline beyond chance.", Reasons: []string{"It answers 84 % of the tickets and is right in 93 % of those.", "The best baseline, nearest neighbour, is right in 75 %."}, Next: []string{"Let it into service: casemate tune promote triage-queue", "Use it: casemate classify --head triage-queue tickets.txt"}}
	return r
}

// rowsLike gives another candidate's answers to the rows of an evaluation.
func rowsLike(other, like *outcome.Evaluation) []outcome.Row {
	out := make([]outcome.Row, len(like.Rows))
	for i := range out {
		out[i] = other.Rows[i]
		right := out[i].Right()
		out[i].Truth, out[i].Text = like.Rows[i].Truth, like.Rows[i].Text
		out[i].Answer = out[i].Truth
		if !right {
			for _, l := range like.Labels {
				if l != out[i].Truth[0] {
					out[i].Answer = []string{l}
					break
				}
			}
		}
	}
	return out
}

func queues() []string {
	return []string{"phishing", "malware", "account takeover", "data loss", "policy", "vulnerability", "false alarm", "other"}
}

// techniques are many labels.
func techniques(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("T%04d Technique with a long name %d", 1001+7*i, i)
	}
	return out
}

// number is a result of a regression that is not ready.
func number() *tune.Result {
	r := result(queues(), 200, 0.8)
	r.Task, r.Classes, r.Confusion, r.Card.Task = tuned.TaskRegression, nil, nil, tuned.TaskRegression
	r.Verdict = tune.Verdict{Headline: "Not yet: the head is no better than the mean of all rows beyond chance.", Reasons: []string{"60 rows are too few for a number."}, Next: []string{"Bring at least 300 rows."}}
	r.Mistakes = nil
	spread := rand.New(rand.NewPCG(3, 3))
	truths := make([]float64, 200)
	for i := range truths {
		truths[i] = 10 * spread.Float64()
	}
	for k := range r.Candidates {
		e := r.Candidates[k].Evaluation
		if e == nil {
			continue
		}
		e.Task, e.Labels, e.Figures = "regression", nil, map[string]metric.Estimate{}
		for i := range e.Rows {
			e.Rows[i].Truth = []string{fmt.Sprint(truths[i])}
			e.Rows[i].Answer = []string{fmt.Sprint(truths[i] + (2-0.2*float64(k))*spread.NormFloat64())}
			e.Rows[i].Probabilities, e.Rows[i].Abstain = nil, false
		}
	}
	head := r.Candidates[r.Chosen].Evaluation
	head.Figures["mean_absolute_error"] = metric.Estimate{Value: 1.52, Low: 1.31, High: 1.74, N: 200}
	r.Comparisons = nil
	for i, c := range r.Candidates {
		if c.Evaluation != nil && i != r.Chosen {
			g, err := outcome.Compare(head, c.Evaluation)
			if err != nil {
				panic(err)
			}
			r.Comparisons = append(r.Comparisons, tune.Comparison{With: c.Name, Baseline: c.Baseline, Measure: g.Measure, Difference: g.Difference})
		}
	}
	r.Curve.Points = nil
	for i, rows := range []int{50, 100, 200, 400} {
		v := -2.2 + 0.15*float64(i)
		r.Curve.Points = append(r.Curve.Points, tune.Point{Rows: rows, Score: metric.Estimate{Value: v, Low: v - 0.2, High: v + 0.2, N: 200}})
	}
	r.Curve.Double, r.Curve.Measure = -1.65, "mean absolute error"
	return r
}
