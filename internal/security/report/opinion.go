package report

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// Opinion is what a language model says of one incident, beside what the rules
// say. It can raise the verdict that people are shown; what would lower it stays a
// recommendation.
type Opinion struct {
	Verdict    casemate.Verdict `json:"verdict,omitempty"`    // the model's own; "" where it has none
	Confidence string           `json:"confidence,omitempty"` // low, medium or high, as it says
	Rules      casemate.Verdict `json:"rules"`                // what the rules say
	Effective  casemate.Verdict `json:"effective"`            // what is shown: the graver of the two, where its reasons hold
	Agrees     bool             `json:"agrees"`
	Raised     bool             `json:"raised"`
	// Recommendation says what the model would do where it is milder than the
	// rules. Nothing follows from it.
	Recommendation string `json:"recommendation,omitempty"`

	Reasons  []casemate.Statement `json:"reasons,omitempty"`
	Check    []casemate.Statement `json:"check,omitempty"`    // what would change its mind
	Grouping []casemate.Statement `json:"grouping,omitempty"` // why the alerts belong together

	By     casemate.Decider `json:"by,omitempty"`
	Read   bool             `json:"read"`   // the model read the incident, and its answer could be used
	Status string           `json:"status"` // "read by the model", or why not, or not wholly
}

// Disagrees reports whether the model has a verdict and it is another one than
// the rules'.
func (o *Opinion) Disagrees() bool { return o != nil && o.Verdict != "" && !o.Agrees }

// opinion returns what a model says of an incident, or nil.
func (t *Triage) opinion(inc *casemate.Incident) *Opinion {
	o, ok := t.Opinions[inc.ID]
	if !ok {
		return nil
	}
	return &o
}

// shown returns the triage with the verdicts that people are shown.
func (t Triage) shown() Triage {
	if len(t.Opinions) == 0 {
		return t
	}
	t.Incidents = slices.Clone(t.Incidents)
	for i := range t.Incidents {
		if o := t.opinion(&t.Incidents[i]); o != nil && o.Raised && o.Effective != "" {
			t.Incidents[i].Verdict = o.Effective
		}
	}
	return t
}

// disagreement is one line of what a model sees differently.
type disagreement struct {
	Anchor, Rank, Title string
	Text                string
	Raised              bool
	incident            *casemate.Incident
}

// disagreements lists the incidents of which a model says something else than the
// rules: those it raised first, else by rank.
func (t *Triage) disagreements() []disagreement {
	var raised, rest []disagreement
	for i := range t.Incidents {
		inc := &t.Incidents[i]
		o := t.opinion(inc)
		if !o.Disagrees() {
			continue
		}
		d := disagreement{Rank: phrase.Number(inc.Rank), Title: inc.Title, Text: o.Sentence(), Raised: o.Raised, incident: inc}
		if o.Raised {
			raised = append(raised, d)
		} else {
			rest = append(rest, d)
		}
	}
	return append(raised, rest...)
}

// Sentence says how the model's verdict stands to that of the rules.
func (o *Opinion) Sentence() string {
	sure := ""
	if o.Confidence != "" {
		sure = ", with " + o.Confidence + " confidence"
	}
	switch {
	case o.Verdict == "":
		return o.Status
	case o.Agrees:
		return "the model agrees: " + string(o.Verdict) + sure
	case o.Raised:
		return "raised by the model from " + string(o.Rules) + " to " + string(o.Verdict) + sure
	case o.Recommendation != "":
		return "the model would call it " + string(o.Verdict) + sure + "; the rules' " + string(o.Rules) + " stands"
	}
	return "the model would call it " + string(o.Verdict) + sure + ", but none of its reasons holds; the rules' " + string(o.Rules) + " stands"
}

// unread counts the incidents that a model did not read, by the reason.
func (t *Triage) unread() []string {
	counts := map[string]int{}
	var order []string
	for i := range t.Incidents {
		o := t.opinion(&t.Incidents[i])
		if o == nil || o.Read {
			continue
		}
		if counts[o.Status] == 0 {
			order = append(order, o.Status)
		}
		counts[o.Status]++
	}
	var out []string
	for _, status := range order {
		out = append(out, phrase.Count(counts[status], "incident")+" "+status)
	}
	return out
}

// topDisagreements is how many a terminal report lists.
const topDisagreements = 8

