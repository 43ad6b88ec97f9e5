package page

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
	maxLanes     = 14  // hosts with a lane of their own
	laneBins     = 120 // marks a lane can hold: what happens closer than this is one mark
	maxSpans     = 40  // lines of a lane for what lasted
	maxTicks     = 9
	leastMoments = 5   // fewer are no picture
	axisMargin   = 1.5 // percent left free at either end of the axis
	minRadius    = 4.5
	maxRadius    = 10.0
	noHost       = "no host named"
)

// timelineView is the picture of when things happened on which host, its
// positions in percent of the width, and the list of it below.
type timelineView struct {
	Lanes   []laneView
	Ticks   []tickView
	Span    string // the axis in words
	Outside string // what stands at an end of the axis, for it does not reach it
	Untimed string
	Rows    []momentView
	More    string
	N       int
	Graded  bool // anything is said of severities
	Hosted  bool // and of hosts
	First   bool // of the page: it explains how to read the picture
}

type laneView struct {
	Label, Full, Count string
	Class              string
	Rest               bool
	X, W               string // from the first to the last
	Spans              []spanView
	Marks              []markView
}

type spanView struct{ X, W, Class string }

// markView is one or more happenings at one place of a lane.
type markView struct{ X, R, Class, Title, Row string }

type tickView struct {
	X, Label string
	Minor    bool // left out where there is little room
}

type momentView struct {
	ID, Day, Clock, Machine, Class, Severity, Host, User, Text, Note string
	Cites                                                            citesView
}

func (h *hypertext) timeline(t Timeline, lim limits) timelineView {
	h.lane++
	v := timelineView{N: h.lane, More: andMore(lim.rows, len(t)), Graded: t.graded(), Hosted: slices.ContainsFunc(t, func(one Happening) bool { return one.Host != "" })}
	rows := t[:min(lim.rows, len(t))]
	v.draw(t, len(rows))
	if len(v.Lanes) > 0 && (h.explained == 0 || h.explained == h.block) {
		v.First, h.explained = true, h.block
	}
	last := ""
	for i := range rows {
		one := &rows[i]
		m := momentView{
			ID: v.row(i), Class: severityClass(one.Severity), Severity: one.Severity.String(), Host: shorten(one.Host, 80), User: shorten(one.User, 60),
			Text: shorten(one.Text, lim.text), Note: lasted(one), Cites: h.citations(one.Evidence),
		}
		if !one.Time.IsZero() {
			m.Clock, m.Machine = one.Time.UTC().Format(clockLayout), one.Time.UTC().Format("2006-01-02T15:04:05Z")
		}
		if today := dayOf(one.Time); today != last {
			m.Day, last = today, today
		}
		v.Rows = append(v.Rows, m)
	}
	return v
}

