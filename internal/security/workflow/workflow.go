// Package workflow is the one table of what Casemate does: each use case is
// declared once, and commands, completion, documentation, and later routes and
// pages, come from it.
package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe"
)

// Workflow is one use case.
type Workflow struct {
	Name    string // the command
	Group   string // "SOC", "Knowledge" …
	Summary string // one line
	Help    string // a paragraph or two, in Markdown
	Example string // a command that runs on the examples
	// New returns a pointer to an empty input: a struct whose fields carry json
	// tags, and kong's (arg, help, enum, default, placeholder), from which flags
	// and the schema are made.
	New func() any
	// Output is a zero value of what Result.Value holds, or of one object that a
	// stream emits.
	Output  any
	Stream  bool // it emits objects one by one
	Model   bool // a model makes it better
	Library bool // it looks things up in the knowledge base, where there is one
	Heads   bool // it asks a team's own heads, where there are some
	// Line is a zero value of the objects that it emits one by one where that is
	// asked for instead of its document; nil is none.
	Line any
	// Levels are what Result.Level may be, the least grave first: for --fail-on.
	Levels []string
	Run    func(ctx context.Context, in any, env Env) (Result, error)
}

// Env is what a run is given besides its input.
type Env struct {
	pipeline.Options
	Stdin io.Reader
	// Emit takes the objects of a stream, in order. It is nil where nobody asked
	// for them one by one.
	Emit func(any) error
	// LinesOnly says that the document itself will not be looked at.
	LinesOnly bool
	// Flush hands over what Emit has taken, for those who wait for it; it may be nil.
	Flush func() error
	// Open opens a file that is read as it comes; nil is os.Open.
	Open func(name string) (io.ReadCloser, error)
	// Own finds a team's own heads; nil where there are none.
	Own OwnHeads
}

// Result is what a run found.
type Result struct {
	Value any        // for programs; valid by the output schema
	Page  *page.Page // for people; nil for a stream
	// Text, Markdown and HTML, where not nil, write what people see in place of
	// the page.
	Text     func(io.Writer, page.TerminalOptions) error
	Markdown func(io.Writer) error
	HTML     func(io.Writer) error

	Incomplete bool             // part of the input could not be used
	Faults     []casemate.Fault // what could not be read; may be fewer than FaultCount
	FaultCount int
	Refused    []string // rules that were given and cannot be run, with the reason
	Notes      []string // what else a person should be told beside the result
	Level      string   // the gravest finding, one of the workflow's Levels; "" is none

	// Source is what a view of one command is made from.
	Source any
}

// All returns the table, in the order of the documentation.
func All() []Workflow {
	all := []Workflow{triageEntry(), summarizeEntry(), noteEntry(), investigateEntry(), explainEntry(), rankLogsEntry(), enrichEntry(), mapEntry(), askEntry(), classifyEntry()}
	for _, r := range recipe.Builtin() {
		all = append(all, FromRecipe(r))
	}
	return all
}

// Find returns a workflow by its name.
func Find(name string) (Workflow, bool) {
	for _, w := range All() {
		if w.Name == name {
			return w, true
		}
	}
	return Workflow{}, false
}

// Names of the groups, in the order of the documentation.
const (
	GroupSOC       = "SOC"
	GroupKnowledge = "Knowledge"
	GroupRecipes   = "Recipes"
)

// entry types the function of a workflow: kong and the schema see its input, and
// the function gets it as what it is.
func entry[I any](w Workflow, run func(context.Context, *I, Env) (Result, error)) Workflow {
	w.New = func() any { return new(I) }
	w.Run = func(ctx context.Context, in any, env Env) (Result, error) { return run(ctx, in.(*I), env) }
	return w
}

// usage is the error of wrong use.
func usage(message, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
}

// StepReading is the step of a run whose progress is counted in bytes.
const StepReading = "reading"

// WriteText writes the result for a terminal.
func (r Result) WriteText(w io.Writer, o page.TerminalOptions) error {
	switch {
	case r.Text != nil:
		return r.Text(w, o)
	case r.Page != nil:
		return page.WriteTerminal(w, *r.Page, o)
	}
	b, err := json.MarshalIndent(r.Value, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteMarkdown writes the result as Markdown.
func (r Result) WriteMarkdown(w io.Writer) error {
	switch {
	case r.Markdown != nil:
		return r.Markdown(w)
	case r.Page != nil:
		return page.WriteMarkdown(w, *r.Page)
	}
	return usage("this result has no form in Markdown", "leave --markdown out, or ask for --json")
}

// WriteHTML writes the result as one self-contained page.
func (r Result) WriteHTML(w io.Writer) error {
	switch {
	case r.HTML != nil:
		return r.HTML(w)
	case r.Page != nil:
		return page.WriteHTML(w, *r.Page)
	}
	return usage("this result has no page", "leave --html out, or ask for --json")
}
