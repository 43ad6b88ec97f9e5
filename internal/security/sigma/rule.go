package sigma

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate"
)

// ParseRules reads the documents of one rule file. A document that is not a
// rule is refused alone; text that is not YAML is refused as a whole.
func ParseRules(file string, text []byte) ([]*Rule, []Refusal) {
	docs, err := parseYAML(text)
	if err != nil {
		return nil, []Refusal{{File: file, Reason: err.Error()}}
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
