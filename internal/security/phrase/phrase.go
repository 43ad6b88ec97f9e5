// Package phrase writes the small parts that sentences, tables and pages are made
// of: numbers, counts, lists of names, times, and texts cut to a length. One home
// keeps them alike wherever they are read.
package phrase

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Layout is how a time is written: in UTC, to the second.
const Layout = "2006-01-02 15:04:05"

// Time writes a time in UTC: "2026-03-04 09:12:31".
func Time(t time.Time) string { return t.UTC().Format(Layout) }

// Number writes n with a comma between thousands.
func Number[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes writes a size in the unit that suits it, in powers of ten as disks and
// downloads are sold: "512 B", "402.6 kB", "4.92 GB".
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 2, 64) + " GB"
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	case n >= 1e3:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	}
	return strconv.FormatInt(n, 10) + " B"
}

// Count writes n and its noun: "1 host", "2,048 hosts", "3 searches".
func Count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	default:
		noun += "s"
	}
	return Number(n) + " " + noun
}

// More says how many of total are not among the shown, or "".
func More(shown, total int) string {
	if total <= shown {
		return ""
	}
	return "and " + Number(total-shown) + " more"
}

// And joins names as a sentence does: "a", "a and b", "a, b and c".
func And(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// First is And for at most n names, and counts the others: "a, b and 3 more".
func First(names []string, n int) string {
	if len(names) <= n {
		return And(names)
	}
	return strings.Join(names[:n], ", ") + " " + More(n, len(names))
}

// Upper makes the first letter a capital.
func Upper(s string) string {
	c, size := utf8.DecodeRuneInString(s)
	if c == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(c)) + s[size:]
}

// Line puts a text on one line, its words one space apart.
func Line(s string) string { return strings.Join(strings.Fields(s), " ") }

// Cut returns the first n bytes of s, or less: it parts no character. The caller
// says that something was left out.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Once returns strings in their order, each once.
func Once(list []string) []string {
	var out []string
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// Short is Cut for n bytes of s, with a mark where that leaves something out.
func Short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return Cut(s, n) + " …"
}

// Quote puts words of others, on one line, into marks that they do not contain.
func Quote(text string) string {
	text = Line(text)
	switch {
	case !strings.Contains(text, `"`):
		return `"` + text + `"`
	case !strings.Contains(text, "`"):
		return "`" + text + "`"
	}
	return `"` + strings.ReplaceAll(text, `"`, "'") + `"`
}
