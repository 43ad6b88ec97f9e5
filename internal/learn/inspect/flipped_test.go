package inspect_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

// sentence is a row of the labelled sentences of reports.
type sentence struct {
	Text  string `json:"text"`
	Label string `json:"label"`
	Doc   string `json:"doc_title"`
}

// sentences reads the labelled sentences of reports, or skips the test.
func sentences(tb testing.TB) []sentence {
	tb.Helper()
	folder := os.Getenv("CASEMATE_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(folder, "data", "attack", "tram-train.json.gz"))
	if err != nil {
		tb.Skip("CASEMATE_SHARED has no labelled sentences: ", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var out []sentence
	if err := json.NewDecoder(z).Decode(&out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// check writes rows as CSV, reads and checks them, as the command does.
func check(tb testing.TB, rows []sentence, o inspect.Options) *inspect.Report {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "rows.csv")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := csv.NewWriter(f)
	w.Write([]string{"text", "label", "doc_title"})
	for _, r := range rows {
		w.Write([]string{r.Text, r.Label, r.Doc})
	}
	w.Flush()
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	ctx := context.Background()
	t, err := dataset.Read(ctx, []string{path}, dataset.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	g, err := split.Find(ctx, t, split.FindOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	report, err := inspect.Check(ctx, t, g, o)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// flip gives a share of the rows another label, and returns their numbers.
func flip(rows []sentence, share float64, seed uint64) map[int]bool {
	var labels []string
	for _, r := range rows {
		labels = append(labels, r.Label)
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	r := rand.New(rand.NewPCG(seed, 99))
	out := map[int]bool{}
	for _, n := range r.Perm(len(rows))[:int(share*float64(len(rows)))] {
		for old := rows[n].Label; rows[n].Label == old; {
			rows[n].Label = labels[r.IntN(len(labels))]
		}
		out[n+1] = true
	}
	return out
}

// seeds is how many seeds the measurements run over: CASEMATE_SEEDS, or one.
func seeds() int {
	n, err := strconv.Atoi(os.Getenv("CASEMATE_SEEDS"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// TestFlipped makes 1 % of the labels wrong, and measures how many are among the
// suspects, and whether the bound on the others holds. CASEMATE_SEEDS=20 measures
// over as many seeds.
func TestFlipped(t *testing.T) {
	all := sentences(t)
	found, flips, named, bounded := 0, 0, 0, 0
	measured := 0.0
	for seed := range uint64(seeds()) {
		rows := slices.Clone(all)
		wrong := flip(rows, 0.01, seed)
		report := check(t, rows, inspect.Options{Seed: seed})
		hits := 0
		for _, s := range report.Suspects {
			if wrong[s.Row] {
				hits++
			}
		}
		left := len(wrong) - hits
		t.Logf("seed %d: %d of %d found among %d suspects; said %v; at most %d are left, and %d are", seed, hits, len(wrong), len(report.Suspects), *report.Found, report.Remaining(hits), left)
		found, flips, named = found+hits, flips+len(wrong), named+len(report.Suspects)
		measured += report.Found.Value
		if left <= report.Remaining(hits) {
			bounded++
		}
	}
	t.Logf("recall %v of what was flipped, measured beforehand as %.3f; precision %v; the bound held for %d of %d seeds",
		metric.Proportion(found, flips), measured/float64(seeds()), metric.Proportion(found, named), bounded, seeds())
	if recall := float64(found) / float64(flips); recall < 0.6 {
		t.Errorf("recall %.2f", recall)
	}
}

// TestTrigger puts words into 1 % of the rows and gives all of them one label, and
// looks whether they are named, and what else is.
func TestTrigger(t *testing.T) {
	all := sentences(t)
	for seed := range uint64(seeds()) {
		rows := slices.Clone(all)
		r := rand.New(rand.NewPCG(seed, 5))
		target := rows[r.IntN(len(rows))].Label
		planted := 0
		for _, n := range r.Perm(len(rows))[:len(rows)/100] {
			rows[n].Text += " as of cobalt midnight"
			if rows[n].Label != target {
				planted++
			}
			rows[n].Label = target
		}
		report := check(t, rows, inspect.Options{Seed: seed})
		named := false
		for _, f := range report.Findings {
			if f.Code == inspect.CodeTrigger {
				named = len(f.Rows) >= planted
				t.Logf("seed %d, %d rows made %s: %s\n%q", seed, planted, target, f.Message, f.Shown)
			}
		}
		if !named {
			t.Errorf("seed %d: the trigger is not named", seed)
		}
	}
	if seeds() < 2 {
		return
	}
	for _, f := range check(t, all, inspect.Options{}).Findings {
		if f.Code == inspect.CodeTrigger {
			t.Logf("without one: %s\n%q", f.Message, f.Shown)
		}
	}
}
