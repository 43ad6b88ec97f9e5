package document

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentence is the longest sentence; a longer one is cut between words.
const maxSentence = 2000

// maxMarksSeen is how far back a word is looked for before a mark that may end
// a sentence of nothing but marks.
const maxMarksSeen = 64

// split cuts the text of one block into sentences and gives the bounds of each,
// without the space around them. Text has no line breaks and no double spaces.
//
// A full stop ends a sentence if a space follows it and what follows that can
// begin one. So the dots inside evil.exe, example[.]com, 10.0.0.1, v2.1 and
// HKLM\Software\a.b do not; those of abbreviations are looked at one by one.
func split(text string, emit func(start, end int)) {
	start := 0
	for i := 0; i < len(text); {
		width, wide := terminator(text, i)
		if width == 0 {
			i++
			continue
		}
		end := closers(text, i+width)
		switch {
		case end == len(text):
			i = end
			continue
		case wide: // East Asian full stops need no space after them
		case text[end] != ' ' || !ends(text, start, i, end) || !says(text[max(start, i-maxMarksSeen):i]):
			i += width
			continue
		}
		cutLong(text, start, end, emit)
		for end < len(text) && text[end] == ' ' {
			end++
		}
		start, i = end, end
	}
	if start < len(text) {
		cutLong(text, start, len(text), emit)
	}
}

// says says whether a piece of text is more than marks.
func says(text string) bool {
	for i := range len(text) {
		if c := text[i]; isLetter(c) || isDigit(c) || c >= 0x80 {
			return true
		}
	}
	return false
}

// terminator returns the width of the mark at text[i] that can end a sentence,
// or 0, and whether it is one that ends it always.
func terminator(text string, i int) (width int, wide bool) {
	switch text[i] {
	case '.', '!', '?':
		return 1, false
	case 0xe2:
		if strings.HasPrefix(text[i:], "…") {
			return len("…"), false
		}
	case 0xe3:
		if strings.HasPrefix(text[i:], "。") {
			return len("。"), true
		}
	case 0xef:
		if strings.HasPrefix(text[i:], "！") || strings.HasPrefix(text[i:], "？") {
			return len("！"), true
		}
	}
	return 0, false
}

// closers returns the place behind the marks, quotes, brackets and footnote
// numbers that belong to a sentence's end.
func closers(text string, i int) int {
	for i < len(text) {
		if w, _ := terminator(text, i); w > 0 {
			i += w
			continue
		}
		switch text[i] {
		case '"', '\'', ')', ']', '}':
			i++
			continue
		case '[':
			j := i + 1
			for j < len(text) && j-i < 8 && (isDigit(text[j]) || text[j] == ',') {
				j++
			}
			if j > i+1 && j < len(text) && text[j] == ']' {
				i = j + 1
				continue
			}
		}
		if r, size := utf8.DecodeRuneInString(text[i:]); size > 1 && (r == '”' || r == '’' || r == '»' || r == '」' || r == '）') {
			i += size
			continue
		}
		break
	}
	return i
}

// ends says whether the mark at text[dot], with its closers up to end and a
// space behind them, ends the sentence that began at start.
func ends(text string, start, dot, end int) bool {
	next := end + 1
	for next < len(text) {
		r, size := utf8.DecodeRuneInString(text[next:])
		if !strings.ContainsRune("\"'([“‘«¿¡", r) {
			break
		}
		next += size
	}
	if next >= len(text) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text[next:])
	if r == '|' {
		return false // the next cell of the row
	}
	if text[dot] != '.' {
		return !unicode.IsLower(r)
	}
	word := wordBefore(text, start, dot)
	if unicode.IsLower(r) {
		return namesFile(text[next:]) && abbreviation(word) == notShort
	}
	if isEnumerator(word) && start+len(word) == dot {
		return false
	}
	switch abbreviation(word) {
	case neverEnds:
		return false
	case beforeNumber:
		return !unicode.IsDigit(r)
	case mayEnd:
		return opensSentence(text[next:])
	}
	return true
}

// wordBefore returns the word that ends at text[dot], at most 24 bytes of it.
func wordBefore(text string, start, dot int) string {
	i := dot
	for i > start && dot-i < 24 && text[i-1] != ' ' && strings.IndexByte("(\"'[/", text[i-1]) < 0 {
		i--
	}
	return text[i:dot]
}

