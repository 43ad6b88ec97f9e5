package feed

import (
	"fmt"
	"maps"
	"slices"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// text is a JSON string; numbers, booleans and null are taken as they are written.
type text string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch k := dec.PeekKind(); k {
	case '"', '0', 't', 'f':
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		*t = text(tok.String())
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

// line returns the text in one line.
func (t text) line() string { return prose.Line(string(t)) }

// prose returns the text cleaned as prose in Markdown.
func (t text) prose() string { return prose.Text(string(t)) }

// plain returns the text cleaned as text that is no Markdown.
func (t text) plain() string { return prose.Plain(string(t)) }

// texts is a list of texts. One text stands for a list of one.
type texts []text

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *texts) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = nil
	if k := dec.PeekKind(); k != '[' {
		var one text
		if err := one.UnmarshalJSONFrom(dec); err != nil {
			return err
		}
		if one != "" {
			*t = texts{one}
		}
		return nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		var one text
		if err := one.UnmarshalJSONFrom(dec); err != nil {
			return err
		}
		*t = append(*t, one)
	}
	_, err := dec.ReadToken()
	return err
}

// lines returns the texts, each in one line, without empty ones.
func (t texts) lines() []string {
	var out []string
	for _, s := range t {
		if l := s.line(); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// flag is a JSON boolean; anything else that is written for one is read, too.
type flag bool

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (f *flag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var t text
	err := t.UnmarshalJSONFrom(dec)
	*f = t == "true" || t == "True" || t == "1"
	return err
}

// loose are the options for objects: what is no UTF-8 becomes U+FFFD.
var loose = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// decode parses one object. What it returns is fit for a fault.
func decode(raw jsontext.Value, into any) error {
	if err := json.Unmarshal(raw, into, loose); err != nil {
		return fmt.Errorf("cannot read the object: %w", err)
	}
	return nil
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
