package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxNesting bounds brackets within brackets. D3FEND has two levels.
const maxNesting = 16

// triple is one statement. Names keep the form they have in the file, such as
// ":Process" or "<http://…>"; text is the value of a literal.
type triple struct {
	subject, predicate, object, text string
}

// turtle parses the part of W3C's Turtle that ontologies use: prefixed names,
// IRIs, literals, blank nodes and collections. It does not resolve prefixes and
// it drops the contents of collections.
type turtle struct {
	src    []byte
	at     int
	token  token
	blanks int
	emit   func(triple)
}

type token struct {
	kind byte // one of . ; , [ ] ( ), 'n' for a name, 's' for a literal, 0 at the end
	text string
}

// parseTurtle calls emit for every statement of a document, in its order.
func parseTurtle(src []byte, emit func(triple)) error {
	if !utf8.Valid(src) {
		return errors.New("parse turtle: not UTF-8")
	}
	p := &turtle{src: src, emit: emit}
	if err := p.document(); err != nil {
		return fmt.Errorf("parse turtle: line %d: %w", 1+bytes.Count(src[:p.at], []byte("\n")), err)
	}
	return nil
}

func (p *turtle) document() error {
	if err := p.next(); err != nil {
		return err
	}
	for p.token.kind != 0 {
		subject, err := p.node(0)
		if err != nil {
			return err
		}
		if subject.object == "@prefix" || subject.object == "@base" {
			for p.token.kind == 'n' {
				if err := p.next(); err != nil {
					return err
				}
			}
		} else if err := p.properties(subject.object, 0); err != nil {
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
func (p *turtle) properties(subject string, depth int) error {
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
			p.emit(triple{subject, predicate, object.object, object.text})
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
func (p *turtle) node(depth int) (triple, error) {
	if depth > maxNesting {
		return triple{}, fmt.Errorf("more than %d brackets within each other", maxNesting)
	}
	var t triple
	switch p.token.kind {
	case 'n':
		t.object = p.token.text
	case 's':
		t.text = p.token.text
	case '[':
		p.blanks++
		t.object = "_:" + strconv.Itoa(p.blanks)
		if err := p.next(); err != nil {
			return t, err
		}
		if err := p.properties(t.object, depth+1); err != nil {
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

func (p *turtle) unexpected(want string) error {
	if p.token.kind == 0 {
		return fmt.Errorf("the file ends before %s", want)
	}
	return fmt.Errorf("found %.40q, want %s", p.token.text, want)
}

// next reads one token.
func (p *turtle) next() error {
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
func (p *turtle) space() {
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
// Escapes stay as they are: no literal that the generator uses has one.
func (p *turtle) literal(quote byte) error {
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
func (p *turtle) suffix() error {
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
