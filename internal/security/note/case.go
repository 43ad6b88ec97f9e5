package note

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// What a note shows of each thing before it counts the rest.
const (
	maxStory   = 16
	maxWords   = 12
	maxTasks   = 8
	maxReasons = 8
	maxThings  = 12
)

// caseNote is for the ticket: what, when, who, why, what was done and is to do.
func (w *writer) caseNote(ctx context.Context) error {
	if len(w.chosen) == 0 {
		w.out.Title = "Case without an alert"
		w.out.Lede = []casemate.Statement{w.found("triage", "The rules found no incident in the material.")}
		if err := w.narrate(ctx, "account"); err != nil {
			return err
		}
		w.reports()
		w.peoplesParts()
		w.section("Open questions", "", w.openWords(nil))
		return nil
	}
	i := &w.chosen[0]
	w.out.Title = i.Title
	w.out.Lede = []casemate.Statement{w.about(i), w.assessed(i)}
	w.incidents()
	w.things(i)
	if err := w.narrate(ctx, "account"); err != nil {
		return err
	}
	story, note := w.story(nil, maxStory)
	w.section("What happened", note, story)
	w.reports()
	w.section("Who and what is affected", "", w.affected(i))
	w.section("Assessment", "The verdict is a proposal of rules; an analyst decides.", w.reasons(i))
	w.peoplesParts()
	w.tasks(maxTasks)
	w.section("Steps by technique", "What the catalogue recommends for the techniques shown.", w.toDo())
	w.section("Open questions", "", w.questions(i, nil))
	return nil
}

// peoplesParts are what the people who worked on it wrote.
func (w *writer) peoplesParts() {
	done, note := upTo(w.words(w.byStaff, dossier.TopicAction, dossier.TopicDecision), maxWords, "sentences")
	w.section("Done so far", join("In the words of those who did it.", note), done)
	impact, note := upTo(w.words(w.byStaff, dossier.TopicImpact), maxWords, "sentences")
	w.section("Impact", join("As people describe it.", note), impact)
	asked, note := upTo(w.pending(), maxWords, "sentences")
	w.section("To do", join("In the words of those who work on it.", note), asked)
}

// reports are what people say that they saw, and what they think.
func (w *writer) reports() {
	seen, note := upTo(w.words(w.byStaff, dossier.TopicObservation), maxTasks, "sentences")
	w.section("What people report", note, seen)
	think, note := upTo(w.words(w.byStaff, dossier.TopicHypothesis), maxTasks, "sentences")
	w.section("What people think", join("Assumptions, not findings.", note), think)
}

// openWords are the questions of people.
func (w *writer) openWords(keep func(*dossier.Sentence) bool) []casemate.Statement {
	out, note := upTo(w.words(keep, dossier.TopicQuestion), maxWords, "questions")
	if note != "" {
		out = append(out, w.found("count", note))
	}
	return out
}

func join(parts ...string) string {
	return strings.TrimSpace(strings.Join(parts, " "))
}

// incidents lists the incidents that the note is about.
func (w *writer) incidents() {
	for _, i := range w.chosen {
		w.out.Incidents = append(w.out.Incidents, Incident{
			ID: i.ID, Rank: i.Rank, Score: i.Score, Verdict: i.Verdict, Severity: i.Severity, Title: i.Title,
			First: i.First, Last: i.Last, Alerts: i.Count, Hosts: i.Hosts, Users: i.Users, Changed: w.inShift(i.First, i.Last),
		})
	}
}

// things lists techniques and indicators, with evidence by its id in the note.
func (w *writer) things(i *casemate.Incident) {
	for _, t := range i.Techniques {
		t.Evidence = w.cites(t.Evidence)
		w.out.Techniques = append(w.out.Techniques, t)
	}
	w.out.Indicators = i.Indicators
}

