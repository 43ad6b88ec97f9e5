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
		return j.nvd(v)
	case "CVE_Items":
		return j.nvdOld(v)
	case "Weaknesses", "Categories", "Views":
		return j.weakness(member, v)
	case "mapping_objects":
		return j.mappingObject(v)
	case "@graph":
		return j.node(v)
	}
	var m marks
	if err := decode(v, &m); err != nil {
		if j.used {
			j.fault(err.Error())
		}
		return nil
	}
	return j.marked(&m, v)
}

// marked reads an object that stands for itself: in a list, a line or a file.
func (j *jsonFile) marked(m *marks, v jsontext.Value) error {
	switch {
	case m.Meta.Kind() == '{':
		return j.cveRecord(v)
	case m.CVE.Kind() == '{' && bytes.Contains(m.CVE, []byte(`"CVE_data_meta"`)):
		return j.nvdOld(v)
	case m.CVE.Kind() == '{':
		return j.nvd(v)
	case m.KEV != nil:
		return j.kevEntry(v)
	case m.ID != nil && m.Abstraction != nil:
		return j.weakness("Weaknesses", v)
	case m.Type.Kind() == '"':
		return j.stixObject(v)
	}
	return nil
}

// container is what the objects that hold lists say of themselves.
type container struct {
	CatalogVersion text           `json:"catalogVersion"`
	DateReleased   text           `json:"dateReleased"`
	ContentVersion text           `json:"ContentVersion"`
	ContentDate    text           `json:"ContentDate"`
	Timestamp      text           `json:"timestamp"`
	OldTimestamp   text           `json:"CVE_data_timestamp"`
	Metadata       jsontext.Value `json:"metadata"`
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
	for _, d := range [...]text{c.DateReleased, c.ContentDate, c.Timestamp, c.OldTimestamp} {
		j.pub.released(string(d))
	}
	if j.pub.Key == "attack-mappings" && c.Metadata.Kind() == '{' {
		var m mappingMeta
		if err := decode(c.Metadata, &m); err != nil {
			j.fault(err.Error())
			return nil
		}
		m.describe(j.pub)
	}
	return nil
}
