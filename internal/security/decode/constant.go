package decode

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoted reads a literal in single or double quotes. A doubled quote stands for
// itself, as in PowerShell and VBScript; other escapes stay as they are.
func (f *folder) quoted(i int) (string, int, bool) {
	q := f.text[i]
	n := strings.IndexByte(f.text[i+1:], q)
	if n < 0 {
		f.fuel -= (len(f.text) - i) / 4
		return "", i, false
	}
	end := i + 1 + n
	if end+1 >= len(f.text) || f.text[end+1] != q || n == 0 {
		f.fuel -= n / 8
		return f.text[i+1 : end], end + 1, true
	}
	var b strings.Builder
	for at := i + 1; at < len(f.text); at++ {
		if f.text[at] != q {
			b.WriteByte(f.text[at])
			continue
		}
		if at+1 < len(f.text) && f.text[at+1] == q {
			b.WriteByte(q)
			at++
			continue
		}
		f.fuel -= at - i
		return b.String(), at + 1, true
	}
	f.fuel -= len(f.text) - i
	return "", i, false
}

// primary reads a constant without operators behind it.
func (f *folder) primary(i, depth int) (value, int, bool) {
	f.fuel--
	if i >= len(f.text) || f.fuel <= 0 || depth > maxNesting {
		return value{}, i, false
	}
	switch c := f.text[i]; {
	case c == '\'' || c == '"':
		s, end, ok := f.quoted(i)
		if ok && c == '"' {
			s = f.interpolate(s)
		}
		return one(s), end, ok
	case c == '@' && i+1 < len(f.text) && f.text[i+1] == '(':
		return f.group(i+1, depth)
	case c == '(':
		return f.group(i, depth)
	case c == '[':
		return f.cast(i, depth)
	case c == '$':
		return f.known(i)
	case isDigit(c) || c == '-' && i+1 < len(f.text) && isDigit(f.text[i+1]):
		return f.number(i)
	case isLetter(c):
		return f.evalCall(i, depth)
	}
	return value{}, i, false
}

// interpolate fills variables that are known into a double-quoted string.
func (f *folder) interpolate(s string) string {
	if len(f.vars) == 0 || !strings.Contains(s, "$") {
		return s
	}
	out := replaceRuns(s, '$', func(i int) (int, string, bool) {
		name, ok := variable(lowerASCII(s[i:min(len(s), i+64)]))
		if !ok {
			return i + 1, "", false
		}
		v, ok := f.vars[name]
		return i + len(name), v.str(), ok
	})
	if out != s {
		f.fuel -= len(out)
		f.did = append(f.did, "variables")
	}
	return out
}

// group reads "( expression )".
func (f *folder) group(i, depth int) (value, int, bool) {
	v, end, ok := f.pipe(f.blank(i+1), depth+1)
	if !ok {
		return v, i, false
	}
	end = f.blank(end)
	if end >= len(f.text) || f.text[end] != ')' {
		return v, i, false
	}
	return v, end + 1, true
}

// knownValues are PowerShell variables that are indexed to spell words.
var knownValues = map[string]string{
	"$env:comspec":            `C:\Windows\system32\cmd.exe`,
	"$pshome":                 `C:\Windows\System32\WindowsPowerShell\v1.0`,
	"$shellid":                `Microsoft.PowerShell`,
	"$verbosepreference":      `SilentlyContinue`,
	"$env:public":             `C:\Users\Public`,
	"$env:programdata":        `C:\ProgramData`,
	"$env:windir":             `C:\Windows`,
	"$env:systemroot":         `C:\Windows`,
	"$env:programfiles":       `C:\Program Files`,
	"$env:allusersprofile":    `C:\ProgramData`,
	"$env:commonprogramfiles": `C:\Program Files\Common Files`,
}

// known reads a variable whose value is known; a well-known one only where it
// is indexed, since whole it disguises nothing.
func (f *folder) known(i int) (value, int, bool) {
	head := f.lower[i:min(len(f.lower), i+64)]
	n := 1
	for n < len(head) && (isWord(head[n]) || head[n] == ':') {
		n++
	}
	if v, ok := f.vars[head[:n]]; ok {
		return v, i + n, true
	}
	if s, ok := knownValues[head[:n]]; ok {
		rest := strings.TrimPrefix(head[n:], ".tostring()")
		if strings.HasPrefix(rest, "[") {
			return one(s), i + n, true
		}
	}
	return value{}, i, false
}

