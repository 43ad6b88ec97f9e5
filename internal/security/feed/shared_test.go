package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// shared returns a path of the shared data, or skips.
func shared(t testing.TB, path string) string {
	t.Helper()
	root := os.Getenv("CASEMATE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	full := filepath.Join(root, "data", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	return full
}

// stixFacts counts objects of a bundle without the reader under test.
func stixFacts(t testing.TB, path string) (current, succeeded, relations int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Objects []struct {
			Type       string `json:"type"`
			Relation   string `json:"relationship_type"`
			Source     string `json:"source_ref"`
			Revoked    bool   `json:"revoked"`
			Deprecated bool   `json:"x_mitre_deprecated"`
		} `json:"objects"`
	}
	if err := json.NewDecoder(z).Decode(&b); err != nil {
		t.Fatal(err)
	}
	for _, o := range b.Objects {
		switch {
		case o.Type == "relationship" && !o.Revoked && !o.Deprecated:
			relations++
			if o.Relation == "revoked-by" && strings.HasPrefix(o.Source, "attack-pattern") {
				succeeded++
			}
		case o.Type == "attack-pattern" && !o.Revoked && !o.Deprecated:
			current++
		}
	}
	return current, succeeded, relations
}

// stated are the relations that ATT&CK's relationship objects state; the others
// come from members of its objects.
var stated = []string{"attributed-to", "detects", "mitigates", "revoked-by", "subtechnique-of", "targets", "uses"}

// TestSharedATTACK compares the bundles with a count of their JSON.
func TestSharedATTACK(t *testing.T) {
	for _, domain := range []string{"enterprise", "mobile", "ics"} {
		path := shared(t, "attack/"+domain+"-attack-18.1.json.gz")
		c, rep, err := readPath(t, path)
		if err != nil {
			t.Fatal(err)
		}
		if p := rep.Publications; len(p) != 1 || p[0].Key != "attack-"+domain || p[0].Version != "18.1" || p[0].Date < "2025-10-01" {
			t.Errorf("%s: publications are %+v", domain, p)
		}
		current, succeeded := 0, 0
		for _, e := range c.entries {
			check(t, e)
			if e.Kind != feed.KindTechnique {
				continue
			}
			if e.Status == feed.StatusRevoked && e.Successor != "" {
				succeeded++
			}
			if e.Status == "" {
				current++
				if len(e.Sections) == 0 {
					t.Errorf("%s has no text", e.ID)
				}
			}
		}
		relations := 0
		for _, kind := range stated {
			relations += rep.Relations[kind]
		}
		wantCurrent, wantSucceeded, wantRelations := stixFacts(t, path)
		if current != wantCurrent || succeeded != wantSucceeded || relations != wantRelations {
			t.Errorf("%s: %d techniques stand, %d have a successor, %d relations; want %d, %d, %d", domain, current, succeeded, relations, wantCurrent, wantSucceeded, wantRelations)
		}
		if domain == "enterprise" && current != 691 {
			t.Errorf("%d techniques of enterprise stand, want 691", current)
		}
		if rep.FaultCount > 0 {
			t.Errorf("%s: faults %v", domain, rep.Faults)
		}
	}
}

// check fails if an entry breaks what Entry promises.
func check(t testing.TB, e *feed.Entry) {
	t.Helper()
	texts := []string{e.ID, e.Name, e.Parent, e.Successor}
	texts = append(texts, e.Aliases...)
	for _, f := range e.Fields {
		texts = append(texts, f.Key, f.Value)
		if f.Key == "" || f.Value == "" || strings.Trim(f.Key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Contains(f.Value, "\n") {
			t.Errorf("%s has the fact %+v", e.ID, f)
		}
	}
	for _, s := range e.Sections {
		texts = append(texts, s.Text)
		if s.Name == "" || s.Text == "" || len(s.Text) > feed.MaxText+3 {
			t.Errorf("%s has the section %.200q", e.ID, s)
		}
	}
	if e.ID == "" || len(e.ID) > feed.MaxID || e.Kind == "" || e.Publication == "" || strings.ContainsAny(e.ID, " \t\n") {
		t.Errorf("entry %q is of kind %q and publication %q", e.ID, e.Kind, e.Publication)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("%s has the text %.200q", e.ID, s)
		}
	}
}

