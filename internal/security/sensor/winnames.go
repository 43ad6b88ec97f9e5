package sensor

import "strings"

// winServices gives the channels of Windows the names of Sigma's services.
// Channels are in lower case: exporters do not agree on it.
var winServices = map[string]string{
	"security":                             "security",
	"system":                               "system",
	"application":                          "application",
	"microsoft-windows-sysmon/operational": "sysmon",
	"microsoft-windows-powershell/operational":       "powershell",
	"powershellcore/operational":                     "powershell",
	"windows powershell":                             "powershell-classic",
	"microsoft-windows-windows defender/operational": "windefend",
	"microsoft-windows-taskscheduler/operational":    "taskscheduler",
	"microsoft-windows-wmi-activity/operational":     "wmi",
	"microsoft-windows-bits-client/operational":      "bits-client",
	"dns server":                                                               "dns-server",
	"microsoft-windows-dns-server/audit":                                       "dns-server-audit",
	"microsoft-windows-dns-server/analytical":                                  "dns-server-analytic",
	"microsoft-windows-dns-client/operational":                                 "dns-client",
	"microsoft-windows-dns client events/operational":                          "dns-client",
	"microsoft-windows-ntlm/operational":                                       "ntlm",
	"microsoft-windows-dhcp-server/operational":                                "dhcp",
	"microsoft-windows-driverframeworks-usermode/operational":                  "driver-framework",
	"microsoft-windows-applocker/exe and dll":                                  "applocker",
	"microsoft-windows-applocker/msi and script":                               "applocker",
	"microsoft-windows-applocker/packaged app-deployment":                      "applocker",
	"microsoft-windows-applocker/packaged app-execution":                       "applocker",
	"msexchange management":                                                    "msexchange-management",
	"microsoft-windows-printservice/admin":                                     "printservice-admin",
	"microsoft-windows-printservice/operational":                               "printservice-operational",
	"microsoft-windows-smbclient/security":                                     "smbclient-security",
	"microsoft-windows-smbclient/connectivity":                                 "smbclient-connectivity",
	"microsoft-windows-smbserver/connectivity":                                 "smbserver-connectivity",
	"microsoft-windows-codeintegrity/operational":                              "codeintegrity-operational",
	"microsoft-windows-security-mitigations/kernel mode":                       "security-mitigations",
	"microsoft-windows-security-mitigations/user mode":                         "security-mitigations",
	"microsoft-windows-ldap-client/debug":                                      "ldap",
	"microsoft-windows-lsa/operational":                                        "lsa-server",
	"microsoft-windows-appxdeploymentserver/operational":                       "appxdeployment-server",
	"microsoft-windows-appxpackaging/operational":                              "appxpackaging-om",
	"microsoft-windows-appmodel-runtime/admin":                                 "appmodel-runtime",
	"microsoft-windows-capi2/operational":                                      "capi2",
	"microsoft-windows-vhdmp-operational":                                      "vhdmp",
	"microsoft-windows-vhdmp/operational":                                      "vhdmp",
	"microsoft-windows-diagnosis-scripted/operational":                         "diagnosis-scripted",
	"microsoft-windows-shell-core/operational":                                 "shell-core",
	"microsoft-windows-sense/operational":                                      "sense",
	"microsoft-iis-configuration/operational":                                  "iis-configuration",
	"microsoft-servicebus-client":                                              "microsoft-servicebus-client",
	"microsoft-servicebus-client/operational":                                  "microsoft-servicebus-client",
	"openssh/operational":                                                      "openssh",
	"microsoft-windows-bitlocker/bitlocker management":                         "bitlocker",
	"microsoft-windows-hyper-v-worker":                                         "hyper-v-worker",
	"microsoft-windows-kernel-eventtracing":                                    "kernel-event-tracing",
	"microsoft-windows-kernel-shimengine/operational":                          "kernel-shimengine",
	"microsoft-windows-ntfs/operational":                                       "ntfs",
	"microsoft-windows-application-experience/program-telemetry":               "application-experience",
	"microsoft-windows-windows firewall with advanced security/firewall":       "firewall-as",
	"microsoft-windows-terminalservices-localsessionmanager/operational":       "terminalservices-localsessionmanager",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
}

