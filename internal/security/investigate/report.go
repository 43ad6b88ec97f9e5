package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// report tells the investigation in sentences.
func (s *scene) report(out Output, c *cast) Report {
	r := Report{Executive: []casemate.Statement{}, Technical: []casemate.Statement{}}
	say := func(list *[]casemate.Statement, text string, ids []string) {
		if text != "" && len(ids) > 0 {
			*list = append(*list, casemate.Statement{Text: text, Evidence: slices.Clip(ids), By: casemate.DecidedByRule})
		}
	}
	for _, sc := range out.Scope {
		if h := best(out.Hypotheses, sc.ID); h != nil && len(r.Executive) < maxExecutive {
			st := s.conclusion(sc, h)
			say(&r.Executive, st.Text, st.Evidence)
		}
		if slices.ContainsFunc(out.Scope, func(o Scope) bool { return o.ID != sc.ID && o.ID != logScope }) {
			continue // of several incidents only the conclusions
		}
		if rc := causeOf(out, sc.ID); rc != nil && sc.Grave {
			say(&r.Executive, rc.Root.Text, rc.Root.Evidence)
			last := rc.Chain[len(rc.Chain)-1]
			say(&r.Executive, "The gravest step, at "+phrase.Time(last.Time)+": "+causes.Lower(last.Statement.Text), last.Statement.Evidence)
		}
	}
	if out.Grave {
		text, ids := s.spread(grave(c, out.Scope), partRuns, "Programs of the incident ran on ")
		say(&r.Executive, text, ids)
	}
	for _, l := range out.LogCauses {
		if len(s.incidents) == 1 && s.incidents[0].ID == logScope && len(r.Executive) < maxExecutive {
			say(&r.Executive, l.Statement.Text, l.Statement.Evidence)
		}
	}
	s.technical(out, c, func(text string, ids []string) { say(&r.Technical, text, ids) })
	return r
}

// conclusion says what the rules hold for the best explanation, and how firmly.
// That is a finding of ours; what it rests on stands in the explanation's table.
func (s *scene) conclusion(sc Scope, h *Hypothesis) casemate.Statement {
	name := strings.ToLower(h.Name[:1]) + h.Name[1:]
	text := "Nothing grave by the rules: no explanation of the catalogue fits well."
	switch {
	case sc.Grave:
		text = "The best explanation by the rules: " + name + " (" + h.Standing + ")."
	case rank(h.Standing) >= rank("plausible"):
		text = "Nothing grave by the rules; the best explanation: " + name + " (" + h.Standing + ")."
	}
	switch {
	case sc.ID == logScope && len(s.incidents) > 1:
		text = "The logs besides: " + text
	case len(s.incidents) > 1:
		text = fmt.Sprintf("Incident #%d: %s", sc.Rank, text)
	}
	ids := []string{s.find(casemate.Evidence{Name: "explanations weighed", Text: fmt.Sprintf("%s It has %d points, by the count of rules %d for and %d against.", text, h.Score, len(h.For), len(h.Against))})}
	for _, a := range h.For[:min(len(h.For), maxArgument)] {
		ids = append(ids, a.Statement.Evidence[0])
	}
	return casemate.Statement{Text: text, Evidence: ids, By: casemate.DecidedByRule}
}

// causeOf returns the root cause of an incident, or nil.
func causeOf(out Output, incident string) *RootCause {
	for i := range out.RootCauses {
		if out.RootCauses[i].Incident == incident {
			return &out.RootCauses[i]
		}
	}
	return nil
}

// grave returns the cast of the incidents that are worth acting on.
func grave(c *cast, scopes []Scope) *cast {
	out := &cast{}
	for _, a := range c.order {
		if slices.ContainsFunc(a.Records, func(r *causes.Record) bool { return r.Incident >= 0 && scopes[r.Incident].Grave }) {
			out.order = append(out.order, a)
		}
	}
	return out
}

