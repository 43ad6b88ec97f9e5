// Package dataset reads labelled rows: CSV, TSV, JSON lines, CoNLL and Parquet. It
// finds the columns of text, label and group by what is in them, and says of every
// row that cannot be used where it stands and why.
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
	KindNone       Kind = "none"       // texts alone, where Options.Unlabelled asks for them
)

// Kinds are those that a table of labelled rows may have.
var Kinds = []Kind{KindSingle, KindMulti, KindOrdinal, KindRegression, KindSpans, KindChat, KindPreference}

// Caps on what is read. What is over one is a problem of its row, or an error
// where the file as a whole is.
const (
	MaxBytes   = 512 << 20 // of all files together, as they are and decompressed
	MaxRows    = 2_000_000
	MaxColumns = 2_000
	MaxCells   = 16 << 20 // of a file, those counted that rows leave out between others
	MaxCell    = 1 << 20  // bytes of a cell
	MaxDepth   = 32       // of nested JSON
	MaxLabels  = 4_096    // different labels of a table
	MaxSpans   = 10_000   // of a row
	MaxTurns   = 1_000    // of a row
	MaxFiles   = 100
	MaxSkipped = 1_000 // problems that are kept; the others are counted
)

// Parts that a row may be given to by its file.
const (
	PartTrain      = "train"
	PartValidation = "validation"
	PartTest       = "test"
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
	// Number is the row's, from 1, the heading not counted; it runs on over
	// several files. Line is where it begins in its file, from 1, or 0 where the
	// format has no lines. File is the index into Table.Files.
	Number, Line, File int
	// Text is what is classified; of chat all contents, a line each; of
	// preferences the prompt.
	Text string
	// Labels are, of single and ordinal rows, one; of multi any number, of spans
	// those of the spans, both sorted and each once.
	Labels   []string
	Value    float64 // regression: the number; ordinal: the label's index in Table.Labels
	Spans    []Span  // by where they begin
	Turns    []Turn  // chat, preference: the prompt, and in chat the answers
	Chosen   string  // preference
	Rejected string
	// Part is PartTrain, PartValidation or PartTest where a column or the file's
	// name gives the row to one, else "".
	Part string
	// Fields are the row's other columns that are not empty, the group's too.
	Fields map[string]string
}

// Problem is a row that cannot be used. Its reason never has the row's words.
type Problem struct {
	Number, Line, File int
	Reason             string
}

// File is one that rows were read from.
type File struct {
	Path     string `json:"path"`
	Digest   string `json:"digest"` // "sha256:…" of its bytes
	Format   string `json:"format"` // "csv", "tsv", "jsonl", "json", "conll" or "parquet"
	Encoding string `json:"encoding,omitempty"`
	Bytes    int64  `json:"bytes"`
	Rows     int    `json:"rows"`
}

// Table is a file of rows, or several read as one.
type Table struct {
	Path   string // of the files, ", " between them
	Digest string // "sha256:…" of the file; of several, of their digests' text, a line each
	Format string // of the first file
	Files  []File
	Kind   Kind
	// Columns are all of the files' in their order; Text, Label, Group and Part
	// name those that are used as such. All but Text may be empty, and Text too
	// where Kind is chat or preference.
	Columns                  []string
	Text, Label, Group, Part string
	// Separator is what stands between the labels of a cell, if anything does.
	Separator string
	// Why says in a sentence how each was found, by "text", "label", "group",
	// "part", "kind", and of each "file": "the only column of sentences".
	Why map[string]string
	// Labels are all labels in use: by their order if ordinal, else sorted.
	Labels []string
	Rows   []Row
	// Skipped are the rows that cannot be used, MaxSkipped at most; SkippedRows
	// counts all of them.
	Skipped     []Problem
	SkippedRows int
}

// Options say how to read. The zero value finds everything out.
type Options struct {
	Text, Label string // columns; nested ones of JSON with dots: "alert.rule"
	Group       string // column whose equal cells belong together
	Part        string // column that gives rows to train, validation or test; "none": no column does
	Kind        Kind
	Order       []string // the labels of an ordinal table, from low to high
	Separator   string   // between the labels of a cell
	Format      string   // of all files
	Unlabelled  bool     // texts alone are wanted: no column of labels is looked for
}
