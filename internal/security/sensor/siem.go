package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isWazuh(r *flat.Record) bool {
	return r.Has("rule.level") && r.Has("rule.id") && (r.Has("rule.description") || r.Has("agent.id") || r.Has("decoder.name"))
}

// wazuh reads the manager's alerts. The bounds of the severities are those of
// its dashboard: 7 is medium, 12 high, 15 critical; a level up to 3 is no more
// than a note.
func wazuh(m *mapping) {
	m.time("timestamp", "@timestamp")
	m.alert(m.Get("rule.description"), m.Get("rule.id"), m.First("full_log", "data.win.system.message"), scale(m.Get("rule.level"), 4, 7, 12, 15))
	m.techniques("rule.mitre.id")
	m.a.Action = m.First("data.action", "syscheck.event", "data.status")
	m.host(m.First("agent.name", "predecoder.hostname"))
	m.entity(casemate.EntityAddress, m.Get("agent.ip"), casemate.RoleNone)
	if manager := m.Get("manager.name"); !strings.EqualFold(manager, m.a.Host) {
		m.entity(casemate.EntityHost, manager, casemate.RoleObserver)
	}
	switch {
	case m.Has("data.win.system.eventID"):
		m.windows(&shapeWazuh)
	case m.Has("data.aws.eventName"):
		m.inside("data.aws.", "aws", "", "cloudtrail")
	case m.Has("data.audit.type") || m.Has("data.audit.exe"):
		m.wazuhAudit()
	case m.Has("data.alert.signature"):
		m.inside("data.", "suricata", "", "alert")
	default:
		m.wazuhLog()
	}
	m.peers(m.First("data.srcip", "data.src_ip", "data.aws.sourceIPAddress"), m.First("data.dstip", "data.dest_ip"))
	m.user(m.First("data.dstuser", "data.user", "syscheck.uname_after", "data.uid"), casemate.RoleTarget)
	m.user(m.First("data.srcuser", "syscheck.audit.user.name"), casemate.RoleActor)
	if m.Has("data.aws.userIdentity.type") {
		m.awsCaller("data.aws.userIdentity.")
	}
	m.entities(casemate.EntityFile, casemate.RoleTarget, "syscheck.path", "data.file", "data.virustotal.source.file", "data.audit.file.name")
	m.entities(casemate.EntityURL, casemate.RoleDestination, "data.url")
	m.hashes("syscheck.sha256_after", "syscheck.sha1_after", "syscheck.md5_after", "data.virustotal.source.sha1", "data.virustotal.source.md5")
	if command := m.First("data.command", "data.audit.command"); command != "" {
		m.process(casemate.Process{Image: m.Get("data.audit.exe"), CommandLine: command, PID: m.Get("data.audit.pid"), ParentPID: m.Get("data.audit.ppid")})
	}
	m.process(casemate.Process{Image: m.Get("syscheck.audit.process.name"), PID: m.Get("syscheck.audit.process.id")})
}

// inside makes the event of the fields under a prefix, without it.
func (m *mapping) inside(prefix, product, category, service string) {
	m.a.Log = casemate.Logsource{Product: product, Category: category, Service: service}
	for i := range m.Fields() {
		f := &m.Fields()[i]
		if name, ok := strings.CutPrefix(f.Name, prefix); ok {
			m.a.Event = append(m.a.Event, casemate.Field{Name: name, Value: f.Value, Kind: f.Kind})
		}
	}
}

// wazuhAudit makes the event of what the decoder for auditd found.
func (m *mapping) wazuhAudit() {
	m.inside("data.audit.", "linux", "", "auditd")
	var args []string
	for _, f := range m.a.Event {
		if strings.HasPrefix(f.Name, "execve.a") {
			args = append(args, f.Value)
			m.set(strings.TrimPrefix(f.Name, "execve."), f.Value)
		}
	}
	if len(args) > 0 {
		m.a.Log.Category = "process_creation"
		m.set("Image", m.Get("data.audit.exe"))
		m.set("CommandLine", strings.Join(args, " "))
		m.process(casemate.Process{Image: m.Get("data.audit.exe"), CommandLine: strings.Join(args, " "), PID: m.Get("data.audit.pid"), ParentPID: m.Get("data.audit.ppid")})
	}
}

// wazuhLog makes the event of the line of log that the rule looked at.
func (m *mapping) wazuhLog() {
	if m.m.Text == nil {
		return
	}
	var inner casemate.Alert
	inner.At = m.a.At
	if line := m.Get("full_log"); line != "" && m.m.Text(&inner, line) {
		m.adopt(&inner)
	}
}

