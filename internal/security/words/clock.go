package words

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stamp is a time as a person or program wrote it.
type stamp struct {
	year, day    int
	month        time.Month
	clock        time.Duration // since midnight
	dated, timed bool
	zone         time.Duration // to be taken off
	zoned        bool
}

// at returns the moment in UTC, with the date of the text around it where the
// stamp has none; the zero time where neither has one.
func (s stamp) at(day time.Time) time.Time {
	if s.dated {
		day = time.Date(s.year, s.month, s.day, 0, 0, 0, 0, time.UTC)
	}
	if day.IsZero() {
		return time.Time{}
	}
	return day.Add(s.clock - s.zone)
}

const (
	dateForm = `(\d{4})-(\d\d)-(\d\d)`
	dotForm  = `(\d{1,2})[./](\d{1,2})[./](\d{4}|\d\d)`
	timeForm = `(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?`
	zoneForm = `(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?`
)

var (
	// leading is a time at the start of a line, with or without a date, a bullet
	// and brackets.
	leading  = regexp.MustCompile(`^(?:(?:` + dateForm + `|` + dotForm + `)(?:[T,]? ?|, ))?` + timeForm + `( ?[AaPp][Mm])?` + zoneForm)
	isoDate  = regexp.MustCompile(`(?:^|[^\d-])` + dateForm + `(?:$|[^\d-])`)
	joinDate = regexp.MustCompile(`(?:^|\D)(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:$|\D)`)
	longDate = regexp.MustCompile(`(?i)\b(?:(\d{1,2})\.? (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,? (\d{4})|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* (\d{1,2})(?: \d\d:\d\d:\d\d)?,? (\d{4}))\b`)
)

var months = map[string]time.Month{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}

// readStamp reads the time that a text begins with and returns what stands
// behind it. Of two short numbers the first is the day, unless it cannot be.
func readStamp(text string) (s stamp, rest string, ok bool) {
	if len(text) < 4 || text[0] < '0' || text[0] > '9' {
		return s, text, false
	}
	m := leading.FindStringSubmatch(text)
	if m == nil {
		return s, text, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(m[i]); return n } // digits only, so the error says nothing
	switch {
	case m[1] != "":
		s.year, s.month, s.day, s.dated = number(1), time.Month(number(2)), number(3), true
	case m[4] != "":
		s.day, s.month, s.year, s.dated = number(4), time.Month(number(5)), number(6), true
		if s.month > 12 && s.day <= 12 {
			s.day, s.month = int(s.month), time.Month(s.day)
		}
		if s.year < 100 {
			s.year += 2000
		}
	}
	hour, minute, second := number(7), number(8), number(9)
	if half := strings.ToLower(strings.TrimSpace(m[11])); half == "pm" && hour < 12 {
		hour += 12
	} else if half == "am" && hour == 12 {
		hour = 0
	}
	if hour > 23 || minute > 59 || second > 59 || s.dated && !valid(s.year, s.month, s.day) {
		return stamp{}, text, false
	}
	s.timed = true
	s.clock = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	if m[10] != "" {
		frac, _ := strconv.Atoi((m[10] + "000000000")[:9]) // digits only
		s.clock += time.Duration(frac)
	}
	if z := m[12]; z != "" {
		s.zoned = true
		s.zone = offset(z)
	}
	rest = text[len(m[0]):]
	if rest != "" && (rest[0] >= '0' && rest[0] <= '9' || rest[0] == ':') {
		return stamp{}, text, false // an address or a version, no time
	}
	return s, rest, true
}

// offset reads a zone such as "+01:00"; Z, UTC and GMT are none.
func offset(z string) time.Duration {
	if z[0] != '+' && z[0] != '-' {
		return 0
	}
	digits := strings.ReplaceAll(z[1:], ":", "")
	hours, _ := strconv.Atoi(digits[:2]) // digits only
	minutes, _ := strconv.Atoi(digits[2:])
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if z[0] == '-' {
		return -d
	}
	return d
}

func valid(year int, month time.Month, day int) bool {
	if month < 1 || month > 12 || day < 1 || year < 1990 || year > 2100 {
		return false
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Day() == day
}

// dateIn finds a date anywhere in a heading, a header line or a file's name.
func dateIn(text string) (time.Time, bool) {
	for _, form := range []*regexp.Regexp{isoDate, joinDate} {
		if m := form.FindStringSubmatch(text); m != nil {
			year, _ := strconv.Atoi(m[1]) // digits only
			month, _ := strconv.Atoi(m[2])
			day, _ := strconv.Atoi(m[3])
			if valid(year, time.Month(month), day) {
				return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
			}
		}
	}
	if m := longDate.FindStringSubmatch(text); m != nil {
		d, mon, y := m[1], m[2], m[3]
		if d == "" {
			mon, d, y = m[4], m[5], m[6]
		}
		day, _ := strconv.Atoi(d) // digits only
		year, _ := strconv.Atoi(y)
		month := months[strings.ToLower(mon)]
		if valid(year, month, day) {
			return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), true
		}
	}
	return time.Time{}, false
}

// layouts are the forms of times in JSON exports and headers.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04 -0700", "2006-01-02T15:04", "2006-01-02 15:04", time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
	"2 Jan 2006 15:04:05 -0700", "Mon Jan _2 15:04:05 2006", "02/Jan/06 3:04 PM", "2 Jan 2006 15:04", time.DateOnly,
}

// readTime reads a whole value: a time in a usual form, or seconds,
// milliseconds or nanoseconds since 1970. A time without a zone is UTC.
func readTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 64 {
		return time.Time{}, false
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case seconds > 6e17 && seconds < 4.2e18:
			seconds /= 1e9
		case seconds > 6e11 && seconds < 4.2e12:
			seconds /= 1e3
		case seconds < 6e8 || seconds > 4.2e9:
			return time.Time{}, false
		}
		whole := int64(seconds)
		return time.Unix(whole, int64((seconds-float64(whole))*1e6)*1000).UTC(), true
	}
	text = strings.TrimSuffix(text, " UTC")
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	if i := strings.Index(text, " ("); i > 0 { // a mail's "+0000 (UTC)"
		return readTime(text[:i])
	}
	return time.Time{}, false
}
