package document

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is one line of plain text, of a text file or of a PDF's page.
type line struct {
	text       string
	page, line int
	gap        bool // a blank line, or as much space, stands before it
	heading    bool // set in larger type than the rest
}

// The shape of wrapped text.
const (
	maxWrap      = 200 // a longest line over this: each line is a paragraph
	maxHeading   = 100 // bytes
	maxHeadWords = 14
	minLed       = 60 // bytes of a line that a heading right above it leads
)

// flow puts lines together into paragraphs, headings, items, rows and code.
func (b *builder) flow(lines []line) {
	for len(lines) > 0 {
		n := 1
		width := len(lines[0].text)
		for n < len(lines) && !lines[n].gap {
			width = max(width, len(lines[n].text))
			n++
		}
		b.run(lines[:n], width)
		lines = lines[n:]
	}
}

// run puts the lines between two blank ones together. width is the longest's.
func (b *builder) run(lines []line, width int) {
	var open []line // the paragraph or item at hand
	kind := KindProse
	flush := func() {
		if len(open) > 0 {
			// A heading stands alone, or leads what is wider than it.
			alone := !b.flat && open[0] == lines[0] && (len(lines) == 1 || width >= minLed)
			b.paragraph(kind, open, alone)
		}
		open, kind = open[:0], KindProse
	}
	for i := range lines {
		l := lines[i]
		text := strings.TrimSpace(l.text)
		switch item, isItem := bullet(text); {
		case text == "" || isRule(text):
			flush()
		case isLeader(text):
			flush()
			b.note("lines of a table of contents were left out")
		case l.heading:
			if len(open) > 0 && !open[len(open)-1].heading {
				flush()
			}
			open, kind = append(open, l), KindHeading
		case isCode(l.text, len(open) > 0 && kind == KindItem):
			flush()
			b.add(KindCode, l.text, l.page, l.line)
		case isItem:
			flush()
			l.text = item
			open, kind = append(open, l), KindItem
		case isRow(text):
			flush()
			b.add(KindRow, cells(text), l.page, l.line)
		case kind == KindHeading || len(open) > 0 && !continues(open[len(open)-1].text, text, width):
			flush()
			fallthrough
		default:
			open = append(open, l)
		}
	}
	flush()
}

// paragraph adds lines as one block, as a heading if they look like one and
// stand like one.
func (b *builder) paragraph(kind string, lines []line, alone bool) {
	if kind == KindProse && alone && len(lines) == 1 && looksHeading(strings.TrimSpace(lines[0].text)) {
		kind = KindHeading
	}
	pieces := make([]piece, len(lines))
	for i, l := range lines {
		pieces[i] = piece{strings.TrimSpace(l.text), l.page, l.line}
	}
	b.join(kind, b.heading, pieces)
}

// continues says whether a line goes on in the next: it is full, or the next
// begins in the middle of a sentence.
func continues(prev, next string, width int) bool {
	prev = strings.TrimRight(prev, " \t\r")
	r, _ := utf8.DecodeRuneInString(next)
	switch {
	case prev == "" || width > maxWrap:
		return false
	case strings.HasSuffix(prev, ":"):
		return false
	case unicode.IsLower(r):
		return true
	case strings.HasSuffix(prev, "-") || strings.HasSuffix(prev, ","):
		return true
	}
	return len(prev)*10 >= width*6 && width >= 40
}

// bullet returns a list item without its mark. The mark of a numbered item stays.
func bullet(text string) (item string, ok bool) {
	if text == "" {
		return "", false
	}
	r, size := utf8.DecodeRuneInString(text)
	rest := text[size:]
	if strings.ContainsRune("-*+•‣◦▪▫●○■□–—·►➢✓✔\uf0b7\uf0a7", r) && strings.HasPrefix(rest, " ") {
		return strings.TrimSpace(rest), strings.TrimSpace(rest) != ""
	}
	if strings.HasPrefix(text, "o ") && len(text) > 3 && unicode.IsUpper(rune(text[2])) {
		return text[2:], true
	}
	i := 0
	if text[0] == '(' {
		i++
	}
	j := i
	for j < len(text) && j-i < 3 && isDigit(text[j]) {
		j++
	}
	if j == i && j < len(text) && isLetter(text[j]) {
		j++
	}
	if j > i && j+1 < len(text) && (text[j] == ')' || text[j] == '.' && isDigit(text[j-1])) && text[j+1] == ' ' {
		return text, true
	}
	return "", false
}