// affected says which hosts and accounts are in it.
func (w *writer) affected(i *casemate.Incident) []casemate.Statement {
	var out []casemate.Statement
	add := func(t casemate.EntityType, list []string) {
		list = slices.DeleteFunc(slices.Clone(list), func(name string) bool {
			_, short, _ := strings.Cut(strings.ToLower(name), `\`)
			return t == casemate.EntityUser && (everyones[strings.ToLower(name)] || everyones[short])
		})
		for n, name := range list {
			if n == maxThings {
				out = append(out, w.found("count", fmt.Sprintf("And %d more of %s.", len(list)-n, phrase.Count(len(list), string(t)))))
				return
			}
			out = append(out, w.entity(t, name))
		}
	}
	add(casemate.EntityHost, i.Hosts)
	add(casemate.EntityUser, i.Users)
	return out
}

// entity says how a host or an account is involved.
func (w *writer) entity(t casemate.EntityType, name string) casemate.Statement {
	word := map[casemate.EntityType]string{casemate.EntityHost: "Host", casemate.EntityUser: "Account"}[t]
	text := word + " " + name
	e := w.dossier.Entity(t, name)
	if e == nil {
		return w.found("entity", text+".")
	}
	text += ": named in " + phrase.Count(e.Count, "record")
	if !e.First.IsZero() {
		text += fmt.Sprintf(" from %s to %s", phrase.Time(e.First), phrase.Time(e.Last))
	}
	if e.Severity > casemate.SeverityUnknown {
		text += ", the gravest of them " + e.Severity.String()
	}
	if e.Asset != nil {
		text += "; criticality " + e.Asset.Criticality.String()
		if e.Asset.Exposure != "" {
			text += ", exposure " + e.Asset.Exposure
		}
		if e.Asset.Owner != "" {
			text += ", owner " + e.Asset.Owner
		}
	}
	return w.found("entity", text+".", e.Evidence[:min(2, len(e.Evidence))]...)
}

// reasons are the terms of the score.
func (w *writer) reasons(i *casemate.Incident) []casemate.Statement {
	var out []casemate.Statement
	for n, r := range i.Reasons {
		if n == maxReasons {
			break
		}
		out = append(out, w.found("reason, "+points(r.Points)+" points", strings.TrimSuffix(oneLine(r.Text, 400), ".")+".", w.cites(r.Evidence)...))
	}
	var related []string
	for _, r := range i.Related {
		related = append(related, fmt.Sprintf("%s (rank %d, %s)", r.ID, r.Rank, strings.TrimSuffix(oneLine(r.Why, 120), ".")))
	}
	if len(related) > 0 {
		out = append(out, w.found("relations", "Other incidents may belong to it: "+phrase.First(related, 4)+"."))
	}
	return out
}

// questions are those that people ask, and those that the material leaves open.
func (w *writer) questions(i *casemate.Incident, keep func(*dossier.Sentence) bool) []casemate.Statement {
	out := w.openWords(keep)
	has := func(tactic string) bool {
		return slices.ContainsFunc(i.Techniques, func(t casemate.Technique) bool { return slices.Contains(t.Tactics, tactic) })
	}
	if len(i.Techniques) > 0 && !has("initial-access") {
		out = append(out, w.found("gap", "How did it begin? No technique of initial access is attached to any record."))
	}
	if has("exfiltration") {
		out = append(out, w.found("gap", "Which data left, and whose is it? The records show the transfer, not its content."))
	} else if has("collection") {
		out = append(out, w.found("gap", "Did data leave? Records show collection and no technique of exfiltration."))
	}
	if has("credential-access") {
		out = append(out, w.found("gap", "Which accounts must be taken as known to the attacker? Records show access to credentials."))
	}
	if gap := longestGap(i); gap != nil {
		out = append(out, w.found("gap", fmt.Sprintf("What happened between %s and %s? No alert of the incident falls into that time.", phrase.Time(gap[0]), phrase.Time(gap[1]))))
	}
	if n := w.dossier.Coverage.FaultCount; n > 0 {
		out = append(out, w.found("gap", fmt.Sprintf("What stands in the %s of the input that could not be read?", phrase.Count(n, "piece"))))
	}
	return out
}

// longestGap is the longest pause of more than an hour in an incident.
func longestGap(i *casemate.Incident) []time.Time {
	var best []time.Time
	longest := time.Hour
	var last time.Time
	for _, m := range i.Timeline {
		if m.First.IsZero() {
			continue
		}
		if !last.IsZero() && m.First.Sub(last) > longest {
			longest, best = m.First.Sub(last), []time.Time{last, m.First}
		}
		if m.Last.After(last) {
			last = m.Last
		}
	}
	return best
}
