package feed_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// outcome is what a golden file holds.
type outcome struct {
	Report    feed.Report
	Entries   []*feed.Entry
	Relations []*feed.Relation
}

func (o outcome) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// samples returns the names of the sample files.
func samples(t testing.TB) []string {
	t.Helper()
	files, err := os.ReadDir(filepath.Join("testdata", "samples"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, f.Name())
	}
	if len(out) < 20 {
		t.Fatalf("%d samples, want at least 20", len(out))
	}
	return out
}

// TestSamples compares what each format gives with what was reviewed. Samples
// are read under names that say nothing.
func TestSamples(t *testing.T) {
	for _, name := range samples(t) {
		t.Run(name, func(t *testing.T) {
			c, rep, err := readBytes(t, sample(t, name))
			if err != nil {
				t.Fatal(err)
			}
			got := outcome{rep, c.entries, c.relations}.text(t)
			golden := filepath.Join("testdata", "golden", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
}

// TestPackings reads each sample packed in every way that is opened, under a
// name that lies: what comes out is the same.
func TestPackings(t *testing.T) {
	for _, name := range samples(t) {
		data := sample(t, name)
		want, _, err := readBytes(t, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []member{
			{"plain.exe", data},
			{"gzip.txt", packed(t, data)},
			{"zip.json", archive(t, member{"a/b/c.bin", data})},
			{"zipped-gzip.xml", archive(t, member{"../../c", packed(t, data)})},
			{"bom.yml", append([]byte("\xef\xbb\xbf"), data...)},
			{"utf16.csv", utf16LE(string(data))},
		} {
			path := store(t, p.name, p.data)
			got, rep, err := readPath(t, path)
			if err != nil {
				t.Errorf("%s as %s: %v", name, p.name, err)
				continue
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(collected{})); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", name, p.name, diff)
			}
			if len(rep.Publications) != 1 || rep.Publications[0].Path != path || len(rep.Publications[0].Source) != 64 {
				t.Errorf("%s as %s: publications are %v", name, p.name, rep.Publications)
			}
		}
	}
}

// TestFolder reads all samples at once, among other things.
func TestFolder(t *testing.T) {
	root := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	skipped := map[string]bool{"epss-old.csv": true, "d3fend.json": true} // second editions
	for i, name := range samples(t) {
		if !skipped[name] {
			write(filepath.Join("deep", string(rune('a'+i)), name), sample(t, name))
		}
	}
	write("README.md", []byte("# Title\n\nNothing to see.\n"))
	write("program", []byte("\x7fELF\x02\x01\x01\x00"))
	write("broken.json", []byte(`{"name": "half`))
	write("empty", nil)
	write(".git/config", []byte("[core]"))
	c, rep, err := readPath(t, root)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, p := range rep.Publications {
		keys = append(keys, p.Key)
	}
	want := []string{"atomics", "attack-enterprise", "attack-mappings", "capec", "cve", "cwe", "d3fend", "epss", "kev", "nvd", "oscal", "sigma", "yara"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("publications (-want +got):\n%s", diff)
	}
	if rep.UnknownCount != 5 { // the sample of STIX 2.0 has no tactic: an extract
		t.Errorf("unknown are %v, want 5 of them", rep.Unknown)
	}
	if rep.Repeated == 0 {
		t.Error("no entry of a second export was left out")
	}
	n := 0
	for _, k := range rep.Entries {
		n += k
	}
	if n != len(c.entries) {
		t.Errorf("the report counts %d entries, the sink %d", n, len(c.entries))
	}
	again, second, err := readPath(t, root)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := (outcome{rep, c.entries, c.relations}).text(t), (outcome{second, again.entries, again.relations}).text(t); a != b {
		t.Errorf("a second read differs:\n%s", cmp.Diff(a, b))
	}
}

// TestExtract passes over a few ATT&CK objects that lie beside something else,
// and reads them where they are all there is.
func TestExtract(t *testing.T) {
	extract := []byte(`{"type":"bundle","objects":[{"type":"x-mitre-collection","id":"x-mitre-collection--1","name":"Enterprise ATT&CK","x_mitre_version":"1.0"},
	{"type":"attack-pattern","id":"attack-pattern--1","name":"One","x_mitre_domains":["enterprise-attack"],"external_references":[{"source_name":"mitre-attack","external_id":"T9901"}]}]}`)
	beside := store(t, "beside.zip", archive(t, member{"a.ttl", sample(t, "d3fend.ttl")}, member{"test_cases.json", extract}))
	_, rep, err := readPath(t, beside)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Publications) != 1 || rep.Publications[0].Key != "d3fend" || rep.UnknownCount != 1 || rep.Entries[feed.KindTechnique] != 0 {
		t.Errorf("beside D3FEND: %+v", rep)
	}
	alone := store(t, "alone.zip", archive(t, member{"a.json", extract}, member{"b.txt", []byte("x")}))
	_, rep, err = readPath(t, alone)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Entries[feed.KindTechnique] != 1 || rep.UnknownCount != 1 || rep.Publications[0].Version != "1.0" {
		t.Errorf("alone: %+v", rep)
	}
}

// TestSecondEdition refuses to mix two editions of what has one.
func TestSecondEdition(t *testing.T) {
	for _, name := range []string{"attack-2.1.json", "kev.json", "epss.csv", "d3fend.ttl"} {
		path := store(t, "two.zip", archive(t, member{"first", sample(t, name)}, member{"second", sample(t, name)}))
		_, _, err := readPath(t, path)
		wantError(t, err, "second", "a second edition of", "import one of them")
	}
}

// stubborn is a sink that refuses the nth thing it is given.
type stubborn struct {
	n   int
	err error
}

func (s *stubborn) take() error {
	if s.n--; s.n < 0 {
		return s.err
	}
	return nil
}

func (s *stubborn) Entry(*feed.Entry) error       { return s.take() }
func (s *stubborn) Relation(*feed.Relation) error { return s.take() }

// TestSinkRefuses gives the sink's own error back, whatever is being read.
func TestSinkRefuses(t *testing.T) {
	for _, name := range samples(t) {
		c, _, err := readBytes(t, sample(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(c.entries) + len(c.relations) {
			s := &stubborn{n: n, err: os.ErrPermission}
			_, err := feed.Read(context.Background(), "-", strings.NewReader(string(sample(t, name))), s, feed.Options{})
			if err != os.ErrPermission {
				t.Errorf("%s, refused at %d: %v", name, n, err)
			}
			if s.n != -1 {
				t.Errorf("%s: the sink was called %d times after it refused", name, -1-s.n)
			}
		}
	}
}

// TestStopped ends a read whose context is done.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for _, name := range samples(t) {
		_, err := feed.Read(ctx, filepath.Join("testdata", "samples", name), nil, &counted{}, feed.Options{})
		if err != context.Canceled {
			t.Errorf("%s: %v, want %v", name, err, context.Canceled)
		}
	}
}
