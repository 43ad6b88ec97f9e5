package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isOCSF(r *flat.Record) bool {
	_, ok := digits(r.Get("class_uid"))
	return ok && (r.Has("category_uid") || r.Has("metadata.version") || r.Has("type_uid") || r.Has("severity_id"))
}

// ocsf reads the Open Cybersecurity Schema Framework. The classes of its
// category 2, findings, are judgements; all others are activity.
func ocsf(m *mapping) {
	m.time("time", "time_dt", "start_time", "finding_info.created_time", "finding.created_time", "metadata.logged_time")
	class := m.Get("class_uid")
	severity := casemate.ParseSeverity(m.Get("severity"))
	if v, ok := digits(m.Get("severity_id")); ok && v < len(ocsfSeverity) {
		severity = ocsfSeverity[v]
	}
	if strings.HasPrefix(class, "2") && len(class) == 4 {
		name := m.First("finding_info.title", "finding.title", "message", "class_name")
		rule := m.First("finding_info.analytic.uid", "finding_info.analytic.name", "analytic.uid", "finding_info.types", "finding_info.uid", "finding.uid")
		m.alert(name, rule, m.First("finding_info.desc", "finding.desc", "message"), severity)
	} else {
		m.event(joinName(firstOf(m.Get("class_name"), "class "+class), m.Get("activity_name")), class)
		m.a.Message = m.Get("message")
	}
	m.a.Action = m.First("disposition", "action", "status")
	for _, at := range [...]string{"attacks.", "finding_info.attacks."} {
		m.techniques(at+"sub_technique.uid", at+"technique.uid", at+"technique.id")
	}
	m.ocsfEntities()
	m.ocsfEvent(class)
}

var ocsfSeverity = [...]casemate.Severity{
	casemate.SeverityUnknown, casemate.SeverityInformational, casemate.SeverityLow, casemate.SeverityMedium,
	casemate.SeverityHigh, casemate.SeverityCritical, casemate.SeverityCritical,
}

func (m *mapping) ocsfEntities() {
	m.host(m.First("device.hostname", "device.name", "evidences.device.hostname", "resources.hostname", "resources.name", "resource.name", "dst_endpoint.hostname"))
	src := m.First("src_endpoint.ip", "evidences.src_endpoint.ip")
	dst := m.First("dst_endpoint.ip", "evidences.dst_endpoint.ip")
	m.network(src, dst, m.Get("metadata.product.sensor"))
	m.entity(casemate.EntityAddress, m.Get("device.ip"), casemate.RoleNone)
	m.user(m.First("actor.user.name", "evidences.actor.user.name", "evidences.user.name"), casemate.RoleActor)
	m.user(m.First("user.name", "user.email_addr"), casemate.RoleTarget)
	for _, at := range [...]string{"", "evidences."} {
		image := m.First(at+"process.file.path", at+"process.name")
		parent := at + "process.parent_process."
		if image == "" {
			continue
		}
		m.process(casemate.Process{
			Image: image, CommandLine: m.Get(at + "process.cmd_line"), PID: m.Get(at + "process.pid"), GUID: m.Get(at + "process.uid"),
			ParentImage:       m.First(parent+"file.path", at+"actor.process.file.path", parent+"name", at+"actor.process.name"),
			ParentCommandLine: m.First(parent+"cmd_line", at+"actor.process.cmd_line"),
			ParentPID:         m.First(parent+"pid", at+"actor.process.pid"), ParentGUID: m.First(parent+"uid", at+"actor.process.uid"),
		})
	}
	if image := m.First("actor.process.file.path", "evidences.actor.process.file.path"); image != "" {
		m.process(casemate.Process{Image: image, CommandLine: m.First("actor.process.cmd_line", "evidences.actor.process.cmd_line"), PID: m.First("actor.process.pid", "evidences.actor.process.pid")})
	}
	for _, at := range [...]string{"", "evidences."} {
		m.entities(casemate.EntityFile, casemate.RoleTarget, at+"file.path")
		m.entities(casemate.EntityDomain, casemate.RoleDestination, at+"query.hostname", at+"dst_endpoint.domain", at+"url.hostname")
		m.entities(casemate.EntityURL, casemate.RoleDestination, at+"url.url_string", at+"http_request.url.url_string")
		m.hashes(at+"file.hashes.value", at+"process.file.hashes.value", at+"file.fingerprints.value", at+"process.file.fingerprints.value")
	}
	for v := range m.All("observables.value") {
		if a := address(v); a != "" {
			m.entity(casemate.EntityAddress, a, casemate.RoleNone)
		}
	}
}

// ocsfEvent gives an activity the names of Sigma.
func (m *mapping) ocsfEvent(class string) {
	product := strings.ToLower(firstOf(m.Get("device.os.type"), m.Get("device.os.name")))
	switch {
	case strings.Contains(product, "windows"):
		product = "windows"
	case strings.Contains(product, "linux"):
		product = "linux"
	case strings.Contains(product, "mac"):
		product = "macos"
	default:
		product = ""
	}
	if m.Get("api.service.name") != "" && strings.EqualFold(m.Get("cloud.provider"), "AWS") {
		m.sigma("aws", "", "cloudtrail")
		m.also([]string{"eventSource", "api.service.name"}, []string{"eventName", "api.operation"}, []string{"sourceIPAddress", "src_endpoint.ip"})
		return
	}
	parent := "process.parent_process."
	switch class {
	case "1007":
		if m.Get("activity_id") == "1" {
			m.sigma(product, "process_creation", "")
		} else {
			m.sigma(product, "process_access", "")
		}
		m.also([]string{"Image", "process.file.path", "process.path"}, []string{"CommandLine", "process.cmd_line"}, []string{"User", "process.user.name", "actor.user.name"},
			[]string{"ParentImage", parent + "file.path", "actor.process.file.path"}, []string{"ParentCommandLine", parent + "cmd_line", "actor.process.cmd_line"})
	case "1001":
		m.sigma(product, "file_event", "")
		m.also([]string{"TargetFilename", "file.path"}, []string{"Image", "actor.process.file.path"})
	case "4001":
		m.sigma(product, "network_connection", "")
		m.also([]string{"SourceIp", "src_endpoint.ip"}, []string{"DestinationIp", "dst_endpoint.ip"}, []string{"DestinationPort", "dst_endpoint.port"},
			[]string{"DestinationHostname", "dst_endpoint.hostname"}, []string{"Image", "actor.process.file.path"})
	case "4002":
		m.sigma(product, "proxy", "")
		m.also([]string{"c-uri", "http_request.url.url_string"}, []string{"cs-method", "http_request.http_method"}, []string{"c-useragent", "http_request.user_agent"},
			[]string{"cs-host", "http_request.url.hostname"}, []string{"sc-status", "http_response.code"}, []string{"c-ip", "src_endpoint.ip"})
	case "4003":
		m.sigma(product, "dns", "")
		m.also([]string{"query", "query.hostname"}, []string{"record_type", "query.type"}, []string{"answer", "answers.rdata"})
	}
}
