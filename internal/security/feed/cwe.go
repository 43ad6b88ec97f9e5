package feed

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/go-json-experiment/json/jsontext"
)

// weakness is an entry of CWE as its JSON has it. The readers of XML and CSV
// make the same of theirs.
type weakness struct {
	ID            text             `json:"ID"`
	Name          text             `json:"Name"`
	Type          text             `json:"Type"` // of a view
	Abstraction   text             `json:"Abstraction"`
	Structure     text             `json:"Structure"`
	Status        text             `json:"Status"`
	Likelihood    text             `json:"LikelihoodOfExploit"`
	Description   text             `json:"Description"`
	Summary       text             `json:"Summary"`   // of a category
	Objective     text             `json:"Objective"` // of a view
	Extended      text             `json:"ExtendedDescription"`
	Related       []related        `json:"RelatedWeaknesses"`
	Members       []related        `json:"Members"`       // of a view
	Relationships []related        `json:"Relationships"` // of a category
	Ordinalities  []ordinality     `json:"WeaknessOrdinalities"`
	Platforms     []platform       `json:"ApplicablePlatforms"`
	Background    texts            `json:"BackgroundDetails"`
	Alternates    []alternate      `json:"AlternateTerms"`
	Introduction  []introduction   `json:"ModesOfIntroduction"`
	Consequences  []consequence    `json:"CommonConsequences"`
	Detection     []detectionRow   `json:"DetectionMethods"`
	Mitigations   []mitigation     `json:"PotentialMitigations"`
	Examples      []demonstration  `json:"DemonstrativeExamples"`
	Observed      []observed       `json:"ObservedExamples"`
	Areas         texts            `json:"FunctionalAreas"`
	Resources     texts            `json:"AffectedResources"`
	Patterns      texts            `json:"RelatedAttackPatterns"`
	Notes         []note           `json:"Notes"`
	Mapping       mappingNotes     `json:"MappingNotes"`
	Taxonomies    []taxonomy       `json:"TaxonomyMappings"`
	History       []weaknessChange `json:"ContentHistory"`

	xml bool // texts are XHTML
}

type related struct {
	Nature  text `json:"Nature"`
	ID      text `json:"CweID"`
	View    text `json:"ViewID"`
	Ordinal text `json:"Ordinal"`
}

type ordinality struct {
	Ordinality  text `json:"Ordinality"`
	Description text `json:"Description"`
}

type platform struct {
	Type       text `json:"Type"`
	Name       text `json:"Name"`
	Class      text `json:"Class"`
	Prevalence text `json:"Prevalence"`
}

type alternate struct {
	Term        text `json:"Term"`
	Description text `json:"Description"`
}

type introduction struct {
	Phase text `json:"Phase"`
	Note  text `json:"Note"`
}

type consequence struct {
	Scope      texts `json:"Scope"`
	Impact     texts `json:"Impact"`
	Likelihood texts `json:"Likelihood"`
	Note       text  `json:"Note"`
}

type detectionRow struct {
	Method        text `json:"Method"`
	Description   text `json:"Description"`
	Effectiveness text `json:"Effectiveness"`
	Notes         text `json:"EffectivenessNotes"`
}

type mitigation struct {
	Phase         texts `json:"Phase"`
	Strategy      text  `json:"Strategy"`
	Description   text  `json:"Description"`
	Effectiveness text  `json:"Effectiveness"`
	Notes         text  `json:"EffectivenessNotes"`
}

type demonstration struct {
	Entries []demonstrationPart `json:"Entries"`
}

type demonstrationPart struct {
	Intro    text `json:"IntroText"`
	Body     text `json:"BodyText"`
	Code     text `json:"ExampleCode"`
	Nature   text `json:"Nature"`
	Language text `json:"Language"`
}

type observed struct {
	Reference   text `json:"Reference"`
	Description text `json:"Description"`
}

type note struct {
	Type text `json:"Type"`
	Note text `json:"Note"`
}

type mappingNotes struct {
	Usage       text         `json:"Usage"`
	Rationale   text         `json:"Rationale"`
	Comments    text         `json:"Comments"`
	Suggestions []suggestion `json:"Suggestions"`
}

type suggestion struct {
	ID      text `json:"CweID"`
	Comment text `json:"Comment"`
}

type taxonomy struct {
	Taxonomy text `json:"TaxonomyName"`
	ID       text `json:"EntryID"`
	Name     text `json:"EntryName"`
	Fit      text `json:"MappingFit"`
}

type weaknessChange struct {
	Submitted text `json:"SubmissionDate"`
	First     text `json:"SubmissionVersion"`
	Modified  text `json:"ModificationDate"`
	Version   text `json:"ModificationVersion"`
}

