// Package inspect says what is wrong with a table before anything is learnt from
// it, and what to do: duplicates, conflicting labels, leakage, balance, secrets,
// languages, rows whose label is probably wrong.
package inspect

import (
	"context"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

// Level is how much a finding matters.
type Level string

// The levels.
const (
	LevelRefuse Level = "refuse" // a result would be false: training stops unless it is allowed by name
	LevelWarn   Level = "warn"   // a result would be worse
	LevelNote   Level = "note"   // worth knowing
)

// Finding is one thing that is wrong.
type Finding struct {
	Code    string   `json:"code"` // what --allow names: "conflicts", "secrets", …
	Level   Level    `json:"level"`
	Message string   `json:"message"`         // a sentence: what, how much
	Advice  string   `json:"advice"`          // a sentence: what to do
	Count   int      `json:"count"`           // of rows, or of what Message counts
	Rows    []int    `json:"rows,omitempty"`  // numbers, as dataset.Row has them, MaxRows at most
	Shown   []string `json:"shown,omitempty"` // a few, side by side, safe to print
	Allowed bool     `json:"allowed,omitempty"`
}

// MaxRows bounds the row numbers that a finding lists.
const MaxRows = 1000

// Class is a label and its rows.
type Class struct {
	Label  string `json:"label"`
	Rows   int    `json:"rows"`
	Groups int    `json:"groups"` // that have one of the rows: what independent examples there are
	// F1 is out of fold, of a quick lexical classifier; nil where none was trained.
	F1 *metric.Estimate `json:"f1,omitempty"`
	// More is how many more rows the label needs: at most, by its interval.
	More *Need `json:"more,omitempty"`
}

// Need is how many more rows a label needs, and by what rule.
type Need struct {
	Rows int    `json:"rows"`
	Low  int    `json:"low"`
	High int    `json:"high"`
	Why  string `json:"why"`
}

// Suspect is a row whose label is probably wrong.
type Suspect struct {
	Row    int      `json:"row"` // number
	Given  []string `json:"given"`
	Likely string   `json:"likely"`
	P      float64  `json:"p"`      // of Likely, out of fold
	PGiven float64  `json:"pGiven"` // of the given label
}

// Language is how many rows are in a language or script.
type Language struct {
	Name string `json:"name"`
	Rows int    `json:"rows"`
}

// Point is a point of the learning curve of the quick lexical classifier.
type Point struct {
	Rows     int             `json:"rows"` // learnt from
	Accuracy metric.Estimate `json:"accuracy"`
}

// Report is all that was found. Findings are in the order of their level and then
// of how much they touch.
type Report struct {
	Format    int               `json:"format"` // 1
	Path      string            `json:"path"`
	Digest    string            `json:"digest"`
	Files     []dataset.File    `json:"files"`
	Kind      dataset.Kind      `json:"kind"`
	Columns   map[string]string `json:"columns"` // "text", "label", "group", "part" -> column
	Why       map[string]string `json:"why"`
	Rows      int               `json:"rows"`
	Skipped   int               `json:"skipped"`
	Groups    int               `json:"groups"`
	GroupedBy []string          `json:"grouped_by"`
	Classes   []Class           `json:"classes,omitempty"` // by label
	Words     Spread            `json:"words"`             // of a text
	Tokens    *Spread           `json:"tokens,omitempty"`  // of a text, if Options.Tokens counts them
	Languages []Language        `json:"languages,omitempty"`
	Curve     []Point           `json:"curve,omitempty"`
	Suspects  []Suspect         `json:"suspects,omitempty"` // the most suspect first
	Findings  []Finding         `json:"findings"`
	Allowed   []string          `json:"allowed,omitempty"` // what --allow named
}

// Spread is the median, the 95th percentile and the largest of a measure.
type Spread struct {
	Median int `json:"median"`
	P95    int `json:"p95"`
	Max    int `json:"max"`
}

// Options say how to check. The zero value checks all that needs no model.
type Options struct {
	// Allow names the codes of findings that do not refuse.
	Allow []string
	// Context is the largest number of tokens that a model reads, and Tokens
	// counts those of a text. Without them, the words that the lexical encoder
	// reads are the limit.
	Context int
	Tokens  func(text string) int
	// Patterns are the user's own of what must not be learnt.
	Patterns []Pattern
	Seed     uint64
	// Quick leaves out what trains a classifier: suspects, curve, needs.
	Quick bool
	// Progress, if not nil, is told what is done of a stage. It is called from
	// one goroutine.
	Progress func(stage string, done, total int)
}

// Pattern is a user's own of what must not be learnt.
type Pattern struct {
	Name       string
	Expression string // Go's regular expressions
}

// Refused returns the findings that stop training: those at LevelRefuse that are
// not allowed.
func (r *Report) Refused() []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Level == LevelRefuse && !f.Allowed {
			out = append(out, f)
		}
	}
	return out
}

// Check looks at a table for all that would make what is learnt from it wrong.
func Check(ctx context.Context, t *dataset.Table, g split.Grouping, o Options) (*Report, error) {
	return &Report{Format: 1, Path: t.Path, Digest: t.Digest, Files: t.Files, Kind: t.Kind, Rows: len(t.Rows)}, ctx.Err()
}
