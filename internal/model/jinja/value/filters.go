package value

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// filterCall computes a filter of v.
type filterCall func(vm *Machine, v any, a Args) (any, error)

// Filter computes v|name(args).
func (vm *Machine) Filter(name string, v any, a Args) (any, error) {
	f := filterOf(name)
	if f == nil {
		return nil, fmt.Errorf("no filter named %q", marked.Plain(name).Shown())
	}
	return f(vm, v, a)
}

// filterOf returns a filter by name, nil if there is none. It is a function so
// that no package-level map is there to be changed.
func filterOf(name string) filterCall {
	switch name {
	case "abs":
		return filterAbs
	case "attr":
		return filterAttr
	case "capitalize":
		return viaMethod("capitalize")
	case "center":
		return filterCenter
	case "d", "default":
		return filterDefault
	case "e", "escape", "forceescape":
		return filterEscape
	case "float":
		return filterFloat
	case "format":
		return filterFormat
	case "indent":
		return filterIndent
	case "int":
		return filterInt
	case "join":
		return filterJoin
	case "count", "length":
		return filterLength
	case "lower", "upper":
		return viaMethod(name)
	case "replace":
		return filterReplace
	case "round":
		return filterRound
	case "safe", "string":
		return viaMethod("")
	case "title":
		return filterTitle
	case "tojson":
		return filterToJSON
	case "trim":
		return viaMethod("strip")
	case "truncate":
		return filterTruncate
	case "wordcount":
		return filterWordCount
	}
	return listFilterOf(name)
}

// viaMethod is a filter that makes a text of anything and calls a method of it;
// without a name it is the text.
func viaMethod(name string) filterCall {
	return func(vm *Machine, v any, a Args) (any, error) {
		t, err := vm.str(v)
		if err != nil {
			return nil, err
		}
		if name == "" {
			_, err := a.Bind("string")
			return t, err
		}
		return textMethods(name)(vm, t, a)
	}
}

func filterAbs(_ *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("abs"); err != nil {
		return nil, err
	}
	if f, ok := v.(float64); ok {
		return math.Abs(f), nil
	}
	if n, ok := asInt(v); ok && n >= 0 {
		return n, nil
	}
	return Negate(v)
}

func filterAttr(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("attr", "name")
	if err != nil {
		return nil, err
	}
	name, err := textArg("attr", p[0])
	if err != nil {
		return nil, err
	}
	if err := Used(v); err != nil {
		return nil, err
	}
	if m, ok := method(v, name); ok {
		return m, nil
	}
	if ns, ok := v.(*Namespace); ok {
		return vm.Attribute(ns, name)
	}
	return &Undefined{fmt.Sprintf("%s has no attribute %q", typeName(v), name.Shown())}, nil
}

func filterCenter(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("center", "width?")
	if err != nil {
		return nil, err
	}
	width, err := intArg("center", p[0], 80)
	if err != nil {
		return nil, err
	}
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	return vm.padded(t, width, marked.Plain(" "), "center")
}

func filterDefault(_ *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("default", "default_value?", "boolean?")
	if err != nil {
		return nil, err
	}
	if _, no := v.(*Undefined); !no && !(flagArg(p[1]) && !Truth(v)) {
		return v, nil
	}
	if p[0] == (missing{}) {
		return marked.Text{}, nil
	}
	return p[0], nil
}

// filterEscape replaces what HTML takes for markup.
func filterEscape(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("escape"); err != nil {
		return nil, err
	}
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	b := vm.Builder()
	for _, s := range t.Spans() {
		b.AddEscaped(s, func(r rune, _ int) string {
			switch r {
			case '&':
				return "&amp;"
			case '<':
				return "&lt;"
			case '>':
				return "&gt;"
			case '\'':
				return "&#39;"
			case '"':
				return "&#34;"
			}
			return ""
		})
	}
	return vm.Built(b)
}

func filterFloat(_ *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("float", "default?")
	if err != nil {
		return nil, err
	}
	if err := Used(v); err != nil {
		return nil, err
	}
	if f, ok := asFloat(v); ok {
		return f, nil
	}
	if t, ok := v.(marked.Text); ok {
		if f, ok := number.ParseFloat(t.S); ok {
			return f, nil
		}
	}
	if p[0] == (missing{}) {
		return 0.0, nil
	}
	return p[0], nil
}

func filterInt(_ *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("int", "default?", "base?")
	if err != nil {
		return nil, err
	}
	if err := Used(v); err != nil {
		return nil, err
	}
	base, err := intArg("int", p[1], 10)
	if err != nil {
		return nil, err
	}
	if n, ok := asInt(v); ok {
		return n, nil
	}
	f, isNumber := v.(float64)
	if t, ok := v.(marked.Text); ok {
		n, ok, err := number.ParseInt(t.S, base)
		if ok || err != nil {
			return n, err
		}
		f, isNumber = number.ParseFloat(t.S)
	}
	if n, ok := number.FromFloat(f); ok && isNumber {
		return n, nil
	}
	if isNumber && f-f == 0 {
		return nil, number.ErrOverflow
	}
	if p[0] == (missing{}) {
		return int64(0), nil
	}
	return p[0], nil
}

func filterFormat(vm *Machine, v any, a Args) (any, error) {
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	if len(a.Names) == 0 {
		return vm.percent(t, a.Pos, nil)
	}
	if len(a.Pos) > 0 {
		return nil, errors.New("format: positional and named arguments at once")
	}
	d := &Dict{}
	for i, n := range a.Names {
		d.set(n, marked.Plain(n), a.Named[i])
	}
	return vm.percent(t, []any{d}, d)
}

