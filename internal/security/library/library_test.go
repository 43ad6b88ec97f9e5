package library_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// town is an invented catalogue, in two editions.
var town = shelf{
	"one": {
		pubs: pub("attack-enterprise", "1.0", "2020-01-01"),
		entries: []feed.Entry{
			technique("T9001", "Whispering Shell", "The adversary whispers to a shell through a tin pipe."),
			technique("T9002", "Old Kettle", "The kettle boils twice before it is stolen."),
			technique("T9003", "Lonely Lamp", "A lamp is switched on from afar."),
			entry(feed.KindSoftware, "S9001", "TINPIPE", "TINPIPE is a remote tool made of tin."),
		},
		relations: []feed.Relation{
			{From: "S9001", Type: "uses", To: "T9001", Text: "TINPIPE whispers to powershell.exe with -enc at dawn."},
			{From: "S9001", Type: "uses", To: "T9002", Text: "TINPIPE has borrowed the kettle."},
			{From: "S9001", Type: "uses", To: "T9999", Text: "TINPIPE is said to fly."},
		},
	},
	"two": {
		pubs: pub("attack-enterprise", "2.0", "2021-01-01"),
		entries: []feed.Entry{
			technique("T9001", "Whispering Shell", "The adversary whispers to a shell through a copper pipe."),
			{Kind: feed.KindTechnique, ID: "T9002", Name: "Old Kettle", Status: feed.StatusRevoked, Successor: "T9004.001"},
			{Kind: feed.KindTechnique, ID: "T9004.001", Name: "New Kettle", Parent: "T9004", Sections: []feed.Section{{Name: "description", Text: "The kettle is electric now."}}},
			entry(feed.KindSoftware, "S9001", "TINPIPE", "TINPIPE is a remote tool made of tin."),
		},
		relations: []feed.Relation{
			{From: "S9001", Type: "uses", To: "T9001", Text: "TINPIPE whispers to powershell.exe with -enc at dawn."},
			{From: "S9001", Type: "uses", To: "T9002", Text: "TINPIPE has borrowed the kettle."},
			{From: "T9002", Type: "revoked-by", To: "T9004.001"},
		},
	},
}

func TestEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	if _, err := library.Open(dir, library.Options{}); !errors.Is(err, library.ErrEmpty) {
		t.Errorf("Open of nothing = %v, want ErrEmpty", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a reader made the data directory")
	}
	l := open(t, dir)
	if l.Edition() != "" {
		t.Errorf("Edition of nothing = %q", l.Edition())
	}
	if _, _, err := l.Entry(t.Context(), "T9001"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("Entry of nothing = %v, want ErrNotFound", err)
	}
	if hits, err := l.Search(t.Context(), "kettle", library.SearchOptions{}); err != nil || len(hits) > 0 {
		t.Errorf("Search of nothing = %v, %v", hits, err)
	}
	l.Close()
	if _, err := library.Open(dir, library.Options{}); !errors.Is(err, library.ErrEmpty) {
		t.Errorf("Open of a file without content = %v, want ErrEmpty", err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, library.FileName): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	rep := load(t, l, town, "one")
	want := library.Change{Publication: town["one"].pubs[0], Entries: 4, Relations: 3, Added: 4, Dangling: 1}
	if diff := cmp.Diff([]library.Change{want}, rep.Changes); diff != "" {
		t.Errorf("first import (-want +got):\n%s", diff)
	}
	first := l.Edition()
	if first == "" || rep.Edition != first {
		t.Errorf("Edition = %q, report says %q", first, rep.Edition)
	}

	reader, err := library.Open(dir, library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rep = load(t, l, town, "two")
	want = library.Change{Publication: town["two"].pubs[0], Before: "1.0", Entries: 4, Relations: 3, Added: 1, Changed: 2, Removed: 1, Revoked: 1, Remapped: 1, Gone: []string{"T9003"}}
	if diff := cmp.Diff([]library.Change{want}, rep.Changes); diff != "" {
		t.Errorf("second import (-want +got):\n%s", diff)
	}
	if l.Edition() == first {
		t.Error("the edition did not change with the content")
	}
	if _, _, err := l.Entry(t.Context(), "T9003"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("Entry of what was removed = %v, want ErrNotFound", err)
	}
	if hits, err := l.Search(t.Context(), "lamp", library.SearchOptions{}); err != nil || len(hits) > 0 {
		t.Errorf("the index still finds what was removed: %v, %v", hits, err)
	}

	// Who opened before sees what was there.
	if reader.Edition() != first {
		t.Error("a reader's edition changed under it")
	}
	if _, _, err := reader.Entry(t.Context(), "T9003"); err != nil {
		t.Errorf("a reader lost T9003: %v", err)
	}
	if hits, err := reader.Search(t.Context(), "lamp", library.SearchOptions{}); err != nil || len(hits) != 1 {
		t.Errorf("a reader's search = %v, %v, want the lamp", hits, err)
	}
}

// The edition tells what is loaded, not how it came to be.
func TestEditionIsOfContentAlone(t *testing.T) {
	more := shelf{"kev": {pubs: pub("kev", "1", "2020-02-02"), entries: []feed.Entry{entry(feed.KindVulnerability, "CVE-2020-0001", "A hole")}}, "two": town["two"], "one": town["one"]}
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	load(t, a, more, "one")
	load(t, a, more, "two")
	load(t, a, more, "kev")
	load(t, b, more, "kev", "two")
	if a.Edition() != b.Edition() {
		t.Errorf("editions differ: %s, %s", a.Edition(), b.Edition())
	}
	again := load(t, a, more, "two", "kev")
	if again.Edition != b.Edition() || again.Changes[0].Added+again.Changes[0].Changed+again.Changes[0].Removed != 0 {
		t.Errorf("the same again changed something: %+v", again)
	}
}

func TestOlderEditionIsRefused(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "two")
	e := refused(t, l, town, casemate.CodeUsage, library.ImportOptions{}, "one")
	if !strings.Contains(e.Message, "1.0") || !strings.Contains(e.Message, "2.0") || !strings.Contains(e.Hint, "--force") {
		t.Errorf("error does not say what and what to do: %v; %s", e, e.Hint)
	}
	rep, err := l.Import(t.Context(), []string{"one"}, library.ImportOptions{Read: town.read, Force: true})
	if err != nil || rep.Changes[0].Before != "2.0" {
		t.Errorf("forced import = %+v, %v", rep, err)
	}
	refused(t, l, town, casemate.CodeUsage, library.ImportOptions{}, "one", "two")
}

// A new edition some objects of which are broken takes nothing away unasked:
// what would go may be what is broken.
func TestBrokenEditionTakesNothingAway(t *testing.T) {
	hurt := town["two"]
	hurt.faults = 2
	s := shelf{"one": town["one"], "hurt": hurt}
	l := open(t, t.TempDir())
	load(t, l, s, "one")
	e := refused(t, l, s, casemate.CodeUsage, library.ImportOptions{}, "hurt")
	if !strings.Contains(e.Message, "2 faults") || !strings.Contains(e.Message, "T9003") || !strings.Contains(e.Message, "fault 0") || !strings.Contains(e.Hint, "--force") {
		t.Errorf("error does not say what and what to do: %v; %s", e, e.Hint)
	}
	rep, err := l.Import(t.Context(), []string{"hurt"}, library.ImportOptions{Read: s.read, Force: true})
	if err != nil || rep.FaultCount != 2 || rep.Changes[0].Removed != 1 {
		t.Errorf("forced import = %+v, %v", rep, err)
	}
}

// Ids that are replaced by one another are not counted as replaced.
func TestCirclesAreNotRemapped(t *testing.T) {
	gone := func(id, successor string) feed.Entry {
		return feed.Entry{Kind: feed.KindTechnique, ID: id, Name: id, Status: feed.StatusRevoked, Successor: successor}
	}
	s := shelf{"circle": {pubs: pub("attack-enterprise", "1", "2020-01-01"), entries: []feed.Entry{technique("T1", "Stands"), gone("T2", "T1"), gone("T3", "T4"), gone("T4", "T3"), gone("T5", "T5"), gone("T6", "T3")}}}
	l := open(t, t.TempDir())
	rep := load(t, l, s, "circle")
	n, err := l.Remapped(t.Context())
	if rep.Changes[0].Remapped != 1 || n != 1 || err != nil {
		t.Errorf("remapped are %d in the report and %d in the library (%v), want 1", rep.Changes[0].Remapped, n, err)
	}
}

func TestFaultsDoNotStopAnImportButErrorsDo(t *testing.T) {
	s := shelf{
		"one":    town["one"],
		"faulty": {pubs: pub("cwe", "4", "2020-01-01"), entries: []feed.Entry{entry(feed.KindWeakness, "CWE-9001", "Leaky Bucket", "Water leaves.")}, faults: 3},
		"broken": {pubs: pub("kev", "4", "2020-01-01"), entries: []feed.Entry{entry(feed.KindVulnerability, "CVE-2020-0002", "Drip")}, err: &casemate.Error{Code: casemate.CodeInput, Message: "cut off at byte 12"}},
		"odd":    {pubs: pub("kev", "4", "2020-01-01"), entries: []feed.Entry{entry("sandwich", "X-1", "Cheese")}},
	}
	l := open(t, t.TempDir())
	load(t, l, s, "one")
	if e := refused(t, l, s, casemate.CodeInput, library.ImportOptions{}, "faulty", "broken"); !strings.Contains(e.Message, "byte 12") {
		t.Errorf("error = %v, want the place", e)
	}
	if _, _, err := l.Entry(t.Context(), "CWE-9001"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("half an import stayed: %v", err)
	}
	if _, err := l.Import(t.Context(), []string{"odd"}, library.ImportOptions{Read: s.read}); err == nil || !strings.Contains(err.Error(), "sandwich") {
		t.Errorf("Import of an unknown kind = %v", err)
	}
	rep := load(t, l, s, "faulty")
	if rep.FaultCount != 3 || len(rep.Faults) != 3 || rep.Changes[0].Added != 1 {
		t.Errorf("faulty import = %+v", rep)
	}
}

// A file that is well formed and holds next to nothing is not the catalogue.
func TestPartDoesNotReplaceTheWhole(t *testing.T) {
	s := shelf{
		"whole": big("1", "badger", 40),
		"part":  big("2", "badger", 19),
		"none":  {pubs: pub("attack-enterprise", "3", "2022-01-01")},
		"most":  big("4", "badger", 21),
	}
	l := open(t, t.TempDir())
	load(t, l, s, "whole")
	for _, name := range []string{"part", "none"} {
		if e := refused(t, l, s, casemate.CodeUsage, library.ImportOptions{}, name); !strings.Contains(e.Hint, "--force") {
			t.Errorf("hint = %q", e.Hint)
		}
	}
	load(t, l, s, "most")
	if rep, err := l.Import(t.Context(), []string{"none"}, library.ImportOptions{Read: s.read, Force: true}); err != nil || rep.Changes[0].Removed != 21 {
		t.Errorf("forced import = %+v, %v", rep, err)
	}
}

func TestStrayFiles(t *testing.T) {
	s := shelf{"one": town["one"], "stray": {err: fmt.Errorf("import stray: %w", feed.ErrUnknown)}}
	l := open(t, t.TempDir())
	for _, paths := range [][]string{{"stray"}, {"stray", "stray"}} {
		if _, err := l.Import(t.Context(), paths, library.ImportOptions{Read: s.read}); !errors.Is(err, feed.ErrUnknown) {
			t.Errorf("Import(%q) = %v, want ErrUnknown", paths, err)
		}
	}
	rep := load(t, l, s, "stray", "one", "stray")
	if rep.FaultCount != 2 || len(rep.Faults) != 2 || rep.Faults[0].At.File != "stray" || rep.Changes[0].Added != 4 {
		t.Errorf("import with stray files = %+v", rep)
	}
}

func TestSameBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := town["one"]
	b.pubs = slices.Clone(b.pubs)
	b.pubs[0].Source = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // SHA-256 of abc, FIPS 180-2
	l := open(t, t.TempDir())
	load(t, l, shelf{path: b}, path)
	rep := load(t, l, shelf{}, path) // the reader would fail
	if len(rep.Changes) != 1 || !rep.Changes[0].Same || rep.Changes[0].Entries != 4 || rep.Edition != l.Edition() {
		t.Errorf("the same bytes again = %+v", rep)
	}
}

