package workflow

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/casemate-ai/casemate/internal/security/page"
)

// StepReading is the step of a run whose progress is counted in bytes.
const StepReading = "reading"

// WriteText writes the result for a terminal.
func (r Result) WriteText(w io.Writer, o page.TerminalOptions) error {
	switch {
	case r.Text != nil:
		return r.Text(w, o)
	case r.Page != nil:
		return page.WriteTerminal(w, *r.Page, o)
	}
	b, err := json.MarshalIndent(r.Value, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteMarkdown writes the result as Markdown.
func (r Result) WriteMarkdown(w io.Writer) error {
	switch {
	case r.Markdown != nil:
		return r.Markdown(w)
	case r.Page != nil:
		return page.WriteMarkdown(w, *r.Page)
	}
	return usage("this result has no form in Markdown", "leave --markdown out, or ask for --json")
}

// WriteHTML writes the result as one self-contained page.
func (r Result) WriteHTML(w io.Writer) error {
	switch {
	case r.HTML != nil:
		return r.HTML(w)
	case r.Page != nil:
		return page.WriteHTML(w, *r.Page)
	}
	return usage("this result has no page", "leave --html out, or ask for --json")
}
