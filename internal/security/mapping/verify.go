package mapping

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// minDrop is by how much the log-odds of a technique must fall when a word is
// taken away for that word to count as showing it.
const minDrop = 0.25

// verified returns the words that carry a judgement, as spans of the sentence.
func verified(text string, reasons []head.Reason) []Span {
	var out []Span
	for _, r := range reasons {
		if r.Weight < minDrop || r.Start < 0 || r.End > len(text) || r.Start >= r.End {
			continue
		}
		out = append(out, Span{text[r.Start:r.End], r.Start, r.End})
	}
	slices.SortFunc(out, func(a, b Span) int { return a.Start - b.Start })
	return out
}

// deniers say in a few words before a verb that something did not happen.
var deniers = []string{
	"did not", "didn't", "does not", "doesn't", "do not", "don't", "was not", "were not", "wasn't", "weren't", "is not", "are not", "has not", "have not", "had not",
	"no evidence", "no sign of", "no signs of", "no indication", "not observed", "never", "without", "unable to", "failed to", "rather than", "instead of", "lacks", "lacked", "cannot", "can not",
}

// reach is how many words after a denial are denied.
const reach = 8

// denied says that the sentence denies what all spans show: each stands within
// reach of a denial before it, in the same clause.
func denied(text string, spans []Span) bool {
	lower := asciiLower(text)
	for _, s := range spans {
		if !deniedAt(lower, s.Start) {
			return false
		}
	}
	return len(spans) > 0
}

// deniedAt looks back from a place to the start of its clause.
func deniedAt(lower string, at int) bool {
	const far = 120 // bytes: more than reach words take
	from := max(0, at-far)
	clause := lower[from:at]
	if i := strings.LastIndexAny(clause, ".;:!?"); i >= 0 {
		clause = clause[i+1:]
	}
	for _, but := range []string{" but ", " however ", " although ", " yet "} {
		if i := strings.LastIndex(clause, but); i >= 0 {
			clause = clause[i+len(but):]
		}
	}
	for _, d := range deniers {
		i := lastWord(clause, d)
		if i >= 0 && len(strings.Fields(clause[i+len(d):])) < reach {
			return true
		}
	}
	return false
}

// lastWord returns where d last stands in s as words of its own, or -1.
func lastWord(s, d string) int {
	for end := len(s); ; {
		i := strings.LastIndex(s[:end], d)
		if i < 0 {
			return -1
		}
		before := i == 0 || !isLetter(s[i-1])
		after := i+len(d) == len(s) || !isLetter(s[i+len(d)])
		if before && after {
			return i
		}
		end = i + len(d) - 1
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }

// asciiLower lowers ASCII letters alone, byte by byte, so that places stay the
// same whatever the text holds.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// advising headings stand over what to do, not over what was done.
var advising = []string{"mitigation", "recommendation", "remediation", "what to do", "how to protect", "protection", "prevention", "defensive", "hardening", "best practice", "countermeasure", "detection opportunit", "hunting quer"}

// advisers begin sentences that tell defenders what to do.
var advisers = []string{"ensure ", "enable ", "disable ", "block ", "monitor ", "apply ", "patch ", "restrict ", "limit ", "implement ", "enforce ", "consider ", "configure ", "review ", "audit ", "educate ", "train ", "segment ", "update ", "upgrade ", "require ", "use multi-factor", "use multifactor", "deploy ", "set up ", "turn on ", "turn off ", "avoid ", "do not "}

// urging words make advice of a sentence wherever they stand.
var urging = []string{"should be", "organizations should", "organisations should", "administrators should", "defenders should", "users should", "we recommend", "we advise", "it is recommended", "is advised to", "are advised to", "are encouraged to", "we strongly"}

// isAdvice says that a sentence tells defenders what to do.
func isAdvice(text, context string) bool {
	context, lower := asciiLower(context), asciiLower(text)
	if slices.ContainsFunc(advising, func(w string) bool { return strings.Contains(context, w) }) {
		return true
	}
	lower = strings.TrimLeft(lower, " -*•\t0123456789.)")
	if slices.ContainsFunc(advisers, func(w string) bool { return strings.HasPrefix(lower, w) }) {
		return true
	}
	return slices.ContainsFunc(urging, func(w string) bool { return strings.Contains(lower, w) })
}

// inReferences says that a heading stands over a list of sources.
func inReferences(context string) bool {
	last := context
	if i := strings.LastIndexAny(context, ">/"); i >= 0 {
		last = context[i+1:]
	}
	switch strings.Trim(asciiLower(last), " :#.0123456789") {
	case "references", "reference", "sources", "further reading", "bibliography", "footnotes", "endnotes", "table of contents", "contents", "acknowledgements", "acknowledgments", "about the author", "about the authors", "about us", "disclaimer":
		return true
	}
	return false
}

// isReference says that a sentence is a link, or a line of a table of contents.
func isReference(text string) bool {
	t := strings.TrimSpace(text)
	if strings.Contains(t, "....") || strings.Contains(t, ". . . .") {
		return true
	}
	words := strings.Fields(t)
	links := 0
	for _, w := range words {
		if strings.Contains(w, "://") || strings.Contains(w, "www.") {
			links++
		}
	}
	return links > 0 && len(words)-links <= 3 && strings.HasPrefix(t, "http")
}