// weakness reads one entry of CWE in JSON.
func (j *jsonFile) weakness(member string, v jsontext.Value) error {
	j.pub = j.publication("cwe")
	var w weakness
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

// cwe passes on an entry of CWE and its relations.
func (r *reader) cwe(pub *edition, kind string, w *weakness) error {
	id := "CWE-" + w.ID.line()
	if checkID(KindWeakness, id) != nil {
		r.faultf("%s with the id %.40q, which is no number", kind, string(w.ID))
		return nil
	}
	e := &Entry{Kind: kind, ID: id, Name: w.Name.line()}
	if strings.EqualFold(string(w.Status), "deprecated") || strings.EqualFold(string(w.Status), "obsolete") {
		e.Status = StatusDeprecated
	}
	for _, a := range w.Alternates {
		if t := a.Term.line(); t != "" {
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
func (w *weakness) changes(pub *edition, e *Entry) {
	for _, c := range w.History {
		e.Modified = max(e.Modified, day(string(c.Submitted)), day(string(c.Modified)))
		pub.seen(string(c.First))
		pub.seen(string(c.Version))
	}
}

const researchView = "1000" // the view that all weaknesses are in

func (w *weakness) facts(e *Entry) {
	e.field("type", w.Type.line())
	e.field("abstraction", w.Abstraction.line())
	e.field("structure", w.Structure.line())
	e.field("status", w.Status.line())
	e.field("likelihood", w.Likelihood.line())
	for _, o := range w.Ordinalities {
		e.field("ordinality", joinNonEmpty(": ", o.Ordinality.line(), o.Description.line()))
	}
	for _, p := range w.Platforms {
		what := strings.ReplaceAll(joinNonEmpty(": ", p.Type.line(), joinNonEmpty(", ", p.Name.line(), p.Class.line())), "_", " ")
		if often := p.Prevalence.line(); often != "" && often != "Undetermined" {
			what += " (" + often + ")"
		}
		e.field("platform", what)
	}
	e.fields("functional-area", w.Areas.lines())
	e.fields("affected-resource", w.Resources.lines())
	e.field("mapping-usage", w.Mapping.Usage.line())
	for _, t := range w.Taxonomies {
		e.field("taxonomy", joinNonEmpty(": ", t.Taxonomy.line(), joinNonEmpty(" ", t.ID.line(), t.Name.line())))
	}
	for _, r := range w.Related {
		id := "CWE-" + r.ID.line()
		if r.Nature != "ChildOf" || checkID(KindWeakness, id) != nil {
			continue
		}
		if e.Parent == "" || r.View == researchView && r.Ordinal == "Primary" {
			e.Parent = id
		}
		e.field("parent", id+" (view "+r.View.line()+")")
	}
}

// clean cleans a text of the entry.
func (w *weakness) clean(t text) string {
	if w.xml {
		return t.plain()
	}
	return t.prose()
}

func (w *weakness) sections(e *Entry) {
	e.section("description", joinNonEmpty("\n", w.clean(w.Description), w.clean(w.Summary), w.clean(w.Objective)))
	e.section("extended-description", w.clean(w.Extended))
	for _, a := range w.Alternates {
		e.section("alternate-term", joinNonEmpty(": ", a.Term.line(), w.clean(a.Description)))
	}
	for _, b := range w.Background {
		e.section("background", w.clean(b))
	}
	for _, m := range w.Introduction {
		e.section("mode-of-introduction", joinNonEmpty(": ", m.Phase.line(), w.clean(m.Note)))
	}
	for _, c := range w.Consequences {
		e.section("consequence", sentences(
			labelled("Scope", strings.Join(c.Scope.lines(), ", ")),
			labelled("Impact", strings.Join(c.Impact.lines(), ", ")),
			labelled("Likelihood", strings.Join(c.Likelihood.lines(), ", ")),
			w.clean(c.Note)))
	}
	for _, d := range w.Detection {
		e.section("detection", joinNonEmpty(": ", d.Method.line(), sentences(w.clean(d.Description), labelled("Effectiveness", d.Effectiveness.line()), w.clean(d.Notes))))
	}
	for _, m := range w.Mitigations {
		e.section("mitigation", sentences(
			labelled("Phase", strings.Join(m.Phase.lines(), ", ")),
			labelled("Strategy", m.Strategy.line()),
			w.clean(m.Description),
			labelled("Effectiveness", m.Effectiveness.line()),
			w.clean(m.Notes)))
	}
	w.cases(e)
}

// cases adds the examples and the notes.
func (w *weakness) cases(e *Entry) {
	for _, d := range w.Examples {
		var parts []string
		for _, p := range d.Entries {
			code := prose.Code(string(p.Code))
			if w.xml {
				code = prose.Markup(string(p.Code))
			}
			if kind := joinNonEmpty(", ", p.Nature.line(), p.Language.line()); code != "" && kind != "" {
				code = "(" + kind + ")\n" + code
			}
			parts = append(parts, w.clean(p.Intro), code, w.clean(p.Body))
		}
		e.section("example", joinNonEmpty("\n", parts...))
	}
	for _, o := range w.Observed {
		e.section("observed-example", joinNonEmpty(": ", o.Reference.line(), w.clean(o.Description)))
	}
	for _, n := range w.Notes {
		e.section("note", joinNonEmpty(": ", n.Type.line(), w.clean(n.Note)))
	}
	e.section("mapping-note", sentences(labelled("Usage", w.Mapping.Usage.line()), w.clean(w.Mapping.Rationale), w.clean(w.Mapping.Comments)))
	for _, s := range w.Mapping.Suggestions {
		e.section("mapping-suggestion", joinNonEmpty(": ", "CWE-"+s.ID.line(), w.clean(s.Comment)))
	}
}

// cweRelations passes on the relations of an entry. One nature between two
// entries is one relation, however many views state it.
func (r *reader) cweRelations(pub *edition, w *weakness, id string) error {
	type edge struct{ kind, to string }
	views := map[edge][]string{}
	var order []edge
	for _, rel := range append(append(w.Related, w.Members...), w.Relationships...) {
		e := edge{hyphens(rel.Nature.line()), "CWE-" + rel.ID.line()}
		if e.kind == "" {
			e.kind = "has-member"
		}
		if _, known := views[e]; !known {
			order = append(order, e)
		}
		if view := rel.View.line(); view != "" {
			view = "view " + view
			if o := rel.Ordinal.line(); o != "" {
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
	for _, p := range w.Patterns.lines() {
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
