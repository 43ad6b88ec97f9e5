package sensor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/sensor"
)

// gist is what a test wants of an alert. Entities read "role type value".
type gist struct {
	Format, Kind, Name, Rule, Severity, Time, Host, User, Action string
	Techniques, Entities                                         []string
	Process                                                      casemate.Process
	Log                                                          casemate.Logsource
	Event                                                        map[string]string // the fields that the test names
}

var reference = time.Date(2024, 8, 8, 0, 0, 0, 0, time.UTC)

func read(t testing.TB, text string) (*casemate.Alert, string) {
	t.Helper()
	var p flat.Parser
	fields, err := p.Parse(nil, text)
	if err != nil {
		t.Fatalf("the sample is broken: %v", err)
	}
	a := &casemate.Alert{Format: "json", Raw: text, Fields: fields}
	warning := sensor.New(reference).Map(a)
	return a, warning
}

func summarise(a *casemate.Alert, event map[string]string) gist {
	g := gist{
		Format: a.Format, Kind: a.Kind.String(), Name: a.Name, Rule: a.Rule, Severity: a.Severity.String(),
		Host: a.Host, User: a.User, Action: a.Action, Techniques: a.Techniques, Log: a.Log,
	}
	if !a.Time.IsZero() {
		g.Time = a.Time.Format(time.RFC3339Nano)
	}
	if a.Process != nil {
		g.Process = *a.Process
	}
	for _, e := range a.Entities {
		g.Entities = append(g.Entities, strings.TrimSpace(string(e.Role)+" "+string(e.Type))+" "+e.Value)
	}
	if event != nil {
		g.Event = map[string]string{}
	}
	for name := range event {
		for i := range a.Event {
			if a.Event[i].Name == name {
				g.Event[name] = a.Event[i].Value
				break
			}
		}
	}
	return g
}

type sample struct {
	name, text string
	want       gist
}

