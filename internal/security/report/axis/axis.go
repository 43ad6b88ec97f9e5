// Package axis lays times on a line: where each stands, in percent of the width,
// and which round times are named on it.
package axis

import (
	"slices"
	"strconv"
	"time"

	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxTicks = 9
	margin   = 1.5 // percent left free at either end
)

// Axis is a span of time. The zero Axis spans nothing.
type Axis struct{ From, To time.Time }

// New spans the times, but for the few that lie so far away that all others would
// fall into one point: clocks are wrong, and records can be forged.
func New(times []time.Time) Axis {
	if len(times) == 0 {
		return Axis{}
	}
	times = slices.Clone(times)
	slices.SortFunc(times, time.Time.Compare)
	n := len(times)
	a := Axis{times[0], times[n-1]}
	if n < 12 {
		return a
	}
	cut := max(n/50, 2) // what lasts has two times
	core := Axis{times[cut], times[n-1-cut]}
	if c := core.To.Sub(core.From); c > 0 && a.To.Sub(a.From) > 20*c {
		return core
	}
	return a
}

// At returns where t stands, in percent, and whether the axis reaches it.
func (a Axis) At(t time.Time) (x float64, inside bool) {
	f := 0.5
	if span := a.To.Sub(a.From); span > 0 {
		f = float64(t.Sub(a.From)) / float64(span)
	}
	inside = f >= 0 && f <= 1
	return margin + min(max(f, 0), 1)*(100-2*margin), inside
}

// Percent writes a place on the axis.
func Percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// Later returns the later of two times: a record may end before it begins.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Tick is a round time on the axis.
type Tick struct {
	X, Label string
	Minor    bool // every second: where there is little room it is left out
}

// Ticks names round times, no more than nine, each new day with its date. dated
// says whether the first time, too, has its date.
func (a Axis) Ticks(dated bool) []Tick {
	step := a.step()
	var out []Tick
	day := ""
	// Truncate counts from the zero time, a midnight in UTC, so steps that divide
	// a day fall on round hours.
	for t := a.From.UTC().Truncate(step); !t.After(a.To); t = t.Add(step) {
		if t.Before(a.From) {
			continue
		}
		at := t.Format(phrase.Layout)
		date, label := at[:len(at)-9], at[len(at)-8:len(at)-3]
		if step < time.Minute {
			label = at[len(at)-8:]
		}
		switch {
		case step >= 24*time.Hour:
			label = date
		case date != day && (dated || day != ""):
			label = date[len(date)-5:] + " " + label
		}
		day = date
		x, _ := a.At(t)
		out = append(out, Tick{Percent(x), label, len(out)%2 == 1})
	}
	return out
}

// step is the time between two ticks.
func (a Axis) step() time.Duration {
	const day = 24 * time.Hour
	steps := []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 30 * day, 90 * day, 365 * day,
	}
	span := a.To.Sub(a.From)
	for _, s := range steps {
		if span/s < maxTicks {
			return s
		}
	}
	step := steps[len(steps)-1]
	for span/step >= maxTicks {
		step *= 2
	}
	return step
}
