// Package effect reads from words whether something went through or was stopped.
package effect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

var (
	notStopped = regexp.MustCompile(`\b(?:not|never|n't|nothing|nobody|no (?:control|sensor|product|one|tool)|without being|neither(?:[^.;]{0,60}\bnor\b)?)(?:(?: the| a| an| any)? \w+)?(?: was| been| being| be| have| has)? ?(?:block(?:ed)?|den(?:ied|y)|stop(?:ped)?|prevent(?:ed)?|reject(?:ed)?|refuse[d]?|quarantine[d]?|fail(?:ed)?|intercept(?:ed)?|drop(?:ped)?)\b|\bneither[^.;]{0,60}\bnor\b[^.;]{0,40}\b(?:blocked|stopped|prevented|denied|dropped)\b`)
	looking    = regexp.MustCompile(`\b\w+-(?:looking|seeming|like)\b`)
	noAction   = regexp.MustCompile(`\bno (?:blocking|preventive|block|prevention)(?: action)?\b|\b(?:did|does|do) (?:not|nothing) (?:to )?(?:block|stop|prevent)\b`)
	contrast   = regexp.MustCompile(`\b(?:rather than|instead of)(?: being)? [^ ,.;]+|, (?:and |but )?not (?:the |a |an |by |from |to |as |on |in |at |with )*[^ ]+[.]?$`)
	notPassed  = regexp.MustCompile(`\b(?:without success|in vain)\b|\b(?:none|no|neither)\b[^.;]{0,40}\b(?:succeeded|(?:was|were) (?:granted|allowed|accepted|permitted)|(?:was|were) successful|went through|got through)|\b(?:not|never|n't)(?: be| been| yet)? (?:allow(?:ed)?|permit(?:ted)?|accept(?:ed)?|succeed(?:ed)?|successful(?:ly)?|grant(?:ed)?|authori[sz]ed)\b`)
	passes     = regexp.MustCompile(`\b(?:allow(?:ed|s)|permitted|let (?:[\w./-]+ ){1,7}(?:through|pass)|got through|accepted|succeeded|success|successful|successfully|granted|managed to|was able to|unhindered|unimpeded)\b|\bwent through(?: successfully| undetected| despite| without|[.,;]|$)`)
	stops      = regexp.MustCompile(`\b(?:blocked|denied|prevented|rejected|refused|quarantined|intercepted|thwarted|foiled|averted|(?:suricata|firewall|proxy|sensor|defender|gateway|edr|waf|ips) dropped|failed|fails|failure|unsuccessful|unsuccessfully|unable|could not|in vain|(?:rule|policy|firewall|sensor|edr|defender|dlp|proxy|gateway|controller|filter|antivirus|waf|ips|endpoint|agent|antivirus) (?:\w+ )?(?:stopped|killed|terminated)|stopped by (?:the )?(?:\w+ )?(?:rule|policy|firewall|sensor|edr|defender|dlp|proxy|gateway|filter|antivirus|waf|ips)|stopped (?:the|this|that|an?) (?:\w+ )?(?:transfer|upload|download|attack|copy(?:ing)?|attempts?|connections?|traffic|encryption|ransomware|exfiltration|execution|login|sign-in))\b`)
	entered    = regexp.MustCompile(`\b(?:logged (?:on|in)|authenticated|signed in|got in|gained access|reached (?:the|its|their)|(?:obtained|gained|got|acquired|became) (?:\w+ ){0,2}(?:root|administrator|admin|system)(?: \w+)?)\b`)
	tried      = regexp.MustCompile(`\b(?:tr(?:y|ied|ies)|prevent\w*|avert\w*|thwart\w*|attempt\w*|deni\w*|refus\w*|fail\w*|not|without|unauthor\w*|reject\w*|unsuccess\w*|could|block\w*|forbid\w*|test\w*|prob\w*|sought|error\w*|lack\w*|call\w*|invok\w*|request\w*|issued|used|ask\w*|want\w*|no|unable|stop\w*)\b|n't\b`)
	watching   = regexp.MustCompile(`\b(?:detect|report|audit|monitor|alert|learning)[- ]only\b|\bdisposition=report\b|\b(?:in )?(?:audit|monitor|learning|log|report) mode\b|\b(?:action|remediation): (?:none|detected|audited|alert only|logged|monitored)\b|\baction=(?:none|detect|audit|log|monitor)\b|\bonly (?:reports|watches|logs)\b`)
)

// Told is what a sentence says of the effect of something.
type Told struct {
	Plain  string // the sentence with its double denials resolved
	Pass   string // the words that say it went through, or ""
	Stop   string // the words that say it was stopped, or ""
	Denied bool   // it says so by denying the other
}

// Of reads a sentence in lower case.
func Of(low string) Told {
	low = looking.ReplaceAllString(low, " ")
	s := noAction.ReplaceAllString(notStopped.ReplaceAllString(contrast.ReplaceAllString(low, ""), " allowed "), " allowed ")
	t := Told{Denied: notPassed.MatchString(s)}
	t.Plain = notPassed.ReplaceAllString(s, " denied ")
	t.Pass, t.Stop = passes.FindString(t.Plain), stops.FindString(t.Plain)
	if t.Pass == "" && !Tried(t.Plain) {
		t.Pass = entered.FindString(t.Plain)
	}
	return t
}

