package tune

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// trainTexts trains a head that answers whole texts.
func (j *job) trainTexts(report *inspect.Report) (*Trained, error) {
	if j.o.Engine != nil {
		// The best head on words is what one on the model must be better than.
		plain := *j
		plain.settings, plain.limits, plain.tell = nil, nil, &teller{}
		words, _, err := plain.trainWords()
		if err != nil {
			return nil, err
		}
		return j.trainModel(report, words)
	}
	h, res, err := j.trainWords()
	if err != nil {
		return nil, err
	}
	res.Inspection = report
	return j.finish(res, h, res.Candidates)
}

// trainWords trains a head on the embedded encoder.
func (j *job) trainWords() (*tuned.Head, *Result, error) {
	recipes, err := j.wordRecipes()
	if err != nil {
		return nil, nil, err
	}
	j.tell.stage("trying recipes", shareInspect)
	best, all, err := j.choose(recipes)
	if err != nil {
		return nil, nil, err
	}
	h, res, err := j.make(recipes, best, all)
	if err == nil && best != 0 && j.o.Engine == nil {
		err = j.measurePlain(&res.Candidates[0], recipes[0], all[0])
	}
	return h, res, err
}

// measurePlain measures the plainest recipe on the test part beside the one that
// was chosen: nothing is chosen by that, and it shows what the choice was worth.
func (j *job) measurePlain(c *Candidate, r recipe, h *held) error {
	plain := *j
	plain.settings, plain.limits, plain.tell = nil, nil, &teller{}
	m, err := r.train(j.learn, nil)
	if err != nil {
		return err
	}
	card := plain.card()
	plain.thresholds(&card, plain.calibrate(&card, h))
	w, err := m.finish(&card)
	if err != nil {
		return err
	}
	made, err := tuned.New(card, w)
	if err != nil {
		return err
	}
	if c.Evaluation, err = Evaluate(j.ctx, nil, made, j.table, j.parts.Test, j.grouping.Of); err != nil {
		return err
	}
	c.Skipped, c.Evaluation.Candidate, c.Evaluation.Digest = "", c.Name, ""
	return nil
}

// trainModel trains a head on hidden states.
func (j *job) trainModel(report *inspect.Report, words *tuned.Head) (*Trained, error) {
	j.tell.stage("reading with the model", shareInspect)
	v, err := j.readTexts()
	if err != nil {
		return nil, err
	}
	defer v.store.Close() // all that was put is synced
	j.refuseShort(v)
	j.tell.next("trying layers")
	j.tell.rest = (1 - shareInspect - shareRead) / (1 - shareInspect)
	recipes, best, all, err := j.chooseDense(v)
	if err != nil {
		return nil, err
	}
	h, res, err := j.make(recipes, best, all)
	if err != nil {
		return nil, err
	}
	res.Inspection = report
	ev, err := Evaluate(j.ctx, nil, words, j.table, j.parts.Test, j.grouping.Of)
	if err != nil {
		return nil, err
	}
	ev.Candidate, ev.Digest = "words", ""
	more, err := j.trainAdapter(all[best])
	if err != nil {
		return nil, err
	}
	if more != nil {
		last := len(res.Candidates) - 1 // the chosen one stays the last
		res.Candidates = slices.Insert(res.Candidates, last, *more)
	}
	j.words = &Candidate{Name: "words", About: "The best head on words, without the model.", Baseline: true, Evaluation: ev}
	return j.finish(res, h, res.Candidates)
}

