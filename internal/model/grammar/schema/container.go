package schema

import (
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

func itoa(n int) string { return strconv.Itoa(n) }

// first says whether m is the first member of s among those of a group, which
// are read together.
func first(s *value, m member, group ...string) bool {
	for _, other := range s.members {
		if slices.Contains(group, other.name) {
			return other.name == m.name
		}
	}
	return false
}

// arrayKeyword reads the keywords of arrays.
func (c *compiler) arrayKeyword(s *value, m member, negated bool) (out set, used bool, err error) {
	var list []array
	switch m.name {
	case "prefixItems", "items":
		if !first(s, m, "prefixItems", "items") {
			return out, false, nil
		}
		list, err = c.itemsKeyword(s, negated)
	case "minItems", "maxItems":
		list, err = sizes(m, "minItems", negated, func(lo, hi int) array { return array{min: lo, max: hi} })
	case "uniqueItems":
		if m.value.kind != 't' && m.value.kind != 'f' {
			return out, false, m.value.fail("must be true or false")
		}
		switch {
		case m.value.kind == 'f' && negated:
		case m.value.kind == 'f':
			list = []array{anyArray()}
		case negated:
			return out, false, m.value.fail("cannot be negated: it would take remembering every item")
		default:
			list = []array{{unique: m.value, max: infinite}}
		}
	case "contains":
		list, err = c.containsKeyword(s, m.value, negated)
	case "unevaluatedItems":
		return c.restItems(s, m.value, negated)
	}
	if err != nil {
		return out, false, err
	}
	if !negated {
		out = c.others("array")
	}
	out.arr = list
	return out, true, nil
}

// sizes reads a minimum or a maximum of a container's size.
func sizes[T any](m member, minimum string, negated bool, limits func(lo, hi int) T) ([]T, error) {
	n, err := m.value.count()
	if err != nil {
		return nil, err
	}
	switch {
	case (m.name == minimum) != negated:
		if negated {
			n++ // not at most n
		}
		return []T{limits(n, infinite)}, nil
	case negated && n == 0: // not at least 0
		return nil, nil
	case negated:
		n--
	}
	return []T{limits(0, n)}, nil
}

func (c *compiler) itemsKeyword(s *value, negated bool) ([]array, error) {
	var prefix []*value
	if p := s.get("prefixItems"); p != nil {
		var err error
		if prefix, err = schemas(p); err != nil {
			return nil, err
		}
		if len(prefix) > maxPrefix {
			return nil, p.fail("more than %d places", maxPrefix)
		}
	}
	rest := s.get("items")
	if rest != nil && !rest.isSchema() {
		return nil, rest.fail("must be a schema; try \"prefixItems\" for a list of schemas")
	}
	if !negated {
		rule := itemRule{}
		for _, item := range prefix {
			rule.prefix = append(rule.prefix, c.all(item, false))
		}
		if rest != nil {
			rule.rest = c.all(rest, false)
		}
		return []array{{rules: []itemRule{rule}, max: infinite}}, nil
	}
	var out []array
	for i, item := range prefix {
		rule := itemRule{prefix: make([]conjunction, i+1)}
		rule.prefix[i] = c.all(item, true)
		out = append(out, array{rules: []itemRule{rule}, min: i + 1, max: infinite})
	}
	if rest != nil && c.all(rest, false) != nil {
		out = append(out, array{max: infinite, contains: []containsRule{{item: c.all(rest, true), min: 1, max: infinite, from: len(prefix), keyword: rest}}})
	}
	return out, nil
}

func (c *compiler) containsKeyword(s, v *value, negated bool) ([]array, error) {
	if !v.isSchema() {
		return nil, v.fail("must be a schema")
	}
	lo, hi := 1, infinite
	var err error
	if n := s.get("minContains"); n != nil {
		if lo, err = n.count(); err != nil {
			return nil, err
		}
	}
	if n := s.get("maxContains"); n != nil {
		if hi, err = n.count(); err != nil {
			return nil, err
		}
	}
	rule := func(lo, hi int) array {
		return array{max: infinite, contains: []containsRule{{item: c.all(v, false), min: lo, max: hi, keyword: v}}}
	}
	if !negated {
		if lo == 0 && hi == infinite {
			return []array{anyArray()}, nil
		}
		if lo > hi {
			return nil, nil
		}
		return []array{rule(lo, hi)}, nil
	}
	var out []array
	if lo > 0 {
		out = append(out, rule(0, lo-1))
	}
	if hi < infinite {
		out = append(out, rule(hi+1, infinite))
	}
	return out, nil
}

// objectKeyword reads the keywords of objects.
func (c *compiler) objectKeyword(s *value, m member, negated bool) (out set, used bool, err error) {
	var list []object
	v := m.value
	switch m.name {
	case "properties", "patternProperties", "additionalProperties":
		if !first(s, m, "properties", "patternProperties", "additionalProperties") {
			return out, false, nil
		}
		list, err = c.propertiesKeyword(s, negated)
	case "required":
		list, err = requiredKeyword(v, negated)
	case "minProperties", "maxProperties":
		list, err = sizes(m, "minProperties", negated, func(lo, hi int) object { return object{min: lo, max: hi} })
	case "propertyNames":
		list, err = c.namesKeyword(v, negated)
	case "dependentRequired":
		return c.dependentRequired(v, negated)
	case "dependentSchemas":
		return c.dependentSchemas(v, negated)
	case "unevaluatedProperties":
		return c.restProperties(s, v, negated)
	}
	if err != nil {
		return out, false, err
	}
	if !negated {
		out = c.others("object")
	}
	out.obj = list
	return out, true, nil
}

func requiredKeyword(v *value, negated bool) ([]object, error) {
	names, err := v.names()
	if err != nil {
		return nil, err
	}
	if len(names) > maxProperties {
		return nil, v.fail("more than %d names", maxProperties)
	}
	if !negated {
		return []object{{required: names, max: infinite}}, nil
	}
	var out []object
	for _, name := range names {
		out = append(out, object{forbidden: []string{name}, max: infinite})
	}
	return out, nil
}

func (c *compiler) namesKeyword(v *value, negated bool) ([]object, error) {
	if !v.isSchema() {
		return nil, v.fail("must be a schema")
	}
	con := c.all(v, false)
	switch {
	case con == nil && negated:
		return nil, nil
	case con == nil:
		return []object{anyObject()}, nil
	case !negated:
		return []object{{names: []conjunction{con}, max: infinite}}, nil
	}
	lang, partial, err := c.strings(con, v)
	if err == nil && partial {
		err = v.fail("a format in it cannot be negated")
	}
	if err != nil {
		return nil, err
	}
	if lang, err = automaton.Complement(lang, maxStates); err != nil {
		return nil, v.fail("%v", err)
	}
	return []object{{exists: []existsRule{{lang: lang, keyword: v}}, max: infinite}}, nil
}

// strings returns the strings that a conjunction accepts as one automaton.
func (c *compiler) strings(con conjunction, at *value) (lang *automaton.DFA, partial bool, err error) {
	s, err := c.together(con)
	if err != nil {
		return nil, false, err
	}
	lang = automaton.None()
	for _, t := range s.str {
		partial = partial || t.partial || t.phantom
		if t.phantom {
			continue
		}
		one, err := t.automaton(at)
		if err == nil {
			lang, err = automaton.Union(lang, one, maxStates)
		}
		if err != nil {
			return nil, partial, at.fail("%v", err)
		}
	}
	return lang, partial, c.spend(lang.States(), at)
}

// automaton returns t as one automaton, its lengths counted in it.
func (t text) automaton(at *value) (*automaton.DFA, error) {
	if t.nameOf != nil {
		return nil, t.nameOf.fail("is for the value of a property")
	}
	if t.finite {
		return automaton.Of(t.words, maxStates)
	}
	d := t.lang
	if d == nil {
		d = automaton.All()
	}
	var err error
	if t.min > 0 {
		if t.min > maxCounted {
			return nil, at.fail("a length over %d cannot be counted here", maxCounted)
		}
		if d, err = automaton.AtLeast(d, t.min, maxStates); err != nil {
			return nil, err
		}
	}
	if t.max < infinite {
		if t.max > maxCounted {
			return nil, at.fail("a length over %d cannot be counted here", maxCounted)
		}
		d, err = automaton.AtMost(d, t.max, maxStates)
	}
	return d, err
}

func (c *compiler) propertiesKeyword(s *value, negated bool) ([]object, error) {
	rule, err := c.rule(s)
	if err != nil {
		return nil, err
	}
	if !negated {
		return []object{{rules: []propertyRule{rule}, max: infinite}}, nil
	}
	var out []object
	if p := s.get("properties"); p != nil {
		for _, m := range p.members {
			if c.all(m.value, false) == nil {
				continue
			}
			not := propertyRule{names: []string{m.name}, values: []conjunction{c.all(m.value, true)}, silent: true}
			out = append(out, object{rules: []propertyRule{not}, required: not.names, max: infinite})
		}
	}
	if p := s.get("patternProperties"); p != nil {
		for i, m := range p.members {
			if c.all(m.value, false) != nil {
				out = append(out, object{exists: []existsRule{{rule.patterns[i].lang, c.all(m.value, true), m.value}}, max: infinite})
			}
		}
	}
	rest := s.get("additionalProperties")
	if rest == nil || c.all(rest, false) == nil {
		return out, nil
	}
	lang, err := rule.unnamed()
	if err != nil {
		return nil, rest.fail("%v", err)
	}
	return append(out, object{exists: []existsRule{{lang, c.all(rest, true), rest}}, max: infinite}), nil
}

// unnamed returns the names that a rule's rest is for.
func (r propertyRule) unnamed() (*automaton.DFA, error) {
	lang, err := except(r.names)
	for _, p := range r.patterns {
		if err == nil {
			lang, err = automaton.Subtract(lang, p.lang, maxStates)
		}
	}
	return lang, err
}

func (c *compiler) rule(s *value) (propertyRule, error) {
	rule := propertyRule{}
	if p := s.get("properties"); p != nil {
		if p.kind != '{' {
			return rule, p.fail("must be an object")
		}
		if len(p.members) > maxProperties {
			return rule, p.fail("more than %d properties", maxProperties)
		}
		for _, m := range p.members {
			if !m.value.isSchema() {
				return rule, m.value.fail("must be a schema")
			}
			rule.names = append(rule.names, m.name)
			rule.values = append(rule.values, c.all(m.value, false))
		}
	}
	if p := s.get("patternProperties"); p != nil {
		if p.kind != '{' {
			return rule, p.fail("must be an object")
		}
		for _, m := range p.members {
			if !m.value.isSchema() {
				return rule, m.value.fail("must be a schema")
			}
			lang, err := compilePattern(m.value, m.name, false)
			if err != nil {
				return rule, err
			}
			if err := c.spend(lang.States(), m.value); err != nil {
				return rule, err
			}
			rule.patterns = append(rule.patterns, patternRule{lang, c.all(m.value, false)})
		}
	}
	if p := s.get("additionalProperties"); p != nil {
		if !p.isSchema() {
			return rule, p.fail("must be a schema")
		}
		rule.rest, rule.explicit = c.all(p, false), true
	}
	return rule, nil
}

// dependentRequired: without the property, or with it and all others.
func (c *compiler) dependentRequired(v *value, negated bool) (set, bool, error) {
	if v.kind != '{' {
		return set{}, false, v.fail("must be an object")
	}
	acc := set{}
	if !negated {
		acc = c.full()
	}
	for _, m := range v.members {
		names, err := m.value.names()
		if err != nil {
			return acc, false, err
		}
		if negated {
			for _, name := range names {
				acc.obj = append(acc.obj, object{required: []string{m.name}, forbidden: []string{name}, max: infinite})
			}
			continue
		}
		if len(names) == 0 {
			continue
		}
		one := c.others("object")
		one.obj = []object{
			{forbidden: []string{m.name}, max: infinite},
			{required: append([]string{m.name}, names...), max: infinite},
		}
		if acc, err = c.intersect(acc, one, v); err != nil {
			return acc, false, err
		}
	}
	return acc, true, nil
}

// dependentSchemas: not an object, or without the property, or with it and as
// the schema says.
func (c *compiler) dependentSchemas(v *value, negated bool) (set, bool, error) {
	if v.kind != '{' {
		return set{}, false, v.fail("must be an object")
	}
	acc := set{}
	if !negated {
		acc = c.full()
	}
	for _, m := range v.members {
		then, err := c.sub(m.value, negated)
		if err != nil {
			return acc, false, err
		}
		with := set{obj: []object{{required: []string{m.name}, max: infinite}}}
		if with, err = c.intersect(with, then, v); err != nil {
			return acc, false, err
		}
		if negated {
			acc, err = c.unite(acc, with, v)
		} else {
			one := c.others("object")
			one.obj = append([]object{{forbidden: []string{m.name}, max: infinite}}, with.obj...)
			acc, err = c.intersect(acc, one, v)
		}
		if err != nil {
			return acc, false, err
		}
	}
	return acc, true, nil
}

// dependencies is what older drafts have for dependentRequired and
// dependentSchemas. Draft 2020-12 knows no such keyword, so its opposite is not
// defined there; holding to it is safe.
func (c *compiler) dependencies(v *value, negated bool) (set, error) {
	if negated && c.refs.draft == "" {
		return set{}, v.fail("is no keyword of draft 2020-12; try \"dependentRequired\" or \"dependentSchemas\"")
	}
	if v.kind != '{' {
		return set{}, v.fail("must be an object")
	}
	c.narrowed = c.narrowed || c.refs.draft == ""
	names := &value{kind: '{', parent: v.parent, key: v.key}
	others := &value{kind: '{', parent: v.parent, key: v.key}
	for _, m := range v.members {
		if m.value.kind == '[' {
			names.members = append(names.members, m)
		} else {
			others.members = append(others.members, m)
		}
	}
	x, _, err := c.dependentRequired(names, negated)
	if err != nil {
		return x, err
	}
	y, _, err := c.dependentSchemas(others, negated)
	if err != nil {
		return y, err
	}
	if negated {
		return c.unite(x, y, v)
	}
	return c.intersect(x, y, v)
}
