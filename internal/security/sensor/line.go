package sensor

import (
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// Line is what a parser of text made of a line, beside the fields it found.
type Line struct {
	Format             string // "syslog-rfc3164", "auditd", "cef" …
	Time               time.Time
	Host, App, PID     string
	MsgID              string
	Event              string // what happened, in one word, or ""
	Body               string // free text
	Severity, Facility int    // of syslog, -1 where the line has none
}

// Line fills an alert whose Fields, Raw and At are set from a parsed line of
// text. Like Map, it returns what is wrong with a record that could be used.
func (m *Mapper) Line(a *casemate.Alert, l Line) string {
	a.Format, a.Time = l.Format, l.Time
	m.rec.Reset(a.Fields)
	m.line = l
	switch {
	case l.Format == "auditd":
		return m.run(a, auditd)
	case l.Format == "access-log":
		return m.run(a, accessLog)
	case l.Format == "cef", l.Format == "leef":
		return m.run(a, commonEvent)
	case l.Format == "key-value":
		return m.run(a, generic)
	}
	if body := strings.TrimPrefix(l.Body, "@cee:"); strings.HasPrefix(strings.TrimSpace(body), "{") {
		m.now = mapping{Record: &m.rec, a: a, m: m}
		a.Host = l.Host
		if m.now.embedded(strings.TrimSpace(body)) {
			a.Name = firstOf(a.Name, l.Event, l.App, a.Format+" record")
			return m.now.warning
		}
		a.Host = ""
	}
	return m.run(a, syslog)
}

// syslog reads a line of a program's log. It is telemetry, whatever its
// priority: no rule has judged it.
func syslog(m *mapping) {
	l := &m.m.line
	m.event(firstOf(l.Event, l.App, "log line"), l.MsgID)
	m.a.Message = l.Body
	m.host(l.Host)
	m.user(m.Get("user"), casemate.RoleActor)
	m.user(m.Get("target_user"), casemate.RoleTarget)
	m.peers(m.First("src_ip", "SRC", "client", "rhost"), m.First("dst_ip", "DST"))
	m.a.Action = m.First("result", "reason")
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "query")
	switch {
	case l.Format == "error-log":
		m.sigma("", "webserver", "")
		return
	case l.Event == "dns-query" || l.Event == "dns-reply":
		m.sigma("linux", "dns", strings.ToLower(l.App))
		m.also([]string{"record_type", "query_type"})
		return
	case l.Event == "packet":
		m.sigma("linux", "firewall", "iptables")
		m.also([]string{"src_ip", "SRC"}, []string{"dst_ip", "DST"}, []string{"src_port", "SPT"}, []string{"dst_port", "DPT"})
		return
	}
	m.sigma("linux", "", linuxService(l))
	sudo := strings.HasPrefix(l.Event, "sudo")
	switch command := m.Get("command"); {
	case command == "" || !sudo && l.Event != "cron-command":
	case sudo && m.sudoItself(command):
	default:
		m.command(command)
	}
}

// sudoItself names what sudo does without running anything, and says whether
// it is that. The commands that it runs have paths.
func (m *mapping) sudoItself(command string) bool {
	name := ""
	switch what, _, _ := strings.Cut(command, " "); what {
	case "list":
		name = "sudo -l (list of allowed commands)"
	case "validate":
		name = "sudo -v (renewal of the password's validity)"
	default:
		return false
	}
	if m.m.line.Event != "sudo" {
		name = joinName(m.m.line.Event, name)
	}
	m.a.Name = name
	return true
}

// command makes of a command that a log quotes the event of a new process, for
// Sigma's rules. Without a shell's help its first word is the program.
func (m *mapping) command(command string) {
	image, _, _ := strings.Cut(command, " ")
	m.process(casemate.Process{Image: image, CommandLine: command})
	m.a.Log.Category = "process_creation"
	m.a.Event = append(make([]casemate.Field, 0, len(m.a.Event)+4), m.a.Event...)
	m.set("Image", image)
	m.set("CommandLine", command)
	m.set("User", m.First("target_user", "user"))
	m.set("CurrentDirectory", m.Get("pwd"))
}

