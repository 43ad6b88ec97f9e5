package indicator_test

import (
	"net/netip"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// TestScope walks the borders of every block of IANA's two registries: the
// first and last address inside, and the nearest outside.
func TestScope(t *testing.T) {
	const (
		pub, pri, loop = casemate.ScopePublic, casemate.ScopePrivate, casemate.ScopeLoopback
		link, multi    = casemate.ScopeLinkLocal, casemate.ScopeMulticast
		doc, res       = casemate.ScopeDocumentation, casemate.ScopeReserved
	)
	for _, c := range []struct {
		addr string
		want casemate.Scope
	}{
		{"0.0.0.0", res}, {"0.255.255.255", res}, {"1.0.0.0", pub},
		{"9.255.255.255", pub}, {"10.0.0.0", pri}, {"10.255.255.255", pri}, {"11.0.0.0", pub},
		{"100.63.255.255", pub}, {"100.64.0.0", pri}, {"100.127.255.255", pri}, {"100.128.0.0", pub},
		{"126.255.255.255", pub}, {"127.0.0.0", loop}, {"127.255.255.255", loop}, {"128.0.0.0", pub},
		{"169.253.255.255", pub}, {"169.254.0.0", link}, {"169.254.169.254", link}, {"169.255.0.0", pub},
		{"172.15.255.255", pub}, {"172.16.0.0", pri}, {"172.31.255.255", pri}, {"172.32.0.0", pub},
		{"191.255.255.255", pub}, {"192.0.0.0", res}, {"192.0.0.9", res}, {"192.0.0.170", res}, {"192.0.0.255", res}, {"192.0.1.0", pub},
		{"192.0.2.0", doc}, {"192.0.2.255", doc}, {"192.0.3.0", pub},
		{"192.31.196.1", res}, {"192.31.197.0", pub}, {"192.52.193.1", res}, {"192.52.194.0", pub},
		{"192.88.99.1", res}, {"192.88.100.0", pub}, {"192.167.255.255", pub}, {"192.168.0.0", pri},
		{"192.168.255.255", pri}, {"192.169.0.0", pub}, {"192.175.48.1", res}, {"192.175.49.0", pub},
		{"198.17.255.255", pub}, {"198.18.0.0", res}, {"198.19.255.255", res}, {"198.20.0.0", pub},
		{"198.51.100.1", doc}, {"198.51.101.0", pub}, {"203.0.113.1", doc}, {"203.0.114.0", pub},
		{"223.255.255.255", pub}, {"224.0.0.0", multi}, {"239.255.255.255", multi},
		{"240.0.0.0", res}, {"255.255.255.254", res}, {"255.255.255.255", multi},
		{"::", res}, {"::1", loop}, {"::2", res}, {"::ffff:10.0.0.1", pri}, {"::ffff:8.8.8.8", pub},
		{"64:ff9b::808:808", res}, {"64:ff9b:1::", res}, {"100::1", res}, {"100:0:0:1::1", res},
		{"1fff:ffff::", res}, {"2000::", pub}, {"2001::1", res}, {"2001:1::1", res}, {"2001:2::1", res},
		{"2001:20::1", res}, {"2001:30::1", res}, {"2001:1ff::1", res}, {"2001:200::1", pub},
		{"2001:db8::", doc}, {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", doc}, {"2001:db9::", pub},
		{"2002::1", res}, {"2003::1", pub}, {"2620:4f:8000::1", res}, {"2620:4f:8001::1", pub},
		{"3ffe::1", pub}, {"3fff::1", doc}, {"3fff:fff::1", doc}, {"3fff:1000::1", pub},
		{"4000::", res}, {"5f00::1", res}, {"fbff::1", res}, {"fc00::", pri}, {"fdff::1", pri},
		{"fe00::", res}, {"fe80::1", link}, {"fe80::1%eth0", link}, {"febf::1", link}, {"fec0::1", pri}, {"ff02::1", multi},
	} {
		if got := indicator.Scope(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("Scope(%s) = %s, want %s", c.addr, got, c.want)
		}
	}
	if got := indicator.Scope(netip.Addr{}); got != res {
		t.Errorf("Scope of the zero address = %s, want %s", got, res)
	}
}

func TestHost(t *testing.T) {
	for name, want := range map[string]casemate.Scope{
		"evil.com": casemate.ScopePublic, "EVIL.COM.": casemate.ScopePublic, "abc.github.io": casemate.ScopePublic,
		"expyuzz4wqqyqhjn.onion": casemate.ScopePublic,
		"localhost":              casemate.ScopeLoopback, "app.localhost": casemate.ScopeLoopback, "localhost.localdomain": casemate.ScopeLoopback,
		"dc01": casemate.ScopePrivate, "dc01.corp.local": casemate.ScopePrivate, "x.internal": casemate.ScopePrivate,
		"x.lan": casemate.ScopePrivate, "nas.home.arpa": casemate.ScopePrivate, "srv.corpnet": casemate.ScopePrivate, "": casemate.ScopePrivate,
		"a.test": casemate.ScopeDocumentation, "example.com": casemate.ScopeDocumentation, "www.example.org": casemate.ScopeDocumentation,
		"notexample.com": casemate.ScopePublic, "x.invalid": casemate.ScopeDocumentation,
		"10.0.0.1": casemate.ScopePrivate, "[::1]": casemate.ScopeLoopback, "8.8.8.8": casemate.ScopePublic,
		"1.0.0.10.in-addr.arpa": casemate.ScopePrivate, "8.8.8.8.in-addr.arpa": casemate.ScopePublic, "10.in-addr.arpa": casemate.ScopeReserved,
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa": casemate.ScopeLinkLocal,
	} {
		if got := indicator.Host(name); got != want {
			t.Errorf("Host(%q) = %s, want %s", name, got, want)
		}
	}
}
