package value

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// textCall is a method of text.
type textCall func(vm *Machine, t marked.Text, a Args) (any, error)

// textMethods returns the methods of text by name. It is a function so that no
// package-level map is there to be changed.
func textMethods(name string) textCall {
	switch name {
	case "strip", "lstrip", "rstrip":
		return func(vm *Machine, t marked.Text, a Args) (any, error) {
			p, err := a.Bind(name, "chars?")
			if err != nil {
				return nil, err
			}
			return vm.strip(t, p[0], name != "rstrip", name != "lstrip")
		}
	case "split", "rsplit":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return vm.split(t, a, name == "rsplit") }
	case "splitlines":
		return textSplitLines
	case "startswith", "endswith":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return startsWith(vm, t, a, name) }
	case "removeprefix", "removesuffix":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return removeAffix(t, a, name) }
	case "replace":
		return textReplace
	case "upper", "lower", "title", "capitalize", "swapcase", "casefold":
		return func(vm *Machine, t marked.Text, a Args) (any, error) {
			if _, err := a.Bind(name); err != nil {
				return nil, err
			}
			return vm.recase(t, name)
		}
	case "find", "rfind", "index", "rindex", "count":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return vm.find(t, a, name) }
	case "partition", "rpartition":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return partition(t, a, name == "rpartition") }
	case "join":
		return textJoin
	case "center", "ljust", "rjust", "zfill":
		return func(vm *Machine, t marked.Text, a Args) (any, error) { return vm.pad(t, a, name) }
	case "format":
		return textFormat
	}
	return textQuestion(name)
}

// textQuestion returns the methods of text that answer with true or false.
func textQuestion(name string) textCall {
	var every func(rune) bool
	switch name {
	case "isdigit", "isdecimal", "isnumeric":
		every = unicode.IsDigit
	case "isalpha":
		every = unicode.IsLetter
	case "isalnum":
		every = func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	case "isspace":
		every = marked.IsSpace
	case "isascii":
		every = func(r rune) bool { return r < 0x80 }
	case "islower", "isupper":
		return func(vm *Machine, t marked.Text, a Args) (any, error) {
			return marked.HasCase(t.S, name == "islower"), vm.Charge(len(t.S) / 8)
		}
	default:
		return nil
	}
	return func(vm *Machine, t marked.Text, a Args) (any, error) {
		no := strings.ContainsFunc(t.S, func(r rune) bool { return !every(r) })
		return !no && (t.S != "" || name == "isascii"), vm.Charge(len(t.S) / 8)
	}
}

// textMethod binds a method to its text.
func textMethod(t marked.Text, name string) (any, bool) {
	f := textMethods(name)
	if f == nil {
		return nil, false
	}
	return &Function{name, func(vm *Machine, a Args) (any, error) {
		if err := vm.Charge(len(t.S) / 32); err != nil {
			return nil, err
		}
		return f(vm, t, a)
	}}, true
}

// strip removes white space, or the characters of a marked.Text, from the ends.
func (vm *Machine) strip(t marked.Text, chars any, left, right bool) (any, error) {
	cut := marked.IsSpace
	switch c := chars.(type) {
	case nil, missing:
	case marked.Text:
		set := map[rune]bool{}
		for _, r := range c.S {
			set[r] = true
		}
		if err := vm.Charge(len(c.S)); err != nil {
			return nil, err
		}
		cut = func(r rune) bool { return set[r] }
	default:
		if err := Used(chars); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("strip: want a text, got %s", typeName(chars))
	}
	out := t.Trim(cut, left, right)
	return out, vm.Charge(out.Weight())
}

// split cuts a text at a separator, or at white space.
func (vm *Machine) split(t marked.Text, a Args, fromRight bool) (any, error) {
	p, err := a.Bind("split", "sep?", "maxsplit?")
	if err != nil {
		return nil, err
	}
	most, err := intArg("split", p[1], -1)
	if err != nil {
		return nil, err
	}
	var cuts [][2]int
	switch sep := p[0].(type) {
	case nil, missing:
		cuts = marked.FieldCuts(t.S, most, fromRight)
	default:
		u, err := textArg("split", sep)
		if err != nil {
			return nil, err
		}
		if u.S == "" {
			return nil, errors.New("split: the separator is empty")
		}
		cuts = marked.SepCuts(t.S, u.S, most, fromRight)
	}
	if err := vm.Charge(2 * len(cuts)); err != nil {
		return nil, err
	}
	out := &Seq{Items: make([]any, len(cuts))}
	for i, c := range cuts {
		out.Items[i] = t.Slice(c[0], c[1])
	}
	return out, vm.Charge(t.Weight())
}

