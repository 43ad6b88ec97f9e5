package feed

import "github.com/go-json-experiment/json/jsontext"

// kevEntry is one vulnerability of CISA's list.
type kevEntry struct {
	ID          text  `json:"cveID"`
	Vendor      text  `json:"vendorProject"`
	Product     text  `json:"product"`
	Name        text  `json:"vulnerabilityName"`
	Added       text  `json:"dateAdded"`
	Description text  `json:"shortDescription"`
	Action      text  `json:"requiredAction"`
	Due         text  `json:"dueDate"`
	Ransomware  text  `json:"knownRansomwareCampaignUse"`
	Notes       text  `json:"notes"`
	CWEs        texts `json:"cwes"`
}

// kevEntry reads one entry of the list.
func (j *jsonFile) kevEntry(v jsontext.Value) error {
	var k kevEntry
	pub, err := j.only("kev")
	if err != nil {
		return err
	}
	j.pub = pub
	if err := decode(v, &k); err != nil {
		j.fault(err.Error())
		return nil
	}
	e := &Entry{Kind: KindVulnerability, ID: k.ID.line(), Name: k.Name.line(), Modified: day(string(k.Added))}
	e.field("kev-added", day(string(k.Added)))
	e.field("kev-due", day(string(k.Due)))
	e.field("kev-ransomware", k.Ransomware.line())
	e.field("kev-vendor", k.Vendor.line())
	e.field("kev-product", k.Product.line())
	e.section("kev-description", k.Description.plain())
	e.section("kev-action", k.Action.plain())
	e.section("kev-notes", k.Notes.plain())
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	return j.weaknesses(e.ID, k.CWEs.lines(), "CISA KEV")
}

// weaknesses relates a vulnerability to its weaknesses.
func (j *jsonFile) weaknesses(id string, cwes []string, source string) error {
	for _, c := range cwes {
		if cweID.FindString(c) != c { // NVD-CWE-noinfo and the like
			continue
		}
		if err := j.relation(j.pub, id, "has-weakness", c, source); err != nil {
			return err
		}
	}
	return nil
}
