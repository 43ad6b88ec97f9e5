package mapping_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

// span marks the words of a sentence.
func span(t testing.TB, sentence, words string) mapping.Span {
	t.Helper()
	at := strings.Index(sentence, words)
	if at < 0 {
		t.Fatalf("%q does not hold %q", sentence, words)
	}
	return mapping.Span{Text: words, Start: at, End: at + len(words)}
}

// sample is a result as Map would make it, of two sentences.
func sample(t testing.TB) *mapping.Result {
	first := "The macro launched powershell.exe with an encoded command."
	second := "=cmd|'/c calc'!A1 dumped LSASS memory; see http://example.test/x and ![x](http://example.test/y)."
	return &mapping.Result{
		Path: "reports/heron.md", Kind: "markdown", Title: "Grey Heron", Read: 40, Catalogue: "ATT&CK 18.1 0123", Head: "attack 1 4567",
		Sentences: []mapping.Sentence{
			{Number: 3, Text: first, Start: 10, End: 10 + len(first), Line: 7, Techniques: []mapping.Hit{
				{ID: "T1059.001", Name: "PowerShell", P: 0.97, By: []string{"classifier", "name"}, Spans: []mapping.Span{span(t, first, "powershell.exe"), span(t, first, "encoded command")}},
				{ID: "T1027", Name: "Obfuscated Files or Information", P: 0.31, By: []string{"classifier"}, Spans: []mapping.Span{span(t, first, "encoded")}},
			}},
			{Number: 9, Text: second, Start: 200, End: 200 + len(second), Page: 2, Techniques: []mapping.Hit{
				{ID: "T1003.001", Name: "LSASS Memory", P: 0.92, By: []string{"classifier"}, Spans: []mapping.Span{span(t, second, "LSASS memory")}, Was: "T1003"},
			}},
		},
		Techniques: []mapping.Found{
			{ID: "T1059.001", Name: "PowerShell", Tactics: []string{"execution"}, P: 0.97, Sentences: []int{3}, By: []string{"classifier", "name"}},
			{ID: "T1003.001", Name: "LSASS Memory", Tactics: []string{"credential-access"}, P: 0.92, Sentences: []int{9}, By: []string{"classifier"}},
		},
		Unsure: []mapping.Found{{ID: "T1027", Name: "Obfuscated Files or Information", Tactics: []string{"defense-evasion"}, P: 0.31, Sentences: []int{3}, By: []string{"classifier"}}},
		Notes:  []string{"the knowledge base is not loaded"},
	}
}

// field is one property of the layer format.
type field struct {
	kind     string // string, number, boolean, object, array
	required bool
	check    func(v any) error
}

// validate compares an object with its properties: none may be missing, unknown
// or of another type.
func validate(where string, v any, fields map[string]field) error {
	o, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %T, want an object", where, v)
	}
	for name := range o {
		if _, known := fields[name]; !known {
			return fmt.Errorf("%s: the format has no property %q", where, name)
		}
	}
	for name, f := range fields {
		value, there := o[name]
		if !there {
			if f.required {
				return fmt.Errorf("%s: %s is missing", where, name)
			}
			continue
		}
		kinds := map[string]reflect.Kind{"string": reflect.String, "number": reflect.Float64, "boolean": reflect.Bool, "object": reflect.Map, "array": reflect.Slice}
		if reflect.ValueOf(value).Kind() != kinds[f.kind] {
			return fmt.Errorf("%s: %s is %T, want %s", where, name, value, f.kind)
		}
		if f.check != nil {
			if err := f.check(value); err != nil {
				return fmt.Errorf("%s: %s: %w", where, name, err)
			}
		}
	}
	return nil
}

// each validates every element of an array.
func each(fields map[string]field) func(v any) error {
	return func(v any) error {
		for i, e := range v.([]any) {
			if err := validate(fmt.Sprint(i), e, fields); err != nil {
				return err
			}
		}
		return nil
	}
}

func oneOf(values ...any) func(v any) error {
	return func(v any) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("%v is none of %v", v, values)
		}
		return nil
	}
}

