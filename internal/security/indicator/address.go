package indicator

import (
	"net/netip"
	"strings"

	"github.com/casemate-ai/casemate"
)

// maxIPv6 is the longest text of an IPv6 address: six groups and dotted IPv4.
const maxIPv6 = 45

// parseIPv4 reads a dotted quad: four decimal octets without leading zeros.
func parseIPv4(s string) (netip.Addr, bool) {
	if len(s) < 7 || len(s) > 15 {
		return netip.Addr{}, false
	}
	var b [4]byte
	part, digits, v := 0, 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if class[s[i]]&isDigit == 0 || digits == 3 || digits == 1 && v == 0 {
				return netip.Addr{}, false
			}
			v = v*10 + int(s[i]-'0')
			digits++
			continue
		}
		if digits == 0 || v > 255 || part > 3 {
			return netip.Addr{}, false
		}
		b[part] = byte(v)
		part, digits, v = part+1, 0, 0
	}
	return netip.AddrFrom4(b), part == 4
}

// numeric handles a run of digits, dots, hyphens and underscores: an address,
// or a range or flow of two addresses joined by a hyphen. One address with a
// tail ("1.2.3.4-1") is a package's version.
func (s *scanner) numeric(a, b int) {
	a, b = s.trimName(a, b)
	if b-a < 7 {
		return
	}
	hyphen := strings.IndexByte(s.text[a:b], '-')
	if hyphen < 0 {
		s.ipv4(a, b)
		return
	}
	second := a + hyphen + 1
	end := b
	if i := strings.IndexByte(s.text[second:b], '-'); i >= 0 {
		end = second + i
	}
	_, ok1 := parseIPv4(s.text[a : second-1])
	_, ok2 := parseIPv4(s.text[second:end])
	if ok1 && ok2 {
		s.ipv4(a, second-1)
		s.ipv4(second, end)
	}
}

// ipv4 adds the address in text[a:b] unless its surroundings say that it is a
// version, an object identifier or a network.
func (s *scanner) ipv4(a, b int) {
	addr, ok := parseIPv4(s.text[a:b])
	if !ok || s.versionBefore(a) || s.network(addr, b) || versionField(s.field) {
		return
	}
	s.addAddr(addr, s.text[a:b])
}

// network says whether text goes on at b with a prefix length that makes the
// address the name of a network: all bits behind the prefix are zero. An
// address of an interface, "192.0.2.7/24", has such bits and stays one.
func (s *scanner) network(addr netip.Addr, b int) bool {
	if s.at(b) != '/' {
		return false
	}
	bits, i := 0, b+1
	for ; i < len(s.text) && i < b+4 && class[s.text[i]]&isDigit != 0; i++ {
		bits = bits*10 + int(s.text[i]-'0')
	}
	if i == b+1 || bits >= addr.BitLen() || i < len(s.text) && class[s.text[i]] != 0 && s.text[i] != '.' {
		return false
	}
	p, err := addr.Prefix(bits)
	return err == nil && p.Addr() == addr
}

