package inspect

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// What the lexical encoder reads of a text.
const (
	maxReadWords = lexical.MaxWords
	maxReadBytes = lexical.MaxText
)

const (
	folds = 5
	// maxLearnt bounds the rows that the quick classifier learns from, maxCells the
	// rows times the labels: of more a sample is taken, and said.
	maxLearnt = 20_000
	maxCells  = 40 << 20
	// minLearnt rows are needed for anything to be said of suspects.
	minLearnt = MinRows
)

// learner is the quick lexical classifier, by folds: each row is read by the one
// that has not learnt from its group.
type learner struct {
	t      *dataset.Table
	g      split.Grouping
	rows   []int          // indices into the table
	index  map[string]int // of each label
	sets   [][]int        // of each of rows: its labels
	multi  bool
	n      int // labels
	fold   []int
	judged []bool // of each label: whether it has rows enough to be learnt
	models [folds]*lexical.Model
	p      [][]float32 // of each of rows, out of fold
}

// learn trains the quick classifier and says what it tells of the rows.
func (i *inspector) learn() error {
	if i.o.Quick || !i.labelled() || len(i.t.Labels) < 2 || len(i.t.Rows) < minLearnt || i.g.N < MinGroups {
		return nil
	}
	l := newLearner(i)
	if l == nil {
		return nil
	}
	const passes = 3 * folds
	done := 0
	step := func() { done++; i.progress("learning by folds", done, passes) }
	if err := l.train(i, step); err != nil {
		return err
	}
	i.classFigures(l)
	if err := i.suspects(l, step); err != nil {
		return err
	}
	if err := i.triggers(l); err != nil {
		return err
	}
	return i.needs(l, step)
}

// newLearner chooses the rows: all, or whole groups in an order of chance.
func newLearner(i *inspector) *learner {
	t := i.t
	l := &learner{t: t, g: i.g, multi: t.Kind == dataset.KindMulti, n: len(t.Labels)}
	most := min(maxLearnt, maxCells/l.n)
	if l.n > lexical.MaxLabels || most < minLearnt {
		return nil
	}
	if len(t.Rows) <= most {
		l.rows = make([]int, len(t.Rows))
		for n := range l.rows {
			l.rows[n] = n
		}
	} else {
		// As many folds as leave a sample of the size in one: by their digests.
		k := (len(t.Rows) + most - 1) / most
		for n, f := range split.Folds(t, i.g, nil, k, i.o.Seed+1) {
			if f == 0 {
				l.rows = append(l.rows, n)
			}
		}
		i.report.Why["suspects"] = fmt.Sprintf("a sample of %s was learnt from", count(len(l.rows), "row"))
	}
	index := make(map[string]int, l.n)
	for k, name := range t.Labels {
		index[name] = k
	}
	l.index = index
	l.sets = make([][]int, len(l.rows))
	for k, n := range l.rows {
		l.sets[k] = l.setOf(n)
	}
	l.judged = make([]bool, l.n)
	counts := make([]int, l.n)
	for _, set := range l.sets {
		for _, label := range set {
			counts[label]++
			l.judged[label] = counts[label] >= MinClass
		}
	}
	l.fold = split.Folds(t, i.g, l.rows, folds, i.o.Seed)
	return l
}

// setOf returns the labels of a row of the table, as indices.
func (l *learner) setOf(n int) []int {
	out := make([]int, 0, len(l.t.Rows[n].Labels))
	for _, name := range l.t.Rows[n].Labels {
		out = append(out, l.index[name])
	}
	return out
}

// example is what a classifier learns of a row that has the labels of a set.
func (l *learner) example(k int, set []int) lexical.Example {
	e := lexical.Example{Text: l.t.Rows[l.rows[k]].Text}
	for _, label := range set {
		e.Targets = append(e.Targets, lexical.Target{Label: label})
	}
	if l.multi && len(set) == 0 {
		e.Targets = []lexical.Target{{Label: -1}}
	}
	return e
}

