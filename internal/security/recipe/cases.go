package recipe

import (
	"context"
	"fmt"
	"os"

	"github.com/casemate-ai/casemate/internal/security/casefile"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// CaseResult says what became of one case of a recipe.
type CaseResult struct {
	Case   string   `json:"case"`
	About  string   `json:"about,omitempty"`
	Faults []string `json:"faults"` // empty: it came as wanted
}

// Test runs the cases in the folder cases of a recipe, each with a scripted model
// that gives the replies of the case.
func (r *Recipe) Test(ctx context.Context) ([]CaseResult, error) {
	cases, err := casefile.Load(r.files, "cases/*.txtar")
	if err != nil {
		return nil, usage(fmt.Sprintf("cases of recipe %q: %v", r.Name, err), "write cases/NAME.txtar; docs/recipes.md shows one")
	}
	var out []CaseResult
	for _, c := range cases {
		faults, err := r.runCase(ctx, c)
		if err != nil {
			return out, fmt.Errorf("case %q: %w", c.Name, err)
		}
		if faults == nil {
			faults = []string{}
		}
		out = append(out, CaseResult{c.Name, c.About, faults})
	}
	return out, nil
}

func (r *Recipe) runCase(ctx context.Context, c *casefile.Case) ([]string, error) {
	dir, err := os.MkdirTemp("", "casemate-recipe-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for its input: %w", err)
	}
	defer os.RemoveAll(dir)
	in := Input{Values: r.defaults()}
	if in.Files, err = c.Unpack(dir); err != nil {
		return nil, err
	}
	if err := c.Arguments(&in.Values); err != nil {
		return nil, err
	}
	run, err := pipeline.Start(c.Options(r.Name))
	if err != nil {
		return nil, err
	}
	out, err := r.Run(ctx, run, in)
	return c.Check(out, err), nil
}

// defaults are the values of fields that nobody gives.
func (r *Recipe) defaults() map[string]any {
	values := map[string]any{}
	for _, f := range r.Input {
		values[f.Name] = f.zero()
	}
	return values
}
