package ranklogs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// weightsFormat names the file that keeps Weights.
const weightsFormat = "casemate.rank-logs.weights/1"

// Weights turn points into log-odds. Nil stands for Base and ones.
type Weights struct {
	Format  string      `json:"format"`
	Bias    float64     `json:"bias"`
	Signs   float64     `json:"signs"`
	Course  float64     `json:"course"`
	Rarity  float64     `json:"rarity"`
	Model   float64     `json:"model"`
	Quality Calibration `json:"quality"`
}

// Calibration says how well labelled lines support the probabilities.
type Calibration struct {
	Lines      int     `json:"lines"`
	Suspicious int     `json:"suspicious"`
	Folds      int     `json:"folds"`
	AUC        float64 `json:"auc"` // of lines that a fold held out
	AUCLow     float64 `json:"auc_low"`
	AUCHigh    float64 `json:"auc_high"` // 95 % interval, Hanley and McNeil 1982
	RankAUC    float64 `json:"auc_of_score"`
	Brier      float64 `json:"brier"`      // mean squared error, held out
	BrierBase  float64 `json:"brier_base"` // of the share of suspicious lines for every line
	Source     string  `json:"source"`     // the file's name
	Note       string  `json:"note,omitempty"`
}

func (w *Weights) calibration() *Calibration {
	if w == nil {
		return nil
	}
	c := w.Quality
	return &c
}

// odds returns the log-odds of a line.
func (w *Weights) odds(p Points) float64 {
	if w == nil {
		return Base + p.sum()
	}
	return w.Bias + w.Signs*p.Signs + w.Course*p.Course + w.Rarity*p.Rarity + w.Model*p.Model
}

// maxWeights bounds a file of weights, which has some hundred bytes.
const maxWeights = 1 << 20

// readWeights reads --weights, if it was given.
func readWeights(in Input) (*Weights, error) {
	if in.Weights == "" {
		return nil, nil
	}
	const hint = "give a file that rank-logs --fit FILE --save-weights has written"
	f, err := os.Open(in.Weights)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read weights %q", in.Weights), Err: err, Hint: hint}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxWeights)) // more is no JSON of ours
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read weights %q", in.Weights), Err: err, Hint: hint}
	}
	w := &Weights{}
	if err := json.Unmarshal(data, w); err != nil || w.Format != weightsFormat {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q holds no weights of rank-logs", in.Weights), Err: err, Hint: hint}
	}
	return w, nil
}

// suspiciousLabels mean that a line is suspicious.
var suspiciousLabels = []string{"malicious", "suspicious", "attack", "anomaly", "anomalous", "bad", "positive", "true", "yes", "1"}

func (in *Input) suspicious(label string) bool {
	label = strings.ToLower(strings.TrimSpace(label))
	list := suspiciousLabels
	if len(in.Labels) > 0 {
		list = in.Labels
	}
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, label) })
}

// example is a labelled line's points.
type example struct {
	x Points
	y float64
}

// fitFile ranks a file of labelled lines as if it were any log, and fits weights
// to it. Signs and rarity see the lines alone, never the labels.
func fitFile(ctx context.Context, run *pipeline.Run, in Input, d *detector) (*Weights, error) {
	const hint = `give JSONL with "text" and "label", or label, tab, line; at least two lines of each kind`
	src, err := openSource(ctx, run, []string{in.Fit})
	if err != nil {
		return nil, err
	}
	src.labelled = true
	st, err := rank(ctx, src, d)
	if err != nil {
		return nil, err
	}
	var list []example
	positive := 0
	for _, s := range st.kept {
		if s.entry.label == "" {
			continue
		}
		e := example{x: s.points}
		if in.suspicious(s.entry.label) {
			e.y = 1
			positive++
		}
		list = append(list, e)
	}
	if positive < 2 || len(list)-positive < 2 {
		return nil, &casemate.Error{Code: casemate.CodeInput, Hint: hint,
			Message: fmt.Sprintf("fit %q: %d labelled lines, %d of them suspicious: too few of one kind", in.Fit, len(list), positive)}
	}
	w := fit(list)
	w.Quality = assess(list, w)
	w.Quality.Source = in.Fit
	if st.total > len(st.kept) {
		w.Quality.Note = fmt.Sprintf("only the %d lines with the most points of %d were used", len(st.kept), st.total)
	}
	if in.SaveWeights != "" {
		data, err := json.MarshalIndent(w, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write weights: %w", err)
		}
		if err := os.WriteFile(in.SaveWeights, append(data, '\n'), 0o644); err != nil {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write weights %q", in.SaveWeights), Err: err, Hint: "give a file that you may write"}
		}
	}
	return w, nil
}

// The terms of the regression: the bias and four weights. Few labels move them
// little from what they are without any.
const (
	terms       = 5
	pull        = 2.0 // strength of the pull of a weight to 1
	pullOfBias  = 0.05
	fitSteps    = 50
	smallestFit = 1e-9
)

func (p Points) vector() [terms]float64 {
	return [terms]float64{1, p.Signs, p.Course, p.Rarity, p.Model}
}

