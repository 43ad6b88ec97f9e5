package main

import (
	"fmt"
	"time"
)

const (
	edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36 Edg/133.0.0.0"
	r11  = "C=US, O=Example Trust Services, CN=EX R11"
)

// morning is how the office comes in: sessions, forgotten passwords, updates.
func (g *generator) morning() {
	mail := g.run(g.explorer(finWS, lindqv), "08:03:12", `C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE`,
		`"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE"`)
	g.roots["outlook"] = mail
	// The helpdesk repairs a printer and leaves its session disconnected: its
	// credentials stay in the memory of LSASS, where the intruder finds them.
	f := g.connect(at("08:31:38.114"), adminWS, finWS, 3389, "rdp", 19*time.Minute, 410_000, 9_800_000)
	g.conn(f)
	g.logon(finWS, brandt, adminWS, f.sport, at("08:31:40.206"), 10, "Negotiate")
	g.audit(finWS, at("08:50:41.330"), 4779, 0, "Other Logon/Logoff Events", "A session was disconnected from a Window Station.", "success",
		O{"AccountName", brandt.name, "AccountDomain", ntDomain, "LogonID", fmt.Sprintf("0x%x", g.session(finWS, brandt)),
			"SessionName", "RDP-Tcp#3", "ClientName", adminWS.name, "ClientAddress", adminWS.ip})
	for _, clock := range []string{"08:05:20", "08:05:41", "08:06:30"} {
		g.refused(finWS2, arkady.name, finWS2, at(clock), 2, passwordExpired)
	}
	g.refused(hrWS, hrUser.name, hrWS, at("08:14:09.7"), 2, wrongPassword)
	g.refused(hrWS, hrUser.name, hrWS, at("08:14:21.2"), 2, wrongPassword)
	g.logon(fileSrv, hrUser, hrWS, g.port(hrWS.ip), at("08:15:02.660"), 3, "Kerberos")
	g.logon(fileSrv, lindqv, finWS, g.port(finWS.ip), at("08:04:44.091"), 3, "Kerberos")
	g.ticket(lindqv, finWS, at("08:04:43.870"), "FS01$", domainSID+"-1031", "0x40810000", "0x12")
	g.ticket(okafor, engWS, at("09:20:11.450"), "svc_sql", svcSQL.sid, "0x40810000", "0x12")
	failed := wazuhRule{5, "60122", "Logon failure - Unknown user or bad password.", []string{"windows", "windows_security", "authentication_failed"},
		[]technique{{"T1078", "Valid Accounts", "TA0001", "Initial Access"}}}
	g.wazuhWindows(hrWS, at("08:14:21.2"), failed, auditName, "Security", 4625, O{"SubjectUserSid", "S-1-0-0", "TargetUserName", hrUser.name,
		"TargetDomainName", ntDomain, "Status", "0xc000006d", "SubStatus", wrongPassword, "LogonType", "2", "WorkstationName", hrWS.name, "IpAddress", hrWS.ip, "IpPort", "0"})
	g.notable(at("08:20:00"), notable{rule: "Access - Excessive Failed Logins - Rule", title: "Excessive Failed Logins: p.arkady",
		text: "The account p.arkady failed to log on 3 times.\nSub-status of each: password expired.", domain: "access", urgency: "medium",
		src: finWS2.ip, dest: finWS2.name, user: arkady.name, signature: "4625", risk: 20, sourcetype: "XmlWinEventLog", status: "In Progress", owner: "l1.analyst"})
	g.arrivals()
	g.updates()
}

