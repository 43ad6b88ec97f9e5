package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// evidenceFolder holds the files of the day and nothing else.
const evidenceFolder = "intrusion"

// The files of the day, as the consoles name their exports.
const (
	fileSuricata  = "suricata-eve.json"
	fileWazuh     = "wazuh-alerts.json"
	fileWindows   = "windows-sysmon.jsonl"
	fileConn      = "zeek-conn.json"
	fileNotice    = "zeek-notice.json"
	fileTrail     = "cloudtrail.json"
	fileGuardDuty = "guardduty.json"
	fileDefender  = "defender-alerts.json"
	fileAuth      = "linux-auth.log"
	fileAudit     = "auditd.log"
	fileWeb       = "web-access.log"
	fileCEF       = "firewall.cef"
	fileLEEF      = "proxy.leef"
	fileNotable   = "splunk-notable.csv"
	fileOCSF      = "ocsf-findings.json"
	fileElastic   = "elastic-alerts.ndjson"
)

// wrappers are the files that are one JSON document. Each record is put on a
// line of its own so that a line number names it.
var wrappers = map[string][2]string{
	fileTrail:     {`{"Records":[`, `]}`},
	fileGuardDuty: {`{"Findings":[`, `]}`},
	fileDefender:  {`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2","value":[`, `]}`},
	fileOCSF:      {`[`, `]`},
}

// label says what a record belongs to. The zero label is the company's normal day.
type label struct {
	incident, stage, technique string
}

// record is one record of a file; an auditd event or a CSV row may span lines.
type record struct {
	at   time.Time
	text string
	of   label
}

// generator is the day while it is being told.
type generator struct {
	rng     *rand.Rand
	files   map[string][]record
	header  map[string]string // first line of a CSV file
	now     label
	ports   map[string]int    // next ephemeral port of a host
	pids    map[string]int    // next process id of a host
	numbers map[string]uint64 // next record, session or serial number of a source
	roots   map[string]*proc  // processes from before the day
}

func newGenerator() *generator {
	return &generator{
		rng:     rand.New(rand.NewPCG(2026, 304)),
		files:   map[string][]record{},
		header:  map[string]string{fileNotable: strings.Join(notableColumns, ",")},
		ports:   map[string]int{},
		pids:    map[string]int{},
		numbers: map[string]uint64{},
		roots:   map[string]*proc{},
	}
}

// tells sets what the records that follow belong to.
func (g *generator) tells(incident, stage, technique string) {
	g.now = label{incident, stage, technique}
}

// benign ends a story: what follows is the normal day.
func (g *generator) benign() { g.now = label{} }

// put adds a record to a file.
func (g *generator) put(file string, at time.Time, text string) {
	g.files[file] = append(g.files[file], record{at, text, g.now})
}

// putJSON adds a record that is one line of JSON.
func (g *generator) putJSON(file string, at time.Time, v any) {
	g.put(file, at, oneLine(v))
}

// write sorts every file by time and writes it, then the truth.
func (g *generator) write(out string) error {
	var truth bytes.Buffer
	w := csv.NewWriter(&truth)
	w.Write([]string{"file", "line", "stage", "technique", "incident"})
	var names []string
	for name := range g.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := g.writeFile(out, name, w); err != nil {
			return err
		}
	}
	w.Flush()
	return os.WriteFile(filepath.Join(out, "truth.csv"), truth.Bytes(), 0o644)
}

func (g *generator) writeFile(out, name string, truth *csv.Writer) error {
	records := g.files[name]
	slices.SortStableFunc(records, func(a, b record) int { return a.at.Compare(b.at) })
	var buf bytes.Buffer
	line := 1
	head := g.header[name]
	wrap, wrapped := wrappers[name]
	if wrapped {
		head = wrap[0]
	}
	if head != "" {
		buf.WriteString(head + "\n")
		line++
	}
	for i, r := range records {
		if r.of != (label{}) {
			truth.Write([]string{name, strconv.Itoa(line), r.of.stage, r.of.technique, r.of.incident})
		}
		buf.WriteString(g.fill(r.text))
		if wrapped && i < len(records)-1 {
			buf.WriteByte(',')
		}
		buf.WriteByte('\n')
		line += 1 + strings.Count(r.text, "\n")
	}
	if wrapped {
		buf.WriteString(wrap[1] + "\n")
	}
	path := filepath.Join(out, evidenceFolder, name)
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// counter stands for a number that a source counts up from record to record,
// in the order of time: it is filled in when the file is written. As a JSON
// value it is a number.
type counter string

// text is the counter inside a string.
func (c counter) text() string { return "⟦" + string(c) + "⟧" }

// MarshalJSON writes the mark that stands for a bare number.
func (c counter) MarshalJSON() ([]byte, error) { return []byte(`"⟦!` + string(c) + `⟧"`), nil }

// counts names a counter and the number before its first.
func counts(source string, first uint64) counter { return counter(fmt.Sprintf("%s|%d", source, first)) }

var countersMark = regexp.MustCompile(`"⟦!([^⟧|]+)\|(\d+)⟧"|⟦([^⟧|]+)\|(\d+)⟧`)

// fill replaces the counters of a record.
func (g *generator) fill(text string) string {
	return countersMark.ReplaceAllStringFunc(text, func(mark string) string {
		m := countersMark.FindStringSubmatch(mark)
		first, err := strconv.ParseUint(m[2]+m[4], 10, 64)
		if err != nil {
			panic(err)
		}
		return strconv.FormatUint(g.next(m[1]+m[3], first), 10)
	})
}

// next counts up a number that a source gives its records.
func (g *generator) next(source string, first uint64) uint64 {
	if _, known := g.numbers[source]; !known {
		g.numbers[source] = first
	}
	g.numbers[source]++
	return g.numbers[source]
}

// jitter draws a duration below d.
func (g *generator) jitter(d time.Duration) time.Duration {
	return time.Duration(g.rng.Int64N(int64(d)))
}

// between draws a number from lo to hi.
func (g *generator) between(lo, hi int) int { return lo + g.rng.IntN(hi-lo+1) }

// pick draws one of the choices.
func pick[T any](g *generator, choices ...T) T { return choices[g.rng.IntN(len(choices))] }

// midnight is when the day begins: a Wednesday.
var midnight = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// at is a time of the day, "15:04:05" with or without a fraction.
func at(clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic(err)
	}
	return midnight.Add(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// O is a JSON object that keeps the order of its keys: name, value, name, value.
type O []any

// L is a JSON array.
type L []any

// MarshalJSON writes the members in order.
func (o O) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; i < len(o); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(oneLine(o[i]) + ":" + oneLine(o[i+1]))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// oneLine is v as JSON without HTML escapes, which no console writes.
func oneLine(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// digest is a stable stand-in for a random value: n bytes in hexadecimal that
// depend on what is named alone.
func digest(n int, parts ...string) string {
	sum := sha256.Sum256([]byte("tarnholm|" + strings.Join(parts, "|")))
	return hex.EncodeToString(sum[:])[:2*n]
}

// uuid is a version 4 UUID that depends on what is named alone.
func uuid(parts ...string) string {
	h := []byte(digest(16, parts...))
	h[12], h[16] = '4', "89ab"[h[16]%4]
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
