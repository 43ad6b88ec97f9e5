package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Bounds of what the page shows; what is left out is counted.
const (
	maxClasses  = 400
	maxMistakes = 25
	maxText     = 700 // bytes of a row's text
	maxFindings = 60
	maxShown    = 5
)

// pageView is what the template shows.
type pageView struct {
	Policy, Name, Title string
	Ready               bool
	Badges              []string
	Reasons, Next       []string
	Figures             []figureView
	FiguresNote         string
	Measure             string
	Errors              bool       // a smaller measure is better
	Ticks               []tickView // of the rows' intervals
	Candidates          []candidateView
	LeftOut             []string // what was tried and not measured, by why, in sentences
	Charts              []*chart
	Classes             []classView
	MoreClasses         string
	Thresholds          bool
	Confusion           *confusionView
	Mistakes            []mistakeView
	MistakesNote        string
	Findings            []findingView
	MoreFindings        string
	Data                [][2]string
	Division            []divisionView
	DivisionNotes       []string
	Settings            []tune.Setting
	Limits              []string
	Command             string
	Facts               [][2]string
}

// candidateView is a row of the comparison. Places are percent of the width.
type candidateView struct {
	Name, About, Skipped   string
	Kind                   string // "chosen", "baseline" or "candidate"
	Score, Interval        string
	X, From, Width         string
	Gain, Chance           string
	Better, Worse, Unknown bool
}

type classView struct {
	Label                      string
	Train, Test                string
	Precision, Recall, F1      intervalView
	Threshold, Sure, Unreached string
	Few                        bool
}

// intervalView is a share with its interval, drawn as a bar.
type intervalView struct {
	Text, Title    string
	X, From, Width string
	None           bool
}

type mistakeView struct {
	Number        string
	Truth, Answer string
	P             string
	Pieces        []pieceView
	Cut           bool
	Because       []reasonView
}

type pieceView struct {
	Text string
	Mark bool
}

type reasonView struct {
	Word, Weight string
	Against      bool
}

type findingView struct {
	Level, LevelName, Code, Message, Advice string
	Allowed                                 bool
	Rows                                    string
	Shown                                   []string
}

type divisionView struct {
	Name, Rows, Groups, For string
	Width                   string
}

// newPage makes the view of a result.
func newPage(r *tune.Result, o Options) (*pageView, error) {
	_, e, err := chosen(r)
	if err != nil {
		return nil, err
	}
	s := scaleOf(e)
	v := &pageView{Name: clean(r.Name), Title: unbroken(clean(r.Verdict.Headline)), Ready: r.Verdict.Ready, Command: clean(o.Command), Measure: e.ScoreName(), Errors: s.errors, Limits: cleaned(r.Card.Limits), Reasons: cleaned(r.Verdict.Reasons), Next: cleaned(r.Verdict.Next)}
	v.Badges = []string{phrase.Upper(outcome.TaskWords(string(r.Task))), phrase.Count(len(e.Rows), "row") + " to test on"}
	v.Figures = strip(e)
	v.FiguresNote = fmt.Sprintf("On %s in %s %s. In brackets and as lines: the interval in which the figure lies with 95 %% certainty.", phrase.Count(len(e.Rows), "row"), phrase.Count(groupsOf(e), "group"), unseen(r))
	v.candidates(r, s)
	for _, c := range []*chart{learning(&r.Curve, s), reliability(e), abstention(e)} {
		if c != nil {
			v.Charts = append(v.Charts, c)
		}
	}
	v.classes(r, e)
	v.Confusion = confusion(r)
	v.mistakes(r, o)
	v.data(r)
	v.settings(r, e, o)
	return v, nil
}

func groupsOf(e *outcome.Evaluation) int {
	seen := map[int]bool{}
	for i := range e.Rows {
		seen[e.Rows[i].Group] = true
	}
	return len(seen)
}

// unbroken keeps the sign of percent on the line of its number.
func unbroken(s string) string { return strings.ReplaceAll(s, " %", "\u00a0%") }

func cleaned(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = unbroken(clean(s))
	}
	return out
}

