package prompt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
)

// Known looks up an identifier of a kind that "x-casemate-id" names, and returns
// what it is called.
type Known func(kind, id string) (name string, ok bool)

// maxAnswer bounds the answers that are read.
const maxAnswer = 16 << 20

// Validate holds a model's answer against a schema, as Messages returned it, and
// returns the answer as one reading of it: a JSON document in which no name stands
// twice. It does not trust the engine to have kept to the schema. An object whose
// schema declares properties has no others, as with constrained decoding.
func Validate(schema json.RawMessage, answer string, known Known) (json.RawMessage, error) {
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes; at most %d are read", len(answer), maxAnswer)
	}
	if _, err := parseNode([]byte(answer)); err != nil {
		return nil, fmt.Errorf("read the answer as JSON: %w", err)
	}
	var value any
	if err := json.Unmarshal([]byte(answer), &value); err != nil {
		return nil, fmt.Errorf("read the answer as JSON: %w", err)
	}
	root, err := parseNode(schema)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if err := ending(root); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if err := holds(schema, value); err != nil {
		return nil, err
	}
	v := validator{root: root, known: known}
	if err := v.check(root, value, "", 0); err != nil {
		return nil, err
	}
	out, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write the answer as JSON: %w", err)
	}
	return out, nil
}

// holds checks what JSON Schema says.
func holds(schema []byte, value any) error {
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	if err := resolved.Validate(value); err != nil {
		return fmt.Errorf("hold the answer against its schema: %w", err)
	}
	return nil
}

// validator checks what JSON Schema does not know: identifiers, names, and that
// no property is there that was not declared.
type validator struct {
	root  *node
	known Known
}

// maxSteps bounds how deep an answer and references are followed.
const maxSteps = 256

func (v validator) check(s *node, value any, pointer string, depth int) error {
	if depth > maxSteps {
		return fmt.Errorf("%s: the schema refers to itself without end", pointer)
	}
	if !isObject(s) {
		return nil
	}
	if ref := s.get("$ref").text(); ref != "" {
		target, err := v.root.resolve(ref)
		if err == nil {
			err = v.check(target, value, pointer, depth+1)
		}
		if err != nil {
			return err
		}
	}
	if all := s.get("allOf"); all != nil {
		for _, part := range all.values {
			if err := v.check(part, value, pointer, depth+1); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if list := s.get(name); list != nil {
			if err := v.some(list.values, value, pointer, depth); err != nil {
				return err
			}
		}
	}
	switch value := value.(type) {
	case string:
		return v.id(s, value, pointer)
	case []any:
		return v.items(s, value, pointer, depth)
	case map[string]any:
		return v.properties(s, value, pointer, depth)
	}
	return nil
}

// some wants one of several schemas to hold altogether.
func (v validator) some(list []*node, value any, pointer string, depth int) error {
	var first error
	for _, s := range list {
		err := v.branch(s, value)
		if err == nil {
			err = v.check(s, value, pointer, depth+1)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// branch checks what JSON Schema says of one alternative, whose references may
// lead to the definitions of the whole.
func (v validator) branch(s *node, value any) error {
	if !isObject(s) {
		return nil
	}
	if defs := v.root.get("$defs"); defs != nil {
		s = s.with("$defs", defs)
	}
	return holds([]byte(spelled(s)), value)
}

func (v validator) id(s *node, value, pointer string) error {
	kind := s.get(markID).text()
	if kind == "" || v.known == nil {
		return nil
	}
	if _, ok := v.known(kind, value); !ok {
		return fmt.Errorf("%s: there is no %s with the id %q", pointer, kind, value)
	}
	return nil
}

func (v validator) items(s *node, list []any, pointer string, depth int) error {
	prefix := s.get("prefixItems")
	for i, e := range list {
		item := s.get("items")
		if prefix != nil && i < len(prefix.values) {
			item = prefix.values[i]
		}
		if err := v.check(item, e, pointer+"/"+strconv.Itoa(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) properties(s *node, object map[string]any, pointer string, depth int) error {
	declared := s.get("properties")
	if declared == nil {
		return nil
	}
	open := s.get("additionalProperties") != nil || s.get("patternProperties") != nil || s.get("unevaluatedProperties") != nil
	for _, name := range slices.Sorted(maps.Keys(object)) {
		e, p := object[name], declared.get(name)
		if p == nil {
			if !open {
				return fmt.Errorf("%s: no property is called %q", or(pointer, "the answer"), name)
			}
			continue
		}
		if err := v.check(p, e, pointer+"/"+name, depth+1); err != nil {
			return err
		}
		if of := p.get(markName).text(); of != "" {
			if err := v.name(declared, object, of, e, pointer+"/"+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// name wants a property to be what the catalogue calls the id in another.
func (v validator) name(declared *node, object map[string]any, of string, value any, pointer string) error {
	id, isID := object[of].(string)
	kind := declared.get(of).get(markID).text()
	if !isID || kind == "" || v.known == nil {
		return nil
	}
	if name, ok := v.known(kind, id); ok && value != any(name) {
		return fmt.Errorf("%s: %s is called %q, not %q", pointer, id, name, value)
	}
	return nil
}
