package main

import (
	"fmt"
	"time"
)

// nightBackup is the job that copies the servers every night.
func (g *generator) nightBackup() {
	agent := g.root(backup, svcBkp, `C:\Program Files\Backup\agent.exe`, `"C:\Program Files\Backup\agent.exe" --service`, high)
	for i, h := range []*host{fileSrv, sqlSrv, dc} {
		t := at("00:30:04").Add(time.Duration(i)*41*time.Minute + g.jitter(time.Minute))
		f := g.connect(t, backup, h, 445, "gssapi,smb", 38*time.Minute, 48_200_000+g.rng.Int64N(9_000_000), 6_100_000_000+g.rng.Int64N(900_000_000))
		g.conn(f)
		g.logon(h, svcBkp, backup, f.sport, t.Add(180*time.Millisecond), 3, "Kerberos")
		if h == fileSrv {
			g.connected(agent, f, true)
			list := g.run(g.svchost(h, "-k netsvcs -p -s Schedule"), "00:29:50", sys32+"vssadmin.exe", "vssadmin.exe list shadows /for=D:")
			g.created(list)
		}
	}
	g.ticket(svcBkp, backup, at("00:30:03.512"), "FS01$", domainSID+"-1031", "0x40810000", "0x12")
	f := g.connect(at("03:20:11.220"), backup, "192.0.2.80", 443, "ssl", 52*time.Minute, 21_400_000_000, 88_200_000)
	f.name = "vault.coldharbor.example.net"
	g.conn(f)
	g.traffic(f, policy{"backup-offsite", "ssl", "online-storage-and-backup", "allow", "servers", "untrust", ""})
}

// scanRule is a signature that the scanner sets off, and the port it is on.
type scanRule struct {
	sig  signature
	port int
	url  string // for web signatures
}

const scannerAgent = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0; Nessus)"

var (
	scanWeb = []scanRule{
		{signature{2034647, 2, "ET EXPLOIT Apache log4j RCE Attempt (http ldap) (CVE-2021-44228)", classAdmin, 1, "Major", nil}, 80, "/?q=${jndi:ldap://10.20.99.5:1389/nessus}"},
		{signature{2009358, 6, "ET SCAN Nmap Scripting Engine User-Agent Detected (Nmap Scripting Engine)", classWeb, 1, "Informational", nil}, 80, "/nmaplowercheck1772590412"},
		{signature{2002677, 14, "ET SCAN Nikto Web App Scan in Progress", classWeb, 1, "Informational", nil}, 80, "/cgi-bin/test.cgi"},
		{signature{2019232, 4, "ET WEB_SERVER Possible CVE-2014-6271 Attempt in Headers", classAdmin, 1, "Major", nil}, 80, "/cgi-bin/status"},
		{signature{2006446, 14, "ET WEB_SERVER Possible SQL Injection Attempt UNION SELECT", classWeb, 1, "Major", nil}, 80, "/index.php?id=1+UNION+SELECT+1,2,3--"},
	}
	scanNet = []scanRule{
		{signature{2010935, 3, "ET SCAN Suspicious inbound to MSSQL port 1433", classBad, 2, "Informational", nil}, 1433, ""},
		{signature{2010937, 3, "ET SCAN Suspicious inbound to mySQL port 3306", classBad, 2, "Informational", nil}, 3306, ""},
		{signature{2010939, 3, "ET SCAN Suspicious inbound to PostgreSQL port 5432", classBad, 2, "Informational", nil}, 5432, ""},
		{signature{2002911, 6, "ET SCAN Potential VNC Scan 5900-5920", classRecon, 2, "Informational", nil}, 5900, ""},
		{signature{2001219, 20, "ET SCAN Potential SSH Scan", classRecon, 2, "Informational", nil}, 22, ""},
		{signature{2024218, 2, "ET EXPLOIT Possible ETERNALBLUE MS17-010 Echo Response", classTrojan, 1, "Major", nil}, 445, ""},
	}
)

// weeklyScan is the authorised vulnerability scan of every Wednesday night. It
// sets off more alerts than everything else of the day, many of them grave.
func (g *generator) weeklyScan() {
	t := at("02:00:07")
	for _, h := range []*host{web, portal, app, build} {
		for _, r := range scanWeb {
			t = t.Add(25*time.Second + g.jitter(70*time.Second))
			g.probe(h, r, t)
		}
	}
	for _, h := range []*host{dc, fileSrv, sqlSrv, wsus, jump} {
		for _, r := range scanNet {
			if r.port == 445 && h == jump || g.rng.IntN(10) < 2 {
				continue
			}
			t = t.Add(15*time.Second + g.jitter(80*time.Second))
			g.probe(h, r, t)
		}
	}
	for i, h := range []*host{web, fileSrv, sqlSrv} {
		g.notice(at("02:04:11.380").Add(time.Duration(i)*19*time.Minute), nil, "Scan::Port_Scan",
			fmt.Sprintf("%s scanned at least 15 unique ports of host %s in 0m%ds", scanner.ip, h.ip, 4+i), "local", scanner.ip, h.ip, 0)
	}
	g.scanConsoles()
	g.scanLogs()
}

