package mapping

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// The layout of a terminal.
const (
	minWidth, maxWidth, usualWidth = 72, 160, 100
	barCells                       = 10
	maxListed                      = 400 // sentences of one document
)

// ViewOptions say how a result is shown on a terminal. The zero value is ready.
type ViewOptions struct {
	Width int  // columns; 0 is 100
	Color bool // the words that show a technique are underlined; else they stand «so»
	All   bool // the unsure techniques, too
}

// The marks that stand around marked words until a line is painted. The text
// itself cannot hold them: report.Terminal writes controls out.
const markOn, markOff = "\x01", "\x02"

// view lays out results for a terminal.
type view struct {
	bytes.Buffer
	width int
	color bool
}

// WriteText writes what documents show for a terminal: first the techniques of
// the whole document, then the sentences that show them.
func WriteText(w io.Writer, results []*Result, opt ViewOptions) error {
	v := &view{width: opt.Width, color: opt.Color}
	if v.width == 0 {
		v.width = usualWidth
	}
	v.width = min(max(v.width, minWidth), maxWidth)
	for i, r := range results {
		if i > 0 {
			v.WriteString("\n" + strings.Repeat("─", v.width) + "\n\n")
		}
		v.result(r, opt.All)
	}
	if _, err := w.Write(v.Bytes()); err != nil {
		return fmt.Errorf("write the mapping: %w", err)
	}
	return nil
}

func (v *view) paint(style, text string) string {
	if !v.color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (v *view) line(s string) {
	v.WriteString(strings.TrimRight(s, " "))
	v.WriteByte('\n')
}

func (v *view) result(r *Result, all bool) {
	name := r.Path
	if name == document.Stdin {
		name = "standard input"
	}
	v.line(v.paint("1", report.TerminalFit(firstOf(r.Title, name), v.width)))
	about := fmt.Sprintf("%s, %s read", r.Kind, plural(r.Read, "sentence", "sentences"))
	if r.Title != "" {
		about = name + ", " + about
	}
	v.line(v.paint("2", report.TerminalFit(about, v.width)))
	v.line("")
	switch {
	case len(r.Techniques) > 0:
		v.line(v.paint("1", plural(len(r.Techniques), "technique", "techniques")))
		v.table(r.Techniques)
	case len(r.Unsure) > 0:
		v.line("No technique is sure enough.")
	default:
		v.line("No technique was found.")
	}
	if len(r.Unsure) > 0 {
		v.line("")
		if all {
			v.line(v.paint("1", plural(len(r.Unsure), "unsure one", "unsure ones")) + ", for a person to look at")
			v.table(r.Unsure)
		} else {
			v.line(v.paint("2", plural(len(r.Unsure), "technique is", "techniques are")+" unsure: --all shows them"))
		}
	}
	v.sentences(r, all)
	if len(r.Notes) > 0 {
		v.line("")
		for _, n := range r.Notes {
			v.wrapped("note: ", report.Terminal(n))
		}
	}
}

// table writes techniques, one a line.
func (v *view) table(found []Found) {
	name := 0
	for _, f := range found {
		name = max(name, uniseg.StringWidth(report.TerminalFit(f.Name, 40)))
	}
	for _, f := range found {
		head := "  " + pad(report.TerminalFit(f.ID, 10), 10) + " " + pad(report.TerminalFit(f.Name, 40), name) + "  "
		tail := fmt.Sprintf(" %.2f  ", f.P)
		used := 2 + 10 + 1 + name + 2 + barCells + len(tail)
		where := ""
		if len(f.Sentences) > 0 {
			where = "[" + numbers(f.Sentences, 4) + "]"
		}
		// A long list of tactics gives way to where the evidence stands.
		rest := report.TerminalFit(strings.Join(f.Tactics, ", "), max(v.width-used-len(where)-2, 0))
		rest = strings.TrimSpace(rest + "  " + where)
		v.line(head + v.paint(style(f.P), bar(f.P)) + tail + v.paint("2", rest))
	}
}

// style colours a probability: green where sure, yellow where likely.
func style(p float64) string {
	switch {
	case p >= 0.8:
		return "32"
	case p >= 0.5:
		return "33"
	}
	return "2"
}

// bar draws a probability in barCells columns, to an eighth of one.
func bar(p float64) string {
	eighths := int(math.Round(min(max(p, 0), 1) * barCells * 8))
	s := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return pad(s, barCells)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-uniseg.StringWidth(s), 0))
}

