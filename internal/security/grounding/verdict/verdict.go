// Package verdict finds in a sentence what it judges: a severity, that something is
// harmless, dealt with or confirmed. Whether anybody whose word counts says so is for
// the caller to look up.
package verdict

import (
	"regexp"
	"strings"
)

const levels = `(critical|high|medium|low|informational)`

var severe = []*regexp.Regexp{
	regexp.MustCompile(`\b` + levels + `[- ](?:severity|priority|urgency)\b`),
	regexp.MustCompile(`\b(?:rated|rates|graded|grades|ranked|ranks|classified|classifies|called|calls|considers|considered|labelled|labeled|labels|marked|marks|tagged|assigned)\b(?:[ ,]+[^ ,;]+){0,9}? ` + levels + `\b`),
	regexp.MustCompile(`\b(?:severity|urgency|priority)(?: of| is| was| as|:|=)? ?(?:the |a |as |"|')*` + levels + `\b`),
	regexp.MustCompile(`\b(?:a|an) ` + levels + ` (?:\w+ )?(?:alert|finding|notable|detection)\b`),
	regexp.MustCompile(`\b(?:alerts?|findings?|notables?|detections?)\b(?:[^.;]|\.\S){0,80}\b(?:is|was|are|were) (?:of )?` + levels + `(?: and\b| but\b|[.,;]|$)`),
}

// Severity is a severity in a sentence.
type Severity struct {
	Text  string // the words of the sentence
	Level string
}

// Severities returns the severities that a sentence, in lower case, gives to something.
func Severities(low string) []Severity {
	var out []Severity
	for _, re := range severe {
		for _, m := range re.FindAllStringSubmatch(low, 8) {
			out = append(out, Severity{m[0], m[1]})
		}
	}
	return out
}

// Claim is a judgement that something is harmless, dealt with or confirmed.
type Claim struct {
	Text     string
	From, To int
	Words    *regexp.Regexp // the words of evidence that say so, too
	Named    bool           // a person's word for it counts only where the sentence names the person

	Pretended bool // the sentence says that somebody claims or asks it
	TakenFor  bool // somebody took it for this
	Granted   bool // it may be of a second factor, a certificate or an app: no judgement of a deed
}

