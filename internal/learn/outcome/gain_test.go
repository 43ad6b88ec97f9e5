package outcome_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// tested is an evaluation of n rows of which those are wrong that wrong names.
func tested(n, perGroup int, wrong func(i int) bool) *outcome.Evaluation {
	e := &outcome.Evaluation{Format: 1, Candidate: "c", Task: "single", Data: outcome.Digest(nil), Labels: []string{"no", "yes"}}
	for i := range n {
		truth := e.Labels[i%2]
		answer := truth
		if wrong(i) {
			answer = e.Labels[1-i%2]
		}
		e.Rows = append(e.Rows, outcome.Row{Number: i + 1, Text: outcome.TextDigest(fmt.Sprint(i)), Group: i / perGroup, Truth: []string{truth}, Answer: []string{answer}, P: 0.9})
	}
	e.Test = outcome.TestDigest(e.Rows)
	return e
}

func TestCompare(t *testing.T) {
	good := tested(200, 1, func(i int) bool { return i%20 == 0 })
	fair := tested(200, 1, func(i int) bool { return i%8 == 0 })
	g, err := outcome.Compare(good, fair)
	if err != nil {
		t.Fatal(err)
	}
	// 10 rows are wrong of one, 25 of the other, 5 (every 40th) of both.
	if g.OnlyFirst != 20 || g.OnlySecond != 5 || g.First.Value != 0.95 || g.Second.Value != 0.875 {
		t.Errorf("only first %d, only second %d, scores %v and %v", g.OnlyFirst, g.OnlySecond, g.First.Value, g.Second.Value)
	}
	if !g.Significant() || g.Loss() {
		t.Errorf("20 against 5 rows is no gain: %+v", g)
	}
	back, err := outcome.Compare(fair, good)
	if err != nil || back.Significant() || !back.Loss() {
		t.Errorf("the other way round: %+v, %v", back, err)
	}
	if same, err := outcome.Compare(good, good); err != nil || same.Significant() || same.Loss() || *same.McNemar != 1 {
		t.Errorf("with itself: %+v, %v", same, err)
	}
	// The same rows in five groups say much less.
	if few, err := outcome.Compare(tested(200, 40, func(i int) bool { return i%20 == 0 }), tested(200, 40, func(i int) bool { return i%8 == 0 })); err != nil || few.Significant() {
		t.Errorf("five groups are enough for a gain: %+v, %v", few, err)
	}
}

func TestCompareRefuses(t *testing.T) {
	right := func(int) bool { return false }
	a, b := tested(50, 1, right), tested(40, 1, right)
	if _, err := outcome.Compare(a, b); err == nil || !strings.Contains(err.Error(), "50 and 40 rows, 40 texts in both") {
		t.Errorf("Compare of other rows = %v", err)
	}
	b = tested(50, 1, right)
	b.Rows[7].Truth = []string{"no", "yes"}
	if _, err := outcome.Compare(a, b); err == nil || !strings.Contains(err.Error(), "1 of them with another truth") {
		t.Errorf("Compare of other truths = %v", err)
	}
	b = tested(50, 1, right)
	b.Task = "multi"
	if _, err := outcome.Compare(a, b); err == nil || !strings.Contains(err.Error(), "any number") {
		t.Errorf("Compare of other tasks = %v", err)
	}
}

func TestKeepAndLabelled(t *testing.T) {
	e := tested(10, 1, func(i int) bool { return i == 1 })
	e.Rows[4].Abstain = true
	e.Rows[6].Truth = []string{"unknown"}
	a, labels := e.Labelled(true)
	if len(labels) != 3 || a.Labels != 3 || len(a.Given[4]) != 0 || a.Truth[6][0] != 2 {
		t.Errorf("Labelled = %v, %v", a, labels)
	}
	if all, _ := e.Labelled(false); len(all.Given[4]) != 1 {
		t.Error("an answer is not counted that was given with doubt")
	}
	kept := e.Keep(func(r *outcome.Row) bool { return r.Number > 5 })
	if len(kept.Rows) != 5 || kept.Test == e.Test || kept.Check() != nil {
		t.Errorf("Keep leaves %d rows, %v", len(kept.Rows), kept.Check())
	}
}
