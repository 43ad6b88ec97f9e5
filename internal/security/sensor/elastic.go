package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isElasticAlert(r *flat.Record) bool {
	return r.Has("kibana.alert.uuid") || r.Has("kibana.alert.rule.name") || r.Has("signal.rule.name") || r.Has("signal.rule.id") || r.Has("event.kind") && (r.Get("event.kind") == "signal" || r.Get("event.kind") == "alert")
}

func isECS(r *flat.Record) bool {
	return r.Has("ecs.version") || r.Has("event.kind") || r.Has("event.category") && r.Has("@timestamp") || r.Has("agent.type") && r.Has("agent.version")
}

// elastic reads documents of the Elastic Common Schema: alerts of the
// detection engine and of endpoints, and the telemetry of the beats.
func elastic(m *mapping) {
	m.time("kibana.alert.original_time", "signal.original_time", "@timestamp", "event.created", "timestamp")
	name := m.First("kibana.alert.rule.name", "signal.rule.name")
	kind := m.First("event.kind", "kibana.alert.original_event.kind")
	if name != "" || kind == "signal" || kind == "alert" {
		name = firstOf(name, m.First("rule.name", "message", "event.action", "event.dataset"))
		severity := casemate.ParseSeverity(m.First("kibana.alert.severity", "signal.rule.severity"))
		if severity == casemate.SeverityUnknown {
			// The detection engine calls 21 low, 47 medium, 73 high, 99 critical.
			severity = scale(m.First("kibana.alert.risk_score", "signal.rule.risk_score", "event.risk_score"), 1, 22, 48, 74)
		}
		rule := m.First("kibana.alert.rule.rule_id", "kibana.alert.rule.uuid", "signal.rule.rule_id", "signal.rule.id", "rule.id", "event.code")
		m.alert(name, rule, m.First("kibana.alert.reason", "signal.reason", "message"), severity)
	} else {
		m.event(firstOf(m.Get("event.action"), m.Get("event.dataset"), m.Get("event.category"), "event"), m.Get("event.code"))
		m.a.Message = m.Get("message")
	}
	for _, prefix := range [...]string{"kibana.alert.rule.threat.", "signal.rule.threat.", "threat.", "rule.threat."} {
		m.techniques(prefix+"technique.subtechnique.id", prefix+"technique.id")
	}
	m.a.Action = m.First("event.outcome", "event.action")
	m.ecsEntities()
	m.ecsEvent()
}

func (m *mapping) ecsEntities() {
	m.host(m.First("host.name", "host.hostname"))
	m.peers(m.First("source.ip", "client.ip"), m.First("destination.ip", "server.ip"))
	if m.a.Host == "" {
		m.network(m.First("source.ip", "client.ip"), m.First("destination.ip", "server.ip"), m.First("observer.name", "observer.hostname"))
	}
	m.entities(casemate.EntityHost, casemate.RoleObserver, "observer.name", "observer.hostname")
	m.user(m.First("user.name", "source.user.name", "user.effective.name"), casemate.RoleActor)
	m.user(m.First("user.target.name", "destination.user.name"), casemate.RoleTarget)
	p := casemate.Process{
		Image: m.First("process.executable", "process.name"), CommandLine: m.First("process.command_line", "process.args"),
		PID: m.Get("process.pid"), GUID: m.Get("process.entity_id"),
		ParentImage:       m.First("process.parent.executable", "process.parent.name"),
		ParentCommandLine: m.Get("process.parent.command_line"), ParentPID: m.First("process.parent.pid", "process.ppid"),
		ParentGUID: m.Get("process.parent.entity_id"),
	}
	if m.Get("process.command_line") == "" {
		p.CommandLine = strings.Join(m.list("process.args"), " ")
	}
	m.process(p)
	m.entities(casemate.EntityFile, casemate.RoleTarget, "file.path", "dll.path")
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "dns.question.name", "url.domain", "destination.domain", "tls.client.server_name")
	m.entities(casemate.EntityURL, casemate.RoleDestination, "url.full")
	m.entities(casemate.EntityMail, casemate.RoleSource, "email.from.address", "user.email")
	for _, what := range [...]string{"file", "process", "dll"} {
		m.hashes(what+".hash.sha256", what+".hash.sha1", what+".hash.md5")
	}
}

// list returns all values of a name.
func (m *mapping) list(name string) []string {
	var out []string
	for v := range m.All(name) {
		out = append(out, v)
	}
	return out
}

