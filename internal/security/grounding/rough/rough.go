// Package rough reads amounts and times that a sentence gives roughly: fractions of a
// whole, "several gigabytes", a month by its name alone.
package rough

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
)

// Source is what one piece of evidence has.
type Source struct {
	Text    string // in lower case
	Numbers []float64
	Times   []time.Time
}

// Wrong returns the words of a sentence that give roughly what no source has; text is
// the sentence as it is written and low the same in lower case. sources is called only
// where there is something to look up.
func Wrong(text, low string, sources func() []Source) []string {
	var out []string
	for _, w := range []string{fraction(low, sources), several(low, sources), month(text, sources)} {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

var (
	fractions = regexp.MustCompile(`\b(half|a third|one third|two thirds|a quarter|one quarter|three quarters) of (?:the |all |its |their |our |these |those )(?:\w+ )?(\w+)`)
	spans     = regexp.MustCompile(`^(?:night|day|hours?|morning|evening|afternoon|week|month|year|session|attack|time|way)$`)
	percents  = map[string]float64{"half": 50, "a third": 33, "one third": 33, "two thirds": 67, "a quarter": 25, "one quarter": 25, "three quarters": 75}
)

func fraction(low string, sources func() []Source) string {
	m := fractions.FindStringSubmatch(low)
	if m == nil || spans.MatchString(m[2]) {
		return ""
	}
	_, part, ok := strings.Cut(m[1], " ")
	if !ok {
		part = m[1]
	}
	for _, s := range sources() {
		if numeral.Share(s.Numbers, percents[m[1]]) || strings.Contains(s.Text, part) || strings.Contains(s.Text, strconv.Itoa(int(percents[m[1]]))+"%") {
			return ""
		}
	}
	return m[0]
}

var (
	sizes = regexp.MustCompile(`\b(?:several|many|multiple|a few|a couple of|dozens of|hundreds of|some) (kilobytes|megabytes|gigabytes|terabytes|kb|mb|gb|tb)\b`)
	units = map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
)

func several(low string, sources func() []Source) string {
	m := sizes.FindStringSubmatch(low)
	if m == nil {
		return ""
	}
	said := regexp.MustCompile(`\b(?:\d[\d.,]* ?)?` + m[1][:1] + `(?:i?b|igabytes?|egabytes?|ilobytes?|erabytes?)?\b`)
	for _, s := range sources() {
		if said.MatchString(s.Text) {
			return ""
		}
		for _, n := range s.Numbers {
			if n >= 1.5*units[m[1][:1]] && n < 1500*units[m[1][:1]] {
				return ""
			}
		}
	}
	return m[0]
}

var months = regexp.MustCompile(`\b(?:in|until|till|since|by|during|of|before|after) (?:early |late |mid-)?(January|February|March|April|May|June|July|August|September|October|November|December)\b`)

func month(text string, sources func() []Source) string {
	m := months.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	at, err := time.Parse("January", m[1])
	if err != nil {
		return ""
	}
	name, two := strings.ToLower(m[1]), at.Format("01")
	written := regexp.MustCompile(`\b` + name[:3] + `(?:` + name[3:] + `)?\b|\d-` + two + `(?:-|\b)|\d[./]` + two + `[./]\d|\b` + two + `/\d`)
	for _, s := range sources() {
		if written.MatchString(s.Text) {
			return ""
		}
		for _, t := range s.Times {
			if !t.IsZero() && t.Month() == at.Month() {
				return ""
			}
		}
	}
	return m[0]
}
