package library_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// gone returns an entry that no longer stands.
func gone(id, status, successor string) feed.Entry {
	return feed.Entry{Kind: feed.KindTechnique, ID: id, Name: "Old " + id, Status: status, Successor: successor}
}

func TestRemap(t *testing.T) {
	s := shelf{"a": {pubs: pub("attack-enterprise", "1", "2020-01-01"), entries: []feed.Entry{
		technique("T1", "One"),
		gone("T2", feed.StatusRevoked, "T1"),
		gone("T3", feed.StatusRevoked, "T2"),
		gone("T4", feed.StatusDeprecated, ""),
		gone("T5", feed.StatusRevoked, "T4"),
		gone("T6", feed.StatusRevoked, "T7"),
		gone("T7", feed.StatusRevoked, "T8"),
		gone("T8", feed.StatusRevoked, "T6"),
		gone("T9", feed.StatusRevoked, "T9"),
		gone("T10", feed.StatusRevoked, "T404"),
		gone("T11", feed.StatusRevoked, ""), // its relation says what replaced it
		gone("T12", feed.StatusRevoked, "T6"),
		gone("T13", feed.StatusRevoked, "T1"),
		{Kind: feed.KindMitigation, ID: "T13", Name: "It stands as another kind"},
	}, relations: []feed.Relation{{From: "T11", Type: "revoked-by", To: "T1"}}}}
	l := open(t, t.TempDir())
	load(t, l, s, "a")
	for _, c := range []struct{ asked, entry, want string }{
		{"T1", "T1", ""},
		{"t2", "T1", "T2 is now T1 (One)"},
		{" T3 ", "T1", "T3 is now T1 (One), by way of T2"},
		{"T4", "T4", "T4 is deprecated and has no successor"},
		{"T5", "T4", "T5 is now T4 (Old T4); T4 is deprecated and has no successor"},
		{"T6", "T6", "T6 is revoked and has no successor; its successors lead in a circle: T6, T7, T8, T6"},
		{"T9", "T9", "T9 is revoked and has no successor; its successors lead in a circle: T9, T9"},
		{"T10", "T10", "T10 is now T404; T404 is not loaded"},
		{"T11", "T1", "T11 is now T1 (One)"},
		{"T12", "T12", "T12 is revoked and has no successor; its successors lead in a circle: T12, T6, T7, T8, T6"},
		{"T13", "T13", ""},
	} {
		for range 2 { // the second comes from the cache
			e, r, err := l.Entry(t.Context(), c.asked)
			got := ""
			if r != nil {
				got = r.String()
			}
			if err != nil || e.ID != c.entry || got != c.want {
				t.Errorf("Entry(%q) = %v, %q, %v, want %s, %q", c.asked, e, got, err, c.entry, c.want)
			}
		}
	}
	if e, err := l.Stored(t.Context(), "T2"); err != nil || e.ID != "T2" {
		t.Errorf("Stored(T2) = %v, %v", e, err)
	}
	if to, err := l.Resolve(t.Context(), "T3"); err != nil || to != "T1" {
		t.Errorf("Resolve(T3) = %q, %v", to, err)
	}
	if _, _, err := l.Entry(t.Context(), strings.Repeat("T", 1<<20)); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("Entry of a million letters = %v", err)
	}
	if n, err := l.Remapped(t.Context()); err != nil || n != 5 { // T2, T3, T5, T10, T11
		t.Errorf("Remapped = %d, %v, want 5", n, err)
	}
}

// A chain of any length ends.
func TestLongChain(t *testing.T) {
	b := book{pubs: pub("attack-enterprise", "1", "2020-01-01")}
	for i := range 500 {
		b.entries = append(b.entries, gone(fmt.Sprint("T", i), feed.StatusRevoked, fmt.Sprint("T", i+1)))
	}
	b.entries = append(b.entries, technique("T500", "The last"))
	l := open(t, t.TempDir())
	load(t, l, shelf{"a": b}, "a")
	if e, r, err := l.Entry(t.Context(), "T499"); err != nil || e.ID != "T500" || r.To != "T500" {
		t.Errorf("Entry(T499) = %v, %v, %v", e, r, err)
	}
	if e, r, err := l.Entry(t.Context(), "T0"); err != nil || e.ID != "T0" || !strings.Contains(r.Note, "more than 32") {
		t.Errorf("Entry(T0) = %v, %v, %v", e, r, err)
	}
}

