package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// technique is an ATT&CK technique as consoles name it.
type technique struct {
	id, name, tacticID, tactic string
}

// The techniques that the consoles of the day name.
var (
	tSpear    = technique{"T1566.001", "Spearphishing Attachment", "TA0001", "Initial Access"}
	tShell    = technique{"T1059.001", "PowerShell", "TA0002", "Execution"}
	tRunKey   = technique{"T1547.001", "Registry Run Keys / Startup Folder", "TA0003", "Persistence"}
	tLSASS    = technique{"T1003.001", "LSASS Memory", "TA0006", "Credential Access"}
	tRoast    = technique{"T1558.003", "Kerberoasting", "TA0006", "Credential Access"}
	tNTDS     = technique{"T1003.003", "NTDS", "TA0006", "Credential Access"}
	tHash     = technique{"T1550.002", "Pass the Hash", "TA0008", "Lateral Movement"}
	tService  = technique{"T1543.003", "Windows Service", "TA0003", "Persistence"}
	tWMI      = technique{"T1047", "Windows Management Instrumentation", "TA0002", "Execution"}
	tAccount  = technique{"T1136.002", "Domain Account", "TA0003", "Persistence"}
	tSudo     = technique{"T1548.003", "Sudo and Sudo Caching", "TA0004", "Privilege Escalation"}
	tCron     = technique{"T1053.003", "Cron", "TA0003", "Persistence"}
	tC2       = technique{"T1071.001", "Web Protocols", "TA0011", "Command and Control"}
	tDNS      = technique{"T1071.004", "DNS", "TA0011", "Command and Control"}
	tExfil    = technique{"T1567.002", "Exfiltration to Cloud Storage", "TA0010", "Exfiltration"}
	tRecovery = technique{"T1490", "Inhibit System Recovery", "TA0040", "Impact"}
	tCrypt    = technique{"T1486", "Data Encrypted for Impact", "TA0040", "Impact"}
	tClear    = technique{"T1070.001", "Clear Windows Event Logs", "TA0005", "Defense Evasion"}
	tWebShell = technique{"T1505.003", "Web Shell", "TA0003", "Persistence"}
	tExploit  = technique{"T1190", "Exploit Public-Facing Application", "TA0001", "Initial Access"}
	tGuess    = technique{"T1110.001", "Password Guessing", "TA0006", "Credential Access"}
	tTransfer = technique{"T1105", "Ingress Tool Transfer", "TA0011", "Command and Control"}
)

// wazuhRule is a rule of the host agents' manager.
type wazuhRule struct {
	level  int
	id     string
	text   string
	groups []string
	mitre  []technique
}

// wazuh is the common part of an alert of a Wazuh agent; rest follows it.
func (g *generator) wazuh(h *host, t time.Time, r wazuhRule, rest O) {
	rule := O{"level", r.level, "description", r.text, "id", r.id}
	if len(r.mitre) > 0 {
		var ids, tactics, names L
		for _, m := range r.mitre {
			ids, tactics, names = append(ids, m.id), append(tactics, m.tactic), append(names, m.name)
		}
		rule = append(rule, "mitre", O{"id", ids, "tactic", tactics, "technique", names})
	}
	rule = append(rule, "firedtimes", counts("fired "+r.id, 0), "mail", r.level >= 12, "groups", r.groups)
	seen := t.Add(400*time.Millisecond + g.jitter(1200*time.Millisecond))
	g.putJSON(fileWazuh, seen, append(O{"timestamp", seen.Format("2006-01-02T15:04:05.000-0700"), "rule", rule,
		"agent", O{"id", h.agent, "name", h.name, "ip", h.ip}, "manager", O{"name", "wazuh-mgr01"},
		"id", fmt.Sprintf("%d.%s", seen.Unix(), counts("wazuh", 9184000).text())}, rest...))
}