// candidates compares all that was measured, the best first.
func (v *pageView) candidates(r *tune.Result, s scale) {
	least, most := math.Inf(1), math.Inf(-1)
	scores := make([]metric.Estimate, len(r.Candidates))
	for i := range r.Candidates {
		if e := r.Candidates[i].Evaluation; e != nil && len(e.Rows) > 0 {
			scores[i] = e.Mean()
			least, most = min(least, scores[i].Low), max(most, scores[i].High)
		}
	}
	low, high := 0.0, 1.0
	if s.errors {
		low, high = 1.1*least-1e-12, 0
	} else {
		var step float64
		low, step = floor(least)
		for x := low; x <= 1+1e-9; x += step {
			v.Ticks = append(v.Ticks, tickView{At: at(x, low, high), Label: fmt.Sprintf("%.0f", 100*x)})
		}
	}
	for i := range r.Candidates {
		c := &r.Candidates[i]
		row := candidateView{Name: clean(c.Name), About: clean(c.About), Skipped: clean(c.Skipped), Kind: "candidate"}
		switch {
		case i == r.Chosen:
			row.Kind = "chosen"
		case c.Baseline:
			row.Kind = "baseline"
		}
		if c.Evaluation != nil && len(c.Evaluation.Rows) > 0 {
			m := scores[i]
			row.Score = s.value(m.Value)
			row.Interval = strings.TrimPrefix(s.estimate(m), row.Score+" ")
			row.X, row.From, row.Width = at(m.Value, low, high), at(m.Low, low, high), width(m.Low, m.High, low, high)
		}
		for j := range r.Comparisons {
			if d := &r.Comparisons[j]; d.With == c.Name && i != r.Chosen {
				row.Gain, row.Chance = s.difference(d.Difference), chance(d.Difference.P)
				if d.McNemar != nil {
					row.Chance += ", McNemar " + chance(*d.McNemar)
				}
				row.Better, row.Worse = beyond(d, d.Difference.Better()), beyond(d, d.Difference.Worse())
				row.Unknown = !row.Better && !row.Worse
			}
		}
		v.Candidates = append(v.Candidates, row)
	}
	v.leaveOut()
	slices.SortStableFunc(v.Candidates, func(a, b candidateView) int {
		order := map[string]int{"chosen": 0, "candidate": 1, "baseline": 2}
		return cmp.Compare(order[a.Kind], order[b.Kind])
	})
}

// leaveOut takes what was tried and not measured out of the table, but for
// baselines: that one of those is missing has to be seen.
func (v *pageView) leaveOut() {
	names := map[string][]string{}
	var reasons []string
	v.Candidates = slices.DeleteFunc(v.Candidates, func(c candidateView) bool {
		if c.Skipped == "" || c.Kind != "candidate" {
			return false
		}
		if names[c.Skipped] == nil {
			reasons = append(reasons, c.Skipped)
		}
		names[c.Skipped] = append(names[c.Skipped], c.Name)
		return true
	})
	for _, reason := range reasons {
		v.LeftOut = append(v.LeftOut, "Tried and not measured on the test part, since "+strings.TrimSuffix(reason, ".")+": "+strings.Join(names[reason], "; ")+".")
	}
}

// beyond says whether a difference counts, as outcome.Gain has it.
func beyond(c *tune.Comparison, paired bool) bool {
	return paired && (c.McNemar == nil || *c.McNemar < 0.05)
}

// at writes a place between low and high in percent.
func at(x, low, high float64) string {
	return place(100 * min(1, max(0, (x-low)/(high-low))))
}

func width(from, to, low, high float64) string {
	return place(100 * (min(1, max(0, (to-low)/(high-low))) - min(1, max(0, (from-low)/(high-low)))))
}

