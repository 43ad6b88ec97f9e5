package schema

// Which properties and items other keywords have evaluated can depend on the
// instance. Here it is resolved where it does not: where every schema that
// applies to the value applies always, through allOf and $ref.

// choices are the keywords by which a schema applies to some values alone.
var choices = []string{"anyOf", "oneOf", "if", "dependentSchemas", "$dynamicRef"}

// restProperties reads unevaluatedProperties as the additionalProperties of
// what all schemas there say together.
func (c *compiler) restProperties(s, v *value, negated bool) ([]object, error) {
	if !v.isSchema() {
		return nil, v.fail("must be a schema")
	}
	rule := propertyRule{rest: all(v, false), explicit: true}
	everything, err := c.gatherProperties(s, v, &rule, 0)
	switch {
	case err != nil:
		return nil, err
	case everything && negated:
		return nil, nil
	case everything:
		return []object{anyObject()}, nil
	case !negated:
		return []object{{rules: []propertyRule{rule}, max: infinite}}, nil
	case all(v, false) == nil:
		return nil, nil
	}
	lang, err := rule.unnamed()
	if err != nil {
		return nil, v.fail("%v", err)
	}
	return []object{{exists: []existsRule{{lang, all(v, true), v}}, max: infinite}}, nil
}

// gatherProperties adds to rule which names s evaluates. everything is true if
// it evaluates all.
func (c *compiler) gatherProperties(s, at *value, rule *propertyRule, depth int) (everything bool, err error) {
	parts, err := c.applied(s, at, depth)
	if err != nil {
		return false, err
	}
	for _, part := range parts {
		if part.get("additionalProperties") != nil || part.get("unevaluatedProperties") != nil && part.get("unevaluatedProperties") != at {
			return true, nil
		}
		own, err := c.rule(part)
		if err != nil {
			return false, err
		}
		for _, name := range own.names {
			rule.names, rule.values = append(rule.names, name), append(rule.values, nil)
		}
		for _, p := range own.patterns {
			rule.patterns = append(rule.patterns, patternRule{lang: p.lang})
		}
	}
	return false, nil
}

// applied returns s and every schema that applies to the same value through it.
func (c *compiler) applied(s, at *value, depth int) ([]*value, error) {
	if s.kind != '{' {
		return nil, nil
	}
	if depth > maxChain {
		return nil, at.fail("applies to the same value as itself, without end")
	}
	if err := c.spend(1, at); err != nil {
		return nil, err
	}
	for _, keyword := range choices {
		if s.get(keyword) != nil {
			return nil, at.fail("what is evaluated depends on the value by %q", keyword)
		}
	}
	parts := []*value{s}
	var next []*value
	if list := s.get("allOf"); list != nil {
		next = append(next, list.items...)
	}
	if ref := s.get("$ref"); ref != nil {
		to, err := c.refs.target(s, ref)
		if err != nil {
			return nil, err
		}
		next = append(next, to)
	}
	for _, sub := range next {
		more, err := c.applied(sub, at, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
	}
	return parts, nil
}

// restItems reads unevaluatedItems as the items that come after the longest
// prefix.
func (c *compiler) restItems(s, v *value, negated bool) ([]array, error) {
	if !v.isSchema() {
		return nil, v.fail("must be a schema")
	}
	parts, err := c.applied(s, v, 0)
	if err != nil {
		return nil, err
	}
	longest, everything := 0, false
	for _, part := range parts {
		if contains := part.get("contains"); contains != nil {
			return nil, v.fail("what is evaluated depends on the value by \"contains\"")
		}
		if part.get("items") != nil || part.get("unevaluatedItems") != nil && part.get("unevaluatedItems") != v {
			everything = true
		}
		if prefix := part.get("prefixItems"); prefix != nil {
			longest = max(longest, len(prefix.items))
		}
	}
	switch {
	case everything && negated, negated && all(v, false) == nil:
		return nil, nil
	case everything:
		return []array{anyArray()}, nil
	case longest > maxPrefix:
		return nil, v.fail("more than %d places", maxPrefix)
	case negated:
		return []array{{max: infinite, contains: []containsRule{{item: all(v, true), min: 1, max: infinite, from: longest, keyword: v}}}}, nil
	}
	return []array{{rules: []itemRule{{prefix: make([]conjunction, longest), rest: all(v, false)}}, max: infinite}}, nil
}
