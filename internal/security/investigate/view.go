package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Page shows an investigation to people.
func Page(o Output) page.Page {
	p := page.Page{Kicker: "Investigation", Title: o.Title, Lede: o.Report.Executive, Badges: badges(o), Evidence: o.Evidence, Coverage: &o.Coverage, Provenance: o.Provenance}
	v := &view{o: o, p: &p}
	v.disagreement()
	v.scopes()
	v.logs()
	v.causes()
	v.hypotheses()
	v.actions()
	v.firewall()
	v.open()
	v.graph()
	v.details()
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
	if len(v.o.Scope) == 1 {
		var facts page.Facts
		related := slices.Clone(v.o.Scope[0].Related)
		slices.SortStableFunc(related, func(a, b casemate.Relation) int { return a.Rank - b.Rank })
		for _, r := range related[:min(len(related), 3)] {
			facts = append(facts, page.Fact{Name: fmt.Sprintf("related to #%d", r.Rank), Value: r.Why})
		}
		if len(facts) > 0 {
			v.add(facts)
		}
	}
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
		t.Rows = append(t.Rows, []string{sc.label() + sc.Title, string(sc.Verdict), name, standing, act})
		t.Evidence = append(t.Evidence, sc.Evidence[:min(2, len(sc.Evidence))])
	}
	v.add(page.Section{Title: "Incidents"}, t)
}

func (v *view) causes() {
	for _, rc := range v.told() {
		v.add(page.Section{Title: "Root cause" + v.of(rc.Incident), Note: rc.note()})
		if len(v.o.Scope) > 1 || !v.grave(rc.Incident) {
			v.add(page.Prose{rc.Root}) // else it stands at the top
		}
		v.add(timeline(rc.Chain))
		if len(rc.Gaps) > 0 {
			v.add(page.Heading{Title: "Gaps"}, page.List{Items: rc.Gaps})
		}
		if len(rc.Before) > 0 {
			v.add(page.Heading{Title: "What may have led here"}, page.List{Items: rc.Before})
		}
	}
	for _, rc := range v.told() {
		if len(rc.Branches)+len(rc.Alternatives) == 0 {
			continue
		}
		v.add(page.Section{Title: "Other ways and beginnings" + v.of(rc.Incident), Detail: true})
		for _, b := range rc.Branches {
			v.add(page.Heading{Title: "The way to " + b.Host}, timeline(b.Chain))
		}
		if len(rc.Alternatives) > 0 {
			v.add(page.Heading{Title: "Earlier, and not tied to the chain"}, page.List{Items: rc.Alternatives})
		}
	}
}

// label is an incident's rank; what only the logs show has none.
func (sc Scope) label() string {
	if sc.ID == logScope {
		return ""
	}
	return fmt.Sprintf("#%d ", sc.Rank)
}

// told are the root causes that are shown: of all grave incidents, or of the one
// that was asked for.
func (v *view) told() []RootCause {
	var out []RootCause
	for _, rc := range v.o.RootCauses {
		if v.grave(rc.Incident) || len(v.o.Scope) == 1 {
			out = append(out, rc)
		}
	}
	return out
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
			return " of " + strings.TrimSpace(cmp.Or(sc.label(), "the logs"))
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
		text := l.Brief
		if l.Detail != "" && !strings.Contains(text, l.Detail) {
			text += ": " + short(l.Detail)
		}
		out = append(out, page.Happening{Time: l.Time, Host: causes.Label(l.Host), User: l.User, Text: text + " [" + l.Tie + "]", Evidence: l.Statement.Evidence})
	}
	return out
}

// short cuts a command for a line of a page, and says so.
func short(text string) string {
	if t := phrase.Cut(text, 70); t != text {
		return t + "…"
	}
	return text
}

// maxTables is how many explanations of an incident get a table of their own.
const maxTables = 3

