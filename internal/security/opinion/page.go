package opinion

import (
	"fmt"
	"strconv"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

// pageIncidents is how many incidents a page tells; the rest are counted.
const pageIncidents = 40

// Page shows the incidents with what is said of them beside the score:
// disagreements first. Triage's own reports show more of each incident.
func Page(o Output) page.Page {
	p := page.Page{
		Kicker: "Triage", Title: fmt.Sprintf("%d incidents, and what is said of them", len(o.Incidents)),
		Evidence: o.Evidence, Provenance: o.Provenance,
	}
	if o.Read+o.Unread > 0 {
		p.Badges = append(p.Badges, page.Badge{Text: fmt.Sprintf("%d read by the model", o.Read)}, page.Badge{Text: fmt.Sprintf("%d not", o.Unread)})
	}
	p.Blocks = append(p.Blocks, o.disagreementBlocks()...)
	shown := o.Incidents[:min(pageIncidents, len(o.Incidents))]
	table := page.Table{Head: []string{"#", "Score", "Verdict", "Model", "Incident"}, Bar: 2, Full: 100}
	for _, in := range shown {
		verdict, model := in.Verdict, "not asked"
		if in.Opinion != nil {
			verdict, model = in.Opinion.Effective, in.Opinion.Status
			if in.Opinion.Read {
				model = string(in.Opinion.Verdict)
			}
		}
		table.Rows = append(table.Rows, []string{strconv.Itoa(in.Rank), fmt.Sprintf("%.1f", in.Score), string(verdict), model, in.Title})
	}
	p.Blocks = append(p.Blocks, page.Section{Title: "Incidents by rank", Note: "Ranks and scores are the rules'."}, table)
	if rest := len(o.Incidents) - len(shown); rest > 0 {
		p.Blocks = append(p.Blocks, page.Text(fmt.Sprintf("And %d more incidents.", rest)))
	}
	for i := range shown {
		p.Blocks = append(p.Blocks, shown[i].blocks()...)
	}
	return p
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

// blocks tells why an incident's alerts belong together, and what the model says.
func (in *Incident) blocks() []page.Block {
	out := []page.Block{page.Section{Title: fmt.Sprintf("#%d  %s", in.Rank, in.Title)}, page.Text("Why its alerts are one incident:"), page.List{Items: in.WhyTogether}}
	o := in.Opinion
	if o == nil || !o.Read {
		return out
	}
	if len(o.Grouping) > 0 {
		out = append(out, page.Prose(o.Grouping))
	}
	out = append(out, page.Text("Model: "+o.Sentence()+" ("+o.Status+")."), page.List{Items: o.Reasons})
	if len(o.Check) > 0 {
		out = append(out, page.Text("What would change its mind:"), page.List{Items: o.Check})
	}
	return out
}
