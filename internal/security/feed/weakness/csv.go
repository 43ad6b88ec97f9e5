package weakness

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
)

// row is one row of a table, by the names of its columns in lower case.
type row map[string]string

// ReadCSV reads the official table of CWE, or that of CAPEC, by the names of its
// columns. A row with too few cells is a fault.
func ReadCSV(r io.Reader, take Taker) error {
	in := &loose.Rationed{R: r, Left: loose.MaxObject}
	t := csv.NewReader(in)
	t.FieldsPerRecord = -1
	t.LazyQuotes = true
	t.ReuseRecord = true
	var names []string
	for {
		in.Left = loose.MaxObject
		cells, err := t.Read()
		switch {
		case in.Err != nil:
			return in.Err
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("the table is broken: %w", err)
		}
		line, _ := t.FieldPos(0)
		take.At(0, line, 0)
		if names == nil {
			names = columns(cells)
			take.Catalogue(names[0] == "id", "", "")
			continue
		}
		if err := record(names, cells, take); err != nil {
			return err
		}
	}
}

// columns are the names of the columns, in lower case.
func columns(cells []string) []string {
	var names []string
	for _, n := range cells {
		names = append(names, strings.ToLower(strings.TrimPrefix(strings.TrimSpace(n), "'")))
	}
	return names
}

// record reads one row.
func record(names, cells []string, take Taker) error {
	if len(cells) < len(names)/2 {
		take.Fault(fmt.Sprintf("a row of %d cells, the table has %d columns", len(cells), len(names)))
		return nil
	}
	r := make(row, len(names))
	for i, cell := range cells[:min(len(cells), len(names))] {
		r[names[i]] = cell
	}
	if names[0] == "id" {
		return take.Pattern(false, r.pattern())
	}
	return take.Weakness(false, r.weakness())
}

// The keys that the cells of CWE's and CAPEC's tables hold, as in
// "::NATURE:ChildOf:CWE ID:79::". A value may hold colons itself.
var cellKey = regexp.MustCompile(`(^|::|:)(NATURE|CWE ID|CAPEC ID|VIEW ID|ORDINAL|CHAIN ID|ORDINALITY|` +
	`LANGUAGE NAME|LANGUAGE CLASS|LANGUAGE PREVALENCE|OPERATING SYSTEM NAME|OPERATING SYSTEM CLASS|OPERATING SYSTEM PREVALENCE|` +
	`ARCHITECTURE NAME|ARCHITECTURE CLASS|ARCHITECTURE PREVALENCE|TECHNOLOGY NAME|TECHNOLOGY CLASS|TECHNOLOGY PREVALENCE|` +
	`TERM|DESCRIPTION|PHASE|NOTE|SCOPE|IMPACT|TECHNICAL IMPACT|LIKELIHOOD|METHOD|EFFECTIVENESS|EFFECTIVENESS NOTES|STRATEGY|` +
	`REFERENCE|LINK|TAXONOMY NAME|ENTRY ID|ENTRY NAME|MAPPING FIT|TYPE|STEP|TECHNIQUE|SKILL|LEVEL):`)

// keyed is a key with its value.
type keyed struct{ key, value string }

// cell is one item of a cell: its keys with their values, in order.
type cell []keyed

func (c cell) one(key string) text {
	for _, f := range c {
		if f.key == key {
			return text(f.value)
		}
	}
	return ""
}

func (c cell) each(key string) texts {
	var out texts
	for _, f := range c {
		if f.key == key {
			out = append(out, text(f.value))
		}
	}
	return out
}

// items reads a cell of keyed items. A key that the item has already, and that
// follows two colons, begins the next item.
func (t row) items(column string) []cell {
	s := strings.TrimSuffix(t[column], "::")
	marks := cellKey.FindAllStringSubmatchIndex(s, -1)
	var out []cell
	for i, m := range marks {
		end := len(s)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		if i == 0 || s[m[2]:m[3]] == "::" {
			out = append(out, nil)
		}
		last := len(out) - 1
		out[last] = append(out[last], keyed{s[m[4]:m[5]], escaped(s[m[1]:end])})
	}
	return out
}

// escaped makes XHTML of a plain value, as the texts of the XML are.
func escaped(s string) string { return html.EscapeString(strings.TrimSpace(s)) }

// list reads a cell of values between double colons.
func (t row) list(column string) texts {
	var out texts
	for _, v := range strings.Split(t[column], "::") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, text(escaped(v)))
		}
	}
	return out
}

func (t row) text(column string) text { return text(escaped(t[column])) }

