package summary

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// executive writes at most five sentences: what happened, since when, how far,
// what is at stake, and where it stands.
func (w *writer) executive(out *Output) []casemate.Statement {
	var list []casemate.Statement
	w.slotNames = nil
	for _, x := range []struct {
		name string
		s    casemate.Statement
	}{{"what", w.what()}, {"since", w.since()}, {"reach", w.reach()}, {"stake", w.stake()}, {"state", w.state(out)}} {
		if x.s.Text != "" {
			list, w.slotNames = append(list, x.s), append(w.slotNames, x.name)
		}
	}
	return list
}

// what says in plain words what the gravest incident is.
func (w *writer) what() casemate.Statement {
	if len(w.told) == 0 {
		return w.nothing()
	}
	top := w.told[0]
	id := w.incidentFinding(top)
	where := w.hostsOf(top)
	if where == "" {
		_, users := w.places(top)
		where = list(users, 3)
	}
	if where != "" {
		where = " through " + where
	}
	kind := "an intrusion"
	if top.Verdict != casemate.VerdictMalicious {
		kind = "a suspicious chain of alerts"
	}
	steps, ids := w.steps(top)
	text := fmt.Sprintf("On %s %s went%s", top.First.UTC().Format("2006-01-02"), kind, where)
	if top.First.IsZero() {
		text = phrase.Upper(kind) + " went" + where
	}
	if len(steps) > 0 {
		text += ": " + list(steps, len(steps))
	}
	return rule(text+".", append([]string{id}, ids...)...)
}

// hostsOf lists the machines of an incident as people read them.
func (w *writer) hostsOf(in casemate.Incident) string {
	hosts, _ := w.places(in)
	return list(hosts, 5)
}

// places are the machines and accounts of an incident, in the order in which it
// came to them.
func (w *writer) places(in casemate.Incident) (hosts, users []string) {
	var h, u roll
	for i := range w.happened {
		if one := &w.happened[i]; one.rank == in.Rank && one.severity > casemate.SeverityInformational {
			h.add(one.host)
			for _, user := range one.users {
				u.add(user)
			}
		}
	}
	for _, name := range in.Hosts {
		h.add(w.host(name))
	}
	for _, name := range in.Users {
		u.add(w.user(name))
	}
	return h.list, u.list
}

// nothing is the first sentence where no incident is there.
func (w *writer) nothing() casemate.Statement {
	t := w.d.Triage
	if t.Alerts+t.Events == 0 && len(w.d.Words) > 0 {
		var authors roll
		for _, s := range w.d.Words {
			if !s.Quoted {
				authors.add(s.Author)
			}
		}
		text := "The material holds no alerts and no logs, only what people wrote"
		if who := list(authors.list, 5); who != "" {
			text += ": " + who
		}
		return rule(text+".", w.find("material", text+".", nil, w.d.First, w.d.Last))
	}
	text := fmt.Sprintf("No sensor and no rule flagged anything in %d records.", t.Alerts+t.Events)
	return rule(text, w.find("material", text, nil, w.d.First, w.d.Last))
}

// entries are ways in, by technique.
var entries = []struct{ technique, words string }{
	{"T1566", "it came in by mail"}, {"T1190", "it came in through a public-facing application"}, {"T1133", "it came in through a remote service"},
	{"T1189", "it came in by way of a website"}, {"T1195", "it came in by way of a supplier"}, {"T1078", "it used valid accounts"}, {"", "it gained access"},
}

// landmarks are the stages that management is told of, in the order of the kill
// chain.
var landmarks = []struct{ tactic, technique, words string }{
	{"execution", "", "ran commands of its own"},
	{"command-and-control", "", "was steered from outside"},
	{"credential-access", "", "reached for credentials"},
	{"lateral-movement", "", "moved to further machines"},
	{"collection", "", "gathered data"},
	{"exfiltration", "", "sent data out"},
	{"impact", "T1486", "set out to encrypt files"},
	{"impact", "", "set out to do damage"},
	{"defense-evasion", "T1070", "wiped traces"},
	{"defense-evasion", "T1562", "switched off logging"},
}

