package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// TechniqueFigures is how well techniques are read off sentences, sub-techniques
// folded to their parents. Intervals are over documents, for the sentences of
// one document are alike.
type TechniqueFigures struct {
	Set       string           `json:"set"`
	Documents int              `json:"documents"`
	Top1      metric.Estimate  `json:"top1"`
	Top3      metric.Estimate  `json:"top3"`
	Top5      metric.Estimate  `json:"top5"`
	Exact     metric.Estimate  `json:"exact"` // the sub-technique right too, where the truth names one
	Macro     metric.Estimate  `json:"macro"` // mean of top-1 over techniques
	ECE       float64          `json:"ece"`   // of the best technique, on CalibrationN sentences that calibration did not see
	ECEN      int              `json:"ece_n"`
	ByClass   []TechniqueClass `json:"by_class"`
}

// TechniqueClass is a technique and what was taken for it.
type TechniqueClass struct {
	ID    string  `json:"id"`
	N     int     `json:"n"`
	Right float64 `json:"right"`
	Taken string  `json:"taken"` // the techniques that were named instead, the most frequent first
}

// reading is what the head said of one sentence.
type reading struct {
	truth, given string
	rank         int // of the truth, from 0; -1 if not among the first five
	exact        bool
	p            float64
	document     int
}

// MeasureTechniques asks a head about sentences. ECE is taken of those that
// fresh names, nil for all.
func MeasureTechniques(h *head.Head, set string, cases []corpus.Technical, fresh func(*corpus.Technical) bool) TechniqueFigures {
	answers, documents := ask(h, cases)
	f := TechniqueFigures{Set: set, Documents: documents}
	within := func(k int) metric.Estimate {
		return f.over(answers, func(a *reading) bool { return a.rank >= 0 && a.rank < k })
	}
	f.Top1, f.Top3, f.Top5 = within(1), within(3), within(5)
	f.Exact = f.over(answers, func(a *reading) bool { return a.exact })
	f.Macro = f.macro(answers)
	var p []float64
	var right []bool
	for i, a := range answers {
		if fresh == nil || fresh(&cases[i]) {
			p, right = append(p, a.p), append(right, a.rank == 0)
		}
	}
	f.ECE, f.ECEN = metric.ECE(p, right), len(p)
	f.ByClass = classes(answers)
	return f
}

func ask(h *head.Head, cases []corpus.Technical) ([]reading, int) {
	const most = 5
	documents := map[string]int{}
	out := make([]reading, len(cases))
	for i := range cases {
		c := &cases[i]
		if _, ok := documents[c.Entity]; !ok {
			documents[c.Entity] = len(documents)
		}
		a := reading{truth: corpus.Parent(c.Technique), rank: -1, document: documents[c.Entity]}
		for k, t := range h.Techniques(c.Text, c.Domain, most) {
			if k == 0 {
				a.given, a.p, a.exact = corpus.Parent(t.ID), t.P, t.ID == c.Technique
			}
			if corpus.Parent(t.ID) == a.truth {
				a.rank = k
			}
		}
		out[i] = a
	}
	return out, len(documents)
}

// byDocument groups answers.
func (f *TechniqueFigures) byDocument(answers []reading) [][]*reading {
	out := make([][]*reading, f.Documents)
	for i := range answers {
		a := &answers[i]
		out[a.document] = append(out[a.document], a)
	}
	return out
}

// over returns the share of answers that hold, with its interval over documents.
func (f *TechniqueFigures) over(answers []reading, hold func(*reading) bool) metric.Estimate {
	documents := f.byDocument(answers)
	e := metric.Bootstrap(len(documents), func(items []int) float64 {
		hits, n := 0, 0
		for _, d := range items {
			for _, a := range documents[d] {
				n++
				if hold(a) {
					hits++
				}
			}
		}
		return float64(hits) / float64(max(1, n))
	})
	e.N = len(answers)
	return e
}

