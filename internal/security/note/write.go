package note

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// finding makes evidence of something that rules or counts found, so that a
// statement can cite it.
func (w *writer) finding(e casemate.Evidence) string {
	e.ID, e.Kind = "R"+strconv.Itoa(len(w.findings)+1), casemate.EvidenceFinding
	w.findings = append(w.findings, e)
	return e.ID
}

// found is a statement that says just what a finding does. The ids are what the
// finding rests on.
func (w *writer) found(name, text string, ids ...string) casemate.Statement {
	return rule(text, append([]string{w.finding(casemate.Evidence{Name: name, Text: text})}, ids...)...)
}

func rule(text string, ids ...string) casemate.Statement {
	return casemate.Statement{Text: text, Evidence: ids, By: casemate.DecidedByRule}
}

// section adds a part to the note, if there is something in it.
func (w *writer) section(title, note string, list []casemate.Statement) {
	if len(list) > 0 {
		w.out.Sections = append(w.out.Sections, Section{Title: title, Note: note, Statements: list})
	}
}

// cites returns the ids of evidence for alerts, three at most.
func (w *writer) cites(alerts []string) []string {
	var out []string
	for _, a := range alerts {
		if id := w.records[a]; id != "" && !slices.Contains(out, id) && len(out) < 3 {
			out = append(out, id)
		}
	}
	return out
}

// about is the sentence that says what an incident is.
func (w *writer) about(i *casemate.Incident) casemate.Statement {
	var b strings.Builder
	fmt.Fprintf(&b, "Incident %s: %s", i.ID, phrase.Count(i.Count, "alert"))
	switch {
	case i.First.IsZero():
	case i.Last.After(i.First):
		fmt.Fprintf(&b, " from %s to %s", phrase.Time(i.First), phrase.Time(i.Last))
	default:
		fmt.Fprintf(&b, " at %s", phrase.Time(i.First))
	}
	if len(i.Hosts) > 0 {
		fmt.Fprintf(&b, " on %s (%s)", phrase.Count(len(i.Hosts), "host"), phrase.First(i.Hosts, 8))
	}
	if len(i.Users) > 0 {
		fmt.Fprintf(&b, " with %s (%s)", phrase.Count(len(i.Users), "account"), phrase.First(i.Users, 8))
	}
	b.WriteString(".")
	var ends []string
	if n := len(i.Timeline); n > 0 {
		ends = w.cites([]string{i.Timeline[0].Evidence, i.Timeline[n-1].Evidence})
	}
	return w.found("incident "+i.ID, b.String(), ends...)
}

const verdictName = "verdict of the rules"

// assessed is the sentence with the rules' verdict.
func (w *writer) assessed(i *casemate.Incident) casemate.Statement {
	return w.found(verdictName, fmt.Sprintf("The rules call it %s, with a score of %s of 100 and rank %d of %d; the gravest record is %s.",
		i.Verdict, points(i.Score), i.Rank, max(w.dossier.Triage.Total, i.Rank), i.Severity))
}

func points(score float64) string { return strconv.FormatFloat(score, 'f', 1, 64) }

