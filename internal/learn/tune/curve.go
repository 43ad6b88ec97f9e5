package tune

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// fractions of the groups that the points of the learning curve learn from; the
// last is the cross-validation that was made anyway.
var fractions = []float64{0.25, 0.5, 0.75, 1}

// curve measures how the score grows with the rows learnt from: on each fold by
// models that learnt from a part of the groups outside of it.
func (j *job) curve(r recipe, whole *held) (Curve, error) {
	c := Curve{Measure: "accuracy"}
	switch j.task {
	case tuned.TaskMulti:
		c.Measure = "mean F1 of a row's labels"
	case tuned.TaskRegression:
		c.Measure = "mean absolute error"
	}
	order := j.shuffled()
	var scores []func(rows []int) float64 // of each point
	done, total := 0, folds*(len(fractions)-1)
	j.tell.next("measuring the learning curve")
	for _, f := range fractions {
		most := int(math.Ceil(f * float64(len(order))))
		in := map[int]bool{}
		for _, g := range order[:most] {
			in[g] = true
		}
		h, rows := whole, 0
		for _, i := range j.learn {
			if in[j.grouping.Of[i]] {
				rows++
			}
		}
		if f < 1 {
			var err error
			h, err = j.cross(r, func(row int) bool { return in[j.grouping.Of[row]] }, func() {
				j.tell.lock.Lock()
				done++
				now := done
				j.tell.lock.Unlock()
				j.tell.within(shareCurve, "", now, total)
			})
			if j.ctx.Err() != nil {
				return c, j.ctx.Err()
			}
			if err != nil {
				c.Points, scores = nil, nil // too few rows for a part of them to be learnt from
				break
			}
		}
		e := j.mean(h)
		if j.task == tuned.TaskRegression {
			e.Value, e.Low, e.High = -e.Value, -e.High, -e.Low
		}
		// Each model learnt from the rows of the other folds.
		c.Points = append(c.Points, Point{Rows: rows * (folds - 1) / folds, Groups: most, Score: e})
		scores = append(scores, average(h.scores))
	}
	c.fit(j.task == tuned.TaskRegression, j.groupsOf(j.learn), scores)
	return c, nil
}

// shuffled returns the groups of the rows to learn from in an order of chance.
func (j *job) shuffled() []int {
	var groups []int
	seen := map[int]bool{}
	for _, i := range j.learn {
		if g := j.grouping.Of[i]; !seen[g] {
			seen[g] = true
			groups = append(groups, g)
		}
	}
	r := rand.New(rand.NewPCG(j.o.Seed, 0xc047e))
	r.Shuffle(len(groups), func(a, b int) { groups[a], groups[b] = groups[b], groups[a] })
	return groups
}

// fit finds the curve through the points and what twice the rows would bring, with
// the interval of that: the curve through each resample of the groups. scores give
// the score of each point over some of the rows to learn from.
func (c *Curve) fit(errors bool, groups []int, scores []func(rows []int) float64) {
	if len(c.Points) < len(fractions) {
		c.Says = "Too few rows to measure how the score grows with them."
		return
	}
	n, y := make([]float64, len(c.Points)), make([]float64, len(c.Points))
	for i, p := range c.Points {
		n[i], y[i] = float64(p.Rows), 1-p.Score.Value
		if errors {
			y[i] = p.Score.Value
		}
	}
	c.Limit, c.Scale, c.Power = powerLaw(n, y)
	last := n[len(n)-1]
	left := func(limit, scale, power, rows float64) float64 { return limit + float64(scale*math.Pow(rows, -power)) }
	c.Gain = metric.Grouped(groups, func(rows []int) float64 {
		some := make([]float64, len(scores))
		for i, of := range scores {
			if some[i] = 1 - of(rows); errors {
				some[i]--
			}
		}
		limit, scale, power := powerLaw(n, some)
		return left(limit, scale, power, last) - left(limit, scale, power, 2*last)
	})
	c.say(left(c.Limit, c.Scale, c.Power, 2*last), errors)
}

