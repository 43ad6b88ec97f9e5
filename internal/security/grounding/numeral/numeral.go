// Package numeral reads and writes numbers in words.
package numeral

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Words matches numbers in words, up to nine hundred and ninety-nine thousand.
const Words = `(?:(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen)(?:(?:-| and | )(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen))*)`

var small = map[string]float64{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
	"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
var large = map[string]float64{"dozen": 12, "hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9}

// Value reads a number in digits or words; NaN if it is neither.
func Value(s string) float64 {
	s = strings.ToLower(strings.TrimSpace(s))
	if f, err := strconv.ParseFloat(strings.NewReplacer(",", "", "'", "", " ", "").Replace(s), 64); err == nil {
		return f
	}
	total, part := 0.0, 0.0
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '-' }) {
		switch n, ok := small[w]; {
		case ok:
			part += n
		case large[w] >= 1e3:
			total += max(part, 1) * large[w]
			part = 0
		case large[w] > 0:
			part = max(part, 1) * large[w]
		case w == "and":
		default:
			return math.NaN()
		}
	}
	return total + part
}

// InWords writes a whole number below a hundred as a word; "" for others.
func InWords(n float64) string {
	if n != math.Trunc(n) {
		return ""
	}
	tens := ""
	for w, v := range small {
		switch {
		case v == n:
			return w
		case v >= 20 && v < n && n < v+10:
			tens = w
		}
	}
	if tens == "" {
		return ""
	}
	return tens + "-" + InWords(n-small[tens])
}

// Scale returns what "thousand", "million" and their like multiply by; 0 for others.
func Scale(word string) float64 { return large[word] }

// Counts returns what kind of thing a noun counts, where the number of that kind
// can be counted in what is cited; "" for others.
func Counts(noun string) string {
	switch strings.TrimSuffix(noun, "s") {
	case "host", "machine", "computer", "endpoint", "device", "system":
		return "host"
	case "server", "workstation", "client", "laptop":
		return "some-host"
	case "user", "account", "identity", "identitie":
		return "user"
	case "person", "people", "employee", "recipient", "mailboxe", "mailbox", "colleague", "member", "victim":
		return "some-user"
	case "record", "event", "alert", "detection", "finding", "notable", "hit", "entry", "entrie", "line":
		return "record"
	case "addresse", "address", "ip":
		return "address"
	case "domain":
		return "domain"
	case "technique":
		return "technique"
	case "sensor", "console", "product", "source", "tool":
		return "source"
	}
	return ""
}

// stops are words that no noun of a number stands behind.
var stops = map[string]bool{"of": true, "in": true, "on": true, "at": true, "to": true, "from": true, "by": true, "and": true, "or": true, "with": true, "for": true,
	"was": true, "is": true, "were": true, "are": true, "had": true, "has": true, "the": true, "a": true, "that": true, "which": true, "who": true, "as": true, "after": true, "before": true, "into": true, "than": true, "then": true, "this": true, "its": true, "his": true, "her": true, "their": true}

// Ends reports whether a word ends what a number counts: no noun of it stands behind.
func Ends(word string) bool { return stops[word] }

// most bounds how many numbers of a text are compared with each other: of a long
// list, some two would always fit.
const most = 48

// Share reports whether n is the percentage that one number is of another.
func Share(numbers []float64, n float64) bool {
	return len(numbers) < most && slices.ContainsFunc(numbers, func(a float64) bool {
		return slices.ContainsFunc(numbers, func(b float64) bool { return a > 0 && a < b && math.Abs(100*a/b-n) <= .5 })
	})
}

// Sum reports whether n is one number of the first list and one of the second together.
func Sum(a, b []float64, n float64) bool {
	return len(a) < most && len(b) < most && slices.ContainsFunc(a, func(v float64) bool { return v > 0 && slices.Contains(b, n-v) })
}

// Difference reports whether n is what lies between two numbers.
func Difference(numbers []float64, n float64) bool {
	return len(numbers) < most && slices.ContainsFunc(numbers, func(v float64) bool { return v > 0 && slices.Contains(numbers, v+n) })
}

// Ratio reports whether one of several numbers is n times another: an average.
func Ratio(values []float64, n float64) bool {
	for _, a := range values[:min(len(values), 200)] {
		if a > 1 && a != n && slices.Contains(values, a*n) {
			return true
		}
	}
	return false
}
