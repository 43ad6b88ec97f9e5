package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func isSuricata(r *flat.Record) bool {
	return r.Get("event_type") != "" && (r.Has("flow_id") || r.Has("src_ip") || r.Has("in_iface") || r.Has("alert.signature_id") || r.Has("stats.uptime"))
}

// suricata reads EVE. Its alert.severity is a priority: 1 is the gravest.
// Newer rule sets say it in words, and those are preferred.
func suricata(m *mapping) {
	m.time("timestamp", "@timestamp")
	typ := m.Get("event_type")
	m.network(m.Get("src_ip"), m.First("dest_ip", "dst_ip"), m.First("host", "host.name", "agent.name"))
	m.a.Action = m.Get("alert.action")
	m.techniques("alert.metadata.mitre_technique_id")
	m.webObjects()
	switch typ {
	case "alert":
		severity := casemate.ParseSeverity(m.Get("alert.metadata.signature_severity"))
		if severity == casemate.SeverityUnknown {
			severity = priority(m.Get("alert.severity"))
		}
		m.alert(m.Get("alert.signature"), m.Get("alert.signature_id"), m.Get("alert.category"), severity)
	case "anomaly":
		m.event(joinName("anomaly", m.First("anomaly.event", "anomaly.type")), "")
	default:
		m.event(typ, "")
	}
	switch {
	case m.Has("http.http_method") || m.Has("http.url"):
		m.sigma("suricata", "proxy", typ)
		m.also([]string{"c-uri", "http.url"}, []string{"cs-uri", "http.url"}, []string{"cs-host", "http.hostname"}, []string{"cs-method", "http.http_method"},
			[]string{"c-useragent", "http.http_user_agent"}, []string{"cs-user-agent", "http.http_user_agent"},
			[]string{"sc-status", "http.status"}, []string{"cs-referer", "http.http_refer"}, []string{"c-ip", "src_ip"})
		m.uriParts(m.Get("http.url"))
	case typ == "dns":
		m.sigma("suricata", "dns", typ)
		m.also([]string{"query", "dns.rrname", "dns.query.rrname", "dns.queries.rrname"},
			[]string{"record_type", "dns.rrtype", "dns.query.rrtype", "dns.queries.rrtype"},
			[]string{"answer", "dns.answers.rdata", "dns.rdata"})
	case typ == "flow" || typ == "netflow":
		m.sigma("suricata", "firewall", typ)
		m.also([]string{"dst_ip", "dest_ip"}, []string{"dst_port", "dest_port"}, []string{"action", "flow.action"})
	default:
		m.sigma("suricata", "", typ)
	}
}

// priority reads the order of Snort and Suricata: 1 high, 2 medium, 3 low, 4 none of these.
func priority(s string) casemate.Severity {
	switch s {
	case "1":
		return casemate.SeverityHigh
	case "2":
		return casemate.SeverityMedium
	case "3":
		return casemate.SeverityLow
	case "":
		return casemate.SeverityUnknown
	}
	return casemate.SeverityInformational
}

func joinName(what, detail string) string {
	if detail == "" {
		return what
	}
	return what + ": " + detail
}

// webObjects adds the names, links and files that Suricata decoded.
func (m *mapping) webObjects() {
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "dns.rrname", "dns.query.rrname", "dns.queries.rrname", "tls.sni")
	if host := m.Get("http.hostname"); host != "" {
		m.site(host)
		if path := m.Get("http.url"); strings.HasPrefix(path, "/") {
			m.entity(casemate.EntityURL, "http://"+host+path, casemate.RoleDestination)
		} else {
			m.entity(casemate.EntityURL, path, casemate.RoleDestination)
		}
	}
	m.entities(casemate.EntityFile, casemate.RoleNone, "fileinfo.filename")
	m.hashes("fileinfo.sha256", "fileinfo.sha1", "fileinfo.md5", "files.sha256")
	m.entities(casemate.EntityMail, casemate.RoleSource, "email.from", "smtp.mail_from")
	m.user(m.First("krb5.cname", "smb.ntlmssp.user", "ftp.user"), casemate.RoleActor)
}

// uriParts adds what Sigma calls the parts of the URL that was asked for.
func (m *mapping) uriParts(uri string) {
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		uri = rest
	}
	if slash := strings.IndexByte(uri, '/'); slash >= 0 {
		uri = uri[slash:]
	} else {
		return
	}
	stem, query, _ := strings.Cut(uri, "?")
	m.set("c-uri-stem", stem)
	m.set("cs-uri-stem", stem)
	m.set("c-uri-query", query)
	m.set("cs-uri-query", query)
	file := stem[strings.LastIndexByte(stem, '/')+1:]
	if dot := strings.LastIndexByte(file, '.'); dot >= 0 {
		m.set("c-uri-extension", file[dot+1:])
	}
}

