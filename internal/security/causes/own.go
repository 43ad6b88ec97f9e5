package causes

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/firewall"
)

// resolverAsked is how many machines ask a name server that is the network's. One
// that a single machine asks may be the end of a tunnel.
const resolverAsked = 3

// LearnOwn finds out what is the network's own, beside what analysts vouch for:
// address to the name of their entry. Only agents on its machines and HostOf are
// asked: a Host header or a login name may be an attacker's.
func (s *Story) LearnOwn(vouched map[string]string) {
	o := firewall.Own{Addresses: map[string]bool{}, Resolvers: map[string]bool{}, Vouched: vouched}
	for addr := range s.HostOf {
		o.Addresses[addr] = true
	}
	asked := map[string]map[string]bool{}
	for _, r := range s.Records {
		if r.Product == "windows" && r.Image != "" {
			if _, domain, ok := strings.Cut(strings.ToLower(r.Host), "."); ok && strings.Contains(domain, ".") && !slices.Contains(o.Domains, domain) {
				o.Domains = append(o.Domains, domain)
			}
		}
		if r.Port == 53 && r.Dst != "" && r.Src != "" {
			if asked[r.Dst] == nil {
				asked[r.Dst] = map[string]bool{}
			}
			if asked[r.Dst][r.Src] = true; len(asked[r.Dst]) >= resolverAsked {
				o.Resolvers[r.Dst] = true
			}
		}
	}
	for _, domain := range slices.Clone(o.Domains) {
		// The mail domain above the machines': corp.tarnholm.example, tarnholm.example.
		if _, up, ok := strings.Cut(domain, "."); ok && strings.Contains(up, ".") && s.namesAccounts(up) {
			o.Domains = append(o.Domains, up)
		}
	}
	s.Own = o
}

// namesAccounts reports whether accounts are named under a domain.
func (s *Story) namesAccounts(domain string) bool {
	return slices.ContainsFunc(s.Records, func(r *Record) bool { return strings.HasSuffix(strings.ToLower(r.User), "@"+domain) })
}
