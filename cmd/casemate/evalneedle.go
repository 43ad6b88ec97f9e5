package main

import (
	"github.com/casemate-ai/casemate/internal/learn/needle"
)

type evalNeedleCmd struct {
	File []string `placeholder:"FILE" help:"JSON lines with a text (or line, statement, message) and a label; without one the embedded invented stacks serve."`
	Size int      `placeholder:"N" help:"Make the embedded stacks of so many lines each."`
	Seed uint64   `help:"Of the embedded stacks."`
	JSON bool     `help:"Print one JSON document."`
}

// Run prints recall, area and baselines of each stack.
func (c *evalNeedleCmd) Run(s *streams) error {
	opt := needle.Options{Size: c.Size, Seed: c.Seed}
	opt.Run.Workflow, opt.Run.Version = "rank-logs", version
	var results []needle.Result
	var err error
	if len(c.File) == 0 {
		results, err = needle.Embedded(s.ctx, opt)
	}
	for _, f := range c.File {
		var r needle.Result
		if r, err = needle.File(s.ctx, f, opt); err != nil {
			break
		}
		results = append(results, r)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, results, true)
	}
	return needle.Write(s.stdout, results)
}
