// Package sentence splits prose into sentences, takes citations out of them, and tells
// those that state a fact from those that ask, advise or admit not to know.
package sentence

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split splits prose into sentences, each with the citations that follow it.
// Line breaks end a sentence where a list item or an empty line follows. Full stops
// inside names, numbers, quotations and common abbreviations do not.
func Split(prose string) []string {
	var out []string
	for _, block := range blocks(prose) {
		out = append(out, split(block)...)
	}
	return out
}

// leaning begins a sentence that says nothing without the one before it.
var leaning = regexp.MustCompile(`^(?i)(?:he|she|it|they|his|her|its|their|this|that|these|those|there|then|both|the (?:same|former|latter)|such|so|but|and|also|neither|none)\b`)

// Alone splits prose into what can be judged by itself: sentences, each with those
// behind it that lean on it.
func Alone(prose string) []string {
	var out []string
	for _, s := range Split(prose) {
		if len(out) > 0 && leaning.MatchString(s) {
			out[len(out)-1] += " " + s
			continue
		}
		out = append(out, s)
	}
	return out
}

var bullet = regexp.MustCompile(`^\s*(?:[-*•]|\d{1,3}[.)])\s+`)

// blocks are paragraphs and list items, each on one line.
func blocks(prose string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" {
			out = append(out, s)
		}
		b.Reset()
	}
	for line := range strings.Lines(prose) {
		item := bullet.FindString(line)
		if item != "" || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			flush()
		}
		b.WriteString(strings.TrimSpace(line[len(item):]))
		b.WriteByte(' ')
		if strings.HasPrefix(line, "#") {
			flush()
		}
	}
	flush()
	return out
}

var abbreviations = []string{"e.g", "i.e", "etc", "vs", "mr", "mrs", "ms", "dr", "no", "nos", "approx", "ca", "cf", "fig", "st", "u.s", "inc", "ltd", "resp", "incl", "min", "max"}

