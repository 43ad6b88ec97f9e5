package textlog

import (
	"strconv"
	"strings"
	"time"
)

// The defaults of Joiner.
const (
	DefaultWindow  = 128
	DefaultRecords = 1024
)

// Joiner collects the records of one audit event, which the kernel writes as
// several lines with one serial number and mixes with those of other events.
// The zero value works. Its memory is bounded by Window times Records.
type Joiner struct {
	// Window is how many events may be open at a time; the oldest is given out
	// when one more begins. DefaultWindow where it is 0.
	Window int
	// Records is how many records an event may have before it is given out.
	// DefaultRecords where it is 0.
	Records int

	open []AuditEvent // oldest first
}

// AuditEvent is the records of one event, in the order of their lines.
type AuditEvent struct {
	Host    string
	Serial  string
	Time    time.Time
	Records []Message
}

// Add takes the next record and returns the events that are complete with it,
// oldest first: an event ends with its EOE or PROCTITLE record. A record of a
// type that stands alone is an event of its own.
func (j *Joiner) Add(m Message) []AuditEvent {
	window, records := j.Window, j.Records
	if window <= 0 {
		window = DefaultWindow
	}
	if records <= 0 {
		records = DefaultRecords
	}
	at := -1
	for i := len(j.open) - 1; i >= 0; i-- {
		e := &j.open[i]
		if e.Serial == m.MsgID && e.Host == m.Host && e.Time.Equal(m.Time) {
			at = i
			break
		}
	}
	if at < 0 {
		event := AuditEvent{Host: m.Host, Serial: m.MsgID, Time: m.Time, Records: []Message{m}}
		if alone(m.Event) {
			return []AuditEvent{event}
		}
		var done []AuditEvent
		if len(j.open) >= window {
			done = append(done, j.take(0))
		}
		j.open = append(j.open, event)
		return done
	}
	j.open[at].Records = append(j.open[at].Records, m)
	if m.Event == "EOE" || m.Event == "PROCTITLE" || len(j.open[at].Records) >= records {
		return []AuditEvent{j.take(at)}
	}
	return nil
}

// Flush returns the events that are still open, oldest first.
func (j *Joiner) Flush() []AuditEvent {
	done := j.open
	j.open = nil
	return done
}

// take removes an open event and returns it.
func (j *Joiner) take(i int) AuditEvent {
	e := j.open[i]
	copy(j.open[i:], j.open[i+1:])
	j.open[len(j.open)-1] = AuditEvent{} // lets go of its records
	j.open = j.open[:len(j.open)-1]
	return e
}

// alone says whether records of a type come one to an event: those that
// programs send and those of the audit daemon itself. The kernel's records of
// system calls come in groups.
func alone(kind string) bool {
	for _, prefix := range [...]string{"USER_", "CRED_", "DAEMON_", "SERVICE_", "SYSTEM_", "ADD_", "DEL_", "GRP_", "CRYPTO_", "VIRT_", "CHUSER_"} {
		if strings.HasPrefix(kind, prefix) {
			return true
		}
	}
	return kind == "EOE"
}

// Merge returns the event as one Message: Event is the type of the first
// record, every field has its record's type before its name ("PATH.name"), and
// two more fields come first where the records have them: "cmdline", the
// arguments of EXECVE or else the title of PROCTITLE, and "cwd".
func (e *AuditEvent) Merge() Message {
	m := Message{Kind: Audit, App: "auditd", Host: e.Host, Time: e.Time, MsgID: e.Serial}
	title, cwd := "", ""
	var args []string
	for i := range e.Records {
		r := &e.Records[i]
		switch r.Event {
		case "EXECVE":
			args = append(args, r.Args()...)
		case "PROCTITLE":
			title = r.Get("proctitle")
		case "CWD":
			cwd = r.Get("cwd")
		}
	}
	if len(args) > 0 {
		title = strings.Join(args, " ")
	}
	if title != "" {
		m.Fields = append(m.Fields, Field{"cmdline", title})
	}
	if cwd != "" {
		m.Fields = append(m.Fields, Field{"cwd", cwd})
	}
	var bodies []string
	for i := range e.Records {
		r := &e.Records[i]
		if i == 0 {
			m.Event = r.Event
		}
		for _, f := range r.Fields {
			m.Fields = append(m.Fields, Field{r.Event + "." + f.Name, f.Value})
		}
		if r.Body != "" {
			bodies = append(bodies, r.Body)
		}
	}
	m.Body = strings.Join(bodies, " ")
	return m
}

// Args returns the arguments of an EXECVE record in order, those that the
// kernel wrote in pieces (a1[0], a1[1] …) put together.
func (m *Message) Args() []string {
	var args []string
	last := ""
	for _, f := range m.Fields {
		digits, ok := strings.CutPrefix(f.Name, "a")
		if !ok {
			continue
		}
		digits, piece, isPiece := strings.Cut(digits, "[")
		if _, err := strconv.ParseUint(digits, 10, 31); err != nil || isPiece && !strings.HasSuffix(piece, "]") {
			continue
		}
		if isPiece && digits == last {
			args[len(args)-1] += f.Value
			continue
		}
		args = append(args, f.Value)
		if last = ""; isPiece {
			last = digits
		}
	}
	return args
}
