package pdf

import (
	"bytes"
	"strconv"
)

// An object of a PDF is one of: nil, bool, float64, name, text, array, dict,
// ref, stream or keyword.
type (
	name    string
	text    string // of bytes; what they mean depends on where it stands
	keyword string
	array   []any
	dict    map[name]any
	ref     struct{ num, gen int }
	stream  struct {
		dict dict
		raw  []byte
		at   ref // the object that it is, for decryption
	}
)

// maxNest is how deep arrays and dictionaries may lie in each other.
const maxNest = 64

// lexer reads objects from bytes.
type lexer struct {
	b     []byte
	pos   int
	depth int
	plain bool // no references: content streams and character maps
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func (l *lexer) skipSpace() {
	for l.pos < len(l.b) {
		switch c := l.b[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '%':
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// next returns the next object, or false at the end.
func (l *lexer) next() (any, bool) {
	l.skipSpace()
	if l.pos >= len(l.b) {
		return nil, false
	}
	switch c := l.b[l.pos]; c {
	case '/':
		l.pos++
		return l.name(), true
	case '(':
		l.pos++
		return l.literal(), true
	case '[':
		l.pos++
		return l.array(), true
	case '<':
		if bytes.HasPrefix(l.b[l.pos:], []byte("<<")) {
			l.pos += 2
			return l.dict(), true
		}
		l.pos++
		return l.hex(), true
	case '>':
		if bytes.HasPrefix(l.b[l.pos:], []byte(">>")) {
			l.pos += 2
			return keyword(">>"), true
		}
		l.pos++
		return keyword(">"), true
	case ']', ')', '{', '}':
		l.pos++
		return keyword(c), true
	}
	return l.word(), true
}

// word reads a number, a reference or a keyword.
func (l *lexer) word() any {
	w := l.regular()
	if n, ok := number(w); ok {
		if l.plain || n < 0 || n > maxObjectNumber || n != float64(int(n)) {
			return n
		}
		back := l.pos
		l.skipSpace()
		gen, ok := number(l.regular())
		l.skipSpace()
		if ok && gen >= 0 && gen < 65536 && l.pos < len(l.b) && l.b[l.pos] == 'R' && (l.pos+1 == len(l.b) || isSpace(l.b[l.pos+1]) || isDelimiter(l.b[l.pos+1])) {
			l.pos++
			return ref{int(n), int(gen)}
		}
		l.pos = back
		return n
	}
	switch w {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	return keyword(w)
}

// regular reads the bytes up to the next space or delimiter.
func (l *lexer) regular() string {
	start := l.pos
	for l.pos < len(l.b) && !isSpace(l.b[l.pos]) && !isDelimiter(l.b[l.pos]) {
		l.pos++
	}
	return string(l.b[start:min(l.pos, start+maxWord)])
}

// maxWord is longer than any number, operator or name.
const maxWord = 256

// number reads a number as PDF writes it: no exponents, no infinities.
func number(w string) (float64, bool) {
	if w == "" || len(w) > 32 {
		return 0, false
	}
	for i := range len(w) {
		if c := w[i]; (c < '0' || c > '9') && c != '.' && (i > 0 || c != '-' && c != '+') {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(w, 64)
	return n, err == nil
}

func (l *lexer) name() name {
	w := l.regular()
	if bytes.IndexByte([]byte(w), '#') < 0 {
		return name(w)
	}
	var out []byte
	for i := 0; i < len(w); i++ {
		if w[i] == '#' && i+2 < len(w) {
			if n, err := strconv.ParseUint(w[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, w[i])
	}
	return name(out)
}

// literal reads a string in parentheses, which may hold others.
func (l *lexer) literal() text {
	var out []byte
	open := 1
	for l.pos < len(l.b) {
		c := l.b[l.pos]
		l.pos++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return text(out)
			}
		case '\\':
			out = l.escape(out)
			continue
		case '\r':
			if l.pos < len(l.b) && l.b[l.pos] == '\n' {
				l.pos++
			}
			c = '\n'
		}
		out = append(out, c)
	}
	return text(out)
}

// escape reads what follows a backslash in a string.
func (l *lexer) escape(out []byte) []byte {
	if l.pos >= len(l.b) {
		return out
	}
	c := l.b[l.pos]
	l.pos++
	switch c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b', 'f':
		return out
	case '\r':
		if l.pos < len(l.b) && l.b[l.pos] == '\n' {
			l.pos++
		}
		return out
	case '\n':
		return out
	}
	if c < '0' || c > '7' {
		return append(out, c)
	}
	n := int(c - '0')
	for i := 0; i < 2 && l.pos < len(l.b) && l.b[l.pos] >= '0' && l.b[l.pos] <= '7'; i++ {
		n = n*8 + int(l.b[l.pos]-'0')
		l.pos++
	}
	return append(out, byte(n))
}

// hex reads a string of hexadecimal digits.
func (l *lexer) hex() text {
	var out []byte
	high, odd := byte(0), false
	for l.pos < len(l.b) {
		c := l.b[l.pos]
		l.pos++
		var d byte
		switch {
		case c == '>':
			if odd {
				out = append(out, high<<4)
			}
			return text(out)
		case c >= '0' && c <= '9':
			d = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		default:
			continue
		}
		if odd {
			out = append(out, high<<4|d)
		}
		high, odd = d, !odd
	}
	return text(out)
}

func (l *lexer) array() any {
	if l.depth >= maxNest {
		l.pos = len(l.b)
		return nil
	}
	l.depth++
	defer func() { l.depth-- }()
	var out array
	for {
		o, ok := l.next()
		if !ok || o == keyword("]") {
			return out
		}
		if k, bad := o.(keyword); bad {
			if k == "endobj" || k == "stream" || k == ">>" {
				return out // the bracket is missing
			}
			continue
		}
		out = append(out, o)
	}
}

func (l *lexer) dict() any {
	if l.depth >= maxNest {
		l.pos = len(l.b)
		return nil
	}
	l.depth++
	defer func() { l.depth-- }()
	out := dict{}
	for {
		k, ok := l.next()
		if !ok || k == keyword(">>") || k == keyword("endobj") || k == keyword("stream") {
			return out
		}
		key, isName := k.(name)
		if !isName {
			continue
		}
		v, ok := l.next()
		if !ok || v == keyword(">>") {
			return out
		}
		if _, bad := v.(keyword); !bad {
			out[key] = v
		}
	}
}
