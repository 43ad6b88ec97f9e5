package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate"
)

// ResultSchema is the JSON Schema of Result.Result: a property for each rule and
// each step.
func (r *Recipe) ResultSchema() json.RawMessage { return r.schema }

// resultSchema makes the schema of the result, and adds what the recipe wants
// besides.
func (r *Recipe) resultSchema() error {
	properties := map[string]any{}
	for _, rule := range r.Rules {
		properties[rule.Name] = rule.schema()
	}
	for _, s := range r.Steps {
		if s.kind == nil {
			continue
		}
		one := s.kind.result()
		if s.Over == "each" {
			one["properties"].(map[string]any)["on"] = map[string]any{"type": "string"}
		}
		if s.many() {
			one = map[string]any{"type": "array", "items": one}
		}
		properties[s.Name] = map[string]any{"anyOf": []any{map[string]any{"type": "null"}, one}}
	}
	all := map[string]any{"type": "object", "properties": properties, "additionalProperties": false, "$defs": map[string]any{"statement": statementSchema()}}
	if r.Output.Schema != nil {
		all["allOf"] = []any{json.RawMessage(r.Output.Schema)}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	r.schema = b
	_, err = resolve(b)
	return err
}

func resolve(schema []byte) (*jsonschema.Resolved, error) {
	s := new(jsonschema.Schema)
	if err := json.Unmarshal(schema, s); err != nil {
		return nil, err
	}
	return s.Resolve(nil)
}

// valid holds the result against its schema.
func (r *Recipe) valid(document []byte) error {
	schema, err := resolve(r.schema)
	if err != nil {
		return fmt.Errorf("recipe %q: %w", r.Name, err)
	}
	var v any
	if err := json.NewDecoder(bytes.NewReader(document)).Decode(&v); err != nil {
		return fmt.Errorf("recipe %q: %w", r.Name, err)
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("recipe %q: the result is not what its schema says: %w", r.Name, err)
	}
	return nil
}

func statementSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "required": []string{"text", "by"}, "additionalProperties": false,
		"properties": map[string]any{
			"text": text, "evidence": listOf(text), "by": text, "support": text,
			"problems": listOf(map[string]any{"type": "object", "properties": map[string]any{"kind": text, "text": text, "why": text}}),
		},
	}
}

func listOf(items any) map[string]any { return map[string]any{"type": "array", "items": items} }

// schema is the schema of what a rule finds.
func (r *Rule) schema() map[string]any {
	text, number := map[string]any{"type": "string"}, map[string]any{"type": "number"}
	texts, statement := listOf(text), map[string]any{"$ref": "#/$defs/statement"}
	object := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	}
	list := func(items any) map[string]any {
		return map[string]any{"type": "object", "required": []string{"items", "more", "total"}, "additionalProperties": false,
			"properties": map[string]any{"items": listOf(items), "more": map[string]any{"type": "integer"}, "total": map[string]any{"type": "integer"}}}
	}
	sign := object(map[string]any{"name": text, "points": number, "count": number, "statement": statement})
	switch r.Do {
	case "count":
		return list(object(map[string]any{"value": text, "count": number, "first": text, "last": text, "evidence": texts}))
	case "indicators":
		return list(object(map[string]any{"type": text, "value": text, "defanged": text, "scope": text, "count": number, "first": text, "last": text, "known": text, "evidence": texts}))
	case "techniques":
		return list(object(map[string]any{"id": text, "name": text, "tactics": texts, "count": number, "evidence": texts}))
	case "incidents":
		return list(object(map[string]any{"rank": number, "id": text, "title": text, "verdict": text, "score": number, "severity": text, "alerts": number,
			"first": text, "last": text, "hosts": texts, "users": texts, "techniques": texts, "next": texts, "evidence": texts}))
	case "timeline":
		return list(object(map[string]any{"time": text, "host": text, "user": text, "text": text, "severity": text, "count": number, "evidence": texts}))
	case "sentences":
		return list(statement)
	case "level":
		return object(map[string]any{"level": map[string]any{"enum": r.levelNames()}, "points": number, "signs": listOf(sign)})
	}
	return list(sign)
}

// sample makes what a template is tried on: nothing found and no model, or one of
// everything.
func (r *Recipe) sample(full bool) map[string]any {
	values := r.defaults()
	found := map[string]any{}
	for i := range r.Rules {
		found[r.Rules[i].Name] = r.Rules[i].sample(full)
	}
	for _, s := range r.Steps {
		found[s.Name] = nil
		if !full {
			continue
		}
		one, _ := s.kind.sample().(map[string]any)
		if s.Over == "each" {
			one["on"] = "E1"
		}
		found[s.Name] = one
		if s.many() {
			found[s.Name] = []any{one}
		}
	}
	out, err := r.values(Input{Files: []string{"file"}, Values: values}, found, 1, full)
	if err != nil {
		return map[string]any{}
	}
	return out
}

// zero is the value of a field that nobody gives.
func (f Field) zero() any {
	switch f.Type {
	case "integer":
		n, _ := strconv.Atoi(f.Default) // Load has read it
		return n
	case "number":
		x, _ := strconv.ParseFloat(f.Default, 64)
		return x
	case "boolean":
		return false
	}
	return f.Default
}

func (r *Rule) sample(full bool) any {
	n := 0
	if full {
		n = 1
	}
	const at, id = "2026-03-04 09:12:31", "E1"
	one, ids, text := &casemate.Statement{Text: "A sentence.", Evidence: []string{id}, By: casemate.DecidedByRule, Support: casemate.Supported}, []string{id}, []string{"text"}
	sign := FoundSign{Name: "sign", Points: 1, Count: 1, Statement: one}
	switch r.Do {
	case "count":
		return listed([]Counted{{"value", 1, at, at, ids}}[:n], 1)
	case "indicators":
		return listed([]FoundIndicator{{"domain", "files.example.com", "files[.]example[.]com", "public", 1, at, at, "known", ids}}[:n], 1)
	case "techniques":
		return listed([]FoundTechnique{{"T1566", "Phishing", text, 1, ids}}[:n], 1)
	case "incidents":
		return listed([]FoundIncident{{1, "i-1", "title", "suspicious", 50, "high", 1, at, at, text, text, text, text, ids}}[:n], 1)
	case "timeline":
		return listed([]Happening{{at, "host", "user", "text", "high", 1, ids}}[:n], 1)
	case "sentences":
		return listed([]*casemate.Statement{one}[:n], 1)
	case "level":
		return Weighed{Level: r.levelNames()[n*(len(r.Levels)-1)], Points: n, Signs: []FoundSign{sign}[:n]}
	}
	return listed([]FoundSign{sign}[:n], 1)
}