func TestRecordsReplaceThemselves(t *testing.T) {
	cve := func(id, modified, text string) feed.Entry {
		e := entry(feed.KindVulnerability, id, id, text)
		e.Modified = modified
		return e
	}
	s := shelf{
		"a": {pubs: pub("nvd", "", "2020-03-03"), entries: []feed.Entry{cve("CVE-2020-0001", "2020-01-01", "first hole"), cve("CVE-2020-0002", "2020-03-03", "second hole")},
			relations: []feed.Relation{{From: "CVE-2020-0001", Type: "maps-to", To: "CWE-1"}, {From: "CVE-2020-0002", Type: "maps-to", To: "CWE-2"}}},
		"b": {pubs: pub("nvd", "", "2020-02-02"), entries: []feed.Entry{cve("CVE-2020-0001", "2020-02-02", "first hole, better understood"), cve("CVE-2020-0002", "2020-01-01", "stale hole"), cve("CVE-2020-0003", "2020-02-02", "third hole")},
			relations: []feed.Relation{{From: "CVE-2020-0001", Type: "maps-to", To: "CWE-11"}, {From: "CVE-2020-0002", Type: "maps-to", To: "CWE-22"}, {From: "CVE-2020-0003", Type: "maps-to", To: "CWE-3"}}},
	}
	check := func(t *testing.T, l *library.Library) {
		t.Helper()
		var got []string
		if err := l.EachEntry(t.Context(), nil, func(e *feed.Entry) error { got = append(got, e.ID+" "+e.Sections[0].Text); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := l.EachRelation(t.Context(), nil, func(r *feed.Relation) error { got = append(got, r.From+" "+r.To); return nil }); err != nil {
			t.Fatal(err)
		}
		want := []string{"CVE-2020-0001 first hole, better understood", "CVE-2020-0002 second hole", "CVE-2020-0003 third hole", "CVE-2020-0001 CWE-11", "CVE-2020-0002 CWE-2", "CVE-2020-0003 CWE-3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for q, n := range map[string]int{"stale": 0, "better": 1, "second": 1, "hole": 3} {
			if hits, err := l.Search(t.Context(), q, library.SearchOptions{}); err != nil || len(hits) != n {
				t.Errorf("Search(%q) = %v, %v, want %d", q, hits, err, n)
			}
		}
	}
	together, apart := open(t, t.TempDir()), open(t, t.TempDir())
	load(t, together, s, "a", "b")
	check(t, together)
	load(t, apart, s, "a")
	rep := load(t, apart, s, "b")
	check(t, apart)
	want := []library.Change{{Publication: s["b"].pubs[0], Before: "2020-03-03", Entries: 3, Relations: 3, Added: 1, Changed: 1, Older: 1, Dangling: 3}}
	if diff := cmp.Diff(want, rep.Changes); diff != "" {
		t.Errorf("second import (-want +got):\n%s", diff)
	}
	if together.Edition() != apart.Edition() {
		t.Error("the order of imports shows in the edition")
	}
}

func TestCollections(t *testing.T) {
	rules := func(from, to int) (out []feed.Entry) {
		for i := from; i < to; i++ {
			out = append(out, entry(feed.KindSigma, "rule-"+string(rune('A'+i/26))+string(rune('a'+i%26)), "A rule", "It watches the teapot."))
		}
		return out
	}
	s := shelf{
		"all":  {pubs: pub("sigma", "", "2020-01-01"), entries: rules(0, 60)},
		"part": {pubs: pub("sigma", "", "2020-01-02"), entries: rules(0, 10)},
		"next": {pubs: pub("sigma", "", "2020-01-03"), entries: rules(1, 61)},
		"own":  {pubs: pub("sigma", "", ""), entries: rules(100, 103)},
	}
	l := open(t, t.TempDir())
	load(t, l, s, "all")
	load(t, l, s, "own") // shares nothing: it stands beside
	if e := refused(t, l, s, casemate.CodeUsage, library.ImportOptions{}, "part"); !strings.Contains(e.Hint, "--add") {
		t.Errorf("hint = %q", e.Hint)
	}
	rep, err := l.Import(t.Context(), []string{"part"}, library.ImportOptions{Read: s.read, Add: true})
	if held, _ := l.Held(t.Context()); err != nil || len(held) != 3 || rep.Changes[0].Before != "" {
		t.Errorf("Import with Add = %+v, %v, %d publications", rep, err, len(held))
	}
	rep = load(t, l, s, "next") // takes the place of both that it shares rules with
	if held, _ := l.Held(t.Context()); len(held) != 2 {
		t.Errorf("%d publications, want the rules and one's own", len(held))
	}
	if c := rep.Changes[0]; c.Added != 1 || c.Removed != 1 || c.Entries != 60 {
		t.Errorf("the next edition = %+v", c)
	}
	counts, err := l.Counts(t.Context())
	if want := []library.Count{{Kind: feed.KindSigma, Entries: 63, Standing: 63}}; err != nil || !cmp.Equal(counts, want) {
		t.Errorf("Counts = %v, %v, want %v", counts, err, want)
	}
}

func TestMerge(t *testing.T) {
	s := shelf{
		"kev": {pubs: pub("kev", "1", "2021-01-01"), entries: []feed.Entry{{Kind: feed.KindVulnerability, ID: "CVE-2020-0001", Name: "Teapot Spout Overflow",
			Fields: []feed.Field{{Key: "kev-added", Value: "2021-01-01"}}, Sections: []feed.Section{{Name: "description", Text: "A spout overflows."}}}}},
		"epss": {pubs: pub("epss", "1", "2021-01-02"), entries: []feed.Entry{{Kind: feed.KindVulnerability, ID: "CVE-2020-0001", Name: "CVE-2020-0001", Fields: []feed.Field{{Key: "epss", Value: "0.9"}}}}},
		"nvd": {pubs: pub("nvd", "", "2021-01-03"), entries: []feed.Entry{{Kind: feed.KindVulnerability, ID: "CVE-2020-0001", Name: "CVE-2020-0001", Modified: "2020-05-05",
			Fields: []feed.Field{{Key: "cvss", Value: "v"}}, Sections: []feed.Section{{Name: "description", Text: "The spout."}}}}},
		"cve": {pubs: pub("cve", "", "2021-01-03"), entries: []feed.Entry{{Kind: feed.KindVulnerability, ID: "CVE-2020-0001", Name: "CVE-2020-0001", Modified: "2020-04-05",
			Sections: []feed.Section{{Name: "description", Text: "The spout."}}}}},
	}
	l := open(t, t.TempDir())
	load(t, l, s, "epss", "kev")
	load(t, l, s, "cve", "nvd")
	want := &feed.Entry{Publication: "nvd", Kind: feed.KindVulnerability, ID: "CVE-2020-0001", Name: "Teapot Spout Overflow", Modified: "2020-05-05",
		Fields:   []feed.Field{{Key: "cvss", Value: "v"}, {Key: "kev-added", Value: "2021-01-01"}, {Key: "epss", Value: "0.9"}},
		Sections: []feed.Section{{Name: "description", Text: "The spout."}, {Name: "description", Text: "A spout overflows."}}}
	got, remap, err := l.Entry(t.Context(), "cve-2020-0001")
	if diff := cmp.Diff(want, got); err != nil || remap != nil || diff != "" {
		t.Errorf("Entry: %v, %v (-want +got):\n%s", remap, err, diff)
	}
	var each []*feed.Entry
	if err := l.EachEntry(t.Context(), []string{feed.KindVulnerability}, func(e *feed.Entry) error { each = append(each, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*feed.Entry{want}, each); diff != "" {
		t.Errorf("EachEntry (-want +got):\n%s", diff)
	}
	if hits, _ := l.Search(t.Context(), "spout", library.SearchOptions{}); len(hits) != 2 {
		t.Errorf("Search finds %d passages, want the two that differ: %v", len(hits), hits)
	}
}
