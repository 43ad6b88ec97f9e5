package summary

import (
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// clock writes a time of day; with the date where the material has several days.
func (w *writer) clock(t time.Time) string {
	if w.days {
		return t.UTC().Format("2006-01-02 15:04:05")
	}
	return t.UTC().Format("15:04:05")
}

// span writes when something happened: "At 10:07:02", "Between 10:07:02 and 10:07:03".
func (w *writer) span(first, last time.Time) string {
	a, b := w.clock(first), w.clock(last)
	if first.IsZero() {
		return "At a time that is not known"
	}
	if a == b {
		return "At " + a
	}
	return "Between " + a + " and " + b
}

// list joins names: "a", "a and b", "a, b and others".
func list(names []string, limit int) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n <= limit:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	default:
		return strings.Join(names[:limit], ", ") + " and others"
	}
}

// small writes numbers up to twelve as words.
func small(n int) string {
	words := [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

// plural puts a number before a noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return small(n) + " " + noun + "s"
}

const maxQuote = 200 // bytes

// quote puts words of others into marks that they do not contain, cut where they
// are long.
func quote(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	cut := false
	if len(text) > maxQuote {
		end := strings.LastIndexByte(text[:maxQuote], ' ')
		if end < 24 { // one long word
			end = maxQuote
			for end > 0 && text[end]&0xC0 == 0x80 {
				end--
			}
		}
		text, cut = text[:end], true
	}
	mark := `"`
	if strings.Contains(text, `"`) {
		mark = "`"
		if i := strings.IndexByte(text, '`'); i >= 0 {
			text, cut = text[:i], true
		}
	}
	if cut {
		text = strings.TrimRight(text, " .,;") + " …"
	}
	return mark + text + mark
}

// upper makes the first letter a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// ended ends a sentence, unless the words that it ends with do.
func ended(text string) string {
	for _, end := range []string{".", `."`, ".`", `!"`, "!`", `?"`, "?`"} {
		if strings.HasSuffix(text, end) {
			return text
		}
	}
	return text + "."
}

// rule makes a statement of ours.
func rule(text string, evidence ...string) casemate.Statement {
	return casemate.Statement{Text: text, Evidence: unique(evidence), By: casemate.DecidedByRule, Support: casemate.Supported}
}

// unique drops ids that come twice.
func unique(ids []string) []string {
	seen := map[string]bool{}
	out := ids[:0:0]
	for _, id := range ids {
		if id != "" && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// add appends a name that is not there yet, whatever its case.
func add(names []string, name string) []string {
	if name == "" {
		return names
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return names
		}
	}
	return append(names, name)
}
