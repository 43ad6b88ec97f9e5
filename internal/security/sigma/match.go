package sigma

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/casemate-ai/casemate"
)

// Matcher matches events one after the other. It holds scratch memory that it
// uses again for each event, so each goroutine needs its own.
type Matcher struct {
	e *Engine
	p *plan

	planned map[casemate.Logsource]*plan // nil plans too

	// An element of these is set if it equals epoch, so that a new event needs
	// no clearing.
	epoch     uint32
	on        []uint32 // atoms that hold
	off       []uint32 // atoms found not to hold
	entered   []uint32 // entries of the plan that were met
	candidate []uint32 // rules of the plan that must be evaluated
	headAt    []uint32 // fields whose head is of this event

	queue  []int32 // candidates
	head   []int32 // by field id, the last of its values
	values []value
	folded []byte // the values, folded
	name   []byte // a field's name, folded
	raw    string
	recent []named // by place in the event: events of a source have like fields
}

// named is a field name and its id, -1 if no rule names it.
type named struct {
	name string
	id   int32
}

// maxRecent bounds the places of which a matcher remembers the name.
const maxRecent = 128

// value is one field of the event.
type value struct {
	raw    string
	lo, hi int   // in Matcher.folded; hi is -1 until it is folded
	next   int32 // the previous value of the same field, or -1
	text   bool  // whether it holds a text: null and empty lists do not
	name   string
}

// maxScratch is the folded text that a matcher keeps for the next event.
const maxScratch = 1 << 20

// maxPlanned bounds the log sources a matcher remembers.
const maxPlanned = 1024

// NewMatcher returns a matcher of its own for one goroutine.
func (e *Engine) NewMatcher() *Matcher {
	return &Matcher{
		e:       e,
		planned: map[casemate.Logsource]*plan{},
		on:      make([]uint32, len(e.atoms)),
		off:     make([]uint32, len(e.atoms)),
		head:    make([]int32, e.fields),
		headAt:  make([]uint32, e.fields),
	}
}

// Match appends to dst the detections that an event matches, in the order of
// the rules. log says where the event is from, fields hold it under Sigma's
// names (a name may repeat: any of its values may match), and raw is searched
// for keywords besides the fields; it may be empty. Without a match and with
// room in dst it allocates nothing, but for a source's first event.
func (m *Matcher) Match(log casemate.Logsource, fields []casemate.Field, raw string, dst []Match) []Match {
	m.choose(log)
	if m.p == nil {
		return dst
	}
	m.begin()
	m.raw = raw
	for i := range fields {
		m.take(i, &fields[i])
	}
	if k := m.p.keywords; k != nil {
		m.scanKeywords(k)
	}
	m.queue = append(m.queue, m.p.always...)
	first := len(dst)
	for _, pos := range m.queue {
		i := m.p.rules[pos]
		c := m.e.rules[i]
		if m.eval(c.expr) {
			dst = append(dst, Match{Rule: c.rule, Fields: m.decided(c.expr), Alone: c.alone, index: i})
		}
	}
	slices.SortFunc(dst[first:], func(a, b Match) int { return int(a.index - b.index) })
	return dst
}

// choose finds the plan of a log source.
func (m *Matcher) choose(log casemate.Logsource) {
	p, ok := m.planned[log]
	if !ok {
		if len(m.planned) >= maxPlanned {
			clear(m.planned)
		}
		p = m.e.plan(log)
		// The caller may reuse the memory behind the names.
		m.planned[casemate.Logsource{
			Product: strings.Clone(log.Product), Category: strings.Clone(log.Category), Service: strings.Clone(log.Service),
		}] = p
	}
	if m.p = p; p != nil {
		m.entered = append(m.entered, make([]uint32, max(0, len(p.entries)-len(m.entered)))...)
		m.candidate = append(m.candidate, make([]uint32, max(0, len(p.rules)-len(m.candidate)))...)
	}
}

// begin forgets the event before.
func (m *Matcher) begin() {
	if m.epoch++; m.epoch == 0 {
		for _, s := range [][]uint32{m.on, m.off, m.entered, m.candidate, m.headAt} {
			clear(s)
		}
		m.epoch = 1
	}
	m.queue = m.queue[:0]
	clear(m.values) // let go of the event's texts
	m.values = m.values[:0]
	if cap(m.folded) > maxScratch {
		m.folded = nil
	}
	m.folded = m.folded[:0]
}

