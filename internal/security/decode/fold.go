package decode

import (
	"strings"
)

const (
	maxNesting  = 24    // parentheses inside each other
	maxElements = 65536 // of one list
	fuelPerByte = 12    // steps that folding may take for each byte of text
	fuelBase    = 4096
	minPiece    = 12 // bytes of a computed string that may hide more
)

// value is a constant: one string, or a list of them. Numbers are strings that
// know it.
type value struct {
	list   []string
	isList bool
	isNum  bool
}

func (v value) str() string {
	if len(v.list) == 0 {
		return ""
	}
	if len(v.list) == 1 {
		return v.list[0]
	}
	return strings.Join(v.list, " ")
}

func one(s string) value { return value{list: []string{s}} }

// folder reads constant string expressions as PowerShell, VBScript, JavaScript,
// Python and SQL write them. It knows no grammar of a whole script: it starts
// wherever a constant could start and goes as far as it understands.
type folder struct {
	text  string
	lower string
	limit int
	fuel  int
	vbs   bool // "&" joins strings
	did   []string
	vars  map[string]value

	computed []string
}

// fold replaces each constant expression that uses an operator by the string
// it stands for, and names the operators. It returns the computed strings too.
func fold(text string, limit int) (string, []string, []string) {
	if !strings.ContainsAny(text, `'"([`) {
		return text, nil, nil
	}
	f := &folder{limit: limit, fuel: fuelBase + fuelPerByte*len(text), vars: map[string]value{}}
	out, ops := f.run(text, 0)
	return out, ops, f.computed
}

// run folds one text; level counts the literals that it stands in, since a
// command line often quotes a whole script.
func (f *folder) run(text string, level int) (string, []string) {
	f.text, f.lower = text, lowerASCII(text)
	f.vbs = containsAny(f.lower, []string{"chr(", "chrw(", "createobject", "strreverse", "wscript", `"&"`, "execute("})
	var b strings.Builder
	var ops []string
	last := 0
	for i := 0; i < len(text) && f.fuel > 0; {
		if !f.starts(i) {
			i++
			continue
		}
		f.did = f.did[:0]
		f.assignment(i)
		f.did = f.did[:0]
		v, end, ok := f.pipe(i, 0)
		var with string
		switch {
		case ok && end > i && f.worth(v):
			with = requote(v.list[0])
			if text[i] == '(' && i > 0 && isWord(text[i-1]) {
				with = "(" + with + ")"
			}
			ops = noteAll(ops, f.did)
			if len(v.list[0]) >= minPiece && len(f.computed) < maxPieces {
				f.computed = append(f.computed, v.list[0])
			}
		default:
			var inner []string
			with, end, inner = f.inside(i, level)
			ops = noteAll(ops, inner)
		}
		if with != "" {
			b.WriteString(text[last:i])
			b.WriteString(with)
			last = end
			if b.Len() > f.limit {
				return text, nil
			}
		}
		i = end
	}
	if last == 0 {
		return text, nil
	}
	b.WriteString(text[last:])
	return b.String(), ops
}

// worth reports whether a computed value is a readable string that an operator
// made.
func (f *folder) worth(v value) bool {
	if len(f.did) == 0 || v.isNum || len(v.list) != 1 {
		return false
	}
	s := v.list[0]
	return len(s) >= 2 && len(s) <= f.limit && reads([]byte(s))
}

// maxLevel bounds literals inside literals.
const maxLevel = 3

// inside folds the script that a literal at i may hold. It returns what to
// write for the literal, "" if nothing changed, and where to go on: behind the
// literal, so that its closing quote does not open another.
func (f *folder) inside(i, level int) (string, int, []string) {
	c := f.text[i]
	if c != '\'' && c != '"' {
		return "", i + 1, nil
	}
	body, end, ok := f.quoted(i)
	if !ok {
		return "", i + 1, nil
	}
	if level >= maxLevel || len(body) < 8 || !strings.ContainsAny(body, `'"([`) {
		return "", end, nil
	}
	f.fuel -= len(body)
	g := &folder{limit: f.limit, fuel: f.fuel, vars: f.vars}
	out, ops := g.run(body, level+1)
	f.fuel = g.fuel
	f.computed = append(f.computed, g.computed[:min(len(g.computed), maxPieces-len(f.computed))]...)
	if len(ops) == 0 {
		return "", end, nil
	}
	return requote(out), end, ops
}

// noteAll appends the operations that are not there yet.
func noteAll(ops, more []string) []string {
	for _, op := range more {
		ops = note1(ops, op)
	}
	return ops
}

// note1 appends op unless it is there.
func note1(ops []string, op string) []string {
	for _, o := range ops {
		if o == op {
			return ops
		}
	}
	return append(ops, op)
}