// linuxService names Sigma's service of a program's log.
func linuxService(l *Line) string {
	app := strings.ToLower(strings.Trim(l.App, "()"))
	switch app = app[strings.LastIndexByte(app, '/')+1:]; app {
	case "sshd", "sshd-session":
		return "sshd"
	case "sudo", "vsftpd", "clamav", "auditd":
		return app
	case "clamd", "freshclam":
		return "clamav"
	case "cron", "crond", "crontab", "anacron":
		return "cron"
	case "su", "login", "systemd-logind", "polkitd", "useradd", "userdel", "usermod", "groupadd", "passwd", "gpasswd", "chpasswd", "pkexec":
		return "auth"
	}
	const authentication, private = 4, 10
	if l.Facility == authentication || l.Facility == private {
		return "auth"
	}
	return "syslog"
}

// accessLog reads a request that a web server or proxy has served.
func accessLog(m *mapping) {
	m.event(strings.TrimSpace("HTTP "+m.Get("cs-method")+" "+m.Get("sc-status")), m.Get("sc-status"))
	m.a.Message = strings.TrimSpace(m.Get("cs-method") + " " + m.First("cs-uri", "cs-request"))
	m.peers(m.Get("c-ip"), "")
	if host := m.Get("cs-host"); host != "" {
		m.site(host)
		m.a.Host, _, _ = strings.Cut(host, ":")
	}
	m.user(m.Get("cs-username"), casemate.RoleActor)
	m.entity(casemate.EntityURL, m.Get("cs-uri"), casemate.RoleDestination)
	m.sigma("", "webserver", "")
	m.also([]string{"c-uri", "cs-uri"}, []string{"c-useragent", "cs-user-agent"}, []string{"cs(User-Agent)", "cs-user-agent"}, []string{"cs-uri-path", "cs-uri-stem"})
}

// auditd reads an event of the Linux audit system: the fields of its records
// under their own names, each record behind a field "type". One in which a
// program was executed is a new process for Sigma as well.
func auditd(m *mapping) {
	l := &m.m.line
	m.host(l.Host)
	kind, args := l.Event, []string(nil)
	section := ""
	for i := range m.Fields() {
		f := &m.Fields()[i]
		switch {
		case f.Name == "type":
			section = f.Value
		case section == "EXECVE" && len(f.Name) > 1 && f.Name[0] == 'a' && f.Name[1] >= '0' && f.Name[1] <= '9' && !strings.HasSuffix(f.Name, "_len"):
			kind = section
			if at := strings.IndexByte(f.Name, '['); at > 0 && len(args) > 0 && f.Name[at:] != "[0]" {
				args[len(args)-1] += f.Value // a long argument comes in pieces
			} else {
				args = append(args, f.Value)
			}
		}
	}
	command := firstOf(strings.Join(args, " "), m.Get("proctitle"), m.Get("cmd"))
	m.event(kind, "")
	m.a.Message = firstOf(command, l.Body)
	m.a.Action = m.First("res", "success")
	m.auditAccounts()
	m.peers(m.First("addr"), m.Get("saddr_addr"))
	if m.Has("exe") || m.Has("comm") || command != "" {
		m.process(casemate.Process{Image: m.First("exe", "comm"), CommandLine: command, PID: m.Get("pid"), ParentPID: m.Get("ppid")})
	}
	m.entities(casemate.EntityFile, casemate.RoleTarget, "name", "path")
	m.sigma("linux", "", "auditd")
	if kind == "EXECVE" {
		m.a.Log.Category = "process_creation"
		m.a.Event = append(make([]casemate.Field, 0, len(m.a.Event)+4), m.a.Event...)
		m.set("Image", m.Get("exe"))
		m.set("CommandLine", command)
		m.set("CurrentDirectory", m.Get("cwd"))
		m.set("User", m.a.User)
	}
}

