package casemate

import "time"

// EvidenceKind is what a piece of evidence is.
type EvidenceKind string

// The kinds of evidence. The first group comes from the input, the second is
// looked up or computed.
const (
	EvidenceAlert  EvidenceKind = "alert"  // a sensor's or rule's judgement
	EvidenceEvent  EvidenceKind = "event"  // a record of telemetry
	EvidenceLog    EvidenceKind = "log"    // a line of a log that no reader took apart
	EvidenceNote   EvidenceKind = "note"   // an analyst's words
	EvidenceChat   EvidenceKind = "chat"   // a message of a conversation
	EvidenceMail   EvidenceKind = "mail"   // a message with its headers
	EvidenceTicket EvidenceKind = "ticket" // an entry of a ticket
	EvidenceReport EvidenceKind = "report" // a sentence of a document

	EvidenceKnowledge EvidenceKind = "knowledge" // a passage of the catalogue or the knowledge base
	EvidenceFinding   EvidenceKind = "finding"   // what a rule, count or classifier of ours found
)

// Evidence is one thing that a statement can cite. Every text in it but that of
// findings and knowledge may have been written by an attacker.
type Evidence struct {
	ID     string       `json:"id"` // unique within one answer, such as "E12"
	Kind   EvidenceKind `json:"kind"`
	Record string       `json:"record,omitempty"` // the Alert's own id, or the catalogue's id of what it is about
	At     Location     `json:"at,omitzero"`
	First  time.Time    `json:"first,omitzero"`  // UTC
	Last   time.Time    `json:"last,omitzero"`   // where it stands for several records
	Count  int          `json:"count,omitempty"` // how many records it stands for; 0 is one

	Author   string   `json:"author,omitempty"` // who wrote it, of notes, chats, mails and tickets
	Host     string   `json:"host,omitempty"`
	User     string   `json:"user,omitempty"`
	Severity Severity `json:"severity,omitzero"`
	Name     string   `json:"name,omitempty"` // what the sensor calls it; the subject of a mail
	Text     string   `json:"text"`           // what it says, whole
	Entities []Entity `json:"entities,omitempty"`
	// Techniques are ATT&CK ids that a sensor or a rule attaches to it.
	Techniques []string `json:"techniques,omitempty"`
}

// Decider is who decided a field of an answer.
type Decider string

// The deciders.
const (
	DecidedByRule       Decider = "rule"       // code, catalogue or template
	DecidedByClassifier Decider = "classifier" // an embedded classifier
	DecidedByModel      Decider = "model"      // a language model, under a schema, verified
	DecidedByAnalyst    Decider = "analyst"    // a person
)

// Support says whether a statement's evidence shows what it says.
type Support string

// The levels of support.
const (
	Supported   Support = "supported"
	Unsupported Support = "unsupported" // Problems say why; it is shown marked
	Struck      Support = "struck"      // it was unsupported and left out of what people read
)

// Problem is one thing in a statement that its evidence does not show.
type Problem struct {
	Kind string `json:"kind"` // unknown-id, wrong-name, indicator, host, user, path, time, number, quotation, subject, cause, citation …
	Text string `json:"text"` // the words of the statement
	Why  string `json:"why"`  // one plain sentence
}

// Statement is one sentence of an answer with the evidence it rests on.
type Statement struct {
	Text     string    `json:"text"`
	Evidence []string  `json:"evidence,omitempty"` // ids, in order
	By       Decider   `json:"by"`
	Support  Support   `json:"support,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// CoveredPart says what one part of the input was used for.
type CoveredPart struct {
	Name    string `json:"name"`            // file, or what of it: "auth.log, lines 1–400"
	Records int    `json:"records"`         // records, sentences or lines in it
	Bytes   int64  `json:"bytes,omitempty"` // unpacked
	Cited   int    `json:"cited,omitempty"` // pieces of it that the answer cites
	Read    string `json:"read"`            // who read it: "rules", "rules and model", "nothing"
	Why     string `json:"why,omitempty"`   // why not all of it was read by all
}

// Coverage is the receipt of what became of the whole input. Its parts add up to
// the input: nothing is cut silently.
type Coverage struct {
	Parts   []CoveredPart `json:"parts"`
	Records int           `json:"records"`
	// Readings say which question to a model read which of the evidence, where it
	// took several. They are no parts of the input: they lie across them.
	Readings   []CoveredPart `json:"readings,omitempty"`
	Faults     []Fault       `json:"faults,omitempty"` // the first of them
	FaultCount int           `json:"fault_count,omitempty"`
}

// Pin names one thing that an answer rests on, exactly.
type Pin struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest,omitempty"` // "sha256:…"; "" where it is not known
	Bytes   int64  `json:"bytes,omitempty"`
}

// Provenance says what an answer rests on, so that it can be made again years
// later.
type Provenance struct {
	Workflow   string `json:"workflow"`
	Program    Pin    `json:"program"`
	Recipe     *Pin   `json:"recipe,omitempty"`
	Model      *Pin   `json:"model,omitempty"`
	Adapter    *Pin   `json:"adapter,omitempty"`
	Prompts    []Pin  `json:"prompts,omitempty"`
	Heads      []Pin  `json:"heads,omitempty"`
	Catalogues []Pin  `json:"catalogues,omitempty"`
	Inputs     []Pin  `json:"inputs"`
	Seed       uint64 `json:"seed"`
	Calls      int    `json:"model_calls"` // answers of the model that were asked for
	// Decided says who decided each field of the answer, by its path as in
	// "incidents[].verdict".
	Decided map[string]Decider `json:"decided"`
	// Notes say what of the model's answers could not be used, and why.
	Notes []string `json:"notes,omitempty"`
}
