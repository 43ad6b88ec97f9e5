package report

import (
	"bytes"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// The widths a terminal report is laid out for.
const (
	defaultWidth = 100
	minWidth     = 72
	maxWidth     = 200
)

// TerminalOptions says how to lay out text for a terminal.
type TerminalOptions struct {
	Width  int  // columns; 0 is 100; held between 72 and 200
	Color  bool // the caller knows whether it writes to a terminal and what NO_COLOR says
	Top    int  // incidents in the table; 0 is 20
	Detail int  // incidents described below it; 0 is 3, negative none
}

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

// verdictStyle colours a verdict; the word always stands beside it.
func verdictStyle(v casemate.Verdict) style {
	switch v {
	case casemate.VerdictMalicious:
		return red
	case casemate.VerdictSuspicious:
		return yellow
	case casemate.VerdictReview:
		return cyan
	}
	return dim
}

// severityStyle colours a severity.
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
// the only escape sequences of a report, and those only where color is set.
type screen struct {
	bytes.Buffer
	width int
	color bool
}

func newScreen(opt TerminalOptions) *screen {
	w := opt.Width
	if w == 0 {
		w = defaultWidth
	}
	return &screen{width: min(max(w, minWidth), maxWidth), color: opt.Color}
}

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

// wrapped writes clean text in a style, broken between words to the width
// left beside indent. The first line begins with lead, which is as wide as
// indent; the others with indent spaces.
func (s *screen) wrapped(lead string, indent int, st style, text string) {
	for i, l := range wrap(text, s.width-indent) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		s.line(lead, s.paint(st, l))
	}
}

// flow writes parts with a separator between them, on as many lines as they
// need. widths are the columns of the parts, which may be painted.
func (s *screen) flow(parts []string, widths []int, sep string) {
	line, used := "", 0
	for i, p := range parts {
		if used > 0 && used+columns.Of(sep)+widths[i] > s.width {
			s.line(line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+sep, used+columns.Of(sep)
		}
		line, used = line+p, used+widths[i]
	}
	s.line(line)
}

// wrap breaks clean text into lines of at most width columns, at spaces where
// it can. It gives at least one line.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for word := range strings.SplitSeq(text, " ") {
		w := columns.Of(word)
		if used > 0 && used+1+w > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		for w > width { // a word longer than a line is cut into lines
			head := columns.Head(word, width)
			if head == "" {
				break
			}
			lines = append(lines, head)
			word = word[len(head):]
			w = columns.Of(word)
		}
		if used > 0 {
			line, used = line+" "+word, used+1+w
		} else {
			line, used = word, w
		}
	}
	return append(lines, line)
}

// bar draws value of limit in cells columns, to an eighth of a column.
func bar(value, limit, cells int) string {
	if limit <= 0 {
		return strings.Repeat(" ", cells)
	}
	eighths := min(max(value, 0), limit) * cells * 8 / limit
	s := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return columns.Pad(s, cells)
}

// names joins as many names as fit in width columns and counts the rest: "ws-014 +2".
func names(list []string, width int) string {
	out, used := "", 0
	for i, n := range list {
		rest := ""
		if i+1 < len(list) {
			rest = " +" + phrase.Number(len(list)-i-1)
		}
		if i == 0 {
			out = TerminalFit(n, width-len(rest)) + rest
			used = columns.Of(out) - len(rest)
			continue
		}
		n = TerminalFit(n, width+1)
		if used+2+columns.Of(n)+len(rest) > width {
			break
		}
		head, _ := strings.CutSuffix(out, " +"+phrase.Number(len(list)-i))
		out = head + ", " + n + rest
		used += 2 + columns.Of(n)
	}
	return out
}