// requote writes s as a literal again.
func requote(s string) string {
	if !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	if !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// starts reports whether a constant expression may begin at i.
func (f *folder) starts(i int) bool {
	switch c := f.text[i]; {
	case c == '\'' || c == '"' || c == '(' || c == '[' || c == '@':
		return true
	case c == '$':
		return true
	case c == '-':
		return strings.HasPrefix(f.lower[i:], "-join")
	case isLetter(c):
		if i > 0 && (isWord(f.text[i-1]) || f.text[i-1] == '.') {
			return false
		}
		switch c | 0x20 {
		case 'c', 's', 'r', 'u', 'd':
			_, _, ok := f.call(i)
			return ok
		}
	}
	return false
}

// assignment notes "$name = constant".
func (f *folder) assignment(i int) {
	if f.text[i] != '$' || len(f.vars) >= maxVariables {
		return
	}
	name, ok := variable(f.lower[i:min(len(f.lower), i+64)])
	if !ok {
		return
	}
	at := f.blank(i + len(name))
	if at+1 >= len(f.text) || f.text[at] != '=' || f.text[at+1] == '=' {
		return
	}
	if v, _, ok := f.pipe(f.blank(at+1), 0); ok && len(v.str()) <= maxValue {
		f.vars[name] = v
	}
}

// blank skips white space, PowerShell's and VBScript's line continuations too.
func (f *folder) blank(i int) int {
	for i < len(f.text) {
		switch c := f.text[i]; {
		case isSpace(c):
			i++
		case (c == '`' || c == '_') && i+1 < len(f.text) && (f.text[i+1] == '\n' || f.text[i+1] == '\r'):
			i++
		default:
			return i
		}
	}
	return i
}

func (f *folder) has(i int, word string) bool { return strings.HasPrefix(f.lower[i:], word) }

// pipe := cmp { "|" character-block }
func (f *folder) pipe(i, depth int) (value, int, bool) {
	v, end, ok := f.cmp(i, depth)
	if !ok {
		return v, i, false
	}
	for {
		at := f.blank(end)
		if at >= len(f.text) || f.text[at] != '|' {
			return v, end, true
		}
		out, next, ok := f.charBlock(v, at+1)
		if !ok {
			return v, end, true
		}
		v, end = out, next
	}
}

// cmp := sum { (-join | -split | -replace) sum }
func (f *folder) cmp(i, depth int) (value, int, bool) {
	if f.has(i, "-join") && !(len(f.text) > i+5 && isWord(f.text[i+5])) {
		v, end, ok := f.sum(f.blank(i+5), depth+1)
		if !ok {
			return v, i, false
		}
		f.did = append(f.did, "-join")
		return f.bounded(strings.Join(v.list, ""), end)
	}
	v, end, ok := f.sum(i, depth)
	for ok {
		at := f.blank(end)
		if at+4 >= len(f.text) || f.text[at] != '-' {
			break
		}
		op := f.operator(at)
		if op == "" {
			break
		}
		arg, next, argOK := f.sum(f.blank(at+len(op)), depth+1)
		if !argOK {
			break
		}
		out, did := f.apply(strings.TrimLeft(op, "-ci"), v, arg)
		if !did {
			break
		}
		v, end = out, next
	}
	return v, end, ok
}

// operator returns the string operator at i as written: -join, -split,
// -replace and their case-sensitive and -insensitive forms.
func (f *folder) operator(i int) string {
	for _, op := range []string{"-join", "-split", "-csplit", "-isplit", "-replace", "-creplace", "-ireplace"} {
		if f.has(i, op) && (i+len(op) >= len(f.text) || !isWord(f.text[i+len(op)])) {
			return op
		}
	}
	return ""
}

// apply computes join, split and replace. Patterns are taken literally: what
// attackers remove is a marker, rarely an expression.
func (f *folder) apply(op string, v, arg value) (value, bool) {
	switch op {
	case "join":
		out := strings.Join(v.list, arg.str())
		if len(out) > f.limit {
			return v, false
		}
		f.did = append(f.did, "-join")
		return one(out), true
	case "split":
		sep := strings.Trim(arg.str(), "[]\\")
		if sep == "" || len(v.list) != 1 {
			return v, false
		}
		parts := strings.FieldsFunc(v.str(), func(r rune) bool { return strings.ContainsRune(sep, r) })
		if len(parts) > maxElements {
			return v, false
		}
		f.did = append(f.did, "-split")
		return value{list: parts, isList: true}, true
	case "replace":
		from, to := "", ""
		if len(arg.list) > 0 {
			from = strings.ReplaceAll(arg.list[0], `\`, "")
		}
		if len(arg.list) > 1 {
			to = arg.list[1]
		}
		if from == "" || len(v.list) != 1 || len(to) > 64 {
			return v, false
		}
		return f.replaced(v.str(), from, to)
	}
	return v, false
}

func (f *folder) replaced(s, from, to string) (value, bool) {
	if from == "" || !strings.Contains(s, from) {
		return one(s), false
	}
	f.fuel -= len(s)
	out := strings.ReplaceAll(s, from, to)
	if len(out) > f.limit {
		return one(s), false
	}
	f.did = append(f.did, "replace")
	return one(out), true
}

// sum := list { ("+" | "&" | "||") list }
func (f *folder) sum(i, depth int) (value, int, bool) {
	v, end, ok := f.format(i, depth)
	var text []byte
	for joined := false; ok; joined = true {
		at := f.blank(end)
		n := f.plus(at, end)
		if n == 0 {
			break
		}
		w, next, wok := f.format(f.blank(at+n), depth)
		if !wok || v.isNum && w.isNum {
			break
		}
		if v.isList {
			if len(v.list)+len(w.list) > maxElements {
				break
			}
			v.list = append(append([]string(nil), v.list...), w.list...)
			f.fuel -= len(v.list)
			end = next
			continue
		}
		if !joined {
			text = []byte(v.str())
			f.did = append(f.did, "string concatenation")
		}
		if len(text)+len(w.str()) > f.limit {
			break
		}
		text = append(text, w.str()...)
		f.fuel -= len(w.str())
		v, end = value{list: v.list}, next
	}
	if text != nil {
		v = one(string(text))
	}
	return v, end, ok
}

// plus returns the length of the operator at i that joins strings, 0 if there
// is none. SQL's "||" only counts behind a call, a shell's stands elsewhere.
func (f *folder) plus(i, end int) int {
	if i >= len(f.text) {
		return 0
	}
	next := byte(' ')
	if i+1 < len(f.text) {
		next = f.text[i+1]
	}
	switch c := f.text[i]; {
	case c == '+' && next != '+' && next != '=', c == '&' && f.vbs && next != '&':
		return 1
	case c == '|' && next == '|' && end > 0 && f.text[end-1] == ')':
		return 2
	}
	return 0
}

// format := list [ "-f" list ]
func (f *folder) format(i, depth int) (value, int, bool) {
	v, end, ok := f.elements(i, depth)
	if !ok || v.isList {
		return v, end, ok
	}
	at := f.blank(end)
	if !f.has(at, "-f") || at+2 < len(f.text) && isWord(f.text[at+2]) {
		return v, end, ok
	}
	args, next, argOK := f.elements(f.blank(at+2), depth+1)
	if !argOK {
		return v, end, ok
	}
	out, fmtOK := formatString(v.str(), args.list, f.limit)
	if !fmtOK {
		return v, end, ok
	}
	f.did = append(f.did, "format operator")
	return one(out), next, true
}

// formatString fills {0}, {1} … as .NET does, without alignment or formats.
func formatString(s string, args []string, limit int) (string, bool) {
	var b strings.Builder
	used := false
	for i := 0; i < len(s); i++ {
		if s[i] != '{' {
			b.WriteByte(s[i])
			continue
		}
		n, ok := leadingInt(s[i+1 : min(len(s), i+8)])
		end := strings.IndexByte(s[i:min(len(s), i+8)], '}')
		if !ok || end < 0 || n >= len(args) || b.Len()+len(args[n]) > limit {
			return "", false
		}
		b.WriteString(args[n])
		used = true
		i += end
	}
	return b.String(), used
}

// elements := postfix { "," postfix }
func (f *folder) elements(i, depth int) (value, int, bool) {
	v, end, ok := f.postfix(i, depth)
	if !ok {
		return v, i, false
	}
	// The first value may belong to a variable: a longer list is a new one.
	var list []string
	for {
		at := f.blank(end)
		if at >= len(f.text) || f.text[at] != ',' {
			break
		}
		w, next, ok := f.postfix(f.blank(at+1), depth)
		if !ok || len(list)+len(w.list) > maxElements {
			break
		}
		if list == nil {
			list = append(make([]string, 0, 16), v.list...)
		}
		list = append(list, w.list...)
		f.fuel -= len(w.list) + 1
		end = next
	}
	if list != nil {
		v = value{list: list, isList: true}
	}
	return v, end, true
}

// bounded wraps a computed string.
func (f *folder) bounded(s string, end int) (value, int, bool) {
	if len(s) > f.limit {
		return value{}, 0, false
	}
	f.fuel -= len(s) / 8
	return one(s), end, true
}
