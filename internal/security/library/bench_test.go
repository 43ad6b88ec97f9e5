package library_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// published returns the folders of the shared data that can be imported.
func published(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("CASEMATE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	var out []string
	for _, name := range []string{"attack", "knowledge"} {
		out = append(out, filepath.Join(root, "data", name))
	}
	if _, err := os.Stat(out[0]); err != nil {
		t.Skip("no shared data; set CASEMATE_SHARED")
	}
	return out
}

// everything imports all of the shared data.
func everything(b *testing.B) *library.Library {
	b.Helper()
	paths := published(b)
	l := open(b, b.TempDir())
	if _, err := l.Import(b.Context(), paths, library.ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	return l
}

func BenchmarkImport(b *testing.B) {
	for b.Loop() {
		l := everything(b)
		size, err := l.Size()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size)/1e6, "MB")
	}
}

// BenchmarkLookup asks for every technique and weakness in turn, which the
// cache cannot all hold, and for one of them again and again.
func BenchmarkLookup(b *testing.B) {
	l := everything(b)
	var ids []string
	if err := l.EachEntry(b.Context(), nil, func(e *feed.Entry) error {
		if e.Status == "" {
			ids = append(ids, e.ID)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.Run("every", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % len(ids)
			if _, _, err := l.Entry(b.Context(), ids[i]); err != nil {
				b.Fatal(ids[i], err)
			}
		}
	})
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := l.Entry(b.Context(), "T1059.001"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remapped", func(b *testing.B) {
		for b.Loop() {
			if _, r, err := l.Entry(b.Context(), "T1086"); err != nil || r == nil {
				b.Fatal(r, err)
			}
		}
	})
}

// queries are what people ask, from a name to a paragraph.
var queries = []string{
	"powershell", "attack", "use", "T1059.001", "CVE-2021-44228", "lsass.exe", "-enc", "mimikatz", "process injection",
	"credential dumping from LSASS memory", "how do I mitigate a stack buffer overflow", "which groups use spearphishing attachments",
	"scheduled task persistence on windows", "detect kerberoasting", "disable windows defender via registry",
	"the adversary used a valid account to log on to the server and then ran commands",
	"system data information process file windows user network command",
	"The attackers sent an email with a malicious attachment. Once it was opened, a macro ran PowerShell with an encoded command, which downloaded a loader from a compromised web server, injected it into explorer.exe and created a scheduled task for persistence before it beaconed over HTTPS to its command-and-control server.",
	"An improper neutralization of user input in the search parameter allows remote attackers to execute arbitrary SQL commands and read the database.",
	"what is the difference between reflected and stored cross-site scripting",
}

// BenchmarkSearch asks each query in turn; slowest-ms is the slowest's median.
func BenchmarkSearch(b *testing.B) {
	l := everything(b)
	took := make([][]time.Duration, len(queries))
	i := 0
	for b.Loop() {
		start := time.Now()
		if _, err := l.Search(b.Context(), queries[i%len(queries)], library.SearchOptions{}); err != nil {
			b.Fatal(err)
		}
		took[i%len(queries)] = append(took[i%len(queries)], time.Since(start))
		i++
	}
	slowest, which := time.Duration(0), ""
	for i, t := range took {
		if len(t) == 0 {
			continue
		}
		slices.Sort(t)
		if m := t[len(t)/2]; m > slowest {
			slowest, which = m, queries[i]
		}
	}
	b.ReportMetric(float64(slowest.Microseconds())/1000, "slowest-ms")
	b.Logf("slowest: %q", which)
}

// BenchmarkEach walks over everything.
func BenchmarkEach(b *testing.B) {
	l := everything(b)
	b.Run("entries", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			if err := l.EachEntry(b.Context(), nil, func(*feed.Entry) error { n++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n), "entries")
	})
	b.Run("relations", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			if err := l.EachRelation(b.Context(), nil, func(*feed.Relation) error { n++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n), "relations")
	})
}