func check(t *testing.T, samples []sample) {
	t.Helper()
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			a, warning := read(t, s.text)
			if warning != "" {
				t.Errorf("Map warns: %s", warning)
			}
			slices.Sort(s.want.Entities)
			got := summarise(a, s.want.Event)
			slices.Sort(got.Entities)
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("Map (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	check(t, []sample{
		{"suricata alert", `{"timestamp":"2024-08-07T15:30:12.123456+0200","flow_id":1234567890123,"in_iface":"eth0","event_type":"alert","host":"ids-1","src_ip":"203.0.113.9","src_port":443,"dest_ip":"10.0.0.5","dest_port":51234,"proto":"TCP",
			"alert":{"action":"allowed","gid":1,"signature_id":2024792,"rev":4,"signature":"ET MALWARE Example CnC","category":"A Network Trojan was detected","severity":1,"metadata":{"signature_severity":["Critical"],"mitre_technique_id":["T1071"],"mitre_tactic_id":["TA0011"]}},
			"http":{"hostname":"evil.example","url":"/gate.php?id=1","http_user_agent":"curl/8","http_method":"POST","status":200}}`,
			gist{Format: "suricata-eve", Kind: "alert", Name: "ET MALWARE Example CnC", Rule: "2024792", Severity: "critical", Time: "2024-08-07T13:30:12.123456Z", Host: "10.0.0.5", Action: "allowed",
				Techniques: []string{"T1071"}, Log: casemate.Logsource{Product: "suricata", Category: "proxy", Service: "alert"},
				Entities: []string{"source address 203.0.113.9", "destination address 10.0.0.5", "observer host ids-1", "destination domain evil.example", "destination url http://evil.example/gate.php?id=1"},
				Event:    map[string]string{"c-uri": "/gate.php?id=1", "cs-method": "POST", "c-useragent": "curl/8"}}},
		{"suricata priority", `{"timestamp":"2024-08-07T13:30:12.1+0000","event_type":"alert","src_ip":"10.1.1.1","dest_ip":"10.1.1.2","alert":{"action":"blocked","signature_id":1,"signature":"GPL ICMP","severity":3}}`,
			gist{Format: "suricata-eve", Kind: "alert", Name: "GPL ICMP", Rule: "1", Severity: "low", Time: "2024-08-07T13:30:12.1Z", Host: "10.1.1.1", Action: "blocked",
				Log: casemate.Logsource{Product: "suricata", Service: "alert"}, Entities: []string{"source address 10.1.1.1", "destination address 10.1.1.2"}}},
		{"suricata dns", `{"timestamp":"2024-08-07T13:30:12.000000+0000","flow_id":1,"event_type":"dns","src_ip":"10.0.0.5","dest_ip":"10.0.0.1","dns":{"type":"query","id":1,"rrname":"Bad.Example","rrtype":"TXT"}}`,
			gist{Format: "suricata-eve", Kind: "event", Name: "dns", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "10.0.0.5", Log: casemate.Logsource{Product: "suricata", Category: "dns", Service: "dns"},
				Entities: []string{"source address 10.0.0.5", "destination address 10.0.0.1", "destination domain bad.example"}, Event: map[string]string{"query": "Bad.Example", "record_type": "TXT"}}},
		{"suricata flow between public addresses", `{"timestamp":"2024-08-07T13:30:12Z","flow_id":1,"event_type":"flow","src_ip":"198.51.100.7","dest_ip":"203.0.113.9","dest_port":22,"flow":{"action":"drop"}}`,
			gist{Format: "suricata-eve", Kind: "event", Name: "flow", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Log: casemate.Logsource{Product: "suricata", Category: "firewall", Service: "flow"},
				Entities: []string{"source address 198.51.100.7", "destination address 203.0.113.9"}, Event: map[string]string{"dst_port": "22", "action": "drop"}}},
		{"zeek notice", `{"ts":1723037412.5,"uid":"CAbc","id.orig_h":"10.0.0.7","id.orig_p":5353,"id.resp_h":"198.51.100.3","id.resp_p":22,"note":"SSH::Password_Guessing","msg":"10.0.0.7 appears to be guessing SSH passwords","sub":"Sampled servers: 198.51.100.3","src":"10.0.0.7","peer_descr":"worker-1","actions":["Notice::ACTION_LOG"]}`,
			gist{Format: "zeek", Kind: "alert", Name: "SSH::Password_Guessing", Rule: "SSH::Password_Guessing", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "10.0.0.7", Action: "ACTION_LOG",
				Log: casemate.Logsource{Product: "zeek", Service: "notice"}, Entities: []string{"source address 10.0.0.7", "destination address 198.51.100.3", "observer host worker-1"}}},
		{"zeek dns without a path", `{"ts":"2024-08-07T13:30:12.000001Z","uid":"C1","id.orig_h":"10.0.0.7","id.resp_h":"10.0.0.1","proto":"udp","query":"a.example","qtype_name":"A","answers":["192.0.2.1"]}`,
			gist{Format: "zeek", Kind: "event", Name: "dns", Severity: "unknown", Time: "2024-08-07T13:30:12.000001Z", Host: "10.0.0.7", Log: casemate.Logsource{Product: "zeek", Category: "dns", Service: "dns"},
				Entities: []string{"source address 10.0.0.7", "destination address 10.0.0.1", "destination domain a.example"}, Event: map[string]string{"record_type": "A", "answer": "192.0.2.1", "id.orig_h": "10.0.0.7"}}},
		{"zeek http with a path", `{"_path":"http","ts":1723037412,"uid":"C1","id.orig_h":"10.0.0.7","id.resp_h":"192.0.2.1","method":"GET","host":"a.example","uri":"/x","user_agent":"Wget","status_code":404}`,
			gist{Format: "zeek", Kind: "event", Name: "http", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "10.0.0.7", Log: casemate.Logsource{Product: "zeek", Category: "proxy", Service: "http"},
				Entities: []string{"source address 10.0.0.7", "destination address 192.0.2.1", "destination domain a.example", "destination url http://a.example/x"}, Event: map[string]string{"c-uri": "/x", "sc-status": "404"}}},
	})
}

