package intake

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/sigma"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

// TriageInput says what to triage. Paths is all that is needed.
type TriageInput struct {
	Paths    []string  // files, folders, archives, or "-" for Stdin
	Stdin    io.Reader // read for the path "-"; nil: the process's own
	Format   string    // forces a reader; "" lets the content decide
	Rules    []string  // Sigma rules besides the starter pack
	Bare     bool      // without the starter pack
	Assets   string    // CSV inventory, or ""
	Suppress string    // YAML list of what is known to be benign, or ""
	AsOf     time.Time // dates timestamps without a year; zero: each file's own time

	Version  string                // of the program, for the provenance
	Progress func(bytesRead int64) // may be nil
}

// Triage reads alerts and events, runs the rules over the events and ranks what
// comes of it. Input that cannot be used stands in the result's faults.
func Triage(ctx context.Context, in TriageInput) (report.Triage, error) {
	t, err := NewTriager(in)
	if err != nil {
		return report.Triage{}, err
	}
	sum, err := readAll(ctx, in.Paths, in.Stdin, evidence.Options{Format: in.Format, Reference: in.AsOf, Progress: in.Progress}, t.Add)
	if err != nil {
		return report.Triage{}, err
	}
	return t.Rank(sum), nil
}

// Triager is a triage whose records come from elsewhere, one by one: for a
// caller that reads other things beside them.
type Triager struct {
	// Observe, if not nil, is told of each record after it was counted. first
	// says that it may be the evidence of a Moment: it is the first alert of one,
	// or what a correlation is told by. The record must not be kept.
	Observe func(a *casemate.Alert, flagged, first bool)

	in       TriageInput
	rules    Rules
	queue    *triage.Queue
	detector *detector
	held     []heldEvent
	seen     map[triage.Ref]bool // only for Observe
}

// NewTriager loads rules, inventory and suppressions. Paths, Stdin, Format, AsOf
// and Progress of in are not used.
func NewTriager(in TriageInput) (*Triager, error) {
	opt := triage.Options{}
	if err := readSideFiles(in, &opt); err != nil {
		return nil, err
	}
	rules, err := LoadRules(in.Rules, in.Bare)
	if err != nil {
		return nil, err
	}
	return &Triager{in: in, rules: rules, queue: triage.New(opt), detector: newDetector(rules.Engine), seen: map[triage.Ref]bool{}}, nil
}

// Rank ends the triage and ranks what was added; sum says what was read.
func (t *Triager) Rank(sum evidence.Summary) report.Triage {
	t.correlate()
	res := t.queue.Rank()
	out := report.Triage{
		Incidents: res.Incidents, Total: len(res.Incidents),
		Alerts: res.Alerts, Events: res.Events, Repeats: res.Repeats,
		Faults: sum.Faults, FaultCount: sum.FaultCount,
		RulesLoaded: t.rules.Count, RulesRefused: len(t.rules.Refused), RuleMatches: t.detector.matched,
		First: res.First, Last: res.Last,
		Provenance: provenance(t.in.Version), Tactics: tactics(),
	}
	for _, r := range t.rules.Refused {
		out.Refused = append(out.Refused, r.String())
	}
	for _, f := range sum.Files {
		out.Files = append(out.Files, report.FileLine{Name: f.File, Format: f.Format, Records: f.Records, Faults: f.Faults})
	}
	for _, g := range res.Suppressed {
		out.Suppressed = append(out.Suppressed, suppressedLine(g))
	}
	return out
}

// suppressedLine tells what a suppression hid, or why it hid nothing.
func suppressedLine(g triage.SuppressedGroup) report.SuppressedLine {
	line := report.SuppressedLine{Rule: g.ID, Alerts: g.Alerts, Note: g.Reason}
	if g.Author != "" {
		line.Note += " (" + g.Author + ")"
	}
	if g.Alerts > 0 {
		line.Note += "; the gravest it hides is " + g.Severity.String()
	}
	if g.Expired > 0 {
		line.Note += fmt.Sprintf("; no longer holds since %s: %d alerts after that are shown", g.Expires, g.Expired)
	}
	return line
}

func readSideFiles(in TriageInput, opt *triage.Options) error {
	if in.Assets != "" {
		const hint = "give a CSV file with the columns host, criticality, exposure and owner"
		f, err := open(in.Assets, "assets", hint)
		if err != nil {
			return err
		}
		defer f.Close()
		if opt.Assets, err = triage.ReadAssets(f); err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q", in.Assets), Err: err, Hint: hint}
		}
	}
	if in.Suppress != "" {
		const hint = "give a YAML file with entries of id, reason and match under the key suppress"
		f, err := open(in.Suppress, "suppressions", hint)
		if err != nil {
			return err
		}
		defer f.Close()
		if opt.Suppress, err = triage.ReadSuppressions(f); err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q", in.Suppress), Err: err, Hint: hint}
		}
	}
	return nil
}

