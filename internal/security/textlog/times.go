package textlog

import (
	"strconv"
	"strings"
	"time"
)

// futureSlack is how far behind ref a date without a year may lie in the
// future. Beyond it the date is last year's: clocks differ by hours, and a log
// of December is read in January.
const futureSlack = 24 * time.Hour

// digits reads n decimal digits at s[i:].
func digits(s string, i, n int) (int, bool) {
	if i < 0 || i+n > len(s) {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[i : i+n]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// month returns the number of an English month of three letters.
func month(s string) time.Month {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(s) < 3 {
		return 0
	}
	if i := strings.Index(names, s[:3]); i >= 0 && i%3 == 0 {
		return time.Month(i/3 + 1)
	}
	return 0
}

// clock reads "hh:mm:ss" with an optional fraction of up to nine digits, behind
// a dot or a comma, and returns its end.
func clock(s string, i int) (since time.Duration, end int, ok bool) {
	h, ok1 := digits(s, i, 2)
	m, ok2 := digits(s, i+3, 2)
	sec, ok3 := digits(s, i+6, 2)
	if !ok1 || !ok2 || !ok3 || s[i+2] != ':' || s[i+5] != ':' || h > 23 || m > 59 || sec > 60 {
		return 0, 0, false
	}
	since = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second
	end = i + 8
	if end+1 < len(s) && (s[end] == '.' || s[end] == ',') && isDigit(s[end+1]) {
		unit := time.Second
		for end++; end < len(s) && isDigit(s[end]); end++ {
			if unit /= 10; unit == 0 {
				return 0, 0, false
			}
			since += time.Duration(s[end]-'0') * unit
		}
	}
	return since, end, true
}

// date returns midnight of a day that exists.
func date(year int, m time.Month, day int, loc *time.Location) (time.Time, bool) {
	t := time.Date(year, m, day, 0, 0, 0, 0, loc)
	return t, m >= 1 && m <= 12 && day >= 1 && t.Day() == day
}

// isoTime reads an RFC 3339 time at the start of s, with "T" or a space, and
// returns its end. Without a zone it is a time of loc. One that is to have a
// zone gets a nil loc.
func isoTime(s string, loc *time.Location) (t time.Time, end int, ok bool) {
	y, ok1 := digits(s, 0, 4)
	m, ok2 := digits(s, 5, 2)
	d, ok3 := digits(s, 8, 2)
	if !ok1 || !ok2 || !ok3 || len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && (s[10] != ' ' || loc == nil) {
		return time.Time{}, 0, false
	}
	since, end, ok := clock(s, 11)
	if !ok {
		return time.Time{}, 0, false
	}
	zone, next, found := isoZone(s, end)
	if !found {
		if loc == nil {
			return time.Time{}, 0, false
		}
		zone, next = loc, end
	}
	t, ok = date(y, time.Month(m), d, zone)
	return t.Add(since).UTC(), next, ok
}

// isoZone reads "Z", "+01:00" or "+0100" at s[i:].
func isoZone(s string, i int) (*time.Location, int, bool) {
	if i < len(s) && s[i] == 'Z' {
		return time.UTC, i + 1, true
	}
	if i >= len(s) || s[i] != '+' && s[i] != '-' {
		return nil, 0, false
	}
	h, ok := digits(s, i+1, 2)
	next := i + 3
	if next < len(s) && s[next] == ':' {
		next++
	}
	m, ok2 := digits(s, next, 2)
	if !ok || !ok2 || h > 23 || m > 59 {
		return nil, 0, false
	}
	offset := h*3600 + m*60
	if s[i] == '-' {
		offset = -offset
	}
	return time.FixedZone("", offset), next + 2, true
}

// bsdTime reads the time of RFC 3164, "Oct  1 22:14:15", at the start of s, also
// with a year before or behind the clock, and returns its end.
func bsdTime(s string, ref time.Time) (t time.Time, end int, ok bool) {
	m := month(s)
	if m == 0 || len(s) < 14 || s[3] != ' ' {
		return time.Time{}, 0, false
	}
	i := 4
	if s[i] == ' ' {
		i++
	}
	n := 2
	if i+1 < len(s) && s[i+1] == ' ' {
		n = 1
	}
	day, ok := digits(s, i, n)
	if !ok || i+n >= len(s) || s[i+n] != ' ' {
		return time.Time{}, 0, false
	}
	i += n + 1
	year, hasYear := digits(s, i, 4)
	if hasYear && i+4 < len(s) && s[i+4] == ' ' {
		i += 5
	} else {
		hasYear = false
	}
	since, end, ok := clock(s, i)
	if !ok {
		return time.Time{}, 0, false
	}
	if y, ok := digits(s, end+1, 4); !hasYear && ok && s[end] == ' ' && y >= 1970 && y < 2200 && yearEnds(s[end+5:]) {
		year, hasYear, end = y, true, end+5
	}
	if !hasYear {
		year = ref.Year()
	}
	t, ok = date(year, m, day, ref.Location())
	t = t.Add(since)
	if !hasYear && (!ok || t.After(ref.Add(futureSlack))) {
		// February 29 exists only in the leap year that it was written in.
		for back := 1; back <= 8; back++ {
			if t, ok = date(year-back, m, day, ref.Location()); ok {
				break
			}
		}
		t = t.Add(since)
	}
	return t.UTC(), end, ok
}

// yearEnds says whether what follows four digits shows that they are a year and
// not the start of an address.
func yearEnds(s string) bool {
	return s == "" || s[0] == ' ' || s[0] == ']' || strings.HasPrefix(s, ": ")
}

// unixTime reads seconds since 1970 with an optional fraction of up to nine
// digits.
func unixTime(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) > 11 || len(fraction) > 9 {
		return time.Time{}, false
	}
	sec, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	var nsec uint64
	if fraction != "" {
		if nsec, err = strconv.ParseUint((fraction + "000000000")[:9], 10, 63); err != nil {
			return time.Time{}, false
		}
	}
	return time.Unix(int64(sec), int64(nsec)).UTC(), true
}

// isDigit says whether c is a decimal digit.
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
