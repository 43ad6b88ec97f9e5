package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/trial"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type evalInjectionCmd struct {
	Workflow []string `placeholder:"NAME" help:"Only these workflows."`
	Family   []string `placeholder:"NAME" help:"Only these families: persona, boundary, exfiltration, override, obfuscated."`
	Field    []string `placeholder:"NAME" help:"Only these fields, such as 'user agent'."`
	JSON     bool     `help:"Print one JSON document."`
}

// Run prints what instructions in data moved. It takes no model: the worst one
// there is, which obeys all of them, stands in for it.
func (c *evalInjectionCmd) Run(s *streams) error {
	bar := newCountBar(s.stderr, "twins")
	r, err := trial.Injection(s.ctx, trial.InjectionOptions{Workflows: c.Workflow, Families: c.Family, Fields: c.Field, Progress: bar.update})
	bar.done()
	if err != nil {
		return err
	}
	if r.Twins == 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "eval injection: nothing fits the choice", Hint: "see casemate eval injection --help for what there is"}
	}
	if c.JSON {
		return writeJSON(s.stdout, r, true)
	}
	return trial.WriteInjection(s.stdout, r)
}

type evalValidityCmd struct {
	modelFlags
	Inputs      string   `required:"" placeholder:"FILE" help:"A JSON object: the input document of each workflow by its name, such as examples/inputs.json."`
	Workflow    []string `placeholder:"NAME" help:"Only these workflows of the file."`
	Seeds       int      `default:"200" help:"How often each workflow is run."`
	ModelBudget int      `name:"model-budget" placeholder:"N" help:"Model calls a run; default: the workflow's own."`
	Together    int      `default:"8" help:"Runs at the same time, which a model computes together."`
	JSON        bool     `help:"Print one JSON document."`
}

// Run prints how many outputs are valid by their schemas.
func (c *evalValidityCmd) Run(s *streams) error {
	text, err := readAtMost(c.Inputs, 1<<20)
	if err != nil {
		return err
	}
	bar := newCountBar(s.stderr, "runs")
	o := trial.ValidityOptions{Seeds: c.Seeds, Budget: c.ModelBudget, Together: c.Together, Version: version, Progress: bar.update}
	if err := json.Unmarshal(text, &o.Inputs); err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q", c.Inputs), Err: err, Hint: `give an object such as {"triage": {"files": ["alerts.json"]}}`}
	}
	if len(c.Workflow) > 0 {
		maps.DeleteFunc(o.Inputs, func(name string, _ json.RawMessage) bool { return !slices.Contains(c.Workflow, name) })
	}
	if len(o.Inputs) == 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q has no input for %s", c.Inputs, strings.Join(c.Workflow, ", ")), Hint: "see casemate run --list for the names"}
	}
	e, err := c.open(s)
	if err != nil {
		return err
	}
	defer e.Close()
	o.Engine = e
	rows, err := trial.Validity(s.ctx, o)
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, rows, true)
	}
	return writeValidity(s.stdout, rows)
}

func writeValidity(w io.Writer, rows []trial.ValidityRow) error {
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "workflow\truns\tvalid\tasked of the model\tnotes\t")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t\n", r.Workflow, r.Runs, r.Valid, r.Asked, r.Unusable)
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	for _, r := range rows {
		for _, p := range r.Problems {
			fmt.Fprintf(w, "%s: %s\n", r.Workflow, report.Terminal(p))
		}
	}
	return nil
}
