// Package investigate works one or more incidents of a body of evidence: what is
// involved and how it hangs together, which explanations fit and which do not,
// where it began and how it went on, what to do in which order and how to undo
// each step, and which firewall rules would have kept it out. Rules, tables and
// counts do all of it; a model weighs and words what they found.
package investigate

import (
	"time"

	"github.com/casemate-ai/casemate"
)

// Input says what to investigate. Files is all that is needed.
type Input struct {
	Files    []string `json:"files" arg:"" optional:"" name:"file" help:"Alerts, events, logs, notes, mails, reports: files, folders, archives, or - for standard input."`
	Format   string   `json:"format,omitempty" placeholder:"FORMAT" help:"Read every file as this format instead of detecting it."`
	Rules    []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules  bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
	Assets   string   `json:"assets,omitempty" placeholder:"FILE" help:"Inventory in CSV: host, criticality, exposure, owner, address."`
	Suppress string   `json:"suppress,omitempty" placeholder:"FILE" help:"Known-benign list in YAML; nothing on it is isolated or blocked."`
	AsOf     string   `json:"as_of,omitempty" placeholder:"DATE" help:"Date timestamps without a year (classic syslog) at or before this day, such as 2026-03-05; else the file's own date serves."`
	Incident []string `json:"incident,omitempty" placeholder:"ID|RANK" help:"Which incidents, by id or rank; without it the gravest."`
	All      bool     `json:"all,omitempty" help:"All incidents that need a person, together."`
}

// Output is what an investigation found.
type Output struct {
	Title string  `json:"title"`
	Scope []Scope `json:"scope"` // the incidents under investigation
	// Grave says whether the rules found reason to act. It never depends on a model.
	Grave  bool   `json:"grave"`
	Report Report `json:"report"`

	Entities   []Entity      `json:"entities"`
	Graph      Graph         `json:"graph"`
	Hypotheses []Hypothesis  `json:"hypotheses"` // in the order of the rules' score
	RootCauses []RootCause   `json:"root_causes"`
	Actions    []Action      `json:"actions"`  // in the order in which to take them
	Firewall   []Rule        `json:"firewall"` // proposals, never applied
	Unblocked  []Unblocked   `json:"unblocked,omitempty"`
	LogCauses  []LogCause    `json:"log_causes,omitempty"` // what counting the logs showed
	Questions  []Question    `json:"questions"`
	Model      *ModelOpinion `json:"model,omitempty"`

	Evidence   []casemate.Evidence `json:"evidence"` // what is cited
	Coverage   casemate.Coverage   `json:"coverage"`
	Provenance casemate.Provenance `json:"provenance"`
}

// Scope is one incident under investigation.
type Scope struct {
	ID       string              `json:"id"`
	Rank     int                 `json:"rank"`
	Title    string              `json:"title"`
	Verdict  casemate.Verdict    `json:"verdict"`
	Score    float64             `json:"score"`
	First    time.Time           `json:"first,omitzero"`
	Last     time.Time           `json:"last,omitzero"`
	Records  int                 `json:"records"`            // alerts in it
	Grave    bool                `json:"grave"`              // the rules find reason to act
	Related  []casemate.Relation `json:"related,omitempty"`  // incidents that triage links to it
	Evidence []string            `json:"evidence,omitempty"` // its first pieces
}

// Report is the investigation in sentences.
type Report struct {
	Executive []casemate.Statement `json:"executive"` // five at most
	Technical []casemate.Statement `json:"technical"`
}

// Entity is a thing that takes part, and its part.
type Entity struct {
	Type        casemate.EntityType `json:"type"`
	Value       string              `json:"value"`
	Parts       []string            `json:"parts"` // "runs the attacker's programs", "used account", "outside address" …
	Count       int                 `json:"count"`
	First       time.Time           `json:"first,omitzero"`
	Last        time.Time           `json:"last,omitzero"`
	Severity    casemate.Severity   `json:"severity"`
	Criticality casemate.Severity   `json:"criticality,omitzero"` // of the inventory
	Exposure    string              `json:"exposure,omitempty"`
	Owner       string              `json:"owner,omitempty"`
	Evidence    []string            `json:"evidence"`
}

// Graph is what ties the entities.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	More  int    `json:"more,omitempty"` // nodes that were left out of it, the least involved
}

// Node is an entity of the graph.
type Node struct {
	ID       string              `json:"id"` // "n1" …
	Type     casemate.EntityType `json:"type"`
	Label    string              `json:"label"`
	Severity casemate.Severity   `json:"severity"`
}

// Edge is what one entity did to another.
type Edge struct {
	From     string            `json:"from"`
	To       string            `json:"to"`
	Verb     string            `json:"verb"`
	Count    int               `json:"count"`
	First    time.Time         `json:"first,omitzero"`
	Last     time.Time         `json:"last,omitzero"`
	Severity casemate.Severity `json:"severity"`
	Evidence []string          `json:"evidence"`
}

// Hypothesis is an explanation of the catalogue, held against the evidence. Its
// score is what speaks for it less what speaks against it; it is no probability.
type Hypothesis struct {
	Incident string     `json:"incident,omitempty"` // "" for what logs alone show
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Kind     string     `json:"kind"` // attack, benign or fault
	Score    int        `json:"score"`
	Standing string     `json:"standing"` // well supported, plausible, weak, contradicted, nothing for it
	For      []Argument `json:"for,omitempty"`
	Against  []Argument `json:"against,omitempty"`
	Missing  []Missing  `json:"missing,omitempty"`
	Says     string     `json:"says"` // how sure that is, in one sentence
}