func (v *view) hypotheses() {
	if len(v.o.Hypotheses) == 0 {
		v.add(page.Text("No record and no count of the logs gives reason to look further. What people wrote is told by casemate summarize."))
		return
	}
	v.add(page.Section{Title: "Explanations", Note: "What speaks for and against each, counted by rules. A score is no probability, and explanations need not exclude one another."})
	incidents := []string{""}
	for _, sc := range v.o.Scope {
		if sc.Grave || len(v.o.Scope) == 1 {
			incidents = append(incidents, sc.ID)
		}
	}
	var rest []page.Block
	for _, id := range incidents {
		overview := page.Table{Head: []string{"Explanation" + v.of(id), "Score", "Standing", "For", "Against", "Missing"}}
		var tables []page.Block
		var out []string // contradicted
		silent := 0
		for _, h := range v.o.Hypotheses {
			switch {
			case h.Incident != id:
				continue
			case len(h.For) == 0:
				silent++
				continue
			}
			if rank(h.Standing) < rank("weak") {
				out = append(out, fmt.Sprintf("%s (%d)", h.Name, h.Score))
				continue
			}
			overview.Rows = append(overview.Rows, []string{h.Name, strconv.Itoa(h.Score), h.Standing, strconv.Itoa(len(h.For)), strconv.Itoa(len(h.Against)), strconv.Itoa(len(h.Missing))})
			if len(tables) == 0 || len(tables) < 2*maxTables && rank(h.Standing) >= rank("plausible") {
				tables = append(tables, page.Heading{Title: h.Name, Note: h.Says}, h.table())
			} else {
				rest = append(rest, page.Heading{Title: h.Name, Note: h.Says}, h.table())
			}
		}
		if len(overview.Rows) > 0 {
			v.add(overview)
		}
		if len(out) > 0 {
			v.add(page.Text("Contradicted: " + phrase.And(out) + "."))
		}
		if silent > 0 {
			v.add(page.Text(fmt.Sprintf("Nothing speaks for the other %d explanations of the catalogue.", silent)))
		}
		v.add(tables...)
	}
	if len(rest) > 0 {
		v.add(page.Section{Title: "Further explanations", Detail: true})
		v.add(rest...)
	}
}

