package grounding

import (
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// quotations checks what stands in quotation marks and backticks. A quotation of
// one word is left to the checks of names, which know its spellings.
func (r *reading) quotations() {
	for i := 0; i < len(r.text); i++ {
		c := r.text[i]
		if c != '"' && c != '`' && c != '\'' || c == '\'' && i > 0 && word(r.text[i-1]) {
			continue
		}
		n := closing(r.text[i+1:], c)
		if n < 1 {
			continue
		}
		from, to := i+1, i+1+n
		i = to
		said := strings.TrimSpace(r.text[from:to])
		if len(said) < 2 || !strings.Contains(said, " ") {
			continue
		}
		if r.quoted(said) {
			r.use(from, to)
			r.found++
			continue
		}
		if c == '\'' && !strings.ContainsAny(said[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz/\\%") {
			continue
		}
		if ids := r.c.book.names[strings.ToLower(said)]; ids != nil && r.techniqueShown(said, ids) {
			r.use(from, to)
			continue
		}
		r.use(from, to)
		r.missing(Quotation, r.text[from-1:to+1])
	}
}

// closing returns where a quotation ends, or -1. A single mark inside a word is an
// apostrophe.
func closing(s string, c byte) int {
	for j := 0; j < len(s); j++ {
		if s[j] != c {
			continue
		}
		if c == '\'' && j+1 < len(s) && word(s[j+1]) {
			continue
		}
		return j
	}
	return -1
}

// quoted reports whether one piece of the pool has all that is said, in order: an
// ellipsis leaves something out. The last mark of a sentence may be inside.
func (r *reading) quoted(said string) bool {
	if r.looked++; r.looked > maxMentions {
		return true
	}
	said = strings.Join(strings.Fields(said), " ")
	parts := strings.Split(strings.ReplaceAll(strings.ReplaceAll(said, "[...]", "…"), "...", "…"), "…")
	variants := [][]string{parts, {said}}
	if t := strings.TrimRight(said, ".,;:!?"); t != said {
		variants = append(variants, strings.Split(t, "…"))
	}
	for _, x := range r.pool {
		for _, text := range x.quotable() {
			for _, v := range variants {
				if inOrder(text, v) {
					return true
				}
			}
		}
	}
	// The statement was refanged, and single backslashes stand for JSON's two.
	return strings.Count(said, " ") < 3 && r.has(fold(indicator.Refang(said)))
}

func inOrder(text string, parts []string) bool {
	any := false
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		i := indexWhole(text, p)
		if i < 0 && p[0] >= 'A' && p[0] <= 'Z' { // a capital made for the sentence
			i = indexWhole(text, strings.ToLower(p[:1])+p[1:])
		} else if i < 0 && p[0] >= 'a' && p[0] <= 'z' {
			i = indexWhole(text, strings.ToUpper(p[:1])+p[1:])
		}
		if i < 0 {
			return false
		}
		text, any = text[i+len(p):], true
	}
	return any
}

// indexWhole is strings.Index for s that neither begins nor ends inside a word.
func indexWhole(text, s string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], s)
		if i < 0 {
			return -1
		}
		i += from
		if j := i + len(s); (i == 0 || !word(s[0]) || !word(text[i-1])) && (j == len(text) || !word(s[len(s)-1]) || !word(text[j])) {
			return i
		}
		from = i + 1
	}
}

var speaker = regexp.MustCompile(`^.{2,80}?: +`)

// verbatim finds out whether the statement is evidence that it cites, word for word,
// or who said it and then that. Nothing but a judgement can be wrong with it.
func (r *reading) verbatim() {
	if r.cites == 0 {
		return
	}
	for _, from := range []int{0, len(speaker.FindString(r.text))} {
		said := strings.Join(strings.Fields(strings.TrimRight(r.text[from:], " .\n")), " ")
		if strings.Count(said, " ") < 2 {
			continue
		}
		for _, x := range r.pool {
			for _, text := range x.quotable() {
				if indexWhole(text, said) >= 0 {
					r.use(from, len(r.text))
					r.copied = true
					return
				}
			}
		}
	}
}