// wazuhWindows is an alert on a Windows event. Wazuh spells the event's field
// names with a small first letter.
func (g *generator) wazuhWindows(h *host, t time.Time, r wazuhRule, provider, channel string, id int, data O) {
	small := make(O, 0, len(data)+2)
	if provider == sysmonName {
		small = append(small, "utcTime", utcTime(t))
	}
	for i := 0; i < len(data); i += 2 {
		key := data[i].(string)
		small = append(small, strings.ToLower(key[:1])+key[1:], data[i+1])
	}
	g.wazuh(h, t, r, O{"decoder", O{"name", "windows_eventchannel"},
		"data", O{"win", O{"system", O{"providerName", provider, "providerGuid", providerGUID[provider], "eventID", strconv.Itoa(id),
			"version", "5", "level", "4", "task", "1", "opcode", "0", "keywords", "0x8000000000000000",
			"systemTime", t.Format("2006-01-02T15:04:05.0000000Z"), "eventRecordID", counts("wazuh record "+h.name+channel, 51000).text(),
			"processID", "3120", "threadID", "4412", "channel", channel, "computer", h.fqdn(), "severityValue", "INFORMATION"},
			"eventdata", small}}, "location", "EventChannel"})
}

// wazuhLog is an alert on a line of a log file.
func (g *generator) wazuhLog(h *host, t time.Time, r wazuhRule, program, decoder, line, location string, data O) {
	rest := O{"full_log", line}
	if program != "" {
		rest = append(rest, "predecoder", O{"program_name", program, "timestamp", t.Format(time.Stamp), "hostname", h.name})
	}
	rest = append(rest, "decoder", O{"name", decoder})
	if data != nil {
		rest = append(rest, "data", data)
	}
	g.wazuh(h, t, r, append(rest, "location", location))
}

// wazuhFile is an alert of file integrity monitoring.
func (g *generator) wazuhFile(h *host, t time.Time, r wazuhRule, path, event, owner string, size int) {
	md5, sha1, sha256, _ := fileHashes(path)
	g.wazuh(h, t, r, O{"full_log", fmt.Sprintf("File '%s' %s\nMode: realtime\n", path, event), "syscheck", O{"path", path, "mode", "realtime",
		"size_after", strconv.Itoa(size), "perm_after", "rw-r--r--", "uid_after", strconv.Itoa(linuxUID(owner)), "gid_after", strconv.Itoa(linuxUID(owner)),
		"md5_after", md5, "sha1_after", sha1, "sha256_after", sha256, "uname_after", owner, "gname_after", owner,
		"mtime_after", t.Format("2006-01-02T15:04:05"), "inode_after", 131072 + size, "event", event},
		"decoder", O{"name", "syscheck_new_entry"}, "location", "syscheck"})
}

// graphTime is a time as Microsoft Graph writes it.
func graphTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.0000000Z") }

// defenderAlert is what differs between alerts of Microsoft Defender.
type defenderAlert struct {
	title, text, category, severity, source, detection string
	threat                                             any // threatDisplayName: a string or nil
	mitre                                              []technique
	seen                                               time.Time // first activity
	made                                               time.Time // the alert, if long after
	evidence                                           L
}

// defender adds an alert as Graph's security/alerts_v2 returns it.
func (g *generator) defender(a defenderAlert) {
	created := a.seen.Add(80*time.Second + g.jitter(200*time.Second))
	if !a.made.IsZero() {
		created = a.made
	}
	product := "Microsoft Defender for Endpoint"
	if a.source == "microsoftDefenderForOffice365" {
		product = "Microsoft Defender for Office 365"
	}
	id := "da" + digest(16, "alert", a.title, a.seen.String())
	var ids L = L{}
	for _, m := range a.mitre {
		ids = append(ids, m.id)
	}
	incident := 4710 + int(created.Sub(midnight)/(7*time.Minute))
	g.putJSON(fileDefender, created, O{"@odata.type", "#microsoft.graph.security.alert", "id", id, "providerAlertId", id[2:], "incidentId", fmt.Sprint(incident),
		"status", "new", "severity", a.severity, "classification", nil, "determination", nil,
		"serviceSource", a.source, "detectionSource", a.detection, "productName", product,
		"detectorId", uuid("detector", a.title), "tenantId", uuid("tenant"), "title", a.title, "description", a.text,
		"recommendedActions", "", "category", a.category, "assignedTo", nil,
		"alertWebUrl", "https://security.microsoft.com/alerts/" + id + "?tid=" + uuid("tenant"),
		"incidentWebUrl", fmt.Sprintf("https://security.microsoft.com/incidents/%d?tid=%s", incident, uuid("tenant")),
		"actorDisplayName", nil, "threatDisplayName", a.threat, "threatFamilyName", nil, "mitreTechniques", ids,
		"createdDateTime", graphTime(created), "lastUpdateDateTime", graphTime(created.Add(time.Minute)), "resolvedDateTime", nil,
		"firstActivityDateTime", graphTime(a.seen), "lastActivityDateTime", graphTime(a.seen.Add(time.Second)),
		"systemTags", L{}, "alertPolicyId", nil, "additionalData", nil, "comments", L{}, "evidence", a.evidence})
}

