package explain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// idForm is what the ids of the catalogues look like.
var idForm = regexp.MustCompile(`(?i)^(?:(CVE-\d{4}-\d{4,10})|(T\d{4}(?:\.\d{3})?)|(TA\d{4})|(CWE-\d{1,5})|(D3-[A-Z0-9]{2,8})|(G\d{4})|(S\d{4})|(M\d{4})|(DC\d{4}))$`)

func (s *session) isID(text string) (string, bool) {
	if len(text) > 32 || !idForm.MatchString(text) {
		return "", false
	}
	return "its form", true
}

func (s *session) tellID(text string, e *Explanation) {
	id := strings.ToUpper(text)
	e.Risk.Level = RiskLookup
	tell := []func(string, *Explanation) bool{s.cve, s.technique, s.tactic, s.weakness, s.defence, s.group, s.software, s.mitigation, s.component}
	m := idForm.FindStringSubmatch(id)
	for i, f := range tell {
		if m[i+1] == "" {
			continue
		}
		if !f(id, e) {
			e.Summary = id + " is not in the built-in catalogue: it may be misspelt, or newer than the catalogue."
			e.Notes = append(e.Notes, "data sets: "+s.datasets())
		}
		return
	}
}

// datasets names the data behind the catalogue.
func (s *session) datasets() string {
	var out []string
	for _, d := range s.opt.Catalogue.Versions() {
		out = append(out, strings.TrimSpace(d.Name+" "+d.Version))
	}
	return strings.Join(out, ", ")
}

func (e *Explanation) add(name, value string) { e.addNote(name, value, "") }

func (e *Explanation) addNote(name, value, note string) {
	if value != "" && len(e.Facts) < maxFacts {
		e.Facts = append(e.Facts, Fact{Name: phrase.Short(name, 60), Value: phrase.Short(value, maxFact), Note: note})
	}
}

func (s *session) cve(id string, e *Explanation) bool {
	e.Kind = "vulnerability (CVE)"
	k, ok := s.opt.Catalogue.KEV(id)
	if !ok {
		e.Summary = id + " is not on CISA's list of exploited vulnerabilities, as far as this catalogue goes."
		e.Notes = append(e.Notes, "the built-in facts hold the exploited vulnerabilities only: for a description, a score or a weakness of "+id+" import a knowledge base")
		for _, d := range s.opt.Catalogue.Versions() {
			if d.Key == "kev" {
				e.add("List as of", d.Date)
			}
		}
		return true
	}
	e.Risk = Risk{Level: RiskSome, Reasons: []string{"attackers are known to use this vulnerability"}}
	ransom := "not recorded"
	if k.Ransomware {
		ransom = "known"
		e.Risk.Reasons = append(e.Risk.Reasons, "it is known to be used in ransomware campaigns")
	}
	e.add("Product", k.Vendor+" "+k.Product)
	e.addNote("Known exploited since", k.Added.Format("2006-01-02"), "the day CISA listed it")
	e.addNote("To be fixed by", k.Due.Format("2006-01-02"), "the day that binds US federal agencies")
	e.add("Ransomware campaigns", ransom)
	e.Summary = fmt.Sprintf("%s in %s %s is known to be exploited; CISA listed it on %s.", id, k.Vendor, k.Product, k.Added.Format("2006-01-02"))
	e.Notes = append(e.Notes, "the built-in facts hold no description, score or weakness of "+id+": import a knowledge base for them")
	e.Next = append(e.Next,
		check("find every machine with "+k.Vendor+" "+k.Product+" and its version", "the vulnerability is exploited"),
		check("fix or isolate those that anyone outside can reach first", "the vulnerability is exploited"),
		check("look through logs from before the fix for signs of use", "a fix does not remove who is in already"))
	return true
}

func check(text, reason string) casemate.NextStep {
	return casemate.NextStep{Text: text, Kind: "check", Reason: reason}
}

