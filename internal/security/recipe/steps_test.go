package recipe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe"
)

// head is a recipe without steps.
const head = "name: small\nsummary: Count lines.\nversion: 1\nevidence: {from: lines}\nrules:\n  - name: marks\n    do: signs\n    signs: [{name: bad, points: 10, any: [bad], says: 'It says {match}.'}]\n"

const sentenceSchema = "{type: object, properties: {text: {type: string, maxLength: 200}, evidence: {type: array, maxItems: 3, x-casemate-evidence: true}}, required: [text, evidence], additionalProperties: false}"

// step writes a step with a schema of the given properties.
func step(name, settings string, properties ...string) string {
	out := "  - name: " + name + "\n    system: You judge lines.\n    user: '{{.Evidence}} {{data \"marks\"}}'\n" + settings + "    schema:\n      type: object\n      additionalProperties: false\n      properties:\n"
	for _, p := range properties {
		out += "        " + p + "\n"
	}
	return out
}

// ask runs a recipe of these steps over a text with scripted replies.
func ask(t *testing.T, spec, text string, opt pipeline.Options, replies ...string) (map[string]any, recipe.Result, *scripted.Script) {
	t.Helper()
	r, err := recipe.Load(fstest.MapFS{"recipe.yaml": {Data: []byte(spec + "output: {template: page.md}\n")}, "page.md": {Data: []byte("# Lines\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var script []scripted.Reply
	for _, text := range replies {
		script = append(script, scripted.Reply{Text: text})
	}
	engine := scripted.New(script...)
	engine.About.Context = 16384
	opt.Workflow, opt.Engine = r.Name, engine
	run, err := pipeline.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := r.Run(context.Background(), run, recipe.Input{Files: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out.Result)
	if err != nil {
		t.Fatal(err)
	}
	var result map[string]any
	if err := json.Unmarshal(b, &result); err != nil {
		t.Fatal(err)
	}
	return result, out, engine
}

// at follows names and numbers into a document.
func at(v any, place ...any) any {
	for _, p := range place {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// TestEach asks of each piece by itself, and no more often than it may.
func TestEach(t *testing.T) {
	spec := head + "steps:\n" + step("view", "    over: each\n    most: 2\n", "why: "+sentenceSchema, "grave: {type: boolean}")
	result, out, engine := ask(t, spec, "one bad line\nanother\na third\n", pipeline.Options{},
		`{"why":{"text":"It says \"one bad line\".","evidence":["E1"]},"grave":true}`, `{"why":{"text":"It says \"another\".","evidence":["E2"]},"grave":false}`)
	if at(result, "view", 0, "on") != "E1" || at(result, "view", 1, "on") != "E2" || at(result, "view", 2) != nil {
		t.Errorf("answers %v", result["view"])
	}
	if at(result, "view", 0, "why", "support") != "supported" || at(result, "view", 1, "grave") != false {
		t.Errorf("answers %v", result["view"])
	}
	requests := engine.Requests()
	if len(requests) != 2 || strings.Contains(requests[0].Messages[1].Content, "another") {
		t.Errorf("%d questions; the first holds another piece", len(requests))
	}
	if notes := strings.Join(out.Provenance.Notes, "\n"); !strings.Contains(notes, "2 of 3 questions") {
		t.Errorf("notes %q", notes)
	}
}

// TestSplit asks of parts that fit.
func TestSplit(t *testing.T) {
	spec := head + "steps:\n" + step("view", "    over: split\n", "why: "+sentenceSchema)
	result, _, _ := ask(t, spec, "one bad line\nanother\n", pipeline.Options{}, `{"why":{"text":"It says \"another\".","evidence":["E2"]}}`)
	if at(result, "view", 0, "why", "support") != "supported" {
		t.Errorf("answers %v", result["view"])
	}
}

// TestIf leaves a step out whose rule found nothing.
func TestIf(t *testing.T) {
	spec := head + "steps:\n" + step("view", "    if: marks\n", "why: "+sentenceSchema)
	result, _, engine := ask(t, spec, "all is well\n", pipeline.Options{}, `{"why":{"text":"x","evidence":["E1"]}}`)
	if result["view"] != nil || len(engine.Requests()) != 0 {
		t.Errorf("answer %v after %d questions", result["view"], len(engine.Requests()))
	}
}

// TestChecks holds answers against each kind of check.
func TestChecks(t *testing.T) {
	spec := head + "steps:\n" + step("view", "", "plain: {type: string, maxLength: 200}", "list: {type: array, maxItems: 4, items: "+sentenceSchema+"}", "ids: {type: array, maxItems: 3, items: {type: string, x-casemate-id: attack}}") +
		"checks:\n  - {on: view.plain, ground: true}\n  - {on: view.list, must_cite: true, max_sentences: 1, match: '\\.$', lack: 'maybe'}\n  - {on: view.ids, id: attack}\n"
	result, _, _ := ask(t, spec, "one bad line\n", pipeline.Options{},
		`{"plain":"SRV-77 fell.","list":[{"text":"It says \"one bad line\".","evidence":["E1"]},{"text":"It says \"bad\". It is short.","evidence":["E1"]},{"text":"It says \"bad\"","evidence":["E1"]},{"text":"It is maybe bad.","evidence":[]}],"ids":["T1059"]}`)
	if at(result, "view", "plain", "support") != "unsupported" || at(result, "view", "plain", "evidence", 0) != "E1" {
		t.Errorf("plain %v", at(result, "view", "plain"))
	}
	if at(result, "view", "list", 0, "support") != "supported" {
		t.Errorf("a right sentence %v", at(result, "view", "list", 0))
	}
	for i, kind := range map[int]string{1: "length", 2: "form", 3: "citation"} {
		b, _ := json.Marshal(at(result, "view", "list", i))
		if !strings.Contains(string(b), `"kind":"`+kind+`"`) || !strings.Contains(string(b), `"support":"unsupported"`) {
			t.Errorf("sentence %d lacks the problem %s: %s", i, kind, b)
		}
	}
	if at(result, "view", "ids", 0) != "T1059" {
		t.Errorf("ids %v", at(result, "view", "ids"))
	}
	result, _, _ = ask(t, spec, "one bad line\n", pipeline.Options{Strict: true}, `{"plain":"SRV-77 fell.","list":[],"ids":[]}`)
	if at(result, "view", "plain", "support") != "struck" {
		t.Errorf("strict: %v", at(result, "view", "plain"))
	}
}

// TestTooMuch asks of the gravest pieces where not all fit, and says so.
func TestTooMuch(t *testing.T) {
	spec := head + "steps:\n" + step("view", "    max_tokens: 100\n", "why: "+sentenceSchema)
	text := strings.Repeat("a line of many words that fill the context of a model bit by bit\n", 1500)
	result, out, _ := ask(t, strings.Replace(spec, "{from: lines}", "{from: lines, most: 1200}", 1), text, pipeline.Options{}, `{"why":{"text":"It says \"a line of many words\".","evidence":["E1"]}}`)
	notes := strings.Join(out.Provenance.Notes, "\n")
	if at(result, "view", "why", "support") != "supported" || !strings.Contains(notes, "of 1200 pieces of evidence, which fill its context") || !strings.Contains(notes, "300 pieces of evidence beyond the gravest 1200") {
		t.Errorf("answer %v, notes %q", result["view"], notes)
	}
	if out.Coverage.Records != 1500 {
		t.Errorf("coverage has %d records", out.Coverage.Records)
	}
}

// TestEarlierAnswers are given to later questions as data.
func TestEarlierAnswers(t *testing.T) {
	later := strings.Replace(step("second", "", "why: "+sentenceSchema), `{{data "marks"}}`, `{{data "first"}}`, 1)
	spec := head + "steps:\n" + step("first", "", "grade: {type: string, enum: [low, high]}") + later
	_, _, engine := ask(t, spec, "one bad line\n", pipeline.Options{}, `{"grade":"high"}`, `{"why":{"text":"It says \"bad\".","evidence":["E1"]}}`)
	requests := engine.Requests()
	if len(requests) != 2 || !strings.Contains(requests[1].Messages[1].Content, `"grade":"high"`) {
		t.Errorf("%d questions, the second: %v", len(requests), requests)
	}
}

// TestReduce makes one answer of those about parts that fit. A sentence that its
// evidence does not show goes no further.
func TestReduce(t *testing.T) {
	spec := head + "steps:\n" + step("view", "    over: split\n    max_tokens: 100\n    reduce: {system: You make one answer of several., user: '{{.Evidence}} {{data \"answers\"}}'}\n",
		"list: {type: array, maxItems: 4, items: "+sentenceSchema+"}", "plain: {type: string, maxLength: 99}") + "checks:\n  - {on: view.plain, ground: true}\n"
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, "line%d %s\n", i, strings.Repeat("of many words ", 20))
	}
	said := func(ids ...string) string {
		var out []string
		for _, id := range ids {
			out = append(out, fmt.Sprintf(`{"text":"It says \"of many words\".","evidence":[%q]}`, id))
		}
		return `{"list":[` + strings.Join(out, ",") + `],"plain":"It says much."}`
	}
	lie := strings.Replace(said("E1", "E2"), `It says \"of many words\".`, "SRV-77 fell.", 1)
	result, out, engine := ask(t, spec, text.String(), pipeline.Options{}, lie, said("E390"), said("E2", "E390"))
	requests := engine.Requests()
	if len(requests) != 3 {
		t.Fatalf("%d questions", len(requests))
	}
	if at(result, "view", "list", 1, "evidence", 0) != "E390" || at(result, "view", "list", 1, "support") != "supported" || at(result, "view", "plain", "by") != "model" {
		t.Errorf("answer %v", result["view"])
	}
	last := requests[2].Messages[1].Content
	if strings.Contains(last, "SRV-77") || !strings.Contains(last, "line389 ") || strings.Contains(last, "line7 ") {
		t.Errorf("the question for one answer holds a lie, or not what is cited:\n%s", last)
	}
	if r := out.Coverage.Readings; len(r) != 2 || r[0].Read != "rules and model" || r[0].Records+r[1].Records != 400 {
		t.Errorf("readings %+v", r)
	}
	// A budget of one question reaches the gravest; no answer of several is none.
	_, out, engine = ask(t, spec, text.String(), pipeline.Options{Budget: 1}, said("E1"))
	if notes := strings.Join(out.Provenance.Notes, "\n"); len(engine.Requests()) != 1 || !strings.Contains(notes, "of 400 pieces of evidence, for which there are questions") {
		t.Errorf("%d questions, notes %q", len(engine.Requests()), notes)
	}
	result, out, _ = ask(t, spec, text.String(), pipeline.Options{}, said("E1"), said("E390"), "no", "no")
	if notes := strings.Join(out.Provenance.Notes, "\n"); result["view"] != nil || !strings.Contains(notes, "no one answer was made of those about 2 parts") {
		t.Errorf("answer %v, notes %q", result["view"], notes)
	}
}
