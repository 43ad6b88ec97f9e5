package summary

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
)

const (
	maxAskedTold = 20
	maxTasks     = 20
	soon         = 5 * time.Minute // within which a reply to a question comes
)

// asked lists what people ask, apart from what is answered later: by the next
// message of somebody else, or by a later sentence about the same things.
func (w *writer) asked() (open, answered []Question) {
	told := map[string]bool{}
	for i, s := range w.d.Words {
		if s.Topic != dossier.TopicQuestion || s.Quoted || s.Commands || !asks(s.Text) {
			continue
		}
		key := s.Author + "\n" + strings.ToLower(s.Text)
		if told[key] {
			continue // the same again
		}
		told[key] = true
		q := Question{Kind: "asked", Author: s.Author, What: w.quoteOf(s)}
		if !s.Time.IsZero() {
			at := s.Time
			q.Asked = &at
		}
		answer, sure := w.answer(i)
		if answer != "" {
			q.Answer = []string{answer}
		}
		switch {
		case sure:
			answered = append(answered, q)
		case len(open) < maxAskedTold:
			open = append(open, q)
		}
	}
	return open, answered
}

// asks reports whether a sentence is a question by itself, and not only under a
// heading of questions.
func asks(text string) bool {
	return strings.Contains(text, "?") || unsaid.MatchString(text)
}

var unsaid = regexp.MustCompile(`(?i)\b(unclear|unknown|not (yet )?(known|clear|confirmed)|do(es)? not know|don't know|need to (find out|check|know|confirm)|open question)\b`)

// quoteOf makes a statement of what one person wrote.
func (w *writer) quoteOf(s dossier.Sentence) casemate.Statement {
	text := quote(s.Text)
	if s.Author != "" {
		text = s.Author + ": " + text
	}
	return casemate.Statement{Text: text, Evidence: []string{s.Evidence}, By: casemate.DecidedByAnalyst, Support: casemate.Supported}
}

var (
	noAnswer  = regexp.MustCompile(`(?i)^(not yet|don't know|do not know|no idea|not known|i (will|'ll) (check|look|ask)|let me (check|look)|checking|good question|\?)`)
	yesNo     = regexp.MustCompile(`(?i)^(yes|no|yep|nope|not |none|nobody|me\b|it |they |he |she |that |those |so |because)`)
	stopWords = map[string]bool{"the": true, "was": true, "and": true, "are": true, "for": true, "has": true, "had": true, "who": true, "not": true, "any": true, "all": true, "you": true, "our": true, "can": true, "did": true, "why": true, "how": true, "now": true, "off": true, "out": true, "its": true, "but": true, "get": true, "that": true, "this": true, "with": true, "from": true, "have": true, "been": true, "were": true, "what": true, "when": true, "where": true, "which": true, "there": true, "their": true, "they": true, "about": true, "whether": true, "does": true, "will": true, "would": true, "could": true, "should": true, "anything": true, "something": true, "anybody": true, "between": true, "still": true, "know": true, "made": true, "call": true, "more": true, "ever": true, "used": true, "again": true, "maybe": true}
)

// answer finds the evidence that answers the i-th sentence. sure says that it
// does; otherwise it is about the same things, and no more can be told.
func (w *writer) answer(i int) (id string, sure bool) {
	q := w.d.Words[i]
	want := keys(q.Text)
	replied := false
	for j := i + 1; j < len(w.d.Words); j++ {
		s := w.d.Words[j]
		if s.Quoted || s.Commands {
			continue
		}
		same := s.Evidence == q.Evidence
		if !same && (q.Time.IsZero() || s.Time.IsZero()) {
			continue
		}
		if !same && !replied && w.conversation(s.Evidence) == w.conversation(q.Evidence) {
			replied = true // the next message of the same conversation
			if s.Author != q.Author && s.Time.Sub(q.Time) <= soon && s.Topic != dossier.TopicQuestion {
				if noAnswer.MatchString(s.Text) {
					return "", false
				}
				if yesNo.MatchString(s.Text) || len(s.Text) > 20 || shared(want, keys(s.Text)) > 0 {
					return s.Evidence, true
				}
			}
		}
		if s.Topic == dossier.TopicQuestion || noAnswer.MatchString(s.Text) {
			continue
		}
		n := shared(want, keys(s.Text))
		if n >= 2 && n*4 >= len(want)*3 || same && n >= 1 {
			return s.Evidence, true
		}
	}
	if q.Time.IsZero() { // nobody knows when it was asked: what may answer it is named
		for _, s := range w.d.Words {
			if !s.Time.IsZero() && !s.Quoted && !s.Commands && s.Topic != dossier.TopicQuestion && s.Evidence != q.Evidence && shared(want, keys(s.Text)) >= 2 {
				id = s.Evidence
			}
		}
	}
	return id, false
}

// conversation is the file that a piece stands in.
func (w *writer) conversation(id string) string {
	if e := w.pieces[id]; e != nil && e.Kind == casemate.EvidenceChat {
		return e.At.File
	}
	return id
}

// keys are the words of a sentence that say what it is about, by their first
// five letters.
func keys(text string) map[string]bool {
	out := map[string]bool{}
	for _, f := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' }) {
		if len(f) >= 3 && !stopWords[f] {
			out[f[:min(len(f), 5)]] = true
		}
	}
	return out
}

func shared(a, b map[string]bool) int {
	n := 0
	for k := range a {
		if b[k] {
			n++
		}
	}
	return n
}

// tasks lists what people say is still to be done.
func (w *writer) tasks() []casemate.Statement {
	var out []casemate.Statement
	for _, s := range w.d.Words {
		if s.Topic == dossier.TopicTask && !s.Quoted && !s.Commands && len(out) < maxTasks {
			out = append(out, w.quoteOf(s))
		}
	}
	return out
}

// instructions lists texts that speak to whoever reads the material. They are
// shown as what they are, and followed by nobody.
func (w *writer) instructions() []casemate.Statement {
	var out []casemate.Statement
	for _, s := range w.d.Words {
		if s.Commands && len(out) < 10 && !slices.ContainsFunc(out, func(o casemate.Statement) bool { return o.Evidence[0] == s.Evidence }) {
			q := w.quoteOf(s)
			q.By = casemate.DecidedByRule
			q.Text = "A text in the material speaks to whoever reads it: " + quote(s.Text)
			out = append(out, q)
		}
	}
	return out
}

// actedOn gathers the hosts, accounts and addresses that people say they acted on.
func (w *writer) actedOn() map[string][]string {
	out := map[string][]string{}
	for _, s := range w.d.Words {
		if s.Quoted || s.Commands || s.Topic != dossier.TopicAction && s.Topic != dossier.TopicDecision {
			continue
		}
		e := w.pieces[s.Evidence]
		if e == nil {
			continue
		}
		lower := strings.ToLower(s.Text)
		for _, x := range e.Entities {
			// The piece names it; so must the sentence.
			known := w.d.Entity(x.Type, x.Value)
			if known == nil || !strings.Contains(lower, strings.ToLower(x.Value)) {
				continue
			}
			key := string(known.Type) + ":" + known.Value
			out[key] = append(out[key], s.Evidence)
		}
	}
	return out
}
