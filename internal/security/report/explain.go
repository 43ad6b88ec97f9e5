package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// What the account of a score shows of each thing before it counts the rest.
const (
	explainMoments  = 200
	explainEvidence = 12 // places of one reason
	explainOther    = 50
	explainFiles    = 20
	explainRuns     = 40 // runs of lines of one file
)

// WriteExplain writes how the score of an incident came about: every term with
// the running sum, adding up to the score, and the evidence of each with where
// it stands; then the whole timeline and where every alert stands.
func WriteExplain(w io.Writer, inc casemate.Incident, opt TerminalOptions) error {
	s := newScreen(opt)
	s.title(&inc)
	s.account(&inc)
	s.section("Timeline")
	s.timeline("", &inc, explainMoments)
	s.techniques(&inc)
	if len(inc.Indicators) > 0 {
		s.section("Indicators")
		s.indicators("", &inc, explainOther)
	}
	if len(inc.Next) > 0 {
		s.section("Check next")
		s.steps("", &inc, explainOther)
	}
	s.places(&inc)
	if _, err := w.Write(s.Bytes()); err != nil {
		return fmt.Errorf("write account of score: %w", err)
	}
	return nil
}

func (s *screen) section(name string) {
	s.line()
	s.line(s.paint(bold, name))
}

// account writes the terms of a score as an addition.
func (s *screen) account(inc *casemate.Incident) {
	const lead = 3 + 7 + 2 + 7 + 2 // points and running sum
	s.section("How the score came about")
	all := terms(inc.Reasons)
	at := locate(inc)
	if len(all) == 0 {
		s.line("   no reason was given")
	} else {
		s.line(s.paint(dim, "    Points      Sum  Reason"))
	}
	for _, t := range all {
		figures := "   " + s.paint(bold, columns.PadLeft(t.Points.signed(), 7)) + "  " + columns.PadLeft(t.After.String(), 7) + "  "
		s.wrapped(figures, lead, plain, TerminalFit(t.Kind, 16)+": "+TerminalFit(t.Text, 6*s.width))
		s.reasonEvidence(t.Evidence, at, lead)
	}
	score := inTenths(inc.Score)
	s.line("   ", s.paint(bold, columns.PadLeft(score.String(), 7)), "  ", columns.PadLeft(sumOf(all).String(), 7), "  ", s.paint(bold, "score, of 100"))
	s.wrapped(strings.Repeat(" ", lead), lead, plain, sumNote(sumOf(all), score))
}

// reasonEvidence writes the evidence ids of one reason, each with its place
// where the timeline knows it.
func (s *screen) reasonEvidence(ids []string, at map[string]casemate.Location, indent int) {
	for _, id := range ids[:min(explainEvidence, len(ids))] {
		s.line(strings.Repeat(" ", indent), s.paint(dim, evidence(id, at[id], s.width-indent)))
	}
	if rest := phrase.More(explainEvidence, len(ids)); rest != "" {
		s.line(strings.Repeat(" ", indent), s.paint(dim, rest))
	}
}

func (s *screen) techniques(inc *casemate.Incident) {
	if len(inc.Techniques) == 0 {
		return
	}
	s.section("Techniques")
	for _, t := range inc.Techniques[:min(explainOther, len(inc.Techniques))] {
		text := TerminalFit(t.Name, s.width) + " (" + listed(t.Tactics, topNames) + "); said by " + TerminalFit(t.Source, 24)
		if len(t.Evidence) > 0 {
			text += ", " + listed(t.Evidence, 3)
		}
		s.wrapped(s.label(TerminalFit(t.ID, 11)), valueColumn, plain, text)
	}
	if rest := phrase.More(explainOther, len(inc.Techniques)); rest != "" {
		s.line(s.label(""), s.paint(dim, rest))
	}
}

// places writes where every alert of the incident stands, file by file.
func (s *screen) places(inc *casemate.Incident) {
	if len(inc.Alerts) == 0 {
		return
	}
	s.section("Where its alerts stand")
	files := byFile(inc.Alerts, explainRuns)
	for _, f := range files[:min(explainFiles, len(files))] {
		s.wrapped("   ", blockIndent, plain, TerminalFit(f.Name, s.width-blockIndent))
		if f.Lines != "" {
			s.wrapped("     ", blockIndent+2, dim, f.Lines)
		}
	}
	if rest := phrase.More(explainFiles, len(files)); rest != "" {
		s.line("   ", s.paint(dim, rest+" files"))
	}
}

// filePlaces is where alerts stand in one file, in words.
type filePlaces struct {
	Name, Lines string
}

// byFile gathers the places of alerts by file, in the order of first mention,
// at most so many runs of each.
func byFile(at []casemate.Location, most int) []filePlaces {
	type places struct{ lines, records []uint64 }
	found := map[string]*places{}
	var order []string
	for _, l := range at {
		p := found[l.File]
		if p == nil {
			p = &places{}
			found[l.File] = p
			order = append(order, l.File)
		}
		switch {
		case l.Line > 0:
			p.lines = append(p.lines, uint64(l.Line))
		case l.Record > 0:
			p.records = append(p.records, l.Record)
		}
	}
	out := make([]filePlaces, 0, len(order))
	for _, name := range order {
		p := found[name]
		text := slices.DeleteFunc([]string{runs("line", p.lines, most), runs("record", p.records, most)}, func(s string) bool { return s == "" })
		out = append(out, filePlaces{name, strings.Join(text, "; ")})
	}
	return out
}

// runs names the places of a file: "lines 12-18, 40 and 3 more".
func runs(noun string, places []uint64, most int) string {
	if len(places) == 0 {
		return ""
	}
	text, rest := ranges(places, ", ", "-", most)
	if len(places) > 1 {
		noun += "s"
	}
	out := noun + " " + text
	if rest > 0 {
		out += " and " + phrase.Number(rest) + " more"
	}
	return out
}
