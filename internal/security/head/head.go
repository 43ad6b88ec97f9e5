// Package head holds the embedded classifiers: linear models of words, trained
// by cmd/heads-train from public data, that read a text and say which weakness,
// vector, technique or decision it describes. They are supervised models of
// words, not language models: they know what their training data showed them.
//
// A head is decoded on first use, read-only after that, and safe for concurrent
// use.
package head

// Decision is what a head says of one text. The cvss head labels with the vector
// whose score is off least on the whole, so an alternative may be likelier.
type Decision struct {
	Label        string        `json:"label"`            // the likeliest; empty where there is nothing to say
	P            float64       `json:"p"`                // calibrated probability that Label is right
	Alternatives []Alternative `json:"alternatives"`     // the next likeliest, best first, Label not among them
	Abstain      bool          `json:"abstain"`          // too unsure to act on: a person must look
	Because      []Reason      `json:"because"`          // the words that moved the decision to Label, the strongest first
	Labels       []Alternative `json:"labels,omitempty"` // of a multi-label head: all that hold, Label first
	Score        *float64      `json:"score,omitempty"`  // of the cvss head: base score, 0 to 10
	Parts        []Part        `json:"parts,omitempty"`  // of cvss and ssvc: each metric or decision point
	Note         string        `json:"note,omitempty"`   // why it abstains or what was left out: "text is empty", "not English", "only the first 65536 bytes were read"
	Head         string        `json:"head,omitempty"`   // its name
	Digest       string        `json:"digest,omitempty"` // SHA-256 of its weights, so that the answer can be had again; empty for a head that was not loaded from a file
}

// Alternative is a label and its probability.
type Alternative struct {
	Label string  `json:"label"`
	P     float64 `json:"p"`
}

// Part is one metric of a vector or one point of a decision.
type Part struct {
	Name         string        `json:"name"` // AV, AC, …; exploitation, automatable, technical_impact
	Label        string        `json:"label"`
	P            float64       `json:"p"`
	Alternatives []Alternative `json:"alternatives"`
}

// Reason is a span of the text without which Label would be less likely.
// Weight is measured by deletion: the log-odds of Label with the span, less
// those without it.
type Reason struct {
	Text   string  `json:"text"`
	Start  int     `json:"start"` // bytes into the text
	End    int     `json:"end"`
	Weight float64 `json:"weight"`
}
