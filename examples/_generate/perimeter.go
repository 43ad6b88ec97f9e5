package main

import (
	"fmt"
	"strings"
	"time"
)

// syslogHead is the head of RFC 3164, which knows no year.
func syslogHead(pri int, t time.Time, host string) string {
	return fmt.Sprintf("<%d>%s %s ", pri, t.Format(time.Stamp), host)
}

// panTime is a time as the firewall writes it.
func panTime(t time.Time) string { return t.Format("Jan 02 2006 15:04:05") + " GMT" }

// cefValue escapes a value of a CEF extension.
func cefValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\n", `\n`).Replace(s)
}

// policy is how the firewall judged a flow.
type policy struct {
	rule, app, category string // security rule, App-ID, URL category
	action              string // allow, deny, drop
	from, to            string // zones
	user                string
}

// traffic adds the end of a flow to the firewall's log: a CEF line behind a
// syslog head, in the field order that the vendor documents for its TRAFFIC log.
func (g *generator) traffic(f *flow, p policy) {
	t := f.start.Add(f.duration).Truncate(time.Second)
	kind, translated := "end", "0.0.0.0"
	if p.action != "allow" {
		kind = p.action
	}
	if p.to == "untrust" && p.action == "allow" {
		translated = egressIP
	}
	ext := []string{"rt=" + panTime(t), "deviceExternalId=013201004417", "src=" + f.src, "dst=" + f.dst,
		"sourceTranslatedAddress=" + translated, "destinationTranslatedAddress=0.0.0.0", "cs1Label=Rule", "cs1=" + p.rule,
		"suser=" + cefValue(p.user), "duser=", "app=" + p.app, "cs3Label=Virtual System", "cs3=vsys1",
		"cs4Label=Source Zone", "cs4=" + p.from, "cs5Label=Destination Zone", "cs5=" + p.to,
		"deviceInboundInterface=ethernet1/2", "deviceOutboundInterface=ethernet1/1", "cs6Label=LogProfile", "cs6=siem",
		fmt.Sprintf("cn1Label=SessionID cn1=%s cnt=1 spt=%d dpt=%d", counts("session "+firewall.name, 481200).text(), f.sport, f.dport),
		"sourceTranslatedPort=0 destinationTranslatedPort=0 flexString1Label=Flags flexString1=0x400053",
		"proto=" + f.proto, "act=" + p.action, fmt.Sprintf("flexNumber1Label=Total bytes flexNumber1=%d in=%d out=%d", f.sent+f.got, f.sent, f.got),
		fmt.Sprintf("cn2Label=Packets cn2=%d PanOSPacketsReceived=%d PanOSPacketsSent=%d", packets(f.sent)+packets(f.got), packets(f.got), packets(f.sent)),
		"start=" + panTime(f.start), fmt.Sprintf("cn3Label=Elapsed time in seconds cn3=%d", int(f.duration.Seconds())),
		"cs2Label=URL Category cs2=" + p.category, "externalId=" + counts("log "+firewall.name, 7002264000).text()}
	g.put(fileCEF, t, syslogHead(134, t, firewall.name)+"CEF:0|Palo Alto Networks|PAN-OS|10.2.9|"+kind+"|TRAFFIC|1|"+strings.Join(ext, " "))
}

// threat adds a detection of the firewall. The level counts from 1 (informational) to 5 (critical).
func (g *generator) threat(f *flow, t time.Time, level int, id, class, request string, p policy) {
	t = t.Truncate(time.Second)
	ext := []string{"rt=" + panTime(t), "deviceExternalId=013201004417", "src=" + f.src, "dst=" + f.dst,
		"sourceTranslatedAddress=0.0.0.0 destinationTranslatedAddress=0.0.0.0", "cs1Label=Rule", "cs1=" + p.rule,
		"suser=" + cefValue(p.user), "duser=", "app=" + p.app, "cs3Label=Virtual System cs3=vsys1",
		"cs4Label=Source Zone", "cs4=" + p.from, "cs5Label=Destination Zone", "cs5=" + p.to,
		fmt.Sprintf("cn1Label=SessionID cn1=%s cnt=1 spt=%d dpt=%d", counts("session "+firewall.name, 481200).text(), f.sport, f.dport),
		"flexString1Label=Flags flexString1=0x2000", "proto=" + f.proto, "act=" + p.action, `request="` + cefValue(request) + `"`,
		"cs2Label=URL Category cs2=" + p.category, "flexString2Label=Direction flexString2=client-to-server",
		"externalId=" + counts("log "+firewall.name, 7002264000).text(), "cat=" + cefValue(id)}
	g.put(fileCEF, t, syslogHead(132, t, firewall.name)+"CEF:0|Palo Alto Networks|PAN-OS|10.2.9|"+class+"|THREAT|"+
		fmt.Sprint(level)+"|"+strings.Join(ext, " "))
}

// visit is a web transaction as the proxy sees it.
type visit struct {
	login, url, agent, method string
	code                      int
	action, reason            string // Allowed or Blocked, and why
	category, class, threat   string
	risk                      int
	app, kind                 string
}

// visited adds a transaction to the proxy's log: LEEF 1.0 behind a syslog head, with tabs between fields.
func (g *generator) visited(f *flow, v visit) {
	t := f.start.Add(min(f.duration, 90*time.Minute)).Truncate(time.Second)
	proto, host := "HTTP", v.url
	if f.dport == 443 {
		proto = "HTTPS"
	}
	if i := strings.IndexByte(host, '/'); i >= 0 {
		host = host[:i]
	}
	threat := v.threat
	if threat == "" {
		threat = "None"
	}
	fields := []string{"cat=" + v.action, "devTime=" + t.Format("Jan 02 2006 15:04:05") + " GMT", "devTimeFormat=MMM dd yyyy HH:mm:ss z",
		"src=" + f.src, "dst=" + f.dst, "srcPostNAT=" + egressIP, "realm=Tarnholm HQ", "usrName=" + v.login,
		fmt.Sprintf("srcBytes=%d", f.sent), fmt.Sprintf("dstBytes=%d", f.got), "role=Default Department", "policy=" + v.reason,
		"url=" + v.url, "recordid=" + counts("proxy", 7189005517330000).text(), "bwthrottle=NO", "useragent=" + v.agent, "referer=None",
		"hostname=" + host, "appproto=" + proto, "urlcategory=" + v.category, "urlsupercategory=" + v.class, "urlclass=Business Use",
		"appclass=General Browsing", "appname=" + v.app, "malwaretype=Clean Transaction", "malwareclass=Clean Transaction",
		"threatname=" + threat, fmt.Sprintf("riskscore=%d", v.risk), "dlpdict=None", "dlpeng=None", "fileclass=None", "filetype=" + v.kind,
		"reqmethod=" + v.method, fmt.Sprintf("respcode=%d", v.code)}
	g.put(fileLEEF, t, syslogHead(13, t, proxy.name)+"LEEF:1.0|Zscaler|NSS|6.1|"+v.reason+"|"+strings.Join(fields, "\t"))
}
