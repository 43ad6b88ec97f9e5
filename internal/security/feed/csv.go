package feed

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
)

// row is one row of a table, by the names of its columns in lower case.
type row map[string]string

// table reads a CSV file with a line of names, row by row. Rows with too few
// cells are faults.
func (r *reader) table(f *unpack.File, take func(row) error) error {
	in := &rationed{r: f, left: maxObject}
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1
	c.LazyQuotes = true
	c.ReuseRecord = true
	var names []string
	for {
		in.left = maxObject
		cells, err := c.Read()
		if err == io.EOF && in.err == nil {
			return nil
		}
		if in.err != nil {
			return r.broken(in.err)
		}
		if err != nil {
			return r.broken(fmt.Errorf("the table is broken: %w", err))
		}
		r.at.Line, _ = c.FieldPos(0)
		if names == nil {
			for _, n := range cells {
				names = append(names, strings.ToLower(strings.TrimPrefix(strings.TrimSpace(n), "'")))
			}
			continue
		}
		if len(cells) < 4 || len(cells) < len(names)/2 {
			r.faultf("a row of %d cells, the table has %d columns", len(cells), len(names))
			continue
		}
		rec := make(row, len(names))
		for i, cell := range cells[:min(len(cells), len(names))] {
			rec[names[i]] = cell
		}
		if err := take(rec); err != nil {
			return err
		}
	}
}

// The keys that the cells of CWE's and CAPEC's tables hold, as in
// "::NATURE:ChildOf:CWE ID:79::". A value may hold colons itself.
var cellKey = regexp.MustCompile(`(^|::|:)(NATURE|CWE ID|CAPEC ID|VIEW ID|ORDINAL|CHAIN ID|ORDINALITY|` +
	`LANGUAGE NAME|LANGUAGE CLASS|LANGUAGE PREVALENCE|OPERATING SYSTEM NAME|OPERATING SYSTEM CLASS|OPERATING SYSTEM PREVALENCE|` +
	`ARCHITECTURE NAME|ARCHITECTURE CLASS|ARCHITECTURE PREVALENCE|TECHNOLOGY NAME|TECHNOLOGY CLASS|TECHNOLOGY PREVALENCE|` +
	`TERM|DESCRIPTION|PHASE|NOTE|SCOPE|IMPACT|TECHNICAL IMPACT|LIKELIHOOD|METHOD|EFFECTIVENESS|EFFECTIVENESS NOTES|STRATEGY|` +
	`REFERENCE|LINK|TAXONOMY NAME|ENTRY ID|ENTRY NAME|MAPPING FIT|TYPE|STEP|TECHNIQUE|SKILL|LEVEL):`)

// cell is one item of a cell: its keys with their values, in order.
type cell []Field

func (c cell) one(key string) text {
	for _, f := range c {
		if f.Key == key {
			return text(f.Value)
		}
	}
	return ""
}

func (c cell) each(key string) texts {
	var out texts
	for _, f := range c {
		if f.Key == key {
			out = append(out, text(f.Value))
		}
	}
	return out
}

// items reads a cell of keyed items. A key that the item has already, and that
// follows two colons, begins the next item.
func (r row) items(column string) []cell {
	s := strings.TrimSuffix(r[column], "::")
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
		out[last] = append(out[last], Field{s[m[4]:m[5]], escaped(s[m[1]:end])})
	}
	return out
}

// escaped makes XHTML of a plain value, as the texts of the XML are.
func escaped(s string) string { return html.EscapeString(strings.TrimSpace(s)) }

// list reads a cell of values between double colons.
func (r row) list(column string) texts {
	var out texts
	for _, v := range strings.Split(r[column], "::") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, text(escaped(v)))
		}
	}
	return out
}

func (r row) text(column string) text { return text(escaped(r[column])) }

