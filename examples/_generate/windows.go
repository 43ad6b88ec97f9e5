package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const (
	sysmonChannel = "Microsoft-Windows-Sysmon/Operational"
	sysmonName    = "Microsoft-Windows-Sysmon"
	auditName     = "Microsoft-Windows-Security-Auditing"
)

var providerGUID = map[string]string{
	sysmonName:                              "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
	auditName:                               "{54849625-5478-4994-a5ba-3e3b0328c30d}",
	"Microsoft-Windows-Eventlog":            "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}",
	"Service Control Manager":               "{555908d1-a6d7-4695-8e1e-26931d2012f4}",
	"Microsoft-Windows-PowerShell":          "{a0c1853b-5c40-4b15-8766-3cf1c58f985a}",
	"Microsoft-Windows-WindowsUpdateClient": "{945a8954-c147-4acd-923f-40c45405a658}",
}

// winEvent is what differs between kinds of Windows event.
type winEvent struct {
	provider, channel string
	id, version       int
	task              string // event.action of Winlogbeat
	message           string // first sentence of the rendered message
	data              O
	userData          O      // instead of data, for events that carry XML of their own
	outcome           string // success or failure, for audit events
	level             string
}

// win adds an event as Winlogbeat writes it to a file.
func (g *generator) win(h *host, t time.Time, e winEvent) {
	if e.level == "" {
		e.level = "information"
	}
	event := O{"kind", "event", "provider", e.provider, "code", strconv.Itoa(e.id), "action", e.task,
		"created", stamp(t.Add(900*time.Millisecond + g.jitter(800*time.Millisecond)))}
	log := O{"channel", e.channel, "provider_name", e.provider, "provider_guid", providerGUID[e.provider],
		"event_id", strconv.Itoa(e.id), "version", e.version, "task", e.task, "opcode", "Info", "api", "wineventlog",
		"record_id", counts("record "+h.name+e.channel, firstRecord(h, e.channel)),
		"computer_name", h.fqdn(), "process", O{"pid", 3120, "thread", O{"id", 4412}}}
	if e.outcome != "" {
		event = append(event, "outcome", e.outcome)
		log = append(log, "keywords", L{"Audit " + strings.ToUpper(e.outcome[:1]) + e.outcome[1:]})
	}
	if e.provider == sysmonName {
		log = append(log, "user", O{"identifier", "S-1-5-18", "domain", "NT AUTHORITY", "name", "SYSTEM", "type", "User"})
	}
	if e.userData != nil {
		log = append(log, "user_data", e.userData)
	} else {
		log = append(log, "event_data", e.data)
	}
	g.putJSON(fileWindows, t, O{"@timestamp", stamp(t),
		"@metadata", O{"beat", "winlogbeat", "type", "_doc", "version", "8.17.3"},
		"message", e.message, "log", O{"level", e.level}, "event", event, "winlog", log,
		"host", O{"name", h.lower()}, "ecs", O{"version", "8.0.0"},
		"agent", O{"type", "winlogbeat", "version", "8.17.3", "name", h.name, "id", uuid("beat", h.name)}})
}

// firstRecord is where a channel's record numbers stood when the day began.
func firstRecord(h *host, channel string) uint64 {
	n, err := strconv.ParseUint(digest(2, "record", h.name, channel), 16, 64)
	if err != nil {
		panic(err)
	}
	return 41000 + 7*n
}

// stamp is a time as Elastic's shippers write it.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

