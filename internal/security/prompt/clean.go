package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/casemate-ai/casemate/internal/security/report"
)

// maxMarks is how many combining marks may follow one character, as in report.
const maxMarks = 4

// Clean returns text of others as a model is shown it. Characters that act or
// hide are written out as report.Terminal does (\x1b, \u{202e}), but for line
// feeds and tabs; a carriage return before a line feed is dropped. What models
// take for the borders of turns, thoughts, tools and instructions is broken by a
// backslash: <\|im_start|>, [\INST], \System: at the start of a line; however it
// is spelled, in capitals or in wide and mathematical letters that a tokenizer
// may fold. Clean(Clean(text)) is Clean(text).
func Clean(text string) string {
	text = visible(text)
	if !suspect(text) {
		return text
	}
	folded, at := fold(text)
	var cuts []int
	for i := range folded {
		if j, ok := special(folded, i); ok {
			cut := j
			if at != nil {
				cut = at[j]
			}
			cuts = append(cuts, cut)
		}
	}
	if len(cuts) == 0 {
		return text
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var b strings.Builder
	b.Grow(len(text) + len(cuts))
	from := 0
	for _, cut := range cuts {
		b.WriteString(text[from:cut])
		b.WriteByte('\\')
		from = cut
	}
	b.WriteString(text[from:])
	return b.String()
}

// visible writes out what acts or hides.
func visible(text string) string {
	if isPlain(text) {
		return text
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(text) + 16)
	marks := maxMarks // so that a mark cannot join what stands before the text
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		mark := r >= utf8.RuneSelf && unicode.Is(unicode.M, r)
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
			marks = maxMarks
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
			marks = 0
		case mark && marks < maxMarks:
			// A letter in front, or the mark itself would be written out.
			b.WriteString(report.Terminal("a" + text[i:i+size])[1:])
			marks++
		default:
			s := report.Terminal(text[i : i+size])
			b.WriteString(s)
			if marks = 0; s != text[i:i+size] {
				marks = maxMarks
			}
		}
		i += size
	}
	return b.String()
}

// isPlain reports whether a text is printable ASCII on lines.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// suspect reports, quickly, whether there can be anything to break.
func suspect(text string) bool {
	for i := range len(text) {
		if c := text[i]; c == '<' || c == '[' || c == ':' || c == '#' || c >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

// fold returns text in small ASCII letters as far as its characters are forms of
// ASCII, and for each byte where it comes from; nil where that is the same place.
func fold(text string) (folded string, at []int) {
	if isPlain(text) {
		return lower(text), nil
	}
	b := make([]byte, 0, len(text))
	at = make([]int, 0, len(text)+1)
	for i, r := range text {
		s := string(r)
		if r >= utf8.RuneSelf {
			if n := norm.NFKC.String(s); isPlain(n) {
				s = n
			}
		}
		for j := range len(s) {
			b = append(b, s[j])
			at = append(at, i)
		}
	}
	return lower(string(b)), append(at, len(text))
}

// lower is strings.ToLower of ASCII alone: no length changes.
func lower(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 {
		return text
	}
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