// classes fills in the table of labels, the most frequent first.
func (v *pageView) classes(r *tune.Result, e *outcome.Evaluation) {
	list := slices.Clone(r.Classes)
	if e.Task != "ordinal" {
		slices.SortStableFunc(list, func(a, b tune.Class) int { return cmp.Compare(b.Train+b.Test.Rows, a.Train+a.Test.Rows) })
	}
	if len(list) > maxClasses {
		v.MoreClasses = fmt.Sprintf("The %s with the fewest rows are not shown.", phrase.Count(len(list)-maxClasses, "label"))
		list = list[:maxClasses]
	}
	for i := range list {
		c := &list[i]
		row := classView{Label: clean(c.Label), Train: phrase.Number(c.Train + c.Validation), Test: phrase.Number(c.Test.Rows), Precision: interval(c.Test.Precision, c.Test.Given), Recall: interval(c.Test.Recall, c.Test.Rows), F1: interval(c.Test.F1, c.Test.Rows+c.Test.Given), Few: c.Test.Rows < 10}
		if c.Threshold > 0 {
			row.Threshold = fmt.Sprintf("%.2f", c.Threshold)
			v.Thresholds = true
			if c.Sure.N > 0 {
				row.Sure = "precision " + share(c.Sure) + " when it was set"
			}
			if !c.Reached {
				row.Unreached = "not sure of the precision asked for"
			}
		}
		v.Classes = append(v.Classes, row)
	}
}

// interval draws a share; one of no rows is none.
func interval(e metric.Estimate, n int) intervalView {
	if n == 0 {
		return intervalView{None: true, Title: "no row to measure it on"}
	}
	return intervalView{Text: fmt.Sprintf("%.0f", 100*e.Value), Title: share(e), X: at(e.Value, 0, 1), From: at(e.Low, 0, 1), Width: width(e.Low, e.High, 0, 1)}
}

// mistakes shows the worst errors with the words that moved them.
func (v *pageView) mistakes(r *tune.Result, o Options) {
	if len(r.Mistakes) == 0 {
		return
	}
	list := r.Mistakes[:min(maxMistakes, len(r.Mistakes))]
	number := r.Task == tuned.TaskRegression
	v.MistakesNote = "Those that it was surest of come first: where not the answer but the label is wrong, correct it and train again."
	if number {
		v.MistakesNote = "The largest come first: where not the answer but the number in the data is wrong, correct it and train again."
	}
	redact := o.Redact
	if redact == nil {
		redact = inspect.Redact
	}
	if o.NoTexts {
		v.MistakesNote += " The texts are left out."
	}
	if rest := len(r.Mistakes) - len(list); rest > 0 {
		v.MistakesNote += " " + phrase.Upper(phrase.Number(rest)) + " more are in the evaluation."
	}
	for i := range list {
		m := &list[i]
		row := mistakeView{Number: phrase.Number(m.Number), Truth: answer(m.Truth), Answer: answer(m.Answer), P: fmt.Sprintf("%.0f %%", 100*m.P)}
		if number {
			row.Answer, row.P = rounded(m.Answer), ""
		}
		if !o.NoTexts {
			row.show(m, redact(m.Text))
		}
		v.Mistakes = append(v.Mistakes, row)
	}
}

// answer writes labels for reading.
func answer(labels []string) string {
	if len(labels) == 0 {
		return "none"
	}
	return clean(strings.Join(labels, ", "))
}

// rounded writes an answer that is a number as figures are.
func rounded(list []string) string {
	if len(list) == 1 {
		if x, err := strconv.ParseFloat(list[0], 64); err == nil {
			return amount(x)
		}
	}
	return answer(list)
}

// show cuts a text into pieces, with those marked that moved the answer. A text
// with secrets is shown without them, and without marks, since nothing is where it
// was.
func (row *mistakeView) show(m *tune.Mistake, safe string) {
	whole := safe == m.Text
	for _, b := range m.Because {
		if !whole && !strings.Contains(safe, b.Text) {
			continue // it was taken out
		}
		row.Because = append(row.Because, reasonView{clean(b.Text), signed(b.Weight, func(x float64) string { return fmt.Sprintf("%.1f", x) }), b.Weight < 0})
	}
	text := phrase.Cut(safe, maxText)
	row.Cut = len(text) < len(safe)
	if !whole {
		row.Pieces = []pieceView{{clean(text), false}}
		return
	}
	reasons := slices.Clone(m.Because)
	slices.SortFunc(reasons, func(a, b tuned.Reason) int { return cmp.Compare(a.Start, b.Start) })
	done := 0
	for _, b := range reasons {
		if b.Start < done || b.End > len(text) || b.Start >= b.End {
			continue
		}
		row.Pieces = append(row.Pieces, pieceView{cleanPiece(text[done:b.Start]), false}, pieceView{cleanPiece(text[b.Start:b.End]), true})
		done = b.End
	}
	row.Pieces = append(row.Pieces, pieceView{cleanPiece(text[done:]), false})
}

