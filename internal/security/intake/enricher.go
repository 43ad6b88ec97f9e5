package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// EnricherOptions say what an Enricher works with. The zero value is ready.
type EnricherOptions struct {
	Rules     []string             // Sigma rules besides the starter pack
	Bare      bool                 // without the starter pack
	Catalogue *knowledge.Catalogue // nil: the embedded one
	// MaxCommand is the longest command line, in bytes, that is taken apart; 0 is
	// 1024, with which no alert takes longer than 5 ms. A longer one is noted.
	MaxCommand int
	// Reference dates timestamps without a year, which only lines of classic
	// syslog have; zero is the time of the call.
	Reference time.Time
}

// Enricher enriches records one by one. Making one loads and compiles rules and
// takes its time; using one is quick. Its methods may be called from several
// goroutines at once.
type Enricher struct {
	opt       EnricherOptions
	detectors sync.Pool // of *detector
}

// NewEnricher loads the rules.
func NewEnricher(opt EnricherOptions) (*Enricher, error) {
	rules, err := LoadRules(opt.Rules, opt.Bare)
	if err != nil {
		return nil, err
	}
	if opt.Catalogue == nil {
		opt.Catalogue = knowledge.Embedded()
	}
	if opt.MaxCommand <= 0 {
		opt.MaxCommand = maxCommand
	}
	e := &Enricher{opt: opt}
	e.detectors.New = func() any { return newDetector(rules.Engine) }
	e.opt.Catalogue.NextSteps([]string{"T1059"}, 1) // decodes the sections now, not during the first alert
	e.opt.Catalogue.KEV("CVE-2021-44228")
	e.behave(&casemate.Alert{Process: &casemate.Process{CommandLine: "whoami /all"}}, &Enrichment{}) // reads the tables
	return e, nil
}

// One is the call for products that enrich alerts as they come, without files and
// without a run of the workflow.
//
// It returns a JSON object with its enrichment added under Key: every other byte
// of it stays as it is, blanks, repeated names, large numbers and bytes that are
// no UTF-8 included. An enrichment that it already has is replaced; where Key is
// something else's name the enrichment stands under Key with a number, and a note
// says so. Any other record that a reader understands, such as a line of syslog,
// comes back as {"original": …, "casemate": …}.
//
// The error is a *casemate.Error with CodeInput where alert is not one record, or
// the context's.
func (e *Enricher) One(ctx context.Context, alert []byte) ([]byte, error) {
	text := bytes.TrimSpace(alert)
	if len(text) == 0 || text[0] != '{' {
		return e.other(ctx, alert)
	}
	if !json.Valid(text) {
		return nil, notOne("is not valid JSON", nil)
	}
	s := findSlot(alert)
	a, err := e.read(ctx, s.record, "json")
	if err != nil {
		return nil, err
	}
	out := e.enrichment(a)
	return s.put(&out)
}

// other enriches a record that is no JSON object.
func (e *Enricher) other(ctx context.Context, text []byte) ([]byte, error) {
	a, err := e.read(ctx, text, "")
	if err != nil {
		return nil, err
	}
	out := e.enrichment(a)
	value, err := out.json()
	if err != nil {
		return nil, err
	}
	if json.Valid(text) { // an array with one record in it
		return wrap(bytes.TrimSpace(text), value), nil
	}
	return wrap(original(a), value), nil
}

func notOne(why string, err error) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: "enrich one record: the input " + why, Err: err,
		Hint: "give one alert or event, best as one JSON object; for files of many use casemate enrich"}
}

var errMore = errors.New("more than one record")

// read reads the one record in text.
func (e *Enricher) read(ctx context.Context, text []byte, format string) (*casemate.Alert, error) {
	var one *casemate.Alert
	sum, err := evidence.ReadFrom(ctx, bytes.NewReader(text), "record", evidence.Options{Format: format, Reference: e.opt.Reference}, func(a *casemate.Alert) error {
		if one != nil {
			return errMore
		}
		one = a
		return nil
	})
	switch {
	case errors.Is(err, errMore):
		return nil, notOne("holds more than one record", nil)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("enrich one record: %w", ctx.Err())
	case one == nil && len(sum.Faults) > 0:
		return nil, notOne("cannot be read: "+sum.Faults[0].Reason, nil)
	case one == nil:
		return nil, notOne("holds no record", err)
	}
	return one, nil
}

const enrichSteps = 3

// enrichment says what is known about a record.
func (e *Enricher) enrichment(a *casemate.Alert) Enrichment {
	out := Enrichment{
		Schema: Schema, ID: a.ID, Kind: a.Kind.String(), Format: a.Format, Name: a.Name, Rule: a.Rule,
		Severity: a.Severity, Action: a.Action, Host: a.Host, User: a.User, Process: a.Process,
		Entities: a.Entities, Indicators: a.Indicators, Risk: Risk{Level: a.Severity}, Catalogue: e.opt.Catalogue.Digest(),
	}
	if !a.Time.IsZero() {
		out.Time = &a.Time
	}
	if a.Log != (casemate.Logsource{}) {
		out.Logsource = &a.Log
	}
	if a.Severity > casemate.SeverityInformational {
		out.Risk.Reasons = append(out.Risk.Reasons, "the sensor calls it "+a.Severity.String())
	}
	e.detect(a, &out)
	for _, id := range a.Techniques {
		out.technique(e.opt.Catalogue, id, "sensor")
	}
	e.behave(a, &out)
	e.exploited(a, &out)
	out.Next = e.next(a, &out)
	return out
}

