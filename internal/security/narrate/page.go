package narrate

import (
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// badges are the colours of the risks.
var badges = map[string]casemate.Severity{
	explain.RiskStrong: casemate.SeverityCritical, explain.RiskSome: casemate.SeverityMedium,
	explain.RiskWeak: casemate.SeverityLow, explain.RiskNone: casemate.SeverityInformational, explain.RiskLookup: casemate.SeverityInformational,
}

// Page shows an explanation. Disagreement of the model comes first, then what it
// says, then what the rules found.
func Page(o Output) page.Page {
	p := page.Page{
		Kicker: "Explanation", Title: phrase.Upper(o.Kind), Lede: []casemate.Statement{o.Lede},
		Badges:   []page.Badge{{Text: o.Risk.Level, Level: badges[o.Risk.Level]}},
		Evidence: o.Evidence, Coverage: &o.Coverage, Provenance: o.Provenance,
	}
	p.Blocks = append(p.Blocks, added(&o)...)
	if len(o.Risk.Reasons) > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "Why this risk"})
		p.Blocks = append(p.Blocks, list(o.Risk.Reasons))
	}
	p.Blocks = append(p.Blocks, found(&o.Explanation)...)
	for i := range o.Parts {
		part := &o.Parts[i]
		p.Blocks = append(p.Blocks, page.Section{Title: fmt.Sprintf("%d. %s", i+1, phrase.Upper(part.Kind)), Note: part.Risk.Level},
			page.Code{Text: part.Input}, page.Text(part.Summary))
		p.Blocks = append(p.Blocks, found(part)...)
	}
	p.Blocks = append(p.Blocks, ahead(&o.Explanation)...)
	return p
}

// added is what the model adds.
func added(o *Output) []page.Block {
	var out []page.Block
	if o.Opinion != nil {
		out = append(out, page.Callout{
			Level: casemate.SeverityMedium, Title: fmt.Sprintf("The model sees it as %s than the rules do: %s", graver(o.Opinion.Than), o.Opinion.Level),
			Text: fmt.Sprintf("The risk stays %s; an analyst decides. What the model says for it:", o.Risk.Level),
		}, page.Prose{o.Opinion.Statement})
	}
	if len(o.Narrative) > 0 {
		out = append(out, page.Section{Title: "In words", Note: "By the model, held against the evidence it cites."}, page.Prose(o.Narrative))
	}
	return out
}

func graver(than string) string {
	if than == "higher" {
		return "graver"
	}
	return "less grave"
}

// found shows what the rules found.
func found(e *explain.Explanation) []page.Block {
	var out []page.Block
	if len(e.Facts) > 0 {
		facts := page.Facts{}
		for _, f := range e.Facts {
			value := f.Value
			if f.Note != "" {
				value += " (" + f.Note + ")"
			}
			facts = append(facts, page.Fact{Name: f.Name, Value: value})
		}
		out = append(out, page.Section{Title: "What it says"}, facts)
	}
	if len(e.Layers) > 0 {
		out = append(out, page.Section{Title: "Hidden inside"})
		for i := range e.Layers {
			l := &e.Layers[i]
			from := explain.Span{Field: l.Field, Layer: l.Parent, Start: l.Start, End: l.End}
			out = append(out, page.Text(fmt.Sprintf("%d. %s, from %s (%s)", i+1, l.Op, from, l.Why)))
			if l.Binary != nil {
				out = append(out, page.Text(fmt.Sprintf("%s, %d bytes, SHA-256 %s", l.Binary.Kind, l.Binary.Size, l.Binary.SHA256)))
			} else {
				out = append(out, page.Code{Text: l.Text})
			}
		}
	}
	if len(e.Findings) > 0 {
		t := page.Table{Head: []string{"Level", "What it shows", "Techniques", "Where", "Words"}}
		for i := range e.Findings {
			f := &e.Findings[i]
			t.Rows = append(t.Rows, []string{f.Level.String(), f.Text, strings.Join(f.Techniques, ", "), f.Span.String(), f.Quote})
		}
		out = append(out, page.Section{Title: "What it shows"}, t)
	}
	return append(out, programTable(e)...)
}

// programTable shows the programs that are known, with the options used.
func programTable(e *explain.Explanation) []page.Block {
	var out []page.Block
	if len(e.Programs) > 0 {
		t := page.Table{Head: []string{"Program", "What it is", "Options used"}}
		for i := range e.Programs {
			g := &e.Programs[i]
			what := g.What
			if g.Use != "" {
				what += "; attackers use it for " + g.Use
			}
			var flags []string
			for _, f := range g.Flags {
				flags = append(flags, f.Text+" "+f.Means)
			}
			t.Rows = append(t.Rows, []string{g.Name, what, strings.Join(flags, "; ")})
		}
		out = append(out, page.Section{Title: "Programs"}, t)
	}
	return out
}

// ahead shows techniques, indicators, next steps and notes.
func ahead(e *explain.Explanation) []page.Block {
	var out []page.Block
	if len(e.Techniques) > 0 {
		t := page.Table{Head: []string{"Technique", "Name", "Tactics"}}
		for _, k := range e.Techniques {
			t.Rows = append(t.Rows, []string{k.ID, k.Name, strings.Join(k.Tactics, ", ")})
		}
		out = append(out, page.Section{Title: "ATT&CK techniques"}, t)
	}
	if len(e.Indicators) > 0 {
		t := page.Table{Head: []string{"Type", "Indicator", "Scope", "Note"}}
		for _, n := range e.Indicators {
			t.Rows = append(t.Rows, []string{string(n.Type), n.Shown, string(n.Scope), n.Note})
		}
		out = append(out, page.Section{Title: "Indicators"}, t)
	}
	if len(e.Next) > 0 {
		var steps []string
		for _, n := range e.Next {
			s := n.Text
			if n.ID != "" {
				s += " (" + n.ID + ")"
			}
			if n.Reason != "" {
				s += ": " + n.Reason
			}
			steps = append(steps, s)
		}
		out = append(out, page.Section{Title: "Look at next"}, list(steps))
	}
	if len(e.Notes) > 0 {
		out = append(out, page.Section{Title: "Notes"}, list(e.Notes))
	}
	return out
}

// list makes plain lines of ours a list.
func list(lines []string) page.List {
	var l page.List
	for _, s := range lines {
		l.Items = append(l.Items, casemate.Statement{Text: s, By: casemate.DecidedByRule})
	}
	return l
}
