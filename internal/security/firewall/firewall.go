// Package firewall writes firewall rules as text for a person, in the words of
// several systems, and says what must never be blocked. Each text it writes is
// held against its own strict grammar of that system. Nothing here touches a
// firewall.
package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Systems that rules are written for.
const (
	Nftables = "nftables"
	Windows  = "Windows"
	Columns  = "any (columns of a rule base)"
)

// LimitRate is how many new connections a minute a limit lets one source make.
const LimitRate = 60

// Rule is one rule. Its zero values are "any".
type Rule struct {
	Direction   string // in, out
	Action      string // drop, limit
	Protocol    string // tcp, udp, any
	Source      string // an address, "any"
	Destination string // an address, "any", ThisHost
	Ports       []int  // none: any
	Expires     string // YYYY-MM-DD
}

// ThisHost is the destination of a rule for a server's own firewall.
const ThisHost = "this host"

// Text is a rule, and its undoing, in the words of one system.
type Text struct{ System, Text, Undo string }

// Texts writes a rule for each system that can express it. A text that Check
// does not accept is left out: that would be a fault of ours.
func (r Rule) Texts() []Text {
	var out []Text
	for _, t := range r.render() {
		if Check(t.System, t.Text) == nil && Check(t.System, t.Undo) == nil {
			out = append(out, t)
		}
	}
	return out
}

// title names a rule in every system by what it is about, so that it is found again.
func (r Rule) title() string {
	value := r.Source
	if r.Direction == "out" {
		value = r.Destination
	}
	if value == "any" {
		value = "many"
	}
	name := "casemate-" + r.Action + "-" + r.Direction + "-" + strings.NewReplacer(".", "-", ":", "-").Replace(value)
	for _, p := range r.Ports {
		name += "-" + strconv.Itoa(p)
	}
	return name
}

// render writes a rule for each system.
func (r Rule) render() []Text {
	out := []Text{{System: Nftables, Text: r.nft(), Undo: "delete rule inet filter " + r.chain() + " handle HANDLE"}}
	if r.Action == "drop" {
		out = append(out, Text{System: Windows, Text: r.windows(), Undo: "Remove-NetFirewallRule -Name '" + r.title() + "'"})
	}
	return append(out, Text{System: Columns, Text: r.inColumns(), Undo: "delete name=" + r.title()})
}

// chain is where nftables has the rule: a server's own firewall, or the way
// through a gateway.
func (r Rule) chain() string {
	if r.Destination == ThisHost {
		return "input"
	}
	return "forward"
}

// joined writes the ports.
func (r Rule) joined(separator string) string {
	var out []string
	for _, p := range r.Ports {
		out = append(out, strconv.Itoa(p))
	}
	return strings.Join(out, separator)
}

// nft writes the rule as the argument of nft.
func (r Rule) nft() string {
	var b strings.Builder
	fmt.Fprintf(&b, "add rule inet filter %s", r.chain())
	for _, end := range [][2]string{{"saddr", r.Source}, {"daddr", r.Destination}} {
		if a, err := netip.ParseAddr(end[1]); err == nil {
			family := "ip"
			if a.Is6() {
				family = "ip6"
			}
			fmt.Fprintf(&b, " %s %s %s", family, end[0], a)
		}
	}
	switch len(r.Ports) {
	case 0:
	case 1:
		fmt.Fprintf(&b, " tcp dport %d", r.Ports[0])
	default:
		fmt.Fprintf(&b, " tcp dport { %s }", r.joined(", "))
	}
	if r.Action == "limit" {
		fmt.Fprintf(&b, " ct state new meter casemate { ip saddr limit rate over %d/minute }", LimitRate)
	}
	fmt.Fprintf(&b, " counter drop comment \"%s until %s\"", r.title(), r.Expires)
	return b.String()
}