// uriHost returns the host of a URL with or without a scheme, "" for a path.
func uriHost(uri string) string {
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		uri = rest
	}
	if end := strings.IndexAny(uri, "/?#"); end >= 0 {
		uri = uri[:end]
	}
	uri = uri[strings.LastIndexByte(uri, '@')+1:]
	if strings.Count(uri, ":") == 1 { // a port, not an IPv6 address
		uri, _, _ = strings.Cut(uri, ":")
	}
	return uri
}

// unquote removes the quotes that some firewalls put around a URL.
func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// site adds the host part of a request, which may be a name or an address.
func (m *mapping) site(host string) {
	if address(host) != "" {
		m.entity(casemate.EntityAddress, host, casemate.RoleDestination)
		return
	}
	host, _, _ = strings.Cut(host, ":")
	m.entity(casemate.EntityDomain, host, casemate.RoleDestination)
}

// zeekMarks tells the logs of Zeek apart by their own columns where a record
// does not name its log.
var zeekMarks = [...][2]string{
	{"note", "notice"}, {"qtype_name", "dns"}, {"qclass_name", "dns"}, {"query", "dns"}, {"conn_state", "conn"}, {"user_agent", "http"}, {"status_code", "http"},
	{"server_name", "ssl"}, {"cipher", "ssl"}, {"request_type", "kerberos"}, {"share_type", "smb_mapping"}, {"ntlm", "ntlm"},
	{"server_nb_computer_name", "ntlm"}, {"named_pipe", "dce_rpc"}, {"mime_type", "files"}, {"tx_hosts", "files"}, {"auth_success", "ssh"},
	{"certificate.serial", "x509"}, {"mailfrom", "smtp"}, {"method", "http"}, {"addl", "weird"}, {"fuid", "files"},
	{"assigned_addr", "dhcp"}, {"cookie", "rdp"}, {"community", "snmp"}, {"tunnel_type", "tunnel"}, {"machine", "pe"}, {"path", "smb_files"},
}

func isZeek(r *flat.Record) bool {
	if !r.Has("ts") {
		return false
	}
	return r.Has("_path") || r.Has("id.orig_h") || r.Has("id_orig_h") || r.Has("note") && r.Has("actions") || r.Has("fuid") && r.Has("source") || r.Has("uid") && r.Has("name")
}

func zeekLog(m *mapping) string {
	if path := m.Get("_path"); path != "" {
		return path
	}
	for _, mark := range zeekMarks {
		if m.Has(mark[0]) {
			return mark[1]
		}
	}
	return "conn"
}

// zeek reads the logs of Zeek, whose notices are its only judgements.
func zeek(m *mapping) {
	m.time("ts", "_write_ts")
	log := zeekLog(m)
	m.network(m.First("id.orig_h", "id_orig_h", "src", "tx_hosts", "client_addr"), m.First("id.resp_h", "id_resp_h", "dst", "rx_hosts"), m.First("_system_name", "peer_descr"))
	if log == "notice" {
		m.alert(m.Get("note"), m.Get("note"), strings.TrimSpace(m.Get("msg")+" "+m.Get("sub")), casemate.SeverityUnknown)
		m.a.Action = strings.TrimPrefix(m.Get("actions"), "Notice::")
	} else {
		m.event(log, "")
		if log == "weird" {
			m.a.Name = joinName(log, m.Get("name"))
		}
	}
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "query", "server_name")
	m.entities(casemate.EntityFile, casemate.RoleNone, "filename")
	m.hashes("sha256", "sha1", "md5")
	m.user(m.First("username", "client"), casemate.RoleActor)
	if host := m.Get("host"); host != "" && log == "http" {
		m.site(host)
		if uri := m.Get("uri"); strings.HasPrefix(uri, "/") {
			m.entity(casemate.EntityURL, "http://"+host+uri, casemate.RoleDestination)
		}
	}
	zeekSigma(m, log)
}

func zeekSigma(m *mapping, log string) {
	switch log {
	case "dns":
		m.sigma("zeek", "dns", log)
		m.also([]string{"record_type", "qtype_name"}, []string{"answer", "answers"})
	case "http":
		m.sigma("zeek", "proxy", log)
		m.also([]string{"c-uri", "uri"}, []string{"cs-uri", "uri"}, []string{"cs-host", "host"}, []string{"cs-method", "method"}, []string{"c-useragent", "user_agent"},
			[]string{"cs-user-agent", "user_agent"}, []string{"sc-status", "status_code"}, []string{"c-ip", "id.orig_h"})
		m.uriParts(m.Get("uri"))
	case "conn":
		m.sigma("zeek", "firewall", log)
		m.also([]string{"src_ip", "id.orig_h"}, []string{"dst_ip", "id.resp_h"}, []string{"dst_port", "id.resp_p"}, []string{"src_port", "id.orig_p"})
	default:
		m.sigma("zeek", "", log)
	}
}
