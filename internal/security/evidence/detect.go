package evidence

import (
	"bytes"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// reader is one way to cut a stream into records. Which product a record is
// of, package sensor decides for each.
type reader struct {
	name string
	read func(*room)
}

// readers never changes.
var readers = [...]reader{
	{"json", (*room).readJSON},
	{"text", (*room).readLines},
	{"csv", (*room).readCSV},
	{"zeek-tsv", (*room).readZeek},
	{"evtx", (*room).readEVTX},
}

func readerOf(name string) *reader {
	for i := range readers {
		if readers[i].name == name {
			return &readers[i]
		}
	}
	return nil
}

// The part of a stream that detection looks at.
const (
	sniffBytes = 64 << 10
	sniffLines = 40
)

// detect chooses the reader for a stream by its first bytes, or nil.
func detect(in *input) *reader {
	head := in.fill(sniffBytes)
	if bytes.HasPrefix(head, []byte("ElfFile\x00")) {
		return readerOf("evtx")
	}
	text := bytes.TrimLeft(head, " \t\r\n\x1e")
	if startsJSON(text) {
		if isLines(text, len(head) < sniffBytes) {
			return readerOf("text")
		}
		return readerOf("json")
	}
	if bytes.HasPrefix(text, []byte("#separator ")) || bytes.HasPrefix(text, []byte("#fields\t")) {
		return readerOf("zeek-tsv")
	}
	lines := firstLines(text)
	if len(lines) == 0 {
		return nil
	}
	// A line of key=value is the weakest sign: Excel's "sep=;" looks like one.
	// Rows of a table may look like lines of a log, so its header comes first.
	if first := textlog.Detect(lines[0]); first == textlog.Unknown || first == textlog.KeyValue {
		if _, ok := findHeader(lines); ok {
			return readerOf("csv")
		}
	}
	for _, line := range lines {
		if textlog.Detect(line) != textlog.Unknown {
			return readerOf("text")
		}
	}
	return nil
}

// startsJSON says whether a text begins as an object or an array does, and not
// as the "[Mon Oct 11" of an error log.
func startsJSON(text []byte) bool {
	if len(text) < 2 || text[0] != '{' && text[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	if len(rest) == 0 {
		return true
	}
	if text[0] == '{' {
		return rest[0] == '"' || rest[0] == '}'
	}
	return rest[0] == '{' || rest[0] == ']' || rest[0] == '[' && startsJSON(rest)
}

// isLines says whether a text that begins as JSON is one object on each line,
// so that a broken line costs no other. A text in which the first line is
// broken but the second begins an object as well is taken for lines, too.
func isLines(text []byte, whole bool) bool {
	if text[0] != '{' {
		return false
	}
	if _, ok := findEnvelope(text); ok {
		return false
	}
	line, rest, found := bytes.Cut(text, newline)
	if !found && !whole {
		return false
	}
	var p flat.Parser
	if _, err := p.Parse(nil, string(line)); err == nil {
		return true
	}
	return bytes.HasPrefix(rest, []byte(`{"`)) && len(bytes.TrimSpace(line)) > 1
}

// firstLines returns the first lines of a text that are not blank, the last
// one only if it is whole.
func firstLines(text []byte) []string {
	var lines []string
	for len(lines) < sniffLines {
		line, rest, found := bytes.Cut(text, newline)
		if s := strings.TrimRight(string(line), "\r"); strings.TrimSpace(s) != "" && (found || len(lines) == 0 || len(text) < sniffBytes/2) {
			lines = append(lines, s)
		}
		if !found {
			return lines
		}
		text = rest
	}
	return lines
}
