package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	tEnd        tokenKind = iota // of the template
	tData                        // text outside tags
	tVarBegin                    // {{
	tVarEnd                      // }}
	tBlockBegin                  // {%
	tBlockEnd                    // %}
	tName
	tString
	tInt
	tFloat
	tOp
)

// token is a piece of a template. s is the text of data, a name, a string
// without its quotes and escapes, or an operator.
type token struct {
	kind  tokenKind
	line  int
	s     string
	int   int64
	float float64
}

// describe says what a token is, for errors.
func (t token) describe() string {
	switch t.kind {
	case tEnd:
		return "the end of the template"
	case tData:
		return "text"
	case tVarBegin:
		return `"{{"`
	case tVarEnd:
		return `"}}"`
	case tBlockBegin:
		return `"{%"`
	case tBlockEnd:
		return `"%}"`
	case tInt, tFloat:
		return "a number"
	case tString:
		return "a string"
	}
	return strconv.Quote(t.s)
}

// lexer cuts a template into tokens. All its loops move pos forward.
type lexer struct {
	src    string
	pos    int
	line   int
	tokens []token
	// lineStart says that the last tag took the line break behind it, so that
	// the text at pos starts a line.
	lineStart bool
}

// lex cuts src into tokens, the last of them tEnd.
func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	src = strings.ReplaceAll(src, "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(src, "\n"), line: 1, lineStart: true}
	for l.pos < len(l.src) {
		if err := l.next(); err != nil {
			return nil, At(l.line, err)
		}
	}
	l.add(token{kind: tEnd})
	return l.tokens, nil
}

// add appends a token at the current line.
func (l *lexer) add(t token) {
	t.line = l.line
	l.tokens = append(l.tokens, t)
}

// move sets the position and counts the lines passed.
func (l *lexer) move(to int) {
	l.line += strings.Count(l.src[l.pos:to], "\n")
	l.pos = to
}

// next reads the text up to a tag, and the tag.
func (l *lexer) next() error {
	i := l.findTag()
	if i < 0 {
		l.add(token{kind: tData, s: l.src[l.pos:]})
		l.move(len(l.src))
		return nil
	}
	kind, sign, after := l.src[i+1], byte(0), i+2
	if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
		sign = l.src[after]
		after++
	}
	if text := l.strip(l.src[l.pos:i], kind, sign); text != "" {
		l.add(token{kind: tData, s: text})
	}
	l.move(i)
	switch kind {
	case '#':
		return l.comment(after)
	case '{':
		l.add(token{kind: tVarBegin})
		l.move(after)
		return l.inside("}}", tVarEnd)
	}
	if end := l.rawBegin(after); end > 0 {
		return l.raw(end)
	}
	l.add(token{kind: tBlockBegin})
	l.move(after)
	return l.inside("%}", tBlockEnd)
}

// findTag returns where the next tag begins, or -1.
func (l *lexer) findTag() int {
	for i := l.pos; ; i++ {
		j := strings.IndexByte(l.src[i:], '{')
		if j < 0 {
			return -1
		}
		i += j
		if i+1 < len(l.src) && strings.IndexByte("{%#", l.src[i+1]) >= 0 {
			return i
		}
	}
}

// strip takes from the text before a tag the white space that the tag's sign or
// lstrip_blocks removes.
func (l *lexer) strip(text string, kind, sign byte) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, marked.IsSpace)
	case sign == '+' || kind == '{':
		return text
	}
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || l.lineStart) && strings.TrimLeftFunc(text[line:], marked.IsSpace) == "" {
		return text[:line]
	}
	return text
}

// finish moves behind a tag that ends at end, and behind what its sign or
// trim_blocks removes.
func (l *lexer) finish(end int, sign byte, trim bool) {
	start := end
	switch {
	case sign == '-':
		end = l.skipSpace(end)
	case sign != '+' && trim && end < len(l.src) && l.src[end] == '\n':
		end++
	}
	l.lineStart = end > start && l.src[end-1] == '\n'
	l.move(end)
}

// skipSpace returns the first position from i that is not white space.
func (l *lexer) skipSpace(i int) int {
	return len(l.src) - len(strings.TrimLeftFunc(l.src[i:], marked.IsSpace))
}

// comment skips a comment whose text begins at i.
func (l *lexer) comment(i int) error {
	n := strings.Index(l.src[i:], "#}")
	if n < 0 {
		return fmt.Errorf(`comment without "#}"`)
	}
	end, sign := i+n, byte(0)
	if n > 0 {
		sign = l.src[end-1]
	}
	l.finish(end+2, sign, true)
	return nil
}

