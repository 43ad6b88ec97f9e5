package value

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// Slice is v[from:to:step]; a bound that is not given is nil.
func (vm *Machine) Slice(v any, bounds [3]any) (any, error) {
	if err := Used(v); err != nil {
		return nil, err
	}
	var b [3]*int64
	for i, e := range bounds {
		if x, ok := asInt(e); ok {
			b[i] = &x
		} else if err := Used(e); err != nil {
			return nil, err
		} else if e != nil {
			return nil, fmt.Errorf("the bound of a slice is a %s", typeName(e))
		}
	}
	if b[2] != nil && *b[2] == 0 {
		return nil, errors.New("the step of a slice is zero")
	}
	switch x := v.(type) {
	case marked.Text:
		return vm.sliceText(x, b)
	case *Seq:
		if x.Kind < Keys {
			return vm.sliceSeq(x, b)
		}
	}
	return nil, fmt.Errorf("%s cannot be sliced", typeName(v))
}

// sliceRange returns Python's slice.indices: the first index, the one to stop
// before, the step, and how many indices that is.
func sliceRange(b [3]*int64, n int64) (from, to, step, count int64) {
	step = 1
	if b[2] != nil {
		step = *b[2]
	}
	low, high := int64(0), n
	if step < 0 {
		low, high = -1, n-1
	}
	bound := func(p *int64, otherwise int64) int64 {
		if p == nil {
			return otherwise
		}
		x := *p
		if x < 0 {
			x = max(x, -n-1) + n
		}
		return min(max(x, low), high)
	}
	if step < 0 {
		from, to = bound(b[0], high), bound(b[1], low)
		if from > to {
			count = (from-to-1)/-max(step, -n-1) + 1
		}
		return from, to, step, count
	}
	from, to = bound(b[0], low), bound(b[1], high)
	if to > from {
		count = (to-from-1)/step + 1
	}
	return from, to, step, count
}

// sliceSeq is a part of a sequence.
func (vm *Machine) sliceSeq(x *Seq, b [3]*int64) (any, error) {
	from, to, step, count := sliceRange(b, int64(len(x.Items)))
	if err := vm.Charge(int(count)); err != nil {
		return nil, err
	}
	out := &Seq{Kind: x.Kind, Items: make([]any, 0, count)}
	if x.Kind == Range {
		out.start, out.stop, out.step = x.start+from*x.step, x.start+to*x.step, x.step*step
	}
	for i := from; count > 0; count-- {
		out.Items = append(out.Items, x.Items[i])
		if count > 1 { // the last step might overflow
			i += step
		}
	}
	return out, nil
}

// sliceText is a part of a text, by characters.
func (vm *Machine) sliceText(t marked.Text, b [3]*int64) (any, error) {
	if err := vm.Charge(len(t.S) / 8); err != nil {
		return nil, err
	}
	n := t.Length()
	from, _, step, count := sliceRange(b, int64(n))
	if step == 1 {
		i := t.Offset(int(from))
		rest := t.Slice(i, len(t.S))
		return rest.Slice(0, rest.Offset(int(count))), nil
	}
	chars, err := vm.characters(t)
	if err != nil {
		return nil, err
	}
	out := vm.Builder()
	for i := from; count > 0; count-- {
		out.AddText(chars[i].(marked.Text))
		if count > 1 {
			i += step
		}
	}
	return vm.Built(out)
}

// Attribute is v.name: a method or a field, or else an entry of a mapping.
func (vm *Machine) Attribute(v any, name marked.Text) (any, error) {
	if err := Used(v); err != nil {
		return nil, err
	}
	if m, ok := method(v, name); ok {
		return m, nil
	}
	if m, ok := entry(v, name.S); ok {
		return m, nil
	}
	return &Undefined{fmt.Sprintf("%s has no attribute %q", typeName(v), name.Shown())}, nil
}

// entry is an entry of a mapping or a field of a namespace.
func entry(v any, name string) (any, bool) {
	switch x := v.(type) {
	case *Dict:
		return x.get(name)
	case *Namespace:
		return x.get(name)
	}
	return nil, false
}

// method is a method of v or a field that is no entry. Names that Python keeps
// for itself are undefined, as in a sandbox.
func method(v any, name marked.Text) (any, bool) {
	if strings.HasPrefix(name.S, "__") {
		return &Undefined{fmt.Sprintf("attribute %q is not safe to use", name.Shown())}, true
	}
	switch x := v.(type) {
	case marked.Text:
		return textMethod(x, name.S)
	case *Dict:
		return dictMethod(x, name.S)
	case *Seq:
		return seqMethod(x, name.S)
	case Object:
		return x.Attribute(name.S)
	}
	return nil, false
}

// Item is v[key]: an entry or an item, or else an attribute.
func (vm *Machine) Item(v, key any) (any, error) {
	if err := Used(v); err != nil {
		return nil, err
	}
	name, isText := key.(marked.Text)
	switch x := v.(type) {
	case *Dict:
		h, err := vm.hash(key, 0)
		if err != nil {
			break // an unhashable key is in no mapping
		}
		if e, ok := x.get(h); ok {
			return e, nil
		}
	case *Namespace:
		if e, ok := x.get(name.S); ok && isText {
			return e, nil
		}
	case *Seq:
		if i, ok := asInt(key); ok && x.Kind < Keys {
			if i < 0 {
				i += int64(len(x.Items))
			}
			if i >= 0 && i < int64(len(x.Items)) {
				return x.Items[i], nil
			}
		}
	case marked.Text:
		if i, ok := asInt(key); ok {
			if c, ok := vm.character(x, i); ok {
				return c, vm.Charge(len(x.S) / 32)
			}
		}
	}
	if isText {
		if m, ok := method(v, name); ok {
			return m, nil
		}
		return &Undefined{fmt.Sprintf("%s has no attribute %q", typeName(v), name.Shown())}, nil
	}
	return &Undefined{fmt.Sprintf("%s has no such item", typeName(v))}, nil
}

// character is t[i].
func (vm *Machine) character(t marked.Text, i int64) (marked.Text, bool) {
	n := int64(t.Length())
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return marked.Text{}, false
	}
	at := t.Offset(int(i))
	return t.Slice(at, at+marked.RuneSize(t.S[at:])), true
}

// Set gives a key of a mapping that is being made a value.
func (vm *Machine) Set(d *Dict, key, v any) error {
	h, err := vm.hash(key, 0)
	if err != nil {
		return err
	}
	d.set(h, key, v)
	return nil
}

// Spread adds the entries of a mapping to named arguments, for **v.
func (vm *Machine) Spread(a *Args, v any) error {
	d, ok := v.(*Dict)
	if !ok {
		return fmt.Errorf("** needs a mapping, got %s", typeName(v))
	}
	for i, k := range d.keys {
		name, ok := k.(marked.Text)
		if !ok {
			return errors.New("** needs a mapping whose keys are texts")
		}
		a.Names, a.Named = append(a.Names, name.S), append(a.Named, d.values[i])
	}
	return vm.Charge(len(d.keys))
}

// Call calls a value.
func (vm *Machine) Call(f any, a Args) (any, error) {
	switch x := f.(type) {
	case *Function:
		return x.Call(vm, a)
	case Object:
		return x.Call(vm, a)
	case *Undefined:
		return nil, Used(x)
	}
	return nil, fmt.Errorf("%s is not callable", typeName(f))
}