// Tried reports whether a sentence speaks of an attempt, a request or a refusal
// rather than of a thing done.
func Tried(low string) bool { return tried.MatchString(low) }

// Watching reports whether a record, in lower case, says that who wrote it only
// watched.
func Watching(low string) bool {
	if !watching.MatchString(low) {
		return false
	}
	rest := field.ReplaceAllString(watching.ReplaceAllString(low, " "), " ")
	return !slices.ContainsFunc(evidenceStop, func(w string) bool { return stem.Begins(rest, w) })
}

// field matches names of fields that look like what somebody did.
var field = regexp.MustCompile(`\bblocked-uri\b|\bremediation:?`)

// Passes and Stops return the beginnings of the words by which records say that
// something went through, or was stopped.
func Passes() []string { return evidencePass }

// Stops is for what was stopped as Passes is for what went through.
func Stops() []string { return evidenceStop }

var (
	evidencePass = []string{"allow", "permit", "accept", "success", "succeed", "grant", "passed"}
	evidenceStop = []string{"block", "deny", "denied", "prevent", "reject", "refus", "fail", "quarantin", "accessdenied", "not in sudoers", "incorrect password", "authentication failure", "unauthori", "not authori", "stopped", "terminat", "remediat", "killed", "bad password", "invalid", "unsuccess", "forbidden", "act=drop", "action: drop", "act: drop", "reset", "result=den"}
)

var (
	unprotected = regexp.MustCompile(`\b(?:quarantine|clean(?:ing)?|removal|remove|remediation|delet(?:e|ion)|block(?:ing)?|disinfection)(?: action)?[ =:]+(?:has |was )?(?:failed|fail|unsuccessful|incomplete|error)\b|\b(?:failed|unable|not able) to (?:quarantine|clean|remove|remediate|delete|block|disinfect)\b|\bcould not be (?:quarantined|cleaned|removed|remediated|deleted|blocked|disinfected)\b`)
	protected   = regexp.MustCompile(`\b(?:was|were|been|got|successfully|antivirus|defender|sensor|edr|product|agent|scanner)(?: \w+ly| then| software)? (?:quarantined|cleaned|removed|remediated|deleted|blocked|disinfected|stopped)\b`)
)

// Unprotected returns the words of a sentence that say that malware was removed, where
// the records say that this failed.
func Unprotected(low string, texts []string) string {
	said := protected.FindString(low)
	if said == "" || Tried(strings.Replace(low, said, "", 1)) || !slices.ContainsFunc(texts, unprotected.MatchString) {
		return ""
	}
	return said
}

var unremoved = regexp.MustCompile(`(?:\bnot|n't|\bnever|\bunable to) (?:be |been |get |have )?(?:successfully )?(?:quarantine|clean|remove|remediate|delete|block|disinfect|stop)`)

// Unremoved reports whether a sentence denies that malware was removed, and the
// records say that this failed.
func Unremoved(low string, texts []string) bool {
	return unremoved.MatchString(low) && slices.ContainsFunc(texts, unprotected.MatchString)
}

var (
	fromTo  = regexp.MustCompile(`\bfrom (?:version |value |a value of )?(v?\d[\w.]*\w|\d) to (?:version |value |a value of )?(v?\d[\w.]*\w|\d)\b`)
	changes = regexp.MustCompile(`(v?\d[\w.]*\w|\d) ?(?:->|=>|→|to) ?(v?\d[\w.]*\w|\d)\b`)
	changed = regexp.MustCompile(`\b(?:from|old|before|previous)[\w ]{0,12}[=:] ?"?(v?\d[\w.]*\w|\d)"?[,; ]+(?:to|new|after|current)[\w ]{0,12}[=:] ?"?(v?\d[\w.]*\w|\d)\b`)
)

// Reversed returns the words of a sentence that tell a change from one value to another
// which the records have the other way round only.
func Reversed(low string, texts []string) string {
	for _, m := range fromTo.FindAllStringSubmatch(low, 4) {
		there, back := false, false
		for _, t := range texts {
			for _, re := range []*regexp.Regexp{changes, changed} {
				for _, c := range re.FindAllStringSubmatch(t, 64) {
					there = there || c[1] == m[1] && c[2] == m[2]
					back = back || c[1] == m[2] && c[2] == m[1]
				}
			}
		}
		if back && !there {
			return m[0]
		}
	}
	return ""
}

// supposing begins a sentence that says what would have been.
var supposing = regexp.MustCompile(`^(?:had|were|without|if|unless)\b.*\b(?:would|might|could)\b`)

// Supposes reports whether a sentence says what would have been, and not what was.
func Supposes(low string) bool { return supposing.MatchString(low) }

var admitting = regexp.MustCompile(`\b(?:the|its|his|her|their|an?) (?:\w+ )?(?:vendor|supplier|provider|developer|employee|operator|user|manager|suspect|company|customer|administrator|technician|contractor|colleague|insider|owner) (?:has |have )?(?:confirm|admit|acknowledg|conced|agree)(?:s|es|ed|ted|d)\b`)

// Admits returns the words of a sentence by which somebody who has no name in it admits
// something.
func Admits(low string) string { return admitting.FindString(low) }
