package knowledge

import (
	"fmt"
	"slices"
)

// Defence is a D3FEND technique.
type Defence struct {
	ID     string // D3-PSA
	Name   string // Process Spawn Analysis
	Tactic string // Model, Harden, Detect, Isolate, Deceive, Evict or Restore
}

// Countermeasure is a defence against one technique, and how it is known to be one.
type Countermeasure struct {
	Defence
	// Relation and Artifact are what the defence does to what: "analyzes",
	// "Process". Both are empty where the link is a mitigation.
	Relation string
	Artifact string
	// Mitigation is the ATT&CK mitigation that D3FEND relates to the defence,
	// such as M1036, or empty where the link is an artifact.
	Mitigation string
}

type d3fend struct {
	defences []Defence
	byID     map[string]int32
	counters map[string][]Countermeasure // by technique, the best first
}

// Defence returns a D3FEND technique by its id, in any case.
func (c *Catalogue) Defence(id string) (Defence, bool) {
	d, _ := c.d3fend() // a damaged section answers as empty: see Catalogue
	if i, ok := index(d.byID, id); ok {
		return d.defences[i], true
	}
	return Defence{}, false
}

// Defences returns all D3FEND techniques by id.
func (c *Catalogue) Defences() []Defence {
	d, _ := c.d3fend() // a damaged section answers as empty: see Catalogue
	return slices.Clone(d.defences)
}

// Countermeasures returns up to n defences against a technique, the best first,
// as docs/formats/facts.md ranks them. The catalogue keeps at most 8 for each. A
// revoked technique has those of its successor.
func (c *Catalogue) Countermeasures(techniqueID string, n int) []Countermeasure {
	t, _, ok := c.Resolve(techniqueID)
	if !ok || n <= 0 {
		return nil
	}
	d, _ := c.d3fend() // a damaged section answers as empty: see Catalogue
	found := d.counters[t.ID]
	return slices.Clone(found[:min(n, len(found))])
}

func decodeD3FEND(text string) (*d3fend, error) {
	d := &d3fend{byID: map[string]int32{}, counters: map[string][]Countermeasure{}}
	err := eachRow(text, func(kind byte, f []string) error {
		switch {
		case kind == 'D' && len(f) == 3:
			d.defences = append(d.defences, Defence{ID: f[0], Name: f[1], Tactic: f[2]})
			return add(d.byID, f[0], len(d.defences)-1)
		case kind == 'd' && len(f) == 5:
			i, ok := d.byID[f[1]]
			if !ok {
				return fmt.Errorf("defence %q is not there", f[1])
			}
			d.counters[f[0]] = append(d.counters[f[0]], Countermeasure{
				Defence: d.defences[i], Relation: f[2], Artifact: f[3], Mitigation: f[4],
			})
			return nil
		}
		return errRow
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
