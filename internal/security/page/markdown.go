package page

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// What a page in Markdown shows of each thing before it counts the rest.
const (
	mdText      = 4000 // characters of one text
	mdItems     = 300  // sentences of a paragraph or list, facts
	mdRows      = 300
	mdMoments   = 300
	mdEdges     = 300
	mdEvidence  = 200
	mdEvText    = 400
	mdCodeLines = 400
	mdCitations = 8
	mdParts     = 40
	mdPins      = 60
	mdNotes     = 20
)

// ticket builds Markdown. Only escaped text and fixed wording enter it.
type ticket struct{ strings.Builder }

func (m *ticket) line(parts ...string) {
	for _, p := range parts {
		m.WriteString(p)
	}
	m.WriteByte('\n')
}

// para writes a paragraph with the empty line that ends it.
func (m *ticket) para(parts ...string) {
	m.line(parts...)
	m.line()
}

func (m *ticket) row(cells ...string) { m.line("| ", strings.Join(cells, " | "), " |") }

// head writes the head of a table. right says which columns are numbers.
func (m *ticket) head(names []string, right []bool) {
	m.row(names...)
	rules := make([]string, len(names))
	for i := range rules {
		rules[i] = "---"
		if i < len(right) && right[i] {
			rules[i] = "---:"
		}
	}
	m.row(rules...)
}

func esc(s string, most int) string { return literal(shorten(s, most)) }

// literal escapes clean text.
func literal(s string) string { return report.Markdown(s) }

func code(s string, most int) string {
	s = shorten(s, most)
	if strings.Contains(s, "](") {
		return literal(s)
	}
	return report.MarkdownCode(s)
}

// WriteMarkdown writes the page as Markdown for a ticket.
func WriteMarkdown(w io.Writer, p Page) error {
	d := newDocument(&p)
	m := &ticket{}
	m.title(d)
	for _, b := range p.Blocks {
		m.block(d, b)
	}
	m.legend(d)
	m.evidence(d)
	m.basis(d)
	if _, err := io.WriteString(w, strings.TrimRight(m.String(), "\n")+"\n"); err != nil {
		return fmt.Errorf("write page as Markdown: %w", err)
	}
	return nil
}

func (m *ticket) title(d *document) {
	title := esc(d.Title, mdText)
	if strings.TrimSpace(d.Title) == "" {
		title = "Without a title"
	}
	m.para("# ", title)
	var facts []string
	if d.Kicker != "" {
		facts = append(facts, esc(d.Kicker, 80))
	}
	for _, b := range d.Badges {
		facts = append(facts, "**"+bare(esc(b.Text, 80))+"**")
	}
	if len(facts) > 0 {
		m.para(strings.Join(facts, " · "))
	}
	for _, part := range lede(d.Lede) {
		m.statements(d, part)
	}
}

// bare removes the space around text that will stand between asterisks, which
// would not be bold with it.
func bare(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "&#32;", " "))
	if s == "" {
		return "none"
	}
	return s
}

func (m *ticket) block(d *document, b Block) {
	switch b := b.(type) {
	case Section:
		m.para("## ", esc(b.Title, mdText))
		if b.Note != "" {
			m.para(esc(b.Note, mdText))
		}
	case Heading:
		m.para("### ", esc(b.Title, mdText))
		if b.Note != "" {
			m.para(esc(b.Note, mdText))
		}
	case Prose:
		m.statements(d, b)
	case List:
		m.list(d, b)
	case Text:
		m.para(esc(string(b), mdText))
	case Code:
		m.code(b)
	case Callout:
		m.callout(b)
	case Facts:
		m.facts(d, b)
	case Table:
		m.table(d, b)
	case Timeline:
		m.timeline(d, b)
	case Graph:
		m.graph(d, b)
	}
}

// cite writes ids as [E3, E5-E9], which is no link: nothing that a page writes
// can define one. An id that is not plain is escaped.
func cite(ids []string, most int) string {
	ids = phrase.Once(ids)
	if len(ids) == 0 {
		return ""
	}
	for _, id := range ids {
		if !isPlainID(id) {
			return ` \[` + literal(runs(ids, most)) + `\]`
		}
	}
	return " [" + runs(ids, most) + "]"
}

func (m *ticket) statement(st *casemate.Statement) string {
	s := esc(st.Text, mdText)
	if st.Support == casemate.Unsupported {
		s = `**\[\!\]** ` + s
	}
	if mark := byMark(st.By); mark != "" {
		s += " " + literal(mark)
	}
	s += cite(st.Evidence, mdCitations)
	if st.Support == casemate.Unsupported {
		s += " **unsupported:** " + literal(whyText(st, 200))
	}
	return s
}

func (m *ticket) statements(d *document, list []casemate.Statement) {
	kept, struck := shown(list)
	var out []string
	for _, st := range kept[:min(mdItems, len(kept))] {
		out = append(out, m.statement(st))
	}
	if rest := moreSentences(mdItems, len(kept)); rest != "" {
		out = append(out, rest)
	}
	if note := struckNote(struck); note != "" {
		out = append(out, "("+note+")")
	}
	if len(out) > 0 {
		m.para(strings.Join(out, " "))
	}
}

