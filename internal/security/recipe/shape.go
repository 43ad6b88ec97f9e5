package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// shape is what a schema says about where the free text and the citations of an
// answer stand.
type shape struct {
	kind       string // object, array, string …
	properties map[string]*shape
	items      *shape
	enum       []string
	id         string // the kind of identifier that a string must be
	cites      bool   // it holds ids of evidence
	ground     bool   // a check makes a statement of it
}

// schemaNode is the part of a schema that shapes are made of.
type schemaNode struct {
	Type       any                    `json:"type"`
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Enum       []any                  `json:"enum"`
	Const      any                    `json:"const"`
	ID         string                 `json:"x-casemate-id"`
	NameOf     string                 `json:"x-casemate-name-of"`
	Cites      bool                   `json:"x-casemate-evidence"`

	Ref   string            `json:"$ref"`
	AnyOf []json.RawMessage `json:"anyOf"`
	OneOf []json.RawMessage `json:"oneOf"`
	AllOf []json.RawMessage `json:"allOf"`
}

func shapeOf(schema json.RawMessage) (*shape, error) {
	var n schemaNode
	if err := json.Unmarshal(schema, &n); err != nil {
		return nil, err
	}
	s, err := n.shape(0)
	if err == nil && s.kind != "object" {
		err = errors.New("an answer is an object")
	}
	return s, err
}

const maxSchemaDepth = 12

func (n *schemaNode) shape(depth int) (*shape, error) {
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("it is deeper than %d", maxSchemaDepth)
	}
	if n.Ref != "" || n.AnyOf != nil || n.OneOf != nil || n.AllOf != nil {
		return nil, errors.New("$ref, anyOf, oneOf and allOf are not for recipes: say each part where it stands")
	}
	kind, ok := n.Type.(string)
	if !ok && n.Enum == nil && n.Const == nil {
		return nil, errors.New("each part needs one type")
	}
	s := &shape{kind: kind, id: n.ID + n.NameOf, cites: n.Cites}
	for _, v := range n.Enum {
		s.enum = append(s.enum, fmt.Sprint(v))
	}
	if n.Const != nil {
		s.enum = append(s.enum, fmt.Sprint(n.Const))
	}
	var err error
	for name, p := range n.Properties {
		if s.properties == nil {
			s.properties = map[string]*shape{}
		}
		if p == nil {
			return nil, fmt.Errorf("property %q is empty", name)
		}
		if s.properties[name], err = p.shape(depth + 1); err != nil {
			return nil, err
		}
	}
	if n.Items != nil {
		if s.items, err = n.Items.shape(depth + 1); err != nil {
			return nil, err
		}
		s.items.cites = s.items.cites || s.cites
	}
	return s, nil
}

// free says whether a string can be anything.
func (s *shape) free() bool {
	return s.kind == "string" && len(s.enum) == 0 && s.id == "" && !s.cites
}

// statement says whether an object is a sentence with the evidence it rests on.
func (s *shape) statement() bool {
	t, e := s.properties["text"], s.properties["evidence"]
	return t != nil && e != nil && t.free() && (e.cites || e.items != nil && e.items.cites)
}

// find follows a place such as "reasons.text" through lists.
func (s *shape) find(place []string) *shape {
	for s != nil && s.kind == "array" {
		s = s.items
	}
	if s == nil || len(place) == 0 {
		return s
	}
	return s.properties[place[0]].find(place[1:])
}

// loose returns the places of free text that no statement holds.
func (s *shape) loose(place string) (out []string) {
	switch {
	case s.ground || s.statement() && len(s.properties) == 2:
		return nil
	case s.free():
		return []string{place}
	case s.items != nil:
		return s.items.loose(place)
	}
	for _, name := range slices.Sorted(maps.Keys(s.properties)) {
		if s.statement() && (name == "text" || name == "evidence") {
			continue
		}
		out = append(out, s.properties[name].loose(strings.TrimPrefix(place+"."+name, "."))...)
	}
	return out
}

// statements makes statements of an answer's sentences, in place and in a fixed
// order, and hands each to take. given are the ids of the evidence that was
// shown for them.
func (s *shape) statements(v any, given []string, take func(*casemate.Statement)) any {
	made := func(st *casemate.Statement) *casemate.Statement {
		take(st)
		return st
	}
	switch v := v.(type) {
	case string:
		if s.ground {
			return made(&casemate.Statement{Text: v, Evidence: given, By: casemate.DecidedByModel})
		}
	case []any:
		if s.items == nil {
			return v
		}
		for i := range v {
			v[i] = s.items.statements(v[i], given, take)
		}
	case map[string]any:
		if s.statement() && len(s.properties) == 2 {
			return made(sentence(v))
		}
		if s.statement() {
			v["statement"] = made(sentence(v))
			delete(v, "text")
			delete(v, "evidence")
		}
		for _, name := range slices.Sorted(maps.Keys(s.properties)) {
			if below, ok := v[name]; ok {
				v[name] = s.properties[name].statements(below, given, take)
			}
		}
	}
	return v
}

// sentence reads the text and the citations of an object.
func sentence(v map[string]any) *casemate.Statement {
	st := &casemate.Statement{By: casemate.DecidedByModel}
	st.Text, _ = v["text"].(string)
	switch e := v["evidence"].(type) {
	case string:
		st.Evidence = []string{e}
	case []any:
		for _, id := range e {
			if id, ok := id.(string); ok {
				st.Evidence = append(st.Evidence, id)
			}
		}
	}
	return st
}

// sample makes an answer of the shape, for trying templates.
func (s *shape) sample() any {
	switch {
	case s.statement() && len(s.properties) == 2:
		return &casemate.Statement{Text: "A sentence.", Evidence: []string{"E1"}, By: casemate.DecidedByModel, Support: casemate.Supported}
	case s.ground:
		return &casemate.Statement{Text: "A sentence.", By: casemate.DecidedByModel, Support: casemate.Supported}
	case len(s.enum) > 0:
		return s.enum[0]
	}
	switch s.kind {
	case "object":
		out := map[string]any{}
		for name, p := range s.properties {
			out[name] = p.sample()
		}
		if s.statement() {
			delete(out, "text")
			delete(out, "evidence")
			out["statement"] = &casemate.Statement{Text: "A sentence.", By: casemate.DecidedByModel, Support: casemate.Supported}
		}
		return out
	case "array":
		if s.items == nil {
			return []any{}
		}
		return []any{s.items.sample()}
	case "integer", "number":
		return 1.0
	case "boolean":
		return true
	}
	return "text"
}

// result is the JSON Schema of what stands in the result for an answer.
func (s *shape) result() map[string]any {
	switch {
	case s.ground, s.statement() && len(s.properties) == 2:
		return map[string]any{"$ref": "#/$defs/statement"}
	case len(s.enum) > 0 && s.kind == "string":
		return map[string]any{"type": "string", "enum": s.enum}
	case s.kind == "array" && s.items != nil:
		return map[string]any{"type": "array", "items": s.items.result()}
	case s.kind == "object":
		properties := map[string]any{}
		for name, p := range s.properties {
			properties[name] = p.result()
		}
		if s.statement() {
			delete(properties, "text")
			delete(properties, "evidence")
			properties["statement"] = map[string]any{"$ref": "#/$defs/statement"}
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	case s.kind == "":
		return map[string]any{}
	}
	return map[string]any{"type": s.kind}
}