// disagree lists where the model disagrees, before all else.
func (s *screen) disagree(t *Triage) {
	if len(t.Opinions) == 0 {
		return
	}
	all := t.disagreements()
	s.line()
	if len(all) == 0 {
		s.line(s.paint(bold, "The model disagrees with no verdict."))
	} else {
		s.line(s.paint(bold, "Where the model disagrees"))
	}
	for _, d := range all[:min(topDisagreements, len(all))] {
		lead := columns.PadLeft("#"+d.Rank, 5) + "  "
		s.line(lead, s.paint(verdictStyle(d.incident.Verdict), TerminalFit(d.Title, s.width-len(lead))))
		s.wrapped(strings.Repeat(" ", len(lead)), len(lead), plain, TerminalFit(d.Text, 3*s.width))
	}
	if rest := phrase.More(topDisagreements, len(all)); rest != "" {
		s.line("       ", s.paint(dim, rest))
	}
	for _, text := range t.unread() {
		s.wrapped("", 0, dim, TerminalFit(text, 3*s.width)+".")
	}
}

// verdictMark stands behind a verdict of the table: raised by the model, or held
// by it to be milder.
func verdictMark(o *Opinion) string {
	switch {
	case !o.Disagrees():
		return "  "
	case o.Raised:
		return "\u2191 "
	}
	return "~ "
}

// opinion writes what the model says of an incident.
func (s *screen) opinion(o *Opinion) {
	if o == nil {
		return
	}
	s.pair("Model", plain, TerminalFit(o.Sentence(), 3*s.width))
	if o.Read && o.Status != "read by the model" {
		s.pair("", dim, TerminalFit(o.Status, 3*s.width))
	}
	for _, list := range [][]casemate.Statement{o.Reasons, o.Grouping, o.Check} {
		for _, st := range list {
			s.statement(&st)
		}
	}
}

// statement writes one sentence with its citations; an unsupported one is marked,
// and a struck one is only said to be.
func (s *screen) statement(st *casemate.Statement) {
	text := st.Text + " [" + strings.Join(st.Evidence, ", ") + "]"
	switch st.Support {
	case casemate.Struck:
		s.pair("", dim, "(a sentence that its evidence does not show was struck)")
		return
	case casemate.Unsupported:
		text = "[!] " + text
	}
	s.wrapped(strings.Repeat(" ", valueColumn)+"~ ", valueColumn+2, plain, TerminalFit(text, 5*s.width))
}

// opinionView is what the page shows of an opinion.
type opinionView struct {
	Sentence, Status string
	Groups           []statementGroup
}

type statementGroup struct {
	Title string
	Items []statementRow
}

type statementRow struct {
	Text, Evidence, Why string
	Unsupported, Struck bool
}

func newOpinion(o *Opinion, lim limits) *opinionView {
	if o == nil {
		return nil
	}
	v := &opinionView{Sentence: shorten(o.Sentence(), lim.text+160)}
	if lim.lean {
		return v
	}
	if o.Read && o.Status != "read by the model" {
		v.Status = shorten(o.Status, 200)
	}
	for _, g := range []struct {
		title string
		list  []casemate.Statement
	}{{"Its reasons", o.Reasons}, {"Why the alerts belong together", o.Grouping}, {"What would change its mind", o.Check}} {
		group := statementGroup{Title: g.title}
		for _, st := range g.list {
			row := statementRow{Text: shorten(st.Text, lim.text), Evidence: joinShort(st.Evidence, 6, 24), Unsupported: st.Support == casemate.Unsupported, Struck: st.Support == casemate.Struck}
			if len(st.Problems) > 0 {
				row.Why = shorten(st.Problems[0].Why, lim.text)
			}
			group.Items = append(group.Items, row)
		}
		if len(group.Items) > 0 {
			v.Groups = append(v.Groups, group)
		}
	}
	return v
}

// pageDisagreements is how many a page lists.
const pageDisagreements = 40

// disagreementsView lists disagreements with links to the incidents in the page.
func (t *Triage) disagreementsView(anchors []string) (rows []disagreement, more string) {
	all := t.disagreements()
	for _, d := range all[:min(pageDisagreements, len(all))] {
		d.Title, d.Text = shorten(d.Title, 120), shorten(d.Text, 240)
		for i := range anchors {
			if &t.Incidents[i] == d.incident {
				d.Anchor = anchors[i]
			}
		}
		rows = append(rows, d)
	}
	return rows, phrase.More(pageDisagreements, len(all))
}