func matches(pattern string) func(v any) error {
	re := regexp.MustCompile(pattern)
	return func(v any) error {
		if !re.MatchString(v.(string)) {
			return fmt.Errorf("%q does not match %s", v, pattern)
		}
		return nil
	}
}

func within(lo, hi float64) func(v any) error {
	return func(v any) error {
		if n := v.(float64); n < lo || n > hi {
			return fmt.Errorf("%v is not from %v to %v", n, lo, hi)
		}
		return nil
	}
}

// The properties of the Navigator's layer format 4.5.
var (
	factFields = map[string]field{"name": {"string", true, matches(".")}, "value": {"string", true, matches(".")}}
	linkFields = map[string]field{"label": {"string", true, matches(".")}, "url": {"string", true, matches("^https://attack\\.mitre\\.org/techniques/T")}}
	technique  = map[string]field{
		"techniqueID": {"string", true, matches(`^T\d{4}(\.\d{3})?$`)}, "tactic": {"string", false, matches(`^[a-z-]+$`)}, "comment": {"string", false, nil},
		"enabled": {"boolean", false, nil}, "score": {"number", false, within(0, 100)}, "color": {"string", false, nil},
		"metadata": {"array", false, each(factFields)}, "links": {"array", false, each(linkFields)}, "showSubtechniques": {"boolean", false, nil},
	}
	layerFields = map[string]field{
		"name": {"string", true, matches(".")}, "description": {"string", false, nil}, "domain": {"string", true, oneOf("enterprise-attack", "mobile-attack", "ics-attack")},
		"versions": {"object", false, func(v any) error {
			return validate("versions", v, map[string]field{"attack": {"string", false, matches(`^\d+$`)}, "navigator": {"string", true, matches(`^([5-9]|4\.9|4\.[1-9]\d)\.`)}, "layer": {"string", true, oneOf("4.5")}})
		}},
		"customDataURL": {"string", false, nil}, "filters": {"object", false, nil}, "sorting": {"number", false, within(0, 3)},
		"layout": {"object", false, func(v any) error {
			return validate("layout", v, map[string]field{"layout": {"string", false, oneOf("side", "flat", "mini")}, "showID": {"boolean", false, nil}, "showName": {"boolean", false, nil},
				"showAggregateScores": {"boolean", false, nil}, "countUnscored": {"boolean", false, nil}, "aggregateFunction": {"string", false, oneOf("average", "min", "max", "sum")}, "expandedSubtechniques": {"string", false, oneOf("none", "all", "annotated")}})
		}},
		"hideDisabled": {"boolean", false, nil}, "techniques": {"array", false, each(technique)},
		"gradient": {"object", false, func(v any) error {
			return validate("gradient", v, map[string]field{"colors": {"array", true, func(v any) error {
				if len(v.([]any)) < 2 {
					return errors.New("fewer than two colours")
				}
				return nil
			}}, "minValue": {"number", true, within(0, 0)}, "maxValue": {"number", true, within(100, 100)}})
		}},
		"legendItems":             {"array", false, each(map[string]field{"label": {"string", true, nil}, "color": {"string", true, matches("^#[0-9a-f]{6}$")}})},
		"showTacticRowBackground": {"boolean", false, nil}, "tacticRowBackground": {"string", false, nil}, "selectTechniquesAcrossTactics": {"boolean", false, nil},
		"selectSubtechniquesWithParent": {"boolean", false, nil}, "selectVisibleTechniques": {"boolean", false, nil},
		"metadata": {"array", false, each(factFields)}, "links": {"array", false, each(linkFields)},
	}
)

// layers reads what WriteNavigator wrote, and validates each layer.
func layers(t *testing.T, results []*mapping.Result, opt mapping.NavigatorOptions) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := mapping.WriteNavigator(&b, results, opt); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatalf("%v in\n%s", err, b.Bytes())
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	var out []map[string]any
	for _, l := range list {
		if err := validate("layer", l, layerFields); err != nil {
			t.Errorf("%v in\n%s", err, b.Bytes())
		}
		out = append(out, l.(map[string]any))
	}
	return out
}

