package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// maxMarks is how many combining marks may follow one character. Living
// scripts need no more than four; text that stacks marks over the lines around
// it uses dozens.
const maxMarks = 4

// bytesPerColumn bounds how many bytes of text one column of a terminal can
// take: a base character and maxMarks marks, four bytes each, with room for
// scripts whose letters join. TerminalFit reads no further than that.
const bytesPerColumn = 32

// Terminal returns s as text that a terminal can only display: one line in
// which every byte and character that could act or hide is written out.
//
// Control characters (C0, C1 and DEL, so also every escape sequence), bidi
// controls, zero-width and tag characters, variation selectors, private-use and
// unassigned characters, line separators, fillers that look like a space and
// piled-up combining marks become \n, \t, \r, \x1b or \u{202e}; a byte that is
// not UTF-8 becomes \xff. Links that a terminal would make clickable are
// broken: http[:]//host, www[.]host. The result is for reading: a text that
// already holds `\x1b` as four characters looks the same as an escape byte.
// Terminal(Terminal(s)) is Terminal(s).
func Terminal(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	marks := maxMarks // so that a mark cannot join the text before s
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		mark := unicode.Is(unicode.M, r)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = maxMarks
		case r == ':' && opensLink(s, i):
			b.WriteString("[:]")
			marks = maxMarks
		case r == '.' && endsWWW(s, i):
			b.WriteString("[.]")
			marks = maxMarks
		case !visible(r) || mark && marks >= maxMarks:
			writeEscape(&b, r)
			marks = maxMarks
		default:
			b.WriteString(s[i : i+size])
			if mark {
				marks++
			} else {
				marks = 0
			}
		}
		i += size
	}
	return b.String()
}

// TerminalFit returns Terminal(s) cut to at most width columns, with an
// ellipsis as the last of them where something was cut. A wide character takes
// two columns. It reads no more of s than it can show.
func TerminalFit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	limit := (width + 1) * bytesPerColumn
	if len(s) <= limit {
		return columns.Fit(Terminal(s), width)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) && limit > (width+1)*bytesPerColumn-utf8.UTFMax {
		limit--
	}
	// The ellipsis must also appear where what was read would fit.
	head := columns.Fit(Terminal(s[:limit]), width)
	if strings.HasSuffix(head, "…") {
		return head
	}
	return columns.Fit(head, width-1) + "…"
}

// isPlain reports whether Terminal would return s unchanged, for the common
// case of printable ASCII without a link.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			return false
		case c == ':' && opensLink(s, i), c == '.' && endsWWW(s, i):
			return false
		}
	}
	return true
}

// opensLink reports whether "//" follows the colon at s[i]. What stands before
// it does not matter: an escape such as \xff ends in letters too.
func opensLink(s string, i int) bool { return strings.HasPrefix(s[i+1:], "//") }

// endsWWW reports whether the dot at s[i] follows "www".
func endsWWW(s string, i int) bool {
	return i >= 3 && strings.EqualFold(s[i-3:i], "www")
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// visible reports whether r shows as itself: it has a glyph and does nothing
// else. unicode.IsPrint refuses controls, format characters, separators,
// private use and what is unassigned; the rest are letters, marks and symbols
// that Unicode wants ignored or that draw nothing.
func visible(r rune) bool {
	switch {
	case r == '\u3000': // the space of East Asian text: wide, so it can be seen
		return true
	case r == '\u2800', r == '\u034f': // braille blank, combining grapheme joiner
		return false
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func writeEscape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < utf8.RuneSelf:
		fmt.Fprintf(b, `\x%02x`, r)
	default:
		fmt.Fprintf(b, `\u{%x}`, r)
	}
}

// Markdown returns s as text inside a line of Markdown, in a paragraph, a
// heading, a list or a table cell: what Terminal makes of it, with all that
// CommonMark and its common extensions give a meaning escaped, so that no link,
// image, HTML, code span, emphasis, heading, list or further cell can form.
//
// What renderers turn into links outside the grammar is broken for the eye as
// well, because some of them look at the text after escapes are gone: "://"
// becomes [:]//, "www." becomes www[.] and "@" becomes [@]. A bracket before a
// parenthesis is broken twice: what some products make of Markdown is looser than
// any grammar.
func Markdown(s string) string {
	s = Terminal(s)
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	start := lineStart(s)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '&':
			b.WriteString("&amp;")
		case c == '@':
			b.WriteString(`\[@\]`)
		case c == ' ' && i == 0: // four spaces would open a code block
			b.WriteString("&#32;")
		case strings.IndexByte("\\`*_{}[]#!|~$^", c) >= 0, i == start,
			c == '(' && i > 0 && (s[i-1] == ']' || s[i-1] == '@'):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '.' && i > 0 && i+1 < len(s) && isAlphanumeric(s[i-1]) && s[i+1] > '9':
			b.WriteString(`\.`) // a bare domain
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// lineStart returns the index in s of a character that would open a block if s
// began a line, such as the dash of a list or the dot after a number, or -1.
func lineStart(s string) int {
	i := len(s) - len(strings.TrimLeft(s, " "))
	digits := i
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > i && digits < len(s) && (s[digits] == '.' || s[digits] == ')') && (digits+1 == len(s) || strings.IndexByte(" \t\r\n", s[digits+1]) >= 0) {
		return digits
	}
	if i < len(s) && strings.IndexByte("-+=:%", s[i]) >= 0 {
		return i
	}
	return -1
}

// MarkdownCode returns s as a code span where no parser can read it otherwise,
// and as Markdown(s) where one might: a backtick, a bar or a closing backslash
// would end the span or the table cell around it.
func MarkdownCode(s string) string {
	clean := Terminal(s)
	if strings.TrimSpace(clean) == "" || strings.ContainsAny(clean, "`|") || strings.HasSuffix(clean, `\`) {
		return Markdown(s)
	}
	return "`" + clean + "`"
}

// CSVCell returns s for a cell of a CSV file that a spreadsheet may open: what
// Terminal makes of it, with an apostrophe before text that would run as a
// formula, at its start or after a semicolon, which many locales take for the
// separator. Quoting is left to encoding/csv.
func CSVCell(s string) string {
	s = Terminal(s)
	var b strings.Builder
	open := true // nothing but space since the start or a semicolon
	for _, r := range s {
		switch {
		case r == ';':
			open = true
		case r == ' ' || r == '\u3000' || r == '"':
		case open && strings.ContainsRune("=+-@|%\\＝＋－＠", r):
			b.WriteByte('\'')
			open = false
		default:
			open = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
