package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// The columns of a summary.
const (
	defaultWidth = 80
	leastWidth   = 60
	mostWidth    = 120
	nameWidth    = 22 // of candidates
	pairWidth    = 23 // of what stands before a value
	weakest      = 5  // labels that are named
)

// Summary writes what came of training for a terminal of so many columns; 0 is 80.
// No text of a row is in it.
func Summary(w io.Writer, r *tune.Result, width int) error {
	_, e, err := chosen(r)
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	if width <= 0 {
		width = defaultWidth
	}
	s := &summary{width: min(mostWidth, max(leastWidth, width))}
	s.wrap("", r.Verdict.Headline)
	for _, reason := range r.Verdict.Reasons {
		s.wrap("  ", reason)
	}
	s.line("")
	s.candidates(r, scaleOf(e))
	s.line("")
	for _, f := range strip(e) {
		s.pair(f.Name, f.Value+" ("+f.Interval+")")
	}
	s.pair("Tested on", phrase.Count(len(e.Rows), "row")+" in "+phrase.Count(groupsOf(e), "group")+", "+unseen(r))
	if r.Curve.Says != "" {
		s.pair("More rows", r.Curve.Says)
	}
	s.labels(r)
	s.findings(r.Inspection)
	if len(r.Verdict.Next) > 0 {
		s.line("")
		s.line("Next:")
		for _, n := range r.Verdict.Next {
			s.wrap("  ", n)
		}
	}
	if _, err := w.Write(s.Bytes()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

type summary struct {
	bytes.Buffer
	width int
}

func (s *summary) line(text string) {
	s.WriteString(text + "\n")
}

// wrap writes a text behind an indent.
func (s *summary) wrap(indent, text string) { s.hang(indent, indent, text) }

// hang writes a text whose first line begins otherwise than the others.
func (s *summary) hang(first, indent, text string) {
	column, begun := len([]rune(first)), false
	s.WriteString(first)
	for _, word := range strings.Fields(clean(text)) {
		word = report.TerminalFit(word, s.width-len(indent)-1)
		n := len([]rune(word))
		if begun && column+1+n > s.width {
			s.WriteString("\n" + indent)
			column, begun = len(indent), false
		}
		if begun {
			s.WriteString(" ")
			column++
		}
		s.WriteString(word)
		column, begun = column+n, true
	}
	s.line("")
}

// pair writes a name and its value, the values under one another.
func (s *summary) pair(name, value string) {
	s.hang(fmt.Sprintf("%-*s ", pairWidth, name), strings.Repeat(" ", pairWidth+1), value)
}

// candidates writes a line each, the chosen one first.
func (s *summary) candidates(r *tune.Result, sc scale) {
	v := &pageView{}
	v.candidates(r, sc)
	measure := r.Candidates[r.Chosen].Evaluation.ScoreName()
	s.line(report.TerminalFit(fmt.Sprintf("%-*s %-25s %s", nameWidth, "candidate", measure, "the chosen one is"), s.width))
	for _, c := range v.Candidates {
		if c.Skipped != "" {
			s.hang(fmt.Sprintf("%-*s ", nameWidth, report.TerminalFit(c.Name, nameWidth)), strings.Repeat(" ", nameWidth+1), "not measured: "+c.Skipped)
			continue
		}
		gain := "not compared"
		points := strings.Replace(c.Gain, " points", "", 1)
		switch {
		case c.Kind == "chosen":
			gain = "this one"
		case c.Better:
			gain = "better by " + strings.TrimPrefix(points, "+")
		case c.Worse:
			gain = "worse by " + strings.TrimPrefix(points, "−")
		case points != "":
			gain = "no better: " + points
		}
		row := fmt.Sprintf("%-*s %-25s %s", nameWidth, report.TerminalFit(c.Name, nameWidth), c.Score+" "+c.Interval, gain)
		s.line(report.TerminalFit(row, s.width))
	}
	for _, l := range v.LeftOut {
		s.wrap("", l)
	}
}

// labels names those that fare worst.
func (s *summary) labels(r *tune.Result) {
	list := slices.DeleteFunc(slices.Clone(r.Classes), func(c tune.Class) bool { return c.Test.Rows == 0 })
	if len(list) < 3 {
		return
	}
	slices.SortStableFunc(list, func(a, b tune.Class) int { return cmp.Compare(a.Test.F1.Value, b.Test.F1.Value) })
	s.line("")
	s.line("Weakest labels:")
	for i := range list[:min(weakest, len(list))] {
		c := &list[i]
		s.line(report.TerminalFit(fmt.Sprintf("  %-28s precision %s  recall %s  of %s", report.TerminalFit(c.Label, 28), whole(c.Test.Precision, c.Test.Given), whole(c.Test.Recall, c.Test.Rows), phrase.Count(c.Test.Rows, "row")), s.width))
	}
}

// whole writes a share in whole percent, a dash if it is of nothing.
func whole(e metric.Estimate, n int) string {
	if n == 0 {
		return "   –"
	}
	return fmt.Sprintf("%3.0f%%", 100*e.Value)
}

// findings counts what was found in the rows and names what was allowed.
func (s *summary) findings(i *inspect.Report) {
	if i == nil || len(i.Findings) == 0 {
		return
	}
	s.line("")
	s.line("Found in the rows:")
	for k := range i.Findings {
		f := &i.Findings[k]
		text := f.Message
		if f.Allowed {
			text += " (allowed)"
		}
		s.hang("  "+fmt.Sprintf("%-16s ", report.TerminalFit(f.Code, 16)), strings.Repeat(" ", 19), text)
	}
}

// unseen says whether the rows to test on are new to the head.
func unseen(r *tune.Result) string {
	if k := r.Division.Known; k > 0 {
		return fmt.Sprintf("of which it knew %d or others of their group", k)
	}
	return "that it did not see"
}
