package main

import (
	"bufio"

	"github.com/casemate-ai/casemate/internal/security/intake"
)

type enrichCmd struct {
	Files   []string `arg:"" name:"file" help:"Alert and event files of any format, folders, .gz or .zip; - for standard input."`
	Format  string   `help:"Read every file as this format instead of detecting it."`
	Rules   []string `placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules bool     `help:"Do not run the starter pack of rules."`
	JSONL   bool     `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
	Verbose bool     `short:"v" help:"Name every line that could not be read."`
}

// Run writes one JSON object a record, in order, as they are read: the record
// with what is known about it under the key casemate.
func (c *enrichCmd) Run(s *streams) error {
	out := bufio.NewWriter(s.stdout)
	bar := newProgress(s.stderr, c.Files)
	sum, err := intake.Enrich(s.ctx, intake.EnrichInput{
		Paths: c.Files, Stdin: s.stdin, Format: c.Format, Rules: c.Rules, Bare: c.NoRules, Progress: bar.update,
	}, func(e *intake.Enriched) error {
		if _, err := out.Write(e.Line()); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
	bar.done()
	// What was enriched before an error is kept.
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return err
	}
	tellFaults(s.stderr, sum.Faults, sum.FaultCount, c.Verbose)
	if sum.FaultCount > 0 {
		return exitRequest(exitIncomplete)
	}
	return nil
}
