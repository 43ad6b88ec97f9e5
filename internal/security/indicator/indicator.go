// Package indicator finds indicators of compromise in any text: addresses,
// domains, URLs, mail addresses, hashes of files and CVE ids. Defanged forms are
// understood, every find is validated, and addresses and names are given a
// scope. It works in one pass and in time linear in the length of the text.
package indicator

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// The classes of bytes. A run is a stretch of bytes that have a class.
const (
	isDigit uint8 = 1 << iota
	isHex         // a letter that is a hexadecimal digit
	isAlpha       // any other ASCII letter
	isDot
	isJoin // hyphen and underscore
	isHigh // part of a character that is not ASCII
)

// class gives every byte its class; zero bytes end a run.
var class = [256]uint8{
	'0': isDigit, '1': isDigit, '2': isDigit, '3': isDigit, '4': isDigit,
	'5': isDigit, '6': isDigit, '7': isDigit, '8': isDigit, '9': isDigit,
	'a': isHex, 'b': isHex, 'c': isHex, 'd': isHex, 'e': isHex, 'f': isHex,
	'A': isHex, 'B': isHex, 'C': isHex, 'D': isHex, 'E': isHex, 'F': isHex,
	'g': isAlpha, 'h': isAlpha, 'i': isAlpha, 'j': isAlpha, 'k': isAlpha, 'l': isAlpha, 'm': isAlpha,
	'n': isAlpha, 'o': isAlpha, 'p': isAlpha, 'q': isAlpha, 'r': isAlpha, 's': isAlpha, 't': isAlpha,
	'u': isAlpha, 'v': isAlpha, 'w': isAlpha, 'x': isAlpha, 'y': isAlpha, 'z': isAlpha,
	'G': isAlpha, 'H': isAlpha, 'I': isAlpha, 'J': isAlpha, 'K': isAlpha, 'L': isAlpha, 'M': isAlpha,
	'N': isAlpha, 'O': isAlpha, 'P': isAlpha, 'Q': isAlpha, 'R': isAlpha, 'S': isAlpha, 'T': isAlpha,
	'U': isAlpha, 'V': isAlpha, 'W': isAlpha, 'X': isAlpha, 'Y': isAlpha, 'Z': isAlpha,
	'.': isDot, '-': isJoin, '_': isJoin,
	0x80: isHigh, 0x81: isHigh, 0x82: isHigh, 0x83: isHigh, 0x84: isHigh, 0x85: isHigh, 0x86: isHigh, 0x87: isHigh,
	0x88: isHigh, 0x89: isHigh, 0x8A: isHigh, 0x8B: isHigh, 0x8C: isHigh, 0x8D: isHigh, 0x8E: isHigh, 0x8F: isHigh,
	0x90: isHigh, 0x91: isHigh, 0x92: isHigh, 0x93: isHigh, 0x94: isHigh, 0x95: isHigh, 0x96: isHigh, 0x97: isHigh,
	0x98: isHigh, 0x99: isHigh, 0x9A: isHigh, 0x9B: isHigh, 0x9C: isHigh, 0x9D: isHigh, 0x9E: isHigh, 0x9F: isHigh,
	0xA0: isHigh, 0xA1: isHigh, 0xA2: isHigh, 0xA3: isHigh, 0xA4: isHigh, 0xA5: isHigh, 0xA6: isHigh, 0xA7: isHigh,
	0xA8: isHigh, 0xA9: isHigh, 0xAA: isHigh, 0xAB: isHigh, 0xAC: isHigh, 0xAD: isHigh, 0xAE: isHigh, 0xAF: isHigh,
	0xB0: isHigh, 0xB1: isHigh, 0xB2: isHigh, 0xB3: isHigh, 0xB4: isHigh, 0xB5: isHigh, 0xB6: isHigh, 0xB7: isHigh,
	0xB8: isHigh, 0xB9: isHigh, 0xBA: isHigh, 0xBB: isHigh, 0xBC: isHigh, 0xBD: isHigh, 0xBE: isHigh, 0xBF: isHigh,
	0xC0: isHigh, 0xC1: isHigh, 0xC2: isHigh, 0xC3: isHigh, 0xC4: isHigh, 0xC5: isHigh, 0xC6: isHigh, 0xC7: isHigh,
	0xC8: isHigh, 0xC9: isHigh, 0xCA: isHigh, 0xCB: isHigh, 0xCC: isHigh, 0xCD: isHigh, 0xCE: isHigh, 0xCF: isHigh,
	0xD0: isHigh, 0xD1: isHigh, 0xD2: isHigh, 0xD3: isHigh, 0xD4: isHigh, 0xD5: isHigh, 0xD6: isHigh, 0xD7: isHigh,
	0xD8: isHigh, 0xD9: isHigh, 0xDA: isHigh, 0xDB: isHigh, 0xDC: isHigh, 0xDD: isHigh, 0xDE: isHigh, 0xDF: isHigh,
	0xE0: isHigh, 0xE1: isHigh, 0xE2: isHigh, 0xE3: isHigh, 0xE4: isHigh, 0xE5: isHigh, 0xE6: isHigh, 0xE7: isHigh,
	0xE8: isHigh, 0xE9: isHigh, 0xEA: isHigh, 0xEB: isHigh, 0xEC: isHigh, 0xED: isHigh, 0xEE: isHigh, 0xEF: isHigh,
	0xF0: isHigh, 0xF1: isHigh, 0xF2: isHigh, 0xF3: isHigh, 0xF4: isHigh, 0xF5: isHigh, 0xF6: isHigh, 0xF7: isHigh,
	0xF8: isHigh, 0xF9: isHigh, 0xFA: isHigh, 0xFB: isHigh, 0xFC: isHigh, 0xFD: isHigh, 0xFE: isHigh, 0xFF: isHigh,
}

