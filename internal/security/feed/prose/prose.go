// Package prose makes plain text of what catalogues write: Markdown, a little
// HTML and citations go, what a person would read stays. Text about security is
// full of markup as an example, so only tags that format text are taken out; a
// script, an image or a placeholder in angle brackets stays as the characters
// it is. The result is text and no HTML: who shows it escapes it.
package prose

import (
	"html"
	"strings"
	"unicode/utf8"
)

// Text cleans a piece of prose in Markdown with a little HTML. Paragraphs and
// list items stand on lines of their own; fenced code keeps its lines.
func Text(s string) string {
	s = valid(s)
	if plainEnough(s) {
		return s
	}
	if !strings.Contains(s, "```") {
		return layout(decode(tags(markdown(s))))
	}
	parts := strings.Split(s, "```")
	var out strings.Builder
	for i, part := range parts {
		if i%2 == 1 && i < len(parts)-1 {
			part = fenced(part)
		} else {
			part = layout(decode(tags(markdown(part))))
		}
		if part == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(part)
	}
	return out.String()
}

// Plain cleans text that is no Markdown, such as the description of a CVE: tags
// that format and entities are resolved, blanks folded.
func Plain(s string) string {
	s = valid(s)
	if plainEnough(s) {
		return s
	}
	return layout(decode(tags(s)))
}

// Code keeps the lines and the indentation of a piece of code, without a fence
// around it, blank lines at its ends and blanks at the ends of its lines.
func Code(s string) string {
	s = strings.TrimSpace(valid(s))
	if body, ok := strings.CutPrefix(s, "```"); ok {
		body, _ = strings.CutSuffix(body, "```")
		return fenced(body)
	}
	return lines(s)
}

// Markup cleans code in XHTML, whose lines are elements: each element begins a
// line, and blanks within it are kept as they are.
func Markup(s string) string {
	return lines(strings.ReplaceAll(decode(tags(valid(s))), string(hard), "\n"))
}

// Line folds text into one line: for names and facts.
func Line(s string) string {
	s = valid(s)
	if plainEnough(s) {
		return s
	}
	return strings.Join(strings.Fields(decode(s)), " ")
}

// fenced is the body of fenced code, without the word that names its language.
func fenced(s string) string {
	if first, rest, ok := strings.Cut(s, "\n"); ok && !strings.ContainsAny(first, " \t;{}()<>=") {
		s = rest
	}
	return lines(s)
}

// lines drops blanks at the ends of lines and blank lines at both ends.
func lines(s string) string {
	all := strings.Split(s, "\n")
	for i, l := range all {
		all[i] = strings.TrimRight(l, " \t")
	}
	for len(all) > 0 && all[0] == "" {
		all = all[1:]
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return strings.Join(all, "\n")
}

// valid returns s as UTF-8 with one kind of line end and without control
// characters; of blanks only space, tab and line feed are left.
func valid(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		c := s[i]
		clean = c < utf8.RuneSelf && (c >= ' ' && c != 0x7f || c == '\n' || c == '\t')
	}
	if clean {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029:
			return '\n'
		case r == 0xa0:
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfeff:
			return -1
		}
		return r // what is no UTF-8 arrives as U+FFFD
	}, s)
}

// plainEnough reports text that needs no work: most names and many sentences.
func plainEnough(s string) bool {
	if s == "" {
		return true
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' || s[0] == '#' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\n', '\t', '<', '&', '[', '`', '*':
			return false
		case '(':
			if strings.HasPrefix(s[i:], citation) {
				return false
			}
		case ' ':
			if s[i+1] == ' ' { // the last byte is no space
				return false
			}
		}
	}
	return true
}

// decode resolves entities.
func decode(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	parts := strings.Split(s, string(hard)) // valid would drop the marks
	for i, p := range parts {
		parts[i] = valid(html.UnescapeString(p))
	}
	return strings.Join(parts, string(hard))
}

// hard marks a line break that markup asked for, until layout has folded the others.
const hard = '\v'

// layout folds blanks. A single line end within a paragraph is a blank; an
// empty line, a tag's break and the mark of a list item begin a new line.
func layout(s string) string {
	s = strings.TrimSpace(s)
	var out strings.Builder
	out.Grow(len(s))
	breaks, blank := 0, false
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case hard:
			breaks += 2
			i++
			continue
		case '\n':
			breaks++
			i++
			continue
		case ' ', '\t':
			blank = true
			i++
			continue
		}
		switch {
		case out.Len() == 0:
		case breaks > 1 || breaks == 1 && listMark(s[i:]):
			out.WriteByte('\n')
		case breaks == 1 || blank:
			out.WriteByte(' ')
		}
		breaks, blank = 0, false
		end := strings.IndexAny(s[i:], " \t\n\v")
		if end < 0 {
			end = len(s) - i
		}
		out.WriteString(s[i : i+end])
		i += end
	}
	return out.String()
}

// listMark reports whether a line begins with "- ", "* ", "+ ", "• " or "12. ".
func listMark(s string) bool {
	for _, mark := range [...]string{"- ", "* ", "+ ", "• "} {
		if strings.HasPrefix(s, mark) {
			return true
		}
	}
	n := 0
	for n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n > 0 && len(s) > n+1 && (s[n] == '.' || s[n] == ')') && s[n+1] == ' '
}
