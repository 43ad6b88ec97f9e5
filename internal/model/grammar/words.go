package grammar

import (
	"sort"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// narrow returns which of the words from lo to hi, which share depth bytes,
// have byte b next. Words are sorted.
func narrow(words []string, lo, hi, depth int32, b byte) (int32, int32) {
	part := words[lo:hi]
	at := func(i int) int { // the byte at depth; a word that ends there comes first
		if len(part[i]) == int(depth) {
			return -1
		}
		return int(part[i][depth])
	}
	from := sort.Search(len(part), func(i int) bool { return at(i) >= int(b) })
	to := from + sort.Search(len(part)-from, func(i int) bool { return at(from+i) > int(b) })
	return lo + int32(from), lo + int32(to)
}

// ends says whether the first of the words from lo to hi ends after depth bytes.
// It is the only one that can.
func ends(words []string, lo, hi, depth int32) bool {
	return lo < hi && len(words[lo]) == int(depth)
}

// list returns the words that a frame is about.
func (f *frame) list() []string {
	switch p := f.p.(type) {
	case *program.Text:
		return p.Words
	case *object:
		return p.names
	case *program.Array:
		return p.Distinct.Spelled
	}
	return nil
}

// alive says whether one of the words from lo to hi may be written.
func (s *stack) alive(lo, hi int32) bool {
	switch {
	case lo >= hi:
		return false
	case s.kind == knownKey:
		o := s.p.(*object)
		for _, i := range o.index[lo:hi] {
			if s.up.allows(o, int(i)) {
				return true
			}
		}
		return false
	case s.kind == spelled || s.phase != plainString:
		words, taken := s.list(), int32(0)
		for u := s.up.used; u != nil; u = u.next {
			if i := int32(sort.SearchStrings(words[lo:hi], u.word)); i < hi-lo && words[lo+i] == u.word {
				taken++
			}
		}
		return hi-lo > taken
	}
	return true
}

// stepWord takes a byte of a string, or of a name, that is one of a list. Each
// word has one spelling, that of program.AppendRune.
func (s *stack) stepWord(b byte) (next frame, out outcome) {
	f := s.frame
	words := f.list()
	switch {
	case f.text.esc != noEscape:
		return s.wordEscape(b)
	case b == '"':
		if ends(words, f.q, f.n, f.m) && s.alive(f.q, f.q+1) {
			return f, closed
		}
	case b == '\\':
		f.text.esc = backslash
		if s.escapes(func(rune) bool { return true }) {
			return f, inside
		}
	case b >= ' ':
		return s.advance(f, b)
	}
	return f, dead
}

// advance takes one byte of the content.
func (s *stack) advance(f frame, b byte) (frame, outcome) {
	lo, hi := narrow(f.list(), f.q, f.n, f.m, b)
	if !s.alive(lo, hi) {
		return f, dead
	}
	f.q, f.n, f.m, f.text = lo, hi, f.m+1, textState{}
	return f, inside
}

// escapes says whether a code point of which ok is true and which must be
// escaped may come.
func (s *stack) escapes(ok func(rune) bool) bool {
	for r := rune(0); r <= '\\'; r++ {
		if !escapable(r) || !ok(r) {
			continue
		}
		if _, out := s.advance(s.frame, byte(r)); out == inside {
			return true
		}
	}
	return false
}

// wordEscape takes a byte of an escape.
func (s *stack) wordEscape(b byte) (frame, outcome) {
	f := s.frame
	d := digit(b)
	switch f.text.esc {
	case backslash:
		if r, ok := short(b); ok {
			return s.advance(f, byte(r))
		}
		if b != 'u' || !s.escapes(long) {
			return f, dead
		}
	case hex1, hex2:
		if b != '0' {
			return f, dead
		}
	case hex3:
		if d < 0 || d > 1 || !s.escapes(func(r rune) bool { return long(r) && int(r)>>4 == d }) {
			return f, dead
		}
		f.text.acc = uint32(d)
	case hex4:
		r := rune(f.text.acc<<4) | rune(d)
		if d < 0 || b >= 'A' && b <= 'F' || !long(r) {
			return f, dead
		}
		return s.advance(f, byte(r))
	}
	f.text.esc++
	return f, inside
}
