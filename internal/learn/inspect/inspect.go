// Package inspect says what is wrong with a table before anything is learnt from
// it, and what to do: duplicates, conflicting labels, leakage, balance, secrets,
// languages, rows whose label is probably wrong.
package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/near"
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

// The codes of findings, which --allow names.
const (
	CodeSkipped      = "skipped"       // rows that cannot be used
	CodeFewRows      = "few-rows"      // rows or groups in all
	CodeOneClass     = "one-class"     // nothing to tell apart
	CodeSmallClasses = "small-classes" // labels with too few rows
	CodeBalance      = "balance"       // one label has nearly all rows
	CodeSpelling     = "spelling"      // labels that differ in case or space alone
	CodeDuplicates   = "duplicates"    // the same text
	CodeNear         = "near-duplicates"
	CodeConflicts    = "conflicts"        // the same text under different labels
	CodeNearConflict = "near-conflicts"   // nearly the same text under different labels
	CodeLeakage      = "leakage"          // the same rows to learn from and to test on
	CodeLabelColumn  = "label-column"     // another column is the label
	CodeLabelInText  = "label-in-text"    // the text says its label
	CodeGroups       = "groups"           // what rows share and is not kept together
	CodeShort        = "short-texts"      // of a word or none
	CodeContext      = "context"          // texts that are longer than what is read
	CodeSecrets      = "secrets"          // keys, tokens, passwords
	CodeMaybeSecret  = "possible-secrets" // what looks like one by its randomness alone
	CodePersonal     = "personal-data"
	CodePatterns     = "patterns" // the user's own
	CodeLanguages    = "languages"
	CodeSuspects     = "suspects"  // labels that are probably wrong
	CodeTrigger      = "trigger"   // words that go with one label against all else
	CodeNeeds        = "needs"     // labels that more rows would help
	CodeNoSignal     = "no-signal" // the words do not tell the labels
)

// Bounds of what is tolerated. They are rules of thumb: docs/data.md says why each.
const (
	MinRows   = 50 // rows in all, below which a figure on the test part says nothing
	MinGroups = 10 // groups in all
	MinClass  = 5  // rows of a label, below which it cannot be in three parts and be measured

	refuseSkipped   = 0.2  // share of the rows that cannot be used
	refuseSmall     = 0.1  // share of the rows whose label has less than MinClass
	refuseConflicts = 0.02 // share of the rows that have a twin under another label
	refuseLeakage   = 0.01 // share of the rows to test on
	refuseInText    = 0.9  // share of the rows whose text says the label
	warnInText      = 0.1
	warnBalance     = 0.9 // share of the rows that one label has
	warnDuplicates  = 0.05
	warnShort       = 0.3
	warnForeign     = 0.02
	nearlySame      = 0.9 // of the word pairs, from which on other labels are a conflict

	// MaxRows bounds the row numbers that a finding lists, maxShown what it shows.
	MaxRows  = 1000
	maxShown = 5
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

// Class is a label and its rows.
type Class struct {
	Label  string `json:"label"`
	Rows   int    `json:"rows"`
	Groups int    `json:"groups"` // that have one of the rows: what independent examples there are
	// F1 is out of fold, of a quick lexical classifier; nil where none was trained.
	F1 *metric.Estimate `json:"f1,omitempty"`
	// More is how many more rows the label needs; nil if no rule says.
	More *Need `json:"more,omitempty"`
}

// Need is how many more rows a label needs, and by what rule. High is -1 where the
// interval has no end: more rows alone may not help.
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
	P      float64  `json:"p"`       // of Likely, out of fold
	PGiven float64  `json:"p_given"` // of the given label
	Text   string   `json:"text"`    // its beginning, safe to print
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

// Spread is the median, the 95th percentile and the largest of a measure.
type Spread struct {
	Median int `json:"median"`
	P95    int `json:"p95"`
	Max    int `json:"max"`
}

// Report is all that was found. Findings are in the order of their level, and what
// refuses comes first.
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
	Classes   []Class           `json:"classes,omitempty"` // as Table.Labels
	Words     Spread            `json:"words"`             // of a text
	Tokens    *Spread           `json:"tokens,omitempty"`  // of a text, if Options.Tokens counts them
	Languages []Language        `json:"languages,omitempty"`
	Curve     []Point           `json:"curve,omitempty"`
	Suspects  []Suspect         `json:"suspects,omitempty"` // the most suspect first
	// Found is which share of labels that are wrong at random is among Suspects: it
	// is measured by flipping some on purpose. Nil where that was not done.
	Found    *metric.Estimate `json:"found,omitempty"`
	Findings []Finding        `json:"findings"`
	Allowed  []string         `json:"allowed,omitempty"` // what --allow named
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
	// Anew says that the rows will be divided anew: the parts that the data give do
	// not matter.
	Anew bool
	// Quick leaves out what trains a classifier: suspects, curve, needs.
	Quick bool
	// Progress, if not nil, is told what is done of a stage. It is called from
	// one goroutine.
	Progress func(stage string, done, total int)
}

