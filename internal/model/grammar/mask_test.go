package grammar_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// vocabulary makes a small one: all bytes, an end token, a control token, and
// tokens of several bytes that span pieces of JSON.
func vocabulary(t testing.TB) (*grammar.Vocabulary, [][]byte, int) {
	t.Helper()
	var tokens [][]byte
	for b := range 256 {
		tokens = append(tokens, []byte{byte(b)})
	}
	for _, s := range []string{
		`{"`, `"}`, `":`, `": `, `": "`, `",`, `", "`, `","`, `"},{"`, `[{"`, `]}`, `}]}`, `[]`, `{}`, `[[`, `]]`, `},{`, ` "`, `"`, `1,`, `12`, `123`, `0.5`, `,"`, `, `, `: `, `:{"`, `:[`, `\n`, `\"`, `\u00`, `\\`,
		`ab`, `abc`, `a":1,"a`, `a":`, `b":`, `"a":`, `{"a":1,"b`, `é`, "\xc3", "\xa9x", "\xf0\x9f", "\x9f\x98\x80", `true`, `false`, `null`, `T10`, `T1059`, `T1059"`, `.001"`, `name":"`, `Phish`, `-1`, `10`, `a","a`, `"a","`, "\n  ", `"` + "\n", `aa`, `x":`, `":true,`, `":true,"`, `a":true,"aa":true,`, `":true}`, `a","aa","`,
	} {
		tokens = append(tokens, []byte(s))
	}
	end := len(tokens)
	tokens = append(tokens, nil, nil)
	v, err := grammar.NewVocabulary(tokens, []int{end})
	if err != nil {
		t.Fatal(err)
	}
	return v, tokens, end
}

// schemas are of every kind that the matcher treats apart.
var schemas = []string{
	`true`,
	`{"type":"object","properties":{"verdict":{"enum":["benign","malicious","suspicious"]},"score":{"type":"number","minimum":0,"maximum":1},"ids":{"type":"array","items":{"type":"string","x-casemate-id":"attack"},"uniqueItems":true,"maxItems":3},"why":{"type":"string","minLength":1,"maxLength":6}},"required":["verdict","score","why"]}`,
	`{"type":"object","properties":{"id":{"type":"string","x-casemate-id":"attack"},"name":{"type":"string","x-casemate-name-of":"id"}},"required":["id","name"]}`,
	`{"type":"array","items":{"type":"string","pattern":"^[ab]{1,3}$"},"uniqueItems":true,"minItems":2,"maxItems":9}`,
	`{"type":"array","items":{"type":"string","pattern":"^a*b?$","maxLength":3},"uniqueItems":true,"maxItems":8,"minItems":6}`,
	`{"type":"array","items":{"type":"string","maxLength":2},"uniqueItems":true,"maxItems":5,"minItems":3}`,
	`{"type":"array","items":{"type":"integer","minimum":-3,"maximum":12},"uniqueItems":true,"minItems":5}`,
	`{"type":"array","items":{"type":"number"},"uniqueItems":true,"minItems":2,"maxItems":3}`,
	`{"type":"array","items":{"enum":["a","ab",1,12,null,"é"]},"uniqueItems":true,"minItems":5}`,
	`{"type":"object","additionalProperties":{"type":"integer"},"minProperties":2,"maxProperties":4}`,
	`{"type":"object","propertyNames":{"pattern":"^a{1,3}$"},"minProperties":2,"additionalProperties":{"type":"boolean"}}`,
	`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}},"minProperties":2,"maxProperties":2}`,
	`{"type":"object","patternProperties":{"^x":{"type":"integer"},"^[a-c]$":{"type":"null"}},"additionalProperties":false,"maxProperties":4,"minProperties":1}`,
	`{"type":"array","contains":{"type":"integer"},"minContains":2,"maxContains":3,"items":{"type":["integer","null"]},"maxItems":5}`,
	`{"$defs":{"t":{"type":"object","properties":{"v":{"type":"boolean"},"kids":{"type":"array","items":{"$ref":"#/$defs/t"},"maxItems":2}},"required":["v"]}},"$ref":"#/$defs/t"}`,
	`{"anyOf":[{"type":"string","maxLength":3},{"type":"string","pattern":"^abc+$","maxLength":8},{"type":"integer"},{"type":"array","items":{"type":"integer"},"maxItems":3},{"type":"array","items":{"type":"boolean"},"maxItems":3}]}`,
	`{"not":{"type":["string","object","array"]}}`,
	`{"type":"object","maxProperties":3,"not":{"additionalProperties":{"type":"integer"}}}`,
	`{"type":"string","format":"date"}`,
	`{"const":{"a":["é\n\u0001\"\\",1.5,{"b":null}]}}`,
	`{"type":"string","minLength":3,"maxLength":4}`,
	`{"type":"string","pattern":"^[^a]*é[😀-😂]?$","maxLength":4}`,
	`{"type":"number","minimum":-0.25,"exclusiveMaximum":30,"multipleOf":0.25}`,
}

