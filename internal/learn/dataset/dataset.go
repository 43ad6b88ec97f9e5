// Package dataset reads labelled rows: CSV, TSV, JSON lines and Parquet. It finds
// the columns of text, label and group by what is in them, and says of every row
// that cannot be used where it stands and why.
package dataset

// Kind is what the rows teach.
type Kind string

// The kinds.
const (
	KindSingle     Kind = "single"     // one label of several
	KindMulti      Kind = "multi"      // any number of labels
	KindOrdinal    Kind = "ordinal"    // one label of several that have an order
	KindRegression Kind = "regression" // a number
	KindSpans      Kind = "spans"      // stretches of the text, with a label each
	KindChat       Kind = "chat"       // a prompt and its answer, or a conversation
	KindPreference Kind = "preference" // a prompt, a better answer and a worse one
)

// Span is a labelled stretch of a row's text, in bytes.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Label string `json:"label"`
}

// Turn is a message of a conversation.
type Turn struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Row is one example.
type Row struct {
	// Number is the row's in the file, from 1, the heading not counted; Line is
	// where it begins, from 1, or 0 where the format has no lines.
	Number, Line int
	Text         string
	Labels       []string // single, ordinal: one; multi: any number, sorted
	Value        float64  // regression
	Spans        []Span
	Turns        []Turn // chat, preference: the prompt, and in chat the answers
	Chosen       string // preference
	Rejected     string
	// Fields are the row's other columns.
	Fields map[string]string
}

// Problem is a row that cannot be used.
type Problem struct {
	Number, Line int
	Reason       string
}

// Table is a file of rows.
type Table struct {
	Path   string
	Digest string // "sha256:…" of the file
	Format string // "csv", "tsv", "jsonl" or "parquet"
	Kind   Kind
	// Columns are all of the file's in their order; Text, Label and Group name
	// those that are used as such. Group may be empty.
	Columns            []string
	Text, Label, Group string
	// Why says in a sentence how each was found: "the only column of sentences".
	Why map[string]string
	// Labels are all labels in use: by their order if ordinal, else sorted.
	Labels  []string
	Rows    []Row
	Skipped []Problem
}
