package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// ValidityOptions say what to run.
type ValidityOptions struct {
	Engine   engine.Engine              // nil: the rules alone
	Inputs   map[string]json.RawMessage // the input document of each workflow by its name; others are left out
	Seeds    int                        // how often each is run, with seeds from 1
	Budget   int                        // model calls a run; 0: the workflow's own
	Together int                        // runs at the same time; 0 is one
	Version  string
	Progress func(done, total int64)
}

// ValidityRow is what became of one workflow.
type ValidityRow struct {
	Workflow string   `json:"workflow"`
	Runs     int      `json:"runs"`
	Valid    int      `json:"valid"`
	Asked    int      `json:"asked"`              // answers that were asked of the model
	Unusable int      `json:"unusable"`           // notes on answers that could not be used: the rules' own stood
	Problems []string `json:"problems,omitempty"` // the first ten
}

// Validity runs every workflow with every seed and holds what it says against its
// schema. A model may say what it likes: the output must be valid.
func Validity(ctx context.Context, o ValidityOptions) ([]ValidityRow, error) {
	var names []string
	for name := range o.Inputs {
		names = append(names, name)
	}
	slices.Sort(names)
	total, done := int64(len(names)*o.Seeds), int64(0)
	var rows []ValidityRow
	for _, n := range names {
		w, ok := workflow.Find(n)
		if !ok {
			return rows, fmt.Errorf("there is no workflow %q", n)
		}
		schema, err := resolved(w)
		if err != nil {
			return rows, err
		}
		row := ValidityRow{Workflow: n}
		var mu sync.Mutex
		var faults []error
		var wait sync.WaitGroup
		slots := make(chan struct{}, max(1, o.Together))
		for seed := range o.Seeds {
			slots <- struct{}{}
			if ctx.Err() != nil {
				break
			}
			wait.Go(func() {
				defer func() { <-slots }()
				values, err := once(ctx, w, o, uint64(seed+1))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					faults = append(faults, fmt.Errorf("%s with seed %d: %w", n, seed+1, err))
					return
				}
				row.take(seed+1, values, schema)
				if done++; o.Progress != nil {
					o.Progress(done, total)
				}
			})
		}
		wait.Wait()
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		if len(faults) > 0 { // the others are mostly the same
			return rows, faults[0]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// resolved compiles a workflow's output schema.
func resolved(w workflow.Workflow) (*jsonschema.Resolved, error) {
	var s jsonschema.Schema
	if err := json.Unmarshal(w.OutputSchema(), &s); err != nil {
		return nil, fmt.Errorf("read the output schema of %s: %w", w.Name, err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("compile the output schema of %s: %w", w.Name, err)
	}
	return r, nil
}

// once runs a workflow and returns its objects as programs read them.
func once(ctx context.Context, w workflow.Workflow, o ValidityOptions, seed uint64) ([]any, error) {
	in := w.New()
	if err := json.Unmarshal(o.Inputs[w.Name], in); err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	var out []any
	emit := func(v any) error {
		plain, err := plainJSON(v)
		out = append(out, plain)
		return err
	}
	env := workflow.Env{Options: pipeline.Options{Workflow: w.Name, Version: o.Version, Engine: o.Engine, Seed: seed, Budget: o.Budget}}
	if w.Stream {
		env.Emit = emit
	}
	res, err := w.Run(ctx, in, env)
	if err != nil {
		return nil, err
	}
	if !w.Stream {
		err = emit(res.Value)
	}
	return out, err
}

func plainJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	var plain any
	err = json.Unmarshal(b, &plain)
	return plain, err
}

// take counts one run.
func (r *ValidityRow) take(seed int, values []any, schema *jsonschema.Resolved) {
	r.Runs++
	valid := true
	for _, v := range values {
		if err := schema.Validate(v); err != nil {
			valid = false
			if len(r.Problems) < 10 {
				r.Problems = append(r.Problems, fmt.Sprintf("seed %d: %.300s", seed, err))
			}
		}
		object, _ := v.(map[string]any)
		if p, ok := object["provenance"].(map[string]any); ok {
			calls, _ := p["model_calls"].(float64)
			notes, _ := p["notes"].([]any)
			r.Asked += int(calls)
			r.Unusable += len(notes)
		}
	}
	if valid {
		r.Valid++
	}
}
