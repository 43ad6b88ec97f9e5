package explain

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	defaultWidth = 88
	minWidth     = 50
	maxLayerRows = 14 // lines that are shown of a layer
	maxShown     = 24 // commands, indicators and techniques that are shown
	briefParts   = 3  // parts that are shown whole
)

// page writes an explanation for a terminal.
type page struct {
	bytes.Buffer
	width int
	color bool
}

// WriteText writes e for a terminal of a width in columns (0 is 88), with
// colours if color is set. Everything that came from the input is made safe to
// show; see Visible.
func WriteText(w io.Writer, e Explanation, width int, color bool) error {
	if width <= 0 {
		width = defaultWidth
	}
	p := &page{width: max(minWidth, width), color: color}
	p.explanation(&e)
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	yellow = "33"
	cyan   = "36"
)

// paint colours text that is already safe.
func (p *page) paint(style, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p *page) line(parts ...string) {
	p.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.WriteByte('\n')
}

// wrap writes text after head, folded at the width, with the other lines
// indented. The head may hold colours; the text may not.
func (p *page) wrap(head string, indent int, style, text string) {
	room := max(20, p.width-indent)
	for i, l := range fold(Visible(text), room) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		p.line(head, p.paint(style, l))
	}
}

// fold breaks text into lines of at most room columns, at blanks where it can.
func fold(text string, room int) []string {
	var out []string
	start, blank, n := 0, -1, 0
	for i, r := range text {
		if n == room {
			at := i
			if r != ' ' && blank > start+(i-start)/3 {
				at = blank
			}
			out = append(out, strings.TrimRight(text[start:at], " "))
			start, blank = at, -1
			for start < len(text) && start <= i && text[start] == ' ' {
				start++
			}
			n = utf8.RuneCountInString(text[start:max(i, start)])
		}
		if r == ' ' {
			blank = i
		}
		if i >= start {
			n++
		}
	}
	return append(out, text[start:])
}

func (p *page) section(name string) {
	p.line()
	p.line(p.paint(bold, name))
}

func (p *page) explanation(e *Explanation) {
	p.line(p.paint(bold, phrase.Upper(Visible(e.Kind))))
	p.wrap("", 0, "", e.Summary)
	p.line()
	p.risk(&e.Risk)
	p.facts(e)
	p.layers(e)
	p.findings(e)
	p.programs(e)
	p.commands(e)
	p.parts(e)
	p.techniques(e)
	p.indicators(e)
	p.next(e)
	if len(e.Notes) > 0 {
		p.section("Notes")
		for _, n := range e.Notes {
			p.wrap("  · ", 4, dim, n)
		}
	}
}

// riskStyle colours a level.
func riskStyle(level string) string {
	return cmp.Or(map[string]string{RiskStrong: red, RiskSome: yellow}[level], bold)
}

func (p *page) risk(r *Risk) {
	p.line(p.paint(bold, "Risk"), "  ", p.paint(riskStyle(r.Level), r.Level))
	for _, reason := range r.Reasons {
		p.wrap("      · ", 8, "", reason)
	}
}

func (p *page) facts(e *Explanation) {
	if len(e.Facts) == 0 {
		return
	}
	p.section("What it says")
	w := 0
	for _, f := range e.Facts {
		w = max(w, min(22, utf8.RuneCountInString(Visible(f.Name))))
	}
	prev := ""
	for _, f := range e.Facts {
		name := Visible(f.Name)
		if name == prev {
			name = ""
		}
		prev = Visible(f.Name)
		if utf8.RuneCountInString(name) > w {
			p.line("  ", p.paint(cyan, name))
			name = ""
		}
		p.wrap("  "+p.paint(cyan, pad(name, w))+"  ", w+4, "", f.Value)
		if f.Note != "" {
			p.wrap(strings.Repeat(" ", w+4), w+4, dim, f.Note)
		}
	}
}

