package evtx

import "fmt"

// extent is where the value of a field lies in Reader.text, until the record is
// complete. It is empty where the field has its value already.
type extent struct{ start, end int }

// readFields turns the binary XML of a record into fields.
func (r *Reader) readFields(start, end int) ([]Field, error) {
	r.text, r.values = r.text[:0], r.values[:0]
	r.fields, r.extents = r.fields[:0], r.extents[:0]
	if err := r.fragment(start, end, "", 0, r.visitFields); err != nil {
		return nil, err
	}
	// One string holds all values of the record.
	text := string(r.text)
	for i, e := range r.extents {
		if e.start < e.end {
			r.fields[i].Value = text[e.start:e.end]
		}
	}
	return r.fields, nil
}

// elementFields is the visitor that emits fields.
func (r *Reader) elementFields(el *element, parent string, s span, depth int) error {
	if depth >= MaxDepth {
		return errDepth
	}
	if err := r.spend(1 + len(el.content) + len(el.attrs)); err != nil {
		return err
	}
	if r.omitted(el, s) {
		return nil
	}
	path, err := r.elementPath(el, parent, s)
	if err != nil {
		return err
	}
	before := len(r.fields)
	if err := r.attributeFields(el, path, s); err != nil {
		return err
	}
	if v, ok := r.array(el, s); ok {
		err = r.arrayFields(path, v)
	} else {
		err = r.contentFields(el, path, s, depth)
	}
	if err != nil {
		return err
	}
	if len(r.fields) == before {
		return r.emit(Field{Name: path, Kind: Null}, 0)
	}
	return nil
}

// emit adds a field whose value is that of f or the last size bytes of
// Reader.text.
func (r *Reader) emit(f Field, size int) error {
	if len(r.fields) >= MaxFields {
		return fmt.Errorf("more than %d fields", MaxFields)
	}
	r.fields = append(r.fields, f)
	r.extents = append(r.extents, extent{len(r.text) - size, len(r.text)})
	return r.spend(1)
}

func (r *Reader) attributeFields(el *element, path string, s span) error {
	for i := range el.attrs {
		a := &el.attrs[i]
		if i == el.named || r.omittedParts(a.parts, s) {
			continue
		}
		name, err := r.path(&a.at, path, ".#attributes.", a.name)
		if err != nil {
			return err
		}
		if err := r.textField(name, a.parts, s); err != nil {
			return fmt.Errorf("fill attribute %s: %w", brief(name), err)
		}
	}
	return nil
}

// textField emits the text of parts as one field.
func (r *Reader) textField(name string, parts []part, s span) error {
	if len(parts) == 0 {
		return r.emit(Field{Name: name, Kind: String}, 0)
	}
	if len(parts) == 1 && parts[0].kind == partText {
		return r.emit(Field{Name: name, Value: parts[0].text, Kind: String}, 0)
	}
	start := len(r.text)
	var kind Kind
	var err error
	if r.text, kind, err = r.appendParts(r.text, parts, s); err != nil {
		return err
	}
	return r.emit(Field{Name: name, Kind: kind}, len(r.text)-start)
}

// arrayFields emits one field for each item of an array.
func (r *Reader) arrayFields(path string, v value) error {
	b := r.bytes(v)
	if len(b) == 0 {
		return r.emit(Field{Name: path, Kind: Null}, 0)
	}
	of := itemType(v.typ, len(b))
	for len(b) > 0 {
		var typ byte
		var item []byte
		typ, item, b = nextItem(of, b)
		start := len(r.text)
		var kind Kind
		var err error
		if r.text, kind, err = appendValue(r.text, typ, item); err != nil {
			return fmt.Errorf("fill %s: %w", brief(path), err)
		}
		if err := r.spend(len(r.text) - start); err != nil {
			return err
		}
		if err := r.emit(Field{Name: path, Kind: kind}, len(r.text)-start); err != nil {
			return err
		}
	}
	return nil
}

// contentFields emits the text, elements and fragments inside an element.
// Text is one field up to the next element; white space between elements is
// none.
func (r *Reader) contentFields(el *element, path string, s span, depth int) error {
	run := 0 // where the text that is not yet emitted begins
	flush := func(end int) error {
		parts := el.content[run:end]
		run = end + 1
		if len(parts) == 0 || len(parts) < len(el.content) && blank(parts) {
			return nil
		}
		if err := r.textField(path, parts, s); err != nil {
			return fmt.Errorf("fill %s: %w", brief(path), err)
		}
		return nil
	}
	for i := range el.content {
		p := &el.content[i]
		v, isFragment := r.isFragment(p, s)
		if p.kind != partElement && !isFragment {
			continue
		}
		if err := flush(i); err != nil {
			return err
		}
		var err error
		if isFragment {
			err = r.fragment(int(v.start), int(v.start+v.size), path, depth+1, r.visitFields)
		} else {
			err = r.elementFields(p.child, path, s, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return flush(len(el.content))
}

// blank reports whether parts are nothing but white space.
func blank(parts []part) bool {
	for i := range parts {
		if !parts[i].blank {
			return false
		}
	}
	return true
}

// elementPath returns the path of an element. A Data whose name is a value is
// looked up each time.
func (r *Reader) elementPath(el *element, parent string, s span) (string, error) {
	if el.key != "" {
		return r.path(&el.at, parent, ".", el.key)
	}
	start := len(r.text)
	var err error
	r.text, _, err = r.appendParts(r.text, el.attrs[el.named].parts, s)
	key := string(r.text[start:])
	r.text = r.text[:start]
	if err != nil {
		return "", fmt.Errorf("read the name of a Data: %w", err)
	}
	if key == "" {
		key = el.name
	}
	return r.path(&place{}, parent, ".", key)
}

// path joins a parent's path and a name. The place keeps the last result.
func (r *Reader) path(at *place, parent, separator, name string) (string, error) {
	if at.path != "" && at.parent == parent {
		return at.path, nil
	}
	if parent == "" {
		separator = ""
	}
	if len(parent)+len(separator)+len(name) > MaxPath {
		return "", fmt.Errorf("a path of more than %d bytes", MaxPath)
	}
	r.scratch = append(append(append(r.scratch[:0], parent...), separator...), name...)
	if err := r.spend(len(r.scratch)); err != nil {
		return "", err
	}
	at.parent, at.path = parent, r.intern(r.scratch)
	return at.path, nil
}
