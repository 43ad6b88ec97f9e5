package main

import (
	"fmt"
	"time"
)

// adminWork is what administrators do with the tools that intruders love.
func (g *generator) adminWork() {
	shell := g.root(adminWS, koenig, sys32+`WindowsPowerShell\v1.0\powershell.exe`, `"`+sys32+`WindowsPowerShell\v1.0\powershell.exe"`, high)
	tool := g.run(shell, "10:20:11", `C:\Tools\Sysinternals\PsExec64.exe`, `PsExec64.exe \\wsus01 -s cmd /c "wuauclt /detectnow"`)
	f := g.connect(at("10:20:12.409"), adminWS, wsus, 445, "gssapi,smb,dce_rpc", 6*time.Second, 402_000, 18_000)
	g.connected(tool, f, true)
	g.conn(f)
	g.flagged(f, at("10:20:12.980"), signature{2010781, 4, "ET POLICY PsExec service created", classBad, 2, "Informational", nil}, "allowed", nil)
	g.logon(wsus, koenig, adminWS, f.sport, at("10:20:12.611"), 3, "Kerberos")
	g.installed(wsus, at("10:20:13.002"), "PSEXESVC", `%SystemRoot%\PSEXESVC.exe`, "demand start")
	svc := g.run(g.services(wsus), "10:20:13.1", `C:\Windows\PSEXESVC.exe`, `C:\Windows\PSEXESVC.exe`)
	g.run(svc, "10:20:14.2", sys32+"cmd.exe", `"cmd" /c "wuauclt /detectnow"`)
	g.wazuhWindows(wsus, at("10:20:13.002"), wazuhRule{5, "61138", "New Windows Service Created", []string{"windows", "windows_system"}, []technique{tService}},
		"Service Control Manager", "System", 7045, O{"ServiceName", "PSEXESVC", "ImagePath", `%SystemRoot%\PSEXESVC.exe`, "ServiceType", "user mode service",
			"StartType", "demand start", "AccountName", "LocalSystem"})
	g.elastic(elasticAlert{rule: "PsExec Network Connection", severity: "low", risk: 21, proc: tool, seen: at("10:20:12.409"),
		mitre: []technique{{"T1569", "System Services", "TA0002", "Execution"}}, reason: "process event with process PsExec64.exe by adm.rkoenig on it-adm-01 created low alert PsExec Network Connection.",
		category: "network",
		extra:    O{"source", O{"ip", adminWS.ip, "port", f.sport}, "destination", O{"ip", wsus.ip, "port", 445}}})

	g.script(dc, at("11:05:22.417"), "Get-ADUser -Filter {PasswordExpired -eq $true} -Properties PasswordLastSet | Select-Object SamAccountName,PasswordLastSet", "verbose")
	for _, c := range []struct{ clock, image, cmd string }{
		{"11:02:40", "whoami.exe", `"C:\Windows\system32\whoami.exe" /groups`},
		{"11:03:05", "nltest.exe", `"C:\Windows\system32\nltest.exe" /dsgetdc:corp.tarnholm.example`},
		{"15:22:51", "wevtutil.exe", `"C:\Windows\system32\wevtutil.exe" qe Application /c:20 /f:text`},
	} {
		g.run(shell, c.clock, sys32+c.image, c.cmd)
	}
	task := g.run(shell, "15:30:02", sys32+"schtasks.exe", `"C:\Windows\system32\schtasks.exe" /Query /S bkp01 /TN "\Backup\Nightly"`)
	g.created(task)
	g.ticket(koenig, adminWS, at("15:30:03.018"), "BKP01$", domainSID+"-1035", "0x40810000", "0x12")
}

