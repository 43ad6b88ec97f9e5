package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelVerifyCmd struct {
	dataFlag
	Name string `arg:"" help:"A model of the store."`
	JSON bool   `help:"Print one JSON document."`
}

// verifiedModel is what `model verify --json` prints.
type verifiedModel struct {
	Name   string                 `json:"name"`
	Digest string                 `json:"digest"`
	OK     bool                   `json:"ok"`
	Files  []modelstore.FileState `json:"files"`
}

// Run reads all files of a model and compares them with their digests.
func (c *modelVerifyCmd) Run(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	store := modelstore.New(dir)
	m, err := store.Show(c.Name)
	if err != nil {
		return err
	}
	bar := newStoreBar(s.stderr)
	states, damage := store.Verify(s.ctx, c.Name, bar.show)
	bar.done()
	if states == nil {
		return damage
	}
	if c.JSON {
		err = writeJSON(s.stdout, verifiedModel{m.Name, m.Digest, damage == nil, states}, true)
	} else {
		for _, f := range states {
			verdict := "sound"
			if !f.OK {
				verdict = f.Problem
			}
			fmt.Fprintf(s.stdout, "%s: %s\n", report.Terminal(f.Name), report.Terminal(verdict))
		}
		if damage == nil {
			_, err = fmt.Fprintf(s.stdout, "%s@%s\n", m.Name, m.Digest)
		}
	}
	if damage != nil {
		return damage
	}
	return err
}
