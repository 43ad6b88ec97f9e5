package layout

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

// This reads the Markdown that templates of recipes write: headings, paragraphs,
// lists, tables, facts (**name:** value), callouts (> [!WARNING] title) and code.
// Values are marks in it, and become text or statements only here.

// mdReader reads one text.
type mdReader struct {
	values []any
	page   *page.Page
	blank  bool // a blank line came since the last block
}

// readMarkdown makes blocks of a text, and a title and first sentences of its
// beginning.
func readMarkdown(text string, values []any, p *page.Page) {
	r := &mdReader{values: values, page: p}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		line := strings.TrimSpace(lines[i])
		if line == "" {
			r.blank = true
			i++
			continue
		}
		i += r.block(line, lines[i:])
		r.blank = false
	}
}

var (
	bullet   = regexp.MustCompile(`^[-*] +(.*)$`)
	numbered = regexp.MustCompile(`^\d+[.)] +(.*)$`)
	heading  = regexp.MustCompile(`^(#{1,4}) +(.*)$`)
	factLine = regexp.MustCompile(`^\*\*([^*]+):\*\* *(.*)$`)
	alert    = regexp.MustCompile(`^> *\[!([A-Za-z]+)\] *(.*)$`)
	mark     = regexp.MustCompile("\uE000(\\d+)\uE001")
	alone    = regexp.MustCompile("^\uE000(\\d+)\uE001$")
)

// block reads one block and returns how many lines it took.
func (r *mdReader) block(line string, lines []string) int {
	switch {
	case heading.MatchString(line):
		m := heading.FindStringSubmatch(line)
		r.heading(len(m[1]), r.text(m[2]))
		return 1
	case strings.HasPrefix(line, "```"):
		return r.code(line, lines)
	case strings.HasPrefix(line, ">"):
		return r.callout(lines)
	case strings.HasPrefix(line, "|"):
		return r.table(lines)
	case bullet.MatchString(line):
		return r.list(bullet, false, lines)
	case numbered.MatchString(line):
		return r.list(numbered, true, lines)
	case factLine.MatchString(line):
		return r.facts(lines)
	case alone.MatchString(line):
		if b, ok := r.value(line).(page.Timeline); ok {
			r.add(b)
			return 1
		}
	}
	return r.paragraph(lines)
}

func (r *mdReader) add(b page.Block) { r.page.Blocks = append(r.page.Blocks, b) }

func (r *mdReader) heading(level int, text string) {
	if level == 1 && r.page.Title == "" {
		r.page.Title = text
		return
	}
	r.add(page.Section{Title: text})
}

func (r *mdReader) value(marked string) any {
	m := mark.FindStringSubmatch(marked)
	if n, err := strconv.Atoi(m[1]); err == nil && n < len(r.values) {
		return r.values[n]
	}
	return nil
}

// text puts values into a line and takes our own marks of emphasis out of it.
func (r *mdReader) text(line string) string {
	var b strings.Builder
	for _, p := range r.pieces(line) {
		b.WriteString(p.Text)
	}
	return strings.TrimSpace(b.String())
}

var emphasis = strings.NewReplacer("**", "", "`", "", `\|`, "|")

// pieces splits a line at its values: sentences stay sentences, other values and
// the text between become plain text.
func (r *mdReader) pieces(line string) (out []casemate.Statement) {
	plainly := func(s string) {
		if n := len(out); n > 0 && out[n-1].Evidence == nil && out[n-1].Support == "" {
			out[n-1].Text += s
		} else if s != "" {
			out = append(out, casemate.Statement{Text: s, By: casemate.DecidedByRule})
		}
	}
	from := 0
	for _, at := range mark.FindAllStringIndex(line, -1) {
		plainly(emphasis.Replace(line[from:at[0]]))
		from = at[1]
		switch v := r.value(line[at[0]:at[1]]).(type) {
		case *casemate.Statement:
			out = append(out, *v)
		case page.Timeline:
		default:
			plainly(strings.Join(strings.Fields(plain(v)), " "))
		}
	}
	plainly(emphasis.Replace(line[from:]))
	return out
}

// one makes one statement of a line, with the evidence of all sentences in it.
func (r *mdReader) one(line string) casemate.Statement {
	pieces := r.pieces(strings.TrimSpace(line))
	if len(pieces) == 1 {
		return pieces[0]
	}
	st := casemate.Statement{By: casemate.DecidedByRule}
	for _, p := range pieces {
		if p.Support == casemate.Struck {
			st.Support = casemate.Struck
		}
		st.Text += p.Text
		for _, id := range p.Evidence {
			if !slices.Contains(st.Evidence, id) {
				st.Evidence = append(st.Evidence, id)
			}
		}
		if p.Support == casemate.Unsupported && st.Support == "" {
			st.Support = casemate.Unsupported
		}
		if p.By == casemate.DecidedByModel || p.By == casemate.DecidedByClassifier && st.By == casemate.DecidedByRule {
			st.By = p.By
		}
		st.Problems = append(st.Problems, p.Problems...)
	}
	return st
}