func (s *session) technique(id string, e *Explanation) bool {
	e.Kind = "ATT&CK technique"
	cat := s.opt.Catalogue
	asked, ok := cat.Technique(id)
	if !ok {
		return false
	}
	t, note, ok := cat.Resolve(id)
	if !ok {
		t = asked
	}
	if note != "" {
		e.Notes = append(e.Notes, note)
	}
	e.Summary = fmt.Sprintf("%s is %s", t.ID, t.Name)
	if t.Parent != "" {
		if p, ok := cat.Technique(t.Parent); ok {
			e.add("Part of", p.ID+" "+p.Name)
			e.Summary += ", a kind of " + p.Name
		}
	}
	e.Summary += ": " + s.tacticNames(t.Tactics) + "."
	e.add("Tactics", s.tacticNames(t.Tactics))
	e.add("Platforms", strings.Join(t.Platforms, ", "))
	e.add("Domain", string(t.Domain))
	e.add("Status", t.Status.String())
	var subs []string
	for _, o := range cat.Techniques() {
		if o.Parent == t.ID && o.Status == knowledge.Current {
			subs = append(subs, o.ID+" "+o.Name)
		}
	}
	e.add("Kinds of it", strings.Join(subs, "; "))
	e.Techniques = append(e.Techniques, casemate.Technique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: "question"})
	s.detection(t.ID, e)
	return true
}

// detection lists what shows, stops and counters a technique.
func (s *session) detection(id string, e *Explanation) {
	cat := s.opt.Catalogue
	for _, c := range first(cat.DataComponents(id), 5) {
		var logs []string
		for _, l := range first(c.Sources, 3) {
			logs = append(logs, l.String())
		}
		e.addNote("Shows in", c.ID+" "+c.Name, strings.Join(logs, "; "))
	}
	for _, m := range first(cat.Mitigations(id), 5) {
		e.add("Mitigation", m.ID+" "+m.Name)
	}
	for _, d := range first(cat.Countermeasures(id, 5), 5) {
		e.addNote("Countermeasure", d.ID+" "+d.Name, strings.TrimSpace(d.Relation+" "+d.Artifact))
	}
	e.Next = append(e.Next, cat.NextSteps([]string{id}, maxSteps)...)
}

func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// tacticNames writes tactics as their names.
func (s *session) tacticNames(short []string) string {
	var out []string
	for _, t := range short {
		if k, ok := s.opt.Catalogue.Tactic(t); ok {
			t = k.Name
		}
		out = append(out, t)
	}
	return strings.Join(out, ", ")
}

func (s *session) tactic(id string, e *Explanation) bool {
	e.Kind = "ATT&CK tactic"
	t, ok := s.opt.Catalogue.Tactic(id)
	if !ok {
		return false
	}
	var names []string
	for _, o := range s.opt.Catalogue.Techniques() {
		if o.Domain == t.Domain && o.Parent == "" && o.Status == knowledge.Current && slices.Contains(o.Tactics, t.Short) {
			names = append(names, o.ID+" "+o.Name)
		}
	}
	e.Summary = fmt.Sprintf("%s is the tactic %s of ATT&CK for %s, with %d techniques.", t.ID, t.Name, t.Domain, len(names))
	e.add("Place in the kill chain", fmt.Sprint(t.Order))
	e.add("Techniques", strings.Join(names, "; "))
	return true
}

func (s *session) weakness(id string, e *Explanation) bool {
	e.Kind = "weakness (CWE)"
	w, ok := s.opt.Catalogue.Weakness(id)
	if !ok {
		return false
	}
	e.Summary = fmt.Sprintf("%s is %s.", w.ID, w.Name)
	e.add("Abstraction", w.Abstraction)
	e.add("Status", w.Status)
	e.addNote("Use for mapping", w.Usage, "whether a vulnerability should be mapped to it")
	for _, p := range w.Parents {
		if o, ok := s.opt.Catalogue.Weakness(p); ok {
			e.add("Kind of", o.ID+" "+o.Name)
		}
	}
	return true
}

func (s *session) defence(id string, e *Explanation) bool {
	e.Kind = "D3FEND countermeasure"
	d, ok := s.opt.Catalogue.Defence(id)
	if !ok {
		return false
	}
	e.Summary = fmt.Sprintf("%s is %s, a countermeasure to %s.", d.ID, d.Name, strings.ToLower(d.Tactic))
	e.add("Tactic", d.Tactic)
	return true
}