// arrivals are the sessions that come and go unremarked.
func (g *generator) arrivals() {
	for i, c := range []struct {
		u    *user
		from *host
		to   *host
	}{{arkady, finWS2, fileSrv}, {okafor, engWS, fileSrv}, {teller, engWS2, sqlSrv}, {koenig, adminWS, dc}, {brandt, adminWS, fileSrv}, {hrUser, hrWS, fileSrv}} {
		t := at("08:20:00").Add(time.Duration(i)*71*time.Minute + g.jitter(20*time.Minute)).Truncate(time.Millisecond)
		f := g.connect(t, c.from, c.to, 445, "gssapi,smb", time.Duration(g.between(20, 900))*time.Second, int64(g.between(3000, 90000)), int64(g.between(9000, 8000000)))
		g.logon(c.to, c.u, c.from, f.sport, t.Add(120*time.Millisecond), 3, "Kerberos")
		if i%2 == 1 {
			g.conn(f)
		}
	}
	for _, h := range []*host{dc, fileSrv, sqlSrv} {
		g.logon(h, system, nil, 0, at("06:10:00").Add(g.jitter(30*time.Minute)).Truncate(time.Millisecond), 5, "Negotiate")
	}
	shell := g.explorer(engWS2, teller)
	code := g.run(shell, "08:55:09", `C:\Program Files\Lathe Tools\studio.exe`, `"C:\Program Files\Lathe Tools\studio.exe"`)
	g.run(code, "09:02:15", sys32+"cmd.exe", `C:\WINDOWS\system32\cmd.exe /d /s /c "git status --porcelain"`)
	g.resolved(code, at("09:02:17.030"), "build-status.quillpad.example.net", "::ffff:192.0.2.48;")
	g.wrote(g.explorer(finWS2, arkady), at("13:40:11.905"), `C:\Users\p.arkady\Documents\Forecast_Q1.xlsm`)
}

// updates are patches that machines fetch and install.
func (g *generator) updates() {
	worker := g.svchost(hrWS, "-k DcomLaunch -p")
	p := g.run(worker, "12:10:31", `C:\Windows\WinSxS\amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.22621.4950_none_1c2f\TiWorker.exe`,
		`C:\Windows\winsxs\amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.22621.4950_none_1c2f\TiWorker.exe -Embedding`)
	g.wrote(p, at("12:11:02.118"), `C:\Windows\SoftwareDistribution\Download\5f2c9e1b\update.mum`)
	for _, h := range []*host{hrWS, engWS} {
		g.win(h, at("12:20:00").Add(g.jitter(20*time.Minute)), winEvent{provider: "Microsoft-Windows-WindowsUpdateClient", channel: "System", id: 19, version: 1,
			task: "Windows Update Agent", message: "Installation Successful: Windows successfully installed an update.",
			data: O{"updateTitle", "2026-02 Cumulative Update for Windows 11 Version 23H2 (build 22631)", "updateGuid", "{" + uuid("update") + "}",
				"updateRevisionNumber", "1", "serviceGuid", "{" + uuid("wsus") + "}"}})
	}
	f := g.connect(at("12:09:58.300"), hrWS, wsus, 8530, "http", 40*time.Second, 8_100, 96_400_000)
	f.name = "wsus01"
	g.conn(f)
	g.flagged(f, at("12:10:00.010"), signature{2018959, 5, "ET INFO PE EXE or DLL Windows file download HTTP", classPrivacy, 1, "Informational", nil}, "allowed",
		&request{wsus.lower(), "/Content/5F/8E1B2C9E.exe", "Microsoft-Delivery-Optimization/10.1", "GET", "application/octet-stream", "", 200, 1 << 20})
}

// officeNoise is people at work, as the network and the perimeter see them.
func (g *generator) officeNoise() {
	g.chatter()
	g.browsing()
	g.endpoints()
}

