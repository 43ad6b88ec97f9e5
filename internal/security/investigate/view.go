package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/page"
)

// Page shows an investigation to people.
func Page(o Output) page.Page {
	p := page.Page{Kicker: "Investigation", Title: o.Title, Lede: o.Report.Executive, Badges: badges(o), Evidence: o.Evidence, Coverage: &o.Coverage, Provenance: o.Provenance}
	v := &view{o: o, p: &p}
	v.disagreement()
	v.scopes()
	v.causes()
	v.hypotheses()
	v.graph()
	v.actions()
	v.firewall()
	v.logs()
	v.open()
	return p
}

// view collects the blocks of a page.
type view struct {
	o Output
	p *page.Page
}

func (v *view) add(b ...page.Block) { v.p.Blocks = append(v.p.Blocks, b...) }

func badges(o Output) []page.Badge {
	if o.Grave {
		out := []page.Badge{{Text: "act", Level: casemate.SeverityHigh}}
		for _, sc := range o.Scope {
			if sc.Grave {
				out = append(out, page.Badge{Text: string(sc.Verdict), Level: casemate.SeverityHigh})
				break
			}
		}
		return out
	}
	return []page.Badge{{Text: "nothing grave", Level: casemate.SeverityInformational}}
}

// disagreement comes first where the model sees it otherwise than the rules.
func (v *view) disagreement() {
	m := v.o.Model
	if m == nil {
		return
	}
	if m.Disagrees != "" {
		v.add(page.Callout{Level: casemate.SeverityMedium, Title: "The model disagrees", Text: m.Disagrees})
	}
	if len(m.Weighed) > 0 {
		t := page.Table{Head: []string{"Explanation", "The model", "Why"}}
		for _, w := range m.Weighed {
			t.Rows = append(t.Rows, []string{nameOf(v.o, w.Hypothesis), w.Weight, marked(w.Statement)})
			t.Evidence = append(t.Evidence, w.Statement.Evidence)
		}
		v.add(page.Section{Title: "The model's opinion", Note: "It changes no score, no order and no action."}, t)
	}
	if len(m.Cause) > 0 {
		v.add(page.Prose(m.Cause))
	}
}

func nameOf(o Output, id string) string {
	for _, h := range o.Hypotheses {
		if h.ID == id {
			return h.Name
		}
	}
	return id
}

// marked writes a statement for a cell, with a mark where it is unsupported.
func marked(s casemate.Statement) string {
	switch s.Support {
	case casemate.Unsupported:
		return s.Text + " [unsupported]"
	case casemate.Struck:
		return "[struck: unsupported]"
	}
	return s.Text
}

func (v *view) scopes() {
	if len(v.o.Scope) < 2 {
		return
	}
	t := page.Table{Head: []string{"Incident", "Verdict", "Best explanation", "Standing", "Act"}}
	for _, sc := range v.o.Scope {
		name, standing, act := "none", "", "no"
		if h := best(v.o.Hypotheses, sc.ID); h != nil && h.Standing != "nothing for it" && h.Standing != "contradicted" {
			name, standing = h.Name, h.Standing
		}
		if sc.Grave {
			act = "yes"
		}
		t.Rows = append(t.Rows, []string{fmt.Sprintf("#%d %s", sc.Rank, sc.Title), string(sc.Verdict), name, standing, act})
		t.Evidence = append(t.Evidence, sc.Evidence[:min(2, len(sc.Evidence))])
	}
	v.add(page.Section{Title: "Incidents"}, t)
}

func (v *view) causes() {
	for _, rc := range v.o.RootCauses {
		if !v.grave(rc.Incident) && len(v.o.Scope) > 1 {
			continue
		}
		v.add(page.Section{Title: "Root cause" + v.of(rc.Incident), Note: rc.note()}, page.Prose{rc.Root}, timeline(rc.Chain))
		for _, b := range rc.Branches {
			v.add(page.Text("The way to "+b.Host+":"), timeline(b.Chain))
		}
		for _, g := range []struct {
			title string
			list  []casemate.Statement
		}{{"Gaps", rc.Gaps}, {"Alternatives", rc.Alternatives}, {"What may have led here", rc.Before}} {
			if len(g.list) > 0 {
				v.add(page.Text(g.title+":"), page.List{Items: g.list})
			}
		}
	}
}

func (rc RootCause) note() string {
	if rc.Confidence == "tied" {
		return "Each step is tied to the one before by an id, a name or an address."
	}
	return "Some steps are tied by time alone; the gaps say which."
}

