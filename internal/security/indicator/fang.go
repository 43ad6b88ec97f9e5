package indicator

import (
	"strings"

	"github.com/casemate-ai/casemate"
)

// Refang undoes what people do to indicators so that nobody follows them by
// accident: a dot, colon, "://" or at sign in brackets of any kind, also as
// "dot" and "at" and with spaces; "evil dot com"; a dot behind a backslash; and
// the schemes hxxp, hxxps, fxp and meow. The rest of the text is left alone,
// such as backslashes that belong to a path.
func Refang(text string) string {
	if fanged(text) {
		text, _ = refang(text)
	}
	return refangSchemes(text)
}

// Defang makes the links in a text harmless: it puts the dots between two words
// in brackets, the at signs likewise, and writes http as hxxp and other "://" as
// "[://]". Refang(Defang(x)) is x for every x that Refang leaves as it is.
func Defang(text string) string {
	var out []byte
	last := 0
	replace := func(from, to int, with string) {
		out = append(append(out, text[last:from]...), with...)
		last = to
	}
	for i := range len(text) {
		switch text[i] {
		case '.':
			if i >= last && wordAt(text, i-1) && wordAt(text, i+1) {
				replace(i, i+1, "[.]")
			}
		case '@':
			if wordAt(text, i-1) && wordAt(text, i+1) {
				replace(i, i+1, "[@]")
			}
		case ':':
			if !strings.HasPrefix(text[i:], "://") || !wordAt(text, i-1) {
				continue
			}
			switch start, scheme := schemeBefore(text, i); {
			case start < last:
				replace(i, i+3, "[://]")
			case scheme == "http":
				replace(start, i, "hxxp")
			case scheme == "https":
				replace(start, i, "hxxps")
			default:
				replace(i, i+3, "[://]")
			}
		}
	}
	if out == nil {
		return text
	}
	return string(append(out, text[last:]...))
}

// Defanged returns an indicator's value in a form that no program makes a link
// of, and that Refang turns back. Hashes and CVE ids are returned as they are.
func Defanged(ind casemate.Indicator) string {
	switch ind.Type {
	case casemate.IndicatorIPv6:
		return strings.ReplaceAll(ind.Value, ":", "[:]")
	case casemate.IndicatorIPv4, casemate.IndicatorDomain, casemate.IndicatorURL, casemate.IndicatorMail:
		return Defang(ind.Value)
	}
	return ind.Value
}

// schemeBefore returns the letters that end at text[end], at most six, and
// where they begin.
func schemeBefore(text string, end int) (int, string) {
	i := end
	for i > 0 && i > end-6 && wordAt(text, i-1) {
		i--
	}
	return i, text[i:end]
}

// refangSchemes replaces the schemes that stand for http, https and ftp.
func refangSchemes(text string) string {
	var out []byte
	last := 0
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			break
		}
		colon := from + i
		from = colon + 3
		start, word := schemeBefore(text, colon)
		scheme, known := urlScheme(word)
		if known && !strings.EqualFold(scheme, word) {
			out = append(append(out, text[last:start]...), scheme...)
			last = colon
		}
	}
	if out == nil {
		return text
	}
	return string(append(out, text[last:]...))
}

// The bytes that marksOf looks for.
const (
	markPoint uint8 = 1 << iota // a dot or colon, without which most texts hold nothing
	markOpen                    // an opening bracket
	markSlash                   // a backslash
)

var marks = [256]uint8{'.': markPoint, ':': markPoint, '[': markOpen, '(': markOpen, '{': markOpen, '\\': markSlash}

// marksOf returns the marks that text has.
func marksOf(text string) uint8 {
	var m uint8
	for i := range len(text) {
		m |= marks[text[i]]
	}
	return m
}

// fanged says whether text has a mark that refang may undo.
func fanged(text string) bool {
	return bracketsOrSlashes(text, marksOf(text)) || strings.Contains(text, " dot ") || strings.Contains(text, " DOT ")
}

// bracketsOrSlashes does fanged's work but for spelled-out dots. Most texts have
// no such mark, although many have brackets, and so cost no second reading.
func bracketsOrSlashes(text string, m uint8) bool {
	if m&markOpen != 0 {
		for i := range len(text) {
			if marks[text[i]] == markOpen {
				if _, _, ok := bracketed(text, i); ok {
					return true
				}
			}
		}
	}
	return m&markSlash != 0 && m&markPoint != 0 && strings.Contains(text, `\.`)
}

// refanger is the state of refang.
type refanger struct {
	in       string
	out      []byte
	last     int   // in[:last] has been written
	dots     []int // where in out something was replaced
	chunkEnd int   // end of the chunk that escaped was found for
	path     bool  // that chunk has backslashes that escape no dot
}

// refang returns text without the marks of defanging, but for those of schemes,
// and the places in it where one was. It returns text itself where there is
// none.
func refang(text string) (string, []int) {
	r := refanger{in: text}
	for i := 0; i < len(text); {
		switch text[i] {
		case '[', '(', '{':
			i = r.bracket(i)
		case '\\':
			if i+1 < len(text) && text[i+1] == '.' && r.wordLeft(i) && wordAt(text, i+2) && !r.inPath(i) {
				r.replace(i, i+2, ".")
				i += 2
				continue
			}
			i++
		case ' ':
			if end, ok := r.spelled(i); ok {
				r.replace(i, end, ".")
				i = end
				continue
			}
			i++
		default:
			i++
		}
	}
	if r.out == nil {
		return text, nil
	}
	return string(append(r.out, text[r.last:]...)), r.dots
}