// winService names the service of a channel; a few exporters give the provider alone.
func winService(channel, provider string) string {
	if s := winServices[strings.ToLower(channel)]; s != "" || channel != "" {
		return s
	}
	switch strings.ToLower(provider) {
	case "microsoft-windows-sysmon":
		return "sysmon"
	case "microsoft-windows-security-auditing":
		return "security"
	case "microsoft-windows-powershell":
		return "powershell"
	case "powershell":
		return "powershell-classic"
	case "microsoft-windows-windows defender":
		return "windefend"
	case "service control manager":
		return "system"
	}
	return ""
}

// winCategory names Sigma's category of an event, "" for none. Of the registry
// events it is the narrow one: a rule for registry_event means all of them.
func winCategory(service, id, eventType string) string {
	switch service {
	case "sysmon":
		if id == "12" {
			switch strings.ToLower(eventType) {
			case "createkey", "createvalue":
				return "registry_add"
			case "deletekey", "deletevalue":
				return "registry_delete"
			}
		}
		return sysmonCategories[id]
	case "security":
		if id == "4688" {
			return "process_creation"
		}
	case "powershell":
		switch id {
		case "4103":
			return "ps_module"
		case "4104":
			return "ps_script"
		}
	case "powershell-classic":
		switch id {
		case "400":
			return "ps_classic_start"
		case "600":
			return "ps_classic_provider_start"
		}
	}
	return ""
}

var sysmonCategories = map[string]string{
	"1": "process_creation", "2": "file_change", "3": "network_connection", "4": "sysmon_status",
	"5": "process_termination", "6": "driver_load", "7": "image_load", "8": "create_remote_thread",
	"9": "raw_access_thread", "10": "process_access", "11": "file_event", "12": "registry_event",
	"13": "registry_set", "14": "registry_rename", "15": "create_stream_hash", "16": "sysmon_status",
	"17": "pipe_created", "18": "pipe_created", "19": "wmi_event", "20": "wmi_event", "21": "wmi_event",
	"22": "dns_query", "23": "file_delete", "24": "clipboard_capture", "25": "process_tampering",
	"26": "file_delete", "27": "file_block_executable", "28": "file_block_shredding",
	"29": "file_executable_detected", "255": "sysmon_error",
}