// of names an incident where there are several.
func (v *view) of(id string) string {
	if len(v.o.Scope) < 2 {
		return ""
	}
	for _, sc := range v.o.Scope {
		if sc.ID == id {
			return fmt.Sprintf(" of #%d", sc.Rank)
		}
	}
	return ""
}

func (v *view) grave(id string) bool {
	return slices.ContainsFunc(v.o.Scope, func(s Scope) bool { return s.ID == id && s.Grave })
}

func timeline(chain []Link) page.Timeline {
	var out page.Timeline
	for _, l := range chain {
		text := l.Statement.Text
		if l.Detail != "" && !strings.Contains(text, l.Detail) {
			text += " " + causes.Clip(l.Detail, 120)
		}
		out = append(out, page.Happening{Time: l.Time, Host: l.Host, User: l.User, Text: text + " (tie: " + l.Tie + ")", Evidence: l.Statement.Evidence})
	}
	return out
}

// maxTables is how many explanations of an incident get a table of their own.
const maxTables = 3

func (v *view) hypotheses() {
	v.add(page.Section{Title: "Explanations", Note: "What speaks for and against each, counted by rules. A score is no probability, and explanations need not exclude one another."})
	incidents := []string{""}
	for _, sc := range v.o.Scope {
		if sc.Grave || len(v.o.Scope) == 1 {
			incidents = append(incidents, sc.ID)
		}
	}
	for _, id := range incidents {
		overview := page.Table{Head: []string{"Explanation" + v.of(id), "Score", "Standing", "For", "Against", "Missing"}}
		var tables []page.Block
		silent := 0
		for _, h := range v.o.Hypotheses {
			if h.Incident != id {
				continue
			}
			if len(h.For) == 0 {
				silent++
				continue
			}
			overview.Rows = append(overview.Rows, []string{h.Name, strconv.Itoa(h.Score), h.Standing, strconv.Itoa(len(h.For)), strconv.Itoa(len(h.Against)), strconv.Itoa(len(h.Missing))})
			overview.Evidence = append(overview.Evidence, nil)
			if len(tables) < 2*maxTables {
				tables = append(tables, page.Text(h.Name+". "+h.Says), h.table())
			}
		}
		if len(overview.Rows) == 0 {
			continue
		}
		v.add(overview)
		if silent > 0 {
			v.add(page.Text(fmt.Sprintf("Nothing speaks for the other %d explanations of the catalogue.", silent)))
		}
		v.add(tables...)
	}
}

func (h Hypothesis) table() page.Table {
	t := page.Table{Head: []string{"", "Points", "What"}}
	add := func(sign string, points int, text string, ids []string) {
		t.Rows = append(t.Rows, []string{sign, strconv.Itoa(points), text})
		t.Evidence = append(t.Evidence, ids)
	}
	for _, a := range h.For {
		add("for", a.Points, marked(a.Statement), a.Statement.Evidence)
	}
	for _, a := range h.Against {
		add("against", a.Points, marked(a.Statement), a.Statement.Evidence)
	}
	for _, m := range h.Missing {
		add("missing", m.Points, strings.TrimSuffix(m.Text, ".")+": look at "+m.Where+".", nil)
	}
	return t
}

func (v *view) graph() {
	if len(v.o.Graph.Nodes) == 0 {
		return
	}
	g := page.Graph{}
	for _, n := range v.o.Graph.Nodes {
		g.Nodes = append(g.Nodes, page.Node{ID: n.ID, Label: n.Label, Type: n.Type, Level: n.Severity})
	}
	for _, e := range v.o.Graph.Edges {
		g.Edges = append(g.Edges, page.Edge{From: e.From, To: e.To, Label: e.Verb, Count: e.Count, Evidence: e.Evidence, Level: e.Severity})
	}
	note := ""
	if v.o.Graph.More > 0 {
		note = fmt.Sprintf("The %d least involved are left out.", v.o.Graph.More)
	}
	v.add(page.Section{Title: "Who and what", Note: note}, g)
	t := page.Table{Head: []string{"Type", "Name", "Part", "Criticality"}}
	for _, e := range v.o.Entities {
		if len(e.Parts) == 0 {
			continue
		}
		crit := ""
		if e.Criticality != casemate.SeverityUnknown {
			crit = strings.TrimSuffix(e.Criticality.String()+", "+e.Exposure, ", ")
		}
		t.Rows = append(t.Rows, []string{string(e.Type), e.Value, strings.Join(e.Parts, "; "), crit})
		t.Evidence = append(t.Evidence, e.Evidence[:min(3, len(e.Evidence))])
	}
	v.add(t)
}

