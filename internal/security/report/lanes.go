package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
)

const (
	maxLanes   = 16  // incidents with a lane of their own
	laneBins   = 160 // marks a lane can hold: moments closer than this are one mark
	maxSpans   = 40  // lines of a lane for what lasted
	minRadius  = 4.0
	maxRadius  = 11.0
	restRadius = 6.0 // where many incidents share a lane
)

// chart is the picture of when things happened, its positions in percent of
// the width so that it can be drawn at any.
type chart struct {
	Lanes   []lane
	Ticks   []axis.Tick
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
			times = append(times, m.First, axis.Later(m.First, m.Last))
		}
	}
	a := axis.New(times)
	if len(times) == 0 {
		return c
	}
	c.Outside = outside(a, incidents)
	c.Lower = period(a.From, a.To)
	c.Ticks = a.Ticks(true)
	for i := range incidents[:min(maxLanes, len(incidents))] {
		inc := &incidents[i]
		l := draw(a, inc.Timeline, maxRadius)
		l.Anchor, l.Rank, l.Class = anchors[i], inc.Rank, verdictClass(inc.Verdict)
		l.Label, l.Note = shorten(inc.Title, 90), shorten(strings.Join(inc.Hosts[:min(2, len(inc.Hosts))], ", "), 60)
		if len(inc.Hosts) > 2 {
			l.Note += " +" + phrase.Number(len(inc.Hosts)-2)
		}
		c.Lanes = append(c.Lanes, l)
	}
	if len(incidents) > maxLanes {
		var rest []casemate.Moment
		for i := range incidents[maxLanes:] {
			rest = append(rest, incidents[maxLanes+i].Timeline...)
		}
		l := draw(a, rest, restRadius)
		l.Label, l.X, l.W = phrase.Count(len(incidents)-maxLanes, "further incident"), "0", "0"
		c.Lanes = append(c.Lanes, l)
	}
	return c
}

// outside counts the moments that the axis does not reach.
func outside(a axis.Axis, incidents []casemate.Incident) int {
	n := 0
	for i := range incidents {
		for _, m := range incidents[i].Timeline {
			if _, inside := a.At(m.First); !inside && !m.First.IsZero() {
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
func draw(a axis.Axis, timeline []casemate.Moment, largest float64) lane {
	var l lane
	var bins [laneBins + 1]bin
	from, to := 100.0, 0.0
	for i := range timeline {
		m := &timeline[i]
		if m.First.IsZero() {
			continue
		}
		x, _ := a.At(m.First)
		end, _ := a.At(axis.Later(m.First, m.Last))
		from, to = min(from, x), max(to, end)
		if end-x > 100.0/laneBins && len(l.Spans) < maxSpans {
			l.Spans = append(l.Spans, span{axis.Percent(x), axis.Percent(end - x), severityClass(m.Severity)})
		}
		b := &bins[int(x/100*laneBins)]
		b.count += max(m.Count, 1)
		b.moments++
		if b.gravest == nil || m.Severity > b.severity {
			b.severity, b.gravest = m.Severity, m
		}
	}
	if from <= to {
		l.X, l.W = axis.Percent(from), axis.Percent(to-from)
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
func (b *bin) mark(a axis.Axis, largest float64) mark {
	x, _ := a.At(b.gravest.First)
	title := stamp(b.gravest.First) + "  " + b.severity.String() + "  " + shorten(b.gravest.Name, 80)
	if b.gravest.Host != "" {
		title += " on " + shorten(b.gravest.Host, 40)
	}
	title += ", " + phrase.Count(b.count, "alert")
	if b.moments > 1 {
		title += " in " + phrase.Number(b.moments) + " lines"
	}
	r := min(minRadius+math.Log2(float64(b.count)), largest)
	return mark{axis.Percent(x), strconv.FormatFloat(r, 'f', 1, 64), severityClass(b.severity), title}
}
