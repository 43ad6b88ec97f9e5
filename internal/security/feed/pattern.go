package feed

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
)

// pattern is an entry of CAPEC as its XML and its CSV have it. Texts are XHTML.
type pattern struct {
	ID, Name, Type, Abstraction, Status text
	Description                         []text
	Extended, Likelihood, Severity      text
	Terms, Prerequisites, Resources     texts
	Indicators, Mitigations, Examples   texts
	Weaknesses                          texts
	Related                             []related
	Steps                               []step
	Skills                              []alternate // Term is the level
	Consequences                        []consequence
	Taxonomies                          []taxonomy
	Modified                            string
}

type step struct {
	Number, Phase, Description text
	Techniques                 texts
}

// pattern passes on an entry of CAPEC and its relations.
func (r *reader) pattern(pub *edition, kind string, p *pattern) error {
	id := "CAPEC-" + p.ID.line()
	if checkID(KindPattern, id) != nil {
		r.faultf("%s with the id %.40q, which is no number", kind, string(p.ID))
		return nil
	}
	e := &Entry{Kind: kind, ID: id, Name: p.Name.line(), Modified: p.Modified, Aliases: p.Terms.lines()}
	if s := strings.ToLower(string(p.Status)); s == "deprecated" || s == "obsolete" {
		e.Status = StatusDeprecated
	}
	e.field("type", p.Type.line())
	e.field("abstraction", p.Abstraction.line())
	e.field("status", p.Status.line())
	e.field("likelihood", p.Likelihood.line())
	e.field("severity", p.Severity.line())
	p.sections(e)
	if e.Status == StatusDeprecated {
		e.Successor = onlyOther(e, capecID)
	}
	if taken, err := r.entry(pub, e); !taken {
		return err
	}
	return r.patternRelations(pub, id, p)
}

func (p *pattern) sections(e *Entry) {
	var description []string
	for _, d := range p.Description {
		description = append(description, d.plain())
	}
	e.section("description", joinNonEmpty("\n", description...))
	e.section("extended-description", p.Extended.plain())
	plain := func(name string, list texts) {
		for _, t := range list {
			e.section(name, t.plain())
		}
	}
	plain("prerequisite", p.Prerequisites)
	e.section("execution-flow", p.flow())
	for _, s := range p.Skills {
		e.section("skill", joinNonEmpty(": ", s.Term.line(), s.Description.plain()))
	}
	plain("resource", p.Resources)
	for _, c := range p.Consequences {
		e.section("consequence", sentences(
			labelled("Scope", strings.Join(c.Scope.lines(), ", ")),
			labelled("Impact", strings.Join(c.Impact.lines(), ", ")),
			labelled("Likelihood", strings.Join(c.Likelihood.lines(), ", ")),
			c.Note.plain()))
	}
	plain("indicator", p.Indicators)
	plain("example", p.Examples)
	plain("mitigation", p.Mitigations)
}

// flow writes the steps of an attack, one a line.
func (p *pattern) flow() string {
	var lines []string
	for _, s := range p.Steps {
		head := joinNonEmpty(" ", "Step", s.Number.line())
		if phase := s.Phase.line(); phase != "" {
			head += " (" + phase + ")"
		}
		lines = append(lines, head+": "+s.Description.plain())
		for _, t := range s.Techniques {
			if t := t.plain(); t != "" {
				lines = append(lines, "- "+t)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (r *reader) patternRelations(pub *edition, id string, p *pattern) error {
	for _, rel := range p.Related {
		kind := hyphens(rel.Nature.line())
		if kind == "parent-of" {
			continue // the child says so, too
		}
		if err := r.relation(pub, id, kind, "CAPEC-"+rel.ID.line(), ""); err != nil {
			return err
		}
	}
	for _, w := range p.Weaknesses.lines() {
		if err := r.relation(pub, id, "maps-to", "CWE-"+w, ""); err != nil {
			return err
		}
	}
	for _, t := range p.Taxonomies {
		if name := t.Taxonomy.line(); name != "ATTACK" && name != "ATT&CK" {
			continue
		}
		to := "T" + strings.TrimPrefix(t.ID.line(), "T")
		if !techniqueID.MatchString(to) {
			continue
		}
		if err := r.relation(pub, id, "maps-to", to, prose.Line(string(t.Name))); err != nil {
			return err
		}
	}
	return nil
}
