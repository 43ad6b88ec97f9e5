package dossier

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// What of the sensors becomes evidence.
const (
	fewIncidents  = 3   // or fewer are all told
	maxIncidents  = 40  // are told; the others are counted
	maxMoments    = 120 // of one incident one by one; a longer one is told in groups
	maxNear       = 120 // events near the incidents
	nearTime      = 2 * time.Minute
	maxNearOfKind = 60 // of those for one reason
)

// choose says which incidents are told.
func choose(all []casemate.Incident) []casemate.Incident {
	if len(all) <= fewIncidents {
		return all
	}
	var out []casemate.Incident
	for _, in := range all {
		if in.Verdict != casemate.VerdictBenign && len(out) < maxIncidents {
			out = append(out, in)
		}
	}
	if len(out) == 0 {
		return all[:fewIncidents]
	}
	return out
}

// told is a piece of evidence of a sensor, with the moments that it stands for.
type told struct {
	*record
	moments []Moment
}

// tell makes evidence of the moments of an incident.
func (s *sensors) tell(in casemate.Incident) []*told {
	in.Timeline = withTechniques(in)
	var out []*told
	if len(in.Timeline) <= maxMoments {
		for _, m := range in.Timeline {
			out = append(out, &told{s.momentRecord(m), []Moment{{Moment: m, Incident: in.ID, Rank: in.Rank}}})
		}
		return out
	}
	alone := grave(in.Timeline)
	type key struct{ name, host, user string }
	groups := map[key]*told{}
	for i, m := range in.Timeline {
		moment := Moment{Moment: m, Incident: in.ID, Rank: in.Rank}
		k := key{m.Name, m.Host, m.User}
		if alone[i] {
			k.name += "\x00alone" // the first of its name stands alone, the rest together
			if groups[k] != nil {
				k.name = m.Name
			}
		}
		g := groups[k]
		if g == nil {
			g = &told{s.momentRecord(m), nil}
			g.ev.Count = 0
			groups[k] = g
			out = append(out, g)
		}
		g.moments = append(g.moments, moment)
		g.ev.Count += m.Count
		if m.First.Before(g.ev.First) {
			g.ev.First = m.First
		}
		if m.Last.After(g.ev.Last) {
			g.ev.Last = m.Last
		}
		g.ev.Severity = max(g.ev.Severity, m.Severity)
	}
	return out
}

// withTechniques adds to the moments of an incident the techniques that the triage
// read out of their names, which it keeps with the incident.
func withTechniques(in casemate.Incident) []casemate.Moment {
	of := map[string][]string{}
	for _, t := range in.Techniques {
		for _, id := range t.Evidence {
			of[id] = append(of[id], t.ID)
		}
	}
	list := slices.Clone(in.Timeline)
	for i := range list {
		m := &list[i]
		m.Techniques = slices.Clone(m.Techniques)
		for _, id := range of[m.Evidence] {
			if !slices.Contains(m.Techniques, id) {
				m.Techniques = append(m.Techniques, id)
			}
		}
	}
	return list
}

// grave marks the moments that stand alone: the gravest, new ones first.
func grave(timeline []casemate.Moment) []bool {
	order := make([]int, len(timeline))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := timeline[a], timeline[b]
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(novel(y), novel(x)), cmp.Compare(len(y.Techniques), len(x.Techniques)))
	})
	out := make([]bool, len(timeline))
	for _, i := range order[:maxMoments] {
		out[i] = true
	}
	return out
}

func novel(m casemate.Moment) int {
	if m.New {
		return 1
	}
	return 0
}

// near returns the events that stand near the chosen incidents: made by a process
// that an alert names, with an outside address or name that one names, by an
// account of theirs, or on a host of theirs within two minutes of something grave.
func (s *sensors) near(list []*told) []*told {
	n := newNeighbours(list)
	var out []*told
	for reason := range neighbourReasons {
		count := 0
		for _, r := range s.order {
			if n.taken[r] || count >= maxNearOfKind || len(out) >= maxNear || !n.matches(reason, r) {
				continue
			}
			n.taken[r] = true
			count++
			out = append(out, &told{record: r})
		}
	}
	return out
}

const neighbourReasons = 4

// neighbours is what events are held against.
type neighbours struct {
	processes map[string]bool // unique ids
	peers     map[string]bool
	users     map[string][2]time.Time // and when the incident has them
	grave     map[string][]time.Time  // by host
	taken     map[*record]bool
}

func newNeighbours(list []*told) *neighbours {
	n := &neighbours{processes: map[string]bool{}, peers: map[string]bool{}, users: map[string][2]time.Time{}, grave: map[string][]time.Time{}, taken: map[*record]bool{}}
	for _, t := range list {
		if t.process != nil && t.process.GUID != "" {
			n.processes[t.process.GUID] = true
		}
		grave := t.ev.Severity >= casemate.SeverityMedium
		for _, e := range t.ev.Entities {
			if grave && outside(e) {
				n.peers[e.Value] = true
			}
		}
		if u := canonical(casemate.EntityUser, t.ev.User); grave && u != "" && !systemAccount(u) {
			span, known := n.users[u]
			if !known || t.ev.First.Before(span[0]) {
				span[0] = t.ev.First
			}
			if t.ev.Last.After(span[1]) {
				span[1] = t.ev.Last
			}
			n.users[u] = span
		}
		if h := canonical(casemate.EntityHost, t.ev.Host); t.ev.Severity >= casemate.SeverityHigh && h != "" && !t.ev.First.IsZero() {
			n.grave[h] = append(n.grave[h], t.ev.First)
		}
	}
	return n
}

func (n *neighbours) matches(reason int, r *record) bool {
	switch reason {
	case 0:
		return r.process != nil && (n.processes[r.process.GUID] || n.processes[r.process.ParentGUID])
	case 1:
		return slices.ContainsFunc(r.ev.Entities, func(e casemate.Entity) bool { return n.peers[e.Value] })
	case 2:
		span, known := n.users[canonical(casemate.EntityUser, r.ev.User)]
		return known && !r.ev.First.Before(span[0].Add(-time.Hour)) && !r.ev.First.After(span[1].Add(time.Hour))
	}
	for _, t := range n.grave[canonical(casemate.EntityHost, r.ev.Host)] {
		if d := r.ev.First.Sub(t); d >= -nearTime && d <= nearTime {
			return true
		}
	}
	return false
}

// outside reports whether an entity is an address or name of the Internet, as
// far as that can be told from it.
func outside(e casemate.Entity) bool {
	switch e.Type {
	case casemate.EntityAddress, casemate.EntityDomain:
		return e.Role != casemate.RoleObserver && external(e.Value)
	case casemate.EntityURL:
		if u, err := url.Parse(e.Value); err == nil && u.Hostname() != "" {
			return external(u.Hostname())
		}
	}
	return false
}

// systemAccount reports whether an account is of the machine itself.
func systemAccount(user string) bool {
	user = strings.ToLower(user)
	switch user {
	case "", "-", "system", "localsystem", "local service", "localservice", "network service", "networkservice", "anonymous logon", "n/a", "unknown", "(unknown user)", "nobody":
		return true
	}
	return strings.HasSuffix(user, "$") || strings.HasPrefix(user, "dwm-") || strings.HasPrefix(user, "umfd-")
}
