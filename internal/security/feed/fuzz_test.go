package feed_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
)

// fuzzed reads what a fuzz test made, and checks what must hold of anything.
func fuzzed(t *testing.T, data []byte) {
	c := &collected{}
	rep, err := feed.Read(context.Background(), "-", bytes.NewReader(data), c, feed.Options{})
	var e *casemate.Error
	if err != nil && (!errors.As(err, &e) || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\x00\x1b\n")) {
		t.Fatalf("error %q is none that a person can act on", err)
	}
	n := 0
	for _, k := range rep.Entries {
		n += k
	}
	if n != len(c.entries) {
		t.Fatalf("the report counts %d entries, the sink %d", n, len(c.entries))
	}
	for _, e := range c.entries {
		check(t, e)
	}
	for _, r := range c.relations {
		for _, s := range []string{r.From, r.Type, r.To, r.Publication} {
			if s == "" || len(s) > feed.MaxID || strings.ContainsAny(s, " \x00\n") || !utf8.ValidString(s) {
				t.Fatalf("relation %+v", r)
			}
		}
		if !utf8.ValidString(r.Text) {
			t.Fatalf("relation %+v", r)
		}
	}
	for _, f := range rep.Faults {
		if f.Reason == "" || len(f.Reason) > 310 || !utf8.ValidString(f.Reason) || strings.ContainsAny(f.Reason, "\x00\x1b\n") {
			t.Fatalf("fault %+v", f)
		}
	}
	if rep.FaultCount < len(rep.Faults) || rep.MissingCount < len(rep.Missing) || rep.UnknownCount < len(rep.Unknown) {
		t.Fatalf("report %+v counts less than it names", rep)
	}
}

// fuzz runs a fuzz test with some samples as its seeds.
func fuzz(f *testing.F, names ...string) {
	for _, name := range names {
		data := sample(f, name)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(fuzzed)
}

func FuzzATTACK(f *testing.F)   { fuzz(f, "attack-2.0.json", "attack-2.1.json") }
func FuzzCWE(f *testing.F)      { fuzz(f, "cwe.jsonl") }
func FuzzCWEXML(f *testing.F)   { fuzz(f, "cwe.xml") }
func FuzzCWECSV(f *testing.F)   { fuzz(f, "cwe.csv") }
func FuzzCAPEC(f *testing.F)    { fuzz(f, "capec.jsonl") }
func FuzzCAPECXML(f *testing.F) { fuzz(f, "capec.xml") }
func FuzzCAPECCSV(f *testing.F) { fuzz(f, "capec.csv") }
func FuzzKEV(f *testing.F)      { fuzz(f, "kev.json") }
func FuzzNVD(f *testing.F)      { fuzz(f, "nvd-2.0.json", "nvd-1.1.json") }
func FuzzCVE(f *testing.F)      { fuzz(f, "cve-5.json", "cve-5-list.json") }
func FuzzEPSS(f *testing.F)     { fuzz(f, "epss.csv", "epss-old.csv") }
func FuzzD3FEND(f *testing.F)   { fuzz(f, "d3fend.ttl", "d3fend.json") }
func FuzzSigma(f *testing.F)    { fuzz(f, "sigma.yml") }
func FuzzAtomics(f *testing.F)  { fuzz(f, "atomic.yaml") }
func FuzzYARA(f *testing.F)     { fuzz(f, "rules.yar") }
func FuzzOSCAL(f *testing.F)    { fuzz(f, "oscal-catalog.json", "oscal-profile.json") }
func FuzzMappings(f *testing.F) { fuzz(f, "mapping.json") }

// FuzzPackings fuzzes archives.
func FuzzPackings(f *testing.F) {
	data := sample(f, "kev.json")
	f.Add(packed(f, data))
	f.Add(archive(f, member{"a", data}, member{"../b", packed(f, data)}))
	f.Add(utf16LE(string(data)))
	f.Fuzz(fuzzed)
}
