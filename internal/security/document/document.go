// Package document reads what people write reports in (PDF, HTML, Markdown,
// plain text, rules, alerts as JSON or YAML) into plain text and its sentences,
// each with its place in the original.
package document

// Document is the text of one file.
type Document struct {
	Path      string     `json:"path"`
	Kind      string     `json:"kind"` // pdf, html, markdown, text, json, yaml, …
	Title     string     `json:"title,omitempty"`
	Text      string     `json:"-"` // plain text, UTF-8
	Sentences []Sentence `json:"sentences"`
	Notes     []string   `json:"notes,omitempty"` // what was left out, and why: never silent
}

// Sentence is one sentence, list item, table cell or command line.
type Sentence struct {
	Start int `json:"start"` // bytes into Text
	End   int `json:"end"`
	Page  int `json:"page,omitempty"` // of a PDF, from 1
	Line  int `json:"line,omitempty"` // of a text file, from 1
}
