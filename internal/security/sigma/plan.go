package sigma

import (
	"slices"

	"github.com/casemate-ai/casemate"
)

// plan is the index of the rules that apply to one log source. It is made when
// the first event of that source comes, so a start pays only for the sources
// that it meets.
//
// A text that rules look for is an entry; an entry turns on the atoms that
// hold it; an atom that is a rule's necessary condition makes the rule a
// candidate.
type plan struct {
	rules    []int32      // in Engine.rules
	always   []int32      // positions in rules of those without a necessary atom
	fields   []*fieldPlan // by field id, nil for fields that no rule names
	keywords *fieldPlan   // over every field and the raw text; nil without keywords
	entries  [][]ref
}

// ref is an atom that an entry turns on.
type ref struct {
	atom  int32
	rules []int32 // positions in plan.rules that become candidates
}

// fieldPlan is the index of one field.
type fieldPlan struct {
	whole   map[string]int32 // folded value to entry
	prefix  *trie
	suffix  *trie // over reversed texts
	inside  *trie
	present int32 // entry of any text at all, or -1
	texts   bool  // whether values must be folded
}

// maxPlans bounds the plans that an engine keeps. Real data has some dozens of
// log sources; a forged one must not fill the memory.
const maxPlans = 256

// implied lists the categories that an event's own category is a kind of.
func implied(category string) string {
	switch category {
	case "registry_add", "registry_delete", "registry_set", "registry_rename":
		return "registry_event"
	}
	return ""
}

// applies reports whether a rule's log source takes events of log.
func (e *Engine) applies(rule, log casemate.Logsource) bool {
	if coversEvent(rule, log) {
		return true
	}
	for _, m := range e.mappings {
		if coversEvent(m.From, log) && coversEvent(rule, m.To) {
			return true
		}
	}
	return false
}

func coversEvent(rule, log casemate.Logsource) bool {
	if covers(rule, log) {
		return true
	}
	general := implied(log.Category)
	if general == "" {
		return false
	}
	log.Category = general
	return covers(rule, log)
}