// steps are the stages of an incident in plain words, with the gravest evidence.
func (w *writer) steps(in casemate.Incident) (words, ids []string) {
	has := func(tactic, technique string) string {
		var best *happening
		for i := range w.happened {
			h := &w.happened[i]
			if h.rank != in.Rank || h.tactic != tactic {
				continue
			}
			if technique != "" && !slices.ContainsFunc(h.moments, func(m dossier.Moment) bool {
				return slices.ContainsFunc(m.Techniques, func(t string) bool { return strings.HasPrefix(t, technique) })
			}) {
				continue
			}
			if best == nil || h.severity > best.severity {
				best = h
			}
		}
		if best == nil {
			return ""
		}
		return w.byGravity(best.ids)[0]
	}
	if id := has("reconnaissance", ""); id != "" {
		words, ids = append(words, "it looked for ways in"), append(ids, id)
	}
	for _, e := range entries {
		if id := has("initial-access", e.technique); id != "" {
			phrase := e.words
			if len(words) > 0 {
				phrase = strings.TrimPrefix(phrase, "it ")
			}
			words, ids = append(words, phrase), append(ids, id)
			break
		}
	}
	done := map[string]bool{}
	for _, l := range landmarks {
		id := has(l.tactic, l.technique)
		if id == "" || done[l.tactic] || len(words) >= 7 {
			continue
		}
		done[l.tactic] = true
		phrase := l.words
		if len(words) == 0 {
			phrase = "it " + phrase
		}
		words, ids = append(words, phrase), append(ids, id)
	}
	return words, ids
}

// since says when it began, when it became grave, and when it was last seen.
func (w *writer) since() casemate.Statement {
	if len(w.told) == 0 {
		return casemate.Statement{}
	}
	top := w.told[0]
	var first, grave, last *happening
	for i := range w.happened {
		h := &w.happened[i]
		if h.rank != top.Rank || h.first.IsZero() {
			continue
		}
		if first == nil && (h.tactic == "initial-access" && !weak(h.technique) || h.severity >= casemate.SeverityMedium) {
			first = h
		}
		if grave == nil && h.severity >= casemate.SeverityHigh {
			grave = h
		}
		if last == nil || h.last.After(last.last) {
			last = h
		}
	}
	if first == nil {
		first = w.earliest(top.Rank)
	}
	if first == nil {
		return casemate.Statement{}
	}
	text := fmt.Sprintf("The first sign of it is %s at %s", w.sign(first), w.clock(first.first))
	ids := []string{first.ids[0]}
	if grave != nil && grave != first {
		text += fmt.Sprintf(", the first grave one %s at %s", w.sign(grave), w.clock(grave.first))
		ids = append(ids, grave.ids[0])
	}
	if last != nil && last != first && last != grave {
		text += fmt.Sprintf(", and the last alert came at %s", w.clock(last.last))
		ids = append(ids, last.ids...)
	}
	return rule(text+".", ids...)
}

// earliest is the first happening of an incident that has a time.
func (w *writer) earliest(rank int) *happening {
	for i := range w.happened {
		if h := &w.happened[i]; h.rank == rank && !h.first.IsZero() {
			return h
		}
	}
	return nil
}

// sign names the first alert of a happening and where it was.
func (w *writer) sign(h *happening) string {
	m := h.moments[0]
	text := quote(m.Name)
	if h.host != "" {
		return text + " on " + h.host
	}
	if u := w.user(m.User); u != "" {
		return text + " for " + u
	}
	return text
}

// reach says how far it went.
func (w *writer) reach() casemate.Statement {
	if len(w.told) == 0 {
		return casemate.Statement{}
	}
	top := w.told[0]
	ids := []string{w.incidentFinding(top)}
	hosts, users := w.places(top)
	var parts []string
	if len(hosts) > 0 {
		parts = append(parts, plural(len(hosts), "machine"))
	}
	if len(users) > 0 {
		parts = append(parts, plural(len(users), "account")+" ("+list(users, 6)+")")
	}
	if len(parts) == 0 {
		return casemate.Statement{}
	}
	verb := "are"
	if len(hosts)+len(users) == 1 {
		verb = "is"
	}
	text := phrase.Upper(strings.Join(parts, " and ")) + " " + verb + " involved"
	var critical []string
	for _, a := range top.Assets {
		if a.Criticality == casemate.SeverityCritical {
			critical = add(critical, w.host(a.Host))
		}
	}
	if len(critical) > 0 {
		text += ", among them " + list(critical, 4) + ", which the inventory rates as critical"
	}
	if others := w.told[1:]; len(others) > 0 {
		var names []string
		for _, in := range others {
			names = append(names, cmp.Or(w.hostsOf(in), list(w.users(in.Users), 3), "incident "+strconv.Itoa(in.Rank)))
			ids = append(ids, w.incidentFinding(in))
		}
		verb, noun := "is", "incident "
		if len(others) > 1 {
			verb, noun = "are", "incidents "
		}
		for i, in := range others {
			names[i] = strconv.Itoa(in.Rank) + " (" + names[i] + ")"
		}
		text += fmt.Sprintf("; %s%s %s rated likely malicious, too", noun, list(names, len(names)), verb)
	}
	return rule(text+".", ids...)
}

