// Package flat turns one JSON object into flat fields in a single pass, and
// finds fields by name. It is the floor under the readers: it knows JSON and
// nothing of any product.
package flat

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// The limits of one object. They bound memory by a multiple of the object's
// own size, whatever an attacker wrote into it.
const (
	MaxDepth     = 128     // objects and arrays within each other
	MaxFields    = 1 << 17 // leaves
	MaxName      = 1024    // bytes of a path
	maxNameBytes = 1 << 24 // bytes of all paths that had to be built for one object
)

// The cache of paths: records of one source share their names, so most paths
// are built once. It is emptied when full, for a source of endless new names.
const (
	maxCached    = 1 << 13
	maxCachedLen = 256
)

// SyntaxError says why a text is not one JSON object within the limits.
type SyntaxError struct {
	Offset int // where, in bytes from the start of the text
	Reason string
}

// Error returns the reason and the offset.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid json at byte %d: %s", e.Offset, e.Reason)
}

// Parser flattens objects and remembers their names. The zero value is ready.
// It is not for concurrent use.
type Parser struct {
	names map[string]string

	text   string
	at     int
	path   []byte
	out    []casemate.Field
	room   int // leaves left
	budget int // bytes of new names left
}

// Parse appends the leaves of the one JSON object in text to dst, in order. It
// checks the grammar of RFC 8259 strictly, but keeps duplicate names and
// replaces half surrogates. Values without escapes share the memory of text.
// The text should be valid UTF-8: invalid bytes go through as they are.
//
// On an error, a *SyntaxError, the leaves appended so far are returned.
func (p *Parser) Parse(dst []casemate.Field, text string) ([]casemate.Field, error) {
	if p.names == nil || len(p.names) >= maxCached {
		p.names = make(map[string]string, 256)
	}
	p.text, p.at, p.path, p.out = text, 0, p.path[:0], dst
	p.room, p.budget = MaxFields, maxNameBytes
	err := p.document()
	out := p.out
	p.text, p.out = "", nil // keep neither alive
	return out, err
}

func (p *Parser) document() error {
	p.space()
	if p.at >= len(p.text) || p.text[p.at] != '{' {
		return p.fail("want an object")
	}
	if err := p.object(1); err != nil {
		return err
	}
	if p.space(); p.at < len(p.text) {
		return p.fail("text after the object")
	}
	return nil
}

func (p *Parser) fail(reason string) error {
	return &SyntaxError{Offset: p.at, Reason: reason}
}

