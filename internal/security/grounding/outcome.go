package grounding

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/effect"
	"github.com/casemate-ai/casemate/internal/security/grounding/opposite"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// outcomes reports success for failure and the like, and denials that nothing in
// the evidence bears out.
func (r *reading) outcomes(low string) {
	t := effect.Of(low)
	s, pass, stop := t.Plain, t.Pass, t.Stop
	if stop == "denied" && r.byAuthor(low) { // a person denied it, not a sensor
		stop = ""
	}
	stopped := r.any(effect.Stops()) || r.hasAny("403", "401", "407")
	passed := r.any(effect.Passes())
	if pass != "" && stop == "" && (stopped && !passed || r.headed()) {
		r.report(Outcome, pass, "the evidence says that it did not go through")
	}
	if stop != "" && pass == "" {
		switch {
		case r.watched():
			r.report(Outcome, stop, "the evidence says that it was only seen")
		case stopped || r.denies(low):
		case passed:
			r.report(Outcome, stop, "the evidence says that it went through")
		default:
			r.report(Outcome, stop, "nothing in the evidence says so")
		}
	}
	if w := hurt.FindString(s); w != "" && stop == "" && r.headed() && !effect.Tried(s) && !r.any([]string{stem.Of(w[strings.LastIndexByte(w, ' ')+1:])}) {
		r.report(Outcome, w, "the evidence says that it was stopped")
	}
	for _, w := range opposite.Told(s, r.any) {
		r.report(Outcome, w, "the evidence says the opposite")
	}
	own := make([]string, len(r.pool))
	for i, x := range r.pool {
		x.ready()
		own[i] = x.own
	}
	if w := effect.Unprotected(low, own); w != "" {
		r.report(Outcome, w, "the evidence says that this failed")
	}
	if w := effect.Reversed(low, own); w != "" {
		r.report(Outcome, w, "the evidence says the opposite")
	}
	if w := effect.Admits(low); w != "" && !negation.MatchString(low) && slices.ContainsFunc(own, disowning.MatchString) {
		r.report(Outcome, w, "the evidence denies it")
	}
	r.refusals(s)
	r.people(low)
	r.wholesale(low)
	if !t.Denied && !effect.Supposes(low) && !effect.Unremoved(low, own) {
		r.denial(s)
	}
	r.denied(s)
}

var hurt = regexp.MustCompile(`\b(?:was|were|been|got) (?:\w+ly )?(?:wiped|encrypted|infected|destroyed|overwritten|compromised|deleted|stolen|exfiltrated)\b`)

var notMe = regexp.MustCompile(`\b(?:not me|not mine|i (?:did|was|have|do|had) not|i sent no|i never)\b`)

// disowned reports whether somebody cited says that it was not he.
func (r *reading) disowned() bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return notMe.MatchString(x.own) })
}

// watched reports whether all that is cited are records of somebody who only watched.
func (r *reading) watched() bool {
	return r.cites > 0 && !slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return !effect.Watching(x.own) })
}

// headed reports whether every piece of the pool begins by saying that something did
// not go through, whatever else is in it.
func (r *reading) headed() bool {
	return r.cites > 0 && !slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		head := x.own[:min(len(x.own), 48)]
		if i := strings.IndexAny(head, ":;.\n"); i > 0 {
			head = head[:i]
		}
		starts := func(w string) bool { return stem.Begins(head, w) }
		return !slices.ContainsFunc(effect.Stops(), starts) || slices.ContainsFunc(effect.Passes(), starts)
	})
}

// byAuthor reports whether a statement names who wrote a piece of the pool.
func (r *reading) byAuthor(low string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		return slices.ContainsFunc(strings.Fields(strings.ToLower(x.e.Author)), func(w string) bool { return len(w) > 2 && hasToken(low, w) })
	})
}

// any reports whether a word of the pool's own texts begins with one of several.
func (r *reading) any(words []string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return slices.ContainsFunc(words, func(w string) bool { return stem.Begins(x.own, w) })
	})
}

