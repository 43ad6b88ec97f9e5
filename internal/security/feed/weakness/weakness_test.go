package weakness_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/weakness"
)

// taken is a Taker that keeps everything.
type taken struct {
	root     string
	lines    []int
	entries  []*weakness.Weakness
	patterns []*weakness.Pattern
	faults   []string
	refuse   error
}

func (t *taken) Catalogue(patterns bool, version, date string) { t.root = version + " " + date }
func (t *taken) At(record, line int, offset int64)             { t.lines = append(t.lines, line) }
func (t *taken) Fault(reason string)                           { t.faults = append(t.faults, reason) }

func (t *taken) Weakness(category bool, w *weakness.Weakness) error {
	t.entries = append(t.entries, w)
	return t.refuse
}

func (t *taken) Pattern(category bool, p *weakness.Pattern) error {
	t.patterns = append(t.patterns, p)
	return t.refuse
}

func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAgree finds the same weakness in the XML and in the CSV, as far as the
// CSV goes.
func TestAgree(t *testing.T) {
	var x, c taken
	if err := weakness.ReadXML(strings.NewReader(sample(t, "cwe.xml")), &x); err != nil {
		t.Fatal(err)
	}
	if err := weakness.ReadCSV(strings.NewReader(sample(t, "cwe.csv")), &c); err != nil {
		t.Fatal(err)
	}
	if x.root != "9.10 2030-02-03" || len(x.entries) != 3 || len(c.entries) != 1 || len(c.faults) != 1 {
		t.Fatalf("%q, %d and %d entries, faults %q", x.root, len(x.entries), len(c.entries), c.faults)
	}
	a, b := x.entries[0], c.entries[0]
	for _, pair := range [][2]any{
		{a.ID, b.ID}, {a.Consequences, b.Consequences}, {a.Detection, b.Detection}, {a.Alternates, b.Alternates},
		{a.Observed, b.Observed}, {a.Notes, b.Notes}, {a.Areas, b.Areas}, {a.Resources, b.Resources}, {a.Background, b.Background},
		{a.Related[0], b.Related[0]}, {a.Ordinalities, b.Ordinalities},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("XML and CSV (-xml +csv):\n%s", diff)
		}
	}
}

func TestRefused(t *testing.T) {
	stop := errors.New("stop")
	for name, read := range map[string]func(weakness.Taker) error{
		"cwe.xml":   func(k weakness.Taker) error { return weakness.ReadXML(strings.NewReader(sample(t, "cwe.xml")), k) },
		"capec.xml": func(k weakness.Taker) error { return weakness.ReadXML(strings.NewReader(sample(t, "capec.xml")), k) },
		"cwe.csv":   func(k weakness.Taker) error { return weakness.ReadCSV(strings.NewReader(sample(t, "cwe.csv")), k) },
		"capec.csv": func(k weakness.Taker) error { return weakness.ReadCSV(strings.NewReader(sample(t, "capec.csv")), k) },
	} {
		k := &taken{refuse: stop}
		if err := read(k); err != stop || len(k.entries)+len(k.patterns) != 1 {
			t.Errorf("%s: %v after %d entries", name, err, len(k.entries)+len(k.patterns))
		}
	}
}

func FuzzReadXML(f *testing.F) {
	f.Add(sample(f, "cwe.xml"))
	f.Add(sample(f, "capec.xml"))
	f.Fuzz(func(t *testing.T, in string) {
		k := &taken{}
		if err := weakness.ReadXML(strings.NewReader(in), k); err == nil && len(in) == 0 {
			t.Fatal("nothing is read as a whole document")
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add(sample(f, "cwe.csv"))
	f.Add(sample(f, "capec.csv"))
	f.Fuzz(func(t *testing.T, in string) {
		k := &taken{}
		err := weakness.ReadCSV(strings.NewReader(in), k)
		if n := len(k.entries) + len(k.patterns); n > strings.Count(in, "\n")+1 {
			t.Fatalf("%d entries from %d lines (%v)", n, strings.Count(in, "\n"), err)
		}
	})
}
