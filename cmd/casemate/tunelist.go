package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// ownKindFlag says which kind of thing a name is of.
type ownKindFlag struct {
	Adapter bool `help:"The names are of adapters, not of heads."`
}

func (f ownKindFlag) kind() registry.Kind {
	if f.Adapter {
		return registry.KindAdapter
	}
	return registry.KindHead
}

// openRegistry returns the registry of the data directory.
func (d dataFlag) openRegistry() (*registry.Registry, error) {
	dir, err := d.dataDir()
	if err != nil {
		return nil, err
	}
	return registry.Open(dir), nil
}

type tuneListCmd struct {
	dataFlag
	JSON bool `help:"Print one JSON document."`
}

// listedOwn is a row of `tune list --json`.
type listedOwn struct {
	Kind      registry.Kind    `json:"kind"`
	Name      string           `json:"name"`
	InService string           `json:"in_service"`        // "" if none is
	Damaged   bool             `json:"damaged,omitempty"` // what is in service cannot be used
	Since     *time.Time       `json:"since,omitempty"`
	Versions  int              `json:"versions"`
	Newest    string           `json:"newest"`
	Measure   string           `json:"measure,omitempty"`
	Score     *metric.Estimate `json:"score,omitempty"` // of the one in service, or of the newest
}

// Run prints a row for each head, and then for each adapter.
func (c *tuneListCmd) Run(s *streams) error {
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	rows := []listedOwn{}
	var damaged []error
	for _, k := range []registry.Kind{registry.KindHead, registry.KindAdapter} {
		names, err := r.Names(k)
		if err != nil {
			return err
		}
		for _, name := range names {
			row, broken, err := listOwn(r, k, name)
			damaged = append(damaged, broken...)
			if err != nil {
				damaged = append(damaged, err)
			}
			if row.Versions > 0 || row.Damaged {
				rows = append(rows, row)
			}
		}
	}
	if c.JSON {
		err = writeJSON(s.stdout, rows, true)
	} else {
		err = printOwn(s.stdout, rows)
	}
	if err != nil {
		return err
	}
	said := map[string]bool{} // the version in service is read twice
	for _, d := range damaged {
		if note := report.Terminal(d.Error()); !said[note] {
			said[note] = true
			fmt.Fprintln(s.stderr, "casemate: note:", note)
		}
	}
	if len(damaged) > 0 {
		return exitRequest(exitIncomplete)
	}
	return nil
}

// listOwn says what there is of a name.
func listOwn(r *registry.Registry, k registry.Kind, name string) (listedOwn, []error, error) {
	row := listedOwn{Kind: k, Name: name}
	versions, broken, err := r.Versions(k, name)
	if err != nil {
		return row, broken, err
	}
	v, err := r.InService(k, name)
	if len(versions) == 0 {
		row.Damaged = err != nil && !errors.Is(err, registry.ErrNone) && !errors.Is(err, registry.ErrNotFound)
		return row, broken, nil
	}
	row.Versions, row.Newest = len(versions), versions[0].ID
	shown := versions[0]
	switch {
	case err == nil:
		shown = v
		if service, err := r.Service(k, name); err == nil && service.Current() != nil { // else another process took it out just now
			row.InService, row.Since = v.ID, &service.Current().At
		}
	case !errors.Is(err, registry.ErrNone):
		row.Damaged = true
		broken = append(broken, err)
	}
	e, _, err := r.Evaluation(shown)
	if err == nil && e != nil {
		score := e.Mean()
		row.Measure, row.Score = e.ScoreName(), &score
	}
	return row, broken, err
}

func printOwn(w io.Writer, rows []listedOwn) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "There is no head or adapter yet: casemate tune train DATA makes a head.")
		return err
	}
	t := newTable("name", "kind", "in service", "since", "versions", "measured", "95 % interval")
	for _, r := range rows {
		service, since, measured, interval := "none", "", "not yet", ""
		if r.InService != "" {
			service, since = r.InService, r.Since.Format(time.DateOnly)
		} else if r.Damaged {
			service = "damaged"
		}
		if r.Score != nil {
			measured, interval = ownFigure(r.Measure, *r.Score)
		}
		t.row(r.Name, string(r.Kind), service, since, r.Versions, measured, interval)
	}
	t.write(w)
	return nil
}

// ownScore writes a score of an evaluation with its interval.
func ownScore(measure string, e metric.Estimate) string {
	value, interval := scoreParts(measure, e)
	return value + " (" + interval + ")"
}

// scoreParts writes a score and its interval: a share, or an error, which is kept
// as its negative.
func scoreParts(measure string, e metric.Estimate) (value, interval string) {
	if strings.HasPrefix(measure, "mean absolute error") || strings.HasPrefix(measure, "mean loss") {
		return fmt.Sprintf("%.4g", -e.Value), fmt.Sprintf("%.4g to %.4g", -e.High, -e.Low)
	}
	return fmt.Sprintf("%.1f %%", 100*e.Value), fmt.Sprintf("%.1f to %.1f", 100*e.Low, 100*e.High)
}

