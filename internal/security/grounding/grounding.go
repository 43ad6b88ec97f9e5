// Package grounding checks prose against the evidence that it cites. It is code,
// not a prompt: every id must exist and have its right name, and every indicator,
// host, account, path, time and number of a sentence must occur in what the
// sentence cites.
//
// What a sentence says is held against the pieces of evidence that it cites, and
// against nothing else. A sentence that needs no citation (see below) is held
// against all evidence there is. The problems that Check finds:
//
//	citation     an evidence id that does not exist; a factual sentence that cites nothing
//	unknown-id   an id of ATT&CK, CWE, D3FEND and others that no catalogue has
//	wrong-name   the name of another entry, or an invented one, beside an id
//	technique    a technique or tactic that the evidence does not show: not among its
//	             techniques, and its text has neither the id nor the name
//	indicator    an address, domain, URL, mail address, digest or CVE that is not in it
//	host, user   a machine or an account that is not in it
//	path         a file name, path or registry key; "process" for programs
//	port         a port that is not in it
//	time         a clock time, date, weekday or duration that its times do not give
//	number       an amount, count, score or percentage that it neither has nor adds up to
//	version      a version that it does not have
//	name         any other proper name or identifier that it does not have
//	quotation    words in quotation marks or backticks that are not exactly in it
//	subject      who did it to whom, told the other way round
//	cause        a cause, reason or purpose that no piece of evidence states
//	outcome      blocked for allowed, failed for succeeded, deleted for created …, or a
//	             denial that nothing in the evidence bears out
//	judgement    a severity that the evidence contradicts; benign, false positive or
//	             confirmed where no finding of ours and no person named says so
//	attribution  an actor or a state that is not named in it
//	software     malware or a tool that is not named in it
//	length       more than one statement can say: what is beyond a bound is not checked
//
// A sentence is factual, and needs a citation, unless it asks, recommends an
// action, or says that something is not known or not in the evidence. What such a
// sentence names must still occur somewhere in the evidence.
//
// A paraphrase is no problem: numbers may be words, sizes may be rounded and have
// another unit, times may lack their date or seconds, hosts their domain, accounts
// theirs, programs their extension, and indicators may be defanged. What cannot be
// held against data (an adjective, an ordinary verb) is let through: Supported
// says that nothing checkable is wrong, not that the sentence is true.
//
// Of a model's statement of several sentences each is checked by itself as well,
// so that none hides behind what another says or cites; one that begins with a
// word such as "he" or "this" is checked with the one before it.
package grounding

