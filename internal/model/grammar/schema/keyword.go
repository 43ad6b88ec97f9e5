package schema

import (
	"strings"
)

// keyword returns the set of one keyword, or its complement. used is false for
// what says nothing of a value, and for a keyword that was read with another.
func (c *compiler) keyword(s *value, m member, negated bool) (out set, used bool, err error) {
	v := m.value
	switch m.name {
	case "type":
		out, err = c.types(v, negated)
	case "enum", "const":
		out, err = c.values(m, negated)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		out, err = c.bound(m, negated)
	case "multipleOf":
		out, err = c.multiple(v, negated)
	case "minLength", "maxLength", "pattern", "format", "x-casemate-id", "x-casemate-name-of":
		return c.stringKeyword(m, negated)
	case "prefixItems", "items", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems":
		return c.arrayKeyword(s, m, negated)
	case "properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties":
		return c.objectKeyword(s, m, negated)
	case "allOf":
		out, err = c.combine(v, negated, negated)
	case "anyOf":
		out, err = c.combine(v, negated, !negated)
	case "oneOf":
		out, err = c.oneOf(v, negated)
	case "not":
		out, err = c.sub(v, !negated)
	case "if":
		return c.condition(s, v, negated)
	case "$ref", "$dynamicRef":
		out, err = c.reference(s, m, negated)
	case "dependencies":
		out, err = c.dependencies(v, negated)
	case "$recursiveRef":
		return out, false, v.fail("is of an older draft; try \"$ref\"")
	default:
		if strings.HasPrefix(m.name, "x-casemate-") {
			return out, false, v.fail("there is no keyword %q", m.name)
		}
		return out, false, nil
	}
	return out, true, err
}

// sub evaluates a subschema.
func (c *compiler) sub(v *value, negated bool) (set, error) {
	if !v.isSchema() {
		return set{}, v.fail("must be a schema")
	}
	return c.eval(c.literal(v, negated))
}

// schemas returns the members of a keyword that is a list of schemas.
func schemas(v *value) ([]*value, error) {
	if v.kind != '[' || len(v.items) == 0 {
		return nil, v.fail("must be a list of schemas")
	}
	for _, item := range v.items {
		if !item.isSchema() {
			return nil, item.fail("must be a schema")
		}
	}
	return v.items, nil
}

// combine unites or intersects the schemas of a list, each negated or not.
func (c *compiler) combine(v *value, negated, union bool) (set, error) {
	list, err := schemas(v)
	if err != nil {
		return set{}, err
	}
	acc := set{}
	if !union {
		acc = c.full()
	}
	for _, item := range list {
		one, err := c.eval(c.literal(item, negated))
		if err != nil {
			return acc, err
		}
		if union {
			acc, err = c.unite(acc, one, v)
		} else {
			acc, err = c.intersect(acc, one, v)
		}
		if err != nil {
			return acc, err
		}
	}
	return acc, nil
}

// oneOf accepts what exactly one schema accepts: one of them and none of those
// that may accept the same.
func (c *compiler) oneOf(v *value, negated bool) (set, error) {
	list, err := schemas(v)
	if err != nil {
		return set{}, err
	}
	if negated {
		return c.notOneOf(v, list)
	}
	acc := set{}
	for i, item := range list {
		one, err := c.eval(c.literal(item, false))
		if err != nil {
			return acc, err
		}
		for j, other := range list {
			if i == j {
				continue
			}
			if one, err = c.without(v, one, other, i, j); err != nil {
				return acc, err
			}
		}
		if acc, err = c.unite(acc, one, v); err != nil {
			return acc, err
		}
	}
	return acc, nil
}

// without takes from one what other accepts.
func (c *compiler) without(v *value, one set, other *value, i, j int) (set, error) {
	there, err := c.eval(c.literal(other, false))
	if err != nil {
		return one, err
	}
	shared, err := c.intersect(one, there, v)
	if err != nil {
		return one, err
	}
	if c.nothing(shared, 0) && !c.narrowed {
		return one, nil
	}
	not, err := c.eval(c.literal(other, true))
	if err != nil {
		return one, v.fail("alternatives %d and %d may accept the same value and cannot be told apart: %v", i, j, err)
	}
	return c.intersect(one, not, v)
}

