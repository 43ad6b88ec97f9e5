package ranklogs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Limits of a page.
const (
	pageForms = 30  // forms that it lists
	tableLine = 200 // bytes of a line in the table
	pageLine  = 900 // bytes of a line above its reasons
)

// brief is a line of which a page shows n bytes, saying how many it leaves out.
func brief(text string, n int) string {
	if len(text) <= n+40 {
		return text
	}
	short := phrase.Cut(text, n)
	return fmt.Sprintf("%s… (%d more bytes)", short, len(text)-len(short))
}

// Page shows the ranked lines to people: those for which something speaks, and no
// fewer than a few.
func Page(o Output) page.Page {
	shown := o.shown()
	p := page.Page{
		Kicker: "Log lines by suspicion", Title: title(o), Provenance: o.Provenance, Coverage: &o.Coverage,
		Badges: []page.Badge{{Text: fmt.Sprintf("%d lines", o.Total)}, {Text: fmt.Sprintf("%d forms", o.FormCount)}},
	}
	for _, e := range o.Evidence {
		if e.Kind == casemate.EvidenceLog {
			e.Text = brief(e.Text, pageLine)
			p.Evidence = append(p.Evidence, e)
		}
	}
	p.Blocks = append(p.Blocks, page.Text(o.meaning()), o.table(shown))
	if rest := o.Total - shown; rest > 0 {
		p.Blocks = append(p.Blocks, page.Text(fmt.Sprintf("And %d more, ranked below these.", rest)))
	}
	if shown > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "Why", Note: "The reasons of each line. Points are natural log-odds; a line for which nothing speaks has a score of 1.8."})
	}
	for _, l := range o.Lines[:shown] {
		p.Blocks = append(p.Blocks, page.Heading{Title: fmt.Sprintf("#%d  %s", l.Rank, l.String())}, page.Code{Text: brief(l.Text, pageLine)}, page.List{Items: reasonsOf(l)})
	}
	if o.Calibration != nil {
		p.Blocks = append(p.Blocks, page.Section{Title: "Calibration"}, o.Calibration.facts())
	}
	if o.Model != nil {
		p.Blocks = append(p.Blocks, page.Section{Title: "What the model read", Note: o.Model.Why}, o.Model.facts())
	}
	if len(o.Forms) > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "Forms", Note: "What lines have in common, the rarest first; <*> stands for what varies."}, o.formTable())
	}
	return p
}

// fewest is how many lines a page shows at least.
const fewest = 3

// shown is how many of the lines that are told a page shows.
func (o *Output) shown() int {
	n := o.Told
	for n > min(fewest, o.Told) && o.Lines[n-1].Points == (Points{}) {
		n--
	}
	return n
}

// reasonsOf cites the line alone: what was found stands in the reason itself, and
// apart from it only in the JSON output.
func reasonsOf(l Line) []casemate.Statement {
	out := slices.Clone(l.Reasons)
	for i := range out {
		out[i].Evidence = []string{l.Evidence}
	}
	return out
}

func title(o Output) string {
	n := 0
	for _, l := range o.Lines {
		if l.Score >= 50 {
			n++
		}
	}
	switch {
	case o.Total == 0:
		return "No line to rank"
	case n == 0:
		return fmt.Sprintf("None of %d lines stands out by what it shows", o.Total)
	case n == 1:
		return fmt.Sprintf("1 of %d lines shows what an attack would", o.Total)
	}
	return fmt.Sprintf("%d of %d lines show what an attack would", n, o.Total)
}

// meaning says what the number is.
func (o *Output) meaning() string {
	if o.Calibrated {
		return fmt.Sprintf("P is the probability that a line is suspicious, as %d labelled lines have it.", o.Calibration.Lines)
	}
	return "The score orders lines and is no probability: without labelled lines (--fit) nobody knows how many lines of such a score are suspicious."
}

func (o *Output) table(shown int) page.Table {
	t := page.Table{Head: []string{"#", "Score", "Line", "Where", "Points"}, Bar: 2, Full: 100}
	if o.Calibrated {
		t.Head[1], t.Full = "P", 1
	}
	for _, l := range o.Lines[:shown] {
		value := fmt.Sprintf("%.1f", l.Score)
		if l.P != nil {
			value = fmt.Sprintf("%.3f", *l.P)
		}
		where := l.String()
		if len(o.Coverage.Parts) == 1 {
			where = fmt.Sprintf("line %d", l.Line)
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(l.Rank), value, brief(l.Text, tableLine), where, l.Points.String()})
	}
	return t
}

// String tells the points in words: "signs +4.0, rarity +0.5".
func (p Points) String() string {
	var parts []string
	for _, x := range []struct {
		name   string
		points float64
	}{{"signs", p.Signs}, {"course", p.Course}, {"rarity", p.Rarity}, {"model", p.Model}} {
		if x.points != 0 {
			parts = append(parts, fmt.Sprintf("%s %+.1f", x.name, x.points))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (c *Calibration) facts() page.Facts {
	f := page.Facts{
		{Name: "Labelled lines", Value: fmt.Sprintf("%d, of which %d are suspicious (%s)", c.Lines, c.Suspicious, c.Source)},
		{Name: "AUC", Value: fmt.Sprintf("%.3f (95 %% interval %.3f to %.3f), each line judged without its fold of %d", c.AUC, c.AUCLow, c.AUCHigh, c.Folds)},
		{Name: "Brier score", Value: fmt.Sprintf("%.4f; %.4f for the base rate alone", c.Brier, c.BrierBase)},
	}
	if c.Note != "" {
		f = append(f, page.Fact{Name: "Note", Value: c.Note})
	}
	return f
}

func (m *ModelPart) facts() page.Facts {
	return page.Facts{
		{Name: "Lines read", Value: fmt.Sprintf("%d, of which %d were drawn from all lines", m.Lines, m.Sample)},
		{Name: "Without a line", Value: fmt.Sprintf("log-odds %+.2f, taken off each answer", m.ContentFree)},
		{Name: "Sample", Value: fmt.Sprintf("median %+.2f, spread %.2f: what lies above raises a line", m.Median, m.Spread)},
	}
}

func (o *Output) formTable() page.Table {
	t := page.Table{Head: []string{"Lines", "Form"}}
	for _, f := range o.Forms[:min(len(o.Forms), pageForms)] {
		t.Rows = append(t.Rows, []string{strconv.Itoa(f.Lines), strings.TrimSpace(f.Text)})
	}
	if rest := o.FormCount - len(t.Rows); rest > 0 {
		t.Rows = append(t.Rows, []string{"", fmt.Sprintf("and %d more forms", rest)})
	}
	return t
}
