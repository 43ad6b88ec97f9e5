package grounding

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// moment is a time as a text gives it: parts that it does not give are -1.
type moment struct {
	year, month, day, hour, min, sec int
	from, to                         int // where it stands
	human                            bool
}

func nothing() moment { return moment{year: -1, month: -1, day: -1, hour: -1, min: -1, sec: -1} }

func momentOf(t time.Time) moment {
	t = t.UTC()
	return moment{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, 0, false}
}

// whole reports whether the moment is a point in time, and which.
func (m moment) whole() (time.Time, bool) {
	if m.year < 0 || m.month < 0 || m.day < 0 || m.hour < 0 {
		return time.Time{}, false
	}
	return time.Date(m.year, time.Month(m.month), m.day, m.hour, max(m.min, 0), max(m.sec, 0), 0, time.UTC), true
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
	clockTime  = regexp.MustCompile(`(?i)\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})? ?(am\b|pm\b|a\.m\.|p\.m\.)?()`)
	hourAlone  = regexp.MustCompile(`(?i)\b(\d{1,2})()() ?(am\b|pm\b|a\.m\.|p\.m\.|o'clock\b)()`)
	military   = regexp.MustCompile(`\b([01]\d|2[0-3])([0-5]\d)()()(?: ?(?:UTC|GMT|Z|hrs|hours)\b)()`)
	noon       = regexp.MustCompile(`(?i)\b(noon|midday|midnight)\b`)
	epoch      = regexp.MustCompile(`\b(1[0-9]{9})(?:\d{3})?(?:\.\d+)?\b`)
	onlyYear   = regexp.MustCompile(`(?i)\b(?:in|since|of|from|until|before|after|during|year) ((?:19|20)\d{2})\b`)
)

// moments finds the times of a text. used marks what others have dealt with, and
// what moments finds; it may be nil.
func moments(text string, used []bool) []moment {
	if used == nil {
		used = make([]bool, len(text))
	}
	var out []moment
	take := func(re *regexp.Regexp, read func(g []string) (moment, bool)) {
		for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
			if slices.Contains(used[m[0]:m[1]], true) {
				continue
			}
			g := make([]string, len(m)/2)
			for i := range g {
				if m[2*i] >= 0 {
					g[i] = text[m[2*i]:m[2*i+1]]
				}
			}
			if t, ok := read(g); ok && t.sane() {
				t.from, t.to = m[0], m[1]
				for k := m[0]; k < m[1]; k++ {
					used[k] = true
				}
				out = append(out, t)
			}
		}
	}
	date := func(y, mo, d int) func(g []string) (moment, bool) {
		return func(g []string) (moment, bool) {
			t := nothing()
			t.year, t.month, t.day = number(g[y]), monthOf(g[mo]), number(g[d])
			clock(&t, g[4:])
			return t, true
		}
	}
	take(isoTime, date(1, 2, 3))
	take(yearFirst, date(1, 2, 3))
	take(slashed, date(3, 2, 1))
	take(dayFirst, date(3, 2, 1))
	take(monthFirst, date(3, 1, 2))
	take(monthYear, func(g []string) (moment, bool) {
		t := nothing()
		t.month, t.year = monthOf(g[1]), number(g[2])
		return t, true
	})
	for _, re := range []*regexp.Regexp{clockTime, hourAlone, military} {
		take(re, func(g []string) (moment, bool) {
			t := nothing()
			clock(&t, g[1:])
			return t, t.hour >= 0
		})
	}
	return out
}

