package main

import (
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// pages are what people read of a head, for its folder.
func (c *tuneTrainCmd) pages(t *tune.Trained, at time.Time) ([]tuned.File, error) {
	return nil, nil
}

// openEncoder makes the language model ready that is to read the texts.
func (c *tuneTrainCmd) openEncoder(s *streams, o *tune.Options) (engine.Engine, func(), error) {
	return nil, nil, &casemate.Error{Code: casemate.CodeUsage, Message: "--encoder takes lexical alone as yet", Hint: "leave it out"}
}
