package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// The size of a chart, in its own pixels: as wide as a telephone, so that letters
// are read there as they are.
const (
	chartWidth  = 360
	chartHeight = 236
	chartLeft   = 44
	chartRight  = 12
	chartTop    = 10
	chartBottom = 40
)

// chart is a picture with two axes.
type chart struct {
	ID, Title, Summary string
	Says               []string // below it
	XName, YName       string
	XTicks, YTicks     []tickView
	Line, Ideal, Ahead string // paths: what was measured, what is best, what is expected
	Band               string
	Dots               []dotView
}

type tickView struct{ At, Label, Anchor string }

type dotView struct {
	X, Y, Low, High string
	R               string
	Title           string
	Mark            bool // the one that the head works at
	Bar             bool // with its interval
}

// axes turns values into places.
type axes struct {
	x0, x1, y0, y1 float64
	logarithmic    bool
}

func (a axes) x(v float64) float64 {
	low, high := a.x0, a.x1
	if a.logarithmic {
		low, high, v = math.Log(low), math.Log(high), math.Log(v)
	}
	if high == low {
		return chartLeft + float64(chartWidth-chartLeft-chartRight)/2
	}
	return chartLeft + (v-low)/(high-low)*(chartWidth-chartLeft-chartRight)
}

func (a axes) y(v float64) float64 {
	v = min(max(v, a.y0), a.y1)
	return chartHeight - chartBottom - (v-a.y0)/(a.y1-a.y0)*(chartHeight-chartBottom-chartTop)
}

// place writes a coordinate.
func place(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", x), "0"), ".")
}

// path draws a line through points.
func path(points [][2]float64) string {
	var b strings.Builder
	for i, p := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		b.WriteString(command + place(p[0]) + " " + place(p[1]))
	}
	return b.String()
}

// shares are the ticks of an axis of shares from low, which is a multiple of 0.1.
func (a axes) shares(low, step float64, vertical bool) []tickView {
	var out []tickView
	for i := 0; low+float64(i)*step <= 1+1e-9; i++ {
		v := low + float64(i)*step
		at := a.x(v)
		if vertical {
			at = a.y(v)
		}
		out = append(out, tickView{At: place(at), Label: fmt.Sprintf("%.0f", 100*v), Anchor: "middle"})
	}
	return out
}

// floor returns where an axis of shares begins, and the step of its ticks.
func floor(least float64) (low, step float64) {
	low = min(0.9, max(0, math.Floor(10*least)/10))
	switch {
	case low >= 0.8:
		return low, 0.05
	case low >= 0.5:
		return low, 0.1
	}
	return low - math.Mod(math.Round(low*10), 2)/10, 0.2
}

// roundStep returns a step of 1, 2 or 5 times a power of ten of which three to
// seven reach most.
func roundStep(most float64) float64 {
	if !(most > 0) {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(most)))
	for _, m := range []float64{0.2, 0.5, 1} {
		if most/(m*base) <= 7 {
			return m * base
		}
	}
	return 2 * base
}

// learning draws the score after so many rows.
func learning(c *tune.Curve, s scale) *chart {
	if len(c.Points) < 2 {
		return nil
	}
	v := &chart{ID: "curve", Title: "Would more rows help?", XName: "rows learnt from", YName: c.Measure, Says: []string{clean(c.Says)}}
	least, most := math.Inf(1), math.Inf(-1)
	height := func(x float64) float64 {
		if s.errors {
			return math.Abs(x)
		}
		return x
	}
	for _, p := range c.Points {
		for _, x := range []float64{p.Score.Low, p.Score.High, p.Score.Value} {
			least, most = min(least, height(x)), max(most, height(x))
		}
	}
	first, last := c.Points[0], c.Points[len(c.Points)-1]
	end := float64(last.Rows)
	ahead := c.Scale != 0 && c.Double != 0
	if ahead {
		end *= 2
		least, most = min(least, height(c.Double)), max(most, height(c.Double))
	}
	a := axes{x0: float64(max(1, first.Rows)), x1: max(end, float64(first.Rows)+1), logarithmic: true}
	if s.errors {
		step := roundStep(most)
		a.y0, a.y1 = 0, step*math.Ceil(most/step+1e-9)
		for i := 0; float64(i)*step <= a.y1*(1+1e-9); i++ {
			x := float64(i) * step
			v.YTicks = append(v.YTicks, tickView{At: place(a.y(x)), Label: amount(x)})
		}
	} else {
		low, step := floor(least)
		a.y0, a.y1 = low, 1
		v.YTicks = a.shares(low, step, true)
	}
	var line, upper, lower [][2]float64
	taken := math.Inf(-1)
	for i, p := range c.Points {
		x := a.x(float64(max(1, p.Rows)))
		line = append(line, [2]float64{x, a.y(height(p.Score.Value))})
		upper = append(upper, [2]float64{x, a.y(height(p.Score.High))})
		lower = append(lower, [2]float64{x, a.y(height(p.Score.Low))})
		v.Dots = append(v.Dots, dotView{X: place(x), Y: place(a.y(height(p.Score.Value))), R: "3.5", Title: phrase.Count(p.Rows, "row") + ": " + s.estimate(p.Score)})
		if x-taken >= 44 || i == 0 {
			v.XTicks = append(v.XTicks, tickView{At: place(x), Label: phrase.Number(p.Rows), Anchor: "middle"})
			taken = x
		}
	}
	slices.Reverse(lower)
	v.Line, v.Band = path(line), path(append(upper, lower...))+"Z"
	if ahead {
		x, y := a.x(end), a.y(height(c.Double))
		v.Ahead = path([][2]float64{line[len(line)-1], {x, y}})
		v.Dots = append(v.Dots, dotView{X: place(x), Y: place(y), R: "3.5", Mark: true, Title: "expected of " + phrase.Number(2*last.Rows) + " rows: " + s.value(c.Double)})
		if x-taken >= 44 {
			v.XTicks = append(v.XTicks, tickView{At: place(x), Label: phrase.Number(2 * last.Rows), Anchor: "end"})
		}
	}
	v.Summary = fmt.Sprintf("The %s grows from %s with %s to %s with %s.", c.Measure, s.value(first.Score.Value), phrase.Count(first.Rows, "row"), s.value(last.Score.Value), phrase.Count(last.Rows, "row"))
	if s.errors {
		v.Summary = strings.Replace(v.Summary, "grows", "goes", 1)
	}
	return v
}

