package schema

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/decimal"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// pending is a node whose parts are not known yet.
type pending struct {
	node *program.Node
	con  conjunction
	at   *value
}

// maxWords is how many strings are listed rather than kept as an automaton.
const maxWords = 1024

// program resolves every node that root leads to.
func (c *compiler) program(root *value) (*program.Program, error) {
	p := &program.Program{Root: c.node(c.all(root, false), root)}
	for i := 0; i < len(c.queue); i++ {
		if len(c.queue) > maxNodes {
			return nil, root.fail("more than %d kinds of value", maxNodes)
		}
		next := c.queue[i]
		if err := c.fill(next); err != nil {
			return nil, err
		}
		p.Nodes = append(p.Nodes, next.node)
	}
	p.Measure(c.MaxDepth)
	if p.Root.Height == 0 {
		return nil, ErrNothing
	}
	p.Prune()
	return p, c.checkNames(p)
}

// node returns the node of a conjunction.
func (c *compiler) node(con conjunction, at *value) *program.Node {
	key, con := c.key(con)
	n, ok := c.nodes[key]
	if !ok {
		n = &program.Node{}
		c.nodes[key] = n
		if len(con) > 0 {
			at = con[0].schema
		}
		c.queue = append(c.queue, pending{n, con, at})
	}
	return n
}

func (c *compiler) fill(p pending) error {
	s, err := c.together(p.con)
	if err != nil {
		return err
	}
	n := p.node
	n.Null, n.Bool = s.null, s.bool
	if s.num != nil {
		if n.Number, err = c.spelling(s.num, p.at); err != nil {
			return err
		}
	}
	for _, t := range s.str {
		out, err := c.text(t, p.at)
		if err != nil {
			return err
		}
		if t.nameOf != nil {
			c.fills[n] = t.nameOf
		}
		if out != nil {
			n.Texts = append(n.Texts, out)
		}
	}
	for _, a := range s.arr {
		out, err := c.array(a, p.at)
		if err != nil {
			return err
		}
		if out != nil {
			n.Arrays = append(n.Arrays, out)
		}
	}
	for _, o := range s.obj {
		list, err := c.objects(o, p.at)
		if err != nil {
			return err
		}
		n.Objects = append(n.Objects, list...)
	}
	if len(n.Objects) > maxAlternatives {
		return p.at.fail("more than %d alternatives", maxAlternatives)
	}
	return nil
}

// spelling chooses how numbers are spelled: finitely many in their shortest
// spelling, integers without a point, others with at most MaxDigits digits on
// each side of the point.
func (c *compiler) spelling(num *automaton.DFA, at *value) (*automaton.DFA, error) {
	if d, ok := c.spelled[num]; ok {
		return d, nil
	}
	d, err := c.spell(num, at)
	if err == nil {
		c.spelled[num] = d
	}
	return d, err
}

func (c *compiler) spell(num *automaton.DFA, at *value) (*automaton.DFA, error) {
	fail := func(err error) (*automaton.DFA, error) { return nil, at.fail("the numbers: %v", err) }
	short, err := automaton.Intersect(num, decimal.Shortest(), maxStates)
	if err != nil {
		return fail(err)
	}
	if _, finite := short.Finite(); finite {
		return short, nil
	}
	parts, err := automaton.Subtract(num, c.whole, maxStates)
	if err != nil {
		return fail(err)
	}
	if parts.Empty() {
		if num, err = automaton.Intersect(num, decimal.Plain(), maxStates); err != nil {
			return fail(err)
		}
	}
	// A set of large numbers alone needs more digits than the option says.
	digits := max(c.MaxDigits, int(short.Shortest()[short.Start()]))
	within, err := decimal.Within(digits)
	if err != nil {
		return fail(err)
	}
	if num, err = automaton.Intersect(num, within, maxStates); err != nil {
		return fail(err)
	}
	return num, c.spend(num.States(), at)
}

// maxSize bounds lengths and counts. No document that is larger is produced: a
// larger maximum is as good as this one, and a larger minimum is refused.
const maxSize = 1 << 24

// sized holds a minimum and a maximum to maxSize.
func sized(lo, hi *int, what string, at *value) error {
	if *lo > maxSize {
		return at.fail("asks for %d %s or more, and no document has more than %d", *lo, what, maxSize)
	}
	if *hi != infinite {
		*hi = min(*hi, maxSize)
	}
	return nil
}

// text returns t as it is produced; nil if nothing is.
func (c *compiler) text(t text, at *value) (*program.Text, error) {
	if err := sized(&t.min, &t.max, "code points", at); err != nil {
		return nil, err
	}
	switch {
	case t.phantom:
		return nil, nil
	case t.nameOf != nil:
		return &program.Text{Filled: true}, nil
	case t.finite:
		return &program.Text{Words: t.words, Catalogue: t.catalogue}, nil
	case t.lang == nil || t.lang.Universal():
		if t.max == infinite {
			t.max = max(c.MaxString, t.min)
		}
		return &program.Text{Free: true, Min: t.min, Max: t.max}, nil
	}
	return c.regular(t, at)
}

