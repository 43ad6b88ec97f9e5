package evidence_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
)

const (
	suricata = `{"timestamp":"2024-08-07T13:30:12.5+0000","event_type":"alert","src_ip":"10.0.0.2","dest_ip":"192.0.2.2","alert":{"signature":"S1","signature_id":9,"severity":2}}`
	wazuh    = `{"timestamp":"2024-08-07T13:31:00.0+0000","rule":{"level":10,"id":"5712","description":"W1"},"agent":{"name":"db01"}}`
	trail    = `{"eventVersion":"1.0","eventTime":"2024-08-07T13:32:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"x"}`
)

// options date what has no year, and let nothing depend on the clock.
var options = evidence.Options{Reference: time.Date(2024, 8, 8, 0, 0, 0, 0, time.UTC)}

// from reads a text and returns its alerts, which may be none.
func from(t testing.TB, name, text string, opt evidence.Options) ([]*casemate.Alert, evidence.Summary) {
	t.Helper()
	var alerts []*casemate.Alert
	sum, err := evidence.ReadFrom(t.Context(), strings.NewReader(text), name, opt, func(a *casemate.Alert) error {
		alerts = append(alerts, a)
		return nil
	})
	var coded *casemate.Error
	if err != nil && (!errors.As(err, &coded) || coded.Code != casemate.CodeInput || len(alerts) > 0) {
		t.Fatalf("ReadFrom: %v with %d alerts", err, len(alerts))
	}
	if sum.Records != len(alerts) {
		t.Errorf("the summary counts %d records, %d were given", sum.Records, len(alerts))
	}
	faults := 0
	for _, f := range sum.Files {
		faults += f.Faults
	}
	if faults != sum.FaultCount {
		t.Errorf("the files have %d faults, the summary %d", faults, sum.FaultCount)
	}
	return alerts, sum
}

// list writes "place format name" for each alert.
func list(alerts []*casemate.Alert) []string {
	out := []string{}
	for _, a := range alerts {
		out = append(out, fmt.Sprintf("%s %s %.80s", a.At, a.Format, a.Name))
	}
	return out
}