func TestRelations(t *testing.T) {
	s := shelf{
		"town": town["two"],
		"maps": {pubs: pub("attack-mappings", "1", "2019-01-01"), relations: []feed.Relation{
			{From: "AC-9", Type: "mitigates", To: "T9002"},
			{From: "AC-9", Type: "mitigates", To: "T9004.001"},
			{From: "AC-8", Type: "mitigates", To: "T9002", Text: "It locks the kitchen."},
		}},
	}
	l := open(t, t.TempDir())
	load(t, l, s, "town", "maps")
	want := []library.Link{
		{Relation: feed.Relation{Publication: "attack-mappings", From: "AC-8", Type: "mitigates", To: "T9004.001", Text: "It locks the kitchen."}, WasTo: "T9002"},
		{Relation: feed.Relation{Publication: "attack-mappings", From: "AC-9", Type: "mitigates", To: "T9004.001"}},
		{Relation: feed.Relation{Publication: "attack-enterprise", From: "T9002", Type: "revoked-by", To: "T9004.001"}},
		{Relation: feed.Relation{Publication: "attack-enterprise", From: "S9001", Type: "uses", To: "T9004.001", Text: "TINPIPE has borrowed the kettle."}, WasTo: "T9002"},
	}
	for _, id := range []string{"T9004.001", "t9002"} {
		got, err := l.Links(t.Context(), id)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Links(%s): %v (-want +got):\n%s", id, err, diff)
		}
	}
	if got, err := l.Relations(t.Context(), "nothing"); err != nil || len(got) > 0 {
		t.Errorf("Relations of nothing = %v, %v", got, err)
	}
	var each []string
	if err := l.EachRelation(t.Context(), []string{"uses", "mitigates"}, func(r *feed.Relation) error {
		if _, _, err := l.Entry(t.Context(), r.To); err != nil { // a caller may ask meanwhile
			t.Errorf("Entry(%q): %v", r.To, err)
		}
		each = append(each, r.Type+" "+r.From+" "+r.To)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wantEach := []string{"mitigates AC-8 T9004.001", "mitigates AC-9 T9004.001", "mitigates AC-9 T9004.001", "uses S9001 T9001", "uses S9001 T9004.001"}
	if diff := cmp.Diff(wantEach, each); diff != "" {
		t.Errorf("EachRelation (-want +got):\n%s", diff)
	}
	stop := errors.New("stop")
	if err := l.EachRelation(t.Context(), nil, func(*feed.Relation) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachRelation = %v, want the caller's error", err)
	}
	if err := l.EachEntry(t.Context(), nil, func(*feed.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachEntry = %v, want the caller's error", err)
	}
}

func TestEachEntry(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "two")
	for _, c := range []struct {
		kinds []string
		want  []string
	}{
		{nil, []string{"T9001", "T9002", "T9004.001", "S9001"}},
		{[]string{feed.KindSoftware, feed.KindTechnique}, []string{"T9001", "T9002", "T9004.001", "S9001"}},
		{[]string{feed.KindSoftware}, []string{"S9001"}},
		{[]string{"sandwich"}, nil},
	} {
		var got []string
		err := l.EachEntry(t.Context(), c.kinds, func(e *feed.Entry) error { got = append(got, e.ID); return nil })
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("EachEntry(%q): %v (-want +got):\n%s", c.kinds, err, diff)
		}
	}
}