// paragraph reads lines up to a blank one or another kind of block.
func (r *mdReader) paragraph(lines []string) int {
	var all []casemate.Statement
	n := 0
	for ; n < len(lines); n++ {
		line := strings.TrimSpace(lines[n])
		if line == "" || n > 0 && begins(line) {
			break
		}
		for i, p := range r.pieces(line) {
			if i == 0 && n > 0 && len(all) > 0 && p.Evidence == nil && p.Support == "" {
				if last := &all[len(all)-1]; last.Evidence == nil && last.Support == "" {
					last.Text += " " + p.Text
					continue
				}
			}
			all = append(all, p)
		}
	}
	var kept []casemate.Statement
	sentences := false
	for _, p := range all {
		sentences = sentences || p.Evidence != nil || p.Support != ""
		if p.Text = strings.TrimSpace(p.Text); p.Text != "" {
			kept = append(kept, p)
		}
	}
	switch {
	case len(kept) == 0:
	case r.page.Title != "" && len(r.page.Blocks) == 0 && r.page.Lede == nil:
		r.page.Lede = kept
	case sentences:
		r.add(page.Prose(kept))
	default:
		r.add(page.Text(kept[0].Text))
	}
	return n
}

// begins says whether a line begins a block of another kind than a paragraph.
func begins(line string) bool {
	return heading.MatchString(line) || bullet.MatchString(line) || numbered.MatchString(line) || factLine.MatchString(line) || strings.HasPrefix(line, "```") || strings.HasPrefix(line, ">") || strings.HasPrefix(line, "|")
}

// run returns how many lines belong to a block whose lines all match; blank lines
// between them, which the template's own loops leave, count along.
func run(lines []string, belongs func(string) bool) int {
	n := 0
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if !belongs(line) {
			break
		}
		n = i + 1
	}
	return n
}

func (r *mdReader) list(item *regexp.Regexp, isNumbered bool, lines []string) int {
	n := run(lines, item.MatchString)
	l := page.List{Numbered: isNumbered}
	for _, line := range lines[:n] {
		if m := item.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			l.Items = append(l.Items, r.one(m[1]))
		}
	}
	r.add(l)
	return n
}

func (r *mdReader) facts(lines []string) int {
	n := run(lines, factLine.MatchString)
	var f page.Facts
	for _, line := range lines[:n] {
		if m := factLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			st := r.one(m[2])
			if st.Text == "" {
				continue // nothing was found for it
			}
			f = append(f, page.Fact{Name: r.text(m[1]), Value: strings.TrimSpace(st.Text), Evidence: st.Evidence})
		}
	}
	if len(f) > 0 {
		r.add(f)
	}
	return n
}

var separator = regexp.MustCompile(`^\|(?: *:?-+:? *\|)+$`)

// table reads rows. Rows without cells of the head's number get empty ones. The
// column called Evidence holds citations.
func (r *mdReader) table(lines []string) int {
	n := run(lines, func(l string) bool { return strings.HasPrefix(l, "|") })
	var t page.Table
	cites := -1
	for _, line := range lines[:n] {
		line = strings.TrimSpace(line)
		if line == "" || separator.MatchString(line) {
			continue
		}
		row := cells(line)
		if t.Head == nil {
			if cites = slices.IndexFunc(row, func(c string) bool { return strings.EqualFold(strings.TrimSpace(c), "evidence") }); cites >= 0 {
				row = slices.Delete(row, cites, cites+1)
			}
			for _, c := range row {
				t.Head = append(t.Head, r.text(c))
			}
			continue
		}
		var ids []string
		if cites >= 0 && cites < len(row) {
			ids = r.ids(row[cites])
			row = slices.Delete(row, cites, cites+1)
		}
		shown := make([]string, len(t.Head))
		for i, c := range row[:min(len(row), len(shown))] {
			st := r.one(c)
			shown[i] = strings.TrimSpace(st.Text)
			if cites < 0 {
				ids = append(ids, st.Evidence...)
			}
		}
		t.Rows = append(t.Rows, shown)
		t.Evidence = append(t.Evidence, ids)
	}
	if len(t.Rows) > 0 {
		r.add(t)
	}
	return n
}

// cells splits a row; values are marks, so every bar is the template's own.
func cells(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|")
	return strings.Split(line, "|")
}

// ids reads the citations of a cell.
func (r *mdReader) ids(cell string) []string {
	return strings.FieldsFunc(r.text(cell), func(c rune) bool { return c == ',' || c == ' ' })
}

func (r *mdReader) callout(lines []string) int {
	n := run(lines, func(l string) bool { return strings.HasPrefix(l, ">") })
	c := page.Callout{Level: casemate.SeverityInformational}
	for i, line := range lines[:n] {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if m := alert.FindStringSubmatch(line); m != nil {
			if i > 0 {
				n = i // the next one
				break
			}
			c.Level, c.Title = alertLevel(m[1]), r.text(m[2])
			continue
		}
		c.Text = strings.TrimSpace(c.Text + " " + r.text(strings.TrimPrefix(line, ">")))
	}
	if c.Title != "" || c.Text != "" {
		r.add(c)
	}
	return max(1, n)
}

func alertLevel(word string) casemate.Severity {
	switch strings.ToUpper(word) {
	case "CAUTION":
		return casemate.SeverityCritical
	case "WARNING":
		return casemate.SeverityHigh
	case "IMPORTANT":
		return casemate.SeverityMedium
	case "TIP":
		return casemate.SeverityLow
	}
	return casemate.SeverityInformational
}

func (r *mdReader) code(line string, lines []string) int {
	c := page.Code{Language: strings.TrimPrefix(line, "```")}
	var text []string
	n := 1
	for ; n < len(lines); n++ {
		if strings.TrimSpace(lines[n]) == "```" {
			n++
			break
		}
		text = append(text, mark.ReplaceAllStringFunc(lines[n], func(m string) string { return plain(r.value(m)) }))
	}
	c.Text = strings.Join(text, "\n")
	r.add(c)
	return n
}
