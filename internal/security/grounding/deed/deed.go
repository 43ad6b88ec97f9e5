// Package deed reads what people say they did, and what is only planned or true of a
// part, and holds a sentence against it.
package deed

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// Words are what somebody wrote.
type Words struct {
	Author string // in lower case; "" is a machine
	Text   string // in lower case
	Mail   bool   // a message that its author sent
}

func (w Words) by(name string) bool {
	return slices.Contains(strings.FieldsFunc(w.Author, func(r rune) bool { return r == ' ' || r == '.' || r == '@' }), name)
}

var (
	doing = regexp.MustCompile(`^(?:[A-Z]\w+ly,? |Then,? |Later,? )?(\p{Lu}\p{L}+)(?: \p{Lu}\p{L}+)? (?:then |has |had |also |later |immediately |already |themselves |himself |herself )*(\p{Ll}+(?:ed|t|n|de|ew|ok|an|id|ut|it))\b(.*)`)
	sends = setOf("sent wrote mailed emailed messaged forwarded asked told informed instructed requested")
	plain = setOf("was went did said had got but that not then than without is can an different important different went instant recent urgent patient current")
	first = `(?:^|[.!?\n;:]\s*|,? (?:and|then|so) |, )(?:yes,? |ok,? |then |and )*(?:i |i've |i have |i had |we |we've |we have )?(?:just |already |also |then |now )*`
)

func setOf(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// Taken reports whether a sentence gives to a person what the author of a piece says
// of himself, or the message of one person to another; who is whose it is.
// person says whether a word is part of somebody's name.
func Taken(text string, pieces []Words, person func(string) bool) (who string, ok bool) {
	m := doing.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil || plain[m[2]] || !person(strings.ToLower(m[1])) {
		return "", false
	}
	name, verb, rest := strings.ToLower(m[1]), m[2], strings.ToLower(m[3])
	for _, w := range pieces {
		if w.Author == "" || slices.ContainsFunc(pieces, func(w Words) bool { return w.by(name) }) {
			continue
		}
		if w.Mail && sends[verb] && slices.ContainsFunc(strings.Fields(w.Author), func(s string) bool { return len(s) > 2 && stem.Begins(rest, s) }) {
			return w.Author, true
		}
		// The author's own deed, told without a name: "paid it", "I have paid it".
		own := regexp.MustCompile(first + regexp.QuoteMeta(verb) + `\b`)
		if own.MatchString(w.Text) && !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+` (?:\w+ ){0,2}`+regexp.QuoteMeta(verb)+`\b`).MatchString(w.Text) {
			return w.Author, true
		}
	}
	if who := another(pieces, name, verb, person); who != "" && slices.ContainsFunc(pieces, func(w Words) bool { return w.by(name) }) {
		return who, true
	}
	for _, w := range pieces { // "Ali asked me", told as "I asked Ali"
		for _, o := range regexp.MustCompile(`\b(\p{L}+) (?:has |had )?`+verb+` (?:me|us)\b`).FindAllStringSubmatch(w.Text, 4) {
			if w.by(name) && !w.by(o[1]) && stem.Begins(rest, o[1]) {
				return o[1], true
			}
		}
	}
	if slices.ContainsFunc(pieces, func(w Words) bool { return w.by(name) }) {
		return "", false
	}
	if who := another(pieces, name, verb, person); who != "" {
		return who, true
	}
	if b := object.FindString(m[3]); b != "" {
		b = strings.ToLower(strings.TrimSpace(b))
		for _, w := range pieces {
			if regexp.MustCompile(`\b`+regexp.QuoteMeta(b)+` (?:has |had )?`+verb+`\b`).MatchString(w.Text) && !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+` (?:\w+ )?(?:has |had )?`+verb+`\b`).MatchString(w.Text) {
				return b, true
			}
		}
	}
	return "", false
}

// another returns who else the pieces say did it, if they never say that the named
// one did, by name or of himself.
func another(pieces []Words, name, verb string, person func(string) bool) string {
	who := ""
	by := regexp.MustCompile(`(\p{L}+) (?:has |had |then |also )?` + regexp.QuoteMeta(verb) + `\b`)
	own := regexp.MustCompile(first + regexp.QuoteMeta(verb) + `\b`)
	for _, w := range pieces {
		if w.by(name) && own.MatchString(w.Text) {
			return ""
		}
		for _, m := range by.FindAllStringSubmatch(w.Text, 8) {
			switch {
			case m[1] == name || m[1] == "i" || m[1] == "we" || m[1] == "he" || m[1] == "she" || m[1] == "they" || m[1] == "and":
				return ""
			case person(m[1]) && !strings.Contains(w.Text, name+" "+m[1]):
				who = m[1]
			}
		}
	}
	return who
}

