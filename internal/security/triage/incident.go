package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
)

const (
	maxTimeline   = 500 // moments told; the alerts themselves are all listed
	maxIndicators = 200
	maxEvidence   = 6 // ids a reason cites
	nextSteps     = 8
)

// incidents builds what is shown, in rank order.
func (q *Queue) incidents(groups []*group) []casemate.Incident {
	alerts := q.alertsOf(groups)
	ids := map[*group]int{}
	out := make([]casemate.Incident, len(groups))
	for i, g := range groups {
		ids[g] = i
		in := &out[i]
		*in = casemate.Incident{
			Rank: i + 1, Score: round(scaled(g.sum)), Verdict: g.verdict(), Title: q.title(g),
			First: g.first, Last: g.last, Count: len(alerts[i]), Alerts: alerts[i],
			Assets: q.assetsOf(g), Techniques: q.techniques(g), Indicators: g.indicators(),
			Timeline: q.timeline(g),
		}
		in.ID = "i-" + strings.TrimPrefix(casemate.AlertID("incident", []byte(q.identity(g))), "a-")[:10]
		for _, m := range g.moments {
			in.Severity = max(in.Severity, m.severity, m.rule)
		}
		in.Hosts, in.Users = q.hostNames(g), q.userNames(g)
		in.Reasons = q.reasons(g, in.Score)
		in.Next = q.next(g)
	}
	for i, g := range groups {
		for _, l := range g.related {
			if j, ok := ids[l.to]; ok {
				out[i].Related = append(out[i].Related, casemate.Relation{ID: out[j].ID, Rank: j + 1, Why: l.why})
			}
		}
	}
	return out
}

// hostNames returns the group's hosts; places that are none are left out.
func (q *Queue) hostNames(g *group) []string {
	var out []string
	for _, h := range g.hosts() {
		if name := q.hosts.text[h]; name != "" && name[0] != 0 {
			out = append(out, name)
		}
	}
	return out
}

// userNames returns the group's users, one spelling an account.
func (q *Queue) userNames(g *group) []string {
	var out []string
	seen := map[string]bool{}
	for _, id := range distinct(g.moments, func(m *moment) int32 { return m.user }) {
		user := q.users.text[id]
		key := cmp.Or(account(user), user)
		if user != "" && !seen[key] {
			seen[key] = true
			out = append(out, user)
		}
	}
	return out
}

// identity is what an incident's id is made of: its earliest evidence and, since
// identical records share an id, what it is called and where it stands.
func (q *Queue) identity(g *group) string {
	m := g.moments[0]
	return strings.Join([]string{m.evidence, strconv.Itoa(int(g.kind)), q.names.text[m.name], q.hosts.text[m.host], g.first.String()}, "\x00")
}

// alertsOf lists where each group's alerts stand, in the order they were added.
func (q *Queue) alertsOf(groups []*group) [][]casemate.Location {
	owner := make([]int32, len(q.moments))
	index := make(map[*moment]int32, len(q.moments))
	for i, m := range q.moments {
		index[m] = int32(i)
	}
	counts := make([]int, len(groups))
	for i, g := range groups {
		for _, m := range g.moments {
			owner[index[m]] = int32(i)
			counts[i] += m.count
		}
	}
	out := make([][]casemate.Location, len(groups))
	for i := range out {
		out[i] = make([]casemate.Location, 0, counts[i])
	}
	for _, r := range q.records {
		i := owner[r.moment]
		out[i] = append(out[i], casemate.Location{File: q.files.text[r.file], Line: int(r.line), Record: r.number})
	}
	return out
}

// title names what happened and where, in the words of sensors and catalogue.
func (q *Queue) title(g *group) string {
	top := g.gravestMoment()
	name := q.names.text[top.name]
	if top.ruleTitle != "" && top.rulePoints() > top.severityPoints() {
		name = top.ruleTitle
	}
	where := q.where(g)
	switch {
	case g.kind == kindBeacon:
		return "Steady, machine-like traffic: " + name + where
	case g.kind == kindContext:
		return "Weaker signs around a graver incident: " + name + where
	case g.rest:
		return fmt.Sprintf("%d kinds of alert beyond the first %d incidents", len(g.names()), maxIncidents-1)
	case g.kind == kindBackground:
		return "Routine: " + name + where
	case len(g.stages) > 1:
		return q.stageNames(g) + where
	}
	return name + where
}

