// Package reason finds in a sentence a cause or a purpose that it gives for something,
// and whether the evidence gives it.
package reason

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

const (
	who    = `(?:attackers?|operators?|intruders?|adversar(?:y|ies)|actors?)`
	copula = `(?:was|were|is|are|had|did|does|could|would|wanted|needed)`
)

var (
	causal  = regexp.MustCompile(`\b(?:because|caused|causing|causes|cause of|led to|leads to|leading to|lead to|as a (?:direct )?(?:result|consequence)|result(?:ed|ing|s) (?:in|from)|due to|owing to|thanks to|in order to|so that|so as to|therefore|consequently|hence|thus|which (?:allowed|enabled|made it possible|let)|(?:allowing|enabling) the ` + who + `|enabled the ` + who + `|with the (?:aim|goal|intention|purpose) of|for the purpose of|in an (?:attempt|effort) to|(?:was|were|is|are) (?:largely |simply |merely |probably )?(?:the|an?) (?:direct )?(?:result|consequence|effect|product|outcome) of|(?:was|were|is|are) down to|traced (?:back )?to (?:an? |the )?(?:mis\w+|faulty|lack|weak\w*|error|mistake|bug|vulnerab\w*)|the (?:root )?cause|gave rise to|stem(?:s|med) from|the reason (?:for|why|is|was)|on account of|responsible for|made possible by|attributable to|prompted by|motivated by|driven by|out of (?:revenge|fear|spite|greed)|for fear of|in response to|in retaliation|to cover (?:up|their|its|his)|to (?:evade|avoid|hide|prepare|forge|pressure|extort))\b`)
	moving  = regexp.MustCompile(`\b(?:led|drove|forced|prompted|compelled|persuaded|induced|convinced) (?:\w+ ){1,4}?to [a-z]+\b`)
	since   = regexp.MustCompile(`\bsince (?:the|it|its|he|she|they|this|that|there|no|her|his|their|our|an?|nobody|everyone) [^,.;:]*\b` + copula + `\b`)
	perfect = regexp.MustCompile(`\b(?:has|have|had|having)\b`)

	hedged  = regexp.MustCompile(`\b(?:may|might|could|possibl[ey]|perhaps|hypothes[ie]s|suspect(?:ed|s)?|presumabl[ey]|conceivabl[ey]|appears?|seems?|suggests?|consistent with|if)\b`)
	purpose = regexp.MustCompile(`\bso that\b.{0,60}?\b(?:could|might|may)\b`)
	flagged = regexp.MustCompile(`\b(?:raised|flagged|alerted|matched|fired|scor(?:ed|es)|rat(?:ed|es)|rank(?:ed|s)?|grad(?:ed|es)|report(?:ed|s)|counts? as|is listed|is likely|needs review)\b|\b(?:alerts?|rules?|detections?|signatures?|sensors?) (?:was |were |is |are |has been )?triggered\b|\btriggered (?:the |an? )?(?:\w+ )?(?:alerts?|rules?|detections?|signatures?)\b`)
	deduced = regexp.MustCompile(`\b(?:is|are|lies?|remains?) (?:therefore|thus|hence|consequently) (?:far |well |much |clearly |still )*(?:above|below|higher|lower|more|less|larger|smaller|greater|unusual\w*|outside|beyond|within|consistent|earlier|later|not yet|unknown|unclear|open)\b`)

	planned = regexp.MustCompile(`^ (?:be|start|end|begin|finish|leave|arrive|happen|take place|expire|return|go|run|follow|meet|report)\b`)

	givesReason = regexp.MustCompile(`^(?:because|due to|owing to|as a|since)`)
	failing     = regexp.MustCompile(`\b(?:denied|refused|fail(?:ed|ure)|rejected|blocked|unsuccessful|not allowed|stopped|prevented|quarantined|forbidden|not|no|without|cannot)\b|n't\b`)
	reasons     = regexp.MustCompile(`\b(?:because|since|caus\w+|so|led to|lead\w* to|result(?:ed|s|ing)? (?:in|from|of)|due to|owing to|reason\w*|so that|in order to|therefore|consequen\w+|hence|thus|allow(?:ed|ing) (?:the|it|them|us)|could be|enabl\w+|stem\w*|why|to (?:evade|avoid|hide|prepare|forge|cover))\b`)
)

