package casemate

import (
	"time"
)

// Detection is a rule of ours that an event matched.
type Detection struct {
	Rule       string   `json:"rule"`  // the rule's id, a UUID for Sigma
	Title      string   `json:"title"` // its title
	Level      Severity `json:"level"`
	Techniques []string `json:"techniques,omitempty"` // ATT&CK ids of its tags
	Fields     []string `json:"fields,omitempty"`     // the event's fields that decided it
}

// Verdict is what triage makes of an incident.
type Verdict string

// The verdicts, gravest first. No verdict closes anything: an analyst does.
const (
	VerdictMalicious  Verdict = "likely malicious"
	VerdictSuspicious Verdict = "suspicious"
	VerdictReview     Verdict = "needs review"
	VerdictBenign     Verdict = "likely benign"
)

// Reason is one term of an incident's score.
type Reason struct {
	Kind     string   `json:"kind"`   // severity, rule, technique, novelty, burst, beacon, stages, asset, chain
	Text     string   `json:"text"`   // one plain sentence
	Points   float64  `json:"points"` // what it adds to the score, 0 to 100
	Evidence []string `json:"evidence,omitempty"`
}

// Technique is an ATT&CK technique that evidence shows, named from the catalogue.
type Technique struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Tactics  []string `json:"tactics,omitempty"` // short names in kill-chain order, such as "credential-access"
	Source   string   `json:"source"`            // who says so: sensor, rule, behaviour
	Evidence []string `json:"evidence,omitempty"`
}

// NextStep is something an analyst should look at, and why.
type NextStep struct {
	Text   string `json:"text"`
	Kind   string `json:"kind"`             // "collect" (a data component), "counter" (a D3FEND countermeasure), "mitigate" (an ATT&CK mitigation) or "check"
	ID     string `json:"id,omitempty"`     // catalogue id of what it names, such as DC0032 or D3-PSA
	Reason string `json:"reason,omitempty"` // the technique or fact that calls for it
}

// Moment is one line of an incident's timeline: alerts of one name on one host
// that follow each other.
type Moment struct {
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Host       string    `json:"host,omitempty"`
	User       string    `json:"user,omitempty"`
	Name       string    `json:"name"`
	Detail     string    `json:"detail,omitempty"` // command line, URL, query … of the first alert, cut for display
	Severity   Severity  `json:"severity"`
	Count      int       `json:"count"`
	Techniques []string  `json:"techniques,omitempty"`
	Evidence   string    `json:"evidence"` // id of the first alert
	At         Location  `json:"at"`       // where it stands
	New        bool      `json:"new"`      // this name had not been seen on this host before, in two days or more
}

// Asset is what the inventory says of a machine.
type Asset struct {
	Host        string   `json:"host"`
	Criticality Severity `json:"criticality"`
	Exposure    string   `json:"exposure,omitempty"` // "internet", "internal" …
	Owner       string   `json:"owner,omitempty"`
}

// Relation ties an incident to another one that evidence links to it, but not
// firmly enough to make them one.
type Relation struct {
	ID   string `json:"id"`   // the other incident
	Rank int    `json:"rank"` // its rank
	Why  string `json:"why"`  // one plain sentence
}

// Incident is a group of alerts that belong together, ranked among its peers.
type Incident struct {
	ID      string    `json:"id"`    // stable: derived from its first evidence
	Rank    int       `json:"rank"`  // 1 is the most urgent
	Score   float64   `json:"score"` // 0 to 100
	Verdict Verdict   `json:"verdict"`
	Title   string    `json:"title"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`

	Count      int         `json:"count"` // alerts in it
	Severity   Severity    `json:"severity"`
	Hosts      []string    `json:"hosts,omitempty"`
	Users      []string    `json:"users,omitempty"` // one spelling an account
	Assets     []Asset     `json:"assets,omitempty"`
	Techniques []Technique `json:"techniques,omitempty"`
	Indicators []Indicator `json:"indicators,omitempty"`
	Reasons    []Reason    `json:"reasons"`
	Timeline   []Moment    `json:"timeline"`
	Next       []NextStep  `json:"next,omitempty"`
	Related    []Relation  `json:"related,omitempty"`
	Alerts     []Location  `json:"alerts"` // where every one of its alerts stands
}
