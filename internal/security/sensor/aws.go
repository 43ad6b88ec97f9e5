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
	m.user(m.First("userIdentity.userName", "userIdentity.sessionContext.sessionIssuer.userName", "userIdentity.arn", "userIdentity.principalId", "userIdentity.invokedBy", "userIdentity.type"), casemate.RoleActor)
	m.user(m.First("requestParameters.userName"), casemate.RoleTarget)
	m.sigma("aws", "", "cloudtrail")
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
	m.user(m.First("resource.accessKeyDetails.userName", "resource.kubernetesDetails.kubernetesUserDetails.username"), casemate.RoleActor)
	for _, action := range [...]string{"awsApiCallAction", "networkConnectionAction", "portProbeAction.portProbeDetails", "kubernetesApiCallAction", "rdsLoginAttemptAction"} {
		at := "service.action." + action + "."
		role := casemate.RoleSource
		if m.Get(at+"connectionDirection") == "OUTBOUND" {
			role = casemate.RoleDestination
		}
		m.entities(casemate.EntityAddress, role, at+"remoteIpDetails.ipAddressV4", at+"remoteIpDetails.ipAddressV6")
	}
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "service.action.dnsRequestAction.domain")
	m.a.Action = m.First("service.action.networkConnectionAction.blocked", "service.action.awsApiCallAction.api")
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