// cweCSV reads CWE's official table.
func (r *reader) cweCSV(f *unpack.File) error {
	pub := r.publication("cwe")
	return r.table(f, func(t row) error {
		w := &weakness{
			xml: true, ID: t.text("cwe-id"), Name: t.text("name"), Abstraction: t.text("weakness abstraction"), Status: t.text("status"),
			Description: t.text("description"), Extended: t.text("extended description"), Likelihood: t.text("likelihood of exploit"),
			Background: t.list("background details"), Areas: t.list("functional areas"), Resources: t.list("affected resources"),
			Patterns: t.list("related attack patterns"),
		}
		for _, c := range t.items("related weaknesses") {
			w.Related = append(w.Related, related{c.one("NATURE"), c.one("CWE ID"), c.one("VIEW ID"), c.one("ORDINAL")})
		}
		for _, c := range t.items("weakness ordinalities") {
			w.Ordinalities = append(w.Ordinalities, ordinality{c.one("ORDINALITY"), c.one("DESCRIPTION")})
		}
		for _, c := range t.items("applicable platforms") {
			for _, kind := range [...]string{"LANGUAGE", "OPERATING SYSTEM", "ARCHITECTURE", "TECHNOLOGY"} {
				name, class := c.one(kind+" NAME"), c.one(kind+" CLASS")
				if name != "" || class != "" {
					label := kind[:1] + strings.ToLower(kind[1:])
					w.Platforms = append(w.Platforms, platform{text(label), name, class, c.one(kind + " PREVALENCE")})
				}
			}
		}
		for _, c := range t.items("alternate terms") {
			w.Alternates = append(w.Alternates, alternate{c.one("TERM"), c.one("DESCRIPTION")})
		}
		for _, c := range t.items("modes of introduction") {
			w.Introduction = append(w.Introduction, introduction{c.one("PHASE"), c.one("NOTE")})
		}
		for _, c := range t.items("common consequences") {
			w.Consequences = append(w.Consequences, consequence{c.each("SCOPE"), c.each("IMPACT"), c.each("LIKELIHOOD"), c.one("NOTE")})
		}
		for _, c := range t.items("detection methods") {
			w.Detection = append(w.Detection, detectionRow{c.one("METHOD"), c.one("DESCRIPTION"), c.one("EFFECTIVENESS"), c.one("EFFECTIVENESS NOTES")})
		}
		for _, c := range t.items("potential mitigations") {
			w.Mitigations = append(w.Mitigations, mitigation{c.each("PHASE"), c.one("STRATEGY"), c.one("DESCRIPTION"), c.one("EFFECTIVENESS"), c.one("EFFECTIVENESS NOTES")})
		}
		for _, c := range t.items("observed examples") {
			w.Observed = append(w.Observed, observed{c.one("REFERENCE"), c.one("DESCRIPTION")})
		}
		for _, c := range t.items("taxonomy mappings") {
			w.Taxonomies = append(w.Taxonomies, taxonomy{c.one("TAXONOMY NAME"), c.one("ENTRY ID"), c.one("ENTRY NAME"), c.one("MAPPING FIT")})
		}
		for _, c := range t.items("notes") {
			w.Notes = append(w.Notes, note{c.one("TYPE"), c.one("NOTE")})
		}
		return r.cwe(pub, KindWeakness, w)
	})
}

// capecCSV reads CAPEC's official table.
func (r *reader) capecCSV(f *unpack.File) error {
	pub := r.publication("capec")
	return r.table(f, func(t row) error {
		p := &pattern{
			ID: t.text("id"), Name: t.text("name"), Abstraction: t.text("abstraction"), Status: t.text("status"),
			Description: []text{t.text("description")}, Likelihood: t.text("likelihood of attack"), Severity: t.text("typical severity"),
			Prerequisites: t.list("prerequisites"), Resources: t.list("resources required"), Indicators: t.list("indicators"),
			Mitigations: t.list("mitigations"), Examples: t.list("example instances"), Weaknesses: t.list("related weaknesses"),
		}
		for _, c := range t.items("alternate terms") {
			p.Terms = append(p.Terms, c.one("TERM"))
		}
		for _, c := range t.items("related attack patterns") {
			p.Related = append(p.Related, related{c.one("NATURE"), c.one("CAPEC ID"), "", ""})
		}
		for _, c := range t.items("execution flow") {
			p.Steps = append(p.Steps, step{c.one("STEP"), c.one("PHASE"), c.one("DESCRIPTION"), c.each("TECHNIQUE")})
		}
		for _, c := range t.items("skills required") {
			p.Skills = append(p.Skills, alternate{c.one("LEVEL"), c.one("SKILL")})
		}
		for _, c := range t.items("consequences") {
			p.Consequences = append(p.Consequences, consequence{c.each("SCOPE"), append(c.each("IMPACT"), c.each("TECHNICAL IMPACT")...), c.each("LIKELIHOOD"), c.one("NOTE")})
		}
		for _, c := range t.items("taxonomy mappings") {
			p.Taxonomies = append(p.Taxonomies, taxonomy{c.one("TAXONOMY NAME"), c.one("ENTRY ID"), c.one("ENTRY NAME"), ""})
		}
		return r.pattern(pub, KindPattern, p)
	})
}
