package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// flow is one connection, which several sensors may see.
type flow struct {
	start         time.Time
	duration      time.Duration
	from, to      *host // nil for a stranger
	src, dst      string
	sport, dport  int
	proto         string // tcp, udp
	service, name string // Zeek's service; the name the client asked for
	sent, got     int64  // payload bytes of client and server
	uid           string // Zeek's
	id            uint64 // Suricata's
	tx            int
}

// port hands out ephemeral ports of an address.
func (g *generator) port(ip string) int {
	if g.ports[ip] == 0 {
		g.ports[ip] = 49700 + g.rng.IntN(2000)
	}
	g.ports[ip] += g.between(1, 23)
	return g.ports[ip]
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// connect opens a flow. An end is a *host or, for a stranger, an address.
func (g *generator) connect(t time.Time, from, to any, dport int, service string, took time.Duration, sent, got int64) *flow {
	f := &flow{start: t, duration: took, dport: dport, proto: "tcp", service: service, sent: sent, got: got}
	f.from, f.src = end(from)
	f.to, f.dst = end(to)
	f.sport = g.port(f.src)
	if service == "dns" {
		f.proto = "udp"
	}
	var uid strings.Builder
	uid.WriteByte('C')
	for range 17 {
		uid.WriteByte(base62[g.rng.IntN(len(base62))])
	}
	f.uid = uid.String()
	f.id = uint64(g.rng.Int64N(2_000_000_000_000_000)) + 100_000_000_000_000
	return f
}

func end(v any) (*host, string) {
	if h, ok := v.(*host); ok {
		return h, h.ip
	}
	return nil, v.(string)
}

// community is the Community ID of the flow, version 1, seed 0.
func (f *flow) community() string {
	a, b := netip.MustParseAddr(f.src), netip.MustParseAddr(f.dst)
	p, q := f.sport, f.dport
	if c := a.Compare(b); c > 0 || c == 0 && p > q {
		a, b, p, q = b, a, q, p
	}
	proto := byte(6)
	if f.proto == "udp" {
		proto = 17
	}
	buf := append([]byte{0, 0}, a.AsSlice()...)
	buf = append(buf, b.AsSlice()...)
	buf = append(buf, proto, 0, byte(p>>8), byte(p), byte(q>>8), byte(q))
	sum := sha1.Sum(buf)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// packets estimates how many packets carry so many bytes.
func packets(bytes int64) int64 { return bytes/1320 + 4 }

// epoch is a time as Zeek writes it.
func epoch(t time.Time) jsonNumber {
	return jsonNumber(fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000))
}

// jsonNumber is a number that is written as it stands.
type jsonNumber string

// MarshalJSON writes the number.
func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// conn adds the flow to Zeek's conn.log.
func (g *generator) conn(f *flow) {
	o := O{"ts", epoch(f.start), "uid", f.uid, "id.orig_h", f.src, "id.orig_p", f.sport, "id.resp_h", f.dst,
		"id.resp_p", f.dport, "proto", f.proto}
	if f.service != "" {
		o = append(o, "service", f.service)
	}
	state, history := "SF", "ShADadFf"
	switch {
	case f.got == 0 && f.sent == 0:
		state, history = "REJ", "Sr"
	case f.proto == "udp":
		history = "Dd"
	}
	o = append(o, "duration", jsonNumber(fmt.Sprintf("%.6f", f.duration.Seconds())), "orig_bytes", f.sent, "resp_bytes", f.got,
		"conn_state", state, "local_orig", f.from != nil, "local_resp", f.to != nil, "missed_bytes", 0, "history", history,
		"orig_pkts", packets(f.sent), "orig_ip_bytes", f.sent+52*packets(f.sent),
		"resp_pkts", packets(f.got), "resp_ip_bytes", f.got+52*packets(f.got), "community_id", f.community())
	g.putJSON(fileConn, f.start, o)
}

// notice adds a line to Zeek's notice.log.
func (g *generator) notice(t time.Time, f *flow, note, msg, sub, src, dst string, port int) {
	o := O{"ts", epoch(t)}
	if f != nil {
		o = append(o, "uid", f.uid, "id.orig_h", f.src, "id.orig_p", f.sport, "id.resp_h", f.dst, "id.resp_p", f.dport, "proto", f.proto)
	}
	o = append(o, "note", note, "msg", msg)
	if sub != "" {
		o = append(o, "sub", sub)
	}
	o = append(o, "src", src)
	if dst != "" {
		o = append(o, "dst", dst)
	}
	if port != 0 {
		o = append(o, "p", port)
	}
	g.putJSON(fileNotice, t, append(o, "actions", L{"Notice::ACTION_LOG"}, "email_dest", L{}, "suppress_for", jsonNumber("3600.0")))
}

// suricataTime is a time as EVE writes it.
func suricataTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000-0700") }

// eve is the common beginning of an EVE record.
func (g *generator) eve(f *flow, t time.Time, kind string) O {
	return O{"timestamp", suricataTime(t), "flow_id", f.id, "in_iface", "ens5", "event_type", kind,
		"src_ip", f.src, "src_port", f.sport, "dest_ip", f.dst, "dest_port", f.dport, "proto", strings.ToUpper(f.proto),
		"pkt_src", "wire/pcap", "community_id", f.community()}
}

// request is an HTTP request and its answer.
type request struct {
	host, url, agent, method, kind, referer string
	status, length                          int
}

func (r *request) object() O {
	o := O{"hostname", r.host, "url", r.url, "http_user_agent", r.agent}
	if r.kind != "" {
		o = append(o, "http_content_type", r.kind)
	}
	if r.referer != "" {
		o = append(o, "http_refer", r.referer)
	}
	return append(o, "http_method", r.method, "protocol", "HTTP/1.1", "status", r.status, "length", r.length)
}

// signature is a rule of the sensor.
type signature struct {
	id, rev        int
	name, category string
	severity       int
	grade          string // signature_severity of the metadata
	techniques     []string
}

// The classes of Suricata's classification.config that the day uses.
const (
	classTrojan   = "A Network Trojan was detected"
	classC2       = "Malware Command and Control Activity Detected"
	classWeb      = "Web Application Attack"
	classAdmin    = "Attempted Administrator Privilege Gain"
	classRecon    = "Attempted Information Leak"
	classBad      = "Potentially Bad Traffic"
	classPrivacy  = "Potential Corporate Privacy Violation"
	classScan     = "Detection of a Network Scan"
	classMisc     = "Misc activity"
	classProtocol = "Generic Protocol Command Decode"
	classNone     = "Not Suspicious Traffic"
)

// flagged adds an alert on a flow; app is its application object: nil, *request, or an O of key and value.
func (g *generator) flagged(f *flow, t time.Time, s signature, action string, app any) {
	o := g.eve(f, t, "alert")
	meta := O{"created_at", L{fmt.Sprintf("%d_%02d_%02d", 2010+s.id%14, 1+s.id%12, 1+s.id%28)},
		"signature_severity", L{s.grade}, "updated_at", L{"2025_10_14"}}
	if len(s.techniques) > 0 {
		meta = append(meta, "mitre_technique_id", s.techniques)
	}
	alert := O{"action", action, "gid", 1, "signature_id", s.id, "rev", s.rev, "signature", s.name, "category", s.category,
		"severity", s.severity, "metadata", meta}
	o = append(o, "tx_id", f.tx, "alert", alert)
	proto := f.service
	switch a := app.(type) {
	case *request:
		o = append(o, "http", a.object())
		proto = "http"
	case O:
		o = append(o, a...)
	}
	switch {
	case strings.Contains(proto, "smb"):
		proto = "smb"
	case proto == "ssl":
		proto = "tls"
	case proto == "":
		proto = "failed"
	}
	up, down := f.sent*int64(g.between(20, 100))/100, f.got*int64(g.between(20, 100))/100
	g.putJSON(fileSuricata, t, append(o, "app_proto", proto, "direction", "to_server",
		"flow", O{"pkts_toserver", packets(up), "pkts_toclient", packets(down), "bytes_toserver", up + 66*packets(up),
			"bytes_toclient", down + 66*packets(down), "start", suricataTime(f.start),
			"src_ip", f.src, "dest_ip", f.dst, "src_port", f.sport, "dest_port", f.dport}, "host", sensor.name))
}

// eveHTTP adds an http event of the flow.
func (g *generator) eveHTTP(f *flow, t time.Time, r *request) {
	g.putJSON(fileSuricata, t, append(g.eve(f, t, "http"), "tx_id", f.tx, "http", r.object(), "host", sensor.name))
}

// eveTLS adds a tls event of the flow.
func (g *generator) eveTLS(f *flow, issuer, ja3 string) {
	t := f.start.Add(70 * time.Millisecond)
	g.putJSON(fileSuricata, t, append(g.eve(f, t, "tls"), "tls", tlsObject(f, issuer, ja3), "host", sensor.name))
}

func tlsObject(f *flow, issuer, ja3 string) O {
	return O{"subject", "CN=" + f.name, "issuerdn", issuer, "serial", colons(digest(9, "serial", f.name)),
		"fingerprint", colons(digest(20, "cert", f.name)), "sni", f.name, "version", "TLS 1.2",
		"notbefore", "2026-02-19T08:12:44", "notafter", "2026-05-20T08:12:43",
		"ja3", O{"hash", digest(16, "ja3", ja3)}, "ja3s", O{"hash", digest(16, "ja3s", issuer)}}
}

// colons writes hexadecimal in pairs, as certificates are printed.
func colons(hex string) string {
	var b strings.Builder
	for i := 0; i < len(hex); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(hex[i : i+2]))
	}
	return b.String()
}

// question is the dns object of a query.
func (g *generator) question(name, kind string) O {
	return O{"type", "query", "id", g.between(1000, 65000), "rrname", name, "rrtype", kind, "tx_id", 0, "opcode", 0}
}

// asked adds a dns event of the flow.
func (g *generator) asked(f *flow, name, kind string) {
	t := f.start
	g.putJSON(fileSuricata, t, append(g.eve(f, t, "dns"), "dns", g.question(name, kind), "host", sensor.name))
}
