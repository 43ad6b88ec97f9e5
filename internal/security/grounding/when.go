package grounding

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/duration"
	"github.com/casemate-ai/casemate/internal/security/grounding/moment"
	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
)

// when returns the times of a piece of evidence and the durations it states.
func (x *index) when() ([]moment.Moment, []time.Duration) {
	x.timesOnce.Do(func() {
		e := x.e
		if !e.First.IsZero() {
			x.times = append(x.times, moment.Of(e.First))
		}
		if !e.Last.IsZero() && !e.Last.Equal(e.First) {
			x.times = append(x.times, moment.Of(e.Last))
		}
		text := straight(e.Text)
		x.times = append(x.times, moment.Find(text, nil)...)
		for _, m := range epoch.FindAllStringSubmatch(text, -1) {
			if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && near(time.Unix(n, 0), e.First) {
				x.times = append(x.times, moment.Of(time.Unix(n, 0)))
			}
		}
		x.lengths = duration.Stated(text)
	})
	return x.times, x.lengths
}

var noon = regexp.MustCompile(`(?i)\b(noon|midday|midnight)\b`)

var epoch = regexp.MustCompile(`\b(1[0-9]{9})(?:\d{3})?(?:\.\d+)?\b`)

var onlyYear = regexp.MustCompile(`(?i)\b(?:in|since|of|from|until|before|after|during|year) ((?:19|20)\d{2})\b`)

// near reports whether t is within a year of what the evidence is about, or
// nothing is known of that: much is no time that looks like one.
func near(t, of time.Time) bool {
	return of.IsZero() || t.Sub(of).Abs() < 366*24*time.Hour
}

// clocks checks dates, clock times, weekdays and durations.
func (r *reading) clocks() {
	ms := moment.Find(r.text, r.used)
	for _, re := range []*regexp.Regexp{noon} {
		for _, m := range re.FindAllStringIndex(r.text, -1) {
			// "Midnight Blizzard" is no time, nor is what a quotation has.
			if !r.free(m[0], m[1]) || capital(r.text[m[0]:m[1]]) && m[1]+1 < len(r.text) && capital(r.text[m[1]+1:]) {
				continue
			}
			if r.has(fold(r.text[m[0]:m[1]])) {
				continue
			}
			t := moment.None()
			t.Hour, t.Min, t.From, t.To = 12, 0, m[0], m[1]
			if strings.EqualFold(r.text[m[0]:m[1]], "midnight") {
				t.Hour = 0
			}
			r.use(m[0], m[1])
			ms = append(ms, t)
		}
	}
	for _, m := range spokenHour.FindAllStringSubmatchIndex(r.low, 4) {
		if r.free(m[0], m[1]) {
			t := moment.None()
			t.Hour, t.From, t.To = int(numeral.Value(r.low[m[2]:m[3]])), m[0], m[1]
			if half := r.low[m[3]:m[1]]; strings.Contains(half, "noon") || strings.Contains(half, "evening") || strings.Contains(half, "p") {
				t.Hour = t.Hour%12 + 12
			}
			r.use(m[0], m[1])
			ms = append(ms, t)
		}
	}
	for _, m := range onlyYear.FindAllStringSubmatchIndex(r.text, -1) {
		if r.free(m[2], m[3]) {
			t := moment.None()
			t.Year, t.From, t.To = int(numeral.Value(r.text[m[2]:m[3]])), m[2], m[3]
			r.use(m[2], m[3])
			ms = append(ms, t)
		}
	}
	slices.SortFunc(ms, func(a, b moment.Moment) int { return a.From - b.From })
	for _, m := range ms {
		if r.looked++; r.looked > maxMentions {
			return
		}
		r.firstDay(m)
		if !r.atTime(m) {
			r.missing(Time, r.text[m.From:m.To])
		}
	}
	r.weekdays()
	r.daytimes()
	r.lengths()
}

var spokenHour = regexp.MustCompile(`\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?: o'clock| in the (?:morning|afternoon|evening)| [ap]\.?m\b)`)

var toDay = regexp.MustCompile(`(\d{1,2})(?:st|nd|rd|th)? ?(?:to|and|until|through|–|-) ?(?:the )?$`)

