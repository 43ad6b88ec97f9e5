package split_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

// table makes n rows of random sentences in so many reports, with labels of
// falling frequency.
func table(n, reports, labels int, multi bool) *dataset.Table {
	r := rand.New(rand.NewPCG(7, 7))
	t := &dataset.Table{Kind: dataset.KindSingle, Text: "text", Label: "label", Columns: []string{"text", "label", "report_id"}}
	if multi {
		t.Kind = dataset.KindMulti
	}
	for l := range labels {
		t.Labels = append(t.Labels, fmt.Sprintf("l%02d", l))
	}
	for i := range n {
		words := make([]string, 12)
		for j := range words {
			words[j] = fmt.Sprintf("word%d", r.IntN(5000))
		}
		row := dataset.Row{Number: i + 1, Text: strings.Join(words, " "), Fields: map[string]string{}}
		if reports > 0 {
			row.Fields["report_id"] = fmt.Sprint(r.IntN(reports))
		}
		for range 1 + r.IntN(3) {
			if l := t.Labels[min(int(r.ExpFloat64()*2), labels-1)]; multi || len(row.Labels) == 0 {
				row.Labels = append(row.Labels, l)
			}
		}
		slices.Sort(row.Labels)
		row.Labels = slices.Compact(row.Labels)
		t.Rows = append(t.Rows, row)
	}
	return t
}

