// Package jinja runs the part of the Jinja template language that chat templates
// use, within limits: steps, depth and output are capped, and a template reaches
// nothing but its variables. Text that came in through variables stays marked as
// data wherever a template puts it.
//
// The language is Jinja 3.1 as Hugging Face configures it for chat templates:
// trim_blocks and lstrip_blocks are on, nothing is escaped for HTML, tojson keeps
// other alphabets as they are, break and continue work, a generation block is
// transparent. Values behave as Python's do. There is no file, no network, no
// clock and no object to climb: include, import, extends and block are refused,
// and attributes are the keys of mappings and a fixed list of methods.
package jinja

import (
	"fmt"
	"sort"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/syntax"
	"github.com/casemate-ai/casemate/internal/model/jinja/value"
)

// ErrLimit is what an error wraps where a template is more or does more than its
// limits allow.
var ErrLimit = marked.ErrLimit

// Span is a part of what a template wrote. Data tells that the text came from a
// variable marked as data, not from the template.
type Span = marked.Span

// Data is a text that a variable holds as data: wherever a template puts it, or
// any part of it, the span says so. A plain string is as the template's own text.
type Data = value.Data

// Dict is a mapping that keeps its order. A map[string]any works too, in the
// order of its sorted keys.
type Dict = value.Mapping

// Item is one entry of a Dict.
type Item = value.Item

// Clock is a moment for a variable such as strftime_now: called with a format,
// it is written by the rules of Python's strftime. The same Clock gives the same
// text, so a prompt does not change with the day.
type Clock = value.Clock

// Limits bounds one rendering; its zero value is right for chat templates.
type Limits = value.Limits

// Error is a fault in a template or in running it, with the line where it is.
// It never holds text of variables marked as data.
type Error = syntax.Error

// RaisedError is the message with which a template refused its variables.
type RaisedError = value.RaisedError

// Template is a parsed template. It does not change: several goroutines may
// render it at once.
type Template struct {
	body []syntax.Node
}

// Parse reads a template. It takes time linear in the length of src, which may
// have a mebibyte.
func Parse(src string) (*Template, error) {
	body, err := syntax.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	return &Template{body: body}, nil
}

// Render runs the template. Variables are nil, bool, int, int64, float64, string,
// Data, []any, []string, Dict, map[string]any and Clock. Neighbouring text of one
// kind comes as one span; no span is empty. The same variables give the same spans.
func (t *Template) Render(vars map[string]any, l Limits) ([]Span, error) {
	vm := value.New(l)
	it := &interp{vm: vm, out: vm.Builder(), scope: &scope{vars: value.Globals()}}
	if err := it.declare(vars); err != nil {
		return nil, fmt.Errorf("render template: %w", err)
	}
	if _, err := it.exec(t.body); err != nil {
		return nil, fmt.Errorf("render template: %w", err)
	}
	out := it.out.Text()
	if it.out.Err != nil {
		return nil, fmt.Errorf("render template: %w", it.out.Err)
	}
	return out.Spans(), nil
}

// declare makes the caller's variables known, and a scope for the template's own.
func (it *interp) declare(vars map[string]any) error {
	names := make([]string, 0, len(vars))
	for n := range vars {
		names = append(names, n)
	}
	sort.Strings(names) // so that of two faults always the same is told
	for _, n := range names {
		v, err := it.vm.Convert(vars[n])
		if err != nil {
			return fmt.Errorf("variable %q: %w", n, err)
		}
		it.scope.set(n, v)
	}
	it.push(it.scope)
	return nil
}