// stake says what was taken or damaged, as sensors and people tell it.
func (w *writer) stake() casemate.Statement {
	var parts, ids []string
	for _, tactic := range []string{"exfiltration", "impact"} {
		var best *happening
		for i := range w.happened {
			h := &w.happened[i]
			if h.tactic != tactic || !w.isTold(h.rank) {
				continue
			}
			if best == nil || h.severity > best.severity || h.severity == best.severity && (amount(h) > amount(best) || strings.HasPrefix(h.technique, "T1486") && !strings.HasPrefix(best.technique, "T1486")) {
				best = h
			}
		}
		if best == nil {
			continue
		}
		m := slices.MaxFunc(best.moments, func(a, b dossier.Moment) int { return cmp.Compare(measure(a), measure(b)) })
		words := m.Name
		if measure(m) > 0 {
			words = sized.FindString(m.Detail)
			if words == "" || len(m.Detail) < maxQuote {
				words = detail(m)
			}
		}
		where := ""
		if best.host != "" {
			where = map[string]string{"exfiltration": " ", "impact": " on "}[tactic] + best.host
		}
		parts = append(parts, map[string]string{"exfiltration": "data left", "impact": "damage was done or tried"}[tactic]+where+" ("+quote(words)+", "+w.clock(m.First)+")")
		ids = append(ids, m.ID)
	}
	text := strings.Join(parts, ", and ")
	if s, ok := w.impact(); ok {
		if text != "" {
			text += "; "
		}
		text += s.Author + " writes: " + quote(s.Text)
		ids = append(ids, s.Evidence)
	} else if text != "" {
		text += "."
	}
	if text == "" {
		return casemate.Statement{}
	}
	return rule(phrase.Upper(text), ids...)
}

func (w *writer) isTold(rank int) bool {
	return slices.ContainsFunc(w.told, func(in casemate.Incident) bool { return in.Rank == rank })
}

// sized is an amount of data in an alert's words.
var sized = regexp.MustCompile(`\d+(?:\.\d+)? ?(?:[KMGT]i?B|bytes)\b`)

func measure(m dossier.Moment) int {
	if sized.MatchString(m.Detail) {
		return 1
	}
	return 0
}

func amount(h *happening) int {
	n := 0
	for _, m := range h.moments {
		n += measure(m)
	}
	return n
}

// impact picks what people say of the consequences: the surest sentence, of equals
// the one that says so itself, then the latest.
func (w *writer) impact() (dossier.Sentence, bool) {
	best, found := dossier.Sentence{}, false
	rate := func(s dossier.Sentence) int {
		n := 0
		lower := strings.ToLower(s.Text)
		for _, word := range []string{"impact", "cannot", "can't", "customers", "stolen", "personal data", "outage", "invoice", "production"} {
			if strings.Contains(lower, word) {
				n++
			}
		}
		if len(s.Text) > 220 {
			n--
		}
		return n
	}
	for _, s := range w.d.Words {
		if s.Topic != dossier.TopicImpact || s.Quoted || s.Commands || s.Author == "" {
			continue
		}
		if !found || rate(s) > rate(best) || rate(s) == rate(best) && s.Time.After(best.Time) {
			best, found = s, true
		}
	}
	return best, found
}

var stateForm = regexp.MustCompile(`(?i)^(state|status)\b ?[:—–-]|\b(contained|eradicated|under control|ongoing|still active|recovered|resolved)\b`)

// state says where it stands, as people tell it, and what is open.
func (w *writer) state(out *Output) casemate.Statement {
	var best dossier.Sentence
	for _, s := range w.d.Words {
		if s.Quoted || s.Commands || s.Time.IsZero() || s.Topic == dossier.TopicQuestion || !stateForm.MatchString(s.Text) {
			continue
		}
		if best.Text == "" || !s.Time.Before(best.Time) {
			best = s
		}
	}
	var counts []string
	if n := len(out.Tasks); n > 0 {
		counts = append(counts, are(n, "thing")+" named as still to be done")
	}
	if n := len(out.Questions); n > 0 {
		counts = append(counts, are(n, "question")+" open")
	}
	open := list(counts, 2)
	if open == "" {
		open = "no question is open"
	}
	id := w.find("open", phrase.Upper(open)+".", nil, w.d.First, w.d.Last)
	switch {
	case best.Text != "" && best.Author != "":
		return rule(fmt.Sprintf("At %s %s writes: %s; %s.", w.clock(best.Time), best.Author, quote(best.Text), open), best.Evidence, id)
	case len(w.acted) > 0:
		return rule(phrase.Upper(open)+".", id)
	case len(w.told) > 0:
		return rule("The material does not say what was done about it; "+open+".", id)
	}
	return casemate.Statement{}
}

// are writes "one thing is", "three things are".
func are(n int, noun string) string {
	if n == 1 {
		return "one " + noun + " is"
	}
	return small(n) + " " + noun + "s are"
}
