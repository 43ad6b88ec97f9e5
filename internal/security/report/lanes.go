package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const (
	maxLanes   = 16  // incidents with a lane of their own
	laneBins   = 160 // marks a lane can hold: moments closer than this are one mark
	maxSpans   = 40  // lines of a lane for what lasted
	maxTicks   = 9
	axisMargin = 1.5 // percent left free at either end of the axis
	minRadius  = 4.0
	maxRadius  = 11.0
	restRadius = 6.0 // where many incidents share a lane
)

// chart is the picture of when things happened, its positions in percent of
// the width so that it can be drawn at any.
type chart struct {
	Lanes   []lane
	Ticks   []tick
	Lower   string // the axis in words
	Outside int    // moments drawn at an end of the axis, for it does not reach them
	Untimed int    // moments without a time
}

type lane struct {
	Anchor string // "" for the lane of the remaining incidents
	Rank   int
	Label  string
	Note   string
	Class  string
	X, W   string // from the first to the last moment
	Spans  []span
	Marks  []mark
}

// span is a moment that lasted long enough to be seen as a line.
type span struct{ X, W, Class string }

// mark is one or more moments at one place of a lane.
type mark struct{ X, R, Class, Title string }

type tick struct {
	X, Label string
	Minor    bool // left out where there is little room
}

// axis maps time to percent of the width.
type axis struct{ from, to time.Time }

// at returns where t stands, and whether the axis reaches it.
func (a axis) at(t time.Time) (float64, bool) {
	f := 0.5
	if span := a.to.Sub(a.from); span > 0 {
		f = float64(t.Sub(a.from)) / float64(span)
	}
	inside := f >= 0 && f <= 1
	return axisMargin + min(max(f, 0), 1)*(100-2*axisMargin), inside
}

// newAxis spans the times, but for the few that lie so far away that all
// others would fall into one point: clocks are wrong, and records can be forged.
func newAxis(times []time.Time) axis {
	if len(times) == 0 {
		return axis{}
	}
	slices.SortFunc(times, time.Time.Compare)
	n := len(times)
	a := axis{times[0], times[n-1]}
	cut := max(n/50, 2) // a moment has two times
	if n >= 12 {
		core := axis{times[cut], times[n-1-cut]}
		if c := core.to.Sub(core.from); c > 0 && a.to.Sub(a.from) > 20*c {
			return core
		}
	}
	return a
}

// newChart draws the incidents of a report; anchors are the ids they have in the page.
func newChart(incidents []casemate.Incident, anchors []string) chart {
	var c chart
	var times []time.Time
	for i := range incidents {
		for _, m := range incidents[i].Timeline {
			if m.First.IsZero() {
				c.Untimed++
				continue
			}
			times = append(times, m.First, later(m.First, m.Last))
		}
	}
	a := newAxis(times)
	if len(times) == 0 {
		return c
	}
	c.Outside = outside(a, incidents)
	c.Lower = period(a.from, a.to)
	c.Ticks = ticks(a)
	for i := range incidents[:min(maxLanes, len(incidents))] {
		inc := &incidents[i]
		l := draw(a, inc.Timeline, maxRadius)
		l.Anchor, l.Rank, l.Class = anchors[i], inc.Rank, verdictClass(inc.Verdict)
		l.Label, l.Note = shorten(inc.Title, 90), shorten(strings.Join(inc.Hosts[:min(2, len(inc.Hosts))], ", "), 60)
		if len(inc.Hosts) > 2 {
			l.Note += " +" + number(len(inc.Hosts)-2)
		}
		c.Lanes = append(c.Lanes, l)
	}
	if len(incidents) > maxLanes {
		var rest []casemate.Moment
		for i := range incidents[maxLanes:] {
			rest = append(rest, incidents[maxLanes+i].Timeline...)
		}
		l := draw(a, rest, restRadius)
		l.Label, l.X, l.W = count(len(incidents)-maxLanes, "further incident"), "0", "0"
		c.Lanes = append(c.Lanes, l)
	}
	return c
}

