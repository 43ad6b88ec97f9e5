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
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

const (
	maxLanes     = 14  // hosts with a lane of their own
	laneBins     = 120 // marks a lane can hold: what happens closer than this is one mark
	maxSpans     = 40  // lines of a lane for what lasted
	leastMoments = 5   // fewer are no picture
	minRadius    = 4.5
	maxRadius    = 10.0
	noHost       = "no host named"
)

// timelineView is the picture of when things happened on which host, its
// positions in percent of the width, and the list of it below.
type timelineView struct {
	Lanes   []laneView
	Ticks   []axis.Tick
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

type momentView struct {
	ID, Day, Clock, Machine, Class, Severity, Host, User, Text, Note string
	Cites                                                            citesView
}

func (h *hypertext) timeline(t Timeline, lim limits) timelineView {
	h.lane++
	v := timelineView{N: h.lane, More: phrase.More(lim.rows, len(t)), Graded: t.graded(), Hosted: slices.ContainsFunc(t, func(one Happening) bool { return one.Host != "" })}
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

// draw lays all happenings on lanes; rows of them are listed below.
func (v *timelineView) draw(t Timeline, rows int) {
	var times []time.Time
	untimed := 0
	for i := range t {
		if t[i].Time.IsZero() {
			untimed++
			continue
		}
		times = append(times, t[i].Time, axis.Later(t[i].Time, t[i].Until))
	}
	if untimed > 0 {
		v.Untimed = phrase.Number(untimed) + " without a time " + isAre(untimed) + " only in the list."
	}
	if len(times) < 2*leastMoments { // each has a beginning and an end
		return
	}
	a := axis.New(times)
	v.Span, v.Ticks = period(a.From, a.To), a.Ticks(false)
	if n := outside(a, t); n > 0 {
		v.Outside = phrase.Number(n) + " outside of this span " + standStands(n) + " at its edge."
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
		l.Label, l.Full, l.Rest = phrase.Count(len(hosts)-maxLanes, "further host"), "", true
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
func outside(a axis.Axis, t Timeline) int {
	n := 0
	for i := range t {
		if _, inside := a.At(t[i].Time); !inside && !t[i].Time.IsZero() {
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
func (v *timelineView) drawLane(a axis.Axis, t Timeline, list []int, rows int, host string) laneView {
	var l laneView
	bins := make([]bin, laneBins+1)
	from, to := 100.0, 0.0
	var worst casemate.Severity
	for _, i := range list {
		one := &t[i]
		worst = max(worst, one.Severity)
		x, _ := a.At(one.Time)
		end, _ := a.At(axis.Later(one.Time, one.Until))
		from, to = min(from, x), max(to, end)
		if end-x > 100.0/laneBins && len(l.Spans) < maxSpans {
			l.Spans = append(l.Spans, spanView{axis.Percent(x), axis.Percent(end - x), severityClass(one.Severity)})
		}
		b := &bins[int(x/100*laneBins)]
		if b.lines == 0 || one.Severity > t[b.gravest].Severity {
			b.gravest = i
		}
		b.count += max(one.Count, 1)
		b.lines++
	}
	if from <= to {
		l.X, l.W = axis.Percent(from), axis.Percent(to-from)
	}
	l.Label, l.Class, l.Count = noHost, severityClass(worst), phrase.Number(len(list))
	if len(list) > 0 && host != "" {
		full := shorten(t[list[0]].Host, 120)
		l.Label = columns.Fit(full, 26)
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
func (v *timelineView) mark(a axis.Axis, t Timeline, b bin, rows int) markView {
	one := &t[b.gravest]
	x, _ := a.At(one.Time)
	title := stamp(one.Time) + "  " + one.Severity.String() + "\n" + shorten(one.Text, 120)
	if b.lines > 1 {
		title += "\nand " + phrase.Number(b.lines-1) + " more here"
	}
	m := markView{X: axis.Percent(x), Class: severityClass(one.Severity), Title: title}
	m.R = strconv.FormatFloat(min(minRadius+math.Log2(float64(b.count)), maxRadius), 'f', 1, 64)
	if b.gravest < rows {
		m.Row = v.row(b.gravest)
	}
	return m
}
