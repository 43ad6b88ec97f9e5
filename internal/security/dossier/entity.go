package dossier

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/label"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxTallied      = 100_000 // distinct hosts and users that are remembered
	maxEntitiesKept = 2_000   // entities of a dossier
	maxEntityIDs    = 24      // evidence of one entity or link
	maxLinks        = 4_000
	maxEntityValues = 300 // bytes of a value
)

// canonical is the one spelling of an entity's name.
func canonical(t casemate.EntityType, name string) string {
	name = strings.TrimSpace(name)
	switch t {
	case casemate.EntityHost:
		return label.Host(name)
	case casemate.EntityUser:
		return label.Account(name)
	case casemate.EntityProcess:
		name = baseName(strings.ToLower(name))
	case casemate.EntityFile, casemate.EntityDomain, casemate.EntityHash, casemate.EntityMail, casemate.EntityAddress:
		name = strings.ToLower(name)
	}
	return name
}

// baseName is the last part of a path of any system.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `\/`)+1:]
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// external reports whether an address or name belongs to the Internet.
func external(value string) bool {
	switch indicator.Host(value) {
	case casemate.ScopePublic, casemate.ScopeDocumentation:
		return true
	}
	return false
}

// tally remembers which machines and accounts any record names, whether it
// became evidence or not, and which domains are the network's own.
type tally struct {
	hosts, users map[string]bool
	domains      map[string]bool
	address      map[string]string // of the network, and its host; "" where two claim it
	lastHost     string
	lastUser     string
}

func newTally() *tally {
	return &tally{hosts: map[string]bool{}, users: map[string]bool{}, domains: map[string]bool{}, address: map[string]string{}}
}

func (t *tally) add(a *casemate.Alert) {
	if a.Host != t.lastHost {
		t.lastHost = a.Host
		t.host(a.Host)
		if _, domain, ok := strings.Cut(strings.ToLower(a.Host), "."); ok && !isAddress(a.Host) && strings.Contains(domain, ".") && len(t.domains) < 100 {
			t.domain(domain)
		}
	}
	if a.User != t.lastUser {
		t.lastUser = a.User
		t.put(t.users, canonical(casemate.EntityUser, a.User))
	}
	own := a.Process != nil && a.Log.Category == "network_connection"
	for i := range a.Entities {
		switch e := &a.Entities[i]; e.Type {
		case casemate.EntityAddress:
			if a.Host != "" && (e.Role == casemate.RoleNone || own && e.Role == casemate.RoleSource) {
				t.lives(e.Value, a.Host)
			}
		case casemate.EntityHost:
			t.host(e.Value)
		case casemate.EntityUser:
			t.put(t.users, canonical(casemate.EntityUser, e.Value))
		}
	}
}

// domain remembers a domain of the network, and the one above it, unless that is
// where names are registered.
func (t *tally) domain(name string) {
	t.domains[strings.Clone(name)] = true
	if _, parent, ok := strings.Cut(name, "."); ok {
		if first, _, deeper := strings.Cut(parent, "."); deeper && len(first) > 3 {
			t.domains[strings.Clone(parent)] = true
		}
	}
}

// lives remembers that a private address is a host's, as its own sensor says.
func (t *tally) lives(address, host string) {
	host = canonical(casemate.EntityHost, host)
	if host == "" || isAddress(host) || len(t.address) >= maxTallied || indicator.Host(address) != casemate.ScopePrivate {
		return
	}
	if known, ok := t.address[address]; ok && known != host {
		host = ""
	}
	t.address[strings.Clone(address)] = strings.Clone(host)
}

func (t *tally) host(name string) { t.put(t.hosts, canonical(casemate.EntityHost, name)) }

func (t *tally) put(set map[string]bool, name string) {
	if name == "" || set[name] || len(set) >= maxTallied {
		return
	}
	set[strings.Clone(name)] = true
}

// own reports whether a name is under one of the network's own domains.
func (t *tally) own(name string) bool {
	for d := range t.domains {
		if name == d || strings.HasSuffix(name, "."+d) || strings.Count(name, ".") >= 1 && strings.HasSuffix(d, "."+name) {
			return true
		}
	}
	return false
}

// entities gathers what all evidence names.
type entities struct {
	byKey map[casemate.Entity]*Entity
	names map[*Entity]map[string]int
	grade map[*Entity][]graded
	order []*Entity
	known *tally
}

// graded is an id with the severity of its evidence.
type graded struct {
	id string
	by casemate.Severity
}

func newEntities(known *tally) *entities {
	return &entities{byKey: map[casemate.Entity]*Entity{}, names: map[*Entity]map[string]int{}, grade: map[*Entity][]graded{}, known: known}
}

// key is an entity without its role, under its one spelling.
func (n *entities) key(e casemate.Entity) (casemate.Entity, bool) {
	v := canonical(e.Type, e.Value)
	if e.Type == casemate.EntityAddress && n.known.address[v] != "" {
		return casemate.Entity{Type: casemate.EntityHost, Value: n.known.address[v]}, true
	}
	if e.Type == casemate.EntityDomain && n.known.own(v) {
		if short := canonical(casemate.EntityHost, v); n.known.hosts[short] {
			return casemate.Entity{Type: casemate.EntityHost, Value: short}, true
		}
	}
	if v == "" || v == "-" || v[0] == '%' {
		return casemate.Entity{}, false
	}
	return casemate.Entity{Type: e.Type, Value: clipped(v)}, true
}