func evidence(kind string, t time.Time, verdict, remediation string, role L, rest O) O {
	return append(O{"@odata.type", "#microsoft.graph.security." + kind, "createdDateTime", graphTime(t), "verdict", verdict,
		"remediationStatus", remediation, "remediationStatusDetails", nil, "roles", role, "detailedRoles", L{}, "tags", L{}}, rest...)
}

func deviceEvidence(h *host, u *user, t time.Time) O {
	return evidence("deviceEvidence", t, "unknown", "none", L{"compromised"}, O{"firstSeenDateTime", "2025-06-11T08:00:00Z",
		"mdeDeviceId", digest(20, "mde", h.name), "azureAdDeviceId", uuid("aad", h.name), "deviceDnsName", h.lower(),
		"hostName", strings.ToLower(h.name), "ntDomain", ntDomain, "dnsDomain", domain, "osPlatform", "Windows11", "osBuild", 22631, "version", "23H2",
		"healthStatus", "active", "riskScore", "medium", "rbacGroupId", 0, "rbacGroupName", nil, "onboardingStatus", "onboarded",
		"defenderAvStatus", "updated", "lastIpAddress", h.ip, "lastExternalIpAddress", egressIP, "ipInterfaces", L{h.ip},
		"vmMetadata", nil, "loggedOnUsers", L{O{"accountName", u.name, "domainName", u.domain}}})
}

func userAccount(u *user) O {
	return O{"accountName", u.name, "domainName", u.domain, "userSid", u.sid, "azureAdUserId", uuid("aad", u.name),
		"userPrincipalName", u.name + "@tarnholm.example", "displayName", u.full}
}

func imageFile(path, file string) O {
	_, sha1, sha256, _ := fileHashes(file)
	i := strings.LastIndexByte(path, '\\')
	return O{"sha1", sha1, "sha256", sha256, "fileName", path[i+1:], "filePath", path[:max(i, 0)], "fileSize", 1024 * (40 + len(path)),
		"filePublisher", nil, "signer", nil, "issuer", nil}
}

func processEvidence(p *proc, verdict, status string) O {
	return evidence("processEvidence", p.start, verdict, "none", L{}, O{"processId", p.pid, "parentProcessId", p.parent.pid,
		"processCommandLine", p.cmd, "processCreationDateTime", graphTime(p.start), "parentProcessCreationDateTime", graphTime(p.parent.start),
		"detectionStatus", status, "mdeDeviceId", digest(20, "mde", p.host.name), "imageFile", imageFile(p.image, p.file()),
		"parentProcessImageFile", imageFile(p.parent.image, p.parent.file()), "userAccount", userAccount(p.user)})
}

func fileEvidence(h *host, path string, t time.Time, verdict, status, remediation string) O {
	return evidence("fileEvidence", t, verdict, remediation, L{}, O{"detectionStatus", status, "mdeDeviceId", digest(20, "mde", h.name),
		"fileDetails", imageFile(path, path[strings.LastIndexByte(path, '\\')+1:])})
}

func userEvidence(u *user, t time.Time) O {
	return evidence("userEvidence", t, "unknown", "none", L{"compromised"}, O{"stream", nil, "userAccount", userAccount(u)})
}

// elasticAlert is what differs between alerts of Elastic's detection engine.
type elasticAlert struct {
	rule, severity, reason string
	risk                   int
	mitre                  []technique
	proc                   *proc
	seen                   time.Time
	category               string // what kind of event it was, process if empty
	extra                  O      // further ECS fields
}