var (
	negation = regexp.MustCompile(`\b(?:no|not|never|none|nobody|nothing|neither|nor|cannot)\b|n't\b`)
	harmless = regexp.MustCompile(`\b(?:not only|no longer|no later than|no longer than|no more than|not more than|no less than|not less than|no fewer than|no doubt|not until|no sooner|not yet|whether or not|no\. ?\d+|not (?:usually|normally|typically)|not (?:an? |one |two |three |four |five |six |ten |\d+ )(?:seconds?|minutes?|hours?|days?)|no other than|not just|not merely|not even)\b`)
	denying  = regexp.MustCompile(`\b(?:identical|unchanged|intact|fine|normal|automated|automatic(?:ally)?|no|not|never|none|nobody|without|nothing|neither|nor|false|only|cannot|un(?:able|signed|touched|affected|changed|authori\w+|success\w+|confirmed|clear|available|used|read|harmed)|disabled|empty|missing|denied|failed|blocked|forbidden|403|401|zero|0 (?:bytes|files|hosts|records|packets))\b|n't\b`)
)

// denial reports that something did not happen or is not there, where no sentence of
// the evidence denies anything of it.
func (r *reading) denial(low string) {
	s := harmless.ReplaceAllString(low, "")
	m := negation.FindStringIndex(s)
	if m == nil {
		return
	}
	if w := neverDone.FindStringSubmatch(s); w != nil && r.cites == 1 && r.affirmed(stem.Of(w[1]+w[2]), s) {
		r.report(Outcome, short(s[m[0]:min(len(s), m[0]+40)]), "the evidence says that it did")
		return
	}
	if r.denies(s) {
		return
	}
	r.report(Outcome, short(s[m[0]:min(len(s), m[0]+40)]), "nothing in the evidence denies it")
}

var neverDone = regexp.MustCompile(`\b(?:never|not|n't)(?: been| be| yet)? ([a-z]{4,}(?:ed|en|t))\b|\b(?:could not|cannot|unable to) ([a-z]{4,})\b`)

// affirmed reports whether a sentence of the evidence says, without a denial before
// it, what a statement denies.
func (r *reading) affirmed(w, low string) bool {
	mine, found := stem.All(low), false
	for _, x := range r.pool {
		for _, s := range sentencesOf(x.own) {
			i := strings.Index(s, w)
			if i < 0 || !stem.Begins(s, w) {
				continue
			}
			if negation.MatchString(s[max(0, i-30):i]) {
				return false
			}
			found = found || stem.Shared(s, mine) > 1
		}
	}
	return found
}

// denies reports whether a sentence of the evidence denies something that shares
// words with the statement.
func (r *reading) denies(low string) bool {
	mine := stem.All(low)
	for _, x := range r.pool {
		x.ready()
		for _, s := range sentencesOf(x.own) {
			need := 2
			if len(s) < 60 || len(mine) < 2 {
				need = 1
			}
			if r.told && written(x.e.Kind) && r.attributed(x, low) {
				need = 0 // "that was not me", as its author says
			}
			if denying.MatchString(s) && stem.Shared(s, mine) >= need {
				return true
			}
		}
	}
	return false
}

var (
	refusedAt = []string{"accessdenied", "not authori", "unauthorizedoperation", "permission denied", "access is denied", "access denied", "=403", " 403 forbidden", "response 403", "result=denied", "is forbidden", "denied by"}
)

// refusals reports that something was done where every record cited says that it was
// refused.
func (r *reading) refusals(low string) {
	if r.cites == 0 || effect.Tried(low) {
		return
	}
	for _, x := range r.pool {
		x.ready()
		if !slices.ContainsFunc(refusedAt, func(w string) bool { return strings.Contains(x.own, w) }) {
			return
		}
	}
	r.report(Outcome, short(r.text), "the evidence says that it was refused")
}

var disowning = regexp.MustCompile(`\b(?:not me|nobody of (?:us|ours)|none of us|no one of us|not mine|(?:did|was|were) not|never|denie[sd]|deny)\b`)

var person = regexp.MustCompile(`\b\p{Lu}\p{Ll}+ (confirm|admit|acknowledg|approv|agree|promis|order)(?:s|es|ed|ted|d)\b`)