// adopt takes over what the text inside a record says of its event; what the
// record itself says goes before.
func (m *mapping) adopt(inner *casemate.Alert) {
	m.a.Log, m.a.Event = inner.Log, inner.Event
	if m.a.Process == nil {
		m.a.Process = inner.Process
	}
	if m.a.User == "" {
		m.a.User = inner.User
	}
	if m.a.Host == "" {
		m.a.Host = inner.Host
	}
	if m.a.Time.IsZero() {
		m.a.Time = inner.Time
	}
	for _, e := range inner.Entities {
		if e.Type == casemate.EntityHost && e.Role == casemate.RoleNone && m.a.Host != inner.Host {
			continue // one machine is enough
		}
		m.entity(e.Type, e.Value, e.Role)
	}
}

func isNotable(r *flat.Record) bool {
	if r.First("search_name", "rule_name", "rule_title", "savedsearch_name") == "" {
		return false
	}
	return r.Has("urgency") || r.Has("security_domain") || r.Has("rule_description") || r.Has("risk_object") || r.Has("status_label") || r.Has("event_hash")
}

// notable reads the notable events of Splunk Enterprise Security, exported as
// JSON or as a table. Splunk's own field host is the search head, and orig_host
// the machine that logged.
func notable(m *mapping) {
	m.time("orig_time", "_time", "firstTime", "info_max_time")
	severity := casemate.ParseSeverity(m.First("urgency", "severity", "orig_severity"))
	if severity == casemate.SeverityUnknown {
		severity = scale(m.First("risk_score", "calculated_risk_score"), 1, 40, 70, 90)
	}
	m.alert(m.First("rule_title", "rule_name", "search_name", "savedsearch_name"), m.First("search_name", "rule_name", "rule_id"), m.First("rule_description", "savedsearch_description", "description"), severity)
	m.a.Action = m.First("action", "status_label")
	m.techniques("annotations.mitre_attack.mitre_technique_id", "annotations.mitre_attack", "mitre_technique_id", "annotations", "mitre_attack")
	src, dst := m.First("src", "src_ip"), m.First("dest", "dest_ip")
	if m.Get("risk_object_type") == "system" {
		m.host(m.Get("risk_object"))
	}
	for _, name := range [...]string{dst, m.First("dvc", "dest_host", "src_host", "orig_host"), src} {
		if name != "" && address(name) == "" {
			m.host(name)
		}
	}
	m.network(m.First("src_ip", "src"), m.First("dest_ip", "dest"), m.Get("dvc"))
	if m.a.Host == "" {
		m.a.Host = dst
	}
	m.user(m.First("user", "dest_user"), casemate.RoleTarget)
	m.user(m.Get("src_user"), casemate.RoleActor)
	if m.Get("risk_object_type") == "user" {
		m.user(m.Get("risk_object"), casemate.RoleNone)
	}
	m.process(casemate.Process{
		Image: m.First("process_path", "process_name"), CommandLine: m.Get("process"), PID: m.Get("process_id"),
		ParentImage: m.First("parent_process_path", "parent_process_name"), ParentCommandLine: m.Get("parent_process"), ParentPID: m.Get("parent_process_id"),
	})
	m.entities(casemate.EntityURL, casemate.RoleDestination, "url")
	m.entities(casemate.EntityFile, casemate.RoleNone, "file_path", "file_name")
	m.hashes("file_hash", "process_hash")
	m.splunkEvent()
}

// splunkEvent makes Sigma's event of what the notable event copied from the
// one that raised it: the original record, or the fields of its data model.
func (m *mapping) splunkEvent() {
	if m.Has("process") && (m.Has("process_name") || m.Has("process_path")) {
		m.sigma("", "process_creation", "")
		m.also([]string{"Image", "process_path", "process_name"}, []string{"CommandLine", "process"}, []string{"ParentImage", "parent_process_path", "parent_process_name"},
			[]string{"ParentCommandLine", "parent_process"}, []string{"User", "user"}, []string{"OriginalFileName", "original_file_name"})
		return
	}
	raw := m.First("orig_raw", "_raw")
	if m.m.Text == nil || raw == "" {
		return
	}
	inner := casemate.Alert{At: m.a.At}
	if m.m.Text(&inner, raw) && inner.Event != nil {
		m.a.Log, m.a.Event = inner.Log, inner.Event
	}
}
