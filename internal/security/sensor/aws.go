package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isCloudTrail(r *flat.Record) bool {
	return r.Has("eventSource") && r.Has("eventName") && (r.Has("eventVersion") || r.Has("awsRegion") || r.Has("userIdentity.type"))
}

// cloudTrail reads calls of the AWS interface. They are telemetry; it names no
// machine, and its source may be a service of Amazon's instead of an address.
func cloudTrail(m *mapping) {
	m.time("eventTime", "@timestamp")
	m.event(m.Get("eventName"), m.Get("eventSource"))
	m.a.Message = m.Get("errorMessage")
	m.a.Action = m.Get("errorCode")
	source := m.Get("sourceIPAddress")
	if address(source) != "" {
		m.entity(casemate.EntityAddress, source, casemate.RoleSource)
	} else {
		m.entity(casemate.EntityDomain, source, casemate.RoleSource)
	}
	m.awsCaller("userIdentity.")
	m.user(m.First("requestParameters.userName"), casemate.RoleTarget)
	m.sigma("aws", "", "cloudtrail")
}

// awsCaller finds the account behind a call. Who assumes a role chooses the
// name of the session, but for the roles of Amazon's single sign-on: such a
// name is taken where it looks like a person's, and the role stays beside it.
func (m *mapping) awsCaller(at string) {
	arn := m.Get(at + "arn")
	switch m.Get(at + "type") {
	case "Root":
		m.user("root", casemate.RoleActor)
		return
	case "AssumedRole":
		role := m.Get(at + "sessionContext.sessionIssuer.userName")
		_, path, _ := strings.Cut(arn, ":assumed-role/")
		if path == "" {
			_, session, _ := strings.Cut(m.Get(at+"principalId"), ":")
			path = role + "/" + session
		}
		m.awsSession(path)
		return
	}
	name := m.Get(at + "userName")
	if name == "" && arn != "" {
		name = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	m.user(firstOf(name, m.First(at+"principalId", at+"invokedBy", at+"type")), casemate.RoleActor)
}

// awsSession takes the account from "role/session", of which either may be empty.
func (m *mapping) awsSession(path string) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		m.user(path, casemate.RoleActor)
		return
	}
	role, session := path[:slash], path[slash+1:]
	switch {
	case session == "":
		m.user(role, casemate.RoleActor)
	case strings.HasPrefix(role, "AWSReservedSSO_"):
		m.user(session, casemate.RoleActor)
	case strings.ContainsAny(session, "@."):
		m.user(session, casemate.RoleActor)
		m.entity(casemate.EntityUser, role, casemate.RoleActor)
	default:
		m.user(strings.TrimPrefix(path, "/"), casemate.RoleActor)
	}
}

func isGuardDuty(r *flat.Record) bool {
	typ := r.Get("type")
	return strings.Contains(typ, ":") && strings.Contains(typ, "/") && r.Has("severity") && (r.Has("accountId") || r.Has("service.serviceName"))
}

// guardDuty reads findings as the service's interface, its exports and
// EventBridge write them; they differ in the case of their names.
func guardDuty(m *mapping) {
	m.time("service.eventLastSeen", "updatedAt", "createdAt", "time")
	// Amazon's bounds: low to 3.9, medium to 6.9, high to 8.9, critical from 9.
	m.alert(m.First("title", "type"), m.Get("type"), m.Get("description"), scale(m.Get("severity"), 1, 4, 7, 9))
	m.host(m.First("resource.instanceDetails.instanceId", "resource.eksClusterDetails.name", "resource.ecsClusterDetails.name", "resource.lambdaDetails.functionName"))
	m.entities(casemate.EntityAddress, casemate.RoleNone, "resource.instanceDetails.networkInterfaces.privateIpAddress", "resource.instanceDetails.networkInterfaces.publicIp")
	const key = "resource.accessKeyDetails."
	_, session, _ := strings.Cut(m.Get(key+"principalId"), ":")
	switch role := m.Get(key + "userName"); m.Get(key + "userType") {
	case "AssumedRole":
		m.awsSession(role + "/" + session)
	case "Root":
		m.user("root", casemate.RoleActor)
	default:
		m.user(firstOf(role, m.Get("resource.kubernetesDetails.kubernetesUserDetails.username")), casemate.RoleActor)
	}
	for _, action := range [...]string{"awsApiCallAction", "networkConnectionAction", "portProbeAction.portProbeDetails", "kubernetesApiCallAction", "rdsLoginAttemptAction"} {
		at := "service.action." + action + "."
		role := casemate.RoleSource
		if m.Get(at+"connectionDirection") == "OUTBOUND" {
			role = casemate.RoleDestination
		}
		m.entities(casemate.EntityAddress, role, at+"remoteIpDetails.ipAddressV4", at+"remoteIpDetails.ipAddressV6")
	}
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "service.action.dnsRequestAction.domain")
	m.a.Action = m.First("service.action.networkConnectionAction.blocked", "service.action.portProbeAction.blocked", "service.action.awsApiCallAction.api")
	switch strings.ToLower(m.a.Action) {
	case "true":
		m.a.Action = "blocked"
	case "false":
		m.a.Action = "allowed"
	}
	m.entities(casemate.EntityHash, casemate.RoleNone, "service.runtimeDetails.process.executableSha256")
	m.process(casemate.Process{Image: m.Get("service.runtimeDetails.process.executablePath"), PID: m.Get("service.runtimeDetails.process.pid")})
	m.sigma("aws", "", "guardduty")
}

func isSecurityHub(r *flat.Record) bool {
	return r.Has("ProductArn") && r.Has("GeneratorId") && r.Has("Title")
}

// securityHub reads the AWS Security Finding Format.
func securityHub(m *mapping) {
	m.time("LastObservedAt", "UpdatedAt", "CreatedAt", "FirstObservedAt")
	severity := casemate.ParseSeverity(m.Get("Severity.Label"))
	if severity == casemate.SeverityUnknown {
		severity = scale(m.Get("Severity.Normalized"), 1, 40, 70, 90)
	}
	m.alert(m.Get("Title"), m.Get("GeneratorId"), m.Get("Description"), severity)
	m.a.Action = m.First("Compliance.Status", "Action.ActionType")
	resource := m.Get("Resources.Id")
	m.host(resource[strings.LastIndexByte(resource, '/')+1:])
	m.peers(m.First("Network.SourceIpV4", "Network.SourceIpV6", "Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4"), m.First("Network.DestinationIpV4", "Network.DestinationIpV6"))
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "Network.DestinationDomain", "Action.DnsRequestAction.Domain")
	m.user(m.First("Resources.Details.AwsIamAccessKey.UserName", "Resources.Details.AwsIamAccessKey.PrincipalName"), casemate.RoleActor)
	m.process(casemate.Process{Image: m.First("Process.Path", "Process.Name"), PID: m.Get("Process.Pid"), ParentPID: m.Get("Process.ParentPid")})
	m.hashes("Malware.Hash")
	m.techniques("Types")
	m.sigma("aws", "", "securityhub")
}
