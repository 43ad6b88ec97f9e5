package knowledge

import (
	"fmt"
	"slices"
	"strings"
)

// Weakness is an entry of the Common Weakness Enumeration.
type Weakness struct {
	ID          string   // CWE-79
	Name        string   // Improper Neutralization of Input During Web Page Generation ('Cross-site Scripting')
	Abstraction string   // Pillar, Class, Base, Variant or Compound
	Status      string   // Stable, Draft, Incomplete or Deprecated
	Usage       string   // for mapping vulnerabilities to it: Allowed, Allowed-with-Review, Discouraged or Prohibited
	Parents     []string // ids that it is a child of in the research view (CWE-1000), the primary one first
}

type cwe struct {
	weaknesses []Weakness
	byID       map[string]int32
}

const cwePrefix = "CWE-"

// Weakness returns a weakness by its id, in any case: "CWE-79" or "79".
func (c *Catalogue) Weakness(id string) (Weakness, bool) {
	w, _ := c.cwe() // a damaged section answers as empty: see Catalogue
	i, ok := index(w.byID, id)
	if !ok && len(id) <= maxID-len(cwePrefix) {
		var buf [maxID]byte
		i, ok = w.byID[string(append(append(buf[:0], cwePrefix...), id...))]
	}
	if !ok {
		return Weakness{}, false
	}
	return w.weaknesses[i], true
}

// Weaknesses returns all weaknesses by id, deprecated ones too.
func (c *Catalogue) Weaknesses() []Weakness {
	w, _ := c.cwe() // a damaged section answers as empty: see Catalogue
	return slices.Clone(w.weaknesses)
}

func decodeCWE(text string) (*cwe, error) {
	w := &cwe{byID: map[string]int32{}}
	err := eachRow(text, func(kind byte, f []string) error {
		if kind != 'W' || len(f) != 6 {
			return errRow
		}
		if strings.HasPrefix(f[0], "0") {
			return fmt.Errorf("id %q starts with 0", f[0])
		}
		if _, err := number(f[0]); err != nil {
			return err
		}
		parents := split(f[5], ",")
		for i, p := range parents {
			parents[i] = cwePrefix + p
		}
		w.weaknesses = append(w.weaknesses, Weakness{
			ID: cwePrefix + f[0], Name: f[1], Abstraction: f[2], Status: f[3], Usage: f[4], Parents: parents,
		})
		return add(w.byID, cwePrefix+f[0], len(w.weaknesses)-1)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}
