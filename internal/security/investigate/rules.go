package investigate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/logcount"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

const (
	ruleDays = 30 // after which a rule ends unless somebody renews it
	maxRules = 60
	maxPorts = 4 // that a rule names; with more it is about all
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
		key := r.Direction + r.Action + r.Source + r.Destination + fmt.Sprint(r.Ports)
		if !done[key] && len(out) < maxRules {
			done[key] = true
			r.ID = "F" + strconv.Itoa(len(out)+1)
			out = append(out, r)
		}
	}
	for _, l := range logs {
		if l.Kind == string(logcount.Fault) || l.Kind == string(logcount.Answered) {
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
		counted := slices.ContainsFunc(out, func(r Rule) bool { return r.Source == x.Value }) // its rule is narrower
		if x.Type == casemate.EntityAddress && !counted && s.partOfGrave(x, scopes) {
			put(s.ruleForAddress(x))
		}
	}
	s.refuseOwn(scopes, refuse)
	return out, not
}

// partOfGrave reports whether a thing takes part in an incident worth acting on.
// What processes of the scope did beside the alerts counts as theirs.
func (s *scene) partOfGrave(x *actor, scopes []Scope) bool {
	for _, r := range x.Records {
		if r.Incident >= 0 && scopes[r.Incident].Grave {
			return true
		}
		if r.Incident < 0 && r.Process != nil {
			for _, o := range r.Process.Records {
				if o.Incident >= 0 && scopes[o.Incident].Grave {
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
		if !scopes[r.Incident].Grave || !graded(r) {
			continue
		}
		for _, addr := range []string{r.Src, r.Dst} {
			if addr == "" {
				continue
			}
			if why := s.Own.Why(addr); why != "" {
				refuse(addr, why)
			}
		}
		for _, d := range r.Domains {
			if why := s.Own.WhyName(d); why != "" {
				refuse(d, why)
			}
		}
	}
}

// ruleForLog makes a rule of what counting showed, or says why it does not.
func (s *scene) ruleForLog(l LogCause) (Rule, string) {
	r := Rule{Direction: "in", Action: "drop", Protocol: "tcp", Source: l.Source, Destination: firewall.ThisHost, Place: "the firewall of " + cmp.Or(causes.Label(l.Host), "the server") + " or the perimeter",
		Reason: l.Statement, Risk: "low", Expires: expiry(l.Last)}
	r.Ports = l.Ports
	if l.Kind == string(logcount.Flood) && l.Source == "" {
		r.Action, r.Source, r.Risk = "limit", "any", "medium"
		return write(r), ""
	}
	if why := s.Own.Why(l.Source); why != "" {
		return r, why
	}
	if l.shared {
		r.Risk = "medium" // others log in from there, rightly
	}
	if len(r.Ports) == 0 {
		r.Protocol = "any"
	}
	return write(r), ""
}

// ruleForAddress makes a rule of an outside end of a grave incident.
func (s *scene) ruleForAddress(x *actor) Rule {
	best := x.Records[0]
	var ports []int
	for _, r := range x.Records {
		if r.Severity > best.Severity {
			best = r
		}
		if r.Port != 0 && !slices.Contains(ports, r.Port) {
			ports = append(ports, r.Port)
		}
	}
	slices.Sort(ports)
	if len(ports) > maxPorts {
		ports = nil
	}
	r := Rule{Action: "drop", Protocol: "tcp", Ports: ports, Place: "the perimeter firewall", Risk: "low", Expires: expiry(x.Last),
		Reason: casemate.Statement{Text: because(best), Evidence: s.citeAll(append([]*causes.Record{best}, x.Records...), maxArgument), By: casemate.DecidedByRule}}
	if len(ports) == 0 {
		r.Protocol = "any"
	}
	if x.is(partAttacker) && !x.is(partControl) {
		r.Direction, r.Source, r.Destination = "in", x.Value, s.targetOf(x)
		if len(filter(x.Records, func(r *causes.Record) bool { return r.Act == causes.ActCloud })) == len(x.Records) {
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
	for _, r := range x.Records {
		switch {
		case r.Dst == "" || s.Foreign(r.Dst):
		case to == "":
			to = r.Dst
		case to != r.Dst:
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
	f := firewall.Rule{Direction: r.Direction, Action: r.Action, Protocol: r.Protocol, Source: r.Source, Destination: r.Destination, Ports: r.Ports, Expires: r.Expires}
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

// vouched maps the addresses that the analysts vouch for to the entry that names
// them, where it names nothing else and still held.
func (s *scene) vouched() map[string]string {
	out := map[string]string{}
	for _, e := range s.suppress {
		if e.Match.Address != "" && !strings.Contains(e.Match.Address, "*") && e.Match.Rule == "" && e.Match.Name == "" && !s.expired(e) {
			out[e.Match.Address] = e.ID
		}
	}
	return out
}

// expired reports whether a suppression ended before the evidence did.
func (s *scene) expired(e triage.Suppression) bool {
	day, err := evidence.Day("expires", e.Expires)
	if err != nil || day.IsZero() || len(s.Records) == 0 {
		return err != nil
	}
	return s.Records[len(s.Records)-1].Time.After(day.AddDate(0, 0, 1))
}
