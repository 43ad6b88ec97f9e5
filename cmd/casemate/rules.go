package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type rulesCmd struct {
	Check rulesCheckCmd `cmd:"" help:"Compile Sigma rules and name each one that cannot be run, with the reason."`
}

type rulesCheckCmd struct {
	Paths []string `arg:"" optional:"" name:"path" help:"Folders, .yml files or .zip archives; none checks the starter pack."`
	JSON  bool     `help:"Print one JSON document."`
}

// Run exits 1 if a rule is refused.
func (c *rulesCheckCmd) Run(s *streams) error {
	rules, err := intake.LoadRules(c.Paths, len(c.Paths) > 0)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, map[string]any{"rules": rules.Count, "refused": rules.Refused}, true)
	} else {
		for _, r := range rules.Refused {
			fmt.Fprintln(s.stdout, "refused:", report.Terminal(r.String()))
		}
		_, err = fmt.Fprintf(s.stdout, "%d rules run, %d refused\n", rules.Count, len(rules.Refused))
	}
	if err == nil && len(rules.Refused) > 0 {
		return exitRequest(exitFindings)
	}
	return err
}