func TestSearch(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "one")
	for _, c := range []struct {
		query string
		kinds []string
		want  []string // EntryID section, the best first
	}{
		{"kettle", nil, []string{"T9002 description", "S9001 uses"}},
		{"KETTLES boiling", nil, []string{"T9002 description", "S9001 uses"}},
		{"powershell.exe", nil, []string{"S9001 uses"}},
		{"-enc", nil, []string{"S9001 uses"}},
		{"T9003", nil, []string{"T9003 description"}},
		{"t9003", nil, []string{"T9003 description"}},
		{"what is a lonely lamp?", nil, []string{"T9003 description"}},
		{"tin", []string{feed.KindSoftware}, []string{"S9001 description"}},
		{"kettle", []string{library.KindRelation}, []string{"S9001 uses"}},
		{"kettle", []string{library.KindRelation, feed.KindTechnique, feed.KindTechnique}, []string{"T9002 description", "S9001 uses"}},
		{"zeppelin", nil, nil},
		{"", nil, nil},
		{"***", nil, nil},
	} {
		hits, err := l.Search(t.Context(), c.query, library.SearchOptions{Kinds: c.kinds})
		var got []string
		for _, h := range hits {
			got = append(got, h.EntryID+" "+h.Section)
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("Search(%q, %q): %v (-want +got):\n%s", c.query, c.kinds, err, diff)
		}
	}
	hits, err := l.Search(t.Context(), "borrowed", library.SearchOptions{})
	want := []library.Hit{{EntryID: "S9001", Kind: library.KindRelation, Name: "TINPIPE", Section: "uses", Text: "TINPIPE has borrowed the kettle.", From: "S9001", To: "T9002"}}
	if err == nil && len(hits) == 1 {
		want[0].Score = hits[0].Score
	}
	if diff := cmp.Diff(want, hits); err != nil || diff != "" || hits[0].Score <= 0 {
		t.Errorf("Search: %v (-want +got):\n%s", err, diff)
	}
	if _, err := l.Search(t.Context(), "kettle", library.SearchOptions{Kinds: []string{"sandwich"}}); err == nil {
		t.Error("Search in an unknown kind: no error")
	}
	if hits, err := l.Search(t.Context(), "tinpipe", library.SearchOptions{Limit: 1}); err != nil || len(hits) != 1 {
		t.Errorf("Search with a limit of 1 = %v, %v", hits, err)
	}
}

// A person's query is never the index's syntax.
func TestSearchSyntax(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "one")
	for _, q := range []string{
		`"`, `""`, `kettle"`, `"kettle`, `kettle OR`, `NOT kettle`, `kettle AND NOT lamp`, `NEAR(kettle lamp)`, `title:kettle`, `^kettle`, `kettle*`,
		`kettle) OR (lamp`, `{title text}:kettle`, `kettle - lamp`, `kettle' OR 1=1; DROP TABLE entries; --`, "kettle\x00lamp", "\xff\xfekettle", "水壶 kettle", strings.Repeat("kettle ", 100_000), strings.Repeat("kettle", 100_000) + " kettle",
	} {
		if _, err := l.Search(t.Context(), q, library.SearchOptions{}); err != nil {
			t.Errorf("Search(%.40q): %v", q, err)
		}
	}
	if hits, err := l.Search(t.Context(), `kettle" OR "`, library.SearchOptions{}); err != nil || len(hits) == 0 {
		t.Errorf("Search finds no kettle beside the syntax: %v, %v", hits, err)
	}
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		words map[string]int
		want  []string
	}{
		{map[string]int{"a": 10, "b": 20}, []string{`title : ("a" AND "b")`, `"a" OR "b"`}},
		{map[string]int{"a": 10, "b": 20_000}, []string{`title : ("a" AND "b")`, `"a"`, `"a" AND "b"`}},
		{map[string]int{"a": 10_000, "b": 20_000}, []string{`title : ("a" AND "b")`, `"a" AND "b"`, `"a"`}},
		{map[string]int{"a": 10_000}, []string{`title : ("a")`, `"a"`}},
		{map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 9000}, []string{`"a" OR "b" OR "c" OR "d" OR "e" OR "f"`}},
	} {
		if diff := cmp.Diff(c.want, library.Expressions(c.words)); diff != "" {
			t.Errorf("Expressions(%v) (-want +got):\n%s", c.words, diff)
		}
	}
}