var (
	clearing  = regexp.MustCompile(`\b(?:benign|false[- ]positives?|false alarm|harmless|innocuous|legitimate(?:ly)?|authori[sz]ed|sanctioned|approved|expected (?:behaviou?r|activity)|routine|no threat|not malicious|not suspicious|not an attack|(?:can|may|should|could) be (?:safely )?(?:closed|ignored|dismissed|suppressed|disregarded)|safe to (?:close|ignore)|nothing to worry|normal (?:behaviou?r|activity|operations?)|known[- ]good|test activity|a test|(?:an?|the) (?:scheduled|planned|routine|internal|agreed|announced|red[- ]team|purple[- ]team|tabletop|security) (?:tests?|drills?|exercises?)|penetration test|no (?:further )?action (?:is |was )?(?:needed|required|necessary)|needs no action|(?:is|was|were|are|been) (?:now |fully |already )?(?:resolved|contained|remediated|mitigated)|(?:incident|case|alert|ticket) (?:is|was|has been) (?:now )?closed|(?:expected|planned|scheduled) maintenance|(?:quite |perfectly )?(?:normal|usual|typical|common|customary|ordinary) (?:for|of|on|behaviou?r of) (?:this|these|the|his|her|its|their|such|an?) (?:\w+ )?(?:accounts?|users?|hosts?|servers?|roles?|teams?|machines?|departments?|jobs?|services?)|(?:attackers?|intruders?|adversar(?:y|ies)|threat|malware) (?:has|have|is|was|were)(?: now| been| fully| completely| already)* (?:evicted|expelled|ejected|eradicated|neutrali[sz]ed|locked out|gone|stopped for good)|(?:situation|incident|attack|outbreak) (?:is|was) (?:now |fully )?(?:under control|over)|business as usual|part of (?:his|her|its|their|the) (?:normal|usual|daily|regular) \w+)\b`)
	handled   = regexp.MustCompile(`\b(?:resolved|contained|remediated|mitigated|closed)\b`)
	expelled  = regexp.MustCompile(`\b(?:evicted|expelled|ejected|eradicated|neutrali[sz]ed|locked out|gone|stopped for good|under control|over)\b`)
	sound     = regexp.MustCompile(`\b(?:is|are|was|were) (?:now |again |still |all )?(clean|safe|trustworthy|healthy|innocent|uncompromised|unharmed|unaffected)\b`)
	affirming = regexp.MustCompile(`\b(?:true positive|confirmed (?:as |to be )?(?:malicious|compromised?|breach|attack|intrusion|true)|(?:compromise|breach|attack|intrusion|infection) (?:is|was|has been) confirmed|it (?:is|was|has been) (?:now )?confirmed)\b`)
	confirms  = regexp.MustCompile(`\b(?:confirm\w*|true positive)\b`)
	inQuotes  = regexp.MustCompile("\"[^\"\n]*\"|`[^`\n]*`")
	pretends  = regexp.MustCompile(`\b(?:claim(?:s|ed|ing)?|ask(?:s|ed|ing)?|tell(?:s|ing)?|told|pretend(?:s|ed|ing)?|purport(?:s|ed)?|instruct(?:s|ed|ing)?|demand(?:s|ed|ing)?|urge[sd]?|order(?:s|ed)?|wants?|speaks to)\b`)
	takenFor  = regexp.MustCompile(`\b(?:treated|regarded|considered|taken|dismissed|filed|handled|seen|classed|thought)(?: \w+)? (?:as|for|to be)(?: an?)? $`)
	refusing  = regexp.MustCompile(`(?:not|un|n't|never)(?: been| be| yet)? ?$`)
	byPeople  = regexp.MustCompile(`^(?: \w+){0,3} by (?:the |his |her |their |an? )?(?:\w+ ){0,2}(?:teams?|managers?|department|management|administrators?|admins?|it|security|owner|boss|staff|helpdesk|help desk)\b`)
)

const factor = `(?:mfa|factor|push|prompt|certificate request|connected ?app|oauth|consent)`

var (
	factors = regexp.MustCompile(`\b` + factor)
	grants  = regexp.MustCompile(`\b` + factor + `[\w :=]{0,16}\b(?:approved|authori[sz]ed)\b|\b(?:approved|authori[sz]ed) (?:an? |the )?` + factor)
)

// Claims returns the judgements of a sentence in lower case.
func Claims(low string) []Claim {
	var out []Claim
	for _, m := range clearing.FindAllStringIndex(low, 8) {
		before, said, after := low[:m[0]], low[m[0]:m[1]], low[m[1]:]
		if strings.HasPrefix(after, "-") || refusing.MatchString(before) {
			continue
		}
		c := Claim{Text: said, From: m[0], To: m[1], Words: clearing, Named: true, Pretended: pretends.MatchString(before), TakenFor: takenFor.MatchString(before)}
		c.Granted = (strings.HasPrefix(said, "approv") || strings.HasPrefix(said, "author")) && factors.MatchString(low) && !byPeople.MatchString(after)
		if handled.MatchString(said) {
			c.Words, c.Named = handled, false
		} else if expelled.MatchString(said) {
			c.Words, c.Named = expelled, false
		}
		out = append(out, c)
	}
	if m := affirming.FindStringIndex(low); m != nil {
		out = append(out, Claim{Text: low[m[0]:m[1]], From: m[0], To: m[0], Words: confirms, Named: true})
	}
	return out
}

// Grants reports whether a record, in lower case, is of a second factor, a certificate
// or an app that was approved.
func Grants(own string) bool { return grants.MatchString(own) }

// Sound returns what a sentence calls clean or safe, and with which word.
func Sound(low string) (text, word string) {
	m := sound.FindStringSubmatch(low)
	if m == nil {
		return "", ""
	}
	return m[0], m[1]
}

// Unquoted is a text without what stands in quotation marks: what a finding quotes is
// not its own word.
func Unquoted(text string) string { return inQuotes.ReplaceAllString(text, " ") }