// id returns the id of the field at place i of the event, or -1.
func (m *Matcher) id(i int, name string) int32 {
	if i < len(m.recent) && m.recent[i].name == name {
		return m.recent[i].id
	}
	id, known := m.e.names[name]
	if !known {
		m.name = appendFold(m.name[:0], name)
		if id, known = m.e.names[string(m.name)]; !known {
			id = -1
		}
	}
	if i == len(m.recent) && i < maxRecent {
		m.recent = append(m.recent, named{})
	}
	if i < len(m.recent) {
		m.recent[i] = named{name, id}
	}
	return id
}

// take files a field and looks its value up in the index.
func (m *Matcher) take(i int, f *casemate.Field) {
	id := m.id(i, f.Name)
	if id < 0 && m.p.keywords == nil {
		return
	}
	v := value{raw: f.Value, hi: -1, next: -1, text: f.Kind <= casemate.Bool, name: f.Name}
	if id >= 0 {
		if m.headAt[id] == m.epoch {
			v.next = m.head[id]
		}
		m.head[id], m.headAt[id] = int32(len(m.values)), m.epoch
	}
	m.values = append(m.values, v)
	if id >= 0 && v.text {
		if plan := m.p.fields[id]; plan != nil {
			m.look(plan, len(m.values)-1)
		}
	}
}

// fold returns the folded text of a value. The string shares the matcher's
// scratch memory: it is good until the next event, and is not kept.
func (m *Matcher) fold(i int) string {
	v := &m.values[i]
	if v.hi < 0 {
		v.lo = len(m.folded)
		m.folded = appendFold(m.folded, v.raw)
		v.hi = len(m.folded)
	}
	return unsafe.String(unsafe.SliceData(m.folded[v.lo:]), v.hi-v.lo)
}

// look finds the entries that a value meets.
func (m *Matcher) look(f *fieldPlan, i int) {
	if f.present >= 0 {
		m.enter(f.present)
	}
	if !f.texts {
		return
	}
	s := m.fold(i)
	if len(f.whole) > 0 {
		if entry, ok := f.whole[s]; ok {
			m.enter(entry)
		}
	}
	if f.prefix != nil {
		m.scanStart(f.prefix, s)
	}
	if f.suffix != nil {
		m.scanEnd(f.suffix, s)
	}
	if f.inside != nil {
		m.scanInside(f.inside, s)
	}
}

// enter turns on the atoms of an entry.
func (m *Matcher) enter(entry int32) {
	if m.entered[entry] == m.epoch {
		return
	}
	m.entered[entry] = m.epoch
	for _, r := range m.p.entries[entry] {
		if r.atom >= 0 {
			if m.on[r.atom] == m.epoch {
				continue
			}
			m.on[r.atom] = m.epoch
		}
		for _, pos := range r.rules {
			if m.candidate[pos] != m.epoch {
				m.candidate[pos] = m.epoch
				m.queue = append(m.queue, pos)
			}
		}
	}
}

func (m *Matcher) scanStart(t *trie, s string) {
	state := int32(0)
	for i := range len(s) {
		if state = t.child(state, s[i]); state == 0 {
			return
		}
		if entry := t.entry[state]; entry >= 0 {
			m.enter(entry)
		}
	}
}

func (m *Matcher) scanEnd(t *trie, s string) {
	state := int32(0)
	for i := len(s) - 1; i >= 0; i-- {
		if state = t.child(state, s[i]); state == 0 {
			return
		}
		if entry := t.entry[state]; entry >= 0 {
			m.enter(entry)
		}
	}
}

func (m *Matcher) scanInside(t *trie, s string) {
	state := int32(0)
	for i := 0; i < len(s); i++ {
		if state == 0 {
			i = t.skip(s, i)
		}
		state = t.step(state, s[i])
		for at := t.nodes[state].hit; at != 0; at = t.nodes[t.nodes[at].fail].hit {
			m.enter(t.entry[at])
		}
	}
}

// scanKeywords looks every text of the event up in the keywords.
func (m *Matcher) scanKeywords(k *fieldPlan) {
	if m.raw != "" {
		m.values = append(m.values, value{raw: m.raw, hi: -1, next: -1, text: true})
	}
	for i := range m.values {
		if m.values[i].text {
			m.look(k, i)
		}
	}
}

