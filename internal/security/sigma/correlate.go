package sigma

import (
	"container/heap"
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
	MaxPending = 1 << 16 // matches held back to be put in order
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
	Late      int // events older than Slack allows: taken as if they came in order
	Untimed   int // matches without a time: left out
	Ungrouped int // matches whose event lacks a field to group by or to count: left out
	Evicted   int // groups forgotten for MaxGroups or MaxEntries
}

// CorrelatorOptions says how matches are correlated.
type CorrelatorOptions struct {
	// Slack is by how much events may be out of order. Matches are held back
	// for as long, by the time of the events: no clock is read.
	Slack time.Duration
}

// Correlator finds what correlation rules relate. It takes the matches of one
// stream of events, in order of time, and is not for several goroutines. The
// same events give the same findings.
//
// A rule whose condition more events can only fulfil (gt, gte, temporal)
// matches with the event that fulfils it, and again for the same group when it
// no longer held in between, or after a whole timespan. A rule with any other
// condition (lt, lte, eq, neq) is counted in windows: a group's first event
// opens one, and the rule is judged when its timespan has passed.
type Correlator struct {
	Stats CorrelatorStats

	e       *Engine
	slack   time.Duration
	states  map[*relation]*state
	closing []*state // of closed relations
	pending occurrences
	seq     uint64
	latest  int64 // time of the newest event, Unix nanoseconds
	now     int64 // time up to which matches are processed
	started bool
	entries int
	out     []Correlated
}

// NewCorrelator returns a correlator for one stream.
func (e *Engine) NewCorrelator(opt CorrelatorOptions) *Correlator {
	c := &Correlator{e: e, slack: max(opt.Slack, 0), states: map[*relation]*state{}}
	for _, rel := range e.relations {
		s := &state{rel: rel, groups: map[string]*list.Element{}}
		c.states[rel] = s
		if rel.closed {
			c.closing = append(c.closing, s)
		}
	}
	return c
}

// occurrence is a match on its way to a correlation.
type occurrence struct {
	at   int64
	seq  uint64
	to   feed
	ref  uint64
	vals []carriedValue
}

// carriedValue is the first value of a field that correlations read.
type carriedValue struct {
	text string
	ok   bool
}

// occurrences is a heap by time, then by order of arrival.
type occurrences []occurrence

func (o occurrences) Len() int      { return len(o) }
func (o occurrences) Swap(i, j int) { o[i], o[j] = o[j], o[i] }
func (o *occurrences) Push(x any)   { *o = append(*o, x.(occurrence)) }
func (o occurrences) Less(i, j int) bool {
	return o[i].at < o[j].at || o[i].at == o[j].at && o[i].seq < o[j].seq
}
func (o *occurrences) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	(*o)[last] = occurrence{}
	*o = (*o)[:last]
	return x
}

// state is what a correlator knows of one relation.
type state struct {
	rel    *relation
	groups map[string]*list.Element
	order  list.List // of *group: the one longest without an event first; of closed relations, opened first
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

// entry is an event that a group remembers.
type entry struct {
	at, first int64 // of the event; of temporal_ordered, of the first of the chain that it ends
	ref       uint64
	value     string // of value_count
	chain     *link  // of temporal_ordered
	set       bool   // of temporal and temporal_ordered, whether the rule has matched
}

// link is the end of a chain of events; chains share their beginnings.
type link struct {
	ref    uint64
	before *link
}

// refs returns the numbers of a chain's events, in order.
func (l *link) refs() []uint64 {
	var out []uint64
	for ; l != nil; l = l.before {
		out = append(out, l.ref)
	}
	slices.Reverse(out)
	return out
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
		if at.IsZero() || at.Year() < 1700 || at.Year() > 2200 {
			// Beyond what Unix nanoseconds hold, it is no time of an event.
			c.Stats.Untimed++
			continue
		}
		if vals == nil {
			vals = c.carry(fields)
		}
		c.feed(feeds, at.UnixNano(), ref, vals)
	}
	return c.take(dst, c.latest-int64(c.slack))
}

