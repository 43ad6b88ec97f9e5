package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
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

// Schema names the form of an Enrichment; a change that a reader of it would
// notice counts it up.
const (
	Schema     = schemaName + "1"
	schemaName = "casemate.enrich/"
)

// Enrichment is what is known about one record by itself: what it names, which
// rules it matches, and what the catalogue says of both. What takes a record's
// neighbours into account is triage's.
type Enrichment struct {
	Schema     string               `json:"schema"` // "casemate.enrich/1"
	ID         string               `json:"id"`     // the same for the same record, wherever it is read
	Kind       string               `json:"kind"`   // "alert" or "event"
	Format     string               `json:"format"` // the reader that understood it
	At         *casemate.Location   `json:"at,omitempty"`
	Time       *time.Time           `json:"time,omitempty"` // UTC
	Name       string               `json:"name,omitempty"`
	Rule       string               `json:"rule,omitempty"` // the sensor's id of its rule or event
	Severity   casemate.Severity    `json:"severity"`       // the sensor's word on Casemate's scale
	Action     string               `json:"action,omitempty"`
	Host       string               `json:"host,omitempty"`
	User       string               `json:"user,omitempty"`
	Process    *casemate.Process    `json:"process,omitempty"`
	Logsource  *casemate.Logsource  `json:"logsource,omitempty"`
	Entities   []casemate.Entity    `json:"entities,omitempty"`
	Indicators []casemate.Indicator `json:"indicators,omitempty"`
	Techniques []EnrichedTechnique  `json:"techniques,omitempty"`
	Detections []casemate.Detection `json:"detections,omitempty"`
	// Behaviours are what the command line of the process does, by the rules of
	// explain, gravest first; Decoded is what was encoded in it.
	Behaviours []Behaviour         `json:"behaviours,omitempty"`
	Decoded    []Decoded           `json:"decoded,omitempty"`
	Exploited  []ExploitedCVE      `json:"known_exploited,omitempty"`
	Risk       Risk                `json:"risk"`
	Next       []casemate.NextStep `json:"next,omitempty"`  // three at most
	Notes      []string            `json:"notes,omitempty"` // what had to be changed, replaced or left out
	Catalogue  string              `json:"catalogue"`       // digest of the catalogue
}

// EnrichedTechnique is an ATT&CK technique that a record shows, named from the
// catalogue.
type EnrichedTechnique struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Tactics []string `json:"tactics,omitempty"`
	Source  string   `json:"source"` // "sensor", "rule" or "behaviour"
}

// Behaviour is something that a command line does. It says nothing of whether
// that was wanted, so it does not enter the risk.
type Behaviour struct {
	Level      casemate.Severity `json:"level"`
	Text       string            `json:"text"` // "downloads a file"
	Techniques []string          `json:"techniques,omitempty"`
	Quote      string            `json:"quote"` // the words that show it, cut
}

// Decoded is a text that was encoded in a command line.
type Decoded struct {
	Encoding string `json:"encoding"` // "base64 + utf-16le"
	Text     string `json:"text"`     // cut
}

// ExploitedCVE is a vulnerability that a record names and CISA's catalogue of
// known exploited vulnerabilities has.
type ExploitedCVE struct {
	ID         string `json:"id"`
	Added      string `json:"added"`
	Ransomware bool   `json:"ransomware"`
}

// Risk is how grave a record is by itself: the gravest of what its sensor says
// and what rules and the catalogue add. Nothing lowers it.
type Risk struct {
	Level   casemate.Severity `json:"level"`
	Reasons []string          `json:"reasons,omitempty"`
}

// Enriched is one record with its enrichment.
type Enriched struct {
	Casemate Enrichment
	line     []byte
}

// Line returns the enriched record as one line of JSON without its end: every
// byte of the record's fields in their order, and the enrichment behind them.
func (e *Enriched) Line() []byte { return e.line }

// MarshalJSON returns Line.
func (e *Enriched) MarshalJSON() ([]byte, error) { return e.line, nil }

// Enrich reads records and gives each to yield, enriched, in order.
func Enrich(ctx context.Context, in EnrichInput, yield func(*Enriched) error) (evidence.Summary, error) {
	e, err := NewEnricher(EnricherOptions{Rules: in.Rules, Bare: in.Bare})
	if err != nil {
		return evidence.Summary{}, err
	}
	return readAll(ctx, in.Paths, in.Stdin, evidence.Options{Format: in.Format, Progress: in.Progress}, func(a *casemate.Alert) error {
		out, err := e.alert(ctx, a)
		if err != nil {
			return err
		}
		return yield(out)
	})
}

// alert enriches a record of a stream.
func (e *Enricher) alert(ctx context.Context, a *casemate.Alert) (*Enriched, error) {
	raw := []byte(strings.TrimSpace(a.Raw))
	if len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		out := &Enriched{Casemate: e.enrichment(a)}
		out.Casemate.At = &a.At
		value, err := out.Casemate.json()
		out.line = wrap(original(a), value)
		return out, err
	}
	s := findSlot(raw)
	replacedBytes := false
	if s.replaced {
		// What was added before is no evidence, and no part of the record's id.
		if again, err := e.read(ctx, s.record, "json"); err == nil {
			again.At = a.At
			a = again
		}
	} else {
		replacedBytes = strings.ContainsRune(a.Raw, '\uFFFD') && casemate.AlertID(a.Format, []byte(a.Raw)) != a.ID
	}
	out := &Enriched{Casemate: e.enrichment(a)}
	out.Casemate.At = &a.At
	if replacedBytes {
		out.Casemate.note("bytes that are no UTF-8 were replaced by U+FFFD")
	}
	line, err := s.put(&out.Casemate)
	out.line = oneLine(line)
	return out, err
}

// put writes an enrichment into the slot, and says in it what became of keys that
// were there before. An enrichment that says the same again is not spoken of.
func (s slot) put(e *Enrichment) ([]byte, error) {
	if s.key != Key {
		e.note(fmt.Sprintf("the record has a key %q of its own, so this stands under %q", Key, s.key))
	}
	value, err := e.json()
	if err == nil && s.replaced && !bytes.Equal(value, s.old) {
		e.note("an earlier enrichment that said something else was replaced")
		value, err = e.json()
	}
	if err != nil {
		return nil, err
	}
	return s.fill(value), nil
}

// json writes an enrichment as one line.
func (e *Enrichment) json() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it goes to programs, which read < as well
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("write enrichment of %s: %w", e.ID, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// oneLine takes the blanks between the tokens out of JSON that goes over several
// lines, and leaves other JSON as it is.
func oneLine(text []byte) []byte {
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text // it was found valid before
	}
	return b.Bytes()
}

// wrap writes a record that is no JSON object beside its enrichment.
func wrap(original, value []byte) []byte {
	out := append([]byte(`{"original":`), original...)
	out = append(append(append(out, `,"`...), Key...), `":`...)
	return append(append(out, value...), '}')
}

// original returns a record that is no JSON object: its text if it is text, else
// its fields by name.
func original(a *casemate.Alert) json.RawMessage {
	if strings.TrimSpace(a.Raw) != "" && (len(a.Fields) == 0 || !fieldsTellAll(a)) {
		return quote(a.Raw)
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

// note adds a note once.
func (e *Enrichment) note(text string) {
	if !slices.Contains(e.Notes, text) {
		e.Notes = append(e.Notes, text)
	}
}
