package prompt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// resolve follows a reference inside a schema.
func (n *node) resolve(ref string) (*node, error) {
	rest, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, fmt.Errorf("reference %q leads out of the schema", ref)
	}
	at := n
	for name := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		if name == "" {
			continue
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		next := at.get(name)
		if i, err := strconv.Atoi(name); err == nil && at.array && i >= 0 && i < len(at.values) {
			next = at.values[i]
		}
		if at = next; at == nil {
			return nil, fmt.Errorf("reference %q leads nowhere", ref)
		}
	}
	return at, nil
}

// ending refuses a schema that applies to one value again and again: whoever
// follows it would not come to an end.
func ending(root *node) error {
	state := map[*node]int{} // 1: being followed, 2: ends
	var follow func(s *node) error
	follow = func(s *node) error {
		if !isObject(s) || state[s] == 2 {
			return nil
		}
		if state[s] == 1 {
			return &at{s.offset, errors.New("it applies to the same value as itself, without end")}
		}
		state[s] = 1
		same, err := sameValue(root, s)
		if err != nil {
			return &at{s.offset, err}
		}
		for _, t := range same {
			if err := follow(t); err != nil {
				return err
			}
		}
		state[s] = 2
		return nil
	}
	var all func(n *node) error
	all = func(n *node) error {
		if err := follow(n); err != nil {
			return err
		}
		for _, v := range n.values {
			if err := all(v); err != nil {
				return err
			}
		}
		return nil
	}
	return all(root)
}

// sameValue returns the schemas that apply to the same value as s.
func sameValue(root, s *node) ([]*node, error) {
	var out []*node
	for i, name := range s.names {
		v := s.values[i]
		switch name {
		case "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$id":
			return nil, fmt.Errorf("%s is not followed: use $ref to $defs", name)
		case "$ref":
			t, err := root.resolve(v.text())
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		case "not", "if", "then", "else":
			out = append(out, v)
		case "allOf", "anyOf", "oneOf", "dependentSchemas":
			out = append(out, v.values...)
		}
	}
	return out, nil
}
