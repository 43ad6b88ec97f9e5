// Package value holds the values of a template language whose values are
// Python's: what they are, how they print, compare and combine, their methods, and
// Jinja's filters and tests. Whatever makes something takes steps from a Machine,
// so that it ends with an error where a template wants too much.
//
// A value is nil (none), bool, int64, float64, marked.Text, *Undefined, *Seq,
// *Dict, *Namespace, *Function, an iterator of this package, or an Object.
package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// Object is a value of another package.
type Object interface {
	// TypeName is Python's name for its type.
	TypeName() string
	// Attribute returns a field or a method.
	Attribute(name string) (any, bool)
	// Len is its length, -1 if it has none.
	Len() int
	// Call calls it.
	Call(vm *Machine, a Args) (any, error)
}

// Undefined stands for what is not there. It prints as nothing and is false;
// almost every other use is the error that Message says.
type Undefined struct{ Message string }

// Kind tells sequences apart that print and compare differently.
type Kind uint8

// The kinds of sequences.
const (
	List Kind = iota
	Tuple
	Range
	Keys   // of a mapping
	Values // of a mapping
	Pairs  // of a mapping
)

// Seq is a sequence. It does not change.
type Seq struct {
	Kind  Kind
	Items []any
	// start, stop and step are those of a range.
	start, stop, step int64
}

// iterator gives its items once, as Python's generators do; it is true even
// when empty, and has no length.
type iterator struct {
	Items []any
	pos   int
}

// rest returns the items not yet given and gives them.
func (i *iterator) rest() []any {
	items := i.Items[i.pos:]
	i.pos = len(i.Items)
	return items
}

// Dict is a mapping in order.
type Dict struct {
	keys, values []any
	index        map[any]int // by hashed key
}

// get returns the value of a key, given hashed; a text's hash is its string.
func (d *Dict) get(key any) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// set gives a key, of which hash is the hashed form, a value.
func (d *Dict) set(hash any, key, v any) {
	if i, ok := d.index[hash]; ok {
		d.values[i] = v
		return
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.index[hash] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, v)
}

// SetText gives a text as a key a value.
func (d *Dict) SetText(key marked.Text, v any) { d.set(key.S, key, v) }

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// Namespace is the one value that a template can change.
type Namespace struct{ Dict }

// Function is something callable: a function, or a method bound to its value.
type Function struct {
	Name string
	Call func(vm *Machine, a Args) (any, error)
}

// Args are the arguments of a call.
type Args struct {
	Pos   []any
	Names []string // of Named
	Named []any
}

// typeName is Python's name for the type of v.
func typeName(v any) string {
	switch x := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case marked.Text:
		return "str"
	case *Undefined:
		return "Undefined"
	case *Dict:
		return "dict"
	case *Namespace:
		return "Namespace"
	case *iterator:
		return "generator"
	case *Seq:
		return [...]string{"list", "tuple", "range", "dict_keys", "dict_values", "dict_items"}[x.Kind]
	case Object:
		return x.TypeName()
	}
	return "builtin_function_or_method"
}

// Truth is Python's bool(v).
func Truth(v any) bool {
	switch x := v.(type) {
	case nil, *Undefined:
		return false
	case bool:
		return x
	case int64:
		return x != 0
	case float64:
		return x != 0
	case marked.Text:
		return x.S != ""
	case *Seq:
		return len(x.Items) > 0
	case *Dict:
		return len(x.keys) > 0
	case Object:
		return x.Len() != 0
	}
	return true
}

// asInt returns v as an integer if Python has it as one.
func asInt(v any) (int64, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case int64:
		return x, true
	}
	return 0, false
}

// asFloat returns v as a float64 if it is a number.
func asFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := asInt(v)
	return float64(n), ok
}

// Items returns what iterating over v gives.
func (vm *Machine) Items(v any) ([]any, error) {
	switch x := v.(type) {
	case *Undefined:
		return nil, nil
	case *Seq:
		return x.Items, vm.Charge(len(x.Items))
	case *iterator:
		rest := x.rest()
		return rest, vm.Charge(len(rest))
	case *Dict:
		return x.keys, vm.Charge(len(x.keys))
	case marked.Text:
		return vm.characters(x)
	}
	return nil, fmt.Errorf("%s is not iterable", typeName(v))
}

// characters returns a text's characters.
func (vm *Machine) characters(t marked.Text) ([]any, error) {
	n := t.Length()
	if err := vm.Charge(n * 2); err != nil {
		return nil, err
	}
	out := make([]any, 0, n)
	for i, r := range marked.Indexed(t.S) {
		out = append(out, t.Slice(i, i+r))
	}
	return out, nil
}

// hashNone, hashUndefined and hashTuple keep hashed keys of different types apart.
type hashNone struct{}

type hashUndefined struct{}

type hashTuple string

// hash returns a Go map's key for v: equal values have equal keys.
func (vm *Machine) hash(v any, depth int) (any, error) {
	if err := vm.visit(depth); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case nil:
		return hashNone{}, nil
	case marked.Text:
		return x.S, nil
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<62 {
			return int64(x), nil
		}
		return x, nil
	case *Undefined:
		return hashUndefined{}, nil
	case *Seq:
		if x.Kind != Tuple {
			break
		}
		var b strings.Builder
		for _, e := range x.Items {
			h, err := vm.hash(e, depth+1)
			if err != nil {
				return nil, err
			}
			s := fmt.Sprintf("%T%v", h, h)
			if err := vm.Charge(len(s) / 8); err != nil {
				return nil, err
			}
			b.WriteString(strconv.Itoa(len(s)) + ":" + s)
		}
		return hashTuple(b.String()), nil
	case *Function, *Namespace, Object:
		return v, nil
	}
	if n, ok := asInt(v); ok {
		return n, nil
	}
	return nil, fmt.Errorf("unhashable type: %s", typeName(v))
}
