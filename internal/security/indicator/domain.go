package indicator

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/casemate-ai/casemate"
)

// maxName is the longest host name without its final dot, in bytes (RFC 1035).
const maxName = 253

// suffixKind says what vouches for the end of a host name.
type suffixKind uint8

const (
	suffixNone    suffixKind = iota
	suffixListed             // the public suffix list
	suffixSpecial            // a registry of special-use names: local, test, onion …
	suffixOther              // another name system that attackers use: bit, bazar, i2p …
)

// suffixOf returns the public suffix of a name in lower case, and what vouches
// for it. The suffix of special and other names is their last label.
func suffixOf(name string) (string, suffixKind) {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "local", "internal", "lan", "corp", "home", "intranet", "private",
		"localdomain", "localhost", "example", "test", "invalid":
		return last, suffixSpecial
	case "bit", "bazar", "emc", "coin", "i2p", "eth":
		return last, suffixOther
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	// The list's default rule answers with the last label for names that it
	// does not hold; a private suffix always has a dot.
	if icann || strings.IndexByte(suffix, '.') >= 0 {
		return suffix, suffixListed
	}
	return "", suffixNone
}

// hostName is a host name that was found in a text and is well formed.
type hostName struct {
	name   string // canonical: lower case, Punycode, no final dot
	suffix string
	kind   suffixKind
	labels int
}

// parseName reads a host name of two labels or more. It checks the form alone;
// the suffix may be of any kind.
func parseName(s string) (hostName, bool) {
	if len(s) == 0 || len(s) > 4*maxName {
		return hostName{}, false
	}
	name, ok := lowerName(s)
	if !ok || len(name) > maxName {
		return hostName{}, false
	}
	h := hostName{name: name}
	for rest, more := name, true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if !labelOK(label) {
			return hostName{}, false
		}
		h.labels++
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if h.labels < 2 || !isLetter(last[0]) || len(last) < 2 {
		return hostName{}, false
	}
	h.suffix, h.kind = suffixOf(name)
	return h, true
}

// registrable says whether a name with a listed suffix is one that somebody can
// have: not a registry's suffix itself, and its registered label free of
// underscores. Labels of digits alone are names from three digits on (163.com);
// shorter ones are quantities ("5.ms"). An onion name must be a key.
func (h *hostName) registrable() bool {
	head := strings.TrimSuffix(strings.TrimSuffix(h.name, h.suffix), ".")
	if head == "" {
		_, icann := publicsuffix.PublicSuffix(h.name)
		return !icann
	}
	own := head[strings.LastIndexByte(head, '.')+1:]
	if strings.IndexByte(own, '_') >= 0 && h.kind == suffixListed {
		return false
	}
	if len(own) < 3 && strings.Trim(own, "0123456789") == "" {
		return false
	}
	return h.suffix != "onion" || onionLabel(own)
}

// onionLabel says whether a label has the form of a Tor service of version 2
// or 3.
func onionLabel(s string) bool {
	if len(s) != 16 && len(s) != 56 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// labelOK checks one label in canonical form.
func labelOK(s string) bool {
	if len(s) == 0 || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if class[s[i]]&(isDigit|isHex|isAlpha|isJoin) == 0 {
			return false
		}
	}
	return !strings.HasPrefix(s, "xn--") || punyLabel(s)
}

// lowerName returns a name in lower case with its Unicode labels in Punycode.
// It is s itself where nothing has to change.
func lowerName(s string) (string, bool) {
	upper, wide := false, false
	for i := range len(s) {
		upper = upper || 'A' <= s[i] && s[i] <= 'Z'
		wide = wide || s[i] >= utf8.RuneSelf
	}
	switch {
	case wide:
		return lowerWide(s)
	case upper:
		return strings.ToLower(s), true
	}
	return s, true
}

// lowerWide does lowerName's work for names that are not ASCII. Full-width
// forms of ASCII, which browsers fold, are folded; other compatibility forms
// are left as they are.
func lowerWide(s string) (string, bool) {
	folded := strings.Map(func(r rune) rune {
		switch {
		case 0xFF01 <= r && r <= 0xFF5E:
			r -= 0xFF01 - '!'
		case r == 0x3002 || r == 0xFF0E || r == 0xFF61: // dots of IDNA2003
			r = '.'
		}
		return unicode.ToLower(r)
	}, s)
	labels := strings.Split(folded, ".")
	for i, label := range labels {
		if isASCII(label) {
			continue
		}
		puny, ok := punyEncode(label)
		if !ok {
			return "", false
		}
		labels[i] = "xn--" + puny
	}
	return strings.Join(labels, "."), true
}

// dotted handles a run that holds a dot: numbers go to numeric, the rest is cut
// at double dots into names. It returns whether a name was a domain.
func (s *scanner) dotted(a, b int, mask uint8) bool {
	if a > 0 && s.text[a-1] == '%' && b-a > 2 && unhex(s.text[a]) >= 0 && unhex(s.text[a+1]) >= 0 {
		a += 2 // the rest of a percent-encoded byte, such as the slash of %2F
		mask = 0
		for i := a; i < b; i++ {
			mask |= class[s.text[i]]
		}
	}
	if mask&(isHex|isAlpha|isHigh) == 0 {
		s.numeric(a, b)
		return false
	}
	found := false
	for a < b {
		end := b
		if i := strings.Index(s.text[a:b], ".."); i >= 0 {
			end = a + i
		}
		found = s.name(a, end) || found
		for a = end; a < b && s.text[a] == '.'; a++ {
		}
	}
	return found
}

// name adds the domain in text[a:b], if there is one.
func (s *scanner) name(a, b int) bool {
	a, b = s.trimName(a, b)
	if b-a < 4 || b-a > 4*maxName {
		return false
	}
	word := s.text[a:b]
	last := word[strings.LastIndexByte(word, '.')+1:]
	if len(last) == len(word) || len(last) < 2 || class[last[0]]&(isHex|isAlpha|isHigh) == 0 || commonExtension(last) {
		return false
	}
	h, ok := parseName(word)
	if !ok || h.kind == suffixNone {
		return false
	}
	if h.suffix == "arpa" || strings.HasSuffix(h.suffix, ".arpa") {
		s.reverse(&h)
		return true
	}
	if !h.registrable() || !s.plausible(a, b, &h) {
		return false
	}
	s.add(casemate.IndicatorDomain, h.name, domainScope(&h))
	return true
}

// trimName cuts the dots and hyphens that surround a name.
func (s *scanner) trimName(a, b int) (int, int) {
	for a < b && (s.text[a] == '.' || s.text[a] == '-') {
		a++
	}
	for a < b && class[s.text[b-1]]&(isDot|isJoin) != 0 {
		b--
	}
	return a, b
}

// reverse adds the address that a name of a reverse lookup stands for.
func (s *scanner) reverse(h *hostName) {
	if a, ok := reverseName(h.name); ok {
		s.addAddr(a, "")
		return
	}
	if h.name != h.suffix {
		s.add(casemate.IndicatorDomain, h.name, casemate.ScopeReserved)
	}
}

// domainScope returns the scope of a name whose suffix is known.
func domainScope(h *hostName) casemate.Scope {
	if scope, ok := specialScope(h.name); ok {
		return scope
	}
	return casemate.ScopePublic
}

// isLetter says whether c is an ASCII letter.
func isLetter(c byte) bool { return class[c]&(isHex|isAlpha) != 0 }