// sentences writes the sentences that show what the document shows.
func (v *view) sentences(r *Result, all bool) {
	states := documentStates(r)
	listed := 0
	for i := range r.Sentences {
		s := &r.Sentences[i]
		hits := shownHits(s, states, all)
		if len(hits) == 0 {
			continue
		}
		if listed++; listed > maxListed {
			v.line("")
			v.line(v.paint("2", "and more sentences: --csv, --markdown and --json write all of them"))
			return
		}
		if listed == 1 {
			v.line("")
			v.line(v.paint("1", "Sentences"))
		}
		v.line("")
		v.sentence(s, hits)
	}
}

func (v *view) sentence(s *Sentence, hits []*Hit) {
	var text strings.Builder
	for _, p := range markedParts(s, hits) {
		clean := report.Terminal(p.text)
		if p.marked {
			clean = markOn + clean + markOff
		}
		text.WriteString(clean)
	}
	v.wrapped(pad(fmt.Sprintf("%4d ", s.Number), 5), text.String())
	for _, h := range hits {
		line := fmt.Sprintf("%s %s %.2f, %s", h.ID, h.Name, h.P, strings.Join(h.By, ", "))
		if h.Was != "" {
			line += ", given as " + h.Was
		}
		if p := s.place(); !strings.HasPrefix(p, "sentence") {
			line += " (" + p + ")"
		}
		v.line("     " + v.paint("36", report.TerminalFit(line, v.width-5)))
	}
}

// wrapped writes clean text broken between words, beside a lead.
func (v *view) wrapped(lead, text string) {
	indent := uniseg.StringWidth(lead)
	line, used, marked := lead, indent, false
	end := func() {
		if marked {
			line += markOff
		}
		v.line(v.marks(line))
		line, used = strings.Repeat(" ", indent), indent
		if marked {
			line += markOn
		}
	}
	for word := range strings.SplitSeq(text, " ") {
		plain := strings.NewReplacer(markOn, "", markOff, "").Replace(word)
		width := uniseg.StringWidth(plain)
		if used > indent && used+1+width > v.width {
			end()
		}
		for width > v.width-indent { // a word longer than a line
			cut := cutRunes(word, v.width-indent)
			line += cut
			marked = marks(marked, cut)
			word = word[len(cut):]
			end()
			width = uniseg.StringWidth(strings.NewReplacer(markOn, "", markOff, "").Replace(word))
		}
		if used > indent {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+width
		marked = marks(marked, word)
	}
	if used > indent {
		if marked {
			line += markOff
		}
		v.line(v.marks(line))
	}
}

// cutRunes returns the longest beginning of a word that takes at most n columns.
func cutRunes(word string, n int) string {
	for i, r := range word {
		if n -= uniseg.StringWidth(string(r)); n < 0 {
			return word[:i]
		}
	}
	return word
}

// marks says whether marked text is open behind a word.
func marks(open bool, word string) bool {
	on, off := strings.LastIndex(word, markOn), strings.LastIndex(word, markOff)
	if on < 0 && off < 0 {
		return open
	}
	return on > off
}

// marks paints the marked words of a line.
func (v *view) marks(line string) string {
	if v.color {
		return strings.NewReplacer(markOn, "\x1b[1;4m", markOff, "\x1b[0m").Replace(line)
	}
	return strings.NewReplacer(markOn, "«", markOff, "»").Replace(line)
}
