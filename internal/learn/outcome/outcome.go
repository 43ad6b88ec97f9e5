// Package outcome is the record of an evaluation: what a head answered on rows
// that it did not see, and what follows. Reports, comparisons and promotion read
// it; it is signed when it is to let a head into service.
//
// Beside it stand what the promise "that it did not see" rests on, the digests of
// the rows that the head learnt from (Seen), and what live inputs are compared
// with once it is in service (Reference). None of the three holds a text.
package outcome

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// Names of the files that stand beside a head or an adapter.
const (
	EvaluationFile = "evaluation.json"     // of the candidate on the test part
	SignatureFile  = "evaluation.json.sig" // over the bytes of EvaluationFile
	BaselinesFile  = "baselines.json"      // an array: the baselines on the same rows
	SeenFile       = "seen.json"           // digests of the rows that it learnt from
	ReferenceFile  = "reference.json"      // what live inputs are compared with
)

// The tasks, as tuned.Task has them; the record stands below that package.
const (
	taskSingle     = "single"
	taskMulti      = "multi"
	taskOrdinal    = "ordinal"
	taskRegression = "regression"
	taskSpans      = "spans"
	taskText       = "text" // an adapter's free answers
	taskLoss       = "loss" // how improbable an adapter finds the answers of a conversation
)

// Row is an answer to one row of the test part.
type Row struct {
	Number int    `json:"number"` // of the row in the data
	Text   string `json:"text"`   // TextDigest of the text, never the text
	Group  int    `json:"group"`  // rows of a group are not independent
	// Truth and Answer are labels: one, or any number sorted; spans as
	// "start-end label"; a number as its decimal. Of a loss Truth is empty and
	// Answer the mean negative log-probability of a token, natural.
	Truth   []string `json:"truth"`
	Answer  []string `json:"answer"`
	P       float64  `json:"p"` // of the answer
	Abstain bool     `json:"abstain,omitzero"`
	// Probabilities are of Evaluation.Labels.
	Probabilities []float64 `json:"probabilities,omitempty"`
}

// Evaluation is the answers of one candidate to one test part.
type Evaluation struct {
	Format    int      `json:"format"`    // 1
	Candidate string   `json:"candidate"` // "majority", "nearest neighbour", a head's name, …
	Digest    string   `json:"digest"`    // of the head or adapter: "sha256:…"; empty for baselines
	Base      string   `json:"base,omitzero"`
	Task      string   `json:"task"`
	Data      string   `json:"data"` // digest of the file
	Test      string   `json:"test"` // digest of the test part's texts, sorted
	Labels    []string `json:"labels,omitempty"`
	Rows      []Row    `json:"rows"`
	// Figures are by name, each in 0 to 1 unless its name says otherwise:
	// "accuracy", "macro_f1", "ece", "coverage", "accuracy_answered", …
	Figures map[string]metric.Estimate `json:"figures"`
}

// Digest returns the digest of bytes: "sha256:" and 64 hexadecimal digits.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// TextDigest returns the digest by which a row's text is known: that of the text
// in lower case, its words one space apart, so that a copy with another case or
// another line break is the same text.
func TextDigest(text string) string {
	return Digest([]byte(strings.Join(strings.Fields(strings.ToLower(text)), " ")))
}

// TestDigest returns Evaluation.Test of rows: the digest of their texts' digests
// in order, a line each.
func TestDigest(rows []Row) string {
	texts := make([]string, len(rows))
	for i := range rows {
		texts[i] = rows[i].Text
	}
	slices.Sort(texts)
	return Digest([]byte(strings.Join(texts, "\n") + "\n"))
}

// Right says whether an answer is the truth: all of it and nothing else. Whether
// the candidate abstained does not count, so that candidates with different
// thresholds can be compared.
func (r *Row) Right() bool { return slices.Equal(r.Truth, r.Answer) }

// Score returns how good an answer is, larger is better: 1 or 0 where there is one
// label; the row's F1 where there are several, or spans; minus the absolute error
// of a number.
func (e *Evaluation) Score(r *Row) float64 {
	switch e.Task {
	case taskMulti, taskSpans:
		return overlap(r.Truth, r.Answer)
	case taskRegression:
		truth, answer := number(r.Truth), number(r.Answer)
		return -math.Abs(truth - answer)
	case taskLoss:
		return -number(r.Answer)
	}
	if r.Right() {
		return 1
	}
	return 0
}

// ScoreName names what Score measures on average, in words.
func (e *Evaluation) ScoreName() string {
	switch e.Task {
	case taskMulti:
		return "mean F1 of a row's labels"
	case taskSpans:
		return "mean F1 of a row's spans"
	case taskRegression:
		return "mean absolute error"
	case taskLoss:
		return "mean loss of the answers"
	}
	return "accuracy"
}

// overlap returns the F1 of an answer, 1 where both are empty.
func overlap(truth, answer []string) float64 {
	if len(truth)+len(answer) == 0 {
		return 1
	}
	both := 0
	for _, l := range answer {
		if slices.Contains(truth, l) {
			both++
		}
	}
	return 2 * float64(both) / float64(len(truth)+len(answer))
}

// number reads the decimal of a checked row.
func number(list []string) float64 {
	if len(list) != 1 {
		return 0
	}
	x, err := strconv.ParseFloat(list[0], 64)
	if err != nil {
		return 0
	}
	return x
}
