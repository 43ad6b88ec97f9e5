package triage

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate"
)

// maxSuppressFile bounds a suppression list.
const maxSuppressFile = 4 << 20

// Suppression is one entry of an analyst's list of what is known to be benign.
// Every field of Match that is set must match; "*" stands for any text.
type Suppression struct {
	ID      string `yaml:"id"`
	Reason  string `yaml:"reason"`
	Author  string `yaml:"author"`
	Expires string `yaml:"expires"` // YYYY-MM-DD, the last day whose alerts it covers; empty: all
	Match   Match  `yaml:"match"`
}

// Match says which alerts a suppression is about.
type Match struct {
	Name    string `yaml:"name"`    // the alert's name, or the title of a rule of ours that matched
	Rule    string `yaml:"rule"`    // the sensor's rule id, or the id of a rule of ours
	Host    string `yaml:"host"`    // with or without its domain
	User    string `yaml:"user"`    //
	Address string `yaml:"address"` // of the source, never an address merely mentioned
}

// SuppressedGroup says what one suppression hid.
type SuppressedGroup struct {
	Suppression
	Alerts   int
	Severity casemate.Severity // the gravest among them
	Expired  int               // alerts it would have hidden, had they not come after its last day
}

// ReadSuppressions reads a YAML list under the key "suppress". Each entry needs
// an id, a reason and at least one field to match, so that nobody hides alerts
// without saying why, or hides them all.
func ReadSuppressions(r io.Reader) ([]Suppression, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSuppressFile+1))
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	if len(data) > maxSuppressFile {
		return nil, fmt.Errorf("read suppressions: more than %d bytes", maxSuppressFile)
	}
	var file struct {
		Suppress []Suppression `yaml:"suppress"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.DisallowUnknownField()); err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // the rest quotes the file
		return nil, fmt.Errorf("read suppressions: %s", reason)
	}
	for i, s := range file.Suppress {
		switch {
		case s.ID == "":
			return nil, fmt.Errorf("read suppressions: entry %d has no id", i+1)
		case s.Reason == "":
			return nil, fmt.Errorf("read suppressions: entry %q gives no reason", s.ID)
		case strings.Trim(s.Match.Name+s.Match.Rule+s.Match.Host+s.Match.User+s.Match.Address, "*") == "":
			return nil, fmt.Errorf("read suppressions: entry %q would hide every alert: match a name, rule, host, user or address", s.ID)
		}
		if _, err := expiry(s.Expires); err != nil {
			return nil, fmt.Errorf("read suppressions: entry %q: %w", s.ID, err)
		}
	}
	return file.Suppress, nil
}

// expiry returns the moment from which on an entry no longer covers alerts.
func expiry(day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}, fmt.Errorf("expires %q: want a day such as 2026-12-31", day)
	}
	return t.AddDate(0, 0, 1), nil
}

type suppressor struct {
	all []SuppressedGroup
	end []time.Time // of each, the zero time where it never ends
}

func newSuppressor(list []Suppression) *suppressor {
	s := &suppressor{}
	for _, entry := range list {
		end, _ := expiry(entry.Expires) // ReadSuppressions has refused what does not parse
		s.all = append(s.all, SuppressedGroup{Suppression: entry})
		s.end = append(s.end, end)
	}
	return s
}

// hides counts the alert under the first entry that names it, and reports
// whether there is one. An entry covers what happened up to its last day,
// whenever that is triaged: the same input gives the same result years later.
func (s *suppressor) hides(a *casemate.Alert, found []casemate.Detection) bool {
	for i := range s.all {
		g := &s.all[i]
		if !g.Match.covers(a, found) {
			continue
		}
		if !s.end[i].IsZero() && (a.Time.IsZero() || !a.Time.Before(s.end[i])) {
			g.Expired++
			continue
		}
		g.Alerts++
		g.Severity = max(g.Severity, a.Severity)
		for _, d := range found {
			g.Severity = max(g.Severity, d.Level)
		}
		return true
	}
	return false
}

// hidesAll is hides for the events of one correlation, which stay in sight
// unless one entry covers every one of them.
func (s *suppressor) hidesAll(events []*casemate.Alert, found []casemate.Detection) bool {
	for i := range s.all {
		g := &s.all[i]
		uncovered := func(a *casemate.Alert) bool {
			ended := !s.end[i].IsZero() && (a.Time.IsZero() || !a.Time.Before(s.end[i]))
			return ended || !g.Match.covers(a, found)
		}
		if slices.ContainsFunc(events, uncovered) {
			continue
		}
		g.Alerts += len(events)
		g.Severity = max(g.Severity, gravest(found).Level)
		return true
	}
	return false
}

func (s *suppressor) groups() []SuppressedGroup { return slices.Clone(s.all) }

// covers reports whether every field that is set matches the alert.
func (m Match) covers(a *casemate.Alert, found []casemate.Detection) bool {
	if m.Name != "" && !anyGlob(m.Name, a.Name, found, func(d casemate.Detection) string { return d.Title }) {
		return false
	}
	if m.Rule != "" && !anyGlob(m.Rule, a.Rule, found, func(d casemate.Detection) string { return d.Rule }) {
		return false
	}
	if m.Host != "" && !glob(m.Host, a.Host) && !glob(m.Host, shortHost(a.Host)) {
		return false
	}
	if m.User != "" && !glob(m.User, a.User) {
		return false
	}
	return m.Address == "" || fromOnly(a, m.Address)
}

// fromOnly reports whether an alert has sources and all of them match: beside a
// known one, an unknown one keeps the alert in sight.
func fromOnly(a *casemate.Alert, pattern string) bool {
	known := false
	for _, e := range a.Entities {
		if e.Type == casemate.EntityAddress && e.Role == casemate.RoleSource {
			if !glob(pattern, e.Value) {
				return false
			}
			known = true
		}
	}
	return known
}

// anyGlob matches the sensor's own word, or else that of every rule of ours
// that matched: a rule the entry does not name keeps the alert in sight.
func anyGlob(pattern, own string, found []casemate.Detection, of func(casemate.Detection) string) bool {
	if len(found) == 0 {
		return glob(pattern, own)
	}
	return !slices.ContainsFunc(found, func(d casemate.Detection) bool { return !glob(pattern, of(d)) })
}

// glob reports whether s matches a pattern in which "*" stands for any text,
// ignoring case. It takes time linear in len(pattern)·len(s) at worst.
func glob(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