func (r *refanger) replace(from, to int, with string) {
	r.out = append(r.out, r.in[r.last:from]...)
	r.dots = append(r.dots, len(r.out))
	r.out = append(r.out, with...)
	r.last = to
}

// wordLeft says whether the text written so far, up to in[i], ends with a word.
func (r *refanger) wordLeft(i int) bool {
	if i > r.last {
		return wordAt(r.in, i-1)
	}
	return len(r.out) > 0 && class[r.out[len(r.out)-1]]&^isDot != 0
}

// bracket handles an opening bracket and returns where to go on.
func (r *refanger) bracket(i int) int {
	with, end, ok := bracketed(r.in, i)
	if !ok {
		return i + 1
	}
	from := i
	switch with {
	case ".", "@":
		// "evil [.] com"
		if i > r.last+1 && r.in[i-1] == ' ' && wordAt(r.in, i-2) && end < len(r.in) && r.in[end] == ' ' && wordAt(r.in, end+1) {
			from, end = i-1, end+1
		}
		if !r.wordLeft(from) || !wordAt(r.in, end) {
			return i + 1
		}
	case "://":
		if !r.wordLeft(i) {
			return i + 1
		}
	}
	r.replace(from, end, with)
	return end
}

// bracketed reads a mark in brackets at in[i]: what it stands for and its end.
func bracketed(in string, i int) (with string, end int, ok bool) {
	closing := byte(']')
	switch in[i] {
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	}
	j := skipSpaces(in, i+1)
	if j == len(in) || class[in[j]]&isDigit != 0 {
		return "", 0, false // most brackets hold a number
	}
	rest := in[j:min(len(in), j+3)]
	switch {
	case rest == "://":
		with, j = "://", j+3
	case strings.EqualFold(rest, "dot"):
		with, j = ".", j+3
	case len(rest) >= 2 && strings.EqualFold(rest[:2], "at"):
		with, j = "@", j+2
	case rest[0] == '.' || rest[0] == ':' || rest[0] == '@':
		with, j = rest[:1], j+1
	default:
		return "", 0, false
	}
	j = skipSpaces(in, j)
	return with, j + 1, j < len(in) && in[j] == closing
}

// skipSpaces returns the end of the spaces at in[i:], of at most three.
func skipSpaces(in string, i int) int {
	for end := i + 3; i < end && i < len(in) && in[i] == ' '; i++ {
	}
	return i
}

// inPath says whether the chunk around in[i], up to the next space or quote on
// either side, has backslashes that do not escape a dot: it is a path then.
// Each chunk is read once.
func (r *refanger) inPath(i int) bool {
	if i < r.chunkEnd {
		return r.path
	}
	start := i
	for start > r.chunkEnd && !chunkBorder(r.in[start-1]) {
		start--
	}
	r.path = false
	end := start
	for ; end < len(r.in) && !chunkBorder(r.in[end]); end++ {
		if r.in[end] == '\\' && (end+1 == len(r.in) || r.in[end+1] != '.') {
			r.path = true
		}
	}
	r.chunkEnd = end
	return r.path
}

func chunkBorder(c byte) bool { return c <= ' ' || c == '"' || c == '\'' || c == '`' || c == ',' }

// maxSpelled is how many labels a spelled-out name may still have behind a dot.
const maxSpelled = 8

// spelled reads " dot " at in[i] between two words, the last of which is a
// top-level domain, as in "www dot evil dot com". It returns where the next
// word begins.
func (r *refanger) spelled(i int) (int, bool) {
	if !dotWord(r.in, i) || !r.wordLeft(i) {
		return 0, false
	}
	left := i
	for left > 0 && left > i-8 && wordAt(r.in, left-1) {
		left--
	}
	switch strings.ToLower(r.in[left:i]) {
	case "the", "a", "an", "of", "and", "or", "in", "to":
		return 0, false // "the dot com boom"
	}
	next := i + 5
	for range maxSpelled {
		end := next
		for end < len(r.in) && end <= next+maxLabel && wordAt(r.in, end) {
			end++
		}
		if end == next {
			return 0, false
		}
		if dotWord(r.in, end) {
			next = end + 5
			continue
		}
		name := strings.ToLower(r.in[next:end])
		if !isASCII(name) || len(name) < 2 {
			return 0, false
		}
		_, kind := suffixOf(name)
		return i + 5, kind == suffixListed && weakSuffix(name) == useDomain
	}
	return 0, false
}

// dotWord says whether in[i:] begins with " dot ".
func dotWord(in string, i int) bool {
	return i+5 <= len(in) && in[i] == ' ' && (in[i+1:i+5] == "dot " || in[i+1:i+5] == "DOT ")
}

// wordAt says whether s[i] is part of a word: a letter, digit, hyphen,
// underscore or part of a character that is not ASCII.
func wordAt(s string, i int) bool {
	return i >= 0 && i < len(s) && class[s[i]]&^isDot != 0
}
