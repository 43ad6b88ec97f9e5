// Package mapping reads reports, rules and alerts and says which ATT&CK
// techniques they show, sentence by sentence: it retrieves candidates from the
// knowledge base and the embedded classifier, ranks them together, and keeps
// what it can verify against the sentence. Every technique comes from the
// catalogue, and every claim shows the words that it rests on.
package mapping

// Result is the mapping of one document.
type Result struct {
	Path       string     `json:"path"`
	Kind       string     `json:"kind"` // pdf, html, markdown, text, sigma, alert, …
	Title      string     `json:"title,omitempty"`
	Read       int        `json:"read"`       // sentences read
	Sentences  []Sentence `json:"sentences"`  // those that show a technique, in the document's order
	Techniques []Found    `json:"techniques"` // of the whole document, the surest first
	Unsure     []Found    `json:"unsure"`     // below the threshold: for a person to look at
	Notes      []string   `json:"notes,omitempty"`
	Catalogue  string     `json:"catalogue"`           // version and digest of the catalogue that names come from
	Head       string     `json:"head"`                // name and digest of the classifier
	Knowledge  string     `json:"knowledge,omitempty"` // edition of the knowledge base that passages come from
}

// Sentence is one sentence that shows at least one technique.
type Sentence struct {
	Number     int    `json:"number"` // from 1, in the document's order
	Text       string `json:"text"`
	Start      int    `json:"start"` // bytes into the extracted text
	End        int    `json:"end"`
	Page       int    `json:"page,omitempty"` // of a PDF, from 1
	Line       int    `json:"line,omitempty"` // of a text file, from 1
	Techniques []Hit  `json:"techniques"`     // the surest first
}

// Hit is one technique that a sentence shows.
type Hit struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	P        float64   `json:"p"`                  // calibrated probability that the sentence shows it
	Spans    []Span    `json:"spans"`              // the words that show it
	By       []string  `json:"by"`                 // what proposed it: classifier, knowledge-base, name, id, tag
	Passages []Passage `json:"passages,omitempty"` // of the knowledge base, the nearest first
	Was      string    `json:"was,omitempty"`      // the outdated id that the text gives
}

// Span is a piece of a sentence, in bytes from the sentence's start.
type Span struct {
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Passage is a passage of the knowledge base that resembles a sentence.
type Passage struct {
	ID    string  `json:"id"` // of the entry: S0002, T1003.001, G0016
	Text  string  `json:"text"`
	Score float64 `json:"score"`
}

// Found is one technique that a document shows.
type Found struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Tactics   []string `json:"tactics"`
	P         float64  `json:"p"` // calibrated probability that the document shows it
	Sentences []int    `json:"sentences"`
	By        []string `json:"by"`
}