// allowed lists the tokens of a mask.
func allowed(mask []uint64, size int) []int {
	var out []int
	for i := range size {
		if mask[i/64]>>(i%64)&1 == 1 {
			out = append(out, i)
		}
	}
	return out
}

// TestWalk walks through the masks of every schema at random. At every step the
// mask must hold exactly the tokens that Accept takes, and must not be empty;
// every document that ends must be valid.
func TestWalk(t *testing.T) {
	v, tokens, end := vocabulary(t)
	for _, space := range []grammar.Whitespace{grammar.Single, grammar.Compact, grammar.Spaced, grammar.Pretty} {
		for n, schema := range schemas {
			s := compile(t, schema, grammar.Options{Whitespace: space, Limits: grammar.Limits{MaxDepth: 5, MaxItems: 6, MaxString: 9, MaxProperties: 5, MaxDigits: 4}})
			g, err := s.Bind(v)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(uint64(n), uint64(space)))
			for range 3 {
				walk(t, schema, s, g.Start(), tokens, end, rng)
			}
		}
	}
}

func walk(t *testing.T, schema string, s *grammar.Schema, m *grammar.Matcher, tokens [][]byte, end int, rng *rand.Rand) {
	t.Helper()
	var doc []byte
	for step := 0; !m.Finished(); step++ {
		mask := m.Mask()
		list := allowed(mask, len(tokens))
		if len(list) == 0 {
			t.Fatalf("%s\nafter %s: no token is allowed", schema, doc)
		}
		if step > 4000 {
			t.Fatalf("%s\nafter %s: no end", schema, doc)
		}
		for id := range tokens {
			in := mask[id/64]>>(id%64)&1 == 1
			if err := m.Clone().Accept(id); (err == nil) != in {
				t.Fatalf("%s\nafter %s: token %d %q is allowed: %v, but Accept: %v", schema, doc, id, tokens[id], in, err)
			}
		}
		forced := m.Forced()
		if len(forced) > 0 {
			for _, id := range list {
				if !bytes.HasPrefix(tokens[id], forced) && !bytes.HasPrefix(forced, tokens[id]) {
					t.Fatalf("%s\nafter %s: %q is forced, but token %q is allowed", schema, doc, forced, tokens[id])
				}
			}
		}
		id := list[rng.IntN(len(list))]
		if m.Done() && rng.IntN(3) == 0 {
			id = end
		}
		if err := m.Accept(id); err != nil {
			t.Fatalf("%s\nafter %s: %v", schema, doc, err)
		}
		doc = append(doc, tokens[id]...)
	}
	if !json.Valid(doc) {
		t.Fatalf("%s\nproduced %s, which is not JSON", schema, doc)
	}
	if err := s.Validate(doc); err != nil {
		t.Fatalf("%s\nproduced %s: %v", schema, doc, err)
	}
	checkValid(t, schema, doc)
}
