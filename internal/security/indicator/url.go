package indicator

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

const (
	maxURL    = 64 << 10 // longer ones are padding; their host is still found
	maxScheme = 24
	maxNested = 4  // URLs that are looked for inside one URL
	maxLocal  = 64 // the part of a mail address before the at sign (RFC 5321)
)

// urlScheme returns a scheme's canonical form, in lower case and refanged, and
// whether it is one that leads to a host.
func urlScheme(s string) (string, bool) {
	s = strings.ToLower(s)
	switch s {
	case "http", "https", "ftp", "ftps", "sftp", "tftp", "scp", "ssh", "telnet", "ws", "wss",
		"ldap", "ldaps", "ldapi", "rmi", "dns", "iiop", "corba", "nis", "nds", "cldap",
		"tcp", "udp", "tls", "ssl", "quic", "smb", "cifs", "nfs", "afp", "webdav", "dav", "davs",
		"gopher", "rtsp", "rtmp", "irc", "ircs", "mqtt", "mqtts", "amqp", "amqps", "xmpp",
		"redis", "rediss", "mysql", "mariadb", "postgres", "postgresql", "mongodb", "mongodb+srv", "sqlserver", "oracle",
		"git", "git+ssh", "git+https", "svn", "svn+ssh", "rsync", "socks4", "socks4a", "socks5", "socks5h", "socks", "proxy",
		"stratum", "stratum+tcp", "stratum+ssl", "stratum+tls", "stratum1+tcp", "stratum1+ssl",
		"rdp", "vnc", "wsman", "snmp", "syslog", "ntp", "coap", "kcp", "file", "sip", "sips", "feed", "t3", "t3s":
		return s, true
	case "hxxp", "meow", "hxtp", "htxp":
		return "http", true
	case "hxxps", "meows", "hxtps", "htxps":
		return "https", true
	case "fxp":
		return "ftp", true
	}
	return s, false
}

// url adds the URL whose "://" stands at text[colon:], its host, and the URLs
// inside it. It returns where the URL ends.
func (s *scanner) url(colon int) (int, bool) {
	end := s.urlEnd(colon + 3)
	ok := s.oneURL(colon, end)
	from := colon + 3
	for range maxNested {
		i := strings.Index(s.text[from:end], "://")
		if i < 0 {
			break
		}
		from += i + 3
		ok = s.oneURL(from-3, end) || ok
	}
	if ok {
		s.urlEdge = end
		s.hashes(colon+3, end)
	}
	return end, ok
}

// schemeAt returns the scheme that ends at text[colon], canonical, where it
// begins, and whether it is a known one.
func (s *scanner) schemeAt(colon int) (scheme string, start int, known bool) {
	start = colon
	for start > 0 && colon-start <= maxScheme {
		c := s.text[start-1]
		if class[c]&(isDigit|isHex|isAlpha|isDot) == 0 && c != '-' && c != '+' {
			break
		}
		start--
	}
	for start < colon && !isLetter(s.text[start]) {
		start++
	}
	if scheme, known = urlScheme(s.text[start:colon]); known {
		return scheme, start, true
	}
	// A key may be joined to the scheme by a hyphen, a dot or a plus sign.
	if i := strings.LastIndexAny(s.text[start:colon], "-.+"); i >= 0 {
		if tail, ok := urlScheme(s.text[start+i+1 : colon]); ok {
			return tail, start + i + 1, true
		}
	}
	return scheme, start, false
}

