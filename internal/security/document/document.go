// Package document reads what people write reports in (PDF, HTML, Markdown,
// plain text, rules, alerts as JSON or YAML) into plain text and its sentences,
// each with its place in the original. What a file is, its content decides,
// never its name. Everything takes linear time and bounded memory.
package document

// Document is the text of one file.
type Document struct {
	Path      string     `json:"path"` // an archive's member is "a.zip!dir/name"
	Kind      string     `json:"kind"` // pdf, html, markdown, text, json, stix, yaml, sigma, alert
	Title     string     `json:"title,omitempty"`
	Text      string     `json:"-"` // plain text, UTF-8
	Sentences []Sentence `json:"sentences"`
	Notes     []string   `json:"notes,omitempty"` // what was left out, and why: never silent

	// Incomplete says that part of the input could not be read or lies beyond a
	// limit: Notes name it. What is left out on purpose, such as a menu of a web
	// page or a running header, does not count.
	Incomplete bool `json:"incomplete,omitempty"`
}

// Sentence is one sentence, list item, table row or command line. Between the
// sentences of a document there is only white space; inside one there is no
// line break.
type Sentence struct {
	Start int `json:"start"` // bytes into Text
	End   int `json:"end"`
	Page  int `json:"page,omitempty"` // of a PDF, from 1
	Line  int `json:"line,omitempty"` // of a text file, from 1

	Kind    string `json:"kind,omitempty"`    // one of the Kind constants; "" is prose
	Context string `json:"context,omitempty"` // the heading above it, or its path in JSON or YAML

	// Claims are technique ids that the source itself attaches to this sentence:
	// a Sigma rule's tags stand with its title, a sensor's techniques with the
	// alert, the external reference of a STIX attack pattern with its name. They
	// are upper case and not looked up.
	Claims []string `json:"claims,omitempty"`
}

// The kinds of sentence.
const (
	KindProse   = ""
	KindHeading = "heading"
	KindItem    = "item" // of a list
	KindRow     = "row"  // of a table, its cells joined by " | "
	KindCode    = "code" // a command, a line of a script, log or rule
)

// Of returns the text of a sentence.
func (d *Document) Of(s Sentence) string { return d.Text[s.Start:s.End] }
