package feed

import (
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/casemate-ai/casemate/internal/security/feed/weakness"
	"github.com/go-json-experiment/json/jsontext"
)

// weakness reads one entry of CWE in JSON.
func (j *jsonFile) weakness(member string, v jsontext.Value) error {
	j.pub = j.publication("cwe")
	var w weakness.Weakness
	if err := decode(v, &w); err != nil {
		j.fault(err.Error())
		return nil
	}
	kind := KindCategory
	if member == "Weaknesses" {
		kind = KindWeakness
	}
	return j.cwe(j.pub, kind, &w)
}

// weaknessEntry is an entry of CWE, in whichever of its formats.
type weaknessEntry struct{ *weakness.Weakness }

// cwe passes on an entry of CWE and its relations.
func (r *reader) cwe(pub *edition, kind string, in *weakness.Weakness) error {
	w := weaknessEntry{in}
	id := "CWE-" + w.ID.Line()
	if checkID(KindWeakness, id) != nil {
		r.faultf("%s with the id %.40q, which is no number", kind, string(w.ID))
		return nil
	}
	e := &Entry{Kind: kind, ID: id, Name: w.Name.Line()}
	if strings.EqualFold(string(w.Status), "deprecated") || strings.EqualFold(string(w.Status), "obsolete") {
		e.Status = StatusDeprecated
	}
	for _, a := range w.Alternates {
		if t := a.Term.Line(); t != "" {
			e.Aliases = append(e.Aliases, t)
		}
	}
	w.changes(pub, e)
	w.facts(e)
	w.sections(e)
	if e.Status == StatusDeprecated {
		e.Successor = onlyOther(e, cweID)
	}
	if taken, err := r.entry(pub, e); !taken {
		return err
	}
	return r.cweRelations(pub, w, id)
}

// changes takes the date of an entry and the newest version of the catalogue
// that any entry names.
func (w weaknessEntry) changes(pub *edition, e *Entry) {
	for _, c := range w.History {
		e.Modified = max(e.Modified, day(string(c.Submitted)), day(string(c.Modified)))
		pub.seen(string(c.First))
		pub.seen(string(c.Version))
	}
}

const researchView = "1000" // the view that all weaknesses are in

func (w weaknessEntry) facts(e *Entry) {
	e.field("type", w.Type.Line())
	e.field("abstraction", w.Abstraction.Line())
	e.field("structure", w.Structure.Line())
	e.field("status", w.Status.Line())
	e.field("likelihood", w.Likelihood.Line())
	for _, o := range w.Ordinalities {
		e.field("ordinality", joinNonEmpty(": ", o.Ordinality.Line(), o.Description.Line()))
	}
	for _, p := range w.Platforms {
		what := strings.ReplaceAll(joinNonEmpty(": ", p.Type.Line(), joinNonEmpty(", ", p.Name.Line(), p.Class.Line())), "_", " ")
		if often := p.Prevalence.Line(); often != "" && often != "Undetermined" {
			what += " (" + often + ")"
		}
		e.field("platform", what)
	}
	e.fields("functional-area", w.Areas.Lines())
	e.fields("affected-resource", w.Resources.Lines())
	e.field("mapping-usage", w.Mapping.Usage.Line())
	for _, t := range w.Taxonomies {
		e.field("taxonomy", joinNonEmpty(": ", t.Taxonomy.Line(), joinNonEmpty(" ", t.ID.Line(), t.Name.Line())))
	}
	for _, r := range w.Related {
		id := "CWE-" + r.ID.Line()
		if r.Nature != "ChildOf" || checkID(KindWeakness, id) != nil {
			continue
		}
		if e.Parent == "" || r.View == researchView && r.Ordinal == "Primary" {
			e.Parent = id
		}
		e.field("parent", id+" (view "+r.View.Line()+")")
	}
}

// clean cleans a text of the entry.
func (w weaknessEntry) clean(t text) string {
	if w.XHTML {
		return t.Plain()
	}
	return t.Prose()
}

func (w weaknessEntry) sections(e *Entry) {
	e.section("description", joinNonEmpty("\n", w.clean(w.Description), w.clean(w.Summary), w.clean(w.Objective)))
	e.section("extended-description", w.clean(w.Extended))
	for _, a := range w.Alternates {
		e.section("alternate-term", joinNonEmpty(": ", a.Term.Line(), w.clean(a.Description)))
	}
	for _, b := range w.Background {
		e.section("background", w.clean(b))
	}
	for _, m := range w.Introduction {
		e.section("mode-of-introduction", joinNonEmpty(": ", m.Phase.Line(), w.clean(m.Note)))
	}
	for _, c := range w.Consequences {
		e.section("consequence", sentences(
			labelled("Scope", strings.Join(c.Scope.Lines(), ", ")),
			labelled("Impact", strings.Join(c.Impact.Lines(), ", ")),
			labelled("Likelihood", strings.Join(c.Likelihood.Lines(), ", ")),
			w.clean(c.Note)))
	}
	for _, d := range w.Detection {
		e.section("detection", joinNonEmpty(": ", d.Method.Line(), sentences(w.clean(d.Description), labelled("Effectiveness", d.Effectiveness.Line()), w.clean(d.Notes))))
	}
	for _, m := range w.Mitigations {
		e.section("mitigation", sentences(
			labelled("Phase", strings.Join(m.Phase.Lines(), ", ")),
			labelled("Strategy", m.Strategy.Line()),
			w.clean(m.Description),
			labelled("Effectiveness", m.Effectiveness.Line()),
			w.clean(m.Notes)))
	}
	w.cases(e)
}

