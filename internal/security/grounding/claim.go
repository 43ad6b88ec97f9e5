package grounding

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/reason"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
	"github.com/casemate-ai/casemate/internal/security/grounding/verdict"
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

// severities reports a severity that no evidence cited has.
func (r *reading) severities(low string) {
	for _, s := range verdict.Severities(low) {
		if !r.graded(s.Level) {
			r.report(Judgement, s.Text, "no evidence cited has this severity")
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

var told = regexp.MustCompile(`\b(?:according to|by|in) (?:the |his |her |their |an? )?(?:\w+ )?(?:notes?|tickets?|chats?|handover|team|analysts?|colleagues?)\b`)

// verdicts reports that something is harmless, or confirmed, where no person and no
// rule of ours says so: what sensors record may be an attacker's words.
func (r *reading) verdicts(low string) {
	if strings.HasSuffix(strings.TrimSpace(low), "?") {
		return
	}
	for _, c := range verdict.Claims(low) {
		said := fold(c.Text)
		if !r.copied && !r.free(c.From, c.To) || c.Pretended && r.contains(said) || c.TakenFor && r.opined(said) || c.Granted && slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return verdict.Grants(x.own) }) {
			continue
		}
		if !r.cleared(low, c.Words, c.Named) {
			r.report(Judgement, c.Text, "no person and no rule says so in the evidence")
		}
	}
	if said, word := verdict.Sound(low); word != "" && r.needs && !r.any([]string{word}) {
		r.report(Judgement, said, "nothing in the evidence says so")
	}
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
			own = verdict.Unquoted(own)
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
