package mapping

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// What proposes a technique, as Hit.By and Found.By say it.
const (
	ByID         = "id"             // the sentence gives the technique's id
	ByTag        = "tag"            // the source itself attaches the technique: a Sigma tag, a sensor's mapping
	ByName       = "name"           // the sentence gives the technique's name
	ByClassifier = "classifier"     // the embedded attack head
	ByKnowledge  = "knowledge-base" // passages of the knowledge base resemble the sentence
)

// Classifier is what Map asks of the embedded heads.
type Classifier interface {
	Classify(text string, opt head.Options) head.Decision
	Reasons(text, label string, n int) []head.Reason
	Info() head.Info
}

// Options say how to map. Head is needed; the zero value of all else works.
type Options struct {
	Head      Classifier           // the attack head
	Relevant  Classifier           // skips sentences that are not about security; nil: none is skipped
	Behaviour Classifier           // says how likely a sentence tells what an attacker does at all; nil: each is taken to
	Library   *library.Library     // nil: works without
	Catalogue *knowledge.Catalogue // nil: the embedded one
	Threshold float64              // of a document's techniques; 0: DefaultThreshold
	Domain    knowledge.Domain     // empty: enterprise, or another if the document speaks of phones or plants throughout; an id or a tag may name any
	Exclude   []string             // ids of software, groups and campaigns whose passages are not to be used
	Progress  func(done int)       // sentences read so far
}

// DefaultThreshold is the probability from which a document counts as showing a
// technique; what lies below is listed as unsure. On the reports it was chosen
// on, those of `casemate eval report --tuning`, about as much is missed as is
// wrongly found.
const DefaultThreshold = 0.31

// The limits of a document. What lies beyond is counted and said in the notes.
const (
	maxSentences       = 200_000
	maxRetrievals      = 1_000 // sentences looked up in the knowledge base: the ones with the likeliest candidates
	maxHits            = 8     // techniques of one sentence
	maxPassages        = 3     // passages shown for a technique
	maxSentencesListed = 500   // sentences in the result
	maxUnsure          = 50
	hitFloor           = 0.12 // a sentence's candidates below this are not kept
	sentenceShown      = 0.30 // a sentence is listed from here
	clauseTrust        = 0.8  // what a judgement on a clause alone is worth
	benefit            = 1.5  // of the doubt: sentences that tell of behaviour are more varied than those that the head learnt from
	relevanceFloor     = 0.15 // below this probability of being about security a sentence is passed over
)

// mapper is the state of one Map.
type mapper struct {
	opt       Options
	catalogue *knowledge.Catalogue
	names     *nameIndex
	exclude   map[string]bool
	notes     []string
	skipped   int  // not about security
	barred    int  // negated, advice, references
	isLog     bool // the document is a log, which the classifiers have not learnt to read
	logs      int  // its lines
	foreign   int  // in another language
}

// Map says which techniques a document shows. It fails only if ctx ends or the
// knowledge base cannot be read.
func Map(ctx context.Context, doc *document.Document, opt Options) (*Result, error) {
	if opt.Domain == "" {
		opt.Domain = domainOf(doc)
	}
	m := newMapper(opt)
	m.isLog = isLog(doc)
	r := &Result{Path: doc.Path, Kind: doc.Kind, Title: doc.Title, Sentences: []Sentence{}, Techniques: []Found{}, Unsure: []Found{},
		Catalogue: m.catalogueName(), Head: headName(opt.Head)}
	if opt.Library != nil {
		r.Knowledge = opt.Library.Edition()
	}
	sentences, err := m.readAll(ctx, doc)
	if err != nil {
		return nil, err
	}
	r.Read = len(sentences)
	if err := m.retrieve(ctx, sentences); err != nil {
		return nil, err
	}
	m.conclude(r, sentences)
	r.Notes = append(slices.Clone(doc.Notes), m.finalNotes()...)
	return r, nil
}

// isLog says whether most lines of a document are those of a log. A few may as
// well be the timeline of a report.
func isLog(doc *document.Document) bool {
	lines := 0
	for _, s := range doc.Sentences {
		if document.IsLog(doc.Of(s)) {
			lines++
		}
	}
	return 2*lines > len(doc.Sentences)
}

func newMapper(opt Options) *mapper {
	m := &mapper{opt: opt, catalogue: opt.Catalogue, exclude: map[string]bool{}}
	if m.catalogue == nil {
		m.catalogue = knowledge.Embedded()
	}
	if m.opt.Threshold <= 0 {
		m.opt.Threshold = DefaultThreshold
	}
	for _, id := range opt.Exclude {
		m.exclude[strings.ToUpper(id)] = true
	}
	m.names = indexNames(m.catalogue, m.opt.Domain)
	return m
}

