package summary

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// happening is what several consoles say of one thing: moments of one technique
// on one host that follow each other within a minute.
type happening struct {
	moments   []dossier.Moment
	ids       []string // of evidence
	technique string   // the one that it is told under, or ""
	tactic    string
	host      string // as it is shown
	users     []string
	first     time.Time
	last      time.Time
	severity  casemate.Severity
	count     int
	rank      int // of the incident
}

// sameThing is how long consoles take to tell of the same thing.
const sameThing = time.Minute

// happenings joins the moments of all incidents that are told or chosen.
func (w *writer) happenings() []happening {
	var out []happening
	for _, m := range w.d.Moments {
		technique, tactic := w.primary(m.Techniques)
		host := w.host(m.Host)
		i := -1
		for k := len(out) - 1; k >= 0 && k >= len(out)-8; k-- {
			h := &out[k]
			if h.rank == m.Rank && h.host == host && h.tactic == tactic && m.First.Sub(h.last) <= sameThing && h.technique == technique && (technique != "" || h.moments[0].Name == m.Name) {
				i = k
				break
			}
		}
		if i < 0 {
			out = append(out, happening{technique: technique, tactic: tactic, host: host, first: m.First, last: m.Last, rank: m.Rank})
			i = len(out) - 1
		}
		h := &out[i]
		h.moments = append(h.moments, m)
		if !slices.Contains(h.ids, m.ID) {
			h.ids = append(h.ids, m.ID)
		}
		h.users = add(h.users, w.user(m.User))
		if m.Last.After(h.last) {
			h.last = m.Last
		}
		h.severity = max(h.severity, m.Severity)
		h.count += m.Count
	}
	slices.SortStableFunc(out, func(a, b happening) int { return a.first.Compare(b.first) })
	w.logons(out)
	return out
}

// aside is the tactic of logons that say nothing by themselves: they are in the
// timeline alone.
const aside = "-"

// logons puts the use of valid accounts to where it belongs: between machines of
// an incident it is movement; elsewhere, without gravity, it is set aside.
func (w *writer) logons(list []happening) {
	for i := range list {
		h := &list[i]
		if !weak(h.technique) {
			continue
		}
		if w.fromWithin(h) {
			h.tactic = "lateral-movement"
		} else if h.severity <= casemate.SeverityInformational {
			h.tactic = aside
		}
	}
}

// fromWithin reports whether a logon came from another machine of its incident.
func (w *writer) fromWithin(h *happening) bool {
	var hosts []string
	for _, in := range w.d.Chosen {
		if in.Rank == h.rank {
			hosts = in.Hosts
		}
	}
	for _, l := range w.d.Links {
		if l.Verb != dossier.VerbFrom || l.To.Type != casemate.EntityHost || !slices.ContainsFunc(l.Evidence, func(id string) bool { return slices.Contains(h.ids, id) }) {
			continue
		}
		if slices.ContainsFunc(hosts, func(name string) bool { return strings.EqualFold(name, l.To.Value) }) && !strings.EqualFold(h.host, l.To.Value) {
			return true
		}
	}
	return false
}

// usual is where a technique that serves several tactics is told, where the
// catalogue's first is not what it mostly shows.
var usual = map[string]string{
	"T1053": "persistence", "T1078": "initial-access", "T1550": "lateral-movement", "T1569": "execution", "T1098": "persistence",
	"T1055": "defense-evasion", "T1218": "defense-evasion", "T1547": "persistence", "T1543": "persistence", "T1548": "privilege-escalation", "T1134": "privilege-escalation",
}

// primary picks the technique that a moment is told under, and its tactic: the
// first, unless that is the use of an account and another says more.
func (w *writer) primary(ids []string) (technique, tactic string) {
	var best knowledge.Technique
	for _, id := range ids {
		t, _, ok := w.cat.Resolve(id)
		if !ok || len(t.Tactics) == 0 {
			continue
		}
		if best.ID == "" || weak(best.ID) && !weak(t.ID) || t.Parent == best.ID {
			best = t
		}
	}
	if best.ID == "" {
		return "", ""
	}
	tactic = best.Tactics[0]
	if u := usual[strings.SplitN(best.ID, ".", 2)[0]]; u != "" && slices.Contains(best.Tactics, u) {
		tactic = u
	}
	return best.ID, tactic
}

// weak reports whether a technique says little beside another one.
func weak(id string) bool { return strings.HasPrefix(id, "T1078") }

// idAt is the evidence of a happening that has a time as its first or last.
func (w *writer) idAt(h *happening, t time.Time) string {
	for _, id := range h.ids {
		if e := w.pieces[id]; e != nil && (e.First.Equal(t) || e.Last.Equal(t)) {
			return id
		}
	}
	return h.ids[0]
}

// named writes a technique with its name from the catalogue.
func (w *writer) named(id string) string {
	t, ok := w.cat.Technique(id)
	if !ok {
		return ""
	}
	return t.Name + " (" + t.ID + ")"
}

// best is the moment that tells most: the gravest, a command line before a name.
func (h *happening) best() dossier.Moment {
	return slices.MaxFunc(h.moments, func(a, b dossier.Moment) int {
		return cmp.Or(cmp.Compare(telling(a), telling(b)), cmp.Compare(a.Severity, b.Severity), b.First.Compare(a.First))
	})
}

// telling says how much a moment's detail tells.
func telling(m dossier.Moment) int {
	switch d := m.Detail; {
	case strings.Contains(d, " ") && strings.ContainsAny(d, `0123456789\/`):
		return 2 // a command line, or words with an amount in them
	case d != "":
		return 1
	}
	return 0
}

// detail is the text of a moment's detail that its evidence has, without what the
// triage cut from it.
func detail(m dossier.Moment) string { return strings.TrimSuffix(m.Detail, "…") }