// outside counts the moments that the axis does not reach.
func outside(a axis, incidents []casemate.Incident) int {
	n := 0
	for i := range incidents {
		for _, m := range incidents[i].Timeline {
			if _, inside := a.at(m.First); !inside && !m.First.IsZero() {
				n++
			}
		}
	}
	return n
}

// bin gathers the moments that share a mark.
type bin struct {
	count    int // of alerts
	moments  int
	severity casemate.Severity
	gravest  *casemate.Moment
}

// draw lays one lane's moments on the axis, as marks no larger than largest.
func draw(a axis, timeline []casemate.Moment, largest float64) lane {
	var l lane
	var bins [laneBins + 1]bin
	from, to := 100.0, 0.0
	for i := range timeline {
		m := &timeline[i]
		if m.First.IsZero() {
			continue
		}
		x, _ := a.at(m.First)
		end, _ := a.at(later(m.First, m.Last))
		from, to = min(from, x), max(to, end)
		if end-x > 100.0/laneBins && len(l.Spans) < maxSpans {
			l.Spans = append(l.Spans, span{percent(x), percent(end - x), severityClass(m.Severity)})
		}
		b := &bins[int(x/100*laneBins)]
		b.count += max(m.Count, 1)
		b.moments++
		if b.gravest == nil || m.Severity > b.severity {
			b.severity, b.gravest = m.Severity, m
		}
	}
	if from <= to {
		l.X, l.W = percent(from), percent(to-from)
	}
	// Large marks first, so that none lies hidden under a larger one.
	var drawn []*bin
	for i := range bins {
		if bins[i].gravest != nil {
			drawn = append(drawn, &bins[i])
		}
	}
	slices.SortStableFunc(drawn, func(a, b *bin) int { return cmp.Compare(b.count, a.count) })
	for _, b := range drawn {
		l.Marks = append(l.Marks, b.mark(a, largest))
	}
	return l
}

// mark draws a bin where its gravest moment stands, sized by its alerts.
func (b *bin) mark(a axis, largest float64) mark {
	x, _ := a.at(b.gravest.First)
	title := stamp(b.gravest.First) + "  " + b.severity.String() + "  " + shorten(b.gravest.Name, 80)
	if b.gravest.Host != "" {
		title += " on " + shorten(b.gravest.Host, 40)
	}
	title += ", " + count(b.count, "alert")
	if b.moments > 1 {
		title += " in " + number(b.moments) + " lines"
	}
	r := min(minRadius+math.Log2(float64(b.count)), largest)
	return mark{percent(x), strconv.FormatFloat(r, 'f', 1, 64), severityClass(b.severity), title}
}

// ticks names round times on the axis, no more than maxTicks.
func ticks(a axis) []tick {
	span := a.to.Sub(a.from)
	steps := []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour,
		30 * 24 * time.Hour, 90 * 24 * time.Hour, 365 * 24 * time.Hour,
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if span/s < maxTicks {
			step = s
			break
		}
	}
	for span/step >= maxTicks {
		step *= 2
	}
	var out []tick
	day := ""
	// Truncate counts from the zero time, a midnight in UTC, so steps that
	// divide a day fall on round hours.
	for t := a.from.UTC().Truncate(step); !t.After(a.to); t = t.Add(step) {
		if t.Before(a.from) {
			continue
		}
		x, _ := a.at(t)
		label := t.Format("15:04")
		if step < time.Minute {
			label = t.Format("15:04:05")
		}
		if d := t.Format(dayLayout); d != day && (step >= 24*time.Hour || day != "" || len(out) == 0) {
			day = d
			if step >= 24*time.Hour {
				label = d
			} else {
				label = d[5:] + " " + label
			}
		}
		out = append(out, tick{percent(x), label, len(out)%2 == 1})
	}
	return out
}

func percent(x float64) string { return fmt.Sprintf("%.2f", x) }