// firstDay checks the day that "4 to 5 March" begins with.
func (r *reading) firstDay(m moment.Moment) {
	begin := max(0, m.From-24)
	g := toDay.FindStringSubmatchIndex(r.low[begin:m.From])
	if g == nil || m.Day < 0 || m.Month < 0 || m.Hour >= 0 || !r.free(begin+g[2], begin+g[3]) {
		return
	}
	m.Day, m.From = int(numeral.Value(r.low[begin+g[2]:begin+g[3]])), begin+g[2]
	r.use(m.From, begin+g[3])
	if !r.atTime(m) {
		r.missing(Time, r.text[m.From:m.To])
	}
}

// known gives the times of the pool to yield, until it says to stop.
func (r *reading) known(yield func(moment.Moment) bool) {
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
func (r *reading) atTime(m moment.Moment) bool {
	lead := r.low[max(0, m.From-24):m.From]
	ok := false
	r.known(func(t moment.Moment) bool {
		ok = m.Fits(t) || m.Month > 0 && m.Day > 0 && m.Day <= 12 && strings.ContainsAny(r.text[m.From:m.To], "/") && m.Swapped().Fits(t)
		return !ok
	})
	if ok || m.Hour < 0 {
		return ok || r.has(fold(r.text[m.From:m.To])) || m.Month < 0 && r.has(plain(float64(m.Year)))
	}
	var below, above time.Duration // how far the evidence's time may lie off
	switch {
	case about.MatchString(lead), strings.HasPrefix(r.text[max(0, m.From-1):], "~"):
		below, above = 5*time.Minute, 5*time.Minute
		if m.Min < 0 {
			below, above = 30*time.Minute, 30*time.Minute
		}
	case before.MatchString(lead):
		below = max(m.Slack(), time.Minute)
		if strings.Contains(lead, "shortly") || strings.Contains(lead, "just") {
			below = 15 * time.Minute
			if m.Min < 0 {
				below = 30 * time.Minute
			}
		}
	case after.MatchString(lead):
		above = m.Slack()
		if strings.Contains(lead, "shortly") || strings.Contains(lead, "just") {
			above = 15 * time.Minute
		}
	case between.MatchString(lead):
		above = m.Slack()
	case strings.HasSuffix(strings.TrimSpace(lead), "and") && strings.Contains(r.low[max(0, m.From-60):m.From], "between"):
		below = m.Slack()
	default:
		return m.Min < 0 && r.withinHour(m)
	}
	r.known(func(t moment.Moment) bool {
		ok = m.OffBy(t, below, above)
		return !ok
	})
	return ok
}

// withinHour is "9 am" of a time with minutes.
func (r *reading) withinHour(m moment.Moment) bool {
	ok := false
	r.known(func(t moment.Moment) bool { ok = t.Hour == m.Hour; return !ok })
	return ok
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
		r.known(func(t moment.Moment) bool {
			if ok {
				return false
			}
			t.Hour = max(t.Hour, 0)
			w, whole := t.Time()
			ok = whole && w.Weekday().String() == name
			return !ok
		})
		if !ok {
			r.report(Time, name, "no time of the evidence falls on this day")
		}
	}
}

var partOfDay = regexp.MustCompile(`\b(?:in|during|that|this|early|late|the) (?:the )?(?:early |late )?(morning|afternoon|evening|night)\b`)

// hoursOf says, generously, when the parts of a day begin and end.
var hoursOf = map[string][2]int{"morning": {0, 12}, "afternoon": {12, 19}, "evening": {16, 24}, "night": {18, 32}}

// daytimes checks "in the morning" against the hours of the evidence cited.
func (r *reading) daytimes() {
	for _, m := range partOfDay.FindAllStringSubmatchIndex(r.low, 4) {
		name := r.low[m[2]:m[3]]
		if !r.free(m[0], m[1]) || r.cites == 0 || r.has(name) {
			continue
		}
		ok, any, span := false, false, hoursOf[name]
		r.known(func(t moment.Moment) bool {
			any = any || t.Hour >= 0
			ok = t.Hour >= span[0] && t.Hour <= span[1] || t.Hour >= 0 && t.Hour+24 <= span[1]
			return !ok
		})
		if any && !ok {
			r.report(Time, name, "no time of the evidence falls into it")
		}
	}
}

