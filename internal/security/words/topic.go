package words

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Topic is what a sentence is about.
type Topic string

// The topics.
const (
	TopicObservation Topic = "observation" // what was seen
	TopicAction      Topic = "action"      // what somebody of ours did
	TopicHypothesis  Topic = "hypothesis"  // what somebody thinks
	TopicQuestion    Topic = "question"    // what somebody asks
	TopicDecision    Topic = "decision"
	TopicTask        Topic = "task" // what is still to be done
	TopicImpact      Topic = "impact"
	TopicOther       Topic = "other"
)

// Sentences cuts what a person wrote into sentences. A line that begins an item
// or a time is one of its own; other lines go on.
func Sentences(text string) []string {
	var joined []string
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" {
			joined = append(joined, "")
			continue
		}
		_, isTimed := readNoteTime(l)
		if n := len(joined); n > 0 && joined[n-1] != "" && !bullet(l) && !isTimed && !strings.HasPrefix(l, "|") {
			joined[n-1] += " " + l
			continue
		}
		joined = append(joined, strings.TrimLeft(l, "*•- \t"))
	}
	var out []string
	for _, l := range joined {
		out = append(out, cutSentences(l)...)
	}
	return out
}

// abbreviations do not end a sentence.
var abbreviations = []string{"e.g", "i.e", "etc", "approx", "ca", "vs", "mr", "mrs", "ms", "dr", "no", "nr", "incl", "resp", "cf", "st", "inc", "ltd"}

