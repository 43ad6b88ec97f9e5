package examples_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// need reports the keys that an object lacks.
func need(t *testing.T, name string, e entry, m any, keys ...string) {
	t.Helper()
	for _, k := range keys {
		o, _ := m.(map[string]any)
		if _, ok := o[k]; !ok {
			t.Errorf("%s:%d: no %q", name, e.line, k)
		}
	}
}

// TestSchemas checks that each record has the fields that its product always writes.
func TestSchemas(t *testing.T) {
	all := files(t)
	for _, e := range all["suricata-eve.json"] {
		kind := text(e.json, "event_type")
		need(t, "suricata", e, e.json, "timestamp", "flow_id", "event_type", "src_ip", "src_port", "dest_ip", "dest_port", "proto", kind)
		if kind == "alert" {
			need(t, "suricata", e, e.json["alert"], "action", "gid", "signature_id", "rev", "signature", "category", "severity")
			need(t, "suricata", e, e.json["flow"], "start", "bytes_toserver", "bytes_toclient")
		}
	}
	for _, e := range all["windows-sysmon.jsonl"] {
		log := at(e.json, "winlog")
		need(t, "windows", e, log, "channel", "provider_name", "event_id", "record_id", "computer_name", "provider_guid")
		if text(log, "event_id") == "1102" {
			need(t, "windows", e, at(log, "user_data"), "SubjectUserName", "SubjectUserSid")
			continue
		}
		need(t, "windows", e, log, "event_data")
		for k, v := range at(log, "event_data").(map[string]any) {
			if _, ok := v.(string); !ok {
				t.Errorf("windows:%d: %s is not a string, as Winlogbeat writes event data", e.line, k)
			}
		}
		if guid := text(log, "provider_guid"); !guidForm.MatchString(guid) {
			t.Errorf("windows:%d: provider_guid %q", e.line, guid)
		}
	}
	for _, e := range all["wazuh-alerts.json"] {
		need(t, "wazuh", e, e.json, "timestamp", "rule", "agent", "manager", "id", "decoder", "location")
		need(t, "wazuh", e, e.json["rule"], "level", "description", "id", "groups", "firedtimes", "mail")
		if sec, _, _ := strings.Cut(text(e.json, "id"), "."); sec != epochSeconds(e.when) {
			t.Errorf("wazuh:%d: id %s is not of %v", e.line, text(e.json, "id"), e.when)
		}
	}
	for _, e := range all["zeek-conn.json"] {
		need(t, "conn", e, e.json, "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "conn_state", "history")
	}
	for _, e := range all["zeek-notice.json"] {
		need(t, "notice", e, e.json, "ts", "note", "msg", "src", "actions", "suppress_for")
	}
	for _, e := range all["cloudtrail.json"] {
		need(t, "cloudtrail", e, e.json, "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
			"userAgent", "requestParameters", "responseElements", "requestID", "eventID", "eventType", "recipientAccountId", "eventCategory")
		need(t, "cloudtrail", e, e.json["userIdentity"], "type", "principalId", "arn", "accountId")
	}
	for _, e := range all["guardduty.json"] {
		need(t, "guardduty", e, e.json, "AccountId", "Arn", "Id", "Type", "Title", "Description", "Severity", "Resource", "Service", "Region", "SchemaVersion", "UpdatedAt")
		if first := mustTime(t, time.RFC3339, text(e.json, "Service", "EventFirstSeen")); first.After(e.when) {
			t.Errorf("guardduty:%d: first seen %v, created %v", e.line, first, e.when)
		}
	}
	for _, e := range all["defender-alerts.json"] {
		need(t, "defender", e, e.json, "id", "title", "severity", "category", "serviceSource", "detectionSource", "mitreTechniques", "createdDateTime", "firstActivityDateTime", "evidence")
		for _, item := range at(e.json, "evidence").([]any) {
			if !strings.HasPrefix(text(item, "@odata.type"), "#microsoft.graph.security.") {
				t.Errorf("defender:%d: evidence of type %q", e.line, text(item, "@odata.type"))
			}
		}
	}
	for _, e := range all["ocsf-findings.json"] {
		need(t, "ocsf", e, e.json, "class_uid", "type_uid", "activity_id", "category_uid", "severity_id", "time", "metadata", "finding_info")
		if number(t, e.json, "type_uid") != number(t, e.json, "class_uid")*100+number(t, e.json, "activity_id") {
			t.Errorf("ocsf:%d: type_uid is not class_uid x 100 + activity_id", e.line)
		}
	}
	for _, e := range all["elastic-alerts.ndjson"] {
		need(t, "elastic", e, e.json, "_index", "_id", "_source")
		need(t, "elastic", e, e.json["_source"], "@timestamp", "kibana.alert.rule.name", "kibana.alert.severity", "kibana.alert.uuid", "kibana.alert.original_time", "event", "host")
	}
}

func epochSeconds(when time.Time) string {
	b, _ := json.Marshal(when.Unix())
	return string(b)
}

// TestCEF parses the firewall's lines: seven header fields, then keys and values.
func TestCEF(t *testing.T) {
	key := regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`)
	for _, e := range files(t)["firewall.cef"] {
		_, body, ok := strings.Cut(e.text, "CEF:0|")
		parts := strings.SplitN(body, "|", 7)
		if !ok || len(parts) != 7 {
			t.Errorf("firewall.cef:%d: not a CEF header", e.line)
			continue
		}
		fields := map[string]string{}
		at := key.FindAllStringSubmatchIndex(parts[6], -1)
		for i, m := range at {
			end := len(parts[6])
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			fields[parts[6][m[2]:m[3]]] = parts[6][m[1]:end]
		}
		for _, k := range []string{"rt", "src", "dst", "spt", "dpt", "proto", "act", "cs1Label", "cs1"} {
			if fields[k] == "" {
				t.Errorf("firewall.cef:%d: no %s", e.line, k)
			}
		}
		if rt := mustTime(t, "Jan 02 2006 15:04:05 MST", fields["rt"]); !rt.Equal(e.when) {
			t.Errorf("firewall.cef:%d: rt %v, syslog head %v", e.line, rt, e.when)
		}
		for k := range fields {
			if strings.HasPrefix(k, "cs") && !strings.HasSuffix(k, "Label") && fields[k+"Label"] == "" {
				t.Errorf("firewall.cef:%d: %s has no label", e.line, k)
			}
		}
	}
}

// TestLEEF parses the proxy's lines: five header fields, then keys and values between tabs.
func TestLEEF(t *testing.T) {
	for _, e := range files(t)["proxy.leef"] {
		_, body, ok := strings.Cut(e.text, "LEEF:1.0|")
		parts := strings.SplitN(body, "|", 5)
		if !ok || len(parts) != 5 {
			t.Errorf("proxy.leef:%d: not a LEEF header", e.line)
			continue
		}
		fields := map[string]string{}
		for _, f := range strings.Split(parts[4], "\t") {
			k, v, ok := strings.Cut(f, "=")
			if !ok {
				t.Errorf("proxy.leef:%d: field %q", e.line, f)
			}
			fields[k] = v
		}
		if when := mustTime(t, "Jan 02 2006 15:04:05 MST", fields["devTime"]); !when.Equal(e.when) {
			t.Errorf("proxy.leef:%d: devTime %v, syslog head %v", e.line, when, e.when)
		}
		if fields["cat"] == "" || fields["usrName"] == "" || fields["url"] == "" || !strings.HasPrefix(fields["url"], fields["hostname"]) {
			t.Errorf("proxy.leef:%d: cat %q, usrName %q, url %q, hostname %q", e.line, fields["cat"], fields["usrName"], fields["url"], fields["hostname"])
		}
	}
}

// TestAudit checks that the records of an event tell one story: arguments and
// process title agree, in text or hexadecimal.
func TestAudit(t *testing.T) {
	arg := regexp.MustCompile(`a\d+=("[^"]*"|[0-9A-F]+)`)
	title := regexp.MustCompile(`proctitle=([0-9A-F]+)`)
	for _, e := range files(t)["auditd.log"] {
		var argv []string
		var kinds []string
		for _, l := range strings.Split(e.text, "\n") {
			m := auditLine.FindStringSubmatch(l)
			kinds = append(kinds, m[2])
			if m[2] != "EXECVE" {
				continue
			}
			for _, a := range arg.FindAllStringSubmatch(m[6], -1) {
				s := strings.Trim(a[1], `"`)
				if a[1][0] != '"' {
					b, err := hex.DecodeString(a[1])
					if err != nil {
						t.Errorf("auditd.log:%d: %v", e.line, err)
					}
					s = string(b)
				}
				argv = append(argv, s)
			}
		}
		if !slices.Contains(kinds, "SYSCALL") || !slices.Contains(kinds, "PROCTITLE") {
			t.Errorf("auditd.log:%d: records %v", e.line, kinds)
		}
		b, err := hex.DecodeString(title.FindStringSubmatch(e.text)[1])
		if err != nil {
			t.Errorf("auditd.log:%d: %v", e.line, err)
		}
		if got := strings.Split(string(b), "\x00"); argv != nil && !slices.Equal(got, argv) {
			t.Errorf("auditd.log:%d: EXECVE %q, PROCTITLE %q", e.line, argv, got)
		}
	}
}

// unpack decodes what PowerShell's -EncodedCommand was given.
func unpack(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b)%2 != 0 {
		t.Errorf("encoded command %.40q: %v, %d bytes", s, err, len(b))
		return ""
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
	}
	return string(utf16.Decode(units))
}