// stageNames tells a chain of tactics: "Initial Access, Execution and Discovery".
func (q *Queue) stageNames(g *group) string {
	var names []string
	for _, s := range g.stages {
		if t, ok := q.opt.Catalogue.Tactic(s); ok {
			names = append(names, t.Name)
		}
	}
	if len(names) > 4 {
		return fmt.Sprintf("%s to %s in %d steps", names[0], names[len(names)-1], len(names))
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// where says on which hosts, the first two by name.
func (q *Queue) where(g *group) string {
	hosts := q.hostNames(g)
	switch {
	case len(hosts) == 0:
		if u := q.users.text[g.moments[0].user]; u != "" {
			return " by " + u
		}
		return ""
	case len(hosts) <= 2:
		return " on " + strings.Join(hosts, " and ")
	}
	return fmt.Sprintf(" on %s and %d more hosts", hosts[0], len(hosts)-1)
}

func (g *group) gravestMoment() *moment {
	best := g.moments[0]
	for _, m := range g.moments {
		if m.weight > best.weight {
			best = m
		}
	}
	return best
}

// techniques names the techniques from the catalogue. An id that it does not
// have cannot appear; one that ATT&CK has replaced appears as its successor.
func (q *Queue) techniques(g *group) []casemate.Technique {
	index := map[string]int{}
	var out []casemate.Technique
	add := func(id, source, evidence string) {
		t, _, ok := q.opt.Catalogue.Resolve(id)
		if !ok {
			return
		}
		i, known := index[t.ID]
		if !known {
			i = len(out)
			index[t.ID] = i
			out = append(out, casemate.Technique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: source})
		}
		if len(out[i].Evidence) < maxEvidence && !slices.Contains(out[i].Evidence, evidence) {
			out[i].Evidence = append(out[i].Evidence, evidence)
		}
	}
	for _, m := range g.moments {
		for _, id := range m.ruled {
			add(id, "rule", m.evidence)
		}
	}
	for _, m := range g.moments {
		for _, id := range m.claimed {
			add(id, "sensor", m.evidence)
		}
	}
	for _, m := range g.moments {
		for _, b := range m.behaviour {
			add(b.technique, "behaviour", m.evidence)
		}
	}
	slices.SortStableFunc(out, func(a, b casemate.Technique) int { return q.tacticOrder(a) - q.tacticOrder(b) })
	return out
}

func (q *Queue) tacticOrder(t casemate.Technique) int {
	if len(t.Tactics) == 0 {
		return 1 << 20
	}
	return q.opt.Catalogue.TacticOrder(t.Tactics[0])
}

// indicators returns the distinct indicators, those of the outside first.
func (g *group) indicators() []casemate.Indicator {
	type key struct {
		kind  casemate.IndicatorType
		value string
	}
	seen := map[key]bool{}
	var public, other []casemate.Indicator
	for _, m := range g.moments {
		for _, in := range m.indicators {
			if k := (key{in.Type, in.Value}); !seen[k] && len(seen) < maxIndicators {
				seen[k] = true
				if in.Scope == casemate.ScopePublic || in.Scope == "" {
					public = append(public, in)
				} else {
					other = append(other, in)
				}
			}
		}
	}
	return append(public, other...)
}

// timeline tells the group's moments in order; of very many, the weightiest.
func (q *Queue) timeline(g *group) []casemate.Moment {
	moments := g.moments
	if len(moments) > maxTimeline {
		moments = slices.Clone(moments)
		slices.SortStableFunc(moments, func(a, b *moment) int {
			switch {
			case a.weight > b.weight:
				return -1
			case a.weight < b.weight:
				return 1
			}
			return byTime(a, b)
		})
		moments = moments[:maxTimeline]
		slices.SortStableFunc(moments, byTime)
	}
	out := make([]casemate.Moment, 0, len(moments))
	for _, m := range moments {
		host := q.hosts.text[m.host]
		if host != "" && host[0] == 0 {
			host = ""
		}
		mo := casemate.Moment{
			First: m.first, Last: m.last, Host: host, User: q.users.text[m.user], Name: q.names.text[m.name],
			Detail: m.detail, Severity: max(m.severity, m.rule), Count: m.count, Evidence: m.evidence, At: m.at, New: m.fresh,
		}
		for _, list := range [][]string{m.ruled, m.claimed} {
			for _, id := range list {
				if t, _, ok := q.opt.Catalogue.Resolve(id); ok && !slices.Contains(mo.Techniques, t.ID) {
					mo.Techniques = append(mo.Techniques, t.ID)
				}
			}
		}
		out = append(out, mo)
	}
	return out
}

// round keeps two decimals, as scores are shown.
func round(x float64) float64 { return float64(int(x*100+0.5)) / 100 }
