package feed

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/casemate-ai/casemate/internal/security/feed/yara"
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
		return r.xml
	case strings.HasPrefix(names, "#model_version:"), strings.HasPrefix(names, "cve,epss"):
		return r.epss
	case strings.HasPrefix(names, "cwe-id,name,"):
		return r.cweCSV
	case strings.HasPrefix(names, "'id,name,abstraction"), strings.HasPrefix(names, "id,name,abstraction,"):
		return r.capecCSV
	case bytes.Contains(head, []byte("@prefix ")) && bytes.Contains(head, []byte("owl")):
		return r.turtle
	case atomicMark.Match(head) && testsMark.Match(head), sigmaMark.Match(head) && titleMark.Match(head):
		return r.yaml
	case yara.Looks(head):
		return r.yara
	}
	return nil
}
