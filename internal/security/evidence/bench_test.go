package evidence_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
)

// The records of the benchmarks have the size and the fields of real ones.
const (
	benchSuricata = `{"timestamp":"2024-08-07T13:30:12.123456+0000","flow_id":1234567890123456,"in_iface":"eth0","event_type":"alert","src_ip":"10.0.0.5","src_port":51234,"dest_ip":"203.0.113.9","dest_port":80,"proto":"TCP","tx_id":0,"alert":{"action":"allowed","gid":1,"signature_id":2024792,"rev":4,"signature":"ET MALWARE Example CnC Checkin","category":"A Network Trojan was detected","severity":1,"metadata":{"affected_product":["Windows_XP_Vista_7_8_10_Server_32_64_Bit"],"attack_target":["Client_Endpoint"],"created_at":["2017_10_05"],"deployment":["Perimeter"],"signature_severity":["Major"],"updated_at":["2020_08_13"]}},"http":{"hostname":"www.example.com","url":"/gate.php?id=1234","http_user_agent":"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1)","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":512},"app_proto":"http","flow":{"pkts_toserver":12,"pkts_toclient":10,"bytes_toserver":3456,"bytes_toclient":7890,"start":"2024-08-07T13:30:10.000000+0000"}}`
	benchWindows  = `{"EventTime":"2024-08-07 13:30:12","Hostname":"WS1.corp.example","Keywords":"0x8000000000000000","EventType":"INFO","SeverityValue":2,"Severity":"INFO","EventID":1,"SourceName":"Microsoft-Windows-Sysmon","ProviderGuid":"{5770385F-C22A-43E0-BF4C-06F5698FFBD9}","Version":5,"Task":1,"OpcodeValue":0,"RecordNumber":151,"ProcessID":2868,"ThreadID":4036,"Channel":"Microsoft-Windows-Sysmon/Operational","Domain":"NT AUTHORITY","AccountName":"SYSTEM","UserID":"S-1-5-18","AccountType":"User","Message":"Process Create:\r\nRuleName: -\r\nUtcTime: 2024-08-07 13:30:12.001\r\nProcessGuid: {b34bc01c-22ae-5f69-b600-000000000900}\r\nProcessId: 4564\r\nImage: C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe\r\nCommandLine: powershell.exe -noP -sta -w 1 -enc SQBmACgAJABQAFMA\r\nUser: CORP\\bob\r\nHashes: SHA1=6CBCE4A295C163791B60FC23D285E6D84F28EE4C,MD5=7353F60B1739074EB17C5F4DDDEFE239\r\nParentImage: C:\\Windows\\explorer.exe","Category":"Process Create (rule: ProcessCreate)","Opcode":"Info","RuleName":"-","UtcTime":"2024-08-07 13:30:12.001","ProcessGuid":"{b34bc01c-22ae-5f69-b600-000000000900}","ProcessId":"4564","Image":"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe","FileVersion":"10.0.18362.1 (WinBuild.160101.0800)","Description":"Windows PowerShell","Product":"Microsoft Windows Operating System","Company":"Microsoft Corporation","OriginalFileName":"PowerShell.EXE","CommandLine":"powershell.exe -noP -sta -w 1 -enc SQBmACgAJABQAFMA","CurrentDirectory":"C:\\Users\\bob\\","User":"CORP\\bob","LogonGuid":"{b34bc01c-22ae-5f69-b600-000000000900}","LogonId":"0x4a7e3","TerminalSessionId":"2","IntegrityLevel":"High","Hashes":"SHA1=6CBCE4A295C163791B60FC23D285E6D84F28EE4C,MD5=7353F60B1739074EB17C5F4DDDEFE239","ParentProcessGuid":"{b34bc01c-22ae-5f69-b600-000000000800}","ParentProcessId":"3132","ParentImage":"C:\\Windows\\explorer.exe","ParentCommandLine":"C:\\Windows\\Explorer.EXE","@timestamp":"2024-08-07T13:30:13.001Z","host":"collector.corp.example"}`
	benchTable    = "1642213952,Wazuh: ClamAV database update,172.17.131.81,mail,W-Sys-Cav,false_positive,-\n1642213957,Suricata: Alert - ET SCAN Potential SSH Scan,192.168.128.170,jonesmorgan_mail,S-Alert-SSH,false_positive,-\n"
)

func benchmark(b *testing.B, text string, opt evidence.Options) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := evidence.ReadFrom(b.Context(), strings.NewReader(text), "f", opt, func(*casemate.Alert) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	plain := options
	plain.NoIndicators = true
	for _, bb := range []struct {
		name, text string
	}{
		{"suricata", strings.Repeat(benchSuricata+"\n", 2000)},
		{"windows", strings.Repeat(benchWindows+"\n", 1000)},
		{"array", "[" + strings.Repeat(benchSuricata+",\n", 2000) + "]"},
		{"csv", "time,name,ip,host,short,time_label,event_label\n" + strings.Repeat(benchTable, 10_000)},
		{"sshd", strings.Repeat("Aug  7 13:30:12 web1 sshd[7]: Failed password for root from 198.51.100.4 port 22 ssh2\n", 10_000)},
	} {
		b.Run(bb.name, func(b *testing.B) { benchmark(b, bb.text, options) })
		b.Run(bb.name+"/no-indicators", func(b *testing.B) { benchmark(b, bb.text, plain) })
	}
}