import (
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/sentence"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// The kinds of Problem that Check reports.
const (
	Citation, UnknownID, WrongName   = "citation", "unknown-id", "wrong-name"
	Technique, Indicator, Host       = "technique", "indicator", "host"
	User, Path, Process              = "user", "path", "process"
	Port, Time, Number               = "port", "time", "number"
	Version, Name, Quotation         = "version", "name", "quotation"
	Subject, Cause, Outcome          = "subject", "cause", "outcome"
	Judgement, Attribution, Software = "judgement", "attribution", "software"
	Length                           = "length"
)

const (
	// maxStatement is how much of a statement is checked. A longer one is no
	// sentence; it is reported as such, so nothing goes unchecked unseen.
	maxStatement = 8 << 10
	// maxMentions bounds the look-ups of one statement, and so the time that a
	// hostile one takes on evidence of megabytes.
	maxMentions = 256
	// maxSentences is how many sentences of a statement are checked by themselves.
	maxSentences = 32
	// maxProblems bounds what is reported of one statement.
	maxProblems = 32
)

// Options says what a Checker holds statements against.
type Options struct {
	Catalogue *knowledge.Catalogue // nil: the embedded one
	// Known says whether an id of a kind that the catalogue does not hold (cve,
	// capec, control …) exists, and its name; nil: no further ids are known.
	Known func(id string) (name string, ok bool)
	// Clean is what prompts do to a text before a model sees it; nil: nothing. A
	// quotation may be of the text as it is or of the cleaned text.
	Clean func(string) string
}

// Checker holds statements against one set of evidence. Its methods may be called
// from several goroutines.
type Checker struct {
	evidence map[string]*index
	all      []*index
	opt      Options
	book     *book

	tiesOnce sync.Once
	tied     map[string][]string // see ties

	knownOnce sync.Once
	known     map[string]bool // see accounts
}

// New returns a Checker of statements about evidence, which must not change
// afterwards. It does no work on a piece of evidence before a statement needs it.
func New(evidence []casemate.Evidence, opt Options) *Checker {
	c := &Checker{evidence: make(map[string]*index, len(evidence)), opt: opt}
	if c.opt.Catalogue == nil {
		c.opt.Catalogue = knowledge.Embedded()
	}
	c.book = bookOf(c.opt.Catalogue)
	c.all = make([]*index, len(evidence))
	for i := range evidence {
		x := &index{e: &evidence[i], book: c.book, clean: opt.Clean, tied: c.ties}
		c.all[i] = x
		c.evidence[evidence[i].ID] = x
	}
	return c
}

// Check returns s with Support and Problems set. Citations may stand in s.Evidence,
// in the text as "[E3]" or "[E3, E7]", or in both. The text is not changed.
func (c *Checker) Check(s casemate.Statement) casemate.Statement {
	s.Support, s.Problems = casemate.Supported, nil
	if s.Problems = c.problems(s); s.By == casemate.DecidedByModel {
		s.Problems = c.apart(s)
	}
	if len(s.Problems) > 0 {
		s.Support = casemate.Unsupported
	}
	return s
}

// apart adds to a statement's problems those of its sentences, each by itself.
func (c *Checker) apart(s casemate.Statement) []casemate.Problem {
	parts := sentence.Alone(s.Text[:min(len(s.Text), maxStatement)])
	if len(parts) < 2 {
		return s.Problems
	}
	r := &reading{problems: s.Problems}
	for _, text := range parts[:min(len(parts), maxSentences)] {
		one := casemate.Statement{Text: text, Evidence: s.Evidence}
		if _, own := sentence.Cited(text, func(id string) bool { return c.evidence[id] != nil }); len(own) > 0 {
			one.Evidence = nil // it says itself what it rests on
		}
		for _, p := range c.problems(one) {
			r.report(p.Kind, p.Text, p.Why)
		}
	}
	if len(parts) > maxSentences {
		r.report(Length, short(s.Text), "it has more sentences than a statement can")
	}
	return r.problems
}

func (c *Checker) problems(s casemate.Statement) []casemate.Problem {
	r := &reading{c: c}
	text := s.Text
	if len(text) > maxStatement {
		text = strings.ToValidUTF8(text[:maxStatement], "")
		r.report(Length, s.Text[:40]+"…", "a statement of more than 8,192 bytes is not checked beyond them")
	}
	text = indicator.Refang(straight(text))
	r.blank(text)
	r.cite(s.Evidence)
	r.verbatim()
	r.quotations()
	r.identifiers()
	r.shapes()
	r.clocks()
	r.numbers()
	r.names()
	r.words()
	r.accounts()
	if !r.copied {
		r.directions()
		r.bound()
	}
	r.claims()
	r.events()
	if r.looked > maxMentions {
		r.report(Length, short(s.Text), "it names more things than one sentence can")
	}
	return r.problems
}

// reading is one statement while it is checked.
type reading struct {
	c        *Checker
	text     string // refanged, quotation marks straight, citations blanked
	low      string // in lower case (ASCII), with the same offsets
	used     []bool // bytes that a check has dealt with
	inline   []string
	cites    int // pieces of evidence that it cites and that exist
	pool     []*index
	needs    bool // it needs a citation
	told     bool // it reports what somebody says
	copied   bool // it stands word for word in evidence that it cites
	found    int  // identifiers of it that the evidence has
	looked   int
	problems []casemate.Problem
}

// blank takes the inline citations out of the text.
func (r *reading) blank(text string) {
	spans, ids := sentence.Cited(text, func(id string) bool { return r.c.evidence[id] != nil })
	if len(spans) > 0 {
		b := []byte(text)
		for _, s := range spans {
			for i := s[0]; i < s[1]; i++ {
				b[i] = ' '
			}
		}
		text = string(b)
	}
	r.inline = ids
	r.text, r.low = text, lowASCII(text)
	r.used = make([]bool, len(text))
}

// cite finds the evidence that the statement is held against.
func (r *reading) cite(ids []string) {
	seen := map[string]bool{}
	unknown := false
	for _, id := range slices.Concat(ids, r.inline) {
		if id = strings.TrimSpace(id); id == "" || seen[id] {
			continue
		}
		seen[id] = true
		x := r.c.evidence[id]
		if x == nil {
			unknown = true
			r.report(Citation, short(id), "there is no evidence with this id")
			continue
		}
		r.pool = append(r.pool, x)
	}
	r.cites = len(r.pool)
	r.needs = sentence.NeedsCitation(r.low)
	if r.needs && r.cites == 0 && !unknown {
		r.report(Citation, short(r.text), "it states a fact and cites no evidence")
	}
	if r.cites == 0 {
		r.pool = r.c.all
	}
	r.told = sentence.ReportsSpeech(r.low)
}

func (r *reading) report(kind, text, why string) {
	p := casemate.Problem{Kind: kind, Text: strings.TrimSpace(text), Why: why}
	for _, q := range r.problems {
		if q.Kind == kind && strings.Contains(q.Text, p.Text) {
			return
		}
	}
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, p)
	}
}

