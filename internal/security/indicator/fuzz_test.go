package indicator_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// checkFinds checks what holds for every indicator of any text: it is in
// canonical form, of the right scope, found once, and found again alone.
func checkFinds(t *testing.T, text string) {
	t.Helper()
	type find struct {
		kind  casemate.IndicatorType
		value string
	}
	seen := map[find]bool{}
	for _, ind := range indicator.Extract(nil, "", text) {
		if seen[find{ind.Type, ind.Value}] {
			t.Errorf("Extract(%q) gives %v twice", text, ind)
		}
		seen[find{ind.Type, ind.Value}] = true
		switch ind.Type {
		case casemate.IndicatorIPv4, casemate.IndicatorIPv6:
			a, err := netip.ParseAddr(ind.Value)
			if err != nil || a.String() != ind.Value || a.Is4() != (ind.Type == casemate.IndicatorIPv4) {
				t.Errorf("Extract(%q) gives the address %q: %v", text, ind.Value, err)
			}
			if indicator.Scope(a) != ind.Scope {
				t.Errorf("Extract(%q) gives %v, want scope %v", text, ind, indicator.Scope(a))
			}
		case casemate.IndicatorDomain:
			if ind.Value != strings.ToLower(ind.Value) || len(ind.Value) > 253 || strings.ContainsAny(ind.Value, " /:@") {
				t.Errorf("Extract(%q) gives the domain %q", text, ind.Value)
			}
			if indicator.Host(ind.Value) != ind.Scope {
				t.Errorf("Extract(%q) gives %v, want scope %v", text, ind, indicator.Host(ind.Value))
			}
			// A field of names takes every name, so it must take this one.
			findAgain(t, text, "domain", ind)
		default:
			findAgain(t, text, "", ind)
		}
	}
}

// findAgain checks that an indicator is found when its value is all the text.
func findAgain(t *testing.T, text, field string, ind casemate.Indicator) {
	t.Helper()
	again := indicator.Extract(nil, field, ind.Value)
	for _, a := range again {
		if a.Type == ind.Type && a.Value == ind.Value && a.Scope == ind.Scope {
			return
		}
	}
	t.Errorf("Extract(%q) gives %v, which alone gives %v", text, ind, again)
}

func FuzzExtract(f *testing.F) {
	for _, text := range ordinary {
		f.Add(text)
	}
	for _, unit := range hostile {
		f.Add(unit)
	}
	f.Add("hxxp://evil[.]com/a http://[::1]:80/ bücher.com fe80::1%eth0 bob@evil.com CVE-2021-44228 http://0x7f.1/ \\\\evil.com\\x")
	f.Add(sha256Empty + " MD5=" + md5Empty + " xn--bcher-kva.com 1.0.0.10.in-addr.arpa")
	f.Fuzz(func(t *testing.T, text string) { checkFinds(t, text) })
}

// TestEarlyExit checks that the early exit loses nothing: a text alone gives
// what it gives behind words that prevent the exit.
func TestEarlyExit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t)
		alone := indicator.Extract(nil, "", text)
		among := indicator.Extract(nil, "", "ordinary words: "+text)
		if diff := cmp.Diff(alone, among); diff != "" {
			t.Errorf("Extract(%q) alone and among words: (-alone +among)\n%s", text, diff)
		}
	})
}

// TestEveryAddress checks that any address in its canonical form is found where
// words, quotes or brackets surround it, with its scope.
func TestEveryAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")
		addr := netip.AddrFrom4([4]byte(b))
		kind := casemate.IndicatorIPv4
		if rapid.Bool().Draw(t, "v6") {
			b[0] = 0x20 // global unicast, so that no group decides alone
			addr, kind = netip.AddrFrom16([16]byte(b)), casemate.IndicatorIPv6
		}
		around := rapid.SampledFrom([]string{"%", "from % to", "ip=%,", `"%"`, "(%)", "[%]", "%:", "%.", "src:%"}).Draw(t, "around")
		text := strings.Replace(around, "%", addr.String(), 1)
		want := []casemate.Indicator{{Type: kind, Value: addr.String(), Scope: indicator.Scope(addr)}}
		if diff := cmp.Diff(want, indicator.Extract(nil, "", text)); diff != "" {
			t.Errorf("Extract(%q): (-want +got)\n%s", text, diff)
		}
	})
}
