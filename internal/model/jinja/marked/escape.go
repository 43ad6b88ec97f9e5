package marked

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// AddRepr appends t as a Python string literal. What stands for a byte of data
// is data.
func (b *Builder) AddRepr(t Text) {
	quote := "'"
	if strings.Contains(t.S, "'") && !strings.Contains(t.S, `"`) {
		quote = `"`
	}
	b.Add(quote, false)
	for _, s := range t.Spans() {
		b.AddEscaped(s, func(r rune, size int) string {
			switch {
			case r == '\\' || string(r) == quote:
				return `\` + string(r)
			case r == '\n':
				return `\n`
			case r == '\r':
				return `\r`
			case r == '\t':
				return `\t`
			case r == utf8.RuneError && size == 1 || r == ' ' || unicode.IsPrint(r):
				return ""
			case r < 0x100:
				return fmt.Sprintf(`\x%02x`, r)
			case r < 0x10000:
				return fmt.Sprintf(`\u%04x`, r)
			}
			return fmt.Sprintf(`\U%08x`, r)
		})
	}
	b.Add(quote, false)
}

// AddEscaped appends a span in which each character is replaced by what escape
// gives, or stays where that is empty.
func (b *Builder) AddEscaped(s Span, escape func(r rune, size int) string) {
	from := 0
	for i := 0; i < len(s.Text); {
		r, size := utf8.DecodeRuneInString(s.Text[i:])
		if rep := escape(r, size); rep != "" {
			b.Add(s.Text[from:i], s.Data)
			b.Add(rep, s.Data)
			from = i + size
		}
		i += size
	}
	b.Add(s.Text[from:], s.Data)
}

// AddJSON appends a string. What stands for a byte of data is data.
func (b *Builder) AddJSON(t Text, ascii bool) {
	b.Add(`"`, false)
	for _, s := range t.Spans() {
		b.AddEscaped(s, func(r rune, size int) string {
			switch {
			case r == '"':
				return `\"`
			case r == '\\':
				return `\\`
			case r == '\n':
				return `\n`
			case r == '\r':
				return `\r`
			case r == '\t':
				return `\t`
			case r == '\b':
				return `\b`
			case r == '\f':
				return `\f`
			case r < 0x20:
				return fmt.Sprintf(`\u%04x`, r)
			case r == utf8.RuneError && size == 1:
				return "�"
			case !ascii || r < 0x7f:
				return ""
			case r > 0xffff:
				hi, lo := utf16.EncodeRune(r)
				return fmt.Sprintf(`\u%04x\u%04x`, hi, lo)
			}
			return fmt.Sprintf(`\u%04x`, r)
		})
	}
	b.Add(`"`, false)
}
