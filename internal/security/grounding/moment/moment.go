// Package moment finds dates and clock times in texts, of people and of machines, and
// compares times of which one or both lack parts.
package moment

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Moment is a time as a text gives it: parts that it does not give are -1.
// From and To say where it stands.
type Moment struct {
	Year, Month, Day, Hour, Min, Sec int
	From, To                         int
}

// None returns a Moment without any part.
func None() Moment { return Moment{Year: -1, Month: -1, Day: -1, Hour: -1, Min: -1, Sec: -1} }

// Of returns a point in time as a Moment, in UTC.
func Of(t time.Time) Moment {
	t = t.UTC()
	return Moment{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, 0}
}

// Time reports whether the Moment is a point in time, and which.
func (m Moment) Time() (time.Time, bool) {
	if m.Year < 0 || m.Month < 0 || m.Day < 0 || m.Hour < 0 {
		return time.Time{}, false
	}
	return time.Date(m.Year, time.Month(m.Month), m.Day, m.Hour, max(m.Min, 0), max(m.Sec, 0), 0, time.UTC), true
}

const (
	monthNames = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`
	clockTail  = `(?:[T ,]+(?:at )?(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.,]\d{1,9})? ?(am\b|pm\b|a\.m\.|p\.m\.)?(Z|[+-]\d{2}:?\d{2}\b)?)?`
)

// The forms of a date, with a clock time behind them or without, and those of a
// clock time alone.
var (
	isoTime    = regexp.MustCompile(`(?i)\b(\d{4})-(\d{2})-(\d{2})` + clockTail)
	dayFirst   = regexp.MustCompile(`(?i)\b(\d{1,2})(?:st|nd|rd|th)?(?: of)?[ /-](` + monthNames + `)\b\.?(?:[ ,/-]+(\d{4})\b)?` + `(?::(\d{2}):(\d{2}):(\d{2})( ?)( [+-]\d{4})?)?`)
	monthFirst = regexp.MustCompile(`(?i)\b(` + monthNames + `)\.? {1,2}(\d{1,2})(?:st|nd|rd|th)?\b(?:,? (\d{4})\b)?` + clockTail)
	monthYear  = regexp.MustCompile(`(?i)\b(` + monthNames + `),? (?:of )?(\d{4})\b`)
	slashed    = regexp.MustCompile(`\b(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b` + clockTail)
	yearFirst  = regexp.MustCompile(`\b(\d{4})/(\d{2})/(\d{2})\b` + clockTail)
	clockTime  = regexp.MustCompile(`(?i)\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?(?:Z\b|h\b|\b) ?(am\b|pm\b|a\.m\.|p\.m\.)?()`)
	hourAlone  = regexp.MustCompile(`(?i)\b(\d{1,2})()() ?(am\b|pm\b|a\.m\.|p\.m\.|o'clock\b)()`)
	spoken     = regexp.MustCompile(`(?i)\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (?:o'clock(?: in the (morning|afternoon|evening))?|in the (morning|afternoon|evening)|(am|pm)\b)`)
	bare       = regexp.MustCompile(`(?i)\b(?:shortly|just) (?:before|after) (one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?:[.,;]|$| (?:in the|that|on) )`)
	military   = regexp.MustCompile(`\b([01]\d|2[0-3])([0-5]\d)()()(?: ?(?:UTC|GMT|Z|hrs|hours)\b)()`)
)

// Find returns the times of a text. used marks bytes that are no part of a time, and
// is set for what Find takes; it may be nil.
func Find(text string, used []bool) []Moment {
	if used == nil {
		used = make([]bool, len(text))
	}
	var out []Moment
	low := strings.ToLower(text)
	month := slices.ContainsFunc(monthOrder, func(m string) bool { return strings.Contains(low, m) })
	take := func(possible bool, re *regexp.Regexp, read func(g []string) (Moment, bool)) {
		if !possible { // the expressions cost more than what they need to be there
			return
		}
		for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
			if slices.Contains(used[m[0]:m[1]], true) || m[0] > 0 && strings.IndexByte(".:-", text[m[0]-1]) >= 0 || strings.Contains(text[m[0]:m[1]], "may") {
				continue
			}
			g := make([]string, len(m)/2)
			for i := range g {
				if m[2*i] >= 0 {
					g[i] = text[m[2*i]:m[2*i+1]]
				}
			}
			if t, ok := read(g); ok && t.sane() {
				t.From, t.To = m[0], m[1]
				for k := m[0]; k < m[1]; k++ {
					used[k] = true
				}
				out = append(out, t)
			}
		}
	}
	date := func(y, mo, d int) func(g []string) (Moment, bool) {
		return func(g []string) (Moment, bool) {
			t := None()
			t.Year, t.Month, t.Day = number(g[y]), monthOf(g[mo]), number(g[d])
			clock(&t, g[4:])
			return t, true
		}
	}
	take(strings.Contains(text, "-"), isoTime, date(1, 2, 3))
	take(strings.Contains(text, "/"), yearFirst, date(1, 2, 3))
	take(strings.ContainsAny(text, "/."), slashed, date(3, 2, 1))
	take(month, dayFirst, date(3, 2, 1))
	take(month, monthFirst, date(3, 1, 2))
	take(month, monthYear, func(g []string) (Moment, bool) {
		t := None()
		t.Month, t.Year = monthOf(g[1]), number(g[2])
		return t, true
	})
	half := strings.Contains(low, "am") || strings.Contains(low, "pm") || strings.Contains(low, ".m.") || strings.Contains(low, "o'clock")
	zone := strings.Contains(low, "utc") || strings.Contains(low, "gmt") || strings.Contains(text, "Z") || strings.Contains(low, "h")
	possible := []bool{strings.Contains(text, ":"), half, zone}
	for i, re := range []*regexp.Regexp{clockTime, hourAlone, military} {
		take(possible[i], re, func(g []string) (Moment, bool) {
			t := None()
			clock(&t, g[1:])
			return t, t.Hour >= 0
		})
	}
	for _, re := range []*regexp.Regexp{spoken, bare} {
		for _, m := range re.FindAllStringSubmatchIndex(low, 8) {
			if slices.Contains(used[m[2]:m[3]], true) {
				continue
			}
			t := None()
			t.Hour, t.From, t.To = 1+slices.Index(hours, low[m[2]:m[3]]), m[2], m[3]
			if said := low[m[0]:m[1]]; t.Hour < 12 && (strings.Contains(said, "afternoon") || strings.Contains(said, "evening") || strings.HasSuffix(said, "pm")) {
				t.Hour += 12
			}
			for k := m[2]; k < m[3]; k++ {
				used[k] = true
			}
			out = append(out, t)
		}
	}
	return out
}