// people reports that somebody confirmed, admitted or approved something where no
// evidence says so.
func (r *reading) people(low string) {
	if r.byAuthor(low) && (negation.MatchString(low) || !slices.ContainsFunc(r.pool, func(x *index) bool { return disowning.MatchString(x.own) })) {
		return
	}
	for _, m := range person.FindAllStringSubmatch(r.text, 4) {
		if name, _, _ := strings.Cut(strings.ToLower(m[0]), " "); vocab().terms[name].kind == "" && !(r.byAuthor(strings.ToLower(m[0])) && !r.disowned() && (m[1] == "confirm" || m[1] == "acknowledg")) && !vocab().common[name] && !r.any([]string{m[1]}) {
			r.report(Outcome, m[0], "nothing in the evidence says so")
		}
	}
}

var (
	everything = regexp.MustCompile(`\b(?:all|every|the entire|the whole) (?:of )?(?:the |its |their |our )?(?:\w+ )??(?:attackers?|intruders?|attempts?|logins?|nodes?|copies|builds?|pods?|containers?|images?|repositor(?:y|ies)|devices?|messages|orders|keys|tokens|secrets|sources|offices?|departments?|patients|students|employees|files?|documents?|data|hosts?|machines?|servers?|workstations?|systems?|accounts?|users?|mailbox(?:es)?|backups?|customers?|network|domain|company|organi[sz]ation)\b`)
	wholly     = []string{"all", "every", "entire", "whole", "complete", "each", "/all"}
)

// wholesale reports "all files" where no evidence says so.
func (r *reading) wholesale(low string) {
	said := everything.FindString(low)
	if r.cites == 1 && (strings.Contains(said, "attempt") || strings.Contains(said, "login")) {
		return
	}
	if said == "" || spelledOut.MatchString(said) || figure.MatchString(said) || r.any(wholly) {
		return
	}
	r.report(Number, said, "nothing in the evidence says all")
}

var (
	open    = regexp.MustCompile(`\b(?:still open|outstanding|pending|missing|yet to|remains? to)\b`)
	notWord = regexp.MustCompile(`\b(?:not|never|nobody|n't|no)(?: been| be| yet| longer| (?:sign|trace|evidence|indication)s? of(?: the| an?)?)? ([a-z]+)\b`)
	ending  = regexp.MustCompile(`\b(?:(?:the|its|his|her|their) last|latest|final|ended|ceased|until|before|stopped|whether|if|would|should)\b`)
	clauses = regexp.MustCompile(`, |; | and | but | while | whereas `)
)

// denied reports a clause that says what a person's words in the evidence deny, and
// nothing else in it affirms.
func (r *reading) denied(low string) {
	for _, c := range clauses.Split(low, 16) {
		if negation.MatchString(c) || open.MatchString(c) || ending.MatchString(c) && !strings.Contains(c, "continued") {
			continue
		}
		mine := stem.All(c)
		for _, x := range r.pool {
			if x.ready(); !written(x.e.Kind) && x.e.Kind != casemate.EvidenceMail {
				continue
			}
			for _, s := range sentencesOf(x.own) {
				for _, m := range notWord.FindAllStringSubmatchIndex(s, 8) {
					w := stem.Of(s[m[2]:m[3]])
					if len(w) < 3 || stem.Empty(w) || !slices.ContainsFunc(mine, func(m string) bool { return strings.HasPrefix(m, w) && len(m)-len(w) < 2 }) || stem.Begins(s[:m[0]]+s[m[3]:], w) || len(mine) > 2 && stem.Shared(s[:m[0]]+s[m[3]:], mine) < 1 {
						continue
					}
					if !r.affirms(w, x, s) {
						r.report(Outcome, short(c), "the evidence denies it")
						return
					}
				}
			}
		}
	}
}

// affirms reports whether any other sentence of the pool has a word.
func (r *reading) affirms(w string, in *index, not string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		for _, s := range sentencesOf(x.own) {
			if (x != in || s != not) && stem.Begins(s, w) {
				return true
			}
		}
		return false
	})
}
