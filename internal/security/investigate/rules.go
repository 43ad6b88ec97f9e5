package investigate

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

const (
	ruleDays = 30 // after which a rule ends unless somebody renews it
	maxRules = 60
)

// firewall makes rules of the outside ends of grave incidents and of what the
// logs show. What must not be blocked is listed with its reason.
func (s *scene) firewall(c *cast, scopes []Scope, logs []LogCause) ([]Rule, []Unblocked) {
	out := []Rule{}
	var not []Unblocked
	done := map[string]bool{}
	refuse := func(value, why string) {
		if key := "not|" + value; !done[key] {
			done[key] = true
			not = append(not, Unblocked{Value: value, Why: why})
		}
	}
	put := func(r Rule) {
		key := r.Direction + r.Action + r.Source + r.Destination + strconv.Itoa(r.Port)
		if !done[key] && len(out) < maxRules {
			done[key] = true
			r.ID = "F" + strconv.Itoa(len(out)+1)
			out = append(out, r)
		}
	}
	for _, l := range logs {
		if l.Kind == "fault" {
			continue
		}
		r, why := s.ruleForLog(l)
		if why != "" {
			refuse(l.Source, why)
			continue
		}
		put(r)
	}
	for _, x := range c.order {
		if x.Type == casemate.EntityAddress && s.partOfGrave(x, scopes) {
			put(s.ruleForAddress(x))
		}
	}
	s.refuseOwn(scopes, refuse)
	return out, not
}

// partOfGrave reports whether a thing takes part in an incident worth acting on.
// What processes of the scope did beside the alerts counts as theirs.
func (s *scene) partOfGrave(x *actor, scopes []Scope) bool {
	for _, r := range x.records {
		if r.incident >= 0 && scopes[r.incident].Grave {
			return true
		}
		if r.incident < 0 && r.proc != nil {
			for _, o := range r.proc.records {
				if o.incident >= 0 && scopes[o.incident].Grave {
					return true
				}
			}
		}
	}
	return false
}

// refuseOwn names the addresses and names of the scope that stay open, with why.
func (s *scene) refuseOwn(scopes []Scope, refuse func(value, why string)) {
	for _, r := range s.scope {
		if !scopes[r.incident].Grave || !graded(r) {
			continue
		}
		for _, addr := range []string{r.src, r.dst} {
			if addr == "" {
				continue
			}
			if why := s.own.Why(addr); why != "" {
				refuse(addr, why)
			}
		}
		for _, d := range r.domains {
			if why := s.own.WhyName(d); why != "" {
				refuse(d, why)
			}
		}
	}
}

// ruleForLog makes a rule of what counting showed, or says why it does not.
func (s *scene) ruleForLog(l LogCause) (Rule, string) {
	r := Rule{Direction: "in", Action: "drop", Protocol: "tcp", Source: l.Source, Destination: firewall.ThisHost, Place: "the firewall of " + hostOr(l.Host, "the server") + " or the perimeter",
		Reason: l.Statement, Risk: "low", Expires: expiry(l.Last)}
	switch {
	case l.Kind == "flood" && l.Source == "":
		r.Action, r.Source, r.Port = "limit", "any", 443
		r.Risk = "medium"
		return write(r), ""
	default:
		r.Port = l.Port
	}
	if why := s.own.Why(l.Source); why != "" {
		return r, why
	}
	if l.shared {
		r.Risk = "medium" // others log in from there, rightly
	}
	if r.Port == 0 {
		r.Protocol = "any"
	}
	return write(r), ""
}

func hostOr(host, other string) string {
	if host == "" {
		return other
	}
	return label(host)
}

// ruleForAddress makes a rule of an outside end of a grave incident.
func (s *scene) ruleForAddress(x *actor) Rule {
	best := x.records[0]
	port := 0
	for _, r := range x.records {
		if r.severity > best.severity {
			best = r
		}
		switch {
		case port == 0:
			port = r.port
		case r.port != 0 && r.port != port:
			port = -1 // several ports: the rule names none
		}
	}
	r := Rule{Action: "drop", Protocol: "tcp", Port: max(port, 0), Place: "the perimeter firewall", Risk: "low", Expires: expiry(x.Last),
		Reason: casemate.Statement{Text: because(best), Evidence: s.citeAll(append([]*record{best}, x.records...), maxArgument), By: casemate.DecidedByRule}}
	if r.Port == 0 {
		r.Protocol = "any"
	}
	if x.is(partAttacker) && !x.is(partControl) {
		r.Direction, r.Source, r.Destination = "in", x.Value, s.targetOf(x)
		if len(filter(x.records, func(r *record) bool { return r.act == actCloud })) == len(x.records) {
			r.Place = "the perimeter firewall; the cloud's own interface needs a condition on the source address in its policies"
		}
		if r.Destination == "any" {
			r.Risk = "medium"
		}
		return write(r)
	}
	r.Direction, r.Source, r.Destination = "out", "any", x.Value
	return write(r)
}