// Pattern is a user's own of what must not be learnt.
type Pattern struct {
	Name       string
	Expression *regexp.Regexp
}

// Codes are those that --allow may name.
var Codes = []string{CodeSkipped, CodeFewRows, CodeOneClass, CodeSmallClasses, CodeBalance, CodeSpelling, CodeDuplicates, CodeNear, CodeConflicts, CodeNearConflict, CodeLeakage, CodeLabelColumn, CodeLabelInText, CodeGroups, CodeShort, CodeContext, CodeSecrets, CodeMaybeSecret, CodePersonal, CodePatterns, CodeLanguages, CodeSuspects, CodeTrigger, CodeNeeds, CodeNoSignal}

// Refused returns the findings that stop training: those at LevelRefuse that are
// not allowed.
func (r *Report) Refused() []Finding { return r.AtLeast(LevelRefuse) }

// AtLeast returns the findings at or over a level that are not allowed.
func (r *Report) AtLeast(level Level) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if rank(f.Level) <= rank(level) && !f.Allowed {
			out = append(out, f)
		}
	}
	return out
}

func rank(l Level) int { return slices.Index([]Level{LevelRefuse, LevelWarn, LevelNote}, l) }

// inspector is a check under way.
type inspector struct {
	ctx    context.Context
	t      *dataset.Table
	g      split.Grouping
	o      Options
	report *Report
	marks  [][]mark // of each row: stretches that must not be shown
}

// Check looks at a table for all that would make what is learnt from it wrong.
func Check(ctx context.Context, t *dataset.Table, g split.Grouping, o Options) (*Report, error) {
	for _, code := range o.Allow {
		if !slices.Contains(Codes, code) {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no finding is called %q", code), Hint: "the name of a finding stands before it in the report of casemate tune check"}
		}
	}
	if len(g.Of) != len(t.Rows) {
		return nil, fmt.Errorf("check rows: %d rows and groups of %d", len(t.Rows), len(g.Of))
	}
	i := &inspector{ctx: ctx, t: t, g: g, o: o, marks: make([][]mark, len(t.Rows))}
	i.report = &Report{Format: 1, Path: t.Path, Digest: t.Digest, Files: t.Files, Kind: t.Kind, Why: maps.Clone(t.Why), Rows: len(t.Rows), Skipped: t.SkippedRows,
		Groups: g.N, GroupedBy: g.By, Columns: map[string]string{}, Findings: []Finding{}, Allowed: slices.Clone(o.Allow)}
	if i.report.Why == nil {
		i.report.Why = map[string]string{}
	}
	for name, column := range map[string]string{"text": t.Text, "label": t.Label, "group": t.Group, "part": t.Part} {
		if column != "" {
			i.report.Columns[name] = column
		}
	}
	if i.g.Near == nil {
		texts := make([]string, len(t.Rows))
		for n := range t.Rows {
			texts[n] = t.Rows[n].Text
		}
		sets, err := near.Find(ctx, texts)
		if err != nil {
			return nil, err
		}
		i.g.Near = sets
	}
	for _, step := range []func() error{i.secrets, i.sizes, i.classes, i.duplicates, i.conflicts, i.leakage, i.texts, i.languages, i.learn} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(i.report.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Level), rank(b.Level)) })
	return i.report, nil
}

// find adds a finding. rows are indices.
func (i *inspector) find(f Finding, rows []int) {
	for _, n := range rows[:min(len(rows), MaxRows)] {
		f.Rows = append(f.Rows, i.t.Rows[n].Number)
	}
	if f.Count == 0 {
		f.Count = len(rows)
	}
	f.Allowed = slices.Contains(i.o.Allow, f.Code)
	i.report.Findings = append(i.report.Findings, f)
}

// progress tells what is done of a stage.
func (i *inspector) progress(stage string, done, total int) {
	if i.o.Progress != nil {
		i.o.Progress(stage, done, total)
	}
}

// labelled reports whether the rows have labels that a classifier could learn.
func (i *inspector) labelled() bool {
	k := i.t.Kind
	return k == dataset.KindSingle || k == dataset.KindMulti || k == dataset.KindOrdinal
}