// make trains the best recipe on all rows to learn from, and calibrates it by its
// answers to rows that were held out.
func (j *job) make(recipes []recipe, best int, all []*held) (*tuned.Head, *Result, error) {
	fail := func(err error) (*tuned.Head, *Result, error) { return nil, nil, err }
	r, h := recipes[best], all[best]
	card := j.card()
	name, why := r.name, fmt.Sprintf("best of %d by cross-validation on the %d rows to learn from", len(recipes), len(j.learn))
	if stack := j.tryStack(h); stack != nil {
		h, card.Stack = stack.held, &stack.card
		name += ", beside the embedded " + stack.card.Head + " head"
		why += "; the embedded head has seen none of them and makes the answers better"
	}
	j.set("recipe", name, why)
	curve, err := j.curve(r, all[best])
	if err != nil {
		return fail(err)
	}
	j.tell.next("training on all rows to learn from")
	m, err := r.train(j.learn, j.tell.loss)
	if err != nil {
		return fail(err)
	}
	classes := j.thresholds(&card, j.calibrate(&card, h))
	if j.o.Engine == nil {
		j.leastKnown(&card, h)
	}
	card.Limits = j.limits
	w, err := m.finish(&card)
	if err != nil {
		return fail(err)
	}
	made, err := tuned.New(card, w)
	if err != nil {
		return fail(err)
	}
	res := &Result{Format: 1, Name: j.o.Name, Task: j.task, Curve: curve, Classes: classes, Candidates: j.tried(recipes, all, best)}
	res.Candidates[len(res.Candidates)-1].Name = name
	return made, res, nil
}

// tried lists the recipes that were not chosen, then the one that was.
func (j *job) tried(recipes []recipe, all []*held, best int) []Candidate {
	var out []Candidate
	for n, r := range recipes {
		e := j.mean(all[n])
		c := Candidate{Name: r.name, About: r.about, Choice: &e}
		if n != best {
			c.Skipped = "another was better by cross-validation"
			out = append(out, c)
		}
	}
	e := j.mean(all[best])
	return append(out, Candidate{Name: recipes[best].name, About: recipes[best].about, Choice: &e})
}

// card begins the card of the head.
func (j *job) card() tuned.Card {
	if j.task == tuned.TaskSingle || j.task == tuned.TaskOrdinal {
		j.limits = append(j.limits, "A text that none of the labels is for gets one of them all the same, unless its words are strange to the head.")
	}
	return tuned.Card{
		Name: j.o.Name, Task: j.task, Created: j.o.Created.UTC(), Labels: j.labels, Encoder: tuned.EncoderLexical, Limits: j.limits,
		Data: j.data(),
	}
}

// data says what was learnt from.
func (j *job) data() tuned.DataCard {
	return tuned.DataCard{Path: filepath.Base(j.table.Path), Digest: j.table.Digest, Rows: len(j.table.Rows),
		Train: len(j.parts.Train), Validation: len(j.parts.Validation), Test: len(j.parts.Test), Seed: j.o.Seed}
}

// leastKnown sets the share of known features under which the head abstains: half
// of what one in a hundred held-out rows has at most.
func (j *job) leastKnown(c *tuned.Card, h *held) {
	const one, most = 100, 0.5
	known := slices.Sorted(slices.Values(h.known))
	c.LeastKnown = min(most, math.Round(known[len(known)/one]*most*1000)/1000)
	j.set("least known", fmt.Sprintf("%.0f %%", 100*c.LeastKnown), "half of what the strangest in a hundred held-out rows has: a text of which the head knows less is none that it can judge, and it abstains")
}

// finish measures the head and the baselines on the test part, once, and makes the
// result and the files.
func (j *job) finish(res *Result, h *tuned.Head, tried []Candidate) (*Trained, error) {
	j.tell.next("measuring on the test part")
	baselines, err := j.baselines()
	if err != nil {
		return nil, err
	}
	if j.words != nil {
		baselines = append(baselines, *j.words)
	}
	ev, err := Evaluate(j.ctx, j.o.Engine, h, j.table, j.parts.Test, j.grouping.Of)
	if err != nil {
		return nil, err
	}
	tried[len(tried)-1].Evaluation = ev
	res.Card = h.Card()
	res.Candidates = append(baselines, tried...)
	res.Chosen = len(res.Candidates) - 1
	res.Division = Division{
		Train: j.part(j.parts.Train), Validation: j.part(j.parts.Validation), Test: j.part(j.parts.Test),
		By: j.parts.By, GroupedBy: j.grouping.By, Notes: j.parts.Notes, Known: j.known(ev),
	}
	if err := res.compare(); err != nil {
		return nil, err
	}
	j.measureClasses(res, ev)
	if res.Mistakes, err = j.mistakes(h, ev); err != nil {
		return nil, err
	}
	res.Settings = j.settings
	res.Verdict = j.verdict(res)
	t := &Trained{Result: res, Head: h, adapterDir: j.adapterDir, adapter: j.adapter}
	t.files, err = j.files(t)
	return t, err
}