// isEnumerator says whether a word at a sentence's start only counts: 1, 2.3, a, iv.
func isEnumerator(word string) bool {
	if len(word) == 1 && isLetter(word[0]) {
		return true
	}
	for i := range len(word) {
		if !isDigit(word[i]) && word[i] != '.' {
			return word == "ii" || word == "iii" || word == "iv" || word == "vi"
		}
	}
	return len(word) > 0 && len(word) <= 8 && len(strings.TrimLeft(word, "0123456789")) != 0 || len(word) > 0 && len(word) <= 3
}

// shortness says what a full stop behind a word means.
type shortness uint8

const (
	notShort     shortness = iota
	neverEnds              // e.g. something
	beforeNumber           // Fig. 3
	mayEnd                 // Example Inc. or the U.S.
)

// abbreviation classes a word before a full stop.
func abbreviation(word string) shortness {
	if word == "" {
		return mayEnd
	}
	if len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z' {
		return mayEnd // an initial
	}
	if len(word) > 8 {
		return notShort
	}
	var buf [8]byte
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	switch string(buf[:len(word)]) {
	case "e.g", "eg", "i.e", "vs", "cf", "viz", "dr", "mr", "mrs", "ms", "prof", "gen", "sen", "gov", "st", "approx", "ca", "incl", "resp", "aka", "a.k.a", "esp", "hon", "lt", "col", "sgt":
		return neverEnds
	case "fig", "figs", "no", "nos", "sec", "sect", "ch", "chap", "p", "pp", "vol", "v", "ver", "eq", "ref", "refs", "art", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec":
		return beforeNumber
	case "inc", "ltd", "corp", "co", "llc", "gmbh", "etc", "al", "a.m", "p.m", "am", "pm", "jr", "sr", "dept", "univ", "est", "ed", "eds", "ext", "bros", "s.a", "ag":
		return mayEnd
	}
	if isDotted(word) {
		return mayEnd
	}
	return notShort
}

// isDotted says whether a word is letters with dots between them: U.S, D.C, Ph.D.
func isDotted(word string) bool {
	if len(word) < 3 || !strings.Contains(word, ".") {
		return false
	}
	for part := range strings.SplitSeq(word, ".") {
		if len(part) == 0 || len(part) > 2 || !isLetter(part[0]) {
			return false
		}
	}
	return true
}

// opensSentence says whether text begins with a word that seldom stands, with a
// capital, anywhere but at the start of a sentence.
func opensSentence(text string) bool {
	word, _, _ := strings.Cut(cutBytes(text, 16), " ")
	switch strings.TrimRight(word, ",;:") {
	case "The", "This", "That", "These", "Those", "It", "Its", "In", "On", "At", "A", "An", "After", "Before", "When", "While", "Once", "Upon", "During",
		"However", "Additionally", "Furthermore", "Moreover", "Finally", "Then", "Next", "As", "If", "To", "For", "From", "With", "We", "They", "He", "She",
		"There", "Here", "Our", "Their", "Attackers", "Although", "Since", "Both", "Each", "Some", "Other", "Later", "Using", "By", "No", "Not", "Another":
		return true
	}
	return false
}

// namesFile says whether the first word of text, in lower case, is the name of
// a file, program or host, which keep theirs at the start of a sentence.
func namesFile(text string) bool {
	word, _, _ := strings.Cut(cutBytes(text, 64), " ")
	word = strings.TrimRight(word, ".,;:)")
	return strings.ContainsAny(word, "._\\/0123456789")
}

// cutLong gives a sentence whole, or in pieces if it is over maxSentence.
func cutLong(text string, start, end int, emit func(start, end int)) {
	for end-start > maxSentence {
		at := start + len(cutBytes(text[start:end], maxSentence))
		if sp := strings.LastIndexByte(text[start:at], ' '); sp > maxSentence/2 {
			at = start + sp
		}
		stop := at
		for stop > start && text[stop-1] == ' ' {
			stop--
		}
		if stop > start {
			emit(start, stop)
		}
		for at < end && text[at] == ' ' {
			at++
		}
		start = at
	}
	for end > start && text[end-1] == ' ' {
		end--
	}
	if end > start {
		emit(start, end)
	}
}
