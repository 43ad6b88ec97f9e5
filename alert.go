package casemate

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Location says where a record stands in what was read, so that anyone can look it up again.
type Location struct {
	File   string `json:"file"`             // as the caller named it; an archive's member is "a.zip!dir/name"
	Line   int    `json:"line,omitempty"`   // 1-based, a CSV header counts; 0 where the format has no lines
	Record uint64 `json:"record,omitempty"` // 1-based position, or the format's own record number (EVTX)
}

// String returns "file:line", or "file#record" for formats without lines.
func (l Location) String() string {
	switch {
	case l.Line > 0:
		return l.File + ":" + strconv.Itoa(l.Line)
	case l.Record > 0:
		return l.File + "#" + strconv.FormatUint(l.Record, 10)
	}
	return l.File
}

// Kind tells a sensor's judgement from plain telemetry.
type Kind uint8

// The kinds of record: a sensor or rule has flagged an alert; an event is only recorded.
const (
	KindEvent Kind = iota
	KindAlert
)

// String returns "event" or "alert".
func (k Kind) String() string {
	if k == KindAlert {
		return "alert"
	}
	return "event"
}

// FieldKind is the JSON type of a field's value.
type FieldKind uint8

// The kinds of value. Empty objects and arrays are kept as leaves.
const (
	String FieldKind = iota
	Number
	Bool
	Null
	EmptyObject
	EmptyArray
)

// Field is one leaf of a record, as its source wrote it.
type Field struct {
	// Name is the path to the leaf, joined by dots: "process.parent.name".
	// The elements of an array share its name, in order.
	Name string
	// Value is the text of the leaf: a string without its quotes, a number as
	// written, "true", "false", or "" for Null, EmptyObject and EmptyArray.
	Value string
	Kind  FieldKind
}

// Logsource is where an event comes from, in Sigma's words.
type Logsource struct {
	Product  string `json:"product,omitempty"`  // windows, linux, aws, zeek …
	Category string `json:"category,omitempty"` // process_creation, dns_query, webserver …
	Service  string `json:"service,omitempty"`  // sysmon, security, cloudtrail, sshd …
}

// Process is the process that an alert or event is about.
type Process struct {
	Image             string `json:"image,omitempty"` // full path where the source has it
	CommandLine       string `json:"command_line,omitempty"`
	PID               string `json:"pid,omitempty"`
	GUID              string `json:"guid,omitempty"` // the sensor's unique process id, such as Sysmon's ProcessGuid
	ParentImage       string `json:"parent_image,omitempty"`
	ParentCommandLine string `json:"parent_command_line,omitempty"`
	ParentPID         string `json:"parent_pid,omitempty"`
	ParentGUID        string `json:"parent_guid,omitempty"`
}

// Alert is the one normal form of everything a sensor says: a detection
// (KindAlert) or a raw event (KindEvent). Every text in it may have been
// written by an attacker.
type Alert struct {
	ID     string    // stable: the same record has the same id wherever and whenever it is read; see AlertID
	At     Location  // where this copy of it stands
	Format string    // the reader that understood it: "suricata-eve", "evtx", "csv" …
	Kind   Kind      // alert or event
	Time   time.Time // UTC; the zero time where the record has none

	Name       string   // what the sensor calls it: signature, rule title, event name
	Rule       string   // the sensor's id of the rule or event, such as "2024792" or "4688"
	Message    string   // free text of the sensor
	Severity   Severity // on Casemate's scale
	Action     string   // what the sensor did, as it says: "allowed", "blocked" …
	Techniques []string // ATT&CK ids that the sensor names, not yet looked up

	Host    string   // the primary machine, as named
	User    string   // the primary account, as named
	Process *Process // nil where the record has none

	Entities   []Entity
	Indicators []Indicator

	Log    Logsource // for Sigma; zero where no rule applies
	Event  []Field   // the record under Sigma's field names; nil where no rule applies
	Fields []Field   // every original field
	Raw    string    // the original text of a text or JSON record; "" for binary ones
}

// AlertID returns the id of a record: the first 64 bits of SHA-256 over its
// format and its original bytes, in hexadecimal behind "a-". Two identical
// records share it: they are the same evidence, seen twice.
func AlertID(format string, original []byte) string {
	h := sha256.New()
	h.Write([]byte(format))
	h.Write([]byte{0})
	h.Write(original)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return "a-" + hex.EncodeToString(sum[:8])
}
