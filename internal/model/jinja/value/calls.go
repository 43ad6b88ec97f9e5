package value

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// missing stands for an argument that was not given.
type missing struct{}

// Bind returns the arguments in the order of the parameters, whose names end in
// "?" where they may be left out; those are then missing{}.
func (a Args) Bind(what string, params ...string) ([]any, error) {
	if len(a.Pos) > len(params) {
		return nil, fmt.Errorf("%s: %d arguments, at most %d", what, len(a.Pos), len(params))
	}
	out := make([]any, len(params))
	for i := range out {
		out[i] = missing{}
	}
	copy(out, a.Pos)
	for i, n := range a.Names {
		at := -1
		for j, p := range params {
			if strings.TrimSuffix(p, "?") == n {
				at = j
			}
		}
		if at < 0 || at < len(a.Pos) {
			return nil, fmt.Errorf("%s: a named argument that it does not take", what)
		}
		out[at] = a.Named[i]
	}
	for i, p := range params {
		if out[i] == (missing{}) && !strings.HasSuffix(p, "?") {
			return nil, fmt.Errorf("%s: argument %s is missing", what, p)
		}
	}
	return out, nil
}

// intArg returns a bound argument as an integer, otherwise where it is missing
// or none.
func intArg(what string, v any, otherwise int64) (int64, error) {
	switch v.(type) {
	case nil, missing:
		return otherwise, nil
	}
	if n, ok := asInt(v); ok {
		return n, nil
	}
	if err := Used(v); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%s: want an integer, got %s", what, typeName(v))
}

// textArg returns a bound argument as a text.
func textArg(what string, v any) (marked.Text, error) {
	if t, ok := v.(marked.Text); ok {
		return t, nil
	}
	if err := Used(v); err != nil {
		return marked.Text{}, err
	}
	return marked.Text{}, fmt.Errorf("%s: want a text, got %s", what, typeName(v))
}

// flagArg is the truth of a bound argument, false where it is missing.
func flagArg(v any) bool { return v != (missing{}) && Truth(v) }

// Globals are the functions that every template has.
func Globals() map[string]any {
	out := map[string]any{}
	for name, f := range map[string]func(*Machine, Args) (any, error){
		"range": callRange, "namespace": callNamespace, "dict": callDict, "raise_exception": callRaise,
	} {
		out[name] = &Function{name, f}
	}
	return out
}

// callRange is range(stop) or range(start, stop, step).
func callRange(vm *Machine, a Args) (any, error) {
	if len(a.Names) > 0 || len(a.Pos) < 1 || len(a.Pos) > 3 {
		return nil, errors.New("range takes one to three numbers")
	}
	var n [3]int64
	for i, v := range a.Pos {
		x, err := intArg("range", v, 0)
		if err != nil {
			return nil, err
		}
		n[i] = x
	}
	out := &Seq{Kind: Range, start: n[0], stop: n[1], step: 1}
	if len(a.Pos) == 1 {
		out.start, out.stop = 0, n[0]
	}
	if len(a.Pos) == 3 {
		out.step = n[2]
	}
	count, err := rangeCount(out.start, out.stop, out.step)
	if err != nil {
		return nil, err
	}
	if err := vm.Charge(count); err != nil {
		return nil, err
	}
	out.Items = make([]any, count)
	for i := range out.Items {
		out.Items[i] = out.start + int64(i)*out.step
	}
	return out, nil
}

// rangeCount is how many items a range has.
func rangeCount(start, stop, step int64) (int, error) {
	if step == 0 {
		return 0, errors.New("range: the step is zero")
	}
	var distance uint64
	if step > 0 && stop > start {
		distance = uint64(stop) - uint64(start)
	} else if step < 0 && stop < start {
		distance = uint64(start) - uint64(stop)
	}
	count := distance / number.Magnitude(step)
	if distance%number.Magnitude(step) != 0 {
		count++
	}
	if count > maxRange {
		return 0, fmt.Errorf("range of more than %d Items: %w", maxRange, marked.ErrLimit)
	}
	return int(count), nil
}

// callDict is dict(mapping or pairs, name=value, …).
func callDict(vm *Machine, a Args) (any, error) {
	out := &Dict{}
	return out, vm.fill(out, "dict", a)
}

// callNamespace is namespace(…), with the arguments of dict.
func callNamespace(vm *Machine, a Args) (any, error) {
	out := &Namespace{}
	for _, n := range a.Names {
		if strings.HasPrefix(n, "_") {
			return nil, errors.New("a field of a namespace must not begin with an underscore")
		}
	}
	return out, vm.fill(&out.Dict, "namespace", a)
}

// fill adds what dict's arguments say to d.
func (vm *Machine) fill(d *Dict, what string, a Args) error {
	if len(a.Pos) > 1 {
		return fmt.Errorf("%s takes one positional argument", what)
	}
	if len(a.Pos) == 1 {
		if from, ok := a.Pos[0].(*Dict); ok {
			for i, k := range from.keys {
				h, err := vm.hash(k, 0)
				if err != nil {
					return err
				}
				d.set(h, k, from.values[i])
			}
		} else if err := vm.fillPairs(d, what, a.Pos[0]); err != nil {
			return err
		}
	}
	for i, n := range a.Names {
		d.set(n, marked.Plain(n), a.Named[i])
	}
	return vm.Charge(len(d.keys))
}

// fillPairs adds the pairs that v holds to d.
func (vm *Machine) fillPairs(d *Dict, what string, v any) error {
	pairs, err := vm.Items(v)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		kv, err := vm.Items(p)
		if err != nil {
			return err
		}
		if len(kv) != 2 {
			return fmt.Errorf("%s: an item that is not a pair", what)
		}
		h, err := vm.hash(kv[0], 0)
		if err != nil {
			return err
		}
		d.set(h, kv[0], kv[1])
	}
	return nil
}

