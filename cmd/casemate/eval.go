package main

import (
	"fmt"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/eval"
)

type evalCmd struct {
	AITADS aitadsCmd `cmd:"" name:"ait-ads" help:"Triage AIT-ADS scenarios with their labels removed, and compare."`
}

type aitadsCmd struct {
	File string `required:"" placeholder:"ZIP" help:"An archive of <scenario>_alerts.txt files with the columns time,name,ip,host,short,time_label,event_label."`
	JSON bool   `help:"Print one JSON document."`
}

// Run prints the table of recall, precision and labels seen.
func (c *aitadsCmd) Run(s *streams) error {
	scenarios, err := eval.AITADS(s.ctx, c.File, func(name string) {
		if isTerminal(s.stderr) {
			fmt.Fprintln(s.stderr, "triaging", name)
		}
	})
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval ait-ads", Err: err, Hint: "give the ait-ads archive, one CSV a scenario"}
	}
	if c.JSON {
		return writeJSON(s.stdout, map[string]any{"scenarios": scenarios, "mean": eval.MeanOf(scenarios)}, true)
	}
	return eval.WriteAITADS(s.stdout, scenarios)
}
