package dossier

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// What is kept of sensors' records while they are read.
const (
	maxFlagged  = 12_000 // first alerts of moments
	maxContext  = 12_000 // groups of events
	maxHot      = 4_000  // more of them, tied to an alert by process or far end
	maxText     = 4096   // bytes of one record's text
	maxEntities = 24
)

// record is what is kept of a sensor's record: enough to make evidence of it and
// to tie what it names.
type record struct {
	ev       casemate.Evidence
	category string
	process  *casemate.Process
}

// contextKey makes two events the same story: they are told once, with a count.
type contextKey struct {
	hour                          int64
	name, host, user, image, peer string
}

// sensors takes what the triage reads, and keeps a bounded part of it.
type sensors struct {
	flagged map[string]*record // by the alert's id
	context map[contextKey]*record
	order   []*record       // of context
	lost    int             // first alerts that are kept by the triage alone
	left    int             // events that came when context was full
	hot     map[string]bool // processes and far ends of alerts
	entity  *tally
	first   time.Time
	last    time.Time
}

func newSensors() *sensors {
	return &sensors{flagged: map[string]*record{}, context: map[contextKey]*record{}, hot: map[string]bool{}, entity: newTally()}
}

// observe is the triage's hook.
func (s *sensors) observe(a *casemate.Alert, flagged, first bool) {
	s.cover(a.Time)
	s.entity.add(a)
	switch {
	case first:
		if len(s.flagged) >= maxFlagged {
			s.lost++
			return
		}
		s.heat(a)
		if _, known := s.flagged[a.ID]; !known {
			s.flagged[strings.Clone(a.ID)] = recordOf(a)
		}
	case !flagged && tells(a):
		s.event(a)
	}
}

func (s *sensors) cover(t time.Time) {
	if t.IsZero() {
		return
	}
	if s.first.IsZero() || t.Before(s.first) {
		s.first = t
	}
	if t.After(s.last) {
		s.last = t
	}
}

// tells reports whether an event can say what happened near an alert: who
// started, connected, logged on, asked or wrote.
func tells(a *casemate.Alert) bool {
	if a.Host == "" && a.User == "" && len(a.Entities) == 0 {
		return false
	}
	return a.Process != nil || a.User != "" || len(a.Entities) > 1
}

// event counts an event in its group.
func (s *sensors) event(a *casemate.Alert) {
	key := contextKey{name: a.Name, host: a.Host, user: a.User, peer: peer(a)}
	if !a.Time.IsZero() {
		key.hour = a.Time.Unix() / 3600
	}
	if a.Process != nil {
		key.image = a.Process.Image
	}
	if r := s.context[key]; r != nil {
		r.ev.Count++
		if a.Time.Before(r.ev.First) {
			r.ev.First = a.Time
		}
		if a.Time.After(r.ev.Last) {
			r.ev.Last = a.Time
		}
		return
	}
	if len(s.order) >= maxContext && (len(s.order) >= maxContext+maxHot || !s.isHot(a)) {
		s.left++
		return
	}
	r := recordOf(a)
	r.ev.Count = 1
	s.context[key] = r
	s.order = append(s.order, r)
}

// heat remembers what ties later events to an alert, so that they are kept where
// the room for events is taken.
func (s *sensors) heat(a *casemate.Alert) {
	if len(s.hot) >= maxTallied {
		return
	}
	if a.Process != nil && a.Process.GUID != "" {
		s.hot[strings.Clone(a.Process.GUID)] = true
	}
	for _, e := range a.Entities {
		if outside(e) {
			s.hot[strings.Clone(e.Value)] = true
		}
	}
}

func (s *sensors) isHot(a *casemate.Alert) bool {
	if p := a.Process; p != nil && (s.hot[p.GUID] || s.hot[p.ParentGUID]) {
		return true
	}
	return slices.ContainsFunc(a.Entities, func(e casemate.Entity) bool { return s.hot[e.Value] })
}

// peer is the far end that an event names: domain, URL's host or destination.
func peer(a *casemate.Alert) string {
	for _, e := range a.Entities {
		if e.Type == casemate.EntityDomain || e.Role == casemate.RoleDestination {
			return e.Value
		}
	}
	for _, e := range a.Entities {
		if e.Type == casemate.EntityURL || e.Type == casemate.EntityFile || e.Role == casemate.RoleTarget {
			return e.Value
		}
	}
	return ""
}