// callRaise ends the rendering with the template's message.
func callRaise(vm *Machine, a Args) (any, error) {
	p, err := a.Bind("raise_exception", "message")
	if err != nil {
		return nil, err
	}
	t, err := vm.str(p[0])
	if err != nil {
		return nil, err
	}
	return nil, &RaisedError{Message: t.Shown()}
}

// clockFunction is strftime_now for a moment.
func clockFunction(now time.Time) any {
	return &Function{"strftime_now", func(vm *Machine, a Args) (any, error) {
		p, err := a.Bind("strftime_now", "format")
		if err != nil {
			return nil, err
		}
		format, err := textArg("strftime_now", p[0])
		if err != nil {
			return nil, err
		}
		b := vm.Builder()
		for _, s := range format.Spans() {
			writeTime(b, s, now)
		}
		return vm.Built(b)
	}}
}

// writeTime appends a moment by a format of strftime.
func writeTime(b *marked.Builder, s marked.Span, now time.Time) {
	rest := s.Text
	for {
		i := strings.IndexByte(rest, '%')
		if i < 0 || i+1 == len(rest) {
			b.Add(rest, s.Data)
			return
		}
		b.Add(rest[:i], s.Data)
		rest = rest[i+1:]
		short := rest[0] == '-' && len(rest) > 1 // no leading zero
		if short {
			rest = rest[1:]
		}
		part, ok := timePart(rest[0], now)
		if !ok {
			part = "%" + map[bool]string{true: "-"}[short] + rest[:1]
		} else if short {
			part = strings.TrimLeft(part[:len(part)-1], "0 ") + part[len(part)-1:]
		}
		b.Add(part, s.Data)
		rest = rest[1:]
	}
}

// timePart is what a letter of strftime stands for, in the C locale.
func timePart(letter byte, now time.Time) (string, bool) {
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'h': "Jan", 'H': "15",
		'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'y': "06", 'Y': "2006", 'z': "-0700",
		'Z': "MST", 'F': "2006-01-02", 'D': "01/02/06", 'T': "15:04:05", 'R': "15:04", 'c': "Mon Jan _2 15:04:05 2006",
		'x': "01/02/06", 'X': "15:04:05", 'r': "03:04:05 PM",
	}
	if l, ok := layouts[letter]; ok {
		return now.Format(l), true
	}
	switch letter {
	case '%':
		return "%", true
	case 'f':
		return fmt.Sprintf("%06d", now.Nanosecond()/1000), true
	case 'w':
		return strconv.Itoa(int(now.Weekday())), true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	}
	return "", false
}

// dictMethods are what Python gives a mapping; those that would change it, and
// those that chat templates do not use, are undefined.
func dictMethod(d *Dict, name string) (any, bool) {
	view := func(kind Kind, items []any) (any, bool) {
		return &Function{name, func(_ *Machine, a Args) (any, error) {
			_, err := a.Bind(name)
			return &Seq{Kind: kind, Items: items}, err
		}}, true
	}
	switch name {
	case "keys":
		return view(Keys, d.keys)
	case "values":
		return view(Values, d.values)
	case "items":
		return &Function{name, func(vm *Machine, a Args) (any, error) {
			if _, err := a.Bind(name); err != nil {
				return nil, err
			}
			return vm.pairs(d)
		}}, true
	case "get":
		return &Function{name, d.callGet}, true
	case "copy":
		return &Function{name, func(*Machine, Args) (any, error) { return d, nil }}, true
	case "clear", "pop", "popitem", "setdefault", "update", "fromkeys":
		return &Undefined{fmt.Sprintf("method %q would change a value", name)}, true
	}
	return nil, false
}

// pairs are the entries of d as items() gives them.
func (vm *Machine) pairs(d *Dict) (any, error) {
	out := &Seq{Kind: Pairs, Items: make([]any, len(d.keys))}
	for i, k := range d.keys {
		out.Items[i] = &Seq{Kind: Tuple, Items: []any{k, d.values[i]}}
	}
	return out, vm.Charge(len(d.keys))
}

// callGet is d.get(key, default).
func (d *Dict) callGet(vm *Machine, a Args) (any, error) {
	p, err := a.Bind("get", "key", "default?")
	if err != nil {
		return nil, err
	}
	h, err := vm.hash(p[0], 0)
	if err != nil {
		return nil, err
	}
	if v, ok := d.get(h); ok {
		return v, nil
	}
	if p[1] == (missing{}) {
		return nil, nil
	}
	return p[1], nil
}

// seqMethod is a method of a list or tuple.
func seqMethod(s *Seq, name string) (any, bool) {
	if s.Kind > Tuple {
		return nil, false
	}
	switch name {
	case "count", "index":
		return &Function{name, func(vm *Machine, a Args) (any, error) {
			p, err := a.Bind(name, "value")
			if err != nil {
				return nil, err
			}
			n := int64(0)
			for i, e := range s.Items {
				eq, err := vm.equal(e, p[0], 0)
				if err != nil {
					return nil, err
				}
				if eq && name == "index" {
					return int64(i), nil
				}
				if eq {
					n++
				}
			}
			if name == "index" {
				return nil, errors.New("index: the any is not in the list")
			}
			return n, nil
		}}, true
	case "copy":
		if s.Kind == List {
			return &Function{name, func(*Machine, Args) (any, error) { return s, nil }}, true
		}
	case "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove":
		if s.Kind == List {
			return &Undefined{fmt.Sprintf("method %q would change a value", name)}, true
		}
	}
	return nil, false
}
