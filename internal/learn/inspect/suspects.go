package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

const (
	// mostSuspects is the share of the rows that are named as suspects at most, and
	// leastSuspects their number where there are as many and that is no more than a tenth of the rows.
	mostSuspects  = 0.03
	leastSuspects = 20
	// Labels are made wrong on purpose to measure how many are found: so many of the
	// rows, within bounds.
	flipShare = 0.05
	leastFlip = 60
	mostFlip  = 2000
	sure      = 0.95 // of the bound on labels that are still wrong
)

// suspicion is how much speaks against a row's label.
type suspicion struct {
	k       int     // place in the learner's rows; of suspicionsOfAll the index in the table
	likely  int     // label, or -1: the one given is too many
	given   int     // label, or -1: one is missing
	p       float64 // that it is right, out of fold
	pLikely float64
}

// suspicions ranks the rows whose label is probably wrong: those that are likelier
// another's, the less probable their own label is out of fold the more suspect. Of
// the orders that the source compares, this one found 91 % of labels wrong at
// random among the first 4 % of rows, the margin of the likeliest 64 %.
//
// Source: Northcutt, Jiang and Chuang 2021, Confident learning, arXiv:1911.00068.
func (l *learner) suspicions(p [][]float32, sets [][]int) []suspicion {
	var out []suspicion
	for k, set := range sets {
		if s, ok := l.suspicion(p[k], set); ok {
			s.k = k
			out = append(out, s)
		}
	}
	slices.SortFunc(out, bySuspicion)
	return out
}

func bySuspicion(a, b suspicion) int {
	return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.k, b.k))
}

// suspicion is what speaks against a row that has the labels of a set.
func (l *learner) suspicion(p []float32, set []int) (suspicion, bool) {
	if l.multi {
		return l.suspicionMulti(p, set)
	}
	likely := best(p)
	return suspicion{0, likely, set[0], float64(p[set[0]]), float64(p[likely])}, likely != set[0] && l.judged[set[0]]
}

// suspicionsOfAll adds the rows that were not learnt from: they are out of every
// fold, since whole groups were chosen.
func (l *learner) suspicionsOfAll() []suspicion {
	out := l.suspicions(l.p, l.sets)
	for n := range out {
		out[n].k = l.rows[out[n].k]
	}
	if len(l.rows) == len(l.t.Rows) {
		return out
	}
	learnt := make([]bool, len(l.t.Rows))
	for _, n := range l.rows {
		learnt[n] = true
	}
	m := l.models[0]
	scores := m.NewScores()
	for n := range l.t.Rows {
		if learnt[n] {
			continue
		}
		m.Read(scores, l.t.Rows[n].Text, 0)
		if s, ok := l.suspicion(scores.P(0), l.setOf(n)); ok {
			s.k = n
			out = append(out, s)
		}
	}
	slices.SortFunc(out, bySuspicion)
	return out
}

// suspicionMulti takes each label for itself, there or not there, and returns the
// one that is least probable to be right.
func (l *learner) suspicionMulti(p []float32, set []int) (suspicion, bool) {
	worst := suspicion{p: 0.5}
	for label, q32 := range p {
		q := float64(q32)
		if !l.judged[label] {
			continue
		}
		if slices.Contains(set, label) {
			if q < worst.p {
				worst = suspicion{0, -1, label, q, 0}
			}
		} else if 1-q < worst.p {
			worst = suspicion{0, label, -1, 1 - q, q}
		}
	}
	return worst, worst.p < 0.5
}

