package value

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// jsonStyle is how tojson writes: json.dumps with the options that Hugging Face
// lets a template choose.
type jsonStyle struct {
	ascii, sortKeys bool
	indent          marked.Text // of one level
	lines           bool        // indent is given
	item, key       marked.Text // separators
}

// filterToJSON writes a value as JSON, without HTML escapes.
func filterToJSON(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("tojson", "ensure_ascii?", "indent?", "separators?", "sort_keys?")
	if err != nil {
		return nil, err
	}
	style := jsonStyle{ascii: flagArg(p[0]), sortKeys: flagArg(p[3]), item: marked.Plain(", "), key: marked.Plain(": ")}
	switch x := p[1].(type) {
	case nil, missing:
	case marked.Text:
		style.indent, style.lines = x, true
	default:
		n, ok := asInt(x)
		if !ok {
			return nil, fmt.Errorf("tojson: indent is a %s", typeName(x))
		}
		style.lines = true
		if style.indent, err = vm.spaces(n); err != nil {
			return nil, err
		}
	}
	if style.lines {
		style.item = marked.Plain(",")
	}
	if s, ok := p[2].(*Seq); ok && len(s.Items) == 2 {
		item, ok1 := s.Items[0].(marked.Text)
		key, ok2 := s.Items[1].(marked.Text)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("tojson: separators are not texts")
		}
		style.item, style.key = item, key
	} else if p[2] != nil && p[2] != (missing{}) {
		return nil, fmt.Errorf("tojson: separators are not two texts")
	}
	b := vm.Builder()
	if err := vm.writeJSON(b, v, &style, 0); err != nil {
		return nil, err
	}
	return vm.Built(b)
}

// writeJSON appends v.
func (vm *Machine) writeJSON(b *marked.Builder, v any, style *jsonStyle, depth int) error {
	if err := vm.visit(depth); err != nil {
		return err
	}
	switch x := v.(type) {
	case marked.Text:
		if err := vm.Charge(len(x.S) / 4); err != nil {
			return err
		}
		b.AddJSON(x, style.ascii)
	case *Seq:
		if x.Kind != List && x.Kind != Tuple {
			return fmt.Errorf("%s is not JSON serializable", typeName(v))
		}
		return vm.jsonList(b, x, style, depth)
	case *Dict:
		return vm.jsonDict(b, x, style, depth)
	default:
		s, ok := jsonScalar(v)
		if !ok {
			return fmt.Errorf("%s is not JSON serializable", typeName(v))
		}
		b.Add(s, false)
	}
	return b.Err
}

// jsonScalar writes what is neither text nor holds other values.
func jsonScalar(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		switch {
		case math.IsNaN(x):
			return "NaN", true
		case math.IsInf(x, 0):
			return strings.Replace(number.Repr(x), "inf", "Infinity", 1), true
		}
		return number.Repr(x), true
	}
	return "", false
}

// jsonBreak starts a line of the given level if the style has lines.
func jsonBreak(b *marked.Builder, style *jsonStyle, level int) {
	if !style.lines {
		return
	}
	b.Add("\n", false)
	for ; level > 0; level-- {
		b.AddText(style.indent)
	}
}

// jsonList appends an array.
func (vm *Machine) jsonList(b *marked.Builder, x *Seq, style *jsonStyle, depth int) error {
	b.Add("[", false)
	for i, e := range x.Items {
		if i > 0 {
			b.AddText(style.item)
		}
		jsonBreak(b, style, depth+1)
		if err := vm.writeJSON(b, e, style, depth+1); err != nil {
			return err
		}
	}
	if len(x.Items) > 0 {
		jsonBreak(b, style, depth)
	}
	b.Add("]", false)
	return b.Err
}

// jsonDict appends an object.
func (vm *Machine) jsonDict(b *marked.Builder, d *Dict, style *jsonStyle, depth int) error {
	order, err := vm.jsonOrder(d, style.sortKeys)
	if err != nil {
		return err
	}
	b.Add("{", false)
	for n, i := range order {
		if n > 0 {
			b.AddText(style.item)
		}
		jsonBreak(b, style, depth+1)
		if key, ok := d.keys[i].(marked.Text); ok {
			b.AddJSON(key, style.ascii)
		} else if s, ok := jsonScalar(d.keys[i]); ok {
			b.Add(`"`+s+`"`, false)
		} else {
			return fmt.Errorf("a key of JSON is a %s", typeName(d.keys[i]))
		}
		b.AddText(style.key)
		if err := vm.writeJSON(b, d.values[i], style, depth+1); err != nil {
			return err
		}
	}
	if len(order) > 0 {
		jsonBreak(b, style, depth)
	}
	b.Add("}", false)
	return b.Err
}

// jsonOrder returns the order in which to write the entries of d.
func (vm *Machine) jsonOrder(d *Dict, sorted bool) ([]int, error) {
	order := make([]int, len(d.keys))
	for i := range order {
		order[i] = i
	}
	var failed error
	if sorted {
		sort.SliceStable(order, func(i, j int) bool {
			less, err := vm.less(d.keys[order[i]], d.keys[order[j]])
			if err != nil && failed == nil {
				failed = err
			}
			return less
		})
	}
	return order, failed
}