func TestLayouts(t *testing.T) {
	indent := "[\n  {\n    \"title\": \"A\"\n  },\n  {\n    \"title\": \"B\",\n    \"list\": [\n      {\"x\": 1}\n    ]\n  }\n]\n"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"lines of many products", suricata + "\n" + wazuh + "\r\n\n" + trail + "\n", []string{"f:1 suricata-eve S1", "f:2 wazuh W1", "f:4 aws-cloudtrail CreateUser"}},
		{"no line end", suricata, []string{"f:1 suricata-eve S1"}},
		{"array in one line", "[" + suricata + "," + wazuh + "]", []string{"f:1 suricata-eve S1", "f#2 wazuh W1"}},
		{"array in lines", "[\n" + suricata + ",\n" + wazuh + "\n]", []string{"f:2 suricata-eve S1", "f:3 wazuh W1"}},
		{"indented array", indent, []string{"f:2 json A", "f:5 json B"}},
		{"indented objects", "{\n \"title\": \"A\"\n}\n{\n \"title\": \"B\"\n}", []string{"f:1 json A", "f:4 json B"}},
		{"concatenated", suricata + wazuh + " " + trail, []string{"f:1 suricata-eve S1", "f#2 wazuh W1", "f#3 aws-cloudtrail CreateUser"}},
		{"text sequence", "\x1e" + suricata + "\n\x1e" + wazuh + "\n", []string{"f:1 suricata-eve S1", "f:2 wazuh W1"}},
		{"cloudtrail file", `{"Records":[` + trail + `,` + trail + `]}`, []string{"f:1 aws-cloudtrail CreateUser", "f#2 aws-cloudtrail CreateUser"}},
		{"cloudtrail files joined", `{"Records":[` + trail + "]}\n{\"Records\":[" + trail + `]}`, []string{"f:1 aws-cloudtrail CreateUser", "f:2 aws-cloudtrail CreateUser"}},
		{"graph", `{"@odata.context":"c","value":[{"title":"G","severity":"high","serviceSource":"x"}],"@odata.nextLink":"n"}`, []string{"f:1 ms-graph-alert G"}},
		{"elasticsearch", `{"took":1,"timed_out":false,"_shards":{"total":1},"hits":{"total":{"value":1},"max_score":1,"hits":[{"_index":"i","_id":"1","_source":` + wazuh + `}]},"aggregations":{"a":[1]}}`, []string{"f:1 wazuh W1"}},
		{"security hub", `{"Findings":[{"ProductArn":"p","GeneratorId":"g","Title":"T"}]}`, []string{"f:1 aws-securityhub T"}},
		{"splunk results", `{"preview":false,"init_offset":0,"messages":[],"results":[{"search_name":"N","urgency":"high"}]}`, []string{"f:1 splunk-notable N"}},
		{"splunk lines", `{"preview":false,"offset":0,"result":{"search_name":"N","urgency":"high"}}`, []string{"f:1 splunk-notable N"}},
		{"empty envelope and a line", "{\"value\":[]}\n" + wazuh, []string{"f:2 wazuh W1"}},
		{"a record with an array is no envelope", `{"title":"A","value":[{"x":1}]}`, []string{"f:1 json A"}},
		{"utf-8 mark", "\xef\xbb\xbf" + wazuh, []string{"f:1 wazuh W1"}},
		{"sudo in a field", `{"log_id":"1","statement":"Aug 07 13:30:12 mail01 sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/id","label":"x"}`, []string{"f:1 syslog-rfc3164 sudo"}},
		{"objects and lines of text", wazuh + "\nAug  7 13:30:12 web1 sshd[7]: Failed password for root from 198.51.100.4 port 22 ssh2\n", []string{"f:1 wazuh W1", "f:2 syslog-rfc3164 ssh-login-failed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, sum := from(t, "f", tt.text, options)
			if diff := cmp.Diff(tt.want, list(alerts)); diff != "" || sum.FaultCount > 0 {
				t.Errorf("(-want +got):\n%s%v", diff, sum.Faults)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	for _, tt := range []struct {
		name, text   string
		want, faults []string
	}{
		{"broken line", wazuh + "\n{\"title\":tru}\n" + trail, []string{"f:1 wazuh W1", "f:3 aws-cloudtrail CreateUser"}, []string{"f:2: invalid json at byte 9: want a value"}},
		{"first line broken", `{"title":"x` + "\n" + wazuh, []string{"f:2 wazuh W1"}, []string{"f:1: invalid json at byte 11: string without an end"}},
		{"nested too deep", wazuh + "\n" + deep + "\n" + trail, []string{"f:1 wazuh W1", "f:3 aws-cloudtrail CreateUser"}, []string{"f:2: invalid json at byte 640: nested deeper than 128"}},
		{"zero byte", wazuh + "\n{\"title\":\"\x00\"}\n", []string{"f:1 wazuh W1"}, []string{"f:2: invalid json at byte 10: control character in a string"}},
		{"element with a bad value", "[\n" + wazuh + ",\n{\"title\":nul},\n" + trail + "]", []string{"f:2 wazuh W1", "f:4 aws-cloudtrail CreateUser"}, []string{"f:3: invalid json at byte 9: want a value"}},
		{"element with an open quote", "[\n" + wazuh + ",\n{\"title\":\"A},\n" + trail + "]", []string{"f:2 wazuh W1", "f:4 aws-cloudtrail CreateUser"}, []string{"f:3: the brackets or quotes of the object do not match"}},
		{"element without its end", "[\n  {\n    \"title\": \"A\",\n  {\n    \"title\": \"B\"\n  }\n]", []string{"f:4 json B"}, []string{"f:2: the brackets or quotes of the object do not match"}},
		{"cut off inside an object", "[" + wazuh + `,{"title":"A`, []string{"f:1 wazuh W1"}, []string{"f:1: the text ends inside an object"}},
		{"cut off inside an array", "[" + wazuh + ",", []string{"f:1 wazuh W1"}, []string{"f:1: the text ends inside an array"}},
		{"time out of range", `{"title":"A","time":"9999-01-01T00:00:00Z"}`, []string{"f:1 json A"}, []string{"f:1: the time is not one, or out of range; the record is kept without it"}},
		{"unknown line", "Aug  7 13:30:12 web1 app: x\nthe quick brown fox\n", []string{"f:1 syslog-rfc3164 app"}, []string{"f:2: parse unknown line: byte 0: the line has no known format"}},
		{"empty", "", nil, []string{"f: is empty"}},
		{"no log", "the quick brown fox\njumps over\n", nil, []string{"f: is in no format that is known"}},
		{"capture", "\xd4\xc3\xb2\xa1\x02\x00\x04\x00", nil, []string{"f: cannot be read: is a packet capture: run Zeek or Suricata over it and read their logs"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, sum := from(t, "f", tt.text, options)
			var faults []string
			for _, f := range sum.Faults {
				faults = append(faults, f.String())
			}
			if diff := cmp.Diff(append([]string{}, tt.want...), list(alerts)); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.faults, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultOffset(t *testing.T) {
	text := wazuh + "\r\n" + `{"a":x}` + "\n"
	_, sum := from(t, "f", text, options)
	if len(sum.Faults) != 1 || text[sum.Faults[0].Offset] != 'x' {
		t.Errorf("faults %+v do not point at the x", sum.Faults)
	}
}

func TestInvalidUTF8(t *testing.T) {
	alerts, sum := from(t, "f", "{\"title\":\"a\xff\xc3\"}\n"+wazuh, options)
	if len(alerts) != 2 || alerts[0].Name != "a\uFFFD" || sum.Files[0].InvalidUTF8 != 1 || sum.FaultCount != 0 {
		t.Errorf("got %q, summary %+v", list(alerts), sum.Files)
	}
}

func TestIDs(t *testing.T) {
	one, _ := from(t, "one", wazuh+"\n", options)
	two, _ := from(t, "two", suricata+"\n"+wazuh+"\n", options)
	if one[0].ID != two[1].ID || one[0].ID != casemate.AlertID("wazuh", []byte(wazuh)) || two[0].ID == two[1].ID {
		t.Errorf("ids %s, %s, %s", one[0].ID, two[1].ID, two[0].ID)
	}
	if one[0].Raw != wazuh {
		t.Errorf("Raw is %q", one[0].Raw)
	}
}

// TestNoIndicatorsOfTheRecordItself checks that what a product calls its record
// does not pass for evidence, while the same hash in another field does.
func TestNoIndicatorsOfTheRecordItself(t *testing.T) {
	const hash = "2b836c668e9796606e9c5399faa917cf"
	finding := `{"AccountId":"1","Arn":"arn:aws:guardduty:eu-north-1:1:detector/d/finding/` + hash + `","Id":"` + hash + `","Type":"Recon:EC2/Portscan","Severity":5,"Title":"Port scan",
		"Service":{"Action":{"AwsApiCallAction":{"ServiceName":"s3.amazonaws.com","RemoteIpDetails":{"IpAddressV4":"198.51.100.4"}}}}}`
	alerts, _ := from(t, "f", finding+"\n"+`{"title":"x","md5":"`+hash+`","note":"as `+hash+`","alertWebUrl":"https://security.microsoft.com/alerts/1"}`, options)
	want := []string{"0 ipv4 198.51.100.4", "1 md5 " + hash}
	var got []string
	for n, a := range alerts {
		for _, i := range a.Indicators {
			got = append(got, fmt.Sprint(n, " ", i.Type, " ", i.Value))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indicators (-want +got):\n%s", diff)
	}
}

func TestIndicators(t *testing.T) {
	text := `{"title":"Beacon to evil-example.com","url":"hxxp://evil-example[.]com/a","src":"203.0.113.77"}`
	alerts, _ := from(t, "f", text, options)
	got := map[string]string{}
	for _, i := range alerts[0].Indicators {
		got[string(i.Type)+" "+i.Value] = i.Field
	}
	want := map[string]string{"domain evil-example.com": "title", "url http://evil-example.com/a": "url", "ipv4 203.0.113.77": "src"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indicators (-want +got):\n%s", diff)
	}
	opt := options
	opt.NoIndicators = true
	if alerts, _ = from(t, "f", text, opt); alerts[0].Indicators != nil {
		t.Errorf("NoIndicators leaves %v", alerts[0].Indicators)
	}
}

func gz(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// zipped packs pairs of a name and a content.
func zipped(t testing.TB, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		m, err := w.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(m, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wide(text string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func TestPacked(t *testing.T) {
	var tarred bytes.Buffer
	w := tar.NewWriter(&tarred)
	for _, h := range []*tar.Header{{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Name: "logs/a.json", Typeflag: tar.TypeReg, Size: int64(len(wazuh)), Mode: 0o600}} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, wazuh); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"gzip", gz(t, wazuh), []string{"f:1 wazuh W1"}},
		{"gzip of several members", gz(t, wazuh+"\n", trail), []string{"f:1 wazuh W1", "f:2 aws-cloudtrail CreateUser"}},
		{"zip", zipped(t, "a/b.json", wazuh, "dir/", "", "__MACOSX/x", "y", "c.log", trail), []string{"f!a/b.json:1 wazuh W1", "f!c.log:1 aws-cloudtrail CreateUser"}},
		{"zip of gzip", zipped(t, "b.gz", gz(t, wazuh)), []string{"f!b.gz:1 wazuh W1"}},
		{"zip in zip", zipped(t, "in.zip", zipped(t, "b.json", wazuh)), []string{"f!in.zip!b.json:1 wazuh W1"}},
		{"names that climb", zipped(t, "../../etc/x\n", wazuh), []string{"f!../../etc/x\uFFFD:1 wazuh W1"}},
		{"tar", tarred.String(), []string{"f!logs/a.json:1 wazuh W1"}},
		{"tar in gzip", gz(t, tarred.String()), []string{"f!logs/a.json:1 wazuh W1"}},
		{"utf-16 with a mark", "\xff\xfe" + wide(wazuh+"\n"+`{"title":"ü😀"}`, false), []string{"f:1 wazuh W1", "f:2 json ü😀"}},
		{"utf-16 big-endian", "\xfe\xff" + wide(wazuh, true), []string{"f:1 wazuh W1"}},
		{"utf-16 without a mark", wide(wazuh, false), []string{"f:1 wazuh W1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, sum := from(t, "f", tt.text, options)
			if diff := cmp.Diff(tt.want, list(alerts)); diff != "" || sum.FaultCount > 0 {
				t.Errorf("(-want +got):\n%s%v", diff, sum.Faults)
			}
		})
	}
}

func TestPackedFaults(t *testing.T) {
	whole := gz(t, strings.Repeat(wazuh+"\n", 1000))
	layers := wazuh
	for range 4 {
		layers = zipped(t, "x.zip", layers)
	}
	locked := []byte(zipped(t, "a", wazuh))
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1
	for _, tt := range []struct{ name, text, reason string }{
		{"cut off", whole[:len(whole)/2], "unexpected EOF"},
		{"too many layers", layers, "more layers"},
		{"damaged", "PK\x03\x04 and nothing else", "zip"},
		{"encrypted", string(locked), "encrypted"},
		{"zstandard", "\x28\xb5\x2f\xfd....", "Zstandard"},
	} {
		_, sum := from(t, "f", tt.text, options)
		if sum.FaultCount == 0 || !strings.Contains(sum.Faults[sum.FaultCount-1].Reason, tt.reason) {
			t.Errorf("%s: faults %v, want one with %q", tt.name, sum.Faults, tt.reason)
		}
	}
}

// repeated gives a text again and again, n bytes in all, without holding them.
type repeated struct {
	text string
	at   int
	n    int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.n > 0 {
		k := copy(p[n:], r.text[r.at:])
		k = int(min(int64(k), r.n))
		n, r.n, r.at = n+k, r.n-int64(k), (r.at+k)%len(r.text)
	}
	return n, nil
}

func TestBomb(t *testing.T) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, io.MultiReader(strings.NewReader(wazuh+"\n"), &repeated{text: strings.Repeat(" ", 4096), n: 300 << 20})); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ratio := (300 << 20) / b.Len(); ratio < 500 {
		t.Skipf("the sample packs only %d times smaller", ratio)
	}
	alerts, sum := from(t, "f", b.String(), options)
	if len(alerts) != 1 || sum.FaultCount == 0 || !strings.Contains(sum.Faults[len(sum.Faults)-1].Reason, "bomb") || sum.Bytes > 200<<20 {
		t.Errorf("%d alerts, %d bytes, faults %v", len(alerts), sum.Bytes, sum.Faults)
	}
}

// TestMemory reads a line of 256 MB between two records, and then a long
// stream of records, and looks at the heap meanwhile.
func TestMemory(t *testing.T) {
	size := int64(256 << 20)
	if testing.Short() {
		size = 64 << 20
	}
	peak := func(r io.Reader) (records int, most uint64, sum evidence.Summary) {
		runtime.GC()
		var start runtime.MemStats
		runtime.ReadMemStats(&start)
		sum, err := evidence.ReadFrom(t.Context(), r, "f", options, func(*casemate.Alert) error {
			if records++; records%4096 < 2 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc-min(m.HeapAlloc, start.HeapAlloc))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return records, most, sum
	}
	line := io.MultiReader(strings.NewReader(wazuh+"\n"), &repeated{text: "a", n: size}, strings.NewReader("\n"+trail+"\n"))
	records, most, sum := peak(line)
	if records != 2 || sum.FaultCount != 1 || !strings.Contains(sum.Faults[0].Reason, "longer than 16777216") || most > 48<<20 {
		t.Errorf("one long line: %d records, %d MiB, faults %v", records, most>>20, sum.Faults)
	}
	for name, text := range map[string]string{"lines": wazuh + "\n", "array": wazuh + ",\n"} {
		r := io.Reader(&repeated{text: text, n: size / 64 / int64(len(text)) * int64(len(text))})
		if name == "array" {
			r = io.MultiReader(strings.NewReader("["), r, strings.NewReader("]"))
		}
		records, most, sum = peak(r)
		if want := int(size / 64 / int64(len(text))); records != want || sum.FaultCount != 0 || most > 8<<20 {
			t.Errorf("%s: %d records, want %d, %d MiB, faults %v", name, records, want, most>>20, sum.Faults)
		}
	}
}

func TestLongElement(t *testing.T) {
	opt := options
	opt.MaxRecordBytes = 1000
	long := `{"title":"` + strings.Repeat("x", 5000) + `"}`
	for name, text := range map[string]string{
		"array": "[" + wazuh + "," + long + "," + trail + "]", "lines": wazuh + "\n" + long + "\n" + trail,
		"table": "title,host\na,b\n" + strings.Repeat("x", 5000) + ",y\nc,d\n",
	} {
		alerts, sum := from(t, "f", text, opt)
		if len(alerts) != 2 || sum.FaultCount != 1 || !strings.Contains(sum.Faults[0].Reason, "longer than 1000") {
			t.Errorf("%s: %v, faults %v", name, list(alerts), sum.Faults)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.csv", wazuh) // a name means nothing
	write("logs/b.zip", zipped(t, "x", trail))
	write("logs/.hidden", wazuh)
	write("logs/sub/c", suricata)
	empty := write("empty", "")
	var last int64
	opt := options
	opt.Progress = func(n int64) { last = n }
	var got []string
	sum, err := evidence.Read(t.Context(), []string{a, filepath.Join(dir, "gone"), empty, filepath.Join(dir, "logs")}, opt, func(a *casemate.Alert) error {
		got = append(got, strings.TrimPrefix(a.At.String(), dir+"/")+" "+a.Format)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.csv:1 wazuh", "logs/b.zip!x:1 aws-cloudtrail", "logs/sub/c:1 suricata-eve"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sum.FaultCount != 2 || !strings.Contains(sum.Faults[0].Reason, "does not exist") || !strings.Contains(sum.Faults[1].Reason, "empty") {
		t.Errorf("faults %v", sum.Faults)
	}
	info, err := os.Stat(filepath.Join(dir, "logs/b.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if want := info.Size() + int64(len(wazuh)+len(suricata)); last != want {
		t.Errorf("Progress ends at %d, want %d", last, want)
	}
	_, err = evidence.Read(t.Context(), []string{filepath.Join(dir, "gone")}, options, func(*casemate.Alert) error { return nil })
	var coded *casemate.Error
	if !errors.As(err, &coded) || coded.Code != casemate.CodeInput || coded.Hint == "" {
		t.Errorf("Read of nothing: %v", err)
	}
}

func TestStops(t *testing.T) {
	enough := errors.New("enough")
	n := 0
	_, err := evidence.ReadFrom(t.Context(), strings.NewReader(strings.Repeat(wazuh+"\n", 10)), "f", options, func(*casemate.Alert) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("after %d records: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, err = evidence.ReadFrom(ctx, &repeated{text: wazuh + "\n", n: 1 << 40}, "f", options, func(*casemate.Alert) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("after %d records: %v", n, err)
	}
	_, err = evidence.ReadFrom(t.Context(), strings.NewReader(wazuh), "f", evidence.Options{Format: "excel"}, nil)
	var coded *casemate.Error
	if !errors.As(err, &coded) || coded.Code != casemate.CodeUsage || !strings.Contains(coded.Hint, "csv") {
		t.Errorf("Format excel: %v", err)
	}
}

func TestForcedFormat(t *testing.T) {
	opt := options
	opt.Format = "csv"
	alerts, _ := from(t, "f", "zeit,quelle\n1,2\n", opt)
	if len(alerts) != 0 {
		t.Errorf("a table without a known column gives %v", list(alerts))
	}
	opt.Format = "text"
	if _, sum := from(t, "f", "no log at all\n", opt); sum.Files[0].Format != "text" || sum.FaultCount != 1 {
		t.Errorf("summary %+v", sum.Files)
	}
}

func ExampleReadFrom() {
	in := strings.NewReader(`{"timestamp":"2024-08-07T13:30:12Z","rule":{"level":12,"id":"5712","description":"sshd: brute force"},"agent":{"name":"db01"}}`)
	_, err := evidence.ReadFrom(context.Background(), in, "alerts.json", evidence.Options{}, func(a *casemate.Alert) error {
		fmt.Println(a.At, a.Severity, a.Host, a.Name)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: alerts.json:1 high db01 sshd: brute force
}

func TestDay(t *testing.T) {
	if d, err := evidence.Day("--as-of", "2026-03-05"); err != nil || !d.Equal(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a day: %v, %v", d, err)
	}
	if d, err := evidence.Day("--as-of", ""); err != nil || !d.IsZero() {
		t.Errorf("no day: %v, %v", d, err)
	}
	for _, text := range []string{"yesterday", "2026-02-30", "2026-3-5", "2026-03-05T00:00:00Z"} {
		var told *casemate.Error
		if _, err := evidence.Day("--as-of", text); !errors.As(err, &told) || told.Code != casemate.CodeUsage || told.Hint == "" {
			t.Errorf("%q: %v, want an error of use with a hint", text, err)
		}
	}
}
