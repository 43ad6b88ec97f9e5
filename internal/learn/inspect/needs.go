package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

const (
	// needF1 is the figure that a label's need is reckoned to.
	needF1 = 0.8
	// needLeast is the number of rows that a label needs for anything to be
	// measured: of a fifth to test on, 6 rows.
	needLeast = 30
	// needMost is how many times a label's rows are reckoned with at most: a
	// straight line of doublings does not reach further.
	needMost = 8
	// slopeLabels is the number of labels that a slope needs.
	slopeLabels = 4
)

// needs says how many more rows labels need: by how much the figures of labels grow
// from half of the rows to all, taken to go on for a few doublings.
func (i *inspector) needs(l *learner, step func()) error {
	quarter, half, err := l.smaller(i, step)
	if err != nil {
		return err
	}
	full := l.right(l.p)
	i.report.Curve = []Point{l.point(quarter, 0.25), l.point(half, 0.5), l.point(l.p, 1)}
	i.signal(l, i.report.Curve[2].Accuracy)
	at := l.right(half)
	share := func(right []bool) func([]int) float64 {
		return func(rows []int) float64 {
			n := 0
			for _, k := range rows {
				if right[k] {
					n++
				}
			}
			return float64(n) / float64(max(len(rows), 1))
		}
	}
	gain := metric.Paired(l.groups(), share(full), share(at))
	before, after := l.f1(half), l.f1(l.p)
	slope, spread, known := slopeOf(before, after)
	var lacking []*Class
	for c := range i.report.Classes {
		class := &i.report.Classes[c]
		class.More = need(class, slope, spread, known)
		if class.More == nil || class.More.Rows == 0 {
			continue
		}
		lacking = append(lacking, class)
	}
	// What can be mended with the fewest rows comes first.
	slices.SortStableFunc(lacking, func(a, b *Class) int {
		return cmp.Compare(uint(a.More.Rows), uint(b.More.Rows)) // -1, for none that would help, is the last
	})
	var low []string
	for _, class := range lacking {
		low = append(low, describeNeed(class))
	}
	f := Finding{Code: CodeNeeds, Level: LevelNote, Count: len(low), Shown: shorten(low),
		Message: fmt.Sprintf("twice the rows changed the accuracy of a quick classifier by %+.1f points (%+.1f to %+.1f)", 100*gain.Value, 100*gain.Low, 100*gain.High),
		Advice:  "more rows may be worth less than better ones: look at the suspects and conflicts first"}
	if gain.Low > 0 {
		f.Advice = "label more rows: those that the head is least sure of first"
	}
	if len(low) > 0 {
		f.Message += fmt.Sprintf("; %s below an F1 of %.1f or too small", plural(len(low), "label is", "labels are"), needF1)
	}
	i.find(f, nil)
	return nil
}

// signal says where the quick classifier is not surely better than always giving the
// most frequent label.
func (i *inspector) signal(l *learner, accuracy metric.Estimate) {
	if l.multi {
		return
	}
	counts, most := make([]int, l.n), 0
	for _, set := range l.sets {
		if counts[set[0]]++; counts[set[0]] > counts[most] {
			most = set[0]
		}
	}
	if share := float64(counts[most]) / float64(len(l.sets)); accuracy.Low <= share {
		i.find(Finding{Code: CodeNoSignal, Level: LevelWarn, Count: len(l.rows),
			Message: fmt.Sprintf("the words hardly tell the labels: a quick classifier is right on %s of the rows (%s to %s), who always answers %q on %s", percent(accuracy.Value), percent(accuracy.Low), percent(accuracy.High), printable(i.t.Labels[most], 60), percent(share)),
			Advice:  "see whether the text has what the label was decided by, and whether this is the column of labels"}, nil)
	}
}

// groups are those of the learner's rows.
func (l *learner) groups() []int {
	out := make([]int, len(l.rows))
	for k, n := range l.rows {
		out[k] = l.g.Of[n]
	}
	return out
}

// smaller reads each row by classifiers that have learnt from a quarter and from
// half of the other folds.
func (l *learner) smaller(i *inspector, step func()) (quarter, half [][]float32, err error) {
	quarter, half = make([][]float32, len(l.rows)), make([][]float32, len(l.rows))
	for f := range folds {
		if err := i.ctx.Err(); err != nil {
			return nil, nil, err
		}
		of := l.outside(f)
		rows := make([]int, len(of))
		for n, k := range of {
			rows[n] = l.rows[k]
		}
		var parts [2][]int
		for n, part := range split.Folds(l.t, l.g, rows, 4, i.o.Seed+2) {
			if part == 0 {
				parts[0] = append(parts[0], of[n])
			}
			if part < 2 {
				parts[1] = append(parts[1], of[n])
			}
		}
		for n, p := range [][][]float32{quarter, half} {
			m, err := l.fit(parts[n], l.sets, i.o.Seed)
			if err != nil {
				return nil, nil, err
			}
			l.read(m, f, p)
		}
		step()
	}
	return quarter, half, nil
}

