package page

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

const (
	stampLayout = phrase.Layout
	dayLayout   = "2006-01-02"
	clockLayout = "15:04:05"
	noTime      = "no time"
)

// stamp writes a time in UTC to the second.
func stamp(t time.Time) string {
	if t.IsZero() {
		return noTime
	}
	return phrase.Time(t)
}

// period writes a span of time, its end without the day where that is the same.
func period(first, last time.Time) string {
	switch {
	case first.IsZero() && last.IsZero():
		return noTime
	case first.IsZero():
		return stamp(last)
	case !last.After(first) || stamp(first) == stamp(last):
		return stamp(first)
	case day(first) == day(last):
		return stamp(first) + " to " + last.UTC().Format(clockLayout)
	}
	return stamp(first) + " to " + stamp(last)
}

func day(t time.Time) string { return t.UTC().Format(dayLayout) }

// cutNote is about how long the words are that say what a cut left out: a text
// that is longer by no more than that stays whole.
const cutNote = 24

// shorten cleans s and cuts it to n characters, saying how many it leaves out.
func shorten(s string, n int) string { return shortenBy(report.Terminal, s, n) }

// shortenLine is shorten for a text that may have lines, which it puts behind
// one another with a mark between them.
func shortenLine(s string, n int) string {
	return shortenBy(func(s string) string {
		lines := slices.DeleteFunc(codeLines(s), func(l string) bool { return strings.TrimSpace(l) == "" })
		return strings.Join(lines, " ⏎ ")
	}, strings.TrimSpace(s), n)
}

// shortenLines is shorten for a text whose lines stay lines.
func shortenLines(s string, n int) string {
	return shortenBy(func(s string) string { return strings.Join(codeLines(s), "\n") }, strings.TrimSpace(s), n)
}

// shortenBy cuts what clean makes of s to n characters. It cleans no more of s
// than it can show: evidence may be long, and is named wherever it is cited.
func shortenBy(clean func(string) string, s string, n int) string {
	beyond := 0
	if most := utf8.UTFMax * (n + cutNote + 2); len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) && most > utf8.UTFMax*(n+cutNote+1) {
			most--
		}
		beyond = utf8.RuneCountInString(s[most:])
		s = s[:most]
	}
	s = clean(s)
	if len(s) <= n+cutNote && beyond == 0 {
		return s
	}
	cut, seen := len(s), 0
	for i := range s {
		if seen == n {
			cut = i
		}
		if seen++; seen > n+cutNote {
			return s[:cut] + "… (" + phrase.Number(utf8.RuneCountInString(s[cut:])+beyond) + " more characters)"
		}
	}
	if beyond > 0 {
		return s + "… (" + phrase.Number(beyond) + " more characters)"
	}
	return s
}

// bar draws a part of a whole in cells columns, to an eighth of a column.
func bar(part float64, cells int) string {
	eighths := int(part*float64(cells)*8 + 0.5)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return columns.Pad(s, cells)
}

// part reads a cell as a part of full, from 0 to 1.
func part(cell string, full float64) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
	if err != nil || v != v {
		return 0, false
	}
	return min(max(v/full, 0), 1), true
}

// isNumber reports whether a cell is a number, so that its column is set to the right.
func isNumber(cell string) bool {
	s := strings.TrimSuffix(strings.ReplaceAll(strings.TrimSpace(cell), ",", ""), "%")
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && len(cell) <= 24
}

// shortSeverity is a severity in four letters, for a narrow column.
func shortSeverity(s casemate.Severity) string {
	switch s {
	case casemate.SeverityCritical:
		return "crit"
	case casemate.SeverityHigh:
		return "high"
	case casemate.SeverityMedium:
		return "med"
	case casemate.SeverityLow:
		return "low"
	case casemate.SeverityInformational:
		return "info"
	}
	return ""
}

// codeLines cleans a block of code line by line. Tabs become spaces: they are
// how code is indented, and no cleaner's output can hold one.
func codeLines(s string) []string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i, l := range lines {
		lines[i] = report.Terminal(strings.ReplaceAll(l, "\t", "    "))
	}
	return lines
}
