package grounding

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/reason"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// claims checks what a sentence makes of things: causes, outcomes, denials,
// judgements. What stands in verified quotations is no claim of the sentence.
func (r *reading) claims() {
	low := r.unquoted()
	if r.copied {
		r.verdicts(low)
		return
	}
	r.causes(low)
	if r.needs && reason.Explains(low) { // what cannot be in general is no denial
		r.outcomes(negation.ReplaceAllString(low, " "))
	} else if r.needs {
		r.outcomes(low)
	}
	r.severities(low)
	r.verdicts(low)
}

// unquoted is the text in lower case without what stands in quotation marks.
func (r *reading) unquoted() string {
	b := []byte(r.low)
	for i := 0; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '`' {
			if n := closing(r.low[i+1:], c); n > 0 {
				for k := i + 1; k < i+1+n; k++ {
					b[k] = ' '
				}
				i += n + 1
			}
		}
	}
	return string(b)
}

// causes reports a cause or purpose that no evidence cited states, nor the record of a
// refusal.
func (r *reading) causes(low string) {
	from, to := reason.Given(low)
	if to == 0 || !r.needs {
		return
	}
	var own, lines []string
	for _, x := range r.pool {
		x.ready()
		own, lines = append(own, x.own), append(lines, sentencesOf(x.own)...)
	}
	if !reason.Recorded(low, from, to, own) && !reason.Stated(low, lines) {
		r.report(Cause, short(r.text[max(0, from-20):min(len(r.text), to+40)]), "no evidence cited says what caused what, or to what end")
	}
}

// sentencesOf cuts folded evidence into lines and sentences.
func sentencesOf(own string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(own, ". ", "\n"), func(c rune) bool { return c == '\n' || c == ';' })
}

const levels = `(critical|high|medium|low|informational)`

var severe = []*regexp.Regexp{
	regexp.MustCompile(`\b` + levels + `[- ](?:severity|priority|urgency)\b`),
	regexp.MustCompile(`\b(?:rated|rates|graded|grades|ranked|ranks|classified|classifies|called|calls|considers|considered|labelled|labeled|labels|marked|marks|tagged|assigned)\b(?:[ ,]+[^ ,;]+){0,9}? ` + levels + `\b`),
	regexp.MustCompile(`\b(?:severity|urgency|priority)(?: of| is| was| as|:|=)? ?(?:the |a |as |"|')*` + levels + `\b`),
	regexp.MustCompile(`\b(?:a|an) ` + levels + ` (?:\w+ )?(?:alert|finding|notable|detection)\b`),
	regexp.MustCompile(`\b(?:alerts?|findings?|notables?|detections?)\b(?:[^.;]|\.\S){0,80}\b(?:is|was|are|were) (?:of )?` + levels + `(?: and\b| but\b|[.,;]|$)`),
}

// severities reports a severity that no evidence cited has.
func (r *reading) severities(low string) {
	for _, re := range severe {
		for _, m := range re.FindAllStringSubmatch(low, 8) {
			if level := m[1]; !r.graded(level) {
				r.report(Judgement, m[0], "no evidence cited has this severity")
			}
		}
	}
}

func (r *reading) graded(level string) bool {
	want := casemate.ParseSeverity(level)
	said := regexp.MustCompile(`(?:severity|urgency|priority|level|risk)[a-z_."]*\W{1,4}(?:is |was |a |of )?"?` + level + `\b`)
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return x.e.Severity == want || said.MatchString(x.own) || written(x.e.Kind) && hasToken(x.own, level)
	})
}

var (
	clearing  = regexp.MustCompile(`\b(?:benign|false[- ]positives?|false alarm|harmless|innocuous|legitimate(?:ly)?|authori[sz]ed|sanctioned|approved|expected (?:behaviou?r|activity)|routine|no threat|not malicious|not suspicious|not an attack|(?:can|may|should|could) be (?:safely )?(?:closed|ignored|dismissed|suppressed|disregarded)|safe to (?:close|ignore)|nothing to worry|normal (?:behaviou?r|activity|operations?)|known[- ]good|test activity|a test|penetration test|no (?:further )?action (?:is |was )?(?:needed|required|necessary)|needs no action|(?:is|was|were|are|been) (?:now |fully |already )?(?:resolved|contained|remediated|mitigated)|(?:incident|case|alert|ticket) (?:is|was|has been) (?:now )?closed|(?:expected|planned|scheduled) maintenance|(?:quite |perfectly )?(?:normal|usual|typical|common|customary|ordinary) (?:for|of|on|behaviou?r of) (?:this|these|the|his|her|its|their|such|an?) (?:\w+ )?(?:accounts?|users?|hosts?|servers?|roles?|teams?|machines?|departments?|jobs?|services?)|(?:attackers?|intruders?|adversar(?:y|ies)|threat|malware) (?:has|have|is|was|were)(?: now| been| fully| completely| already)* (?:evicted|expelled|ejected|eradicated|neutrali[sz]ed|locked out|gone|stopped for good)|(?:situation|incident|attack|outbreak) (?:is|was) (?:now |fully )?(?:under control|over)|business as usual|part of (?:his|her|its|their|the) (?:normal|usual|daily|regular) \w+)\b`)
	factors   = regexp.MustCompile(`\b(?:mfa|factor|push|prompt|certificate request|(?:connected ?)?apps?|applications?|oauth|consent)(?:\b|[a-z]*authori)`)
	byPeople  = regexp.MustCompile(`^(?: \w+){0,3} by (?:the |his |her |their |an? )?(?:\w+ ){0,2}(?:teams?|managers?|department|management|administrators?|admins?|it|security|owner|boss|staff|helpdesk|help desk)\b`)
	handled   = regexp.MustCompile(`\b(?:resolved|contained|remediated|mitigated|closed)\b`)
	expelled  = regexp.MustCompile(`\b(?:evicted|expelled|ejected|eradicated|neutrali[sz]ed|locked out|gone|stopped for good|under control|over)\b`)
	sound     = regexp.MustCompile(`\b(?:is|are|was|were) (?:now |again |still |all )?(clean|safe|trustworthy|healthy|innocent|uncompromised|unharmed|unaffected)\b`)
	told      = regexp.MustCompile(`\b(?:according to|by|in) (?:the |his |her |their |an? )?(?:\w+ )?(?:notes?|tickets?|chats?|handover|team|analysts?|colleagues?)\b`)
	inQuotes  = regexp.MustCompile("\"[^\"\n]*\"|`[^`\n]*`")
	pretends  = regexp.MustCompile(`\b(?:claim(?:s|ed|ing)?|ask(?:s|ed|ing)?|tell(?:s|ing)?|told|pretend(?:s|ed|ing)?|purport(?:s|ed)?|instruct(?:s|ed|ing)?|demand(?:s|ed|ing)?|urge[sd]?|order(?:s|ed)?|wants?|speaks to)\b`)
	takenFor  = regexp.MustCompile(`\b(?:treated|regarded|considered|taken|dismissed|filed|handled|seen|classed|thought)(?: \w+)? (?:as|for|to be)(?: an?)? $`)
	refusing  = regexp.MustCompile(`(?:not|un|n't|never)(?: been| be| yet)? ?$`)
	affirming = regexp.MustCompile(`\b(?:true positive|confirmed (?:as |to be )?(?:malicious|compromised?|breach|attack|intrusion|true)|(?:compromise|breach|attack|intrusion|infection) (?:is|was|has been) confirmed|it (?:is|was|has been) (?:now )?confirmed)\b`)
	confirms  = regexp.MustCompile(`\b(?:confirm\w*|true positive)\b`)
)

