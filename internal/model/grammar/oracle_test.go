package grammar_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// conforms is a validator written from the specification alone, over decoded
// values: numbers are json.Number, and references are to $defs. It knows the
// keywords that randomSchema writes.
func conforms(root, schema, v any) bool {
	s, ok := schema.(map[string]any)
	if !ok {
		return schema.(bool)
	}
	return applicators(root, s, v) && generic(s, v) && numbers(s, v) && texts(s, v) && arrays(root, s, v) && objects(root, s, v) && rest(root, s, v)
}

// rest checks unevaluatedProperties and unevaluatedItems.
func rest(root any, s map[string]any, v any) bool {
	subNames, hasNames := s["unevaluatedProperties"]
	subItems, hasItems := s["unevaluatedItems"]
	if !hasNames && !hasItems {
		return true
	}
	names, items := map[string]bool{}, map[int]bool{}
	touch(root, s, v, false, names, items)
	if obj, ok := v.(map[string]any); ok && hasNames {
		for name, x := range obj {
			if !names[name] && !conforms(root, subNames, x) {
				return false
			}
		}
	}
	if list, ok := v.([]any); ok && hasItems {
		for i, x := range list {
			if !items[i] && !conforms(root, subItems, x) {
				return false
			}
		}
	}
	return true
}

// touch marks what a schema evaluates in a value that it accepts. all says
// whether its own unevaluated keywords count.
func touch(root, schema, v any, all bool, names map[string]bool, items map[int]bool) {
	s, ok := schema.(map[string]any)
	if !ok {
		return
	}
	if obj, ok := v.(map[string]any); ok {
		touchNames(s, obj, all, names)
	}
	if list, ok := v.([]any); ok {
		touchItems(root, s, list, all, items)
	}
	var subs []any
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := s[keyword].([]any)
		subs = append(subs, list...)
	}
	if ref, ok := s["$ref"].(string); ok {
		subs = append(subs, root.(map[string]any)["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")])
	}
	if cond, ok := s["if"]; ok {
		subs = append(subs, cond)
		if conforms(root, cond, v) {
			subs = append(subs, s["then"])
		} else {
			subs = append(subs, s["else"])
		}
	}
	for _, sub := range subs {
		if sub != nil && conforms(root, sub, v) {
			touch(root, sub, v, true, names, items)
		}
	}
}

func touchNames(s, obj map[string]any, all bool, names map[string]bool) {
	properties, _ := s["properties"].(map[string]any)
	patterns, _ := s["patternProperties"].(map[string]any)
	_, others := s["additionalProperties"]
	_, more := s["unevaluatedProperties"]
	for name := range obj {
		if _, ok := properties[name]; ok || others || more && all {
			names[name] = true
		}
		for p := range patterns {
			if regexp.MustCompile(p).MatchString(name) {
				names[name] = true
			}
		}
	}
}

func touchItems(root any, s map[string]any, list []any, all bool, items map[int]bool) {
	prefix, _ := s["prefixItems"].([]any)
	_, others := s["items"]
	_, more := s["unevaluatedItems"]
	for i, x := range list {
		c, ok := s["contains"]
		if i < len(prefix) || others || more && all || ok && conforms(root, c, x) {
			items[i] = true
		}
	}
}

func applicators(root any, s map[string]any, v any) bool {
	if ref, ok := s["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		if !conforms(root, root.(map[string]any)["$defs"].(map[string]any)[name], v) {
			return false
		}
	}
	count := func(keyword string) (n, total int) {
		list, _ := s[keyword].([]any)
		for _, sub := range list {
			if conforms(root, sub, v) {
				n++
			}
		}
		return n, len(list)
	}
	if n, total := count("allOf"); n != total {
		return false
	}
	if n, total := count("anyOf"); total > 0 && n == 0 {
		return false
	}
	if n, total := count("oneOf"); total > 0 && n != 1 {
		return false
	}
	if sub, ok := s["not"]; ok && conforms(root, sub, v) {
		return false
	}
	_, hasThen := s["then"]
	_, hasElse := s["else"]
	if sub, ok := s["if"]; ok && (hasThen || hasElse) {
		branch := "else"
		if conforms(root, sub, v) {
			branch = "then"
		}
		if sub, ok := s[branch]; ok && !conforms(root, sub, v) {
			return false
		}
	}
	return true
}

