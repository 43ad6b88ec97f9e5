package document

import (
	"strings"

	"golang.org/x/net/html"
)

// isMarkdown says whether a text uses Markdown's marks: one that means nothing
// else, or two of those that might.
func isMarkdown(text string) bool {
	strong, weak := 0, 0
	if strings.HasPrefix(text, "#!") {
		return false // a script
	}
	for l := range strings.SplitSeq(cutBytes(text, 64<<10), "\n") {
		l = strings.TrimRight(l, " \r")
		switch {
		case strings.HasPrefix(l, "```"), strings.HasPrefix(l, "## "), strings.HasPrefix(l, "### "), isDivider(l):
			strong++
		case strings.HasPrefix(l, "# "):
			weak++
		case strings.Contains(l, "**"), strings.HasPrefix(l, "> "), strings.HasPrefix(l, "* "):
			weak++
		case strings.Contains(l, "]("):
			strong++
		}
		if strong > 0 || weak > 1 {
			return true
		}
	}
	return false
}

// isDivider says whether a line stands between the head and the body of a table.
func isDivider(l string) bool {
	l = strings.TrimSpace(l)
	return strings.Contains(l, "|") && strings.Contains(l, "---") && strings.Trim(l, "|-: ") == ""
}

// markdown reads a text with Markdown's marks and leaves them out.
func markdown(b *builder, text string) (title string) {
	m := &markdownReader{b: b}
	lines := splitLines(text)
	lines, title = frontMatter(lines)
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if l.gap && m.fence == "" {
			m.flush()
		}
		var next string
		if i+1 < len(lines) && !lines[i+1].gap {
			next = lines[i+1].text
		}
		if m.line(l, next) && title == "" {
			title = b.heading
		}
	}
	m.flush()
	return title
}

// frontMatter takes the lines between the first "---" and the next away, and
// returns the title that they give.
func frontMatter(lines []line) (rest []line, title string) {
	if len(lines) == 0 || lines[0].text != "---" {
		return lines, ""
	}
	for i := 1; i < len(lines) && i < 200; i++ {
		if lines[i].text == "---" || lines[i].text == "..." {
			return lines[i+1:], title
		}
		if t, ok := strings.CutPrefix(lines[i].text, "title:"); ok {
			title = strings.Trim(strings.TrimSpace(t), `"'`)
		}
	}
	return lines, ""
}

// markdownReader puts the lines of a Markdown text together.
type markdownReader struct {
	b     *builder
	open  []piece
	kind  string
	fence string // that would close the code at hand
}

func (m *markdownReader) flush() {
	if len(m.open) > 0 {
		for i := range m.open {
			m.open[i].text = inline(m.open[i].text)
		}
		m.b.join(m.kind, m.b.heading, m.open)
	}
	m.open, m.kind = m.open[:0], KindProse
}

// line takes one line and says whether it was a heading of the first rank.
// next is the line below it, for headings that are underlined.
func (m *markdownReader) line(l line, next string) bool {
	text := strings.TrimSpace(l.text)
	if m.fence != "" {
		if strings.HasPrefix(text, m.fence) && strings.Trim(text, m.fence[:1]) == "" {
			m.fence = ""
		} else {
			m.b.add(KindCode, l.text, l.page, l.line)
		}
		return false
	}
	for strings.HasPrefix(text, ">") {
		text = strings.TrimSpace(text[1:])
	}
	if text == "" {
		return false
	}
	hashes := len(text) - len(strings.TrimLeft(text, "#"))
	item, isItem := bullet(text)
	switch {
	case strings.HasPrefix(text, "```"), strings.HasPrefix(text, "~~~"):
		m.flush()
		m.fence = text[:3]
	case hashes > 0 && hashes <= 6 && strings.HasPrefix(text[hashes:], " "):
		m.flush()
		m.heading(strings.TrimRight(text[hashes:], "# "), l)
		return hashes == 1
	case len(m.open) == 0 && len(next) > 2 && (strings.Trim(next, "=") == "" || strings.Trim(next, "-") == "") && !isRule(text):
		m.heading(text, l)
		return next[0] == '='
	case isRule(text) || isDivider(text) || isReference(text):
		m.flush()
	case strings.HasPrefix(text, "|") || strings.Count(text, " | ") > 0 && isDivider(next):
		m.flush()
		m.b.add(KindRow, cells(inline(strings.ReplaceAll(text, `\|`, "¦"))), l.page, l.line)
	case len(m.open) == 0 && (strings.HasPrefix(l.text, "    ") || strings.HasPrefix(l.text, "\t")) && !isItem:
		m.b.add(KindCode, l.text, l.page, l.line)
	case isItem:
		m.flush()
		m.kind = KindItem
		item = strings.TrimPrefix(strings.TrimPrefix(item, "[ ] "), "[x] ")
		m.open = append(m.open, piece{item, l.page, l.line})
	default:
		m.open = append(m.open, piece{text, l.page, l.line})
	}
	return false
}

func (m *markdownReader) heading(text string, l line) {
	m.b.add(KindHeading, inline(strings.TrimSpace(text)), l.page, l.line)
}

