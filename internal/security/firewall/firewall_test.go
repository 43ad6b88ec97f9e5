package firewall_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/firewall"
)

// TestTexts holds what is written for each system to hand-written rules.
func TestTexts(t *testing.T) {
	in := firewall.Rule{Direction: "in", Action: "drop", Source: "203.0.113.7", Destination: firewall.ThisHost, Ports: []int{22}, Expires: "2026-05-01"}
	out := firewall.Rule{Direction: "out", Action: "drop", Source: "any", Destination: "2001:db8::5", Ports: []int{80, 443}, Expires: "2026-05-01"}
	limit := firewall.Rule{Direction: "in", Action: "limit", Source: "any", Destination: firewall.ThisHost, Ports: []int{443}, Expires: "2026-05-01"}
	for _, c := range []struct {
		rule firewall.Rule
		want map[string]string
	}{
		{in, map[string]string{
			firewall.Nftables: `add rule inet filter input ip saddr 203.0.113.7 tcp dport 22 counter drop comment "casemate-drop-in-203-0-113-7-22 until 2026-05-01"`,
			firewall.Windows:  `New-NetFirewallRule -Name 'casemate-drop-in-203-0-113-7-22' -DisplayName 'casemate-drop-in-203-0-113-7-22 until 2026-05-01' -Direction Inbound -Action Block -RemoteAddress 203.0.113.7 -Protocol TCP -LocalPort 22`,
			firewall.Columns:  `name=casemate-drop-in-203-0-113-7-22 from=outside to=inside source=203.0.113.7 destination=this-host service=tcp/22 action=deny log=yes expires=2026-05-01`,
		}},
		{out, map[string]string{
			firewall.Nftables: `add rule inet filter forward ip6 daddr 2001:db8::5 tcp dport { 80, 443 } counter drop comment "casemate-drop-out-2001-db8--5-80-443 until 2026-05-01"`,
			firewall.Columns:  `name=casemate-drop-out-2001-db8--5-80-443 from=inside to=outside source=any destination=2001:db8::5 service=tcp/80,tcp/443 action=deny log=yes expires=2026-05-01`,
		}},
		{limit, map[string]string{
			firewall.Nftables: `add rule inet filter input tcp dport 443 ct state new meter casemate { ip saddr limit rate over 60/minute } counter drop comment "casemate-limit-in-many-443 until 2026-05-01"`,
		}},
	} {
		got := map[string]string{}
		for _, x := range c.rule.Texts() {
			got[x.System] = x.Text
		}
		for system, want := range c.want {
			if got[system] != want {
				t.Errorf("%s:\n got %s\nwant %s", system, got[system], want)
			}
		}
	}
	if n := len(limit.Texts()); n != 2 {
		t.Errorf("a limit is written for %d systems; Windows has none", n)
	}
}

// TestCheckRefuses wants a rule that would do more than one thing refused.
func TestCheckRefuses(t *testing.T) {
	for system, list := range map[string][]string{
		firewall.Nftables: {
			`add rule inet filter input counter drop comment "casemate-x until 2026-05-01"`, // about everything
			`add rule inet filter input ip saddr 0.0.0.0/0 counter drop comment "casemate-x until 2026-05-01"`,
			`add rule inet filter input ip saddr 203.0.113.7 accept`,
			`add rule inet filter input ip saddr 203.0.113.7 tcp dport 70000 counter drop comment "casemate-x until 2026-05-01"`,
			`add rule inet filter input ip saddr 203.0.113.7 tcp dport { 80 counter drop comment "casemate-x until 2026-05-01"`,
			`add rule inet filter input ip saddr 203.0.113.7 counter drop comment "casemate-x until 2026-05-01"; flush ruleset`,
			`flush ruleset`, ``,
		},
		firewall.Windows: {
			`New-NetFirewallRule -Name 'casemate-x' -DisplayName 'casemate-x until 2026-05-01' -Direction Inbound -Action Allow -RemoteAddress 203.0.113.7`,
			`New-NetFirewallRule -Name 'casemate-x' -DisplayName 'casemate-x until 2026-05-01' -Direction Inbound -Action Block -RemoteAddress Any`,
			`Remove-NetFirewallRule -Name '*'`, `Remove-NetFirewallRule -Name 'casemate-x' -Name 'other'`,
			`New-NetFirewallRule -Name 'casemate-$(calc)'`,
		},
		firewall.Columns: {`delete name=everything`, `name=casemate-x from=outside to=inside source=any destination=any service=any action=allow log=yes expires=2026-05-01`},
		"unknown":        {`anything`},
	} {
		for _, text := range list {
			if firewall.Check(system, text) == nil {
				t.Errorf("%s accepts %q", system, text)
			}
		}
	}
}