// regular returns the text of an automaton.
func (c *compiler) regular(t text, at *value) (*program.Text, error) {
	d := t.lang
	if words, ok := d.Words(maxWords); ok {
		t.words, t.finite = words, true
		slices.Sort(t.words)
		if t = t.filter(); len(t.words) == 0 {
			return nil, nil
		}
		return &program.Text{Words: t.words}, nil
	}
	if int(d.Shortest()[d.Start()]) < t.min {
		if t.min > maxCounted {
			return nil, at.fail("a minLength over %d cannot be counted together with a pattern", maxCounted)
		}
		var err error
		if d, err = automaton.AtLeast(d, t.min, maxStates); err != nil {
			return nil, at.fail("minLength together with a pattern: %v", err)
		}
		if d.Empty() {
			return nil, nil
		}
	}
	out := bound(d, t.max)
	least := int(out.Shortest[d.Start()])
	if longest, finite := d.Finite(); finite {
		out.Max = min(out.Max, longest)
	} else if out.Max == infinite {
		out.Max = max(c.MaxString, least)
	}
	if least > out.Max {
		return nil, nil
	}
	return out, c.spend(d.States(), at)
}

// bound returns the text of an automaton and a maximal length.
func bound(d *automaton.DFA, most int) *program.Text {
	t := &program.Text{DFA: d, Shortest: d.Shortest(), Loose: d.Free(), Max: most}
	t.Farthest = slices.Max(append(t.Shortest[1:], 0))
	return t
}

// unrepeated returns t ready to be written with words left out.
func (c *compiler) unrepeated(t *program.Text, at *value) (*program.Text, error) {
	if t.Free {
		d := automaton.All()
		if t.Min > 0 {
			var err error
			if t.Min > maxCounted {
				return nil, at.fail("a minLength over %d cannot be counted in strings that may not repeat", maxCounted)
			}
			if d, err = automaton.AtLeast(d, t.Min, maxStates); err != nil {
				return nil, at.fail("%v", err)
			}
		}
		t = bound(d, t.Max)
	}
	if t.DFA != nil && t.Count == nil {
		if least := int(t.Shortest[t.DFA.Start()]); least >= program.Horizon {
			return nil, at.fail("strings of at least %d code points cannot be kept from repeating", least)
		}
		own := *t
		own.Count = t.DFA.Count(program.Horizon)
		if err := c.spend(len(own.Count), at); err != nil {
			return nil, err
		}
		return &own, nil
	}
	return t, nil
}

// array returns a as it is produced; nil if that is nothing.
func (c *compiler) array(a array, at *value) (*program.Array, error) {
	if !a.plain() {
		return c.special(a, at)
	}
	if c.anyArray == nil {
		var err error
		if c.anyArray, err = c.special(a, at); err != nil {
			return nil, err
		}
	}
	return c.anyArray, nil
}

func (c *compiler) special(a array, at *value) (*program.Array, error) {
	if err := sized(&a.min, &a.max, "items", at); err != nil {
		return nil, err
	}
	kinds := a.contains
	if len(kinds) > program.MaxKinds {
		return nil, kinds[program.MaxKinds].keyword.fail("more than %d contains apply to one array", program.MaxKinds)
	}
	out := &program.Array{Min: a.min, Max: a.max}
	places, err := c.kinds(a, out)
	if err != nil {
		return nil, err
	}
	for i := range min(places, out.Max) {
		out.Prefix = append(out.Prefix, c.itemWays(a, i, at))
	}
	if out.Max > len(out.Prefix) {
		out.Rest = c.itemWays(a, places, at)
	}
	if a.unique != nil && out.Max > 1 {
		if err := c.distinct(out, a, places); err != nil {
			return nil, err
		}
	}
	return out, c.spend(places<<len(kinds), at)
}

// kinds counts what contains asks for, and returns how many items have a place
// of their own.
func (c *compiler) kinds(a array, out *program.Array) (places int, err error) {
	sum := 0
	for _, r := range a.rules {
		places = max(places, len(r.prefix))
	}
	for _, k := range a.contains {
		if k.min > 1<<14 || k.max > 1<<14 && k.max != infinite {
			return 0, k.keyword.fail("counts over %d items", 1<<14)
		}
		limit := program.Kind{Min: uint16(k.min), Max: program.Unlimited}
		if k.max != infinite {
			limit.Max = uint16(k.max)
		}
		out.Kinds = append(out.Kinds, limit)
		places, sum = max(places, k.from), sum+k.min
	}
	if out.Max == infinite || len(out.Kinds) > 0 {
		out.Max = min(out.Max, max(c.MaxItems, a.min, places+sum))
	}
	if len(out.Kinds) == 0 {
		return places, nil
	}
	keyword := a.contains[0].keyword
	if (out.Max+1)*out.Width() > 1e6 {
		return 0, keyword.fail("too many items to count")
	}
	return places, c.spend((out.Max+1)*out.Width(), keyword)
}