// utcTime is a time as Sysmon writes it.
func utcTime(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") }

func (g *generator) sysmon(h *host, t time.Time, id, version int, task, title string, data O) {
	data = append(O{"RuleName", "-", "UtcTime", utcTime(t)}, data...)
	g.win(h, t, winEvent{provider: sysmonName, channel: sysmonChannel, id: id, version: version, task: task,
		message: title + ":", data: data})
}

// startData is the event data of Sysmon's event 1.
func startData(p *proc) O {
	info, known := images[strings.ToLower(p.file())]
	if !known {
		info = imageInfo{"-", "-", "-", "-", "-"}
	}
	session := 1
	if p.level == top {
		session = 0
	}
	return O{
		"ProcessGuid", p.guid(), "ProcessId", strconv.Itoa(p.pid), "Image", p.image,
		"FileVersion", info.version, "Description", info.description, "Product", info.product,
		"Company", info.company, "OriginalFileName", info.original,
		"CommandLine", p.cmd, "CurrentDirectory", p.cwd, "User", p.user.account(),
		"LogonGuid", p.logonGUID(), "LogonId", fmt.Sprintf("0x%x", p.logon),
		"TerminalSessionId", strconv.Itoa(session), "IntegrityLevel", p.level, "Hashes", sysmonHashes(p.file()),
		"ParentProcessGuid", p.parent.guid(), "ParentProcessId", strconv.Itoa(p.parent.pid),
		"ParentImage", p.parent.image, "ParentCommandLine", p.parent.cmd, "ParentUser", p.parent.user.account()}
}

// started is Sysmon's event 1.
func (g *generator) started(p *proc) {
	g.sysmon(p.host, p.start, 1, 5, "Process Create (rule: ProcessCreate)", "Process Create", startData(p))
}

func sysmonHashes(file string) string {
	md5, _, sha256, imphash := fileHashes(file)
	return strings.ToUpper(fmt.Sprintf("MD5=%s,SHA256=%s,IMPHASH=%s", md5, sha256, imphash))
}

// run spawns a process and logs its start.
func (g *generator) run(parent *proc, clock, image, cmd string) *proc {
	p := g.spawn(parent, at(clock).Add(g.jitter(900*time.Millisecond).Truncate(time.Millisecond)), image, cmd)
	g.started(p)
	return p
}

// connected is Sysmon's event 3 of a flow.
func (g *generator) connected(p *proc, f *flow, initiated bool) {
	here := "-"
	if f.from != nil {
		here = f.from.fqdn()
	}
	there := "-"
	if f.to != nil {
		there = f.to.fqdn()
	}
	g.sysmon(p.host, f.start.Add(time.Duration(g.between(1, 40))*time.Millisecond), 3, 5,
		"Network connection detected (rule: NetworkConnect)", "Network connection detected", O{
			"ProcessGuid", p.guid(), "ProcessId", strconv.Itoa(p.pid), "Image", p.image, "User", p.user.account(),
			"Protocol", f.proto, "Initiated", strconv.FormatBool(initiated), "SourceIsIpv6", "false", "SourceIp", f.src,
			"SourceHostname", here, "SourcePort", strconv.Itoa(f.sport), "SourcePortName", "-",
			"DestinationIsIpv6", "false", "DestinationIp", f.dst, "DestinationHostname", there,
			"DestinationPort", strconv.Itoa(f.dport), "DestinationPortName", portName(f.dport)})
}

func portName(port int) string {
	switch port {
	case 22:
		return "ssh"
	case 80:
		return "http"
	case 135:
		return "epmap"
	case 443:
		return "https"
	case 445:
		return "microsoft-ds"
	}
	return "-"
}

// opened is Sysmon's event 10: one process opens another.
func (g *generator) opened(p, target *proc, t time.Time, access, trace string) {
	g.sysmon(p.host, t, 10, 3, "Process accessed (rule: ProcessAccess)", "Process accessed", O{
		"SourceProcessGUID", p.guid(), "SourceProcessId", strconv.Itoa(p.pid), "SourceThreadId", strconv.Itoa(p.pid + 36),
		"SourceImage", p.image, "TargetProcessGUID", target.guid(), "TargetProcessId", strconv.Itoa(target.pid),
		"TargetImage", target.image, "GrantedAccess", access, "CallTrace", trace,
		"SourceUser", p.user.account(), "TargetUser", target.user.account()})
}

// wrote is Sysmon's event 11.
func (g *generator) wrote(p *proc, t time.Time, file string) {
	g.sysmon(p.host, t, 11, 2, "File created (rule: FileCreate)", "File created", O{
		"ProcessGuid", p.guid(), "ProcessId", strconv.Itoa(p.pid), "Image", p.image,
		"TargetFilename", file, "CreationUtcTime", utcTime(t), "User", p.user.account()})
}

// setValue is Sysmon's event 13.
func (g *generator) setValue(p *proc, t time.Time, key, details string) {
	g.sysmon(p.host, t, 13, 2, "Registry value set (rule: RegistryEvent)", "Registry value set", O{
		"EventType", "SetValue", "ProcessGuid", p.guid(), "ProcessId", strconv.Itoa(p.pid), "Image", p.image,
		"TargetObject", key, "Details", details, "User", p.user.account()})
}

// resolved is Sysmon's event 22.
func (g *generator) resolved(p *proc, t time.Time, name, result string) {
	g.sysmon(p.host, t, 22, 5, "Dns query (rule: DnsQuery)", "Dns query", O{
		"ProcessGuid", p.guid(), "ProcessId", strconv.Itoa(p.pid), "QueryName", name, "QueryStatus", "0",
		"QueryResults", result, "Image", p.image, "User", p.user.account()})
}

// audit adds an event of the Security channel.
func (g *generator) audit(h *host, t time.Time, id, version int, task, message, outcome string, data O) {
	g.win(h, t, winEvent{provider: auditName, channel: "Security", id: id, version: version, task: task,
		message: message, outcome: outcome, data: data})
}

func (g *generator) subject(h *host, u *user) O {
	return O{"SubjectUserSid", u.sid, "SubjectUserName", u.name, "SubjectDomainName", u.domain,
		"SubjectLogonId", fmt.Sprintf("0x%x", g.session(h, u))}
}

// created is Security's event 4688, the other sight of a process that Sysmon saw.
func (g *generator) created(p *proc) {
	elevation, label := "%%1938", "S-1-16-8192"
	switch p.level {
	case high:
		elevation, label = "%%1937", "S-1-16-12288"
	case top:
		elevation, label = "%%1936", "S-1-16-16384"
	}
	g.audit(p.host, p.start.Add(time.Millisecond), 4688, 2, "Process Creation", "A new process has been created.", "success",
		append(g.subject(p.host, p.user), "NewProcessId", fmt.Sprintf("0x%x", p.pid), "NewProcessName", p.image,
			"TokenElevationType", elevation, "ProcessId", fmt.Sprintf("0x%x", p.parent.pid), "CommandLine", p.cmd,
			"TargetUserSid", "S-1-0-0", "TargetUserName", "-", "TargetDomainName", "-", "TargetLogonId", "0x0",
			"ParentProcessName", p.parent.image, "MandatoryLabel", label))
}

// logon is Security's event 4624. The type says how: 3 network, 5 service, 10 remote desktop.
func (g *generator) logon(h *host, u *user, from *host, sport int, t time.Time, kind int, pkg string) {
	process, lm, bits := "Kerberos", "-", "0"
	switch {
	case kind == 5:
		process = "Advapi  "
	case kind == 10:
		process = "User32 "
	case pkg == "NTLM":
		process, lm, bits = "NtLmSsp ", "NTLM V2", "128"
	}
	subject := g.subject(h, anonUser)
	subject[7] = "0x0"
	by, ip, port := "-", "-", "-"
	if from != nil {
		by, ip, port = from.name, from.ip, strconv.Itoa(sport)
	}
	if pkg != "NTLM" && kind == 3 {
		by = "-"
	}
	if kind != 3 {
		subject = O{"SubjectUserSid", "S-1-5-18", "SubjectUserName", h.name + "$", "SubjectDomainName", ntDomain, "SubjectLogonId", "0x3e7"}
	}
	g.audit(h, t, 4624, 2, "Logon", "An account was successfully logged on.", "success",
		append(subject, "TargetUserSid", u.sid, "TargetUserName", u.name, "TargetDomainName", u.domain,
			"TargetLogonId", fmt.Sprintf("0x%x", g.session(h, u)), "LogonType", strconv.Itoa(kind),
			"LogonProcessName", process, "AuthenticationPackageName", pkg, "WorkstationName", by,
			"LogonGuid", "{"+uuid("logon", h.name, u.name, t.String())+"}", "TransmittedServices", "-",
			"LmPackageName", lm, "KeyLength", bits, "ProcessId", "0x0", "ProcessName", "-",
			"IpAddress", ip, "IpPort", port, "ImpersonationLevel", "%%1833", "RestrictedAdminMode", "-",
			"TargetOutboundUserName", "-", "TargetOutboundDomainName", "-", "VirtualAccount", "%%1843",
			"TargetLinkedLogonId", "0x0", "ElevatedToken", "%%1842"))
}

// The sub-statuses of a failed logon.
const (
	noSuchUser      = "0xc0000064"
	wrongPassword   = "0xc000006a"
	passwordExpired = "0xc0000071"
	lockedOut       = "0xc0000234"
)

// refused is Security's event 4625.
func (g *generator) refused(h *host, name string, from *host, t time.Time, kind int, why string) {
	reason, status := "%%2313", "0xc000006d"
	switch why {
	case passwordExpired:
		reason, status = "%%2309", "0xc000006e"
	case lockedOut:
		reason, status = "%%2307", lockedOut
	}
	subject := g.subject(h, anonUser)
	subject[7] = "0x0"
	process, pkg := "NtLmSsp ", "NTLM"
	if kind == 2 {
		process, pkg = "User32 ", "Negotiate"
	}
	g.audit(h, t, 4625, 0, "Logon", "An account failed to log on.", "failure",
		append(subject, "TargetUserSid", "S-1-0-0", "TargetUserName", name, "TargetDomainName", ntDomain,
			"Status", status, "FailureReason", reason, "SubStatus", why, "LogonType", strconv.Itoa(kind),
			"LogonProcessName", process, "AuthenticationPackageName", pkg, "WorkstationName", from.name,
			"TransmittedServices", "-", "LmPackageName", "-", "KeyLength", "0", "ProcessId", "0x0", "ProcessName", "-",
			"IpAddress", from.ip, "IpPort", strconv.Itoa(g.port(from.ip))))
}

// ticket is Security's event 4769 on the domain controller.
func (g *generator) ticket(u *user, from *host, t time.Time, service, sid, options, encryption string) {
	g.audit(dc, t, 4769, 0, "Kerberos Service Ticket Operations", "A Kerberos service ticket was requested.", "success", O{
		"TargetUserName", u.name + "@" + strings.ToUpper(domain), "TargetDomainName", strings.ToUpper(domain),
		"ServiceName", service, "ServiceSid", sid, "TicketOptions", options, "TicketEncryptionType", encryption,
		"IpAddress", "::ffff:" + from.ip, "IpPort", strconv.Itoa(g.port(from.ip)), "Status", "0x0",
		"LogonGuid", "{" + uuid("tgs", service, t.String()) + "}", "TransmittedServices", "-"})
}

// installed is the Service Control Manager's event 7045.
func (g *generator) installed(h *host, t time.Time, name, path, start string) {
	g.win(h, t, winEvent{provider: "Service Control Manager", channel: "System", id: 7045, task: "None",
		message: "A service was installed in the system.",
		data: O{"ServiceName", name, "ImagePath", path, "ServiceType", "user mode service", "StartType", start,
			"AccountName", "LocalSystem"}})
}

// cleared is event 1102: the Security log was emptied.
func (g *generator) cleared(h *host, u *user, t time.Time) {
	g.win(h, t, winEvent{provider: "Microsoft-Windows-Eventlog", channel: "Security", id: 1102, version: 1, task: "Log clear",
		message: "The audit log was cleared.",
		userData: append(append(O{"xml_name", "LogFileCleared"}, g.subject(h, u)...),
			"ClientProcessId", "0", "ClientProcessStartKey", "0")})
}

// script is PowerShell's event 4104.
func (g *generator) script(h *host, t time.Time, text, level string) {
	g.win(h, t, winEvent{provider: "Microsoft-Windows-PowerShell", channel: "Microsoft-Windows-PowerShell/Operational",
		id: 4104, version: 1, task: "Execute a Remote Command", message: "Creating Scriptblock text (1 of 1):", level: level,
		data: O{"MessageNumber", "1", "MessageTotal", "1", "ScriptBlockText", text, "ScriptBlockId", uuid("block", text), "Path", ""}})
}

// encoded is what PowerShell's -EncodedCommand takes: base64 of UTF-16, little end first.
func encoded(script string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(script)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return base64.StdEncoding.EncodeToString(b)
}