func TestWazuh(t *testing.T) {
	check(t, []sample{
		{"windows process", `{"timestamp":"2024-08-07T13:30:12.500+0000","rule":{"level":12,"description":"Encoded PowerShell","id":"92057","mitre":{"id":["T1059.001"],"tactic":["Execution"]},"groups":["sysmon"]},"agent":{"id":"012","name":"WS-7","ip":"10.0.0.12"},"manager":{"name":"wazuh"},"id":"1.2","decoder":{"name":"windows_eventchannel"},
			"data":{"win":{"system":{"providerName":"Microsoft-Windows-Sysmon","eventID":"1","channel":"Microsoft-Windows-Sysmon/Operational","computer":"WS-7.corp.example","systemTime":"2024-08-07T13:30:11.4Z"},"eventdata":{"image":"C:\\Windows\\powershell.exe","commandLine":"powershell -enc AAAA","parentImage":"C:\\Windows\\explorer.exe","processId":"4242","user":"CORP\\bob"}}}}`,
			gist{Format: "wazuh", Kind: "alert", Name: "Encoded PowerShell", Rule: "92057", Severity: "high", Time: "2024-08-07T13:30:12.5Z", Host: "WS-7", User: `CORP\bob`, Techniques: []string{"T1059.001"},
				Process:  casemate.Process{Image: `C:\Windows\powershell.exe`, CommandLine: "powershell -enc AAAA", PID: "4242", ParentImage: `C:\Windows\explorer.exe`},
				Log:      casemate.Logsource{Product: "windows", Category: "process_creation", Service: "sysmon"},
				Entities: []string{"host ws-7", "host ws-7.corp.example", "address 10.0.0.12", "observer host wazuh", `actor user CORP\bob`, "actor user bob", `process C:\Windows\powershell.exe`, `parent process C:\Windows\explorer.exe`},
				Event:    map[string]string{"EventID": "1", "CommandLine": "powershell -enc AAAA", "ParentImage": `C:\Windows\explorer.exe`, "Provider_Name": "Microsoft-Windows-Sysmon"}}},
		{"ssh brute force", `{"timestamp":"2024-08-07T13:30:12.500+0000","rule":{"level":10,"description":"sshd: brute force trying to get access to the system.","id":"5712","mitre":{"id":["T1110"]}},"agent":{"id":"003","name":"db01"},"manager":{"name":"db01"},"decoder":{"name":"sshd"},"data":{"srcip":"198.51.100.23","srcuser":"admin"},"full_log":"Aug  7 13:30:12 db01 sshd[1]: Failed password for invalid user admin from 198.51.100.23 port 5 ssh2"}`,
			gist{Format: "wazuh", Kind: "alert", Name: "sshd: brute force trying to get access to the system.", Rule: "5712", Severity: "medium", Time: "2024-08-07T13:30:12.5Z", Host: "db01", User: "admin", Techniques: []string{"T1110"},
				Entities: []string{"host db01", "source address 198.51.100.23", "actor user admin"}}},
		{"file integrity inside elasticsearch", `{"_index":"wazuh-alerts","_id":"x","_source":{"@timestamp":"2024-08-07T13:30:12.500Z","rule":{"level":7,"description":"Integrity checksum changed.","id":"550"},"agent":{"id":"003","name":"db01"},"syscheck":{"path":"/etc/passwd","event":"modified","sha256_after":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}`,
			gist{Format: "wazuh", Kind: "alert", Name: "Integrity checksum changed.", Rule: "550", Severity: "medium", Time: "2024-08-07T13:30:12.5Z", Host: "db01", Action: "modified",
				Entities: []string{"host db01", "target file /etc/passwd", "hash e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}},
	})
	for level, want := range map[string]casemate.Severity{"0": 1, "3": 1, "4": 2, "6": 2, "7": 3, "11": 3, "12": 4, "14": 4, "15": 5, "x": 0} {
		a, _ := read(t, `{"rule":{"level":"`+level+`","id":"1","description":"d"},"agent":{"name":"a"}}`)
		if a.Severity != want {
			t.Errorf("level %s is %v, want %v", level, a.Severity, want)
		}
	}
}

func TestElastic(t *testing.T) {
	check(t, []sample{
		{"detection engine", `{"@timestamp":"2024-08-07T13:35:00Z","kibana.alert.uuid":"u","kibana.alert.rule.name":"Suspicious Child","kibana.alert.rule.rule_id":"r-1","kibana.alert.severity":"high","kibana.alert.risk_score":73,"kibana.alert.original_time":"2024-08-07T13:30:12.000Z","kibana.alert.reason":"why","kibana.alert.rule.threat":[{"framework":"MITRE ATT&CK","technique":[{"id":"T1059","subtechnique":[{"id":"T1059.003"}]}]}],
			"event":{"kind":"signal","category":["process"],"type":["start"],"outcome":"success"},"host":{"name":"ws-1","os":{"type":"windows"}},"user":{"name":"bob"},"process":{"executable":"C:\\a.exe","command_line":"a.exe /x","pid":12,"entity_id":"e1","parent":{"executable":"C:\\p.exe"}}}`,
			gist{Format: "elastic", Kind: "alert", Name: "Suspicious Child", Rule: "r-1", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "ws-1", User: "bob", Action: "success", Techniques: []string{"T1059.003", "T1059"},
				Process: casemate.Process{Image: `C:\a.exe`, CommandLine: "a.exe /x", PID: "12", GUID: "e1", ParentImage: `C:\p.exe`}, Log: casemate.Logsource{Product: "windows", Category: "process_creation"},
				Entities: []string{"host ws-1", "actor user bob", `process C:\a.exe`, `parent process C:\p.exe`}, Event: map[string]string{"Image": `C:\a.exe`, "CommandLine": "a.exe /x", "ParentImage": `C:\p.exe`}}},
		{"auditbeat", `{"@timestamp":"2024-08-07T13:30:12Z","ecs":{"version":"8.0"},"agent":{"type":"auditbeat","version":"8"},"event":{"kind":"event","category":["process"],"type":["start"],"action":"executed","module":"auditd"},"host":{"hostname":"web1","os":{"type":"linux"}},"user":{"name":"www-data"},"process":{"executable":"/bin/sh","args":["sh","-c","id"],"pid":7}}`,
			gist{Format: "elastic", Kind: "event", Name: "executed", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "web1", User: "www-data", Action: "executed", Process: casemate.Process{Image: "/bin/sh", CommandLine: "sh -c id", PID: "7"},
				Log: casemate.Logsource{Product: "linux", Category: "process_creation"}, Entities: []string{"host web1", "actor user www-data", "process /bin/sh"}, Event: map[string]string{"Image": "/bin/sh"}}},
		{"packetbeat dns", `{"@timestamp":"2024-08-07T13:30:12Z","ecs":{"version":"8.0"},"event":{"kind":"event","category":["network"],"dataset":"dns"},"source":{"ip":"10.0.0.8"},"destination":{"ip":"10.0.0.1"},"dns":{"question":{"name":"x.example","type":"A"}},"observer":{"hostname":"tap"}}`,
			gist{Format: "elastic", Kind: "event", Name: "dns", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "10.0.0.8", Log: casemate.Logsource{Category: "dns"},
				Entities: []string{"source address 10.0.0.8", "destination address 10.0.0.1", "observer host tap", "destination domain x.example"}, Event: map[string]string{"query": "x.example", "record_type": "A"}}},
	})
}

func TestOCSF(t *testing.T) {
	check(t, []sample{
		{"detection finding", `{"class_uid":2004,"category_uid":2,"severity_id":4,"time":1723037412000,"message":"m","finding_info":{"title":"Credential dumping","uid":"f-1","analytic":{"uid":"an-7","name":"LSASS"}},"attacks":[{"technique":{"uid":"T1003"},"sub_technique":{"uid":"T1003.001"}}],"device":{"hostname":"WS-1","ip":"10.0.0.9","os":{"type":"Windows"}},"actor":{"user":{"name":"eve"}},"disposition":"Blocked","evidences":[{"process":{"file":{"path":"C:\\m.exe"},"cmd_line":"m.exe","pid":4}}]}`,
			gist{Format: "ocsf", Kind: "alert", Name: "Credential dumping", Rule: "an-7", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "WS-1", User: "eve", Action: "Blocked", Techniques: []string{"T1003.001", "T1003"},
				Process: casemate.Process{Image: `C:\m.exe`, CommandLine: "m.exe", PID: "4"}, Entities: []string{"host ws-1", "address 10.0.0.9", "actor user eve", `process C:\m.exe`}}},
		{"process activity", `{"class_uid":1007,"class_name":"Process Activity","activity_id":1,"activity_name":"Launch","category_uid":1,"severity_id":1,"time":1723037412000,"device":{"hostname":"lx","os":{"type":"Linux"}},"process":{"file":{"path":"/usr/bin/nc"},"cmd_line":"nc -e"},"actor":{"user":{"name":"u"},"process":{"file":{"path":"/bin/sh"}}}}`,
			gist{Format: "ocsf", Kind: "event", Name: "Process Activity: Launch", Rule: "1007", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "lx", User: "u", Process: casemate.Process{Image: "/usr/bin/nc", CommandLine: "nc -e", ParentImage: "/bin/sh"},
				Log: casemate.Logsource{Product: "linux", Category: "process_creation"}, Entities: []string{"host lx", "actor user u", "process /usr/bin/nc", "parent process /bin/sh"}, Event: map[string]string{"Image": "/usr/bin/nc", "ParentImage": "/bin/sh"}}},
	})
}

func TestMicrosoft(t *testing.T) {
	check(t, []sample{
		{"graph alert", `{"id":"da1","title":"Suspicious PowerShell","description":"d","severity":"high","status":"new","category":"Execution","serviceSource":"microsoftDefenderForEndpoint","detectionSource":"edr","detectorId":"det","createdDateTime":"2024-08-07T14:00:00Z","firstActivityDateTime":"2024-08-07T13:30:12.1234567Z","mitreTechniques":["T1059.001"],
			"evidence":[{"@odata.type":"#microsoft.graph.security.deviceEvidence","deviceDnsName":"ws1.corp.example"},{"@odata.type":"#microsoft.graph.security.userEvidence","userAccount":{"accountName":"bob","domainName":"corp","userPrincipalName":"Bob@corp.example"}},{"@odata.type":"#microsoft.graph.security.processEvidence","processId":99,"processCommandLine":"powershell -e","imageFile":{"fileName":"powershell.exe","filePath":"C:\\Windows","sha1":"a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"},"parentProcessImageFile":{"fileName":"cmd.exe","filePath":"C:\\Windows"}},{"@odata.type":"#microsoft.graph.security.ipEvidence","ipAddress":"203.0.113.5"},{"@odata.type":"#microsoft.graph.security.urlEvidence","url":"http://x.example/a"}]}`,
			gist{Format: "ms-graph-alert", Kind: "alert", Name: "Suspicious PowerShell", Rule: "det", Severity: "high", Time: "2024-08-07T13:30:12.1234567Z", Host: "ws1.corp.example", User: "bob", Action: "new", Techniques: []string{"T1059.001"},
				Process: casemate.Process{Image: `C:\Windows\powershell.exe`, CommandLine: "powershell -e", PID: "99", ParentImage: `C:\Windows\cmd.exe`}, Log: casemate.Logsource{Product: "m365", Service: "threat_management"},
				Entities: []string{"host ws1.corp.example", "user bob", "mail bob@corp.example", `process C:\Windows\powershell.exe`, `parent process C:\Windows\cmd.exe`, "address 203.0.113.5", "url http://x.example/a", "hash a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}}},
		{"sentinel alert", `{"TimeGenerated":"2024-08-07T13:40:00Z","StartTime":"2024-08-07T13:30:12Z","DisplayName":"Rare sign-in","AlertName":"Rare sign-in","AlertSeverity":"Medium","SystemAlertId":"s1","AlertType":"rule-9","ProviderName":"ASI","CompromisedEntity":"vm-1","Techniques":"[\"T1078\"]","Status":"New",
			"Entities":"[{\"$id\":\"1\",\"Name\":\"eve\",\"UPNSuffix\":\"corp.example\",\"Type\":\"account\"},{\"$id\":\"2\",\"Address\":\"198.51.100.8\",\"Type\":\"ip\"},{\"$id\":\"3\",\"HostName\":\"vm-1\",\"Type\":\"host\"},{\"$id\":\"4\",\"Name\":\"a.exe\",\"Directory\":\"C:\\\\\",\"Type\":\"file\"}]"}`,
			gist{Format: "sentinel-alert", Kind: "alert", Name: "Rare sign-in", Rule: "rule-9", Severity: "medium", Time: "2024-08-07T13:30:12Z", Host: "vm-1", User: "eve", Action: "New", Techniques: []string{"T1078"},
				Log: casemate.Logsource{Product: "azure", Service: "securityalert"}, Entities: []string{"host vm-1", "user eve", "address 198.51.100.8", "file a.exe"}}},
		{"sentinel incident", `{"name":"guid","properties":{"title":"Multi-stage attack","severity":"High","status":"New","incidentNumber":4711,"createdTimeUtc":"2024-08-07T13:30:12Z","additionalData":{"techniques":["T1566"]}}}`,
			gist{Format: "sentinel-incident", Kind: "alert", Name: "Multi-stage attack", Rule: "4711", Severity: "high", Time: "2024-08-07T13:30:12Z", Action: "New", Techniques: []string{"T1566"}, Log: casemate.Logsource{Product: "azure", Service: "securityincident"}}},
		{"hunting", `{"Timestamp":"2024-08-07T13:30:12.5Z","DeviceName":"ws1","ActionType":"ProcessCreated","FileName":"whoami.exe","FolderPath":"C:\\Windows\\System32\\whoami.exe","ProcessCommandLine":"whoami /all","ProcessId":5,"AccountName":"bob","InitiatingProcessFileName":"cmd.exe","InitiatingProcessFolderPath":"c:\\windows\\system32\\cmd.exe","InitiatingProcessCommandLine":"cmd","InitiatingProcessId":4}`,
			gist{Format: "ms-hunting", Kind: "event", Name: "ProcessCreated", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "ws1", User: "bob",
				Process: casemate.Process{Image: `C:\Windows\System32\whoami.exe`, CommandLine: "whoami /all", PID: "5", ParentImage: `c:\windows\system32\cmd.exe`, ParentCommandLine: "cmd", ParentPID: "4"}, Log: casemate.Logsource{Product: "windows", Category: "process_creation"},
				Entities: []string{"host ws1", "actor user bob", `process C:\Windows\System32\whoami.exe`, `parent process c:\windows\system32\cmd.exe`}, Event: map[string]string{"Image": `C:\Windows\System32\whoami.exe`, "CommandLine": "whoami /all", "ParentImage": `c:\windows\system32\cmd.exe`}}},
	})
}

func TestAWS(t *testing.T) {
	check(t, []sample{
		{"cloudtrail", `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"alice","arn":"arn:aws:iam::1:user/alice"},"eventTime":"2024-08-07T13:30:12Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.4","userAgent":"aws-cli","errorCode":"AccessDenied","requestParameters":{"userName":"bob"},"eventID":"e-1"}`,
			gist{Format: "aws-cloudtrail", Kind: "event", Name: "CreateAccessKey", Rule: "iam.amazonaws.com", Severity: "unknown", Time: "2024-08-07T13:30:12Z", User: "alice", Action: "AccessDenied", Log: casemate.Logsource{Product: "aws", Service: "cloudtrail"},
				Entities: []string{"source address 198.51.100.4", "actor user alice", "target user bob"}, Event: map[string]string{"eventName": "CreateAccessKey", "userIdentity.type": "IAMUser", "requestParameters.userName": "bob"}}},
		{"guardduty from eventbridge", `{"version":"0","source":"aws.guardduty","detail":{"schemaVersion":"2.0","accountId":"1","region":"eu-west-1","type":"UnauthorizedAccess:EC2/SSHBruteForce","severity":8,"title":"198.51.100.4 is performing SSH brute force","description":"d","updatedAt":"2024-08-07T13:35:00Z","resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-99","networkInterfaces":[{"privateIpAddress":"10.0.0.20"}]}},"service":{"serviceName":"guardduty","eventLastSeen":"2024-08-07T13:30:12Z","action":{"networkConnectionAction":{"connectionDirection":"INBOUND","remoteIpDetails":{"ipAddressV4":"198.51.100.4"}}}}}}`,
			gist{Format: "aws-guardduty", Kind: "alert", Name: "198.51.100.4 is performing SSH brute force", Rule: "UnauthorizedAccess:EC2/SSHBruteForce", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "i-99", Log: casemate.Logsource{Product: "aws", Service: "guardduty"},
				Entities: []string{"host i-99", "address 10.0.0.20", "source address 198.51.100.4"}}},
		{"guardduty from the interface", `{"AccountId":"1","Type":"Recon:EC2/Portscan","Severity":5.0,"Title":"Port scan","Service":{"EventLastSeen":"2024-08-07T13:30:12Z","Action":{"DnsRequestAction":{"Domain":"c2.example"}}},"Resource":{"InstanceDetails":{"InstanceId":"i-1"}}}`,
			gist{Format: "aws-guardduty", Kind: "alert", Name: "Port scan", Rule: "Recon:EC2/Portscan", Severity: "medium", Time: "2024-08-07T13:30:12Z", Host: "i-1", Log: casemate.Logsource{Product: "aws", Service: "guardduty"},
				Entities: []string{"host i-1", "destination domain c2.example"}}},
		{"security hub", `{"SchemaVersion":"2018-10-08","Id":"x","ProductArn":"arn:p","GeneratorId":"g/1","Title":"Open bucket","Description":"d","Severity":{"Label":"CRITICAL"},"UpdatedAt":"2024-08-07T13:30:12Z","Resources":[{"Type":"AwsEc2Instance","Id":"arn:aws:ec2:eu:1:instance/i-5"}],"Compliance":{"Status":"FAILED"}}`,
			gist{Format: "aws-securityhub", Kind: "alert", Name: "Open bucket", Rule: "g/1", Severity: "critical", Time: "2024-08-07T13:30:12Z", Host: "i-5", Action: "FAILED", Log: casemate.Logsource{Product: "aws", Service: "securityhub"}, Entities: []string{"host i-5"}}},
	})
}

func TestSplunkAndTrails(t *testing.T) {
	check(t, []sample{
		{"notable", `{"preview":false,"result":{"_time":"2024-08-07T13:30:12.000+00:00","rule_title":"Brute Force on web1","rule_name":"Brute Force","search_name":"Access - Brute Force - Rule","rule_description":"d","urgency":"critical","security_domain":"access","dest":"web1","src":"198.51.100.4","user":"root","annotations.mitre_attack":["T1110","T1110.001"],"status_label":"New","host":"search-head"}}`,
			gist{Format: "splunk-notable", Kind: "alert", Name: "Brute Force on web1", Rule: "Access - Brute Force - Rule", Severity: "critical", Time: "2024-08-07T13:30:12Z", Host: "web1", User: "root", Action: "New", Techniques: []string{"T1110", "T1110.001"},
				Entities: []string{"host web1", "source address 198.51.100.4", "target user root"}}},
		{"okta", `{"eventType":"user.session.start","published":"2024-08-07T13:30:12.000Z","displayMessage":"User login to Okta","actor":{"alternateId":"Bob@corp.example","type":"User"},"client":{"ipAddress":"203.0.113.7"},"outcome":{"result":"FAILURE"}}`,
			gist{Format: "audit", Kind: "event", Name: "user.session.start", Severity: "unknown", Time: "2024-08-07T13:30:12Z", User: "Bob@corp.example", Action: "FAILURE", Log: casemate.Logsource{Product: "okta", Service: "okta"},
				Entities: []string{"actor user Bob@corp.example", "actor user bob", "actor mail bob@corp.example", "source address 203.0.113.7"}, Event: map[string]string{"eventType": "user.session.start"}}},
		{"gcp", `{"timestamp":"2024-08-07T13:30:12Z","protoPayload":{"methodName":"google.iam.admin.v1.CreateServiceAccountKey","authenticationInfo":{"principalEmail":"a@b.example"},"requestMetadata":{"callerIp":"203.0.113.7"}},"logName":"projects/p/logs/cloudaudit"}`,
			gist{Format: "audit", Kind: "event", Name: "google.iam.admin.v1.CreateServiceAccountKey", Severity: "unknown", Time: "2024-08-07T13:30:12Z", User: "a@b.example", Log: casemate.Logsource{Product: "gcp", Service: "gcp.audit"},
				Entities: []string{"actor user a@b.example", "actor user a", "actor mail a@b.example", "source address 203.0.113.7"}}},
		{"m365", `{"CreationTime":"2024-08-07T13:30:12","Operation":"New-InboxRule","Workload":"Exchange","UserId":"a@b.example","ClientIP":"[2001:db8::5]:443","ResultStatus":"True"}`,
			gist{Format: "audit", Kind: "event", Name: "New-InboxRule", Severity: "unknown", Time: "2024-08-07T13:30:12Z", User: "a@b.example", Action: "True", Log: casemate.Logsource{Product: "m365", Service: "audit"},
				Entities: []string{"actor user a@b.example", "actor user a", "actor mail a@b.example", "source address 2001:db8::5"}}},
		{"azure sign-in", `{"time":"2024-08-07T13:30:12Z","resourceId":"/tenants/x","operationName":"Sign-in activity","category":"SignInLogs","resultType":"50126","callerIpAddress":"203.0.113.7","properties":{"userPrincipalName":"a@b.example"}}`,
			gist{Format: "audit", Kind: "event", Name: "Sign-in activity", Severity: "unknown", Time: "2024-08-07T13:30:12Z", User: "a@b.example", Action: "50126", Log: casemate.Logsource{Product: "azure", Service: "signinlogs"},
				Entities: []string{"actor user a@b.example", "actor user a", "actor mail a@b.example", "source address 203.0.113.7"}}},
	})
}

func TestGeneric(t *testing.T) {
	check(t, []sample{
		{"flat alert", `{"time":1642213952,"name":"Wazuh: ClamAV database update","ip":"172.17.131.81","host":"mail","short":"W-Sys-Cav","event_label":"attack"}`,
			gist{Format: "json", Kind: "alert", Name: "Wazuh: ClamAV database update", Rule: "W-Sys-Cav", Severity: "unknown", Time: "2022-01-15T02:32:32Z", Host: "mail", Entities: []string{"host mail", "address 172.17.131.81"}}},
		{"nested names", `{"alert":{"name":"Beacon","severity":"High"},"source":{"ip":"10.0.0.3"},"destination":{"ip":"203.0.113.1"},"created_at":"2024-08-07 13:30:12","mitre_technique":"T1071.001 (Web)","action":"blocked"}`,
			gist{Format: "json", Kind: "alert", Name: "Beacon", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "10.0.0.3", Action: "blocked", Techniques: []string{"T1071.001"}, Entities: []string{"source address 10.0.0.3", "destination address 203.0.113.1"}}},
		{"event with a command line", `{"ts":"2024-08-07T13:30:12Z","hostname":"ws","username":"bob","image":"C:\\a.exe","cmdline":"a.exe -x","ppid":4}`,
			gist{Format: "json", Kind: "event", Name: "json record", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "ws", User: "bob", Process: casemate.Process{Image: `C:\a.exe`, CommandLine: "a.exe -x", ParentPID: "4"},
				Log: casemate.Logsource{Product: "windows", Category: "process_creation"}, Entities: []string{"host ws", "actor user bob", `process C:\a.exe`}, Event: map[string]string{"Image": `C:\a.exe`, "CommandLine": "a.exe -x"}}},
		{"record inside a message", `{"stream":"stdout","log":"{\"timestamp\":\"2024-08-07T13:30:12Z\",\"event_type\":\"alert\",\"src_ip\":\"10.0.0.2\",\"dest_ip\":\"192.0.2.2\",\"alert\":{\"signature\":\"S\",\"signature_id\":9,\"severity\":2}}"}`,
			gist{Format: "suricata-eve", Kind: "alert", Name: "S", Rule: "9", Severity: "medium", Time: "2024-08-07T13:30:12Z", Host: "10.0.0.2", Log: casemate.Logsource{Product: "suricata", Service: "alert"}, Entities: []string{"source address 10.0.0.2", "destination address 192.0.2.2"}}},
	})
	for _, tt := range []struct {
		field string
		want  casemate.Severity
	}{
		{`"severity":"Informational"`, 1}, {`"severity":9`, 5}, {`"severity":"7"`, 4}, {`"severity":3`, 2}, {`"priority":1`, 4}, {`"priority":3`, 2}, {`"urgency":"low"`, 2},
		{`"rule_level":12`, 4}, {`"risk_score":73`, 4}, {`"severity":"purple"`, 0}, {`"level":"High (3)"`, 4}, {`"severity":-1`, 0}, {`"severity":"NaN"`, 0},
	} {
		if a, _ := read(t, `{"title":"x",`+tt.field+`}`); a.Severity != tt.want {
			t.Errorf("%s is %v, want %v", tt.field, a.Severity, tt.want)
		}
	}
}

func TestBadTimeIsReported(t *testing.T) {
	a, warning := read(t, `{"title":"x","time":"99999999999999999999"}`)
	if warning == "" || !a.Time.IsZero() || a.Fields[1].Value != "99999999999999999999" {
		t.Errorf("warning %q, time %v, fields %v", warning, a.Time, a.Fields)
	}
}
