package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
)

type kevCatalogue struct {
	CatalogVersion  string
	DateReleased    string
	Count           int
	Vulnerabilities []kevEntry
}

type kevEntry struct {
	CveID                      string
	VendorProject              string
	Product                    string
	DateAdded                  string
	DueDate                    string
	KnownRansomwareCampaignUse string
}

var isCVE = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,15}$`)

// readKEV reads CISA's catalogue of known exploited vulnerabilities.
func readKEV(folder string, sets *rows) (*rows, error) {
	path := filepath.Join(folder, "known_exploited_vulnerabilities.json")
	data, err := readPlain(path)
	if err != nil {
		return nil, err
	}
	var c kevCatalogue
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	if c.Count != len(c.Vulnerabilities) || c.Count == 0 {
		return nil, fmt.Errorf("parse %s: %d vulnerabilities, but it states %d", path, len(c.Vulnerabilities), c.Count)
	}
	list := c.Vulnerabilities
	slices.SortFunc(list, func(x, y kevEntry) int { return cmp.Compare(x.CveID, y.CveID) })
	out := &rows{}
	for _, v := range list {
		if !isCVE.MatchString(v.CveID) || !isDate.MatchString(v.DateAdded) || !isDate.MatchString(v.DueDate) {
			return nil, fmt.Errorf("parse %s: entry %q has a wrong id or date", path, v.CveID)
		}
		ransom := ""
		if v.KnownRansomwareCampaignUse == "Known" {
			ransom = "r"
		}
		out.add('K', v.CveID, v.DateAdded, v.DueDate, ransom, clean(v.VendorProject), clean(v.Product))
	}
	sets.dataset("kev", "CISA Known Exploited Vulnerabilities", c.CatalogVersion, day(c.DateReleased), c.Count, data)
	return out, nil
}