func pad(s string, w int) string {
	return s + strings.Repeat(" ", max(0, w-utf8.RuneCountInString(s)))
}

func (p *page) layers(e *Explanation) {
	if len(e.Layers) == 0 {
		return
	}
	p.section("Hidden inside")
	for i := range e.Layers {
		l := &e.Layers[i]
		from := Span{Field: l.Field, Layer: l.Parent, Start: l.Start, End: l.End}.String()
		if l.Whole {
			from = place(Span{Field: l.Field, Layer: l.Parent})
		}
		indent := 5 + 2*(min(l.Depth, 6)-1)
		head := strings.Repeat(" ", indent-3) + p.paint(bold, fmt.Sprintf("%d", i+1)) + "  "
		p.wrap(head, indent, cyan, fmt.Sprintf("%s, from %s (%s)", l.Op, from, l.Why))
		p.layer(l, indent)
	}
}

func (p *page) layer(l *Layer, indent int) {
	bar := strings.Repeat(" ", indent) + p.paint(dim, "│ ")
	if b := l.Binary; b != nil {
		p.line(bar, Visible(b.Kind), fmt.Sprintf(", %d bytes, entropy %.2f of 8", b.Size, b.Entropy))
		p.line(bar, "SHA-256 ", b.SHA256)
		for _, s := range first(b.Strings, 8) {
			p.line(bar, p.paint(dim, "text "), phrase.Short(Visible(s), p.width-indent-8))
		}
		return
	}
	rows := 0
	for line := range strings.SplitSeq(decode.Visible(l.Text, true), "\n") {
		for _, row := range fold(strings.TrimRight(line, " "), max(20, p.width-indent-2)) {
			if rows++; rows > maxLayerRows {
				p.line(bar, p.paint(dim, fmt.Sprintf("… %d bytes in all", len(l.Text))))
				return
			}
			p.line(bar, row)
		}
	}
	if l.Cut {
		p.line(bar, p.paint(dim, "… cut at the limit"))
	}
}

// levelMark is a finding's level in six columns.
func (p *page) levelMark(l casemate.Severity) string {
	switch l {
	case casemate.SeverityCritical:
		return p.paint(red, "CRIT  ")
	case casemate.SeverityHigh:
		return p.paint(red, "HIGH  ")
	case casemate.SeverityMedium:
		return p.paint(yellow, "MEDIUM")
	}
	return p.paint(dim, "LOW   ")
}

func (p *page) findings(e *Explanation) {
	if len(e.Findings) == 0 {
		return
	}
	p.section("What it shows")
	for i := range e.Findings {
		f := &e.Findings[i]
		p.wrap("  "+p.levelMark(f.Level)+"  ", 10, "", f.Text)
		if t := e.named(f.Techniques); t != "" {
			p.wrap(strings.Repeat(" ", 10), 10, cyan, t)
		}
		if f.Quote != "" {
			p.wrap(strings.Repeat(" ", 10), 10, dim, f.Span.String()+": “"+phrase.Short(f.Quote, p.width)+"”")
		}
	}
}

// named writes technique ids with their names.
func (e *Explanation) named(ids []string) string {
	var out []string
	for _, id := range ids {
		for _, t := range e.Techniques {
			if t.ID == id {
				id += " " + t.Name
				break
			}
		}
		out = append(out, id)
	}
	return strings.Join(out, ", ")
}

func (p *page) programs(e *Explanation) {
	if len(e.Programs) == 0 {
		return
	}
	p.section("Programs")
	w := 0
	for i := range e.Programs {
		w = max(w, min(20, len(e.Programs[i].Name)))
	}
	for i := range e.Programs {
		g := &e.Programs[i]
		p.wrap("  "+p.paint(bold, pad(phrase.Short(Visible(g.Name), 30), w))+"  ", w+4, "", g.What)
		if g.Use != "" {
			p.wrap(strings.Repeat(" ", w+4), w+4, dim, "attackers use it for "+g.Use)
		}
		fw := 0
		for _, f := range g.Flags {
			fw = max(fw, utf8.RuneCountInString(phrase.Short(Visible(f.Text), 28)))
		}
		for _, f := range g.Flags {
			p.wrap(strings.Repeat(" ", w+4)+p.paint(cyan, pad(phrase.Short(Visible(f.Text), 28), fw))+"  ", w+6+fw, "", f.Means)
		}
	}
}