var encodedCommand = regexp.MustCompile(`(?i)-enc(?:odedcommand)? ([A-Za-z0-9+/=]{24,})`)

// TestEncoded decodes what is encoded: commands, DNS labels.
func TestEncoded(t *testing.T) {
	commands := 0
	for name, entries := range files(t) {
		for _, e := range entries {
			for _, m := range encodedCommand.FindAllStringSubmatch(e.text, -1) {
				commands++
				got := unpack(t, m[1])
				if !strings.Contains(got, "iwr ") && !strings.Contains(got, "Get-HotFix") {
					t.Errorf("%s:%d: encoded command %q", name, e.line, got)
				}
			}
		}
	}
	if commands < 5 {
		t.Errorf("%d encoded commands, want at least 5", commands)
	}
	tunnels := 0
	for _, e := range files(t)["suricata-eve.json"] {
		name := text(e.json, "dns", "rrname")
		label, rest, _ := strings.Cut(name, ".")
		if rest != "t.telemetry-edge.example.org" {
			continue
		}
		tunnels++
		if b, err := hex.DecodeString(label); err != nil || len(label) > 63 || !strings.Contains(string(b), "FIN-WS-014") {
			t.Errorf("suricata-eve.json:%d: label %q decodes to %q, %v", e.line, label, b, err)
		}
	}
	if tunnels != 3 {
		t.Errorf("%d tunnel queries, want 3", tunnels)
	}
}

