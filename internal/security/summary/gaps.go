package summary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const (
	silence  = 90 * time.Minute // between two happenings of an incident, that is worth a question
	maxOfGap = 4                // questions of one kind
)

// gaps finds what the evidence leaves open.
func (w *writer) gaps(out *Output) []Question {
	var list []Question
	for _, in := range w.told {
		list = append(list, w.stages(in)...)
		list = append(list, w.silent(in)...)
	}
	if len(w.d.Words) > 0 {
		list = append(list, w.uncontained(casemate.EntityHost)...)
		list = append(list, w.uncontained(casemate.EntityUser)...)
		list = append(list, w.unblocked(out)...)
	}
	list = append(list, w.namedOnly()...)
	list = append(list, w.related()...)
	return list
}

func gap(kind, text string, ids ...string) Question {
	return Question{Kind: kind, What: rule(text, ids...)}
}

// expected are stages that mostly come before, or after, another one.
var expected = []struct{ seen, missing, question string }{
	{"credential-access", "lateral-movement", "It is not known where the credentials were used: access to them is reported, and no alert is about movement to further machines."},
	{"lateral-movement", "credential-access", "It is not known with what credentials the further machines were reached: no alert is about access to credentials."},
	{"exfiltration", "collection", "It is not known what was gathered before data was sent out: no alert is about collection."},
	{"impact", "lateral-movement", "It is not known whether further machines were reached: damage is reported, and no alert is about movement."},
	{"command-and-control", "persistence", "It is not known what keeps the remote control alive: no alert is about a foothold."},
	{"execution", "initial-access", "It is not known how the intruder came in: no alert of the incident is about the entry."},
	{"discovery", "initial-access", "It is not known how the intruder came in: no alert of the incident is about the entry."},
}

// stages asks for the stages that evidence of others makes one expect.
func (w *writer) stages(in casemate.Incident) []Question {
	seen := map[string][]string{}
	for i := range w.happened {
		if h := &w.happened[i]; h.rank == in.Rank {
			seen[h.tactic] = append(seen[h.tactic], h.ids...)
		}
	}
	var out []Question
	asked := map[string]bool{}
	for _, e := range expected {
		if seen[e.seen] == nil || seen[e.missing] != nil || asked[e.question] {
			continue
		}
		asked[e.question] = true
		kind := "stage"
		if e.missing == "initial-access" {
			kind = "entry"
		}
		out = append(out, gap(kind, fmt.Sprintf("Incident %d: %s", in.Rank, strings.ToLower(e.question[:1])+e.question[1:]), w.byGravity(unique(seen[e.seen]))[0], w.incidentFinding(in)))
	}
	return out[:min(len(out), maxOfGap)]
}

// silent asks for the longest times within an incident of which no alert tells.
func (w *writer) silent(in casemate.Incident) []Question {
	var last *happening
	type hole struct{ from, to *happening }
	var holes []hole
	for i := range w.happened {
		h := &w.happened[i]
		if h.rank != in.Rank || h.first.IsZero() || h.severity < casemate.SeverityMedium {
			continue
		}
		if last != nil && h.first.Sub(last.last) >= silence {
			holes = append(holes, hole{last, h})
		}
		if last == nil || h.last.After(last.last) {
			last = h
		}
	}
	slices.SortStableFunc(holes, func(a, b hole) int {
		return int((b.to.first.Sub(b.from.last) - a.to.first.Sub(a.from.last)) / time.Second)
	})
	holes = holes[:min(len(holes), 2)]
	slices.SortFunc(holes, func(a, b hole) int { return a.from.last.Compare(b.from.last) })
	var out []Question
	for _, x := range holes {
		out = append(out, gap("time", fmt.Sprintf("What happened between %s and %s is not known: no grave alert of incident %d is from that time.",
			w.clock(x.from.last), w.clock(x.to.first), in.Rank), w.idAt(x.from, x.from.last), w.idAt(x.to, x.to.first), w.incidentFinding(in)))
	}
	return out
}

// uncontained asks for the machines or accounts of the incidents of which nobody
// says that something was done about them.
func (w *writer) uncontained(t casemate.EntityType) []Question {
	var names []string
	var ids []string
	for _, e := range w.d.Entities {
		if e.Type != t || e.Severity < casemate.SeverityMedium || !w.involved(t, e.Value) || w.acted[string(t)+":"+e.Value] != nil {
			continue
		}
		names, ids = append(names, e.Label), append(ids, e.Evidence[0])
	}
	if len(names) == 0 {
		return nil
	}
	ids = ids[:min(len(ids), 8)]
	text := "The material does not say what was done about "
	if t == casemate.EntityUser {
		text = "The material does not say what became of the accounts "
		if len(names) == 1 {
			text = "The material does not say what became of the account "
		}
	}
	joined := list(names, 8)
	kind := "host"
	if t == casemate.EntityUser {
		kind = "account"
	}
	id := w.find(kind+"s not acted on", "No sentence of the material about an action or a decision names "+list(names, len(names))+".", nil, time.Time{}, time.Time{})
	return []Question{gap(kind, text+joined+".", append(ids, id)...)}
}

// involved reports whether an incident that is told names a machine or account.
func (w *writer) involved(t casemate.EntityType, value string) bool {
	for _, in := range w.told {
		names := in.Hosts
		if t == casemate.EntityUser {
			names = in.Users
		}
		for _, n := range names {
			if e := w.d.Entity(t, n); e != nil && e.Value == value && (t == casemate.EntityHost || w.user(n) != "") {
				return true
			}
		}
	}
	return false
}

// unblocked asks for the outside addresses and names that nobody says are blocked.
func (w *writer) unblocked(out *Output) []Question {
	var names, ids []string
	for _, x := range out.Indicators {
		if x.Type != "address" && x.Type != "domain" || x.Severity < casemate.SeverityHigh || len(names) >= maxOfGap {
			continue
		}
		if w.acted[x.Type+":"+x.Value] == nil {
			names, ids = append(names, x.Value), append(ids, x.Evidence[0])
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Question{gap("blocked", "It is not known whether "+list(names, len(names))+" can still be reached.", ids...)}
}

// namedOnly asks for machines and accounts that people name and no record does.
func (w *writer) namedOnly() []Question {
	if w.d.Triage.Alerts+w.d.Triage.Events == 0 {
		return nil
	}
	var out []Question
	for _, e := range w.d.Entities {
		if (e.Type != casemate.EntityHost && e.Type != casemate.EntityUser) || e.InRecords || !e.InWords || len(out) >= maxOfGap {
			continue
		}
		what := "the machine"
		if e.Type == casemate.EntityUser {
			what = "the account"
		}
		out = append(out, gap("named", fmt.Sprintf("It is not known what part %s %s has: people name it, and no record of the material does.", what, e.Label), e.Evidence[0]))
	}
	return out
}

// related asks whether incidents that are told apart belong together.
func (w *writer) related() []Question {
	if len(w.told) < 2 || w.told[0].Verdict != casemate.VerdictMalicious {
		return nil
	}
	top := w.told[0]
	var out []Question
	for _, in := range w.told[1:] {
		text := fmt.Sprintf("It is not known whether incident %d is part of incident %d", in.Rank, top.Rank)
		for _, r := range append(slices.Clone(top.Related), in.Related...) {
			if r.ID == in.ID || r.ID == top.ID {
				if why := strings.TrimSuffix(r.Why, "."); strings.Contains(why, ":") || !strings.Contains(why, "same time") {
					text += ": " + why
				}
				break
			}
		}
		out = append(out, gap("relation", text+".", w.incidentFinding(top), w.incidentFinding(in)))
	}
	return out
}