func (p *page) commands(e *Explanation) {
	if len(e.Commands) < 2 {
		return
	}
	p.section("Commands, in order")
	for i := range e.Commands {
		if i == maxShown {
			p.line("  ", p.paint(dim, fmt.Sprintf("… and %d more", len(e.Commands)-i)))
			return
		}
		c := &e.Commands[i]
		mark := "  "
		if c.Piped {
			mark = "| "
		}
		indent := 2 + 2*c.Depth
		text := strings.Join(append([]string{c.Program}, c.Args...), " ")
		for _, r := range c.Redirects {
			text += "  " + r
		}
		p.wrap(strings.Repeat(" ", indent)+p.paint(dim, mark), indent+4, "", phrase.Short(text, 3*p.width))
	}
}

func (p *page) parts(e *Explanation) {
	for i := range e.Parts {
		part := &e.Parts[i]
		p.section(fmt.Sprintf("%d  %s", i+1, phrase.Short(Visible(part.Input), p.width-8)))
		if len(e.Parts) <= briefParts {
			inner := &page{width: p.width - 3, color: p.color}
			inner.explanation(part)
			for line := range strings.SplitSeq(strings.TrimRight(inner.String(), "\n"), "\n") {
				p.line("   ", line)
			}
			continue
		}
		head := phrase.Upper(part.Kind) + ": "
		if strings.Contains(strings.ToLower(part.Summary), strings.ToLower(part.Kind)) {
			head = ""
		}
		p.wrap("   ", 3, "", head+part.Summary)
		p.line("   ", p.paint(riskStyle(part.Risk.Level), part.Risk.Level))
		for j := range first(part.Findings, 4) {
			f := &part.Findings[j]
			p.wrap("     "+p.levelMark(f.Level)+"  ", 13, "", f.Text)
		}
	}
}

func (p *page) techniques(e *Explanation) {
	if len(e.Techniques) == 0 {
		return
	}
	p.section("ATT&CK techniques")
	for i, t := range e.Techniques {
		if i == maxShown {
			p.line("  ", p.paint(dim, fmt.Sprintf("… and %d more", len(e.Techniques)-i)))
			return
		}
		p.wrap("  "+p.paint(cyan, pad(t.ID, 9))+"  ", 13, "", t.Name+" ("+strings.Join(t.Tactics, ", ")+")")
	}
}

func (p *page) indicators(e *Explanation) {
	if len(e.Indicators) == 0 {
		return
	}
	p.section("Indicators")
	for i, n := range e.Indicators {
		if i == maxShown {
			p.line("  ", p.paint(dim, fmt.Sprintf("… and %d more", len(e.Indicators)-i)))
			return
		}
		text := n.Shown
		if n.Scope != "" && n.Scope != casemate.ScopePublic {
			text += "  (" + string(n.Scope) + ")"
		}
		p.wrap("  "+p.paint(cyan, pad(string(n.Type), 7))+"  ", 11, "", text)
		if n.Note != "" {
			p.wrap(strings.Repeat(" ", 11), 11, dim, n.Note)
		}
	}
}

func (p *page) next(e *Explanation) {
	if len(e.Next) == 0 {
		return
	}
	p.section("Look at next")
	for _, n := range e.Next {
		text := n.Text
		if n.ID != "" && !strings.Contains(text, n.ID) {
			text += " (" + n.ID + ")"
		}
		p.wrap("  · ", 4, "", text)
		if n.Reason != "" {
			p.wrap("    ", 4, dim, n.Reason)
		}
	}
}