// fit finds the weights of most posterior probability: logistic likelihood, with
// a normal prior around Base and ones, by Newton's method. Weights stay at 0 or
// above: what speaks for a line cannot come to speak against it.
func fit(list []example) *Weights {
	prior := [terms]float64{Base, 1, 1, 1, 1}
	strength := [terms]float64{pullOfBias, pull, pull, pull, pull}
	beta := prior
	for range fitSteps {
		var gradient [terms]float64
		var hessian [terms][terms]float64
		for i := range terms {
			gradient[i] = strength[i] * (beta[i] - prior[i])
			hessian[i][i] = strength[i]
		}
		for _, e := range list {
			x := e.x.vector()
			z := 0.0
			for i := range terms {
				z += beta[i] * x[i]
			}
			p := logistic(z)
			for i := range terms {
				gradient[i] += (p - e.y) * x[i]
				for j := range terms {
					hessian[i][j] += p * (1 - p) * x[i] * x[j]
				}
			}
		}
		step := solve(hessian, gradient)
		moved := 0.0
		for i := range terms {
			before := beta[i]
			beta[i] -= max(-2, min(2, step[i]))
			if i > 0 {
				beta[i] = max(0, beta[i])
			}
			moved += math.Abs(beta[i] - before)
		}
		if moved < smallestFit {
			break
		}
	}
	return &Weights{Format: weightsFormat, Bias: beta[0], Signs: beta[1], Course: beta[2], Rarity: beta[3], Model: beta[4]}
}

// solve solves a small symmetric positive system by elimination.
func solve(a [terms][terms]float64, b [terms]float64) [terms]float64 {
	for i := range terms {
		for j := i + 1; j < terms; j++ {
			f := a[j][i] / a[i][i]
			for k := i; k < terms; k++ {
				a[j][k] -= f * a[i][k]
			}
			b[j] -= f * b[i]
		}
	}
	for i := terms - 1; i >= 0; i-- {
		for k := i + 1; k < terms; k++ {
			b[i] -= a[i][k] * b[k]
		}
		b[i] /= a[i][i]
	}
	return b
}

// assess measures weights by cross-validation: each line is judged by weights
// that were fitted without its fold. Folds have the same share of each kind.
func assess(list []example, w *Weights) Calibration {
	positive := 0
	for _, e := range list {
		positive += int(e.y)
	}
	folds := max(2, min(10, min(positive, len(list)-positive)))
	foldOf := make([]int, len(list))
	var seen [2]int
	for i, e := range list {
		foldOf[i] = seen[int(e.y)] % folds
		seen[int(e.y)]++
	}
	held := make([]float64, len(list))
	raw := make([]float64, len(list))
	for f := range folds {
		var train []example
		for i, e := range list {
			if foldOf[i] != f {
				train = append(train, e)
			}
		}
		wf := fit(train)
		for i, e := range list {
			if foldOf[i] == f {
				held[i] = logistic(wf.odds(e.x))
			}
		}
	}
	labels := make([]bool, len(list))
	share := float64(positive) / float64(len(list))
	var brier, base float64
	for i, e := range list {
		labels[i] = e.y == 1
		raw[i] = e.x.sum()
		brier += (held[i] - e.y) * (held[i] - e.y)
		base += (share - e.y) * (share - e.y)
	}
	n := float64(len(list))
	c := Calibration{Lines: len(list), Suspicious: positive, Folds: folds, Brier: round(brier/n, 4), BrierBase: round(base/n, 4)}
	area := AUC(held, labels)
	low, high := Interval(area, positive, len(list)-positive)
	c.AUC, c.AUCLow, c.AUCHigh, c.RankAUC = round(area, 3), round(low, 3), round(high, 3), round(AUC(raw, labels), 3)
	if positive < 10 {
		c.Note = fmt.Sprintf("%d suspicious lines are few: the probabilities are rough", positive)
	}
	return c
}

// AUC is the probability that a labelled line has a higher score than one that is
// not; ties count half.
func AUC(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var rankSum, positive float64
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		mid := float64(i+j+1) / 2
		for _, k := range order[i:j] {
			if labels[k] {
				rankSum += mid
				positive++
			}
		}
		i = j
	}
	negative := float64(len(order)) - positive
	if positive == 0 || negative == 0 {
		return math.NaN()
	}
	return (rankSum - positive*(positive+1)/2) / (positive * negative)
}

// Interval is the 95 % interval of an AUC over so many positive and negative
// lines.
//
// Source: Hanley and McNeil 1982, The meaning and use of the area under a ROC curve.
func Interval(area float64, positive, negative int) (low, high float64) {
	p, n := float64(positive), float64(negative)
	q1, q2 := area/(2-area), 2*area*area/(1+area)
	se := math.Sqrt(max(0, (area*(1-area)+(p-1)*(q1-area*area)+(n-1)*(q2-area*area))/(p*n)))
	return max(0, area-1.96*se), min(1, area+1.96*se)
}
