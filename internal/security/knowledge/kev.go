package knowledge

import (
	"fmt"
	"slices"
	"time"
)

// Exploited is a vulnerability that CISA knows to be exploited.
type Exploited struct {
	CVE        string // CVE-2021-44228
	Vendor     string
	Product    string
	Added      time.Time // the day it was listed, UTC
	Due        time.Time // the day by which US federal agencies must have acted, UTC
	Ransomware bool      // known to be used in ransomware campaigns
}

type kev struct {
	entries []Exploited
	byCVE   map[string]int32
}

// KEV says whether CISA lists a vulnerability as exploited. The id may be in any case.
func (c *Catalogue) KEV(cve string) (Exploited, bool) {
	k, _ := c.kev() // a damaged section answers as empty: see Catalogue
	if i, ok := index(k.byCVE, cve); ok {
		return k.entries[i], true
	}
	return Exploited{}, false
}

// KnownExploited returns all listed vulnerabilities by id.
func (c *Catalogue) KnownExploited() []Exploited {
	k, _ := c.kev() // a damaged section answers as empty: see Catalogue
	return slices.Clone(k.entries)
}

func decodeKEV(text string) (*kev, error) {
	k := &kev{byCVE: map[string]int32{}}
	err := eachRow(text, func(kind byte, f []string) error {
		if kind != 'K' || len(f) != 6 {
			return errRow
		}
		added, err := time.Parse(time.DateOnly, f[1])
		if err != nil {
			return fmt.Errorf("read date %q: %w", f[1], errRow)
		}
		due, err := time.Parse(time.DateOnly, f[2])
		if err != nil {
			return fmt.Errorf("read date %q: %w", f[2], errRow)
		}
		k.entries = append(k.entries, Exploited{
			CVE: f[0], Added: added, Due: due, Ransomware: f[3] == "r", Vendor: f[4], Product: f[5],
		})
		return add(k.byCVE, f[0], len(k.entries)-1)
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}
