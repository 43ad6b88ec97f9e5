package feed

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/weakness"
)

// capecMembers are those that CAPEC adds to STIX.
type capecMembers struct {
	CapecVersion   text             `json:"x_capec_version"`
	CapecStatus    text             `json:"x_capec_status"`
	Abstraction    text             `json:"x_capec_abstraction"`
	CapecDomains   texts            `json:"x_capec_domains"`
	Extended       text             `json:"x_capec_extended_description"`
	AlternateTerms texts            `json:"x_capec_alternate_terms"`
	Likelihood     text             `json:"x_capec_likelihood_of_attack"`
	Severity       text             `json:"x_capec_typical_severity"`
	Prerequisites  texts            `json:"x_capec_prerequisites"`
	Skills         map[string]text  `json:"x_capec_skills_required"`
	Resources      texts            `json:"x_capec_resources_required"`
	Consequences   map[string]texts `json:"x_capec_consequences"`
	Flow           text             `json:"x_capec_execution_flow"`
	Examples       texts            `json:"x_capec_example_instances"`
	Indicators     texts            `json:"x_capec_indicators"`
	ChildOf        texts            `json:"x_capec_child_of_refs"`
	ParentOf       texts            `json:"x_capec_parent_of_refs"`
	CanPrecede     texts            `json:"x_capec_can_precede_refs"`
	CanFollow      texts            `json:"x_capec_can_follow_refs"`
	PeerOf         texts            `json:"x_capec_peer_of_refs"`
	CanAlsoBe      texts            `json:"x_capec_can_also_be_refs"`
}

// capec reads one object of CAPEC. Patterns wait for the mitigations, which are
// objects of their own and may come later.
func (s *stixFile) capec(o *stixObject) error {
	if s.pub == nil || s.pub.Key != "capec" {
		s.pub = s.publication("capec")
	}
	s.pub.seen(string(o.CapecVersion)) // an object keeps the version that changed it last
	switch o.Type {
	case "course-of-action":
		text := o.Description.Prose()
		s.advice[string(o.ID)] = text
		return s.hold(len(text) + len(o.ID))
	case "attack-pattern":
	default:
		return nil
	}
	id, url := o.reference("capec")
	if err := checkID(KindPattern, id); err != nil {
		s.fault(err.Error())
		return nil
	}
	e := &Entry{Kind: KindPattern, ID: id, Name: o.Name.Line(), Modified: day(string(o.Modified)), Status: o.status()}
	if strings.EqualFold(string(o.CapecStatus), "deprecated") || strings.EqualFold(string(o.CapecStatus), "obsolete") {
		e.Status = StatusDeprecated
	}
	e.Aliases = o.AlternateTerms.Lines()
	o.capecFacts(e)
	e.field("url", url)
	o.capecProse(e)
	if e.Status == StatusDeprecated {
		e.Successor = onlyOther(e, capecID)
	}
	s.ids[string(o.ID)] = id
	if err := s.wait(s.pub, e, string(o.ID)); err != nil {
		return err
	}
	return s.capecLinks(o, id)
}

func (o *stixObject) capecFacts(e *Entry) {
	e.field("abstraction", o.Abstraction.Line())
	e.field("status", o.CapecStatus.Line())
	e.field("likelihood", o.Likelihood.Line())
	e.field("severity", o.Severity.Line())
	e.fields("domain", o.CapecDomains.Lines())
}

func (o *stixObject) capecProse(e *Entry) {
	e.section("description", o.Description.Prose())
	e.section("extended-description", o.Extended.Prose())
	for _, p := range o.Prerequisites {
		e.section("prerequisite", p.Prose())
	}
	e.section("execution-flow", o.Flow.Prose())
	for _, level := range slices.Sorted(maps.Keys(o.Skills)) {
		e.section("skill", joinNonEmpty(": ", prose.Line(level), o.Skills[level].Prose()))
	}
	for _, r := range o.Resources {
		e.section("resource", r.Prose())
	}
	for _, scope := range slices.Sorted(maps.Keys(o.Consequences)) {
		impacts := strings.Join(o.Consequences[scope].Lines(), ", ")
		e.section("consequence", sentences("Scope: "+strings.ReplaceAll(prose.Line(scope), "_", " "), labelled("Impact", impacts)))
	}
	for _, i := range o.Indicators {
		e.section("indicator", i.Prose())
	}
	for _, x := range o.Examples {
		e.section("example", x.Prose())
	}
}

// capecLinks passes on the relations of a pattern. Parents state what their
// children do, too; the child's word is enough.
func (s *stixFile) capecLinks(o *stixObject, id string) error {
	for _, rel := range []struct {
		kind string
		to   texts
	}{{"child-of", o.ChildOf}, {"can-precede", o.CanPrecede}, {"can-follow", o.CanFollow}, {"peer-of", o.PeerOf}, {"can-also-be", o.CanAlsoBe}} {
		for _, to := range rel.to {
			if err := s.link(link{s.pub, string(o.ID), rel.kind, string(to), ""}); err != nil {
				return err
			}
		}
	}
	for _, ref := range o.References {
		to := ref.ID.Line()
		switch {
		case to == "":
			continue
		case ref.Source == "cwe", ref.Source == "ATTACK", strings.HasPrefix(string(ref.Source), "mitre-attack"):
		default:
			continue
		}
		if err := s.relation(s.pub, id, "maps-to", to, ref.Description.Line()); err != nil {
			return err
		}
	}
	return nil
}

