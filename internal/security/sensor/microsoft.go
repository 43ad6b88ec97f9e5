package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isGraphAlert(r *flat.Record) bool {
	if r.Get("title") == "" || !r.Has("severity") {
		return false
	}
	return r.Has("serviceSource") || r.Has("detectionSource") || r.Has("alertWebUrl") || r.Has("vendorInformation.provider") || r.Has("incidentWebUrl") || r.Has("computerDnsName")
}

// graphAlert reads alerts and incidents of Microsoft Graph (v2, and the older
// v1 with its states), of Defender XDR and of Defender for Endpoint. Their
// evidence is one list of things of many types; each type has its own names,
// so that the flat form loses nothing that matters here.
func graphAlert(m *mapping) {
	m.time("firstActivityDateTime", "firstEventTime", "eventDateTime", "firstActivity", "createdDateTime", "alertCreationTime", "creationTime", "lastActivityDateTime")
	m.alert(m.Get("title"), m.First("detectorId", "alertPolicyId", "category", "id"), m.Get("description"), casemate.ParseSeverity(m.Get("severity")))
	m.a.Action = m.First("evidence.remediationStatus", "status")
	m.techniques("mitreTechniques", "alerts.mitreTechniques")
	for _, at := range [...]string{"evidence.", "entities.", "alerts.entities.", "alerts.evidence."} {
		m.graphEvidence(at)
	}
	m.host(m.First("computerDnsName", "devices.deviceDnsName", "alerts.devices.deviceDnsName", "hostStates.fqdn", "hostStates.netBiosName"))
	m.user(m.First("relatedUser.userName", "userStates.accountName", "userStates.userPrincipalName"), casemate.RoleNone)
	if m.a.User == "" { // mail that no one has opened
		m.user(m.First("evidence.recipientEmailAddress", "evidence.primaryAddress", "alerts.evidence.recipientEmailAddress"), casemate.RoleTarget)
	}
	m.peers(m.First("networkConnections.sourceAddress"), m.First("networkConnections.destinationAddress"))
	m.entities(casemate.EntityAddress, casemate.RoleSource, "userStates.logonIp")
	m.process(casemate.Process{Image: m.First("processes.path", "processes.name"), CommandLine: m.Get("processes.commandLine")})
	m.hashes("fileStates.fileHash.hashValue")
	m.sigma("m365", "", "threat_management")
}

func (m *mapping) graphEvidence(at string) {
	m.host(m.First(at+"deviceDnsName", at+"hostName"))
	m.entities(casemate.EntityHost, casemate.RoleNone, at+"deviceDnsName")
	m.user(m.First(at+"userAccount.accountName", at+"accountName", at+"userAccount.userPrincipalName", at+"userPrincipalName"), casemate.RoleNone)
	m.entities(casemate.EntityUser, casemate.RoleNone, at+"userAccount.accountName", at+"accountName")
	m.entities(casemate.EntityMail, casemate.RoleNone, at+"userAccount.userPrincipalName", at+"userPrincipalName", at+"primaryAddress", at+"p1Sender.emailAddress", at+"recipientEmailAddress")
	image := at + "imageFile."
	parent := at + "parentProcessImageFile."
	p := casemate.Process{
		Image:       windowsPath(m.First(image+"filePath"), m.First(image+"fileName")),
		CommandLine: m.First(at+"processCommandLine", at+"commandLine"), PID: m.Get(at + "processId"),
		ParentImage: windowsPath(m.First(parent+"filePath", at+"parentProcessFilePath"), m.First(parent+"fileName", at+"parentProcessFileName")),
		ParentPID:   m.Get(at + "parentProcessId"),
	}
	if p.Image == "" && p.CommandLine != "" {
		p.Image = windowsPath(m.Get(at+"filePath"), m.Get(at+"fileName"))
	}
	if p.Image != "" || p.CommandLine != "" {
		m.process(p)
	}
	m.entities(casemate.EntityAddress, casemate.RoleNone, at+"ipAddress", at+"lastIpAddress")
	m.entities(casemate.EntityURL, casemate.RoleNone, at+"url")
	m.entities(casemate.EntityDomain, casemate.RoleNone, at+"domainName")
	if m.Has(at + "fileDetails.fileName") {
		m.entity(casemate.EntityFile, windowsPath(m.Get(at+"fileDetails.filePath"), m.Get(at+"fileDetails.fileName")), casemate.RoleNone)
	}
	for _, file := range [...]string{"fileDetails.", "imageFile.", ""} {
		m.hashes(at+file+"sha256", at+file+"sha1", at+file+"md5")
	}
}