// textSplitLines cuts a text into lines as Python does.
func textSplitLines(vm *Machine, t marked.Text, a Args) (any, error) {
	p, err := a.Bind("splitlines", "keepends?")
	if err != nil {
		return nil, err
	}
	cuts := marked.LineCuts(t.S)
	out := &Seq{Items: make([]any, len(cuts))}
	for i, c := range cuts {
		end := c[1]
		if flagArg(p[0]) {
			end = c[2]
		}
		out.Items[i] = t.Slice(c[0], end)
	}
	return out, vm.Charge(2*len(cuts) + t.Weight())
}

// startsWith is startswith and endswith.
func startsWith(vm *Machine, t marked.Text, a Args, name string) (any, error) {
	p, err := a.Bind(name, "affix")
	if err != nil {
		return nil, err
	}
	has := strings.HasPrefix
	if name == "endswith" {
		has = strings.HasSuffix
	}
	options := []any{p[0]}
	if s, ok := p[0].(*Seq); ok && s.Kind == Tuple {
		options = s.Items
	}
	for _, o := range options {
		u, err := textArg(name, o)
		if err != nil {
			return nil, err
		}
		if has(t.S, u.S) {
			return true, nil
		}
	}
	return false, vm.Charge(len(options))
}

// removeAffix is removeprefix and removesuffix.
func removeAffix(t marked.Text, a Args, name string) (any, error) {
	p, err := a.Bind(name, "affix")
	if err != nil {
		return nil, err
	}
	u, err := textArg(name, p[0])
	if err != nil {
		return nil, err
	}
	if name == "removeprefix" && strings.HasPrefix(t.S, u.S) {
		return t.Slice(len(u.S), len(t.S)), nil
	}
	if name == "removesuffix" && strings.HasSuffix(t.S, u.S) {
		return t.Slice(0, len(t.S)-len(u.S)), nil
	}
	return t, nil
}

// textReplace is t.replace(old, new, count).
func textReplace(vm *Machine, t marked.Text, a Args) (any, error) {
	p, err := a.Bind("replace", "old", "new", "count?")
	if err != nil {
		return nil, err
	}
	from, err := textArg("replace", p[0])
	if err != nil {
		return nil, err
	}
	to, err := textArg("replace", p[1])
	if err != nil {
		return nil, err
	}
	count, err := intArg("replace", p[2], -1)
	if err != nil {
		return nil, err
	}
	return vm.replace(t, from.S, to, count)
}

// replace puts to in the place of from, count times or always if that is negative.
func (vm *Machine) replace(t marked.Text, from string, to marked.Text, count int64) (any, error) {
	b := vm.Builder()
	pos := 0
	for first := true; count != 0 && b.Err == nil; count-- {
		i := strings.Index(t.S[pos:], from)
		if from == "" && !first { // before each character and at the end
			if i = marked.RuneSize(t.S[pos:]); i == 0 {
				break
			}
		}
		first = false
		if i < 0 {
			break
		}
		if err := vm.Charge(1); err != nil {
			return nil, err
		}
		b.AddText(t.Slice(pos, pos+i))
		b.AddText(to)
		pos += i + len(from)
	}
	b.AddText(t.Slice(pos, len(t.S)))
	return vm.Built(b)
}

