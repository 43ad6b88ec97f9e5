package workflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

var update = flag.Bool("update", false, "write docs/workflows.md")

// root is the repository: examples name files from there.
const root = "../../.."

// TestDocs wants the documentation to be what the table says.
func TestDocs(t *testing.T) {
	var want bytes.Buffer
	if err := workflow.WriteDocs(&want); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "docs", "workflows.md")
	if *update {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("docs/workflows.md is out of date; casemate run --docs docs/workflows.md writes it (-want +got):\n%s", diff)
	}
}

// TestTable wants each entry to be whole, and each name once.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workflow.All() {
		if seen[w.Name] {
			t.Errorf("%s stands in the table twice", w.Name)
		}
		seen[w.Name] = true
		if w.Group == "" || !strings.HasSuffix(w.Summary, ".") || w.Help == "" || !strings.Contains(w.Example, "casemate "+w.Name) {
			t.Errorf("%s lacks a group, a summary, help or an example: %+v", w.Name, w)
		}
		if _, ok := workflow.Find(w.Name); !ok {
			t.Errorf("Find(%q) finds nothing", w.Name)
		}
		for part, s := range map[string]json.RawMessage{"input": w.InputSchema(), "output": w.OutputSchema(), "line": w.LineSchema()} {
			if s != nil {
				resolve(t, w.Name+" "+part, s)
			}
		}
	}
	if _, ok := workflow.Find("nothing"); ok {
		t.Error("Find(nothing) finds something")
	}
}

