// Package sensor knows the schemas of security products. It turns the flat
// fields of one record into the normal casemate.Alert: what it is called, how
// grave it is, which machine and account it is about, and what Sigma would
// call its fields. It reads no files.
package sensor

import (
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// Mapper turns records into alerts, one after the other. It keeps buffers
// between calls and is not for concurrent use. Use New.
type Mapper struct {
	// Reference dates timestamps without a year: the latest year is taken that
	// does not put them more than a day after it.
	Reference time.Time
	// Text, if not nil, understands a line of text found inside a record: it
	// fills the alert as if the line had been read alone, or returns false.
	Text func(a *casemate.Alert, line string) bool

	rec    flat.Record
	event  flat.Record // of a Windows event under Sigma's names
	parser flat.Parser // of JSON inside strings
	now    mapping
	line   Line // at hand, for Line
}

// New returns a Mapper.
func New(reference time.Time) *Mapper { return &Mapper{Reference: reference} }

// schema is one product's form of record.
type schema struct {
	format string
	// is must be cheap: it is asked of every record until one says yes.
	is   func(r *flat.Record) bool
	fill func(m *mapping)
}

// schemas lists the forms, the telling ones first. It never changes.
func schemas() []schema { return table[:] }

var table = [...]schema{
	{"wazuh", isWazuh, wazuh},
	{"suricata-eve", isSuricata, suricata},
	{"elastic", isElasticAlert, elastic},
	{"ocsf", isOCSF, ocsf},
	{"aws-cloudtrail", isCloudTrail, cloudTrail},
	{"aws-guardduty", isGuardDuty, guardDuty},
	{"aws-securityhub", isSecurityHub, securityHub},
	{"ms-graph-alert", isGraphAlert, graphAlert},
	{"sentinel-alert", isSentinelAlert, sentinelAlert},
	{"sentinel-incident", isSentinelIncident, sentinelIncident},
	{"ms-hunting", isHunting, hunting},
	{"windows-event", isWindows, windows},
	{"elastic", isECS, elastic},
	{"splunk-notable", isNotable, notable},
	{"zeek", isZeek, zeek},
	{"audit", isAudit, audit},
	{"journald", isJournald, journald},
}

// Formats returns the names of the schemas, each once.
func Formats() []string {
	var names []string
	for _, s := range schemas() {
		if len(names) == 0 || names[len(names)-1] != s.format {
			names = append(names, s.format)
		}
	}
	return names
}

// Map fills an alert whose Fields, Raw and At are set. A Format that is set
// already names the container ("csv", "json"), and is replaced by the name of
// the schema that fits; with none, names of fields that many products share
// decide. It returns what is wrong with a record that it could use otherwise:
// "", or one sentence.
func (m *Mapper) Map(a *casemate.Alert) string {
	a.Fields = unwrap(a.Fields)
	m.rec.Reset(a.Fields)
	for i := range table {
		if table[i].is(&m.rec) {
			a.Format = table[i].format
			return m.run(a, table[i].fill)
		}
	}
	return m.run(a, generic)
}

// run lets one schema fill the alert.
func (m *Mapper) run(a *casemate.Alert, fill func(*mapping)) string {
	m.now = mapping{Record: &m.rec, a: a, m: m}
	fill(&m.now)
	if a.Name == "" {
		a.Name = a.Format + " record"
	}
	return m.now.warning
}

// unwrap removes the name of an envelope that wraps a whole record, as
// Elasticsearch, Splunk and Amazon EventBridge export them: the fields keep
// their order, those of the envelope itself keep their names.
func unwrap(fields []casemate.Field) []casemate.Field {
	var inside [len(envelopes)]int
	for i := range fields {
		name := fields[i].Name
		if len(name) < 7 || name[0] != '_' && name[0] != 'r' && name[0] != 'd' {
			continue
		}
		for e := range envelopes {
			if strings.HasPrefix(name, envelopes[e].prefix) {
				inside[e]++
			}
		}
	}
	for e := range envelopes {
		// A record that happens to have a field of this name has more outside it.
		if inside[e] == 0 || len(fields)-inside[e] > envelopes[e].own {
			continue
		}
		for i := range fields {
			fields[i].Name = strings.TrimPrefix(fields[i].Name, envelopes[e].prefix)
		}
	}
	return fields
}

// envelopes lists the names under which a whole record may stand, and how many
// fields the envelope has of its own at most.
var envelopes = [...]struct {
	prefix string
	own    int
}{
	{"_source.", 16}, // with the fields of a search hit: _index, _id, _score, sort …
	{"result.", 3},   // preview, offset, lastrow
	{"detail.", 12},  // version, id, detail-type, source, account, time, region, resources
}

// mapping is one record on its way into an alert.
type mapping struct {
	*flat.Record
	a       *casemate.Alert
	m       *Mapper
	nested  bool // the record stood inside another one
	warning string
}

// time sets the alert's time from the first of the fields that has a value.
func (m *mapping) time(names ...string) {
	if v := m.First(names...); v != "" && m.a.Time.IsZero() {
		m.timeOf(v)
	}
}

func (m *mapping) timeOf(v string) {
	t, ok := ParseTime(v, m.m.Reference)
	if !ok {
		m.warning = "the time is not one, or out of range; the record is kept without it"
		return
	}
	m.a.Time = t
}

// alert marks the record as a sensor's judgement.
func (m *mapping) alert(name, rule, message string, severity casemate.Severity) {
	m.a.Kind, m.a.Name, m.a.Rule, m.a.Message, m.a.Severity = casemate.KindAlert, name, rule, message, severity
}

// event marks the record as telemetry.
func (m *mapping) event(name, rule string) {
	m.a.Kind, m.a.Name, m.a.Rule = casemate.KindEvent, name, rule
}

// entity adds what the record is about; an empty value is ignored.
func (m *mapping) entity(typ casemate.EntityType, value string, role casemate.Role) {
	value = flat.Clean(value)
	if value == "" || len(value) > maxEntity || len(m.a.Entities) >= maxEntities {
		return
	}
	switch typ {
	case casemate.EntityHost, casemate.EntityDomain, casemate.EntityMail, casemate.EntityHash:
		value = strings.ToLower(strings.TrimSuffix(value, "."))
	case casemate.EntityURL:
		value = unquote(value)
	case casemate.EntityAddress:
		value = address(value)
	}
	if value == "" {
		return
	}
	e := casemate.Entity{Type: typ, Value: value, Role: role}
	for i := range m.a.Entities {
		if have := &m.a.Entities[i]; have.Type == typ && have.Value == value && (have.Role == role || role == casemate.RoleNone) {
			return
		}
	}
	m.a.Entities = append(m.a.Entities, e)
}

// An alert names at most so many entities, of at most so many bytes: the
// comparison with those there is quadratic, and an alert about more than these
// is about none.
const (
	maxEntities = 64
	maxEntity   = 8 << 10
)

// entities adds every value of the fields.
func (m *mapping) entities(typ casemate.EntityType, role casemate.Role, names ...string) {
	for _, name := range names {
		for v := range m.All(name) {
			m.entity(typ, v, role)
		}
	}
}

// host sets the primary machine, and adds it to the entities.
func (m *mapping) host(name string) {
	if name = flat.Clean(name); name == "" {
		return
	}
	if m.a.Host == "" {
		m.a.Host = name
	}
	if address(name) != "" {
		m.entity(casemate.EntityAddress, name, casemate.RoleNone)
		return
	}
	m.entity(casemate.EntityHost, name, casemate.RoleNone)
}

// user sets the primary account, and adds it to the entities: as it is
// written, and by its bare name if it is one of a domain.
func (m *mapping) user(name string, role casemate.Role) {
	if name = flat.Clean(name); name == "" {
		return
	}
	if m.a.User == "" {
		m.a.User = name
	}
	m.entity(casemate.EntityUser, name, role)
	m.entity(casemate.EntityUser, bareAccount(name, m.a.Host), role)
}

// peers adds the two ends of a connection.
func (m *mapping) peers(src, dst string) {
	m.entity(casemate.EntityAddress, src, casemate.RoleSource)
	m.entity(casemate.EntityAddress, dst, casemate.RoleDestination)
}

// network adds the two ends of what a network sensor saw, and takes the
// machine that it is about to be the internal one: the private end if only one
// is, the source if both are. Of two public ends neither is known to be ours.
func (m *mapping) network(src, dst, sensor string) {
	m.peers(src, dst)
	switch in, out := private(src), private(dst); {
	case m.a.Host != "":
	case in:
		m.a.Host = src
	case out:
		m.a.Host = dst
	}
	m.entity(casemate.EntityHost, sensor, casemate.RoleObserver)
}

// process sets the process if the record has one, and adds its entities.
func (m *mapping) process(p casemate.Process) {
	if p == (casemate.Process{}) || m.a.Process != nil {
		return
	}
	m.a.Process = &p
	m.entity(casemate.EntityProcess, p.Image, casemate.RoleNone)
	m.entity(casemate.EntityProcess, p.ParentImage, casemate.RoleParent)
}

// techniques adds the ATT&CK ids among the words of the fields' values.
func (m *mapping) techniques(names ...string) {
	for _, name := range names {
		for v := range m.All(name) {
			m.technique(v)
		}
	}
}

func (m *mapping) technique(text string) {
	m.a.Techniques = appendTechniques(m.a.Techniques, text)
}

// hashes adds every value of the fields that is a hash, and the parts of
// Sysmon's "SHA1=…,MD5=…"; its IMPHASH is none of a file.
func (m *mapping) hashes(names ...string) {
	for _, name := range names {
		for v := range m.All(name) {
			for part := range strings.SplitSeq(v, ",") {
				kind, hash, found := strings.Cut(strings.TrimSpace(part), "=")
				if !found {
					hash = kind
				} else if strings.EqualFold(kind, "IMPHASH") {
					continue
				}
				if isHash(hash) {
					m.entity(casemate.EntityHash, hash, casemate.RoleNone)
				}
			}
		}
	}
}

// sigma says where Sigma looks for the record, with its fields as they are.
func (m *mapping) sigma(product, category, service string) {
	m.a.Log = casemate.Logsource{Product: product, Category: category, Service: service}
	m.a.Event = m.a.Fields
}

// also adds fields under Sigma's names: pairs of a name and the fields of the
// record that may hold it.
func (m *mapping) also(pairs ...[]string) {
	own := false
	for _, pair := range pairs {
		for v := range m.All(m.holding(pair[1:])) {
			if !own {
				// The original fields stay untouched.
				m.a.Event = append(make([]casemate.Field, 0, len(m.a.Event)+len(pairs)+2), m.a.Event...)
				own = true
			}
			m.set(pair[0], v)
		}
	}
}

// set appends a field to the event, unless it has no value.
func (m *mapping) set(name, value string) {
	if value != "" {
		m.a.Event = append(m.a.Event, casemate.Field{Name: name, Value: value})
	}
}

// holding returns the first of the names that has a value, or "".
func (m *mapping) holding(names []string) string {
	for _, name := range names {
		if m.Get(name) != "" {
			return name
		}
	}
	return ""
}