// rawBegin returns where a raw tag whose inside begins at i ends, or 0.
func (l *lexer) rawBegin(i int) int {
	rest, ok := strings.CutPrefix(l.src[l.skipSpace(i):], "raw")
	if !ok {
		return 0
	}
	rest = strings.TrimLeftFunc(rest, marked.IsSpace)
	if s, ok := strings.CutPrefix(rest, "-%}"); ok {
		return len(l.src) - len(strings.TrimLeftFunc(s, marked.IsSpace))
	}
	if s, ok := strings.CutPrefix(rest, "%}"); ok {
		return len(l.src) - len(s)
	}
	return 0
}

// raw reads text from i to an endraw tag as it is.
func (l *lexer) raw(i int) error {
	l.move(i)
	l.lineStart = l.src[i-1] == '\n'
	for j := i; ; j += 2 {
		n := strings.Index(l.src[j:], "{%")
		if n < 0 {
			return fmt.Errorf("raw without endraw")
		}
		j += n
		after, sign := j+2, byte(0)
		if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
			sign = l.src[after]
			after++
		}
		rest, ok := strings.CutPrefix(l.src[l.skipSpace(after):], "endraw")
		if !ok {
			continue
		}
		rest = strings.TrimLeftFunc(rest, marked.IsSpace)
		endSign := byte(0)
		if rest != "" && (rest[0] == '-' || rest[0] == '+') {
			endSign, rest = rest[0], rest[1:]
		}
		if rest, ok = strings.CutPrefix(rest, "%}"); !ok {
			continue
		}
		if text := l.strip(l.src[i:j], '%', sign); text != "" {
			l.add(token{kind: tData, s: text})
		}
		l.finish(len(l.src)-len(rest), endSign, true)
		return nil
	}
}

// inside reads the tokens of a tag up to its end.
func (l *lexer) inside(end string, kind tokenKind) error {
	var open []byte // brackets to be closed, within which the tag does not end
	for l.pos < len(l.src) {
		if len(l.tokens) > maxTokens {
			return fmt.Errorf("more than %d tokens: %w", maxTokens, marked.ErrLimit)
		}
		if len(open) == 0 && l.tagEnd(end, kind) {
			return nil
		}
		c, size := utf8.DecodeRuneInString(l.src[l.pos:])
		var err error
		switch {
		case marked.IsSpace(c):
			l.move(l.pos + size)
		case c >= '0' && c <= '9':
			err = l.number()
		case marked.IsWord(c):
			n := strings.IndexFunc(l.src[l.pos:], func(r rune) bool { return !marked.IsWord(r) })
			if n < 0 {
				n = len(l.src) - l.pos
			}
			l.add(token{kind: tName, s: l.src[l.pos : l.pos+n]})
			l.move(l.pos + n)
		case c == '\'' || c == '"':
			err = l.string(byte(c))
		default:
			open, err = l.operator(open)
		}
		if err != nil {
			return err
		}
	}
	return nil // the parser says what is missing
}

// tagEnd moves behind the end of a tag if it is here.
func (l *lexer) tagEnd(end string, kind tokenKind) bool {
	i, sign := l.pos, l.src[l.pos]
	if sign == '-' || sign == '+' && kind == tBlockEnd {
		i++
	} else {
		sign = 0
	}
	if !strings.HasPrefix(l.src[i:], end) {
		return false
	}
	l.add(token{kind: kind})
	l.finish(i+2, sign, kind == tBlockEnd)
	return true
}

