// Package ranklogs finds the needle in a stack of log lines: it ranks the lines
// of any log by how suspicious they are, and says why.
//
// Three things speak for a line: signs (tables and rules that know what attacks
// look like), the course of the log (a login after failed ones), and rarity (a
// form, a value or a pair that the rest of the same log hardly has). Each gives
// points in natural log-odds, and their sum is the score. A language model, where
// there is one, scores label words for the most promising lines and for a uniform
// sample; it can raise a line and never lowers one.
//
// The score is a rank, not a probability, until labelled lines were given: then a
// small logistic regression turns the same points into one.
//
// Memory is bounded whatever the input: files are read three times (words, forms
// and values, scores), what is counted is capped, and only the best lines are held.
package ranklogs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Limits of one run.
const (
	DefaultTop = 20     // lines that are told in full
	MaxRanked  = 10_000 // lines that are given back; the rest is counted
	Budget     = 64     // questions to a model where the caller names no budget
)

// Input says what to rank. Files is all that is needed.
type Input struct {
	Files []string `json:"files" arg:"" optional:"" name:"file" help:"Logs of any kind: lines of text, JSON lines, .gz, .zip, .evtx, folders; - for standard input."`
	Top   int      `json:"top,omitempty" default:"20" help:"How many lines to tell in full, with reasons."`

	Fit         string   `json:"fit,omitempty" placeholder:"FILE" help:"Turn scores into probabilities by labelled lines: JSONL with text (or line, statement, message) and label, or label, tab, line."`
	Labels      []string `json:"labels,omitempty" placeholder:"LABEL" help:"Labels of the --fit file that mean suspicious, where they are not malicious, suspicious, attack, anomaly, bad, positive, true, yes or 1."`
	SaveWeights string   `json:"save_weights,omitempty" name:"save-weights" placeholder:"FILE" help:"Keep what --fit found."`
	Weights     string   `json:"weights,omitempty" placeholder:"FILE" help:"Use what an earlier --fit found."`

	Rules     []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules   bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
	AsOf      string   `json:"as_of,omitempty" placeholder:"DATE" help:"Date timestamps without a year at or before this day, such as 2026-03-05."`
	Templates bool     `json:"templates,omitempty" name:"template" help:"List the forms that lines have, the rarest first."`
}

// Output is what was found.
type Output struct {
	Schema string `json:"schema"` // "casemate.rank-logs/1"
	Total  int    `json:"total"`  // lines that were ranked, and of which Lines are the first
	Told   int    `json:"told"`   // of Lines, how many have reasons
	Lines  []Line `json:"lines"`
	Left   int    `json:"left_out"` // lines after the last of Lines

	Calibrated  bool         `json:"calibrated"` // p of a line is a probability
	Calibration *Calibration `json:"calibration,omitempty"`
	Model       *ModelPart   `json:"model,omitempty"`
	Forms       []Form       `json:"forms,omitempty"`
	FormCount   int          `json:"form_count"`

	Evidence   []casemate.Evidence `json:"evidence"`
	Coverage   casemate.Coverage   `json:"coverage"`
	Provenance casemate.Provenance `json:"provenance"`
}

// Line is one line with its rank.
type Line struct {
	Rank  int      `json:"rank"` // 1 is the most suspicious
	File  string   `json:"file"`
	Line  int      `json:"line"`         // from 1
	ID    string   `json:"id,omitempty"` // the record's own, where it has one
	Text  string   `json:"text"`
	Score float64  `json:"score"`       // 0 to 100: what the log-odds of Points would be as a probability
	P     *float64 `json:"p,omitempty"` // probability of being suspicious; absent without labelled lines
	// Points are natural log-odds; they and Base add up to those of Score.
	Points     Points               `json:"points"`
	Time       time.Time            `json:"time,omitzero"`
	Host       string               `json:"host,omitempty"`
	User       string               `json:"user,omitempty"`
	Techniques []string             `json:"techniques,omitempty"` // ATT&CK ids of its signs
	Reasons    []casemate.Statement `json:"reasons,omitempty"`    // of the lines that are told in full
	Evidence   string               `json:"evidence,omitempty"`   // id of the line among Evidence, where it is told
	Read       string               `json:"read"`                 // "rules", or "rules and model"
	ModelOdds  *float64             `json:"model_log_odds,omitempty"`
}

// Points are the terms of a score, in natural log-odds.
type Points struct {
	Signs  float64 `json:"signs"`
	Course float64 `json:"course"`
	Rarity float64 `json:"rarity"`
	Model  float64 `json:"model"` // never below 0
}

// Base is the log-odds of a line for which nothing speaks.
const Base = -4.0

func (p Points) sum() float64 { return p.Signs + p.Course + p.Rarity + p.Model }

// Form is what lines have in common, with what varies written as <*>.
type Form struct {
	Text  string `json:"text"`
	Lines int    `json:"lines"`
}

// Run ranks the lines of the input's files.
func Run(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	if len(in.Files) == 0 {
		return Output{}, &casemate.Error{Code: casemate.CodeUsage, Message: "rank-logs needs at least one file",
			Hint: "try: casemate rank-logs examples/ranklogs/fleet.log, or - to read standard input"}
	}
	weights, err := readWeights(in)
	if err != nil {
		return Output{}, err
	}
	detect, err := newDetector(in)
	if err != nil {
		return Output{}, err
	}
	src, err := openSource(ctx, run, in.Files)
	if err != nil {
		return Output{}, err
	}
	st, err := rank(ctx, src, detect)
	if err != nil {
		return Output{}, err
	}
	if st.total == 0 {
		faults := src.faults
		if len(faults) == 0 {
			faults = []casemate.Fault{{At: casemate.Location{File: in.Files[0]}, Reason: "there is no line in it"}}
		}
		return Output{}, evidence.Nothing(in.Files, faults, "give logs with a line in them: files or folders, or - for standard input")
	}
	out := Output{Schema: "casemate.rank-logs/1", Total: st.total, FormCount: st.counts.forms()}
	if out.Model, err = askModel(ctx, run, st); err != nil {
		return Output{}, err
	}
	if in.Fit != "" {
		if weights, err = fitFile(ctx, run, in, detect); err != nil {
			return Output{}, err
		}
	}
	order(st.kept, weights)
	out.fill(st, in, weights)
	for i := range out.Lines {
		out.Lines[i].Reasons = run.Verify(out.Lines[i].Reasons, out.Evidence)
	}
	if in.Templates {
		out.Forms = st.counts.list()
	}
	out.decided(run, st)
	out.Provenance = run.Provenance()
	return out, nil
}

// order sorts lines by their score, or by the probability that weights give them.
func order(lines []*scored, w *Weights) {
	slices.SortStableFunc(lines, func(a, b *scored) int {
		x, y := w.odds(a.points), w.odds(b.points)
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a.at - b.at
	})
}

// decided says who decided what.
func (o *Output) decided(run *pipeline.Run, st *ranking) {
	run.Decided("lines[].score", casemate.DecidedByRule)
	run.Decided("lines[].reasons", casemate.DecidedByRule)
	if o.Calibrated {
		run.Decided("lines[].p", casemate.DecidedByClassifier)
	}
	if o.Model != nil && o.Model.Lines > 0 {
		run.Decided("lines[].points.model", casemate.DecidedByModel)
	}
	o.Coverage = st.coverage(o)
}

// String says where a line stands.
func (l *Line) String() string { return fmt.Sprintf("%s:%d", l.File, l.Line) }
