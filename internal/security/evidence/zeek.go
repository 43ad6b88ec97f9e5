package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
)

// zeekHeader is what the lines before the rows of a Zeek log say.
type zeekHeader struct {
	separator, set, empty, unset string
	path                         string
	names, types                 []string
}

// readZeek reads Zeek's tables. A header in the midst of a stream replaces the
// one before: logs of several kinds may have been joined.
func (r *room) readZeek() {
	h := zeekHeader{separator: "\t", set: ",", empty: "(empty)", unset: "-"}
	r.eachLine(func(line []byte, number int, offset int64) bool {
		if line[0] == '#' {
			if err := h.read(string(line)); err != nil {
				r.fault(number, 0, offset, err.Error())
			}
			return true
		}
		raw := r.text(bytes.TrimRight(line, "\r"))
		if len(h.names) == 0 {
			r.fault(number, 0, offset, "a row before the names of the fields")
			return true
		}
		a := r.alert("zeek", raw, number)
		var err error
		if a.Fields, err = h.row(raw); err != nil {
			r.fault(number, r.record, offset, err.Error())
			return true
		}
		return r.mapped(a, line, offset)
	})
}

// read takes one line of the header.
func (h *zeekHeader) read(line string) error {
	key, value, _ := strings.Cut(line, h.separator)
	if k, v, ok := strings.Cut(line, " "); ok && k == "#separator" {
		key, value = k, v
	}
	switch key {
	case "#separator":
		s, err := strconv.Unquote(`"` + strings.TrimSpace(value) + `"`)
		if err != nil || s == "" {
			return errors.New("the separator of the fields cannot be read")
		}
		h.separator = s
	case "#set_separator":
		h.set = value
	case "#empty_field":
		h.empty = value
	case "#unset_field":
		h.unset = value
	case "#path":
		h.path = strings.Clone(value)
	case "#fields":
		h.names, h.types = strings.Split(strings.Clone(value), h.separator), nil
		if len(h.names) > maxColumns {
			h.names = nil
			return fmt.Errorf("more than %d fields", maxColumns)
		}
	case "#types":
		h.types = strings.Split(strings.Clone(value), h.separator)
	}
	return nil
}

// row makes the fields of a row, and adds the log's name as Zeek's JSON has it.
func (h *zeekHeader) row(raw string) ([]casemate.Field, error) {
	fields := make([]casemate.Field, 0, len(h.names)+1)
	if h.path != "" {
		fields = append(fields, casemate.Field{Name: "_path", Value: h.path})
	}
	for i, name := range h.names {
		value, rest, more := strings.Cut(raw, h.separator)
		typ := ""
		if i < len(h.types) {
			typ = h.types[i]
		}
		fields = h.cell(fields, name, typ, value)
		if raw = rest; !more && i < len(h.names)-1 {
			return nil, fmt.Errorf("%d values where the header has %d", i+1, len(h.names))
		}
	}
	return fields, nil
}

func (h *zeekHeader) cell(fields []casemate.Field, name, typ, value string) []casemate.Field {
	kind := casemate.String
	switch typ {
	case "count", "int", "double", "time", "interval", "port":
		kind = casemate.Number
	case "bool":
		kind = casemate.Bool
		value = map[string]string{"T": "true", "F": "false"}[value]
	}
	switch value {
	case h.unset, "":
		return append(fields, casemate.Field{Name: name, Kind: casemate.Null})
	case h.empty:
		return append(fields, casemate.Field{Name: name, Kind: casemate.EmptyArray})
	}
	if !strings.HasPrefix(typ, "set[") && !strings.HasPrefix(typ, "vector[") {
		return append(fields, casemate.Field{Name: name, Value: value, Kind: kind})
	}
	for n := 0; n < maxColumns; n++ {
		item, rest, more := strings.Cut(value, h.set)
		fields = append(fields, casemate.Field{Name: name, Value: item})
		if value = rest; !more || h.set == "" {
			break
		}
	}
	return fields
}
