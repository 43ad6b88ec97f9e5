package tune

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/model/tagger"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// spanTry is a way to find spans and what it found in held-out rows.
type spanTry struct {
	name, about string
	view        *tokenView // nil: words alone
	found       [][]tagger.Found
	score       metric.Estimate
}

// trainSpans trains a head that finds stretches of texts: a conditional random
// field over words, and, where there is a model and it is better, the states of
// its tokens.
func (j *job) trainSpans(report *inspect.Report) (*Trained, error) {
	rows, err := j.tagRows()
	if err != nil {
		return nil, err
	}
	tries, best, err := j.chooseSpans(rows)
	if err != nil {
		return nil, err
	}
	x := tries[best]
	curve, err := j.spanCurve(rows, &x)
	if err != nil {
		return nil, err
	}
	j.tell.next("training on all rows to learn from")
	m, err := j.trainTags(rows, j.learn, j.foldsOf(), nil, x.view)
	if err != nil {
		return nil, err
	}
	why := "the one there is"
	if len(tries) > 1 {
		why = fmt.Sprintf("best of %d by cross-validation on the %d rows to learn from", len(tries), len(j.learn))
	}
	j.set("recipe", "conditional random field over "+x.name, fmt.Sprintf("%s; weights held small by %g, chosen likewise", why, m.Trained().L2))
	card := j.card()
	if v := x.view; v != nil {
		card.Encoder, card.Base = tuned.EncoderModel, &tuned.Base{Name: v.info.Name, Digest: v.info.Digest, Layer: v.layer(), Width: v.info.Width}
		if err := j.wordsBaseline(rows, tries[0]); err != nil {
			return nil, err
		}
	}
	classes := j.spanThresholds(&card, x.found)
	h, err := tuned.New(card, tuned.Weights{Tags: m})
	if err != nil {
		return nil, err
	}
	res := &Result{Format: 1, Name: j.o.Name, Task: j.task, Inspection: report, Curve: curve, Classes: classes}
	return j.finish(res, h, triedSpans(tries, best))
}

// chooseSpans tries words alone and, where there is a model, words and states, by
// cross-validation. A later way must be better by a tenth of a point.
func (j *job) chooseSpans(rows []tagger.Row) (tries []spanTry, best int, err error) {
	tries = []spanTry{{name: "words", about: "A conditional random field over words, their letters and neighbours."}}
	if j.o.Engine != nil {
		j.tell.stage("reading with the model", shareInspect)
		views, err := j.readTokens()
		if err != nil {
			return nil, 0, err
		}
		for _, v := range views {
			tries = append(tries, spanTry{name: fmt.Sprintf("words and hidden states, layer %d", v.layer()), view: v,
				about: "A conditional random field over words, their letters and neighbours, and the states that the model has for them."})
		}
		j.tell.rest = (1 - shareInspect - shareRead) / (1 - shareInspect)
		j.tell.next("finding spans in held-out rows")
	} else {
		j.tell.stage("finding spans in held-out rows", shareInspect)
	}
	const least = 0.001
	for n := range tries {
		x := &tries[n]
		if x.found, err = j.crossSpans(rows, x.view, nil, shareChoose); err != nil {
			return nil, 0, err
		}
		if x.score = j.spanF1(x.found); x.score.Value > tries[best].score.Value+least {
			best = n
		}
	}
	if j.o.Engine != nil && best == 0 {
		j.limits = append(j.limits, "Spans are found by words alone: with the model's states they were not found better.")
	}
	return tries, best, nil
}

// wordsBaseline measures the head on words that one on the model must be better
// than.
func (j *job) wordsBaseline(rows []tagger.Row, words spanTry) error {
	plain := *j
	plain.settings, plain.limits, plain.tell = nil, nil, &teller{}
	m, err := plain.trainTags(rows, j.learn, j.foldsOf(), nil, nil)
	if err != nil {
		return err
	}
	card := plain.card()
	plain.spanThresholds(&card, words.found)
	h, err := tuned.New(card, tuned.Weights{Tags: m})
	if err != nil {
		return err
	}
	ev, err := Evaluate(j.ctx, nil, h, j.table, j.parts.Test, j.grouping.Of)
	if err != nil {
		return err
	}
	ev.Candidate, ev.Digest = "words", ""
	j.words = &Candidate{Name: "words", About: "The head on words, without the model.", Baseline: true, Evaluation: ev}
	return nil
}

// triedSpans lists the ways that were not chosen, then the one that was.
func triedSpans(tries []spanTry, best int) []Candidate {
	var out []Candidate
	for n := range tries {
		if n != best {
			out = append(out, Candidate{Name: tries[n].name, About: tries[n].about, Choice: &tries[n].score, Skipped: "another was better by cross-validation"})
		}
	}
	name := tries[best].name
	if best == 0 {
		name = "words in order"
	}
	return append(out, Candidate{Name: name, About: tries[best].about, Choice: &tries[best].score})
}

