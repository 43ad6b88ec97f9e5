package intake

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
)

// Key is the name under which an enriched record holds what was added to it.
const Key = "casemate"

// keyForm is a key that an enrichment of ours may stand under.
var keyForm = regexp.MustCompile(`^casemate(?:_[0-9]+)?$`)

// member is one member of a JSON object, by byte offsets.
type member struct {
	name       string
	start, end int // of the name's quote; behind the value
	value      int // where the value begins
}

// keyed returns the members of the outermost object in text whose names begin
// with Key, and where the object's last member ends (behind its brace, if it has
// none). text is one valid JSON object.
func keyed(text []byte) (found []member, end int) {
	at := space(text, 0) + 1
	end = at
	for at = space(text, at); at < len(text) && text[at] == '"'; at = space(text, at) {
		m := member{start: at}
		at = stringEnd(text, at)
		name := text[m.start:at]
		at = space(text, space(text, at)+1) // the colon
		m.value = at
		at = valueEnd(text, at)
		m.end, end = at, at
		if bytes.HasPrefix(name[1:], []byte(Key)) || bytes.IndexByte(name, '\\') >= 0 {
			if json.Unmarshal(name, &m.name) == nil && len(m.name) >= len(Key) && m.name[:len(Key)] == Key {
				found = append(found, m)
			}
		}
		if at = space(text, at); at < len(text) && text[at] == ',' {
			at++
		}
	}
	return found, end
}

// slot is where an object of ours goes in a record.
type slot struct {
	record   []byte // without what an earlier enrichment added
	end      int    // of the record's last member
	empty    bool   // the record has no member
	key      string // under which ours goes
	replaced bool   // the record had one of ours
	old      []byte // its value, if it had exactly one
}

// findSlot takes earlier enrichments out of a record and finds a free key. The
// record is one valid JSON object; where it holds nothing of ours, slot.record is
// the record itself.
func findSlot(record []byte) slot {
	found, end := keyed(record)
	s := slot{record: record, end: end, key: Key}
	taken := map[string]bool{}
	var ours []member
	for _, m := range found {
		if keyForm.MatchString(m.name) && isOurs(record[m.value:m.end]) {
			ours = append(ours, m)
		} else {
			taken[m.name] = true
		}
	}
	for n := 1; taken[s.key]; n++ {
		s.key = Key + "_" + strconv.Itoa(n)
	}
	if len(ours) == 1 {
		s.old = record[ours[0].value:ours[0].end]
	}
	if len(ours) > 0 {
		s.record, s.replaced = without(record, ours), true
		_, s.end = keyed(s.record)
	}
	s.empty = s.record[s.end-1] == '{' && bytes.IndexByte(s.record, '"') < 0
	return s
}

// isOurs reports whether a value is an object whose schema is a version of ours.
func isOurs(value []byte) bool {
	var o struct {
		Schema string `json:"schema"`
	}
	return len(value) > 0 && value[0] == '{' && json.Unmarshal(value, &o) == nil && len(o.Schema) > len(schemaName) && o.Schema[:len(schemaName)] == schemaName
}

// without returns a record without some of its members, each with one comma.
func without(record []byte, drop []member) []byte {
	out := make([]byte, 0, len(record))
	from := 0
	for _, m := range drop {
		out = append(out, record[from:m.start]...)
		from = m.end
		// The comma before it goes with it; the first member has one behind it.
		if kept := bytes.TrimRight(out, " \t\r\n"); kept[len(kept)-1] == ',' {
			out = kept[:len(kept)-1]
		} else if next := space(record, from); record[next] == ',' {
			from = next + 1
		}
	}
	return append(out, record[from:]...)
}

// fill returns the record with a value under the slot's key, behind its last member.
func (s slot) fill(value []byte) []byte {
	out := make([]byte, 0, len(s.record)+len(value)+len(s.key)+4)
	out = append(out, s.record[:s.end]...)
	if !s.empty {
		out = append(out, ',')
	}
	out = append(append(append(out, '"'), s.key...), `":`...)
	return append(append(out, value...), s.record[s.end:]...)
}

func space(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

// stringEnd returns where a string ends that begins at a quote.
func stringEnd(b []byte, at int) int {
	for at++; at < len(b) && b[at] != '"'; at++ {
		if b[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(b))
}

// valueEnd returns where the value ends that begins at a place of valid JSON.
func valueEnd(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		switch b[at] {
		case '"':
			if at = stringEnd(b, at); depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at // behind a number or word that ends its object
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
		}
		at++
	}
	return at
}