var (
	done    = regexp.MustCompile(`\b(?:was|were|has been|have been|had been) (?:\w+ly |already |now )?([a-z]{3,}(?:ed|en|t))\b`)
	pending = regexp.MustCompile(`\b(?:or we|or i|unless|will|going to|whether|plan(?:s|ned)? to|is to|are to|to be|must|should|shall|still to|not yet|want(?:s)? to|please|until)\b`)
	parts   = regexp.MustCompile(`[.;\n] ?`)
)

// Pending returns what a sentence says was done and the texts only announce, demand or
// threaten.
func Pending(low string, texts []string) string {
	m := done.FindStringSubmatch(low)
	if m == nil || pending.MatchString(low) {
		return ""
	}
	v, found := stem.Of(m[1]), false
	if len(v) < 4 {
		return ""
	}
	for _, t := range texts {
		for _, c := range parts.Split(t, 400) {
			if !stem.Begins(c, v) {
				continue
			}
			i := strings.Index(c, v)
			if i < 0 || !pending.MatchString(c[:i]) {
				return ""
			}
			found = true
		}
	}
	if found {
		return m[0]
	}
	return ""
}

// object is a name behind the verb: whom or what it is done to.
var object = regexp.MustCompile(`^ (?:the )?\p{Lu}[\p{L}\d-]+(?: \p{Lu}\p{L}+)?`)

var (
	runs    = regexp.MustCompile(`\b(?:runs?|running|ran|(?:is|was|were|are) (?:still |already )?(?:on|at)|installed|uses?|used|updated? to|upgraded? to) (?:\w+ ){0,2}(?:version |release |v)?(\d+(?:\.\d+)+)\b`)
	planned = regexp.MustCompile(`\b(?:updat\w*|upgrad\w*|patch\w*|fix\w*|mov\w*|migrat\w*|go) (?:to|in|by|with) (?:version |release |v)?$`)
	future  = regexp.MustCompile(`\b(?:plan(?:s|ned)?|schedul\w+|will|shall|should|fixed in|due|not yet|pending|next|to be)\b`)
)

// Planned returns a version that a sentence says something runs, and that the texts
// name only as one to come or as one with a fix.
func Planned(low string, texts []string) string {
	m := runs.FindStringSubmatch(low)
	if m == nil || future.MatchString(low) {
		return ""
	}
	found := false
	for _, t := range texts {
		for from := 0; ; {
			i := strings.Index(t[from:], m[1])
			if i < 0 {
				break
			}
			i += from
			from = i + len(m[1])
			if !planned.MatchString(t[max(0, i-40):i]) || !future.MatchString(t[max(0, i-60):min(len(t), from+60)]) {
				return ""
			}
			found = true
		}
	}
	if found {
		return m[1]
	}
	return ""
}

var (
	version = regexp.MustCompile(`\b\d+(?:\.\d+)+\b`)
	states  = regexp.MustCompile(`\b(affected|vulnerable|fixed|patched|clean|safe|malicious|compromised|trojani[sz]ed)\b`)
)

// Other returns what a sentence says of a version, such as "clean", if the texts say
// it of other versions and never of that one.
func Other(low string, texts []string) string {
	vs, state := version.FindAllString(low, 3), states.FindString(low)
	if len(vs) != 1 || state == "" || strings.Contains(low, "not ") {
		return ""
	}
	others := false
	for _, t := range texts {
		for _, c := range strings.FieldsFunc(strings.ReplaceAll(t, ". ", ";"), func(r rune) bool { return r == ';' || r == ',' || r == '\n' }) {
			if !strings.Contains(c, state) {
				continue
			}
			named := version.FindAllString(c, -1)
			if slices.Contains(named, vs[0]) || len(named) == 0 {
				return ""
			}
			others = true
		}
	}
	if others {
		return state
	}
	return ""
}

var (
	wholly = regexp.MustCompile(`\b(?:all|each of|every one of) (?:of )?(?:the |its |their |our )?(\d[\d,]*|` + numeral.Words + `)\b`)
	partly = regexp.MustCompile(`\b(\d[\d,]*|` + numeral.Words + `) (?:out )?of (?:the |its |our |about )?(\d[\d,]*|` + numeral.Words + `)\b`)
)

// Part returns what a sentence says of all of a number where the texts say it of some.
func Part(low string, texts []string) string {
	m := wholly.FindStringSubmatch(low)
	if m == nil {
		return ""
	}
	of := numeral.Value(m[1])
	for _, t := range texts {
		for _, p := range partly.FindAllStringSubmatch(t, 32) {
			if numeral.Value(p[2]) == of && numeral.Value(p[1]) < of && !strings.Contains(t, "all "+p[2]) {
				return m[0]
			}
		}
	}
	return ""
}
