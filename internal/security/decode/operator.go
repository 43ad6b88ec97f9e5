package decode

import (
	"net/url"
	"strconv"
	"strings"
)

// calls are the functions of constant arguments that are computed.
var calls = []string{"string.fromcharcode(", "chrw(", "chrb(", "chr(", "char(", "strreverse(", "replace(", "unescape(", "decodeuricomponent(", "decodeuri("}

// call returns the name of the call at i and where its arguments begin.
func (f *folder) call(i int) (string, int, bool) {
	for _, c := range calls {
		if f.has(i, c) {
			return c, i + len(c), true
		}
	}
	return "", 0, false
}

// evalCall computes a call of constant arguments.
func (f *folder) evalCall(i, depth int) (value, int, bool) {
	name, at, ok := f.call(i)
	if !ok || i > 0 && isWord(f.text[i-1]) {
		return value{}, i, false
	}
	if strings.HasPrefix(name, "ch") {
		n, end, ok := f.integer(at-1, 0)
		if !ok {
			return value{}, i, false
		}
		c, ok := character(n)
		f.did = append(f.did, "character codes")
		return c, end, ok
	}
	v, end, ok := f.group(at-1, depth)
	if !ok {
		return value{}, i, false
	}
	switch name {
	case "string.fromcharcode(":
		c, ok := f.characters(v.list)
		return one(strings.Join(c.list, "")), end, ok
	case "strreverse(":
		f.did = append(f.did, "reverse")
		return f.bounded(reversed(v.str()), end)
	case "replace(":
		if len(v.list) < 3 {
			return value{}, i, false
		}
		out, ok := f.replaced(v.list[0], v.list[1], v.list[2])
		return out, end, ok
	}
	// unescape and the decodeURI functions.
	s, err := url.PathUnescape(v.str())
	if err != nil || s == v.str() {
		return v, end, len(v.list) == 1
	}
	f.did = append(f.did, "percent encoding")
	return f.bounded(s, end)
}

// postfix := primary { ".method(…)" | "[index]" }
func (f *folder) postfix(i, depth int) (value, int, bool) {
	v, end, ok := f.primary(i, depth)
	for ok && end < len(f.text) && f.fuel > 0 {
		f.fuel--
		var out value
		next, did := end, false
		switch f.text[end] {
		case '.':
			out, next, did = f.method(v, end, depth)
		case '[':
			out, next, did = f.index(v, end)
		}
		if !did {
			break
		}
		v, end = out, next
	}
	return v, end, ok
}

// method computes .Replace(a,b), .Split(x), .join(x), .reverse(), .Substring
// and the conversions that change nothing.
func (f *folder) method(v value, i, depth int) (value, int, bool) {
	at := i + 1
	n := at
	for n < len(f.text) && n < at+24 && isWord(f.text[n]) {
		n++
	}
	name := f.lower[at:n]
	open := f.blank(n)
	if name == "" || open >= len(f.text) || f.text[open] != '(' {
		return v, i, false
	}
	var args value
	end := f.blank(open + 1)
	if end < len(f.text) && f.text[end] == ')' {
		end++
	} else if name == "replace" && end < len(f.text) && f.text[end] == '/' {
		return f.patternReplace(v, i, end)
	} else {
		var ok bool
		if args, end, ok = f.group(open, depth+1); !ok {
			return v, i, false
		}
	}
	switch name {
	case "tostring", "trim", "tolower", "toupper", "tochararray", "getenumerator", "invoke", "normalize":
		return f.convert(name, v, end)
	case "replace":
		if len(args.list) < 2 || len(v.list) != 1 || len(args.list[1]) > 64 {
			return v, i, false
		}
		out, ok := f.replaced(v.str(), args.list[0], args.list[1])
		return out, end, ok
	case "split":
		if len(v.list) != 1 || len(args.list) == 0 {
			return v, i, false
		}
		if args.list[0] == "" {
			return f.letters(v.str(), end)
		}
		out, ok := f.apply("split", v, args)
		return out, end, ok
	case "join":
		// 'sep'.join(list) in Python, list.join('sep') in JavaScript.
		list, sep := v, args
		if args.isList {
			list, sep = args, v
		}
		out, ok := f.apply("join", list, sep)
		return out, end, ok
	case "reverse":
		back := make([]string, len(v.list))
		for k, s := range v.list {
			back[len(back)-1-k] = s
		}
		f.did = append(f.did, "reverse")
		return value{list: back, isList: true}, end, len(back) > 1
	case "substring", "substr", "remove":
		return f.substring(name, v, args, i, end)
	}
	return v, i, false
}

func (f *folder) convert(name string, v value, end int) (value, int, bool) {
	switch name {
	case "tochararray":
		return f.letters(v.str(), end)
	case "trim":
		return one(strings.TrimSpace(v.str())), end, true
	case "tolower":
		return one(strings.ToLower(v.str())), end, true
	case "toupper":
		return one(strings.ToUpper(v.str())), end, true
	}
	return v, end, name == "tostring" || name == "getenumerator"
}

func (f *folder) substring(name string, v, args value, i, end int) (value, int, bool) {
	if len(args.list) == 0 || len(v.list) != 1 {
		return v, i, false
	}
	s := v.str()
	from, ok := leadingInt(args.list[0])
	if !ok || from > len(s) {
		return v, i, false
	}
	n := len(s) - from
	if len(args.list) > 1 {
		if n, ok = leadingInt(args.list[1]); !ok || n > len(s)-from {
			return v, i, false
		}
	}
	f.did = append(f.did, "substring")
	if name == "remove" {
		return one(s[:from] + s[from+n:]), end, true
	}
	return one(s[from : from+n]), end, true
}

