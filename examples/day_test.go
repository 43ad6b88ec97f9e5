// Package examples_test checks the example data: that every file is what its
// console writes, and that the files agree with each other and with the truth.
package examples_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const day = "intrusion"

var (
	dayStart = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	dayEnd   = dayStart.Add(24 * time.Hour)
)

// entry is one record of a file and the line it begins on.
type entry struct {
	line int
	text string
	json map[string]any // of JSON files
	when time.Time
}

// at walks a path of keys and list indices in a decoded JSON value.
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// text is the string at a path, or "".
func text(v any, path ...any) string {
	switch x := at(v, path...).(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return ""
}

func number(t testing.TB, v any, path ...any) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text(v, path...), 10, 64)
	if err != nil {
		t.Errorf("at %v: %v", path, err)
	}
	return n
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(day, name))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("\r")) || !bytes.HasSuffix(data, []byte("\n")) {
		t.Fatalf("%s: want lines that end in a single newline", name)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func object(t testing.TB, name string, line int, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s:%d: %v", name, line, err)
	}
	if d.More() {
		t.Fatalf("%s:%d: more than one value", name, line)
	}
	return m
}

// jsonLines reads a file of one JSON object a line.
func jsonLines(t testing.TB, name string) []entry {
	t.Helper()
	var out []entry
	for i, s := range lines(t, name) {
		out = append(out, entry{line: i + 1, text: s, json: object(t, name, i+1, s)})
	}
	return out
}

// document reads a file that is one JSON document with a record on each line
// but the first and the last.
func document(t testing.TB, name, key string) []entry {
	t.Helper()
	all := lines(t, name)
	var whole any
	if err := json.Unmarshal([]byte(strings.Join(all, "\n")), &whole); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	list := whole
	if key != "" {
		list = at(whole, key)
	}
	items, _ := list.([]any)
	if len(items) != len(all)-2 {
		t.Fatalf("%s: %d items in %d lines, want one a line", name, len(items), len(all))
	}
	var out []entry
	for i, s := range all[1 : len(all)-1] {
		s = strings.TrimSuffix(s, ",")
		out = append(out, entry{line: i + 2, text: s, json: object(t, name, i+2, s)})
	}
	return out
}

// plain reads a file of one text record a line.
func plain(t testing.TB, name string) []entry {
	t.Helper()
	var out []entry
	for i, s := range lines(t, name) {
		out = append(out, entry{line: i + 1, text: s})
	}
	return out
}

var auditLine = regexp.MustCompile(`^node=(\S+) type=([A-Z]+) msg=audit\((\d+)\.(\d{3}):(\d+)\): (.*)$`)

// auditEvents groups the lines of auditd.log by serial number.
func auditEvents(t testing.TB) []entry {
	t.Helper()
	var out []entry
	last := ""
	for _, e := range plain(t, "auditd.log") {
		m := auditLine.FindStringSubmatch(e.text)
		if m == nil {
			t.Fatalf("auditd.log:%d: not a record: %q", e.line, e.text)
		}
		if id := m[1] + m[5]; id != last {
			last = id
			sec, _ := strconv.ParseInt(m[3], 10, 64)
			ms, _ := strconv.ParseInt(m[4], 10, 64)
			e.when = time.Unix(sec, ms*1e6).UTC()
			out = append(out, e)
			continue
		}
		out[len(out)-1].text += "\n" + e.text
	}
	return out
}

