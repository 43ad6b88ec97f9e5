package feed

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/casemate-ai/casemate/internal/security/feed/weakness"
	"github.com/casemate-ai/casemate/internal/security/feed/yara"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	sigmaMark  = regexp.MustCompile(`(?m)^(?:detection|correlation|filter):[ \t]*\r?$`)
	titleMark  = regexp.MustCompile(`(?m)^title:[ \t]`)
	atomicMark = regexp.MustCompile(`(?m)^attack_technique:[ \t]`)
	testsMark  = regexp.MustCompile(`(?m)^atomic_tests:`)
)

// detect returns the reader for a file that begins with head, or nil.
func (r *reader) detect(head []byte) func(*unpack.File) error {
	head = bytes.TrimLeft(head, " \t\r\n")
	line, _, _ := bytes.Cut(head, []byte("\n"))
	names := strings.ToLower(strings.TrimSpace(string(line[:min(len(line), 200)])))
	switch {
	case head[0] == '{' || head[0] == '[':
		return r.json
	case head[0] == '<' && (bytes.Contains(head, []byte("<Weakness_Catalog")) || bytes.Contains(head, []byte("<Attack_Pattern_Catalog"))):
		return func(f *unpack.File) error { return r.official(f, weakness.ReadXML) }
	case strings.HasPrefix(names, "#model_version:"), strings.HasPrefix(names, "cve,epss"):
		return r.epss
	case strings.HasPrefix(names, "cwe-id,name,"), strings.HasPrefix(strings.TrimPrefix(names, "'"), "id,name,abstraction,"):
		return func(f *unpack.File) error { return r.official(f, weakness.ReadCSV) }
	case bytes.Contains(head, []byte("@prefix ")) && bytes.Contains(head, []byte("owl")):
		return r.turtle
	case atomicMark.Match(head) && testsMark.Match(head), sigmaMark.Match(head) && titleMark.Match(head):
		return r.yaml
	case yara.Looks(head):
		return r.yara
	}
	return nil
}

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
	Count          text           `json:"count"` // of KEV
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
	if j.pub.Key == "kev" && c.Count != "" && string(c.Count) != strconv.FormatUint(j.n, 10) {
		j.faultf("the list states %.20q vulnerabilities and holds %d", string(c.Count), j.n)
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
