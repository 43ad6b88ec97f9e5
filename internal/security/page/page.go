// Package page is the one form in which workflows show people what they found: a
// page of blocks, written for a terminal, as Markdown or as one self-contained
// HTML file. No text goes out as it came in: each writer cleans it for where it
// goes.
package page

import (
	"time"

	"github.com/casemate-ai/casemate"
)

// Page is an answer for people.
type Page struct {
	Kicker     string // what kind of page: "Incident summary"
	Title      string
	Lede       []casemate.Statement // the first sentences
	Badges     []Badge
	Blocks     []Block
	Evidence   []casemate.Evidence // what statements cite; those cited are listed at the end, with their places
	Coverage   *casemate.Coverage
	Provenance casemate.Provenance
}

// Badge is a short label with a level that gives it its colour.
type Badge struct {
	Text  string
	Level casemate.Severity
}

// Block is a part of a page: one of the types below.
type Block interface{ block() }

// Section begins a part under a heading. Note is a line below it. A part of
// Detail is for those who read all: the terminal only names it.
type Section struct {
	Title, Note string
	Detail      bool
}

// Heading begins a smaller part, within a Section. Note is a line below it.
type Heading struct{ Title, Note string }

// Prose is a paragraph of statements, each with its citations. An unsupported
// statement is marked, with why; a struck one is counted, not shown.
type Prose []casemate.Statement

// List is statements one below the other, numbered or not.
type List struct {
	Items    []casemate.Statement
	Numbered bool
}

// Text is a paragraph of ours, without citations.
type Text string

// Code is a block of text as it is: a command, a rule, a query.
type Code struct{ Language, Text string }

// Callout is a paragraph that stands out: a warning, a gap, a disagreement.
type Callout struct {
	Level casemate.Severity
	Title string
	Text  string
}

// Facts are names and values, one a line.
type Facts []Fact

// Fact is one of Facts.
type Fact struct {
	Name, Value string
	Evidence    []string
}

// Table has a head and rows. Cells are text; Evidence, where given, has the
// citations of each row. Bar is a column (from 1) of numbers that is also
// drawn as a bar, 0 is none; Full is the number of a full bar, 1 where it is 0.
type Table struct {
	Head     []string
	Rows     [][]string
	Evidence [][]string
	Bar      int
	Full     int
}

// Timeline is what happened when, in order, drawn as lanes by host in HTML and
// listed below.
type Timeline []Happening

// Happening is one line of a Timeline.
type Happening struct {
	Time, Until time.Time
	Host, User  string
	Text        string
	Severity    casemate.Severity
	Count       int
	Evidence    []string
}

// Graph is entities and what ties them, drawn in HTML and listed elsewhere.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Node is an entity of a Graph.
type Node struct {
	ID, Label string
	Type      casemate.EntityType
	Level     casemate.Severity
}

// Edge ties two nodes, by their ids.
type Edge struct {
	From, To string
	Label    string // "ran as", "connected to" …
	Count    int
	Evidence []string
	Level    casemate.Severity
}

func (Section) block()  {}
func (Heading) block()  {}
func (Prose) block()    {}
func (List) block()     {}
func (Text) block()     {}
func (Code) block()     {}
func (Callout) block()  {}
func (Facts) block()    {}
func (Table) block()    {}
func (Timeline) block() {}
func (Graph) block()    {}

// TerminalOptions says how to lay out text for a terminal.
type TerminalOptions struct {
	Width int  // columns; 0 is 100; held between 72 and 200
	Color bool // the caller knows whether it writes to a terminal and what NO_COLOR says
}
