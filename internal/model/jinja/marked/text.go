// Package marked holds text that knows which of its bytes are data and which are
// a template's own. Whatever is done to a text, each byte keeps its mark, and what
// is put in the place of a character has the mark of that character.
package marked

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// ErrLimit is what an error wraps where a text grew too long.
var ErrLimit = errors.New("limit exceeded")

// Span is a part of a text that is data, or not.
type Span struct {
	Text string
	Data bool
}

// mark is a range of bytes that are data.
type mark struct{ from, to int }

// Text is a string that knows which of its bytes are data.
type Text struct {
	S string
	// marks are in order, not empty, and do not touch one another.
	marks []mark
}

// Plain is a text of the template's own.
func Plain(s string) Text { return Text{S: s} }

// Data is a text that is data from end to end.
func Data(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{S: s, marks: []mark{{0, len(s)}}}
}

// IsData reports whether any byte of t is data.
func (t Text) IsData() bool { return len(t.marks) > 0 }

// Weight is what t costs to copy, in steps of eight bytes or one mark.
func (t Text) Weight() int { return len(t.S)/8 + len(t.marks) }

// Shown is t for an error message: what is data is not shown.
func (t Text) Shown() string {
	var b strings.Builder
	for _, s := range t.Spans() {
		if s.Data {
			b.WriteString("…")
		} else {
			b.WriteString(s.Text)
		}
	}
	return clip(b.String())
}

// clip shortens a text for an error message.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Spans cuts t into parts that are data and parts that are not.
func (t Text) Spans() []Span {
	var out []Span
	pos := 0
	for _, m := range t.marks {
		if m.from > pos {
			out = append(out, Span{Text: t.S[pos:m.from]})
		}
		out = append(out, Span{Text: t.S[m.from:m.to], Data: true})
		pos = m.to
	}
	if pos < len(t.S) {
		out = append(out, Span{Text: t.S[pos:]})
	}
	return out
}

// Slice returns the bytes from i to j.
func (t Text) Slice(i, j int) Text {
	out := Text{S: t.S[i:j]}
	if i == j {
		return out
	}
	first := sort.Search(len(t.marks), func(k int) bool { return t.marks[k].to > i })
	for _, m := range t.marks[first:] {
		if m.from >= j {
			break
		}
		out.marks = append(out.marks, mark{max(m.from, i) - i, min(m.to, j) - i})
	}
	return out
}

// Marked reports whether the byte at i is data.
func (t Text) Marked(i int) bool {
	k := sort.Search(len(t.marks), func(k int) bool { return t.marks[k].to > i })
	return k < len(t.marks) && t.marks[k].from <= i
}

// Trim removes from the left, the right or both what cut accepts.
func (t Text) Trim(cut func(rune) bool, left, right bool) Text {
	i, j := 0, len(t.S)
	if left {
		i = j - len(strings.TrimLeftFunc(t.S, cut))
	}
	if right {
		j = i + len(strings.TrimRightFunc(t.S[i:], cut))
	}
	return t.Slice(i, j)
}

// Length is the number of characters; a byte that is not UTF-8 is one.
func (t Text) Length() int { return utf8.RuneCountInString(t.S) }

// Offset returns where the character number n begins, which is at most Length.
func (t Text) Offset(n int) int {
	if n >= len(t.S) {
		return len(t.S)
	}
	i := 0
	for ; n > 0 && i < len(t.S); n-- {
		_, size := utf8.DecodeRuneInString(t.S[i:])
		i += size
	}
	return i
}

// Builder makes a text. It stops taking more once Limit bytes are passed and says
// so in Err.
type Builder struct {
	Limit int
	Err   error
	buf   []byte
	marks []mark
}

// Add appends s, which is data or not.
func (b *Builder) Add(s string, data bool) {
	if s == "" || !b.room(len(s)) {
		return
	}
	from := len(b.buf)
	b.buf = append(b.buf, s...)
	if data {
		b.mark(from, len(b.buf))
	}
}

// AddText appends t with its marks.
func (b *Builder) AddText(t Text) {
	if !b.room(len(t.S)) {
		return
	}
	from := len(b.buf)
	b.buf = append(b.buf, t.S...)
	for _, m := range t.marks {
		b.mark(from+m.from, from+m.to)
	}
}

// mark marks a range at the end, joining it to a mark that it touches.
func (b *Builder) mark(from, to int) {
	if n := len(b.marks); n > 0 && b.marks[n-1].to == from {
		b.marks[n-1].to = to
		return
	}
	b.marks = append(b.marks, mark{from, to})
}

// room reports whether n more bytes fit.
func (b *Builder) room(n int) bool {
	if b.Err == nil && len(b.buf)+n > b.Limit {
		b.Err = fmt.Errorf("more than %d bytes of text: %w", b.Limit, ErrLimit)
	}
	return b.Err == nil
}

// Text returns what was built.
func (b *Builder) Text() Text { return Text{S: string(b.buf), marks: b.marks} }

// RuneSize is the number of bytes of the first character of s.
func RuneSize(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}

// Indexed yields the position and the size in bytes of each character of s.
func Indexed(s string) func(func(int, int) bool) {
	return func(yield func(int, int) bool) {
		for i := 0; i < len(s); {
			size := RuneSize(s[i:])
			if !yield(i, size) {
				return
			}
			i += size
		}
	}
}
