package triage

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// The kinds of reason, in the order they are told.
var reasonKinds = []string{"severity", "rule", "technique", "stages", "beacon", "novelty", "burst", "asset", "chain"}

// Verdict thresholds, in sums of points before scaling.
const (
	maliciousSum  = 60.0
	suspiciousSum = 30.0
	reviewSum     = 9.0

	gravePoints = 15.0 // of severity or rule, that make "suspicious" by themselves: one high alert that does not keep recurring
)

// score sets the group's points, kind by kind.
func (g *group) score(q *Queue) {
	g.points = map[string]float64{}
	g.points["severity"] = g.add(func(m *moment) float64 { return m.severityPoints() })
	g.points["rule"] = g.add(func(m *moment) float64 { return m.rulePoints() })
	g.points["technique"] = g.add(func(m *moment) float64 { return m.behaviourPoints() })
	g.points["novelty"] = g.add(func(m *moment) float64 { return pointsPerBit * m.novelty })
	g.points["burst"] = g.add(func(m *moment) float64 { return burstPerBit * m.rate })
	g.stages = g.tactics(q)
	if g.kind == kindEpisode && len(g.stages) > 1 {
		g.points["stages"] = stagePoints * float64(min(len(g.stages)-1, maxStages))
	}
	if g.kind == kindBeacon {
		g.points["beacon"] = beaconPoints
	}
	if g.kind == kindBackground || g.kind == kindContext {
		// Routine alerts are weighed one by one: that there are many raises nothing.
		g.points["technique"] *= 0.5
	}
	base := g.total()
	g.points["asset"] = min(q.assetPoints(g), base/2)
	g.sum = g.total()
}

// add sums one kind of points over the group: once for each name, and once for
// what begins within two seconds, since several sensors tell of one act.
func (g *group) add(points func(*moment) float64) float64 {
	best := map[int32]*moment{}
	for _, m := range g.moments {
		if p := points(m); p > 0 && (best[m.name] == nil || p > points(best[m.name])) {
			best[m.name] = m
		}
	}
	acts := make([]*moment, 0, len(best))
	for _, name := range sortedKeys(best) {
		acts = append(acts, best[name])
	}
	slices.SortStableFunc(acts, byTime)
	var sum powerSum
	for i := 0; i < len(acts); {
		begin, most := acts[i].first, 0.0
		for ; i < len(acts) && acts[i].first.Sub(begin) <= oneAct; i++ {
			most = max(most, points(acts[i]))
		}
		sum.add(most)
	}
	return sum.value()
}

// oneAct is how close alerts begin that tell of one act.
const oneAct = 2 * time.Second

func (g *group) total() float64 {
	sum := 0.0
	for _, kind := range reasonKinds {
		sum += g.points[kind]
	}
	return sum
}

// tactics returns the tactics of a group's techniques, in kill-chain order.
// Behaviour read from a name counts only where it is more than everyday.
func (g *group) tactics(q *Queue) []string {
	var out []string
	seen := map[string]bool{}
	for _, id := range g.techniqueIDs(2) {
		if seen[id] {
			continue
		}
		seen[id] = true
		t, _, ok := q.opt.Catalogue.Resolve(id)
		if !ok || len(t.Tactics) == 0 {
			continue
		}
		// One technique is one step, whatever the number of its tactics.
		if !slices.ContainsFunc(t.Tactics, func(s string) bool { return slices.Contains(out, s) }) {
			out = append(out, t.Tactics[0])
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return q.opt.Catalogue.TacticOrder(a) - q.opt.Catalogue.TacticOrder(b)
	})
	return out
}

// techniqueIDs returns the ids that sensors, rules or names (of at least a
// weight) give.
func (g *group) techniqueIDs(weight float64) []string {
	var out []string
	for _, m := range g.moments {
		out = append(out, m.claimed...)
		out = append(out, m.ruled...)
		for _, b := range m.behaviour {
			if b.weight >= weight {
				out = append(out, b.technique)
			}
		}
	}
	return out
}

// assetPoints are for what the group's hosts are worth.
func (q *Queue) assetPoints(g *group) float64 {
	best := 0.0
	for _, a := range q.assetsOf(g) {
		p := [...]float64{casemate.SeverityMedium: 2, casemate.SeverityHigh: 6, casemate.SeverityCritical: 10}[min(a.Criticality, casemate.SeverityCritical)]
		if a.Exposure == "internet" {
			p += 2
		}
		best = max(best, p)
	}
	return best
}

// assetsOf returns what the inventory says of the group's hosts.
func (q *Queue) assetsOf(g *group) []casemate.Asset {
	var out []casemate.Asset
	for _, h := range g.hosts() {
		if a, ok := q.assets[q.hosts.text[h]]; ok {
			out = append(out, a.Asset)
		}
	}
	return out
}

