// Package jinja runs the part of the Jinja template language that chat templates
// use, within limits: steps, depth and output are capped, and a template reaches
// nothing but its variables. Text that came in through variables stays marked as
// data wherever a template puts it.
package jinja

// Span is a part of what a template wrote. Data tells that the text came from a
// variable marked as data, not from the template.
type Span struct {
	Text string
	Data bool
}