// elastic adds an alert as a document of the alerts index.
func (g *generator) elastic(a elasticAlert) {
	made := a.seen.Add(2*time.Minute + g.jitter(3*time.Minute)).Truncate(time.Millisecond)
	var threat L = L{}
	for _, m := range a.mitre {
		base, _, sub := strings.Cut(m.id, ".")
		tech := O{"id", base, "name", parentNames[base], "reference", "https://attack.mitre.org/techniques/" + base + "/"}
		if sub {
			tech = append(tech, "subtechnique", L{O{"id", m.id, "name", m.name, "reference", "https://attack.mitre.org/techniques/" + strings.ReplaceAll(m.id, ".", "/") + "/"}})
		} else {
			tech[3] = m.name
		}
		threat = append(threat, O{"framework", "MITRE ATT&CK", "tactic", O{"id", m.tacticID, "name", m.tactic,
			"reference", "https://attack.mitre.org/tactics/" + m.tacticID + "/"}, "technique", L{tech}})
	}
	if a.category == "" {
		a.category = "process"
	}
	action := map[string]string{"process": "start", "registry": "modification", "network": "connection_attempted"}[a.category]
	h := a.proc.host
	id := digest(32, "elastic", a.rule, a.seen.String())
	src := O{"@timestamp", stamp(made), "kibana.alert.rule.name", a.rule, "kibana.alert.rule.rule_id", uuid("rule", a.rule),
		"kibana.alert.rule.uuid", uuid("installed", a.rule), "kibana.alert.rule.category", "Custom Query Rule", "kibana.alert.rule.producer", "siem",
		"kibana.alert.rule.consumer", "siem", "kibana.alert.rule.rule_type_id", "siem.queryRule", "kibana.alert.rule.tags", L{"Domain: Endpoint", "OS: Windows"},
		"kibana.alert.rule.threat", threat, "kibana.alert.rule.severity", a.severity, "kibana.alert.rule.risk_score", a.risk,
		"kibana.alert.severity", a.severity, "kibana.alert.risk_score", a.risk, "kibana.alert.reason", a.reason,
		"kibana.alert.status", "active", "kibana.alert.workflow_status", "open", "kibana.alert.uuid", id, "kibana.alert.depth", 1,
		"kibana.alert.original_time", stamp(a.seen), "kibana.alert.original_event.action", action, "kibana.space_ids", L{"default"}, "kibana.version", "8.17.3",
		"event", O{"kind", "signal", "category", L{a.category}, "type", L{action}, "action", action, "dataset", "endpoint.events." + a.category, "module", "endpoint"},
		"agent", O{"type", "endpoint", "version", "8.17.3", "id", uuid("agent", h.name)}, "ecs", O{"version", "8.10.0"},
		"host", O{"name", strings.ToLower(h.name), "hostname", h.name, "id", uuid("host", h.name), "ip", L{h.ip, "127.0.0.1"},
			"os", O{"type", "windows", "platform", "windows", "family", "windows", "name", "Windows", "full", "Windows 11 Enterprise 23H2 (10.0.22631)"}},
		"user", O{"name", a.proc.user.name, "domain", a.proc.user.domain, "id", a.proc.user.sid},
		"process", processObject(a.proc)}
	g.putJSON(fileElastic, made, O{"_index", ".internal.alerts-security.alerts-default-000004", "_id", id, "_score", 1, "_source", append(src, a.extra...)})
}

// parentNames are the names of the techniques whose sub-techniques Elastic's alerts name.
var parentNames = map[string]string{
	"T1003": "OS Credential Dumping", "T1059": "Command and Scripting Interpreter", "T1547": "Boot or Logon Autostart Execution",
	"T1543": "Create or Modify System Process", "T1070": "Indicator Removal", "T1550": "Use Alternate Authentication Material",
	"T1566": "Phishing",
}

func processObject(p *proc) O {
	md5, sha1, sha256, _ := fileHashes(p.file())
	args := L{}
	for _, a := range strings.Fields(p.cmd) {
		args = append(args, a)
	}
	return O{"name", p.base(), "executable", p.image, "command_line", p.cmd, "args", args, "args_count", len(args), "pid", p.pid,
		"entity_id", uuid("entity", p.guid()), "start", stamp(p.start), "hash", O{"md5", md5, "sha1", sha1, "sha256", sha256},
		"parent", O{"name", p.parent.base(), "executable", p.parent.image, "command_line", p.parent.cmd, "pid", p.parent.pid,
			"entity_id", uuid("entity", p.parent.guid()), "start", stamp(p.parent.start)}}
}

