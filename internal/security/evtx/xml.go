package evtx

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

var errStale = errors.New("render a record: the reader has moved on to another")

// XML returns the record as one line of XML, as Windows shows it. It must be
// called before the next call of Next.
//
// The result is well-formed whatever the file holds: characters that XML does
// not allow become U+FFFD, in names an underscore.
func (rec *Record) XML() (string, error) {
	r := rec.r
	if r == nil || r.turn != rec.turn {
		return "", errStale
	}
	// Rendering has an allowance of its own: it does not change what Next returns.
	work := r.work
	r.work = MaxWork
	defer func() { r.work = work }()
	r.text, r.values = r.text[:0], r.values[:0]
	if err := r.fragment(rec.start, rec.end, "", 0, r.visitXML); err != nil {
		return "", fmt.Errorf("render record %d: %w", rec.Number, err)
	}
	return string(r.text), nil
}

// elementXML is the visitor that writes XML. The path is not needed.
func (r *Reader) elementXML(el *element, _ string, s span, depth int) error {
	if depth >= MaxDepth {
		return errDepth
	}
	if err := r.spend(1 + len(el.content) + len(el.attrs)); err != nil {
		return err
	}
	if r.omitted(el, s) {
		return nil
	}
	v, isArray := r.array(el, s)
	if !isArray {
		return r.oneXML(el, s, depth, func() error { return r.contentXML(el, s, depth) })
	}
	b := r.bytes(v)
	of := itemType(v.typ, len(b))
	for first := true; first || len(b) > 0; first = false {
		err := r.oneXML(el, s, depth, func() error {
			if len(b) == 0 {
				return nil
			}
			var typ byte
			var item []byte
			typ, item, b = nextItem(of, b)
			start := len(r.text)
			var err error
			r.text, _, err = appendValue(r.text, typ, item)
			r.escape(start, false)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// oneXML writes an element around its content.
func (r *Reader) oneXML(el *element, s span, depth int, content func() error) error {
	before := len(r.text)
	r.text = appendXMLName(append(r.text, '<'), el.name)
	for i := range el.attrs {
		a := &el.attrs[i]
		if r.omittedParts(a.parts, s) {
			continue
		}
		r.text = append(appendXMLName(append(r.text, ' '), a.name), `="`...)
		start := len(r.text)
		var err error
		if r.text, _, err = r.appendParts(r.text, a.parts, s); err != nil {
			return fmt.Errorf("fill attribute %s: %w", brief(a.name), err)
		}
		r.escape(start, true)
		r.text = append(r.text, '"')
	}
	r.text = append(r.text, '>')
	if err := r.spend(1 + len(r.text) - before); err != nil {
		return err
	}
	start := len(r.text)
	if err := content(); err != nil {
		return err
	}
	if len(r.text) == start {
		r.text = append(r.text[:start-1], "/>"...)
		return nil
	}
	r.text = append(appendXMLName(append(r.text, "</"...), el.name), '>')
	return r.spend(len(el.name))
}

// contentXML writes the text, elements and fragments inside an element.
func (r *Reader) contentXML(el *element, s span, depth int) error {
	for i := range el.content {
		p := &el.content[i]
		var err error
		if v, ok := r.isFragment(p, s); ok {
			err = r.fragment(int(v.start), int(v.start+v.size), "", depth+1, r.visitXML)
		} else if p.kind == partElement {
			err = r.elementXML(p.child, "", s, depth+1)
		} else {
			start := len(r.text)
			r.text, _, err = r.appendParts(r.text, el.content[i:i+1], s)
			r.escape(start, false)
			if err == nil {
				err = r.spend(len(r.text) - start)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// escape replaces what XML does not allow in r.text from start on.
func (r *Reader) escape(start int, attribute bool) {
	at := start
	for at < len(r.text) && plainXML(r.text[at]) {
		at++
	}
	if at == len(r.text) {
		return
	}
	r.scratch = append(r.scratch[:0], r.text[at:]...)
	r.text = r.text[:at]
	for b := r.scratch; len(b) > 0; {
		c, size := utf8.DecodeRune(b)
		b = b[size:]
		switch {
		case c == '&':
			r.text = append(r.text, "&amp;"...)
		case c == '<':
			r.text = append(r.text, "&lt;"...)
		case c == '>':
			r.text = append(r.text, "&gt;"...)
		case c == '"' && attribute:
			r.text = append(r.text, "&quot;"...)
		case c == '\r' || attribute && (c == '\n' || c == '\t'):
			// A parser would turn these into something else.
			r.text = append(r.text, "&#x"...)
			r.text = append(r.text, hexUpper[c], ';')
		case c < ' ' && c != '\n' && c != '\t', c == 0xfffe, c == 0xffff:
			r.text = utf8.AppendRune(r.text, utf8.RuneError)
		default:
			r.text = utf8.AppendRune(r.text, c)
		}
	}
}

// plainXML reports whether a byte is never escaped.
func plainXML(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '"'
}

// appendXMLName appends a name with an underscore for each character that it
// cannot have, and for each one beyond ASCII: parsers differ on those, and
// Windows names nothing with them.
func appendXMLName(dst []byte, name string) []byte {
	for i, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.' || c == ':'):
		default:
			c = '_'
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}
