package sensor_test

import (
	"strconv"
	"testing"

	"github.com/casemate-ai/casemate"
)

// TestWindowsShapes sends one event, the start of a process in the Security
// log, in the shapes that exporters give it.
func TestWindowsShapes(t *testing.T) {
	want := gist{Format: "windows-event", Kind: "event", Name: "Process created", Rule: "4688", Severity: "unknown", Time: "2024-08-07T13:30:12.5Z", Host: "WS1.corp.example", User: "bob",
		Process:  casemate.Process{Image: `C:\Windows\System32\cmd.exe`, CommandLine: "cmd /c whoami", PID: "4562", ParentImage: `C:\Windows\explorer.exe`, ParentPID: "7932"},
		Log:      casemate.Logsource{Product: "windows", Category: "process_creation", Service: "security"},
		Entities: []string{"host ws1.corp.example", "actor user bob", `process C:\Windows\System32\cmd.exe`, `parent process C:\Windows\explorer.exe`},
		Event: map[string]string{"EventID": "4688", "Channel": "Security", "Provider_Name": "Microsoft-Windows-Security-Auditing", "Computer": "WS1.corp.example", "Image": `C:\Windows\System32\cmd.exe`,
			"NewProcessName": `C:\Windows\System32\cmd.exe`, "CommandLine": "cmd /c whoami", "ParentImage": `C:\Windows\explorer.exe`, "User": `CORP\bob`, "IntegrityLevel": "High"}}
	const data = `"SubjectUserName":"bob","SubjectDomainName":"CORP","NewProcessId":"0x11d2","NewProcessName":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd /c whoami","ProcessId":"0x1efc","ParentProcessName":"C:\\Windows\\explorer.exe","MandatoryLabel":"S-1-16-12288","TargetUserName":"-"`
	const pairs = `{"@Name":"SubjectUserName","#text":"bob"},{"@Name":"SubjectDomainName","#text":"CORP"},{"@Name":"NewProcessId","#text":"0x11d2"},{"@Name":"NewProcessName","#text":"C:\\Windows\\System32\\cmd.exe"},{"@Name":"CommandLine","#text":"cmd /c whoami"},{"@Name":"ProcessId","#text":"0x1efc"},{"@Name":"ParentProcessName","#text":"C:\\Windows\\explorer.exe"},{"@Name":"MandatoryLabel","#text":"S-1-16-12288"}`
	escape := func(s string) string {
		out := ""
		for _, c := range s {
			if c == '"' || c == '\\' {
				out += `\`
			}
			out += string(c)
		}
		return out
	}
	xml := `<DataItem type="System.XmlData"><EventData xmlns="http://x"><Data Name="SubjectUserName">bob</Data><Data Name="SubjectDomainName">CORP</Data><Data Name="NewProcessId">0x11d2</Data><Data Name="NewProcessName">C:\Windows\System32\cmd.exe</Data><Data Name="CommandLine">cmd /c whoami</Data><Data Name="ProcessId">0x1efc</Data><Data Name="ParentProcessName">C:\Windows\explorer.exe</Data><Data Name="MandatoryLabel">S-1-16-12288</Data></EventData></DataItem>`
	var samples []sample
	for name, text := range map[string]string{
		"nxlog":      `{"EventTime":"2024-08-07 09:30:12","@timestamp":"2024-08-07T13:30:12.500Z","Hostname":"WS1.corp.example","EventID":4688,"SourceName":"Microsoft-Windows-Security-Auditing","Channel":"Security",` + data + `}`,
		"winlogbeat": `{"@timestamp":"2024-08-07T13:30:12.500Z","winlog":{"channel":"Security","event_id":4688,"provider_name":"Microsoft-Windows-Security-Auditing","computer_name":"WS1.corp.example","event_data":{` + data + `}}}`,
		"evtx_dump":  `{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Security-Auditing"}},"EventID":4688,"TimeCreated":{"#attributes":{"SystemTime":"2024-08-07T13:30:12.500Z"}},"Channel":"Security","Computer":"WS1.corp.example"},"EventData":{` + data + `}}}`,
		"xmltodict":  `{"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Security-Auditing"},"EventID":{"@Qualifiers":"0","#text":"4688"},"TimeCreated":{"@SystemTime":"2024-08-07T13:30:12.500Z"},"Channel":"Security","Computer":"WS1.corp.example"},"EventData":{"Data":[` + pairs + `]}}}`,
		"evtxecmd":   `{"TimeCreated":"2024-08-07T13:30:12.500+00:00","EventId":4688,"Provider":"Microsoft-Windows-Security-Auditing","Channel":"Security","Computer":"WS1.corp.example","Payload":"` + escape(`{"EventData":{"Data":[`+pairs+`]}}`) + `"}`,
		"azure":      `{"TimeGenerated":"2024-08-07T13:30:12.500Z","Source":"Microsoft-Windows-Security-Auditing","EventLog":"Security","EventID":4688,"Computer":"WS1.corp.example","EventData":"` + escape(xml) + `"}`,
	} {
		samples = append(samples, sample{name, text, want})
	}
	check(t, samples)
}

func TestWindowsEvents(t *testing.T) {
	event := func(id, channel, data string) string {
		return `{"@timestamp":"2024-08-07T13:30:12Z","winlog":{"channel":"` + channel + `","event_id":` + id + `,"computer_name":"WS1","event_data":{` + data + `}}}`
	}
	const sysmon = "Microsoft-Windows-Sysmon/Operational"
	for _, tt := range []struct {
		text string
		name string
		log  casemate.Logsource
	}{
		{event("1", sysmon, `"Image":"a"`), "Process created", casemate.Logsource{Product: "windows", Category: "process_creation", Service: "sysmon"}},
		{event("3", sysmon, `"Image":"a"`), "Network connection", casemate.Logsource{Product: "windows", Category: "network_connection", Service: "sysmon"}},
		{event("10", sysmon, `"SourceImage":"a"`), "Process accessed", casemate.Logsource{Product: "windows", Category: "process_access", Service: "sysmon"}},
		{event("12", sysmon, `"EventType":"CreateKey"`), "Registry key or value created or deleted", casemate.Logsource{Product: "windows", Category: "registry_add", Service: "sysmon"}},
		{event("12", sysmon, `"EventType":"DeleteValue"`), "Registry key or value created or deleted", casemate.Logsource{Product: "windows", Category: "registry_delete", Service: "sysmon"}},
		{event("13", sysmon, `"EventType":"SetValue"`), "Registry value set", casemate.Logsource{Product: "windows", Category: "registry_set", Service: "sysmon"}},
		{event("22", sysmon, `"QueryName":"a.example"`), "DNS query", casemate.Logsource{Product: "windows", Category: "dns_query", Service: "sysmon"}},
		{event("4104", "Microsoft-Windows-PowerShell/Operational", `"ScriptBlockText":"x"`), "PowerShell script block", casemate.Logsource{Product: "windows", Category: "ps_script", Service: "powershell"}},
		{event("4624", "security", `"TargetUserName":"bob"`), "Logon", casemate.Logsource{Product: "windows", Service: "security"}},
		{event("7045", "System", `"ServiceName":"x"`), "Service installed", casemate.Logsource{Product: "windows", Service: "system"}},
		{event("42", "Unheard-Of/Operational", ``), "Unheard-Of/Operational event 42", casemate.Logsource{Product: "windows"}},
		// NXLog puts its own word in the place of Sysmon's.
		{`{"EventID":12,"Channel":"` + sysmon + `","Hostname":"WS1","EventTime":"2024-08-07 13:30:12","EventType":"INFO","Message":"Registry object added or deleted:\r\nRuleName: -\r\nEventType: CreateKey\r\nUtcTime: x"}`,
			"Registry key or value created or deleted", casemate.Logsource{Product: "windows", Category: "registry_add", Service: "sysmon"}},
	} {
		a, _ := read(t, tt.text)
		if a.Name != tt.name || a.Log != tt.log || a.Kind != casemate.KindEvent {
			t.Errorf("%s\ngives %q %+v, want %q %+v", tt.text, a.Name, a.Log, tt.name, tt.log)
		}
	}
	check(t, []sample{
		{"logon", event("4625", "Security", `"TargetUserName":"admin","SubjectUserName":"WS1$","IpAddress":"198.51.100.3","WorkstationName":"KALI"`),
			gist{Format: "windows-event", Kind: "event", Name: "Logon failed", Rule: "4625", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "WS1", User: "admin", Log: casemate.Logsource{Product: "windows", Service: "security"},
				Entities: []string{"host ws1", "target user admin", "actor user WS1$", "source address 198.51.100.3", "source host kali"}}},
		{"antivirus", event("1116", "Microsoft-Windows-Windows Defender/Operational", `"Threat Name":"Trojan:Win32/X","Severity Name":"Severe","Action Name":"Quarantine","Path":"file:_C:\\x.exe","Detection User":"CORP\\bob"`),
			gist{Format: "windows-event", Kind: "alert", Name: "Microsoft Defender Antivirus: Trojan:Win32/X", Rule: "1116", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "WS1", User: `CORP\bob`, Action: "Quarantine", Log: casemate.Logsource{Product: "windows", Category: "antivirus", Service: "windefend"},
				Entities: []string{"host ws1", `actor user CORP\bob`, "actor user bob", `target file C:\x.exe`}, Event: map[string]string{"Signature": "Trojan:Win32/X", "Filename": `C:\x.exe`}}},
		{"antivirus with numbers for texts", event("1117", "Microsoft-Windows-Windows Defender/Operational", `"Threat Name":"Trojan:Win32/X","Severity Name":"Severe","Action ID":"2","Action Name":"%%809","Path":"containerfile:_C:\\a.zip; file:_C:\\a.zip->x.exe","FWLink":"https://go.microsoft.com/fwlink/?linkid=1"`),
			gist{Format: "windows-event", Kind: "alert", Name: "Microsoft Defender Antivirus: Trojan:Win32/X", Rule: "1117", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "WS1", Action: "Quarantine", Log: casemate.Logsource{Product: "windows", Category: "antivirus", Service: "windefend"},
				Entities: []string{"host ws1", `target file C:\a.zip`, `target file C:\a.zip->x.exe`}}},
		{"sysmon with hashes", event("1", sysmon, `"RuleName":"technique_id=T1059.001,technique_name=PowerShell","Image":"C:\\p.exe","CommandLine":"p","ProcessGuid":"{1}","ParentProcessGuid":"{0}","User":"CORP\\bob","Hashes":"MD5=A23A7A6B6F8E1A5D913EA119F5F2ED1A,IMPHASH=B0A3CFF8CFDE112945189719F82F9EA9"`),
			gist{Format: "windows-event", Kind: "event", Name: "Process created", Rule: "1", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "WS1", User: `CORP\bob`, Techniques: []string{"T1059.001"},
				Process: casemate.Process{Image: `C:\p.exe`, CommandLine: "p", GUID: "{1}", ParentGUID: "{0}"}, Log: casemate.Logsource{Product: "windows", Category: "process_creation", Service: "sysmon"},
				Entities: []string{"host ws1", `actor user CORP\bob`, "actor user bob", `process C:\p.exe`, "hash a23a7a6b6f8e1a5d913ea119f5f2ed1a"}}},
	})
}

// TestWindowsActors checks who did it where the names of the fields mislead.
func TestWindowsActors(t *testing.T) {
	event := func(id, channel, data string) string {
		return `{"@timestamp":"2024-08-07T13:30:12Z","winlog":{"channel":"` + channel + `","event_id":` + id + `,"computer_name":"DC1","event_data":{` + data + `}}}`
	}
	want := func(name, rule, service string, entities ...string) gist {
		return gist{Format: "windows-event", Kind: "event", Name: name, Rule: rule, Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "DC1", Log: casemate.Logsource{Product: "windows", Service: service}, Entities: append(entities, "host dc1")}
	}
	with := func(g gist, user string, p casemate.Process) gist {
		g.User, g.Process = user, p
		return g
	}
	const group = `"MemberName":"CN=Okafor\\, Sofia,OU=Staff,DC=corp","MemberSid":"S-1-5-21-1-2-3-1188","TargetUserName":"Domain Admins","TargetDomainName":"CORP","SubjectUserName":"adm.rkoenig","SubjectDomainName":"CORP"`
	psexec := casemate.Process{Image: `%SystemRoot%\PSEXESVC.exe`, CommandLine: `%SystemRoot%\PSEXESVC.exe`}
	check(t, []sample{
		{"service of psexec", event("7045", "System", `"ServiceName":"PSEXESVC","ImagePath":"%SystemRoot%\\PSEXESVC.exe","ServiceType":"user mode service","StartType":"demand start","AccountName":"LocalSystem"`),
			with(want("Service installed", "7045", "system", `target file %SystemRoot%\PSEXESVC.exe`, `process %SystemRoot%\PSEXESVC.exe`), "", psexec)},
		{"service that is a command", event("7045", "System", `"ServiceName":"x","ImagePath":"%COMSPEC% /b /c start /b /min powershell.exe -nop -w hidden","AccountName":"LocalSystem"`),
			with(want("Service installed", "7045", "system", "target file %COMSPEC%", "process %COMSPEC%"), "", casemate.Process{Image: "%COMSPEC%", CommandLine: "%COMSPEC% /b /c start /b /min powershell.exe -nop -w hidden"})},
		{"driver", event("7045", "System", `"ServiceName":"x","ImagePath":"\\??\\C:\\Temp\\x.sys","AccountName":""`), want("Service installed", "7045", "system", `target file C:\Temp\x.sys`)},
		{"service in the security log", event("4697", "Security", `"SubjectUserName":"adm.rkoenig","ServiceName":"x","ServiceFileName":"\"C:\\Program Files\\a b\\c.exe\" -k run.exe","ServiceAccount":"LocalSystem"`),
			with(want("Service installed", "4697", "security", "actor user adm.rkoenig", `target file C:\Program Files\a b\c.exe`, `process C:\Program Files\a b\c.exe`), "adm.rkoenig", casemate.Process{Image: `C:\Program Files\a b\c.exe`, CommandLine: `"C:\Program Files\a b\c.exe" -k run.exe`})},
		{"group member", event("4728", "Security", group), with(want("Member added to global group", "4728", "security", "actor user adm.rkoenig", "target user Okafor, Sofia"), "adm.rkoenig", casemate.Process{})},
		{"group member without a name", event("4732", "Security", `"MemberName":"-","MemberSid":"S-1-5-21-1-2-3-501","TargetUserName":"Administrators","SubjectUserName":"WS1$"`), with(want("Member added to local group", "4732", "security", "actor user WS1$", "target user S-1-5-21-1-2-3-501"), "WS1$", casemate.Process{})},
		{"groups listed", event("4799", "Security", `"TargetUserName":"Administrators","SubjectUserName":"bob"`), with(want("Members of a local group enumerated", "4799", "security", "actor user bob"), "bob", casemate.Process{})},
		{"session ended", event("4779", "Security", `"AccountName":"m.lindqvist","AccountDomain":"CORP","SessionName":"RDP-Tcp#3","ClientName":"FIN-WS-014","ClientAddress":"10.20.10.114"`),
			with(want("Session disconnected", "4779", "security", "actor user m.lindqvist", "source host fin-ws-014", "source address 10.20.10.114"), "m.lindqvist", casemate.Process{})},
	})
}

func TestServiceImages(t *testing.T) {
	for line, want := range map[string]string{
		`C:\Program Files\a b\c.exe -k x`: `C:\Program Files\a b\c.exe`, `C:\a.exe`: `C:\a.exe`, `C:\a.b\c.EXE /x`: `C:\a.b\c.EXE`, `C:\x.bat C:\y.exe`: `C:\x.bat`,
		`system32\drivers\x.sys`: `system32\drivers\x.sys`, `cmd /c start x.exe`: "cmd", `"C:\a b.exe`: `C:\a b.exe`, `.`: ".", `a .exe`: "a .exe", `x. y. z`: "x.", "svc.ex e": "svc.ex",
	} {
		a, _ := read(t, `{"EventID":7045,"Channel":"System","Hostname":"h","ImagePath":`+strconv.Quote(line)+`}`)
		got := ""
		for _, e := range a.Entities {
			if e.Type == casemate.EntityFile {
				got += e.Value
			}
		}
		if got != want {
			t.Errorf("the file of %s is %q, want %q", line, got, want)
		}
	}
}

// TestWindowsAliases checks that rules find what exporters name otherwise.
func TestWindowsAliases(t *testing.T) {
	for _, tt := range []struct{ text, field, want string }{
		{`{"winlog":{"channel":"Security","event_id":5145,"event_data":{"ShareName":"\\\\*\\IPC$","RelativeTargetName":"svcctl","AccessList":"%%1538\r\n\t\t\t\t%%4417\r\n\t\t\t\t%%9999"}}}`, "AccessList", "READ_CONTROL WriteData (or AddFile)"},
		{`{"winlog":{"channel":"Security","event_id":5145,"event_data":{"AccessList":"%%4417"}}}`, "AccessList", "%%4417"},
		{`{"EventID":400,"Channel":"Windows PowerShell","Hostname":"h","Message":"Engine state is changed.\r\n\tHostApplication=powershell -enc AA"}`, "Data", "Engine state is changed.\r\n\tHostApplication=powershell -enc AA"},
		{`{"EventID":400,"Channel":"Windows PowerShell","Hostname":"h","Message":"x","Data":"y"}`, "Data", "y"},
		{`{"winlog":{"channel":"Microsoft-Windows-Windows Defender/Operational","event_id":5007,"event_data":{"New Value":"DisableX = 0x1"}}}`, "NewValue", "DisableX = 0x1"},
	} {
		a, _ := read(t, tt.text)
		found := false
		for _, f := range a.Event {
			found = found || f.Name == tt.field && f.Value == tt.want
		}
		if !found {
			t.Errorf("no %s %q in %v", tt.field, tt.want, a.Event)
		}
	}
}
