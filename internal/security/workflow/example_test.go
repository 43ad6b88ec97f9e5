package workflow_test

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// A use case is found by its name, and its input may come as a JSON document.
func ExampleFind() {
	w, _ := workflow.Find("triage")
	in, err := w.Decode([]byte(`{"files": ["../../../examples/intrusion"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Run(context.Background(), in, workflow.Env{Options: pipeline.Options{Workflow: w.Name}})
	if err != nil {
		fmt.Println(err)
		return
	}
	out := r.Value.(workflow.TriageOutput)
	fmt.Println(out.Incidents[0].Verdict, r.Level)
	// Output: likely malicious malicious
}
