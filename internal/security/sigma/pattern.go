package sigma

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldRune maps all runes that differ only in case to one of them, as
// strings.EqualFold sees case: "K", "k" and the Kelvin sign are one.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// lower maps ASCII letters to lower case.
var lower = func() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] += 'a' - 'A'
		}
	}
	return t
}()

// appendFold appends s with every rune folded. Bytes that are not UTF-8 stay.
func appendFold(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	var high byte
	for i, c := range dst[start:] {
		dst[start+i] = lower[c]
		high |= c
	}
	if high < utf8.RuneSelf {
		return dst
	}
	dst = dst[:start]
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, s[i])
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		i += n
	}
	return dst
}

func fold(s string) string { return string(appendFold(make([]byte, 0, len(s)), s)) }

// glob is a Sigma string value: texts and wildcards.
type glob []piece

// piece is a text, or one wildcard.
type piece struct {
	wild byte // '*', '?', or 0 for a text
	text string
}

// parseGlob reads a value as the specification's section "Escape Character"
// says: a backslash makes the wildcard or the backslash behind it plain, and
// is plain itself before anything else.
func parseGlob(s string) glob {
	var g glob
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			g = append(g, piece{text: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '?' || s[i+1] == '\\'):
			i++
			text.WriteByte(s[i])
		case c == '*' || c == '?':
			flush()
			g = append(g, piece{wild: c})
		default:
			text.WriteByte(c)
		}
	}
	flush()
	return g.tidy()
}

// tidy joins texts that follow each other and makes one star of several.
func (g glob) tidy() glob {
	out := g[:0:0]
	for _, p := range g {
		last := len(out) - 1
		switch {
		case p.wild == 0 && p.text == "":
		case p.wild == '*' && last >= 0 && out[last].wild == '*':
		case p.wild == 0 && last >= 0 && out[last].wild == 0:
			out[last].text += p.text
		default:
			out = append(out, p)
		}
	}
	return out
}

// plain returns the value as a text, if it has no wildcard.
func (g glob) plain() (string, bool) {
	switch {
	case len(g) == 0:
		return "", true
	case len(g) == 1 && g[0].wild == 0:
		return g[0].text, true
	}
	return "", false
}

// mapTexts returns the value with each text replaced.
func (g glob) mapTexts(f func(string) string) glob {
	out := make(glob, len(g))
	for i, p := range g {
		if p.wild == 0 {
			p.text = f(p.text)
		}
		out[i] = p
	}
	return out
}

func (g glob) folded() glob { return g.mapTexts(fold) }

// place is where a literal stands in a value.
type place uint8

const (
	whole place = iota
	prefix
	suffix
	inside
)

// literal is a folded text that occurs at a place of a folded value.
type literal struct {
	place place
	text  string
}

// literal returns what the glob asks, if that is one text at one place.
func (g glob) literal() (literal, bool) {
	star := func(i int) bool { return g[i].wild == '*' }
	switch {
	case len(g) == 0:
		return literal{whole, ""}, true
	case len(g) == 1 && g[0].wild == 0:
		return literal{whole, g[0].text}, true
	case len(g) == 2 && g[0].wild == 0 && star(1):
		return literal{prefix, g[0].text}, true
	case len(g) == 2 && star(0) && g[1].wild == 0:
		return literal{suffix, g[1].text}, true
	case len(g) == 3 && star(0) && g[1].wild == 0 && star(2):
		return literal{inside, g[1].text}, true
	}
	return literal{}, false
}

// necessary returns the longest literal that must occur for the glob to match.
func (g glob) necessary() (literal, bool) {
	best, found := literal{}, false
	for i, p := range g {
		if p.wild != 0 || found && len(p.text) <= len(best.text) {
			continue
		}
		at := inside
		switch {
		case i == 0:
			at = prefix
		case i == len(g)-1:
			at = suffix
		}
		best, found = literal{at, p.text}, true
	}
	return best, found
}

// regexp returns an expression for all of a value. The parts of a glob in
// turn would match as fast, but an expression is linear in the value whatever
// the glob, and few globs come so far: most are literals.
func (g glob) regexp() (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("(?s)^")
	for _, p := range g {
		switch p.wild {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(p.text))
		}
	}
	if b.Len() > MaxRegex {
		return nil, fmt.Errorf("value with wildcards, or cased, has more than %d bytes", MaxRegex)
	}
	re, err := regexp.Compile(b.String() + "$")
	if err != nil {
		return nil, fmt.Errorf("value with wildcards is not supported: %w", err)
	}
	return re, nil
}