// auditAccounts finds who did it: the account that logged in, whatever it has
// become since, else the one that the program runs as. The names that auditd
// appends for its numbers have their names in capitals.
func (m *mapping) auditAccounts() {
	login, running := m.exactly("AUID"), m.exactly("UID")
	if login == "unset" {
		login = ""
	}
	account := m.Get("acct")
	number := m.exactly("auid")
	if number == "4294967295" || number == "-1" { // no one logged in
		number = ""
	}
	if login == "" && number == "" {
		login = firstOf(account, running, m.exactly("uid"))
	}
	m.user(firstOf(login, account, number), casemate.RoleActor)
	if account != m.a.User {
		m.user(account, casemate.RoleTarget)
	}
}

// exactly returns the first value of a name in just this case.
func (m *mapping) exactly(name string) string {
	if !m.Has(name) {
		return ""
	}
	for i := range m.Fields() {
		if f := &m.Fields()[i]; f.Name == name {
			if v := flat.Clean(f.Value); v != "" {
				return v
			}
		}
	}
	return ""
}

// commonEvent reads CEF and LEEF, which security products write. Those of
// firewalls and proxies log all traffic this way: only what a product calls at
// least of medium severity is taken for its judgement.
func commonEvent(m *mapping) {
	l := &m.m.line
	if v := m.First("rt", "devTime", "start", "end"); v != "" {
		if t, ok := ParseTime(v, m.m.Reference); ok {
			m.a.Time = t
		}
	}
	m.commonName()
	m.a.Action = m.commonAction()
	src, dst := m.First("src", "sourceTranslatedAddress"), m.First("dst", "destinationTranslatedAddress")
	m.host(m.First("dhost", "shost", "identHostName", "sourceHostName"))
	m.network(src, dst, "")
	m.entity(casemate.EntityHost, m.First("shost"), casemate.RoleSource)
	m.entity(casemate.EntityHost, m.First("dhost"), casemate.RoleDestination)
	device := m.First("dvchost", "deviceHostName")
	if m.a.Host == "" {
		m.host(firstOf(device, l.Host, m.Get("dvc")))
	}
	m.entity(casemate.EntityHost, firstOf(device, l.Host), casemate.RoleObserver)
	m.user(m.First("suser", "usrName", "accountName"), casemate.RoleActor)
	m.user(m.Get("duser"), casemate.RoleTarget)
	m.process(casemate.Process{Image: m.First("sproc", "dproc", "deviceProcessName"), PID: m.First("spid", "dpid")})
	m.entities(casemate.EntityURL, casemate.RoleDestination, "request", "url")
	m.entities(casemate.EntityFile, casemate.RoleNone, "filePath", "fname")
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "destinationDnsDomain", "domain")
	m.hashes("fileHash", "oldFileHash", "hash", "md5", "sha256")
	for _, f := range m.Fields() {
		if strings.Contains(strings.ToLower(f.Name), "mitre") || strings.Contains(strings.ToLower(f.Name), "technique") {
			m.technique(f.Value)
		}
	}
	m.commonSigma()
}

// commonName says what a product calls the event, and whether it is a
// judgement. PAN-OS puts the type of its log where others put the name, and
// has five grades; only its logs of threats judge.
func (m *mapping) commonName() {
	name, rule, message := m.First("name", "cat", "eventId"), m.m.line.Event, m.First("msg", "reason")
	grade := m.First("severity", "sev")
	severity := severityCEF(grade)
	if strings.EqualFold(m.First("deviceVendor", "vendor"), "Palo Alto Networks") {
		if v, ok := digits(grade); ok && v >= 1 && v <= len(panSeverity) {
			severity = panSeverity[v-1]
		}
		switch strings.ToUpper(name) {
		case "THREAT", "WILDFIRE", "CORRELATION":
			threat, id := panThreat(m.First("cat", "threatname", "ThreatName"))
			name, rule = firstOf(threat, name), firstOf(id, rule)
		default:
			severity = casemate.SeverityUnknown
		}
	}
	if severity >= casemate.SeverityMedium {
		m.alert(name, rule, message, severity)
		return
	}
	m.event(name, rule)
	m.a.Message = message
}

