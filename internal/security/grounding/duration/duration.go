// Package duration finds how long something took in texts, of people and of machines.
package duration

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
)

// Length is a duration in a text: a number of units, and where it stands.
type Length struct {
	N        float64
	Unit     time.Duration
	From, To int
}

var (
	unitNames = `(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|weeks?)`
	lengthOf  = regexp.MustCompile(`(?i)\b(` + numeral.Words + `|(?:a |one |three )?quarters? of an|half an?|an?|\d[\d,]*(?:\.\d+)?)(?: and (?:a half|a quarter|three quarters))?[ -]?` + unitNames + `\b(?:,? and (?:a half|(` + numeral.Words + `|\d+) ` + unitNames + `\b))?`)
)

var units = map[string]time.Duration{"ms": time.Millisecond, "mi": time.Minute, "se": time.Second, "s": time.Second, "ho": time.Hour, "hr": time.Hour, "h": time.Hour, "da": 24 * time.Hour, "we": 7 * 24 * time.Hour}

func unitOf(s string) time.Duration {
	s = strings.ToLower(s)
	if strings.HasPrefix(s, "milli") {
		return time.Millisecond
	}
	return units[s[:min(2, len(s))]]
}

// Find returns the durations of a text that have a unit.
func Find(text string) []Length {
	var out []Length
	for _, m := range lengthOf.FindAllStringSubmatchIndex(text, -1) {
		word := strings.ToLower(text[m[2]:m[3]])
		l := Length{Unit: unitOf(text[m[4]:m[5]]), From: m[0], To: m[1]}
		switch {
		case strings.Contains(word, "quarter"):
			if l.N = .25; strings.HasPrefix(word, "three") {
				l.N = .75
			}
		case strings.HasPrefix(word, "half"):
			l.N = 0.5
		case word == "a" || word == "an":
			if l.Unit < time.Second || m[5]-m[4] < 3 { // "a s", and "a second account"
				continue
			}
			l.N = 1
		default:
			l.N = numeral.Value(word)
		}
		if strings.Contains(text[m[3]:m[4]], "half") {
			l.N += 0.5
		}
		if tail := text[m[3]:m[4]]; strings.Contains(tail, "three quarters") {
			l.N += .75
		} else if strings.Contains(tail, "a quarter") {
			l.N += .25
		}
		if m[1] > m[5] { // "and a half", "and 12 seconds"
			if m[6] >= 0 {
				l.N += numeral.Value(text[m[6]:m[7]]) * float64(unitOf(text[m[8]:m[9]])) / float64(l.Unit)
			} else {
				l.N += 0.5
			}
		}
		out = append(out, l)
	}
	return out
}

var lengthKey = regexp.MustCompile(`(?i)(?:duration|elapsed|interval|seconds|uptime)`)
var compact = regexp.MustCompile(`(?i)\b(?:\d{1,3}h)?\d{1,3}m\d{1,2}s\b`)
var plainNumber = regexp.MustCompile(`\d+(?:\.\d+)?`)

// Stated returns durations in a text: with a unit, or, in seconds and
// milliseconds, after a field that is called so.
func Stated(text string) []time.Duration {
	var out []time.Duration
	for _, l := range Find(text) {
		out = append(out, time.Duration(l.N*float64(l.Unit)))
	}
	for _, m := range compact.FindAllStringSubmatch(text, -1) {
		if d, err := time.ParseDuration(strings.ToLower(m[0])); err == nil {
			out = append(out, d)
		}
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
