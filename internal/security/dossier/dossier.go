// Package dossier reads the material of an incident (alerts, events, logs, notes,
// chats, tickets, mails, reports, in any mixture and size) and makes one body of
// evidence of it: pieces with ids, ranked incidents, entities and what ties them,
// a timeline. It is where summaries, notes and investigations start. No language
// model takes part.
package dossier

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/words"
)

// Input says what to read. Paths is all that is needed.
type Input struct {
	Paths    []string
	Stdin    io.Reader
	Format   string
	Rules    []string
	Bare     bool   // without the starter pack of rules
	Assets   string // inventory in CSV, or ""
	Suppress string // known-benign list, or ""
	AsOf     time.Time
	Version  string
	Progress func(bytesRead int64)
}

// Dossier is the body of evidence. Records of sensors come in as alerts and
// events; of a large input only those that the incidents name, and what stands
// near them, become evidence of their own, and the rest is counted in Coverage.
type Dossier struct {
	Evidence []casemate.Evidence // in the order of time, those without one last; ids "E1" …
	Triage   report.Triage       // of its alerts and events
	// Chosen are the incidents of Triage that are told: those above "likely
	// benign", or all where there are few, in their order.
	Chosen   []casemate.Incident
	Moments  []Moment   // of the chosen incidents, in the order of time
	Words    []Sentence // what people wrote, sentence by sentence, in order
	Entities []Entity   // the most involved first
	Links    []Link
	First    time.Time
	Last     time.Time
	Coverage casemate.Coverage
	Inputs   []casemate.Pin // the digest of each file

	known *tally
}

// Own reports whether a domain is one of the network's own, as far as the names
// of its machines tell.
func (d *Dossier) Own(domain string) bool { return d.known.own(domain) }

// Moment is a moment of a chosen incident and the evidence made of it. Several
// moments share one piece of evidence where a long incident is told in groups.
type Moment struct {
	casemate.Moment
	Incident string // its id
	Rank     int    // of the incident
	ID       string // of the evidence, such as "E12"
}

// Sentence is one sentence that a person wrote.
type Sentence struct {
	Evidence string // the id of its piece of evidence
	Text     string
	Topic    Topic
	P        float64 // how sure the rule or classifier is, 0 to 1
	// Techniques are ATT&CK ids that the classifiers read out of it.
	Techniques []string
	Author     string
	Time       time.Time // of its piece, or the one that the sentence begins with
	// Quoted says that its author passes on what somebody else wrote: a quoted
	// mail, the phishing mail itself. It is evidence, and nobody's finding.
	Quoted bool
	// Commands says that it speaks to whatever reads it ("ignore your
	// instructions", "close this alert"): it is shown as a quotation or not at all.
	Commands bool
}

// Topic is what a sentence is about.
type Topic = words.Topic

// The topics.
const (
	TopicObservation = words.TopicObservation // what was seen
	TopicAction      = words.TopicAction      // what somebody of ours did
	TopicHypothesis  = words.TopicHypothesis  // what somebody thinks
	TopicQuestion    = words.TopicQuestion    // what somebody asks
	TopicDecision    = words.TopicDecision
	TopicTask        = words.TopicTask // what is still to be done
	TopicImpact      = words.TopicImpact
	TopicOther       = words.TopicOther
)

// Entity is a thing that the evidence is about, and how it is involved. Its
// Value is the same for all spellings: of hosts the name without its domain, of
// users the name without theirs, in lower case.
type Entity struct {
	casemate.Entity
	Label      string   // as people read it: the spelling that occurs most
	Names      []string // other spellings
	Evidence   []string // ids, the gravest first
	Count      int      // records and sentences that name it
	InWords    bool     // people name it
	InRecords  bool     // sensors name it
	First      time.Time
	Last       time.Time
	Severity   casemate.Severity // the gravest record
	Techniques []string
	Asset      *casemate.Asset // of a host in the inventory
}

// Link ties two entities, by the Type and Value that Entities have.
type Link struct {
	From, To casemate.Entity
	Verb     string // one of the Verb constants
	Count    int
	First    time.Time
	Last     time.Time
	Severity casemate.Severity
	Evidence []string
}

// Read reads all of it. Memory is bounded whatever the size of the input.
func Read(ctx context.Context, in Input) (*Dossier, error) {
	r, err := newReader(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, path := range in.Paths {
		if err := r.path(path); err != nil {
			return nil, err
		}
	}
	if err := r.nothing(); err != nil {
		return nil, err
	}
	return r.dossier(), nil
}

// Piece returns the evidence of an id, or nil.
func (d *Dossier) Piece(id string) *casemate.Evidence {
	if n := number(id); n > 0 && n <= len(d.Evidence) && d.Evidence[n-1].ID == id {
		return &d.Evidence[n-1] // as they are numbered
	}
	for i := range d.Evidence {
		if d.Evidence[i].ID == id {
			return &d.Evidence[i]
		}
	}
	return nil
}

// Entity returns the entity of a type that goes by a name in any of its
// spellings, or nil.
func (d *Dossier) Entity(t casemate.EntityType, name string) *Entity {
	want := clipped(canonical(t, name))
	for i := range d.Entities {
		if e := &d.Entities[i]; e.Type == t && e.Value == want {
			return e
		}
	}
	return nil
}

// Cited returns the evidence of the ids that are given, each once, in its order.
func (d *Dossier) Cited(ids ...[]string) []casemate.Evidence {
	want := map[string]bool{}
	for _, list := range ids {
		for _, id := range list {
			want[id] = true
		}
	}
	var out []casemate.Evidence
	for _, e := range d.Evidence {
		if want[e.ID] {
			out = append(out, e)
		}
	}
	return slices.Clip(out)
}

// Receipt is the coverage with how much of each file is cited, and what of its
// evidence a model has read. A nil read is nothing.
func (d *Dossier) Receipt(cited []casemate.Evidence, read map[string]bool) casemate.Coverage {
	type counts struct{ pieces, cited, read int }
	files := make(map[string]*counts, len(d.Coverage.Parts))
	c := d.Coverage
	c.Parts = slices.Clone(c.Parts)
	for _, p := range c.Parts {
		files[p.Name] = &counts{}
	}
	for i := range cited {
		if n := files[cited[i].At.File]; n != nil {
			n.cited++
		}
	}
	for i := range d.Evidence {
		e := &d.Evidence[i]
		if n := files[e.At.File]; n != nil {
			n.pieces++
			if read[e.ID] {
				n.read++
			}
		}
	}
	for i := range c.Parts {
		p := &c.Parts[i]
		n := files[p.Name]
		p.Cited = n.cited
		if n.read > 0 {
			p.Read = "rules and model"
			p.Why = strings.TrimPrefix(p.Why+fmt.Sprintf("; the model read %d of its %d pieces of evidence", n.read, n.pieces), "; ")
		}
	}
	return c
}
