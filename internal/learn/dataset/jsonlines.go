package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// lines reads JSON lines: an object on each.
func (p *parser) lines(text string) error {
	line := 0
	for len(text) > 0 {
		var raw string
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			raw, text = text[:end], text[end+1:]
		} else {
			raw, text = text, ""
		}
		line++
		if raw = strings.TrimSpace(raw); raw == "" {
			continue
		}
		number, err := p.next()
		if err != nil {
			return err
		}
		p.object(number, line, raw)
	}
	return nil
}

// document reads an array of objects.
func (p *parser) document(text string) error {
	dec := json.NewDecoder(strings.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return p.notJSON()
	}
	counted, line := 0, 1
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return p.notJSON()
		}
		begin := int(dec.InputOffset()) - len(raw)
		line += strings.Count(text[counted:begin], "\n")
		counted = begin
		number, err := p.next()
		if err != nil {
			return err
		}
		p.object(number, line, string(raw))
	}
	if _, err := dec.Token(); err != nil {
		return p.notJSON()
	}
	return nil
}

func (p *parser) notJSON() error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: it begins as a JSON array and is none", p.name), Hint: "write an object a line"}
}

// object adds a row of JSON. Nested keys are joined by dots.
func (p *parser) object(number, line int, raw string) {
	if len(raw) > MaxCell {
		p.skip(number, line, fmt.Sprintf("more than %d KiB", MaxCell>>10))
		return
	}
	if deep(raw) {
		p.skip(number, line, fmt.Sprintf("JSON nested deeper than %d", MaxDepth))
		return
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	var top map[string]any
	if err := dec.Decode(&top); err != nil || top == nil {
		p.skip(number, line, "no JSON object")
		return
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		p.skip(number, line, "more than one JSON object on a line")
		return
	}
	row := make([]cell, 0, len(p.sheet.columns))
	if !p.flatten(&row, "", top) {
		p.skip(number, line, fmt.Sprintf("keys beyond %d columns", MaxColumns))
		return
	}
	p.add(number, line, row)
}

// flatten puts an object's values into the cells of its row.
func (p *parser) flatten(row *[]cell, prefix string, object map[string]any) bool {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys) // a map has no order, and columns have one
	for _, k := range keys {
		if nested, ok := object[k].(map[string]any); ok {
			if !p.flatten(row, prefix+k+".", nested) {
				return false
			}
			continue
		}
		name := prefix + k
		if len(name) > MaxName {
			name = name[:MaxName]
		}
		i := p.sheet.column(strings.ToValidUTF8(name, ""))
		if i < 0 {
			return false
		}
		for len(*row) <= i {
			*row = append(*row, cell{})
		}
		(*row)[i] = cellOf(object[k])
	}
	return true
}

// cellOf makes a cell of a JSON value that is no object.
func cellOf(v any) cell {
	switch v := v.(type) {
	case nil:
		return cell{}
	case string:
		return cell{text: v}
	case json.Number:
		return cell{text: v.String()}
	case bool:
		return cell{text: fmt.Sprint(v)}
	case []any:
		return cell{any: v, text: jsonText(v)}
	default:
		return cell{any: v, text: jsonText(v)}
	}
}

// list returns the scalars of a cell that is a list of nothing else.
func (c *cell) list() ([]string, bool) {
	v, ok := c.any.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(v))
	for _, e := range v {
		s := cellOf(e)
		if s.any != nil {
			return nil, false
		}
		if s.text != "" {
			out = append(out, s.text)
		}
	}
	return out, true
}

func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// deep reports whether brackets outside strings nest deeper than MaxDepth.
func deep(raw string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