func generic(s map[string]any, v any) bool {
	if list, ok := s["enum"].([]any); ok {
		found := false
		for _, e := range list {
			found = found || same(e, v)
		}
		if !found {
			return false
		}
	}
	if c, ok := s["const"]; ok && !same(c, v) {
		return false
	}
	types, ok := s["type"]
	if !ok {
		return true
	}
	list, ok := types.([]any)
	if !ok {
		list = []any{types}
	}
	for _, t := range list {
		if hasType(t.(string), v) {
			return true
		}
	}
	return false
}

func hasType(name string, v any) bool {
	switch x := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	case json.Number:
		return name == "number" || name == "integer" && ratio(x).IsInt()
	}
	panic(fmt.Sprintf("a %T", v))
}

func ratio(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		panic("no number: " + string(n))
	}
	return r
}

func same(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && ratio(x).Cmp(ratio(y)) == 0
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			z, ok := y[k]
			if !ok || !same(x[k], z) {
				return false
			}
		}
		return true
	}
	return a == b
}

func numbers(s map[string]any, v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return true
	}
	x := ratio(n)
	for keyword, good := range map[string]func(int) bool{
		"minimum": func(c int) bool { return c >= 0 }, "maximum": func(c int) bool { return c <= 0 },
		"exclusiveMinimum": func(c int) bool { return c > 0 }, "exclusiveMaximum": func(c int) bool { return c < 0 },
	} {
		if b, ok := s[keyword].(json.Number); ok && !good(x.Cmp(ratio(b))) {
			return false
		}
	}
	m, ok := s["multipleOf"].(json.Number)
	return !ok || new(big.Rat).Quo(x, ratio(m)).IsInt()
}

// within checks a minimum and a maximum of a size.
func within(s map[string]any, lo, hi string, n int) bool {
	if b, ok := s[lo].(json.Number); ok && ratio(b).Cmp(big.NewRat(int64(n), 1)) > 0 {
		return false
	}
	b, ok := s[hi].(json.Number)
	return !ok || ratio(b).Cmp(big.NewRat(int64(n), 1)) >= 0
}

func texts(s map[string]any, v any) bool {
	str, ok := v.(string)
	if !ok {
		return true
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(str) {
		return false
	}
	return within(s, "minLength", "maxLength", utf8.RuneCountInString(str))
}

func arrays(root any, s map[string]any, v any) bool {
	list, ok := v.([]any)
	if !ok {
		return true
	}
	prefix, _ := s["prefixItems"].([]any)
	hits := 0
	for i, x := range list {
		switch rest, ok := s["items"]; {
		case i < len(prefix):
			if !conforms(root, prefix[i], x) {
				return false
			}
		case ok && !conforms(root, rest, x):
			return false
		}
		if c, ok := s["contains"]; ok && conforms(root, c, x) {
			hits++
		}
		for _, y := range list[:i] {
			if s["uniqueItems"] == true && same(x, y) {
				return false
			}
		}
	}
	if _, ok := s["contains"]; ok {
		if _, ok := s["minContains"]; !ok && hits == 0 {
			return false
		}
		if !within(s, "minContains", "maxContains", hits) {
			return false
		}
	}
	return within(s, "minItems", "maxItems", len(list))
}

func objects(root any, s map[string]any, v any) bool {
	obj, ok := v.(map[string]any)
	if !ok {
		return true
	}
	names, _ := s["required"].([]any)
	for _, n := range names {
		if _, ok := obj[n.(string)]; !ok {
			return false
		}
	}
	deps, _ := s["dependentRequired"].(map[string]any)
	for name, list := range deps {
		if _, ok := obj[name]; !ok {
			continue
		}
		for _, n := range list.([]any) {
			if _, ok := obj[n.(string)]; !ok {
				return false
			}
		}
	}
	properties, _ := s["properties"].(map[string]any)
	patterns, _ := s["patternProperties"].(map[string]any)
	for name, x := range obj {
		sub, known := properties[name]
		if known && !conforms(root, sub, x) {
			return false
		}
		for p, sub := range patterns {
			if regexp.MustCompile(p).MatchString(name) {
				known = true
				if !conforms(root, sub, x) {
					return false
				}
			}
		}
		if rest, ok := s["additionalProperties"]; ok && !known && !conforms(root, rest, x) {
			return false
		}
		if n, ok := s["propertyNames"]; ok && !conforms(root, n, name) {
			return false
		}
	}
	return within(s, "minProperties", "maxProperties", len(obj))
}

func decode(t interface {
	Helper()
	Fatalf(string, ...any)
}, src []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(src)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", src, err)
	}
	return v
}

