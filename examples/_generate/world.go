package main

import (
	"fmt"
	"strings"
	"time"
)

// The company's names. Every address is of RFC 1918 or RFC 5737 and every
// domain is under a name that RFC 2606 reserves.
const (
	domain    = "corp.tarnholm.example"
	ntDomain  = "TARNHOLM"
	domainSID = "S-1-5-21-2814360071-1193405682-3076645513"
	account   = "111122223333" // the account number of AWS's own examples
	region    = "eu-north-1"

	mailName   = "nordkap-freight.example.com" // the sender of the phishing mail
	dropName   = "static.nordkap-freight.example.com"
	dropIP     = "198.51.100.77"
	c2Name     = "cdn-sync.edgecache.example.net"
	c2IP       = "198.51.100.23"
	tunnelName = "telemetry-edge.example.org"
	vaultName  = "files.driftbox.example.org" // where the data goes
	vaultIP    = "198.51.100.140"
	cloudIP    = "192.0.2.66"  // where the stolen AWS key is used
	portalIP   = "192.0.2.201" // the portal's attacker, somebody else
	egressIP   = "203.0.113.10"
)

// host is a machine of the company.
type host struct {
	name, ip, os string // name as its owners write it; os is windows, linux or network
	agent        string // number of its Wazuh agent
}

func (h *host) fqdn() string { return h.name + "." + domain }
func (h *host) lower() string {
	return strings.ToLower(h.fqdn())
}
func (h *host) machine() string { return digest(4, "machine", h.name) }

// The machines.
var (
	finWS    = &host{"FIN-WS-014", "10.20.10.114", "windows", "014"}
	finWS2   = &host{"FIN-WS-011", "10.20.10.111", "windows", "011"}
	hrWS     = &host{"HR-WS-003", "10.20.10.103", "windows", "003"}
	engWS    = &host{"ENG-WS-022", "10.20.10.122", "windows", "022"}
	engWS2   = &host{"ENG-WS-027", "10.20.10.127", "windows", "027"}
	adminWS  = &host{"IT-ADM-01", "10.20.10.20", "windows", "020"}
	dc       = &host{"DC01", "10.20.20.10", "windows", "031"}
	fileSrv  = &host{"FS01", "10.20.20.30", "windows", "033"}
	sqlSrv   = &host{"SQL01", "10.20.20.40", "windows", "034"}
	backup   = &host{"BKP01", "10.20.20.50", "windows", "035"}
	wsus     = &host{"WSUS01", "10.20.20.60", "windows", "036"}
	jump     = &host{"jump01", "10.20.40.10", "linux", "051"}
	build    = &host{"build01", "10.20.40.20", "linux", "052"}
	app      = &host{"app01", "10.20.40.31", "linux", "053"}
	portal   = &host{"portal01", "172.16.50.20", "linux", "061"}
	web      = &host{"web01", "172.16.50.10", "linux", "062"}
	scanner  = &host{"vulnscan01", "10.20.99.5", "linux", "070"}
	firewall = &host{"fw-edge-01", "10.20.0.1", "network", ""}
	proxy    = &host{"proxy01", "10.20.30.5", "network", ""}
	sensor   = &host{"nsm-core-01", "10.20.30.20", "linux", ""}
)

// user is an account of the domain, or of Windows itself.
type user struct {
	name, domain, sid, full string
}

