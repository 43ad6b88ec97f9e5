package feed

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
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
		text := o.Description.prose()
		s.advice[string(o.ID)] = text
		return s.hold(len(text) + len(o.ID))
	case "attack-pattern":
	default:
		return nil
	}
	id, url := o.reference("capec")
	e := &Entry{Kind: KindPattern, ID: id, Name: o.Name.line(), Modified: day(string(o.Modified)), Status: o.status()}
	if strings.EqualFold(string(o.CapecStatus), "deprecated") || strings.EqualFold(string(o.CapecStatus), "obsolete") {
		e.Status = StatusDeprecated
	}
	e.Aliases = o.AlternateTerms.lines()
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
	e.field("abstraction", o.Abstraction.line())
	e.field("status", o.CapecStatus.line())
	e.field("likelihood", o.Likelihood.line())
	e.field("severity", o.Severity.line())
	e.fields("domain", o.CapecDomains.lines())
}

func (o *stixObject) capecProse(e *Entry) {
	e.section("description", o.Description.prose())
	e.section("extended-description", o.Extended.prose())
	for _, p := range o.Prerequisites {
		e.section("prerequisite", p.prose())
	}
	e.section("execution-flow", o.Flow.prose())
	for _, level := range slices.Sorted(maps.Keys(o.Skills)) {
		e.section("skill", joinNonEmpty(": ", prose.Line(level), o.Skills[level].prose()))
	}
	for _, r := range o.Resources {
		e.section("resource", r.prose())
	}
	for _, scope := range slices.Sorted(maps.Keys(o.Consequences)) {
		impacts := strings.Join(o.Consequences[scope].lines(), ", ")
		e.section("consequence", sentences("Scope: "+strings.ReplaceAll(prose.Line(scope), "_", " "), labelled("Impact", impacts)))
	}
	for _, i := range o.Indicators {
		e.section("indicator", i.prose())
	}
	for _, x := range o.Examples {
		e.section("example", x.prose())
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
		to := ref.ID.line()
		switch {
		case to == "" || checkID(KindPattern, id) != nil:
			continue
		case ref.Source == "cwe", ref.Source == "ATTACK", strings.HasPrefix(string(ref.Source), "mitre-attack"):
		default:
			continue
		}
		if err := s.relation(s.pub, id, "maps-to", to, ref.Description.line()); err != nil {
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
