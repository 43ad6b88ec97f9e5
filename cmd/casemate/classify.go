package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/intake"
)

type classifyCmd struct {
	File         string   `arg:"" optional:"" default:"-" help:"Lines of text or of JSON; - for standard input."`
	Head         string   `required:"" placeholder:"NAME" help:"The classifier: see casemate model list."`
	Format       string   `enum:"auto,text,jsonl" default:"auto" help:"What a line is: auto, text or jsonl. auto looks at the first line; with --field it is jsonl."`
	Field        string   `placeholder:"NAME" help:"The field of a JSON line that holds the text. Default: text, description, sentence or message."`
	Alternatives int      `default:"5" help:"How many alternatives to give; 0 for none."`
	Because      int      `default:"3" help:"How many reasons to give; each is checked by deletion. 0 for none."`
	Threshold    *float64 `placeholder:"P" help:"Abstain below this probability, above 0 and at most 1, instead of the head's own."`
	Style        string   `placeholder:"NAME" help:"Whose labels to give, where a head knows several: see casemate model card."`
	JSONL        bool     `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
}

// Run answers each line with one JSON object.
func (c *classifyCmd) Run(s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	h, err := openHead(c.Head)
	if err != nil {
		return err
	}
	in := s.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeInput, Message: "classify", Err: err, Hint: "give a file that can be read, or - for standard input"}
		}
		defer f.Close()
		in = interruptibleReader(s.ctx, f)
	}
	opt := head.Options{Alternatives: c.Alternatives, Because: c.Because, Style: c.Style}
	// For the head 0 is the usual number; on the command line it is none.
	if c.Because == 0 {
		opt.Because = -1
	}
	if c.Alternatives == 0 {
		opt.Alternatives = -1
	}
	if c.Threshold != nil {
		opt.Threshold = *c.Threshold
	}
	if styles := h.Info().Styles; c.Style != "" && !slices.Contains(styles, c.Style) {
		hint := "this head has one style: leave --style out"
		if len(styles) > 0 {
			hint = "the styles of this head are " + strings.Join(styles, ", ")
		}
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("classify: no style %q", c.Style), Hint: hint}
	}
	sum, err := intake.Classify(s.ctx, intake.ClassifyInput{
		Stdin: in, Format: intake.ClassifyFormat(c.Format), Field: c.Field, Name: intake.NameOf,
		Decide: func(text string) head.Decision { return h.Classify(text, opt) },
	}, s.stdout)
	if err != nil {
		return err
	}
	if sum.Broken > 0 {
		fmt.Fprintf(s.stderr, "casemate: %d of %d lines could not be read; an object with \"error\" stands in their place (exit 4)\n", sum.Broken, sum.Lines)
		return exitRequest(exitIncomplete)
	}
	return nil
}

// check refuses what cannot be meant.
func (c *classifyCmd) check() error {
	usage := func(hint, format string, args ...any) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	switch {
	case c.Threshold != nil && !(*c.Threshold > 0 && *c.Threshold <= 1):
		return usage("give a number above 0 and at most 1, such as 0.5", "--threshold %g is no probability", *c.Threshold)
	case c.Alternatives < 0:
		return usage("0 gives none", "--alternatives %d", c.Alternatives)
	case c.Because < 0:
		return usage("0 gives none", "--because %d", c.Because)
	case c.Field != "" && c.Format == string(intake.ClassifyText):
		return usage("leave one of them out", "--field names a field of JSON lines, and --format says that lines are text")
	}
	if c.Field != "" {
		c.Format = string(intake.ClassifyJSONL)
	}
	return nil
}

// openHead returns the embedded classifier of that name, or says which there are.
func openHead(name string) (*head.Head, error) {
	h, err := head.Open(name)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("open head %q", name), Err: err,
			Hint: "the heads are " + strings.Join(head.Names(), ", ")}
	}
	return h, nil
}