// ownFigure writes what was measured, in few columns, and its interval.
func ownFigure(measure string, e metric.Estimate) (figure, interval string) {
	value, interval := scoreParts(measure, e)
	short := map[string]string{"mean F1 of a row's labels": "F1", "mean F1 of a row's spans": "F1", "mean absolute error": "error", "mean loss of the answers": "loss"}
	if s, ok := short[measure]; ok {
		measure = s
	}
	return measure + " " + value, interval
}

type tuneShowCmd struct {
	dataFlag
	ownKindFlag
	Name string `arg:"" optional:"" placeholder:"NAME" help:"A head or adapter."`
	Key  bool   `help:"Print the public key that signs evaluations here, for the trusted-keys folder of others."`
	JSON bool   `help:"Print one JSON document."`
}

// shownVersion is a version in `tune show --json`.
type shownVersion struct {
	*registry.Version
	Measure   string           `json:"measure,omitempty"`
	Score     *metric.Estimate `json:"score,omitempty"`
	Rows      int              `json:"rows,omitempty"`
	Signed    string           `json:"signed,omitempty"` // by which key
	Folder    string           `json:"folder"`
	InService bool             `json:"in_service"`
}

// Run prints the versions of a name and the history of what was in service.
func (c *tuneShowCmd) Run(s *streams) error {
	if c.Key {
		return c.key(s)
	}
	if c.Name == "" {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "tune show needs a name", Hint: "casemate tune list names them; --key prints the signing key"}
	}
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	versions, broken, err := r.Versions(c.kind(), c.Name)
	if err != nil {
		return err
	}
	service, err := r.Service(c.kind(), c.Name)
	if err != nil && !errors.Is(err, registry.ErrNone) {
		broken, service = append(broken, err), nil
	}
	var shown []shownVersion
	for _, v := range versions {
		row := shownVersion{Version: v, Folder: v.Dir}
		if now := service.Current(); now != nil && now.Version == v.ID {
			row.InService = true
		}
		e, signer, err := r.Evaluation(v)
		if err != nil {
			broken = append(broken, err)
		}
		if e != nil {
			score := e.Mean()
			row.Measure, row.Score, row.Rows = e.ScoreName(), &score, len(e.Rows)
		}
		if signer != nil {
			row.Signed = signer.Key
		}
		shown = append(shown, row)
	}
	if c.JSON {
		err = writeJSON(s.stdout, map[string]any{"kind": c.kind(), "name": c.Name, "versions": shown, "service": service}, true)
	} else {
		err = c.print(s.stdout, shown, service)
	}
	if err != nil {
		return err
	}
	for _, d := range broken {
		fmt.Fprintln(s.stderr, "casemate: note:", report.Terminal(d.Error()))
	}
	if len(broken) > 0 {
		return exitRequest(exitIncomplete)
	}
	return nil
}

// key prints the public key, which is made if there is none yet.
func (c *tuneShowCmd) key(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	key, err := outcome.OpenKey(dir)
	if err != nil {
		return err
	}
	text, err := key.PublicPEM()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, map[string]string{"key": key.Name(), "pem": string(text)}, true)
	}
	_, err = fmt.Fprintf(s.stdout, "%s%s\n", text, key.Name())
	return err
}

func (c *tuneShowCmd) print(w io.Writer, versions []shownVersion, service *registry.Service) error {
	t := newTable("version", "added", "", "measured", "95 % interval", "tested on", "signed")
	for _, v := range versions {
		now, measured, interval, rows, signed := "", "not yet", "", "", "no"
		if v.InService {
			now = "in service"
		}
		if v.Score != nil {
			rows = phrase.Count(v.Rows, "row")
			measured, interval = ownFigure(v.Measure, *v.Score)
		}
		if v.Signed != "" {
			signed = "yes"
		}
		t.row(v.ID, v.Added.Format(time.DateTime), now, measured, interval, rows, signed)
	}
	t.write(w)
	if service == nil {
		_, err := fmt.Fprintf(w, "\nNothing is in service. casemate tune promote %s lets the newest in.\n", report.Terminal(c.Name))
		return err
	}
	fmt.Fprintln(w, "\nHistory:")
	for _, e := range service.History {
		fmt.Fprintf(w, "  %s  %s\n", e.At.Format(time.DateTime), report.Terminal(entryWords(&e)))
		if e.Gain != nil {
			fmt.Fprintf(w, "  %19s  against %s: %s\n", "", report.Terminal(e.Against), report.Terminal(registry.GainWords(e.Gain)))
		}
		if e.Override != "" {
			fmt.Fprintf(w, "  %19s  overridden, %q:\n", "", report.Terminal(e.Override))
			for _, o := range e.Overridden {
				fmt.Fprintf(w, "  %19s    %s\n", "", report.Terminal(o))
			}
		}
	}
	return nil
}

// entryWords says what an entry of a history did.
func entryWords(e *registry.Entry) string {
	switch e.Action {
	case registry.ActionPromote:
		if e.Before == "" {
			return e.Version + " went into service"
		}
		return e.Version + " went into service in place of " + e.Before
	case registry.ActionRollback:
		return e.Before + " was rolled back to " + e.Version
	}
	return e.Before + " was taken out of service"
}