// notOneOf accepts what no schema accepts, and what two do.
func (c *compiler) notOneOf(v *value, list []*value) (set, error) {
	acc, err := c.combine(v, true, false)
	if err != nil {
		return acc, err
	}
	for i := range list {
		for j := range i {
			two, err := c.together(conjunction{c.literal(list[i], false), c.literal(list[j], false)})
			if err != nil {
				return acc, err
			}
			if acc, err = c.unite(acc, two, v); err != nil {
				return acc, err
			}
		}
	}
	return acc, nil
}

// condition reads if with then and else.
func (c *compiler) condition(s, v *value, negated bool) (out set, used bool, err error) {
	then, otherwise := s.get("then"), s.get("else")
	if then == nil && otherwise == nil {
		return out, false, nil
	}
	if !v.isSchema() {
		return out, false, v.fail("must be a schema")
	}
	branch := func(holds bool, next *value) (set, error) {
		con := conjunction{c.literal(v, !holds)}
		switch {
		case next != nil && !next.isSchema():
			return set{}, next.fail("must be a schema")
		case next != nil:
			con = append(con, c.literal(next, negated))
		case negated:
			return set{}, nil
		}
		return c.together(con)
	}
	yes, err := branch(true, then)
	if err != nil {
		return out, false, err
	}
	no, err := branch(false, otherwise)
	if err != nil {
		return out, false, err
	}
	out, err = c.unite(yes, no, v)
	return out, true, err
}

func (c *compiler) reference(s *value, m member, negated bool) (set, error) {
	to, err := c.refs.target(s, m.value)
	if err != nil {
		return set{}, err
	}
	if m.name == "$dynamicRef" {
		to = c.dynamic(to, m.value)
	}
	return c.eval(c.literal(to, negated))
}

// nothing says whether a set is surely empty. False means that it may not be.
func (c *compiler) nothing(s set, depth int) bool {
	if s.null || s.bool[0] || s.bool[1] || s.num != nil || len(s.str) > 0 {
		return false
	}
	if depth > 8 {
		return len(s.arr)+len(s.obj) == 0
	}
	for _, a := range s.arr {
		if !c.noArray(a, depth) {
			return false
		}
	}
	for _, o := range s.obj {
		if !c.noObject(o, depth) {
			return false
		}
	}
	return true
}

func (c *compiler) noArray(a array, depth int) bool {
	for i := range min(a.min, 8) {
		if c.never(a.item(i), depth+1) {
			return true
		}
	}
	return false
}

func (c *compiler) noObject(o object, depth int) bool {
	for _, name := range o.required {
		if c.never(o.value(name), depth+1) {
			return true
		}
	}
	return false
}

// never says whether a conjunction surely accepts nothing. An error is met again,
// and reported, when the conjunction is resolved for good.
func (c *compiler) never(con conjunction, depth int) bool {
	key, con := c.key(con)
	if known, ok := c.vacant[key]; ok {
		return known
	}
	c.vacant[key] = false // while it is looked at, recursion tells nothing
	s, err := c.together(con)
	empty := err == nil && c.nothing(s, depth)
	if empty {
		c.vacant[key] = true
	}
	return empty
}

// item returns what the item at place i must be.
func (a array) item(i int) conjunction {
	var con conjunction
	for _, r := range a.rules {
		if i < len(r.prefix) {
			con = append(con, r.prefix[i]...)
		} else {
			con = append(con, r.rest...)
		}
	}
	return con
}

// value returns what the property called name must be.
func (o object) value(name string) conjunction {
	var con conjunction
	for _, r := range o.rules {
		con = append(con, r.value(name)...)
	}
	return con
}

func (r propertyRule) value(name string) conjunction {
	var con conjunction
	known := false
	for i, n := range r.names {
		if n == name {
			con, known = append(con, r.values[i]...), true
		}
	}
	for _, p := range r.patterns {
		if p.lang.Matches(name) {
			con, known = append(con, p.value...), true
		}
	}
	if !known {
		con = append(con, r.rest...)
	}
	return con
}
