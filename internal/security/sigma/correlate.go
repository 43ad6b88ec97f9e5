package sigma

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// Limits on what a correlator remembers. What exceeds them goes, the oldest
// first, and is counted in CorrelatorStats.
const (
	MaxGroups  = 10_000  // groups of one correlation rule
	MaxEntries = 1 << 20 // events remembered by all groups together
	MaxEvents  = 64      // events that a Correlated names
)

// Correlated is a correlation rule that matches fulfilled.
type Correlated struct {
	Rule        *Rule
	First, Last time.Time        // of the events that fulfilled it
	Count       int              // events, distinct values or rules, as the rule counts
	Group       []casemate.Field // what they have in common
	Events      []uint64         // the caller's numbers of the last of them, in order
}

// Detection returns it in the shared vocabulary.
func (c Correlated) Detection() casemate.Detection {
	d := Match{Rule: c.Rule}.Detection()
	for _, f := range c.Group {
		d.Fields = append(d.Fields, f.Name)
	}
	return d
}

// CorrelatorStats counts what a correlator could not take as it was.
type CorrelatorStats struct {
	Late      int // matches older than one before: taken as if they came with it
	Untimed   int // matches without a time: left out
	Ungrouped int // matches whose event lacks a field to group by or to count: left out
	Evicted   int // groups forgotten for MaxGroups or MaxEntries
}

// Correlator finds what correlation rules relate. It takes the matches of one
// stream of events, in order of time, and is not for several goroutines. Time
// is that of the events, no clock is read: the same events give the same
// findings.
//
// A rule whose condition more events can only fulfil (gt, gte, temporal)
// matches with the event that fulfils it, and again for the same group when it
// no longer held in between, or after a whole timespan. A rule with any other
// condition (lt, lte, eq, neq) is counted in windows: a group's first event
// opens one, and the rule is judged when its timespan has passed.
type Correlator struct {
	Stats CorrelatorStats

	e       *Engine
	states  []*state // by relation
	now     int64    // Unix nanoseconds of the newest match
	entries int
	out     []Correlated
}

// NewCorrelator returns a correlator for one stream.
func (e *Engine) NewCorrelator() *Correlator {
	c := &Correlator{e: e}
	for _, rel := range e.relations {
		c.states = append(c.states, &state{rel: rel, groups: map[string]*list.Element{}})
	}
	return c
}

// occurrence is a match on its way to a correlation.
type occurrence struct {
	at   int64
	ref  uint64
	rule int // which of the rules that the correlation names
	vals []carriedValue
}

// carriedValue is the first value of a field that correlations read.
type carriedValue struct {
	text string
	ok   bool
}

// state is what a correlator knows of one relation.
type state struct {
	rel    *relation
	groups map[string]*list.Element
	// order holds the groups, the one longest without an event first; those of
	// closed relations as they were opened.
	order list.List
}

// group is one set of values of the fields to group by.
type group struct {
	key     string
	at      int64 // of its last event; of closed relations, of its first
	entries []entry
	fired   int64 // when it last matched
	firing  bool  // whether the last event left it fulfilled
	count   int   // of closed relations
	last    occurrence
}

// entry is an event that a group remembers: of event_count the last ones, of
// value_count the last of each value, of the temporal ones that of each rule.
type entry struct {
	at    int64
	ref   uint64
	value string
	first int64 // of temporal_ordered: when the chain began that the event ends
	set   bool  // of the temporal ones: whether there is an event
}

// Add takes the matches of one event and appends to dst the correlations that
// they fulfil. ref is the caller's number of the event, for
// Correlated.Events. Matches that no correlation asks for are passed over.
func (c *Correlator) Add(at time.Time, ref uint64, matches []Match, fields []casemate.Field, dst []Correlated) []Correlated {
	var vals []carriedValue
	for _, m := range matches {
		feeds := c.e.rules[m.index].feeds
		if len(feeds) == 0 {
			continue
		}
		// Beyond what Unix nanoseconds hold, it is no time of an event.
		if at.IsZero() || at.Year() < 1700 || at.Year() > 2200 {
			c.Stats.Untimed++
			continue
		}
		if vals == nil {
			vals = c.carry(fields)
			c.advance(at.UnixNano())
		}
		c.feed(feeds, occurrence{at: c.now, ref: ref, vals: vals})
	}
	return c.take(dst)
}

