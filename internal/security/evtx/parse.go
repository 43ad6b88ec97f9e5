package evtx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The tokens of the binary XML, without tokenMore.
const (
	tokenEOF          = 0x00
	tokenOpen         = 0x01
	tokenCloseStart   = 0x02
	tokenCloseEmpty   = 0x03
	tokenEnd          = 0x04
	tokenText         = 0x05
	tokenAttribute    = 0x06
	tokenCDATA        = 0x07
	tokenCharRef      = 0x08
	tokenEntityRef    = 0x09
	tokenPITarget     = 0x0a
	tokenPIData       = 0x0b
	tokenInstance     = 0x0c
	tokenSubstitution = 0x0d
	tokenOptional     = 0x0e
	tokenFragment     = 0x0f

	// tokenMore is set on a token that another of its sort follows, and on an
	// element that has attributes.
	tokenMore = 0x40
)

// noDependency is the dependency of an element that is always rendered.
const noDependency = 0xffff

var (
	errWork  = errors.New("the chunk expands to more than the limit")
	errDepth = fmt.Errorf("more than %d elements deep", MaxDepth)
	errShort = errors.New("the data ends too early")
)

// element is one element of a compiled template or of a plain fragment.
type element struct {
	name       string // as written
	key        string // the last part of its path: its name, or the Name of a Data
	dependency int    // the substitution that must not be null, or noDependency
	named      int    // the attribute that takes part in the path, or -1
	optional   bool   // the content has an optional substitution
	attrs      []attribute
	content    []part
	at         place
}

// attribute is one attribute of an element.
type attribute struct {
	name  string
	parts []part
	at    place
}

// place remembers the path of a node under the parent it was last seen with.
// A template nearly always stands under the same parent.
type place struct{ parent, path string }

// partKind tells what a part of an element's content or an attribute is.
type partKind uint8

const (
	partText partKind = iota
	partSubstitution
	partOptional
	partElement
)

// part is a piece of content. Text, CDATA, and character and entity references
// that stand together are one piece of text.
type part struct {
	kind  partKind
	blank bool // text that is nothing but white space
	text  string
	index int
	child *element
}

// parser reads binary XML from b[pos:end], where b is the whole chunk.
type parser struct {
	r          *Reader
	b          []byte
	pos, end   int
	inTemplate bool // elements of templates have a dependency, others have not
}

// take returns the next n bytes.
func (p *parser) take(n int) ([]byte, error) {
	if n < 0 || n > p.end-p.pos {
		return nil, errShort
	}
	p.pos += n
	return p.b[p.pos-n : p.pos], nil
}

func (p *parser) byte() (byte, error) {
	b, err := p.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (p *parser) uint16() (int, error) {
	b, err := p.take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.LittleEndian.Uint16(b)), nil
}

func (p *parser) uint32() (int, error) {
	b, err := p.take(4)
	if err != nil {
		return 0, err
	}
	return int(binary.LittleEndian.Uint32(b)), nil
}

// name reads a reference to a name: an offset in the chunk. Where that is the
// very next byte, the name stands here and is passed over. A stored name also
// has the offset of the next one with the same hash, which is never followed.
func (p *parser) name() (string, error) {
	offset, err := p.uint32()
	if err != nil {
		return "", fmt.Errorf("read a name: %w", err)
	}
	const header = 8 // next name, hash, count
	if offset < chunkHeaderSize || offset > len(p.b)-header {
		return "", fmt.Errorf("read a name: offset %d lies outside the chunk", offset)
	}
	count := int(binary.LittleEndian.Uint16(p.b[offset+6:]))
	if count == 0 || count > MaxName {
		return "", fmt.Errorf("read a name: %d characters", count)
	}
	size := header + 2*count
	if size > len(p.b)-offset {
		return "", fmt.Errorf("read a name: %w", errShort)
	}
	if offset == p.pos {
		if _, err := p.take(size + 2); err != nil { // with its terminator
			return "", fmt.Errorf("read a name: %w", err)
		}
	}
	p.r.scratch = appendUTF16(p.r.scratch[:0], p.b[offset+header:offset+size])
	if err := p.r.spend(len(p.r.scratch)); err != nil {
		return "", err
	}
	return p.r.intern(p.r.scratch), nil
}

