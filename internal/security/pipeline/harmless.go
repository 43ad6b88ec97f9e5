package pipeline

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/casemate-ai/casemate"
)

// harmless are words that call a thing harmless or done with. "Authorized Keys" is
// the name of a technique.
var (
	harmless   = regexp.MustCompile(`(?i)\b(false[ -](?:positive|alarm)s?|benign|harmless|innocent|innocuous|legitimate|known good|not malicious|nothing (?:malicious|suspicious|bad|happened|was lost)|no (?:further )?(?:action|threat|risk|impact|incident)|(?:is|are|was|were) (?:safe|approved|expected|closed)|can be (?:closed|ignored)|safe to (?:close|ignore))\b|\b(authori[sz]ed)(?: [^k]|[^ \w]|$)`)
	quotations = regexp.MustCompile("\"[^\"]*\"|“[^”]*”|«[^»]*»|`[^`]*`")
)

// Harmless returns the words with which a text calls something harmless or done
// with, or "". A text of others says so of itself when it wants to be overlooked,
// and a model repeats it.
func Harmless(text string) string {
	m := harmless.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return cmp.Or(m[1], m[2])
}

// Unjudged marks statements that call something harmless outside a quotation, or
// strikes them where Options.Strict says so: that is for people to say. shown
// reports whether a person, or the rules, did so in what a statement cites; nil is
// never.
func (r *Run) Unjudged(list []casemate.Statement, shown func(s casemate.Statement, words string) bool) []casemate.Statement {
	for i := range list {
		s := &list[i]
		words := Harmless(quotations.ReplaceAllString(s.Text, ""))
		if words == "" || shown != nil && shown(*s, words) || slices.ContainsFunc(s.Problems, func(p casemate.Problem) bool { return p.Kind == "judgement" }) {
			continue
		}
		if s.Support == casemate.Supported {
			s.Support = casemate.Unsupported
			if r.opt.Strict {
				s.Support = casemate.Struck
			}
		}
		s.Problems = append(s.Problems, casemate.Problem{Kind: "judgement", Text: words, Why: "that something is harmless is for people to say, and no person says it in the evidence cited"})
	}
	return list
}
