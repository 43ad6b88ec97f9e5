package evtx

import (
	"fmt"
	"slices"
)

// span is a run of values in Reader.values: those of one template instance.
// Instances nest, so the values are a stack.
type span struct{ base, count int }

// value returns the value that fills a hole. A hole without one is null.
func (r *Reader) value(s span, index int) value {
	if index >= s.count {
		return value{}
	}
	return r.values[s.base+index]
}

// isNull reports whether a hole is filled with the null type.
func (r *Reader) isNull(s span, index int) bool {
	return r.value(s, index).typ == typeNull
}

// bytes returns the bytes of a value.
func (r *Reader) bytes(v value) []byte {
	return r.chunk.buf[v.start : v.start+v.size]
}

// visitor is what becomes of an element: fields or XML. It is given the
// element, the path of its parent, the values that fill it, and the depth.
type visitor func(el *element, parent string, s span, depth int) error

// fragment visits the elements of a fragment of binary XML.
func (r *Reader) fragment(start, end int, parent string, depth int, visit visitor) error {
	if depth >= MaxDepth {
		return errDepth
	}
	p := parser{r: r, b: r.chunk.data(), pos: start, end: end}
	for p.pos < p.end {
		if err := r.spend(1); err != nil {
			return err
		}
		token := p.b[p.pos]
		p.pos++
		var err error
		switch token &^ tokenMore {
		case tokenEOF:
			return nil
		case tokenFragment:
			_, err = p.take(3)
		case tokenPITarget:
			err = p.instruction()
		case tokenOpen:
			var el *element
			if el, err = p.element(token, depth); err == nil {
				err = visit(el, parent, span{}, depth)
			}
		case tokenInstance:
			err = r.instance(&p, parent, depth, visit)
		default:
			err = fmt.Errorf("read a fragment: unexpected token 0x%02x", token)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// instance reads a template instance behind its token, fills the template with
// its values and visits the result.
func (r *Reader) instance(p *parser, parent string, depth int, visit visitor) error {
	head, err := p.take(9) // version, template id, offset of the definition
	if err != nil {
		return fmt.Errorf("read a template instance: %w", err)
	}
	offset := int(uint32(head[5]) | uint32(head[6])<<8 | uint32(head[7])<<16 | uint32(head[8])<<24)
	root, end, err := r.template(offset)
	if err != nil {
		return err
	}
	if offset == p.pos { // the definition stands here
		if end > p.end {
			return fmt.Errorf("read the template at %d: %w", offset, errShort)
		}
		p.pos = end
	}
	base := len(r.values)
	defer func() { r.values = r.values[:base] }()
	if err := r.readValues(p); err != nil {
		return fmt.Errorf("read the values of the template at %d: %w", offset, err)
	}
	return visit(root, parent, span{base, len(r.values) - base}, depth)
}

// readValues reads the values of an instance: their count, a descriptor for
// each, and their bytes one behind the other.
func (r *Reader) readValues(p *parser) error {
	count, err := p.uint32()
	if err != nil {
		return err
	}
	if count < 0 || count > (p.end-p.pos)/4 { // negative where int has 32 bits
		return fmt.Errorf("%d values: %w", count, errShort)
	}
	if err := r.spend(count); err != nil {
		return err
	}
	descriptors, err := p.take(4 * count)
	if err != nil {
		return err
	}
	r.values = slices.Grow(r.values, count)
	for i := range count {
		d := descriptors[4*i:]
		size := int(d[0]) | int(d[1])<<8
		if size > p.end-p.pos {
			return fmt.Errorf("value %d of %d bytes: %w", i, size, errShort)
		}
		r.values = append(r.values, value{start: int32(p.pos), size: int32(size), typ: d[2]})
		p.pos += size
	}
	return nil
}

// omitted reports whether Windows would leave the element out: a value that it
// depends on, or an optional one in its content, is null.
func (r *Reader) omitted(el *element, s span) bool {
	if el.dependency != noDependency && r.isNull(s, el.dependency) {
		return true
	}
	return el.optional && r.omittedParts(el.content, s)
}

// omittedParts reports whether an optional value among the parts is null.
func (r *Reader) omittedParts(parts []part, s span) bool {
	for i := range parts {
		if parts[i].kind == partOptional && r.isNull(s, parts[i].index) {
			return true
		}
	}
	return false
}

// array returns the array that is an element's whole content: the element
// stands once for each of its items.
func (r *Reader) array(el *element, s span) (value, bool) {
	if len(el.content) != 1 {
		return value{}, false
	}
	if k := el.content[0].kind; k != partSubstitution && k != partOptional {
		return value{}, false
	}
	v := r.value(s, el.content[0].index)
	return v, v.typ&typeArray != 0
}

// isFragment reports whether a part is filled with binary XML.
func (r *Reader) isFragment(p *part, s span) (value, bool) {
	if p.kind != partSubstitution && p.kind != partOptional {
		return value{}, false
	}
	v := r.value(s, p.index)
	return v, v.typ == typeBinXML
}

// appendParts appends the text of parts that are neither elements nor
// fragments, and pays for it. One value alone has its own kind; all else is
// text.
func (r *Reader) appendParts(dst []byte, parts []part, s span) ([]byte, Kind, error) {
	kind := Null
	for i := range parts {
		p := &parts[i]
		partKind := String
		before := len(dst)
		var err error
		switch p.kind {
		case partText:
			dst = append(dst, p.text...)
		case partSubstitution, partOptional:
			dst, partKind, err = r.appendAny(dst, r.value(s, p.index))
		default:
			continue
		}
		if err == nil {
			err = r.spend(1 + len(dst) - before)
		}
		if err != nil {
			return dst, kind, err
		}
		if kind == Null {
			kind = partKind
		} else if partKind != Null {
			kind = String
		}
	}
	return dst, kind, nil
}

// appendAny appends a value of any type. Where an array cannot repeat its
// element its items are joined by commas, and where a fragment cannot stand it
// is shown as binary data.
func (r *Reader) appendAny(dst []byte, v value) ([]byte, Kind, error) {
	b := r.bytes(v)
	if v.typ == typeBinXML {
		return appendBinary(dst, b), String, nil
	}
	if v.typ&typeArray == 0 {
		return appendValue(dst, v.typ, b)
	}
	if len(b) == 0 {
		return dst, Null, nil
	}
	of := itemType(v.typ, len(b))
	for first := true; len(b) > 0; first = false {
		var typ byte
		var item []byte
		typ, item, b = nextItem(of, b)
		if !first {
			dst = append(dst, ',')
		}
		var err error
		if dst, _, err = appendValue(dst, typ, item); err != nil {
			return dst, String, err
		}
	}
	return dst, String, nil
}
