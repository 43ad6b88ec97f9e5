package outcome_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// sample is a small evaluation that is as it must be.
func sample() *outcome.Evaluation {
	e := &outcome.Evaluation{Format: 1, Candidate: "phishing", Digest: outcome.Digest([]byte("head")), Task: "single",
		Data: outcome.Digest([]byte("data")), Labels: []string{"ham", "spam"}, Figures: map[string]metric.Estimate{"accuracy": {Value: 0.75, Low: 0.3, High: 0.95, N: 4}}}
	for i, answer := range []string{"ham", "spam", "spam", "ham"} {
		p := []float64{0.2, 0.8}
		if answer == "ham" {
			p = []float64{0.8, 0.2}
		}
		truth := "spam"
		if i == 0 {
			truth = "ham"
		}
		e.Rows = append(e.Rows, outcome.Row{Number: 3 * (i + 1), Text: outcome.TextDigest(fmt.Sprint("text ", i)), Group: i / 2, Truth: []string{truth}, Answer: []string{answer}, P: 0.8, Probabilities: p})
	}
	e.Test = outcome.TestDigest(e.Rows)
	return e
}

func encode(t testing.TB, e *outcome.Evaluation) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := outcome.Write(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cloned(e *outcome.Evaluation) *outcome.Evaluation {
	c := *e
	c.Labels = slices.Clone(e.Labels)
	c.Rows = slices.Clone(e.Rows)
	return &c
}
