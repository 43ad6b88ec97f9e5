package schema

import (
	"fmt"
	"strings"
)

// scope is which schema a dynamic anchor stands for: that of the outermost
// resource, on the way to where it is used, that has one of the name. Nil is
// the scope of a document in which no two anchors have one name. Scopes with the
// same anchors are one.
type scope struct {
	names   []string
	schemas []*value
}

// find returns the schema of a name, or nil.
func (s *scope) find(name string) *value {
	if s != nil {
		for i, n := range s.names {
			if n == name {
				return s.schemas[i]
			}
		}
	}
	return nil
}

// enter returns the scope inside schema s, which is reached in scope outer.
func (c *compiler) enter(outer *scope, s *value) *scope {
	if outer == nil && len(c.refs.dynamic[s.base]) == 0 {
		return nil
	}
	inner := &scope{}
	if outer != nil {
		*inner = *outer
	}
	for _, a := range c.refs.dynamic[s.base] {
		name := a.get("$dynamicAnchor").text
		if c.refs.dynamics[name] > 1 && inner.find(name) == nil {
			inner.names = append(inner.names[:len(inner.names):len(inner.names)], name)
			inner.schemas = append(inner.schemas[:len(inner.schemas):len(inner.schemas)], a)
		}
	}
	if len(inner.names) == 0 {
		return nil
	}
	var key strings.Builder
	for i, name := range inner.names {
		fmt.Fprintf(&key, "%q %p ", name, inner.schemas[i])
	}
	known, ok := c.scopes[key.String()]
	if !ok {
		c.scopes[key.String()] = inner
		return inner
	}
	return known
}

// dynamic returns what a $dynamicRef stands for whose target, without regard to
// the scope, is to.
func (c *compiler) dynamic(to, keyword *value) *value {
	name := to.get("$dynamicAnchor")
	if name == nil || !strings.HasSuffix(keyword.text, "#"+name.text) {
		return to
	}
	if outer := c.scope.find(name.text); outer != nil {
		return outer
	}
	return to
}
