package main

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/model/linear"
)

// Of the attack head.
const (
	attackVersion   = "ATT&CK 18.1"
	attackThreshold = 0.4 // to abstain under: of everyday sentences six in seven stay below, of those of reports one in thirty
)

// trainAttack trains twice. A first model, which sees no report, shows on the
// reports how sure a model may be of texts of another kind; the second, on
// everything, takes that over.
func trainAttack(j job) (model, error) {
	a, err := corpus.ReadAttack(j.from)
	if err != nil {
		return nil, err
	}
	report := func(s *corpus.Technical) bool { return s.Kind == corpus.KindReport }
	var reports []corpus.Technical
	for i := range a.Sentences {
		if report(&a.Sentences[i]) {
			reports = append(reports, a.Sentences[i])
		}
	}
	fmt.Fprintf(j.log, "attack: %d sentences, of them %d of reports to calibrate with\n", len(a.Sentences), len(reports))
	v := technique.Vectors(a, nil)
	say := func(s string) { fmt.Fprintln(j.log, "attack:", s) }
	first, err := technique.Train(a, v, report, say)
	if err != nil {
		return nil, err
	}
	odds, right := technique.Odds(first, reports)
	slope, offset := technique.FitLogistic(odds, right)
	out := make([]outcome, len(odds))
	for i := range odds {
		out[i] = outcome{logistic(slope*odds[i] + offset), right[i]}
	}
	info := linear.Info{Version: attackVersion, Threshold: attackThreshold}
	fmt.Fprintf(j.log, "attack: without reports, on reports: right %.1f %%, above p = %.2f %.1f %%; slope %.3f, offset %.3f\n",
		100*share(out, 0), info.Threshold, 100*share(out, info.Threshold), slope, offset)
	for _, f := range corpus.AttackFiles {
		s, err := source(j.from, f)
		if err != nil {
			return nil, err
		}
		info.Sources = append(info.Sources, linear.Source(s))
	}
	whole := first
	if !j.quick {
		if whole, err = technique.Train(a, v, nil, say); err != nil {
			return nil, err
		}
	}
	info.Examples = len(a.Sentences)
	whole.SetInfo(info)
	technique.SetCalibration(whole, slope, offset)
	return whole, nil
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