func (j *job) part(rows []int) Part { return Part{len(rows), j.groups(rows)} }

// compare holds the chosen candidate against every other that was measured.
func (r *Result) compare() error {
	chosen := r.Candidates[r.Chosen].Evaluation
	for i := range r.Candidates {
		c := &r.Candidates[i]
		if i == r.Chosen || c.Evaluation == nil {
			continue
		}
		g, err := outcome.Compare(chosen, c.Evaluation)
		if err != nil {
			return err
		}
		r.Comparisons = append(r.Comparisons, Comparison{With: c.Name, Baseline: c.Baseline, Measure: g.Measure, Difference: g.Difference, McNemar: g.McNemar})
	}
	return nil
}

// measureClasses says how each label fares on the test part.
func (j *job) measureClasses(res *Result, ev *outcome.Evaluation) {
	if len(res.Classes) == 0 {
		return
	}
	a, labels := ev.Labelled(true)
	measured := a.Classes()
	count := func(rows []int, k int) int {
		n := 0
		for _, i := range rows {
			if slices.Contains(j.sets[i], k) {
				n++
			}
		}
		return n
	}
	for k := range res.Classes {
		res.Classes[k].Test = measured[k]
		res.Classes[k].Train, res.Classes[k].Validation = count(j.parts.Train, k), count(j.parts.Validation, k)
	}
	if j.task == tuned.TaskMulti {
		return
	}
	plain, _ := ev.Labelled(false)
	confusion := plain.Confusion()
	res.Confusion = make([][]int, len(res.Classes))
	for k := range res.Confusion {
		res.Confusion[k] = confusion[k][:len(res.Classes)]
	}
	for k := len(res.Classes); k < len(labels); k++ {
		j.limits = append(j.limits, "The test part has a label that no row to learn from has: its rows count as wrong.")
		res.Verdict.Reasons = append(res.Verdict.Reasons, fmt.Sprintf("The test part has rows of the label %q, which no row to learn from has; they count as wrong.", labels[k]))
	}
}

// shownMistakes is how many wrong answers the result holds.
const shownMistakes = 20

// mistakes returns the surest wrong answers with the words that moved them.
func (j *job) mistakes(h *tuned.Head, ev *outcome.Evaluation) ([]Mistake, error) {
	var wrong []int
	for n := range ev.Rows {
		if !ev.Rows[n].Right() {
			wrong = append(wrong, n)
		}
	}
	slices.SortStableFunc(wrong, func(a, b int) int {
		if j.task == tuned.TaskRegression {
			return cmp.Compare(ev.Score(&ev.Rows[a]), ev.Score(&ev.Rows[b]))
		}
		return cmp.Compare(ev.Rows[b].P, ev.Rows[a].P)
	})
	wrong = wrong[:min(len(wrong), shownMistakes)]
	var out []Mistake
	for _, n := range wrong {
		text := j.table.Rows[j.parts.Test[n]].Text
		r := &ev.Rows[n]
		m := Mistake{Number: r.Number, Text: text, Truth: r.Truth, Answer: r.Answer, P: r.P}
		if !h.NeedsModel() { // the words of a long model are dear: `classify --because` has them
			d, err := h.Classify(j.ctx, nil, []string{text}, tuned.Options{Alternatives: -1})
			if err != nil {
				return nil, err
			}
			m.Because = d[0].Because
		}
		out = append(out, m)
	}
	return out, nil
}

