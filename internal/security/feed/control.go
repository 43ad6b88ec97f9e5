package feed

import (
	"regexp"

	"github.com/casemate-ai/casemate/internal/security/feed/oscal"
	"github.com/go-json-experiment/json/jsontext"
)

// A whole OSCAL document is one object.
const maxDocument = 96 << 20

// document reads the one object that an OSCAL file is.
func (j *jsonFile) document(member string) error {
	v, err := j.value(maxDocument)
	if err != nil {
		return err
	}
	if member == "profile" {
		var p oscal.Profile
		if err := decode(v, &p); err != nil {
			return err
		}
		return j.profile(&p)
	}
	var c oscal.Catalogue
	if err := decode(v, &c); err != nil {
		return err
	}
	if len(c.Groups)+len(c.Controls) == 0 {
		return nil
	}
	j.oscal(&c.Metadata)
	modified := day(string(c.Metadata.Modified))
	return c.Walk(func(c *oscal.Control) error { return j.control(c, modified) }, j.fault)
}

// oscal begins a catalogue or a profile. Several in one read are one edition.
func (j *jsonFile) oscal(m *oscal.Meta) {
	j.pub = j.publication("oscal")
	j.pub.version(string(m.Version))
	j.pub.released(string(m.Modified))
	switch title := cut(m.Title.Line(), MaxName); {
	case j.pub.first == j.file.Name && title != "":
		j.pub.Name = title
	case title != j.pub.Name:
		j.pub.Name = names["oscal"]
	}
}

// profile passes on a baseline and what it includes.
func (j *jsonFile) profile(p *oscal.Profile) error {
	if p.UUID == "" && len(p.Imports) == 0 {
		return nil
	}
	j.oscal(&p.Metadata)
	e := &Entry{Kind: KindProfile, ID: p.UUID.Line(), Name: p.Metadata.Title.Line(), Modified: day(string(p.Metadata.Modified))}
	e.field("version", p.Metadata.Version.Line())
	for _, i := range p.Imports {
		if i.All != nil {
			e.field("includes", "all controls")
		}
		for _, x := range i.Exclude {
			for _, id := range x.IDs.Lines() {
				e.field("excludes", oscal.ID(id))
			}
		}
	}
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	for _, i := range p.Imports {
		for _, c := range i.Include {
			for _, id := range c.IDs.Lines() {
				if err := j.relation(j.pub, e.ID, "includes", oscal.ID(id), ""); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// control passes on a control and what it says of others.
func (j *jsonFile) control(c *oscal.Control, modified string) error {
	j.n++
	j.at.Record = j.n
	e := &Entry{Kind: KindControl, ID: c.ID, Name: c.Title, Parent: c.Parent, Successor: c.Successor, Modified: modified}
	if c.Withdrawn {
		e.Status = StatusDeprecated
	}
	e.field("family", c.Family)
	e.field("class", c.Class)
	e.fields("implementation-level", c.Levels)
	for _, p := range c.Parts {
		e.section(p.Name, p.Text)
	}
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	if e.Parent != "" {
		if err := j.relation(j.pub, e.ID, "enhances", e.Parent, ""); err != nil {
			return err
		}
	}
	for _, l := range c.Links {
		if err := j.relation(j.pub, e.ID, l.Type, l.To, ""); err != nil {
			return err
		}
	}
	return nil
}

// mappingObject is one line of a mapping of the Center for Threat-Informed Defense.
type mappingObject struct {
	ID          text `json:"capability_id"`
	Description text `json:"capability_description"`
	Group       text `json:"capability_group"`
	Type        text `json:"mapping_type"`
	Technique   text `json:"attack_object_id"`
	Category    text `json:"score_category"`
	Score       text `json:"score_value"`
	Comments    text `json:"comments"`
}

// owned are the capabilities that other catalogues describe: CVEs and the
// controls of SP 800-53.
var owned = regexp.MustCompile(`^(CVE-|[A-Z]{2}-[0-9])`)

// scored are the relations that a score's category stands for.
var scored = map[string]string{"protect": "protects-against", "detect": "detects", "respond": "responds-to"}

// mappingObject passes on how a capability relates to a technique. A capability
// of no other catalogue becomes a control.
func (j *jsonFile) mappingObject(v jsontext.Value) error {
	j.pub = j.publication("attack-mappings")
	var m mappingObject
	if err := decode(v, &m); err != nil {
		j.fault(err.Error())
		return nil
	}
	if m.ID == "" && (m.Type == "" || m.Type == "non_mappable") {
		return nil // it says that nothing maps to the technique
	}
	id := oscal.ID(m.ID.Line())
	if !owned.MatchString(id) {
		id = m.ID.Line()
		if j.capabilities == nil {
			j.capabilities = map[string]bool{}
		}
		if !j.capabilities[id] {
			e := &Entry{Kind: KindControl, ID: id, Name: m.Description.Line()}
			e.field("group", m.Group.Line())
			if taken, err := j.entry(j.pub, e); !taken {
				return err
			}
			j.capabilities[id] = true
		}
	}
	kind := hyphens(m.Type.Line())
	if kind == "technique-scores" {
		if kind = scored[string(m.Category)]; kind == "" {
			kind = "maps-to"
		}
	}
	if m.Technique == "" || kind == "" || kind == "non-mappable" {
		return nil // it says that nothing maps
	}
	return j.relation(j.pub, id, kind, m.Technique.Line(), sentences(labelled("Score", m.Score.Line()), m.Comments.Prose()))
}

// mappingMeta heads a mapping.
type mappingMeta struct {
	Framework text `json:"mapping_framework"`
	Version   text `json:"mapping_framework_version"`
	Attack    text `json:"attack_version"`
	Domain    text `json:"technology_domain"`
	Updated   text `json:"last_update"`
}

// describe notes what a mapping says of itself.
func (m *mappingMeta) describe(pub *edition) {
	pub.version(joinNonEmpty(" ", m.Framework.Line(), m.Version.Line(), "to ATT&CK", m.Domain.Line(), m.Attack.Line()))
	if d := string(m.Updated); len(d) == 10 && d[2] == '/' && d[5] == '/' { // 12/31/2024
		pub.released(d[6:] + "-" + d[:2] + "-" + d[3:5])
	}
}
