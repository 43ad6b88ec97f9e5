package opinion

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// pageIncidents is how many incidents a page tells one by one.
const pageIncidents = 30

// Page is the triage as a page: the incidents by rank, where the model disagrees,
// and of each incident that is not likely benign why it is one, what the model says
// and what the rules say. Terminal and HTML have reports of triage's own.
func Page(o Output) page.Page {
	p := page.Page{
		Kicker: "Triage", Title: fmt.Sprintf("%d alerts became %d incidents", o.triage.Alerts, len(o.Incidents)),
		Evidence: o.Evidence, Provenance: o.Provenance,
	}
	if o.Read > 0 {
		p.Badges = append(p.Badges, page.Badge{Text: fmt.Sprintf("%d read by the model", o.Read)}, page.Badge{Text: fmt.Sprintf("%d not", o.Unread)})
	}
	p.Blocks = append(p.Blocks, o.disagreementBlocks()...)
	if len(o.Incidents) > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "Incidents"}, o.table())
	}
	for i := range o.Incidents[:min(pageIncidents, len(o.Incidents))] {
		if in := &o.Incidents[i]; in.Verdict != casemate.VerdictBenign || in.Opinion.Disagrees() {
			p.Blocks = append(p.Blocks, in.blocks()...)
		}
	}
	if rest := len(o.Incidents) - pageIncidents; rest > 0 {
		p.Blocks = append(p.Blocks, page.Text(fmt.Sprintf("And %d more stand in the table alone.", rest)))
	}
	return p
}

// table lists all incidents; what the model says has a column where it was asked.
func (o *Output) table() page.Table {
	t := page.Table{Head: []string{"Incident", "Rank", "Score", "Verdict", "First", "Last", "Alerts", "Hosts"}}
	if o.Read > 0 {
		t.Head = append(t.Head, "Model")
	}
	for i := range o.Incidents {
		in := &o.Incidents[i]
		row := []string{in.Title, strconv.Itoa(in.Rank), fmt.Sprintf("%.0f", in.Score), string(in.Effective()), stamp(in.First), stamp(in.Last), strconv.Itoa(in.Count), strings.Join(in.Hosts, ", ")}
		if o.Read > 0 {
			model := "not asked"
			if in.Opinion != nil && in.Opinion.Read {
				model = string(in.Opinion.Verdict)
			}
			row = append(row, model)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return phrase.Time(t)
}

// Effective is the verdict that is shown: the rules', or a model's that raised it.
func (in *Incident) Effective() casemate.Verdict {
	if in.Opinion != nil && in.Opinion.Raised && in.Opinion.Effective != "" {
		return in.Opinion.Effective
	}
	return in.Verdict
}

// disagreementBlocks tells where the model disagrees.
func (o *Output) disagreementBlocks() []page.Block {
	if o.Read == 0 {
		return nil
	}
	if len(o.Disagreements) == 0 {
		return []page.Block{page.Text("The model disagrees with no verdict of the incidents that it read.")}
	}
	out := []page.Block{page.Section{Title: "Where the model disagrees"}}
	for _, id := range o.Disagreements {
		for i := range o.Incidents {
			in := &o.Incidents[i]
			if in.ID != id || !in.Opinion.Disagrees() {
				continue
			}
			level := casemate.SeverityInformational
			if in.Opinion.Raised {
				level = casemate.SeverityHigh
			}
			out = append(out, page.Callout{Level: level, Title: fmt.Sprintf("#%d  %s", in.Rank, in.Title), Text: in.Opinion.Sentence() + "."})
		}
	}
	return out
}

// blocks tells one incident.
func (in *Incident) blocks() []page.Block {
	out := []page.Block{page.Section{Title: fmt.Sprintf("%d. %s", in.Rank, in.Title), Note: fmt.Sprintf("%s, score %.0f of 100", in.ID, in.Score)}}
	if len(in.WhyTogether) > 0 {
		out = append(out, page.Prose(in.WhyTogether))
	}
	out = append(out, in.modelBlocks()...)
	var reasons page.Facts
	for _, r := range in.Reasons {
		reasons = append(reasons, page.Fact{Name: fmt.Sprintf("%+.1f", r.Points), Value: r.Text})
	}
	if len(reasons) > 0 {
		out = append(out, reasons)
	}
	var next page.List
	for _, n := range in.Next {
		next.Items = append(next.Items, casemate.Statement{Text: n.Text, By: casemate.DecidedByRule})
	}
	if len(next.Items) > 0 {
		out = append(out, page.Text("Next:"), next)
	}
	return out
}

// modelBlocks tells what the model says of an incident that it read.
func (in *Incident) modelBlocks() []page.Block {
	o := in.Opinion
	if o == nil || !o.Read {
		return nil
	}
	var out []page.Block
	if len(o.Grouping) > 0 {
		out = append(out, page.Prose(o.Grouping))
	}
	out = append(out, page.Text("Model: "+o.Sentence()+" ("+o.Status+")."), page.List{Items: o.Reasons})
	if len(o.Check) > 0 {
		out = append(out, page.Text("What would change its mind:"), page.List{Items: o.Check})
	}
	return out
}