// probe is one shot of the scanner, as the network sensor sees it.
func (g *generator) probe(h *host, r scanRule, t time.Time) {
	if r.url == "" {
		f := g.connect(t, scanner, h, r.port, "", 2*time.Millisecond, 0, 0)
		if r.port == 445 {
			f.service, f.sent, f.got = "smb", 742, 611
		}
		g.flagged(f, t.Add(time.Millisecond), r.sig, "allowed", nil)
		if r.port == 1433 || r.port == 3306 {
			g.conn(f)
		}
		return
	}
	agent := scannerAgent
	switch r.sig.id {
	case 2009358:
		agent = "Mozilla/5.0 (compatible; Nmap Scripting Engine)"
	case 2019232:
		agent = "() { :; }; echo nessus-probe"
	}
	f := g.connect(t, scanner, h, r.port, "http", 40*time.Millisecond, 412, 1210)
	req := &request{h.ip, r.url, agent, "GET", "text/html", "", 404, 196}
	g.flagged(f, t.Add(12*time.Millisecond), r.sig, "allowed", req)
	if h == portal {
		g.hit(t.Truncate(time.Second), scanner.ip, "-", req)
	}
}

func (g *generator) scanConsoles() {
	p := policy{"scanner-any", "web-browsing", "private-ip-addresses", "alert", "mgmt", "servers", ""}
	for i, s := range []struct {
		level    int
		id, path string
	}{
		{5, "Apache Log4j Remote Code Execution Vulnerability(91991)", "10.20.40.31/?q=${jndi:ldap://10.20.99.5:1389/nessus}"},
		{4, "HTTP SQL Injection Attempt(38195)", "10.20.40.31/index.php?id=1+UNION+SELECT+1,2,3--"},
		{4, "HTTP Directory Traversal Vulnerability(54701)", "10.20.40.31/cgi-bin/../../../../etc/passwd"},
	} {
		f := g.connect(at("02:21:30").Add(time.Duration(i)*7*time.Minute), scanner, app, 80, "http", time.Second, 420, 1200)
		g.threat(f, f.start.Add(time.Second), s.level, s.id, "vulnerability", s.path, p)
	}
	probes := wazuhRule{7, "31103", "SQL injection attempt.", []string{"web", "accesslog", "attack", "sql_injection"}, []technique{tExploit}}
	g.wazuhLog(portal, at("02:11:40"), probes, "", "web-accesslog",
		`10.20.99.5 - - [04/Mar/2026:02:11:40 +0000] "GET /index.php?id=1+UNION+SELECT+1,2,3-- HTTP/1.1" 404 196 "-" "`+scannerAgent+`"`, "/var/log/apache2/access.log",
		O{"protocol", "GET", "srcip", scanner.ip, "id", "404", "url", "/index.php?id=1+UNION+SELECT+1,2,3--"})
	many := wazuhRule{10, "31151", "Multiple web server 400 error codes from same source ip.", []string{"web", "accesslog", "web_scan", "recon"},
		[]technique{{"T1595.002", "Vulnerability Scanning", "TA0043", "Reconnaissance"}}}
	for i, h := range []*host{portal, web, app} {
		t := at("02:12:02").Add(time.Duration(i) * 11 * time.Minute)
		g.wazuhLog(h, t, many, "", "web-accesslog",
			fmt.Sprintf(`10.20.99.5 - - [%s] "GET /cgi-bin/test.cgi HTTP/1.1" 404 196 "-" "%s"`, t.Format("02/Jan/2006:15:04:05 -0700"), scannerAgent),
			"/var/log/apache2/access.log", O{"protocol", "GET", "srcip", scanner.ip, "id", "404", "url", "/cgi-bin/test.cgi"})
	}
	g.notable(at("02:40:00"), notable{rule: "Network - Vulnerability Scanner Detection (by targets) - Rule", title: "Vulnerability Scanner Detected From 10.20.99.5",
		text: "The device 10.20.99.5 is targeting 9 hosts with vulnerability scanner activity", domain: "network", urgency: "high", src: scanner.ip, risk: 80, sourcetype: "suricata"})
	f := g.connect(at("02:06:19.402"), scanner, web, 80, "http", time.Minute, 90_000, 410_000)
	f.name = web.lower()
	g.finding(at("02:09:00"), "Internal host sweeps many services", "One host opened connections to an unusual number of ports and machines.", "High", 4,
		[]technique{{"T1595.002", "Vulnerability Scanning", "TA0043", "Reconnaissance"}}, f, scanner, 500_000)
}

func (g *generator) scanLogs() {
	for i, name := range []string{"administrator", "admin", "nessus", "guest"} {
		g.refused(fileSrv, name, scanner, at("02:58:02").Add(time.Duration(i)*1400*time.Millisecond), 3, noSuchUser)
	}
	var line string
	for i, name := range []string{"root", "nessus", "admin"} {
		clock := at("03:04:10").Add(time.Duration(i) * 3 * time.Second).Format("15:04:05")
		pid := linuxPID(jump, clock)
		port := g.port(scanner.ip)
		if name == "root" {
			g.auth(jump, clock, "sshd", pid, fmt.Sprintf("Failed password for root from %s port %d ssh2", scanner.ip, port))
			continue
		}
		line = g.auth(jump, clock, "sshd", pid, fmt.Sprintf("Invalid user %s from %s port %d", name, scanner.ip, port))
		g.auth(jump, clock, "sshd", pid, fmt.Sprintf("Connection closed by invalid user %s %s port %d [preauth]", name, scanner.ip, port))
	}
	invalid := wazuhRule{5, "5710", "sshd: Attempt to login using a non-existent user", []string{"syslog", "sshd", "authentication_failed", "invalid_login"},
		[]technique{tGuess, {"T1021.004", "SSH", "TA0008", "Lateral Movement"}}}
	g.wazuhLog(jump, at("03:04:16"), invalid, "sshd", "sshd", line,
		"/var/log/auth.log", O{"srcip", scanner.ip, "srcport", fmt.Sprint(g.ports[scanner.ip]), "srcuser", "admin"})
}