func find(tb testing.TB, t *dataset.Table, o split.FindOptions) split.Grouping {
	tb.Helper()
	g, err := split.Find(context.Background(), t, o)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestMake(t *testing.T) {
	for _, multi := range []bool{false, true} {
		rows := table(2000, 300, 8, multi)
		g := find(t, rows, split.FindOptions{})
		if diff := cmp.Diff([]string{`the same report (column "report_id")`}, g.By); diff != "" {
			t.Fatalf("by (-want +got):\n%s", diff)
		}
		s, err := split.Make(rows, g, split.Options{Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		part := make([]string, len(rows.Rows))
		counts := map[string]map[string]int{}
		all := map[string]int{}
		for name, of := range map[string][]int{"train": s.Train, "validation": s.Validation, "test": s.Test} {
			counts[name] = map[string]int{}
			if !slices.IsSorted(of) {
				t.Errorf("the rows of %s are not in their order", name)
			}
			for _, i := range of {
				if part[i] != "" {
					t.Fatalf("row %d is in %s and in %s", i, part[i], name)
				}
				part[i] = name
				for _, l := range rows.Rows[i].Labels {
					counts[name][l]++
					all[l]++
				}
			}
		}
		byReport := map[string]string{}
		for i, p := range part {
			report := rows.Rows[i].Fields["report_id"]
			if p == "" || byReport[report] != "" && byReport[report] != p {
				t.Fatalf("row %d is in %q, its report in %q", i, p, byReport[report])
			}
			byReport[report] = p
		}
		for name, share := range map[string]float64{"train": 0.65, "validation": 0.15, "test": 0.2} {
			for _, l := range rows.Labels {
				// A group more or less, and its other rows.
				if want := share * float64(all[l]); float64(counts[name][l]) < 0.8*want-3 || float64(counts[name][l]) > 1.25*want+3 {
					t.Errorf("multi %v: %s has %d of %s, want about %.0f", multi, name, counts[name][l], l, want)
				}
			}
		}
	}
}

// TestOrder divides the same rows in another order, with a copy of each number.
func TestOrder(t *testing.T) {
	rows := table(400, 40, 5, true)
	texts := func(t *dataset.Table, of []int) []string {
		var out []string
		for _, i := range of {
			out = append(out, t.Rows[i].Text)
		}
		slices.Sort(out)
		return out
	}
	divide := func(seed uint64) (split.Split, []string) {
		t.Helper()
		s, err := split.Make(rows, find(t, rows, split.FindOptions{}), split.Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return s, texts(rows, s.Test)
	}
	_, want := divide(1)
	_, other := divide(2)
	if slices.Equal(want, other) {
		t.Error("another seed gives the same test part")
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(rows.Rows), func(i, j int) { rows.Rows[i], rows.Rows[j] = rows.Rows[j], rows.Rows[i] })
	if _, got := divide(1); !slices.Equal(want, got) {
		t.Error("another order of the rows gives another test part")
	}
}

func TestFolds(t *testing.T) {
	rows := table(600, 60, 5, false)
	g := find(t, rows, split.FindOptions{})
	of := make([]int, 0, 300)
	for i := 0; i < len(rows.Rows); i += 2 {
		of = append(of, i)
	}
	folds := split.Folds(rows, g, of, 5, 1)
	sizes, groups := map[int]int{}, map[int]int{}
	for n, f := range folds {
		sizes[f]++
		group := g.Of[of[n]]
		if before, ok := groups[group]; ok && before != f {
			t.Fatalf("group %d is in folds %d and %d", group, before, f)
		}
		groups[group] = f
	}
	for f := range 5 {
		if sizes[f] < 45 || sizes[f] > 75 {
			t.Errorf("fold %d has %d of 300 rows", f, sizes[f])
		}
	}
}

// TestGrouping says what belongs together, and what would be too much.
func TestGrouping(t *testing.T) {
	rows := table(60, 0, 2, false)
	for i := range rows.Rows {
		rows.Rows[i].Text += fmt.Sprintf(" CVE-2024-%d", 1000+i/3)
	}
	g := find(t, rows, split.FindOptions{})
	if g.N != 20 || !slices.Equal(g.By, []string{"the same CVE"}) {
		t.Errorf("%d groups by %q", g.N, g.By)
	}
	rows.Columns = append(rows.Columns, "Host Name")
	for i := range rows.Rows {
		rows.Rows[i].Fields["Host Name"] = "web"
		if i >= 30 {
			rows.Rows[i].Fields["Host Name"] = fmt.Sprint("db", i)
		}
	}
	g = find(t, rows, split.FindOptions{})
	if g.N != 20 || len(g.Unused) != 1 || !strings.Contains(g.Unused[0], "50 %") {
		t.Errorf("%d groups by %q, unused %q", g.N, g.By, g.Unused)
	}
	if g = find(t, rows, split.FindOptions{Keep: true}); g.N >= 20 {
		t.Errorf("%d groups by %q", g.N, g.By)
	}
	if g = find(t, rows, split.FindOptions{Column: "Host Name"}); g.N != 31 {
		t.Errorf("%d groups by %q", g.N, g.By)
	}
	if g = find(t, rows, split.FindOptions{Column: split.None}); g.N != 60 || len(g.By) > 0 {
		t.Errorf("%d groups by %q", g.N, g.By)
	}
	if _, err := split.Find(context.Background(), rows, split.FindOptions{Column: "absent"}); err == nil {
		t.Error("a column that is not there was used")
	}
}

// TestHomes keeps reports apart that only a sentence of all of them would chain.
func TestHomes(t *testing.T) {
	rows := table(400, 40, 3, false)
	for i := range rows.Rows {
		if i%9 == 0 {
			rows.Rows[i].Text = "the implant starts with the system"
		}
	}
	g := find(t, rows, split.FindOptions{})
	if g.N < 35 || g.N > 41 || !strings.Contains(strings.Join(g.By, ","), "goes with one of them") {
		t.Errorf("%d groups by %q, unused %q", g.N, g.By, g.Unused)
	}
	same := -1
	for i, r := range rows.Rows {
		if r.Text != "the implant starts with the system" {
			continue
		}
		if same >= 0 && g.Of[i] != same {
			t.Fatalf("the same text is in groups %d and %d", same, g.Of[i])
		}
		same = g.Of[i]
	}
}

// TestGiven keeps the parts that the data give.
func TestGiven(t *testing.T) {
	rows := table(200, 0, 2, false)
	for i := range rows.Rows {
		rows.Rows[i].Part = dataset.PartTrain
		if i%4 == 0 {
			rows.Rows[i].Part = dataset.PartTest
		}
	}
	s, err := split.Make(rows, find(t, rows, split.FindOptions{}), split.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Test) != 50 || s.Test[1] != 4 || len(s.Validation) < 20 || !strings.Contains(s.By, "test part is the one that the data give") {
		t.Errorf("%d to test on, %d to choose by: %s", len(s.Test), len(s.Validation), s.By)
	}
}

func TestTooFew(t *testing.T) {
	rows := table(2, 0, 2, false)
	if s, err := split.Make(rows, find(t, rows, split.FindOptions{}), split.Options{}); err == nil {
		t.Errorf("2 rows make %v", s)
	}
}