// verdicts reports that something is harmless, or confirmed, where no person and no
// rule of ours says so: what sensors record may be an attacker's words.
func (r *reading) verdicts(low string) {
	if strings.HasSuffix(strings.TrimSpace(low), "?") {
		return
	}
	for _, m := range clearing.FindAllStringIndex(low, 8) {
		said := low[m[0]:m[1]]
		if strings.HasPrefix(low[m[1]:], "-") || !r.copied && !r.free(m[0], m[1]) || refusing.MatchString(low[:m[0]]) || pretends.MatchString(low[:m[0]]) && r.contains(fold(said)) || takenFor.MatchString(low[:m[0]]) && r.opined(fold(said)) {
			continue
		}
		if r.granted(said, low, low[m[1]:]) {
			continue
		}
		ok := r.cleared(low, clearing, true)
		if handled.MatchString(said) {
			ok = r.cleared(low, handled, false)
		} else if expelled.MatchString(said) {
			ok = r.cleared(low, expelled, false)
		}
		if !ok {
			r.report(Judgement, said, "no person and no rule says so in the evidence")
		}
	}
	if m := sound.FindStringSubmatch(low); m != nil && r.needs && !r.any(m[1:]) {
		r.report(Judgement, m[0], "nothing in the evidence says so")
	}
	if said := affirming.FindString(low); said != "" && !r.cleared(low, confirms, true) {
		r.report(Judgement, said, "no person and no rule says so in the evidence")
	}
}

// granted reports whether "approved" or "authorised" is of a second factor, a
// certificate or an app, and in a record of one: no judgement of a deed.
func (r *reading) granted(said, low, rest string) bool {
	begin := said[:min(len(said), 6)]
	return (begin == "approv" || begin == "author") && factors.MatchString(low) && !byPeople.MatchString(rest) &&
		slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return stem.Begins(x.own, begin) && factors.MatchString(x.own) })
}

// opined reports whether a person's note, ticket or chat has a word.
func (r *reading) opined(said string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return written(x.e.Kind) && x.e.Kind != casemate.EvidenceReport && hasToken(x.own, said)
	})
}

// cleared reports whether a finding of ours, the catalogue or a person has such a
// word and is about the same thing. What a finding quotes is not its own word, and a
// person's judgement counts where the statement says whose it is.
func (r *reading) cleared(low string, re *regexp.Regexp, named bool) bool {
	mine := stem.All(re.ReplaceAllString(low, " "))
	for _, x := range r.pool {
		x.ready()
		own := x.own
		switch x.e.Kind {
		case casemate.EvidenceFinding, casemate.EvidenceKnowledge:
			own = inQuotes.ReplaceAllString(own, " ")
		case casemate.EvidenceNote, casemate.EvidenceTicket, casemate.EvidenceChat:
			if named && !r.attributed(x, low) {
				continue
			}
		default:
			continue
		}
		if re.MatchString(own) && (r.cites > 0 && stem.Shared(own, mine) >= 1 || stem.Shared(own, mine) >= 2) {
			return true
		}
	}
	return false
}

// attributed reports whether a statement says whose word a piece of evidence is: its
// author, its ticket, or a person whom it names.
func (r *reading) attributed(x *index, low string) bool {
	for _, w := range wordOf.FindAllString(strings.ToLower(straight(x.e.Author+" "+x.e.Name)), 16) {
		if len(w) > 2 && hasToken(low, w) && (strings.Contains(strings.ToLower(x.e.Author), w) || mixed.MatchString(w)) {
			return true
		}
	}
	for i, p := range r.pieces() {
		if p.capital && !vocab().common[p.low] && !vocab().general[p.low] && (i > 0 || vocab().given[p.low]) && lower(r.text[p.from+1:p.to]) && hasToken(x.own, p.low) {
			return true
		}
	}
	return told.MatchString(low)
}