func (u *user) account() string { return u.domain + `\` + u.name }

func person(name, rid, full string) *user {
	return &user{name, ntDomain, domainSID + "-" + rid, full}
}

// The accounts.
var (
	system   = &user{"SYSTEM", "NT AUTHORITY", "S-1-5-18", "Local System"}
	netSvc   = &user{"NETWORK SERVICE", "NT AUTHORITY", "S-1-5-20", "Network Service"}
	lindqv   = person("m.lindqvist", "1147", "Maja Lindqvist")
	arkady   = person("p.arkady", "1151", "Pavel Arkady")
	hrUser   = person("t.ferrand", "1163", "Tessa Ferrand")
	okafor   = person("s.okafor", "1188", "Sade Okafor")
	teller   = person("j.teller", "1190", "Jonas Teller")
	koenig   = person("adm.rkoenig", "1203", "Ruth Koenig (admin)")
	brandt   = person("adm.tbrandt", "1207", "Tom Brandt (helpdesk admin)")
	svcBkp   = person("svc_backup", "1301", "Backup service")
	svcSQL   = person("svc_sql", "1302", "SQL service")
	svcRpt   = person("svc_report", "1305", "Reporting service")
	implant  = person("svc_wsusync", "1644", "WSUS Sync")
	anonUser = &user{"-", "-", "S-1-0-0", ""}
)

// proc is a process on a Windows machine.
type proc struct {
	host       *host
	user       *user
	parent     *proc
	start      time.Time
	pid        int
	image, cmd string
	original   string // the file it truly is, where it was renamed
	cwd, level string // working directory, integrity level
	logon      uint64
	tail       string // the end of its GUID
}

// guid is Sysmon's ProcessGuid: four bytes of the machine's id, the start in
// seconds with its low half first, and a counter.
func (p *proc) guid() string {
	s := uint32(p.start.Unix())
	return fmt.Sprintf("{%s-%04x-%04x-%s}", p.host.machine(), s&0xffff, s>>16, p.tail)
}

// base is the file name of the image.
func (p *proc) base() string { return p.image[strings.LastIndexByte(p.image, '\\')+1:] }

// file is the name under which hashes and version data of the image are known.
func (p *proc) file() string {
	if p.original != "" {
		return p.original
	}
	return p.base()
}

// logonGUID is the LogonGuid of a session: the start of the session's process
// and the logon id with its low half first.
func (p *proc) logonGUID() string {
	return fmt.Sprintf("{%s-%04x-%04x-%02x%02x-%02x0000000000}", p.host.machine(), 0x1c40, 0x69a5,
		p.logon&0xff, p.logon>>8&0xff, p.logon>>16&0xff)
}

const (
	sys32 = `C:\Windows\System32\`
	high  = "High"
	med   = "Medium"
	top   = "System"
)

// spawn starts a process; the caller decides which sensors saw it.
func (g *generator) spawn(parent *proc, start time.Time, image, cmd string) *proc {
	p := &proc{host: parent.host, user: parent.user, parent: parent, start: start, image: image, cmd: cmd,
		cwd: parent.cwd, level: parent.level, logon: parent.logon}
	p.pid = g.pid(p.host)
	p.tail = g.tail(p.host)
	return p
}

// pid draws the next process id of a host; Windows counts in fours.
func (g *generator) pid(h *host) int {
	if g.pids[h.name] == 0 {
		g.pids[h.name] = 4000 + 4*g.rng.IntN(400)
	}
	g.pids[h.name] += 4 * g.between(3, 90)
	return g.pids[h.name]
}

func (g *generator) tail(h *host) string {
	n := g.next("guid "+h.name, 0x180)
	return fmt.Sprintf("%02x%02x-000000003a00", n&0xff, n>>8&0xff)
}

// session gives each account on each machine a logon id of its own.
func (g *generator) session(h *host, u *user) uint64 {
	switch u {
	case system:
		return 0x3e7
	case netSvc:
		return 0x3e4
	}
	key := "session " + h.name + u.name
	if g.numbers[key] == 0 {
		g.numbers[key] = 0x40000 + uint64(g.rng.IntN(0xbfffff))
	}
	return g.numbers[key]
}

// root is a process that has run since before the day: a service or a shell.
func (g *generator) root(h *host, u *user, image, cmd, level string) *proc {
	key := h.name + "|" + image + "|" + u.name + "|" + cmd
	if p := g.roots[key]; p != nil {
		return p
	}
	p := &proc{host: h, user: u, image: image, cmd: cmd, level: level, cwd: sys32,
		start: midnight.Add(-time.Duration(40+len(g.roots))*time.Hour - g.jitter(time.Hour)).Truncate(time.Millisecond),
		pid:   4 * int(g.next("root "+h.name, 140)+uint64(len(image))), logon: g.session(h, u), tail: g.tail(h)}
	g.roots[key] = p
	return p
}

func (g *generator) explorer(h *host, u *user) *proc {
	p := g.root(h, u, `C:\Windows\explorer.exe`, `C:\Windows\Explorer.EXE`, med)
	p.cwd = `C:\Users\` + u.name + `\`
	return p
}

func (g *generator) services(h *host) *proc {
	return g.root(h, system, sys32+"services.exe", sys32+"services.exe", top)
}

func (g *generator) lsass(h *host) *proc {
	return g.root(h, system, sys32+"lsass.exe", sys32+"lsass.exe", top)
}

func (g *generator) svchost(h *host, args string) *proc {
	return g.root(h, system, sys32+"svchost.exe", sys32+"svchost.exe "+args, top)
}

// imageInfo is what a program's version resource says.
type imageInfo struct{ version, description, product, company, original string }

const msVersion = "10.0.22621.1 (WinBuild.160101.0800)"

func windowsTool(description, original string) imageInfo {
	return imageInfo{msVersion, description, "Microsoft® Windows® Operating System", "Microsoft Corporation", original}
}

// images are the programs of the story by file name in lower case.
var images = map[string]imageInfo{
	"powershell.exe": windowsTool("Windows PowerShell", "PowerShell.EXE"),
	"cmd.exe":        windowsTool("Windows Command Processor", "Cmd.Exe"),
	"rundll32.exe":   windowsTool("Windows host process (Rundll32)", "RUNDLL32.EXE"),
	"whoami.exe":     windowsTool("whoami - displays logged on user information", "whoami.exe"),
	"net.exe":        windowsTool("Net Command", "net.exe"),
	"net1.exe":       windowsTool("Net Command", "net1.exe"),
	"nltest.exe":     windowsTool("Microsoft® Logon Server Test Utility", "nltestrk.exe"),
	"systeminfo.exe": windowsTool("Displays system information", "sysinfo.exe"),
	"fodhelper.exe":  windowsTool("Features On Demand Helper", "FodHelper.EXE"),
	"schtasks.exe":   windowsTool("Task Scheduler Configuration Tool", "schtasks.exe"),
	"wmiprvse.exe":   windowsTool("WMI Provider Host", "Wmiprvse.exe"),
	"ntdsutil.exe":   windowsTool("NT5DS", "ntdsutil.exe"),
	"findstr.exe":    windowsTool("Find String (QGREP) Utility", "FINDSTR.EXE"),
	"vssadmin.exe":   windowsTool("Command Line Interface for Microsoft® Volume Shadow Copy Service", "VSSADMIN.EXE"),
	"wevtutil.exe":   windowsTool("Eventing Command Line Utility", "wevtutil.exe"),
	"bcdedit.exe":    windowsTool("Boot Configuration Data Editor", "bcdedit.exe"),
	"msiexec.exe":    windowsTool("Windows® installer", "msiexec.exe"),
	"tiworker.exe":   windowsTool("Windows Modules Installer Worker", "TiWorker.exe"),
	"gpupdate.exe":   windowsTool("Microsoft® Group Policy Update Utility", "GPUpdate.exe"),
	"ssh.exe":        {"8.6.0.1", "-", "OpenSSH for Windows", "-", "-"},
	"outlook.exe":    {"16.0.17928.20392", "Microsoft Outlook", "Microsoft Outlook", "Microsoft Corporation", "Outlook.exe"},
	"excel.exe":      {"16.0.17928.20392", "Microsoft Excel", "Microsoft Office", "Microsoft Corporation", "Excel.exe"},
	"psexesvc.exe":   {"2.43", "PsExec Service", "Sysinternals PsExec", "Sysinternals", "psexesvc.exe"},
	"psexec64.exe":   {"2.43", "Execute processes remotely", "Sysinternals PsExec", "Sysinternals", "psexec.c"},
	"7z.exe":         {"24.09", "7-Zip Console", "7-Zip", "Igor Pavlov", "7z.exe"},
	"rclone.exe":     {"1.69.1", "Rclone", "Rclone", "-", "rclone.exe"},
	"curl.exe":       {"8.9.1", "The curl executable", "The curl executable", "-", "curl.exe"},
}

// fileHashes are stable stand-ins for the digests of a file of the story.
func fileHashes(file string) (md5, sha1, sha256, imphash string) {
	f := strings.ToLower(file)
	return digest(16, "md5", f), digest(20, "sha1", f), digest(32, "sha256", f), digest(16, "imphash", f)
}
