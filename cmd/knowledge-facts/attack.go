package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// killChain puts the tactics of all domains on one scale. The bundles have no
// matrix object, so the order of attack.mitre.org's columns is stated here; a
// tactic that is missing here stops the generator.
var killChain = map[string]int{
	"reconnaissance": 1, "resource-development": 2, "initial-access": 3, "execution": 4,
	"persistence": 5, "privilege-escalation": 6, "defense-evasion": 7, "evasion": 7,
	"credential-access": 8, "discovery": 9, "lateral-movement": 10, "collection": 11,
	"command-and-control": 12, "exfiltration": 13, "inhibit-response-function": 14,
	"impair-process-control": 15, "network-effects": 16, "remote-service-effects": 17, "impact": 18,
}

var domains = []struct{ letter, name, title string }{
	{"e", "enterprise", "MITRE ATT&CK Enterprise"},
	{"m", "mobile", "MITRE ATT&CK Mobile"},
	{"i", "ics", "MITRE ATT&CK ICS"},
}

// object is what the generator reads of a STIX object. Descriptions stay out.
type object struct {
	Type               string
	ID                 string
	Name               string
	Modified           string
	Revoked            bool
	Aliases            []string
	ExternalReferences []struct {
		SourceName string `json:"source_name"`
		ExternalID string `json:"external_id"`
	} `json:"external_references"`
	KillChainPhases []struct {
		PhaseName string `json:"phase_name"`
	} `json:"kill_chain_phases"`
	RelationshipType string   `json:"relationship_type"`
	SourceRef        string   `json:"source_ref"`
	TargetRef        string   `json:"target_ref"`
	Platforms        []string `json:"x_mitre_platforms"`
	Deprecated       bool     `json:"x_mitre_deprecated"`
	ShortName        string   `json:"x_mitre_shortname"`
	OtherNames       []string `json:"x_mitre_aliases"`
	AnalyticRefs     []string `json:"x_mitre_analytic_refs"`
	LogSources       []struct {
		Component string `json:"x_mitre_data_component_ref"`
		Name      string
		Channel   string
	} `json:"x_mitre_log_source_references"`
}

// entry is one thing that ATT&CK gives an id.
type entry struct {
	id, name, domain, status, successor string
	tactics, platforms, aliases         []string
	short                               string // of a tactic
	tool                                bool   // of software
	relations                           set    // mitigations of a technique, techniques of a group
}

type set map[string]bool

// usage is how the analytics for one technique read one data component.
type usage struct {
	weight    float64 // 1 for each analytic that names it first, 1/2 for second, …
	platforms set
	sources   map[source]int
}

type source struct{ name, channel string }

// attackModel is ATT&CK, all domains together.
type attackModel struct {
	tactics                                               []*entry
	techniques, mitigations, components, groups, software map[string]*entry
	uses                                                  map[string]map[string]*usage // technique, data component
}

func newAttackModel() *attackModel {
	return &attackModel{
		techniques: map[string]*entry{}, mitigations: map[string]*entry{}, components: map[string]*entry{},
		groups: map[string]*entry{}, software: map[string]*entry{}, uses: map[string]map[string]*usage{},
	}
}

// readAttack reads the three bundles.
func readAttack(folder string, sets *rows) (*attackModel, error) {
	m := newAttackModel()
	for _, d := range domains {
		path, version, err := versioned(folder, d.name+"-attack-", ".json.gz")
		if err != nil {
			return nil, err
		}
		data, err := readGzip(path)
		if err != nil {
			return nil, err
		}
		b, err := m.bundle(data, d.letter)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", filepath.Base(path), err)
		}
		sets.dataset("attack-"+d.name, d.title, version, b.newest, b.techniques, data)
	}
	return m, nil
}

// bundle is one STIX file on its way into the model.
type bundle struct {
	*attackModel
	domain     string
	objects    map[string]*object // by STIX id
	entries    map[string]*entry  // by STIX id
	newest     string             // date of the newest object
	techniques int
}

