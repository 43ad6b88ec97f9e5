package sensor_test

import (
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
			gist{Format: "windows-event", Kind: "alert", Name: "Microsoft Defender Antivirus: Trojan:Win32/X", Rule: "1116", Severity: "high", Time: "2024-08-07T13:30:12Z", Host: "WS1", User: `CORP\bob`, Action: "Quarantine", Log: casemate.Logsource{Product: "windows", Service: "windefend"},
				Entities: []string{"host ws1", `actor user CORP\bob`, "actor user bob", `target file file:_C:\x.exe`}}},
		{"sysmon with hashes", event("1", sysmon, `"RuleName":"technique_id=T1059.001,technique_name=PowerShell","Image":"C:\\p.exe","CommandLine":"p","ProcessGuid":"{1}","ParentProcessGuid":"{0}","User":"CORP\\bob","Hashes":"MD5=A23A7A6B6F8E1A5D913EA119F5F2ED1A,IMPHASH=B0A3CFF8CFDE112945189719F82F9EA9"`),
			gist{Format: "windows-event", Kind: "event", Name: "Process created", Rule: "1", Severity: "unknown", Time: "2024-08-07T13:30:12Z", Host: "WS1", User: `CORP\bob`, Techniques: []string{"T1059.001"},
				Process: casemate.Process{Image: `C:\p.exe`, CommandLine: "p", GUID: "{1}", ParentGUID: "{0}"}, Log: casemate.Logsource{Product: "windows", Category: "process_creation", Service: "sysmon"},
				Entities: []string{"host ws1", `actor user CORP\bob`, "actor user bob", `process C:\p.exe`, "hash a23a7a6b6f8e1a5d913ea119f5f2ed1a"}}},
	})
}
