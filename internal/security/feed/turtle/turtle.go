// Package turtle reads the part of W3C's Turtle that ontologies use.
package turtle

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds brackets within brackets. D3FEND has two levels.
const maxNesting = 16

// Triple is one statement. Names keep the form they have in the file, such as
// ":Process" or "<http://…>"; Text is the value of a literal, escapes and all:
// see Unescape.
type Triple struct {
	Subject, Predicate, Object, Text string
}

// parser is the state of Parse.
type parser struct {
	src    []byte
	at     int
	token  token
	blanks int
	emit   func(Triple)
}

type token struct {
	kind byte // one of . ; , [ ] ( ), 'n' for a name, 's' for a literal, 0 at the end
	text string
}

// Parse calls emit for every statement of a document, in its order: prefixed
// names, IRIs, literals, blank nodes and collections. It does not resolve
// prefixes and it drops the contents of collections.
func Parse(src []byte, emit func(Triple)) error {
	if !utf8.Valid(src) {
		return errors.New("parse turtle: not UTF-8")
	}
	p := &parser{src: src, emit: emit}
	if err := p.document(); err != nil {
		return fmt.Errorf("parse turtle: line %d: %w", 1+bytes.Count(src[:p.at], []byte("\n")), err)
	}
	return nil
}

func (p *parser) document() error {
	if err := p.next(); err != nil {
		return err
	}
	for p.token.kind != 0 {
		subject, err := p.node(0)
		if err != nil {
			return err
		}
		if subject.Object == "@prefix" || subject.Object == "@base" {
			for p.token.kind == 'n' {
				if err := p.next(); err != nil {
					return err
				}
			}
		} else if err := p.properties(subject.Object, 0); err != nil {
			return err
		}
		if p.token.kind != '.' {
			return p.unexpected("a full stop")
		}
		if err := p.next(); err != nil {
			return err
		}
	}
	return nil
}

// properties reads "predicate object, object; predicate object …".
func (p *parser) properties(subject string, depth int) error {
	for p.token.kind == 'n' {
		predicate := p.token.text
		if err := p.next(); err != nil {
			return err
		}
		for {
			object, err := p.node(depth)
			if err != nil {
				return err
			}
			p.emit(Triple{subject, predicate, object.Object, object.Text})
			if p.token.kind != ',' {
				break
			}
			if err := p.next(); err != nil {
				return err
			}
		}
		if p.token.kind != ';' {
			return nil
		}
		for p.token.kind == ';' {
			if err := p.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// node reads a subject or an object, with what brackets hold.
func (p *parser) node(depth int) (Triple, error) {
	if depth > maxNesting {
		return Triple{}, fmt.Errorf("more than %d brackets within each other", maxNesting)
	}
	var t Triple
	switch p.token.kind {
	case 'n':
		t.Object = p.token.text
	case 's':
		t.Text = p.token.text
	case '[':
		p.blanks++
		t.Object = "_:" + strconv.Itoa(p.blanks)
		if err := p.next(); err != nil {
			return t, err
		}
		if err := p.properties(t.Object, depth+1); err != nil {
			return t, err
		}
		if p.token.kind != ']' {
			return t, p.unexpected("a closing bracket")
		}
	case '(':
		if err := p.next(); err != nil {
			return t, err
		}
		for p.token.kind != ')' {
			if _, err := p.node(depth + 1); err != nil {
				return t, err
			}
		}
	default:
		return t, p.unexpected("a name or a value")
	}
	return t, p.next()
}

func (p *parser) unexpected(want string) error {
	if p.token.kind == 0 {
		return fmt.Errorf("the file ends before %s", want)
	}
	return fmt.Errorf("found %.40q, want %s", p.token.text, want)
}

// next reads one token.
func (p *parser) next() error {
	p.space()
	if p.at == len(p.src) {
		p.token = token{}
		return nil
	}
	switch c := p.src[p.at]; c {
	case '[', ']', '(', ')', ',', ';', '.':
		p.token = token{c, string(c)}
		p.at++
		return nil
	case '"', '\'':
		return p.literal(c)
	case '<':
		end := bytes.IndexByte(p.src[p.at:], '>')
		if end < 0 {
			return errors.New("an IRI does not end")
		}
		p.token = token{'n', string(p.src[p.at : p.at+end+1])}
		p.at += end + 1
		return nil
	}
	start := p.at
	p.at = nameEnd(p.src, p.at)
	if p.at == start {
		return fmt.Errorf("unexpected %q", p.src[start])
	}
	p.token = token{'n', string(p.src[start:p.at])}
	return nil
}

// space skips blanks and comments.
func (p *parser) space() {
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.at++
		case c == '#':
			end := bytes.IndexByte(p.src[p.at:], '\n')
			if end < 0 {
				end = len(p.src) - p.at
			}
			p.at += end
		default:
			return
		}
	}
}

// nameEnd returns where a name, number or keyword ends. A full stop belongs to it
// only if more of it follows.
func nameEnd(src []byte, at int) int {
	for at < len(src) {
		switch src[at] {
		case ' ', '\t', '\n', '\r', '[', ']', '(', ')', ',', ';', '"', '\'', '<', '#':
			return at
		case '.':
			if at+1 == len(src) || bytes.IndexByte([]byte(" \t\r\n#"), src[at+1]) >= 0 {
				return at
			}
		case '\\':
			at++ // an escaped byte is part of the name
		}
		at++
	}
	return min(at, len(src))
}

// literal reads a string in one or three quotes, with its language or type.
// Escapes stay as they are.
func (p *parser) literal(quote byte) error {
	mark := []byte{quote}
	if triple := bytes.Repeat(mark, 3); bytes.HasPrefix(p.src[p.at:], triple) {
		mark = triple
	}
	start := p.at + len(mark)
	for end := start; end < len(p.src); end++ {
		if p.src[end] == '\\' {
			end++
			continue
		}
		if bytes.HasPrefix(p.src[end:], mark) {
			p.token = token{'s', string(p.src[start:end])}
			p.at = end + len(mark)
			return p.suffix()
		}
	}
	return errors.New("a string does not end")
}

// suffix skips "@en" or "^^xsd:date" behind a literal.
func (p *parser) suffix() error {
	rest := p.src[p.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("@")):
		p.at = nameEnd(p.src, p.at)
	case bytes.HasPrefix(rest, []byte("^^")):
		start := p.at + 2
		if p.at = nameEnd(p.src, start); p.at > start {
			return nil
		}
		end := bytes.IndexByte(p.src[start:], '>')
		if !bytes.HasPrefix(p.src[start:], []byte("<")) || end < 0 {
			return errors.New("a value has no type behind ^^")
		}
		p.at = start + end + 1
	}
	return nil
}

// Unescape resolves the escapes of a literal. What is no escape stays.
func Unescape(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 't':
			out.WriteByte('\t')
		case 'n', 'r':
			out.WriteByte('\n')
		case 'b', 'f':
			out.WriteByte(' ')
		case 'u', 'U':
			i += codepoint(&out, s[i:])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// codepoint writes what "u00e9" or "U0001F600" stands for, and returns the
// number of digits that it used.
func codepoint(out *strings.Builder, s string) int {
	digits := 4
	if s[0] == 'U' {
		digits = 8
	}
	if len(s) > digits {
		if n, err := strconv.ParseUint(s[1:1+digits], 16, 32); err == nil && n <= utf8.MaxRune {
			out.WriteRune(rune(n))
			return digits
		}
	}
	out.WriteString("\\" + s[:1])
	return 0
}