// bundle reads one STIX file into the model.
func (m *attackModel) bundle(data []byte, domain string) (*bundle, error) {
	var file struct{ Objects []object }
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	b := &bundle{attackModel: m, domain: domain, objects: map[string]*object{}, entries: map[string]*entry{}}
	for i := range file.Objects {
		o := &file.Objects[i]
		b.objects[o.ID] = o
		b.newest = max(b.newest, day(o.Modified))
		if err := b.enter(o); err != nil {
			return nil, fmt.Errorf("object %s: %w", o.ID, err)
		}
	}
	if b.techniques == 0 || len(m.tactics) == 0 {
		return nil, fmt.Errorf("%d techniques and %d tactics: not an ATT&CK bundle", b.techniques, len(m.tactics))
	}
	for i := range file.Objects {
		if o := &file.Objects[i]; o.Type == "relationship" && !o.Revoked && !o.Deprecated {
			if err := b.relate(o); err != nil {
				return nil, fmt.Errorf("relationship %s: %w", o.ID, err)
			}
		}
	}
	return b, nil
}

// enter puts an object that has an id of its own into the model.
func (b *bundle) enter(o *object) error {
	var kind map[string]*entry
	pattern := ""
	switch o.Type {
	case "attack-pattern":
		kind, pattern = b.attackModel.techniques, "T"
		b.techniques++
	case "course-of-action":
		kind, pattern = b.mitigations, "M"
	case "x-mitre-data-component":
		kind, pattern = b.components, "DC"
	case "intrusion-set":
		kind, pattern = b.groups, "G"
	case "malware", "tool":
		kind, pattern = b.software, "S"
	case "x-mitre-tactic":
		pattern = "TA"
	default:
		return nil
	}
	id, own := o.externalID()
	if !own && pattern != "T" && pattern != "TA" {
		return nil // deprecated, with an id of before the domains shared one numbering
	}
	e := &entry{id: id, name: clean(o.Name), domain: b.domain, relations: set{}, tool: o.Type == "tool"}
	if o.Type == "course-of-action" && strings.HasPrefix(e.id, "T") {
		return nil // mitigations of before 2019 were named after their technique; all are deprecated
	}
	if rest, ok := strings.CutPrefix(e.id, pattern); !ok || !isNumber.MatchString(rest) || e.name == "" {
		return fmt.Errorf("%s has id %q and name %q", o.Type, e.id, e.name)
	}
	switch {
	case o.Revoked:
		e.status = "r"
	case o.Deprecated:
		e.status = "d"
	}
	if err := e.details(o); err != nil {
		return err
	}
	if kind == nil {
		b.tactics = append(b.tactics, e)
		return nil
	}
	old, known := kind[e.id]
	if !known {
		kind[e.id], old = e, e
	} else if old.name != e.name || o.Type == "attack-pattern" {
		return fmt.Errorf("%s is both %q and %q", e.id, old.name, e.name)
	}
	b.entries[o.ID] = old
	return nil
}

var isNumber = regexp.MustCompile(`^[0-9]{4}(\.[0-9]{3})?$`)

// externalID returns the id that ATT&CK shows to people, and whether it belongs
// to the numbering that the domains share.
func (o *object) externalID() (id string, shared bool) {
	for _, r := range o.ExternalReferences {
		switch r.SourceName {
		case "mitre-attack":
			return r.ExternalID, true
		case "mitre-mobile-attack", "mitre-ics-attack":
			id = r.ExternalID
		}
	}
	return id, false
}

