package ranklogs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

const pageForms = 30 // forms that a page lists

// Page shows the ranked lines to people.
func Page(o Output) page.Page {
	p := page.Page{
		Kicker: "Log lines by suspicion", Title: title(o), Evidence: o.lines(), Provenance: o.Provenance, Coverage: &o.Coverage,
		Badges: []page.Badge{{Text: fmt.Sprintf("%d lines", o.Total)}, {Text: fmt.Sprintf("%d forms", o.FormCount)}},
	}
	p.Blocks = append(p.Blocks, page.Text(o.meaning()), o.table())
	if rest := o.Total - o.Told; rest > 0 {
		p.Blocks = append(p.Blocks, page.Text(fmt.Sprintf("And %d more lines that are ranked below these.", rest)))
	}
	if o.Told > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "Why", Note: "The reasons of each line, the weightiest first."})
	}
	for _, l := range o.Lines[:o.Told] {
		if l.Score < tellScore && l.Rank > tellAlways {
			p.Blocks = append(p.Blocks, page.Text(fmt.Sprintf("Little speaks for the lines from rank %d on: their reasons are in the JSON output.", l.Rank)))
			break
		}
		p.Blocks = append(p.Blocks, page.Section{Title: fmt.Sprintf("#%d  %s", l.Rank, l.String())}, page.Code{Text: l.Text}, page.List{Items: l.Reasons})
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

// Lines below this score are told only among the first few.
const (
	tellScore  = 10
	tellAlways = 5
)

// lines returns the evidence that is a line: what was found stands in the reasons
// themselves.
func (o *Output) lines() []casemate.Evidence { return o.Evidence }

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

func (o *Output) table() page.Table {
	t := page.Table{Head: []string{"#", "Score", "Signs", "Course", "Rarity", "Where", "Line"}, Bar: 2}
	if o.Calibrated {
		t.Head[1] = "P"
	}
	if o.Model != nil {
		t.Head = append(t.Head[:5:5], "Model", "Where", "Line")
	}
	for _, l := range o.Lines[:o.Told] {
		value := l.Score / 100
		if l.P != nil {
			value = *l.P
		}
		row := []string{strconv.Itoa(l.Rank), fmt.Sprintf("%.3f", value), points(l.Points.Signs), points(l.Points.Course), points(l.Points.Rarity)}
		if o.Model != nil {
			row = append(row, points(l.Points.Model))
		}
		t.Rows = append(t.Rows, append(row, l.String(), l.Text))
		t.Evidence = append(t.Evidence, []string{l.Evidence})
	}
	return t
}

func points(x float64) string {
	if x == 0 {
		return "·"
	}
	return fmt.Sprintf("%+.1f", x)
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