// techniqueOf returns the entry of a technique in a layer.
func techniqueOf(t *testing.T, layer map[string]any, id string) map[string]any {
	t.Helper()
	for _, e := range layer["techniques"].([]any) {
		if o := e.(map[string]any); o["techniqueID"] == id {
			return o
		}
	}
	t.Fatalf("no %s in %v", id, layer["techniques"])
	return nil
}

func TestNavigator(t *testing.T) {
	got := layers(t, []*mapping.Result{sample(t)}, mapping.NavigatorOptions{})
	if len(got) != 1 || got[0]["domain"] != "enterprise-attack" {
		t.Fatalf("%d layers, first of %v", len(got), got[0]["domain"])
	}
	child, parent := techniqueOf(t, got[0], "T1059.001"), techniqueOf(t, got[0], "T1059")
	if child["score"] != 97.0 || !strings.Contains(child["comment"].(string), "powershell.exe") || !strings.Contains(child["comment"].(string), "line 7") {
		t.Errorf("T1059.001 = %v", child)
	}
	if _, scored := parent["score"]; scored || parent["showSubtechniques"] != true {
		t.Errorf("T1059 = %v, want it without a score and open", parent)
	}
	if n := len(got[0]["techniques"].([]any)); n != 4 {
		t.Errorf("%d techniques, want two and their parents", n)
	}
	all := layers(t, []*mapping.Result{sample(t)}, mapping.NavigatorOptions{All: true, Name: "mine"})
	if all[0]["name"] != "mine" || techniqueOf(t, all[0], "T1027")["score"] != 31.0 {
		t.Errorf("with all: %v", all[0])
	}
}

func TestNavigatorDomains(t *testing.T) {
	r := sample(t)
	var ids []string
	for _, d := range []knowledge.Domain{knowledge.Mobile, knowledge.ICS} {
		for _, k := range knowledge.Embedded().Techniques() {
			if k.Domain == d && k.Status == knowledge.Current && k.Parent == "" {
				r.Techniques = append(r.Techniques, mapping.Found{ID: k.ID, Name: k.Name, Tactics: k.Tactics, P: 0.7, Sentences: []int{3}})
				ids = append(ids, k.ID)
				break
			}
		}
	}
	got := layers(t, []*mapping.Result{r}, mapping.NavigatorOptions{})
	if len(got) != 3 || got[1]["domain"] != "mobile-attack" || got[2]["domain"] != "ics-attack" {
		t.Fatalf("layers %v", got)
	}
	techniqueOf(t, got[1], ids[0])
	techniqueOf(t, got[2], ids[1])
}

func TestNavigatorOfNothing(t *testing.T) {
	got := layers(t, []*mapping.Result{{Path: "a"}}, mapping.NavigatorOptions{})
	if len(got) != 1 || len(got[0]["techniques"].([]any)) != 0 {
		t.Errorf("got %v, want one empty layer", got)
	}
}

// TestNavigatorMerges shows that two documents make one entry with the higher score.
func TestNavigatorMerges(t *testing.T) {
	a, b := sample(t), sample(t)
	b.Path = "other.txt"
	b.Techniques[0].P = 0.99
	got := techniqueOf(t, layers(t, []*mapping.Result{a, b}, mapping.NavigatorOptions{})[0], "T1059.001")
	if got["score"] != 99.0 || !strings.Contains(got["comment"].(string), "other.txt") || !strings.Contains(got["comment"].(string), "heron.md") {
		t.Errorf("merged: %v", got)
	}
}