// weakness makes a weakness of its row.
func (t row) weakness() *Weakness {
	w := &Weakness{
		XHTML: true, ID: t.text("cwe-id"), Name: t.text("name"), Abstraction: t.text("weakness abstraction"), Status: t.text("status"),
		Description: t.text("description"), Extended: t.text("extended description"), Likelihood: t.text("likelihood of exploit"),
		Background: t.list("background details"), Areas: t.list("functional areas"), Resources: t.list("affected resources"),
		Patterns: t.list("related attack patterns"),
	}
	for _, c := range t.items("related weaknesses") {
		w.Related = append(w.Related, Related{c.one("NATURE"), c.one("CWE ID"), c.one("VIEW ID"), c.one("ORDINAL")})
	}
	for _, c := range t.items("weakness ordinalities") {
		w.Ordinalities = append(w.Ordinalities, Ordinality{c.one("ORDINALITY"), c.one("DESCRIPTION")})
	}
	for _, c := range t.items("applicable platforms") {
		for _, kind := range [...]string{"LANGUAGE", "OPERATING SYSTEM", "ARCHITECTURE", "TECHNOLOGY"} {
			name, class := c.one(kind+" NAME"), c.one(kind+" CLASS")
			if name != "" || class != "" {
				label := kind[:1] + strings.ToLower(kind[1:])
				w.Platforms = append(w.Platforms, Platform{text(label), name, class, c.one(kind + " PREVALENCE")})
			}
		}
	}
	for _, c := range t.items("alternate terms") {
		w.Alternates = append(w.Alternates, Alternate{c.one("TERM"), c.one("DESCRIPTION")})
	}
	for _, c := range t.items("modes of introduction") {
		w.Introduction = append(w.Introduction, Introduction{c.one("PHASE"), c.one("NOTE")})
	}
	for _, c := range t.items("common consequences") {
		w.Consequences = append(w.Consequences, Consequence{c.each("SCOPE"), c.each("IMPACT"), c.each("LIKELIHOOD"), c.one("NOTE")})
	}
	for _, c := range t.items("detection methods") {
		w.Detection = append(w.Detection, Detection{c.one("METHOD"), c.one("DESCRIPTION"), c.one("EFFECTIVENESS"), c.one("EFFECTIVENESS NOTES")})
	}
	for _, c := range t.items("potential mitigations") {
		w.Mitigations = append(w.Mitigations, Mitigation{c.each("PHASE"), c.one("STRATEGY"), c.one("DESCRIPTION"), c.one("EFFECTIVENESS"), c.one("EFFECTIVENESS NOTES")})
	}
	for _, c := range t.items("observed examples") {
		w.Observed = append(w.Observed, Observed{c.one("REFERENCE"), c.one("DESCRIPTION")})
	}
	for _, c := range t.items("taxonomy mappings") {
		w.Taxonomies = append(w.Taxonomies, Taxonomy{c.one("TAXONOMY NAME"), c.one("ENTRY ID"), c.one("ENTRY NAME"), c.one("MAPPING FIT")})
	}
	for _, c := range t.items("notes") {
		w.Notes = append(w.Notes, Note{c.one("TYPE"), c.one("NOTE")})
	}
	return w
}

// pattern makes a pattern of its row.
func (t row) pattern() *Pattern {
	p := &Pattern{
		ID: t.text("id"), Name: t.text("name"), Abstraction: t.text("abstraction"), Status: t.text("status"),
		Description: []text{t.text("description")}, Likelihood: t.text("likelihood of attack"), Severity: t.text("typical severity"),
		Prerequisites: t.list("prerequisites"), Resources: t.list("resources required"), Indicators: t.list("indicators"),
		Mitigations: t.list("mitigations"), Examples: t.list("example instances"), Weaknesses: t.list("related weaknesses"),
	}
	for _, c := range t.items("alternate terms") {
		p.Terms = append(p.Terms, c.one("TERM"))
	}
	for _, c := range t.items("related attack patterns") {
		p.Related = append(p.Related, Related{c.one("NATURE"), c.one("CAPEC ID"), "", ""})
	}
	for _, c := range t.items("execution flow") {
		p.Steps = append(p.Steps, Step{c.one("STEP"), c.one("PHASE"), c.one("DESCRIPTION"), c.each("TECHNIQUE")})
	}
	for _, c := range t.items("skills required") {
		p.Skills = append(p.Skills, Alternate{c.one("LEVEL"), c.one("SKILL")})
	}
	for _, c := range t.items("consequences") {
		p.Consequences = append(p.Consequences, Consequence{c.each("SCOPE"), append(c.each("IMPACT"), c.each("TECHNICAL IMPACT")...), c.each("LIKELIHOOD"), c.one("NOTE")})
	}
	for _, c := range t.items("taxonomy mappings") {
		p.Taxonomies = append(p.Taxonomies, Taxonomy{c.one("TAXONOMY NAME"), c.one("ENTRY ID"), c.one("ENTRY NAME"), ""})
	}
	return p
}
