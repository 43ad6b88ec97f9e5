package sensor

import (
	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

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
