package indicator

import (
	"net/netip"
	"strings"

	"github.com/casemate-ai/casemate"
)

// block is one row of an address registry.
type block struct {
	prefix netip.Prefix
	scope  casemate.Scope
}

// blocks4 and blocks6 hold IANA's IPv4 and IPv6 Special-Purpose Address
// Registries, the two multicast ranges, and the deprecated site-local range
// (RFC 3879), which old equipment still uses as private. A range inside
// another one stands before it, because the first match decides. The small
// assignments inside 192.0.0.0/24 and 2001::/23 share their parent's scope and
// are listed so that a reader can check the table against the registry.
var (
	blocks4 = []block{
		{netip.MustParsePrefix("255.255.255.255/32"), casemate.ScopeMulticast}, // limited broadcast, RFC 8190
		{netip.MustParsePrefix("0.0.0.0/8"), casemate.ScopeReserved},           // this network, RFC 791
		{netip.MustParsePrefix("10.0.0.0/8"), casemate.ScopePrivate},           // RFC 1918
		{netip.MustParsePrefix("100.64.0.0/10"), casemate.ScopePrivate},        // shared address space, RFC 6598
		{netip.MustParsePrefix("127.0.0.0/8"), casemate.ScopeLoopback},         // RFC 1122
		{netip.MustParsePrefix("169.254.0.0/16"), casemate.ScopeLinkLocal},     // RFC 3927
		{netip.MustParsePrefix("172.16.0.0/12"), casemate.ScopePrivate},        // RFC 1918
		{netip.MustParsePrefix("192.0.0.0/29"), casemate.ScopeReserved},        // service continuity, RFC 7335
		{netip.MustParsePrefix("192.0.0.8/32"), casemate.ScopeReserved},        // dummy address, RFC 7600
		{netip.MustParsePrefix("192.0.0.9/32"), casemate.ScopeReserved},        // PCP anycast, RFC 7723
		{netip.MustParsePrefix("192.0.0.10/32"), casemate.ScopeReserved},       // TURN anycast, RFC 8155
		{netip.MustParsePrefix("192.0.0.170/31"), casemate.ScopeReserved},      // NAT64 discovery, RFC 8880
		{netip.MustParsePrefix("192.0.0.0/24"), casemate.ScopeReserved},        // protocol assignments, RFC 6890
		{netip.MustParsePrefix("192.0.2.0/24"), casemate.ScopeDocumentation},   // RFC 5737
		{netip.MustParsePrefix("192.31.196.0/24"), casemate.ScopeReserved},     // AS112, RFC 7535
		{netip.MustParsePrefix("192.52.193.0/24"), casemate.ScopeReserved},     // AMT, RFC 7450
		{netip.MustParsePrefix("192.88.99.0/24"), casemate.ScopeReserved},      // 6to4 relays, RFC 7526
		{netip.MustParsePrefix("192.168.0.0/16"), casemate.ScopePrivate},       // RFC 1918
		{netip.MustParsePrefix("192.175.48.0/24"), casemate.ScopeReserved},     // AS112, RFC 7534
		{netip.MustParsePrefix("198.18.0.0/15"), casemate.ScopeReserved},       // benchmarks, RFC 2544
		{netip.MustParsePrefix("198.51.100.0/24"), casemate.ScopeDocumentation},
		{netip.MustParsePrefix("203.0.113.0/24"), casemate.ScopeDocumentation},
		{netip.MustParsePrefix("224.0.0.0/4"), casemate.ScopeMulticast},
		{netip.MustParsePrefix("240.0.0.0/4"), casemate.ScopeReserved}, // RFC 1112
	}
	blocks6 = []block{
		{netip.MustParsePrefix("::1/128"), casemate.ScopeLoopback},
		{netip.MustParsePrefix("::/128"), casemate.ScopeReserved},             // unspecified
		{netip.MustParsePrefix("64:ff9b::/96"), casemate.ScopeReserved},       // translation, RFC 6052
		{netip.MustParsePrefix("64:ff9b:1::/48"), casemate.ScopeReserved},     // local translation, RFC 8215
		{netip.MustParsePrefix("100::/64"), casemate.ScopeReserved},           // discard, RFC 6666
		{netip.MustParsePrefix("100:0:0:1::/64"), casemate.ScopeReserved},     // dummy prefix, RFC 9780
		{netip.MustParsePrefix("2001::/32"), casemate.ScopeReserved},          // Teredo, RFC 4380
		{netip.MustParsePrefix("2001:1::1/128"), casemate.ScopeReserved},      // PCP anycast, RFC 7723
		{netip.MustParsePrefix("2001:1::2/128"), casemate.ScopeReserved},      // TURN anycast, RFC 8155
		{netip.MustParsePrefix("2001:1::3/128"), casemate.ScopeReserved},      // DNS-SD anycast, RFC 9665
		{netip.MustParsePrefix("2001:2::/48"), casemate.ScopeReserved},        // benchmarks, RFC 5180
		{netip.MustParsePrefix("2001:3::/32"), casemate.ScopeReserved},        // AMT, RFC 7450
		{netip.MustParsePrefix("2001:4:112::/48"), casemate.ScopeReserved},    // AS112, RFC 7535
		{netip.MustParsePrefix("2001:10::/28"), casemate.ScopeReserved},       // ORCHID, RFC 4843
		{netip.MustParsePrefix("2001:20::/28"), casemate.ScopeReserved},       // ORCHIDv2, RFC 7343
		{netip.MustParsePrefix("2001:30::/28"), casemate.ScopeReserved},       // drone entity tags, RFC 9374
		{netip.MustParsePrefix("2001::/23"), casemate.ScopeReserved},          // protocol assignments, RFC 2928
		{netip.MustParsePrefix("2001:db8::/32"), casemate.ScopeDocumentation}, // RFC 3849
		{netip.MustParsePrefix("2002::/16"), casemate.ScopeReserved},          // 6to4, RFC 3056
		{netip.MustParsePrefix("2620:4f:8000::/48"), casemate.ScopeReserved},  // AS112, RFC 7534
		{netip.MustParsePrefix("3fff::/20"), casemate.ScopeDocumentation},     // RFC 9637
		{netip.MustParsePrefix("2000::/3"), casemate.ScopePublic},             // global unicast
		{netip.MustParsePrefix("5f00::/16"), casemate.ScopeReserved},          // segment routing, RFC 9602
		{netip.MustParsePrefix("fc00::/7"), casemate.ScopePrivate},            // RFC 4193
		{netip.MustParsePrefix("fe80::/10"), casemate.ScopeLinkLocal},
		{netip.MustParsePrefix("fec0::/10"), casemate.ScopePrivate},
		{netip.MustParsePrefix("ff00::/8"), casemate.ScopeMulticast},
	}
)

