package sigma

import (
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

// appendFold appends s with every rune folded. Bytes that are not UTF-8 stay.
func appendFold(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
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

// wrap puts stars around the value.
func (g glob) wrap(before, after bool) glob {
	out := make(glob, 0, len(g)+2)
	if before {
		out = append(out, piece{wild: '*'})
	}
	out = append(out, g...)
	if after {
		out = append(out, piece{wild: '*'})
	}
	return out.tidy()
}

// String is unique for each glob: it serves as a key.
func (g glob) String() string {
	var b strings.Builder
	for _, p := range g {
		if p.wild != 0 {
			b.WriteByte(p.wild)
			continue
		}
		for i := range len(p.text) {
			switch c := p.text[i]; c {
			case '*', '?', '\\':
				b.WriteByte('\\')
			}
			b.WriteByte(p.text[i])
		}
	}
	return b.String()
}

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

// match reports whether the glob matches all of s. For a comparison without
// regard to case both are folded. It takes the first place at which each part
// between two stars fits, so the cost is that of searching the parts in turn.
func (g glob) match(s string) bool {
	part, rest := g.cut()
	n, ok := part.fit(s)
	if !ok {
		return false
	}
	s = s[n:]
	if len(rest) == 0 {
		return s == ""
	}
	for {
		rest = rest[1:] // the star
		part, rest = rest.cut()
		if len(rest) == 0 {
			return part.fitEnd(s)
		}
		n, ok := part.find(s)
		if !ok {
			return false
		}
		s = s[n:]
	}
}

// cut returns what stands before the first star, and the rest from it on.
func (g glob) cut() (part, rest glob) {
	for i, p := range g {
		if p.wild == '*' {
			return g[:i], g[i:]
		}
	}
	return g, nil
}

// fit matches a part without stars at the start of s and returns its length.
func (g glob) fit(s string) (int, bool) {
	at := 0
	for _, p := range g {
		if p.wild == 0 {
			if !strings.HasPrefix(s[at:], p.text) {
				return 0, false
			}
			at += len(p.text)
			continue
		}
		if at == len(s) {
			return 0, false
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
	}
	return at, true
}

// find matches a part without stars at its first place in s and returns where
// it ends.
func (g glob) find(s string) (int, bool) {
	if len(g) == 0 {
		return 0, true
	}
	for at := 0; ; {
		if g[0].wild == 0 {
			i := strings.Index(s[at:], g[0].text)
			if i < 0 {
				return 0, false
			}
			at += i
		}
		if n, ok := g.fit(s[at:]); ok {
			return at + n, true
		}
		if at == len(s) {
			return 0, false
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
	}
}

// fitEnd matches a part without stars at the end of s, by going backwards.
func (g glob) fitEnd(s string) bool {
	for i := len(g) - 1; i >= 0; i-- {
		if p := g[i]; p.wild == 0 {
			if !strings.HasSuffix(s, p.text) {
				return false
			}
			s = s[:len(s)-len(p.text)]
			continue
		}
		if s == "" {
			return false
		}
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return true
}
