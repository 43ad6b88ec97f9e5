package triage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const (
	sessionGap  = 30 * time.Minute // silence on a host that ends an episode
	sameHostGap = 4 * time.Hour    // grave episodes on one host within this are one incident
	linkGap     = 24 * time.Hour   // how long a shared entity links episodes
	aroundCore  = time.Hour        // how far around a grave incident weaker signs are looked for
	peerBefore  = 10 * time.Minute // how much earlier than the cause its effect on a peer may be logged
	peerAfter   = 2 * time.Hour

	peerWeight = 8.0 // points both ends of a move between hosts must have
)

// group is an incident in the making.
type group struct {
	moments []*moment // by time
	first   time.Time
	last    time.Time
	kind    groupKind
	merged  []string // why episodes were made one: what they share

	points  map[string]float64 // by kind of reason
	stages  []string           // tactics, in kill-chain order
	sum     float64
	related []link

	grave float64 // see measure
	rest  bool    // it holds all that there was no room for: see capGroups
}

type groupKind uint8

// The kinds, in the order they rank at equal scores.
const (
	kindEpisode    groupKind = iota // anomalous or grave alerts of a host that follow each other
	kindBeacon                      // a steady stream of traffic
	kindContext                     // weaker signs around a grave incident
	kindBackground                  // everything of one name that is routine here
)

// link is a relation to another group.
type link struct {
	to  *group
	why string
}

// correlate puts every moment into exactly one group.
func (q *Queue) correlate(st *statistics) []*group {
	for _, m := range q.moments {
		st.weigh(m)
	}
	c := &correlator{q: q, st: st, taken: make(map[*moment]bool, len(q.moments))}
	beacons := c.beacons()
	episodes := c.episodes()
	episodes = mergeSameHost(c.mergeLinked(episodes))
	c.attachWeak(episodes)
	context := c.context(episodes)
	groups := slices.Concat(beacons, episodes, context, c.background())
	for _, g := range groups {
		g.settle()
	}
	return groups
}

type correlator struct {
	q     *Queue
	st    *statistics
	taken map[*moment]bool
}

func (c *correlator) take(g *group, m *moment) {
	c.taken[m] = true
	g.moments = append(g.moments, m)
}

// beacons makes one group of all steady streams of one name.
func (c *correlator) beacons() []*group {
	return c.byName(kindBeacon, func(m *moment) bool { return m.steady })
}

// background groups what is left by name: everything routine.
func (c *correlator) background() []*group {
	return c.byName(kindBackground, func(*moment) bool { return true })
}

// byName makes one group a name of the moments that are wanted and not taken.
func (c *correlator) byName(kind groupKind, wanted func(*moment) bool) []*group {
	groups := map[int32]*group{}
	var out []*group
	for _, m := range c.q.moments {
		if c.taken[m] || !wanted(m) {
			continue
		}
		g := groups[m.name]
		if g == nil {
			g = &group{kind: kind}
			groups[m.name] = g
			out = append(out, g)
		}
		c.take(g, m)
	}
	return out
}

// isAnchor reports whether a moment can begin an incident.
func (c *correlator) isAnchor(m *moment) bool {
	if c.taken[m] || m.weight < anchorWeight {
		return false
	}
	return !c.q.isEcho(m)
}

// isEcho reports whether a moment only relays alerts of another sensor that
// are there, too. One that says more than its original is no echo.
func (q *Queue) isEcho(m *moment) bool {
	return isRelay(q.names.text[m.name]) && q.original[hostHour{m.host, m.hour}] &&
		m.severity < casemate.SeverityHigh && m.rule == casemate.SeverityUnknown
}

// episodes strings the anchors of each host together until it falls silent.
func (c *correlator) episodes() []*group {
	byHost := map[int32][]*moment{}
	var hosts []int32
	for _, m := range c.q.moments {
		if c.isAnchor(m) {
			if byHost[m.host] == nil {
				hosts = append(hosts, m.host)
			}
			byHost[m.host] = append(byHost[m.host], m)
		}
	}
	var out []*group
	for _, h := range hosts {
		anchors := byHost[h]
		slices.SortStableFunc(anchors, byTime)
		var g *group
		for _, m := range anchors {
			if g == nil || m.first.Sub(g.last) > sessionGap {
				g = &group{first: m.first, last: m.last}
				out = append(out, g)
			}
			c.take(g, m)
			if m.last.After(g.last) {
				g.last = m.last
			}
		}
	}
	for _, g := range out {
		g.measure()
	}
	return out
}

