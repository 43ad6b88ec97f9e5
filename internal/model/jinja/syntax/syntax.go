// Package syntax reads Jinja templates into trees. It knows the statements and
// expressions of the language and nothing of what they do.
package syntax

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// Bounds on what is parsed. Published templates have fewer than 20,000 bytes.
const (
	maxSource  = 1 << 20 // bytes of a template
	maxTokens  = 200_000
	maxNesting = 120 // statements and expressions within one another
)

// Error is a fault in a template or in running it, with the line where it is.
type Error struct {
	Line int // from 1
	Err  error
}

// Error says the line and the fault.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Err }

// At gives err the line unless it has one.
func At(line int, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Line: line, Err: err}
}

// Parse reads a template in time linear in its length.
func Parse(src string) ([]Node, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", len(src), maxSource, marked.ErrLimit)
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	return p.nodes()
}

// clip shortens a text for an error message.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
