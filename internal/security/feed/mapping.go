package feed

import (
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
)

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
	id := controlID(m.ID.line())
	if !owned.MatchString(id) {
		id = m.ID.line()
		if j.capabilities == nil {
			j.capabilities = map[string]bool{}
		}
		if !j.capabilities[id] {
			j.capabilities[id] = true
			e := &Entry{Kind: KindControl, ID: id, Name: m.Description.line()}
			e.field("group", m.Group.line())
			if _, err := j.entry(j.pub, e); err != nil {
				return err
			}
		}
	}
	kind := hyphens(m.Type.line())
	if kind == "technique-scores" {
		if kind = scored[string(m.Category)]; kind == "" {
			kind = "maps-to"
		}
	}
	if m.Technique == "" || kind == "" || kind == "non-mappable" {
		return nil // it says that nothing maps
	}
	return j.relation(j.pub, id, kind, m.Technique.line(), sentences(labelled("Score", m.Score.line()), m.Comments.prose()))
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
	pub.version(joinNonEmpty(" ", m.Framework.line(), m.Version.line(), "to ATT&CK", m.Domain.line(), m.Attack.line()))
	if d := string(m.Updated); len(d) == 10 && d[2] == '/' && d[5] == '/' { // 12/31/2024
		pub.released(d[6:] + "-" + d[:2] + "-" + d[3:5])
	}
}