func (h Hypothesis) table() page.Table {
	t := page.Table{Head: []string{"What", "Speaks", "Points"}}
	add := func(sign string, points int, text string, ids []string) {
		t.Rows = append(t.Rows, []string{text, sign, strconv.Itoa(points)})
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
	v.add(page.Section{Title: "Who and what", Note: note, Detail: true}, g)
	t := page.Table{Head: []string{"Name", "Type", "Part", "Criticality"}}
	for _, e := range v.o.Entities {
		if len(e.Parts) == 0 {
			continue
		}
		crit := ""
		if e.Criticality != casemate.SeverityUnknown {
			crit = strings.TrimSuffix(e.Criticality.String()+", "+e.Exposure, ", ")
		}
		t.Rows = append(t.Rows, []string{e.Value, string(e.Type), strings.Join(e.Parts, "; "), crit})
		t.Evidence = append(t.Evidence, e.Evidence[:min(3, len(e.Evidence))])
	}
	v.add(t)
}

// phaseNames are the phases as people read them.
var phaseNames = map[string]string{"preserve": "Preserve", "contain": "Contain", "eradicate": "Eradicate", "recover": "Recover", "watch": "Watch and ask"}

// actions shows what to do: actions of one kind together, in the order in which
// to take them.
func (v *view) actions() {
	if len(v.o.Actions) == 0 {
		return
	}
	v.add(page.Section{Title: "Actions", Note: "Proposals in the order in which to take them. Casemate runs none of them."})
	if m := v.o.Model; m != nil && len(m.First) > 0 {
		v.add(page.Text("The model would take first: " + strings.Join(m.First, ", ") + "."))
	}
	for _, phase := range phases {
		var l page.List
		for i := 0; i < len(v.o.Actions); i++ {
			a := v.o.Actions[i]
			if a.Phase != phase {
				continue
			}
			n := 1
			for i+n < len(v.o.Actions) && v.o.Actions[i+n].Play == a.Play {
				n++
			}
			l.Items = append(l.Items, together(v.o.Actions[i:i+n]))
			i += n - 1
		}
		if len(l.Items) > 0 {
			v.add(page.Heading{Title: phaseNames[phase]}, l)
		}
	}
}

// together tells actions of one kind: what, how to undo it, and the risk.
func together(actions []Action) casemate.Statement {
	var evidence []string
	a := actions[0]
	var ids, risky []string
	risk, milder, careful := a.Risk, "", ""
	for _, b := range actions {
		ids = append(ids, b.ID)
		evidence = append(evidence, b.Because.Evidence[:min(1, len(b.Because.Evidence))]...)
		milder = cmp.Or(milder, b.Milder)
		if b.Risk == "high" {
			risky = append(risky, b.Target.Value)
		}
		if strings.Contains(b.Touches, manyDepend) {
			careful += " " + b.Target.Value + " is critical:" + manyDepend
		}
	}
	text := a.Text
	var same []string
	for _, b := range actions[1:] {
		if b.Text == strings.ReplaceAll(a.Text, a.Target.Value, b.Target.Value) {
			same = append(same, b.Target.Value)
		} else {
			text += " " + b.Text
		}
	}
	if len(same) > 0 {
		text += " The same for " + phrase.And(same) + "."
	}
	if milder != "" {
		text += " Or milder: " + milder
	}
	if len(risky) > 0 && len(risky) < len(actions) {
		risk += ", high for " + phrase.And(risky)
	}
	text = fmt.Sprintf("%s (risk %s): %s%s Undo: %s", span(ids), risk, text, careful, a.Undo)
	return casemate.Statement{Text: text, Evidence: evidence[:min(4, len(evidence))], By: casemate.DecidedByRule}
}

// span writes ids that follow each other: "A3–A6".
func span(ids []string) string {
	if len(ids) < 2 {
		return ids[0]
	}
	return ids[0] + "–" + ids[len(ids)-1]
}

func (v *view) firewall() {
	if len(v.o.Firewall) == 0 {
		return
	}
	v.add(page.Section{Title: "Firewall rules", Note: "Proposals: read them before you set them, and remove each on its date."})
	t := page.Table{Head: []string{"Rule", "Where", "Why", "Until", "Risk"}}
	for _, r := range v.o.Firewall {
		what := fmt.Sprintf("%s %s, %s: %s to %s", r.ID, r.Action, r.Direction, r.Source, r.Destination)
		for i, p := range r.Ports {
			what += []string{" port ", ", "}[min(i, 1)] + strconv.Itoa(p)
		}
		t.Rows = append(t.Rows, []string{what, r.Place, marked(r.Reason), r.Expires, r.Risk})
		t.Evidence = append(t.Evidence, r.Reason.Evidence)
	}
	v.add(t, v.rulesFor(firewall.Nftables))
}

// rulesFor writes the rules for one system.
func (v *view) rulesFor(system string) page.Code {
	var lines []string
	for _, r := range v.o.Firewall {
		for _, c := range r.Text {
			if c.System == system {
				lines = append(lines, c.Text, "# undo "+r.ID+": "+c.Undo)
			}
		}
	}
	return page.Code{Text: strings.Join(lines, "\n")}
}

// details has what a terminal only names: each action in full, the rules for the
// other systems, what is not blocked, the findings.
func (v *view) details() {
	if len(v.o.Actions) > 0 {
		v.add(page.Section{Title: "Each action in full", Detail: true})
		t := page.Table{Head: []string{"Action", "Touches", "Undo", "Risk", "After", "Because"}}
		var commands []string
		for _, a := range v.o.Actions {
			text := a.ID + " " + a.Text
			if a.Name != "" {
				text += " (" + a.Counter + " " + a.Name + ")"
			}
			if a.Milder != "" {
				text += " Or milder: " + a.Milder
			}
			if a.Comment != nil && a.Comment.Support != casemate.Struck {
				text += " The model: " + marked(*a.Comment)
			}
			t.Rows = append(t.Rows, []string{text, a.Touches, a.Undo, a.Risk, strings.Join(a.Requires, " "), marked(a.Because)})
			t.Evidence = append(t.Evidence, a.Because.Evidence)
			for _, c := range a.Commands {
				commands = append(commands, fmt.Sprintf("# %s, %s\n%s\n# undo: %s", a.ID, c.System, c.Text, c.Undo))
			}
		}
		v.add(t)
		if len(commands) > 0 {
			v.add(page.Code{Text: strings.Join(commands, "\n")})
		}
	}
	if len(v.o.Firewall) > 0 {
		v.add(page.Section{Title: "The rules for other systems", Detail: true})
		for _, system := range []string{firewall.Windows, firewall.Columns} {
			if code := v.rulesFor(system); code.Text != "" {
				v.add(page.Heading{Title: "For " + system}, code)
			}
		}
	}
	if len(v.o.Unblocked) > 0 {
		t := page.Table{Head: []string{"Not blocked", "Why"}}
		for _, u := range v.o.Unblocked {
			t.Rows = append(t.Rows, []string{u.Value, u.Why})
		}
		v.add(page.Section{Title: "What stays open", Detail: true}, t)
	}
	if len(v.o.Report.Technical) > 0 {
		v.add(page.Section{Title: "Findings", Detail: true}, page.List{Items: v.o.Report.Technical})
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

// shownQuestions is how many questions a terminal shows.
const shownQuestions = 6

func (v *view) open() {
	if len(v.o.Questions) == 0 {
		return
	}
	table := func(list []Question) page.Table {
		t := page.Table{Head: []string{"Question", "Where to look"}}
		for _, q := range list {
			t.Rows = append(t.Rows, []string{marked(q.Statement), cmp.Or(q.Where, "")})
			t.Evidence = append(t.Evidence, q.Statement.Evidence)
		}
		return t
	}
	n := min(len(v.o.Questions), shownQuestions)
	v.add(page.Section{Title: "Open questions"}, table(v.o.Questions[:n]))
	if n < len(v.o.Questions) {
		v.add(page.Section{Title: "Further questions", Detail: true}, table(v.o.Questions[n:]))
	}
}