// TestHashes checks the lengths of digests and that a file has the same ones everywhere.
func TestHashes(t *testing.T) {
	form := regexp.MustCompile(`^MD5=[0-9A-F]{32},SHA256=[0-9A-F]{64},IMPHASH=[0-9A-F]{32}$`)
	known := map[string]string{}
	same := func(where, file, sum string) {
		file, sum = strings.ToLower(file), strings.ToLower(sum)
		if old, seen := known[file]; seen && old != sum {
			t.Errorf("%s: SHA-256 of %s is %s, elsewhere %s", where, file, sum, old)
		}
		known[file] = sum
	}
	all := files(t)
	for _, e := range all["windows-sysmon.jsonl"] {
		data := at(e.json, "winlog", "event_data")
		if h := text(data, "Hashes"); h != "" {
			if !form.MatchString(h) {
				t.Errorf("windows:%d: hashes %q", e.line, h)
				continue
			}
			same("windows", text(data, "Image"), h[len("MD5=")+32+len(",SHA256="):][:64])
		}
	}
	hexOf := func(n int, s string) bool { b, err := hex.DecodeString(s); return err == nil && len(b) == n }
	for _, e := range all["defender-alerts.json"] {
		for _, item := range at(e.json, "evidence").([]any) {
			for _, key := range []string{"imageFile", "parentProcessImageFile", "fileDetails"} {
				f := at(item, key)
				if f == nil {
					continue
				}
				if !hexOf(20, text(f, "sha1")) || !hexOf(32, text(f, "sha256")) {
					t.Errorf("defender:%d: digests %q %q", e.line, text(f, "sha1"), text(f, "sha256"))
				}
				if dir := text(f, "filePath"); dir != "" {
					same("defender", dir+`\`+text(f, "fileName"), text(f, "sha256"))
				}
			}
		}
	}
	for _, e := range all["elastic-alerts.ndjson"] {
		p := at(e.json, "_source", "process")
		if !hexOf(16, text(p, "hash", "md5")) || !hexOf(20, text(p, "hash", "sha1")) || !hexOf(32, text(p, "hash", "sha256")) {
			t.Errorf("elastic:%d: digests %v", e.line, at(p, "hash"))
		}
		same("elastic", text(p, "executable"), text(p, "hash", "sha256"))
	}
	for _, e := range all["wazuh-alerts.json"] {
		if c := at(e.json, "syscheck"); c != nil && (!hexOf(16, text(c, "md5_after")) || !hexOf(20, text(c, "sha1_after")) || !hexOf(32, text(c, "sha256_after"))) {
			t.Errorf("wazuh:%d: digests %v", e.line, c)
		}
	}
}

// reserved are the ranges that an address of the day may come from: RFC 1918,
// RFC 5737, loopback and the unspecified address.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("0.0.0.0/32"),
}

// TestNobodyIsNamed checks that every address is private or for documentation,
// and that every URL and mail address is under a reserved name or one that the
// format itself prescribes.
func TestNobodyIsNamed(t *testing.T) {
	address := regexp.MustCompile(`(^|[^\d./\w-])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})($|[^\d.\w])`)
	named := regexp.MustCompile(`(?:https?://|[\w.+-]+@)([A-Za-z0-9.-]+\.[A-Za-z]{2,})`)
	version := regexp.MustCompile(`"(?:fileVersion|FileVersion)":"[^"]*"`)
	prescribed := []string{"graph.microsoft.com", "security.microsoft.com", "attack.mitre.org", "schemas.microsoft.com"}
	free := regexp.MustCompile(`(?i)(^|\.)(example|example\.(com|net|org))$`)
	check := func(name string, data []byte) {
		data = version.ReplaceAll(data, nil)
		for _, m := range address.FindAllSubmatch(data, -1) {
			a, err := netip.ParseAddr(string(m[2]))
			if err != nil || !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) }) {
				t.Errorf("%s: address %s is neither private nor for documentation", name, m[2])
			}
		}
		for _, m := range named.FindAllSubmatch(data, -1) {
			if host := string(m[1]); !free.MatchString(host) && !slices.Contains(prescribed, host) {
				t.Errorf("%s: name %s is not reserved", name, host)
			}
		}
	}
	paths, err := filepath.Glob(filepath.Join(day, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(paths, "assets.csv", "suppress.yaml", "suspicious.txt") {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		check(p, data)
	}
}

// TestAssets checks the inventory: known words, no machine twice, and no
// address that belongs to another machine in the records.
func TestAssets(t *testing.T) {
	data, err := os.ReadFile("assets.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "host,criticality,exposure,owner,address" {
		t.Fatalf("assets.csv begins with %q", got)
	}
	address := map[string]string{}
	for _, r := range rows[1:] {
		host := strings.ToLower(r[0])
		if address[host] != "" {
			t.Errorf("%s stands twice", r[0])
		}
		address[host] = r[4]
		if !slices.Contains([]string{"low", "medium", "high", "critical"}, r[1]) || !slices.Contains([]string{"internal", "internet"}, r[2]) || r[3] == "" {
			t.Errorf("row %q", r)
		}
	}
	if len(address) < 12 {
		t.Errorf("%d machines, want a dozen", len(address))
	}
	for _, e := range files(t)["wazuh-alerts.json"] {
		host := strings.ToLower(text(e.json, "agent", "name"))
		if address[host] != text(e.json, "agent", "ip") {
			t.Errorf("wazuh:%d: agent %s has address %s, the inventory %s", e.line, host, text(e.json, "agent", "ip"), address[host])
		}
	}
}

// TestSuppress checks the analysts' list as far as lines can: ids, keys, dates.
func TestSuppress(t *testing.T) {
	data, err := os.ReadFile("suppress.yaml")
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"id", "reason", "author", "expires", "match", "name", "rule", "host", "user", "address"}
	entry := regexp.MustCompile(`^\s+(?:- )?([a-z]+):\s*(.*)$`)
	ids := map[string]bool{}
	expired := 0
	for i, l := range strings.Split(string(data), "\n") {
		if l == "" || l == "suppress:" || strings.HasPrefix(strings.TrimSpace(l), "#") {
			continue
		}
		m := entry.FindStringSubmatch(l)
		if m == nil || !slices.Contains(keys, m[1]) {
			t.Errorf("suppress.yaml:%d: %q", i+1, l)
			continue
		}
		switch m[1] {
		case "id":
			if ids[m[2]] {
				t.Errorf("suppress.yaml:%d: id %s twice", i+1, m[2])
			}
			ids[m[2]] = true
		case "expires":
			if mustTime(t, time.DateOnly, m[2]).Before(dayStart) {
				expired++
			}
		}
	}
	if len(ids) < 5 || expired != 1 {
		t.Errorf("%d entries, %d expired on the day; want several and one", len(ids), expired)
	}
}

// TestSuspicious decodes what the snippets hide.
func TestSuspicious(t *testing.T) {
	data, err := os.ReadFile("suspicious.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(data), "### ")[1:]
	if len(blocks) < 12 {
		t.Errorf("%d snippets, want a dozen", len(blocks))
	}
	m := encodedCommand.FindStringSubmatch(string(data))
	if m == nil || !strings.Contains(unpack(t, m[1]), "DownloadFile") {
		t.Errorf("the encoded PowerShell does not decode")
	}
	jwt := regexp.MustCompile(`(eyJ[\w-]+)\.(eyJ[\w-]+)\.`).FindStringSubmatch(string(data))
	if jwt == nil {
		t.Fatal("no token")
	}
	for _, part := range jwt[1:] {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !json.Valid(b) {
			t.Errorf("token part %q: %v", part, err)
		}
	}
}
