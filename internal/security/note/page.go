package note

import (
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// kickers name the kinds of note.
var kickers = map[string]string{KindCase: "Case note", KindHandover: "Shift handover", KindCustomer: "Notification"}

// verdictLevels are the colours of verdicts.
var verdictLevels = map[casemate.Verdict]casemate.Severity{
	casemate.VerdictMalicious: casemate.SeverityCritical, casemate.VerdictSuspicious: casemate.SeverityMedium,
	casemate.VerdictReview: casemate.SeverityLow, casemate.VerdictBenign: casemate.SeverityInformational,
}

// Page shows a note. A notification of customers shows no evidence, no coverage
// and no names of files: they are for us.
func Page(o Output) page.Page {
	p := page.Page{Kicker: kickers[o.Kind], Title: o.Title, Lede: o.Lede, Evidence: o.Evidence, Coverage: &o.Coverage, Provenance: o.Provenance}
	if o.Kind == KindCustomer {
		return customerPage(o)
	}
	if o.Verdict != "" {
		p.Badges = append(p.Badges, page.Badge{Text: string(o.Verdict), Level: verdictLevels[o.Verdict]})
	}
	if o.Severity != casemate.SeverityUnknown {
		p.Badges = append(p.Badges, page.Badge{Text: "severity " + o.Severity.String(), Level: o.Severity})
	}
	if len(o.Incidents) > 1 || o.Kind == KindHandover {
		p.Blocks = append(p.Blocks, incidentTables(&o)...)
	}
	if len(o.Narrative) > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "In short", Note: "By the model, held against the evidence it cites."}, page.Prose(o.Narrative))
	}
	for _, s := range o.Sections {
		p.Blocks = append(p.Blocks, page.Section{Title: s.Title, Note: s.Note}, page.List{Items: s.Statements, Numbered: s.Numbered})
	}
	p.Blocks = append(p.Blocks, thingTables(&o)...)
	return p
}

// incidentTables list incidents by urgency: of a shift those with alerts in it
// first.
func incidentTables(o *Output) []page.Block {
	if o.Since == nil && o.Until == nil {
		return incidentTable("Incidents, by urgency", o.Incidents)
	}
	var changed, quiet []Incident
	for _, i := range o.Incidents {
		if i.Changed {
			changed = append(changed, i)
		} else {
			quiet = append(quiet, i)
		}
	}
	return append(incidentTable("Open, with alerts in the shift", changed), incidentTable("Open, without alerts in the shift", quiet)...)
}

func incidentTable(title string, list []Incident) []page.Block {
	if len(list) == 0 {
		return nil
	}
	t := page.Table{Head: []string{"Rank", "Incident", "Verdict", "Score", "Last alert", "What"}}
	for _, i := range list {
		last := ""
		if !i.Last.IsZero() {
			last = phrase.Time(i.Last)
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(i.Rank), i.ID, string(i.Verdict), points(i.Score), last, i.Title})
	}
	return []page.Block{page.Section{Title: title}, t}
}

// thingTables list techniques and indicators.
func thingTables(o *Output) []page.Block {
	var out []page.Block
	if len(o.Techniques) > 0 {
		t := page.Table{Head: []string{"Technique", "Name", "Tactics", "Said by"}}
		for _, k := range o.Techniques {
			t.Rows = append(t.Rows, []string{k.ID, k.Name, strings.Join(k.Tactics, ", "), k.Source})
			t.Evidence = append(t.Evidence, k.Evidence)
		}
		out = append(out, page.Section{Title: "ATT&CK techniques"}, t)
	}
	if len(o.Indicators) > 0 {
		t := page.Table{Head: []string{"Type", "Indicator", "Scope"}}
		for _, i := range o.Indicators {
			t.Rows = append(t.Rows, []string{string(i.Type), indicator.Defanged(i), string(i.Scope)})
		}
		out = append(out, page.Section{Title: "Indicators"}, t)
	}
	return out
}

// customerPage is a page that can be sent: statements without their citations.
func customerPage(o Output) page.Page {
	p := page.Page{Kicker: kickers[o.Kind], Title: o.Title, Lede: bare(o.Lede), Provenance: casemate.Provenance{
		Workflow: o.Provenance.Workflow, Program: o.Provenance.Program, Model: o.Provenance.Model,
	}}
	p.Blocks = append(p.Blocks, page.Callout{Level: casemate.SeverityMedium, Title: "Draft: a person reads, completes and sends it.",
		Text: "What stands in square brackets is to be filled in or was taken out because it names something internal."})
	if len(o.Narrative) > 0 {
		p.Blocks = append(p.Blocks, page.Prose(bare(o.Narrative)))
	}
	for _, s := range o.Sections {
		p.Blocks = append(p.Blocks, page.Section{Title: s.Title}, page.List{Items: bare(s.Statements)})
	}
	return p
}

// bare drops citations, marks and authors.
func bare(list []casemate.Statement) []casemate.Statement {
	var out []casemate.Statement
	for _, s := range list {
		if s.Support != casemate.Struck {
			out = append(out, casemate.Statement{Text: s.Text, By: casemate.DecidedByRule})
		}
	}
	return out
}