func (s *session) group(id string, e *Explanation) bool {
	e.Kind = "ATT&CK group"
	g, ok := s.opt.Catalogue.Group(id)
	if !ok {
		return false
	}
	e.Summary = fmt.Sprintf("%s is the group %s; ATT&CK has seen %d techniques of it.", g.ID, g.Name, len(g.Techniques))
	e.add("Also known as", strings.Join(g.Aliases, ", "))
	e.add("Status", g.Status.String())
	e.add("Replaced by", g.Successor)
	for _, t := range first(g.Techniques, 24) {
		if k, ok := s.opt.Catalogue.Technique(t); ok {
			e.Techniques = append(e.Techniques, casemate.Technique{ID: k.ID, Name: k.Name, Tactics: k.Tactics, Source: "catalogue"})
		}
	}
	if n := len(g.Techniques); n > 24 {
		e.Notes = append(e.Notes, fmt.Sprintf("24 of its %d techniques are listed", n))
	}
	e.Notes = append(e.Notes, "that a technique fits a group says nothing about who did something")
	return true
}

func (s *session) software(id string, e *Explanation) bool {
	e.Kind = "ATT&CK software"
	w, ok := s.opt.Catalogue.Software(id)
	if !ok {
		return false
	}
	sort := "malware"
	if w.Tool {
		sort = "a tool that also has honest uses"
	}
	e.Summary = fmt.Sprintf("%s is %s, %s.", w.ID, w.Name, sort)
	e.add("Also known as", strings.Join(w.Aliases, ", "))
	e.add("Status", w.Status.String())
	e.add("Replaced by", w.Successor)
	return true
}

// against lists the techniques for which has is true. What ATT&CK says of a
// mitigation or data component is only reachable through its techniques.
func (s *session) against(has func(id string) bool) []string {
	var out []string
	for _, t := range s.opt.Catalogue.Techniques() {
		if t.Status == knowledge.Current && t.Parent == "" && has(t.ID) {
			out = append(out, t.ID+" "+t.Name)
		}
	}
	return out
}

func (s *session) mitigation(id string, e *Explanation) bool {
	e.Kind = "ATT&CK mitigation"
	name := ""
	list := s.against(func(t string) bool {
		return slices.ContainsFunc(s.opt.Catalogue.Mitigations(t), func(m knowledge.Mitigation) bool {
			if m.ID == id {
				name = m.Name
			}
			return m.ID == id
		})
	})
	e.Summary = fmt.Sprintf("%s is the mitigation %s, which ATT&CK recommends against %d techniques.", id, name, len(list))
	e.add("Against", strings.Join(first(list, 12), "; "))
	return name != ""
}

func (s *session) component(id string, e *Explanation) bool {
	e.Kind = "ATT&CK data component"
	var c knowledge.DataComponent
	list := s.against(func(t string) bool {
		return slices.ContainsFunc(s.opt.Catalogue.DataComponents(t), func(d knowledge.DataComponent) bool {
			if d.ID == id {
				c = d
			}
			return d.ID == id
		})
	})
	e.Summary = fmt.Sprintf("%s is the data component %s, which shows %d techniques.", id, c.Name, len(list))
	e.add("Platforms", strings.Join(c.Platforms, ", "))
	for _, l := range first(c.Sources, 8) {
		e.add("Log", l.String())
	}
	e.add("Shows", strings.Join(first(list, 12), "; "))
	return c.ID != ""
}

// isName takes a short text that is the name of something in the catalogue.
func (s *session) isName(text string) (string, bool) {
	if len(text) > 64 || len(text) < 4 || strings.ContainsAny(text, "\n|;<>=\\") || s.isCommand(text) {
		return "", false
	}
	cat := s.opt.Catalogue
	_, tactic := cat.Tactic(text)
	_, group := cat.Group(text)
	_, software := cat.Software(text)
	return "a name in the catalogue", tactic || group || software || len(cat.ByName(text)) > 0
}

func (s *session) tellName(text string, e *Explanation) {
	e.Risk.Level = RiskLookup
	cat := s.opt.Catalogue
	if list := cat.ByName(text); len(list) > 0 {
		s.technique(list[0].ID, e)
		for _, o := range list[1:] {
			e.addNote("Same name", o.ID, string(o.Domain))
		}
		return
	}
	if s.tactic(text, e) || s.group(text, e) {
		return
	}
	s.software(text, e)
}
