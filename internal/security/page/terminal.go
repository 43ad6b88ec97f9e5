package page

import (
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// What a terminal page shows of each thing before it counts the rest: an
// overview, the whole is in the other forms.
const (
	termText      = 4000 // characters of one text
	termItems     = 60   // sentences of a paragraph or list, facts
	termRows      = 40   // of a table
	termMoments   = 40
	termEdges     = 30
	termEvidence  = 50
	fewPieces     = 8   // of evidence, which are shown longer
	termCode      = 120 // lines
	termCitations = 6   // runs of ids
	termParts     = 12
	termFaults    = 5
	termNotes     = 8
	indent        = 2
)

// WriteTerminal writes the page for a terminal: what was found, the evidence
// that it cites, and what it rests on.
func WriteTerminal(w io.Writer, p Page, o TerminalOptions) error {
	d := newDocument(&p)
	s := newScreen(o)
	s.head(d)
	skip := false
	var left []string
	for _, b := range p.Blocks {
		if sec, ok := b.(Section); ok {
			if skip = sec.Detail; skip {
				left = append(left, shorten(sec.Title, 80))
			}
		}
		if !skip {
			s.block(d, b)
		}
	}
	if len(left) > 0 {
		s.line()
		s.wrapped("", 0, s.prose(), span{dim, "Not shown here: " + strings.Join(left, "; ") + "."})
		s.cut = true
	}
	s.legend(d)
	s.evidence(d)
	s.basis(d)
	if _, err := w.Write(s.Bytes()); err != nil {
		return fmt.Errorf("write page for the terminal: %w", err)
	}
	return nil
}

func (s *screen) head(d *document) {
	if k := shorten(d.Kicker, 80); k != "" {
		s.wrapped("", 0, s.width, span{dim, k})
	}
	s.wrapped("", 0, s.width, span{bold, shorten(d.Title, termText)})
	var spans []span
	for i, b := range d.Badges {
		if i > 0 {
			spans = append(spans, span{dim, "·"})
		}
		spans = append(spans, span{severityStyle(b.Level), shorten(b.Text, 80)})
	}
	if len(spans) > 0 {
		s.wrapped("", 0, s.width, spans...)
	}
	if len(d.Lede) > 0 {
		s.line()
		for _, part := range lede(d.Lede) {
			s.statements(0, d, part)
		}
	}
}

func (s *screen) block(d *document, b Block) {
	if sec, ok := b.(Section); ok {
		s.section(sec)
		return
	}
	if !s.headed {
		s.line()
	}
	_, s.headed = b.(Heading)
	switch b := b.(type) {
	case Heading:
		spans := []span{{bold, shorten(b.Title, termText)}}
		if b.Note != "" {
			spans = append(spans, span{dim, "· " + shorten(b.Note, termText)})
		}
		s.wrapped("", 0, s.prose(), spans...)
	case Prose:
		s.statements(indent, d, b)
	case List:
		s.list(d, b)
	case Text:
		s.wrapped("  ", indent, s.prose(), span{plain, shorten(string(b), termText)})
	case Code:
		s.code(b)
	case Callout:
		s.callout(b)
	case Facts:
		s.facts(d, b)
	case Table:
		s.table(d, b)
	case Timeline:
		s.timeline(d, b)
	case Graph:
		s.graph(d, b)
	}
}

// section writes a heading with a rule as wide as the page.
func (s *screen) section(sec Section) {
	title := columns.Fit(shorten(sec.Title, termText), s.width-4)
	s.line()
	s.line(s.paint(bold, title), " ", s.paint(dim, strings.Repeat("─", max(s.prose()-columns.Of(title)-1, 2))))
	if sec.Note != "" {
		s.wrapped("", 0, s.prose(), span{dim, shorten(sec.Note, termText)})
	}
}

// statement returns the spans of one statement with its marks and citations.
func (d *document) spans(st *casemate.Statement) []span {
	var out []span
	if st.Support == casemate.Unsupported {
		out = append(out, span{yellow, "[!]"})
	}
	out = append(out, span{plain, shorten(st.Text, termText)})
	if mark := byMark(st.By); mark != "" {
		out = append(out, span{dim, mark})
	}
	if c := d.citation(st.Evidence, termCitations); c != "" {
		out = append(out, span{dim, c})
	}
	if st.Support == casemate.Unsupported {
		out = append(out, span{yellow, "(unsupported: " + whyText(st, 200) + ")"})
	}
	return out
}

// leave says what is left out.
func (s *screen) leave(what string) {
	s.line("  ", s.paint(dim, what))
	s.cut = true
}

// citation writes ids as "[E3, E5-E9]" and keeps in mind that they were.
func (d *document) citation(ids []string, most int) string {
	ids = phrase.Once(ids)
	if len(ids) == 0 {
		return ""
	}
	for _, id := range ids {
		d.read[id] = true
	}
	return "[" + runs(ids, most) + "]"
}

func (s *screen) statements(at int, d *document, list []casemate.Statement) {
	kept, struck := shown(list)
	var spans []span
	for _, st := range kept[:min(termItems, len(kept))] {
		spans = append(spans, d.spans(st)...)
	}
	spans = append(spans, span{dim, moreSentences(termItems, len(kept))})
	if note := struckNote(struck); note != "" {
		spans = append(spans, span{yellow, "(" + note + ")"})
	}
	s.wrapped(strings.Repeat(" ", at), at, s.prose(), spans...)
}

func (s *screen) list(d *document, l List) {
	kept, struck := shown(l.Items)
	places := len(phrase.Number(len(kept)))
	for i, st := range kept[:min(termItems, len(kept))] {
		lead := "  - "
		if l.Numbered {
			lead = "  " + columns.PadLeft(phrase.Number(i+1), places) + ". "
		}
		s.wrapped(lead, columns.Of(lead), s.prose(), d.spans(st)...)
	}
	if rest := phrase.More(termItems, len(kept)); rest != "" {
		s.leave(rest)
	}
	if note := struckNote(struck); note != "" {
		s.wrapped("  ", indent, s.prose(), span{yellow, "(" + note + ")"})
	}
}

// code writes lines as they are, so that they can be copied: none is broken.
func (s *screen) code(c Code) {
	lines := codeLines(c.Text)
	for _, l := range lines[:min(termCode, len(lines))] {
		s.line("    ", l)
	}
	if rest := phrase.More(termCode, len(lines)); rest != "" {
		s.leave(rest + " lines")
	}
}

func (s *screen) callout(c Callout) {
	st := severityStyle(c.Level)
	if c.Level == casemate.SeverityUnknown {
		st = bold
	}
	edge := "  " + s.paint(st, "▌") + " "
	if c.Title != "" {
		for _, l := range s.wrap(s.prose()-4, span{st, shorten(c.Title, termText)}) {
			s.line(edge, l)
		}
	}
	for _, l := range s.wrap(s.prose()-4, span{plain, shorten(c.Text, termText)}) {
		s.line(edge, l)
	}
}

func (s *screen) facts(d *document, facts Facts) {
	const most = 24
	wide := 0
	for _, f := range facts {
		wide = max(wide, min(columns.Of(shorten(f.Name, 80)), most))
	}
	at := indent + wide + 2
	for _, f := range facts[:min(termItems, len(facts))] {
		name := columns.Fit(shorten(f.Name, 80), most)
		lead := "  " + s.paint(dim, columns.Pad(name, wide)) + "  "
		s.wrapped(lead, at, s.prose(), span{plain, shorten(f.Value, termText)}, span{dim, d.citation(f.Evidence, termCitations)})
	}
	if rest := phrase.More(termItems, len(facts)); rest != "" {
		s.leave(rest)
	}
}

// legend explains the marks of the page.
func (s *screen) legend(d *document) {
	all := d.legend()
	if len(all) == 0 {
		return
	}
	s.line()
	wide := 0
	for _, l := range all {
		wide = max(wide, columns.Of(l[0]))
	}
	for _, l := range all {
		s.wrapped("  "+s.paint(dim, columns.Pad(l[0], wide))+"  ", indent+wide+2, s.prose(), span{dim, l[1]})
	}
}

// evidence lists what the terminal cites, a line each, with where it stands.
func (s *screen) evidence(d *document) {
	var list []*casemate.Evidence
	wide, place := 2, 4
	for _, i := range d.cited {
		if e := &d.Page.Evidence[i]; d.read[e.ID] {
			list = append(list, e)
		}
	}
	if len(list)+len(d.unknown) == 0 {
		return
	}
	whole := len(list)
	list = list[:min(termEvidence, whole)]
	for _, e := range list {
		wide = max(wide, columns.Of(shortID(e.ID)))
		place = max(place, columns.Of(placeText(e.At, s.placeWidth())))
	}
	s.section(Section{Title: "Evidence"})
	for _, e := range list {
		lead := "  " + s.paint(bold, columns.Pad(shortID(e.ID), wide)) + "  "
		if whole <= fewPieces {
			s.piece(e, lead, indent+wide+2)
			continue
		}
		lead += s.paint(dim, columns.Pad(placeText(e.At, s.placeWidth()), place)) + "  "
		room := s.width - indent - wide - 2 - place - 2
		if s.width >= 100 {
			when := ""
			if !e.First.IsZero() {
				when = stamp(e.First)
			}
			lead += s.paint(dim, columns.Pad(when, len(stampLayout))) + "  "
			room -= len(stampLayout) + 2
		}
		text := named(e, 2*s.width)
		if e.Host != "" {
			text = shorten(e.Host, 40) + ": " + text
		}
		s.line(lead, columns.Fit(text, room))
	}
	if rest := phrase.More(len(list), whole); rest != "" {
		s.leave(rest)
	}
	if len(d.unknown) > 0 {
		s.wrapped("  ", indent, s.prose(), span{yellow, "Cited but not among the evidence: " + runs(d.unknown, 12)})
	}
}

// piece writes one piece of evidence with more of its text.
func (s *screen) piece(e *casemate.Evidence, lead string, at int) {
	var spans []span
	if e.Severity > casemate.SeverityUnknown {
		spans = append(spans, span{severityStyle(e.Severity), e.Severity.String()})
	}
	for _, f := range evidenceFacts(e) {
		spans = append(spans, span{dim, f})
	}
	s.wrapped(lead, at, s.width, spans...)
	s.wrapped(strings.Repeat(" ", at), at, s.prose(), span{plain, named(e, 3*s.prose())})
}

// named is the text of a piece of evidence behind its name, on one line.
func named(e *casemate.Evidence, most int) string {
	text := shortenLine(e.Text, most)
	if e.Name != "" && !strings.HasPrefix(e.Text, e.Name) {
		text = shorten(e.Name, most) + ": " + text
	}
	return text
}

// shortID is the id of a piece of evidence where little room is.
func shortID(id string) string { return columns.Fit(shorten(id, 24), 16) }

// placeWidth is the room for a file's name beside a line of evidence.
func (s *screen) placeWidth() int { return min(max(3*s.width/10, 24), 40) }

// evidenceFacts are the fields of a piece of evidence on one line.
func evidenceFacts(e *casemate.Evidence) []string {
	when := period(e.First, e.Last)
	if when == noTime {
		when = ""
	}
	times := ""
	if e.Count > 1 {
		times = phrase.Number(e.Count) + " times"
	}
	var out []string
	for _, f := range []string{
		shorten(string(e.Kind), 24), when, shorten(e.Host, 60), shorten(e.User, 60), shorten(e.Author, 60), times, placeText(e.At, 60), recordText(e),
	} {
		if f != "" {
			out = append(out, f)
		}
	}
	for i := range out[:max(len(out)-1, 0)] {
		out[i] += " ·"
	}
	return out
}

// recordText is the id that evidence has outside of the page.
func recordText(e *casemate.Evidence) string {
	if e.Record == e.ID {
		return ""
	}
	return shorten(e.Record, 40)
}

// basis says what the page rests on.
func (s *screen) basis(d *document) {
	s.section(Section{Title: "What this rests on"})
	if c := d.Coverage; c != nil {
		st := plain
		if faultCount(c) > 0 {
			st = yellow
		}
		s.wrapped("  ", indent, s.prose(), span{st, coverageLine(c)})
		s.parts(c)
	}
	p := &d.Provenance
	for _, l := range pinLines(p) {
		s.wrapped("  "+s.paint(dim, columns.Pad(l[0], 10))+"  ", indent+12, s.width, span{dim, l[1]})
	}
	if p.Calls > 0 {
		s.line("  ", s.paint(dim, columns.Pad("", 10)+"  "+phrase.Count(p.Calls, "answer")+" of the model asked for, seed "+fmt.Sprint(p.Seed)))
	}
	for _, n := range p.Notes[:min(termNotes, len(p.Notes))] {
		s.wrapped("  "+s.paint(dim, columns.Pad("note", 10))+"  ", indent+12, s.prose(), span{dim, shorten(n, 400)})
	}
	if rest := phrase.More(termNotes, len(p.Notes)); rest != "" {
		s.line("  ", s.paint(dim, columns.Pad("", 12)+rest+" notes"))
	}
	if s.cut {
		s.wrapped("  ", indent, s.prose(), span{dim, "This is an overview; all of it is in --html FILE and --json."})
	}
	s.wrapped("  ", indent, s.prose(), span{dim, "Times are UTC. An analyst decides; nothing here closes anything."})
}

// pinLines names what an answer rests on, all of a role on one line and of each
// digest its beginning.
func pinLines(p *casemate.Provenance) [][2]string {
	const names, digest = 8, len("sha256:") + 12
	var out [][2]string
	all := pins(p)
	for len(all) > 0 {
		role, n := all[0][0], 0
		var list []string
		for n < len(all) && all[n][0] == role {
			if n < names {
				words := strings.Fields(shorten(all[n][1], 200))
				for i, w := range words {
					if strings.HasPrefix(w, "sha256:") && len(w) > digest {
						words[i] = w[:digest] + "…"
					}
				}
				list = append(list, strings.Join(words, " "))
			}
			n++
		}
		if role == "input" {
			list = []string{phrase.Count(n, "file") + ", the digest of each in --json and --html"}
		} else if rest := phrase.More(names, n); rest != "" {
			list = append(list, rest)
		}
		out = append(out, [2]string{role, strings.Join(list, ", ")})
		all = all[n:]
	}
	return out
}

// parts lists the parts of the input of which something is to be said.
func (s *screen) parts(c *casemate.Coverage) {
	said := 0
	for _, p := range c.Parts {
		if p.Why == "" {
			continue
		}
		if said++; said > termParts {
			continue
		}
		text := shorten(p.Name, 120) + " (" + phrase.Count(p.Records, "record") + "), read by " + shorten(p.Read, 60) + ": " + shorten(p.Why, 200)
		s.wrapped("  - ", indent+2, s.prose(), span{plain, text})
	}
	if rest := phrase.More(termParts, said); rest != "" {
		s.line("  ", s.paint(dim, rest+" parts not read by all"))
	}
	for _, f := range c.Faults[:min(termFaults, len(c.Faults))] {
		s.wrapped("  - ", indent+2, s.prose(), span{plain, shorten(f.String(), 300)})
	}
	if rest := phrase.More(min(termFaults, len(c.Faults)), faultCount(c)); rest != "" {
		s.line("  ", s.paint(dim, rest+" that could not be used"))
	}
}