// detect runs the rules over a record. A rule that only feeds a correlation is no
// detection of its own.
func (e *Enricher) detect(a *casemate.Alert, out *Enrichment) {
	if a.Event == nil {
		return
	}
	d := e.detectors.Get().(*detector)
	defer e.detectors.Put(d)
	for _, m := range d.match(a) {
		if m.Alone {
			out.Detections = append(out.Detections, m.Detection())
		}
	}
	for _, d := range out.Detections {
		for _, id := range d.Techniques {
			out.technique(e.opt.Catalogue, id, "rule")
		}
		out.raise(d.Level, fmt.Sprintf("the rule %q of level %s matches", d.Title, d.Level))
	}
}

// The limits of what is said of a command line.
const (
	maxCommand    = 1024 // bytes, unless the options say otherwise; about 3 ms
	maxBehaviours = 8
	maxIndicators = 512
	maxDecoded    = 3
	maxDecodedLen = 600 // bytes of each
)

// behave says what the command line of a record's process does. A finding that the
// text speaks to its reader is none: that is not what the command does.
func (e *Enricher) behave(a *casemate.Alert, out *Enrichment) {
	if a.Process == nil || strings.TrimSpace(a.Process.CommandLine) == "" {
		return
	}
	if n := len(a.Process.CommandLine); n > e.opt.MaxCommand {
		out.note(fmt.Sprintf("the command line of %d bytes was not taken apart, because that takes long: casemate explain does it", n))
		return
	}
	x, err := explain.Explain(context.Background(), a.Process.CommandLine, explain.Options{Catalogue: e.opt.Catalogue})
	if err != nil {
		out.note("the command line could not be taken apart: " + err.Error())
		return
	}
	for _, f := range x.Findings {
		if f.Source != "behaviour" {
			continue
		}
		if len(out.Behaviours) == maxBehaviours {
			out.note(fmt.Sprintf("the %d gravest behaviours of the command line are listed", maxBehaviours))
			break
		}
		out.Behaviours = append(out.Behaviours, Behaviour{Level: f.Level, Text: f.Text, Techniques: f.Techniques, Quote: f.Quote})
		for _, id := range f.Techniques {
			out.technique(e.opt.Catalogue, id, "behaviour")
		}
	}
	out.unhide(x.Indicators)
	for i := range x.Layers {
		l := &x.Layers[i]
		if l.Binary != nil || l.Text == "" || len(out.Decoded) == maxDecoded {
			continue
		}
		out.Decoded = append(out.Decoded, Decoded{Encoding: l.Op, Text: phrase.Short(l.Text, maxDecodedLen)})
	}
}

// unhide adds the indicators that only show in what was decoded.
func (e *Enrichment) unhide(found []explain.Indicator) {
	for _, n := range found {
		known := slices.ContainsFunc(e.Indicators, func(i casemate.Indicator) bool { return i.Type == n.Type && i.Value == n.Value })
		if n.Span.Layer >= 0 && !known && len(e.Indicators) < maxIndicators {
			e.Indicators = append(slices.Clip(e.Indicators), casemate.Indicator{Type: n.Type, Value: n.Value, Scope: n.Scope, Field: "decoded"})
		}
	}
}

// exploited lists the vulnerabilities that the record names and that are known to
// be exploited.
func (e *Enricher) exploited(a *casemate.Alert, out *Enrichment) {
	for _, in := range a.Indicators {
		if in.Type != casemate.IndicatorCVE {
			continue
		}
		if k, ok := e.opt.Catalogue.KEV(in.Value); ok {
			id := strings.ToUpper(in.Value)
			out.Exploited = append(out.Exploited, ExploitedCVE{ID: id, Added: k.Added.Format(time.DateOnly), Ransomware: k.Ransomware})
			out.raise(casemate.SeverityMedium, "it names "+id+", which is known to be exploited")
		}
	}
}

// raise makes the risk at least a level, and says why.
func (e *Enrichment) raise(level casemate.Severity, why string) {
	e.Risk.Level = max(e.Risk.Level, level)
	e.Risk.Reasons = append(e.Risk.Reasons, why)
}

// technique adds a technique once, under the name that the catalogue has for it.
func (e *Enrichment) technique(c *knowledge.Catalogue, id, source string) {
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
	e.Techniques = append(e.Techniques, EnrichedTechnique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: source})
}

// clouds are the products of log sources that are no operating system.
var clouds = []string{"aws", "azure", "gcp", "m365", "okta", "github", "google_workspace", "onelogin"}

// platform returns what kind of machine or service a record is about, if it tells.
func platform(a *casemate.Alert) []string {
	product := a.Log.Product
	switch {
	case product == "windows" || product == "linux" || product == "macos":
		return []string{product}
	case slices.Contains(clouds, product) || strings.HasPrefix(a.Format, "aws-"):
		return []string{"cloud"}
	case a.Process != nil && strings.Contains(a.Process.Image, `\`):
		return []string{"windows"}
	case a.Process != nil && strings.HasPrefix(a.Process.Image, "/"):
		return []string{"linux"}
	}
	return nil
}

// next returns the first steps that the record's techniques call for.
func (e *Enricher) next(a *casemate.Alert, out *Enrichment) []casemate.NextStep {
	if len(out.Techniques) == 0 {
		return nil
	}
	ids := make([]string, len(out.Techniques))
	for i, t := range out.Techniques {
		ids[i] = t.ID
	}
	return e.opt.Catalogue.NextSteps(ids, enrichSteps, platform(a)...)
}