// TestSharedKnowledge reads everything else, and checks what is known of it.
func TestSharedKnowledge(t *testing.T) {
	tests := []struct {
		path    string
		entries map[string]int
		faults  int
	}{
		{"knowledge/cwe-4.19.1.jsonl.gz", map[string]int{feed.KindWeakness: 969}, 0},
		{"knowledge/capec.jsonl.gz", map[string]int{feed.KindPattern: 615}, 0},
		{"knowledge/d3fend.zip", map[string]int{feed.KindDefence: 249, feed.KindArtifact: 834}, 0},
		{"knowledge/oscal-800-53-r5.zip", map[string]int{feed.KindControl: 424, feed.KindProfile: 4}, 0},
		{"knowledge/attack-mappings.zip", map[string]int{feed.KindControl: 330}, 0},
		{"knowledge/atomics.zip", map[string]int{feed.KindAtomic: 1819}, 0},
		{"knowledge/yara-signature-base.zip", map[string]int{feed.KindYARA: 5883}, 0},
		{"cve/known_exploited_vulnerabilities.json", map[string]int{feed.KindVulnerability: 1404}, 0},
	}
	for _, tt := range tests {
		c, rep, err := readPath(t, shared(t, tt.path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.entries, rep.Entries); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
		if rep.FaultCount != tt.faults {
			t.Errorf("%s: faults %v", tt.path, rep.Faults)
		}
		if len(rep.Publications) != 1 {
			t.Errorf("%s: publications %v", tt.path, rep.Publications)
		}
		for _, e := range c.entries {
			check(t, e)
		}
	}
}

// TestSharedSigma reads every file of the rules.
func TestSharedSigma(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: 3,754 files of YAML")
	}
	c := &counted{}
	rep, err := feed.Read(context.Background(), shared(t, "knowledge/sigma-rules.zip"), nil, c, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Entries[feed.KindSigma] != 3754 || rep.FaultCount != 0 || rep.UnknownCount != 0 {
		t.Errorf("%v, faults %v, unknown %v", rep.Entries, rep.Faults, rep.Unknown)
	}
}

// TestSharedOthers takes nothing from what is no catalogue.
func TestSharedOthers(t *testing.T) {
	for _, path := range []string{"attack/tram-train.json.gz", "attack/exclude-from-training.txt", "cve/known_exploited_vulnerabilities_schema.json", "cve/ssvc.tsv.gz"} {
		c, _, err := readPath(t, shared(t, path))
		if !errors.Is(err, feed.ErrUnknown) || len(c.entries)+len(c.relations) > 0 {
			t.Errorf("%s: %v, with %d entries", path, err, len(c.entries))
		}
	}
}

// BenchmarkRead reads all shared catalogues once: bytes are those packed.
func BenchmarkRead(b *testing.B) {
	for _, dir := range []string{"attack", "knowledge"} {
		root := shared(b, dir)
		files, err := os.ReadDir(root)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(root, f.Name()))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(f.Name(), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					if _, err := feed.Read(context.Background(), "-", bytes.NewReader(data), &counted{}, feed.Options{}); err != nil && !errors.Is(err, feed.ErrUnknown) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkReadNVD reads 20,000 vulnerabilities in NVD's JSON 2.0.
func BenchmarkReadNVD(b *testing.B) {
	page := string(sample(b, "nvd-2.0.json"))
	from := strings.Index(page, `{"cve"`)
	to := strings.Index(page, ` {"cve": {"id": "CVE-2031-99002"`)
	one := strings.TrimRight(strings.TrimSpace(page[from:to]), ",")
	b.SetBytes(int64(20_000 * len(one)))
	for b.Loop() {
		in := &endless{of: 20_000, head: `{"vulnerabilities":[`, tail: `]}`, object: func(n int) string {
			return strings.Replace(one, "CVE-2031-99001", "CVE-2031-"+strconv.Itoa(100_000+n), 1)
		}}
		if _, err := feed.Read(context.Background(), "-", io.Reader(in), &counted{}, feed.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