// details reads what only some types have.
func (e *entry) details(o *object) error {
	if o.Type == "x-mitre-tactic" {
		e.short = o.ShortName
		if killChain[e.short] == 0 {
			return fmt.Errorf("tactic %q has no place in the kill chain", e.short)
		}
	}
	for _, p := range o.KillChainPhases {
		if killChain[p.PhaseName] == 0 {
			return fmt.Errorf("tactic %q has no place in the kill chain", p.PhaseName)
		}
		e.tactics = append(e.tactics, p.PhaseName)
	}
	slices.SortFunc(e.tactics, func(x, y string) int { return killChain[x] - killChain[y] })
	for _, p := range o.Platforms {
		if p != "None" { // ICS writes "None" for "any"
			e.platforms = append(e.platforms, clean(p))
		}
	}
	slices.Sort(e.platforms)
	for _, a := range append(o.Aliases, o.OtherNames...) {
		if a = clean(a); a != "" && a != e.name && !slices.Contains(e.aliases, a) {
			e.aliases = append(e.aliases, a)
		}
	}
	return nil
}

// relate follows one relationship. Those of software are left out altogether:
// techniques of some software are held back for tests of text extraction.
func (b *bundle) relate(o *object) error {
	from, to := b.entries[o.SourceRef], b.entries[o.TargetRef]
	switch o.RelationshipType {
	case "revoked-by":
		if from != nil && to != nil {
			from.successor = to.id
		}
	case "mitigates":
		if from != nil && to != nil && from.status == "" {
			to.relations[from.id] = true
		}
	case "uses":
		if from != nil && to != nil && b.groups[from.id] == from && b.attackModel.techniques[to.id] == to {
			from.relations[to.id] = true
		}
	case "detects":
		return b.detect(b.objects[o.SourceRef], to)
	}
	return nil
}

// detect walks from a detection strategy over its analytics to data components.
func (b *bundle) detect(strategy *object, technique *entry) error {
	if strategy == nil || technique == nil || strategy.Deprecated || strategy.Revoked {
		return nil
	}
	for _, ref := range strategy.AnalyticRefs {
		analytic := b.objects[ref]
		if analytic == nil {
			return fmt.Errorf("analytic %s is not there", ref)
		}
		if analytic.Deprecated || analytic.Revoked {
			continue
		}
		for i, l := range analytic.LogSources {
			c := b.entries[l.Component]
			if c == nil {
				return fmt.Errorf("data component %s is not there", l.Component)
			}
			u := b.usage(technique.id, c.id)
			// Analytics name what matters most first.
			u.weight += 1 / float64(i+1)
			u.add(analytic.Platforms, source{clean(l.Name), channel(l.Channel)})
		}
	}
	return nil
}

func (b *bundle) usage(technique, component string) *usage {
	if b.uses[technique] == nil {
		b.uses[technique] = map[string]*usage{}
	}
	u := b.uses[technique][component]
	if u == nil {
		u = &usage{platforms: set{}, sources: map[source]int{}}
		b.uses[technique][component] = u
	}
	return u
}

func (u *usage) add(platforms []string, s source) {
	for _, p := range platforms {
		if p != "None" && p != "PRE" {
			u.platforms[p] = true
		}
	}
	if s.name != "" {
		u.sources[s]++
	}
}

var (
	eventCodes = regexp.MustCompile(`^EventCode=[0-9]+(, ?[0-9]+)*`)
	// operation is the name of a call, event or file before a colon and prose.
	operation = regexp.MustCompile(`^([A-Za-z0-9_./=*|,+-]{2,40}): `)
	// operations are such names alone, separated by commas.
	operations = regexp.MustCompile(`^[A-Za-z0-9_./=*|,:+-]{2,40}(, [A-Za-z0-9_./=*|:+-]{2,40}){0,3}$`)
)

// channel keeps the part of a channel that is an identifier: event codes, or the
// names of operations. The rest is prose, which the catalogue does not carry.
func channel(s string) string {
	s = clean(s)
	if codes := eventCodes.FindString(s); codes != "" {
		return codes
	}
	if m := operation.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if s == "None" || !operations.MatchString(s) {
		return ""
	}
	return s
}