// cutSentences cuts one line where a full stop, question or exclamation mark is
// followed by a space and what can begin a sentence.
func cutSentences(l string) []string {
	var out []string
	start := 0
	for i := 0; i < len(l); i++ {
		if l[i] != '.' && l[i] != '?' && l[i] != '!' {
			continue
		}
		end := i + 1
		for end < len(l) && strings.IndexByte(`"')].?!`, l[end]) >= 0 {
			end++
		}
		if end >= len(l) || l[end] != ' ' {
			continue
		}
		next, _ := utf8.DecodeRuneInString(strings.TrimLeft(l[end:], " \"'(["))
		if l[i] == '.' && (unicode.IsLower(next) || abbreviated(l[start:i])) {
			continue
		}
		out = append(out, strings.TrimSpace(l[start:end]))
		start, i = end, end
	}
	if rest := strings.TrimSpace(l[start:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

func abbreviated(before string) bool {
	word := strings.ToLower(before[strings.LastIndexAny(before, " (")+1:])
	for _, a := range abbreviations {
		if word == a {
			return true
		}
	}
	return len(word) == 1 && word[0] >= 'a' && word[0] <= 'z'
}

// rule is a pattern and the topic that it shows.
type rule struct {
	topic Topic
	p     float64
	form  *regexp.Regexp
}

// rules are tried in order. They are about how people write while they work on
// an incident, in English.
var rules = []rule{
	{TopicQuestion, .95, regexp.MustCompile(`\?["')\]]*$`)},
	{TopicQuestion, .8, regexp.MustCompile(`(?i)^(open( question)?|question|not known|tbd|to be clarified|unclear|unknown)\b ?[:,–-]|\b(still (open|unclear|unknown)|not (yet )?(clear|known|confirmed) (whether|if|how|who|what|where|why|when)|do(es)? not know (whether|if|how|who|what|where|why|when|yet)|don't know (whether|if|how|who|what|where|why|when|yet)|(we )?need to (find out|check|know|confirm) (whether|if|how|who|what|where|why|when)|(it is|remains) (unclear|unknown|open))\b`)},
	{TopicTask, .85, regexp.MustCompile(`(?i)^(still )?(to ?do|pending|outstanding|next( steps?)?)\b ?[:,–-]|\bstill (to do|to be done|missing|there|pending)\b|\b(has|have|needs?) (still )?to be\b|\bmust (still )?be\b|\bwhat i need\b|^(please )?watch( for)?\b`)},
	{TopicDecision, .85, regexp.MustCompile(`(?i)\b(decision|decided|we agreed|agreed (to|that|with)|it was agreed|approved|sign(ed)? off|go ahead|gave the go|we will (not )?|we'll (not )?|will not be|we are not going to)\b`)},
	{TopicObservation, .8, regexp.MustCompile(`\b([Dd]efender|[Ss]uricata|[Ww]azuh|[Ss]plunk|[Ee]lastic|EDR|SIEM|NDR|[Ff]irewall|[Pp]roxy|[Aa]ntivirus|[Rr]ansomware)( has| was| is)? (blocked|removed|quarantined|stopped|took)\b`)},
	{TopicAction, .85, regexp.MustCompile(`\b(I|[Ww]e|[Ii]'ve|[Ww]e've|[Ii]'m|[Ww]e're|[Tt]eam|SOC|IT|[A-Z][a-z]+(?: [A-Z][a-z]+)?) (?:have |has |just |now |also |already )*(?:isolat\w+|blocked|disabled|reset|revoked|rotated|deactivated|collected|imaged|pulled|escalated|called|phoned|informed|notified|opened (?:a|the) (?:ticket|case)|shut|unplugged|disconnected|contained|quarantined|removed|moved|deleted|restored|purged|changed|locked|started (?:the |a )?(?:scan|collection|image)|secured|(?:took|taken) \S+ off|asked)\b`)},
	{TopicAction, .7, regexp.MustCompile(`(?i)^(isolated|blocked|disabled|reset|revoked|rotated|deactivated|collected|imaged|pulled|escalated|called|phoned|informed|notified|contained|quarantined|removed|moved|locked|restored|purged|secured|taken? an? image|memory image|took over)\b|\b(has|have|was|were|is|are|be) (now |been |already )*(isolated|disabled|reset|revoked|rotated|deactivated|quarantined|imaged|taken off the network|cut off|shut down|unplugged)\b|\bisolated( as well)?( in| by|:|$)`)},
	{TopicHypothesis, .8, regexp.MustCompile(`(?i)\b(i think|we think|i guess|i suspect|we suspect|suspect(ed)? (that|it)|probably|possibly|perhaps|maybe|might (be|have)|may (be|have)|could (be|have)|presumably|likely|looks like|seems? (to|like)|appears? to|assum(e|ing|ption)|hypothesis|theory|not sure|my bet|false positive|would explain)\b`)},
	{TopicImpact, .8, regexp.MustCompile(`(?i)\b(impact|affected|customers?|stolen|leaked|exfiltrat\w+|data (loss|theft|breach)|gone|outage|down(time)?|cannot (work|log in|print|invoice)|can't (work|log in|print|invoice)|production (stopped|stands)|encrypted|ransom|gdpr|personal data|deadline|designs?|tenders?|business)\b`)},
}

// headings say what stands under them.
var headings = []rule{
	{TopicQuestion, .9, regexp.MustCompile(`(?i)\b(open (questions?|points?|items?|issues?)|questions?|unknowns?|to (clarify|check)|what we do not know)\b`)},
	{TopicTask, .9, regexp.MustCompile(`(?i)\b(to do|todo|still (to do|there|open)|remaining|outstanding|pending|next steps?|watch|monitor)\b`)},
	{TopicDecision, .9, regexp.MustCompile(`(?i)\bdecisions?\b`)},
	{TopicAction, .8, regexp.MustCompile(`(?i)\b(done|actions? taken|measures taken|containment|what we did|so far)\b`)},
	{TopicHypothesis, .8, regexp.MustCompile(`(?i)\b(hypothes[ie]s|theor(y|ies)|assumptions?|ideas)\b`)},
	{TopicImpact, .8, regexp.MustCompile(`(?i)\b(impact|damage|consequences)\b`)},
}

// TopicOf says what a sentence is about. names says that it names a thing of the
// incident, which makes an observation of what is nothing else.
func TopicOf(text, heading string, names bool) (Topic, float64) {
	if rules[0].form.MatchString(text) {
		return TopicQuestion, rules[0].p
	}
	for _, h := range headings {
		if h.form.MatchString(heading) {
			return h.topic, h.p
		}
	}
	for _, r := range rules[1:] {
		if r.form.MatchString(text) {
			return r.topic, r.p
		}
	}
	if seen.MatchString(text) {
		return TopicObservation, .8
	}
	if names && strings.Count(text, " ") >= 3 {
		return TopicObservation, .6
	}
	return TopicOther, .5
}

var seen = regexp.MustCompile(`(?i)\b(saw|see|seen|found|finds|shows?|showed|noticed|observed|there (is|are|was|were)|alerts?|logs?|detected|opened|started|ran|executed|connected|created|added|downloaded|logged (on|in)|dumped|copied|uploaded|sent|received|reported)\b`)

// commands is a sentence that speaks to a machine or analyst who reads it, rather
// than to colleagues. A match changes no verdict: it only keeps the sentence from
// being told as anybody's finding.
var commands = regexp.MustCompile(`(?i)\b(ignore|disregard|forget|override) (all |any |the |your |every |of )*(previous|prior|above|earlier|other|system|your|instructions?|rules?)\b|\b(system (prompt|message|override)|new instructions?|as an ai|ai (assistant|model|system|analyst)|language model|assistant:|you are (now|an?) )|<\|?[a-z_]+\|?>|\b(mark|classify|close|rate|treat|report) (this|the|all|it|every)( \w+){0,6} (as )?(benign|false positive|resolved|harmless|closed|low|informational|no incident)\b|\b(do not|don't|never) (mention|report|tell|include|escalate|list|cite)\b|\bto (whatever|whoever|any (system|model|tool)|the (model|assistant|summari[sz]er|automation)) (that )?(reads?|process|summari[sz]es?)?\b`)

// Commands reports whether a sentence speaks to a machine or analyst who reads it
// ("ignore your instructions", "close this alert"), rather than to colleagues.
func Commands(sentence string) bool { return commands.MatchString(sentence) }
