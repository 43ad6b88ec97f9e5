package feed

import (
	"fmt"
	"hash/maphash"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
	"github.com/go-json-experiment/json/jsontext"
)

// shapes are what ids of a kind look like. Kinds that are not here take any id
// of one printable word.
var shapes = map[string]*regexp.Regexp{
	KindWeakness:      regexp.MustCompile(`^CWE-[0-9]{1,6}$`),
	KindPattern:       regexp.MustCompile(`^CAPEC-[0-9]{1,6}$`),
	KindVulnerability: regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`),
}

// checkID reports what is wrong with an id, or nil.
func checkID(kind, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%s without an id", kind)
	case len(id) > MaxID:
		return fmt.Errorf("%s with an id of %d bytes, limit %d", kind, len(id), MaxID)
	case strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }):
		return fmt.Errorf("%s with the id %.40q, which is no single word", kind, id)
	}
	if shape := shapes[kind]; shape != nil && !shape.MatchString(id) {
		return fmt.Errorf("%s with the id %.40q, which is none", kind, id)
	}
	return nil
}

// unique are the catalogues whose files share entries: several exports or
// baselines say the same, and the first that a read meets stands.
var unique = map[string]bool{"cwe": true, "capec": true, "oscal": true}

// repeatable are the catalogues of which a later file may say more of an entry.
var repeatable = map[string]bool{"nvd": true, "cve": true, "epss": true}

// entry checks an entry, trims it to the limits and passes it on. It reports
// whether it did, so that relations of a refused one stay out, too. An error is
// the sink's, or that of a limit on the whole.
func (r *reader) entry(pub *edition, e *Entry) (bool, error) {
	if err := checkID(e.Kind, e.ID); err != nil {
		r.fault(err.Error())
		return false, nil
	}
	key := maphash.String(r.seed, pub.Key+"\x00"+e.Kind+"\x00"+e.ID)
	if before, again := r.ever[key]; again {
		switch {
		case before != r.nth && unique[pub.Key]:
			r.rep.Repeated++
			return false, nil
		case before != r.nth && repeatable[pub.Key]:
		default:
			r.faultf("%s %s appears twice; the first stands", e.Kind, e.ID)
			return false, nil
		}
	}
	if len(r.ever) >= MaxEntries {
		r.stop = fmt.Errorf("more than %d entries", MaxEntries)
		return false, r.stop
	}
	r.ever[key] = r.nth
	if e.Name == "" {
		e.Name = e.ID
	}
	e.Publication = pub.Key
	for _, other := range [...]*string{&e.Parent, &e.Successor} {
		if *other != "" && checkID("", *other) != nil {
			*other = ""
		}
	}
	r.trim(e)
	pub.changed(e.Modified)
	r.rep.Entries[e.Kind]++
	if err := r.sink.Entry(e); err != nil {
		r.stop, r.theirs = err, true
		return false, err
	}
	return true, nil
}

// trim cuts an entry to the limits, marking what it cuts. Elements of a list
// that are left out are a fault.
func (r *reader) trim(e *Entry) {
	e.Name = cut(e.Name, MaxName)
	e.Aliases = head(r, e, "names", e.Aliases, maxAliases)
	for i, a := range e.Aliases {
		e.Aliases[i] = cut(a, MaxName)
	}
	e.Fields = head(r, e, "facts", e.Fields, MaxFields)
	for i := range e.Fields {
		e.Fields[i].Value = cut(e.Fields[i].Value, MaxName)
	}
	e.Sections = head(r, e, "sections", e.Sections, MaxFields)
	for i := range e.Sections {
		e.Sections[i].Text = cut(e.Sections[i].Text, MaxText)
	}
}

// head cuts a list of an entry to a number of elements, and says so.
func head[T any](r *reader, e *Entry, what string, list []T, limit int) []T {
	if len(list) <= limit {
		return list
	}
	r.faultf("%s %s has too many %s: the first %d were kept", e.Kind, e.ID, what, limit)
	return list[:limit]
}

// cut shortens a text to a number of bytes, at a character, with a mark.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-4):]) && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if n := len(s); n > 0 && s[n-1] >= utf8.RuneSelf {
		if last, _ := utf8.DecodeLastRuneInString(s); last == utf8.RuneError {
			s = s[:n-1]
		}
	}
	return s + "…"
}

const maxTypes = 1000 // of relation

var errRelations = fmt.Errorf("more than %d relations or %d types of them", MaxRelations, maxTypes)

// relation passes a relation on. Ends of a wrong form are a fault.
func (r *reader) relation(pub *edition, from, kind, to, text string) error {
	for _, end := range [...]string{from, to, kind} {
		if err := checkID("relation "+cut(kind, 40), end); err != nil {
			r.fault(err.Error())
			return nil
		}
	}
	r.rep.Relations[kind]++
	if r.related++; r.related > MaxRelations || len(r.rep.Relations) > maxTypes {
		r.stop = errRelations
		return r.stop
	}
	err := r.sink.Relation(&Relation{Publication: pub.Key, From: from, Type: kind, To: to, Text: cut(text, MaxText)})
	if err != nil {
		r.stop, r.theirs = err, true
	}
	return err
}

// slug makes a key of a file's own name for something.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, cut(s, maxKey))
}

const maxKey = 60

const maxAliases = 500 // of one entry; a group of ATT&CK has 30

// alias adds a name that the entry has not yet. One too many is kept for trim,
// which says so.
func (e *Entry) alias(name string) {
	if name != "" && name != e.Name && len(e.Aliases) <= maxAliases && !slices.Contains(e.Aliases, name) {
		e.Aliases = append(e.Aliases, name)
	}
}

// field adds a fact, if there is one.
func (e *Entry) field(key, value string) {
	if value != "" {
		e.Fields = append(e.Fields, Field{key, value})
	}
}

// fields adds several facts of one key.
func (e *Entry) fields(key string, values []string) {
	for _, v := range values {
		e.field(key, v)
	}
}

// section adds a piece of prose, if there is any.
func (e *Entry) section(name, text string) {
	if text != "" {
		e.Sections = append(e.Sections, Section{name, text})
	}
}

// day returns the date of a time such as 2024-05-01T10:00:00Z, or "" if it is none.
func day(s string) string {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return ""
	}
	for i, c := range []byte(s[:10]) {
		if i != 4 && i != 7 && (c < '0' || c > '9') {
			return ""
		}
	}
	if s[5:7] < "01" || s[5:7] > "12" || s[8:10] < "01" || s[8:10] > "31" {
		return ""
	}
	return s[:10]
}

// sentences joins pieces of prose, ending each as a sentence.
func sentences(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p)
		if !strings.ContainsRune(".!?:;", rune(p[len(p)-1])) {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// labelled returns "label: value", or nothing for no value.
func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + ": " + value
}

// What JSON is read into.
type (
	text  = loose.Text
	texts = loose.Texts
	flag  = loose.Flag
)

// decode parses one object. What it returns is fit for a fault.
func decode(raw jsontext.Value, into any) error { return loose.Decode(raw, into) }

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