// windowsPath joins a folder and a name, where the folder does not already end in it.
func windowsPath(folder, name string) string {
	switch {
	case folder == "" || name == "":
		return folder + name
	case len(folder) >= len(name) && strings.EqualFold(folder[len(folder)-len(name):], name):
		return folder
	case strings.HasPrefix(folder, "/"):
		return strings.TrimSuffix(folder, "/") + "/" + name
	}
	return strings.TrimSuffix(folder, `\`) + `\` + name
}

func isSentinelAlert(r *flat.Record) bool {
	return r.Has("SystemAlertId") || r.Has("AlertName") && (r.Has("AlertSeverity") || r.Has("VendorOriginalId") || r.Has("ProviderName"))
}

// sentinelAlert reads rows of the table SecurityAlert. Its entities and
// techniques are JSON inside strings.
func sentinelAlert(m *mapping) {
	m.time("StartTime", "StartTimeUtc", "TimeGenerated", "TimeGenerated [UTC]", "EndTime")
	rule := m.First("AlertType", "SystemAlertId")
	m.alert(m.First("DisplayName", "AlertDisplayName", "AlertName"), rule, m.Get("Description"), casemate.ParseSeverity(m.First("AlertSeverity", "Severity")))
	m.techniques("Techniques", "SubTechniques", "ExtendedProperties")
	m.a.Action = m.Get("Status")
	m.sentinelEntities(m.Get("Entities"))
	m.host(m.First("CompromisedEntity"))
	m.sigma("azure", "", "securityalert")
}

// sentinelEntities reads the list that stands as text in the field Entities.
func (m *mapping) sentinelEntities(text string) {
	if !strings.HasPrefix(text, "[") {
		return
	}
	fields, err := m.m.parser.Parse(nil, `{"e":`+text+`}`)
	if err != nil {
		m.warning = "the entities inside are not valid JSON; the record is kept without them"
		return
	}
	var process casemate.Process
	for i := range fields {
		f := &fields[i]
		switch strings.ToLower(strings.TrimPrefix(f.Name, "e.")) {
		case "hostname":
			m.host(f.Value)
		case "address":
			m.entity(casemate.EntityAddress, f.Value, casemate.RoleNone)
		case "url":
			m.entity(casemate.EntityURL, f.Value, casemate.RoleNone)
		case "domainname":
			m.entity(casemate.EntityDomain, f.Value, casemate.RoleNone)
		case "commandline":
			process.CommandLine = f.Value
		case "imagefile.name", "imagefile.directory":
			if strings.HasSuffix(strings.ToLower(f.Name), "directory") {
				process.Image = windowsPath(f.Value, process.Image)
			} else {
				process.Image = windowsPath(process.Image, f.Value)
			}
		case "processid":
			process.PID = pid(f.Value)
		case "value":
			if isHash(f.Value) {
				m.entity(casemate.EntityHash, f.Value, casemate.RoleNone)
			}
		case "mailboxprimaryaddress", "upn":
			m.entity(casemate.EntityMail, f.Value, casemate.RoleNone)
		case "name":
			m.sentinelName(fields, i)
		}
	}
	m.process(process)
}

// sentinelName adds the entity called "Name": what it is, the "Type" beside it
// says, which stands before it or after it.
func (m *mapping) sentinelName(fields []casemate.Field, at int) {
	typ := ""
	for _, step := range [...]int{1, -1} {
		for i := at + step; i >= 0 && i < len(fields) && i-at < 32 && at-i < 32 && typ == ""; i += step {
			switch strings.ToLower(fields[i].Name) {
			case "e.type":
				typ = strings.ToLower(fields[i].Value)
			case "e.$id": // the next element begins, or this one began
				i = len(fields)
				if step < 0 {
					i = -1
				}
			}
		}
	}
	switch typ {
	case "account":
		m.user(fields[at].Value, casemate.RoleNone)
	case "file":
		m.entity(casemate.EntityFile, fields[at].Value, casemate.RoleNone)
	}
}

func isSentinelIncident(r *flat.Record) bool {
	return r.Has("properties.incidentNumber") || r.Has("IncidentNumber") && r.Has("Title") || r.Has("properties.title") && r.Has("properties.severity")
}

// sentinelIncident reads rows of the table SecurityIncident, and incidents as
// the management interface returns them.
func sentinelIncident(m *mapping) {
	m.time("properties.firstActivityTimeUtc", "FirstActivityTime", "properties.createdTimeUtc", "CreatedTime", "TimeGenerated")
	m.alert(m.First("properties.title", "Title"), m.First("properties.incidentNumber", "IncidentNumber"), m.First("properties.description", "Description"),
		casemate.ParseSeverity(m.First("properties.severity", "Severity")))
	m.a.Action = m.First("properties.status", "Status")
	m.techniques("properties.additionalData.techniques", "AdditionalData", "AdditionalData.techniques", "properties.techniques", "Techniques")
	m.user(m.First("properties.owner.affectedUser"), casemate.RoleTarget)
	m.sigma("azure", "", "securityincident")
}

func isHunting(r *flat.Record) bool {
	return r.Has("DeviceName") && r.Has("ActionType") || r.Has("AlertId") && r.Has("ServiceSource")
}

// hunting reads rows of Defender's advanced hunting tables: alerts, and the
// telemetry of devices under the names of its columns.
func hunting(m *mapping) {
	m.time("Timestamp", "TimeGenerated")
	m.host(m.First("DeviceName"))
	if title := m.Get("Title"); title != "" {
		m.alert(title, m.First("AlertId"), m.First("Category"), casemate.ParseSeverity(m.Get("Severity")))
		m.techniques("AttackTechniques")
	} else {
		m.event(m.Get("ActionType"), "")
	}
	m.user(m.First("AccountName", "InitiatingProcessAccountName"), casemate.RoleActor)
	m.peers(m.Get("LocalIP"), m.Get("RemoteIP"))
	m.entities(casemate.EntityURL, casemate.RoleDestination, "RemoteUrl")
	m.hashes("SHA256", "SHA1", "MD5")
	started := m.Get("ActionType") == "ProcessCreated"
	file := windowsPath(m.Get("FolderPath"), m.Get("FileName"))
	by := casemate.Process{Image: windowsPath(m.Get("InitiatingProcessFolderPath"), m.Get("InitiatingProcessFileName")), CommandLine: m.Get("InitiatingProcessCommandLine"), PID: m.Get("InitiatingProcessId")}
	if started {
		m.process(casemate.Process{Image: file, CommandLine: m.Get("ProcessCommandLine"), PID: m.Get("ProcessId"), ParentImage: by.Image, ParentCommandLine: by.CommandLine, ParentPID: by.PID})
	} else {
		m.entity(casemate.EntityFile, file, casemate.RoleTarget)
		m.process(by)
	}
	m.sigma("windows", huntingCategories[m.Get("ActionType")], "")
	if m.a.Kind == casemate.KindAlert {
		return
	}
	m.also([]string{"CommandLine", "ProcessCommandLine"}, []string{"User", "AccountName"}, []string{"TargetObject", "RegistryKey"}, []string{"Details", "RegistryValueData"},
		[]string{"DestinationIp", "RemoteIP"}, []string{"DestinationPort", "RemotePort"}, []string{"DestinationHostname", "RemoteUrl"},
		[]string{"OriginalFileName", "ProcessVersionInfoOriginalFileName"})
	if started {
		m.set("Image", file)
		m.set("ParentImage", by.Image)
		m.set("ParentCommandLine", by.CommandLine)
	} else {
		m.set("Image", by.Image)
		m.set("TargetFilename", file)
		m.set("ImageLoaded", file)
	}
}

var huntingCategories = map[string]string{
	"ProcessCreated": "process_creation", "ConnectionSuccess": "network_connection", "ConnectionAttempt": "network_connection", "ConnectionFailed": "network_connection",
	"FileCreated": "file_event", "FileModified": "file_change", "FileRenamed": "file_rename", "FileDeleted": "file_delete", "ImageLoaded": "image_load",
	"RegistryValueSet": "registry_set", "RegistryKeyCreated": "registry_add", "RegistryKeyDeleted": "registry_delete", "RegistryValueDeleted": "registry_delete",
	"CreateRemoteThreadApiCall": "create_remote_thread", "DnsQueryResponse": "dns_query", "NamedPipeEvent": "pipe_created", "DriverLoad": "driver_load",
}