// powerLaw returns the limit, the scale and the power of the curve with the least
// squared distance from the points: for each power the others by least squares,
// none below 0.
//
// Source: power laws of learning, Hestness and others 2017, arXiv:1712.00409.
func powerLaw(n, y []float64) (limit, scale, power float64) {
	const least, step, steps = 0.1, 0.05, 39
	best := math.Inf(1)
	for k := range steps {
		p := least + float64(step*float64(k))
		l, s := leastSquares(n, y, p)
		off := 0.0
		for i := range n {
			d := l + float64(s*math.Pow(n[i], -p)) - y[i]
			off += float64(d * d)
		}
		if off < best {
			best, limit, scale, power = off, l, s, p
		}
	}
	return limit, scale, power
}

// leastSquares fits y = limit + scale·n^−power, neither below 0.
func leastSquares(n, y []float64, power float64) (limit, scale float64) {
	var sx, sy, sxx, sxy float64
	for i := range n {
		x := math.Pow(n[i], -power)
		sx, sy, sxx, sxy = sx+x, sy+y[i], sxx+float64(x*x), sxy+float64(x*y[i])
	}
	m := float64(len(n))
	if det := float64(m*sxx) - float64(sx*sx); det > 0 {
		scale = (float64(m*sxy) - float64(sx*sy)) / det
		limit = (sy - float64(scale*sx)) / m
	}
	switch {
	case scale < 0:
		return sy / m, 0
	case limit < 0:
		return 0, sxy / sxx
	}
	return limit, scale
}

// say puts the forecast into words. Noise rises and falls, and a curve through it
// may rise: more rows help only where resamples rise, too.
func (c *Curve) say(left float64, errors bool) {
	first, last, g := c.Points[0], c.Points[len(c.Points)-1], c.Gain
	if errors {
		c.Double = left
		c.Helps = g.Value > 0.03*last.Score.Value && g.Low > 0
		c.Says = fmt.Sprintf("With %d rows it is off by %.3g on average, with %d by %.3g; twice as many would bring about %.3g.", first.Rows, first.Score.Value, last.Rows, last.Score.Value, left)
		if !c.Helps && g.Value > 0 {
			c.Says += " Whether that is more than chance these rows do not say."
		}
		return
	}
	c.Double = 1 - left
	const worth = 0.01
	c.Helps = g.Value >= worth && g.Low > 0
	c.Says = fmt.Sprintf("With %d rows the score is %.1f %%, with %d it is %.1f %%. ", first.Rows, 100*first.Score.Value, last.Rows, 100*last.Score.Value)
	switch {
	case c.Helps:
		c.Says += fmt.Sprintf("More rows would help: twice as many of the same kind would bring about %.1f points (%.1f to %.1f).", 100*g.Value, 100*g.Low, 100*g.High)
	case g.Value >= worth:
		c.Says += fmt.Sprintf("Whether more rows would help these do not say: twice as many would bring %.1f to %.1f points.", 100*g.Low, 100*g.High)
	default:
		c.Says += fmt.Sprintf("More rows of the same kind would hardly help: twice as many would bring about %.1f points (%.1f to %.1f).", 100*g.Value, 100*g.Low, 100*g.High)
	}
}

// rarest returns the labels with the fewest rows to learn from, fewest first.
func (j *job) rarest(most int) (labels []string, rows []int) {
	counts := make([]int, len(j.labels))
	if j.sets == nil { // numbers
		return nil, nil
	}
	for _, i := range j.learn {
		for _, k := range j.sets[i] {
			counts[k]++
		}
	}
	order := make([]int, len(counts))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[a], counts[b]) })
	for _, k := range order {
		if counts[k] < most {
			labels, rows = append(labels, j.labels[k]), append(rows, counts[k])
		}
	}
	return labels, rows
}