// macro returns the mean over techniques of the share that is right.
func (f *TechniqueFigures) macro(answers []reading) metric.Estimate {
	documents := f.byDocument(answers)
	names := map[string]int{}
	for _, a := range answers {
		if _, ok := names[a.truth]; !ok {
			names[a.truth] = len(names)
		}
	}
	e := metric.Bootstrap(len(documents), func(items []int) float64 {
		right, all := make([]float64, len(names)), make([]float64, len(names))
		for _, d := range items {
			for _, a := range documents[d] {
				k := names[a.truth]
				all[k]++
				if a.rank == 0 {
					right[k]++
				}
			}
		}
		sum, n := 0.0, 0
		for k := range all {
			if all[k] > 0 {
				sum += right[k] / all[k]
				n++
			}
		}
		return sum / float64(max(1, n))
	})
	e.N = len(names)
	return e
}

func classes(answers []reading) []TechniqueClass {
	taken := map[string]map[string]int{}
	for _, a := range answers {
		if taken[a.truth] == nil {
			taken[a.truth] = map[string]int{}
		}
		taken[a.truth][a.given]++
	}
	var out []TechniqueClass
	for id, given := range taken {
		c := TechniqueClass{ID: id}
		for _, n := range given {
			c.N += n
		}
		c.Right = float64(given[id]) / float64(c.N)
		const most = 4
		var others []string
		order := slices.SortedFunc(maps.Keys(given), func(a, b string) int { return cmp.Or(given[b]-given[a], strings.Compare(a, b)) })
		for _, g := range order {
			if g != id && len(others) < most {
				others = append(others, fmt.Sprintf("%s %d", g, given[g]))
			}
		}
		c.Taken = strings.Join(others, ", ")
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b TechniqueClass) int { return cmp.Or(b.N-a.N, strings.Compare(a.ID, b.ID)) })
	return out
}

