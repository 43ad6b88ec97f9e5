package triage

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const (
	maxCommon    = 4 // routine moments that may hold an entity before it links nothing
	maxLinkHosts = 200
	maxWhy       = 50 // shared things that are remembered to be told
	maxPeers     = 32 // episodes of a peer, before and after, that are looked at
)

// sharedAccounts are used by so much that sharing one means nothing.
var sharedAccounts = []string{
	"", "-", "system", "localsystem", "localservice", "networkservice", "local service", "network service", "anonymous logon", "root", "nt authority\\system",
	"nt authority\\network service", "nt authority\\local service", "unknown", "n/a", "window manager", "0", "(unknown user)",
	"admin", "administrator", "guest", "user", "test", "nobody", "www-data",
}

// union is a forest over groups: joined groups become one.
type union struct {
	parent map[*group]*group
	why    map[*group][]string
}

func newUnion(groups []*group) *union {
	u := &union{parent: make(map[*group]*group, len(groups)), why: map[*group][]string{}}
	for _, g := range groups {
		u.parent[g] = g
	}
	return u
}

func (u *union) root(g *group) *group {
	for u.parent[g] != g {
		u.parent[g] = u.parent[u.parent[g]]
		g = u.parent[g]
	}
	return g
}

// join makes two groups one; the earlier of the two stays its root.
func (u *union) join(a, b *group, why string) {
	a, b = u.root(a), u.root(b)
	if a == b {
		return
	}
	if b.first.Before(a.first) {
		a, b = b, a
	}
	u.parent[b] = a
	for _, w := range append(u.why[b], why) {
		if len(u.why[a]) < maxWhy && !slices.Contains(u.why[a], w) {
			u.why[a] = append(u.why[a], w)
		}
	}
}

// groups returns the roots, each with all its members' moments, in the order of list.
func (u *union) groups(list []*group) []*group {
	var out []*group
	for _, g := range list {
		if r := u.root(g); r != g {
			r.moments = append(r.moments, g.moments...)
			r.merged = append(r.merged, g.merged...)
			if g.last.After(r.last) {
				r.last = g.last
			}
			continue
		}
		out = append(out, g)
	}
	for _, g := range out {
		g.merged = append(g.merged, u.why[g]...)
		g.measure()
	}
	return out
}

// mergeLinked makes one of episodes that share something particular: an outside
// address, a domain, a file's hash, an account, a process and its descendants;
// or that are the two ends of a connection between hosts.
func (c *correlator) mergeLinked(groups []*group) []*group {
	slices.SortStableFunc(groups, func(a, b *group) int { return a.first.Compare(b.first) })
	set := newUnion(groups)
	common := c.commonKeys()
	latest := map[string]*group{}
	for _, g := range groups {
		for _, k := range c.linkKeys(g) {
			if common[k] > maxCommon {
				continue
			}
			if before := latest[k]; before != nil && g.first.Sub(before.last) <= linkGap {
				set.join(before, g, k)
			}
			if before := latest[k]; before == nil || g.last.After(before.last) {
				latest[k] = g
			}
		}
	}
	c.joinPeers(groups, set)
	return set.groups(groups)
}

// commonKeys counts the keys that routine moments hold: what is everywhere links nothing.
func (c *correlator) commonKeys() map[string]int {
	common := map[string]int{}
	for _, m := range c.q.moments {
		if !c.taken[m] {
			for _, k := range c.momentKeys(m) {
				common[k]++
			}
		}
	}
	return common
}

func (c *correlator) linkKeys(g *group) []string {
	var keys []string
	seen := map[string]bool{}
	for _, m := range g.moments {
		for _, k := range c.momentKeys(m) {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// account returns the bare name of an account, whichever way its domain is
// written, or "" for one that many things share.
func account(user string) string {
	if slices.Contains(sharedAccounts, user) {
		return ""
	}
	if i := strings.LastIndexByte(user, '\\'); i >= 0 {
		user = user[i+1:]
	}
	user, _, _ = strings.Cut(user, "@")
	if slices.Contains(sharedAccounts, user) || strings.HasSuffix(user, "$") {
		return ""
	}
	return user
}

// momentKeys returns what a moment can share, each as "kind value".
func (c *correlator) momentKeys(m *moment) []string {
	var keys []string
	if user := account(c.q.users.text[m.user]); user != "" {
		keys = append(keys, "account "+user)
	}
	for _, id := range c.q.process.lineage(m.process) {
		keys = append(keys, "process "+id)
	}
	for _, e := range m.entities {
		switch e.Type {
		case casemate.EntityAddress:
			if e.Role != casemate.RoleObserver && outside(e.Value) {
				keys = append(keys, "address "+e.Value)
			}
		case casemate.EntityDomain, casemate.EntityURL, casemate.EntityHash, casemate.EntityMail:
			if e.Role != casemate.RoleObserver && !(e.Type == casemate.EntityHash && m.stock) {
				keys = append(keys, string(e.Type)+" "+e.Value)
			}
		}
	}
	return keys
}

// outside reports whether s is an address that is not of the user's own network.
func outside(s string) bool {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast()
}

// joinPeers links an episode to another host's: to one that came before on the
// host it was reached from, and to one that begins soon on the host it reaches.
// Both ends must be grave.
func (c *correlator) joinPeers(groups []*group, set *union) {
	byHost := map[string][]*group{}
	for _, g := range groups {
		for _, h := range g.hosts() {
			name := c.q.hosts.text[h]
			byHost[name] = append(byHost[name], g)
		}
	}
	for _, g := range groups {
		for _, m := range g.moments {
			if m.weight < peerWeight {
				continue
			}
			for _, p := range c.peers(m) {
				for _, other := range around(byHost[p.host], m.first) {
					if other != g && other.grave >= peerWeight && p.plausible(m, other) {
						set.join(g, other, "connection "+c.q.hosts.text[m.host]+" "+p.host)
					}
				}
			}
		}
	}
}

// around returns the episodes of a list, in order of their beginning, that begin
// next before and next after a time.
func around(list []*group, at time.Time) []*group {
	n, _ := slices.BinarySearchFunc(list, at, func(g *group, t time.Time) int { return g.first.Compare(t) })
	return list[max(0, n-maxPeers):min(len(list), n+maxPeers)]
}

// peer is another host that a moment names.
type peer struct {
	host   string
	source bool // the moment's host was reached from it
}

// plausible reports whether a peer's episode can be the other end of a moment.
func (p peer) plausible(m *moment, other *group) bool {
	if p.source {
		return !other.first.After(m.last) && m.first.Sub(other.last) <= linkGap
	}
	return !other.last.Before(m.first.Add(-peerBefore)) && !other.first.After(m.last.Add(peerAfter))
}

// peers returns the other hosts that a moment names, by name or by address.
func (c *correlator) peers(m *moment) []peer {
	var out []peer
	own := c.q.hosts.text[m.host]
	for _, e := range m.entities {
		var name string
		switch {
		case e.Role != casemate.RoleSource && e.Role != casemate.RoleDestination && e.Role != casemate.RoleTarget:
		case e.Type == casemate.EntityAddress:
			name = c.q.address[e.Value]
		case e.Type == casemate.EntityHost:
			name = shortHost(e.Value)
		}
		if p := (peer{name, e.Role == casemate.RoleSource}); name != "" && name != own && !slices.Contains(out, p) && len(out) < maxLinkHosts {
			out = append(out, p)
		}
	}
	return out
}
