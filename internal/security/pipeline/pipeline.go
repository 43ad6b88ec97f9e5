// Package pipeline is what every workflow runs through: evidence with ids, model
// calls under a schema and a budget, verification of what they say, coverage,
// provenance and trace. It works without a model.
package pipeline

import (
	"context"
	"errors"
	"io"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// Options says how a run goes. The zero value works: rules, no model.
type Options struct {
	Workflow string        // its name in the table
	Version  string        // of the program
	Engine   engine.Engine // nil: no model
	Seed     uint64        // of the model's sampling and of the fences
	Strict   bool          // unsupported sentences are struck, not marked
	Budget   int           // model calls that may be made; 0: the workflow's own, negative: none
	DryRun   io.Writer     // not nil: requests are written there, and none is made
	Trace    string        // a folder that every step is written to; "" for none
	Library  *library.Library
	// Catalogue is nil for the embedded one.
	Catalogue *knowledge.Catalogue
	Stdin     io.Reader
	// Progress, if not nil, is told of long steps.
	Progress func(step string, done, total int64)
}

// Errors of Ask that leave a workflow with what its rules say.
var (
	ErrNoModel  = errors.New("no model was given")
	ErrBudget   = errors.New("the budget of model calls is spent")
	ErrDryRun   = errors.New("nothing was asked: this is a dry run")
	ErrUnusable = errors.New("the model's answer could not be used")
	ErrTooLong  = errors.New("the question is longer than the model's context")
)

// WithoutModel reports whether err is one of those errors: the workflow goes on
// with what its rules say.
func WithoutModel(err error) bool {
	for _, e := range []error{ErrNoModel, ErrBudget, ErrDryRun, ErrUnusable, ErrTooLong} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Run is one workflow under way. Its methods may be called from several
// goroutines.
type Run struct{ opt Options }

// Start begins a run.
func Start(o Options) (*Run, error) {
	if o.Catalogue == nil {
		o.Catalogue = knowledge.Embedded()
	}
	return &Run{opt: o}, nil
}

// Options returns what the run was started with.
func (r *Run) Options() Options { return r.opt }

// HasModel reports whether Ask can be answered, as far as is known beforehand.
// It is true of a dry run as well.
func (r *Run) HasModel() bool { return r.opt.Engine != nil }

// Question is one job for the model.
type Question struct {
	Step      string // names it in trace and provenance, such as "opinion/i-1a2b"
	Prompt    *prompt.Prompt
	Data      prompt.Data
	MaxTokens int // of the answer; 0: 512
}

// Ask puts a question and decodes the answer into out, after it was found valid
// by the prompt's schema. An answer that is not is asked for once more with
// another seed; then the error wraps ErrUnusable and a note goes into the
// provenance. Greedy, so the same question has the same answer.
func (r *Run) Ask(ctx context.Context, q Question, out any) error { return ErrNoModel }

// Fits reports whether a question fits into the model's context with its answer.
func (r *Run) Fits(ctx context.Context, q Question) (bool, error) { return false, ErrNoModel }

// Split cuts evidence into runs of neighbours, each of which fits into a question
// with what ask makes of it. It cuts at natural borders: files, days, gaps. One
// item that does not fit alone is given parts of its own text, under its own id.
func (r *Run) Split(ctx context.Context, evidence []casemate.Evidence, ask func([]casemate.Evidence) Question) ([][]casemate.Evidence, error) {
	return nil, ErrNoModel
}

// Verify holds statements against the evidence. What is unsupported is marked, or
// struck where Options.Strict says so. Statements of rules are checked as well:
// a template that says more than its evidence is a fault of ours.
func (r *Run) Verify(statements []casemate.Statement, evidence []casemate.Evidence) []casemate.Statement {
	return statements
}

// Decided notes who decided a field, by its path as in "incidents[].verdict".
func (r *Run) Decided(path string, by casemate.Decider) {}

// Note puts a sentence into the provenance.
func (r *Run) Note(text string) {}

// Input adds an input's digest to the provenance. It reads the file; a folder is
// read in the order of its names.
func (r *Run) Input(ctx context.Context, paths []string) error { return nil }

// InputBytes is Input for what has been read already, such as standard input.
func (r *Run) InputBytes(name string, data []byte) {}

// Step writes a step's result into the trace, as JSON. It does nothing without a
// trace.
func (r *Run) Step(name string, v any) error { return nil }

// Retrieve returns up to n passages of the knowledge base and the catalogue about
// ids and words, as evidence of kind knowledge with ids "K1", "K2" …
func (r *Run) Retrieve(ctx context.Context, ids []string, words string, n int) ([]casemate.Evidence, error) {
	return nil, nil
}

// Provenance returns what the answer rests on so far.
func (r *Run) Provenance() casemate.Provenance { return casemate.Provenance{Workflow: r.opt.Workflow} }
