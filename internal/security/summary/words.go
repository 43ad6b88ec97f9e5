package summary

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// clock writes a time of day; with the date where the material has several days.
func (w *writer) clock(t time.Time) string {
	if w.days {
		return phrase.Time(t)
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
	if len(names) <= limit {
		return phrase.And(names)
	}
	return strings.Join(names[:limit], ", ") + " and others"
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
	text = phrase.Line(text)
	cut := false
	if len(text) > maxQuote {
		end := strings.LastIndexByte(text[:maxQuote], ' ')
		if end < 24 { // one long word
			end = len(phrase.Cut(text, maxQuote))
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

// add appends a name that is not there yet, whatever its case. It is for short
// lists; a roll is for those whose length others choose.
func add(names []string, name string) []string {
	if name == "" || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
		return names
	}
	return append(names, name)
}

// roll is a list of names, each once whatever its case.
type roll struct {
	list []string
	seen map[string]bool
}

func (r *roll) add(name string) {
	key := strings.ToLower(name)
	if name == "" || r.seen[key] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[key] = true
	r.list = append(r.list, name)
}

// maxNames is how many names a finding lists.
const maxNames = 200

// enumerate lists names in a finding, and says how many more there are.
func enumerate(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return phrase.First(names, maxNames)
}