func (v *view) actions() {
	if len(v.o.Actions) == 0 {
		return
	}
	v.add(page.Section{Title: "Actions", Note: "Proposals in the order in which to take them. Casemate runs none of them."})
	if m := v.o.Model; m != nil && len(m.First) > 0 {
		v.add(page.Text("The model would take first: " + strings.Join(m.First, ", ") + "."))
	}
	names := map[string]string{"preserve": "Preserve", "contain": "Contain", "eradicate": "Eradicate", "recover": "Recover", "watch": "Watch and ask"}
	for _, phase := range phases {
		t := page.Table{Head: []string{"", names[phase], "Touches", "Undo", "Risk", "After"}}
		var commands []string
		for _, a := range v.o.Actions {
			if a.Phase != phase {
				continue
			}
			text := a.Text
			if a.Milder != "" {
				text += " Milder: " + a.Milder
			}
			if a.Name != "" {
				text += " (" + a.Counter + " " + a.Name + ")"
			}
			if a.Comment != nil && a.Comment.Support != casemate.Struck {
				text += " The model: " + marked(*a.Comment)
			}
			t.Rows = append(t.Rows, []string{a.ID, text, a.Touches, a.Undo, a.Risk, strings.Join(a.Requires, " ")})
			t.Evidence = append(t.Evidence, a.Because.Evidence)
			for _, c := range a.Commands {
				commands = append(commands, fmt.Sprintf("# %s, %s\n%s\n# undo\n%s", a.ID, c.System, c.Text, c.Undo))
			}
		}
		if len(t.Rows) > 0 {
			v.add(t)
		}
		if len(commands) > 0 {
			v.add(page.Code{Text: strings.Join(commands, "\n")})
		}
	}
}

func (v *view) firewall() {
	if len(v.o.Firewall)+len(v.o.Unblocked) == 0 {
		return
	}
	v.add(page.Section{Title: "Firewall rules", Note: "Proposals: read them before you set them. Each ends by itself on its date."})
	if len(v.o.Firewall) > 0 {
		t := page.Table{Head: []string{"", "Rule", "Where", "Why", "Until", "Risk"}}
		text := map[string][]string{}
		var systems []string
		for _, r := range v.o.Firewall {
			what := fmt.Sprintf("%s %s: %s to %s", r.Action, r.Direction, r.Source, r.Destination)
			if r.Port > 0 {
				what += fmt.Sprintf(" port %d", r.Port)
			}
			t.Rows = append(t.Rows, []string{r.ID, what, r.Place, marked(r.Reason), r.Expires, r.Risk})
			t.Evidence = append(t.Evidence, r.Reason.Evidence)
			for _, c := range r.Text {
				if text[c.System] == nil {
					systems = append(systems, c.System)
				}
				text[c.System] = append(text[c.System], c.Text, "# undo "+r.ID+": "+c.Undo)
			}
		}
		v.add(t)
		for _, s := range systems {
			v.add(page.Text("For "+s+":"), page.Code{Text: strings.Join(text[s], "\n")})
		}
	}
	if len(v.o.Unblocked) > 0 {
		t := page.Table{Head: []string{"Not blocked", "Why"}}
		for _, u := range v.o.Unblocked {
			t.Rows = append(t.Rows, []string{u.Value, u.Why})
		}
		v.add(t)
	}
}

func (v *view) logs() {
	if len(v.o.LogCauses) == 0 {
		return
	}
	var items []casemate.Statement
	for _, l := range v.o.LogCauses {
		items = append(items, l.Statement)
	}
	v.add(page.Section{Title: "What counting the logs shows"}, page.List{Items: items})
}

// open shows what is not known, and the rest of the findings.
func (v *view) open() {
	if len(v.o.Report.Technical) > 0 {
		v.add(page.Section{Title: "Findings"}, page.List{Items: v.o.Report.Technical})
	}
	if len(v.o.Questions) == 0 {
		return
	}
	v.add(page.Section{Title: "Open questions"})
	t := page.Table{Head: []string{"Question", "Where to look"}}
	for _, q := range v.o.Questions {
		t.Rows = append(t.Rows, []string{marked(q.Statement), cmp.Or(q.Where, "")})
		t.Evidence = append(t.Evidence, q.Statement.Evidence)
	}
	v.add(t)
}