// oneURL adds one URL and its host.
func (s *scanner) oneURL(colon, end int) bool {
	scheme, start, known := s.schemeAt(colon)
	if start == colon || colon-start > maxScheme || class[s.text[colon-1]]&(isDigit|isHex|isAlpha) == 0 || end > start+maxURL && !known {
		return false
	}
	a := colon + 3
	for (scheme == "http" || scheme == "https") && a < end && a < colon+5 && s.text[a] == '/' {
		a++
	}
	auth := authority(s.text[a:end])
	user := ""
	if i := strings.LastIndexByte(auth, '@'); i >= 0 {
		user, auth = auth[:i+1], auth[i+1:]
	}
	h := splitHost(auth)
	if h == "" {
		return false
	}
	hostStart := a + len(user)
	if stop := hostStart + urlHead(s.text[hostStart:end], len(h)); stop < end {
		end = stop
	}
	host, scope, add, ok := s.urlHost(h, known)
	if !ok {
		return false
	}
	if end-start <= maxURL {
		value := s.text[start:end]
		if value[:colon-start] != scheme || host != h || a != colon+3 {
			value = scheme + "://" + user + host + s.text[hostStart+len(h):end]
		}
		s.add(casemate.IndicatorURL, value, scope)
	}
	if add != "" {
		s.add(add, strings.Trim(host, "[]"), scope)
	}
	return true
}

// authority cuts a URL behind its host and port.
func authority(s string) string {
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		return s[:i]
	}
	return s
}

// splitHost returns the host of an authority without user: an address in
// brackets, or all bytes that a name or an IPv4 address may have.
func splitHost(auth string) string {
	if strings.HasPrefix(auth, "[") {
		return auth[:strings.IndexByte(auth, ']')+1]
	}
	i := 0
	for i < len(auth) && class[auth[i]] != 0 {
		i++
	}
	return strings.TrimRight(auth[:i], "-_")
}

// urlHead returns how much of a URL that begins with its host is sound: all of
// it where a path or a port follows, else the host alone.
func urlHead(s string, host int) int {
	i := host
	if i < len(s) && s[i] == ':' {
		for i++; i < len(s) && class[s[i]]&isDigit != 0; i++ {
		}
		port, err := strconv.ParseUint(s[host+1:i], 10, 16)
		if err != nil || port == 0 {
			return host
		}
	}
	if i < len(s) && s[i] != '/' && s[i] != '?' && s[i] != '#' {
		return i
	}
	return len(s)
}

// urlHost judges the host of a URL. It returns the host in canonical form, its
// scope, and the type of indicator that it is by itself, if any. A host without
// a public suffix is one of the local network, which only a known scheme makes
// believable.
func (s *scanner) urlHost(h string, known bool) (host string, scope casemate.Scope, add casemate.IndicatorType, ok bool) {
	if h[0] == '[' {
		inner, _, _ := strings.Cut(h[1:len(h)-1], "%")
		addr, err := netip.ParseAddr(inner)
		if err != nil || !addr.Is6() {
			return "", "", "", false
		}
		if u := addr.Unmap(); u.Is4() {
			s.addAddr(u, "")
			return h, Scope(u), "", true
		}
		return "[" + addr.String() + "]", Scope(addr), casemate.IndicatorIPv6, true
	}
	if addr, ok := parseIPv4(h); ok {
		return h, Scope(addr), casemate.IndicatorIPv4, true
	}
	if addr, ok := looseIPv4(h); ok && known {
		// Kept as written in the URL, because that is what can be searched for.
		s.addAddr(addr, "")
		return h, Scope(addr), "", true
	}
	trimmed := strings.TrimSuffix(h, ".")
	if name, ok := parseName(trimmed); ok {
		switch {
		case name.suffix == "arpa", name.kind == suffixNone:
			return name.name, casemate.ScopePrivate, "", known
		case !name.registrable():
			return "", "", "", false
		}
		return name.name, domainScope(&name), casemate.IndicatorDomain, true
	}
	name, ok := lowerName(trimmed)
	if !ok || !known || !labelOK(name) || strings.Trim(name, "0123456789") == "" {
		return "", "", "", false
	}
	return name, Host(name), "", true
}

