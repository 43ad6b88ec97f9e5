package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/recipe"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

type runCmd struct {
	List bool     `help:"List the workflows and the recipes that are built in."`
	JSON bool     `help:"With --list: print one JSON document, with the schemas of inputs and outputs."`
	Docs string   `placeholder:"FILE" hidden:"" help:"Write the documentation of all workflows."`
	Rest []string `arg:"" optional:"" passthrough:"" name:"workflow" help:"A workflow (--list) or the folder of a recipe, then its files and flags: casemate run NAME --help tells them; --input takes the whole input as a document."`
}

// listedWorkflow is a row of `run --list --json`.
type listedWorkflow struct {
	Name    string          `json:"name"`
	Group   string          `json:"group"`
	Summary string          `json:"summary"`
	Example string          `json:"example"`
	Model   bool            `json:"model"`  // a language model makes it better
	Stream  bool            `json:"stream"` // it writes objects of the output one a line
	Levels  []string        `json:"levels,omitempty"`
	Input   json.RawMessage `json:"input"`
	Output  json.RawMessage `json:"output"`
	Line    json.RawMessage `json:"line,omitempty"` // of --jsonl
}

// Run runs what is named, or lists what can be.
func (c *runCmd) Run(s *streams) error {
	switch {
	case c.Docs != "":
		return writeFile(c.Docs, workflow.WriteDocs)
	case c.List:
		return c.list(s)
	case len(c.Rest) == 0 || strings.HasPrefix(c.Rest[0], "-"):
		return &casemate.Error{Code: casemate.CodeUsage, Message: "run needs the name of a workflow or the folder of a recipe", Hint: "casemate run --list names them"}
	}
	w, err := named(c.Rest[0])
	if err != nil {
		return err
	}
	document := givesDocument(c.Rest[1:])
	cmd := newWorkflowCmd(w, document)
	options := append(parserOptions(s.stdout, s.stderr), kong.Name("casemate run "+c.Rest[0]), kong.Description(w.Summary), kong.Vars{"levels": listed(w.Levels)})
	parser, err := kong.New(cmd, options...)
	if err != nil {
		return fmt.Errorf("flags of %q: %w", w.Name, err)
	}
	err = parseAndRun(parser, c.Rest[1:], s)
	var e *casemate.Error
	if document && errors.As(err, &e) && (strings.HasPrefix(e.Message, "unexpected argument") || strings.HasPrefix(e.Message, "unknown flag")) {
		e.Hint = "with --input the document is the whole input: files and the workflow's own flags belong into it"
	}
	return err
}

// givesDocument says whether arguments give the input as a document.
func givesDocument(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--input" || strings.HasPrefix(a, "--input=") })
}

// named returns a workflow of the table, or that of a recipe's folder.
func named(name string) (workflow.Workflow, error) {
	if w, ok := workflow.Find(name); ok {
		return w, nil
	}
	if isRecipe(name) {
		r, err := recipe.LoadDir(name)
		if err != nil {
			return workflow.Workflow{}, err
		}
		return workflow.FromRecipe(r), nil
	}
	return workflow.Workflow{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no workflow %q", name), Hint: "casemate run --list names them; the folder of a recipe holds a " + recipe.File}
}

// list prints the table.
func (c *runCmd) list(s *streams) error {
	all := workflow.All()
	if c.JSON {
		rows := []listedWorkflow{}
		for _, w := range all {
			rows = append(rows, listedWorkflow{w.Name, w.Group, w.Summary, w.Example, w.Model, w.Stream, w.Levels, w.InputSchema(), w.OutputSchema(), w.LineSchema()})
		}
		return writeJSON(s.stdout, map[string]any{"workflows": rows}, true)
	}
	width := 0
	groups := map[string][]workflow.Workflow{}
	first := map[string]int{}
	for i, w := range all {
		width = max(width, len(w.Name))
		if groups[w.Group] == nil {
			first[w.Group] = i
		}
		groups[w.Group] = append(groups[w.Group], w)
	}
	order := slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	for i, g := range order {
		if i > 0 {
			fmt.Fprintln(s.stdout)
		}
		fmt.Fprintln(s.stdout, g)
		for _, w := range groups[g] {
			lines := workflow.Fold(report.Terminal(w.Summary), max(terminalWidth(s.stdout)-width-4, minShownColumn))
			fmt.Fprintf(s.stdout, "  %-*s  %s\n", width, w.Name, lines[0])
			for _, l := range lines[1:] {
				fmt.Fprintf(s.stdout, "  %-*s  %s\n", width, "", l)
			}
		}
	}
	return nil
}
