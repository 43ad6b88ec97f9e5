package page

import (
	"bytes"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// The widths a terminal page is laid out for.
const (
	defaultWidth = 100
	minWidth     = 72
	maxWidth     = 200
	proseWidth   = 110 // sentences are hard to read in longer lines
)

// style is a run of SGR parameters.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	yellow style = "33"
	cyan   style = "36"
	violet style = "1;35"
)

// severityStyle colours a severity; its word always stands beside it.
func severityStyle(s casemate.Severity) style {
	switch s {
	case casemate.SeverityCritical:
		return violet
	case casemate.SeverityHigh:
		return red
	case casemate.SeverityMedium:
		return yellow
	case casemate.SeverityLow:
		return cyan
	}
	return dim
}

// screen lays out lines for a terminal. What it is given is clean text; it adds
// the only escape sequences of a page, and those only where color is set.
type screen struct {
	bytes.Buffer
	width int
	color bool
	// cut is set where something was left out, headed after a Heading.
	cut, headed bool
}

func newScreen(o TerminalOptions) *screen {
	w := o.Width
	if w == 0 {
		w = defaultWidth
	}
	return &screen{width: min(max(w, minWidth), maxWidth), color: o.Color}
}

// prose is the width for sentences.
func (s *screen) prose() int { return min(s.width, proseWidth) }

// paint puts clean text in a style.
func (s *screen) paint(st style, text string) string {
	if !s.color || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// line writes parts as one line, without the space at its end.
func (s *screen) line(parts ...string) {
	s.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	s.WriteByte('\n')
}

// span is clean text in one style.
type span struct {
	style style
	text  string
}

// wrapped writes spans broken between words to width columns. The first line
// begins with lead, which is indent columns wide; the others with spaces.
func (s *screen) wrapped(lead string, indent, width int, spans ...span) {
	for i, l := range s.wrap(width-indent, spans...) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		s.line(lead, l)
	}
}

// wrap breaks spans into painted lines of at most width columns, at spaces
// where it can. It gives at least one line.
func (s *screen) wrap(width int, spans ...span) []string {
	width = max(width, 1)
	spans = slices.DeleteFunc(spans, func(sp span) bool { return sp.text == "" })
	var lines []string
	var line strings.Builder
	used, run, open := 0, "", plain
	flush := func() {
		line.WriteString(s.paint(open, run))
		run = ""
	}
	put := func(st style, text string) {
		if st != open {
			flush()
			open = st
		}
		run += text
		used += columns.Of(text)
	}
	end := func() {
		flush()
		lines = append(lines, line.String())
		line.Reset()
		used = 0
	}
	for i, sp := range spans {
		for j, word := range strings.Split(sp.text, " ") {
			w := columns.Of(word)
			space := j > 0 || i > 0
			if space && used > 0 && used+1+w > width {
				end()
			} else if space && used > 0 {
				gap := sp.style
				if j == 0 {
					gap = open // the space between two spans belongs to the first
				}
				put(gap, " ")
			}
			for w > width-used { // a word longer than a line is cut into lines
				head := columns.Head(word, width-used)
				if head == "" {
					break
				}
				put(sp.style, head)
				end()
				word = word[len(head):]
				w = columns.Of(word)
			}
			put(sp.style, word)
		}
	}
	if used > 0 || len(lines) == 0 {
		end()
	}
	return lines
}

// cells writes painted cells side by side: each is lines, as wide as widths
// say, two columns apart. right says which are set to the right.
func (s *screen) cells(indent int, cells [][]string, widths []int, right []bool) {
	height := 1
	for _, c := range cells {
		height = max(height, len(c))
	}
	for row := range height {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", indent))
		for i, c := range cells {
			text := ""
			if row < len(c) {
				text = c[row]
			}
			gap := strings.Repeat(" ", max(widths[i]-columns.Of(unpainted(text)), 0))
			if right[i] {
				text = gap + text
			} else {
				text += gap
			}
			b.WriteString(text)
			if i+1 < len(cells) {
				b.WriteString("  ")
			}
		}
		s.line(b.String())
	}
}

// unpainted removes what paint added. Clean text holds no escape of its own.
func unpainted(s string) string {
	for {
		i := strings.IndexByte(s, '\x1b')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], 'm')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}
