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
	"fmt"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate"
)

// Limits on what one rule set, file or rule may hold. What exceeds a limit is
// refused by name.
const (
	MaxFileBytes  = 1 << 20  // one rule file
	MaxTotalBytes = 1 << 28  // all files under one path, decompressed
	MaxFiles      = 200_000  // files under one path
	MaxRules      = 100_000  // rules in one engine
	MaxDepth      = 32       // nesting of YAML
	MaxNodes      = 200_000  // YAML nodes of one file, aliases expanded
	MaxCondition  = 16 << 10 // bytes of one condition
	MaxTerms      = 4096     // search identifiers named by one condition, patterns expanded
	MaxPattern    = 64 << 10 // bytes of one value
	MaxRegex      = 8 << 10  // bytes of one regular expression
	MaxVariants   = 3125     // texts that one value may become: 5 dashes of 5 kinds
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

// maxReason bounds a reason: some quote the rule.
const maxReason = 300

func (r *Rule) refuse(reason string) Refusal {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
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

// ParseRules reads the documents of one rule file. A document that is not a
// rule is refused alone; text that is not YAML is refused as a whole.
func ParseRules(file string, text []byte) ([]*Rule, []Refusal) {
	docs, err := parseYAML(text)
	if err != nil {
		return nil, []Refusal{(&Rule{File: file}).refuse(err.Error())}
	}
	var rules []*Rule
	var refused []Refusal
	for _, doc := range docs {
		if doc.kind == nullNode {
			continue
		}
		r, err := newRule(doc)
		r.File = file
		if err != nil {
			refused = append(refused, r.refuse(err.Error()))
			continue
		}
		rules = append(rules, r)
	}
	if len(rules)+len(refused) == 0 {
		refused = append(refused, Refusal{File: file, Reason: "no rule in it"})
	}
	return rules, refused
}

// newRule reads what all kinds of rule share. The rule is never nil, so that a
// refusal can name it.
func newRule(doc *node) (*Rule, error) {
	r := &Rule{}
	if doc.kind != mapNode {
		return r, fmt.Errorf("a rule is a map, not %s", doc.kind)
	}
	r.ID = strings.TrimSpace(doc.str("id"))
	r.Name = strings.TrimSpace(doc.str("name"))
	r.Title = strings.TrimSpace(doc.str("title"))
	r.Status = doc.str("status")
	r.Description = strings.TrimSpace(doc.str("description"))
	r.Level = casemate.ParseSeverity(doc.str("level"))
	r.Tags = doc.get("tags").strs()
	r.Techniques = techniques(r.Tags)
	r.FalsePositives = doc.get("falsepositives").strs()
	if t := doc.str("taxonomy"); t != "" && !strings.EqualFold(t, "sigma") {
		return r, fmt.Errorf("taxonomy %q is not Sigma's own", t)
	}
	if action := doc.str("action"); action != "" {
		return r, fmt.Errorf("action %q belongs to the rule collections of Sigma 1", action)
	}
	if err := r.section(doc); err != nil {
		return r, err
	}
	if r.Title == "" {
		return r, fmt.Errorf("no title")
	}
	return r, nil
}

// section finds what kind of rule doc is.
func (r *Rule) section(doc *node) error {
	for kind, key := range []string{"detection", "correlation", "filter"} {
		body := doc.get(key)
		if body == nil {
			continue
		}
		if r.body != nil {
			return fmt.Errorf("both %s and another kind of rule", key)
		}
		if body.kind != mapNode {
			return fmt.Errorf("%s is %s, not a map", key, body.kind)
		}
		r.kind, r.body = ruleKind(kind), body
	}
	if r.body == nil {
		return fmt.Errorf("neither detection nor correlation nor filter")
	}
	if r.kind == correlationRule {
		return nil
	}
	log := doc.get("logsource")
	if log == nil || log.kind != mapNode {
		return fmt.Errorf("no logsource")
	}
	r.Log = lowerLog(casemate.Logsource{
		Product: log.str("product"), Category: log.str("category"), Service: log.str("service"),
	})
	if r.Log == (casemate.Logsource{}) {
		return fmt.Errorf("logsource names no product, category or service")
	}
	return nil
}

var techniqueTag = regexp.MustCompile(`^attack\.(t[0-9]{4}(?:\.[0-9]{3})?)$`)

// techniques returns the ATT&CK technique ids of tags, each once.
func techniques(tags []string) []string {
	var out []string
	for _, tag := range tags {
		if m := techniqueTag.FindStringSubmatch(strings.ToLower(tag)); m != nil {
			out = appendOnce(out, strings.ToUpper(m[1]))
		}
	}
	return out
}

func appendOnce(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