// find is find, rfind, index, rindex and count, in characters.
func (vm *Machine) find(t marked.Text, a Args, name string) (any, error) {
	p, err := a.Bind(name, "sub", "start?", "end?")
	if err != nil {
		return nil, err
	}
	u, err := textArg(name, p[0])
	if err != nil {
		return nil, err
	}
	n := t.Length()
	start, err := intArg(name, p[1], 0)
	if err != nil {
		return nil, err
	}
	end, err := intArg(name, p[2], int64(n))
	if err != nil {
		return nil, err
	}
	from, _, _, count := sliceRange([3]*int64{&start, &end, nil}, int64(n))
	i := t.Offset(int(from))
	part := t.S[i:]
	part = part[:marked.Text{S: part}.Offset(int(count))]
	at := -1
	switch name {
	case "count":
		return int64(strings.Count(part, u.S)), nil
	case "find", "index":
		at = strings.Index(part, u.S)
	default:
		at = strings.LastIndex(part, u.S)
	}
	if at >= 0 && start <= int64(n) {
		return from + int64(utf8.RuneCountInString(part[:at])), nil
	}
	if strings.HasSuffix(name, "index") {
		return nil, errors.New("index: the text is not found")
	}
	return int64(-1), nil
}

// partition cuts at the first, or from the right the last, separator.
func partition(t marked.Text, a Args, fromRight bool) (any, error) {
	p, err := a.Bind("partition", "sep")
	if err != nil {
		return nil, err
	}
	u, err := textArg("partition", p[0])
	if err != nil {
		return nil, err
	}
	if u.S == "" {
		return nil, errors.New("partition: the separator is empty")
	}
	i := strings.Index(t.S, u.S)
	parts := []any{t, marked.Text{}, marked.Text{}}
	if fromRight {
		i = strings.LastIndex(t.S, u.S)
		parts = []any{marked.Text{}, marked.Text{}, t}
	}
	if i >= 0 {
		j := i + len(u.S)
		parts = []any{t.Slice(0, i), t.Slice(i, j), t.Slice(j, len(t.S))}
	}
	return &Seq{Kind: Tuple, Items: parts}, nil
}

// textJoin is t.join(items), whose items are texts.
func textJoin(vm *Machine, t marked.Text, a Args) (any, error) {
	p, err := a.Bind("join", "items")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(p[0])
	if err != nil {
		return nil, err
	}
	b := vm.Builder()
	for i, e := range items {
		u, err := textArg("join", e)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.AddText(t)
		}
		b.AddText(u)
	}
	return vm.Built(b)
}

// pad is center, ljust, rjust and zfill.
func (vm *Machine) pad(t marked.Text, a Args, name string) (any, error) {
	p, err := a.Bind(name, "width", "fill?")
	if err != nil {
		return nil, err
	}
	width, err := intArg(name, p[0], 0)
	if err != nil {
		return nil, err
	}
	fill := marked.Plain(" ")
	if name == "zfill" {
		fill = marked.Plain("0")
	} else if u, ok := p[1].(marked.Text); ok && u.Length() == 1 {
		fill = u
	} else if p[1] != (missing{}) {
		return nil, fmt.Errorf("%s: the fill is not one character", name)
	}
	return vm.padded(t, width, fill, name)
}

// padded fills t up to a width in characters.
func (vm *Machine) padded(t marked.Text, width int64, fill marked.Text, how string) (marked.Text, error) {
	room := width - int64(t.Length())
	if room <= 0 {
		return t, nil
	}
	left := int64(0)
	signs := 0 // in front of the zeros
	switch how {
	case "center":
		left = room/2 + room&width&1
	case "rjust", "zfill":
		left = room
		if how == "zfill" && t.S != "" && (t.S[0] == '-' || t.S[0] == '+') {
			signs = 1
		}
	}
	before, err := vm.repeat(fill, left)
	if err != nil {
		return marked.Text{}, err
	}
	after, err := vm.repeat(fill, room-left)
	if err != nil {
		return marked.Text{}, err
	}
	b := vm.Builder()
	b.AddText(t.Slice(0, signs))
	b.AddText(before)
	b.AddText(t.Slice(signs, len(t.S)))
	b.AddText(after)
	return vm.Built(b)
}

// recase changes the case of letters; each byte that stands for a character of
// data is data.
func (vm *Machine) recase(t marked.Text, how string) (any, error) {
	if err := vm.Charge(len(t.S) / 4); err != nil {
		return nil, err
	}
	b := vm.Builder()
	word := false // the character before is cased
	for _, s := range t.Spans() {
		b.AddEscaped(s, func(r rune, size int) string {
			if r == utf8.RuneError && size == 1 {
				word = false
				return ""
			}
			out := marked.Recased(r, how, word)
			word = how == "capitalize" || unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r)
			return out
		})
	}
	return vm.Built(b)
}
