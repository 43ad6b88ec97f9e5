package openbook

import (
	"strings"
	"unicode"
	"unicode/utf8"
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
	w.stem = stem(strings.ReplaceAll(raw, "'", ""))
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

// stem reduces an English word to its stem, after mending British spelling.
//
// Source: Porter 1980, "An algorithm for suffix stripping", written from the
// description; words with a digit or of other scripts stay as they are.
func stem(w string) string {
	if len(w) <= 2 {
		return w
	}
	for i := range len(w) {
		if w[i] < 'a' || w[i] > 'z' {
			return w
		}
	}
	if s, ok := spellings[w]; ok {
		w = s
	}
	w = plural(w)
	w = pastAndGerund(w)
	if n := len(w); n > 2 && w[n-1] == 'y' && hasVowel(w[:n-1]) {
		w = w[:n-1] + "i"
	}
	w = replaceSuffix(w, doubleSuffixes, 0)
	w = replaceSuffix(w, longSuffixes, 0)
	w = dropSuffix(w)
	return tidyEnd(w)
}

// plural takes -s away.
func plural(w string) string {
	switch {
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "ies") && len(w) > 4:
		return w[:len(w)-2]
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	case strings.HasSuffix(w, "s"):
		return w[:len(w)-1]
	}
	return w
}

// pastAndGerund takes -ed and -ing away and mends what is left.
func pastAndGerund(w string) string {
	if strings.HasSuffix(w, "eed") {
		if measure(w[:len(w)-3]) > 0 {
			return w[:len(w)-1]
		}
		return w
	}
	cut := ""
	for _, s := range []string{"ed", "ing"} {
		if rest, ok := strings.CutSuffix(w, s); ok && hasVowel(rest) && len(rest) > 1 {
			cut = rest
		}
	}
	if cut == "" {
		return w
	}
	n := len(cut)
	switch {
	case strings.HasSuffix(cut, "at"), strings.HasSuffix(cut, "bl"), strings.HasSuffix(cut, "iz"):
		return cut + "e"
	case n > 1 && cut[n-1] == cut[n-2] && !vowel(cut, n-1) && !strings.ContainsRune("lsz", rune(cut[n-1])):
		return cut[:n-1]
	case measure(cut) == 1 && endsCVC(cut):
		return cut + "e"
	}
	return cut
}

// replaceSuffix exchanges the first suffix of the table that w ends in, if the
// measure of what stands before it is over least.
func replaceSuffix(w string, table [][2]string, least int) string {
	for _, s := range table {
		if rest, ok := strings.CutSuffix(w, s[0]); ok {
			if measure(rest) > least {
				return rest + s[1]
			}
			return w
		}
	}
	return w
}

// dropSuffix takes the endings away that follow two syllables.
func dropSuffix(w string) string {
	for _, s := range endings {
		rest, ok := strings.CutSuffix(w, s)
		if !ok {
			continue
		}
		if measure(rest) > 1 && (s != "ion" || strings.HasSuffix(rest, "s") || strings.HasSuffix(rest, "t")) {
			return rest
		}
		return w
	}
	return w
}

// tidyEnd takes a last -e and a doubled -l away.
func tidyEnd(w string) string {
	n := len(w)
	if n > 1 && w[n-1] == 'e' {
		m := measure(w[:n-1])
		if m > 1 || m == 1 && !endsCVC(w[:n-1]) {
			w = w[:n-1]
		}
	}
	if n = len(w); n > 2 && w[n-1] == 'l' && w[n-2] == 'l' && measure(w) > 1 {
		w = w[:n-1]
	}
	return w
}

// vowel reports whether w[i] sounds as a vowel: a y does after a consonant.
func vowel(w string, i int) bool {
	switch w[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	case 'y':
		return i > 0 && !vowel(w, i-1)
	}
	return false
}

func hasVowel(w string) bool {
	for i := range len(w) {
		if vowel(w, i) {
			return true
		}
	}
	return false
}

// measure counts the groups of vowels that a consonant follows.
func measure(w string) int {
	m, before := 0, false
	for i := range len(w) {
		v := vowel(w, i)
		if before && !v {
			m++
		}
		before = v
	}
	return m
}

// endsCVC reports whether w ends in consonant, vowel, consonant, and the last
// is none of w, x, y.
func endsCVC(w string) bool {
	n := len(w)
	return n >= 3 && !vowel(w, n-3) && vowel(w, n-2) && !vowel(w, n-1) && !strings.ContainsRune("wxy", rune(w[n-1]))
}

// doubleSuffixes, longSuffixes and endings are Porter's steps 2, 3 and 4.
var (
	doubleSuffixes = [][2]string{
		{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"}, {"abli", "able"},
		{"alli", "al"}, {"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"},
		{"alism", "al"}, {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"},
	}
	longSuffixes = [][2]string{
		{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
	}
	endings = []string{
		"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize",
	}
)

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
