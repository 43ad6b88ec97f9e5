package metric

import "math"

// Answers are labels by index: of row i, Truth[i] and Given[i], each any number of
// labels in ascending order, one where labels exclude one another. A row that a
// head abstained on is Given nothing. Groups has the group of each row.
type Answers struct {
	Labels       int // how many there are
	Truth, Given [][]int
	Groups       []int
}

// Class is how one label fares.
type Class struct {
	Rows      int      `json:"rows"`  // that have the label
	Given     int      `json:"given"` // that were given it
	Right     int      `json:"right"` // that were given it and have it
	Precision Estimate `json:"precision"`
	Recall    Estimate `json:"recall"`
	F1        Estimate `json:"f1"`
}

// Accuracy returns the share of rows whose labels were all and alone given.
func (a *Answers) Accuracy() Estimate {
	return Clustered(a.Groups, nil, a.right)
}

func (a *Answers) right(row int) bool {
	t, g := a.Truth[row], a.Given[row]
	if len(t) != len(g) {
		return false
	}
	for i := range t {
		if t[i] != g[i] {
			return false
		}
	}
	return true
}

// Answered returns the share of rows that were given any label, and the accuracy
// on them.
func (a *Answers) Answered() (coverage, accuracy Estimate) {
	given := func(row int) bool { return len(a.Given[row]) > 0 }
	return Clustered(a.Groups, nil, given), Clustered(a.Groups, given, a.right)
}

// Classes returns how each label fares. The intervals of precision and recall are
// those of Clustered. That of F1 is the bootstrap's; where all resamples agree,
// which says little, it ends at the F1 of the two lower and the two upper ends.
func (a *Answers) Classes() []Class {
	out := make([]Class, a.Labels)
	c := a.counter()
	intervals := c.intervals(a.Groups)
	for k := range out {
		has := func(row int) bool { return holds(a.Truth[row], k) }
		given := func(row int) bool { return holds(a.Given[row], k) }
		n := c.count(c.everything)[k]
		x := Class{Rows: n.truth, Given: n.given, Right: n.right}
		x.Recall, x.Precision = Clustered(a.Groups, has, given), Clustered(a.Groups, given, has)
		x.F1 = intervals[k]
		if x.F1.Low == x.F1.High && n.truth+n.given > 0 {
			x.F1.Low = harmonic(x.Precision.Low, x.Recall.Low)
			x.F1.High = max(x.F1.Value, harmonic(x.Precision.High, x.Recall.High))
		}
		x.F1.N = n.truth
		out[k] = x
	}
	return out
}

func holds(labels []int, k int) bool {
	for _, l := range labels {
		if l == k {
			return true
		}
	}
	return false
}

func harmonic(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return 2 * a * b / (a + b)
}

// MacroF1 returns the mean of F1 over the labels that any row has or was given.
func (a *Answers) MacroF1() Estimate {
	c := a.counter()
	return Grouped(a.Groups, func(rows []int) float64 { return macro(c.count(rows)) })
}

// MicroF1 returns F1 over all pairs of a row and a label at once. Where each row
// has one label and is given one, it is the accuracy.
func (a *Answers) MicroF1() Estimate {
	c := a.counter()
	return Grouped(a.Groups, func(rows []int) float64 { return micro(c.count(rows)) })
}

// Macro returns a function that gives MacroF1 of a resample, for Paired.
func (a *Answers) Macro() func(rows []int) float64 {
	c := a.counter()
	return func(rows []int) float64 { return macro(c.count(rows)) }
}

// Micro is Macro for MicroF1.
func (a *Answers) Micro() func(rows []int) float64 {
	c := a.counter()
	return func(rows []int) float64 { return micro(c.count(rows)) }
}

// Exact is Macro for Accuracy.
func (a *Answers) Exact() func(rows []int) float64 {
	right := make([]bool, len(a.Truth))
	for i := range right {
		right[i] = a.right(i)
	}
	return func(rows []int) float64 {
		n := 0
		for _, i := range rows {
			if right[i] {
				n++
			}
		}
		return ratio(n, len(rows))
	}
}

// Confusion returns how often each label (first index) was given each other, and
// in the last column how often it was given none. It is for rows of one label.
func (a *Answers) Confusion() [][]int {
	out := make([][]int, a.Labels)
	for k := range out {
		out[k] = make([]int, a.Labels+1)
	}
	for i, t := range a.Truth {
		if len(t) != 1 {
			continue
		}
		given := a.Labels
		if len(a.Given[i]) > 0 {
			given = a.Given[i][0]
		}
		out[t[0]][given]++
	}
	return out
}

// counts of a label.
type counts struct{ truth, given, right int }

func (c counts) f1() float64 { return ratio(2*c.right, c.truth+c.given) }

// counter counts labels over rows, reusing its memory.
type counter struct {
	a          *Answers
	everything []int
	out        []counts
}

func (a *Answers) counter() *counter {
	return &counter{a, all(len(a.Truth)), make([]counts, a.Labels)}
}

