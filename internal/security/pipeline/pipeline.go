// Package pipeline is what every workflow runs through: evidence with ids, model
// calls under a schema and a budget, verification of what they say, coverage,
// provenance and trace. It works without a model. docs/pipeline.md describes it.
package pipeline

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/identifier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// Options says how a run goes. The zero value works: rules, no model.
type Options struct {
	Workflow string        // its name in the table
	Version  string        // of the program
	Engine   engine.Engine // nil: no model
	Seed     uint64        // of the model's sampling and of the fences
	Strict   bool          // unsupported sentences are struck, not marked
	// Budget is how many questions a model may be asked; 0: the workflow's own
	// (see Run.Limit), negative: none. A question that is put once more because
	// its answer could not be used counts once.
	Budget  int
	DryRun  io.Writer // not nil: requests are written there, and none is made
	Trace   string    // a folder that every step is written to; "" for none
	Library *library.Library
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

// Reason says why a model's answer is not there, in words that are the same every
// time: what else an error says may be of one machine or one moment.
func Reason(err error) string {
	for _, e := range []error{ErrNoModel, ErrBudget, ErrDryRun, ErrUnusable, ErrTooLong} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return "the model could not be asked"
}

// unlimited is a budget without end.
const unlimited = -1

// Run is one workflow under way. Its methods may be called from several
// goroutines.
type Run struct {
	opt   Options
	trace *trace // nil without one

	dry   sync.Mutex // held while a request is written to Options.DryRun
	shown int        // requests written there

	mu       sync.Mutex // guards what follows
	left     int        // questions that may still be asked, or unlimited
	asked    int        // questions that were begun
	calls    int        // answers that were asked for
	limit    int        // what left began with
	prompts  map[string]casemate.Pin
	heads    map[string]casemate.Pin
	inputs   []casemate.Pin
	decided  map[string]casemate.Decider
	notes    map[string]bool
	stdin    *hashed
	held     []casemate.Pin // the library's publications, once they were read
	heldRead bool
	lists    map[string]*identifier.List
	checkers []checker
}

// Start begins a run.
func Start(o Options) (*Run, error) {
	if o.Catalogue == nil {
		o.Catalogue = knowledge.Embedded()
	}
	r := &Run{opt: o, left: unlimited, limit: unlimited, prompts: map[string]casemate.Pin{}, heads: map[string]casemate.Pin{},
		decided: map[string]casemate.Decider{}, notes: map[string]bool{}, lists: map[string]*identifier.List{}}
	if o.Budget != 0 {
		r.left = max(0, o.Budget)
		r.limit = r.left
	}
	if o.Stdin != nil {
		r.stdin = newHashed(o.Stdin)
		r.opt.Stdin = r.stdin
	}
	go program() // of some tens of megabytes: Provenance will want it
	if o.Trace != "" {
		t, err := openTrace(o)
		if err != nil {
			return nil, err
		}
		r.trace = t
	}
	return r, nil
}

// Options returns what the run was started with. What is read from its Stdin has
// its digest taken for the provenance.
func (r *Run) Options() Options { return r.opt }

// HasModel reports whether Ask can be answered, as far as is known beforehand.
// It is true of a dry run as well.
func (r *Run) HasModel() bool { return r.opt.Engine != nil && r.opt.Budget >= 0 }

// Limit sets the workflow's own budget of questions, which holds where
// Options.Budget is 0. Questions that were asked before it count.
func (r *Run) Limit(questions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opt.Budget == 0 {
		r.limit = max(0, questions)
		r.left = max(0, r.limit-r.asked)
	}
}

// Left returns how many questions may still be asked; limited is false where
// there is no end.
func (r *Run) Left() (questions int, limited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.left), r.left != unlimited
}

// Step writes a step's result into the trace, as JSON. It does nothing without a
// trace.
func (r *Run) Step(name string, v any) error {
	if r.trace == nil {
		return nil
	}
	return r.trace.write(r.trace.next(name), "step.json", v)
}

// identifiers returns the ids of a kind that a schema may name.
func (r *Run) identifiers(ctx context.Context, kind string) (*identifier.List, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.lists[kind]; ok {
		return l, nil
	}
	l, err := identifier.Load(ctx, r.opt.Catalogue, r.opt.Library, kind)
	if err != nil {
		return nil, err
	}
	r.lists[kind] = l
	return l, nil
}