// finding adds an OCSF detection finding of the network analytics product.
func (g *generator) finding(t time.Time, title, text, severity string, severityID int, m []technique, f *flow, h *host, bytes int64) {
	attacks := L{}
	for _, x := range m {
		base, _, sub := strings.Cut(x.id, ".")
		a := O{"version", "16.1", "tactic", O{"uid", x.tacticID, "name", x.tactic}, "technique", O{"uid", base, "name", x.name}}
		if sub {
			a[5] = O{"uid", base}
			a = append(a, "sub_technique", O{"uid", x.id, "name", x.name})
		}
		attacks = append(attacks, a)
	}
	ms := t.UnixMilli()
	g.putJSON(fileOCSF, t, O{"activity_id", 1, "activity_name", "Create", "category_uid", 2, "category_name", "Findings", "class_uid", 2004,
		"class_name", "Detection Finding", "type_uid", 200401, "type_name", "Detection Finding: Create", "time", ms, "time_dt", t.Format("2006-01-02T15:04:05.000Z"),
		"severity_id", severityID, "severity", severity, "status_id", 1, "status", "New", "confidence_id", 2, "confidence", "Medium", "message", text,
		"metadata", O{"version", "1.3.0", "uid", uuid("ocsf", title, t.String()), "product", O{"name", "Fenwick Netwatch", "vendor_name", "Fenwick Analytics", "version", "4.2.0"},
			"profiles", L{"host", "security_control"}},
		"finding_info", O{"uid", uuid("finding", title, t.String()), "title", title, "desc", text, "created_time", ms, "first_seen_time", f.start.UnixMilli(),
			"analytic", O{"uid", "FNW-" + strings.ToUpper(digest(2, "model", title)), "name", title, "type_id", 3, "type", "Statistical"}, "attacks", attacks},
		"device", O{"hostname", h.lower(), "name", h.name, "ip", h.ip, "type_id", 1, "type", "Server"},
		"evidences", L{O{"src_endpoint", O{"ip", f.src, "port", f.sport, "hostname", h.lower()}, "dst_endpoint", O{"ip", f.dst, "port", f.dport, "hostname", f.name},
			"connection_info", O{"protocol_num", 6, "protocol_name", "tcp", "direction_id", 2, "direction", "Outbound", "uid", f.uid},
			"traffic", O{"bytes_out", f.sent, "bytes_in", f.got, "bytes", bytes}}},
		"observables", L{O{"name", "evidences[].dst_endpoint.ip", "type_id", 2, "type", "IP Address", "value", f.dst},
			O{"name", "device.hostname", "type_id", 1, "type", "Hostname", "value", h.lower()}}})
}

// notableColumns is the head of the notable-event export.
var notableColumns = []string{"_time", "event_id", "rule_name", "rule_title", "rule_description", "security_domain", "severity", "urgency",
	"status_label", "owner", "src", "dest", "user", "signature", "process", "annotations.mitre_attack", "risk_score", "orig_sourcetype"}

// notable is what differs between notable events of Splunk Enterprise Security.
type notable struct {
	rule, title, text, domain, urgency  string
	src, dest, user, signature, process string
	mitre                               []technique
	risk                                int
	sourcetype, status, owner           string
}

// notable adds a row of the notable-event export.
func (g *generator) notable(t time.Time, n notable) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	ids := make([]string, len(n.mitre))
	for i, m := range n.mitre {
		ids[i] = m.id
	}
	if n.status == "" {
		n.status, n.owner = "New", "unassigned"
	}
	w.Write([]string{t.Format("2006-01-02T15:04:05.000-0700"),
		strings.ToUpper(uuid("indexer")) + "@@notable@@" + digest(16, "notable", n.rule, t.String()), n.rule, n.title, n.text, n.domain, n.urgency, n.urgency,
		n.status, n.owner, n.src, n.dest, n.user, n.signature, n.process, strings.Join(ids, " "), strconv.Itoa(n.risk), n.sourcetype})
	w.Flush()
	g.put(fileNotable, t, strings.TrimSuffix(b.String(), "\n"))
}