// looseIPv4 reads the other forms of an IPv4 address that inet_aton and
// browsers take, which attackers use to hide one: one to four parts, each
// decimal, octal or hexadecimal, the last filling the rest.
func looseIPv4(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(s) > 48 || len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, p := range parts {
		if p == "" || class[p[0]]&isDigit == 0 || strings.IndexByte(p, '_') >= 0 {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			v |= n << (24 - 8*i)
			continue
		}
		if n>>(8*(4-i)) != 0 {
			return netip.Addr{}, false
		}
		v |= n
	}
	// A small number alone is a port or a count, not an address.
	if len(parts) == 1 && v < 1<<24 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// urlEnd returns where the URL that text[a:] continues ends: at a byte that no
// URL holds, at a closing bracket that was not opened in it, or at a comma
// before the next URL; without the punctuation of the sentence around it.
func (s *scanner) urlEnd(a int) int {
	var open [3]int
	i := a
loop:
	for i < len(s.text) {
		c := s.text[i]
		switch c {
		case '(', '[', '{':
			open[bracketOf(c)]++
		case ')', ']', '}':
			k := bracketOf(c)
			if open[k] == 0 {
				break loop
			}
			open[k]--
		case '"', '<', '>', '`', '\\', '|', '^', '\'', 0x7F:
			break loop
		case ',', ';':
			if schemeAhead(s.text[i+1:]) {
				break loop
			}
		default:
			if c <= ' ' {
				break loop
			}
			if c >= utf8.RuneSelf {
				r, size := utf8.DecodeRuneInString(s.text[i:])
				if r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S) {
					break loop
				}
				i += size
				continue
			}
		}
		i++
	}
	for i > a && strings.IndexByte(".,;:!?*", s.text[i-1]) >= 0 {
		i--
	}
	return i
}

// bracketOf numbers the three kinds of bracket.
func bracketOf(c byte) int {
	switch c {
	case '(', ')':
		return 0
	case '[', ']':
		return 1
	}
	return 2
}

// schemeAhead says whether s begins with a scheme and "://".
func schemeAhead(s string) bool {
	s = strings.TrimPrefix(s, " ")
	i := 0
	for i < len(s) && i < 8 && isLetter(s[i]) {
		i++
	}
	return i > 1 && strings.HasPrefix(s[i:], "://")
}

// mail adds the mail address whose at sign stands at text[at], behind the run
// that begins at text[a]. It returns where the address ends.
func (s *scanner) mail(a, at int) (int, bool) {
	end := at + 1
	for end < len(s.text) && class[s.text[end]] != 0 {
		end++
	}
	_, b := s.trimName(at+1, end)
	if b-at-1 < 4 || messageField(s.field) {
		return 0, false
	}
	// "git@github.com:owner/name" is the address of a repository.
	if s.at(b) == ':' && class[s.at(b+1)]|class[s.at(b+2)] != 0 && s.at(b+1) != ' ' || s.at(b) == '@' {
		return 0, false
	}
	h, ok := parseName(s.text[at+1 : b])
	if !ok || h.kind != suffixListed || !h.registrable() || strings.HasSuffix(h.suffix, "arpa") {
		return 0, false
	}
	for a > 0 && at-a <= maxLocal && localByte(s.text[a-1]) {
		a--
	}
	for a < at && class[s.text[a]]&^isJoin == 0 || a < at && s.text[a] == '.' {
		a++
	}
	local := s.text[a:at]
	if local == "" || len(local) > maxLocal || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return 0, false
	}
	value := s.text[a:b]
	if lower := strings.ToLower(local); lower != local || h.name != s.text[at+1:b] {
		value = lower + "@" + h.name
	}
	s.add(casemate.IndicatorMail, value, "")
	return end, true
}

// localByte says whether c may be part of a mail address before the at sign.
// Of the signs that RFC 5322 allows, those that usually end a word in logs
// ("=", "/", "'", "|" …) are left out.
func localByte(c byte) bool {
	return class[c] != 0 || c == '+' || c == '%' || c == '&' || c == '~' || c == '!'
}
