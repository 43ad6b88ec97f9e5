package feed

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// cveRecord is a record in the CVE list's JSON 5.
type cveRecord struct {
	Meta struct {
		ID        text `json:"cveId"`
		State     text `json:"state"`
		Assigner  text `json:"assignerShortName"`
		Published text `json:"datePublished"`
		Updated   text `json:"dateUpdated"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA cveContainer   `json:"cna"`
		ADP []cveContainer `json:"adp"`
	} `json:"containers"`
}

// cveContainer is what one party says.
type cveContainer struct {
	Title    text `json:"title"`
	Provider struct {
		Name text `json:"shortName"`
	} `json:"providerMetadata"`
	Descriptions []localized  `json:"descriptions"`
	Rejected     []localized  `json:"rejectedReasons"`
	Metrics      []cveMetric  `json:"metrics"`
	Problems     []cveProblem `json:"problemTypes"`
	Affected     []cveProduct `json:"affected"`
	Workarounds  []localized  `json:"workarounds"`
	Solutions    []localized  `json:"solutions"`
	References   []cveAddress `json:"references"`
}

type cveAddress struct {
	URL text `json:"url"`
}

type cveProblem struct {
	Descriptions []struct {
		CWE   text `json:"cweId"`
		Value text `json:"description"`
		Lang  text `json:"lang"`
	} `json:"descriptions"`
}

type cveProduct struct {
	Vendor  text `json:"vendor"`
	Product text `json:"product"`
	Package text `json:"packageName"`
}

type cveMetric struct {
	V40   *cvssData `json:"cvssV4_0"`
	V31   *cvssData `json:"cvssV3_1"`
	V30   *cvssData `json:"cvssV3_0"`
	V2    *cvssData `json:"cvssV2_0"`
	Other struct {
		Type    text           `json:"type"`
		Content jsontext.Value `json:"content"`
	} `json:"other"`
}

// otherMetric is what CISA adds: its SSVC decision points, or that it lists the CVE.
type otherMetric struct {
	Options []map[string]text `json:"options"`
	Version text              `json:"version"`
	Added   text              `json:"dateAdded"`
}

// cveRecord reads one record.
func (j *jsonFile) cveRecord(v jsontext.Value) error {
	j.pub = j.publication("cve")
	var r cveRecord
	if err := decode(v, &r); err != nil {
		j.fault(err.Error())
		return nil
	}
	cna := &r.Containers.CNA
	e := &Entry{Kind: KindVulnerability, ID: r.Meta.ID.line(), Name: cna.Title.line(), Modified: day(string(r.Meta.Updated))}
	if strings.EqualFold(string(r.Meta.State), "rejected") {
		e.Status = StatusDeprecated
	}
	e.field("published", day(string(r.Meta.Published)))
	e.field("source", r.Meta.Assigner.line())
	containers := append([]cveContainer{*cna}, r.Containers.ADP...)
	for i := range containers {
		containers[i].metrics(e)
	}
	for i := range containers {
		containers[i].lists(e)
	}
	e.section("description", joinNonEmpty("\n", english(cna.Descriptions), english(cna.Rejected)))
	for i := range containers {
		if i > 0 {
			e.section("description", english(containers[i].Descriptions))
		}
		e.section("workaround", english(containers[i].Workarounds))
		e.section("solution", english(containers[i].Solutions))
	}
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	for i := range containers {
		if err := j.problems(e.ID, &containers[i]); err != nil {
			return err
		}
	}
	return nil
}

// source names who speaks in a container.
func (c *cveContainer) source() string { return c.Provider.Name.line() }

func (c *cveContainer) metrics(e *Entry) {
	for _, m := range c.Metrics {
		for _, d := range [...]*cvssData{m.V40, m.V31, m.V30, m.V2} {
			if d != nil {
				d.fields(e, "", c.source())
			}
		}
		if len(m.Other.Content) == 0 {
			continue
		}
		var o otherMetric
		if decode(m.Other.Content, &o) != nil {
			continue // parties may put anything there
		}
		switch strings.ToLower(string(m.Other.Type)) {
		case "ssvc":
			for _, option := range o.Options {
				for _, key := range sortedKeys(option) {
					e.field("ssvc-"+strings.ToLower(strings.ReplaceAll(cut(key, 40), " ", "-")), option[key].line())
				}
			}
		case "kev":
			e.field("kev-added", day(string(o.Added)))
		}
	}
}

// lists adds products and addresses.
func (c *cveContainer) lists(e *Entry) {
	for i, p := range c.Affected {
		if i < maxProducts {
			product := p.Product.line()
			if product == "" {
				product = p.Package.line()
			}
			e.field("product", joinNonEmpty(": ", p.Vendor.line(), product))
		}
	}
	for i, r := range c.References {
		if i < maxReferences {
			e.field("reference", r.URL.line())
		}
	}
}

// problems relates a vulnerability to the weaknesses that a party names.
func (j *jsonFile) problems(id string, c *cveContainer) error {
	for _, p := range c.Problems {
		for _, d := range p.Descriptions {
			cwe := d.CWE.line()
			if cwe == "" {
				cwe = cweID.FindString(string(d.Value))
			}
			if err := j.weaknesses(id, []string{cwe}, c.source()); err != nil {
				return err
			}
		}
	}
	return nil
}
