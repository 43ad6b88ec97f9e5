package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Error says which keyword of a schema cannot be honoured, and why.
type Error struct {
	Pointer string // JSON pointer of the keyword
	Reason  string
}

// Error names the keyword and the reason.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", "#"+e.Pointer, e.Reason) }

// value is a JSON value of the schema document, with where it stands.
type value struct {
	kind    jsontext.Kind // of its first token: { [ " 0 t f n
	text    string        // of a string its content, of a number its spelling
	members []member      // of an object, as declared
	items   []*value      // of an array

	parent *value
	key    string // in parent
	base   string // URI that references are relative to; set by resources
}

type member struct {
	name  string
	value *value
}

// get returns the member called name, or nil.
func (v *value) get(name string) *value {
	if v.kind != '{' {
		return nil
	}
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	return nil
}

// pointer returns the JSON pointer of v.
func (v *value) pointer() string {
	var parts []string
	for ; v.parent != nil; v = v.parent {
		parts = append(parts, strings.NewReplacer("~", "~0", "/", "~1").Replace(v.key))
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(parts[i])
	}
	return b.String()
}

// maxReason bounds the bytes of an error that may quote a schema.
const maxReason = 500

// fail returns an Error about v.
func (v *value) fail(format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return &Error{Pointer: v.pointer(), Reason: reason}
}

// isSchema says whether v has the shape of a schema.
func (v *value) isSchema() bool { return v.kind == '{' || v.kind == 't' || v.kind == 'f' }

// count reads a keyword's value as a length: an integer from 0 up. 2.0 is one.
func (v *value) count() (int, error) {
	if v.kind == '0' {
		f, err := strconv.ParseFloat(v.text, 64)
		if err == nil && f >= 0 && f == float64(int64(f)) && f < 1e15 {
			return int(f), nil
		}
	}
	return 0, v.fail("must be an integer from 0 up, and below 10^15")
}

// names reads a keyword's value as a list of strings.
func (v *value) names() ([]string, error) {
	if v.kind != '[' {
		return nil, v.fail("must be a list of strings")
	}
	var out []string
	for _, item := range v.items {
		if item.kind != '"' {
			return nil, v.fail("must be a list of strings")
		}
		out = append(out, item.text)
	}
	return out, nil
}

// parse reads a JSON document: one value, valid UTF-8, no name twice.
func parse(src []byte) (*value, error) {
	if len(src) > MaxBytes {
		return nil, &Error{Reason: fmt.Sprintf("the schema has %d bytes, limit %d", len(src), MaxBytes)}
	}
	d := jsontext.NewDecoder(bytes.NewReader(src))
	root, err := read(d, nil, "")
	if err == nil {
		if _, end := d.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("more after the end")
		}
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		err = &Error{Pointer: string(d.StackPointer()), Reason: fmt.Sprintf("not JSON: %v", err)}
	}
	return root, err
}

func read(d *jsontext.Decoder, parent *value, key string) (*value, error) {
	if d.StackDepth() > maxNesting {
		return nil, &Error{Pointer: parent.pointer(), Reason: fmt.Sprintf("more than %d values inside one another", maxNesting)}
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	v := &value{kind: token.Kind(), parent: parent, key: key}
	switch v.kind {
	case '"', '0':
		v.text = token.String()
	case '[':
		for d.PeekKind() != ']' {
			item, err := read(d, v, strconv.Itoa(len(v.items)))
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		_, err = d.ReadToken()
	case '{':
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			if name.Kind() != '"' {
				return nil, errors.New("a name must be a string")
			}
			m := member{name: name.String()}
			if m.value, err = read(d, v, m.name); err != nil {
				return nil, err
			}
			v.members = append(v.members, m)
		}
		_, err = d.ReadToken()
	}
	return v, err
}
