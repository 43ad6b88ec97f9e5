// Package yara reads what YARA rules say of themselves: names, tags, metadata,
// how many strings, and the condition. It does not compile or check them.
package yara

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The limits of one file and one rule.
const (
	MaxBytes = 16 << 20
	MaxRules = 50_000
	MaxMeta  = 1_000
)

// Rule is one rule.
type Rule struct {
	Name      string
	Line      int
	Modifiers []string // private, global
	Tags      []string
	Meta      []Meta
	Strings   int
	Condition string // as it is written, comments left out
}

// Meta is one line of a rule's metadata.
type Meta struct{ Key, Value string }

// Get returns the first value of a key, or "".
func (r *Rule) Get(key string) string {
	for _, m := range r.Meta {
		if strings.EqualFold(m.Key, key) {
			return m.Value
		}
	}
	return ""
}

var opening = regexp.MustCompile(`(?m)^[ \t]*(?:(?:private|global)[ \t]+)*rule[ \t]+[A-Za-z_][A-Za-z0-9_]*[ \t\r\n]*(?:\{|:|/)`)

// Looks reports whether the beginning of a file may be of YARA rules.
func Looks(head []byte) bool { return opening.Match(head) }

// Parse calls emit for every rule of a file, in its order. It stops at the
// first rule that it cannot read.
func Parse(src string, emit func(Rule) error) error {
	if len(src) > MaxBytes {
		return fmt.Errorf("YARA rules of %d bytes, limit %d", len(src), MaxBytes)
	}
	p := &parser{src: src, line: 1}
	for n := 0; ; n++ {
		r, more, err := p.rule()
		if err != nil {
			return fmt.Errorf("line %d: %w", p.line, err)
		}
		if !more {
			return nil
		}
		if n >= MaxRules {
			return fmt.Errorf("more than %d YARA rules", MaxRules)
		}
		if err := emit(r); err != nil {
			return err
		}
	}
}

// parser reads tokens: words, strings with their quotes, and single marks.
type parser struct {
	src  string
	at   int
	line int
}

// rule reads the next rule, passing over imports and includes.
func (p *parser) rule() (Rule, bool, error) {
	r := Rule{}
	for {
		t, err := p.next()
		switch {
		case err != nil:
			return r, false, err
		case t == "":
			if len(r.Modifiers) > 0 {
				return r, false, errors.New("the file ends within a rule")
			}
			return r, false, nil
		case t == "import" || t == "include":
			if _, err := p.next(); err != nil {
				return r, false, err
			}
		case t == "private" || t == "global":
			if r.Modifiers = append(r.Modifiers, t); len(r.Modifiers) > 2 {
				return r, false, errors.New("too many words before a rule")
			}
		case t == "rule":
			r.Line = p.line
			return r, true, p.body(&r)
		default:
			return r, false, fmt.Errorf("found %.40q, want a rule", t)
		}
	}
}