// moments returns those of the incidents, in the order of time, n at most: the
// gravest of each tactic, then of what is left, new ones first. The rest are counted.
func (w *writer) moments(keep func(*dossier.Moment) bool, n int) (list []dossier.Moment, left int) {
	ids := map[string]bool{}
	for _, i := range w.chosen {
		ids[i.ID] = true
	}
	var all []dossier.Moment
	for _, m := range w.dossier.Moments {
		if ids[m.Incident] && (keep == nil || keep(&m)) {
			all = append(all, m)
		}
	}
	if len(all) <= n {
		return all, 0
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	weight := func(m *dossier.Moment) int {
		v := 4*int(m.Severity) + min(len(m.Techniques), 2)
		if m.New {
			v++
		}
		return v
	}
	slices.SortStableFunc(order, func(a, b int) int { return weight(&all[b]) - weight(&all[a]) })
	take := w.varied(all, order)[:n]
	slices.Sort(take)
	for _, i := range take {
		list = append(list, all[i])
	}
	return list, len(all) - n
}

// varied puts first, of moments in an order, the first of each tactic, then the
// first of each technique, then of each name and host, so that neither the early
// hours of an intrusion nor a repeated alert fill a note.
func (w *writer) varied(all []dossier.Moment, order []int) []int {
	tactics := map[string][]string{}
	for _, i := range w.chosen {
		for _, t := range i.Techniques {
			tactics[t.ID] = t.Tactics
		}
	}
	aspects := []func(*dossier.Moment) []string{
		func(m *dossier.Moment) (out []string) {
			for _, id := range m.Techniques {
				out = append(out, tactics[id]...)
			}
			return out
		},
		func(m *dossier.Moment) []string { return m.Techniques },
		func(m *dossier.Moment) []string { return []string{m.Name + "\x00" + m.Host} },
	}
	taken := make([]bool, len(all))
	var out []int
	for _, of := range aspects {
		seen := map[string]bool{}
		for _, i := range out {
			for _, x := range of(&all[i]) {
				seen[x] = true
			}
		}
		for _, i := range order {
			isNew := false
			for _, x := range of(&all[i]) {
				isNew = isNew || !seen[x]
			}
			if taken[i] || !isNew {
				continue
			}
			taken[i] = true
			out = append(out, i)
			for _, x := range of(&all[i]) {
				seen[x] = true
			}
		}
	}
	for _, i := range order {
		if !taken[i] {
			out = append(out, i)
		}
	}
	return out
}

// happened says what a moment shows. An instruction in a name stays a quotation.
func happened(m *dossier.Moment) casemate.Statement {
	var b strings.Builder
	if m.First.IsZero() {
		b.WriteString("At an unknown time")
	} else {
		b.WriteString(phrase.Time(m.First))
	}
	fmt.Fprintf(&b, ": %q (%s)", oneLine(m.Name, 160), m.Severity)
	if m.Host != "" {
		b.WriteString(" on " + m.Host)
	}
	if m.User != "" {
		b.WriteString(", account " + m.User)
	}
	b.WriteString(".")
	return rule(b.String(), m.ID)
}

// oneLine cuts a text of others for a sentence.
func oneLine(s string, most int) string {
	s = phrase.Line(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// story is the list of moments as statements.
func (w *writer) story(keep func(*dossier.Moment) bool, n int) (out []casemate.Statement, note string) {
	list, left := w.moments(keep, n)
	for i := range list {
		out = append(out, happened(&list[i]))
	}
	if left > 0 {
		note = fmt.Sprintf("%d moments, the gravest of each tactic among them, in the order of time; and %d more in the evidence.", len(list), left)
	}
	return out, note
}

// words returns what people wrote about topics, with who and when. What speaks to
// its reader and what is only passed on is not theirs.
func (w *writer) words(keep func(*dossier.Sentence) bool, topics ...dossier.Topic) []casemate.Statement {
	var out []casemate.Statement
	said := map[string]bool{}
	for i := range w.dossier.Words {
		s := &w.dossier.Words[i]
		if s.Quoted || s.Commands || !slices.Contains(topics, s.Topic) || said[s.Text] || keep != nil && !keep(s) {
			continue
		}
		said[s.Text] = true
		out = append(out, casemate.Statement{Text: spoken(s), Evidence: []string{s.Evidence}, By: casemate.DecidedByAnalyst})
	}
	return out
}

// spoken is a sentence with who wrote it and when.
func spoken(s *dossier.Sentence) string {
	var by []string
	if s.Author != "" {
		by = append(by, oneLine(s.Author, 80))
	}
	if !s.Time.IsZero() {
		by = append(by, phrase.Time(s.Time))
	}
	if len(by) == 0 {
		return oneLine(s.Text, 400)
	}
	return strings.Join(by, ", ") + ": " + oneLine(s.Text, 400)
}

// byStaff reports whether a sentence was written by somebody who works on the
// incident: who writes in its notes, chats and tickets. A mail may be by anyone.
func (w *writer) byStaff(s *dossier.Sentence) bool {
	e := w.dossier.Piece(s.Evidence)
	if e == nil || e.Kind != casemate.EvidenceMail {
		return true
	}
	for part := range strings.FieldsFuncSeq(strings.ToLower(s.Author), func(r rune) bool { return strings.ContainsRune(" .,<>@\"()", r) }) {
		if len(part) >= 4 && w.staff[part] {
			return true
		}
	}
	return false
}

// pending is what people say is still to be done.
func (w *writer) pending() []casemate.Statement { return w.words(w.byStaff, dossier.TopicTask) }

// upTo keeps the first n of a list, and says how many it left out.
func upTo(list []casemate.Statement, n int, what string) ([]casemate.Statement, string) {
	if len(list) <= n {
		return list, ""
	}
	return list[:n], fmt.Sprintf("The first %d; and %d more %s in the evidence.", n, len(list)-n, what)
}

// tasks gathers the next steps of the incidents, each once.
func (w *writer) tasks(n int) {
	seen := map[string]bool{}
	for _, i := range w.chosen {
		for _, s := range i.Next {
			if !seen[s.Text] && len(w.out.Tasks) < n {
				seen[s.Text] = true
				w.out.Tasks = append(w.out.Tasks, Task{Text: s.Text, Kind: s.Kind, ID: s.ID, Reason: s.Reason})
			}
		}
	}
}

// toDo is the list of tasks as statements.
func (w *writer) toDo() []casemate.Statement {
	var out []casemate.Statement
	for _, t := range w.out.Tasks {
		text := strings.TrimSuffix(t.Text, ".")
		if t.ID != "" {
			text += " (" + t.ID + ")"
		}
		if t.Reason != "" {
			text += ": because of " + strings.TrimSuffix(t.Reason, ".")
		}
		out = append(out, w.found("next step of the catalogue", text+"."))
	}
	return out
}

// finish gathers what is cited, and who decided.
func (w *writer) finish() {
	o := &w.out
	all := append(slices.Clone(w.dossier.Evidence), w.findings...)
	o.Lede = w.run.Verify(o.Lede, all)
	cited := map[string]bool{}
	note := func(list []casemate.Statement) {
		for _, s := range list {
			for _, id := range s.Evidence {
				cited[id] = true
			}
		}
	}
	note(o.Lede)
	note(o.Narrative)
	for i := range o.Sections {
		o.Sections[i].Statements = w.run.Verify(o.Sections[i].Statements, all)
		note(o.Sections[i].Statements)
	}
	for _, t := range o.Techniques {
		for _, id := range t.Evidence {
			cited[id] = true
		}
	}
	o.Evidence = []casemate.Evidence{}
	for _, e := range all {
		if cited[e.ID] {
			o.Evidence = append(o.Evidence, e)
		}
	}
	o.Coverage = w.dossier.Receipt(o.Evidence, w.read)
	o.Coverage.Readings = w.readings
	for _, path := range []string{"lede[]", "sections[]", "incidents[].verdict", "techniques[]", "tasks[]", "severity"} {
		w.run.Decided(path, casemate.DecidedByRule)
	}
	o.Provenance = w.run.Provenance()
}
