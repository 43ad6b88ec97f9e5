package tune

import (
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Result is what training came to. All that depends on chance depends on the seed
// alone: the same table and options give the same result.
type Result struct {
	Format     int             `json:"format"` // 1
	Name       string          `json:"name"`
	Task       tuned.Task      `json:"task"`
	Card       tuned.Card      `json:"card"` // of the head, as in its folder
	Inspection *inspect.Report `json:"inspection"`
	Division   Division        `json:"division"`
	Settings   []Setting       `json:"settings"` // all that was chosen, by whom and why
	// Candidates are the baselines first, then what was trained, in the order in
	// which it was tried. Chosen is the index of the one that the folder holds.
	Candidates []Candidate `json:"candidates"`
	Chosen     int         `json:"chosen"`
	// Comparisons are of the chosen one with every other that was measured.
	Comparisons []Comparison `json:"comparisons"`
	Classes     []Class      `json:"classes,omitempty"` // in the order of Card.Labels
	// Confusion is of single and ordinal heads: how often a label of the truth
	// (first index) was answered by each, whatever the threshold.
	Confusion [][]int   `json:"confusion,omitempty"`
	Curve     Curve     `json:"curve"`
	Mistakes  []Mistake `json:"mistakes,omitempty"` // the surest first
	Verdict   Verdict   `json:"verdict"`
}

// Division is how the rows were divided.
type Division struct {
	Train      Part     `json:"train"`
	Validation Part     `json:"validation"`
	Test       Part     `json:"test"`
	By         string   `json:"by"`         // how, in a sentence
	GroupedBy  []string `json:"grouped_by"` // what rows of a group share
	Notes      []string `json:"notes,omitempty"`
	// Known is how many rows of the test part the head knew all the same, or others
	// of their group, since the data give the parts so and --allow leakage let it.
	Known int `json:"known,omitempty"`
}

// Part is how much of the rows is in a part.
type Part struct {
	Rows   int `json:"rows"`
	Groups int `json:"groups"`
}

// Setting is something that was chosen, such as "precision", its value and why:
// "asked for", "the default", "best of 4 by cross-validation on the training part".
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Candidate is a way to answer, and how it did.
type Candidate struct {
	Name     string `json:"name"`  // "majority", "nearest neighbour", "words", …
	About    string `json:"about"` // a sentence
	Baseline bool   `json:"baseline"`
	// Skipped says why it was not measured, such as that it had seen the test
	// part; Evaluation is then nil.
	Skipped string `json:"skipped,omitempty"`
	// Choice is the figure that it was chosen by, on rows that are not the test
	// part; nil for baselines.
	Choice     *metric.Estimate    `json:"choice,omitempty"`
	Evaluation *outcome.Evaluation `json:"evaluation,omitempty"` // on the test part
}

// Comparison is of the chosen candidate with another on the same rows.
type Comparison struct {
	With       string            `json:"with"` // Candidate.Name
	Baseline   bool              `json:"with_a_baseline"`
	Measure    string            `json:"measure"` // outcome.Evaluation.ScoreName
	Difference metric.Difference `json:"difference"`
	// McNemar is the p of the rows that only one has right; nil where rows are not
	// right or wrong.
	McNemar *float64 `json:"mcnemar,omitempty"`
}

// Class is a label: its rows in each part and how it fares on the test part,
// abstained rows counting as not given.
type Class struct {
	Label      string       `json:"label"`
	Train      int          `json:"train"`
	Validation int          `json:"validation"`
	Test       metric.Class `json:"test"`
	// Threshold is the probability from which the label is given, and Sure what
	// precision that had on the validation part. Reached is false where no
	// threshold of the label's own was surely as precise as asked for; Threshold is
	// then that of all answers.
	Threshold float64         `json:"threshold"`
	Sure      metric.Estimate `json:"sure"`
	Reached   bool            `json:"reached"`
}

// Curve is how the score grows with the rows learnt from, measured on the
// validation part, never on the test part.
type Curve struct {
	Measure string  `json:"measure"`
	Points  []Point `json:"points,omitempty"`
	// Limit, Scale and Power fit error(n) = Limit + Scale·n^−Power; all are 0 where
	// no curve fits.
	Limit float64 `json:"limit"`
	Scale float64 `json:"scale"`
	Power float64 `json:"power"`
	// Double is the score to expect with twice the rows, and Gain how much better
	// that is, with the interval over groups; Helps says whether it is worth the
	// rows and beyond chance. Says is that in words.
	Double float64         `json:"double"`
	Gain   metric.Estimate `json:"gain"`
	Helps  bool            `json:"helps"`
	Says   string          `json:"says"`
}

// Point is a score after so many rows.
type Point struct {
	Rows   int             `json:"rows"`
	Groups int             `json:"groups"`
	Score  metric.Estimate `json:"score"`
}

// Mistake is a wrong answer to a row of the test part. Text is the row's own, as
// it came: clean it where it is shown.
type Mistake struct {
	Number  int            `json:"number"`
	Text    string         `json:"text"`
	Truth   []string       `json:"truth"`
	Answer  []string       `json:"answer"`
	P       float64        `json:"p"`
	Because []tuned.Reason `json:"because,omitempty"` // what moved it to the answer
}

// Verdict is what to make of it, in words.
type Verdict struct {
	// Ready says whether the head is better than every baseline beyond chance.
	Ready bool `json:"ready"`
	// Headline is one sentence; Reasons are the next ones.
	Headline string   `json:"headline"`
	Reasons  []string `json:"reasons"`
	// Next is what to do, each a sentence or a command.
	Next []string `json:"next"`
}
