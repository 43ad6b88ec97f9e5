// Package sigma compiles Sigma 2 rules and matches them over events.
//
// The rules come from LoadPath or Starter; Compile makes an Engine of them; a
// Matcher (one for each goroutine) says which rules an event matches; a
// Correlator (one for each stream) says which correlation rules those matches
// fulfil. A rule that cannot be run is never dropped in silence: it is a
// Refusal with the file, the id, the title and the reason.
//
// One event is not tried against one rule after the other. The literal texts
// of all rules that apply to a log source stand in one index for each field
// (hash maps, tries and an Aho-Corasick automaton), a single pass over the
// event says which of them occur, and only rules for which a necessary text
// occurs are evaluated. See plan for the index and Matcher.Match for the pass.
//
// Source: Sigma specification 2.1.0, https://github.com/SigmaHQ/sigma-specification.
package sigma

import (
	"strings"

	"github.com/casemate-ai/casemate"
)

// Limits on what one rule set, file or rule may hold. What exceeds a limit is
// refused by name.
const (
	MaxFileBytes    = 4 << 20  // one rule file
	MaxArchiveBytes = 1 << 30  // all members of one archive, decompressed
	MaxFiles        = 200_000  // files under one path
	MaxRules        = 100_000  // rules in one engine
	MaxDepth        = 32       // nesting of YAML, archives aside
	MaxNodes        = 200_000  // YAML nodes of one file, aliases expanded
	MaxCondition    = 16 << 10 // bytes of one condition
	MaxTerms        = 4096     // search identifiers named by one condition, patterns expanded
	MaxPattern      = 64 << 10 // bytes of one value
	MaxRegex        = 8 << 10  // bytes of one regular expression
	MaxVariants     = 3125     // texts that one value may become: 5 dashes of 5 kinds
	MaxArchiveDepth = 3        // archives within archives
)

// Rule is one document of a rule file: a detection, a correlation or a filter.
type Rule struct {
	ID             string // a UUID as a rule, but any text is taken
	Name           string // what correlations may call it
	Title          string
	Status         string
	Description    string
	Level          casemate.Severity
	Tags           []string
	Techniques     []string // ATT&CK ids of the tags: "T1059.001"
	FalsePositives []string
	Log            casemate.Logsource // what the rule names, in lower case
	File           string             // where it was read; an archive's member is "a.zip!dir/name"

	kind ruleKind
	body *node // the detection, correlation or filter section
}

type ruleKind uint8

const (
	detectionRule ruleKind = iota
	correlationRule
	filterRule
)

// Correlation reports whether the rule relates matches of other rules.
func (r *Rule) Correlation() bool { return r.kind == correlationRule }

// Filter reports whether the rule only narrows other rules.
func (r *Rule) Filter() bool { return r.kind == filterRule }

// Ref returns what a detection names the rule by: its id, or its name or title
// where it has none.
func (r *Rule) Ref() string {
	switch {
	case r.ID != "":
		return r.ID
	case r.Name != "":
		return r.Name
	}
	return r.Title
}

func (r *Rule) refuse(reason string) Refusal {
	return Refusal{File: r.File, ID: r.ID, Title: r.Title, Reason: reason}
}

// Refusal is a rule, or a file of rules, that cannot be run.
type Refusal struct {
	File   string `json:"file"`
	ID     string `json:"id,omitempty"`
	Title  string `json:"title,omitempty"`
	Reason string `json:"reason"`
}

// String returns "file: title: reason".
func (r Refusal) String() string {
	if r.Title == "" {
		return r.File + ": " + r.Reason
	}
	return r.File + ": " + r.Title + ": " + r.Reason
}

// Loaded is what was read from a path.
type Loaded struct {
	Rules   []*Rule   // in order of file name and of document
	Refused []Refusal // what could not be read as a rule
	Files   int       // files read
}

// Options says how rules are compiled. The zero value is fine.
type Options struct {
	// Placeholders gives the values of `expand` placeholders by name, without
	// the percent signs. A rule with one that is absent is refused.
	Placeholders map[string][]string
	// Logsources lets events of one log source count as another one's too.
	Logsources []Mapping
}

// Mapping says that an event to which From applies is also an event of To. An
// empty part of From applies to every event.
type Mapping struct {
	From, To casemate.Logsource
}

// Match is a rule that an event matched.
type Match struct {
	Rule *Rule
	// Fields are the event's fields that decided it, under the rule's names;
	// a keyword names the field it was found in, or "" for the raw text.
	Fields []string
	// Alone is false for a rule that is only part of a correlation which does
	// not ask to `generate` it: give it to the Correlator, but do not report it.
	Alone bool

	index int32 // in Engine.rules
}

// Detection returns the match in the shared vocabulary.
func (m Match) Detection() casemate.Detection {
	return casemate.Detection{
		Rule:       m.Rule.Ref(),
		Title:      m.Rule.Title,
		Level:      m.Rule.Level,
		Techniques: m.Rule.Techniques,
		Fields:     m.Fields,
	}
}

// lowerLog returns a log source in the case that comparisons use.
func lowerLog(l casemate.Logsource) casemate.Logsource {
	return casemate.Logsource{
		Product:  strings.ToLower(l.Product),
		Category: strings.ToLower(l.Category),
		Service:  strings.ToLower(l.Service),
	}
}