// fit trains a classifier from some of rows.
func (l *learner) fit(of []int, sets [][]int, seed uint64) (*lexical.Model, error) {
	examples := make([]lexical.Example, 0, len(of))
	for _, k := range of {
		examples = append(examples, l.example(k, sets[k]))
	}
	c := lexical.Config{Name: "inspect", Groups: []lexical.Group{{Name: "label", Labels: l.t.Labels, Multi: l.multi}},
		Features: lexical.Features{Pairs: true, Affixes: true, Bits: 20, MinDocs: 2}, Dim: 48, Epochs: 8, Seed: cmp.Or(seed, 1)}
	if len(of) > 10_000 { // more rows need fewer passes
		c.Epochs, c.Dim = 4, 32
	}
	m, err := lexical.Train(examples, c, nil)
	if err != nil {
		return nil, fmt.Errorf("train the quick classifier: %w", err)
	}
	return m, nil
}

// read fills the probabilities of the rows of a fold.
func (l *learner) read(m *lexical.Model, f int, p [][]float32) {
	s := m.NewScores()
	for k, of := range l.fold {
		if of == f {
			m.Read(s, l.t.Rows[l.rows[k]].Text, 0)
			p[k] = slices.Clone(s.P(0))
		}
	}
}

// outside returns the places of the rows that are not in a fold.
func (l *learner) outside(f int) []int {
	var out []int
	for k, of := range l.fold {
		if of != f {
			out = append(out, k)
		}
	}
	return out
}

// train trains each fold's classifier on the other folds.
func (l *learner) train(i *inspector, step func()) error {
	l.p = make([][]float32, len(l.rows))
	for f := range folds {
		if err := i.ctx.Err(); err != nil {
			return err
		}
		m, err := l.fit(l.outside(f), l.sets, i.o.Seed)
		if err != nil {
			return err
		}
		l.models[f] = m
		l.read(m, f, l.p)
		step()
	}
	return nil
}

// flipped returns the sets with the labels of up to n rows made wrong at random,
// from one that is judged to another, and which rows.
func (l *learner) flipped(n int, seed uint64) (sets [][]int, flipped []int) {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	var labels []int
	for label, ok := range l.judged {
		if ok {
			labels = append(labels, label)
		}
	}
	sets = slices.Clone(l.sets)
	if len(labels) < 2 {
		return sets, nil
	}
	for _, k := range r.Perm(len(l.rows)) {
		if len(flipped) == n {
			break
		}
		set, other := slices.Clone(sets[k]), labels[r.IntN(len(labels))]
		switch at := 0; {
		case l.multi && len(set) > 0 && r.IntN(2) == 0: // one too few
			at = r.IntN(len(set))
			if !l.judged[set[at]] {
				continue
			}
			set = slices.Delete(set, at, at+1)
		case slices.Contains(set, other):
			continue
		case l.multi: // one too many
			set = append(set, other)
		default:
			set[0] = other
		}
		sets[k] = set
		flipped = append(flipped, k)
	}
	return sets, flipped
}

// best returns the most probable label.
func best(p []float32) int {
	b := 0
	for k := range p {
		if p[k] > p[b] {
			b = k
		}
	}
	return b
}

// classFigures gives each label its figure, by the quick classifier.
func (i *inspector) classFigures(l *learner) {
	given := make([]map[int]bool, len(l.rows))
	for k := range l.rows {
		given[k] = map[int]bool{}
		if !l.multi {
			given[k][best(l.p[k])] = true
			continue
		}
		for label, p := range l.p[k] {
			if p >= 0.5 {
				given[k][label] = true
			}
		}
	}
	type tally struct{ right, given, truth int }
	counts := make([]tally, l.n)
	for k := range l.rows {
		for _, label := range l.sets[k] {
			counts[label].truth++
			if given[k][label] {
				counts[label].right++
			}
		}
		for label := range given[k] {
			counts[label].given++
		}
	}
	for label := range i.report.Classes {
		c := counts[label]
		if c.truth+c.given == 0 {
			continue
		}
		// F1 is the share of right ones among (given + truth) / 2: an interval as
		// of a proportion of so many, which is a little too narrow.
		e := metric.Proportion(c.right, max((c.truth+c.given+1)/2, c.right))
		i.report.Classes[label].F1 = &e
	}
}