// The shortest texts that can hold an indicator: "::" for an address, and a CVE
// id or MD5 for texts without a dot, a colon or an at sign.
const (
	minText  = 2
	minPlain = len("CVE-1999-0001")
)

// seenList is how many finds are compared one by one before a map is built.
const seenList = 16

// scanner is the state of one call of Extract.
type scanner struct {
	text, field string
	use         fieldUse
	refanged    bool
	dots        []int // where text was refanged, ascending
	v6end       int   // end of the last stretch that was read as an IPv6 address
	urlEdge     int   // end of the last URL, in which a hash may stand between slashes
	dst         []casemate.Indicator
	base        int // length of dst at the start
	seen        map[find]struct{}
}

// find is what makes two indicators the same within one text.
type find struct {
	kind  casemate.IndicatorType
	value string
}

// Extract appends to dst the indicators in text, each type and value once, and
// returns the longer slice. field is the name of the field that text comes
// from: it goes into the indicators, and what it says of its values helps to
// tell names of hosts from names of files and versions from addresses. It may
// be empty.
//
// Values are canonical: addresses as RFC 5952 writes them and without zone or
// port, names and hashes in lower case, Unicode names in Punycode, CVE ids in
// capitals as the catalogue has them, URLs with scheme and host in lower case
// and the rest as written. A URL's host is found as well; the domain of a mail
// address is not, because it seldom means more than the address. An address
// that names a network ("10.0.0.0/8") is left out.
//
// Values may share memory with text: clone what has to outlive it.
func Extract(dst []casemate.Indicator, field, text string) []casemate.Indicator {
	marks := marksOf(text)
	if marks&(markPoint|markOpen) == 0 && len(text) < minPlain {
		return dst
	}
	s := scanner{text: text, field: field, dst: dst, base: len(dst)}
	if bracketsOrSlashes(text, marks) {
		s.refang()
	}
	if !s.scan() {
		s.dst, s.seen, s.v6end = s.dst[:s.base], nil, 0
		s.refang()
		s.scan()
	}
	return s.dst
}

// refang undoes the defanging of the text, once.
func (s *scanner) refang() {
	if s.text, s.dots = refang(s.text); len(s.dots) > 0 {
		s.text = refangSchemes(s.text) // keeps every length, and so the places in dots
	}
	s.refanged = true
}

