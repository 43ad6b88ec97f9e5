// Package loose reads JSON as publishers write it: a number where a text is
// due, one text where a list is due, and no more bytes at once than allowed.
package loose

import (
	"errors"
	"fmt"
	"io"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Text is a JSON string; numbers, booleans and null are taken as they are written.
type Text string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch k := dec.PeekKind(); k {
	case '"', '0', 't', 'f':
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		*t = Text(tok.String())
		return nil
	case 'n':
		*t = ""
		return dec.SkipValue()
	case '{', '[':
		return fmt.Errorf("want text, found %s", kindNames[k])
	}
	return dec.SkipValue() // reports what is wrong
}

var kindNames = map[jsontext.Kind]string{'{': "an object", '[': "an array"}

// Line returns the text in one line.
func (t Text) Line() string { return prose.Line(string(t)) }

// Prose returns the text cleaned as prose in Markdown.
func (t Text) Prose() string { return prose.Text(string(t)) }

// Plain returns the text cleaned as text that is no Markdown.
func (t Text) Plain() string { return prose.Plain(string(t)) }

// Texts is a list of texts. One text stands for a list of one.
type Texts []Text

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *Texts) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = nil
	if k := dec.PeekKind(); k != '[' {
		var one Text
		if err := one.UnmarshalJSONFrom(dec); err != nil {
			return err
		}
		if one != "" {
			*t = Texts{one}
		}
		return nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		var one Text
		if err := one.UnmarshalJSONFrom(dec); err != nil {
			return err
		}
		*t = append(*t, one)
	}
	_, err := dec.ReadToken()
	return err
}

// Lines returns the texts, each in one line, without empty ones.
func (t Texts) Lines() []string {
	var out []string
	for _, s := range t {
		if l := s.Line(); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// Flag is a JSON boolean; anything else that is written for one is read, too.
type Flag bool

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (f *Flag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var t Text
	err := t.UnmarshalJSONFrom(dec)
	*f = t == "true" || t == "True" || t == "1"
	return err
}

// options are the options for objects: what is no UTF-8 becomes U+FFFD.
var options = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// Decode parses one object. What it returns is fit for a fault: it names the
// member and what was found there.
func Decode(raw jsontext.Value, into any) error {
	err := json.Unmarshal(raw, into, options)
	var wrong *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Err != nil:
		return fmt.Errorf("cannot read its member %.200q: %w", string(wrong.JSONPointer), wrong.Err)
	case errors.As(err, &wrong):
		return fmt.Errorf("cannot read its member %.200q, which is %s", string(wrong.JSONPointer), found(wrong.JSONKind))
	}
	return fmt.Errorf("cannot read the object: %w", err)
}

func found(k jsontext.Kind) string {
	if name := kindNames[k]; name != "" {
		return name
	}
	return "a " + k.String()
}

// MaxObject is the most bytes of one object, row or element.
const MaxObject = 16 << 20

// ErrTooLarge says that an object is larger than MaxObject.
var ErrTooLarge = fmt.Errorf("an object is larger than %d MiB", MaxObject>>20)

// Rationed is a reader that gives out only so many bytes between refills.
type Rationed struct {
	R    io.Reader
	Left int   // bytes until the next refill
	Err  error // what it failed with
}

// Read implements io.Reader.
func (l *Rationed) Read(p []byte) (int, error) {
	if l.Left <= 0 {
		l.Err = ErrTooLarge
		return 0, ErrTooLarge
	}
	n, err := l.R.Read(p[:min(len(p), l.Left)])
	l.Left -= n
	if err != nil && err != io.EOF {
		l.Err = err
	}
	return n, err
}