// mergeSameHost makes one of grave episodes on one host that are a few hours apart.
func mergeSameHost(groups []*group) []*group {
	set := newUnion(groups)
	last := map[int32]*group{}
	slices.SortStableFunc(groups, func(a, b *group) int { return a.first.Compare(b.first) })
	for _, g := range groups {
		if g.grave < coreWeight {
			continue
		}
		for _, h := range g.hosts() {
			if before := last[h]; before != nil && g.first.Sub(before.last) <= sameHostGap {
				set.join(before, g, "the same host within hours")
			}
			last[h] = g
		}
	}
	return set.groups(groups)
}

// attachWeak gives each grave incident the weaker unusual moments of its hosts
// and hours. Elsewhere they remain routine.
func (c *correlator) attachWeak(groups []*group) {
	spans := map[int32][]hostSpan{}
	for _, g := range groups {
		if g.grave >= coreWeight {
			for _, h := range g.hosts() {
				spans[h] = append(spans[h], hostSpan{g, g.first.Add(-sessionGap), g.last.Add(sessionGap)})
			}
		}
	}
	for _, list := range spans {
		slices.SortStableFunc(list, func(a, b hostSpan) int { return a.from.Compare(b.from) })
	}
	for _, m := range c.q.moments {
		if c.taken[m] || m.timeless || m.novelty == 0 || c.q.isEcho(m) {
			continue
		}
		list := spans[m.host]
		// The last few that begin before the moment ends: earlier ones are long over.
		n, _ := slices.BinarySearchFunc(list, m.last, func(s hostSpan, t time.Time) int {
			if s.from.After(t) {
				return 1
			}
			return -1
		})
		for i := n - 1; i >= max(0, n-maxOverlapping); i-- {
			if !list[i].to.Before(m.first) {
				c.take(list[i].group, m)
				break
			}
		}
	}
}

// hostSpan is when a group is about a host.
type hostSpan struct {
	group    *group
	from, to time.Time
}

// maxOverlapping is how many grave incidents of one host are looked at for a moment.
const maxOverlapping = 8

// context collects, around each grave incident, the weaker signs on other hosts
// that an intrusion leaves: load, odd name look-ups.
func (c *correlator) context(groups []*group) []*group {
	type key struct {
		core *group
		host int32
	}
	byHour := map[int64][]*group{}
	for _, g := range groups {
		if g.grave < coreWeight {
			continue
		}
		for h := g.first.Add(-aroundCore).Unix() / 3600; h <= g.last.Add(aroundCore).Unix()/3600; h++ {
			if len(byHour[h]) < maxCoresAnHour {
				byHour[h] = append(byHour[h], g)
			}
		}
	}
	found := map[key]*group{}
	var out []*group
	for _, m := range c.q.moments {
		if c.taken[m] || m.timeless || !m.isContext() || c.st.hoursOf(m) > c.st.usualLimit(contextShare) {
			continue
		}
		for _, core := range byHour[m.hour] {
			if !overlaps(m, core.first.Add(-aroundCore), core.last.Add(aroundCore)) {
				continue
			}
			g := found[key{core, m.host}]
			if g == nil {
				g = &group{kind: kindContext, related: []link{{core, "at the same time"}}}
				found[key{core, m.host}] = g
				out = append(out, g)
			}
			c.take(g, m)
			break
		}
	}
	return out
}

func (m *moment) isContext() bool {
	return slices.ContainsFunc(m.behaviour, func(b *behaviour) bool { return b.context })
}

// overlaps reports whether a moment touches the time from begin to end.
func overlaps(m *moment, begin, end time.Time) bool {
	return !m.first.After(end) && !m.last.Before(begin)
}

func byTime(a, b *moment) int {
	return cmp.Or(a.first.Compare(b.first), strings.Compare(a.evidence, b.evidence), strings.Compare(a.at.File, b.at.File), a.at.Line-b.at.Line)
}

// settle sorts a finished group's moments and measures its span.
func (g *group) settle() {
	slices.SortStableFunc(g.moments, byTime)
	g.first, g.last = time.Time{}, time.Time{}
	for _, m := range g.moments {
		if m.timeless {
			continue
		}
		if g.first.IsZero() || m.first.Before(g.first) {
			g.first = m.first
		}
		if m.last.After(g.last) {
			g.last = m.last
		}
	}
}

// hosts returns the distinct places of a group's moments, in order.
func (g *group) hosts() []int32 { return distinct(g.moments, func(m *moment) int32 { return m.host }) }

// names returns the distinct names of a group's moments, in order.
func (g *group) names() []int32 { return distinct(g.moments, func(m *moment) int32 { return m.name }) }

func distinct(moments []*moment, of func(*moment) int32) []int32 {
	seen := make(map[int32]bool, 8)
	var out []int32
	for _, m := range moments {
		if id := of(m); !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// measure sets the points that the group's moments have together, before
// stages, assets and links.
func (g *group) measure() { g.grave = g.add(func(m *moment) float64 { return m.weight }) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
