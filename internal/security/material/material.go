// Package material reads what the workflows on an incident are given, and pins in
// the provenance all that took part: the files, the inventory, the suppressions,
// the rules and the embedded classifiers. One home keeps their inputs and their
// provenance alike.
package material

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Input says what to read. The zero value of all but Files works.
type Input struct {
	Files    []string
	Format   string // of the logs; "" finds it out
	Rules    []string
	NoRules  bool // without the built-in rules
	Assets   string
	Suppress string
	AsOf     string // dates timestamps without a year, as 2026-03-04; "" takes the time of each file
	// Stdin is what "-" stands for; nil is the run's own.
	Stdin io.Reader
}

// Read makes the body of evidence, adds the step "dossier" to the trace, and pins
// what was read.
func Read(ctx context.Context, run *pipeline.Run, in Input) (*dossier.Dossier, error) {
	if len(in.Files) == 0 {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "no material was given", Hint: "name the files or folders of the incident, or - for standard input; try: casemate summarize examples/incident"}
	}
	asOf, err := evidence.Day("--as-of", in.AsOf)
	if err != nil {
		return nil, err
	}
	opt := run.Options()
	if in.Stdin == nil && opt.Stdin != nil {
		in.Stdin = opt.Stdin
	}
	d, err := dossier.Read(ctx, dossier.Input{
		Paths: in.Files, Stdin: in.Stdin, Format: in.Format, Rules: in.Rules, Bare: in.NoRules, Assets: in.Assets, Suppress: in.Suppress,
		AsOf: asOf, Version: opt.Version, Progress: func(n int64) {
			if opt.Progress != nil {
				opt.Progress("read", n, 0)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := pin(ctx, run, in, d); err != nil {
		return nil, err
	}
	return d, run.Step("dossier", d)
}

// pin says in the provenance what took part. The run pins standard input itself.
func pin(ctx context.Context, run *pipeline.Run, in Input, d *dossier.Dossier) error {
	for _, p := range d.Inputs {
		if p.Name != evidence.Stdin {
			run.AddInput(p)
		}
	}
	for _, path := range append([]string{in.Assets, in.Suppress}, in.Rules...) {
		if path == "" {
			continue
		}
		if err := run.Input(ctx, []string{path}); err != nil {
			return fmt.Errorf("pin inputs: %w", err)
		}
	}
	if len(d.Words) == 0 {
		return nil // the classifiers read what people wrote
	}
	for _, name := range []string{"behaviour", "attack"} {
		h, err := head.Open(name)
		if err != nil {
			continue // it is embedded, and the dossier went on without it, too
		}
		info := h.Info()
		run.AddHead(casemate.Pin{Name: name, Version: info.Version, Digest: "sha256:" + strings.TrimPrefix(info.Digest, "sha256:"), Bytes: int64(info.Bytes)})
	}
	return nil
}