// spread names the entities of a part, and cites one record of each.
func (s *scene) spread(c *cast, part, begin string) (string, []string) {
	var names, ids []string
	for _, a := range c.order {
		if !a.is(part) {
			continue
		}
		r := a.Records[0]
		name := a.Value
		if a.Type == casemate.EntityHost {
			for _, x := range a.Records {
				if causes.Short(x.Host) == a.Value {
					r, name = x, causes.Label(x.Host)
					break
				}
			}
			if s.HostName(r.Host) != causes.Short(r.Host) {
				name = r.Host
			}
		}
		if a.Type == casemate.EntityFile {
			name = phrase.Quote(name) // whoever named the file may have meant it to be read
		}
		names = append(names, name)
		ids = append(ids, s.citeFor(r, a.Value))
		if len(names) == 8 {
			break
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	return begin + phrase.And(names) + ".", ids
}

// technical tells who and what took part, the silences, and what is else known.
func (s *scene) technical(out Output, c *cast, say func(string, []string)) {
	for _, p := range []struct{ part, begin string }{
		{partUsed, "Accounts in use: "}, {partMade, "An account was made: "}, {partExposed, "Accounts with a session on a machine whose memory of credentials was read: "},
		{partTicket, "Service tickets with weak encryption were asked for these accounts: "}, {partAttacker, "Outside sources: "}, {partControl, "Outside ends of connections: "},
		{partSite, "Names that were asked for: "}, {partFile, "Files that were written: "}, {partNewKey, "A cloud key was made: "},
	} {
		text, ids := s.spread(c, p.part, p.begin)
		say(text, ids)
	}
	for _, rc := range out.RootCauses {
		for _, g := range rc.Gaps {
			say(g.Text, g.Evidence)
		}
		for _, g := range rc.Before {
			say(g.Text, g.Evidence)
		}
	}
	for _, l := range out.LogCauses {
		say(l.Statement.Text, l.Statement.Evidence)
	}
}

// maxQuestions bounds what is asked.
const maxQuestions = 12

// questions asks for what would decide between the explanations, and for what
// the chain lacks.
func (s *scene) questions(out Output) []Question {
	qs := []Question{}
	add := func(text, where string, ids []string) {
		if len(qs) >= maxQuestions || len(ids) == 0 {
			return
		}
		for _, q := range qs {
			if q.Statement.Text == text {
				return
			}
		}
		qs = append(qs, Question{Statement: casemate.Statement{Text: text, Evidence: ids, By: casemate.DecidedByRule}, Where: where})
	}
	for _, sc := range out.Scope {
		n := 0
		for _, h := range out.Hypotheses {
			if h.Incident != sc.ID || n == 2 || len(h.For) == 0 || h.Kind == kindBenign || rank(h.Standing) < rank("weak") {
				continue
			}
			n++
			missing := slices.Clone(h.Missing)
			slices.SortStableFunc(missing, func(a, b Missing) int { return cmp.Compare(b.Points, a.Points) })
			for _, m := range missing[:min(2, len(missing))] {
				id := s.find(casemate.Evidence{Name: "missing", Text: fmt.Sprintf("%s: it would speak for \"%s\", and is not in the evidence.", strings.TrimSuffix(m.Text, "."), h.Name)})
				add("Did it happen unseen: "+strings.ToLower(m.Text[:1])+strings.TrimSuffix(m.Text[1:], ".")+"?", m.Where, []string{id})
			}
		}
	}
	for _, rc := range out.RootCauses {
		for _, g := range rc.Gaps {
			add("What happened in between? "+g.Text, "logs of the machines of the chain for that time", g.Evidence)
		}
		for _, g := range rc.Alternatives {
			add("Does it belong to it? "+g.Text, "the owner of the machine or account", g.Evidence)
		}
	}
	for _, w := range s.dossier.Words {
		if w.Topic == dossier.TopicQuestion && !w.Quoted && !w.Commands && w.Author != "" && len(w.Text) < 300 {
			add(w.Author+" asks: "+phrase.Quote(w.Text), "whoever was asked", []string{w.Evidence})
		}
	}
	return qs
}
