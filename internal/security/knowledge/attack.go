package knowledge

import (
	"fmt"
	"slices"
	"strings"
)

// Domain is one of ATT&CK's three worlds.
type Domain string

// The domains of ATT&CK.
const (
	Enterprise Domain = "enterprise"
	Mobile     Domain = "mobile"
	ICS        Domain = "ics"
)

// Status says whether a catalogue still stands by an entry.
type Status uint8

// The statuses. A revoked entry has a successor, a deprecated one has none.
const (
	Current Status = iota
	Deprecated
	Revoked
)

// String returns "current", "deprecated" or "revoked".
func (s Status) String() string {
	switch s {
	case Deprecated:
		return "deprecated"
	case Revoked:
		return "revoked"
	}
	return "current"
}

// Tactic is a goal of an attacker.
type Tactic struct {
	ID     string // TA0006
	Short  string // credential-access
	Name   string // Credential Access
	Domain Domain
	Order  int // its place in the kill chain, from 1; all domains share one scale
	Status Status
}

// Technique is an ATT&CK technique or sub-technique.
type Technique struct {
	ID        string // T1003.001
	Name      string // LSASS Memory
	Parent    string // T1003, or empty
	Domain    Domain
	Tactics   []string // short names in kill-chain order
	Platforms []string // in alphabetical order
	Status    Status
	Successor string // the id that replaces a revoked technique, or empty
}

// Mitigation is something ATT&CK recommends against a technique.
type Mitigation struct {
	ID   string // M1026
	Name string // Privileged Account Management
}

// maxRevocations bounds how many successors Resolve follows. ATT&CK 18.1 needs two.
const maxRevocations = 8

type attack struct {
	tactics     []Tactic
	tacticIndex map[string]int32 // by folded short name, name and id; the first domain wins
	techniques  []Technique      // by id
	byID        map[string]int32
	byName      map[string][]int32
	mitigations []Mitigation
	mitigated   map[int32][]int32 // technique to mitigations, the rarest first
}

// Technique returns the technique with an id, in any case, as the catalogue has
// it: revoked and deprecated ones too. See Resolve.
func (c *Catalogue) Technique(id string) (Technique, bool) {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	if i, ok := index(a.byID, id); ok {
		return a.techniques[i], true
	}
	return Technique{}, false
}

// Resolve returns the technique that stands for id today. If that is another
// one, or one that ATT&CK no longer stands by, note is a sentence that says so.
func (c *Catalogue) Resolve(id string) (t Technique, note string, ok bool) {
	t, ok = c.Technique(id)
	if !ok {
		return Technique{}, "", false
	}
	first := t
	for range maxRevocations {
		next, found := c.Technique(t.Successor)
		if t.Status != Revoked || !found {
			break
		}
		t = next
	}
	switch {
	case t.ID != first.ID:
		note = fmt.Sprintf("ATT&CK has revoked %s (%s); %s (%s) replaces it", first.ID, first.Name, t.ID, t.Name)
		if t.Status != Current {
			note += ", which is " + t.Status.String() + " too"
		}
	case t.Status != Current:
		note = fmt.Sprintf("%s (%s) is %s in ATT&CK and has no successor", t.ID, t.Name, t.Status)
	}
	return t, note, true
}

// Techniques returns all techniques by id, revoked and deprecated ones too.
func (c *Catalogue) Techniques() []Technique {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	return slices.Clone(a.techniques)
}

// ByName returns the techniques with a name, in any case. Sub-techniques are
// also known as "Parent: Name". Names are not unique. Current techniques come
// before the others, and those by id.
func (c *Catalogue) ByName(name string) []Technique {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	if len(name) > maxName {
		return nil
	}
	var out []Technique
	for _, i := range a.byName[foldName(name)] {
		out = append(out, a.techniques[i])
	}
	slices.SortStableFunc(out, func(x, y Technique) int {
		return min(int(x.Status), 1) - min(int(y.Status), 1)
	})
	return out
}

// Tactics returns the tactics of a domain in kill-chain order.
func (c *Catalogue) Tactics(domain Domain) []Tactic {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	var out []Tactic
	for _, t := range a.tactics {
		if t.Domain == domain {
			out = append(out, t)
		}
	}
	return out
}

// Tactic returns a tactic by its short name, name or id, in any case and with
// spaces, hyphens or underscores between its words. Where domains share a name
// it is Enterprise's tactic.
func (c *Catalogue) Tactic(name string) (Tactic, bool) {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	var buf [maxTactic]byte
	if len(name) > maxTactic {
		return Tactic{}, false
	}
	if i, ok := a.tacticIndex[string(foldTactic(buf[:0], name))]; ok {
		return a.tactics[i], true
	}
	return Tactic{}, false
}

// TacticOrder returns the place of a tactic in the kill chain, from 1, on a scale
// that all domains share; 0 is a tactic that the catalogue does not have.
func (c *Catalogue) TacticOrder(name string) int {
	t, _ := c.Tactic(name)
	return t.Order
}

// Mitigations returns what ATT&CK recommends against a technique, the most
// specific first: a mitigation that fits few techniques comes before one that
// fits many. A revoked technique has those of its successor, a sub-technique
// without any those of its parent.
func (c *Catalogue) Mitigations(techniqueID string) []Mitigation {
	t, _, ok := c.Resolve(techniqueID)
	if !ok {
		return nil
	}
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	found := a.mitigated[a.byID[t.ID]]
	if parent, ok := a.byID[t.Parent]; ok && len(found) == 0 {
		found = a.mitigated[parent]
	}
	var out []Mitigation
	for _, m := range found {
		out = append(out, a.mitigations[m])
	}
	return out
}

const (
	// maxName is longer than any "Parent: Name" of a technique.
	maxName = 160
	// maxTactic is longer than any name of a tactic.
	maxTactic = 40
)

// foldName makes names comparable that differ in case and spaces.
func foldName(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(name)), " ")
}

// foldTactic appends name in lower case with hyphens between its words.
func foldTactic(buf []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == ' ' || c == '_':
			c = '-'
		}
		buf = append(buf, c)
	}
	return buf
}