func (m moment) sane() bool {
	return m.month <= 12 && m.month != 0 && m.day <= 31 && m.day != 0 && m.hour <= 24 && m.min < 60 && m.sec <= 60
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
// A zone other than UTC moves a whole moment to UTC.
func clock(t *moment, g []string) {
	if len(g) < 4 || g[0] == "" {
		return
	}
	t.hour, t.min, t.sec = number(g[0]), number(g[1]), number(g[2])
	switch half := strings.ToLower(strings.ReplaceAll(g[3], ".", "")); {
	case half == "pm" && t.hour < 12:
		t.hour += 12
	case half == "am" && t.hour == 12:
		t.hour = 0
	}
	if len(g) < 5 {
		return
	}
	zone := strings.ReplaceAll(strings.TrimSpace(g[4]), ":", "")
	if w, ok := t.whole(); ok && len(zone) == 5 && zone[1:] != "0000" {
		off := time.Duration(number(zone[1:3]))*time.Hour + time.Duration(number(zone[3:]))*time.Minute
		if zone[0] == '+' {
			off = -off
		}
		seconds := t.sec
		*t = momentOf(w.Add(off))
		if seconds < 0 {
			t.sec = -1
		}
	}
}

// when returns the times of a piece of evidence and the durations it states.
func (x *index) when() ([]moment, []time.Duration) {
	x.timesOnce.Do(func() {
		e := x.e
		if !e.First.IsZero() {
			x.times = append(x.times, momentOf(e.First))
		}
		if !e.Last.IsZero() && !e.Last.Equal(e.First) {
			x.times = append(x.times, momentOf(e.Last))
		}
		text := straight(e.Text)
		x.times = append(x.times, moments(text, nil)...)
		for _, m := range epoch.FindAllStringSubmatch(text, -1) {
			if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && near(time.Unix(n, 0), e.First) {
				x.times = append(x.times, momentOf(time.Unix(n, 0)))
			}
		}
		x.lengths = statedLengths(text)
	})
	return x.times, x.lengths
}

// near reports whether t is within a year of what the evidence is about, or
// nothing is known of that: much is no time that looks like one.
func near(t, of time.Time) bool {
	return of.IsZero() || t.Sub(of).Abs() < 366*24*time.Hour
}

var lengthKey = regexp.MustCompile(`(?i)(?:duration|elapsed|interval|seconds|uptime)`)
var plainNumber = regexp.MustCompile(`\d+(?:\.\d+)?`)

// statedLengths finds durations in a text: with a unit, or, in seconds and
// milliseconds, after a field that is called so.
func statedLengths(text string) []time.Duration {
	var out []time.Duration
	for _, l := range lengthsIn(text) {
		out = append(out, time.Duration(l.n*float64(l.unit)))
	}
	for _, m := range lengthKey.FindAllStringIndex(text, -1) {
		tail := text[m[1]:min(len(text), m[1]+24)]
		for _, s := range plainNumber.FindAllString(tail, 3) {
			if f, err := strconv.ParseFloat(s, 64); err == nil && f < 1e8 {
				out = append(out, time.Duration(f*float64(time.Second)))
			}
		}
	}
	return out
}

// clocks checks dates, clock times, weekdays and durations.
func (r *reading) clocks() {
	ms := moments(r.text, r.used)
	for _, re := range []*regexp.Regexp{noon} {
		for _, m := range re.FindAllStringIndex(r.text, -1) {
			t := nothing()
			t.hour, t.min, t.from, t.to = 12, 0, m[0], m[1]
			if strings.EqualFold(r.text[m[0]:m[1]], "midnight") {
				t.hour = 0
			}
			r.use(m[0], m[1])
			ms = append(ms, t)
		}
	}
	for _, m := range onlyYear.FindAllStringSubmatchIndex(r.text, -1) {
		if r.free(m[2], m[3]) {
			t := nothing()
			t.year, t.from, t.to = number(r.text[m[2]:m[3]]), m[2], m[3]
			r.use(m[2], m[3])
			ms = append(ms, t)
		}
	}
	slices.SortFunc(ms, func(a, b moment) int { return a.from - b.from })
	for _, m := range ms {
		if r.looked++; r.looked > maxMentions {
			return
		}
		if !r.atTime(m) {
			r.missing(Time, r.text[m.from:m.to])
		}
	}
	r.weekdays()
	r.lengths()
}

// known gives the times of the pool to yield, until it says to stop.
func (r *reading) known(yield func(moment) bool) {
	for _, x := range r.pool {
		times, _ := x.when()
		for _, t := range times {
			if !yield(t) {
				return
			}
		}
	}
}

var (
	before  = regexp.MustCompile(`(?:^|\s)(shortly before|just before|before|by|until|till|up to|no later than|prior to)(?: the| about| around)?\s*$`)
	after   = regexp.MustCompile(`(?:^|\s)(shortly after|just after|after|since|past|from|no earlier than|starting|beginning)(?: at| about| around)?\s*$`)
	about   = regexp.MustCompile(`(?:^|\s|\()(?:about|around|approximately|roughly|circa|ca\.?|near|nearly|close to|some time around|towards?|~)(?: at)?\s*$`)
	between = regexp.MustCompile(`\bbetween\s+(?:about |around )?$`)
)

// atTime reports whether evidence has a time as the statement gives it.
func (r *reading) atTime(m moment) bool {
	lead := r.low[max(0, m.from-24):m.from]
	ok := false
	r.known(func(t moment) bool {
		ok = m.fits(t) || m.month > 0 && m.day > 0 && m.day <= 12 && strings.ContainsAny(r.text[m.from:m.to], "/") && m.swapped().fits(t)
		return !ok
	})
	if ok || m.hour < 0 {
		return ok || r.has(fold(r.text[m.from:m.to])) || m.month < 0 && r.has(plain(float64(m.year)))
	}
	var below, above time.Duration // how far the evidence's time may lie off
	switch {
	case about.MatchString(lead), strings.HasPrefix(r.text[max(0, m.from-1):], "~"):
		below, above = 5*time.Minute, 5*time.Minute
		if m.min < 0 {
			below, above = 30*time.Minute, 30*time.Minute
		}
	case before.MatchString(lead):
		below = time.Hour
		if strings.Contains(lead, "shortly") || strings.Contains(lead, "just") {
			below = 15 * time.Minute
		}
	case after.MatchString(lead):
		above = time.Hour
		if strings.Contains(lead, "shortly") || strings.Contains(lead, "just") {
			above = 15 * time.Minute
		}
	case between.MatchString(lead):
		above = time.Hour
	case strings.HasSuffix(strings.TrimSpace(lead), "and") && strings.Contains(r.low[max(0, m.from-60):m.from], "between"):
		below = time.Hour
	default:
		return m.min < 0 && r.withinHour(m)
	}
	r.known(func(t moment) bool {
		ok = m.offBy(t, below, above)
		return !ok
	})
	return ok
}

// withinHour is "9 am" of a time with minutes.
func (r *reading) withinHour(m moment) bool {
	ok := false
	r.known(func(t moment) bool { ok = t.hour == m.hour; return !ok })
	return ok
}

func (m moment) swapped() moment {
	m.month, m.day = m.day, m.month
	return m
}

// fits reports whether every part that m gives is the same in t. Minutes without
// seconds may be rounded up.
func (m moment) fits(t moment) bool {
	same := func(a, b int) bool { return a < 0 || a == b }
	// Evidence such as a note often gives a clock time without its date.
	if m.day >= 0 && m.hour >= 0 && t.day < 0 {
		return false
	}
	if !same(m.year, t.year) && t.year >= 0 || m.year >= 0 && t.year < 0 && m.month < 0 ||
		!same(m.month, t.month) || !same(m.day, t.day) {
		return false
	}
	if m.hour == 24 {
		m.hour = 0
	}
	if same(m.hour, t.hour) && same(m.min, t.min) && same(m.sec, t.sec) {
		return true
	}
	return false
}

// offBy reports whether t lies at most so long before or after m, on its day where
// m has one.
func (m moment) offBy(t moment, below, above time.Duration) bool {
	if t.hour < 0 || m.day >= 0 && m.day != t.day || m.month >= 0 && m.month != t.month {
		return false
	}
	d := time.Duration(t.hour-m.hour)*time.Hour + time.Duration(max(t.min, 0)-max(m.min, 0))*time.Minute + time.Duration(max(t.sec, 0)-max(m.sec, 0))*time.Second
	return d >= -below && d <= above
}

var weekday = regexp.MustCompile(`\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b`)

func (r *reading) weekdays() {
	for _, m := range weekday.FindAllStringIndex(r.text, -1) {
		if !r.free(m[0], m[1]) {
			continue
		}
		r.use(m[0], m[1])
		name := strings.TrimSuffix(r.text[m[0]:m[1]], "s")
		ok := r.has(strings.ToLower(name))
		r.known(func(t moment) bool {
			if ok {
				return false
			}
			t.hour = max(t.hour, 0)
			w, whole := t.whole()
			ok = whole && w.Weekday().String() == name
			return !ok
		})
		if !ok {
			r.report(Time, name, "no time of the evidence falls on this day")
		}
	}
}

// length is a duration in a text.
type length struct {
	n        float64
	unit     time.Duration
	from, to int
}

var (
	unitNames = `(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|weeks?)`
	lengthOf  = regexp.MustCompile(`(?i)\b(` + countWords + `|half an?|an?|\d[\d,]*(?:\.\d+)?)[ -]?` + unitNames + `\b(?:,? and (?:a half|(` + countWords + `|\d+) ` + unitNames + `\b))?`)
)

var units = map[string]time.Duration{"ms": time.Millisecond, "mi": time.Minute, "se": time.Second, "s": time.Second, "ho": time.Hour, "hr": time.Hour, "h": time.Hour, "da": 24 * time.Hour, "we": 7 * 24 * time.Hour}

func unitOf(s string) time.Duration {
	s = strings.ToLower(s)
	if strings.HasPrefix(s, "milli") {
		return time.Millisecond
	}
	return units[s[:min(2, len(s))]]
}

func lengthsIn(text string) []length {
	var out []length
	for _, m := range lengthOf.FindAllStringSubmatchIndex(text, -1) {
		word := strings.ToLower(text[m[2]:m[3]])
		l := length{unit: unitOf(text[m[4]:m[5]]), from: m[0], to: m[1]}
		switch {
		case strings.HasPrefix(word, "half"):
			l.n = 0.5
		case word == "a" || word == "an":
			if l.unit < time.Second || m[5]-m[4] < 3 { // "a s", and "a second account"
				continue
			}
			l.n = 1
		default:
			l.n = valueOf(word)
		}
		if m[1] > m[5] { // "and a half", "and 12 seconds"
			if m[6] >= 0 {
				l.n += valueOf(text[m[6]:m[7]]) * float64(unitOf(text[m[8]:m[9]])) / float64(l.unit)
			} else {
				l.n += 0.5
			}
		}
		out = append(out, l)
	}
	return out
}

var (
	fewer    = regexp.MustCompile(`(?:less than|under|within|in under|fewer than|no more than|at most|not even|up to|inside)(?: the (?:next|first|same))?\s*$`)
	greater  = regexp.MustCompile(`(?:more than|over|at least|longer than|upwards of|exceeding|no less than|not less than)\s*$`)
	loosely  = regexp.MustCompile(`(?:about|around|approximately|roughly|some|nearly|almost|circa|ca\.?|~|an estimated|close to|just over|just under)\s*$`)
	ordinal  = regexp.MustCompile(`^a (?:second|minute)\b(?:\s+\w+)?`)
	temporal = regexp.MustCompile(`^\s*(?:later|after|before|earlier|apart|of|from|since|,|\.|;|$|for|until|and|between|long|ago|in|then)`)
)

// lengths checks durations against the time between any two times of the evidence
// and against those that it states.
func (r *reading) lengths() {
	for _, l := range lengthsIn(r.text) {
		said := r.text[l.from:l.to]
		if !r.free(l.from, l.to) || strings.EqualFold(said, "a second") && !temporal.MatchString(r.low[l.to:]) {
			continue
		}
		r.use(l.from, l.to)
		if r.has(fold(said)) {
			continue
		}
		if r.looked++; r.looked > maxMentions {
			return
		}
		if !r.lasts(l, r.low[max(0, l.from-24):l.from]) {
			r.report(Time, said, "no two times of the evidence lie so far apart, and none says so")
		}
	}
}

func (r *reading) lasts(l length, lead string) bool {
	want := l.n * float64(l.unit)
	unit := float64(l.unit)
	fits := func(d float64) bool { return math.Abs(d-want) <= 0.5*unit || math.Floor(d/unit) == l.n }
	switch {
	case fewer.MatchString(lead):
		fits = func(d float64) bool { return d <= want+0.5*unit*btof(l.unit <= time.Second) && d >= 0 }
	case greater.MatchString(lead):
		fits = func(d float64) bool { return d >= want && d <= 2*want+unit }
	case loosely.MatchString(lead) || l.n == 0.5:
		fits = func(d float64) bool { return math.Abs(d-want) <= 0.2*want+0.5*unit*btof(l.n != 0.5) }
	case l.n != math.Trunc(l.n):
		fits = func(d float64) bool { return math.Abs(d-want) <= 0.1*want }
	}
	for _, d := range r.gaps() {
		if fits(float64(d)) {
			return true
		}
	}
	return false
}

func btof(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// gaps returns the durations that the pool states, and those between its times. Of
// several pieces it is the times of what they report, not those inside them, that
// count; of one piece, and of what people wrote, those inside count as well.
func (r *reading) gaps() []time.Duration {
	const most = 64
	var out []time.Duration
	var points []time.Time
	for _, x := range r.pool {
		times, stated := x.when()
		out = append(out, stated...)
		for i, m := range times {
			t, ok := m.whole()
			if !ok && m.hour >= 0 && m.day < 0 && !x.e.First.IsZero() { // a note's "at 13:52"
				y, mo, d := x.e.First.UTC().Date()
				m.year, m.month, m.day = y, int(mo), d
				t, ok = m.whole()
			}
			own := i < 2 && (t.Equal(x.e.First.UTC().Truncate(time.Second)) || t.Equal(x.e.Last.UTC().Truncate(time.Second)))
			if ok && (own || r.cites == 1 || written(x.e.Kind)) && len(points) < most {
				points = append(points, t)
			}
		}
	}
	for i, a := range points {
		for _, b := range points[:i] {
			out = append(out, a.Sub(b).Abs())
		}
	}
	if len(out) > 0 && len(points) == 1 {
		return out
	}
	return out
}