// plan returns the index for events of a log source, or nil if no rule applies.
func (e *Engine) plan(log casemate.Logsource) *plan {
	log = lowerLog(log)
	key := make([]byte, (len(e.sources)+7)/8)
	some := false
	for i, source := range e.sources {
		if e.applies(source, log) {
			key[i/8] |= 1 << (i % 8)
			some = true
		}
	}
	if !some {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plans[string(key)]
	if p == nil {
		if len(e.plans) >= maxPlans {
			clear(e.plans)
		}
		p = e.newPlan(key)
		e.plans[string(key)] = p
	}
	return p
}

// planner builds a plan.
type planner struct {
	*plan
	engine   *Engine
	triggers map[int32][]int32           // atom id to rules
	present  map[int32][]int32           // field id (-1: keywords) to rules that need any text of it
	fieldsOf map[int32]map[literal]int32 // entries of each field
}

func (e *Engine) newPlan(key []byte) *plan {
	b := &planner{
		plan:     &plan{fields: make([]*fieldPlan, e.fields)},
		engine:   e,
		triggers: map[int32][]int32{}, present: map[int32][]int32{},
		fieldsOf: map[int32]map[literal]int32{},
	}
	for i, c := range e.rules {
		if key[c.source/8]&(1<<(c.source%8)) != 0 {
			b.rules = append(b.rules, int32(i))
		}
	}
	b.choose()
	b.enterAll()
	for field, rules := range b.present {
		b.enterPresent(field, rules)
	}
	for field, texts := range b.fieldsOf {
		b.build(field, texts)
	}
	return b.plan
}

// enterAll adds the atoms of the plan's rules to the entries of their texts.
func (b *planner) enterAll() {
	seen := map[*atom]bool{}
	for _, i := range b.rules {
		b.engine.rules[i].expr.walk(func(x *expr) {
			if x.op != opAtom {
				return
			}
			for a := x.atom; a != nil && !seen[a]; a = a.pre {
				seen[a] = true
				b.enter(a)
			}
		})
	}
}

func (b *planner) fieldID(a *atom) int32 {
	if a.field == "" {
		return -1
	}
	return b.engine.names[a.field]
}

// choose finds the necessary atoms of each rule.
func (b *planner) choose() {
	for pos, i := range b.rules {
		c := b.cover(b.engine.rules[i].expr)
		if !c.found {
			b.always = append(b.always, int32(pos))
			continue
		}
		for _, a := range c.atoms {
			b.triggers[a.id] = append(b.triggers[a.id], int32(pos))
		}
		for _, f := range c.fields {
			b.present[f] = append(b.present[f], int32(pos))
		}
	}
}

// cover is a set of literal atoms, and of fields, of which one must hold or be
// there for an expression to be true.
type cover struct {
	found  bool
	cost   float64 // how often we expect that
	atoms  []*atom
	fields []int32
}

// cover returns the cheapest cover of an expression that it finds: of an "and"
// the best operand's, of an "or" all operands' together. A "not" has none.
func (b *planner) cover(e *expr) cover {
	switch e.op {
	case opAtom:
		return b.atomCover(e.atom)
	case opAll:
		var best cover
		for _, kid := range e.kids {
			if c := b.cover(kid); c.found && (!best.found || c.cost < best.cost) {
				best = c
			}
		}
		return best
	case opAny, opAtLeast:
		sum := cover{found: true}
		for _, kid := range e.kids {
			c := b.cover(kid)
			if !c.found {
				return cover{}
			}
			sum.cost += c.cost
			sum.atoms = append(sum.atoms, c.atoms...)
			sum.fields = append(sum.fields, c.fields...)
		}
		slices.SortFunc(sum.atoms, func(a, b *atom) int { return int(a.id - b.id) })
		sum.atoms = slices.Compact(sum.atoms)
		slices.Sort(sum.fields)
		sum.fields = slices.Compact(sum.fields)
		return sum
	}
	return cover{}
}

func (b *planner) atomCover(a *atom) cover {
	switch {
	case a.kind == literalAtom:
		return cover{found: true, cost: cost(a), atoms: []*atom{a}}
	case a.kind == valueAtom && a.pre != nil:
		return b.atomCover(a.pre)
	case a.kind == valueAtom || a.kind == refAtom:
		return cover{found: true, cost: 1, fields: []int32{b.fieldID(a)}}
	}
	// A field may be absent, or be there and hold no text.
	return cover{}
}

// cost guesses how often one of an atom's literals occurs: short ones do more.
func cost(a *atom) float64 {
	sum := 0.0
	for _, lit := range a.lits {
		n := float64(len(lit.text))
		c := 1 / (1 + n*n/4)
		if lit.place == whole {
			c = 1 / (4 + n)
		}
		sum += c
	}
	return sum
}

func (b *planner) enter(a *atom) {
	if a.kind != literalAtom {
		return
	}
	t := b.texts(b.fieldID(a))
	r := ref{a.id, b.triggers[a.id]}
	for _, lit := range a.lits {
		if lit.text == "" && lit.place != whole {
			continue
		}
		id, ok := t[lit]
		if !ok {
			id = b.newEntry()
			t[lit] = id
		}
		b.entries[id] = append(b.entries[id], r)
	}
}

// enterPresent makes rules candidates wherever a field holds a text.
func (b *planner) enterPresent(field int32, rules []int32) {
	t := b.texts(field)
	id := b.newEntry()
	b.entries[id] = []ref{{-1, rules}}
	t[literal{inside, ""}] = id
}

func (b *planner) newEntry() int32 {
	b.entries = append(b.entries, nil)
	return int32(len(b.entries) - 1)
}

func (b *planner) texts(field int32) map[literal]int32 {
	if b.fieldsOf[field] == nil {
		b.fieldsOf[field] = map[literal]int32{}
	}
	return b.fieldsOf[field]
}

// build makes the index of one field.
func (b *planner) build(field int32, texts map[literal]int32) {
	f := &fieldPlan{whole: map[string]int32{}, present: -1}
	keys := map[place][]key{}
	for lit, entry := range texts {
		switch {
		case lit.place == whole:
			f.whole[lit.text] = entry
		case lit.text == "":
			f.present = entry
		case lit.place == suffix:
			keys[suffix] = append(keys[suffix], key{reversed(lit.text), entry})
		default:
			keys[lit.place] = append(keys[lit.place], key{lit.text, entry})
		}
	}
	f.prefix = newTrie(keys[prefix], false)
	f.suffix = newTrie(keys[suffix], false)
	f.inside = newTrie(keys[inside], true)
	f.texts = len(f.whole) > 0 || f.prefix != nil || f.suffix != nil || f.inside != nil
	if field < 0 {
		b.keywords = f
		return
	}
	b.fields[field] = f
}

func reversed(s string) string {
	out := []byte(s)
	slices.Reverse(out)
	return string(out)
}