func (p *Parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there, 0 at the end.
func (p *Parser) next() byte {
	if p.space(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// object reads from its opening brace on.
func (p *Parser) object(depth int) error {
	if depth > MaxDepth {
		return p.fail("nested deeper than " + strconv.Itoa(MaxDepth))
	}
	p.at++
	if p.next() == '}' {
		p.at++
		return p.leaf("", casemate.EmptyObject)
	}
	base := len(p.path)
	for {
		if p.next() != '"' {
			return p.fail("want a name")
		}
		name, err := p.str()
		if err != nil {
			return err
		}
		if base+1+len(name) > MaxName {
			return p.fail("name longer than " + strconv.Itoa(MaxName))
		}
		if base > 0 {
			p.path = append(p.path, '.')
		}
		p.path = append(p.path, name...)
		if p.next() != ':' {
			return p.fail("want a colon")
		}
		p.at++
		if err := p.value(depth); err != nil {
			return err
		}
		p.path = p.path[:base]
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return p.fail("want a comma or a closing brace")
		}
	}
}

// array reads from its opening bracket on. Its elements share its path.
func (p *Parser) array(depth int) error {
	if depth > MaxDepth {
		return p.fail("nested deeper than " + strconv.Itoa(MaxDepth))
	}
	p.at++
	if p.next() == ']' {
		p.at++
		return p.leaf("", casemate.EmptyArray)
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return nil
		default:
			return p.fail("want a comma or a closing bracket")
		}
	}
}

func (p *Parser) value(depth int) error {
	switch c := p.next(); {
	case c == '"':
		s, err := p.str()
		if err != nil {
			return err
		}
		return p.leaf(s, casemate.String)
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, l := range [...]struct {
		word, value string
		kind        casemate.FieldKind
	}{{"true", "true", casemate.Bool}, {"false", "false", casemate.Bool}, {"null", "", casemate.Null}} {
		if strings.HasPrefix(p.text[p.at:], l.word) {
			p.at += len(l.word)
			return p.leaf(l.value, l.kind)
		}
	}
	return p.fail("want a value")
}

// leaf appends a field under the present path.
func (p *Parser) leaf(value string, kind casemate.FieldKind) error {
	if p.room--; p.room < 0 {
		return p.fail("more than " + strconv.Itoa(MaxFields) + " values")
	}
	name, known := p.names[string(p.path)]
	if !known {
		if p.budget -= len(p.path); p.budget < 0 {
			return p.fail("names too long in all")
		}
		name = string(p.path)
		if len(name) <= maxCachedLen && len(p.names) < maxCached {
			p.names[name] = name
		}
	}
	p.out = append(p.out, casemate.Field{Name: name, Value: value, Kind: kind})
	return nil
}

func (p *Parser) number() error {
	start := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	if p.digits() == 0 {
		return p.fail("want a digit")
	}
	if leading := strings.TrimPrefix(p.text[start:p.at], "-"); len(leading) > 1 && leading[0] == '0' {
		p.at = start
		return p.fail("number with a leading zero")
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if p.digits() == 0 {
			return p.fail("want a digit")
		}
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if p.digits() == 0 {
			return p.fail("want a digit")
		}
	}
	return p.leaf(p.text[start:p.at], casemate.Number)
}

// digits skips digits and returns how many.
func (p *Parser) digits() int {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// str reads a string from its opening quote on.
func (p *Parser) str() (string, error) {
	p.at++
	start := p.at
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			return p.text[start:i], nil
		case c == '\\':
			p.at = i
			return p.escaped(start)
		case c < ' ':
			p.at = i
			return "", p.fail("control character in a string")
		}
	}
	p.at = len(p.text)
	return "", p.fail("string without an end")
}

// escaped finishes a string that began at start and has its first backslash
// where the parser stands.
func (p *Parser) escaped(start int) (string, error) {
	end := p.at // find the closing quote first, to allocate once
	for end < len(p.text) && p.text[end] != '"' {
		if p.text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.text) {
		p.at = len(p.text)
		return "", p.fail("string without an end")
	}
	b := make([]byte, 0, end-start)
	b = append(b, p.text[start:p.at]...)
	for p.at < end {
		c := p.text[p.at]
		switch {
		case c < ' ':
			return "", p.fail("control character in a string")
		case c != '\\':
			b = append(b, c)
			p.at++
			continue
		}
		var err error
		if b, err = p.escape(b, end); err != nil {
			return "", err
		}
	}
	p.at = end + 1
	return string(b), nil
}

// escape decodes the one escape where the parser stands; the string ends at end.
func (p *Parser) escape(b []byte, end int) ([]byte, error) {
	const plain, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := p.text[p.at+1] // a backslash is never the last byte before end
	if i := strings.IndexByte(plain, c); i >= 0 {
		p.at += 2
		return append(b, meant[i]), nil
	}
	r, ok := hex4(p.text[p.at:end])
	if !ok {
		return nil, p.fail("invalid escape")
	}
	p.at += 6
	if utf16.IsSurrogate(r) {
		low, ok := hex4(p.text[p.at:end])
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			p.at += 6
			r = pair
		} else {
			r = utf8.RuneError
		}
	}
	return utf8.AppendRune(b, r), nil
}

// hex4 reads an escape of the form backslash, u, four hexadecimal digits.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
