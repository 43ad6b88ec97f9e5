package note

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// customer is for people outside: what is known and what is not, what was done,
// what they should do. Nothing in it names our machines, accounts or inner
// addresses, unless that is asked for. What the law wants said is for people.
func (w *writer) customer(ctx context.Context) error {
	w.out.Title = "Notice of a security incident"
	if len(w.chosen) == 0 {
		w.out.Lede = []casemate.Statement{w.found("triage", "The rules found no incident in the material.")}
		return nil
	}
	i := &w.chosen[0]
	w.out.Lede = []casemate.Statement{w.found("incident", w.outline(i))}
	if w.in.IncludeInternal {
		w.incidents()
	}
	if err := w.narrate(ctx, "customer"); err != nil {
		return err
	}
	w.section("What we know", "", w.knownFacts(i))
	w.section("What we do not know yet", "", w.unknowns(i))
	w.section("What we did", "From the notes of those who did it.", w.didDo())
	w.section("What you should do", "", w.advice(i))
	w.out.Sections = append(w.out.Sections, Section{Title: "Contact", Statements: []casemate.Statement{
		w.found("template", "Questions: [name], [telephone], [mail address]; please give the reference [reference]."),
		w.found("template", "[For counsel: whether and to whom this incident must be notified, in which words and by when.]"),
	}})
	return nil
}

// outline says when and how much, and nothing that names anything.
func (w *writer) outline(i *casemate.Incident) string {
	var b strings.Builder
	if i.First.IsZero() {
		b.WriteString("Our security monitoring")
	} else if i.Last.After(i.First) {
		fmt.Fprintf(&b, "Between %s and %s (UTC) our security monitoring", phrase.Time(i.First), phrase.Time(i.Last))
	} else {
		fmt.Fprintf(&b, "At %s (UTC) our security monitoring", phrase.Time(i.First))
	}
	fmt.Fprintf(&b, " recorded activity that our rules assess as %q", i.Verdict)
	if n := len(i.Hosts); n > 0 {
		fmt.Fprintf(&b, ", on %s", phrase.Count(n, "system"))
	}
	if n := len(i.Users); n > 0 {
		fmt.Fprintf(&b, " and with %s", phrase.Count(n, "account"))
	}
	return b.String() + "."
}

// told are the tactics in words for people who are no specialists.
var told = []struct{ tactic, text string }{
	{"initial-access", "Somebody without permission gained access to a system of ours."},
	{"execution", "Programs that do not belong there were run on systems of ours."},
	{"persistence", "Changes were made that would let somebody come back later."},
	{"privilege-escalation", "Higher rights were obtained on systems of ours."},
	{"credential-access", "There are signs that passwords or other credentials were collected."},
	{"lateral-movement", "Access spread from one system of ours to others."},
	{"collection", "Files were gathered and packed."},
	{"exfiltration", "There are signs that data was sent out of our network."},
	{"impact", "There were attempts to destroy or encrypt data, or to hinder its recovery."},
}

// knownFacts says which steps the records show, each citing what shows it.
func (w *writer) knownFacts(i *casemate.Incident) []casemate.Statement {
	var out []casemate.Statement
	for _, t := range told {
		if shown := w.shows(i, t.tactic); len(shown) > 0 {
			out = append(out, w.found("tactic "+t.tactic, t.text, shown...))
		}
	}
	if len(out) == 0 {
		out = append(out, w.found("tactics", "The records do not yet show what was done."))
	}
	return out
}

// shows returns evidence for techniques of a tactic.
func (w *writer) shows(i *casemate.Incident, tactic string) []string {
	var out []string
	for _, t := range i.Techniques {
		// A technique of several tactics shows none of them by itself.
		if slices.Contains(t.Tactics, tactic) && (len(t.Tactics) == 1 || tactic == t.Tactics[0]) {
			for _, id := range w.cites(t.Evidence) {
				if len(out) < 3 && !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
		}
	}
	return out
}

func (w *writer) unknowns(i *casemate.Incident) []casemate.Statement {
	var out []casemate.Statement
	if len(w.shows(i, "initial-access")) == 0 {
		out = append(out, w.found("gap", "We do not know yet how it began."))
	}
	if len(w.shows(i, "exfiltration")) > 0 {
		out = append(out, w.found("gap", "We do not know yet which data was sent out, and whether data of yours is among it."))
	} else {
		out = append(out, w.found("gap", "Our records do not show that data was sent out; that is not proof that none was."))
	}
	return append(out, w.found("gap", "We do not know who is behind it."))
}

// deeds are what people do against an incident, in words for people outside.
var deeds = []struct {
	told string
	said *regexp.Regexp
}{
	{"We took affected systems off the network.", regexp.MustCompile(`(?i)\b(?:isolat\w+|quarantin\w+|(?:took|taken|pulled|disconnected)\b.*\b(?:off|from) the network|offline)\b`)},
	{"We disabled accounts or keys, or changed their passwords.", regexp.MustCompile(`(?i)\b(?:disabled|deactivated|revoked|locked|reset|rotated|changed)\b.*(?:account|key|password|credential|ticket|token|svc_|adm)|\breset\b.*\w`)},
	{"We blocked connections to systems outside.", regexp.MustCompile(`(?i)\b(?:blocked|sinkholed|blackholed|denied)\b`)},
	{"We checked our backups.", regexp.MustCompile(`(?i)\b(?:restor\w+|backups?)\b`)},
	{"We secured evidence.", regexp.MustCompile(`(?i)\b(?:image[ds]?|imaging|snapshot\w*|memory (?:dump|capture)|collected|preserved|secured)\b`)},
}

// didDo is what people say they did, told by its kind: their own words are for us.
func (w *writer) didDo() []casemate.Statement {
	all := w.words(w.byStaff, dossier.TopicAction)
	if w.in.IncludeInternal {
		out, note := upTo(all, maxWords, "sentences")
		if note != "" {
			out = append(out, w.found("count", note))
		}
		return out
	}
	told := make([][]string, len(deeds))
	left := 0
	for _, s := range all {
		known := false
		for n, d := range deeds {
			if d.said.MatchString(s.Text) {
				known = true
				if !slices.Contains(told[n], s.Evidence[0]) {
					told[n] = append(told[n], s.Evidence[0])
				}
			}
		}
		if !known {
			left++
		}
	}
	var out []casemate.Statement
	for n, ids := range told {
		if len(ids) > 0 {
			out = append(out, w.found("deed", deeds[n].told, ids[:min(3, len(ids))]...))
		}
	}
	switch {
	case left > 0:
		out = append(out, w.found("count", fmt.Sprintf("[%s in our notes; a person decides which to tell.]", phrase.Count(left, "further step"))))
	case len(out) == 0:
		out = append(out, w.found("template", "[What was done: our notes say nothing of it.]"))
	}
	return out
}

// advice is what the shown steps mean for people outside.
func (w *writer) advice(i *casemate.Incident) []casemate.Statement {
	out := []casemate.Statement{w.found("template", "Treat messages with care that claim to come from us and ask for payments, passwords or changed bank details; if in doubt ask us by the contact below.")}
	if shown := w.shows(i, "credential-access"); len(shown) > 0 {
		out = append(out, w.found("template", "If you have an account with us, change its password, and the same password wherever else you use it.", shown...))
	}
	if slices.ContainsFunc(i.Techniques, func(t casemate.Technique) bool { return strings.HasPrefix(t.ID, "T1566") }) {
		out = append(out, w.found("template", "Do not open attachments of unexpected messages about this matter."))
	}
	return append(out, w.found("template", "[Signs to look for in your own network, if they are to be shared: see the case note.]"))
}