// winNames names the events that an analyst meets most, by service and id.
var winNames = map[string]string{
	"sysmon 1": "Process created", "sysmon 2": "File creation time changed", "sysmon 3": "Network connection",
	"sysmon 4": "Sysmon service state changed", "sysmon 5": "Process ended", "sysmon 6": "Driver loaded",
	"sysmon 7": "Image loaded", "sysmon 8": "Remote thread created", "sysmon 9": "Raw disk read",
	"sysmon 10": "Process accessed", "sysmon 11": "File created", "sysmon 12": "Registry key or value created or deleted",
	"sysmon 13": "Registry value set", "sysmon 14": "Registry key or value renamed", "sysmon 15": "File stream created",
	"sysmon 16": "Sysmon configuration changed", "sysmon 17": "Pipe created", "sysmon 18": "Pipe connected",
	"sysmon 19": "WMI filter registered", "sysmon 20": "WMI consumer registered", "sysmon 21": "WMI consumer bound to filter",
	"sysmon 22": "DNS query", "sysmon 23": "File deleted and archived", "sysmon 24": "Clipboard changed",
	"sysmon 25": "Process image tampered with", "sysmon 26": "File deleted", "sysmon 27": "Executable file blocked",
	"sysmon 28": "File shredding blocked", "sysmon 29": "Executable file created",

	"security 1102": "Security log cleared", "security 4616": "System time changed", "security 4624": "Logon",
	"security 4625": "Logon failed", "security 4634": "Logoff", "security 4647": "User began logoff",
	"security 4648": "Logon with explicit credentials", "security 4656": "Handle to an object requested",
	"security 4657": "Registry value modified", "security 4658": "Handle to an object closed", "security 4660": "Object deleted",
	"security 4661": "Handle to a directory object requested", "security 4662": "Operation on a directory object",
	"security 4663": "Object accessed", "security 4670": "Permissions changed", "security 4672": "Special privileges assigned to new logon",
	"security 4673": "Privileged service called", "security 4674": "Operation on a privileged object", "security 4688": "Process created",
	"security 4689": "Process ended", "security 4690": "Handle duplicated", "security 4697": "Service installed",
	"security 4698": "Scheduled task created", "security 4699": "Scheduled task deleted", "security 4700": "Scheduled task enabled",
	"security 4701": "Scheduled task disabled", "security 4702": "Scheduled task updated", "security 4703": "Token right adjusted",
	"security 4704": "User right assigned", "security 4719": "Audit policy changed", "security 4720": "Account created",
	"security 4722": "Account enabled", "security 4723": "Password change attempted", "security 4724": "Password reset attempted",
	"security 4725": "Account disabled", "security 4726": "Account deleted", "security 4728": "Member added to global group",
	"security 4732": "Member added to local group", "security 4738": "Account changed", "security 4740": "Account locked out",
	"security 4741": "Computer account created", "security 4742": "Computer account changed", "security 4756": "Member added to universal group",
	"security 4768": "Kerberos ticket-granting ticket requested", "security 4769": "Kerberos service ticket requested",
	"security 4771": "Kerberos pre-authentication failed", "security 4776": "Credentials validated", "security 4778": "Session reconnected", "security 4779": "Session disconnected",
	"security 4781": "Account renamed",
	"security 4798": "Local groups of a user enumerated", "security 4799": "Members of a local group enumerated",
	"security 5136": "Directory object modified", "security 5140": "Network share accessed", "security 5145": "Network share object checked",
	"security 5154": "Listening on a port permitted", "security 5156": "Network connection permitted", "security 5157": "Network connection blocked",
	"security 5158": "Bind to a local port permitted",

	"system 104": "Event log cleared", "system 7036": "Service state changed", "system 7040": "Service start type changed",
	"system 7045": "Service installed", "powershell 4103": "PowerShell module", "powershell 4104": "PowerShell script block",
	"powershell-classic 400": "PowerShell engine started", "powershell-classic 600": "PowerShell provider started",
	"powershell-classic 800": "PowerShell pipeline executed", "windefend 1116": "Malware detected", "windefend 1117": "Malware acted on",
	"windefend 5001": "Real-time protection disabled", "windefend 5007": "Antivirus configuration changed",
	"taskscheduler 106": "Scheduled task registered", "taskscheduler 140": "Scheduled task updated", "taskscheduler 141": "Scheduled task deleted",
	"bits-client 3": "BITS job created", "bits-client 59": "BITS transfer started", "wmi 5861": "Permanent WMI subscription",
}

// accessWords puts the access rights of an event, which it names by the numbers
// of texts that Windows has, into those texts: rules are written in either.
func accessWords(list string) string {
	var words []string
	for number := range strings.FieldsSeq(list) {
		if word := accessRights[number]; word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// accessRights are the texts of access rights: of any object, of files, of
// registry keys, of processes and of directory objects.
var accessRights = map[string]string{
	"%%1537": "DELETE", "%%1538": "READ_CONTROL", "%%1539": "WRITE_DAC", "%%1540": "WRITE_OWNER", "%%1541": "SYNCHRONIZE", "%%1542": "ACCESS_SYS_SEC",

	"%%4416": "ReadData (or ListDirectory)", "%%4417": "WriteData (or AddFile)", "%%4418": "AppendData (or AddSubdirectory or CreatePipeInstance)",
	"%%4419": "ReadEA", "%%4420": "WriteEA", "%%4421": "Execute/Traverse", "%%4422": "DeleteChild", "%%4423": "ReadAttributes", "%%4424": "WriteAttributes",

	"%%4432": "Query key value", "%%4433": "Set key value", "%%4434": "Create sub-key", "%%4435": "Enumerate sub-keys",
	"%%4436": "Notify about changes to keys", "%%4437": "Create Link",

	"%%4480": "Force process termination", "%%4481": "Create new thread in process", "%%4482": "Set process session ID",
	"%%4483": "Perform virtual memory operation", "%%4484": "Read from process memory", "%%4485": "Write to process memory",
	"%%4486": "Duplicate handle into or out of process", "%%4487": "Create a subprocess of process", "%%4488": "Set process quotas",
	"%%4489": "Set process information", "%%4490": "Query process information",

	"%%7680": "Create Child", "%%7681": "Delete Child", "%%7682": "List Contents", "%%7683": "Write Self", "%%7684": "Read Property",
	"%%7685": "Write Property", "%%7686": "Delete Tree", "%%7687": "List Object", "%%7688": "Control Access",
}
