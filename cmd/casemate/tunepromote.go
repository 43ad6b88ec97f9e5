package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

type tunePromoteCmd struct {
	ownHeadFlags
	ownKindFlag
	rowsFlags
	Name     string `arg:"" help:"NAME (the newest version) or NAME@VERSION."`
	Override string `placeholder:"REASON" help:"Let it in whatever speaks against it. The reason is kept in the record."`
	Check    bool   `help:"Only say what would happen; exit 1 if it would be refused."`
	JSON     bool   `help:"Print one JSON document."`
}

// Run lets a version into service, or says what speaks against it.
func (c *tunePromoteCmd) Run(s *streams) error {
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	v, err := newestOrNamed(r, c.kind(), c.Name)
	if err != nil {
		return err
	}
	o := registry.PromoteOptions{At: time.Now().UTC().Truncate(time.Second), Override: c.Override, Check: c.Check}
	if _, err := os.Stat(filepath.Join(v.Dir, tuned.CardFile)); err == nil { // it answers texts
		o.Answer = headAnswers{s: s, flags: c.ownHeadFlags}.again(&c.rowsFlags, v)
	}
	p, err := r.Promote(s.ctx, v, o)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, p, true)
	} else {
		err = printPromotion(s.stdout, p, c.Check)
	}
	if err == nil && len(p.Refusals) > 0 && !p.Done {
		return exitRequest(exitFindings)
	}
	return err
}

// newestOrNamed returns the version that a promotion is of: where no version is
// named it is the newest, not the one in service.
func newestOrNamed(r *registry.Registry, k registry.Kind, name string) (*registry.Version, error) {
	if registry.CheckName(name) == nil {
		versions, broken, err := r.Versions(k, name)
		switch {
		case err != nil:
			return nil, err
		case len(versions) > 0:
			return versions[0], nil
		case len(broken) > 0:
			return nil, broken[0]
		}
	}
	return r.Resolve(k, name)
}

func printPromotion(w io.Writer, p *registry.Promotion, check bool) error {
	name := report.Terminal(p.Version.String())
	switch {
	case p.Done && p.Before == "":
		fmt.Fprintf(w, "%s is in service.\n", name)
	case p.Done:
		fmt.Fprintf(w, "%s is in service in place of %s.\n", name, report.Terminal(p.Before))
	case len(p.Refusals) == 0:
		fmt.Fprintf(w, "%s would go into service.\n", name)
	case check:
		fmt.Fprintf(w, "%s would not go into service:\n", name)
	default:
		fmt.Fprintf(w, "%s does not go into service:\n", name)
	}
	for _, f := range p.Refusals {
		if p.Done {
			fmt.Fprintf(w, "In spite of this: %s\n", report.Terminal(f.Message))
			continue
		}
		fmt.Fprintf(w, "  %s\n    %s\n", report.Terminal(f.Message), report.Terminal(f.Advice))
	}
	if p.Gain != nil && len(p.Refusals) == 0 {
		fmt.Fprintf(w, "Against %s: %s.\n", report.Terminal(p.Against), report.Terminal(registry.GainWords(p.Gain)))
	}
	for _, n := range p.Notes {
		fmt.Fprintln(w, report.Terminal(n))
	}
	switch {
	case p.Done && len(p.Refusals) > 0:
		fmt.Fprintf(w, "The record keeps why: %s\n", report.Terminal(p.Override))
	case len(p.Refusals) > 0:
		fmt.Fprintf(w, "To let it in all the same: casemate tune promote %s --override \"REASON\"; the record keeps the reason.\n", name)
	}
	return nil
}

type tuneRollbackCmd struct {
	dataFlag
	ownKindFlag
	Name string `arg:"" help:"A head or adapter that is in service."`
	Out  bool   `help:"Take it out of service altogether."`
}

// Run puts the version before into service again.
func (c *tuneRollbackCmd) Run(s *streams) error {
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	e, err := r.Rollback(s.ctx, c.kind(), c.Name, c.Out, time.Now().UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	if e.Version == "" {
		_, err = fmt.Fprintf(s.stdout, "%s@%s is out of service; nothing is in service as %s.\n", report.Terminal(c.Name), e.Before, report.Terminal(c.Name))
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%s@%s is in service again in place of %s.\n", report.Terminal(c.Name), e.Version, e.Before)
	return err
}
