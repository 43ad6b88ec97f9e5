package prompt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxDepth bounds how deep a schema is nested.
const maxDepth = 64

// node is a JSON value that remembers the order of its names, which is the order
// in which a model writes them, and where it stands.
type node struct {
	offset int
	raw    json.RawMessage // of what is neither object nor array
	array  bool
	names  []string // of an object
	values []*node
}

// at is an error at a place of a JSON text.
type at struct {
	offset int
	err    error
}

// Error says what is wrong.
func (e *at) Error() string { return e.err.Error() }

// parseNode reads a JSON document.
func parseNode(text []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more follows after the document")
		}
	}
	if err != nil {
		var place *at
		if errors.As(err, &place) {
			return nil, place
		}
		return nil, &at{int(d.InputOffset()), err}
	}
	return n, nil
}

// readNode reads one value.
func readNode(d *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d values inside one another", maxDepth)
	}
	token, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	n := &node{offset: int(d.InputOffset())}
	delim, ok := token.(json.Delim)
	if !ok {
		n.raw, err = json.Marshal(token)
		return n, err
	}
	n.array = delim == '['
	seen := map[string]bool{}
	for d.More() {
		if !n.array {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			if seen[name] {
				return nil, fmt.Errorf("%q stands twice", name)
			}
			seen[name] = true
			n.names = append(n.names, name)
		}
		v, err := readNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	_, err = d.Token()
	return n, err
}

// write writes the value, without white space.
func (n *node) write(b *bytes.Buffer) {
	if n.raw != nil {
		b.Write(n.raw)
		return
	}
	open, end := byte('{'), byte('}')
	if n.array {
		open, end = '[', ']'
	}
	b.WriteByte(open)
	for i, v := range n.values {
		if i > 0 {
			b.WriteByte(',')
		}
		if !n.array {
			b.Write(quoted(n.names[i]))
			b.WriteByte(':')
		}
		v.write(b)
	}
	b.WriteByte(end)
}

// spelled returns the value as text.
func spelled(n *node) string {
	var b bytes.Buffer
	n.write(&b)
	return b.String()
}

// quoted writes a string as JSON.
func quoted(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic("prompt: write a string as JSON: " + err.Error()) // strings always can
	}
	return b
}

func literal(text string) *node { return &node{raw: json.RawMessage(text)} }

func isObject(n *node) bool { return n != nil && n.raw == nil && !n.array }

// get returns the value of a name, nil where there is none.
func (n *node) get(name string) *node {
	if !isObject(n) {
		return nil
	}
	if i := slices.Index(n.names, name); i >= 0 {
		return n.values[i]
	}
	return nil
}

// text returns the string that a value is.
func (n *node) text() string {
	if n == nil || n.raw == nil {
		return ""
	}
	var s string
	if json.Unmarshal(n.raw, &s) != nil {
		return ""
	}
	return s
}

// number returns the whole number that a value is.
func (n *node) number() (int, bool) {
	if n == nil || n.raw == nil {
		return 0, false
	}
	var i int
	err := json.Unmarshal(n.raw, &i)
	return i, err == nil
}

// with returns a copy with a name set, or without it where v is nil.
func (n *node) with(name string, v *node) *node {
	c := &node{offset: n.offset, names: slices.Clone(n.names), values: slices.Clone(n.values)}
	i := slices.Index(c.names, name)
	switch {
	case i >= 0 && v == nil:
		c.names, c.values = slices.Delete(c.names, i, i+1), slices.Delete(c.values, i, i+1)
	case i >= 0:
		c.values[i] = v
	case v != nil:
		c.names, c.values = append(c.names, name), append(c.values, v)
	}
	return c
}
