package prose

import (
	"bytes"
	"strings"
)

// The longest pieces of markup that are looked for; what is longer stays as it is.
const (
	maxCitation = 400
	maxLinkText = 1000
	maxAddress  = 2000
	maxTag      = 2000
	maxBold     = 400
)

const citation = "(Citation:"

// markdown removes citations and resolves links, bold text, code spans and
// headings. Single stars and underscores stay: they are wildcards and names.
// Each step looks ahead no further than the next mark of its own kind, so that
// the time is linear.
func markdown(s string) string {
	if !strings.ContainsAny(s, "([`*#") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		n, text := 0, ""
		switch s[i] {
		case '(':
			n = cited(s[i:])
		case '[':
			n, text = link(s[i:])
		case '!':
			if strings.HasPrefix(s[i:], "![") {
				if n, text = link(s[i+1:]); n > 0 {
					n++
				}
			}
		case '`':
			n = 1
		case '*':
			n, text = bold(s[i:])
		case '#':
			if i == 0 || s[i-1] == '\n' {
				n, text = heading(s[i:])
			}
		}
		if n == 0 {
			end := strings.IndexAny(s[i+1:], "([!`*#")
			if end < 0 {
				end = len(s) - i - 1
			}
			out = append(out, s[i:i+1+end]...)
			i += 1 + end
			continue
		}
		if s[i] == '(' {
			out = tighten(out, s[i+n:])
		}
		out = append(out, text...)
		i += n
	}
	return string(out)
}

// tighten drops the blanks before a citation if what follows it closes a sentence.
func tighten(out []byte, rest string) []byte {
	if rest != "" && strings.IndexByte(".,;:)\n(", rest[0]) < 0 {
		return out
	}
	return bytes.TrimRight(out, " ")
}

// cited returns the length of the citation that s begins with, or 0.
func cited(s string) int {
	if !strings.HasPrefix(s, citation) {
		return 0
	}
	depth := 0
	for i := 0; i < len(s) && i < maxCitation; i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\n':
			return 0
		}
	}
	return 0
}

// link returns the length and the text of the link that s begins with.
func link(s string) (int, string) {
	end := strings.IndexAny(s[1:min(len(s), maxLinkText)], "[]\n") + 1
	if end <= 1 || s[end] != ']' || end+1 >= len(s) || s[end+1] != '(' {
		return 0, ""
	}
	depth := 0
	for i := end + 1; i < len(s) && i < end+maxAddress; i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				if !address(s[end+2 : i]) {
					return 0, ""
				}
				return i + 1, s[1:end]
			}
		case '[', '\n', ' ', '\t':
			return 0, ""
		}
	}
	return 0, ""
}

// address reports what a link may lead to.
func address(s string) bool {
	return s != "" && (strings.IndexByte("/#.", s[0]) >= 0 || strings.Contains(s, "://") || strings.HasPrefix(s, "mailto:"))
}

// bold returns the length and the content of the bold text that s begins with.
func bold(s string) (int, string) {
	if len(s) < 5 || s[1] != '*' || !letter(s[2]) {
		return 0, ""
	}
	body := s[2:min(len(s), maxBold)]
	end := strings.IndexAny(body, "*\n")
	if end < 1 || body[end-1] == ' ' || !strings.HasPrefix(body[end:], "**") {
		return 0, ""
	}
	return end + 4, markdown(body[:end]) // which has no star
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// heading returns the length of the heading that s begins with, and its text as
// a line of its own.
func heading(s string) (int, string) {
	mark := 0
	for mark < len(s) && mark < 6 && s[mark] == '#' {
		mark++
	}
	if mark == len(s) || s[mark] != ' ' {
		return 0, ""
	}
	line, _, _ := strings.Cut(s, "\n")
	return len(line), string(hard) + markdown(strings.TrimLeft(line[mark:], "# ")) + string(hard)
}

// The tags that format text, by what becomes of them.
const (
	inline = iota + 1 // nothing
	block             // a new line
	item              // a new line with a dash
	cell              // a blank
)

var formatting = map[string]int{
	"a": inline, "abbr": inline, "b": inline, "big": inline, "cite": inline, "code": inline, "em": inline,
	"font": inline, "i": inline, "kbd": inline, "mark": inline, "q": inline, "s": inline, "samp": inline, "small": inline,
	"span": inline, "strong": inline, "sub": inline, "sup": inline, "tt": inline, "u": inline, "var": inline,
	"blockquote": block, "br": block, "center": block, "dd": block, "div": block, "dl": block, "dt": block,
	"h1": block, "h2": block, "h3": block, "h4": block, "h5": block, "h6": block, "hr": block, "ol": block,
	"p": block, "pre": block, "table": block, "tbody": block, "thead": block, "tr": block, "ul": block,
	"li": item, "td": cell, "th": cell,
}

// tags takes out the tags that format text.
func tags(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] == '<' {
			if n, kind, closing := tag(s[i:]); n > 0 {
				i += n
				out = broken(out, kind, closing)
				continue
			}
		}
		end := strings.IndexByte(s[i+1:], '<')
		if end < 0 {
			end = len(s) - i - 1
		}
		out = append(out, s[i:i+1+end]...)
		i += 1 + end
	}
	return string(out)
}

// broken adds what a tag stands for. A paragraph within a list item goes on
// behind the item's dash.
func broken(out []byte, kind int, closing bool) []byte {
	switch {
	case kind == item && !closing:
		return append(out, hard, '-', ' ')
	case kind == block && bytes.HasSuffix(bytes.TrimRight(out, " \t\n"), []byte{hard, '-'}):
		return out
	case kind == block || kind == item:
		return append(out, hard)
	case kind == cell:
		return append(out, ' ')
	}
	return out
}

// tag returns the length and the kind of the formatting tag that s begins with.
// A prefix such as "xhtml:" belongs to the name.
func tag(s string) (n, kind int, closing bool) {
	i := 1
	if i < len(s) && s[i] == '/' {
		closing = true
		i++
	}
	rest := s[i:]
	if len(rest) > len("xhtml:") && strings.EqualFold(rest[:len("xhtml:")], "xhtml:") {
		i += len("xhtml:")
	}
	start := i
	for i < len(s) && i-start < 12 && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > start && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	kind = formatting[strings.ToLower(s[start:i])]
	if kind == 0 || i == len(s) || strings.IndexByte(" \t\n/>", s[i]) < 0 {
		return 0, 0, false
	}
	end := strings.IndexAny(s[i:min(len(s), maxTag)], "<>")
	if end < 0 || s[i+end] == '<' {
		return 0, 0, false
	}
	return i + end + 1, kind, closing
}