// Every passage of a long entry can be found, and says where it stands.
func TestLongEntry(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, "word%d", i)
		b.WriteString([]string{" ", " ", " ", ". ", "\n", "\n\n"}[rnd.IntN(6)])
	}
	long := technique("T1", "Long", b.String(), strings.Repeat("x", 5000)+" needle "+strings.Repeat("ü", 5000))
	many := technique("T2", "Many")
	for i := range 5000 {
		many.Sections = append(many.Sections, feed.Section{Name: "example", Text: fmt.Sprint("sample", i)})
	}
	l := open(t, t.TempDir())
	load(t, l, shelf{"a": {pubs: pub("attack-enterprise", "1", "2020-01-01"), entries: []feed.Entry{long, many}}}, "a")
	for _, w := range []string{"sample0", "sample4999", "word0", "word777", "word15000", "word29999", "needle"} {
		hits, err := l.Search(t.Context(), w, library.SearchOptions{})
		if err != nil || len(hits) != 1 || !strings.Contains(hits[0].Text, w) || len(hits[0].Text) > 3000 {
			t.Errorf("Search(%s) = %d hits, %v", w, len(hits), err)
		}
	}
}

func TestAttachments(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if err := l.SetAttachment(t.Context(), "index", nil); !errors.Is(err, library.ErrEmpty) {
		t.Errorf("SetAttachment to nothing = %v", err)
	}
	load(t, l, town, "one")
	reader, err := library.Open(dir, library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Attachment(t.Context(), "index"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("Attachment of nothing = %v", err)
	}
	for _, data := range [][]byte{[]byte("first"), {}, []byte("second\x00")} {
		if err := reader.SetAttachment(t.Context(), "index", data); err != nil {
			t.Fatal(err)
		}
		for _, who := range []*library.Library{l, reader} {
			if got, err := who.Attachment(t.Context(), "index"); err != nil || !slices.Equal(got, data) {
				t.Errorf("Attachment = %q, %v, want %q", got, err, data)
			}
		}
	}
	load(t, l, town, "two")
	if _, err := l.Attachment(t.Context(), "index"); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("Attachment after an import = %v, want ErrNotFound", err)
	}
	if err := reader.SetAttachment(t.Context(), "index", []byte("stale")); !errors.Is(err, library.ErrStale) {
		t.Errorf("SetAttachment of an older edition = %v, want ErrStale", err)
	}
	if err := l.SetAttachment(t.Context(), "", nil); err == nil {
		t.Error("an attachment without a name was kept")
	}
}

func TestConcurrentReaders(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "one")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for k := range 50 {
				ctx := context.Background()
				if _, _, err := l.Entry(ctx, []string{"T9001", "T9002", "S9001"}[(i+k)%3]); err != nil {
					t.Error(err)
				}
				if hits, err := l.Search(ctx, "kettle", library.SearchOptions{}); err != nil || len(hits) != 2 {
					t.Error(hits, err)
				}
				if links, err := l.Links(ctx, "S9001"); err != nil || len(links) != 3 {
					t.Error(links, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestClosed(t *testing.T) {
	l := open(t, t.TempDir())
	load(t, l, town, "one")
	l.Close()
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, _, err := l.Entry(t.Context(), "T9001"); err == nil {
		t.Error("Entry of a closed library: no error")
	}
	if _, err := l.Attachment(t.Context(), "x"); err == nil {
		t.Error("Attachment of a closed library: no error")
	}
	if err := l.SetAttachment(t.Context(), "x", nil); err == nil {
		t.Error("SetAttachment of a closed library: no error")
	}
	if _, err := l.Import(t.Context(), []string{"one"}, library.ImportOptions{Read: town.read}); err == nil {
		t.Error("Import into a closed library: no error")
	}
}
