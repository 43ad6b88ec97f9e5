package main

import (
	"bytes"
	"fmt"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/trial"
)

type evalGroundingCmd struct {
	File string `placeholder:"FILE" help:"Cases of your own, one JSON object a line (docs/grounding.md); default: those in the program."`
	JSON bool   `help:"Print one JSON document."`
}

// Run prints how many lies the check of statements catches, and how many true
// sentences it strikes.
func (c *evalGroundingCmd) Run(s *streams) error {
	r, err := c.run(s)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, r, true)
	}
	return trial.WriteGrounding(s.stdout, r)
}

func (c *evalGroundingCmd) run(s *streams) (trial.GroundingReport, error) {
	if c.File == "" {
		return trial.Grounding(s.ctx)
	}
	data, err := readAtMost(c.File, 64<<20)
	if err != nil {
		return trial.GroundingReport{}, err
	}
	evidence, cases, err := trial.ReadGrounding(bytes.NewReader(data), "file")
	if err == nil && len(cases) == 0 {
		err = fmt.Errorf("no cases")
	}
	if err != nil {
		return trial.GroundingReport{}, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read cases %q", c.File), Err: err,
			Hint: `a line is {"record": {…}} with a piece of evidence, or {"kind": "true", "text": "…", "evidence": ["E1"]}`}
	}
	return trial.RunGrounding(s.ctx, evidence, cases)
}