// readAll reads the paths in order, "-" from stdin where one is given.
func readAll(ctx context.Context, paths []string, stdin io.Reader, opt evidence.Options, yield func(*casemate.Alert) error) (evidence.Summary, error) {
	if stdin != nil && len(paths) == 1 && paths[0] == evidence.Stdin {
		return evidence.ReadFrom(ctx, stdin, evidence.Stdin, opt, yield)
	}
	return evidence.Read(ctx, paths, opt, yield)
}

// detector runs rules over the records that have an event.
type detector struct {
	engine  *sigma.Engine
	matcher *sigma.Matcher
	scratch []sigma.Match
	matched int
}

func newDetector(e *sigma.Engine) *detector { return &detector{engine: e, matcher: e.NewMatcher()} }

// match returns the rules that a record's event matches: valid until the next call.
func (d *detector) match(a *casemate.Alert) []sigma.Match {
	if a.Event == nil {
		return nil
	}
	d.scratch = d.matcher.Match(a.Log, a.Event, a.Raw, d.scratch[:0])
	d.matched += len(d.scratch)
	return d.scratch
}

// heldEvent is an event that correlations ask for, without its bulk. Files are
// read one after the other, and correlations want events in order of time.
type heldEvent struct {
	alert   *casemate.Alert
	matches []sigma.Match
	fields  []casemate.Field
	counted bool // it is an alert of its own
	ref     triage.Ref
}

// Add takes one record, which is not kept. It always returns nil.
func (t *Triager) Add(a *casemate.Alert) error {
	matches := t.detector.match(a)
	var found []casemate.Detection
	var feeding []sigma.Match
	for _, m := range matches {
		if m.Alone {
			found = append(found, m.Detection())
		}
		if t.detector.engine.Correlates(m) {
			feeding = append(feeding, m)
		}
	}
	ref := t.queue.Add(a, found)
	if t.Observe != nil {
		flagged := a.Kind == casemate.KindAlert || len(found) > 0
		t.Observe(a, flagged, t.firstOf(ref))
	}
	if len(feeding) > 0 {
		kept := *a
		kept.Fields, kept.Event, kept.Raw = nil, nil, ""
		t.held = append(t.held, heldEvent{
			alert: &kept, matches: feeding, fields: t.detector.engine.Carried(a.Event),
			counted: len(found) > 0 || a.Kind == casemate.KindAlert, ref: ref,
		})
	}
	return nil
}

// firstOf reports whether no record was counted under ref before.
func (t *Triager) firstOf(ref triage.Ref) bool {
	if ref == 0 || t.seen[ref] {
		return false
	}
	t.seen[ref] = true
	return true
}

// correlate runs the correlations over all events that they ask for.
func (t *Triager) correlate() {
	slices.SortStableFunc(t.held, func(a, b heldEvent) int { return a.alert.Time.Compare(b.alert.Time) })
	c := t.detector.engine.NewCorrelator()
	for i, e := range t.held {
		t.add(c.Add(e.alert.Time, uint64(i), e.matches, e.fields, nil))
	}
	t.add(c.Flush(nil))
}

// add hands correlations to the queue, with those of their events that are no
// alerts yet.
func (t *Triager) add(list []sigma.Correlated) {
	for _, c := range list {
		var members []*casemate.Alert
		for _, ref := range c.Events {
			if e := &t.held[ref]; !e.counted {
				e.counted = true
				members = append(members, e.alert)
			}
		}
		t.detector.matched++
		last := t.held[c.Events[len(c.Events)-1]]
		t.queue.AddCorrelation(last.alert, last.ref, members, c.Detection())
		if t.Observe != nil && len(members) > 0 {
			t.Observe(last.alert, true, true)
		}
	}
}

// tactics lists the catalogue's tactics in kill-chain order.
func tactics() []report.Tactic {
	var out []report.Tactic
	for _, t := range knowledge.Embedded().Tactics(knowledge.Enterprise) {
		out = append(out, report.Tactic{Short: t.Short, Name: t.Name})
	}
	return out
}

// provenance says which program and which catalogues decided.
func provenance(version string) []report.KeyValue {
	c := knowledge.Embedded()
	out := []report.KeyValue{{Key: "casemate", Value: version}, {Key: "catalogue", Value: c.Digest()}}
	for _, d := range c.Versions() {
		entries := strconv.Itoa(d.Count) + " entries"
		if d.Version != "" {
			entries = d.Version + ", " + entries
		}
		out = append(out, report.KeyValue{Key: d.Name, Value: entries})
	}
	return slices.Clip(out)
}