func (m *ticket) list(d *document, l List) {
	kept, struck := shown(l.Items)
	for i, st := range kept[:min(mdItems, len(kept))] {
		lead := "- "
		if l.Numbered {
			lead = strconv.Itoa(i+1) + ". "
		}
		m.line(lead, m.statement(st))
	}
	if rest := phrase.More(mdItems, len(kept)); rest != "" {
		m.line("- ", rest)
	}
	if len(kept) > 0 {
		m.line()
	}
	if note := struckNote(struck); note != "" {
		m.para("(", note, ")")
	}
}

// code writes a fenced block where no line can close it, else an indented one,
// which nothing inside can.
func (m *ticket) code(c Code) {
	lines := codeLines(c.Text)
	cut := lines[:min(mdCodeLines, len(lines))]
	fence, lead := "```", ""
	for _, l := range cut {
		if strings.Contains(l, "```") || strings.Contains(l, "~~~") {
			fence, lead = "", "    "
		}
	}
	if fence != "" {
		m.line(fence, languageWord(c.Language))
	}
	for _, l := range cut {
		m.line(lead, l)
	}
	if fence != "" {
		m.line(fence)
	}
	m.line()
	if rest := phrase.More(len(cut), len(lines)); rest != "" {
		m.para(rest, " lines")
	}
}

// languageWord is the language of a block of code where it is a plain word.
func languageWord(s string) string {
	if len(s) > 20 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-") != "" {
		return ""
	}
	return s
}

func (m *ticket) callout(c Callout) {
	if c.Title != "" {
		m.line("> **", bare(esc(c.Title, mdText)), "**")
		m.line(">")
	}
	m.para("> ", esc(c.Text, mdText))
}

func (m *ticket) facts(d *document, facts Facts) {
	for _, f := range facts[:min(mdItems, len(facts))] {
		m.line("- **", bare(esc(f.Name, 80)), ":** ", esc(f.Value, mdText), cite(f.Evidence, mdCitations))
	}
	if rest := phrase.More(mdItems, len(facts)); rest != "" {
		m.line("- ", rest)
	}
	m.line()
}

func (m *ticket) table(d *document, t Table) {
	g := newGrid(t, mdRows, mdText)
	if len(g.head) == 0 {
		return
	}
	head := make([]string, len(g.head))
	for i, h := range g.head {
		head[i] = literal(h)
	}
	cited := isCited(t.Evidence)
	if cited {
		head = append(head, "Evidence")
	}
	m.head(head, g.right)
	for i, r := range g.rows {
		cells := make([]string, len(r), len(r)+1)
		for j, c := range r {
			cells[j] = literal(c)
			if v, ok := part(c, g.full); ok && j == g.bar {
				cells[j] = "`" + bar(v, barCells) + "` " + cells[j]
			}
		}
		if cited {
			c := ""
			if i < len(t.Evidence) {
				c = strings.TrimSpace(cite(t.Evidence[i], mdCitations))
			}
			cells = append(cells, c)
		}
		m.row(cells...)
	}
	m.line()
	if g.more > 0 {
		m.para("and ", phrase.Number(g.more), " more rows")
	}
}

func (m *ticket) timeline(d *document, t Timeline) {
	if len(t) == 0 {
		return
	}
	list := t[:min(mdMoments, len(t))]
	graded := t.graded()
	if graded {
		m.head([]string{"Time (UTC)", "Severity", "Host", "What happened", "Evidence"}, nil)
	} else {
		m.head([]string{"Time (UTC)", "Host", "What happened", "Evidence"}, nil)
	}
	for i := range list {
		h := &list[i]
		what := esc(h.Text, mdText)
		if h.User != "" {
			what += " (" + esc(h.User, 60) + ")"
		}
		if note := lasted(h); note != "" {
			what += ", " + note
		}
		cells := []string{stamp(h.Time), h.Severity.String(), code(h.Host, 80), what, strings.TrimSpace(cite(h.Evidence, mdCitations))}
		if !graded {
			cells = slices.Delete(cells, 1, 2)
		}
		m.row(cells...)
	}
	m.line()
	if rest := phrase.More(len(list), len(t)); rest != "" {
		m.para(rest)
	}
}

func (m *ticket) graph(d *document, g Graph) {
	groups, alone := g.groups()
	if len(g.Edges) > 0 {
		m.head([]string{"From", "Tie", "To", "Times", "Evidence"}, []bool{3: true})
	}
	written := 0
	for _, gr := range groups {
		for _, e := range gr.edges[:min(mdEdges-written, len(gr.edges))] {
			written++
			m.row(nodeText(gr.node), esc(e.Label, 80), code(g.label(e.To), 200), phrase.Number(max(e.Count, 1)), strings.TrimSpace(cite(e.Evidence, mdCitations)))
		}
	}
	if len(g.Edges) > 0 {
		m.line()
	}
	if rest := phrase.More(written, len(g.Edges)); rest != "" {
		m.para(rest, " ties")
	}
	if len(alone) > 0 {
		var names []string
		for _, n := range alone[:min(40, len(alone))] {
			names = append(names, nodeText(n))
		}
		if rest := phrase.More(40, len(alone)); rest != "" {
			names = append(names, rest)
		}
		m.para("Tied to nothing: ", strings.Join(names, ", "))
	}
}