var stixID = regexp.MustCompile(`^[a-z-]+--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// bundle writes a bundle and checks what STIX 2.1 asks of every object.
func bundle(t *testing.T, results []*mapping.Result, opt mapping.STIXOptions) map[string][]map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := mapping.WriteSTIX(&b, results, opt); err != nil {
		t.Fatal(err)
	}
	var v struct {
		Type, ID string
		Objects  []map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if v.Type != "bundle" || !stixID.MatchString(v.ID) {
		t.Errorf("bundle %q %q", v.Type, v.ID)
	}
	byType, ids := map[string][]map[string]any{}, map[string]bool{}
	for _, o := range v.Objects {
		id := o["id"].(string)
		if ids[id] || !strings.HasPrefix(id, o["type"].(string)+"--") || o["spec_version"] != "2.1" {
			t.Errorf("object %v: its id is taken, or of another type", o)
		}
		ids[id] = true
		for _, key := range []string{"created", "modified"} {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", o[key].(string)); err != nil {
				t.Errorf("%s of %s: %v", key, id, err)
			}
		}
		byType[o["type"].(string)] = append(byType[o["type"].(string)], o)
	}
	for _, o := range v.Objects {
		refs, _ := o["object_refs"].([]any)
		if author, ok := o["created_by_ref"]; ok {
			refs = append(slices.Clone(refs), author)
		}
		for _, r := range refs {
			if !ids[r.(string)] {
				t.Errorf("%s refers to %v, which is not there", o["id"], r)
			}
		}
		if (o["type"] == "report" || o["type"] == "note") && len(refs) < 2 {
			t.Errorf("%s refers to nothing", o["id"])
		}
	}
	return byType
}

func TestSTIX(t *testing.T) {
	got := bundle(t, []*mapping.Result{sample(t)}, mapping.STIXOptions{AsOf: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)})
	if len(got["attack-pattern"]) != 2 || len(got["report"]) != 1 || len(got["note"]) != 2 || len(got["identity"]) != 1 {
		t.Fatalf("objects: %v", got)
	}
	for _, o := range got["attack-pattern"] {
		if !stixID.MatchString(o["id"].(string)) {
			t.Errorf("id %v is no UUID of version 5", o["id"])
		}
		ref := o["external_references"].([]any)[0].(map[string]any)
		if ref["source_name"] != "mitre-attack" || !strings.HasPrefix(ref["external_id"].(string), "T1") {
			t.Errorf("reference %v", ref)
		}
	}
	rep := got["report"][0]
	if rep["published"] != "2026-03-04T00:00:00.000Z" || rep["name"] != "Grey Heron" || len(rep["object_refs"].([]any)) != 4 {
		t.Errorf("report %v", rep)
	}
	if n := got["note"][0]; n["confidence"] != 97.0 || !strings.Contains(n["content"].(string), "powershell.exe; encoded command") || strings.Contains(n["content"].(string), "T1027") {
		t.Errorf("note %v", n)
	}
}

// TestSTIXKnownIDs shows that ATT&CK's own ids are used where they are known,
// under a date that lets ATT&CK's own object win.
func TestSTIXKnownIDs(t *testing.T) {
	const known = "attack-pattern--11111111-2222-4333-8444-555555555555"
	got := bundle(t, []*mapping.Result{sample(t)}, mapping.STIXOptions{AsOf: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), ID: func(id string) string {
		if id == "T1003.001" {
			return known
		}
		return ""
	}})
	i := slices.IndexFunc(got["attack-pattern"], func(o map[string]any) bool { return o["id"] == known })
	if i < 0 || got["attack-pattern"][i]["modified"] != "1970-01-01T00:00:00.000Z" || got["attack-pattern"][i]["created_by_ref"] != nil {
		t.Errorf("patterns %v", got["attack-pattern"])
	}
}

func TestSTIXOfNothing(t *testing.T) {
	got := bundle(t, []*mapping.Result{{Path: "empty.txt"}}, mapping.STIXOptions{})
	if refs := got["report"][0]["object_refs"].([]any); len(refs) != 1 || refs[0] != got["identity"][0]["id"] {
		t.Errorf("a report without findings refers to %v", refs)
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := mapping.WriteCSV(&b, []*mapping.Result{sample(t)}, true); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	col := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	if col(1, "technique") != "T1059.001" || col(1, "p") != "0.970" || col(1, "line") != "7" || col(1, "state") != "found" || col(1, "words") != "powershell.exe; encoded command" {
		t.Errorf("row %v", rows[1])
	}
	if col(2, "state") != "unsure" || col(3, "was") != "T1003" {
		t.Errorf("rows %v %v", rows[2], rows[3])
	}
	if s := col(3, "sentence"); !strings.HasPrefix(s, "'=") {
		t.Errorf("the formula %q would run", s)
	}
	b.Reset()
	if err := mapping.WriteCSV(&b, []*mapping.Result{sample(t)}, false); err != nil || strings.Contains(b.String(), "T1027") {
		t.Errorf("unsure techniques are written without being asked for: %v", err)
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := mapping.WriteMarkdown(&b, []*mapping.Result{sample(t)}, false); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{"# Techniques in Grey Heron", "| [T1059.001](https://attack.mitre.org/techniques/T1059/001) | PowerShell | execution | 0.97 | 3 |", `launched **powershell\.exe** with an **encoded command**`, "page 2", "given as T1003"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "](http://example.test") || strings.Contains(got, "T1027") {
		t.Errorf("a link of the report is live, or an unsure technique is there, in\n%s", got)
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := mapping.WriteText(&b, []*mapping.Result{sample(t)}, mapping.ViewOptions{}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{"2 techniques", "1 technique is unsure: --all", "T1059.001", "█", "0.97", "launched «powershell.exe» with an «encoded command».", "(line 7)", "note: the knowledge base"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	b.Reset()
	if err := mapping.WriteText(&b, []*mapping.Result{sample(t)}, mapping.ViewOptions{Color: true, All: true}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "\x1b[1;4mpowershell.exe\x1b[0m") || !strings.Contains(got, "T1027") {
		t.Errorf("in colour:\n%q", got)
	}
}

// TestOutputsHoldAnything writes results with arbitrary text and spans that do
// not fit: nothing may panic, no line be too wide, no control reach a terminal,
// and the same result must give the same bytes.
func TestOutputsHoldAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 200, 600).Draw(t, "text")
		n := rapid.IntRange(-5, 300)
		r := &mapping.Result{Path: rapid.String().Draw(t, "path"), Title: rapid.String().Draw(t, "title"), Read: 1,
			Techniques: []mapping.Found{{ID: "T1059.001", Name: "PowerShell", P: rapid.Float64().Draw(t, "p"), Sentences: []int{1}}},
			Sentences: []mapping.Sentence{{Number: 1, Text: text, Techniques: []mapping.Hit{{ID: "T1059.001", Name: "PowerShell", P: 0.5, By: []string{"name"},
				Spans: []mapping.Span{{Text: text, Start: n.Draw(t, "start"), End: n.Draw(t, "end")}}}}}},
		}
		write := func() []byte {
			var all bytes.Buffer
			results := []*mapping.Result{r}
			if err := errors.Join(mapping.WriteNavigator(&all, results, mapping.NavigatorOptions{}), mapping.WriteSTIX(&all, results, mapping.STIXOptions{}), mapping.WriteCSV(&all, results, true), mapping.WriteMarkdown(&all, results, true)); err != nil {
				t.Fatal(err)
			}
			var screen bytes.Buffer
			if err := mapping.WriteText(&screen, results, mapping.ViewOptions{}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(screen.String()) {
				if strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
					t.Fatalf("a control reaches the terminal: %q", line)
				}
			}
			return append(all.Bytes(), screen.Bytes()...)
		}
		if !bytes.Equal(write(), write()) {
			t.Fatal("two runs differ")
		}
	})
}

// failing is a writer that takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWritersReturnErrors(t *testing.T) {
	r := []*mapping.Result{sample(t)}
	for name, err := range map[string]error{
		"navigator": mapping.WriteNavigator(failing{}, r, mapping.NavigatorOptions{}), "stix": mapping.WriteSTIX(failing{}, r, mapping.STIXOptions{}),
		"csv": mapping.WriteCSV(failing{}, r, false), "markdown": mapping.WriteMarkdown(failing{}, r, false), "text": mapping.WriteText(failing{}, r, mapping.ViewOptions{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: %v, want the writer's error", name, err)
		}
	}
}
