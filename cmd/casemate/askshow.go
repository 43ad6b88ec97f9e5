package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/openbook"
	"github.com/casemate-ai/casemate/internal/security/report"
)

const (
	shownValues    = 20  // of one fact and kind, for a person
	shownQuote     = 600 // columns of a quoted sentence
	optionColumns  = 200
	minShownColumn = 40
)

// show answers one question for a person.
func (a asker) show(q asked) error {
	r, err := a.answer(q)
	if err != nil {
		return err
	}
	if r.Note != "" {
		fmt.Fprintln(a.stderr, "casemate: note:", r.Note)
	}
	if r.Index != nil {
		a.showChoice(q, r)
		return nil
	}
	for _, f := range r.Facts {
		a.showFact(f)
	}
	if len(r.Passages) == 0 {
		fmt.Fprintln(a.stdout, "nothing in the knowledge base bears on this question")
		return nil
	}
	if r.Unsure {
		fmt.Fprintln(a.stdout, "unsure: no passage answers this plainly; the nearest are")
		fmt.Fprintln(a.stdout)
	}
	for i, p := range r.Passages {
		a.showPassage(fmt.Sprintf("%d.", i+1), p)
	}
	return nil
}

// showChoice prints the options in the order of their rank.
func (a asker) showChoice(q asked, r reply) {
	verdict := fmt.Sprintf("%s  (%.0f %%)", letter(*r.Index), 100*r.Scores[*r.Index])
	if r.Unsure {
		verdict += "  unsure: take it as a guess"
	}
	if r.Negative {
		verdict += "  what is least supported, as the question asks for what is not so"
	}
	fmt.Fprintf(a.stdout, "%s  %s\n\n", verdict, report.TerminalFit(q.Options[*r.Index], optionColumns))
	for i, o := range q.Options {
		fmt.Fprintf(a.stdout, "  %s  %5.1f %%  %s\n", letter(i), 100*r.Scores[i], report.TerminalFit(o, optionColumns))
	}
	fmt.Fprintln(a.stdout)
	for i, p := range r.Passages {
		if i < 2 {
			a.showPassage("for "+letter(*p.Option)+":", p)
		}
	}
}

// letter names an option.
func letter(i int) string { return string(rune('A' + i)) }

// showPassage prints where a passage stands and the sentences that answer.
func (a asker) showPassage(mark string, p openbook.Passage) {
	head := titled(p.ID, p.Name)
	if p.Kind == openbook.KindArticle {
		head = p.Name + " (Casemate's primer)"
	}
	if p.Other != "" {
		head += ", with " + p.Other
	}
	fmt.Fprintf(a.stdout, "%s %s: %s\n", mark, report.Terminal(head), report.Terminal(p.Section))
	width := max(terminalWidth(a.stdout)-4, minShownColumn)
	quotes := p.Answer
	if len(quotes) == 0 {
		quotes = []string{p.Text}
	}
	for _, s := range quotes {
		for _, line := range fold(report.TerminalFit(s, shownQuote), width) {
			fmt.Fprintln(a.stdout, "   ", line)
		}
	}
	fmt.Fprintln(a.stdout)
}

// showFact prints an exact answer, with a heading for each kind if there are
// several.
func (a asker) showFact(f openbook.Fact) {
	if f.Note != "" {
		fmt.Fprintln(a.stdout, report.Terminal(f.Note))
	}
	fmt.Fprintf(a.stdout, "%s, %s:\n", report.Terminal(titled(f.ID, f.Name)), f.About)
	several := slices.ContainsFunc(f.Values, func(v openbook.Item) bool { return v.Kind != f.Values[0].Kind })
	for first := 0; first < len(f.Values); {
		kind, past := f.Values[first].Kind, first+1
		for past < len(f.Values) && f.Values[past].Kind == kind {
			past++
		}
		indent := "    "
		if several {
			fmt.Fprintf(a.stdout, "  %s:\n", heading(kind))
			indent += "  "
		}
		a.showItems(indent, f.Values[first:past])
		first = past
	}
	fmt.Fprintln(a.stdout)
}

// showItems prints the values of a fact that are of one kind.
func (a asker) showItems(indent string, items []openbook.Item) {
	for i, v := range items {
		if i == shownValues {
			fmt.Fprintf(a.stdout, "%sand %d more; --json has all\n", indent, len(items)-i)
			break
		}
		for _, line := range fold(report.TerminalFit(titled(v.ID, v.Name), shownQuote), max(terminalWidth(a.stdout)-len(indent), minShownColumn)) {
			fmt.Fprintln(a.stdout, indent+line)
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

// fold breaks clean text into lines of at most width characters, at spaces.
func fold(text string, width int) []string {
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