// linuxNoise is the routine of the Linux machines.
func (g *generator) linuxNoise() {
	for _, clock := range []string{"00:17:01", "04:17:01", "08:17:01", "12:17:01", "16:17:01"} {
		pid := linuxPID(jump, clock)
		g.auth(jump, clock, "CRON", pid, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
		g.auth(jump, clock, "CRON", pid, "pam_unix(cron:session): session closed for user root")
	}
	g.login(jump, "08:47:19", "s.okafor", engWS.ip, g.port(engWS.ip), keyOkafor)
	g.login(app, "09:10:44", "deploy", build.ip, g.port(build.ip), keyDeploy)
	g.auth(app, "09:11:30", "sshd", linuxPID(app, "09:10:44"), "pam_unix(sshd:session): session closed for user deploy")
	pid := linuxPID(jump, "09:26:03")
	port := g.port(engWS2.ip)
	var wrong string
	for _, clock := range []string{"09:26:03", "09:26:10"} {
		wrong = g.auth(jump, clock, "sshd", pid, fmt.Sprintf("Failed password for j.teller from %s port %d ssh2", engWS2.ip, port))
	}
	g.login(jump, "09:27:15", "j.teller", engWS2.ip, g.port(engWS2.ip), keyTeller)
	g.sudo(jump, "09:30:41", "j.teller", "pts/2", "/home/j.teller", "/usr/bin/systemctl status bastion-audit")
	upgrade := g.sudo(app, "10:15:20", "adm.rkoenig", "pts/0", "/home/adm.rkoenig", "/usr/bin/apt-get upgrade -y")
	g.sudo(build, "11:40:02", "deploy", "pts/1", "/srv/ci", "/usr/bin/docker restart runner-2")
	g.auth(build, "13:15:09", "sudo", 0, "j.teller : user NOT in sudoers ; TTY=pts/0 ; PWD=/srv/ci ; USER=root ; COMMAND=/usr/bin/docker ps")
	g.auth(jump, "16:40:27", "sshd", linuxPID(jump, "09:27:15"), fmt.Sprintf("Received disconnect from %s port %d:11: disconnected by user", engWS2.ip, g.port(engWS2.ip)))

	cron := linuxPID(jump, "04:17:01")
	g.audited("04:17:01.310", execution{host: jump, key: "exec", exe: "/usr/bin/run-parts", argv: []string{"run-parts", "--report", "/etc/cron.hourly"},
		cwd: "/", ppid: cron, pid: cron + 1, auid: "root", uid: "root", euid: "root", tty: "(none)", session: 201})
	pid = linuxPID(jump, "09:30:41")
	g.audited("09:30:41.118", execution{host: jump, key: "exec", exe: "/usr/bin/systemctl", argv: []string{"/usr/bin/systemctl", "status", "bastion-audit"},
		cwd: "/home/j.teller", ppid: pid, pid: pid + 1, auid: "j.teller", uid: "root", euid: "root", tty: "pts2", session: 209})

	g.wazuhLog(app, at("10:15:20"), wazuhRule{3, "5402", "Successful sudo to ROOT executed.", []string{"syslog", "sudo"}, []technique{tSudo}}, "sudo", "sudo",
		upgrade, "/var/log/auth.log",
		O{"srcuser", "adm.rkoenig", "dstuser", "root", "tty", "pts/0", "pwd", "/home/adm.rkoenig", "command", "/usr/bin/apt-get upgrade -y"})
	g.wazuhLog(app, at("10:15:52"), wazuhRule{7, "2902", "New dpkg (Debian Package) installed.", []string{"syslog", "dpkg", "config_changed"}, nil}, "", "windows-date-format",
		"2026-03-04 10:15:52 status installed libssl3t64:amd64 3.0.13-0ubuntu3.7", "/var/log/dpkg.log", O{"dpkg_status", "status installed", "package", "libssl3t64:amd64"})
	g.wazuhFile(app, at("10:16:10"), wazuhRule{7, "550", "Integrity checksum changed.", []string{"ossec", "syscheck", "syscheck_entry_modified"}, nil},
		"/usr/lib/x86_64-linux-gnu/libssl.so.3", "modified", "root", 696512)
	g.wazuhFile(web, at("07:15:30"), wazuhRule{5, "554", "File added to the system.", []string{"ossec", "syscheck", "syscheck_entry_added"}, nil},
		"/var/www/html/news/2026-03-04.html", "added", "deploy", 18230)
	g.wazuhLog(jump, at("09:26:10"), wazuhRule{5, "5760", "sshd: authentication failed.", []string{"syslog", "sshd", "authentication_failed"}, []technique{tGuess}}, "sshd", "sshd",
		wrong, "/var/log/auth.log",
		O{"srcip", engWS2.ip, "srcport", fmt.Sprint(port), "dstuser", "j.teller"})
	f := g.connect(at("08:47:18.900"), engWS, jump, 22, "ssh", 52*time.Minute, 88_000, 310_000)
	g.conn(f)
}

// cloudNoise is the account's ordinary traffic.
func (g *generator) cloudNoise() {
	sdk, cli, lambda := "aws-sdk-go-v2/1.36.3 os/linux lang/go#1.24.1", "aws-cli/2.24.9 md/awscrt#0.23.8 os/windows#11", "cloudformation"
	put := func(clock, key string) {
		g.trail(clock, call{who: backupRole, source: "s3", name: "PutObject", from: egressIP, agent: sdk, data: true, write: true,
			params: O{"bucketName", "tarnholm-backup-vault", "key", key, "Host", "tarnholm-backup-vault.s3." + region + ".amazonaws.com"}, response: nil,
			resources: L{O{"type", "AWS::S3::Object", "ARN", "arn:aws:s3:::tarnholm-backup-vault/" + key}, O{"accountId", account, "type", "AWS::S3::Bucket", "ARN", "arn:aws:s3:::tarnholm-backup-vault"}}})
	}
	put("00:58:12", "2026/03/04/fs01.vbk")
	put("01:40:29", "2026/03/04/sql01.vbk")
	for _, clock := range []string{"07:45:10", "11:41:03"} {
		g.trail(clock, call{who: ciDeployer, source: "sts", name: "GetCallerIdentity", from: egressIP, agent: sdk})
		g.trail(at(clock).Add(21*time.Second).Format("15:04:05"), call{who: ciDeployer, source: "s3", name: "PutObject", from: egressIP, agent: sdk, data: true, write: true,
			params: O{"bucketName", "tarnholm-releases", "key", "firmware/" + clock[:2] + "/tl-9.img"}})
	}
	g.trail("07:46:02", call{who: ciDeployer, source: "cloudformation", name: "UpdateStack", from: egressIP, agent: sdk, write: true,
		params: O{"stackName", "web-prod"}, response: O{"stackId", "arn:aws:cloudformation:" + region + ":" + account + ":stack/web-prod/" + uuid("stack")}})
	g.trail("07:46:20", call{who: ciDeployer, source: "lambda", name: "UpdateFunctionCode20150331v2", from: "cloudformation.amazonaws.com", agent: lambda, write: true,
		params: O{"functionName", "web-prod-resize"}, response: O{"functionName", "web-prod-resize", "runtime", "provided.al2023"}})
	g.trail("09:31:40", call{who: engineer, source: "signin", name: "ConsoleLogin", from: egressIP, agent: edge, kind: "AwsConsoleSignIn",
		response: O{"ConsoleLogin", "Success"}, extra: O{"MobileVersion", "No", "MFAUsed", "Yes"}, write: true})
	g.trail("09:33:02", call{who: engineer, source: "ec2", name: "DescribeInstances", from: egressIP, agent: edge, params: O{"instancesSet", O{}, "filterSet", O{}}})
	g.trail("09:35:18", call{who: engineer, source: "iam", name: "ListAccessKeys", from: egressIP, agent: cli, params: O{"userName", "ci-deployer"},
		code: "AccessDenied", message: "User: arn:aws:sts::" + account + ":assumed-role/" + engineer.role + "/s.okafor is not authorized to perform: iam:ListAccessKeys on resource: user ci-deployer"})
	g.trail("10:05:44", call{who: rootUser, source: "signin", name: "ConsoleLogin", from: egressIP, agent: edge, kind: "AwsConsoleSignIn",
		response: O{"ConsoleLogin", "Success"}, extra: O{"MobileVersion", "No", "MFAUsed", "Yes"}, write: true})
	g.trail("10:07:12", call{who: rootUser, source: "billingconsole", name: "GetBillingNotifications", from: egressIP, agent: edge})
	g.trail("12:00:00", call{who: backupRole, source: "ec2", name: "CreateSnapshot", from: "10.20.20.50", agent: sdk, write: true,
		params: O{"volumeId", "vol-0d5e8b7721c4fa906"}, response: O{"snapshotId", "snap-0b17ac4e99d2f3051", "status", "pending"}})
	g.guardNoise()
}

func (g *generator) guardNoise() {
	bastion := instanceResource("i-05c7a18d3e9fb2460", "10.60.1.15", "203.0.113.61", "cloud-bastion")
	probe := O{"ActionType", "PORT_PROBE", "PortProbeAction", O{"Blocked", false, "PortProbeDetails", L{O{"LocalPortDetails", O{"Port", 22, "PortName", "SSH"},
		"LocalIpDetails", O{"IpAddressV4", "10.60.1.15"}, "RemoteIpDetails", remote("198.51.100.214")}}}}
	g.guardDuty(guard{kind: "Recon:EC2/PortProbeUnprotectedPort", title: "Unprotected port on EC2 instance i-05c7a18d3e9fb2460 is being probed.",
		text:     "EC2 instance i-05c7a18d3e9fb2460 has an unprotected port which is being probed by a known malicious host.",
		severity: "2.0", resource: bastion, action: probe, first: at("01:12:30"), last: at("06:44:09"), count: 14, role: "TARGET"})
	brute := O{"ActionType", "NETWORK_CONNECTION", "NetworkConnectionAction", O{"Blocked", false, "ConnectionDirection", "INBOUND", "Protocol", "TCP",
		"LocalPortDetails", O{"Port", 22, "PortName", "SSH"}, "LocalIpDetails", O{"IpAddressV4", "10.60.1.15"}, "RemoteIpDetails", remote("198.51.100.221"),
		"RemotePortDetails", O{"Port", 44120, "PortName", "Unknown"}}}
	g.guardDuty(guard{kind: "UnauthorizedAccess:EC2/SSHBruteForce", title: "198.51.100.221 is performing SSH brute force attacks against i-05c7a18d3e9fb2460.",
		text:     "198.51.100.221 is performing SSH brute force attacks against i-05c7a18d3e9fb2460. Brute force attacks are used to gain unauthorized access to your instance by guessing the SSH password.",
		severity: "2.0", resource: bastion, action: brute, first: at("05:20:11"), last: at("05:39:40"), count: 6, role: "TARGET"})
	g.guardDuty(guard{kind: "Policy:IAMUser/RootCredentialUsage", title: "API GetBillingNotifications was invoked using root credentials.",
		text:     "API GetBillingNotifications was invoked using root credentials from IP address 203.0.113.10.",
		severity: "2.0", resource: keyResource(rootUser), action: apiAction("GetBillingNotifications", "billingconsole", egressIP),
		first: at("10:07:12"), last: at("10:07:12"), count: 1, role: "TARGET"})
}

// consoleNoise is what the consoles raise on a day without an intruder.
func (g *generator) consoleNoise() {
	seen := at("10:46:02")
	path := `C:\Users\j.teller\Downloads\orchard-setup.exe`
	g.defender(defenderAlert{title: "'TorrentOrchard' unwanted software was prevented", severity: "informational", category: "UnwantedSoftware",
		text:   "Potentially unwanted applications often impact productivity and performance and are often unintentionally installed.",
		source: "microsoftDefenderForEndpoint", detection: "antivirus", threat: "PUA:Win32/TorrentOrchard", seen: seen,
		evidence: L{deviceEvidence(engWS2, teller, seen), fileEvidence(engWS2, path, seen, "suspicious", "prevented", "prevented"), userEvidence(teller, seen)}})
	seen = at("14:12:48")
	g.defender(defenderAlert{title: "'OptiBar' unwanted software was detected", severity: "low", category: "UnwantedSoftware",
		text:   "Potentially unwanted applications often impact productivity and performance and are often unintentionally installed.",
		source: "microsoftDefenderForEndpoint", detection: "antivirus", threat: "PUA:Win32/OptiBar", seen: seen,
		evidence: L{deviceEvidence(hrWS, hrUser, seen), fileEvidence(hrWS, `C:\Users\t.ferrand\AppData\Local\OptiBar\optibar.exe`, seen, "suspicious", "detected", "remediated")}})
	seen = at("08:41:00")
	g.defender(defenderAlert{title: "Email reported by user as malware or phish", severity: "low", category: "InitialAccess",
		text:   "This alert is triggered when any email message is reported as malware or phish by users.",
		source: "microsoftDefenderForOffice365", detection: "microsoftDefenderForOffice365", seen: seen,
		evidence: L{evidence("analyzedMessageEvidence", seen, "suspicious", "none", L{}, O{"networkMessageId", uuid("newsletter"), "internetMessageId", "<20260304083110.7712@news.brightbanner.example.net>",
			"subject", "Spring offers for your office", "language", "en", "senderIp", "192.0.2.90", "recipientEmailAddress", "t.ferrand@tarnholm.example",
			"deliveryAction", "Delivered", "deliveryLocation", "Inbox", "p1Sender", O{"emailAddress", "offers@news.brightbanner.example.net", "displayName", "Bright Banner", "domainName", "news.brightbanner.example.net"},
			"p2Sender", O{"emailAddress", "offers@news.brightbanner.example.net", "displayName", "Bright Banner", "domainName", "news.brightbanner.example.net"},
			"receivedDateTime", graphTime(at("08:31:10")), "attachmentsCount", 0, "urlCount", 3, "urls", L{"https://news.brightbanner.example.net/spring"}})}})
	f := g.connect(at("00:30:20"), backup, fileSrv, 445, "smb", 38*time.Minute, 48_000_000, 6_200_000_000)
	f.name = fileSrv.lower()
	g.finding(at("00:55:00"), "Unusual volume read from a file server", "One host read more from another than on most days.", "Low", 2, nil, f, backup, 6_248_000_000)
	for _, c := range []struct {
		h     *host
		clock string
		rule  wazuhRule
		line  string
	}{
		{build, "00:00:31", wazuhRule{3, "502", "Wazuh server started.", []string{"ossec"}, nil}, "ossec: Manager started."},
		{app, "06:30:14", wazuhRule{7, "533", "Listened ports status (netstat) changed (new port opened or closed).", []string{"ossec"}, nil},
			"ossec: output: 'netstat listening ports':\ntcp 0.0.0.0:22 0.0.0.0:* 812/sshd\ntcp 0.0.0.0:9100 0.0.0.0:* 1207/node_exporter"},
		{build, "11:41:55", wazuhRule{2, "1002", "Unknown problem somewhere in the system.", []string{"syslog", "errors"}, nil},
			"Mar  4 11:41:55 build01 runner[3310]: error: job 8841 exited with status 1"},
	} {
		g.wazuhLog(c.h, at(c.clock), c.rule, "", "ossec", c.line, "syslog", nil)
	}
	g.notable(at("10:25:00"), notable{rule: "Endpoint - New Service Created by PsExec - Rule", title: "PsExec service on WSUS01", domain: "endpoint", urgency: "medium",
		text: "The service PSEXESVC was installed on WSUS01", src: adminWS.ip, dest: wsus.name, user: koenig.name, signature: "7045", process: "PSEXESVC.exe",
		mitre: []technique{{"T1569.002", "Service Execution", "TA0002", "Execution"}}, risk: 40, sourcetype: "XmlWinEventLog"})
	g.notice(at("11:15:40.210"), nil, "SSL::Certificate_Expires_Soon", "Certificate CN=printer-2.corp.tarnholm.example is going to expire at 2026-03-19-00:00:00", "CN=printer-2.corp.tarnholm.example",
		"10.20.20.71", "", 443)
	g.notice(at("15:02:19.114"), nil, "CaptureLoss::Too_Little_Traffic", "Only observed 0 TCP ACKs and was expecting at least 1.", "", sensor.ip, "", 0)
}
