package grounding

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// maxTies bounds how many pieces of evidence are read for which machine has which
// address.
const maxTies = 20000

// ties learns from all evidence which machine has which address: a record whose one
// source, or one destination, is both named and numbered says so, and so does one
// that names its machine and a single address.
func (c *Checker) ties() map[string][]string {
	c.tiesOnce.Do(func() {
		c.tied = map[string][]string{}
		tie := func(a, b string) {
			if l := c.tied[a]; !slices.Contains(l, b) && len(l) < 16 {
				c.tied[a] = append(l, b)
			}
		}
		all := c.all[:min(len(c.all), maxTies)]
		machines := map[string]bool{}
		for _, x := range all {
			machines[shortHost(x.e.Host)] = true
		}
		for _, x := range all {
			for _, role := range []casemate.Role{casemate.RoleSource, casemate.RoleDestination, casemate.RoleNone} {
				hosts, addresses := ends(x.e, role, machines)
				if role == casemate.RoleNone && len(hosts) == 0 && x.e.Host != "" {
					hosts = append(hosts, shortHost(x.e.Host))
				}
				if role == casemate.RoleDestination && len(hosts) == 0 && !strings.Contains(strings.ToLower(x.e.Text), "dns") {
					hosts = domains(x.e)
				}
				if len(hosts) == 1 && len(addresses) == 1 && hosts[0] != addresses[0] {
					tie(hosts[0], addresses[0])
					tie(addresses[0], hosts[0])
				}
			}
		}
	})
	return c.tied
}

// domains returns the names that a record has for its destination. Those of a DNS
// query are not: its destination is a resolver.
func domains(e *casemate.Evidence) (out []string) {
	for _, n := range e.Entities {
		if n.Type == casemate.EntityDomain && n.Role == casemate.RoleDestination {
			out = append(out, strings.ToLower(n.Value))
		}
	}
	return out
}

// ends returns the machines, by their short names, and the addresses in one role. A
// domain is a machine if some record is of one of that name.
func ends(e *casemate.Evidence, role casemate.Role, machines map[string]bool) (hosts, addresses []string) {
	for _, n := range e.Entities {
		if n.Role != role {
			continue
		}
		switch v := shortHost(n.Value); {
		case n.Type == casemate.EntityAddress && !slices.Contains(addresses, v):
			addresses = append(addresses, v)
		case (n.Type == casemate.EntityHost || n.Type == casemate.EntityDomain && machines[v]) && !slices.Contains(hosts, v):
			hosts = append(hosts, v)
		}
	}
	return hosts, addresses
}

// tied reports whether the pool has a machine under its address, or an address
// under the name of its machine, as other evidence has it.
func (r *reading) tied(low string) bool {
	return slices.ContainsFunc(r.c.ties()[low], r.has)
}