// TestTextsAlwaysPass wants whatever is written to pass, or not to be written:
// no address from data can end a rule or begin another one.
func TestTextsAlwaysPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.StringMatching(`(\d{1,3}\.){3}\d{1,3}`), rapid.StringMatching(`[0-9a-f:]{2,20}`), rapid.String(), rapid.SampledFrom([]string{"any", firewall.ThisHost, "203.0.113.7; flush ruleset", "1.1.1.1\nflush", `' -Action Allow '`}))
		r := firewall.Rule{Direction: rapid.SampledFrom([]string{"in", "out"}).Draw(t, "direction"), Action: rapid.SampledFrom([]string{"drop", "limit"}).Draw(t, "action"),
			Source: value.Draw(t, "source"), Destination: value.Draw(t, "destination"), Ports: rapid.SliceOfN(rapid.IntRange(-5, 70000), 0, 4).Draw(t, "ports"), Expires: rapid.SampledFrom([]string{"2026-05-01", "", "never"}).Draw(t, "expires")}
		for _, x := range r.Texts() {
			if err := firewall.Check(x.System, x.Text); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(x.Text+x.Undo, ";\n|&`") {
				t.Fatalf("%s: %q", x.System, x.Text)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, x := range (firewall.Rule{Direction: "in", Action: "drop", Source: "203.0.113.7", Destination: firewall.ThisHost, Ports: []int{22, 80}, Expires: "2026-05-01"}).Texts() {
		f.Add(x.System, x.Text)
		f.Add(x.System, x.Undo)
	}
	f.Fuzz(func(t *testing.T, system, text string) {
		if firewall.Check(system, text) == nil && strings.ContainsAny(text, ";\n\r|&`$") {
			t.Errorf("%s accepts %q", system, text)
		}
	})
}

// TestOwn wants what is ours, reserved or vouched for left open, and says why.
func TestOwn(t *testing.T) {
	own := firewall.Own{Addresses: map[string]bool{"203.0.113.10": true}, Domains: []string{"tarnholm.example"}, Resolvers: map[string]bool{"198.51.100.53": true}, Vouched: map[string]string{"192.0.2.30": "uptime-checks"}}
	for addr, open := range map[string]bool{
		"10.1.2.3": true, "172.16.0.9": true, "192.168.1.1": true, "127.0.0.1": true, "169.254.1.1": true, "224.0.0.1": true, "100.64.0.1": true, "fe80::1": true, "fd00::1": true,
		"203.0.113.10": true, "198.51.100.53": true, "192.0.2.30": true, "not an address": true,
		"8.8.8.8": false, "203.0.113.7": false, "2606:4700::1111": false,
	} {
		if why := own.Why(addr); (why != "") != open {
			t.Errorf("Why(%q) = %q, want it open: %v", addr, why, open)
		}
	}
	for name, open := range map[string]bool{
		"partners.tarnholm.example": true, "tarnholm.example": true, "printer.local": true, "d111.cloudfront.net": true, "raw.githubusercontent.com": true,
		"nottarnholm.example": false, "cdn-sync.edgecache.example.net": false, "bad.com": false,
	} {
		if why := own.WhyName(name); (why != "") != open {
			t.Errorf("WhyName(%q) = %q, want it open: %v", name, why, open)
		}
	}
	if firewall.Shared("x.cloudfront.net") != "cloudfront.net" || firewall.Shared("cloudfront.net.evil.org") != "" {
		t.Error("Shared does not tell a domain of many from its look-alike")
	}
}