// count returns the counts over rows; they hold until it is called again.
func (c *counter) count(rows []int) []counts {
	clear(c.out)
	for _, i := range rows {
		truth, given := c.a.Truth[i], c.a.Given[i]
		for _, k := range truth {
			c.out[k].truth++
		}
		for _, k := range given {
			c.out[k].given++
			if holds(truth, k) {
				c.out[k].right++
			}
		}
	}
	return c.out
}

// intervals returns F1 of each label, all from the same resamples.
func (c *counter) intervals(groups []int) []Estimate {
	out := make([]Estimate, c.a.Labels)
	values := make([][]float64, c.a.Labels)
	for k, n := range c.count(c.everything) {
		out[k].Value = n.f1()
	}
	if len(groups) == 0 {
		return out
	}
	members := byGroup(groups)
	share := outer(len(members))
	resample(members, all(len(groups)), func(rows []int) float64 {
		for k, n := range c.count(rows) {
			if n.truth+n.given > 0 { // a resample without the label says nothing of it
				values[k] = append(values[k], n.f1())
			}
		}
		return 0
	})
	for k, v := range values {
		if len(v) > 0 {
			out[k].Low, out[k].High = percentiles(v, share)
			out[k].Low, out[k].High = min(out[k].Low, out[k].Value), max(out[k].High, out[k].Value)
		}
	}
	return out
}

func macro(of []counts) float64 {
	sum, n := 0.0, 0
	for _, c := range of {
		if c.truth+c.given > 0 {
			sum += c.f1()
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func micro(of []counts) float64 {
	var sum counts
	for _, c := range of {
		sum.truth, sum.given, sum.right = sum.truth+c.truth, sum.given+c.given, sum.right+c.right
	}
	return sum.f1()
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// MeanAbsolute returns the mean distance of answers from the truth: of ordered
// labels by index, or of numbers.
func MeanAbsolute(groups []int, truth, given []float64) Estimate {
	return Grouped(groups, func(rows []int) float64 {
		sum := 0.0
		for _, i := range rows {
			sum += math.Abs(truth[i] - given[i])
		}
		return sum / float64(max(1, len(rows)))
	})
}

// QuadraticKappa returns how far answers agree with the truth beyond chance,
// where labels are ordered, 0 to labels−1, and a distance counts by its square: 1
// is perfect, 0 is chance. Where truth and answers are one label it is 0.
//
// Source: Cohen 1968, Psychological Bulletin 70.
func QuadraticKappa(labels int, groups, truth, given []int) Estimate {
	t, g := make([]float64, labels), make([]float64, labels)
	return Grouped(groups, func(rows []int) float64 {
		clear(t)
		clear(g)
		seen := 0.0
		for _, i := range rows {
			t[truth[i]]++
			g[given[i]]++
			d := float64(truth[i] - given[i])
			seen += float64(d * d)
		}
		chance, n := 0.0, float64(len(rows))
		for i, a := range t {
			for j, b := range g {
				d := float64(i - j)
				chance += float64(float64(a*b)*d) * d
			}
		}
		if chance == 0 {
			return 0
		}
		return 1 - seen*n/chance
	})
}

// Determination returns R²: the share of the truth's variance that the answers
// explain, 1 at best, 0 for always the mean, negative for worse than that.
func Determination(groups []int, truth, given []float64) Estimate {
	return Grouped(groups, func(rows []int) float64 {
		mean := 0.0
		for _, i := range rows {
			mean += truth[i]
		}
		mean /= float64(max(1, len(rows)))
		left, whole := 0.0, 0.0
		for _, i := range rows {
			a, b := truth[i]-given[i], truth[i]-mean
			left, whole = left+float64(a*a), whole+float64(b*b)
		}
		if whole == 0 {
			return 0
		}
		return 1 - left/whole
	})
}

// Extents counts the stretches of one row: how many there are, how many were
// given, and how many of those are exactly right, in extent and label.
type Extents struct{ Truth, Given, Right int }

// Entities returns precision, recall and F1 of exact stretches.
func Entities(groups []int, rows []Extents) (precision, recall, f1 Estimate) {
	sum := func(of []int) (s Extents) {
		for _, i := range of {
			s.Truth, s.Given, s.Right = s.Truth+rows[i].Truth, s.Given+rows[i].Given, s.Right+rows[i].Right
		}
		return s
	}
	precision = Grouped(groups, func(of []int) float64 { s := sum(of); return ratio(s.Right, s.Given) })
	recall = Grouped(groups, func(of []int) float64 { s := sum(of); return ratio(s.Right, s.Truth) })
	f1 = Grouped(groups, func(of []int) float64 { s := sum(of); return ratio(2*s.Right, s.Truth+s.Given) })
	whole := sum(all(len(rows)))
	precision.N, recall.N, f1.N = whole.Given, whole.Truth, whole.Truth
	return precision, recall, f1
}
