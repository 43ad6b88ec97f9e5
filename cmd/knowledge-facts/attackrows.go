package main

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// byID returns the entries of a kind in a fixed order.
func byID(m map[string]*entry) []*entry {
	return slices.SortedFunc(maps.Values(m), func(x, y *entry) int { return cmp.Compare(x.id, y.id) })
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// attackRows writes tactics, techniques and mitigations.
func (m *attackModel) attackRows() *rows {
	out := &rows{}
	place := func(e *entry) int {
		return slices.IndexFunc(domains, func(d struct{ letter, name, title string }) bool { return d.letter == e.domain })
	}
	slices.SortFunc(m.tactics, func(x, y *entry) int {
		return cmp.Or(place(x)-place(y), killChain[x.short]-killChain[y.short], cmp.Compare(x.id, y.id))
	})
	for _, t := range m.tactics {
		out.add('A', t.id, t.short, t.name, t.domain, strconv.Itoa(killChain[t.short]), t.status)
	}
	techniques := byID(m.techniques)
	for _, t := range techniques {
		out.add('T', t.id, t.name, t.domain, t.status, out.list(t.tactics, ","), out.list(t.platforms, "|"), t.successor)
	}
	for _, e := range byID(m.mitigations) {
		if e.status == "" {
			out.add('M', e.id, e.name)
		}
	}
	for _, t := range techniques {
		if len(t.relations) > 0 && t.status == "" {
			out.add('m', t.id, out.list(t.relations.sorted(), ","))
		}
	}
	return out
}

// collectRows writes data components, log sources and which technique they show.
func (m *attackModel) collectRows() *rows {
	out := &rows{}
	rarity := map[string]int{} // in how many techniques a data component is used
	popularity := map[source]int{}
	for _, components := range m.uses {
		for id, u := range components {
			rarity[id]++
			u.narrow()
			for s, n := range u.sources {
				popularity[s] += n
			}
		}
	}
	for _, c := range byID(m.components) {
		if c.status == "" || rarity[c.id] > 0 {
			out.add('C', c.id, c.name)
		}
	}
	sources := slices.SortedFunc(maps.Keys(popularity), func(x, y source) int {
		return cmp.Or(popularity[y]-popularity[x], cmp.Compare(x.name, y.name), cmp.Compare(x.channel, y.channel))
	})
	number := map[source]int{}
	for i, s := range sources {
		number[s] = i
		out.add('S', s.name, s.channel)
	}
	for _, technique := range slices.Sorted(maps.Keys(m.uses)) {
		components := m.uses[technique]
		order := slices.SortedFunc(maps.Keys(components), func(x, y string) int {
			return cmp.Or(cmp.Compare(components[y].weight, components[x].weight), rarity[x]-rarity[y], cmp.Compare(x, y))
		})
		for _, id := range order {
			u := components[id]
			logs := slices.SortedFunc(maps.Keys(u.sources), func(x, y source) int {
				return cmp.Or(u.sources[y]-u.sources[x], number[x]-number[y])
			})
			numbers := make([]string, len(logs))
			for i, s := range logs {
				numbers[i] = strconv.Itoa(number[s])
			}
			out.add('c', technique, id, out.list(u.platforms.sorted(), "|"), strings.Join(numbers, ","))
		}
	}
	return out
}

// narrow drops a log source without a channel where the same log has one.
func (u *usage) narrow() {
	named := map[string]bool{}
	for s := range u.sources {
		named[s.name] = named[s.name] || s.channel != ""
	}
	for s := range u.sources {
		if s.channel == "" && named[s.name] {
			delete(u.sources, s)
		}
	}
}

// actorRows writes groups with their techniques, and software without any relation.
func (m *attackModel) actorRows() *rows {
	out := &rows{}
	for _, g := range byID(m.groups) {
		out.add('G', g.id, g.name, g.status, g.successor, out.list(g.aliases, "|"), out.list(g.relations.sorted(), ","))
	}
	for _, s := range byID(m.software) {
		tool := ""
		if s.tool {
			tool = "t"
		}
		out.add('S', s.id, s.name, s.status, s.successor, tool, out.list(s.aliases, "|"))
	}
	return out
}
