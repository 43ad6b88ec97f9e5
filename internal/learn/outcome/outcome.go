// Package outcome is the record of an evaluation: what a head answered on rows
// that it did not see, and what follows. Reports, comparisons and promotion read
// it; it is signed when it is to let a head into service.
package outcome

import "github.com/casemate-ai/casemate/internal/learn/metric"

// Row is an answer to one row of the test part.
type Row struct {
	Number int    `json:"number"` // of the row in the data
	Text   string `json:"text"`   // "sha256:…" of the text, never the text
	Group  int    `json:"group"`  // rows of a group are not independent
	// Truth and Answer are labels: one, or any number sorted; spans as
	// "start-end label"; a number as its decimal.
	Truth   []string `json:"truth"`
	Answer  []string `json:"answer"`
	P       float64  `json:"p"` // of the answer
	Abstain bool     `json:"abstain,omitempty"`
	// Probabilities are of Evaluation.Labels.
	Probabilities []float64 `json:"probabilities,omitempty"`
}

// Evaluation is the answers of one candidate to one test part.
type Evaluation struct {
	Format    int      `json:"format"`    // 1
	Candidate string   `json:"candidate"` // "majority", "nearest neighbour", a head's name, …
	Digest    string   `json:"digest"`    // of the head or adapter: "sha256:…"; empty for baselines
	Base      string   `json:"base,omitempty"`
	Task      string   `json:"task"`
	Data      string   `json:"data"` // digest of the file
	Test      string   `json:"test"` // digest of the test part's texts, sorted
	Labels    []string `json:"labels,omitempty"`
	Rows      []Row    `json:"rows"`
	// Figures are by name, each in 0 to 1 unless its name says otherwise:
	// "accuracy", "macro_f1", "ece", "coverage", "accuracy_answered", …
	Figures map[string]metric.Estimate `json:"figures"`
}