// targetOf is the one machine that an outside source reached, or "any".
func (s *scene) targetOf(x *actor) string {
	to := ""
	for _, r := range x.records {
		switch {
		case r.dst == "" || s.isForeign(r.dst):
		case to == "":
			to = r.dst
		case to != r.dst:
			return "any"
		}
	}
	if to == "" {
		return "any"
	}
	return to
}

// expiry is the day on which a rule ends. It counts from the evidence, because
// an investigation knows no clock.
func expiry(last time.Time) string {
	if last.IsZero() {
		return ""
	}
	return last.UTC().AddDate(0, 0, ruleDays).Format(time.DateOnly)
}

// blockedBy maps each blocked address to its rule.
func blockedBy(rules []Rule) map[string]string {
	out := map[string]string{}
	for _, r := range rules {
		for _, v := range []string{r.Source, r.Destination} {
			if _, err := netip.ParseAddr(v); err == nil && r.Action == "drop" && out[v] == "" && (r.Direction == "in") == (v == r.Source) {
				out[v] = r.ID
			}
		}
	}
	return out
}

// write gives a rule its text for each system.
func write(r Rule) Rule {
	f := firewall.Rule{Direction: r.Direction, Action: r.Action, Protocol: r.Protocol, Source: r.Source, Destination: r.Destination, Port: r.Port, Expires: r.Expires}
	for _, t := range f.Texts() {
		r.Text = append(r.Text, Command{System: t.System, Text: t.Text, Undo: t.Undo})
	}
	return r
}

// sideFiles are the inventory and the analysts' known-benign list.
type sideFiles struct {
	assets   []triage.Asset
	suppress []triage.Suppression
}

// findOwned learns what is the network's own. Only agents on its machines and
// the inventory are asked: a Host header or a login name may be an attacker's.
func (s *scene) findOwned(side sideFiles) firewall.Own {
	o := firewall.Own{Addresses: map[string]bool{}, Resolvers: map[string]bool{}, Vouched: map[string]string{}}
	asked := map[string]map[string]bool{}
	for addr := range s.hostOf {
		o.Addresses[addr] = true
	}
	for _, r := range s.records {
		if r.product == "windows" && r.image != "" {
			if _, domain, ok := strings.Cut(strings.ToLower(r.host), "."); ok && strings.Contains(domain, ".") && !slices.Contains(o.Domains, domain) {
				o.Domains = append(o.Domains, domain)
			}
		}
		if r.port == 53 && r.dst != "" && r.src != "" {
			if asked[r.dst] == nil {
				asked[r.dst] = map[string]bool{}
			}
			// A server that one machine alone asks may be a tunnel's end.
			if asked[r.dst][r.src] = true; len(asked[r.dst]) >= 3 {
				o.Resolvers[r.dst] = true
			}
		}
	}
	for _, domain := range slices.Clone(o.Domains) {
		// The mail domain above the machines': corp.tarnholm.example, tarnholm.example.
		if _, up, ok := strings.Cut(domain, "."); ok && strings.Contains(up, ".") && s.mailDomain(up) {
			o.Domains = append(o.Domains, up)
		}
	}
	for _, e := range side.suppress {
		if e.Match.Address != "" && !strings.Contains(e.Match.Address, "*") && e.Match.Rule == "" && e.Match.Name == "" && !s.expired(e) {
			o.Vouched[e.Match.Address] = e.ID
		}
	}
	return o
}

// mailDomain reports whether accounts of the network are named under a domain.
func (s *scene) mailDomain(domain string) bool {
	for _, r := range s.records {
		if strings.HasSuffix(strings.ToLower(r.user), "@"+domain) {
			return true
		}
	}
	return false
}

// expired reports whether a suppression ended before the evidence did.
func (s *scene) expired(e triage.Suppression) bool {
	day, err := asOf(e.Expires)
	if err != nil || day.IsZero() || len(s.records) == 0 {
		return err != nil
	}
	return s.records[len(s.records)-1].time.After(day.AddDate(0, 0, 1))
}

// outside reports whether an address is of neither the network nor nowhere.
func (s *scene) outside(addr string) bool {
	return s.own.Why(addr) == "" || s.own.Vouched[addr] != ""
}

// isForeign reports whether an address is outside and nobody's we know.
func (s *scene) isForeign(addr string) bool { return s.own.Why(addr) == "" }