// ecsSigma gives the fields of ECS the names of Sigma, by category.
var ecsSigma = [...][2]string{
	{"Image", "process.executable"}, {"CommandLine", "process.command_line"}, {"CurrentDirectory", "process.working_directory"},
	{"OriginalFileName", "process.pe.original_file_name"}, {"Description", "process.pe.description"}, {"Product", "process.pe.product"}, {"Company", "process.pe.company"},
	{"ProcessId", "process.pid"}, {"ProcessGuid", "process.entity_id"}, {"User", "user.name"}, {"IntegrityLevel", "process.Ext.token.integrity_level_name"},
	{"ParentImage", "process.parent.executable"}, {"ParentCommandLine", "process.parent.command_line"}, {"ParentProcessId", "process.parent.pid"},
	{"TargetFilename", "file.path"}, {"ImageLoaded", "dll.path"}, {"TargetObject", "registry.path"}, {"Details", "registry.data.strings"},
	{"QueryName", "dns.question.name"}, {"QueryResults", "dns.resolved_ip"}, {"SourceIp", "source.ip"}, {"SourcePort", "source.port"},
	{"DestinationIp", "destination.ip"}, {"DestinationPort", "destination.port"}, {"DestinationHostname", "destination.domain"},
	{"PipeName", "file.name"}, {"ScriptBlockText", "powershell.file.script_block_text"},
}

// ecsEvent sets what Sigma sees: the Windows event itself if a document has
// one, and otherwise the document under Sigma's names.
func (m *mapping) ecsEvent() {
	if m.Has("winlog.channel") {
		m.windows(&shapeBeat)
		m.ecsFields(m.a.Event)
		return
	}
	product := strings.ToLower(m.First("host.os.type", "host.os.family", "host.os.platform"))
	switch product {
	case "windows", "linux", "macos":
	case "darwin":
		product = "macos"
	case "debian", "ubuntu", "redhat", "centos", "suse":
		product = "linux"
	default:
		product = ""
	}
	category := m.ecsCategory()
	service := ""
	if module := m.Get("event.module"); module != "" && category == "" {
		product, service = firstOf(product, module), strings.TrimPrefix(m.Get("event.dataset"), module+".")
	}
	m.sigma(product, category, service)
	if module := m.Get("event.module"); module == "aws" && m.Get("event.dataset") == "aws.cloudtrail" {
		m.a.Log = casemate.Logsource{Product: "aws", Service: "cloudtrail"}
		m.also([]string{"eventSource", "event.provider"}, []string{"eventName", "event.action"})
		return
	}
	m.ecsFields(m.a.Fields)
}

// ecsFields adds Sigma's names for ECS fields to the event.
func (m *mapping) ecsFields(from []casemate.Field) {
	event := append(make([]casemate.Field, 0, len(from)+len(ecsSigma)), from...)
	for _, pair := range ecsSigma {
		for v := range m.All(pair[1]) {
			if !hasField(event[:len(from)], pair[0]) {
				event = append(event, casemate.Field{Name: pair[0], Value: v})
			}
		}
	}
	m.a.Event = event
	switch m.a.Log.Category {
	case "dns":
		m.also([]string{"query", "dns.question.name"}, []string{"record_type", "dns.question.type"}, []string{"answer", "dns.answers.data", "dns.resolved_ip"})
	case "webserver", "proxy":
		m.also([]string{"cs-method", "http.request.method"}, []string{"cs-uri-stem", "url.path"}, []string{"cs-uri-query", "url.query"}, []string{"c-uri", "url.full", "url.original"},
			[]string{"cs-user-agent", "user_agent.original"}, []string{"c-useragent", "user_agent.original"}, []string{"sc-status", "http.response.status_code"},
			[]string{"c-ip", "source.ip", "client.ip"}, []string{"cs-host", "url.domain"})
	}
}

func hasField(fields []casemate.Field, name string) bool {
	for i := range fields {
		if fields[i].Name == name {
			return true
		}
	}
	return false
}

// ecsCategory names Sigma's category for event.category and event.type.
func (m *mapping) ecsCategory() string {
	kinds := strings.ToLower(strings.Join(m.list("event.type"), " "))
	action := strings.ToLower(m.Get("event.action"))
	for category := range m.All("event.category") {
		switch category {
		case "process":
			if strings.Contains(kinds, "start") || action == "process_started" || action == "exec" || action == "executed" {
				return "process_creation"
			}
			if strings.Contains(kinds, "end") {
				return "process_termination"
			}
		case "file":
			if strings.Contains(kinds, "deletion") {
				return "file_delete"
			}
			return "file_event"
		case "registry":
			return "registry_set"
		case "library":
			return "image_load"
		case "driver":
			return "driver_load"
		case "web":
			return "webserver"
		case "network":
			if m.Has("dns.question.name") {
				if m.Has("process.executable") {
					return "dns_query"
				}
				return "dns"
			}
			return "network_connection"
		}
	}
	return ""
}