// read is one sentence on its way through the steps.
type read struct {
	number    int // from 1
	text      string
	place     document.Sentence
	hits      []*candidate // by id
	likeliest float64
}

// candidate is a technique that a sentence may show.
type candidate struct {
	technique knowledge.Technique
	p         float64
	stated    bool // the text or its source names it: no classifier's judgement
	by        []string
	spans     []Span
	passages  []Passage
	was       string
}

// readAll proposes and verifies techniques for each sentence, without the
// knowledge base.
func (m *mapper) readAll(ctx context.Context, doc *document.Document) ([]*read, error) {
	list := doc.Sentences
	if len(list) > maxSentences {
		m.notes = append(m.notes, fmt.Sprintf("only the first %d of %d sentences were read", maxSentences, len(list)))
		list = list[:maxSentences]
	}
	out := make([]*read, 0, len(list))
	for i, s := range list {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if m.opt.Progress != nil {
				m.opt.Progress(i)
			}
		}
		x := &read{number: i + 1, text: doc.Of(s), place: s}
		m.propose(x)
		out = append(out, x)
	}
	if m.opt.Progress != nil {
		m.opt.Progress(len(list))
	}
	return out, nil
}

// propose fills in what the sentence states and what the classifier thinks.
func (m *mapper) propose(x *read) {
	m.stated(x)
	if x.place.Kind == document.KindHeading || inReferences(x.place.Context) || isReference(x.text) {
		return
	}
	switch prose := x.place.Kind != document.KindCode; {
	case m.isLog && len(x.place.Claims) == 0:
		m.logs++
	case prose && head.Foreign(x.text):
		m.foreign++
	case prose && len(x.hits) == 0 && m.opt.Relevant != nil && m.irrelevant(x.text):
		m.skipped++
		return
	default:
		m.classify(x)
	}
	x.settleFamilies()
	slices.SortStableFunc(x.hits, func(a, b *candidate) int {
		if c := cmp.Compare(b.p, a.p); c != 0 {
			return c
		}
		return cmp.Compare(a.technique.ID, b.technique.ID)
	})
	x.hits = x.hits[:min(len(x.hits), maxHits)]
	for _, h := range x.hits {
		x.likeliest = max(x.likeliest, h.p)
	}
}

// settleFamilies lets a sub-technique that the sentence states take over what the
// classifier says of its technique: both speak of one thing, and the sentence
// says which.
func (x *read) settleFamilies() {
	for _, child := range x.hits {
		if child.technique.Parent == "" || !child.states() {
			continue
		}
		i := slices.IndexFunc(x.hits, func(c *candidate) bool { return c.technique.ID == child.technique.Parent })
		if i < 0 || x.hits[i].states() {
			continue
		}
		parent := x.hits[i]
		x.add(child.technique, parent.p, ByClassifier, "", parent.spans)
		x.hits = slices.Delete(slices.Clone(x.hits), i, i+1)
	}
}

// states says that the sentence or its source gives the technique itself.
func (c *candidate) states() bool {
	return slices.ContainsFunc(c.by, func(by string) bool { return by == ByID || by == ByTag || by == ByName })
}

// irrelevant says that a sentence is surely not about security.
func (m *mapper) irrelevant(text string) bool {
	return chance(m.opt.Relevant, text, head.RelevantYes) < relevanceFloor
}

// tells is the probability that a sentence tells what an attacker does. The
// attack head takes that for granted: it names the likeliest technique of
// whatever it is given. A command or a line of a rule is always taken to.
func (m *mapper) tells(x *read) float64 {
	if m.opt.Behaviour == nil || x.place.Kind == document.KindCode || len(x.place.Claims) > 0 {
		return 1
	}
	return chance(m.opt.Behaviour, x.text, head.BehaviourYes)
}

// chance is the probability that a head of two labels gives to one of them, and
// 1 of a text that the head knows nothing of.
func chance(c Classifier, text, label string) float64 {
	d := c.Classify(text, head.Options{Because: -1, Alternatives: -1})
	switch d.Label {
	case "":
		return 1
	case label:
		return d.P
	}
	return 1 - d.P
}

