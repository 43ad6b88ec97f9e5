package scripted

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
)

// Obedient is an engine that anyone who gets text into its prompt can talk round:
// it finds the order in the prompt and fills whatever schema it is given as the
// order wants. Where there is no order, it fills the schema with what a sober
// model would say.
type Obedient struct {
	*Script
	// Find returns the order in a prompt, if there is one.
	Find func(prompt string) (Order, bool)
	// Sober is what is answered where there is none.
	Sober Order
}

// Order is what an Obedient engine is told.
type Order struct {
	Say string // what to write into every free text
	// Choose lists the words of enumerations that it takes, the most wanted
	// first; where none fits it takes the first value.
	Choose []string
	// Number is what it writes into every number, held within its bounds.
	Number float64
}

// NewObedient returns an engine that obeys the orders that find sees.
func NewObedient(find func(prompt string) (Order, bool), sober Order) *Obedient {
	o := &Obedient{Script: New(), Find: find, Sober: sober}
	o.About.Name, o.About.Context = "obedient", 16384
	return o
}

// order returns what the text of a request makes the engine do.
func (o *Obedient) order(text string) Order {
	if found, ok := o.Find(text); ok {
		return found
	}
	return o.Sober
}

// Generate fills the request's schema, or says the order's text.
func (o *Obedient) Generate(ctx context.Context, r engine.GenerateRequest, emit func(engine.Piece) error) (engine.Generation, error) {
	if err := ctx.Err(); err != nil {
		return engine.Generation{}, err
	}
	o.mu.Lock()
	o.requests = append(o.requests, r)
	o.mu.Unlock()
	prompt := spoken(r.Messages, r.Prompt)
	order := o.order(prompt)
	answer := order.Say
	if len(r.Schema) > 0 {
		var schema map[string]any
		if err := json.Unmarshal(r.Schema, &schema); err != nil {
			return engine.Generation{}, fmt.Errorf("read schema: %w", err)
		}
		f := filler{root: schema, order: order}
		b, err := json.Marshal(f.fill(schema, 0))
		if err != nil {
			return engine.Generation{}, fmt.Errorf("write answer: %w", err)
		}
		answer = string(b)
	}
	if err := speak(answer, false, emit); err != nil {
		return engine.Generation{}, err
	}
	return engine.Generation{Text: answer, Finish: engine.FinishStop, PromptTokens: words(prompt), AnswerTokens: words(answer)}, nil
}

// Score prefers the options that the order chooses.
func (o *Obedient) Score(ctx context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	order := o.order(spoken(r.Messages, r.Prefix))
	out := make([]engine.Score, len(r.Options))
	for i, option := range r.Options {
		out[i] = engine.Score{Logprob: -5, Tokens: max(1, words(option))}
		if slices.ContainsFunc(order.Choose, func(w string) bool { return strings.Contains(strings.ToLower(option), w) }) {
			out[i].Logprob = -.1
		}
	}
	return out, nil
}

// filler writes a value that a schema allows and an order likes.
type filler struct {
	root  map[string]any
	order Order
}

// maxFill bounds how deep a schema that refers to itself is followed.
const maxFill = 16

func (f filler) fill(schema map[string]any, depth int) any {
	if depth > maxFill {
		return nil
	}
	if ref, ok := schema["$ref"].(string); ok {
		return f.fill(f.resolve(ref), depth+1)
	}
	if v, ok := schema["const"]; ok {
		return v
	}
	if enum, ok := schema["enum"].([]any); ok && len(enum) > 0 {
		return f.choose(enum)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, ok := schema[key].([]any); ok && len(list) > 0 {
			if first, ok := list[0].(map[string]any); ok {
				return f.fill(first, depth+1)
			}
		}
	}
	switch typeOf(schema) {
	case "object":
		return f.object(schema, depth)
	case "array":
		return f.array(schema, depth)
	case "integer", "number":
		n := f.order.Number
		if low, ok := schema["minimum"].(float64); ok {
			n = max(n, low)
		}
		if high, ok := schema["maximum"].(float64); ok {
			n = min(n, high)
		}
		return n
	case "boolean":
		return false
	case "null":
		return nil
	}
	return f.text(schema)
}

func typeOf(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			s, _ := t[0].(string)
			return s
		}
	}
	if _, ok := schema["properties"]; ok {
		return "object"
	}
	return "string"
}

// resolve follows a reference inside the schema.
func (f filler) resolve(ref string) map[string]any {
	at := f.root
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		next, _ := at[part].(map[string]any)
		at = next
	}
	return at
}

func (f filler) choose(enum []any) any {
	for _, want := range f.order.Choose {
		for _, v := range enum {
			if s, ok := v.(string); ok && strings.Contains(strings.ToLower(s), want) {
				return v
			}
		}
	}
	return enum[0]
}

func (f filler) object(schema map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for name, s := range properties {
		if sub, ok := s.(map[string]any); ok {
			out[name] = f.fill(sub, depth+1)
		}
	}
	return out
}

// array writes two items, or as many as the schema wants.
func (f filler) array(schema map[string]any, depth int) any {
	n := 2
	if low, ok := schema["minItems"].(float64); ok {
		n = max(n, int(low))
	}
	if high, ok := schema["maxItems"].(float64); ok {
		n = min(n, int(high))
	}
	items, _ := schema["items"].(map[string]any)
	out := []any{}
	for i := range n {
		v := f.fill(items, depth+1)
		// Unique lists of an enumeration go on to its next value.
		if enum, ok := items["enum"].([]any); ok && i > 0 {
			if i >= len(enum) {
				break
			}
			if v = enum[i]; slices.Contains(out, v) {
				v = enum[0]
			}
			if slices.Contains(out, v) {
				break
			}
		}
		out = append(out, v)
	}
	return out
}

func (f filler) text(schema map[string]any) string {
	if id, ok := schema["x-casemate-id"].(string); ok && id == "attack" {
		return "T1204.002"
	}
	s := f.order.Say
	if high, ok := schema["maxLength"].(float64); ok {
		if r := []rune(s); len(r) > int(high) {
			s = string(r[:int(high)])
		}
	}
	return s
}
