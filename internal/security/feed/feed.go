// Package feed reads what others publish about attacks, weaknesses and
// defences: ATT&CK, CWE, CAPEC, NVD, CVE, EPSS, KEV, D3FEND, Sigma, Atomic Red
// Team, YARA, OSCAL and the ATT&CK mappings. Content decides what a file is,
// never its name. Each becomes entries and relations between them.
package feed

// Publication is one edition of one catalogue, as a file brought it.
type Publication struct {
	Key     string `json:"key"`     // attack-enterprise, attack-mobile, attack-ics, cwe, capec, nvd, cve, epss, kev, d3fend, sigma, atomics, yara, oscal, attack-mappings
	Name    string `json:"name"`    // as its publisher writes it
	Version string `json:"version"` // as published; empty where the file states none
	Date    string `json:"date"`    // of its release or, failing that, of its newest entry: 2006-01-02, or empty
	Path    string `json:"path"`    // the file it came from, as the user named it
	Source  string `json:"source"`  // SHA-256 of the bytes read, in hexadecimal
}

// The kinds of entry. A kind and an id name one entry of the library; a second
// publication may add to it (KEV and EPSS add to a vulnerability).
const (
	KindTactic        = "tactic"
	KindTechnique     = "technique" // sub-techniques too: Parent is set
	KindGroup         = "group"
	KindSoftware      = "software"
	KindCampaign      = "campaign"
	KindMitigation    = "mitigation"
	KindDataSource    = "data-source"
	KindDataComponent = "data-component"
	KindDetection     = "detection-strategy"
	KindAnalytic      = "analytic"
	KindAsset         = "asset"
	KindWeakness      = "weakness"
	KindCategory      = "category" // CWE and CAPEC categories and views
	KindPattern       = "attack-pattern"
	KindVulnerability = "vulnerability"
	KindDefence       = "defence"  // D3FEND
	KindArtifact      = "artifact" // D3FEND
	KindSigma         = "sigma-rule"
	KindAtomic        = "atomic-test"
	KindYARA          = "yara-rule"
	KindControl       = "control"
	KindProfile       = "profile" // an OSCAL profile or baseline
)

// The states of an entry that no longer stands. One that stands has none.
const (
	StatusDeprecated = "deprecated"
	StatusRevoked    = "revoked"
)

// Entry is one thing that a publication describes. Text is plain: Markdown
// links, citations and HTML are resolved to what a person would read.
type Entry struct {
	Publication string    `json:"publication,omitempty"` // key of the publication that says so
	Kind        string    `json:"kind"`
	ID          string    `json:"id"` // the published id: T1059.001, CWE-79, CAPEC-66, CVE-2024-3094, AC-2, a rule's UUID
	Name        string    `json:"name"`
	Domain      string    `json:"domain,omitempty"`    // enterprise, mobile or ics; for others empty
	Status      string    `json:"status,omitempty"`    // empty, StatusDeprecated or StatusRevoked
	Successor   string    `json:"successor,omitempty"` // the id that replaced this one
	Parent      string    `json:"parent,omitempty"`    // of a sub-technique, of a control's enhancement
	Aliases     []string  `json:"aliases,omitempty"`
	Modified    string    `json:"modified,omitempty"` // 2006-01-02, or empty
	Fields      []Field   `json:"fields,omitempty"`   // facts: platforms, tactics, cvss vector, epss, due date
	Sections    []Section `json:"sections,omitempty"` // prose, in the publisher's order
}

// Field is one fact of an entry. A key may repeat.
type Field struct {
	Key   string `json:"key"` // lower case with hyphens: platform, tactic, cvss, epss, percentile, kev-added
	Value string `json:"value"`
}

// Section is one piece of an entry's prose.
type Section struct {
	Name string `json:"name"` // description, detection, mitigation, consequence, example, background, …
	Text string `json:"text"`
}

// Relation says that From does Type to To. An end may be missing from the
// publication: the library counts such relations and says so.
type Relation struct {
	Publication string `json:"publication,omitempty"` // key of the publication that says so
	From        string `json:"from"`                  // published id
	Type        string `json:"type"`                  // uses, mitigates, detects, subtechnique-of, attributed-to, revoked-by, targets, child-of, can-precede, maps-to, …
	To          string `json:"to"`                    // published id
	Text        string `json:"text,omitempty"`
}

// Sink takes what a reader finds, in the file's order. An error ends the read
// and comes back from it.
type Sink interface {
	Entry(*Entry) error       // the entry is the sink's to keep
	Relation(*Relation) error // so is the relation
}
