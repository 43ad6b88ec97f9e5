// Package tuned is a team's own heads: the folder that one is kept in, its card,
// and its answers. A head rests on the embedded encoder, or on the hidden states
// of the one language model that its card names by digest; or it is an adapter of
// that model, which is asked for the label in words.
//
// A folder may come from anywhere: what it holds is checked before it is used, and
// a head whose weights are not those of its card, or whose base is another than
// the one at hand, is refused by name.
//
// Format: docs/formats/heads.md in this project's repository.
package tuned

import "time"

// Task is what a head answers.
type Task string

// The tasks.
const (
	TaskSingle     Task = "single"     // one label of several
	TaskMulti      Task = "multi"      // any number of labels, each for itself
	TaskOrdinal    Task = "ordinal"    // one label of several that have an order
	TaskRegression Task = "regression" // a number
	TaskSpans      Task = "spans"      // stretches of the text, with a label each
)

// Names of a head's folder.
const (
	CardFile    = "card.json"
	WeightsFile = "head.safetensors"
)

// Encoders, as Card.Encoder has them. EncoderLexical needs no language model.
const (
	EncoderLexical = "lexical"
	EncoderModel   = "model"
)

// Card is what a head says of itself: card.json.
type Card struct {
	Format  int       `json:"format"` // 1
	Name    string    `json:"name"`
	Task    Task      `json:"task"`
	Created time.Time `json:"created"`
	Labels  []string  `json:"labels,omitempty"` // ordinal: in their order
	// Encoder is EncoderLexical, EncoderModel or EncoderAdapter.
	Encoder string `json:"encoder"`
	// Base is the model that the head was trained on; empty with the lexical one.
	Base *Base `json:"base,omitempty"`
	// Weights is "sha256:…" of WeightsFile; with an adapter its digest.
	Weights string `json:"weights"`
	// Thresholds has, per label, the probability under which the head abstains
	// (single, ordinal) or does not give the label (multi, spans).
	Thresholds map[string]float64 `json:"thresholds,omitempty"`
	// Temperature divides the logits of single and ordinal heads.
	Temperature float64 `json:"temperature,omitempty"`
	// Scales turn the logits of a multi head, one a label.
	Scales []Scale `json:"scales,omitempty"`
	// Values are what the outputs of a regression head on the embedded encoder
	// stand for: its answer is their mean, weighted by their probabilities.
	Values []float64 `json:"values,omitempty"`
	// LeastKnown is the share of a text's features that the head must have met in
	// training; a text of which it knows less is none that it can judge.
	LeastKnown float64 `json:"least_known,omitempty"`
	// Stack is an embedded head whose opinion counts beside the head's own.
	Stack *Stack `json:"stack,omitempty"`
	// Ask is the question to a model with an adapter.
	Ask *Ask `json:"ask,omitempty"`
	// Precision is what the thresholds were chosen for.
	Precision float64 `json:"precision,omitempty"`
	// Data says what the head was trained on, by digest.
	Data DataCard `json:"data"`
	// Limits are sentences: what the head cannot do, what was overridden.
	Limits []string `json:"limits,omitempty"`
}

// Scale calibrates a logit: Slope times it, plus Offset.
type Scale struct {
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
}

// Stack names an embedded head, by the digest of its weights. The logit of a label
// is Own times the head's, plus Other times the logarithm of the probability that
// the embedded head gives the label.
type Stack struct {
	Head   string  `json:"head"`
	Digest string  `json:"digest"` // "sha256:…"
	Own    float64 `json:"own"`
	Other  float64 `json:"other"`
}

// Base names a language model and what of it a head reads.
type Base struct {
	Name   string `json:"name"`
	Digest string `json:"digest"` // "sha256:…"
	Layer  int    `json:"layer"`  // 1 to Layers; 0 after the output norm
	Pool   string `json:"pool"`   // "last", "mean" or "text"; "" of spans, which read tokens
	Width  int    `json:"width"`
}

// DataCard says what a head was trained on.
type DataCard struct {
	Path       string `json:"path"`
	Digest     string `json:"digest"` // "sha256:…" of the file
	Rows       int    `json:"rows"`
	Train      int    `json:"train"`
	Validation int    `json:"validation"`
	Test       int    `json:"test"`
	Seed       uint64 `json:"seed"`
}

// Alternative is a label and its calibrated probability.
type Alternative struct {
	Label string  `json:"label"`
	P     float64 `json:"p"`
}

// Span is a stretch of a text, in bytes, with its label.
type Span struct {
	Start int     `json:"start"`
	End   int     `json:"end"`
	Label string  `json:"label"`
	Text  string  `json:"text"`
	P     float64 `json:"p"`
}

// Reason is a word without which the answer would be less likely; Weight is the
// log-odds that it adds.
type Reason struct {
	Start  int     `json:"start"`
	End    int     `json:"end"`
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// Decision is a head's answer to a text.
type Decision struct {
	Label        string        `json:"label,omitempty"`
	P            float64       `json:"p"`
	Labels       []Alternative `json:"labels,omitempty"` // multi: those given
	Value        *float64      `json:"value,omitempty"`  // regression
	Spans        []Span        `json:"spans,omitempty"`
	Alternatives []Alternative `json:"alternatives,omitempty"`
	Because      []Reason      `json:"because,omitempty"`
	Abstain      bool          `json:"abstain"`          // too unsure to act on: a person must look
	Note         string        `json:"note,omitempty"`   // why it abstains, or what was left out
	Head         string        `json:"head,omitempty"`   // its name
	Digest       string        `json:"digest,omitempty"` // Head.Digest
}