// answer is the labels that probabilities give.
func (l *learner) answer(p []float32) []int {
	if !l.multi {
		return []int{best(p)}
	}
	var out []int
	for label, q := range p {
		if q >= 0.5 {
			out = append(out, label)
		}
	}
	return out
}

// right says of each row whether its answer is.
func (l *learner) right(p [][]float32) []bool {
	out := make([]bool, len(l.rows))
	for k := range out {
		set := slices.Clone(l.sets[k])
		slices.Sort(set)
		out[k] = slices.Equal(l.answer(p[k]), set)
	}
	return out
}

// point is one of the learning curve.
func (l *learner) point(p [][]float32, share float64) Point {
	right := l.right(p)
	rows := share * float64(folds-1) / folds * float64(len(l.rows))
	return Point{int(math.Round(rows)), metric.Clustered(l.groups(), nil, func(k int) bool { return right[k] })}
}

// f1 returns the figure of each label and the rows that have it.
func (l *learner) f1(p [][]float32) (out []labelFigure) {
	out = make([]labelFigure, l.n)
	for k := range l.rows {
		answer := l.answer(p[k])
		for _, label := range l.sets[k] {
			out[label].truth++
			if slices.Contains(answer, label) {
				out[label].right++
			}
		}
		for _, label := range answer {
			out[label].given++
		}
	}
	return out
}

// labelFigure is what a label's F1 is made of.
type labelFigure struct{ right, given, truth int }

func (f labelFigure) f1() float64 {
	if f.given+f.truth == 0 {
		return 0
	}
	return 2 * float64(f.right) / float64(f.given+f.truth)
}

// slopeOf is by how much F1 grows with twice the rows: the mean over the labels that
// are below needF1, and two standard errors of it.
func slopeOf(before, after []labelFigure) (slope, spread float64, ok bool) {
	var gains []float64
	for c := range after {
		if after[c].truth >= MinClass && after[c].f1() < needF1 {
			gains = append(gains, after[c].f1()-before[c].f1())
		}
	}
	if len(gains) < slopeLabels {
		return 0, 0, false
	}
	var sum, squares float64
	for _, g := range gains {
		sum += g
	}
	mean := sum / float64(len(gains))
	for _, g := range gains {
		squares += (g - mean) * (g - mean)
	}
	return mean, 2 * math.Sqrt(squares/float64(len(gains)-1)/float64(len(gains))), true
}

// need reckons how many more rows a label needs.
func need(c *Class, slope, spread float64, known bool) *Need {
	floor := max(needLeast-c.Rows, 0)
	switch {
	case c.F1 == nil || c.Rows < MinClass:
		return &Need{floor, floor, -1, fmt.Sprintf("a label needs about %d rows to be learnt and measured", needLeast)}
	case c.F1.Value >= needF1 && floor == 0:
		return nil
	case c.F1.Value >= needF1:
		return &Need{floor, floor, floor, fmt.Sprintf("a label needs about %d rows to be measured", needLeast)}
	case !known:
		return &Need{max(floor, c.Rows), floor, -1, "twice its rows, for want of labels to reckon by"}
	}
	more := func(f1, slope float64) int {
		if f1 >= needF1 {
			return floor
		}
		if slope <= 0 {
			return -1
		}
		times := math.Exp2((needF1 - f1) / slope)
		if times > needMost {
			return -1
		}
		return max(floor, int(math.Ceil((times-1)*float64(c.Rows))))
	}
	n := Need{more(c.F1.Value, slope), more(c.F1.High, slope+spread), more(c.F1.Low, slope-spread),
		fmt.Sprintf("labels below an F1 of %.1f gained %.3f with twice the rows", needF1, slope)}
	return &n
}

// describeNeed is a line on a label's need.
func describeNeed(c *Class) string {
	figure := ""
	if c.F1 != nil {
		figure = fmt.Sprintf(", F1 %.2f", c.F1.Value)
	}
	n := c.More
	out := fmt.Sprintf("%s: %s%s", printable(c.Label, 60), count(c.Rows, "row"), figure)
	switch {
	case n.Rows < 0:
		return out + ": more rows alone may not help; see whether its texts can be told from others'"
	case n.High < 0:
		return out + fmt.Sprintf(": about %s more, %s at least", number(n.Rows), number(max(n.Low, 0)))
	case n.Low == n.High:
		return out + fmt.Sprintf(": %s more", number(n.Rows))
	}
	return out + fmt.Sprintf(": about %s more (%s to %s)", number(n.Rows), number(n.Low), number(n.High))
}