// element reads an element whose token has been read.
func (p *parser) element(token byte, depth int) (*element, error) {
	if depth >= MaxDepth {
		return nil, errDepth
	}
	if err := p.r.spend(1); err != nil {
		return nil, err
	}
	el := &element{dependency: noDependency, named: -1}
	if err := p.start(el); err != nil {
		return nil, fmt.Errorf("read an element: %w", err)
	}
	if token&tokenMore != 0 {
		if err := p.attributes(el); err != nil {
			return nil, fmt.Errorf("read the attributes of %s: %w", brief(el.name), err)
		}
	}
	el.setKey()
	token, err := p.byte()
	if err == nil && token != tokenCloseEmpty && token != tokenCloseStart {
		err = fmt.Errorf("unexpected token 0x%02x", token)
	}
	if err != nil {
		return nil, fmt.Errorf("read element %s: %w", brief(el.name), err)
	}
	if token == tokenCloseStart {
		if err := p.content(el, depth+1); err != nil {
			return nil, err
		}
	}
	return el, nil
}

// start reads the fixed fields of an element: the dependency, the size and the
// name. Only elements of templates have a dependency; the rest is told apart by
// what its fields would mean, because some writers put one there as well.
func (p *parser) start(el *element) error {
	dependency := p.inTemplate || !p.plausibleStart(p.pos) && p.plausibleStart(p.pos+2)
	if dependency {
		index, err := p.uint16()
		if err != nil {
			return err
		}
		el.dependency = index
	}
	// The size is not needed: the tokens tell where the element ends.
	if _, err := p.uint32(); err != nil {
		return err
	}
	var err error
	el.name, err = p.name()
	return err
}

// plausibleStart reports whether the size and the name of an element can stand
// at a position.
func (p *parser) plausibleStart(at int) bool {
	if at > p.end-8 {
		return false
	}
	size := uint64(binary.LittleEndian.Uint32(p.b[at:]))
	name := uint64(binary.LittleEndian.Uint32(p.b[at+4:]))
	return size <= uint64(p.end-at-4) && name >= chunkHeaderSize && name <= uint64(len(p.b)-8)
}