// hints are parts of words of which every cause has one: looking for them first is
// quicker than the expressions.
var hints = strings.Fields("because caus effect product outcome down traced led lead result consequen due owing thanks order so therefore hence thus which allowing enabl aim goal intention purpose attempt effort rise stem reason account responsible possible attributable prompt motivat driv drove revenge spite greed fear response retaliation cover evade avoid hide prepare forge pressure extort since force compel persuad induc convinc")

// Given returns where a sentence, in lower case, gives a cause or a purpose; to is 0 if
// it does not. A guess is none, nor that a sensor reports something because of what it
// matched, what follows from a comparison, and what a technique or a switch is for.
func Given(low string) (from, to int) {
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(low, h) }) {
		return 0, 0
	}
	m := causal.FindStringIndex(low)
	if m == nil {
		m = moving.FindStringIndex(low)
	}
	if m == nil {
		if m = since.FindStringIndex(low); m != nil && perfect.MatchString(low[:m[0]]) {
			return 0, 0
		}
	}
	if m == nil || hedged.MatchString(purpose.ReplaceAllString(low, "")) || flagged.MatchString(low) || deduced.MatchString(low) || Explains(low) {
		return 0, 0
	}
	if low[m[0]:m[1]] == "due to" && planned.MatchString(low[m[1]:]) {
		return 0, 0
	}
	if since := strings.HasPrefix(low[m[0]:m[1]], "since "); since {
		return m[0], m[0] + len("since")
	}
	return m[0], m[1]
}

var (
	general = regexp.MustCompile(`^(?:in (?:an? |this )?[\w -]+, )?(?:(?:an? |this |the )(?:[\w.() -]+ )?(?:attacks?|techniques?|tactics?|sub-technique)\b|adversaries\b|attackers (?:use|abuse|often)\b|t\d{4}\b|(?:the |this )?(?:[\w-]+ )?(?:switch|option|flag|parameter|argument)\b|[\w .-]+ \(t\d{4}(?:\.\d{3})?\) (?:means|is|describes|covers|refers)\b)`)
	past    = regexp.MustCompile(`\b(?:was|were|had|did|has|have|been|took|ran|sent|wrote|made|gave|got|went)\b|\b\w+ed (?:the|an?|its?|his|her|their|from|to|on|in|at|by|all|\d)\b`)
	passive = regexp.MustCompile(`\b(?:is|are|be|being) (?:\w+ )?\w+ed\b`)
)

// Explains reports whether a sentence, in lower case, says what a technique or a switch
// is in general, in the present tense, and not what happened.
func Explains(low string) bool {
	return general.MatchString(low) && !past.MatchString(passive.ReplaceAllString(low, " "))
}

// Recorded reports whether a record of a refusal has the reason that a sentence gives
// for it from from to to.
func Recorded(low string, from, to int, texts []string) bool {
	if !failing.MatchString(low) || !givesReason.MatchString(low[from:to]) {
		return false
	}
	why := stem.All(linking.ReplaceAllString(clause(low, from, to), " "))
	return slices.ContainsFunc(texts, func(t string) bool { return len(why) > 1 && stem.Shared(t, why)*3 >= len(why)*2 })
}

// linking are words that tie a reason together and are not in a record.
var linking = regexp.MustCompile(`\b(?:sites?|already|carr(?:y|ies|ied)|contain(?:s|ed)?|runs?|running|mode|belong(?:s|ed)?|falls?|fell|is|was|matche[sd]|category|due|request(?:ed)?)\b`)

// Stated reports whether a line or sentence of the texts gives a reason and is about
// the same.
func Stated(low string, sentences []string) bool {
	mine := stem.All(low)
	return slices.ContainsFunc(sentences, func(s string) bool {
		n := stem.Shared(s, mine)
		return n >= 2 && reasons.MatchString(s) || n >= 3 && slices.ContainsFunc(aims.FindAllStringSubmatch(s, 4), func(m []string) bool { return slices.Contains(mine, stem.Of(m[1])) })
	})
}

// aims are what somebody did something for: "installed it to merge contracts".
var aims = regexp.MustCompile(`\b(?:in order )?to ([a-z]{4,})\b`)

// clause is the part of a sentence that gives the reason.
func clause(low string, from, to int) string {
	rest := low[to:]
	if i := strings.IndexByte(rest, ','); i > 0 && from < 3 {
		rest = rest[:i]
	}
	return rest
}
