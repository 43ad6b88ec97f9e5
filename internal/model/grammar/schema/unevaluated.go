package schema

import (
	"math/bits"
	"slices"
)

// What other keywords have evaluated can depend on the value. So a schema with
// unevaluatedProperties or unevaluatedItems is divided into cases by which
// schemas apply: in each case it is known what they evaluate.

// maxCases bounds the cases of one schema.
const maxCases = 256

// divider divides values into cases. If exact, no value is in two. Otherwise one
// may also be in a case in which less is evaluated than is, which does no harm
// where what is not evaluated is restricted.
type divider struct {
	*compiler
	at    *value // the unevaluated keyword
	exact bool
}

// not returns the condition that s does not accept a value, where it is needed.
func (d divider) not(s *value) conjunction {
	if !d.exact {
		return nil
	}
	return conjunction{d.literal(s, true)}
}

// aCase is the values of which when is true; parts are the schemas that apply.
type aCase struct {
	when  conjunction
	parts []*value
}

// cases divides the values that s accepts.
func (d divider) cases(s *value, depth int) ([]aCase, error) {
	if s.kind != '{' {
		return []aCase{{}}, nil
	}
	if depth > maxChain {
		return nil, d.at.fail("applies to the same value as itself, without end")
	}
	outer := d.scope
	d.scope = d.enter(outer, s)
	defer func() { d.scope = outer }()
	out := []aCase{{parts: []*value{s}}}
	for _, m := range s.members {
		more, err := d.choices(s, m, depth)
		if err != nil {
			return nil, err
		}
		if more == nil {
			continue
		}
		if err := d.spend(len(out)*len(more), d.at); err != nil {
			return nil, err
		}
		var next []aCase
		for _, x := range out {
			for _, y := range more {
				next = append(next, aCase{slices.Concat(x.when, y.when), slices.Concat(x.parts, y.parts)})
			}
		}
		if out = next; len(out) > maxCases {
			return nil, d.at.fail("more than %d cases of which schemas apply", maxCases)
		}
	}
	return out, nil
}

// choices returns the cases that one keyword makes; nil if it makes none.
func (d divider) choices(s *value, m member, depth int) ([]aCase, error) {
	switch m.name {
	case "$ref", "$dynamicRef":
		to, err := d.refs.target(s, m.value)
		if err != nil {
			return nil, err
		}
		if m.name == "$dynamicRef" {
			to = d.dynamic(to, m.value)
		}
		return d.cases(to, depth+1)
	case "allOf":
		return d.every(m.value.items, depth)
	case "anyOf", "oneOf":
		return d.some(m, depth)
	case "if":
		return d.branches(s, m.value, depth)
	case "dependentSchemas":
		out := []aCase{{}}
		for _, dep := range m.value.members {
			with, err := d.cases(dep.value, depth+1)
			if err != nil {
				return nil, err
			}
			has := conjunction{d.literal(present(dep.value, dep.name), false)}
			next := cross(out, prefixed(has, with))
			out = append(next, cross(out, []aCase{{when: d.not(has[0].schema)}})...)
			if len(out) > maxCases {
				return nil, d.at.fail("more than %d cases of which schemas apply", maxCases)
			}
		}
		return out, nil
	}
	return nil, nil
}

func cross(a, b []aCase) []aCase {
	var out []aCase
	for _, x := range a {
		for _, y := range b {
			out = append(out, aCase{slices.Concat(x.when, y.when), slices.Concat(x.parts, y.parts)})
		}
	}
	return out
}

func prefixed(when conjunction, list []aCase) []aCase {
	return cross([]aCase{{when: when}}, list)
}

// present is the schema of objects that have a property.
func present(at *value, name string) *value {
	list := &value{kind: '[', parent: at.parent, key: at.key, items: []*value{{kind: '"', text: name}}}
	return &value{kind: '{', parent: at.parent, key: at.key, base: at.base, members: []member{
		{"type", &value{kind: '"', text: "object"}}, {"required", list},
	}}
}

// every is the cases of schemas that all apply.
func (d divider) every(list []*value, depth int) ([]aCase, error) {
	out := []aCase{{}}
	for _, s := range list {
		more, err := d.cases(s, depth+1)
		if err != nil {
			return nil, err
		}
		if out = cross(out, more); len(out) > maxCases {
			return nil, d.at.fail("more than %d cases of which schemas apply", maxCases)
		}
	}
	return out, nil
}

// some is the cases of which of the schemas apply, of which at least one must,
// and of oneOf no more.
func (d divider) some(m member, depth int) ([]aCase, error) {
	list := m.value.items
	if m.name == "anyOf" && len(list) > 8 || len(list) > 60 {
		return nil, d.at.fail("what is evaluated depends on the value by %q of %d schemas", m.name, len(list))
	}
	var out []aCase
	for choice := uint64(1); choice < 1<<len(list); choice++ {
		if m.name == "oneOf" {
			choice = 1 << bits.Len64(choice-1) // the next power of 2
			if choice >= 1<<len(list) {
				break
			}
		}
		way := []aCase{{}}
		for i, s := range list {
			if choice>>i&1 == 0 {
				if m.name == "anyOf" { // oneOf itself sees to it
					way = prefixed(d.not(s), way)
				}
				continue
			}
			more, err := d.cases(s, depth+1)
			if err != nil {
				return nil, err
			}
			way = cross(way, prefixed(d.all(s, false), more))
		}
		if out = append(out, way...); len(out) > maxCases {
			return nil, d.at.fail("more than %d cases of which schemas apply", maxCases)
		}
	}
	return out, nil
}