func (g *generator) chatter() {
	info := []struct {
		from  *host
		to    string
		port  int
		sig   signature
		app   any
		clock string
	}{
		{engWS, "192.0.2.40", 80, signature{2013028, 6, "ET POLICY curl User-Agent Outbound", classRecon, 2, "Informational", nil},
			&request{"downloads.lathe-tools.example.org", "/sdk/release.tar.gz", "curl/8.9.1", "GET", "application/gzip", "", 200, 40960}, "09:41:15"},
		{build, "192.0.2.44", 80, signature{2013504, 6, "ET INFO GNU/Linux APT User-Agent Outbound likely related to package management", classNone, 3, "Informational", nil},
			&request{"mirror.packages.example.org", "/ubuntu/dists/noble/InRelease", "Debian APT-HTTP/1.3 (2.7.14)", "GET", "", "", 200, 126000}, "06:12:40"},
		{jump, "192.0.2.44", 80, signature{2013504, 6, "ET INFO GNU/Linux APT User-Agent Outbound likely related to package management", classNone, 3, "Informational", nil},
			&request{"mirror.packages.example.org", "/ubuntu/dists/noble-updates/InRelease", "Debian APT-HTTP/1.3 (2.7.14)", "GET", "", "", 200, 126000}, "06:25:02"},
		{engWS2, "192.0.2.52", 3478, signature{2016149, 3, "ET INFO Session Traversal Utilities for NAT (STUN Binding Request)", classMisc, 3, "Informational", nil}, nil, "10:00:31"},
		{hrWS, "192.0.2.52", 3478, signature{2016149, 3, "ET INFO Session Traversal Utilities for NAT (STUN Binding Request)", classMisc, 3, "Informational", nil}, nil, "13:01:12"},
		{finWS, "192.0.2.52", 3478, signature{2016149, 3, "ET INFO Session Traversal Utilities for NAT (STUN Binding Request)", classMisc, 3, "Informational", nil}, nil, "08:29:50"},
		{hrWS, "192.0.2.60", 80, signature{2025275, 2, "ET INFO Windows OS Submitting USB Metadata to Microsoft", classMisc, 3, "Informational", nil},
			&request{"dmd.metaservices.example.com", "/metadata.svc", "MICROSOFT_DEVICE_METADATA_RETRIEVAL_CLIENT", "POST", "text/xml", "", 200, 1930}, "11:22:07"},
		{engWS2, "192.0.2.41", 443, signature{2210054, 2, "SURICATA STREAM excessive retransmissions", classProtocol, 3, "Informational", nil}, nil, "15:12:44"},
		{finWS2, "192.0.2.42", 443, signature{2210054, 2, "SURICATA STREAM excessive retransmissions", classProtocol, 3, "Informational", nil}, nil, "11:47:31"},
		{app, "10.20.20.40", 1433, signature{2260002, 1, "SURICATA Applayer Detect protocol only one direction", classProtocol, 3, "Informational", nil}, nil, "04:00:09"},
		{app, "10.20.20.40", 1433, signature{2260002, 1, "SURICATA Applayer Detect protocol only one direction", classProtocol, 3, "Informational", nil}, nil, "16:00:09"},
	}
	for _, c := range info {
		t := at(c.clock).Add(g.jitter(time.Second))
		f := g.connect(t, c.from, c.to, c.port, "", 12*time.Second, 1800, 5200)
		if c.port == 443 {
			f.service = "ssl"
		}
		if c.port == 3478 {
			f.proto = "udp"
		}
		g.flagged(f, t.Add(30*time.Millisecond), c.sig, "allowed", c.app)
		if c.clock == "09:41:15" || c.clock == "15:12:44" {
			g.conn(f)
		}
	}
	for i, clock := range []string{"09:02:17", "14:31:55"} {
		f := g.connect(at(clock).Add(g.jitter(time.Second)), engWS2, dc, 53, "dns", 3*time.Millisecond, 51, 98)
		name := []string{"build-status.quillpad.example.net", "cdn.quillpad.example.net"}[i]
		g.asked(f, name, "A")
		g.flagged(f, f.start.Add(time.Millisecond), signature{9000101, 1, "LOCAL INFO DNS query for a name first seen today", classMisc, 3, "Informational", nil}, "allowed",
			O{"dns", O{"query", L{g.question(name, "A")}}})
	}
}