// body reads a rule from its name to its closing brace.
func (p *parser) body(r *Rule) error {
	t, err := p.next()
	if err != nil {
		return err
	}
	if r.Name = t; !word(t) {
		return fmt.Errorf("found %.40q, want the name of a rule", t)
	}
	if t, err = p.next(); err != nil {
		return err
	}
	for tags := t == ":"; tags && t != "{"; {
		if t, err = p.next(); err != nil {
			return err
		}
		if word(t) && len(r.Tags) < MaxMeta {
			r.Tags = append(r.Tags, t)
		} else if t == "" {
			return errors.New("the file ends within a rule")
		}
	}
	if t != "{" {
		return fmt.Errorf("found %.40q behind the name of a rule", t)
	}
	for {
		if t, err = p.next(); err != nil {
			return err
		}
		switch t {
		case "meta", "strings", "condition":
			if err := p.expect(":"); err != nil {
				return err
			}
		case "}":
			return nil
		default:
			return fmt.Errorf("found %.40q in rule %s, want one of its sections", t, r.Name)
		}
		switch t {
		case "meta":
			err = p.meta(r)
		case "strings":
			err = p.strings(r)
		case "condition":
			return p.condition(r)
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) expect(want string) error {
	t, err := p.next()
	if err == nil && t != want {
		err = fmt.Errorf("found %.40q, want %q", t, want)
	}
	return err
}

// section reports whether the next token begins a section or ends the rule.
func (p *parser) section() (bool, error) {
	at, line := p.at, p.line
	t, err := p.next()
	if err != nil {
		return false, err
	}
	ends := t == "}"
	if t == "strings" || t == "condition" || t == "meta" {
		colon, err := p.next()
		ends = err == nil && colon == ":"
	}
	if t == "" {
		return false, errors.New("the file ends within a rule")
	}
	p.at, p.line = at, line
	return ends, nil
}

// meta reads key = value lines.
func (p *parser) meta(r *Rule) error {
	for {
		if ends, err := p.section(); ends || err != nil {
			return err
		}
		key, err := p.next()
		if err != nil {
			return err
		}
		if !word(key) {
			return fmt.Errorf("found %.40q in the metadata of rule %s", key, r.Name)
		}
		if err := p.expect("="); err != nil {
			return err
		}
		value, err := p.next()
		if err != nil {
			return err
		}
		if value == "-" {
			if value, err = p.next(); err != nil {
				return err
			}
			value = "-" + value
		}
		if len(r.Meta) < MaxMeta {
			r.Meta = append(r.Meta, Meta{key, unquote(value)})
		}
	}
}

// strings counts the strings of a rule.
func (p *parser) strings(r *Rule) error {
	for {
		if ends, err := p.section(); ends || err != nil {
			return err
		}
		t, err := p.next()
		if err != nil {
			return err
		}
		if strings.HasPrefix(t, "$") {
			r.Strings++
		}
		if t == "=" {
			if err := p.value(); err != nil {
				return err
			}
		}
	}
}

// value passes over a hexadecimal string or a regular expression, which have
// marks of their own; a text is a token.
func (p *parser) value() error {
	p.space()
	if p.at == len(p.src) {
		return errors.New("the file ends within a rule")
	}
	switch p.src[p.at] {
	case '{':
		for p.at < len(p.src) && p.src[p.at] != '}' {
			if strings.HasPrefix(p.src[p.at:], "//") || strings.HasPrefix(p.src[p.at:], "/*") {
				p.space()
				continue
			}
			p.step()
		}
		if p.at == len(p.src) {
			return errors.New("a hexadecimal string does not end")
		}
		p.at++
	case '/':
		return p.regex()
	}
	return nil
}

// regex passes over a regular expression.
func (p *parser) regex() error {
	class := false
	for p.at++; p.at < len(p.src); p.at++ {
		switch p.src[p.at] {
		case '\\':
			p.at++
		case '[':
			class = true
		case ']':
			class = false
		case '\n':
			return errors.New("a regular expression does not end")
		case '/':
			if !class {
				p.at++
				return nil
			}
		}
	}
	p.at = len(p.src)
	return errors.New("a regular expression does not end")
}

// condition keeps what is written up to the brace that closes the rule.
func (p *parser) condition(r *Rule) error {
	var b strings.Builder
	for {
		from := p.at
		p.space()
		gap := p.src[from:p.at]
		if p.at == len(p.src) {
			return errors.New("the file ends within a rule")
		}
		start := p.at
		var err error
		if p.src[p.at] == '/' && strings.HasSuffix(strings.TrimRight(b.String(), " \n"), "matches") {
			err = p.regex()
		} else {
			_, err = p.next()
		}
		if err != nil {
			return err
		}
		t := p.src[start:p.at]
		if t == "}" {
			r.Condition = b.String()
			return nil
		}
		switch {
		case b.Len() == 0:
		case strings.Contains(gap, "\n"):
			b.WriteByte('\n')
		case gap != "":
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
}

// step moves on by one byte.
func (p *parser) step() {
	if p.src[p.at] == '\n' {
		p.line++
	}
	p.at++
}

// space passes over blanks and comments.
func (p *parser) space() {
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			p.step()
		case strings.HasPrefix(p.src[p.at:], "//"):
			end := strings.IndexByte(p.src[p.at:], '\n')
			if end < 0 {
				end = len(p.src) - p.at
			}
			p.at += end
		case strings.HasPrefix(p.src[p.at:], "/*"):
			end := strings.Index(p.src[p.at+2:], "*/")
			if end < 0 {
				p.at = len(p.src)
				return
			}
			p.line += strings.Count(p.src[p.at:p.at+end+4], "\n")
			p.at += end + 4
		default:
			return
		}
	}
}

// next reads one token; "" at the end.
func (p *parser) next() (string, error) {
	p.space()
	if p.at == len(p.src) {
		return "", nil
	}
	start := p.at
	if p.src[p.at] == '"' {
		for p.at++; p.at < len(p.src); p.at++ {
			switch p.src[p.at] {
			case '\\':
				p.at++
			case '"':
				p.at++
				return p.src[start:p.at], nil
			case '\n':
				return "", errors.New("a text does not end")
			}
		}
		p.at = len(p.src)
		return "", errors.New("a text does not end")
	}
	for p.at < len(p.src) && wordByte(p.src[p.at]) {
		p.at++
	}
	if p.at == start {
		p.at++
	}
	return p.src[start:p.at], nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func word(s string) bool {
	return s != "" && wordByte(s[0]) && s[0] != '$' && len(s) <= 128
}

// unquote resolves the escapes of a text.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'x':
			if i+2 < len(s) {
				if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b.WriteByte(byte(v))
					i += 2
					continue
				}
			}
			b.WriteString(`\x`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