// branches is the cases of if, then and else. What if evaluates counts where it
// holds, with or without then.
func (d divider) branches(s, v *value, depth int) ([]aCase, error) {
	yes, err := d.cases(v, depth+1)
	if err != nil {
		return nil, err
	}
	yes = prefixed(d.all(v, false), yes)
	no := []aCase{{when: conjunction{d.literal(v, true)}}}
	for i, list := range []*[]aCase{&yes, &no} {
		next := s.get([]string{"then", "else"}[i])
		if next == nil {
			continue
		}
		more, err := d.cases(next, depth+1)
		if err != nil {
			return nil, err
		}
		*list = cross(*list, prefixed(d.all(next, false), more))
	}
	return append(yes, no...), nil
}

// unevaluated unites what rule says in each case.
func (c *compiler) unevaluated(s, v *value, negated bool, rule func(aCase) (set, error)) (set, bool, error) {
	acc := set{}
	if !v.isSchema() {
		return acc, false, v.fail("must be a schema")
	}
	list, err := divider{c, v, negated}.cases(s, 0)
	if err != nil {
		return acc, false, err
	}
	for _, one := range list {
		where, err := c.together(one.when)
		if err != nil {
			return acc, false, err
		}
		what, err := rule(one)
		if err != nil {
			return acc, false, err
		}
		if where, err = c.intersect(where, what, v); err != nil {
			return acc, false, err
		}
		if acc, err = c.unite(acc, where, v); err != nil {
			return acc, false, err
		}
	}
	return acc, true, nil
}

// restProperties reads unevaluatedProperties: in each case, as the
// additionalProperties of what the schemas there say together.
func (c *compiler) restProperties(s, v *value, negated bool) (set, bool, error) {
	return c.unevaluated(s, v, negated, func(one aCase) (set, error) {
		out := set{}
		if !negated {
			out = c.others("object")
		}
		var err error
		out.obj, err = c.restObject(one, v, negated)
		return out, err
	})
}

func (c *compiler) restObject(one aCase, v *value, negated bool) ([]object, error) {
	rule := propertyRule{rest: c.all(v, false), explicit: true}
	everything := c.all(v, false) == nil
	for _, part := range one.parts {
		other := part.get("unevaluatedProperties")
		if part.get("additionalProperties") != nil || other != nil && other != v {
			everything = true
			continue
		}
		own, err := c.rule(part)
		if err != nil {
			return nil, err
		}
		for _, name := range own.names {
			rule.names, rule.values = append(rule.names, name), append(rule.values, nil)
		}
		for _, p := range own.patterns {
			rule.patterns = append(rule.patterns, patternRule{lang: p.lang})
		}
	}
	switch {
	case everything && negated:
		return nil, nil
	case everything:
		return []object{anyObject()}, nil
	case !negated:
		return []object{{rules: []propertyRule{rule}, max: infinite}}, nil
	}
	lang, err := rule.unnamed()
	if err != nil {
		return nil, v.fail("%v", err)
	}
	return []object{{exists: []existsRule{{lang, c.all(v, true), v}}, max: infinite}}, nil
}

// restItems reads unevaluatedItems: in each case, as the items after the longest
// prefix, of which those that a contains accepts are evaluated too.
func (c *compiler) restItems(s, v *value, negated bool) (set, bool, error) {
	return c.unevaluated(s, v, negated, func(one aCase) (set, error) {
		out := set{}
		if !negated {
			out = c.others("array")
		}
		var err error
		out.arr, err = c.restArray(one, v, negated)
		return out, err
	})
}

func (c *compiler) restArray(one aCase, v *value, negated bool) ([]array, error) {
	longest, everything := 0, c.all(v, false) == nil
	either := &value{kind: '[', parent: v.parent, key: v.key, items: []*value{v}}
	for _, part := range one.parts {
		other := part.get("unevaluatedItems")
		everything = everything || part.get("items") != nil || other != nil && other != v
		if prefix := part.get("prefixItems"); prefix != nil {
			longest = max(longest, len(prefix.items))
		}
		if kind := part.get("contains"); kind != nil && kind.isSchema() {
			if c.scope != nil && kind.base != v.base {
				return nil, v.fail("contains of another resource, with dynamic anchors")
			}
			either.items = append(either.items, kind)
		}
	}
	rest := &value{kind: '{', parent: v.parent, key: v.key, base: v.base, members: []member{{"anyOf", either}}}
	if len(either.items) == 1 {
		rest = v
	}
	switch {
	case everything && negated:
		return nil, nil
	case everything:
		return []array{anyArray()}, nil
	case longest > maxPrefix:
		return nil, v.fail("more than %d places", maxPrefix)
	case negated:
		return []array{{max: infinite, contains: []containsRule{{item: c.all(rest, true), min: 1, max: infinite, from: longest, keyword: v}}}}, nil
	}
	return []array{{rules: []itemRule{{prefix: make([]conjunction, longest), rest: c.all(rest, false)}}, max: infinite}}, nil
}
