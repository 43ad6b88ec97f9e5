package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/recipe"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type recipeCmd struct {
	New   recipeNewCmd   `cmd:"" help:"Copy a recipe into a new folder, to make it your own."`
	Check recipeCheckCmd `cmd:"" help:"Find the faults of recipes, each with file, line and column."`
	Test  recipeTestCmd  `cmd:"" help:"Run the cases of recipes, each with the scripted replies of a model."`
}

type recipeNewCmd struct {
	From string `arg:"" name:"from" help:"A recipe of the program (casemate run --list), or the folder of one."`
	Dir  string `arg:"" name:"dir" help:"The new folder. Its name becomes the recipe's."`
}

// Run copies the recipe.
func (c *recipeNewCmd) Run(s *streams) error {
	r, ok := recipe.Find(c.From)
	if !ok {
		if !isRecipe(c.From) {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no recipe %q", c.From), Hint: "casemate run --list names the recipes of the program; a folder of yours holds a " + recipe.File}
		}
		var err error
		if r, err = recipe.LoadDir(c.From); err != nil {
			return err
		}
	}
	if err := recipe.Copy(r, c.Dir); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.stdout, "%s is a copy of %s\ncasemate recipe check %s\ncasemate recipe test %s\ncasemate run %s FILE\n",
		report.Terminal(c.Dir), r.Name, report.Terminal(c.Dir), report.Terminal(c.Dir), report.Terminal(asPath(c.Dir)))
	return err
}

// asPath writes a folder so that run takes it for one.
func asPath(dir string) string {
	if filepath.IsAbs(dir) || dir != filepath.Base(dir) {
		return dir
	}
	return "." + string(filepath.Separator) + dir
}

// isRecipe says whether a folder is a recipe's.
func isRecipe(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, recipe.File))
	return err == nil && info.Mode().IsRegular()
}

type recipeCheckCmd struct {
	Dirs []string `arg:"" name:"dir" help:"Folders of recipes."`
}

// Run exits 1 if a recipe has faults.
func (c *recipeCheckCmd) Run(s *streams) error {
	wrong := false
	for _, dir := range c.Dirs {
		r, faults, err := recipe.CheckDir(dir)
		if err != nil {
			return err
		}
		for _, f := range faults {
			fmt.Fprintln(s.stdout, report.Terminal(placed(dir, f)))
		}
		if len(faults) > 0 {
			wrong = true
			continue
		}
		fmt.Fprintf(s.stdout, "%s: %s %s is right: rules: %d, steps: %d, checks: %d; %s\n",
			report.Terminal(dir), r.Name, r.Version, len(r.Rules), len(r.Steps), len(r.Checks), r.Digest)
	}
	if wrong {
		return exitRequest(exitFindings)
	}
	return nil
}

// placed names the folder of a fault: before its file, or before a fault of the
// folder itself.
func placed(dir, fault string) string {
	if file, _, ok := strings.Cut(fault, ":"); ok && !strings.Contains(file, " ") {
		return filepath.Join(dir, fault)
	}
	return dir + ": " + fault
}

type recipeTestCmd struct {
	Dirs []string `arg:"" name:"dir" help:"Folders of recipes, or names of recipes of the program."`
	JSON bool     `help:"Print one JSON document."`
}

// testedRecipe is a part of `recipe test --json`.
type testedRecipe struct {
	Recipe string              `json:"recipe"`
	Cases  []recipe.CaseResult `json:"cases"`
}

// Run exits 1 if a case does not come as it should.
func (c *recipeTestCmd) Run(s *streams) error {
	failed := 0
	var all []testedRecipe
	for _, dir := range c.Dirs {
		r, ok := recipe.Find(dir)
		if !ok {
			var err error
			if r, err = recipe.LoadDir(dir); err != nil {
				return err
			}
		}
		results, err := r.Test(s.ctx)
		if err != nil {
			return err
		}
		all = append(all, testedRecipe{r.Name, results})
		for _, t := range results {
			if len(t.Faults) > 0 {
				failed++
			}
			if c.JSON {
				continue
			}
			verdict := "ok    "
			if len(t.Faults) > 0 {
				verdict = "FAILED"
			}
			fmt.Fprintf(s.stdout, "%s %s/%s\n", verdict, r.Name, t.Case)
			for _, f := range t.Faults {
				fmt.Fprintln(s.stdout, "       ", report.Terminal(f))
			}
		}
	}
	if c.JSON {
		if err := writeJSON(s.stdout, map[string]any{"recipes": all}, true); err != nil {
			return err
		}
	}
	if failed > 0 {
		return exitRequest(exitFindings)
	}
	return nil
}