// tagRows returns all rows as the tagger takes them, by index of the table. Spans
// that overlap one before them are left out.
func (j *job) tagRows() ([]tagger.Row, error) {
	at := map[string]int{}
	for k, l := range j.labels {
		at[l] = k
	}
	if len(j.labels) > tagger.MaxLabels {
		return nil, usage(fmt.Sprintf("%d labels of spans, at most %d can be", len(j.labels), tagger.MaxLabels), "is the column of spans the right one?")
	}
	out := make([]tagger.Row, len(j.table.Rows))
	left := 0
	for i := range j.table.Rows {
		out[i].Text = j.table.Rows[i].Text
		end := 0
		for _, s := range j.table.Rows[i].Spans {
			k, known := at[s.Label]
			if s.Start < end || !known {
				left++
				continue
			}
			out[i].Spans = append(out[i].Spans, tagger.Span{Start: s.Start, End: s.End, Label: k})
			end = s.End
		}
	}
	if left > 0 {
		j.limits = append(j.limits, fmt.Sprintf("%d spans overlap others, or have labels that no row to learn from has: they were left out of training.", left))
	}
	return out, nil
}

// foldsOf returns three folds of the rows to learn from, for the strength of L2.
func (j *job) foldsOf() []int {
	out := make([]int, len(j.fold))
	const few = 3
	for n, f := range j.fold {
		out[n] = f % few
	}
	return out
}

