package evidence

import (
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sensor"
	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// lineMapper turns lines of text into alerts. It has a mapper of its own, for
// it also serves the lines that stand inside other records.
type lineMapper struct {
	mapper    *sensor.Mapper
	reference time.Time
}

func newLineMapper(reference time.Time) *lineMapper {
	return &lineMapper{mapper: sensor.New(reference), reference: reference}
}

// alert fills an alert from a line, or returns false.
func (l *lineMapper) alert(a *casemate.Alert, line string) bool {
	m, err := textlog.Parse(line, l.reference)
	if err != nil {
		return false
	}
	l.fill(a, &m)
	return true
}

// fill makes an alert of a parsed message.
func (l *lineMapper) fill(a *casemate.Alert, m *textlog.Message) string {
	a.Fields = make([]casemate.Field, 0, len(m.Fields)+4)
	if m.Kind == textlog.Audit {
		a.Fields = append(a.Fields, casemate.Field{Name: "type", Value: m.Event})
	} else {
		add(a, "hostname", m.Host)
		add(a, "program", m.App)
	}
	for _, f := range m.Fields {
		a.Fields = append(a.Fields, casemate.Field{Name: f.Name, Value: f.Value})
	}
	add(a, "message", m.Body)
	return l.mapper.Line(a, describe(m))
}

// add appends a field that has a value.
func add(a *casemate.Alert, name, value string) {
	if value != "" {
		a.Fields = append(a.Fields, casemate.Field{Name: name, Value: value})
	}
}

func describe(m *textlog.Message) sensor.Line {
	line := sensor.Line{
		Format: m.Kind.String(), Time: m.Time, Host: m.Host, App: m.App, PID: m.PID, MsgID: m.MsgID,
		Event: m.Event, Body: m.Body, Severity: -1, Facility: -1,
	}
	if m.Priority {
		line.Severity, line.Facility = m.Severity, m.Facility
	}
	return line
}

// textLine reads one line of a log.
func (r *room) textLine(line []byte, number int, offset int64) bool {
	raw := r.text(line)
	m, err := textlog.Parse(raw, r.lines.reference)
	if err != nil {
		r.record++
		r.fault(number, r.record, offset, err.Error())
		return true
	}
	if m.Kind == textlog.Audit {
		return r.auditLine(&m, line, number, offset)
	}
	a := r.alert("text", raw, number)
	return r.emit(a, line, offset, r.lines.fill(a, &m))
}

// auditKey names an audit event that is still open.
type auditKey struct{ host, serial string }

// auditOpen is where the records of an open audit event stand.
type auditOpen struct {
	number   int
	offset   int64
	original []byte
}

// maxAuditOpen bounds the bytes of all audit events that wait for more records.
const maxAuditOpen = 32 << 20

// auditLine adds a record to its event, and emits what is complete with it.
func (r *room) auditLine(m *textlog.Message, original []byte, number int, offset int64) bool {
	if r.audit == nil {
		r.audit = map[auditKey]*auditOpen{}
	}
	key := auditKey{m.Host, m.MsgID}
	open := r.audit[key]
	if open == nil {
		open = &auditOpen{number: number, offset: offset}
		r.audit[key] = open
	} else {
		open.original = append(open.original, '\n')
	}
	open.original = append(open.original, original...)
	if r.auditBytes += len(original); r.auditBytes > maxAuditOpen {
		r.joiner.Add(*m)
		return r.flushText()
	}
	for _, e := range r.joiner.Add(*m) {
		if !r.auditEvent(&e) {
			return false
		}
	}
	return true
}

// auditEvent emits a joined event. Its fields keep their own names, each record
// behind a field "type", for those are the names in Sigma's rules.
func (r *room) auditEvent(e *textlog.AuditEvent) bool {
	key := auditKey{e.Host, e.Serial}
	open := r.audit[key]
	delete(r.audit, key)
	if open == nil { // an event of the same serial took its place
		open = &auditOpen{number: r.in.line, offset: r.in.offset}
	}
	r.auditBytes -= len(open.original)
	a := r.alert("auditd", strings.ToValidUTF8(string(open.original), "\uFFFD"), open.number)
	for i := range e.Records {
		rec := &e.Records[i]
		a.Fields = append(a.Fields, casemate.Field{Name: "type", Value: rec.Event})
		for _, f := range rec.Fields {
			a.Fields = append(a.Fields, casemate.Field{Name: f.Name, Value: f.Value})
		}
		add(a, "message", rec.Body)
	}
	line := describe(&e.Records[0])
	return r.emit(a, open.original, open.offset, r.lines.mapper.Line(a, line))
}

// flushText emits the audit events that still wait for more lines.
func (r *room) flushText() bool {
	for _, e := range r.joiner.Flush() {
		if r.abort != nil || !r.auditEvent(&e) {
			return false
		}
	}
	return true
}