// cases adds the examples and the notes.
func (w weaknessEntry) cases(e *Entry) {
	for _, d := range w.Examples {
		var parts []string
		for _, p := range d.Entries {
			code := prose.Code(string(p.Code))
			if w.XHTML {
				code = prose.Markup(string(p.Code))
			}
			if kind := joinNonEmpty(", ", p.Nature.Line(), p.Language.Line()); code != "" && kind != "" {
				code = "(" + kind + ")\n" + code
			}
			parts = append(parts, w.clean(p.Intro), code, w.clean(p.Body))
		}
		e.section("example", joinNonEmpty("\n", parts...))
	}
	for _, o := range w.Observed {
		e.section("observed-example", joinNonEmpty(": ", o.Reference.Line(), w.clean(o.Description)))
	}
	for _, n := range w.Notes {
		e.section("note", joinNonEmpty(": ", n.Type.Line(), w.clean(n.Note)))
	}
	e.section("mapping-note", sentences(labelled("Usage", w.Mapping.Usage.Line()), w.clean(w.Mapping.Rationale), w.clean(w.Mapping.Comments)))
	for _, s := range w.Mapping.Suggestions {
		e.section("mapping-suggestion", joinNonEmpty(": ", "CWE-"+s.ID.Line(), w.clean(s.Comment)))
	}
}

// cweRelations passes on the relations of an entry. One nature between two
// entries is one relation, however many views state it.
func (r *reader) cweRelations(pub *edition, w weaknessEntry, id string) error {
	type edge struct{ kind, to string }
	views := map[edge][]string{}
	var order []edge
	for _, rel := range append(append(w.Related, w.Members...), w.Relationships...) {
		e := edge{hyphens(rel.Nature.Line()), "CWE-" + rel.ID.Line()}
		if e.kind == "" {
			e.kind = "has-member"
		}
		if _, known := views[e]; !known {
			order = append(order, e)
		}
		if view := rel.View.Line(); view != "" {
			view = "view " + view
			if o := rel.Ordinal.Line(); o != "" {
				view += " (" + strings.ToLower(o) + ")"
			}
			views[e] = append(views[e], view)
		}
	}
	for _, e := range order {
		if err := r.relation(pub, id, e.kind, e.to, strings.Join(views[e], "; ")); err != nil {
			return err
		}
	}
	for _, p := range w.Patterns.Lines() {
		if err := r.relation(pub, "CAPEC-"+p, "maps-to", id, ""); err != nil {
			return err
		}
	}
	return nil
}

// hyphens turns ChildOf and Has_Member into child-of and has-member.
func hyphens(s string) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		switch {
		case c == '_' || c == ' ':
			c = '-'
		case c >= 'A' && c <= 'Z':
			if i > 0 && s[i-1] != '_' && s[i-1] != ' ' {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// weaknessTaker takes the entries of CWE's and CAPEC's XML and CSV.
type weaknessTaker struct {
	*reader
	pub *edition
}

// official reads a file of CWE's or CAPEC's official XML or CSV.
func (r *reader) official(f *unpack.File, read func(io.Reader, weakness.Taker) error) error {
	err := read(f, &weaknessTaker{reader: r})
	if err == nil || r.stopped() {
		return err
	}
	return r.broken(err)
}

// Catalogue implements weakness.Taker.
func (t *weaknessTaker) Catalogue(patterns bool, version, date string) {
	key := "cwe"
	if patterns {
		key = "capec"
	}
	t.pub = t.publication(key)
	t.pub.version(version)
	t.pub.released(date)
}

// At implements weakness.Taker.
func (t *weaknessTaker) At(record, line int, offset int64) {
	t.at.Record, t.at.Line, t.pos = uint64(record), line, offset
}

// Weakness implements weakness.Taker.
func (t *weaknessTaker) Weakness(category bool, w *weakness.Weakness) error {
	if category {
		return t.cwe(t.pub, KindCategory, w)
	}
	return t.cwe(t.pub, KindWeakness, w)
}

// Pattern implements weakness.Taker.
func (t *weaknessTaker) Pattern(category bool, p *weakness.Pattern) error {
	if category {
		return t.pattern(t.pub, KindCategory, p)
	}
	return t.pattern(t.pub, KindPattern, p)
}

// Fault implements weakness.Taker.
func (t *weaknessTaker) Fault(reason string) { t.fault(reason) }