// clipped keeps the beginning of a long value: an attacker chooses how long a URL
// is, and it must neither fill the memory nor drop out.
func clipped(v string) string {
	if len(v) <= maxEntityValues {
		return v
	}
	return phrase.Cut(v, maxEntityValues) + "…"
}

// see counts that a piece of evidence names an entity.
func (n *entities) see(e casemate.Entity, ev *casemate.Evidence, words bool) *Entity {
	key, ok := n.key(e)
	if !ok {
		return nil
	}
	x := n.byKey[key]
	if x == nil {
		x = &Entity{Entity: key}
		n.byKey[key] = x
		n.names[x] = map[string]int{}
		n.order = append(n.order, x)
	}
	if spelling := clipped(strings.TrimSpace(e.Value)); len(n.names[x]) < 20 || n.names[x][spelling] > 0 {
		n.names[x][spelling]++
	}
	g := n.grade[x]
	if len(g) > 0 && g[len(g)-1].id == ev.ID {
		return x // named twice in one piece
	}
	n.grade[x] = append(g, graded{ev.ID, ev.Severity})
	x.Count += max(ev.Count, 1)
	x.InWords = x.InWords || words
	x.InRecords = x.InRecords || !words
	if !ev.First.IsZero() {
		if x.First.IsZero() || ev.First.Before(x.First) {
			x.First = ev.First
		}
		if ev.Last.After(x.Last) {
			x.Last = ev.Last
		}
	}
	x.Severity = max(x.Severity, ev.Severity)
	for _, t := range ev.Techniques {
		if len(x.Techniques) < maxEntityIDs && !slices.Contains(x.Techniques, t) {
			x.Techniques = append(x.Techniques, t)
		}
	}
	return x
}

// take counts all that a piece of evidence names.
func (n *entities) take(ev *casemate.Evidence, p *casemate.Process, words bool) {
	if ev.Host != "" {
		n.see(casemate.Entity{Type: placeType(ev.Host), Value: ev.Host}, ev, words)
	}
	if ev.User != "" && !systemAccount(canonical(casemate.EntityUser, ev.User)) {
		n.see(casemate.Entity{Type: casemate.EntityUser, Value: ev.User}, ev, words)
	}
	if p != nil && p.Image != "" {
		n.see(casemate.Entity{Type: casemate.EntityProcess, Value: p.Image}, ev, words)
	}
	for _, e := range ev.Entities {
		if e.Role == casemate.RoleObserver && e.Value != ev.Host || e.Type == casemate.EntityUser && systemAccount(canonical(e.Type, e.Value)) {
			continue
		}
		if e.Type == casemate.EntityHost {
			e.Type = placeType(e.Value)
		}
		n.see(e, ev, words)
	}
}

// placeType is what a machine is named by.
func placeType(host string) casemate.EntityType {
	if isAddress(host) {
		return casemate.EntityAddress
	}
	return casemate.EntityHost
}

// list returns the entities, the most involved first.
func (n *entities) list(assets []casemate.Incident) []Entity {
	inventory := map[string]*casemate.Asset{}
	for _, in := range assets {
		for i := range in.Assets {
			inventory[canonical(casemate.EntityHost, in.Assets[i].Host)] = &in.Assets[i]
		}
	}
	out := make([]Entity, 0, len(n.order))
	for _, x := range n.order {
		g := n.grade[x]
		slices.SortStableFunc(g, func(a, b graded) int { return cmp.Compare(b.by, a.by) })
		for _, id := range g[:min(len(g), maxEntityIDs)] {
			x.Evidence = append(x.Evidence, id.id)
		}
		x.Label, x.Names = spellings(x.Entity, n.names[x])
		if x.Type == casemate.EntityUser && n.known.users[x.Value] {
			x.InRecords = true // of a record that is no evidence
		}
		if x.Type == casemate.EntityHost {
			x.InRecords = x.InRecords || n.known.hosts[x.Value]
			x.Asset = inventory[x.Value]
		}
		out = append(out, *x)
	}
	slices.SortStableFunc(out, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	return slices.Clip(out[:min(len(out), maxEntitiesKept)])
}

// spellings picks how an entity is shown and lists the others. A host is shown
// without its domain, an account without its own, in the case that occurs most;
// a name that is only ever in lower case stays so.
func spellings(e casemate.Entity, count map[string]int) (label string, others []string) {
	all := make([]string, 0, len(count))
	for name := range count {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	best, shown := -1, map[string]int{}
	for _, name := range all {
		s := name
		if e.Type == casemate.EntityHost && isAddress(name) && len(all) > 1 {
			continue
		}
		switch e.Type {
		case casemate.EntityHost, casemate.EntityUser, casemate.EntityProcess:
			if i := len(name) - len(e.Value); i >= 0 && strings.EqualFold(name[i:], e.Value) {
				s = name[i:]
			} else if len(name) >= len(e.Value) && strings.EqualFold(name[:len(e.Value)], e.Value) {
				s = name[:len(e.Value)]
			} else if i := strings.LastIndexByte(name, '\\'); i >= 0 && len(name)-i-1 >= len(e.Value) {
				s = name[i+1 : i+1+len(e.Value)]
			}
		}
		weight := count[name]
		if e.Type == casemate.EntityHost && s != strings.ToLower(s) {
			weight += 1000 // readers of ours write hosts in lower case; a person or console did not
		}
		shown[s] += weight
		if shown[s] > best || shown[s] == best && s < label {
			best, label = shown[s], s
		}
	}
	for _, name := range all {
		if name != label {
			others = append(others, name)
		}
	}
	return label, others
}