// Flush ends the stream: it judges the windows that are open.
func (c *Correlator) Flush(dst []Correlated) []Correlated {
	// Relations stand behind those that feed them.
	for _, s := range c.states {
		for s.rel.closed && s.order.Len() > 0 {
			c.end(s)
		}
	}
	return c.take(dst)
}

func (c *Correlator) take(dst []Correlated) []Correlated {
	dst = append(dst, c.out...)
	clear(c.out)
	c.out = c.out[:0]
	return dst
}

// advance judges the windows that end before a time, and makes it the newest.
func (c *Correlator) advance(at int64) {
	if at < c.now && c.now != 0 {
		c.Stats.Late++
		return
	}
	for _, s := range c.states {
		for s.rel.closed && s.order.Len() > 0 && s.order.Front().Value.(*group).at+int64(s.rel.span) < at {
			c.end(s)
		}
	}
	c.now = at
}

// carry takes the fields that correlations read from an event.
func (c *Correlator) carry(fields []casemate.Field) []carriedValue {
	vals := make([]carriedValue, len(c.e.carried))
	var name []byte
	for _, f := range fields {
		if f.Kind > casemate.Bool {
			continue
		}
		name = appendFold(name[:0], f.Name)
		if i, ok := c.e.carried[string(name)]; ok && !vals[i].ok {
			vals[i] = carriedValue{short(f.Value), true}
		}
	}
	return vals
}

// longValue is the length up to which a value is remembered as it is.
const longValue = 256

// short returns a copy of a value that can be kept: of a long one the start
// and a digest, so that different values stay different.
func short(s string) string {
	if len(s) <= longValue {
		return strings.Clone(s)
	}
	sum := sha256.Sum256([]byte(fold(s)))
	return strings.ToValidUTF8(s[:longValue], "") + "… sha256:" + hex.EncodeToString(sum[:])
}

// feed gives a match to the relations that want it. Of one relation, later
// rules come first, so that one event is not two steps of an ordered chain.
func (c *Correlator) feed(feeds []feed, o occurrence) {
	for i := len(feeds) - 1; i >= 0; i-- {
		o.rule = feeds[i].ref
		c.process(c.states[feeds[i].to.place], o)
	}
}

// process takes one match into its group.
func (c *Correlator) process(s *state, o occurrence) {
	key, ok := groupKey(s.rel.groups[o.rule], o.vals)
	value, counted := groupKey(s.rel.counted, o.vals)
	if !ok || !counted {
		c.Stats.Ungrouped++
		return
	}
	g := c.group(s, key, o.at)
	before := len(g.entries)
	fulfilled := g.take(s.rel, o, value)
	g.last = o
	c.entries += len(g.entries) - before
	c.shed(s, g)
	if s.rel.closed {
		return
	}
	again := g.firing && o.at-g.fired <= int64(s.rel.span)
	if g.firing = fulfilled; fulfilled && !again {
		g.fired = o.at
		c.emit(s.rel, g)
	}
}

// groupKey joins values so that different ones give different keys.
func groupKey(places []int, vals []carriedValue) (string, bool) {
	var key []byte
	for _, i := range places {
		if !vals[i].ok {
			return "", false
		}
		text := fold(vals[i].text)
		key = append(binary.AppendUvarint(key, uint64(len(text))), text...)
	}
	return string(key), true
}

// group finds or opens a group and makes it the newest of its relation.
func (c *Correlator) group(s *state, key string, at int64) *group {
	if el := s.groups[key]; el != nil {
		g := el.Value.(*group)
		if !s.rel.closed {
			g.at = at
			s.order.MoveToBack(el)
		}
		return g
	}
	for el := s.order.Front(); el != nil && !s.rel.closed && el.Value.(*group).at+int64(s.rel.span) < at; el = s.order.Front() {
		c.forget(s, el)
	}
	g := &group{key: key, at: at}
	s.groups[key] = s.order.PushBack(g)
	return g
}

// shed forgets the oldest groups, but not keep, while too much is remembered.
func (c *Correlator) shed(s *state, keep *group) {
	for c.entries > MaxEntries || s.order.Len() > MaxGroups {
		el := s.order.Front()
		if el.Value.(*group) == keep {
			if el = el.Next(); el == nil {
				return
			}
		}
		c.Stats.Evicted++
		c.forget(s, el)
	}
}

