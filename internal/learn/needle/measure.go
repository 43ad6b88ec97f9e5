package needle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/ranklogs"
)

// Result says how well needles were found in one stack.
type Result struct {
	Name    string `json:"name"`
	Lines   int    `json:"lines"`
	Needles int    `json:"needles"`
	Ranks   []int  `json:"ranks"` // of the needles, best first

	RecallAtK float64 `json:"recall_at_k"` // share of the needles among the first k lines, k their number
	RecallAt2 float64 `json:"recall_at_2k"`
	AUC       float64 `json:"auc"`
	AUCLow    float64 `json:"auc_low"`
	AUCHigh   float64 `json:"auc_high"`

	RarityRecall float64 `json:"rarity_recall_at_k"` // by rarity alone
	RarityAUC    float64 `json:"rarity_auc"`
	RandomRecall float64 `json:"random_recall_at_k"` // what chance gives: k of n
	LengthAUC    float64 `json:"length_auc"`         // of the longest lines first
	Over         int     `json:"over"`               // ordinary lines with a score of 50 or more
}

// Options says how to rank.
type Options struct {
	Run   pipeline.Options
	Input ranklogs.Input // Files is set by the measure
	Size  int            // of the made stacks; 0 is each one's own
	Seed  uint64         // of the made stacks
}

// Embedded measures the embedded stacks.
func Embedded(ctx context.Context, o Options) ([]Result, error) {
	all, err := Stacks()
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, s := range all {
		r, err := Measure(ctx, s.Name, s.Make(o.Size, o.Seed), o)
		if err != nil {
			return nil, fmt.Errorf("measure stack %q: %w", s.Name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// File measures a file of labelled lines: JSON lines with a text (or line,
// statement, message) and a label.
func File(ctx context.Context, name string, o Options) (Result, error) {
	const hint = `give JSON lines with "text" and "label"`
	data, err := os.ReadFile(name)
	if err != nil {
		return Result{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q", name), Err: err, Hint: hint}
	}
	var lines []Line
	for i, text := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var r struct{ Text, Line, Statement, Message, Label string }
		if err := json.Unmarshal(text, &r); err != nil {
			return Result{}, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s:%d", name, i+1), Err: err, Hint: hint}
		}
		l := Line{Text: cmp.Or(r.Text, r.Line, r.Statement, r.Message), Label: r.Label}
		l.Suspicious = slices.Contains([]string{"malicious", "suspicious", "attack", "1", "true"}, strings.ToLower(r.Label))
		lines = append(lines, l)
	}
	return Measure(ctx, name, lines, o)
}

// Measure ranks lines, whose labels it keeps to itself, and compares.
func Measure(ctx context.Context, name string, lines []Line, o Options) (Result, error) {
	out := Result{Name: name, Lines: len(lines)}
	if len(lines) > ranklogs.MaxRanked {
		return out, fmt.Errorf("measure %q: %d lines; rank-logs gives back %d", name, len(lines), ranklogs.MaxRanked)
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(strings.ReplaceAll(l.Text, "\n", " ") + "\n")
	}
	opt := o.Run
	opt.Stdin = strings.NewReader(text.String())
	run, err := pipeline.Start(opt)
	if err != nil {
		return out, err
	}
	in := o.Input
	in.Files = []string{"-"}
	ranked, err := ranklogs.Run(ctx, run, in)
	if err != nil {
		return out, err
	}
	score, rarity, length := make([]float64, len(lines)), make([]float64, len(lines)), make([]float64, len(lines))
	labels := make([]bool, len(lines))
	for i, l := range lines {
		labels[i], length[i] = l.Suspicious, float64(len(l.Text))
		if l.Suspicious {
			out.Needles++
		}
	}
	for _, l := range ranked.Lines {
		i := l.Line - 1
		score[i], rarity[i] = -float64(l.Rank), l.Points.Rarity
		if labels[i] {
			out.Ranks = append(out.Ranks, l.Rank)
		} else if l.Score >= 50 {
			out.Over++
		}
	}
	if out.Needles == 0 || out.Needles == len(lines) {
		return out, fmt.Errorf("measure %q: %d of %d lines are labelled suspicious: nothing can be compared", name, out.Needles, len(lines))
	}
	out.compare(score, rarity, length, labels)
	return out, nil
}

func (r *Result) compare(score, rarity, length []float64, labels []bool) {
	k := r.Needles
	r.RecallAtK, r.RecallAt2 = recall(score, labels, k), recall(score, labels, 2*k)
	r.AUC = ranklogs.AUC(score, labels)
	r.AUCLow, r.AUCHigh = ranklogs.Interval(r.AUC, k, len(labels)-k)
	r.RarityRecall, r.RarityAUC = recall(rarity, labels, k), ranklogs.AUC(rarity, labels)
	r.RandomRecall = float64(k) / float64(len(labels))
	r.LengthAUC = ranklogs.AUC(length, labels)
}

// recall is the share of labelled lines among the k of the highest scores; lines
// of the same score come in their order.
func recall(scores []float64, labels []bool, k int) float64 {
	order := make([]int, len(scores))
	all := 0.0
	for i := range order {
		order[i] = i
		if labels[i] {
			all++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	found := 0.0
	for _, i := range order[:min(k, len(order))] {
		if labels[i] {
			found++
		}
	}
	return found / all
}

// Write prints a table.
func Write(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "stack\tlines\tneedles\trecall@k\trecall@2k\tAUC\t95 %\trarity@k\trarity AUC\trandom@k\tlength AUC\tover 50\tranks\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%.2f\t%.3f\t%.3f–%.3f\t%.2f\t%.3f\t%.2f\t%.3f\t%d\t%s\t\n", r.Name, r.Lines, r.Needles, r.RecallAtK, r.RecallAt2, r.AUC, r.AUCLow, r.AUCHigh,
			r.RarityRecall, r.RarityAUC, r.RandomRecall, r.LengthAUC, r.Over, strings.Trim(fmt.Sprint(r.Ranks), "[]"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}
