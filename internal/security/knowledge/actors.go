package knowledge

import "strings"

// Group is a named set of intrusions.
type Group struct {
	ID         string   // G0016
	Name       string   // APT29
	Aliases    []string // other names, without Name
	Techniques []string // ids of techniques that ATT&CK has seen it use
	Status     Status
	Successor  string // the id that replaces a revoked group, or empty
}

// Software is a tool or malware. The catalogue carries no relations of software.
type Software struct {
	ID        string // S0154
	Name      string // Cobalt Strike
	Tool      bool   // a tool that also has honest uses; otherwise malware
	Aliases   []string
	Status    Status
	Successor string
}

type actors struct {
	groups        []Group
	software      []Software
	groupIndex    map[string]int32
	softwareIndex map[string]int32
}

// Group returns a group by its id or by any of its names, in any case. Where a
// name is an alias of several groups, the group with the lowest id wins.
func (c *Catalogue) Group(name string) (Group, bool) {
	a, _ := c.actors() // a damaged section answers as empty: see Catalogue
	if i, ok := lookup(a.groupIndex, name); ok {
		return a.groups[i], true
	}
	return Group{}, false
}

// Software returns software by its id or by any of its names, in any case.
// Where a name is an alias of several, the one with the lowest id wins.
func (c *Catalogue) Software(name string) (Software, bool) {
	a, _ := c.actors() // a damaged section answers as empty: see Catalogue
	if i, ok := lookup(a.softwareIndex, name); ok {
		return a.software[i], true
	}
	return Software{}, false
}

// lookup tries the id, which needs no allocation, and then the folded name.
func lookup(m map[string]int32, name string) (int32, bool) {
	if i, ok := index(m, name); ok {
		return i, true
	}
	if len(name) > maxName {
		return 0, false
	}
	i, ok := m[foldName(name)]
	return i, ok
}

func decodeActors(text string) (*actors, error) {
	a := &actors{groupIndex: map[string]int32{}, softwareIndex: map[string]int32{}}
	err := eachRow(text, func(kind byte, f []string) error {
		if (kind != 'G' || len(f) != 6) && (kind != 'S' || len(f) != 6) {
			return errRow
		}
		status, err := parseStatus(f[2])
		if err != nil {
			return err
		}
		if kind == 'G' {
			g := Group{ID: f[0], Name: f[1], Status: status, Successor: f[3], Aliases: split(f[4], "|"), Techniques: split(f[5], ",")}
			a.groups = append(a.groups, g)
			return add(a.groupIndex, g.ID, len(a.groups)-1)
		}
		s := Software{ID: f[0], Name: f[1], Status: status, Successor: f[3], Tool: f[4] == "t", Aliases: split(f[5], "|")}
		a.software = append(a.software, s)
		return add(a.softwareIndex, s.ID, len(a.software)-1)
	})
	if err != nil {
		return nil, err
	}
	a.names()
	return a, nil
}

// names enters all names in three rounds: names of current entries, their
// aliases, then those of the others, so that the better claim to a name wins.
func (a *actors) names() {
	for round := range 3 {
		for i, g := range a.groups {
			enter(a.groupIndex, round, g.Status, i, g.Name, g.Aliases)
		}
		for i, s := range a.software {
			enter(a.softwareIndex, round, s.Status, i, s.Name, s.Aliases)
		}
	}
}

func enter(m map[string]int32, round int, status Status, i int, name string, aliases []string) {
	var names []string
	switch {
	case round == 0 && status == Current:
		names = []string{name}
	case round == 1 && status == Current:
		names = aliases
	case round == 2 && status != Current:
		names = append([]string{name}, aliases...)
	}
	for _, n := range names {
		key := foldName(n)
		if _, taken := m[key]; !taken {
			m[key] = int32(i)
		}
	}
}

func split(field, separator string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, separator)
}