// notables reads the CSV export: rows as objects, by the line they begin on.
func notables(t testing.TB) []entry {
	t.Helper()
	f, err := os.Open(filepath.Join(day, "splunk-notable.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for {
		row, err := r.Read()
		if err != nil {
			if len(out) == 0 {
				t.Fatal(err)
			}
			return out
		}
		line, _ := r.FieldPos(0)
		m := map[string]any{}
		for i, name := range head {
			m[name] = row[i]
		}
		out = append(out, entry{line: line, json: m})
	}
}

func mustTime(t testing.TB, layout, s string) time.Time {
	t.Helper()
	when, err := time.Parse(layout, s)
	if err != nil {
		t.Error(err)
	}
	return when.UTC()
}

func epochTime(t testing.TB, s string) time.Time {
	t.Helper()
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || len(frac) != 6 {
		t.Errorf("epoch %q: want seconds and six digits", s)
	}
	us, _ := strconv.ParseInt(frac, 10, 64)
	return time.Unix(n, us*1000).UTC()
}

// files reads every file of the day with the time of each record.
func files(t testing.TB) map[string][]entry {
	t.Helper()
	all := map[string][]entry{
		"auditd.log":         auditEvents(t),
		"splunk-notable.csv": notables(t),
	}
	timed := func(name string, entries []entry, when func(entry) time.Time) {
		for i := range entries {
			entries[i].when = when(entries[i])
		}
		all[name] = entries
	}
	field := func(layout string, path ...any) func(entry) time.Time {
		return func(e entry) time.Time { return mustTime(t, layout, text(e.json, path...)) }
	}
	const micro, milli = "2006-01-02T15:04:05.000000-0700", "2006-01-02T15:04:05.000-0700"
	timed("suricata-eve.json", jsonLines(t, "suricata-eve.json"), field(micro, "timestamp"))
	timed("wazuh-alerts.json", jsonLines(t, "wazuh-alerts.json"), field(milli, "timestamp"))
	timed("windows-sysmon.jsonl", jsonLines(t, "windows-sysmon.jsonl"), field(time.RFC3339, "@timestamp"))
	timed("elastic-alerts.ndjson", jsonLines(t, "elastic-alerts.ndjson"), field(time.RFC3339, "_source", "@timestamp"))
	for _, name := range []string{"zeek-conn.json", "zeek-notice.json"} {
		timed(name, jsonLines(t, name), func(e entry) time.Time { return epochTime(t, text(e.json, "ts")) })
	}
	timed("cloudtrail.json", document(t, "cloudtrail.json", "Records"), field(time.RFC3339, "eventTime"))
	timed("guardduty.json", document(t, "guardduty.json", "Findings"), field(time.RFC3339, "CreatedAt"))
	timed("defender-alerts.json", document(t, "defender-alerts.json", "value"), field(time.RFC3339, "createdDateTime"))
	timed("ocsf-findings.json", document(t, "ocsf-findings.json", ""), func(e entry) time.Time { return time.UnixMilli(number(t, e.json, "time")).UTC() })
	timed("splunk-notable.csv", all["splunk-notable.csv"], field(milli, "_time"))
	head := regexp.MustCompile(`^(?:<\d+>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (\S+) `)
	for _, name := range []string{"linux-auth.log", "firewall.cef", "proxy.leef"} {
		timed(name, plain(t, name), func(e entry) time.Time {
			m := head.FindStringSubmatch(e.text)
			if m == nil {
				t.Fatalf("%s:%d: no syslog head", name, e.line)
			}
			return mustTime(t, "2006 "+time.Stamp, "2026 "+m[1])
		})
	}
	access := regexp.MustCompile(`^(\S+) - \S+ \[([^\]]+)\] "[A-Z]+ (?:[^"\\]|\\.)+ HTTP/1\.1" \d{3} \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$`)
	timed("web-access.log", plain(t, "web-access.log"), func(e entry) time.Time {
		m := access.FindStringSubmatch(e.text)
		if m == nil {
			t.Fatalf("web-access.log:%d: not the combined format: %q", e.line, e.text)
		}
		return mustTime(t, "02/Jan/2006:15:04:05 -0700", m[2])
	})
	return all
}

// TestDay checks that every record is of the day, in order, and that there are
// neither too many nor too large ones.
func TestDay(t *testing.T) {
	records := 0
	for name, entries := range files(t) {
		records += len(entries)
		for i, e := range entries {
			if e.when.Before(dayStart) || !e.when.Before(dayEnd) {
				t.Errorf("%s:%d: %v is not of the day", name, e.line, e.when)
			}
			if i > 0 && e.when.Before(entries[i-1].when) {
				t.Errorf("%s:%d: %v comes after %v", name, e.line, e.when, entries[i-1].when)
			}
		}
	}
	if records < 200 || records > 500 {
		t.Errorf("%d records, want 200 to 500", records)
	}
	t.Logf("%d records", records)
	var size int64
	err := filepath.Walk(day, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	})
	if err != nil || size > 1<<20 {
		t.Errorf("the folder has %d bytes, %v; want at most 1 MiB", size, err)
	}
}

// truth is one row of truth.csv.
type truth struct {
	file             string
	line             int
	stage, technique string
	incident         string
}

func truths(t testing.TB) []truth {
	t.Helper()
	f, err := os.Open("truth.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "file,line,stage,technique,incident" {
		t.Fatalf("truth.csv begins with %q", got)
	}
	var out []truth
	for _, r := range rows[1:] {
		line, err := strconv.Atoi(r[1])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, truth{r[0], line, r[2], r[3], r[4]})
	}
	return out
}