// scan cuts the text into runs. It returns false where it meets a spelled-out
// dot before the text was refanged: it has to begin again then.
func (s *scanner) scan() bool {
	text := s.text
	for i := 0; i < len(text); {
		mask := class[text[i]]
		if mask == 0 {
			if text[i] == ':' && i >= s.v6end && s.at(i+1) == ':' {
				if end, ok := s.ipv6(i); ok {
					i = end
					continue
				}
			}
			i++
			continue
		}
		start := i
		for i++; i < len(text); i++ {
			c := class[text[i]]
			if c == 0 {
				break
			}
			mask |= c
		}
		// Most runs are plain words, which nothing below would look at.
		if mask&isDot == 0 && i-start < minPlain && (i == len(text) || text[i] != ':' && text[i] != '@') {
			if i-start == 3 && !s.refanged && start > 0 && dotWord(text, start-1) {
				return false
			}
			continue
		}
		if mask&isHigh != 0 {
			i = s.wide(start, i)
			continue
		}
		i = s.run(start, i, mask)
	}
	return true
}

// run handles text[a:b], whose bytes have the classes of mask, and returns
// where to go on.
func (s *scanner) run(a, b int, mask uint8) int {
	switch s.at(b) {
	case '@':
		if end, ok := s.mail(a, b); ok {
			return end
		}
	case ':':
		if strings.HasPrefix(s.text[b:], "://") {
			if end, ok := s.url(b); ok {
				return end
			}
		} else if a >= s.v6end && b-a <= 4 && mask&^(isDigit|isHex) == 0 {
			if end, ok := s.ipv6(a); ok {
				return end
			}
		}
	}
	if b-a >= minPlain && mask&isJoin != 0 {
		s.cves(a, b)
	}
	// A label of a domain is not the hash of a file, whatever its length.
	if (mask&isDot == 0 || !s.dotted(a, b, mask)) && b-a >= md5Digits {
		s.hashes(a, b)
	}
	return b
}

// wide handles a run that is not all ASCII: it is cut where a character cannot
// be part of a word of a spaced script, so that a name in the middle of Chinese
// or Thai text stands alone while one with Cyrillic letters stays whole.
func (s *scanner) wide(a, b int) int {
	for a < b {
		var mask uint8
		end := a
		for end < b {
			if c := class[s.text[end]]; c != isHigh {
				mask |= c
				end++
				continue
			}
			r, size := utf8.DecodeRuneInString(s.text[end:b])
			if !wordRune(r) {
				break
			}
			mask |= isHigh
			end += size
		}
		if end > a {
			if next := s.run(a, end, mask); next > end {
				return next
			}
		}
		a = end
		if a < b {
			_, size := utf8.DecodeRuneInString(s.text[a:b])
			a += size
		}
	}
	return b
}

// wordRune says whether a character that is not ASCII can be part of a host
// name in running text.
func wordRune(r rune) bool {
	if r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
		return false
	}
	return !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// add appends an indicator unless this text has given it already.
func (s *scanner) add(kind casemate.IndicatorType, value string, scope casemate.Scope) {
	found := s.dst[s.base:]
	if s.seen == nil && len(found) >= seenList {
		s.seen = make(map[find]struct{}, 2*seenList)
		for i := range found {
			s.seen[find{found[i].Type, found[i].Value}] = struct{}{}
		}
	}
	if s.seen != nil {
		if _, dup := s.seen[find{kind, value}]; dup {
			return
		}
		s.seen[find{kind, value}] = struct{}{}
	} else {
		for i := range found {
			if found[i].Type == kind && found[i].Value == value {
				return
			}
		}
	}
	s.dst = append(s.dst, casemate.Indicator{Type: kind, Value: value, Scope: scope, Field: s.field})
}

// at returns text[i], or 0 outside the text.
func (s *scanner) at(i int) byte {
	if i < 0 || i >= len(s.text) {
		return 0
	}
	return s.text[i]
}

// defanged says whether part of text[a:b] was defanged. Calls come with rising
// positions, but for the few that look back into one run.
func (s *scanner) defanged(a, b int) bool {
	for len(s.dots) > 0 && s.dots[0] < a {
		s.dots = s.dots[1:]
	}
	return len(s.dots) > 0 && s.dots[0] < b
}

// digitAt says whether s[i] is a decimal digit.
func digitAt(s string, i int) bool { return i < len(s) && class[s[i]]&isDigit != 0 }
