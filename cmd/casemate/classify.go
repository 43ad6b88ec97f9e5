package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

type classifyCmd struct {
	File         string  `arg:"" optional:"" default:"-" help:"Lines of text or of JSON; - for standard input."`
	Head         string  `required:"" placeholder:"NAME" help:"The classifier: see casemate model list."`
	Format       string  `enum:"auto,text,jsonl" default:"auto" help:"What a line is: auto, text or jsonl. auto looks at the first line."`
	Field        string  `placeholder:"NAME" help:"The field of a JSON line that holds the text. Default: text, description, sentence or message."`
	Alternatives int     `default:"5" help:"How many alternatives to give."`
	Because      int     `default:"3" help:"How many reasons to give; each is checked by deletion. 0 for none."`
	Threshold    float64 `placeholder:"P" help:"Abstain below this probability, instead of the head's own."`
	Style        string  `placeholder:"NAME" help:"Whose labels to give, where a head knows several: see casemate model card."`
	JSONL        bool    `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
}

// Run answers each line with one JSON object.
func (c *classifyCmd) Run(s *streams) error {
	h, err := openHead(c.Head)
	if err != nil {
		return err
	}
	in := s.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: "classify", Err: err, Hint: "give a file that can be read, or - for standard input"}
		}
		defer f.Close()
		in = f
	}
	opt := head.Options{Alternatives: c.Alternatives, Because: c.Because, Threshold: c.Threshold, Style: c.Style}
	// For the head 0 is the usual number; on the command line it is none.
	if c.Because <= 0 {
		opt.Because = -1
	}
	if c.Alternatives <= 0 {
		opt.Alternatives = -1
	}
	if styles := h.Info().Styles; c.Style != "" && !slices.Contains(styles, c.Style) {
		hint := "this head has one style: leave --style out"
		if len(styles) > 0 {
			hint = "the styles of this head are " + strings.Join(styles, ", ")
		}
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("classify: no style %q", c.Style), Hint: hint}
	}
	sum, err := workflow.Classify(s.ctx, workflow.ClassifyInput{
		Stdin: in, Format: workflow.ClassifyFormat(c.Format), Field: c.Field, Name: workflow.NameOf,
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

// openHead returns the embedded classifier of that name, or says which there are.
func openHead(name string) (*head.Head, error) {
	h, err := head.Open(name)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("open head %q", name), Err: err,
			Hint: "the heads are " + strings.Join(head.Names(), ", ")}
	}
	return h, nil
}
