package triage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// reasons tells each kind of points in one sentence, with the evidence for it.
// Their points add up to the score.
func (q *Queue) reasons(g *group, score float64) []casemate.Reason {
	var out []casemate.Reason
	scale := 0.0
	if g.sum > 0 {
		scale = score / g.sum
	}
	for _, kind := range reasonKinds {
		p := g.points[kind]
		if p*scale < 0.05 {
			continue
		}
		text, evidence := q.tell(g, kind)
		out = append(out, casemate.Reason{Kind: kind, Text: text, Points: round(p * scale), Evidence: evidence})
	}
	slices.SortStableFunc(out, func(a, b casemate.Reason) int {
		switch {
		case a.Points > b.Points:
			return -1
		case a.Points < b.Points:
			return 1
		}
		return 0
	})
	if len(g.merged) > 0 {
		out = append(out, casemate.Reason{Kind: "link", Text: "Its parts share " + listed(g.merged, maxShared) + ".", Evidence: cite(g.moments)})
	}
	if len(out) == 0 {
		out = append(out, casemate.Reason{Kind: "novelty", Text: "Nothing here is grave, and all of it is usual for these hosts.", Evidence: cite(g.moments[:1])})
	}
	return fixRounding(out, score)
}

// maxShared is how many shared things a reason names.
const maxShared = 8