// Scope returns where an address has a meaning. A zone is ignored and an
// IPv4-mapped address is judged as the IPv4 address it holds. IPv6 addresses
// outside 2000::/3 that no registry names are reserved, because IANA has given
// them to nobody; so is the zero Addr.
func Scope(a netip.Addr) casemate.Scope {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		for _, b := range blocks4 {
			if b.prefix.Contains(a) {
				return b.scope
			}
		}
		return casemate.ScopePublic
	}
	for _, b := range blocks6 {
		if b.prefix.Contains(a) {
			return b.scope
		}
	}
	return casemate.ScopeReserved
}

// Host returns the scope of a host name or of an address written as text, in
// any case, with or without a final dot, or brackets around an IPv6 address.
// Names of reverse lookups have the scope of the address they name. Names that
// no public registry can hold, such as "server.corpnet", are private; .onion
// names are public, because every Tor client resolves them alike.
func Host(name string) casemate.Scope {
	name = strings.TrimSuffix(name, ".")
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil {
		return Scope(a)
	}
	name = strings.ToLower(name)
	if a, ok := reverseName(name); ok {
		return Scope(a)
	}
	if scope, ok := specialScope(name); ok {
		return scope
	}
	if _, how := suffixOf(name); how == suffixNone {
		return casemate.ScopePrivate
	}
	return casemate.ScopePublic
}

// specialScope returns the scope of a name, in lower case, that a rule other
// than the public suffix list decides.
//
// Source: RFC 2606, RFC 6761, RFC 6762 appendix G, RFC 8375, RFC 9476, and
// ICANN's reservation of .internal of 2024.
func specialScope(name string) (casemate.Scope, bool) {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "localhost", "localhost4", "localhost6":
		return casemate.ScopeLoopback, true
	case "localdomain", "localdomain4", "localdomain6":
		if strings.HasPrefix(name, "localhost") {
			return casemate.ScopeLoopback, true
		}
		return casemate.ScopePrivate, true
	case "example", "test", "invalid":
		return casemate.ScopeDocumentation, true
	case "local", "internal", "lan", "corp", "home", "intranet", "private", "alt":
		return casemate.ScopePrivate, true
	case "arpa":
		if name == "home.arpa" || strings.HasSuffix(name, ".home.arpa") {
			return casemate.ScopePrivate, true
		}
		return casemate.ScopeReserved, true
	}
	switch {
	case last == name:
		return casemate.ScopePrivate, true // a single label
	case isOrUnder(name, "example.com"), isOrUnder(name, "example.net"), isOrUnder(name, "example.org"):
		return casemate.ScopeDocumentation, true
	}
	return "", false
}

// isOrUnder says whether a name is the domain or a name in it.
func isOrUnder(name, domain string) bool {
	head, ok := strings.CutSuffix(name, domain)
	return ok && (head == "" || head[len(head)-1] == '.')
}

// reverseName returns the address that a complete name of a reverse lookup, in
// lower case, stands for.
func reverseName(name string) (netip.Addr, bool) {
	if head, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		a, err := netip.ParseAddr(head)
		if err != nil || !a.Is4() {
			return netip.Addr{}, false
		}
		b := a.As4()
		return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]}), true
	}
	head, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(head) != 63 {
		return netip.Addr{}, false
	}
	var b [16]byte
	for i := range 32 {
		v := unhex(head[62-2*i])
		if v < 0 || i < 31 && head[61-2*i] != '.' {
			return netip.Addr{}, false
		}
		b[i/2] = b[i/2]<<4 | byte(v)
	}
	return netip.AddrFrom16(b), true
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