// WriteTechniqueFigures writes the table that people read.
func WriteTechniqueFigures(w io.Writer, figures []TechniqueFigures, verbose bool) error {
	var b strings.Builder
	for _, f := range figures {
		fmt.Fprintf(&b, "%s, %d documents or actors\n", f.Set, f.Documents)
		row := func(name string, value any) { fmt.Fprintf(&b, "  %-40s %v\n", name, value) }
		row("parent technique, top-1", f.Top1)
		row("  top-3", f.Top3)
		row("  top-5", f.Top5)
		row("sub-technique right too", f.Exact)
		row("top-1, mean over techniques", f.Macro)
		row("expected calibration error", fmt.Sprintf("%.3f (n = %d, not those calibrated with)", f.ECE, f.ECEN))
		if verbose {
			fmt.Fprintf(&b, "\n  %-8s %6s %6s  %s\n", "truth", "n", "right", "taken for")
			for _, c := range f.ByClass {
				fmt.Fprintf(&b, "  %-8s %6d %6.2f  %s\n", c.ID, c.N, c.Right, c.Taken)
			}
		}
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The held-out models are calibrated on even halves of the reports and their
// calibration is measured on odd ones.
const halves = 2

func calibrating(s *corpus.Technical) bool { return technique.Fold("half "+s.Entity, halves) == 0 }

func measured(s *corpus.Technical) bool { return !calibrating(s) }

func isReport(s *corpus.Technical) bool { return s.Kind == corpus.KindReport }

func sentencesOf(a *corpus.Attack, wanted func(*corpus.Technical) bool) []corpus.Technical {
	var out []corpus.Technical
	for i := range a.Sentences {
		if wanted(&a.Sentences[i]) {
			out = append(out, a.Sentences[i])
		}
	}
	return out
}

// AttackHeldOut is a head that saw no report and none of some actors, and what
// it can be measured on.
type AttackHeldOut struct {
	Head    *head.Head
	Weights []byte             // of the head, for OpenHoldOut
	Reports []corpus.Technical // sentences of reports: of another kind than the training
	Actors  []corpus.Technical // procedures of the actors that were held out: of the same kind
	Corpus  *corpus.Attack
}

// HoldOut trains a head without reports and without one actor in eight.
func HoldOut(folder string, progress func(string)) (*AttackHeldOut, error) {
	a, err := corpus.ReadAttack(folder)
	if err != nil {
		return nil, err
	}
	_, heldActor := technique.HeldActors(a)
	held := func(s *corpus.Technical) bool { return isReport(s) || heldActor(s) }
	m, err := technique.Train(a, technique.Vectors(a, held), held, progress)
	if err != nil {
		return nil, err
	}
	known := sentencesOf(a, func(s *corpus.Technical) bool { return isReport(s) && calibrating(s) })
	slope, offset := technique.FitLogistic(technique.Odds(m, known))
	technique.SetCalibration(m, slope, offset)
	info := m.Info()
	info.Version = heldOutVersion
	m.SetInfo(info)
	data, err := m.Encode()
	if err != nil {
		return nil, err
	}
	return OpenHoldOut(folder, data)
}

// heldOutVersion marks weights that HoldOut trained.
const heldOutVersion = "held-out"

// OpenHoldOut is HoldOut with weights that it trained before. It refuses others:
// they may have seen what they are to be measured on.
func OpenHoldOut(folder string, data []byte) (*AttackHeldOut, error) {
	h, err := head.Load("attack", data)
	if err != nil {
		return nil, err
	}
	if h.Info().Version != heldOutVersion {
		return nil, fmt.Errorf("these weights (%s) were trained on what they would be measured on", h.Info().Version)
	}
	a, err := corpus.ReadAttack(folder)
	if err != nil {
		return nil, err
	}
	actors, _ := technique.HeldActors(a)
	return &AttackHeldOut{Head: h, Weights: data, Reports: sentencesOf(a, isReport), Actors: actors, Corpus: a}, nil
}

// Sentences measures a held-out head on sentences.
func (o *AttackHeldOut) Sentences() []TechniqueFigures {
	return []TechniqueFigures{
		MeasureTechniques(o.Head, "reports (TRAM), none of them in training: out of domain", o.Reports, measured),
		MeasureTechniques(o.Head, "procedures of actors held out of training: in domain, ATT&CK's own words", o.Actors, nil),
	}
}

// TRAMFolds measures reports in parts, each by a head that saw the others. Its
// calibration is fitted on what the heads of the other parts said.
func TRAMFolds(folder string, folds int, progress func(string)) (TechniqueFigures, error) {
	f := TechniqueFigures{Set: fmt.Sprintf("reports (TRAM) in %d parts, each by a head that saw the other parts and ATT&CK", folds)}
	a, err := corpus.ReadAttack(folder)
	if err != nil {
		return f, err
	}
	v := technique.Vectors(a, nil) // which leaves reports out
	var all []reading
	odds, right := make([][]float64, folds), make([][]bool, folds)
	for k := range folds {
		part := func(s *corpus.Technical) bool { return isReport(s) && technique.Fold(s.Entity, folds) == k }
		if progress != nil {
			progress(fmt.Sprintf("part %d of %d", k+1, folds))
		}
		m, err := technique.Train(a, v, part, progress)
		if err != nil {
			return f, err
		}
		h, err := head.NewTechniques(m)
		if err != nil {
			return f, err
		}
		test := sentencesOf(a, part)
		odds[k], right[k] = technique.Odds(m, test)
		readings, n := ask(h, test)
		for _, x := range readings {
			x.document += f.Documents
			all = append(all, x)
		}
		f.Documents += n
	}
	within := func(k int) metric.Estimate {
		return f.over(all, func(a *reading) bool { return a.rank >= 0 && a.rank < k })
	}
	f.Top1, f.Top3, f.Top5 = within(1), within(3), within(5)
	f.Exact = f.over(all, func(a *reading) bool { return a.exact })
	f.Macro, f.ByClass = f.macro(all), classes(all)
	f.ECE, f.ECEN = crossedECE(odds, right), len(all)
	return f, nil
}

// crossedECE calibrates each part on the others.
func crossedECE(odds [][]float64, right [][]bool) float64 {
	var p []float64
	for k := range odds {
		var o []float64
		var r []bool
		for i := range odds {
			if i != k {
				o, r = append(o, odds[i]...), append(r, right[i]...)
			}
		}
		slope, offset := technique.FitLogistic(o, r)
		for _, x := range odds[k] {
			p = append(p, 1/(1+math.Exp(-slope*x-offset)))
		}
	}
	return metric.ECE(p, slices.Concat(right...))
}
