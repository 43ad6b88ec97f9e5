package knowledge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// attackReader builds the ATT&CK section from its rows.
type attackReader struct {
	*attack
	lists     lists
	mitigates map[string]int32 // mitigation ids
	fits      []int            // how many techniques each mitigation fits
}

func decodeAttack(text string) (*attack, error) {
	r := &attackReader{
		attack: &attack{
			tacticIndex: map[string]int32{},
			byID:        map[string]int32{},
			byName:      map[string][]int32{},
			mitigated:   map[int32][]int32{},
		},
		lists:     lists{},
		mitigates: map[string]int32{},
	}
	err := eachRow(text, func(kind byte, f []string) error {
		switch {
		case kind == 'A' && len(f) == 6:
			return r.tactic(f)
		case kind == 'T' && len(f) == 7:
			return r.technique(f)
		case kind == 'M' && len(f) == 2:
			r.mitigations = append(r.mitigations, Mitigation{ID: f[0], Name: f[1]})
			r.fits = append(r.fits, 0)
			return add(r.mitigates, f[0], len(r.mitigations)-1)
		case kind == 'm' && len(f) == 2:
			return r.mitigation(f)
		}
		return errRow
	})
	if err != nil {
		return nil, err
	}
	for _, found := range r.mitigated {
		slices.SortFunc(found, func(x, y int32) int {
			return cmp.Or(r.fits[x]-r.fits[y], cmp.Compare(x, y))
		})
	}
	r.names()
	return r.attack, nil
}

func (r *attackReader) tactic(f []string) error {
	domain, err := parseDomain(f[3])
	if err != nil {
		return err
	}
	order, err := number(f[4])
	if err != nil {
		return err
	}
	status, err := parseStatus(f[5])
	if err != nil {
		return err
	}
	i := int32(len(r.tactics))
	r.tactics = append(r.tactics, Tactic{ID: f[0], Short: f[1], Name: f[2], Domain: domain, Order: order, Status: status})
	for _, name := range f[:3] {
		key := string(foldTactic(nil, name))
		if _, ok := r.tacticIndex[key]; !ok {
			r.tacticIndex[key] = i
		}
	}
	return nil
}

func (r *attackReader) technique(f []string) error {
	domain, err := parseDomain(f[2])
	if err != nil {
		return err
	}
	status, err := parseStatus(f[3])
	if err != nil {
		return err
	}
	t := Technique{
		ID: f[0], Name: f[1], Domain: domain, Status: status,
		Tactics: r.lists.split(f[4], ","), Platforms: r.lists.split(f[5], "|"), Successor: f[6],
	}
	if parent, _, sub := strings.Cut(t.ID, "."); sub {
		t.Parent = parent
	}
	r.techniques = append(r.techniques, t)
	return add(r.byID, t.ID, len(r.techniques)-1)
}

// mitigation reads the mitigations of one technique.
func (r *attackReader) mitigation(f []string) error {
	t, ok := r.byID[f[0]]
	if !ok {
		return fmt.Errorf("technique %q is not there", f[0])
	}
	for id := range strings.SplitSeq(f[1], ",") {
		m, ok := r.mitigates[id]
		if !ok {
			return fmt.Errorf("mitigation %q is not there", id)
		}
		r.mitigated[t] = append(r.mitigated[t], m)
		r.fits[m]++
	}
	return nil
}

// names enters every technique under its name and, if it has a parent, under both.
func (r *attackReader) names() {
	for i, t := range r.techniques {
		name := foldName(t.Name)
		r.byName[name] = append(r.byName[name], int32(i))
		if parent, ok := r.byID[t.Parent]; ok {
			full := foldName(r.techniques[parent].Name) + ": " + name
			r.byName[full] = append(r.byName[full], int32(i))
		}
	}
}

func parseDomain(field string) (Domain, error) {
	switch field {
	case "e":
		return Enterprise, nil
	case "m":
		return Mobile, nil
	case "i":
		return ICS, nil
	}
	return "", fmt.Errorf("read domain %q: %w", field, errRow)
}

func parseStatus(field string) (Status, error) {
	switch field {
	case "":
		return Current, nil
	case "d":
		return Deprecated, nil
	case "r":
		return Revoked, nil
	}
	return Current, fmt.Errorf("read status %q: %w", field, errRow)
}
