package schema

import (
	"net/url"
	"strconv"
	"strings"
)

// dialect is the draft that is read.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// elder lists older drafts, and for each the keywords that it does not have or
// reads otherwise. A document of such a draft is read if it uses none of them.
var elder = map[string][]string{
	"https://json-schema.org/draft/2019-09/schema": {"prefixItems", "additionalItems", "$recursiveRef", "$recursiveAnchor", "$dynamicRef", "$dynamicAnchor"},
	"http://json-schema.org/draft-07/schema": {
		"prefixItems", "additionalItems", "$recursiveRef", "$recursiveAnchor", "$dynamicRef", "$dynamicAnchor", "$anchor",
		"dependentRequired", "dependentSchemas", "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties",
	},
}

// besideRef are the keywords that may stand next to $ref in draft 7, where it
// makes the others void: they say nothing of a value.
var besideRef = []string{"$schema", "$ref", "$comment", "title", "description", "default", "examples", "definitions", "$defs"}

// Where the subschemas of a schema are: in the keyword's value, in a list there,
// or in the members of an object there.
var (
	inValue = []string{"additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems", "contentSchema"}
	inList  = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	inNames = []string{"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"}
)

// resources is what references may name.
type resources struct {
	draft    string              // the older draft of the document, or ""
	byID     map[string]*value   // absolute URI, no fragment
	anchors  map[string]*value   // URI # anchor
	dynamics map[string]int      // how many dynamic anchors have a name
	dynamic  map[string][]*value // by URI, the schemas there that have one
}

// index walks the subschemas of root and records what they are called.
func index(root *value) (*resources, error) {
	r := &resources{byID: map[string]*value{"": root}, anchors: map[string]*value{}, dynamics: map[string]int{}, dynamic: map[string][]*value{}}
	return r, r.visit(root, "")
}

func (r *resources) visit(s *value, base string) error {
	s.base = base
	if s.kind != '{' {
		return nil
	}
	if err := r.identify(s); err != nil {
		return err
	}
	if err := r.age(s); err != nil {
		return err
	}
	for _, m := range s.members {
		switch {
		case contains(inValue, m.name) && m.value.isSchema():
			if err := r.visit(m.value, s.base); err != nil {
				return err
			}
		case contains(inList, m.name):
			for _, item := range m.value.items {
				if err := r.visit(item, s.base); err != nil {
					return err
				}
			}
		case contains(inNames, m.name):
			for _, sub := range m.value.members {
				if err := r.visit(sub.value, s.base); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// identify reads the keywords that name a schema.
func (r *resources) identify(s *value) error {
	if d := s.get("$schema"); d != nil {
		name := strings.TrimSuffix(d.text, "#")
		_, old := elder[name]
		switch {
		case name == dialect && r.draft == "":
		case old && (s.parent == nil || r.draft == name):
			r.draft = name
		default:
			return d.fail("only draft 2020-12 is read, which is %q, and what drafts 2019-09 and 7 have in common with it", dialect)
		}
	}
	if id := s.get("$id"); id != nil && id.kind == '"' {
		abs, fragment, err := resolve(s.base, id.text)
		if err != nil || fragment != "" {
			return id.fail("must be a URI without a fragment")
		}
		if old := r.byID[abs]; old != nil && old != s {
			return id.fail("two schemas have this identifier")
		}
		s.base, r.byID[abs] = abs, s
	}
	for _, keyword := range []string{"$anchor", "$dynamicAnchor"} {
		a := s.get(keyword)
		if a == nil {
			continue
		}
		if a.kind != '"' || a.text == "" {
			return a.fail("must be a name")
		}
		key := s.base + "#" + a.text
		if old := r.anchors[key]; old != nil && old != s {
			return a.fail("two schemas have this anchor")
		}
		r.anchors[key] = s
		if keyword == "$dynamicAnchor" {
			r.dynamics[a.text]++
			r.dynamic[s.base] = append(r.dynamic[s.base], s)
		}
	}
	return nil
}

// age fails on a keyword that means something else in the document's draft.
func (r *resources) age(s *value) error {
	if r.draft == "" {
		return nil
	}
	for _, m := range s.members {
		if contains(elder[r.draft], m.name) {
			return m.value.fail("has another meaning, or none, in the draft that $schema names; try draft 2020-12")
		}
		if strings.Contains(r.draft, "draft-07") && s.get("$ref") != nil && !contains(besideRef, m.name) {
			return m.value.fail("is void next to $ref in draft 7; try draft 2020-12")
		}
	}
	return nil
}

// resolve returns ref relative to base, and its fragment apart.
func resolve(base, ref string) (abs, fragment string, err error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", "", err
	}
	if base != "" && !strings.HasPrefix(ref, "#") {
		b, err := url.Parse(base)
		if err != nil {
			return "", "", err
		}
		if b.Opaque == "" {
			u = b.ResolveReference(u)
		}
	}
	fragment = u.Fragment
	u.Fragment, u.RawFragment = "", ""
	abs = u.String()
	if strings.HasPrefix(ref, "#") {
		abs = base
	}
	return abs, fragment, nil
}

// target returns the schema that a $ref or $dynamicRef keyword of s names.
func (r *resources) target(s, keyword *value) (*value, error) {
	if keyword.kind != '"' {
		return nil, keyword.fail("must be a URI reference")
	}
	abs, fragment, err := resolve(s.base, keyword.text)
	if err != nil {
		return nil, keyword.fail("must be a URI reference")
	}
	root := r.byID[abs]
	if root == nil {
		return nil, keyword.fail("%q is not in this document, and others are not fetched", abs)
	}
	to := root
	switch {
	case fragment == "":
	case strings.HasPrefix(fragment, "/"):
		if to = r.follow(root, fragment); to == nil {
			return nil, keyword.fail("there is nothing at %q", "#"+fragment)
		}
	default:
		if to = r.anchors[abs+"#"+fragment]; to == nil {
			return nil, keyword.fail("there is no anchor %q", fragment)
		}
	}
	if !to.isSchema() {
		return nil, keyword.fail("%q is no schema", "#"+to.pointer())
	}
	return to, nil
}

// follow goes down a JSON pointer. What is below a part that is no subschema
// keeps the URI of the nearest schema above.
func (r *resources) follow(v *value, pointer string) *value {
	base := v.base
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v.kind {
		case '{':
			v = v.get(part)
		case '[':
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v.items) || strconv.Itoa(i) != part {
				return nil
			}
			v = v.items[i]
		default:
			return nil
		}
		if v == nil {
			return nil
		}
		if v.base == "" {
			v.base = base
		}
		base = v.base
	}
	return v
}