// cleanPiece is clean for a part of a text: line ends become spaces, as HTML has
// them.
func cleanPiece(s string) string {
	return clean(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s))
}

// data says what was found in the rows and how they were divided.
func (v *pageView) data(r *tune.Result) {
	d := &r.Division
	total := max(1, d.Train.Rows+d.Validation.Rows+d.Test.Rows)
	for _, p := range []struct {
		name, of string
		part     tune.Part
	}{{"Training", "to learn from", d.Train}, {"Validation", "to choose, calibrate and set thresholds by", d.Validation}, {"Test", "looked at once, for the figures above", d.Test}} {
		v.Division = append(v.Division, divisionView{p.name, phrase.Number(p.part.Rows), phrase.Number(p.part.Groups), p.of, place(100 * float64(p.part.Rows) / float64(total))})
	}
	v.DivisionNotes = cleaned(append([]string{d.By}, d.Notes...))
	if i := r.Inspection; i != nil {
		v.inspection(i)
	}
}

func (v *pageView) inspection(i *inspect.Report) {
	v.Data = [][2]string{{"File", clean(i.Path)}, {"Rows", phrase.Number(i.Rows) + " used, " + phrase.Number(i.Skipped) + " left out"}, {"Words of a text", fmt.Sprintf("%s in the middle, %s at most", phrase.Number(i.Words.Median), phrase.Number(i.Words.Max))}}
	if len(i.Languages) > 0 {
		var names []string
		for _, l := range i.Languages {
			names = append(names, clean(l.Name)+" "+phrase.Number(l.Rows))
		}
		v.Data = append(v.Data, [2]string{"Languages", phrase.First(names, 5)})
	}
	list := i.Findings
	if len(list) > maxFindings {
		v.MoreFindings = phrase.Count(len(list)-maxFindings, "further finding") + " not shown."
		list = list[:maxFindings]
	}
	words := map[inspect.Level]string{inspect.LevelRefuse: "would be false", inspect.LevelWarn: "would be worse", inspect.LevelNote: "worth knowing"}
	for k := range list {
		f := &list[k]
		row := findingView{Level: string(f.Level), LevelName: words[f.Level], Code: clean(f.Code), Message: clean(f.Message), Advice: clean(f.Advice), Allowed: f.Allowed, Rows: rowNumbers(f.Rows)}
		row.Shown = cleaned(f.Shown[:min(maxShown, len(f.Shown))])
		v.Findings = append(v.Findings, row)
	}
}

// rowNumbers names some rows.
func rowNumbers(rows []int) string {
	const few = 8
	var names []string
	for _, n := range rows {
		names = append(names, phrase.Number(n))
	}
	return phrase.First(names, few)
}

// settings says how to make the same again.
func (v *pageView) settings(r *tune.Result, e *outcome.Evaluation, o Options) {
	for _, s := range r.Settings {
		v.Settings = append(v.Settings, tune.Setting{Name: clean(s.Name), Value: clean(s.Value), Why: clean(s.Why)})
	}
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, [2]string{name, clean(value)})
		}
	}
	add("Data", r.Card.Data.Digest)
	add("Test part", e.Test)
	add("Head", e.Digest)
	add("Weights", r.Card.Weights)
	if b := r.Card.Base; b != nil {
		add("Model", b.Name+" "+b.Digest)
	}
	add("Seed", fmt.Sprint(r.Card.Data.Seed))
	add("Program", o.Version)
	if !o.At.IsZero() {
		add("Made", o.At.UTC().Format(time.DateTime)+" UTC")
	}
}
