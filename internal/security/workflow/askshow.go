package workflow

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/openbook"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/report"
)

const (
	shownValues    = 20  // of one fact and kind, for a person
	shownQuote     = 600 // columns of a quoted sentence
	optionColumns  = 200
	minShownColumn = 40
)

// shower prints an answer for a person.
type shower struct {
	w     io.Writer
	width int
}

// show prints an answer for a person.
func show(w io.Writer, width int, q asked, r AskOutput) error {
	b := bufio.NewWriter(w)
	a := shower{b, width}
	if r.Index != nil {
		a.showChoice(q, r)
		return b.Flush()
	}
	for _, f := range r.Facts {
		a.showFact(f)
	}
	if len(r.Passages) == 0 {
		fmt.Fprintln(b, "nothing in the knowledge base bears on this question")
		return b.Flush()
	}
	if r.Unsure {
		fmt.Fprintln(b, "unsure: no passage answers this plainly; the nearest are")
		fmt.Fprintln(b)
	}
	for i, p := range r.Passages {
		a.showPassage(fmt.Sprintf("%d.", i+1), p)
	}
	return b.Flush()
}

// showChoice prints the options in the order of their rank.
func (a shower) showChoice(q asked, r AskOutput) {
	verdict := fmt.Sprintf("%s  (%.0f %%)", letter(*r.Index), 100*r.Scores[*r.Index])
	if r.Unsure {
		verdict += "  unsure: take it as a guess"
	}
	if r.Negative {
		verdict += "  what is least supported, as the question asks for what is not so"
	}
	fmt.Fprintf(a.w, "%s  %s\n\n", verdict, report.TerminalFit(q.Options[*r.Index], optionColumns))
	for i, o := range q.Options {
		fmt.Fprintf(a.w, "  %s  %5.1f %%  %s\n", letter(i), 100*r.Scores[i], report.TerminalFit(o, optionColumns))
	}
	fmt.Fprintln(a.w)
	for i, p := range r.Passages {
		if i < 2 {
			a.showPassage("for "+letter(*p.Option)+":", p)
		}
	}
}

// letter names an option.
func letter(i int) string { return string(rune('A' + i)) }

// showPassage prints where a passage stands and the sentences that answer.
func (a shower) showPassage(mark string, p openbook.Passage) {
	head := titled(p.ID, p.Name)
	if p.Kind == openbook.KindArticle {
		head = p.Name + " (Casemate's primer)"
	}
	if p.Other != "" {
		head += ", with " + p.Other
	}
	fmt.Fprintf(a.w, "%s %s: %s\n", mark, report.Terminal(head), report.Terminal(p.Section))
	width := max(a.width-4, minShownColumn)
	quotes := p.Answer
	if len(quotes) == 0 {
		quotes = []string{p.Text}
	}
	for _, s := range quotes {
		for _, line := range Fold(report.TerminalFit(s, shownQuote), width) {
			fmt.Fprintln(a.w, "   ", line)
		}
	}
	fmt.Fprintln(a.w)
}

// showFact prints an exact answer, with a heading for each kind if there are
// several.
func (a shower) showFact(f openbook.Fact) {
	if f.Note != "" {
		fmt.Fprintln(a.w, report.Terminal(f.Note))
	}
	fmt.Fprintf(a.w, "%s, %s:\n", report.Terminal(titled(f.ID, f.Name)), f.About)
	several := slices.ContainsFunc(f.Values, func(v openbook.Item) bool { return v.Kind != f.Values[0].Kind })
	for first := 0; first < len(f.Values); {
		kind, past := f.Values[first].Kind, first+1
		for past < len(f.Values) && f.Values[past].Kind == kind {
			past++
		}
		indent := "    "
		if several {
			fmt.Fprintf(a.w, "  %s:\n", heading(kind))
			indent += "  "
		}
		a.showItems(indent, f.Values[first:past])
		first = past
	}
	fmt.Fprintln(a.w)
}

// showItems prints the values of a fact that are of one kind.
func (a shower) showItems(indent string, items []openbook.Item) {
	for i, v := range items {
		if i == shownValues {
			fmt.Fprintf(a.w, "%sand %d more; --json has all\n", indent, len(items)-i)
			break
		}
		for _, line := range Fold(report.TerminalFit(titled(v.ID, v.Name), shownQuote), max(a.width-len(indent), minShownColumn)) {
			fmt.Fprintln(a.w, indent+line)
		}
	}
}

// titled joins an id and a name. Some entries have no name but their id.
func titled(id, name string) string {
	if id == name {
		return id
	}
	return strings.TrimSpace(id + " " + name)
}

// heading names the entries of a kind.
func heading(kind string) string {
	switch kind {
	case feed.KindMitigation:
		return "mitigations (ATT&CK)"
	case feed.KindDefence:
		return "defences (D3FEND)"
	case feed.KindControl:
		return "controls"
	case feed.KindSoftware:
		return "software"
	case feed.KindWeakness:
		return "weaknesses"
	case feed.KindDetection:
		return "detection strategies"
	case "":
		return "not in the knowledge base"
	}
	return strings.ReplaceAll(kind, "-", " ") + "s"
}

// Fold breaks clean text into lines of at most width characters, at spaces.
func Fold(text string, width int) []string {
	var out []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// askPage is an answer as a page.
func askPage(q asked, r AskOutput) *page.Page {
	p := &page.Page{Kicker: "Answer from the knowledge base", Title: strings.Join(strings.Fields(q.Question), " ")}
	if r.Index != nil {
		t := page.Table{Head: []string{"Option", "Text", "Score"}, Bar: 3}
		for i, o := range q.Options {
			t.Rows = append(t.Rows, []string{letter(i), o, fmt.Sprintf("%.2f", r.Scores[i])})
		}
		p.Lede = []casemate.Statement{{Text: letter(*r.Index) + ": " + q.Options[*r.Index], By: casemate.DecidedByRule}}
		p.Blocks = append(p.Blocks, t)
	}
	if r.Unsure {
		p.Blocks = append(p.Blocks, page.Callout{Level: casemate.SeverityMedium, Title: "Unsure", Text: "No passage answers this plainly; the nearest stand below."})
	}
	for _, f := range r.Facts {
		l := page.List{}
		for _, v := range f.Values {
			l.Items = append(l.Items, casemate.Statement{Text: titled(v.ID, v.Name), By: casemate.DecidedByRule})
		}
		p.Blocks = append(p.Blocks, page.Section{Title: titled(f.ID, f.Name), Note: f.About}, l)
	}
	for _, s := range r.Passages {
		text := strings.Join(s.Answer, " ")
		if text == "" {
			text = s.Text
		}
		p.Blocks = append(p.Blocks, page.Section{Title: titled(s.ID, s.Name), Note: s.Section}, page.Text(text))
	}
	return p
}