var (
	fewer    = regexp.MustCompile(`(?:less than|under|within|in under|fewer than|no more than|at most|not even|up to|inside|not)(?: the (?:next|first|same))?\s*$`)
	greater  = regexp.MustCompile(`(?:more than|over|at least|longer than|upwards of|exceeding|no less than|not less than)\s*$`)
	loosely  = regexp.MustCompile(`(?:about|around|approximately|roughly|some|nearly|almost|circa|ca\.?|~|an estimated|close to|just over|just under)\s*$`)
	temporal = regexp.MustCompile(`^\s*(?:later|after|before|earlier|apart|of|from|since|,|\.|;|$|for|until|and|between|long|ago|in|then)`)
)

// lengths checks durations against the time between any two times of the evidence
// and against those that it states.
func (r *reading) lengths() {
	for _, l := range duration.Find(r.text) {
		said := r.text[l.From:l.To]
		if !r.free(l.From, l.To) || strings.EqualFold(said, "a second") && !temporal.MatchString(r.low[l.To:]) {
			continue
		}
		r.use(l.From, l.To)
		if r.has(fold(said)) || l.Unit == time.Minute && r.contains("*/"+plain(l.N)+" ") { // of a crontab
			continue
		}
		if r.looked++; r.looked > maxMentions {
			return
		}
		if !r.lasts(l, r.low[max(0, l.From-24):l.From]) {
			r.report(Time, said, "no two times of the evidence lie so far apart, and none says so")
		}
	}
}

func (r *reading) lasts(l duration.Length, lead string) bool {
	want := l.N * float64(l.Unit)
	unit := float64(l.Unit)
	fits := func(d float64) bool { return math.Abs(d-want) <= 0.5*unit || math.Floor(d/unit) == l.N }
	switch {
	case fewer.MatchString(lead):
		// Four seconds are within four minutes, but nobody says so.
		fits = func(d float64) bool {
			return d <= want+0.5*unit*btof(l.Unit <= time.Second) && (d >= want/20 || l.Unit <= time.Second)
		}
	case greater.MatchString(lead):
		fits = func(d float64) bool { return d >= want && d <= 2*want+unit }
	case loosely.MatchString(lead) || l.N == 0.5:
		fits = func(d float64) bool { return math.Abs(d-want) <= 0.2*want+0.5*unit*btof(l.N != 0.5) }
	case l.N != math.Trunc(l.N):
		fits = func(d float64) bool { return math.Abs(d-want) <= 0.1*want }
	}
	if l.Unit >= 24*time.Hour && r.days(l) {
		return true
	}
	for _, d := range r.gaps(!fewer.MatchString(lead) || r.cites < 2) {
		if fits(float64(d)) {
			return true
		}
	}
	return false
}

// days reports whether two dates of the pool lie so many days or weeks apart.
func (r *reading) days(l duration.Length) bool {
	var dates []time.Time
	r.known(func(m moment.Moment) bool {
		if m.Year > 0 && m.Month > 0 && m.Day > 0 {
			dates = append(dates, time.Date(m.Year, time.Month(m.Month), m.Day, 0, 0, 0, 0, time.UTC))
		}
		return len(dates) < 64
	})
	return slices.ContainsFunc(dates, func(d time.Time) bool { return slices.Contains(dates, d.Add(time.Duration(l.N*float64(l.Unit)))) })
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
func (r *reading) gaps(stated bool) []time.Duration {
	const most = 64
	var out []time.Duration
	var points []time.Time
	for _, x := range r.pool {
		begin := len(points)
		times, lengths := x.when()
		if stated {
			out = append(out, lengths...)
		}
		for i, m := range times {
			t, ok := m.Time()
			if !ok && m.Hour >= 0 && m.Day < 0 && !x.e.First.IsZero() { // a note's "at 13:52"
				y, mo, d := x.e.First.UTC().Date()
				m.Year, m.Month, m.Day = y, int(mo), d
				t, ok = m.Time()
			}
			own := i < 2 && (t.Equal(x.e.First.UTC().Truncate(time.Second)) || t.Equal(x.e.Last.UTC().Truncate(time.Second)))
			if ok && (own || r.cites == 1 || written(x.e.Kind)) && len(points) < most && !slices.Contains(points[begin:], t) {
				points = append(points, t)
			}
		}
	}
	for i, a := range points {
		for _, b := range points[:i] {
			// Clocks without seconds give another number of minutes.
			out = append(out, a.Sub(b).Abs(), a.Truncate(time.Minute).Sub(b.Truncate(time.Minute)).Abs())
		}
	}
	return out
}
