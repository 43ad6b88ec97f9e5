package head

import (
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// Limits under which a text is taken for something else than English prose.
// Descriptions of vulnerabilities are terse, so a text needs both few English
// function words and few features that the head knows to count as foreign.
const (
	leastWords    = 6    // to judge the language at all
	leastFunction = 0.08 // of the words
	fewFunction   = 0.15 // of the words: a language that shares some, such as French, has no more
	leastKnown    = 0.40 // of the features
	mostControl   = 0.02 // of the bytes
	mostForeign   = 0.30 // of the bytes, not ASCII
)

// functionWords are English words that few other languages have.
var functionWords = map[string]bool{
	"the": true, "of": true, "to": true, "and": true, "is": true, "with": true, "for": true, "that": true, "by": true,
	"via": true, "when": true, "from": true, "which": true, "this": true, "are": true, "be": true, "was": true, "not": true,
	"or": true, "an": true, "on": true, "before": true, "through": true, "could": true, "can": true, "may": true, "has": true,
	"allows": true, "allow": true, "does": true, "it": true, "as": true, "at": true, "into": true, "due": true, "in": true, "a": true,
}

// unfitness says why a text cannot be judged, or nothing.
func unfitness(text string, s *lexical.Scores) string {
	return unfit(text, s.Words, s.Known, s.Total)
}

// unfit is unfitness for a text with so many words and features, of which so
// many are known.
func unfit(text string, words, known, total int) string {
	if words == 0 {
		if text == "" {
			return "text is empty"
		}
		return "text has no words"
	}
	control, foreign := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			foreign++
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f:
			control++
		}
	}
	switch {
	case float64(control) > mostControl*float64(len(text)) || foreign > 0 && !utf8.ValidString(trimRune(text)):
		return "not text"
	case known == 0:
		return "no word of it is known"
	case float64(foreign) > mostForeign*float64(len(text)):
		return "not English"
	case words < leastWords:
		return ""
	}
	share := functionShare(text, words)
	if share < leastFunction && float64(known) < leastKnown*float64(total) || share < fewFunction && Foreign(text) {
		return "not English"
	}
	return ""
}

// trimRune drops a rune that is cut at the end.
func trimRune(text string) string {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if c := text[len(text)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRuneInString(text[len(text)-n:]) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

// functionShare returns the share of words that are English function words.
func functionShare(text string, words int) float64 {
	const longest = 7
	var word [longest]byte
	n, found := 0, 0
	for i := 0; i <= len(text); i++ {
		c := byte(' ')
		if i < len(text) {
			c = text[i]
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case c >= 'a' && c <= 'z':
			if n < longest {
				word[n] = c
			}
			n++
		default:
			if n > 0 && n <= longest && functionWords[string(word[:n])] {
				found++
			}
			n = 0
		}
	}
	return float64(found) / float64(words)
}
