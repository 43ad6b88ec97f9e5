package recipe_test

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe"
)

// A recipe runs without a model by its rules.
func ExampleRecipe_Run() {
	r, err := recipe.LoadDir("../../../examples/recipe/firewall-change")
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := pipeline.Start(pipeline.Options{Workflow: r.Name})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := r.Run(context.Background(), run, recipe.Input{Files: []string{"../../../examples/recipe/change.txt"}, Values: map[string]any{"zone": "office", "approver": ""}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.Level)
	// Output: refuse
}
