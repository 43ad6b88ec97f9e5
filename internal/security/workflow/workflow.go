// Package workflow is the one table of what Casemate does: each use case is
// declared once, and commands, completion, documentation, and later routes and
// pages, come from it.
package workflow

import (
	"context"
	"encoding/json"
	"io"

	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Workflow is one use case.
type Workflow struct {
	Name    string // the command
	Group   string // "SOC", "Proactive defence" …
	Summary string // one line
	Help    string // a paragraph or two, in Markdown
	Example string // a command that runs on the examples
	// New returns a pointer to an empty input: a struct whose fields carry json
	// tags, and kong's (arg, help, enum, default, placeholder), from which flags
	// and the schema are made.
	New func() any
	// Output is a zero value of what Result.Value holds, or of one object that a
	// stream emits.
	Output any
	Stream bool // it emits objects one by one
	Model  bool // a model makes it better
	Run    func(ctx context.Context, in any, env Env) (Result, error)
}

// Env is what a run is given besides its input.
type Env struct {
	pipeline.Options
	Stdin io.Reader
	// Emit takes the objects of a stream, in order.
	Emit func(any) error
}

// Result is what a run found.
type Result struct {
	Value      any        // for programs; valid by the output schema
	Page       *page.Page // for people; nil for a stream
	Incomplete bool       // part of the input could not be used
}

// All returns the table, in the order of the documentation.
func All() []Workflow { return nil }

// Find returns a workflow by its name.
func Find(name string) (Workflow, bool) { return Workflow{}, false }

// InputSchema returns the JSON Schema (2020-12) of the workflow's input.
func (w Workflow) InputSchema() json.RawMessage { return nil }

// OutputSchema returns the JSON Schema of its output.
func (w Workflow) OutputSchema() json.RawMessage { return nil }