// row is the id of a line of the list, so that a mark leads to it.
func (v *timelineView) row(i int) string { return fmt.Sprintf("t%d-%d", v.N, i+1) }

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
	times = slices.Clone(times)
	slices.SortFunc(times, time.Time.Compare)
	n := len(times)
	a := axis{times[0], times[n-1]}
	cut := max(n/50, 2) // a happening has two times
	if n >= 12 {
		core := axis{times[cut], times[n-1-cut]}
		if c := core.to.Sub(core.from); c > 0 && a.to.Sub(a.from) > 20*c {
			return core
		}
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// draw lays all happenings on lanes; rows of them are listed below.
func (v *timelineView) draw(t Timeline, rows int) {
	var times []time.Time
	untimed := 0
	for i := range t {
		if t[i].Time.IsZero() {
			untimed++
			continue
		}
		times = append(times, t[i].Time, later(t[i].Time, t[i].Until))
	}
	if untimed > 0 {
		v.Untimed = number(untimed) + " without a time " + isAre(untimed) + " only in the list."
	}
	if len(times) < 2*leastMoments { // each has a beginning and an end
		return
	}
	a := newAxis(times)
	v.Span, v.Ticks = period(a.from, a.to), ticks(a)
	if n := outside(a, t); n > 0 {
		v.Outside = number(n) + " outside of this span " + standStands(n) + " at its edge."
	}
	hosts, byHost := lanesOf(t)
	for _, host := range hosts[:min(maxLanes, len(hosts))] {
		v.Lanes = append(v.Lanes, v.drawLane(a, t, byHost[host], rows, host))
	}
	if len(hosts) > maxLanes {
		var rest []int
		for _, host := range hosts[maxLanes:] {
			rest = append(rest, byHost[host]...)
		}
		slices.Sort(rest)
		l := v.drawLane(a, t, rest, rows, "")
		l.Label, l.Full, l.Rest = count(len(hosts)-maxLanes, "further host"), "", true
		v.Lanes = append(v.Lanes, l)
	}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func standStands(n int) string {
	if n == 1 {
		return "stands"
	}
	return "stand"
}

// lanesOf gathers the timed happenings of each host, the hosts in the order of
// their first grave one: those where little happened come last when there are
// many, and what names no host after all.
func lanesOf(t Timeline) ([]string, map[string][]int) {
	byHost := map[string][]int{}
	var hosts []string
	weight := map[string]int{}
	for i := range t {
		if t[i].Time.IsZero() {
			continue
		}
		key := strings.ToLower(t[i].Host)
		if byHost[key] == nil {
			hosts = append(hosts, key)
		}
		byHost[key] = append(byHost[key], i)
		weight[key] = max(weight[key], int(t[i].Severity))
	}
	first := func(host string) time.Time {
		at := t[byHost[host][0]].Time
		for _, i := range byHost[host] {
			if t[i].Time.Before(at) {
				at = t[i].Time
			}
		}
		return at
	}
	if len(hosts) > maxLanes {
		slices.SortStableFunc(hosts, func(x, y string) int { return cmp.Compare(weight[y], weight[x]) })
		slices.SortStableFunc(hosts[:maxLanes], func(x, y string) int { return first(x).Compare(first(y)) })
	} else {
		slices.SortStableFunc(hosts, func(x, y string) int { return first(x).Compare(first(y)) })
	}
	if i := slices.Index(hosts, ""); i >= 0 && i < maxLanes {
		hosts = slices.Insert(slices.Delete(hosts, i, i+1), min(maxLanes, len(hosts))-1, "")
	}
	return hosts, byHost
}

// outside counts the happenings that the axis does not reach.
func outside(a axis, t Timeline) int {
	n := 0
	for i := range t {
		if _, inside := a.at(t[i].Time); !inside && !t[i].Time.IsZero() {
			n++
		}
	}
	return n
}

// bin gathers the happenings that share a mark.
type bin struct {
	count   int // of records
	lines   int
	gravest int // index in the timeline
}

// drawLane lays the happenings of one lane on the axis.
func (v *timelineView) drawLane(a axis, t Timeline, list []int, rows int, host string) laneView {
	var l laneView
	bins := make([]bin, laneBins+1)
	from, to := 100.0, 0.0
	var worst casemate.Severity
	for _, i := range list {
		one := &t[i]
		worst = max(worst, one.Severity)
		x, _ := a.at(one.Time)
		end, _ := a.at(later(one.Time, one.Until))
		from, to = min(from, x), max(to, end)
		if end-x > 100.0/laneBins && len(l.Spans) < maxSpans {
			l.Spans = append(l.Spans, spanView{percent(x), percent(end - x), severityClass(one.Severity)})
		}
		b := &bins[int(x/100*laneBins)]
		if b.lines == 0 || one.Severity > t[b.gravest].Severity {
			b.gravest = i
		}
		b.count += max(one.Count, 1)
		b.lines++
	}
	if from <= to {
		l.X, l.W = percent(from), percent(to-from)
	}
	l.Label, l.Class, l.Count = noHost, severityClass(worst), number(len(list))
	if len(list) > 0 && host != "" {
		full := shorten(t[list[0]].Host, 120)
		l.Label = fit(full, 26)
		if l.Label != full {
			l.Full = full
		}
	}
	// Large marks first, so that none lies hidden under a larger one.
	drawn := slices.DeleteFunc(bins, func(b bin) bool { return b.lines == 0 })
	slices.SortStableFunc(drawn, func(x, y bin) int { return cmp.Compare(y.count, x.count) })
	for _, b := range drawn {
		l.Marks = append(l.Marks, v.mark(a, t, b, rows))
	}
	return l
}

// mark draws a bin where its gravest happening stands, sized by its records.
func (v *timelineView) mark(a axis, t Timeline, b bin, rows int) markView {
	one := &t[b.gravest]
	x, _ := a.at(one.Time)
	title := stamp(one.Time) + "  " + one.Severity.String() + "\n" + shorten(one.Text, 120)
	if b.lines > 1 {
		title += "\nand " + number(b.lines-1) + " more here"
	}
	m := markView{X: percent(x), Class: severityClass(one.Severity), Title: title}
	m.R = strconv.FormatFloat(min(minRadius+math.Log2(float64(b.count)), maxRadius), 'f', 1, 64)
	if b.gravest < rows {
		m.Row = v.row(b.gravest)
	}
	return m
}

// ticks names round times on the axis, no more than maxTicks.
func ticks(a axis) []tickView {
	span := a.to.Sub(a.from)
	steps := []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour,
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
	var out []tickView
	today := ""
	// Truncate counts from the zero time, a midnight in UTC, so steps that
	// divide a day fall on round hours.
	for t := a.from.UTC().Truncate(step); !t.After(a.to); t = t.Add(step) {
		if t.Before(a.from) {
			continue
		}
		x, _ := a.at(t)
		label := t.Format("15:04")
		if step < time.Minute {
			label = t.Format(clockLayout)
		}
		if d := t.Format(dayLayout); step >= 24*time.Hour {
			label = d
		} else if d != today {
			if today != "" {
				label = d[5:] + " " + label
			}
			today = d
		}
		out = append(out, tickView{percent(x), label, len(out)%2 == 1})
	}
	return out
}

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