// classify adds what the head proposes and the sentence can show: of the whole
// and, since a sentence often tells of several things and the head of one, of
// its clauses.
func (m *mapper) classify(x *read) {
	if m.opt.Head == nil {
		return
	}
	tells := min(1, benefit*m.tells(x))
	pieces := append([][2]int{{0, len(x.text)}}, clauses(x.text)...)
	best := map[string]proposal{} // by technique, sub-techniques folded
	var order []string
	for i, at := range pieces {
		d := m.opt.Head.Classify(x.text[at[0]:at[1]], head.Options{Alternatives: maxHits, Because: -1, Style: string(m.opt.Domain)})
		if d.Label == "" {
			continue
		}
		for _, a := range append([]head.Alternative{{Label: d.Label, P: d.P}}, d.Alternatives...) {
			a.P *= tells
			if i > 0 {
				a.P *= clauseTrust
			}
			family, _, _ := strings.Cut(a.Label, ".")
			had, known := best[family]
			if a.P < hitFloor || known && had.P >= a.P {
				continue
			}
			if !known {
				order = append(order, family)
			}
			best[family] = proposal{a, at[0], at[1]}
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(best[b].P, best[a].P) })
	for _, family := range order[:min(len(order), maxHits)] {
		m.propound(x, best[family])
	}
}

// proposal is a technique that the head sees in a piece of a sentence.
type proposal struct {
	head.Alternative
	start, end int // of the piece
}

// propound verifies one proposal of the classifier: the technique stands in the
// catalogue, and words of the sentence, not denied by it, carry the judgement.
func (m *mapper) propound(x *read, a proposal) {
	t, _, ok := m.catalogue.Resolve(a.Label)
	if !ok || t.Status != knowledge.Current {
		return
	}
	const spans = 3
	reasons := m.opt.Head.Reasons(x.text[a.start:a.end], a.Label, spans)
	for i := range reasons {
		reasons[i].Start += a.start
		reasons[i].End += a.start
	}
	shown := verified(x.text, reasons)
	if len(shown) == 0 {
		return
	}
	if denied(x.text, shown) || isAdvice(x.text, x.place.Context) {
		m.barred++
		return
	}
	x.add(t, a.P, ByClassifier, "", shown)
}

// add joins what proposes the same technique: independent signs add up as
// independent chances do, but a classifier's word does not outweigh a statement.
func (x *read) add(t knowledge.Technique, p float64, by, was string, spans []Span) {
	i := slices.IndexFunc(x.hits, func(c *candidate) bool { return c.technique.ID == t.ID })
	if i < 0 {
		x.hits = append(x.hits, &candidate{technique: t})
		i = len(x.hits) - 1
	}
	c := x.hits[i]
	c.p = 1 - (1-c.p)*(1-p)
	c.stated = c.stated || by == ByID || by == ByTag
	if !slices.Contains(c.by, by) {
		c.by = append(c.by, by)
	}
	if c.was == "" {
		c.was = was
	}
	for _, s := range spans {
		if !slices.ContainsFunc(c.spans, func(o Span) bool { return o.Start < s.End && s.Start < o.End }) {
			c.spans = append(c.spans, s)
		}
	}
	slices.SortFunc(c.spans, func(a, b Span) int { return a.Start - b.Start })
}

// catalogueName says where names come from.
func (m *mapper) catalogueName() string {
	for _, v := range m.catalogue.Versions() {
		if v.Key == "attack-"+string(m.opt.Domain) {
			return fmt.Sprintf("ATT&CK %s %s, facts sha256:%s", m.opt.Domain, v.Version, m.catalogue.Digest())
		}
	}
	return "facts sha256:" + m.catalogue.Digest()
}

func headName(h Classifier) string {
	if h == nil {
		return ""
	}
	i := h.Info()
	return fmt.Sprintf("%s %s sha256:%s", i.Name, i.Version, i.Digest)
}

// finalNotes says what was passed over.
func (m *mapper) finalNotes() []string {
	notes := m.notes
	if m.skipped > 0 {
		notes = append(notes, fmt.Sprintf("%s passed over as not about security", count(m.skipped, "sentence was", "sentences were")))
	}
	if m.barred > 0 {
		notes = append(notes, fmt.Sprintf("%s set aside: the sentence denies it, or advises against it", count(m.barred, "technique was", "techniques were")))
	}
	if m.foreign > 0 {
		notes = append(notes, fmt.Sprintf("%s not in English: only ids, tags and names were looked for there", count(m.foreign, "sentence is", "sentences are")))
	}
	if m.logs > 0 {
		notes = append(notes, fmt.Sprintf("%s searched for ids and names alone: casemate triage and casemate explain read logs", count(m.logs, "line of a log was", "lines of logs were")))
	}
	if m.opt.Library == nil {
		notes = append(notes, "no knowledge base was used: judgements rest on the embedded classifier and catalogue alone")
	}
	return notes
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
