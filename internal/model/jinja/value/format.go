package value

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// spec is how a value is written by % or format.
type spec struct {
	left, center, plus, space, zero, alternate bool
	width, precision                           int64 // precision -1: not given
	verb                                       byte
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

// digitsAt reads a number of at most nine digits at the start of s.
func digitsAt(s string) (n int64, rest string, found bool) {
	i := 0
	for i < len(s) && i < 9 && decimal(s[i]) {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

// percent is Python's t % values; d is set where the right side is a mapping.
func (vm *Machine) percent(t marked.Text, values []any, d *Dict) (any, error) {
	b := vm.Builder()
	used, pos := 0, 0
	next := func() (any, error) {
		if used == len(values) {
			return nil, errors.New("%: not enough values")
		}
		used++
		return values[used-1], nil
	}
	for {
		i := strings.IndexByte(t.S[pos:], '%')
		if i < 0 {
			break
		}
		b.AddText(t.Slice(pos, pos+i))
		pos += i
		rest := t.S[pos+1:]
		var v any
		keyed := false
		if strings.HasPrefix(rest, "(") && d != nil {
			key, after, ok := strings.Cut(rest[1:], ")")
			if v, keyed = d.get(key); !ok || !keyed {
				return nil, errors.New("%: the mapping has no such key")
			}
			used, rest = len(values), after
		}
		s, rest, err := percentSpec(rest, next)
		if err != nil {
			return nil, err
		}
		end := len(t.S) - len(rest)
		if s.verb == '%' {
			b.Add("%", t.Marked(end-1))
		} else {
			if !keyed {
				if v, err = next(); err != nil {
					return nil, err
				}
			}
			if err := vm.writeSpec(b, s, v, true); err != nil {
				return nil, err
			}
		}
		pos = end
	}
	if used < len(values) && d == nil {
		return nil, errors.New("%: not all values are used")
	}
	b.AddText(t.Slice(pos, len(t.S)))
	return vm.Built(b)
}

// percentSpec reads what follows a "%".
func percentSpec(s string, next func() (any, error)) (spec, string, error) {
	out := spec{precision: -1}
	for ; s != "" && strings.IndexByte("-+ 0#", s[0]) >= 0; s = s[1:] {
		switch s[0] {
		case '-':
			out.left = true
		case '+':
			out.plus = true
		case ' ':
			out.space = true
		case '0':
			out.zero = true
		case '#':
			out.alternate = true
		}
	}
	number := func() (int64, bool, error) {
		if strings.HasPrefix(s, "*") {
			s = s[1:]
			v, err := next()
			if err != nil {
				return 0, false, err
			}
			n, err := intArg("%*", v, 0)
			return min(n, 1<<40), true, err
		}
		n, rest, found := digitsAt(s)
		s = rest
		return n, found, nil
	}
	var err error
	if out.width, _, err = number(); err != nil {
		return out, s, err
	}
	if out.width < 0 {
		out.left, out.width = true, -out.width
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if out.precision, _, err = number(); err != nil {
			return out, s, err
		}
		out.precision = max(out.precision, 0)
	}
	if s == "" {
		return out, s, errors.New("%: the format is incomplete")
	}
	out.verb = s[0]
	return out, s[1:], nil
}

// maxPrecision bounds the digits behind the point.
const maxPrecision = 1000

// writeSpec appends v as s says. old is set for %, where s, r and a write any
// value; it pads to the right as numbers are.
func (vm *Machine) writeSpec(b *marked.Builder, s spec, v any, old bool) error {
	t, number, err := vm.specText(s, v, old)
	if err != nil {
		return err
	}
	how := "rjust"
	switch {
	case s.center:
		how = "center"
	case s.left:
		how = "ljust"
	case !number && !old:
		how = "rjust"
	}
	fill := marked.Plain(" ")
	if s.zero && number && !s.left && !s.center {
		fill, how = marked.Plain("0"), "zfill"
	}
	if s.width > int64(vm.limits.Output) {
		return fmt.Errorf("more than %d bytes of text: %w", vm.limits.Output, marked.ErrLimit)
	}
	if t, err = vm.padded(t, s.width, fill, how); err != nil {
		return err
	}
	b.AddText(t)
	return b.Err
}

// specText is v as s says, before it is padded, and whether it is a number.
func (vm *Machine) specText(s spec, v any, old bool) (marked.Text, bool, error) {
	if s.precision > maxPrecision && s.verb != 's' {
		return marked.Text{}, false, fmt.Errorf("more than %d digits: %w", maxPrecision, marked.ErrLimit)
	}
	switch s.verb {
	case 's', 'r', 'a':
		t, err := vm.specString(s, v)
		return t, false, err
	case 'c':
		n, err := intArg("%c", v, 0)
		if t, ok := v.(marked.Text); ok && t.Length() == 1 {
			return t, false, nil
		}
		return marked.Plain(string(rune(n))), false, err
	case 'd', 'i', 'u', 'x', 'X', 'o', 'b':
		t, err := specInt(s, v, old)
		return t, true, err
	case 'f', 'F', 'e', 'E', 'g', 'G':
		t, err := specFloat(s, v)
		return t, true, err
	}
	return marked.Text{}, false, fmt.Errorf("the format %q is not supported", s.verb)
}

// specString writes any value, cut to the precision.
func (vm *Machine) specString(s spec, v any) (marked.Text, error) {
	b := vm.Builder()
	var err error
	if s.verb == 's' {
		err = vm.Write(b, v)
	} else {
		err = vm.writeRepr(b, v, 0)
	}
	if err != nil {
		return marked.Text{}, err
	}
	t, err := vm.Built(b)
	if err == nil && s.precision >= 0 && s.precision < int64(len(t.S)) {
		t = t.Slice(0, t.Offset(int(s.precision)))
	}
	return t, err
}

// specInt writes an integer; % takes floats too and cuts them.
func specInt(s spec, v any, old bool) (marked.Text, error) {
	n, ok := asInt(v)
	if f, isFloat := v.(float64); !ok && isFloat && old && strings.IndexByte("diu", s.verb) >= 0 {
		n, ok = number.FromFloat(f)
	}
	if !ok {
		if err := Used(v); err != nil {
			return marked.Text{}, err
		}
		return marked.Text{}, fmt.Errorf("format %q needs an integer, got %s", s.verb, typeName(v))
	}
	base, prefix := 10, ""
	switch s.verb {
	case 'x', 'X':
		base, prefix = 16, "0"+string(s.verb)
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	}
	digits := strconv.FormatUint(number.Magnitude(n), base)
	if s.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if missing := int(s.precision) - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if s.alternate {
		digits = prefix + digits
	}
	return marked.Plain(signOf(s, n < 0) + digits), nil
}

// signOf is the sign of a number.
func signOf(s spec, negative bool) string {
	switch {
	case negative:
		return "-"
	case s.plus:
		return "+"
	case s.space:
		return " "
	}
	return ""
}

// specFloat writes a float.
func specFloat(s spec, v any) (marked.Text, error) {
	f, ok := asFloat(v)
	if !ok {
		if err := Used(v); err != nil {
			return marked.Text{}, err
		}
		return marked.Text{}, fmt.Errorf("format %q needs a number, got %s", s.verb, typeName(v))
	}
	precision := 6
	if s.precision >= 0 {
		precision = int(s.precision)
	}
	digits := ""
	switch lower := s.verb | 0x20; {
	case f-f != 0: // NaN or infinite
		digits = strings.TrimPrefix(number.Repr(f), "-")
	case lower == 'g':
		digits = number.General(f, max(precision, 1))
	default:
		digits = strings.TrimPrefix(strconv.FormatFloat(f, lower, precision, 64), "-")
	}
	if s.verb < 'a' {
		digits = strings.ToUpper(digits)
	}
	negative := f < 0 || f == 0 && strconv.FormatFloat(f, 'f', 0, 64)[0] == '-'
	return marked.Plain(signOf(s, negative) + digits), nil
}

// textFormat is t.format(…), without attributes and items of its arguments.
func textFormat(vm *Machine, t marked.Text, a Args) (any, error) {
	b := vm.Builder()
	auto, pos := int64(0), 0
	for pos < len(t.S) {
		i := strings.IndexAny(t.S[pos:], "{}")
		if i < 0 {
			break
		}
		b.AddText(t.Slice(pos, pos+i))
		pos += i
		if rest := t.S[pos:]; strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			b.AddText(t.Slice(pos, pos+1))
			pos += 2
			continue
		}
		n := strings.IndexByte(t.S[pos:], '}')
		if t.S[pos] == '}' || n < 0 {
			return nil, errors.New("format: a brace stands alone")
		}
		field := t.S[pos+1 : pos+n]
		pos += n + 1
		if err := vm.writeField(b, field, a, &auto); err != nil {
			return nil, err
		}
	}
	b.AddText(t.Slice(pos, len(t.S)))
	return vm.Built(b)
}

// writeField appends the field of a format: name!conversion:spec.
func (vm *Machine) writeField(b *marked.Builder, field string, a Args, auto *int64) error {
	field, format, _ := strings.Cut(field, ":")
	field, conversion, converted := strings.Cut(field, "!")
	v, err := fieldValue(field, a, auto)
	if err != nil {
		return err
	}
	if converted {
		if conversion != "r" && conversion != "s" && conversion != "a" {
			return errors.New("format: unknown conversion")
		}
		t, err := vm.specString(spec{verb: conversion[0], precision: -1}, v)
		if err != nil {
			return err
		}
		v = t
	}
	if format == "" {
		return vm.Write(b, v)
	}
	s, err := formatSpec(format, v)
	if err != nil {
		return err
	}
	return vm.writeSpec(b, s, v, false)
}

// fieldValue is the argument that a field names.
func fieldValue(field string, a Args, auto *int64) (any, error) {
	n, rest, found := digitsAt(field)
	switch {
	case field == "":
		n = *auto
		*auto++
	case found && rest == "":
	default:
		for i, name := range a.Names {
			if name == field {
				return a.Named[i], nil
			}
		}
		return nil, errors.New("format: no argument for a field, or a field that is more than a name")
	}
	if n >= int64(len(a.Pos)) {
		return nil, errors.New("format: not enough arguments")
	}
	return a.Pos[n], nil
}

// formatSpec reads [align][sign][#][0][width][.precision][type].
func formatSpec(s string, v any) (spec, error) {
	out := spec{precision: -1, verb: 's'}
	_, isInt := asInt(v)
	_, isFloat := v.(float64)
	switch {
	case isInt:
		out.verb = 'd'
	case isFloat:
		out.verb = 'g'
	default:
		out.left = true
	}
	flags := map[byte]func(){
		'<': func() { out.left, out.center = true, false },
		'>': func() { out.left, out.center = false, false },
		'^': func() { out.left, out.center = false, true },
		'+': func() { out.plus = true }, '-': func() {}, ' ': func() { out.space = true },
		'#': func() { out.alternate = true },
		'0': func() { out.zero = true },
	}
	for s != "" && flags[s[0]] != nil {
		flags[s[0]]()
		s = s[1:]
	}
	out.width, s, _ = digitsAt(s)
	if strings.HasPrefix(s, ".") {
		var found bool
		if out.precision, s, found = digitsAt(s[1:]); !found {
			return out, errors.New("format: a precision without digits")
		}
	}
	if len(s) == 1 {
		out.verb, s = s[0], ""
	} else if isFloat && out.precision < 0 {
		return out, errors.New("format: a float needs a precision or a type")
	}
	if s != "" || strings.IndexByte("sdxXobfFeEgG", out.verb) < 0 {
		return out, errors.New("format: this specification is not supported")
	}
	if (out.verb == 's') != (!isInt && !isFloat) {
		return out, fmt.Errorf("format: %q does not go with a %s", out.verb, typeName(v))
	}
	return out, nil
}