// patternReplace computes JavaScript's .replace(/marker/g, 'x') for markers
// that are plain text.
func (f *folder) patternReplace(v value, i, at int) (value, int, bool) {
	n := strings.IndexByte(f.text[at+1:min(len(f.text), at+64)], '/')
	if n <= 0 || len(v.list) != 1 {
		return v, i, false
	}
	marker := f.text[at+1 : at+1+n]
	end := at + n + 2
	for end < len(f.text) && isLetter(f.text[end]) {
		end++
	}
	end = f.blank(end)
	if strings.ContainsAny(marker, `\[](){}*?.|^$+`) || end >= len(f.text) || f.text[end] != ',' {
		return v, i, false
	}
	arg, next, ok := f.primary(f.blank(end+1), maxNesting)
	next = f.blank(next)
	if !ok || next >= len(f.text) || f.text[next] != ')' || len(arg.str()) > 64 {
		return v, i, false
	}
	out, ok := f.replaced(v.str(), marker, arg.str())
	return out, next + 1, ok
}

// index computes [3], [4,24,25], [-1..-9] and Python's [::-1] on a string or a
// list.
func (f *folder) index(v value, i int) (value, int, bool) {
	if len(v.list) == 0 || v.isNum {
		return v, i, false
	}
	n := strings.IndexByte(f.text[i:min(len(f.text), i+256)], ']')
	if n < 0 {
		return v, i, false
	}
	body := strings.ReplaceAll(f.lower[i+1:i+n], " ", "")
	end := i + n + 1
	items := v.list
	if !v.isList {
		chars, _, ok := f.letters(v.str(), 0)
		if !ok {
			return v, i, false
		}
		items = chars.list
	}
	if body == "::-1" {
		f.did = append(f.did, "reverse")
		return one(reversed(strings.Join(items, ""))), end, true
	}
	var out []string
	for _, part := range strings.Split(body, ",") {
		picked, ok := pick(items, part)
		if !ok || len(out)+len(picked) > maxElements {
			return v, i, false
		}
		out = append(out, picked...)
	}
	f.fuel -= len(out)
	f.did = append(f.did, "index")
	return value{list: out, isList: len(out) != 1}, end, true
}

// pick returns one element or the range "a..b"; "$x.length" counts as the end.
func pick(items []string, part string) ([]string, bool) {
	at := func(s string) (int, bool) {
		neg := strings.HasPrefix(s, "-")
		n, ok := leadingInt(strings.TrimPrefix(s, "-"))
		if strings.Contains(s, "length") {
			n, ok = len(items), true
		}
		if neg {
			n = -n
		}
		return n, ok
	}
	from, to, isRange := strings.Cut(part, "..")
	a, ok := at(from)
	if !ok {
		return nil, false
	}
	b := a
	if isRange {
		if b, ok = at(to); !ok {
			return nil, false
		}
	}
	if a > len(items) || b > len(items) || a < -len(items)-1 || b < -maxElements {
		return nil, false
	}
	dir := 1
	if b < a {
		dir = -1
	}
	var out []string
	for k := a; ; k += dir {
		if j := k; j >= -len(items) && j < len(items) {
			if j < 0 {
				j += len(items)
			}
			out = append(out, items[j])
		}
		if k == b || k < -len(items)-1 {
			break
		}
	}
	return out, len(out) > 0
}

// charBlock computes "| % { [char]$_ }" and its usual variants over a list:
// [int], [convert]::ToInt32($_,16), -bxor with a constant.
func (f *folder) charBlock(v value, i int) (value, int, bool) {
	at := f.blank(i)
	switch {
	case f.has(at, "%"):
		at++
	case f.has(at, "foreach-object"):
		at += len("foreach-object")
	case f.has(at, "foreach"):
		at += len("foreach")
	default:
		return v, i, false
	}
	at = f.blank(at)
	if at >= len(f.text) || f.text[at] != '{' || len(v.list) == 0 {
		return v, i, false
	}
	n := strings.IndexByte(f.text[at:min(len(f.text), at+200)], '}')
	if n < 0 {
		return v, i, false
	}
	body := strings.ReplaceAll(f.lower[at+1:at+n], " ", "")
	if !strings.Contains(body, "[char]") && !strings.Contains(body, "-aschar") && !strings.Contains(body, "-as[char]") || !strings.Contains(body, "$_") {
		return v, i, false
	}
	base := 10
	for _, b := range []int{16, 8, 2} {
		if strings.Contains(body, "$_,"+strconv.Itoa(b)+")") || strings.Contains(body, "$_-as[string]),"+strconv.Itoa(b)) {
			base = b
		}
	}
	var key byte
	if keys := xorKeys(body); len(keys) > 0 {
		key = keys[0]
	}
	list := v.list
	if !v.isList && !v.isNum {
		list = strings.FieldsFunc(v.str(), func(r rune) bool { return r == ',' || r == ' ' })
	}
	out := make([]string, 0, len(list))
	for _, s := range list {
		if strings.HasPrefix(strings.ToLower(s), "0x") {
			s, base = s[2:], 16
		}
		c, err := strconv.ParseUint(strings.TrimSpace(s), base, 21)
		if err != nil {
			return v, i, false
		}
		r, ok := character(int(c) ^ int(key))
		if !ok {
			return v, i, false
		}
		out = append(out, r.list[0])
	}
	f.fuel -= len(out)
	f.did = append(f.did, "character codes")
	if key != 0 {
		f.did = append(f.did, "xor 0x"+strconv.FormatUint(uint64(key), 16))
	}
	return value{list: out, isList: true}, at + n + 1, true
}
