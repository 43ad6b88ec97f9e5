package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const maxInPhase = 8 // sentences of one phase

// group is what one sentence of a phase tells: the happenings of one technique.
type group struct {
	technique string
	name      string // where there is no technique
	list      []*happening
	hosts     []string
	users     []string
	ids       []string
	first     time.Time
	last      time.Time
	count     int
	severity  casemate.Severity
}

// phases tells the incidents by tactic, in the order of the kill chain.
func (w *writer) phases() []Phase {
	var out []Phase
	for _, in := range w.told {
		byTactic := map[string][]*group{}
		for i := range w.happened {
			h := &w.happened[i]
			if h.rank != in.Rank || h.tactic == aside {
				continue
			}
			byTactic[h.tactic] = collect(byTactic[h.tactic], h)
		}
		tactics := make([]string, 0, len(byTactic))
		for t := range byTactic {
			tactics = append(tactics, t)
		}
		slices.SortFunc(tactics, func(a, b string) int { return cmp.Or(cmp.Compare(w.order(a), w.order(b)), cmp.Compare(a, b)) })
		for _, t := range tactics {
			out = append(out, w.phase(in, t, byTactic[t]))
		}
	}
	return out
}

// order is a tactic's place in the kill chain; what has none comes last.
func (w *writer) order(tactic string) int {
	if tactic == "" {
		return 1 << 10
	}
	return w.cat.TacticOrder(tactic)
}

// takes reports whether one sentence can tell of the group and of a happening: it
// must not put an account on a machine where it was not.
func (g *group) takes(h *happening) bool {
	if h.technique == "" && g.name != h.moments[0].Name {
		return false
	}
	if len(g.hosts) == 1 && g.hosts[0] == h.host || len(g.hosts) == 0 {
		return true
	}
	return slices.Equal(g.users, h.users)
}

// collect adds a happening to the group of its technique.
func collect(groups []*group, h *happening) []*group {
	i := slices.IndexFunc(groups, func(g *group) bool { return g.technique == h.technique && g.takes(h) })
	name := ""
	if h.technique == "" {
		name = h.moments[0].Name
	}
	if i < 0 {
		groups = append(groups, &group{technique: h.technique, name: name, first: h.first, last: h.last})
		i = len(groups) - 1
	}
	g := groups[i]
	g.list = append(g.list, h)
	g.hosts = add(g.hosts, h.host)
	for _, u := range h.users {
		g.users = add(g.users, u)
	}
	g.ids = append(g.ids, h.ids...)
	g.count += h.count
	g.severity = max(g.severity, h.severity)
	if h.first.Before(g.first) {
		g.first = h.first
	}
	if h.last.After(g.last) {
		g.last = h.last
	}
	return groups
}

func (w *writer) phase(in casemate.Incident, tactic string, groups []*group) Phase {
	p := Phase{Incident: in.Rank, Tactic: tactic, Name: "Other alerts", Techniques: []string{}}
	if t, ok := w.cat.Tactic(tactic); ok {
		p.Name = t.Name
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return a.first.Compare(b.first) })
	grave := slices.Clone(groups)
	slices.SortStableFunc(grave, func(a, b *group) int { return cmp.Compare(b.severity, a.severity) })
	for i, g := range groups {
		if i == 0 || g.first.Before(p.First) {
			p.First = g.first
		}
		if g.last.After(p.Last) {
			p.Last = g.last
		}
		for _, h := range g.hosts {
			p.Hosts = add(p.Hosts, h)
		}
		for _, u := range g.users {
			p.Users = add(p.Users, u)
		}
		if g.technique != "" {
			p.Techniques = append(p.Techniques, g.technique)
		}
		if slices.Index(grave, g) < maxInPhase {
			p.Statements = append(p.Statements, w.sentence(g))
		}
	}
	if rest := len(groups) - maxInPhase; rest > 0 {
		id := w.find("phase", fmt.Sprintf("%s of %s: %d more techniques are in the timeline.", "Incident "+strconv.Itoa(in.Rank), p.Name, rest), nil, p.First, p.Last)
		p.Statements = append(p.Statements, rule(fmt.Sprintf("%d more techniques are in the timeline.", rest), id))
	}
	return p
}

// sentence tells one group: when, where, how many alerts, of what, under whose
// account, and the words of the one that tells most.
func (w *writer) sentence(g *group) casemate.Statement {
	ids := unique(g.ids)
	count := g.count
	if len(ids) > maxCited {
		ids = append(w.byGravity(ids)[:maxCited], w.find("count", fmt.Sprintf("%d alerts, from %s to %s.", count, w.clock(g.first), w.clock(g.last)), nil, g.first, g.last))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", w.span(g.first, g.last), plural(count, "alert"))
	if hosts := list(g.hosts, 5); hosts != "" {
		b.WriteString(" on " + hosts)
	}
	if count == 1 {
		b.WriteString(" reports ")
	} else {
		b.WriteString(" report ")
	}
	best := slices.MaxFunc(g.list, func(a, c *happening) int {
		return cmp.Or(cmp.Compare(a.severity, c.severity), cmp.Compare(telling(a.best()), telling(c.best())), c.first.Compare(a.first))
	}).best()
	if name := w.named(g.technique); name != "" {
		b.WriteString(name)
	} else {
		b.WriteString(quote(best.Name))
	}
	if users := list(g.users, 4); users != "" {
		b.WriteString(" under " + users)
	}
	words := detail(best)
	if telling(best) < 2 && g.technique != "" {
		words = best.Name
	}
	if words != "" && (g.technique != "" || words != best.Name) {
		b.WriteString(": " + quote(words))
	}
	return rule(ended(b.String()), ids...)
}
