package tune_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
)

// noise makes a table of texts and labels that have nothing to do with each other.
func noise(t testing.TB, seed uint64, rows int, kind dataset.Kind, label func(r *rand.Rand) string) *dataset.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"text", "label", "ticket"})
	for i := range rows {
		var words []string
		for range 14 {
			words = append(words, filler[r.IntN(len(filler))])
		}
		w.Write([]string{strings.Join(words, " "), label(r), fmt.Sprint("T-", i)})
	}
	w.Flush()
	table, err := dataset.Parse(context.Background(), "noise.csv", b.Bytes(), dataset.Options{Text: "text", Label: "label", Group: "ticket", Kind: kind, Separator: "|"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestNoiseOfSeveralLabels holds a head that knows nothing to the best answer that is
// the same for every row: by its thresholds alone it is better than the commonest.
func TestNoiseOfSeveralLabels(t *testing.T) {
	labels := func(r *rand.Rand) string {
		var out []string
		for _, l := range []string{"aa", "bb", "cc", "dd", "ee"} {
			if r.Float64() < 0.3 {
				out = append(out, l)
			}
		}
		return strings.Join(out, "|")
	}
	better := 0
	const tries = 4
	for seed := range uint64(tries) {
		if train(t, noise(t, seed, 200, dataset.KindMulti, labels), tune.Options{Allow: []string{"suspects"}}).Result.Verdict.Ready {
			better++
		}
	}
	if better > 0 {
		t.Errorf("%d of %d heads on noise are better than every baseline", better, tries)
	}
}

func TestCurveOfNoiseDoesNotRise(t *testing.T) {
	rises := 0
	const tries = 6
	for seed := range uint64(tries) {
		got := train(t, noise(t, seed, 120, dataset.KindSingle, func(r *rand.Rand) string { return []string{"yes", "no"}[r.IntN(2)] }), tune.Options{})
		c := got.Result.Curve
		if c.Gain.Low > c.Gain.Value || c.Gain.High < c.Gain.Value || len(c.Points) == 0 {
			t.Errorf("curve %+v", c)
		}
		if c.Helps {
			rises++
		}
	}
	if rises > 1 {
		t.Errorf("%d of %d curves of noise say that more rows would help", rises, tries)
	}
}

// TestSmallNumbers has numbers from 0 to 1, whose differences are not to be rounded
// to nothing.
func TestSmallNumbers(t *testing.T) {
	got := train(t, noise(t, 1, 150, dataset.KindRegression, func(r *rand.Rand) string { return fmt.Sprintf("%.4f", r.Float64()) }), tune.Options{})
	said := strings.Join(got.Result.Verdict.Reasons, "\n")
	compared := false
	for _, c := range got.Result.Comparisons {
		compared = compared || c.With == "median"
		if c.With == "median" && !strings.Contains(said, fmt.Sprintf("is off by %.3g ", math.Abs(c.Difference.Value))) {
			t.Errorf("the difference is %v, and it says %s", c.Difference.Value, said)
		}
	}
	if !compared {
		t.Errorf("it was not compared with the median: %+v", got.Result.Comparisons)
	}
	if got.Result.Verdict.Ready || strings.Contains(said, "0.0 ") {
		t.Errorf("ready %v: %s", got.Result.Verdict.Ready, said)
	}
}

// parted gives the rows of a table to parts, and lets so many of the test part's
// texts be learnt from.
func parted(t testing.TB, leaks int, to string) *dataset.Table {
	t.Helper()
	table := invent(t, 600, 0.1, dataset.KindSingle)
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"text", "label", "split"})
	for i, row := range table.Rows {
		part := []string{"train", "train", "train", "validation", "test"}[i%5]
		w.Write([]string{row.Text, row.Labels[0], part})
		if part == "test" && leaks > 0 {
			leaks--
			w.Write([]string{row.Text, row.Labels[0], to})
		}
	}
	w.Flush()
	out, err := dataset.Parse(context.Background(), "parted.csv", b.Bytes(), dataset.Options{Text: "text", Label: "label"})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKnownRowsAreSaid(t *testing.T) {
	for _, part := range []string{"train", "validation"} {
		table := parted(t, 90, part)
		if _, err := tune.Train(t.Context(), table, tune.Options{}, nil); err == nil {
			t.Errorf("90 rows of the test part are in %q, and nothing is refused", part)
		}
		got, err := tune.Train(t.Context(), table, tune.Options{Allow: []string{"leakage"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, d := got.Result.Verdict, got.Result.Division
		if v.Ready || d.Known < 90 || !strings.Contains(v.Headline, fmt.Sprintf("on 120 rows, of which it knew %d", d.Known)) || strings.Contains(v.Headline, "did not see") {
			t.Errorf("90 rows of the test part are in %q: known %d, verdict %+v", part, d.Known, v)
		}
		if part == "train" {
			continue // one is enough to divide anew
		}
		if anew, err := tune.Train(t.Context(), table, tune.Options{Anew: true}, nil); err != nil || anew.Result.Division.Known != 0 {
			t.Errorf("divided anew: %v", err)
		}
	}
}

func TestOneKnownRowIsNotLearntFrom(t *testing.T) {
	got, err := tune.Train(t.Context(), parted(t, 1, "train"), tune.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	res := got.Result
	if res.Division.Known != 0 || !strings.Contains(strings.Join(res.Division.Notes, " "), "left out") || !strings.Contains(res.Verdict.Headline, "did not see") {
		t.Errorf("division %+v, verdict %+v", res.Division, res.Verdict)
	}
	var seen *outcome.Seen
	for _, f := range got.Files() {
		if f.Name == outcome.SeenFile {
			if seen, err = outcome.ParseSeen(f.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if texts, groups := seen.Knew(res.Candidates[res.Chosen].Evaluation); len(texts)+len(groups) > 0 {
		t.Errorf("it knew %v and %v", texts, groups)
	}
}
