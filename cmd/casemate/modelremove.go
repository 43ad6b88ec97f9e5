package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelRemoveCmd struct {
	dataFlag
	Name string `arg:"" help:"A model of the store."`
}

// Run takes a model out of the store.
func (c *modelRemoveCmd) Run(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	freed, err := modelstore.New(dir).Remove(s.ctx, c.Name)
	if err != nil {
		return err
	}
	what := "deleted " + phrase.Bytes(freed) + " that no other model uses"
	if freed == 0 {
		what = "other models use its files"
	}
	_, err = fmt.Fprintf(s.stdout, "removed %s; %s\n", report.Terminal(c.Name), what)
	return err
}