// windows writes the rule for PowerShell.
func (r Rule) windows() string {
	direction, remote := "Inbound", r.Source
	if r.Direction == "out" {
		direction, remote = "Outbound", r.Destination
	}
	text := fmt.Sprintf("New-NetFirewallRule -Name '%s' -DisplayName '%s until %s' -Direction %s -Action Block -RemoteAddress %s", r.title(), r.title(), r.Expires, direction, remote)
	switch {
	case len(r.Ports) == 0:
	case r.Direction == "out":
		text += " -Protocol TCP -RemotePort " + r.joined(",")
	default:
		text += " -Protocol TCP -LocalPort " + r.joined(",")
	}
	return text
}

// inColumns writes the rule as the columns that every rule base has.
func (r Rule) inColumns() string {
	port, to := "any", r.Destination
	if len(r.Ports) > 0 {
		port = "tcp/" + r.joined(",tcp/")
	}
	from, action := "outside", "deny"
	zone := "inside"
	if r.Direction == "out" {
		from, zone = "inside", "outside"
	}
	if r.Action == "limit" {
		action = "limit-" + strconv.Itoa(LimitRate) + "-per-minute"
	}
	if to == ThisHost {
		to = "this-host"
	}
	return fmt.Sprintf("name=%s from=%s to=%s source=%s destination=%s service=%s action=%s log=yes expires=%s", r.title(), from, zone, r.Source, to, port, action, r.Expires)
}

// Check holds the text of a rule, or of its undoing, against a strict
// grammar of what this package writes for a system. It accepts less than the
// system does: an address must be one, a port a number, and no word may be left.
func Check(system, text string) error {
	words := strings.Fields(text)
	if text != strings.Join(words, " ") || strings.ContainsAny(text, "\n\r;|&`<>\\") {
		return fmt.Errorf("check rule for %s: it has words that no rule has", system)
	}
	p := &ruleParser{words: words}
	switch system {
	case Nftables:
		p.nftables()
	case Windows:
		p.powershell()
	case Columns:
		p.columns()
	default:
		return fmt.Errorf("check rule: no system is called %q", system)
	}
	if p.bad == "" && p.at < len(p.words) {
		p.bad = p.words[p.at]
	}
	if p.bad != "" {
		return fmt.Errorf("check rule for %s: %q stands where it may not", system, p.bad)
	}
	return nil
}

// ruleParser reads the words of a rule.
type ruleParser struct {
	words []string
	at    int
	bad   string
}

func (p *ruleParser) next() string {
	if p.at < len(p.words) {
		p.at++
		return p.words[p.at-1]
	}
	if p.bad == "" {
		p.bad = "end of rule"
	}
	return ""
}

// take reads the given words if they come next.
func (p *ruleParser) take(want ...string) bool {
	if p.at+len(want) <= len(p.words) && slices.Equal(p.words[p.at:p.at+len(want)], want) {
		p.at += len(want)
		return true
	}
	return false
}

func (p *ruleParser) want(words ...string) {
	if p.bad == "" && !p.take(words...) {
		p.bad = "end of rule"
		if p.at < len(p.words) {
			p.bad = p.words[p.at]
		}
	}
}

// one reads one word that must pass.
func (p *ruleParser) one(ok func(string) bool) {
	if p.bad != "" {
		return
	}
	if w := p.next(); p.bad == "" && !ok(w) {
		p.bad = w
	}
}

func isAddr(w string) bool { _, err := netip.ParseAddr(w); return err == nil }

func isPort(w string) bool {
	n, err := strconv.Atoi(w)
	return err == nil && n > 0 && n < 65536 && strconv.Itoa(n) == w
}

func isTitle(w string) bool {
	return strings.HasPrefix(w, "casemate-") && plain(w)
}

func isDay(w string) bool { _, err := time.Parse(time.DateOnly, w); return err == nil }

func isOneOf(list ...string) func(string) bool {
	return func(w string) bool { return slices.Contains(list, w) }
}

// every reports whether all words between commas pass.
func every(w string, ok func(string) bool) bool {
	for _, v := range strings.Split(w, ",") {
		if !ok(v) {
			return false
		}
	}
	return true
}

