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

// tactics returns the tactics that a group goes through, in kill-chain order:
// one a name at most, so that no single alert's words make a chain. Behaviour
// read from a name counts only where it is more than everyday.
func (g *group) tactics(q *Queue) []string {
	var out []string
	told := map[int32]bool{}
	for _, m := range g.moments {
		if told[m.name] {
			continue
		}
		for _, id := range m.techniqueIDs(2) {
			t, _, ok := q.opt.Catalogue.Resolve(id)
			if !ok || len(t.Tactics) == 0 {
				continue
			}
			told[m.name] = true
			// One technique is one step, whatever the number of its tactics.
			if !slices.ContainsFunc(t.Tactics, func(s string) bool { return slices.Contains(out, s) }) {
				out = append(out, t.Tactics[0])
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return q.opt.Catalogue.TacticOrder(a) - q.opt.Catalogue.TacticOrder(b)
	})
	return out
}

// techniqueIDs returns the ids that sensor, rules or name (of at least a weight)
// give.
func (m *moment) techniqueIDs(weight float64) []string {
	out := slices.Concat(m.claimed, m.ruled)
	for _, b := range m.behaviour {
		if b.weight >= weight {
			out = append(out, b.technique)
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

// core is a grave incident, indexed for what may coincide with it.
type core struct {
	*group
	spans []timeSpan     // an hour around its moments, merged, in order
	rare  float64        // how much a coincidence with it means, 0 to 1
	names map[int32]bool // what is unusual in it
}

type timeSpan struct{ from, to time.Time }

// chain raises what happens around a graver incident, and links the two. A
// coincidence means less, the more of the period the graver incident covers.
func chain(groups []*group, st *statistics) {
	byHour := coresByHour(groups, st)
	raised := map[*group]float64{}
	for _, g := range groups {
		if g.kind != kindEpisode && g.kind != kindContext {
			continue
		}
		c := graverCore(g, byHour)
		if c == nil {
			continue
		}
		why, same := c.relation(g, st.q)
		raised[g] = c.rare * chainPoints(g, c.group, same)
		if len(g.related) == 0 {
			g.related = append(g.related, link{c.group, why})
		}
		if len(c.related) < maxRelated {
			c.related = append(c.related, link{g, why})
		}
	}
	for g, points := range raised {
		g.points["chain"] = points
		g.sum += points
	}
}

// maxCoresAnHour bounds how many graver incidents one is compared with.
const maxCoresAnHour = 8

// coresByHour lists the grave incidents near each hour, the gravest first.
func coresByHour(groups []*group, st *statistics) map[int64][]*core {
	var cores []*core
	for _, g := range groups {
		if g.kind == kindEpisode && g.grave >= coreWeight {
			if c := newCore(g, st); c.rare > 0 {
				cores = append(cores, c)
			}
		}
	}
	slices.SortStableFunc(cores, func(a, b *core) int { return cmp.Compare(b.sum, a.sum) })
	byHour := map[int64][]*core{}
	for _, c := range cores {
		hours := map[int64]bool{}
		for _, m := range c.moments {
			// One hour for being near, one for where in its hour a moment stands.
			for h := m.hour - 2; h <= m.hour+2; h++ {
				hours[h] = true
			}
		}
		for h := range hours {
			if len(byHour[h]) < maxCoresAnHour {
				byHour[h] = append(byHour[h], c)
			}
		}
	}
	return byHour
}

func newCore(g *group, st *statistics) *core {
	c := &core{group: g, names: map[int32]bool{}}
	hours := map[int64]bool{}
	for _, m := range g.moments { // in order of time: see settle
		if m.novelty > 0 {
			c.names[m.name] = true
		}
		if m.timeless {
			continue
		}
		for h := m.hour - 1; h <= m.hour+1; h++ {
			hours[h] = true
		}
		s := timeSpan{m.first.Add(-aroundCore), m.last.Add(aroundCore)}
		if n := len(c.spans); n > 0 && !s.from.After(c.spans[n-1].to) {
			if s.to.After(c.spans[n-1].to) {
				c.spans[n-1].to = s.to
			}
			continue
		}
		c.spans = append(c.spans, s)
	}
	c.rare = 1 - float64(len(hours))/max(st.period, 24)
	return c
}

// graverCore returns the gravest incident that a group has a moment near to, if
// it is graver than the group.
func graverCore(g *group, byHour map[int64][]*core) *core {
	var best *core
	for _, m := range g.moments {
		if m.timeless {
			continue
		}
		for _, c := range byHour[m.hour] {
			if best != nil && c.sum <= best.sum || c.sum <= g.sum {
				break
			}
			if c.group != g && c.near(m) {
				best = c
				break
			}
		}
	}
	return best
}

// near reports whether a moment is within an hour of one of the core's.
func (c *core) near(m *moment) bool {
	i, _ := slices.BinarySearchFunc(c.spans, m.first, func(s timeSpan, t time.Time) int { return s.to.Compare(t) })
	return i < len(c.spans) && !c.spans[i].from.After(m.last)
}

// relation says how a group that overlaps the core in time is linked to it.
func (c *core) relation(g *group, q *Queue) (why string, same bool) {
	for _, m := range g.moments {
		if m.novelty > 0 && c.names[m.name] {
			return fmt.Sprintf("the same unusual alert at the same time: %s", q.names.text[m.name]), true
		}
	}
	return "unusual alerts at the same time", false
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

const maxRelated = 30

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
	if step == 0 && slices.ContainsFunc(g.moments, func(m *moment) bool { return max(m.severity, m.rule) >= casemate.SeverityHigh }) {
		step = 1 // what a sensor or rule calls high is never called benign
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

// capGroups merges the least urgent groups, whatever their kind, when there are
// too many to read; the title of what they become says so.
func (q *Queue) capGroups(groups []*group) []*group {
	if len(groups) <= maxIncidents {
		return groups
	}
	kept := groups[:maxIncidents-1]
	rest := &group{kind: kindBackground, rest: true}
	for _, g := range groups[maxIncidents-1:] {
		rest.moments = append(rest.moments, g.moments...)
	}
	rest.settle()
	rest.score(q)
	if most := kept[len(kept)-1].sum; rest.sum > most {
		for kind := range rest.points {
			rest.points[kind] *= most / rest.sum
		}
		rest.sum = most
	}
	return append(slices.Clone(kept), rest)
}

// maxIncidents is how many incidents one triage makes at most.
const maxIncidents = 300
