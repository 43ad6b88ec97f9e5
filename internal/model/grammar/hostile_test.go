package grammar_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// hostile are schemas made to cost much. Each must compile or be refused; that
// it is quick shows in how long the tests take.
func hostile() map[string]string {
	deep := func(open, inside, shut string, n int) string {
		return strings.Repeat(open, n) + inside + strings.Repeat(shut, n)
	}
	list := func(n int, item func(int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = item(i)
		}
		return strings.Join(parts, ",")
	}
	chain := list(5000, func(i int) string { return fmt.Sprintf(`"d%d":{"items":{"$ref":"#/$defs/d%d"}}`, i, (i+1)%5000) })
	return map[string]string{
		"nested arrays":  deep("[", "", "]", 100000),
		"nested not":     deep(`{"not":`, `{"type":"object"}`, `}`, 100),
		"nested items":   deep(`{"items":`, `{}`, `}`, 120),
		"anyOf of anyOf": deep(`{"anyOf":[{"type":"object","required":["a"]},`, `{}`, `]}`, 60),
		"allOf of anyOf": `{"type":"object","allOf":[` + list(30, func(i int) string { return fmt.Sprintf(`{"anyOf":[{"required":["a%d"]},{"required":["b%d"]}]}`, i, i) }) + `]}`,
		"many oneOf": `{"oneOf":[` + list(200, func(i int) string {
			return fmt.Sprintf(`{"type":"object","properties":{"a%d":{}},"minProperties":%d}`, i, i)
		}) + `]}`,
		"many conditions": `{"type":"object","allOf":[` + list(40, func(i int) string {
			return fmt.Sprintf(`{"if":{"required":["a%d"]},"then":{"required":["b%d"]}}`, i, i)
		}) + `]}`,
		"pattern repeats":     `{"pattern":"^(a{1000}){1000}$"}`,
		"pattern explodes":    `{"pattern":"^(a|b)*a(a|b){30}$"}`,
		"pattern of classes":  `{"pattern":"` + strings.Repeat(`\\p{L}\\P{Lu}`, 300) + `"}`,
		"nested star":         `{"pattern":"^` + deep("(", "a*", ")*", 90) + `$"}`,
		"patterns together":   `{"allOf":[` + list(12, func(i int) string { return fmt.Sprintf(`{"pattern":"a.{%d}b"}`, i+3) }) + `]}`,
		"patternProperties":   `{"patternProperties":{` + list(40, func(i int) string { return fmt.Sprintf(`"a%d":{"minimum":%d}`, i, i) }) + `}}`,
		"long maxLength":      `{"type":"string","maxLength":999999999999}`,
		"long minLength":      `{"type":"string","maxLength":999999999999,"minLength":99999999999}`,
		"long array":          `{"type":"array","minItems":99999999,"contains":{"type":"integer"},"items":{"type":["integer","null"]}}`,
		"many contains":       `{"allOf":[` + list(20, func(i int) string { return fmt.Sprintf(`{"contains":{"const":%d}}`, i) }) + `]}`,
		"huge multiple":       `{"multipleOf":0.00000000000000000001234567}`,
		"huge bound":          `{"minimum":1e400000000}`,
		"digits":              `{"minimum":` + strings.Repeat("9", 100000) + `}`,
		"large enum":          `{"enum":[` + list(60000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) }) + `]}`,
		"not a large enum":    `{"type":"string","not":{"enum":[` + list(60000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) }) + `]}}`,
		"numbers":             `{"enum":[` + list(1000, func(i int) string { return fmt.Sprint(i*7919, ".", i) }) + `]}`,
		"properties":          `{"properties":{` + list(1900, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) }) + `}}`,
		"too many properties": `{"properties":{` + list(30000, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) }) + `}}`,
		"chain":               `{"$ref":"#/$defs/d0","$defs":{` + chain + `}}`,
		"references in place": `{"$ref":"#/$defs/d0","$defs":{` + list(5000, func(i int) string { return fmt.Sprintf(`"d%d":{"$ref":"#/$defs/d%d"}`, i, i+1) }) + `,"d5000":true}}`,
		"all of each other": `{"$ref":"#/$defs/d0","$defs":{` + list(60, func(i int) string {
			return fmt.Sprintf(`"d%d":{"properties":{"x":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}}}`, i, (i+1)%60, (i*7+3)%60)
		}) + `}}`,
		"long pointer": `{"$ref":"#` + strings.Repeat("/a", 100000) + `"}`,
		"uniqueItems":  `{"type":"array","uniqueItems":true,"items":{"type":"string","pattern":"^` + strings.Repeat("[ab]?", 400) + `$"}}`,
		"bytes":        `"` + strings.Repeat("x", 2<<20) + `"`,
	}
}

func TestHostileSchemas(t *testing.T) {
	for name, src := range hostile() {
		s, err := grammar.Compile([]byte(src), grammar.Options{})
		if err != nil {
			if !errors.Is(err, grammar.ErrSchema) {
				t.Errorf("%s: %v is no ErrSchema", name, err)
			}
			if len(err.Error()) > 4096 {
				t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
			}
			continue
		}
		if err := s.Validate([]byte(`"x`)); err == nil {
			t.Errorf("%s: half a string is valid", name)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range schemas {
		f.Add(s, `{"a":1}`)
	}
	for _, s := range hostile() {
		if len(s) < 4096 {
			f.Add(s, `["a"]`)
		}
	}
	f.Add(`{"type":"object","anyOf":[{"properties":{"a":{}}},{"patternProperties":{"b":{"contains":{"const":1}}}}],"unevaluatedProperties":{"format":"uri-template"},"dependencies":{"a":["b"]}}`, `{}`)
	v, tokens, _ := vocabulary(f)
	f.Fuzz(func(t *testing.T, src, doc string) {
		s, err := grammar.Compile([]byte(src), grammar.Options{Catalogue: catalogues})
		if err != nil {
			if !errors.Is(err, grammar.ErrSchema) {
				t.Fatalf("%v is no ErrSchema", err)
			}
			return
		}
		_ = s.Validate([]byte(doc))
		g, err := s.Bind(v)
		if err != nil {
			t.Fatal(err)
		}
		m := g.Start()
		for step := range 20 {
			list := allowed(m.Mask(), len(tokens))
			if len(list) == 0 && !m.Finished() {
				t.Fatalf("%s: no token is allowed after %d", src, step)
			}
			if m.Finished() {
				break
			}
			if err := m.Accept(list[(step*7+len(doc))%len(list)]); err != nil {
				t.Fatal(err)
			}
		}
	})
}