// isReference says whether a line only defines where a link leads.
func isReference(text string) bool {
	if !strings.HasPrefix(text, "[") || strings.HasPrefix(text, "[^") {
		return false
	}
	at := strings.Index(text, "]: ")
	return at > 0 && !strings.Contains(text[:at], " ") && strings.Count(text[at+3:], " ") < 3
}

// inline returns a line as its reader sees it: of a link its text, of a code
// span its code, without emphasis, tags and escapes.
func inline(text string) string {
	if !strings.ContainsAny(text, "`*_[]<&\\~!") {
		return text
	}
	var s strings.Builder
	s.Grow(len(text))
	for i := 0; i < len(text); {
		i += inlineAt(&s, text, i)
	}
	return s.String()
}

// inlineAt writes what stands at text[i] and returns how much of it that was.
func inlineAt(s *strings.Builder, text string, i int) int {
	rest := text[i:]
	switch c := text[i]; c {
	case '\\':
		if len(rest) > 1 && strings.IndexByte("\\`*_{}[]()#+-.!|<>~", rest[1]) >= 0 && !isPath(text, i) {
			s.WriteByte(rest[1])
			return 2
		}
	case '`':
		ticks := len(rest) - len(strings.TrimLeft(rest, "`"))
		if end := strings.Index(cutBytes(rest[ticks:], maxSpan), rest[:ticks]); end >= 0 {
			s.WriteString(rest[ticks : ticks+end])
			return 2*ticks + end
		}
		return ticks
	case '*', '~':
		if strings.HasPrefix(rest, "**") || strings.HasPrefix(rest, "~~") {
			return 2
		}
		if c == '*' && !spaced(text, i) {
			return 1
		}
	case '_':
		before, after := i == 0 || !isWordByte(text[i-1]), i+1 == len(text) || !isWordByte(text[i+1])
		if before != after {
			return 1
		}
	case '!':
		if strings.HasPrefix(rest, "![") {
			return 1
		}
	case '[':
		if n := link(s, rest); n > 0 {
			return n
		}
	case '<':
		if n := tag(s, rest); n > 0 {
			return n
		}
	case '&':
		if semi := strings.IndexByte(cutBytes(rest, 12), ';'); semi > 1 {
			s.WriteString(html.UnescapeString(rest[:semi+1]))
			return semi + 1
		}
	}
	s.WriteByte(text[i])
	return 1
}

// How far the end of a code span, and of a link or tag, may be from its start.
const (
	maxSpan = 2000
	maxLink = 500
)

// isPath says whether a backslash stands in a path rather than before a mark.
func isPath(text string, i int) bool {
	return i > 0 && (isWordByte(text[i-1]) || text[i-1] == ':' || text[i-1] == '%') && i+1 < len(text) && text[i+1] != '_' && text[i+1] != '*' && text[i+1] != '|'
}

// spaced says whether a star stands between spaces, digits or path separators,
// where it is no emphasis.
func spaced(text string, i int) bool {
	blank := func(j int) bool { return j < 0 || j >= len(text) || strings.IndexByte(" ./\\\"'", text[j]) >= 0 }
	return blank(i-1) && blank(i+1)
}

func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c >= 0x80 || c == '_' }

// link writes the text of the link or image that rest begins with, and returns
// its length, or 0 if there is none.
func link(s *strings.Builder, rest string) int {
	near := cutBytes(rest, maxLink)
	end := strings.IndexByte(near, ']')
	if end < 1 || end+1 >= len(near) {
		return 0
	}
	label := rest[1:end]
	switch near[end+1] {
	case '(':
		closing := strings.IndexByte(near[end+1:], ')')
		if closing < 0 {
			return 0
		}
		s.WriteString(inlinePlain(label))
		return end + 1 + closing + 1
	case '[':
		closing := strings.IndexByte(near[end+1:], ']')
		if closing < 0 || label == "." || len(label) < 2 {
			return 0
		}
		s.WriteString(inlinePlain(label))
		return end + 1 + closing + 1
	}
	return 0
}

// inlinePlain removes the marks from a link's text, which holds no link itself.
func inlinePlain(label string) string {
	return strings.NewReplacer("**", "", "`", "", "*", "").Replace(strings.TrimPrefix(label, "!["))
}

// tag skips the HTML tag that rest begins with and writes the address of an
// automatic link. It returns 0 if rest begins with neither.
func tag(s *strings.Builder, rest string) int {
	end := strings.IndexByte(cutBytes(rest, maxLink), '>')
	if end < 2 {
		return 0
	}
	inner := rest[1:end]
	if strings.Contains(inner, "://") && !strings.Contains(inner, " ") {
		s.WriteString(inner)
		return end + 1
	}
	name := strings.TrimLeft(inner, "/!")
	if name == "" || !isLetter(name[0]) && name[0] != '-' {
		return 0
	}
	word, _, _ := strings.Cut(strings.TrimRight(name, "/"), " ")
	switch strings.ToLower(word) {
	case "br", "p", "div", "td", "th", "tr", "li":
		s.WriteByte(' ')
		return end + 1
	case "a", "b", "i", "em", "strong", "code", "span", "img", "sub", "sup", "u", "s", "kbd", "details", "summary", "table", "ul", "ol", "h1", "h2", "h3", "hr", "font", "center", "pre", "blockquote":
		return end + 1
	}
	if strings.HasPrefix(inner, "!--") {
		return end + 1
	}
	return 0
}
