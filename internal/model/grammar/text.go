package grammar

import (
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// The places in an escape, textState.esc.
const (
	noEscape  = iota
	backslash // after the backslash
	hex1      // after \u, and so on
	hex2
	hex3
	hex4
	lowBackslash // after the first half of a surrogate pair
	lowU
	low1
	low2
	low3
	low4
)

// outcome is what a byte does to a string.
type outcome uint8

const (
	dead outcome = iota
	inside
	closed
)

// stepText takes one byte of a string. A string that is free may use every
// escape; one that is held to an automaton has one spelling: escapes are used
// where there is no other way, the short ones first. limit may refuse a code
// point for reasons of its own, and is nil mostly.
func stepText(t *program.Text, s textState, b byte, limit *limit) (textState, outcome) {
	switch {
	case s.rem > 0:
		return continued(t, s, b, limit)
	case s.esc != noEscape:
		if t.Free {
			return freeEscape(t, s, b)
		}
		return boundEscape(t, s, b, limit)
	case b == '"':
		if t.Free && int(s.n) >= t.Min || !t.Free && t.DFA.Accept(s.q) && limit.mayEnd() {
			return s, closed
		}
	case b == '\\':
		return beginEscape(t, s, limit)
	case b < ' ':
	case b < utf8.RuneSelf:
		return read(t, s, rune(b), limit)
	default:
		return lead(t, s, b, limit)
	}
	return s, dead
}

// read takes a code point.
func read(t *program.Text, s textState, r rune, limit *limit) (textState, outcome) {
	next := textState{n: s.n + 1}
	if t.Free {
		if int(next.n) > t.Max {
			return s, dead
		}
		return next, inside
	}
	next.q = t.DFA.Step(s.q, r)
	if !fits(t, next.q, next.n) || !limit.may(r, next.q) {
		return s, dead
	}
	return next, inside
}

// fits says whether state q can be after n code points.
func fits(t *program.Text, q, n int32) bool {
	return q != 0 && int(n)+int(t.Shortest[q]) <= t.Max
}

// lead takes the first byte of a code point of several.
func lead(t *program.Text, s textState, b byte, limit *limit) (textState, outcome) {
	next := textState{q: s.q, n: s.n}
	switch {
	case b >= 0xC2 && b <= 0xDF:
		next.acc, next.rem = uint32(b&0x1F), 1
	case b >= 0xE0 && b <= 0xEF:
		next.acc, next.rem = uint32(b&0x0F), 2
	case b >= 0xF0 && b <= 0xF4:
		next.acc, next.rem = uint32(b&0x07), 3
	default:
		return s, dead
	}
	next.size = next.rem + 1
	return next, possible(t, next, limit)
}

// continued takes a further byte of a code point.
func continued(t *program.Text, s textState, b byte, limit *limit) (textState, outcome) {
	if b&0xC0 != 0x80 {
		return s, dead
	}
	s.acc, s.rem = s.acc<<6|uint32(b&0x3F), s.rem-1
	if s.rem > 0 {
		return s, possible(t, s, limit)
	}
	if r := rune(s.acc); r >= least(s.size) && r <= utf8.MaxRune && (r < 0xD800 || r > 0xDFFF) {
		return read(t, s, r, limit)
	}
	return s, dead
}

// least returns the first code point that is spelled with size bytes.
func least(size uint8) rune {
	switch size {
	case 2:
		return 0x80
	case 3:
		return 0x800
	}
	return 0x10000
}

// possible says whether some code point begins with the bytes in s and may come.
func possible(t *program.Text, s textState, limit *limit) outcome {
	shift := 6 * uint(s.rem)
	lo := max(rune(s.acc<<shift), least(s.size))
	hi := min(rune((s.acc+1)<<shift)-1, utf8.MaxRune)
	if lo > hi || lo >= 0xD800 && hi <= 0xDFFF {
		return dead
	}
	if t.Free {
		if int(s.n) < t.Max {
			return inside
		}
		return dead
	}
	found := dead
	t.DFA.Each(s.q, lo, hi, func(lo, hi rune, to int32) bool {
		if fits(t, to, s.n+1) && limit.mayAny(lo, hi, to) {
			found = inside
		}
		return found == dead
	})
	return found
}

// escapable are the code points that cannot stand for themselves.
func escapable(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

// beginEscape takes a backslash.
func beginEscape(t *program.Text, s textState, limit *limit) (textState, outcome) {
	s.esc = backslash
	if t.Free {
		if int(s.n) < t.Max {
			return s, inside
		}
		return s, dead
	}
	if escapes(t, s, limit, func(rune) bool { return true }) {
		return s, inside
	}
	return s, dead
}

// escapes says whether a code point that must be escaped, and of which ok is
// true, may come.
func escapes(t *program.Text, s textState, limit *limit, ok func(rune) bool) bool {
	for r := rune(0); r <= '\\'; r++ {
		if !escapable(r) || !ok(r) {
			continue
		}
		if _, out := read(t, s, r, limit); out == inside {
			return true
		}
	}
	return false
}

// short returns the code point of a short escape.
func short(b byte) (rune, bool) {
	switch b {
	case '"', '\\':
		return rune(b), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// long says whether a code point has no escape but \u00XX.
func long(r rune) bool {
	switch r {
	case '\b', '\f', '\n', '\r', '\t':
		return false
	}
	return r < ' '
}

// digit returns the value of a hexadecimal digit, or -1.
func digit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// boundEscape takes a byte of an escape in a string that has one spelling.
func boundEscape(t *program.Text, s textState, b byte, limit *limit) (textState, outcome) {
	d := digit(b)
	switch s.esc {
	case backslash:
		if r, ok := short(b); ok {
			return read(t, s, r, limit)
		}
		if b != 'u' || !escapes(t, s, limit, long) {
			return s, dead
		}
	case hex1, hex2:
		if b != '0' {
			return s, dead
		}
	case hex3:
		if d < 0 || d > 1 || !escapes(t, s, limit, func(r rune) bool { return long(r) && int(r)>>4 == d }) {
			return s, dead
		}
		s.acc = uint32(d)
	case hex4:
		r := rune(s.acc<<4) | rune(d)
		if d < 0 || b >= 'A' && b <= 'F' || !long(r) {
			return s, dead
		}
		return read(t, s, r, limit)
	}
	s.esc++
	return s, inside
}

// freeEscape takes a byte of an escape in a free string. A surrogate must be the
// first half of a pair, and the second must follow.
func freeEscape(t *program.Text, s textState, b byte) (textState, outcome) {
	switch s.esc {
	case backslash:
		if _, ok := short(b); ok || b == '/' {
			return read(t, s, 0, nil)
		}
		s.acc = 0
		return advanced(s, b == 'u')
	case lowBackslash:
		return advanced(s, b == '\\')
	case lowU:
		s.acc = 0
		return advanced(s, b == 'u')
	}
	d := digit(b)
	ok := d >= 0
	switch s.esc {
	case hex2: // after d, a digit from c up would make the second half of a pair
		ok = ok && (s.acc != 0xD || d < 0xC)
	case hex4: // three digits are read: they tell whether it is a first half
		if ok && (s.acc>>4 < 0xD8 || s.acc>>4 > 0xDB) {
			return read(t, s, 0, nil)
		}
	case low1:
		ok = d == 0xD
	case low2:
		ok = d >= 0xC
	case low4:
		if ok {
			return read(t, s, 0, nil)
		}
	}
	s.acc = s.acc<<4 | uint32(max(d, 0))
	return advanced(s, ok)
}

// advanced goes on to the next place of an escape.
func advanced(s textState, ok bool) (textState, outcome) {
	if !ok {
		return s, dead
	}
	s.esc++
	return s, inside
}

// limit refuses words that were used already, in a string that may not repeat.
// A nil limit refuses nothing.
type limit struct {
	text  *program.Text
	n     int32 // code points so far
	sofar string
	used  *used
}

func (l *limit) mayEnd() bool { return l == nil || !l.used.has(l.sofar) }

// may says whether some word that was not used begins with r after sofar.
func (l *limit) may(r rune, to int32) bool {
	if l == nil {
		return true
	}
	taken := l.used.count(l.sofar + string(r))
	return taken == 0 || l.text.Remaining(to, int(l.n)+1) > taken
}

// mayAny says the same of any code point from lo to hi, which all lead to one
// state.
func (l *limit) mayAny(lo, hi rune, to int32) bool {
	if l == nil || int(hi-lo)+1 > l.used.count(l.sofar) {
		return true
	}
	for r := lo; r <= hi; r++ {
		if l.may(r, to) {
			return true
		}
	}
	return false
}