// story returns the records of one incident by file, each with its row of the truth.
func story(t testing.TB, incident string) map[string]map[int]entry {
	t.Helper()
	all := files(t)
	out := map[string]map[int]entry{}
	for _, r := range truths(t) {
		if r.incident != incident {
			continue
		}
		i := slices.IndexFunc(all[r.file], func(e entry) bool { return e.line == r.line })
		if i < 0 {
			t.Errorf("truth names %s:%d, where no record begins", r.file, r.line)
			continue
		}
		if out[r.file] == nil {
			out[r.file] = map[int]entry{}
		}
		out[r.file][r.line] = all[r.file][i]
	}
	return out
}

// TestTruth checks the rows of the truth against the files: each names the
// beginning of a record, once, and the records of a stage lie together in time.
func TestTruth(t *testing.T) {
	all := files(t)
	seen := map[string]bool{}
	spans := map[string][2]time.Time{}
	id := regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)
	total := 0
	for _, r := range truths(t) {
		total++
		key := r.file + ":" + strconv.Itoa(r.line)
		if seen[key] {
			t.Errorf("%s is named twice", key)
		}
		seen[key] = true
		if r.incident != "intrusion" && r.incident != "webshell" {
			t.Errorf("%s: incident %q", key, r.incident)
		}
		if r.stage == "" || !id.MatchString(r.technique) {
			t.Errorf("%s: stage %q, technique %q", key, r.stage, r.technique)
		}
		i := slices.IndexFunc(all[r.file], func(e entry) bool { return e.line == r.line })
		if i < 0 {
			t.Errorf("%s: no record begins there", key)
			continue
		}
		when, stage := all[r.file][i].when, r.incident+" "+r.stage
		span, known := spans[stage]
		if !known || when.Before(span[0]) {
			span[0] = when
		}
		if when.After(span[1]) {
			span[1] = when
		}
		spans[stage] = span
	}
	records := 0
	for _, entries := range all {
		records += len(entries)
	}
	if total*2 > records {
		t.Errorf("%d of %d records belong to the stories: the day has too little noise", total, records)
	}
	// The stages follow each other as the README tells them.
	order := []string{"phishing", "execution", "discovery", "privilege-escalation", "credential-access", "lateral-movement",
		"domain-controller", "jump-host", "cloud", "collection", "exfiltration", "impact", "defence-evasion"}
	for i := 1; i < len(order); i++ {
		a, b := spans["intrusion "+order[i-1]], spans["intrusion "+order[i]]
		if a[0].IsZero() || b[0].IsZero() || b[0].Before(a[0]) {
			t.Errorf("stage %s begins %v, before %s at %v", order[i], b[0], order[i-1], a[0])
		}
	}
	if s := spans["webshell webshell"]; s[0].Before(spans["webshell guessing"][0]) {
		t.Errorf("the web shell begins %v, before the guessing", s[0])
	}
}

// TestTechniques looks every technique of the truth up in ATT&CK 18.1.
func TestTechniques(t *testing.T) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "data", "attack", "enterprise-attack-18.1.json.gz"))
	if err != nil {
		t.Skipf("needs the ATT&CK bundle in CASEMATE_SHARED: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Objects []struct {
			Type       string
			Revoked    bool
			Deprecated bool `json:"x_mitre_deprecated"`
			References []struct {
				Source string `json:"source_name"`
				ID     string `json:"external_id"`
			} `json:"external_references"`
		}
	}
	if err := json.NewDecoder(z).Decode(&bundle); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, o := range bundle.Objects {
		if o.Type == "attack-pattern" && !o.Revoked && !o.Deprecated {
			known[o.References[0].ID] = true
		}
	}
	for _, r := range truths(t) {
		if !known[r.technique] {
			t.Errorf("%s:%d: technique %s is not in ATT&CK 18.1", r.file, r.line, r.technique)
		}
	}
	named := regexp.MustCompile(`"(T\d{4}(?:\.\d{3})?)"`)
	for name, entries := range files(t) {
		for _, e := range entries {
			for _, m := range named.FindAllStringSubmatch(e.text, -1) {
				if !known[m[1]] {
					t.Errorf("%s:%d: technique %s is not in ATT&CK 18.1", name, e.line, m[1])
				}
			}
		}
	}
}

// TestGenerator runs the generator and compares: the day is what its source says.
func TestGenerator(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs the generator")
	}
	out := t.TempDir()
	if msg, err := exec.Command("go", "run", "./_generate", "-out", out).CombinedOutput(); err != nil {
		t.Fatalf("go run ./_generate: %v\n%s", err, msg)
	}
	names, err := filepath.Glob(filepath.Join(day, "*"))
	if err != nil || len(names) != 16 {
		t.Fatalf("%d files, %v; want 16", len(names), err)
	}
	for _, name := range append(names, "truth.csv") {
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%s differs from what the generator writes: run it again", name)
		}
	}
}
