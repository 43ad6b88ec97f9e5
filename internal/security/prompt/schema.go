package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate"
)

// The keywords of ours in a schema. docs/constrained-decoding.md has the last two.
const (
	markEvidence = "x-casemate-evidence"
	markID       = "x-casemate-id"
	markName     = "x-casemate-name-of"
)

// parseSchema reads a schema and checks what a prompt needs of it: that every
// answer ends. Its errors name file and line.
func parseSchema(file string, text []byte) (*node, error) {
	n, err := parseNode(text)
	if err == nil {
		err = bounded(n, "")
	}
	if err == nil {
		err = ending(n)
	}
	if err == nil {
		var s jsonschema.Schema
		if err = json.Unmarshal(text, &s); err == nil {
			_, err = s.Resolve(nil)
		}
	}
	if err != nil {
		line := 1
		var place *at
		if errors.As(err, &place) {
			line = lineOf(string(text), place.offset)
		}
		return nil, fmt.Errorf("%s:%d: %w", file, line, err)
	}
	return n, nil
}

// bounded refuses a schema of values that need not end, or of any type.
func bounded(n *node, pointer string) error {
	wrong := func(format string, args ...any) error {
		return &at{n.offset, fmt.Errorf("%s: %s", or(pointer, "the schema"), fmt.Sprintf(format, args...))}
	}
	if !isObject(n) {
		return wrong("want an object that says what the value is")
	}
	kind := n.get("type").text()
	if mark := n.get(markEvidence); mark != nil && (string(mark.raw) != "true" || kind != "array" && kind != "string") {
		return wrong(`%q is true, and stands with the type "array" or "string"`, markEvidence)
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return n.get(name) != nil })
	}
	switch {
	case has("enum", "const", "$ref", markEvidence, markID, markName, "anyOf", "oneOf", "allOf"):
	case kind == "string" && !has("maxLength", "format"):
		return wrong("a string without maxLength may never end")
	case kind == "array" && !has("maxItems"):
		return wrong("an array without maxItems may never end")
	case n.get("type") == nil:
		return wrong("it says no type")
	}
	return boundedBelow(n, pointer)
}

// boundedBelow is bounded of the schemas inside a schema.
func boundedBelow(n *node, pointer string) error {
	for i, name := range n.names {
		v, below := n.values[i], pointer+"/"+name
		switch name {
		case "items", "not", "if", "then", "else", "contains":
			if n.get(markEvidence) != nil {
				continue // they will be ids
			}
			if err := bounded(v, below); err != nil {
				return err
			}
		case "properties", "$defs", "anyOf", "oneOf", "prefixItems": // allOf says only more of what has a bound elsewhere
			for j, w := range v.values {
				key := strconv.Itoa(j)
				if !v.array && j < len(v.names) {
					key = v.names[j]
				}
				if err := bounded(w, below+"/"+key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// fill returns the schema with the ids of evidence where it is marked.
func (p *Prompt) fill(evidence []casemate.Evidence) (json.RawMessage, error) {
	list := &node{array: true}
	seen := map[string]bool{}
	for _, e := range evidence {
		if !seen[e.ID] {
			seen[e.ID] = true
			list.values = append(list.values, &node{raw: quoted(e.ID)})
		}
	}
	n, err := filled(p.schema, list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(p.dir, schemaFile), err)
	}
	return json.RawMessage(spelled(n)), nil
}

// filled returns a value with every marked schema in it filled.
func filled(n, ids *node) (*node, error) {
	if n.raw != nil {
		return n, nil
	}
	out := &node{offset: n.offset, array: n.array, names: n.names}
	for _, v := range n.values {
		w, err := filled(v, ids)
		if err != nil {
			return nil, err
		}
		out.values = append(out.values, w)
	}
	if out.get(markEvidence) == nil {
		return out, nil
	}
	out = out.with(markEvidence, nil)
	count := len(ids.values)
	if out.get("type").text() == "string" {
		if count == 0 {
			return nil, errors.New("an id of evidence must be cited, and there is no evidence")
		}
		return out.with("enum", ids), nil
	}
	if count == 0 {
		return out.with("items", nil).with("minItems", nil).with("maxItems", literal("0")), nil
	}
	most := count
	if m, ok := out.get("maxItems").number(); ok {
		most = min(most, m)
	}
	if least, ok := out.get("minItems").number(); ok && least > most {
		out = out.with("minItems", literal(strconv.Itoa(most)))
	}
	item := &node{names: []string{"type", "enum"}, values: []*node{literal(`"string"`), ids}}
	return out.with("items", item).with("maxItems", literal(strconv.Itoa(most))).with("uniqueItems", literal("true")), nil
}

// Cites reports whether the answer to the prompt cites evidence.
func (p *Prompt) Cites() bool { return strings.Contains(string(p.Schema), strconv.Quote(markEvidence)) }