func (c *Correlator) forget(s *state, el *list.Element) {
	g := s.order.Remove(el).(*group)
	delete(s.groups, g.key)
	c.entries -= len(g.entries)
}

// end judges the oldest window of a closed relation.
func (c *Correlator) end(s *state) {
	el := s.order.Front()
	g := el.Value.(*group)
	c.forget(s, el)
	if s.rel.holds(g.count) {
		c.emit(s.rel, g)
	}
}

// emit reports a relation, and feeds it to those that it is part of.
func (c *Correlator) emit(rel *relation, g *group) {
	if rel.alone {
		out := Correlated{Rule: rel.rule, Count: g.count, Last: time.Unix(0, g.last.at).UTC()}
		first := g.last.at
		if rel.closed {
			first = g.at
		}
		events := slices.Clone(g.entries)
		slices.SortStableFunc(events, func(a, b entry) int { return int(min(max(a.at-b.at, -1), 1)) })
		for _, e := range events {
			if (!rel.temporal() || e.set) && g.last.at-e.at <= int64(rel.span) {
				first = min(first, e.at)
				out.Events = append(out.Events, e.ref)
			}
		}
		out.Events = out.Events[max(0, len(out.Events)-MaxEvents):]
		out.First = time.Unix(0, first).UTC()
		for i, name := range rel.groupBy {
			out.Group = append(out.Group, casemate.Field{Name: name, Value: g.last.vals[rel.groups[g.last.rule][i]].text})
		}
		c.out = append(c.out, out)
	}
	c.feed(rel.feeds, occurrence{at: c.now, ref: g.last.ref, vals: g.last.vals})
}

func (rel *relation) temporal() bool { return rel.kind[0] == 't' }

// take remembers a match and reports whether a sliding condition holds.
func (g *group) take(rel *relation, o occurrence, value string) bool {
	switch {
	case rel.temporal():
		return g.takeRule(rel, o)
	case rel.kind == "event_count":
		g.count++
	default:
		g.entries = slices.DeleteFunc(g.entries, func(e entry) bool { return e.value == value })
	}
	keep := rel.need
	if rel.closed {
		keep = MaxEvents
		if rel.kind == "value_count" {
			keep = MaxThreshold + 1 // more than any condition asks for
		}
	}
	if len(g.entries) >= keep {
		g.entries = slices.Delete(g.entries, 0, 1)
	}
	g.entries = append(g.entries, entry{at: o.at, ref: o.ref, value: value})
	if !rel.closed || rel.kind == "value_count" {
		g.count = len(g.entries)
	}
	return g.count >= rel.need && o.at-g.entries[0].at <= int64(rel.span)
}

// takeRule remembers, for each rule, its last match; for an ordered relation
// the last that ends a chain of matches of the rules up to it, which is the
// youngest: if any such chain is short enough, the youngest is.
func (g *group) takeRule(rel *relation, o occurrence) bool {
	if g.entries == nil {
		g.entries = make([]entry, rel.refs)
	}
	within := func(at int64) bool { return o.at-at <= int64(rel.span) }
	step := entry{at: o.at, ref: o.ref, first: o.at, set: true}
	ordered := rel.kind == "temporal_ordered"
	if ordered && o.rule > 0 {
		before := g.entries[o.rule-1]
		step.first, step.set = before.first, before.set && within(before.first)
	}
	if step.set {
		g.entries[o.rule] = step
	}
	g.count = 0
	for _, e := range g.entries {
		if e.set && within(e.at) {
			g.count++
		}
	}
	if last := g.entries[rel.refs-1]; ordered {
		return last.set && within(last.first)
	}
	return g.count >= rel.need
}

// Correlates reports whether a correlation asks for a match, so that a caller
// who has to sort events first knows which to hold.
func (e *Engine) Correlates(m Match) bool { return len(e.rules[m.index].feeds) > 0 }

// Carried returns copies of those fields that correlations read: all that a
// caller needs to hold of an event for Correlator.Add.
func (e *Engine) Carried(fields []casemate.Field) []casemate.Field {
	var out []casemate.Field
	var name []byte
	for _, f := range fields {
		name = appendFold(name[:0], f.Name)
		if _, ok := e.carried[string(name)]; ok {
			out = append(out, casemate.Field{Name: strings.Clone(f.Name), Value: short(f.Value), Kind: f.Kind})
		}
	}
	return out
}