// chain raises what happens around a graver incident, and links the two. A
// coincidence means less, the more of the period the graver incident covers.
func chain(groups []*group, st *statistics) {
	var cores []*group
	for _, g := range groups {
		if g.kind == kindEpisode && g.grave >= coreWeight {
			cores = append(cores, g)
		}
	}
	slices.SortStableFunc(cores, func(a, b *group) int { return cmp.Compare(b.sum, a.sum) })
	raised := map[*group]float64{}
	for _, g := range groups {
		if g.kind != kindEpisode && g.kind != kindContext {
			continue
		}
		for _, core := range cores {
			if core.sum <= g.sum || core == g {
				break
			}
			rare := 1 - core.coverage(st)
			if rare <= 0 || !core.near(g) {
				continue
			}
			why, same := relation(g, core, st.q)
			raised[g] = rare * chainPoints(g, core, same)
			if len(g.related) == 0 {
				g.related = append(g.related, link{core, why})
			}
			if len(core.related) < maxRelated {
				core.related = append(core.related, link{g, why})
			}
			break
		}
	}
	for g, points := range raised {
		g.points["chain"] = points
		g.sum += points
	}
}

// chainPoints are what a link to a graver incident adds: no more than a weak
// sign is worth by itself, and never past that incident.
func chainPoints(g, core *group, same bool) float64 {
	most := chainShare * (core.sum - g.sum)
	switch {
	case g.kind == kindContext:
		return min(most, contextPoints)
	case same:
		return min(most, g.sum)
	}
	return min(most, g.sum/2)
}

// near reports whether another group has a moment within an hour of one of g's.
func (g *group) near(other *group) bool {
	for _, m := range g.moments {
		for _, o := range other.moments {
			if overlaps(o, m.first.Add(-aroundCore), m.last.Add(aroundCore)) {
				return true
			}
		}
	}
	return false
}

// coverage is the share of the period's hours that are within an hour of the group.
func (g *group) coverage(st *statistics) float64 {
	hours := map[int64]bool{}
	for _, m := range g.moments {
		for h := m.hour - 1; h <= m.hour+1; h++ {
			hours[h] = true
		}
	}
	return float64(len(hours)) / max(st.period, 24)
}

const maxRelated = 30

// relation says how two groups that overlap in time are linked.
func relation(a, b *group, q *Queue) (why string, same bool) {
	for _, m := range a.moments {
		for _, o := range b.moments {
			if m.name == o.name && m.novelty > 0 && o.novelty > 0 {
				return fmt.Sprintf("the same unusual alert at the same time: %s", q.names.text[m.name]), true
			}
		}
	}
	return "unusual alerts at the same time", false
}

// compareGroups ranks: the greater sum first, then the graver kind, the earlier.
func compareGroups(a, b *group) int {
	return cmp.Or(cmp.Compare(b.sum, a.sum), cmp.Compare(a.kind, b.kind), a.first.Compare(b.first),
		strings.Compare(a.moments[0].evidence, b.moments[0].evidence))
}

// scaled returns the score of a sum, 0 to 100.
func scaled(sum float64) float64 { return 100 * (1 - math.Exp(-sum/scoreScale)) }

// verdict judges a group. "Likely malicious" needs two independent kinds of
// support, so that no single alert's words reach it alone; what an incident
// coincides with raises its verdict to "suspicious" at most.
func (g *group) verdict() casemate.Verdict {
	own, support := g.sum-g.points["chain"], 0
	for _, kind := range []string{"severity", "rule", "stages", "beacon", "novelty"} {
		if g.points[kind] >= 5 {
			support++
		}
	}
	step := grade(own)
	if step < malicious-1 && max(g.points["severity"], g.points["rule"]) >= gravePoints {
		step = malicious - 1
	}
	if step == malicious && support < 2 {
		step--
	}
	return gradedVerdicts[max(step, min(grade(g.sum), malicious-1))]
}

// malicious is the place of the gravest verdict.
const malicious = len(gradedVerdicts) - 1

var gradedVerdicts = [...]casemate.Verdict{
	casemate.VerdictBenign, casemate.VerdictReview, casemate.VerdictSuspicious, casemate.VerdictMalicious,
}

// grade returns the place in gradedVerdicts that a sum reaches.
func grade(sum float64) int {
	switch {
	case sum >= maliciousSum:
		return 3
	case sum >= suspiciousSum:
		return 2
	case sum >= reviewSum:
		return 1
	}
	return 0
}

// capGroups merges the least urgent background groups when there are too many
// to read, and says so in their title.
func (q *Queue) capGroups(groups []*group) []*group {
	if len(groups) <= maxIncidents {
		return groups
	}
	kept := groups[:maxIncidents-1]
	rest := &group{kind: kindBackground, points: map[string]float64{}}
	for _, g := range groups[maxIncidents-1:] {
		rest.moments = append(rest.moments, g.moments...)
	}
	rest.settle()
	rest.score(q)
	rest.sum = min(rest.sum, kept[len(kept)-1].sum)
	return append(slices.Clone(kept), rest)
}

// maxIncidents is how many incidents one triage makes at most.
const maxIncidents = 300