const (
	bins     = 10 // ranges of stated probabilities that are compared with what came true
	leastBin = 10 // answers of a range below which nothing is said of it
)

// reliability draws stated probabilities against how often they came true.
func reliability(e *outcome.Evaluation) *chart {
	groups, p, ok := right(e)
	if len(p) == 0 {
		return nil
	}
	v := &chart{ID: "calibration", Title: "Can its probabilities be believed?", XName: "stated probability, %", YName: "came true, %"}
	a := axes{x1: 1, y1: 1}
	v.XTicks, v.YTicks = a.shares(0, 0.2, false), a.shares(0, 0.2, true)
	v.Ideal = path([][2]float64{{a.x(0), a.y(0)}, {a.x(1), a.y(1)}})
	worst, where := 0.0, ""
	for b := range bins {
		in := func(i int) bool { return min(bins-1, int(p[i]*bins)) == b }
		at := metric.Clustered(groups, in, func(i int) bool { return ok[i] })
		if at.N == 0 {
			continue
		}
		stated := 0.0
		for i := range p {
			if in(i) {
				stated += p[i] / float64(at.N)
			}
		}
		size := 2.5 + 5*math.Sqrt(float64(at.N)/float64(len(p)))
		v.Dots = append(v.Dots, dotView{X: place(a.x(stated)), Y: place(a.y(at.Value)), Low: place(a.y(at.Low)), High: place(a.y(at.High)), R: place(size), Bar: true,
			Title: fmt.Sprintf("%s of %.0f to %.0f %%: %.1f %% stated, %s came true", phrase.Count(at.N, "answer"), 100*float64(b)/bins, 100*float64(b+1)/bins, 100*stated, share(at))})
		// What counts is the gap times the answers that have it; a few say nothing.
		gap := (stated - at.Value) * float64(at.N)
		if (stated < at.Low || stated > at.High) && at.N >= leastBin && math.Abs(gap) > math.Abs(worst) {
			worst, where = gap, fmt.Sprintf("where it states %.0f %%, %.0f %% came true", 100*stated, 100*at.Value)
		}
	}
	v.Summary = "Stated probabilities against the share that came true, in ten ranges."
	switch {
	case where == "":
		v.Says = append(v.Says, "They hold within what so few rows can tell: every dot of ten answers or more reaches the dashed line.")
	case worst > 0:
		v.Says = append(v.Says, "It is too sure of itself: "+where+".")
	default:
		v.Says = append(v.Says, "It is too modest: "+where+".")
	}
	if f, has := e.Figures["ece"]; has {
		v.Says = append(v.Says, "On average the two differ by "+share(f)+". Larger dots are more answers.")
	}
	return v
}

// abstention draws how right the answers are if only the surest are given.
func abstention(e *outcome.Evaluation) *chart {
	if e.Task == "multi" {
		return nil // each label has a threshold of its own
	}
	_, p, ok := right(e)
	if len(p) == 0 {
		return nil
	}
	curve := metric.RiskCurve(p, ok)
	least := 1.0
	for _, r := range curve {
		if r.Coverage >= 0.1 {
			least = min(least, 1-r.Risk)
		}
	}
	v := &chart{ID: "abstention", Title: "What does abstaining gain?", XName: "share of rows answered, %", YName: "right of those, %"}
	low, step := floor(least)
	a := axes{x1: 1, y0: low, y1: 1}
	v.XTicks, v.YTicks = a.shares(0, 0.2, false), a.shares(low, step, true)
	var line [][2]float64
	for _, r := range thin(curve) {
		line = append(line, [2]float64{a.x(r.Coverage), a.y(1 - r.Risk)})
	}
	v.Line = path(line)
	v.Summary = "Right answers among those given, by the share of rows that is answered."
	coverage, has := e.Figures["coverage"]
	accuracy, has2 := e.Figures["accuracy_answered"]
	if has && has2 {
		v.Dots = []dotView{{X: place(a.x(coverage.Value)), Y: place(a.y(accuracy.Value)), Low: place(a.y(accuracy.Low)), High: place(a.y(accuracy.High)), R: "5", Mark: true, Bar: true, Title: fmt.Sprintf("with its thresholds it answers %s and is right in %s of them", percent(coverage.Value), share(accuracy))}}
		v.Says = append(v.Says, fmt.Sprintf("With its thresholds (the marked place) it answers %s of the rows and is right in %s of those. The rest it leaves to a person.", percent(coverage.Value), share(accuracy)))
	}
	return v
}

// thin keeps at most two hundred points of a curve, the last among them.
func thin(curve []metric.Risk) []metric.Risk {
	const most = 200
	step := max(1, len(curve)/most)
	var out []metric.Risk
	for i, r := range curve {
		if i%step == 0 || i == len(curve)-1 {
			out = append(out, r)
		}
	}
	return out
}