// filterIndent puts a margin before lines.
func filterIndent(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("indent", "width?", "first?", "blank?")
	if err != nil {
		return nil, err
	}
	t, err := textArg("indent", v)
	if err != nil {
		return nil, err
	}
	margin, ok := p[0].(marked.Text)
	if !ok {
		width, err := intArg("indent", p[0], 4)
		if err != nil {
			return nil, err
		}
		if margin, err = vm.spaces(width); err != nil {
			return nil, err
		}
	}
	b := vm.Builder()
	if flagArg(p[1]) {
		b.AddText(margin)
	}
	cuts := marked.LineCuts(t.S + "\n")
	for i, c := range cuts {
		if err := vm.Charge(1); err != nil {
			return nil, err
		}
		if i > 0 {
			b.Add("\n", t.S != "" && t.Marked(min(cuts[i-1][1], len(t.S)-1)))
			if c[1] > c[0] || flagArg(p[2]) {
				b.AddText(margin)
			}
		}
		b.AddText(t.Slice(c[0], c[1]))
	}
	return vm.Built(b)
}

func filterJoin(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("join", "d?", "attribute?")
	if err != nil {
		return nil, err
	}
	between := marked.Text{}
	if p[0] != (missing{}) {
		if between, err = vm.str(p[0]); err != nil {
			return nil, err
		}
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := vm.getter(p[1])
	if err != nil {
		return nil, err
	}
	b := vm.Builder()
	for i, e := range items {
		if i > 0 {
			b.AddText(between)
		}
		if e, err = get(e); err != nil {
			return nil, err
		}
		if err := vm.Write(b, e); err != nil {
			return nil, err
		}
	}
	return vm.Built(b)
}

func filterLength(_ *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("length"); err != nil {
		return nil, err
	}
	return length(v)
}

func filterReplace(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("replace", "old", "new", "count?")
	if err != nil {
		return nil, err
	}
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	from, err := vm.str(p[0])
	if err != nil {
		return nil, err
	}
	to, err := vm.str(p[1])
	if err != nil {
		return nil, err
	}
	count, err := intArg("replace", p[2], -1)
	if err != nil {
		return nil, err
	}
	return vm.replace(t, from.S, to, count)
}

func filterRound(_ *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("round", "precision?", "method?")
	if err != nil {
		return nil, err
	}
	precision, err := intArg("round", p[0], 0)
	if err != nil {
		return nil, err
	}
	how := marked.Plain("common")
	if p[1] != (missing{}) {
		if how, err = textArg("round", p[1]); err != nil {
			return nil, err
		}
	}
	if err := Used(v); err != nil {
		return nil, err
	}
	f, ok := asFloat(v)
	if !ok {
		return nil, fmt.Errorf("round: want a number, got %s", typeName(v))
	}
	if precision < -300 || precision > 300 {
		return nil, errors.New("round: precision beyond 300 digits")
	}
	scale := math.Pow(10, float64(precision))
	switch how.S {
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	case "common":
		if n, ok := asInt(v); ok && precision >= 0 {
			return n, nil
		}
		r := number.Round(f, precision)
		if _, ok := asInt(v); !ok {
			return r, nil
		}
		n, ok := number.FromFloat(r)
		if !ok {
			return nil, number.ErrOverflow
		}
		return n, nil
	}
	return nil, errors.New("round: the method is common, ceil or floor")
}

// filterTitle begins each word with a capital; a word begins after white space,
// a dash or an opening bracket, other than with the method title.
func filterTitle(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("title"); err != nil {
		return nil, err
	}
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	b := vm.Builder()
	inside := false
	for _, s := range t.Spans() {
		b.AddEscaped(s, func(r rune, size int) string {
			how := "upper"
			if inside {
				how = "lower"
			}
			inside = !marked.IsSpace(r) && !strings.ContainsRune("-({[<", r)
			if r == unicode.ReplacementChar && size == 1 {
				return ""
			}
			return marked.Recased(r, how, false)
		})
	}
	return vm.Built(b)
}

// filterTruncate cuts a text and says so.
func filterTruncate(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("truncate", "length?", "killwords?", "end?", "leeway?")
	if err != nil {
		return nil, err
	}
	t, err := textArg("truncate", v)
	if err != nil {
		return nil, err
	}
	most, err := intArg("truncate", p[0], 255)
	if err != nil {
		return nil, err
	}
	leeway, err := intArg("truncate", p[3], 5)
	if err != nil {
		return nil, err
	}
	end := marked.Plain("...")
	if p[2] != (missing{}) {
		if end, err = textArg("truncate", p[2]); err != nil {
			return nil, err
		}
	}
	keep := most - int64(end.Length())
	if keep < 0 || leeway < 0 {
		return nil, errors.New("truncate: the length is less than that of the end")
	}
	if int64(t.Length())-leeway <= most {
		return t, nil
	}
	t = t.Slice(0, t.Offset(int(keep)))
	if !flagArg(p[1]) {
		if i := strings.LastIndexByte(t.S, ' '); i >= 0 {
			t = t.Slice(0, i)
		}
	}
	return vm.concat(t, end)
}

func filterWordCount(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("wordcount"); err != nil {
		return nil, err
	}
	t, err := vm.str(v)
	if err != nil {
		return nil, err
	}
	return int64(len(strings.FieldsFunc(t.S, func(r rune) bool { return !marked.IsWord(r) }))), nil
}