func split(s string) []string {
	var out []string
	start := 0
	open := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case open != 0:
			if c == open {
				open = 0
			}
			if open != 0 || c == '`' || i == 0 || !strings.ContainsRune(".!?", rune(s[i-1])) {
				continue
			}
			// A full stop inside the quotation marks ends the sentence, too.
			if !endsAt(s, i+1) {
				continue
			}
			end := afterCitations(s, i+1)
			out = append(out, strings.TrimSpace(s[start:end]))
			start, i = end, end-1
		case (c == '"' || c == '`') && strings.IndexByte(s[i+1:], c) >= 0:
			open = c
		case c == '.' || c == '!' || c == '?':
			if c == '.' && Abbreviated(s[start:i]) || !endsAt(s, i+1) {
				continue
			}
			end := afterCitations(s, i+1)
			out = append(out, strings.TrimSpace(s[start:end]))
			start, i = end, end-1
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// Abbreviated reports whether a text ends in an abbreviation, before its full stop.
func Abbreviated(s string) bool {
	i := strings.LastIndexAny(s, " ([\"")
	last := strings.ToLower(s[i+1:])
	return slices.Contains(abbreviations, last) || len(last) == 1 && last != "i"
}

// endsAt reports whether a sentence can end before s[i:].
func endsAt(s string, i int) bool {
	rest := s[i:]
	t := strings.TrimLeft(rest, " )]\"'")
	if t == "" {
		return true
	}
	if !strings.ContainsAny(rest[:len(rest)-len(t)], " ") && t[0] != '[' {
		return false
	}
	r, _ := utf8.DecodeRuneInString(t)
	// A name in lower case may begin a sentence: "ci-deployer made a key".
	return unicode.IsUpper(r) || unicode.IsDigit(r) || strings.ContainsRune("[(\"'`", r) || lowerName(t)
}

func lowerName(t string) bool {
	w, _, _ := strings.Cut(t, " ")
	return strings.ContainsAny(strings.TrimRight(w, ".,;:"), "_-.\\/0123456789")
}

// afterCitations returns the end of closing marks and citations that stand at i.
func afterCitations(s string, i int) int {
	for i < len(s) && strings.IndexByte(")]\"'", s[i]) >= 0 {
		i++
	}
	for {
		j := i
		for j < len(s) && s[j] == ' ' {
			j++
		}
		if j == len(s) || s[j] != '[' {
			return i
		}
		m := citing.FindStringIndex(s[j:])
		if m == nil || m[0] != 0 {
			return i
		}
		i = j + m[1]
		if i < len(s) && s[i] == '.' {
			i++
		}
	}
}

var (
	citing  = regexp.MustCompile(`[\[(](?:(?i:see|evidence|cf\.?):? )?[A-Za-z]{1,3}\d{1,6}(?:(?:\s*[,;]\s*|\s+and\s+|\s*[-–]\s*|\s+)[A-Za-z]{1,3}\d{1,6})*[\])]`)
	oneID   = regexp.MustCompile(`[A-Za-z]{1,3}\d{1,6}`)
	attacks = regexp.MustCompile(`^(?:T|TA|G|S|M|C|DC|DS)\d{4}$`)
)

// Strip takes citations such as "[E3]" and "[E3, E7]" out of a text and returns
// the rest of it and the ids in order, each once. Ids of ATT&CK in brackets are
// left where they are.
func Strip(text string) (plain string, ids []string) {
	spans, ids := Cited(text, func(string) bool { return false })
	var b strings.Builder
	from := 0
	for _, s := range spans {
		b.WriteString(strings.TrimRight(text[from:s[0]], " "))
		from = s[1]
	}
	b.WriteString(text[from:])
	return b.String(), ids
}

// Cited finds citations, where they stand, and what they cite. In parentheses only ids that are
// known count, since much else stands there.
func Cited(text string, known func(string) bool) (spans [][2]int, ids []string) {
	for _, m := range citing.FindAllStringIndex(text, -1) {
		s := text[m[0]:m[1]]
		found := oneID.FindAllString(s, -1)
		if attacks.MatchString(found[0]) && !known(found[0]) {
			continue
		}
		if s[0] == '(' && !slices.ContainsFunc(found, known) {
			continue
		}
		spans = append(spans, [2]int{m[0], m[1]})
		if strings.ContainsAny(s, "-–") && len(found) == 2 {
			found = span(found[0], found[1])
		}
		for _, id := range found {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return spans, ids
}

// span lists the ids from one to another, such as E3 to E5: up to 64.
func span(from, to string) []string {
	cut := strings.IndexFunc(from, unicode.IsDigit)
	a, err1 := strconv.Atoi(from[cut:])
	b, err2 := strconv.Atoi(strings.TrimLeft(to, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
	if err1 != nil || err2 != nil || !strings.HasPrefix(to, from[:cut]) || b < a || b-a > 63 {
		return []string{from, to}
	}
	var out []string
	for n := a; n <= b; n++ {
		out = append(out, from[:cut]+strconv.Itoa(n))
	}
	return out
}

var (
	ignorance = regexp.MustCompile(`\b(?:(?:is|are|was|were|remains?|still|it is|as) (?:not|un)(?: yet| currently)? ?(?:known|clear|certain|seen|shown|established|determined|confirmed|visible|recorded|documented)|unknown|unclear|undetermined|no (?:further |direct |clear |other )?(?:evidence|sign|signs|hints?|mention|indication|indications|trace|traces|record|records|proof)|(?:nobody|no one|none of (?:the|them|these) ?\w*) (?:says?|knows?|shows?|has said|reported|recorded|noted|wrote)|nothing (?:in|shows|indicates|suggests)|(?:does|do|did) not (?:show|say|record|tell|reveal|contain|mention|indicate|include)|cannot be (?:said|told|determined|established|confirmed|ruled out|shown)|could not be (?:determined|established|confirmed)|(?:evidence|material|logs?|records?|data) (?:is|are) (?:silent|missing|not available)|remains? open|open question|(?:we|they|analysts|investigators|the (?:team|analysts|investigators?|examiners)) (?:do|does|did|can|could)(?:n't|not| not) (?:yet |currently |now |fully )?(?:know|tell|say|establish|determine)|whether .{3,160} (?:is|was|remains) (?:still |as yet )?(?:unknown|unclear|open|unresolved|to be (?:seen|clarified|determined))|(?:has|have|had)(?: not|n't)(?: yet)? been (?:established|determined|identified|clarified|explained|attributed)|(?:could|can|was|were|is|are)(?: ?not|n't| un)(?: yet)? ?(?:able to )?(?:say|tell|determine|establish|explain)(?: from [\w ]{1,40}?)? (?:who|whether|how|when|where|why|what|which|if)|(?:no|not|none|nobody|never)\b.{1,160}\b(?:as|so) far as (?:the|this|our|is|can|we) .{0,40}(?:shows?|tells?|goes|go|known|know|seen|see|tell|records?|say))\b`)
	advice    = regexp.MustCompile(`^(?:(?:immediately|then|next|first|also|please|now|finally|where possible|if possible|as a next step),? )*(?:isolate|block|reset|rotate|revoke|disable|remove|delete|check|review|collect|contain|restore|rebuild|reimage|re-image|notify|inform|ask|search|hunt|look|monitor|verify|confirm|investigate|patch|update|enable|quarantine|preserve|acquire|image|change|force|terminate|kill|stop|sweep|apply|add|escalate|interview|determine|identify|ensure|make sure|keep|close|open a|report|start|run|rename|restrict|limit|enforce|use|take|move|scan|watch|compare|export|save|secure|invalidate|deactivate|suspend|lock|unlock|re-enable|reenable|turn|harden|segment|consider|evaluate|assess|validate|correlate|pull|get|obtain|call|contact|treat|do not|never|clean|wipe|roll back|replace|sinkhole|deploy|create|write|set|test|document|follow|hand over|expire|sign out|log off|have (?:the|all|every|each|any|both|these|those|his|her|their|its)\b.*|unpublish|unlink|unregister|withdraw|retract|decommission|retire|recreate|re-create|redeploy|reissue|re-issue|reinstall|re-enrol|re-enroll|migrate|tighten|prioriti[sz]e|engage|retain|seize|require|prohibit|forbid|allow only|permit only|power off|switch off|unplug|disconnect|detach|warn)\b`)
	should    = regexp.MustCompile(`\b(?:should|must|needs? to|ought to|has to|have to|recommend(?:ed)?|we suggest|it is advisable)\b`)
	speech    = regexp.MustCompile(`\b(?:says?|said|claims?|claimed|reads?|states?|stated|asks?|asked|tells?|told|writes?|wrote|according to|pretends?|purports?|reports? that|reported that|text|demands?|instructs?|urges?)\b`)
)

// NeedsCitation reports whether a statement, in lower case, says that something is so.
func NeedsCitation(low string) bool {
	s := strings.TrimSpace(low)
	if s == "" || strings.HasSuffix(s, "?") {
		return false
	}
	if !strings.ContainsFunc(s, unicode.IsLetter) {
		return strings.ContainsFunc(s, unicode.IsDigit)
	}
	return !ignorance.MatchString(s) && !advice.MatchString(s) && !should.MatchString(s)
}

// ReportsSpeech reports whether a statement, in lower case, tells what somebody or
// some text says.
func ReportsSpeech(low string) bool { return speech.MatchString(low) }
