package sensor

import (
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// trail is the audit log of a cloud service: which fields give it away, and
// where it keeps what matters. Sigma's rules use the service's own names.
type trail struct {
	marks                  []string // all of them must be there
	product, service       string
	time, name, user, from []string
	message, outcome       []string
}

var trails = [...]trail{
	{marks: []string{"protoPayload.methodName"}, product: "gcp", service: "gcp.audit",
		time: []string{"timestamp", "receiveTimestamp"}, name: []string{"protoPayload.methodName"},
		user: []string{"protoPayload.authenticationInfo.principalEmail"}, from: []string{"protoPayload.requestMetadata.callerIp"},
		message: []string{"protoPayload.resourceName"}, outcome: []string{"protoPayload.status.message"}},
	{marks: []string{"Workload", "Operation"}, product: "m365", service: "audit",
		time: []string{"CreationTime"}, name: []string{"Operation"}, user: []string{"UserId"}, from: []string{"ClientIP", "ClientIPAddress", "ActorIpAddress"},
		message: []string{"ObjectId"}, outcome: []string{"ResultStatus"}},
	{marks: []string{"eventType", "actor.alternateId"}, product: "okta", service: "okta",
		time: []string{"published"}, name: []string{"eventType"}, user: []string{"actor.alternateId"}, from: []string{"client.ipAddress"},
		message: []string{"displayMessage"}, outcome: []string{"outcome.result"}},
	{marks: []string{"operationName", "category", "resourceId"}, product: "azure",
		time: []string{"time", "TimeGenerated"}, name: []string{"operationName", "operationName.value"},
		user: []string{"properties.userPrincipalName", "identity.claims.name", "caller", "properties.initiatedBy.user.userPrincipalName", "identity"},
		from: []string{"callerIpAddress", "properties.ipAddress"}, message: []string{"resultDescription"}, outcome: []string{"resultType", "resultSignature"}},
	{marks: []string{"OperationName", "Category", "TimeGenerated"}, product: "azure",
		time: []string{"TimeGenerated"}, name: []string{"OperationName"}, user: []string{"UserPrincipalName", "Caller", "InitiatedBy.user.userPrincipalName", "Identity"},
		from: []string{"CallerIpAddress", "IPAddress"}, message: []string{"ResultDescription"}, outcome: []string{"ResultType", "ActivityStatusValue"}},
	{marks: []string{"action", "actor", "org", "@timestamp"}, product: "github", service: "audit",
		time: []string{"@timestamp", "created_at"}, name: []string{"action"}, user: []string{"actor"}, from: []string{"actor_ip"}, message: []string{"repo"}},
	{marks: []string{"objectRef.resource", "verb", "auditID"}, product: "kubernetes", service: "audit",
		time: []string{"requestReceivedTimestamp", "stageTimestamp"}, name: []string{"verb"}, user: []string{"user.username"}, from: []string{"sourceIPs"},
		message: []string{"requestURI"}, outcome: []string{"responseStatus.code"}},
}

func (t *trail) matches(r *flat.Record) bool {
	for _, mark := range t.marks {
		if !r.Has(mark) {
			return false
		}
	}
	return true
}

func isAudit(r *flat.Record) bool {
	for i := range trails {
		if trails[i].matches(r) {
			return true
		}
	}
	return false
}

// audit reads the audit logs of cloud services, which are telemetry.
func audit(m *mapping) {
	for i := range trails {
		t := &trails[i]
		if !t.matches(m.Record) {
			continue
		}
		m.time(t.time...)
		m.event(m.First(t.name...), "")
		m.a.Message, m.a.Action = m.First(t.message...), m.First(t.outcome...)
		user := m.First(t.user...)
		m.user(user, casemate.RoleActor)
		if strings.Contains(user, "@") {
			m.entity(casemate.EntityMail, user, casemate.RoleActor)
		}
		m.peers(m.First(t.from...), "")
		service := t.service
		if t.product == "azure" {
			service = azureService(m.First("category", "Category"))
		}
		m.sigma(t.product, "", service)
		return
	}
}

// azureService names Sigma's service of a category of Azure's logs.
func azureService(category string) string {
	switch strings.ToLower(category) {
	case "signinlogs", "noninteractiveusersigninlogs", "serviceprincipalsigninlogs", "managedidentitysigninlogs":
		return "signinlogs"
	case "auditlogs", "usermanagement", "groupmanagement", "applicationmanagement", "rolemanagement", "policy":
		return "auditlogs"
	case "riskyusers", "userriskevents", "riskdetection":
		return "riskdetection"
	}
	return "activitylogs"
}

func isJournald(r *flat.Record) bool {
	return r.Has("MESSAGE") && (r.Has("__REALTIME_TIMESTAMP") || r.Has("_HOSTNAME") || r.Has("SYSLOG_IDENTIFIER"))
}

// journald reads what journalctl writes as JSON: the message is read as the
// program's own line of a syslog.
func journald(m *mapping) {
	m.time("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")
	program := m.First("SYSLOG_IDENTIFIER", "_COMM")
	m.event(firstOf(program, "journal"), m.Get("MESSAGE_ID"))
	m.a.Message = m.Get("MESSAGE")
	m.host(m.Get("_HOSTNAME"))
	m.sigma("linux", "", program)
	if m.m.Text == nil || program == "" {
		return
	}
	inner := casemate.Alert{At: m.a.At}
	line := "Jan  1 00:00:00 " + firstOf(m.Get("_HOSTNAME"), "localhost") + " " + program + "[" + firstOf(m.First("SYSLOG_PID", "_PID"), "1") + "]: " + m.a.Message
	if m.m.Text(&inner, line) {
		inner.Time = time.Time{} // the line's date was made up
		if inner.Name != "" {
			m.a.Name = inner.Name
		}
		m.adopt(&inner)
	}
}