// panSeverity is the scale of PAN-OS, from 1 on.
var panSeverity = [...]casemate.Severity{
	casemate.SeverityInformational, casemate.SeverityLow, casemate.SeverityMedium, casemate.SeverityHigh, casemate.SeverityCritical,
}

// panThreat takes the id off a threat: "Name of it(91991)".
func panThreat(s string) (name, id string) {
	open := strings.LastIndexByte(s, '(')
	if open <= 0 || !strings.HasSuffix(s, ")") {
		return s, ""
	}
	if _, ok := digits(s[open+1 : len(s)-1]); !ok {
		return s, ""
	}
	return strings.TrimSpace(s[:open]), s[open+1 : len(s)-1]
}

// commonAction returns what the product did. Some proxies say it in the
// category or the event's id alone.
func (m *mapping) commonAction() string {
	if v := m.First("act", "action", "outcome", "categoryOutcome"); v != "" {
		return v
	}
	for _, v := range [...]string{m.Get("cat"), m.Get("eventId")} {
		switch strings.ToLower(v) {
		case "allowed", "allow", "blocked", "block", "denied", "deny", "permitted", "dropped", "cautioned", "isolated":
			return v
		}
	}
	return ""
}

// commonSigma tells proxies from firewalls: the same products write about
// requests for pages and about connections.
func (m *mapping) commonSigma() {
	uri := unquote(m.First("request", "url"))
	switch {
	case (uri != "" || m.Has("requestMethod")) && m.webFilter():
		m.sigma("", "proxy", "")
		m.also([]string{"cs-method", "requestMethod", "reqmethod", "method", "httpMethod"}, []string{"c-useragent", "requestClientApplication", "useragent", "userAgent"},
			[]string{"sc-status", "respcode", "httpStatus", "status"}, []string{"cs-referer", "requestContext", "referer"}, []string{"cs-cookie", "requestCookies"}, []string{"c-ip", "src"}, []string{"dst_ip", "dst"})
		m.a.Event = slices.Clip(m.a.Event) // may still be the record's own fields
		m.set("c-uri", uri)
		m.set("cs-uri", uri)
		m.set("cs-host", firstOf(uriHost(uri), m.First("dhost", "destinationDnsDomain")))
		m.uriParts(uri)
	case m.Has("src") && m.Has("dst"):
		m.sigma("", "firewall", "")
		m.also([]string{"src_ip", "src"}, []string{"dst_ip", "dst"}, []string{"src_port", "spt", "srcPort"}, []string{"dst_port", "dpt", "dstPort"}, []string{"action", "act"})
	}
}

// webFilter says whether an event that has a URL is of a proxy or web filter.
// Of a firewall it is one only where its own web filter wrote it.
func (m *mapping) webFilter() bool {
	firewall := false
	for word := range strings.FieldsSeq(strings.ToLower(m.First("deviceVendor", "vendor") + " " + m.First("deviceProduct", "product"))) {
		switch word {
		case "pan-os", "asa", "srx", "utm", "ngfw", "firepower", "vpn-1", "sonicwall":
			firewall = true
		}
		firewall = firewall || strings.HasPrefix(word, "fortigate") || strings.Contains(word, "firewall")
	}
	if !firewall {
		return true
	}
	kind := strings.ToLower(m.m.line.Event + " " + m.Get("cat") + " " + m.Get("name"))
	return strings.EqualFold(m.m.line.Event, "url") || strings.Contains(kind, "webfilter") || strings.Contains(kind, "web filter") || strings.Contains(kind, "url filter")
}

// severityCEF reads 0 to 10 and the words: low to 3, medium to 6, high to 8.
func severityCEF(s string) casemate.Severity {
	switch strings.ToLower(s) {
	case "very-high", "very high":
		return casemate.SeverityCritical
	case "unknown":
		return casemate.SeverityUnknown
	}
	return either(s, 1, 4, 7, 9)
}