// recordOf copies what is kept of a record.
func recordOf(a *casemate.Alert) *record {
	r := &record{category: a.Log.Category, ev: casemate.Evidence{
		Kind: casemate.EvidenceEvent, Record: a.ID, At: a.At, First: a.Time, Last: a.Time,
		Host: a.Host, User: a.User, Severity: a.Severity, Name: a.Name,
		Text: textOf(a), Techniques: slices.Clone(a.Techniques),
		Entities: slices.Clone(a.Entities[:min(len(a.Entities), maxEntities)]),
	}}
	if a.Kind == casemate.KindAlert {
		r.ev.Kind = casemate.EvidenceAlert
	} else if a.Process == nil && len(a.Entities) == 0 {
		r.ev.Kind = casemate.EvidenceLog
	}
	if r.category == "" {
		r.category = a.Log.Service
	}
	if a.Process != nil {
		p := *a.Process
		p.CommandLine, p.ParentCommandLine = strings.Clone(p.CommandLine), strings.Clone(p.ParentCommandLine)
		r.process = &p
	}
	return r
}

// textOf writes what a record says in one line: its name, the sensor's words,
// process and command line, and who talks to whom.
func textOf(a *casemate.Alert) string {
	var b strings.Builder
	add := func(label, value string) {
		if value = strings.TrimSpace(value); value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(label)
		b.WriteString(value)
	}
	add("", a.Name)
	if a.Message != a.Name {
		add("", a.Message)
	}
	if p := a.Process; p != nil {
		add("process: ", p.Image)
		add("command line: ", p.CommandLine)
		add("parent: ", p.ParentImage)
		add("parent's command line: ", p.ParentCommandLine)
	}
	from, to := ends(a.Entities)
	if from != "" {
		add("from ", from)
	}
	if to != "" {
		add("to ", to)
	}
	for _, e := range a.Entities[:min(len(a.Entities), maxEntities)] {
		if e.Role == casemate.RoleObserver || e.Type == casemate.EntityProcess || e.Value == from || e.Value == to || containsFold(b.String(), e.Value) {
			continue
		}
		add(string(e.Type)+" ", e.Value)
	}
	add("action: ", a.Action)
	return short(b.String(), maxText)
}

// ends returns who talks to whom.
func ends(entities []casemate.Entity) (from, to string) {
	for _, e := range entities {
		switch {
		case e.Type != casemate.EntityAddress:
		case e.Role == casemate.RoleSource && from == "":
			from = e.Value
		case e.Role == casemate.RoleDestination && to == "":
			to = e.Value
		}
	}
	return from, to
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// short cuts s at a rune's border and says what it cut.
func short(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	head := phrase.Cut(s, limit)
	return strings.ToValidUTF8(head, "\uFFFD") + " … (" + strconv.Itoa(len(s)-len(head)) + " bytes more)"
}

// momentRecord returns what is kept of the first alert of a moment, completed
// with what the triage knows of all of them.
func (s *sensors) momentRecord(m casemate.Moment) *record {
	r := &record{}
	if kept := s.flagged[m.Evidence]; kept != nil {
		*r = *kept
	} else {
		r.ev = casemate.Evidence{Kind: casemate.EvidenceAlert, Text: m.Name}
		if m.Detail != "" {
			r.ev.Text += "; " + m.Detail
		}
	}
	e := &r.ev
	if e.Name != m.Name && !strings.HasPrefix(e.Text, m.Name) {
		e.Text = m.Name + "; " + e.Text
	}
	if e.Kind == casemate.EvidenceEvent || e.Kind == casemate.EvidenceLog {
		e.Kind = casemate.EvidenceAlert // a rule of ours made one of it
	}
	e.Record, e.At, e.Name = m.Evidence, m.At, m.Name
	e.First, e.Last, e.Count = m.First, m.Last, m.Count
	e.Severity = max(e.Severity, m.Severity)
	e.Techniques = slices.Clone(m.Techniques)
	if e.Host == "" {
		e.Host = m.Host
	}
	if e.User == "" {
		e.User = m.User
	}
	return r
}

// byTime orders evidence: by time, then by place, those without a time last.
func byTime(a, b *casemate.Evidence) int {
	if a.First.IsZero() != b.First.IsZero() {
		if a.First.IsZero() {
			return 1
		}
		return -1
	}
	return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Record, b.At.Record))
}
