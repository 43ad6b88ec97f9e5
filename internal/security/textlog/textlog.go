// Package textlog parses one line of a text log into a Message: syslog and the
// bodies of the programs that matter for security, auditd, access and error logs
// of web servers, CEF, LEEF and key=value lines. Its parsers are pure, take time
// linear in the line, and drop nothing: what a parser does not understand stays
// in Body, and beside an error Body is the whole line, while the other fields
// hold what was read before it.
package textlog

import (
	"fmt"
	"strings"
	"time"
)

// The limits of one line. A longer line is an error; fields beyond the limit
// stay in Body as they were written.
const (
	MaxLine   = 1 << 20
	MaxFields = 8192
)

// Kind is the format of a line.
type Kind uint8

// The formats.
const (
	Unknown  Kind = iota
	Syslog        // RFC 3164 and what is written in its spirit
	Syslog5       // RFC 5424
	Audit         // auditd
	Access        // common and combined access logs of web servers
	ErrorLog      // error logs of Apache and nginx
	CEF           // ArcSight Common Event Format
	LEEF          // QRadar Log Event Extended Format
	KeyValue      // key=value
)

var kindNames = [...]string{"unknown", "syslog-rfc3164", "syslog-rfc5424", "auditd", "access-log", "error-log", "cef", "leef", "key-value"}

// String returns the name of the format, such as "syslog-rfc5424".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

// Field is a name and its value, unescaped and decoded.
type Field struct {
	Name, Value string
}

// Message is what a line says.
type Message struct {
	Kind Kind
	Time time.Time // UTC; zero where the line has none

	Priority bool // the line has a syslog priority, which gives the next two
	Facility int  // 0 to 23
	Severity int  // 0 (emergency) to 7 (debug)

	Host  string // the machine, as named by the line; auditd's node
	App   string // the program: syslog's tag or APP-NAME
	PID   string // its process id, as written
	MsgID string // MSGID of RFC 5424; the serial number of an audit record

	// Event is what happened, in one fixed word that Body's documentation lists
	// ("ssh-login-failed"), the type of an audit record ("EXECVE"), or "".
	Event string
	// Fields are the parts of the line, in its order. A name may occur twice.
	Fields []Field
	// Body is the free text: the message of a syslog line, whole even where
	// Fields were read from it, and what other formats leave over.
	Body string
}

// Get returns the value of the first field of that name, or "".
func (m *Message) Get(name string) string {
	for i := range m.Fields {
		if m.Fields[i].Name == name {
			return m.Fields[i].Value
		}
	}
	return ""
}

// whole ends a parser: beside an error, the Body is the whole line.
func (m Message) whole(line string, err error) (Message, error) {
	if err != nil {
		m.Body = line
	}
	return m, err
}

// Error says what is wrong with a line, and where.
type Error struct {
	Kind   Kind   // the format it was read as
	Offset int    // in bytes, from the start of the line
	Reason string // such as "want a space behind the host"
}

// Error returns the format, the place and the reason. It never quotes the line.
func (e *Error) Error() string {
	return fmt.Sprintf("parse %s line: byte %d: %s", e.Kind, e.Offset, e.Reason)
}

// fail returns an error of a format.
func fail(kind Kind, offset int, reason string) error {
	return &Error{Kind: kind, Offset: offset, Reason: reason}
}

// tooLong checks MaxLine.
func tooLong(kind Kind, line string) error {
	if len(line) > MaxLine {
		return fail(kind, MaxLine, "the line is too long")
	}
	return nil
}

// Parse reads a line in the format that Detect finds. ref stands in for what a
// line's time leaves out: the year and the zone. A line of no known format is
// an error, and is the Body of the Message.
func Parse(line string, ref time.Time) (Message, error) {
	line = strings.TrimRight(line, "\r\n")
	switch kind := Detect(line); kind {
	case Syslog5:
		return ParseSyslog5424(line)
	case Syslog:
		return ParseSyslog3164(line, ref)
	case Audit:
		return ParseAudit(line)
	case Access:
		return ParseAccess(line)
	case ErrorLog:
		return ParseErrorLog(line, ref)
	case CEF:
		return ParseCEF(line, ref)
	case LEEF:
		return ParseLEEF(line, ref)
	case KeyValue:
		return ParseKeyValue(line)
	}
	return Message{Body: line}, fail(Unknown, 0, "the line has no known format")
}

// Detect returns the format of a line by its content. It looks at the head of
// the line alone, so that text an attacker writes into a message cannot choose
// the format.
func Detect(line string) Kind {
	line = uncount(line)
	switch {
	case line == "":
		return Unknown
	case strings.HasPrefix(line, "CEF:"):
		return CEF
	case strings.HasPrefix(line, "LEEF:"):
		return LEEF
	case isAudit(line):
		return Audit
	case isErrorLog(line):
		return ErrorLog
	}
	if p, _, ok := priority(line); ok && strings.HasPrefix(line[p:], "1 ") {
		if i := bodyOf5424(line); i >= 0 {
			return carried(line[i:], Syslog5)
		}
		return Syslog5
	}
	if m, body, err := header3164(line, time.Unix(0, 0).UTC()); err == nil && (m.Priority || !m.Time.IsZero()) {
		return carried(line[body:], Syslog)
	}
	switch {
	case isAccess(line):
		return Access
	case isKeyValue(line):
		return KeyValue
	}
	return Unknown
}

// carried returns CEF or LEEF where a syslog message carries it, else kind.
func carried(body string, kind Kind) Kind {
	switch {
	case strings.HasPrefix(body, "CEF:"):
		return CEF
	case strings.HasPrefix(body, "LEEF:"):
		return LEEF
	}
	return kind
}