func (g *generator) browsing() {
	sites := []struct {
		ip, name, category, class, app string
	}{
		{"192.0.2.41", "www.dagens-ledger.example.com", "News and Media", "News and Media", "General Browsing"},
		{"192.0.2.42", "app.payrollhaven.example.com", "Finance", "Business and Economy", "Payroll Haven"},
		{"192.0.2.43", "docs.optica-design.example.org", "Professional Services", "Business and Economy", "General Browsing"},
		{"192.0.2.45", "mail.tarnholm.example", "Corporate Marketing", "Business and Economy", "Webmail"},
		{"192.0.2.46", "git.loomworks.example.net", "Web Hosting", "Information Technology", "Loomworks Git"},
	}
	people := []struct {
		h *host
		u *user
	}{{finWS, lindqv}, {finWS2, arkady}, {hrWS, hrUser}, {engWS, okafor}, {engWS2, teller}}
	for i := range 16 {
		s, p := sites[g.rng.IntN(len(sites))], people[i%len(people)]
		t := at("08:12:00").Add(time.Duration(i)*35*time.Minute + g.jitter(20*time.Minute))
		f := g.connect(t, p.h, s.ip, 443, "ssl", time.Duration(g.between(4, 190))*time.Second, int64(g.between(2000, 60000)), int64(g.between(20000, 4000000)))
		f.name = s.name
		g.visited(f, visit{p.u.name + "@tarnholm.example", s.name + pick(g, "/", "/index.html", "/api/v2/session", "/reports/2026-02"), edge, "GET", 200,
			"Allowed", "Allowed", s.category, s.class, "", 0, s.app, "None"})
		if i%2 == 0 {
			g.conn(f)
			g.eveTLS(f, r11, "edge 133")
		}
		if i%3 == 0 {
			g.traffic(f, policy{"allow-web", "ssl", "business-and-economy", "allow", "users", "untrust", ntDomain + `\` + p.u.name})
		}
	}
	f := g.connect(at("10:44:52.100"), engWS2, "192.0.2.70", 443, "ssl", time.Second, 900, 0)
	f.name = "get.torrent-orchard.example.net"
	g.visited(f, visit{"j.teller@tarnholm.example", f.name + "/setup.exe", edge, "GET", 403, "Blocked", "Not allowed to browse P2P sites", "P2P Site", "Bandwidth Loss",
		"", 35, "General Browsing", "exe"})
	f = g.connect(at("14:05:30.500"), hrWS, "192.0.2.71", 80, "http", time.Second, 700, 2000)
	f.name = "ads.brightbanner.example.net"
	g.visited(f, visit{"t.ferrand@tarnholm.example", f.name + "/b.js", edge, "GET", 403, "Blocked", "Not allowed to browse Advertising", "Advertising", "Advertising",
		"", 0, "General Browsing", "javascript"})
	for i, clock := range []string{"05:13:44", "11:52:20", "18:40:09"} {
		f := g.connect(at(clock), fmt.Sprintf("198.51.100.%d", 201+i), web, pick(g, 22, 23, 8080), "", time.Second, 0, 0)
		g.traffic(f, policy{"deny-inbound", "incomplete", "any", "deny", "untrust", "dmz", ""})
	}
}

func (g *generator) endpoints() {
	g.run(g.svchost(hrWS, "-k netsvcs -p -s Schedule"), "09:00:02", sys32+"gpupdate.exe", "gpupdate.exe /target:computer")
	// The management agent inventories every machine with an encoded command,
	// as the intruder does: only parent, machine and time tell them apart.
	for i, h := range []*host{engWS, hrWS} {
		agent := g.root(h, system, `C:\Program Files\Atlas Fleet\fleetd.exe`, `"C:\Program Files\Atlas Fleet\fleetd.exe"`, top)
		p := g.run(agent, []string{"07:30:05", "07:30:09"}[i], sys32+`WindowsPowerShell\v1.0\powershell.exe`,
			"powershell.exe -NoProfile -NonInteractive -EncodedCommand "+encoded("Get-HotFix | Select-Object HotFixID,InstalledOn | ConvertTo-Json"))
		if i == 0 {
			g.created(p)
		}
	}
	dev := g.root(engWS, okafor, `C:\Program Files\WindowsTerminal\WindowsTerminal.exe`, `"C:\Program Files\WindowsTerminal\WindowsTerminal.exe"`, med)
	curl := g.run(dev, "09:41:14", sys32+"curl.exe", "curl -LO http://downloads.lathe-tools.example.org/sdk/release.tar.gz")
	g.resolved(curl, at("09:41:15.020"), "downloads.lathe-tools.example.org", "::ffff:192.0.2.40;")
	msi := g.run(g.services(engWS2), "10:45:30", sys32+"msiexec.exe", sys32+"msiexec.exe /V")
	g.wrote(msi, at("10:45:33.604"), `C:\Program Files\Lathe Tools\lathe.dll`)
	browser := g.root(hrWS, hrUser, `C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`, `"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"`, med)
	g.resolved(browser, at("11:03:45.811"), "www.dagens-ledger.example.com", "::ffff:192.0.2.41;")
	av := g.root(fileSrv, system, `C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.26010.5-0\MsMpEng.exe`, `"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.26010.5-0\MsMpEng.exe"`, top)
	g.opened(av, g.lsass(fileSrv), at("06:00:13.077"), "0x1000", `C:\Windows\SYSTEM32\ntdll.dll+9f2e4|C:\Windows\System32\KERNELBASE.dll+2c13e|`)
	g.setValue(g.explorer(finWS2, arkady), at("09:33:08.540"), "HKU\\"+arkady.sid+`\Software\Microsoft\Windows\CurrentVersion\Explorer\RunMRU\a`, `\\fs01\finance\1`)
}
