package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// EnrichInput says what to enrich.
type EnrichInput struct {
	Paths    []string
	Stdin    io.Reader
	Format   string
	Rules    []string
	Bare     bool
	Progress func(bytesRead int64)
}

// Enriched is one record with all that is known about it. Original keeps every
// field: the record itself if it is JSON, its text if it is text, else its
// fields by name.
type Enriched struct {
	ID         string               `json:"id"`
	At         casemate.Location    `json:"at"`
	Format     string               `json:"format"`
	Kind       string               `json:"kind"`
	Time       *time.Time           `json:"time,omitempty"`
	Name       string               `json:"name,omitempty"`
	Rule       string               `json:"rule,omitempty"`
	Message    string               `json:"message,omitempty"`
	Severity   casemate.Severity    `json:"severity"`
	Action     string               `json:"action,omitempty"`
	Host       string               `json:"host,omitempty"`
	User       string               `json:"user,omitempty"`
	Process    *casemate.Process    `json:"process,omitempty"`
	Entities   []casemate.Entity    `json:"entities,omitempty"`
	Indicators []casemate.Indicator `json:"indicators,omitempty"`
	Techniques []casemate.Technique `json:"techniques,omitempty"`
	Detections []casemate.Detection `json:"detections,omitempty"`
	Exploited  []ExploitedCVE       `json:"known_exploited,omitempty"`
	Notes      []string             `json:"notes,omitempty"` // what the catalogue says of ids it had to change or does not have
	Log        *casemate.Logsource  `json:"logsource,omitempty"`
	Original   json.RawMessage      `json:"original"`
}

// ExploitedCVE is a vulnerability that a record names and CISA's catalogue of
// known exploited vulnerabilities has.
type ExploitedCVE struct {
	ID         string `json:"id"`
	Added      string `json:"added"`
	Ransomware bool   `json:"ransomware"`
}

// Enrich reads records and gives each to yield with its entities, indicators,
// techniques by their catalogue names, and the rules that it matches.
func Enrich(ctx context.Context, in EnrichInput, yield func(*Enriched) error) (evidence.Summary, error) {
	rules, err := LoadRules(in.Rules, in.Bare)
	if err != nil {
		return evidence.Summary{}, err
	}
	d := newDetector(rules.Engine)
	c := knowledge.Embedded()
	return readAll(ctx, in.Paths, in.Stdin, evidence.Options{Format: in.Format, Progress: in.Progress}, func(a *casemate.Alert) error {
		return yield(enrich(a, d.match(a), c))
	})
}

func enrich(a *casemate.Alert, matches []sigma.Match, c *knowledge.Catalogue) *Enriched {
	e := &Enriched{
		ID: a.ID, At: a.At, Format: a.Format, Kind: a.Kind.String(), Name: a.Name, Rule: a.Rule, Message: a.Message,
		Severity: a.Severity, Action: a.Action, Host: a.Host, User: a.User, Process: a.Process,
		Entities: a.Entities, Indicators: a.Indicators, Original: original(a),
	}
	if !a.Time.IsZero() {
		e.Time = &a.Time
	}
	if a.Log != (casemate.Logsource{}) {
		e.Log = &a.Log
	}
	for _, m := range matches {
		e.Detections = append(e.Detections, m.Detection())
	}
	for _, d := range e.Detections {
		for _, id := range d.Techniques {
			e.technique(c, id, "rule")
		}
	}
	for _, id := range a.Techniques {
		e.technique(c, id, "sensor")
	}
	for _, in := range a.Indicators {
		if in.Type != casemate.IndicatorCVE {
			continue
		}
		if k, ok := c.KEV(in.Value); ok {
			e.Exploited = append(e.Exploited, ExploitedCVE{ID: strings.ToUpper(in.Value), Added: k.Added.Format(time.DateOnly), Ransomware: k.Ransomware})
		}
	}
	return e
}

// technique adds a technique once, under the name that the catalogue has for it.
func (e *Enriched) technique(c *knowledge.Catalogue, id, source string) {
	t, note, ok := c.Resolve(id)
	if !ok {
		e.note("the catalogue has no technique " + id)
		return
	}
	if note != "" {
		e.note(note)
	}
	for i := range e.Techniques {
		if e.Techniques[i].ID == t.ID {
			return
		}
	}
	e.Techniques = append(e.Techniques, casemate.Technique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: source, Evidence: []string{e.ID}})
}

func (e *Enriched) note(text string) {
	if !slices.Contains(e.Notes, text) {
		e.Notes = append(e.Notes, text)
	}
}

// original returns the record as it came in.
func original(a *casemate.Alert) json.RawMessage {
	if raw := strings.TrimSpace(a.Raw); raw != "" {
		if raw[0] == '{' && json.Valid([]byte(raw)) {
			var b bytes.Buffer
			if json.Compact(&b, []byte(raw)) == nil {
				return b.Bytes()
			}
		}
		if len(a.Fields) == 0 || !fieldsTellAll(a) {
			return quote(a.Raw)
		}
	}
	return fieldsObject(a.Fields)
}

// fieldsTellAll reports whether the fields are the record, as in CSV and binary
// formats; of a line of text they are only what was understood.
func fieldsTellAll(a *casemate.Alert) bool { return a.Format == "csv" }

// fieldsObject writes fields as one flat object; a name that repeats has an array.
func fieldsObject(fields []casemate.Field) json.RawMessage {
	values := map[string][]json.RawMessage{}
	var names []string
	for _, f := range fields {
		if values[f.Name] == nil {
			names = append(names, f.Name)
		}
		values[f.Name] = append(values[f.Name], fieldValue(f))
	}
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, quote(name)...), ':')
		if list := values[name]; len(list) == 1 {
			b = append(b, list[0]...)
		} else {
			b = append(append(append(b, '['), bytes.Join(rawSlices(list), []byte{','})...), ']')
		}
	}
	return append(b, '}')
}

func rawSlices(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func fieldValue(f casemate.Field) json.RawMessage {
	switch f.Kind {
	case casemate.Number, casemate.Bool:
		if json.Valid([]byte(f.Value)) {
			return json.RawMessage(f.Value)
		}
	case casemate.Null:
		return json.RawMessage("null")
	case casemate.EmptyObject:
		return json.RawMessage("{}")
	case casemate.EmptyArray:
		return json.RawMessage("[]")
	}
	return quote(f.Value)
}

// quote writes a string as JSON; invalid UTF-8 becomes the replacement character.
func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}