func resolve(t *testing.T, name string, schema json.RawMessage) *jsonschema.Resolved {
	t.Helper()
	s := new(jsonschema.Schema)
	if err := json.Unmarshal(schema, s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// TestExamples runs the example of every workflow, with its input as flags and
// as a document, and holds what comes out against the schema.
func TestExamples(t *testing.T) {
	t.Chdir(root)
	for _, w := range workflow.All() {
		t.Run(w.Name, func(t *testing.T) {
			in := w.New()
			flags(t, in, w.Example)
			asFlags, lines := runExample(t, w, in)
			document, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := w.Decode(document)
			if err != nil {
				t.Fatalf("the input as a document: %v\n%s", err, document)
			}
			if diff := cmp.Diff(in, decoded); diff != "" {
				t.Errorf("the input as a document (-flags +document):\n%s", diff)
			}
			asDocument, _ := runExample(t, w, decoded)
			if asFlags != asDocument {
				t.Errorf("the document gives another result:\n%s", cmp.Diff(asFlags, asDocument))
			}
			if w.Stream {
				asFlags = "" // its lines are its output
			}
			holds(t, w.Name+" output", w.OutputSchema(), asFlags)
			for _, l := range lines {
				holds(t, w.Name+" line", w.LineSchema(), l)
			}
			if (w.Stream || w.Line != nil) && len(lines) == 0 {
				t.Error("no lines came")
			}
		})
	}
}

// holds wants a document to be valid by a schema.
func holds(t *testing.T, name string, schema json.RawMessage, document string) {
	t.Helper()
	if document == "" {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	if err := resolve(t, name, schema).Validate(v); err != nil {
		t.Errorf("%s: %v\n%.600s", name, err, document)
	}
}

// flags reads the example of a workflow as the command line does; flags that are
// not of the input are left out.
func flags(t *testing.T, in any, example string) {
	t.Helper()
	k, err := kong.New(in, kong.Vars(workflow.Variables()), kong.NamedMapper("rest", kong.MapperFunc(func(*kong.DecodeContext, reflect.Value) error { return nil })))
	if err != nil {
		t.Fatal(err)
	}
	args := words(example)[2:]
	if _, err := k.Parse(args); err != nil {
		t.Fatalf("%s: %v", example, err)
	}
}

// words splits a command at spaces, but for what stands in single quotes.
func words(command string) []string {
	var out []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// runExample returns the document and the lines.
func runExample(t *testing.T, w workflow.Workflow, in any) (document string, lines []string) {
	t.Helper()
	env := workflow.Env{Options: pipeline.Options{Workflow: w.Name, Version: "test"}}
	if w.Library {
		env.Library = knowledge(t)
	}
	if w.Stream || w.Line != nil {
		env.Emit = func(v any) error {
			lines = append(lines, encode(t, v))
			return nil
		}
	}
	r, err := w.Run(context.Background(), in, env)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	if w.Stream {
		return strings.Join(lines, "\n"), lines
	}
	var text, markdown, html bytes.Buffer
	if err := r.WriteText(&text, page.TerminalOptions{}); err != nil || text.Len() == 0 {
		t.Errorf("text: %v, %d bytes", err, text.Len())
	}
	if r.Page != nil || r.Markdown != nil {
		if err := r.WriteMarkdown(&markdown); err != nil || markdown.Len() == 0 {
			t.Errorf("Markdown: %v, %d bytes", err, markdown.Len())
		}
	}
	if r.Page != nil || r.HTML != nil {
		if err := r.WriteHTML(&html); err != nil || html.Len() == 0 {
			t.Errorf("HTML: %v, %d bytes", err, html.Len())
		}
	}
	return encode(t, r.Value), lines
}

// book is a catalogue of one technique that something mitigates.
const book = `{"type":"bundle","id":"bundle--1","objects":[
{"type":"x-mitre-collection","id":"x-mitre-collection--1","name":"Enterprise ATT&CK","x_mitre_version":"1.0","modified":"2020-01-02T00:00:00Z"},
{"type":"attack-pattern","id":"attack-pattern--1","name":"PowerShell","description":"Adversaries may abuse PowerShell commands for execution.","x_mitre_domains":["enterprise-attack"],"external_references":[{"source_name":"mitre-attack","external_id":"T1059.001"}]},
{"type":"course-of-action","id":"course-of-action--1","name":"Code Signing","description":"Run only scripts that are signed.","x_mitre_domains":["enterprise-attack"],"external_references":[{"source_name":"mitre-attack","external_id":"M1045"}]},
{"type":"relationship","id":"relationship--1","relationship_type":"mitigates","source_ref":"course-of-action--1","target_ref":"attack-pattern--1","description":"Signed scripts alone are run."}]}`

// knowledge is a knowledge base that holds the book.
func knowledge(t *testing.T) *library.Library {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "attack.json")
	if err := os.WriteFile(name, []byte(book), 0o600); err != nil {
		t.Fatal(err)
	}
	lib, err := library.Open(dir, library.Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	if _, err := lib.Import(context.Background(), []string{name}, library.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return lib
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDecode wants inputs that cannot be meant to be refused, and defaults to be
// filled in.
func TestDecode(t *testing.T) {
	w, _ := workflow.Find("triage")
	for _, bad := range []string{"", "null", "[]", `{"files":[]`, `{"file":["a"]}`, `{"files":"a"}`, `{"files":["a"],"no_rules":"yes"}`, `{}`} {
		if _, err := w.Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%s): no error", bad)
		}
	}
	in, err := w.Decode([]byte(`{"files":["a"],"no_rules":true}`))
	if diff := cmp.Diff(&workflow.TriageInput{Files: []string{"a"}, NoRules: true}, in); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestWithModel runs each example with a model that fills every schema, true to
// it and with nothing of the evidence in its words: the document stays valid, no
// sentence of the model stands unmarked, and rules and levels stay.
func TestWithModel(t *testing.T) {
	t.Chdir(root)
	for _, w := range workflow.All() {
		if !w.Model {
			continue
		}
		t.Run(w.Name, func(t *testing.T) {
			in := w.New()
			flags(t, in, w.Example)
			engine := scripted.NewObedient(func(string) (scripted.Order, bool) { return scripted.Order{}, false },
				scripted.Order{Say: "SRV-ORCHID-9 was wiped from 198.51.100.250 at 23:59:59.", Number: 1})
			options := pipeline.Options{Workflow: w.Name, Version: "test", Engine: engine, Budget: 6}
			if w.Library {
				options.Library = knowledge(t)
			}
			with, err := w.Run(context.Background(), in, workflow.Env{Options: options, Emit: func(any) error { return nil }})
			if err != nil {
				t.Fatal(err)
			}
			document := encode(t, with.Value)
			holds(t, w.Name+" output", w.OutputSchema(), document)
			options.Engine = nil
			without, err := w.Run(context.Background(), in, workflow.Env{Options: options, Emit: func(any) error { return nil }})
			if err != nil {
				t.Fatal(err)
			}
			if rank(w, with.Level) < rank(w, without.Level) {
				t.Errorf("the model lowers the level from %q to %q", without.Level, with.Level)
			}
			var v any
			if err := json.Unmarshal([]byte(document), &v); err != nil {
				t.Fatal(err)
			}
			unmarked(t, v)
		})
	}
}

func rank(w workflow.Workflow, level string) int { return slices.Index(w.Levels, level) }

// unmarked finds sentences of a model that stand as if they held.
func unmarked(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, b := range v {
			unmarked(t, b)
		}
	case map[string]any:
		text, _ := v["text"].(string)
		if v["by"] == "model" && strings.Contains(text, "SRV-ORCHID-9") && (v["support"] == "supported" || v["support"] == nil) {
			t.Errorf("stands unmarked: %v", v)
		}
		for _, b := range v {
			unmarked(t, b)
		}
	}
}

// TestRecipeInput wants the fields of a recipe to be flags and properties of its
// input, with the same meaning.
func TestRecipeInput(t *testing.T) {
	r, err := recipe.Load(fstest.MapFS{
		"recipe.yaml": {Data: []byte("name: small\nsummary: Count.\nversion: 1\nevidence: {from: lines}\ninput:\n" +
			"  - {name: who, help: Who.}\n  - {name: kind, enum: [a, b], default: b}\n  - {name: grade, enum: [x, y]}\n" +
			"  - {name: how_many, type: integer, default: 3}\n  - {name: share, type: number}\n  - {name: quick, type: boolean}\noutput: {template: page.md}\n")},
		"page.md": {Data: []byte("# {{.input.who}} {{.input.kind}} {{.input.grade}} {{.input.how_many}} {{.input.share}} {{.input.quick}}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := workflow.FromRecipe(r)
	name := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(name, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	title := func(in any) string {
		result, err := w.Run(context.Background(), in, workflow.Env{Options: pipeline.Options{Workflow: w.Name}})
		if err != nil {
			t.Fatal(err)
		}
		return result.Page.Title
	}
	in := w.New()
	flags(t, in, "casemate small "+name+" --who Ada --how-many 5 --share 0.5 --quick --grade y")
	if got, want := title(in), "Ada b y 5 0.5 true"; got != want {
		t.Errorf("flags: %q, want %q", got, want)
	}
	decoded, err := w.Decode([]byte(`{"files":["` + name + `"],"who":"Ada","how_many":5,"share":0.5,"quick":true,"grade":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, decoded); diff != "" {
		t.Errorf("document (-flags +document):\n%s", diff)
	}
	for _, bad := range []string{`{"files":[],"kind":"c"}`, `{"files":[],"how_many":1.5}`, `{"files":[],"quick":"yes"}`, `{"files":[],"other":1}`} {
		if _, err := w.Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%s): no error", bad)
		}
	}
	least := w.New()
	flags(t, least, "casemate small "+name)
	if got, want := title(least), "b  3 0 false"; got != want {
		t.Errorf("defaults: %q, want %q", got, want)
	}
}
