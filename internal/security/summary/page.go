package summary

import (
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

const executiveEntries = 20 // lines of management's timeline

// Page makes the page of a summary.
func Page(out Output) page.Page {
	coverage := out.Coverage
	p := page.Page{Kicker: "Incident summary", Title: out.Title, Lede: out.Executive, Evidence: out.Evidence, Coverage: &coverage, Provenance: out.Provenance}
	if out.Verdict != "" {
		p.Badges = append(p.Badges, page.Badge{Text: string(out.Verdict), Level: verdictLevel(out.Verdict)})
	}
	if out.Severity != casemate.SeverityUnknown {
		p.Badges = append(p.Badges, page.Badge{Text: out.Severity.String(), Level: out.Severity})
	}
	if out.First != nil {
		span := out.First.UTC().Format("2006-01-02 15:04") + " to " + out.Last.UTC().Format("15:04")
		if !strings.HasPrefix(out.Last.UTC().Format("2006-01-02 15:04"), out.First.UTC().Format("2006-01-02")) {
			span = out.First.UTC().Format("2006-01-02 15:04") + " to " + out.Last.UTC().Format("2006-01-02 15:04")
		}
		p.Badges = append(p.Badges, page.Badge{Text: span + " UTC", Level: casemate.SeverityInformational})
	}
	if len(out.Instructions) > 0 {
		p.Blocks = append(p.Blocks, page.Callout{Level: casemate.SeverityMedium, Title: "Text that speaks to its reader",
			Text: "The material holds text that tries to instruct whoever reads it. It is evidence like any other; nothing here follows it."}, page.List{Items: out.Instructions})
	}
	if out.Audience != "executive" {
		p.Blocks = append(p.Blocks, tactical(out)...)
	}
	if len(out.People) > 0 {
		p.Blocks = append(p.Blocks, page.Section{Title: "What the team did"}, page.Prose(out.People))
	}
	p.Blocks = append(p.Blocks, open(out)...)
	p.Blocks = append(p.Blocks, timeline(out)...)
	if out.Audience != "executive" {
		p.Blocks = append(p.Blocks, indicators(out)...)
		return p
	}
	p.Evidence = shown(out)
	return p
}

// shown is the evidence that management's page cites.
func shown(out Output) []casemate.Evidence {
	want := map[string]bool{}
	mark := func(list ...casemate.Statement) {
		for _, s := range list {
			for _, id := range s.Evidence {
				want[id] = true
			}
		}
	}
	mark(out.Executive...)
	mark(out.Instructions...)
	mark(out.People...)
	mark(out.Tasks...)
	for _, q := range out.Questions {
		mark(q.What, casemate.Statement{Evidence: q.Answer})
	}
	entries, _ := gravest(out.Timeline, executiveEntries)
	for _, e := range entries {
		mark(e.What)
	}
	var list []casemate.Evidence
	for _, e := range out.Evidence {
		if want[e.ID] {
			list = append(list, e)
		}
	}
	return list
}

func verdictLevel(v casemate.Verdict) casemate.Severity {
	switch v {
	case casemate.VerdictMalicious:
		return casemate.SeverityCritical
	case casemate.VerdictSuspicious:
		return casemate.SeverityHigh
	case casemate.VerdictReview:
		return casemate.SeverityMedium
	}
	return casemate.SeverityInformational
}

// tactical shows the phases of each incident.
func tactical(out Output) []page.Block {
	var blocks []page.Block
	last := -1
	for _, ph := range out.Tactical {
		if ph.Incident != last && len(out.Tactical) > 0 {
			title := "Course of incident " + fmt.Sprint(ph.Incident)
			blocks, last = append(blocks, page.Section{Title: title}), ph.Incident
		}
		blocks = append(blocks, page.Heading{Title: ph.Name, Note: note(ph)}, page.List{Items: ph.Statements})
	}
	if len(out.Further) > 0 {
		blocks = append(blocks, page.Section{Title: "Further incidents", Note: "Not told by phase: they rank lower."}, page.List{Items: out.Further})
	}
	return blocks
}

// note is the line below a phase's name.
func note(ph Phase) string {
	parts := []string{ph.First.UTC().Format("15:04") + " to " + ph.Last.UTC().Format("15:04")}
	if ph.First.UTC().Format("15:04") == ph.Last.UTC().Format("15:04") {
		parts[0] = ph.First.UTC().Format("15:04")
	}
	if h := list(ph.Hosts, 5); h != "" {
		parts = append(parts, h)
	}
	if u := list(ph.Users, 4); u != "" {
		parts = append(parts, u)
	}
	return strings.Join(parts, " · ")
}

// open shows what is open: questions, and what is to be done.
func open(out Output) []page.Block {
	var blocks []page.Block
	if len(out.Questions) > 0 {
		items := make([]casemate.Statement, 0, len(out.Questions))
		for _, q := range out.Questions {
			s := q.What
			if len(q.Answer) > 0 {
				s.Evidence = append(append([]string{}, s.Evidence...), q.Answer...)
			}
			items = append(items, s)
		}
		blocks = append(blocks, page.Section{Title: "Open questions"}, page.List{Items: items, Numbered: true})
	}
	if len(out.Tasks) > 0 {
		blocks = append(blocks, page.Section{Title: "Still to be done", Note: "As people write."}, page.List{Items: out.Tasks})
	}
	return blocks
}

// timeline shows what happened when; to management the gravest alone.
func timeline(out Output) []page.Block {
	entries, left := out.Timeline, out.TimelineLeftOut
	if out.Audience == "executive" {
		var less int
		entries, less = gravest(entries, executiveEntries)
		left += less
	}
	if len(entries) == 0 {
		return nil
	}
	note := "From alerts and from what people wrote; times are UTC."
	if left > 0 {
		note += fmt.Sprintf(" %d more happenings of less gravity are in the JSON or the evidence.", left)
	}
	var t page.Timeline
	for _, e := range entries {
		h := page.Happening{Time: e.Time, Host: e.Host, User: e.User, Text: e.What.Text, Severity: e.Severity, Count: e.Count, Evidence: e.What.Evidence}
		if e.Until != nil {
			h.Until = *e.Until
		}
		t = append(t, h)
	}
	return []page.Block{page.Section{Title: "Timeline", Note: note}, t}
}

func indicators(out Output) []page.Block {
	if len(out.Indicators) == 0 {
		return nil
	}
	t := page.Table{Head: []string{"Type", "Value", "Seen", "Note"}}
	for _, x := range out.Indicators {
		seen := ""
		if x.First != nil {
			seen = x.First.UTC().Format("15:04") + "–" + x.Last.UTC().Format("15:04")
		}
		t.Rows = append(t.Rows, []string{x.Type, x.Value, seen, x.Note})
		t.Evidence = append(t.Evidence, x.Evidence[:min(len(x.Evidence), 3)])
	}
	return []page.Block{page.Section{Title: "Indicators", Note: "Of outside, or of programs that are no part of the system, as alerts of the incidents name them."}, t}
}
