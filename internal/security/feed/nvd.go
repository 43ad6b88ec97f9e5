package feed

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxReferences = 50 // addresses of one vulnerability that are kept
	maxProducts   = 50 // products
)

// localized is a text in a language.
type localized struct {
	Lang  text `json:"lang"`
	Value text `json:"value"`
}

// english joins the English ones of some texts.
func english(list []localized) string {
	var out []string
	for _, d := range list {
		if lang := strings.ToLower(string(d.Lang)); lang == "" || strings.HasPrefix(lang, "en") {
			if s := d.Value.plain(); s != "" {
				out = append(out, s)
			}
		}
	}
	return strings.Join(out, "\n")
}

// cvssData is a score by any version of CVSS.
type cvssData struct {
	Version  text `json:"version"`
	Vector   text `json:"vectorString"`
	Score    text `json:"baseScore"`
	Severity text `json:"baseSeverity"`
}

// fields adds a vector and its score, with who says so.
func (c *cvssData) fields(e *Entry, severity text, source ...string) {
	e.field("cvss", c.Vector.line())
	if c.Severity != "" {
		severity = c.Severity
	}
	score := joinNonEmpty(" ", c.Score.line(), severity.line())
	if score != "" {
		version := c.Version.line()
		e.field("cvss-score", joinNonEmpty("; ", append([]string{score, joinNonEmpty(" ", "CVSS", version)}, source...)...))
	}
}

type nvdItem struct {
	CVE *nvdCVE `json:"cve"`
}

// nvdCVE is a vulnerability in NVD's JSON 2.0.
type nvdCVE struct {
	ID           text        `json:"id"`
	Source       text        `json:"sourceIdentifier"`
	Published    text        `json:"published"`
	Modified     text        `json:"lastModified"`
	Status       text        `json:"vulnStatus"`
	Descriptions []localized `json:"descriptions"`
	Metrics      struct {
		V40 []nvdMetric `json:"cvssMetricV40"`
		V31 []nvdMetric `json:"cvssMetricV31"`
		V30 []nvdMetric `json:"cvssMetricV30"`
		V2  []nvdMetric `json:"cvssMetricV2"`
	} `json:"metrics"`
	Weaknesses []struct {
		Source      text        `json:"source"`
		Type        text        `json:"type"`
		Description []localized `json:"description"`
	} `json:"weaknesses"`
	References []struct {
		URL text `json:"url"`
	} `json:"references"`
	Configurations []struct {
		Nodes []nvdNode `json:"nodes"`
	} `json:"configurations"`
	ExploitAdd  text `json:"cisaExploitAdd"`
	ActionDue   text `json:"cisaActionDue"`
	Action      text `json:"cisaRequiredAction"`
	ExploitName text `json:"cisaVulnerabilityName"`
}

type nvdMetric struct {
	Source   text     `json:"source"`
	Type     text     `json:"type"`
	Data     cvssData `json:"cvssData"`
	Severity text     `json:"baseSeverity"`
}

type nvdNode struct {
	Match []struct {
		Vulnerable flag `json:"vulnerable"`
		Criteria   text `json:"criteria"`
	} `json:"cpeMatch"`
}

// nvd reads one vulnerability of NVD's JSON 2.0.
func (j *jsonFile) nvd(v jsontext.Value) error {
	var item nvdItem
	if err := decode(v, &item); err != nil {
		if j.pub != nil || strings.Contains(string(v[:min(len(v), 1000)]), `"sourceIdentifier"`) {
			j.pub = j.publication("nvd")
			j.fault(err.Error())
		}
		return nil
	}
	if item.CVE == nil || item.CVE.ID == "" {
		if j.pub != nil {
			j.fault("vulnerability without an id")
		}
		return nil
	}
	j.pub = j.publication("nvd")
	c := item.CVE
	e := &Entry{Kind: KindVulnerability, ID: c.ID.line(), Modified: day(string(c.Modified))}
	if strings.EqualFold(string(c.Status), "rejected") {
		e.Status = StatusDeprecated
	}
	e.field("published", day(string(c.Published)))
	e.field("nvd-status", c.Status.line())
	e.field("source", c.Source.line())
	for _, list := range [...][]nvdMetric{c.Metrics.V40, c.Metrics.V31, c.Metrics.V30, c.Metrics.V2} {
		for _, m := range list {
			m.Data.fields(e, m.Severity, m.Source.line(), m.Type.line())
		}
	}
	e.field("kev-added", day(string(c.ExploitAdd)))
	e.field("kev-due", day(string(c.ActionDue)))
	c.lists(e)
	e.section("description", english(c.Descriptions))
	e.section("kev-action", c.Action.plain())
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	for _, w := range c.Weaknesses {
		for _, d := range w.Description {
			if err := j.weaknesses(e.ID, []string{d.Value.line()}, joinNonEmpty(", ", w.Source.line(), w.Type.line())); err != nil {
				return err
			}
		}
	}
	return nil
}

// lists adds products and addresses.
func (c *nvdCVE) lists(e *Entry) {
	n := 0
	for _, cfg := range c.Configurations {
		for _, node := range cfg.Nodes {
			for _, m := range node.Match {
				if bool(m.Vulnerable) && n < maxProducts {
					e.field("cpe", m.Criteria.line())
					n++
				}
			}
		}
	}
	for i, r := range c.References {
		if i < maxReferences {
			e.field("reference", r.URL.line())
		}
	}
}

// oldItem is a vulnerability in NVD's JSON 1.1.
type oldItem struct {
	CVE struct {
		Meta struct {
			ID text `json:"ID"`
		} `json:"CVE_data_meta"`
		Problems struct {
			Data []struct {
				Description []localized `json:"description"`
			} `json:"problemtype_data"`
		} `json:"problemtype"`
		References struct {
			Data []struct {
				URL text `json:"url"`
			} `json:"reference_data"`
		} `json:"references"`
		Description struct {
			Data []localized `json:"description_data"`
		} `json:"description"`
	} `json:"cve"`
	Impact struct {
		V3 struct {
			Data cvssData `json:"cvssV3"`
		} `json:"baseMetricV3"`
		V2 struct {
			Data     cvssData `json:"cvssV2"`
			Severity text     `json:"severity"`
		} `json:"baseMetricV2"`
	} `json:"impact"`
	Published text `json:"publishedDate"`
	Modified  text `json:"lastModifiedDate"`
}

// nvdOld reads one vulnerability of NVD's JSON 1.1.
func (j *jsonFile) nvdOld(v jsontext.Value) error {
	j.pub = j.publication("nvd")
	var o oldItem
	if err := decode(v, &o); err != nil {
		j.fault(err.Error())
		return nil
	}
	e := &Entry{Kind: KindVulnerability, ID: o.CVE.Meta.ID.line(), Modified: day(string(o.Modified))}
	e.field("published", day(string(o.Published)))
	o.Impact.V3.Data.fields(e, "", "NVD")
	o.Impact.V2.Data.fields(e, o.Impact.V2.Severity, "NVD")
	for i, r := range o.CVE.References.Data {
		if i < maxReferences {
			e.field("reference", r.URL.line())
		}
	}
	description := english(o.CVE.Description.Data)
	if strings.HasPrefix(description, "** REJECT **") {
		e.Status = StatusDeprecated
	}
	e.section("description", description)
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	for _, p := range o.CVE.Problems.Data {
		for _, d := range p.Description {
			if err := j.weaknesses(e.ID, []string{d.Value.line()}, "NVD"); err != nil {
				return err
			}
		}
	}
	return nil
}