// listed joins the first n of a list, and counts the rest.
func listed(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

// fixRounding lets the largest reason take what rounding and the kinds too
// small to tell left over.
func fixRounding(reasons []casemate.Reason, score float64) []casemate.Reason {
	rest := score
	for _, r := range reasons {
		rest -= r.Points
	}
	reasons[0].Points = round(reasons[0].Points + rest)
	return reasons
}

// cite returns the ids of moments' evidence, without repeats.
func cite(moments []*moment) []string {
	var ids []string
	for _, m := range moments {
		if len(ids) < maxEvidence && !slices.Contains(ids, m.evidence) {
			ids = append(ids, m.evidence)
		}
	}
	return ids
}

// top returns the moments with the most points of a kind, one a name.
func (g *group) top(points func(*moment) float64, n int) []*moment {
	best := map[int32]*moment{}
	for _, m := range g.moments {
		if p := points(m); p > 0 && (best[m.name] == nil || p > points(best[m.name])) {
			best[m.name] = m
		}
	}
	var out []*moment
	for _, name := range sortedKeys(best) {
		out = append(out, best[name])
	}
	slices.SortStableFunc(out, func(a, b *moment) int {
		switch pa, pb := points(a), points(b); {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return byTime(a, b)
	})
	return out[:min(n, len(out))]
}

// tell returns the sentence for one kind of points.
func (q *Queue) tell(g *group, kind string) (string, []string) {
	switch kind {
	case "severity":
		top := g.top((*moment).severityPoints, 3)
		worst := casemate.SeverityUnknown
		for _, m := range g.moments {
			worst = max(worst, m.severity)
		}
		return fmt.Sprintf("Sensors call it up to %s: %s.", worst, q.quote(top)), cite(top)
	case "rule":
		top := g.top((*moment).rulePoints, 3)
		var titles []string
		for _, m := range top {
			if !slices.Contains(titles, m.ruleTitle) {
				titles = append(titles, m.ruleTitle)
			}
		}
		return fmt.Sprintf("Detection rules matched, the gravest %s: %s.", top[0].rule, strings.Join(titles, "; ")), cite(top)
	case "technique":
		top := g.top((*moment).behaviourPoints, 3)
		return fmt.Sprintf("The alerts show %s.", q.techniqueList(top)), cite(top)
	case "stages":
		return fmt.Sprintf("It goes through %d steps of an intrusion: %s.", len(g.stages), strings.Join(g.stages, ", ")), cite(g.moments)
	case "beacon":
		m := g.moments[0]
		return fmt.Sprintf("Traffic of one kind at a steady rate, hour after hour, over %s: people do not work like that, programs do.", span(g)), cite([]*moment{m})
	case "novelty":
		top := g.top(func(m *moment) float64 { return m.novelty }, 3)
		return q.noveltyText(g, top), cite(top)
	case "burst":
		top := g.top(func(m *moment) float64 { return m.rate }, 2)
		return fmt.Sprintf("Far more than usual within the hour: %s (%d alerts).", q.quote(top[:1]), top[0].count), cite(top)
	case "asset":
		a := q.gravestAsset(g)
		text := fmt.Sprintf("The inventory rates %s as %s", a.Host, a.Criticality)
		if a.Exposure != "" {
			text += " (" + a.Exposure + ")"
		}
		for _, m := range g.moments {
			if q.hosts.text[m.host] == shortHost(a.Host) {
				return text + ".", cite([]*moment{m})
			}
		}
		return text + ".", cite(g.moments[:1])
	}
	return "It coincides with a graver incident (" + g.related[0].why + ").", cite(g.related[0].to.moments[:1])
}

// noveltyText says how unusual the most unusual names are.
func (q *Queue) noveltyText(g *group, top []*moment) string {
	only := 0
	seen := map[int32]bool{}
	for _, m := range g.moments {
		if m.novelty > 0 && m.lone && !seen[m.name] {
			seen[m.name] = true
			only++
		}
	}
	if only > 0 {
		top = g.top(func(m *moment) float64 {
			if !m.lone {
				return 0
			}
			return m.novelty
		}, 3)
	}
	switch {
	case only > 1:
		return fmt.Sprintf("%d kinds of alert occur here and at no other time of the period, among them %s.", only, q.quote(top))
	case only == 1:
		return fmt.Sprintf("It occurs here and at no other time of the period: %s.", q.quote(top[:1]))
	}
	return fmt.Sprintf("Rare on this host and elsewhere: %s.", q.quote(top))
}

// quote lists the names of moments.
func (q *Queue) quote(moments []*moment) string {
	var names []string
	for _, m := range moments {
		names = append(names, phrase.Quote(q.names.text[m.name]))
	}
	return strings.Join(names, ", ")
}

// techniqueList names the weightiest technique of each moment.
func (q *Queue) techniqueList(moments []*moment) string {
	var names []string
	for _, m := range moments {
		ids := slices.Concat(m.ruled, m.claimed)
		if len(ids) == 0 {
			heavy := slices.MaxFunc(m.behaviour, func(a, b *behaviour) int { return int(a.weight*10) - int(b.weight*10) })
			ids = []string{heavy.technique}
		}
		if t, _, ok := q.opt.Catalogue.Resolve(ids[0]); ok {
			if s := t.Name + " (" + t.ID + ")"; !slices.Contains(names, s) {
				names = append(names, s)
			}
		}
	}
	if len(names) == 0 {
		return "techniques that the catalogue does not have"
	}
	return strings.Join(names, ", ")
}

func (q *Queue) gravestAsset(g *group) casemate.Asset {
	return slices.MaxFunc(q.assetsOf(g), func(a, b casemate.Asset) int { return int(a.Criticality) - int(b.Criticality) })
}

// span tells how long a group lasts, in hours.
func span(g *group) string {
	return fmt.Sprintf("%.0f hours", g.last.Sub(g.first).Hours())
}

// next says what to look at: what to collect and how to counter, from the
// catalogue, for the group's techniques.
func (q *Queue) next(g *group) []casemate.NextStep {
	if g.kind == kindBackground {
		return nil
	}
	var ids []string
	for _, t := range q.techniques(g) {
		ids = append(ids, t.ID)
	}
	var platforms []string
	for _, m := range g.moments {
		if m.platform != "" && !slices.Contains(platforms, m.platform) {
			platforms = append(platforms, m.platform)
		}
	}
	return q.opt.Catalogue.NextSteps(ids, nextSteps, platforms...)
}
