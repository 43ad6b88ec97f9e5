package prompt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/prompt"
)

func known(kind, id string) (string, bool) {
	names := map[string]string{"T1059": "Command and Scripting Interpreter", "T1105": "Ingress Tool Transfer"}
	name, ok := names[id]
	return name, ok && kind == "attack"
}

const answers = `{
  "$defs": {"id": {"type": "string", "x-casemate-id": "attack"}},
  "type": "object",
  "properties": {
    "verdict": {"type": "string", "enum": ["a", "b"]},
    "ids": {"type": "array", "items": {"$ref": "#/$defs/id"}, "maxItems": 2},
    "one": {"anyOf": [{"$ref": "#/$defs/id"}, {"const": "none"}]},
    "id": {"type": "string", "x-casemate-id": "attack"},
    "name": {"type": "string", "x-casemate-name-of": "id"},
    "note": {"type": "string", "maxLength": 4}
  },
  "required": ["verdict"]
}`

func TestValidate(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{`{"verdict":"a"}`, ""},
		{` {"verdict":"b","ids":["T1059"],"one":"none","id":"T1105","name":"Ingress Tool Transfer","note":"ünïö"} `, ""},
		{`{"verdict":"a","one":"T1105"}`, ""},
		{`{"verdict":"c"}`, "against its schema"},
		{`{}`, "against its schema"},
		{`[]`, "against its schema"},
		{`{"verdict":"a"`, "as JSON"},
		{`{"verdict":"a"} and so on`, "as JSON"},
		{``, "as JSON"},
		{`I think so`, "as JSON"},
		{`{"verdict":"c","verdict":"a"}`, "stands twice"},
		{`{"verdict":"a","Verdict":"c"}`, `no property is called "Verdict"`},
		{`{"verdict":"a","ids":["T9999"]}`, `/ids/0: there is no attack with the id "T9999"`},
		{`{"verdict":"a","one":"T9999"}`, "T9999"},
		{`{"verdict":"a","one":"some"}`, "some"},
		{`{"verdict":"a","id":"T1059","name":"Ingress Tool Transfer"}`, `T1059 is called "Command and Scripting Interpreter"`},
		{`{"verdict":"a","note":"12345"}`, "against its schema"},
		{`{"verdict":"a","ids":["T1059","T1105","T1059"]}`, "against its schema"},
		{strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "as JSON"},
	} {
		out, err := prompt.Validate(json.RawMessage(answers), c.answer, known)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("Validate(%.60s): %v, want %q", c.answer, err, c.want)
		case err == nil && !json.Valid(out):
			t.Errorf("Validate(%s) returns %s", c.answer, out)
		}
	}
	if _, err := prompt.Validate(json.RawMessage(answers), `{"verdict":"a","id":"T9999"}`, nil); err != nil {
		t.Errorf("without a catalogue: %v", err)
	}
	endless := `{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}`
	if _, err := prompt.Validate(json.RawMessage(endless), `1`, nil); err == nil {
		t.Error("a schema that refers to itself is no error")
	}
}

// FuzzValidate wants no answer to panic, and what passes to pass again.
func FuzzValidate(f *testing.F) {
	f.Add(`{"verdict":"a","one":"T1059"}`)
	f.Add(`{"verdict":"a","ids":[null]}`)
	f.Fuzz(func(t *testing.T, answer string) {
		out, err := prompt.Validate(json.RawMessage(answers), answer, known)
		if err != nil {
			return
		}
		if again, err := prompt.Validate(json.RawMessage(answers), string(out), known); err != nil || string(again) != string(out) {
			t.Errorf("Validate(%s) = %s, again %s, %v", answer, out, again, err)
		}
	})
}