var hours = []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

func (m Moment) sane() bool {
	return m.Month <= 12 && m.Month != 0 && m.Day <= 31 && m.Day != 0 && m.Hour <= 24 && m.Min < 60 && m.Sec <= 60
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

var monthOrder = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

func monthOf(s string) int {
	if n := number(s); n >= 0 {
		return n
	}
	if len(s) < 3 {
		return -1
	}
	if i := slices.Index(monthOrder, strings.ToLower(s[:3])); i >= 0 {
		return i + 1
	}
	return -1
}

// clock sets the time of day from hour, minute, second, half of the day and zone.
// A zone other than UTC moves a whole Moment to UTC.
func clock(t *Moment, g []string) {
	if len(g) < 4 || g[0] == "" {
		return
	}
	t.Hour, t.Min, t.Sec = number(g[0]), number(g[1]), number(g[2])
	switch half := strings.ToLower(strings.ReplaceAll(g[3], ".", "")); {
	case half == "pm" && t.Hour < 12:
		t.Hour += 12
	case half == "am" && t.Hour == 12:
		t.Hour = 0
	}
	if len(g) < 5 {
		return
	}
	zone := strings.ReplaceAll(strings.TrimSpace(g[4]), ":", "")
	if w, ok := t.Time(); ok && len(zone) == 5 && zone[1:] != "0000" {
		off := time.Duration(number(zone[1:3]))*time.Hour + time.Duration(number(zone[3:]))*time.Minute
		if zone[0] == '+' {
			off = -off
		}
		seconds := t.Sec
		*t = Of(w.Add(off))
		if seconds < 0 {
			t.Sec = -1
		}
	}
}

// Slack is how far from a bound such as "after 09:00" the evidence's time may lie: the
// rounder the bound, the further.
func (m Moment) Slack() time.Duration {
	switch {
	case m.Sec > 0:
		return 0
	case m.Min%30 <= 0:
		return time.Hour
	case m.Min%5 == 0:
		return 15 * time.Minute
	}
	return 0
}

// Swapped exchanges month and day: 03/04/2026 may be either.
func (m Moment) Swapped() Moment {
	m.Month, m.Day = m.Day, m.Month
	return m
}

// Fits reports whether every part that m gives is the same in t. Minutes without
// seconds may be rounded up.
func (m Moment) Fits(t Moment) bool {
	same := func(a, b int) bool { return a < 0 || a == b }
	// Evidence such as a note often gives a clock time without its date.
	if m.Day >= 0 && m.Hour >= 0 && t.Day < 0 {
		return false
	}
	if !same(m.Year, t.Year) && t.Year >= 0 || m.Year >= 0 && t.Year < 0 && m.Month < 0 ||
		!same(m.Month, t.Month) || !same(m.Day, t.Day) {
		return false
	}
	if m.Hour == 24 {
		m.Hour = 0
	}
	if same(m.Hour, t.Hour) && same(m.Min, t.Min) && same(m.Sec, t.Sec) {
		return true
	}
	return false
}

// OffBy reports whether t lies at most so long before or after m, on its day where
// m has one.
func (m Moment) OffBy(t Moment, below, above time.Duration) bool {
	if t.Hour < 0 || m.Day >= 0 && m.Day != t.Day || m.Month >= 0 && m.Month != t.Month {
		return false
	}
	d := time.Duration(t.Hour-m.Hour)*time.Hour + time.Duration(max(t.Min, 0)-max(m.Min, 0))*time.Minute + time.Duration(max(t.Sec, 0)-max(m.Sec, 0))*time.Second
	return d >= -below && d <= above
}