// versionBefore says whether the word before text[a] makes the number there a
// version or an object identifier: "version 1.2.3.4", "FileVersion: 1.2.3.4",
// "Chrome/120.0.0.0".
func (s *scanner) versionBefore(a int) bool {
	i := a
	if s.at(a-1) == '/' {
		return productWord(s.wordBefore(a - 1))
	}
	for i > 0 && i > a-4 && strings.IndexByte(" \t:=\"'.(", s.text[i-1]) >= 0 {
		i--
	}
	if i == a {
		return false
	}
	word := s.wordBefore(i)
	if len(word) >= 7 && strings.EqualFold(word[len(word)-7:], "version") {
		return true
	}
	for _, w := range [...]string{"ver", "v", "build", "release", "rev", "revision", "firmware", "oid", "versions"} {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

// wordBefore returns the letters that end at text[end], at most 32.
func (s *scanner) wordBefore(end int) string {
	i := end
	for i > 0 && i > end-32 && class[s.text[i-1]]&(isHex|isAlpha|isJoin) != 0 {
		i--
	}
	return s.text[i:end]
}

// productWord says whether a word before a slash names a product, so that a
// version follows: it begins with a capital, or is a browser's name. The
// service classes of Kerberos do too, but a host follows them.
func productWord(word string) bool {
	if word == "" {
		return false
	}
	for _, service := range [...]string{"HTTP", "HOST", "TERMSRV", "CIFS", "LDAP", "MSSQLSvc", "WSMAN", "RPCSS", "DNS", "GC", "FTP", "SMTP", "NFS"} {
		if strings.EqualFold(word, service) {
			return false
		}
	}
	if 'A' <= word[0] && word[0] <= 'Z' {
		return true
	}
	switch word {
	case "chrome", "firefox", "safari", "opera", "edge", "edg", "version", "webkit", "chromium":
		return true
	}
	return false
}

// ipv6 adds the address that begins at text[a], a hexadecimal digit or the
// first of two colons, and returns where it ends. It reads each stretch of such
// characters once, however many words of it could begin an address.
func (s *scanner) ipv6(a int) (int, bool) {
	end, colons := a, 0
	for end < len(s.text) && (s.text[end] == ':' || class[s.text[end]]&(isDigit|isHex|isDot) != 0) {
		if s.text[end] == ':' {
			colons++
		}
		end++
	}
	s.v6end = end
	if colons < 2 || end-a > maxIPv6+2 || !s.v6Borders(a, end) {
		return 0, false
	}
	word := strings.TrimRight(s.text[a:end], ".")
	if strings.HasSuffix(word, ":") && !strings.HasSuffix(word, "::") || strings.HasSuffix(word, ":::") {
		word = word[:len(word)-1]
	}
	addr, ok := parseIPv6(word)
	if !ok {
		// tcpdump and the BSDs join a port to the address by a dot.
		dot := strings.IndexByte(word, '.')
		if dot < 0 {
			return 0, false
		}
		word = word[:dot]
		if addr, ok = parseIPv6(word); !ok {
			return 0, false
		}
	}
	after := a + len(word)
	if s.at(after) == '%' {
		for after++; after < len(s.text) && class[s.text[after]] != 0; after++ {
		}
	}
	if !s.network(addr, after) {
		s.addAddr(addr, "")
	}
	return max(after, end), true
}

// v6Borders says whether text[a:end] is not part of a longer word, such as a
// name of C++ or Perl.
func (s *scanner) v6Borders(a, end int) bool {
	if end < len(s.text) && class[s.text[end]]&^isHigh != 0 {
		return false
	}
	if a == 0 {
		return true
	}
	left := s.text[a-1]
	return class[left]&^isHigh == 0 && (s.text[a] != ':' || strings.IndexByte("])}>$&*", left) < 0)
}

// parseIPv6 reads an address of RFC 4291 that a text is likely to mean as one:
// it has eight groups or "::", holds a digit unless it is "::" itself, and is
// not a hardware address of eight bytes.
func parseIPv6(s string) (netip.Addr, bool) {
	colons := strings.Count(s, ":")
	short := strings.Contains(s, "::")
	if !short && colons != 7 && (colons != 6 || strings.IndexByte(s, '.') < 0) {
		return netip.Addr{}, false
	}
	if s != "::" && !strings.ContainsAny(s, "0123456789") {
		return netip.Addr{}, false
	}
	if !short && len(s) == 23 && strings.IndexByte(s, '.') < 0 && eachPairs(s) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	return addr, err == nil && addr.Is6()
}

// eachPairs says whether s is pairs of characters joined by colons.
func eachPairs(s string) bool {
	for i := 2; i < len(s); i += 3 {
		if s[i] != ':' {
			return false
		}
	}
	return true
}

// addAddr adds an address. text is its canonical form, or "" to have it built.
// An IPv4-mapped address is the IPv4 address it holds, since systems that
// listen on both families log one for the other.
func (s *scanner) addAddr(addr netip.Addr, text string) {
	addr = addr.Unmap().WithZone("")
	if text == "" {
		text = addr.String()
	}
	if addr.Is4() {
		s.add(casemate.IndicatorIPv4, text, Scope(addr))
		return
	}
	s.add(casemate.IndicatorIPv6, text, Scope(addr))
}