// files makes the files of the head's folder.
func (j *job) files(t *Trained) ([]tuned.File, error) {
	res := t.Result
	var baselines []*outcome.Evaluation
	for _, c := range res.Candidates {
		if c.Baseline && c.Evaluation != nil {
			baselines = append(baselines, c.Evaluation)
		}
	}
	seen := j.seen()
	texts := make([]string, len(j.learn))
	for n, i := range j.learn {
		texts[n] = j.table.Rows[i].Text
	}
	files := t.Head.Files()
	for _, f := range []struct {
		name  string
		write func(w *bytes.Buffer) error
	}{
		{outcome.EvaluationFile, func(w *bytes.Buffer) error { return outcome.Write(w, res.Candidates[res.Chosen].Evaluation) }},
		{outcome.BaselinesFile, func(w *bytes.Buffer) error { return outcome.WriteBaselines(w, baselines) }},
		{outcome.SeenFile, func(w *bytes.Buffer) error { return outcome.WriteSeen(w, seen) }},
		{outcome.ReferenceFile, func(w *bytes.Buffer) error {
			held := j.observed(res.Candidates[res.Chosen].Evaluation)
			r := outcome.NewReference(texts, held)
			r.Together(held, j.groupsOf(j.parts.Test))
			return outcome.WriteReference(w, r)
		}},
	} {
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			return nil, err
		}
		files = append(files, tuned.File{Name: f.name, Data: b.Bytes()})
	}
	return files, nil
}

// observed returns the answers to the test part, which live inputs are compared
// with: neither its texts nor its answers were learnt from.
func (j *job) observed(ev *outcome.Evaluation) []outcome.Observed {
	out := make([]outcome.Observed, len(ev.Rows))
	for n := range ev.Rows {
		out[n] = ev.Observe(&ev.Rows[n], j.table.Rows[j.parts.Test[n]].Text)
	}
	return out
}

// stacked is a head beside an embedded one.
type stacked struct {
	card tuned.Stack
	held *held
}

// Shares of the two heads that are tried.
var stackShares = []float64{0.25, 0.5, 1, 2}

// tryStack weighs the opinion of an embedded head on the labels in, if there is one
// that saw none of the rows and it makes held-out answers better beyond chance.
func (j *job) tryStack(h *held) *stacked {
	name := embeddedName(j.labels)
	if j.task != tuned.TaskSingle || name == "" || j.o.Engine != nil {
		return nil
	}
	if why := j.sawBy(name, append(slices.Clone(j.learn), j.parts.Test...)); why != "" {
		return nil
	}
	embedded, err := head.Open(name)
	if err != nil {
		return nil // a build without it
	}
	opinions := make([][]float64, len(j.learn))
	for n, i := range j.learn {
		opinions[n] = tuned.OpinionOn(embedded, j.table.Rows[i].Text, j.labels)
	}
	var best *stacked
	for _, share := range stackShares {
		s := &stacked{tuned.Stack{Head: name, Digest: "sha256:" + embedded.Info().Digest, Own: 1, Other: share}, &held{known: h.known}}
		for n, i := range j.learn {
			logits := make([]float64, len(j.labels))
			for k := range logits {
				logits[k] = h.logits[n][k] + float64(share*opinions[n][k])
			}
			s.held.logits = append(s.held.logits, logits)
			s.held.scores = append(s.held.scores, j.score(i, logits))
		}
		if best == nil || j.betterBy(best.held, s.held).Value > 0 {
			best = s
		}
	}
	if !j.betterBy(h, best.held).Better() {
		return nil
	}
	return best
}

// betterBy returns how much better the second held answers are, over groups.
func (j *job) betterBy(a, b *held) metric.Difference {
	return metric.Paired(j.groupsOf(j.learn), average(b.scores), average(a.scores))
}