// randomSchema writes a schema of at most depth schemas inside one another.
func randomSchema(t *rapid.T, depth int) string {
	pick := func(list ...string) string { return rapid.SampledFrom(list).Draw(t, "pick") }
	small := func() string { return strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "small")) }
	sub := func() string { return randomSchema(t, depth-1) }
	scalar := func() string {
		return pick(`null`, `true`, `0`, `1`, `2.5`, `-1`, `"a"`, `"ab"`, `""`, `[]`, `[1]`, `{}`, `{"a":1}`)
	}
	if depth <= 0 || rapid.IntRange(0, 12).Draw(t, "leaf") == 0 {
		return pick(`true`, `false`, `{}`, `{"type":"string"}`, `{"type":"integer"}`, `{"const":1}`, `{"type":"null"}`, `{"$ref":"#/$defs/r"}`, `{"enum":["a","b"]}`)
	}
	var parts []string
	seen := map[string]bool{}
	for range rapid.IntRange(1, 3).Draw(t, "keywords") {
		name := pick("type", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength", "maxLength", "pattern",
			"items", "prefixItems", "minItems", "maxItems", "contains", "maxContains", "minContains", "uniqueItems",
			"properties", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired",
			"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "unevaluatedProperties", "unevaluatedItems")
		if seen[name] {
			continue
		}
		seen[name] = true
		var v string
		switch name {
		case "type":
			v = pick(`"string"`, `"integer"`, `"number"`, `"array"`, `"object"`, `"object"`, `["string","null"]`, `["array","object"]`, `["integer","boolean"]`)
		case "enum":
			v = "[" + scalar() + "," + scalar() + "," + scalar() + "]"
		case "const":
			v = scalar()
		case "minimum", "maximum", "exclusiveMinimum":
			v = pick(`0`, `1`, `-2`, `2.5`, `10`)
		case "multipleOf":
			v = pick(`2`, `0.5`, `3`)
		case "pattern":
			v = pick(`"^a"`, `"b$"`, `"^[ab]*$"`, `"a|b"`)
		case "minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties":
			v = small()
		case "items", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "not", "if", "then", "else":
			v = sub()
		case "propertyNames":
			v = pick(`{"maxLength":1}`, `{"pattern":"^a"}`, `{"enum":["a","c"]}`, `false`, `{"not":{"const":"b"}}`)
		case "prefixItems", "allOf", "anyOf", "oneOf":
			v = "[" + sub() + "," + sub() + "]"
		case "uniqueItems":
			v = pick("true", "false")
		case "properties":
			v = `{"a":` + sub() + `,"b":` + sub() + `}`
		case "patternProperties":
			v = `{` + pick(`"^a"`, `"b"`, `"^$"`) + `:` + sub() + `}`
		case "required":
			v = pick(`["a"]`, `["b","a"]`, `["c"]`)
		case "dependentRequired":
			v = pick(`{"a":["b"]}`, `{"c":["a","b"]}`)
		case "$ref":
			v = `"#/$defs/r"`
		}
		parts = append(parts, fmt.Sprintf("%q:%s", name, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestRandomSchemas checks the two promises for random schemas: what is
// produced is valid, by a validator that shares no code; and what Validate says
// of small documents in our spelling is what that validator says, but for the
// order of properties.
func TestRandomSchemas(t *testing.T) {
	v, tokens, end := vocabulary(t)
	documents := smallDocuments()
	compiled, refused, nothing := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		shared := randomSchema(t, 2)
		src := fmt.Sprintf(`{"$defs":{"r":%s},"allOf":[%s]}`, shared, randomSchema(t, 3))
		// An object that is closed by default holds less than the schema accepts.
		open := rapid.IntRange(0, 3).Draw(t, "open") > 0
		o := grammar.Options{Open: open, Limits: grammar.Limits{MaxDepth: 6, MaxItems: 5, MaxString: 6, MaxProperties: 4, MaxDigits: 4}}
		if _, err := grammar.Compile([]byte(fmt.Sprintf(`{"$defs":{"r":%s},"$ref":"#/$defs/r"}`, shared)), o); err != nil && strings.Contains(err.Error(), "without end") {
			return // it would keep the other validator from an end
		}
		s, err := grammar.Compile([]byte(src), o)
		root := decode(t, []byte(src))
		if err == grammar.ErrNothing {
			nothing++
			for _, doc := range documents {
				if conforms(root, root, doc.value) {
					t.Fatalf("%s\nhas no document, but %s is one", src, doc.forms[0])
				}
			}
			return
		}
		if err != nil {
			refused++
			return
		}
		compiled++
		for _, doc := range documents {
			accepted := false
			for _, form := range doc.forms {
				accepted = accepted || s.Validate([]byte(form)) == nil
			}
			if want := conforms(root, root, doc.value); accepted != want && (accepted || open) {
				t.Fatalf("%s\non %s: accepted %v, want %v", src, doc.forms[0], accepted, want)
			}
		}
		g, err := s.Bind(v)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			m := g.Start()
			var doc []byte
			for !m.Finished() {
				list := allowed(m.Mask(), len(tokens))
				if len(list) == 0 {
					t.Fatalf("%s\nafter %s: no token is allowed", src, doc)
				}
				id := list[rapid.IntRange(0, len(list)-1).Draw(t, "token")]
				if m.Done() {
					id = end
				}
				if len(doc) > 300 {
					return
				}
				if err := m.Accept(id); err != nil {
					t.Fatal(err)
				}
				doc = append(doc, tokens[id]...)
			}
			if !conforms(root, root, decode(t, doc)) {
				t.Fatalf("%s\nproduced %s, which is not valid", src, doc)
			}
		}
	})
	t.Logf("%d compiled, %d refused, %d with no document", compiled, refused, nothing)
	if compiled < refused {
		t.Errorf("%d schemas compiled and %d were refused", compiled, refused)
	}
}

// document is a value and its spellings: one for each order of properties.
type document struct {
	value any
	forms []string
}

func smallDocuments() []document {
	var out []document
	for _, forms := range [][]string{
		{`null`}, {`true`}, {`false`}, {`0`}, {`1`}, {`2`}, {`3`}, {`-1`}, {`-2`}, {`-3`}, {`2.5`}, {`0.3`}, {`10`}, {`12`},
		{`""`}, {`"a"`}, {`"b"`}, {`"c"`}, {`"ab"`}, {`"abc"`}, {`"abcd"`},
		{`[]`}, {`[1]`}, {`["a"]`}, {`[1,2]`}, {`[1,1]`}, {`["a",1]`}, {`[1,"a"]`}, {`[null,null,null]`}, {`["a","b","a"]`}, {`[[],{}]`}, {`[1,2,3,4]`}, {`[{"a":1}]`},
		{`{}`}, {`{"a":1}`}, {`{"a":"a"}`}, {`{"b":1}`}, {`{"b":null}`}, {`{"c":1}`}, {`{"c":"ab"}`}, {`{"":1}`},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`}, {`{"a":"x","b":null}`, `{"b":null,"a":"x"}`}, {`{"a":[1],"c":true}`, `{"c":true,"a":[1]}`},
		{`{"a":1,"b":1,"c":1}`, `{"a":1,"c":1,"b":1}`, `{"b":1,"a":1,"c":1}`, `{"b":1,"c":1,"a":1}`, `{"c":1,"a":1,"b":1}`, `{"c":1,"b":1,"a":1}`},
		{`{"a":{"a":1}}`}, {`{"a":{"b":{}}}`}, {`{"ab":1,"a":1}`, `{"a":1,"ab":1}`},
	} {
		var v any
		d := json.NewDecoder(strings.NewReader(forms[0]))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			panic(err)
		}
		out = append(out, document{v, forms})
	}
	return out
}

// checkValid fails unless doc is valid by the other validator.
func checkValid(t *testing.T, schema string, doc []byte) {
	t.Helper()
	root := decode(t, []byte(schema))
	if !conforms(root, root, decode(t, doc)) {
		t.Fatalf("%s\nproduced %s, which is not valid", schema, doc)
	}
}
