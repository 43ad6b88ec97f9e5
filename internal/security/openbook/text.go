package openbook

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/stem"
)

// maxTokenBytes caps one token: longer ones are encodings or noise.
const maxTokenBytes = 64

// word is one token of a text: as it stands, in lower case, and as indexed.
type word struct {
	raw   string // in lower case
	stem  string // as indexed; empty for a stop word
	upper bool   // written with a capital or a digit
	soft  bool   // phrasing of questions: counts little
}

// words cuts text into tokens. Ids, file names and other technical tokens stay
// whole and are followed by their parts, so that both spellings meet.
func words(text string) []word {
	var out []word
	start := -1
	for i, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || start >= 0 && joins(text, i, r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			out = appendToken(out, text[start:i])
			start = -1
		}
	}
	if start >= 0 {
		out = appendToken(out, text[start:])
	}
	return out
}

// joins reports whether the mark at text[i:] binds the letters around it.
func joins(text string, i int, r rune) bool {
	switch r {
	case '.', '_', '-', '/', '\'', '’':
	default:
		return false
	}
	next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
	return unicode.IsLetter(next) || unicode.IsDigit(next)
}

// appendToken adds a token, and its parts where it is a compound.
func appendToken(out []word, token string) []word {
	token = strings.TrimRight(strings.ReplaceAll(token, "’", "'"), ".-_/'")
	token = strings.TrimSuffix(strings.TrimSuffix(token, "'s"), "'S")
	if token == "" || len(token) > maxTokenBytes {
		return out
	}
	raw := strings.ToLower(token)
	upper := raw != token || strings.ContainsAny(raw, "0123456789")
	if !strings.ContainsAny(raw, "._-/") {
		return append(out, single(raw, upper))
	}
	if isID(raw) {
		return append(out, word{raw: raw, stem: raw, upper: true})
	}
	if strings.ContainsAny(raw, "._") {
		out = append(out, word{raw: raw, stem: raw, upper: true})
	}
	for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return strings.ContainsRune("._-/", r) }) {
		out = append(out, single(part, upper))
	}
	return out
}

// single returns one plain word as a token.
func single(raw string, upper bool) word {
	w := word{raw: raw, upper: upper}
	if stopWords[raw] {
		return w
	}
	w.stem = stemOf(strings.ReplaceAll(raw, "'", ""))
	w.soft = softStems[w.stem]
	return w
}

// isID reports whether a token in lower case has the form of a published id:
// letters, then digits in one or more groups, as in cwe-79, t1059.001, ac-2.
func isID(s string) bool {
	i := 0
	for i < len(s) && s[i] >= 'a' && s[i] <= 'z' {
		i++
	}
	if i == 0 || i > 6 || i == len(s) {
		return false
	}
	digits := false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c != '.' && c != '-':
			return false
		}
	}
	return digits
}

// stemOf reduces a word to its stem, after mending British spelling.
func stemOf(w string) string {
	if s, ok := spellings[w]; ok {
		w = s
	}
	return stem.Word(w)
}

// sentences cuts text at the ends of sentences and at line ends, and joins what
// is too short to stand alone. The pieces are parts of text, in order.
func sentences(text string) []string {
	const short = 20
	var out []string
	start := 0
	add := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			out = append(out, s)
		}
		start = end
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\n':
			if i-start >= short {
				add(i + 1)
			}
		case '.', '!', '?', ';':
			if i-start >= short && i+2 < len(text) && (text[i+1] == ' ' || text[i+1] == '\n') && !abbreviated(text[:i]) {
				add(i + 1)
			}
		}
		if i-start >= maxSentenceBytes && (text[i] == ' ' || text[i] == '\n') {
			add(i + 1)
		}
	}
	add(len(text))
	return out
}

// maxSentenceBytes is where a sentence is cut that does not end by itself.
const maxSentenceBytes = 700

// abbreviated reports whether text ends in an abbreviation whose dot ends no sentence.
func abbreviated(text string) bool {
	for _, a := range []string{"e.g", "i.e", "etc", "vs", " cf", " no"} {
		if strings.HasSuffix(text, a) {
			return true
		}
	}
	return false
}