// eval evaluates an expression on the atoms that are on.
func (m *Matcher) eval(e *expr) bool {
	switch e.op {
	case opAtom:
		if e.atom.kind == literalAtom {
			return m.on[e.atom.id] == m.epoch
		}
		return m.ask(e.atom)
	case opAll:
		for _, kid := range e.kids {
			if !m.eval(kid) {
				return false
			}
		}
		return true
	case opAny:
		for _, kid := range e.kids {
			if m.eval(kid) {
				return true
			}
		}
		return false
	case opNot:
		return !m.eval(e.kids[0])
	}
	n := 0
	for _, kid := range e.kids {
		if m.eval(kid) {
			n++
		}
	}
	return n >= e.n
}

// ask answers an atom that the index does not, once for each event.
func (m *Matcher) ask(a *atom) bool {
	switch {
	case m.on[a.id] == m.epoch:
		return true
	case m.off[a.id] == m.epoch:
		return false
	case a.pre != nil && m.on[a.pre.id] != m.epoch:
		return false
	}
	if m.answer(a) {
		m.on[a.id] = m.epoch
		return true
	}
	m.off[a.id] = m.epoch
	return false
}

func (m *Matcher) answer(a *atom) bool {
	if a.field == "" {
		for i := range m.values {
			if m.passes(a, i) {
				return true
			}
		}
		return false
	}
	at := m.first(a.field)
	switch a.kind {
	case existsAtom:
		return at >= 0
	case nullAtom:
		if at < 0 {
			return true
		}
		for ; at >= 0; at = m.values[at].next {
			if !m.values[at].text {
				return true
			}
		}
		return false
	case refAtom:
		return m.related(a, at)
	}
	for ; at >= 0; at = m.values[at].next {
		if m.passes(a, int(at)) {
			return true
		}
	}
	return false
}

func (m *Matcher) first(field string) int32 {
	if id := m.e.names[field]; m.headAt[id] == m.epoch {
		return m.head[id]
	}
	return -1
}

func (m *Matcher) passes(a *atom, i int) bool {
	return m.values[i].text && a.test.test(m.values[i].raw, m.fold(i))
}

// maxPairs bounds the comparisons of one fieldref, where both fields have many
// values.
const maxPairs = 1 << 14

// related compares each value of one field with each of the other.
func (m *Matcher) related(a *atom, at int32) bool {
	pairs := 0
	for ; at >= 0; at = m.values[at].next {
		for other := m.first(a.other); other >= 0; other = m.values[other].next {
			if pairs++; pairs > maxPairs {
				return false
			}
			if m.values[at].text && m.values[other].text && m.relates(a, int(at), int(other)) {
				return true
			}
		}
	}
	return false
}

func (m *Matcher) relates(a *atom, i, j int) bool {
	if a.cased {
		return a.at.holds(m.values[i].raw, m.values[j].raw)
	}
	return a.at.holds(m.fold(i), m.fold(j))
}

// holds reports whether text stands at the place in s.
func (p place) holds(s, text string) bool {
	switch p {
	case prefix:
		return strings.HasPrefix(s, text)
	case suffix:
		return strings.HasSuffix(s, text)
	case inside:
		return strings.Contains(s, text)
	}
	return s == text
}

// decided returns the fields whose content made a true expression true.
func (m *Matcher) decided(e *expr) []string {
	var out []string
	var step func(*expr)
	step = func(e *expr) {
		switch e.op {
		case opAtom:
			out = appendOnce(out, m.where(e.atom))
		case opNot:
		default:
			for _, kid := range e.kids {
				if e.op == opAll || m.eval(kid) {
					step(kid)
				}
			}
		}
	}
	step(e)
	return out
}

// where names the field that an atom is about; of a keyword, the first field
// that holds it.
func (m *Matcher) where(a *atom) string {
	if a.field != "" {
		return a.label
	}
	for i := range m.values {
		if !m.values[i].text {
			continue
		}
		s := m.fold(i)
		if a.test != nil && a.test.test(m.values[i].raw, s) {
			return m.values[i].name
		}
		for _, lit := range a.lits {
			if lit.place.holds(s, lit.text) {
				return m.values[i].name
			}
		}
	}
	return ""
}