// isRule says whether a line only draws: ----, ====, | --- |.
func isRule(text string) bool {
	if len(text) < 3 {
		return false
	}
	for _, r := range text {
		if !strings.ContainsRune("-=_*~#+|: ─━═", r) {
			return false
		}
	}
	return true
}

// isLeader says whether a line is one of a table of contents: a title, a row of
// dots and a page.
func isLeader(text string) bool {
	if c := text[len(text)-1]; !isDigit(c) && c != '.' {
		return false
	}
	return strings.Contains(text, ".......") || strings.Contains(text, ". . . . .") || strings.Contains(text, ": : : : :") || strings.Contains(text, "………")
}

// isRow says whether a line is a row of a table: cells between tabs or bars.
func isRow(text string) bool {
	return strings.Contains(text, "\t") || strings.Count(text, " | ") >= 1 && strings.Count(text, "|") >= 2 || strings.HasPrefix(text, "| ")
}

// cells writes the cells of a row with " | " between them.
func cells(text string) string {
	var out []string
	for cell := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\t' || r == '|' }) {
		if cell = strings.TrimSpace(cell); cell != "" {
			out = append(out, cell)
		}
	}
	return strings.Join(out, " | ")
}

// isCode says whether a line is a command, a line of a log or of a script.
func isCode(raw string, inItem bool) bool {
	text := strings.TrimSpace(raw)
	if text == "" {
		return false
	}
	if !inItem && (strings.HasPrefix(raw, "    ") || strings.HasPrefix(raw, "\t")) && !strings.Contains(text, "\t") {
		return looksCommand(text)
	}
	return isPrompt(text) || IsLog(text) || strings.ContainsAny(text[len(text)-1:], "{};") && strings.ContainsAny(text, "={(") ||
		text == "}" || strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") && len(text) > 2
}

// looksCommand says whether an indented line is code rather than a paragraph
// that is set in: it has more of code's characters than of a sentence's.
func looksCommand(text string) bool {
	if strings.ContainsAny(text, "\\$={}<>|;`") || strings.Contains(text, " -") || strings.Contains(text, " /") || strings.Contains(text, "://") {
		return !strings.HasSuffix(text, ".") || strings.Count(text, " ") < 6
	}
	return false
}

// isPrompt says whether a line begins with the prompt of a shell.
func isPrompt(text string) bool {
	switch {
	case strings.HasPrefix(text, "$ "), strings.HasPrefix(text, "PS "+"C:\\"), strings.HasPrefix(text, "PS>"), strings.HasPrefix(text, "root@"):
		return true
	}
	if len(text) > 3 && isLetter(text[0]) && text[1] == ':' && text[2] == '\\' {
		at := strings.IndexByte(cutBytes(text, 120), '>')
		return at > 0 && at+1 < len(text)
	}
	return false
}

// IsLog says whether a line begins with a time, as lines of logs do, or with an
// address and has a time in brackets, as lines of web servers do.
func IsLog(text string) bool {
	if at := strings.Index(cutBytes(text, 120), " ["); at > 0 && isDigit(text[0]) && strings.Contains(text[at:], "] \"") {
		return true
	}
	d := func(pattern string) bool {
		if len(text) < len(pattern) {
			return false
		}
		for i := range len(pattern) {
			switch p := pattern[i]; {
			case p == '0' && !isDigit(text[i]), p == 'A' && !isLetter(text[i]), p != '0' && p != 'A' && p != text[i]:
				return false
			}
		}
		return true
	}
	return d("0000-00-00T00:00") || d("0000-00-00 00:00") || d("[0000-00-00") || d("AAA 00 00:00:00") || d("AAA  0 00:00:00") || d("00:00:00 ") || d("00:00:00.") ||
		d("<0>") || d("<00>") || d("<000>")
}

// looksHeading says whether a line that stands alone is a heading.
func looksHeading(text string) bool {
	if len(text) > maxHeading || strings.Count(text, " ") >= maxHeadWords {
		return false
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	if !unicode.IsUpper(first) && !unicode.IsDigit(first) || strings.ContainsRune(".;,", last) || !unicode.IsLetter(last) && !unicode.IsDigit(last) && !strings.ContainsRune(")?!\"”", last) {
		return false
	}
	if strings.Contains(text, ". ") && !unicode.IsDigit(first) {
		return false
	}
	for _, r := range text {
		if unicode.IsLetter(r) {
			return !strings.ContainsAny(text, "\\=") && !strings.Contains(text, "://")
		}
	}
	return false
}
