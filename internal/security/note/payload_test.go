package note_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/note"
)

// decode reads a payload into a type of the test's own.
func decode[T any](t testing.TB, o note.Output) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(string(o.Payload)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.300s", err, o.Payload)
	}
	return v
}

// keys lists the names of an object in order.
func keys(t testing.TB, raw json.RawMessage) []string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestTheHive(t *testing.T) {
	o := write(t, day(note.Input{Format: note.FormatTheHive}))
	p := decode[struct {
		Alert, Case             json.RawMessage
		Observables, Procedures []json.RawMessage
	}](t, o)
	if want := []string{"date", "description", "flag", "observables", "pap", "procedures", "severity", "source", "sourceRef", "tags", "title", "tlp", "type"}; !cmp.Equal(keys(t, p.Alert), want) {
		t.Error(cmp.Diff(want, keys(t, p.Alert)))
	}
	if want := []string{"description", "flag", "pap", "severity", "startDate", "tags", "tasks", "title", "tlp"}; !cmp.Equal(keys(t, p.Case), want) {
		t.Error(cmp.Diff(want, keys(t, p.Case)))
	}
	var c struct {
		Title              string
		Severity, TLP, PAP int
		StartDate          int64
		Tags               []string
		Tasks              []struct{ Title, Group, Description string }
		Description        string
		Flag               bool
	}
	if err := json.Unmarshal(p.Case, &c); err != nil {
		t.Fatal(err)
	}
	if c.Severity != 4 || c.TLP != 2 || c.PAP != 2 || c.StartDate != 1772613100206 || len(c.Tasks) != 8 || !slices.Contains(c.Tags, "attack:T1003.001") || !slices.Contains(c.Tags, "casemate:verdict=likely-malicious") {
		t.Errorf("case %+v", c)
	}
	types := []string{"ip", "domain", "url", "mail", "hash", "hostname", "other"} // TheHive's own
	seen := map[string]bool{}
	for _, raw := range p.Observables {
		var b struct {
			DataType, Data, Message string
			Tags                    []string
			TLP, PAP                int
			IOC, Sighted            bool
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(types, b.DataType) || b.Data == "" || b.IOC || !b.Sighted || seen[b.DataType+b.Data] {
			t.Errorf("observable %s", raw)
		}
		seen[b.DataType+b.Data] = true
	}
	for _, want := range []string{"ip198.51.100.23", "domaincdn-sync.edgecache.example.net", "hostnamedc01", "otherm.lindqvist"} {
		if !seen[want] {
			t.Errorf("no observable %s", want)
		}
	}
	if want := `{"patternId":"T1566.001","occurDate":1772615551837,"tactic":"initial-access","description":"Spearphishing Attachment"}`; !slices.ContainsFunc(p.Procedures, func(r json.RawMessage) bool { return string(r) == want }) {
		t.Errorf("no procedure %s in %s", want, p.Procedures)
	}
	h := decode[struct {
		Page struct{ Title, Category, Content string }
	}](t, write(t, day(note.Input{Format: note.FormatTheHive, Kind: note.KindHandover})))
	if h.Page.Category != "Shift handover" || !strings.Contains(h.Page.Content, "## Watch out for") {
		t.Errorf("page %+v", h.Page)
	}
}

func TestJira(t *testing.T) {
	o := write(t, day(note.Input{Format: note.FormatJira, Project: "SEC"}))
	type name struct {
		Name string `json:"name"`
	}
	p := decode[struct {
		Fields struct {
			Project     struct{ Key string }
			IssueType   name
			Summary     string
			Description json.RawMessage
			Labels      []string
			Priority    name
		}
	}](t, o)
	f := p.Fields
	if f.Project.Key != "SEC" || f.IssueType.Name != "Task" || f.Priority.Name != "Highest" || f.Summary != o.Title || utf8.RuneCountInString(f.Summary) > 255 {
		t.Errorf("fields %+v", f)
	}
	for _, l := range f.Labels {
		if strings.ContainsAny(l, " \t") {
			t.Errorf("label %q", l)
		}
	}
	if n := len(f.Description); n > 32767 {
		t.Errorf("the description takes %d characters", n)
	}
	var doc node
	if err := json.Unmarshal(f.Description, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Type != "doc" || doc.Version != 1 {
		t.Errorf("document %s version %d", doc.Type, doc.Version)
	}
	for _, c := range doc.Content {
		c.check(t, "doc")
	}
	// A hand-written document of one heading, one list and one note.
	small := write(t, note.Input{Files: []string{file(t, "notes.md", "# Notes\n\n2026-03-04 10:05 I have blocked 203.0.113.7 at the firewall.\n")}, Format: note.FormatJira, Project: "SEC", AsOf: "2026-03-04"})
	want := `{"type":"doc","version":1,"content":[{"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"The rules found no incident in the material. [R1]"}]}]}]},` +
		`{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Done so far"}]},{"type":"paragraph","content":[{"type":"text","text":"In the words of those who did it.","marks":[{"type":"em"}]}]},`
	if !strings.Contains(string(small.Payload), want) {
		t.Errorf("the document is %s, want in it %s", small.Payload, want)
	}
}

// node is a node of the Atlassian Document Format as its specification has it.
type node struct {
	Type    string
	Version int
	Attrs   map[string]any
	Content []node
	Text    string
	Marks   []struct{ Type string }
}

// children are what may stand in each kind of node.
var children = map[string][]string{
	"doc": {"heading", "paragraph", "bulletList"}, "bulletList": {"listItem"}, "listItem": {"paragraph"}, "paragraph": {"text"}, "heading": {"text"}, "text": nil,
}

func (n node) check(t testing.TB, in string) {
	t.Helper()
	if !slices.Contains(children[in], n.Type) || n.Type == "text" && n.Text == "" || n.Type != "text" && len(n.Content) == 0 {
		t.Errorf("a node %q in %q: %+v", n.Type, in, n)
	}
	for _, c := range n.Content {
		c.check(t, n.Type)
	}
}

func TestServiceNow(t *testing.T) {
	type record struct {
		ShortDescription string `json:"short_description"`
		Description      string `json:"description"`
		WorkNotes        string `json:"work_notes"`
		Category         string `json:"category"`
		Impact           string `json:"impact"`
		Urgency          string `json:"urgency"`
		ConfigItem       string `json:"cmdb_ci"`
		AffectedUser     string `json:"affected_user"`
		ContactType      string `json:"contact_type"`
		CorrelationID    string `json:"correlation_id"`
	}
	o := write(t, day(note.Input{Format: note.FormatServiceNow}))
	r := decode[record](t, o)
	if r.Impact != "1" || r.Urgency != "1" || r.ConfigItem != "dc01" || r.AffectedUser != "adm.tbrandt" || r.ContactType != "siem" || r.CorrelationID != o.Incidents[0].ID || r.Category != "security" {
		t.Errorf("record %+v", r)
	}
	if n := utf8.RuneCountInString(r.ShortDescription); n == 0 || n > 160 {
		t.Errorf("the short description has %d characters", n)
	}
	for _, text := range []string{r.Description, r.WorkNotes} {
		if n := utf8.RuneCountInString(text); n == 0 || n > 4000 {
			t.Errorf("a text of %d characters", n)
		}
	}
	if !strings.Contains(r.WorkNotes, "more lines in casemate's output") || !strings.Contains(r.WorkNotes, "\nWHAT HAPPENED\n") {
		t.Errorf("work notes %q", r.WorkNotes)
	}
	if r := decode[record](t, write(t, day(note.Input{Format: note.FormatServiceNow, Table: "incident"}))); r.ContactType != "" || r.AffectedUser != "" || r.ConfigItem != "dc01" {
		t.Errorf("record of the table incident: %+v", r)
	}
}