// crossSpans answers each row to learn from by a model that saw nothing of its
// group.
func (j *job) crossSpans(rows []tagger.Row, v *tokenView, keep func(row int) bool, share float64) ([][]tagger.Found, error) {
	out := make([][]tagger.Found, len(j.learn))
	done := 0
	fold := func(f int) error {
		var learn []int
		for n, i := range j.learn {
			if j.fold[n] != f && (keep == nil || keep(i)) {
				learn = append(learn, i)
			}
		}
		m, err := j.trainTags(rows, learn, nil, []float64{1}, v)
		if err != nil {
			return err
		}
		for n, i := range j.learn {
			if j.fold[n] == f {
				out[n] = j.tagged(m, rows, i, v)
			}
		}
		j.tell.lock.Lock()
		done++
		now := done
		j.tell.lock.Unlock()
		j.tell.within(share, "", now, folds)
		return nil
	}
	if v == nil {
		return out, parallel(folds, fold)
	}
	for f := range folds { // one after the other: vectors take memory
		if err := fold(f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// extents counts the spans of the rows to learn from.
func (j *job) extents(found [][]tagger.Found) []metric.Extents {
	out := make([]metric.Extents, len(j.learn))
	for n, i := range j.learn {
		spans := j.table.Rows[i].Spans
		out[n] = metric.Extents{Truth: len(spans), Given: len(found[n])}
		for _, f := range found[n] {
			if j.isSpan(spans, f) {
				out[n].Right++
			}
		}
	}
	return out
}

func (j *job) isSpan(spans []dataset.Span, f tagger.Found) bool {
	return slices.Contains(spans, dataset.Span{Start: f.Start, End: f.End, Label: j.labels[f.Label]})
}

func (j *job) spanF1(found [][]tagger.Found) metric.Estimate {
	_, _, f1 := metric.Entities(j.groupsOf(j.learn), j.extents(found))
	return f1
}

func (j *job) spanCurve(rows []tagger.Row, whole *spanTry) (Curve, error) {
	c := Curve{Measure: "F1 of exact spans"}
	var scores []func(rows []int) float64
	order := j.shuffled()
	j.tell.next("measuring the learning curve")
	for _, f := range fractions {
		most := int(f*float64(len(order)) + 0.999)
		in := map[int]bool{}
		for _, g := range order[:most] {
			in[g] = true
		}
		found, n := whole.found, 0
		for _, i := range j.learn {
			if in[j.grouping.Of[i]] {
				n++
			}
		}
		if f < 1 {
			var err error
			if found, err = j.crossSpans(rows, whole.view, func(row int) bool { return in[j.grouping.Of[row]] }, shareCurve); err != nil {
				return c, err
			}
		}
		c.Points = append(c.Points, Point{Rows: n * (folds - 1) / folds, Groups: most, Score: j.spanF1(found)})
		extents := j.extents(found)
		scores = append(scores, func(rows []int) float64 {
			var sum metric.Extents
			for _, n := range rows {
				sum.Truth, sum.Given, sum.Right = sum.Truth+extents[n].Truth, sum.Given+extents[n].Given, sum.Right+extents[n].Right
			}
			return 2 * float64(sum.Right) / float64(max(1, sum.Truth+sum.Given))
		})
	}
	c.fit(false, j.groupsOf(j.learn), scores)
	return c, nil
}

// spanThresholds sets the probability from which spans of a label are given.
func (j *job) spanThresholds(c *tuned.Card, found [][]tagger.Found) []Class {
	classes := make([]Class, len(j.labels))
	c.Thresholds = map[string]float64{}
	c.Precision = j.o.Precision
	of := func(k int) (a answers) {
		for n, i := range j.learn {
			for _, f := range found[n] {
				if k < 0 || f.Label == k {
					a.groups, a.p = append(a.groups, j.grouping.Of[i]), append(a.p, f.P)
					a.right = append(a.right, j.isSpan(j.table.Rows[i].Spans, f))
				}
			}
		}
		return a
	}
	if j.o.Precision == 0 {
		for k, l := range j.labels {
			c.Thresholds[l] = 0 // the likeliest reading of the whole text
			classes[k] = Class{Label: l, Sure: at(of(k), 0), Reached: true}
		}
		return classes
	}
	shared, _, _ := pick(of(-1), j.o.Precision)
	for k, l := range j.labels {
		a := of(k)
		x := &classes[k]
		x.Label = l
		if x.Threshold, x.Sure, x.Reached = pick(a, j.o.Precision); !x.Reached {
			x.Threshold, x.Sure = shared, at(a, shared)
		}
		c.Thresholds[l] = x.Threshold
	}
	j.set("thresholds", fmt.Sprintf("from %.2f for labels that are not sure of it alone", shared), "so that spans are exactly right in this share of cases, by the lower end of the 95 % interval on held-out rows")
	return classes
}

// dictionary gives each stretch that is the same words as a span of the rows to
// learn from, in most of the places where those words stand there.
func (j *job) dictionary() Candidate {
	c := Candidate{Name: "dictionary", About: "Every stretch whose words are a span in most places of the rows to learn from.", Baseline: true, Evaluation: j.evaluation("dictionary")}
	spans, longest := map[string]map[string]int{}, 1
	for _, i := range j.learn {
		row := &j.table.Rows[i]
		for _, s := range row.Spans {
			key := strings.ToLower(row.Text[s.Start:s.End])
			if spans[key] == nil {
				spans[key] = map[string]int{}
			}
			spans[key][s.Label]++
			longest = max(longest, len(wordsAt(key)))
		}
	}
	seen := map[string]int{}
	for _, i := range j.learn {
		text := strings.ToLower(j.table.Rows[i].Text)
		eachStretch(text, longest, func(start, end int) bool {
			if spans[text[start:end]] != nil {
				seen[text[start:end]]++
			}
			return false
		})
	}
	for n, i := range j.parts.Test {
		text := j.table.Rows[i].Text
		lower := strings.ToLower(text)
		if len(lower) != len(text) { // bytes would not be those of the text
			continue
		}
		r := &c.Evaluation.Rows[n]
		r.P = 1
		eachStretch(lower, longest, func(start, end int) bool {
			label, count := commonest(spans[lower[start:end]])
			if label == "" || 2*count < seen[lower[start:end]] {
				return false
			}
			r.Answer = append(r.Answer, spanText(start, end, label))
			return true
		})
	}
	return c
}

func commonest(counts map[string]int) (label string, n int) {
	for l, c := range counts {
		if c > n || c == n && cmp.Less(l, label) {
			label, n = l, c
		}
	}
	return label, n
}

// wordsAt returns where the words of a text stand, cut at white space and at marks
// at either end of a word.
func wordsAt(text string) [][2]int {
	var out [][2]int
	start := -1
	for i := 0; i <= len(text); i++ {
		space := i == len(text) || text[i] <= ' '
		switch {
		case !space && start < 0:
			start = i
		case space && start >= 0:
			from, to := start, i
			for from < to && strings.IndexByte(`("'[{<,;:`, text[from]) >= 0 {
				from++
			}
			for to > from && strings.IndexByte(`.,;:!?)"'}]>`, text[to-1]) >= 0 {
				to--
			}
			if to > from {
				out = append(out, [2]int{from, to})
			}
			start = -1
		}
	}
	return out
}

// eachStretch calls take with stretches of up to longest words, longer ones first
// at each word, and goes on after one that was taken.
func eachStretch(text string, longest int, take func(start, end int) bool) {
	words := wordsAt(text)
	for a := 0; a < len(words); a++ {
		for n := min(longest, len(words)-a); n > 0; n-- {
			if take(words[a][0], words[a+n-1][1]) {
				a += n - 1
				break
			}
		}
	}
}