// portSet reads a port, or several in braces.
func (p *ruleParser) portSet() {
	if !p.take("{") {
		p.one(isPort)
		return
	}
	for p.bad == "" {
		last := false
		p.one(func(w string) bool {
			v, more := strings.CutSuffix(w, ",")
			last = !more
			return isPort(v)
		})
		if last {
			break
		}
	}
	p.want("}")
}

func (p *ruleParser) nftables() {
	chain := isOneOf("input", "output", "forward")
	if p.take("delete", "rule", "inet", "filter") {
		p.one(chain)
		p.want("handle", "HANDLE")
		return
	}
	p.want("add", "rule", "inet", "filter")
	p.one(chain)
	ends := 0
	for _, end := range []string{"saddr", "daddr"} {
		if p.take("ip", end) {
			p.one(func(w string) bool { a, err := netip.ParseAddr(w); return err == nil && a.Is4() })
			ends++
		} else if p.take("ip6", end) {
			p.one(func(w string) bool { a, err := netip.ParseAddr(w); return err == nil && a.Is6() })
			ends++
		}
	}
	if p.take("tcp", "dport") {
		p.portSet()
		ends++
	}
	if ends == 0 && p.bad == "" {
		p.bad = "a rule about everything"
	}
	if p.take("ct", "state", "new", "meter", "casemate", "{", "ip", "saddr", "limit", "rate", "over") {
		p.one(func(w string) bool { n, ok := strings.CutSuffix(w, "/minute"); return ok && isPort(n) })
		p.want("}")
	}
	p.want("counter", "drop", "comment")
	p.one(func(w string) bool { return strings.HasPrefix(w, `"`) && isTitle(w[1:]) })
	p.want("until")
	p.one(func(w string) bool { return strings.HasSuffix(w, `"`) && isDay(w[:len(w)-1]) })
}

func quoted(w string) bool {
	return len(w) > 2 && w[0] == '\'' && w[len(w)-1] == '\'' && isTitle(w[1:len(w)-1])
}

func (p *ruleParser) powershell() {
	if p.take("Remove-NetFirewallRule", "-Name") {
		p.one(quoted)
		return
	}
	p.want("New-NetFirewallRule", "-Name")
	p.one(quoted)
	p.want("-DisplayName")
	p.one(func(w string) bool { return strings.HasPrefix(w, "'") && isTitle(w[1:]) })
	p.want("until")
	p.one(func(w string) bool { return strings.HasSuffix(w, "'") && isDay(w[:len(w)-1]) })
	p.want("-Direction")
	p.one(isOneOf("Inbound", "Outbound"))
	p.want("-Action", "Block", "-RemoteAddress")
	p.one(isAddr)
	if p.take("-Protocol", "TCP") {
		p.one(isOneOf("-RemotePort", "-LocalPort"))
		p.one(func(w string) bool { return every(w, isPort) })
	}
}

func (p *ruleParser) columns() {
	value := func(name string, ok func(string) bool) {
		p.one(func(w string) bool { v, found := strings.CutPrefix(w, name+"="); return found && ok(v) })
	}
	if p.take("delete") {
		value("name", isTitle)
		return
	}
	zone := isOneOf("inside", "outside")
	end := func(w string) bool { return w == "any" || w == "this-host" || isAddr(w) }
	value("name", isTitle)
	value("from", zone)
	value("to", zone)
	value("source", end)
	value("destination", end)
	value("service", func(w string) bool {
		return w == "any" || every(w, func(v string) bool { n, ok := strings.CutPrefix(v, "tcp/"); return ok && isPort(n) })
	})
	value("action", func(w string) bool {
		return w == "deny" || w == "limit-"+strconv.Itoa(LimitRate)+"-per-minute"
	})
	value("log", isOneOf("yes"))
	value("expires", isDay)
}

// plain reports whether a word has letters, digits, dots and hyphens alone.
func plain(w string) bool {
	for _, c := range w {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return len(w) <= 128
}