// number reads an integer, with an arithmetic constant behind it: 100+5, 7*9.
func (f *folder) number(i int) (value, int, bool) {
	sign := 1
	at := i
	if f.text[at] == '-' {
		sign, at = -1, at+1
	}
	n, ok := leadingInt(f.text[at:min(len(f.text), at+16)])
	if !ok {
		return value{}, i, false
	}
	if f.has(at, "0x") {
		at += 2
		for at < len(f.text) && hexDigit(f.text[at]) >= 0 {
			at++
		}
	} else {
		for at < len(f.text) && isDigit(f.text[at]) {
			at++
		}
	}
	if at < len(f.text) && isWord(f.text[at]) {
		return value{}, i, false
	}
	return value{list: []string{strconv.Itoa(sign * n)}, isNum: true}, at, true
}

// integer reads what [char] or Chr() takes: a number, quoted or in
// parentheses, with + - * -bxor constants.
func (f *folder) integer(i, depth int) (int, int, bool) {
	i = f.blank(i)
	if i >= len(f.text) || depth > 6 {
		return 0, i, false
	}
	f.fuel--
	var n, end int
	switch c := f.text[i]; {
	case c == '(':
		v, at, ok := f.integer(i+1, depth+1)
		at = f.blank(at)
		if !ok || at >= len(f.text) || f.text[at] != ')' {
			return 0, i, false
		}
		n, end = v, at+1
	case c == '[' && (f.has(i, "[int]") || f.has(i, "[byte]")):
		return f.integer(i+strings.IndexByte(f.text[i:], ']')+1, depth+1)
	case c == '\'' || c == '"':
		s, at, ok := f.quoted(i)
		v, isInt := leadingInt(s)
		if !ok || !isInt || len(s) > 12 {
			return 0, i, false
		}
		n, end = v, at
	default:
		v, at, ok := f.number(i)
		if !ok {
			return 0, i, false
		}
		n, _ = strconv.Atoi(v.str())
		end = at
	}
	if depth == 0 {
		return n, end, true
	}
	for {
		at := f.blank(end)
		op := ""
		for _, o := range []string{"-bxor", "+", "-", "*"} {
			if at < len(f.text) && f.has(at, o) {
				op = o
				break
			}
		}
		if op == "" {
			return n, end, true
		}
		m, next, ok := f.integer(at+len(op), depth+1)
		if !ok {
			return n, end, true
		}
		switch op {
		case "-bxor":
			n ^= m
		case "+":
			n += m
		case "-":
			n -= m
		case "*":
			n *= m
		}
		if n < -1<<24 || n > 1<<24 {
			return 0, i, false
		}
		end = next
	}
}

func character(n int) (value, bool) {
	if n < 9 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return value{}, false
	}
	return one(string(rune(n))), true
}

// cast reads [char]65, [char[]](73,69,88), [string]x, [string]::join(s, l).
func (f *folder) cast(i, depth int) (value, int, bool) {
	n := strings.IndexByte(f.lower[i:min(len(f.lower), i+32)], ']')
	if n < 0 {
		return value{}, i, false
	}
	if f.has(i, "[char[]]") {
		v, end, ok := f.operand(f.blank(i+8), depth+1)
		if !ok {
			return v, i, false
		}
		if !v.isList && !v.isNum {
			return f.letters(v.str(), end)
		}
		out, ok := f.characters(v.list)
		return out, end, ok
	}
	kind := strings.TrimPrefix(f.lower[i+1:i+n], "system.")
	at := f.blank(i + n + 1)
	switch kind {
	case "char":
		v, end, ok := f.integer(at, 0)
		if !ok {
			return value{}, i, false
		}
		c, ok := character(v)
		f.did = append(f.did, "character codes")
		return c, end, ok
	case "string":
		if f.has(at, "::join") {
			at = f.blank(at + 6)
			v, end, ok := f.group(at, depth)
			if !ok || len(v.list) < 2 {
				return v, i, false
			}
			f.did = append(f.did, "-join")
			return f.bounded(strings.Join(v.list[1:], v.list[0]), end)
		}
		v, end, ok := f.operand(at, depth+1)
		if ok && v.isList {
			v = one(v.str())
		}
		return v, end, ok
	}
	return value{}, i, false
}

// operand reads what a cast applies to, including @( ) lists and further casts.
func (f *folder) operand(i, depth int) (value, int, bool) { return f.postfix(i, depth) }

// letters makes a list of the characters of s.
func (f *folder) letters(s string, end int) (value, int, bool) {
	if len(s) > maxElements {
		return value{}, 0, false
	}
	f.fuel -= len(s)
	list := make([]string, 0, len(s))
	for _, r := range s {
		list = append(list, string(r))
	}
	return value{list: list, isList: true}, end, true
}

// characters makes characters of a list of numbers.
func (f *folder) characters(list []string) (value, bool) {
	out := make([]string, 0, len(list))
	for _, s := range list {
		n, ok := leadingInt(strings.TrimSpace(s))
		if !ok {
			return value{}, false
		}
		c, ok := character(n)
		if !ok {
			return value{}, false
		}
		out = append(out, c.list[0])
	}
	f.did = append(f.did, "character codes")
	return value{list: out, isList: true}, true
}