// suspects names rows whose label is probably wrong, and measures how many of wrong
// labels are among as many rows so found.
func (i *inspector) suspects(l *learner, step func()) error {
	all := l.suspicionsOfAll()
	n := min(len(all), max(min(leastSuspects, len(i.t.Rows)/10), int(mostSuspects*float64(len(i.t.Rows)))))
	if n == 0 {
		return nil
	}
	// Of the rows that were learnt from, as many as of all: the same share.
	found, err := i.plant(l, max(n*len(l.rows)/len(i.t.Rows), 1), step)
	if err != nil {
		return err
	}
	i.report.Found = found
	var rows []int
	for _, s := range all[:n] {
		r := &i.t.Rows[s.k]
		out := Suspect{Row: r.Number, Given: r.Labels, P: s.pLikely, PGiven: s.p, Text: i.show(s.k)}
		if s.likely >= 0 {
			out.Likely = i.t.Labels[s.likely]
		}
		i.report.Suspects = append(i.report.Suspects, out)
		rows = append(rows, s.k)
	}
	f := Finding{Code: CodeSuspects, Level: LevelWarn,
		Message: fmt.Sprintf("%s more like rows of another label than of its own", plural(n, "row is", "rows are")),
		Advice:  "look at them, the first ones first"}
	if found != nil {
		f.Message += fmt.Sprintf("; of labels that are wrong by chance, %s are among them (%s to %s)", percent(found.Value), percent(found.Low), percent(found.High))
		f.Advice += fmt.Sprintf(": if 1 in 10 turns out to be wrong, at most %s of all labels are still wrong by chance", percent(float64(i.report.Remaining(n/10))/float64(len(i.t.Rows))))
	}
	for _, s := range i.report.Suspects[:min(n, maxShown)] {
		likely := "likelier without"
		if s.Likely != "" {
			likely = fmt.Sprintf("likelier %s %.2f", printable(s.Likely, 60), s.P)
		}
		given := "none"
		if len(s.Given) > 0 {
			given = printable(s.Given[0], 60)
			if len(s.Given) > 1 {
				given += ", …"
			}
		}
		f.Shown = append(f.Shown, fmt.Sprintf("row %d [%s %.2f, %s]: %s", s.Row, given, s.PGiven, likely, s.Text))
	}
	i.find(f, rows)
	return nil
}

// plant makes labels wrong on purpose and measures how many of them are among the
// n most suspect rows and those added to them.
func (i *inspector) plant(l *learner, n int, step func()) (*metric.Estimate, error) {
	flips := min(max(int(flipShare*float64(len(l.rows))), leastFlip), mostFlip)
	if flips > len(l.rows)/4 {
		return nil, nil
	}
	sets, flipped := l.flipped(flips, i.o.Seed)
	if flips = len(flipped); flips < leastFlip/2 {
		return nil, nil
	}
	p := make([][]float32, len(l.rows))
	for f := range folds {
		if err := i.ctx.Err(); err != nil {
			return nil, err
		}
		m, err := l.fit(l.outside(f), sets, i.o.Seed)
		if err != nil {
			return nil, err
		}
		l.read(m, f, p)
		step()
	}
	wrong := make(map[int]bool, flips)
	for _, k := range flipped {
		wrong[k] = true
	}
	// A planted row is found if fewer than n of the others are more suspect.
	hits, others := 0, 0
	for _, s := range l.suspicions(p, sets) {
		if wrong[s.k] {
			hits++
		} else if others++; others >= n {
			break
		}
	}
	e := metric.Proportion(hits, flips)
	return &e, nil
}

// Remaining returns how many labels are still wrong at most, with a chance of 95 %,
// once all of Suspects have been looked at and so many of them found wrong: if
// labels are wrong by chance, as those that were flipped to measure Found. Without
// that measurement it is -1.
func (r *Report) Remaining(wrong int) int {
	if r.Found == nil {
		return -1
	}
	if r.Found.Low <= 0 {
		return r.Rows
	}
	// The most wrong labels of which so few are found with a chance of 5 %.
	all := wrong
	for all < r.Rows && binomial(wrong, all+1, r.Found.Low) > 1-sure {
		all++
	}
	return all - wrong
}

// binomial is the chance of at most k hits in n trials of chance p.
func binomial(k, n int, p float64) float64 {
	if p >= 1 {
		if k >= n {
			return 1
		}
		return 0
	}
	sum := 0.0
	lgn, _ := math.Lgamma(float64(n + 1))
	for j := range min(k, n) + 1 {
		a, _ := math.Lgamma(float64(j + 1))
		b, _ := math.Lgamma(float64(n - j + 1))
		sum += math.Exp(lgn - a - b + float64(j)*math.Log(p) + float64(n-j)*math.Log1p(-p))
	}
	return min(sum, 1)
}