// missing reports a thing that the evidence does not have, and says if other
// evidence has it.
func (r *reading) missing(kind, text string) {
	why := "it is in no piece of evidence"
	if r.cites > 0 {
		why = "it is not in the evidence cited"
		if id := r.elsewhere(text); id != "" {
			why += "; " + id + " has it"
		}
	}
	r.report(kind, text, why)
}

// elsewhere returns the id of a piece of evidence that has a text, of the first
// few thousand pieces.
func (r *reading) elsewhere(text string) string {
	const look, size = 2000, 4 << 20
	low, read := fold(text), 0
	for i, x := range r.c.all {
		if read += len(x.e.Text); i >= look || read > size {
			return ""
		}
		if x.ready(); hasToken(x.low, low) {
			return x.e.ID
		}
	}
	return ""
}

// free reports whether no check has dealt with the bytes from i to j.
func (r *reading) free(i, j int) bool { return !slices.Contains(r.used[i:j], true) }

func (r *reading) use(i, j int) {
	for k := i; k < j; k++ {
		r.used[k] = true
	}
}

// has reports whether any piece of the pool has s, folded, as a whole token.
func (r *reading) has(s string) bool {
	if r.looked++; r.looked > maxMentions {
		return true
	}
	return slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return hasToken(x.low, s) })
}

// hasAny is has for any of several.
func (r *reading) hasAny(ss ...string) bool { return slices.ContainsFunc(ss, r.has) }

// contains reports whether any piece of the pool has s, folded, anywhere.
func (r *reading) contains(s string) bool {
	if r.looked++; r.looked > maxMentions {
		return true
	}
	return slices.ContainsFunc(r.pool, func(x *index) bool { x.ready(); return strings.Contains(x.low, s) })
}

// Citations takes citations such as "[E3]" and "[E3, E7]" out of a text and returns
// the rest of it and the ids in order, each once. Ids of ATT&CK in brackets are
// left where they are.
func Citations(text string) (plain string, ids []string) { return sentence.Strip(text) }