// attributes reads an element's list of attributes.
func (p *parser) attributes(el *element) error {
	size, err := p.uint32()
	if err != nil {
		return err
	}
	if size > p.end-p.pos {
		return fmt.Errorf("a list of %d bytes: %w", size, errShort)
	}
	for p.pos < p.end && p.b[p.pos]&^tokenMore == tokenAttribute {
		p.pos++
		if err := p.r.spend(1); err != nil {
			return err
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		parts, err := p.text(nil)
		if err != nil {
			return fmt.Errorf("read attribute %s: %w", brief(name), err)
		}
		el.attrs = append(el.attrs, attribute{name: name, parts: parts})
	}
	return nil
}

// setKey gives <Data Name="x"> the key x. A name that is not constant has to
// wait for the values.
func (el *element) setKey() {
	el.key = el.name
	if el.name != "Data" {
		return
	}
	for i, a := range el.attrs {
		if a.name != "Name" || len(a.parts) == 0 {
			continue
		}
		el.named = i
		if len(a.parts) == 1 && a.parts[0].kind == partText {
			el.key = a.parts[0].text
		} else {
			el.key = ""
		}
		return
	}
}

// content reads what stands between an element's start and its end. An error
// names the innermost element only: hostile files nest deep.
func (p *parser) content(el *element, depth int) error {
	for {
		var token byte
		var err error
		if el.content, err = p.text(el.content); err == nil {
			token, err = p.byte()
		}
		if err == nil {
			switch token &^ tokenMore {
			case tokenEnd:
				for _, part := range el.content {
					el.optional = el.optional || part.kind == partOptional
				}
				return nil
			case tokenOpen:
				child, err := p.element(token, depth)
				if err != nil {
					return err
				}
				el.content = append(el.content, part{kind: partElement, child: child})
			case tokenPITarget:
				err = p.instruction()
			default:
				err = fmt.Errorf("unexpected token 0x%02x", token)
			}
		}
		if err != nil {
			return fmt.Errorf("read element %s: %w", brief(el.name), err)
		}
	}
}

// text reads text, references and substitutions up to any other token and
// appends them to parts.
func (p *parser) text(parts []part) ([]part, error) {
	p.r.constant = p.r.constant[:0]
	for p.pos < p.end {
		var err error
		switch token := p.b[p.pos] &^ tokenMore; token {
		case tokenText, tokenCDATA:
			p.pos++
			err = p.characters(token)
		case tokenCharRef:
			p.pos++
			var c int
			c, err = p.uint16()
			p.r.constant = utf8.AppendRune(p.r.constant, rune(c))
		case tokenEntityRef:
			p.pos++
			err = p.entity()
		case tokenSubstitution, tokenOptional:
			p.pos++
			parts = p.flush(parts)
			parts, err = p.substitution(parts, token)
		default:
			return p.flush(parts), nil
		}
		if err != nil {
			return nil, err
		}
		if err := p.r.spend(1); err != nil {
			return nil, err
		}
	}
	return p.flush(parts), nil
}

// flush appends the text collected so far as one part.
func (p *parser) flush(parts []part) []part {
	if len(p.r.constant) > 0 {
		blank := len(bytes.Trim(p.r.constant, " \t\r\n")) == 0
		parts = append(parts, part{kind: partText, blank: blank, text: string(p.r.constant)})
		p.r.constant = p.r.constant[:0]
	}
	return parts
}

// characters reads counted UTF-16 and adds it to the text collected so far.
// Text begins with the type of the value, which must be a string.
func (p *parser) characters(token byte) error {
	if token == tokenText {
		typ, err := p.byte()
		if err != nil {
			return fmt.Errorf("read text: %w", err)
		}
		if typ != typeString {
			return fmt.Errorf("read text: unexpected type 0x%02x", typ)
		}
	}
	count, err := p.uint16()
	if err != nil {
		return fmt.Errorf("read text: %w", err)
	}
	b, err := p.take(2 * count)
	if err != nil {
		return fmt.Errorf("read text of %d characters: %w", count, err)
	}
	p.r.constant = appendUTF16(p.r.constant, b)
	return p.r.spend(count)
}

// entity reads a reference to an entity. Only the five of XML itself have a
// meaning here; another one is kept as it would be written.
func (p *parser) entity() error {
	name, err := p.name()
	if err != nil {
		return fmt.Errorf("read an entity: %w", err)
	}
	text := "&" + name + ";"
	switch name {
	case "amp":
		text = "&"
	case "lt":
		text = "<"
	case "gt":
		text = ">"
	case "quot":
		text = `"`
	case "apos":
		text = "'"
	}
	p.r.constant = append(p.r.constant, text...)
	return nil
}

// substitution reads a hole. The type it declares is not needed: the value
// that fills it has its own.
func (p *parser) substitution(parts []part, token byte) ([]part, error) {
	index, err := p.uint16()
	if err == nil {
		_, err = p.byte()
	}
	if err != nil {
		return nil, fmt.Errorf("read a substitution: %w", err)
	}
	if !p.inTemplate {
		return nil, errors.New("read a substitution: it stands outside a template")
	}
	kind := partSubstitution
	if token == tokenOptional {
		kind = partOptional
	}
	return append(parts, part{kind: kind, index: index}), nil
}

// instruction passes over a processing instruction behind its first token. It
// is an order to a program that reads the XML, never a part of the event.
func (p *parser) instruction() error {
	_, err := p.name()
	if err == nil {
		err = p.r.spend(1)
	}
	if err == nil && p.pos < p.end && p.b[p.pos] == tokenPIData {
		p.pos++
		err = p.characters(tokenPIData)
		p.r.constant = p.r.constant[:0]
	}
	if err != nil {
		return fmt.Errorf("read a processing instruction: %w", err)
	}
	return nil
}

// template returns the compiled template whose definition begins at offset,
// and the position behind the definition.
func (r *Reader) template(offset int) (*element, int, error) {
	const header = 24 // next definition, GUID, size
	b := r.chunk.data()
	if offset < chunkHeaderSize || offset > len(b)-header {
		return nil, 0, fmt.Errorf("read a template: offset %d lies outside the chunk", offset)
	}
	size := uint64(binary.LittleEndian.Uint32(b[offset+20:]))
	if size > uint64(len(b)-offset-header) {
		return nil, 0, fmt.Errorf("read the template at %d: %d bytes: %w", offset, size, errShort)
	}
	end := offset + header + int(size)
	if root, ok := r.templates[offset]; ok {
		return root, end, nil
	}
	p := parser{r: r, b: b, pos: offset + header, end: end, inTemplate: true}
	root, err := p.definition()
	if err != nil {
		return nil, 0, fmt.Errorf("read the template at %d: %w", offset, err)
	}
	r.templates[offset] = root
	return root, end, nil
}

// definition reads a template: a fragment header and one element.
func (p *parser) definition() (*element, error) {
	token, err := p.byte()
	if err == nil && token == tokenFragment {
		if _, err = p.take(3); err == nil {
			token, err = p.byte()
		}
	}
	if err != nil {
		return nil, err
	}
	if token&^tokenMore != tokenOpen {
		return nil, fmt.Errorf("unexpected token 0x%02x", token)
	}
	return p.element(token, 0)
}