// itemWays returns the ways to write the item at place i: for each choice of
// the kinds it is of, a value of just these. Where a kind has no maximum, an
// item of the kind may also go uncounted, which saves a negation.
func (c *compiler) itemWays(a array, i int, at *value) []program.Item {
	base := a.item(i)
	var out []program.Item
	for choice := range uint8(1 << len(a.contains)) {
		con, ok := slices.Clone(base), true
		for k, rule := range a.contains {
			switch chosen := choice>>k&1 == 1; {
			case chosen && i < rule.from:
				ok = false
			case chosen:
				con = append(con, rule.item...)
			case i >= rule.from && rule.max != infinite && len(rule.item) == 0:
				ok = false // every item is of this kind
			case i >= rule.from && rule.max != infinite:
				con = append(con, c.negation(rule))
			}
		}
		if ok && !c.never(con, 0) {
			out = append(out, program.Item{Node: c.node(con, at), Kind: choice})
		}
	}
	return out
}

// negation returns what is not of a kind. A kind is one literal.
func (c *compiler) negation(r containsRule) literal {
	l := r.item[0]
	l.negated = !l.negated
	return l
}

// distinct fills what is needed to write items that differ.
func (c *compiler) distinct(out *program.Array, a array, places int) error {
	if len(a.contains) > 0 {
		return a.unique.fail("cannot be held to together with contains")
	}
	if places > 0 && len(out.Rest) > 0 || places > 1 {
		return a.unique.fail("cannot be held to together with prefixItems")
	}
	if len(out.Rest) == 0 {
		return nil
	}
	con := a.item(places)
	s, err := c.together(con)
	if err != nil {
		return err
	}
	d, err := c.unlike(s, a.unique)
	if err != nil {
		return err
	}
	if d == nil {
		out.Max = 0
		return nil
	}
	out.Distinct = d
	out.Max = min(out.Max, d.Total())
	return nil
}

// unlike says how values that may not repeat are written: strings, or numbers,
// or a list of scalars.
func (c *compiler) unlike(s set, at *value) (*program.Distinct, error) {
	const reason = "can be held to for strings, for numbers, and for lists of scalars, and not for other items"
	if len(s.arr)+len(s.obj) > 0 {
		return nil, at.fail("%s", reason)
	}
	others := s.null || s.bool[0] || s.bool[1]
	switch {
	case !others && s.num == nil && len(s.str) == 1:
		t, err := c.text(s.str[0], at)
		if err != nil {
			return nil, err
		}
		if t == nil || t.Filled {
			return nil, at.fail("%s", reason)
		}
		t, err = c.unrepeated(t, at)
		return &program.Distinct{Text: t}, err
	case !others && s.num == nil && len(s.str) > 1:
		lang, err := c.union(s, at)
		if err != nil {
			return nil, err
		}
		t, err := c.text(text{lang: lang, max: infinite}, at)
		if err != nil || t == nil {
			return nil, err
		}
		t, err = c.unrepeated(t, at)
		return &program.Distinct{Text: t}, err
	}
	return c.scalars(s, at, reason)
}

// union returns the strings of a set as one automaton.
func (c *compiler) union(s set, at *value) (*automaton.DFA, error) {
	lang := automaton.None()
	for _, t := range s.str {
		if t.phantom {
			continue
		}
		one, err := t.automaton(at)
		if err == nil {
			lang, err = automaton.Union(lang, one, maxStates)
		}
		if err != nil {
			return nil, at.fail("%v", err)
		}
	}
	return lang, nil
}

// scalars lists values of several types, or counts numbers.
func (c *compiler) scalars(s set, at *value, reason string) (*program.Distinct, error) {
	var list []string
	if s.num != nil {
		short, err := automaton.Intersect(s.num, decimal.Shortest(), maxStates)
		if err != nil {
			return nil, at.fail("%v", err)
		}
		words, finite := short.Words(maxWords)
		if !finite {
			if s.null || s.bool[0] || s.bool[1] || len(s.str) > 0 {
				return nil, at.fail("%s", reason)
			}
			return c.unlikeNumbers(short, at)
		}
		list = words
	}
	for _, t := range s.str {
		if !t.finite && !t.phantom {
			return nil, at.fail("%s", reason)
		}
		for _, w := range t.words {
			list = append(list, program.Quote(w))
		}
	}
	for i, ok := range []bool{s.null, s.bool[0], s.bool[1]} {
		if ok {
			list = append(list, []string{"null", "false", "true"}[i])
		}
	}
	slices.Sort(list)
	return &program.Distinct{Spelled: slices.Compact(list)}, nil
}

func (c *compiler) unlikeNumbers(short *automaton.DFA, at *value) (*program.Distinct, error) {
	within, err := decimal.Within(c.MaxDigits)
	if err == nil {
		short, err = automaton.Intersect(short, within, maxStates)
	}
	if err != nil {
		return nil, at.fail("%v", err)
	}
	longest, _ := short.Finite()
	if short.Empty() || longest > program.Horizon {
		return nil, at.fail("the numbers have too many digits to be kept from repeating")
	}
	count := short.Count(program.Horizon)
	return &program.Distinct{Number: short, Count: count, Max: longest}, c.spend(len(count), at)
}
