package tune

import (
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Bounds of what is fitted: beyond them the rows say nothing sensible.
const (
	leastTemperature = 0.05
	mostTemperature  = 20
	unlikely         = 0.02
	leastPositives   = 5 // rows with a label and without it that a scale of its own needs
)

// temperature returns the number that logits are to be divided by so that the
// truth is as likely as can be, by golden section on its logarithm. As much as one
// row in all is taken to have any label, so that answers which are all right do
// not become certainties.
func temperature(logits [][]float64, truth []int) float64 {
	any := 1 / float64(len(logits)+2)
	loss := func(logT float64) float64 {
		t, sum := math.Exp(logT), 0.0
		for n, row := range logits {
			if truth[n] < 0 || row == nil {
				continue
			}
			most, z, mean := row[argmax(row)], 0.0, 0.0
			for _, x := range row {
				z += math.Exp((x - most) / t)
				mean += x / float64(len(row))
			}
			sum += math.Log(z) - (float64((1-any)*row[truth[n]])+float64(any*mean)-most)/t
		}
		return sum
	}
	return math.Exp(golden(loss, math.Log(leastTemperature), math.Log(mostTemperature)))
}

// golden returns where a function with one valley between low and high is least.
func golden(f func(float64) float64, low, high float64) float64 {
	const ratio, steps = 0.6180339887498949, 60
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	fa, fb := f(a), f(b)
	for range steps {
		if fa < fb {
			high, b, fb = b, a, fa
			a = high - ratio*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + ratio*(high-low)
			fb = f(b)
		}
	}
	return (low + high) / 2
}

// platt returns the slope and the offset that make a logit come true as often as it
// says, by Newton's method with a little pull to slope 1.
//
// Source: Platt 1999, Advances in Large Margin Classifiers, with his smoothed
// targets.
func platt(x []float64, yes []bool) tuned.Scale {
	n := [2]float64{}
	for _, y := range yes {
		if y {
			n[1]++
		} else {
			n[0]++
		}
	}
	target := [2]float64{1 / (n[0] + 2), (n[1] + 1) / (n[1] + 2)}
	const pull = 0.5
	s := tuned.Scale{Slope: 1}
	for range 50 {
		ga, gb := pull*(s.Slope-1), 0.0
		haa, hab, hbb := pull, 0.0, 1e-6
		for i, v := range x {
			t := target[0]
			if yes[i] {
				t = target[1]
			}
			p := 1 / (1 + math.Exp(-float64(s.Slope*v)-s.Offset))
			e, w := p-t, float64(p*(1-p))
			ga, gb = ga+float64(e*v), gb+e
			haa, hab, hbb = haa+float64(w*v)*v, hab+float64(w*v), hbb+w
		}
		det := float64(haa*hbb) - float64(hab*hab)
		if det <= 0 {
			break
		}
		s.Slope -= (float64(hbb*ga) - float64(hab*gb)) / det
		s.Offset -= (float64(haa*gb) - float64(hab*ga)) / det
	}
	if !(s.Slope > 0.01 && s.Slope < 100 && math.Abs(s.Offset) < 100) {
		return tuned.Scale{Slope: 1}
	}
	return s
}

// calibrate fits the card to the answers to rows that were held out, and returns
// their probabilities.
func (j *job) calibrate(c *tuned.Card, h *held) [][]float64 {
	switch j.task {
	case tuned.TaskRegression:
		c.Temperature = 1
		return nil
	case tuned.TaskMulti:
		return j.calibrateMulti(c, h)
	}
	truth := make([]int, len(j.learn))
	for n, i := range j.learn {
		truth[n] = j.classes[i]
	}
	c.Temperature = temperature(h.logits, truth)
	j.set("temperature", fmt.Sprintf("%.3g", c.Temperature), fmt.Sprintf("fitted to %d held-out answers", len(j.learn)))
	out := make([][]float64, len(h.logits))
	for n, row := range h.logits {
		scaled := make([]float64, len(row))
		for k, x := range row {
			scaled[k] = x / c.Temperature
		}
		out[n] = tuned.Softmax(scaled)
	}
	return out
}

// calibrateMulti fits a scale a label; labels with too few rows share one that is
// fitted to all.
func (j *job) calibrateMulti(c *tuned.Card, h *held) [][]float64 {
	var every []float64
	var holds []bool
	column := func(k int) (x []float64, yes []bool, positives int) {
		for n, i := range j.learn {
			hit := slices.Contains(j.sets[i], k)
			if hit {
				positives++
			}
			x, yes = append(x, h.logits[n][k]), append(yes, hit)
		}
		return x, yes, positives
	}
	for k := range j.labels {
		x, yes, _ := column(k)
		every, holds = append(every, x...), append(holds, yes...)
	}
	shared := platt(every, holds)
	own := 0
	c.Scales = make([]tuned.Scale, len(j.labels))
	for k := range j.labels {
		c.Scales[k] = shared
		if x, yes, positives := column(k); positives >= leastPositives && len(x)-positives >= leastPositives {
			c.Scales[k] = platt(x, yes)
			own++
		}
	}
	j.set("calibration", fmt.Sprintf("%d of %d labels by themselves", own, len(j.labels)), fmt.Sprintf("fitted to %d held-out answers; rarer labels share one", len(j.learn)))
	out := make([][]float64, len(h.logits))
	for n, row := range h.logits {
		out[n] = make([]float64, len(row))
		for k, x := range row {
			s := c.Scales[k]
			out[n][k] = 1 / (1 + math.Exp(-float64(s.Slope*x)-s.Offset))
		}
	}
	return out
}

// thresholds sets the probability from which each label is given. A label whose
// own answers cannot be sure of the precision takes the threshold of all answers.
func (j *job) thresholds(c *tuned.Card, p [][]float64) []Class {
	if j.task == tuned.TaskRegression {
		return nil
	}
	classes := make([]Class, len(j.labels))
	c.Thresholds = map[string]float64{}
	c.Precision = j.o.Precision
	if j.task == tuned.TaskMulti && j.o.Precision == 0 {
		j.bestF1(c, p, classes)
		return classes
	}
	all := j.answersOf(p, -1)
	shared, sure, reached := pick(all, j.o.Precision)
	alone := 0
	for k, l := range j.labels {
		a := j.answersOf(p, k)
		x := &classes[k]
		x.Label = l
		x.Threshold, x.Sure, x.Reached = pick(a, j.o.Precision)
		if !x.Reached {
			x.Threshold = shared
			x.Sure = at(a, shared)
		} else {
			alone++
		}
		c.Thresholds[l] = x.Threshold
	}
	text := fmt.Sprintf("%d of %d labels are sure of it by their own answers; the others take the threshold of all answers, %.2f", alone, len(j.labels), shared)
	if !reached {
		text += ": no threshold is sure of it, so it is the precision itself"
		limit := fmt.Sprintf("A precision of %g cannot be vouched for: too few held-out answers are that sure.", j.o.Precision)
		if sure.N > 0 {
			limit = fmt.Sprintf("A precision of %g cannot be vouched for: of %d held-out answers that say they are as likely, %s are right.", j.o.Precision, sure.N, percent(sure))
		}
		j.limits = append(j.limits, limit)
	}
	j.set("thresholds", text, fmt.Sprintf("the lowest at which the lower end of the 95 %% interval on %d held-out answers is at least %g", len(j.learn), j.o.Precision))
	return classes
}

// answers are what a label, or all, were given on held-out rows.
type answers struct {
	groups []int
	p      []float64
	right  []bool
}

// answersOf returns the answers that give label k, or, below 0, all: where labels
// exclude one another the one answer of a row, else every label of every row.
func (j *job) answersOf(p [][]float64, k int) (a answers) {
	add := func(row int, x float64, right bool) {
		a.groups, a.p, a.right = append(a.groups, j.grouping.Of[row]), append(a.p, x), append(a.right, right)
	}
	for n, i := range j.learn {
		if j.task == tuned.TaskMulti {
			for l, x := range p[n] {
				// What is that unlikely is above no threshold that is sure of anything.
				if (k < 0 || l == k) && (x >= unlikely || slices.Contains(j.sets[i], l)) {
					add(i, x, slices.Contains(j.sets[i], l))
				}
			}
			continue
		}
		best := argmax(p[n])
		if j.task == tuned.TaskOrdinal {
			best = tuned.Median(p[n])
		}
		if k < 0 || best == k {
			add(i, p[n][best], best == j.classes[i])
		}
	}
	return a
}

// pick returns the threshold that is sure of a precision. Where none is, it is the
// precision itself: the head then answers only what it thinks as likely as that.
func pick(a answers, precision float64) (float64, metric.Estimate, bool) {
	if t, e, ok := metric.Threshold(a.groups, a.p, a.right, precision); ok {
		return t, e, true
	}
	return precision, at(a, precision), false
}

// at returns the precision of the answers of at least a probability.
func at(a answers, t float64) metric.Estimate {
	return metric.Clustered(a.groups, func(i int) bool { return a.p[i] >= t }, func(i int) bool { return a.right[i] })
}

// bestF1 sets the threshold of each label to where its F1 is best; labels with too
// few rows take that of all.
func (j *job) bestF1(c *tuned.Card, p [][]float64, classes []Class) {
	shared := highestF1(j.answersOf(p, -1))
	for k, l := range j.labels {
		a := j.answersOf(p, k)
		positives := 0
		for _, r := range a.right {
			if r {
				positives++
			}
		}
		t := shared
		if positives >= 2*leastPositives {
			t = highestF1(a)
		}
		c.Thresholds[l] = t
		classes[k] = Class{Label: l, Threshold: t, Sure: at(a, t), Reached: true}
	}
	j.set("thresholds", fmt.Sprintf("each label's own, from %.2f for rare ones", shared), fmt.Sprintf("where F1 on %d held-out rows is best", len(j.learn)))
}

func highestF1(a answers) float64 {
	best, top := 0.5, -1.0
	for step := 1; step < 40; step++ {
		t := float64(step) / 40
		given, right, positives := 0, 0, 0
		for i, x := range a.p {
			if a.right[i] {
				positives++
			}
			if x >= t {
				given++
				if a.right[i] {
					right++
				}
			}
		}
		if f := 2 * float64(right) / float64(max(1, given+positives)); f > top {
			best, top = t, f
		}
	}
	return best
}

func percent(e metric.Estimate) string {
	return fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*e.Value, 100*e.Low, 100*e.High)
}