// digits returns the end of the digits, of which single underscores may stand
// between two, from i.
func (l *lexer) digits(i int, ok func(byte) bool) int {
	for i < len(l.src) {
		if l.src[i] == '_' && i+1 < len(l.src) && ok(l.src[i+1]) {
			i++
		}
		if !ok(l.src[i]) {
			break
		}
		i++
	}
	return i
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

// number reads an integer or a fraction.
func (l *lexer) number() error {
	start := l.pos
	if end := l.floatEnd(); end > 0 {
		f, err := strconv.ParseFloat(strings.ReplaceAll(l.src[start:end], "_", ""), 64)
		if err != nil {
			return fmt.Errorf("number %q: %w", l.src[start:end], err)
		}
		l.add(token{kind: tFloat, float: f})
		l.move(end)
		return nil
	}
	end := l.intEnd()
	n, err := strconv.ParseInt(strings.ReplaceAll(l.src[start:end], "_", ""), 0, 64)
	if err != nil {
		return fmt.Errorf("number of %d digits does not fit 64 bits", end-start)
	}
	l.add(token{kind: tInt, int: n})
	l.move(end)
	return nil
}

// floatEnd returns the end of a number with a fraction or an exponent, or 0.
func (l *lexer) floatEnd() int {
	if l.pos > 0 && l.src[l.pos-1] == '.' {
		return 0
	}
	i, float := l.digits(l.pos, decimal), false
	if i+1 < len(l.src) && l.src[i] == '.' && decimal(l.src[i+1]) {
		i, float = l.digits(i+1, decimal), true
	}
	if i < len(l.src) && (l.src[i] == 'e' || l.src[i] == 'E') {
		j := i + 1
		if j < len(l.src) && (l.src[j] == '+' || l.src[j] == '-') {
			j++
		}
		if j < len(l.src) && decimal(l.src[j]) {
			return l.digits(j, decimal)
		}
	}
	if float {
		return i
	}
	return 0
}

// intEnd returns the end of an integer.
func (l *lexer) intEnd() int {
	ok := decimal
	if l.src[l.pos] == '0' {
		ok = func(c byte) bool { return c == '0' }
		if l.pos+1 < len(l.src) {
			based := map[byte]string{'b': "01", 'o': "01234567", 'x': "0123456789abcdefABCDEF"}
			if set := based[l.src[l.pos+1]|0x20]; set != "" {
				in := func(c byte) bool { return strings.IndexByte(set, c) >= 0 }
				if end := l.digits(l.pos+2, in); end > l.pos+2 {
					return end
				}
			}
		}
	}
	return l.digits(l.pos, ok)
}

// string reads a string in the given quotes.
func (l *lexer) string(quote byte) error {
	i := l.pos + 1
	for i < len(l.src) && l.src[i] != quote {
		if l.src[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(l.src) {
		return fmt.Errorf("string without its closing %q", quote)
	}
	s, err := unescape(l.src[l.pos+1 : i])
	if err != nil {
		return err
	}
	l.add(token{kind: tString, s: s})
	l.move(i + 1)
	return nil
}

// operators are written longest first.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// operator reads an operator and keeps account of open brackets.
func (l *lexer) operator(open []byte) ([]byte, error) {
	for _, op := range operators {
		if !strings.HasPrefix(l.src[l.pos:], op) {
			continue
		}
		switch op {
		case "(":
			open = append(open, ')')
		case "[":
			open = append(open, ']')
		case "{":
			open = append(open, '}')
		case ")", "]", "}":
			if len(open) == 0 || open[len(open)-1] != op[0] {
				return nil, fmt.Errorf("unexpected %q", op)
			}
			open = open[:len(open)-1]
		}
		l.add(token{kind: tOp, s: op})
		l.move(l.pos + len(op))
		return open, nil
	}
	c, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	return nil, fmt.Errorf("unexpected character %q", c)
}

// simpleEscapes are Python's one-letter escapes.
var simpleEscapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\n': ""}

// unescape replaces the escapes of a Python string. One that Python does not
// know stays as it is.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++ // string made sure that something follows
		if rep, ok := simpleEscapes[s[i]]; ok {
			b.WriteString(rep)
			continue
		}
		r, n, err := numericEscape(s[i:])
		if err != nil {
			return "", err
		}
		if n == 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(r)
		i += n - 1
	}
	return b.String(), nil
}

// numericEscape reads the escape that follows a backslash if it is a number;
// n is its length, 0 if it is none.
func numericEscape(s string) (r rune, n int, err error) {
	width, base := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]], 16
	from := 1
	switch {
	case s[0] == 'N':
		return 0, 0, fmt.Errorf(`escape \N is not supported`)
	case s[0] >= '0' && s[0] <= '7':
		from, base = 0, 8
		for width < 3 && width < len(s) && s[width] >= '0' && s[width] <= '7' {
			width++
		}
	case width == 0:
		return 0, 0, nil
	}
	if from+width > len(s) {
		return 0, 0, fmt.Errorf(`escape \%c is cut short`, s[0])
	}
	v, err := strconv.ParseUint(s[from:from+width], base, 32)
	if err != nil || v > unicode.MaxRune {
		return 0, 0, fmt.Errorf(`escape \%c is not a character`, s[0])
	}
	return rune(v), from + width, nil
}