// advise notes which mitigation belongs to which pattern.
func (s *stixFile) advise(kind, from, to string) error {
	if kind != "mitigates" {
		return nil
	}
	s.advised[to] = append(s.advised[to], from)
	return s.hold(len(from) + len(to))
}

var (
	capecID = regexp.MustCompile(`CAPEC-[0-9]{1,6}`)
	cweID   = regexp.MustCompile(`CWE-[0-9]{1,6}`)
)

// onlyOther returns the one other id that a deprecated entry's description
// sends to, or "" if it names none or several.
func onlyOther(e *Entry, id *regexp.Regexp) string {
	other := ""
	for _, s := range e.Sections {
		if s.Name != "description" {
			continue
		}
		for _, m := range id.FindAllString(s.Text, 20) {
			if m == e.ID || m == other {
				continue
			}
			if other != "" {
				return ""
			}
			other = m
		}
	}
	return other
}

// patternEntry is a pattern as CAPEC's XML and CSV have it.
type patternEntry struct{ *weakness.Pattern }

// pattern passes on an entry of CAPEC and its relations.
func (r *reader) pattern(pub *edition, kind string, in *weakness.Pattern) error {
	p := patternEntry{in}
	id := "CAPEC-" + p.ID.Line()
	if checkID(KindPattern, id) != nil {
		r.faultf("%s with the id %.40q, which is no number", kind, string(p.ID))
		return nil
	}
	e := &Entry{Kind: kind, ID: id, Name: p.Name.Line(), Aliases: p.Terms.Lines()}
	if s := strings.ToLower(string(p.Status)); s == "deprecated" || s == "obsolete" {
		e.Status = StatusDeprecated
	}
	for _, c := range p.History {
		e.Modified = max(e.Modified, day(string(c.Submitted)), day(string(c.Modified)))
	}
	e.field("type", p.Type.Line())
	e.field("abstraction", p.Abstraction.Line())
	e.field("status", p.Status.Line())
	e.field("likelihood", p.Likelihood.Line())
	e.field("severity", p.Severity.Line())
	p.sections(e)
	if e.Status == StatusDeprecated {
		e.Successor = onlyOther(e, capecID)
	}
	if taken, err := r.entry(pub, e); !taken {
		return err
	}
	return r.patternRelations(pub, id, p)
}

func (p patternEntry) sections(e *Entry) {
	var description []string
	for _, d := range p.Description {
		description = append(description, d.Plain())
	}
	e.section("description", joinNonEmpty("\n", description...))
	e.section("extended-description", p.Extended.Plain())
	plain := func(name string, list texts) {
		for _, t := range list {
			e.section(name, t.Plain())
		}
	}
	plain("prerequisite", p.Prerequisites)
	e.section("execution-flow", p.flow())
	for _, s := range p.Skills {
		e.section("skill", joinNonEmpty(": ", s.Term.Line(), s.Description.Plain()))
	}
	plain("resource", p.Resources)
	for _, c := range p.Consequences {
		e.section("consequence", sentences(
			labelled("Scope", strings.Join(c.Scope.Lines(), ", ")),
			labelled("Impact", strings.Join(c.Impact.Lines(), ", ")),
			labelled("Likelihood", strings.Join(c.Likelihood.Lines(), ", ")),
			c.Note.Plain()))
	}
	plain("indicator", p.Indicators)
	plain("example", p.Examples)
	plain("mitigation", p.Mitigations)
}

// flow writes the steps of an attack, one a line.
func (p patternEntry) flow() string {
	var lines []string
	for _, s := range p.Steps {
		head := joinNonEmpty(" ", "Step", s.Number.Line())
		if phase := s.Phase.Line(); phase != "" {
			head += " (" + phase + ")"
		}
		lines = append(lines, head+": "+s.Description.Plain())
		for _, t := range s.Techniques {
			if t := t.Plain(); t != "" {
				lines = append(lines, "- "+t)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (r *reader) patternRelations(pub *edition, id string, p patternEntry) error {
	for _, rel := range p.Related {
		kind := hyphens(rel.Nature.Line())
		if kind == "parent-of" {
			continue // the child says so, too
		}
		if err := r.relation(pub, id, kind, "CAPEC-"+rel.ID.Line(), ""); err != nil {
			return err
		}
	}
	for _, w := range p.Weaknesses.Lines() {
		if err := r.relation(pub, id, "maps-to", "CWE-"+w, ""); err != nil {
			return err
		}
	}
	for _, t := range p.Taxonomies {
		if name := t.Taxonomy.Line(); name != "ATTACK" && name != "ATT&CK" {
			continue
		}
		to := "T" + strings.TrimPrefix(t.ID.Line(), "T")
		if !techniqueID.MatchString(to) {
			continue
		}
		if err := r.relation(pub, id, "maps-to", to, prose.Line(string(t.Name))); err != nil {
			return err
		}
	}
	return nil
}