// nodeText is a node's name and what it is.
func nodeText(n Node) string {
	s := code(n.name(), 200)
	kind := esc(string(n.Type), 24)
	if n.Level >= casemate.SeverityMedium {
		kind += ", " + n.Level.String()
	}
	if kind = strings.TrimPrefix(kind, ", "); kind != "" {
		s += " (" + kind + ")"
	}
	return s
}

func (m *ticket) legend(d *document) {
	all := d.legend()
	for _, l := range all {
		m.line("- ", literal(l[0]), " ", l[1])
	}
	if len(all) > 0 {
		m.line()
	}
}

func (m *ticket) evidence(d *document) {
	if len(d.cited)+len(d.unknown) == 0 {
		return
	}
	m.para("## Evidence")
	list := d.cited[:min(mdEvidence, len(d.cited))]
	if len(list) > 0 {
		m.head([]string{"Id", "What", "Time (UTC)", "Host", "Place", "Text"}, nil)
	}
	for _, i := range list {
		e := &d.Page.Evidence[i]
		what := esc(string(e.Kind), 24)
		if e.Severity > casemate.SeverityUnknown {
			what += ", " + e.Severity.String()
		}
		if e.Count > 1 {
			what += ", " + phrase.Number(e.Count) + " times"
		}
		text := literal(shortenLine(e.Text, mdEvText))
		if who := whose(e); who != "" {
			text = literal(who+":") + " " + text
		}
		m.row(esc(e.ID, 24), what, period(e.First, e.Last), code(e.Host, 80), code(placeText(e.At, 80), 120), text)
	}
	if len(list) > 0 {
		m.line()
	}
	if rest := phrase.More(len(list), len(d.cited)); rest != "" {
		m.para(rest)
	}
	if len(d.unknown) > 0 {
		m.para("Cited but not among the evidence:", cite(d.unknown, 40))
	}
}

// whose is what stands before the text of a piece of evidence: its author, or
// what a sensor calls it.
func whose(e *casemate.Evidence) string {
	var out []string
	if e.Author != "" {
		out = append(out, shorten(e.Author, 80))
	}
	if e.Name != "" && !strings.HasPrefix(e.Text, e.Name) {
		out = append(out, shorten(e.Name, 200))
	}
	return strings.Join(out, ", ")
}

func (m *ticket) basis(d *document) {
	m.para("## What this rests on")
	if c := d.Coverage; c != nil {
		m.para(coverageLine(c))
		m.parts(c)
	}
	all := pins(&d.Provenance)
	for _, p := range all[:min(mdPins, len(all))] {
		m.line("- ", p[0], ": ", esc(p[1], 400))
	}
	if rest := phrase.More(mdPins, len(all)); rest != "" {
		m.line("- ", rest)
	}
	if d.Provenance.Calls > 0 {
		m.line("- ", phrase.Count(d.Provenance.Calls, "answer"), " of the model asked for, seed ", fmt.Sprint(d.Provenance.Seed))
	}
	for _, f := range decided(&d.Provenance) {
		m.line("- ", code(f[0], 80), " decided by ", esc(f[1], 24))
	}
	for _, n := range d.Provenance.Notes[:min(mdNotes, len(d.Provenance.Notes))] {
		m.line("- note: ", esc(n, 400))
	}
	if rest := phrase.More(mdNotes, len(d.Provenance.Notes)); rest != "" {
		m.line("- ", rest, " notes")
	}
	m.line()
	m.para("Times are UTC. An analyst decides; nothing here closes anything.")
}

func (m *ticket) parts(c *casemate.Coverage) {
	if len(c.Parts) > 0 {
		m.head([]string{"Part of the input", "Records", "Cited", "Read by", "Remark"}, []bool{1: true, 2: true})
		for _, p := range c.Parts[:min(mdParts, len(c.Parts))] {
			m.row(code(p.Name, 200), phrase.Number(p.Records), phrase.Number(p.Cited), esc(p.Read, 60), esc(p.Why, 300))
		}
		m.line()
	}
	if rest := phrase.More(mdParts, len(c.Parts)); rest != "" {
		m.para(rest, " parts")
	}
	for _, f := range c.Faults[:min(mdParts, len(c.Faults))] {
		m.line("- could not be used: ", esc(f.String(), 300))
	}
	if rest := phrase.More(min(mdParts, len(c.Faults)), faultCount(c)); rest != "" {
		m.line("- ", rest, " that could not be used")
	}
	if faultCount(c) > 0 {
		m.line()
	}
}
