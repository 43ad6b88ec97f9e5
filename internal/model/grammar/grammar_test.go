package grammar_test

import (
	"errors"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// names is a catalogue for tests: each id and what it is called.
type names map[string]string

func (n names) IDs() []string {
	var out []string
	for id := range n {
		out = append(out, id)
	}
	return out
}

func (n names) Name(id string) string { return n[id] }

var attack = names{"T1059": "Command and Scripting Interpreter", "T1059.001": "PowerShell", "T1566": "Phishing", "T1003": `OS "Credential" Dumping`}

func catalogues(kind string) (grammar.Catalogue, bool) {
	switch kind {
	case "attack":
		return attack, true
	case "empty":
		return names{}, true
	}
	return nil, false
}

func compile(t testing.TB, schema string, o grammar.Options) *grammar.Schema {
	t.Helper()
	o.Catalogue = catalogues
	s, err := grammar.Compile([]byte(schema), o)
	if err != nil {
		t.Fatalf("Compile(%s): %v", schema, err)
	}
	return s
}

// TestValidate says of each schema which documents are produced and which are
// not.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		schema  string
		yes, no []string
	}{
		{`true`, []string{`null`, `{"a":[1,"x",{}]}`, `-1.5`, `"\ud83d\ude00é"`}, []string{``, `01`, `-0`, `"\ud83d"`, `"\ude00"`, "\"\x01\"", "\"\xff\"", `{"a":1,"a":2}`, ` 1`, `1 `, `[1,]`, `1e5`}},
		{`{"type":"integer","minimum":-5,"maximum":120}`, []string{`-5`, `0`, `99`, `120`}, []string{`-6`, `121`, `1.0`, `1.5`, `"1"`, `1e1`}},
		{`{"type":"number","exclusiveMinimum":0,"maximum":1}`, []string{`0.5`, `0.50`, `1`, `1.0`}, []string{`0`, `0.0`, `1.01`, `-1`}},
		{`{"type":"number","multipleOf":0.01}`, []string{`0.05`, `12.5`, `12.50`, `3`}, []string{`0.005`}},
		{`{"enum":["a","b\"c",1,2.5,null,[1,2],{"x":true}]}`, []string{`"a"`, `"b\"c"`, `1`, `2.5`, `null`, `[1,2]`, `[1, 2]`, `{"x": true}`}, []string{`"c"`, `2`, `[1]`, `[1,2,3]`, `{}`, `{"x":false}`, `"\u0061"`, `1.0`}},
		{`{"const":"tab\tnul\u0000é"}`, []string{`"tab\tnul\u0000é"`}, []string{`"tab\u0009nul\u0000é"`}},
		{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"é€𝄞"`, `"\n\u0041"`, `"\ud834\udd1ea"`}, []string{`"a"`, `"abcd"`, `"\ud834\udd1e"`}},
		{`{"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":4}`, []string{`"ab"`, `"abcd"`}, []string{`"a"`, `"abcde"`, `"A"`, `"\u0061b"`}},
		{`{"type":"string","pattern":"[\"\\\\\\n\\u0001]é"}`, []string{`"\"é"`, `"x\\é"`, `"\né"`, `"\u0001é"`}, []string{`"é"`, `"\u000aé"`}},
		{`{"type":"string","format":"date"}`, []string{`"2024-02-29"`}, []string{`"2023-02-29"`}},
		{`{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"boolean"}},"required":["a"]}`,
			[]string{`{"b":1,"a":true}`, `{"a":false}`, `{"b": 1, "a": true}`}, []string{`{}`, `{"a":true,"b":1}`, `{"b":1}`, `{"a":true,"c":1}`, `{"a":true,}`, `{"b":1,,"a":true}`, `{"a":true }`}},
		{`{"properties":{"a":{}},"additionalProperties":{"type":"integer"},"maxProperties":2}`, []string{`{"a":"x","b":1}`, `{"b":1,"c":2}`, `{}`, `{"aa":1}`}, []string{`{"b":"x"}`, `{"b":1,"c":2,"d":3}`, `{"b":1,"a":1}`, `{"b":1,"b":2}`}},
		{`{"type":"object","patternProperties":{"^x":{"type":"integer"},"y$":{"maximum":5}},"additionalProperties":false}`, []string{`{"x":9,"zy":3}`, `{"xy":5}`, `{"y":"s"}`}, []string{`{"xy":6}`, `{"xy":"s"}`, `{"z":1}`}},
		{`{"type":"object","propertyNames":{"enum":["p","q"]},"minProperties":2}`, []string{`{"p":1,"q":2}`, `{"q":1,"p":2}`}, []string{`{"p":1}`, `{"p":1,"p":2}`, `{"r":1,"q":1}`}},
		{`{"type":"object","dependentRequired":{"a":["b"]},"properties":{"a":{},"b":{}}}`, []string{`{}`, `{"b":1}`, `{"a":1,"b":1}`}, []string{`{"a":1}`}},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","dependencies":{"a":["b"],"c":{"properties":{"b":{"type":"null"}}}},"properties":{"a":{},"b":{},"c":{}}}`, []string{`{}`, `{"a":1,"b":1}`, `{"b":null,"c":1}`}, []string{`{"a":1}`, `{"b":1,"c":1}`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}`, []string{`[1]`, `[1,2,3]`, `[1, 2]`}, []string{`[]`, `[1,2,3,4]`, `["a"]`, `[1,]`, `[1,  2]`}},
		{`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}`, []string{`[]`, `[1]`, `[1,"a"]`}, []string{`["a"]`, `[1,"a",1]`}},
		{`{"type":"array","contains":{"const":5},"minContains":2,"maxContains":3,"maxItems":5}`, []string{`[5,5]`, `[1,5,"a",5,5]`}, []string{`[5]`, `[5,5,5,5]`, `[1,2,3,4,5]`, `[5,5,1,1,1,1]`}},
		{`{"type":"array","items":{"enum":["a","b",1,null]},"uniqueItems":true,"minItems":2}`, []string{`["a","b"]`, `[null,1,"b","a"]`}, []string{`["a"]`, `["a","a"]`, `["a","b",1,null,"a"]`}},
		{`{"type":"array","items":{"type":"string","maxLength":1},"uniqueItems":true}`, []string{`["a","b",""]`}, []string{`["a","a"]`, `["",""]`, `["ab"]`}},
		{`{"type":"array","items":{"type":"integer"},"uniqueItems":true}`, []string{`[1,12,-1]`, `[]`}, []string{`[1,2,1]`, `[0,0]`}},
		{`{"anyOf":[{"type":"object","properties":{"kind":{"const":"a"},"x":{"type":"integer"}},"required":["kind","x"]},{"type":"object","properties":{"kind":{"const":"b"},"y":{"type":"string"}},"required":["kind"]}]}`,
			[]string{`{"kind":"a","x":1}`, `{"kind":"b","y":"q"}`, `{"kind":"b"}`}, []string{`{"kind":"a","y":"q"}`, `{"kind":"b","x":1}`}},
		{`{"oneOf":[{"type":"integer"},{"type":"number","minimum":2}]}`, []string{`1`, `2.5`}, []string{`3`, `1.5`}},
		{`{"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"}`, []string{`{"a":1}`, `{"b":1}`, `{"a":1,"c":2}`}, []string{`{}`, `{"a":1,"b":1}`}},
		{`{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"a":{"minimum":3},"b":{"type":"null"}},"required":["b"]}],"type":"object"}`, []string{`{"a":3,"b":null}`, `{"b":null}`}, []string{`{"a":2,"b":null}`, `{"a":"x","b":null}`}},
		{`{"type":"string","not":{"enum":["no","nope"]}}`, []string{`"yes"`, `"n"`, `"nop"`, `"noper"`}, []string{`"no"`, `"nope"`}},
		{`{"type":"object","properties":{"t":{"enum":["x","y"]},"v":{}},"required":["t","v"],"if":{"properties":{"t":{"const":"x"}}},"then":{"properties":{"v":{"type":"integer"}}},"else":{"properties":{"v":{"type":"string"}}}}`,
			[]string{`{"t":"x","v":1}`, `{"t":"y","v":"s"}`}, []string{`{"t":"y","v":"s","w":1}`, `{"t":"x","v":"s"}`, `{"t":"y","v":1}`}},
		{`{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/n"}`,
			[]string{`{"v":1,"next":null}`, `{"v":1,"next":{"v":2,"next":null}}`}, []string{`{"v":1}`, `{"v":1,"next":{"v":2}}`, `{"v":1,"next":1}`}},
		{`{"not":{"type":"object","additionalProperties":{"type":"integer"}},"type":"object","maxProperties":2}`, []string{`{"a":"x"}`, `{"a":"x","b":1}`}, []string{`{}`, `{"a":1}`, `{"a":1,"b":2}`}},
		{`{"type":"object","anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}},"required":["b"]}],"unevaluatedProperties":false}`,
			[]string{`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`}, []string{`{}`, `{"a":1,"b":3}`, `{"a":1,"c":3}`}},
		{`{"type":"array","not":{"contains":{"const":1},"unevaluatedItems":{"const":2}}}`, []string{`[]`, `[2]`, `[1,3]`}, []string{`[1]`, `[1,2]`}},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"type":"null"}},"type":"object","properties":{"a":{"$ref":"#/definitions/a"}}}`, []string{`{"a":null}`}, []string{`{"a":1}`}},
		{`{"$id":"http://x/outer","$ref":"list","$defs":{"item":{"$dynamicAnchor":"item","type":"integer"},"list":{"$id":"list","type":"array","items":{"$dynamicRef":"#item"},"$defs":{"item":{"$dynamicAnchor":"item"}}}}}`, []string{`[1]`}, []string{`["a"]`}},
		{`{"type":"string","x-casemate-id":"attack"}`, []string{`"T1059"`, `"T1059.001"`, `"T1003"`}, []string{`"T1060"`, `"T1059."`, `"T105"`, `""`}},
		{`{"type":"string","x-casemate-id":"attack","pattern":"\\."}`, []string{`"T1059.001"`}, []string{`"T1059"`}},
		{`{"type":"array","items":{"type":"string","x-casemate-id":"attack"},"uniqueItems":true}`, []string{`["T1059","T1059.001","T1566","T1003"]`}, []string{`["T1059","T1059"]`, `["T1059","T1059.001","T1566","T1003","T1566"]`}},
		{`{"type":"object","properties":{"id":{"type":"string","x-casemate-id":"attack"},"why":{"type":"string"},"name":{"type":"string","x-casemate-name-of":"id"}},"required":["id","name"]}`,
			[]string{`{"id":"T1566","name":"Phishing"}`, `{"id":"T1003","why":"w","name":"OS \"Credential\" Dumping"}`}, []string{`{"id":"T1566","name":"phishing"}`, `{"id":"T1566"}`, `{"id":"T1059","name":"Phishing"}`}},
		{`{"type":"object","properties":{"id":{"anyOf":[{"type":"null"},{"type":"string","x-casemate-id":"attack"}]},"name":{"type":["string","null"],"x-casemate-name-of":"id"}}}`,
			[]string{`{"id":"T1566","name":"Phishing"}`, `{"id":null,"name":null}`, `{}`, `{"id":null}`}, []string{`{"name":null}`, `{"id":null,"name":"Phishing"}`, `{"id":"T1566","name":null}`}},
	} {
		s := compile(t, c.schema, grammar.Options{})
		for _, doc := range c.yes {
			if err := s.Validate([]byte(doc)); err != nil {
				t.Errorf("%s\nrefuses %s: %v", c.schema, doc, err)
			}
		}
		for _, doc := range c.no {
			if err := s.Validate([]byte(doc)); err == nil {
				t.Errorf("%s\naccepts %s", c.schema, doc)
			}
		}
	}
}

// TestCompileRefuses gives, for each schema that cannot be honoured, the pointer
// of the keyword.
func TestCompileRefuses(t *testing.T) {
	for schema, pointer := range map[string]string{
		`{"pattern":"(?=a)"}`:                                                                            "/pattern",
		`{"properties":{"a/b":{"pattern":"\\1"}}}`:                                                       "/properties/a~1b/pattern",
		`{"properties":{"a":{"x-casemate-id":"attck"}}}`:                                                 "/properties/a/x-casemate-id",
		`{"properties":{"a":{"x-casemate-id":"empty"}}}`:                                                 "/properties/a/x-casemate-id",
		`{"properties":{"a":{"x-casemate-name-of":"b"}}}`:                                                "/properties/a/x-casemate-name-of",
		`{"properties":{"a":{"x-casemate-name-of":"b"},"b":{"x-casemate-id":"attack","type":"string"}}}`: "/properties/a/x-casemate-name-of",
		`{"properties":{"b":{"x-casemate-id":"attack"},"a":{"type":"string","x-casemate-name-of":"b"}}}`: "/properties/a/x-casemate-name-of",
		`{"x-casemate-name-of":"b","type":"string"}`:                                                     "/x-casemate-name-of",
		`{"properties":{"b":{"x-casemate-id":"attack","type":"string"},"a":{"type":"string","maxLength":5,"x-casemate-name-of":"b"}}}`: "/properties/a/x-casemate-name-of",
		`{"x-casemate-foo":1}`:             "/x-casemate-foo",
		`{"$ref":"https://example.com/s"}`: "/$ref",
		`{"$ref":"#/$defs/a"}`:             "/$ref",
		`{"$ref":"#"}`:                     "",
		`{"$schema":"http://json-schema.org/draft-06/schema#"}`:                                               "/$schema",
		`{"$schema":"http://json-schema.org/draft-07/schema#","prefixItems":[true]}`:                          "/prefixItems",
		`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#","type":"null"}}}`: "/properties/a/type",
		`{"properties":{"a":{"$schema":"http://json-schema.org/draft-07/schema#"}}}`:                          "/properties/a/$schema",
		`{"items":[{}]}`: "/items",
		`{"items":{"type":"object"},"uniqueItems":true,"type":"array"}`: "/uniqueItems",
		`{"not":{"uniqueItems":true}}`:                                  "/not/uniqueItems",
		`{"oneOf":[{"format":"email"},{"const":"a@b"}]}`:                "/oneOf",
		`{"format":"regex"}`:                                            "/format",
		`{"minLength":-1}`:                                              "/minLength",
		`{"type":"text"}`:                                               "/type",
		`{"multipleOf":0}`:                                              "/multipleOf",
		`{"minimum":1e999}`:                                             "/minimum",
		`{"type":"object","oneOf":[{"dependencies":{"a":["b"]},"required":["a"]},{"properties":{"b":false}}]}`: "/oneOf",
		`{"not":{"dependencies":{}}}`: "/not/dependencies",
		`[]`:                          "", `{"a":`: "/a", `{"a":1,"a":2}`: "/a", `{} {}`: "", "\"\xff\"": "",
	} {
		s, err := grammar.Compile([]byte(schema), grammar.Options{Catalogue: catalogues})
		var e *grammar.KeywordError
		if err == nil || !errors.As(err, &e) || !errors.Is(err, grammar.ErrSchema) {
			t.Errorf("Compile(%s) = %v, %v, want a KeywordError", schema, s, err)
			continue
		}
		if e.Pointer != pointer {
			t.Errorf("Compile(%s): %v, want pointer %q", schema, err, pointer)
		}
	}
	for _, schema := range []string{`false`, `{"type":"string","enum":[1]}`, `{"type":"integer","minimum":2,"maximum":1}`, `{"$defs":{"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"required":["a"]}},"$ref":"#/$defs/a"}`, `{"required":["a"],"properties":{"a":false},"type":"object"}`, `{"type":"array","minItems":3,"items":{"type":"boolean"},"uniqueItems":true}`} {
		if _, err := grammar.Compile([]byte(schema), grammar.Options{}); !errors.Is(err, grammar.ErrNothing) {
			t.Errorf("Compile(%s): %v, want ErrNothing", schema, err)
		}
	}
}