// Argument is one line of a hypothesis' table.
type Argument struct {
	Check     string             `json:"check"`
	Points    int                `json:"points"`
	Statement casemate.Statement `json:"statement"`
}

// Missing is what a hypothesis leads one to expect and the evidence does not show.
type Missing struct {
	Text   string `json:"text"`
	Where  string `json:"where"`  // where to look to decide
	Points int    `json:"points"` // what it would add
}

// RootCause is where an incident began, as far as evidence goes, and the way
// from there to the gravest thing that happened.
type RootCause struct {
	Incident     string               `json:"incident"`
	Root         casemate.Statement   `json:"root"`
	Time         time.Time            `json:"time,omitzero"`
	Confidence   string               `json:"confidence"` // "tied", where each step of the chain is tied to the next by evidence, or "partly tied"
	Chain        []Link               `json:"chain"`
	Branches     []Branch             `json:"branches,omitempty"`
	Gaps         []casemate.Statement `json:"gaps,omitempty"`
	Alternatives []casemate.Statement `json:"alternatives,omitempty"`
	Before       []casemate.Statement `json:"before,omitempty"` // in other incidents, what may have led here
}

// Link is one step of a chain.
type Link struct {
	Time      time.Time          `json:"time,omitzero"`
	Host      string             `json:"host,omitempty"`
	User      string             `json:"user,omitempty"`
	Statement casemate.Statement `json:"statement"`
	Tie       string             `json:"tie"`   // how it is tied to the step before
	Brief     string             `json:"brief"` // the statement without host and account
	Detail    string             `json:"detail,omitempty"`
}

// Branch is the way to another machine, from the chain or from elsewhere.
type Branch struct {
	Host  string `json:"host"`
	Joins bool   `json:"joins"` // it begins with a step of the chain or of a branch before it
	Chain []Link `json:"chain"`
}

// Action is something a person may do. Nothing is ever done by Casemate.
type Action struct {
	ID       string              `json:"id"`
	Play     string              `json:"play"`  // its name in the catalogue
	Phase    string              `json:"phase"` // preserve, contain, eradicate, recover, watch
	Text     string              `json:"text"`
	Target   casemate.Entity     `json:"target"`
	Touches  string              `json:"touches"`
	Milder   string              `json:"milder,omitempty"` // what to do instead where that costs too much
	Undo     string              `json:"undo"`
	Requires []string            `json:"requires,omitempty"` // ids of actions to take before
	Risk     string              `json:"risk"`               // low, medium, high
	Because  casemate.Statement  `json:"because"`
	Counter  string              `json:"counter,omitempty"` // D3FEND
	Name     string              `json:"counter_name,omitempty"`
	Commands []Command           `json:"commands,omitempty"` // text for a person
	Comment  *casemate.Statement `json:"comment,omitempty"`  // the model's
}

// Command is text that a person may check and run.
type Command struct {
	System string `json:"system" yaml:"system"`
	Text   string `json:"text" yaml:"text"`
	Undo   string `json:"undo,omitempty" yaml:"undo"`
}

// Rule is a firewall rule that would keep something out. It blocks no private
// and no own address, and names its ports where they are known.
type Rule struct {
	ID          string             `json:"id"`
	Direction   string             `json:"direction"` // in, out
	Action      string             `json:"action"`    // drop, limit
	Protocol    string             `json:"protocol"`  // tcp, udp, any
	Source      string             `json:"source"`
	Destination string             `json:"destination"`
	Ports       []int              `json:"ports,omitempty"`
	Place       string             `json:"place"` // where to put it
	Reason      casemate.Statement `json:"reason"`
	Risk        string             `json:"risk"`
	Expires     string             `json:"expires"` // YYYY-MM-DD
	Text        []Command          `json:"text"`    // one a system, each checked against our own grammar of it
}

// Unblocked is an address or name that a rule was not made for, and why.
type Unblocked struct {
	Value string `json:"value"`
	Why   string `json:"why"`
}

// LogCause is what counting a server's log lines showed.
type LogCause struct {
	Kind      string             `json:"kind"` // guessing, guessed, web-attack, flood, fault …
	Source    string             `json:"source,omitempty"`
	Host      string             `json:"host,omitempty"`
	Ports     []int              `json:"ports,omitempty"`
	Count     int                `json:"count"`
	First     time.Time          `json:"first,omitzero"`
	Last      time.Time          `json:"last,omitzero"`
	Statement casemate.Statement `json:"statement"`

	shared bool              // others log in from the source, rightly
	at     casemate.Location // of its first line
}

// Question is something to find out, and where.
type Question struct {
	Statement casemate.Statement `json:"statement"`
	Where     string             `json:"where,omitempty"`
}

// ModelOpinion is what a language model makes of it. It changes no score, no
// order and no action.
type ModelOpinion struct {
	Weighed   []Weighing           `json:"weighed,omitempty"`
	Disagrees string               `json:"disagrees,omitempty"` // how it differs from the rules, in one sentence
	Cause     []casemate.Statement `json:"cause,omitempty"`
	First     []string             `json:"first,omitempty"` // ids of actions that it would take first
}

// Weighing is the model's opinion of one hypothesis.
type Weighing struct {
	Hypothesis string             `json:"hypothesis"`
	Weight     string             `json:"weight"` // likely, possible, unlikely
	Statement  casemate.Statement `json:"statement"`
}
