package feed

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// marks are the members that tell what an object is.
type marks struct {
	Type        jsontext.Value `json:"type"`
	Meta        jsontext.Value `json:"cveMetadata"`
	CVE         jsontext.Value `json:"cve"`
	KEV         jsontext.Value `json:"cveID"`
	ID          jsontext.Value `json:"ID"`
	Abstraction jsontext.Value `json:"Abstraction"`
}

// known reads an object for what it is. An object that is nothing known is no
// fault: it only leaves its file unknown.
func (j *jsonFile) known(member string, v jsontext.Value) error {
	switch member {
	case "objects":
		return j.stixObject(v)
	case "vulnerabilities":
		if bytes.Contains(v, []byte(`"cveID"`)) {
			return j.kevEntry(v)
		}
		return nil
	case "Weaknesses", "Categories", "Views":
		return j.weakness(member, v)
	case "":
	default:
		return nil
	}
	var m marks
	if err := decode(v, &m); err != nil {
		if j.used {
			j.fault(err.Error())
			return nil
		}
		return nil
	}
	switch {
	case len(m.Type) > 0 && m.Type.Kind() == '"':
		return j.stixObject(v)
	case m.KEV != nil:
		return j.kevEntry(v)
	case m.ID != nil && m.Abstraction != nil:
		return j.weakness("Weaknesses", v)
	}
	return nil
}

// container is what the objects that hold lists say of themselves.
type container struct {
	CatalogVersion text `json:"catalogVersion"`
	DateReleased   text `json:"dateReleased"`
	ContentVersion text `json:"ContentVersion"`
	ContentDate    text `json:"ContentDate"`
}

// describe notes what a container says of its publication.
func (j *jsonFile) describe(rest jsontext.Value) error {
	var c container
	if err := decode(rest, &c); err != nil {
		j.at.Record, j.pos = 0, 0
		j.fault(err.Error())
		return nil
	}
	if j.pub == nil {
		return nil
	}
	j.pub.version(string(c.CatalogVersion))
	j.pub.version(string(c.ContentVersion))
	j.pub.released(string(c.DateReleased))
	j.pub.released(string(c.ContentDate))
	return nil
}
