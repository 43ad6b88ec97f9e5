package eval_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

// Entry and Relation make a pantry a sink.
func (p *pantry) Entry(e *feed.Entry) error {
	p.entries = append(p.entries, e)
	return nil
}

func (p *pantry) Relation(r *feed.Relation) error {
	p.relations = append(p.relations, r)
	return nil
}

// published returns the book of ATT&CK Enterprise, ICS and Mobile, CWE and
// CAPEC, or skips.
func published(t testing.TB) *openbook.Book {
	t.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	p := &pantry{}
	for _, name := range []string{"attack/enterprise-attack-18.1.json.gz", "attack/ics-attack-18.1.json.gz", "attack/mobile-attack-18.1.json.gz", "knowledge/cwe-4.19.1.jsonl.gz", "knowledge/capec.jsonl.gz"} {
		path := filepath.Join(shared, "data", filepath.FromSlash(name))
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no shared data: %v", err)
		}
		if _, err := feed.Read(context.Background(), path, nil, p, feed.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	p.entries = slices.DeleteFunc(p.entries, func(e *feed.Entry) bool { // an entry of several matrices
		twice := seen[e.ID]
		seen[e.ID] = true
		return twice
	})
	b, err := openbook.Build(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHandwritten asks the questions that were written by hand about the
// catalogues, in words of their own. Eight of ten is what was promised.
func TestHandwritten(t *testing.T) {
	if testing.Short() {
		t.Skip("reads whole catalogues")
	}
	b := published(t)
	for _, name := range []string{"handwritten.jsonl", "handwritten2.jsonl"} {
		f, err := os.Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		asked, err := eval.ReadQuestions(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		rep, err := eval.Ask(t.Context(), b, asked)
		if err != nil {
			t.Fatal(err)
		}
		all := rep.Kinds[len(rep.Kinds)-1]
		t.Logf("%s: %v, plain BM25 %v", name, all.Book, all.Baseline)
		if all.Book.Value < 0.8 {
			t.Errorf("%s: %v, want 80 %%", name, all.Book)
		}
		if all.Book.Value < all.Baseline.Value {
			t.Errorf("%s: %v is worse than plain BM25, %v", name, all.Book, all.Baseline)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	book := published(b)
	f, err := os.Open(filepath.Join("testdata", "handwritten.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	asked, err := eval.ReadQuestions(f)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		q := asked[i%len(asked)]
		i++
		book.Choose(q.Text, q.Options, nil)
	}
}

func BenchmarkDecode(b *testing.B) {
	data := published(b).Encode()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := openbook.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