// Flush ends the stream: it processes what is held back and judges the windows
// that are open.
func (c *Correlator) Flush(dst []Correlated) []Correlated {
	dst = c.take(dst, c.latest)
	// A window that closes may feed another relation, which opens one.
	for more := true; more; {
		more = false
		for _, s := range c.closing {
			for s.order.Len() > 0 {
				c.end(s)
				more = true
			}
		}
		dst = c.take(dst, c.latest)
	}
	return dst
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

// feed files a match with the relations that want it. Of one relation, later
// rules come first, so that one event is not two steps of an ordered chain.
func (c *Correlator) feed(feeds []feed, at int64, ref uint64, vals []carriedValue) {
	if c.started && at < c.now {
		c.Stats.Late++
		at = c.now
	}
	if !c.started {
		c.started, c.latest, c.now = true, at, at-int64(c.slack)
	}
	c.latest = max(c.latest, at)
	for i := len(feeds) - 1; i >= 0; i-- {
		c.seq++
		heap.Push(&c.pending, occurrence{at, c.seq, feeds[i], ref, vals})
	}
}

// take processes the matches up to a time and hands over what was found.
func (c *Correlator) take(dst []Correlated, until int64) []Correlated {
	for len(c.pending) > 0 && (c.pending[0].at <= until || len(c.pending) > MaxPending) {
		// What a window that has ended feeds to others comes before the match.
		if c.close(c.pending[0].at) {
			continue
		}
		o := heap.Pop(&c.pending).(occurrence)
		c.now = max(c.now, o.at)
		c.process(o)
	}
	dst = append(dst, c.out...)
	clear(c.out)
	c.out = c.out[:0]
	return dst
}

// close judges the windows that end before a time, and reports whether that
// fed any relation.
func (c *Correlator) close(at int64) bool {
	before := c.seq
	for _, s := range c.closing {
		for s.order.Len() > 0 && s.order.Front().Value.(*group).at+int64(s.rel.span) < at {
			c.end(s)
		}
	}
	return c.seq != before
}

// process takes one match into its group.
func (c *Correlator) process(o occurrence) {
	s := c.states[o.to.to]
	key, ok := groupKey(s.rel.groups[o.to.ref], o.vals, nil)
	value := ""
	if ok && len(s.rel.counted) > 0 {
		value, ok = groupKey(s.rel.counted, o.vals, nil)
	}
	if !ok {
		c.Stats.Ungrouped++
		return
	}
	g := c.group(s, key, o.at)
	before := len(g.entries)
	fulfilled := false
	switch s.rel.kind {
	case "event_count":
		fulfilled = g.countEvent(s.rel, o)
	case "value_count":
		fulfilled = g.countValue(s.rel, o, value)
	case "temporal":
		fulfilled = g.together(s.rel, o)
	default:
		fulfilled = g.inOrder(s.rel, o)
	}
	g.last = o
	c.entries += len(g.entries) - before
	c.shed(s, g)
	if s.rel.closed {
		return
	}
	again := g.firing && o.at-g.fired <= int64(s.rel.span)
	g.firing = fulfilled
	if fulfilled && !again {
		g.fired = o.at
		c.emit(s.rel, g, g.times(s.rel, o))
	}
}

// groupKey joins values so that different ones give different keys.
func groupKey(places []int, vals []carriedValue, key []byte) (string, bool) {
	for _, i := range places {
		if !vals[i].ok {
			return "", false
		}
		key = binary.AppendUvarint(key, uint64(len(vals[i].text)))
		key = appendFold(key, vals[i].text)
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
	for s.order.Len() > 0 {
		oldest := s.order.Front()
		idle := !s.rel.closed && oldest.Value.(*group).at+int64(s.rel.span) < at
		full := s.order.Len() >= MaxGroups
		if !idle && !full {
			break
		}
		if !idle {
			c.Stats.Evicted++
		}
		c.forget(s, oldest)
	}
	g := &group{key: key, at: at}
	s.groups[key] = s.order.PushBack(g)
	return g
}

// shed forgets the oldest groups, but not keep, while too much is remembered.
func (c *Correlator) shed(s *state, keep *group) {
	for c.entries > MaxEntries {
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
		c.emit(s.rel, g, found{g.at, g.last.at, g.count, refs(g.entries)})
	}
}

// found is what a group's events fulfilled.
type found struct {
	first, last int64
	count       int
	events      []uint64
}

// emit reports a relation, and feeds it to those that it is part of.
func (c *Correlator) emit(rel *relation, g *group, f found) {
	if rel.alone {
		out := Correlated{
			Rule: rel.rule, Count: f.count, Events: f.events,
			First: time.Unix(0, f.first).UTC(), Last: time.Unix(0, f.last).UTC(),
		}
		for i, name := range rel.groupBy {
			out.Group = append(out.Group, casemate.Field{Name: name, Value: g.last.vals[rel.groups[g.last.to.ref][i]].text})
		}
		c.out = append(c.out, out)
	}
	for i := len(rel.feeds) - 1; i >= 0; i-- {
		c.seq++
		heap.Push(&c.pending, occurrence{max(g.last.at, c.now), c.seq, rel.feeds[i], g.last.ref, g.last.vals})
	}
}

// countEvent remembers the last events that the condition needs.
func (g *group) countEvent(rel *relation, o occurrence) bool {
	g.count++
	keep := rel.need
	if rel.closed {
		keep = MaxEvents
	}
	if len(g.entries) >= keep {
		g.entries = slices.Delete(g.entries, 0, 1)
	}
	g.entries = append(g.entries, entry{at: o.at, ref: o.ref})
	return len(g.entries) == rel.need && o.at-g.entries[0].at <= int64(rel.span)
}

// countValue remembers the values seen last, each with its last event. The
// condition holds if the needed number of them is younger than the timespan.
func (g *group) countValue(rel *relation, o occurrence, value string) bool {
	for i := range g.entries {
		if g.entries[i].value == value {
			g.entries = slices.Delete(g.entries, i, i+1)
			break
		}
	}
	keep := rel.need
	if rel.closed {
		keep = MaxThreshold + 1 // more than any condition asks for
	}
	if len(g.entries) >= keep {
		g.entries = slices.Delete(g.entries, 0, 1)
	}
	g.entries = append(g.entries, entry{at: o.at, ref: o.ref, value: value})
	g.count = len(g.entries)
	return g.count == rel.need && o.at-g.entries[0].at <= int64(rel.span)
}

// together remembers the last match of each rule.
func (g *group) together(rel *relation, o occurrence) bool {
	if g.entries == nil {
		g.entries = make([]entry, rel.refs)
	}
	g.entries[o.to.ref] = entry{at: o.at, ref: o.ref, set: true}
	n := 0
	for _, e := range g.entries {
		if e.set && o.at-e.at <= int64(rel.span) {
			n++
		}
	}
	return n >= rel.need
}

// inOrder remembers, for each rule, the youngest chain of matches of the rules
// up to it, in order: if any chain is short enough, the youngest is.
func (g *group) inOrder(rel *relation, o occurrence) bool {
	if g.entries == nil {
		g.entries = make([]entry, rel.refs)
	}
	i, last := o.to.ref, rel.refs-1
	step := entry{at: o.at, first: o.at, chain: &link{ref: o.ref}, set: true}
	if i > 0 {
		before := g.entries[i-1]
		step.first, step.chain.before = before.first, before.chain
		step.set = before.set && o.at-before.first <= int64(rel.span)
	}
	if step.set {
		g.entries[i] = step
	}
	return g.entries[last].set && o.at-g.entries[last].first <= int64(rel.span)
}

// times says which events fulfilled a sliding relation.
func (g *group) times(rel *relation, o occurrence) found {
	f := found{last: o.at, count: rel.need}
	switch rel.kind {
	case "temporal_ordered":
		e := g.entries[rel.refs-1]
		f.first, f.events = e.first, e.chain.refs()
	case "temporal":
		var in []entry
		for _, e := range g.entries {
			if e.set && o.at-e.at <= int64(rel.span) {
				in = append(in, e)
			}
		}
		slices.SortStableFunc(in, func(a, b entry) int { return int(min(max(a.at-b.at, -1), 1)) })
		f.first, f.events, f.count = in[0].at, refs(in), len(in)
	default:
		f.first, f.events = g.entries[0].at, refs(g.entries)
	}
	return f
}

// refs returns the numbers of the last events.
func refs(entries []entry) []uint64 {
	entries = entries[max(0, len(entries)-MaxEvents):]
	out := make([]uint64, len(entries))
	for i, e := range entries {
		out[i] = e.ref
	}
	return out
}
